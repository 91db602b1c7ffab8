"""The style that all pictures share.

Figures are made without pyplot: no backend is chosen, no window opened, no global state touched.
"""

import os
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..files import replacing

DPI = 150
# Okabe and Ito's palette, which colour-blind readers can tell apart: https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
INK = "#222222"
PALE = "#8a8a8a"
GRID = "#e4e4e4"
LONGEST_NAME = 32


def new_figure(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    """An empty figure in the style that all pictures share; sizes in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK, pad=12)
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#b0b0b0")
    axes.tick_params(labelsize=9, color="#b0b0b0", labelcolor=INK)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    return figure, axes


def draw_shares(figure: Figure, axes: Axes, shares: np.ndarray, highest: float, unit: str) -> None:
    """A square of cells, the darker the higher their share, and beside it what the colours mean.

    The cells keep their size: names and title go outside the axes, see :func:`save_figure`.

    Args:
        figure: Of :func:`new_figure`.
        axes: Its axes, with names at the ticks.
        shares: (rows, rows); NaN is left blank.
        highest: The share of the darkest colour.
        unit: What the shares are of.
    """
    size = len(shares)
    width = figure.get_size_inches()[0]
    figure.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=highest)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="both", length=0)
    beside = axes.inset_axes((1 + 0.15 / width, 0, 0.18 / width, 1))
    bar = figure.colorbar(image, cax=beside, format=PercentFormatter(1, decimals=0))
    bar.outline.set_visible(False)
    beside.tick_params(length=0, labelsize=9, labelcolor=INK)
    bar.set_label(unit, color=INK)


def draw_legend(axes: Axes, columns: int) -> None:
    """The legend below the axes, where it hides nothing."""
    axes.figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=9, labelcolor=INK)


def short_name(name: str) -> str:
    """``name`` in one line of at most 32 characters, its dollar signs kept from starting a formula."""
    name = " ".join(str(name).split())
    if len(name) > LONGEST_NAME:
        name = f"{name[:20]}…{name[-11:]}"  # long names often differ at the end
    return name.replace("$", r"\$")


def whole_numbers() -> MaxNLocator:
    """Ticks at whole numbers."""
    return MaxNLocator(8, integer=True, steps=[1, 2, 5, 10])


def thousands(value: float, _: int) -> str:
    """A tick's number with commas between thousands."""
    return f"{value:,.0f}"


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a PNG file, whole or not at all. OSError where it cannot be written."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}, make it first")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.12)
    return path
