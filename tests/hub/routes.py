"""Which request is answered by what: the Hub's JSON interface, LFS and downloads."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs

from . import descriptions
from .cards import check_card
from .commits import commit
from .downloads import resolve
from .lfs import Uploads
from .messages import Answer, HubError, Request
from .store import KINDS, Repository, Store

NOWHERE = "Sorry, we can't find the page you are looking for."
NAME = re.compile(r"(?!.*(--|\.\.|\.git$))[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?", re.ASCII)


def answer(store: Store, uploads: Uploads, request: Request) -> Answer:
    """What the Hub says; a ``HubError`` is what it says when it refuses."""
    first, *rest = request.parts
    if first == "lfs-upload" and request.method in ("PUT", "POST") and rest:
        return uploads.receive(request)
    if first != "api":
        return _page(store, uploads, request)
    if rest == ["whoami-v2"]:
        return _whoami(request)
    if rest == ["validate-yaml"]:
        return _validate_yaml(request)
    if rest[:1] == ["repos"]:
        return _repos(store, request)
    if len(rest) > 1 and rest[0] in KINDS:
        repository, rest = _find(store, request, rest[0], rest[1:])
        return _of_repository(request, repository, rest)
    raise HubError(404, NOWHERE)


def _page(store: Store, uploads: Uploads, request: Request) -> Answer:
    """What is not under /api: downloads, and the addresses that LFS begins with."""
    kind, parts = "models", request.parts
    if parts[0] in KINDS:
        kind, *parts = parts
    path = "/".join(parts)
    name, lfs, action = path.partition(".git/info/lfs/")
    if lfs and request.method == "POST":
        repository, _ = _find(store, request, kind, name.split("/"))
        _check_writer(request, repository.name)
        return uploads.verify(request) if action == "verify" else uploads.batch(request, repository)
    repository, rest = _find(store, request, kind, parts)
    if request.method not in ("GET", "HEAD") or len(rest) < 3 or rest[0] != "resolve":
        raise HubError(404, NOWHERE)
    revision, rest = _revision(rest[1:])
    return resolve(request, repository, revision, "/".join(rest))


# --- who and what ---


def _check_writer(request: Request, repository: str) -> None:
    """Refuse who may not write to a repository, or make one of that name."""
    if request.account is None:
        raise HubError(401, "Invalid username or password.")
    if request.account.role != "write":
        raise HubError(403, "you need a token with the role write: this one may only read")
    if not request.account.owns(repository):
        raise HubError(403, f"You don't have the rights to write to {repository}")


def _find(store: Store, request: Request, kind: str, parts: list[str]) -> tuple[Repository, list[str]]:
    """The repository that a path begins with, and the rest of the path; what is hidden looks like what is not there."""
    length = 1 if (kind, parts[0]) in store.repositories else 2
    repository = store.repositories.get((kind, "/".join(parts[:length])))
    account = request.account
    if repository is None or (repository.private and not (account and account.owns(repository.name))):
        # with no token the Hub cannot know that a repository is not there for you
        raise HubError(404 if account else 401, "Repository not found", "RepoNotFound")
    return repository, parts[length:]


def _revision(parts: list[str]) -> tuple[str, list[str]]:
    """A revision and the path after it; ``refs/pr/1`` may come encoded or not."""
    if not parts:
        return "main", []
    if parts[0] == "refs" and len(parts) > 2:
        return "/".join(parts[:3]), parts[3:]
    return parts[0], parts[1:]


def _whoami(request: Request) -> Answer:
    account = request.account
    if account is None:
        raise HubError(401, "Invalid username or password.")
    token = {"type": "access_token", "accessToken": {"displayName": "loopback", "role": account.role}}
    return Answer({"type": "user", "name": account.name, "fullname": account.name, "orgs": [], "auth": token})


def _validate_yaml(request: Request) -> Answer:
    asked = request.json()
    found = check_card(asked.get("content", ""), f"{asked.get('repoType') or 'model'}s")
    return Answer(found, status=400 if found["errors"] else 200)


def _repos(store: Store, request: Request) -> Answer:
    """Create and delete."""
    wanted, action = request.json(), (request.method, *request.parts[2:])
    kind = f"{wanted.get('type') or 'model'}s"
    if request.account is None:
        raise HubError(401, "Invalid username or password.")
    name = f"{wanted.get('organization') or request.account.name}/{wanted.get('name')}"
    if kind not in KINDS or len(name) > 96 or not all(NAME.fullmatch(part) for part in name.split("/", 1)):
        raise HubError(400, f"{name!r} is no valid name for one of {kind}")
    if action == ("POST", "create"):
        _check_writer(request, name)
        private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        with store.lock:
            if (kind, name) in store.repositories:
                url = f"{request.site}/{store.repositories[kind, name].page}"
                raise HubError(
                    409, f"You already created this {kind.removesuffix('s')} repo: {name}", url=url
                )
            repository = store.create(name, kind, private, wanted.get("sdk"))
        return Answer({"url": f"{request.site}/{repository.page}", "name": name, "private": private})
    if action == ("DELETE", "delete"):
        repository, _ = _find(store, request, kind, name.split("/"))
        _check_writer(request, name)
        store.delete(repository)
        return Answer()
    raise HubError(404, NOWHERE)


# --- one repository ---


def _of_repository(request: Request, repository: Repository, rest: list[str]) -> Answer:
    action, *rest = rest or ["revision", "main"]
    route = ROUTES.get((request.method, action))
    if route is None:
        raise HubError(404, NOWHERE)
    if request.method != "GET" and action != "paths-info":
        _check_writer(request, repository.name)
    return route(request, repository, rest)


def _information(request: Request, repository: Repository, rest: list[str]) -> Answer:
    sha = repository.resolve(_revision(rest)[0])
    expand = request.query.get("expand", []) + request.query.get("expand[]", [])
    return Answer(descriptions.information(repository, sha, request.flag("blobs"), expand))


def _tree(request: Request, repository: Repository, rest: list[str]) -> Answer:
    revision, folder = _revision(rest)
    flags = request.flag("recursive"), request.flag("expand")
    return Answer(descriptions.tree(repository, repository.resolve(revision), "/".join(folder), *flags))


def _paths_info(request: Request, repository: Repository, rest: list[str]) -> Answer:
    body = request.content()
    if body.startswith(b"{"):
        request.body = iter([body])
        asked = request.json()
        paths, expand = asked["paths"], bool(asked.get("expand"))
    else:
        form = parse_qs(body.decode())
        paths, expand = form.get("paths", []), form.get("expand", ["false"])[-1].lower() in ("true", "1")
    sha = repository.resolve(_revision(rest)[0])
    return Answer(
        descriptions.paths_info(repository, sha, [paths] if isinstance(paths, str) else paths, expand)
    )


def _refs(request: Request, repository: Repository, rest: list[str]) -> Answer:
    return Answer(descriptions.refs(repository, request.flag("include_prs")))


def _commits(request: Request, repository: Repository, rest: list[str]) -> Answer:
    return Answer(descriptions.commits(repository, repository.resolve(_revision(rest)[0])))


def _discussions(request: Request, repository: Repository, rest: list[str]) -> Answer:
    if rest:
        return Answer(descriptions.discussion(repository, int(rest[0]) if rest[0].isdigit() else 0))
    return Answer(descriptions.discussions(repository))


def _preupload(request: Request, repository: Repository, rest: list[str]) -> Answer:
    """Say of each file how it is to be sent, and what stands there now, so that the client can leave it out."""
    files = repository.commits[repository.resolve(_revision(rest)[0])].files
    shown = []
    for one in request.json()["files"]:
        lfs = one["size"] > repository.store.lfs_over
        known = files.get(one["path"])
        mode = {"path": one["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False}
        if known is not None and known.lfs == lfs:
            mode["oid"] = known.etag
        shown.append(mode)
    return Answer({"files": shown})


def _commit(request: Request, repository: Repository, rest: list[str]) -> Answer:
    return commit(request, repository, _revision(rest)[0])


def _settings(request: Request, repository: Repository, rest: list[str]) -> Answer:
    wanted = request.json()
    if "visibility" in wanted or "private" in wanted:
        with repository.store.lock:
            repository.private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
            repository.save()
    return Answer({"private": repository.private})


def _create_branch(request: Request, repository: Repository, rest: list[str]) -> Answer:
    name = "/".join(rest)
    if not name or name.startswith("refs/"):
        raise HubError(400, f"Invalid reference for a branch: {name}")
    sha = repository.resolve(request.json().get("startingPoint") or "main")
    _add_ref(repository, repository.branches, name, sha)
    return Answer()


def _create_tag(request: Request, repository: Repository, rest: list[str]) -> Answer:
    _add_ref(repository, repository.tags, request.json()["tag"], repository.resolve(_revision(rest)[0]))
    return Answer()


def _add_ref(repository: Repository, refs: dict[str, str], name: str, sha: str) -> None:
    with repository.store.lock:
        if name in refs:
            raise HubError(409, f"Reference already exists: {name}")
        refs[name] = sha
        repository.save()


def _delete_branch(request: Request, repository: Repository, rest: list[str]) -> Answer:
    if rest == ["main"]:
        raise HubError(403, "main cannot be deleted")
    return _delete_ref(repository, repository.branches, "/".join(rest))


def _delete_tag(request: Request, repository: Repository, rest: list[str]) -> Answer:
    return _delete_ref(repository, repository.tags, "/".join(rest))


def _delete_ref(repository: Repository, refs: dict[str, str], name: str) -> Answer:
    with repository.store.lock:
        if refs.pop(name, None) is None:
            raise HubError(404, f"Reference not found: {name}", "RevisionNotFound")
        repository.save()
    return Answer()


ROUTES: dict[tuple[str, str], Callable[[Request, Repository, list[str]], Answer]] = {
    ("GET", "revision"): _information,
    ("GET", "tree"): _tree,
    ("POST", "paths-info"): _paths_info,
    ("GET", "refs"): _refs,
    ("GET", "commits"): _commits,
    ("GET", "discussions"): _discussions,
    ("POST", "preupload"): _preupload,
    ("POST", "commit"): _commit,
    ("PUT", "settings"): _settings,
    ("POST", "branch"): _create_branch,
    ("DELETE", "branch"): _delete_branch,
    ("POST", "tag"): _create_tag,
    ("DELETE", "tag"): _delete_tag,
}
