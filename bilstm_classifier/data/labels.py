"""The label, or labels, of a row: one cell in any usual notation, or a column a label."""

from __future__ import annotations

import ast
import json
import math
import re
from dataclasses import dataclass
from typing import Any

_SHARE = re.compile(r"[01]?[.,]\d+")
_WHOLE = re.compile(r"\d+\.0+")
_YES, _NO = ("1", "1.0", "true", "yes", "да"), ("0", "0.0", "false", "no", "нет")


@dataclass(frozen=True)
class LabelReader:
    """Reads the label names out of a row.

    Attributes:
        columns: The label column; or, where ``one_hot``, a column a label.
        class_names: Those of a ClassLabel column, in the order of their ids.
        overlapping: Whether a row may have several labels, or none.
        one_hot: Whether each column says of one label if the row has it.
    """

    columns: tuple[str, ...]
    class_names: tuple[str, ...] | None = None
    overlapping: bool = False
    one_hot: bool = False

    def read(self, place: str, row: dict[str, Any]) -> tuple[str, ...] | None:
        """The names, in order and each once; ``None`` where the row is not labelled (null, blank, NaN, -1).

        A row that has none of overlapping labels gives an empty tuple: an empty list, or no column that says yes.

        Raises:
            ValueError: a cell that is no label; the message names the place, what was found and what was expected.
        """
        if self.one_hot:
            return self._from_columns(place, row)
        value, where = row.get(self.columns[0]), f"{place}: column {self.columns[0]!r}"
        values = _as_list(value, where) if self.overlapping else value
        if isinstance(values, list | tuple) and not self.overlapping:
            if len(values) != 1:
                raise ValueError(
                    f"{where} holds {len(values)} labels, expected one: where labels overlap, set multi_label"
                )
            values = values[0]
        if not isinstance(values, list | tuple):
            name = self._name(values, where)
            return None if name is None else (name,)
        names = [self._name(item, where) for item in values]
        if None in names:
            raise ValueError(f"{where} holds {str(value)!r:.80}, an empty label among others: remove it")
        return tuple(sorted({name for name in names if name is not None}))

    def _name(self, value: Any, where: str) -> str | None:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, str):
            return value.strip() or None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int):  # True and False are integers too, and keep their names
            raise ValueError(f"{where} holds {described(value)}, expected a name or an integer")
        if self.class_names is None:
            return str(value)
        if value >= len(self.class_names):
            raise ValueError(
                f"{where} holds {value}, expected the number of a class, 0 to {len(self.class_names) - 1}"
            )
        return self.class_names[value] if value >= 0 else None

    def _from_columns(self, place: str, row: dict[str, Any]) -> tuple[str, ...] | None:
        answers = {
            column: _yes_or_no(row.get(column), f"{place}: column {column!r}") for column in self.columns
        }
        if all(answer is None for answer in answers.values()):
            return None
        return tuple(sorted(column for column, answer in answers.items() if answer))


def _as_list(value: Any, where: str) -> Any:
    """The items of a cell of overlapping labels: a list, or one as JSON or Python write it, or names with ; or ,."""
    if isinstance(value, list | tuple | set):
        return list(value)
    if not isinstance(value, str) or not (text := value.strip()):
        return value
    if text[0] in "[({":
        for parse in (json.loads, ast.literal_eval):
            try:
                items = parse(text)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(items, list | tuple | set):
                return list(items)
        raise ValueError(
            f"{where} holds {text!r:.80}, a list of labels that is broken: expected one such as "
            '["health", "science"], or names with ; or , between them'
        )
    separator = ";" if ";" in text else ","
    return [part.strip() for part in text.removesuffix(separator).split(separator)]


def _yes_or_no(value: Any, where: str) -> bool | None:
    """A cell of a column that stands for one label; a share, say of the annotators, counts from one half on."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float) and 0 <= value <= 1:
        return value >= 0.5
    if isinstance(value, str):
        text = value.strip().lower()
        if not text:
            return None
        if text in _YES or text in _NO:
            return text in _YES
        if _SHARE.fullmatch(text) and (share := float(text.replace(",", "."))) <= 1:
            return share >= 0.5
    raise ValueError(f"{where} holds {value!r:.80}, expected 1 or 0 for whether the row has that label")


def described(value: object) -> str:
    """A cell that is not what it should be, for a message."""
    if isinstance(value, bool | int | float):
        return f"the number {value}"
    return f"a {type(value).__name__}"


def without_point(name: str) -> str:
    """``2.0`` as ``2``: what programs for tables make of a column of ids in which some are missing."""
    return name.partition(".")[0] if _WHOLE.fullmatch(name) else name
