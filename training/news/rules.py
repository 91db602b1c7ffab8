"""From an editor's rubric to one of the eleven categories: news_mapping.yaml, read and applied."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from news.readers import read_yaml
from news.readings import Reading

CATEGORIES = (
    "climate",
    "conflicts",
    "culture",
    "economy",
    "gloss",
    "health",
    "politics",
    "science",
    "society",
    "sports",
    "travel",
)
# the rules read the title and the first sentence or two: further down an article mentions everything
RULE_CHARACTERS = 300


class Decision(NamedTuple):
    """The category of a text (None: left out), and what gave it: `rubric` alone, `rule` or `reading`."""

    category: str | None
    decided_by: str


@dataclass(frozen=True)
class Rule:
    """A text in which `words` finds something and `unless` nothing gets `category` (None: it is left out)."""

    category: str | None
    words: re.Pattern[str]
    unless: re.Pattern[str] | None


@dataclass(frozen=True)
class RubricMapping:
    """What becomes of one rubric.

    A reading of the text decides where there is one and it is among `readable`; one outside of them contradicts the
    editors, and the text is left out. Without a reading the first rule that applies decides, `otherwise` if none does.
    """

    rules: tuple[Rule, ...]
    otherwise: str | None
    readable: frozenset[str] = frozenset()

    def category(self, text: str, reading: Reading | None = None) -> str | None:
        """Return the category of a text of this rubric, or None where it is to be left out."""
        return self.decide(text, reading).category

    def decide(self, text: str, reading: Reading | None = None) -> Decision:
        """Return the category of a text of this rubric together with what gave it."""
        if reading is not None and self.readable:
            return Decision(reading.category if reading.category in self.readable else None, "reading")
        opening = _fold(text[:RULE_CHARACTERS])
        for rule in self.rules:
            if rule.words.search(opening) and not (rule.unless and rule.unless.search(opening)):
                return Decision(rule.category, "rule")
        return Decision(self.otherwise, "rubric")


def load_mapping(path: Path) -> dict[str, dict[str, RubricMapping]]:
    """Return, from the YAML file `path`, the mapping of every rubric by the name of its section.

    Raises:
        ValueError: a category is not one of the eleven, or a rubric's entry has another form.
    """
    sections = read_yaml(path, "rubrics")
    return {
        section: {
            str(rubric): _rubric_mapping(entry, f"{path.name}: {section}: {rubric}")
            for rubric, entry in rubrics.items()
        }
        for section, rubrics in sections.items()
    }


def word_pattern(words: Iterable[Any]) -> re.Pattern[str]:
    """Return the pattern that finds any of `words`: «лось» is that word, «лос*» any word that begins so.

    An entry of several words («красн* книг*») finds them one after another; nested lists count as one list.
    """
    patterns = []
    for entry in _flat(words):
        parts = [re.escape(part).replace(r"\*", r"\w*") for part in _fold(entry).split()]
        patterns.append(r"\W+".join(parts))
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b")


def _rubric_mapping(entry: Any, where: str) -> RubricMapping:
    if entry is None or isinstance(entry, str):
        category = _category(entry, where)
        return RubricMapping((), category, frozenset({category} if category else ()))
    needed, known = {"rules", "otherwise"}, {"read", "rules", "otherwise"}
    if not isinstance(entry, dict) or not needed <= set(entry) <= known:
        raise ValueError(
            f"{where}: expected a category, null, or `rules` with `otherwise` and perhaps `read`, found {entry!r}"
        )
    read = entry.get("read", [])
    readable = CATEGORIES if read == "any" else [_category(name, where) for name in read]
    rules = []
    for rule in entry["rules"]:
        if not {"category", "words"} <= set(rule) <= {"category", "words", "unless"}:
            raise ValueError(
                f"{where}: a rule has `category`, `words` and may have `unless`; found {sorted(rule)}"
            )
        unless = word_pattern(rule["unless"]) if "unless" in rule else None
        rules.append(Rule(_category(rule["category"], where), word_pattern(rule["words"]), unless))
    return RubricMapping(
        tuple(rules), _category(entry["otherwise"], where), frozenset(name for name in readable if name)
    )


def _category(name: str | None, where: str) -> str | None:
    if name is not None and name not in CATEGORIES:
        raise ValueError(
            f"{where}: {name!r} is not a category; expected null or one of {', '.join(CATEGORIES)}"
        )
    return name


def _flat(words: Iterable[Any]) -> Iterable[str]:
    for entry in words:
        if isinstance(entry, list):
            yield from _flat(entry)
        else:
            yield str(entry)


def _fold(text: str) -> str:
    return text.casefold().replace("ё", "е")
