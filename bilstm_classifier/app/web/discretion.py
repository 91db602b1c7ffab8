"""What is kept and written of visitors: as little of it, and for as short a time, as Gradio can do with."""

import asyncio
import contextlib
import logging
import re
import sys
import time
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI
from gradio import Blocks
from gradio.state_holder import SessionState, StateHolder
from gradio.utils import LRUCache, get_upload_folder
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)

SESSIONS = 1_000  # pages and programs whose state is kept; one that was forgotten starts anew
STREAM = re.compile(r"/gradio_api/(?:queue/data|call/(?:v2/)?[^/]+/(?P<call>[^/]+))")


class Session(SessionState):
    """The state of a visitor's page without the values in it.

    Gradio keeps these, all that was typed among them, for links to a state of the page, which the guard closes.
    """

    def __init__(self, blocks: Blocks):
        # Without blocks to describe, which takes milliseconds and 100 kB for each request of a program.
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))  # type: ignore[arg-type]

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass


class Sessions(StateHolder):
    """The sessions of ``page``."""

    def __init__(self, page: Blocks):
        super().__init__()
        self.set_blocks(page)
        self.capacity = SESSIONS

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = Session(self.blocks)
        return super().__getitem__(session_id)

    def forget(self, session_id: str) -> None:
        """Drop a session that has ended."""
        self.session_data.pop(session_id, None)
        self.time_last_used.pop(session_id, None)


class Forgetful:
    """Drops, as ASGI middleware, what is kept of requests whose answers were read.

    Gradio keeps an entry of each session for ever, and a program's request is a session of its own.
    """

    def __init__(self, app: ASGIApp, page: Blocks, sessions: Sessions):
        self.app = app
        self.queue = page._queue
        self.sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        stream = STREAM.fullmatch(scope["path"]) if scope["type"] == "http" else None
        try:
            await self.app(scope, receive, send)
        finally:
            if stream and scope["method"] == "GET":
                self._forget(stream["call"], Request(scope).query_params.get("session_hash", ""))

    def _forget(self, call: str | None, page: str) -> None:
        if call:
            self.sessions.forget(call)
        elif self.queue.pending_event_ids_session.get(page):  # its next request is on the way
            return
        self.queue.pending_event_ids_session.pop(call or page, None)
        self.queue.pending_messages_per_session.pop(call or page, None)


def keep_little(app: FastAPI, page: Blocks) -> None:
    """Have ``app``, in which ``page`` is mounted, keep of visitors what it needs."""
    # Else it draws up a table of the last 10,000 requests after each of them.
    page._queue.ANALYTICS_MAX_EVENTS = 1
    page._queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize  # the spelling is Gradio's
    # Answers that nobody fetches make room in the end.
    page._queue.pending_messages_per_session = LRUCache(SESSIONS)
    page._queue.pending_event_ids_session = LRUCache(SESSIONS)
    sessions = Sessions(page)
    (mounted,) = (route.app for route in app.routes if isinstance(route, Mount))
    mounted.state_holder = sessions  # type: ignore[attr-defined]
    app.add_middleware(Forgetful, page=page, sessions=sessions)


@contextlib.asynccontextmanager
async def without_broken_uploads(app: FastAPI, minutes: int) -> AsyncIterator[None]:
    """A lifespan in which what is left of uploads that were broken off is removed after so many minutes.

    Gradio does not know of them: a file is theirs when it has arrived whole.
    """
    task = asyncio.create_task(_remove_again_and_again(Path(get_upload_folder()), minutes * 60))
    try:
        yield
    finally:
        task.cancel()


async def _remove_again_and_again(folder: Path, seconds: int) -> None:
    while True:
        for left in folder.glob("tmp*"):
            with contextlib.suppress(OSError):  # it was just moved to its place
                if left.is_file() and time.time() - left.stat().st_mtime > seconds:
                    left.unlink()
        await asyncio.sleep(min(60, seconds))


def report_without_texts() -> None:
    """Have errors reported by their kind and place from now on: messages of libraries may hold what was typed."""
    make = logging.getLogRecordFactory()

    def record_of(*args: Any, **details: Any) -> logging.LogRecord:
        record = make(*args, **details)
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            record.msg, record.args, record.exc_text = type(error).__name__, (), _places(error)
        return record

    logging.setLogRecordFactory(record_of)
    logging.raiseExceptions = False  # a handler that fails would print the error and all that led to it
    traceback.print_exc = lambda *args, **options: logger.exception("")  # as Gradio does


def _places(error: BaseException) -> str:
    places = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    return f"its message is left out, for it may hold what was typed; most recent call last:\n{places}"
