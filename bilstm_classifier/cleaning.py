"""Rows of a source -> the rows worth keeping and their classes, without holding a text in memory."""

from __future__ import annotations

import hashlib
import logging
import math
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .sources import Source

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

DIGEST_BYTES = 16
# Of a text found twice, the copy in the split read first stays: a text of the test must not be trained on.
# Further tests (`test_later`) are read after `test`.
_ORDER = ("test", "validation", "train")
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.0+)?")
_NUMBER = re.compile(r"\s*[+-]?\d+([.,]\d+)?\s*")


@dataclass
class SplitReport:
    """What became of the rows of one split of the source.

    Attributes:
        read: the sum of all the others but ``conflicts``.
        in_other_split: rows whose text is in an evaluation split too.
        conflicts: of the repeated rows, those with another label than the row that was kept.
    """

    read: int = 0
    blank: int = 0
    unlabelled: int = 0
    duplicates: int = 0
    in_other_split: int = 0
    in_dropped_classes: int = 0
    kept: int = 0
    conflicts: int = 0

    def __str__(self) -> str:
        counts = {
            "without text": self.blank,
            "without label": self.unlabelled,
            "repeated": self.duplicates,
            "also in an evaluation split": self.in_other_split,
            "in dropped classes": self.in_dropped_classes,
        }
        removed = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "none"
        conflicts = f" ({self.conflicts} had another label than the row kept)" if self.conflicts else ""
        return f"{self.read} rows read; removed: {removed}{conflicts}; {self.kept} kept"


@dataclass(frozen=True)
class RowReader:
    """Reads text and label out of a row; ``class_names`` are those of a ClassLabel column."""

    text_columns: tuple[str, ...]
    label_column: str
    separator: str
    class_names: tuple[str, ...] | None

    @property
    def columns(self) -> list[str]:
        """The columns it reads."""
        return [*self.text_columns, self.label_column]

    def text(self, place: str, row: dict[str, Any]) -> str | None:
        """The text, its columns joined; None where all are blank. ValueError where one holds no text."""
        parts = [row.get(column) for column in self.text_columns]
        for column, part in zip(self.text_columns, parts, strict=True):
            if part is not None and not isinstance(part, str):
                raise ValueError(f"{place}: column {column!r} holds {_described(part)}, expected a text")
        if not any(part and not part.isspace() for part in parts):
            return None
        return self.separator.join(part or "" for part in parts)

    def label(self, place: str, row: dict[str, Any]) -> str | None:
        """The label as a name; None where there is none (null, blank, NaN, or -1 in a ClassLabel column)."""
        value = row.get(self.label_column)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, str):
            return value.strip() or None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int):  # True and False are integers too, and keep their names
            raise ValueError(
                f"{place}: column {self.label_column!r} holds {_described(value)}, "
                "expected a name or an integer"
            )
        if self.class_names is None:
            return str(value)
        return self.class_names[value] if value >= 0 else None


@dataclass
class KeptRows:
    """The rows kept of one split of the source: 32 bytes each."""

    positions: np.ndarray  # (rows,) places in the split, ascending
    labels: np.ndarray  # (rows,) class ids
    digests: np.ndarray  # (rows, DIGEST_BYTES) hashes of the texts

    def __len__(self) -> int:
        return len(self.positions)

    def where(self, chosen: np.ndarray) -> KeptRows:
        """The rows that a boolean mask chooses."""
        return KeptRows(self.positions[chosen], self.labels[chosen], self.digests[chosen])


def text_digest(text: str, place: str) -> bytes:
    """A hash of the text; ValueError for one that no file can hold."""
    return hashlib.blake2b(_encoded(text, "text", place), digest_size=DIGEST_BYTES).digest()


def clean(source: Source, reader: RowReader) -> tuple[dict[str, KeptRows], list[str], dict[str, SplitReport]]:
    """Finds the rows to keep: with text and label, each text once in all the splits.

    Returns:
        The rows kept of each split that has any; the distinct labels (``KeptRows.labels`` are places in this
        list); and what became of each split's rows.

    Raises:
        ValueError: a row that cannot be read, no rows left in ``train``, or numbers in place of texts.
    """
    labels: dict[str, int] = {}
    seen: dict[str, dict[bytes, int]] = {}  # for each split, the label of each text
    kept: dict[str, KeptRows] = {}
    reports: dict[str, SplitReport] = {}
    words_seen = False
    further = [name for name in source.splits if name not in _ORDER]
    for name in (_ORDER[0], *further, *_ORDER[1:]):
        if name not in source.splits:
            continue
        report = reports[name] = SplitReport()
        seen[name] = {}
        positions, row_labels, digests = array("q"), array("q"), bytearray()
        for position, (place, row) in enumerate(source.splits[name].rows(reader.columns)):
            report.read += 1
            text, label_name = reader.text(place, row), reader.label(place, row)
            if text is None:
                report.blank += 1
                continue
            if label_name is None:
                report.unlabelled += 1
                continue
            words_seen = words_seen or not _NUMBER.fullmatch(text[:100])
            digest = text_digest(text, place)
            if label_name not in labels:
                _encoded(label_name, "label", place)
                labels[label_name] = len(labels)
            label = labels[label_name]
            home = next((split for split, texts in seen.items() if digest in texts), None)
            if home is None:
                seen[name][digest] = label
                positions.append(position)
                row_labels.append(label)
                digests += digest
                continue
            report.conflicts += seen[home][digest] != label
            if home == name:
                report.duplicates += 1
            else:
                report.in_other_split += 1
        report.kept = len(positions)
        if positions:
            kept[name] = _kept_rows(positions, row_labels, digests)
        elif name != "train":
            logger.warning("%s: split %s is left out (%s)", source.name, name, report)
    if "train" not in kept:
        raise ValueError(f"{source.name}: no rows left to train on ({reports['train']})")
    if not words_seen:
        raise ValueError(
            f"{source.name}: {listed_columns(reader.text_columns)} holds only numbers, expected texts"
        )
    return kept, list(labels), reports


def name_classes(
    found: Sequence[str], class_names: Sequence[str] | None, label_names: Sequence[str] | None
) -> tuple[list[str], np.ndarray]:
    """The names of the classes in the order of their ids, and the id of each of the labels found.

    Names and order are ``label_names``, else ``class_names`` (the source's ClassLabel), else the labels
    themselves: integers in numeric order, others in alphabetical order. Integers that ``label_names`` lacks
        are places in it.
    """
    import numpy as np

    numbers = [int(float(label)) for label in found if _WHOLE_NUMBER.fullmatch(label)]
    all_numbers = len(numbers) == len(found)
    if label_names:
        names = list(label_names)
    elif class_names is not None:
        names = list(class_names)
    elif all_numbers:
        names = [str(number) for number in sorted(set(numbers))]
    else:
        names = sorted(found)
    ids = {name: i for i, name in enumerate(names)}
    if all_numbers and label_names and not set(found) <= set(names):
        ids = {
            label: number for label, number in zip(found, numbers, strict=True) if 0 <= number < len(names)
        }
    elif all_numbers and class_names is None:
        ids = {label: ids[str(number)] for label, number in zip(found, numbers, strict=True)}
    unknown = sorted(set(found) - set(ids))
    if unknown:
        raise ValueError(f"labels that label_names lacks: {some(unknown)}; label_names holds {some(names)}")
    return names, np.array([ids[label] for label in found], dtype=np.int64)


def drop_rare_classes(
    kept: dict[str, KeptRows], names: Sequence[str], min_samples: int
) -> tuple[dict[str, KeptRows], list[str], dict[str, int]]:
    """Drops the classes with rows in ``train``, but fewer than ``min_samples``, and numbers the others anew.

    Returns:
        The rows left (without a split that has none left), the names left, and the names dropped with the rows
        they had in ``train``.
    """
    import numpy as np

    counts = np.bincount(kept["train"].labels, minlength=len(names))  # (classes,)
    rare = (counts > 0) & (counts < min_samples)
    new_ids = np.cumsum(~rare) - 1
    left = {split: rows.where(~rare[rows.labels]) for split, rows in kept.items()}
    for rows in left.values():
        rows.labels = new_ids[rows.labels]
    return (
        {split: rows for split, rows in left.items() if len(rows) or split == "train"},
        [name for name, is_rare in zip(names, rare, strict=True) if not is_rare],
        {names[i]: int(counts[i]) for i in np.flatnonzero(rare).tolist()},
    )


def check_classes(kept: dict[str, KeptRows], names: Sequence[str]) -> None:
    """Raises ValueError unless ``train`` has two classes or more, and every class of the other splits."""
    import numpy as np

    counts = np.bincount(kept["train"].labels, minlength=len(names))  # (classes,)
    trained = int((counts > 0).sum())
    if trained < 2:
        only = some([names[i] for i in np.flatnonzero(counts).tolist()]) or "none"
        raise ValueError(f"at least two classes are needed to train on, found {trained}: {only}")
    if trained == len(kept["train"]) > 20:
        raise ValueError(
            f"all {trained} labels differ from one another ({some(names)}): "
            "this is no label column; name the one that is"
        )
    for split, rows in kept.items():
        unseen = [names[i] for i in np.unique(rows.labels).tolist() if counts[i] == 0]
        if unseen:
            raise ValueError(f"split {split} has classes that train has no row of: {some(unseen)}")


def some(names: Sequence[str]) -> str:
    """The first of the names, for a message."""
    shown = ", ".join(name if len(name) <= 40 else f"{name[:40]}..." for name in names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown


def listed_columns(names: Sequence[str]) -> str:
    """The columns, for a message."""
    return f"column{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"


def _encoded(value: str, what: str, place: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{place}: the {what} holds half of a surrogate pair ({value[error.start]!a}), which is no character"
        ) from error


def _kept_rows(positions: array[int], labels: array[int], digests: bytearray) -> KeptRows:
    import numpy as np

    return KeptRows(
        np.frombuffer(positions, dtype=np.int64),
        np.frombuffer(labels, dtype=np.int64),
        np.frombuffer(digests, dtype=np.uint8).reshape(-1, DIGEST_BYTES),
    )


def _described(value: object) -> str:
    if isinstance(value, bool | int | float):
        return f"the number {value}"
    return f"a {type(value).__name__}"
