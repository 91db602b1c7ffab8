"""What a model scored: ``metrics.json`` in its folder, checked, for whoever tells of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "metrics.json of the model"  # push reads it in a temporary folder, whose path helps nobody
REMEDY = "remove it, or write it again"
FIGURES = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "f1_micro",
    "subset_accuracy",
    "hamming_loss",
    "without_label",
    "mean_absolute_error",
    "calibration_error",
)
# Not defined for every test, and then null.
UNDEFINED_AT_TIMES = ("average_precision_macro", "average_precision_micro", "quadratic_kappa")


def read_metrics(folder: Path) -> dict[str, Any]:
    """What ``metrics.json`` in a model's folder holds; empty where there is none.

    Raises:
        ValueError: it cannot be read, or what is told of a model is not as training writes it.
        OSError: the file cannot be opened.
    """
    path = folder / "metrics.json"
    if not path.is_file():
        return {}
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{NAME} cannot be read as JSON ({error}): {REMEDY}") from error
    if not isinstance(metrics, dict):
        raise ValueError(f"{NAME} holds a {type(metrics).__name__}, expected names and values: {REMEDY}")
    _check_facts(metrics)
    for split in ("validation", "test"):
        if not isinstance(metrics.get(split, {}), dict | None):
            raise ValueError(f"{NAME} has a {split!r} that is no report of a test: {REMEDY}")
    for split, report in reports(metrics).items():
        _check_report(split, report)
    return metrics


def reports(metrics: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The reports of ``classification_report`` or ``multi_label_report`` in what :func:`read_metrics` gives, by split:
    validation, all tests.
    """
    return {
        split: report
        for split, report in metrics.items()
        if (split == "validation" or split.startswith("test"))
        and isinstance(report, dict)
        and "per_class" in report
    }


def _check_facts(metrics: Mapping[str, Any]) -> None:
    rows, sources = metrics.get("rows", {}), metrics.get("hub_sources", [])
    sound = {
        "rows": isinstance(rows, dict) and all(_is_count(value) for value in rows.values()),
        "hub_sources": isinstance(sources, list) and all(isinstance(value, str) for value in sources),
        "steps": _is_count(metrics.get("steps", 0)),
        "epochs": metrics.get("epochs") is None or _is_number(metrics["epochs"]),
    }
    if wrong := [name for name, is_sound in sound.items() if not is_sound]:
        raise ValueError(f"{NAME} has a {wrong[0]!r} that training does not write: {REMEDY}")


def _check_report(split: str, report: Mapping[str, Any]) -> None:
    """A whole report: its macro F1, figures that are numbers, and each label with its texts."""
    per_class = report["per_class"]
    if not isinstance(per_class, dict) or not per_class:
        raise ValueError(f"{NAME} has no labels in 'per_class' of {split!r}: {REMEDY}")
    # macro F1 is in each; a report over labels that overlap has no accuracy
    figures = {"f1_macro": report.get("f1_macro")}
    figures |= {name: report[name] for name in FIGURES if name in report}
    figures |= {name: report[name] for name in UNDEFINED_AT_TIMES if report.get(name) is not None}
    if wrong := [name for name, value in figures.items() if not _is_number(value)]:
        raise ValueError(f"{NAME} has no number for {wrong[0]!r} of {split!r}: {REMEDY}")
    # label by label only the test split is told of
    needed = ("precision", "recall", "f1") if split == "test" else ()
    for label, scores in per_class.items():
        whole = isinstance(scores, dict) and _is_count(scores.get("support"))
        ranked = scores.get("average_precision") if whole else None
        if (
            not whole
            or not all(_is_number(scores.get(name)) for name in needed)
            or not (ranked is None or _is_number(ranked))
        ):
            raise ValueError(f"{NAME} lacks figures of the label {label!r} of {split!r}: {REMEDY}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
