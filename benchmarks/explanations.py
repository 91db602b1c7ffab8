"""How well scores of words say what a model's answer rests on: explain() beside other methods, as a Markdown table.

    python benchmarks/explanations.py [--texts 275] [--hybrids 50] [--threads 2]

On the packaged model and the package's sample news (written for the project), for the likeliest label of each text:

- removed: how far the label's probability falls when the k best words are removed from the text;
- kept: the label's probability when only they are kept;
- hybrids (Poerner et al. 2018, "Evaluating neural network explanation methods using hybrid documents"): two short texts
  of different categories, joined; how often the best word for a category stands in the text of that category.

Removing words is what occlusion by removal scores by, which favours it at k=1. Seconds are those of the fastest of 3
turns: other processes only ever slow a turn down.
"""

import argparse
import importlib
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from measuring import machine
from prediction_speed import articles

from bilstm_classifier import Predictor, load_sample_news

module = importlib.import_module("bilstm_classifier.explain")
log_odds = module._log_odds
HEADLINE_WORDS = 12
TOPS = (1, 2, 3, 0.2)  # words, or a share of them
Method = dict[str, Any]  # what to replace in the module


def occlusion(replacement: int | None) -> Callable:
    """Log-odds that are lost when a word's tokens are replaced, or removed; Zeiler & Fergus 2014, for words."""

    def scores(predictor: Predictor, window: list[int], shares: np.ndarray, label: int) -> tuple:
        rows = [window]
        for share in shares.T:
            inside = [(token, share[place] > 0) for place, token in enumerate(window)]
            if replacement is None:
                rows.append([token for token, hidden in inside if not hidden])
            else:
                rows.append([replacement if hidden else token for token, hidden in inside])
        logits = predictor._logits(rows, {})
        odds = logits[:, label] - np.logaddexp.reduce(np.delete(logits, label, axis=1), axis=1)
        return odds[0] - odds[1:], float(odds[0]), 0.0

    return scores


def log_probability(model: Any, embeddings: torch.Tensor, label: int) -> torch.Tensor:
    return torch.nn.functional.logsigmoid(log_odds(model, embeddings, label))


def logit(model: Any, embeddings: torch.Tensor, label: int) -> torch.Tensor:
    mask = torch.ones(embeddings.shape[:2], dtype=torch.long)
    states = model.embedder(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
    return model(inputs_embeds=states, attention_mask=mask).logits[:, label]


def masked_by(token: int | None) -> Callable:
    """A baseline of this token's embedding; of zeros where it is None."""

    def masked(predictor: Predictor, ids: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        if token is None:
            return torch.zeros_like(embeddings)
        return predictor.model.get_input_embeddings()(torch.full_like(ids, token)).detach()

    return masked


def constant(values: Callable[[int], np.ndarray]) -> Callable:
    """Scores that ask no model."""

    def scores(predictor: Predictor, window: list[int], shares: np.ndarray, label: int) -> tuple:
        return values(shares.shape[1]), 0.0, 0.0

    return scores


def gradient_at_the_text(points: int) -> tuple[np.ndarray, np.ndarray]:
    """In place of Gauss-Legendre points: the end of the path alone."""
    return np.array([1.0]), np.array([2.0])


def methods(predictor: Predictor) -> dict[str, Method]:
    tokenizer, generator = predictor.tokenizer, np.random.default_rng(0)
    pad, unk, mask = (
        tokenizer.convert_tokens_to_ids(token)
        for token in (tokenizer.pad_token, tokenizer.unk_token, tokenizer.mask_token)
    )
    chance = constant(generator.random)
    return {
        "**integrated gradients from [MASK], 16 steps**": {},
        "the same, 4 steps": {"STEPS": 4},
        "the same, 8 steps": {"STEPS": 8},
        "the same, 32 steps": {"STEPS": 32},
        "the same, of the logit": {"_log_odds": logit},
        "the same, of the log-probability": {"_log_odds": log_probability},
        "integrated gradients from zero": {"_masked": masked_by(None)},
        "integrated gradients from [PAD]": {"_masked": masked_by(pad)},
        "integrated gradients from [UNK]": {"_masked": masked_by(unk)},
        "gradient x (text - [MASK])": {"STEPS": 1, "leggauss": gradient_at_the_text},
        "gradient x input": {"STEPS": 1, "leggauss": gradient_at_the_text, "_masked": masked_by(None)},
        "occlusion by removal": {"_integrated_gradients": occlusion(None)},
        "occlusion by [MASK]": {"_integrated_gradients": occlusion(mask)},
        "occlusion by [UNK]": {"_integrated_gradients": occlusion(unk)},
        "random words": {"_integrated_gradients": chance},
    }


def by(method: Method, predictor: Predictor, text: str, label: str) -> Any:
    """What explain() gives with parts of it replaced."""
    changes = {name: value for name, value in method.items() if name != "leggauss"}
    points = method.get("leggauss", np.polynomial.legendre.leggauss)
    with (
        patch.multiple(module, **(changes or {"STEPS": 16})),
        patch.object(np.polynomial.legendre, "leggauss", points),
    ):
        return module.explain(predictor, text, label)


def without(text: str, words: Sequence[Any]) -> str:
    """The text with these words cut out; a full stop if nothing is left."""
    characters = list(text)
    for word in words:
        characters[word.start : word.end] = " " * (word.end - word.start)
    return " ".join("".join(characters).split()) or "."


def removal(predictor: Predictor, explanations: list[Any], texts: list[str]) -> list[float]:
    """Mean fall of the probability without the best words, for each of TOPS; then its mean with them alone."""
    found = []
    whole = np.array([explanation.probability for explanation in explanations])
    columns = [predictor.labels.index(explanation.label) for explanation in explanations]
    for kept in (False, True):
        for top in TOPS:
            changed = []
            for text, explanation in zip(texts, explanations, strict=True):
                ranked = sorted(explanation.words, key=lambda word: -word.score)
                count = top if isinstance(top, int) else max(1, round(top * len(ranked)))
                changed.append(without(text, ranked[count:] if kept else ranked[:count]))
            scores = predictor.predict_proba(changed)[np.arange(len(texts)), columns]
            found.append(float(scores.mean() if kept else (whole - scores).mean()))
    return found


def hybrids(predictor: Predictor, count: int) -> list[tuple[str, str, bool, int]]:
    """Text, category asked about, whether it is that of the first half, and where the second half begins."""
    texts, wanted = load_sample_news()
    right = [
        (text, category)
        for text, category, answer in zip(texts, wanted, predictor.predict(texts), strict=True)
        if answer.labels[0] == category and len(text) < 200
    ]
    generator = random.Random(0)
    found: list[tuple[str, str, bool, int]] = []
    while len(found) < 2 * count:
        (first, one), (second, other) = generator.sample(right, 2)
        if one != other:
            start = f"{first.rstrip('.')}. "
            found += [(start + second, one, True, len(start)), (start + second, other, False, len(start))]
    return found


def pointing(predictor: Predictor, method: Method, cases: list[tuple[str, str, bool, int]]) -> float:
    """How often the best word for a category stands in the half of that category."""
    hits = 0
    for text, category, is_first, middle in cases:
        best = max(by(method, predictor, text, category).words, key=lambda word: word.score)
        hits += (best.start < middle) == is_first
    return hits / len(cases)


def seconds(work: Callable[[], Any], turns: int = 3) -> float:
    fastest = float("inf")
    for _ in range(turns):
        started = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - started)
    return fastest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--texts", type=int, default=275, help="sample texts")
    parser.add_argument("--hybrids", type=int, default=50, help="pairs of texts")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logging.getLogger("bilstm_classifier").setLevel(logging.ERROR)  # that the article is cut is meant
    predictor = Predictor.from_pretrained(device="cpu")
    texts = load_sample_news()[0][: options.texts]
    likeliest = [answer.top(1)[0].label for answer in predictor.predict(texts)]
    cases = hybrids(predictor, options.hybrids)
    headline = min(texts, key=lambda text: abs(len(text.split()) - HEADLINE_WORDS))
    article = articles(texts, 1, size=30)[0]
    read = predictor.predict([article])[0].tokens_read
    print(f"{len(texts)} texts, {len(cases)} questions about hybrids; {machine()}")
    print(
        f"Headline: {len(headline.split())} words; article: {read} tokens read; gap: mean of its absolute value, nats\n"
    )
    tops = ["1", "2", "3", "20%"]
    names = ["method", *(f"removed {top}" for top in tops), *(f"kept {top}" for top in tops)]
    names += ["hybrids", "gap", "s, headline", "s, article"]
    print("| " + " | ".join(names) + " |\n|" + " --- |" * len(names))
    for name, method in methods(predictor).items():
        explanations = [
            by(method, predictor, text, label) for text, label in zip(texts, likeliest, strict=True)
        ]
        figures = [*removal(predictor, explanations, texts), pointing(predictor, method, cases)]
        cells = [f"{figure:.3f}" for figure in figures]
        exact = "gradients" in name or name.startswith("the same")
        gap = np.mean([abs(explanation.gap) for explanation in explanations])
        cells.append(f"{gap:.3f}" if exact else "")
        for text in (headline, article):
            label = predictor.predict([text])[0].top(1)[0].label
            cells.append(f"{seconds(lambda: by(method, predictor, text, label)):.3f}")  # noqa: B023
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
