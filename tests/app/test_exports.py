"""The result files hold the file's own columns as they were, and what the model says of each row."""

import csv
import datetime
import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bilstm_classifier import TextPrediction
from bilstm_classifier.app.files.exports import Exports, added_columns, harmless
from bilstm_classifier.data.reading import open_table

LABELS = ["culture", "sports"]
SURE = TextPrediction(("sports",), {"culture": 0.0312345678, "sports": 0.9687654322}, 4, 4)
UNSURE = TextPrediction(("culture",), {"culture": 0.6, "sports": 0.4}, 4, 4, unsure=True)


def exported(
    folder: Path, source: Path, found: list[TextPrediction | None], overlapping: bool = False
) -> Exports:
    table = open_table(source)
    rows = [row for _, row in table.rows()]
    with Exports(folder, "rows-predictions", table, LABELS, overlapping) as exports:
        exports.write(rows[:1], found[:1])
        exports.write(rows[1:], found[1:])
    return exports


def read_csv(exports: Exports) -> list[dict[str, str]]:
    with exports.paths[0].open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def read_json(exports: Exports) -> list[dict]:
    return json.loads(exports.paths[1].read_text(encoding="utf-8"))


def read_parquet(exports: Exports) -> list[dict]:
    return pq.read_table(exports.paths[2]).to_pylist()


def test_all_columns_of_a_csv_come_back(tmp_path):
    source = tmp_path / "rows.csv"
    rows = [
        ["7", 'Матч «Зари», "Искры"\nи дождя', " с пробелом "],
        ["-8", "Премьера", ""],
        ["", "Гол", "да\rнет"],
    ]
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows([["id", "text", "заметка"], *rows])
    exports = exported(tmp_path, source, [SURE, UNSURE, None])
    expected = [dict(zip(["id", "text", "заметка"], row, strict=True)) for row in rows]
    said = [
        {
            "prediction": "sports",
            "prediction_score": 0.968765,
            "unsure": False,
            "p_culture": 0.031235,
            "p_sports": 0.968765,
        },
        {"prediction": "culture", "prediction_score": 0.6, "unsure": True, "p_culture": 0.6, "p_sports": 0.4},
        dict.fromkeys(["prediction", "prediction_score", "unsure", "p_culture", "p_sports"]),
    ]
    whole = [row | answer for row, answer in zip(expected, said, strict=True)]
    assert read_json(exports) == whole
    assert read_parquet(exports) == whole
    as_text = {None: "", True: "true", False: "false"}
    assert read_csv(exports) == [
        {name: cell if isinstance(cell, str) else as_text.get(cell, str(cell)) for name, cell in row.items()}
        for row in whole
    ]
    assert exports.paths[0].read_bytes().startswith(b"\xef\xbb\xbf"), "without which Excel shows no Cyrillic"
    assert exports.paths[1].read_text(encoding="utf-8").count("\n") == len(rows) + 2, "a row a line"
    assert pq.read_schema(exports.paths[2]).types[:3] == [pa.string()] * 3


def test_results_can_be_uploaded_again(tmp_path):
    source = tmp_path / "rows.csv"
    source.write_text("text,label\nМатч окончен,sports\nПремьера,culture\n", encoding="utf-8")
    first = exported(tmp_path, source, [SURE, UNSURE])
    again = [{name: row[name] for name in row} for row in read_json(first)]
    for path in first.paths:
        table = open_table(path)
        assert table.columns == ("text", "label", *first.added)
        assert [row["text"] for _, row in table.rows()] == [row["text"] for row in again]
    (tmp_path / "again").mkdir()
    second = exported(tmp_path / "again", first.paths[2], [UNSURE, SURE])
    assert second.added == [f"{name}_2" for name in first.added]
    for row, before in zip(read_parquet(second), again, strict=True):
        assert {name: row[name] for name in before} == before
        assert row["prediction_2"] != row["prediction"]


@pytest.mark.parametrize(
    "cell",
    [
        "=cmd|' /C calc'!A0",
        "+7 999 123-45-67",
        "-1+1",
        "- пункт списка",
        "@SUM(A1:A9)",
        "\t=1+1",
        "\rтекст",
        "  =1+1",
        "＝1+1",
        '=HYPERLINK("http://example.org";"да")',
        "-",
    ],
)
def test_formulas_are_led_by_an_apostrophe_in_csv_alone(tmp_path, cell):
    assert harmless(cell) == f"'{cell}"
    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps({cell: "заголовок", "text": cell}) + "\n", encoding="utf-8")
    exports = exported(tmp_path, source, [SURE])
    with exports.paths[0].open(encoding="utf-8-sig", newline="") as file:
        header, row = csv.reader(file)
    assert header[0] == f"'{cell}"
    assert row[1] == f"'{cell}"
    assert read_json(exports)[0]["text"] == cell
    assert read_parquet(exports)[0]["text"] == cell


@pytest.mark.parametrize(
    "cell",
    [
        "-5",
        "+3",
        "-3,5",
        "-0.25",
        "+1e-5",
        " -7 ",
        "-5%",
        "Матч — ничья",
        "2-1",
        "a=b",
        "'",
        "",
        "5",
        None,
        0.5,
    ],
)
def test_numbers_and_texts_stay_as_they_are(cell):
    assert harmless(cell) == cell


def test_names_that_are_taken():
    added = added_columns(["prediction", "prediction_2", "p_sports", "text"], LABELS)
    assert added == ["prediction_3", "prediction_score", "unsure", "p_culture", "p_sports_2"]


def test_types_of_a_parquet_file_are_kept(tmp_path):
    source = tmp_path / "rows.parquet"
    table = pa.table(
        {
            "text": ["Матч окончен", None],
            "id": pa.array([1, None], pa.int16()),
            "day": [datetime.date(2024, 5, 1), None],
            "tags": [["а", "б"], []],
            "kind": pa.array(["x", None]).dictionary_encode(),
            "weight": [math.nan, 1.5],
        }
    )
    pq.write_table(table, source)
    exports = exported(tmp_path, source, [SURE, None])
    written = pq.read_table(exports.paths[2])
    assert written.select(table.column_names).schema.equals(table.schema)
    rows = written.drop_columns("weight").to_pylist()
    assert [{name: row[name] for name in table.column_names if name != "weight"} for row in rows] == (
        table.drop_columns("weight").to_pylist()
    )
    assert math.isnan(written["weight"][0].as_py())
    first = read_json(exports)[0]
    assert (first["day"], first["tags"], first["weight"]) == ("2024-05-01", ["а", "б"], None)
    assert read_csv(exports)[0]["tags"] == '["а", "б"]'


def test_json_lines_keep_their_values_and_later_columns(tmp_path):
    source = tmp_path / "rows.jsonl"
    long = "Матч " * 1000  # what is looked at first ends before the last row
    rows = [{"text": long, "n": 5, "tags": ["а"], "b": True}] * 70 + [
        {"text": "Гол", "extra": {"a": None}, "prediction": "своё"}
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    exports = exported(tmp_path, source, [SURE] * len(rows))
    written = read_json(exports)
    assert {name: written[0][name] for name in rows[0]} == rows[0]
    assert written[-1]["extra"] == {"a": None}
    assert (written[-1]["prediction"], written[-1]["prediction_2"]) == ("sports", "своё")
    assert sorted(exports.other_columns) == ["extra", "prediction"]
    assert read_parquet(exports)[0]["n"] == "5"
    assert read_parquet(exports)[-1]["n"] is None
    assert read_csv(exports)[0]["b"] == "true"
    assert "extra" not in read_csv(exports)[-1]


def test_half_a_character_does_not_stop_the_job(tmp_path):
    source = tmp_path / "rows.jsonl"
    source.write_text('{"text": "Матч \\ud83d окончен"}\n{"text": "Гол"}\n', encoding="utf-8")
    exports = exported(tmp_path, source, [SURE, SURE])
    assert read_json(exports)[0]["text"] == "Матч \ud83d окончен"
    assert read_parquet(exports)[0]["text"] == r"Матч \ud83d окончен"
    assert read_csv(exports)[0]["text"] == r"Матч \ud83d окончен"


def test_a_text_without_a_label_is_unknown_and_a_keywords_label_has_its_own_score(tmp_path):
    source = tmp_path / "rows.txt"
    source.write_text("Матч в театре\nПремьера\n", encoding="utf-8")
    unknown = TextPrediction((), {"culture": 0.4, "sports": 0.6}, 4, 4)
    by_keyword = TextPrediction(("culture",), {"culture": 0.4, "sports": 0.6}, 4, 4, keyword="x")
    exports = exported(tmp_path, source, [unknown, by_keyword])
    for rows in (read_json(exports), read_parquet(exports)):
        assert [(row["prediction"], row["prediction_score"]) for row in rows] == [
            ("unknown", 0.6),
            ("culture", 0.4),
        ]


def test_labels_that_overlap_are_joined(tmp_path):
    source = tmp_path / "rows.txt"
    source.write_text("Матч в театре\nНичего\n", encoding="utf-8")
    both = TextPrediction(("culture", "sports"), {"culture": 0.9, "sports": 0.7}, 4, 4)
    neither = TextPrediction((), {"culture": 0.1, "sports": 0.2}, 4, 4)
    exports = exported(tmp_path, source, [both, neither], overlapping=True)
    assert [row["prediction"] for row in read_json(exports)] == ["culture; sports", ""]
    assert [row["prediction_score"] for row in read_json(exports)] == [0.9, 0.2]


def test_many_rows_are_written_in_groups(tmp_path, monkeypatch):
    monkeypatch.setattr("bilstm_classifier.app.files.exports._GROUP_ROWS", 10)
    source = tmp_path / "rows.txt"
    source.write_text("".join(f"Матч {number}\n" for number in range(25)), encoding="utf-8")
    exports = exported(tmp_path, source, [SURE] * 25)
    metadata = pq.read_metadata(exports.paths[2])
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [10, 10, 5]
    assert [row["text"] for row in read_parquet(exports)] == [f"Матч {number}" for number in range(25)]
