"""Rows of different lengths as one right-padded batch."""

from collections.abc import Sequence

import torch


def pad_rows(rows: Sequence[torch.Tensor], value: float = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """``rows`` of (time,) or (time, size) -> (batch, longest, ...) filled up with ``value``, and the attention mask."""
    padded = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=value)
    lengths = torch.tensor([len(row) for row in rows])
    return padded, (torch.arange(padded.shape[1]) < lengths.unsqueeze(1)).long()
