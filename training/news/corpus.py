"""The corpus as a folder: the splits as `datasets` saves them, report and data sheet; whole or not at all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets

from news.data_sheet import write_data_sheet
from news.rules import CATEGORIES
from news.stories import NewsRow

REPORT_FILE = "prepare_news.json"
PROVENANCE = ("source", "rubric", "url", "date", "id", "decided_by")


def table_of(splits: Mapping[str, Sequence[NewsRow]], sources: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return how many rows of each source each category has, all splits together."""
    table = {name: dict.fromkeys(CATEGORIES, 0) for name in sources}
    for split in splits.values():
        for row in split:
            table[row.source][row.category] += 1
    return table


def format_table(table: Mapping[str, Mapping[str, int]]) -> str:
    """Return the rows kept per source and category, with totals, as aligned text."""
    totals = {category: sum(row[category] for row in table.values()) for category in CATEGORIES}
    lines: list[list[str]] = [["source", *CATEGORIES, "all"]]
    for name, row in {**table, "all": totals}.items():
        lines.append([name, *(str(row[category]) for category in CATEGORIES), str(sum(row.values()))])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        line[0].ljust(widths[0])
        + "".join(f"  {cell:>{w}}" for cell, w in zip(line[1:], widths[1:], strict=True))
        for line in lines
    )


def check_output(output: Path) -> None:
    """Raise ValueError where `output` holds something else than a saved data set, which may be replaced."""
    is_data_set = (output / "dataset_dict.json").is_file()
    is_empty_folder = output.is_dir() and not any(output.iterdir())
    if output.exists() and not is_data_set and not is_empty_folder:
        raise ValueError(
            f"{output} exists and is not a saved data set: give --output another name or remove it"
        )


def write_corpus(splits: Mapping[str, Sequence[NewsRow]], report: dict[str, Any], output: Path) -> None:
    """Write everything beside `output`, then rename it into place: `output` is never half written.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        # of its own accord `datasets` writes no file for an empty split, and then cannot load the folder
        _dataset(splits).save_to_disk(
            new, num_shards={name: None if rows else 1 for name, rows in splits.items()}
        )
        (new / REPORT_FILE).write_text(
            json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        write_data_sheet(report, new)
        if output.exists():
            output.rename(old)
        try:
            new.rename(output)
        except OSError:
            if old.exists():
                old.rename(output)
            raise


def _dataset(splits: Mapping[str, Sequence[NewsRow]]) -> datasets.DatasetDict:
    features = datasets.Features(
        {
            "news": datasets.Value("string"),
            "labels": datasets.ClassLabel(names=list(CATEGORIES)),
            **{column: datasets.Value("string") for column in PROVENANCE},
        }
    )
    parts = {}
    for name, split in splits.items():
        columns: dict[str, list] = {"news": [row.news for row in split]}
        columns["labels"] = [CATEGORIES.index(row.category) for row in split]
        for column in PROVENANCE:
            columns[column] = [getattr(row, column) for row in split]
        parts[name] = datasets.Dataset.from_dict(columns, features=features)
    return datasets.DatasetDict(parts)
