"""How far probabilities can be believed: temperature, calibration error, and when an answer is too unsure to give.

Sources: Guo et al. 2017, "On calibration of modern neural networks" (temperature scaling, expected calibration error);
El-Yaniv & Wiener 2010 (accuracy against coverage of a classifier that may abstain).
"""

import logging
from typing import TYPE_CHECKING

import numpy as np

from ..decision import probabilities

if TYPE_CHECKING:
    from ..modeling import BiLSTMForSequenceClassification

logger = logging.getLogger(__name__)

BINS = 15
# Below so many texts a temperature says more about their luck than about the model.
LEAST_TEXTS = 200
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)


def fit_temperature(logits: np.ndarray, labels: np.ndarray, problem_type: str) -> float:
    """The number that ``logits`` (texts, labels) are divided by for the likeliest ``labels``.

    Minimises the negative log-likelihood of class ids (texts,), or of 0/1 (texts, labels) where labels overlap, over
    0.05 to 20; 1 where there are too few texts to tell.
    """
    from scipy.optimize import minimize_scalar

    if len(logits) < LEAST_TEXTS:
        return 1.0

    def loss(log_temperature: float) -> float:
        scores = probabilities(logits / np.exp(log_temperature), problem_type).astype(np.float64)
        if problem_type == "multi_label_classification":
            likelihood = np.where(labels > 0.5, scores, 1 - scores)
        else:
            likelihood = scores[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(likelihood, 1e-12)).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(found.x))


def expected_calibration_error(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean gap between probability and accuracy of the likeliest label, over ``BINS`` bins of equal width.

    Args:
        scores: Probabilities (texts, labels).
        labels: True label ids (texts,).
    """
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs((confidence[bins == index] - right[bins == index]).sum()) for index in range(BINS)]
    return float(sum(gaps) / len(labels))


def accuracy_by_coverage(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy on the surest share of the texts, for each share of ``COVERAGES``; arguments as above."""
    order = np.argsort(-scores.max(axis=1), kind="stable")
    right = (scores.argmax(axis=1) == labels)[order]
    return {f"{share:g}": float(right[: max(1, round(share * len(right)))].mean()) for share in COVERAGES}


def unsure_bound(scores: np.ndarray, labels: np.ndarray, wanted_accuracy: float) -> float | None:
    """The least probability from which on answers are right in ``wanted_accuracy`` of the cases.

    0 where all answers together are; ``None`` where no bound gives that, or there are too few texts to tell.
    """
    if len(labels) < LEAST_TEXTS:
        return None
    order = np.argsort(-scores.max(axis=1), kind="stable")
    right = (scores.argmax(axis=1) == labels)[order]
    accuracy = right.cumsum() / np.arange(1, len(right) + 1)
    enough = np.flatnonzero(accuracy >= wanted_accuracy)
    if not len(enough):
        return None
    last = int(enough[-1])
    return 0.0 if last == len(right) - 1 else round(float(scores.max(axis=1)[order[last]]), 4)


def calibrate(
    classifier: "BiLSTMForSequenceClassification",
    logits: np.ndarray,
    labels: np.ndarray,
    sure_accuracy: float,
) -> float | None:
    """Fold the validation split's temperature into the head, and note below which probability answers are unsure.

    Folded in, so that a bare pipeline gives calibrated probabilities too.

    Args:
        classifier: Its head and its config are changed.
        logits: Of the validation split (texts, labels).
        labels: Its class ids (texts,), or 0/1 (texts, labels) where labels overlap.
        sure_accuracy: Accuracy that answers which are not unsure must reach.

    Returns:
        The temperature; ``None`` where there are too few texts to tell it.
    """
    import torch

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
