"""What a training starts from: a recipe's settings and the training rows -> tokenizer and classifier."""

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ..configuration import BiLSTMConfig
from ..data.encoding import label_counts, label_names, overlapping_names
from ..features import FeatureSchema
from ..hub.transport import HubOptions
from ..model_folder import load_model
from ..modeling import BiLSTMForSequenceClassification
from ..predictor import DEFAULT_MODEL
from ..recipe import DataSettings, ModelSettings
from ..tokenization import train_character_tokenizer, train_word_tokenizer

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)

# What a model that is started from brings along.
OF_THE_SHAPE = (
    "embedder",
    "tokenizer",
    "max_vocabulary",
    "cleaning",
    "cleaning_language",
    "embedding_size",
    "longest_ngram",
    "ngram_buckets",
    "lstm_hidden_size",
    "lstm_num_layers",
    "bidirectional",
    "pooling",
)


@dataclass(frozen=True)
class Start:
    """What is known before the first weight: tokenizer, columns beside the text, and the model to start from, if any.

    Raises:
        ImportError: lemmas are asked for, and simplemma is not installed.
        OSError: the encoder, or the model to start from, cannot be found or read.
        ValueError: settings that do not go together.
    """

    tokenizer: PreTrainedTokenizerFast
    schema: FeatureSchema
    lemmas: str | None
    earlier: BiLSTMForSequenceClassification | None

    @classmethod
    def of(cls, data: DataSettings, model: ModelSettings, train: "Dataset", token: str | None) -> "Start":
        """What the settings and the training rows ``train`` say."""
        schema = FeatureSchema.fit(train, data.number_columns, data.category_columns)
        if model.init_from is None:
            lemmas = model.cleaning_language if "lemmas" in model.cleaning else None
            return cls(build_tokenizer(model, train, token), schema, lemmas, None)
        plain = ModelSettings()
        if unused := [name for name in OF_THE_SHAPE if getattr(model, name) != getattr(plain, name)]:
            logger.info("not used, since %s has its own: %s", model.init_from, ", ".join(unused))
        hub: HubOptions = {"revision": model.init_revision, "token": token}
        earlier, tokenizer = load_model(_known(model.init_from), **hub)
        known = FeatureSchema.of(earlier.config)
        if [(column.kind, column.name) for column in known] == [
            (column.kind, column.name) for column in schema
        ]:
            schema = known  # whose numbers its weights were trained on
        return cls(tokenizer, schema, earlier.config.lemmas, earlier)


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
        if model.cleaning:
            raise ValueError(
                "cleaning is for a tokenizer of characters or words: an encoder reads what it was trained on"
            )
        return AutoTokenizer.from_pretrained(
            _known(model.embedder), revision=model.embedder_revision, token=token, trust_remote_code=False
        )
    trainers = {"characters": train_character_tokenizer, "words": train_word_tokenizer}
    if model.tokenizer not in trainers:
        raise ValueError(f"tokenizer is {model.tokenizer!r}: expected embedder, characters or words")
    texts = (row["text"] for row in train)
    return trainers[model.tokenizer](
        texts,
        max_vocabulary=model.max_vocabulary,
        max_length=model.max_length,
        cleaning=model.cleaning,
        language=model.cleaning_language,
    )


def _known(name: str) -> str:
    """A Hub id or folder; ``default_model`` is the one in the package."""
    return str(DEFAULT_MODEL) if name == "default_model" else name


def build_classifier(
    data: DataSettings,
    model: ModelSettings,
    start: Start,
    train: "Dataset",
    text_columns: Sequence[str],
    token: str | None,
) -> BiLSTMForSequenceClassification:
    """The model that training starts from: labels and class weights are those of ``train``.

    ``text_columns`` are those that its texts were joined of.

    Raises:
        OSError: the encoder cannot be found or read.
        ValueError: settings that do not go together.
    """
    # said before training, which needs neither
    if not 0 <= model.rules_precision < 1:
        raise ValueError(
            f"rules_precision is {model.rules_precision!r}: expected a share below 1, or 0 for no rules"
        )
    if not 0 < model.claim_precision < 1:
        raise ValueError(
            f"claim_precision is {model.claim_precision!r}: expected a share from above 0 to below 1"
        )
    names = label_names(train)
    overlapping = overlapping_names(train) is not None
    if overlapping and (data.ordered_labels or model.decision == "cascade" or model.rules_precision):
        raise ValueError(
            "ordered_labels, a cascade and rules are for a single label, and not for labels that overlap"
        )
    if model.unclaimed != "likeliest" and model.decision != "cascade":
        raise ValueError(f"unclaimed is {model.unclaimed!r}: that is for a cascade, give --decision cascade")
    settings: dict[str, Any] = {
        "id2label": dict(enumerate(names)),
        "label2id": {name: index for index, name in enumerate(names)},
        "problem_type": "multi_label_classification" if overlapping else "single_label_classification",
        "ordered_labels": data.ordered_labels,
        "class_weights": _class_weights(model.class_weights, train),
        "text_columns": list(text_columns),
        "feature_columns": start.schema.as_config(),
        "features_dropout": model.features_dropout,
        "freeze_embedder": model.freeze_embedder,
        "unfreeze_last_layers": model.unfreeze_last_layers,
        "dropout": model.dropout,
        "unclaimed": model.unclaimed,
    }
    branch = {
        "features_hidden_size": model.features_hidden_size,
        "category_embedding_size": model.category_embedding_size,
    }
    if start.earlier is not None:
        if start.schema != FeatureSchema.of(start.earlier.config):  # the branch is made anew
            settings |= branch
        return _with_weights_of(start.earlier, str(model.init_from), settings)
    settings |= {
        **branch,
        "lstm_hidden_size": model.lstm_hidden_size,
        "lstm_num_layers": model.lstm_num_layers,
        "bidirectional": model.bidirectional,
        "pooling": model.pooling,
        "longest_ngram": model.longest_ngram,
        "ngram_buckets": model.ngram_buckets,
        "lemmas": start.lemmas,
    }
    if model.embedder is not None:
        return BiLSTMForSequenceClassification.from_pretrained_embedder(
            _known(model.embedder), revision=model.embedder_revision, token=token, **settings
        )
    config = BiLSTMConfig(
        vocab_size=len(start.tokenizer),
        embedding_size=model.embedding_size,
        pad_token_id=start.tokenizer.pad_token_id,
        **settings,
    )
    return BiLSTMForSequenceClassification(config)


def _with_weights_of(
    earlier: BiLSTMForSequenceClassification, source: str, settings: dict[str, Any]
) -> BiLSTMForSequenceClassification:
    """A model of the shape and with the weights of ``earlier``, but with these labels and columns beside the text.

    The head is made anew where labels or columns differ, and so is the branch of columns that differ.
    """
    before = earlier.config.to_dict()
    for name in (
        "architectures",
        "auto_map",
        "thresholds",
        "cascade",
        "unsure_below",
        "transformers_version",
    ):
        before.pop(name, None)
    config = BiLSTMConfig(**copy.deepcopy(before) | settings)
    classifier = BiLSTMForSequenceClassification(config)
    anew = []
    if config.feature_columns != earlier.config.feature_columns:
        anew += ["features_branch.", "classifier."]
    elif config.label_names != earlier.config.label_names:
        anew += ["classifier."]
    kept = {name: weight for name, weight in earlier.state_dict().items() if not name.startswith(tuple(anew))}
    classifier.load_state_dict(kept, strict=False)
    logger.info("starting from %s of %s", "all weights but the head" if anew else "all weights", source)
    return classifier


def _class_weights(kind: str, train: "Dataset") -> list[float] | None:
    powers = {"none": None, "balanced": 1.0, "sqrt": 0.5}
    if kind not in powers:
        raise ValueError(f"class_weights is {kind!r}: expected none, balanced or sqrt")
    if (power := powers[kind]) is None:
        return None
    counts = np.array(list(label_counts(train).values())).clip(1)
    if overlapping_names(train) is not None:  # of the positive term: so many texts without a label as with it
        return (((len(train) - counts).clip(1) / counts) ** power).tolist()
    weights = (counts.sum() / (len(counts) * counts)) ** power
    return (weights / weights.mean()).tolist()
