"""What the server keeps of visitors once they were answered: nothing that grows."""

import asyncio
import io
import logging
import os
import time
import traceback
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from gradio import Blocks
from starlette.routing import Mount

from bilstm_classifier.app.server import create_app
from bilstm_classifier.app.web import discretion
from bilstm_classifier.app.web.discretion import SESSIONS, report_without_texts, without_broken_uploads

from . import conftest
from .calling import Refused, call, function_number, hear, join, read, send

MATCH = "Сборная выиграла матч чемпионата в дополнительное время"
MARK = "Xyzzymark"


@pytest.fixture(scope="module")
def kept(service) -> Iterator[tuple[str, Blocks]]:
    """An app of its own, and its page."""
    app: FastAPI = create_app(service)
    (page,) = (route.app.get_blocks() for route in app.routes if isinstance(route, Mount))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conftest, "create_app", lambda _: app)
        for url in conftest.serving(service):
            yield url, page


def sizes(page: Blocks) -> dict[str, int]:
    """How much is kept of requests."""
    queue, sessions = page._queue, page.state_holder
    return {
        "sessions": len(sessions.session_data),
        "times": len(sessions.time_last_used),
        "messages": len(queue.pending_messages_per_session),
        "awaited": len(queue.pending_event_ids_session),
        "events": len(queue.event_ids_to_events),
        "waiting": len(queue),
    }


def settle(page: Blocks, expected: dict[str, int]) -> None:
    """Return when no more is kept than is ``expected``: a client has its answer a moment before the server is done."""
    until = time.monotonic() + 20
    while sizes(page) != expected:
        assert time.monotonic() < until, f"{sizes(page)} are kept, expected were {expected}"
        time.sleep(0.02)


def test_nothing_grows_with_the_requests_of_programs(kept):
    url, page = kept
    before = sizes(page)
    for _ in range(20):
        call(url, "classify", [MATCH, "en"])
        with pytest.raises(Refused):
            call(url, "explain", ["", None, "en"])
    settle(page, before)
    assert len(page._queue.event_analytics) <= 1


def test_of_a_page_its_state_is_kept_alone(kept):
    url, page = kept
    show = function_number(url, "show")
    before = sizes(page)
    for _ in range(5):
        for session in ("one", "other"):
            assert join(url, show, [MATCH, "en"], session).is_success
            assert len(read(url, session)) == 1
    settle(page, before | {"sessions": before["sessions"] + 2, "times": before["times"] + 2})


def test_a_page_may_ask_again_before_it_was_answered(kept):
    url, page = kept
    show = function_number(url, "show")
    for text in ("Сборная", "Сборная выиграла", MATCH):
        assert join(url, show, [text, "en"], "hasty").is_success
    assert len(read(url, "hasty")) == 3
    settle(page, {**sizes(page), "messages": 0, "awaited": 0, "events": 0, "waiting": 0})


def test_answers_that_nobody_fetches_make_room(kept):
    url, page = kept
    sent = send(url, "about", [])
    queue: Any = page._queue
    assert sent.json()["event_id"] in queue.pending_messages_per_session
    for number in range(SESSIONS):
        queue.pending_messages_per_session[f"page {number}"] = None
        queue.pending_event_ids_session[f"page {number}"] = set()
    assert sent.json()["event_id"] not in queue.pending_messages_per_session
    queue.pending_messages_per_session.clear()
    queue.pending_event_ids_session.clear()
    with pytest.raises((Refused, IndexError, httpx.HTTPError)):
        hear(url, "about", sent)
    assert call(url, "classify", [MATCH, "en"])["label"] == "sports"


def test_sessions_that_were_not_used_for_long_are_dropped(kept, monkeypatch):
    url, page = kept
    show = function_number(url, "show")
    monkeypatch.setattr(page.state_holder, "capacity", 3)
    for number in range(6):
        assert join(url, show, [MATCH, "en"], f"visitor {number}").is_success
        assert len(read(url, f"visitor {number}")) == 1
    assert "visitor 5" in page.state_holder
    assert "visitor 0" not in page.state_holder
    assert join(url, show, [MATCH, "en"], "visitor 0").is_success
    assert len(read(url, "visitor 0")) == 1


# --- errors ---


@pytest.fixture
def _discreet(monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(traceback, "print_exc", traceback.print_exc)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    make = logging.getLogRecordFactory()
    report_without_texts()
    yield
    logging.setLogRecordFactory(make)


def fail(typed: str) -> None:
    try:
        {}[typed]
    except KeyError as error:
        raise ValueError(f"{typed} cannot be read") from error


@pytest.mark.usefixtures("_discreet")
def test_errors_are_reported_by_kind_and_place(caplog, capsys):
    for report in (lambda: logging.getLogger("uvicorn.error").exception("in %s", MARK), traceback.print_exc):
        try:
            fail(MARK)
        except ValueError:
            report()
    assert MARK not in caplog.text + capsys.readouterr().err
    assert caplog.text.count(" ValueError\nits message is left out") == 2
    assert caplog.text.count("in fail") == 2
    logging.getLogger("app").warning("%d rows", 5)
    assert "5 rows" in caplog.text


@pytest.mark.usefixtures("_discreet")
def test_a_log_that_cannot_be_written_tells_nothing(capsys):
    closed = io.StringIO()
    closed.close()
    handler = logging.StreamHandler(closed)
    log = logging.getLogger("uvicorn.error")
    log.addHandler(handler)
    try:
        fail(MARK)
    except ValueError:
        log.exception("in %s", MARK)
    finally:
        log.removeHandler(handler)
    assert MARK not in capsys.readouterr().err


def test_uploads_that_were_broken_off_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(discretion, "get_upload_folder", lambda: str(tmp_path))
    old, new, other = (tmp_path / name for name in ("tmpold", "tmpnew", "kept"))
    for path in (old, new, other):
        path.write_text("x", encoding="utf-8")
    for path in (old, other):
        os.utime(path, (0, 0))

    async def serve() -> None:
        async with without_broken_uploads(FastAPI(), minutes=1):
            while old.exists():
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(serve(), 20))
    assert (new.exists(), other.exists()) == (True, True)
