"""What the Hub says of a repository: its description, files, commits, refs and pull requests, as JSON."""

import hashlib
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any

from .cards import front_matter
from .messages import HubError
from .store import Blob, Commit, PullRequest, Repository

# what the Hub makes tags of, and how it calls them there; None is the bare value
MODEL_TAGS = {
    "library_name": None,
    "pipeline_tag": None,
    "tags": None,
    "language": None,
    "datasets": "dataset",
    "base_model": "base_model",
    "license": "license",
}
DATASET_TAGS = {
    "task_categories": "task_categories",
    "task_ids": "task_ids",
    "annotations_creators": "annotations_creators",
    "multilinguality": "multilinguality",
    "source_datasets": "source_datasets",
    "language": "language",
    "license": "license",
    "size_categories": "size_categories",
    "tags": None,
}
SPACE_TAGS = {"sdk": None, "tags": None, "license": "license"}
TAGS = {"models": MODEL_TAGS, "datasets": DATASET_TAGS, "spaces": SPACE_TAGS}


def card_of(repository: Repository, sha: str) -> dict[str, Any]:
    """What the card of a commit says in its front matter; nothing where there is none or it is no YAML."""
    readme = repository.commits[sha].files.get("README.md")
    if readme is None:
        return {}
    try:
        return front_matter(
            repository.store.objects.path(readme.sha256).read_bytes().decode(errors="replace")
        )
    except ValueError:
        return {}


def information(repository: Repository, sha: str, with_blobs: bool, expand: list[str]) -> dict[str, Any]:
    """The description at a commit; with ``expand``, only what it names."""
    commit, card = repository.commits[sha], card_of(repository, sha)
    described = {
        "_id": hashlib.sha1(f"{repository.kind}/{repository.name}".encode()).hexdigest()[:24],
        "id": repository.name,
        "author": repository.name.partition("/")[0],
        "sha": sha,
        "private": repository.private,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "createdAt": repository.created,
        "lastModified": commit.date,
        "tags": _tags(repository.kind, card),
        "cardData": card,
        "siblings": [_sibling(path, blob, with_blobs) for path, blob in sorted(commit.files.items())],
        "usedStorage": sum({blob.sha256: blob.size for blob in commit.files.values()}.values()),
    }
    if repository.kind == "models":
        described["modelId"] = repository.name
        described |= {
            name: card[name] for name in ("library_name", "pipeline_tag", "model-index") if name in card
        }
    if repository.kind == "spaces":
        described["sdk"] = card.get("sdk", repository.sdk)
    if expand:
        described = {name: described[name] for name in ("_id", "id", *expand) if name in described}
    return described


def _tags(kind: str, card: dict[str, Any]) -> list[str]:
    tags = []
    for name, shown in TAGS[kind].items():
        values = card.get(name) or []
        for value in values if isinstance(values, list) else [values]:
            tags.append(f"{shown}:{value}" if shown else str(value))
    return [*dict.fromkeys(tags), "region:us"]


def _sibling(path: str, blob: Blob, with_blobs: bool) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": path}
    if with_blobs:
        sibling |= {"size": blob.size, "blobId": blob.oid}
        if blob.lfs:
            sibling["lfs"] = {"sha256": blob.sha256, "size": blob.size, "pointerSize": len(blob.pointer)}
    return sibling


def tree(
    repository: Repository, sha: str, folder: str, recursive: bool, with_commits: bool
) -> list[dict[str, Any]]:
    """The entries of a folder, those below them too if ``recursive``."""
    files = repository.commits[sha].files
    prefix = f"{folder}/" if folder else ""
    inside = [path for path in sorted(files) if path.startswith(prefix)]
    if folder and not inside:
        raise HubError(404, f"{folder} does not exist on this revision", "EntryNotFound")
    shown = [*sorted(_folders(inside, prefix)), *inside]
    if not recursive:
        shown = [path for path in shown if "/" not in path[len(prefix) :]]
    return [_entry(repository, sha, path, with_commits) for path in shown]


def paths_info(
    repository: Repository, sha: str, paths: list[str], with_commits: bool
) -> list[dict[str, Any]]:
    """The entries of those paths that exist."""
    files = repository.commits[sha].files
    known = {*files, *_folders(list(files), "")}
    wanted = [path.rstrip("/") for path in paths]
    return [_entry(repository, sha, path, with_commits) for path in wanted if path in known]


def _folders(paths: list[str], prefix: str) -> set[str]:
    parents = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    return {parent for parent in parents if parent.startswith(prefix) and parent != "."}


def _entry(repository: Repository, sha: str, path: str, with_commits: bool) -> dict[str, Any]:
    files = repository.commits[sha].files
    blob = files.get(path)
    if blob is None:
        inside = sorted((name, blob.oid) for name, blob in files.items() if name.startswith(f"{path}/"))
        entry = {"type": "directory", "oid": hashlib.sha1(repr(inside).encode()).hexdigest(), "size": 0}
    else:
        entry = {"type": "file", "oid": blob.oid, "size": blob.size}
        if blob.lfs:
            entry["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": len(blob.pointer)}
    if with_commits:
        commit = _last_change(repository, sha, path)
        entry["lastCommit"] = {"id": commit.sha, "title": commit.message, "date": commit.date}
    return {**entry, "path": path}


def _last_change(repository: Repository, sha: str, path: str) -> Commit:
    """The commit that a file, or what is in a folder, came with."""
    history = list(repository.history(sha))
    contents = [
        {name: blob for name, blob in commit.files.items() if name == path or name.startswith(f"{path}/")}
        for commit in history
    ]
    for commit, new, old in zip(history, contents, [*contents[1:], {}], strict=True):
        if new != old:
            return commit
    raise AssertionError(f"{path} is not in {sha}")


def commits(repository: Repository, sha: str) -> list[dict[str, Any]]:
    """A commit and all before it, the newest first."""
    return [
        {
            "id": commit.sha,
            "title": commit.message,
            "message": commit.description,
            "date": commit.date,
            "authors": [{"user": commit.author}],
        }
        for commit in repository.history(sha)
    ]


def refs(repository: Repository, with_pulls: bool) -> dict[str, Any]:
    """What each ref stands at."""
    shown = {
        "branches": _refs("refs/heads/", repository.branches),
        "converts": [],
        "tags": _refs("refs/tags/", repository.tags),
    }
    if with_pulls:
        heads = {str(number): pull.head for number, pull in repository.pulls.items()}
        shown["pullRequests"] = _refs("refs/pr/", heads)
    return shown


def _refs(prefix: str, heads: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "ref": prefix + name, "targetCommit": sha} for name, sha in heads.items()]


def discussions(repository: Repository) -> dict[str, Any]:
    """All pull requests, the newest first."""
    shown = [_discussion(repository, number, pull) for number, pull in repository.pulls.items()]
    return {"discussions": shown[::-1], "count": len(shown), "start": 0, "numClosedDiscussions": 0}


def discussion(repository: Repository, number: int) -> dict[str, Any]:
    """One pull request with its commits."""
    pull = repository.pulls.get(number)
    if pull is None:
        raise HubError(404, f"{repository.name} has no discussion {number}", "EntryNotFound")
    made = list(takewhile(lambda commit: commit.sha != pull.start, repository.history(pull.head)))
    events = [
        {
            "id": commit.sha[:24],
            "type": "commit",
            "createdAt": commit.date,
            "author": {"name": commit.author},
            "data": {"subject": commit.message, "oid": commit.sha},
        }
        for commit in reversed(made)
    ]
    more = {"events": events, "changes": {"base": f"refs/heads/{pull.base}"}, "filesWithConflicts": []}
    return {**_discussion(repository, number, pull), **more}


def _discussion(repository: Repository, number: int, pull: PullRequest) -> dict[str, Any]:
    return {
        "num": number,
        "title": pull.title,
        "author": {"name": pull.author},
        "createdAt": pull.date,
        "status": "open",
        "isPullRequest": True,
        "repo": {"name": repository.name, "type": repository.kind.removesuffix("s")},
    }
