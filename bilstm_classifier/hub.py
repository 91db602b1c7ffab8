"""A model and its tokenizer on disk and on the Hub: load, save, push."""

import contextlib
import copy
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import make_readable

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

    from .configuration import BiLSTMConfig
    from .modeling import BiLSTMForSequenceClassification

# What is fetched from a repository: neither code nor pickles.
LOADED = ["config.json", "model*.safetensors*", "tokenizer*", "special_tokens_map.json"]
# What a run leaves in its folder beside the model, and no repository needs; pickles above all.
NOT_PUBLISHED = [
    "checkpoint-*/*",
    "embeddings/*",
    "*.bin",
    "*.pt",
    "*.pth",
    "*.pkl",
    "splits.sha256",
    "*.tmp*",
]


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
    from transformers import AutoTokenizer

    name = os.path.expanduser(source)
    folder = Path(name) if looks_like_path(name) else _download(name, revision)
    _check_is_model(folder, name)
    config = _load_config(folder, name)
    model = _load_weights(folder, name, config, dtype)
    with _reading("tokenizer", name):
        tokenizer = AutoTokenizer.from_pretrained(folder)
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
        max_length: Tokens the model reads, stored with the tokenizer; ``None`` leaves what it says as it is.
        dtype: Precision of the stored weights; ``None`` is the model's own. What loads them computes in the model's
            own all the same: half precision is slower than float32 on a CPU that has no units for it.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".save.tmp-*"):  # by a save that was killed
        shutil.rmtree(left)
    staging = Path(tempfile.mkdtemp(dir=folder, prefix=".save.tmp-"))
    try:
        _write_model(model, tokenizer, staging, max_length, dtype)
        files = sorted(path.name for path in staging.iterdir())
        # from here until config.json is back, last of all, the folder is no model
        (folder / "config.json").unlink(missing_ok=True)
        for name in sorted(files, key=lambda name: name == "config.json"):
            make_readable(staging / name)
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
        OSError: the folder holds no model, or the Hub cannot be reached or refuses.
        ValueError: ``repo_id`` is not a name the Hub allows.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError

    _check_is_model(Path(folder), str(folder))
    api = HfApi(token=token)
    try:
        repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            ignore_patterns=NOT_PUBLISHED,
            commit_message="Upload the trained model",
        )
    except (HTTPError, OSError) as error:
        raise OSError(
            f"pushing to {repo_id} failed, {folder} is kept as it is: {_first_line(error)}"
        ) from error
    return str(commit.commit_url)


def looks_like_path(source: str) -> bool:
    """Whether ``source`` names a place on this machine rather than a repository ``owner/name`` on the Hub."""
    return Path(source).exists() or source.startswith((".", "/", "~", os.sep)) or source.count("/") > 1


def _download(name: str, revision: str | None) -> Path:
    """The files of one commit in the cache: parts of two can never meet, and what is there already needs no network."""
    from huggingface_hub import errors, snapshot_download

    where = f"{name} at revision {revision}" if revision else name
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=LOADED))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise FileNotFoundError(
            f"{where}: no folder of that name here, and no such model on the Hub ({_first_line(error)}). "
            "Check the spelling, or log in if it is private: hf auth login"
        ) from error
    except (errors.HTTPError, OSError) as error:
        raise OSError(
            f"{where}: no folder of that name here, and the Hub cannot be reached ({_first_line(error)})"
        ) from error


def _check_is_model(folder: Path, name: str) -> None:
    if not (folder / "config.json").is_file():
        nowhere = looks_like_path(name) and not folder.is_dir()
        what = "is not a folder" if nowhere else "has no config.json"
        raise FileNotFoundError(
            f"{name} {what}: expected a folder saved by save_pretrained or `bilstm-classifier train`, or a Hub id"
        )


def _load_config(folder: Path, name: str) -> "BiLSTMConfig":
    from transformers import PreTrainedConfig

    from .configuration import BiLSTMConfig

    with _reading("config", name):
        settings, _ = PreTrainedConfig.get_config_dict(folder)
        found = settings.get("model_type")
    if found != BiLSTMConfig.model_type:
        raise ValueError(
            f"{name} holds {f'a {found!r} model' if found else 'no model'}: expected {BiLSTMConfig.model_type!r}; "
            "to build a new classifier upon an encoder, give it to `bilstm-classifier train --embedder`"
        )
    with _reading("config", name):
        return BiLSTMConfig.from_dict(settings)


def _load_weights(
    folder: Path, name: str, config: "BiLSTMConfig", dtype: "torch.dtype | None"
) -> "BiLSTMForSequenceClassification":
    import torch
    from safetensors import SafetensorError

    from .modeling import BiLSTMForSequenceClassification

    try:
        with _no_progress_bar():
            model, loaded = BiLSTMForSequenceClassification.from_pretrained(
                folder,
                config=config,
                dtype=dtype or torch.float32,
                use_safetensors=True,  # a pickle beside them is never opened
                ignore_mismatched_sizes=True,  # told below in a sentence
                output_loading_info=True,
            )
    except SafetensorError as error:
        raise ValueError(
            f"the weights of {name} are damaged ({error}): copy or download them again"
        ) from error
    except OSError as error:
        raise OSError(f"the weights of {name} could not be read: {_first_line(error)}") from error
    if surplus := sorted(loaded["unexpected_keys"]):
        raise ValueError(
            f"the weights of {name} do not go with its config: {len(surplus)} have no place, {surplus[0]} among them"
        )
    if absent := sorted(loaded["missing_keys"]):
        raise ValueError(
            f"the weights of {name} are incomplete: {len(absent)} are missing, {absent[0]} among them"
        )
    if misshapen := sorted(loaded["mismatched_keys"]):
        weight, shape, expected = misshapen[0]
        raise ValueError(
            f"the weights of {name} do not go with its config: {weight} has the shape {tuple(shape)}, "
            f"expected {tuple(expected)}"
        )
    return model


@contextlib.contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Without transformers' bar over weights, which are read in a moment."""
    from transformers.utils import logging as transformers_logging

    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


@contextlib.contextmanager
def _reading(part: str, name: str) -> Iterator[None]:
    """Say in one sentence which part of the model ``name`` cannot be read."""
    try:
        yield
    except OSError as error:
        raise OSError(f"the {part} of {name} could not be read: {_first_line(error)}") from error
    except Exception as error:  # of any type: libraries do not expect a damaged file
        raise ValueError(
            f"the {part} of {name} is missing or damaged ({type(error).__name__}: {_first_line(error)})"
        ) from error


def _first_line(error: Exception) -> str:
    # transformers' texts have the cause in their first line and advice for other situations after it
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(" :")[:300]


def _write_model(model: Any, tokenizer: Any, folder: Path, max_length: int | None, dtype: Any) -> None:
    state = {
        name: value.to(dtype) if dtype is not None and value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    with _no_progress_bar():
        model.save_pretrained(folder, state_dict=state)
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.backend_tokenizer.no_padding()
    if max_length is not None:
        tokenizer.backend_tokenizer.enable_truncation(max_length)
        tokenizer.model_max_length = max_length  # where a pipeline's truncation=True cuts
    tokenizer.save_pretrained(folder)
