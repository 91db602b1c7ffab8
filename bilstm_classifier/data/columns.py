"""How a delimited text file is laid out (delimiter, quoting, header), and which of its columns is which.

Everything here works on the first lines of a file, needs the standard library alone, and guesses only
where a wrong guess shows: it ends in an error that lists the columns found.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

# Usual names, the likeliest first: news/labels, text/label, content/score, sentence/language,
# review/rating...
TEXT_NAMES = (
    "text",
    "news",
    "content",
    "sentence",
    "review",
    "body",
    "headline",
    "title",
    "текст",
    "новость",
    "содержание",
    "отзыв",
    "заголовок",
)
LABEL_NAMES = (
    "labels",
    "label",
    "category",
    "rubric",
    "topic",
    "class",
    "sentiment",
    "score",
    "rating",
    "stars",
    "language",
    "lang",
    "target",
    "метка",
    "категория",
    "рубрика",
    "тема",
    "класс",
    "оценка",
)
DELIMITERS = "\t,;|"

_NAME = re.compile(r"[^\W\d][\w .:()/%#&-]{0,63}")
_WRAPPED = re.compile(r'"([^"]|"")*"')
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Layout:
    """How to read a text file as rows: ``delimiter`` is None where every line is one text as it stands."""

    delimiter: str | None
    quoted: bool
    has_header: bool
    columns: tuple[str, ...]


PLAIN_LINES = Layout(delimiter=None, quoted=False, has_header=False, columns=("text",))


def detect_layout(
    lines: Sequence[str], *, truncated: bool, plain_text: bool, expected_columns: Sequence[str] = ()
) -> Layout:
    """Finds the delimiter, the quoting and the header from the first lines of a file.

    A delimiter is believed when the first record holds it and most records have as many fields as the first;
    a first record made of usual or expected column names is believed even when the records below are broken,
    so that the broken rows are reported and not read as something else.

    Args:
        lines: the first lines, with their line ends.
        truncated: whether the file goes on after them.
        plain_text: the file's name promises no table (``.txt``). A text with commas must not become one, so
            only a tab, a known header or a column that repeats like a label is believed.
        expected_columns: column names the caller will ask for; a first record holding them all is a header.
    """
    best: tuple[tuple[bool, float], Layout] | None = None
    for delimiter in DELIMITERS:
        quoted, records = _read_sample(lines, delimiter, truncated)
        if not records or len(records[0]) < 2:
            continue
        named = _names_columns(records[0], records[1:], expected_columns)
        share = sum(len(record) == len(records[0]) for record in records) / len(records)
        if not named and not _is_table(records, share, delimiter, plain_text):
            continue
        if best is None or (named, share) > best[0]:
            best = (named, share), _layout(delimiter, quoted, records, expected_columns)
    if best is not None:
        return best[1]
    if plain_text:
        return PLAIN_LINES
    quoted, records = _read_sample(lines, ",", truncated)
    if records and all(len(record) == 1 for record in records):
        return _layout(",", quoted, records, expected_columns)  # a table of one column
    first = [lines[0].strip()] if lines else [""]
    if _names_columns(first, [], expected_columns):  # one column whose commas nobody quoted
        return Layout(delimiter=None, quoted=False, has_header=True, columns=(first[0],))
    return PLAIN_LINES


def find_text_columns(columns: Sequence[str], wanted: str | Sequence[str] | None = None) -> tuple[str, ...]:
    """The text columns among ``columns``: the wanted ones, in the order wanted, or the one with a usual name.

    Raises:
        ValueError: a wanted column is not there, or none has a usual name (a file's only column always
            serves).
    """
    if wanted:
        names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
        require_columns(names, columns)
        return names
    found = _first_usual(TEXT_NAMES, columns)
    if found is None and len(columns) == 1:
        found = columns[0]
    if found is None:
        raise ValueError(
            f"no text column found: the columns are {_listed(columns)}, and none is called "
            f"{', '.join(TEXT_NAMES)}. Name the text column (a file without a header needs one)"
        )
    return (found,)


def find_label_column(
    columns: Sequence[str], wanted: str | None = None, text_columns: Sequence[str] = ()
) -> str:
    """The label column among ``columns``: the wanted one, or one with a usual name that is not a text column.

    Raises:
        ValueError: the wanted column is not there or is a text column too, or none has a usual name.
    """
    if wanted:
        require_columns([wanted], columns)
        if wanted in text_columns:
            raise ValueError(f"column {wanted!r} cannot be the text and the label at once")
        return wanted
    found = _first_usual(LABEL_NAMES, [column for column in columns if column not in text_columns])
    if found is None:
        raise ValueError(
            f"no label column found: the columns are {_listed(columns)}, and none is called "
            f"{', '.join(LABEL_NAMES)}. Name the label column (a file without a header needs one)"
        )
    return found


def require_columns(wanted: Sequence[str], columns: Sequence[str]) -> None:
    """Raise ValueError where one of the ``wanted`` columns is not there."""
    for name in wanted:
        if name not in columns:
            raise ValueError(f"no column {name!r}: the columns are {_listed(columns)}")


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(column) for column in columns[:30])
    return f"{shown} and {len(columns) - 30} more" if len(columns) > 30 else shown


def _first_usual(usual: Iterable[str], columns: Sequence[str]) -> str | None:
    by_name = {column.casefold(): column for column in reversed(columns)}
    return next((by_name[name] for name in usual if name in by_name), None)


def _read_sample(lines: Sequence[str], delimiter: str, truncated: bool) -> tuple[bool, list[list[str]]]:
    """Whether the fields are quoted, and the records of the sample read that way."""
    quoted_records, sound = _records(lines, delimiter, csv.QUOTE_MINIMAL, truncated)
    if delimiter != "\t":
        return True, quoted_records
    # Tab files are often written without quoting (label<TAB>"Zenit" won): quotes are then part of the text.
    # Fields wrapped in quotes whole tell that the file does quote, and that a bad row is to be reported.
    raw_records, _ = _records(lines, delimiter, csv.QUOTE_NONE, truncated)
    opened = [field for record in raw_records for field in record if field.startswith('"')]
    wrapped = sum(_WRAPPED.fullmatch(field) is not None for field in opened)
    if sound or not opened or 2 * wrapped >= len(opened):
        return True, quoted_records
    return False, raw_records


def _records(
    lines: Sequence[str], delimiter: str, quoting: Literal[0, 3], truncated: bool
) -> tuple[list[list[str]], bool]:
    """The non-blank records of the sample up to the first that breaks the quoting, and whether none did."""
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=quoting != csv.QUOTE_NONE)
    records: list[list[str]] = []
    try:
        for record in reader:
            if any(field.strip() for field in record):
                records.append(record)
    except csv.Error:
        # A quoted field that runs over the end of the sample is no fault, unless it has swallowed most of it.
        cut_off = truncated and reader.line_num >= len(lines) and len(records) >= len(lines) // 20
        return records, cut_off
    return records, True


def _is_table(records: list[list[str]], share: float, delimiter: str, plain_text: bool) -> bool:
    if not plain_text:
        return share > 0.5
    if delimiter == "\t":
        return share > 0.8
    if share < 1 or len(records) < 4:
        return False
    return any(2 * len({record[i] for record in records}) <= len(records) for i in range(len(records[0])))


def _layout(delimiter: str, quoted: bool, records: list[list[str]], expected: Sequence[str]) -> Layout:
    first, below = records[0], [record for record in records[1:] if len(record) == len(records[0])]
    if _is_header(first, below, expected):
        columns = tuple(field.strip() or f"column_{i}" for i, field in enumerate(first, start=1))
        return Layout(delimiter, quoted, has_header=True, columns=columns)
    return Layout(delimiter, quoted, has_header=False, columns=_headerless_columns([first, *below]))


def _is_header(first: list[str], below: list[list[str]], expected: Sequence[str]) -> bool:
    """A header names its columns (usual or expected names), or looks unlike what stands below it.

    Unlike means: over a column of numbers, or far shorter than the texts of its column. In doubt the first
    record is data, so that nothing is lost silently.
    """
    if _names_columns(first, below, expected):
        return True
    if not _could_be_header(first, below):
        return False
    for i, name in enumerate(first):
        values = [record[i].strip() for record in below if record[i].strip()]
        if values and all(NUMBER.fullmatch(value) for value in values):
            return True
        if len(values) >= 3 and median(len(value) for value in values) >= max(15, 3 * len(name)):
            return True
    return False


def _names_columns(first: list[str], below: list[list[str]], expected: Sequence[str]) -> bool:
    """Whether the first record holds all expected names, a usual pair, or a usual name among possible ones."""
    names = [field.strip() for field in first]
    if expected and set(expected) <= set(names):
        return True
    usual_text = any(name.casefold() in TEXT_NAMES for name in names)
    usual_label = any(name.casefold() in LABEL_NAMES for name in names)
    if usual_text and usual_label:
        return True
    return (usual_text or usual_label) and _could_be_header(first, below)


def _could_be_header(first: list[str], below: list[list[str]]) -> bool:
    names = [field.strip() for field in first]
    if len(set(names)) < len(names) or not all(_NAME.fullmatch(name) for name in names[1:]):
        return False
    if names[0] and not _NAME.fullmatch(names[0]):  # the first may be empty: pandas leaves its index unnamed
        return False
    # A value that comes again in its own column is a label, not a name (label<TAB>text with a label "news").
    return not any(record != first and any(map(str.__eq__, record, first)) for record in below)


def _headerless_columns(records: list[list[str]]) -> tuple[str, ...]:
    """``text``; or ``label`` and ``text`` in their order (labels repeat more, or are shorter); or numbers."""
    width = len(records[0])
    if width == 1:
        return ("text",)
    if width != 2:
        return tuple(f"column_{i}" for i in range(1, width + 1))
    kinds = [len({record[i] for record in records}) for i in range(2)]
    sizes = [sum(len(record[i]) for record in records) for i in range(2)]
    return ("label", "text") if (kinds[0], sizes[0]) <= (kinds[1], sizes[1]) else ("text", "label")
