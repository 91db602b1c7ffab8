"""The ``predict`` command: where its texts come from and where its predictions go.

Whatever was classified before a failure is kept: on stdout, or in the file ``OUTPUT.partial``.
"""

import argparse
import contextlib
import csv
import io
import json
import logging
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .predictor import Predictor, TextPrediction

logger = logging.getLogger(__name__)

BAR_WIDTH = 24
TABLE_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
JSON_LINES_SUFFIXES = (".jsonl", ".ndjson", ".json")
ADDED_TO_TABLE = ("prediction", "prediction_score")
ADDED_TO_JSON = ("prediction", "top", "tokens", "tokens_read")


class Row(NamedTuple):
    """A text, where it stands, and the columns that it came with."""

    place: str
    columns: dict[str, Any]
    text: str


Write = Callable[[Row, "TextPrediction"], None]


def run_predict(options: argparse.Namespace, load: Callable[[], "Predictor"]) -> None:
    """Classify what ``options`` name; ``load`` is called once they are found to be sound.

    Raises:
        ValueError: options that exclude each other, or a text, file or row that cannot be used.
        OSError: a file or the model cannot be read or written.
    """
    given = {
        "TEXT": bool(options.texts),
        "--file": options.file is not None,
        "--interactive": options.interactive,
    }
    if sum(given.values()) > 1:
        raise ValueError(f"{' and '.join(name for name in given if given[name])} were both given: choose one")
    if options.interactive:
        _converse(options, load)
        return
    columns: Sequence[str] = ["text"]
    if options.file is not None:
        columns, rows = _file_rows(options.file, options.text_column)
    else:
        rows = _argument_rows(options.texts) if options.texts else _stdin_rows()
    _check_output(options, columns)
    predictor = load()
    with _output(options, columns) as write, _progress(options) as progress:
        for row, prediction in _classified(predictor, rows):
            write(row, prediction)
            progress.update()


def _classified(predictor: "Predictor", rows: Iterable[Row]) -> "Iterator[tuple[Row, TextPrediction]]":
    """Rows with their predictions, up to the first row that cannot be read or classified; then its error."""
    pending: deque[Row] = deque()  # read, not yet classified: at most a chunk
    unreadable: list[Exception] = []
    done = 0

    def texts() -> Iterator[str]:
        try:
            for row in rows:
                pending.append(row)
                yield row.text
        except (ValueError, OSError) as error:
            unreadable.append(error)

    try:
        for prediction in predictor.iter_predict(texts()):
            done += 1
            yield pending.popleft(), prediction
    except ValueError as error:  # it names a text of the chunk by its number
        number = re.match(r"text (\d+)", str(error))
        if number is None:
            raise
        before = [pending.popleft() for _ in range(int(number[1]) - done)]
        yield from _classified(predictor, before)
        raise ValueError(f"{pending[0].place}{str(error)[number.end() :]}") from error
    if unreadable:
        raise unreadable[0]


# --- texts ---


def _argument_rows(texts: Sequence[str]) -> Iterator[Row]:
    rows = []
    for number, text in enumerate(texts, 1):
        _require_utf8(text, f"text {number}")
        if not text.strip():
            raise ValueError(f"text {number} is empty: there is nothing to classify in {text!r:.60}")
        rows.append(Row(f"text {number}", {"text": text}, text))
    return iter(rows)


def _file_rows(path: Path, text_column: str | None) -> tuple[Sequence[str], Iterator[Row]]:
    """The columns of a file and its rows."""
    from .columns import find_text_columns
    from .reading import open_table

    table = open_table(path, [text_column] if text_column else [])
    try:
        column = find_text_columns(table.columns, text_column)[0]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    unit = "row" if table.format in ("parquet", "json") else "line"

    def rows() -> Iterator[Row]:
        for number, row in table.rows():
            place, text = f"{path}, {unit} {number}", row.get(column)
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"{place}: the column {column!r} holds {text!r:.60}, expected a text")
            yield Row(place, row, text)

    return table.columns, rows()


def _stdin_rows() -> Iterator[Row]:
    if sys.stdin is None or sys.stdin.isatty():
        raise ValueError("no text: give TEXT, --file, --interactive, or texts on stdin, one a line")
    _decode_stdin()

    def rows() -> Iterator[Row]:
        empty = True
        for number, line in enumerate(sys.stdin, 1):
            place = f"stdin, line {number}"
            _require_utf8(line, place)
            if text := line.strip():
                empty = False
                yield Row(place, {"text": text}, text)
        if empty:
            raise ValueError("stdin holds no text: expected texts, one a line")

    return rows()


def _converse(options: argparse.Namespace, load: Callable[[], "Predictor"]) -> None:
    if options.output is not None:
        raise ValueError("--interactive and --output were both given: choose one")
    if sys.stdin is None:
        raise ValueError("--interactive needs a stdin to read from")
    if not sys.stdin.isatty():
        _decode_stdin()
    predictor = load()
    write = _stdout_writer(options)
    logger.info("Type a text and press Enter; an empty line or Ctrl-D ends.")
    while True:
        try:
            text = input("> " if sys.stdin.isatty() and sys.stdout.isatty() else "")
        except EOFError:
            return
        if not text.strip():
            return
        try:
            _require_utf8(text, "the text")
            for row, prediction in _classified(predictor, [Row("the text", {"text": text}, text)]):
                write(row, prediction)
        except ValueError as error:
            logger.error("error: %s", error)
        sys.stdout.flush()


def _decode_stdin() -> None:
    """Read stdin as UTF-8 whatever the locale; other bytes come as lone surrogates, as in arguments."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape")


def _require_utf8(text: str, place: str) -> None:
    if escaped := re.search("[\udc80-\udcff]", text):
        byte = ord(escaped[0]) - 0xDC00
        raise ValueError(
            f"{place} is not UTF-8 (byte 0x{byte:02X}): convert it first, for instance with iconv"
        )


# --- predictions ---


def _check_output(options: argparse.Namespace, columns: Sequence[str]) -> None:
    path = options.output
    added: Sequence[str] = ADDED_TO_JSON if options.json else ()
    if path is not None:
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(f"--output {path}: expected the name of a file in a folder that exists")
        if path.suffix.lower() not in (*TABLE_DELIMITERS, *JSON_LINES_SUFFIXES):
            raise ValueError(f"--output {path}: expected a name that ends in .csv, .tsv or .jsonl")
        if options.json and path.suffix.lower() in TABLE_DELIMITERS:
            raise ValueError(f"--json and --output {path}: expected a name that ends in .jsonl")
        added = ADDED_TO_TABLE if path.suffix.lower() in TABLE_DELIMITERS else ADDED_TO_JSON
    if taken := [name for name in added if name in columns]:
        raise ValueError(
            f"{options.file} has a column {taken[0]!r} already, which the predictions would take: rename it"
        )


@contextlib.contextmanager
def _output(options: argparse.Namespace, columns: Sequence[str]) -> Iterator[Write]:
    """What writes one prediction where and as the options say; a file appears whole, or as ``.partial``."""
    if options.output is None:
        yield _stdout_writer(options)
        return
    unfinished = options.output.with_name(f"{options.output.name}.partial")
    try:
        # A lone surrogate, which has no UTF-8 form, is written as its escape: what JSON itself says for it.
        with unfinished.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            delimiter = TABLE_DELIMITERS.get(options.output.suffix.lower())
            if delimiter is None:
                yield partial(_write_json, file, options.top_k)
            else:
                yield _table_writer(file, delimiter, columns)
    except BaseException:
        if unfinished.exists() and unfinished.stat().st_size:
            logger.error("what was classified before the failure is kept in %s", unfinished)
        else:
            unfinished.unlink(missing_ok=True)
        raise
    os.replace(unfinished, options.output)
    logger.info("written to %s", options.output)


def _stdout_writer(options: argparse.Namespace) -> Write:
    return partial(_write_json if options.json else _write_block, sys.stdout, options.top_k)


def _write_block(file: IO[str], top_k: int, row: Row, prediction: "TextPrediction") -> None:
    shown = " ".join(row.text.split())
    print(shown if len(shown) <= 110 else f"{shown[:107]}...", file=file)
    for label, score in prediction.top(top_k):
        print(f"  {label:<12} {score:6.1%}  {'█' * round(score * BAR_WIDTH)}".rstrip(), file=file)
    if prediction.unsure:
        print("  (unsure)", file=file)
    if prediction.tokens_read < prediction.tokens:
        print(f"  ({prediction.tokens_read} of {prediction.tokens} tokens read)", file=file)
    print(file=file)


def _write_json(file: IO[str], top_k: int, row: Row, prediction: "TextPrediction") -> None:
    labels = prediction.labels
    found = {
        "prediction": labels[0] if len(labels) == 1 else list(labels),
        "unsure": prediction.unsure,
        "top": [{"label": label, "score": round(score, 6)} for label, score in prediction.top(top_k)],
        "tokens": prediction.tokens,
        "tokens_read": prediction.tokens_read,
    }
    print(json.dumps({**row.columns, **found}, ensure_ascii=False, default=str), file=file)


def _table_writer(file: IO[str], delimiter: str, columns: Sequence[str]) -> Write:
    known = set(columns)
    plain = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    # Before Python 3.13 the plain writer leaves a bare \r unquoted, which every reader takes for a line end.
    quoted = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    header = [*columns, *ADDED_TO_TABLE]

    def write(row: Row, prediction: "TextPrediction") -> None:
        if unknown := sorted(row.columns.keys() - known):
            raise ValueError(
                f"{row.place}: the column {unknown[0]!r} is missing from the first rows, which made the header: "
                "write to a .jsonl file, where each row keeps its own columns"
            )
        if header:
            plain.writerow(header)
            header.clear()
        cells = [row.columns.get(name) for name in columns]
        writer = quoted if any("\r" in str(cell) for cell in cells) else plain
        writer.writerow([*cells, "; ".join(prediction.labels), f"{prediction.top(1)[0].score:.4f}"])

    return write


def _progress(options: argparse.Namespace) -> Any:  # a tqdm bar
    from tqdm.auto import tqdm

    # None: only where stderr is a terminal; never in the midst of results on the same one
    disable = True if options.output is None and sys.stdout.isatty() else None
    return tqdm(desc="Classifying", unit="text", disable=disable, delay=2, file=sys.stderr)
