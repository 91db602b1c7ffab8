"""What is compared: runs that are trained or found, and their answers to the one test split."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bilstm_classifier import Predictor
from bilstm_classifier.data.encoding import label_names, memberships, overlapping_names
from bilstm_classifier.recipe import DataSettings, load_recipe
from bilstm_classifier.training.preparation import load_splits
from bilstm_classifier.training.runs import SETTINGS_FILE, SPLITS_FILE, claim, fingerprint_of, is_same_source
from bilstm_classifier.training.trainer import parse_settings, run_training

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

logger = logging.getLogger("compare")


@dataclass(frozen=True)
class System:
    """A recipe or a model.

    Attributes:
        name: What it is called.
        folders: Its run, or a run for each seed.
        test: The test split with the columns that it reads; the texts and labels are the same for all.
    """

    name: str
    folders: list[Path]
    test: Dataset


@dataclass(frozen=True)
class Answers:
    """What the systems say of the test.

    Attributes:
        labels: The names of the labels: those of the data, then others that were given.
        overlapping: Whether a text may have several labels.
        true: 0/1, (texts, labels).
        predicted: 0/1, for each system (runs, texts, labels).
        unread: Texts left out, since a model's tokenizer finds nothing in them.
    """

    labels: list[str]
    overlapping: bool
    true: np.ndarray
    predicted: dict[str, np.ndarray]
    unread: int = 0


def train_systems(
    recipes: Sequence[str], seeds: Sequence[int], output_dir: Path, options: Sequence[str]
) -> list[System]:
    """Train each recipe, with each seed, in a folder of ``output_dir``; a run that is finished is not repeated.

    Args:
        recipes: Names, or YAML files.
        seeds: Of the trainings; none is that of the recipe.
        output_dir: Holds ``<recipe>``, or with seeds ``<recipe>/seed-<seed>``.
        options: Of the command line, in place of every recipe's own.

    Raises:
        ValueError: recipes of one name, with other test splits, or that cannot be trained.
        OSError: data, encoder or disk fail.
    """
    names = [Path(recipe).stem for recipe in recipes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two recipes are called {twice[0]}: give their files other names")
    systems, runs = [], []
    for recipe, name in zip(recipes, names, strict=True):
        places: dict[Path, list[str]] = {output_dir / name: []}
        if seeds:
            places = {output_dir / name / f"seed-{seed}": ["--seed", str(seed)] for seed in seeds}
        own_runs = [
            parse_settings(recipe, [*options, *own, "--output_dir", str(place)])
            for place, own in places.items()
        ]
        data, _, args, _ = own_runs[0]
        systems.append(System(name, list(places), _test_of(load_splits(data, token=args.hub_token))))
        runs += own_runs
    fingerprint(systems)  # before hours go into the first training
    for settings in runs:
        _train_once(settings)
    return systems


def find_systems(models: Sequence[str], dataset: str) -> list[System]:
    """Models that are trained already, and the test split of ``dataset``, cut as in their training on it, if it was.

    Raises:
        ValueError: a model named twice, or data that have changed since a training on them.
        OSError: data or a model cannot be read.
    """
    if twice := sorted({model for model in models if models.count(model) > 1}):
        raise ValueError(f"{twice[0]} is named twice")
    tests: dict[str, Dataset] = {}
    for model in models:
        if (data := _trained_on(model, dataset)) is None:
            continue
        splits = load_splits(data)
        if fingerprint_of(splits) != (Path(model) / SPLITS_FILE).read_text(encoding="utf-8"):
            raise ValueError(
                f"{dataset} has changed since {model} was trained on it: its test is another now"
            )
        tests[model] = _test_of(splits)
    # a model that knows nothing of the data is tested on what the others were not trained on
    other = next(iter(tests.values()), None) or _test_of(load_splits(DataSettings(dataset=dataset)))
    return [System(model, [Path(model)], tests.get(model, other)) for model in models]


def fingerprint(systems: Sequence[System]) -> str:
    """A hash of the texts and labels of the test split.

    Raises:
        ValueError: it is not the same for all.
    """
    # columns beside the text may differ: one of the systems reads them, another does not
    compared = [system.test.select_columns(["text", "labels"]) for system in systems]
    found = [fingerprint_of({"test": test}) for test in compared]
    for system, own in zip(systems, found, strict=True):
        if own != found[0]:
            raise ValueError(
                f"{system.name} has another test split ({len(system.test):,} texts) than {systems[0].name} "
                f"({len(systems[0].test):,}): their figures would compare with nothing. Give all the same --test_size, "
                "--validation_size, --split_seed, --min_samples and columns of text and labels"
            )
    return found[0]


def answers_of(systems: Sequence[System]) -> Answers:
    """Have each run answer the test.

    Raises:
        ValueError: a model lacks a label or a column of the data, or gives labels of another kind.
        OSError: a model cannot be read.
    """
    test = systems[0].test
    names, overlapping = list(label_names(test)), overlapping_names(test) is not None
    predictors = {folder: Predictor.from_pretrained(folder) for one in systems for folder in one.folders}
    texts = list(test["text"])
    readable = np.ones(len(texts), dtype=bool)
    for folder, predictor in predictors.items():
        if lacking := sorted(set(names) - set(predictor.labels)):
            known = ", ".join(predictor.labels)
            raise ValueError(f"the data has the label {lacking[0]!r}, {folder} knows {known}")
        if (predictor.model.config.problem_type == "multi_label_classification") != overlapping:
            kind = "one label" if overlapping else "any number of labels"
            raise ValueError(f"{folder} gives a text {kind}, the data does not")
        readable &= np.array([text.tokens > 0 for text in predictor.encoder.encode(texts)], dtype=bool)
    chosen = np.flatnonzero(readable)
    if unread := len(texts) - len(chosen):
        logger.warning("%d texts are left out: a model's tokenizer finds nothing in them", unread)
    predicted: dict[str, list[list[tuple[str, ...]]]] = {}
    for system in systems:
        predicted[system.name] = []
        for folder in system.folders:
            logger.info("asking %s", folder)
            items = _items(predictors[folder], system.test.select(chosen), folder)
            found = [answer.labels for answer in predictors[folder].predict(items)]
            names += sorted({label for labels in found for label in labels} - set(names))
            predicted[system.name].append(found)
    labels = test.select(chosen)["labels"]
    true = memberships(labels if overlapping else [[label] for label in labels], len(names)) > 0
    ids = {name: index for index, name in enumerate(names)}
    matrices = {
        name: np.stack(
            [
                memberships([[ids[label] for label in labels] for labels in run], len(names)) > 0
                for run in runs
            ]
        )
        for name, runs in predicted.items()
    }
    return Answers(names, overlapping, true, matrices, unread)


def _train_once(settings: Any) -> None:
    data, model, args, card = settings
    folder = Path(args.output_dir)
    if (folder / "metrics.json").is_file() and (folder / "model.safetensors").is_file():
        claim(folder, data, model, args, card, load_splits(data, token=args.hub_token))
        logger.info("%s is trained already", folder)
        return
    logger.info("training %s", folder)
    run_training(data, model, args, card)


def _test_of(splits: DatasetDict) -> Dataset:
    if "test" not in splits:
        raise ValueError("the data has no split 'test': give --test_size a share above 0")
    return splits["test"]


def _trained_on(model: str, dataset: str) -> DataSettings | None:
    """How the run in the folder ``model`` read ``dataset``; ``None`` where it was not trained on it."""
    path = Path(model) / SETTINGS_FILE
    if not path.is_file():
        return None
    recorded = load_recipe(path).data
    return recorded if recorded.dataset is not None and is_same_source(recorded.dataset, dataset) else None


def _items(predictor: Predictor, rows: Dataset, folder: Path) -> list[Any]:
    """The texts, with the columns beside them that the model reads."""
    columns = [column.name for column in predictor.inputs.schema]
    if not columns:
        return list(rows["text"])
    if absent := [name for name in columns if name not in rows.column_names]:
        raise ValueError(
            f"{folder} reads the column {absent[0]!r}, which the data as it was read does not have"
        )
    text = predictor.inputs.text_columns[0]  # several are joined in it already
    return [{text: row["text"], **{name: row[name] for name in columns}} for row in rows]
