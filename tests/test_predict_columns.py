"""Prediction with models that read several columns, or that decide by thresholds, stages and keywords."""

import pytest
from commands import constant_model, read_csv, runner, write_table
from conftest import LABELS, TEXTS, tiny_model

from bilstm_classifier import Predictor
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
CASCADE = [{"label": "sports", "threshold": 0.9}, {"label": "science", "threshold": 0.25}]


@pytest.fixture
def run(capsys, monkeypatch):
    return runner(capsys, monkeypatch)


@pytest.fixture(scope="module")
def videos(tmp_path_factory, word_tokenizer):
    """Two text columns, a number and a category."""
    model = tiny_model(embedder=False, text_columns=["title", "tags"], feature_columns=[NUMBER, CATEGORY])
    return save_model(model, word_tokenizer, tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def topics(tmp_path_factory, word_tokenizer):
    """Culture and sports reach their thresholds, science, likelier than culture, does not."""
    model = constant_model(
        [0.35, 0.6, 0.9], problem_type="multi_label_classification", thresholds=[0.3, 0.7, 0.5]
    )
    return save_model(model, word_tokenizer, tmp_path_factory.mktemp("topics"))


def saved(model, tokenizer, folder):
    return save_model(model, tokenizer, folder / "model")


def scores_of(done):
    return [{item["label"]: item["score"] for item in row["top"]} for row in done.json]


def expected_scores(folder, items):
    return [
        {label: round(score, 6) for label, score in found.probabilities.items()}
        for found in Predictor.from_pretrained(folder).predict(items)
    ]


# --- columns ---


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_rows_are_read_as_the_model_was_trained_on_them(run, videos, tmp_path, suffix):
    rows = [
        {
            "id": str(number),
            "title": text,
            "tags": "",
            "views": str(60 * number),
            "channel": ["one", "two", "three"][number % 3],
        }
        for number, text in enumerate(TEXTS)
    ]
    rows[1]["tags"] = "театр, премьера"
    path = write_table(tmp_path / f"rows.{suffix}", rows)
    done = run("predict", "--model", videos, "--file", path, "--json")
    assert done.code == 0, done.err
    assert "lacks" not in done.err
    found = scores_of(done)
    assert found == expected_scores(videos, rows)
    assert found != expected_scores(videos, [row["title"] for row in rows]), "or the columns tell nothing"
    assert [row["id"] for row in done.json] == [row["id"] for row in rows]


def test_missing_columns_are_named_once(run, videos, tmp_path):
    path = write_table(tmp_path / "rows.csv", [{"id": str(n), "title": text} for n, text in enumerate(TEXTS)])
    done = run("predict", "--model", videos, "--file", path, "--json")
    assert scores_of(done) == expected_scores(videos, TEXTS)
    assert [line for line in done.err.splitlines() if "lacks" in line] == [
        f"{path} lacks the columns 'views', 'channel', 'tags', which the model reads: counted as missing in every row"
    ]


def test_one_text_column_of_any_name_serves_every_model(run, videos, tmp_path):
    rows = [{"lead": text, "views": "70"} for text in TEXTS]
    path = write_table(tmp_path / "rows.csv", rows)
    done = run("predict", "--model", videos, "--file", path, "--text-column", "lead", "--json")
    assert scores_of(done) == expected_scores(videos, [{"title": row["lead"], "views": 70} for row in rows])
    assert "lacks the column 'channel', which" in done.err


@pytest.mark.parametrize("column", ["title", "tags"])
def test_one_of_the_text_columns_alone(run, videos, tmp_path, column):
    rows = [{"title": text, "tags": "иное", "views": "70", "channel": "one"} for text in TEXTS]
    path = write_table(tmp_path / "rows.csv", rows)
    done = run("predict", "--model", videos, "--file", path, "--text-column", column, "--json")
    expected = [{column: row[column], "views": "70", "channel": "one"} for row in rows]
    assert scores_of(done) == expected_scores(videos, expected)


def test_bare_lines_are_texts_for_every_model(run, videos, tmp_path):
    path = write_table(tmp_path / "rows.txt", [{"text": text} for text in TEXTS])
    done = run("predict", "--model", videos, "--file", path, "--json")
    assert scores_of(done) == expected_scores(videos, TEXTS)
    assert "lacks the columns 'views', 'channel', which" in done.err
    assert scores_of(run("predict", "--model", videos, TEXTS[0], "--json")) == expected_scores(
        videos, TEXTS[:1]
    )


def test_a_file_without_a_text_column_of_the_model(run, videos, tmp_path):
    path = write_table(tmp_path / "rows.csv", [{"text": text, "views": "7"} for text in TEXTS])
    error = run("predict", "--model", videos, "--file", path).error
    assert error.startswith(
        f"{path}: the model reads its text from 'title', 'tags', and the file has none of these"
    )
    assert "'text', 'views'" in error


def test_a_header_of_names_that_only_the_model_knows(run, word_tokenizer, tmp_path):
    """Short texts below short names look like rows all alike."""
    model = tiny_model(embedder=False, text_columns=["doc_text", "speech"])
    folder = saved(model, word_tokenizer, tmp_path)
    path = tmp_path / "posts.csv"
    path.write_text("doc_text,speech\nматч,\nтеатр,музей\n", encoding="utf-8")
    done = run("predict", "--model", folder, "--file", path, "--json")
    assert [row["doc_text"] for row in done.json] == ["матч", "театр"]
    assert scores_of(done) == expected_scores(folder, ["матч", "театр [SEP] музей"])


def test_the_text_column_of_a_model_of_one_comes_before_usual_names(run, word_tokenizer, tmp_path):
    folder = saved(tiny_model(embedder=False, text_columns=["content"]), word_tokenizer, tmp_path)
    both = write_table(tmp_path / "both.csv", [{"text": "не этот", "content": text} for text in TEXTS])
    assert scores_of(run("predict", "--model", folder, "--file", both, "--json")) == expected_scores(
        folder, TEXTS
    )
    other = write_table(
        tmp_path / "other.csv", [{"id": str(n), "review": text} for n, text in enumerate(TEXTS)]
    )
    assert scores_of(run("predict", "--model", folder, "--file", other, "--json")) == expected_scores(
        folder, TEXTS
    )


def test_a_column_that_the_model_reads_is_no_label(run, word_tokenizer, tmp_path):
    column = {"kind": "category", "name": "category", "values": list(LABELS.values())}
    folder = saved(tiny_model(embedder=False, feature_columns=[column]), word_tokenizer, tmp_path)
    path = write_table(tmp_path / "rows.csv", [{"text": text, "category": "sports"} for text in TEXTS])
    done = run("predict", "--model", folder, "--file", path)
    assert done.code == 0
    assert "compared" not in done.err
    assert (
        "cannot be the label"
        in run("predict", "--model", folder, "--file", path, "--label-column", "category").error
    )


# --- cells ---


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1 234,5", 1234.5),
        ("1\u00a0234,5", 1234.5),
        ("70,5", 70.5),
        (" 70 ", 70),
        ("7e1", 70),
        ("1:10", 70),
        ("NaN", None),
        ("inf", None),
        ("-inf", None),
        ("", None),
        ("n/a", None),
        ("99999999", 5000),
        ("-5", 0),
    ],
)
def test_numbers_as_people_write_them(run, videos, tmp_path, cell, value):
    rows = [{"title": TEXTS[0], "tags": "", "views": cell, "channel": "one"}] * 2
    path = write_table(tmp_path / "rows.csv", rows)
    done = run("predict", "--model", videos, "--file", path, "--json")
    expected = expected_scores(videos, [{"title": TEXTS[0], "views": value, "channel": "one"}] * 2)
    assert scores_of(done) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), None])
def test_numbers_that_are_none(run, videos, tmp_path, value):
    path = write_table(
        tmp_path / "rows.parquet",
        [
            {"title": TEXTS[0], "views": value, "channel": "one"},
            {"title": TEXTS[0], "views": 5.0, "channel": "one"},
        ],
    )
    done = run("predict", "--model", videos, "--file", path, "--output", tmp_path / "out.csv")
    assert done.code == 0, done.err
    missing = expected_scores(videos, [{"title": TEXTS[0], "channel": "one"}])[0]
    assert float(read_csv(tmp_path / "out.csv")[0]["prediction_score"]) == pytest.approx(
        max(missing.values()), abs=1e-4
    )


def test_rows_with_empty_cells_are_as_rows_without_the_columns(run, videos, tmp_path):
    rows = [{"title": text, "tags": "", "views": "", "channel": ""} for text in TEXTS]
    path = write_table(tmp_path / "rows.csv", rows)
    assert scores_of(run("predict", "--model", videos, "--file", path, "--json")) == expected_scores(
        videos, TEXTS
    )


@pytest.mark.parametrize("cell", ["many", "5 views", "1.234.567", "0x10"])
def test_text_in_a_column_of_numbers_is_named_by_its_line(run, videos, tmp_path, cell):
    rows = [{"title": text, "tags": "", "views": "5", "channel": "one"} for text in TEXTS]
    rows[3]["views"] = cell
    path, output = write_table(tmp_path / "rows.csv", rows), tmp_path / "out.csv"
    done = run("predict", "--model", videos, "--file", path, "--output", output)
    assert done.error == (
        f"{path}, line 5: column 'views' holds {cell!r}, expected a number (or nothing, where it is missing)"
    )
    assert len(read_csv(tmp_path / "out.csv.partial")) == 3


def test_a_list_in_a_column_of_categories(run, videos, tmp_path):
    path = write_table(
        tmp_path / "rows.jsonl", [{"title": TEXTS[0], "tags": None, "views": 1, "channel": ["one"]}]
    )
    error = run("predict", "--model", videos, "--file", path).error
    assert error.startswith(f"{path}, line 1: column 'channel' holds a list, expected the name of a category")


@pytest.mark.parametrize("blank", [None, "", " \t"])
def test_a_text_may_be_missing_where_another_is_there(run, videos, tmp_path, blank):
    rows = [{"title": blank, "tags": TEXTS[0]}, {"title": TEXTS[1], "tags": blank}]
    path = write_table(tmp_path / "rows.jsonl", rows)
    assert scores_of(run("predict", "--model", videos, "--file", path, "--json")) == expected_scores(
        videos, TEXTS[:2]
    )
    path = write_table(tmp_path / "rows.jsonl", [*rows, {"title": blank, "tags": blank}, rows[0]])
    done = run("predict", "--model", videos, "--file", path, "--json")
    assert done.error == (
        f"{path}, line 3: the columns 'title', 'tags' are all empty, expected a text in one of them"
    )
    assert len(done.json) == 2


def test_a_number_in_a_text_column(run, videos, tmp_path):
    path = write_table(tmp_path / "rows.jsonl", [{"title": TEXTS[0], "tags": 5}])
    error = run("predict", "--model", videos, "--file", path).error
    assert error == f"{path}, line 1: the column 'tags' holds 5, expected a text"


def test_a_block_shows_all_texts_of_a_row(run, videos, tmp_path):
    path = write_table(tmp_path / "rows.jsonl", [{"title": "Матч", "tags": "вратарь"}])
    assert run("predict", "--model", videos, "--file", path).out.startswith("Матч | вратарь\n")


# --- decisions ---


def test_chosen_labels_are_marked(run, topics):
    lines = run("predict", "--model", topics, TEXTS[0]).out.splitlines()[1:4]
    assert [line.split()[:3] for line in lines] == [
        ["✓", "sports", "90.0%"],
        ["science", "60.0%", "██████████████"],
        ["✓", "culture", "35.0%"],
    ]


def test_all_chosen_labels_are_shown_beside_the_likeliest(run, topics):
    lines = run("predict", "--model", topics, TEXTS[0], "--top-k", 1).out.splitlines()[1:-1]
    assert [line.split()[1] for line in lines] == ["sports", "culture"]


def test_all_chosen_labels_are_written(run, topics, tmp_path):
    found = run("predict", "--model", topics, TEXTS[0], "--json", "--top-k", 1).json[0]
    assert found["prediction"] == ["sports", "culture"]
    assert "reason" not in found
    output = tmp_path / "out.csv"
    assert run("predict", "--model", topics, TEXTS[0], "--output", output).code == 0
    row = read_csv(output)[0]
    assert (row["prediction"], row["prediction_score"]) == ("sports; culture", "0.9000")


def test_thresholds_that_leave_no_label(run, word_tokenizer, tmp_path):
    model = constant_model(
        [0.5, 0.6, 0.7], problem_type="multi_label_classification", thresholds=[0.8, 0.8, 0.8]
    )
    folder, output = saved(model, word_tokenizer, tmp_path), tmp_path / "out.csv"
    block = run("predict", "--model", folder, TEXTS[0]).out
    assert "✓" not in block
    assert "\n  (no label reaches its threshold)\n" in block
    assert run("predict", "--model", folder, TEXTS[0], "--json").json[0]["prediction"] == []
    assert run("predict", "--model", folder, TEXTS[0], "--output", output).code == 0
    assert read_csv(output)[0]["prediction"] == ""


def test_one_label_of_overlapping_ones_is_a_list(run, word_tokenizer, tmp_path):
    model = constant_model([0.9, 0.1, 0.1], problem_type="multi_label_classification")
    folder = saved(model, word_tokenizer, tmp_path)
    assert run("predict", "--model", folder, TEXTS[0], "--json").json[0]["prediction"] == ["culture"]


def test_a_cascade_says_which_stage_decided(run, word_tokenizer, tmp_path):
    folder = saved(constant_model([0.5, 0.3, 0.2], cascade=CASCADE), word_tokenizer, tmp_path)
    lines = run("predict", "--model", folder, TEXTS[0]).out.splitlines()
    assert lines[1].startswith("  culture ")
    assert lines[2].startswith("✓ science ")
    assert lines[2].endswith("  (stage 2)")
    found = run("predict", "--model", folder, TEXTS[0], "--json").json[0]
    assert (found["prediction"], found["reason"]) == ("science", "stage 2")
    output = tmp_path / "out.csv"
    assert run("predict", "--model", folder, TEXTS[0], "--output", output).code == 0
    row = read_csv(output)[0]
    assert (row["prediction"], row["prediction_score"]) == ("science", "0.3000"), "its own, not the highest"


def test_what_no_stage_claims_is_unknown(run, word_tokenizer, tmp_path):
    model = constant_model([0.5, 0.3, 0.2], cascade=CASCADE[:1], unclaimed="unknown")
    folder, output = saved(model, word_tokenizer, tmp_path), tmp_path / "out.csv"
    block = run("predict", "--model", folder, TEXTS[0]).out
    assert "✓" not in block
    assert "\n  (unknown: no stage claims it)\n" in block
    found = run("predict", "--model", folder, TEXTS[0], "--json").json[0]
    assert found["prediction"] == "unknown"
    assert "reason" not in found
    assert run("predict", "--model", folder, TEXTS[0], "--output", output).code == 0
    assert read_csv(output)[0]["prediction"] == "unknown"


def test_a_keyword_is_told(run, word_tokenizer, tmp_path):
    model = constant_model([0.5, 0.3, 0.2])
    model.rules = Rules((Rule("sports", ("вратарь",)),))
    folder = saved(model, word_tokenizer, tmp_path)
    done = run("predict", "--model", folder, "Вратарь спас команду", "Театр открыл сезон", "--json")
    assert [row["prediction"] for row in done.json] == ["sports", "culture"]
    assert done.json[0]["reason"] == "the keyword 'вратарь'"
    lines = run("predict", "--model", folder, "Вратарь спас команду", "--top-k", 1).out.splitlines()
    assert lines[1].startswith("  culture")
    assert lines[2].startswith("✓ sports")
    assert lines[2].endswith("(the keyword 'вратарь')")


def test_a_column_called_reason(run, word_tokenizer, tmp_path):
    """In the way only of models that give reasons."""
    path = write_table(tmp_path / "rows.csv", [{"text": text, "reason": "1"} for text in TEXTS])
    plain = save_model(constant_model([0.5, 0.3, 0.2]), word_tokenizer, tmp_path / "plain")
    assert run("predict", "--model", plain, "--file", path, "--json").json[0]["reason"] == "1"
    staged = saved(constant_model([0.5, 0.3, 0.2], cascade=CASCADE), word_tokenizer, tmp_path)
    assert (
        "has a column 'reason' already" in run("predict", "--model", staged, "--file", path, "--json").error
    )


# --- interactive ---


def test_conversation_shows_the_ten_likeliest(run, word_tokenizer, tmp_path):
    names = {number: f"language number {number}" for number in range(12)}
    shares = [(number + 1) / 78 for number in range(12)]
    model = constant_model(shares, id2label=names, label2id={name: index for index, name in names.items()})
    folder = saved(model, word_tokenizer, tmp_path)
    text = TEXTS[0].encode()
    block = run("predict", "--model", folder, "--interactive", stdin=text).out.splitlines()
    assert [line[2:].partition("  ")[0].strip() for line in block[1:-1]] == [
        names[n] for n in range(11, 1, -1)
    ]
    assert len({line.index("%") for line in block[1:-1]}) == 1, "the columns stand below one another"
    few = run("predict", "--model", folder, "--interactive", "--top-k", 2, "--json", stdin=text).json[0]
    assert len(few["top"]) == 2
    assert len(run("predict", "--model", folder, "--json", stdin=text).json[0]["top"]) == 3
