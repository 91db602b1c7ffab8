"""Pictures of labels that overlap or are many: what occurs together, thresholds, several systems label by label."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from sklearn.metrics import precision_recall_curve

from .drawing import (
    COLOURS,
    DPI,
    GRID,
    INK,
    PALE,
    draw_legend,
    draw_shares,
    new_figure,
    save_figure,
    short_name,
)
from .training_run import _MOST_CLASSES_WITH_COUNTS

_MARKERS = "osD^vPX"  # one more than colours, so that pairs of both come again late
_THRESHOLDS = np.linspace(0, 1, 201)


def plot_co_occurrence(
    co_occurrence: ArrayLike, label_names: Sequence[str], path: str | os.PathLike[str]
) -> Path:
    """Draw how often labels occur together: of the texts with the row's label, the share with the column's too.

    On the diagonal is the number of texts of the label. Up to 25 labels, the other cells show their counts as well. The
    colours go up to the largest share, for most labels rarely meet.

    Args:
        co_occurrence: Counts of texts, ``(labels, labels)``, each label's own number on the diagonal.
        label_names: The name of each row and column.
        path: The PNG file to write.

    Raises:
        ValueError: the counts are not square, not of the size of ``label_names``, not symmetric, negative, or a pair
            occurs more often than one of its labels.
        OSError: the file cannot be written.
    """
    counts = np.asarray(co_occurrence)
    size = len(label_names)
    if not size or counts.shape != (size, size):
        raise ValueError(
            f"the co-occurrence has the shape {counts.shape}, expected one row and column per label name"
        )
    support = counts.diagonal()
    if (counts < 0).any() or (counts != counts.T).any() or (counts > support[:, None]).any():
        raise ValueError(
            "the co-occurrence is no count of pairs of labels: expected a symmetric matrix whose diagonal holds "
            "the texts of each label, the most in its row"
        )
    shares = counts / np.maximum(support, 1)[:, None]  # (labels, labels)
    np.fill_diagonal(shares, np.nan)
    highest = max(0.05, np.nanmax(shares, initial=0))
    names = [short_name(name) for name in label_names]
    cell = float(np.clip(7.5 / size, 0.3, 0.95))  # inches
    font = float(np.clip(cell * 20, 7, 10.5))
    figure, axes = new_figure(cell * size, cell * size, "Labels that occur together")
    axes.set_facecolor(GRID)  # the diagonal
    draw_shares(figure, axes, shares, highest, "share of the row's texts")
    axes.set_xticks(range(size), names, fontsize=font, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), names, fontsize=font)
    axes.set_xlabel("… also have this label")
    axes.set_ylabel("of the texts with this label …")
    _write_counts(axes, counts, shares / highest, cell)
    return save_figure(figure, path)


def plot_thresholds(
    scores: ArrayLike,
    labels: ArrayLike,
    thresholds: ArrayLike,
    label_names: Sequence[str],
    path: str | os.PathLike[str],
) -> Path:
    """Draw the F1 of each label by the threshold from which on it is chosen, a small chart a label.

    The chosen threshold is marked. A label that is true of no text has no curve.

    Args:
        scores: Probability of each label, ``(texts, labels)``.
        labels: 1 where a label is true, else 0, ``(texts, labels)``.
        thresholds: The chosen threshold of each label, ``(labels,)``.
        label_names: The name of each label.
        path: The PNG file to write.

    Raises:
        ValueError: there is no text, or shapes that do not go together.
        OSError: the file cannot be written.
    """
    probabilities, truth = np.asarray(scores, dtype=float), np.asarray(labels)
    chosen = np.asarray(thresholds, dtype=float)
    shapes = (probabilities.shape, truth.shape, chosen.shape)
    size = len(label_names)
    if not probabilities.size or shapes != ((len(probabilities), size),) * 2 + ((size,),):
        raise ValueError(
            f"scores, labels and thresholds have the shapes {', '.join(map(str, shapes))}: expected (texts, {size}) "
            f"twice and ({size},), with one text or more"
        )
    columns = min(size, 4 if size <= 12 else 6)
    rows = -(-size // columns)
    figure = Figure(
        figsize=(2.1 * columns, 1.75 * rows + 0.8), dpi=DPI, layout="constrained", facecolor="white"
    )
    FigureCanvasAgg(figure)
    figure.suptitle(
        "F1 of each label by its threshold", x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK
    )
    figure.supxlabel("threshold", fontsize=9, color=INK)
    figure.supylabel("F1", fontsize=9, color=INK)
    charts = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for index, name in enumerate(label_names):
        axes = charts[index]
        _style_small(axes)
        title = short_name(name)
        axes.set_title(title, loc="left", fontsize=8 if len(title) <= 24 else 6.5, color=INK, pad=15)
        if not truth[:, index].any():
            axes.text(0.5, 0.5, "in no text", ha="center", va="center", fontsize=8, color=PALE)
            continue
        precision, recall, bounds = precision_recall_curve(truth[:, index], probabilities[:, index])
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)  # (bounds + 1,), the last is 0
        axes.plot(_THRESHOLDS, f1[np.searchsorted(bounds, _THRESHOLDS)], color=COLOURS[0], linewidth=1.4)
        reached = float(f1[np.searchsorted(bounds, chosen[index])])
        axes.axvline(chosen[index], color=COLOURS[5], linewidth=0.9)
        axes.plot(chosen[index], reached, marker="o", markersize=5, color=COLOURS[5], markeredgecolor="white")
        axes.text(
            0,
            1.04,
            f"F1 {reached:.2f} from {chosen[index]:.2f} on",
            fontsize=8,
            color=COLOURS[5],
            transform=axes.transAxes,
        )
    for axes in charts[size:]:
        axes.set_visible(False)
    for axes in charts[max(size - columns, 0) : size]:  # above a gap in the last row too
        axes.tick_params(labelbottom=True)
    return save_figure(figure, path)


def plot_per_class_f1(systems: Mapping[str, Mapping[str, float]], path: str | os.PathLike[str]) -> Path:
    """Draw the F1 of several systems label by label, a dot a system; the label that is easiest on average is on top.

    Args:
        systems: System to label to F1; a label that a system lacks has no dot of it.
        path: The PNG file to write.

    Raises:
        ValueError: there are no systems, or none has a label.
        OSError: the file cannot be written.
    """
    found: dict[str, list[float]] = {}
    for by_label in systems.values():
        for name, f1 in by_label.items():
            found.setdefault(name, []).append(f1)
    if not found:
        raise ValueError("there is no F1 to draw: expected system -> label -> F1")
    names = sorted(found, key=lambda name: -float(np.mean(found[name])))
    row = float(np.clip(11 / len(names), 0.22, 0.38))  # inches
    figure, axes = new_figure(8, row * len(names) + 1.6, "F1 of each label")
    apart = min(0.22, 0.7 / len(systems))  # rows, so that equal ones do not hide one another
    for place, name in enumerate(names):
        axes.plot(
            [min(found[name]), max(found[name])], [place, place], color="#c9c9c9", linewidth=1.6, zorder=1
        )
    for index, (system, by_label) in enumerate(systems.items()):
        shift = (index - (len(systems) - 1) / 2) * apart
        known = [(by_label[name], place + shift) for place, name in enumerate(names) if name in by_label]
        axes.plot(
            [f1 for f1, _ in known],
            [place for _, place in known],
            linestyle="none",
            marker=_MARKERS[index % len(_MARKERS)],
            markersize=6.5,
            markeredgecolor="white",
            markeredgewidth=0.8,
            color=COLOURS[index % len(COLOURS)],
            label=f"{short_name(system)} (mean {np.mean(list(by_label.values())):.3f})"
            if by_label
            else short_name(system),
        )
    lowest = min(map(min, found.values()))
    axes.set_xlim(max(-0.01, lowest - 0.05), min(1.01, max(map(max, found.values())) + 0.05))
    axes.set_yticks(
        range(len(names)), [short_name(name) for name in names], fontsize=float(np.clip(row * 34, 7, 10))
    )
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first label on top
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("F1")
    draw_legend(axes, columns=min(len(systems), 3))
    return save_figure(figure, path)


def _write_counts(axes: Axes, counts: np.ndarray, depth: np.ndarray, cell: float) -> None:
    """The label's own number on the diagonal, and beside it, where there is room, that of each pair."""
    digits = len(f"{counts.max()}")
    font = float(np.clip(cell * 72 / (0.75 * max(digits, 2)), 5, 11))
    few = len(counts) <= _MOST_CLASSES_WITH_COUNTS
    for row, column in np.ndindex(counts.shape):
        own = row == column
        if not own and not few:
            continue
        dark = not own and depth[row, column] > 0.55
        axes.text(
            column,
            row,
            f"{counts[row, column]}",
            ha="center",
            va="center",
            fontsize=font,
            color="white" if dark else INK if own or counts[row, column] else "#c4c4c4",
        )


def _style_small(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    axes.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#b0b0b0")
    axes.tick_params(labelsize=8, color="#b0b0b0", labelcolor=INK)
