"""A model and its tokenizer on disk and on the Hub: load, save, push."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

    from .modeling import BiLSTMForSequenceClassification

# What a run leaves in its folder beside the model, and no repository needs; pickles above all.
NOT_PUBLISHED = ["checkpoint-*/*", "embeddings/*", "*.bin", "*.pt", "*.pth", "*.pkl", "run.json", "*.tmp*"]


def load_model(
    source: str | Path, *, revision: str | None = None, dtype: "torch.dtype | None" = None
) -> "tuple[BiLSTMForSequenceClassification, PreTrainedTokenizerFast]":
    """Load a model of this package and its tokenizer from a folder or the Hub.

    Args:
        source: Folder or Hub id.
        revision: Branch, tag or commit on the Hub.
        dtype: Precision of the weights in memory; ``None`` is float32.

    Raises:
        OSError: the source cannot be found, read or downloaded.
        ValueError: it is not a model of this package, a file is damaged, or a weight is missing.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoTokenizer

    from .configuration import BiLSTMConfig
    from .modeling import BiLSTMForSequenceClassification

    name = os.fspath(source)
    if looks_like_path(name) and not (Path(name) / "config.json").is_file():
        what = "has no config.json" if Path(name).is_dir() else "is not a folder"
        raise FileNotFoundError(
            f"{name} {what}: expected a folder saved by save_pretrained or `bilstm-classifier train`, or a Hub id"
        )
    try:
        config = AutoConfig.from_pretrained(name, revision=revision)
        if not isinstance(config, BiLSTMConfig):
            raise ValueError(
                f"{name} holds a {config.model_type!r} model: expected {BiLSTMConfig.model_type!r}; "
                "to build a new classifier upon it, give it to `bilstm-classifier train --embedder`"
            )
        model, loaded = BiLSTMForSequenceClassification.from_pretrained(
            name, config=config, revision=revision, dtype=dtype or torch.float32, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    except SafetensorError as error:
        raise ValueError(
            f"the weights of {name} are damaged ({error}): copy or download them again"
        ) from error
    except OSError as error:
        # transformers' own text has the cause in its first sentences and advice for other situations after them
        raise OSError(
            f"the model {name!r} could not be loaded: {str(error).strip().splitlines()[0]}"
        ) from error
    if absent := loaded["missing_keys"]:
        raise ValueError(
            f"the weights of {name} are incomplete: {len(absent)} are missing, {sorted(absent)[0]} among them"
        )
    return model, tokenizer


def save_model(
    model: "BiLSTMForSequenceClassification",
    tokenizer: "PreTrainedTokenizerFast",
    folder: str | Path,
    *,
    max_length: int | None = None,
    dtype: "torch.dtype | None" = None,
) -> Path:
    """Save a model with its tokenizer: config, weights as safetensors, tokenizer with its truncation, model code.

    An interrupted save leaves no folder that loads with parts of two models.

    Args:
        model: The classifier; it is not changed.
        tokenizer: Its fast tokenizer.
        folder: Where to; other files in it are left alone.
        max_length: Tokens the model reads, stored as the tokenizer's truncation; ``None`` leaves that as it is.
        dtype: Precision of the stored weights; ``None`` is the model's own.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder, prefix=".save.tmp-"))
    try:
        _write_model(model, tokenizer, staging, max_length, dtype)
        files = sorted(path.name for path in staging.iterdir())
        (folder / "config.json").unlink(
            missing_ok=True
        )  # from here until the last line the folder is no model
        for name in sorted(files, key=lambda name: name == "config.json"):
            os.replace(staging / name, folder / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def push_model(
    folder: str | Path, repo_id: str, *, private: bool | None = None, token: str | None = None
) -> str:
    """Upload a saved model, without checkpoints and pickles, to the Hub; create the repository if need be.

    Returns:
        The address of the commit.

    Raises:
        OSError: the Hub cannot be reached or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(token=token)
    try:
        repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            ignore_patterns=NOT_PUBLISHED,
            commit_message="Upload the trained model",
        )
    except HfHubHTTPError as error:
        raise OSError(f"pushing to {repo_id} failed, {folder} is kept as it is: {error}") from error
    return str(commit.commit_url)


def looks_like_path(source: str) -> bool:
    """Whether ``source`` names a place on this machine rather than a repository ``owner/name`` on the Hub."""
    return Path(source).exists() or source.startswith((".", "/", "~", os.sep)) or source.count("/") > 1


def _write_model(model: Any, tokenizer: Any, folder: Path, max_length: int | None, dtype: Any) -> None:
    from tokenizers import Tokenizer

    state = {name: value if dtype is None else value.to(dtype) for name, value in model.state_dict().items()}
    before = model.config.dtype
    model.config.dtype = dtype or model.dtype
    try:
        model.save_pretrained(folder, state_dict=state)
    finally:
        model.config.dtype = before
    tokenizer.save_pretrained(folder)
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_padding()
    if max_length is not None:
        backend.enable_truncation(max_length)
    backend.save(str(folder / "tokenizer.json"))
