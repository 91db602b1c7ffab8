"""The web server: the page, ``/healthz`` beside it, and an end that lets running requests finish."""

import logging
import os
import tempfile
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from .settings import Settings

if TYPE_CHECKING:
    from .service import Service

logger = logging.getLogger(__name__)

SECONDS_TO_FINISH = 10


def serve(settings: Settings) -> None:
    """Load the model and serve the app until the process is told to stop.

    Raises:
        ValueError: the model is damaged or not one of this package.
        OSError: the address is taken, or there is no room for temporary files.
    """
    import uvicorn

    with tempfile.TemporaryDirectory(prefix="bilstm-classifier-") as folder:
        # Gradio reads it when it is imported; nothing of a visitor's outlives the process.
        os.environ["GRADIO_TEMP_DIR"] = folder
        from .service import Service

        logging.getLogger("bilstm_classifier.predictor").setLevel(
            logging.ERROR
        )  # visitors are told on the page
        app = create_app(Service.load(settings))
        config = uvicorn.Config(
            app,
            host=settings.gradio_server_name,
            port=settings.gradio_server_port,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=SECONDS_TO_FINISH,
        )
        logger.info("serving on http://%s:%d", settings.gradio_server_name, settings.gradio_server_port)
        uvicorn.Server(config).run()


def create_app(service: "Service") -> FastAPI:
    """The web app around a model: ``/`` is the page, ``/healthz`` says whether it is well and which model answers."""
    import gradio as gr

    from .looks import CalmTheme
    from .messages import TEXTS
    from .page import build_page, read

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        state = {"status": "ok", "model": service.name, "revision": service.settings.model_revision or None}
        return state | (
            {"instead_of": service.settings.model_id, "reason": service.absent} if service.absent else {}
        )

    script = f"<script>{read('page.js')}</script>".encode()

    @app.middleware("http")
    async def with_script(request: Request, call_next: Callable[[Request], Awaitable[Any]]) -> Response:
        # Gradio adds scripts when its own has run, which is too late to choose its language.
        answer = await call_next(request)
        if request.url.path != "/" or answer.status_code != 200:
            return answer
        page = b"".join([part async for part in answer.body_iterator])
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return Response(page.replace(b"<head>", b"<head>" + script, 1), headers=headers)

    return gr.mount_gradio_app(
        app,
        build_page(service),
        path="/",
        max_file_size=f"{service.settings.max_file_mb}mb",
        ssr_mode=False,
        mcp_server=True,
        run_history=False,  # the page keeps one of its own
        pwa=False,
        footer_links=[],
        show_error=False,
        i18n=TEXTS,
        theme=CalmTheme(),
        css=read("page.css"),
    )
