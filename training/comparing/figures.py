"""The figures of a comparison: scores with intervals, and a test of each pair."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from bilstm_classifier.evaluation.significance import (
    bootstrap_scores,
    holm,
    mcnemar,
    percentile_interval,
    permutation_test,
    scores,
)
from comparing.systems import Answers

LEVEL = 0.95


def compare(answers: Answers, resamples: int) -> dict[str, Any]:
    """Scores of each system, averaged over its runs, and of each pair the difference and whether it is luck.

    Intervals are of the percentile bootstrap, paired over texts. A pair is tested by McNemar's test; where labels
    overlap, or systems have several runs, by permutations of the micro F1 (with one label a text, of the accuracy).
    P values are corrected over the pairs (Holm).

    Returns:
        ``systems``: by name, ``f1_macro`` and ``accuracy`` or ``f1_micro``, each with ``estimate``, ``low``, ``high``
        and ``runs`` (the score of each run). ``pairs``: ``first``, ``second``, under each score's name its difference
        (first minus second), ``test``, ``p_value``, ``p_corrected`` and, of McNemar's test, ``only_first`` and
        ``only_second``.
    """
    runs = [len(predicted) for predicted in answers.predicted.values()]
    owners = np.repeat(np.arange(len(runs)), runs)
    everything = np.concatenate(list(answers.predicted.values()))
    found = scores(answers.true, everything)
    drawn = bootstrap_scores(answers.true, everything, resamples=resamples)
    if not answers.overlapping:
        true, with_silence = _with_silence(answers.true, everything)
        found["f1_micro"] = scores(true, with_silence)["f1_micro"]
        drawn["f1_micro"] = bootstrap_scores(true, with_silence, resamples=resamples)["f1_micro"]
    means = {  # (resamples, systems): the mean of each system's runs
        key: np.stack([values[:, owners == index].mean(1) for index in range(len(runs))], axis=1)
        for key, values in drawn.items()
    }
    names = {"f1_macro": "f1_macro", "f1_micro": "f1_micro" if answers.overlapping else "accuracy"}
    systems: dict[str, dict[str, Any]] = {}
    for index, name in enumerate(answers.predicted):
        systems[name] = {}
        for key, shown in names.items():
            own = found[key][owners == index]
            interval = percentile_interval(own.mean(), means[key][:, index], LEVEL)
            systems[name][shown] = {**interval._asdict(), "runs": own.tolist()}
    pairs = []
    for (i, first), (j, second) in combinations(enumerate(answers.predicted), 2):
        pair: dict[str, Any] = {"first": first, "second": second}
        for key, shown in names.items():
            difference = systems[first][shown]["estimate"] - systems[second][shown]["estimate"]
            interval = percentile_interval(difference, means[key][:, i] - means[key][:, j], LEVEL)
            pair[shown] = interval._asdict()
        pairs.append(pair | _test(answers, first, second))
    for pair, corrected in zip(pairs, holm([pair["p_value"] for pair in pairs]), strict=True):
        pair["p_corrected"] = corrected
    return {"systems": systems, "pairs": pairs}


def _test(answers: Answers, first: str, second: str) -> dict[str, Any]:
    one, other = answers.predicted[first], answers.predicted[second]
    if answers.overlapping:
        return {"test": "permutation of the micro F1", "p_value": permutation_test(answers.true, one, other)}
    if len(one) > 1:
        true, both = _with_silence(answers.true, np.concatenate([one, other]))
        p_value = permutation_test(true, both[: len(one)], both[len(one) :])
        return {"test": "permutation of the accuracy", "p_value": p_value}
    right = [(predicted[0] & answers.true).any(axis=1) for predicted in (one, other)]
    found = mcnemar(*right)
    return {
        "test": "McNemar, exact" if found.exact else "McNemar, chi-squared",
        "only_first": found.only_first,
        "only_second": found.only_second,
        "p_value": found.p_value,
    }


def _with_silence(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """With a label more, that of no answer: the micro F1 is then the accuracy, of which no answer is a miss.

    ``true`` is (texts, labels), ``predicted`` (runs, texts, labels).
    """
    silent = ~predicted.any(axis=-1, keepdims=True)
    never = np.zeros((len(true), 1), dtype=true.dtype)
    return np.concatenate([true, never], axis=1), np.concatenate([predicted, silent], axis=-1)
