"""Rows of a source -> the rows worth keeping and their classes, without holding a text in memory."""

from __future__ import annotations

import hashlib
import logging
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..features import read_category, read_number
from .labels import LabelReader, described
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
    """Reads out of a row its text, its labels, and what stands beside them."""

    text_columns: tuple[str, ...]
    labels: LabelReader
    separator: str
    number_columns: tuple[str, ...] = ()
    category_columns: tuple[str, ...] = ()
    group_column: str | None = None

    @property
    def columns(self) -> list[str]:
        """The columns it reads."""
        beside = [*self.number_columns, *self.category_columns]
        groups = [self.group_column] if self.group_column else []
        return list(dict.fromkeys([*self.text_columns, *self.labels.columns, *beside, *groups]))

    def text(self, place: str, row: dict[str, Any]) -> str | None:
        """The text, joined of the columns that are not blank; None where all are. ValueError for what is no text."""
        parts = [row.get(column) for column in self.text_columns]
        for column, part in zip(self.text_columns, parts, strict=True):
            if part is not None and not isinstance(part, str):
                raise ValueError(f"{place}: column {column!r} holds {described(part)}, expected a text")
        return join_texts(parts, self.separator)

    def beside(self, place: str, row: dict[str, Any]) -> dict[str, float | str | None]:
        """The numbers (NaN where missing) and categories (None) by column. ValueError for what is neither."""
        try:
            return {
                **{name: read_number(row.get(name), name) for name in self.number_columns},
                **{name: read_category(row.get(name), name) for name in self.category_columns},
            }
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error


def join_texts(parts: Sequence[str | None], separator: str) -> str | None:
    """The texts that are not blank, joined; None where all are. A blank one leaves no separator behind."""
    filled = [part for part in parts if part and not part.isspace()]
    return separator.join(filled) if filled else None


@dataclass
class KeptRows:
    """The rows kept of one split of the source: 32 bytes each, and one a class where labels overlap."""

    positions: np.ndarray  # (rows,) places in the split, ascending
    labels: np.ndarray  # (rows,) class ids; (rows, classes) bool where labels overlap
    digests: np.ndarray  # (rows, DIGEST_BYTES) hashes of the texts and of what stands beside them
    groups: np.ndarray  # (rows,) ids of what must stay on one side of a split; -1 for a row of no group

    def __len__(self) -> int:
        return len(self.positions)

    def where(self, chosen: np.ndarray) -> KeptRows:
        """The rows that a boolean mask chooses."""
        return KeptRows(
            self.positions[chosen], self.labels[chosen], self.digests[chosen], self.groups[chosen]
        )


def text_digest(text: str, place: str) -> bytes:
    """A hash of the text; ValueError for one that no file can hold."""
    return hashlib.blake2b(_encoded(text, "text", place), digest_size=DIGEST_BYTES).digest()


def row_digest(text: str, beside: Mapping[str, Any], place: str) -> bytes:
    """A hash of the text and of what stands beside it."""
    digest = text_digest(text, place)
    if not beside:
        return digest
    values = _encoded(repr(beside), "column beside the text", place)
    return hashlib.blake2b(digest + values, digest_size=DIGEST_BYTES).digest()


def clean(
    source: Source, reader: RowReader
) -> tuple[dict[str, KeptRows], list[tuple[str, ...]], dict[str, SplitReport]]:
    """Finds the rows to keep: with text and label, each text once in all the splits.

    Returns:
        The rows kept of each split that has any; the distinct sets of labels, of one each where labels do not overlap
        (``KeptRows.labels`` are places in this list); and what became of each split's rows.

    Raises:
        ValueError: a row that cannot be read, no rows left in ``train``, or numbers in place of texts.
    """
    labels: dict[tuple[str, ...], int] = {}
    groups: dict[str, int] = {}
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
        positions, row_labels, row_groups, digests = array("q"), array("q"), array("q"), bytearray()
        for position, (place, row) in enumerate(source.splits[name].rows(reader.columns)):
            report.read += 1
            text, names = reader.text(place, row), reader.labels.read(place, row)
            if text is None:
                report.blank += 1
                continue
            if names is None:
                report.unlabelled += 1
                continue
            words_seen = words_seen or not _NUMBER.fullmatch(text[:100])
            digest = text_digest(text, place)
            if names not in labels:
                for label_name in names:
                    _encoded(label_name, "label", place)
                labels[names] = len(labels)
            label = labels[names]
            home = next((split for split, texts in seen.items() if digest in texts), None)
            if home is None:
                seen[name][digest] = label
                positions.append(position)
                row_labels.append(label)
                row_groups.append(_group(reader, place, row, groups))
                digests += row_digest(text, reader.beside(place, row), place)
                continue
            report.conflicts += seen[home][digest] != label
            if home == name:
                report.duplicates += 1
            else:
                report.in_other_split += 1
        report.kept = len(positions)
        if positions:
            kept[name] = _kept_rows(positions, row_labels, row_groups, digests)
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
) -> tuple[list[str], dict[str, int]]:
    """The names of the classes in the order of their ids, and the id of each of the labels found.

    Names and order are ``label_names``, else ``class_names`` (the source's ClassLabel, or its columns), else the
    labels themselves: integers in numeric order, others in alphabetical order. Integers that ``label_names`` lacks
    are places in it.
    """
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
    return names, ids


def assign_classes(
    kept: dict[str, KeptRows], found: Sequence[tuple[str, ...]], ids: Mapping[str, int], classes: int | None
) -> None:
    """Puts class ids in the place of the sets of labels ``found``; memberships of ``classes`` where labels overlap."""
    import numpy as np

    if classes is None:
        of_sets = np.array([ids[names[0]] for names in found], dtype=np.int64)
    else:
        of_sets = np.zeros((len(found), classes), dtype=bool)
        for place, names in enumerate(found):
            of_sets[place, [ids[name] for name in names]] = True
    for rows in kept.values():
        rows.labels = of_sets[rows.labels]


def class_counts(labels: np.ndarray, classes: int) -> np.ndarray:
    """Rows of each class (classes,)."""
    import numpy as np

    return np.bincount(labels, minlength=classes) if labels.ndim == 1 else labels.sum(axis=0)


def drop_rare_classes(
    kept: dict[str, KeptRows], names: Sequence[str], min_samples: int
) -> tuple[dict[str, KeptRows], list[str], dict[str, int]]:
    """Drops the classes with rows in ``train``, but fewer than ``min_samples``, and numbers the others anew.

    Where labels overlap, a row goes with its last label.

    Returns:
        The rows left (without a split that has none left), the names left, and the names dropped with the rows
        they had in ``train``.
    """
    import numpy as np

    counts = class_counts(kept["train"].labels, len(names))  # (classes,)
    rare = (counts > 0) & (counts < min_samples)
    new_ids = np.cumsum(~rare) - 1
    left = {}
    for split, rows in kept.items():
        if rows.labels.ndim == 1:
            left[split] = rows.where(~rare[rows.labels])
            left[split].labels = new_ids[left[split].labels]
        else:
            common = rows.labels[:, ~rare]
            stays = np.asarray(common.any(axis=1) | ~rows.labels.any(axis=1))  # (rows,)
            left[split] = rows.where(stays)
            left[split].labels = common[stays]
    return (
        {split: rows for split, rows in left.items() if len(rows) or split == "train"},
        [name for name, is_rare in zip(names, rare, strict=True) if not is_rare],
        {names[i]: int(counts[i]) for i in np.flatnonzero(rare).tolist()},
    )


def check_classes(kept: dict[str, KeptRows], names: Sequence[str]) -> None:
    """Raises ValueError unless ``train`` has two classes or more, and every class of the other splits."""
    import numpy as np

    counts = class_counts(kept["train"].labels, len(names))  # (classes,)
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
        present = class_counts(rows.labels, len(names)) > 0
        unseen = [names[i] for i in np.flatnonzero(present & (counts == 0)).tolist()]
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


def _group(reader: RowReader, place: str, row: dict[str, Any], groups: dict[str, int]) -> int:
    if reader.group_column is None:
        return -1
    try:
        name = read_category(row.get(reader.group_column), reader.group_column)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
    return -1 if name is None else groups.setdefault(name, len(groups))


def _kept_rows(positions: array[int], labels: array[int], groups: array[int], digests: bytearray) -> KeptRows:
    import numpy as np

    return KeptRows(
        np.frombuffer(positions, dtype=np.int64),
        np.frombuffer(labels, dtype=np.int64),
        np.frombuffer(digests, dtype=np.uint8).reshape(-1, DIGEST_BYTES),
        np.frombuffer(groups, dtype=np.int64),
    )
