"""A data set of the Hub, or a copy of one on disk, as the source of the corpus.

Its columns tell which of two forms it has:

* articles under their editors' rubrics, as in `data-silence/lenta.ru_2-extended` (url, date, title, topic,
  news, tags, links, resume): `topic` is the rubric, mapped as in other files of Lenta.ru, `news` the text;
* texts with their category, as in `data-silence/rus_news_classifier` (news, labels): every published split
  but train stays as it is; stories told there leave train, and validation is dealt from the rest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bilstm_classifier.data.sources import Split, open_source
from news.readers import RawRow, Source, iso_date
from news.readings import Reading, text_id
from news.rows import news_rows, story_keys
from news.rules import CATEGORIES, RubricMapping
from news.stories import Dealt, NewsRow, deal_stories, group_stories, join_stories, leave_out

RUBRICS = "lenta"  # the section of the mapping for the articles' topics
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SAVED = ("dataset_dict.json", "dataset_info.json")
_COPIES = ("train*.parquet", "train*.csv", "data/train*.parquet", "data/train*.csv")


def is_data_set(source: str) -> bool:
    """Whether `source` is a data set: a folder that holds one, a file, or owner/name where no such path is."""
    path = Path(source).expanduser()
    if not path.exists():
        return _HUB_ID.fullmatch(source) is not None
    if path.is_file() or any((path / name).is_file() for name in _SAVED):
        return True
    return any(True for pattern in _COPIES for _ in path.glob(pattern))


def deal_data_set(
    name: str,
    mapping: Mapping[str, Mapping[str, RubricMapping]],
    readings: Mapping[str, Reading],
    seed: int,
    test_size: float,
    validation_size: float,
) -> Dealt:
    """Return the rows of the data set `name`, dealt to the splits that it does not have yet.

    Raises:
        OSError: there is no such data set, or the Hub cannot be reached.
        ValueError: it cannot be read, has other columns or labels, or the mapping lacks Lenta.ru's rubrics.
    """
    opened = open_source(name, expected_columns=("news",))
    splits = opened.splits
    source = _source(name)
    counts = {source.name: Counter[str]()}
    columns = set(splits["train"].columns)
    if {"topic", "news"} <= columns:
        if RUBRICS not in mapping:
            raise ValueError(f"{name} wants the rubrics {RUBRICS!r}; the mapping has {', '.join(mapping)}")
        opened.require_columns(["topic", "news"])
        raw_rows = (raw for split in splits.values() for raw in _articles(split))
        rows = list(news_rows(source, raw_rows, mapping[RUBRICS], readings, counts[source.name]))
        stories = group_stories(rows, counts)
        dealt = deal_stories(stories, seed, test_size, validation_size, counts)
    elif {"news", "labels"} <= columns:
        opened.require_columns(["news", "labels"])
        published = {key: list(_labelled(key, split, source, counts)) for key, split in splits.items()}
        stories = join_stories([row for rows in published.values() for row in rows])
        sizes = {"test": test_size, "validation": validation_size}
        dealt = _deal_beside(published, stories, seed, sizes, counts)
    else:
        raise ValueError(
            f"{name} has the columns {', '.join(splits['train'].columns)}; expected news and labels, as in "
            "data-silence/rus_news_classifier, or topic and news, as in data-silence/lenta.ru_2-extended"
        )
    return Dealt(dealt, stories, counts, [source])


def _deal_beside(
    published: Mapping[str, list[NewsRow]],
    stories: list[list[NewsRow]],
    seed: int,
    sizes: Mapping[str, float],
    counts: Mapping[str, Counter[str]],
) -> dict[str, list[NewsRow]]:
    """Deal the stories that are in train alone to train and the splits that were not published."""
    apart = {name: rows for name, rows in published.items() if name != "train"}
    free = []
    for story in stories:
        if all(row.role == "dealt" for row in story):
            free.append(story)
            continue
        for row in story:
            if row.role == "dealt":
                leave_out(row, "story of a published test", counts)
    test_size, validation_size = (0 if name in apart else sizes[name] for name in ("test", "validation"))
    return {**deal_stories(free, seed, test_size, validation_size, counts), **apart}


def _source(name: str) -> Source:
    on_disk = Path(name).expanduser().exists()
    return Source(
        name=Path(name).name if on_disk else name,
        enabled=True,
        why="the data set that was asked for",
        reader="datasets",
        rubrics=RUBRICS,
        text="body",
        licence="see the data set's card",
        published={} if on_disk else {"repository": f"https://huggingface.co/datasets/{name}"},
        files=[],
    )


def _articles(split: Split) -> Iterator[RawRow]:
    columns = [name for name in ("topic", "title", "news", "url", "date") if name in split.columns]
    for place, row in split.rows(columns):
        yield RawRow(
            rubric=_text(row, "topic", place),
            title=_text(row, "title", place),
            body=_text(row, "news", place),
            url=_text(row, "url", place),
            date=_day(row.get("date")),
        )


def _labelled(
    split_name: str, split: Split, source: Source, counts: Mapping[str, Counter[str]]
) -> Iterator[NewsRow]:
    names = split.class_names.get("labels")
    for place, row in split.rows(["news", "labels"]):
        counts[source.name]["read"] += 1
        news = _text(row, "news", place)
        if not news.strip():
            counts[source.name]["empty or too short"] += 1
            continue
        category = _category(row["labels"], names, place)
        counts[source.name]["kept"] += 1
        role = "dealt" if split_name == "train" else split_name
        # the published labels are the editors' rubrics under other names
        yield NewsRow(news, category, source.name, category, "", "", text_id(news), story_keys(news), role)


def _category(label: Any, names: tuple[str, ...] | None, place: str) -> str:
    """The category of a label: its name, or its place in the alphabetical order of the names."""
    value = names[label] if names and isinstance(label, int) and 0 <= label < len(names) else label
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    if text in CATEGORIES:
        return text
    if text.isdecimal() and int(text) < len(CATEGORIES):
        return CATEGORIES[int(text)]
    raise ValueError(
        f"{place}: the label {label!r}, expected 0 to {len(CATEGORIES) - 1} or one of {', '.join(CATEGORIES)}"
    )


def _text(row: Mapping[str, Any], column: str, place: str) -> str:
    value = row.get(column)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{place}: column {column!r} holds {value!r}, expected a text")
    return value or ""


def _day(value: Any) -> str:
    if isinstance(value, date):  # so is a datetime
        return value.strftime("%Y-%m-%d")
    return iso_date(value) if isinstance(value, str) else ""
