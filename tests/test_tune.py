"""training/tune.py over a tiny recipe: what it searches, writes, goes on with and refuses."""

import csv
import json
import os
import re
import signal
import sqlite3
import sys
import threading
import time

import numpy as np
import pytest
import yaml
from conftest import REPOSITORY, TOPIC_WORDS, tiny_model, topic_texts

from bilstm_classifier import train_model
from bilstm_classifier.recipe import ModelSettings, load_recipe

sys.path.insert(0, str(REPOSITORY / "training"))

import tune
from tuning.results import draw_history, draw_importances, importances
from tuning.search import STARTUP_TRIALS, Objective, _median_pruner
from tuning.space import DEFAULT_SPACE, Parameter, load_space

RECIPE = {
    "model": {
        "tokenizer": "words",
        "max_length": 8,
        "embedding_size": 8,
        "lstm_hidden_size": 8,
        "lstm_num_layers": 1,
        "dropout": 0.0,
        "save_dtype": "float32",
    },
    "training": {
        "learning_rate": 0.005,
        "per_device_train_batch_size": 32,
        "num_train_epochs": 2,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "load_best_model_at_end": True,
        "metric_for_best_model": "f1_macro",
        "disable_tqdm": True,
    },
}
SPACE = {
    "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    "lstm_hidden_size": [4, 8],
    "per_device_train_batch_size": [16, 32],
    "dropout": {"low": 0.0, "high": 0.2},
}


@pytest.fixture(autouse=True)
def said(caplog):
    caplog.set_level("INFO")


@pytest.fixture
def place(tmp_path):
    """A folder with data, recipe and space."""
    topics = list(TOPIC_WORDS)
    rows = [f"{text},{topics[number % 3]}" for number, text in enumerate(topic_texts(150))]
    (tmp_path / "news.csv").write_text("\n".join(["news,labels", *rows]), "utf-8")
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(RECIPE), "utf-8")
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE), "utf-8")
    return tmp_path


def search(place, trials, *options):
    return tune.main(
        [
            *("--recipe", str(place / "small.yaml"), "--space", str(place / "space.yaml")),
            *("--trials", str(trials), "--dataset", str(place / "news.csv")),
            *("--output_dir", str(place / "tune"), "--use_cpu", "True", *options),
        ]
    )


def trials_of(place):
    with (place / "tune" / "trials.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def space_of(tmp_path, content):
    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


def test_a_search_leaves_all_that_was_promised_and_goes_on(place, capsys):
    assert search(place, 2) == 0
    out = place / "tune"
    found = json.loads(capsys.readouterr().out)
    for name in ("history.png", "importance.png"):
        # two trials with the same figure tell nothing of what mattered
        assert not (out / name).exists() or (out / name).read_bytes().startswith(b"\x89PNG")
    assert (out / "history.png").is_file()
    first, second = trials_of(place)
    assert (first["trial"], first["state"], first["evaluations"]) == ("0", "whole", "2")
    own = {"learning_rate": "0.005", "lstm_hidden_size": "8", "per_device_train_batch_size": "32"}
    assert own.items() <= first.items(), "the recipe itself is tried first"
    assert second["learning_rate"] != first["learning_rate"]
    assert found["f1_macro"] == max(float(trial["value"]) for trial in (first, second))
    assert not [path for path in out.rglob("*") if path.suffix in (".safetensors", ".pt", ".bin")]

    assert search(place, 4) == 0
    again = trials_of(place)
    assert [trial["trial"] for trial in again] == ["0", "1", "2", "3"]
    assert again[:2] == [first, second], "earlier trials are kept, not repeated"
    assert len({trial["learning_rate"] for trial in again}) == 4, "nothing is proposed twice"
    best = json.loads(capsys.readouterr().out)

    text = (out / "best.yaml").read_text("utf-8")
    assert text.startswith("# The best of 4 trials")
    assert "python training/tune.py --recipe" in text
    recipe = load_recipe(out / "best.yaml")
    assert recipe.model.lstm_hidden_size == best["lstm_hidden_size"]
    assert recipe.training["learning_rate"] == best["learning_rate"]
    assert recipe.training["load_best_model_at_end"] is True
    metrics = train_model(out / "best.yaml", output_dir=str(place / "best"), use_cpu=True)
    assert metrics["validation"]["f1_macro"] == pytest.approx(best["f1_macro"], abs=1e-6)

    before = (out / "trials.csv").read_bytes()
    assert search(place, 4) == 0, "nothing is left to do"
    assert (out / "trials.csv").read_bytes() == before


def test_another_search_in_the_folder_is_refused(place, caplog):
    assert search(place, 50, "--minutes", "0.001") == 0, "a trial is started, and no other after the time"
    assert search(place, 2, "--seed", "7") == 2
    assert "holds a run with seed None, now it is 7: choose another --output_dir" in caplog.text
    space_of(place, SPACE | {"lstm_hidden_size": [4, 8, 16]})
    assert search(place, 2) == 2
    assert "a study where lstm_hidden_size is searched in [4, 8], now in [4, 8, 16]" in caplog.text
    assert len(trials_of(place)) == 1


def test_an_interrupted_search_keeps_its_trials(place, caplog):
    def interrupt():
        deadline = time.time() + 60
        while time.time() < deadline:
            time.sleep(0.05)
            if (place / "tune" / "study.db").is_file():
                try:
                    with sqlite3.connect(place / "tune" / "study.db") as study:
                        done = study.execute("select count(*) from trials where state = 'COMPLETE'")
                        if done.fetchone()[0]:
                            break
                except sqlite3.OperationalError:  # its tables are being made
                    continue
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert search(place, 10_000) == 1
    thread.join()
    assert "the trials that came to an end are kept, the same command goes on" in caplog.text
    assert search(place, 1) == 0
    assert len(trials_of(place)) >= 1
    assert trials_of(place)[0]["learning_rate"] == "0.005"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trials", "0"], "--trials is 0"),
        (["--minutes", "0"], "--minutes is 0"),
        (["--recipe", "unheard_of"], "there is no recipe 'unheard_of'"),
        (["--space", "unheard_of.yaml"], "there is no space 'unheard_of.yaml'"),
        (
            ["--metric_for_best_model", "f2"],
            "metric_for_best_model is 'f2': the evaluation gives loss, accuracy",
        ),
        (["--dataset", "unheard_of.csv"], "unheard_of.csv"),
    ],
)
def test_what_cannot_be_searched_is_said_without_a_traceback(place, caplog, options, message):
    assert search(place, 1, *options) == 2
    assert message in caplog.text
    assert "Traceback" not in caplog.text


def test_a_study_of_something_else_is_left_alone(place, caplog):
    (place / "tune").mkdir()
    (place / "tune" / "study.db").write_bytes(b"no study")
    assert search(place, 1) == 2
    assert "holds a study.db of something else" in caplog.text
    assert (place / "tune" / "study.db").read_bytes() == b"no study"


@pytest.mark.slow
def test_stored_embeddings_serve_all_trials_and_are_removed(place, word_tokenizer):
    tiny_model().embedder.save_pretrained(place / "encoder")
    word_tokenizer.save_pretrained(place / "encoder")
    space_of(place, {"lstm_hidden_size": [4, 8]})
    options = ["--tokenizer", "embedder", "--embedder", str(place / "encoder"), "--cache_embeddings", "True"]
    assert search(place, 3, *options) == 0
    assert [trial["evaluations"] for trial in trials_of(place)] == ["2", "2", "2"]
    assert {trial["lstm_hidden_size"] for trial in trials_of(place)} <= {"4", "8"}
    assert not (place / "tune" / "embeddings").exists()


def test_the_default_space_holds_every_recipe_of_the_package():
    for name in ("default_model", "rus_news", "rus_news_fast"):
        recipe = load_recipe(name)
        for item in load_space(DEFAULT_SPACE, recipe.model):
            values = {**recipe.as_dict()["model"], **recipe.training}
            assert item.holds(values[item.name]), (name, item)


def test_what_comes_with_a_model_to_go_on_from_does_not_vary(tmp_path):
    model = ModelSettings(init_from="runs/earlier")
    names = {item.name for item in load_space(DEFAULT_SPACE, model)}
    assert "dropout" in names
    assert not names & {"lstm_hidden_size", "lstm_num_layers", "pooling"}
    with pytest.raises(ValueError, match="pooling cannot vary, since init_from"):
        load_space(space_of(tmp_path, {"pooling": ["mean", "max"]}), model)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"lstm_hiden_size": [8]}, "unknown key 'lstm_hiden_size'.*did you mean lstm_hidden_size"),
        ({"max_length": [8, 16]}, "unknown key 'max_length'"),
        ({"dropout": {"low": 0.0, "hihg": 0.5}}, "unknown key 'hihg'.*did you mean high"),
        ({"dropout": {"low": 0.0}}, "dropout has no high"),
        ({"dropout": {"low": 0.5, "high": 0.1}}, "dropout goes from 0.5 to 0.1"),
        ({"dropout": {"low": 0.0, "high": 0.5, "log": True}}, "log needs a low above 0"),
        ({"dropout": {"low": 0.0, "high": 0.5, "log": 1}}, "log is 1, expected true or false"),
        ({"dropout": {"low": 0.0, "high": 0.5, "step": -1.0}}, "step is -1.0"),
        ({"dropout": {"low": "none", "high": 0.5}}, "low is 'none', expected a number"),
        ({"lstm_num_layers": {"low": 1, "high": 2.5}}, "high is 2.5, expected a whole number"),
        ({"pooling": {"low": 1, "high": 2}}, "pooling has bounds, but is no number"),
        ({"pooling": ["mean", "sum"]}, "pooling has the value 'sum', expected one of mean, max"),
        ({"pooling": []}, "pooling has no values"),
        ({"pooling": ["mean", "mean"]}, "pooling has a value twice"),
        ({"pooling": "mean"}, "pooling is 'mean', expected a list of values, or low and high"),
        ({}, "holds no settings"),
    ],
)
def test_a_space_that_cannot_be_used(tmp_path, content, message):
    path = space_of(tmp_path, content)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}.*{message}"):
        load_space(path, ModelSettings())


def test_values_within_a_parameter():
    layers = Parameter("lstm_num_layers", int, low=1, high=5, step=2)
    assert [value for value in range(7) if layers.holds(value)] == [1, 3, 5]
    assert not layers.holds("1")
    assert Parameter("pooling", str, ("mean", "max")).holds("max")
    assert layers.entry == {"low": 1, "high": 5, "step": 2}


def test_a_trial_is_worth_its_best_epoch_only_where_that_one_is_kept(tmp_path):
    from transformers import TrainingArguments

    def worth(values, **settings):
        args = TrainingArguments(
            output_dir=str(tmp_path), eval_strategy="epoch", save_strategy="epoch", **settings
        )
        objective = Objective(args)
        objective.start_trial()
        return objective.direction, [objective({f"eval_{objective.metric}": value}) for value in values]

    assert worth([0.5, 0.9, 0.7]) == ("maximize", [0.5, 0.9, 0.7])
    keeping = {"load_best_model_at_end": True}
    assert worth([0.5, 0.9, 0.7], metric_for_best_model="f1_macro", **keeping)[1] == [0.5, 0.9, 0.9]
    assert worth([0.5, 0.3, 0.7], metric_for_best_model="loss", **keeping) == ("minimize", [0.5, 0.3, 0.3])


def test_what_mattered_is_told_and_drawn(tmp_path):
    import optuna

    study, generator = optuna.create_study(direction="maximize"), np.random.default_rng(0)
    shares = {"dropout": optuna.distributions.FloatDistribution(0, 1)}
    shares["weight_decay"] = optuna.distributions.FloatDistribution(0, 1)
    assert importances(study) == {}
    for _ in range(20):
        params = dict(zip(shares, generator.random(2).tolist(), strict=True))
        value = params["dropout"] + params["weight_decay"] / 100
        study.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=shares, value=value, intermediate_values={1: value}
            )
        )
    found = importances(study)
    assert list(found) == ["dropout", "weight_decay"]
    assert found["dropout"] > 0.9
    assert sum(found.values()) == pytest.approx(1)
    draw_importances(found, "f1_macro", tmp_path / "importance.png")
    draw_history(study, "f1_macro", tmp_path / "history.png")
    for name in ("importance", "history"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_trials_are_stopped_by_evaluations_not_by_steps():
    import optuna

    study = optuna.create_study(direction="maximize")
    for number in range(STARTUP_TRIALS):
        reached = 0.5 + 0.01 * number
        values = {10: 0.3 + 0.01 * number, 20: reached}
        study.add_trial(optuna.trial.create_trial(value=reached, intermediate_values=values))
    pruner = _median_pruner()

    def stopped(*values):
        # an epoch of larger batches ends after 5 steps
        steps = {5 * (number + 1): value for number, value in enumerate(values)}
        trial = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, intermediate_values=steps)
        return pruner.prune(study, trial)

    assert stopped(0.31)  # the others' median at their first evaluation is 0.32
    assert not stopped(0.33)
    assert stopped(0.33, 0.5)  # and 0.52 at the second
    assert not stopped(0.33, 0.53)
    assert not stopped()
    few = optuna.create_study(direction="maximize")
    assert not pruner.prune(few, study.trials[0])
    assert np.isfinite(study.best_value)
