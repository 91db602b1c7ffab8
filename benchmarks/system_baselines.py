"""The strong simple systems beside ours on the data sets of training/prepare_systems.py, all of one shape.

What has settings tries each on the validation split, which our models use too, and is fitted on the training split
alone, as they are. What has none is fitted on both: ``fitted_on`` tells which. fastText is optional, see
baselines.py.
"""

import random
import tempfile
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC
from system_sets import Rows

from bilstm_classifier.thresholds import tune_thresholds

SEED = 0
COSTS = (1.0, 3.0, 10.0, 30.0, 100.0)  # C of logistic regression
WEIGHTS = (None, "balanced")
FEATURES = ("words", "words and characters")


class Answers(NamedTuple):
    """What a system says of some rows.

    Attributes:
        chosen: Which labels it gives, bool (rows, labels); none is a row that it leaves without an answer.
        scores: The higher, the likelier, (rows, labels): probabilities, but for an SVM.
    """

    chosen: np.ndarray
    scores: np.ndarray


class Baseline(Protocol):
    """A system that learns from the rows of a data set. The same rows give the same system.

    Attributes:
        name: What it is called in tables.
        fitted_on: The splits that it learns from.
        settings: What validation chose; empty before ``fit``, and where there is nothing to choose.
    """

    name: str
    fitted_on: str
    settings: dict[str, Any]

    def fit(self, train: Rows, validation: Rows) -> None:
        """Learn from both, which have the same labels."""

    def answer(self, rows: Rows) -> Answers:
        """Its answers, in the order of ``rows``."""


CHOSEN_ON_VALIDATION = "train; settings chosen on validation"
ALL = "train and validation"


class Logistic:
    """TF-IDF of the text and logistic regression; features, C and class weights are those of the best macro F1."""

    name = "TF-IDF + logistic regression"
    fitted_on = CHOSEN_ON_VALIDATION
    _model: Pipeline

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}

    def fit(self, train: Rows, validation: Rows) -> None:
        true, wanted = train.labels.argmax(1), validation.labels.argmax(1)

        def tried() -> Iterable[tuple[float, dict[str, Any], Pipeline]]:
            for kind in FEATURES:
                vectorizer = _tfidf(kind)
                known, unknown = vectorizer.fit_transform(train.texts), vectorizer.transform(validation.texts)
                for cost, weights in product(COSTS, WEIGHTS):
                    model = LogisticRegression(C=cost, class_weight=weights, max_iter=2000).fit(known, true)
                    score = f1_score(wanted, model.predict(unknown), average="macro")
                    settings = {"features": kind, "C": cost, "class_weight": weights}
                    yield score, settings, make_pipeline(vectorizer, model)

        self.settings, self._model = _best(tried())

    def answer(self, rows: Rows) -> Answers:
        return _likeliest(self._model.predict_proba(rows.texts), self._model.classes_, len(rows.names))


class OneVsRest:
    """TF-IDF and a logistic regression a label; C and class weights are those of the best macro average precision.

    The thresholds are tuned on validation as those of our models.
    """

    name = "TF-IDF + one-vs-rest logistic regression"
    fitted_on = CHOSEN_ON_VALIDATION
    _model: Pipeline
    _thresholds: np.ndarray

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}

    def fit(self, train: Rows, validation: Rows) -> None:
        vectorizer = _tfidf("words and characters")
        known, unknown = vectorizer.fit_transform(train.texts), vectorizer.transform(validation.texts)
        occurring = validation.labels.any(0)

        def tried() -> Iterable[tuple[float, dict[str, Any], Pipeline]]:
            for cost, weights in product(COSTS, WEIGHTS):
                # liblinear: the fastest for many sparse columns and two classes
                single = LogisticRegression(
                    C=cost, class_weight=weights, solver="liblinear", random_state=SEED
                )
                model = OneVsRestClassifier(single).fit(known, train.labels.astype(int))
                found = model.predict_proba(unknown)[:, occurring]
                score = average_precision_score(validation.labels[:, occurring], found, average="macro")
                yield score, {"C": cost, "class_weight": weights}, make_pipeline(vectorizer, model)

        self.settings, self._model = _best(tried())
        tuned = tune_thresholds(self._model.predict_proba(validation.texts), validation.labels)
        self._thresholds = np.array(tuned)

    def answer(self, rows: Rows) -> Answers:
        scores = self._model.predict_proba(rows.texts)
        return Answers(scores >= self._thresholds, scores)


class Boosting:
    """Gradient boosting of trees over TF-IDF made small, the numbers as they are and the categories as columns of 0/1.

    How TF-IDF is made small (singular vectors, or the words of the highest chi-squared) and the learning rate are
    those of the best macro F1. A missing number stays missing: the trees send it its own way.
    """

    name = "TF-IDF + numbers + categories, gradient boosting"
    fitted_on = CHOSEN_ON_VALIDATION
    _small: Pipeline
    _categories: OneHotEncoder | None
    _model: HistGradientBoostingClassifier

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}

    def fit(self, train: Rows, validation: Rows) -> None:
        true, wanted = train.labels.argmax(1), validation.labels.argmax(1)
        self._categories = None
        if train.of.categories:
            encoder = OneHotEncoder(handle_unknown="ignore", min_frequency=2, sparse_output=False)
            self._categories = encoder.fit(_category_columns(train))
        smaller = {
            "100 singular vectors": lambda: TruncatedSVD(100, random_state=SEED),
            "200 singular vectors": lambda: TruncatedSVD(200, random_state=SEED),
            "300 words by chi-squared": lambda: SelectKBest(chi2, k=300),
        }

        def tried() -> Iterable[tuple[float, dict[str, Any], Any]]:
            for way, make in smaller.items():
                vectorizer = _tfidf("words").fit(train.texts)
                step = make()
                columns = len(vectorizer.get_feature_names_out())
                if columns <= getattr(step, "k", getattr(step, "n_components", 0)):
                    step = "passthrough"
                small = make_pipeline(vectorizer, step).fit(train.texts, true)
                known, unknown = self._table(small, train), self._table(small, validation)
                for rate in (0.03, 0.1):
                    model = HistGradientBoostingClassifier(
                        learning_rate=rate,
                        max_iter=200,
                        min_samples_leaf=10,
                        early_stopping=False,
                        random_state=SEED,
                    ).fit(known, true)
                    score = f1_score(wanted, model.predict(unknown), average="macro")
                    yield score, {"text": way, "learning_rate": rate}, (small, model)

        self.settings, (self._small, self._model) = _best(tried())

    def answer(self, rows: Rows) -> Answers:
        scores = self._model.predict_proba(self._table(self._small, rows))
        return _likeliest(scores, self._model.classes_, len(rows.names))

    def _table(self, small: Pipeline, rows: Rows) -> np.ndarray:
        """Text, numbers and categories side by side, float (rows, columns)."""
        texts = small.transform(rows.texts)
        numbers = [[item[column] for column in rows.of.numbers] for item in rows.items]
        columns = [texts.toarray() if hasattr(texts, "toarray") else texts, np.array(numbers, dtype=float)]
        if self._categories is not None:
            columns.append(self._categories.transform(_category_columns(rows)))
        return np.hstack(columns)


class CharactersSvm:
    """TF-IDF of character 1-4-grams and a linear SVM."""

    name = "TF-IDF of character 1-4-grams + linear SVM"
    fitted_on = ALL
    _model: Pipeline

    def __init__(self) -> None:
        # min_df and max_features bound the memory: 75 classes times as many weights of 8 bytes
        self.settings: dict[str, Any] = {"C": 1.0, "min_df": 3, "max_features": 500_000}

    def fit(self, train: Rows, validation: Rows) -> None:
        vectorizer = TfidfVectorizer(
            analyzer="char",
            ngram_range=(1, 4),
            sublinear_tf=True,
            min_df=self.settings["min_df"],
            max_features=self.settings["max_features"],
            dtype=np.float32,
        )
        labels = np.concatenate([train.labels, validation.labels]).argmax(1)
        model = LinearSVC(C=self.settings["C"], random_state=SEED)
        self._model = make_pipeline(vectorizer, model).fit([*train.texts, *validation.texts], labels)

    def answer(self, rows: Rows) -> Answers:
        scores = self._model.decision_function(rows.texts)
        if scores.ndim == 1:  # of two classes
            scores = np.stack([-scores, scores], axis=1)
        return _likeliest(scores, self._model.classes_, len(rows.names))


class FastTextCharacters:
    """Supervised fastText (Joulin et al. 2016) over character 1-4-grams within words, on one thread.

    Words are lower-cased and kept whole, marks on them included: many scripts write vowels as marks.
    """

    name = "fastText of character 1-4-grams"
    fitted_on = ALL
    _model: Any

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {
            "lr": 0.5,
            "dim": 100,
            "epoch": 25,
            "minn": 1,
            "maxn": 4,
            "bucket": 1_000_000,
        }

    def fit(self, train: Rows, validation: Rows) -> None:
        """Learn.

        Raises:
            ImportError: fastText is not installed.
        """
        try:
            import fasttext
        except ImportError as error:
            raise ImportError("fastText is not installed: pip install fasttext") from error

        lines = [
            f"__label__{label} {_line(text)}\n"
            for rows in (train, validation)
            for text, label in zip(rows.texts, rows.labels.argmax(1), strict=True)
        ]
        random.Random(SEED).shuffle(lines)  # fastText reads them in their order in every epoch
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "train.txt")
            path.write_text("".join(lines), encoding="utf-8", newline="\n")
            # one thread: several write to the same weights without locks, and no two runs would agree
            self._model = fasttext.train_supervised(
                str(path), thread=1, seed=SEED, verbose=0, **self.settings
            )

    def answer(self, rows: Rows) -> Answers:
        found, shares = self._model.predict([_line(text) for text in rows.texts], k=len(rows.names))
        scores = np.zeros((len(rows), len(rows.names)))
        for row, (labels, values) in enumerate(zip(found, shares, strict=True)):
            scores[row, [int(label.removeprefix("__label__")) for label in labels]] = values
        return _likeliest(scores, np.arange(len(rows.names)), len(rows.names))


BASELINES: dict[str, Callable[[], Baseline]] = {
    "characters_svm": CharactersSvm,
    "fasttext": FastTextCharacters,
    "logistic": Logistic,
    "one_vs_rest": OneVsRest,
    "boosting": Boosting,
}


def _tfidf(kind: str) -> Any:
    """Of words and pairs of words, alone or beside character 3-5-grams within words."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    if kind == "words":
        return words
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2)
    return make_union(words, characters)


def _best(tried: Iterable[tuple[float, dict[str, Any], Any]]) -> tuple[dict[str, Any], Any]:
    """Settings and model of the highest score; of equal ones the first."""
    best: tuple[float, dict[str, Any], Any] | None = None
    for found in tried:
        if best is None or found[0] > best[0]:
            best = found
    if best is None:
        raise ValueError("no settings were tried")
    return best[1] | {"validation": round(float(best[0]), 4)}, best[2]


def _likeliest(scores: np.ndarray, classes: np.ndarray, count: int) -> Answers:
    """The label of the highest score; ``scores`` (rows, classes) stand in the order of ``classes``, label ids.

    A label that no training row had gets the lowest score of all.
    """
    full = np.full((len(scores), count), min(0.0, float(scores.min(initial=0.0))))
    full[:, classes] = scores
    chosen = np.zeros(full.shape, dtype=bool)
    chosen[np.arange(len(full)), full.argmax(1)] = True
    return Answers(chosen, full)


def _category_columns(rows: Rows) -> np.ndarray:
    """Categories as strings (rows, columns); a missing one is a category of its own."""
    return np.array([[item[column] or "missing" for column in rows.of.categories] for item in rows.items])


def _line(text: str) -> str:
    return " ".join(text.lower().split())
