"""True labels as people write them in files: names in either language, or ids."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...data.labels import LabelReader, without_point
from ..messages import LANGUAGES, label_name

LONGEST_CELL = 10_000  # characters; no list of labels has more


def known_labels(labels: Sequence[str]) -> dict[str, int]:
    """What may stand for each of ``labels``, and its id: its name, what visitors read for it, and its id itself.

    Ids stand for labels only where no label is called by a number.
    """
    known = {label.casefold(): index for index, label in enumerate(labels)}
    for index, label in enumerate(labels):
        for language in LANGUAGES:
            known.setdefault(label_name(label, language).casefold(), index)
    if not any(label.isdecimal() for label in labels):
        for index in range(len(labels)):
            known.setdefault(str(index), index)
    return known


def label_text(value: Any) -> str:
    """``value`` of a cell as a label is written; empty where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return without_point(str(value).strip())


def true_label(value: Any, known: Mapping[str, int]) -> int | None:
    """The id of the label that a cell names; ``None`` where it names none."""
    return known.get(label_text(value).casefold())


class UnknownLabels(ValueError):
    """Labels, of which one is none of the model's: its name is the message."""


class SeveralLabels:
    """Reads the true labels of rows that may have several, in any notation that :class:`LabelReader` reads.

    Args:
        labels: Names of the model's labels.
        columns: The column that holds them; or a column a label, each called like one, with 1 or 0 in it.
        one_hot: Whether it is a column a label.
    """

    def __init__(self, labels: Sequence[str], columns: Sequence[str], one_hot: bool):
        self._reader = LabelReader(tuple(columns), overlapping=True, one_hot=one_hot)
        self._known = known_labels(labels)

    def read(self, row: Mapping[str, Any]) -> tuple[int, ...] | None:
        """Their ids in order, none of them where the row has no label; ``None`` where the row is not labelled.

        Raises:
            UnknownLabels: one of them is none of the model's.
            ValueError: what stands there cannot be read.
        """
        cells = {column: row.get(column) for column in self._reader.columns}
        if any(isinstance(cell, str) and len(cell) > LONGEST_CELL for cell in cells.values()):
            raise ValueError(f"a cell of more than {LONGEST_CELL} characters is no list of labels")
        try:
            names = self._reader.read("", cells)
        except ValueError as error:
            raise ValueError(str(error).removeprefix(": ")) from None
        if names is None:
            return None
        if unknown := [name for name in names if true_label(name, self._known) is None]:
            raise UnknownLabels(unknown[0])
        return tuple(sorted({self._known[label_text(name).casefold()] for name in names}))


def columns_of_labels(columns: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The ``columns`` that are called like a label, where each of ``labels`` has one; else none."""
    known = {name: label for name, label in known_labels(labels).items() if not name.isdecimal()}
    known |= {label.casefold(): index for index, label in enumerate(labels)}
    found = [column for column in columns if column.casefold() in known]
    return found if {known[column.casefold()] for column in found} == set(range(len(labels))) else []
