"""From a folder to the Hub in one commit: what is pushed, what is kept, and what happens when it fails."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import TEXTS
from safetensors.torch import load_file, save_file

from .faults import Fault
from .server import OWNER, READ_TOKEN, TOKEN
from .tasks import push, push_bare_model, push_predictor, scores

CODE = {"configuration.py", "embedder.py", "layers.py", "modeling.py"}
MODEL_FILES = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} | CODE
PUSHED_FILES = {*MODEL_FILES, "README.md", ".gitattributes"}


def _pushed(online, folder: Path, name: str, **settings) -> str:
    """Push ``folder``; the commit's 40 digits."""
    address, _ = online.submit(push, folder, name, **settings).result()
    return address.rsplit("/", 1)[1]


def _commits(hub, name: str) -> int:
    return len(hub.repositories["models", name].commits)


@pytest.fixture(autouse=True)
def no_faults_left(hub):
    yield
    hub.faults.clear()


# --- what is pushed ---


@pytest.mark.parametrize("lfs_over", [0, 10**9], ids=["LFS", "inline"])
def test_a_pushed_model_gives_the_same_probabilities(hub, online, model_folder, expected, lfs_over):
    hub.lfs_over, name = lfs_over, f"{OWNER}/news-{lfs_over}"
    sha = _pushed(online, model_folder, name)
    assert re.fullmatch("[0-9a-f]{40}", sha)
    assert set(hub.files(name)) == PUSHED_FILES
    put = [path for method, path in hub.requests if method == "PUT"]
    assert bool(put) == (lfs_over == 0)
    for revision in (sha, None):
        found = online.submit(scores, name, TEXTS, revision=revision).result()
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert _commits(hub, name) == 2  # that of the new repository, and one for all files
    hub.requests.clear()


def test_pushing_again_without_a_change_makes_no_commit(hub, online, model_folder):
    name = f"{OWNER}/again"
    first = online.submit(push, model_folder, name).result()
    again = online.submit(push, model_folder, name).result()
    assert (first[1], again[1]) == (True, False)
    assert first[0] == again[0]
    assert _commits(hub, name) == 2


def test_a_new_model_takes_the_place_of_the_old_one_wholly(hub, online, model_folder, other_folder, expected):
    name = f"{OWNER}/replaced"
    first = _pushed(online, model_folder, name)
    persons = {
        "notes.txt",
        "models/v1/model.safetensors",
        "modelA/x.safetensors",
        "tokenizer_notes/config.json",
    }
    olds = {"model-00001-of-00002.safetensors", "metrics.json", "confusion_matrix.png"}
    hub.repositories["models", name].commit(hub.files(name) | dict.fromkeys(persons | olds, b"{}"))
    second = _pushed(online, other_folder, name)
    assert first != second
    assert set(hub.files(name)) == PUSHED_FILES | persons
    assert np.shape(online.submit(scores, name, TEXTS).result()) == (len(TEXTS), 2)
    found = online.submit(scores, name, TEXTS, revision=first).result()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_what_a_run_leaves_behind_is_not_pushed(hub, online, tmp_path, model_folder):
    folder = Path(shutil.copytree(model_folder, tmp_path / "run"))
    for name in (
        "training_args.bin",
        "checkpoint-10/model.safetensors",
        "checkpoint-10/optimizer.pt",
        "checkpoint-10/rng_state.pth",
        "embeddings/train.npy",
        ".save.tmp-abc/model.safetensors",
        "notes.pkl",
        "model.pth",
        "pytorch_model.bin",
        ".env",
        "tokenizer.pkl",
        "tokenizer_secret.env",
        "model.safetensors.pkl",
        "model-old.safetensors.bak",
        "holiday.png",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"not for the Hub")
    (folder / "loss_curves.png").write_bytes(b"a picture")
    online.submit(push, folder, f"{OWNER}/run").result()
    assert set(hub.files(f"{OWNER}/run")) == PUSHED_FILES | {"loss_curves.png"}


def test_a_folder_without_code_is_pushed_with_it(hub, online, model_folder, tmp_path):
    """The packaged model is such a folder."""
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    for name in CODE:
        (folder / name).unlink()
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(re.sub(r'"auto_map": \{[^}]*\},', "", config))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    online.submit(push, folder, f"{OWNER}/no-code").result()
    files = hub.files(f"{OWNER}/no-code")
    assert set(files) > CODE
    assert b'"AutoConfig": "configuration.BiLSTMConfig"' in files["config.json"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_predictor_is_pushed(hub, online, model_folder, expected):
    online.submit(push_predictor, model_folder, f"{OWNER}/predictor").result()
    assert set(hub.files(f"{OWNER}/predictor")) == PUSHED_FILES
    found = online.submit(scores, f"{OWNER}/predictor", TEXTS).result()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_predictor_is_pushed_with_the_figures_of_where_it_was_loaded_from(
    hub, online, model_folder, tmp_path
):
    """In the precision of its file, too: pushing what was pulled changes nothing."""
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    weights = {key: weight.half() for key, weight in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "metrics.json").write_text('{"rows": {"train": 7}}')
    (folder / "confusion_matrix.png").write_bytes(b"a picture")
    name = f"{OWNER}/with-figures"
    first = online.submit(push_predictor, folder, name).result()
    assert {"metrics.json", "confusion_matrix.png"} < set(hub.files(name))
    assert online.submit(push_predictor, name, name).result() == first
    assert hub.files(name)["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    online.submit(push_predictor, name, f"{OWNER}/changed", change=True).result()
    assert "metrics.json" not in hub.files(f"{OWNER}/changed")


def test_transformers_own_push_works_too(hub, online, model_folder, expected):
    online.submit(push_bare_model, model_folder, f"{OWNER}/bare", TOKEN).result()
    assert not [name for name in hub.files(f"{OWNER}/bare") if name.endswith((".bin", ".pt", ".pth"))]
    found = online.submit(scores, f"{OWNER}/bare", TEXTS).result()
    np.testing.assert_allclose(found, expected, atol=1e-6)


# --- where to ---


def test_private_is_not_asked_for_in_vain(hub, online, model_folder, other_folder):
    name = f"{OWNER}/public"
    online.submit(push, model_folder, name).result()
    before = hub.files(name)
    with pytest.raises(ValueError, match="is there already and is public: make it private in its settings"):
        online.submit(push, other_folder, name, private=True).result()
    assert hub.files(name) == before


def test_a_private_repository_is_for_those_with_the_token(hub, online, stranger, model_folder, expected):
    name = f"{OWNER}/secret"
    online.submit(push, model_folder, name, private=True).result()
    assert hub.repositories["models", name].private
    with pytest.raises(OSError, match=r"no such model on the Hub\. .* log in if it is private"):
        stranger.submit(scores, name, TEXTS).result()
    for token in (TOKEN, READ_TOKEN):
        found = stranger.submit(scores, name, TEXTS, token=token).result()
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_branch_is_made_and_the_main_one_left_alone(hub, online, model_folder, other_folder):
    name = f"{OWNER}/branched"
    online.submit(push, model_folder, name).result()
    main = hub.files(name)
    online.submit(push, other_folder, name, revision="trial").result()
    assert hub.files(name) == main
    assert np.shape(online.submit(scores, name, TEXTS, revision="trial").result()) == (len(TEXTS), 2)


def test_a_pull_request_leaves_the_main_branch_alone(hub, online, model_folder, other_folder):
    name = f"{OWNER}/asked"
    online.submit(push, model_folder, name).result()
    main = hub.files(name)
    address, changed = online.submit(push, other_folder, name, create_pr=True).result()
    assert changed
    assert "/discussions/1" in address
    assert hub.files(name) == main
    found = online.submit(scores, name, TEXTS, revision="refs/pr/1").result()
    assert np.shape(found) == (len(TEXTS), 2)
    with pytest.raises(ValueError, match="a pull request goes to the main branch"):
        online.submit(push, other_folder, name, create_pr=True, revision="trial").result()


# --- cards ---


def test_a_card_that_a_person_edited_keeps_its_text(hub, online, model_folder, other_folder):
    name = f"{OWNER}/carded"
    online.submit(push, model_folder, name).result()
    generated = hub.files(name)["README.md"].decode()
    edited = "---\nlicense: apache-2.0\ntags: [mine]\n---\n\n# My own words\n\nNobody else's.\n"
    hub.repositories["models", name].commit(hub.files(name) | {"README.md": edited.encode()})
    online.submit(push, other_folder, name).result()
    found = hub.files(name)["README.md"].decode()
    assert found.partition("\n---\n")[2] == edited.partition("\n---\n")[2]
    assert "license: apache-2.0" in found
    assert "- mine" in found
    assert "library_name: transformers" in found
    commits = _commits(hub, name)
    online.submit(push, other_folder, name).result()
    assert _commits(hub, name) == commits
    assert generated != found


def test_a_card_that_nobody_edited_is_that_of_the_new_model(hub, online, model_folder, other_folder):
    name = f"{OWNER}/renewed"
    online.submit(push, model_folder, name).result()
    assert "culture" in hub.files(name)["README.md"].decode()
    online.submit(push, other_folder, name).result()
    assert "culture" not in hub.files(name)["README.md"].decode()


# --- failures ---


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST .*/commit/", "status", status=500),
        Fault("POST .*/commit/", "status", status=503, times=2),
        Fault("POST .*/commit/", "status", status=429, headers={"Retry-After": "0"}),
        Fault("POST .*/commit/", "drop", after=1000),
        Fault("POST .*/commit/", "lost answer"),
        Fault("PUT ", "drop", after=1000),
        Fault("PUT ", "status", status=500),
        Fault("POST .*/info/lfs/objects/batch", "status", status=503),
        Fault("POST .*/preupload/", "drop"),
        Fault("POST api/repos/create", "status", status=503),
        Fault("POST api/validate-yaml", "drop"),
        Fault("GET api/models/[^/]+/[^/]+$", "status", status=502),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status if fault.kind == 'status' else ''} {fault.on}",
)
def test_what_passes_is_tried_again(hub, online, model_folder, expected, tmp_path, fault):
    hub.lfs_over, name = 1000, f"{OWNER}/flaky-{len(hub.repositories)}"
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    weights = load_file(folder / "model.safetensors")
    # a file that this Hub has never seen, or it would not be uploaded
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt", "name": name})
    hub.faults.append(fault)
    _, changed = online.submit(push, folder, name).result()
    assert fault.struck
    assert changed
    assert _commits(hub, name) == 2
    found = online.submit(scores, name, TEXTS).result()
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST .*/commit/", "status", status=503, times=None),
        Fault("POST .*/commit/", "drop", after=1000, times=None),
        Fault("PUT ", "drop", after=1000, times=None),
        Fault("PUT ", "status", status=403, times=None),
    ],
    ids=lambda fault: f"{fault.kind} {fault.on}",
)
def test_a_push_that_fails_leaves_the_old_version_whole(
    hub, online, model_folder, other_folder, expected, fault
):
    hub.lfs_over, name = 1000, f"{OWNER}/kept-{fault.kind}-{fault.on[:4].strip()}-{fault.status}"
    _pushed(online, model_folder, name)
    before = hub.files(name)
    hub.faults.append(fault)
    with pytest.raises(OSError, match=f"pushing to {name} failed, nothing was changed there") as caught:
        online.submit(push, other_folder, name).result()
    assert len(str(caught.value).splitlines()) == 1
    assert hub.files(name) == before
    found = online.submit(scores, name, TEXTS).result()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    hub.faults.clear()
    online.submit(push, other_folder, name).result()
    assert hub.files(name) != before


def test_what_another_commits_meanwhile_is_not_overwritten(hub, online, model_folder, other_folder):
    """A commit between reading the card and writing it makes the push start again."""
    name = f"{OWNER}/raced"
    online.submit(push, model_folder, name).result()
    card = b"---\nlicense: mit\n---\n\n# Written in the meantime\n"
    original, hub.requests = hub.requests, _CommitBefore(f"api/models/{name}/preupload", hub, name, card)
    try:
        online.submit(push, other_folder, name).result()
        assert hub.requests.done
    finally:
        hub.requests = original
    assert b"# Written in the meantime" in hub.files(name)["README.md"]
    assert np.shape(online.submit(scores, name, TEXTS).result()) == (len(TEXTS), 2)


class _CommitBefore(list):
    """A log of requests that commits a card just before the first request for ``path``."""

    def __init__(self, path: str, hub, name: str, card: bytes):
        super().__init__()
        self.path, self.hub, self.name, self.card, self.done = path, hub, name, card, False

    def append(self, request) -> None:
        super().append(request)
        if request[1].startswith(self.path) and not self.done:
            self.done = True
            files = self.hub.files(self.name) | {"README.md": self.card}
            self.hub.repositories["models", self.name].commit(files)


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        (False, r"401.* Log in with a token that may write"),
        ("hf_wrong", r"401.* Log in with a token that may write"),
        (READ_TOKEN, r"403.* The token may not write there"),
    ],
)
def test_a_token_that_may_not_write(hub, online, model_folder, token, sentence):
    name = f"{OWNER}/none"
    with pytest.raises(OSError, match=f"pushing to {name} failed, .*{sentence}") as caught:
        online.submit(push, model_folder, name, token=token).result()
    assert len(str(caught.value).splitlines()) == 1
    assert ("models", name) not in hub.repositories


@pytest.mark.parametrize(
    "name", ["news", "a/b/c", "own er/news", "owner/", "/news", "owner/ne..ws", "владелец/новости"]
)
def test_a_name_that_is_not_owner_and_name(hub, online, model_folder, name):
    before = len(hub.requests)
    with pytest.raises(ValueError, match=r"is no repository's name.* expected owner/name") as caught:
        online.submit(push, model_folder, name).result()
    assert len(str(caught.value).splitlines()) == 1
    assert len(hub.requests) == before


def test_what_is_no_model_or_a_damaged_one_is_not_pushed(hub, online, tmp_path, model_folder):
    cut = Path(shutil.copytree(model_folder, tmp_path / "cut"))
    weights = (cut / "model.safetensors").read_bytes()
    (cut / "model.safetensors").write_bytes(weights[:-10])
    (tmp_path / "empty").mkdir()
    for folder, sentence in (
        (tmp_path / "none", "is not a folder"),
        (tmp_path / "empty", "has no config.json"),
        (cut, "the weights of .* are damaged"),
    ):
        with pytest.raises((OSError, ValueError), match=sentence):
            online.submit(push, folder, f"{OWNER}/none").result()
    assert ("models", f"{OWNER}/none") not in hub.repositories
