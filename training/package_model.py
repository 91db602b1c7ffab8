"""Put a trained model into the package: `python training/package_model.py runs/default_model`.

The package's own code loads it there, so it goes without the copies of that code. Its answers to fifty sample texts are
written to tests/golden_answers.json, so that a change of code that changes answers is seen. `benchmarks/leaderboard.py`
then measures the model and writes its card.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from bilstm_classifier import Predictor, load_sample_news
from bilstm_classifier.files import replacing, write_text
from bilstm_classifier.predictor import DEFAULT_MODEL

MOST_BYTES = 20_000_000
GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden_answers.json"
GOLDEN_TEXTS = 50


def main(run: Path) -> None:
    """Copy the model of `run`.

    Raises:
        ValueError: it is too large for the package.
        OSError: a file of it is missing.
    """
    size = (run / "model.safetensors").stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{run} has weights of {size:,} bytes: the package has room for {MOST_BYTES:,}")
    DEFAULT_MODEL.mkdir(exist_ok=True)
    for name in ("model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        with replacing(DEFAULT_MODEL / name) as temporary:
            shutil.copyfile(run / name, temporary)
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    del config["auto_map"]
    if config.get("embedder_config"):
        config["embedder_config"]["_name_or_path"] = ""  # a folder on the machine that trained it
    write_text(DEFAULT_MODEL / "config.json", json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    # the figures, the card and its picture are those of the model before, until the leaderboard is run
    (DEFAULT_MODEL / "metrics.json").unlink(missing_ok=True)
    write_text(GOLDEN, json.dumps(golden_answers(), ensure_ascii=False, indent=1) + "\n")


def golden_answers() -> list[dict[str, Any]]:
    """What the packaged model says, in float32 on the CPU, of every fifth sample text: four or five of a category."""
    texts, _ = load_sample_news()
    chosen = texts[::5][:GOLDEN_TEXTS]
    answers = Predictor.from_pretrained(device="cpu", dtype="float32").predict(chosen)
    return [
        {
            "text": text,
            "label": answer.labels[0],
            "probabilities": {name: round(score, 5) for name, score in answer.probabilities.items()},
        }
        for text, answer in zip(chosen, answers, strict=True)
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
