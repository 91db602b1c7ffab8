"""Rows of the news corpus gathered into stories, and stories dealt to train, validation and the tests."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from news.near_duplicates import Stories
from news.readers import Source
from news.rules import CATEGORIES

SPLITS = ("train", "validation", "test", "test_later", "test_unseen")


@dataclass(frozen=True)
class NewsRow:
    """One row of the corpus; rows that share one of `story_keys` (a text, a title, a URL) tell one story.

    `role` says where its source may go (see `news.readers.ROLES`); a `doubtful` row's reading was a toss-up;
    `decided_by` says what gave it its category (see `news.rules.Decision`).
    """

    news: str
    category: str
    source: str
    rubric: str
    url: str
    date: str
    id: str
    story_keys: tuple[str, ...]
    role: str = "dealt"
    doubtful: bool = False
    decided_by: str = "rubric"


@dataclass
class Dealt:
    """The rows of each split, the stories they were dealt from, and what was counted for each of the sources.

    `spare` are rows beyond the caps of their source, in no split; some tell the stories of the tests. `unused` are
    sources that are listed and not enabled.
    """

    splits: dict[str, list[NewsRow]]
    stories: list[list[NewsRow]]
    counts: dict[str, Counter[str]]
    sources: list[Source]
    spare: list[NewsRow] = field(default_factory=list)
    unused: list[Source] = field(default_factory=list)


class _Groups:
    """Numbers gathered into groups (union-find with path halving)."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, number: int) -> int:
        parent = self._parent
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        self._parent[self.find(other)] = self.find(one)


def group_stories(rows: Sequence[NewsRow], counts: Mapping[str, Counter[str]]) -> list[list[NewsRow]]:
    """Return the stories, each with one row per text, in the order in which they first appear in `rows`.

    Rows with a common key are one story, and so are near-duplicates. Where rows with a common key got several
    categories no telling which is right: they are dropped. Near-duplicates of another category stay, for news that
    goes on (a forecast, then the storm's victims) changes its category. What is kept and what is dropped is added to
    `counts[row.source]`.
    """
    kept: list[NewsRow] = []
    for group in _gathered(rows, _groups_of_keys(rows)):
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
        kept.extend(unique.values())
    return join_stories(kept)


def join_stories(rows: Sequence[NewsRow]) -> list[list[NewsRow]]:
    """Return all of `rows` as stories: those with a common key and near-duplicates together, in order."""
    groups = _groups_of_keys(rows)
    for earlier, later in Stories([row.news for row in rows]).pairs():
        groups.join(earlier, later)
    return _gathered(rows, groups)


def _groups_of_keys(rows: Sequence[NewsRow]) -> _Groups:
    groups = _Groups(len(rows))
    first_with: dict[str, int] = {}
    for index, row in enumerate(rows):
        for key in row.story_keys:
            groups.join(first_with.setdefault(key, index), index)
    return groups


def _gathered(rows: Sequence[NewsRow], groups: _Groups) -> list[list[NewsRow]]:
    gathered: dict[int, list[NewsRow]] = defaultdict(list)
    for index, row in enumerate(rows):
        gathered[groups.find(index)].append(row)
    return list(gathered.values())


def cap_sources(
    stories: Iterable[list[NewsRow]],
    caps: Mapping[str, int],
    seed: int,
    counts: Mapping[str, Counter[str]],
) -> tuple[list[list[NewsRow]], list[NewsRow]]:
    """Return the stories with at most `caps[source]` rows of one category from a source, and the rows left over.

    The seed chooses. What is left over is labelled like the rest, and of use where nothing is measured.
    """
    stories = list(stories)
    candidates: dict[tuple[str, str], list[NewsRow]] = defaultdict(list)
    for row in (row for story in stories for row in story):
        if row.source in caps:
            candidates[row.source, row.category].append(row)
    over: dict[str, NewsRow] = {}
    for (source, _), rows in candidates.items():
        surplus = sorted(rows, key=lambda row: seeded_hash(row.id, seed))[caps[source] :]
        over |= {row.id: row for row in surplus}
        if surplus:
            counts[source]["over the cap"] += len(surplus)
            counts[source]["kept"] -= len(surplus)
    capped = [[row for row in story if row.id not in over] for story in stories]
    return [story for story in capped if story], list(over.values())


def load_label_issues(path: Path) -> dict[str, tuple[str, str | None]]:
    """From the TSV file `path` (id, label given, label found by reading or `-`): {id: (given, found)}.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line has another form.
    """
    issues: dict[str, tuple[str, str | None]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        parts = line.split("\t")
        if len(parts) != 3 or not {*parts[1:]} <= {*CATEGORIES, "-"}:
            raise ValueError(f"{path}, line {number}: {line!r}, expected id, category, category or -")
        issues[parts[0]] = (parts[1], None if parts[2] == "-" else parts[2])
    return issues


def mend_labels(
    rows: Iterable[NewsRow],
    issues: Mapping[str, tuple[str, str | None]],
    counts: Mapping[str, Counter[str]],
) -> list[NewsRow]:
    """Return `rows` with the labels that `issues` found wrong mended, or the row left out where none fits."""
    mended = []
    for row in rows:
        given, found = issues.get(row.id, (None, None))
        if given != row.category:
            mended.append(row)
        elif found is not None:
            mended.append(replace(row, category=found, decided_by="reading"))
        else:
            leave_out(row, "label issue: no category fits", counts)
    return mended


def deal_stories(
    stories: Iterable[list[NewsRow]],
    seed: int,
    test_size: float,
    validation_size: float,
    counts: Mapping[str, Counter[str]],
) -> dict[str, list[NewsRow]]:
    """Return the rows of each split: whole stories, and of every category the given shares of its rows.

    Only what has no doubt about it and no source of another role is dealt to validation and test. A story with a row
    of a further test goes there, its rows of other sources left out: no story is on both sides. Everything else
    trains. The order of the deal is a hash of the seed and the story alone, so a source added later moves few of the
    others.
    """
    by_category: dict[str, list[list[NewsRow]]] = defaultdict(list)
    splits: dict[str, list[NewsRow]] = {name: [] for name in SPLITS}
    for story in stories:
        roles = {row.role for row in story}
        apart = next((name for name in ("test_later", "test_unseen") if name in roles), None)
        if apart:
            for row in story:
                if row.role != apart:
                    leave_out(row, "story of a further test", counts)
                elif row.doubtful:
                    leave_out(row, "doubtful, not for a further test", counts)
                else:
                    splits[apart].append(row)
        else:
            commonest = Counter(row.category for row in story).most_common(1)[0][0]
            by_category[commonest].append(story)
    for category in CATEGORIES:
        ordered = sorted(
            by_category[category], key=lambda story: seeded_hash(min(row.id for row in story), seed)
        )
        total = sum(map(len, ordered))
        wanted = {"test": round(total * test_size), "validation": round(total * validation_size)}
        for story in ordered:
            sound = all(row.role == "dealt" and not row.doubtful for row in story)
            name = next((name for name in wanted if wanted[name] > 0), "train") if sound else "train"
            splits[name].extend(story)
            if name in wanted:
                wanted[name] -= len(story)
    return {name: sorted(split, key=lambda row: seeded_hash(row.id, seed)) for name, split in splits.items()}


def leave_out(row: NewsRow, why: str, counts: Mapping[str, Counter[str]]) -> None:
    """Count a row, kept so far, as left out."""
    counts[row.source]["kept"] -= 1
    counts[row.source][why] += 1


def split_hash(rows: Iterable[NewsRow]) -> str:
    """Return the SHA-256 of the sorted ids and labels of `rows`: equal hashes mean the same split."""
    lines = sorted(f"{row.id}\t{CATEGORIES.index(row.category)}\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def seeded_hash(identifier: str, seed: int) -> str:
    """Return what every choice is ordered by: it depends on the seed and the one row, not on the others."""
    return hashlib.sha256(f"{seed}:{identifier}".encode()).hexdigest()
