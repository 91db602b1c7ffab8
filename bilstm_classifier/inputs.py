"""What is classified: a text, or a row with the columns that a model reads, of which the text is joined."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .data.cleaning import join_texts
from .features import FeatureSchema
from .windows import check_text

if TYPE_CHECKING:
    from .configuration import BiLSTMConfig

Input = str | Mapping[str, Any]
# Enough to sort by length within, little enough to hold.
CHUNK_TEXTS = 2048
CHUNK_CHARACTERS = 2_000_000


@dataclass(frozen=True)
class InputReader:
    """Reads texts, and the columns beside them, as a model was trained on them.

    A string is a text all of whose columns beside it are missing. A row may hold further columns, which are not read,
    and lack some: what it lacks is missing, too, but one of the text columns must hold a text.
    """

    text_columns: tuple[str, ...]
    separator: str
    schema: FeatureSchema

    @classmethod
    def of(cls, config: "BiLSTMConfig") -> "InputReader":
        """The reader for a model with this config."""
        return cls(tuple(config.text_columns or ["text"]), config.text_separator, FeatureSchema.of(config))

    def text(self, item: Any, index: int) -> str:
        """The text of an item; ``index`` is its number in error messages.

        Raises:
            TypeError: it is neither a string nor a mapping, or a text column holds something else.
            ValueError: it has no text.
        """
        if not isinstance(item, Mapping):
            check_text(item, index)
            return item
        parts = [item.get(column) for column in self.text_columns]
        parts = [
            None if isinstance(part, float) and math.isnan(part) else part for part in parts
        ]  # as pandas has it
        for column, part in zip(self.text_columns, parts, strict=True):
            if part is not None and not isinstance(part, str):
                raise TypeError(
                    f"text {index} has {part!r:.80} ({type(part).__name__}) in column {column!r}: expected a string"
                )
        text = join_texts(parts, self.separator)
        if text is None:
            found = ", ".join(map(repr, item)) or "none"
            raise ValueError(
                f"text {index} is empty: expected a text in {' or '.join(map(repr, self.text_columns))}, the columns "
                f"given are {found}"
            )
        return text

    def beside(self, items: Sequence[Input], first_index: int = 0) -> dict[str, np.ndarray]:
        """``features`` and ``categories`` of the items, as ``FeatureSchema.encode`` gives them; empty without columns.

        Raises:
            ValueError: a value that cannot be read; the message names the item by its number.
        """
        if not self.schema:
            return {}
        rows = [item if isinstance(item, Mapping) else {} for item in items]
        try:
            return self.schema.encode(rows)
        except ValueError:
            for index, row in enumerate(rows, first_index):  # which one it was
                try:
                    self.schema.encode([row])
                except ValueError as error:
                    raise ValueError(f"text {index}: {error}") from None
            raise


def chunks(items: Iterable[Input]) -> Iterator[list[Input]]:
    """Lists of at most ``CHUNK_TEXTS`` items and about ``CHUNK_CHARACTERS`` characters."""
    chunk: list[Input] = []
    characters = 0
    for item in items:
        chunk.append(item)
        parts = item.values() if isinstance(item, Mapping) else [item]
        characters += sum(len(part) for part in parts if isinstance(part, str))
        if len(chunk) == CHUNK_TEXTS or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
