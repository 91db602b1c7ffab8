"""Texts with several topics each: news with tags, emotions, sensitive topics."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import datasets
from news.cleaning import clean_body, normalise_text

from systems.rows import Prepared, drop_contradictions, drop_repeats, find_source, read_csv, text_key
from systems.splits import TENTH_OF_ALL, deal_rows, rarest_label
from systems.stories import story_groups

# the order of GoEmotions' own emotions.txt (Demszky et al. 2020, "GoEmotions: a dataset of fine-grained emotions")
EMOTIONS = [
    "admiration",
    "amusement",
    "anger",
    "annoyance",
    "approval",
    "caring",
    "confusion",
    "curiosity",
    "desire",
    "disappointment",
    "disapproval",
    "disgust",
    "embarrassment",
    "excitement",
    "fear",
    "gratitude",
    "grief",
    "joy",
    "love",
    "nervousness",
    "optimism",
    "pride",
    "realization",
    "relief",
    "remorse",
    "sadness",
    "surprise",
    "neutral",
]
SENSITIVE_TOPICS = [
    "offline_crime",
    "online_crime",
    "drugs",
    "gambling",
    "pornography",
    "prostitution",
    "slavery",
    "suicide",
    "terrorism",
    "weapons",
    "body_shaming",
    "health_shaming",
    "politics",
    "racism",
    "religion",
    "sexual_minorities",
    "sexism",
    "social_injustice",
]
SENSITIVE_FILES = (
    "Version1/sensitive_topics/Sensitive_topics_crowdsource_only.csv.gz",
    "Version1/sensitive_topics/test.csv.gz",
    "Version1/sensitive_topics/val.csv",
    "Version2/sensitive_topics/test.csv",
    "Version2/sensitive_topics/val.csv",
)
RIA_FILES = tuple(f"ria_news_topics_{number}.csv.gz" for number in (3, 7, 9))
MIN_TAG_ROWS = 50
FEED = re.compile(r"^Новости\b|^\w+ - Общество$")  # a feed of a rubric's own page, no topic beside the rubric
TEXT, TEXTS = datasets.Value("string"), datasets.List(datasets.Value("string"))


def ria_topics(source: Path) -> Prepared:
    """News of RIA, columns `title`, `subtitle`, `content` and `tags` (those of at least 50 articles).

    Raises:
        OSError: a file is missing or cannot be read.
        ValueError: a column is missing, tags are not a list, or there are too few rows.
    """
    dropped: Counter[str] = Counter()
    texts = ("title", "subtitle", "content")
    rows = [
        {
            "title": normalise_text(row["title"]),
            "subtitle": normalise_text(row["subtitle"]),
            "content": clean_body(row["content"]),
            "tags": list(dict.fromkeys(_list_of(row["tags"], row["url"]))),
            "url": row["url"],
        }
        for name in RIA_FILES
        for row in read_csv(find_source(source, "ria-topics", "chernaya", name), (*texts, "tags", "url"))
    ]
    rows = drop_repeats(rows, lambda row: row["url"], dropped, "article in several files")
    rows = drop_repeats(rows, lambda row: text_key(row["title"]), dropped, "repeated title")
    rows = drop_repeats(rows, lambda row: text_key(row["content"]), dropped, "repeated content")
    counts = Counter(tag for row in rows for tag in row["tags"])
    frequent = {tag for tag, count in counts.items() if count >= MIN_TAG_ROWS}
    feeds = {tag for tag in frequent if FEED.search(tag)}
    dropped[f"tags of fewer than {MIN_TAG_ROWS} articles"] = len(counts) - len(frequent)
    dropped.update({f"the tag «{tag}», which names a feed": counts[tag] for tag in sorted(feeds)})
    rows = [
        {
            **{name: row[name] for name in texts},
            "tags": [tag for tag in row["tags"] if tag in frequent - feeds],
        }
        for row in rows
    ]
    dropped["articles without a frequent tag"] = sum(not row["tags"] for row in rows)
    rows = [row for row in rows if row["tags"]]
    splits = deal_rows(
        rows,
        rarest_label([row["tags"] for row in rows]),
        story_groups([f"{row['title']} {row['content']}" for row in rows]),
    )
    return Prepared(
        splits,
        datasets.Features({**dict.fromkeys(texts, TEXT), "tags": TEXTS}),
        texts,
        lambda row: row["tags"],
        dropped,
        (
            "the site's rubrics (Экономика, Культура, Общество, В мире) are tags like any other",
            "content stands without its dateline; near-duplicates are in one split; subtitle may be empty",
        ),
    )


def ru_goemotions(source: Path) -> Prepared:
    """Comments in Russian (`ru_text`, by machine) and English (`text`) with the names of their emotions, `labels`.

    Raises:
        OSError: a file is missing or cannot be read.
        ValueError: a column is missing, labels are not numbers from 0 to 27, or there are too few rows.
    """
    dropped: Counter[str] = Counter()
    rows = []
    for part in ("validation", "test"):
        path = find_source(source, "ru-goemotions", f"ru-go-emotions-simplified-{part}.csv.gz")
        for row in read_csv(path, ("ru_text", "text", "labels")):
            numbers = [int(number) for number in re.findall(r"\d+", row["labels"])]
            if not numbers or max(numbers) >= len(EMOTIONS):
                raise ValueError(f"{path}: labels {row['labels']!r} are not numbers from 0 to 27")
            labels = [EMOTIONS[number] for number in numbers]
            rows.append({"ru_text": row["ru_text"].strip(), "text": row["text"].strip(), "labels": labels})
    # two comments may become one in translation, and one may be translated twice
    for key in (lambda row: text_key(row["ru_text"]), lambda row: text_key(row["text"])):
        rows = drop_contradictions(
            rows, key, lambda row: tuple(sorted(row["labels"])), dropped, majority=False
        )
    splits = deal_rows(rows, rarest_label([row["labels"] for row in rows]), validation_folds=TENTH_OF_ALL)
    return Prepared(
        splits,
        datasets.Features({"ru_text": TEXT, "text": TEXT, "labels": TEXTS}),
        ("ru_text", "text"),
        lambda row: row["labels"],
        dropped,
        (
            "dealt anew from the validation and test files of the source, the only ones there are: "
            "figures do not compare with those on the published splits",
        ),
    )


def ru_sensitive_topics(source: Path) -> Prepared:
    """Short texts, `text`, with a column of 0 or 1 for each of 18 topics; a score of 0.5 or more is a 1.

    Raises:
        OSError: a file is missing or cannot be read.
        ValueError: a column is missing, a score is no number, or there are too few rows.
    """
    dropped: Counter[str] = Counter()
    rows = [
        {"text": row["text"].strip(), **{topic: int(float(row[topic]) >= 0.5) for topic in SENSITIVE_TOPICS}}
        for name in SENSITIVE_FILES
        for row in read_csv(
            find_source(source, "ru-sensitive-topics", *name.split("/")), ("text", *SENSITIVE_TOPICS)
        )
    ]
    rows = drop_contradictions(
        rows,
        lambda row: text_key(row["text"]),
        lambda row: tuple(row[topic] for topic in SENSITIVE_TOPICS),
        dropped,
        majority=True,
    )
    labels = [[topic for topic in SENSITIVE_TOPICS if row[topic]] for row in rows]
    return Prepared(
        deal_rows(rows, rarest_label(labels), validation_folds=TENTH_OF_ALL),
        datasets.Features({"text": TEXT, **dict.fromkeys(SENSITIVE_TOPICS, datasets.Value("int64"))}),
        ("text",),
        lambda row: [topic for topic in SENSITIVE_TOPICS if row[topic]],
        dropped,
        ("a row may have none of the topics", "the files of both versions repeat each other nearly whole"),
    )


def _list_of(cell: str, where: str) -> list[str]:
    try:
        found = ast.literal_eval(cell)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{where}: {cell[:60]!r} is not a list of tags") from error
    return [str(tag) for tag in found]
