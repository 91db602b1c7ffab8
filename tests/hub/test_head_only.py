"""A model over a public frozen encoder is saved without it, and is never loaded with another one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import LABELS, TEXTS, tiny_bert_config
from safetensors.torch import load_file, save_file
from transformers import BertModel

from .clients import client
from .server import OWNER, LoopbackHub
from .tasks import embedder_weights, new_classifier, pull, push, scores

ENCODER = f"{OWNER}/encoder"
CLASSES = {"id2label": LABELS, "label2id": {name: index for index, name in LABELS.items()}}


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory, word_tokenizer) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(1)
    BertModel(tiny_bert_config()).save_pretrained(folder)
    word_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def commit(hub, encoder_folder) -> str:
    return hub.add(ENCODER, encoder_folder)


@pytest.fixture(scope="module")
def head(online, commit, encoder_folder, tmp_path_factory) -> Path:
    """A classifier over the encoder on the Hub, saved without it."""
    folder = tmp_path_factory.mktemp("head")
    online.submit(new_classifier, ENCODER, encoder_folder, folder, **CLASSES).result()
    return folder


@pytest.fixture(scope="module")
def whole(online, commit, encoder_folder, tmp_path_factory) -> Path:
    """The same classifier with its encoder."""
    folder = tmp_path_factory.mktemp("whole")
    settings = {**CLASSES, "include_embedder": True}
    online.submit(new_classifier, ENCODER, encoder_folder, folder, **settings).result()
    return folder


def _config(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())


def _set(folder: Path, **settings) -> None:
    (folder / "config.json").write_text(json.dumps({**_config(folder), **settings}))


def test_only_our_own_layers_are_saved_and_the_commit_is_named(hub, head, whole, commit):
    own, all_weights = (load_file(folder / "model.safetensors") for folder in (head, whole))
    assert not [name for name in own if name.startswith("embedder.")]
    assert own.keys() == {name for name in all_weights if not name.startswith("embedder.")}
    config = _config(head)
    assert (config["embedder_repo_id"], config["embedder_commit"]) == (ENCODER, commit)
    assert _config(whole)["embedder_repo_id"] is None
    # later commits of the encoder change nothing
    hub.repositories["models", ENCODER].commit({"config.json": b"{}", "model.safetensors": b""})


def test_both_give_the_same_answers_with_the_weights_of_that_commit(online, head, whole, encoder_folder):
    expected = online.submit(scores, whole, TEXTS).result()
    np.testing.assert_allclose(online.submit(scores, head, TEXTS).result(), expected, atol=1e-6)
    published = load_file(encoder_folder / "model.safetensors")
    found = online.submit(embedder_weights, head).result()
    assert found
    for name, weight in found.items():
        np.testing.assert_array_equal(np.array(weight), published[name].numpy(), err_msg=name)


def test_what_was_trained_is_saved_whole(online, commit, encoder_folder, tmp_path):
    for number, settings in enumerate(({"freeze_embedder": False}, {"unfreeze_last_layers": 1})):
        folder = tmp_path / str(number)
        online.submit(new_classifier, ENCODER, encoder_folder, folder, revision=commit, **settings).result()
        assert [name for name in load_file(folder / "model.safetensors") if name.startswith("embedder.")]
        assert _config(folder)["embedder_repo_id"] is None


def test_an_encoder_on_this_disk_is_saved_with_the_model(online, encoder_folder, tmp_path):
    online.submit(new_classifier, str(encoder_folder), encoder_folder, tmp_path).result()
    assert [name for name in load_file(tmp_path / "model.safetensors") if name.startswith("embedder.")]
    assert _config(tmp_path)["embedder_repo_id"] is None


def test_a_classifier_over_the_encoder_of_another_names_the_encoder(online, head, commit, tmp_path):
    config = online.submit(new_classifier, str(head), head, tmp_path).result()
    assert (config["embedder_repo_id"], config["embedder_commit"]) == (ENCODER, commit)


def test_pushed_and_pulled_it_works_offline_without_a_connection(hub, online, head, whole, tmp_path):
    online.submit(push, head, f"{OWNER}/head").result()
    files = hub.files(f"{OWNER}/head")
    assert b'"embedder_repo_id": "owner/encoder"' in files["config.json"]
    assert len(files["model.safetensors"]) == (head / "model.safetensors").stat().st_size
    expected = online.submit(scores, whole, TEXTS).result()
    with client(hub.url, tmp_path / "home") as other:
        other.submit(pull, f"{OWNER}/head").result()
        before = len(hub.requests)
        settings = {"local_files_only": True}
        found = other.submit(scores, f"{OWNER}/head", TEXTS, **settings).result()
        assert len(hub.requests) == before
        np.testing.assert_allclose(found, expected, atol=1e-6)
    with client(hub.url, tmp_path / "home", HF_HUB_OFFLINE="1") as offline:
        found = offline.submit(scores, f"{OWNER}/head", TEXTS).result()
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(hub.requests) == before


def test_pushed_whole_it_needs_no_other_repository(hub, online, head, whole, tmp_path):
    online.submit(push, head, f"{OWNER}/whole", include_embedder=True).result()
    expected = online.submit(scores, whole, TEXTS).result()
    with LoopbackHub() as other_hub:
        other_hub.add(f"{OWNER}/whole", hub.files(f"{OWNER}/whole"))
        with client(other_hub.url, tmp_path) as other:
            found = other.submit(scores, f"{OWNER}/whole", TEXTS).result()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_half_precision_halves_the_file(online, commit, encoder_folder, head, tmp_path):
    settings = {**CLASSES, "revision": commit, "dtype": "float16"}
    online.submit(new_classifier, ENCODER, encoder_folder, tmp_path, **settings).result()
    found = load_file(tmp_path / "model.safetensors")
    assert {weight.dtype for weight in found.values()} == {torch.float16}
    numbers = [sum(w.numel() for w in load_file(f / "model.safetensors").values()) for f in (tmp_path, head)]
    assert numbers[0] == numbers[1]
    exact = np.array(online.submit(scores, head, TEXTS).result())
    np.testing.assert_allclose(online.submit(scores, tmp_path, TEXTS).result(), exact, atol=2e-3)


# --- an embedder that is not what the config says ---


def _with_encoder(hub, head: Path, target: Path, name: str, files: dict[str, bytes]) -> Path:
    """The model over another encoder, made of ``files``."""
    sha = hub.add(f"{OWNER}/{name}", files)
    folder = Path(shutil.copytree(head, target))
    _set(folder, embedder_repo_id=f"{OWNER}/{name}", embedder_commit=sha)
    return folder


def _without(encoder_folder: Path, tmp_path: Path, prefix: str) -> dict[str, bytes]:
    weights = load_file(encoder_folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if not name.startswith(prefix)}
    assert len(kept) < len(weights)
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return _files(encoder_folder) | {"model.safetensors": (tmp_path / "model.safetensors").read_bytes()}


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("missing", ["embeddings.word_embeddings", "encoder.layer.1", "e"])
def test_an_encoder_with_weights_missing_is_refused(hub, online, head, encoder_folder, tmp_path, missing):
    files = _without(encoder_folder, tmp_path, missing)
    folder = _with_encoder(hub, head, tmp_path / "model", f"without-{missing[-1]}", files)
    for task in (scores, embedder_weights):  # our loader, and transformers' from_pretrained
        arguments = (TEXTS,) if task is scores else ()
        with pytest.raises(ValueError, match=r"the encoder owner/without-. at revision \w{40} is incomplete"):
            online.submit(task, folder, *arguments).result()


def test_an_encoder_without_a_pooler_is_whole(hub, online, head, whole, encoder_folder, tmp_path):
    files = _without(encoder_folder, tmp_path, "pooler")
    folder = _with_encoder(hub, head, tmp_path / "model", "without-pooler", files)
    expected = online.submit(scores, whole, TEXTS).result()
    np.testing.assert_allclose(online.submit(scores, folder, TEXTS).result(), expected, atol=1e-6)


def test_an_encoder_in_a_pickle_is_refused(hub, online, head, encoder_folder, tmp_path):
    torch.save(load_file(encoder_folder / "model.safetensors"), tmp_path / "pytorch_model.bin")
    files = _files(encoder_folder) | {"pytorch_model.bin": (tmp_path / "pytorch_model.bin").read_bytes()}
    del files["model.safetensors"]
    folder = _with_encoder(hub, head, tmp_path / "model", "pickled", files)
    with pytest.raises(OSError, match=r"has no model.safetensors, and pickles are not read") as caught:
        online.submit(scores, folder, TEXTS).result()
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(OSError, match=r"has no model.safetensors, and pickles are not read"):
        online.submit(new_classifier, f"{OWNER}/pickled", encoder_folder, tmp_path / "new").result()


def test_an_encoder_of_another_size_is_refused(hub, online, head, tmp_path):
    BertModel(tiny_bert_config(hidden_size=20, intermediate_size=8)).save_pretrained(tmp_path / "other")
    folder = _with_encoder(hub, head, tmp_path / "model", "other-size", _files(tmp_path / "other"))
    with pytest.raises(ValueError, match=r"does not go with its config: .* has the shape"):
        online.submit(scores, folder, TEXTS).result()


def test_an_encoder_that_is_gone_is_named(hub, online, head, tmp_path):
    for number, (settings, sentence) in enumerate(
        (
            (
                {"embedder_repo_id": f"{OWNER}/gone"},
                "the embedder that .* was saved without cannot be had: .*gone",
            ),
            ({"embedder_commit": "0" * 40}, "has no such branch, tag or commit"),
            ({"embedder_commit": "main"}, "embedder_commit is 'main': expected the 40 digits of a commit"),
            ({"embedder_commit": None}, "embedder_repo_id and embedder_commit go together"),
        )
    ):
        folder = Path(shutil.copytree(head, tmp_path / str(number)))
        _set(folder, **settings)
        with pytest.raises((OSError, ValueError), match=sentence) as caught:
            online.submit(scores, folder, TEXTS).result()
        assert len(str(caught.value).splitlines()) == 1


def test_an_encoder_that_is_not_public_is_not_left_out(hub, online, head, encoder_folder, tmp_path):
    sha = hub.add(f"{OWNER}/private-encoder", encoder_folder, private=True)
    folder = Path(shutil.copytree(head, tmp_path / "model"))
    _set(folder, embedder_repo_id=f"{OWNER}/private-encoder", embedder_commit=sha)
    name = f"{OWNER}/over-private"
    with pytest.raises(ValueError, match=r"is not public, .* give --include-embedder"):
        online.submit(push, folder, name).result()
    assert ("models", name) not in hub.repositories
    online.submit(push, folder, name, private=True).result()
    assert hub.repositories["models", name].private
