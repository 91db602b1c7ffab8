"""A one-vs-rest cascade over a softmax: stages in order, each a label that claims the texts where it is likely enough.

One model gives all one-vs-rest probabilities: the softmax's probability of label k is the sigmoid of z_k minus the
logsumexp of the other logits. A stage therefore is a label and a threshold, and the cascade an ordered list of them: a
decision list (Rivest 1987, "Learning decision lists") that is learned on the validation split, stage by stage, as rules
are in separate-and-conquer learning (Fürnkranz 1999). Cross-validation decides how many stages are kept, as it does the
size of a tree in Breiman et al. 1984, "Classification and regression trees", with their rule of one standard error.
"""

import difflib
from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from .thresholds import precision_bound, readable_threshold

UNKNOWN = -1
FOLDS = 5
RESAMPLES = 200
# Cuts tried for a label: more of them fit the split's noise and take longer.
CUTS = 100


class Stage(TypedDict):
    """Plain data for a model's config: ``label`` claims a text when its probability reaches ``threshold``."""

    label: str
    threshold: float


def fit_cascade(
    scores: ArrayLike,
    labels: ArrayLike,
    label_names: Sequence[str],
    unclaimed: str = "likeliest",
    precision: float = 0.9,
) -> list[Stage]:
    """The stages of a cascade, from the probabilities of the validation split. The same input gives the same stages.

    With ``"likeliest"``, what no stage claims gets its likeliest label. Each stage is the label and the threshold that
    raise the macro F1 of the whole decision most; there are as many as do best on held-out folds, and none where none
    help there.

    With ``"unknown"``, what no stage claims gets no label. Each stage has the lowest threshold at which ``precision``
    of the texts that it claims are of its label, measured as a lower bound
    (:func:`~bilstm_classifier.thresholds.precision_bound`) that a few lucky texts do not reach; the most precise stage
    comes first. A label that never gets there has no stage, so that it is never given.

    Args:
        scores: Probabilities (texts, labels) of a softmax.
        labels: True label ids (texts,).
        label_names: The name of each id.
        unclaimed: What becomes of the texts that no stage claims: ``"likeliest"`` or ``"unknown"``.
        precision: Share from above 0 to below 1; for ``"unknown"`` only.

    Raises:
        ValueError: the shapes do not fit, there are no texts, an id is no label's, or an option has another value.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    if not np.issubdtype(scores.dtype, np.floating):
        scores = scores.astype(np.float64)
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(scores):
        raise ValueError(
            f"scores have the shape {scores.shape} and labels {labels.shape}: expected (texts, labels) and (texts,), "
            "of one text or more"
        )
    _check_names(scores, label_names)
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= len(label_names):
        raise ValueError(f"labels hold other values than the label ids 0 to {len(label_names) - 1}")
    _check_unclaimed(unclaimed)
    if not 0 < precision < 1:
        raise ValueError(f"precision is {precision!r}: expected a share from above 0 to below 1")
    if unclaimed == "unknown":
        stages = _precise_stages(scores, labels, precision)
    else:
        stages = _greedy_stages(scores, labels, _best_length(scores, labels))
    return [Stage(label=label_names[label], threshold=threshold) for label, threshold in stages]


def apply_cascade(
    scores: ArrayLike, stages: Sequence[Stage], label_names: Sequence[str], unclaimed: str
) -> tuple[np.ndarray, np.ndarray]:
    """Label ids (texts,) for the probabilities ``scores`` (texts, labels), and the number of the stage that gave each.

    The first stage whose label reaches its threshold claims the text; stages are numbered from 0. A text that no stage
    claims has the stage -1 and its likeliest label or, with ``unclaimed="unknown"``, the id -1.

    Raises:
        ValueError: ``scores`` has another shape, or ``stages`` or ``unclaimed`` is not valid.
    """
    scores = np.asarray(scores)
    _check_names(scores, label_names)
    _check_unclaimed(unclaimed)
    check_cascade(stages, label_names)
    return _decide(scores, [(label_names.index(s["label"]), s["threshold"]) for s in stages], unclaimed)


def check_cascade(cascade: Any, label_names: Sequence[str]) -> None:
    """Raise ValueError, with what is wrong, where ``cascade`` is no list of stages over ``label_names``.

    A stage has a known ``label``, which no other stage has, a ``threshold`` from 0 to 1, and nothing else.
    """
    if not isinstance(cascade, (list, tuple)):
        raise ValueError(
            f"the cascade is {cascade!r}: expected a list of stages with a label and a threshold each"
        )
    seen: dict[str, int] = {}
    for number, stage in enumerate(cascade):
        where = f"stage {number} of the cascade"
        if not isinstance(stage, dict) or set(stage) != {"label", "threshold"}:
            raise ValueError(f"{where} is {stage!r}: expected a label and a threshold")
        label, threshold = stage["label"], stage["threshold"]
        if label not in label_names:
            near = difflib.get_close_matches(str(label), label_names, n=3, cutoff=0)
            raise ValueError(
                f"{where} has the label {label!r}, which the model does not know: the nearest are {', '.join(near)}"
            )
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
            raise ValueError(
                f"{where} ({label}) has the threshold {threshold!r}: expected a probability from 0 to 1"
            )
        if label in seen:
            raise ValueError(
                f"stages {seen[label]} and {number} of the cascade both have the label {label!r}: keep one"
            )
        seen[label] = number


def _check_names(scores: np.ndarray, label_names: Sequence[str]) -> None:
    if scores.ndim != 2 or scores.shape[1] != len(label_names):
        raise ValueError(
            f"scores have the shape {scores.shape}: expected (texts, {len(label_names)}), a column a label"
        )


def _check_unclaimed(unclaimed: str) -> None:
    if unclaimed not in ("likeliest", "unknown"):
        raise ValueError(f"unclaimed is {unclaimed!r}: expected likeliest or unknown")


def _decide(
    scores: np.ndarray, stages: Sequence[tuple[int, float]], unclaimed: str
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`apply_cascade`, with label ids in the stages."""
    ids = scores.argmax(axis=1) if unclaimed == "likeliest" else np.full(len(scores), UNKNOWN)
    numbers = np.full(len(scores), -1)
    for number, (label, threshold) in enumerate(stages):
        claimed = (numbers < 0) & (scores[:, label] >= threshold)
        ids[claimed], numbers[claimed] = label, number
    return ids, numbers


def _best_length(scores: np.ndarray, labels: np.ndarray) -> int:
    """How many stages give the best macro F1 on texts that they were not chosen on; the fewest of equally good.

    None where they gain less than the standard error of their gain: on few texts that is luck.
    """
    folds = np.empty(len(labels), int)
    generator = np.random.default_rng(0)
    shuffled = generator.permutation(len(labels))
    # Dealt out label by label, so that each fold has its share of each
    folds[shuffled[np.argsort(labels[shuffled], kind="stable")]] = np.arange(len(labels)) % FOLDS
    longest = scores.shape[1]
    found = np.tile(scores.argmax(axis=1), (longest + 1, 1))  # (stages, texts)
    for fold in range(FOLDS):
        held_out = folds == fold
        if held_out.all() or not held_out.any():
            return 0
        stages = _greedy_stages(scores[~held_out], labels[~held_out], longest)
        for length in range(longest + 1):
            found[length, held_out] = _decide(scores[held_out], stages[:length], "likeliest")[0]
    best = int(np.argmax([_macro_f1(labels, ids, longest) for ids in found]))
    gains = []
    for _ in range(RESAMPLES if best else 0):
        drawn = generator.integers(0, len(labels), len(labels))
        with_stages, without = (
            _macro_f1(labels[drawn], found[length, drawn], longest) for length in (best, 0)
        )
        gains.append(with_stages - without)
    return best if gains and np.mean(gains) > np.std(gains) else 0


def _greedy_stages(scores: np.ndarray, labels: np.ndarray, longest: int) -> list[tuple[int, float]]:
    """At most ``longest`` stages, each the one that raises macro F1 most after those before it."""
    num_labels = scores.shape[1]
    likeliest = scores.argmax(axis=1)
    free = np.ones(len(labels), bool)
    ids = likeliest.copy()
    best = _macro_f1(labels, ids, num_labels)
    stages: list[tuple[int, float]] = []
    while len(stages) < longest:
        tried = []
        for label in sorted(set(range(num_labels)) - {label for label, _ in stages}):
            f1, threshold = _best_threshold(scores[:, label], labels, ids, free, label, num_labels)
            tried.append((f1, -label, threshold))
        f1, negative, threshold = max(tried)
        if f1 <= best + 1e-9:
            break
        best = f1
        stages.append((-negative, threshold))
        claimed = free & (scores[:, -negative] >= threshold)
        ids[claimed], free[claimed] = -negative, False
    return stages


def _best_threshold(
    scores: np.ndarray, labels: np.ndarray, ids: np.ndarray, free: np.ndarray, label: int, num_labels: int
) -> tuple[float, float]:
    """The best macro F1 when ``label`` claims the ``free`` texts down to a threshold, and that threshold.

    ``scores`` are the label's (texts,), ``ids`` the decision so far.
    """
    edges = _edges(scores[free])
    if len(edges) < 2:
        return 0.0, 1.0
    # Bin b holds the scores from edge b up to below edge b - 1, the edges falling: cut b claims the bins 0 to b.
    bins = np.searchsorted(-edges, -scores, side="left")
    moved = free & (ids != label)
    right_new, taken, right_old = (np.zeros((len(edges) + 1, num_labels)) for _ in range(3))
    np.add.at(right_new, (bins[moved], label), labels[moved] == label)
    np.add.at(taken, (bins[moved], ids[moved]), 1)
    np.add.at(right_old, (bins[moved], ids[moved]), labels[moved] == ids[moved])
    change = -taken
    change[:, label] += taken.sum(axis=1)
    right = np.bincount(labels[labels == ids], minlength=num_labels) + (right_new - right_old).cumsum(axis=0)
    given = np.bincount(ids, minlength=num_labels) + change.cumsum(axis=0)
    f1 = _mean_f1(right, given, np.bincount(labels, minlength=num_labels))[: len(edges)]  # (cuts,)
    cut = int(f1.argmax())
    below = scores[free & (scores < edges[cut])]
    low = below.max() if len(below) else scores.dtype.type(0)
    return float(f1[cut]), readable_threshold(low, edges[cut], scores.dtype)


def _edges(scores: np.ndarray) -> np.ndarray:
    """At most ``CUTS`` of the distinct positive ``scores`` (texts,), falling, with equally many texts between them."""
    falling = np.sort(scores[scores > 0])[::-1]
    if not len(falling):
        return falling
    return np.unique(falling[np.linspace(0, len(falling) - 1, min(CUTS, len(falling))).astype(int)])[::-1]


def _precise_stages(scores: np.ndarray, labels: np.ndarray, precision: float) -> list[tuple[int, float]]:
    """Stages that each claim as many texts as they can with ``precision``, the most precise first."""
    free = np.ones(len(labels), bool)
    left = set(range(scores.shape[1]))
    stages: list[tuple[int, float]] = []
    while left:
        tried = []
        for label in sorted(left):
            order = np.flatnonzero(free)[np.argsort(-scores[free, label], kind="stable")]
            falling = scores[order, label]
            below = np.append(falling[1:], falling.dtype.type(0))
            bounds = precision_bound(np.cumsum(labels[order] == label), np.arange(1, len(order) + 1))
            enough = np.flatnonzero((bounds >= precision) & (falling > below))
            if len(enough):
                last = int(enough[-1])
                threshold = readable_threshold(below[last], falling[last], scores.dtype)
                tried.append((bounds[last], last, -label, threshold))
        if not tried:
            break
        _, _, negative, threshold = max(tried)
        stages.append((-negative, threshold))
        left.discard(-negative)
        free &= scores[:, -negative] < threshold
    return stages


def _mean_f1(right: np.ndarray, given: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Macro F1 (…) of counts (…, labels), over the labels that occur among the true ones or were given."""
    f1 = 2 * right / np.maximum(given + true, 1)
    return f1.sum(axis=-1) / np.maximum(((given + true) > 0).sum(axis=-1), 1)


def _macro_f1(labels: np.ndarray, ids: np.ndarray, num_labels: int) -> float:
    counts = [np.bincount(kept, minlength=num_labels) for kept in (labels[labels == ids], ids, labels)]
    return float(_mean_f1(*counts))
