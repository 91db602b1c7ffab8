"""Saving whole or not at all, loading with one clear sentence, and the way to the Hub and back."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import LABELS, TEXTS, tiny_bert_config, tiny_model
from loopback_hub import OWNER, TOKEN, LoopbackHub, client, probabilities, split_texts
from safetensors.torch import load_file, save_file
from transformers import BertForSequenceClassification

from bilstm_classifier import Predictor
from bilstm_classifier.hub import load_model, push_model, save_model

MODEL_FILES = {
    "config.json",
    "configuration.py",
    "model.safetensors",
    "modeling.py",
    "tokenizer.json",
    "tokenizer_config.json",
}


# --- saving ---


def test_what_is_saved_is_what_is_loaded(tmp_path, word_tokenizer):
    model = tiny_model()
    folder = save_model(model, word_tokenizer, tmp_path / "new" / "model", max_length=20)
    assert {path.name for path in folder.iterdir()} == MODEL_FILES
    loaded, tokenizer = load_model(folder)
    assert loaded.config.label_names == list(LABELS.values())
    assert tokenizer.backend_tokenizer.truncation["max_length"] == tokenizer.model_max_length == 20
    assert word_tokenizer.model_max_length == 32
    assert tokenizer.backend_tokenizer.padding is None
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, loaded.state_dict()[name]), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_are_stored_in_half_precision_and_the_model_is_left_alone(tmp_path, word_tokenizer, dtype):
    model = tiny_model()
    folder = save_model(model, word_tokenizer, tmp_path, dtype=dtype)
    assert {weight.dtype for weight in load_file(folder / "model.safetensors").values()} == {dtype}
    assert {weight.dtype for weight in model.state_dict().values()} == {torch.float32}
    loaded, _ = load_model(folder)
    assert loaded.dtype == torch.float32
    torch.testing.assert_close(loaded.classifier.weight, model.classifier.weight.to(dtype).float())


def _other_model():
    return tiny_model(lstm_hidden_size=6, id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1})


def _labels_or_sentence(folder: Path) -> list[str] | str:
    try:
        predictor = Predictor.from_pretrained(folder)
    except FileNotFoundError as error:
        return str(error)
    predictor.predict(TEXTS)
    return predictor.labels


@pytest.mark.parametrize("failing", range(1, len(MODEL_FILES) + 1))
def test_a_save_that_fails_leaves_no_mixture(tmp_path, word_tokenizer, monkeypatch, failing):
    save_model(tiny_model(), word_tokenizer, tmp_path)
    original, calls = os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) == failing:
            raise OSError(28, "No space left on device")
        original(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(OSError, match="No space left"):
            save_model(_other_model(), word_tokenizer, tmp_path)
    assert re.search("has no config.json: expected a folder saved by", _labels_or_sentence(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} <= MODEL_FILES  # nothing half-written is left about
    save_model(_other_model(), word_tokenizer, tmp_path)
    assert _labels_or_sentence(tmp_path) == ["no", "yes"]


@pytest.mark.parametrize("step", ["model", "tokenizer"])
def test_a_save_that_cannot_write_keeps_the_old_model(tmp_path, word_tokenizer, monkeypatch, step):
    save_model(tiny_model(), word_tokenizer, tmp_path)
    new = _other_model()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(new if step == "model" else word_tokenizer, "save_pretrained", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(new, word_tokenizer, tmp_path)
    assert _labels_or_sentence(tmp_path) == list(LABELS.values())
    assert {path.name for path in tmp_path.iterdir()} == MODEL_FILES


@pytest.mark.parametrize("last_file", [None, *sorted(MODEL_FILES)])
def test_a_save_killed_midway_leaves_no_mixture(tmp_path, word_tokenizer, monkeypatch, last_file):
    """As if the process had ended at once after ``last_file``: nothing is tidied up."""
    save_model(tiny_model(), word_tokenizer, tmp_path)
    original = os.replace

    def replace(source, target):
        if last_file is None:
            raise KeyboardInterrupt
        original(source, target)
        if Path(target).name == last_file:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        patch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
        with pytest.raises(KeyboardInterrupt):
            save_model(_other_model(), word_tokenizer, tmp_path)
    found = _labels_or_sentence(tmp_path)
    assert found == ["no", "yes"] if last_file == "config.json" else "has no config.json" in found


def test_other_files_in_the_folder_stay(tmp_path, word_tokenizer):
    (tmp_path / "metrics.json").write_text("{}")
    save_model(tiny_model(), word_tokenizer, tmp_path)
    assert (tmp_path / "metrics.json").read_text() == "{}"


def test_a_folder_that_cannot_be_made_is_an_oserror(tmp_path, word_tokenizer):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        save_model(tiny_model(), word_tokenizer, tmp_path / "file" / "model")


# --- loading what is damaged ---


def _cut(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])


def _set(folder: Path, **settings) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


def _without_weight(folder: Path, name: str) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights[name]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _only_a_pickle(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()


def _another_kind(folder: Path) -> None:
    BertForSequenceClassification(tiny_bert_config()).save_pretrained(folder)


DAMAGES = {
    "no config": (lambda f: (f / "config.json").unlink(), OSError, "has no config.json: expected a folder"),
    "nothing": (lambda f: [path.unlink() for path in f.iterdir()], OSError, "has no config.json"),
    "cut config": (lambda f: _cut(f, "config.json"), OSError, "the config of .* is not a valid JSON file"),
    "binary config": (lambda f: (f / "config.json").write_bytes(b"\xff\x00"), OSError, "not a valid JSON"),
    "list for a config": (
        lambda f: (f / "config.json").write_text("[]"),
        ValueError,
        "the config of .* damaged",
    ),
    "config without type": (lambda f: _set(f, model_type=None), ValueError, "holds no model: expected 'bi"),
    "unknown type": (lambda f: _set(f, model_type="nonesuch"), ValueError, "holds a 'nonesuch' model"),
    "another kind": (_another_kind, ValueError, "holds a 'bert' model: expected 'bilstm_classifier'"),
    "bad setting": (lambda f: _set(f, pooling="median"), ValueError, "pooling is 'median'"),
    "bad type of setting": (lambda f: _set(f, dropout="half"), ValueError, "the config of .* damaged"),
    "unknown embedder": (
        lambda f: _set(f, embedder_config={"model_type": "nonesuch"}),
        ValueError,
        "the config of .* nonesuch",
    ),
    "another size": (
        lambda f: _set(f, lstm_hidden_size=9),
        ValueError,
        r"classifier.weight has the shape \(3, 16\), expected \(3, 18\)",
    ),
    "cut weights": (lambda f: _cut(f, "model.safetensors"), ValueError, "the weights of .* are damaged"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), OSError, "no file named model.safetensors"),
    "weights as a pickle": (_only_a_pickle, OSError, "no file named model.safetensors"),
    "weight missing in the head": (
        lambda f: _without_weight(f, "classifier.bias"),
        ValueError,
        "incomplete: 1 are missing, classifier.bias",
    ),
    "weight missing in the embedder": (
        lambda f: _without_weight(f, "embedder.embeddings.word_embeddings.weight"),
        ValueError,
        "incomplete: 1 are missing, embedder",
    ),
    "cut tokenizer": (lambda f: _cut(f, "tokenizer.json"), ValueError, "the tokenizer of .* damaged"),
    "empty tokenizer": (
        lambda f: (f / "tokenizer.json").write_text("{}"),
        ValueError,
        "the tokenizer of .* damaged",
    ),
    "cut tokenizer config": (
        lambda f: _cut(f, "tokenizer_config.json"),
        ValueError,
        "the tokenizer of .* damaged",
    ),
    "no tokenizer": (_no_tokenizer, ValueError, "the tokenizer of .* is missing or damaged"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_told_in_one_sentence(tmp_path, model_folder, name):
    damage, expected, sentence = DAMAGES[name]
    folder = Path(shutil.copytree(model_folder, tmp_path / "copy"))
    damage(folder)
    with pytest.raises(expected, match=sentence) as caught:
        load_model(folder)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("/no/such/folder", "is not a folder: expected a folder saved by"),
        ("./no-such-folder", "is not a folder"),
        ("owner/name/model", "is not a folder"),
        ("two words", "no such model on the Hub"),
        ("owner/name", "the Hub cannot be reached"),  # the tests run offline
    ],
)
def test_a_source_that_is_not_there(source, sentence):
    with pytest.raises(OSError, match=sentence) as caught:
        load_model(source)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_in_the_home_directory(model_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(model_folder.parent))
    assert load_model(f"~/{model_folder.name}")[0].config.label_names == list(LABELS.values())


# --- the Hub ---


@pytest.fixture(scope="module")
def hub():
    with LoopbackHub() as server:
        yield server


@pytest.fixture(scope="module")
def online(hub, tmp_path_factory):
    """Another Python that reaches the Hub."""
    with client(hub.url, tmp_path_factory.mktemp("home")) as pool:
        yield pool


@pytest.fixture(scope="module")
def expected(model_folder):
    return Predictor.from_pretrained(model_folder).predict_proba(TEXTS)


def _pushed(online, folder: Path, name: str, **settings) -> str:
    """Push ``folder``; the commit's 40 digits."""
    address = online.submit(push_model, folder, name, token=TOKEN, **settings).result()
    return address.rsplit("/", 1)[1]


def test_a_pushed_model_gives_the_same_probabilities(hub, online, model_folder, expected):
    sha = _pushed(online, model_folder, f"{OWNER}/news")
    assert re.fullmatch("[0-9a-f]{40}", sha)
    assert set(hub.files(f"{OWNER}/news")) == {*MODEL_FILES, ".gitattributes"}
    for revision in (sha, None):
        found = online.submit(probabilities, f"{OWNER}/news", TEXTS, revision).result()
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_revision_is_the_model_of_its_day(hub, online, tmp_path, word_tokenizer, model_folder, expected):
    first = _pushed(online, model_folder, f"{OWNER}/pinned")
    second = _pushed(
        online, save_model(_other_model(), word_tokenizer, tmp_path, max_length=32), f"{OWNER}/pinned"
    )
    assert first != second
    found = online.submit(probabilities, f"{OWNER}/pinned", TEXTS, first).result()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.shape(online.submit(probabilities, f"{OWNER}/pinned", TEXTS).result()) == (len(TEXTS), 2)


def test_pushing_again_without_a_change_makes_no_commit(hub, online, model_folder):
    first = _pushed(online, model_folder, f"{OWNER}/again")
    assert _pushed(online, model_folder, f"{OWNER}/again") == first


def test_neither_code_nor_pickles_are_fetched(hub, online, model_folder):
    files = {path.name: path.read_bytes() for path in model_folder.iterdir()}
    hub.add(
        f"{OWNER}/plain", {**files, "pytorch_model.bin": b"pickle", "checkpoint-1/model.safetensors": b""}
    )
    online.submit(probabilities, f"{OWNER}/plain", TEXTS).result()
    fetched = [path for method, path in hub.requests if method == "GET" and f"{OWNER}/plain/resolve" in path]
    assert {path.rsplit("/", 1)[1] for path in fetched} == {
        name for name in MODEL_FILES if not name.endswith(".py")
    }
    assert len(fetched) == 4


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
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"not for the Hub")
    (folder / "metrics.json").write_text("{}")
    _pushed(online, folder, f"{OWNER}/run")
    assert set(hub.files(f"{OWNER}/run")) == {*MODEL_FILES, ".gitattributes", "metrics.json"}


def test_a_private_repository_needs_the_token(hub, online, model_folder):
    _pushed(online, model_folder, f"{OWNER}/secret", private=True)
    assert hub.repositories["models", f"{OWNER}/secret"].private
    with pytest.raises(OSError, match=r"no such model on the Hub .* log in if it is private"):
        online.submit(probabilities, f"{OWNER}/secret", TEXTS).result()


def test_pushing_without_a_token_is_refused(hub, online, model_folder):
    with pytest.raises(OSError, match=r"pushing to owner/none failed, .* is kept as it is: .*401") as caught:
        online.submit(push_model, model_folder, f"{OWNER}/none").result()
    assert len(str(caught.value).splitlines()) == 1
    assert ("models", f"{OWNER}/none") not in hub.repositories


@pytest.mark.parametrize("empty", [True, False])
def test_pushing_what_is_no_model_makes_no_repository(hub, online, tmp_path, empty):
    with pytest.raises(OSError, match="has no config.json" if empty else "is not a folder"):
        online.submit(
            push_model, tmp_path if empty else tmp_path / "none", f"{OWNER}/none", token=TOKEN
        ).result()
    assert ("models", f"{OWNER}/none") not in hub.repositories


def test_what_the_hub_does_not_have(hub, online, model_folder):
    hub.add(f"{OWNER}/there", model_folder)
    hub.add(f"{OWNER}/no-config", {"README.md": b"# A card"})
    for name, revision, sentence in (
        (f"{OWNER}/nowhere", None, "no such model on the Hub"),
        (f"{OWNER}/there", "no-such-branch", "at revision no-such-branch: .* no such model on the Hub"),
        (f"{OWNER}/there", "0" * 40, f"at revision {'0' * 40}: .* no such model on the Hub"),
        (f"{OWNER}/no-config", None, "has no config.json"),
    ):
        with pytest.raises(OSError, match=sentence) as caught:
            online.submit(probabilities, name, TEXTS, revision).result()
        assert name in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_damage_on_the_hub(hub, online, model_folder):
    files = {path.name: path.read_bytes() for path in model_folder.iterdir()}
    weights, tokenizer = files["model.safetensors"], files["tokenizer.json"]
    for name, changed, sentence in (
        ("cut-weights", {"model.safetensors": weights[: len(weights) // 2]}, "the weights of .* are damaged"),
        ("cut-tokenizer", {"tokenizer.json": tokenizer[:100]}, "the tokenizer of .* damaged"),
        ("bert", {"config.json": b'{"model_type": "bert"}'}, "holds a 'bert' model"),
    ):
        hub.add(f"{OWNER}/{name}", {**files, **changed})
        with pytest.raises(ValueError, match=sentence):
            online.submit(probabilities, f"{OWNER}/{name}", TEXTS).result()
    del files["model.safetensors"]
    hub.add(f"{OWNER}/no-weights", files)
    with pytest.raises(OSError, match="the weights of owner/no-weights could not be read"):
        online.submit(probabilities, f"{OWNER}/no-weights", TEXTS).result()


def test_a_data_set_on_the_hub(hub, online):
    rows = [f"новость номер {number},{number % 3}" for number in range(60)]
    sha = hub.add(
        f"{OWNER}/data",
        {
            "README.md": b"# Data written for this test",
            "data/train.csv": "\n".join(["news,labels", *rows]).encode(),
            "data/test.csv": "\n".join(
                ["news,labels", *(row.replace("номер", "N") for row in rows)]
            ).encode(),
        },
        kind="datasets",
    )
    splits = online.submit(split_texts, f"{OWNER}/data", sha).result()
    assert set(splits) == {"train", "validation", "test"}
    assert "новость N 7" in splits["test"]
    assert set(splits["train"]) | set(splits["validation"]) == {row.split(",")[0] for row in rows}
    with pytest.raises(FileNotFoundError, match="no such data set on the Hub"):
        online.submit(split_texts, f"{OWNER}/no-data").result()


@pytest.mark.slow
def test_what_was_loaded_once_works_offline(tmp_path, model_folder, expected):
    home = tmp_path / "home"
    with LoopbackHub() as hub:
        sha = hub.add(f"{OWNER}/news", model_folder)
        with client(hub.url, home) as online:
            online.submit(probabilities, f"{OWNER}/news", TEXTS).result()
    with client(hub.url, home, HF_HUB_OFFLINE="1") as offline:
        for revision in (None, "main", sha):
            found = offline.submit(probabilities, f"{OWNER}/news", TEXTS, revision).result()
            np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.slow
def test_parts_of_two_commits_never_meet(tmp_path, model_folder, word_tokenizer):
    """The repository changes between two requests of one load: all files still come from one commit."""
    other = save_model(_other_model(), word_tokenizer, tmp_path / "other", max_length=32)
    with LoopbackHub() as hub, client(hub.url, tmp_path / "home") as online:
        hub.add(f"{OWNER}/news", model_folder)
        repository = hub.repositories["models", f"{OWNER}/news"]
        hub.requests = ChangingWithEachRequest(repository, model_folder, other)
        found = online.submit(probabilities, f"{OWNER}/news", TEXTS).result()
        assert len(repository.commits) > 5
    assert np.shape(found) in ((len(TEXTS), 2), (len(TEXTS), 3))


class ChangingWithEachRequest(list):
    """A log of requests that commits another of two models with every entry."""

    def __init__(self, repository, *folders: Path):
        super().__init__()
        self.repository = repository
        self.models = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]

    def append(self, request) -> None:
        super().append(request)
        self.repository.commit(self.models[len(self) % 2])


@pytest.mark.slow
def test_without_network(tmp_path, model_folder, expected):
    with LoopbackHub() as hub:
        hub.add(f"{OWNER}/news", model_folder)
        with client(hub.url, tmp_path) as online:
            online.submit(probabilities, f"{OWNER}/news", TEXTS).result()
            hub.stop()
            found = online.submit(probabilities, f"{OWNER}/news", TEXTS).result()
            np.testing.assert_allclose(found, expected, atol=1e-6)
            with pytest.raises(OSError, match="the Hub cannot be reached") as caught:
                online.submit(probabilities, f"{OWNER}/other", TEXTS).result()
            assert len(str(caught.value).splitlines()) == 1
            with pytest.raises(OSError, match=r"pushing to owner/news failed, .* is kept as it is") as caught:
                online.submit(push_model, model_folder, f"{OWNER}/news", token=TOKEN).result()
            assert len(str(caught.value).splitlines()) == 1
