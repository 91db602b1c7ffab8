"""The way to the Hub and back: downloads whose hashes are checked, uploads in one commit, failures in one sentence."""

import contextlib
import errno
import hashlib
import json
import logging
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

from .files import write_text

logger = logging.getLogger(__name__)

# Seconds before a push is tried again; huggingface_hub repeats single requests by itself, but not all of them.
WAITS = (1, 4)
# What may pass: time-outs, a repository that changed meanwhile (412), too many requests, failures of the server.
PASSING = {408, 412, 429, 500, 502, 503, 504}
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
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

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ValueError(
            f"{name!r} is no repository's name, expected owner/name: {first_line(error)}"
        ) from error
    if name.count("/") != 1:
        raise ValueError(f"{name!r} is no repository's name: expected owner/name")


def download(name: str, patterns: Sequence[str], **options: Unpack[HubOptions]) -> Path:
    """The files of one commit of the model repository ``name``, in the cache; those there already need no network.

    Args:
        name: Hub id.
        patterns: Which files, as in ``fnmatch``.
        options: See :class:`HubOptions`.

    Raises:
        OSError: it cannot be found or downloaded, or the disk is full.
        ValueError: a downloaded file is not the one that the Hub announced.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.file_download import repo_folder_name

    cache = Path(options.get("cache_dir") or constants.HF_HUB_CACHE).expanduser()
    with _telling_downloads(name, options.get("revision")):
        blobs = cache / repo_folder_name(repo_id=name, repo_type="model") / "blobs"
        known = {path.name for path in blobs.glob("*")}
        folder = Path(snapshot_download(name, allow_patterns=list(patterns), **options))
    _check_hashes(folder, known, name)
    return folder


def upload(
    folder: Path,
    repo_id: str,
    *,
    repo_type: str = "model",
    private: bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    token: str | bool | None = None,
    message: str,
    replaces: Sequence[str] = (),
) -> Pushed:
    """Make the files of ``folder`` those of a repository, in one commit; no commit where nothing would change.

    Repository and branch are created if need be. A card that a person edited keeps its text
    (:func:`bilstm_classifier.card.merge_cards`; README.md of ``folder`` becomes what was pushed).

    Args:
        folder: What to upload, all of it.
        repo_id: ``owner/name``.
        repo_type: ``"model"`` or ``"dataset"``.
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
    if create_pr and revision not in (None, "main"):
        raise ValueError(f"a pull request goes to the main branch: leave the revision {revision!r} out")
    card = folder / README
    ours = card.read_text(encoding="utf-8") if card.is_file() else None
    before = None
    with _telling_uploads(repo_id):
        for wait in (*WAITS, None):
            try:
                head = _prepare_repository(repo_id, repo_type, private, revision, token)
                before = before or head
                if ours is not None:
                    _merge_card(card, ours, repo_id, repo_type, head, token)
                commit: Any = HfApi(token=token).upload_folder(
                    repo_id=repo_id,
                    repo_type=repo_type,
                    folder_path=folder,
                    revision=revision,
                    create_pr=create_pr,
                    commit_message=message,
                    delete_patterns=list(replaces) or None,
                    parent_commit=head,  # what others commit meanwhile is not overwritten
                )
                return Pushed(commit.pr_url or commit.commit_url, commit.oid != before)
            except Exception as error:
                if wait is None or not _may_pass(error, create_pr):
                    raise
                logger.warning("%s; trying again in %d s", first_line(error), wait)
                time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def first_line(error: BaseException) -> str:
    """What an error says: the texts of Hugging Face's have the cause in their first line, and further advice below."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(" :")[:300]


# --- downloads ---


@contextlib.contextmanager
def _telling_downloads(name: str, revision: str | None) -> Iterator[None]:
    from huggingface_hub import errors

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
            f"{where}: no folder of that name here, and no such model on the Hub ({first_line(error)}). "
            "Check the spelling (owner/name), or log in if it is private: hf auth login"
        ) from error
    except (errors.HTTPError, OSError) as error:
        if error_number(error) in NO_ROOM:
            raise OSError(
                f"{where}: the disk with the cache is full ({first_line(error)}): make room, or set HF_HOME to another "
                "disk; what was complete is kept"
            ) from error
        raise OSError(
            f"{where}: no folder of that name here, and the Hub cannot be reached ({first_line(error)})"
        ) from error


def error_number(error: BaseException | None) -> int | None:
    """The ``errno`` of an error or of what caused it."""
    while error is not None:
        if number := getattr(error, "errno", None):
            return number
        error = error.__cause__ or error.__context__
    return None


def _check_hashes(folder: Path, known: set[str], name: str) -> None:
    """Compare what is not among the ``known`` blobs with its name: the cache names content by the hash announced.

    huggingface_hub compares sizes only.
    """
    for path in sorted(folder.rglob("*")):
        blob = path.resolve()
        if blob.name in known or not blob.is_file() or (found := _hash_like(blob)) == blob.name:
            continue
        blob.unlink()
        path.unlink(missing_ok=True)
        raise ValueError(
            f"{name}: {path.name} was damaged on its way, or is not what the Hub announced (hash {blob.name[:12]}…, "
            f"found {found[:12]}…): it was removed, download it again"
        )


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
    repo_id: str, repo_type: str, private: bool | None, revision: str | None, token: Any
) -> str:
    """See to it that repository and branch are there; the commit that the branch stands at."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RevisionNotFoundError

    api = HfApi(token=token)
    api.create_repo(repo_id, repo_type=repo_type, private=private, exist_ok=True)
    try:
        info = api.repo_info(repo_id, repo_type=repo_type, revision=revision)
    except RevisionNotFoundError:
        api.create_branch(repo_id, repo_type=repo_type, branch=str(revision), exist_ok=True)
        info = api.repo_info(repo_id, repo_type=repo_type, revision=revision)
    if private and not info.private:
        logger.warning("%s was there before and is public: it stays so", repo_id)
    return str(info.sha)


def _merge_card(card: Path, ours: str, repo_id: str, repo_type: str, head: str, token: Any) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    from .card import merge_cards

    theirs = None
    with tempfile.TemporaryDirectory() as cache, contextlib.suppress(EntryNotFoundError):
        found = hf_hub_download(
            repo_id, README, repo_type=repo_type, revision=head, token=token, cache_dir=cache
        )
        theirs = Path(found).read_bytes().decode("utf-8", "replace")
    write_text(card, merge_cards(ours, theirs))


def _may_pass(error: Exception, create_pr: bool) -> bool:
    from huggingface_hub.errors import HTTPError

    # an upload to LFS that failed comes as a RuntimeError: huggingface_hub has tried it often enough
    if not isinstance(error, (HTTPError, json.JSONDecodeError)):
        return False
    response = getattr(error, "response", None)
    if response is None:
        # a commit whose answer was lost is found to be there; a pull request would be opened twice
        return not create_pr
    return response.status_code in PASSING


@contextlib.contextmanager
def _telling_uploads(repo_id: str) -> Iterator[None]:
    from huggingface_hub.errors import HTTPError

    try:
        yield
    except (HTTPError, OSError, RuntimeError, json.JSONDecodeError) as error:
        raise OSError(
            f"pushing to {repo_id} failed, what was there before is kept: {_reason(error)}"
        ) from error


def _reason(error: BaseException) -> str:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    said = first_line(error)
    if status == 401:
        return f"{said}. Log in with a token that may write (hf auth login), or set HF_TOKEN"
    if status == 403:
        return f"{said}. The token may not write there: make one that may at https://huggingface.co/settings/tokens"
    if "xet" in str(error).lower():
        return f"{said}. If this Hub is a mirror, it may not speak Xet: set HF_HUB_DISABLE_XET=1"
    if error.__cause__ is not None:
        said = f"{said} ({first_line(error.__cause__)})"
    return said
