"""Reviews with scores: of an app in English, of goods in Russian."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import datasets

from systems.rows import Prepared, Row, drop_contradictions, find_source, read_csv, text_key
from systems.splits import deal_rows

CLOTHES = (
    ("clothes_review01.csv.gz", "recall", "sent"),
    ("clothes_review02.csv.gz", "mention", "class"),
    ("clothes_review03.csv.gz", "feedback", "mark"),
)
SENTIMENTS = {"positive": "positive", "negative": "negative", "neutral": "neutral", "neautral": "neutral"}
STARS = range(1, 6)


def app_reviews(source: Path) -> Prepared:
    """Reviews of an app, columns `content` and `score` (1-5).

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: a score is none of 1-5, a column is missing, or there are too few rows.
    """
    return _starred(find_source(source, "app-reviews-en", "google_play_reviews.csv.gz"), "content", "score")


def reviews_ru_stars(source: Path) -> Prepared:
    """Russian reviews of goods, columns `review` and `rating` (1-5); raises as `app_reviews`."""
    return _starred(find_source(source, "reviews-ru", "reviews_small.csv.gz"), "review", "rating")


def reviews_ru(source: Path) -> Prepared:
    """Russian reviews of clothes, columns `review` and `sentiment` (negative, neutral, positive).

    Raises:
        OSError: a file is missing or cannot be read.
        ValueError: a sentiment is another word, a column is missing, or there are too few rows.
    """
    rows = []
    for name, text, label in CLOTHES:
        path = find_source(source, "reviews-ru", name)
        for row in read_csv(path, (text, label)):
            if row[label] not in SENTIMENTS:
                raise ValueError(f"{path}: sentiment {row[label]!r} is none of {', '.join(SENTIMENTS)}")
            rows.append({"review": row[text].strip(), "sentiment": SENTIMENTS[row[label]]})
    return _prepared(rows, "review", "sentiment", datasets.Value("string"))


def _starred(path: Path, text: str, score: str) -> Prepared:
    rows = []
    for row in read_csv(path, (text, score)):
        if row[score] not in map(str, STARS):
            raise ValueError(f"{path}: {score} {row[score]!r} is not a whole number from 1 to 5")
        rows.append({text: row[text].strip(), score: int(row[score])})
    return _prepared(rows, text, score, datasets.Value("int64"))


def _prepared(rows: list[Row], text: str, label: str, label_type: datasets.Value) -> Prepared:
    dropped: Counter[str] = Counter()
    rows = drop_contradictions(
        rows, lambda row: text_key(row[text]), lambda row: row[label], dropped, majority=True
    )
    splits = deal_rows(rows, [str(row[label]) for row in rows])
    features = datasets.Features({text: datasets.Value("string"), label: label_type})
    return Prepared(splits, features, (text,), lambda row: [str(row[label])], dropped)
