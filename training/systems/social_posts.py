"""Posts of social networks in the layout of one file a class: a post that stands in two files has two labels."""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import datasets

from systems.posts import post_lines
from systems.rows import Prepared, Row, find_source, read_csv, text_key
from systems.splits import SEED, deal_rows, rarest_label
from systems.stories import story_groups

TELEGRAM = {"advertisement": "реклама", "political": "политика", "personal": "личная жизнь"}
HUMOUR, SPORT = "юмор", "спорт"
MAX_ROWS = 4000  # of a class
FEATURES = datasets.Features(
    {
        "text": datasets.Value("string"),
        "labels": datasets.List(datasets.Value("string")),
        "words": datasets.Value("int64"),
        "source": datasets.Value("string"),
    }
)


def social_posts(source: Path) -> Prepared:
    """Posts with their topics: columns `text`, `labels`, `words` (how many) and `source`; and a file for each topic.

    Raises:
        OSError: a file is missing or cannot be read.
        ValueError: a file has another form, or there are too few rows.
    """
    dropped: Counter[str] = Counter()
    found = [
        *_telegram_posts(find_source(source, "telegram-news-12cat", "raw.tar.xz")),
        *_dialogues(find_source(source, "anekdot-dialogues", "extract_dialogues_from_anekdots.tar.xz")),
        *_headlines(find_source(source, "lenta-headlines-2024", "lenta.csv.gz")),
    ]
    rows = _capped(_joined(found, dropped), dropped)
    splits = deal_rows(
        rows, rarest_label([row["labels"] for row in rows]), story_groups([row["text"] for row in rows])
    )
    files: dict[str, list[str]] = {}
    for row in [row for split in splits.values() for row in split]:
        for label in row["labels"]:
            files.setdefault(label, []).append(row["text"])
    return Prepared(
        splits,
        FEATURES,
        ("text",),
        lambda row: row["labels"],
        dropped,
        (
            "nothing for соцсети: no source has such posts",
            "реклама, политика, личная жизнь: Telegram posts labelled by a language model (advertisement, political, "
            "personal: incidents and curious cases rather than somebody's own life)",
            "юмор: dialogues of jokes; спорт: headlines of Lenta.ru; no Telegram post is labelled sport",
            "each of these three sources has a style of its own, which a model learns with the topic",
            "a post has two labels where its copies got two; among the posts of these categories no copies differ",
        ),
        files,
    )


def _joined(rows: list[Row], dropped: Counter[str]) -> list[Row]:
    """One row a text, with the labels of all its copies."""
    joined: dict[str, Row] = {}
    for row in rows:
        first = joined.setdefault(text_key(row["text"]), row)
        if first is not row:
            dropped["repeated, the labels joined"] += 1
            first["labels"] = sorted({*first["labels"], *row["labels"]})
    dropped["no words"] = int(joined.pop("", None) is not None)
    return list(joined.values())


def _capped(rows: list[Row], dropped: Counter[str]) -> list[Row]:
    """At most `MAX_ROWS` rows of each class, chosen by hash; those with several labels first, for they are few."""
    chosen: set[int] = set()
    for label in sorted({label for row in rows for label in row["labels"]}):
        mine = [index for index, row in enumerate(rows) if label in row["labels"]]
        mine.sort(key=lambda index: (-len(rows[index]["labels"]), _order(rows[index]["text"])))
        chosen.update(mine[:MAX_ROWS])
        dropped[f"{label}: over {MAX_ROWS}"] = len(mine[MAX_ROWS:])
    return [row for index, row in enumerate(rows) if index in chosen]


def _order(text: str) -> str:
    return sha256(f"{SEED}:{text}".encode()).hexdigest()


def _row(text: str, label: str, source: str) -> Row:
    return {"text": text, "labels": [label], "words": len(text.split()), "source": source}


def _telegram_posts(path: Path) -> Iterator[Row]:
    with tarfile.open(path) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            if member.isfile() and member.name.endswith(".json"):
                file = archive.extractfile(member)
                assert file is not None  # it is a file
                for post in json.load(file):
                    if post["category"] in TELEGRAM:
                        text = " ".join(post_lines(post["text"]))
                        yield _row(text, TELEGRAM[post["category"]], "telegram-news-12cat")


def _dialogues(path: Path) -> Iterator[Row]:
    with tarfile.open(path) as archive:
        for member in archive:
            if file := archive.extractfile(member):
                for dialogue in re.split(r"\n\s*\n", file.read().decode("utf-8-sig").replace("\r", "")):
                    # the dash before each line would tell the class by itself
                    lines = [line.strip().removeprefix("-").strip() for line in dialogue.splitlines()]
                    if any(lines):
                        yield _row(" ".join(filter(None, lines)), HUMOUR, "anekdot-dialogues")


def _headlines(path: Path) -> Iterator[Row]:
    for row in read_csv(path, ("topics", "titles")):
        if row["topics"] == "Спорт":
            yield _row(" ".join(row["titles"].split()), SPORT, "lenta-headlines-2024")
