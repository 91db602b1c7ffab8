"""Files whose rows have true labels: which column is taken for them, and what is said of the predictions."""

import json

import pytest
from commands import constant_model, runner, write_table
from conftest import LABELS, TEXTS
from sklearn.metrics import f1_score

from bilstm_classifier.evaluation.multi_label_metrics import multi_label_scores
from bilstm_classifier.model_folder import save_model

STARS = {number: str(number + 1) for number in range(5)}


@pytest.fixture
def run(capsys, monkeypatch):
    return runner(capsys, monkeypatch)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, word_tokenizer):
    """Everything is culture."""
    return save_model(constant_model([0.5, 0.3, 0.2]), word_tokenizer, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def topics(tmp_path_factory, word_tokenizer):
    """Everything is culture and sports; the thresholds are met from two sides."""
    model = constant_model(
        [0.35, 0.6, 0.9], problem_type="multi_label_classification", thresholds=[0.3, 0.7, 0.5]
    )
    return save_model(model, word_tokenizer, tmp_path_factory.mktemp("topics"))


@pytest.fixture(scope="module")
def stars(tmp_path_factory, word_tokenizer):
    """Everything has four stars."""
    model = constant_model(
        [0.1, 0.1, 0.1, 0.5, 0.2],
        id2label=STARS,
        label2id={name: index for index, name in STARS.items()},
        ordered_labels=True,
    )
    return save_model(model, word_tokenizer, tmp_path_factory.mktemp("stars"))


def labelled(labels, column="label"):
    return [{column: label, "text": f"{TEXTS[place % 6]} {place}"} for place, label in enumerate(labels)]


def said(done):
    """What was said of the comparison, a list of lines."""
    assert done.code == 0, done.err
    lines = done.err.splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith("compared with")) :]


@pytest.mark.parametrize("suffix", ["tsv", "txt"])
def test_lines_of_label_and_text_without_a_header(run, folder, tmp_path, suffix):
    labels = ["culture"] * 5 + ["sports"] * 3 + ["science"] * 2
    path = tmp_path / f"rows.{suffix}"
    lines = [f"{label}\t{TEXTS[place % 6]} {place}\n" for place, label in enumerate(labels)]
    path.write_text("".join(lines), encoding="utf-8")
    done = run("predict", "--model", folder, "--file", path, "--json")
    assert [row["prediction"] for row in done.json] == ["culture"] * 10
    assert said(done) == [
        "compared with the labels in column 'label':",
        "accuracy 0.5000 on 10 labelled rows",
        "most confused (true -> predicted, rows):",
        "  sports -> culture   3",
        "  science -> culture  2",
    ]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_table_with_a_usual_column(run, folder, tmp_path, suffix):
    path = write_table(
        tmp_path / f"rows.{suffix}", labelled(["culture", "sports", "culture", "culture"], "topic")
    )
    assert said(run("predict", "--model", folder, "--file", path))[:2] == [
        "compared with the labels in column 'topic':",
        "accuracy 0.7500 on 4 labelled rows",
    ]


def test_a_column_of_other_things_is_no_label(run, folder, tmp_path):
    """A score is not what a model of topics gives, whatever its column is called; nor is one label among others."""
    for values in (["5", "4", "1", "2"], ["culture", "no", "yes", "perhaps"], ["", "", "", ""]):
        path = write_table(tmp_path / "rows.csv", labelled(values, "score"))
        done = run("predict", "--model", folder, "--file", path)
        assert done.code == 0
        assert "compared" not in done.err


def test_the_usual_name_whose_column_holds_the_labels_is_taken(run, folder, tmp_path):
    rows = [{"category": "a", **row} for row in labelled(["culture", "sports"], "rating")]
    path = write_table(tmp_path / "rows.csv", rows)
    assert said(run("predict", "--model", folder, "--file", path))[0].endswith("'rating':")


def test_label_column_by_name(run, folder, tmp_path):
    rows = [{"label": "sports", **row} for row in labelled(["culture", "culture", "sports"], "checked")]
    path = write_table(tmp_path / "rows.csv", rows)
    found = said(run("predict", "--model", folder, "--file", path, "--label-column", "checked"))
    assert found[:2] == [
        "compared with the labels in column 'checked':",
        "accuracy 0.6667 on 3 labelled rows",
    ]


def test_labels_by_their_ids(run, folder, tmp_path):
    """As a data set of ClassLabels writes them; taken for labels only where the column is named."""
    path = write_table(tmp_path / "rows.csv", labelled([0, 2, 0, 7], "label"))
    assert "compared" not in run("predict", "--model", folder, "--file", path).err
    path = write_table(tmp_path / "rows.csv", labelled([0, 2, 0, 0], "label"))
    found = said(run("predict", "--model", folder, "--file", path, "--label-column", "label"))
    assert found[1] == "accuracy 0.7500 on 4 labelled rows"
    assert found[3] == "  sports -> culture  1"


def test_labels_not_seen_in_training_are_named_and_wrong(run, folder, tmp_path):
    labels = ["culture"] * 4 + ["cooking", "garden", "cooking", *(f"topic {number}" for number in range(4))]
    path = write_table(tmp_path / "rows.csv", labelled(labels))
    found = said(run("predict", "--model", folder, "--file", path, "--label-column", "label"))
    assert found[1] == f"accuracy {4 / 11:.4f} on 11 labelled rows"
    assert found[2] == (
        "7 rows with a label that the model does not know ('cooking', 'garden', 'topic 0', 'topic 1', 'topic 2' and "
        "others): counted as wrong"
    )
    assert len(found) == 3


def test_rows_without_a_label_are_left_out(run, folder, tmp_path):
    rows = labelled(["culture", None, "sports", None, "culture"])
    path = write_table(tmp_path / "rows.jsonl", rows)
    found = said(run("predict", "--model", folder, "--file", path))
    assert found[1] == "accuracy 0.6667 on 3 labelled rows"
    assert found[-1] == "2 rows without a label, left out"


def test_a_file_named_for_labels_that_has_none(run, folder, tmp_path):
    path = write_table(tmp_path / "rows.csv", labelled(["", " "]))
    found = said(run("predict", "--model", folder, "--file", path, "--label-column", "label"))
    assert found[1:] == ["no row has a label", "2 rows without a label, left out"]


def test_only_the_ten_most_confused_pairs_are_told(run, word_tokenizer, tmp_path):
    names = {number: f"language {number}" for number in range(15)}
    shares = [0.3] + [0.05] * 14
    model = constant_model(shares, id2label=names, label2id={name: index for index, name in names.items()})
    save_model(model, word_tokenizer, tmp_path / "model")
    labels = [names[number] for number in range(1, 15) for _ in range(number)]
    path = write_table(tmp_path / "rows.csv", labelled(labels))
    found = said(run("predict", "--model", tmp_path / "model", "--file", path))
    told = [line.split() for line in found[3:]]
    assert [(int(line[1]), int(line[-1])) for line in told] == [
        (number, number) for number in range(14, 4, -1)
    ]
    assert len({line.rindex("  ") for line in found[3:]}) == 1, "the counts stand below one another"


def test_ordered_labels_tell_how_far_off(run, stars, tmp_path):
    path = write_table(tmp_path / "rows.csv", labelled(["5", "1", "4", "4", "9"], "score"))
    found = said(run("predict", "--model", stars, "--file", path))
    assert found[1] == "accuracy 0.4000 on 5 labelled rows"
    assert found[2] == "mean absolute error 1.0000 (in steps of the labels)", "of the labels that it knows"


def test_overlapping_labels_are_scored_as_evaluation_does(run, topics, tmp_path):
    cells = ["culture; sports", "culture", '["science", "sports"]', "sports, culture", "sports"]
    path = write_table(tmp_path / "rows.csv", labelled(cells, "labels"))
    done = run("predict", "--model", topics, "--file", path, "--json")
    assert [row["prediction"] for row in done.json] == [["sports", "culture"]] * 5
    truth = [[1, 0, 1], [1, 0, 0], [0, 1, 1], [1, 0, 1], [0, 0, 1]]
    scores = multi_label_scores(truth, [[1, 0, 1]] * 5)
    assert said(done)[1:] == [
        f"micro F1 {scores['f1_micro']:.4f}, macro F1 {scores['f1_macro']:.4f}, "
        f"subset accuracy {scores['subset_accuracy']:.4f} on 5 labelled rows"
    ]


def test_overlapping_labels_not_seen_in_training(run, topics, tmp_path):
    """They count as missed: the true label that nothing could choose."""
    path = write_table(
        tmp_path / "rows.csv", labelled(["culture; sports", "culture; sports; garden"], "labels")
    )
    micro = f1_score([[1, 0, 1, 0], [1, 0, 1, 1]], [[1, 0, 1, 0]] * 2, average="micro")
    assert said(run("predict", "--model", topics, "--file", path))[1:] == [
        f"micro F1 {micro:.4f}, macro F1 1.0000, subset accuracy 0.5000 on 2 labelled rows",
        "1 row with a label that the model does not know ('garden'): counted as wrong",
    ]


def test_rows_that_have_none_of_overlapping_labels_count(run, word_tokenizer, tmp_path):
    model = constant_model([0.2, 0.2, 0.2], problem_type="multi_label_classification")
    save_model(model, word_tokenizer, tmp_path / "model")
    path = write_table(tmp_path / "rows.jsonl", labelled([[], ["culture"], []]))
    found = said(run("predict", "--model", tmp_path / "model", "--file", path))
    assert found[1] == f"micro F1 0.0000, macro F1 0.0000, subset accuracy {2 / 3:.4f} on 3 labelled rows"


def test_unclaimed_texts_are_confused_with_unknown(run, word_tokenizer, tmp_path):
    model = constant_model(
        [0.5, 0.3, 0.2], cascade=[{"label": "culture", "threshold": 0.9}], unclaimed="unknown"
    )
    save_model(model, word_tokenizer, tmp_path / "model")
    path = write_table(tmp_path / "rows.csv", labelled(["culture", "culture"]))
    found = said(run("predict", "--model", tmp_path / "model", "--file", path))
    assert found[1:] == [
        "accuracy 0.0000 on 2 labelled rows",
        "most confused (true -> predicted, rows):",
        "  culture -> unknown  2",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label-column", "topic"], "no column 'topic': the columns are 'label', 'text'"),
        (["--label-column", "text"], "column 'text' cannot be the label and something that it is told from"),
        (["--text-column", "text", "--label-column", "text"], "cannot be the text and the label at once"),
    ],
)
def test_label_columns_that_cannot_be_used(run, folder, tmp_path, arguments, message):
    path = write_table(tmp_path / "rows.csv", labelled(["culture", "sports"]))
    error = run("predict", "--model", folder, "--file", path, *arguments).error
    assert error.startswith(f"{path}: ")
    assert message in error


@pytest.mark.parametrize("arguments", [["текст"], ["--interactive"], []])
def test_a_label_column_needs_a_file(run, folder, arguments):
    error = run("predict", "--model", folder, *arguments, "--label-column", "label").error
    assert error == "--label-column names a column of a file: give --file too"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("[culture, sports", "a list of labels that is broken: expected one such as"),
        (["culture", ""], "an empty label among others: remove it"),
        ({"culture": 1}, "a dict, expected a name or an integer"),
    ],
)
def test_a_malformed_label_is_named_by_its_line(run, topics, tmp_path, cell, message):
    path = write_table(tmp_path / "rows.jsonl", labelled(["culture", "sports", cell, "culture"]))
    done = run("predict", "--model", topics, "--file", path, "--json", "--label-column", "label")
    assert done.error.startswith(f"{path}, line 3: column 'label' holds ")
    assert message in done.error
    assert len(done.json) == 2, "what stood before it is answered"
    unasked = run("predict", "--model", topics, "--file", path, "--json")
    assert (unasked.code, len(unasked.json)) == (0, 4), "nobody asked for a comparison"
    assert "1 row without a label, left out" in unasked.err


def test_what_is_kept_does_not_grow_with_the_rows(run, folder, tmp_path):
    """As many labels that nobody knows as rows: five are named, and none of the others is kept."""
    from bilstm_classifier.commands.labelled import SingleLabelTally
    from bilstm_classifier.prediction import TextPrediction

    tally = SingleLabelTally(list(LABELS.values()), ordered=False, unknown="unknown")
    prediction = TextPrediction(("culture",), {"culture": 1.0}, 1, 1)
    for number in range(10_000):
        tally.add(("culture",) if number % 2 else (f"label {number}",), prediction)
    assert tally.lines()[0] == "accuracy 0.5000 on 10,000 labelled rows"
    assert len(json.dumps(vars(tally), default=vars, skipkeys=True)) < 500
