"""What is written of a search: its trials, the best of them as a recipe, pictures."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from matplotlib.ticker import FuncFormatter, PercentFormatter

from bilstm_classifier.files import write_text
from bilstm_classifier.plots.drawing import (
    COLOURS,
    INK,
    PALE,
    draw_legend,
    new_figure,
    save_figure,
    thousands,
    whole_numbers,
)
from bilstm_classifier.training.runs import SETTINGS_FILE
from tuning.search import finished
from tuning.space import Parameter

if TYPE_CHECKING:
    import optuna

logger = logging.getLogger("tune")


def write_results(
    folder: Path, study: optuna.Study, parameters: Sequence[Parameter], metric: str, command: str
) -> None:
    """Write ``trials.csv``, ``best.yaml``, ``history.png`` and ``importance.png`` into ``folder``.

    Raises:
        OSError: the disk fails.
        ValueError: no trial came to an end.
    """
    if not _whole(study):
        raise ValueError("no trial came to an end: there is no best one")
    _write_trials(study, parameters, folder / "trials.csv")
    _write_best(folder, study, parameters, metric, command)
    draw_history(study, metric, folder / "history.png")
    shares = importances(study)
    if shares:
        draw_importances(shares, metric, folder / "importance.png")


def importances(study: optuna.Study) -> dict[str, float]:
    """The share of the figure's variance that each parameter explains, the largest first (fANOVA, Hutter et al. 2014).

    Empty where the whole trials are too few, or too alike, to tell.
    """
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    values = {trial.value for trial in _whole(study)}
    if len(_whole(study)) < 2 or len(values) < 2:
        logger.info("which parameters mattered cannot be told: too few trials with different figures")
        return {}
    return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))


def draw_history(study: optuna.Study, metric: str, path: Path) -> None:
    """Draw the value of each trial, in their order, and the best so far."""
    whole = _whole(study)
    stopped = [trial for trial in finished(study) if trial not in whole]
    better = np.maximum if study.direction.name == "MAXIMIZE" else np.minimum
    numbers = [trial.number for trial in whole]
    values = np.array([trial.value for trial in whole], dtype=float)
    figure, axes = new_figure(8, 4.6, f"{len(whole) + len(stopped)} trials, best {study.best_value:.4f}")
    axes.plot(numbers, values, "o", color=COLOURS[0], label=f"whole ({len(whole)})")
    if stopped:
        last = [_value(trial) for trial in stopped]
        label = f"stopped early ({len(stopped)})"
        axes.plot([trial.number for trial in stopped], last, "x", color=PALE, label=label)
    until = max(trial.number for trial in [*whole, *stopped])
    axes.step(
        [*numbers, until],
        [*better.accumulate(values), study.best_value],
        where="post",
        color=COLOURS[5],
        linewidth=1.6,
        label="best so far",
    )
    axes.set_xlabel("trial")
    axes.set_ylabel(f"{metric}, validation")
    axes.xaxis.set_major_locator(whole_numbers())
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    draw_legend(axes, columns=3)
    save_figure(figure, path)


def draw_importances(shares: dict[str, float], metric: str, path: Path) -> None:
    """Draw which parameters the figure depended on."""
    names = list(shares)
    figure, axes = new_figure(7, 0.36 * len(names) + 1.4, f"What {metric} depended on")
    bars = axes.barh(names, list(shares.values()), height=0.7, color=COLOURS[0])
    axes.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=3, fontsize=8, color=INK)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("share of the variance between trials")
    save_figure(figure, path)


def _whole(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return [trial for trial in finished(study) if trial.state.name == "COMPLETE"]


def _value(trial: optuna.trial.FrozenTrial) -> float:
    """The value of a trial; of one that was stopped, the last."""
    if trial.state.name == "COMPLETE" and trial.value is not None:
        return trial.value
    return trial.intermediate_values[max(trial.intermediate_values)]


def _write_trials(study: optuna.Study, parameters: Sequence[Parameter], path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [item.name for item in parameters]
    writer.writerow(["trial", "state", "value", "evaluations", "seconds", *names])
    for trial in finished(study):
        seconds = "" if trial.duration is None else round(trial.duration.total_seconds(), 1)
        state = "whole" if trial.state.name == "COMPLETE" else "stopped"
        figures = [trial.number, state, _value(trial), len(trial.intermediate_values), seconds]
        writer.writerow([*figures, *(trial.params.get(name, "") for name in names)])
    write_text(path, text.getvalue())


def _write_best(
    folder: Path, study: optuna.Study, parameters: Sequence[Parameter], metric: str, command: str
) -> None:
    """The settings of the search with the best trial's in place of them."""
    recipe: dict[str, Any] = yaml.safe_load((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    best, trials = study.best_trial, finished(study)
    for item in parameters:
        recipe[item.section][item.name] = best.params[item.name]
    stopped = len(trials) - len(_whole(study))
    head = [
        f"The best of {len(trials)} trials ({stopped} of them stopped early) of:",
        f"  {' '.join(command.split())}",
        f"{metric} on validation: {best.value:.6g}, trial {best.number} of the study in {folder}. Train it by:",
        f"  bilstm-classifier train --recipe {folder / 'best.yaml'} --output_dir {folder}-best",
    ]
    body = yaml.safe_dump(recipe, allow_unicode=True, sort_keys=False)
    write_text(folder / "best.yaml", "".join(f"# {line}\n" for line in head) + body)
