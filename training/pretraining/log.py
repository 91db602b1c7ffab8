"""The log of a pre-training run and its curves."""

from __future__ import annotations

import csv
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

from bilstm_classifier.files import replacing, write_text

logger = logging.getLogger(__name__)

LOG_COLUMNS = [
    "step",
    "tokens",
    "seconds",
    "learning_rate",
    "mlm_loss",
    "mlm_accuracy",
    "contrastive_loss",
    "contrastive_accuracy",
    "tokens_per_second",
    "held_out_mlm_loss",
    "held_out_mlm_accuracy",
    "held_out_contrastive_accuracy",
]


class Log:
    """`log.csv`, rewritten whole at each row; a resumed run keeps the rows up to the step it starts from."""

    def __init__(self, path: Path, earlier: Path | None, step: int) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        source = path if path.is_file() else earlier
        if step and source is not None and source.is_file():
            with source.open(encoding="utf-8", newline="") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= step]

    def add(self, **row: Any) -> None:
        """Append a row to the file and show it."""
        self.rows.append(
            {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()}
        )
        logger.info(
            "%s", " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items())
        )
        lines = [",".join(LOG_COLUMNS)]
        lines += [",".join(str(entry.get(name, "")) for name in LOG_COLUMNS) for entry in self.rows]
        text = "\n".join(lines) + "\n"
        write_text(self.path, text)


def averages(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows of a log whose training figures are means over many steps.

    The last row of a run may be that of one or two batches of one length, which says nothing beside the others.
    """
    steps = [0, *(int(row["step"]) for row in rows)]
    most = max((after - before for before, after in pairwise(steps)), default=0)
    return [row for row, before in zip(rows, steps, strict=False) if 4 * (int(row["step"]) - before) >= most]


def plot(run: Path) -> None:
    """Draw the losses of `run`/log.csv against the tokens seen into `run`/loss.png, if matplotlib is installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        logger.warning("matplotlib is not installed: no loss.png; run `pretrain.py plot %s` where it is", run)
        return
    with (run / "log.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    curves = [
        (left, "mlm_loss", "masked words, training"),
        (left, "held_out_mlm_loss", "masked words, held out"),
        (right, "contrastive_accuracy", "two passages of a document, training"),
        (right, "held_out_contrastive_accuracy", "two passages of a document, held out"),
        (right, "held_out_mlm_accuracy", "masked words, held out"),
    ]
    whole = averages(rows)
    for axes, column, label in curves:
        chosen = rows if "held" in column else whole
        points = [(int(row["tokens"]) / 1e6, float(row[column])) for row in chosen if row[column]]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, marker="." if "held" in column else None)
    for axes, name in ((left, "loss, nats"), (right, "accuracy")):
        axes.set(xlabel="tokens seen, millions", ylabel=name)
        axes.grid(alpha=0.3)
        axes.legend()
    with replacing(run / "loss.png") as temporary:
        figure.savefig(temporary, dpi=120)
