"""The way to the Hub and back: downloads whose hashes are checked, uploads in one commit, failures in one sentence."""

import contextlib
import errno
import fnmatch
import hashlib
import json
import logging
import re
import tempfile
import time
from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, TypeVar, Unpack

from ..files import write_text

if TYPE_CHECKING:
    from huggingface_hub import HfApi

logger = logging.getLogger(__name__)
Found = TypeVar("Found")

# Seconds before something is tried again; huggingface_hub repeats single requests by itself, but not all of them.
WAITS = (1, 4)
# What may pass: time-outs, a repository that changed meanwhile (412), too many requests, failures of the server.
PASSING = {408, 412, 429, 500, 502, 503, 504}
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_ACCESS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
README = "README.md"


class HubOptions(TypedDict, total=False):
    """How to reach a repository; whatever loads from the Hub takes these.

    Attributes:
        revision: Branch, tag or commit; the main branch if left out.
        token: Access token; that of ``hf auth login`` or ``HF_TOKEN`` if left out.
        cache_dir: Where downloads are kept; ``HF_HOME`` says so if left out.
        local_files_only: Take what was downloaded before, and make no connection.
    """

    revision: str | None
    token: str | bool | None
    cache_dir: str | Path | None
    local_files_only: bool


class Pushed(NamedTuple):
    """What came of a push: the address of the commit or pull request, and whether there was anything to change."""

    url: str
    changed: bool


def require_repo_id(name: str) -> None:
    """Raise ValueError unless ``name`` is ``owner/name`` as the Hub allows it."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
        raise ValueError(
            f"{name!r} is no repository's name: expected owner/name, of letters a-z, digits and - _ ."
        )
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ValueError(
            f"{name!r} is no repository's name, expected owner/name: {first_line(error)}"
        ) from error


def require_access(repo_id: str, token: str | bool | None = None) -> None:
    """Raise unless ``repo_id`` is ``owner/name`` and there is a token that the Hub knows.

    Raises:
        OSError: no token, one that is not valid, or the Hub cannot be reached.
        ValueError: another kind of name.
    """
    from huggingface_hub import HfApi

    require_repo_id(repo_id)
    _require_usable(token)
    with telling_uploads(repo_id):
        HfApi(token=token).whoami()


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a file's name matches one of the patterns, folder by folder: ``*`` does not reach into folders."""
    parts = name.split("/")
    return any(
        len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))
        for wanted in (pattern.split("/") for pattern in patterns)
    )


def download(name: str, patterns: Sequence[str], **options: Unpack[HubOptions]) -> Path:
    """The files of one commit of the model repository ``name``, in the cache; those there already need no network.

    Args:
        name: Hub id.
        patterns: Which files, none in a folder, as in ``fnmatch``.
        options: See :class:`HubOptions`.

    Raises:
        OSError: it cannot be found or downloaded, or the disk is full.
        ValueError: a downloaded file is not the one that the Hub announced.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.file_download import repo_folder_name

    _require_usable(options.get("token"))
    cache = Path(options.get("cache_dir") or constants.HF_HUB_CACHE).expanduser()
    with _telling_downloads(name, options):
        blobs = cache / repo_folder_name(repo_id=name, repo_type="model") / "blobs"
        known = {path.name for path in blobs.glob("*")}
        fetch = partial(snapshot_download, allow_patterns=list(patterns), ignore_patterns=["*/*"], **options)
        folder = Path(_patiently(lambda: fetch(name)))
    check_hashes(folder, name, known)
    return folder


def check_hashes(folder: Path, name: str, known: Container[str] = ()) -> None:
    """Compare the files of ``name`` in the cache's ``folder`` with their hashes, but for the blobs that are ``known``.

    The cache names content by the hash that the Hub announced; huggingface_hub compares sizes only. What differs is
    removed.

    Raises:
        ValueError: a file is not what was announced.
    """
    for path in sorted(folder.rglob("*")):
        blob = path.resolve()
        if blob.name in known or not blob.is_file() or (found := _hash_like(blob)) == blob.name:
            continue
        blob.unlink()
        path.unlink(missing_ok=True)
        raise ValueError(
            f"{name}: {path.name} is damaged, or is not what the Hub announced (hash {blob.name[:12]}…, "
            f"found {found[:12]}…): it was removed, download it again"
        )


def upload(
    folder: Path,
    repo_id: str,
    *,
    repo_type: str = "model",
    space_sdk: str | None = None,
    private: bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    token: str | bool | None = None,
    message: str,
    replaces: Sequence[str] = (),
) -> Pushed:
    """Make the files of ``folder`` those of a repository, in one commit; no commit where nothing would change.

    Repository and branch are created if need be. A card that a person edited keeps its text
    (:func:`bilstm_classifier.hub.card_merging.merge_cards`; README.md of ``folder`` becomes what was pushed).

    Args:
        folder: What to upload, all of it.
        repo_id: ``owner/name``.
        repo_type: ``"model"``, ``"dataset"`` or ``"space"``.
        space_sdk: What a Space that is created runs, such as ``"gradio"``.
        private: Of a repository that is created; ``None`` is the owner's default.
        revision: Branch to commit to; the main branch if left out.
        create_pr: Open a pull request in place of committing.
        token: Access token; that of ``hf auth login`` or ``HF_TOKEN`` if left out.
        message: Of the commit.
        replaces: Files of the repository that match these patterns and are not in ``folder`` are removed.

    Raises:
        OSError: the Hub cannot be reached or refuses; the repository is what it was before.
        ValueError: a name that the Hub does not allow, or settings that do not go together.
    """
    from huggingface_hub import HfApi

    require_repo_id(repo_id)
    _require_usable(token)
    if create_pr and revision not in (None, "main"):
        raise ValueError(f"a pull request goes to the main branch: leave the revision {revision!r} out")
    card = folder / README
    try:
        ours = card.read_text(encoding="utf-8") if card.is_file() else None
    except UnicodeDecodeError as error:
        raise ValueError(f"{README} is not in UTF-8: save it in UTF-8, or remove it") from error
    api, heads = HfApi(token=token), []

    def attempt() -> Pushed:
        head = _prepare_repository(api, repo_id, repo_type, space_sdk, private, revision)
        heads.append(head)
        if ours is not None:
            _merge_card(card, ours, repo_id, repo_type, head, token)
        present = api.list_repo_files(repo_id, repo_type=repo_type, revision=head)
        commit: Any = api.upload_folder(
            repo_id=repo_id,
            repo_type=repo_type,
            folder_path=folder,
            revision=revision,
            create_pr=create_pr,
            commit_message=message,
            delete_patterns=[name for name in present if matches(name, replaces)] or None,
            parent_commit=head,  # what others commit meanwhile is not overwritten
        )
        # a commit whose answer was lost is found to be there by the next attempt
        return Pushed(commit.pr_url or commit.commit_url, commit.oid != heads[0])

    with telling_uploads(repo_id):
        # after a lost answer a pull request would be opened twice
        return attempt() if create_pr else _patiently(attempt)


@contextlib.contextmanager
def telling_uploads(repo_id: str) -> Iterator[None]:
    """Say in one sentence why nothing was pushed to ``repo_id``."""
    from huggingface_hub.errors import HTTPError

    try:
        yield
    except (HTTPError, OSError, RuntimeError, json.JSONDecodeError) as error:
        raise OSError(f"pushing to {repo_id} failed, nothing was changed there: {_reason(error)}") from error


def first_line(error: BaseException) -> str:
    """What an error says: the texts of Hugging Face's have the cause in their first line, and further advice below."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(" :")[:300]


def _patiently(attempt: Callable[[], Found]) -> Found:
    """What ``attempt`` gives, tried again after failures that may pass."""
    for wait in WAITS:
        try:
            return attempt()
        except Exception as error:
            if not _may_pass(error):
                raise
            logger.warning("%s; trying again in %d s", first_line(error), wait)
            time.sleep(wait)
    return attempt()


def _may_pass(error: BaseException) -> bool:
    from huggingface_hub.errors import HTTPError

    if isinstance(error, RuntimeError) and error.__cause__ is not None:  # an upload to LFS that failed
        error = error.__cause__
    if isinstance(error, json.JSONDecodeError):
        return True
    return isinstance(error, HTTPError) and _status(error) in (None, *PASSING)


# --- downloads ---


def _require_usable(token: str | bool | None) -> None:
    """What is no token must not get into an error message of the network's: it may be a password."""
    if isinstance(token, str) and not re.fullmatch(r"[!-~]+", token):
        raise ValueError("the token is empty or has characters that no token has: copy it again")


@contextlib.contextmanager
def _telling_downloads(name: str, options: HubOptions) -> Iterator[None]:
    from huggingface_hub import errors

    revision = options.get("revision")
    where = f"{name} at revision {revision}" if revision else name
    try:
        yield
    except errors.GatedRepoError as error:
        raise PermissionError(
            f"{where}: its owner asks for consent first: give it on the model's page, then log in: hf auth login"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise FileNotFoundError(
            f"{where}: {name} is on the Hub and has no such branch, tag or commit ({first_line(error)})"
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise FileNotFoundError(
            f"{where}: no folder of that name here, and no such model on the Hub. "
            "Check the spelling (owner/name), or log in if it is private: hf auth login"
        ) from error
    except (errors.HTTPError, OSError) as error:
        if _status(error) == 401:
            raise PermissionError(
                f"{where}: the Hub does not know the token: log in with another one (hf auth login), or unset HF_TOKEN"
            ) from error
        if _error_number(error) in NO_ROOM:
            raise OSError(
                f"{where}: the disk with the cache is full ({first_line(error)}): make room, or set HF_HOME to another "
                "disk; what was complete is kept"
            ) from error
        if options.get("local_files_only") or isinstance(error.__cause__, errors.OfflineModeIsEnabled):
            raise FileNotFoundError(
                f"{where}: no folder of that name here, and it was not downloaded before: do so once without "
                "local_files_only and HF_HUB_OFFLINE"
            ) from error
        if isinstance(error, OSError) and error.errno in NO_ACCESS:
            raise OSError(
                f"{where}: the cache cannot be used ({first_line(error)}): set HF_HOME to a folder of yours"
            ) from error
        raise OSError(
            f"{where}: no folder of that name here, and the Hub cannot be reached ({first_line(error)})"
        ) from error
    except json.JSONDecodeError as error:
        raise OSError(
            f"{where}: what answers in place of the Hub is none (no JSON): is there a login page or proxy between?"
        ) from error


def _error_number(error: BaseException | None) -> int | None:
    """The ``errno`` of an error or of what caused it."""
    while error is not None:
        if number := getattr(error, "errno", None):
            return number
        error = error.__cause__ or error.__context__
    return None


def _hash_like(blob: Path) -> str:
    """The hash of a cached file, of the kind that its name is: sha256 of large files, git's of others."""
    if re.fullmatch("[0-9a-f]{64}", blob.name):
        with blob.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if re.fullmatch("[0-9a-f]{40}", blob.name):
        content = blob.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return blob.name  # a mirror with names of its own, or a cache without links: nothing to compare with


# --- uploads ---


def _prepare_repository(
    api: "HfApi",
    repo_id: str,
    repo_type: str,
    space_sdk: str | None,
    private: bool | None,
    revision: str | None,
) -> str:
    """See to it that repository and branch are there; the commit that the branch stands at."""
    from huggingface_hub.errors import RevisionNotFoundError

    api.create_repo(repo_id, repo_type=repo_type, space_sdk=space_sdk, private=private, exist_ok=True)
    try:
        info = api.repo_info(repo_id, repo_type=repo_type, revision=revision)
    except RevisionNotFoundError:
        api.create_branch(repo_id, repo_type=repo_type, branch=str(revision), exist_ok=True)
        info = api.repo_info(repo_id, repo_type=repo_type, revision=revision)
    if private and not info.private:
        raise ValueError(
            f"{repo_id} is there already and is public: make it private in its settings, or do not ask for that"
        )
    return str(info.sha)


def _merge_card(card: Path, ours: str, repo_id: str, repo_type: str, head: str, token: Any) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    from .card_merging import is_sealed, merge_cards

    theirs: str | None = None
    with tempfile.TemporaryDirectory() as cache, contextlib.suppress(EntryNotFoundError):
        found = hf_hub_download(
            repo_id, README, repo_type=repo_type, revision=head, token=token, cache_dir=cache
        )
        try:
            theirs = Path(found).read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            logger.warning("the card of %s is not in UTF-8: it is left as it is", repo_id)
            card.unlink(missing_ok=True)
            return
    merged = merge_cards(ours, theirs)
    if not is_sealed(merged):
        logger.warning(
            "the card of %s was edited by hand: its text is kept, and any figures in it are those of the model before "
            "(remove README.md there to have it written anew)",
            repo_id,
        )
    write_text(card, merged)


def _status(error: BaseException) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _reason(error: BaseException) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import LocalTokenNotFoundError

    said = first_line(error).rstrip(".")
    if _status(error) == 401 or isinstance(error, LocalTokenNotFoundError):
        return f"{said}. Log in with a token that may write (hf auth login), or set HF_TOKEN"
    if _status(error) == 403:
        return f"{said}. The token may not write there: make one that may at {constants.ENDPOINT}/settings/tokens"
    if "xet" in str(error).lower():
        return f"{said}. If this Hub is a mirror, it may not speak Xet: set HF_HUB_DISABLE_XET=1"
    cause = error.__cause__
    return said if cause is None or first_line(cause) in said else f"{said} ({first_line(cause)})"
