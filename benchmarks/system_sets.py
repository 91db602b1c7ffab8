"""The data sets of training/prepare_systems.py as the benchmark of systems reads them, and our runs on each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, load_from_disk
from train_systems import system_runs

from bilstm_classifier.data.cleaning import join_texts
from bilstm_classifier.training.augmentation import damaged

DAMAGE_SEED = 0
SHORT_POST = (2, 30)  # words of a text that the demo of the original takes
REPORT = "prepare_systems.json"


@dataclass(frozen=True)
class SystemSet:
    """A data set.

    Attributes:
        texts: The columns that are joined to the text.
        labels: The column of the label or of a list of labels; several are columns of 0 and 1, called as the labels.
        baselines: Keys of ``system_baselines.BASELINES``.
        numbers: Columns of numbers beside the text.
        categories: Columns of categories beside the text.
        overlapping: Whether a text may have several labels, or none.
        ordered: Whether the labels are steps, in the order of their names.
        parts: Names the parts of the test that are measured apart too, bool (rows,) each.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    baselines: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    overlapping: bool = False
    ordered: bool = False
    parts: Callable[[Rows], dict[str, np.ndarray]] = field(default=lambda rows: {})


@dataclass(frozen=True)
class Rows:
    """Rows of a split.

    Attributes:
        items: A mapping from column to value for each row.
        labels: Which labels are true, bool (rows, labels).
        names: The names of the labels.
        of: The data set.
    """

    items: list[dict[str, Any]]
    labels: np.ndarray
    names: list[str]
    of: SystemSet

    @cached_property
    def texts(self) -> list[str]:
        """The text of each row, joined of its columns; empty where all are."""
        return [join_texts([item[column] for column in self.of.texts], "\n") or "" for item in self.items]

    def __len__(self) -> int:
        return len(self.items)

    def column(self, name: str) -> np.ndarray:
        """A column (rows,)."""
        return np.array([item[name] for item in self.items])

    def selected(self, chosen: np.ndarray) -> Rows:
        """The rows where ``chosen``, bool (rows,), is true."""
        items = [item for item, take in zip(self.items, chosen.tolist(), strict=True) if take]
        return replace(self, items=items, labels=self.labels[chosen])

    def damaged(self, rate: float) -> Rows:
        """With about ``rate`` of the characters of each text column wrong; the columns beside them stay."""
        changed = {
            column: damaged([item[column] or "" for item in self.items], rate, DAMAGE_SEED)
            for column in self.of.texts
        }
        return replace(
            self,
            items=[
                item | {column: texts[index] for column, texts in changed.items()}
                for index, item in enumerate(self.items)
            ],
        )

    def without_features(self) -> Rows:
        """With every number and category missing, as of a live stream of a closed channel."""
        missing = dict.fromkeys((*self.of.numbers, *self.of.categories))
        return replace(self, items=[item | missing for item in self.items])


def read_set(name: str, folder: Path) -> dict[str, Rows]:
    """The splits of a prepared data set.

    Raises:
        FileNotFoundError: it is not in ``folder``.
        ValueError: it is not what prepare_systems.py made there.
    """
    record = recorded(name, folder)
    if not (folder / name / "dataset_dict.json").is_file():
        raise FileNotFoundError(f"{folder / name} holds no data set: run training/prepare_systems.py first")
    splits, described = load_from_disk(folder / name), SETS[name]
    if found := [split for split, of in record.items() if len(splits[split]) != of["rows"]]:
        raise ValueError(f"{folder / name} has other rows in {found[0]} than {REPORT} says: prepare it again")
    chosen = {split: _labels_of(rows, described) for split, rows in splits.items()}
    names = sorted({label for labels in chosen.values() for row in labels for label in row})
    return {
        split: Rows(list(rows), _matrix(chosen[split], names), names, described)
        for split, rows in splits.items()
    }


def recorded(name: str, folder: Path) -> dict[str, Any]:
    """Rows and hash of each split of a prepared data set.

    Raises:
        FileNotFoundError: it is not in ``folder``.
    """
    report = folder / name / REPORT
    if not report.is_file():
        raise FileNotFoundError(f"{report} is missing: run training/prepare_systems.py first")
    return json.loads(report.read_text(encoding="utf-8"))["splits"]


def _labels_of(rows: Dataset, described: SystemSet) -> list[list[str]]:
    if len(described.labels) > 1:
        columns = {name: rows[name] for name in described.labels}
        return [[name for name in described.labels if columns[name][row]] for row in range(len(rows))]
    (column,) = described.labels
    return [list(value) if described.overlapping else [str(value)] for value in rows[column]]


def _matrix(labels: list[list[str]], names: list[str]) -> np.ndarray:
    places = {name: place for place, name in enumerate(names)}
    matrix = np.zeros((len(labels), len(names)), dtype=bool)
    for row, own in enumerate(labels):
        matrix[row, [places[label] for label in own]] = True
    return matrix


def _kinds(rows: Rows) -> dict[str, np.ndarray]:
    kinds = rows.column("kind")
    return {kind: kinds == kind for kind in ("sentence", "word_pair", "single_word")}


def _short_posts(rows: Rows) -> dict[str, np.ndarray]:
    low, high = SHORT_POST
    words = rows.column("words")
    return {f"{low}-{high} words": (words >= low) & (words <= high)}


_VIDEO_TEXTS = ("title", "tags", "channel_description")
_VIDEO_NUMBERS = (
    "view_count",
    "like_count",
    "comment_count",
    "subscriber_count",
    "total_channel_views",
    "duration",
    "published_year",
)
_VIDEO_CATEGORIES = ("definition", "default_language", "default_audio_language")
SETS: dict[str, SystemSet] = {
    "language_id": SystemSet(
        texts=("text",),
        labels=("label",),
        baselines=("characters_svm", "fasttext"),
        parts=_kinds,
    ),
    "app_reviews": SystemSet(
        texts=("content",),
        labels=("score",),
        baselines=("logistic",),
        ordered=True,
    ),
    "reviews_ru": SystemSet(texts=("review",), labels=("sentiment",), baselines=("logistic",)),
    "ria_topics": SystemSet(
        texts=("title", "subtitle", "content"),
        labels=("tags",),
        baselines=("one_vs_rest",),
        overlapping=True,
    ),
    "ru_goemotions": SystemSet(
        texts=("ru_text", "text"),
        labels=("labels",),
        baselines=("one_vs_rest",),
        overlapping=True,
    ),
    "ru_sensitive_topics": SystemSet(
        texts=("text",),
        labels=tuple(system_runs()["ru_sensitive_topics"]["label_columns"]),
        baselines=("one_vs_rest",),
        overlapping=True,
    ),
    "social_posts": SystemSet(
        texts=("text",),
        labels=("labels",),
        baselines=("one_vs_rest",),
        overlapping=True,
        parts=_short_posts,
    ),
    "youtube_topic": SystemSet(
        texts=_VIDEO_TEXTS,
        labels=("label",),
        baselines=("boosting", "logistic"),
        numbers=_VIDEO_NUMBERS,
        categories=(*_VIDEO_CATEGORIES, "category_id"),
    ),
    "youtube_category": SystemSet(
        texts=_VIDEO_TEXTS,
        labels=("label",),
        baselines=("boosting", "logistic"),
        numbers=_VIDEO_NUMBERS,
        categories=_VIDEO_CATEGORIES,
    ),
    "fake_news": SystemSet(
        texts=("title", "full_text"),
        labels=("label",),
        baselines=("boosting", "logistic"),
        numbers=("title_len", "full_text_len"),
    ),
}
