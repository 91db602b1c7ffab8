"""Our models of every system beside strong simple baselines, on the same rows: one JSON file a data set, one table.

    python training/prepare_systems.py --source ../shared/data --output data all
    python benchmarks/system_leaderboard.py --data data --runs runs [NAME ...] [--baselines-only]

NAME is a data set of system_sets.py, which lists our runs and the baselines of each; without one all are measured. A
run that is not there is left out. Writes results/<NAME>.json and, from all of these files, results/systems.md; a system
that is not measured keeps its earlier figures as long as the data are the same. A baseline that has figures is fitted
again with --baselines-only only, which measures none of our models.
"""

import argparse
import json
import logging
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measuring import machine
from system_baselines import BASELINES
from system_measuring import measure, measure_run
from system_reporting import write_table
from system_sets import SETS, Rows, read_set, recorded
from train_systems import runs_of

from bilstm_classifier.files import write_text

logger = logging.getLogger("system_leaderboard")

RESULTS = Path(__file__).resolve().parent / "results"


def main(argv: Sequence[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SETS))
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the prepared data sets")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of our runs")
    parser.add_argument("--baselines-only", action="store_true", help="fit the baselines, again if need be")
    options = parser.parse_args(argv)
    if unknown := [name for name in options.names if name not in SETS]:
        parser.error(f"there is no data set {unknown[0]!r}: expected {', '.join(SETS)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        for name in options.names or SETS:
            measure_set(name, options.data, options.runs, options.baselines_only)
        print(write_table(RESULTS))
    except (ImportError, OSError, ValueError) as error:
        logger.error("error: %s", error)
        return 2
    return 0


def measure_set(name: str, data: Path, runs: Path, baselines_only: bool) -> None:
    """Measure the systems of a data set; its file is written after each, so that an interruption loses one only.

    Raises:
        ImportError: fastText is not installed.
        OSError: data, a model or the file of results cannot be read or written.
        ValueError: the data are damaged, or a model was trained on others.
    """
    described, rows = SETS[name], recorded(name, data)
    path = RESULTS / f"{name}.json"
    splits = read_set(name, data)
    found: dict[str, Any] = {"name": name, "splits": rows, "systems": {}}
    if path.is_file() and (earlier := json.loads(path.read_text(encoding="utf-8")))["splits"] == rows:
        found["systems"] = earlier["systems"]
    for key in described.baselines:
        if baselines_only or key not in found["systems"]:
            found["systems"][key] = measure_baseline(key, name, splits)
            _write(path, found)
    for folder, run in {} if baselines_only else runs_of(name).items():
        if not (runs / folder / "metrics.json").is_file():
            logger.warning("%s is not there, or its training has not ended: left out", runs / folder)
            continue
        logger.info("%s: measuring %s", name, runs / folder)
        measured = measure_run(runs / folder, splits)
        found["systems"][folder] = {
            "name": run["name"],
            "ours": True,
            "fitted_on": "train; epoch and settings chosen on validation",
            "commands": [f"python benchmarks/train_systems.py {folder}", _command(name)],
            **_circumstances(),
            **measured,
        }
        _write(path, found)


def measure_baseline(key: str, name: str, splits: dict[str, Rows]) -> dict[str, Any]:
    """Fit a baseline and measure it."""
    system = BASELINES[key]()
    logger.info("%s: fitting %s", name, system.name)
    started = time.perf_counter()
    system.fit(splits["train"], splits["validation"])
    seconds = round(time.perf_counter() - started, 1)
    return {
        "name": system.name,
        "ours": False,
        "fitted_on": system.fitted_on,
        "settings": system.settings,
        "commands": [_command(name, "--baselines-only")],
        "fit_seconds": seconds,
        **_circumstances(),
        **measure(system.answer, splits),
    }


def _command(*options: str) -> str:
    return shlex.join(["python", "benchmarks/system_leaderboard.py", *options])


def _circumstances() -> dict[str, Any]:
    return {"machine": machine(), "load_average": round(os.getloadavg()[0], 1)}


def _write(path: Path, found: dict[str, Any]) -> None:
    # in the order of the table: the baselines first, then ours
    order = [*SETS[found["name"]].baselines, *runs_of(found["name"])]
    found["systems"] = {key: found["systems"][key] for key in order if key in found["systems"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(found, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
