"""Which row goes into which split: by class, and where asked by group."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from systems.rows import Row

SEED = 42  # one for all data sets, so that a data set has one split
TEST_FOLDS = 5  # a fold is 20 % of the rows
TENTH_OF_REST, TENTH_OF_ALL = 10, 8  # folds of what the test leaves: 8 % of all rows, and 10 %


def deal_rows(
    rows: Sequence[Row],
    strata: Sequence[str],
    groups: Sequence[str] | None = None,
    validation_folds: int = TENTH_OF_REST,
) -> dict[str, list[Row]]:
    """Return the rows as train, validation and test, each with its share of every stratum.

    Args:
        strata: for each row what the splits shall have in equal shares, mostly its class.
        groups: for each row what stays in one split, e.g. its channel; shares are then approximate.
        validation_folds: 10 for a tenth of what the test leaves, 8 for a tenth of all rows.

    Raises:
        ValueError: there are too few rows, or groups, to deal out.
    """
    if len(set(groups or range(len(rows)))) < TEST_FOLDS + validation_folds:
        raise ValueError(
            f"{len(rows)} rows in {len(set(groups or range(len(rows))))} groups: at least "
            f"{TEST_FOLDS + validation_folds} are needed for train, validation and test; are the source files whole?"
        )
    everything = np.arange(len(rows))
    rest, test = _held_out(everything, strata, groups, TEST_FOLDS)
    train, validation = _held_out(rest, strata, groups, validation_folds)
    parts = {"train": train, "validation": validation, "test": test}
    return {name: [rows[index] for index in part] for name, part in parts.items()}


def rarest_label(labels: Sequence[Sequence[str]]) -> list[str]:
    """A stratum for each row with several labels: its rarest one, the one that a random split could miss."""
    counts = Counter(label for row in labels for label in row)
    return [min(row, key=lambda label: (counts[label], label), default="") for row in labels]


def _held_out(
    indices: np.ndarray, strata: Sequence[str], groups: Sequence[str] | None, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint, sorted parts of `indices`: the rest, and one fold of `folds`."""
    chosen = [strata[index] for index in indices]
    with warnings.catch_warnings():
        # a stratum with fewer rows than folds is in some of them only, which is all that can be done
        warnings.filterwarnings("ignore", message="The least populated class")
        if groups is None:
            splitter = StratifiedKFold(folds, shuffle=True, random_state=SEED).split(indices, chosen)
        else:
            splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=SEED).split(
                indices, chosen, [groups[index] for index in indices]
            )
        rest, fold = next(splitter)
    return indices[rest], indices[fold]
