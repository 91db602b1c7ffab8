"""Texts that tell one story, so that a split can keep them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from news.near_duplicates import Stories
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def story_groups(texts: Sequence[str]) -> list[str]:
    """A name for each text, equal for near-duplicates, and for those of near-duplicates."""
    pairs = np.array(list(Stories(texts).pairs()), dtype=int).reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(texts), len(texts)))
    return [str(story) for story in connected_components(graph, directed=False)[1]]
