"""The Hub as an HTTP server on 127.0.0.1."""

import shutil
import socket
import sys
import tempfile
import threading
import traceback
import weakref
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .accounts import ACCOUNTS, OWNER, READ_TOKEN, STRANGER_TOKEN, TOKEN
from .faults import Fault
from .lfs import Uploads
from .messages import Answer, HubError, Request, body_of
from .routes import answer
from .store import Files, Repository, Store, blob_id

__all__ = ["OWNER", "READ_TOKEN", "STRANGER_TOKEN", "TOKEN", "Fault", "LoopbackHub", "Repository", "blob_id"]


class LoopbackHub:
    """The server, as a context manager.

    Args:
        folder: What it keeps, and finds again when it is started anew; by default a temporary folder, gone with it.
        port: 0 takes a free one.
        lfs_over: Larger files than this many bytes are uploaded through LFS.
        chunk_size: Larger LFS files than this many bytes are uploaded in parts of that many; None for no parts.

    Attributes:
        url: What ``HF_ENDPOINT`` should hold.
        requests: ``(method, path)`` of every request so far, from before it is answered.
        repositories: By kind ("models", "datasets", "spaces") and name.
        faults: What it does wrong; the first that matches a request strikes.
    """

    def __init__(
        self,
        folder: Path | None = None,
        port: int = 0,
        lfs_over: int = 100_000,
        chunk_size: int | None = None,
    ) -> None:
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="loopback-hub-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.store = Store(Path(folder), lfs_over)
        self.uploads = Uploads(self.store.objects, chunk_size)
        self.repositories = self.store.repositories
        self.requests: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self._server = _Server(("127.0.0.1", port), _handler_for(self))
        self._thread: threading.Thread | None = None
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def lfs_over(self) -> int:
        """Larger files than this many bytes are uploaded through LFS; it can be changed."""
        return self.store.lfs_over

    @lfs_over.setter
    def lfs_over(self, size: int) -> None:
        self.store.lfs_over = size

    def __enter__(self) -> "LoopbackHub":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Answer, in threads of its own."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Return when it has stopped."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """Leave the port: connections are refused from here on, and those that are open end."""
        if self._thread is not None:
            self._server.shutdown()
        self._server.server_close()
        self._server.end_connections()

    def create(self, name: str, kind: str = "models", private: bool = False) -> Repository:
        """A new repository, with the Hub's own first commit."""
        return self.store.create(name, kind, private)

    def add(self, name: str, files: Files | Path, kind: str = "models", **settings: Any) -> str:
        """Put ``files``, or those of a folder, into a new repository; the commit's 40 digits."""
        if isinstance(files, Path):
            paths = [path for path in files.rglob("*") if path.is_file()]
            files = {path.relative_to(files).as_posix(): path.read_bytes() for path in paths}
        return self.create(name, kind, **settings).commit(dict(files))

    def files(self, name: str, kind: str = "models", revision: str = "main") -> Files:
        """What a repository holds at a revision."""
        repository = self.repositories[kind, name]
        blobs = repository.commits[repository.resolve(revision)].files
        return {path: self.store.objects.path(blob.sha256).read_bytes() for path, blob in blobs.items()}


class _Server(ThreadingHTTPServer):
    """Knows its open connections: clients keep them, and would be answered on them after ``stop``."""

    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        for connection in list(self._open):
            _end(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # the client may have been first
        connection.shutdown(socket.SHUT_RDWR)


def _handler_for(hub: LoopbackHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else headers wait for the client to acknowledge the answer before

        def _serve(self) -> None:
            url = urlsplit(self.path)
            path = unquote(url.path).strip("/")
            hub.requests.append((self.command, path))
            fault = next((fault for fault in list(hub.faults) if fault.strikes(self.command, path)), None)
            body = body_of(self.rfile, self.headers)
            if fault and fault.kind == "drop":
                left = fault.after
                while left > 0 and (piece := next(body, b"")):
                    left -= len(piece)
                self._drop()
                return
            if fault and fault.kind == "status":
                refusal = HubError(fault.status, "refused on purpose", headers=fault.headers)
                result = refusal.answer
            else:
                parts = [unquote(part) for part in url.path.strip("/").split("/")]
                result = self._answer(parts, parse_qs(url.query), body)
            for _ in body:  # what nobody read would be taken for the next request
                pass
            if fault and fault.kind == "lost answer":
                self._drop()
            else:
                self._send(result, fault)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

        def _answer(self, parts: list[str], query: dict[str, list[str]], body: Any) -> Answer:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            account = ACCOUNTS.get(token)
            request = Request(hub.url, self.command, parts, query, body, account, self.headers.get("Range"))
            try:
                if token and account is None:
                    raise HubError(401, "Invalid credentials in Authorization header")
                return answer(hub.store, hub.uploads, request)
            except HubError as error:
                return error.answer
            except ConnectionError:
                raise
            except Exception as error:
                traceback.print_exc()
                return HubError(500, f"the loopback Hub failed: {error!r}").answer

        def _send(self, result: Answer, fault: Fault | None) -> None:
            length, pieces = result.pieces()
            self.send_response(result.status)
            for name, value in result.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command == "HEAD":
                return
            for piece in fault.harm(pieces) if fault else pieces:
                self.wfile.write(piece)
                length -= len(piece)
            if length:
                self._drop()

        def _drop(self) -> None:
            self.close_connection = True
            _end(self.connection)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: ``hub.requests`` keeps what was asked."""

    return Handler
