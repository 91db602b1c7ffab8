"""The folder of a training run: what it is made of, so that only the same run goes on in it."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from .files import write_text
from .recipe import CardSettings, DataSettings, ModelSettings, load_recipe

if TYPE_CHECKING:
    from datasets import DatasetDict
    from transformers import TrainingArguments

SETTINGS_FILE = "recipe.yaml"
SPLITS_FILE = "splits.sha256"
# Settings that say where a run takes place and goes to, not what it is.
OF_THE_PLACE = {"output_dir", "use_cpu", "dataloader_pin_memory", "disable_tqdm"} | {
    "push_to_hub",
    "hub_token",
    "hub_model_id",
    "hub_private_repo",
    "hub_revision",
}


def claim(
    folder: Path,
    data: DataSettings,
    model: ModelSettings,
    args: "TrainingArguments",
    card: CardSettings,
    splits: "DatasetDict",
) -> None:
    """Make ``folder`` that of a run: write its settings, or see that those of the run in it are the same.

    Only what the card says may change: it is no part of what the run is.

    Raises:
        ValueError: the folder holds another run, or checkpoints of something else.
    """
    plain = type(args)(output_dir=args.output_dir).to_dict()
    training = {
        key: value
        for key, value in args.to_dict().items()
        if key not in OF_THE_PLACE and value != plain.get(key, value)
    }
    settings = {"data": asdict(data), "model": asdict(model), "training": training}
    rows = _fingerprint(splits)
    if (folder / SETTINGS_FILE).is_file():
        before = yaml.safe_load((folder / SETTINGS_FILE).read_text(encoding="utf-8")) or {}
        _compare(folder, before, settings, rows)
        if before.get("card") != asdict(card):
            _write_settings(folder, before | {"card": asdict(card)})
        return
    if next(folder.glob("checkpoint-*"), None) is not None:
        raise ValueError(f"{folder} holds checkpoints of something else: choose another --output_dir")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / SPLITS_FILE, rows)
    _write_settings(folder, settings | {"card": asdict(card)})


def hub_sources(data: DataSettings, model: ModelSettings) -> list[str]:
    """Which of data set and embedder are repositories on the Hub: seen from elsewhere, ``a/b`` may be a folder too."""
    sources = (data.dataset, model.embedder)
    return [
        source
        for source in sources
        if source is not None and source != "default_model" and not Path(source).expanduser().exists()
    ]


def data_settings(folder: str | Path | None, dataset: str) -> DataSettings:
    """How to read ``dataset``: as the run in ``folder`` did, if it was trained on it, else by the defaults."""
    if folder is not None and (path := Path(folder) / SETTINGS_FILE).is_file():
        recorded = load_recipe(path).data
        if recorded.dataset is not None and _same(recorded.dataset, dataset):
            return recorded
    return replace(DataSettings(), dataset=dataset)


def _same(first: str, second: str) -> bool:
    return first == second or Path(first).resolve() == Path(second).resolve()


def _write_settings(folder: Path, settings: dict[str, Any]) -> None:
    write_text(folder / SETTINGS_FILE, yaml.safe_dump(settings, allow_unicode=True, sort_keys=False))


def _compare(folder: Path, before: dict[str, Any], settings: dict[str, Any], rows: str) -> None:
    # a run of an earlier release knows nothing of a newer setting: it had what is the default now
    defaults: dict[str, Any] = {"data": asdict(DataSettings()), "model": asdict(ModelSettings())}
    for section, values in settings.items():
        earlier = {**defaults.get(section, {}), **(before.get(section) or {})}
        # bf16: another machine may go on in another precision
        for key in sorted((values.keys() | earlier.keys()) - {"bf16"}):
            if values.get(key) != earlier.get(key):
                raise ValueError(
                    f"{folder} holds a run with {key} {earlier.get(key)!r}, now it is {values.get(key)!r}: "
                    "choose another --output_dir, or remove that one"
                )
    if (folder / SPLITS_FILE).read_text(encoding="utf-8") != rows:
        raise ValueError(
            f"{folder} holds a run on other rows of {settings['data']['dataset']}, which has changed since: "
            "choose another --output_dir, or remove that one"
        )


def _fingerprint(splits: "DatasetDict") -> str:
    """A hash of the texts and labels of all splits, in their order."""
    digest = hashlib.sha256()
    for name in sorted(splits):
        for batch in splits[name].iter(batch_size=1000):
            digest.update(repr((name, batch["text"], batch["labels"])).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
