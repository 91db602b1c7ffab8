"""The packaged model next to strong simple systems on the same rows: quality, size, speed; fills every table.

    make leaderboard NEWS_SOURCE=../shared/data     # prepares the corpus, then runs this
    python benchmarks/leaderboard.py --dataset data/news11 [--seeds runs/seed-1 runs/seed-2 runs/seed-3]

Writes default_model/metrics.json, which `bilstm-classifier info`, the card, README's table and
benchmarks/results/default_model.md are made from, and the pictures beside the latter. The corpus must be the frozen
one. `--seeds` measures further runs of the packaged recipe; without it their earlier figures are kept.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baselines import ENCODERS, Encoder, FastText, LinearSvm, Mlp, WeightsNotFoundError
from measuring import (
    TESTS,
    by_length,
    machine,
    measure_model,
    quality,
    speed_of_model,
    texts_per_second,
    timed_texts,
)
from reporting import write_reports

from bilstm_classifier import load_dataset_dict
from bilstm_classifier.files import write_text
from bilstm_classifier.predictor import DEFAULT_MODEL

logger = logging.getLogger("leaderboard")

ROOT = Path(__file__).resolve().parent.parent
FROZEN = ROOT / "training" / "news" / "frozen.json"
RESULTS = DEFAULT_MODEL / "metrics.json"
SYSTEMS: dict[str, Any] = {
    "svm": LinearSvm,
    "mlp": Mlp,
    "fasttext": FastText,
    **{encoder: lambda encoder=encoder: Encoder(encoder) for encoder in ENCODERS},
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, default=Path("data/news11"))
    parser.add_argument(
        "--seeds", type=Path, nargs="*", default=[], help="runs of the recipe with other seeds"
    )
    parser.add_argument("--systems", nargs="*", choices=list(SYSTEMS), default=list(SYSTEMS))
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        results = measure(options.dataset, options.seeds, options.systems)
    except (OSError, ValueError) as error:
        logger.error("error: %s", error)
        return 2
    write_text(RESULTS, json.dumps(results, ensure_ascii=False, indent=1) + "\n")
    print(write_reports(results))
    return 0


def measure(dataset: Path, seeds: Sequence[Path], systems: Sequence[str]) -> dict[str, Any]:
    """Everything, by part; systems that were not asked for keep their earlier figures.

    Raises:
        OSError: the corpus or a model cannot be read.
        ValueError: the corpus is not the frozen one.
    """
    corpus = check_frozen(dataset)
    splits = load_dataset_dict(dataset)
    names = splits["train"].features["labels"].names
    texts = timed_texts(splits)
    earlier = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    logger.info("measuring the packaged model")
    results = {
        **measure_model(DEFAULT_MODEL, splits, names),
        "corpus": corpus,
        "machine": machine(),
        "speed": speed_of_model(DEFAULT_MODEL, texts),
        "seeds": measure_seeds(seeds, splits, names) if seeds else earlier.get("seeds", []),
        "systems": {name: found for name, found in earlier.get("systems", {}).items() if name not in systems},
    }
    for name in systems:
        results["systems"][name] = measure_system(name, splits, names, texts)
    return results


def check_frozen(dataset: Path) -> dict[str, Any]:
    """The frozen record of the corpus.

    Raises:
        FileNotFoundError: `dataset` is no corpus of prepare_news.py.
        ValueError: its splits are not those on record.
    """
    report = dataset / "prepare_news.json"
    if not report.is_file():
        raise FileNotFoundError(f"{report} is missing: run training/prepare_news.py --output {dataset} first")
    found = json.loads(report.read_text(encoding="utf-8"))["splits"]
    frozen = json.loads(FROZEN.read_text(encoding="utf-8"))
    if differing := [name for name, split in frozen["splits"].items() if found.get(name) != split]:
        raise ValueError(
            f"{dataset} is not the frozen corpus (split {', '.join(differing)} differs from {FROZEN.name}): "
            "figures on it would compare with nothing; prepare it again with the shipped lists and settings"
        )
    return frozen


def measure_seeds(folders: Sequence[Path], splits: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """The figures whose spread over seeds is reported, for each run."""
    found = []
    for folder in folders:
        logger.info("measuring %s", folder)
        measured = measure_model(folder, splits, names)
        found.append(
            {
                **{
                    split: {
                        key: measured[split][key] for key in ("accuracy", "f1_macro", "calibration_error")
                    }
                    for split in TESTS
                },
                "least_f1": min(scores["f1"] for scores in measured["test"]["per_class"].values()),
                "noise": measured["robustness"]["5% of the characters wrong"],
            }
        )
    return found


def measure_system(
    name: str, splits: Any, names: Sequence[str], texts: dict[str, list[str]]
) -> dict[str, Any]:
    """One baseline, fitted on the train split; only `missing` where it cannot be had here."""
    system = SYSTEMS[name]()
    logger.info("fitting %s", system.name)
    train = splits["train"]
    started = time.perf_counter()
    try:
        system.fit(list(train["text"]), list(train["labels"]), len(names), seed=0)
    except (ImportError, WeightsNotFoundError) as error:
        return {"name": system.name, "missing": str(error)}
    found: dict[str, Any] = {
        "name": system.name,
        "fit_seconds": round(time.perf_counter() - started, 1),
        "bytes": system.size(),
        "speed": {kind: texts_per_second(system.predict, some) for kind, some in texts.items()},
    }
    for split in TESTS:
        test = splits[split]
        predicted = system.predict(list(test["text"]))
        report = quality(test["labels"], predicted, names)
        found[split] = {
            "accuracy": report["accuracy"],
            "f1_macro": report["f1_macro"],
            "per_class": {label: scores["f1"] for label, scores in report["per_class"].items()},
            **by_length(test["text"], test["labels"], predicted),
        }
    return found


if __name__ == "__main__":
    sys.exit(main())
