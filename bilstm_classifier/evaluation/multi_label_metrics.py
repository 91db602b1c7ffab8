"""How well chosen labels match the true ones where labels overlap: ``metrics.py`` for several labels a text.

Labels and choices are 0/1 per text and label. A text is a row, a label a column, in the order of the model's labels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import evaluate
import numpy as np
from datasets import Features, List, Value
from numpy.typing import ArrayLike
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    hamming_loss,
    precision_recall_fscore_support,
)

from .metrics import OfflineMetric

_DESCRIPTION = (
    "Precision, recall and F1 of labels that overlap, over all choices and label by label; exact matches."
)
_INPUTS = """
Args:
    predictions: for each text 0 or 1 per label, 1 where it was chosen.
    references: for each text 0 or 1 per label, 1 where it is true.
Returns:
    precision, recall and f1, each over all choices (_micro), as the plain mean over the labels (_macro) and as their
    mean weighted by support (no suffix), subset_accuracy, hamming_loss.
"""


class MultiLabelMetric(OfflineMetric):
    """What :func:`multi_label_scores` computes, as an ``evaluate`` metric without the network.

    ``compute(predictions=, references=)`` takes 0/1, ``(texts, labels)`` each, and returns plain floats. Everything
    stays in memory, see :class:`bilstm_classifier.evaluation.metrics.ClassificationMetric`.

    Raises:
        ValueError: from ``compute``, when the inputs are empty, differ in shape, or hold anything but 0 and 1.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            # not int64, to which a probability given by mistake would be cut
            features=Features({"predictions": List(Value("float64")), "references": List(Value("float64"))}),
            reference_urls=["https://scikit-learn.org/stable/modules/model_evaluation.html"],
        )

    def _compute(self, *, predictions: list[list[float]], references: list[list[float]]) -> dict[str, float]:
        return multi_label_scores(references, predictions)


def multi_label_scores(labels: ArrayLike, chosen: ArrayLike) -> dict[str, float]:
    """Score chosen labels over all texts.

    Args:
        labels: 1 where a label is true, else 0, ``(texts, labels)``.
        chosen: 1 where a label was chosen, else 0, ``(texts, labels)``.

    Returns:
        ``f1_micro``, ``f1_macro`` and ``f1`` (weighted by support), the same of ``precision`` and ``recall``;
        ``subset_accuracy``, the share of texts whose labels were all chosen and no other; ``hamming_loss``, the share
        of wrong choices among texts times labels. Macro averages are over the labels that are true or chosen
        somewhere. A label that was never chosen has precision 0, one that is never true has recall 0.

    Raises:
        ValueError: the inputs are empty, differ in shape, hold fewer than two labels or anything but 0 and 1.
    """
    truth, choice = _truth_and_choice(labels, chosen)
    occurring = np.flatnonzero(truth.any(axis=0) | choice.any(axis=0))
    scores: dict[str, float] = {}
    for average, suffix in (("micro", "_micro"), ("macro", "_macro"), ("weighted", "")):
        precision, recall, f1, _ = precision_recall_fscore_support(
            truth, choice, labels=occurring if len(occurring) else None, average=average, zero_division=0
        )
        scores |= {
            f"precision{suffix}": float(precision),
            f"recall{suffix}": float(recall),
            f"f1{suffix}": float(f1),
        }
    return {
        **scores,
        "subset_accuracy": float(accuracy_score(truth, choice)),
        "hamming_loss": float(hamming_loss(truth, choice)),
    }


def multi_label_report(
    labels: ArrayLike, scores: ArrayLike, chosen: ArrayLike, label_names: Sequence[str]
) -> dict[str, Any]:
    """Score chosen labels and the probabilities behind them, overall and label by label.

    Args:
        labels: 1 where a label is true, else 0, ``(texts, labels)``.
        scores: Probability of each label, ``(texts, labels)``.
        chosen: 1 where a label was chosen, else 0, ``(texts, labels)``.
        label_names: The name of each column.

    Returns:
        What :func:`multi_label_scores` computes, and

        - ``average_precision_macro`` and ``average_precision_micro``: precision averaged over the ranks of the true
          labels, which no threshold is needed for; per label and meaned, and over all texts and labels at once;
        - ``labels_per_text``: the mean number of ``true`` and of ``chosen`` ones;
        - ``without_label``: the share of texts for which nothing was chosen;
        - ``per_class``: for each name ``precision``, ``recall``, ``f1``, ``average_precision`` and ``support``, the
          number of texts it is true of;
        - ``co_occurrence``: how many texts two labels are both true of, ``(labels, labels)``, the support on the
          diagonal.

        Plain numbers, ready for JSON. Average precision is not defined for a label that is true of no text: ``None``,
        and left out of the macro mean (``None`` too where there is no label left).

    Raises:
        ValueError: the inputs are empty or differ in shape, labels or choices are not 0 or 1, scores are not numbers
            from 0 to 1, there are fewer than two labels, or a name occurs twice.
    """
    if len(set(label_names)) != len(label_names):
        repeated = sorted({name for name in label_names if list(label_names).count(name) > 1})
        raise ValueError(f"label names must differ, found twice: {', '.join(repeated)}")
    truth, choice = _truth_and_choice(labels, chosen)
    if truth.shape[1] != len(label_names):
        raise ValueError(
            f"labels have {truth.shape[1]} columns, expected one for each of {len(label_names)} names"
        )
    probabilities = np.asarray(scores, dtype=float)
    if probabilities.shape != truth.shape:
        raise ValueError(
            f"scores have the shape {probabilities.shape}, expected that of the labels: {truth.shape}"
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError(
            "scores hold a number that is no probability, expected 0 to 1 (logits need a sigmoid first)"
        )
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, choice, average=None, zero_division=0
    )
    average_precision = [
        float(average_precision_score(truth[:, column], probabilities[:, column]))
        if support[column]
        else None
        for column in range(len(label_names))
    ]
    known = [value for value in average_precision if value is not None]
    micro = float(average_precision_score(truth, probabilities, average="micro")) if known else None
    return {
        **multi_label_scores(truth, choice),
        "average_precision_macro": float(np.mean(known)) if known else None,
        "average_precision_micro": micro,
        "labels_per_text": {
            "true": float(truth.sum(axis=1).mean()),
            "chosen": float(choice.sum(axis=1).mean()),
        },
        "without_label": float((~choice.any(axis=1)).mean()),
        "per_class": {
            name: {
                "precision": float(precision[column]),
                "recall": float(recall[column]),
                "f1": float(f1[column]),
                "average_precision": average_precision[column],
                "support": int(support[column]),
            }
            for column, name in enumerate(label_names)
        },
        "co_occurrence": (truth.T @ truth).tolist(),
    }


def format_multi_label_report(report: Mapping[str, Any], label_names: Sequence[str]) -> str:
    """Lay out a report of :func:`multi_label_report` as a table: a line per label, the averages, then whole texts.

    Raises:
        ValueError: the report lacks one of ``label_names``.
    """
    per_class = report["per_class"]
    if missing := [name for name in label_names if name not in per_class]:
        raise ValueError(f"the report has no label {missing[0]!r}: it has {', '.join(per_class)}")
    total = sum(scores["support"] for scores in per_class.values())
    width = max(map(len, ["labels per text, chosen", *label_names]))

    def line(name: str, cells: Sequence[str | float | None]) -> str:
        shown = ["-" if cell is None else cell if isinstance(cell, str) else f"{cell:.4f}" for cell in cells]
        return f"{name:<{width}}  {'  '.join(f'{cell:>9}' for cell in shown)}"

    def average(name: str, suffix: str) -> str:
        figures = [report[f"{figure}{suffix}"] for figure in ("precision", "recall", "f1")]
        ranked = report[f"average_precision{suffix}"] if suffix else ""
        return line(name, [*figures, ranked, str(total)])

    columns = ("precision", "recall", "f1", "average_precision")
    return "\n".join(
        [
            line("label", ["precision", "recall", "f1", "avg prec", "support"]),
            *(
                line(
                    name, [*(per_class[name][column] for column in columns), str(per_class[name]["support"])]
                )
                for name in label_names
            ),
            "",
            average("micro avg", "_micro"),
            average("macro avg", "_macro"),
            average("weighted avg", ""),
            "",
            line("subset accuracy", [report["subset_accuracy"]]),
            line("hamming loss", [report["hamming_loss"]]),
            line("texts without a label", [report["without_label"]]),
            line("labels per text, true", [report["labels_per_text"]["true"]]),
            line("labels per text, chosen", [report["labels_per_text"]["chosen"]]),
        ]
    )


def _truth_and_choice(labels: ArrayLike, chosen: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as int64 arrays (texts, labels), checked."""
    truth, choice = _indicators("labels", labels), _indicators("chosen", chosen)
    if truth.shape != choice.shape:
        raise ValueError(
            f"labels have the shape {truth.shape} and chosen has {choice.shape}: expected the same"
        )
    return truth, choice


def _indicators(what: str, values: ArrayLike) -> np.ndarray:
    try:
        found = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"{what} has rows of different lengths, expected 0 or 1 per label in each"
        ) from error
    if not found.size:
        raise ValueError(f"there is nothing to score: {what} is empty")
    if found.ndim != 2:
        raise ValueError(f"{what} has the shape {found.shape}, expected (texts, labels): 0 or 1 per label")
    if found.shape[1] < 2:
        # scikit-learn would take the column for class ids, and score the class 0
        raise ValueError(f"{what} has one label, expected two or more: one label needs no overlapping ones")
    if found.dtype != bool and not np.isin(found, (0, 1)).all():
        row, column = np.argwhere(~np.isin(found, (0, 1)))[0]
        raise ValueError(f"{what}[{row}][{column}] is {found[row, column]}, expected 0 or 1")
    return found.astype(np.int64)
