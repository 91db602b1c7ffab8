"""What is measured of a system on the test of a data set, ours and baselines alike."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from measuring import texts_per_second
from sklearn.metrics import f1_score
from system_baselines import Answers
from system_sets import Rows

from bilstm_classifier import Predictor
from bilstm_classifier.evaluation.metrics import ordinal_scores
from bilstm_classifier.evaluation.multi_label_metrics import multi_label_report
from bilstm_classifier.evaluation.significance import bootstrap_scores, percentile_interval

TIMED = 1000  # rows
RELATIVES = ("ru", "uk", "be", "bg", "mk", "sr")
NOISE = {"5% of the characters wrong": 0.05, "10% of the characters wrong": 0.10}
NO_FEATURES = "every feature missing"
Answer = Callable[[Rows], Answers]


def measure(answer: Answer, splits: Mapping[str, Rows]) -> dict[str, Any]:
    """Every figure of a system, plain numbers: of the test, its parts, damaged copies of it, and its speed."""
    test = splits["test"]
    answers = answer(test)
    parts = {name: chosen for name, chosen in test.of.parts(test).items() if chosen.any()}
    found: dict[str, Any] = {
        "test": _figures(test, answers, intervals=True),
        "parts": {
            name: _figures(test.selected(chosen), _of(answers, chosen)) for name, chosen in parts.items()
        },
    }
    if test.of.numbers or test.of.categories:
        changed = {name: test.damaged(rate) for name, rate in NOISE.items()}
        changed[NO_FEATURES] = test.without_features()
        found["robustness"] = {name: _figures(rows, answer(rows)) for name, rows in changed.items()}
    if "test_tweets" in splits:
        tweets = splits["test_tweets"]
        found["parts"]["tweets"] = _figures(tweets, answered := answer(tweets))
        found["parts"]["tweets, only their languages"] = _figures(tweets, _restricted(tweets, answered))
        found["relatives"] = _relatives(test, answers)
    timed = test.selected(np.arange(len(test)) < TIMED)
    found["texts_per_second"] = texts_per_second(lambda _: answer(timed), timed.texts)
    return found


def ask(predictor: Predictor, rows: Rows) -> Answers:
    """What a model of ours says of ``rows``; one in whose text its tokenizer finds nothing is left without an answer.

    Raises:
        ValueError: the model knows a label that the data has not, or gives a text another number of labels.
    """
    if unknown := sorted(set(predictor.labels) - set(rows.names)):
        raise ValueError(
            f"the model knows the label {unknown[0]!r}; the data has {', '.join(rows.names)}: was it trained on them?"
        )
    if predictor.decision.overlapping != rows.of.overlapping:
        kind = "any number of labels" if rows.of.overlapping else "one label"
        raise ValueError(f"the data gives a text {kind}, the model does not")
    places = [rows.names.index(label) for label in predictor.labels]
    chosen = np.zeros((len(rows), len(rows.names)), dtype=bool)
    scores = np.zeros(chosen.shape)
    texts = [predictor.inputs.text(item, index) for index, item in enumerate(rows.items)]
    readable = [index for index, text in enumerate(predictor.encoder.encode(texts)) if text.tokens]
    found = predictor.predict([rows.items[index] for index in readable])
    for index, prediction in zip(readable, found, strict=True):
        chosen[index, [rows.names.index(label) for label in prediction.labels]] = True
        scores[index, places] = list(prediction.probabilities.values())
    return Answers(chosen, scores)


def measure_run(folder: Path, splits: Mapping[str, Rows]) -> dict[str, Any]:
    """Every figure of a model of ours.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a model of this data.
    """
    predictor = Predictor.from_pretrained(folder)
    found = measure(partial(ask, predictor), splits)
    return found | {"weights": sum(parameter.numel() for parameter in predictor.model.parameters())}


def _figures(rows: Rows, answers: Answers, intervals: bool = False) -> dict[str, Any]:
    """The figures of some rows; with ``intervals`` the bounds of the first two (95%, bootstrap over rows).

    With one label a row, macro averages are over the labels that are true of some row.
    """
    if rows.of.overlapping:
        report = multi_label_report(
            rows.labels.astype(int), np.clip(answers.scores, 0, 1), answers.chosen.astype(int), rows.names
        )
        del report["co_occurrence"]
        return report | (_intervals(rows, answers, "f1_micro") if intervals else {}) | {"rows": len(rows)}
    occurring = np.flatnonzero(rows.labels.any(0))
    each = f1_score(
        rows.labels[:, occurring], answers.chosen[:, occurring], average=None, zero_division=0
    ).tolist()
    names = [rows.names[place] for place in occurring]
    support = rows.labels[:, occurring].sum(0).tolist()
    figures: dict[str, Any] = {
        "accuracy": float((rows.labels & answers.chosen).any(1).mean()),
        "f1_macro": float(np.mean(each)),
        "without_answer": float(1 - answers.chosen.any(1).mean()),
        "per_class": {
            name: {"f1": f1, "support": count} for name, f1, count in zip(names, each, support, strict=True)
        },
        "rows": len(rows),
    }
    if rows.of.ordered:
        figures |= _ordinal(rows, answers)
    return figures | (_intervals(rows, answers, "accuracy") if intervals else {})


def _intervals(rows: Rows, answers: Answers, second: str) -> dict[str, Any]:
    """Bounds of the macro F1 and of ``second``: the micro F1, which is the accuracy where a row has one label."""
    occurring = rows.labels.any(0)
    macro = bootstrap_scores(rows.labels[:, occurring], answers.chosen[None, :, occurring])["f1_macro"]
    # No answer is a column of its own here, or a row without one would not count.
    silent = ~answers.chosen.any(1, keepdims=True) & (not rows.of.overlapping)
    true = np.hstack([rows.labels, np.zeros_like(silent)])
    micro = bootstrap_scores(true, np.hstack([answers.chosen, silent])[None])["f1_micro"]
    return {
        "intervals": {
            name: list(percentile_interval(0.0, drawn[:, 0])[1:])
            for name, drawn in (("f1_macro", macro), (second, micro))
        }
    }


def _ordinal(rows: Rows, answers: Answers) -> dict[str, Any]:
    """Mean absolute error and quadratic kappa; a row without an answer counts as the step farthest from its own."""
    true = rows.labels.argmax(1)
    last = len(rows.names) - 1
    farthest = np.where(true < last / 2, last, 0)
    predicted = np.where(answers.chosen.any(1), answers.chosen.argmax(1), farthest)
    figures = ordinal_scores(true, predicted, answers.scores, rows.names)
    return {name: figures[name] for name in ("mean_absolute_error", "quadratic_kappa")}


def _restricted(rows: Rows, answers: Answers) -> Answers:
    """The likeliest of the labels that are true of some row: what a system told of them beforehand would say."""
    scores = np.where(rows.labels.any(0), answers.scores, -np.inf)
    chosen = np.zeros_like(answers.chosen)
    chosen[np.arange(len(chosen)), scores.argmax(1)] = True
    return Answers(chosen & answers.chosen.any(1, keepdims=True), answers.scores)


def _relatives(rows: Rows, answers: Answers) -> dict[str, Any]:
    """Accuracy on the close relatives of Russian, and which of them is taken for which (rows are the true ones)."""
    names = [name for name in RELATIVES if name in rows.names]
    places = [rows.names.index(name) for name in names]
    among = rows.labels[:, places].any(1)
    true, chosen = rows.labels[among], answers.chosen[among]
    taken = (true[:, places].T.astype(int) @ chosen[:, places].astype(int)).tolist()
    return {
        "names": [*names, "other"],
        "rows": int(among.sum()),
        "accuracy": float((true & chosen).any(1).mean()),
        "confusion_matrix": [
            [*row, int(count - sum(row))]
            for row, count in zip(taken, true[:, places].sum(0).tolist(), strict=True)
        ],
    }


def _of(answers: Answers, chosen: np.ndarray) -> Answers:
    return Answers(answers.chosen[chosen], answers.scores[chosen])
