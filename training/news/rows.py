"""From what a source gives to rows of the corpus: the text, and the category of its rubric or a reading.

What `news` is: the published texts are articles without their titles, so a source with articles or leads
gives its body alone; a source of headlines gives the headline, because headlines are what people paste too;
TASS leads continue their headline and say little alone, so there the two are joined. A row without a body
gives its title.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from news.cleaning import clean_body, join_title_and_body, normalise_text, text_key
from news.readers import RawRow, Source
from news.readings import Reading, text_id
from news.rules import RubricMapping
from news.stories import NewsRow

logger = logging.getLogger(__name__)

# a shorter text («Фото дня») tells no category
MIN_LETTERS = 20


def news_rows(
    source: Source,
    raw_rows: Iterable[RawRow],
    rubrics: Mapping[str, RubricMapping],
    readings: Mapping[str, Reading],
    count: Counter[str],
) -> Iterator[NewsRow]:
    """Yield the rows that get a category; how many were read and left out, and why, is added to `count`."""
    unknown: Counter[str] = Counter()
    for raw in raw_rows:
        count["read"] += 1
        rubric = normalise_text(raw.rubric)
        if rubric not in rubrics:
            count["rubric not in the mapping"] += 1
            unknown[rubric] += 1
            continue
        row = _news_row(source, rubric, raw, rubrics[rubric], readings, count)
        if row is not None:
            yield row
    if unknown:
        logger.warning(
            "%s: %d rows under rubrics that are not in the mapping are left out: %s",
            source.name,
            unknown.total(),
            ", ".join(f"{rubric} ({number})" for rubric, number in unknown.most_common(5)),
        )


def story_keys(text: str, title: str = "", url: str = "") -> tuple[str, ...]:
    """Return the keys by which a row is known to tell the same story as another: its text, title and URL.

    A title counts as a text: a headline row and the article under that headline are one story.
    """
    keys = dict.fromkeys(f"text {text_id(part)}" for part in (text, title) if any(map(str.isalnum, part)))
    return tuple([*keys, f"url {url}"] if url else keys)


def _news_row(
    source: Source,
    rubric: str,
    raw: RawRow,
    mapping: RubricMapping,
    readings: Mapping[str, Reading],
    count: Counter[str],
) -> NewsRow | None:
    title, body = normalise_text(raw.title), clean_body(raw.body)
    joined = join_title_and_body(title, body)
    news = {"title": title, "body": body or title, "title_body": joined}[source.text]
    if sum(map(str.isalpha, text_key(news))) < MIN_LETTERS:
        count["empty or too short"] += 1
        return None
    identifier = text_id(news)
    reading = readings.get(identifier) if mapping.readable else None
    decision = mapping.decide(joined, reading)
    if decision.category is None:
        count["left out by the mapping" if reading is None else "left out by reading"] += 1
        return None
    url = raw.url.strip()
    return NewsRow(
        news,
        decision.category,
        source.name,
        rubric,
        url,
        raw.date,
        identifier,
        story_keys(news, title, url),
        source.role,
        doubtful=reading is not None and reading.doubtful,
        decided_by=decision.decided_by,
    )
