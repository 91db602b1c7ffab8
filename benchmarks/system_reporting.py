"""The Markdown table of all systems, made from the files of results alone."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reporting import table
from system_sets import SETS

from bilstm_classifier.files import write_text
from bilstm_classifier.recipe import read_yaml

NOTES = Path(__file__).with_name("system_notes.yaml")

ABOUT = """# Every system beside strong simple ones

    make systems NEWS_SOURCE=../shared/data

made this: it prepares the data (`training/prepare_systems.py`), trains our models (`benchmarks/train_systems.py`, by
`benchmarks/system_runs.yaml`), measures all systems (`benchmarks/system_leaderboard.py`) and writes
`benchmarks/results/*.json`, which hold more figures and, for each, the commands and the machine. All systems of a data
set are measured on its one test split, in brackets with the bounds of 95% (bootstrap over the test's texts). Macro F1
is the mean over the classes; a model that leaves a text without an answer is counted as wrong there. Second figure:
accuracy, or micro F1 where a text may have several labels. "+ over baseline": points of macro F1 above the best
baseline of the data set. Speeds were taken on a machine that did other work too: compare their orders of magnitude.
"""


def write_table(results: Path) -> str:
    """Write ``systems.md`` from the files of results in a folder; return it.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: one cannot be read or written.
    """
    paths = [results / f"{name}.json" for name in SETS]
    measured = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]
    if not measured:
        raise FileNotFoundError(f"{results} holds no results: measure a data set first")
    parts = [ABOUT, overview(measured)]
    notes = read_yaml(NOTES)
    parts += [
        f"## {found['name']}\n\n{notes.get(found['name'], '')}\n\n{details(found)}" for found in measured
    ]
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    write_text(results / "systems.md", text)
    return text


def overview(measured: Iterable[Mapping[str, Any]]) -> str:
    """One row a system; the best macro F1 of a data set is bold."""
    rows = [["data set", "system", "macro F1", "accuracy or micro F1", "+ over baseline", "texts/s"]]
    for found in measured:
        systems = found["systems"].values()
        best = max(system["test"]["f1_macro"] for system in systems)
        baselines = [system["test"]["f1_macro"] for system in systems if not system["ours"]]
        for number, system in enumerate(systems):
            macro = system["test"]["f1_macro"]
            above = f"{100 * (macro - max(baselines)):+.1f}" if system["ours"] and baselines else ""
            shown = _with_interval(system["test"], "f1_macro")
            rows.append(
                [
                    "" if number else found["name"],
                    f"ours: {system['name']}" if system["ours"] else system["name"],
                    f"**{shown}**" if macro == best else shown,
                    _with_interval(system["test"], _second(system["test"])),
                    above,
                    f"{system['texts_per_second']:,.0f}",
                ]
            )
    return table(rows)


def details(found: Mapping[str, Any]) -> str:
    """The further figures of one data set, and the commands that made all of them."""
    systems = list(found["systems"].values())
    sizes = ", ".join(f"{split} {of['rows']:,}" for split, of in found["splits"].items())
    parts = [f"Rows: {sizes}."]
    if "hamming_loss" in systems[0]["test"]:
        parts.append(_overlapping(systems))
    if "quadratic_kappa" in systems[0]["test"]:
        rows = [["", "mean absolute error", "quadratic kappa"]]
        rows += [
            [
                system["name"],
                _share(system["test"]["mean_absolute_error"]),
                _share(system["test"]["quadratic_kappa"]),
            ]
            for system in systems
        ]
        parts.append(table(rows))
    for key, title in (("parts", "Parts of the test"), ("robustness", "Changed copies of the test")):
        if systems[0].get(key):
            parts.append(
                f"{title}, macro F1 and {_words(_second(systems[0]['test']))}:\n\n{_parts(systems, key)}"
            )
    if "relatives" in systems[0]:
        parts.append(_relatives(systems))
    if len(systems[0]["test"]["per_class"]) <= MOST_CLASSES:
        parts.append(_per_class(systems))
    parts.append(_commands(systems))
    return "\n\n".join(parts)


MOST_CLASSES = 30  # with a row each


def _overlapping(systems: list[dict[str, Any]]) -> str:
    shown = {
        "average_precision_macro": "average precision, macro",
        "average_precision_micro": "micro",
        "subset_accuracy": "subset accuracy",
        "hamming_loss": "Hamming loss",
        "without_label": "without a label",
    }
    rows = [["", *shown.values()]]
    rows += [[system["name"], *[_share(system["test"][key]) for key in shown]] for system in systems]
    return table(rows)


def _parts(systems: list[dict[str, Any]], key: str) -> str:
    names = list(systems[0][key])
    rows = [["", *[f"{name} ({systems[0][key][name]['rows']:,})" for name in names]]]
    for system in systems:
        figures = [system.get(key, {}).get(name) for name in names]
        rows.append(
            [
                system["name"],
                *[
                    f"{_share(one['f1_macro'])}, {_share(one[_second(one)])}" if one else ""
                    for one in figures
                ],
            ]
        )
    return table(rows)


def _relatives(systems: list[dict[str, Any]]) -> str:
    parts = []
    for system in systems:
        found = system["relatives"]
        rows = [["true \\ taken for", *found["names"]]]
        rows += [
            [name, *map(str, row)]
            for name, row in zip(found["names"], found["confusion_matrix"], strict=False)
        ]
        accuracy = f"{_share(found['accuracy'])} of {found['rows']:,} right"
        parts.append(f"Close relatives, {system['name']}: {accuracy}\n\n{table(rows)}")
    return "\n\n".join(parts)


def _per_class(systems: list[dict[str, Any]]) -> str:
    classes = systems[0]["test"]["per_class"]
    rows = [["F1", "texts", *[system["name"] for system in systems]]]
    for name, scores in classes.items():
        own = [_share(system["test"]["per_class"][name]["f1"]) for system in systems]
        rows.append([name, str(scores["support"]), *own])
    return table(rows)


def _commands(systems: list[dict[str, Any]]) -> str:
    lines = []
    for system in systems:
        settings = ", ".join(f"{key} {value}" for key, value in system.get("settings", {}).items())
        commands = ", then ".join(f"`{command}`" for command in system["commands"])
        about = f"fitted on {system['fitted_on']}" + (f" ({settings})" if settings else "")
        lines.append(f"- {system['name']}: {commands}; {about}; {system['machine']}")
    return "\n".join(lines)


def _second(test: Mapping[str, Any]) -> str:
    return "accuracy" if "accuracy" in test else "f1_micro"


def _words(key: str) -> str:
    return {"accuracy": "accuracy", "f1_micro": "micro F1"}[key]


def _with_interval(test: Mapping[str, Any], key: str) -> str:
    low, high = test["intervals"][key]
    return f"{_share(test[key])} [{_share(low)}, {_share(high)}]"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
