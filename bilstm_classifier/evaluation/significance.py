"""Are two classifiers different on a test, or is it the luck of its texts? Intervals and p values.

All is paired over texts: every system answered the same ones. Labels are 0/1 matrices (texts, labels), so that one
label a text and overlapping labels are one case; with one label a text the micro F1 is the accuracy.

Sources: Efron & Tibshirani 1993, "An introduction to the bootstrap", ch. 13 (percentile interval); McNemar 1947;
Dietterich 1998, "Approximate statistical tests for comparing supervised classification learning algorithms"; Holm 1979;
Noreen 1989 (approximate randomisation); Phipson & Smyth 2010 (p values of permutations are never zero).

A test on one split tells the luck of its texts apart from a difference, not the luck of a training's seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000
# Below so many texts on which just one of two is right, McNemar's chi-squared is too rough (Dietterich 1998).
LEAST_FOR_CHI2 = 25
_CELLS = 8_000_000  # numbers held at once


class Interval(NamedTuple):
    """A score on all texts, and between which bounds it lies with the probability asked for."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class McNemar:
    """McNemar's test.

    Attributes:
        only_first: Texts on which the first system is right and the second wrong.
        only_second: The other way round.
        p_value: Of both being right equally often, two-sided.
        exact: By the binomial distribution; else by chi-squared with continuity correction.
    """

    only_first: int
    only_second: int
    p_value: float
    exact: bool


def f1_macro(true: np.ndarray, predicted: np.ndarray, both: np.ndarray) -> np.ndarray:
    """Mean F1 over the labels that occur, of counts (..., labels) -> (...); see :func:`bootstrap_scores`."""
    found = true + predicted
    f1 = 2 * both / np.maximum(found, 1)
    return f1.sum(-1) / np.maximum((found > 0).sum(-1), 1)


def f1_micro(true: np.ndarray, predicted: np.ndarray, both: np.ndarray) -> np.ndarray:
    """F1 over all labels together, of counts (..., labels) -> (...); the accuracy, with one label a text."""
    return 2 * both.sum(-1) / np.maximum((true + predicted).sum(-1), 1)


SCORES = {"f1_macro": f1_macro, "f1_micro": f1_micro}


def scores(true: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """The scores of systems on all texts: by name (systems,); arguments and errors as :func:`bootstrap_scores`."""
    true, predicted = _checked(true, predicted)
    counts = true.sum(0), predicted.sum(1), (true & predicted).sum(1)
    return {name: score(*counts) for name, score in SCORES.items()}


def bootstrap_scores(
    true: np.ndarray, predicted: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, np.ndarray]:
    """The scores of systems on samples of the texts, drawn with replacement, the same for all systems.

    Texts with the same labels and the same answers are one cell, of which a multinomial draw says how many there are:
    the same distribution as drawing text by text. A score is then computed from each label's counts.

    Args:
        true: 0/1, (texts, labels).
        predicted: 0/1, (systems, texts, labels).
        resamples: How many samples, 1,000 or more for an interval.
        seed: The same seed draws the same samples.

    Returns:
        ``f1_macro`` and ``f1_micro``, (resamples, systems) each.

    Raises:
        ValueError: shapes that do not fit, no text, values other than 0 and 1.
    """
    true, predicted = _checked(true, predicted)
    answers = np.concatenate([true[None], predicted])  # (1 + systems, texts, labels)
    rows = np.packbits(answers.transpose(1, 0, 2).reshape(len(true), -1), axis=1)
    _, first, sizes = np.unique(rows, axis=0, return_index=True, return_counts=True)
    true, predicted = true[first], predicted[:, first]
    both = (true & predicted).astype(np.float64)
    of_true, of_predicted = true.astype(np.float64), predicted.astype(np.float64)
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS // len(first))
    found: dict[str, list[np.ndarray]] = {name: [] for name in SCORES}
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        weights = generator.multinomial(sizes.sum(), sizes / sizes.sum(), size=count).astype(np.float64)
        support = weights @ of_true  # (count, labels)
        counts = [(weights @ of_predicted[index], weights @ both[index]) for index in range(len(predicted))]
        for name, score in SCORES.items():
            found[name].append(np.stack([score(support, *of_system) for of_system in counts], axis=1))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def percentile_interval(estimate: float, resampled: np.ndarray, level: float = 0.95) -> Interval:
    """``estimate`` with the bounds between which the share ``level`` of ``resampled`` (resamples,) lies.

    Raises:
        ValueError: ``level`` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}: expected a share between 0 and 1, such as 0.95")
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(estimate), float(low), float(high))


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> McNemar:
    """McNemar's test of two systems on the same texts.

    Exact where fewer than 25 texts tell them apart; a p value of 1 where none does.

    Args:
        first_right: Which texts the first system answers rightly, bool (texts,).
        second_right: The same of the second.

    Raises:
        ValueError: the two are not of one length.
    """
    from scipy.stats import binomtest, chi2

    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"shapes {first.shape} and {second.shape}: expected (texts,) twice")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    total = only_first + only_second
    if total < LEAST_FOR_CHI2:
        p_value = binomtest(only_first, total).pvalue if total else 1.0
        return McNemar(only_first, only_second, float(p_value), exact=True)
    distance = max(abs(only_first - only_second) - 1, 0)
    return McNemar(only_first, only_second, float(chi2.sf(distance**2 / total, 1)), exact=False)


def permutation_test(
    true: np.ndarray, first: np.ndarray, second: np.ndarray, *, permutations: int = 10_000, seed: int = 0
) -> float:
    """The p value, two-sided, of two systems having the same micro F1: their answers to a text are exchanged at random.

    Args:
        true: 0/1, (texts, labels).
        first: Answers of the first system, 0/1, (runs, texts, labels); the scores of its runs are averaged. All runs'
            answers to a text are exchanged together.
        second: The same of the second, as many runs.
        permutations: How many exchanges are drawn.
        seed: The same seed draws the same exchanges.

    Raises:
        ValueError: shapes that do not fit, no text, values other than 0 and 1.
    """
    _, first = _checked(true, first)
    true, second = _checked(true, second)
    if first.shape != second.shape:
        raise ValueError(f"answers have the shapes {first.shape} and {second.shape}: expected as many runs")
    support = true.sum()
    sides = []  # for both systems, of each text (texts, 2 * runs): labels found, then labels given
    for answers in (first, second):
        found, given = (answers & true).sum(-1), answers.sum(-1)
        sides.append(np.concatenate([found, given]).T.astype(np.float64))
    totals = [side.sum(0) for side in sides]
    change = sides[1] - sides[0]
    change = change[change.any(axis=1)]  # exchanging equal answers changes nothing

    def score(counts: np.ndarray) -> np.ndarray:
        """The mean micro F1 of the runs: (..., 2 * runs) -> (...)."""
        found, given = np.split(counts, 2, axis=-1)
        return (2 * found / np.maximum(given + support, 1)).mean(-1)

    seen = abs(score(totals[0]) - score(totals[1]))
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS // max(len(change), 1))
    as_far = 0
    for start in range(0, permutations, step):
        count = min(step, permutations - start)
        exchanged = generator.integers(0, 2, (count, len(change)), dtype=np.int8).astype(np.float64) @ change
        differences = np.abs(score(totals[0] + exchanged) - score(totals[1] - exchanged))
        as_far += int((differences >= seen - 1e-12).sum())
    return (as_far + 1) / (permutations + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """``p_values`` of several tests, corrected (Holm): a false alarm anywhere among them stays as rare as is said."""
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1)
    return corrected.tolist()


def _checked(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as bool, true (texts, labels) and predicted (systems, texts, labels)."""
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.ndim != 2 or predicted.ndim != 3 or predicted.shape[1:] != true.shape:
        raise ValueError(
            f"labels have the shape {true.shape} and answers {predicted.shape}: expected (texts, labels) and "
            "(systems, texts, labels)"
        )
    if not len(true):
        raise ValueError("there is nothing to compare: no text")
    for name, values in (("labels", true), ("answers", predicted)):
        if not np.isin(values, (0, 1)).all():
            raise ValueError(f"{name} hold other values than 0 and 1: expected a matrix of texts by labels")
    return true.astype(bool), predicted.astype(bool)
