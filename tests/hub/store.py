"""What the Hub keeps in its folder: contents by their SHA-256, and of each repository its commits and refs.

``objects/<sha256>`` holds a content, ``repositories/<kind>/<name>/repository.json`` all else; a server started anew on
the same folder goes on where the last one ended. Every file is written whole or not at all.
"""

import hashlib
import json
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from .accounts import OWNER
from .messages import HubError

KINDS = ("models", "datasets", "spaces")
Files = dict[str, bytes]


def blob_id(content: bytes) -> str:
    """Git's name for a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def now() -> str:
    """The time, as the Hub writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Blob:
    """A file of a commit; ``oid`` is what Git calls it, the pointer's name for a file in LFS."""

    sha256: str
    size: int
    oid: str
    lfs: bool = False

    @property
    def pointer(self) -> bytes:
        """What Git holds of a file in LFS."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()

    @property
    def etag(self) -> str:
        """The name under which clients cache the content."""
        return self.sha256 if self.lfs else self.oid


@dataclass
class Commit:
    """A commit, whole: every file that it holds."""

    sha: str
    parent: str | None
    message: str
    description: str
    date: str
    author: str
    files: dict[str, Blob]


@dataclass
class PullRequest:
    """A pull request to the branch ``base``, with the commits after ``start`` up to ``head``."""

    title: str
    author: str
    date: str
    base: str
    start: str
    head: str


class Objects:
    """Contents by their SHA-256, in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __contains__(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def path(self, sha256: str) -> Path:
        """The file that holds a content."""
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise HubError(400, f"{sha256!r} is no SHA-256")
        return self.folder / sha256

    def write(self, pieces: Iterable[bytes], sha256: str | None = None, size: int | None = None) -> str:
        """Keep a content; its SHA-256.

        Raises:
            HubError: It is not what ``sha256`` and ``size`` said, and is not kept.
        """
        digest, length = hashlib.sha256(), 0
        with written_whole(self.folder) as (file, place):
            for piece in pieces:
                digest.update(piece)
                length += len(piece)
                file.write(piece)
            found = digest.hexdigest()
            if sha256 not in (None, found) or size not in (None, length):
                raise HubError(
                    400, f"got {length} bytes with the SHA-256 {found}, expected {size} with {sha256}"
                )
            place(self.path(found))
        return found

    def blob(self, sha256: str, lfs: bool) -> Blob:
        """A kept content as a file of a commit."""
        if lfs:
            size = self.path(sha256).stat().st_size
            return Blob(sha256, size, blob_id(Blob(sha256, size, "").pointer), lfs=True)
        content = self.path(sha256).read_bytes()
        return Blob(sha256, len(content), blob_id(content))


@contextmanager
def written_whole(folder: Path) -> Iterator[tuple[BinaryIO, Callable[[Path], None]]]:
    """A new file, and a function that gives it its name once it is complete; without a name it is not kept."""
    folder.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=folder, prefix=".new-")
    with os.fdopen(number, "wb") as file:

        def place(path: Path) -> None:
            file.close()
            os.replace(name, path)

        try:
            yield file, place
        finally:
            Path(name).unlink(missing_ok=True)


@dataclass
class Repository:
    """Commits by their 40 digits, and what branches, tags and pull requests stand at.

    ``branches`` and ``tags`` are 40 digits by name, ``pulls`` pull requests by number.
    """

    store: "Store"
    kind: str
    name: str
    private: bool = False
    sdk: str | None = None
    created: str = field(default_factory=now)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)

    def commit(self, files: Files, branch: str = "main", message: str = "Commit of a test") -> str:
        """Make ``files`` all that ``branch`` holds, and it a branch if it is none; the commit's 40 digits."""
        blobs = {path: self.store.blob(content) for path, content in files.items()}
        with self.store.lock:
            sha = self.add_commit(blobs, self.branches.get(branch), message)
            self.branches[branch] = sha
            self.save()
        return sha

    def add_commit(
        self,
        files: dict[str, Blob],
        parent: str | None,
        message: str,
        description: str = "",
        author: str = OWNER,
    ) -> str:
        """Add a commit that no ref stands at yet; call it, set the ref and ``save`` under the store's lock."""
        date = now()
        what = [self.kind, self.name, len(self.commits), parent, message, description, date, author]
        listing = sorted((path, blob.oid) for path, blob in files.items())
        sha = hashlib.sha1(json.dumps([what, listing]).encode()).hexdigest()
        self.commits[sha] = Commit(sha, parent, message, description, date, author, dict(files))
        return sha

    def resolve(self, revision: str) -> str:
        """The 40 digits that a branch, tag, ``refs/...`` or commit stands for."""
        refs = {f"refs/heads/{name}": sha for name, sha in list(self.branches.items())}
        refs |= {f"refs/tags/{name}": sha for name, sha in list(self.tags.items())}
        refs |= {f"refs/pr/{number}": pull.head for number, pull in list(self.pulls.items())}
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if name in refs:
                return refs[name]
        if revision in self.commits:
            return revision
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    @property
    def page(self) -> str:
        """Where it is on the site; models need no prefix."""
        return self.name if self.kind == "models" else f"{self.kind}/{self.name}"

    def moves(self, revision: str) -> bool:
        """Whether a revision is a branch or a pull request."""
        pulls = {f"refs/pr/{number}" for number in self.pulls}
        return revision.removeprefix("refs/heads/") in self.branches or revision in pulls

    def move(self, revision: str, sha: str) -> None:
        """Let a branch or pull request stand at another commit."""
        if revision.startswith("refs/pr/"):
            self.pulls[int(revision.rsplit("/", 1)[1])].head = sha
        else:
            self.branches[revision.removeprefix("refs/heads/")] = sha

    def history(self, sha: str) -> Iterator[Commit]:
        """A commit and all before it, the newest first."""
        found: str | None = sha
        while found is not None:
            commit = self.commits[found]
            yield commit
            found = commit.parent

    def save(self) -> None:
        """Write commits and refs to the folder."""
        kept = {name: value for name, value in vars(self).items() if name != "store"}
        kept["commits"] = [asdict(commit) for commit in self.commits.values()]
        kept["pulls"] = {number: asdict(pull) for number, pull in self.pulls.items()}
        path = self.store.repository_path(self.kind, self.name)
        with written_whole(path.parent) as (file, place):
            file.write(json.dumps(kept, indent=1).encode())
            place(path)

    @classmethod
    def load(cls, store: "Store", path: Path) -> "Repository":
        """What ``save`` wrote."""
        kept = json.loads(path.read_bytes())
        commits = {}
        for commit in kept.pop("commits"):
            files = {name: Blob(**blob) for name, blob in commit.pop("files").items()}
            commits[commit["sha"]] = Commit(**commit, files=files)
        pulls = {int(number): PullRequest(**pull) for number, pull in kept.pop("pulls").items()}
        return cls(store=store, commits=commits, pulls=pulls, **kept)


class Store:
    """All repositories, by kind and name, in a folder.

    Files of more than ``lfs_over`` bytes are in LFS.
    """

    def __init__(self, folder: Path, lfs_over: int):
        self.folder = folder
        self.lfs_over = lfs_over
        self.lock = threading.RLock()
        self.objects = Objects(folder / "objects")
        found = [
            Repository.load(self, path) for path in sorted(folder.glob("repositories/**/repository.json"))
        ]
        self.repositories = {(repository.kind, repository.name): repository for repository in found}

    def repository_path(self, kind: str, name: str) -> Path:
        """Where a repository's commits and refs are."""
        return self.folder / "repositories" / kind / name / "repository.json"

    def blob(self, content: bytes) -> Blob:
        """Keep a content; as a file of a commit."""
        return self.objects.blob(self.objects.write([content]), lfs=len(content) > self.lfs_over)

    def create(self, name: str, kind: str, private: bool = False, sdk: str | None = None) -> Repository:
        """A new repository, with the first commit that the Hub itself makes."""
        with self.lock:
            if (kind, name) in self.repositories:
                raise ValueError(f"{kind} has {name} already: choose another name")
            repository = Repository(self, kind, name, private, sdk)
            files = {".gitattributes": GIT_ATTRIBUTES}
            if kind == "spaces":
                files["README.md"] = SPACE_CARD.format(
                    title=name.partition("/")[2], sdk=sdk or "gradio"
                ).encode()
            repository.commit(files, message="initial commit")
            self.repositories[kind, name] = repository
        return repository

    def delete(self, repository: Repository) -> None:
        """Forget a repository; contents stay."""
        with self.lock:
            del self.repositories[repository.kind, repository.name]
            self.repository_path(repository.kind, repository.name).unlink(missing_ok=True)


GIT_ATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
SPACE_CARD = """\
---
title: {title}
emoji: 🌍
colorFrom: purple
colorTo: green
sdk: {sdk}
sdk_version: 6.0.0
app_file: app.py
pinned: false
---

Check out the configuration reference at https://huggingface.co/docs/hub/spaces-config-reference
"""
