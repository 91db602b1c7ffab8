"""What a training needs before its first step: the splits, the tokenizer, and rows as the model takes them."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..data.embedding_store import EmbeddingStore
from ..data.encoding import StoredCollator, TextCollator, encode_split, label_counts
from ..data.loading import CleaningReport, LoadingOptions, load_with_report
from ..hub.transport import HubOptions
from ..modeling import BiLSTMForSequenceClassification
from ..plots.training_run import plot_class_distribution, plot_length_distribution
from ..recipe import DataSettings, ModelSettings
from ..windows import TextEncoder
from .augmentation import with_damaged_copies
from .balancing import balance_rows
from .building import Start, build_classifier
from .teacher import check_teacher, with_teacher

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict
    from transformers import PreTrainedTokenizerFast, TrainingArguments

logger = logging.getLogger(__name__)


@dataclass
class Prepared:
    """A training before its first step.

    Attributes:
        data: The settings that it came from.
        text_columns: The columns that the text was joined of.
        splits: ``train``, ``validation`` and ``test``, as ``load_dataset_dict`` gives them.
        balanced: The training rows after balancing, of which class weights are taken.
        start: Tokenizer, columns beside the text, and the model to start from.
        encoded: The splits ``train`` and ``validation`` as :func:`~bilstm_classifier.data.encoding.encode_split` gives
            them; their ``input_ids`` are taken out where the embeddings are stored.
        collator: Makes batches of their rows.
    """

    data: DataSettings
    text_columns: tuple[str, ...]
    splits: "DatasetDict"
    balanced: "Dataset"
    start: Start
    encoded: "dict[str, Dataset]"
    collator: Any
    token: str | None

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """The tokenizer."""
        return self.start.tokenizer

    def build_classifier(self, model: ModelSettings) -> BiLSTMForSequenceClassification:
        """A model to train, untrained or with the weights that ``model`` names.

        Raises:
            OSError: its encoder cannot be found or read.
            ValueError: settings that do not go together.
        """
        classifier = build_classifier(
            self.data, model, self.start, self.balanced, self.text_columns, self.token
        )
        if (limit := classifier.config.max_tokens) is not None and model.max_length > limit:
            raise ValueError(
                f"max_length is {model.max_length}, but {model.init_from or model.embedder} reads {limit} tokens at "
                f"most: give --max_length {limit}"
            )
        if model.cache_embeddings and (not classifier.embedder_is_frozen or model.unfreeze_last_layers):
            raise ValueError(
                "cache_embeddings needs a wholly frozen --embedder: its output must not change in training"
            )
        return classifier

    def store_embeddings(
        self, classifier: BiLSTMForSequenceClassification, model: ModelSettings, args: "TrainingArguments"
    ) -> None:
        """Compute the output of the frozen encoder, to be trained on in the place of ``input_ids``."""
        rows = [ids for split in self.encoded.values() for ids in split["input_ids"]]
        source = [model.init_from, model.init_revision, model.embedder, model.embedder_revision]
        key = hashlib.sha256(json.dumps([*source, rows]).encode()).hexdigest()
        classifier.to(args.device)
        store = EmbeddingStore.build(
            classifier, rows, Path(args.output_dir) / "embeddings", key=key, bf16=bool(args.bf16)
        )
        self.collator = StoredCollator(store)
        start = 0
        for name, split in self.encoded.items():
            indices = np.arange(start, start + len(split))
            self.encoded[name] = split.remove_columns("input_ids").add_column("index", indices)
            start += len(split)


def prepare(data: DataSettings, model: ModelSettings, args: "TrainingArguments") -> Prepared:
    """Read the data and encode them.

    Raises:
        ImportError: a package is missing that the settings need.
        OSError: data, encoder or disk fail.
        ValueError: settings or data that cannot be used.
    """
    splits, report = _load(data, {"token": args.hub_token})
    if absent := [name for name in ("train", "validation", "test") if name not in splits]:
        raise ValueError(f"the data has no split {absent[0]!r}: give --{absent[0]}_size a share above 0")
    train = splits["train"]
    if data.balance == "up" and data.teacher_share:
        raise ValueError(
            "balance up repeats rows, which the teacher would be fitted on and asked for: leave one of them out"
        )
    check_teacher(train, data.teacher_share, args.label_smoothing_factor)
    start = Start.of(data, model, train, args.hub_token)
    if data.balance != "none":
        train = balance_rows(train, data.balance, args.seed)
    encoder = TextEncoder(start.tokenizer.backend_tokenizer, model.max_length, lemmas=start.lemmas)
    rows = {"train": _training_rows(train, data, args.seed), "validation": splits["validation"]}
    encoded = {name: encode_split(split, encoder, start.schema) for name, split in rows.items()}
    for name, split in encoded.items():
        if not len(split):
            raise ValueError(f"the tokenizer finds no token in any text of the split {name!r}")
    return Prepared(
        data,
        report.text_columns,
        splits,
        train,
        start,
        encoded,
        TextCollator(start.tokenizer.pad_token_id or 0),
        args.hub_token,
    )


def _training_rows(train: "Dataset", data: DataSettings, seed: int) -> "Dataset":
    """The rows that are trained on: with a teacher's labels, and with damaged copies, if asked for."""
    if data.teacher_share:
        logger.info("fitting the linear teacher on %d training rows", len(train))
        train = with_teacher(train, data.teacher_share, seed)
    if data.damaged_copies:
        train = with_damaged_copies(train, data.damaged_copies, data.damage_rate, seed)
    return train


def load_splits(data: DataSettings, **hub: Unpack[HubOptions]) -> "DatasetDict":
    """The data that ``data`` describes, with the splits ``train``, ``validation`` and ``test``."""
    return _load(data, hub)[0]


def _load(data: DataSettings, hub: HubOptions) -> "tuple[DatasetDict, CleaningReport]":
    if not data.dataset:
        raise ValueError("no data: give --dataset (a Hub id, a file or a folder)")
    options = LoadingOptions(
        text_columns=data.text_columns or None,
        label_column=data.label_column,
        label_columns=data.label_columns,
        multi_label=data.multi_label,
        number_columns=data.number_columns,
        category_columns=data.category_columns,
        group_column=data.group_column,
        label_names=data.class_names or None,
        config_name=data.dataset_config,
        hub={**hub, "revision": data.dataset_revision},
        test_size=data.test_size,
        validation_size=data.validation_size,
        seed=data.split_seed,
        min_samples=data.min_samples,
    )
    return load_with_report(data.dataset, options)


def draw_data(prepared: Prepared, output_dir: Path, max_length: int) -> None:
    """Pictures of the classes and of the lengths of the texts."""
    counts = {split: label_counts(rows) for split, rows in prepared.splits.items()}
    plot_class_distribution(counts, output_dir / "classes.png")
    lengths = {split: np.asarray(rows["tokens"]) for split, rows in prepared.encoded.items()}
    plot_length_distribution(lengths, max_length, output_dir / "lengths.png")
