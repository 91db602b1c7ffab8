"""The metric and the report: values worked out by hand, no network, nothing written to disk."""

import json
import socket
import warnings
from pathlib import Path

import evaluate
import numpy as np
import pytest
import torch
from conftest import LABELS, TEXT_LABELS, TEXTS, tiny_model
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from bilstm_classifier.evaluation.metrics import (
    ClassificationMetric,
    classification_report,
    format_report,
    ordinal_scores,
)

# Label 0: 2 of 3 found, 3 predicted. Label 1: 2 of 2 found, 3 predicted. Label 2: never predicted.
REFERENCES = [0, 0, 0, 1, 1, 2]
PREDICTIONS = [0, 0, 1, 1, 1, 0]
SCORES = {
    "accuracy": 4 / 6,
    "precision": (3 * 2 / 3 + 2 * 2 / 3) / 6,
    "recall": (3 * 2 / 3 + 2 * 1) / 6,
    "f1": (3 * 2 / 3 + 2 * 0.8) / 6,
    "precision_macro": (2 / 3 + 2 / 3) / 3,
    "recall_macro": (2 / 3 + 1) / 3,
    "f1_macro": (2 / 3 + 0.8) / 3,
}
NAMES = ["культура", "наука", "спорт"]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(self, address):
        raise AssertionError(f"a connection to {address} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


def test_scores_of_the_metric():
    scores = ClassificationMetric().compute(predictions=PREDICTIONS, references=REFERENCES)
    assert list(scores) == list(SCORES)
    assert scores == pytest.approx(SCORES)
    assert {type(score) for score in scores.values()} == {float}


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor, lambda ids: np.array(ids, dtype=np.int8)])
def test_ids_may_be_lists_arrays_or_tensors(kind):
    scores = ClassificationMetric().compute(predictions=kind(PREDICTIONS), references=kind(REFERENCES))
    assert scores == pytest.approx(SCORES)


def test_scores_of_batches_are_those_of_the_whole():
    metric = ClassificationMetric()
    metric.add_batch(predictions=PREDICTIONS[:4], references=REFERENCES[:4])
    metric.add(prediction=PREDICTIONS[4], reference=REFERENCES[4])
    metric.add_batch(predictions=PREDICTIONS[5:], references=REFERENCES[5:])
    assert metric.compute() == pytest.approx(SCORES)


def test_nothing_is_written_to_disk():
    metric = ClassificationMetric()
    metric.compute(predictions=PREDICTIONS, references=REFERENCES)
    assert not Path(metric.data_dir).exists()


def test_files_are_kept_when_asked_for(tmp_path):
    metric = ClassificationMetric(keep_in_memory=False, cache_dir=str(tmp_path))
    metric.add_batch(predictions=PREDICTIONS, references=REFERENCES)
    assert list(tmp_path.rglob("*.arrow"))
    assert metric.compute() == pytest.approx(SCORES)


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([], [], "nothing to score"),
        ([0], [0, 1], r"number of predictions \(1\) and references \(2\)"),
        (["спорт"], ["спорт"], "invalid literal"),
    ],
)
def test_metric_refuses_and_stays_usable(predictions, references, message):
    metric = ClassificationMetric()
    with pytest.raises(ValueError, match=message):
        metric.compute(predictions=predictions, references=references)
    assert metric.compute(predictions=PREDICTIONS, references=REFERENCES) == pytest.approx(SCORES)


def test_combined_with_another_metric():
    class Texts(ClassificationMetric):
        def _compute(self, *, predictions, references):
            return {"texts": len(references)}

    combined = evaluate.combine([ClassificationMetric(), Texts()])
    scores = combined.compute(predictions=PREDICTIONS, references=REFERENCES)
    assert scores == pytest.approx({**SCORES, "texts": 6})


def test_in_the_evaluator_with_a_model(word_tokenizer):
    model = tiny_model()
    label2id = {name: index for index, name in LABELS.items()}
    references = [label2id[name] for name in TEXT_LABELS]
    results = evaluate.evaluator("text-classification").compute(
        model_or_pipeline=model,
        tokenizer=word_tokenizer,
        data=Dataset.from_dict({"text": TEXTS, "label": references}),
        metric=ClassificationMetric(),
        label_mapping=label2id,
        device=-1,
    )
    with torch.no_grad():
        logits = [model(**word_tokenizer(text, return_tensors="pt")).logits[0] for text in TEXTS]
    report = classification_report(references, [int(row.argmax()) for row in logits], list(LABELS.values()))
    assert {name: results[name] for name in SCORES} == pytest.approx({name: report[name] for name in SCORES})
    assert results["samples_per_second"] > 0


def test_report():
    report = classification_report(REFERENCES, PREDICTIONS, NAMES)
    assert {name: report[name] for name in SCORES} == pytest.approx(SCORES)
    assert report["confusion_matrix"] == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert list(report["per_class"]) == NAMES
    assert report["per_class"]["культура"] == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3}
    )
    assert report["per_class"]["наука"] == pytest.approx(
        {"precision": 2 / 3, "recall": 1, "f1": 0.8, "support": 2}
    )
    assert report["per_class"]["спорт"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert json.loads(json.dumps(report)) == report


def test_no_answer_is_wrong_and_no_class():
    """As the metric of the others, with the texts that got no answer not found."""
    report = classification_report([0, 0, 0, 1, 1, 2], [0, 0, -1, 1, -1, 0], NAMES)
    assert report["accuracy"] == pytest.approx(3 / 6)
    assert report["unanswered"] == pytest.approx(2 / 6)
    assert report["f1_macro"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert report["recall_macro"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert report["precision_macro"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert report["recall"] == pytest.approx(report["accuracy"])
    assert report["per_class"]["наука"] == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "support": 2,
    }
    assert report["confusion_matrix"] == [[2, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert json.loads(json.dumps(report)) == report
    assert "unanswered" not in classification_report([0, 1], [0, 0], NAMES)


def test_no_answer_at_all():
    report = classification_report([0, 1], [-1, -1], NAMES)
    assert (report["accuracy"], report["f1_macro"], report["unanswered"]) == (0.0, 0.0, 1.0)
    assert report["confusion_matrix"] == [[0] * 3] * 3


def test_report_lists_classes_without_texts_and_leaves_the_averages_alone():
    report = classification_report(np.array(REFERENCES), np.array(PREDICTIONS), [*NAMES, "туризм"])
    assert {name: report[name] for name in SCORES} == pytest.approx(SCORES)
    assert report["per_class"]["туризм"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert report["confusion_matrix"] == [[2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_report_agrees_with_its_own_confusion_matrix(pairs):
    labels, predictions = zip(*pairs, strict=True)
    report = classification_report(labels, predictions, list("abcd"))
    matrix = np.array(report["confusion_matrix"])
    assert matrix.sum() == len(pairs)
    assert report["accuracy"] == pytest.approx(matrix.trace() / len(pairs))
    for index, scores in enumerate(report["per_class"].values()):
        hits = matrix[index, index]
        assert scores["support"] == matrix[index].sum()
        assert scores["precision"] == pytest.approx(hits / max(matrix[:, index].sum(), 1))
        assert scores["recall"] == pytest.approx(hits / max(matrix[index].sum(), 1))
        assert scores["f1"] == pytest.approx(2 * hits / max(matrix[index].sum() + matrix[:, index].sum(), 1))
    f1_weighted = sum(scores["f1"] * scores["support"] for scores in report["per_class"].values())
    assert report["f1"] == pytest.approx(f1_weighted / len(pairs))


@pytest.mark.parametrize(
    ("labels", "predictions", "names", "error", "message"),
    [
        ([], [], NAMES, ValueError, "nothing to score: labels are empty"),
        ([0, 1], [0], NAMES, ValueError, "2 labels and 1 predictions"),
        ([0, 3], [0, 1], NAMES, ValueError, r"labels\[1\] is 3, expected a label id from 0 to 2"),
        ([0, -1], [0, 1], NAMES, ValueError, r"labels\[1\] is -1, expected a label id from 0 to 2"),
        ([0, 1], [0, -2], NAMES, ValueError, r"predictions\[1\] is -2, expected a label id from -1 to 2"),
        ([0], [[0.1, 0.9]], NAMES, ValueError, r"predictions have the shape \(1, 2\)"),
        ([0], [0.9], NAMES, TypeError, "predictions are of type float64"),
        (["спорт"], ["спорт"], NAMES, TypeError, "expected integer label ids"),
        ([0], [0], ["спорт", "наука", "спорт"], ValueError, "found twice: спорт"),
    ],
)
def test_report_refuses(labels, predictions, names, error, message):
    with pytest.raises(error, match=message):
        classification_report(labels, predictions, names)


def test_table():
    table = format_report(classification_report(REFERENCES, PREDICTIONS, NAMES), NAMES)
    assert table.splitlines() == [
        "class         precision     recall         f1    support",
        "культура         0.6667     0.6667     0.6667          3",
        "наука            0.6667     1.0000     0.8000          2",
        "спорт            0.0000     0.0000     0.0000          1",
        "",
        "accuracy                               0.6667          6",
        "macro avg        0.4444     0.5556     0.4889          6",
        "weighted avg     0.5556     0.6667     0.6000          6",
    ]


def test_table_stays_aligned_with_long_names():
    names = ["a name much longer than any heading", "b"]
    table = format_report(classification_report([0, 1], [0, 1], names), names)
    assert len({len(line) for line in table.splitlines() if line}) == 1


def test_table_refuses_a_name_that_the_report_lacks():
    report = classification_report(REFERENCES, PREDICTIONS, NAMES)
    with pytest.raises(ValueError, match="no class 'погода': it has культура, наука, спорт"):
        format_report(report, [*NAMES, "погода"])


# --- labels in an order ---

STARS = ["1", "2", "3", "4", "5"]


def sure_of(ids, labels=5):
    return np.eye(labels)[ids]


def test_ordinal_scores():
    labels, predictions = [0, 1, 2, 4], [0, 2, 2, 1]
    scores = ordinal_scores(labels, predictions, sure_of(predictions), STARS)
    assert scores["mean_absolute_error"] == (0 + 1 + 0 + 3) / 4
    # squared distances: observed 1 + 9; expected, every label against every prediction, 4 x 4 pairs over 4 texts
    by_chance = sum((label - prediction) ** 2 for label in labels for prediction in predictions) / 4
    assert scores["quadratic_kappa"] == pytest.approx(1 - 10 / by_chance)
    # of four steps between five labels, one is wrong where the answer is one off, three where it is three off
    assert scores["ranked_probability_score"] == pytest.approx((0 + 1 + 0 + 3) / 4 / 4)
    assert {type(score) for score in scores.values()} == {float}


def test_probabilities_nearer_to_the_true_label_score_better():
    def score(*probabilities):
        return ordinal_scores([4], [4], [probabilities], STARS)["ranked_probability_score"]

    assert score(0, 0, 0, 0, 1) == 0
    assert score(0, 0, 0, 0.5, 0.5) == pytest.approx(0.5**2 / 4)
    assert score(0.5, 0, 0, 0, 0.5) == pytest.approx(0.5**2)


def test_a_step_that_never_occurs_still_counts_as_one():
    scores = ordinal_scores([0, 4, 0, 4], [0, 4, 1, 4], sure_of([0, 4, 1, 4]), STARS)
    assert scores["quadratic_kappa"] == pytest.approx(
        1 - 1 / ((0 + 16 + 1 + 16) * 2 / 4 + (16 + 0 + 9 + 0) * 2 / 4)
    )


@pytest.mark.parametrize(("predictions", "kappa"), [([2, 2], None), ([2, 3], 0.0)])
def test_kappa_of_texts_of_one_class(predictions, kappa):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = ordinal_scores([2, 2], predictions, sure_of(predictions), STARS)
    assert scores["quadratic_kappa"] == kappa
    assert json.loads(json.dumps(scores)) == scores


@pytest.mark.parametrize(
    ("labels", "predictions", "scores", "names", "error", "message"),
    [
        ([], [], [], STARS, ValueError, "labels are empty"),
        ([0], [0, 1], sure_of([0]), STARS, ValueError, "1 labels and 2 predictions"),
        ([5], [0], sure_of([0]), STARS, ValueError, r"labels\[0\] is 5, expected a label id from 0 to 4"),
        ([0.5], [0], sure_of([0]), STARS, TypeError, "labels are of type float64"),
        ([0], [0], sure_of([0], 4), STARS, ValueError, r"scores have the shape \(1, 4\), expected \(1, 5\)"),
        ([0], [0], [[1.0]], ["1"], ValueError, "two or more, found 1"),
    ],
)
def test_ordinal_scores_refuse(labels, predictions, scores, names, error, message):
    with pytest.raises(error, match=message):
        ordinal_scores(labels, predictions, scores, names)
