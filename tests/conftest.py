"""Tiny models and tokenizers, built in memory; no test reaches the network or the user's cache."""

import os
import random
import shutil
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="hf-home-")
os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="gradio-")  # each process of tests looks into its own
os.environ.pop("HF_TOKEN", None)
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest
import torch
from transformers import BertConfig, PreTrainedTokenizerFast

from bilstm_classifier import BiLSTMConfig, BiLSTMForSequenceClassification, train_word_tokenizer
from bilstm_classifier.model_folder import save_model

REPOSITORY = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHARED = REPOSITORY.parent / "shared" / "data"
LABELS = {0: "culture", 1: "science", 2: "sports"}
# Written for these tests.
TEXTS = [
    "Команда выиграла матч в дополнительное время",
    "Театр открыл сезон премьерой по старой пьесе",
    "Телескоп заметил новую планету у далёкой звезды",
    "Вратарь спас команду в последнюю минуту матча",
    "Музей показал картины, которые сто лет лежали в запасниках",
    "Физики измерили массу частицы точнее, чем прежде",
]
TEXT_LABELS = ["sports", "culture", "science", "sports", "culture", "science"]
TOPIC_WORDS = {
    "culture": "театр премьера режиссёр сцена актёр музей выставка картина роман концерт",
    "sports": "матч гол вратарь сборная тренер турнир чемпионат лыжник медаль рекорд",
    "science": "телескоп планета физик частица учёный опыт спутник орбита клетка белок",
}

torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("shared") and not SHARED.is_dir():
            item.add_marker(pytest.mark.skip(reason="needs the real data in ../shared/data"))
        if item.get_closest_marker("browser") and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="needs Chromium: apt-get install chromium"))


def topic_texts(count: int) -> list[str]:
    """Texts of five random words each, of the topics of ``TOPIC_WORDS`` in turn."""
    generator, topics = random.Random(0), [words.split() for words in TOPIC_WORDS.values()]
    return [" ".join(generator.sample(topics[number % 3], 5)) for number in range(count)]


def tiny_bert_config(**settings) -> BertConfig:
    sizes = {
        "vocab_size": 60,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 64,
    }
    return BertConfig(**{**sizes, **settings})


def tiny_model(embedder: bool = True, **settings) -> BiLSTMForSequenceClassification:
    """An untrained classifier, the same at every call."""
    torch.manual_seed(0)
    base = {"embedder_config": tiny_bert_config()} if embedder else {"vocab_size": 60, "embedding_size": 12}
    base |= {"lstm_hidden_size": 8, "id2label": LABELS, "label2id": {name: i for i, name in LABELS.items()}}
    return BiLSTMForSequenceClassification(BiLSTMConfig(**{**base, **settings})).eval()


@pytest.fixture(scope="session")
def word_tokenizer() -> PreTrainedTokenizerFast:
    return train_word_tokenizer(TEXTS, max_vocabulary=60, max_length=32)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, word_tokenizer) -> Path:
    """A saved tiny model with an encoder."""
    return save_model(tiny_model(), word_tokenizer, tmp_path_factory.mktemp("model"), max_length=32)


@pytest.fixture
def news_csv(tmp_path) -> Path:
    """A small labelled file, big enough to be split and learned."""
    path = tmp_path / "news.csv"
    rows = [
        f'"{text}, {number}",{label}'
        for number in range(20)
        for text, label in zip(TEXTS, TEXT_LABELS, strict=True)
    ]
    path.write_text("\n".join(["news,labels", *rows]), encoding="utf-8")
    return path
