"""Batches for pre-training, made on the device that trains."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

logger = logging.getLogger(__name__)

# As `pretraining.packing.py` numbers them; that module is not imported, for training needs no YAML.
PAD, UNK, CLS, SEP, MASK = range(5)


@dataclass(frozen=True)
class Kind:
    """One kind of training step: how wide its rows are, which documents they come from, whether rows are pairs.

    A paired step takes two passages of each document, one a row; a single step takes one window. All rows of a step
    have one width, so that little is padding and every width is compiled once.
    """

    name: str
    width: int
    paired: bool
    min_tokens: int
    max_tokens: int | None
    share: float


KINDS = [
    Kind("pair-64", 64, True, 24, 160, 0.30),
    Kind("single-64", 64, False, 8, 160, 0.20),
    Kind("pair-128", 128, True, 161, None, 0.33),
    Kind("single-512", 512, False, 161, None, 0.17),
]
HEADLINE_SHARE = (
    1 / 3
)  # of the pairs, where there is a headline, are headline and text; others are cut anywhere
START_SHARE = 0.2  # of the windows begin where their passage begins
MAX_WEIGHT = 2048  # tokens; longer documents are drawn no more often than one of this length


class Batches:
    """Random batches made on the device from the packed ids; nothing is copied from the host.

    Documents are drawn in proportion to their tokens. `held_out` keeps every hundredth document, and nothing else.
    """

    def __init__(
        self,
        data: Path,
        kinds: list[Kind],
        device: torch.device,
        batch_tokens: int,
        mask_share: float,
        held_out: bool,
    ) -> None:
        self.device = device
        ids = np.load(data / "tokens.npy").astype(np.int32)
        offsets = np.load(data / "documents.npy")
        headlines = np.load(data / "headlines.npy").astype(np.int64)
        lengths = np.diff(offsets)
        chosen = (np.arange(len(lengths)) % 100 == 99) == held_out
        self.ids = torch.from_numpy(ids).to(device)
        self.vocabulary = json.loads((data / "prose.json").read_text(encoding="utf-8"))["vocabulary"]
        self.tables: dict[str, tuple] = {}
        self.kinds: list[Kind] = []
        for kind in kinds:
            top = kind.max_tokens or int(lengths.max(initial=0))
            rows = np.flatnonzero(chosen & (lengths >= kind.min_tokens) & (lengths <= top))
            if len(rows) == 0:
                logger.warning("no document for steps of the kind %s", kind.name)
                continue
            weights = np.minimum(lengths[rows], MAX_WEIGHT).astype(np.float64)
            cumulative = weights.cumsum() / weights.sum()
            arrays = (offsets[rows], lengths[rows], headlines[rows], cumulative)
            self.tables[kind.name] = tuple(torch.from_numpy(array).to(device) for array in arrays)
            self.kinds.append(kind)
        if not self.kinds:
            raise ValueError(f"{data} holds no document long enough to train on: prepare more text")
        self.rows = {kind.width: max(4, batch_tokens // kind.width // 2 * 2) for kind in self.kinds}
        # As many positions are masked in every batch of one width, so that the compiled shapes stay the same.
        self.masked: dict[int, int] = {}
        generator = torch.Generator(device).manual_seed(0)
        for width in self.rows:
            filled = [
                self._windows(kind, generator)[1].sum().item() for kind in self.kinds if kind.width == width
            ]
            self.masked[width] = max(1, round(mask_share * sum(filled) / len(filled)))

    def _windows(self, kind: Kind, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """First token, length and document of each row's window, all (rows,)."""
        starts, lengths, headlines, cumulative = self.tables[kind.name]
        documents = self.rows[kind.width] // (2 if kind.paired else 1)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, device=self.device, generator=generator)

        rows = torch.searchsorted(cumulative, uniform(documents).double())
        rows = rows.clamp_(max=len(starts) - 1)  # (documents,)
        first, length = starts[rows], lengths[rows]
        if kind.paired:
            cut = (length * (0.25 + 0.5 * uniform(documents))).long()
            by_headline = (headlines[rows] > 0) & (uniform(documents) < HEADLINE_SHARE)
            cut = torch.where(by_headline, headlines[rows], cut)
            first = torch.cat([first, first + cut])
            length = torch.cat([cut, length - cut])
        window = length.clamp(max=kind.width - 2)
        shift = (uniform(len(first)) * (1 + START_SHARE) - START_SHARE).clamp_(min=0)
        return first + (shift * (length - window + 1)).long(), window, rows

    def draw(self, kind: Kind, generator: torch.Generator) -> tuple[Tensor, ...]:
        """One batch: input ids, real (both (rows, width)), masked positions, their targets and weights, documents.

        Positions count over the flattened batch. 80% of them become [MASK], 10% a random token, 10% stay.
        """
        first, window, documents = self._windows(kind, generator)
        column = torch.arange(kind.width, device=self.device)
        inside = (column > 0) & (column <= window[:, None])  # (rows, width)
        gather = (first[:, None] + column - 1).clamp_(0, len(self.ids) - 1)
        ids = torch.where(inside, self.ids[gather].long(), PAD)
        ids[:, 0] = CLS
        ids.masked_fill_(column == window[:, None] + 1, SEP)
        real = column <= window[:, None] + 1

        count = self.masked[kind.width]
        scores = torch.rand(ids.shape, device=self.device, generator=generator).masked_fill_(~inside, -1.0)
        positions = scores.flatten().topk(count, sorted=False).indices  # (count,)
        flat = ids.view(-1)
        targets = flat[positions]
        weights = inside.flatten()[positions].float()  # 0 where the batch has fewer tokens than `count`
        fate = torch.rand(count, device=self.device, generator=generator)
        noise = torch.randint(MASK + 1, self.vocabulary, (count,), device=self.device, generator=generator)
        changed = torch.where(fate < 0.8, MASK, torch.where(fate < 0.9, noise, targets))
        flat[positions] = torch.where(weights > 0, changed, targets)
        return ids, real, positions, targets, weights, documents


def with_long_share(kinds: list[Kind], share: float) -> list[Kind]:
    """The kinds with `share` of the steps for those of 512 positions, the others keeping their proportions."""
    rest = sum(kind.share for kind in kinds if kind.width != 512)
    shares = [share if kind.width == 512 else kind.share * (1 - share) / rest for kind in kinds]
    return [replace(kind, share=new) for kind, new in zip(kinds, shares, strict=True)]
