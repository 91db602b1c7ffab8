"""The loopback Hub as the unmodified huggingface_hub sees it; what it repeats by itself and what not is pinned here."""

import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import GeneratorType

import huggingface_hub
import pytest

from .clients import client
from .faults import Fault
from .server import OWNER, READ_TOKEN, STRANGER_TOKEN, TOKEN, LoopbackHub, blob_id

pytestmark = pytest.mark.skipif(
    huggingface_hub.__version__.startswith(("0.", "1.")),
    reason="what an earlier client repeats is not pinned",
)
CARD = b"---\nlicense: mit\nlanguage: ru\nlibrary_name: keras\npipeline_tag: text-classification\ntags: [news]\n---\n"
LARGE = bytes(range(256)) * 1000  # goes through LFS
FILES = {"README.md": CARD, "config.json": b"{}", "data/deep/train.csv": b"a,b\n", "weights.bin": LARGE}


# --- run by the client ---


@dataclass
class Refusal:
    """An exception that the client raised."""

    kind: str
    status: int | None
    message: str


def call(method, *arguments, token=TOKEN, endpoint=None, **settings):
    """What a method of ``HfApi`` gives; a ``Refusal`` if it raises."""
    from huggingface_hub import HfApi

    return _tried(getattr(HfApi(endpoint=endpoint, token=token), method), *arguments, **settings)


def commit(name, added=(), deleted=(), endpoint=None, **settings):
    """Commit files by their paths, and deletions."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    operations = [CommitOperationAdd(path, content) for path, content in dict(added).items()]
    operations += [CommitOperationDelete(path) for path in deleted]
    api = HfApi(endpoint=endpoint, token=TOKEN)
    return _tried(api.create_commit, name, operations, commit_message="Change files", **settings)


def download(name, path, endpoint=None, **settings):
    """The content of a downloaded file; a ``Refusal`` if it does not arrive."""
    found = call("hf_hub_download", name, path, endpoint=endpoint, **settings)
    if isinstance(found, Refusal):
        return found
    with open(found, "rb") as file:
        return file.read()


def load_card(name):
    from huggingface_hub import ModelCard

    return ModelCard.load(name, token=TOKEN).data.to_dict()


def push_card(name, text):
    from huggingface_hub import ModelCard

    return _tried(lambda: ModelCard(text, ignore_metadata_errors=True).push_to_hub(name, token=TOKEN))


def update_metadata(name, metadata, **settings):
    from huggingface_hub import metadata_update

    return _tried(metadata_update, name, metadata, token=TOKEN, **settings)


def push_data_set(name, rows):
    import datasets

    made = datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)})
    made.push_to_hub(name, token=TOKEN)
    return datasets.load_dataset(name, split="train", download_mode="force_redownload").to_list()


def _tried(function, *arguments, **settings):
    from huggingface_hub.errors import HTTPError  # a connection that broke is one too

    try:
        result = function(*arguments, **settings)
        return list(result) if isinstance(result, GeneratorType) else result
    except (OSError, ValueError, RuntimeError, HTTPError) as error:
        response = getattr(error, "response", None)
        return Refusal(type(error).__name__, getattr(response, "status_code", None), str(error))


# --- fixtures ---


@pytest.fixture(scope="module")
def run(hub, tmp_path_factory):
    """Run a function of this module in the client; what it gives."""
    with client(hub.url, tmp_path_factory.mktemp("home"), HF_HUB_DISABLE_PROGRESS_BARS="1") as pool:
        yield lambda function, *arguments, **settings: pool.submit(function, *arguments, **settings).result()


@pytest.fixture
def name(hub):
    """A public model with ``FILES``, of this test alone."""
    name = f"{OWNER}/model-{len(hub.repositories)}"
    hub.add(name, FILES)
    hub.faults.clear()
    return name


@pytest.fixture
def folder(tmp_path):
    for path, content in FILES.items():
        (tmp_path / "folder" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / path).write_bytes(content)
    return tmp_path / "folder"


def refused(found, status, kind="HfHubHTTPError"):
    assert isinstance(found, Refusal), found
    assert (found.status, found.kind) == (status, kind), found.message
    return True


def raw(hub, method, path, body=b"", token=TOKEN, **headers):
    """A request without huggingface_hub: status, headers, content."""
    headers = {"Authorization": f"Bearer {token}", **headers}
    request = urllib.request.Request(f"{hub.url}/{path}", body, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


# --- people and repositories ---


def test_who_one_is(run):
    assert run(call, "whoami")["name"] == OWNER
    assert run(call, "whoami", token=READ_TOKEN)["auth"]["accessToken"]["role"] == "read"
    assert refused(run(call, "whoami", token="hf_unknown"), 401)


@pytest.mark.parametrize(("kind", "prefix"), [("model", ""), ("dataset", "datasets/"), ("space", "spaces/")])
def test_a_repository_comes_and_goes(hub, run, kind, prefix):
    name, more = f"{OWNER}/made", {"repo_type": kind} | ({"space_sdk": "gradio"} if kind == "space" else {})
    assert run(call, "create_repo", name, **more) == f"{hub.url}/{prefix}{name}"
    assert refused(run(call, "create_repo", name, **more), 409)
    assert run(call, "create_repo", name, exist_ok=True, **more).repo_id == name
    files = run(call, "list_repo_files", name, repo_type=kind)
    assert files == [".gitattributes", "README.md"] if kind == "space" else files == [".gitattributes"]
    if kind == "space":
        assert run(call, "space_info", name).sdk == "gradio"
    assert run(call, "delete_repo", name, repo_type=kind) is None
    assert not run(call, "repo_exists", name, repo_type=kind)
    assert refused(run(call, "delete_repo", name, repo_type=kind), 404, "RepositoryNotFoundError")
    assert run(call, "delete_repo", name, repo_type=kind, missing_ok=True) is None


def test_a_repository_belongs_to_someone(run, name):
    assert refused(run(call, "create_repo", f"{OWNER}/theirs", token=STRANGER_TOKEN), 403)
    assert refused(run(call, "create_repo", f"{OWNER}/mine", token=READ_TOKEN), 403)
    assert refused(run(call, "create_repo", f"{OWNER}/mine", token=False), 401)
    assert run(call, "create_repo", name, exist_ok=True, token=READ_TOKEN).repo_id == name
    for token, status in ((READ_TOKEN, 403), (STRANGER_TOKEN, 403), ("hf_unknown", 401)):
        upload = {"path_or_fileobj": b"x", "path_in_repo": "x", "repo_id": name, "token": token}
        assert run(call, "upload_file", **upload).status == status
        assert run(call, "create_tag", name, tag="v1", token=token).status == status
        assert run(call, "delete_repo", name, token=token).status == status


@pytest.mark.parametrize("bad", ["two words", "a--b", "a..b", "x.git", "-a", "a" * 97, "новости"])
def test_the_hub_forbids_names(hub, bad):
    status, _, _ = raw(hub, "POST", "api/repos/create", json.dumps({"name": bad}).encode())
    assert status == 400


def test_what_is_private_is_hidden(hub, run):
    name = f"{OWNER}/secret"
    run(call, "create_repo", name, private=True)
    hub.repositories["models", name].commit(FILES)
    for method, arguments in (
        ("model_info", ()),
        ("list_repo_files", ()),
        ("hf_hub_download", ("config.json",)),
    ):
        for token, status in ((False, 401), (STRANGER_TOKEN, 404)):
            assert refused(
                run(call, method, name, *arguments, token=token), status, "RepositoryNotFoundError"
            )
        assert not isinstance(run(call, method, name, *arguments, token=READ_TOKEN), Refusal)
    run(call, "update_repo_settings", name, private=False)
    assert run(call, "model_info", name, token=False).private is False


# --- uploads ---


@pytest.mark.parametrize(
    ("settings", "through"),
    [({"lfs_over": 10**9}, None), ({}, "lfs-upload/"), ({"chunk_size": 100_000}, "/3")],
    ids=["inline", "lfs", "in parts"],
)
def test_a_folder_goes_up_and_comes_down(run, tmp_path, folder, settings, through):
    name = f"{OWNER}/folder"
    with LoopbackHub(tmp_path / "hub", **settings) as hub:
        run(call, "create_repo", name, endpoint=hub.url)
        first = run(call, "upload_folder", repo_id=name, folder_path=folder, endpoint=hub.url)
        assert {
            path: content for path, content in hub.files(name).items() if path != ".gitattributes"
        } == FILES
        put = [path for method, path in hub.requests if method == "PUT"]
        assert any(through in path for path in put) if through else not put
        again = run(call, "upload_folder", repo_id=name, folder_path=folder, endpoint=hub.url)
        assert again.oid == first.oid
        assert len(hub.repositories["models", name].commits) == 2
        assert len([path for method, path in hub.requests if method == "PUT"]) == len(put)
        there = run(call, "snapshot_download", name, endpoint=hub.url, cache_dir=tmp_path / "cache")
        for path, content in FILES.items():
            with open(f"{there}/{path}", "rb") as file:
                assert file.read() == content


def test_a_commit_adds_and_deletes(hub, run, name):
    before = run(call, "model_info", name).sha
    made = run(commit, name, {"new.txt": b"new"}, ["config.json", "data/"])
    assert set(hub.files(name)) == {"README.md", "weights.bin", "new.txt"}
    assert hub.files(name, revision=before) == FILES
    assert made.commit_url == f"{hub.url}/{name}/commit/{made.oid}"
    history = run(call, "list_repo_commits", name)
    assert [one.commit_id for one in history[:2]] == [made.oid, before]
    assert (history[0].title, history[0].authors) == ("Change files", [OWNER])
    for missing in ("config.json", "data/"):
        found = run(commit, name, deleted=[missing])
        assert refused(found, 404, "RemoteEntryNotFoundError")
        assert "A file with this name doesn't exist" in found.message


def test_a_commit_may_name_its_parent(hub, run, name):
    before = run(call, "model_info", name).sha
    made = run(commit, name, {"one.txt": b"1"}, parent_commit=before)
    assert refused(run(commit, name, {"two.txt": b"2"}, parent_commit=before), 412)
    assert run(call, "model_info", name).sha == made.oid
    assert (
        run(commit, name, {"two.txt": b"2"}, parent_commit=made.oid[:7]).oid
        in hub.repositories["models", name].commits
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lfsFile", {"path": "a.bin", "algo": "sha256", "oid": "0" * 64, "size": 3}),
        ("file", {"path": "../a", "content": "", "encoding": "base64"}),
        ("file", {"path": "README.md", "content": "LS0tCmxpY2Vuc2U6IG5vbmUKLS0tCg==", "encoding": "base64"}),
        ("unknown", {"path": "a"}),
    ],
    ids=["large file that never came", "path outside", "bad card", "unknown key"],
)
def test_a_commit_is_refused(hub, name, key, value):
    lines = [{"key": "header", "value": {"summary": "x"}}, {"key": key, "value": value}]
    body = "\n".join(map(json.dumps, lines)).encode()
    assert raw(hub, "POST", f"api/models/{name}/commit/main", body)[0] == 400
    assert hub.files(name) == FILES


def test_what_is_put_is_checked(hub, name):
    upload = {"operation": "upload", "objects": [{"oid": "1" * 64, "size": 3}]}
    path = f"{name}.git/info/lfs/objects/batch"
    assert raw(hub, "POST", path, json.dumps(upload).encode(), READ_TOKEN)[0] == 403
    answer = json.loads(raw(hub, "POST", path, json.dumps(upload).encode())[2])
    href = answer["objects"][0]["actions"]["upload"]["href"].removeprefix(f"{hub.url}/")
    assert raw(hub, "PUT", href, b"abc")[0] == 400
    assert raw(hub, "PUT", "lfs-upload/0", b"abc")[0] == 403
    assert (
        raw(hub, "POST", f"{name}.git/info/lfs/verify", b'{"oid": "%s", "size": 3}' % (b"1" * 64))[0] == 400
    )


# --- revisions ---


def test_a_pull_request(hub, run, name):
    pull = run(commit, name, {"new.txt": b"new"}, create_pr=True)
    assert (pull.pr_num, pull.pr_url) == (1, f"{hub.url}/{name}/discussions/1")
    assert "new.txt" not in hub.files(name)
    more = run(commit, name, {"more.txt": LARGE}, revision="refs/pr/1")
    assert run(call, "model_info", name, revision="refs/pr/1").sha == more.oid
    assert run(download, name, "new.txt", revision="refs/pr/1") == b"new"
    assert {"new.txt", "more.txt"} < set(run(call, "list_repo_files", name, revision="refs/pr/1"))
    (shown,) = run(call, "get_repo_discussions", name)
    assert (shown.num, shown.title, shown.is_pull_request) == (1, "Change files", True)
    details = run(call, "get_discussion_details", name, 1)
    assert [event.oid for event in details.events] == [pull.oid, more.oid]
    (ref,) = run(call, "list_repo_refs", name, include_pull_requests=True).pull_requests
    assert (ref.ref, ref.target_commit) == ("refs/pr/1", more.oid)


def test_branches_and_tags(hub, run, name):
    first = run(call, "model_info", name).sha
    assert run(call, "create_branch", name, branch="dev/x") is None
    assert refused(run(call, "create_branch", name, branch="dev/x"), 409)
    assert run(call, "create_branch", name, branch="dev/x", exist_ok=True) is None
    assert refused(run(call, "create_branch", name, branch="refs/x"), 400, "BadRequestError")
    assert refused(
        run(call, "create_branch", name, branch="y", revision="none"), 404, "RevisionNotFoundError"
    )
    made = run(commit, name, {"dev.txt": b"dev"}, revision="dev/x")
    assert run(call, "create_tag", name, tag="v1", revision="dev/x") is None
    assert refused(run(call, "create_tag", name, tag="v1"), 409)
    assert refused(run(commit, name, {"x": b"x"}, revision="v1"), 400, "BadRequestError")
    for revision in ("dev/x", "v1", made.oid):
        assert run(download, name, "dev.txt", revision=revision) == b"dev"
        assert refused(run(download, name, "dev.txt"), 404, "RemoteEntryNotFoundError")
    refs = run(call, "list_repo_refs", name)
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": first, "dev/x": made.oid}
    assert [(ref.name, ref.target_commit) for ref in refs.tags] == [("v1", made.oid)]
    assert run(call, "delete_branch", name, branch="dev/x") is None
    assert run(call, "delete_tag", name, tag="v1") is None
    assert refused(run(call, "delete_tag", name, tag="v1"), 404, "RevisionNotFoundError")
    assert run(call, "delete_branch", name, branch="main").status == 403
    assert run(download, name, "dev.txt", revision=made.oid) == b"dev"


@pytest.mark.parametrize("revision", ["none", "0" * 40, "refs/pr/9"])
def test_a_revision_that_is_not_there(run, name, revision):
    for method, arguments in (
        ("model_info", ()),
        ("list_repo_files", ()),
        ("hf_hub_download", ("config.json",)),
    ):
        found = run(call, method, name, *arguments, revision=revision)
        assert refused(found, 404, "RevisionNotFoundError")
    assert refused(run(commit, name, {"x": b"x"}, revision=revision), 404, "RevisionNotFoundError")


# --- descriptions ---


def test_the_tree(run, name):
    def paths(**settings):
        return {entry.path: entry for entry in run(call, "list_repo_tree", name, **settings)}

    assert set(paths()) == {"README.md", "config.json", "weights.bin", "data"}
    assert set(paths(recursive=True)) == {*FILES, "data", "data/deep"}
    assert set(paths(path_in_repo="data/deep")) == {"data/deep/train.csv"}
    assert refused(run(call, "list_repo_tree", name, path_in_repo="none"), 404, "RemoteEntryNotFoundError")
    made = run(commit, name, {"config.json": b"{1}"})
    entries = paths(expand=True)
    assert entries["config.json"].last_commit.oid == made.oid != entries["data"].last_commit.oid
    assert entries["config.json"].blob_id == blob_id(b"{1}")
    assert (entries["weights.bin"].lfs.size, entries["weights.bin"].size) == (len(LARGE), len(LARGE))
    found = run(call, "get_paths_info", name, ["data", "weights.bin", "none"])
    assert [(entry.path, type(entry).__name__) for entry in found] == [
        ("data", "RepoFolder"),
        ("weights.bin", "RepoFile"),
    ]


def test_what_is_said_of_a_model(run, name):
    info = run(call, "model_info", name, files_metadata=True)
    assert (info.library_name, info.pipeline_tag, info.card_data.license) == (
        "keras",
        "text-classification",
        "mit",
    )
    assert {"keras", "text-classification", "news", "ru", "license:mit"} <= set(info.tags)
    sizes = {sibling.rfilename: sibling.size for sibling in info.siblings}
    assert sizes == {path: len(content) for path, content in FILES.items()}
    some = run(call, "model_info", name, expand=["tags", "sha"])
    assert (some.tags, some.sha, some.siblings) == (info.tags, info.sha, None)


def test_what_is_said_of_a_data_set(hub, run):
    card = b"---\nlicense: mit\nlanguage: [ru]\nsize_categories: 1K<n<10K\n---\n"
    sha = hub.add(f"{OWNER}/texts", {"README.md": card, "a.csv": b"a\n"}, kind="datasets")
    info = run(call, "dataset_info", f"{OWNER}/texts")
    assert (info.sha, info.card_data.size_categories) == (sha, "1K<n<10K")
    assert {"language:ru", "license:mit", "size_categories:1K<n<10K"} <= set(info.tags)
    assert run(download, f"{OWNER}/texts", "a.csv", repo_type="dataset") == b"a\n"


def test_a_data_set_is_pushed_and_loaded(hub, run):
    rows = [{"text": f"новость {number}" * 50, "label": number % 3} for number in range(3000)]
    assert run(push_data_set, f"{OWNER}/pushed", rows) == rows
    assert "data/train-00000-of-00001.parquet" in hub.files(f"{OWNER}/pushed", "datasets")
    assert run(push_data_set, f"{OWNER}/pushed", rows[::-1]) == rows[::-1]


# --- cards ---


def test_a_card_is_pushed_updated_and_loaded(hub, run, name):
    assert run(load_card, name)["pipeline_tag"] == "text-classification"
    result = {"task": {"type": "text-classification"}, "dataset": {"type": "owner/texts", "name": "Texts"}}
    result["metrics"] = [{"type": "f1", "value": 0.9}]
    update = {"license": "apache-2.0", "model-index": [{"name": "news", "results": [result]}]}
    assert "overwrite=True" in run(update_metadata, name, update).message
    assert run(update_metadata, name, update, overwrite=True).startswith(f"{hub.url}/{name}/commit/")
    assert run(load_card, name)["model-index"][0]["results"][0]["metrics"] == [{"type": "f1", "value": 0.9}]
    assert run(call, "model_info", name).card_data.eval_results[0].metric_value == 0.9


def test_a_card_that_the_hub_does_not_take(hub, run, name):
    text = "---\nlicense: none-such\nlanguage: [russian]\n---\n"
    found = run(push_card, name, text)
    assert found.kind == "ValueError"
    assert '\\"license\\" must be one of [apache-2.0, ' in found.message
    found = run(commit, name, {"README.md": text.encode(), "new.txt": b""})
    assert found.message.startswith('Invalid metadata in README.md.\n- "license" must be one of [apache-2.0')
    assert '"language[0]" with value "russian" is not valid' in found.message
    assert hub.files(name) == FILES


# --- downloads ---


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=255990-", 206, slice(255_990, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=10-999999", 206, slice(10, None)),
        ("bytes=256000-", 416, None),
    ],
)
def test_a_part_of_a_file(hub, name, asked, status, part):
    found, headers, content = raw(hub, "GET", f"{name}/resolve/main/weights.bin", Range=asked)
    assert found == status
    if part is None:
        assert headers["Content-Range"] == f"bytes */{len(LARGE)}"
    else:
        assert content == LARGE[part]
        start, end, _ = part.indices(len(LARGE))
        assert headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(LARGE)}"


def test_a_file_is_identified(hub, run, name):
    sha = run(call, "model_info", name).sha
    _, small, _ = raw(hub, "HEAD", f"{name}/resolve/main/config.json")
    assert (small["X-Repo-Commit"], small["ETag"]) == (sha, f'"{blob_id(b"{}")}"')
    assert small["X-Linked-Etag"] is None
    _, large, _ = raw(hub, "HEAD", f"{name}/resolve/main/weights.bin")
    assert (large["X-Linked-Size"], large["X-Linked-Etag"]) == (str(len(LARGE)), large["ETag"])
    assert not run(call, "file_exists", name, "none.txt")


# --- what goes wrong ---


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST .*/preupload/", "status"),
        Fault("POST .*objects/batch", "status", status=429, headers={"Retry-After": "0"}),
        Fault("PUT lfs-upload/", "drop", after=100_000),
        Fault("PUT lfs-upload/", "lost answer"),
        Fault("GET .*/resolve/", "status", status=429, headers={"Retry-After": "0"}),
        Fault("GET .*/resolve/", "drop"),
        Fault("GET .*/resolve/", "truncate", after=1000),
    ],
    ids=lambda fault: f"{fault.on.strip('/').rsplit('/', 1)[-1]} {fault.kind}",
)
def test_what_the_client_repeats(hub, run, name, fault):
    hub.faults.append(fault)
    content = LARGE + name.encode()
    made = run(commit, name, {"large.bin": content})
    assert hub.files(name)["large.bin"] == content
    assert run(download, name, "large.bin", revision=made.oid) == content
    assert fault.struck == 1


@pytest.mark.parametrize("fault", [Fault("POST .*/commit/", kind, status=500) for kind in ("status", "drop")])
def test_a_commit_is_not_repeated(hub, run, name, fault):
    hub.faults.append(fault)
    assert isinstance(run(commit, name, {"new.txt": b"new"}), Refusal)
    assert hub.files(name) == FILES
    assert run(commit, name, {"new.txt": b"new"}).oid
    assert fault.struck == 1


def test_a_commit_whose_answer_is_lost_was_made(hub, run, name):
    hub.faults.append(Fault("POST .*/commit/", "lost answer"))
    assert isinstance(run(commit, name, {"new.txt": b"new"}), Refusal)
    assert hub.files(name)["new.txt"] == b"new"
    made = hub.repositories["models", name].branches["main"]
    assert run(commit, name, {"new.txt": b"new"}).oid == made  # nothing is left to do


def test_a_download_goes_on_where_it_broke_off_and_its_hash_is_not_checked(hub, run, name):
    """The second request is answered with other bytes: those, and only those, arrive wrong and unnoticed."""
    whole = 10 * 2**20  # the client keeps what it got in whole steps of this size
    content = bytes(whole + 1000)
    hub.repositories["models", name].commit({"long.bin": content})
    hub.faults += [
        Fault("GET .*/long.bin", "truncate", after=whole + 500),
        Fault("GET .*/long.bin", "corrupt"),
    ]
    found = run(download, name, "long.bin")
    assert [fault.struck for fault in hub.faults] == [1, 1]
    assert found[:whole] == content[:whole]
    assert found[whole:] == b"\xff" * 1000


def test_a_download_that_is_refused_is_not_repeated(hub, run, name):
    fault = Fault("GET .*/resolve/", "status", status=500, times=None)
    hub.faults.append(fault)
    assert refused(run(download, name, "config.json"), 500)
    assert fault.reached.is_set()
    assert fault.struck == 1
    hub.faults.clear()
    assert run(download, name, "config.json") == b"{}"


# --- the server itself ---


def test_a_server_started_anew_has_everything(run, tmp_path):
    name = f"{OWNER}/kept"
    with LoopbackHub(tmp_path) as hub:
        hub.add(name, FILES, private=True)
        hub.add(name, {"a.csv": b"a"}, kind="datasets")
        run(call, "create_tag", name, tag="v1", endpoint=hub.url)
        pull = run(commit, name, {"new.txt": b"new"}, create_pr=True, endpoint=hub.url)
        before = run(call, "list_repo_commits", name, endpoint=hub.url)
        port = int(hub.url.rsplit(":", 1)[1])
    assert isinstance(run(call, "model_info", name, endpoint=hub.url), Refusal)
    with LoopbackHub(tmp_path, port) as hub:
        assert run(call, "list_repo_commits", name, endpoint=hub.url) == before
        assert run(call, "model_info", name, revision="v1", endpoint=hub.url).private
        assert refused(
            run(call, "model_info", name, token=False, endpoint=hub.url), 401, "RepositoryNotFoundError"
        )
        assert run(download, name, "weights.bin", endpoint=hub.url) == LARGE
        assert hub.files(name, revision=pull.pr_revision) == {**FILES, "new.txt": b"new"}
        assert hub.files(name, "datasets") == {"a.csv": b"a"}
        assert run(commit, name, {"next.txt": b"next"}, endpoint=hub.url).oid


def test_commits_at_the_same_time_all_count(hub, name):
    repository = hub.repositories["models", name]

    def commit_one(number):
        lines = [
            {"key": "header", "value": {"summary": f"{number}"}},
            {"key": "file", "value": {"path": f"{number}.txt", "content": "", "encoding": "base64"}},
        ]
        raw(hub, "POST", f"api/models/{name}/commit/main", "\n".join(map(json.dumps, lines)).encode())

    threads = [threading.Thread(target=commit_one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"{number}.txt" for number in range(8)} < set(hub.files(name))
    assert len(list(repository.history(repository.branches["main"]))) == 10


def test_a_person_can_start_it(tmp_path):
    command = [sys.executable, "-m", "tests.hub", "--folder", str(tmp_path / "hub"), "--port", "0"]
    repository = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline().strip() for _ in range(4)]
        exported = dict(line.removeprefix("export ").split("=", 1) for line in lines[1:])
        endpoint = exported.pop("HF_ENDPOINT")
        assert exported == {"HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
        asked = urllib.request.Request(
            f"{endpoint}/api/whoami-v2", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(asked) as answer:
            assert json.load(answer)["name"] == OWNER
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
