"""Columns beside the text: read from a row, described by what training saw of them, turned into arrays.

What is missing stays missing (NaN, category 0): the model knows it from an average value. A number outside what
training saw counts as the nearest that it did see.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset

    from .configuration import BiLSTMConfig

# A category of fewer training rows is not told from an unknown one, which thereby is met in training.
LEAST_ROWS = 3
# Numbers of this skewness or more, such as counts of views, are read as their logarithms.
SKEWED = 2.0
_TWO_WAYS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")  # a thousand, or a bit more than one
_MISSING = ("", "-", "n/a", "na", "nan", "none", "null", "inf", "+inf", "-inf", "infinity", "-infinity")
_WHOLE = re.compile(r"\A(-?\d+)\.0\Z")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers as training saw it; ``mean`` and ``std`` are of the logarithms where ``log`` says so."""

    name: str
    mean: float
    std: float
    low: float
    high: float
    log: bool
    kind: Literal["number"] = "number"

    @classmethod
    def fit(cls, name: str, values: np.ndarray) -> "NumberColumn":
        """Describe ``values`` (rows,), NaN where missing.

        Raises:
            ValueError: all of them are missing.
        """
        known = values[np.isfinite(values)]
        if not len(known):
            raise ValueError(f"column {name!r} holds no number in the training rows: leave it out")
        spread = known.std() if known.min() < known.max() else 0.0  # not what rounding leaves of a constant
        skewness = float((((known - known.mean()) / spread) ** 3).mean()) if spread else 0.0
        log = bool(known.min() >= 0 and skewness >= SKEWED)
        scaled = np.log1p(known) if log else known
        std = float(scaled.std()) if spread else 0.0
        return cls(
            name,
            mean=float(scaled.mean()),
            std=std or 1.0,  # a constant tells nothing, and is 0 everywhere
            low=float(known.min()),
            high=float(known.max()),
            log=log,
        )

    def encode(self, values: np.ndarray) -> np.ndarray:
        """``values`` (rows,) standardised, NaN where missing."""
        values = np.where(np.isfinite(values), values, np.nan).clip(self.low, self.high)
        return ((np.log1p(values) if self.log else values) - self.mean) / self.std


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories and the values of it that the model knows; their ids begin at 1."""

    name: str
    values: list[str]
    kind: Literal["category"] = "category"

    @classmethod
    def fit(cls, name: str, values: Sequence[str | None]) -> "CategoryColumn":
        """Describe the ``values`` of the training rows.

        Raises:
            ValueError: none of them is frequent enough to be known.
        """
        counts = Counter(value for value in values if value is not None)
        known = sorted(value for value, count in counts.items() if count >= LEAST_ROWS)
        if not known:
            raise ValueError(
                f"column {name!r} holds no category with {LEAST_ROWS} training rows or more: leave it out"
            )
        return cls(name, known)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {value: index for index, value in enumerate(self.values, 1)}

    def encode(self, values: Sequence[str | None]) -> np.ndarray:
        """Ids of ``values`` (rows,), 0 for one that is missing or unknown."""
        return np.array([self._ids.get(value, 0) if value else 0 for value in values], dtype=np.int64)


@dataclass(frozen=True)
class FeatureSchema:
    """The columns beside the text, in the order of the tensors ``features`` and ``categories``."""

    numbers: tuple[NumberColumn, ...] = ()
    categories: tuple[CategoryColumn, ...] = ()

    @classmethod
    def fit(
        cls, train: "Dataset", number_columns: Sequence[str], category_columns: Sequence[str]
    ) -> "FeatureSchema":
        """Describe columns of the training rows as ``load_dataset_dict`` gives them.

        Raises:
            ValueError: a column that tells nothing; the message names it.
        """
        return cls(
            tuple(NumberColumn.fit(name, as_numbers(train[name])) for name in number_columns),
            tuple(CategoryColumn.fit(name, list(train[name])) for name in category_columns),
        )

    @classmethod
    def of(cls, config: "BiLSTMConfig") -> "FeatureSchema":
        """The columns that a model's config describes."""
        columns = config.feature_columns
        return cls(
            tuple(NumberColumn(**column) for column in columns if column["kind"] == "number"),
            tuple(CategoryColumn(**column) for column in columns if column["kind"] == "category"),
        )

    def as_config(self) -> list[dict[str, Any]]:
        """``feature_columns`` of a config."""
        return [asdict(column) for column in self]

    def __bool__(self) -> bool:
        return bool(self.numbers or self.categories)

    def __iter__(self) -> Iterator[NumberColumn | CategoryColumn]:
        return iter((*self.numbers, *self.categories))

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
        """``features`` float32 (rows, numbers) and ``categories`` int64 (rows, columns); what a row lacks is missing.

        Raises:
            ValueError: text in place of a number; the message names the column.
        """
        values = {
            column.name: np.array([read_number(row.get(column.name), column.name) for row in rows])
            for column in self.numbers
        }
        words = {
            column.name: [read_category(row.get(column.name), column.name) for row in rows]
            for column in self.categories
        }
        return self.encode_columns(len(rows), {**values, **words})

    def encode_columns(self, rows: int, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """As :meth:`encode`, from whole columns that were read before."""
        numbers = [column.encode(as_numbers(values[column.name])) for column in self.numbers]
        categories = [column.encode(list(values[column.name])) for column in self.categories]
        return {
            "features": np.stack(numbers, axis=1).astype(np.float32)
            if numbers
            else np.zeros((rows, 0), np.float32),
            "categories": np.stack(categories, axis=1) if categories else np.zeros((rows, 0), np.int64),
        }


def as_numbers(values: Any) -> np.ndarray:
    """A column of numbers, some of them maybe ``None``, as float64 (rows,)."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def read_number(value: Any, column: str) -> float:
    """A cell of a column of numbers; NaN where it is missing or infinite.

    Numbers may be texts, with a decimal comma and with spaces between thousands, or lengths of time (``1:02:30``, in
    seconds).

    Raises:
        ValueError: it is neither a number nor missing, or two numbers at once (``1,234``).
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return math.nan
    if isinstance(value, int | float):
        return _finite(value)
    if isinstance(value, str):
        if _TWO_WAYS.fullmatch(value.strip()):
            raise ValueError(
                f"column {column!r} holds {value!r}, which may be read in two ways: write thousands without a comma, "
                "and decimals with a point"
            )
        text = re.sub(r"(?<=\d)[\s_'](?=\d{3}(?!\d))", "", value.strip())  # \s has the no-break spaces too
        if text.lower() in _MISSING:
            return math.nan
        if _NUMBER.fullmatch(text):
            return _finite(text.replace(",", "."))
        if re.fullmatch(r"(\d+:)?[0-5]?\d:[0-5]\d", text):
            return float(sum(int(part) * 60**place for place, part in enumerate(reversed(text.split(":")))))
    raise ValueError(
        f"column {column!r} holds {value!r:.80}, expected a number (or nothing, where it is missing)"
    )


def _finite(value: float | str) -> float:
    """``value`` as a float; NaN where it is infinite, or too large for one."""
    try:
        number = float(value)
    except OverflowError:  # of a whole number of hundreds of digits
        return math.nan
    return number if math.isfinite(number) else math.nan


def read_category(value: Any, column: str) -> str | None:
    """A cell of a column of categories; ``None`` where it is missing.

    Raises:
        ValueError: it is a list or something else that names no category.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, str | int | float):
        raise ValueError(f"column {column!r} holds a {type(value).__name__}, expected the name of a category")
    # 24.0 is what the id 24 becomes in a column in which some are missing
    return _WHOLE.sub(r"\1", str(value).strip()) or None
