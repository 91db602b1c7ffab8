"""A small Hugging Face Hub on 127.0.0.1: what `huggingface_hub` asks for when it pushes, lists and downloads.

Repositories live in memory, every commit whole. Uploads are sent inside the commit (``uploadMode`` "regular"), so
neither LFS nor Xet takes part. Writing needs the token; so does reading a private repository.
"""

import base64
import hashlib
import json
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_loopback"
OWNER = "owner"
Files = dict[str, bytes]


class HubError(Exception):
    """An answer other than 200, as the Hub gives it."""

    def __init__(self, status: int, code: str = "", headers: dict[str, str] | None = None, **answer: str):
        super().__init__(code)
        self.status = status
        self.headers = {**({"X-Error-Code": code} if code else {}), **(headers or {})}
        self.answer = {"error": code or "refused", **answer}


@dataclass
class Repository:
    """Commits by their 40 digits, and the commit that each branch stands at."""

    kind: str  # "models" or "datasets"
    name: str
    private: bool = False
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Files, branch: str = "main") -> str:
        digest = hashlib.sha1(f"{self.kind} {self.name} {len(self.commits)}".encode())
        for path, content in sorted(files.items()):
            digest.update(path.encode() + blob_id(content).encode())
        sha = digest.hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        return sha

    def resolve(self, revision: str) -> str:
        sha = self.branches.get(revision, revision)
        if sha not in self.commits:
            raise HubError(404, "RevisionNotFound")
        return sha


class LoopbackHub:
    """The server, as a context manager.

    Attributes:
        url: What ``HF_ENDPOINT`` should hold.
        requests: ``(method, path)`` of every request so far.
    """

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.requests: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "LoopbackHub":
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Leave the port: connections are refused from here on."""
        self._server.shutdown()
        self._server.server_close()

    def create(self, name: str, kind: str = "models", private: bool = False) -> Repository:
        repository = Repository(kind, name, private)
        repository.commit({".gitattributes": b""})
        self.repositories[kind, name] = repository
        return repository

    def add(self, name: str, files: Files | Path, kind: str = "models", **settings: Any) -> str:
        """Put ``files``, or those of a folder, into a new repository; the commit's 40 digits."""
        if isinstance(files, Path):
            files = {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()}
        return self.create(name, kind, **settings).commit(dict(files))

    def files(self, name: str, kind: str = "models") -> Files:
        """What the main branch of a repository holds."""
        repository = self.repositories[kind, name]
        return repository.commits[repository.branches["main"]]


def client(hub_url: str, home: Path, **environment: str) -> ProcessPoolExecutor:
    """One fresh Python whose Hub is ``hub_url`` and whose cache is ``home``; it runs what is submitted to it.

    A process of its own, since huggingface_hub reads its environment when it is imported.
    """
    settings = {"HF_ENDPOINT": hub_url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", **environment}
    return ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=_set_environment, initargs=(settings,)
    )


def _set_environment(settings: dict[str, str]) -> None:
    os.environ.update(settings)


def probabilities(source: str, texts: list[str], revision: str | None = None) -> list[list[float]]:
    """For a client: what the model ``source`` says of ``texts``."""
    from bilstm_classifier import Predictor

    return Predictor.from_pretrained(source, revision=revision).predict_proba(texts).tolist()


def split_texts(source: str, revision: str | None = None) -> dict[str, list[str]]:
    """For a client: the texts of each split of the data set ``source``."""
    from bilstm_classifier import load_dataset_dict

    return {name: split["text"][:] for name, split in load_dataset_dict(source, revision=revision).items()}


def blob_id(content: bytes) -> str:
    """Git's name for a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _handler_for(hub: LoopbackHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            path = unquote(url.path).strip("/")
            hub.requests.append((self.command, path))
            authorized = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            try:
                answer, headers = _answer(hub, self.command, path, parse_qs(url.query), body, authorized)
                status = 200
            except HubError as error:
                answer, headers, status = error.answer, error.headers, error.status
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: ``hub.requests`` keeps what was asked."""

    return Handler


def _answer(
    hub: LoopbackHub, method: str, path: str, query: dict[str, list[str]], body: bytes, authorized: bool
) -> tuple[Any, dict[str, str]]:
    """The answer's content (bytes, or what becomes JSON) and headers."""
    parts = path.split("/")
    if parts[0] != "api":
        kind, parts = (parts[0], parts[1:]) if parts[0] == "datasets" else ("models", parts)
        repository = _find(hub, kind, "/".join(parts[:2]), authorized)
        return _file(repository, parts[2:])
    if method == "POST" and not authorized:
        raise HubError(401)
    if path == "api/whoami-v2":
        if not authorized:
            raise HubError(401)
        return {"name": OWNER, "type": "user", "orgs": [], "auth": {}}, {}
    if path == "api/validate-yaml":
        return {"errors": [], "warnings": []}, {}
    if path == "api/repos/create":
        return _create(hub, json.loads(body)), {}
    if parts[1] not in ("models", "datasets"):
        raise HubError(404)
    repository = _find(hub, parts[1], "/".join(parts[2:4]), authorized)
    action, *rest = parts[4:] or ["revision"]
    revision = rest[0] if rest else "main"
    sha = repository.resolve(revision)
    files = repository.commits[sha]
    if action == "revision":
        return _info(repository, sha), {}
    if action == "tree":
        return _tree(files, "/".join(rest[1:]), "recursive" in query), {}
    if action == "paths-info":
        return _paths_info(files, body), {}
    if action == "preupload":
        return {"files": [_upload_mode(files, item["path"]) for item in json.loads(body)["files"]]}, {}
    if action == "commit":
        sha = repository.commit(_changed(files, body), revision)
        return {
            "commitOid": sha,
            "commitUrl": f"{hub.url}/{repository.name}/commit/{sha}",
            "success": True,
        }, {}
    raise HubError(404)


def _find(hub: LoopbackHub, kind: str, name: str, authorized: bool) -> Repository:
    repository = hub.repositories.get((kind, name))
    if repository is None or (repository.private and not authorized):
        # what is private looks like what is not there
        raise HubError(404 if authorized else 401, "RepoNotFound")
    return repository


def _file(repository: Repository, parts: list[str]) -> tuple[bytes, dict[str, str]]:
    if len(parts) < 3 or parts[0] != "resolve":
        raise HubError(404)
    sha = repository.resolve(parts[1])
    content = repository.commits[sha].get("/".join(parts[2:]))
    headers = {"X-Repo-Commit": sha}
    if content is None:
        raise HubError(404, "EntryNotFound", headers)
    return content, {**headers, "ETag": f'"{blob_id(content)}"', "Content-Type": "application/octet-stream"}


def _create(hub: LoopbackHub, wanted: dict[str, Any]) -> dict[str, str]:
    name = f"{wanted.get('organization') or OWNER}/{wanted['name']}"
    kind = f"{wanted.get('type') or 'model'}s"
    url = f"{hub.url}/{'' if kind == 'models' else kind + '/'}{name}"
    if (kind, name) in hub.repositories:
        raise HubError(409, url=url)
    private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
    hub.create(name, kind, private)
    return {"url": url}


def _info(repository: Repository, sha: str) -> dict[str, Any]:
    siblings = [{"rfilename": path} for path in repository.commits[sha]]
    return {
        "_id": "1",
        "id": repository.name,
        "sha": sha,
        "private": repository.private,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": siblings,
    }


def _tree(files: Files, folder: str, recursive: bool) -> list[dict[str, Any]]:
    prefix = f"{folder}/" if folder else ""
    inside = [path for path in files if path.startswith(prefix)]
    if folder and not inside:
        raise HubError(404, "EntryNotFound")
    folders = {path[: path.index("/", len(prefix))] for path in inside if "/" in path[len(prefix) :]}
    shown = inside if recursive else [path for path in inside if "/" not in path[len(prefix) :]]
    return [_entry(files, path) for path in [*sorted(folders), *shown]]


def _paths_info(files: Files, body: bytes) -> list[dict[str, Any]]:
    paths = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode())["paths"]
    known = {*files, *(str(parent) for path in files for parent in Path(path).parents)}
    return [_entry(files, path) for path in ([paths] if isinstance(paths, str) else paths) if path in known]


def _entry(files: Files, path: str) -> dict[str, Any]:
    if path not in files:
        return {"type": "directory", "path": path, "oid": "0" * 40}
    return {"type": "file", "path": path, "size": len(files[path]), "oid": blob_id(files[path])}


def _upload_mode(files: Files, path: str) -> dict[str, Any]:
    mode = {"path": path, "uploadMode": "regular", "shouldIgnore": False}
    return {**mode, "oid": blob_id(files[path])} if path in files else mode


def _changed(files: Files, body: bytes) -> Files:
    """``files`` after the operations of a commit, one JSON object a line."""
    files = dict(files)
    for line in body.splitlines():
        operation = json.loads(line)
        value = operation["value"]
        if operation["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif operation["key"] == "deletedFile":
            del files[value["path"]]
        elif operation["key"] == "deletedFolder":
            files = {path: kept for path, kept in files.items() if not path.startswith(value["path"])}
    return files
