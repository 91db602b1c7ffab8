"""What stands on the embedder: LSTM layers that padding never enters, and attention over tokens.

This file travels with a model as remote code, as ``configuration.py`` and ``modeling.py`` do.
"""

from typing import cast

import torch
from torch import nn

from .configuration import BiLSTMConfig


class HashedNgrams(nn.Module):
    """Embeddings of the n-grams around each token, itself among them, that are found in one table by hashing.

    They begin at zero, so that those which training never saw say nothing. Their mean goes to the head, past the LSTM
    (why: benchmarks/system_notes.yaml). Sources: Weinberger et al. 2009, "Feature hashing for large scale multitask
    learning"; Bojanowski et al. 2017, "Enriching word vectors with subword information" (fastText).
    """

    def __init__(self, config: BiLSTMConfig):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(config.ngram_buckets, config.embedding_size))
        self.longest = config.longest_ngram
        self.outside = cast(int, config.vocab_size)  # what stands before and after a text: no token's id

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Sums of embeddings (batch, time, embedding) for right-padded ``input_ids`` (batch, time)."""
        time = input_ids.shape[1]
        ids = input_ids.masked_fill(attention_mask == 0, self.outside)
        before = (self.longest - 1) // 2
        around = nn.functional.pad(ids, (before, self.longest // 2), value=self.outside)
        total = torch.zeros((), dtype=self.weight.dtype, device=ids.device)
        for size in range(1, self.longest + 1):
            start = before - (size - 1) // 2
            key = torch.full_like(ids, size)
            for place in range(start, start + size):
                key = key * 1_000_003 + around[:, place : place + time]  # wraps around, as it may
            total = total + nn.functional.embedding((key ^ (key >> 29)) % len(self.weight), self.weight)
        return total


class BiLSTM(nn.Module):
    """A stack of LSTM layers in one or two directions over right-padded rows.

    One-way ``nn.LSTM`` modules, since a bidirectional one cannot reverse each row within its own length.
    """

    def __init__(self, config: BiLSTMConfig):
        super().__init__()
        directions = 2 if config.bidirectional else 1
        widths = [config.embedding_size] + [config.text_size] * (config.lstm_num_layers - 1)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                nn.LSTM(width, config.lstm_hidden_size, batch_first=True) for _ in range(directions)
            )
            for width in widths
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, embeddings: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Read ``embeddings`` (batch, time, embedding) whose first ``lengths`` (batch,) positions are real.

        Returns:
            The states in reading order (batch, time, directions x hidden), those of padding meaningless, and each
            direction's state after its whole text (batch, directions x hidden).
        """
        time = torch.arange(embeddings.shape[1], device=embeddings.device).unsqueeze(0)  # (1, time)
        ends = lengths.unsqueeze(1)  # (batch, 1)
        reversal = torch.where(time < ends, ends - 1 - time, time)  # (batch, time), its own inverse
        states = embeddings
        for depth, layer in enumerate(self.layers):
            if depth:
                states = self.dropout(states)
            forward, *backward = cast(nn.ModuleList, layer)
            outputs = [forward(states)[0]]  # (batch, time, hidden)
            finals = [_at(outputs[0], lengths - 1)]
            for lstm in backward:
                output = lstm(reorder(states, reversal))[0]
                finals.append(_at(output, lengths - 1))
                outputs.append(reorder(output, reversal))
            states = torch.cat(outputs, dim=-1)  # (batch, time, directions x hidden)
        return states, torch.cat(finals, dim=-1)


class AttentionPooling(nn.Module):
    """A learned softmax over tokens: Yang et al. 2016, "Hierarchical Attention Networks", section 2.2."""

    def __init__(self, size: int):
        super().__init__()
        self.projection = nn.Linear(size, size)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """``states`` (batch, time, size) and boolean ``mask`` (batch, time) -> (batch, size)."""
        scores = self.score(torch.tanh(self.projection(states))).squeeze(-1)  # (batch, time)
        weights = scores.float().masked_fill(~mask, float("-inf")).softmax(dim=-1)
        return torch.einsum("bt,btd->bd", weights.to(states.dtype), states)


class FeaturesBranch(nn.Module):
    """Columns beside the text -> one vector: numbers with what is missing among them, categories embedded.

    A missing number is 0 (the mean, since numbers come standardised) with a 1 in a second input that says so; category
    0 is that of any value not seen in training, and of none.
    """

    def __init__(self, config: BiLSTMConfig):
        super().__init__()
        sizes = [len(values) + 1 for values in config.category_columns.values()]
        self.num_numbers = len(config.number_columns)
        self.hidden_share = config.features_dropout
        self.embeddings = nn.ModuleList(nn.Embedding(size, config.category_embedding_size) for size in sizes)
        width = 2 * self.num_numbers + len(sizes) * config.category_embedding_size
        self.projection = nn.Linear(width, config.features_hidden_size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, features: torch.Tensor | None, categories: torch.Tensor | None, like: torch.Tensor
    ) -> torch.Tensor:
        """``features`` (batch, numbers), NaN where missing, and ``categories`` (batch, columns) -> (batch, hidden).

        Args:
            features: ``None`` where all numbers are missing.
            categories: ``None`` where all are missing.
            like: A tensor (batch, any) with the dtype and on the device of the answer.

        Raises:
            ValueError: a tensor of another shape than the config describes.
        """
        batch = like.shape[0]
        if features is None:
            features = like.new_full((batch, self.num_numbers), float("nan"))
        if categories is None:
            categories = torch.zeros(batch, len(self.embeddings), dtype=torch.long, device=like.device)
        _require_shape("features", features, (batch, self.num_numbers))
        _require_shape("categories", categories, (batch, len(self.embeddings)))
        missing = features.isnan()
        if self.training and self.hidden_share:
            hidden = torch.rand(batch, 1, device=like.device) < self.hidden_share
            missing, categories = missing | hidden, categories.masked_fill(hidden, 0)
        numbers = features.masked_fill(missing, 0)
        embedded = [table(categories[:, place]) for place, table in enumerate(self.embeddings)]
        inputs = torch.cat([part.to(like.dtype) for part in (numbers, missing, *embedded)], dim=-1)
        return self.dropout(torch.relu(self.projection(inputs)))


def _require_shape(name: str, found: torch.Tensor, expected: tuple[int, int]) -> None:
    if tuple(found.shape) != expected:
        raise ValueError(f"{name} of shape {expected} are needed beside the text, found {tuple(found.shape)}")


def real_tokens_first(attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The order that moves each row's real tokens to its front (batch, time), and their number (batch,), at least 1."""
    real = attention_mask.long()
    count = real.sum(dim=1)
    padding = 1 - real
    target = torch.where(real.bool(), real.cumsum(1) - 1, count.unsqueeze(1) + padding.cumsum(1) - 1)
    source = torch.arange(real.shape[1], device=real.device).expand_as(real)
    order = torch.zeros_like(target).scatter(1, target, source)
    return order, count.clamp(min=1)


def reorder(states: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Rows of ``states`` (batch, time, size) in the ``order`` (batch, time) of their positions."""
    return states.gather(1, order.unsqueeze(-1).expand_as(states))


def _at(states: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """``states`` (batch, time, size) at one ``position`` (batch,) a row -> (batch, size)."""
    return states[torch.arange(states.shape[0], device=states.device), position]
