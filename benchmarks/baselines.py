"""The systems that the leaderboard puts next to the packaged model, all of one shape (``Baseline``).

    pip install -e ".[train,bench]"   # bench: fastText, which a C++ compiler builds in about a minute

Every system sees the training texts and no others: what it needs to watch over its training it cuts from
them. All but ``Encoder`` read the first ``MAX_CHARACTERS`` characters of a text. ``PUBLISHED`` holds figures
of others. Without a network set HF_HUB_OFFLINE=1, or each encoder is asked of the Hub for most of a minute.
"""

import json
import pickle
import random
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from huggingface_hub.errors import HTTPError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.svm import LinearSVC

from bilstm_classifier import Predictor, train_model
from bilstm_classifier.model_folder import LOADED

MAX_CHARACTERS = 3_000
ENCODERS = (
    "google-bert/bert-base-multilingual-cased",
    "cointegrated/rubert-tiny2",
    "ai-forever/ruBert-base",
)


class Baseline(Protocol):
    """A system that learns to classify texts.

    The same texts, labels and ``seed`` give the same system. Label ids are 0 to ``num_labels`` - 1.
    """

    name: str

    def fit(self, texts: Sequence[str], labels: Sequence[int], num_labels: int, seed: int) -> None:
        """Learn from ``texts`` and their label ids; what was learned before is forgotten."""

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Label ids (texts,)."""

    def size(self) -> int:
        """Bytes on disk of what predicting needs."""


class LinearSvm:
    """TF-IDF of word 1-2-grams and of character 3-5-grams within words, then a linear SVM: the yardstick."""

    _model: Pipeline

    def __init__(self) -> None:
        self.name = "TF-IDF + linear SVM"

    def fit(self, texts: Sequence[str], labels: Sequence[int], num_labels: int, seed: int) -> None:
        features = make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2),
        )
        self._model = make_pipeline(features, LinearSVC(C=0.5, random_state=seed)).fit(_cut(texts), labels)

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        return self._model.predict(_cut(texts))

    def size(self) -> int:
        return _pickled_size(self._model)


class Mlp:
    """TF-IDF of the 5,000 most frequent words, then one hidden layer of 256, stopped early.

    Like "TF-IDF 5000 + MLP" of ``PUBLISHED``, of which no more than its name is known.
    """

    _model: Pipeline

    def __init__(self) -> None:
        self.name = "TF-IDF 5000 + MLP"

    def fit(self, texts: Sequence[str], labels: Sequence[int], num_labels: int, seed: int) -> None:
        """Learn; a tenth of ``texts`` tells when to stop."""
        network = MLPClassifier((256,), early_stopping=True, random_state=seed)
        self._model = make_pipeline(TfidfVectorizer(max_features=5_000, dtype=np.float32), network)
        self._model.fit(_cut(texts), labels)
        vars(network).pop("_optimizer", None)  # Adam's two moments of each weight: no part of predicting

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        return self._model.predict(_cut(texts))

    def size(self) -> int:
        return _pickled_size(self._model)


class FastText:
    """Supervised fastText (Joulin et al. 2016, Bag of Tricks) with subwords and word pairs, on one thread.

    Args:
        cutoff: Keep this many words, subwords and pairs, those of the largest norm, train on with them and
            compress them (product quantization, Joulin et al. 2016, FastText.zip); None keeps all as floats.
        bucket: Rows that subwords and pairs are hashed to; fastText's own default makes a model of 800 MB.

    Raises:
        ValueError: ``bucket`` is below ``LEAST_BUCKET``.
    """

    # Of its input matrix fastText 0.9.3 draws a tenth a thread and leaves the rest as malloc gives it
    # (DenseMatrix::uniform): zeros where glibc maps it anew, as from 32 MB on, else rubbish, NaN among it.
    LEAST_BUCKET = 100_000
    _model: Any

    def __init__(self, cutoff: int | None = None, bucket: int = 2_000_000) -> None:
        if bucket < self.LEAST_BUCKET:
            raise ValueError(f"bucket is {bucket}: expected {self.LEAST_BUCKET} or more, see LEAST_BUCKET")
        self.name = "fastText" if cutoff is None else "fastText, quantized"
        self.cutoff = cutoff
        self.bucket = bucket

    def fit(self, texts: Sequence[str], labels: Sequence[int], num_labels: int, seed: int) -> None:
        """Learn.

        Raises:
            ImportError: fastText is not installed.
        """
        try:
            import fasttext
        except ImportError as error:
            raise ImportError("fastText is not installed: pip install fasttext") from error

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "train.txt")
            lines = [f"__label__{label} {_words(text)}\n" for text, label in zip(texts, labels, strict=True)]
            random.Random(seed).shuffle(lines)  # fastText reads them in their order in every epoch
            path.write_text("".join(lines), encoding="utf-8", newline="\n")
            self._model = fasttext.train_supervised(
                str(path),
                lr=0.5,
                dim=100,
                epoch=25,
                wordNgrams=2,
                minn=3,
                maxn=6,
                bucket=self.bucket,
                thread=1,  # threads write to the same weights without locks: no two runs would agree
                seed=seed,
                verbose=0,
            )
            if self.cutoff is not None:
                self._model.quantize(str(path), cutoff=self.cutoff, retrain=True, qnorm=True)

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        # a list even of one: on NumPy 2 fastText 0.9.3 fails for a single string
        found, _ = self._model.predict([_words(text) for text in texts])
        return np.array([int(labels[0].removeprefix("__label__")) for labels in found], dtype=np.int64)

    def size(self) -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model")
            self._model.save_model(str(path))
            return path.stat().st_size


class WeightsNotFoundError(OSError):
    """An encoder's weights are neither on this machine nor to be had from the Hub."""


class Encoder:
    """This package's BiLSTM over a pretrained encoder, frozen: the recipe ``rus_news_fast``.

    Args:
        hub_id: Hub id or folder of the encoder.
        settings: Settings that take the place of the recipe's.
    """

    _predictor: Predictor
    _size: int

    def __init__(self, hub_id: str, **settings: Any) -> None:
        self.name = f"BiLSTM over {hub_id}"
        self.hub_id = hub_id
        self.settings = settings

    def fit(self, texts: Sequence[str], labels: Sequence[int], num_labels: int, seed: int) -> None:
        """Train by the recipe; a tenth of ``texts`` tells which epoch to keep, and repeated texts count once.

        Raises:
            WeightsNotFoundError: the encoder's weights cannot be had.
            OSError: the temporary folder cannot hold the run.
        """
        _require_weights(self.hub_id, self.settings.get("embedder_revision"))
        with tempfile.TemporaryDirectory() as folder:
            data, run = Path(folder, "texts.jsonl"), Path(folder, "run")
            with data.open("w", encoding="utf-8", newline="\n") as file:
                for text, label in zip(texts, labels, strict=True):
                    row = {"text": text, "labels": int(label)}
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
            settings = {
                "dataset": str(data),
                "text_columns": ["text"],
                "label_column": "labels",
                "class_names": [str(label) for label in range(num_labels)],
                "min_samples": 1,
                "test_size": 1 / len(texts),  # one row: a run has to have a test split, and ours is elsewhere
                "split_seed": seed,
                "seed": seed,
                "embedder": self.hub_id,
                "output_dir": str(run),
            }
            train_model("rus_news_fast", **settings | self.settings)
            self._predictor = Predictor.from_pretrained(run)
            self._size = sum(path.stat().st_size for pattern in LOADED for path in run.glob(pattern))

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        return self._predictor.predict_proba(texts).argmax(axis=1)

    def size(self) -> int:
        """Bytes of the saved model, encoder and tokenizer included, weights in half precision."""
        return self._size


@dataclass(frozen=True)
class Published:
    """A figure that others published; nothing here measures it again.

    Attributes:
        macro_f1: None where another average was published; ``note`` gives it.
    """

    model: str
    accuracy: float
    macro_f1: float | None
    note: str


PUBLISHED_ON = "data-silence/rus_news_classifier, its test split (14,383 rows)"
PUBLISHED = (
    Published("BiLSTM over frozen mBERT", 0.7778, None, "the original, 1 epoch; weighted F1 0.7794"),
    Published("TF-IDF 5000 + MLP", 0.8183, 0.8222, ""),
    Published("rubert-tiny2", 0.8575, 0.8602, "fine-tuned, 64 tokens"),
    Published("ruBERT-base", 0.9266, 0.9270, "fine-tuned, 64 tokens"),
)


def _cut(texts: Sequence[str]) -> list[str]:
    return [text[:MAX_CHARACTERS] for text in texts]


def _words(text: str) -> str:
    """Lower-case words and marks between spaces, on one line; underscores go, lest a word be a label."""
    return " ".join(re.findall(r"[^\W_]+|[^\w\s]", text[:MAX_CHARACTERS].lower()))


def _pickled_size(model: Any) -> int:
    with tempfile.TemporaryFile() as file:
        pickle.dump(model, file)
        return file.tell()


def _require_weights(hub_id: str, revision: str | None) -> None:
    """Load an encoder and its tokenizer once ahead of the run, in which an OSError may have other causes."""
    from transformers import AutoModel, AutoTokenizer

    try:
        AutoTokenizer.from_pretrained(hub_id, revision=revision)
        AutoModel.from_pretrained(hub_id, revision=revision)
    except (HTTPError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsNotFoundError(f"the weights of {hub_id} cannot be had: {reason}") from error
