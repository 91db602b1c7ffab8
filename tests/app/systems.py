"""Tiny untrained models of each kind, saved and loaded as any other, and what they are asked."""

from pathlib import Path

from conftest import tiny_model

from bilstm_classifier.app.service import Service
from bilstm_classifier.app.settings import Settings
from bilstm_classifier.model_folder import save_model
from bilstm_classifier.rules import Rule, Rules

# Written for these tests.
MATCH = "Команда выиграла матч в дополнительное время"
NUMBERS = {"mean": 7.0, "std": 2.0, "low": 0.0, "high": 1_200_000.0, "log": True}
COLUMNS = [
    {"kind": "number", "name": "views", **NUMBERS},
    {"kind": "number", "name": "seconds", "mean": 60.0, "std": 20.0, "low": 1.5, "high": 900.0, "log": False},
    {"kind": "category", "name": "source", "values": ["канал", "трансляция"]},
]
THRESHOLDS = [0.32, 0.505, 0.99]
BETWEEN = {"problem_type": "multi_label_classification", "thresholds": THRESHOLDS}
VIDEOS = {"text_columns": ["title", "tags"], "feature_columns": COLUMNS}


def saved(folder: Path, tokenizer, rules: dict[str, list[str]] | None = None, **settings) -> Path:
    """The folder of a model with these settings in its config."""
    model = tiny_model(embedder=False, **settings)
    if rules is not None:
        model.rules = Rules(tuple(Rule(label, tuple(words)) for label, words in rules.items()))
    return save_model(model, tokenizer, folder, max_length=32)


def loaded(folder: Path, tokenizer, rules: dict[str, list[str]] | None = None, **settings) -> Service:
    """The service around such a model."""
    path = saved(folder / "model", tokenizer, rules, **settings)
    return Service.load(Settings(model_id=str(path)))
