"""Models to the Hub and from it: what is pushed loads anywhere, what is pulled was tried before it replaces a model."""

import json
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from .files import write_text
from .hub import HubOptions, Pushed, download, require_repo_id, upload
from .model_folder import LOADED, fetch_embedder, load_config, load_model, matches, staged, write_model

if TYPE_CHECKING:
    from .configuration import BiLSTMConfig

logger = logging.getLogger(__name__)

# The code that travels with a model, for machines without this package.
REMOTE_CODE = ("configuration.py", "embedder.py", "layers.py", "modeling.py")
AUTO_MAP = {
    "AutoConfig": "configuration.BiLSTMConfig",
    "AutoModelForSequenceClassification": "modeling.BiLSTMForSequenceClassification",
}
# All that is published of a run's folder; checkpoints, optimizer states and pickles of any name are not among it.
PUBLISHED = (*LOADED, *REMOTE_CODE, "README.md", "metrics.json", "*.png")
# The card tells of it; the file itself names places on the disk of whoever trained the model.
RECIPE = "recipe.yaml"


def push_model(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    token: str | bool | None = None,
    include_embedder: bool = False,
    message: str = "Upload the model",
) -> Pushed:
    """Upload a saved model in one commit: weights, tokenizer, config, remote code, card and figures; never a pickle.

    Repository and branch are created if need be; nothing is committed where nothing has changed. A card on the Hub that
    a person edited keeps its text.

    Args:
        folder: A model saved by this package.
        repo_id: ``owner/name``.
        private: Of a repository that is created; ``None`` is the owner's default.
        revision: Branch to commit to; the main branch if left out.
        create_pr: Open a pull request in place of committing.
        token: Access token; that of ``hf auth login`` or ``HF_TOKEN`` if left out.
        include_embedder: Upload a frozen embedder's weights too where the model names the repository that has them.
        message: Of the commit.

    Raises:
        OSError: the folder holds no model, or the Hub cannot be reached or refuses; the repository is then as before.
        ValueError: the model is damaged, its embedder is not public, or ``repo_id`` is not ``owner/name``.
    """
    from .card import write_card

    require_repo_id(repo_id)
    folder = Path(folder).expanduser()
    config = load_config(folder, str(folder))
    options: HubOptions = {"token": token}
    model, tokenizer = load_model(folder, **options)  # what cannot be loaded is not published
    if config.embedder_repo_id is not None and not include_embedder:
        _require_public(config, repo_id, private, token)
    with tempfile.TemporaryDirectory() as name:
        staging = Path(name)
        for path in sorted(folder.iterdir()):
            if path.is_file() and matches(path.name, (*PUBLISHED, RECIPE)):
                _link(path, staging / path.name)
        if include_embedder and config.embedder_repo_id is not None:
            _write_whole(model, tokenizer, folder, staging)
        _add_remote_code(staging)
        write_card(staging, repo_id=repo_id)
        (staging / RECIPE).unlink(missing_ok=True)
        return upload(
            staging,
            repo_id,
            private=private,
            revision=revision,
            create_pr=create_pr,
            token=token,
            message=message,
            replaces=LOADED,
        )


def pull_model(repo_id: str, *, local_dir: str | Path | None = None, **options: Unpack[HubOptions]) -> Path:
    """Download a model with all that it needs, so that it works offline from here on.

    Args:
        repo_id: ``owner/name``.
        local_dir: Copy the model there too, over an earlier one; the cache alone if left out.
        options: See :class:`bilstm_classifier.hub.HubOptions`.

    Returns:
        The model's folder: ``local_dir``, or the one in the cache.

    Raises:
        OSError: it cannot be found, downloaded or written; an earlier model in ``local_dir`` is kept.
        ValueError: it is not a model of this package, a file is damaged, ``local_dir`` holds something else, or
            ``repo_id`` is not ``owner/name``.
    """
    require_repo_id(repo_id)
    target = None if local_dir is None else Path(local_dir).expanduser()
    if target is not None:
        _require_room_for_model(target)
    folder = download(repo_id, PUBLISHED, **options)
    config = load_config(folder, repo_id)
    fetch_embedder(config, repo_id, options)
    cached: HubOptions = {**options, "local_files_only": True}
    load_model(repo_id, **cached)
    if target is None:
        return folder
    target.mkdir(parents=True, exist_ok=True)
    with staged(target) as staging:
        for path in sorted(folder.iterdir()):
            if matches(path.name, PUBLISHED):
                shutil.copyfile(path, staging / path.name)
    return target


def _require_public(
    config: "BiLSTMConfig", repo_id: str, private: bool | None, token: str | bool | None
) -> None:
    """A model saved without its embedder is of use only to those who can fetch it."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    name, commit = str(config.embedder_repo_id), config.embedder_commit
    try:
        info: Any = HfApi(token=token).model_info(name, revision=commit)
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise ValueError(
            f"this Hub does not have the embedder {name} at {commit}, which the model is saved without: "
            "give --include-embedder"
        ) from error
    if (info.private or info.gated) and not private:
        raise ValueError(
            f"the embedder {name} is not public, and the model is saved without it: give --include-embedder, or "
            f"make {repo_id} --private too"
        )


def _write_whole(model: Any, tokenizer: Any, folder: Path, staging: Path) -> None:
    """Write the model with its embedder, in the precision that it is stored in."""
    from safetensors import safe_open

    weights = next(folder.glob("model*.safetensors"))
    with safe_open(weights, "pt") as file:
        dtype = file.get_tensor("classifier.bias").dtype
    for path in staging.iterdir():
        if matches(path.name, LOADED):
            path.unlink()
    write_model(model, tokenizer, staging, dtype=dtype, include_embedder=True)


def _add_remote_code(staging: Path) -> None:
    """This release's code, with which the model was just loaded, and the names in it that transformers looks for."""
    for name in REMOTE_CODE:
        (staging / name).unlink(missing_ok=True)  # a link to what another release may have saved
        shutil.copyfile(Path(__file__).parent / name, staging / name)
    path = staging / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) | {"auto_map": AUTO_MAP}
    if settings.get("embedder_config") and not settings.get("embedder_repo_id"):
        settings["embedder_config"]["_name_or_path"] = ""  # a place on the disk of whoever trained it
    write_text(path, json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def _link(source: Path, target: Path) -> None:
    try:
        os.symlink(source.resolve(), target)
    except OSError:  # Windows allows links to some users only
        shutil.copyfile(source, target)


def _require_room_for_model(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: expected a folder, made if need be")
    if not folder.is_dir() or (folder / "config.json").is_file():
        if (folder / "config.json").is_file():
            load_config(folder, str(folder))
        return
    if taken := [path.name for path in sorted(folder.iterdir()) if matches(path.name, PUBLISHED)]:
        raise ValueError(
            f"{folder} holds {taken[0]}, which is not a model's and would be replaced: choose an empty folder"
        )
