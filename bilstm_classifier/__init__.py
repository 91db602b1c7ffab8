"""Classify Russian news, and any other texts, with a bidirectional LSTM over BERT embeddings.

``import bilstm_classifier`` is light: torch and transformers are imported when a name that needs them is used, and the
model is registered with transformers' Auto classes as soon as those are imported, before or after this package.
"""

import importlib
from typing import TYPE_CHECKING, Any

import wrapt

__version__ = "0.1.0"

_HOMES = {
    "BiLSTMConfig": "configuration",
    "BiLSTMForSequenceClassification": "modeling",
    "Explanation": "explain",
    "Prediction": "prediction",
    "Predictor": "predictor",
    "TextPrediction": "prediction",
    "Word": "explain",
    "evaluate_model": "evaluation.reporting",
    "get_predictions": "predictor",
    "load_dataset_dict": "data.loading",
    "load_sample_news": "sample",
    "pull_model": "hub.publishing",
    "push_model": "hub.publishing",
    "train_character_tokenizer": "tokenization",
    "train_model": "training.trainer",
    "train_word_tokenizer": "tokenization",
}
__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 (the names are strings)

if TYPE_CHECKING:
    from .configuration import BiLSTMConfig as BiLSTMConfig
    from .data.loading import load_dataset_dict as load_dataset_dict
    from .evaluation.reporting import evaluate_model as evaluate_model
    from .explain import Explanation as Explanation
    from .explain import Word as Word
    from .hub.publishing import pull_model as pull_model
    from .hub.publishing import push_model as push_model
    from .modeling import BiLSTMForSequenceClassification as BiLSTMForSequenceClassification
    from .prediction import Prediction as Prediction
    from .prediction import TextPrediction as TextPrediction
    from .predictor import Predictor as Predictor
    from .predictor import get_predictions as get_predictions
    from .sample import load_sample_news as load_sample_news
    from .tokenization import train_character_tokenizer as train_character_tokenizer
    from .tokenization import train_word_tokenizer as train_word_tokenizer
    from .training.trainer import train_model as train_model


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


# Whichever is imported last, transformers' Auto class or our own, finds the other one ready and registers the pair.
@wrapt.when_imported("transformers.models.auto.configuration_auto")
def _import_config(_: Any) -> None:
    importlib.import_module(".configuration", __name__)


@wrapt.when_imported("transformers.models.auto.modeling_auto")
def _import_model(_: Any) -> None:
    importlib.import_module(".modeling", __name__)


@wrapt.when_imported(f"{__name__}.configuration")
def _register_config(module: Any) -> None:
    from transformers import AutoConfig

    AutoConfig.register(module.BiLSTMConfig.model_type, module.BiLSTMConfig, exist_ok=True)


@wrapt.when_imported(f"{__name__}.modeling")
def _register_model(module: Any) -> None:
    from transformers import AutoModelForSequenceClassification as Auto

    Auto.register(module.BiLSTMConfig, module.BiLSTMForSequenceClassification, exist_ok=True)
