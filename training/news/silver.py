"""Silver data: prose without an editor's label, labelled by reading, for a first stage of training.

The documents are those that the encoder is pre-trained on (`prose_sources.yaml`); readings are kept by the hash of a
document's text, as in `news.readings`. A document gives two texts of one label: its headline, and what follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pretraining.prose import Document

from news.near_duplicates import Stories
from news.readings import Reading, text_id

HEADLINE = 160  # characters; a longer first passage is a paragraph
BODY = 400
MIN_LETTERS = 20


@dataclass(frozen=True)
class SilverRow:
    """One text of a document that was read."""

    news: str
    category: str
    source: str
    id: str


def document_id(document: Document) -> str:
    """The id under which a document's reading is kept."""
    return text_id(" ".join(document))


def views(document: Document) -> Iterator[str]:
    """The headline of a document, if it has one, and the beginning of what follows; what is too short is left out."""
    parts = [document[0], " ".join(document[1:])] if len(document[0]) < HEADLINE else ["", " ".join(document)]
    for part in parts:
        text = " ".join(part.split())[:BODY]
        if sum(map(str.isalpha, text)) >= MIN_LETTERS:
            yield text


def silver_rows(
    documents: Iterable[tuple[str, Document]], readings: Mapping[str, Reading]
) -> Iterator[SilverRow]:
    """The texts of those `documents` (source, document) that a reading put in a category."""
    for source, document in documents:
        identifier = document_id(document)
        reading = readings.get(identifier)
        if reading is not None and reading.category is not None:
            for text in views(document):
                yield SilverRow(text, reading.category, source, identifier)


def without_stories(rows: list[SilverRow], held_out: list[str]) -> list[SilverRow]:
    """`rows` without those of a document of which a text is a near-duplicate of a `held_out` text."""
    known = Stories(held_out).near([row.news for row in rows])
    documents = {row.id for row, is_known in zip(rows, known, strict=True) if is_known}
    return [row for row in rows if row.id not in documents]
