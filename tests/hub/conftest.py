"""One Hub and one fresh Python that may write to it, for each module of tests."""

from pathlib import Path

import pytest
from conftest import TEXTS

from bilstm_classifier import Predictor

from .clients import client
from .server import TOKEN, LoopbackHub


@pytest.fixture(scope="module")
def hub():
    with LoopbackHub() as server:
        yield server


@pytest.fixture(scope="module")
def online(hub, tmp_path_factory):
    """Another Python that reaches the Hub, with a token that may write."""
    with client(hub.url, tmp_path_factory.mktemp("home"), HF_TOKEN=TOKEN) as pool:
        yield pool


@pytest.fixture(scope="module")
def stranger(hub, tmp_path_factory):
    """Another Python that reaches the Hub, without a token."""
    with client(hub.url, tmp_path_factory.mktemp("stranger")) as pool:
        yield pool


@pytest.fixture(scope="session")
def expected(model_folder):
    return Predictor.from_pretrained(model_folder).predict_proba(TEXTS)


@pytest.fixture(scope="session")
def other_folder(tmp_path_factory, word_tokenizer) -> Path:
    """A model of other sizes and labels than that of ``model_folder``."""
    from conftest import tiny_model

    from bilstm_classifier.model_folder import save_model

    model = tiny_model(lstm_hidden_size=6, id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1})
    return save_model(model, word_tokenizer, tmp_path_factory.mktemp("other"), max_length=32)
