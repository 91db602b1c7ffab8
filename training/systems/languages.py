"""Language identification: sentences, word pairs, single words and tweets under ISO 639-1 codes."""

from __future__ import annotations

import gzip
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import datasets

from systems.rows import Prepared, Row, drop_contradictions, find_source, text_key
from systems.splits import deal_rows

KINDS = {"sentences": "sentence", "word-pairs": "word_pair", "single-words": "single_word"}
# all words that lid-eld has under Norwegian (no) are those that lid-lingua has under Nynorsk (nn), not Bokmål (nb)
SAME_LANGUAGE = {"no": "nn"}
FEATURES = datasets.Features({name: datasets.Value("string") for name in ("label", "text", "kind", "source")})


def language_id(source: Path) -> Prepared:
    """Read lid-lingua and lid-eld; texts of several languages are dropped, tweets are a test of their own.

    Raises:
        OSError: a file is missing or cannot be read.
        ValueError: a line is not `label<TAB>text`, or there are too few rows.
    """
    dropped: Counter[str] = Counter()
    rows = [*_lingua_rows(find_source(source, "lid-lingua", "language-testdata.tar.xz"))]
    for kind in ("word-pairs", "single-words"):
        rows += _eld_rows(find_source(source, "lid-eld", f"{kind}_v3.txt.gz"), KINDS[kind])
    rows += _eld_rows(find_source(source, "lid-eld", "tweets.txt.gz"), "tweet")
    rows = drop_contradictions(
        rows, lambda row: text_key(row["text"]), lambda row: row["label"], dropped, majority=False
    )
    tweets = [row for row in rows if row["kind"] == "tweet"]
    rows = [row for row in rows if row["kind"] != "tweet"]
    splits = deal_rows(rows, [f"{row['label']} {row['kind']}" for row in rows])
    return Prepared(
        {**splits, "test_tweets": tweets},
        FEATURES,
        ("text",),
        lambda row: [row["label"]],
        dropped,
        (
            "lid-eld has Norwegian as no, lid-lingua as nb and nn: no became nn, since the words of no are those of nn",
            "the words and word pairs of lid-eld are those of lid-lingua: nearly all repeats come from that",
            "a text under several languages is in no split: figures on single words are better than on words as "
            "they come, most of all for close relatives",
            "test_tweets: the tweets of six languages, of which nothing is in the other splits",
        ),
    )


def _lingua_rows(path: Path) -> Iterator[Row]:
    """Rows of `language-models/<code>/testdata/<kind>.txt`, in the order of kind, code and line."""
    found: dict[tuple[int, str], list[str]] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            parts = PurePosixPath(member.name)
            if member.isfile() and parts.stem in KINDS:
                file = archive.extractfile(member)
                assert file is not None  # it is a file
                found[list(KINDS).index(parts.stem), parts.parts[-3]] = file.read().decode().split("\n")
    for (kind, code), lines in sorted(found.items()):
        for text in lines:
            if text.strip():
                yield {
                    "label": SAME_LANGUAGE.get(code, code),
                    "text": text.strip(),
                    "kind": list(KINDS.values())[kind],
                    "source": "lid-lingua",
                }


def _eld_rows(path: Path, kind: str) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            code, tab, text = line.strip().partition("\t")
            if not tab:
                raise ValueError(f"{path}, line {number}: {line.strip()!r} is not label<TAB>text")
            yield {
                "label": SAME_LANGUAGE.get(code, code),
                "text": text.strip(),
                "kind": kind,
                "source": "lid-eld",
            }
