"""``evaluate``, ``info`` and what ``train`` prints, for models of every kind of label and of column."""

import json
import shutil

import pytest
from commands import constant_model, runner, write_table
from conftest import TOPIC_WORDS, tiny_model, topic_texts

from bilstm_classifier.model_folder import save_model
from bilstm_classifier.rules import Rule, Rules

NUMBER = {
    "kind": "number",
    "name": "views",
    "mean": 100.0,
    "std": 50.0,
    "low": 0.0,
    "high": 5000.0,
    "log": False,
}
CATEGORY = {"kind": "category", "name": "channel", "values": ["one", "two"]}
TOPICS = list(TOPIC_WORDS)  # culture, sports, science: not the order of the model's
OVERLAPPING = {"problem_type": "multi_label_classification", "thresholds": [0.3, 0.7, 0.5]}
SMALL_RUN = {
    "tokenizer": "words",
    "embedding_size": 8,
    "lstm_hidden_size": 4,
    "lstm_num_layers": 1,
    "num_train_epochs": 1,
    "use_cpu": True,
}


@pytest.fixture
def run(capsys, monkeypatch):
    return runner(capsys, monkeypatch)


@pytest.fixture(scope="module")
def topics(tmp_path_factory, word_tokenizer):
    """Everything is culture and sports."""
    return save_model(
        constant_model([0.35, 0.6, 0.9], **OVERLAPPING), word_tokenizer, tmp_path_factory.mktemp("topics")
    )


def figures(out):
    return {name: float(value) for name, value in map(str.split, out.split("\n\n")[0].splitlines())}


def facts(done):
    assert done.code == 0, done.err
    return {name: value.strip() for name, value in (line.split(":", 1) for line in done.out.splitlines())}


def overlapping_rows(count):
    """Texts of one topic each; every second one is sports too."""
    return [
        {
            "text": f"{text} {number}",
            "labels": "; ".join({TOPICS[number % 3], *(["sports"] if number % 2 else [])}),
        }
        for number, text in enumerate(topic_texts(count))
    ]


# --- evaluate ---


def test_overlapping_labels_in_one_column(run, topics, tmp_path):
    path, output = write_table(tmp_path / "posts.csv", overlapping_rows(60)), tmp_path / "report"
    done = run("evaluate", "--model", topics, "--dataset", path, "--split", "all", "--output", output)
    assert done.code == 0, done.err
    report = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    found = figures(done.out)
    for name in ("f1_micro", "f1_macro", "average_precision_macro", "subset_accuracy", "hamming_loss"):
        assert found[name] == pytest.approx(report[name], abs=1e-4)
    # culture and sports are chosen of each: right as a whole where both are true, which is every sixth
    assert found["subset_accuracy"] == pytest.approx(10 / 60, abs=1e-4)
    table = done.out.split("\n\n", 1)[1]
    assert table.split()[:6] == ["label", "precision", "recall", "f1", "avg", "prec"]
    assert "subset accuracy" in table
    assert (output / "co_occurrence.png").read_bytes().startswith(b"\x89PNG")
    assert not (output / "confusion_matrix.png").exists()
    assert "metrics.json and co_occurrence.png are in" in done.err


def test_overlapping_labels_in_a_column_each(run, topics, tmp_path):
    rows = overlapping_rows(60)
    whole = write_table(tmp_path / "posts.csv", rows)
    wide = [
        {"text": row["text"], **{topic: int(topic in row["labels"]) for topic in TOPICS}, "id": str(number)}
        for number, row in enumerate(rows)
    ]
    path = write_table(tmp_path / "wide.csv", wide)
    command = ["evaluate", "--model", topics, "--split", "all", "--dataset"]
    one_hot = figures(run(*command, path, "--label-columns", *TOPICS).out)
    together = figures(run(*command, whole).out)
    timing = {name for name in together if "runtime" in name or "second" in name or "time" in name}
    assert {name: one_hot[name] for name in one_hot if name not in timing} == {
        name: together[name] for name in together if name not in timing
    }


def test_label_columns_and_a_label_column(run, topics, tmp_path):
    path = write_table(tmp_path / "posts.csv", overlapping_rows(60))
    error = run(
        "evaluate",
        "--model",
        topics,
        "--dataset",
        path,
        "--label-column",
        "labels",
        "--label-columns",
        "sports",
    ).error
    assert "label_column and label_columns were both given" in error


def test_columns_of_the_model_in_other_data(run, word_tokenizer, tmp_path):
    model = tiny_model(embedder=False, text_columns=["title", "tags"], feature_columns=[NUMBER, CATEGORY])
    folder = save_model(model, word_tokenizer, tmp_path / "model")
    rows = [
        {"title": text, "tags": "", "views": f"{number},5", "channel": "one", "label": TOPICS[number % 3]}
        for number, text in enumerate(topic_texts(60))
    ]
    path = write_table(tmp_path / "videos.csv", rows)
    done = run("evaluate", "--model", folder, "--dataset", path)
    assert done.code == 0, done.err
    assert "text from columns 'title', 'tags', label" in done.err
    lacking = write_table(
        tmp_path / "lacking.csv", [{name: row[name] for name in row if name != "views"} for row in rows]
    )
    assert "no column 'views'" in run("evaluate", "--model", folder, "--dataset", lacking).error
    rows[7]["views"] = "many"
    bad = write_table(tmp_path / "bad.csv", rows)
    error = run("evaluate", "--model", folder, "--dataset", bad).error
    assert error.startswith(f"{bad}, line 9: column 'views' holds 'many', expected a number")


@pytest.mark.parametrize("columns", [("content",), ("text", "content"), ("text",), ("lead", "id")])
def test_the_text_column_of_a_model_of_one(run, word_tokenizer, tmp_path, columns):
    folder = save_model(
        tiny_model(embedder=False, text_columns=["content"]), word_tokenizer, tmp_path / "model"
    )
    rows = [
        {**{column: f"{column} {text}" for column in columns}, "label": TOPICS[number % 3]}
        for number, text in enumerate(topic_texts(60))
    ]
    path = write_table(tmp_path / "rows.csv", rows)
    given = ["--text-column", "lead"] if "lead" in columns else []
    done = run("evaluate", "--model", folder, "--dataset", path, *given)
    assert done.code == 0, done.err
    read = next(name for name in ("content", "lead", "text") if name in columns)
    assert f"text from column '{read}'," in done.err


def test_ordered_labels_tell_their_distance(run, word_tokenizer, tmp_path):
    names = {number: str(number + 1) for number in range(5)}
    model = constant_model(
        [0.1, 0.1, 0.1, 0.5, 0.2],
        id2label=names,
        label2id={name: index for index, name in names.items()},
        ordered_labels=True,
    )
    folder = save_model(model, word_tokenizer, tmp_path / "model")
    rows = [{"content": text, "score": str(number % 5 + 1)} for number, text in enumerate(topic_texts(100))]
    path = write_table(tmp_path / "reviews.csv", rows)
    done = run("evaluate", "--model", folder, "--dataset", path, "--split", "all")
    found = figures(done.out)
    assert found["mean_absolute_error"] == pytest.approx((3 + 2 + 1 + 0 + 1) / 5)
    assert found["quadratic_kappa"] == pytest.approx(0)
    assert found["accuracy"] == pytest.approx(0.2)


def test_a_label_not_seen_in_training(run, topics, tmp_path):
    rows = [{"text": text, "labels": "sports; garden"} for text in topic_texts(60)]
    path = write_table(tmp_path / "posts.csv", rows)
    error = run("evaluate", "--model", topics, "--dataset", path).error
    assert f"the data has the label 'garden', {topics} knows culture, science, sports" in error


# --- info ---


def test_info_of_what_is_read_and_how_it_is_decided(run, word_tokenizer, tmp_path):
    model = tiny_model(
        embedder=False,
        text_columns=["title", "tags"],
        feature_columns=[NUMBER, CATEGORY],
        cascade=[{"label": "sports", "threshold": 0.4}, {"label": "science", "threshold": 0.25}],
        unclaimed="unknown",
        ordered_labels=True,
    )
    model.rules = Rules((Rule("sports", ("вратарь", "матч")), Rule("culture", ("театр",))))
    found = facts(run("info", "--model", save_model(model, word_tokenizer, tmp_path)))
    assert found["labels"] == "culture, science, sports (in this order)"
    assert found["text columns"] == "title, tags"
    assert found["numbers"] == "views"
    assert found["categories"] == "channel (2 known)"
    assert found["rules"] == "3 keywords (2 for sports, 1 for culture)"
    assert found["cascade"] == "1 sports from 0.4; 2 science from 0.25; else unknown"
    assert "thresholds" not in found


def test_info_of_thresholds(run, topics, word_tokenizer, tmp_path):
    assert facts(run("info", "--model", topics))["thresholds"] == "culture 0.3, science 0.7, sports 0.5"
    model = tiny_model(embedder=False, problem_type="multi_label_classification")
    found = facts(run("info", "--model", save_model(model, word_tokenizer, tmp_path)))
    assert found["thresholds"] == "culture 0.5, science 0.5, sports 0.5"
    assert not {"cascade", "rules", "text columns", "numbers", "categories"} & found.keys()


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (
            {"f1_micro": 0.7, "f1_macro": 0.61234, "average_precision_macro": 0.8, "subset_accuracy": 0.5},
            "macro F1 0.612, micro F1 0.700, average precision 0.800, subset accuracy 0.500 on 1,230 true labels",
        ),
        (
            {"accuracy": 0.7, "f1_macro": 0.6, "mean_absolute_error": 0.41, "quadratic_kappa": None},
            "accuracy 0.700, macro F1 0.600, mean absolute error 0.410 on 1,230 texts",
        ),
        (
            {"accuracy": 0.7, "f1_macro": 0.6, "mean_absolute_error": 0.41, "quadratic_kappa": 0.75},
            "accuracy 0.700, macro F1 0.600, mean absolute error 0.410, quadratic kappa 0.750 on 1,230 texts",
        ),
    ],
)
def test_info_of_what_was_measured(run, topics, tmp_path, report, line):
    folder = shutil.copytree(topics, tmp_path / "model")
    per_class = {
        "sports": {"support": 30, "precision": 0.5, "recall": 0.5, "f1": 0.5},
        "science": {"support": 1200, "precision": 0.5, "recall": 0.5, "f1": 0.5},
    }
    (folder / "metrics.json").write_text(json.dumps({"test": {**report, "per_class": per_class}}), "utf-8")
    assert facts(run("info", "--model", folder))["test"] == line


# --- train ---


def test_training_on_overlapping_labels_tells_their_figures(run, tmp_path):
    path, out = write_table(tmp_path / "posts.csv", overlapping_rows(120)), tmp_path / "run"
    options = [f"--{name}={value}" for name, value in SMALL_RUN.items()]
    done = run("train", "--dataset", path, "--multi_label", "--output_dir", out, *options)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert list(found["test"]) == [
        "loss",
        "f1_micro",
        "f1_macro",
        "average_precision_macro",
        "subset_accuracy",
        "hamming_loss",
    ]
    for name, value in found["test"].items():
        assert value == pytest.approx(metrics["test"][name], abs=1e-4)
    again = run("evaluate", "--model", out, "--dataset", path)
    assert figures(again.out)["f1_micro"] == found["test"]["f1_micro"], "the split and the labels of the run"


def test_training_on_ordered_labels_tells_their_distance(run, tmp_path):
    rows = [{"text": text, "label": str(number % 3 + 1)} for number, text in enumerate(topic_texts(120))]
    path, out = write_table(tmp_path / "reviews.csv", rows), tmp_path / "run"
    options = [f"--{name}={value}" for name, value in SMALL_RUN.items()]
    done = run("train", "--dataset", path, "--ordered_labels", "--output_dir", out, *options)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    for split in ("validation", "test"):
        assert list(found[split]) == [
            "loss",
            "accuracy",
            "f1",
            "f1_macro",
            "mean_absolute_error",
            "quadratic_kappa",
        ]
        for name, value in found[split].items():
            assert value == (
                None if metrics[split][name] is None else pytest.approx(metrics[split][name], abs=1e-4)
            )


def test_a_cascade_that_claims_nothing_is_measured_all_the_same(run, word_tokenizer, tmp_path):
    model = constant_model(
        [0.5, 0.3, 0.2], cascade=[{"label": "culture", "threshold": 0.9}], unclaimed="unknown"
    )
    folder = save_model(model, word_tokenizer, tmp_path / "model")
    rows = [{"text": text, "label": TOPICS[number % 3]} for number, text in enumerate(topic_texts(60))]
    path = write_table(tmp_path / "rows.csv", rows)
    done = run("evaluate", "--model", folder, "--dataset", path)
    assert done.code == 0, done.err
    assert figures(done.out)["accuracy"] == 0
