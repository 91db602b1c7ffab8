"""Rows of the source files, and the rules that keep a text from standing twice."""

from __future__ import annotations

import csv
import gzip
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets

Row = dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A data set in memory, with what its report should say.

    Attributes:
        splits: rows of each split, at least train, validation and test.
        features: type of each column of the rows.
        texts: the columns that the split's digest reads, beside the classes.
        classes: the classes of a row, as text.
        dropped: why rows were left out, and how many.
        notes: what a reader of figures on this data should know.
        files: texts of each class, to be written as one CSV file a class beside the data set.
    """

    splits: dict[str, list[Row]]
    features: datasets.Features
    texts: tuple[str, ...]
    classes: Callable[[Row], Sequence[str]]
    dropped: Counter[str]
    notes: tuple[str, ...] = ()
    files: dict[str, list[str]] = field(default_factory=dict)


def text_key(text: str) -> str:
    """What two texts share that differ in capitals, white space and the encoding of accents alone."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def find_source(source: Path, *parts: str) -> Path:
    """Return the path of a source file.

    Raises:
        FileNotFoundError: it is not there.
    """
    path = source.joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: give --source the folder that holds {'/'.join(parts)}, "
            "or name only data sets whose files it has"
        )
    return path


def read_csv(path: Path, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file with a header, packed by gzip where its name ends so.

    Raises:
        OSError: the file cannot be read.
        ValueError: one of `columns` is not in the header.
    """
    csv.field_size_limit(sys.maxsize)  # articles are longer than the standard 131,072 characters
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            raise ValueError(
                f"{path} has no column {', '.join(missing)}, only {', '.join(reader.fieldnames or ())}: "
                "it is not the file that the source list describes"
            )
        yield from reader


def drop_contradictions(
    rows: Sequence[Row],
    key: Callable[[Row], Hashable],
    label: Callable[[Row], Hashable],
    dropped: Counter[str],
    *,
    majority: bool,
) -> list[Row]:
    """Keep the first row of each key; where its labels differ, the first of the most frequent label, or none.

    With `majority` a most frequent label that has no equal decides; without it any contradiction drops the rows.
    `dropped` counts the rows that go.
    """
    labels: dict[Hashable, Counter[Hashable]] = {}
    for row in rows:
        labels.setdefault(key(row), Counter())[label(row)] += 1
    kept: list[Row] = []
    seen: set[Hashable] = set()
    for row in rows:
        (first, count), *others = labels[key(row)].most_common(2)
        if not key(row):
            dropped["empty text"] += 1
        elif others and (not majority or others[0][1] == count):
            dropped[
                "under several labels, none of them the most frequent" if majority else "under several labels"
            ] += 1
        elif label(row) != first:
            dropped["under a label that is not the most frequent"] += 1
        elif key(row) in seen:
            dropped["repeated"] += 1
        else:
            seen.add(key(row))
            kept.append(row)
    return kept


def drop_repeats(
    rows: Sequence[Row], key: Callable[[Row], Hashable], dropped: Counter[str], why: str
) -> list[Row]:
    """Keep the first row of each key and count the others in `dropped` under `why`."""
    first: dict[Hashable, Row] = {}
    for row in rows:
        if first.setdefault(key(row), row) is not row:
            dropped[why] += 1
    return list(first.values())
