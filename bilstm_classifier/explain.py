"""Which words of a text spoke for and against a label: integrated gradients over the embeddings of its tokens.

Source: Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks". The path runs from the text with every
word replaced by the mask token to the text itself. ``benchmarks/explanations.py`` measures it beside other methods.
"""

import contextlib
import difflib
import inspect
import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from .inputs import Input
from .modeling import BiLSTMForSequenceClassification
from .predictor import Predictor

# Points of the path at which gradients are taken; benchmarks/results/explanations.md says what more would gain.
STEPS = 16
# Tokens that go through the model at once: what its gradients need in memory grows with them.
PASS_TOKENS = 4_096

# Of the kinds that `_kind` tells apart: words with hyphens and apostrophes inside, ideographs, runs of other signs.
_WORD = re.compile(r"l[lm]*(?:-l[lm]*)*|cm*|[sm-]+")
_without_cudnn = threading.Lock()


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text and what it did for the label.

    Attributes:
        start: Where it begins in the text, in characters (code points, as Python counts them).
        end: Where it ends, exclusive.
        text: The characters between.
        score: What it added to the log-odds of the label, in nats: above 0 it spoke for the label, below 0 against it.
    """

    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each word did for one label.

    Attributes:
        label: The label that was asked about.
        probability: Its probability, as the predictor gives it.
        words: The words that the model read, in their order; runs of signs, such as a smiley, count as words. What
            stands between them (white space) and what was not read is in none.
        tokens: Tokens of the text.
        tokens_read: Tokens of it that the model read.
        log_odds: Log-odds of the label given the text, in nats.
        baseline: Log-odds of the label given the same text with its words masked.
    """

    label: str
    probability: float
    words: tuple[Word, ...]
    tokens: int
    tokens_read: int
    log_odds: float
    baseline: float

    @property
    def gap(self) -> float:
        """What the scores miss of ``log_odds - baseline``, to which exact ones would sum up, in nats."""
        return self.log_odds - self.baseline - sum(word.score for word in self.words)


def explain(predictor: Predictor, item: Input, label: str | None = None) -> Explanation:
    """Say which words of a text spoke for and against ``label``, and how strongly.

    What the predictor reads is explained: with truncation ``"cut"`` the beginning of a long text; with ``"windows"``
    all of it, scores and log-odds averaged over the windows in proportion to their tokens, in time that grows with
    their number. The model is left as it was; threads may share the predictor.

    Args:
        predictor: The model with its tokenizer.
        item: The text; or a mapping from column to value, whose text columns, joined, are what is explained, and whose
            other columns stay as they are.
        label: One of ``predictor.labels``; ``None`` is the one chosen (:attr:`TextPrediction.leading`).

    Raises:
        TypeError: the item is neither a string nor a mapping.
        ValueError: the text is empty, or too long where ``truncation="error"``; the label is none of the model's; or
            the encoder does not take embeddings in place of token ids.
    """
    model = predictor.model
    _check_model(model)
    if label is not None and label not in predictor.labels:
        near = difflib.get_close_matches(str(label), predictor.labels, n=3, cutoff=0)
        raise ValueError(
            f"label is {label!r}, which the model does not know: the nearest are {', '.join(near)}"
        )
    text = predictor.inputs.text(item, 0)
    beside = {
        name: torch.from_numpy(values).to(model.device)
        for name, values in predictor.inputs.beside([item]).items()
    }
    prediction = predictor.predict([item])[0]
    label = prediction.leading.label if label is None else label
    index = predictor.labels.index(label)
    encoder = predictor.encoder
    encoded = encoder.encode([text])[0]
    offsets, looked_at = encoder.offsets(text, encoded.tokens_read)
    spans = _word_spans(text[:looked_at])
    scores, was_read = np.zeros(len(spans)), np.zeros(len(spans), dtype=bool)
    log_odds = baseline = 0.0
    whole = sum(map(len, encoded.windows))
    before, after = len(encoder.prefix), len(encoder.suffix)
    for number, window in enumerate(encoded.windows):
        size = len(window) - before - after
        start = min(number * encoder.step, encoded.tokens_read - size)
        tokens = offsets[start : start + size]
        first, last = (
            np.searchsorted(spans[:, 1], tokens.min(), "right"),
            np.searchsorted(spans[:, 0], tokens.max()),
        )
        shares = np.zeros((len(window), last - first))  # special tokens belong to no word
        shares[before : before + size] = _shares(tokens, spans[first:last])
        by_word, given_all, given_none = _integrated_gradients(predictor, window, shares, index, beside)
        weight = len(window) / whole
        scores[first:last] += weight * by_word
        was_read[first:last] |= shares.any(axis=0)
        log_odds += weight * given_all
        baseline += weight * given_none
    words = tuple(
        Word(start, end, text[start:end], score)
        for (start, end), score in zip(spans[was_read].tolist(), scores[was_read].tolist(), strict=True)
    )
    probability = prediction.probabilities[label]
    return Explanation(
        label, probability, words, prediction.tokens, prediction.tokens_read, log_odds, baseline
    )


def _check_model(model: BiLSTMForSequenceClassification) -> None:
    embedder = model.embedder
    taken = inspect.signature(embedder.forward).parameters
    if not isinstance(embedder, nn.Embedding) and "inputs_embeds" not in taken:
        raise ValueError(
            f"the encoder ({type(embedder).__name__}) does not take embeddings in place of token ids, "
            "which an explanation needs: choose a model with another encoder"
        )


# --- words ---


def _word_spans(text: str) -> np.ndarray:
    """Where the words of ``text`` begin and end (words, 2)."""
    kinds = "".join(map(_kind, text))
    return np.array([match.span() for match in _WORD.finditer(kinds)], dtype=int).reshape(-1, 2)


def _kind(character: str) -> str:
    """One letter for what a character is in a word."""
    if character in "-\u2010\u2011'\u2019":
        return "-"
    category = unicodedata.category(character)
    if character.isspace() or category == "Cc":
        return " "
    if category == "Lo" and ("\u3040" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff"):
        return "c"  # Chinese and Japanese have no spaces between words
    if category[0] in "LN" or category == "Pc":
        return "l"
    if category[0] == "M" or category == "Cf":
        return "m"  # belongs to the character before it
    return "s"


def _shares(tokens: np.ndarray, words: np.ndarray) -> np.ndarray:
    """How much of each token's score goes to each word (tokens, words), by the characters that they have in common.

    A token lies in one word almost always; one of no word, such as a space, has a row of zeros.

    Args:
        tokens: Where they begin and end (tokens, 2).
        words: Where they begin and end (words, 2).
    """
    common = np.minimum(tokens[:, 1:], words[:, 1]) - np.maximum(tokens[:, :1], words[:, 0])
    common = common.clip(min=0)
    return common / common.sum(axis=1, keepdims=True).clip(min=1)


# --- gradients ---


def _integrated_gradients(
    predictor: Predictor, window: list[int], shares: np.ndarray, label: int, beside: dict[str, torch.Tensor]
) -> tuple[np.ndarray, float, float]:
    """Scores (words,) for a ``window`` of token ids, its log-odds, and those of its baseline.

    ``beside`` (1, columns) is what the model reads beside the text. ``shares`` (tokens, words) says how much of a
    token's score goes to each word. A token of no word, special ones
    among them, stays as it is in the baseline, so it has no score.
    """
    model = predictor.model
    points, weights = np.polynomial.legendre.leggauss(STEPS)  # exact for polynomials of degree 2 x STEPS - 1
    rows = max(1, PASS_TOKENS // len(window))
    with torch.inference_mode(False), torch.enable_grad(), _backward_of_lstm(model.device):
        ids = torch.tensor([window], device=model.device)
        in_words = torch.tensor(shares.any(axis=1), device=model.device)[None, :, None]
        embeddings = _embedded(model, ids).detach()  # (1, tokens, size)
        baseline = torch.where(in_words, _masked(predictor, ids, embeddings), embeddings)
        way = embeddings - baseline
        gradient = torch.zeros_like(way, dtype=torch.float32)
        for first in range(0, STEPS, rows):
            some = slice(first, first + rows)
            at, weight = (
                torch.tensor(values[some], dtype=torch.float32, device=model.device)[:, None, None]
                for values in ((points + 1) / 2, weights / 2)
            )
            inputs = (baseline + at.to(way.dtype) * way).requires_grad_()
            total = _log_odds(model, inputs, label, beside).sum()
            # Unlike backward(), it leaves alone the gradients of the weights, which all threads share.
            slope = torch.autograd.grad(total, inputs)[0]
            gradient += (weight * slope.float()).sum(dim=0, keepdim=True)
        scores = (gradient * way.float()).sum(dim=-1)[0]  # (tokens,)
        with torch.no_grad():
            given_all, given_none = _log_odds(
                model, torch.cat([embeddings, baseline]), label, beside
            ).tolist()
    return scores.double().cpu().numpy() @ shares, given_all, given_none


def _embedded(model: BiLSTMForSequenceClassification, ids: torch.Tensor) -> torch.Tensor:
    """What each of the token ``ids`` (1, tokens) begins as: (1, tokens, size)."""
    if isinstance(model.embedder, nn.Embedding):  # n-grams among it
        return model.embed(ids, torch.ones_like(ids))
    return model.get_input_embeddings()(ids)


def _masked(predictor: Predictor, ids: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
    """What stands in the baseline for token ``ids`` with these ``embeddings`` (1, tokens, size), in the same shape."""
    mask = predictor.tokenizer.mask_token_id
    if mask is None or isinstance(
        predictor.model.embedder, nn.Embedding
    ):  # none, or one that was not learned
        return torch.zeros_like(embeddings)
    return predictor.model.get_input_embeddings()(torch.full_like(ids, mask)).detach()


def _log_odds(
    model: BiLSTMForSequenceClassification,
    embeddings: torch.Tensor,
    label: int,
    beside: dict[str, torch.Tensor],
) -> torch.Tensor:
    """Log-odds (rows,) of a label, from token embeddings (rows, tokens, size) that need not be those of tokens."""
    mask = torch.ones(embeddings.shape[:2], dtype=torch.long, device=embeddings.device)
    if not isinstance(model.embedder, nn.Embedding):
        # Not by way of model.embed, which takes ids: a hook that swapped embeddings would do so in every thread.
        embeddings = model.embedder(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
    repeated = {name: values.expand(len(embeddings), -1) for name, values in beside.items()}
    logits = model(inputs_embeds=embeddings, attention_mask=mask, **repeated).logits.float()  # (rows, labels)
    if model.config.problem_type == "multi_label_classification":
        return logits[:, label]
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], dim=1)
    return logits[:, label] - others.logsumexp(dim=1)


@contextlib.contextmanager
def _backward_of_lstm(device: torch.device) -> Iterator[None]:
    """Have LSTMs run without cuDNN, which gives no gradients in eval mode; its switch is one for all threads."""
    if device.type != "cuda":
        yield
        return
    with _without_cudnn, torch.backends.cudnn.flags(enabled=False):
        yield
