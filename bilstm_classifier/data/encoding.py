"""From a split of a data set to rows that a model takes, and from rows to batches."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..features import FeatureSchema
from ..windows import TextEncoder
from .embedding_store import EmbeddingStore
from .padding import pad_rows

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)


class TextCollator:
    """Batches of ``input_ids`` padded to their longest row."""

    def __init__(self, pad_token_id: int):
        self.pad_token_id = pad_token_id

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """``input_ids``, ``attention_mask`` (batch, time), ``labels`` (batch,) or (batch, num_labels), ``beside``."""
        padded, mask = pad_rows([torch.tensor(row["input_ids"]) for row in rows], self.pad_token_id)
        return {"input_ids": padded, "attention_mask": mask, **beside(rows)}


class StoredCollator:
    """Batches of stored embeddings for rows that hold their ``index`` in the store and their ``labels``."""

    def __init__(self, store: EmbeddingStore):
        self.store = store

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """``inputs_embeds`` (batch, time, embedding), ``attention_mask`` (batch, time), ``labels``, and ``beside``."""
        found = [torch.from_numpy(self.store[row["index"]].astype(np.float32)) for row in rows]
        embeddings, mask = pad_rows(found)
        return {"inputs_embeds": embeddings, "attention_mask": mask, **beside(rows)}


def beside(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """``labels`` and, where rows have them, ``features`` and ``categories``, stacked."""
    names = [name for name in ("labels", "features", "categories") if name in rows[0]]
    return {name: torch.tensor(np.array([row[name] for row in rows])) for name in names}


def encode_split(split: "Dataset", encoder: TextEncoder, schema: FeatureSchema) -> "Dataset":
    """Rows as the predictor encodes them; those in which the tokenizer finds nothing are left out.

    Args:
        split: ``text`` and ``labels``: class ids, lists of them where labels overlap, or a teacher's probabilities; and
            the columns of ``schema``.
        encoder: As the predictor has it.
        schema: Of the columns beside the text.

    Returns:
        ``input_ids``, ``labels`` (0/1 per label where labels overlap), ``length`` (of ``input_ids``), ``tokens`` (were
        it not cut), ``place`` (in ``split``) and, with a schema, ``features`` and ``categories``.

    Raises:
        ValueError: a column of ``schema`` that ``split`` lacks, or has as something else.
    """
    _require_columns(split, schema)
    names = overlapping_names(split)

    def encode(batch: dict[str, list[Any]], places: list[int]) -> dict[str, list[Any]]:
        texts = encoder.encode(batch["text"])
        kept = [index for index, text in enumerate(texts) if text.tokens]
        labels = batch["labels"] if names is None else memberships(batch["labels"], len(names)).tolist()
        columns = {
            "input_ids": [text.windows[0] for text in texts],
            "labels": labels,
            "length": [len(text.windows[0]) for text in texts],
            "tokens": [len(text.windows[0]) + text.tokens - text.tokens_read for text in texts],
            "place": places,
        }
        if schema:
            columns |= {
                name: list(values) for name, values in schema.encode_columns(len(texts), batch).items()
            }
        return {name: [values[index] for index in kept] for name, values in columns.items()}

    encoded = split.map(
        encode, batched=True, with_indices=True, remove_columns=split.column_names, desc="Tokenizing"
    )
    _report_cut(np.asarray(encoded["length"]), np.asarray(encoded["tokens"]), encoder.max_length)
    return encoded


def _require_columns(split: "Dataset", schema: FeatureSchema) -> None:
    for column in schema:
        kind = str(getattr(split.features.get(column.name), "dtype", "no such column"))
        expected = ("float", "int", "uint") if column.kind == "number" else ("string", "large_string")
        if not kind.startswith(expected):
            beside = [name for name in split.column_names if name not in ("text", "labels", "group")]
            raise ValueError(
                f"the model reads the {column.kind} {column.name!r} beside the text, and the data has {kind}, only "
                f"{', '.join(beside) or 'texts'}: read the data with {column.name!r} among its {column.kind}_columns"
            )


def overlapping_names(split: "Dataset") -> list[str] | None:
    """The names of the labels where a row has a list of them; ``None`` where it has one, or a teacher's answer."""
    kind = split.features["labels"]
    return getattr(getattr(kind, "feature", None), "names", None)


def memberships(labels: Sequence[Sequence[int]], num_labels: int) -> np.ndarray:
    """Lists of label ids as 0/1 (texts, num_labels), float32."""
    members = np.zeros((len(labels), num_labels), dtype=np.float32)
    for row, ids in enumerate(labels):
        members[row, list(ids)] = 1
    return members


def label_counts(split: "Dataset") -> dict[str, int]:
    """Rows of each label, by name."""
    names, labels = overlapping_names(split), split["labels"]
    if names is None:
        names = split.features["labels"].names
        return dict(zip(names, np.bincount(labels, minlength=len(names)).tolist(), strict=True))
    return dict(zip(names, memberships(labels, len(names)).sum(axis=0).astype(int).tolist(), strict=True))


def label_names(split: "Dataset") -> list[str]:
    """Names of the labels, in the order of their ids."""
    return overlapping_names(split) or split.features["labels"].names


def _report_cut(lengths: np.ndarray, tokens: np.ndarray, max_length: int) -> None:
    if cut := int((lengths < tokens).sum()):
        share = lengths[lengths < tokens].sum() / tokens[lengths < tokens].sum()
        logger.warning(
            "%d of %d texts are longer than %d tokens; %.0f%% of their tokens are read",
            cut,
            len(lengths),
            max_length,
            100 * share,
        )
