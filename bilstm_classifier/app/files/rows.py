"""Rows of a file as a model reads them: a text, or a text with the columns beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...features import read_category, read_number
from ..service import Service
from .errors import cut

UNREAD_NAMED = 5


class RowReader:
    """Turns rows into what is asked of a model.

    Attributes:
        missing: Columns that the model reads and the file does not have.
        unread: How many cells hold no number or category where one was expected; they count as missing.
        unread_named: The first of them.

    Args:
        service: The model.
        columns: Names of the file's columns.
        text_column: That of the main text, whatever the model calls it.
        label_columns: Those of the true labels, which the model is not shown.
    """

    def __init__(
        self, service: Service, columns: Sequence[str], text_column: str, label_columns: Sequence[str]
    ):
        reader = service.predictor.inputs
        self._text_column, self._main = text_column, reader.text_columns[0]
        self._schema = reader.schema
        own = set(columns) - {text_column, *label_columns}
        wanted = service.inputs.columns[1:]
        self.missing = [name for name in wanted if name not in own]
        self._texts = [name for name in reader.text_columns[1:] if name in own]
        self._numbers = [column.name for column in self._schema.numbers if column.name in own]
        self._categories = [column.name for column in self._schema.categories if column.name in own]
        self._longest = service.settings.max_characters // (1 + len(self._texts))
        self.unread = 0
        self.unread_named: list[str] = []

    def item(self, row: Mapping[str, Any]) -> str | dict[str, Any]:
        """What the model is asked of a row: as much of each text as is taken of any, and the model reads less."""
        main = self._text(row.get(self._text_column))
        item: dict[str, Any] = {name: self._text(row.get(name)) for name in self._texts}
        for name in self._numbers:
            item[name] = self._cell(row.get(name), name, read_number)
        for name in self._categories:
            item[name] = self._cell(row.get(name), name, read_category)
        return {self._main: main, **item} if item else main

    def _text(self, cell: Any) -> str:
        return cell[: self._longest] if isinstance(cell, str) else ""

    def _cell(self, cell: Any, name: str, read: Any) -> Any:
        try:
            return read(cell, name)
        except (ValueError, OverflowError):  # the latter from a whole number of hundreds of digits
            self.unread += 1
            found = f"{cut(name)}: {cut(str(cell))}"
            if len(self.unread_named) < UNREAD_NAMED and found not in self.unread_named:
                self.unread_named.append(found)
            return None
