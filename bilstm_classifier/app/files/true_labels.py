"""True labels as people write them in files: names in either language, or ids."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..messages import LANGUAGES, label_name

_WHOLE = re.compile(r"(\d+)\.0+")  # what spreadsheets and pandas make of ids beside empty cells


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
    text = str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def true_label(value: Any, known: Mapping[str, int]) -> int | None:
    """The id of the label that a cell names; ``None`` where it names none."""
    return known.get(label_text(value).casefold())
