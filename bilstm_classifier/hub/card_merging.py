"""A card that is there already: whether a person has edited it, and what becomes of it when the model changes."""

import hashlib
import logging
import re
from collections.abc import Mapping
from typing import Any

import yaml

logger = logging.getLogger(__name__)

_SEAL = (
    "<!-- Written by bilstm-classifier{template}. An edited text is kept as it is, only the metadata are updated. "
    "sha256 of the text: {text}, of the metadata: {metadata} -->\n"
)
_SEALED = re.compile(
    r"^<!-- Written by bilstm-classifier(?: from (\S+))?\. An .* "
    r"sha256 of the text: ([0-9a-f]{64}), of the metadata: ([0-9a-f]{64}) -->\n?\Z",
    re.MULTILINE,
)
# As in huggingface_hub, which asks for a line between the two rules.
_BLOCK = re.compile(r"^\s*---(?:\r\n|\r|\n)([\S\s]*?)(?<=[\r\n])---[ \t]*(?:\r\n|\n|$)")
# Blank lines and comments after a value: they belong to what follows.
_COMMENTS = re.compile(r"(?:^[ \t]*(?:#.*)?(?:\r\n|\r|\n))+\Z", re.MULTILINE)
# All that the card which the Hub writes into a new Space says below its metadata.
_NEW_SPACE = re.compile(r"\n---\s+Check out the configuration reference at \S+/spaces-config-reference\s*\Z")
# Metadata that are facts of the model or of a Space, and lists to which a person may have added.
_FACTS = (
    *("base_model", "base_model_relation", "library_name", "pipeline_tag", "model_name"),
    *("sdk", "sdk_version", "python_version", "app_file", "models", "preload_from_hub"),
)
_LISTS = ("tags", "datasets", "metrics", "language")


def seal(text: str, template: str = "") -> str:
    """``text`` with a last line by which :func:`is_sealed` knows that nobody has edited it since.

    Args:
        text: A card.
        template: File name of the template that it was filled from, if any, for :func:`template_of`.
    """
    _, block, body = _split(text)
    name = template and f" from {template}"
    return text + _SEAL.format(template=name, text=_digest(body), metadata=_digest(block))


def is_sealed(text: str) -> bool:
    """Whether ``text`` is a card that this package wrote; a person may have edited its metadata, and nothing else."""
    return template_of(text) is not None


def template_of(text: str) -> str | None:
    """The template that a sealed card was filled from, maybe ``""``; ``None`` where a person wrote in its text."""
    found = _seal_of(text)
    return None if found is None else found[1] or ""


def merge_cards(ours: str, theirs: str | None) -> str:
    """What becomes of a card ``theirs`` that is there already when the model's card is ``ours``.

    One that nobody edited, or that the Hub itself wrote, becomes ours. Any other keeps its text to the byte, unless it
    has none or one that we wrote.

    Of its metadata, facts of the model become ours, or go where ours has none; so do the results under the model's name
    of the same task and data set. Lists are united. The rest stays theirs to the byte, comments too; only where the
    block cannot be edited line by line, as ``{license: mit}``, it is written anew, with its values as they are written.
    A card whose metadata cannot be read is left alone.
    """
    if (
        theirs is None
        or not theirs.strip("\ufeff \t\r\n")
        or _NEW_SPACE.search(theirs)
        or _is_untouched(theirs)
    ):
        return ours
    mark, block, text = _split(theirs)
    own, found = _load(_split(ours)[1]), _load(block)
    if own is None or found is None:
        logger.warning(
            "metadata of a card cannot be read as YAML: the card that is there already is kept as it is"
        )
        return theirs
    merged = _merged(own, found)
    if is_sealed(theirs) or not text.strip():
        mark, text = "", _split(ours)[2]
    elif merged == found:
        return theirs
    end = "\r\n" if "\r\n" in theirs else "\n"
    return f"{mark}---{end}{_updated(block, found, merged, end)}---{end}{text}"


def _seal_of(card: str) -> re.Match[str] | None:
    text = _split(card)[2]
    found = _SEALED.search(text)
    return found if found is not None and found[2] == _digest(text[: found.start()]) else None


def _is_untouched(card: str) -> bool:
    """Whether we wrote all of a card, its metadata too."""
    found = _seal_of(card)
    return found is not None and found[3] == _digest(_split(card)[1])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _split(card: str) -> tuple[str, str, str]:
    """A card's byte order mark, its YAML without the rules around it, and its text."""
    mark = "\ufeff" if card.startswith("\ufeff") else ""
    card = card.removeprefix(mark)
    block = _BLOCK.search(card)
    return (mark, "", card) if block is None else (mark, block[1], card[block.end() :])


# --- metadata as YAML ---


class _Number(str):
    """A number or date as it is written: ``1.10`` is no 1.1, ``01234`` no 668 and ``12:30:00`` no 45000."""

    tag: str


class _Loader(yaml.SafeLoader):
    """Of YAML 1.1's truth values only those of 1.2, which the Hub reads: ``language: no`` is Norwegian there."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool") or first in "tTfF"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class _Dumper(yaml.SafeDumper):
    pass


def _as_written(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> _Number:
    value = _Number(loader.construct_scalar(node))
    value.tag = node.tag
    return value


for _kind in ("int", "float", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _as_written)
_Dumper.add_representer(_Number, lambda dumper, value: dumper.represent_scalar(value.tag, str(value)))


def _load(block: str) -> dict[str, Any] | None:
    """The metadata in a block, empty where there are none; ``None`` where they cannot be read."""
    try:
        found = yaml.load(block, _Loader)
    except (yaml.YAMLError, ValueError, LookupError, RecursionError):  # not all of its errors are yaml's own
        return None
    return {} if found is None else found if isinstance(found, dict) else None


def _updated(block: str, earlier: Mapping[str, Any], metadata: Mapping[str, Any], end: str) -> str:
    """A block that holds ``metadata`` in place of ``earlier``; lines of a key whose value stays are kept."""

    def written(*keys: Any) -> str:
        values = {key: metadata[key] for key in keys if key in metadata}
        if not values:
            return ""
        return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, line_break=end)

    mapping = yaml.compose(block, _Loader)
    keys = [] if mapping is None else [key for key, _ in mapping.value]
    starts = [key.start_mark.index - key.start_mark.column for key in keys]
    parts = [block[: starts[0]] if starts else block]
    for key, start, stop in zip(keys, starts, [*starts, len(block)][1:], strict=True):
        lines, name = block[start:stop], key.value
        if name in earlier and (name not in metadata or metadata[name] != earlier[name]):
            comments = _COMMENTS.search(lines)
            lines = written(name) + (comments[0] if comments else "")
        parts.append(lines)
    updated = "".join(parts) + written(*(key for key in metadata if key not in earlier))
    # not so in a block that is no list of lines, or where what is gone had an anchor
    return updated if _load(updated) == metadata else written(*metadata)


# --- what is ours, what is theirs ---


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    merged = {key: value for key, value in theirs.items() if key in ours or key not in _FACTS}
    for key, value in ours.items():
        if key in _FACTS or theirs.get(key) is None:
            merged[key] = value
        elif key in _LISTS:
            merged[key] = _united(theirs[key], value)
    if index := _merged_index(ours, theirs.get("model-index")):
        merged["model-index"] = index
    else:
        merged.pop("model-index", None)
    return merged


def _united(theirs: Any, ours: Any) -> Any:
    first, more = (value if isinstance(value, list) else [value] for value in (theirs, ours))
    added = [value for value in more if value not in first]
    return [*first, *added] if added else theirs


def _merged_index(ours: Mapping[str, Any], theirs: Any) -> list[dict[str, Any]]:
    """Our results, what theirs has under our model's name of other data, and what it has under other names.

    Where ours has no results it is not known which data the earlier ones are of: all of our task go.
    """
    index = ours.get("model-index") or [{"name": ours.get("model_name"), "results": []}]
    name, results, others = index[0]["name"], list(index[0]["results"]), []
    measured = [_data_of(result) for result in results]
    for model in _mappings(theirs):
        found = _mappings(model.get("results"))
        if model.get("name") != name:
            others += [model] if found else []
        elif measured:
            results += [result for result in found if _data_of(result) not in measured]
        else:
            results += [result for result in found if _data_of(result)[0] != ours.get("pipeline_tag")]
    return [*([{"name": name, "results": results}] if results else []), *others]


def _data_of(result: Mapping[str, Any]) -> tuple[Any, Any]:
    """Task and data set of a result."""
    task, dataset = (part if isinstance(part, dict) else {} for part in map(result.get, ("task", "dataset")))
    return task.get("type"), dataset.get("type")


def _mappings(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
