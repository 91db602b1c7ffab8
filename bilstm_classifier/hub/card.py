"""A model's card: README.md, filled from what lies in the model's folder and from nothing else.

The same folder gives the same card, byte by byte; one that a person has edited keeps its text.
"""

import json
import logging
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..files import write_text
from ..model_folder import RULES_FILE, load_config
from ..windows import DEFAULT_MAX_LENGTH
from .card_merging import merge_cards, seal, template_of
from .measured import read_metrics, reports

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

logger = logging.getLogger(__name__)

TEMPLATE = Path(str(resources.files(__package__) / "card_template.md"))
PICTURES = (
    "confusion_matrix.png",
    "co_occurrence.png",
    "thresholds.png",
    "loss_curves.png",
    "classes.png",
    "lengths.png",
)
TAGS = ("bilstm_classifier", "lstm", "text-classification")
# Key of a report, identifier on the Hub, name, and the arguments it is computed with.
METRICS: tuple[tuple[str, str, str, dict[str, str] | None], ...] = (
    ("accuracy", "accuracy", "Accuracy", None),
    ("subset_accuracy", "subset_accuracy", "Subset accuracy", None),
    ("f1_micro", "f1", "Micro F1", {"average": "micro"}),
    ("f1_macro", "f1", "Macro F1", {"average": "macro"}),
    ("precision", "precision", "Weighted precision", {"average": "weighted"}),
    ("recall", "recall", "Weighted recall", {"average": "weighted"}),
    ("f1", "f1", "Weighted F1", {"average": "weighted"}),
    ("average_precision_micro", "average_precision", "Micro average precision", {"average": "micro"}),
    ("average_precision_macro", "average_precision", "Macro average precision", {"average": "macro"}),
    ("hamming_loss", "hamming_loss", "Hamming loss", None),
    ("mean_absolute_error", "mae", "Mean absolute error, in steps", None),
    ("quadratic_kappa", "cohen_kappa", "Quadratic kappa", {"weights": "quadratic"}),
)
# A label with fewer test texts is named: its figures may be chance.
FEW_TEXTS = 30


def write_card(folder: str | Path, repo_id: str | None = None) -> Path:
    """Write README.md of a model's folder from its config, tokenizer, figures, recipe and pictures.

    What a person edited in one is kept (see :func:`merge_cards`); one filled from another template stays as it is.

    Args:
        folder: A model saved by this package.
        repo_id: Where it is published; ``owner/`` and the folder's name stand in for it if it is not known yet.

    Raises:
        OSError: the folder holds no model, or cannot be written.
        ValueError: its config, ``metrics.json`` or ``recipe.yaml`` cannot be read.
    """
    folder = Path(folder)
    path, earlier = folder / "README.md", None
    if path.is_file():
        try:
            earlier = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            logger.warning(
                "README.md of the model is not in UTF-8: it is left as it is, save it in UTF-8 to have it updated"
            )
            return path
    if earlier is not None and template_of(earlier) not in (None, TEMPLATE.name):
        return path  # the packaged model's: its template says what its folder does not
    card = fill_card(folder, repo_id)
    write_text(path, merge_cards(card, earlier))
    return path


def fill_card(folder: Path, repo_id: str | None = None) -> str:
    """The card that :func:`write_card` writes where there is none; raises as that."""
    folder = folder.resolve()
    config: Any = load_config(folder, str(folder))
    metrics, recipe = read_metrics(folder), _read_recipe(folder / "recipe.yaml")
    repo_id = repo_id or f"owner/{folder.name}"
    name = repo_id.rpartition("/")[2]
    data = _data_source(recipe["data"], metrics.get("hub_sources", []))
    embedder = _embedder(config, recipe["model"], metrics.get("hub_sources", []))
    measured = reports(metrics)
    tests = {split: measured[split] for split in ("test", "validation") if split in measured}
    test = tests.get("test")
    results = eval_results(test, "test", **data["index"]) if test else []
    language, license = recipe["card"].get("language") or [], recipe["card"].get("license")
    settings = card_data(
        name,
        results,
        language=language,
        license=license,
        datasets=[data["name"]] if data["on_hub"] else None,
        base_model=embedder["name"] if embedder["on_hub"] else None,
        # of the Hub's four words only this one fits, and only where the encoder itself was trained on
        base_model_relation="finetune" if embedder["on_hub"] and embedder["trained"] else None,
    )
    truncation = _read_json(folder / "tokenizer.json").get("truncation") or {}
    tokenizer = _read_json(folder / "tokenizer_config.json")
    lengths = [config.max_tokens, tokenizer.get("model_max_length"), truncation.get("max_length")]
    return fill(
        TEMPLATE,
        settings,
        name=name,
        repo_id=repo_id,
        config=config,
        has_rules=(folder / RULES_FILE).is_file(),
        overlapping=config.problem_type == "multi_label_classification",
        remote_code=bool(getattr(config, "auto_map", None)),
        # as windows.max_length_of has it
        max_length=min((length for length in lengths if length and length < 1e6), default=DEFAULT_MAX_LENGTH),
        language=language,
        license=license,
        embedder=embedder,
        tests=tests,
        test=test,
        metrics=metrics,
        names=[(key, title) for key, _, title, _ in METRICS],
        example=_example_row(config),
        few_texts=FEW_TEXTS,
        remarks=_remarks(test["per_class"]) if test else {},
        uses=[
            use
            for use, made in (
                ("the probabilities were calibrated", metrics.get("temperature") is not None),
                ("the thresholds were set", config.thresholds or config.cascade),
                ("the best state of the model was chosen", recipe["training"].get("load_best_model_at_end")),
            )
            if made
        ],
        data=data,
        recipe=recipe,
        shown_recipe=_shown(recipe, data["name"], embedder["name"]),
        pictures=[picture for picture in PICTURES if (folder / picture).is_file()],
    )


def card_data(name: str, results: list["EvalResult"], **more: Any) -> "ModelCardData":
    """The metadata of a model of this package; what is empty in ``more`` is left out."""
    from huggingface_hub import ModelCardData

    metrics = sorted({result.metric_type for result in results})
    given: dict[str, Any] = {"tags": list(TAGS), "metrics": metrics, "eval_results": results, **more}
    return ModelCardData(
        library_name="transformers",
        pipeline_tag="text-classification",
        model_name=name,
        **{key: value for key, value in given.items() if value},
    )


def eval_results(report: Mapping[str, Any], split: str, **dataset: str | None) -> list["EvalResult"]:
    """What a report of a test says over all classes, as results of the Hub's model index.

    Args:
        report: The report.
        split: Name of the split that was measured.
        dataset: ``dataset_type`` and ``dataset_name``, maybe ``dataset_config`` and ``dataset_revision``.
    """
    from huggingface_hub import EvalResult

    about: dict[str, Any] = {
        "task_type": "text-classification",
        "task_name": "Text classification",
        **dataset,
    }
    return [
        EvalResult(
            metric_type=kind,
            metric_value=report[key],
            metric_name=title,
            metric_args=arguments,
            dataset_split=split,
            **about,
        )
        for key, kind, title, arguments in METRICS
        if report.get(key) is not None
    ]


def fill(template: Path, metadata: "ModelCardData", **values: Any) -> str:
    """A Jinja template with its places filled, sealed.

    Raises:
        ValueError: the template holds a place that nothing fills.
    """
    import jinja2

    places = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    places.filters |= {"plain": _plain, "figure": "{:.3f}".format, "count": "{:,}".format}
    try:
        text = places.from_string(template.read_text(encoding="utf-8")).render(
            metadata=metadata.to_yaml(), **values
        )
    except jinja2.UndefinedError as error:
        raise ValueError(f"{template.name} holds a place that nothing fills: {error}") from error
    return seal(text, template.name)


# --- what lies in the folder ---


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path.name} of the model cannot be read as JSON ({error}): save it again"
        ) from error
    if not isinstance(found, dict):
        raise ValueError(
            f"{path.name} of the model holds a {type(found).__name__}, expected names and values: save it again"
        )
    return found


def _read_recipe(path: Path) -> dict[str, dict[str, Any]]:
    found: Any = {}
    if path.is_file():
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"{path.name} of the model cannot be read as YAML ({reason}): remove it, or write it again"
            ) from error
    if not isinstance(found, dict) or not all(isinstance(part or {}, dict) for part in found.values()):
        raise ValueError(
            f"{path.name} of the model holds no sections with keys and values: expected the recipe of a run"
        )
    return {section: found.get(section) or {} for section in ("data", "model", "training", "card")}


def _data_source(settings: Mapping[str, Any], hub_sources: list[str]) -> dict[str, Any]:
    """The data set: its Hub id, or the last part of a path, of which nobody elsewhere needs the rest."""
    source = settings.get("dataset")
    on_hub = source is not None and source in hub_sources
    name = source if on_hub else _last_part(source)
    # on the Hub a data set of a model index is letters of ASCII, digits, and - _ .
    kind = name if on_hub else re.sub(r"[^A-Za-z0-9_.-]+", "-", name or "").strip("-.")
    index = {"dataset_type": kind or "unknown", "dataset_name": name or "not recorded"}
    if on_hub:
        index["dataset_config"] = settings.get("dataset_config")
        index["dataset_revision"] = settings.get("dataset_revision")
    return {"name": name, "on_hub": on_hub, "index": index}


def _embedder(config: Any, settings: Mapping[str, Any], hub_sources: list[str]) -> dict[str, Any]:
    """The encoder, and where it comes from; a learned embedding has neither name nor kind."""
    encoder = config.embedder_config
    source = config.embedder_repo_id or (settings.get("embedder") if encoder is not None else None)
    on_hub = source is not None and (source == config.embedder_repo_id or source in hub_sources)
    return {
        "kind": None if encoder is None else encoder.model_type,
        "name": source if on_hub else _last_part(source),
        "on_hub": on_hub,
        "revision": settings.get("embedder_revision"),
        "trained": not config.freeze_embedder or config.unfreeze_last_layers > 0,
    }


def _example_row(config: Any) -> str:
    """A row for the predictor as Python writes it, where columns stand beside the text; else empty."""
    if not config.feature_columns:
        return ""
    row: dict[str, Any] = dict.fromkeys(config.text_columns or ["text"], "...")
    row |= dict.fromkeys(config.number_columns, 10)
    row |= {name: values[0] if values else "..." for name, values in config.category_columns.items()}
    return json.dumps(row, ensure_ascii=False, indent=4 if len(row) > 4 else None)


def _last_part(source: str | None) -> str | None:
    return None if source is None else re.split(r"[\\/]", source.rstrip("\\/"))[-1]


def _shown(recipe: Mapping[str, Mapping[str, Any]], dataset: str | None, embedder: str | None) -> str:
    """The recipe as YAML, without what was not set and without places on the machine that it ran on."""
    data, model = dict(recipe["data"]), dict(recipe["model"])
    if "dataset" in data:
        data["dataset"] = dataset
    model.pop("include_embedder", None)  # of the saving, and of no matter for what was learned
    if model.get("embedder") is not None:
        model["embedder"] = embedder
    training = {
        key: value for key, value in recipe["training"].items() if not re.search(r"[\\/]", str(value))
    }
    shown = {}
    for section, settings in (("data", data), ("model", model), ("training", training)):
        if given := {key: value for key, value in settings.items() if value not in (None, [], "")}:
            shown[section] = given
    return yaml.safe_dump(shown, allow_unicode=True, sort_keys=False) if shown else ""


def _remarks(per_class: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Which labels the figures say little of, and which the model knows least."""
    tested = {label: scores for label, scores in per_class.items() if scores["support"]}
    few = {
        label: int(scores["support"]) for label, scores in per_class.items() if scores["support"] < FEW_TEXTS
    }
    weakest = min(tested, key=lambda label: tested[label]["f1"], default=None)
    if len({scores["f1"] for scores in tested.values()}) < 2:
        weakest = None  # none is weaker than another
    return {"few": few, "weakest": weakest}


def _plain(text: Any) -> str:
    """A label or name as Markdown that shows it and nothing else, in a table too."""
    return re.sub(r"([\\`*<>|\[\]])", r"\\\1", " ".join(str(text).split()))
