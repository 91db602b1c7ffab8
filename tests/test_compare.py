"""training/compare.py over tiny recipes: what it trains, writes and refuses."""

import json
import sys

import numpy as np
import pytest
import yaml
from conftest import REPOSITORY, TOPIC_WORDS, topic_texts

from bilstm_classifier import Predictor, load_dataset_dict
from bilstm_classifier.evaluation.significance import f1_micro, mcnemar

sys.path.insert(0, str(REPOSITORY / "training"))

import compare
from comparing.figures import compare as figures
from comparing.report import draw, table
from comparing.systems import Answers

TRAINING = {
    "learning_rate": 0.01,
    "per_device_train_batch_size": 32,
    "num_train_epochs": 2,
    "disable_tqdm": True,
    "use_cpu": True,
}
MODEL = {
    "tokenizer": "words",
    "max_length": 8,
    "embedding_size": 8,
    "lstm_hidden_size": 8,
    "lstm_num_layers": 1,
}


@pytest.fixture(autouse=True)
def said(caplog):
    caplog.set_level("INFO")


def write_recipe(folder, name, data=None, training=None, **model):
    recipe = {"data": data or {}, "model": MODEL | model, "training": TRAINING | (training or {})}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(recipe), "utf-8")
    return str(folder / f"{name}.yaml")


def write_topics(path):
    topics = list(TOPIC_WORDS)
    rows = [f"{text},{topics[number % 3]}" for number, text in enumerate(topic_texts(150))]
    path.write_text("\n".join(["news,labels", *rows]), "utf-8")
    return path


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A comparison of two recipes; the second hardly learns."""
    folder = tmp_path_factory.mktemp("compare")
    write_topics(folder / "news.csv")
    write_recipe(folder, "quick")
    write_recipe(folder, "slow", training={"learning_rate": 1e-6})
    assert run(folder) == 0
    return folder


def run(folder, *options):
    return compare.main(
        [
            *("--recipes", str(folder / "quick.yaml"), str(folder / "slow.yaml")),
            *("--dataset", str(folder / "news.csv"), "--output_dir", str(folder / "out"), *options),
        ]
    )


def test_figures_are_those_of_the_models_on_the_test_split(compared):
    found = json.loads((compared / "out" / "comparison.json").read_text("utf-8"))
    test = load_dataset_dict(compared / "news.csv", min_samples=2)["test"]
    assert found["texts"] == len(test) == 30
    names, right = test.features["labels"].names, {}
    for name in ("quick", "slow"):
        metrics = json.loads((compared / "out" / name / "metrics.json").read_text("utf-8"))["test"]
        system = found["systems"][name]
        assert system["accuracy"]["estimate"] == pytest.approx(metrics["accuracy"])
        assert system["f1_macro"]["estimate"] == pytest.approx(metrics["f1_macro"])
        for score in system.values():
            assert score["low"] <= score["estimate"] <= score["high"]
        answers = Predictor.from_pretrained(compared / "out" / name).predict(test["text"])
        right[name] = np.array(
            [answer.labels[0] == names[label] for answer, label in zip(answers, test["labels"], strict=True)]
        )
    (pair,) = found["pairs"]
    expected = mcnemar(right["quick"], right["slow"])
    assert (pair["only_first"], pair["only_second"]) == (expected.only_first, expected.only_second)
    assert pair["p_value"] == pair["p_corrected"] == expected.p_value < 0.05
    assert pair["accuracy"]["low"] > 0


def test_table_and_picture_are_written(compared):
    text = (compared / "out" / "comparison.md").read_text("utf-8")
    assert "python training/compare.py --recipes" in text
    assert "30 texts of the test split" in text
    rows = [line.split(" | ")[0].strip("| ") for line in text.splitlines() if line.startswith("| ")]
    assert rows == ["system", "---", "quick", "slow", "pair", "---", "quick - slow"]
    assert "McNemar" in text
    assert (compared / "out" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_run_is_not_repeated(compared, caplog):
    weights = compared / "out" / "quick" / "model.safetensors"
    before, figures_before = weights.stat().st_mtime_ns, (compared / "out" / "comparison.json").read_bytes()
    assert run(compared) == 0
    assert weights.stat().st_mtime_ns == before
    assert "quick is trained already" in caplog.text
    assert (compared / "out" / "comparison.json").read_bytes() == figures_before
    assert run(compared, "--max_length", "6") == 2
    assert "holds a run with max_length 8, now it is 6" in caplog.text


def test_trained_models_are_compared_on_the_split_that_they_were_not_trained_on(compared, tmp_path, capsys):
    models = [str(compared / "out" / name) for name in ("quick", "slow")]
    options = ["--dataset", str(compared / "news.csv"), "--output_dir", str(tmp_path / "out")]
    assert compare.main(["--models", *models, *options]) == 0
    found, before = (
        json.loads((folder / "out" / "comparison.json").read_text("utf-8")) for folder in (tmp_path, compared)
    )
    assert found["fingerprint"] == before["fingerprint"]
    assert list(found["systems"].values()) == list(before["systems"].values())
    assert found["pairs"][0]["p_value"] == before["pairs"][0]["p_value"]
    assert "# Comparison" in capsys.readouterr().out


def test_data_that_changed_since_the_training_are_refused(compared, tmp_path, caplog):
    from shutil import copytree

    models = [str(copytree(compared / "out" / name, tmp_path / name)) for name in ("quick", "slow")]
    changed = write_topics(tmp_path / "news.csv")
    with changed.open("a", encoding="utf-8") as file:
        file.write("\nСборная проиграла финал,sports")
    for model in models:
        settings = tmp_path / model / "recipe.yaml"
        text = settings.read_text("utf-8").replace(str(compared / "news.csv"), str(changed))
        settings.write_text(text, "utf-8")
    options = ["--dataset", str(changed), "--output_dir", str(tmp_path / "out")]
    assert compare.main(["--models", *models, *options]) == 2
    assert f"{changed} has changed since {models[0]} was trained on it" in caplog.text


def test_other_splits_are_refused_before_anything_is_trained(tmp_path, caplog):
    write_topics(tmp_path / "news.csv")
    write_recipe(tmp_path, "quick")
    write_recipe(tmp_path, "slow", data={"test_size": 0.4})
    assert run(tmp_path) == 2
    assert "slow has another test split (60 texts) than quick (30)" in caplog.text
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_seeds_are_averaged(compared, tmp_path):
    assert run(compared, "--output_dir", str(tmp_path / "out"), "--seeds", "1", "2") == 0
    found = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    for name, system in found["systems"].items():
        runs = [
            json.loads((tmp_path / "out" / name / f"seed-{seed}" / "metrics.json").read_text("utf-8"))
            for seed in (1, 2)
        ]
        accuracies = [metrics["test"]["accuracy"] for metrics in runs]
        assert system["accuracy"]["runs"] == pytest.approx(accuracies)
        assert system["accuracy"]["estimate"] == pytest.approx(np.mean(accuracies))
    assert found["pairs"][0]["test"] == "permutation of the accuracy"


@pytest.mark.slow
def test_overlapping_labels_are_compared_by_their_micro_f1(tmp_path):
    topics, texts = list(TOPIC_WORDS), topic_texts(240)
    rows = []
    for number in range(120):
        both = {topics[number % 3], topics[(number // 3) % 3]}
        rows.append(f'{texts[number]} {texts[(number // 3) % 3]},"{";".join(sorted(both))}"')
    (tmp_path / "news.csv").write_text("\n".join(["news,labels", *rows]), "utf-8")
    data = {"multi_label": True}
    write_recipe(tmp_path, "quick", data, training={"num_train_epochs": 6, "learning_rate": 0.03})
    write_recipe(tmp_path, "slow", data, training={"learning_rate": 1e-6})
    assert run(tmp_path) == 0
    found = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    for name, system in found["systems"].items():
        metrics = json.loads((tmp_path / "out" / name / "metrics.json").read_text("utf-8"))["test"]
        assert system["f1_micro"]["estimate"] == pytest.approx(metrics["f1_micro"])
    assert found["pairs"][0]["test"] == "permutation of the micro F1"
    assert "micro F1" in (tmp_path / "out" / "comparison.md").read_text("utf-8")


@pytest.mark.slow
def test_a_recipe_with_columns_beside_the_text_is_compared_with_one_without(tmp_path):
    topics, generator = list(TOPIC_WORDS), np.random.default_rng(0)
    rows = [
        f"{text},{topics[number % 3]},{'' if number % 10 == 0 else number % 3 + generator.normal() / 10:}"
        for number, text in enumerate(topic_texts(150))
    ]
    (tmp_path / "news.csv").write_text("\n".join(["news,labels,views", *rows]), "utf-8")
    write_recipe(tmp_path, "quick", {"number_columns": ["views"]}, training={"learning_rate": 0.03})
    write_recipe(tmp_path, "slow", training={"learning_rate": 1e-6})
    assert run(tmp_path) == 0
    found = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    metrics = json.loads((tmp_path / "out" / "quick" / "metrics.json").read_text("utf-8"))["test"]
    assert found["systems"]["quick"]["f1_macro"]["estimate"] == pytest.approx(metrics["f1_macro"])
    assert metrics["f1_macro"] > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--recipes", "rus_news"], "there is one system"),
        (["--models", "runs/a", "runs/b"], "no data: give --dataset"),
        (["--models", "runs/a", "runs/a", "--dataset", "a.csv"], "runs/a is named twice"),
        (["--recipes", "a/rus.yaml", "b/rus.yaml"], "two recipes are called rus"),
        (["--recipes", "rus_news", "unheard_of", "--dataset", "a.csv"], "a.csv"),
    ],
)
def test_what_cannot_be_compared_is_said_without_a_traceback(tmp_path, caplog, options, message):
    assert compare.main([*options, "--output_dir", str(tmp_path / "out")]) == 2
    assert message in caplog.text
    assert "Traceback" not in caplog.text


def test_options_of_a_training_do_not_go_with_trained_models(capsys):
    with pytest.raises(SystemExit):
        compare.main(["--models", "a", "b", "--dataset", "c.csv", "--learning_rate", "1"])
    assert "--models are trained already: --learning_rate 1" in capsys.readouterr().err


def test_a_label_that_a_model_lacks(compared, model_folder, tmp_path, caplog):
    data = tmp_path / "news.csv"
    text = (compared / "news.csv").read_text("utf-8")
    data.write_text(text.replace(",science", ",weather"), "utf-8")
    options = ["--dataset", str(data), "--output_dir", str(tmp_path / "out")]
    assert compare.main(["--models", str(model_folder), str(compared / "out" / "quick"), *options]) == 2
    assert f"the data has the label 'weather', {model_folder} knows culture, science, sports" in caplog.text


def made_up(overlapping, runs=1):
    """Answers of three systems, of which the third is the worst, to 300 texts."""
    generator = np.random.default_rng(0)
    true = np.eye(3, dtype=bool)[generator.integers(0, 3, 300)]
    answers = Answers(["a", "b", "c"], overlapping, true, {})
    for name, wrong in (("good", 0.1), ("as good", 0.1), ("bad|worse", 0.5)):
        lost = generator.random((runs, 300, 1)) < wrong
        answers.predicted[name] = np.where(lost, np.roll(true, 1, axis=1), true)
    return answers


def test_every_pair_is_tested_and_corrected():
    found = figures(made_up(overlapping=False), resamples=500)
    assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == [
        ("good", "as good"),
        ("good", "bad|worse"),
        ("as good", "bad|worse"),
    ]
    same, first, second = found["pairs"]
    assert same["p_corrected"] == same["p_value"] > 0.05
    assert same["accuracy"]["low"] < 0 < same["accuracy"]["high"]
    assert first["p_value"] < first["p_corrected"] < 0.001
    assert first["accuracy"]["low"] > 0.2
    assert second["test"] == "McNemar, chi-squared"


@pytest.mark.parametrize(("overlapping", "runs"), [(True, 1), (False, 2)])
def test_permutations_stand_in_where_mcnemar_does_not_apply(overlapping, runs):
    answers = made_up(overlapping, runs)
    found = figures(answers, resamples=200)
    same, first, _ = found["pairs"]
    assert "only_first" not in first
    assert same["p_value"] > 0.05
    assert first["p_value"] < 0.001
    score = "f1_micro" if overlapping else "accuracy"
    counts = answers.true.sum(0), answers.predicted["good"].sum(1)
    expected = f1_micro(*counts, (answers.true & answers.predicted["good"]).sum(1)).mean()
    assert found["systems"]["good"][score]["estimate"] == pytest.approx(expected)
    assert len(found["systems"]["good"][score]["runs"]) == runs


def test_names_with_bars_keep_the_table_whole(tmp_path):
    about = {
        "command": "c",
        "dataset": "d",
        "texts": 300,
        "unread": 2,
        "fingerprint": "0" * 64,
        "resamples": 200,
    }
    found = about | figures(made_up(overlapping=False, runs=2), resamples=200)
    text = table(found)
    assert "2 more are left out" in text
    assert "bad\\|worse" in text
    widths = [line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")]
    assert set(widths[:5]) == {5}
    assert len(set(widths[5:])) == 1
    draw(found["systems"], tmp_path / "dots.png")
    assert (tmp_path / "dots.png").read_bytes().startswith(b"\x89PNG")


def test_a_text_without_an_answer_is_a_miss_and_no_gain_in_accuracy():
    true = np.eye(2, dtype=bool)[np.arange(100) % 2]
    reticent, talkative = true.copy(), np.zeros_like(true)
    reticent[50:] = False  # half of the texts are answered, and rightly
    talkative[:, 0] = True  # all are, and half of them rightly
    answers = Answers(["a", "b"], False, true, {"reticent": reticent[None], "talkative": talkative[None]})
    found = figures(answers, resamples=200)
    for system in found["systems"].values():
        assert system["accuracy"]["estimate"] == 0.5
        assert system["accuracy"]["low"] < 0.5 < system["accuracy"]["high"]
    twice = {name: np.repeat(chosen, 2, axis=0) for name, chosen in answers.predicted.items()}
    several = figures(Answers(["a", "b"], False, true, twice), resamples=200)
    assert several["pairs"][0]["test"] == "permutation of the accuracy"
    assert several["pairs"][0]["p_value"] > 0.9
