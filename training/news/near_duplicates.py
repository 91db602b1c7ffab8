"""Rows that tell one story in other words, found by MinHash (Broder 1997, "On the resemblance of documents").

A text is the set of its words' first five letters (a poor man's stem, which Russian endings need), singly and in pairs.
Two texts whose sets overlap by half, as Jaccard measures it, are one story: a headline edited during the day, a lead
told by two sites. Candidates come from locality-sensitive hashing; each is then measured exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from datasketch import MinHash, MinHashLSH

THRESHOLD = 0.5
PERMUTATIONS = 96
OPENING = 400  # characters; a story's beginning tells which story it is
MIN_SHINGLES = 6  # fewer words than that make no story
_BATCH = 4096  # texts whose shingles are in memory as words at a time


def shingles(text: str) -> frozenset[str]:
    """The words of the opening of `text`, cut to five letters, and their pairs."""
    words = [word[:5] for word in re.findall(r"\w+", text[:OPENING].casefold().replace("ё", "е"))]
    return frozenset(words) | {f"{left} {right}" for left, right in pairwise(words)}


class Stories:
    """An index of texts in which near-duplicates of another text are found."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._index = MinHashLSH(threshold=THRESHOLD - 0.1, num_perm=PERMUTATIONS)
        self._sets: list[np.ndarray] = []
        self._hashes: list[MinHash] = []
        for start in range(0, len(texts), _BATCH):
            sets = [shingles(text) for text in texts[start : start + _BATCH]]
            self._sets += map(_packed, sets)
            self._hashes += _hashes(sets)
        with self._index.insertion_session() as session:
            for number, (found, minhash) in enumerate(zip(self._sets, self._hashes, strict=True)):
                if len(found) >= MIN_SHINGLES:
                    session.insert(number, minhash, check_duplication=False)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Pairs (earlier, later) of near-duplicates within the index."""
        for number, found in enumerate(self._sets):
            if len(found) >= MIN_SHINGLES:
                for other in self._index.query(self._hashes[number]):
                    if other < number and _overlap(found, self._sets[other]) >= THRESHOLD:
                        yield other, number

    def near(self, texts: Sequence[str]) -> list[bool]:
        """For each of `texts`, whether the index holds a near-duplicate of it."""
        sets = [shingles(text) for text in texts]
        return [
            len(found) >= MIN_SHINGLES
            and any(_overlap(found, self._sets[other]) >= THRESHOLD for other in self._index.query(minhash))
            for found, minhash in zip(map(_packed, sets), _hashes(sets), strict=True)
        ]


def _hashes(sets: Sequence[frozenset[str]]) -> list[MinHash]:
    return MinHash.bulk(
        [[shingle.encode() for shingle in sorted(found)] for found in sets], num_perm=PERMUTATIONS
    )


def _packed(found: frozenset[str]) -> np.ndarray:
    """A set of shingles as 8 bytes each: a tenth of the memory, and as good for telling what two sets share."""
    return np.fromiter(map(hash, found), np.int64, len(found))


def _overlap(left: np.ndarray, right: np.ndarray) -> float:
    shared = np.intersect1d(left, right, assume_unique=True).size
    return shared / (left.size + right.size - shared)
