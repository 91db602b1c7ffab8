import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import REPOSITORY, TEXT_LABELS, TEXTS, tiny_model

from bilstm_classifier import Predictor, train_model
from bilstm_classifier.data.embedding_store import EmbeddingStore
from bilstm_classifier.data.encoding import StoredCollator, TextCollator, encode_split
from bilstm_classifier.evaluation.reporting import evaluate_model
from bilstm_classifier.features import FeatureSchema
from bilstm_classifier.training.checkpoints import MANIFEST, is_complete
from bilstm_classifier.training.runs import data_settings
from bilstm_classifier.windows import TextEncoder

SMALL = {
    "tokenizer": "words",
    "max_length": 16,
    "embedding_size": 16,
    "lstm_hidden_size": 8,
    "lstm_num_layers": 1,
    "dropout": 0.0,
    "learning_rate": 0.02,
    "per_device_train_batch_size": 16,
    "num_train_epochs": 4,
    "eval_strategy": "epoch",
    "save_strategy": "epoch",
    "logging_steps": 2,
    "use_cpu": True,
    "disable_tqdm": True,
}


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory, word_tokenizer) -> Path:
    """A tiny encoder with its tokenizer, as one would find it on the Hub."""
    folder = tmp_path_factory.mktemp("encoder")
    tiny_model().embedder.save_pretrained(folder)
    word_tokenizer.save_pretrained(folder)
    return folder


def test_a_run_leaves_all_that_was_promised(news_csv, tmp_path):
    out = tmp_path / "run"
    metrics = train_model(dataset=str(news_csv), output_dir=str(out), **SMALL)
    for name in ("loss_curves", "confusion_matrix", "classes", "lengths"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((out / "metrics.json").read_text(encoding="utf-8")) == metrics
    assert metrics["test"]["accuracy"] == 1.0, "texts this plain must be learned"
    assert {type(value) for value in metrics["test"]["per_class"]["sports"].values()} <= {int, float}
    predictor = Predictor.from_pretrained(out)
    assert [item.labels[0] for item in predictor.predict(TEXTS[:3])] == ["sports", "culture", "science"]
    assert predictor.max_length == 16
    weights = (out / "model.safetensors").read_bytes()
    assert b'"F16"' in weights[:2000]
    assert not list(out.glob("*.bin")), "no pickle beside the model"


def test_figures_are_those_of_the_saved_model(news_csv, tmp_path):
    from bilstm_classifier import load_dataset_dict

    out = tmp_path / "run"
    metrics = train_model(dataset=str(news_csv), output_dir=str(out), **(SMALL | {"num_train_epochs": 1}))
    again = evaluate_model(out, load_dataset_dict(news_csv)["test"])
    for name in ("loss", "accuracy", "f1_macro", "confusion_matrix"):
        assert again[name] == (
            metrics["test"][name] if name == "confusion_matrix" else pytest.approx(metrics["test"][name])
        )


def test_a_frozen_encoder_is_saved_as_it_was(news_csv, tmp_path, encoder_folder):
    out = tmp_path / "run"
    settings = SMALL | {"tokenizer": "embedder", "embedder": str(encoder_folder), "save_dtype": "float32"}
    train_model(dataset=str(news_csv), output_dir=str(out), **settings)
    trained = Predictor.from_pretrained(out).model.embedder.state_dict()
    for name, value in tiny_model().embedder.state_dict().items():
        assert torch.equal(trained[name], value)


def test_stored_embeddings_train_the_same_model(news_csv, tmp_path, encoder_folder):
    settings = SMALL | {"tokenizer": "embedder", "embedder": str(encoder_folder), "num_train_epochs": 1}
    plain = train_model(dataset=str(news_csv), output_dir=str(tmp_path / "a"), **settings)
    stored = train_model(
        dataset=str(news_csv), output_dir=str(tmp_path / "b"), cache_embeddings=True, **settings
    )
    assert stored["test"]["loss"] == pytest.approx(plain["test"]["loss"], abs=2e-3)
    assert not (tmp_path / "b" / "embeddings").exists()


def test_stored_embeddings_need_a_frozen_encoder(news_csv, tmp_path):
    with pytest.raises(ValueError, match="cache_embeddings needs a wholly frozen"):
        train_model(dataset=str(news_csv), output_dir=str(tmp_path / "run"), cache_embeddings=True, **SMALL)
    assert not (tmp_path / "run").exists()


def test_store_keeps_every_token_and_is_built_once(tmp_path, caplog):
    model = tiny_model()
    rows = [[5, 6, 7], [8], [9, 10, 11, 12, 13]]
    store = EmbeddingStore.build(model, rows, tmp_path / "store", key="a", bf16=False)
    batch = StoredCollator(store)([{"index": index, "labels": index} for index in range(3)])
    assert batch["inputs_embeds"].shape == (3, 5, 16)
    text = TextCollator(0)([{"input_ids": ids, "labels": label} for label, ids in enumerate(rows)])
    with torch.no_grad():
        expected = model(text["input_ids"], text["attention_mask"]).logits
        found = model(inputs_embeds=batch["inputs_embeds"], attention_mask=batch["attention_mask"]).logits
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)
    before = (tmp_path / "store" / "embeddings.f16").stat().st_mtime_ns
    EmbeddingStore.build(model, rows, tmp_path / "store", key="a", bf16=False)
    assert (tmp_path / "store" / "embeddings.f16").stat().st_mtime_ns == before
    EmbeddingStore.build(model, rows[:2], tmp_path / "store", key="b", bf16=False)
    assert len(EmbeddingStore(tmp_path / "store")) == 2


def test_half_built_store_is_not_taken(tmp_path):
    EmbeddingStore.build(tiny_model(), [[5, 6]], tmp_path / "store", key="a", bf16=False)
    (tmp_path / "store" / "store.json").unlink()
    with pytest.raises(ValueError, match="no complete store"):
        EmbeddingStore(tmp_path / "store")
    assert len(EmbeddingStore.build(tiny_model(), [[5, 6]], tmp_path / "store", key="a", bf16=False)) == 1


def test_a_full_disk_is_found_before_the_work(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(OSError, match="GB free"):
        EmbeddingStore.build(tiny_model(), [[5, 6]] * 100, tmp_path / "store", key="a", bf16=False)


def test_early_stopping(news_csv, tmp_path):
    settings = SMALL | {
        "num_train_epochs": 40,
        "learning_rate": 0.0,
        "early_stopping_patience": 2,
        "load_best_model_at_end": True,
        "metric_for_best_model": "f1_macro",
    }
    metrics = train_model(dataset=str(news_csv), output_dir=str(tmp_path / "run"), **settings)
    assert metrics["epochs"] == 3


def test_class_weights_reach_the_model(news_csv, tmp_path):
    out = tmp_path / "run"
    train_model(
        dataset=str(news_csv),
        output_dir=str(out),
        class_weights="balanced",
        **SMALL | {"num_train_epochs": 1},
    )
    weights = Predictor.from_pretrained(out).model.config.class_weights
    assert len(weights) == 3
    assert np.mean(weights) == pytest.approx(1)


def going_on_from(run, **changes):
    """Settings that go on from the model `run` and change nothing: no step is big enough to.

    The shape and the tokenizer that they name are those of another model: the model's own count.
    """
    return SMALL | {
        "init_from": str(run),
        "freeze_embedder": False,
        "learning_rate": 1e-12,
        "num_train_epochs": 1,
        "lstm_hidden_size": 5,
        **changes,
    }


@pytest.fixture(params=["encoder", "words", "characters"])
def small_run(request, news_csv, tmp_path, encoder_folder):
    """A trained model over an encoder, or over an embedding that it learned."""
    kinds = {"encoder": {"tokenizer": "embedder", "embedder": str(encoder_folder), "freeze_embedder": False}}
    settings = SMALL | {"save_dtype": "float32"} | kinds.get(request.param, {"tokenizer": request.param})
    train_model(dataset=str(news_csv), output_dir=str(tmp_path / "small"), **settings)
    return tmp_path / "small"


def test_training_goes_on_from_all_weights_where_the_labels_are_the_same(news_csv, tmp_path, small_run):
    settings = going_on_from(small_run, save_dtype="float32")
    train_model(dataset=str(news_csv), output_dir=str(tmp_path / "more"), **settings)
    earlier, later = (Predictor.from_pretrained(folder) for folder in (small_run, tmp_path / "more"))
    np.testing.assert_allclose(later.predict_proba(TEXTS), earlier.predict_proba(TEXTS), atol=1e-5)
    assert later.model.config.lstm_hidden_size == 8
    assert later.tokenizer.get_vocab() == earlier.tokenizer.get_vocab()


def test_with_other_labels_the_head_is_new_and_the_rest_is_kept(news_csv, tmp_path, small_run):
    other = tmp_path / "other.csv"
    other.write_text(news_csv.read_text("utf-8").replace(",sports", ",football"), "utf-8")
    settings = going_on_from(small_run, save_dtype="float32")
    train_model(dataset=str(other), output_dir=str(tmp_path / "more"), **settings)
    earlier, later = (Predictor.from_pretrained(folder).model for folder in (small_run, tmp_path / "more"))
    assert later.config.label_names == ["culture", "football", "science"]
    before = earlier.state_dict()
    for name, weight in later.state_dict().items():
        if not name.startswith("classifier."):
            torch.testing.assert_close(weight, before[name], atol=1e-6, rtol=0)
    assert not torch.allclose(earlier.classifier.weight, later.classifier.weight, atol=1e-1)


def test_more_labels_than_the_earlier_model_has(news_csv, tmp_path, model_folder):
    other = tmp_path / "other.csv"
    rows = [f'"Дождь пройдёт в городе номер {number}",weather' for number in range(20)]
    other.write_text(news_csv.read_text("utf-8") + "\n" + "\n".join(rows), "utf-8")
    metrics = train_model(
        dataset=str(other),
        output_dir=str(tmp_path / "more"),
        **going_on_from(model_folder, learning_rate=0.02, num_train_epochs=4),
    )
    assert list(metrics["test"]["per_class"]) == ["culture", "science", "sports", "weather"]
    assert metrics["test"]["accuracy"] > 0.9


def test_what_the_model_started_from_brings_along_is_not_asked_for(news_csv, tmp_path, small_run, caplog):
    changes = {"cleaning": ["lower_case"], "tokenizer": "words", "pooling": "max", "lstm_hidden_size": 4}
    with caplog.at_level("INFO"):
        train_model(
            dataset=str(news_csv), output_dir=str(tmp_path / "more"), **going_on_from(small_run, **changes)
        )
    assert "has its own: tokenizer, cleaning, " in caplog.text
    config = Predictor.from_pretrained(tmp_path / "more").model.config
    assert (config.pooling, config.lstm_hidden_size) == ("mean", 8)


def test_ngrams_are_learned_and_taken_over(news_csv, tmp_path):
    settings = {"embedder": None, "tokenizer": "words", "longest_ngram": 2, "ngram_buckets": 64}
    settings |= {"embedding_size": 8, "num_train_epochs": 4, "learning_rate": 0.02}
    common = {"dataset": str(news_csv), "lstm_hidden_size": 8, "use_cpu": True, "disable_tqdm": True}
    first, second = tmp_path / "first", tmp_path / "second"
    metrics = train_model(output_dir=str(first), **settings, **common)
    assert metrics["test"]["accuracy"] > 0.9
    earlier = Predictor.from_pretrained(first).model
    assert earlier.ngrams.weight.abs().max() > 0
    train_model(output_dir=str(second), init_from=str(first), num_train_epochs=1, learning_rate=0.0, **common)
    later = Predictor.from_pretrained(second).model
    assert torch.equal(later.ngrams.weight, earlier.ngrams.weight)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"unclaimed": "unknown"}, ValueError, "unclaimed is 'unknown': that is for a cascade"),
        ({"init_from": "./nowhere"}, OSError, r"\./nowhere is not a folder"),
        ({"max_length": 65}, ValueError, r"max_length is 65, but .* reads 64 tokens at most"),
        ({"cache_embeddings": True}, ValueError, "cache_embeddings needs a wholly frozen"),
    ],
)
def test_settings_that_do_not_go_with_the_model_started_from(
    news_csv, tmp_path, model_folder, changes, error, message
):
    with pytest.raises(error, match=message):
        train_model(
            dataset=str(news_csv), output_dir=str(tmp_path / "more"), **going_on_from(model_folder, **changes)
        )
    assert not (tmp_path / "more").exists()


def test_an_encoder_alone_is_no_model_to_start_from(news_csv, tmp_path, encoder_folder):
    with pytest.raises(ValueError, match=r"holds a 'bert' model: expected 'bilstm_classifier'"):
        train_model(dataset=str(news_csv), output_dir=str(tmp_path / "more"), **going_on_from(encoder_folder))


def test_stored_embeddings_of_the_model_started_from(news_csv, tmp_path, model_folder):
    settings = going_on_from(model_folder, freeze_embedder=True, learning_rate=0.01)
    plain = train_model(dataset=str(news_csv), output_dir=str(tmp_path / "a"), **settings)
    stored = train_model(
        dataset=str(news_csv), output_dir=str(tmp_path / "b"), cache_embeddings=True, **settings
    )
    assert stored["test"]["loss"] == pytest.approx(plain["test"]["loss"], abs=2e-3)


def test_damaged_copies_are_trained_on_and_not_counted_as_rows(news_csv, tmp_path):
    settings = SMALL | {"num_train_epochs": 1, "dataset": str(news_csv)}
    plain = train_model(output_dir=str(tmp_path / "plain"), **settings)
    damaged = train_model(output_dir=str(tmp_path / "damaged"), damaged_copies=1.0, **settings)
    assert damaged["rows"] == plain["rows"]
    assert damaged["steps"] == pytest.approx(2 * plain["steps"], abs=1)


def test_a_linear_teacher_softens_the_labels(tmp_path):
    rows = [f"{TEXTS[number % 3]} {number},{TEXT_LABELS[number % 3]}" for number in range(400)]
    path = tmp_path / "news.csv"
    path.write_text("\n".join(["news,labels", *rows]), "utf-8")
    settings = SMALL | {"num_train_epochs": 3, "dataset": str(path), "damaged_copies": 0.5}
    losses = {}
    for run, share in (("plain", 0.0), ("taught", 0.9)):
        metrics = train_model(output_dir=str(tmp_path / run), teacher_share=share, **settings)
        assert metrics["test"]["accuracy"] > 0.9
        states = (tmp_path / run).glob("checkpoint-*/trainer_state.json")
        last = max(states, key=lambda state: int(state.parent.name.split("-")[1]))
        history = json.loads(last.read_text("utf-8"))["log_history"]
        losses[run] = [entry["loss"] for entry in history if "loss" in entry][-1]
    assert losses["taught"] > losses["plain"]  # the entropy of the targets is left


def test_settings_that_no_teacher_allows_leave_the_folder_free(news_csv, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(ValueError, match=r"teacher_share is 1\.5"):
        train_model(dataset=str(news_csv), output_dir=str(out), teacher_share=1.5, **SMALL)
    assert not out.exists()


def test_a_run_of_an_earlier_release_goes_on(news_csv, tmp_path):
    """Its recipe.yaml knows nothing of settings that came later."""
    out = tmp_path / "run"
    settings = SMALL | {"dataset": str(news_csv), "output_dir": str(out), "num_train_epochs": 1}
    train_model(**settings)
    recipe = yaml.safe_load((out / "recipe.yaml").read_text("utf-8"))
    del recipe["data"]["teacher_share"], recipe["card"]
    (out / "recipe.yaml").write_text(yaml.safe_dump(recipe), "utf-8")
    assert train_model(**settings)["steps"]


def test_the_saved_model_is_calibrated_and_knows_when_it_is_unsure(tmp_path):
    """A third of the labels is wrong at random: a model that is sure of itself cannot be calibrated."""
    generator = np.random.default_rng(0)
    rows = [
        f"{TEXTS[place]} {number},{TEXT_LABELS[place if generator.random() < 2 / 3 else (place + 1) % 3]}"
        for number in range(1200)
        for place in [number % 3]
    ]
    path = tmp_path / "noisy.csv"
    path.write_text("\n".join(["news,labels", *rows]), "utf-8")
    out = tmp_path / "run"
    settings = SMALL | {"validation_size": 0.3, "sure_accuracy": 0.6, "per_device_train_batch_size": 64}
    metrics = train_model(dataset=str(path), output_dir=str(out), **settings)
    assert metrics["validation"]["calibration_error"] < 0.06
    assert metrics["test"]["calibration_error"] < 0.15
    config = Predictor.from_pretrained(out).model.config
    assert config.unsure_below is not None
    assert metrics["test"]["accuracy_by_coverage"]["1"] == pytest.approx(metrics["test"]["accuracy"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"class_weights": "some"}, "class_weights is 'some'"),
        ({"tokenizer": "syllables"}, "tokenizer is 'syllables'"),
        ({"tokenizer": "embedder"}, "no --embedder"),
        ({"pooling": "sum"}, "pooling is 'sum'"),
        ({"push_to_hub": True}, "hub_model_id"),
        ({"validation_size": 0.0}, "no split 'validation'"),
        ({"test_size": 0.0}, "no split 'test'"),
        ({"early_stopping_patience": 2}, "needs --load_best_model_at_end and --metric_for_best_model"),
        ({"dataset": None}, "no data"),
        ({"balance": "up", "teacher_share": 0.5}, "balance up repeats rows"),
        ({"balance": "sideways"}, "balance is 'sideways'"),
        ({"rules_precision": 1.0}, r"rules_precision is 1\.0: expected a share below 1"),
        ({"claim_precision": 0.0}, r"claim_precision is 0\.0: expected a share"),
        ({"number_columns": ["views"]}, "no column 'views'"),
    ],
)
def test_settings_that_cannot_be_used(news_csv, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        train_model(output_dir=str(tmp_path / "run"), **{"dataset": str(news_csv), **SMALL, **settings})
    assert not (tmp_path / "run").exists(), "the folder stays free for a corrected command"


def test_a_folder_with_another_run_is_refused(news_csv, tmp_path):
    settings = SMALL | {"num_train_epochs": 1, "dataset": str(news_csv), "output_dir": str(tmp_path / "run")}
    train_model(**settings)
    with pytest.raises(ValueError, match=r"a run with learning_rate 0\.02, now it is 0\.5"):
        train_model(**settings | {"learning_rate": 0.5})


def test_a_run_on_rows_that_changed_is_refused(news_csv, tmp_path):
    settings = SMALL | {"num_train_epochs": 1, "dataset": str(news_csv), "output_dir": str(tmp_path / "run")}
    train_model(**settings)
    with news_csv.open("a", encoding="utf-8") as file:
        file.write('\n"Команда проиграла финал",sports')
    with pytest.raises(ValueError, match=r"on other rows of .* which has changed since"):
        train_model(**settings)


def test_checkpoints_of_something_else_are_left_alone(news_csv, tmp_path):
    foreign = tmp_path / "run" / "checkpoint-500"
    foreign.mkdir(parents=True)
    with pytest.raises(ValueError, match="checkpoints of something else"):
        train_model(dataset=str(news_csv), output_dir=str(tmp_path / "run"), **SMALL)
    assert foreign.is_dir()


def test_more_tokens_than_the_encoder_has_positions_for(news_csv, tmp_path, encoder_folder):
    settings = SMALL | {"tokenizer": "embedder", "embedder": str(encoder_folder), "max_length": 65}
    with pytest.raises(ValueError, match=r"max_length is 65, but .* reads 64 tokens at most"):
        train_model(dataset=str(news_csv), output_dir=str(tmp_path / "run"), **settings)


def test_early_stopping_goes_on_counting_after_an_interruption(news_csv, tmp_path):
    settings = SMALL | {
        "num_train_epochs": 40,
        "learning_rate": 0.0,
        "early_stopping_patience": 3,
        "load_best_model_at_end": True,
        "metric_for_best_model": "f1_macro",
        "save_total_limit": 50,
    }
    out = tmp_path / "run"
    train_model(dataset=str(news_csv), output_dir=str(out), **settings)
    stopped_at = max(int(path.name.split("-")[1]) for path in out.glob("checkpoint-*"))
    shutil.rmtree(out / f"checkpoint-{stopped_at}")  # as if it had been killed an epoch earlier
    metrics = train_model(dataset=str(news_csv), output_dir=str(out), **settings)
    assert metrics["steps"] == stopped_at


def test_evaluation_reads_the_data_as_the_run_did(news_csv, tmp_path):
    out = tmp_path / "run"
    settings = SMALL | {"num_train_epochs": 1, "test_size": 0.4, "split_seed": 7, "text_columns": ["news"]}
    train_model(dataset=str(news_csv), output_dir=str(out), **settings)
    found = data_settings(out, str(news_csv))
    assert (found.test_size, found.split_seed, found.text_columns) == (0.4, 7, ["news"])
    assert data_settings(out, "another.csv").split_seed == 42
    assert data_settings(None, "another.csv").dataset == "another.csv"


def test_texts_are_cut_alike_in_training_and_prediction(word_tokenizer, model_folder):
    from datasets import Dataset

    text = " ".join(TEXTS)
    encoder = TextEncoder(word_tokenizer.backend_tokenizer, 32)
    row = encode_split(Dataset.from_dict({"text": [text], "labels": [0]}), encoder, FeatureSchema())[0]
    predictor = Predictor.from_pretrained(model_folder)
    assert row["input_ids"] == predictor.encoder.encode([text])[0].windows[0]


def test_evaluation_refuses_labels_the_model_does_not_have(model_folder):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "labels": ClassLabel(names=["culture", "weather"])})
    rows = Dataset.from_dict({"text": TEXTS[:2], "labels": [0, 1]}, features=features)
    with pytest.raises(ValueError, match="the data has the label 'weather'"):
        evaluate_model(model_folder, rows)


def test_evaluation_takes_labels_in_another_order(model_folder):
    from datasets import ClassLabel, Dataset, Features, Value

    def report(names):
        features = Features({"text": Value("string"), "labels": ClassLabel(names=names)})
        labels = [
            names.index(name) for name in ("sports", "culture", "science", "sports", "culture", "science")
        ]
        return evaluate_model(
            model_folder, Dataset.from_dict({"text": TEXTS, "labels": labels}, features=features)
        )

    first, second = report(["culture", "science", "sports"]), report(["sports", "culture", "science"])
    assert first["confusion_matrix"] == second["confusion_matrix"]
    assert first["loss"] == pytest.approx(second["loss"])


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["between", "in a save"])
def test_survives_kill_9_and_goes_on(news_csv, tmp_path, moment):
    """An interrupted run, started again, ends with the weights of one that was not interrupted."""
    options = [f"--{name}={value}" for name, value in SMALL.items()]
    options += ["--num_train_epochs=12", f"--dataset={news_csv}"]

    def start(out: Path, script: str = "") -> subprocess.Popen:
        command = ["train", *options, f"--output_dir={out}"]
        code = f"{script}\nfrom bilstm_classifier.cli import main\nraise SystemExit(main({command!r}))"
        return subprocess.Popen(
            [sys.executable, "-c", code], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
        )

    whole = start(tmp_path / "whole")
    assert whole.wait() == 0, whole.stderr.read()
    slow_save = """
import os, torch, time
save = torch.save
def torch_save(*args, **kwargs):
    if os.path.isdir(os.path.join({out!r}, "checkpoint-24")):
        open({flag!r}, "w").close()
        time.sleep(60)
    return save(*args, **kwargs)
torch.save = torch_save
"""
    out, flag = tmp_path / "killed", tmp_path / "flag"
    script = slow_save.format(out=str(out), flag=str(flag)) if moment == "in a save" else ""
    run = start(out, script)
    deadline = time.time() + 120
    while not (flag.exists() if script else list(out.glob("checkpoint-*/" + MANIFEST))):
        assert run.poll() is None, run.stderr.read()
        assert time.time() < deadline
        time.sleep(0.02)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    checkpoints = sorted(out.glob("checkpoint-*"))
    if script:
        assert not is_complete(out / "checkpoint-24")
    assert any(is_complete(path) for path in checkpoints)
    assert not (out / "model.safetensors").exists()
    again = start(out)
    assert again.wait() == 0, again.stderr.read()
    assert "going on from" in again.stderr.read()
    first, second = (
        Predictor.from_pretrained(tmp_path / name).model.state_dict() for name in ("whole", "killed")
    )
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, atol=2e-3, rtol=0)


@pytest.mark.slow
def test_push_to_hub_publishes_the_model_and_no_pickle(news_csv, tmp_path):
    from hub.clients import client
    from hub.server import OWNER, TOKEN, LoopbackHub
    from hub.tasks import scores

    settings = SMALL | {"num_train_epochs": 1, "dataset": str(news_csv), "output_dir": str(tmp_path / "run")}
    settings |= {"push_to_hub": True, "hub_model_id": f"{OWNER}/mine"}
    with LoopbackHub() as hub, client(hub.url, tmp_path / "home", HF_TOKEN=TOKEN) as fresh:
        fresh.submit(train_model, **settings).result()
        files = hub.files(f"{OWNER}/mine")
        names = set(files)
        assert {"config.json", "model.safetensors", "tokenizer.json", "metrics.json", "README.md"} <= names
        # nobody elsewhere needs to know where on this disk the data lie
        assert not [name for name, content in files.items() if str(tmp_path).encode() in content]
        assert not [name for name in names if name.endswith((".bin", ".pt", ".pth")) or "checkpoint" in name]
        found = fresh.submit(scores, f"{OWNER}/mine", TEXTS).result()
    np.testing.assert_allclose(
        found, Predictor.from_pretrained(tmp_path / "run").predict_proba(TEXTS), atol=1e-6
    )
