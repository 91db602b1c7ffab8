"""A card that is there already: whether a person has edited it, and what becomes of it when the model changes."""

import hashlib
import logging
import re
from collections.abc import Mapping
from typing import Any

import yaml

logger = logging.getLogger(__name__)

_SEAL = (
    "<!-- Written by bilstm-classifier{template}. "
    "An edited card is kept as it is, only its metadata is updated. sha256: {digest} -->\n"
)
_SEALED = re.compile(
    r"^<!-- Written by bilstm-classifier(?: from (\S+))?\. An .* sha256: ([0-9a-f]{64}) -->\n?\Z",
    re.MULTILINE,
)
# Metadata that are facts of the model, lists to which a person may have added, and all that is never a person's alone.
_FACTS = ("base_model", "base_model_relation", "library_name", "pipeline_tag", "model_name")
_LISTS = ("tags", "datasets", "metrics", "language")
_DERIVED = {*_FACTS, "tags", "datasets", "metrics", "model-index"}


def seal(text: str, template: str = "") -> str:
    """``text`` with a last line by which :func:`is_sealed` knows that nobody has edited it since.

    Args:
        text: A card.
        template: File name of the template that it was filled from, if any, for :func:`template_of`.
    """
    return text + _SEAL.format(template=template and f" from {template}", digest=_digest(text))


def is_sealed(text: str) -> bool:
    """Whether ``text`` is a card that this package wrote and nobody edited."""
    return template_of(text) is not None


def merge_cards(ours: str, theirs: str | None) -> str:
    """What becomes of a card ``theirs`` that is there already when the model's card is ``ours``.

    One that nobody edited, or wrote a text in, becomes ours, with what it says that we do not know, such as a licence.
    One that a person edited keeps its text to the byte; of its metadata, facts of the model become ours, lists are
    united, and the rest stays theirs. A card whose metadata cannot be read is left alone.
    """
    if theirs is None or not theirs.strip("\ufeff \t\r\n"):
        return ours
    own, found = _metadata(ours), _metadata(theirs)
    if own is None or found is None:
        logger.warning(
            "metadata of a card cannot be read as YAML: the card that is there already is kept as it is"
        )
        return theirs
    if is_sealed(theirs) or not _text(theirs).strip():
        chosen = {key: value for key, value in found.items() if key not in own and key not in _DERIVED}
        return _with_metadata(ours, own | chosen) if chosen else ours
    merged = _merged(own, found)
    return theirs if merged == found else _with_metadata(theirs, merged)


def template_of(text: str) -> str | None:
    """The template that a sealed card was filled from, maybe ``""``; ``None`` where a person edited or wrote it."""
    found = _SEALED.search(text)
    if found is None or found[2] != _digest(text[: found.start()]):
        return None
    return found[1] or ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _split(text: str) -> tuple[str, str | None, str]:
    """A card's byte order mark, its YAML without the lines around it (none where it has no metadata), and its text."""
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    mark = "\ufeff" if text.startswith("\ufeff") else ""
    block = REGEX_YAML_BLOCK.search(text[len(mark) :])
    if block is None:
        return mark, None, text[len(mark) :]
    return mark, block[2], text[len(mark) + block.end() :]


def _text(card: str) -> str:
    return _split(card)[2]


class _Loader(yaml.SafeLoader):
    """Of YAML 1.1's truth values only those of 1.2, which the Hub reads: ``language: no`` is Norwegian there."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool") or first in "tTfF"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _metadata(card: str) -> dict[str, Any] | None:
    """The metadata of a card, empty where it has none; ``None`` where they cannot be read."""
    try:
        found = yaml.load(_split(card)[1] or "", _Loader)
    except (yaml.YAMLError, ValueError):  # the latter of a date such as 2024-13-45
        return None
    return {} if found is None else found if isinstance(found, dict) else None


def _with_metadata(card: str, metadata: Mapping[str, Any]) -> str:
    """A card with other metadata; its text, and line ends, are kept, and a seal is renewed."""
    template = template_of(card)
    if (sealed := _SEALED.search(card)) is not None and template is not None:
        card = card[: sealed.start()]
    mark, _, text = _split(card)
    end = "\r\n" if "\r\n" in card else "\n"
    block = yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True, line_break=end)
    card = f"{mark}---{end}{block}---{end}{text}"
    return card if template is None else seal(card, template)


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    facts = {key: ours[key] for key in _FACTS if key in ours}
    lists = {key: _united(theirs[key], ours[key]) for key in _LISTS if key in ours and key in theirs}
    merged = {**theirs, **{key: value for key, value in ours.items() if key not in theirs}, **facts, **lists}
    if "model-index" in ours and "model-index" in theirs:
        merged["model-index"] = _merged_index(ours["model-index"], theirs["model-index"])
    return merged


def _united(theirs: Any, ours: Any) -> Any:
    first, more = (value if isinstance(value, list) else [value] for value in (theirs, ours))
    added = [value for value in more if value not in first]
    return [*first, *added] if added else theirs


def _merged_index(ours: Any, theirs: Any) -> list[dict[str, Any]]:
    """Ours, then every result of theirs that measures something else."""
    known = [_measured(result, metric) for result in ours[0]["results"] for metric in result["metrics"]]
    name, results, others = ours[0]["name"], list(ours[0]["results"]), []
    for model in _mappings(theirs):
        kept = []
        for result in _mappings(model.get("results")):
            metrics = [
                metric
                for metric in _mappings(result.get("metrics"))
                if _measured(result, metric) not in known
            ]
            if metrics:
                kept.append({**result, "metrics": metrics})
        if model.get("name") == name:
            results += kept
        elif kept:
            others.append({**model, "results": kept})
    return [{**ours[0], "results": results}, *others]


def _measured(result: Mapping[str, Any], metric: Mapping[str, Any]) -> tuple[Any, ...]:
    """Task, data set, its configuration and split, metric and what it is averaged over."""
    task, dataset, how = (
        part if isinstance(part, dict) else {}
        for part in (result.get("task"), result.get("dataset"), metric.get("args"))
    )
    where = (dataset.get("type"), dataset.get("config"), dataset.get("split"))
    return (task.get("type"), *where, metric.get("type"), how.get("average"))


def _mappings(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
