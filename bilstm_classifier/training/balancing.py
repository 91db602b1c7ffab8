"""Classes of equal size, by repeating rows or leaving some out, for training only."""

import logging
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)

Balance = Literal["up", "down"]


def balance_rows(train: "Dataset", how: Balance, seed: int) -> "Dataset":
    """The rows of ``train`` so chosen that each class that has any has as many as the others, in random order.

    For the training split, after the splits have been cut. A row repeated before that would stand on both sides of the
    cut, where the test asks what was learned by heart; and a test with rows repeated or left out counts some answers
    twice, or measures classes in other shares than those that the model will meet.

    Args:
        train: Rows with a column ``labels`` of one class id each; nothing of them is copied.
        how: ``"up"`` repeats rows of the smaller classes until they are as many as those of the largest, each row as
            often as any other of its class, or once more; ``"down"`` draws from each class as many as the smallest has.
        seed: Of the draws and of the order; equal seeds give equal rows.

    Raises:
        ValueError: another ``how``, no rows, or rows with several labels each.
    """
    if how not in get_args(Balance):
        raise ValueError(f"balance is {how!r}: expected {' or '.join(get_args(Balance))}")
    if not len(train):
        raise ValueError("no rows to balance: the training split is empty")
    labels = train.with_format("numpy")["labels"][:]
    if labels.dtype.kind != "i" or labels.ndim != 1:
        raise ValueError(
            "rows cannot be balanced where labels overlap, since a row of a rare label brings others with it: "
            "expected one class id a row, use class_weights in place of balance"
        )
    generator = np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    size = int(counts.max() if how == "up" else counts.min())
    chosen = []
    for label in classes:
        rows = np.flatnonzero(labels == label)
        rounds, rest = divmod(size, len(rows))
        chosen += [np.tile(rows, rounds), generator.choice(rows, rest, replace=False)]
    feature = train.features["labels"]
    names = [feature.int2str(int(label)) if hasattr(feature, "int2str") else str(label) for label in classes]
    logger.info(
        "Balanced %r: %s rows a class, before %s",
        how,
        size,
        ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True)),
    )
    return train.select(generator.permutation(np.concatenate(chosen)))
