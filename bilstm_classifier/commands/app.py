"""The commands around the app: serve, push-space."""

import argparse
import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from .hub import quiet_libraries

logger = logging.getLogger(__name__)


def add_app_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add serve and push-space to a parser; ``command`` takes a name, what runs it, and its help."""
    serve = command(
        "serve",
        _serve,
        "Serve the app in a browser, until Ctrl-C. What is left out here, environment variables may say.",
    )
    serve.add_argument("--model", help="folder or Hub id (default: MODEL_ID, or the model in the package)")
    serve.add_argument("--revision", help="branch, tag or commit on the Hub (default: MODEL_REVISION)")
    serve.add_argument(
        "--compare-with",
        nargs="+",
        metavar="MODEL",
        help="folders or Hub ids that visitors may compare with (default: COMPARE_MODELS)",
    )
    serve.add_argument("--host", help="address to listen on (default: GRADIO_SERVER_NAME, or 127.0.0.1)")
    serve.add_argument("--port", type=_port, help="0 takes a free one (default: GRADIO_SERVER_PORT, or 7860)")

    push = command(
        "push-space", _push_space, "Publish the app as a Space on the Hub: one commit, with this package."
    )
    push.add_argument("repo", metavar="REPO", help="owner/name")
    push.add_argument("--model", help="owner/name of the model it serves (default: the one in the package)")
    push.add_argument("--model-revision", help="branch, tag or commit of that model")
    push.add_argument("--private", action="store_true", default=None, help="if the Space is made")
    push.add_argument("--token", help="access token (default: that of `hf auth login` or HF_TOKEN)")
    push.add_argument("--message", default="Upload the app", help="of the commit")


def _port(value: str) -> int:
    if not value.isdecimal() or int(value) > 65535:
        raise argparse.ArgumentTypeError(f"{value!r} is not a whole number from 0 to 65535")
    return int(value)


def _serve(options: argparse.Namespace, rest: list[str]) -> None:
    """``bilstm-classifier serve``: until the process is told to stop."""
    from ..app.settings import Settings

    _require_extra()
    given: dict[str, Any] = {
        "model_id": options.model,
        "model_revision": options.revision,
        "compare_models": None if options.compare_with is None else tuple(options.compare_with),
        "gradio_server_name": options.host,
        "gradio_server_port": options.port,
    }
    if options.model is not None and options.revision is None:
        given["model_revision"] = ""  # the environment's is that of another model
    settings = Settings.from_environment(**given)

    from ..app.server import serve

    quiet_libraries()
    serve(settings)


def _push_space(options: argparse.Namespace, rest: list[str]) -> None:
    """``bilstm-classifier push-space``: the Space's address on stdout."""
    from huggingface_hub import constants

    from ..app.space import push_space

    _require_extra()
    quiet_libraries()
    pushed = push_space(
        options.repo,
        model=options.model,
        model_revision=options.model_revision,
        private=options.private,
        token=options.token,
        message=options.message,
    )
    if pushed.changed:
        logger.info("committed: %s", pushed.url)
    else:
        logger.info("%s has all of it already: there was nothing to commit", options.repo)
    print(f"{constants.ENDPOINT}/spaces/{options.repo}")


def _require_extra() -> None:
    for name in ("gradio", "mcp"):
        if find_spec(name) is None:
            raise ImportError(
                f"No module named {name!r}: the app needs more packages, pip install 'bilstm-classifier[app]'"
            )
