"""Thresholds of overlapping labels: as good as 0.5 at least, found where they were planted, readable and exact."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bilstm_classifier.thresholds import (
    LEAST_POSITIVES,
    precision_bound,
    readable_threshold,
    tune_thresholds,
)


def drawn(texts, shares, separation=2.0, seed=0):
    """True probabilities (texts, labels) of labels that hold for ``shares`` of the texts, and the labels."""
    generator = np.random.default_rng(seed)
    shares = np.array(shares)
    labels = generator.random((texts, len(shares))) < shares
    seen = generator.normal(size=labels.shape) + separation * labels
    log_odds = separation * seen - separation**2 / 2 + np.log(shares / (1 - shares))
    return 1 / (1 + np.exp(-log_odds)), labels.astype(int)


def f1_of(scores, labels, thresholds):
    given, labels = scores >= np.array(thresholds), labels.astype(bool)
    return 2 * (given & labels).sum(axis=0) / np.maximum(given.sum(axis=0) + labels.sum(axis=0), 1)


@settings(max_examples=60, deadline=None)
@given(
    scores=arrays(np.float32, (60, 2), elements=st.floats(0, 1, width=32)),
    labels=arrays(np.int8, (60, 2), elements=st.integers(0, 1)),
)
def test_never_worse_than_one_half_on_its_split_and_within_the_bounds(scores, labels):
    thresholds = tune_thresholds(scores, labels)
    assert all(0.01 <= threshold <= 0.99 for threshold in thresholds)
    assert (f1_of(scores, labels, thresholds) >= f1_of(scores, labels, [0.5, 0.5]) - 1e-12).all()
    assert json.loads(json.dumps(thresholds)) == thresholds == tune_thresholds(scores, labels)


@pytest.mark.parametrize("planted", [0.07, 0.3, 0.62, 0.93])
def test_a_planted_threshold_is_found(planted):
    scores = np.random.default_rng(1).random((3000, 1))
    assert tune_thresholds(scores, scores >= planted) == pytest.approx([planted], abs=0.005)


def test_the_threshold_is_the_middle_of_the_gap():
    scores = np.repeat([[0.1], [0.2], [0.8], [0.9]], 20, axis=0)
    assert tune_thresholds(scores, scores > 0.5) == [0.5]
    assert tune_thresholds(scores, scores > 0.15) == [0.15]
    assert tune_thresholds(scores, scores > 0.85) == [0.85]


def test_a_label_that_always_holds_gets_a_low_threshold():
    scores = np.linspace(0.3, 0.9, 50)[:, None]
    assert 0.01 <= tune_thresholds(scores, np.ones((50, 1)))[0] <= 0.3


def test_held_out_f1_rises_where_labels_are_rare():
    shares = [0.03, 0.05, 0.1]
    validation, test = drawn(1500, shares), drawn(100_000, shares, seed=1)
    thresholds = tune_thresholds(*validation)
    assert (f1_of(*test, thresholds) > f1_of(*test, [0.5] * 3) + 0.02).all()


def test_resampling_depends_less_on_luck_than_the_single_best_cut():
    test = drawn(20_000, [0.07], seed=1)
    tuned, best_cut = [], []
    for seed in range(30):
        scores, labels = drawn(300, [0.07], seed=100 + seed)
        cuts = np.unique(scores)[-100:]
        f1s = [f1_of(scores, labels, [cut])[0] for cut in cuts]
        best_cut.append(f1_of(*test, [cuts[int(np.argmax(f1s))]])[0])
        tuned.append(f1_of(*test, tune_thresholds(scores, labels))[0])
    assert np.mean(tuned) > np.mean(best_cut)
    assert np.std(tuned) < 0.8 * np.std(best_cut)


def test_too_few_positives_tune_nothing():
    scores = np.linspace(0, 1, 200)[:, None]
    labels = np.zeros((200, 1), int)
    labels[-LEAST_POSITIVES + 1 :] = 1
    assert tune_thresholds(scores, labels) == [0.5]
    labels[-LEAST_POSITIVES] = 1
    assert tune_thresholds(scores, labels)[0] > 0.9


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@settings(max_examples=50, deadline=None)
@given(start=st.floats(0.01, 0.9), steps=st.integers(1, 1000))
def test_rounding_never_crosses_a_score(dtype, start, steps):
    low = dtype(start)
    high = low
    for _ in range(steps):
        high = np.nextafter(high, dtype(1))
    threshold = readable_threshold(low, high, np.dtype(dtype))
    assert (np.array([low, high]) >= threshold).tolist() == [False, True]


def test_rounding_keeps_three_decimals_where_they_are_enough():
    assert readable_threshold(0.3141, 0.3279, np.dtype(np.float64)) == 0.321
    assert readable_threshold(0.31412, 0.31418, np.dtype(np.float64)) == 0.31415


def test_precision_bound_by_hand():
    # Wilson: (p + z²/2n - z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n), z = 0.6745
    assert precision_bound([0, 1, 10, 9, 900], [0, 1, 10, 10, 1000]) == pytest.approx(
        [0, 0.687, 0.956, 0.817, 0.893], abs=0.001
    )


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.1, 0.2], [0, 1], r"scores have the shape \(2,\) and labels \(2,\): expected \(texts, labels\)"),
        ([[0.1, 0.2]], [[0], [1]], r"shape \(1, 2\) and labels \(2, 1\)"),
        (np.empty((0, 2)), np.empty((0, 2)), "of one text or more"),
        ([[3.5]], [[1]], "expected probabilities, not logits"),
        ([[float("nan")]], [[1]], "scores hold NaN"),
        ([[0.5]], [[2]], "labels hold something other than 0 and 1"),
    ],
)
def test_bad_input_is_named(scores, labels, message):
    with pytest.raises(ValueError, match=message):
        tune_thresholds(scores, labels)
