"""The pictures: whole PNG files with nothing clipped, showing the figures they were given."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from bilstm_classifier.plots.training_run import (
    plot_accuracy_by_coverage,
    plot_class_distribution,
    plot_confusion_matrix,
    plot_length_distribution,
    plot_loss_curves,
)

# What the Trainer logs, in its order; the evaluation loss is lowest at step 20.
HISTORY = [
    {"loss": 2.0, "grad_norm": 1.5, "learning_rate": 1e-3, "epoch": 0.5, "step": 10},
    {"eval_loss": 1.9, "eval_f1": 0.4, "eval_runtime": 3.2, "epoch": 0.5, "step": 10},
    {"loss": 1.2, "grad_norm": 1.1, "learning_rate": 5e-4, "epoch": 1.0, "step": 20},
    {"eval_loss": 1.4, "eval_f1": 0.6, "eval_runtime": 3.1, "epoch": 1.0, "step": 20},
    {"loss": 0.8, "grad_norm": 0.9, "learning_rate": 1e-4, "epoch": 1.5, "step": 30},
    {"eval_loss": 1.6, "eval_f1": 0.5, "eval_runtime": 3.3, "epoch": 1.5, "step": 30},
    {"train_runtime": 60.0, "train_loss": 1.3, "total_flos": 0.0, "epoch": 1.5, "step": 30},
]
COUNTS = {"train": {"спорт": 30, "наука": 50, "культура": 2000}, "test": {"спорт": 10, "наука": 5}}
LENGTHS = {"train": np.arange(1, 101), "test": [10, 20, 200, 300]}


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


def pixels_of(path) -> np.ndarray:
    """Decode a PNG (height, width, RGB) and check that it is a picture with a clean white rim."""
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert len(np.unique(pixels[..., 0])) > 10, "an empty picture"
    rim = np.concatenate([pixels[:5].reshape(-1, 3), pixels[-5:].reshape(-1, 3)])
    rim = np.concatenate([rim, pixels[:, :5].reshape(-1, 3), pixels[:, -5:].reshape(-1, 3)])
    assert (rim == 255).all(), "something touches the edge, and may be clipped"
    return pixels


def texts_of(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def draw_each(folder):
    yield plot_loss_curves(HISTORY, folder / "loss.png")
    yield plot_confusion_matrix([[3, 1], [0, 2]], ["да", "нет"], folder / "confusion.png")
    yield plot_class_distribution(COUNTS, folder / "classes.png")
    yield plot_length_distribution(LENGTHS, 64, folder / "lengths.png")


def test_every_picture_is_a_png_file_and_nothing_else_is_left(tmp_path):
    paths = list(draw_each(tmp_path))
    for path in paths:
        height, width, _ = pixels_of(path).shape
        assert 400 < width < 3000
        assert 300 < height < 3000
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_path_may_be_a_string(tmp_path):
    assert plot_loss_curves(HISTORY, str(tmp_path / "loss.png")) == tmp_path / "loss.png"


@pytest.mark.parametrize("number", range(4))
def test_a_missing_folder_is_named(tmp_path, number):
    missing = tmp_path / "missing"
    draw = [
        lambda: plot_loss_curves(HISTORY, missing / "x.png"),
        lambda: plot_confusion_matrix([[1]], ["a"], missing / "x.png"),
        lambda: plot_class_distribution(COUNTS, missing / "x.png"),
        lambda: plot_length_distribution(LENGTHS, 64, missing / "x.png"),
    ][number]
    with pytest.raises(FileNotFoundError, match=r"missing/x\.png: there is no folder .*missing"):
        draw()
    assert not missing.exists()


def test_a_write_that_fails_leaves_the_old_picture(tmp_path, monkeypatch):
    path = plot_loss_curves(HISTORY, tmp_path / "loss.png")
    before = path.read_bytes()

    def savefig(self, target, **kwargs):
        target.write_bytes(before[:100])
        raise OSError("no space left on device")

    monkeypatch.setattr(Figure, "savefig", savefig)
    with pytest.raises(OSError, match="no space left"):
        plot_loss_curves(HISTORY[:2], path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_pyplot_and_the_backend_are_left_alone():
    code = (
        "import sys, bilstm_classifier.plots.training_run; "
        "print(sorted({'matplotlib.pyplot', 'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loss_curves_show_the_history_and_mark_the_lowest_evaluation(tmp_path, figures):
    plot_loss_curves(HISTORY, tmp_path / "loss.png")
    training, evaluation, best = figures[0].axes[0].lines
    assert list(zip(*training.get_data(), strict=True)) == [(10, 2.0), (20, 1.2), (30, 0.8)]
    assert list(zip(*evaluation.get_data(), strict=True)) == [(10, 1.9), (20, 1.4), (30, 1.6)]
    assert best.get_xydata().tolist() == [[20, 1.4]]
    assert best.get_label() == "lowest evaluation loss: 1.4 (step 20)"


def test_loss_curves_have_a_second_axis_of_epochs(tmp_path, figures):
    plot_loss_curves(HISTORY, tmp_path / "loss.png")
    (above,) = figures[0].axes[0].child_axes
    assert above.get_xlabel() == "epoch"
    assert np.array(above.get_xlim()) == pytest.approx(np.array(figures[0].axes[0].get_xlim()) / 20)


def test_loss_curves_of_a_run_that_went_back_to_a_checkpoint_take_the_later_value(tmp_path, figures):
    plot_loss_curves([*HISTORY, {"loss": 1.0, "step": 20}], tmp_path / "loss.png")
    assert figures[0].axes[0].lines[0].get_ydata().tolist() == [2.0, 1.0, 0.8]


@pytest.mark.parametrize(
    "history",
    [
        [{"loss": 1.0, "step": 5, "epoch": 1.0}],
        [{"eval_loss": 1.0, "step": 5}],
        [{"loss": float("nan"), "step": 1}, {"eval_loss": 1.0, "step": 2}],
    ],
)
def test_loss_curves_of_a_short_history(tmp_path, history):
    pixels_of(plot_loss_curves(history, tmp_path / "loss.png"))


@pytest.mark.parametrize(
    "history", [[], [{"loss": float("nan"), "step": 1}], [{"train_loss": 1.0, "step": 9}]]
)
def test_loss_curves_refuse_a_history_without_losses(tmp_path, history):
    with pytest.raises(ValueError, match="no finite 'loss' or 'eval_loss'"):
        plot_loss_curves(history, tmp_path / "loss.png")
    assert list(tmp_path.iterdir()) == []


def test_confusion_matrix_shows_counts_and_shares_of_the_true_class(tmp_path, figures):
    path = tmp_path / "matrix.png"
    pixels_of(plot_confusion_matrix([[30, 10, 0], [0, 60, 0], [0, 0, 0]], ["а", "б", "в"], path))
    axes = figures[0].axes[0]
    assert texts_of(axes) == ["30", "10", "0", "0", "60", "0", "0", "0", "0"]
    assert np.asarray(axes.images[0].get_array()).tolist() == [[0.75, 0.25, 0], [0, 1, 0], [0, 0, 0]]
    assert axes.get_title(loc="left") == "100 texts, accuracy 90.0%"
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true", "predicted")


@pytest.mark.parametrize("size", [2, 11, 25, 40])
def test_confusion_matrix_of_many_classes_with_long_cyrillic_names(tmp_path, figures, size):
    names = [f"Очень длинное название рубрики под номером {number}" for number in range(size)]
    pixels = pixels_of(plot_confusion_matrix(np.eye(size, dtype=int) * 12345, names, tmp_path / "matrix.png"))
    assert pixels.shape[0] < 2500
    axes = figures[0].axes[0]
    assert len(axes.texts) == (size**2 if size <= 25 else 0)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(set(labels)) == size, "shortened names must stay distinct"
    assert max(map(len, labels)) <= 32


def test_a_count_fits_its_cell(tmp_path, figures):
    size = 25
    plot_confusion_matrix(
        np.full((size, size), 99999), [str(number) for number in range(size)], tmp_path / "matrix.png"
    )
    axes = figures[0].axes[0]
    cell = axes.get_window_extent().width / size
    assert axes.texts[0].get_window_extent().width < cell


@pytest.mark.parametrize(
    ("matrix", "names", "message"),
    [
        ([[1, 2], [3, 4]], ["a"], r"shape \(2, 2\)"),
        ([[1, 2]], ["a", "b"], r"shape \(1, 2\)"),
        (np.zeros((0, 0)), [], r"shape \(0, 0\)"),
        ([[1, -1], [0, 1]], ["a", "b"], "negative"),
    ],
)
def test_confusion_matrix_refuses(tmp_path, matrix, names, message):
    with pytest.raises(ValueError, match=message):
        plot_confusion_matrix(matrix, names, tmp_path / "matrix.png")


def test_class_distribution_shows_every_class_of_every_split_the_largest_first(tmp_path, figures):
    pixels_of(plot_class_distribution(COUNTS, tmp_path / "classes.png"))
    axes = figures[0].axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["культура", "наука", "спорт"]
    assert [[bar.get_width() for bar in bars] for bars in axes.containers] == [[2000, 50, 30], [0, 5, 10]]
    assert texts_of(axes) == ["2,000", "50", "30", "0", "5", "10"]
    assert [bars.get_label() for bars in axes.containers] == ["train (2,080)", "test (15)"]
    low, high = axes.get_ylim()
    assert low > high, "the first class is on top"


def test_class_distribution_of_two_hundred_classes(tmp_path):
    counts = {split: {f"class {number}": number + 1 for number in range(200)} for split in ("train", "test")}
    pixels = pixels_of(plot_class_distribution(counts, tmp_path / "classes.png"))
    assert pixels.shape[0] < 5000


def test_a_dollar_sign_in_a_name_is_no_formula(tmp_path):
    counts = {"train": {r"$\nosuchcommand$": 3, "b_1^2": 1}}
    pixels_of(plot_class_distribution(counts, tmp_path / "classes.png"))


@pytest.mark.parametrize("counts", [{}, {"train": {}}])
def test_class_distribution_refuses_nothing_at_all(tmp_path, counts):
    with pytest.raises(ValueError, match="no class to draw"):
        plot_class_distribution(counts, tmp_path / "classes.png")


def test_length_distribution_says_how_many_texts_are_cut(tmp_path, figures):
    pixels_of(plot_length_distribution(LENGTHS, 64, tmp_path / "lengths.png"))
    axes = figures[0].axes[0]
    # 36 of 100 and 2 of 4 are longer than 64
    assert axes.get_title(loc="left") == "36.5% of 104 texts are longer than 64 tokens and are cut"
    labels = axes.get_legend_handles_labels()[1]
    assert "train (100 texts, 36.0% cut)" in labels
    assert "test (4 texts, 50.0% cut)" in labels
    assert axes.lines[0].get_xdata() == [64, 64]


def test_a_text_as_long_as_the_model_reads_is_not_cut(tmp_path, figures):
    plot_length_distribution({"train": [63, 64, 64]}, 64, tmp_path / "lengths.png")
    assert figures[0].axes[0].get_title(loc="left").startswith("0% of 3 texts")


def test_one_cut_text_among_many_is_not_called_none(tmp_path, figures):
    plot_length_distribution({"train": [10] * 5000 + [65]}, 64, tmp_path / "lengths.png")
    assert figures[0].axes[0].get_title(loc="left").startswith("less than 0.1% of 5,001 texts")


@pytest.mark.parametrize(
    ("lengths", "max_length", "scale"),
    [
        (np.arange(100, 300), 256, "linear"),
        ([*range(100, 300), 10**6], 256, "linear"),  # one monster does not squeeze the others
        (np.geomspace(5, 20_000, 500).astype(int), 512, "log"),
        (np.arange(8, 30), 512, "log"),
        ([0, 0, 5, 900], 512, "log"),
    ],
)
def test_every_text_is_in_a_bar_on_a_fitting_axis(tmp_path, figures, lengths, max_length, scale):
    pixels_of(plot_length_distribution({"train": lengths}, max_length, tmp_path / "lengths.png"))
    axes = figures[0].axes[0]
    assert axes.get_xscale() == scale
    shares, edges, _ = axes.patches[0].get_data()
    assert shares.sum() == pytest.approx(1)
    assert (np.diff(edges) >= 1).all()


def test_length_distribution_passes_over_an_empty_split_and_refuses_no_texts(tmp_path):
    plot_length_distribution({"train": [3, 4], "test": []}, 64, tmp_path / "lengths.png")
    with pytest.raises(ValueError, match="no text to draw"):
        plot_length_distribution({"train": []}, 64, tmp_path / "none.png")


def test_accuracy_by_coverage_is_drawn_as_given(tmp_path, figures):
    curves = {
        "test": {"1": 0.85, "0.9": 0.9, "0.5": 0.97},
        "later dates": {"1": 0.8, "0.9": 0.82, "0.5": 0.9},
    }
    pixels_of(plot_accuracy_by_coverage(curves, tmp_path / "coverage.png"))
    lines = figures[0].axes[0].lines
    assert [list(line.get_ydata()) for line in lines] == [list(curve.values()) for curve in curves.values()]
    assert list(lines[0].get_xdata()) == [1.0, 0.9, 0.5]
    with pytest.raises(ValueError, match="no curve"):
        plot_accuracy_by_coverage({}, tmp_path / "coverage.png")
