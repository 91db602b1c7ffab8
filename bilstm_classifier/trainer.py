"""From a recipe to the folder of a trained model: Trainer, checkpoints, curves, figures."""

import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch
from transformers import (
    EarlyStoppingCallback,
    HfArgumentParser,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

from . import plots
from .augmentation import with_damaged_copies
from .building import build_classifier, build_tokenizer
from .calibration import LEAST_TEXTS, fit_temperature, unsure_bound
from .card import write_card
from .checkpoints import MarkComplete, last_complete
from .data import load_dataset_dict
from .decision import probabilities
from .embedding_store import EmbeddingStore, StoredCollator
from .evaluation import TextCollator, compute_metrics, encode_split, evaluate_model
from .files import write_text
from .hub import HubOptions, require_access
from .model_folder import save_model
from .modeling import BiLSTMForSequenceClassification
from .publishing import push_model
from .recipe import CardSettings, DataSettings, ModelSettings, load_recipe
from .runs import claim, hub_sources
from .teacher import check_teacher, with_teacher

if TYPE_CHECKING:
    from datasets import DatasetDict

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
    _check_early_stopping(model, args)
    output_dir = Path(args.output_dir)
    set_seed(args.seed)
    splits = load_splits(data, token=args.hub_token)
    if absent := [name for name in ("train", "validation", "test") if name not in splits]:
        raise ValueError(f"the data has no split {absent[0]!r}: give --{absent[0]}_size a share above 0")
    tokenizer = build_tokenizer(model, splits["train"], args.hub_token)
    classifier = build_classifier(model, tokenizer, splits["train"], args.hub_token)
    if (limit := classifier.config.max_tokens) is not None and model.max_length > limit:
        raise ValueError(
            f"max_length is {model.max_length}, but {model.embedder} reads {limit} tokens at most: "
            f"give --max_length {limit}"
        )
    if model.cache_embeddings and (not classifier.embedder_is_frozen or model.unfreeze_last_layers):
        raise ValueError(
            "cache_embeddings needs a wholly frozen --embedder: its output must not change in training"
        )
    check_teacher(np.asarray(splits["train"]["labels"]), data.teacher_share, args.label_smoothing_factor)
    # no sooner: settings or data that cannot be used must leave the folder free
    claim(output_dir, data, model, args, card or CardSettings(), splits)
    trainer = _trainer(classifier, tokenizer, splits, data, model, args)
    trainer.train(resume_from_checkpoint=_resume_point(output_dir))
    temperature = _calibrate(classifier, trainer, model.sure_accuracy)
    save_model(
        classifier,
        tokenizer,
        output_dir,
        max_length=model.max_length,
        dtype=getattr(torch, model.save_dtype),
        include_embedder=model.include_embedder,
    )
    if any("loss" in entry or "eval_loss" in entry for entry in trainer.state.log_history):
        plots.plot_loss_curves(trainer.state.log_history, output_dir / "loss_curves.png")
    about = {"temperature": temperature, "hub_sources": hub_sources(data, model)}
    metrics = _report(output_dir, trainer, splits, args, about)
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


def _check_early_stopping(model: ModelSettings, args: TrainingArguments) -> None:
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


def load_splits(data: DataSettings, **hub: Unpack[HubOptions]) -> "DatasetDict":
    """The data that ``data`` describes, with the splits ``train``, ``validation`` and ``test``."""
    reach: HubOptions = {**hub, "revision": data.dataset_revision}
    if not data.dataset:
        raise ValueError("no data: give --dataset (a Hub id, a file or a folder)")
    return load_dataset_dict(
        data.dataset,
        text_columns=data.text_columns or None,
        label_column=data.label_column,
        label_names=data.class_names or None,
        config_name=data.dataset_config,
        test_size=data.test_size,
        validation_size=data.validation_size,
        seed=data.split_seed,
        min_samples=data.min_samples,
        **reach,
    )


def _resume_point(output_dir: Path) -> str | None:
    checkpoint = last_complete(output_dir)
    if checkpoint is not None:
        logger.info("going on from %s", checkpoint)
    return None if checkpoint is None else str(checkpoint)


def _trainer(
    classifier: BiLSTMForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    splits: "DatasetDict",
    data: DataSettings,
    model: ModelSettings,
    args: TrainingArguments,
) -> Trainer:
    train = splits["train"]
    if data.teacher_share:
        logger.info("fitting the linear teacher on %d training rows", len(train))
        train = with_teacher(train, data.teacher_share, args.seed)
    if data.damaged_copies:
        train = with_damaged_copies(train, data.damaged_copies, data.damage_rate, args.seed)
    encoded = {
        name: encode_split(split, tokenizer, model.max_length)
        for name, split in (("train", train), ("validation", splits["validation"]))
    }
    _draw_data(Path(args.output_dir), splits, encoded, model.max_length)
    collator: Any = TextCollator(tokenizer.pad_token_id or 0)
    if model.cache_embeddings:
        rows = [ids for split in encoded.values() for ids in split["input_ids"]]
        key = hashlib.sha256(json.dumps([model.embedder, model.embedder_revision, rows]).encode()).hexdigest()
        classifier.to(args.device)
        store = EmbeddingStore.build(
            classifier, rows, Path(args.output_dir) / "embeddings", key=key, bf16=bool(args.bf16)
        )
        collator = StoredCollator(store)
        start = 0
        for name, split in encoded.items():
            indices = np.arange(start, start + len(split))
            encoded[name] = split.remove_columns("input_ids").add_column("index", indices)
            start += len(split)
    callbacks: list[Any] = [MarkComplete()]
    if model.early_stopping_patience:
        callbacks.append(EarlyStoppingCallback(model.early_stopping_patience))
    return Trainer(
        model=classifier,
        args=args,
        train_dataset=encoded["train"],
        eval_dataset=encoded["validation"],
        data_collator=collator,
        compute_metrics=compute_metrics,
        callbacks=callbacks,
    )


def _calibrate(
    classifier: BiLSTMForSequenceClassification, trainer: Trainer, sure_accuracy: float
) -> float | None:
    """Fold the validation split's temperature into the head, and note below which probability answers are unsure.

    Folded in, so that a bare pipeline gives calibrated probabilities too.

    Returns:
        The temperature; ``None`` where there are too few texts to tell it.
    """
    output = trainer.predict(trainer.eval_dataset)
    logits, labels = output.predictions, output.label_ids
    config = classifier.config
    if len(labels) < LEAST_TEXTS:
        logger.info(
            "not calibrated: %d texts to validate on, %d are needed; no answer is called unsure",
            len(labels),
            LEAST_TEXTS,
        )
        return None
    temperature = fit_temperature(logits, labels, config.problem_type)
    with torch.no_grad():
        classifier.classifier.weight.div_(temperature)
        classifier.classifier.bias.div_(temperature)
    if config.problem_type == "single_label_classification":
        scores = probabilities(logits / temperature, config.problem_type)
        config.unsure_below = unsure_bound(scores, labels, sure_accuracy)
    bound = config.unsure_below
    unsure = "no answer is called unsure" if bound is None else f"answers below {bound:.3f} are unsure"
    logger.info("calibrated: temperature %.3f; %s", temperature, unsure)
    return temperature


def _draw_data(output_dir: Path, splits: "DatasetDict", encoded: dict[str, Any], max_length: int) -> None:
    names = splits["train"].features["labels"].names
    counts = {
        split: dict(zip(names, np.bincount(rows["labels"], minlength=len(names)).tolist(), strict=True))
        for split, rows in splits.items()
    }
    plots.plot_class_distribution(counts, output_dir / "classes.png")
    lengths = {split: np.asarray(rows["tokens"]) for split, rows in encoded.items()}
    plots.plot_length_distribution(lengths, max_length, output_dir / "lengths.png")


def _report(
    output_dir: Path, trainer: Trainer, splits: "DatasetDict", args: TrainingArguments, about: dict[str, Any]
) -> dict[str, Any]:
    """Evaluate the model as it was saved; write ``metrics.json``, ``about`` in it, and the confusion matrix."""
    metrics: dict[str, Any] = {
        "steps": trainer.state.global_step,
        "epochs": trainer.state.epoch,
        "rows": {name: len(rows) for name, rows in splits.items()},
        **about,
    }
    for split in ("validation", "test"):
        metrics[split] = evaluate_model(output_dir, splits[split], batch_size=args.per_device_eval_batch_size)
    names = splits["test"].features["labels"].names
    plots.plot_confusion_matrix(
        metrics["test"]["confusion_matrix"], names, output_dir / "confusion_matrix.png"
    )
    write_text(output_dir / "metrics.json", json.dumps(metrics, ensure_ascii=False, indent=2))
    return metrics
