"""Models whose labels overlap, that decide by stages and keywords, and that read columns: by endpoint, MCP and file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import TEXTS
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from bilstm_classifier.app.files.errors import BadFile
from bilstm_classifier.app.files.exports import Exports
from bilstm_classifier.app.files.scoring import Job, Outcome, classify_rows
from bilstm_classifier.app.files.true_labels import SeveralLabels, UnknownLabels, columns_of_labels
from bilstm_classifier.app.files.uploads import ONE_HOT, look_at
from bilstm_classifier.app.service import Service
from bilstm_classifier.app.tabs.about import what_it_is
from bilstm_classifier.app.tabs.answers import shown
from bilstm_classifier.app.tabs.batch_results import counts, figures_table, label_notes, mistakes
from bilstm_classifier.evaluation.multi_label_metrics import multi_label_report

from .calling import Refused, call
from .conftest import serving
from .systems import BETWEEN, MATCH, THRESHOLDS, VIDEOS, loaded
from .test_mcp import asked

LABELS = ["culture", "science", "sports"]
ROW = {"title": MATCH, "views": 5, "source": "канал"}


@pytest.fixture(scope="module")
def topics(tmp_path_factory, word_tokenizer) -> Service:
    return loaded(tmp_path_factory.mktemp("topics"), word_tokenizer, **BETWEEN)


@pytest.fixture(scope="module")
def videos(tmp_path_factory, word_tokenizer) -> Service:
    """With a row of numbers the first stage claims a text, without them none."""
    cascade = [{"label": "science", "threshold": 0.335}, {"label": "culture", "threshold": 0.9}]
    folder = tmp_path_factory.mktemp("videos")
    return loaded(
        folder, word_tokenizer, {"culture": ["премьера"]}, cascade=cascade, unclaimed="unknown", **VIDEOS
    )


@pytest.fixture(scope="module")
def topics_url(topics) -> Iterator[str]:
    yield from serving(topics)


@pytest.fixture(scope="module")
def videos_url(videos) -> Iterator[str]:
    yield from serving(videos)


# --- labels that overlap ---


def test_labels_and_thresholds_by_http_and_mcp(topics, topics_url):
    found = topics.predictor.predict(TEXTS)
    assert len({prediction.labels for prediction in found}) > 1
    thresholds = dict(zip(LABELS, THRESHOLDS, strict=True))
    answers = call(topics_url, "classify_many", [TEXTS, "en"])
    for answer, prediction in zip(answers, found, strict=True):
        assert answer["labels"] == list(prediction.labels)
        assert answer["thresholds"] == thresholds
        assert answer["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-5)
        assert "label" not in answer
    assert call(topics_url, "classify", [TEXTS[0], "en"])["labels"] == answers[0]["labels"]
    assert call(topics_url, "about", [])["thresholds"] == thresholds
    one, about = asked(topics_url, ("classify", {"text": TEXTS[0]}), ("about", {}))
    assert (one["labels"], one["thresholds"], about["thresholds"]) == (
        answers[0]["labels"],
        thresholds,
        thresholds,
    )


@pytest.mark.parametrize(("language", "told"), [("en", "reaches its threshold"), ("ru", "своего порога")])
def test_a_text_with_no_label_above_its_threshold(tmp_path, word_tokenizer, language, told):
    service = loaded(tmp_path, word_tokenizer, **{**BETWEEN, "thresholds": [0.99] * 3})
    (found,) = service.classify([MATCH], [language])
    bars, notes = shown(service, MATCH, found, language)
    assert told in notes
    assert bars["label"] == {"en": "nothing", "ru": "ничего"}[language]
    assert [bar["threshold"] for bar in bars["confidences"]] == [0.99] * 3
    assert not any("chosen" in bar for bar in bars["confidences"])


def test_the_model_is_described_with_its_thresholds(topics, videos):
    assert "culture (≥ 32.0%), science (≥ 50.5%), sports (≥ 99.0%)" in what_it_is(topics, "en")
    said = what_it_is(videos, "ru")
    assert "title, tags, views, seconds, source" in said
    assert "сначала ключевые слова (1), наука (≥ 33,5" in said
    assert "иначе ответ «неизвестно»" in said


def test_of_many_labels_the_likeliest_are_shown(tmp_path, word_tokenizer):
    names = {number: f"language {number}" for number in range(75)}
    ids = {name: number for number, name in names.items()}
    service = loaded(tmp_path, word_tokenizer, id2label=names, label2id=ids)
    (found,) = service.classify([MATCH], ["en"])
    bars, notes = shown(service, MATCH, found, "en")
    assert [bar["label"] for bar in bars["confidences"]] == [one.label for one in found.top(12)]
    assert "Shown are the 12 likeliest of 75 categories." in notes


# --- stages, keywords, unknown ---


@pytest.mark.parametrize(
    ("item", "label", "reason", "english", "russian"),
    [
        (
            {"title": MATCH, "tags": "премьера"},
            "culture",
            "the keyword 'премьера'",
            "Decided by the keyword “премьера”",
            "Ответ определило ключевое слово «премьера»",
        ),
        (
            ROW,
            "science",
            "stage 1",
            "Decided by stage 1 of 2 of the cascade: “science” claims a text from 33.5% on.",
            "Ответ дала ступень каскада 1 из 2: «наука» забирает текст, если набирает от 33,5",
        ),
        (
            {"title": MATCH},
            "unknown",
            "",
            "No stage of the cascade claims this text, so the model does not know",
            "Ни одна ступень каскада не забрала этот текст: к какой категории",
        ),
    ],
)
def test_what_chose_the_label_is_said(videos, videos_url, item, label, reason, english, russian):
    answer = call(videos_url, "classify", ["", "en", item])
    assert (answer["label"], answer["reason"]) == (label, reason)
    (found,) = videos.classify([item], ["en"])
    bars, notes = shown(videos, item, found, "en")
    assert bars["label"] == label
    assert english in notes
    bars, notes = shown(videos, item, found, "ru")
    assert bars["label"] == {"culture": "культура", "science": "наука", "unknown": "неизвестно"}[label]
    assert russian in notes


def test_the_likeliest_label_after_a_cascade_is_said_to_be_that(tmp_path, word_tokenizer):
    service = loaded(tmp_path, word_tokenizer, cascade=[{"label": "science", "threshold": 1.0}])
    (found,) = service.classify([MATCH], ["en"])
    bars, notes = shown(service, MATCH, found, "en")
    assert bars["label"] == found.top(1)[0].label
    assert "the likeliest category is the answer" in notes


# --- columns ---


def test_columns_by_every_way(videos, videos_url):
    expected = videos.predictor.predict([ROW])[0]
    beside = {name: value for name, value in ROW.items() if name != "title"}
    client = Client(videos_url, verbose=False)
    answers = [
        call(videos_url, "classify", [MATCH, "en", beside]),
        call(videos_url, "classify", ["", "en", ROW]),
        call(videos_url, "classify", {"text": MATCH, "columns": {**beside, "views": "5,0"}}),
        client.predict(MATCH, columns=beside, api_name="/classify"),
        call(videos_url, "classify_many", [[ROW], "en"])[0],
        *asked(videos_url, ("classify", {"text": MATCH, "columns": beside})),
    ]
    for answer in answers:
        assert answer["label"] == expected.labels[0]
        assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
    bare = videos.predictor.predict([MATCH])[0]
    assert bare.probabilities != pytest.approx(expected.probabilities, abs=1e-2)
    for answer in (
        call(videos_url, "classify", {"text": MATCH}),
        client.predict(MATCH, api_name="/classify"),
    ):
        assert answer["probabilities"] == pytest.approx(bare.probabilities, abs=1e-5)
    about = call(videos_url, "about", [])["columns"]
    assert list(about) == ["title", "tags", "views", "seconds", "source"]
    assert about["views"] == {"kind": "number", "low": 0.0, "high": 1_200_000.0}
    assert about["source"] == {"kind": "category", "values": ["канал", "трансляция"]}


def test_an_explanation_goes_along(videos, videos_url):
    item = {**ROW, "tags": "телескоп и планета"}
    expected = videos.predictor.explain(item, "sports")
    beside = {name: value for name, value in item.items() if name != "title"}
    answer = call(videos_url, "explain", [MATCH, "sports", "en", beside])
    assert answer["probability"] == pytest.approx(expected.probability, abs=1e-5)
    assert [word["text"] for word in answer["words"]] == [word.text for word in expected.words]
    assert answer["log_odds"] == pytest.approx(expected.log_odds, abs=1e-4)
    with pytest.raises(Refused, match="reads no column 'tag'"):
        call(videos_url, "explain", [MATCH, None, "en", {"tag": "x"}])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"view": 5}, "The model reads no column 'view'. The nearest that it reads: views"),
        ({"views": "много"}, "The column views holds 'много', and a number was expected"),
        ({"tags": 5}, "The column tags holds 5, and a text was expected"),
        ({"title": MATCH}, "The text is given as text and as the column title"),
        ({"tags": "т" * 100_001}, "more than 100,000 characters"),
    ],
)
def test_columns_that_cannot_be_read(videos_url, columns, message):
    assert message in call(videos_url, "classify", [MATCH, "en", columns])["error"]
    assert call(videos_url, "classify", [MATCH, "en", {}])["label"] == "unknown"


@pytest.mark.parametrize("columns", [{"views": [5]}, {"source": {"a": 1}}, ["views"], "views"])
def test_columns_that_are_nested_or_none_are_nobody_elses_trouble(videos_url, columns):
    try:
        told = call(videos_url, "classify", [MATCH, "en", columns])["error"]
    except Refused as error:
        told = str(error)
    assert "expected" in told


def test_a_column_without_a_text(videos_url):
    assert "nothing to read" in call(videos_url, "classify", [" ", "en", {"views": 5}])["error"]
    beside = {"tags": "премьера", "source": "подкаст", "seconds": None}
    assert call(videos_url, "classify", ["", "en", beside])["label"] == "culture"


def test_a_model_that_reads_a_text_alone_takes_no_columns(topics, topics_url):
    with pytest.raises(Refused, match="there is no parameter 'columns'"):
        call(topics_url, "classify", {"text": MATCH, "columns": {"views": 5}})
    assert topics.classify([{"text": MATCH}], ["en"])[0].args == ("A text was expected.",)


# --- files ---


def classified(service: Service, path: Path, folder: Path) -> tuple[Outcome, list[dict[str, Any]], Job]:
    """What became of a file whose columns are found by their names."""
    upload = look_at(path, path.name, "ru")
    column = upload.text_column(service)
    job = Job(upload, column, upload.label_column(service, column), "ru")
    job.check()
    outcome = Outcome(service.labels, service.overlapping)
    with Exports(folder, "results", upload.table, service.labels, service.overlapping) as exports:
        list(classify_rows(service, job, exports, outcome))
    return outcome, json.loads(exports.paths[1].read_text(encoding="utf-8")), job


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_are_scored_with_their_columns(videos, tmp_path):
    rows = [
        {"name": "a", "title": MATCH, "views": "5", "source": "канал", "tags": ""},
        {"name": "b", "title": MATCH, "views": "", "source": None, "tags": None},
        {"name": "c", "title": MATCH, "views": "много", "source": "подкаст", "tags": "премьера"},
        {"name": "d", "title": "", "views": 5, "source": "канал", "tags": TEXTS[1]},
        {"name": "e", "title": " ", "views": 5, "source": "канал", "tags": ""},
    ]
    outcome, exported, job = classified(videos, written(tmp_path / "rows.jsonl", rows), tmp_path)
    asked_for = [
        {"title": MATCH, "views": 5, "source": "канал"},
        MATCH,
        {"title": MATCH, "source": "подкаст", "tags": "премьера"},
        {"tags": TEXTS[1], "views": 5, "source": "канал"},
    ]
    expected = videos.predictor.predict(asked_for)
    for row, found in zip(exported, expected, strict=False):
        assert row["prediction"] == (found.labels[0] if found.labels else "unknown")
        for label, score in found.probabilities.items():
            assert row[f"p_{label}"] == pytest.approx(score, abs=1e-4)
    assert [row["prediction"] for row in exported] == ["science", "unknown", "culture", "science", None]
    assert (outcome.empty, outcome.without_label) == (1, 1)
    assert (outcome.missing_columns, job.missing_columns(videos)) == (["seconds"], ["seconds"])
    assert (outcome.unread_cells, outcome.unread_named) == (1, ["views: много"])
    assert "неизвестно" in counts(outcome, "ru")


def test_an_unknown_answer_is_a_wrong_one(videos, tmp_path):
    rows = [
        {"title": MATCH, "views": 5, "source": "канал", "label": "science"},
        {"title": MATCH, "views": None, "source": None, "label": "sports"},
        {"title": "премьера", "views": None, "source": None, "label": "sports"},
    ]
    outcome, _, _ = classified(videos, written(tmp_path / "rows.jsonl", rows), tmp_path)
    report = outcome.report()
    assert report["accuracy"] == pytest.approx(1 / 3)
    assert list(report["per_class"]) == LABELS
    assert report["f1_macro"] == pytest.approx((0 + 1 + 0) / 3)
    assert report["confusion_matrix"][2] == [1, 0, 0, 1]
    assert "неизвестно" in mistakes(outcome, "ru")


NOTATIONS = {
    "list": (["culture", "sports"], []),
    "JSON": ('["culture", "sports"]', "[]"),
    "semicolons": ("sports; culture", "[]"),
    "commas": ("спорт, Культура", "[]"),
}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_true_labels_that_overlap_are_measured(topics, tmp_path, notation):
    both, none = NOTATIONS[notation]
    cells = [both, none, "science", "погода", "", '["culture"', both]
    rows = [{"text": text, "labels": cell} for text, cell in zip([*TEXTS, MATCH], cells, strict=True)]
    outcome, _, job = classified(topics, written(tmp_path / "rows.jsonl", rows), tmp_path)
    assert job.label_column == 1
    assert (outcome.measured, outcome.unknown, outcome.unlabelled, outcome.broken) == (4, 1, 1, 1)
    truth = [[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 0, 1]]
    found = topics.predictor.predict([*TEXTS[:3], MATCH])
    chosen = [[int(label in one.labels) for label in LABELS] for one in found]
    scores = [list(one.probabilities.values()) for one in found]
    expected = multi_label_report(truth, scores, chosen, LABELS)
    report = outcome.report()
    assert report["f1_micro"] == pytest.approx(expected["f1_micro"])
    assert report["f1_macro"] == pytest.approx(expected["f1_macro"])
    assert report["per_class"]["culture"] == pytest.approx(expected["per_class"]["culture"], abs=1e-6)
    assert "Micro F1" in figures_table(report, outcome, "en")
    assert "погода" in label_notes(outcome, "en")
    assert "cannot be read" in label_notes(outcome, "en")
    assert mistakes(outcome, "en").count("<tr>") == 1 + sum(map(list.__ne__, truth, chosen))


def test_a_column_for_each_label(topics, tmp_path):
    header = "text,culture,Спорт,science\n"
    cells = ["1,0,0", "0,0,0", "да,1,нет", ",,", "0.6,0,0", "2,0,0"]
    rows = [f'"{text}",{cell}' for text, cell in zip(TEXTS, cells, strict=True)]
    path = tmp_path / "rows.csv"
    path.write_text(header + "\n".join(rows), encoding="utf-8")
    outcome, _, job = classified(topics, path, tmp_path)
    assert job.label_column == ONE_HOT
    assert job.label_columns(topics) == ["culture", "Спорт", "science"]
    assert (outcome.measured, outcome.unlabelled, outcome.broken) == (4, 1, 1)
    assert list(outcome.true) == [1, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0]


def test_columns_for_some_of_the_labels_are_not_taken_for_all():
    assert columns_of_labels(["text", "culture", "sports"], LABELS) == []
    assert columns_of_labels(["0", "1", "2"], LABELS) == []
    assert columns_of_labels(["SPORTS", "наука", "culture"], LABELS) == ["SPORTS", "наука", "culture"]


def test_labels_that_cannot_be_read():
    labels = SeveralLabels(LABELS, ["labels"], one_hot=False)
    assert labels.read({"labels": "2, 0"}) == (0, 2)
    with pytest.raises(UnknownLabels, match="weather"):
        labels.read({"labels": "sports; weather"})
    for cell in ("[" * 20_000, "{broken", 1.5):
        with pytest.raises(ValueError, match=r"characters|broken|expected"):
            labels.read({"labels": cell})


def test_a_column_that_the_model_reads_is_not_taken_for_the_labels(tmp_path, word_tokenizer):
    column = {"kind": "category", "name": "category", "values": ["culture", "sports"]}
    service = loaded(tmp_path, word_tokenizer, feature_columns=[column])
    path = tmp_path / "rows.csv"
    path.write_text(f"text,category\n{TEXTS[0]},sports\n{TEXTS[1]},culture\n", encoding="utf-8")
    upload = look_at(path, path.name, "en")
    assert upload.label_column(service, 0) is None
    assert Job(upload, 0, 1, "en").missing_columns(service) == ["category"]
    with pytest.raises(BadFile, match="no column -1"):
        Job(upload, 0, -1, "en").check()


def test_programs_send_files_of_each_kind(topics_url, videos_url, tmp_path):
    topics_file = written(tmp_path / "topics.jsonl", [{"text": text, "labels": ["sports"]} for text in TEXTS])
    _, summary = Client(topics_url, verbose=False).predict(
        handle_file(topics_file), label_column="labels", api_name="/classify_file"
    )
    assert summary["figures"]["per_class"]["sports"]["support"] == 6
    assert {"f1_micro", "f1_macro", "subset_accuracy"} <= set(summary["figures"])
    assert (summary["broken_labels"], summary["unlabelled"]) == (0, 0)
    videos_file = written(tmp_path / "videos.jsonl", [ROW, {"title": MATCH, "views": "x"}])
    client = Client(videos_url, verbose=False)
    files, summary = client.predict(handle_file(videos_file), api_name="/classify_file")
    rows = json.loads(Path(files[1]).read_text(encoding="utf-8"))
    assert [row["prediction"] for row in rows] == ["science", "unknown"]
    assert (summary["missing_columns"], summary["unread_cells"], summary["without_label"]) == (
        ["tags", "seconds"],
        1,
        1,
    )
    with pytest.raises(AppError, match="no column nothing"):
        client.predict(handle_file(videos_file), text_column="nothing", api_name="/classify_file")
