"""What is written of a comparison: a table, a picture, and the figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter

from bilstm_classifier.files import write_text
from bilstm_classifier.plots.drawing import COLOURS, draw_legend, new_figure, save_figure, short_name

_TITLES = {"f1_macro": "macro F1", "f1_micro": "micro F1", "accuracy": "accuracy"}


def write_report(folder: Path, results: Mapping[str, Any]) -> str:
    """Write ``comparison.json``, ``comparison.md`` and ``comparison.png`` into ``folder``; the table's text.

    Raises:
        OSError: the disk fails.
    """
    text = table(results)
    write_text(folder / "comparison.json", json.dumps(results, ensure_ascii=False, indent=1) + "\n")
    write_text(folder / "comparison.md", text)
    draw(results["systems"], folder / "comparison.png")
    return text


def table(results: Mapping[str, Any]) -> str:
    """The comparison as Markdown, with the command."""
    systems, pairs = results["systems"], results["pairs"]
    shown = list(next(iter(systems.values())))
    several = any(len(found["f1_macro"]["runs"]) > 1 for found in systems.values())
    order = sorted(systems, key=lambda name: -systems[name]["f1_macro"]["estimate"])
    head = ["system", *(_TITLES[key] for key in shown), *(["runs, macro F1"] if several else [])]
    rows = []
    for name in order:
        found = systems[name]
        runs = [" ".join(f"{value:.3f}" for value in found["f1_macro"]["runs"])] if several else []
        rows.append([name, *(_interval(found[key]) for key in shown), *runs])
    note = (
        f"{results['texts']:,} texts of the test split of {results['dataset']} "
        f"(sha256 {results['fingerprint'][:12]}), the same for all."
    )
    if results["unread"]:
        note += f" {results['unread']:,} more are left out: a model's tokenizer finds nothing in them."
    note += f" In brackets, 95% intervals: percentile bootstrap over texts, {results['resamples']:,} resamples, paired."
    lines = ["# Comparison", "", f"    {results['command']}", "", *_markdown(head, rows), "", note]
    if pairs:
        head = [
            "pair",
            *(f"difference, {_TITLES[key]}" for key in shown),
            "only one right",
            "test",
            "p",
            "p, corrected",
        ]
        lines += ["", *_markdown(head, [_pair(pair, shown) for pair in pairs]), ""]
        lines.append(
            "Differences are first minus second. P values are two-sided and corrected over the pairs (Holm). They "
            "tell of the luck of the test's texts, not of the luck of a training's seed."
        )
    return "\n".join(lines) + "\n"


def draw(systems: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw each system's scores as a dot with its interval, the best macro F1 on top."""
    shown = list(next(iter(systems.values())))
    order = sorted(systems, key=lambda name: -systems[name]["f1_macro"]["estimate"])
    figure, axes = new_figure(8, 0.5 * len(order) + 1.5, "Scores on the test, with 95% intervals")
    places = np.arange(len(order), dtype=float)
    for index, key in enumerate(shown):
        found = [systems[name][key] for name in order]
        middle = np.array([item["estimate"] for item in found])
        # of so few texts that the interval lies beside the score, the arm on that side has no length
        low = np.maximum(middle - [item["low"] for item in found], 0)
        high = np.maximum([item["high"] for item in found] - middle, 0)
        axes.errorbar(
            middle,
            places + (index - (len(shown) - 1) / 2) * 0.24,
            xerr=np.stack([low, high]),
            fmt="o",
            color=COLOURS[index],
            linewidth=1.6,
            capsize=3,
            label=_TITLES[key],
        )
    axes.set_yticks(places, [short_name(name) for name in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    draw_legend(axes, columns=len(shown))
    save_figure(figure, path)


def _pair(pair: Mapping[str, Any], shown: Sequence[str]) -> list[str]:
    only = f"{pair['only_first']:,} / {pair['only_second']:,}" if "only_first" in pair else ""
    differences = [_interval(pair[key], signed=True) for key in shown]
    values = [_p_value(pair["p_value"]), _p_value(pair["p_corrected"])]
    return [f"{pair['first']} - {pair['second']}", *differences, only, pair["test"], *values]


def _interval(found: Mapping[str, float], *, signed: bool = False) -> str:
    kind = "+.3f" if signed else ".3f"
    return f"{found['estimate']:{kind}} [{found['low']:{kind}}, {found['high']:{kind}}]"


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
