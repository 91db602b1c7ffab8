"""``POST .../commit/<revision>``: one JSON object a line, a header and then what changes."""

import base64
import json
from typing import Any

from .cards import check_card
from .messages import Answer, HubError, Request
from .store import Blob, PullRequest, Repository, now


def commit(request: Request, repository: Repository, revision: str) -> Answer:
    """Make a commit on a branch or a pull request, or open a pull request with it (``create_pr=1``).

    Raises:
        HubError: 412 if the branch is not at ``parentCommit`` any more; 404 for a revision that is not there and a
            deleted file that is not there; 400 for a large file that was not uploaded, an impossible path and a card
            that the Hub does not take.
    """
    header, changes = _read(request.content())
    message = header.get("summary") or "Update"
    details = (message, header.get("description") or "", request.account.name)
    parent, create_pr = header.get("parentCommit"), request.flag("create_pr")
    added = {
        path: _added(repository, key, value) for key, path, value in changes if key in ("file", "lfsFile")
    }
    with repository.store.lock:
        head = repository.resolve(revision)
        if parent and create_pr:
            head = repository.resolve(_full(repository, parent))
        elif parent and not head.startswith(parent):
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        if not create_pr and not repository.moves(revision):
            raise HubError(400, f"{revision} is no branch: nothing can be committed to it")
        sha = repository.add_commit(_changed(repository.commits[head].files, changes, added), head, *details)
        if create_pr:
            number = max(repository.pulls, default=0) + 1
            repository.pulls[number] = PullRequest(message, details[2], now(), revision, head, sha)
        else:
            repository.move(revision, sha)
        repository.save()
    page = f"{request.site}/{repository.page}"
    answer = {"success": True, "commitOid": sha, "commitUrl": f"{page}/commit/{sha}", "hookOutput": ""}
    if create_pr:
        answer["pullRequestUrl"] = f"{page}/discussions/{number}"
    return Answer(answer)


def _read(body: bytes) -> tuple[dict[str, Any], list[tuple[str, str, dict[str, Any]]]]:
    """The header, and of every change its kind, path and details."""
    try:
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        header = next((line["value"] for line in lines if line["key"] == "header"), None)
        changes = [
            (line["key"], line["value"]["path"], line["value"]) for line in lines if line["key"] != "header"
        ]
    except (ValueError, KeyError, TypeError):
        raise HubError(400, "the commit is not one JSON object with key and value a line") from None
    if header is None:
        raise HubError(400, "the commit has no header")
    for key, path, _ in changes:
        if key not in ("file", "lfsFile", "deletedFile", "deletedFolder"):
            raise HubError(400, f"a commit cannot hold {key!r}")
        if path.startswith("/") or {"", ".", "..", ".git"} & set(path.rstrip("/").split("/")):
            raise HubError(400, f"no file can stand at {path!r}")
    return header, changes


def _added(repository: Repository, key: str, value: dict[str, Any]) -> Blob:
    """What an added file holds; a large one must be here already."""
    objects = repository.store.objects
    if key == "lfsFile":
        if value["oid"] not in objects:
            raise HubError(400, f"the LFS object {value['oid']} of {value['path']} was not uploaded")
        return objects.blob(value["oid"], lfs=True)
    content = base64.b64decode(value["content"])
    if value["path"] == "README.md":
        found = check_card(content.decode(errors="replace"), repository.kind)
        if found["errors"]:
            raise HubError(400, "Invalid metadata in README.md", **found)
    return objects.blob(objects.write([content]), lfs=False)


def _changed(
    files: dict[str, Blob], changes: list[tuple[str, str, dict[str, Any]]], added: dict[str, Blob]
) -> dict[str, Blob]:
    """The files after all changes, in their order."""
    files = dict(files)
    for key, path, _ in changes:
        if path in added and key in ("file", "lfsFile"):
            files[path] = added[path]
            continue
        folder = f"{path.rstrip('/')}/"
        gone = [path] if key == "deletedFile" else [name for name in files if name.startswith(folder)]
        if not gone or gone[0] not in files:
            raise HubError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
        files = {name: blob for name, blob in files.items() if name not in gone}
    return files


def _full(repository: Repository, short: str) -> str:
    """A commit's 40 digits from its first ones."""
    return next((sha for sha in repository.commits if sha.startswith(short)), short)
