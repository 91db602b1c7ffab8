"""The folder of a training run: what it is made of, so that only the same run goes on in it."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import yaml

from ..files import write_text
from ..hub.transport import HubOptions
from ..recipe import CardSettings, DataSettings, ModelSettings, load_recipe

if TYPE_CHECKING:
    from datasets import DatasetDict
    from transformers import TrainingArguments

    from ..configuration import BiLSTMConfig

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
    rows = fingerprint_of(splits)
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
    """Which sources of a run are repositories on the Hub: seen from elsewhere, ``a/b`` may be a folder too."""
    sources = (data.dataset, model.embedder, model.init_from)
    return [
        source
        for source in sources
        if source is not None and source != "default_model" and not Path(source).expanduser().exists()
    ]


def data_settings(
    folder: str | Path | None, dataset: str, config: "BiLSTMConfig | None" = None, **hub: Unpack[HubOptions]
) -> DataSettings:
    """How to read ``dataset``: as the run in ``folder`` did, if it was trained on it.

    Else the columns are those that a model with ``config`` reads, and the rest is as by default. The text column of a
    model of one is looked for in the data, which ``hub`` says how to reach: another with a usual name serves as well.

    Raises:
        ValueError: the recipe of the run, or the data, cannot be read.
        OSError: there are no such data, or they cannot be reached.
    """
    if folder is not None and (path := Path(folder) / SETTINGS_FILE).is_file():
        recorded = load_recipe(path).data
        if recorded.dataset is not None and is_same_source(recorded.dataset, dataset):
            return recorded
    settings = replace(DataSettings(), dataset=dataset)
    if config is None:
        return settings
    texts = list(config.text_columns or ())
    if len(texts) == 1:
        from ..data.sources import open_source

        reach: HubOptions = {**hub, "revision": None}  # that of the model
        columns = open_source(dataset, **reach).splits["train"].columns
        texts = texts if texts[0] in columns else []
    return replace(
        settings,
        text_columns=texts,
        number_columns=config.number_columns,
        category_columns=list(config.category_columns),
        multi_label=config.problem_type == "multi_label_classification",
    )


def is_same_source(first: str, second: str) -> bool:
    """Whether two names are of one data set: the same Hub id, or one file or folder."""
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


def fingerprint_of(splits: "DatasetDict") -> str:
    """A hash of the rows of all splits, in their order."""
    digest = hashlib.sha256()
    for name in sorted(splits):
        for batch in splits[name].iter(batch_size=1000):
            digest.update(repr((name, *batch.values())).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
