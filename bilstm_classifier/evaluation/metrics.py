"""How well predicted labels match the true ones: one ``evaluate`` metric and one report built on it.

Both are for texts with one label each; ``multi_label_metrics`` is for labels that overlap.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import evaluate
import numpy as np
from datasets import Features, Value
from numpy.typing import ArrayLike
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    precision_recall_fscore_support,
)

# In place of a predicted id: the model gave no answer.
UNANSWERED = -1
_DESCRIPTION = "Accuracy, and precision, recall and F1 averaged over the labels, by support and equally."
_INPUTS = """
Args:
    predictions: one label id per text.
    references: the true label id of each text.
Returns:
    accuracy, precision, recall, f1 (averages weighted by support), precision_macro, recall_macro, f1_macro.
"""


class OfflineMetric(evaluate.Metric):
    """An ``evaluate`` metric that keeps everything in memory, unless asked otherwise, and needs no folder for it."""

    def __init__(self, config_name: str | None = None, keep_in_memory: bool = True, **kwargs: Any):
        super().__init__(config_name, keep_in_memory, **kwargs)

    def _build_data_dir(self) -> str:
        # The base class makes a folder under the home folder, which may be read-only, even when nothing goes there.
        if self.keep_in_memory:
            return os.path.join(self._data_dir_root, self.name, self.config_name)
        return super()._build_data_dir()


class ClassificationMetric(OfflineMetric):
    """Accuracy, precision, recall and F1 of single-label predictions, without the network.

    ``evaluate.load("accuracy")`` downloads a script from the Hub; this class needs no script, alone, in
    ``evaluate.combine([...])`` or in ``evaluate.evaluator("text-classification")`` (which, in evaluate 0.4.6 with
    transformers 5, takes a model with its tokenizer or a folder, not a ready pipeline).

    ``compute(predictions=, references=)`` takes label ids, ``(texts,)`` each, and returns plain floats: ``accuracy``,
    then ``precision``, ``recall`` and ``f1`` weighted by support, then ``precision_macro``, ``recall_macro`` and
    ``f1_macro``, the plain means over the labels that occur in either input. A label that was never predicted has
    precision 0, one that never occurs has recall 0.

    Everything stays in memory. Pass ``keep_in_memory=False`` for distributed use (``num_process`` above 1), which
    shares files in ``cache_dir``.

    Raises:
        ValueError: from ``compute``, when the inputs are empty, differ in length, or are not numbers.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=Features({"predictions": Value("int64"), "references": Value("int64")}),
            reference_urls=["https://scikit-learn.org/stable/modules/model_evaluation.html"],
            format="numpy",
        )

    def _compute(self, *, predictions: np.ndarray, references: np.ndarray) -> dict[str, float]:
        if not len(references):
            raise ValueError("there is nothing to score: predictions and references are empty")
        scores = {"accuracy": float(accuracy_score(references, predictions))}
        occurring = np.union1d(references, predictions[predictions >= 0])  # no answer (-1) is no class
        for average, suffix in (("weighted", ""), ("macro", "_macro")):
            precision, recall, f1, _ = precision_recall_fscore_support(
                references, predictions, labels=occurring, average=average, zero_division=0
            )
            scores |= {
                f"precision{suffix}": float(precision),
                f"recall{suffix}": float(recall),
                f"f1{suffix}": float(f1),
            }
        return scores


def classification_report(
    labels: ArrayLike, predictions: ArrayLike, label_names: Sequence[str]
) -> dict[str, Any]:
    """Score predictions overall and class by class.

    Args:
        labels: True label ids, ``(texts,)``, each an index into ``label_names``.
        predictions: Predicted label ids, ``(texts,)``; -1 where a model gave no answer, which is wrong, but none of
            another class.
        label_names: The name of each id.

    Returns:
        What :class:`ClassificationMetric` computes, and ``per_class`` (for each name ``precision``, ``recall``,
        ``f1`` and ``support``, its number of texts) and ``confusion_matrix`` (rows are true labels, columns are
        predicted ones, both in the order of ``label_names``). Plain numbers, ready for JSON. A class without
        texts is listed with zeros; the macro averages pass over it unless it was predicted. Where some texts got no
        answer, ``unanswered`` is their share, and they stand in no column of ``confusion_matrix``.

    Raises:
        ValueError: the inputs are empty, differ in length, hold ids outside ``label_names``, or a name occurs twice.
        TypeError: the inputs are not integers.
    """
    if len(set(label_names)) != len(label_names):
        repeated = sorted({name for name in label_names if list(label_names).count(name) > 1})
        raise ValueError(f"label names must differ, found twice: {', '.join(repeated)}")
    true_ids, predicted_ids = _pairs(labels, predictions, len(label_names), lowest=UNANSWERED)
    ids = np.arange(len(label_names))
    unanswered = float((predicted_ids == UNANSWERED).mean())
    precision, recall, f1, support = precision_recall_fscore_support(
        true_ids, predicted_ids, labels=ids, average=None, zero_division=0
    )
    return {
        **ClassificationMetric().compute(predictions=predicted_ids, references=true_ids),
        **({"unanswered": unanswered} if unanswered else {}),
        "per_class": {
            name: {
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
                "support": int(support[index]),
            }
            for index, name in enumerate(label_names)
        },
        "confusion_matrix": confusion_matrix(true_ids, predicted_ids, labels=ids).tolist(),
    }


def ordinal_scores(
    labels: ArrayLike, predictions: ArrayLike, scores: ArrayLike, label_names: Sequence[str]
) -> dict[str, float | None]:
    """Score predictions of labels that are steps in an order, such as 1 to 5 stars: a near miss costs less.

    The distance of two labels is that of their positions in ``label_names``, which must stand in their order; the
    steps between neighbours count as equal.

    Args:
        labels: True label ids, ``(texts,)``, each an index into ``label_names``.
        predictions: Predicted label ids, ``(texts,)``.
        scores: Probability of each label, ``(texts, labels)``.
        label_names: The name of each id, from the lowest to the highest step.

    Returns:
        ``mean_absolute_error``, the mean distance in steps; ``quadratic_kappa``, the agreement beyond chance with
        squared distances as weights (J. Cohen, "Weighted kappa", Psychological Bulletin 70, 1968): 1 is full
        agreement, 0 what chance gives, and ``None`` where all labels and predictions are one class, of which
        kappa is not defined; ``ranked_probability_score``, the squared distance of the cumulated probabilities from
        those of the true label, meaned over the steps between labels (E. S. Epstein, "A scoring system for
        probability forecasts of ranked categories", Journal of Applied Meteorology 8, 1969): 0 is best.

    Raises:
        ValueError: the inputs are empty, differ in length, hold ids outside ``label_names``, or there are fewer than
            two label names.
        TypeError: the ids are not integers.
    """
    true_ids, predicted_ids = _pairs(labels, predictions, len(label_names))
    if len(label_names) < 2:
        raise ValueError(f"labels in an order are two or more, found {len(label_names)}")
    probabilities = np.asarray(scores, dtype=float)
    if probabilities.shape != (len(true_ids), len(label_names)):
        raise ValueError(
            f"scores have the shape {probabilities.shape}, expected {(len(true_ids), len(label_names))}: "
            "a row a text and a column a label"
        )
    ids = np.arange(len(label_names))
    kappa = None
    if len(np.union1d(true_ids, predicted_ids)) > 1:
        # with all ids, or the distance over a step that never occurs would shrink
        kappa = float(cohen_kappa_score(true_ids, predicted_ids, labels=ids, weights="quadratic"))
    reached = ids[:-1] >= true_ids[:, None]  # (texts, labels - 1): the true label is this step or a lower one
    cumulated = probabilities.cumsum(axis=1)[:, :-1]  # (texts, labels - 1)
    return {
        "mean_absolute_error": float(np.abs(true_ids - predicted_ids).mean()),
        "quadratic_kappa": kappa,
        "ranked_probability_score": float(((cumulated - reached) ** 2).mean()),
    }


def format_report(report: Mapping[str, Any], label_names: Sequence[str]) -> str:
    """Lay out a report of :func:`classification_report` as a table: a line per class, then the averages.

    Raises:
        ValueError: the report lacks one of ``label_names``.
    """
    per_class = report["per_class"]
    if missing := [name for name in label_names if name not in per_class]:
        raise ValueError(f"the report has no class {missing[0]!r}: it has {', '.join(per_class)}")
    total = sum(scores["support"] for scores in per_class.values())
    width = max(map(len, ["weighted avg", *label_names]))

    def line(name: str, precision: float, recall: float, f1: float, support: int) -> str:
        return f"{name:<{width}}  {precision:>9.4f}  {recall:>9.4f}  {f1:>9.4f}  {support:>9}"

    return "\n".join(
        [
            f"{'class':<{width}}  {'precision':>9}  {'recall':>9}  {'f1':>9}  {'support':>9}",
            *(line(name, **per_class[name]) for name in label_names),
            "",
            f"{'accuracy':<{width}}  {'':>9}  {'':>9}  {report['accuracy']:>9.4f}  {total:>9}",
            line("macro avg", report["precision_macro"], report["recall_macro"], report["f1_macro"], total),
            line("weighted avg", report["precision"], report["recall"], report["f1"], total),
        ]
    )


def _pairs(
    labels: ArrayLike, predictions: ArrayLike, num_labels: int, lowest: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted ids (texts,) each, checked; of the latter ``lowest`` is the least that may be."""
    true_ids = _label_ids("labels", labels, num_labels)
    predicted_ids = _label_ids("predictions", predictions, num_labels, lowest)
    if len(true_ids) != len(predicted_ids):
        raise ValueError(
            f"{len(true_ids)} labels and {len(predicted_ids)} predictions: expected one prediction per label"
        )
    return true_ids, predicted_ids


def _label_ids(what: str, values: ArrayLike, num_labels: int, lowest: int = 0) -> np.ndarray:
    """``values`` as an array of ids (texts,), checked."""
    ids = np.asarray(values)
    if ids.ndim != 1:
        raise ValueError(f"{what} have the shape {ids.shape}, expected (texts,): one label id per text")
    if not ids.size:
        raise ValueError(f"there is nothing to score: {what} are empty")
    if not np.issubdtype(ids.dtype, np.integer):
        raise TypeError(f"{what} are of type {ids.dtype}, expected integer label ids")
    outside = np.flatnonzero((ids < lowest) | (ids >= num_labels))
    if outside.size:
        row = int(outside[0])
        raise ValueError(
            f"{what}[{row}] is {ids[row]}, expected a label id from {lowest} to {num_labels - 1}"
        )
    return ids
