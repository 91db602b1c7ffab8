"""From logits to probabilities and labels, in NumPy."""

import numpy as np


def probabilities(logits: np.ndarray, problem_type: str) -> np.ndarray:
    """Probabilities of ``logits`` (texts, labels): softmax over the labels, or a sigmoid each when labels overlap."""
    logits = logits.astype(np.float32)
    if problem_type == "multi_label_classification":
        return np.exp(-np.logaddexp(0, -logits))
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def chosen_labels(scores: np.ndarray, problem_type: str) -> list[int]:
    """Ids of the labels that the probabilities ``scores`` (labels,) of one text speak for, the likeliest first.

    The likeliest label, or, when labels overlap, every label with a probability of one half or more (maybe none).
    """
    if problem_type == "multi_label_classification":
        return [int(label) for label in np.argsort(-scores, kind="stable") if scores[label] >= 0.5]
    return [int(scores.argmax())]
