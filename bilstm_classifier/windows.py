"""From texts to windows of token ids: the one way in which training and prediction cut what a model cannot read whole.

Truncation is never silent: how many tokens a text has, and how many of them are read, is part of the result.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from tokenizers import Tokenizer

from .normalizing import Lemmatizer, mended

Truncation = Literal["cut", "windows", "error"]
DEFAULT_MAX_LENGTH = 512
# A longer text is tokenized in pieces of about this many characters, so that a text of any size needs little memory.
PIECE_CHARACTERS = 50_000
_LAST_SPACE = re.compile(r"\s\S*\Z")


@dataclass(frozen=True, slots=True)
class EncodedText:
    """One text as the model reads it.

    Attributes:
        windows: Token ids, special tokens included, one list a window; a single window unless the text was split.
        tokens: Tokens of the whole text, special tokens not counted.
        tokens_read: How many of them stand in a window.
    """

    windows: list[list[int]]
    tokens: int
    tokens_read: int


class TextEncoder:
    """Texts -> :class:`EncodedText` with a ``tokenizers.Tokenizer``.

    Args:
        tokenizer: The fast tokenizer; its own truncation and padding are not used.
        max_length: The longest window, special tokens included.
        truncation: What happens to a longer text: ``"cut"`` reads its beginning, ``"windows"`` reads all of it in
            overlapping windows, ``"error"`` refuses it.
        lemmas: The language in which the model reads lemmas in place of words, a setting of the model; ``None`` where
            it reads the words as they are. See :class:`bilstm_classifier.normalizing.Lemmatizer`.

    Raises:
        ImportError: ``lemmas`` is given, and simplemma is not installed.
        ValueError: an unknown ``truncation`` or language, or a ``max_length`` with no room for a token.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_length: int,
        truncation: Truncation = "cut",
        lemmas: str | None = None,
    ):
        if truncation not in get_args(Truncation):
            raise ValueError(
                f"truncation is {truncation!r}: expected one of {', '.join(get_args(Truncation))}"
            )
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._lemmatizer = None if lemmas is None else Lemmatizer(lemmas)
        # the special tokens before and after each window
        self.prefix, self.suffix = _special_tokens(self._tokenizer)
        self.truncation = truncation
        self.max_length = max_length
        self._room = max_length - len(self.prefix) - len(self.suffix)
        if self._room < 1:
            raise ValueError(f"max_length is {max_length}: no room for a token beside the special ones")
        # Neighbouring windows share tokens, so that no sentence is read only in halves.
        self.step = self._room - min(64, self._room // 4)

    def encode(self, texts: Sequence[str], first_index: int = 0) -> list[EncodedText]:
        """Encode ``texts``; ``first_index`` is the number of the first one in error messages.

        Raises:
            TypeError: an item is not a string.
            ValueError: an item is empty or white space, or too long where ``truncation="error"``.
        """
        for index, text in enumerate(texts, first_index):
            check_text(text, index)
        short = [text for text in texts if len(text) <= PIECE_CHARACTERS]
        ids = iter([encoding.ids for encoding in self._encode_batch(short)])
        return [
            self._cut(next(ids), index) if len(text) <= PIECE_CHARACTERS else self._encode_long(text, index)
            for index, text in enumerate(texts, first_index)
        ]

    def offsets(self, text: str, count: int) -> tuple[np.ndarray, int]:
        """Where the first ``count`` tokens of ``text`` stand in it, special ones not counted.

        Returns:
            First and last character, exclusive, of each token (count, 2), and how many characters were looked at. A
            token of a lemma stands where the word in the text does.
        """
        offsets: list[tuple[int, int]] = []
        done = 0
        for piece in _pieces(text):
            if len(offsets) >= count:
                break
            whole = mended(piece)
            places = [done]  # of the mended characters: a pair of surrogates may have become one of them
            for character in whole:
                pair = ord(character) > 0xFFFF and ord(text[places[-1]]) <= 0xFFFF
                places.append(places[-1] + (2 if pair else 1))
            starts = ends = places
            if self._lemmatizer:
                whole, first, last = self._lemmatizer.aligned(whole)
                starts, ends = [places[place] for place in first], [places[place] for place in last]
            encoding = self._tokenizer.encode(whole, add_special_tokens=False)
            offsets += [(starts[start], ends[end]) for start, end in encoding.offsets]
            done += len(piece)
        return np.array(offsets[:count]), done

    def _encode_batch(self, texts: list[str]) -> list[Any]:
        if self._lemmatizer:
            texts = [self._lemmatizer(mended(text)) for text in texts]
        try:
            return self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        except (TypeError, UnicodeEncodeError):  # lone surrogates have no UTF-8 form
            return self._tokenizer.encode_batch_fast(
                [mended(text) for text in texts], add_special_tokens=False
            )

    def _encode_long(self, text: str, index: int) -> EncodedText:
        """As :meth:`encode` for one text, a piece at a time; only what will be read is kept."""
        kept: list[int] = []
        tokens = 0
        for piece in _pieces(text):
            ids = self._encode_batch([piece])[0].ids
            tokens += len(ids)
            if self.truncation == "windows" or len(kept) < self._room:
                kept.extend(ids)
        return self._cut(kept, index, tokens)

    def _cut(self, ids: list[int], index: int, tokens: int | None = None) -> EncodedText:
        tokens = len(ids) if tokens is None else tokens
        if tokens > self._room and self.truncation == "error":
            raise ValueError(
                f"text {index} has {tokens} tokens, the model reads {self._room}: "
                "shorten it, or choose truncation='cut' or 'windows'"
            )
        if tokens <= self._room or self.truncation == "cut":
            read = ids[: self._room]
            return EncodedText([self.prefix + read + self.suffix], tokens, len(read))
        starts = [*range(0, tokens - self._room, self.step), tokens - self._room]
        windows = [self.prefix + ids[start : start + self._room] + self.suffix for start in starts]
        return EncodedText(windows, tokens, tokens)


def check_text(text: Any, index: int) -> None:
    """Raise an error that names the text if it is not a string with something in it.

    Raises:
        TypeError: not a string.
        ValueError: empty or white space only.
    """
    if not isinstance(text, str):
        raise TypeError(f"text {index} is {text!r:.80} ({type(text).__name__}): expected a string")
    if not text.strip():
        raise ValueError(f"text {index} is empty: there is nothing to classify in {text!r:.80}")


def max_length_of(tokenizer: Any, positions: int | None = None) -> int:
    """How many tokens a model reads: the truncation stored in its tokenizer, else the tokenizer's or model's limit.

    Args:
        tokenizer: A fast transformers tokenizer.
        positions: Tokens that the encoder has positions for, if it knows a limit.
    """
    stored = tokenizer.backend_tokenizer.truncation
    limits = [stored["max_length"] if stored else None, tokenizer.model_max_length, positions]
    # transformers writes 1e30 for "no limit known"
    return min((limit for limit in limits if limit and limit < 1e6), default=DEFAULT_MAX_LENGTH)


def _pieces(text: str) -> list[str]:
    pieces = []
    start = 0
    while start < len(text):
        piece = text[start : start + PIECE_CHARACTERS]
        if start + PIECE_CHARACTERS < len(text) and (space := _LAST_SPACE.search(piece)) and space.start():
            piece = piece[: space.start()]
        pieces.append(piece)
        start += len(piece)
    return pieces


def _special_tokens(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids that the tokenizer puts before and after a text."""
    for text in ("a", *tokenizer.get_vocab()):  # the first of these in which it finds a token
        encoding = tokenizer.encode(text)
        mask = encoding.special_tokens_mask
        if 0 in mask:
            return encoding.ids[: mask.index(0)], encoding.ids[len(mask) - mask[::-1].index(0) :]
    raise ValueError("the tokenizer finds no token in any text: its vocabulary is empty")
