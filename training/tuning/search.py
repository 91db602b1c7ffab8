"""The search itself: Optuna proposes, the Trainer trains, a study in SQLite remembers."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from bilstm_classifier.files import write_text
from bilstm_classifier.recipe import CardSettings, DataSettings, ModelSettings
from bilstm_classifier.training.preparation import prepare
from bilstm_classifier.training.runs import claim
from bilstm_classifier.training.trainer import check_early_stopping, make_trainer
from tuning.interrupts import StopOnInterrupt
from tuning.space import Parameter

if TYPE_CHECKING:
    import optuna
    from transformers import TrainingArguments

    from bilstm_classifier.training.preparation import Prepared

logger = logging.getLogger("tune")

STUDY_FILE, SPACE_FILE = "study.db", "space.yaml"
# A trial is stopped early only where so many others were trained to their end.
STARTUP_TRIALS = 5


class Objective:
    """What a trial is worth: a figure of the validation split, at its best epoch where a training keeps that one."""

    def __init__(self, args: TrainingArguments):
        self.metric = (args.metric_for_best_model or "f1_macro").removeprefix("eval_")
        self.direction = "minimize" if args.greater_is_better is False else "maximize"
        self._keeps_best = bool(args.load_best_model_at_end)
        self._best: float | None = None

    def start_trial(self) -> None:
        """Forget the trial before."""
        self._best = None

    def __call__(self, metrics: dict[str, float]) -> float:
        """The value after an evaluation.

        Raises:
            ValueError: the evaluation has no such figure.
        """
        if (name := f"eval_{self.metric}") not in metrics:
            known = ", ".join(key.removeprefix("eval_") for key in metrics)
            raise ValueError(f"metric_for_best_model is {self.metric!r}: the evaluation gives {known}")
        value = metrics[name]
        if self._keeps_best and self._best is not None:
            value = (max if self.direction == "maximize" else min)(value, self._best)
        self._best = value
        return value


def run_search(
    settings: tuple[DataSettings, ModelSettings, TrainingArguments, CardSettings],
    parameters: Sequence[Parameter],
    *,
    trials: int,
    minutes: float | None = None,
) -> optuna.Study:
    """Go on with the study in ``output_dir`` until it holds ``trials`` finished trials.

    The first trial is the recipe itself, where the space holds it. Trials differ in ``parameters`` only: seed, splits
    and everything else are one. Their models are not kept; the test split is not looked at.

    Args:
        settings: Those that the search starts from, as of a training.
        parameters: What varies.
        trials: Trials in all, those of earlier calls counted in.
        minutes: Start no further trial after this time.

    Raises:
        ImportError: Optuna is not installed.
        ValueError: settings or data that cannot be used, a folder with another study, or no trial that came to an end.
        OSError: data, encoder or disk fail.
    """
    optuna = _optuna()
    data, model, args, card = settings
    output_dir = Path(args.output_dir)
    if (output_dir / STUDY_FILE).exists() and not (output_dir / SPACE_FILE).exists():
        raise ValueError(f"{output_dir} holds a {STUDY_FILE} of something else: choose another --output_dir")
    objective = Objective(args)
    check_early_stopping(model, args)
    prepared = prepare(data, model, args)
    claim(output_dir, data, model, args, card, prepared.splits)
    _claim_space(output_dir, parameters)
    _keep_no_checkpoints(args)
    storage = _open_storage(output_dir / STUDY_FILE)
    study = optuna.create_study(
        study_name="tune", storage=storage, direction=objective.direction, load_if_exists=True
    )
    _fail_interrupted(study)
    done = len(finished(study))
    if done >= trials:
        logger.info("the study has %d trials already", done)
        return study
    if done:
        logger.info("going on after %d trials", done)
    _propose_recipe(study, parameters, model, args)
    if model.cache_embeddings:
        prepared.store_embeddings(prepared.build_classifier(model), model, args)
    interrupts = StopOnInterrupt()
    build = _model_init(parameters, objective, prepared, model)
    trainer = make_trainer(prepared, model, args, model_init=build, callbacks=[interrupts])
    with interrupts.listening():
        trainer.hyperparameter_search(
            hp_space=lambda trial: {
                item.name: item.suggest(trial) for item in parameters if item.section == "training"
            },
            compute_objective=objective,
            n_trials=trials - done,
            direction=objective.direction,
            backend="optuna",
            study_name="tune",
            storage=storage,
            load_if_exists=True,
            # another seed where a study goes on: the same would propose the same once more
            sampler=optuna.samplers.TPESampler(seed=args.seed + len(study.trials)),
            pruner=_median_pruner(),
            timeout=None if minutes is None else 60 * minutes,
        )
    shutil.rmtree(output_dir / "embeddings", ignore_errors=True)
    return study


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that came to an end, or were stopped for being worse than the median."""
    from optuna.trial import TrialState

    return study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ImportError("a search needs Optuna: pip install 'bilstm-classifier[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _claim_space(folder: Path, parameters: Sequence[Parameter]) -> None:
    """Write down the space, or see that the study in ``folder`` has the same."""
    path, space = folder / SPACE_FILE, {item.name: item.entry for item in parameters}
    if not path.is_file():
        write_text(path, yaml.safe_dump(space, sort_keys=False))
        return
    before = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    for name in [*space, *before]:
        if before.get(name) != space.get(name):
            raise ValueError(
                f"{folder} holds a study where {name} is searched in {before.get(name)}, now in {space.get(name)}: "
                "choose another --output_dir, or remove that one"
            )


def _keep_no_checkpoints(args: TrainingArguments) -> None:
    from transformers.trainer_utils import SaveStrategy

    args.save_strategy = SaveStrategy.NO
    args.load_best_model_at_end = False  # it needs checkpoints; see Objective for what stands in its place
    args.push_to_hub = False
    args.remove_unused_columns = False
    args.dataloader_pin_memory = args.device.type == "cuda"
    for name in ("learning_rate", "weight_decay", "warmup_steps", "num_train_epochs", "max_grad_norm"):
        setattr(
            args, name, float(getattr(args, name))
        )  # the Trainer gives what it tries the type of what was there


def _open_storage(path: Path) -> Any:
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return RDBStorage(f"sqlite:///{path}")
    except (SQLAlchemyError, RuntimeError) as error:  # RuntimeError: of another release of Optuna
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} cannot be read as a study, move it away: {reason:.200}") from error


def _fail_interrupted(study: optuna.Study) -> None:
    """Give up trials that a killed search has left as running."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _propose_recipe(
    study: optuna.Study, parameters: Sequence[Parameter], model: ModelSettings, args: TrainingArguments
) -> None:
    from optuna.trial import TrialState

    own = {
        item.name: getattr(model if item.section == "model" else args, item.name, None) for item in parameters
    }
    if finished(study) or study.get_trials(states=(TrialState.WAITING,)):
        return
    if outside := [item.name for item in parameters if not item.holds(own[item.name])]:
        logger.info("the recipe itself is not tried: its %s is not in the space", ", ".join(outside))
        return
    study.enqueue_trial(own)


def _model_init(
    parameters: Sequence[Parameter], objective: Objective, prepared: Prepared, model: ModelSettings
) -> Callable[..., Any]:
    def build(trial: optuna.Trial | None = None) -> Any:
        chosen = model
        if trial is not None:  # the Trainer builds a model for itself first
            objective.start_trial()
            values = {item.name: item.suggest(trial) for item in parameters}
            told = ", ".join(
                f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in values.items()
            )
            logger.info("trial %d: %s", trial.number, told)
            of_model = {item.name: values[item.name] for item in parameters if item.section == "model"}
            chosen = replace(model, **of_model)
        return prepared.build_classifier(chosen)

    return build


def _median_pruner() -> Any:
    from optuna.pruners import BasePruner
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    class MedianByEvaluation(BasePruner):
        """The median stopping rule (Golovin et al. 2017), as Optuna's MedianPruner, but by the count of evaluations.

        That one compares trials at the same step: with batches of other sizes, an epoch ends at another step.
        """

        def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
            """Whether the best value of ``trial`` so far is worse than the median of the others by then."""
            whole = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if len(whole) < STARTUP_TRIALS or not trial.intermediate_values:
                return False
            count = len(trial.intermediate_values)
            sign = 1 if study.direction == StudyDirection.MAXIMIZE else -1
            then = [_best_of_first(other, count, sign) for other in whole]
            return bool(_best_of_first(trial, count, sign) < np.median(then))

    return MedianByEvaluation()


def _best_of_first(trial: optuna.trial.FrozenTrial, count: int, sign: int) -> float:
    """The best of the first ``count`` evaluations, of all where early stopping left fewer; higher is better."""
    steps = sorted(trial.intermediate_values)[:count]
    return max((sign * trial.intermediate_values[step] for step in steps), default=-np.inf)
