"""How much faster than the original's way of predicting: one text at a time, in fp32.

    python benchmarks/prediction_speed.py [--texts 64] [--threads 2]

Two models: the packaged one, and one of the original's size (a BERT of 12 layers x 768 under a BiLSTM of 2 x 256).
The weights of the latter are random: time does not depend on them. Texts: the package's sample news as they are, and
joined to about 250 tokens (synthetic articles). Both ways run in turns in one process, and the fastest turn counts,
since other processes only ever slow a turn down.
"""

import argparse
import copy
import os
import platform
import time
from collections.abc import Callable

import torch
from torch import nn
from transformers import BertConfig, BertModel

from bilstm_classifier import BiLSTMConfig, BiLSTMForSequenceClassification, Predictor, load_sample_news


class OriginalModel(nn.Module):
    """The module this package grew from: a bidirectional LSTM over BERT, the mean over all positions."""

    def __init__(self, bert: nn.Module):
        super().__init__()
        self.bert = bert
        self.lstm = nn.LSTM(768, 256, num_layers=2, bidirectional=True, dropout=0.5, batch_first=True)
        self.fc = nn.Linear(512, 11)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states, _ = self.lstm(self.bert(input_ids, attention_mask=attention_mask).last_hidden_state)
        return self.fc(states.mean(dim=1))


@torch.no_grad()
def one_at_a_time(model: Callable, tokenizer: Callable, max_length: int, texts: list[str]) -> list[int]:
    """The original's loop: tokenize one text, run the model, take the likeliest label. Both ways read as much."""
    labels = []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=max_length)
        output = model(inputs["input_ids"], inputs["attention_mask"])
        labels.append(int(getattr(output, "logits", output).argmax()))
    return labels


def fastest(ways: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Seconds of the fastest turn of each way, taken in turns."""
    seconds = dict.fromkeys(ways, float("inf"))
    for _ in range(turns):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    return seconds


def articles(texts: list[str], count: int, size: int = 10) -> list[str]:
    """Sample texts joined to something of an article's length."""
    return [" ".join(texts[(start + step) % len(texts)] for step in range(size)) for start in range(count)]


def compare(title: str, original: Callable, predictor: Predictor, texts: list[str], turns: int) -> None:
    """Print texts a second of both ways, and the ratio."""
    tokens = sum(prediction.tokens_read for prediction in predictor.predict(texts)) / len(texts)
    half = Predictor(copy.deepcopy(predictor.model).to(torch.bfloat16), predictor.tokenizer)
    seconds = fastest(
        {
            "one at a time, fp32": lambda: one_at_a_time(
                original, predictor.tokenizer, predictor.max_length, texts
            ),
            "Predictor, fp32": lambda: predictor.predict(texts),
            "Predictor, bfloat16": lambda: half.predict(texts),
        },
        turns,
    )
    print(f"\n{title}: {len(texts)} texts of {tokens:.0f} tokens on average")
    base = seconds["one at a time, fp32"]
    for name, value in seconds.items():
        print(f"  {name:<30} {len(texts) / value:9.1f} texts/s   {base / value:6.1f} x")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--texts", type=int, default=64, help="texts for the large model; the packaged gets all"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}")

    texts, _ = load_sample_news()
    packaged = Predictor.from_pretrained()
    compare("packaged model, sample news", packaged.model, packaged, texts, options.turns)
    compare("packaged model, articles", packaged.model, packaged, articles(texts, 128), options.turns)

    torch.manual_seed(0)
    bert = BertConfig(vocab_size=len(packaged.tokenizer))
    original = OriginalModel(BertModel(bert)).eval()
    ours = Predictor(
        BiLSTMForSequenceClassification(BiLSTMConfig(embedder_config=bert, num_labels=11)), packaged.tokenizer
    )
    compare("original's size, sample news", original, ours, texts[: options.texts], options.turns)
    compare("original's size, articles", original, ours, articles(texts, options.texts // 4), options.turns)


if __name__ == "__main__":
    main()
