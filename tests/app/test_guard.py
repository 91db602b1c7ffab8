"""Requests that Gradio would stumble over: refused with a clear answer, before it sees them."""

import json
import socket
from pathlib import Path

import httpx
import pytest
from gradio.utils import get_upload_folder

from bilstm_classifier.app.web import guard

from .calling import Refused, call, function_number, hear, join, post, read, send

MATCH = "Сборная выиграла матч чемпионата в дополнительное время"
CALL = "/gradio_api/call/classify"
JOIN = "/gradio_api/queue/join"


@pytest.fixture(autouse=True)
def _lives_on(served):
    yield
    assert call(served, "classify", [MATCH, "en"])["label"] == "sports"


def refusal(url: str, path: str, body: object, status: int = 400) -> str:
    """What is said to a request that is refused."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = httpx.post(url + path, content=content, headers={"content-type": "application/json"})
    assert response.status_code == status
    return response.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [b"", b"text", b'{"data": [', b"\xff\xfe", b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"],
    ids=["nothing", "no JSON", "half of it", "no text", "deep"],
)
@pytest.mark.parametrize("path", [CALL, "/gradio_api/call/v2/classify", JOIN])
def test_what_is_no_json(served, path, body):
    assert "not JSON" in refusal(served, path, body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([MATCH], "the request is a list: a JSON object was expected"),
        ({}, "data is a NoneType: a list of values was expected"),
        ({"data": MATCH}, "data is a str: a list of values was expected"),
        ({"data": {"text": MATCH}}, "data is a dict: a list of values was expected"),
        (
            {"data": [MATCH, "en"], "session_hash": "a" * 101},
            "session_hash has more than 100 characters",
        ),
    ],
)
def test_what_has_another_form(served, body, message):
    assert refusal(served, CALL, body) == message


@pytest.mark.parametrize("number", [None, -1, 10_000, "show", True, 1.5, [3]])
def test_a_function_that_is_not_there(served, number):
    body = {"data": [MATCH, "en"], "session_hash": "a", "fn_index": number}
    for path in (JOIN, "/gradio_api/run/predict"):
        assert "load the page again" in refusal(served, path, body, 404)


def test_deep_values_reach_the_function_alone(served):
    deep = json.loads("[" * 300 + "]" * 300)
    with pytest.raises(Refused, match="a value is a list"):
        call(served, "classify", [deep, "en"])
    with pytest.raises(Refused, match=r"A text was expected\."):
        call(served, "explain", [deep, None, "en"])


def test_a_request_that_is_too_long(served, monkeypatch):
    monkeypatch.setattr(guard, "MAX_REQUEST_MB", 1)
    message = "the request has more than 1 MB: send it in parts, or a file"
    assert refusal(served, CALL, {"data": ["a" * 1_000_000, "en"]}, 413) == message


def test_a_request_that_is_broken_off(served):
    address = httpx.URL(served)
    with socket.create_connection((address.host, address.port)) as connection:
        head = f"POST {CALL} HTTP/1.1\r\nHost: {address.host}\r\nContent-Type: application/json\r\n"
        connection.sendall(f'{head}Content-Length: 1000\r\n\r\n{{"data": ["'.encode())


@pytest.mark.parametrize("text", ["Матч \ud83d", "\udfff\ud83d матч", "матч 🏆"])
def test_lone_surrogates_do_not_break_the_stream_of_a_page(served, text):
    weigh = function_number(served, "weigh")
    assert join(served, weigh, [text, "", "ru"], "surrogates").is_success
    (answer,) = read(served, "surrogates")
    assert answer["success"]
    shown = text.replace("\ud83d", "\ufffd").replace("\udfff", "\ufffd")
    (html,) = answer["output"]["data"]
    assert all(letter in html for letter in shown)


# --- files ---


def test_no_file_is_fetched_in_place_of_a_text(served):
    cached = set(Path(get_upload_folder()).rglob("*"))
    for path in ("/etc/hostname", "../../../etc/hostname"):
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        for data in ([file, None, "en"], [[file], None, "en"], [{"a": [{"b": file}]}, None, "en"]):
            with pytest.raises(Refused, match="a value is a file: a text was expected"):
                call(served, "explain", data)
    assert set(Path(get_upload_folder()).rglob("*")) == cached


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/", "HTTPS://example.org/big.csv", "ftp://example.org/"]
)
def test_no_file_is_fetched_from_elsewhere(served, address):
    file = {"path": address, "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(Refused, match="address of another host"):
        call(served, "classify_file", [file, "", "", "en"])


def test_no_file_of_the_server_is_read(served):
    file = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    sent = send(served, "classify_file", [file, "", "", "en"])
    with pytest.raises(Refused):
        hear(served, "classify_file", sent)
    for path in (
        "/etc/hostname",
        "../etc/hostname",
        "README.md",
        f"{get_upload_folder()}/../../etc/hostname",
    ):
        assert httpx.get(f"{served}/gradio_api/file={path}").status_code in (403, 404)


# --- what the page does without ---


def test_links_to_the_state_of_a_page_are_closed(served):
    show = function_number(served, "show")
    assert join(served, show, [MATCH, "en"], "visitor").is_success
    for path in ("/gradio_api/deep_link", "/gradio_api/deep_link/"):
        assert httpx.get(served + path, params={"session_hash": "visitor"}).status_code == 404
    assert not list(Path(get_upload_folder()).rglob("deep_links"))


@pytest.mark.parametrize("path", ["process_recording", "vibe-edit", "vibe-code", "vibe-starter-queries"])
def test_what_gradio_offers_its_makers_is_closed(served, path):
    assert post(f"{served}/gradio_api/{path}", {"prompt": "a", "code": "a"}).status_code in (403, 404)


@pytest.mark.parametrize("path", ["", "/summary", "/key"])
def test_figures_of_use_are_closed(served, path):
    assert httpx.get(f"{served}/monitoring{path}").status_code == 403
