"""What comes in and what goes out: a request's body, an answer, and an answer that refuses."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO

from .accounts import Account

PIECE = 2**16


@dataclass
class Answer:
    """An answer; ``content`` is bytes, a file to be sent, or what becomes JSON.

    ``span`` is the part of a file that is sent, from the first byte up to and without the last; all of it by default.
    """

    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    span: tuple[int, int] | None = None

    def pieces(self) -> tuple[int, Iterator[bytes]]:
        """How many bytes are to be sent, and those bytes."""
        if isinstance(self.content, Path):
            start, end = self.span or (0, self.content.stat().st_size)
            return end - start, _read(self.content, start, end)
        content = self.content
        if not isinstance(content, bytes):
            content = json.dumps({} if content is None else content, default=str).encode()
            self.headers.setdefault("Content-Type", "application/json; charset=utf-8")
        return len(content), iter([content])


class HubError(Exception):
    """An answer that refuses, in the form that the Hub gives it."""

    def __init__(
        self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None, **more: Any
    ):
        super().__init__(message)
        shown = message.encode("ascii", "replace").decode().replace("\n", " ")
        names = {"X-Error-Message": shown, **({"X-Error-Code": code} if code else {}), **(headers or {})}
        self.answer = Answer({"error": message, **more}, names, status)


@dataclass
class Request:
    """A request; ``site`` is the Hub's address, ``parts`` are the decoded parts of the path between slashes."""

    site: str
    method: str
    parts: list[str]
    query: dict[str, list[str]]
    body: Iterator[bytes]
    account: Account | None
    range: str | None = None

    def content(self) -> bytes:
        """The whole body, or what is left of it."""
        return b"".join(self.body)

    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        try:
            value = json.loads(self.content() or b"{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise HubError(400, "the body is not a JSON object")
        return value

    def flag(self, name: str) -> bool:
        """A parameter that is true or false; the client sends "false" too."""
        return self.query.get(name, [""])[-1].lower() in ("1", "true")


def body_of(stream: BinaryIO, headers: Message) -> Iterator[bytes]:
    """A request's body in pieces, of known length or chunked.

    Raises:
        ConnectionError: The client left before its end.
    """
    if "chunked" in headers.get("Transfer-Encoding", ""):
        while length := _chunk_length(stream):
            yield from _exactly(stream, length)
            stream.readline()
        while stream.readline().strip():  # trailers
            pass
    else:
        yield from _exactly(stream, int(headers.get("Content-Length") or 0))


def _chunk_length(stream: BinaryIO) -> int:
    line = stream.readline()
    if not line:
        raise ConnectionAbortedError("the client left in the middle of the body")
    return int(line.partition(b";")[0], 16)


def _exactly(stream: BinaryIO, length: int) -> Iterator[bytes]:
    while length:
        piece = stream.read(min(length, PIECE))
        if not piece:
            raise ConnectionAbortedError("the client left in the middle of the body")
        length -= len(piece)
        yield piece


def _read(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end:
            piece = file.read(min(end - start, PIECE))
            start += len(piece)
            yield piece
