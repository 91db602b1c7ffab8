"""The server around the page: its health, the page it sends, and that what is typed reaches no log and no file."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from conftest import REPOSITORY
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from bilstm_classifier.app.settings import Settings

from .calling import Refused, call, function_number, join, post, read, send
from .conftest import serving

MATCH = "Сборная выиграла матч чемпионата в дополнительное время"
MARK = "Xyzzymark"
TYPED = f"Сборная {MARK} выиграла матч чемпионата"


# --- health and page ---


def test_health(served):
    assert httpx.head(f"{served}/healthz").is_success
    response = httpx.get(f"{served}/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "model": "bilstm-classifier", "revision": None}


def test_health_of_an_app_whose_model_could_not_be_had(service):
    settings = Settings(model_id="owner/news", model_revision="v1")
    for url in serving(replace(service, settings=settings, absent="the Hub cannot be reached")):
        assert httpx.get(f"{url}/healthz").json() == {
            "status": "ok",
            "model": "bilstm-classifier",
            "revision": "v1",
            "instead_of": "owner/news",
            "reason": "the Hub cannot be reached",
        }
        assert call(url, "about", [])["instead_of"] == "owner/news"


def test_the_page(served):
    response = httpx.get(served)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert int(response.headers["content-length"]) == len(response.content)
    head, _, _ = response.text.partition("</head>")
    first = re.search(r"<script[^>]*>(.*?)</script>", head, re.DOTALL)
    assert first, "no script in the head"
    assert "navigator" in first[1]
    assert "window.maxCharacters = 100000;" in first[1]
    assert '<meta property="og:title" content="News classifier · Классификатор новостей"' in head


def test_the_page_names_no_other_host(served):
    html = httpx.get(served).text
    for name in ("src", "href", "action"):
        for address in re.findall(rf'{name}="(?:https?:)?//([^/"]+)', html):
            assert address in served


def test_the_page_answers_head_and_other_paths(served):
    assert httpx.head(served).status_code == 200
    assert httpx.get(f"{served}/nothing").status_code == 404
    for path in ("/docs", "/redoc"):
        assert httpx.get(served + path).status_code == 404


# --- privacy ---


@contextmanager
def started(folder: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """The app as a Space runs it, with its own temporary folder, and its output in files of ``folder``."""
    code = """
import logging
from bilstm_classifier.app.server import serve
from bilstm_classifier.app.settings import Settings
logging.basicConfig(level=logging.INFO, format="%(message)s")
serve(Settings.from_environment())
"""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "temporary").mkdir()
    variables = {"TMPDIR": str(folder / "temporary"), "HOME": str(folder), "GRADIO_SERVER_PORT": str(port)}
    variables |= {"PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8"}
    with (folder / "output.txt").open("wb") as output, (folder / "errors.txt").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=folder,
            env=os.environ | variables,
            stdout=output,
            stderr=errors,
            stdin=subprocess.DEVNULL,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            assert process.poll() is None, (folder / "errors.txt").read_text(encoding="utf-8")
            try:
                httpx.get(f"{url}/healthz")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url, process
    finally:
        process.kill()
        process.wait()


def holding(folder: Path, mark: str) -> list[str]:
    """Files below ``folder`` with ``mark`` in their name or content."""
    return [
        str(path)
        for path in folder.rglob("*")
        if mark in path.name or (path.is_file() and mark.encode() in path.read_bytes())
    ]


def ask_well(url: str) -> None:
    call(url, "classify", [TYPED, "ru"])
    call(url, "classify", {"text": TYPED, "language": "en"})
    call(url, "classify_many", [[TYPED, f"{TYPED} \ud83d", ""], "ru"])
    call(url, "explain", [TYPED, "sports", "ru"])
    for function, data in {
        "show": [TYPED, "ru"],
        "weigh": [f"{TYPED} \udfff", "", "ru"],
    }.items():
        assert join(url, function_number(url, function), data, "visitor").is_success
        assert read(url, "visitor")[0]["success"]


def ask_badly(url: str) -> None:
    file = {"path": f"/tmp/{MARK}", "meta": {"_type": "gradio.FileData"}}
    for name, data in [
        ("classify", [TYPED]),
        ("classify", [TYPED, TYPED, TYPED]),
        ("classify", [[TYPED], {TYPED: TYPED}]),
        ("classify", [TYPED * 10_000, TYPED]),
        ("classify", {TYPED: TYPED}),
        ("classify", {"text": {TYPED: [TYPED]}, "language": TYPED}),
        ("classify_many", [TYPED, TYPED]),
        ("classify_many", [[[TYPED], {TYPED: TYPED}], [TYPED]]),
        ("classify_many", [[TYPED] * 2_000, "ru"]),
        ("explain", [TYPED]),
        ("explain", [TYPED * 10_000, None, "ru"]),
        ("explain", [TYPED, TYPED, TYPED]),
        ("explain", [TYPED, [TYPED], {TYPED: TYPED}]),
        ("explain", [file, None, "ru"]),
        ("classify_file", [TYPED, TYPED, TYPED, TYPED]),
        ("classify_file", [file, TYPED, TYPED, "ru"]),
        ("classify_file", {"file": {TYPED: TYPED}}),
        ("about", {TYPED: TYPED}),
        (MARK, [TYPED]),
    ]:
        with suppress(Refused, AttributeError, TypeError):  # some are answered with nothing
            call(url, name, data)
    for path in (
        "queue/join",
        "run/predict",
        "call/classify",
        "call/v2/classify",
        "cancel",
        "component_server",
    ):
        post(f"{url}/gradio_api/{path}", TYPED)
        post(f"{url}/gradio_api/{path}", {"data": TYPED, "fn_index": TYPED, "session_hash": [TYPED]})
        httpx.post(f"{url}/gradio_api/{path}", content=f'{{"data": ["{TYPED}'.encode())
    httpx.get(f"{url}/gradio_api/deep_link", params={"session_hash": "visitor"})
    functions = httpx.get(f"{url}/config").json()["dependencies"]
    for number, data in enumerate(
        ([TYPED], [], [TYPED] * 6, [{TYPED: TYPED}] * 6, [[TYPED]] * 6, [file] * 6)
    ):
        for function in functions:
            if not function["backend_fn"]:
                continue
            session = f"bad-{number}-{function['id']}"
            body = {"data": data, "fn_index": function["id"], "session_hash": session, "event_data": TYPED}
            post(f"{url}/gradio_api/run/predict", body)
            if post(f"{url}/gradio_api/queue/join", body).is_success:
                read(url, session)


async def ask_tools(url: str) -> None:
    async with (
        streamablehttp_client(f"{url}/gradio_api/mcp/") as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        for name, arguments in [
            ("classify", {"text": TYPED}),
            ("classify", {"text": [TYPED]}),
            ("classify", {TYPED: TYPED}),
            ("explain", {"text": TYPED, "label": TYPED, "language": TYPED}),
            ("classify_file", {"file": TYPED}),
        ]:
            await session.call_tool(name, arguments)


def leave_early(url: str) -> None:
    """Ask, and go before the answer comes."""
    for data in ([[TYPED] * 500, "ru"], [[TYPED], "ru"]):
        event = send(url, "classify_many", data).json()["event_id"]
        with httpx.stream("GET", f"{url}/gradio_api/call/classify_many/{event}"):
            pass


@pytest.mark.slow
def test_what_is_typed_reaches_no_log_and_no_file(tmp_path):
    with started(tmp_path) as (url, process):
        ask_well(url)
        ask_badly(url)
        asyncio.run(ask_tools(url))
        leave_early(url)
        assert call(url, "classify", [MATCH, "en"])["label"] == "sports"
        assert holding(tmp_path, MARK) == []
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert holding(tmp_path, MARK) == []
    errors = (tmp_path / "errors.txt").read_text(encoding="utf-8")
    assert "serving" in errors
    assert "Received inputs" not in errors


@pytest.mark.slow
def test_many_bad_requests_leave_the_app_as_it_was(served):
    """As a list of what may be sent has no end: anything of a few kinds, of any number, in any order."""
    values = [TYPED, "", 5, None, True, [], [TYPED], {}, {"a": 1}, -1e308, "\x00", "\ud800", "<b>", [[[]]]]
    for number in range(60):
        data = [values[(number * step + step) % len(values)] for step in range(number % 5)]
        for name in ("classify", "classify_many", "explain", "about", "classify_file"):
            with suppress(Refused):
                call(served, name, data)
    assert call(served, "classify", [MATCH, "en"])["label"] == "sports"
