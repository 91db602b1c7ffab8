"""An old checkpoint as it was read: its weights by name, and what it has beside them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .pickles import Inert, read_checkpoint

# BERT's pooler is not read by the classifier, and its buffers are computed.
_NOT_NEEDED = re.compile(r"bert\.(pooler\..*|embeddings\.(position_ids|token_type_ids))")


@dataclass(frozen=True)
class Original:
    """A checkpoint as it was read.

    Attributes:
        name: Of the file, for messages.
        root: All that it holds.
        weights: Those that are needed, by their names in the original.
    """

    name: str
    root: Any
    weights: dict[str, torch.Tensor]

    def size(self, key: str, dimension: int) -> int:
        """Rows (0) or columns (1) of the table ``key``."""
        if key not in self.weights or self.weights[key].ndim != 2:
            found = f"the shape {tuple(self.weights[key].shape)}" if key in self.weights else "no such weight"
            raise ValueError(f"{self.name} should have a table {key}: found {found}")
        return self.weights[key].shape[dimension]

    def count(self, pattern: str) -> int:
        """How many different numbers the weights' names that match ``pattern`` have."""
        return len({match[1] for key in self.weights if (match := re.fullmatch(pattern, key))})

    def first(self, keys: set[str] | None = None) -> str:
        """One of the weights' names, or of ``keys``, to be shown."""
        return repr(min(self.weights if keys is None else keys)[:100])

    def entry(self, key: str) -> Any:
        """What a checkpoint that is a dict has beside its weights."""
        return self.root.get(key) if isinstance(self.root, dict) else None

    def submodule(self, name: str) -> Inert:
        """A part of a module that was saved whole; an empty one if there is none."""
        modules = self.root.state.get("_modules") if isinstance(self.root, Inert) else None
        module = modules.get(name) if isinstance(modules, dict) else None
        return module if isinstance(module, Inert) else Inert(name)


def read_original(path: Path) -> Original:
    """The checkpoint in the file ``path``.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, wants to run something, or holds no weights of a model.
    """
    root = read_checkpoint(path)
    state: Any = root
    if isinstance(root, Inert):
        state = _module_weights(root)
    elif isinstance(root, dict):
        state = root.get("model_state_dict", root)
    weights = {}
    if isinstance(state, dict) and all(isinstance(value, torch.Tensor) for value in state.values()):
        weights = {str(key): value for key, value in state.items() if not _NOT_NEEDED.fullmatch(str(key))}
    original = Original(str(path), root, weights)
    if not weights:
        keys = [str(key)[:30] for key in root][:5] if isinstance(root, dict) else []
        found = (
            f"a dict of {', '.join(keys) or 'nothing'}"
            if isinstance(root, dict)
            else f"a {type(root).__name__}"
        )
        raise ValueError(
            f"{path} holds no model but {found}: expected a module, its weights, or a dict with model_state_dict"
        )
    if odd := {key for key, value in weights.items() if not value.is_floating_point()}:
        raise ValueError(
            f"{path} has {len(odd)} weights that are no fractions, {original.first(odd)} among them"
        )
    if sum(value.nbytes for value in weights.values()) > path.stat().st_size:
        raise ValueError(f"{path} has weights that share their numbers: each weight of a model has its own")
    return original


def _module_weights(root: Inert) -> dict[str, Any]:
    """As ``state_dict()`` of the module that ``root`` was."""
    weights: dict[str, Any] = {}
    seen: set[Inert] = set()
    waiting = [("", root)]
    while waiting:
        prefix, module = waiting.pop()
        if module in seen:  # a module that holds itself would never end
            continue
        seen.add(module)
        for kind in ("_parameters", "_buffers", "_modules"):
            held = module.state.get(kind)
            for key, value in held.items() if isinstance(held, dict) else ():
                if isinstance(value, Inert):
                    waiting.append((f"{prefix}{key}.", value))
                elif value is not None:
                    weights[f"{prefix}{key}"] = value
    return weights
