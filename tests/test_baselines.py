"""benchmarks/baselines.py, on a task composed here: three topics, three words of its own in each text."""

import sys

import numpy as np
import pytest
from conftest import REPOSITORY, tiny_model

from bilstm_classifier import train_word_tokenizer

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import baselines
from baselines import Encoder, FastText, LinearSvm, Mlp, WeightsNotFoundError

TOPICS = [
    ["театр", "музей", "опера", "балет", "выставка"],
    ["планета", "частица", "телескоп", "формула", "опыт"],
    ["матч", "гол", "вратарь", "сборная", "тренер"],
]
FILLER = ["сегодня", "вчера", "снова", "город", "люди", "новый", "говорить", "неделя", "утро", "большой"]


def compose(rows: int, seed: int) -> tuple[list[str], list[int]]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, len(TOPICS), rows).tolist()
    texts = []
    for label in labels:
        words = [*generator.choice(TOPICS[label], 3), *generator.choice(FILLER, 4)]
        texts.append(" ".join(generator.permutation(words)))
    return texts, labels


TRAIN, TEST = compose(200, seed=1), compose(60, seed=2)
# Nothing tells their topic, so that the least difference between two systems may change an answer.
UNCLEAR = [f"{first} {second}" for first in FILLER for second in FILLER]


def check(make) -> baselines.Baseline:
    """Two systems of the same seed: good, alike, of a size. Returns one of them."""
    system, again = make(), make()
    for each in (system, again):
        each.fit(*TRAIN, num_labels=3, seed=7)
    found = system.predict(TEST[0])
    assert found.shape == (60,)
    assert np.issubdtype(found.dtype, np.integer)
    assert (found == TEST[1]).mean() > 0.8
    np.testing.assert_array_equal(system.predict(UNCLEAR), again.predict(UNCLEAR))
    assert system.size() == again.size() > 0
    return system


@pytest.mark.parametrize("make", [LinearSvm, Mlp])
def test_a_tfidf_system_learns(make):
    check(make)


@pytest.mark.parametrize("cutoff", [None, 1_000])
def test_fasttext_learns(cutoff):
    pytest.importorskip("fasttext", reason="fastText is not installed")
    system = check(lambda: FastText(cutoff, bucket=FastText.LEAST_BUCKET))
    lines = "вратарь\nпропустил\nгол"
    assert system.predict([lines]).tolist() == system.predict([" ".join(lines.split())]).tolist()
    assert system.predict([""]).shape == (1,), "a text without words gets an answer too"
    assert (system.size() < 2**20) == (cutoff is not None)


def test_a_word_of_a_text_is_never_taken_for_its_label():
    pytest.importorskip("fasttext", reason="fastText is not installed")
    texts, labels = TRAIN
    system = FastText(bucket=FastText.LEAST_BUCKET)
    system.fit([f"{text} __label__9" for text in texts], labels, num_labels=3, seed=7)
    assert set(system.predict([*TEST[0], "__label__9"]).tolist()) <= {0, 1, 2}


def test_a_matrix_that_fasttext_would_leave_undefined_is_refused():
    with pytest.raises(ValueError, match="expected 100000 or more"):
        FastText(bucket=2_000)


def test_without_fasttext_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fasttext", None)
    with pytest.raises(ImportError, match="pip install fasttext"):
        FastText().fit(*TRAIN, num_labels=3, seed=7)


def test_an_encoder_learns_by_the_recipe(tmp_path):
    tokenizer = train_word_tokenizer(TRAIN[0], max_vocabulary=60, max_length=16)
    tokenizer.save_pretrained(tmp_path)
    tiny_model().embedder.save_pretrained(tmp_path)
    settings = {
        "max_length": 16,
        "lstm_hidden_size": 16,
        "lstm_num_layers": 1,
        "dropout": 0.0,
        "learning_rate": 0.02,
        "per_device_train_batch_size": 16,
        "num_train_epochs": 6,
        "disable_tqdm": True,
        "use_cpu": True,
    }
    check(lambda: Encoder(str(tmp_path), **settings))


def test_an_encoder_without_weights_says_so():
    system = Encoder("nobody/nothing")
    with pytest.raises(WeightsNotFoundError, match="the weights of nobody/nothing cannot be had"):
        system.fit(*TRAIN, num_labels=3, seed=7)


def test_an_encoder_with_half_its_files_says_so(tmp_path):
    tiny_model().embedder.config.save_pretrained(tmp_path)
    train_word_tokenizer(TRAIN[0], max_vocabulary=60).save_pretrained(tmp_path)
    with pytest.raises(WeightsNotFoundError):
        Encoder(str(tmp_path)).fit(*TRAIN, num_labels=3, seed=7)
