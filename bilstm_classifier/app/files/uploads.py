"""A file that a visitor sent: what it is called, its columns and first rows, and how many rows it has."""

import gzip
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ...data.columns import NUMBER, find_label_column, find_text_columns
from ...data.reading import Table, open_table
from ..messages import Language, say
from ..service import Service
from ..settings import Settings
from .errors import bad_file, cut, explained
from .true_labels import SeveralLabels, columns_of_labels, known_labels, label_text, true_label

ONE_HOT = -2  # in place of a column of labels: a column for each label

FIRST_ROWS = 100  # that are looked at before all of them are read
FIRST_CHARACTERS = 2_000_000
MAX_JSON_LIST = 32_000_000  # characters; such a file cannot be read row by row
UNPACKED = 5  # a compressed file may hold so many times the size that is taken of a file
COUNTED_AT_ONCE = 5_000  # rows between two signs of life
COUNTED_AT_MOST = 10  # times the rows that are taken; beyond, a file is only said to have more
LONGEST_NAME = 80


@dataclass(frozen=True)
class Upload:
    """A file that can be read, at least at its beginning.

    Attributes:
        path: Where it is.
        name: What its owner calls it.
        table: Its columns and rows.
        first_rows: The first of them.
    """

    path: Path
    name: str
    table: Table
    first_rows: tuple[Mapping[str, Any], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.table.columns

    def text_column(self, service: Service) -> int:
        """The column of the model's main text, else one with a usual name, else the one with the longest texts."""
        if (main := service.predictor.inputs.text_columns[0]) in self.columns:
            return self.columns.index(main)
        try:
            return self.columns.index(find_text_columns(self.columns)[0])
        except ValueError:
            return max(range(len(self.columns)), key=lambda index: self._characters(self.columns[index]))

    def label_column(self, service: Service, text_column: int) -> int | None:
        """The column with a usual name for labels, if most of what stands in it are labels of the model.

        Where labels overlap, ``ONE_HOT`` if there is no such column and one for each label.
        """
        read = (
            self.columns[text_column],
            *service.inputs.columns,
        )  # by the model, so that they are no labels
        one_hot = ONE_HOT if self.one_hot(service) else None
        try:
            column = find_label_column(self.columns, text_columns=read)
        except ValueError:
            return one_hot
        if service.overlapping:
            return self.columns.index(column) if self._are_several(column, service) else one_hot
        known = known_labels(service.labels)
        given = [row.get(column) for row in self.first_rows if label_text(row.get(column))]
        sound = sum(true_label(value, known) is not None for value in given)
        return self.columns.index(column) if given and 2 * sound > len(given) else None

    def one_hot(self, service: Service) -> list[str]:
        """The columns that stand for one label each; none where labels do not overlap, or not all have one."""
        return columns_of_labels(self.columns, service.labels) if service.overlapping else []

    def _are_several(self, column: str, service: Service) -> bool:
        """Whether most of what stands in a column are lists of the model's labels."""
        labels = SeveralLabels(service.labels, [column], one_hot=False)
        given = sound = 0
        for row in self.first_rows:
            try:
                found = labels.read(row)
            except ValueError:  # something else than labels of the model
                given += 1
                continue
            given += found is not None
            sound += found is not None
        return 2 * sound > given

    def holds_numbers(self, column: int) -> bool:
        """Whether all that stands in the first rows of a column are numbers."""
        cells = [row.get(self.columns[column]) for row in self.first_rows]
        cells = [cell for cell in cells if cell is not None and str(cell).strip()]
        return bool(cells) and all(
            isinstance(cell, (int, float)) or NUMBER.fullmatch(str(cell).strip()) for cell in cells
        )

    def _characters(self, column: str) -> int:
        cells = [row.get(column) for row in self.first_rows]
        return sum(
            len(cell) for cell in cells if isinstance(cell, str) and not NUMBER.fullmatch(cell.strip())
        )


def look_at(path: str | Path, name: str, language: Language) -> Upload:
    """The columns and first rows of the file that its owner calls ``name``.

    Raises:
        BadFile: it cannot be read, or has nothing in it to classify.
    """
    path = Path(path)
    with _explaining(path, name, language):
        _require_short_list(path, name, language)
        table = open_table(path)
        rows = _first(table.rows())
    if repeated := [column for column in table.columns if table.columns.count(column) > 1]:
        raise bad_file("file_repeated_column", name, language, found=cut(repeated[0]))
    if not rows or not table.columns:
        raise bad_file("file_no_rows", name, language)
    return Upload(path, name, table, tuple(rows))


def rows_of(upload: Upload, language: Language) -> Iterator[dict[str, Any]]:
    """The rows of a file.

    Raises:
        BadFile: one cannot be read.
    """
    with _explaining(upload.path, upload.name, language):
        for _, row in upload.table.rows():
            yield row


def count_rows(upload: Upload, settings: Settings, language: Language) -> Iterator[int]:
    """Read all of a file, to know of a broken row or too many before the first is classified.

    Yields how many rows were read so far, and at last how many there are.

    Raises:
        BadFile: a row cannot be read, or there are more rows or characters than are taken.
    """
    limit, megabytes = settings.max_rows, settings.max_file_mb * UNPACKED
    count = characters = 0
    for count, row in enumerate(rows_of(upload, language), start=1):
        characters += size_of(row)
        if characters > megabytes * 1_000_000:
            raise bad_file("file_unpacked", upload.name, language, limit=megabytes)
        if count > COUNTED_AT_MOST * limit:
            found = say("file_more_than", language, count=count - 1)
            raise bad_file("file_rows", upload.name, language, found=found, limit=limit)
        if count % COUNTED_AT_ONCE == 0:
            yield count
    if count > limit:
        raise bad_file("file_rows", upload.name, language, found=count, limit=limit)
    yield count


def size_of(row: Mapping[str, Any]) -> int:
    """Characters of a row, about."""
    return sum(
        len(cell)
        if isinstance(cell, (str, bytes))
        else len(repr(cell))
        if isinstance(cell, (list, dict))
        else 8
        for cell in row.values()
    )


def own_name(name: object, path: str) -> str:
    """What to call a file: the last part of the name that its owner gave, cut where it is long."""
    given = name if isinstance(name, str) and name else path
    last = PurePosixPath(given.replace("\\", "/")).name
    return last if len(last) <= LONGEST_NAME else f"{last[: LONGEST_NAME // 2]}…{last[-LONGEST_NAME // 3 :]}"


def stem(name: str) -> str:
    """What the results of a file called ``name`` are called after it."""
    bare = PurePosixPath(name)
    bare = PurePosixPath(bare.stem) if bare.suffix.lower() == ".gz" else bare
    return re.sub(r"[^\w.-]+", "_", bare.stem).strip("._")[:60] or "texts"


@contextmanager
def _explaining(path: Path, name: str, language: Language) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a damaged file makes its readers raise nearly anything
        raise explained(error, path, name, language) from None


def _first(rows: Iterator[tuple[int, Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    first: list[Mapping[str, Any]] = []
    characters = 0
    for _, row in rows:
        first.append(row)
        characters += size_of(row)
        if len(first) == FIRST_ROWS or characters > FIRST_CHARACTERS:
            break
    return first


def _require_short_list(path: Path, name: str, language: Language) -> None:
    """Refuse a long JSON list, which would be read whole, before it is."""
    if ".json" not in (suffix.lower() for suffix in path.suffixes[-2:]):
        return
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if compressed else path.open("rb") as file:
        head = file.read(MAX_JSON_LIST + 1)
    if len(head) > MAX_JSON_LIST and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        raise bad_file("file_json_list", name, language, limit=MAX_JSON_LIST // 1_000_000)
