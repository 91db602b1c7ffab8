"""The encoder with its language-model head, and the two losses it is pre-trained with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import ElectraConfig, ElectraForMaskedLM

from pretraining.settings import Settings


def build_model(settings: Settings, vocabulary: int) -> ElectraForMaskedLM:
    """An `ElectraForMaskedLM` with fresh weights."""
    return ElectraForMaskedLM(
        ElectraConfig(
            vocab_size=vocabulary,
            embedding_size=settings.embedding_size,
            hidden_size=settings.hidden_size,
            num_attention_heads=settings.heads,
            num_hidden_layers=settings.layers,
            intermediate_size=settings.intermediate_size,
            max_position_embeddings=512,
            hidden_dropout_prob=settings.dropout,
            attention_probs_dropout_prob=0.0,
            pad_token_id=0,
        )
    )


def masked_language_loss(
    model: Any, ids: Tensor, real: Tensor, positions: Tensor, targets: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss and accuracy over the masked positions alone, and the mean-pooled states (rows, hidden).

    The projection to the vocabulary, the dearest product of all, is done for the masked positions only.
    """
    # A mask of four dimensions passes through transformers as it is; one of two would cost a look from the host.
    hidden = model.electra(input_ids=ids, attention_mask=real[:, None, None, :]).last_hidden_state
    picked = hidden.flatten(0, 1).index_select(0, positions)
    logits = model.generator_lm_head(model.generator_predictions(picked))  # (count, vocabulary)
    losses = functional.cross_entropy(logits.float(), targets, reduction="none")
    total = weights.sum().clamp(min=1)
    loss = (losses * weights).sum() / total
    accuracy = ((logits.argmax(-1) == targets) * weights).sum() / total
    share = real.to(torch.float32)
    pooled = (hidden.float() * share[:, :, None]).sum(1) / share.sum(1, keepdim=True)
    return loss, accuracy, pooled


def contrastive_loss(pooled: Tensor, documents: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Symmetric InfoNCE between the first and the second half of the rows, and its accuracy.

    A document drawn twice is no negative of itself.
    """
    left, right = functional.normalize(pooled, dim=-1).chunk(2)  # (documents, hidden) each
    count = len(left)
    similarity = (left @ right.T).float() / temperature  # (documents, documents)
    own = torch.arange(count, device=pooled.device)
    again = (documents[:, None] == documents) & (own[:, None] != own)
    similarity = similarity.masked_fill(again, -1e4)
    loss = (functional.cross_entropy(similarity, own) + functional.cross_entropy(similarity.T, own)) / 2
    return loss, (similarity.argmax(1) == own).float().mean()
