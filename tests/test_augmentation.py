"""Typing errors: as many as asked for, the same for the same seed, and only in the copies."""

import random
from difflib import SequenceMatcher

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from bilstm_classifier import load_sample_news
from bilstm_classifier.training.augmentation import damage, damaged, with_damaged_copies

TEXTS = load_sample_news()[0]


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_about_the_rate_of_the_characters_is_damaged(rate):
    text = " ".join(TEXTS)
    found = damage(text, rate, random.Random(3))
    same = sum(
        block.size for block in SequenceMatcher(None, text[:4000], found[:4000], False).get_matching_blocks()
    )
    assert 1 - same / 4000 == pytest.approx(rate, rel=0.35)


def test_nothing_is_damaged_at_rate_0_and_the_empty_text_stays():
    assert damaged(TEXTS, 0.0, seed=1) == TEXTS
    assert damage("", 0.5, random.Random(0)) == ""


def test_the_seed_decides():
    assert damaged(TEXTS, 0.1, seed=1) == damaged(TEXTS, 0.1, seed=1) != damaged(TEXTS, 0.1, seed=2)


def test_capitals_stay_capitals():
    assert damage("А" * 400, 0.5, random.Random(0)).isupper()


def test_copies_are_added_and_the_rows_stay():
    features = Features({"text": Value("string"), "labels": ClassLabel(names=["да", "нет"])})
    rows = {"text": [f"{text} {number}" for number, text in enumerate(TEXTS[:40])], "labels": [0, 1] * 20}
    train = Dataset.from_dict(rows, features=features)
    more = with_damaged_copies(train, share=0.5, rate=0.1, seed=0)
    assert len(more) == 60
    assert more["text"][:40] == train["text"][:]
    assert more.features == train.features
    assert not set(more["text"][40:]) & set(rows["text"])

    exact = with_damaged_copies(train, share=0.5, rate=0.0, seed=0)
    label_of = dict(zip(rows["text"], rows["labels"], strict=True))
    copies = dict(zip(exact["text"][40:], exact["labels"][40:], strict=True))
    assert len(copies) == 20
    assert all(label_of[text] == label for text, label in copies.items())
