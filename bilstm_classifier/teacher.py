"""A linear teacher: what TF-IDF and a linear model make of the training texts they were not fitted on.

A neural model that learns these probabilities beside the labels takes over what a bag of words and character sequences
knows, and is less sure of labels that the teacher doubts. Sources: Hinton et al. 2015, arXiv:1503.02531 (knowledge
distillation); Yuan et al. 2020, arXiv:1909.11723 (a teacher no better than its student helps, as label smoothing does).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .calibration import fit_temperature
from .decision import probabilities

if TYPE_CHECKING:
    from datasets import Dataset

FOLDS = 5
MAX_CHARACTERS = 1_200
MAX_SEQUENCES = 300_000


def out_of_fold_probabilities(
    texts: Sequence[str], labels: np.ndarray, num_labels: int, seed: int
) -> np.ndarray:
    """Calibrated probabilities (texts, num_labels) of each text, by a linear SVM fitted on the other folds.

    TF-IDF of word 1-2-grams and of character 3-5-grams within words. Labels with fewer texts than folds get none.

    Raises:
        ValueError: fewer than two classes have texts enough for every fold.
    """
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.svm import LinearSVC

    labels = np.asarray(labels)
    frequent = np.flatnonzero(np.bincount(labels, minlength=num_labels) >= FOLDS)
    if len(frequent) < 2:
        raise ValueError(f"a teacher needs {FOLDS} training texts or more in at least two classes")
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
    """``train`` (``text``, ``labels``) with probabilities for labels: ``share`` of them the teacher's.

    Raises:
        ValueError: a share that is none, or too few texts for a teacher.
    """
    from datasets import Features, List, Value

    if not 0 <= share <= 1:
        raise ValueError(f"teacher_share is {share}: expected a share from 0 to 1")
    labels = np.asarray(train["labels"])
    num_labels = len(train.features["labels"].names)
    targets = share * out_of_fold_probabilities(train["text"], labels, num_labels, seed)
    targets[np.arange(len(labels)), labels] += 1 - share
    features = Features({**train.features, "labels": List(Value("float32"))})
    without = train.remove_columns("labels")
    return without.add_column("labels", targets.tolist(), feature=features["labels"]).cast(features)
