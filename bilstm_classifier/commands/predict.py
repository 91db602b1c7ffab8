"""The ``predict`` command: texts in, predictions out, and how well they agree with the labels that a file has.

Whatever was classified before a failure is kept: on stdout, or in the file ``OUTPUT.partial``.
"""

import argparse
import logging
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from .labelled import Comparison
from .predict_output import Style, check_columns, check_output, open_output, progress, stdout_writer
from .predict_rows import (
    FileRows,
    Row,
    argument_rows,
    decode_stdin,
    open_file,
    require_utf8,
    stdin_rows,
    text_row,
)

if TYPE_CHECKING:
    from ..inputs import Input
    from ..prediction import TextPrediction
    from ..predictor import Predictor

logger = logging.getLogger(__name__)

TOP_K = 3
TOP_K_INTERACTIVE = 10


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
    if options.label_column is not None and options.file is None:
        raise ValueError("--label-column names a column of a file: give --file too")
    if options.interactive:
        _converse(options, load)
    elif options.file is not None:
        _classify_file(options, load)
    else:
        rows = argument_rows(options.texts) if options.texts else stdin_rows()
        check_output(options)
        _classify_texts(options, load(), rows)


def _classify_file(options: argparse.Namespace, load: Callable[[], "Predictor"]) -> None:
    check_output(options)
    open_file(options.file, options.text_column, options.label_column)
    predictor = load()
    rows = FileRows(options.file, options.text_column, options.label_column, predictor)
    check_columns(options, rows.columns, predictor.decision)
    style = Style.of(options.top_k or TOP_K, predictor.decision)
    comparison = None
    if rows.true_labels is not None:
        ordered = predictor.model.config.ordered_labels
        comparison = Comparison(rows.true_labels.column, predictor.decision, ordered, style.unknown)
    with open_output(options, rows.columns, style) as write, progress(options) as bar:
        for row, prediction in _classified(predictor, rows):
            write(row, prediction)
            bar.update()
            if comparison is not None:
                comparison.add(row.labels, prediction)
    for line in () if comparison is None else comparison.lines():
        logger.info("%s", line)


def _classify_texts(options: argparse.Namespace, predictor: "Predictor", rows: Iterable[Row]) -> None:
    style = Style.of(options.top_k or TOP_K, predictor.decision)
    with open_output(options, ["text"], style) as write, progress(options) as bar:
        for row, prediction in _classified(predictor, rows):
            write(row, prediction)
            bar.update()


def _converse(options: argparse.Namespace, load: Callable[[], "Predictor"]) -> None:
    if options.output is not None:
        raise ValueError("--interactive and --output were both given: choose one")
    if sys.stdin is None:
        raise ValueError("--interactive needs a stdin to read from")
    if not sys.stdin.isatty():
        decode_stdin()
    predictor = load()
    write = stdout_writer(options, Style.of(options.top_k or TOP_K_INTERACTIVE, predictor.decision))
    logger.info("Type a text and press Enter; an empty line or Ctrl-D ends.")
    while True:
        try:
            text = input("> " if sys.stdin.isatty() and sys.stdout.isatty() else "")
        except EOFError:
            return
        if not text.strip():
            return
        try:
            require_utf8(text, "the text")
            for row, prediction in _classified(predictor, [text_row("the text", text)]):
                write(row, prediction)
        except ValueError as error:
            logger.error("error: %s", error)
        sys.stdout.flush()


def _classified(predictor: "Predictor", rows: Iterable[Row]) -> "Iterator[tuple[Row, TextPrediction]]":
    """Rows with their predictions, up to the first row that cannot be read or classified; then its error."""
    pending: deque[Row] = deque()  # read, not yet classified: at most a chunk
    unreadable: list[Exception] = []
    done = 0

    def items() -> "Iterator[Input]":
        try:
            for row in rows:
                pending.append(row)
                yield row.item
        except (ValueError, OSError) as error:
            unreadable.append(error)

    try:
        for prediction in predictor.iter_predict(items()):
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
