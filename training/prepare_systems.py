"""Prepare the data sets of the systems beside the news: languages, reviews, overlapping topics, videos.

    python training/prepare_systems.py --source ../shared/data --output data all
    python training/prepare_systems.py --source ../shared/data --output data language_id app_reviews

Each data set becomes a folder of its name in --output, saved by `datasets` with the splits train, validation and
test, the same at every run. `prepare_systems.json` in it holds the rows and the digest of every split, the rows of
every class, what was dropped and why, and what a reader of figures should know. `social_posts` also writes
`social_posts_files`, a CSV file for each class.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
from systems.fake_news import fake_news
from systems.folder import write_prepared
from systems.languages import language_id
from systems.reviews import app_reviews, reviews_ru, reviews_ru_stars
from systems.rows import Prepared
from systems.social_posts import social_posts
from systems.topics import ria_topics, ru_goemotions, ru_sensitive_topics
from systems.videos import youtube_category, youtube_topic

logger = logging.getLogger("prepare_systems")

DATA_SETS: dict[str, Callable[[Path], Prepared]] = {
    "language_id": language_id,
    "app_reviews": app_reviews,
    "reviews_ru": reviews_ru,
    "reviews_ru_stars": reviews_ru_stars,
    "ria_topics": ria_topics,
    "ru_goemotions": ru_goemotions,
    "ru_sensitive_topics": ru_sensitive_topics,
    "social_posts": social_posts,
    "youtube_topic": youtube_topic,
    "youtube_category": youtube_category,
    "fake_news": fake_news,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 after an error of the user's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--source", type=Path, required=True, help="folder with the source files")
    parser.add_argument("--output", type=Path, default=Path("data"), help="folder for the data sets' folders")
    parser.add_argument("names", nargs="+", metavar="NAME", help=f"all, or of {', '.join(DATA_SETS)}")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    datasets.disable_progress_bars()
    try:
        reports = prepare_systems(arguments.source, arguments.output, arguments.names)
    except (OSError, ValueError) as error:
        logger.error("error: %s", error)
        return 2
    for name, report in reports.items():
        sizes = ", ".join(f"{split} {found['rows']}" for split, found in report["splits"].items())
        print(f"{name}: {len(report['classes'])} classes; {sizes}")
    return 0


def prepare_systems(source: Path, output: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Write each data set of `names` (or `all`) to its folder in `output`; return the reports by name.

    Raises:
        OSError: a source file is missing, or a folder cannot be written.
        ValueError: a name is unknown, a source file has another form, or a folder holds something else.
    """
    chosen = list(DATA_SETS) if "all" in names else list(dict.fromkeys(names))
    if unknown := [name for name in chosen if name not in DATA_SETS]:
        raise ValueError(
            f"unknown data set {', '.join(unknown)}: it can be {', '.join(DATA_SETS)}, or all for all of them"
        )
    if not source.is_dir():
        raise FileNotFoundError(f"{source} is not a folder: give --source the folder with the source files")
    reports = {}
    for name in chosen:
        reports[name] = write_prepared(DATA_SETS[name](source), output / name)
        logger.info("wrote %s", output / name)
    return reports


if __name__ == "__main__":
    sys.exit(main())
