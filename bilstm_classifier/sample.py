"""A small sample of Russian news texts, for demos, tests and notebooks."""

from __future__ import annotations

import csv
from importlib import resources

_FILE = "sample_news.tsv"
_HEADER = ["news", "labels"]


def load_sample_news() -> tuple[list[str], list[str]]:
    """Return 275 short Russian texts in the manner of news, with the category each was written for.

    The texts were written by the project's authors for demos, tests and notebooks. They describe invented
    events (the Olympic Games in Paris apart) and invented people and companies, among places, clubs and
    offices that mostly exist: they are not journalism, and nothing in them is a report of what happened. The
    categories are those the authors had in mind: a score on these texts says little about one on real news.

    There are 25 texts for each of the eleven categories: headlines, leads of one or two sentences, and
    stories of three or four. The categories take turns, so the first eleven rows hold one text of each.

    Returns:
        The texts and, in the same order, the names of their categories: two lists of equal length.

    Raises:
        OSError: the installed package lacks the file of texts.
        ValueError: the file is not the tab-separated table that the package ships.
    """
    content = resources.files("bilstm_classifier").joinpath(_FILE).read_text(encoding="utf-8")
    # No text is quoted: a quotation mark at the start of one must not swallow the lines after it.
    rows = csv.reader(content.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = next(rows, [])
    if header != _HEADER:
        raise ValueError(f"{_FILE} has the columns {header}, expected {_HEADER}: reinstall the package")
    texts: list[str] = []
    labels: list[str] = []
    for row in rows:
        if len(row) != len(_HEADER):
            raise ValueError(
                f"{_FILE}, line {rows.line_num}: {len(row)} columns, expected {len(_HEADER)}: "
                "reinstall the package"
            )
        texts.append(row[0])
        labels.append(row[1])
    return texts, labels
