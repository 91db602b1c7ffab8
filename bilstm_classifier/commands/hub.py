"""The commands that go to the Hub: push, pull, convert."""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

from ..hub.transport import HubOptions, download
from ..model_folder import looks_like_path

logger = logging.getLogger(__name__)

CHECKPOINT = "model.pth"  # what the original's repositories call it
CHECKPOINT_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt")


def add_hub_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add push, pull and convert to a parser; ``command`` takes a name, what runs it, and its help."""
    push = command("push", _push, "Publish a model on the Hub: one commit, no pickles.")
    push.add_argument("path", type=Path, metavar="PATH", help="folder of a model saved by this package")
    push.add_argument("repo", metavar="REPO", help="owner/name")
    push.add_argument("--private", action="store_true", default=None, help="if the repository is made")
    push.add_argument("--revision", help="branch to commit to, made if need be (default: main)")
    push.add_argument("--create-pr", action="store_true", help="open a pull request in place of committing")
    push.add_argument(
        "--include-embedder",
        action="store_true",
        help="upload a frozen embedder too that the model only names the repository of",
    )
    push.add_argument("--message", default="Upload the model", help="of the commit")
    push.add_argument("--token", help="access token (default: that of `hf auth login` or HF_TOKEN)")

    pull = command("pull", _pull, "Download a model with all that it needs to work offline.")
    pull.add_argument("repo", metavar="REPO", help="owner/name")
    pull.add_argument("--local-dir", type=Path, help="copy it there too (default: the cache alone)")
    pull.add_argument(
        "--include-embedder",
        action="store_true",
        help="put an embedder that the model only names into that folder too, to carry it elsewhere",
    )
    add_hub_options(pull)

    convert = command(
        "convert",
        _convert,
        "Make a model of this package from an old checkpoint, executing nothing of it.",
    )
    convert.add_argument("checkpoint", metavar="CHECKPOINT", help="model.pth, or a Hub id that holds one")
    convert.add_argument("output", type=Path, metavar="OUT", help="folder, new or empty")
    convert.add_argument(
        "--tokenizer", help="of a news model: folder or Hub id (default: that of multilingual BERT)"
    )
    convert.add_argument("--labels", nargs="+", help="names of the labels in the order of their ids")
    convert.add_argument("--embedder", help="of a news model: folder or Hub id whose config its encoder has")
    convert.add_argument("--max-length", type=int, help="tokens read of a text")
    add_hub_options(convert)


def add_hub_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to reach the Hub."""
    parser.add_argument("--revision", help="branch, tag or commit on the Hub")
    parser.add_argument("--token", help="access token (default: that of `hf auth login` or HF_TOKEN)")
    parser.add_argument("--cache-dir", type=Path, help="where downloads are kept (default: in HF_HOME)")
    parser.add_argument(
        "--local-files-only",
        action="store_true",
        help="take what was downloaded before, and make no connection",
    )


def hub_options(options: argparse.Namespace) -> HubOptions:
    """Those of a command line that say how to reach the Hub."""
    return {
        "revision": options.revision,
        "token": options.token,
        "cache_dir": options.cache_dir,
        "local_files_only": options.local_files_only,
    }


def _push(options: argparse.Namespace, rest: list[str]) -> None:
    """``bilstm-classifier push``: the commit's address on stdout."""
    from ..hub.publishing import push_model

    quiet_libraries()
    pushed = push_model(
        options.path,
        options.repo,
        private=options.private,
        revision=options.revision,
        create_pr=options.create_pr,
        token=options.token,
        include_embedder=options.include_embedder,
        message=options.message,
    )
    if not pushed.changed:
        logger.info("%s has all of it already: there was nothing to commit", options.repo)
    print(pushed.url)


def _pull(options: argparse.Namespace, rest: list[str]) -> None:
    """``bilstm-classifier pull``: the model's folder on stdout."""
    from ..hub.publishing import pull_model

    quiet_libraries()
    folder = pull_model(
        options.repo,
        local_dir=options.local_dir,
        include_embedder=options.include_embedder,
        **hub_options(options),
    )
    logger.info(
        'it works offline on this machine: bilstm-classifier predict --model %s "..."',
        options.local_dir or options.repo,
    )
    print(folder)


def _convert(options: argparse.Namespace, rest: list[str]) -> None:
    """``bilstm-classifier convert``: the new model's folder on stdout."""
    from ..legacy.convert import convert_checkpoint

    quiet_libraries()
    checkpoint = Path(options.checkpoint).expanduser()
    if not looks_like_path(options.checkpoint) and checkpoint.suffix not in CHECKPOINT_SUFFIXES:
        checkpoint = download(options.checkpoint, [CHECKPOINT], **hub_options(options)) / CHECKPOINT
        if not checkpoint.is_file():
            raise FileNotFoundError(
                f"{options.checkpoint} holds no {CHECKPOINT}: give a file, or another repository"
            )
    elif options.revision is not None:
        raise ValueError(f"--revision {options.revision}: {options.checkpoint} is a file, and not on the Hub")
    folder = convert_checkpoint(
        checkpoint,
        options.output,
        tokenizer=options.tokenizer,
        labels=options.labels,
        embedder=options.embedder,
        max_length=options.max_length,
        token=options.token,
        cache_dir=options.cache_dir,
        local_files_only=options.local_files_only,
    )
    logger.info(
        'nothing of the file was executed; try it: bilstm-classifier predict --model %s "..."', folder
    )
    print(folder)


def quiet_libraries() -> None:
    """Leave the talking to us; what they warn of comes without the place in their code."""
    import warnings

    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging as transformers_logging

    hub_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    warnings.showwarning = lambda message, *_, **__: logger.warning("%s", " ".join(str(message).split()))
