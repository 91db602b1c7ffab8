"""A linear teacher: what a linear SVM over TF-IDF makes of training texts that it was not fitted on.

A neural model that learns these probabilities beside the labels takes over what a bag of words and character sequences
knows, and is less sure of labels that the teacher doubts. Sources: Hinton et al. 2015, arXiv:1503.02531 (knowledge
distillation); Yuan et al. 2020, arXiv:1909.11723 (a teacher no better than its student helps, as label smoothing does).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .calibration import LEAST_TEXTS, fit_temperature
from .decision import probabilities

if TYPE_CHECKING:
    from datasets import Dataset

FOLDS = 5
MAX_CHARACTERS = 1_200
MAX_SEQUENCES = 300_000


def check_teacher(labels: np.ndarray, share: float, label_smoothing: float) -> None:
    """See that ``share`` of the training ``labels`` (texts,) can be a teacher's.

    Raises:
        ValueError: a share outside 0 to 1, too few texts for a teacher, or label smoothing beside it.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"teacher_share is {share}: expected a share from 0 to 1")
    if not share:
        return
    if label_smoothing:
        raise ValueError("teacher_share and label_smoothing_factor both soften the labels: give one of them")
    classes = (np.bincount(labels) >= FOLDS).sum()
    if len(labels) < LEAST_TEXTS or classes < 2:
        raise ValueError(
            f"a teacher needs {LEAST_TEXTS} training texts or more, and {FOLDS} or more in at least two classes; "
            f"there are {len(labels)} texts, and {classes} such classes: leave teacher_share out"
        )


def out_of_fold_probabilities(
    texts: Sequence[str], labels: np.ndarray, num_labels: int, seed: int
) -> np.ndarray:
    """Probabilities (texts, num_labels) of each text, by a linear SVM fitted on the other folds.

    TF-IDF of word 1-2-grams and of character 3-5-grams within words; one temperature makes the margins
    probabilities. Texts of a label with fewer than ``FOLDS`` texts keep that label, and no other text gets a
    probability for it. ``check_teacher`` says whether there are enough of them.
    """
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.svm import LinearSVC

    labels = np.asarray(labels)
    frequent = np.flatnonzero(np.bincount(labels, minlength=num_labels) >= FOLDS)
    cut = [text[:MAX_CHARACTERS].lower() for text in texts]
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)
    sequences = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), min_df=2, sublinear_tf=True, max_features=MAX_SEQUENCES,
        dtype=np.float32,
    )  # fmt: skip
    features = hstack([words.fit_transform(cut), sequences.fit_transform(cut)]).tocsr()
    known = np.flatnonzero(np.isin(labels, frequent))
    targets = np.searchsorted(frequent, labels[known])
    margins = cross_val_predict(
        LinearSVC(C=0.25, random_state=seed),
        features[known],
        targets,
        cv=StratifiedKFold(FOLDS, shuffle=True, random_state=seed),
        method="decision_function",
        n_jobs=-1,
    )
    if margins.ndim == 1:  # two classes: the margin of the second
        margins = np.stack([-margins, margins], axis=1)
    kind = "single_label_classification"
    result = np.zeros((len(labels), num_labels), dtype=np.float32)
    result[np.ix_(known, frequent)] = probabilities(margins / fit_temperature(margins, targets, kind), kind)
    rare = np.setdiff1d(np.arange(len(labels)), known)
    result[rare, labels[rare]] = 1
    return result


def with_teacher(train: "Dataset", share: float, seed: int) -> "Dataset":
    """``train`` (``text``, ``labels``) with probabilities for labels: ``share`` of them the teacher's."""
    from datasets import Features, List, Value

    labels = np.asarray(train["labels"])
    num_labels = len(train.features["labels"].names)
    targets = share * out_of_fold_probabilities(train["text"], labels, num_labels, seed)
    targets[np.arange(len(labels)), labels] += 1 - share
    features = Features({**train.features, "labels": List(Value("float32"))})
    without = train.remove_columns("labels")
    return without.add_column("labels", targets.tolist(), feature=features["labels"]).cast(features)
