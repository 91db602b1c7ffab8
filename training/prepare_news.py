"""Build the Russian news corpus of eleven categories from the editor-labelled sources, or from a data set.

    python training/prepare_news.py --source DIR --output data/news11
    python training/prepare_news.py --source data-silence/rus_news_classifier --output data/published11
    python training/prepare_news.py --source data-silence/lenta.ru_2-extended --output data/lenta11

DIR holds the files named in news_sources.yaml (each with its repository, commit, licence and SHA-256);
news_mapping.yaml tells which category each editor's rubric becomes, news/readings.tsv what a reading of
single texts found. The output is a folder saved by `datasets` with `news` and `labels` as in the published
data set, and where each row comes from: `source`, `rubric`, `url`, `date`, `id`, `decided_by`. Beside the
splits `prepare_news.json` holds every count, and DATA_SHEET.md says with pictures what a reader of figures
should know.

Beside the three splits there are two further tests: `test_later`, of later dates than anything that is
trained on, and `test_unseen`, of sites that nothing trained on comes from. `spare` holds the labelled rows
beyond the caps of their source, of which some tell the stories of the tests: training does not read it. With
the shipped lists and settings the splits are compared with those that news/frozen.json has on record, so that
figures of two days speak of the same rows.

Rows that share a title, a text or a URL are one story, and so are near-duplicates. A story stays in one split
and keeps one row per text; rows of one title, text or URL that got several categories are dropped. Labels
that were found wrong in the training split (news/label_issues.tsv) are mended there, and there alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datasets
from news.balance import NONE, balance_rows, check_balance
from news.corpus import check_output, format_table, table_of, write_corpus
from news.data_sheet import measure
from news.hub_corpus import push_corpus
from news.hub_sources import deal_data_set, is_data_set
from news.readers import load_sources, read_source
from news.readings import Reading, load_readings
from news.rows import news_rows
from news.rules import CATEGORIES, RubricMapping, load_mapping
from news.stories import (
    Dealt,
    NewsRow,
    cap_sources,
    deal_stories,
    group_stories,
    load_label_issues,
    mend_labels,
    split_hash,
)

from bilstm_classifier.hub.transport import require_repo_id

logger = logging.getLogger("prepare_news")

HERE = Path(__file__).resolve().parent
READINGS = HERE / "news" / "readings.tsv"
LABEL_ISSUES = HERE / "news" / "label_issues.tsv"
FROZEN = HERE / "news" / "frozen.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 after an error of the user's."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.public and not arguments.push_to_hub:
        parser.error("--public is of use with --push_to_hub alone")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for library in ("httpx", "httpx2"):
        logging.getLogger(library).setLevel(logging.WARNING)  # they tell of each request
    datasets.disable_progress_bars()  # the files are small, and the bars would hide the counts
    try:
        if arguments.push_to_hub:
            require_repo_id(arguments.push_to_hub)
        report = prepare_news(
            arguments.source,
            arguments.output,
            sources_file=arguments.sources,
            mapping_file=arguments.mapping,
            readings_file=arguments.readings,
            seed=arguments.seed,
            test_size=arguments.test_size,
            validation_size=arguments.validation_size,
            balance=arguments.balance,
        )
    except (OSError, ValueError) as error:
        logger.error("error: %s", error)
        return 2
    for name, total in report["totals"].items():
        logger.info("%s: %d", name, total)
    for category, done in report.get("balance", {}).items():
        logger.info("%s", f"train, {category}: " + ", ".join(f"{what} {rows}" for what, rows in done.items()))
    if any(done["repeated"] for done in report.get("balance", {}).values()):
        logger.warning("load_dataset_dict keeps one row of each text: with it, repeated rows do not count")
    _compare_with_frozen(report)
    sizes = ", ".join(f"{name} {split['rows']}" for name, split in report["splits"].items())
    logger.info("wrote %s: %s", arguments.output, sizes)
    print(format_table(report["table"]))
    if arguments.push_to_hub:
        try:
            pushed = push_corpus(arguments.output, arguments.push_to_hub, private=not arguments.public)
        except (OSError, ValueError) as error:
            logger.error("error: %s", error)
            return 2
        logger.info("pushed to %s" if pushed.changed else "%s has it all already", pushed.url)
    return 0


def prepare_news(
    source: str | Path,
    output: Path,
    *,
    sources_file: Path = HERE / "news_sources.yaml",
    mapping_file: Path = HERE / "news_mapping.yaml",
    readings_file: Path = READINGS,
    seed: int = 42,
    test_size: float = 0.2,
    validation_size: float = 0.1,
    balance: str = NONE,
) -> dict[str, Any]:
    """Read the sources in the folder `source`, or that data set; write the corpus, return its report.

    Raises:
        OSError: a folder or file is missing or cannot be written, or the Hub cannot be reached.
        ValueError: a file is not the recorded one or cannot be read, a YAML file is wrong, a category has no
            rows to train on, a setting is wrong, or `output` holds something else than a saved data set.
    """
    if test_size <= 0 or validation_size <= 0 or test_size + validation_size >= 1:
        raise ValueError(
            f"test_size {test_size} and validation_size {validation_size} "
            "must be positive shares that leave rows for training"
        )
    check_balance(balance)
    check_output(output)
    data_set = is_data_set(str(source))
    if not data_set and not Path(source).is_dir():
        raise FileNotFoundError(
            f"{source} is not a folder: give --source the folder with the news files, or a data set's id "
            "on the Hub (owner/name)"
        )
    mapping = load_mapping(mapping_file)
    readings = load_readings(readings_file)
    if data_set:
        dealt = deal_data_set(str(source), mapping, readings, seed, test_size, validation_size)
    else:
        dealt = _deal_files(Path(source), sources_file, mapping, readings, seed, test_size, validation_size)
    splits = dealt.splits
    missing = [name for name in CATEGORIES if all(row.category != name for row in splits["train"])]
    if missing:
        raise ValueError(
            f"no rows for {', '.join(missing)} in train: give more sources or widen {mapping_file.name}"
        )
    measures = measure(splits, dealt.stories)
    splits["train"], done = balance_rows(splits["train"], balance, seed)

    report = {
        "settings": {
            "seed": seed,
            "test_size": test_size,
            "validation_size": validation_size,
            "balance": balance,
            "data_set": dealt.sources[0].name if data_set else None,
        },
        "totals": dict(sum(dealt.counts.values(), Counter())),
        "counts": {name: dict(count) for name, count in dealt.counts.items()},
        "splits": {name: {"rows": len(split), "sha256": split_hash(split)} for name, split in splits.items()},
        "categories": {
            category: {name: sum(row.category == category for row in split) for name, split in splits.items()}
            for category in CATEGORIES
        },
        "table": table_of(splits, [one.name for one in dealt.sources]),
        **measures,
        **({"balance": done} if done else {}),
        "sources": {one.name: asdict(one) for one in dealt.sources},
        "unused_sources": {one.name: one.why for one in dealt.unused},
    }
    write_corpus({**splits, "spare": dealt.spare}, report, output)
    return report


def unlike_frozen(report: Mapping[str, Any]) -> list[str]:
    """The splits of `report` that are not those on record."""
    frozen = json.loads(FROZEN.read_text(encoding="utf-8"))["splits"]
    return [name for name, split in report["splits"].items() if split != frozen.get(name)]


def _deal_files(
    folder: Path,
    sources_file: Path,
    mapping: Mapping[str, Mapping[str, RubricMapping]],
    readings: Mapping[str, Reading],
    seed: int,
    test_size: float,
    validation_size: float,
) -> Dealt:
    listed = load_sources(sources_file)
    sources = [source for source in listed if source.enabled]
    for source in sources:
        if source.rubrics not in mapping:
            raise ValueError(
                f"source {source.name!r} wants the rubrics {source.rubrics!r}; "
                f"the mapping has {', '.join(mapping)}"
            )
    counts: dict[str, Counter[str]] = {source.name: Counter() for source in sources}
    rows: list[NewsRow] = []
    for source in sources:
        raw_rows = read_source(source, folder)
        rows.extend(news_rows(source, raw_rows, mapping[source.rubrics], readings, counts[source.name]))
    caps = {source.name: source.cap for source in sources if source.cap is not None}
    stories, spare = cap_sources(group_stories(rows, counts), caps, seed, counts)
    splits = deal_stories(stories, seed, test_size, validation_size, counts)
    splits["train"] = mend_labels(splits["train"], load_label_issues(LABEL_ISSUES), counts)
    return Dealt(splits, stories, counts, sources, spare, [one for one in listed if not one.enabled])


def _compare_with_frozen(report: Mapping[str, Any]) -> None:
    if report["settings"]["data_set"] or report["settings"]["balance"] != NONE:
        logger.info(
            "not compared with the corpus that news/frozen.json has on record: it is meant to be another"
        )
    elif differing := unlike_frozen(report):
        logger.warning(
            "not the frozen corpus (%s): figures on it do not compare with those in benchmarks/results",
            ", ".join(differing),
        )
    else:
        logger.info("the splits are those that news/frozen.json has on record")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--source",
        required=True,
        help="folder with the files named in the sources file; or a data set: its id on the Hub, or a copy",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to write, e.g. data/news11")
    parser.add_argument(
        "--sources", type=Path, default=HERE / "news_sources.yaml", help="list of the sources"
    )
    parser.add_argument(
        "--mapping", type=Path, default=HERE / "news_mapping.yaml", help="rubrics to categories"
    )
    parser.add_argument("--readings", type=Path, default=READINGS, help="categories found by reading")
    parser.add_argument("--seed", type=int, default=42, help="decides which story goes into which split")
    parser.add_argument("--test_size", type=float, default=0.2, help="share of the rows for test")
    parser.add_argument("--validation_size", type=float, default=0.1, help="share of the rows for validation")
    parser.add_argument(
        "--balance",
        default=NONE,
        help="rows of each category in train: none (as they come), down (as many as the rarest has), up (as "
        "many as the most frequent has, rows repeated) or a number",
    )
    parser.add_argument(
        "--push_to_hub",
        metavar="OWNER/NAME",
        help="upload the corpus as a data set, with its card; private, since most texts belong to their publishers",
    )
    parser.add_argument("--public", action="store_true", help="let everyone see a data set that is made")
    return parser


if __name__ == "__main__":
    sys.exit(main())
