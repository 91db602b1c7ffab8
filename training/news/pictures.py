"""The pictures of the data sheet, in the looks of the library's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from bilstm_classifier.plots.drawing import (
    COLOURS,
    INK,
    draw_legend,
    new_figure,
    save_figure,
    short_name,
    thousands,
)
from bilstm_classifier.plots.training_run import plot_class_distribution

_ROW = 0.32  # inches a line of a picture takes


def draw_splits(counts: Mapping[str, Mapping[str, int]], path: Path) -> None:
    """Draw the rows of each category, split by split; `counts` are split -> category -> rows."""
    plot_class_distribution({name: found for name, found in counts.items() if any(found.values())}, path)


def draw_sources(table: Mapping[str, Mapping[str, int]], path: Path) -> None:
    """Draw source by category: the number is the rows, the colour their share of the category."""
    categories = list(next(iter(table.values())))
    counts = np.array([[row[category] for category in categories] for row in table.values()])
    shares = counts / np.maximum(counts.sum(axis=0, keepdims=True), 1)  # (sources, categories)
    figure, axes = new_figure(9, _ROW * len(table) + 1.8, "Rows of each source")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(categories)), categories, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(table)), [short_name(name) for name in table])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlabel("the darker, the more of the category comes from the source")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.55 else INK if count else "#c4c4c4"
        axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=8, color=colour)
    save_figure(figure, path)


def draw_lengths(lengths: Mapping[str, Mapping[str, float]], headline: int, path: Path) -> None:
    """Draw median and 90th percentile of each source's lengths, in characters, on a logarithmic axis."""
    figure, axes = new_figure(8, _ROW * len(lengths) + 1.8, "How long the texts are")
    places = np.arange(len(lengths))
    medians = [found["median"] for found in lengths.values()]
    long = [found["90th percentile"] for found in lengths.values()]
    axes.hlines(places, medians, long, color=COLOURS[4], linewidth=2)
    axes.plot(medians, places, "o", color=COLOURS[0], label="median")
    axes.plot(long, places, "o", color=COLOURS[5], label="90th percentile")
    axes.axvline(
        headline, color=INK, linewidth=1.2, linestyle="--", label=f"{headline} characters: a headline"
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(places, [short_name(name) for name in lengths])
    axes.set_ylim(len(lengths) - 0.4, -0.6)  # the first source on top
    axes.set_xlabel("characters")
    draw_legend(axes, columns=3)
    save_figure(figure, path)


def draw_labels(origins: Mapping[str, Mapping[str, int]], path: Path) -> None:
    """Draw what gave the labels of each category, as shares; `origins` are category -> origin -> rows."""
    figure, axes = new_figure(8, _ROW * len(origins) + 1.6, "What gave the labels")
    places = np.arange(len(origins))
    totals = np.array([max(sum(found.values()), 1) for found in origins.values()])
    left = np.zeros(len(origins))
    for index, origin in enumerate(next(iter(origins.values()))):
        shares = np.array([found[origin] for found in origins.values()]) / totals
        axes.barh(places, shares, left=left, height=0.7, color=COLOURS[index], label=origin)
        left += shares
    axes.set_yticks(places, list(origins))
    axes.set_ylim(len(origins) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("share of the category's rows")
    draw_legend(axes, columns=3)
    save_figure(figure, path)
