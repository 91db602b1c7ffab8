"""All rows of a file get the model's prediction, and what is kept of them does not grow with the file."""

import json
import subprocess
import sys
from itertools import pairwise

import pytest
from conftest import REPOSITORY, TEXTS, tiny_model

from bilstm_classifier import Predictor, TextPrediction
from bilstm_classifier.app.files.errors import BadFile
from bilstm_classifier.app.files.exports import Exports
from bilstm_classifier.app.files.scoring import (
    CHUNK_ROWS,
    EvenSample,
    Job,
    Outcome,
    classify_rows,
    result_folder,
)
from bilstm_classifier.app.files.true_labels import known_labels, true_label
from bilstm_classifier.app.files.uploads import count_rows, look_at
from bilstm_classifier.app.service import Service
from bilstm_classifier.app.settings import Settings

LABELS = ["culture", "science", "sports"]
# Written for these tests.
ROWS = [
    ("Сборная выиграла матч в дополнительное время", "sports"),
    ("Театр открыл сезон премьерой по старой пьесе", "Культура"),
    ("Телескоп заметил новую планету у далёкой звезды", "7"),
    ("", "sports"),
    ("Вратарь спас команду в последнюю минуту матча", "economy"),
    ("\u200b \t", "sports"),
    ("Музей показал картины из запасников", ""),
    ("Центробанк повысил ключевую ставку", "погода"),
]


def classified(
    service, path, folder, text_column=0, label_column=None
) -> tuple[Outcome, list[dict], list[int]]:
    """What became of a file: outcome, rows of its JSON, and how many rows were said to be done, time after time."""
    upload = look_at(path, path.name, "ru")
    outcome = Outcome(service.labels, service.overlapping)
    with Exports(folder, "results", upload.table, service.labels, service.overlapping) as exports:
        done = list(classify_rows(service, Job(upload, text_column, label_column, "ru"), exports, outcome))
    return outcome, json.loads(exports.paths[1].read_text(encoding="utf-8")), done


@pytest.fixture
def rows_file(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(json.dumps({"news": text, "topic": label}) + "\n" for text, label in ROWS), encoding="utf-8"
    )
    return path


def test_predictions_are_those_of_the_predictor(service, rows_file, tmp_path):
    outcome, rows, done = classified(service, rows_file, tmp_path)
    assert [row["news"] for row in rows] == [text for text, _ in ROWS]
    with_text = [number for number, (text, _) in enumerate(ROWS) if text.strip("\u200b \t")]
    expected = service.predictor.predict([ROWS[number][0] for number in with_text])
    for number, found in zip(with_text, expected, strict=True):
        assert rows[number]["prediction"] == found.labels[0]
        for label, score in found.probabilities.items():
            assert rows[number][f"p_{label}"] == pytest.approx(score, abs=1e-4)
    assert [row["prediction"] is None for row in rows] == [
        number not in with_text for number in range(len(ROWS))
    ]
    assert (outcome.rows, outcome.empty, done) == (8, 2, [8])
    assert sum(outcome.by_label.values()) == 6
    assert outcome.by_label == {
        label: count
        for label in service.labels
        if (count := sum(found.labels[0] == label for found in expected))
    }
    assert outcome.unsure == sum(found.unsure for found in expected)
    assert [answer.text for answer in outcome.first] == [text for text, _ in ROWS]
    assert outcome.report() is None


def test_true_labels_are_compared(service, rows_file, tmp_path):
    outcome, rows, _ = classified(service, rows_file, tmp_path, label_column=1)
    true = ["sports", "culture", "science", "economy"]
    assert [service.labels[label] for label in outcome.true] == true
    predicted = [rows[number]["prediction"] for number in (0, 1, 2, 4)]
    assert [service.labels[label] for label in outcome.predicted] == predicted
    assert (outcome.unlabelled, outcome.unknown, outcome.unknown_named) == (1, 1, ["погода"])
    assert outcome.report()["accuracy"] == sum(map(str.__eq__, true, predicted)) / 4
    mistakes = outcome.most_confident_mistakes()
    assert [mistake.text for mistake in mistakes] == [ROWS[4][0]]
    assert mistakes[0].score == pytest.approx(rows[4]["prediction_score"], abs=1e-6)


def test_chunks_keep_the_order_of_the_rows(service, tmp_path):
    path = tmp_path / "rows.txt"
    count = 2 * CHUNK_ROWS + 20
    path.write_text("".join(f"{TEXTS[number % 6]} {number}\n" for number in range(count)), encoding="utf-8")
    outcome, rows, done = classified(service, path, tmp_path)
    assert done == [CHUNK_ROWS, 2 * CHUNK_ROWS, count]
    assert [row["text"].split()[-1] for row in rows] == [str(number) for number in range(count)]
    assert len(outcome.first) == 100
    assert len(outcome.sample.taken()) == 40


def test_long_rows_make_small_chunks(service, tmp_path):
    path = tmp_path / "rows.jsonl"
    row = json.dumps({"text": TEXTS[0], "note": "я" * 20_000}, ensure_ascii=False)
    path.write_text(f"{row}\n" * 6, encoding="utf-8")
    assert classified(service, path, tmp_path)[2] == [2, 4, 6]


def test_a_text_of_any_length_is_read_from_its_beginning(service, tmp_path):
    path = tmp_path / "rows.jsonl"
    text = TEXTS[0] + " и ещё раз" * 200_000
    path.write_text(json.dumps({"text": text}) + "\n" + json.dumps({"text": 5}) + "\n", encoding="utf-8")
    outcome, rows, _ = classified(service, path, tmp_path)
    assert (outcome.partly_read, outcome.empty) == (1, 1)
    assert rows[0]["text"] == text
    found = service.predictor.predict([text[:50_000]])[0]
    assert rows[0]["prediction_score"] == pytest.approx(found.top(1)[0].score, abs=1e-4)


def test_a_model_with_overlapping_labels(word_tokenizer, tmp_path):
    model = tiny_model(problem_type="multi_label_classification")
    service = Service(Predictor(model, word_tokenizer), "tiny", tmp_path, Settings())
    path = tmp_path / "rows.txt"
    path.write_text("\n".join(TEXTS), encoding="utf-8")
    outcome, rows, _ = classified(service, path, tmp_path)
    expected = ["; ".join(found.labels) for found in service.predictor.predict(TEXTS)]
    assert [row["prediction"] for row in rows] == expected
    assert outcome.rows == 6


def test_a_row_that_cannot_be_read_stops_the_job(service, tmp_path):
    path = tmp_path / "rows.csv"
    rows = f"{TEXTS[1]},sports\n" * 25_000  # more than is looked at first
    path.write_text(f"text,label\n{rows}Лишняя, запятая,sports\n", encoding="utf-8")
    upload = look_at(path, path.name, "ru")
    with pytest.raises(BadFile, match="строка 25\u00a0002"):
        for _ in count_rows(upload, service.settings, "ru"):
            pass
    short = tmp_path / "short.csv"
    short.write_text(
        f"text,label\n{TEXTS[1]},sports\nЛишняя, запятая,sports\n{rows[:2000]}", encoding="utf-8"
    )
    with pytest.raises(BadFile, match="строка 3"):
        classified(service, short, tmp_path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((5, None), "нет столбца 5"),
        (("text", None), "нет столбца text"),
        ((-1, None), "нет столбца -1"),
        ((0, 0), "в одном столбце"),
        ((2, None), "числа, читать в них нечего"),
    ],
)
def test_columns_that_cannot_be_used(tmp_path, columns, message):
    path = tmp_path / "rows.csv"
    path.write_text("text,label,stars\nМатч окончен,sports,5\nПремьера,culture,4\n", encoding="utf-8")
    with pytest.raises(BadFile, match=message):
        Job(look_at(path, "rows.csv", "ru"), *columns, "ru").check()


def prediction(label: str, score: float) -> TextPrediction:
    scores = dict.fromkeys(LABELS, (1 - score) / 2) | {label: score}
    return TextPrediction((label,), scores, 3, 3)


def test_the_most_confident_mistakes_are_kept():
    outcome = Outcome(LABELS)
    for number in range(300):
        found = prediction("sports" if number % 3 else "culture", 0.4 + number / 1000)
        outcome.add(f"Текст {number}", found)
        outcome.compare("culture", f"Текст {number}", found)
    wrong = [number for number in range(300) if number % 3]
    assert [mistake.text for mistake in outcome.most_confident_mistakes()] == [
        f"Текст {number}" for number in wrong[:-21:-1]
    ]


def test_few_unknown_labels_are_named():
    outcome = Outcome(LABELS)
    for number in range(50):
        found = prediction("sports", 0.9)
        outcome.add("Матч", found)
        outcome.compare(f"{number % 9}0 " + "й" * 1000, "Матч", found)
    assert outcome.unknown == 50
    assert len(outcome.unknown_named) == 5
    assert max(map(len, outcome.unknown_named)) == 60


@pytest.mark.parametrize("count", [0, 1, 39, 40, 41, 79, 80, 81, 1000, 12_345])
def test_a_sample_is_spread_evenly(count):
    sample = EvenSample(40)
    for number in range(count):
        sample.add(number)
    taken = sample.taken()
    assert len(taken) == min(count, 40)
    assert taken == sorted(set(taken))
    if count > 80:
        assert taken[0] == 0
        assert taken[-1] > 0.9 * count
        gaps = [after - before for before, after in pairwise(taken)]
        assert max(gaps) <= 2 * min(gaps)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("sports", 2),
        (" Sports ", 2),
        ("СПОРТ", 2),
        ("наука", 1),
        (1, 1),
        ("1", 1),
        ("1.0", 1),
        (2.0, 2),
        ("3", None),
        (1.5, None),
        (None, None),
        (float("nan"), None),
        ("", None),
        (True, None),
        (["sports"], None),
    ],
)
def test_how_labels_are_written(value, label):
    assert true_label(value, known_labels(LABELS)) == label


def test_names_that_are_numbers_are_no_ids():
    known = known_labels(["5", "4", "1"])
    assert [true_label(value, known) for value in (5, "4.0", "1", 0, "2")] == [0, 1, 2, None, None]


def test_a_result_folder_goes_when_its_job_is_given_up(tmp_path):
    def job(fail: bool):
        with result_folder(tmp_path) as folder:
            (folder / "results.csv").write_text("text\n")
            yield folder
            assert not fail

    left = next(job(fail=False))
    assert not left.exists(), "its generator was closed"
    steps = job(fail=True)
    left = next(steps)
    assert left.exists()
    with pytest.raises(AssertionError):
        next(steps)
    assert not left.exists()
    (left,) = job(fail=False)
    assert (left / "results.csv").exists()


# Synthetic rows: the same texts again and again, classified by a tiny model in a process of its own.
MEMORY = """
import json, resource, sys
from pathlib import Path
sys.path.insert(0, "tests")
from conftest import TEXTS, tiny_model
from bilstm_classifier import Predictor, train_word_tokenizer
from bilstm_classifier.app.files.exports import Exports
from bilstm_classifier.app.files.scoring import Job, Outcome, classify_rows
from bilstm_classifier.app.service import Service
from bilstm_classifier.app.settings import Settings
from bilstm_classifier.app.files.uploads import count_rows, look_at

folder, rows = Path(sys.argv[1]), int(sys.argv[2])
path = folder / f"{rows}.csv"
with path.open("w", encoding="utf-8") as file:
    file.write("text,label,note\\n")
    for number in range(rows):
        file.write(f"\\"{TEXTS[number % 6]}\\",sports,{number} {'x' * 150}\\n")
tokenizer = train_word_tokenizer(TEXTS, max_vocabulary=60, max_length=32)
service = Service(Predictor(tiny_model(embedder=False), tokenizer), "tiny", folder, Settings())
upload = look_at(path, path.name, "en")
*_, total = count_rows(upload, service.settings, "en")
outcome = Outcome(service.labels, service.overlapping)
with Exports(folder, "results", upload.table, service.labels, service.overlapping) as exports:
    for done in classify_rows(service, Job(upload, 0, 1, "en"), exports, outcome):
        pass
assert (total, outcome.rows, len(outcome.true)) == (rows, rows, rows)
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path):
    megabytes = [
        int(
            subprocess.run(
                [sys.executable, "-c", MEMORY, str(tmp_path), str(rows)],
                cwd=REPOSITORY,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for rows in (20_000, 100_000)
    ]
    assert (tmp_path / "100000.csv").stat().st_size > 2**24
    assert megabytes[1] - megabytes[0] < 32
