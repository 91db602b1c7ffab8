"""The space of a search: which settings vary, and between which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from bilstm_classifier.recipe import ModelSettings, expectation, fits, read_yaml, require_known

if TYPE_CHECKING:
    import optuna

DEFAULT_SPACE = Path(__file__).parent / "space.yaml"
# Of these a trial builds its model; other settings of the model decide how the texts are read, once for all trials.
_OF_THE_MODEL = (
    "embedding_size",
    "longest_ngram",
    "ngram_buckets",
    "freeze_embedder",
    "unfreeze_last_layers",
    "lstm_hidden_size",
    "lstm_num_layers",
    "bidirectional",
    "pooling",
    "dropout",
    "class_weights",
    "features_hidden_size",
    "category_embedding_size",
    "features_dropout",
)
_OF_THE_TRAINING: dict[str, type] = {
    "learning_rate": float,
    "weight_decay": float,
    "warmup_steps": float,
    "num_train_epochs": float,
    "label_smoothing_factor": float,
    "max_grad_norm": float,
    "adam_beta1": float,
    "adam_beta2": float,
    "adam_epsilon": float,
    "per_device_train_batch_size": int,
    "gradient_accumulation_steps": int,
    "lr_scheduler_type": str,
    "optim": str,
}
_SHAPES = (
    "embedding_size",
    "longest_ngram",
    "ngram_buckets",
    "lstm_hidden_size",
    "lstm_num_layers",
    "bidirectional",
    "pooling",
    "features_hidden_size",
    "category_embedding_size",
)


@dataclass(frozen=True)
class Parameter:
    """A setting that varies: one of ``choices``, or a number from ``low`` to ``high``, both included."""

    name: str
    kind: Any
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False
    step: float | None = None

    @property
    def section(self) -> str:
        """Of the recipe: ``model`` or ``training``."""
        return "training" if self.name in _OF_THE_TRAINING else "model"

    @property
    def entry(self) -> list[Any] | dict[str, Any]:
        """What stands for it in a YAML file."""
        if self.choices:
            return list(self.choices)
        entry = {"low": self.low, "high": self.high, "log": self.log, "step": self.step}
        return {key: value for key, value in entry.items() if key in ("low", "high") or value}

    def suggest(self, trial: optuna.Trial) -> Any:
        """The value that ``trial`` has of it; the same at every call."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        if self.kind is int:
            step = int(self.step or 1)
            return trial.suggest_int(self.name, int(self.low), int(self.high), step=step, log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, step=self.step, log=self.log)

    def holds(self, value: Any) -> bool:
        """Whether ``value`` may come up."""
        if self.choices:
            return value in self.choices
        if not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0
        return abs(steps - round(steps)) < 1e-9


def load_space(path: Path, model: ModelSettings) -> list[Parameter]:
    """The parameters in a YAML file, checked against ``model``, the settings that the search starts from.

    Of the default space, those are left out that ``model`` does not let vary.

    Raises:
        ValueError: no such file, an unknown key (the nearest known one is named), or a value that cannot be searched.
    """
    if not path.is_file():
        raise ValueError(f"there is no space {str(path)!r}: expected a YAML file such as {DEFAULT_SPACE}")
    content = read_yaml(path)
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"{path} holds no settings: expected lines such as dropout: {{low: 0.0, high: 0.5}}")
    hints = get_type_hints(ModelSettings)
    kinds = {name: hints[name] for name in _OF_THE_MODEL} | _OF_THE_TRAINING
    require_known(content, list(kinds), str(path), f"one of {', '.join(kinds)}")
    fixed = _fixed(model)
    if path == DEFAULT_SPACE:
        content = {name: entry for name, entry in content.items() if name not in fixed}
    for name in content:
        if name in fixed:
            raise ValueError(f"{path}: {name} cannot vary, {fixed[name]}: take it out")
    return [_parameter(name, entry, kinds[name], f"{path}: {name}") for name, entry in content.items()]


def _fixed(model: ModelSettings) -> dict[str, str]:
    """The settings that ``model`` does not let vary, and why."""
    if model.init_from is not None:
        return dict.fromkeys(_SHAPES, "since init_from takes over weights of one shape")
    fixed = {}
    if model.embedder is not None:
        fixed["embedding_size"] = "since it is that of the embedder"
    if model.cache_embeddings:
        reason = "since cache_embeddings needs a wholly frozen embedder"
        fixed |= {"freeze_embedder": reason, "unfreeze_last_layers": reason}
    return fixed


def _parameter(name: str, entry: Any, kind: Any, where: str) -> Parameter:
    if isinstance(entry, list):
        return _choice(name, entry, kind, where)
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where} is {entry!r}, expected a list of values, or low and high")
    require_known(entry, ["low", "high", "log", "step"], where, "low, high, log or step")
    if kind not in (int, float):
        raise ValueError(f"{where} has bounds, but is no number: expected a list of values")
    for bound in ("low", "high"):
        if bound not in entry:
            raise ValueError(f"{where} has no {bound}: expected low and high")
    for key in ("low", "high", "step"):
        if key in entry and not fits(entry[key], kind):
            raise ValueError(f"{where}: {key} is {entry[key]!r}, expected {expectation(kind)}")
    log, step = entry.get("log", False), entry.get("step")
    if not isinstance(log, bool):
        raise ValueError(f"{where}: log is {log!r}, expected true or false")
    if entry["low"] > entry["high"]:
        raise ValueError(f"{where} goes from {entry['low']} to {entry['high']}: expected low before high")
    if log and (entry["low"] <= 0 or step is not None):
        raise ValueError(f"{where}: log needs a low above 0 and no step")
    if step is not None and step <= 0:
        raise ValueError(f"{where}: step is {step}, expected a number above 0")
    return Parameter(name, kind, low=entry["low"], high=entry["high"], log=log, step=step)


def _choice(name: str, values: list[Any], kind: Any, where: str) -> Parameter:
    if not values:
        raise ValueError(f"{where} has no values: expected one or more")
    for value in values:
        if not fits(value, kind):
            raise ValueError(f"{where} has the value {value!r}, expected {expectation(kind)}")
    if len(set(values)) < len(values):
        raise ValueError(f"{where} has a value twice: {', '.join(map(str, values))}")
    return Parameter(name, kind, tuple(float(value) if kind is float else value for value in values))
