"""Videos: text, numbers and categories for one label, with a channel on one side of the split."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import datasets

from systems.rows import Prepared, Row, drop_contradictions, drop_repeats, find_source, read_csv, text_key
from systems.splits import deal_rows

TEXTS = ("title", "tags", "channel_description")
COUNTS = ("view_count", "like_count", "comment_count", "subscriber_count", "total_channel_views")
NUMBERS = (*COUNTS, "duration", "published_year")
CATEGORIES = ("definition", "default_language", "default_audio_language")
MIN_VIDEOS = 15  # of a category
# names of YouTube's own categories, as its Data API gives them
CATEGORY_NAMES = {
    "1": "Film & Animation",
    "2": "Autos & Vehicles",
    "10": "Music",
    "15": "Pets & Animals",
    "17": "Sports",
    "19": "Travel & Events",
    "20": "Gaming",
    "22": "People & Blogs",
    "23": "Comedy",
    "24": "Entertainment",
    "25": "News & Politics",
    "26": "Howto & Style",
    "27": "Education",
    "28": "Science & Technology",
    "29": "Nonprofits & Activism",
}
NOTES = (
    "channel_id is the group that a split keeps together; it is no input",
    "a missing number or category is null, a missing text is empty; duration is in seconds",
    "the channel's name is no column, but many channels write it into their description and tags",
)


def youtube_topic(source: Path) -> Prepared:
    """Videos under the topic that found them: texts, numbers, categories (with `category_id`), `label`.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: a column is missing, a cell is not what it should be, or there are too few channels.
    """
    dropped: Counter[str] = Counter()
    rows = [{**row, "label": row["topic"]} for row in _videos(source)]
    rows = drop_contradictions(
        rows, lambda row: row["video_id"], lambda row: row["label"], dropped, majority=False
    )
    return _prepared(rows, (*CATEGORIES, "category_id"), dropped)


def youtube_category(source: Path) -> Prepared:
    """Videos under the category that their authors chose, if 15 have it, else as `youtube_topic`; without topic."""
    dropped: Counter[str] = Counter()
    rows = [
        {**row, "label": CATEGORY_NAMES.get(row["category_id"], row["category_id"])}
        for row in _videos(source)
    ]
    rows = drop_repeats(rows, lambda row: row["video_id"], dropped, "repeated")
    counts = Counter(row["label"] for row in rows)
    for label, count in sorted(counts.items()):
        if count < MIN_VIDEOS:
            dropped[f"{label}: fewer than {MIN_VIDEOS} videos"] = count
    rows = [row for row in rows if counts[row["label"]] >= MIN_VIDEOS]
    prepared = _prepared(rows, CATEGORIES, dropped)
    return replace(prepared, notes=(*prepared.notes, "label is the name of category_id"))


def _prepared(rows: list[Row], categories: Sequence[str], dropped: Counter[str]) -> Prepared:
    rows = drop_repeats(rows, lambda row: text_key(row["title"]), dropped, "another video of the same title")
    strings = dict.fromkeys((*TEXTS, *categories, "channel_id", "label"), datasets.Value("string"))
    numbers = dict.fromkeys(NUMBERS, datasets.Value("float64"))
    rows = [{name: row[name] for name in (*strings, *numbers)} for row in rows]
    return Prepared(
        deal_rows(rows, [row["label"] for row in rows], [row["channel_id"] for row in rows]),
        datasets.Features({**strings, **numbers}),
        TEXTS,
        lambda row: [row["label"]],
        dropped,
        NOTES,
    )


def _videos(source: Path) -> list[Row]:
    path = find_source(source, "youtube-videos", "youtube_dataset.csv.gz")
    keys = ("video_id", "channel_id", "topic", "category_id", "published_at", "duration")
    rows = []
    for row in read_csv(path, (*keys, *TEXTS, *COUNTS, *CATEGORIES)):
        try:
            rows.append(_video(row))
        except (SyntaxError, ValueError) as error:
            raise ValueError(f"{path}, video {row['video_id']}: {error}") from error
    return rows


def _video(row: Row) -> Row:
    hours, minutes, seconds = map(int, row["duration"].split(":"))
    return {
        "video_id": row["video_id"],
        "channel_id": row["channel_id"],
        "topic": row["topic"],
        "category_id": row["category_id"],
        "title": row["title"].strip(),
        "tags": ", ".join(ast.literal_eval(row["tags"] or "[]")),
        "channel_description": row["channel_description"].strip(),
        **{name: float(row[name]) if row[name] else None for name in COUNTS},
        "duration": float(3600 * hours + 60 * minutes + seconds),
        "published_year": float(row["published_at"][:4]),
        **{name: row[name] or None for name in CATEGORIES},
    }
