"""Categories given to single texts by reading them under guideline.md.

A file of readings is a TSV without a header: the text's id, a code of the guideline, with «?» where the reader saw a
toss-up. The id is a hash of the text (`text_id`): the texts themselves stay with their publishers.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from news.cleaning import text_key

CODES = {
    "cl": "climate",
    "co": "conflicts",
    "cu": "culture",
    "ec": "economy",
    "gl": "gloss",
    "he": "health",
    "po": "politics",
    "sc": "science",
    "so": "society",
    "sp": "sports",
    "tr": "travel",
    "xx": None,
}
_LINE = re.compile(rf"([0-9a-f]{{16}})\t({'|'.join(CODES)})(\??)")


@dataclass(frozen=True)
class Reading:
    """What a reader said of a text: its category, None where none fits, and whether that was a toss-up."""

    category: str | None
    doubtful: bool


def text_id(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the text's letters and digits (see `text_key`)."""
    return hashlib.sha256(text_key(text).encode()).hexdigest()[:16]


def load_readings(path: Path) -> dict[str, Reading]:
    """The readings in the TSV file `path` by the id of their text.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line has another form, or an id occurs twice; the message names the line.
    """
    readings: dict[str, Reading] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(
                f"{path}, line {number}: {line!r}, expected an id of 16 hexadecimal digits, a tab and one of "
                f"{', '.join(CODES)}, perhaps with a question mark"
            )
        identifier, code, doubt = found.groups()
        if identifier in readings:
            raise ValueError(f"{path}, line {number}: the id {identifier} occurs twice")
        readings[identifier] = Reading(CODES[code], bool(doubt))
    return readings
