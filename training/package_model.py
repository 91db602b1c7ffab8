"""Put a trained model into the package: `python training/package_model.py runs/default_model`.

The package's own code loads it there, so it goes without the copies of that code.
`benchmarks/leaderboard.py` then measures it and writes its card.
"""

import json
import shutil
import sys
from pathlib import Path

from bilstm_classifier.files import replacing, write_text
from bilstm_classifier.predictor import DEFAULT_MODEL

MOST_BYTES = 20_000_000


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
    write_text(DEFAULT_MODEL / "config.json", json.dumps(config, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
