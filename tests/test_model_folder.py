"""Saving whole or not at all, loading with one clear sentence."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from conftest import LABELS, TEXTS, tiny_bert_config, tiny_model
from safetensors.torch import load_file, save_file
from transformers import BertForSequenceClassification

from bilstm_classifier import Predictor
from bilstm_classifier.model_folder import load_model, save_model

MODEL_FILES = {
    "config.json",
    "configuration.py",
    "embedder.py",
    "layers.py",
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


# Each file of the old model is moved away, then each of the new one into its place.
MOVES = 2 * len(MODEL_FILES)


@pytest.mark.parametrize("failing", range(1, MOVES + 1))
def test_a_save_that_fails_leaves_the_old_model(tmp_path, word_tokenizer, monkeypatch, failing):
    save_model(tiny_model(), word_tokenizer, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
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
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    save_model(_other_model(), word_tokenizer, tmp_path)
    assert _labels_or_sentence(tmp_path) == ["no", "yes"]


def test_a_folder_in_the_way_is_named_before_anything_is_moved(tmp_path, word_tokenizer):
    save_model(tiny_model(), word_tokenizer, tmp_path)
    (tmp_path / "layers.py").unlink()
    (tmp_path / "layers.py").mkdir()
    with pytest.raises(OSError, match=r"layers.py is a folder where a file of the model has to go"):
        save_model(_other_model(), word_tokenizer, tmp_path)
    assert _labels_or_sentence(tmp_path) == list(LABELS.values())


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


@pytest.mark.parametrize("moves", [0, 1, 2, MOVES // 2, MOVES // 2 + 1, MOVES - 1, MOVES])
def test_a_save_killed_midway_leaves_no_mixture(tmp_path, word_tokenizer, moves):
    """The process ends at once after so many moves: nothing is tidied up."""
    save_model(tiny_model(), word_tokenizer, tmp_path)
    if (child := os.fork()) == 0:
        original, done = os.replace, []

        def replace(source, target):
            if len(done) < moves:
                original(source, target)
                done.append(target)
            if len(done) == moves:
                os._exit(9)

        os.replace = replace
        save_model(_other_model(), word_tokenizer, tmp_path)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    found = _labels_or_sentence(tmp_path)
    if moves == 0:
        assert found == list(LABELS.values())
    elif moves == MOVES:
        assert found == ["no", "yes"]
    else:
        assert "has no config.json: expected a folder saved by" in found
    save_model(_other_model(), word_tokenizer, tmp_path)
    assert _labels_or_sentence(tmp_path) == ["no", "yes"]
    assert {path.name for path in tmp_path.iterdir()} == MODEL_FILES


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
    "future format": (
        lambda f: _set(f, format_version=2),
        ValueError,
        r"saved by a newer release .* \(format_version 2, this one reads up to 1\): pip install --upgrade",
    ),
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
    "no weights": (
        lambda f: (f / "model.safetensors").unlink(),
        OSError,
        "has no model.safetensors, and pickles are not read",
    ),
    "weights as a pickle": (_only_a_pickle, OSError, "has no model.safetensors, and pickles are not read"),
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
        ("owner/name", "was not downloaded before"),  # the tests run offline
    ],
)
def test_a_source_that_is_not_there(source, sentence):
    with pytest.raises(OSError, match=sentence) as caught:
        load_model(source)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_in_the_home_directory(model_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(model_folder.parent))
    assert load_model(f"~/{model_folder.name}")[0].config.label_names == list(LABELS.values())
