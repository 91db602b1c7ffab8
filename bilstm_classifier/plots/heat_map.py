"""A picture of what a model says of several texts: a row a text, a column a label, the darker the likelier."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from .drawing import INK, new_figure, save_figure, short_name

LONGEST_TEXT = 44
_ROW, _COLUMN = 0.23, 0.36  # inches


def plot_heat_map(
    probabilities: ArrayLike,
    texts: Sequence[str],
    label_names: Sequence[str],
    path: str | os.PathLike[str],
    *,
    title: str = "What the model says of the texts",
    unit: str = "probability",
) -> Path:
    """Draw the probability of every label for every text, the rows in the order given. Long texts are cut.

    Args:
        probabilities: Numbers from 0 to 1, ``(texts, labels)``.
        texts: The text of each row; some fifty still make a picture that can be read.
        label_names: The name of each column.
        path: The PNG file to write.
        title: What stands above.
        unit: What stands beside the scale of colours.

    Raises:
        ValueError: the numbers do not have a row a text and a column a label, or there are none.
        OSError: the file cannot be written.
    """
    shares = np.asarray(probabilities, dtype=float)
    expected = (len(texts), len(label_names))
    if shares.shape != expected or not shares.size:
        raise ValueError(
            f"the probabilities have the shape {shares.shape}, expected a row a text and a column a label: {expected}"
        )
    width, height = _COLUMN * len(label_names), _ROW * len(texts)
    figure, axes = new_figure(width, height, "")
    figure.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))  # the cells keep their size: names and title go outside, see save_figure
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_yticks(range(len(texts)), [_line(text) for text in texts], fontsize=8.5)
    axes.xaxis.tick_top()
    axes.set_xticks(
        range(len(label_names)),
        [short_name(name) for name in label_names],
        fontsize=9,
        rotation=45,
        ha="left",
        rotation_mode="anchor",
    )
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(len(label_names) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(texts) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="both", length=0)
    beside = axes.inset_axes((1 + 0.15 / width, 0, 0.16 / width, 1))
    bar = figure.colorbar(image, cax=beside, format=PercentFormatter(1, decimals=0))
    bar.outline.set_visible(False)
    beside.tick_params(length=0, labelsize=8.5, labelcolor=INK)
    bar.set_label(unit, color=INK)
    # below, where no slanting name reaches
    axes.set_xlabel(_line(title, longest=200), loc="right", labelpad=8)
    return save_figure(figure, path)


def _line(text: str, longest: int = LONGEST_TEXT) -> str:
    """The beginning of ``text`` in one line, of characters that the font has."""
    text = " ".join(text[: 20 * longest].split())
    if len(text) > longest:
        text = f"{text[: longest - 1].rstrip()}…"
    known = _characters()
    return "".join(letter if ord(letter) in known else "□" for letter in text).replace("$", r"\$")


@cache
def _characters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties())).get_charmap())
