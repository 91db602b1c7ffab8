"""Result files in CSV, JSON and Parquet, written row by row: a file's own columns and what the model says."""

import csv
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ... import TextPrediction
from ...data.reading import Table
from ...predictor import UNKNOWN

# A cell that spreadsheets may take for a formula (https://owasp.org/www-community/attacks/CSV_Injection), also where
# a program trims the white space before it, or writes its signs in full width.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?%?")
OTHERS_NAMED = 5
LONGEST_NAMED = 60
_GROUP_ROWS = 10_000
_GROUP_CHARACTERS = 8_000_000


class Exports:
    """Three files in a folder, to which rows are added; they are whole when the ``with`` block has ended without error.

    All have the file's own columns, then ``prediction`` (several labels with ``; `` between them),
    ``prediction_score`` (of the likeliest chosen, or of all where none is), ``unsure``, and ``p_<label>`` for each
    label; one that the file has already is called ``<name>_2``. In rows without a prediction they are empty. Columns
    that only later rows of a JSON file have are in the JSON alone.

    Args:
        folder: Where to write them.
        stem: What their names begin with.
        table: The file that the rows come from.
        labels: Names of the model's labels.
        overlapping: Whether a text may have several, or none; else one without a label is unknown.

    Raises:
        OSError: the files cannot be written.
    """

    def __init__(
        self, folder: Path, stem: str, table: Table, labels: Sequence[str], overlapping: bool = False
    ):
        self._unlabelled = "" if overlapping else UNKNOWN
        self.paths = [folder / f"{stem}{suffix}" for suffix in (".csv", ".json", ".parquet")]
        self.columns = table.columns
        self.added = added_columns(table.columns, labels)
        self.other_columns: list[str] = []  # the first of those that only later rows have
        self._table = table
        self._own = set(table.columns)
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        csv_path, json_path, parquet_path = self.paths
        with ExitStack() as opened:
            self._csv = _Csv(csv_path, [*self.columns, *self.added], opened)
            self._json = _Json(json_path, opened)
            self._parquet = _Parquet(parquet_path, self._table, self.added, opened)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def write(self, rows: Sequence[Mapping[str, Any]], found: Sequence[TextPrediction | None]) -> None:
        """Add rows with their predictions, ``None`` where there is none."""
        for row, answer in zip(rows, found, strict=True):
            said = _said(answer, len(self.added), self._unlabelled)
            self._notice(row.keys() - self._own)
            own = [row.get(column) for column in self.columns]
            self._csv.write([*own, *said])
            self._json.write(row, dict(zip(self.added, said, strict=True)))
            self._parquet.write(own, said)

    def _notice(self, names: Iterable[str]) -> None:
        for name in names:
            if len(self.other_columns) < OTHERS_NAMED and name[:LONGEST_NAMED] not in self.other_columns:
                self.other_columns.append(name[:LONGEST_NAMED])


def added_columns(columns: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Names of the columns that predictions take, beside ``columns``."""
    taken = set(columns)
    names = []
    for name in ("prediction", "prediction_score", "unsure", *(f"p_{label}" for label in labels)):
        names.append(_free(name, taken))
        taken.add(names[-1])
    return names


def harmless(cell: Any) -> Any:
    """A cell of a CSV file, which no spreadsheet takes for a formula: such a text is led by an apostrophe.

    Numbers, also negative ones, stay as they are.
    """
    if not isinstance(cell, str) or not _FORMULA.match(cell) or _NUMBER.fullmatch(cell.strip()):
        return cell
    return f"'{cell}"


class _Csv:
    """With a byte order mark, by which Excel knows UTF-8; lines end as RFC 4180 has it, so a lone ``\\r`` is quoted."""

    def __init__(self, path: Path, header: Sequence[str], opened: ExitStack):
        # a lone surrogate, which has no UTF-8 form, is written as its escape, here and in the JSON
        file = opened.enter_context(
            path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="")
        )
        self._writer = csv.writer(file, lineterminator="\r\n")
        self._writer.writerow([harmless(name) for name in header])

    def write(self, cells: Sequence[Any]) -> None:
        self._writer.writerow([harmless(_as_text(cell)) for cell in cells])


class _Json:
    """A list of objects, one a line."""

    def __init__(self, path: Path, opened: ExitStack):
        self._file = opened.enter_context(
            path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        )
        self._file.write("[")
        self._before = "\n"
        opened.callback(lambda: self._file.write("\n]\n"))

    def write(self, row: Mapping[str, Any], said: Mapping[str, Any]) -> None:
        # a column that the first rows did not have may still be called like one of ours
        own = {_free(name, said) if name in said else name: _plain(cell) for name, cell in row.items()}
        self._file.write(self._before + json.dumps(own | dict(said), ensure_ascii=False, default=str))
        self._before = ",\n"


class _Parquet:
    """Columns of a Parquet file keep their types; all others are texts."""

    def __init__(self, path: Path, table: Table, added: Sequence[str], opened: ExitStack):
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._typed = table.format == "parquet"
        own = (
            list(pq.read_schema(table.path))
            if self._typed
            else [pa.field(name, pa.string()) for name in table.columns]
        )
        kinds = [pa.string(), pa.float64(), pa.bool_(), *[pa.float64()] * (len(added) - 3)]
        self._schema = pa.schema([*own, *map(pa.field, added, kinds)])
        self._writer = opened.enter_context(pq.ParquetWriter(path, self._schema))
        opened.push(lambda kind, *_: self._flush() if kind is None else None)
        self._forget()

    def write(self, own: Sequence[Any], said: Sequence[Any]) -> None:
        cells = [*(own if self._typed else map(_as_text, own)), *said]
        for column, cell in zip(self._columns, cells, strict=True):
            column.append(cell)
            self._characters += len(cell) if isinstance(cell, (str, bytes)) else 8
        if len(self._columns[-1]) == _GROUP_ROWS or self._characters >= _GROUP_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        if self._columns[-1]:
            import pyarrow as pa

            columns = [
                _array(column, field.type) for column, field in zip(self._columns, self._schema, strict=True)
            ]
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self._forget()

    def _forget(self) -> None:
        self._columns: list[list[Any]] = [[] for _ in self._schema]
        self._characters = 0


def _array(column: Sequence[Any], kind: Any) -> Any:  # pyarrow.Array
    import pyarrow as pa

    try:
        return pa.array(column, type=kind)
    except UnicodeEncodeError:  # a lone surrogate
        return pa.array([_encodable(cell) for cell in column], type=kind)


def _encodable(cell: Any) -> Any:
    return cell.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(cell, str) else cell


def _said(found: TextPrediction | None, width: int, unlabelled: str) -> list[Any]:
    if found is None:
        return [None] * width
    scores = [round(score, 6) for score in found.probabilities.values()]
    chosen = round(found.probabilities[found.labels[0]], 6) if found.labels else max(scores)
    return ["; ".join(found.labels) or unlabelled, chosen, found.unsure, *scores]


def _as_text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, (bool, int, float, list, dict)):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return str(cell)


def _plain(cell: Any) -> Any:
    """``cell`` as JSON can hold it, which knows of no NaN and no infinity."""
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _free(name: str, taken: Any) -> str:
    number = 2
    free = name
    while free in taken:
        free = f"{name}_{number}"
        number += 1
    return free
