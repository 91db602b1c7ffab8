"""The data sheet of a corpus: what a reader of figures should know, in words, tables and pictures.

After Gebru et al. 2018, "Datasheets for Datasets". Everything in it comes from the report, prepare_news.json.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from news import pictures
from news.near_duplicates import Stories
from news.rules import CATEGORIES
from news.stories import NewsRow

SHEET_FILE = "DATA_SHEET.md"
HEADLINE = 150  # characters; a longer text is a lead or an article
ORIGINS = ("rubric", "rule", "reading")
_REASONS = {
    "rubric not in the mapping": "its rubric is not in the mapping",
    "left out by the mapping": "its rubric fits no category, or is mixed and no rule is sure of the text",
    "left out by reading": "a reader found no category that fits, or one that its rubric rules out",
    "empty or too short": "too few letters to tell a category",
    "story of several categories": "rows of the same title, text or address got several categories",
    "repeated text": "the same letters and digits as another row of its story",
    "over the cap": "beyond the cap of its source; these rows are the split `spare`",
    "story of a further test": "its story is told in `test_later` or `test_unseen` by another source",
    "doubtful, not for a further test": "a further test, and its reading was a toss-up",
    "label issue: no category fits": "in train, its label was found wrong and no category fits",
    "story of a published test": "in train, and its story is told in a published test too",
}


def measure(splits: Mapping[str, Sequence[NewsRow]], stories: Sequence[Sequence[NewsRow]]) -> dict[str, Any]:
    """Return what the sheet tells beyond the counts.

    That is the number of stories, lengths in characters, how many labels came about in which way, and the
    rows of the other splits that are near-duplicates of a row in train.
    """
    lengths: dict[str, list[int]] = {row.source: [] for story in stories for row in story}
    for row in (row for split in splits.values() for row in split):
        lengths[row.source].append(len(row.news))
    labels = {}
    for name, split in splits.items():
        labels[name] = {
            category: {
                **dict.fromkeys(ORIGINS, 0),
                **Counter(row.decided_by for row in split if row.category == category),
                "doubtful": sum(row.doubtful for row in split if row.category == category),
            }
            for category in CATEGORIES
        }
    train = Stories([row.news for row in splits["train"]])
    return {
        "stories": len(stories),
        "stories_of_several_sources": sum(len({row.source for row in story}) > 1 for story in stories),
        "lengths": {
            source: {
                "rows": len(found),
                "median": round(float(np.median(found))),
                "90th percentile": round(float(np.quantile(found, 0.9))),
                "headlines": round(float(np.mean(np.asarray(found) <= HEADLINE)), 4),
            }
            for source, found in lengths.items()
            if found
        },
        "labels": labels,
        "overlap": {
            name: sum(train.near([row.news for row in split]))
            for name, split in splits.items()
            if name != "train"
        },
    }


def write_data_sheet(report: Mapping[str, Any], folder: Path) -> None:
    """Write DATA_SHEET.md and its pictures into `folder`; a part that `report` lacks is passed over.

    Raises:
        OSError: they cannot be written.
    """
    parts = [
        _opening(report),
        _splits(report, folder),
        _sources(report, folder),
        _lengths(report, folder),
        _labels(report, folder),
        _overlap(report),
        _left_out(report),
        _balance(report),
        _licences(report),
    ]
    (folder / SHEET_FILE).write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")


def _opening(report: Mapping[str, Any]) -> str:
    settings = report.get("settings", {})
    source = f"the data set {settings['data_set']}" if settings.get("data_set") else "editor-labelled sources"
    rows = sum(split["rows"] for split in report.get("splits", {}).values())
    told = [f"{name} {value}" for name, value in settings.items() if name != "data_set"]
    return (
        "# Data sheet of the news corpus\n\n"
        f"{rows:,} Russian news texts in {len(CATEGORIES)} categories, from {source}.\n"
        "`training/prepare_news.py` wrote this sheet together with the corpus"
        f"{' (' + ', '.join(told) + ')' if told else ''}; its figures are those of `prepare_news.json`."
    )


def _splits(report: Mapping[str, Any], folder: Path) -> str:
    if not (categories := report.get("categories")):
        return ""
    names = list(next(iter(categories.values())))
    lines = [[category, *(sizes[name] for name in names)] for category, sizes in categories.items()]
    counts = {name: {category: sizes[name] for category, sizes in categories.items()} for name in names}
    pictures.draw_splits(counts, folder / "splits.png")
    table = _table(["category", *names], lines, total=True)
    return f"## Splits\n\n{table}\n\n![Rows of each category](splits.png)"


def _sources(report: Mapping[str, Any], folder: Path) -> str:
    if not (table := report.get("table")):
        return ""
    lines = [[name, *(row[category] for category in CATEGORIES)] for name, row in table.items()]
    pictures.draw_sources(table, folder / "sources.png")
    return (
        f"## Sources\n\n{_table(['source', *CATEGORIES], lines, total=True)}"
        "\n\n![Rows of each source](sources.png)"
    )


def _lengths(report: Mapping[str, Any], folder: Path) -> str:
    if not (lengths := report.get("lengths")):
        return ""
    lines = [
        [name, found["rows"], found["median"], found["90th percentile"], f"{found['headlines']:.1%}"]
        for name, found in lengths.items()
    ]
    pictures.draw_lengths(lengths, HEADLINE, folder / "lengths.png")
    head = ["source", "rows", "median", "90th percentile", f"up to {HEADLINE}"]
    return (
        f"## Lengths\n\nIn characters; a text of up to {HEADLINE} is a headline.\n\n{_table(head, lines)}"
        "\n\n![Lengths of each source](lengths.png)"
    )


def _labels(report: Mapping[str, Any], folder: Path) -> str:
    if not (labels := report.get("labels")):
        return ""
    lines: list[list[Any]] = []
    for name, of_categories in labels.items():
        sums = Counter[str]()
        for found in of_categories.values():
            sums.update(found)
        rows = sum(sums[origin] for origin in ORIGINS)
        shares = [f"{sums[origin] / rows:.1%}" if rows else "-" for origin in (*ORIGINS, "doubtful")]
        lines.append([name, rows, *shares])
    by_category: dict[str, Counter[str]] = {category: Counter() for category in CATEGORIES}
    for of_categories in labels.values():
        for category, found in of_categories.items():
            by_category[category].update({origin: found[origin] for origin in ORIGINS})
    pictures.draw_labels(by_category, folder / "labels.png")
    return (
        "## How the labels came about\n\n"
        "By the editors' rubric alone; by a rule on the words of a text under a mixed rubric; or by a "
        "reading of the text, within what its rubric allows. Doubtful: the reading was a toss-up between "
        "two categories.\n\n"
        f"{_table(['split', 'rows', *ORIGINS, 'doubtful'], lines)}\n\n![Origin of the labels](labels.png)"
    )


def _overlap(report: Mapping[str, Any]) -> str:
    if "overlap" not in report:
        return ""
    lines = list(report["overlap"].items())
    stories = ""
    if several := report.get("stories_of_several_sources"):
        stories = f" Of {report['stories']:,} stories, {several:,} are told by several sources."
    return (
        "## Overlap\n\n"
        "Rows whose opening is a near-duplicate of one in train (words and pairs of words, half of them "
        f"shared). Stories are kept whole, so there should be none.{stories}\n\n"
        f"{_table(['split', 'rows like train'], lines)}"
    )


def _left_out(report: Mapping[str, Any]) -> str:
    if not (counts := report.get("counts")):
        return ""
    reasons: dict[str, Counter[str]] = {}
    for source, count in counts.items():
        for reason, number in count.items():
            if reason not in ("read", "kept"):
                reasons.setdefault(reason, Counter())[source] += number
    lines = []
    for reason, of_sources in sorted(reasons.items(), key=lambda item: -item[1].total()):
        most = ", ".join(f"{source} ({number:,})" for source, number in of_sources.most_common(3))
        lines.append([reason, of_sources.total(), _REASONS.get(reason, ""), most])
    totals = {name: sum(count.get(name, 0) for count in counts.values()) for name in ("read", "kept")}
    text = f"## Left out\n\nOf {totals['read']:,} rows read, {totals['kept']:,} are kept."
    if lines:
        text += f"\n\n{_table(['why', 'rows', 'that is', 'most from'], lines)}"
    if unused := report.get("unused_sources"):
        text += "\n\nSources that are listed and not used: "
        text += "; ".join(f"{name} ({why})" for name, why in unused.items()) + "."
    return text


def _balance(report: Mapping[str, Any]) -> str:
    if not (done := report.get("balance")):
        return ""
    lines = [[category, *found.values()] for category, found in done.items()]
    head = ["category", *next(iter(done.values()))]
    return (
        "## Balance\n\nThe rows of train were evened out after everything else; lengths, origin of the "
        f"labels and overlap are those before.\n\n{_table(head, lines)}"
    )


def _licences(report: Mapping[str, Any]) -> str:
    if not (sources := report.get("sources")):
        return ""
    lines = []
    for name, source in sources.items():
        published = source.get("published") or {}
        parts = [str(published[part]) for part in ("repository", "commit", "path") if part in published]
        origin = ", ".join(parts) or "a copy on disk"
        lines.append([name, source.get("role", ""), source.get("licence", ""), origin, source.get("why", "")])
    table = _table(["source", "role", "licence", "published", "why"], lines)
    return (
        "## Licences and origin\n\n"
        "Texts without a stated licence stay under their publishers' rights: they serve training and "
        f"evaluation and are not redistributed.\n\n{table}"
    )


def _table(head: Sequence[str], lines: Iterable[Sequence[Any]], total: bool = False) -> str:
    """A Markdown table; `total` adds the sums of the columns of numbers, and of each line."""
    lines = [list(line) for line in lines]
    if total:
        lines = [[*line, sum(line[1:])] for line in lines]
        lines.append(["all", *(sum(column) for column in list(zip(*lines, strict=True))[1:])])
        head = [*head, "all"]
    numeric = [all(isinstance(cell, int) for cell in column) for column in zip(*lines, strict=True)]
    rule = ["---:" if is_number else "---" for is_number in numeric] or ["---"] * len(head)
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in (head, rule, *lines))


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else " ".join(str(value).replace("|", r"\|").split())
