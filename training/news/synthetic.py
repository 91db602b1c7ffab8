"""Synthetic data: headlines and leads that a large language model invented for this project under guideline.md.

They teach the whole breadth of a category in the manner of a news site's headlines, which few sources here have labels
for. One file a category, one text a line. None is a report of anything, though some resemble what did happen; living
persons are not named. They only train.
"""

from __future__ import annotations

from pathlib import Path

from news.readings import text_id
from news.rules import CATEGORIES
from news.silver import SilverRow


def synthetic_rows(folder: Path) -> list[SilverRow]:
    """The texts in `folder`, one file `CATEGORY.txt` for each of the categories.

    Raises:
        OSError: a file is missing or cannot be read.
        ValueError: a line is blank, or a text occurs twice; the message names the line.
    """
    rows: dict[str, SilverRow] = {}
    for category in CATEGORIES:
        path = folder / f"{category}.txt"
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            identifier = text_id(text)
            if not text.strip() or identifier in rows:
                raise ValueError(f"{path}, line {number}: {text!r} is blank or stands here a second time")
            rows[identifier] = SilverRow(text, category, "synthetic", identifier)
    return list(rows.values())
