"""The embedder beneath the LSTM: an encoder, or a learned table of embeddings; whole, or not at all.

This file travels with a model as remote code, as ``configuration.py`` and ``modeling.py`` do.
"""

import json
import re
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from torch import nn
from transformers import AutoModel

from .configuration import BiLSTMConfig

# Arguments of ``from_pretrained`` that say how to reach the Hub.
HUB_OPTIONS = ("token", "cache_dir", "local_files_only", "force_download")
INDEX = "model.safetensors.index.json"
ENCODER_FILES = ("config.json", "model.safetensors", "model-*-of-*.safetensors", INDEX)


def build_embedder(config: BiLSTMConfig) -> nn.Module:
    """The embedder that ``config`` describes, its weights not loaded yet.

    Raises:
        ValueError: the config has neither ``embedder_config`` nor ``vocab_size``.
    """
    if config.embedder_config is not None:
        return _drop_pooler(AutoModel.from_config(config.embedder_config))
    if config.vocab_size is None:
        raise ValueError(
            "the config has neither embedder_config (an encoder) nor vocab_size (a learned embedding)"
        )
    return nn.Embedding(config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id)


def fetch_encoder(repo_id: str, revision: str | None = None, **hub: Any) -> Path:
    """Config and weights of a Hub repository, in the cache, whose folder is named after the commit.

    Never a folder of that name that happens to lie where Python was started, as transformers would take it.

    Raises:
        OSError: there is no such repository or revision, or the Hub cannot be reached.
    """
    settings = {"allow_patterns": list(ENCODER_FILES), "ignore_patterns": ["*/*"], **hub}
    return Path(snapshot_download(repo_id, revision=revision, **settings))


def load_encoder(folder: Path, name: str, **settings: Any) -> Any:
    """The pretrained encoder ``name`` in ``folder``, without its pooler.

    Args:
        folder: Where it is on this disk.
        name: What it is called, for errors and its config.
        settings: Further arguments of ``AutoModel.from_pretrained``.

    Raises:
        OSError: it cannot be read, or its weights are no safetensors.
        ValueError: some of its weights are missing: transformers would make them up at random.
    """
    try:
        require_safetensors(folder, f"the encoder {name}")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error}: look for a revision that has it (often refs/pr/1), or convert it: "
            "https://huggingface.co/spaces/safetensors/convert"
        ) from error
    encoder, loaded = AutoModel.from_pretrained(
        folder,
        use_safetensors=True,
        trust_remote_code=False,
        ignore_mismatched_sizes=True,  # told below in a sentence
        output_loading_info=True,
        **settings,
    )
    encoder.config.name_or_path = name
    _drop_pooler(encoder)
    if misshapen := sorted(loaded["mismatched_keys"]):
        weight, shape, expected = misshapen[0]
        raise ValueError(
            f"the encoder {name} does not go with its config: {weight} has the shape {tuple(shape)}, "
            f"expected {tuple(expected)}"
        )
    own = encoder.state_dict()
    if absent := sorted(key for key in loaded["missing_keys"] if key in own):
        raise ValueError(
            f"the encoder {name} is incomplete: {len(absent)} of its weights are missing, {absent[0]} among them"
        )
    return encoder


def require_safetensors(folder: Path, name: str) -> None:
    """Raise unless the weights of ``name`` in ``folder`` are safetensors: a pickle could run code.

    Raises:
        OSError: there are none.
        ValueError: an index names other files than parts of the weights.
    """
    if (folder / "model.safetensors").is_file():
        return
    if not (folder / INDEX).is_file():
        raise FileNotFoundError(f"{name} has no model.safetensors, and pickles are not read")
    try:
        files = set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{INDEX} of {name} is damaged: copy or download it again") from error
    if odd := sorted(
        str(file) for file in files if not re.fullmatch(r"model-\d+-of-\d+\.safetensors", str(file))
    ):
        raise ValueError(f"{INDEX} of {name} names {odd[0]!r}, which is no part of its weights")


def _drop_pooler(encoder: Any) -> nn.Module:
    # BERT's pooler reads the first token only; nothing here uses it, and it would be saved with every model.
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    return encoder
