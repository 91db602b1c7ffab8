"""The packaged model's answers to fifty texts, written down when it was packaged (training/package_model.py).

A change of code that changes answers is seen here. Probabilities agree to 1e-3 in float32 on the CPU.
"""

import json

import numpy as np
import pytest
from conftest import REPOSITORY

from bilstm_classifier import Predictor, load_sample_news

GOLDEN = json.loads((REPOSITORY / "tests" / "golden_answers.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def answers():
    predictor = Predictor.from_pretrained(device="cpu", dtype="float32")
    return predictor.predict([answer["text"] for answer in GOLDEN])


def test_fifty_texts_are_on_record():
    assert len(GOLDEN) == 50
    category = dict(zip(*load_sample_news(), strict=True))
    assert len({category[answer["text"]] for answer in GOLDEN}) == 11


def test_labels_are_those_on_record(answers):
    for found, golden in zip(answers, GOLDEN, strict=True):
        first, second = sorted(golden["probabilities"].values(), reverse=True)[:2]
        if first - second > 2e-3:  # closer ones are a matter of the processor's rounding
            assert found.labels[0] == golden["label"]


def test_probabilities_are_those_on_record(answers):
    names = list(GOLDEN[0]["probabilities"])
    found = np.array([[answer.probabilities[name] for name in names] for answer in answers])
    expected = np.array([[answer["probabilities"][name] for name in names] for answer in GOLDEN])
    assert np.abs(found - expected).max() < 1e-3
