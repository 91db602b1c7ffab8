"""Where the texts of the ``predict`` command come from: arguments, a file, stdin; each row knows its place."""

import io
import logging
import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..data.columns import find_text_columns
from .labelled import TrueLabels, find_true_labels

if TYPE_CHECKING:
    from ..data.reading import Table
    from ..inputs import Input
    from ..predictor import Predictor

logger = logging.getLogger(__name__)


class Row(NamedTuple):
    """A row to classify.

    Attributes:
        place: Where it stands, for messages.
        columns: What it came with, all of which goes to the output.
        text: Its text, for people to read.
        item: What the model reads.
        labels: Its true labels; ``None`` where it has no label, or none was looked for.
    """

    place: str
    columns: dict[str, Any]
    text: str
    item: "Input"
    labels: tuple[str, ...] | None = None


def text_row(place: str, text: str) -> Row:
    """A row that is a text alone."""
    return Row(place, {"text": text}, text, text)


def argument_rows(texts: Sequence[str]) -> Iterator[Row]:
    """Texts of the command line, all looked at before the first is given.

    Raises:
        ValueError: one is empty or not UTF-8.
    """
    rows = []
    for number, text in enumerate(texts, 1):
        require_utf8(text, f"text {number}")
        if not text.strip():
            raise ValueError(f"text {number} is empty: there is nothing to classify in {text!r:.60}")
        rows.append(text_row(f"text {number}", text))
    return iter(rows)


def stdin_rows() -> Iterator[Row]:
    """Texts on stdin, one a line.

    Raises:
        ValueError: there is no stdin, or no text on it, or a line is not UTF-8.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise ValueError("no text: give TEXT, --file, --interactive, or texts on stdin, one a line")
    decode_stdin()

    def rows() -> Iterator[Row]:
        empty = True
        for number, line in enumerate(sys.stdin, 1):
            place = f"stdin, line {number}"
            require_utf8(line, place)
            if text := line.strip():
                empty = False
                yield text_row(place, text)
        if empty:
            raise ValueError("stdin holds no text: expected texts, one a line")

    return rows()


class FileRows:
    """The rows of a file as a model reads them. What it reads beside the text and the file lacks is told of, once.

    Args:
        path: The file.
        text_column: Its only text column; ``None`` takes those of the model, or, for a model of one text column, one
            with a usual name.
        label_column: Column of true labels; ``None`` takes one with a usual name that holds labels of the model.
        predictor: The model.

    Attributes:
        columns: Those of the file.
        true_labels: How the rows are labelled; ``None`` where they are not.

    Raises:
        ValueError: a column is not there, or stands for two things at once.
    """

    def __init__(self, path: Path, text_column: str | None, label_column: str | None, predictor: "Predictor"):
        inputs, decision = predictor.inputs, predictor.decision
        self._path = path
        self._model_columns = inputs.text_columns
        self._beside = [column.name for column in inputs.schema]
        self._table = _open(path, text_column, label_column, self._model_columns)
        self.columns: tuple[str, ...] = self._table.columns
        try:
            self._texts = self._text_columns(text_column)
            taken = {*self._texts, *self._model_columns, *self._beside}
            self.true_labels: TrueLabels | None = find_true_labels(
                self._table, label_column, taken, decision.label_names, decision.overlapping
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        expected = list(self._beside)
        if text_column is None and self._texts[0] in self._model_columns:
            expected += self._model_columns
        if missing := [name for name in expected if name not in self.columns]:
            logger.warning(
                "%s lacks %s, which the model reads: counted as missing in every row",
                path,
                f"the column{'s' if len(missing) > 1 else ''} {', '.join(map(repr, missing))}",
            )

    def _text_columns(self, wanted: str | None) -> tuple[str, ...]:
        own = tuple(name for name in self._model_columns if name in self.columns)
        if wanted is None and own:
            return own
        if wanted is not None or len(self._model_columns) == 1 or len(self.columns) == 1:
            return find_text_columns(self.columns, wanted)
        raise ValueError(
            f"the model reads its text from {', '.join(map(repr, self._model_columns))}, and the file has none of "
            f"these columns, but {', '.join(map(repr, self.columns))}: rename them, or name the column with the text"
        )

    def __iter__(self) -> Iterator[Row]:
        """Raises ValueError at a row that cannot be read; the message names file and line."""
        unit = "row" if self._table.format in ("parquet", "json") else "line"
        text_alone = len(self._model_columns) == 1 and not self._beside
        for number, columns in self._table.rows():
            place = f"{self._path}, {unit} {number}"
            parts = self._parts(place, columns)
            text = " | ".join(parts.values())
            labels = self.true_labels.read(place, columns) if self.true_labels else None
            if text_alone:
                yield Row(place, columns, text, text, labels)
            else:
                # only what is read: further columns may be long
                beside = {name: columns.get(name) for name in self._beside}
                yield Row(place, columns, text, {**parts, **beside}, labels)

    def _parts(self, place: str, row: dict[str, Any]) -> dict[str, str]:
        """The texts of a row that are not blank, by the model's column."""
        parts = {}
        for column in self._texts:
            text = row.get(column)
            if isinstance(text, str) and text.strip():
                parts[column if column in self._model_columns else self._model_columns[0]] = text
            elif len(self._texts) == 1 or not _is_blank(text):
                raise ValueError(f"{place}: the column {column!r} holds {text!r:.60}, expected a text")
        if not parts:
            raise ValueError(
                f"{place}: the columns {', '.join(map(repr, self._texts))} are all empty, expected a text in one of "
                "them"
            )
        return parts


def open_file(path: Path, text_column: str | None, label_column: str | None) -> "Table":
    """A look at a file before a model is loaded for it: it can be read, and the columns named are there.

    Raises:
        ValueError: it or a column of it cannot be used.
        OSError: it cannot be read.
    """
    from ..data.columns import require_columns
    from ..data.reading import open_table

    named = [name for name in (text_column, label_column) if name is not None]
    table = open_table(path, named)
    try:
        require_columns(named, table.columns)
        if len(set(named)) < len(named):
            raise ValueError(f"column {text_column!r} cannot be the text and the label at once")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return table


def _open(path: Path, text_column: str | None, label_column: str | None, model: Sequence[str]) -> "Table":
    from ..data.reading import open_table

    table = open_file(path, text_column, label_column)
    if text_column is None and not set(model) & set(table.columns):
        # names that nobody else uses may have been taken for a first row
        again = open_table(path, [*model, *([label_column] if label_column else [])])
        if set(model) & set(again.columns):
            return again
    return table


def _is_blank(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and not value.strip())
    )


def decode_stdin() -> None:
    """Read stdin as UTF-8 whatever the locale; other bytes come as lone surrogates, as in arguments."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape")


def require_utf8(text: str, place: str) -> None:
    """Raise ValueError where ``text`` was decoded from bytes that are not UTF-8."""
    if escaped := re.search("[\udc80-\udcff]", text):
        byte = ord(escaped[0]) - 0xDC00
        raise ValueError(
            f"{place} is not UTF-8 (byte 0x{byte:02X}): convert it first, for instance with iconv"
        )
