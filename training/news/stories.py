"""Rows of the news corpus gathered into stories, and stories dealt to train, validation and test."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from news.rules import CATEGORIES

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class NewsRow:
    """One row of the corpus; rows that share one of `story_keys` (a text, a title, a URL) tell one story."""

    news: str
    category: str
    source: str
    rubric: str
    url: str
    date: str
    id: str
    story_keys: tuple[str, ...]


def group_stories(rows: Sequence[NewsRow], counts: Mapping[str, Counter[str]]) -> list[list[NewsRow]]:
    """Return the stories, each with one row per text, in the order in which they first appear in `rows`.

    A story whose rows got several categories is dropped. What is kept and what is dropped is added to
    `counts[row.source]`.
    """
    parent = list(range(len(rows)))

    def find(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first_with: dict[str, int] = {}
    for index, row in enumerate(rows):
        for key in row.story_keys:
            parent[find(index)] = find(first_with.setdefault(key, index))
    groups: dict[int, list[NewsRow]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[find(index)].append(row)

    stories = []
    for group in groups.values():
        if len({row.category for row in group}) > 1:
            for row in group:
                counts[row.source]["story of several categories"] += 1
            continue
        unique: dict[str, NewsRow] = {}
        for row in group:
            if row.id in unique:
                counts[row.source]["repeated text"] += 1
            else:
                unique[row.id] = row
                counts[row.source]["kept"] += 1
        stories.append(list(unique.values()))
    return stories


def deal_stories(
    stories: Iterable[list[NewsRow]], seed: int, test_size: float, validation_size: float
) -> dict[str, list[NewsRow]]:
    """Return the rows of each split: whole stories, and of every category the given shares of its rows.

    The order of the deal is a hash of the seed and the story alone, so a source added later moves few of the
    others.
    """
    by_category: dict[str, list[list[NewsRow]]] = defaultdict(list)
    for story in stories:
        by_category[story[0].category].append(story)
    splits: dict[str, list[NewsRow]] = {name: [] for name in SPLITS}
    for category in CATEGORIES:
        ordered = sorted(
            by_category[category], key=lambda story: _seeded_hash(min(row.id for row in story), seed)
        )
        total = sum(map(len, ordered))
        wanted = {"test": round(total * test_size), "validation": round(total * validation_size)}
        for story in ordered:
            name = next((name for name in wanted if wanted[name] > 0), "train")
            splits[name].extend(story)
            if name in wanted:
                wanted[name] -= len(story)
    return {name: sorted(split, key=lambda row: _seeded_hash(row.id, seed)) for name, split in splits.items()}


def split_hash(rows: Iterable[NewsRow]) -> str:
    """Return the SHA-256 of the sorted ids and labels of `rows`: equal hashes mean the same split."""
    lines = sorted(f"{row.id}\t{CATEGORIES.index(row.category)}\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _seeded_hash(identifier: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{identifier}".encode()).hexdigest()
