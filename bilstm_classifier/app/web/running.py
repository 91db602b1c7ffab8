"""How the web server begins and ends: an address that is taken is told, running requests finish, open pages do not."""

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI

logger = logging.getLogger(__name__)

SECONDS_TO_FINISH = 10
SECONDS_TO_END = SECONDS_TO_FINISH + 2


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket at an address; uvicorn itself would end the process where it is taken.

    Raises:
        OSError: the address is taken, or is none of this machine's.
        ValueError: there is no such port.
    """
    if port > 65535:
        raise ValueError(f"there is no port {port}: expected a number up to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, kind, protocol)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
    except OSError as error:
        raise OSError(
            f"cannot listen on {host}, port {port} ({error}): choose another port (--port, or GRADIO_SERVER_PORT in "
            "the environment) or address (--host, GRADIO_SERVER_NAME), or end what listens there"
        ) from error
    with taken:
        yield taken


class Server(uvicorn.Server):
    """Told to stop, it takes no new requests, lets running ones finish, and then ends the streams of open pages.

    Gradio and MCP keep a stream open for as long as a page or a client is; neither may hold the process.

    Args:
        app: The web app.
        name: What the model is called.
        folder: Temporary files, removed even where a request will not end.
    """

    def __init__(self, app: FastAPI, name: str, folder: str) -> None:
        from sse_starlette.sse import AppStatus

        self.app, self.name, self.folder, self.at_work = app, name, folder, 0
        config = uvicorn.Config(
            self._counted,
            interface="asgi3",
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=SECONDS_TO_FINISH,
            timeout_keep_alive=30,  # longer than clients keep idle connections, or one may use what was just closed
        )
        logging.getLogger("uvicorn.error").addFilter(_is_no_farewell)
        # MCP's streams would end at the signal, and with them the calls that they carry
        AppStatus.disable_automatic_graceful_drain()
        super().__init__(config)

    async def _counted(self, scope: Any, receive: Any, send: Any) -> None:
        counts = scope["type"] == "http" and not _only_listens(scope["method"], scope["path"])
        self.at_work += counts
        try:
            await self.app(scope, receive, send)
        finally:
            self.at_work -= counts

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn to begin."""
        await super().startup(sockets)
        for taken in sockets or []:
            host, port = taken.getsockname()[:2]
            logger.info("serving %s on http://%s:%d", self.name, f"[{host}]" if ":" in host else host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn when the process is told to stop."""
        logger.info("stopping: running requests have %d s to finish", SECONDS_TO_FINISH)
        last = threading.Timer(SECONDS_TO_END, self._leave)  # a thread that computes cannot be stopped
        last.daemon = True
        last.start()
        ending = asyncio.create_task(self._end_streams())
        await super().shutdown(sockets)
        if not ending.done():
            logger.warning("requests that were not done after %d s are broken off", SECONDS_TO_FINISH)
            ending.cancel()

    async def _end_streams(self) -> None:
        import gradio as gr
        from sse_starlette.sse import AppStatus

        while self.at_work:
            await asyncio.sleep(0.1)
        AppStatus.should_exit = True
        for route in self.app.routes:
            if isinstance(mounted := getattr(route, "app", None), gr.routes.App):
                mounted.stop_event.set()

    def _leave(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        logging.shutdown()
        os._exit(0)


def _only_listens(method: str, path: str) -> bool:
    return "/heartbeat/" in path or (method == "GET" and path.rstrip("/").endswith(("/mcp", "/mcp/sse")))


def _is_no_farewell(record: logging.LogRecord) -> bool:
    """Not uvicorn's own words on requests that it broke off, which are tracebacks of its code."""
    broken_off = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not broken_off and "graceful shutdown exceeded" not in str(record.msg)
