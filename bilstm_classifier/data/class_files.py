"""A folder with a file a class, called after it: the same text in several files has several labels."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .columns import LABEL_NAMES
from .reading import open_table
from .sources import Place, Split, name_and_suffix, place_in

LABELS = "labels"


def open_class_files(paths: Sequence[Path], expected_columns: Sequence[str]) -> Split:
    """One split of the files' rows, each text once, with the names of all the files that hold it in ``labels``.

    Raises:
        ValueError: a file that cannot be read, two files of one class, no column that is in all of them, or one that
            looks like the label: tables that have one are no files one a class.
    """
    folder = paths[0].parent
    # composed, as names are typed: some systems write the dots of an ё as a character of their own
    by_class = {unicodedata.normalize("NFC", name_and_suffix(path)[0]): path for path in paths}
    if len(by_class) < len(paths):
        raise ValueError(f"{folder}: two files of one class among {', '.join(path.name for path in paths)}")
    wanted = [column for column in expected_columns if column != LABELS]
    tables = {name: open_table(path, wanted) for name, path in by_class.items()}
    first = next(iter(tables.values()))
    shared = [column for column in first.columns if all(column in table.columns for table in tables.values())]
    listed = (
        f"{folder}: a file a class, called after it, would be {', '.join(path.name for path in paths[:10])}"
    )
    if not shared:
        raise ValueError(
            f"{listed}; but no column is in all of them: name the file to read, or call it train.*"
        )
    labels = [column for column in shared if column.casefold() in LABEL_NAMES and column not in wanted]
    if labels:
        raise ValueError(
            f"{listed}; but they have a column {labels[0]!r}, which looks like the label: name the file to read, call "
            "it train.*, or leave that column out"
        )

    def contents(columns: Sequence[str]) -> Iterator[tuple[str, Place, dict[str, Any], bytes]]:
        # texts are named before labels, and what stands beside them after: the same post may have other likes elsewhere
        read = columns[: columns.index(LABELS)] if LABELS in columns else columns
        for name, table in tables.items():
            for number, row in table.rows():
                key = repr([row.get(column) for column in read]).encode("utf-8", "surrogatepass")
                yield name, place_in(table, number), row, hashlib.blake2b(key, digest_size=16).digest()

    def rows(columns: Sequence[str]) -> Iterator[tuple[Place, dict[str, Any]]]:
        classes: dict[bytes, list[str]] = {}
        for name, _, _, digest in contents(columns):
            found = classes.setdefault(digest, [])
            if name not in found:
                found.append(name)
        for _, place, row, digest in contents(columns):
            if digest in classes:
                yield place, {**row, LABELS: classes.pop(digest)}

    return Split((*shared, LABELS), rows)
