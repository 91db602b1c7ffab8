"""Keyword rules: an optional first stage in front of a model, mined from texts and kept in a file that people edit.

.. code-block:: yaml

    # The first rule that matches decides.
    rules:
    - label: cooking
      words: [recipe, biryani, paneer]
    - label: travel
      words: [travel vlog, itinerary]

Sources: Cohen 1995, "Fast effective rule induction" (RIPPER: cover the texts of a label word by word, drop what covers
nothing more); Agrawal & Srikant 1994 (Apriori: a phrase is no more frequent than its words).
"""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .files import write_text
from .thresholds import precision_bound

if TYPE_CHECKING:
    from scipy.sparse import csc_matrix

# What the data stage puts between the columns of a text: no phrase goes across it.
BREAK = "[SEP]"
LONGEST_PHRASE = 3
LONGEST_MINED = 2
# What one channel or author says all the time, a name or a greeting, is no sign of the label elsewhere.
LEAST_GROUPS = 3
# Letters, digits and the marks that belong to them: \w alone takes the vowel signs of Hindi, Bengali or Tamil for gaps.
_WORD = re.compile(r"[\w\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0963\u0966-\u109f]+")


class Match(NamedTuple):
    """The label that a rule gives, and the keyword that was found, as the rule has it."""

    label: str
    keyword: str


@dataclass(frozen=True)
class Rule:
    """A text that has any of ``words``, each a word or a phrase of up to three, gets ``label``.

    Words are compared without regard to case, and a phrase without regard to the marks between its words.
    """

    label: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Rules:
    """Rules in order: the first that matches decides.

    Raises:
        ValueError: a keyword is empty or too long, or two labels have the same one.
    """

    rules: tuple[Rule, ...] = field(default=())

    def __post_init__(self) -> None:
        owners: dict[str, Match] = {}
        for rule in self.rules:
            for keyword in rule.words:
                count = len(words_of(keyword))
                if not 1 <= count <= LONGEST_PHRASE or BREAK in keyword:
                    raise ValueError(
                        f"the rule for {rule.label!r} has the keyword {keyword!r}: expected 1 to {LONGEST_PHRASE} words"
                    )
                if not (_WORD.match(keyword) and _WORD.match(keyword[::-1])):
                    raise ValueError(
                        f"the rule for {rule.label!r} has the keyword {keyword!r}: it would match without its marks, "
                        "since rules compare words; expected letters or digits at both ends"
                    )
                owner = owners.setdefault(_key(keyword), Match(rule.label, keyword))
                if owner.label != rule.label:
                    raise ValueError(
                        f"the keyword {keyword!r} stands under {owner.label!r} and under {rule.label!r}: keep one"
                    )

    def __str__(self) -> str:
        each = ", ".join(f"{len(rule.words)} for {rule.label}" for rule in self.rules)
        total = sum(len(rule.words) for rule in self.rules)
        return f"{total} keyword{'' if total == 1 else 's'}" + (f" ({each})" if each else "")

    def match(self, text: str) -> Match | None:
        """What the first matching rule says of ``text``, with its keyword that comes first there; None if none does.

        Takes time in proportion to the length of ``text``, however many the rules.
        """
        keywords, longest = self._keywords
        found = [keywords[phrase] for phrase in phrases(text, longest) if phrase in keywords]
        if not found:
            return None
        number, keyword = min(found, key=lambda item: item[0])
        return Match(self.rules[number].label, keyword)

    def match_many(self, texts: Iterable[str]) -> list[Match | None]:
        """:meth:`match` for each of ``texts``."""
        return [self.match(text) for text in texts]

    @cached_property
    def _keywords(self) -> tuple[dict[str, tuple[int, str]], int]:
        """For each keyword the number of its first rule and how that writes it; the words of the longest one."""
        keywords: dict[str, tuple[int, str]] = {}
        for number, rule in enumerate(self.rules):
            for keyword in rule.words:
                keywords.setdefault(_key(keyword), (number, keyword))
        return keywords, max((key.count(" ") + 1 for key in keywords), default=1)


def words_of(text: str) -> list[str]:
    """The words of ``text`` in order, casefolded and composed (NFC): letters and digits, without marks around them."""
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def phrases(text: str, longest: int) -> Iterator[str]:
    """Each run of one to ``longest`` words of ``text``, words joined by a space, none across ``[SEP]``; in order."""
    for part in text.split(BREAK):
        words = words_of(part)
        for start in range(len(words)):
            for end in range(start + 1, min(start + longest, len(words)) + 1):
                yield " ".join(words[start:end])


def read_rules(path: str | Path, label_names: Sequence[str]) -> Rules:
    """Read a file of rules, the labels being some of ``label_names``.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is not YAML or holds something else than rules; what, and in which rule, is said.
    """
    import yaml

    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if content is None or content == {"rules": None}:  # all of them were taken out
        return Rules()
    if not isinstance(content, dict) or set(content) != {"rules"} or not isinstance(content["rules"], list):
        raise ValueError(
            f"{path} holds no rules: expected the key rules alone, with a list of rules (`rules: []` for none)"
        )
    try:
        return Rules(
            tuple(_rule(item, number, label_names) for number, item in enumerate(content["rules"], 1))
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_rules(rules: Rules, path: str | Path, comment: str = "") -> None:
    """Write ``rules`` to ``path``, whole or not at all, below the lines of ``comment``."""
    import yaml

    content = {"rules": [{"label": rule.label, "words": list(rule.words)} for rule in rules.rules]}
    lines = [f"# {line}".rstrip() + "\n" for line in comment.splitlines()]
    # Lists on the line of their key, mappings in lines of their own
    body = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, default_flow_style=None, width=100)
    write_text(path, "".join(lines) + body)


def mine_rules(
    texts: Sequence[str],
    labels: Sequence[int],
    label_names: Sequence[str],
    precision: float = 0.95,
    least_texts: int = 5,
    groups: Sequence[Hashable] | None = None,
    most_words: int = 20,
) -> Rules:
    """Words and pairs of words that give a label away, from the training split. The same input gives the same rules.

    A keyword passes when the texts that have it are of one label in ``precision`` of the cases, and surely so: the
    precision is a lower bound (:func:`~bilstm_classifier.thresholds.precision_bound`) that a few lucky texts do not
    reach, 9 without a mistake at 0.95 and 23 at 0.98. Of these a label gets, one by one, the keyword that claims most
    further texts of its own, while all that its rule claims stay as precise. The most precise rule comes first.

    Args:
        texts: Joined by ``[SEP]`` where they have several columns.
        labels: True label ids, one a text.
        label_names: The name of each id.
        precision: Share from above 0 to below 1.
        least_texts: In how many texts of its label a keyword is, at least.
        groups: Where each text is from, such as its channel. Texts of one group and label then count once towards the
            lower bound, and ``LEAST_GROUPS`` groups must have a keyword.
        most_words: Keywords of a label, at most.

    Returns:
        A rule for each label that has keywords; none where there are too few texts.

    Raises:
        ValueError: the lengths differ, an id is no label's, or an option is out of its range.
    """
    _check_mining(texts, labels, label_names, precision, groups)
    names, occurrences = _count_phrases(texts, least_texts)
    ids = np.asarray(labels, dtype=int)
    right = _sums(occurrences, ids, len(label_names)).toarray()  # (labels, phrases)
    votes, enough = right, right >= max(least_texts, 1)
    if groups is not None:
        numbers: dict[Hashable, int] = {}
        sources = np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=int)
        pairs, members = np.unique(sources * len(label_names) + ids, return_inverse=True)
        heard = _sums(occurrences, members, len(pairs))
        heard.data[:] = 1  # (pairs of a group and a label, phrases)
        votes = _sums(heard, pairs % len(label_names), len(label_names)).toarray()
        enough &= votes >= LEAST_GROUPS
    enough &= (precision_bound(votes, votes.sum(axis=0)) >= precision) & (
        right >= precision * right.sum(axis=0)
    )
    rules = []
    for label, name in enumerate(label_names):
        candidates = np.flatnonzero(enough[label])
        chosen, bound = _cover(occurrences[:, candidates], ids == label, precision, most_words)
        if chosen:
            rules.append((bound, Rule(name, tuple(names[candidates[number]] for number in chosen))))
    return Rules(tuple(rule for _, rule in sorted(rules, key=lambda found: -found[0])))


def prune_rules(
    rules: Rules,
    texts: Sequence[str],
    labels: ArrayLike,
    predicted: ArrayLike,
    label_names: Sequence[str],
) -> Rules:
    """Without the keywords that are right less often than the model on the texts that they claim: those of validation.

    One at a time, the most harmful first, since what it claimed may then be another's. What no text of the split has
    stays. Source: Fürnkranz & Widmer 1994, "Incremental reduced error pruning".

    Args:
        rules: As mined from the training split.
        texts: Of the validation split.
        labels: True label ids (texts,).
        predicted: Label ids that the model chooses without rules (texts,), -1 for none.
        label_names: The name of each id.
    """
    true, without = np.asarray(labels), np.asarray(predicted) == np.asarray(labels)
    names = list(label_names)
    while True:
        harm: Counter[Match] = Counter()
        for place, match in enumerate(rules.match_many(texts)):
            if match is not None:
                harm[match] += int(without[place]) - int(names.index(match.label) == true[place])
        worst = max(harm, key=lambda match: (harm[match], match), default=None)
        if worst is None or harm[worst] <= 0:
            return rules
        left = [
            Rule(rule.label, tuple(word for word in rule.words if (rule.label, word) != worst))
            for rule in rules.rules
        ]
        rules = Rules(tuple(rule for rule in left if rule.words))


def _check_mining(
    texts: Sequence[str],
    labels: Sequence[int],
    label_names: Sequence[str],
    precision: float,
    groups: Sequence[Hashable] | None,
) -> None:
    if len(labels) != len(texts) or (groups is not None and len(groups) != len(texts)):
        given = f"{len(labels)} labels" + ("" if groups is None else f" and {len(groups)} groups")
        raise ValueError(f"{len(texts)} texts have {given}: expected one a text")
    if outside := [label for label in labels if not 0 <= label < len(label_names)]:
        raise ValueError(f"labels hold {outside[0]}: expected a label id from 0 to {len(label_names) - 1}")
    if not 0 < precision < 1:
        raise ValueError(f"precision is {precision!r}: expected a share from above 0 to below 1")


def _count_phrases(texts: Sequence[str], least_texts: int) -> tuple[list[str], "csc_matrix"]:
    """The phrases that ``least_texts`` texts have, words first, and a 1 where a text has one: (texts, phrases)."""
    from scipy.sparse import csc_matrix
    from sklearn.feature_extraction.text import CountVectorizer

    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(phrases(text, 1)))
    frequent = {word for word, count in counts.items() if count >= least_texts}
    if not frequent:
        return [], csc_matrix((len(texts), 0), dtype=np.int64)

    def frequent_phrases(text: str) -> list[str]:
        return [phrase for phrase in phrases(text, LONGEST_MINED) if frequent.issuperset(phrase.split(" "))]

    counter = CountVectorizer(analyzer=frequent_phrases, binary=True, min_df=least_texts, dtype=np.int64)
    occurrences = counter.fit_transform(texts).tocsc()
    names = counter.get_feature_names_out().tolist()
    # Of equally good ones the first is taken: rather a word than a phrase, and rather a term than a particle
    order = sorted(range(len(names)), key=lambda n: (names[n].count(" "), -len(names[n]), names[n]))
    return [names[number] for number in order], occurrences[:, order]


def _sums(rows: "csc_matrix", members: np.ndarray, number: int) -> "csc_matrix":
    """Sums of ``rows`` (rows, phrases) over those with the same one of ``members`` (rows,): (number, phrases)."""
    from scipy.sparse import csc_matrix

    ones = np.ones(len(members), dtype=np.int64)
    return (
        csc_matrix((ones, (members, np.arange(len(members)))), shape=(number, len(members))) @ rows
    ).tocsc()


def _cover(
    occurrences: "csc_matrix", own: np.ndarray, precision: float, most_words: int
) -> tuple[list[int], float]:
    """Columns of ``occurrences`` (texts, phrases) that together claim most of the texts in ``own`` (texts,).

    Also the lower bound of the precision of all that they claim.
    """
    free = np.ones(len(own), dtype=bool)
    chosen: list[int] = []
    while occurrences.shape[1] and len(chosen) < most_words:
        more_right, more = occurrences.T @ (free & own), occurrences.T @ free  # (phrases,)
        precise = (~free & own).sum() + more_right >= precision * ((~free).sum() + more)
        gain = np.where(precise, 2 * more_right - more, 0)
        if gain.max() <= 0:
            break
        chosen.append(int(gain.argmax()))
        free[occurrences[:, [chosen[-1]]].nonzero()[0]] = False
    return chosen, float(precision_bound((~free & own).sum(), (~free).sum())) if chosen else 0.0


def _key(keyword: str) -> str:
    return " ".join(words_of(keyword))


def _rule(item: Any, number: int, label_names: Sequence[str]) -> Rule:
    if not isinstance(item, dict) or set(item) != {"label", "words"}:
        raise ValueError(f"rule {number} is {item!r}: expected a label and words")
    label, words = item["label"], item["words"]
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)  # YAML takes a label such as 10 for a number
    if label not in label_names:
        near = difflib.get_close_matches(str(label), label_names, n=3, cutoff=0)
        raise ValueError(
            f"rule {number} has the label {label!r}, which is not known: the nearest are {', '.join(near)}"
        )
    if not isinstance(words, list):
        raise ValueError(
            f"rule {number} ({label}) has the words {words!r}: expected a list, such as [{words}]"
        )
    for word in words:
        if not isinstance(word, str):
            raise ValueError(
                f"rule {number} ({label}) has the word {word!r}: expected a text (quote what YAML takes for a number, "
                "a date, yes or no)"
            )
    return Rule(label, tuple(words))
