"""Pictures of a training run and of its data, as PNG files."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter
from numpy.typing import ArrayLike

from .drawing import (
    COLOURS,
    INK,
    PALE,
    draw_legend,
    draw_shares,
    new_figure,
    save_figure,
    short_name,
    thousands,
    whole_numbers,
)

_MOST_CLASSES_WITH_COUNTS = 25


def plot_loss_curves(log_history: Sequence[Mapping[str, Any]], path: str | os.PathLike[str]) -> Path:
    """Draw the training and evaluation loss against the step, the epoch above; the lowest evaluation loss is marked.

    Args:
        log_history: ``trainer.state.log_history`` of transformers: entries with ``step``, and ``loss`` or
            ``eval_loss``, and ``epoch`` if it is known. Other entries, and losses that are not finite, are passed over.
        path: The PNG file to write.

    Raises:
        ValueError: the history holds no loss.
        OSError: the file cannot be written.
    """
    training = _curve(log_history, "loss")
    evaluation = _curve(log_history, "eval_loss")
    if not training and not evaluation:
        raise ValueError(
            "the log history holds no finite 'loss' or 'eval_loss' with its 'step': nothing to draw"
        )
    figure, axes = new_figure(8, 4.6, "Loss during training")
    if training:
        axes.plot(
            *zip(*training.items(), strict=True),
            color=COLOURS[0],
            linewidth=1.6,
            marker="o" if len(training) == 1 else "",
            label="training",
        )
    if evaluation:
        axes.plot(
            *zip(*evaluation.items(), strict=True),
            color=COLOURS[5],
            linewidth=1.6,
            marker="o",
            markersize=4 if len(evaluation) <= 40 else 2,
            label="evaluation",
        )
        best = min(evaluation, key=lambda step: evaluation[step])
        axes.plot(
            best,
            evaluation[best],
            linestyle="none",
            marker="*",
            markersize=15,
            color=COLOURS[5],
            markeredgecolor="white",
            label=f"lowest evaluation loss: {evaluation[best]:.4g} (step {best:,})",
            zorder=3,
        )
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(whole_numbers())
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    _draw_epochs(axes, log_history)
    draw_legend(axes, columns=3)
    return save_figure(figure, path)


def plot_confusion_matrix(
    matrix: ArrayLike, label_names: Sequence[str], path: str | os.PathLike[str]
) -> Path:
    """Draw a confusion matrix: the colour is the share of the true class, the number is the count of texts.

    Above 25 classes the numbers are left out.

    Args:
        matrix: Counts, ``(labels, labels)``: rows are true labels, columns are predicted ones.
        label_names: The name of each row and column.
        path: The PNG file to write.

    Raises:
        ValueError: the matrix is not square, not of the size of ``label_names``, or has negative counts.
        OSError: the file cannot be written.
    """
    counts = np.asarray(matrix)
    size = len(label_names)
    if not size or counts.shape != (size, size):
        raise ValueError(
            f"the confusion matrix has the shape {counts.shape}, expected one row and column per label name"
        )
    if (counts < 0).any():
        raise ValueError("the confusion matrix has negative counts")
    support = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(support, 1)  # (labels, labels); a class without texts stays blank
    total = int(counts.sum())
    accuracy = np.trace(counts) / max(total, 1)
    names = [short_name(name) for name in label_names]
    cell = float(np.clip(7.5 / size, 0.26, 0.95))  # inches
    font = float(np.clip(cell * 20, 6.5, 10.5))
    figure, axes = new_figure(cell * size, cell * size, f"{total:,} texts, accuracy {accuracy:.1%}")
    draw_shares(figure, axes, shares, 1, "share of the true class")
    fits = max(map(len, names)) * font * 0.7 < cell * 72
    axes.set_xticks(
        range(size),
        names,
        fontsize=font,
        rotation=0 if fits else 45,
        ha="center" if fits else "right",
        rotation_mode="anchor",
    )
    axes.set_yticks(range(size), names, fontsize=font)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if size <= _MOST_CLASSES_WITH_COUNTS:
        _write_counts(axes, counts, shares, cell)
    return save_figure(figure, path)


def plot_class_distribution(counts: Mapping[str, Mapping[str, int]], path: str | os.PathLike[str]) -> Path:
    """Draw how many texts each class has in each split: horizontal bars, the most frequent class on top.

    Args:
        counts: Split to label to number of texts; a label that a split lacks has none there.
        path: The PNG file to write.

    Raises:
        ValueError: there are no splits or no labels.
        OSError: the file cannot be written.
    """
    totals: dict[str, int] = {}
    for of_split in counts.values():
        for name, count in of_split.items():
            totals[name] = totals.get(name, 0) + count
    if not totals:
        raise ValueError("there is no class to draw: expected split -> label -> number of texts")
    names = sorted(totals, key=lambda name: -totals[name])
    bar = float(
        np.clip(22 / (len(names) * (len(counts) + 0.6)), 0.06, 0.17 if len(counts) > 1 else 0.26)
    )  # inches
    row = bar * (len(counts) + 0.6)
    figure, axes = new_figure(8, row * len(names) + 1.5, "Texts per class")
    places = np.arange(len(names)) * row
    font = min(8.0, bar * 50)
    for index, (split, of_split) in enumerate(counts.items()):
        values = [of_split.get(name, 0) for name in names]
        bars = axes.barh(
            places + (index - (len(counts) - 1) / 2) * bar,
            values,
            height=bar * 0.9,
            color=COLOURS[index % len(COLOURS)],
            label=f"{split} ({sum(values):,})",
        )
        if font >= 5:
            axes.bar_label(bars, [f"{value:,}" for value in values], padding=3, fontsize=font, color=INK)
    axes.set_yticks(places, [short_name(name) for name in names], fontsize=float(np.clip(row * 40, 5, 10)))
    axes.set_ylim(places[-1] + row * 0.6, -row * 0.6)  # the first class on top
    axes.margins(x=0.1)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(whole_numbers())
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.set_xlabel("texts")
    draw_legend(axes, columns=4)
    return save_figure(figure, path)


def plot_length_distribution(
    lengths: Mapping[str, ArrayLike], max_length: int, path: str | os.PathLike[str]
) -> Path:
    """Draw how long the texts of each split are, and how many are longer than the model reads.

    The axis of lengths is logarithmic when they spread widely or lie far below ``max_length``.

    Args:
        lengths: Split to the number of tokens of each of its texts, ``(texts,)``.
        max_length: The most tokens that are read of a text. Special tokens count in both or in neither.
        path: The PNG file to write.

    Raises:
        ValueError: there are no texts.
        OSError: the file cannot be written.
    """
    splits = {split: np.asarray(values) for split, values in lengths.items() if np.size(values)}
    if not splits:
        raise ValueError("there is no text to draw: expected split -> number of tokens of each text")
    everything = np.concatenate(list(splits.values()))
    cut = float(np.mean(everything > max_length))
    figure, axes = new_figure(
        8,
        4.6,
        f"{_share(cut)} of {everything.size:,} texts are longer than {max_length:,} tokens and are cut",
    )
    far = 8 * max(np.median(everything), 1)  # what lies beyond would squeeze most texts on a linear axis
    wide = bool(np.quantile(everything, 0.99) > far)
    edges = _bin_edges(everything, wide)
    for index, (split, values) in enumerate(splits.items()):
        colour = COLOURS[index % len(COLOURS)]
        label = f"{split} ({values.size:,} texts, {_share(float(np.mean(values > max_length)))} cut)"
        clipped = np.clip(values, edges[0], edges[-1])
        shares, _ = np.histogram(clipped, edges)
        axes.stairs(shares / values.size, edges, color=colour, linewidth=1.6, label=label)
        if index == 0:  # the others would hide it
            axes.stairs(shares / values.size, edges, color=colour, alpha=0.15, fill=True)
    axes.axvline(
        max_length, color=INK, linewidth=1.4, linestyle="--", label=f"{max_length:,} tokens are read"
    )
    if wide or max_length > far:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))
    beyond = everything.max() > edges[-1]
    axes.set_xlabel(
        f"tokens (the last bar holds all texts of {edges[-2]:,.0f} and more)" if beyond else "tokens"
    )
    axes.set_ylabel("share of the split's texts")
    axes.margins(x=0.01)
    axes.set_ylim(bottom=0)
    draw_legend(axes, columns=2)
    return save_figure(figure, path)


def plot_accuracy_by_coverage(
    curves: Mapping[str, Mapping[str, float]], path: str | os.PathLike[str]
) -> Path:
    """Draw accuracy against the share of the texts that is answered, the least sure being left out first.

    Args:
        curves: For each test, accuracy by share, as ``calibration.accuracy_by_coverage`` gives it.
        path: The PNG file to write.

    Raises:
        ValueError: there is no curve.
        OSError: the file cannot be written.
    """
    if not curves:
        raise ValueError("there is no curve to draw")
    figure, axes = new_figure(7, 4.4, "Accuracy where the least sure texts are left unanswered")
    for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
        shares = [float(share) for share in curve]
        axes.plot(
            shares, list(curve.values()), color=colour, linewidth=1.8, marker="o", label=short_name(name)
        )
    axes.set_xlabel("share of the texts that is answered")
    axes.set_ylabel("accuracy")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.invert_xaxis()
    draw_legend(axes, len(curves))
    return save_figure(figure, path)


def _curve(log_history: Iterable[Mapping[str, Any]], key: str) -> dict[int, float]:
    """Step -> value of ``key``, in the order of the steps; of two values at a step, the later."""
    points = {
        int(entry["step"]): float(entry[key])
        for entry in log_history
        if "step" in entry and math.isfinite(entry.get(key, math.nan))
    }
    return dict(sorted(points.items()))


def _draw_epochs(axes: Axes, log_history: Iterable[Mapping[str, Any]]) -> None:
    """A second axis, above, in epochs; none when the history does not know them."""
    known = [
        (entry["step"], entry["epoch"]) for entry in log_history if entry.get("step") and entry.get("epoch")
    ]
    if not known:
        return
    step, epoch = max(known)
    steps_per_epoch = step / epoch
    above = axes.secondary_xaxis(
        "top", functions=(lambda steps: steps / steps_per_epoch, lambda epochs: epochs * steps_per_epoch)
    )
    above.set_xlabel("epoch", color=PALE)
    above.tick_params(labelsize=9, color=PALE, labelcolor=PALE)
    above.spines["top"].set_visible(False)


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray, cell: float) -> None:
    digits = len(f"{counts.max()}")
    font = float(np.clip(cell * 72 / (0.75 * max(digits, 2)), 5, 11))
    for row, column in np.ndindex(counts.shape):
        dark = shares[row, column] > 0.55
        axes.text(
            column,
            row,
            f"{counts[row, column]}",
            ha="center",
            va="center",
            fontsize=font,
            color="white" if dark else INK if counts[row, column] else "#c4c4c4",
        )


def _bin_edges(lengths: np.ndarray, logarithmic: bool) -> np.ndarray:
    """Edges of the bins, whole numbers from 1 on. Of equal bins, the last is for all of the longest half percent."""
    if logarithmic:
        return np.unique(np.geomspace(max(lengths.min(), 1), lengths.max() + 1, 37).round())
    last = max(np.quantile(lengths, 0.995), 1)
    width = math.ceil(last / 60)
    return np.arange(1, last + 2 * width, width)


def _share(share: float) -> str:
    """A share in percent, in which a few texts are not none."""
    if share < 0.001:
        return "less than 0.1%" if share else "0%"
    return f"{share:.1%}"
