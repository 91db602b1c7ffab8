import numpy as np
import pytest
from scipy.stats import binom, chi2
from sklearn.metrics import f1_score

from bilstm_classifier.evaluation.significance import (
    bootstrap_scores,
    f1_macro,
    holm,
    mcnemar,
    percentile_interval,
    permutation_test,
    scores,
)


def one_hot(ids, labels=3):
    return np.eye(labels, dtype=int)[ids]


def single(texts=200, labels=3, right=(0.8, 0.6), seed=0):
    """True labels, and the answers of systems that are right this often: (texts,), (systems, texts)."""
    generator = np.random.default_rng(seed)
    true = generator.integers(0, labels, texts)
    wrong = (true + generator.integers(1, labels, (len(right), texts))) % labels
    return true, np.where(generator.random(wrong.shape) < np.array(right)[:, None], true, wrong)


def overlapping(texts=200, labels=4, flips=(0.1, 0.25), seed=0):
    generator = np.random.default_rng(seed)
    true = generator.random((texts, labels)) < 0.3
    return true, np.stack([true ^ (generator.random(true.shape) < rate) for rate in flips])


def test_scores_are_those_of_scikit_learn():
    true, predicted = single()
    found = scores(one_hot(true), one_hot(predicted))
    for system, answers in enumerate(predicted):
        assert found["f1_macro"][system] == pytest.approx(f1_score(true, answers, average="macro"))
        assert found["f1_micro"][system] == pytest.approx((true == answers).mean())
    true, predicted = overlapping()
    found = scores(true, predicted)
    for system, answers in enumerate(predicted):
        for average in ("macro", "micro"):
            expected = f1_score(true, answers, average=average)
            assert found[f"f1_{average}"][system] == pytest.approx(expected)


def test_macro_f1_passes_over_labels_that_do_not_occur():
    true, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    expected = f1_score(true, predicted, average="macro")
    assert scores(one_hot(true, 5), one_hot(predicted, 5)[None])["f1_macro"] == pytest.approx(expected)
    assert f1_macro(np.zeros(3), np.zeros(3), np.zeros(3)) == 0


def test_bootstrap_is_that_of_texts_drawn_one_by_one():
    true, predicted = single(texts=60)
    found = bootstrap_scores(one_hot(true), one_hot(predicted), resamples=4000, seed=1)
    generator = np.random.default_rng(2)
    drawn = []
    for _ in range(1000):
        rows = generator.integers(0, len(true), len(true))
        drawn.append([f1_score(true[rows], answers[rows], average="macro") for answers in predicted])
    for quantile in (0.025, 0.5, 0.975):
        expected = np.quantile(drawn, quantile, axis=0)
        np.testing.assert_allclose(np.quantile(found["f1_macro"], quantile, axis=0), expected, atol=0.03)
    # paired: both systems see the same texts, so their difference varies as it does when texts are drawn
    spread = np.std(found["f1_macro"][:, 0] - found["f1_macro"][:, 1])
    assert spread == pytest.approx(np.std(np.subtract(*np.transpose(drawn))), rel=0.1)


def test_interval_of_the_accuracy_is_that_of_the_binomial_distribution():
    true = np.zeros(400, dtype=int)
    predicted = np.where(np.arange(400) < 300, 0, 1)
    found = bootstrap_scores(one_hot(true), one_hot(predicted)[None], resamples=20_000)["f1_micro"][:, 0]
    interval = percentile_interval(0.75, found)
    low, high = binom.ppf([0.025, 0.975], 400, 0.75) / 400
    assert interval == pytest.approx((0.75, low, high), abs=0.003)


def test_a_system_compared_with_itself_never_differs():
    true, predicted = overlapping(flips=(0.2,))
    twice = np.concatenate([predicted, predicted])
    for found in bootstrap_scores(true, twice, resamples=200).values():
        assert np.array_equal(found[:, 0], found[:, 1])
        assert found.std() > 0
    assert permutation_test(true, predicted, predicted, permutations=99) == 1.0
    assert mcnemar(np.array([True, False]), np.array([True, False])).p_value == 1.0


def test_the_seed_decides_the_samples():
    true, predicted = single()
    first, again, other = (
        bootstrap_scores(one_hot(true), one_hot(predicted), resamples=50, seed=seed)["f1_macro"]
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    [
        (1, 8, 2 * 10 / 2**9),  # by hand: 2 * (C(9,0) + C(9,1)) / 2^9
        (0, 5, 2 / 2**5),
        (3, 3, 1.0),
    ],
)
def test_mcnemar_is_exact_for_few_texts(only_first, only_second, expected):
    first = np.array([True] * only_first + [False] * only_second + [True] * 50)
    second = np.array([False] * only_first + [True] * only_second + [True] * 50)
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second, found.exact) == (only_first, only_second, True)
    assert found.p_value == pytest.approx(expected)


def test_mcnemar_by_chi_squared_with_continuity_correction():
    first = np.array([True] * 40 + [False] * 20)
    found = mcnemar(first, ~first)
    assert not found.exact
    assert found.p_value == pytest.approx(chi2.sf(19**2 / 60, 1))  # (|40 - 20| - 1)^2 / 60 = 6.017
    assert found.p_value == pytest.approx(0.0142, abs=1e-4)


def test_permutations_agree_with_the_exact_test_of_the_signs():
    """With one label a text and no text on which both are right or wrong, it is the sign test."""
    true = np.zeros(12, dtype=int)
    first = np.where(np.arange(12) < 10, 0, 1)
    second = 1 - first
    found = permutation_test(one_hot(true), one_hot(first)[None], one_hot(second)[None], permutations=50_000)
    assert found == pytest.approx(mcnemar(first == 0, second == 0).p_value, abs=0.004)


def test_permutations_tell_a_better_system_from_a_worse_one():
    true, (better, worse) = overlapping(texts=300)
    assert permutation_test(true, better[None], worse[None], permutations=999) == pytest.approx(0.001)


def test_p_values_of_equal_systems_are_uniform():
    found = []
    for seed in range(200):
        true, (first, second) = overlapping(texts=80, flips=(0.2, 0.2), seed=seed)
        found.append(permutation_test(true, first[None], second[None], permutations=199, seed=seed))
    assert np.mean(np.array(found) <= 0.05) < 0.1
    assert np.mean(found) == pytest.approx(0.5, abs=0.08)


def test_runs_of_a_system_are_averaged():
    true, (a, b, c, d) = overlapping(texts=150, flips=(0.1, 0.3, 0.2, 0.2))
    one = permutation_test(true, np.stack([a, b]), np.stack([c, d]), permutations=999)
    other = permutation_test(true, np.stack([b, a]), np.stack([d, c]), permutations=999)
    assert one == other
    assert one > 0.01  # the mean of a good and a bad run is that of two of the middle


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        (np.zeros((3, 2)), np.zeros((1, 4, 2)), r"labels have the shape \(3, 2\) and answers \(1, 4, 2\)"),
        (np.zeros((0, 2)), np.zeros((1, 0, 2)), "no text"),
        (np.full((3, 2), 2), np.zeros((1, 3, 2)), "other values than 0 and 1"),
    ],
)
def test_input_that_cannot_be_compared(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_scores(true, predicted)


def test_input_of_the_tests_that_cannot_be_used():
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\)"):
        mcnemar(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="as many runs"):
        permutation_test(np.ones((3, 2)), np.ones((1, 3, 2)), np.ones((2, 3, 2)))
    with pytest.raises(ValueError, match=r"level is 95"):
        percentile_interval(0.5, np.ones(3), 95)
