"""Build the Russian news corpus of eleven categories from the editor-labelled sources.

    python training/prepare_news.py --source DIR --output data/news11

DIR holds the files named in news_sources.yaml (each with its repository, commit, licence and SHA-256);
news_mapping.yaml tells which category each editor's rubric becomes. The output is a folder saved by
`datasets` (splits train, validation, test) with `news` and `labels` as in the published data set, and where
each row comes from: `source`, `rubric`, `url`, `date`, `id`. `prepare_news.json` beside the splits holds
every count.

What `news` is: the published texts are articles without their titles, so a source with articles or leads
gives its body alone; a source of headlines gives the headline, because headlines are what people paste too;
TASS leads continue their headline and say little alone, so there the two are joined. A row without a body
gives its title.

Rows that share a title, a text or a URL are one story. A story stays in one split, keeps one row per text,
and is dropped when its rows got several categories.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import datasets
from news.cleaning import clean_body, join_title_and_body, normalise_text, text_key
from news.readers import RawRow, Source, check_file, load_sources, read_rows
from news.rules import CATEGORIES, RubricMapping, load_mapping
from news.stories import NewsRow, deal_stories, group_stories, split_hash

logger = logging.getLogger("prepare_news")

HERE = Path(__file__).resolve().parent
REPORT_FILE = "prepare_news.json"
# a shorter text («Фото дня») tells no category
MIN_LETTERS = 20
_PROVENANCE = ("source", "rubric", "url", "date", "id")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 after an error of the user's."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    datasets.disable_progress_bars()  # the files are small, and the bars would hide the counts
    try:
        report = prepare_news(
            arguments.source,
            arguments.output,
            sources_file=arguments.sources,
            mapping_file=arguments.mapping,
            seed=arguments.seed,
            test_size=arguments.test_size,
            validation_size=arguments.validation_size,
        )
    except (OSError, ValueError) as error:
        logger.error("error: %s", error)
        return 2
    for name, total in report["totals"].items():
        logger.info("%s: %d", name, total)
    sizes = ", ".join(f"{name} {split['rows']}" for name, split in report["splits"].items())
    logger.info("wrote %s: %s", arguments.output, sizes)
    print(format_table(report["table"]))
    return 0


def prepare_news(
    source_folder: Path,
    output: Path,
    *,
    sources_file: Path = HERE / "news_sources.yaml",
    mapping_file: Path = HERE / "news_mapping.yaml",
    seed: int = 42,
    test_size: float = 0.2,
    validation_size: float = 0.1,
) -> dict:
    """Read the sources under `source_folder`, write the corpus to `output`, return its report.

    Raises:
        OSError: a folder or file is missing or cannot be written.
        ValueError: a file is not the recorded one or cannot be read, a YAML file is wrong, a category stays
            without rows, the sizes are no shares, or `output` holds something else than a saved data set.
    """
    if test_size <= 0 or validation_size <= 0 or test_size + validation_size >= 1:
        raise ValueError(
            f"test_size {test_size} and validation_size {validation_size} "
            "must be positive shares that leave rows for training"
        )
    _check_output(output)
    if not source_folder.is_dir():
        raise FileNotFoundError(
            f"{source_folder} is not a folder: give --source the folder with the news files"
        )
    mapping = load_mapping(mapping_file)
    sources = [source for source in load_sources(sources_file) if source.enabled]
    for source in sources:
        if source.rubrics not in mapping:
            raise ValueError(
                f"source {source.name!r} wants the rubrics {source.rubrics!r}; "
                f"{mapping_file.name} has {', '.join(mapping)}"
            )

    counts: dict[str, Counter[str]] = {source.name: Counter() for source in sources}
    rows: list[NewsRow] = []
    for source in sources:
        rows.extend(_source_rows(source, source_folder, mapping[source.rubrics], counts[source.name]))
    stories = group_stories(rows, counts)
    missing = sorted(set(CATEGORIES) - {story[0].category for story in stories})
    if missing:
        raise ValueError(
            f"no rows for {', '.join(missing)}: enable more sources or widen {mapping_file.name}"
        )
    splits = deal_stories(stories, seed, test_size, validation_size)

    report = {
        "settings": {"seed": seed, "test_size": test_size, "validation_size": validation_size},
        "totals": dict(sum(counts.values(), Counter())),
        "counts": {name: dict(count) for name, count in counts.items()},
        "stories": len(stories),
        "splits": {name: {"rows": len(split), "sha256": split_hash(split)} for name, split in splits.items()},
        "categories": {
            category: {name: sum(row.category == category for row in split) for name, split in splits.items()}
            for category in CATEGORIES
        },
        "table": _table(splits, [source.name for source in sources]),
        "sources": {source.name: asdict(source) for source in sources},
    }
    _write(_dataset(splits), report, output)
    return report


def format_table(table: Mapping[str, Mapping[str, int]]) -> str:
    """Return the rows kept per source and category, with totals, as aligned text."""
    totals = {category: sum(row[category] for row in table.values()) for category in CATEGORIES}
    lines: list[list[str]] = [["source", *CATEGORIES, "all"]]
    for name, row in {**table, "all": totals}.items():
        lines.append([name, *(str(row[category]) for category in CATEGORIES), str(sum(row.values()))])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        line[0].ljust(widths[0])
        + "".join(f"  {cell:>{w}}" for cell, w in zip(line[1:], widths[1:], strict=True))
        for line in lines
    )


def _source_rows(
    source: Source, folder: Path, rubrics: Mapping[str, RubricMapping], count: Counter[str]
) -> Iterator[NewsRow]:
    unknown: Counter[str] = Counter()
    for file in source.files:
        path = folder / file["path"]
        check_file(path, file["sha256"])
        for raw in read_rows(source, path):
            count["read"] += 1
            rubric = normalise_text(raw.rubric)
            if rubric not in rubrics:
                count["rubric not in the mapping"] += 1
                unknown[rubric] += 1
                continue
            row = _news_row(source, rubric, raw, rubrics[rubric], count)
            if row is not None:
                yield row
    for rubric, number in unknown.most_common():
        logger.warning("%s: rubric %r is not in the mapping: %d rows left out", source.name, rubric, number)


def _news_row(
    source: Source, rubric: str, raw: RawRow, mapping: RubricMapping, count: Counter[str]
) -> NewsRow | None:
    title, body = normalise_text(raw.title), clean_body(raw.body)
    joined = join_title_and_body(title, body)
    news = {"title": title, "body": body or title, "title_body": joined}[source.text]
    key = text_key(news)
    if sum(map(str.isalpha, key)) < MIN_LETTERS:
        count["empty or too short"] += 1
        return None
    category = mapping.category(joined)
    if category is None:
        count["left out by the mapping"] += 1
        return None
    url = raw.url.strip()
    # a title counts as a text here: a headline row and the article under that headline are one story
    story_keys = [f"text {part}" for part in dict.fromkeys((key, text_key(title))) if part]
    if url:
        story_keys.append(f"url {url}")
    identifier = hashlib.sha256(key.encode()).hexdigest()[:16]
    return NewsRow(news, category, source.name, rubric, url, raw.date, identifier, tuple(story_keys))


def _table(splits: Mapping[str, Sequence[NewsRow]], source_names: Iterable[str]) -> dict[str, dict[str, int]]:
    table = {name: dict.fromkeys(CATEGORIES, 0) for name in source_names}
    for split in splits.values():
        for row in split:
            table[row.source][row.category] += 1
    return table


def _dataset(splits: Mapping[str, Sequence[NewsRow]]) -> datasets.DatasetDict:
    features = datasets.Features(
        {
            "news": datasets.Value("string"),
            "labels": datasets.ClassLabel(names=list(CATEGORIES)),
            **{column: datasets.Value("string") for column in _PROVENANCE},
        }
    )
    parts = {}
    for name, split in splits.items():
        columns: dict[str, list] = {"news": [row.news for row in split]}
        columns["labels"] = [CATEGORIES.index(row.category) for row in split]
        for column in _PROVENANCE:
            columns[column] = [getattr(row, column) for row in split]
        parts[name] = datasets.Dataset.from_dict(columns, features=features)
    return datasets.DatasetDict(parts)


def _check_output(output: Path) -> None:
    is_data_set = (output / "dataset_dict.json").is_file()
    is_empty_folder = output.is_dir() and not any(output.iterdir())
    if output.exists() and not is_data_set and not is_empty_folder:
        raise ValueError(
            f"{output} exists and is not a saved data set: give --output another name or remove it"
        )


def _write(dataset: datasets.DatasetDict, report: dict, output: Path) -> None:
    """Write everything beside `output`, then rename it into place: `output` is never half written."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        dataset.save_to_disk(new)
        (new / REPORT_FILE).write_text(
            json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        if output.exists():
            output.rename(old)
        try:
            new.rename(output)
        except OSError:
            if old.exists():
                old.rename(output)
            raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--source", type=Path, required=True, help="folder with the files named in the sources file"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to write, e.g. data/news11")
    parser.add_argument(
        "--sources", type=Path, default=HERE / "news_sources.yaml", help="list of the sources"
    )
    parser.add_argument(
        "--mapping", type=Path, default=HERE / "news_mapping.yaml", help="rubrics to categories"
    )
    parser.add_argument("--seed", type=int, default=42, help="decides which story goes into which split")
    parser.add_argument("--test_size", type=float, default=0.2, help="share of the rows for test")
    parser.add_argument("--validation_size", type=float, default=0.1, help="share of the rows for validation")
    return parser


if __name__ == "__main__":
    sys.exit(main())
