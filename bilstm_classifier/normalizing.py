"""Cleaning of texts as steps that are asked for by name: a normalizer inside the tokenizer, and lemmas before it.

A tokenizer carries every step but ``lemmas`` in its ``tokenizer.json``, so that whatever loads it (transformers'
``pipeline``, the predictor, explanations, the Space) reads a text alike, and offsets still point into the original.
Lemmas need a dictionary, which no tokenizer can hold: :class:`bilstm_classifier.windows.TextEncoder` puts them in place
of the words before it tokenizes.
"""

import difflib
import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from tokenizers import normalizers

STEPS = ("lower_case", "links", "punctuation", "digits", "stop_words", "lemmas")
LANGUAGES = ("en", "ru")

# The patterns are those of Oniguruma, which `tokenizers` uses. Each begins a match in few places or takes no step
# back, so that a long text without spaces takes time in proportion to its length.
# A mark at the end of an address is that of the sentence.
_WEB_ADDRESS = r"""(?i:https?://|\bwww\.)[^\s<>"]*[^\s<>".,:;!?)\]}'»]"""
_EMAIL_ADDRESS = r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+"
_APOSTROPHE = r"(?<=\p{L})['’‘ʼ`](?=\p{L})"
# Flags and the tones of a skin are no "pictographs" to Unicode, but parts of emoji all the same.
_MARKS = r"[[\p{P}\p{S}]&&[^\p{Extended_Pictographic}\x{1F1E6}-\x{1F1FF}\x{1F3FB}-\x{1F3FF}]]+"
_NUMBERS = r"\p{N}+"

# For `re`: letters with the accents upon them; an apostrophe inside does not end a word.
_LETTERS = r"[^\W\d_]+(?:[\u0300-\u036f]+[^\W\d_]*)*"
_WORD = re.compile(rf"{_LETTERS}(?:['’]{_LETTERS})*")
# What is left of "doesn't" where the apostrophe is missing or a space stands for it. The dictionary has "do" for it,
# and so for "don't", which turns the sentence around: words with an apostrophe are left alone too.
_NEGATED = {
    *("dont", "don", "doesn", "didn", "isn", "aren", "ain", "wasn", "weren"),
    *("haven", "hasn", "hadn", "couldn", "wouldn", "shouldn"),
}
LONGEST_WORD = 50  # characters; what is longer is in no dictionary, and shall not fill the memory
LEMMAS_KEPT = 65_536


def check_steps(steps: Sequence[str], language: str | None) -> None:
    """Check the names and the order of cleaning ``steps``, and that ``language`` is one that they know.

    Raises:
        ValueError: an unknown step, a step given twice, ``links`` after a step that breaks links apart, or
            ``stop_words`` or ``lemmas`` without a language of ``LANGUAGES``.
    """
    if isinstance(steps, str):
        raise ValueError(f"cleaning is the text {steps!r}: expected a list of steps, such as [{steps}]")
    for step in steps:
        if step not in STEPS:
            near = difflib.get_close_matches(str(step), STEPS, n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise ValueError(f"unknown cleaning step {step!r}, expected some of {', '.join(STEPS)}{hint}")
    if len(set(steps)) < len(steps):
        raise ValueError(f"cleaning is {', '.join(steps)}: expected each step once")
    if "links" in steps:
        before = [step for step in steps[: steps.index("links")] if step not in ("lower_case", "lemmas")]
        if before:
            raise ValueError(
                f"the cleaning step links stands after {', '.join(before)}, which breaks links apart: put it first"
            )
    for step in ("stop_words", "lemmas"):
        if step in steps and language not in LANGUAGES:
            raise ValueError(
                f"the cleaning step {step} needs a language: expected {' or '.join(LANGUAGES)}, found {language!r}"
            )


def build_normalizer(steps: Sequence[str], language: str | None = None) -> "normalizers.Normalizer":
    """What ``steps`` do to a text, in their order, for a tokenizer; ``lemmas`` is checked and left to the encoder.

    - ``lower_case``: capitals become small letters. (A word tokenizer does so in any case, before all steps.)
    - ``links``: addresses of pages (``http://…``, ``https://…``, ``www.…``) and of e-mail.
    - ``punctuation``: the Unicode categories P and S, ``!`` and ``?`` among them, but for emoji, which stay. An
      apostrophe inside a word goes without a trace, so that "don't" is one word, ``dont``, and still a negation; any
      other mark leaves a space: "well-made" is ``well made``. Smileys of marks, such as ``:)``, are lost.
    - ``digits``: the Unicode category N.
    - ``stop_words``: the words of ``stop_words.yaml``, in capitals or not; none of them is a negation. Put it before
      ``punctuation`` where "it's" is to go as a whole.
    - ``lemmas``: see :class:`Lemmatizer`. It acts first, whatever its place in the list.

    What a step removes leaves a space, so that the words beside it do not grow together. White space is then one space
    everywhere, and none at the end: also to a tokenizer of characters.

    Args:
        steps: Some of ``STEPS``, each once.
        language: One of ``LANGUAGES``, for the steps that need it.

    Raises:
        ValueError: see :func:`check_steps`.
    """
    from tokenizers import Regex, normalizers

    check_steps(steps, language)

    def removal(pattern: str, by: str = " ") -> "normalizers.Normalizer":
        return normalizers.Replace(Regex(pattern), by)

    parts: list[normalizers.Normalizer] = []
    for step in steps:
        if step == "lower_case":
            parts.append(normalizers.Lowercase())
        elif step == "links":
            parts += [removal(_WEB_ADDRESS), removal(_EMAIL_ADDRESS)]
        elif step == "punctuation":
            parts += [removal(_APOSTROPHE, ""), removal(_MARKS)]
        elif step == "digits":
            parts.append(removal(_NUMBERS))
        elif step == "stop_words":
            parts.append(removal(_stop_word_pattern(str(language))))
    if set(steps) - {"lower_case", "lemmas"}:
        # Spaces at the beginning stay: it may be the beginning of a piece in the middle of a long text.
        parts += [removal(r"\s+"), removal(r" \z", "")]
    return normalizers.Sequence(parts)


@lru_cache
def stop_words(language: str) -> tuple[str, ...]:
    """The words without a meaning of their own in ``language`` (one of ``LANGUAGES``), in lower case."""
    text = files("bilstm_classifier").joinpath("stop_words.yaml").read_text(encoding="utf-8")
    return tuple(yaml.safe_load(text)[language])


def _stop_word_pattern(language: str) -> str:
    by_letter: dict[str, list[str]] = {}  # to try all of them at each word would take three times as long
    for word in stop_words(language):
        by_letter.setdefault(word[0], []).append(word[1:].replace("'", "['’]"))
    words = "|".join(f"{letter}(?:{'|'.join(rests)})" for letter, rests in by_letter.items())
    # a whole word: neither a part of "don't" nor of "что-то"
    return rf"(?<!\w|\w['’-])(?i:{words})(?!\w|['’-]\w)"


class Lemmatizer:
    """Words -> their dictionary forms in lower case ("The movies were" -> "the movie be"), with ``simplemma``.

    What is no word stays as it is. So do words with an apostrophe and the stumps of negations, of which the dictionary
    would make their opposite ("don't" -> "do"), and words that are not in the dictionary, in lower case.

    Args:
        language: One of ``LANGUAGES``.

    Raises:
        ImportError: simplemma is not installed.
        ValueError: another language.
    """

    def __init__(self, language: str):
        check_steps(["lemmas"], language)
        try:
            import simplemma  # noqa: F401
        except ImportError as error:
            raise ImportError(
                "the cleaning step lemmas needs simplemma: pip install 'bilstm-classifier[lemmas]'"
            ) from error
        self.language = language

    def __call__(self, text: str) -> str:
        """``text`` with its words replaced."""
        return _WORD.sub(lambda match: _lemma(match.group(), self.language), text)

    def aligned(self, text: str) -> tuple[str, list[int], list[int]]:
        """As a call does, and where what it gives came from.

        A word that was replaced came from the whole word, as does any part of it.

        Returns:
            The new text; for each place in it, its end included, where in ``text`` begins what begins there; and where
            in ``text`` ends what ends there.
        """
        parts: list[str] = []
        starts: list[int] = []
        ends = [0]
        done = 0
        for match in _WORD.finditer(text):
            start, end = match.span()
            lemma = _lemma(match.group(), self.language)
            if lemma == match.group():
                continue
            parts += [text[done:start], lemma]
            starts += [*range(done, start), *[start] * len(lemma)]
            ends += [*range(done + 1, start + 1), *[end] * len(lemma)]
            done = end
        parts.append(text[done:])
        starts += range(done, len(text) + 1)
        ends += range(done + 1, len(text) + 1)
        return "".join(parts), starts, ends


@lru_cache(maxsize=LEMMAS_KEPT)  # of the module, not of a Lemmatizer, which `datasets` must be able to pickle
def _lemma(word: str, language: str) -> str:
    import simplemma

    word = word.lower()
    if len(word) > LONGEST_WORD or word in _NEGATED or "'" in word or "’" in word:
        return word
    lemma = simplemma.lemmatize(word, lang=language).lower()
    return lemma if _WORD.fullmatch(lemma) else word  # "pm" is not "p.m."


def mended(text: str) -> str:
    """``text`` with surrogate pairs joined and lone surrogates, which have no UTF-8 form, replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
