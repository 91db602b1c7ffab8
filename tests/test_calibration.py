"""Temperature, calibration error, coverage and the bound below which an answer is unsure."""

import numpy as np
import pytest

from bilstm_classifier.decision import probabilities
from bilstm_classifier.evaluation.calibration import (
    LEAST_TEXTS,
    accuracy_by_coverage,
    expected_calibration_error,
    fit_temperature,
    unsure_bound,
)

SINGLE = "single_label_classification"


def believed(texts=4000, labels=5, seed=0):
    """Logits (texts, labels) whose probabilities are true by construction, and labels drawn from them."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(texts, labels)) * 2
    scores = probabilities(logits, SINGLE)
    drawn = np.array([generator.choice(labels, p=row / row.sum()) for row in scores.astype(float)])
    return logits, drawn


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_temperature_undoes_a_factor(factor):
    logits, labels = believed()
    assert fit_temperature(logits * factor, labels, SINGLE) == pytest.approx(factor, rel=0.08)


def test_temperature_of_overlapping_labels():
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(4000, 3)) * 2
    labels = (generator.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
    assert fit_temperature(logits * 3, labels, "multi_label_classification") == pytest.approx(3, rel=0.08)


def test_temperature_makes_overconfident_probabilities_honest():
    logits, labels = believed()
    proud = probabilities(logits * 4, SINGLE)
    modest = probabilities(logits * 4 / fit_temperature(logits * 4, labels, SINGLE), SINGLE)
    assert expected_calibration_error(proud, labels) > 0.1
    assert expected_calibration_error(modest, labels) < 0.03
    assert (proud.argmax(1) == modest.argmax(1)).all()


def test_too_few_texts_tell_no_temperature():
    logits, labels = believed(LEAST_TEXTS - 1)
    assert fit_temperature(logits * 4, labels, SINGLE) == 1.0
    assert unsure_bound(probabilities(logits, SINGLE), labels, 0.5) is None


def test_calibration_error_by_hand():
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    labels = np.array([0, 1, 1, 1])
    # bins of 1/15: {0.9, 0.9} half right, {0.8} right, {0.7} right
    assert expected_calibration_error(scores, labels) == pytest.approx((0.8 + 0.2 + 0.3) / 4)


def test_accuracy_rises_where_the_unsure_are_left_out():
    logits, labels = believed()
    curve = accuracy_by_coverage(probabilities(logits, SINGLE), labels)
    assert list(curve) == ["1", "0.95", "0.9", "0.8", "0.7", "0.5"]
    assert sorted(curve.values()) == list(curve.values())
    assert curve["1"] == pytest.approx((logits.argmax(1) == labels).mean())


def test_answers_at_or_above_the_bound_are_as_often_right_as_wanted():
    logits, labels = believed()
    scores = probabilities(logits, SINGLE)
    bound = unsure_bound(scores, labels, 0.9)
    sure = scores.max(1) >= bound
    assert 0.2 < sure.mean() < 0.9
    assert (scores.argmax(1) == labels)[sure].mean() == pytest.approx(0.9, abs=0.01)


def test_the_bound_at_its_ends():
    logits, labels = believed()
    scores = probabilities(logits, SINGLE)
    assert unsure_bound(scores, labels, 0.1) == 0.0
    wrong = (scores.argmax(1) + 1) % scores.shape[1]
    assert unsure_bound(scores, wrong, 0.5) is None
