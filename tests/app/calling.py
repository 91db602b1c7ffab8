"""Calls of a served app by raw HTTP: as programs make them, and as the page does."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

SECONDS = 60


class Refused(Exception):
    """What the app said in place of an answer."""


def send(url: str, name: str, data: Sequence[Any] | Mapping[str, Any]) -> httpx.Response:
    """Ask the endpoint ``name``: values in their order, or parameters by name."""
    if isinstance(data, Mapping):
        return post(f"{url}/gradio_api/call/v2/{name}", data)
    return post(f"{url}/gradio_api/call/{name}", {"data": data})


def post(address: str, body: object) -> httpx.Response:
    """Send JSON; in ASCII, for httpx refuses to send lone surrogates."""
    headers = {"content-type": "application/json"}
    return httpx.post(address, content=json.dumps(body).encode(), headers=headers, timeout=SECONDS)


def hear(url: str, name: str, sent: httpx.Response) -> Any:
    """The answer to what was sent."""
    if not sent.is_success:
        raise Refused(sent.json()["detail"])
    events: list[tuple[str, str]] = []
    with httpx.stream(
        "GET", f"{url}/gradio_api/call/{name}/{sent.json()['event_id']}", timeout=SECONDS
    ) as stream:
        for line in stream.iter_lines():
            kind, _, value = line.partition(": ")
            if kind == "event":
                events.append((value, ""))
            elif kind == "data":
                events[-1] = events[-1][0], value
    event, value = events[-1]
    if event == "error":
        raise Refused(json.loads(value)["error"])
    (answer,) = json.loads(value)
    return answer


def call(url: str, name: str, data: Sequence[Any] | Mapping[str, Any]) -> Any:
    """What the endpoint ``name`` answers."""
    return hear(url, name, send(url, name, data))


def function_number(url: str, name: str) -> int:
    """The number by which the page calls a function of its own."""
    functions = httpx.get(f"{url}/config").json()["dependencies"]
    return next(function["id"] for function in functions if function["api_name"] == name)


def join(url: str, function: int, data: Sequence[Any], session: str) -> httpx.Response:
    """Ask as the page of ``session`` does."""
    body = {"data": data, "fn_index": function, "session_hash": session}
    return post(f"{url}/gradio_api/queue/join", body)


def read(url: str, session: str) -> list[dict[str, Any]]:
    """What the page of ``session`` is told, until nothing is awaited any more: each answer's message."""
    messages = []
    with httpx.stream(
        "GET", f"{url}/gradio_api/queue/data", params={"session_hash": session}, timeout=SECONDS
    ) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                messages.append(json.loads(line.removeprefix("data: ")))
    return [message for message in messages if message["msg"] == "process_completed"]
