"""What is measured of a system on the news corpus: quality, calibration, robustness, size and speed."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from bilstm_classifier import Predictor, load_sample_news
from bilstm_classifier.evaluation.calibration import accuracy_by_coverage, expected_calibration_error
from bilstm_classifier.evaluation.metrics import classification_report
from bilstm_classifier.training.augmentation import LOOK_ALIKES, damaged

TESTS = ("test", "test_later", "test_unseen")
HEADLINE_CHARACTERS = 150  # longer texts are leads and articles
ARTICLE_CHARACTERS = 1_500  # of at least so many a text fills the 256 tokens that are read
TIMED_HEADLINES, TIMED_ARTICLES = 4_000, 256
DAMAGE_SEED = 0

DAMAGES: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "5% of the characters wrong": lambda texts: damaged(texts, 0.05, DAMAGE_SEED),
    "10% of the characters wrong": lambda texts: damaged(texts, 0.10, DAMAGE_SEED),
    "all lower case": lambda texts: [text.lower() for text in texts],
    "all upper case": lambda texts: [text.upper() for text in texts],
    "without ё": lambda texts: [text.replace("ё", "е").replace("Ё", "Е") for text in texts],
    "Latin look-alikes": lambda texts: [text.translate(LOOK_ALIKES) for text in texts],
}


def quality(labels: ArrayLike, predicted: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Report of predicted label ids (texts,) on one split; the macro averages are over the labels that occur."""
    return classification_report(np.asarray(labels), np.asarray(predicted), names)


def by_length(texts: Sequence[str], labels: ArrayLike, predicted: np.ndarray) -> dict[str, dict[str, float]]:
    """Accuracy on headlines and on longer texts apart, with the number of each; a kind without a text is left out."""
    short = np.array([len(text) <= HEADLINE_CHARACTERS for text in texts])
    right = np.asarray(labels) == predicted
    return {
        name: {"accuracy": float(right[chosen].mean()), "rows": int(chosen.sum())}
        for name, chosen in (("headlines", short), ("articles", ~short))
        if chosen.any()
    }


def measure_model(folder: Path, splits: Any, names: Sequence[str]) -> dict[str, Any]:
    """Everything about a model of this package but its speed; `splits` has the columns text and labels."""
    predictor = Predictor.from_pretrained(folder)
    if predictor.labels != list(names):
        raise ValueError(f"{folder} knows {', '.join(predictor.labels)}; the corpus has {', '.join(names)}")
    found: dict[str, Any] = {
        "bytes": sum(path.stat().st_size for path in folder.iterdir() if path.is_file()),
        "weights": sum(parameter.numel() for parameter in predictor.model.parameters()),
        "unsure_below": predictor.model.config.unsure_below,
    }
    for split in TESTS:
        texts, labels = list(splits[split]["text"]), np.asarray(splits[split]["labels"])
        scores = predictor.predict_proba(texts)
        sure = scores.max(axis=1) >= (found["unsure_below"] or 0.0)
        right = scores.argmax(axis=1) == labels
        found[split] = {
            **quality(labels, scores.argmax(axis=1), names),
            "calibration_error": expected_calibration_error(scores, labels),
            "accuracy_by_coverage": accuracy_by_coverage(scores, labels),
            "sure": {"coverage": float(sure.mean()), "accuracy": float(right[sure].mean())},
            **by_length(texts, labels, scores.argmax(axis=1)),
        }
    texts, labels = list(splits["test"]["text"]), np.asarray(splits["test"]["labels"])
    found["robustness"] = {
        name: float((predictor.predict_proba(change(texts)).argmax(axis=1) == labels).mean())
        for name, change in DAMAGES.items()
    }
    sample, wanted = load_sample_news()
    answers = [prediction.labels[0] for prediction in predictor.predict(sample)]
    found["sample"] = {
        "accuracy": float(np.mean([one == other for one, other in zip(answers, wanted, strict=True)])),
        "rows": len(sample),
    }
    return found


def timed_texts(splits: Any) -> dict[str, list[str]]:
    """Headlines and articles of the test split, as many as are timed; articles are repeated if there are fewer."""
    texts = list(splits["test"]["text"])
    headlines = [text for text in texts if len(text) <= HEADLINE_CHARACTERS][:TIMED_HEADLINES]
    articles = [text for text in texts if len(text) >= ARTICLE_CHARACTERS]
    if not articles:
        raise ValueError(f"the test split has no text of {ARTICLE_CHARACTERS} characters or more to time")
    return {
        "headlines": headlines,
        "articles": (articles * (TIMED_ARTICLES // len(articles) + 1))[:TIMED_ARTICLES],
    }


def texts_per_second(predict: Callable[[list[str]], Any], texts: list[str], turns: int = 3) -> float:
    """Speed of the fastest of some turns: other processes only ever slow a turn down."""
    seconds = float("inf")
    for _ in range(turns):
        started = time.perf_counter()
        predict(texts)
        seconds = min(seconds, time.perf_counter() - started)
    return round(len(texts) / seconds, 1)


def speed_of_model(folder: Path, texts: dict[str, list[str]]) -> dict[str, dict[str, float]]:
    """Texts a second by precision and kind of text."""
    found = {}
    for dtype in ("float32", "bfloat16"):
        predictor = Predictor.from_pretrained(folder, device="cpu", dtype=dtype)
        found[dtype] = {kind: texts_per_second(predictor.predict_proba, some) for kind, some in texts.items()}
    return found


def machine() -> str:
    """The processor, for whoever compares speeds."""
    capabilities = torch.cpu.get_capabilities()
    units = [name for name in ("amx_bf16", "avx512_bf16", "avx512_f", "avx2") if capabilities.get(name)]
    name = str(capabilities.get("cpu_name", "CPU"))
    return f"{name}, {torch.get_num_threads()} threads, {', '.join(units)}, torch {torch.__version__}"
