"""A model and its tokenizer in a folder: saved whole or not at all, loaded whole or refused in one sentence."""

import contextlib
import copy
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from filelock import FileLock

from .files import make_readable
from .hub.transport import HubOptions, download, first_line, matches

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

    from .configuration import BiLSTMConfig
    from .modeling import BiLSTMForSequenceClassification

RULES_FILE = "rules.yaml"
# What is fetched from a repository to load a model: neither code nor pickles.
LOADED = (
    "config.json",
    "model.safetensors",
    "model-*-of-*.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    RULES_FILE,
)
STAGING = ".save.tmp-"
RULES_COMMENT = (
    "Keyword rules. The first that matches a text decides, before the model is asked. Edit freely."
)


def load_model(
    source: str | Path, *, dtype: "torch.dtype | None" = None, **options: Unpack[HubOptions]
) -> "tuple[BiLSTMForSequenceClassification, PreTrainedTokenizerFast]":
    """Load a model of this package and its tokenizer from a folder or the Hub.

    Args:
        source: Folder or Hub id.
        dtype: Precision of the weights in memory; ``None`` is float32.
        options: See :class:`bilstm_classifier.hub.transport.HubOptions`.

    Raises:
        OSError: the source, or the embedder that it names, cannot be found, read or downloaded.
        ValueError: it is not a model of this package, a file is damaged, or a weight is missing.
    """
    name = os.path.expanduser(source)
    folder = Path(name) if looks_like_path(name) else download(name, LOADED, **options)
    return load_folder(folder, name, options, dtype=dtype)


def load_folder(
    folder: Path, name: str, options: HubOptions, *, dtype: "torch.dtype | None" = None
) -> "tuple[BiLSTMForSequenceClassification, PreTrainedTokenizerFast]":
    """As :func:`load_model`, of the model ``name`` that is in ``folder``; ``options`` are for its embedder."""
    from transformers import AutoTokenizer

    config = load_config(folder, name)
    encoder = fetch_embedder(config, name, options)
    _require_plausible(folder, name, config, encoder)
    model = _load_weights(folder, name, config, dtype, options)
    with _reading("tokenizer", name):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if (folder / RULES_FILE).is_file():
        from .rules import read_rules

        model.rules = read_rules(folder / RULES_FILE, config.label_names)
    return model, tokenizer


def save_model(
    model: "BiLSTMForSequenceClassification",
    tokenizer: "PreTrainedTokenizerFast",
    folder: str | Path,
    *,
    max_length: int | None = None,
    dtype: "torch.dtype | None" = None,
    include_embedder: bool = False,
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
        include_embedder: Save a frozen embedder's weights too where the config names the repository that has them.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with staged(folder) as staging:
        write_model(
            model, tokenizer, staging, max_length=max_length, dtype=dtype, include_embedder=include_embedder
        )
    return folder


@contextlib.contextmanager
def staged(folder: Path, replaces: Sequence[str] = LOADED) -> Iterator[Path]:
    """An empty folder to write a model to; its files take their places in ``folder`` when the block ends without error.

    Parts of two models never meet: files that match ``replaces`` and that the new model does not have are removed.
    """
    lock = folder / ".save.lock"
    with FileLock(lock):  # two processes at once would leave parts of both
        for left in folder.glob(f"{STAGING}*"):  # by a save that was killed
            shutil.rmtree(left)
        staging = Path(tempfile.mkdtemp(dir=folder, prefix=STAGING))
        new, old = staging / "new", staging / "old"
        new.mkdir()
        old.mkdir()
        try:
            yield new
            _replace(folder, new, old, replaces)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _replace(folder: Path, new: Path, old: Path, replaces: Sequence[str]) -> None:
    """Move the files of ``new`` into ``folder``, after those that they replace went to ``old``; all, or none."""
    names = sorted(path.name for path in new.iterdir())
    if blocked := [name for name in names if (folder / name).is_dir()]:
        raise IsADirectoryError(
            f"{folder / blocked[0]} is a folder where a file of the model has to go: move it"
        )
    earlier = [
        path.name
        for path in folder.iterdir()
        if path.name in names or (path.is_file() and matches(path.name, replaces))
    ]
    # config.json is the first to go and the last to come: what kill -9 leaves is no model, and not parts of two
    try:
        for name in sorted(earlier, key=lambda name: name != "config.json"):
            os.replace(folder / name, old / name)
        for name in sorted(names, key=lambda name: name == "config.json"):
            make_readable(new / name)
            os.replace(new / name, folder / name)
    except BaseException:
        for path in sorted(old.iterdir(), key=lambda path: path.name == "config.json"):
            os.replace(path, folder / path.name)
        for name in names:
            if name not in earlier:
                (folder / name).unlink(missing_ok=True)
        raise


def stored_dtype(folder: Path) -> "torch.dtype":
    """The precision that the weights in a model's folder are stored in.

    Raises:
        FileNotFoundError: it holds no weights.
    """
    from safetensors import safe_open

    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                return file.get_tensor(name).dtype
    raise FileNotFoundError(f"{folder} holds no weights")


def looks_like_path(source: str) -> bool:
    """Whether ``source`` names a place on this machine rather than a repository ``owner/name`` on the Hub."""
    return Path(source).exists() or source.startswith((".", "/", "~", os.sep)) or source.count("/") > 1


def _check_is_model(folder: Path, name: str) -> None:
    if not (folder / "config.json").is_file():
        nowhere = looks_like_path(name) and not folder.is_dir()
        what = "is not a folder" if nowhere else "has no config.json"
        raise FileNotFoundError(
            f"{name} {what}: expected a folder saved by save_pretrained or `bilstm-classifier train`, or a Hub id"
        )


def load_config(folder: Path, name: str) -> "BiLSTMConfig":
    """The config of the model ``name`` in ``folder``.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError: it is not that of a model of this package, or of a newer release of it, or is damaged.
    """
    from transformers import PreTrainedConfig

    from .configuration import FORMAT_VERSION, NOT_SETTINGS, BiLSTMConfig, check_format

    _check_is_model(folder, name)
    with _reading("config", name):
        settings, _ = PreTrainedConfig.get_config_dict(folder)
        found = settings.get("model_type")
    if found != BiLSTMConfig.model_type:
        raise ValueError(
            f"{name} holds {f'a {found!r} model' if found else 'no model'}: expected {BiLSTMConfig.model_type!r}; "
            "to build a new classifier upon an encoder, give it to `bilstm-classifier train --embedder`"
        )
    try:
        check_format(settings.get("format_version", FORMAT_VERSION))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    for key in NOT_SETTINGS:
        if key != "auto_map":  # which only says that the code is there
            settings.pop(key, None)
    with _reading("config", name):
        return BiLSTMConfig.from_dict(settings)


def fetch_embedder(config: "BiLSTMConfig", name: str, options: HubOptions) -> Path | None:
    """Download the embedder that the model ``name`` was saved without, if it names one, at the commit it names.

    Returns:
        Its folder in the cache; ``None`` where the model has its own.

    Raises:
        OSError: it cannot be found or downloaded.
        ValueError: it was damaged on its way.
    """
    if config.embedder_repo_id is None:
        return None
    from .embedder import ENCODER_FILES

    reach: HubOptions = {**options, "revision": config.embedder_commit}
    try:
        return download(config.embedder_repo_id, ENCODER_FILES, **reach)
    except (OSError, ValueError) as error:
        kind = OSError if isinstance(error, OSError) else ValueError
        raise kind(f"the embedder that {name} was saved without cannot be had: {error}") from error


def _require_plausible(folder: Path, name: str, config: "BiLSTMConfig", encoder: Path | None) -> None:
    """A config that asks for more layers than there are weights would fill the memory before anything is compared."""
    from safetensors import SafetensorError, safe_open

    from .embedder import require_safetensors

    require_safetensors(folder, name)
    weights = 0
    for part in filter(None, (folder, encoder)):
        for path in part.glob("model*.safetensors"):
            try:
                with safe_open(path, "pt") as file:
                    weights += len(file.keys())
            except SafetensorError as error:
                raise ValueError(
                    f"the weights of {name} are damaged ({error}): copy or download them again"
                ) from error
    layers = config.lstm_num_layers + (getattr(config.embedder_config, "num_hidden_layers", None) or 0)
    if layers > weights:
        raise ValueError(
            f"the weights of {name} do not go with its config: it has {layers:,} layers, they are {weights:,} tensors"
        )


def _load_weights(
    folder: Path, name: str, config: "BiLSTMConfig", dtype: "torch.dtype | None", options: HubOptions
) -> "BiLSTMForSequenceClassification":
    import torch

    from .modeling import BiLSTMForSequenceClassification

    try:
        with _no_progress_bar():
            model, loaded = BiLSTMForSequenceClassification.from_pretrained(
                folder,
                config=config,
                dtype=dtype or torch.float32,
                ignore_mismatched_sizes=True,  # told below in a sentence
                output_loading_info=True,
                **{name: value for name, value in options.items() if name != "revision"},
            )
    except OSError as error:
        raise OSError(f"the weights of {name} could not be read: {first_line(error)}") from error
    except Exception as error:  # of any type: transformers does not expect odd settings or damaged files
        cause = (
            str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {first_line(error)}"
        )
        raise ValueError(f"the weights of {name} could not be read: {cause}") from error
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
        raise OSError(f"the {part} of {name} could not be read: {first_line(error)}") from error
    except Exception as error:  # of any type: libraries do not expect a damaged file
        raise ValueError(
            f"the {part} of {name} is missing or damaged ({type(error).__name__}: {first_line(error)})"
        ) from error


def write_model(
    model: Any,
    tokenizer: Any,
    folder: Path,
    *,
    max_length: int | None = None,
    dtype: Any = None,
    include_embedder: bool = False,
) -> None:
    """As :func:`save_model`, into a folder of which nothing is read meanwhile."""
    state = {
        name: value.to(dtype) if dtype is not None and value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    with _no_progress_bar():
        model.save_pretrained(folder, state_dict=state, include_embedder=include_embedder)
    if model.rules is not None:
        from .rules import write_rules

        write_rules(model.rules, folder / RULES_FILE, RULES_COMMENT)
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.backend_tokenizer.no_padding()
    if max_length is not None:
        tokenizer.backend_tokenizer.enable_truncation(max_length)
        tokenizer.model_max_length = max_length  # where a pipeline's truncation=True cuts
    tokenizer.save_pretrained(folder)
