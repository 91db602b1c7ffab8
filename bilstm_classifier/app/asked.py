"""What is asked of a model: a text, or a text with the columns beside it that the model reads."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..data.cleaning import join_texts
from ..features import read_category, read_number
from ..inputs import Input, InputReader
from .messages import Language, say

LONGEST_REPEATED = 80  # characters of what was sent that a message repeats
NEAREST = 3


class BadText(ValueError):
    """A text that cannot be classified; the message is for whoever sent it, in their language."""


@dataclass(frozen=True)
class Asked:
    """What may be asked of a model.

    Attributes:
        reader: The columns that the model reads.
        max_characters: The longest text that is taken.
    """

    reader: InputReader
    max_characters: int

    @property
    def columns(self) -> list[str]:
        """Names of the columns that it reads; none where it reads a text alone."""
        texts = self.reader.text_columns
        if len(texts) == 1 and not self.reader.schema:
            return []
        return [*texts, *(column.name for column in self.reader.schema)]

    def item(self, text: object, columns: object, language: Language) -> Any:
        """``text`` with the ``columns`` beside it, for :meth:`check`: it is the first of the text columns.

        Raises:
            BadText: the columns are no mapping, or have that text too.
        """
        if columns is None or columns == {}:
            return text
        if not isinstance(columns, Mapping):
            raise BadText(say("columns_expected", language, known=", ".join(self.columns)))
        if isinstance(text, str) and not text.strip():
            return dict(columns)
        main = self.reader.text_columns[0]
        if columns.get(main):
            raise BadText(say("text_twice", language, column=main))
        return {**columns, main: text}

    def check(self, item: object, language: Language) -> Input:
        """``item`` if it can be classified, as far as can be said without the tokens of its text.

        Raises:
            BadText: its text is blank, too long, or no text; or it has a column that the model does not read, or a
                value that cannot be read.
        """
        if not isinstance(item, str) and not (self.columns and isinstance(item, Mapping)):
            raise BadText(say("not_a_text", language))
        if isinstance(item, Mapping):
            self._check_columns(item, language)
        parts = [item] if isinstance(item, str) else self._texts(item)
        if sum(map(len, parts)) > self.max_characters:
            raise BadText(say("text_too_long", language, limit=self.max_characters))
        if not self.text_of(item).strip():
            raise BadText(say("text_empty", language))
        return item

    def text_of(self, item: object) -> str:
        """The text of an item, as the model reads it; empty where there is none."""
        if isinstance(item, str):
            return item
        if not isinstance(item, Mapping):
            return ""
        return join_texts(self._texts(item), self.reader.separator) or ""

    def unknown_categories(self, item: object) -> dict[str, str]:
        """Values of an item, by column, that the model has not learned, so that they count as missing."""
        if not isinstance(item, Mapping):
            return {}
        found = {}
        for column in self.reader.schema.categories:
            value = read_category(item.get(column.name), column.name)
            if value and value not in column.values:
                found[column.name] = value
        return found

    def _texts(self, item: Mapping[Any, Any]) -> list[str]:
        parts = [item.get(column) for column in self.reader.text_columns]
        return [part for part in parts if isinstance(part, str)]

    def _check_columns(self, item: Mapping[Any, Any], language: Language) -> None:
        known = self.columns
        for name, value in item.items():
            found = {"column": name, "found": repr(value)[:LONGEST_REPEATED]}
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=NEAREST, cutoff=0)
                raise BadText(
                    say("unknown_column", language, found=str(name)[:LONGEST_REPEATED], near=", ".join(near))
                )
            if name in self.reader.text_columns:
                if value is not None and not isinstance(value, str):
                    raise BadText(say("column_no_text", language, **found))
                continue
            is_category = name in (column.name for column in self.reader.schema.categories)
            try:
                read_category(value, name) if is_category else read_number(value, name)
            except (ValueError, OverflowError):  # the latter from a whole number of hundreds of digits
                key = "column_no_category" if is_category else "column_no_number"
                raise BadText(say(key, language, **found)) from None
