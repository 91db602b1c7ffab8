"""Large files: where to put them, and putting them there, in one piece or in parts.

As on the Hub, the addresses to put contents to need no token: knowing one is the permission, and it serves one content.
"""

import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from .messages import Answer, HubError, Request
from .store import Objects, Repository


@dataclass
class _Upload:
    """A content to come; ``parts`` are the SHA-256 of what has come, by number."""

    sha256: str
    size: int
    parts: dict[int, str] = field(default_factory=dict)


class Uploads:
    """Contents on their way into ``objects``; more than ``chunk_size`` bytes come in parts of that many."""

    def __init__(self, objects: Objects, chunk_size: int | None):
        self.objects = objects
        self.chunk_size = chunk_size
        self._expected: dict[str, _Upload] = {}
        self._lock = threading.Lock()

    def batch(self, request: Request, repository: Repository) -> Answer:
        """Say where to put each object; nothing for one that is here already."""
        wanted = request.json()
        if wanted.get("operation") != "upload":
            raise HubError(400, "only the LFS operation upload is known here")
        objects = []
        for one in wanted["objects"]:
            shown = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.objects:
                upload = self._place_for(request.site, _Upload(one["oid"], one["size"]))
                verify = {"href": f"{request.site}/{repository.page}.git/info/lfs/verify"}
                shown["actions"] = {"upload": upload, "verify": verify}
            objects.append(shown)
        return Answer({"transfer": "multipart" if self.chunk_size else "basic", "objects": objects})

    def _place_for(self, site: str, upload: _Upload) -> dict[str, Any]:
        ticket = secrets.token_hex(16)
        with self._lock:
            self._expected[ticket] = upload
        href = f"{site}/lfs-upload/{ticket}"
        if self.chunk_size is None or upload.size <= self.chunk_size:
            return {"href": href}
        count = -(-upload.size // self.chunk_size)
        parts = {f"{number:05}": f"{href}/{number}" for number in range(1, count + 1)}
        return {"href": href, "header": {"chunk_size": str(self.chunk_size), **parts}}

    def receive(self, request: Request) -> Answer:
        """Take a content, or a part of one, at the address that ``batch`` gave."""
        ticket, *number = request.parts[1:]
        with self._lock:
            upload = self._expected.get(ticket)
        if upload is None:
            raise HubError(403, "Request has expired")
        if request.method == "POST":
            return self._complete(upload, request.json())
        if not number:
            sha256 = self.objects.write(request.body, upload.sha256, upload.size)
        else:
            sha256 = self.objects.write(request.body)
            with self._lock:
                upload.parts[int(number[0])] = sha256
        return Answer(b"", {"ETag": f'"{sha256}"'})

    def _complete(self, upload: _Upload, claimed: dict[str, Any]) -> Answer:
        """Put the parts together, if they are those that the client believes it sent."""
        with self._lock:
            kept = [upload.parts[number] for number in sorted(upload.parts)]
        if [part["etag"].strip('"') for part in claimed["parts"]] != kept:
            raise HubError(400, "the parts are not those that were put here")
        pieces = (self.objects.path(sha256).read_bytes() for sha256 in kept)
        self.objects.write(pieces, upload.sha256, upload.size)
        return Answer({"success": True})

    def verify(self, request: Request) -> Answer:
        """Confirm that a content is here, whole."""
        claimed = request.json()
        path = self.objects.path(claimed["oid"])
        if not path.is_file() or path.stat().st_size != claimed["size"]:
            raise HubError(400, f"the object {claimed['oid']} is not here, or has another size")
        return Answer({"message": "ok"})
