"""One file of texts, read as a stream of rows with their line numbers.

CSV and TSV in any layout, JSON lines or a JSON list, Parquet, or one text a line; gzip is known by its
content. Only Parquet needs more than the standard library. What cannot be read is reported with file and
line.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import shlex
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from .columns import PLAIN_LINES, Layout, detect_layout

# One cell or line may be this long (10 MB of text must pass); unbounded, an open quote would read to the end.
MAX_CELL_CHARACTERS = 2**25
MAX_JSON_LIST_BYTES = 2**28
_SAMPLE_CHARACTERS, _SAMPLE_LINES = 2**20, 64
_TABLE_SUFFIXES = {".csv", ".tsv", ".tab"}
_JSON_LINES_SUFFIXES = {".jsonl", ".ndjson"}
_READ_BLOCK = 2**16

Row = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Table:
    """A file of rows: its format, its columns, and a stream of its rows that can be started again.

    Attributes:
        format: ``"csv"`` (any delimiter), ``"text"`` (one text a line), ``"jsonl"``, ``"json"`` (a list of
            objects) or ``"parquet"``.
        columns: the columns, in file order (JSON lines: the keys of the first rows, in the order met).
        rows: starts a stream of ``(number, row)``. The number is the line a row begins on, counted from 1
            (JSON
            list and Parquet: the row's place). Values are strings from CSV and text, else what the file
                holds.
            The stream raises ValueError, naming file and line, at the first row that cannot be read.
    """

    path: Path
    format: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Row]] = field(repr=False)


def open_table(path: str | Path, expected_columns: Sequence[str] = ()) -> Table:
    """Looks at the beginning of a file and says how to read it.

    Args:
        path: a file; its suffix decides only between formats that look alike.
        expected_columns: names the caller will ask for: they make a first line that holds them all a header.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file, or it is a folder.
        ValueError: the file is empty, holds no rows, is binary, damaged or not in UTF-8.
        ImportError: a Parquet file, and pyarrow is not installed.
    """
    path = Path(path)
    head = _first_bytes(path)
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    if head.startswith(b"PAR1") or suffix == ".parquet":
        return Table(path, "parquet", _parquet_columns(path), partial(_parquet_rows, path))
    _require_text(path, head)

    lines, truncated = _sample(path)
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise ValueError(f"{path}: the file holds no rows, only blank lines")
    if suffix == ".json" and first.lstrip().startswith("["):
        items = _json_list(path)
        return Table(path, "json", _keys(items), partial(_json_list_rows, path))
    if suffix == ".json" or suffix in _JSON_LINES_SUFFIXES or _is_json_object(first):
        return Table(path, "jsonl", _json_lines_columns(path, lines), partial(_json_lines_rows, path))

    # The limit belongs to the csv module as a whole: it is raised, never lowered, and nothing puts it back.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))
    layout = detect_layout(
        lines,
        truncated=truncated,
        plain_text=suffix not in _TABLE_SUFFIXES,
        expected_columns=expected_columns,
    )
    repeated = {column for column in layout.columns if layout.columns.count(column) > 1}
    if repeated:
        raise ValueError(f"{path}: the header names a column twice: {', '.join(sorted(repeated))}")
    if layout.delimiter is None:
        table = Table(path, "text", layout.columns, partial(_text_rows, path, layout))
    else:
        table = Table(path, "csv", layout.columns, partial(_delimited_rows, path, layout))
    if layout.has_header and not truncated and next(table.rows(), None) is None:
        raise ValueError(f"{path}: the file holds a header ({', '.join(layout.columns)}) and no rows")
    return table


# --- rows ---


def _text_rows(path: Path, layout: Layout = PLAIN_LINES) -> Iterator[Row]:
    header_pending = layout.has_header
    with _open_text(path) as handle:
        for number, line in enumerate(_lines(path, handle), start=1):
            text = line.rstrip("\r\n")
            if not text.strip():
                continue
            if header_pending:
                header_pending = False
                continue
            yield number, {layout.columns[0]: text}


def _delimited_rows(path: Path, layout: Layout) -> Iterator[Row]:
    columns, header_pending = layout.columns, layout.has_header
    with _open_text(path) as handle:
        reader = csv.reader(
            _lines(path, handle),
            delimiter=layout.delimiter or ",",
            quoting=csv.QUOTE_MINIMAL if layout.quoted else csv.QUOTE_NONE,
            strict=layout.quoted,
        )
        while True:
            number = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise ValueError(f"{path}, line {number}: {_csv_complaint(error)}") from error
            if len(fields) < 2 and not any(value.strip() for value in fields) and len(columns) != len(fields):
                continue  # a blank line
            if header_pending:
                header_pending = False
                continue
            if len(fields) != len(columns):
                raise ValueError(
                    f"{path}, line {number}: {len(fields)} fields where {len(columns)} were expected "
                    f"({', '.join(columns)}), fields being separated by {layout.delimiter!r}: "
                    "a field that holds the separator must stand in double quotes"
                )
            yield number, dict(zip(columns, fields, strict=True))


def _csv_complaint(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end" in text:
        return 'a field opened with a double quote (") in this row is never closed'
    if "expected after" in text:
        return (
            'a field in this row opens with a double quote (") and does not end at the next one: '
            "close it, and write a quote inside a quoted field twice"
        )
    if "field larger" in text:
        return f"a field is longer than {MAX_CELL_CHARACTERS:,} characters: is a double quote not closed?"
    return text


def _json_lines_rows(path: Path) -> Iterator[Row]:
    with _open_text(path) as handle:
        yield from _parse_json_lines(path, _lines(path, handle))


def _parse_json_lines(path: Path, lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{path}, line {number}: broken JSON ({error}); expected one JSON object a line"
            ) from error
        yield number, _require_object(row, f"{path}, line {number}")


def _json_lines_columns(path: Path, lines: Sequence[str]) -> tuple[str, ...]:
    sampled: list[dict[str, Any]] = []
    try:
        for _, row in _parse_json_lines(path, lines):
            sampled.append(row)
    except ValueError:
        if not sampled:  # else the stream reports the broken line, after the rows before it
            raise
    return _keys(sampled)


def _json_list(path: Path) -> list[dict[str, Any]]:
    size = path.stat().st_size
    if size > MAX_JSON_LIST_BYTES:
        raise ValueError(
            f"{path}: a JSON list of {size:,} bytes would have to be read whole: "
            "write one JSON object a line (.jsonl)"
        )
    try:
        with _open_text(path) as handle:
            items = json.loads("".join(_lines(path, handle)))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {error.lineno}: broken JSON ({error.msg})") from error
    except RecursionError as error:
        raise ValueError(f"{path}: broken JSON (nested too deeply)") from error
    if not items:
        raise ValueError(f"{path}: the file holds no rows, only an empty list")
    return [_require_object(item, f"{path}, item {number}") for number, item in enumerate(items, start=1)]


def _json_list_rows(path: Path) -> Iterator[Row]:
    yield from enumerate(_json_list(path), start=1)


def _require_object(row: object, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"{where}: expected a JSON object with named columns, found {type(row).__name__}")
    return row


def _is_json_object(line: str) -> bool:
    if not line.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _keys(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for row in rows for key in row))


def _parquet_columns(path: Path) -> tuple[str, ...]:
    with _open_parquet(path) as file:
        if file.metadata.num_rows == 0:
            raise ValueError(f"{path}: the file holds no rows")
        return tuple(file.schema_arrow.names)


def _parquet_rows(path: Path) -> Iterator[Row]:
    number = 0
    with _open_parquet(path) as file:
        for batch in file.iter_batches(batch_size=256):
            for row in batch.to_pylist():
                number += 1
                yield number, row


def _open_parquet(path: Path) -> Any:  # pyarrow.parquet.ParquetFile
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError(
            f"{path}: reading Parquet needs pyarrow: pip install 'bilstm-classifier[train]'"
        ) from error
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})") from error


# --- bytes and lines ---


def _first_bytes(path: Path) -> bytes:
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder; a file was expected")
    if not path.is_file():
        raise ValueError(f"{path}: is not a regular file: save what it delivers to a file first")
    with _damage_reported(path), _open_bytes(path) as handle:
        head = handle.read(_READ_BLOCK)
    if not head:
        raise ValueError(f"{path}: the file is empty")
    return head


def _require_text(path: Path, head: bytes) -> None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(f"{path}: the file is in UTF-16, expected UTF-8: {_conversion(path, 'UTF-16')}")
    if head.startswith(b"PK\x03\x04"):
        raise ValueError(
            f"{path}: a zip archive or an Excel workbook, not text: unpack it or save it as CSV (UTF-8)"
        )
    zero = head.find(b"\0")
    if zero >= 0:
        line = head.count(b"\n", 0, zero) + 1
        raise ValueError(
            f"{path}: a binary file, not text (a NUL byte in line {line}, byte {zero}): "
            "expected CSV, TSV, JSON lines, Parquet or plain text in UTF-8"
        )


def _open_bytes(path: Path) -> IO[bytes]:
    with path.open("rb") as handle:
        compressed = handle.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if compressed else path.open("rb")  # type: ignore[return-value]


def _open_text(path: Path) -> IO[str]:
    # newline="" keeps line ends inside quoted fields as they are, and ends a line at any of \n, \r\n, \r.
    return io.TextIOWrapper(_open_bytes(path), encoding="utf-8-sig", newline="")


def _lines(path: Path, handle: IO[str]) -> Iterator[str]:
    number = 0
    with _damage_reported(path):
        while True:
            line = handle.readline(MAX_CELL_CHARACTERS + 1)
            if not line:
                return
            number += 1
            if len(line) > MAX_CELL_CHARACTERS:
                raise ValueError(f"{path}, line {number}: longer than {MAX_CELL_CHARACTERS:,} characters")
            yield line


def _sample(path: Path) -> tuple[list[str], bool]:
    """The first lines of the file, enough to see its layout, and whether there are more."""
    lines: list[str] = []
    size = 0
    with _open_text(path) as handle:
        for line in _lines(path, handle):
            if size >= _SAMPLE_CHARACTERS and (len(lines) >= _SAMPLE_LINES or size >= MAX_CELL_CHARACTERS):
                return lines, True
            lines.append(line)
            size += len(line)
    return lines, False


@contextmanager
def _damage_reported(path: Path) -> Iterator[None]:
    """Turns what a damaged or wrongly encoded file raises into one sentence that names the file."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(_encoding_complaint(path)) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: the gzip file is damaged or cut short ({error})") from error


def _encoding_complaint(path: Path) -> str:
    """Reads the file again up to the first byte that is not UTF-8: where it is and what it looks like."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, offset, last = 1, 0, b""
    block = b"-"
    with _open_bytes(path) as handle:
        while block:
            block = handle.read(_READ_BLOCK)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                good, bad = error.object[: error.start], error.object[error.start :]
                line += _line_ends(good, last)
                offset += len(block) - len(bad)
                break
            line += _line_ends(block, last)
            offset += len(block)
            last = block[-1:]
        else:
            return f"{path}: the file changed while it was being read"
    place = f"{path}, line {line}: not UTF-8 (byte 0x{bad[0]:02X} at offset {offset:,})"
    encoding = _likely_encoding(bad[:4096])
    if encoding is None:
        return f"{place}: the file is damaged or in another encoding; find out which and convert it to UTF-8"
    return f"{place}; it looks like {encoding}: {_conversion(path, encoding)}"


def _line_ends(block: bytes, last: bytes) -> int:
    ends = block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n")
    return ends - (last == b"\r" and block.startswith(b"\n"))


def _likely_encoding(sample: bytes) -> str | None:
    """The Cyrillic encoding in which most non-ASCII characters are small Russian letters, if there is one."""
    scores = {}
    for encoding, codec in (("WINDOWS-1251", "cp1251"), ("KOI8-R", "koi8_r"), ("CP866", "cp866")):
        letters = [char for char in sample.decode(codec, errors="replace") if ord(char) > 127]
        scores[encoding] = sum("а" <= char <= "я" or char == "ё" for char in letters) / max(1, len(letters))
    best = max(scores, key=lambda encoding: scores[encoding])
    return best if scores[best] > 0.6 else None


def _conversion(path: Path, encoding: str) -> str:
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    target = shlex.quote(str(plain.with_name(f"{plain.stem}.utf8{plain.suffix}")))
    name = shlex.quote(str(path))
    command = f"iconv -f {encoding} -t UTF-8"
    command = f"{command} {name} > {target}" if plain == path else f"gzip -dc {name} | {command} > {target}"
    return f"convert it to UTF-8 with: {command}"
