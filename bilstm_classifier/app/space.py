"""What a Hugging Face Space needs to serve the app: a script, requirements, a card, and this package as a wheel."""

import base64
import hashlib
import logging
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import write_text
from ..hub.card_merging import seal
from ..hub.transport import README, Pushed, download, matches, require_repo_id, telling_uploads, upload
from ..model_folder import LOADED, load_config
from .settings import Settings

logger = logging.getLogger(__name__)

PACKAGE = "bilstm-classifier"
WHEELS = "bilstm_classifier-*.whl"
PYTHON = "3.11"  # with which this package is tested
# Without it pip takes the build for GPUs, gigabytes more.
TORCH_FOR_CPUS = "https://download.pytorch.org/whl/cpu"


@dataclass(frozen=True)
class Served:
    """The model of the Hub that a Space serves.

    Attributes:
        name: ``owner/name``.
        revision: Branch, tag or commit; empty is the main branch.
        preload: What the Space downloads when it is built, as its card says it.
    """

    name: str
    revision: str
    preload: tuple[str, ...]


def push_space(
    repo_id: str,
    *,
    model: str | None = None,
    model_revision: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    message: str = "Upload the app",
) -> Pushed:
    """Upload the app to a Space in one commit, with this package as it is installed here.

    The Space is made if need be; nothing is committed where nothing has changed. A card on the Hub that a person edited
    keeps its text, other files of the owner's are left alone.

    Args:
        repo_id: ``owner/name`` of the Space.
        model: Hub id of the model that it serves; the one in the package if left out.
        model_revision: Branch, tag or commit of that model.
        private: Of a Space that is created; ``None`` is the owner's default.
        token: Access token; that of ``hf auth login`` or ``HF_TOKEN`` if left out.
        message: Of the commit.

    Raises:
        OSError: the Hub cannot be reached or refuses, or has no such model; the Space is then as before.
        ValueError: the model is not one of this package, or a name is not ``owner/name``.
        ImportError: gradio is not installed.
    """
    require_repo_id(repo_id)
    if model is None and model_revision is not None:
        raise ValueError(f"a revision {model_revision!r} of no model: name the model too")
    served = None if model is None else _find(model, model_revision, repo_id, token)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_space(folder, served)
        write_wheel(folder)
        return upload(
            folder,
            repo_id,
            repo_type="space",
            space_sdk="gradio",
            private=private,
            token=token,
            message=message,
            replaces=[WHEELS],
        )


def write_space(folder: Path, served: Served | None = None) -> None:
    """Write what a Space holds, but for the wheel, into ``folder``.

    Raises:
        ImportError: gradio is not installed.
    """
    import jinja2

    places = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )

    def filled(name: str, **values: Any) -> str:
        template = resources.files(__package__).joinpath("space", f"{name}.jinja").read_text(encoding="utf-8")
        return places.from_string(template).render(
            model=served.name if served else "", model_revision=served.revision if served else "", **values
        )

    title = "Text classifier" if served else "Russian news classifier"
    card = filled(
        README, title=title, metadata=_front_matter(title, served), defaults=Settings(), shown=_shown(served)
    )
    write_text(folder / "app.py", filled("app.py"))
    write_text(folder / README, seal(card))
    needs = "\n".join(_requirements())
    write_text(
        folder / "requirements.txt",
        "# What the wheel beside app.py needs. A Space installs this file before any other is there: app.py puts the "
        f"wheel in place.\n--extra-index-url {TORCH_FOR_CPUS}\n{needs}\n",
    )


def _front_matter(title: str, served: Served | None) -> str:
    import yaml

    tags = ["text-classification", "lstm", "mcp-server"]
    settings = {
        "title": title,
        "emoji": "📰",
        "colorFrom": "blue",
        "colorTo": "gray",
        "sdk": "gradio",
        "sdk_version": _version_of_gradio(),
        "python_version": PYTHON,
        "app_file": "app.py",
        "models": [served.name] if served else [],
        "preload_from_hub": list(served.preload) if served else [],
        "license": "mit",
        "pinned": False,
        # the Hub takes 60 characters
        "short_description": "Live predictions, and the words that spoke for them"
        if served
        else "Which of 11 categories a Russian news text belongs to",
        "tags": tags if served else [*tags, "russian", "news"],
        "suggested_hardware": "cpu-basic",
    }
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=1000).rstrip("\n")


def _version_of_gradio() -> str:
    try:
        return metadata.version("gradio")
    except metadata.PackageNotFoundError as error:
        raise ImportError(
            f"No module named 'gradio': the app needs more packages, pip install '{PACKAGE}[app]'"
        ) from error


def _shown(served: Served | None) -> dict[str, str]:
    """What the tables of the card say of the model."""
    model, revision = (f"`{served.name}`", served.revision) if served else ("", "")
    return {
        "model_id_en": model or "the model in the package",
        "model_id_ru": model or "модель из пакета",
        "model_revision_en": f"`{revision}`" if revision else "its main branch",
        "model_revision_ru": f"`{revision}`" if revision else "основная ветка",
    }


# --- the model ---


def _find(model: str, revision: str | None, repo_id: str, token: str | bool | None) -> Served:
    """The model, after a look at the Hub: a Space that cannot serve it is not pushed."""
    require_repo_id(model)
    folder = download(model, ["config.json"], revision=revision, token=token)
    config = load_config(folder, model)
    wanted: list[tuple[str, str | None, tuple[str, ...]]] = [
        (model, revision, (*LOADED, README, "metrics.json"))
    ]
    if config.embedder_repo_id is not None:
        from ..embedder import ENCODER_FILES

        wanted.append((config.embedder_repo_id, config.embedder_commit, ENCODER_FILES))
    with telling_uploads(repo_id):
        found = [_preloaded(*one, token) for one in wanted]
    if None in found:
        logger.warning(
            "%s, or the embedder that it names, is not public: give the Space a secret HF_TOKEN that may read it",
            model,
        )
    return Served(model, revision or "", tuple(line for line in found if line))


def _preloaded(
    name: str, revision: str | None, files: tuple[str, ...], token: str | bool | None
) -> str | None:
    """A line of ``preload_from_hub``; ``None`` for what is not public, which the Hub does not preload."""
    from huggingface_hub import HfApi

    info: Any = HfApi(token=token).model_info(name, revision=revision)
    if info.private or info.gated:
        return None
    if revision is None:
        return name
    present = [file.rfilename for file in info.siblings if matches(file.rfilename, files)]
    return f"{name} {','.join(sorted(present))} {info.sha}"


# --- the package ---


def write_wheel(folder: Path) -> Path:
    """Pack this package, as it is installed here, into a wheel: the same bytes for the same files, and no network.

    Raises:
        ValueError: it is not installed, or another release of it is.
    """
    distribution = _installed()
    name = f"bilstm_classifier-{__version__}"
    information = f"{name}.dist-info"
    contents = {f"bilstm_classifier/{path}": file.read_bytes() for path, file in _files(distribution)}
    told = {
        "METADATA": distribution.read_text("METADATA"),
        "WHEEL": f"Wheel-Version: 1.0\nGenerator: {PACKAGE}\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": distribution.read_text("entry_points.txt"),
    }
    for licence in distribution.metadata.get_all("License-File", []):
        told[f"licenses/{licence}"] = distribution.read_text(f"licenses/{licence}")
    contents |= {f"{information}/{path}": text.encode() for path, text in told.items() if text is not None}
    record = [f"{path},{_digest(content)},{len(content)}" for path, content in contents.items()]
    contents[f"{information}/RECORD"] = "\n".join([*record, f"{information}/RECORD,,", ""]).encode()
    wheel = folder / f"{name}-py3-none-any.whl"
    # not compressed: zlib's output differs from release to release
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(path)  # dated 1980
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return wheel


def _installed() -> metadata.Distribution:
    # the egg-info of a checkout may be found before what pip wrote, which has more
    for distribution in metadata.distributions(name=PACKAGE):
        if distribution.read_text("METADATA") is None:
            continue
        if distribution.version != __version__:
            raise ValueError(
                f"{PACKAGE} {distribution.version} is installed, and this is {__version__}: install it again "
                "(in a checkout: pip install -e '.[app]')"
            )
        return distribution
    raise ValueError(f"{PACKAGE} is not installed here: install it (in a checkout: pip install -e '.[app]')")


def _files(distribution: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """The files of the package that pip installed, or would install from the checkout, by their paths within it."""
    root = Path(str(resources.files("bilstm_classifier")))
    listed = [Path(file) for file in distribution.files or [] if file.parts[0] == root.name]
    if listed:
        found = {file.relative_to(root.name) for file in listed if "__pycache__" not in file.parts}
    else:  # installed to be edited
        project = tomllib.loads((root.parent / "pyproject.toml").read_text(encoding="utf-8"))
        patterns = project["tool"]["setuptools"]["package-data"][root.name]
        paths = [path for pattern in patterns for path in root.glob(pattern)]
        paths += [path for path in root.rglob("*.py") if (path.parent / "__init__.py").is_file()]
        found = {path.relative_to(root) for path in paths if path.is_file()}
    for path in sorted(found, key=Path.as_posix):
        if not any(part.startswith(".") or part.endswith("~") for part in path.parts):
            yield path.as_posix(), root / path


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _requirements() -> list[str]:
    """What the package needs with its extra ``app``, other packages alone."""
    from packaging.requirements import Requirement

    extras, found = ["app"], set()
    for extra in extras:  # which grows: one extra may ask for another
        for requirement in map(Requirement, _installed().requires or []):
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
                continue
            if requirement.name == PACKAGE:
                extras += sorted(requirement.extras - set(extras))
            else:
                requirement.marker = None
                found.add(str(requirement))
    return sorted(found)
