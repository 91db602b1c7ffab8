"""A frozen embedder's output, computed once and memory-mapped.

A frozen encoder gives the same embeddings in every epoch, and costs far more than the LSTM above it: training on
stored embeddings pays for it once. All tokens of all texts lie one after another in a file of half-precision numbers;
padding is never stored.
"""

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from ..files import write_text
from ..modeling import BiLSTMForSequenceClassification
from .padding import pad_rows

logger = logging.getLogger(__name__)

BATCH_TOKENS = 8_192


class EmbeddingStore:
    """Token embeddings of a list of texts: ``store[i]`` is (tokens of text i, embedding) in float16.

    Args:
        folder: Made by :meth:`build`.

    Raises:
        ValueError: the folder holds no complete store.
    """

    def __init__(self, folder: Path):
        meta = _read_meta(folder)
        if meta is None:
            raise ValueError(f"{folder} holds no complete store of embeddings: build it again")
        self._offsets = np.load(folder / "offsets.npy")
        shape = (int(self._offsets[-1]), meta["embedding_size"])
        self._values = np.memmap(folder / "embeddings.f16", dtype=np.float16, mode="r", shape=shape)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        return self._values[self._offsets[index] : self._offsets[index + 1]]

    @classmethod
    def build(
        cls,
        model: BiLSTMForSequenceClassification,
        input_ids: Sequence[list[int]],
        folder: Path,
        *,
        key: str,
        bf16: bool,
    ) -> "EmbeddingStore":
        """Embed every row of ``input_ids``, or take the store that is in ``folder`` already under the same ``key``.

        Args:
            model: Its frozen embedder is used, on the device it is on.
            input_ids: Token ids of each text, special tokens included.
            folder: Where the store is kept; what an interrupted build left there is written anew.
            key: Says what the store holds (encoder and texts).
            bf16: Compute in bfloat16 autocast.

        Raises:
            OSError: the disk has too little room (found before the work starts) or fails.
        """
        if (_read_meta(folder) or {}).get("key") == key:
            logger.info("embeddings: taken from %s", folder)
            return cls(folder)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in input_ids])]).astype(np.int64)
        size = model.config.embedding_size
        _check_room(folder, int(offsets[-1]) * size * 2)
        np.save(folder / "offsets.npy", offsets)
        values = np.memmap(
            folder / "embeddings.f16", dtype=np.float16, mode="w+", shape=(int(offsets[-1]), size)
        )
        _fill(values, offsets, model, input_ids, bf16)
        values.flush()
        write_text(
            folder / "store.json", json.dumps({"key": key, "texts": len(input_ids), "embedding_size": size})
        )
        return cls(folder)


def _read_meta(folder: Path) -> dict[str, Any] | None:
    """What a complete store says of itself; ``None`` where there is none, or an interrupted one."""
    try:
        return json.loads((folder / "store.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    logger.info("embeddings: %.1f GB in %s", needed / 1e9, folder)
    if needed > 0.95 * free:
        raise OSError(
            f"the embeddings need {needed / 1e9:.1f} GB in {folder}, which has {free / 1e9:.1f} GB free: "
            "make room, give a smaller --max_length, or --cache_embeddings false"
        )


@torch.inference_mode()
def _fill(
    values: np.ndarray,
    offsets: np.ndarray,
    model: BiLSTMForSequenceClassification,
    input_ids: Sequence[list[int]],
    bf16: bool,
) -> None:
    model.eval()
    device = model.device
    order = sorted(range(len(input_ids)), key=lambda index: -len(input_ids[index]))
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)
    with tqdm(total=len(order), desc="Embedding", unit="text") as progress, autocast:
        start = 0
        while start < len(order):
            batch = order[start : start + max(1, BATCH_TOKENS // len(input_ids[order[start]]))]
            rows = [torch.tensor(input_ids[index]) for index in batch]
            padded, mask = pad_rows(rows, model.config.pad_token_id or 0)
            embeddings = model.embed(padded.to(device), mask.to(device)).to(torch.float16).cpu().numpy()
            for row, index in enumerate(batch):
                values[offsets[index] : offsets[index + 1]] = embeddings[row, : len(input_ids[index])]
            progress.update(len(batch))
            start += len(batch)
