"""How good a model is on labelled texts."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch
from transformers import EvalPrediction, Trainer, TrainingArguments

from .calibration import accuracy_by_coverage, expected_calibration_error
from .decision import probabilities
from .hub import HubOptions
from .metrics import ClassificationMetric, classification_report
from .model_folder import load_model
from .padding import pad_rows
from .windows import TextEncoder, max_length_of

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast

logger = logging.getLogger(__name__)

_metric = ClassificationMetric()


class TextCollator:
    """Batches of ``input_ids`` padded to their longest row."""

    def __init__(self, pad_token_id: int):
        self.pad_token_id = pad_token_id

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """``input_ids`` and ``attention_mask`` (batch, time), ``labels`` (batch,) or (batch, num_labels)."""
        padded, mask = pad_rows([torch.tensor(row["input_ids"]) for row in rows], self.pad_token_id)
        return {
            "input_ids": padded,
            "attention_mask": mask,
            "labels": torch.tensor([row["labels"] for row in rows]),
        }


def encode_split(split: "Dataset", tokenizer: "PreTrainedTokenizerFast", max_length: int) -> "Dataset":
    """``text``, ``labels`` -> ``input_ids``, ``labels``, ``length`` (of ``input_ids``), ``tokens`` (were it not cut).

    Texts are cut as the predictor cuts them; texts in which the tokenizer finds nothing are left out.
    """
    encoder = TextEncoder(tokenizer.backend_tokenizer, max_length)

    def encode(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        texts = encoder.encode(batch["text"])
        kept = [(text, label) for text, label in zip(texts, batch["labels"], strict=True) if text.tokens]
        return {
            "input_ids": [text.windows[0] for text, _ in kept],
            "labels": [label for _, label in kept],
            "length": [len(text.windows[0]) for text, _ in kept],
            "tokens": [len(text.windows[0]) + text.tokens - text.tokens_read for text, _ in kept],
        }

    encoded = split.map(encode, batched=True, remove_columns=split.column_names, desc="Tokenizing")
    lengths, tokens = np.asarray(encoded["length"]), np.asarray(encoded["tokens"])
    if cut := int((lengths < tokens).sum()):
        share = lengths[lengths < tokens].sum() / tokens[lengths < tokens].sum()
        logger.warning(
            "%d of %d texts are longer than %d tokens; %.0f%% of their tokens are read",
            cut,
            len(encoded),
            max_length,
            100 * share,
        )
    return encoded


def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """Accuracy, precision, recall and F1 for the Trainer."""
    logits = (
        prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
    )
    return _metric.compute(predictions=logits.argmax(-1), references=prediction.label_ids)


def evaluate_model(
    model: str | Path, split: "Dataset", *, batch_size: int = 64, **options: Unpack[HubOptions]
) -> dict[str, Any]:
    """Evaluate a saved model on a split with the columns ``text`` and ``labels``.

    Args:
        model: Folder or Hub id.
        split: One split of what ``load_dataset_dict`` gives; its label names must be the model's, in any order.
        batch_size: Texts a batch.
        options: See :class:`bilstm_classifier.hub.HubOptions`.

    Returns:
        The report of :func:`bilstm_classifier.metrics.classification_report` with ``loss``, ``preparation_time`` and
        ``runtime`` in seconds, ``samples_per_second``, ``steps_per_second``, ``calibration_error`` and
        ``accuracy_by_coverage`` (see :mod:`bilstm_classifier.calibration`).

    Raises:
        ValueError: labels that the model does not have, or a model that cannot be used.
        OSError: the model cannot be read.
    """
    started = time.perf_counter()
    classifier, tokenizer = load_model(model, **options)
    names = classifier.config.label_names
    split = _with_ids_of(split, names, str(model))
    encoded = encode_split(split, tokenizer, max_length_of(tokenizer, classifier.config.max_tokens))
    args = TrainingArguments(
        output_dir=".",
        per_device_eval_batch_size=batch_size,
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to="none",
    )
    trainer = Trainer(model=classifier, args=args, data_collator=TextCollator(tokenizer.pad_token_id or 0))
    preparation = time.perf_counter() - started
    output = trainer.predict(encoded)
    report = classification_report(output.label_ids, output.predictions.argmax(-1), names)
    scores = probabilities(output.predictions, classifier.config.problem_type)
    figures = output.metrics or {}
    return {
        "loss": figures["test_loss"],
        "preparation_time": round(preparation, 3),
        "runtime": figures["test_runtime"],
        "samples_per_second": figures["test_samples_per_second"],
        "steps_per_second": figures["test_steps_per_second"],
        "calibration_error": expected_calibration_error(scores, output.label_ids),
        "accuracy_by_coverage": accuracy_by_coverage(scores, output.label_ids),
        **report,
    }


def _with_ids_of(split: "Dataset", names: list[str], model: str) -> "Dataset":
    """``split`` with the label ids of a model whose labels are ``names``."""
    found = split.features["labels"].names
    if all(name.isdecimal() and int(name) < len(names) for name in found) and not set(found) & set(names):
        found = [names[int(name)] for name in found]  # bare ids in place of names
    if unknown := sorted(set(found) - set(names)):
        raise ValueError(f"the data has the label {unknown[0]!r}, {model} knows {', '.join(names)}")
    if found == names:
        return split
    from datasets import Value

    ids = [names.index(name) for name in found]
    return split.cast_column("labels", Value("int64")).map(lambda row: {"labels": ids[row["labels"]]})
