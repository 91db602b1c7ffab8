"""The whole design space of the classifier as data.

This file, ``embedder.py``, ``layers.py`` and ``modeling.py`` travel with a model as remote code: they import torch,
transformers, huggingface_hub and each other only.
"""

import copy
import math
import re
from collections.abc import Sequence
from typing import Any

from transformers import AutoConfig, PreTrainedConfig

POOLINGS = ("mean", "max", "last", "attention")
# Their positions begin after that of padding.
OFFSET_POSITIONS = (
    "camembert",
    "data2vec-text",
    "ibert",
    "luke",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)
# What a config.json may say that is no setting of a model but names code, kernels or other files to load.
NOT_SETTINGS = (
    "_attn_implementation",
    "attn_implementation",
    "auto_map",
    "experts_implementation",
    "quantization_config",
    "transformers_weights",
)
# Raised when a saved model comes to mean something else, so that older releases refuse it.
FORMAT_VERSION = 1
PROBLEM_TYPES = ("single_label_classification", "multi_label_classification")
# What becomes of a text that no stage of a cascade claims: the likeliest label, or the answer "unknown".
UNCLAIMED = ("likeliest", "unknown")


class BiLSTMConfig(PreTrainedConfig):
    """Configuration of :class:`~bilstm_classifier.BiLSTMForSequenceClassification`.

    Args:
        embedder_config: Configuration (object or dict with ``model_type``) of the encoder whose last hidden states are
            read by the LSTM. ``None`` means a learned embedding of ``vocab_size`` x ``embedding_size``.
        embedder_repo_id: Hub repository that has the frozen encoder's weights, which are then not saved with the model
            but fetched by ``from_pretrained``. ``None`` where they are saved with the model.
        embedder_commit: The 40 digits of that repository's commit.
        vocab_size: Rows of the learned embedding; required without ``embedder_config``, ignored with one.
        embedding_size: Width of the learned embedding; with an encoder it is the encoder's hidden size.
        longest_ngram: Beside a learned embedding, the head also reads the mean of the embeddings, ``embedding_size``
            wide, of all runs of 1 to this many tokens; 0 for none.
        ngram_buckets: Rows of the table of these n-grams, which are found by hashing.
        pad_token_id: Row of the learned embedding that stays zero.
        freeze_embedder: Keep the encoder in eval mode and without gradient. A learned embedding is never frozen.
        unfreeze_last_layers: With a frozen encoder, train this many of its last layers all the same.
        lstm_hidden_size: Units of each direction.
        lstm_num_layers: LSTM layers on top of one another, 1 or more.
        bidirectional: Read each text from both ends.
        pooling: ``"mean"``, ``"max"``, ``"last"`` (each direction's state after its whole text) or ``"attention"``
            (a learned softmax over tokens, Yang et al. 2016); padding takes part in none of them.
        dropout: Between LSTM layers and before the head.
        feature_columns: Columns beside the text, as ``FeatureSchema`` describes them: dicts with ``name`` and ``kind``;
            of ``"number"`` with ``mean``, ``std``, ``low``, ``high``, ``log``, of ``"category"`` with ``values``.
        features_hidden_size: Units of the dense branch over these columns.
        category_embedding_size: Width of the embedding of each column of categories.
        features_dropout: In training, the share of rows whose columns beside the text are all hidden, so that the
            model learns to answer without them.
        text_columns: Columns whose texts are joined to the one that is read; ``None`` where a text is a text.
        text_separator: What stands between joined texts.
        lemmas: Language whose words are read as their lemmas (``"en"``, ``"ru"``, ...); ``None`` for words as they are.
        class_weights: One positive weight a label, used in the loss: weights of the cross-entropy, or of the positive
            term of the binary cross-entropy when the labels overlap.
        thresholds: Probability from which on each overlapping label is chosen; ``None`` is one half for all.
        cascade: One-vs-rest stages in their order, dicts with ``label`` and ``threshold``: the first whose label
            reaches its threshold decides. ``None`` is the likeliest label.
        unclaimed: What becomes of a text that no stage claims: ``"likeliest"`` or ``"unknown"``.
        ordered_labels: The labels are steps in their order, such as stars.
        unsure_below: An answer with a smaller probability is called unsure; ``None`` where no bound was measured.
        problem_type: ``"single_label_classification"`` (softmax) or ``"multi_label_classification"`` (sigmoid).
        format_version: Of the saved model.

    Raises:
        ValueError: a value outside its range; the message names it.
    """

    model_type = "bilstm_classifier"
    sub_configs = {"embedder_config": AutoConfig}

    def __init__(
        self,
        embedder_config: PreTrainedConfig | dict[str, Any] | None = None,
        embedder_repo_id: str | None = None,
        embedder_commit: str | None = None,
        vocab_size: int | None = None,
        embedding_size: int | None = None,
        longest_ngram: int = 0,
        ngram_buckets: int = 2**18,
        pad_token_id: int | None = 0,
        freeze_embedder: bool = True,
        unfreeze_last_layers: int = 0,
        lstm_hidden_size: int = 256,
        lstm_num_layers: int = 2,
        bidirectional: bool = True,
        pooling: str = "mean",
        dropout: float = 0.5,
        feature_columns: Sequence[dict[str, Any]] | None = None,
        features_hidden_size: int = 64,
        category_embedding_size: int = 8,
        features_dropout: float = 0.0,
        text_columns: Sequence[str] | None = None,
        text_separator: str = " [SEP] ",
        lemmas: str | None = None,
        class_weights: Sequence[float] | None = None,
        thresholds: Sequence[float] | None = None,
        cascade: Sequence[dict[str, Any]] | None = None,
        unclaimed: str = "likeliest",
        ordered_labels: bool = False,
        unsure_below: float | None = None,
        problem_type: str = "single_label_classification",
        format_version: int = FORMAT_VERSION,
        **kwargs: Any,
    ):
        check_format(format_version)
        embedder: Any = copy.deepcopy(embedder_config)
        if isinstance(embedder, dict):
            for name in NOT_SETTINGS:
                embedder.pop(name, None)
            if "model_type" not in embedder:
                raise ValueError("embedder_config has no model_type: expected the config of an encoder")
            embedder = AutoConfig.for_model(embedder.pop("model_type"), **embedder)
        if embedder is not None:
            # A dtype in the nested config would load the encoder and the LSTM in different precisions.
            embedder.dtype = None
            embedding_size = getattr(embedder, "hidden_size", None) or embedder.dim
            vocab_size = embedder.vocab_size
            pad_token_id = embedder.pad_token_id
        self.embedder_config = embedder
        self.embedder_repo_id = embedder_repo_id
        self.embedder_commit = embedder_commit
        self.vocab_size = vocab_size
        self.embedding_size = 128 if embedding_size is None else embedding_size
        self.longest_ngram = longest_ngram
        self.ngram_buckets = ngram_buckets
        self.freeze_embedder = freeze_embedder
        self.unfreeze_last_layers = unfreeze_last_layers
        self.lstm_hidden_size = lstm_hidden_size
        self.lstm_num_layers = lstm_num_layers
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.dropout = dropout
        self.feature_columns = [dict(column) for column in feature_columns or ()]
        self.features_hidden_size = features_hidden_size
        self.category_embedding_size = category_embedding_size
        self.features_dropout = features_dropout
        self.text_columns = None if text_columns is None else list(text_columns)
        self.text_separator = text_separator
        self.lemmas = lemmas
        self.class_weights = None if class_weights is None else [float(weight) for weight in class_weights]
        self.thresholds = None if thresholds is None else [float(threshold) for threshold in thresholds]
        self.cascade = None if cascade is None else [dict(stage) for stage in cascade]
        self.unclaimed = unclaimed
        self.ordered_labels = ordered_labels
        self.unsure_below = unsure_below
        self.format_version = format_version
        super().__init__(pad_token_id=pad_token_id, problem_type=problem_type, **kwargs)
        self._check()

    @property
    def label_names(self) -> list[str]:
        """Names of the labels in the order of their ids."""
        names = self.id2label or {}
        return [names[index] for index in sorted(names)]

    @property
    def max_tokens(self) -> int | None:
        """Tokens that the encoder has positions for, special tokens included; ``None`` where it knows no limit."""
        positions = getattr(self.embedder_config, "max_position_embeddings", None)
        if positions is not None and self.embedder_config.model_type in OFFSET_POSITIONS:
            return positions - self.embedder_config.pad_token_id - 1
        return positions

    @property
    def text_size(self) -> int:
        """Width of a pooled text: LSTM units times directions."""
        return self.lstm_hidden_size * (2 if self.bidirectional else 1)

    @property
    def head_size(self) -> int:
        """Width of what the head reads: a pooled text and what is joined to it."""
        joined = self.embedding_size if self.longest_ngram else 0
        return self.text_size + joined + (self.features_hidden_size if self.feature_columns else 0)

    @property
    def number_columns(self) -> list[str]:
        """Names of the columns of numbers beside the text, in the order of the tensor ``features``."""
        return [column["name"] for column in self.feature_columns if column["kind"] == "number"]

    @property
    def category_columns(self) -> dict[str, list[str]]:
        """Values of each column of categories beside the text, in the order of the tensor ``categories``."""
        return {
            column["name"]: column["values"]
            for column in self.feature_columns
            if column["kind"] == "category"
        }

    def _check(self) -> None:
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling is {self.pooling!r}: expected one of {', '.join(POOLINGS)}")
        if self.problem_type not in PROBLEM_TYPES:
            raise ValueError(
                f"problem_type is {self.problem_type!r}: expected one of {', '.join(PROBLEM_TYPES)}"
            )
        least = {"lstm_hidden_size": 1, "lstm_num_layers": 1, "embedding_size": 1, "features_hidden_size": 1}
        least |= {"category_embedding_size": 1, "unfreeze_last_layers": 0}
        least |= {"longest_ngram": 0, "ngram_buckets": 1}
        for name, lowest in least.items():
            if not isinstance(value := getattr(self, name), int) or value < lowest:
                raise ValueError(f"{name} is {value!r}: expected a whole number of {lowest} or more")
        if self.longest_ngram and self.embedder_config is not None:
            raise ValueError(
                f"longest_ngram is {self.longest_ngram}, but there is an encoder: n-grams go with a learned embedding"
            )
        padding, vocabulary = self.pad_token_id, self.vocab_size
        if padding is not None and vocabulary is not None and not 0 <= padding < vocabulary:
            raise ValueError(f"pad_token_id is {padding}: the vocabulary has {vocabulary} tokens")
        if (self.embedder_repo_id is None) != (self.embedder_commit is None):
            raise ValueError("embedder_repo_id and embedder_commit go together: one of them is missing")
        if self.embedder_commit is not None and not re.fullmatch("[0-9a-f]{40}", str(self.embedder_commit)):
            raise ValueError(
                f"embedder_commit is {self.embedder_commit!r}: expected the 40 digits of a commit, since a branch moves"
            )
        if not re.fullmatch(
            r"([A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*", str(self.embedder_repo_id or "a"), re.ASCII
        ):
            raise ValueError(f"embedder_repo_id is {self.embedder_repo_id!r}: expected owner/name on the Hub")
        if self.embedder_repo_id is not None and self.embedder_config is None:
            raise ValueError(
                f"embedder_repo_id is {self.embedder_repo_id!r}, but there is no embedder_config"
            )
        for name in ("dropout", "features_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}: expected a number from 0 to below 1")
        bound = self.unsure_below
        if bound is not None and not 0 <= bound <= 1:
            raise ValueError(f"unsure_below is {bound!r}: expected a probability or none")
        weights = self.class_weights
        if weights is not None and (len(weights) != self.num_labels or min(weights) <= 0):
            raise ValueError(
                f"class_weights holds {weights}: expected {self.num_labels} positive numbers, one a label"
            )
        self._check_decision()
        check_feature_columns(self.feature_columns)

    def _check_decision(self) -> None:
        """What turns probabilities into labels must go with the labels."""
        overlapping = self.problem_type == "multi_label_classification"
        thresholds = self.thresholds
        if thresholds is not None:
            if not overlapping:
                raise ValueError("thresholds are for labels that overlap: expected none for a single label")
            if len(thresholds) != self.num_labels or not all(0 <= bound <= 1 for bound in thresholds):
                raise ValueError(
                    f"thresholds holds {thresholds}: expected {self.num_labels} probabilities, one a label"
                )
        if self.unclaimed not in UNCLAIMED:
            raise ValueError(f"unclaimed is {self.unclaimed!r}: expected one of {', '.join(UNCLAIMED)}")
        if self.cascade is None:
            return
        if overlapping:
            raise ValueError("cascade is for a single label: labels that overlap take thresholds")
        claimed = set()
        for stage in self.cascade:
            label = stage.get("label")
            threshold: Any = stage.get("threshold")
            if label not in self.label_names or label in claimed:
                raise ValueError(
                    f"cascade has a stage for {label!r}: expected each of {', '.join(self.label_names)} once at most"
                )
            if not is_finite(threshold) or not 0 <= threshold <= 1:
                raise ValueError(
                    f"cascade has the threshold {threshold!r} for {label!r}: expected a probability"
                )
            claimed.add(label)


def check_feature_columns(columns: Sequence[dict[str, Any]]) -> None:
    """Raise ValueError where a description of columns beside the text cannot be used."""
    names = [column.get("name") for column in columns]
    for column, name in zip(columns, names, strict=True):
        if not isinstance(name, str) or names.count(name) > 1:
            raise ValueError(f"feature_columns has the name {name!r}: expected a text, each name once")
        if column.get("kind") == "number":
            figures: list[Any] = [column.get(key) for key in ("mean", "std", "low", "high")]
            sound = all(map(is_finite, figures)) and figures[1] > 0 and figures[2] <= figures[3]
            if not sound or not isinstance(column.get("log"), bool):
                raise ValueError(
                    f"feature_columns describes the numbers of {name!r} by {figures}, log {column.get('log')!r}: "
                    "expected finite mean, std (above 0), low and high, and log true or false"
                )
        elif column.get("kind") == "category":
            values: Any = column.get("values")
            sound = isinstance(values, list) and all(isinstance(value, str) for value in values)
            if not sound or len(set(values)) < len(values):
                raise ValueError(f"feature_columns lists no values of {name!r}: expected texts, each once")
        else:
            raise ValueError(
                f"feature_columns has the kind {column.get('kind')!r} for {name!r}: expected number or category"
            )


def is_finite(value: Any) -> bool:
    """Whether ``value`` is a number, and neither infinite nor NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_format(version: Any) -> None:
    """Raise ValueError where a saved model is of a format that this release does not know."""
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ValueError(
            f"saved by a newer release of bilstm-classifier (format_version {version!r}, this one reads up to "
            f"{FORMAT_VERSION}): pip install --upgrade bilstm-classifier"
        )


BiLSTMConfig.register_for_auto_class()
