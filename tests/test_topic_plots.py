"""The pictures of overlapping labels and of several systems: whole PNG files that show the figures they were given."""

import subprocess
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import f1_score
from test_plots import pixels_of, texts_of

from bilstm_classifier.plots.topics import plot_co_occurrence, plot_per_class_f1, plot_thresholds

NAMES = ["политика", "спорт", "юмор"]
COUNTS = [[40, 10, 0], [10, 20, 4], [0, 4, 8]]
LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]])
PROBABILITIES = np.array([[0.9, 0.2, 0.4], [0.6, 0.3, 0.1], [0.7, 0.8, 0.2], [0.1, 0.4, 0.1]])


@pytest.fixture
def figures(monkeypatch) -> list[Figure]:
    """The figures saved by the test, in their order."""
    saved = []
    save = Figure.savefig

    def savefig(self, *args, **kwargs):
        saved.append(self)
        return save(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return saved


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def long_names(count):
    return [f"Очень длинное название темы под номером {number}" for number in range(count)]


def test_co_occurrence_shows_counts_and_shares_of_the_row(tmp_path, figures):
    pixels_of(plot_co_occurrence(COUNTS, NAMES, tmp_path / "together.png"))
    axes = figures[0].axes[0]
    assert texts_of(axes) == ["40", "10", "0", "10", "20", "4", "0", "4", "8"]
    shares = np.ma.filled(axes.images[0].get_array(), -1)
    assert shares.tolist() == [[-1, 0.25, 0], [0.5, -1, 0.2], [0, 0.5, -1]]  # not to be told on the diagonal
    assert axes.images[0].get_clim() == (0, 0.5)
    assert [label.get_text() for label in axes.get_yticklabels()] == NAMES


@pytest.mark.parametrize("size", [1, 25, 28])
def test_co_occurrence_of_many_labels_with_long_cyrillic_names(tmp_path, figures, size):
    labels = (np.random.default_rng(0).random((500, size)) < 0.2).astype(int)
    labels[:, 0] = 0
    pixels = pixels_of(plot_co_occurrence(labels.T @ labels, long_names(size), tmp_path / "together.png"))
    assert max(pixels.shape) < 4000
    axes = figures[0].axes[0]
    assert len(axes.texts) == (size**2 if size <= 25 else size)  # else only each label's own number
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert all(upper.y0 >= lower.y1 - 1 for upper, lower in pairwise(boxes))


@pytest.mark.parametrize(
    ("counts", "names", "message"),
    [
        ([[1, 0], [0, 1]], ["a"], r"shape \(2, 2\)"),
        (np.zeros((0, 0)), [], r"shape \(0, 0\)"),
        ([[1, -1], [-1, 1]], ["a", "b"], "no count of pairs"),
        ([[3, 1], [2, 3]], ["a", "b"], "no count of pairs"),
        ([[1, 2], [2, 3]], ["a", "b"], "no count of pairs"),
    ],
)
def test_co_occurrence_refuses(tmp_path, counts, names, message):
    with pytest.raises(ValueError, match=message):
        plot_co_occurrence(counts, names, tmp_path / "together.png")


def test_thresholds_draw_the_f1_of_what_they_choose(tmp_path, figures):
    chosen = [0.6, 0.3, 0.5]
    pixels_of(plot_thresholds(PROBABILITIES, LABELS, chosen, NAMES, tmp_path / "thresholds.png"))
    politics, sport, humour = figures[0].axes
    assert [axes.get_title(loc="left") for axes in figures[0].axes] == NAMES
    for column, axes in enumerate((politics, sport)):
        curve, line, dot = axes.lines
        for bound, f1 in zip(*curve.get_data(), strict=True):
            given = PROBABILITIES[:, column] >= bound
            assert f1 == pytest.approx(f1_score(LABELS[:, column], given, zero_division=0))
        assert list(line.get_xdata()) == [chosen[column]] * 2
        reached = f1_score(LABELS[:, column], PROBABILITIES[:, column] >= chosen[column])
        assert dot.get_xydata().tolist() == [[chosen[column], pytest.approx(reached)]]
    assert texts_of(politics) == ["F1 0.80 from 0.60 on"]
    assert (texts_of(humour), len(humour.lines)) == (["in no text"], 0)


@pytest.mark.parametrize("size", [1, 6, 14, 28])
def test_thresholds_of_many_labels_stay_apart(tmp_path, figures, size):
    generator = np.random.default_rng(0)
    labels = (generator.random((300, size)) < 0.3).astype(int)
    path = plot_thresholds(
        generator.random((300, size)).astype(np.float32),
        labels,
        np.full(size, 0.4),
        long_names(size),
        tmp_path / "thresholds.png",
    )
    assert max(pixels_of(path).shape) < 2500
    charts = [axes for axes in figures[0].axes if axes.get_visible()]
    assert len(charts) == size
    boxes = [axes.get_tightbbox() for axes in charts]
    for index, box in enumerate(boxes):
        assert not any(
            box.shrunk(0.97, 0.97).overlaps(other.shrunk(0.97, 0.97)) for other in boxes[index + 1 :]
        )


@pytest.mark.parametrize(
    ("scores", "labels", "thresholds", "names"),
    [
        (PROBABILITIES, LABELS, [0.5, 0.5], NAMES),
        (PROBABILITIES, LABELS[:3], [0.5] * 3, NAMES),
        (PROBABILITIES, LABELS, [0.5] * 3, NAMES[:2]),
        (PROBABILITIES[:0], LABELS[:0], [0.5] * 3, NAMES),
        (PROBABILITIES[0], LABELS[0], [0.5] * 3, NAMES),
    ],
)
def test_thresholds_refuse_shapes_that_do_not_go_together(tmp_path, scores, labels, thresholds, names):
    with pytest.raises(ValueError, match="scores, labels and thresholds have the shapes"):
        plot_thresholds(scores, labels, thresholds, names, tmp_path / "thresholds.png")


SYSTEMS = {
    "TF-IDF": {"политика": 0.7, "спорт": 0.9, "юмор": 0.3},
    "BiLSTM": {"политика": 0.75, "спорт": 0.95},
}


def test_f1_of_systems_label_by_label_the_easiest_on_top(tmp_path, figures):
    pixels_of(plot_per_class_f1(SYSTEMS, tmp_path / "systems.png"))
    axes = figures[0].axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["спорт", "политика", "юмор"]
    first, second = axes.lines[-2:]
    assert list(first.get_xdata()) == [0.9, 0.7, 0.3]
    assert list(second.get_xdata()) == [0.95, 0.75]
    assert np.round(second.get_ydata()).tolist() == [0, 1]
    assert [line.get_label() for line in (first, second)] == ["TF-IDF (mean 0.633)", "BiLSTM (mean 0.850)"]
    low, high = axes.get_ylim()
    assert low > high, "the first label is on top"


def test_equal_systems_do_not_hide_one_another(tmp_path, figures):
    names = long_names(28)
    systems = {f"system {number}": dict.fromkeys(names, 0.5) for number in range(7)}
    assert max(pixels_of(plot_per_class_f1(systems, tmp_path / "systems.png")).shape) < 3000
    lines = figures[0].axes[0].lines[-7:]
    assert len({line.get_ydata()[0] for line in lines}) == 7
    assert max(abs(line.get_ydata()[0]) for line in lines) < 0.5, "a dot stays in the row of its label"
    assert len({(line.get_marker(), line.get_color()) for line in lines}) == 7


@pytest.mark.parametrize("systems", [{}, {"TF-IDF": {}}])
def test_f1_of_systems_refuses_nothing_at_all(tmp_path, systems):
    with pytest.raises(ValueError, match="no F1 to draw"):
        plot_per_class_f1(systems, tmp_path / "systems.png")


@pytest.mark.parametrize("number", range(3))
def test_a_missing_folder_is_named(tmp_path, number):
    path = tmp_path / "missing" / "x.png"
    draw = [
        lambda: plot_co_occurrence(COUNTS, NAMES, path),
        lambda: plot_thresholds(PROBABILITIES, LABELS, [0.5] * 3, NAMES, path),
        lambda: plot_per_class_f1(SYSTEMS, path),
    ][number]
    with pytest.raises(FileNotFoundError, match=r"missing/x\.png: there is no folder .*missing"):
        draw()


def test_pyplot_and_the_backend_are_left_alone():
    code = "import sys, bilstm_classifier.plots.topics; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
