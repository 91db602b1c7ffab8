"""From the Hub to this machine: whole and checked, or not at all; afterwards without a connection."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import TEXTS

from .clients import client, split_texts
from .faults import Fault
from .server import OWNER, TOKEN, LoopbackHub
from .tasks import at, pull, pull_on_a_full_disk, push, refuse_connections, refused_connections, scores
from .test_push import MODEL_FILES

LOADED = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def pulled(online, tmp_path, other_folder) -> Path:
    """A folder that holds another, good model, pulled before."""
    return Path(shutil.copytree(other_folder, tmp_path / "pulled"))


@pytest.fixture(autouse=True)
def no_faults_left(hub):
    yield
    hub.faults.clear()


def test_a_pulled_folder_gives_the_same_probabilities(hub, online, model_folder, expected, tmp_path):
    online.submit(push, model_folder, f"{OWNER}/news").result()
    for target in (tmp_path / "new" / "model", None):
        folder = online.submit(pull, f"{OWNER}/news", local_dir=target).result()
        assert set(_contents(folder)) == MODEL_FILES | {"README.md"}
        np.testing.assert_allclose(online.submit(scores, folder, TEXTS).result(), expected, atol=1e-6)


def test_a_model_takes_the_place_of_the_one_before(hub, online, model_folder, expected, pulled):
    hub.add(f"{OWNER}/next", model_folder)
    (pulled / "notes.txt").write_text("mine")
    for name in ("model-00001-of-00002.safetensors", "metrics.json", "confusion_matrix.png"):
        (pulled / name).write_bytes(b"of the old model")
    online.submit(pull, f"{OWNER}/next", local_dir=pulled).result()
    assert set(_contents(pulled)) == MODEL_FILES | {"notes.txt"}
    np.testing.assert_allclose(online.submit(scores, pulled, TEXTS).result(), expected, atol=1e-6)


def test_a_card_that_was_edited_here_is_kept(hub, online, model_folder, tmp_path):
    name, target = f"{OWNER}/with-card", tmp_path / "model"
    online.submit(push, model_folder, name).result()
    online.submit(pull, name, local_dir=target).result()
    online.submit(pull, name, local_dir=target).result()
    edited = (target / "README.md").read_text(encoding="utf-8") + "\nMy own line.\n"
    (target / "README.md").write_text(edited, encoding="utf-8")
    online.submit(pull, name, local_dir=target).result()
    assert (target / "README.md").read_text(encoding="utf-8") == edited


def test_a_broken_model_does_not_hide_behind_a_folder_of_its_name(hub, online, model_folder, tmp_path):
    """Where the target is called as the repository is, what is tried must still be what was downloaded."""
    files = _contents(model_folder) | {"model.safetensors": b"broken"}
    hub.add(f"{OWNER}/broken", files)
    target = Path(shutil.copytree(model_folder, tmp_path / OWNER / "broken"))
    with pytest.raises(ValueError, match="the weights of owner/broken are damaged"):
        online.submit(at, tmp_path, pull, f"{OWNER}/broken", local_dir=Path(OWNER, "broken")).result()
    assert _contents(target) == _contents(model_folder)


def test_a_training_run_is_not_pulled_over(hub, online, model_folder, pulled):
    hub.add(f"{OWNER}/over-run", model_folder)
    (pulled / "recipe.yaml").write_text("model: {}")
    before = _contents(pulled)
    with pytest.raises(ValueError, match="holds a training run: choose another folder"):
        online.submit(pull, f"{OWNER}/over-run", local_dir=pulled).result()
    assert _contents(pulled) == before


def test_what_was_damaged_in_the_cache_is_found_by_the_next_pull(hub, online, model_folder, expected):
    hub.add(f"{OWNER}/rotten", model_folder)
    folder = online.submit(pull, f"{OWNER}/rotten").result()
    blob = (folder / "model.safetensors").resolve()
    content = blob.read_bytes()
    blob.write_bytes(content[:-40] + bytes(40))
    with pytest.raises(ValueError, match=r"model.safetensors is damaged, or is not what the Hub announced"):
        online.submit(pull, f"{OWNER}/rotten").result()
    online.submit(pull, f"{OWNER}/rotten").result()
    np.testing.assert_allclose(online.submit(scores, f"{OWNER}/rotten", TEXTS).result(), expected, atol=1e-6)


def test_neither_pickles_nor_others_files_are_fetched(hub, online, model_folder):
    files = _contents(model_folder) | {"pytorch_model.bin": b"pickle", "checkpoint-1/model.safetensors": b""}
    hub.add(f"{OWNER}/plain", files | {"training_args.bin": b"pickle", "evil.py": b"raise SystemExit"})
    online.submit(scores, f"{OWNER}/plain", TEXTS).result()
    fetched = [path for method, path in hub.requests if method == "GET" and f"{OWNER}/plain/resolve" in path]
    assert sorted(path.rsplit("/", 1)[1] for path in fetched) == sorted(LOADED)
    online.submit(pull, f"{OWNER}/plain").result()
    fetched = [path for method, path in hub.requests if method == "GET" and f"{OWNER}/plain/resolve" in path]
    assert {path.rsplit("/", 1)[1] for path in fetched} == MODEL_FILES


# --- offline ---


def test_after_a_pull_there_is_no_connection(hub, tmp_path, model_folder, expected):
    """Counted where it would arrive, and refused where it would leave."""
    sha = hub.add(f"{OWNER}/offline", model_folder)
    with client(hub.url, tmp_path, HF_TOKEN=TOKEN) as online:
        online.submit(pull, f"{OWNER}/offline").result()
    asked = len(hub.requests)
    with client(hub.url, tmp_path, HF_HUB_OFFLINE="1") as offline:
        offline.submit(refuse_connections).result()
        for revision in (None, "main", sha):
            found = offline.submit(scores, f"{OWNER}/offline", TEXTS, revision=revision).result()
            np.testing.assert_allclose(found, expected, atol=1e-6)
        offline.submit(pull, f"{OWNER}/offline").result()
        assert offline.submit(refused_connections).result() == []
    with client(hub.url, tmp_path) as online:
        online.submit(refuse_connections).result()
        found = online.submit(scores, f"{OWNER}/offline", TEXTS, local_files_only=True).result()
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert online.submit(refused_connections).result() == []
    assert len(hub.requests) == asked


@pytest.mark.slow
def test_without_network(tmp_path, model_folder, expected):
    with LoopbackHub() as hub:
        hub.add(f"{OWNER}/news", model_folder)
        with client(hub.url, tmp_path, HF_TOKEN=TOKEN) as online:
            online.submit(scores, f"{OWNER}/news", TEXTS).result()
            hub.stop()
            found = online.submit(scores, f"{OWNER}/news", TEXTS).result()
            np.testing.assert_allclose(found, expected, atol=1e-6)
            for task, arguments, sentence in (
                (scores, (f"{OWNER}/other", TEXTS), "the Hub cannot be reached"),
                (
                    push,
                    (model_folder, f"{OWNER}/news"),
                    r"pushing to owner/news failed, nothing was changed there",
                ),
            ):
                with pytest.raises(OSError, match=sentence) as caught:
                    online.submit(task, *arguments).result()
                assert len(str(caught.value).splitlines()) == 1


def test_what_was_never_downloaded_is_told_offline(hub, online, model_folder):
    hub.add(f"{OWNER}/not-here", model_folder)
    with pytest.raises(
        OSError, match=f"{OWNER}/not-here: no folder of that name here, and it was not downloaded before"
    ):
        online.submit(scores, f"{OWNER}/not-here", TEXTS, local_files_only=True).result()


# --- what the Hub does not have ---


def test_what_the_hub_does_not_have(hub, online, stranger, model_folder, pulled):
    hub.add(f"{OWNER}/there", model_folder)
    hub.add(f"{OWNER}/hidden", model_folder, private=True)
    hub.add(f"{OWNER}/no-config", {"README.md": b"# A card"})
    future = json.loads((model_folder / "config.json").read_text()) | {"format_version": 99}
    hub.add(f"{OWNER}/future", _contents(model_folder) | {"config.json": json.dumps(future).encode()})
    hub.add(f"{OWNER}/bert", _contents(model_folder) | {"config.json": b'{"model_type": "bert"}'})
    before = _contents(pulled)
    for who, name, revision, sentence in (
        (online, f"{OWNER}/nowhere", None, "no such model on the Hub"),
        (stranger, f"{OWNER}/hidden", None, "log in if it is private"),
        (
            online,
            f"{OWNER}/there",
            "no-such-branch",
            "at revision no-such-branch: .* has no such branch, tag or commit",
        ),
        (online, f"{OWNER}/there", "0" * 40, f"at revision {'0' * 40}: .* has no such branch"),
        (online, f"{OWNER}/no-config", None, "has no config.json"),
        (online, f"{OWNER}/future", None, r"newer release .* \(format_version 99, .* pip install --upgrade"),
        (online, f"{OWNER}/bert", None, "holds a 'bert' model"),
    ):
        for task, arguments in ((scores, (TEXTS,)), (pull, ())):
            settings = {"local_dir": pulled} if task is pull else {}
            with pytest.raises((OSError, ValueError), match=sentence) as caught:
                who.submit(task, name, *arguments, revision=revision, **settings).result()
            assert name in str(caught.value)
            assert len(str(caught.value).splitlines()) == 1
    assert _contents(pulled) == before
    with pytest.raises(ValueError, match="'news' is no repository's name: expected owner/name"):
        online.submit(pull, "news").result()


# --- what is damaged ---


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def test_damaged_files_are_refused_and_a_good_model_is_kept(hub, online, model_folder, pulled):
    files, before = _contents(model_folder), _contents(pulled)
    for name, changed, sentence in (
        (
            "cut-weights",
            {"model.safetensors": _cut(files["model.safetensors"])},
            "the weights of .* are damaged",
        ),
        ("cut-tokenizer", {"tokenizer.json": files["tokenizer.json"][:100]}, "the tokenizer of .* damaged"),
        (
            "cut-config",
            {"config.json": _cut(files["config.json"])},
            "the config of .* is not a valid JSON file",
        ),
        ("no-weights", {"model.safetensors": None}, "has no model.safetensors, and pickles are not read"),
    ):
        content = {path: value for path, value in {**files, **changed}.items() if value is not None}
        hub.add(f"{OWNER}/{name}", content)
        with pytest.raises((OSError, ValueError), match=sentence) as caught:
            online.submit(pull, f"{OWNER}/{name}", local_dir=pulled).result()
        assert len(str(caught.value).splitlines()) == 1
        assert _contents(pulled) == before


@pytest.mark.parametrize("lfs_over", [0, 10**9], ids=["sha256", "git's hash"])
@pytest.mark.parametrize("path", ["model.safetensors", "config.json"])
def test_another_content_than_announced_is_refused_and_fetched_anew(
    hub, online, model_folder, expected, pulled, path, lfs_over
):
    hub.lfs_over, name, before = lfs_over, f"{OWNER}/swapped-{path}-{lfs_over}", _contents(pulled)
    hub.add(name, model_folder)
    hub.faults.append(Fault(f"GET .*/resolve/[^/]+/{path}", "corrupt", after=10))
    with pytest.raises(
        ValueError, match=rf"{name}: {path} is damaged, or is not what the Hub announced"
    ) as caught:
        online.submit(pull, name, local_dir=pulled).result()
    assert len(str(caught.value).splitlines()) == 1
    assert _contents(pulled) == before
    online.submit(pull, name, local_dir=pulled).result()
    np.testing.assert_allclose(online.submit(scores, pulled, TEXTS).result(), expected, atol=1e-6)


@pytest.mark.slow
def test_a_download_that_ends_early_goes_on_or_is_told(hub, online, model_folder, expected, pulled):
    name, before = f"{OWNER}/ended", _contents(pulled)
    hub.add(name, model_folder)
    hub.faults.append(Fault("GET .*model.safetensors", "truncate", times=None, after=1000))
    with pytest.raises(OSError, match=f"{name}: .* cannot be reached") as caught:
        online.submit(pull, name, local_dir=pulled).result()
    assert len(str(caught.value).splitlines()) == 1
    assert _contents(pulled) == before
    hub.faults.clear()
    hub.faults.append(Fault("GET .*model.safetensors", "truncate", times=1, after=1000))
    online.submit(pull, name, local_dir=pulled).result()
    np.testing.assert_allclose(online.submit(scores, pulled, TEXTS).result(), expected, atol=1e-6)


def test_a_full_disk_keeps_the_good_model(hub, tmp_path, model_folder, expected, pulled):
    name, before = f"{OWNER}/large", _contents(pulled)
    hub.add(name, model_folder)
    size = (model_folder / "model.safetensors").stat().st_size
    with client(hub.url, tmp_path / "home") as full:
        with pytest.raises(OSError, match=f"{name}: the disk with the cache is full .* make room") as caught:
            full.submit(pull_on_a_full_disk, name, size // 2, local_dir=pulled).result()
        assert len(str(caught.value).splitlines()) == 1
        assert _contents(pulled) == before
        full.submit(pull, name, local_dir=pulled).result()
        np.testing.assert_allclose(full.submit(scores, pulled, TEXTS).result(), expected, atol=1e-6)
    with (
        client(hub.url, tmp_path / "home") as full,
        pytest.raises(OSError, match=r"File too large|No space left"),
    ):
        # all is in the cache: the copy is what does not fit
        full.submit(pull_on_a_full_disk, name, size // 2, local_dir=pulled).result()
    assert {path: content for path, content in _contents(pulled).items() if path in LOADED} == {
        path: content for path, content in _contents(model_folder).items() if path in LOADED
    }


@pytest.mark.slow
def test_two_at_once_leave_one_model(hub, tmp_path, model_folder, other_folder, expected):
    hub.add(f"{OWNER}/both", model_folder)
    hub.add(f"{OWNER}/both-others", other_folder)
    target = tmp_path / "model"
    with client(hub.url, tmp_path / "home") as one, client(hub.url, tmp_path / "home") as two:
        for _ in range(3):
            with ThreadPoolExecutor(2) as threads:
                names = {one: f"{OWNER}/both", two: f"{OWNER}/both-others"}
                done = [
                    threads.submit(lambda who, name: who.submit(pull, name, local_dir=target).result(), *pair)
                    for pair in names.items()
                ]
                assert [future.result() for future in done] == [target, target]
            assert set(_contents(target)) == MODEL_FILES
            assert np.shape(one.submit(scores, target, TEXTS).result()) in ((len(TEXTS), 2), (len(TEXTS), 3))


@pytest.mark.slow
def test_parts_of_two_commits_never_meet(tmp_path, model_folder, other_folder):
    """The repository changes between two requests of one load: all files still come from one commit."""
    with LoopbackHub() as hub, client(hub.url, tmp_path / "home") as online:
        hub.add(f"{OWNER}/news", model_folder)
        repository = hub.repositories["models", f"{OWNER}/news"]
        hub.requests = ChangingWithEachRequest(repository, model_folder, other_folder)
        found = online.submit(scores, f"{OWNER}/news", TEXTS).result()
        assert len(repository.commits) > 5
    assert np.shape(found) in ((len(TEXTS), 2), (len(TEXTS), 3))


class ChangingWithEachRequest(list):
    """A log of requests that commits another of two models with every entry."""

    def __init__(self, repository, *folders: Path):
        super().__init__()
        self.repository = repository
        self.models = [_contents(folder) for folder in folders]

    def append(self, request) -> None:
        super().append(request)
        self.repository.commit(self.models[len(self) % 2])


# --- folders that are not for a model ---


def test_a_folder_with_something_else_is_left_alone(hub, online, model_folder, tmp_path):
    hub.add(f"{OWNER}/unwanted", model_folder)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "README.md").write_text("mine")
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    for target, sentence in (
        (tmp_path / "file", "is a file: expected a folder"),
        (tmp_path / "project", "holds README.md, which is not a model's"),
        (tmp_path / "bert", "holds a 'bert' model"),
    ):
        with pytest.raises(ValueError, match=sentence):
            online.submit(pull, f"{OWNER}/unwanted", local_dir=target).result()
    assert (tmp_path / "project" / "README.md").read_text() == "mine"


# --- data sets ---


def test_a_data_set_on_the_hub(hub, online, stranger, tmp_path):
    rows = [f"новость номер {number},{number % 3}" for number in range(60)]
    content = {
        "README.md": b"# Data written for this test",
        "data/train.csv": "\n".join(["news,labels", *rows]).encode(),
        "data/test.csv": "\n".join(["news,labels", *(row.replace("номер", "N") for row in rows)]).encode(),
    }
    sha = hub.add(f"{OWNER}/data", content, kind="datasets")
    splits = online.submit(split_texts, f"{OWNER}/data", sha).result()
    assert set(splits) == {"train", "validation", "test"}
    assert "новость N 7" in splits["test"]
    assert set(splits["train"]) | set(splits["validation"]) == {row.split(",")[0] for row in rows}
    with pytest.raises(FileNotFoundError, match="no such data set on the Hub"):
        online.submit(split_texts, f"{OWNER}/no-data").result()
