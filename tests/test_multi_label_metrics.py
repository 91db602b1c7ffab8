"""The metric and the report of labels that overlap: values worked out by hand, no network, nothing written to disk."""

import json
import socket
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, f1_score

from bilstm_classifier.evaluation.multi_label_metrics import (
    MultiLabelMetric,
    format_multi_label_report,
    multi_label_report,
    multi_label_scores,
)

NAMES = ["политика", "спорт", "юмор"]
LABELS = [[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0]]
CHOSEN = [[1, 0, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]]
PROBABILITIES = [[0.9, 0.2, 0.4], [0.1, 0.8, 0.45], [0.7, 0.15, 0.1], [0.6, 0.3, 0.3]]
# Politics: 2 of 2 found, 3 chosen. Sport: 1 of 2 found, 1 chosen. Humour: 0 of 1 found, none chosen.
SCORES = {
    "precision_micro": 3 / 4,
    "recall_micro": 3 / 5,
    "f1_micro": 2 * 3 / (4 + 5),
    "precision_macro": (2 / 3 + 1 + 0) / 3,
    "recall_macro": (1 + 1 / 2 + 0) / 3,
    "f1_macro": (0.8 + 2 / 3 + 0) / 3,
    "precision": (2 * 2 / 3 + 2 * 1 + 0) / 5,
    "recall": (2 * 1 + 2 * 1 / 2 + 0) / 5,
    "f1": (2 * 0.8 + 2 * 2 / 3 + 0) / 5,
    "subset_accuracy": 1 / 4,
    "hamming_loss": 3 / 12,
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(self, address):
        raise AssertionError(f"a connection to {address} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_scores():
    scores = multi_label_scores(LABELS, CHOSEN)
    assert scores == pytest.approx(SCORES)
    assert {type(score) for score in scores.values()} == {float}


@pytest.mark.parametrize(
    "kind",
    [
        list,
        np.array,
        torch.tensor,
        lambda rows: np.array(rows, dtype=bool),
        lambda rows: torch.tensor(rows).float(),
    ],
)
def test_metric_takes_lists_arrays_and_tensors(kind):
    scores = MultiLabelMetric().compute(predictions=kind(CHOSEN), references=kind(LABELS))
    assert scores == pytest.approx(SCORES)


def test_scores_of_batches_are_those_of_the_whole_and_nothing_is_written():
    metric = MultiLabelMetric()
    metric.add_batch(predictions=CHOSEN[:3], references=LABELS[:3])
    metric.add(prediction=CHOSEN[3], reference=LABELS[3])
    assert metric.compute() == pytest.approx(SCORES)
    assert not Path(metric.data_dir).exists()


def test_macro_averages_pass_over_a_label_that_is_neither_true_nor_chosen():
    labels, chosen = np.pad(LABELS, ((0, 0), (0, 1))), np.pad(CHOSEN, ((0, 0), (0, 1)))
    scores = multi_label_scores(labels, chosen)
    assert scores.pop("hamming_loss") == pytest.approx(3 / 16)
    assert scores == pytest.approx({name: SCORES[name] for name in scores})
    chosen[0, 3] = 1  # chosen in vain, it counts
    assert multi_label_scores(labels, chosen)["f1_macro"] == pytest.approx(SCORES["f1_macro"] * 3 / 4)


def test_report():
    report = multi_label_report(LABELS, PROBABILITIES, CHOSEN, NAMES)
    assert {name: report[name] for name in SCORES} == pytest.approx(SCORES)
    # politics is ranked first and second, sport first and last, humour second
    ranked = [1, (1 / 1 + 2 / 4) / 2, 1 / 2]
    assert [one["average_precision"] for one in report["per_class"].values()] == pytest.approx(ranked)
    assert report["average_precision_macro"] == pytest.approx(sum(ranked) / 3)
    # true ones among all twelve: ranks 1 (.9), 2 (.8), 3 (.7), 6 (.4), 10 (.15)
    assert report["average_precision_micro"] == pytest.approx((1 + 1 + 1 + 4 / 6 + 5 / 10) / 5)
    assert report["labels_per_text"] == {"true": 5 / 4, "chosen": 1.0}
    assert report["without_label"] == 0
    assert list(report["per_class"]) == NAMES
    assert report["per_class"]["политика"] == pytest.approx(
        {"precision": 2 / 3, "recall": 1, "f1": 0.8, "average_precision": 1, "support": 2}
    )
    assert report["co_occurrence"] == [[2, 1, 1], [1, 2, 0], [1, 0, 1]]
    assert json.loads(json.dumps(report)) == report


def test_average_precision_of_a_label_that_is_never_true_is_left_out():
    labels = np.array(LABELS)
    labels[:, 2] = 0
    report = multi_label_report(labels, PROBABILITIES, CHOSEN, NAMES)
    assert report["per_class"]["юмор"]["average_precision"] is None
    assert report["per_class"]["юмор"]["support"] == 0
    assert report["average_precision_macro"] == pytest.approx((1 + 0.75) / 2)


def test_texts_without_any_label():
    nothing = np.zeros((5, 3), dtype=int)
    report = multi_label_report(nothing, np.full((5, 3), 0.2), nothing, NAMES)
    assert (report["subset_accuracy"], report["without_label"], report["f1_macro"]) == (1, 1, 0)
    assert (report["average_precision_macro"], report["average_precision_micro"]) == (None, None)


@settings(deadline=None)
@given(st.data())
def test_report_agrees_with_scikit_learn_and_with_itself(data):
    shape = data.draw(st.tuples(st.integers(1, 12), st.integers(2, 5)))
    labels = data.draw(arrays(np.int64, shape, elements=st.integers(0, 1)))
    probabilities = data.draw(arrays(np.float64, shape, elements=st.sampled_from([0, 0.2, 0.5, 0.7, 1])))
    chosen = (probabilities >= 0.5).astype(int)
    report = multi_label_report(labels, probabilities, chosen, list("abcde")[: shape[1]])
    assert report["hamming_loss"] == pytest.approx((labels != chosen).mean())
    assert report["subset_accuracy"] == pytest.approx((labels == chosen).all(axis=1).mean())
    assert report["f1_micro"] == pytest.approx(f1_score(labels.ravel(), chosen.ravel(), zero_division=0))
    for column, scores in enumerate(report["per_class"].values()):
        assert scores["support"] == report["co_occurrence"][column][column] == labels[:, column].sum()
        both = (labels[:, column] & chosen[:, column]).sum()
        assert scores["recall"] == pytest.approx(both / max(labels[:, column].sum(), 1))
        assert scores["precision"] == pytest.approx(both / max(chosen[:, column].sum(), 1))
    if labels.any(axis=0).all():
        expected = average_precision_score(labels, probabilities, average="macro")
        assert report["average_precision_macro"] == pytest.approx(expected)
        assert report["f1_macro"] == pytest.approx(f1_score(labels, chosen, average="macro", zero_division=0))


@pytest.mark.parametrize(
    ("labels", "chosen", "message"),
    [
        ([], [], "nothing to score: labels is empty"),
        ([1, 0], [1, 0], r"labels has the shape \(2,\), expected \(texts, labels\)"),
        ([[1, 0]], [[1, 0], [0, 1]], r"labels have the shape \(1, 2\) and chosen has \(2, 2\)"),
        ([[1, 0], [1]], [[1, 0], [0, 1]], "labels has rows of different lengths"),
        ([[1, 0]], [[0.7, 0.1]], r"chosen\[0\]\[0\] is 0.7, expected 0 or 1"),
        ([[0, 2]], [[0, 1]], r"labels\[0\]\[1\] is 2, expected 0 or 1"),
        ([[0, np.nan]], [[0, 1]], r"labels\[0\]\[1\] is nan, expected 0 or 1"),
        ([[1], [0]], [[1], [1]], "labels has one label, expected two or more"),
    ],
)
def test_what_cannot_be_scored_is_told(labels, chosen, message):
    with pytest.raises(ValueError, match=message):
        multi_label_scores(labels, chosen)


def test_a_metric_given_probabilities_does_not_cut_them_to_zero():
    with pytest.raises(ValueError, match=r"chosen\[0\]\[0\] is 0.9, expected 0 or 1"):
        MultiLabelMetric().compute(predictions=PROBABILITIES, references=LABELS)


@pytest.mark.parametrize(
    ("scores", "names", "message"),
    [
        (PROBABILITIES, [*NAMES, "туризм"], "labels have 3 columns, expected one for each of 4 names"),
        (PROBABILITIES, ["спорт", "юмор", "спорт"], "found twice: спорт"),
        (PROBABILITIES[:3], NAMES, r"scores have the shape \(3, 3\), expected that of the labels: \(4, 3\)"),
        (np.array(PROBABILITIES) * 9 - 4, NAMES, "no probability, expected 0 to 1"),
        (np.full((4, 3), np.nan), NAMES, "no probability, expected 0 to 1"),
    ],
)
def test_report_refuses(scores, names, message):
    with pytest.raises(ValueError, match=message):
        multi_label_report(LABELS, scores, CHOSEN, names)


def test_table():
    report = multi_label_report(LABELS, PROBABILITIES, CHOSEN, NAMES)
    report["per_class"]["юмор"]["average_precision"] = None
    assert format_multi_label_report(report, NAMES).splitlines() == [
        "label                    precision     recall         f1   avg prec    support",
        "политика                    0.6667     1.0000     0.8000     1.0000          2",
        "спорт                       1.0000     0.5000     0.6667     0.7500          2",
        "юмор                        0.0000     0.0000     0.0000          -          1",
        "",
        "micro avg                   0.7500     0.6000     0.6667     0.8333          5",
        "macro avg                   0.5556     0.5000     0.4889     0.7500          5",
        "weighted avg                0.6667     0.6000     0.5867                     5",
        "",
        "subset accuracy             0.2500",
        "hamming loss                0.2500",
        "texts without a label       0.0000",
        "labels per text, true       1.2500",
        "labels per text, chosen     1.0000",
    ]


def test_table_refuses_a_name_that_the_report_lacks():
    report = multi_label_report(LABELS, PROBABILITIES, CHOSEN, NAMES)
    with pytest.raises(ValueError, match="no label 'погода': it has политика, спорт, юмор"):
        format_multi_label_report(report, [*NAMES, "погода"])
