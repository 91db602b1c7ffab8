"""How good a model is on labelled texts."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from transformers import EvalPrediction, Trainer, TrainingArguments

from ..data.encoding import TextCollator, encode_split, label_names, memberships, overlapping_names
from ..decision import Decision, probabilities
from ..features import FeatureSchema
from ..hub.transport import HubOptions
from ..model_folder import load_model
from ..plots.topics import plot_co_occurrence
from ..plots.training_run import plot_confusion_matrix
from ..windows import TextEncoder, max_length_of
from .calibration import accuracy_by_coverage, expected_calibration_error
from .metrics import ClassificationMetric, classification_report, ordinal_scores
from .multi_label_metrics import multi_label_report, multi_label_scores

if TYPE_CHECKING:
    from datasets import Dataset

_metric = ClassificationMetric()


def compute_metrics_of(split: "Dataset") -> Callable[[EvalPrediction], dict[str, float]]:
    """What the Trainer computes at each evaluation, for labels such as those of ``split``."""
    return _single_label_metrics if overlapping_names(split) is None else _multi_label_metrics


def _single_label_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """Accuracy, precision, recall and F1."""
    return _metric.compute(predictions=_logits(prediction).argmax(-1), references=prediction.label_ids)


def _multi_label_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """Micro and macro F1 and the like with thresholds of one half, and average precision, which needs none."""
    scores = probabilities(_logits(prediction), "multi_label_classification")
    labels = np.asarray(prediction.label_ids).astype(int)
    present = labels.any(axis=0)
    average = (
        average_precision_score(labels[:, present], scores[:, present], average="macro")
        if present.any()
        else 0.0
    )
    return {"average_precision": float(average), **multi_label_scores(labels, scores >= 0.5)}


def _logits(prediction: EvalPrediction) -> np.ndarray:
    found = prediction.predictions
    return found[0] if isinstance(found, tuple) else found


def evaluate_model(
    model: str | Path, split: "Dataset", *, batch_size: int = 64, **options: Unpack[HubOptions]
) -> dict[str, Any]:
    """Evaluate a saved model on a split with the columns ``text`` and ``labels``.

    Args:
        model: Folder or Hub id.
        split: One split of what ``load_dataset_dict`` gives; its label names must be the model's, in any order, and its
            columns beside the text those that the model reads.
        batch_size: Texts a batch.
        options: See :class:`bilstm_classifier.hub.transport.HubOptions`.

    Returns:
        The report of :func:`bilstm_classifier.evaluation.metrics.classification_report`, or of
        :func:`bilstm_classifier.evaluation.multi_label_metrics.multi_label_report` where labels overlap, with ``loss``,
        ``preparation_time`` and ``runtime`` in seconds, ``samples_per_second``, ``steps_per_second``; for a single
        label ``calibration_error`` and ``accuracy_by_coverage`` (see :mod:`bilstm_classifier.evaluation.calibration`),
        and where labels are in an order what :func:`bilstm_classifier.evaluation.metrics.ordinal_scores` gives. Labels
        are those that the predictor would give: by thresholds, cascade and rules where the model has them.

    Raises:
        ValueError: labels that the model does not have, or a model that cannot be used.
        OSError: the model cannot be read.
    """
    started = time.perf_counter()
    classifier, tokenizer = load_model(model, **options)
    config = classifier.config
    split = _with_ids_of(split, config.label_names, str(model))
    limit = max_length_of(tokenizer, config.max_tokens)
    encoder = TextEncoder(tokenizer.backend_tokenizer, limit, lemmas=config.lemmas)
    encoded = encode_split(split, encoder, FeatureSchema.of(config))
    # like with like, so that little is computed for padding; the Trainer's own grouping would not say in which order
    encoded = encoded.select(np.argsort(encoded["length"], kind="stable"))
    args = TrainingArguments(
        output_dir=".",
        per_device_eval_batch_size=batch_size,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to="none",
    )
    trainer = Trainer(model=classifier, args=args, data_collator=TextCollator(tokenizer.pad_token_id or 0))
    preparation = time.perf_counter() - started
    output = trainer.predict(encoded)
    figures = output.metrics or {}
    scores = probabilities(output.predictions, config.problem_type)
    texts = split.select(encoded["place"])["text"] if classifier.rules is not None else [""] * len(scores)
    return {
        "loss": figures["test_loss"],
        "preparation_time": round(preparation, 3),
        "runtime": figures["test_runtime"],
        "samples_per_second": figures["test_samples_per_second"],
        "steps_per_second": figures["test_steps_per_second"],
        **report_of(
            Decision.of(config, classifier.rules), scores, output.label_ids, texts, config.ordered_labels
        ),
    }


def report_of(
    decision: Decision, scores: np.ndarray, labels: np.ndarray, texts: Sequence[str], ordered: bool
) -> dict[str, Any]:
    """What the labels that ``decision`` gives are worth.

    Args:
        decision: Of the model.
        scores: Its probabilities (texts, labels).
        labels: True class ids (texts,), or 0/1 (texts, labels) where labels overlap.
        texts: As many; only keyword rules read them.
        ordered: Whether the labels are steps in their order; distances are then those of the texts that get an answer.

    Returns:
        The report of the labels chosen; calibration and accuracy by coverage are those of the likeliest label, which
        a cascade or rules may pass over.
    """
    names = decision.label_names
    choices = decision.choose(scores, texts)
    if decision.overlapping:
        chosen = memberships([choice.labels for choice in choices], len(names))
        return multi_label_report(np.asarray(labels).astype(int), scores, chosen.astype(int), names)
    predicted = np.array([choice.labels[0] if choice.labels else -1 for choice in choices])
    report = {
        "calibration_error": expected_calibration_error(scores, labels),
        "accuracy_by_coverage": accuracy_by_coverage(scores, labels),
        **classification_report(labels, predicted, names),
    }
    answered = predicted >= 0  # there is no distance to no answer
    if ordered and answered.any():
        report |= ordinal_scores(labels[answered], predicted[answered], scores[answered], names)
    return report


def draw_report(report: dict[str, Any], names: Sequence[str], folder: Path) -> None:
    """The picture of a report: which labels are taken for which, or which occur together."""
    if "co_occurrence" in report:
        plot_co_occurrence(report["co_occurrence"], names, folder / "co_occurrence.png")
    else:
        plot_confusion_matrix(report["confusion_matrix"], names, folder / "confusion_matrix.png")


def _with_ids_of(split: "Dataset", names: list[str], model: str) -> "Dataset":
    """``split`` with the label ids of a model whose labels are ``names``."""
    found = label_names(split)
    if all(name.isdecimal() and int(name) < len(names) for name in found) and not set(found) & set(names):
        found = [names[int(name)] for name in found]  # bare ids in place of names
    if unknown := sorted(set(found) - set(names)):
        raise ValueError(f"the data has the label {unknown[0]!r}, {model} knows {', '.join(names)}")
    if found == names:
        return split
    from datasets import ClassLabel, Features, List

    overlapping = overlapping_names(split) is not None
    kind = ClassLabel(names=names)
    ids = [names.index(name) for name in found]

    def renumbered(row: dict[str, Any]) -> dict[str, Any]:
        labels = row["labels"]
        return {"labels": [ids[label] for label in labels] if overlapping else ids[labels]}

    features = Features({**split.features, "labels": List(kind) if overlapping else kind})
    return split.map(renumbered, features=features)
