"""A recipe: what to train, on what and how, read from YAML and checked."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

RECIPES = Path(str(resources.files(__package__) / "recipes"))
Settings = TypeVar("Settings")
SECTIONS = ("data", "model", "training", "card")
# What the Hub takes for a language (ISO 639, or one of two words) and for the identifier of a licence.
_LANGUAGE = re.compile(r"[a-z]{2,3}|code|multilingual")
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]*")


def _option(default: Any, text: str) -> Any:
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata={"help": text})
    return field(default=default, metadata={"help": text})


@dataclass
class DataSettings:
    """Where the texts come from; see :func:`bilstm_classifier.load_dataset_dict`."""

    dataset: str | None = _option(
        None, "Hub id, CSV, TSV, JSONL or Parquet file, or folder saved by `datasets`"
    )
    text_columns: list[str] = _option(
        [], "column(s) with the text, joined in this order; found by name if left out"
    )
    label_column: str | None = _option(None, "column with the label; found by name if left out")
    label_columns: list[str] = _option(
        [], "for overlapping labels in a column each, called after them: those columns"
    )
    multi_label: bool = _option(False, "labels overlap: a text may have several, or none")
    ordered_labels: bool = _option(
        False, "the classes are steps in their order, such as stars: the distance of an error is measured too"
    )
    number_columns: list[str] = _option([], "columns of numbers that are read beside the text")
    category_columns: list[str] = _option([], "columns of categories that are read beside the text")
    group_column: str | None = _option(
        None, "rows with one value here, such as one author, stay on one side of a split that is cut"
    )
    class_names: list[str] = _option(
        [], "names of the classes, where the label column holds bare numbers from 0"
    )
    dataset_config: str | None = _option(None, "configuration of a data set on the Hub")
    dataset_revision: str | None = _option(None, "branch, tag or commit of a data set on the Hub")
    test_size: float = _option(
        0.2, "share of the rows held out for the test, where the data has no test split"
    )
    validation_size: float = _option(0.1, "share of the training rows held out to watch over training")
    min_samples: int = _option(2, "classes with fewer training rows are dropped and named")
    split_seed: int = _option(42, "seed of the splits")
    balance: Literal["none", "up", "down"] = _option(
        "none",
        "of the training rows: repeat those of small classes (`up`), or leave out those of large ones (`down`)",
    )
    damaged_copies: float = _option(
        0.0, "share of the training rows of which a copy with typing errors is trained on too"
    )
    damage_rate: float = _option(0.05, "share of the characters of such a copy that are wrong")
    teacher_share: float = _option(
        0.0,
        "weight, 0 to 1, of a linear model's probabilities, fitted on the other rows, in the training labels",
    )


@dataclass
class ModelSettings:
    """What to build; see :class:`bilstm_classifier.BiLSTMConfig`."""

    embedder: str | None = _option(
        None,
        "pretrained encoder: Hub id or folder; `default_model` is the one in the package; none to learn an embedding",
    )
    embedder_revision: str | None = _option(None, "branch, tag or commit of the encoder on the Hub")
    init_from: str | None = _option(
        None,
        "start from a trained model of this package, folder or Hub id: its tokenizer, shape and weights; its head, and "
        "its columns beside the text, are kept where they are the same",
    )
    init_revision: str | None = _option(None, "branch, tag or commit of that model on the Hub")
    tokenizer: Literal["embedder", "characters", "words"] = _option(
        "embedder", "`embedder` (the encoder's own), or `characters` or `words` of the texts"
    )
    max_vocabulary: int = _option(20_000, "most entries of a `characters` or `words` vocabulary")
    max_length: int = _option(256, "tokens read of a text, special tokens included")
    cleaning: list[str] = _option(
        [],
        "steps that `characters` or `words` go through: lower_case, links, punctuation, digits, stop_words, lemmas",
    )
    cleaning_language: str | None = _option(None, "language of the stop words and lemmas: `en` or `ru`")
    embedding_size: int = _option(128, "width of a learned embedding")
    longest_ngram: int = _option(
        0, "beside a learned embedding, learn those of runs of up to this many tokens; 0 for none"
    )
    ngram_buckets: int = _option(2**18, "rows of the table that these are hashed into")
    freeze_embedder: bool = _option(True, "keep the encoder as it is")
    unfreeze_last_layers: int = _option(0, "train this many last layers of a frozen encoder all the same")
    cache_embeddings: bool = _option(
        False, "compute a frozen encoder's output once and keep it on disk while training"
    )
    lstm_hidden_size: int = _option(256, "units of each direction of the LSTM")
    lstm_num_layers: int = _option(2, "layers of the LSTM")
    bidirectional: bool = _option(True, "read each text from both ends")
    pooling: Literal["mean", "max", "last", "attention"] = _option(
        "mean", "`mean`, `max`, `last` or `attention`"
    )
    dropout: float = _option(0.5, "dropout between LSTM layers and before the head")
    features_hidden_size: int = _option(64, "units of the dense branch over columns beside the text")
    category_embedding_size: int = _option(8, "width of the embedding of a column of categories")
    features_dropout: float = _option(
        0.2,
        "share of the rows whose columns beside the text are hidden in training: they may be missing later",
    )
    class_weights: Literal["none", "balanced", "sqrt"] = _option(
        "none", "`none`, `balanced` (in inverse proportion to class size) or `sqrt` (its root)"
    )
    sure_accuracy: float = _option(
        0.95, "answers less likely than where validation reaches this accuracy are called unsure"
    )
    decision: Literal["likeliest", "cascade"] = _option(
        "likeliest", "of a single label: the likeliest, or one-vs-rest stages fitted on the validation split"
    )
    unclaimed: Literal["likeliest", "unknown"] = _option(
        "likeliest", "what a text gets that no stage of a cascade claims"
    )
    claim_precision: float = _option(
        0.9, "with `unclaimed` unknown: share of right answers that each stage of the cascade must reach"
    )
    rules_precision: float = _option(
        0.0,
        "mine keyword rules that are right in this share of the training texts, as a first stage; 0 for none",
    )
    early_stopping_patience: int = _option(0, "stop after this many evaluations without progress; 0 to go on")
    include_embedder: bool = _option(
        False, "save a frozen encoder of the Hub with the model, in place of its repository's name and commit"
    )
    save_dtype: Literal["float16", "bfloat16", "float32"] = _option(
        "float16", "precision of the saved weights: `float16`, `bfloat16` or `float32`"
    )


@dataclass
class CardSettings:
    """What the model's card cannot learn from the training itself; see :func:`bilstm_classifier.hub.card.write_card`.

    Raises:
        ValueError: a language or a licence that the Hub would refuse, once the training is over.
    """

    language: list[str] = _option([], "language code(s) of the texts, such as ru, for the model's card")
    license: str | None = _option(None, "licence of the trained model, such as mit, for its card")

    def __post_init__(self) -> None:
        for code in self.language:
            if not _LANGUAGE.fullmatch(code):
                raise ValueError(f"language is {code!r}, expected a code of two or three letters such as ru")
        if self.license is not None and not _LICENSE.fullmatch(self.license):
            raise ValueError(
                f"license is {self.license!r}, expected an identifier in small letters such as mit, apache-2.0 or other"
            )


@dataclass(frozen=True)
class Recipe:
    """A recipe's four sections; ``training`` holds arguments of ``transformers.TrainingArguments``."""

    data: DataSettings
    model: ModelSettings
    training: dict[str, Any]
    card: CardSettings

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain data."""
        return {
            "data": asdict(self.data),
            "model": asdict(self.model),
            "training": dict(self.training),
            "card": asdict(self.card),
        }


def recipe_names() -> list[str]:
    """Names of the recipes in the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name_or_path: str | Path | None) -> Recipe:
    """Read a recipe of the package by name, or any YAML file by path; ``None`` is the defaults alone.

    Raises:
        ValueError: there is no such recipe, or it has a section, a key or a value that is not known.
    """
    if name_or_path is None:
        return Recipe(DataSettings(), ModelSettings(), {}, CardSettings())
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = RECIPES / f"{name_or_path}.yaml"
    if not path.is_file():
        raise ValueError(
            f"there is no recipe {str(name_or_path)!r}: expected a YAML file or one of {', '.join(recipe_names())}"
        )
    sections = _sections(path)
    return Recipe(
        _settings(DataSettings, sections["data"], f"{path}, section data"),
        _settings(ModelSettings, sections["model"], f"{path}, section model"),
        _training_arguments(sections["training"], f"{path}, section training"),
        _settings(CardSettings, sections["card"], f"{path}, section card"),
    )


def _sections(path: Path) -> dict[str, Mapping[str, Any]]:
    content = read_yaml(path)
    if not isinstance(content, Mapping) or not set(content) <= set(SECTIONS):
        found = ", ".join(map(str, content)) if isinstance(content, Mapping) else _kind_name(content)
        raise ValueError(f"{path} holds {found}: expected the sections {', '.join(SECTIONS)}")
    sections = {name: {} if content.get(name) is None else content[name] for name in SECTIONS}
    for name, section in sections.items():
        if not isinstance(section, Mapping):
            raise ValueError(
                f"{path}: the section {name} holds {_kind_name(section)}, expected keys and values"
            )
    return sections


def read_yaml(path: Path) -> Any:
    """What a YAML file holds. ValueError where it is none."""
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML 1.1 takes 1e-3 for a text: only 1.0e-3 is a number to it."""

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+\Z"), list("+-0123456789")
    )
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error


def _settings(kind: type[Settings], values: Mapping[str, Any], where: str) -> Settings:
    kinds = get_type_hints(kind)  # and not the types of fields(kind), which HfArgumentParser changes
    require_known(values, list(kinds), where, f"one of {', '.join(kinds)}")
    for name, value in values.items():
        if not fits(value, kinds[name]):
            raise ValueError(f"{where}: {name} is {value!r}, expected {expectation(kinds[name])}")
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _training_arguments(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    from transformers import TrainingArguments

    known = [item.name for item in fields(TrainingArguments)]
    require_known(values, known, where, "an argument of transformers.TrainingArguments")
    return dict(values)


def require_known(values: Mapping[str, Any], known: Sequence[str], where: str, expected: str) -> None:
    """Raise ValueError where ``values`` have a key that is not ``known``; the message names the nearest that is."""
    for key in map(str, values):
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise ValueError(f"{where}: unknown key {key!r}, expected {expected}{hint}")


def fits(value: Any, kind: Any) -> bool:
    """Whether a value from YAML is of the type of a setting."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind is bool or not isinstance(value, bool):  # True and False are ints to Python
        return isinstance(value, (int, float) if kind is float else kind)
    return False


def expectation(kind: Any) -> str:
    """What to write for a setting of this type, for a message."""
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    if get_origin(kind) is list:
        return "a list of texts (quote what YAML takes for a number, yes or no)"
    names = {int: "a whole number", float: "a number", bool: "true or false"}
    return names.get(kind, "a text")


def _kind_name(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def describe(kind: type) -> list[str]:
    """One line of help for each option of a section."""
    lines = []
    for item in fields(kind):
        default = "" if item.default is None or item.default is MISSING else f" (default: {item.default})"
        lines.append(f"  --{item.name:<25} {item.metadata['help']}{default}")
    return lines
