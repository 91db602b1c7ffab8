"""The embedder beneath the LSTM: an encoder, or a learned table of embeddings; whole, or not at all.

This file travels with a model as remote code, as ``configuration.py`` and ``modeling.py`` do.
"""

import os
from typing import Any

from torch import nn
from transformers import AutoModel
from transformers.utils import cached_file, extract_commit_hash

from .configuration import BiLSTMConfig

# Arguments of ``from_pretrained`` that say how to reach the Hub.
HUB_OPTIONS = ("token", "cache_dir", "local_files_only", "force_download")


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


def load_encoder(source: str, *, revision: str | None = None, **settings: Any) -> Any:
    """The pretrained encoder of a folder or a Hub repository, without its pooler.

    Args:
        source: Folder or Hub id.
        revision: Branch, tag or commit on the Hub.
        settings: Further arguments of ``AutoModel.from_pretrained``.

    Raises:
        OSError: it cannot be found or read, or its weights are no safetensors: a pickle could run code.
        ValueError: some of its weights are missing: transformers would make them up at random.
    """
    where = f"{source} at revision {revision}" if revision else source
    try:
        encoder, loaded = AutoModel.from_pretrained(
            source,
            revision=revision,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # told below in a sentence
            output_loading_info=True,
            **settings,
        )
    except OSError as error:
        if "safetensors" not in str(error):
            raise
        raise OSError(
            f"the encoder {where} has no model.safetensors, and pickles are not read: look for a revision that has it "
            "(often refs/pr/1), or convert it: https://huggingface.co/spaces/safetensors/convert"
        ) from error
    _drop_pooler(encoder)
    if misshapen := sorted(loaded["mismatched_keys"]):
        name, shape, expected = misshapen[0]
        raise ValueError(
            f"the encoder {where} does not go with its config: {name} has the shape {tuple(shape)}, "
            f"expected {tuple(expected)}"
        )
    own = encoder.state_dict()
    if absent := sorted(name for name in loaded["missing_keys"] if name in own):
        raise ValueError(
            f"the encoder {where} is incomplete: {len(absent)} of its weights are missing, {absent[0]} among them"
        )
    return encoder


def commit_of(source: str, revision: str | None = None, **hub: Any) -> str | None:
    """The 40 digits of the commit that ``revision`` of a Hub repository stands at; ``None`` for a folder.

    Raises:
        OSError: there is no such repository or revision, or the Hub cannot be reached.
    """
    if os.path.isdir(source):
        return None
    return extract_commit_hash(cached_file(source, "config.json", revision=revision, **hub), None)


def _drop_pooler(encoder: Any) -> nn.Module:
    # BERT's pooler reads the first token only; nothing here uses it, and it would be saved with every model.
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    return encoder
