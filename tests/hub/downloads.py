"""``/<repository>/resolve/<revision>/<path>``: a file, whole or in part, and what identifies it."""

import re
from urllib.parse import quote

from .messages import Answer, HubError, Request
from .store import Blob, Repository


def resolve(request: Request, repository: Repository, revision: str, path: str) -> Answer:
    """A file at a revision; ``Range`` asks for a part of it."""
    sha = repository.resolve(revision)
    blob = repository.commits[sha].files.get(path)
    if blob is None:
        # the commit too: the client remembers that the file is not in it
        raise HubError(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": sha})
    headers = {"X-Repo-Commit": sha, "ETag": f'"{blob.etag}"', "Accept-Ranges": "bytes"}
    headers["Content-Type"] = "application/octet-stream"
    headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(path.rsplit('/', 1)[-1])}"
    if blob.lfs:
        headers |= {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(blob.size)}
    content = repository.store.objects.path(blob.sha256)
    if request.range is None:
        return Answer(content, headers)
    start, end = _span(request.range, blob)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{blob.size}"
    return Answer(content, headers, 206, (start, end))


def _span(asked: str, blob: Blob) -> tuple[int, int]:
    """The first byte that is asked for, and the one after the last."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.strip())
    first, last = found.groups() if found else ("", "")
    if first:
        start, end = int(first), min(int(last) + 1, blob.size) if last else blob.size
    else:
        start, end = max(blob.size - int(last or 0), 0), blob.size
    if start >= end:
        raise HubError(416, f"{asked} is not in the file", headers={"Content-Range": f"bytes */{blob.size}"})
    return start, end
