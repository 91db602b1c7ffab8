"""Where the predictions of the ``predict`` command go: blocks for people, JSON lines, tables; stdout or a file."""

import argparse
import contextlib
import csv
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..decision import Decision
    from ..prediction import Prediction, TextPrediction
    from .predict_rows import Row

logger = logging.getLogger(__name__)

BAR_WIDTH = 24
TABLE_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
JSON_LINES_SUFFIXES = (".jsonl", ".ndjson", ".json")
ADDED_TO_TABLE = ("prediction", "prediction_score")
ADDED_TO_JSON = ("prediction", "unsure", "top", "tokens", "tokens_read")

Write = Callable[["Row", "TextPrediction"], None]


@dataclass(frozen=True)
class Style:
    """How predictions are shown.

    Attributes:
        top_k: Likeliest labels of each text.
        overlapping: A text may have several labels, or none.
        decides: What is chosen need not be what is likeliest: by thresholds, stages or keywords.
        unknown: The answer where no stage claims a text.
    """

    top_k: int
    overlapping: bool
    decides: bool
    unknown: str

    @classmethod
    def of(cls, top_k: int, decision: "Decision") -> "Style":
        """The style for a model that decides in this way."""
        from ..predictor import UNKNOWN

        decides = decision.overlapping or bool(decision.cascade) or decision.rules is not None
        return cls(top_k, decision.overlapping, decides or decision.unclaimed == UNKNOWN, UNKNOWN)


def check_output(options: argparse.Namespace) -> None:
    """Raise ValueError where ``--output`` names no file that can be written."""
    path = options.output
    if path is None:
        return
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"--output {path}: expected the name of a file in a folder that exists")
    if path.suffix.lower() not in (*TABLE_DELIMITERS, *JSON_LINES_SUFFIXES):
        raise ValueError(f"--output {path}: expected a name that ends in .csv, .tsv or .jsonl")
    if options.json and path.suffix.lower() in TABLE_DELIMITERS:
        raise ValueError(f"--json and --output {path}: expected a name that ends in .jsonl")


def check_columns(options: argparse.Namespace, columns: Sequence[str], decision: "Decision") -> None:
    """Raise ValueError where one of a file's ``columns`` has a name that the predictions take."""
    added: Sequence[str] = ()
    if options.output is not None and options.output.suffix.lower() in TABLE_DELIMITERS:
        added = ADDED_TO_TABLE
    elif options.output is not None or options.json:
        reasons = bool(decision.cascade) or decision.rules is not None
        added = (*ADDED_TO_JSON, "reason") if reasons else ADDED_TO_JSON
    if taken := [name for name in added if name in columns]:
        raise ValueError(
            f"{options.file} has a column {taken[0]!r} already, which the predictions would take: rename it"
        )


@contextlib.contextmanager
def open_output(options: argparse.Namespace, columns: Sequence[str], style: Style) -> Iterator[Write]:
    """What writes one prediction where and as the options say; a file appears whole, or as ``.partial``."""
    if options.output is None:
        yield stdout_writer(options, style)
        return
    unfinished = options.output.with_name(f"{options.output.name}.partial")
    try:
        # A lone surrogate, which has no UTF-8 form, is written as its escape: what JSON itself says for it.
        with unfinished.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            delimiter = TABLE_DELIMITERS.get(options.output.suffix.lower())
            if delimiter is None:
                yield partial(_write_json, file, style)
            else:
                yield _table_writer(file, delimiter, columns, style)
    except BaseException:
        if unfinished.exists() and unfinished.stat().st_size:
            logger.error("what was classified before the failure is kept in %s", unfinished)
        else:
            unfinished.unlink(missing_ok=True)
        raise
    os.replace(unfinished, options.output)
    logger.info("written to %s", options.output)


def stdout_writer(options: argparse.Namespace, style: Style) -> Write:
    """What writes one prediction to stdout, as JSON or as a block."""
    return partial(_write_json if options.json else _write_block, sys.stdout, style)


def progress(options: argparse.Namespace) -> Any:  # a tqdm bar
    """A bar on stderr for what takes longer than two seconds."""
    from tqdm.auto import tqdm

    # None: only where stderr is a terminal; never in the midst of results on the same one
    disable = True if options.output is None and sys.stdout.isatty() else None
    return tqdm(desc="Classifying", unit="text", disable=disable, delay=2, file=sys.stderr)


def _write_block(file: IO[str], style: Style, row: "Row", prediction: "TextPrediction") -> None:
    shown = " ".join(row.text.split())
    lines = [shown if len(shown) <= 110 else f"{shown[:107]}..."]
    ranked = _ranked(style, prediction)
    width = max(12, *(len(label) for label, _ in ranked))
    for label, score in ranked:
        chosen = style.decides and label in prediction.labels
        reason = f"({prediction.reason})" if chosen and prediction.reason else ""
        bar = "█" * round(score * BAR_WIDTH)
        lines.append(f"{'✓' if chosen else ' '} {label:<{width}} {score:6.1%}  {bar}  {reason}".rstrip())
    if not prediction.labels:
        none = (
            "no label reaches its threshold" if style.overlapping else f"{style.unknown}: no stage claims it"
        )
        lines.append(f"  ({none})")
    if prediction.unsure:
        lines.append("  (unsure)")
    if prediction.tokens_read < prediction.tokens:
        lines.append(f"  ({prediction.tokens_read} of {prediction.tokens} tokens read)")
    print("\n".join(lines), end="\n\n", file=file)


def _ranked(style: Style, prediction: "TextPrediction") -> "list[Prediction]":
    """The likeliest labels, and those chosen that are not among them."""
    ranked = prediction.top(len(prediction.probabilities))
    return ranked[: style.top_k] + [item for item in ranked[style.top_k :] if item.label in prediction.labels]


def _write_json(file: IO[str], style: Style, row: "Row", prediction: "TextPrediction") -> None:
    labels = prediction.labels
    found = {
        "prediction": list(labels) if style.overlapping else _name(style, prediction),
        **({"reason": prediction.reason} if prediction.reason else {}),
        "unsure": prediction.unsure,
        "top": [{"label": label, "score": round(score, 6)} for label, score in prediction.top(style.top_k)],
        "tokens": prediction.tokens,
        "tokens_read": prediction.tokens_read,
    }
    print(json.dumps({**row.columns, **found}, ensure_ascii=False, default=str), file=file)


def _table_writer(file: IO[str], delimiter: str, columns: Sequence[str], style: Style) -> Write:
    known = set(columns)
    plain = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    # Before Python 3.13 the plain writer leaves a bare \r unquoted, which every reader takes for a line end.
    quoted = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    header = [*columns, *ADDED_TO_TABLE]

    def write(row: "Row", prediction: "TextPrediction") -> None:
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
        answer = "; ".join(prediction.labels) if style.overlapping else _name(style, prediction)
        writer.writerow([*cells, answer, f"{prediction.leading.score:.4f}"])

    return write


def _name(style: Style, prediction: "TextPrediction") -> str:
    """The answer of a model that gives one label."""
    return prediction.labels[0] if prediction.labels else style.unknown
