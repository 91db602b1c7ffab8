"""A linear teacher: what a linear SVM over TF-IDF makes of training texts that it was not fitted on.

A neural model that learns these probabilities beside the labels takes over what a bag of words and character sequences
knows, and is less sure of labels that the teacher doubts. Sources: Hinton et al. 2015, arXiv:1503.02531 (knowledge
distillation); Yuan et al. 2020, arXiv:1909.11723 (a teacher no better than its student helps, as label smoothing does);
Platt 1999, "Probabilistic outputs for support vector machines" (from the margins of labels that overlap).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..data.encoding import label_names, memberships, overlapping_names
from ..decision import probabilities
from ..evaluation.calibration import LEAST_TEXTS, fit_temperature

if TYPE_CHECKING:
    from datasets import Dataset
    from scipy.sparse import csr_matrix

FOLDS = 5
MAX_CHARACTERS = 1_200
MAX_SEQUENCES = 300_000


def check_teacher(train: "Dataset", share: float, label_smoothing: float) -> None:
    """See that ``share`` of the labels of ``train`` can be a teacher's.

    Raises:
        ValueError: a share outside 0 to 1, too few texts for a teacher, or label smoothing beside it.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"teacher_share is {share}: expected a share from 0 to 1")
    if not share:
        return
    if label_smoothing:
        raise ValueError("teacher_share and label_smoothing_factor both soften the labels: give one of them")
    least = 1 if overlapping_names(train) else 2
    learned = int(_learned(_targets(train)).sum())
    if len(train) < LEAST_TEXTS or learned < least:
        raise ValueError(
            f"a teacher needs {LEAST_TEXTS} training texts or more, and {least} or more labels that {FOLDS} texts or "
            f"more have and {FOLDS} or more lack; there are {len(train)} texts, and {learned} such labels: leave "
            "teacher_share out"
        )


def with_teacher(train: "Dataset", share: float, seed: int) -> "Dataset":
    """``train`` (``text``, ``labels``) with probabilities for labels: ``share`` of them the teacher's."""
    from datasets import Features, List, Value

    targets = _targets(train)
    teach = one_label_probabilities if overlapping_names(train) is None else every_label_probabilities
    mixed = share * teach(train["text"], targets, seed) + (1 - share) * targets
    features = Features({**train.features, "labels": List(Value("float32"))})
    without = train.remove_columns("labels")
    return without.add_column("labels", mixed.tolist(), feature=features["labels"]).cast(features)


def one_label_probabilities(texts: Sequence[str], targets: np.ndarray, seed: int) -> np.ndarray:
    """Probabilities (texts, labels) of each text, by a linear SVM fitted on the other folds.

    One temperature makes the margins probabilities. Texts of a label with fewer than ``FOLDS`` texts keep that label,
    and no other text gets a probability for it. ``check_teacher`` says whether there are enough of them.

    Args:
        texts: The texts.
        targets: 1 for the label of each, 0 else (texts, labels).
        seed: Of the folds.
    """
    frequent = np.flatnonzero(_learned(targets))
    known = np.flatnonzero(targets[:, frequent].any(axis=1))
    labels = targets[np.ix_(known, frequent)].argmax(axis=1)
    margins = _margins(_tf_idf(texts)[known], labels, seed)
    if margins.ndim == 1:  # two labels: the margin of the second
        margins = np.stack([-margins, margins], axis=1)
    kind = "single_label_classification"
    result = targets.copy()
    result[np.ix_(known, frequent)] = probabilities(margins / fit_temperature(margins, labels, kind), kind)
    return result


def every_label_probabilities(texts: Sequence[str], targets: np.ndarray, seed: int) -> np.ndarray:
    """Probabilities (texts, labels) of labels that overlap, each by a linear SVM fitted on the other folds.

    Platt's logistic curve makes the margins of a label probabilities. A label that fewer than ``FOLDS`` texts have, or
    have not, stays as it is. Arguments as above.
    """
    from sklearn.linear_model import LogisticRegression

    features = _tf_idf(texts)
    result = targets.copy()
    for label in np.flatnonzero(_learned(targets)):
        margins = _margins(features, targets[:, label], seed).reshape(-1, 1)
        curve = LogisticRegression().fit(margins, targets[:, label])
        result[:, label] = curve.predict_proba(margins)[:, 1]
    return result


def _targets(train: "Dataset") -> np.ndarray:
    """The labels of ``train`` as 0/1 (texts, labels), float32."""
    labels = train["labels"]
    rows = labels if overlapping_names(train) else [[label] for label in labels]
    return memberships(rows, len(label_names(train)))


def _learned(targets: np.ndarray) -> np.ndarray:
    """Whether each fold can have texts with and without each label (labels,)."""
    counts = targets.sum(axis=0)
    return (counts >= FOLDS) & (len(targets) - counts >= FOLDS)


def _tf_idf(texts: Sequence[str]) -> "csr_matrix":
    """Word 1-2-grams and character 3-5-grams within words (texts, grams)."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    cut = [text[:MAX_CHARACTERS].lower() for text in texts]
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)
    sequences = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), min_df=2, sublinear_tf=True, max_features=MAX_SEQUENCES,
        dtype=np.float32,
    )  # fmt: skip
    return hstack([words.fit_transform(cut), sequences.fit_transform(cut)]).tocsr()


def _margins(features: "csr_matrix", labels: np.ndarray, seed: int) -> np.ndarray:
    """Of each row by an SVM that was not fitted on it: (texts, classes), or (texts,) for two."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.svm import LinearSVC

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    machine = LinearSVC(C=0.25, random_state=seed)
    return cross_val_predict(machine, features, labels, cv=folds, method="decision_function", n_jobs=-1)
