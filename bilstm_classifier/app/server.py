"""The web server: the page, ``/healthz`` beside it, and an end that lets running requests finish."""

import contextlib
import json
import logging
import os
import signal
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .settings import Settings

if TYPE_CHECKING:
    from .service import Service

# Nothing from another host, whatever a model's card or a text holds; Gradio makes functions of strings.
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"


def serve(settings: Settings) -> None:
    """Load the model and serve the app until the process is told to stop, by Ctrl-C or SIGTERM.

    It is the last thing that a process does: soon after that it ends, even where a request is still at work.

    Raises:
        ValueError: the model is damaged or not one of this package, or there is no such port.
        OSError: the address is taken, or there is no room for temporary files.
    """
    from .web.running import Server, listening

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # while the model is loaded too
    with (
        contextlib.suppress(KeyboardInterrupt),
        listening(settings.gradio_server_name, settings.gradio_server_port) as address,
        tempfile.TemporaryDirectory(prefix="bilstm-classifier-") as folder,
    ):
        # Gradio reads it when it is imported; nothing of a visitor's outlives the process.
        os.environ["GRADIO_TEMP_DIR"] = folder
        from .service import Service
        from .web.discretion import report_without_texts

        report_without_texts()
        logging.getLogger("bilstm_classifier.predictor").setLevel(
            logging.ERROR
        )  # visitors are told on the page
        logging.getLogger("mcp").setLevel(logging.WARNING)
        service = Service.load(settings)
        Server(create_app(service), service.name, folder).run(sockets=[address])


def create_app(service: "Service") -> FastAPI:
    """The web app around a model: ``/`` is the page, ``/healthz`` says whether it is well and which model answers."""
    import gradio as gr

    from .looks import CalmTheme
    from .messages import LANGUAGES, TEXTS, say
    from .page import build_page
    from .static import read
    from .tabs.answers import LABELS_SHOWN
    from .tabs.history import history_texts
    from .web.discretion import keep_little, without_broken_uploads
    from .web.guard import Guard
    from .web.tools import answer_in_json

    keep = partial(without_broken_uploads, minutes=service.settings.keep_minutes)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=keep)

    @app.api_route("/healthz", methods=["GET", "HEAD"])
    def healthz() -> dict[str, Any]:
        revision = service.settings.model_revision or None
        return {"status": "ok", "model": service.name, "revision": revision, **service.substitution}

    scripts = "\n".join([history_texts(), *map(read, ("page.js", "answer.js", "history.js", "programs.js"))])
    loses = json.dumps(
        {language: say("language_loses", language) for language in LANGUAGES}, ensure_ascii=False
    )
    given = f"window.maxCharacters = {service.settings.max_characters}; window.languageLoses = {loses};"
    script = f"<script>{given}\n{scripts}</script>".encode()

    page = build_page(service)
    app.add_middleware(WithScript, script=script)
    app.add_middleware(Guard, page=page)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        max_file_size=f"{service.settings.max_file_mb}mb",
        ssr_mode=False,
        mcp_server=True,
        enable_monitoring=False,
        run_history=False,  # the page keeps one of its own
        pwa=False,
        footer_links=[],
        show_error=False,
        i18n=TEXTS,
        theme=CalmTheme(),
        css=f":root {{ --bars: {min(len(service.labels), LABELS_SHOWN)}; }}\n{read('page.css')}\n{read('tabs.css')}",
    )
    keep_little(app, page)
    answer_in_json(page)
    return app


class WithScript:
    """Puts a script before all others of the page, and a policy of what it may load.

    Gradio adds scripts when its own has run, which is too late to choose its language.
    """

    def __init__(self, app: ASGIApp, script: bytes):
        self.app = app
        self.script = script

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; all but the page's own go straight through, event streams among them."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: Message = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                page = b"".join(parts).replace(b"<head>", b"<head>" + self.script, 1)
                headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
                headers.append((b"content-length", str(len(page)).encode()))
                headers.append((b"content-security-policy", POLICY.encode()))
                await send({**start, "headers": headers})
                await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, collect)
