"""Build the silver corpus: the news corpus' training rows and, beside them, prose that was labelled by reading.

    python training/prepare_silver.py --source DIR --news data/news11 --output data/silver11

It is meant for a first stage of training, before one on the news corpus alone: silver labels are a reader's, not an
editor's, and most of its texts come from television. Its splits: `train` (rows of the news corpus, its `spare` rows and
the silver ones, all without the stories of the tests), `validation` and `test` (those of the news corpus, untouched).
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
from pretraining.folders import new_folder
from pretraining.prose import read_sources

logger = logging.getLogger("prepare_silver")

HERE = Path(__file__).resolve().parent
HELD_OUT = ("validation", "test", "test_later", "test_unseen")
COLUMNS = ("news", "labels", "source", "id")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 after an error of the user's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--source", type=Path, required=True, help="folder with the files of prose_sources.yaml"
    )
    parser.add_argument("--news", type=Path, default=Path("data/news11"), help="what prepare_news.py wrote")
    parser.add_argument("--output", type=Path, default=Path("data/silver11"))
    parser.add_argument(
        "--sources", type=Path, default=HERE / "prose_sources.yaml", help="list of the sources"
    )
    parser.add_argument("--readings", type=Path, default=HERE / "news" / "silver_readings.tsv")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    datasets.disable_progress_bars()
    try:
        counts = prepare_silver(
            options.source, options.news, options.output, options.sources, options.readings
        )
    except (OSError, ValueError) as error:
        logger.error("error: %s", error)
        return 2
    for name, count in counts.items():
        print(f"{name:<22}{count:>8,}")
    return 0


def prepare_silver(
    source: Path, news: Path, output: Path, sources_file: Path, readings_file: Path
) -> dict[str, int]:
    """Write the silver corpus to `output`; return how many training rows came from where.

    Raises:
        OSError: a file or folder is missing or cannot be written.
        ValueError: a file is not the recorded one, or a reading has another form.
    """
    if not (news / "dataset_dict.json").is_file():
        raise FileNotFoundError(f"{news} is no saved data set: run training/prepare_news.py first")
    corpus = datasets.load_from_disk(str(news))
    readings = load_readings(readings_file)
    sources = yaml.safe_load(sources_file.read_text(encoding="utf-8"))["sources"]
    read = list(silver_rows(read_sources(sources, source, {}), readings))
    spare = [
        SilverRow(row["news"], CATEGORIES[row["labels"]], "news11, spare", row["id"])
        for row in corpus["spare"]
    ]
    held_out = [text for name in HELD_OUT for text in corpus[name]["news"]]
    added = without_stories(spare + read, held_out)
    logger.info("%d texts tell stories of the tests and are left out", len(spare) + len(read) - len(added))
    silver = datasets.Dataset.from_dict(
        {
            "news": [row.news for row in added],
            "labels": [CATEGORIES.index(row.category) for row in added],
            "source": [row.source for row in added],
            "id": [row.id for row in added],
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
    return {"news11, train": len(gold), **Counter(row.source for row in added), "all": len(splits["train"])}


if __name__ == "__main__":
    sys.exit(main())
