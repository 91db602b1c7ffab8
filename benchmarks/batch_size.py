"""How many padded tokens a batch should hold: texts a second of the packaged model, by size of batch.

    python benchmarks/batch_size.py

`batch_size="auto"` uses predictor.BATCH_TOKENS, which is chosen from this table.
"""

import time

import torch
from prediction_speed import articles

from bilstm_classifier import Predictor, load_sample_news, predictor

SIZES = [512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768]


def main() -> None:
    model = Predictor.from_pretrained()
    headlines, _ = load_sample_news()
    work = {"sample news": headlines * 3, "articles (synthetic)": articles(headlines, 200)}
    device = model.model.device.type
    print(
        f"{device}, {torch.get_num_threads()} threads, torch {torch.__version__}; texts a second, fastest of 3"
    )
    print(f"{'padded tokens a batch':<22}" + "".join(f"{name:>22}" for name in work))
    for size in SIZES:
        predictor.BATCH_TOKENS[device] = size
        rates = []
        for texts in work.values():
            seconds = []
            for _ in range(3):
                started = time.perf_counter()
                model.predict(texts)
                seconds.append(time.perf_counter() - started)
            rates.append(len(texts) / min(seconds))
        print(f"{size:<22,}" + "".join(f"{rate:22.0f}" for rate in rates), flush=True)


if __name__ == "__main__":
    main()
