"""Train our models of the four systems, as benchmarks/system_runs.yaml lists them; runs that are done stay.

python training/prepare_systems.py --source ../shared/data --output data all
python benchmarks/train_systems.py [RUN ...]
python benchmarks/system_leaderboard.py all
"""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bilstm_classifier import train_model
from bilstm_classifier.recipe import read_yaml

RUNS = Path(__file__).with_name("system_runs.yaml")
logger = logging.getLogger("train_systems")


def main(argv: Sequence[str] | None = None) -> int:
    known = system_runs()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="RUN", help="all that are not done, if left out")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if unknown := sorted(set(options.names) - set(known)):
        parser.error(f"there is no run {unknown[0]!r}: expected one of {', '.join(known)}")
    for name in options.names or known:
        folder = options.runs / name
        if (folder / "metrics.json").is_file():
            logger.info("%s: done already", name)
            continue
        started = time.perf_counter()
        settings = {key: value for key, value in known[name].items() if key not in ("name", "data", "recipe")}
        try:
            train_model(
                known[name]["recipe"],
                dataset=str(options.data / known[name]["data"]),
                output_dir=str(folder),
                disable_tqdm=True,
                **settings,
            )
        except (OSError, ValueError) as error:
            logger.error("error: %s: %s", name, error)
            return 2
        logger.info("%s: %.0f s", name, time.perf_counter() - started)
    return 0


def system_runs() -> dict[str, dict[str, Any]]:
    """Name, data set, recipe and options of each run."""
    return read_yaml(RUNS)


def runs_of(data: str) -> dict[str, dict[str, Any]]:
    """The runs on a data set."""
    return {name: run for name, run in system_runs().items() if run["data"] == data}


if __name__ == "__main__":
    sys.exit(main())
