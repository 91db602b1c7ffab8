"""A prepared data set as a folder: splits as `datasets` saves them and their report, whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import datasets
from pretraining.folders import new_folder

from systems.rows import Prepared, Row

REPORT_FILE = "prepare_systems.json"


def write_prepared(prepared: Prepared, folder: Path) -> dict[str, Any]:
    """Write the data set to `folder`, its files of one class each to a second folder, and return the report.

    The second folder has the name of the first and `_files`; it is written only where there are such files.

    Raises:
        OSError: it cannot be written; what was there before stays.
        ValueError: a folder of that name holds something else, or no row of a class is in train.
    """
    report = report_of(prepared)
    missing = [name for name, counts in report["classes"].items() if not counts["train"]]
    if missing:
        raise ValueError(
            f"no training row of {', '.join(missing)} for {folder.name}: are the source files whole?"
        )
    files = folder.with_name(folder.name + "_files")
    _check_replaceable(folder, (REPORT_FILE,))
    if prepared.files:
        _check_replaceable(files, [f"{name}.csv" for name in prepared.files])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        new = stack.enter_context(new_folder(folder))
        if prepared.files:
            _write_files(prepared.files, stack.enter_context(new_folder(files)))
        datasets.DatasetDict(
            {
                name: datasets.Dataset.from_list(rows, features=prepared.features)
                for name, rows in prepared.splits.items()
            }
        ).save_to_disk(new)
        (new / REPORT_FILE).write_text(
            json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
    return report


def report_of(prepared: Prepared) -> dict[str, Any]:
    """Rows and digest of each split, rows of each class in each split, what was dropped and why, notes."""
    counts = {
        name: Counter(label for row in rows for label in prepared.classes(row))
        for name, rows in prepared.splits.items()
    }
    return {
        "splits": {
            name: {"rows": len(rows), "sha256": split_hash(rows, prepared)}
            for name, rows in prepared.splits.items()
        },
        "columns": {name: str(feature) for name, feature in prepared.features.items()},
        "classes": {
            label: {name: count[label] for name, count in counts.items()}
            for label in sorted(set().union(*counts.values()))
        },
        "dropped": dict(prepared.dropped),
        "notes": list(prepared.notes),
    }


def split_hash(rows: Iterable[Row], prepared: Prepared) -> str:
    """Return the SHA-256 of the sorted texts and classes of `rows`: equal hashes mean the same split."""
    lines = sorted(
        json.dumps([*(row[name] for name in prepared.texts), list(prepared.classes(row))], ensure_ascii=False)
        for row in rows
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _check_replaceable(folder: Path, needed: Sequence[str]) -> None:
    """Refuse to replace a folder that holds something and none of the files that it would hold."""
    if folder.exists() and any(folder.iterdir()) and not any((folder / name).is_file() for name in needed):
        raise ValueError(
            f"{folder} exists and was not written by this command: give --output another folder or remove it"
        )


def _write_files(files: dict[str, list[str]], folder: Path) -> None:
    for name, texts in files.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text"])
            writer.writerows([text] for text in texts)
