"""Requests, looked at before Gradio sees them: a wrong one gets a clear answer, and is nobody else's trouble."""

import json
import re
from collections.abc import Mapping
from typing import Any

from gradio import Blocks
from gradio.block_function import BlockFunction
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Longer than any list of texts that is worth one request, and read in a moment; a file has a limit of its own.
MAX_REQUEST_MB = 16
LONGEST_SESSION = 100
CALL = re.compile(
    r"/gradio_api/(?:(?P<page>queue/join)|(?:run|api)/(?P<direct>[^/]+)|call/(?P<named>v2/)?(?P<name>[^/]+))/?"
)
# What Gradio offers whoever asks, and this page does without: links to its state, which write to the disk what was
# typed, and the making of films.
CLOSED = re.compile(r"/gradio_api/(?:deep_link|process_recording)/?")
FOREIGN = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
LONE_SURROGATES = re.compile("[\ud800-\udfff]")


class BadRequest(ValueError):
    """A request that is answered with this message and ``status``."""

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.status = status


class Guard:
    """Stands before a page as ASGI middleware.

    Gradio answers requests together that wait at the same time, so an error in one of them would be everybody's; and
    what it cannot read it prints, with what was typed.
    """

    def __init__(self, app: ASGIApp, page: Blocks):
        self.app = app
        self.page = page
        # Each public function's parameters, and which of them may be left out.
        self.parameters = {
            name.removeprefix("/"): {
                parameter["parameter_name"]: parameter["parameter_has_default"]
                for parameter in endpoint["parameters"]
            }
            for name, endpoint in page.get_api_info()["named_endpoints"].items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self._tell_mcp(scope)
        try:
            if CLOSED.fullmatch(scope["path"]):
                raise BadRequest("Not Found", 404)
            if scope["method"] == "POST" and (call := CALL.fullmatch(scope["path"])):
                sent = self._checked(call, await _body(receive))
                scope, receive = _with_body(scope, receive, sent)
        except BadRequest as error:
            await JSONResponse({"detail": str(error)}, error.status)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _tell_mcp(self, scope: Scope) -> None:
        """Where MCP's tools find the functions; else the first who asks says so, with a Host of his choice."""
        if (mcp := self.page.mcp_server_obj) and not mcp.local_url and (server := scope.get("server")):
            host, port = server
            mcp._local_url = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def _checked(self, call: re.Match[str], sent: bytes) -> bytes:
        """``sent`` if it can be answered.

        Raises:
            BadRequest: it cannot.
        """
        try:
            body = json.loads(sent)
            # Lone surrogates have no UTF-8 form, in which the answer would have to be sent.
            mended = LONE_SURROGATES.sub("\ufffd", json.dumps(body, ensure_ascii=False))
        except (ValueError, RecursionError):
            raise BadRequest("the request is not JSON, or is nested too deeply") from None
        if not isinstance(body, dict):
            raise BadRequest(f"the request is a {type(body).__name__}: a JSON object was expected")
        function = self._function(call, body)
        data = self._named(call["name"], body) if call["named"] else body.get("data")
        if not isinstance(data, list):
            raise BadRequest(f"data is a {type(data).__name__}: a list of values was expected")
        if not call["named"]:
            self._require_enough(function, data)
        session = body.get("session_hash")
        if isinstance(session, str) and len(session) > LONGEST_SESSION:
            raise BadRequest(f"session_hash has more than {LONGEST_SESSION} characters")
        takes_files = any("FileData" in str(block.api_info()) for block in function.inputs)  # type: ignore[union-attr]
        _require_no_foreign_file(data, takes_files)
        if function.batch:
            _require_harmless(function, data)
        return mended.encode()

    def _function(self, call: re.Match[str], body: Mapping[str, Any]) -> BlockFunction:
        functions = self.page.fns
        if name := call["name"]:
            if name not in self.parameters:
                raise BadRequest(
                    f"there is no endpoint {name!r}: there are {', '.join(self.parameters)}", 404
                )
            return next(function for function in functions.values() if function.api_name == name)
        number = body.get("fn_index")
        if number is None and call["direct"] in self.parameters:
            return next(function for function in functions.values() if function.api_name == call["direct"])
        if isinstance(number, bool) or not isinstance(number, int) or number not in functions:
            raise BadRequest(
                "fn_index is not the number of a function of this page: load the page again", 404
            )
        return functions[number]

    def _named(self, name: str, body: Mapping[str, Any]) -> list[Any]:
        parameters = self.parameters[name]
        if unknown := [given for given in body if given not in parameters]:
            known = ", ".join(parameters) or "none"
            raise BadRequest(f"there is no parameter {unknown[0][:80]!r}: there are {known}")
        if missing := [
            wanted for wanted, optional in parameters.items() if not optional and wanted not in body
        ]:
            raise BadRequest(f"the parameter {missing[0]!r} is missing")
        return [body.get(name) for name in parameters]  # in the order of the function's inputs

    def _require_enough(self, function: BlockFunction, data: list[Any]) -> None:
        wanted = len(function.inputs)
        if len(data) >= wanted or function.cancels:
            return
        names = ", ".join(self.parameters.get(str(function.api_name), ()))
        raise BadRequest(
            f"data has {len(data)} values: {wanted} were expected{f' ({names})' if names else ''}"
        )


def _require_no_foreign_file(data: list[Any], takes_files: bool) -> None:
    """Refuse a file within ``data`` that was not uploaded here: Gradio would fetch it, whatever its size.

    Raises:
        BadRequest: there is one, or any where none is taken.
    """
    waiting: list[Any] = list(data)
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if {"path", "meta"} <= value.keys() and not takes_files:
                raise BadRequest("a value is a file: a text was expected")
            path = value.get("path")
            if takes_files and isinstance(path, str) and FOREIGN.match(path):
                raise BadRequest("a file has the address of another host: upload it first")
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _require_harmless(function: BlockFunction, data: list[Any]) -> None:
    """Refuse what would make the others' requests of a batch fail.

    Raises:
        BadRequest: it would.
    """
    for block, value in zip(function.inputs, data, strict=False):
        takes_names = "object" in str(block.api_info())  # type: ignore[union-attr]
        if isinstance(value, dict) and takes_names:
            if any(isinstance(inner, dict | list) for inner in value.values()):
                raise BadRequest("a value is nested: names with texts or numbers were expected")
        elif isinstance(value, dict | list):  # which Gradio goes into, however deep it is
            raise BadRequest(f"a value is a {type(value).__name__}: a text was expected")
        try:
            if function.preprocess:
                block.preprocess(value)  # type: ignore[union-attr]
        except Exception:
            raise BadRequest("a value is none of the choices") from None


async def _body(receive: Receive) -> bytes:
    """What was sent.

    Raises:
        BadRequest: it is too long, or was broken off.
    """
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BadRequest("the request was broken off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_REQUEST_MB * 1_000_000:
            raise BadRequest(
                f"the request has more than {MAX_REQUEST_MB} MB: send it in parts, or a file", 413
            )
        if not message.get("more_body"):
            return b"".join(parts)


def _with_body(scope: Scope, receive: Receive, body: bytes) -> tuple[Scope, Receive]:
    """The request with ``body`` in place of what was read from it."""
    kept = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"transfer-encoding")]
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return {**scope, "headers": [*kept, (b"content-length", str(len(body)).encode())]}, again
