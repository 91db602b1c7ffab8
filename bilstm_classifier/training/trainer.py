"""From a recipe to the folder of a trained model: Trainer, checkpoints, curves, figures."""

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    EarlyStoppingCallback,
    HfArgumentParser,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from ..data.encoding import label_names
from ..evaluation.calibration import calibrate
from ..evaluation.reporting import compute_metrics_of, draw_report, evaluate_model
from ..files import write_text
from ..hub.card import write_card
from ..hub.publishing import push_model
from ..hub.transport import require_access
from ..model_folder import save_model
from ..modeling import BiLSTMForSequenceClassification
from ..plots.training_run import plot_loss_curves
from ..recipe import CardSettings, DataSettings, ModelSettings, load_recipe
from .checkpoints import MarkComplete, last_complete
from .deciding import fit_decision
from .preparation import Prepared, draw_data, prepare
from .runs import claim, hub_sources

logger = logging.getLogger(__name__)

# A checkpoint is marked complete after the Trainer has removed old ones: with the best, one more must remain.
LEAST_CHECKPOINTS = 3
DEFAULTS = {
    "logging_steps": 50,
    "logging_first_step": True,
    "eval_strategy": "epoch",
    "restore_callback_states_from_checkpoint": True,  # early stopping goes on counting where it was
    "save_total_limit": LEAST_CHECKPOINTS,
    "remove_unused_columns": False,
}


def parse_settings(
    recipe: str | Path | None, arguments: Sequence[str] | dict[str, Any]
) -> tuple[DataSettings, ModelSettings, TrainingArguments, CardSettings]:
    """A recipe's settings with ``arguments`` (a command line's, or by name) in place of the recipe's own.

    Raises:
        ValueError: an unknown recipe, key or value.
    """
    loaded = load_recipe(recipe)
    values = {
        **asdict(loaded.data),
        **asdict(loaded.model),
        **asdict(loaded.card),
        **DEFAULTS,
        **loaded.training,
    }
    values["use_cpu"] = not torch.accelerator.is_available()
    if values.get("bf16") and not _bfloat16_is_fast():
        values["bf16"] = False
        logger.info("bf16 of the recipe is left out: this machine computes it no faster than float32")
    values.setdefault("output_dir", f"runs/{Path(recipe).stem if recipe else 'model'}")
    parser = HfArgumentParser(
        [DataSettings, ModelSettings, TrainingArguments, CardSettings],
        usage="bilstm-classifier train [--recipe NAME_OR_FILE] [--OPTION VALUE ...]",
        allow_abbrev=False,
    )
    if isinstance(arguments, dict):
        return parser.parse_dict({**values, **arguments})
    parser.set_defaults(**values)
    *settings, unknown = parser.parse_args_into_dataclasses(list(arguments), return_remaining_strings=True)
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return tuple(settings)


def train_model(recipe: str | Path | None = None, **overrides: Any) -> dict[str, Any]:
    """Train by a recipe (a name in the package or a YAML file), any of its settings overridden by name.

    The run's folder ``output_dir`` then holds the model, its card, ``recipe.yaml``, ``metrics.json`` and pictures. A
    run that was interrupted goes on from its last complete checkpoint when it is started again with the same settings.

    Example:
        ``train_model("default_model", dataset="reviews.csv", output_dir="runs/reviews", num_train_epochs=5)``

    Returns:
        What ``metrics.json`` holds.

    Raises:
        ValueError: settings or data that cannot be used, or a folder that holds a run with other settings.
        OSError: data, encoder or disk fail.
    """
    return run_training(*parse_settings(recipe, overrides))


def run_training(
    data: DataSettings, model: ModelSettings, args: TrainingArguments, card: CardSettings | None = None
) -> dict[str, Any]:
    """:func:`train_model` with its settings as objects."""
    push, args.push_to_hub = args.push_to_hub, False  # the Trainer would push pickles
    if push:
        if not args.hub_model_id:
            raise ValueError("--push_to_hub needs --hub_model_id owner/name")
        require_access(
            args.hub_model_id, args.hub_token
        )  # hours of training should not end at a missing token
    args.save_total_limit = max(args.save_total_limit or LEAST_CHECKPOINTS, LEAST_CHECKPOINTS)
    args.remove_unused_columns = False
    args.dataloader_pin_memory = args.device.type == "cuda"
    check_early_stopping(model, args)
    output_dir = Path(args.output_dir)
    set_seed(args.seed)
    prepared = prepare(data, model, args)
    classifier = prepared.build_classifier(model)
    # no sooner: settings or data that cannot be used must leave the folder free
    claim(output_dir, data, model, args, card or CardSettings(), prepared.splits)
    draw_data(prepared, output_dir, model.max_length)
    if model.cache_embeddings:
        prepared.store_embeddings(classifier, model, args)
    trainer = make_trainer(prepared, model, args, classifier=classifier, callbacks=[MarkComplete()])
    trainer.train(resume_from_checkpoint=_resume_point(output_dir))
    logits, labels, places = predict_validation(trainer)
    temperature = calibrate(classifier, logits, labels, model.sure_accuracy)
    fit_decision(classifier, model, logits / (temperature or 1.0), labels, places, prepared, output_dir)
    save_model(
        classifier,
        prepared.tokenizer,
        output_dir,
        max_length=model.max_length,
        dtype=getattr(torch, model.save_dtype),
        include_embedder=model.include_embedder,
    )
    if any("loss" in entry or "eval_loss" in entry for entry in trainer.state.log_history):
        plot_loss_curves(trainer.state.log_history, output_dir / "loss_curves.png")
    about = {"temperature": temperature, "hub_sources": hub_sources(data, model)}
    metrics = _report(output_dir, trainer, prepared, args, about)
    write_card(output_dir)
    shutil.rmtree(output_dir / "embeddings", ignore_errors=True)
    logger.info('the model is in %s: bilstm-classifier predict --model %s "..."', output_dir, output_dir)
    if push:
        try:
            pushed = push_model(
                output_dir,
                args.hub_model_id,
                private=args.hub_private_repo,
                revision=args.hub_revision,
                token=args.hub_token,
            )
        except OSError as error:
            later = f"bilstm-classifier push {output_dir} {args.hub_model_id}"
            raise OSError(f"{error}; the model is kept, push it later: {later}") from error
        logger.info("pushed to %s" if pushed.changed else "%s has it all already", pushed.url)
    return metrics


def check_early_stopping(model: ModelSettings, args: TrainingArguments) -> None:
    """Raise ValueError where early stopping lacks an argument that it needs."""
    wanted = {
        "--load_best_model_at_end": args.load_best_model_at_end,
        "--metric_for_best_model": args.metric_for_best_model,
        "--eval_strategy": str(getattr(args.eval_strategy, "value", args.eval_strategy)) != "no",
    }
    if model.early_stopping_patience and (absent := [name for name, given in wanted.items() if not given]):
        raise ValueError(f"--early_stopping_patience needs {' and '.join(absent)} (or set it to 0)")


def _bfloat16_is_fast() -> bool:
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def _resume_point(output_dir: Path) -> str | None:
    checkpoint = last_complete(output_dir)
    if checkpoint is not None:
        logger.info("going on from %s", checkpoint)
    return None if checkpoint is None else str(checkpoint)


def make_trainer(
    prepared: Prepared,
    model: ModelSettings,
    args: TrainingArguments,
    *,
    classifier: BiLSTMForSequenceClassification | None = None,
    model_init: Callable[..., BiLSTMForSequenceClassification] | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> Trainer:
    """The Trainer of what was prepared, for ``classifier`` or for what ``model_init`` makes anew for each trial."""
    early = [EarlyStoppingCallback(model.early_stopping_patience)] if model.early_stopping_patience else []
    return Trainer(
        model=classifier,
        model_init=model_init,
        args=args,
        train_dataset=prepared.encoded["train"],
        eval_dataset=prepared.encoded["validation"],
        data_collator=prepared.collator,
        compute_metrics=compute_metrics_of(prepared.splits["train"]),
        callbacks=[*callbacks, *early],
    )


def predict_validation(trainer: Trainer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the validation split: logits (texts, labels), labels as the model is trained on them, and places in it."""
    rows: Any = trainer.eval_dataset
    rows = rows.select(np.argsort(rows["length"], kind="stable"))
    trainer.args.train_sampling_strategy = "random"  # grouping would hide the order of the rows
    output = trainer.predict(rows)
    return output.predictions, output.label_ids, np.asarray(rows["place"])


def _report(
    output_dir: Path, trainer: Trainer, prepared: Prepared, args: TrainingArguments, about: dict[str, Any]
) -> dict[str, Any]:
    """Evaluate the model as it was saved; write ``metrics.json``, ``about`` in it, and pictures of the test."""
    splits = prepared.splits
    metrics: dict[str, Any] = {
        "steps": trainer.state.global_step,
        "epochs": trainer.state.epoch,
        "rows": {name: len(rows) for name, rows in splits.items()},
        **about,
    }
    for split in ("validation", "test"):
        metrics[split] = evaluate_model(output_dir, splits[split], batch_size=args.per_device_eval_batch_size)
    draw_report(metrics["test"], label_names(splits["test"]), output_dir)
    write_text(output_dir / "metrics.json", json.dumps(metrics, ensure_ascii=False, indent=2))
    return metrics
