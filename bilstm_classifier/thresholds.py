"""A threshold for each of several overlapping labels, tuned on the validation split for the label's F1.

Sources: Lipton, Elkan & Naryanaswamy 2014, "Optimal thresholding of classifiers to maximize F1 measure" (the best
threshold is half of the best F1, so one half is too high wherever F1 stays below 1); Fan & Lin 2007, "A study on
threshold selection for multi-label classification" (a threshold tuned on few positives does harm: their fbr
heuristic does without it); Breiman 1996, "Bagging predictors" (averaging what resamples choose); Quinlan 1993, "C4.5"
(the confidence at which a share of few cases is to be believed).
"""

import numpy as np
from numpy.typing import ArrayLike

UNTUNED = 0.5
LOWEST, HIGHEST = 0.01, 0.99
# The recall at any threshold, measured on ten positives, has a standard error of up to 0.16; on fewer still, the
# best F1 of a validation split says next to nothing about that of another.
LEAST_POSITIVES = 10
RESAMPLES = 50
# The quantile of the normal distribution for C4.5's confidence of 25%
CONFIDENCE = 0.6745


def tune_thresholds(scores: ArrayLike, labels: ArrayLike) -> list[float]:
    """For each label the probability from which on it is given to a text, so that its F1 is high.

    The best of all cuts between neighbouring scores of one split is a matter of luck. So it is found on each of
    ``RESAMPLES`` bootstrap resamples, and the mean of the log-odds is the threshold. It stays 0.5 for a label with
    fewer than ``LEAST_POSITIVES`` positives. On ``scores`` themselves the F1 is never lower than at 0.5: where it would
    be, the best single cut is taken. The same input gives the same thresholds.

    Args:
        scores: Probabilities (texts, labels) of the validation split.
        labels: 0 or 1, of the same shape.

    Returns:
        A threshold a label, from 0.01 to 0.99, for ``score >= threshold``: the middle between neighbouring scores,
        rounded to as few decimals as tell them apart.

    Raises:
        ValueError: the shapes are not (texts, labels) twice, there are no texts, a score is no probability, or a
            label is neither 0 nor 1.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2 or scores.shape != labels.shape or not len(scores):
        raise ValueError(
            f"scores have the shape {scores.shape} and labels {labels.shape}: expected (texts, labels) twice, of one "
            "text or more"
        )
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError("scores hold NaN or a number outside 0 to 1: expected probabilities, not logits")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(
            "labels hold something other than 0 and 1: expected a 1 where a label holds for a text"
        )
    if not np.issubdtype(scores.dtype, np.floating):
        scores = scores.astype(np.float64)
    return [_tune(scores[:, label], labels[:, label].astype(bool)) for label in range(scores.shape[1])]


def precision_bound(right: ArrayLike, claimed: ArrayLike) -> np.ndarray:
    """What precision to count on where ``right`` of ``claimed`` texts were: less, the fewer they are; 0 for none.

    The lower end of Wilson's interval at the confidence of C4.5. Of the precisions found at many cuts or words the
    best are lucky ones, so that without it the held-out precision stays below the wanted one.
    """
    right, claimed = np.asarray(right, np.float64), np.asarray(claimed, np.float64)
    share = right / np.maximum(claimed, 1)
    weight = CONFIDENCE**2 / np.maximum(claimed, 1)
    error = CONFIDENCE * np.sqrt((share * (1 - share) + weight / 4) / np.maximum(claimed, 1))
    return (share + weight / 2 - error) / (1 + weight)


def readable_threshold(low: float, high: float, dtype: np.dtype) -> float:
    """The middle of ``low`` and ``high`` in few decimals, yet above ``low`` and not above ``high``.

    Compared as numbers of ``dtype``, that of the scores: NumPy turns a threshold into it before it compares.
    """
    middle = (float(low) + float(high)) / 2
    for decimals in range(3, 17):
        rounded = round(middle, decimals)
        if low < dtype.type(rounded) <= high:
            return rounded
    return float(high)


def _tune(scores: np.ndarray, labels: np.ndarray) -> float:
    """The threshold of one label; ``scores`` and ``labels`` are (texts,)."""
    if labels.sum() < LEAST_POSITIVES:
        return UNTUNED
    order = np.argsort(-scores, kind="stable")
    scores, labels = scores[order], labels[order]
    generator = np.random.default_rng(0)
    log_odds = []
    for _ in range(RESAMPLES):
        # How often each text is drawn: n draws of n texts, in the limit of many texts
        drawn = generator.poisson(1, len(scores))
        best = _best_cut(scores, labels, drawn)
        log_odds.append(np.log(best / (1 - best)))
    threshold = _between_scores(scores, 1 / (1 + np.exp(-np.mean(log_odds))))
    if _f1(scores, labels, threshold) >= _f1(scores, labels, UNTUNED):
        return threshold
    # The resamples speak for places far apart, and nothing for the middle between them.
    return _between_scores(scores, _best_cut(scores, labels, np.ones(len(scores), dtype=int)))


def _best_cut(scores: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> float:
    """The cut with the highest F1, where a text counts ``counts`` times; ``scores`` (texts,) fall.

    Of equally good cuts the one nearest 0.5.
    """
    right = np.cumsum(counts * labels)
    f1 = (
        2 * right / np.maximum(np.cumsum(counts) + right[-1], 1)
    )  # (texts,): all up to this one get the label
    below = np.append(scores[1:], scores.dtype.type(0))
    # Equal scores get the label together or not at all; the bounds must leave room between unequal ones.
    possible = (scores > below) & (scores > LOWEST) & (below < HIGHEST)
    if not possible.any():
        return UNTUNED
    cuts = np.clip((scores.astype(np.float64) + below) / 2, LOWEST, HIGHEST)[possible]
    f1 = f1[possible]
    best = cuts[f1 >= f1.max() - 1e-12]
    return float(best[np.abs(best - UNTUNED).argmin()])


def _between_scores(scores: np.ndarray, threshold: float) -> float:
    """The middle of the scores (texts,) on both sides of ``threshold``, within the bounds: it decides as that does."""
    wall = scores.dtype.type
    below, above = scores[scores < threshold], scores[scores >= threshold]
    low = max(
        [wall(LOWEST), *below[:1]]
    )  # scores fall: the nearest below comes first, the nearest above last
    high = min([wall(HIGHEST), *above[-1:]])
    return min(max(readable_threshold(low, high, scores.dtype), LOWEST), HIGHEST) if low < high else threshold


def _f1(scores: np.ndarray, labels: np.ndarray, threshold: float) -> float:
    given = scores >= threshold
    return 2 * (given & labels).sum() / max(given.sum() + labels.sum(), 1)
