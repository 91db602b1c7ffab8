"""Cutting test and validation splits from training rows: in proportion, and with what belongs together kept so."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def cut_splits(
    labels: np.ndarray, groups: np.ndarray, shares: dict[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Cuts rows into ``train`` and other splits, class by class in proportion.

    Args:
        labels: class ids, (rows,), or memberships, (rows, classes) bool, where labels overlap: a row then counts for
            the rarest of its classes.
        groups: ids of what must stay on one side, (rows,), -1 for a row that belongs to nothing. Where there are any,
            the shares are met as nearly as whole groups allow.
        shares: the share of all rows for each split to cut.
        seed: the same seed gives the same cut.

    Returns:
        For ``train`` and each split to cut the places of its rows, ascending.

    Raises:
        ValueError: there are too few rows, or groups, for a split.
    """
    import numpy as np

    if labels.ndim == 2:
        sizes = labels.sum(axis=0)
        rarest = np.where(labels, sizes, sizes.max(initial=0) + 1).argmin(axis=1)
        labels = np.where(labels.any(axis=1), rarest, labels.shape[1])  # those of no class are one more
    if (groups >= 0).any():
        return grouped_cut(labels, groups, shares, seed)
    return stratified_cut(labels, shares, seed)


def stratified_cut(labels: np.ndarray, shares: dict[str, float], seed: int) -> dict[str, np.ndarray]:
    """Cuts rows into ``train`` and other splits, class by class in proportion.

    Each class gives its share of rows, and keeps one for ``train``; the rows that rounding leaves over come
    from the classes with the largest fractions, at random among equals.

    Args:
        labels: class ids, (rows,).
        shares: the share of all rows for each split to cut.
        seed: the same seed gives the same cut.

    Returns:
        For ``train`` and each split to cut the places of its rows, ascending.

    Raises:
        ValueError: there are too few rows for a split.
    """
    import numpy as np

    classes = int(labels.max()) + 1
    generator = np.random.default_rng(seed)
    by_class = [generator.permutation(np.flatnonzero(labels == i)) for i in range(classes)]
    free = np.array([len(places) - 1 for places in by_class]).clip(0)  # a class keeps one row to train on
    result: dict[str, np.ndarray] = {}
    for name, share in shares.items():
        wanted = np.bincount(labels, minlength=classes) * share  # (classes,)
        taken = np.minimum(np.floor(wanted).astype(np.int64), free)
        left_over = max(1, round(len(labels) * share)) - int(taken.sum())
        order = np.lexsort((generator.random(classes), taken - wanted))  # the largest fraction first
        order = order[free[order] > taken[order]]
        taken[order[: max(0, left_over)]] += 1
        if not taken.any():
            raise ValueError(
                f"{len(labels)} rows in {classes} classes are too few to cut a {name} split from; "
                f"set {name}_size=0 or add rows"
            )
        chosen = [
            places[free[i] + 1 - taken[i] : free[i] + 1] for i, places in enumerate(by_class) if taken[i]
        ]
        result[name] = np.sort(np.concatenate(chosen))
        free -= taken
    rest = np.ones(len(labels), dtype=bool)
    for places in result.values():
        rest[places] = False
    result["train"] = np.flatnonzero(rest)
    return result


def grouped_cut(
    labels: np.ndarray, groups: np.ndarray, shares: dict[str, float], seed: int
) -> dict[str, np.ndarray]:
    """As :func:`cut_splits`, with each group on one side, by scikit-learn's ``StratifiedGroupKFold``."""
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold

    alone = groups.max() + 1 + np.arange(len(groups))
    groups = np.where(groups < 0, alone, groups)
    classes = set(labels.tolist())
    rest = np.arange(len(labels))
    left = 1.0
    result: dict[str, np.ndarray] = {}
    for name, share in shares.items():
        folds = max(2, round(left / share))
        largest = int(np.bincount(labels[rest]).max())
        if min(len(np.unique(groups[rest])), largest) < folds:
            raise ValueError(
                f"{len(np.unique(groups[rest]))} groups, and {largest} rows of the largest class, are too few to cut "
                f"a {name} split from; set {name}_size=0 or add rows"
            )
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        with warnings.catch_warnings():  # a class of fewer rows than folds is no fault: it has none in some
            warnings.simplefilter("ignore", UserWarning)
            found = list(splitter.split(rest, labels[rest], groups[rest]))
        # a fold may be empty, where another has a group that is larger than it should be
        usable = [
            (kept, cut) for kept, cut in found if len(cut) and set(labels[rest[kept]].tolist()) == classes
        ]
        if not usable:
            raise ValueError(
                f"some of the {len(classes)} classes stand in so few groups that a {name} split would leave them none "
                f"to train on: leave those classes out, set {name}_size=0, or split the rows yourself"
            )
        kept, cut = min(usable, key=lambda fold: abs(len(fold[1]) - share * len(labels)))
        result[name] = rest[cut]
        rest = rest[kept]
        left -= share
    result["train"] = rest
    return result
