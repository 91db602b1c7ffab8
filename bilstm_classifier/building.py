"""What a training starts from: a recipe's model settings -> tokenizer and classifier."""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from .configuration import BiLSTMConfig
from .hub import HubOptions
from .model_folder import load_model
from .modeling import BiLSTMForSequenceClassification
from .predictor import DEFAULT_MODEL
from .recipe import ModelSettings
from .tokenization import train_character_tokenizer, train_word_tokenizer

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)


def build_tokenizer(model: ModelSettings, train: "Dataset", token: str | None) -> PreTrainedTokenizerFast:
    """The encoder's own tokenizer, or one of the characters or words of ``train``.

    Raises:
        OSError: the encoder cannot be found or read.
        ValueError: settings that do not go together.
    """
    if model.tokenizer == "embedder":
        if model.embedder is None:
            raise ValueError(
                "no --embedder to take the tokenizer of: give one, or --tokenizer characters or words, or a --recipe "
                "such as default_model"
            )
        return AutoTokenizer.from_pretrained(
            _embedder_source(model), revision=model.embedder_revision, token=token, trust_remote_code=False
        )
    trainers = {"characters": train_character_tokenizer, "words": train_word_tokenizer}
    if model.tokenizer not in trainers:
        raise ValueError(f"tokenizer is {model.tokenizer!r}: expected embedder, characters or words")
    texts = (row["text"] for row in train)
    return trainers[model.tokenizer](texts, max_vocabulary=model.max_vocabulary, max_length=model.max_length)


def _embedder_source(model: ModelSettings) -> str:
    return str(DEFAULT_MODEL) if model.embedder == "default_model" else str(model.embedder)


def build_classifier(
    model: ModelSettings, tokenizer: PreTrainedTokenizerFast, train: "Dataset", token: str | None
) -> BiLSTMForSequenceClassification:
    """The model that training starts from: labels and class weights are those of ``train``.

    Raises:
        OSError: the encoder cannot be found or read.
        ValueError: settings that do not go together.
    """
    names = train.features["labels"].names
    settings: dict[str, Any] = {
        "id2label": dict(enumerate(names)),
        "label2id": {name: index for index, name in enumerate(names)},
        "class_weights": _class_weights(model.class_weights, train, len(names)),
        "freeze_embedder": model.freeze_embedder,
        "unfreeze_last_layers": model.unfreeze_last_layers,
        "lstm_hidden_size": model.lstm_hidden_size,
        "lstm_num_layers": model.lstm_num_layers,
        "bidirectional": model.bidirectional,
        "pooling": model.pooling,
        "dropout": model.dropout,
    }
    if model.embedder is not None:
        classifier = BiLSTMForSequenceClassification.from_pretrained_embedder(
            _embedder_source(model), revision=model.embedder_revision, token=token, **settings
        )
        if model.continue_training:
            hub: HubOptions = {"revision": model.embedder_revision, "token": token}
            _take_upper_layers(classifier, _embedder_source(model), hub)
        return classifier
    if model.continue_training:
        raise ValueError("continue_training needs --embedder: the model to go on from")
    config = BiLSTMConfig(
        vocab_size=len(tokenizer),
        embedding_size=model.embedding_size,
        pad_token_id=tokenizer.pad_token_id,
        **settings,
    )
    return BiLSTMForSequenceClassification(config)


def _take_upper_layers(classifier: BiLSTMForSequenceClassification, source: str, hub: HubOptions) -> None:
    """Give `classifier` the LSTM and the pooling of the model `source`, and its head where the labels are the same.

    Raises:
        ValueError: `source` is no model of this package, or its layers have other shapes.
    """
    earlier, _ = load_model(source, **hub)
    same_labels = earlier.config.label_names == classifier.config.label_names
    own, taken = classifier.state_dict(), {}
    for name, weight in earlier.state_dict().items():
        if name.startswith("classifier.") and not same_labels:
            continue
        if name not in own or own[name].shape != weight.shape:
            raise ValueError(
                f"continue_training: {name} of {source} has no place in the new model; give the same LSTM and pooling"
            )
        taken[name] = weight
    classifier.load_state_dict(taken, strict=False)
    logger.info(
        "going on from %s of %s", "all weights" if same_labels else "all weights but the head", source
    )


def _class_weights(kind: str, train: "Dataset", num_labels: int) -> list[float] | None:
    powers = {"none": None, "balanced": 1.0, "sqrt": 0.5}
    if kind not in powers:
        raise ValueError(f"class_weights is {kind!r}: expected none, balanced or sqrt")
    if (power := powers[kind]) is None:
        return None
    counts = np.bincount(train["labels"], minlength=num_labels)
    weights = (counts.sum() / (num_labels * np.maximum(counts, 1))) ** power
    return (weights / weights.mean()).tolist()
