"""The picture of texts by labels."""

import warnings

import numpy as np
import pytest
from matplotlib.image import imread
from scipy.ndimage import center_of_mass, label

from bilstm_classifier.plots.heat_map import plot_heat_map

LABELS = ["культура", "наука", "спорт"]
TEXTS = ["Театр открыл сезон", "Телескоп заметил планету", "Вратарь спас команду", "Матч " * 100]
SHARES = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.3, 0.3, 0.4]]


def dark_cells(picture: np.ndarray) -> list[tuple[float, float]]:
    """Middles of the areas as large as a cell in the colour of a probability of one, from above."""
    dark = np.abs(picture[:, :, :3] - np.array([8, 48, 107]) / 255).max(axis=2) < 0.02
    areas, count = label(dark)
    sizes = np.bincount(areas.ravel())
    large = [area for area in range(1, count + 1) if sizes[area] > 40 * 25]
    return center_of_mass(dark, areas, large)


def test_the_likeliest_cells_are_the_darkest(tmp_path):
    path = plot_heat_map(
        SHARES, TEXTS, LABELS, tmp_path / "map.png", title="Четыре текста", unit="вероятность"
    )
    cells = dark_cells(imread(path))
    assert len(cells) == 3
    down, right = np.diff(cells, axis=0).T
    assert down == pytest.approx(0.23 * 150, abs=2)
    assert right == pytest.approx(0.36 * 150, abs=2)


@pytest.mark.parametrize("rows", [1, 40])
def test_rows_keep_their_height(tmp_path, rows):
    plot_heat_map(SHARES[:1] * rows, TEXTS[:1] * rows, LABELS, tmp_path / "map.png")
    plot_heat_map(SHARES[:1] * (rows + 10), TEXTS[:1] * (rows + 10), LABELS, tmp_path / "taller.png")
    heights = [imread(tmp_path / name).shape[0] for name in ("map.png", "taller.png")]
    assert heights[1] - heights[0] == pytest.approx(10 * 0.23 * 150, abs=5)


def test_any_text_can_be_drawn(tmp_path):
    texts = ["Цена $5, потом $6 и \\alpha", "中文 😀 \ud83d", "две\nстроки\tи\0нуль", ""]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of characters that the font lacks
        path = plot_heat_map(SHARES, texts, ["$a", "b^2$", "x" * 99], tmp_path / "map.png")
    assert imread(path).shape[0] > 100


@pytest.mark.parametrize(
    ("shares", "texts"), [(SHARES[:2], TEXTS), ([], []), ([[1, 0]], TEXTS[:1]), ([1, 0, 0], TEXTS[:1])]
)
def test_numbers_that_fit_no_table(tmp_path, shares, texts):
    with pytest.raises(ValueError, match="expected a row a text and a column a label"):
        plot_heat_map(shares, texts, LABELS, tmp_path / "map.png")
    assert not list(tmp_path.iterdir())
