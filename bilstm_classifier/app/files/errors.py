"""What a visitor is told of a file that cannot be read: in their language, by the file's own name, without its path.

``data.reading`` speaks to people at a command line: its sentences are English and hold paths and commands. Each kind of
them has a message here.
"""

import re

from ..messages import Language, say

LONGEST_DETAIL = 60  # characters of what stands in the file that a message repeats

_PLACE = r"(?:, (?:line|item) (?P<line>\d+))?: "
_KINDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(_PLACE + pattern, re.DOTALL), key)
    for pattern, key in (
        (r"the file is empty", "file_empty"),
        (r"the file holds (no rows|a header)", "file_no_rows"),
        (r"the header names a column twice: (?P<found>.*)", "file_repeated_column"),
        (r"a field opened with a double quote .* is never closed", "file_open_quote"),
        (r"a field in this row opens with a double quote", "file_inner_quote"),
        (r"a field is longer than", "file_open_quote"),
        (
            r"(?P<found>\d+) fields where (?P<expected>\d+) were expected .* separated by (?P<separator>.*?):",
            "file_fields",
        ),
        (r"broken JSON \(.*\); expected one JSON object a line", "file_json_line"),
        (r"broken JSON", "file_json"),
        (r"expected a JSON object", "file_json_object"),
        (r"not a readable Parquet file", "file_parquet"),
        (r"the file is in (?P<encoding>UTF-16)", "file_encoding"),
        (r"a zip archive or an Excel workbook", "file_zip"),
        (r"a binary file", "file_binary"),
        (r"longer than", "file_line"),
        (r"the gzip file is damaged", "file_gzip"),
        (r"not UTF-8 .*; it looks like (?P<encoding>[^:]*):", "file_encoding"),
        (r"not UTF-8", "file_encoding_unknown"),
    )
)


class BadFile(ValueError):
    """A file that cannot be classified; the message is for whoever sent it, in their language."""


def bad_file(key: str, name: str, language: Language, **values: object) -> BadFile:
    """What message ``key`` says of the file called ``name``."""
    return BadFile(say(key, language, name=name, **values))


def explained(error: Exception, path: object, name: str, language: Language) -> BadFile:
    """What to tell of an ``error`` in reading the file at ``path``, which its owner calls ``name``."""
    if isinstance(error, BadFile):
        return error
    if isinstance(error, FileNotFoundError):
        return bad_file("file_gone", name, language)
    told = str(error).removeprefix(str(path))
    for pattern, key in _KINDS:
        if found := pattern.match(told):
            values = {
                blank: int(value) if value.isdecimal() and len(value) < 12 else cut(value)
                for blank, value in found.groupdict(default="").items()
            }
            return bad_file(key, name, language, **values)
    return bad_file("file_damaged", name, language)


def cut(text: str) -> str:
    """The beginning of ``text``, as much of it as a message repeats."""
    return text if len(text) <= LONGEST_DETAIL else f"{text[: LONGEST_DETAIL - 1]}…"
