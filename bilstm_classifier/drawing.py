"""The style that all pictures share.

Figures are made without pyplot: no backend is chosen, no window opened, no global state touched.
"""

import os
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .files import replacing

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
