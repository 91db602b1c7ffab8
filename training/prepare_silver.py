"""Widen the news corpus' training rows by texts that no editor labelled, for the stages that train the packaged model.

    python training/prepare_silver.py --source DIR --news data/news11 --output data/silver11
    python training/prepare_silver.py --news data/news11 --add synthetic --output data/headlines11

What can be added: `spare`, rows of the news corpus over its caps; `silver`, prose labelled by reading, most of it from
television; `synthetic`, headlines and leads invented for this project. Splits of the result: `train` (the news corpus'
rows and what is added, without the stories of the tests), `validation` and `test` (the news corpus', untouched).
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import datasets
import yaml
from news.readings import load_readings
from news.rules import CATEGORIES
from news.silver import SilverRow, silver_rows, without_stories
from news.synthetic import synthetic_rows
from pretraining.folders import new_folder
from pretraining.prose import read_sources

logger = logging.getLogger("prepare_silver")

HERE = Path(__file__).resolve().parent
HELD_OUT = ("validation", "test", "test_later", "test_unseen")
COLUMNS = ("news", "labels", "source", "id")
KINDS = ("spare", "silver", "synthetic")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 after an error of the user's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--news", type=Path, default=Path("data/news11"), help="what prepare_news.py wrote")
    parser.add_argument("--add", nargs="+", choices=KINDS, default=list(KINDS), help="default: all of them")
    parser.add_argument("--output", type=Path, default=Path("data/silver11"))
    parser.add_argument("--source", type=Path, help="folder with the files of --sources, for silver")
    parser.add_argument(
        "--sources", type=Path, default=HERE / "prose_sources.yaml", help="list of the sources of prose"
    )
    parser.add_argument("--readings", type=Path, default=HERE / "news" / "silver_readings.tsv")
    parser.add_argument("--synthetic", type=Path, default=HERE / "news" / "synthetic", help="folder")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    datasets.disable_progress_bars()
    try:
        if not (options.news / "dataset_dict.json").is_file():
            raise FileNotFoundError(
                f"{options.news} is no saved data set: run training/prepare_news.py first"
            )
        corpus = datasets.load_from_disk(str(options.news))
        added: list[SilverRow] = []
        if "spare" in options.add:
            added += spare_rows(corpus)
        if "silver" in options.add:
            if options.source is None:
                raise ValueError("silver is made from prose: give --source, or --add without silver")
            added += read_prose(options.source, options.sources, options.readings)
        if "synthetic" in options.add:
            added += synthetic_rows(options.synthetic)
        counts = prepare_silver(corpus, added, options.output)
    except (OSError, ValueError) as error:
        logger.error("error: %s", error)
        return 2
    for name, count in counts.items():
        print(f"{name:<22}{count:>8,}")
    return 0


def read_prose(source: Path, sources_file: Path, readings_file: Path) -> list[SilverRow]:
    """The silver rows of the prose in `source`.

    Raises:
        OSError: a file is missing.
        ValueError: a file is not the recorded one, or a reading has another form.
    """
    readings = load_readings(readings_file)
    sources = yaml.safe_load(sources_file.read_text(encoding="utf-8"))["sources"]
    return list(silver_rows(read_sources(sources, source, {}), readings))


def spare_rows(corpus: datasets.DatasetDict) -> list[SilverRow]:
    """The rows of the news corpus over its caps."""
    return [
        SilverRow(row["news"], CATEGORIES[row["labels"]], "news11, spare", row["id"])
        for row in corpus["spare"]
    ]


def prepare_silver(corpus: datasets.DatasetDict, added: list[SilverRow], output: Path) -> dict[str, int]:
    """Write the news corpus with the rows `added` to `output`; return how many training rows came from where.

    Raises OSError when `output` cannot be written.
    """
    held_out = [text for name in HELD_OUT for text in corpus[name]["news"]]
    kept = without_stories(added, held_out)
    logger.info("%d texts tell stories of the tests and are left out", len(added) - len(kept))
    silver = datasets.Dataset.from_dict(
        {
            "news": [row.news for row in kept],
            "labels": [CATEGORIES.index(row.category) for row in kept],
            "source": [row.source for row in kept],
            "id": [row.id for row in kept],
        },
        features=datasets.Features({name: corpus["train"].features[name] for name in COLUMNS}),
    )
    gold = corpus["train"].select_columns(list(COLUMNS))
    splits = {
        "train": datasets.concatenate_datasets([gold, silver]),
        "validation": corpus["validation"],
        "test": corpus["test"],
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(output) as new:
        datasets.DatasetDict(splits).save_to_disk(new)
    return {"news11, train": len(gold), **Counter(row.source for row in kept), "all": len(splits["train"])}


if __name__ == "__main__":
    sys.exit(main())
