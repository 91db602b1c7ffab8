"""Models to the Hub and from it: what is pushed loads anywhere, what is pulled was tried before it replaces a model."""

import json
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ..files import write_text
from ..model_folder import (
    LOADED,
    fetch_embedder,
    load_config,
    load_folder,
    looks_like_path,
    save_model,
    staged,
    stored_dtype,
    write_model,
)
from .card import PICTURES, write_card
from .card_merging import is_sealed, merge_cards
from .transport import (
    README,
    HubOptions,
    Pushed,
    check_hashes,
    download,
    first_line,
    matches,
    require_repo_id,
    telling_uploads,
    upload,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from ..configuration import BiLSTMConfig
    from ..modeling import BiLSTMForSequenceClassification

logger = logging.getLogger(__name__)

# The code that travels with a model, for machines without this package.
REMOTE_CODE = ("configuration.py", "embedder.py", "layers.py", "modeling.py")
AUTO_MAP = {
    "AutoConfig": "configuration.BiLSTMConfig",
    "AutoModelForSequenceClassification": "modeling.BiLSTMForSequenceClassification",
}
# What is told of a model beside it.
FIGURES = (README, "metrics.json", *PICTURES)
# All that is published of a run's folder; checkpoints, optimizer states and pickles of any name are not among it.
PUBLISHED = (*LOADED, *REMOTE_CODE, *FIGURES)
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
    require_repo_id(repo_id)
    folder = Path(folder).expanduser()
    model, tokenizer = load_folder(
        folder, str(folder), {"token": token}
    )  # what cannot be loaded is not published
    config = model.config
    if config.embedder_repo_id is not None and not include_embedder:
        with telling_uploads(repo_id):
            _require_public(config, repo_id, private, token)
    with tempfile.TemporaryDirectory() as name:
        staging = Path(name)
        for path in sorted(folder.iterdir()):
            if path.is_file() and matches(path.name, (*PUBLISHED, RECIPE)):
                _link(path, staging / path.name, folder)
        if include_embedder and config.embedder_repo_id is not None:
            _write_whole(model, tokenizer, staging)
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
            replaces=PUBLISHED,
        )


def push_loaded(
    model: "BiLSTMForSequenceClassification",
    tokenizer: "PreTrainedTokenizerFast",
    repo_id: str,
    origin: tuple[str, HubOptions] | None,
    *,
    include_embedder: bool = False,
    **settings: Any,
) -> Pushed:
    """:func:`push_model` of a model in memory.

    Card and figures of where it was loaded from go along where its weights are still the same.

    Args:
        model: The classifier.
        tokenizer: Its fast tokenizer.
        repo_id: ``owner/name``.
        origin: Folder or Hub id that it was loaded from, and how that was reached.
        include_embedder: As in :func:`push_model`.
        settings: Further arguments of :func:`push_model`.
    """
    require_repo_id(repo_id)
    source = None
    if origin is not None:
        source = (
            Path(origin[0]) if looks_like_path(origin[0]) else download(origin[0], PUBLISHED, **origin[1])
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dtype = None if source is None else stored_dtype(source)
        save_model(model, tokenizer, folder, dtype=dtype, include_embedder=include_embedder)
        if source is not None and _has_weights_of(source, folder):
            for path in source.iterdir():
                if path.name in (*FIGURES, RECIPE):
                    shutil.copyfile(path, folder / path.name)
        return push_model(folder, repo_id, **settings)


def pull_model(
    repo_id: str,
    *,
    local_dir: str | Path | None = None,
    include_embedder: bool = False,
    **options: Unpack[HubOptions],
) -> Path:
    """Download a model with all that it needs, so that it works offline from here on.

    Args:
        repo_id: ``owner/name``.
        local_dir: Copy the model there too, over an earlier one; the cache alone if left out.
        include_embedder: Put an embedder that the model only names into ``local_dir`` too, not into the cache alone.
        options: See :class:`bilstm_classifier.hub.transport.HubOptions`.

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
    check_hashes(folder, repo_id)  # of what was in the cache before, too
    config = load_config(folder, repo_id)
    if (encoder := fetch_embedder(config, repo_id, options)) is not None:
        check_hashes(encoder, str(config.embedder_repo_id))
    model, tokenizer = load_folder(folder, repo_id, options)
    if not options.get("local_files_only"):
        _tell_if_not_reached(repo_id, options)
    if target is None:
        return folder
    target.mkdir(parents=True, exist_ok=True)
    with staged(target, PUBLISHED) as staging:
        for path in sorted(folder.iterdir()):
            if path.is_file() and matches(path.name, PUBLISHED):
                shutil.copyfile(path, staging / path.name)
        _keep_edited_card(target, staging)
        if include_embedder and config.embedder_repo_id is not None:
            _write_whole(model, tokenizer, staging)
    return target


def _keep_edited_card(folder: Path, staging: Path) -> None:
    """A card in ``folder`` that a person wrote in keeps its text: that of the pulled one does not take its place."""
    card, pulled = folder / README, staging / README
    if not card.is_file() or not pulled.is_file():
        return
    earlier = card.read_bytes().decode("utf-8", "replace")
    if is_sealed(earlier) or earlier == (ours := pulled.read_text(encoding="utf-8")):
        return
    logger.warning("%s was edited by hand, its text is kept: remove it to have the repository's", card)
    write_text(pulled, merge_cards(ours, earlier))


def _tell_if_not_reached(repo_id: str, options: HubOptions) -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError

    try:
        HfApi(token=options.get("token")).model_info(repo_id, revision=options.get("revision"))
    except (HTTPError, OSError) as error:
        logger.warning(
            "the Hub was not reached (%s): this is %s as it was downloaded before", first_line(error), repo_id
        )


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


def _has_weights_of(source: Path, folder: Path) -> bool:
    """Whether the model saved in ``folder`` has all weights of that in ``source``, bit by bit."""
    import torch
    from safetensors.torch import load_file

    own = {
        name: weight for path in folder.glob("model*.safetensors") for name, weight in load_file(path).items()
    }
    return all(
        name in own and torch.equal(own[name], weight)
        for path in source.glob("model*.safetensors")
        for name, weight in load_file(path).items()
    )


def _write_whole(model: Any, tokenizer: Any, staging: Path) -> None:
    """Write the model with its embedder over the one in ``staging``, in the precision that it is stored in."""
    dtype = stored_dtype(staging)
    for path in staging.iterdir():
        if matches(path.name, LOADED):
            path.unlink()
    write_model(model, tokenizer, staging, dtype=dtype, include_embedder=True)


def _add_remote_code(staging: Path) -> None:
    """This release's code, with which the model was just loaded, and the names in it that transformers looks for."""
    for name in REMOTE_CODE:
        (staging / name).unlink(missing_ok=True)  # a link to what another release may have saved
        shutil.copyfile(Path(__file__).parents[1] / name, staging / name)
    path = staging / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) | {"auto_map": AUTO_MAP}
    if settings.get("embedder_config") and not settings.get("embedder_repo_id"):
        settings["embedder_config"]["_name_or_path"] = ""  # a place on the disk of whoever trained it
    write_text(path, json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def _link(source: Path, target: Path, folder: Path) -> None:
    """Put ``source`` of ``folder`` at ``target``; links in the Hub's cache lead to its blobs, others nowhere good."""
    places = (folder.resolve(), folder.resolve().parent.parent / "blobs")
    if source.is_symlink() and not any(source.resolve().is_relative_to(place) for place in places):
        raise ValueError(
            f"{source} is a link to {source.resolve()}: put the file itself there, if it is to be published"
        )
    try:
        os.symlink(source.resolve(), target)
    except OSError:  # Windows allows links to some users only
        shutil.copyfile(source, target)


def _require_room_for_model(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: expected a folder, made if need be")
    if (folder / RECIPE).is_file() or any(folder.glob("checkpoint-*")):
        raise ValueError(f"{folder} holds a training run: choose another folder, or it would lose its model")
    if (folder / "config.json").is_file():
        load_config(folder, str(folder))
        return
    names = [path.name for path in sorted(folder.glob("*"))]
    if taken := [name for name in names if matches(name, PUBLISHED)]:
        raise ValueError(
            f"{folder} holds {taken[0]}, which is not a model's and would be replaced: choose an empty folder"
        )
