"""Where labelled texts come from: a file, a folder of files, a folder saved by ``datasets``, or the Hub.

Each becomes the same thing: the splits ``train``, ``validation`` and ``test``, as far as the source has them,
each a stream of rows that can be started again.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ..hub.transport import HubOptions
from .reading import Table, open_table

if TYPE_CHECKING:
    import datasets

logger = logging.getLogger(__name__)

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_FILE_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json", ".parquet")
_FILE = re.compile(rf"(.*?)({'|'.join(map(re.escape, _FILE_SUFFIXES))})(?:\.gz)?", re.IGNORECASE)
# Of which a folder may hold one a class; a text or a JSON file in it may as well be about the data.
_TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")

Place = str
Rows = Callable[[Sequence[str]], Iterator[tuple[Place, dict[str, Any]]]]


@dataclass(frozen=True)
class Split:
    """One split of a source.

    Attributes:
        rows: given the columns wanted, starts a stream of ``(place, row)``; the place names file and line (or
            split and row) for error messages.
        class_names: for each ClassLabel column, the names of its classes in the order of their ids.
    """

    columns: tuple[str, ...]
    rows: Rows = field(repr=False)
    class_names: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """The splits of a source: ``train`` always, ``validation`` and ``test`` if it has them."""

    name: str
    splits: dict[str, Split]

    def require_columns(self, columns: Sequence[str]) -> None:
        """Raises ValueError when a split lacks one of the columns, or names its classes in another way."""
        for name, split in self.splits.items():
            for column in columns:
                if column not in split.columns:
                    raise ValueError(
                        f"{self.name}: split {name} has no column {column!r}, only {', '.join(split.columns)}"
                    )
                names = split.class_names.get(column)
                if names != self.splits["train"].class_names.get(column):
                    raise ValueError(
                        f"{self.name}: column {column!r} has other classes in {name} than in train"
                    )


def open_source(
    source: str | Path,
    config_name: str | None = None,
    expected_columns: Sequence[str] = (),
    **hub: Unpack[HubOptions],
) -> Source:
    """Opens a file or folder where there is one of that name, else a data set on the Hub.

    Args:
        source: a path, or the id of a data set on the Hub.
        config_name: the configuration of a Hub data set.
        expected_columns: column names the caller will ask for (they tell a header from a first row).
        hub: how to reach a Hub data set.

    Raises:
        FileNotFoundError: there is no such file, folder or data set.
        OSError: the Hub cannot be reached.
        ValueError: the source is there and cannot be read.
    """
    path = Path(source).expanduser()
    if not path.exists() and not _names_a_path(source):
        return _open_hub(str(source), config_name, hub)
    if config_name or hub.get("revision"):
        raise ValueError(
            f"{source}: config_name and revision belong to data sets on the Hub, not to local files"
        )
    if not path.is_dir():
        return Source(str(path), {"train": _file_split([path], expected_columns)})
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return _open_saved(path)
    return _open_folder(path, expected_columns)


def _names_a_path(source: str | Path) -> bool:
    text = str(source)
    return isinstance(source, Path) or not _HUB_ID.fullmatch(text) or _FILE.fullmatch(text) is not None


# --- files ---


def _open_folder(folder: Path, expected_columns: Sequence[str]) -> Source:
    """A folder with ``train.csv``, ``dev.jsonl``, ``test-00000-of-00002.parquet``..., one file, or a file a class."""
    found = [path for path in sorted(folder.iterdir()) if path.is_file() and name_and_suffix(path)[1]]
    shards: dict[str, list[Path]] = {}
    for path in found:
        first_word = re.split(r"[-_.]", path.name.lower(), maxsplit=1)[0]
        if first_word in SPLIT_NAMES:
            shards.setdefault(SPLIT_NAMES[first_word], []).append(path)
    if not shards and (folder / "data").is_dir():  # the layout of a data set cloned from the Hub
        return _open_folder(folder / "data", expected_columns)
    if not shards:
        tables = [path for path in found if name_and_suffix(path)[1] in _TABLE_SUFFIXES]
        if len(tables) > 1:
            from .class_files import open_class_files

            return Source(str(folder), {"train": open_class_files(tables, expected_columns)})
        if len(tables or found) == 1:
            shards = {"train": tables or found}
    if "train" not in shards:
        listed = ", ".join(path.name for path in sorted(folder.iterdir())[:10]) or "nothing"
        raise ValueError(
            f"{folder}: expected a folder saved by datasets, files called train.*, validation.*, test.* "
            f"({', '.join(_FILE_SUFFIXES)}), or one a class, called after it ({', '.join(_TABLE_SUFFIXES)}); it holds "
            f"{listed}"
        )
    return Source(str(folder), {name: _file_split(paths, expected_columns) for name, paths in shards.items()})


def name_and_suffix(path: Path) -> tuple[str, str]:
    """A file's name without suffixes, and the one that says what it holds; none where that is no data to read."""
    match = None if path.name.startswith(".") else _FILE.fullmatch(path.name)
    return (match[1], match[2].lower()) if match else (path.name, "")


def place_in(table: Table, number: int) -> Place:
    """Where row ``number`` of a file stands, for a message."""
    return f"{table.path}, {'line' if table.format in ('csv', 'text', 'jsonl') else 'row'} {number}"


def _file_split(paths: Sequence[Path], expected_columns: Sequence[str]) -> Split:
    """One split from one file, or from the shards it is cut into."""
    tables = [open_table(path, expected_columns) for path in paths]
    first = tables[0]
    for table in tables[1:]:
        if (table.format, set(table.columns)) != (first.format, set(first.columns)):
            raise ValueError(
                f"{table.path} and {first.path} belong to one split and differ in format or columns: "
                f"{', '.join(table.columns)} ({table.format}), {', '.join(first.columns)} ({first.format})"
            )

    def rows(columns: Sequence[str]) -> Iterator[tuple[Place, dict[str, Any]]]:
        for table in tables:
            for number, row in table.rows():
                yield place_in(table, number), row

    return Split(first.columns, rows, _parquet_class_names(first) if first.format == "parquet" else {})


def _parquet_class_names(table: Table) -> dict[str, tuple[str, ...]]:
    """``datasets`` writes the names of the classes into a Parquet file's schema."""
    import datasets
    import pyarrow.parquet as pq

    return _class_names(datasets.Features.from_arrow_schema(pq.read_schema(table.path)))


# --- datasets and the Hub ---


def _open_saved(folder: Path) -> Source:
    import datasets

    try:
        loaded = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder}: a folder saved by datasets that cannot be read ({_first_line(error)})"
        ) from error
    return _from_datasets(str(folder), loaded)


def _open_hub(name: str, config_name: str | None, hub: HubOptions) -> Source:
    import datasets
    from datasets.exceptions import DatasetNotFoundError, DatasetsError
    from huggingface_hub import errors

    options = dict(hub)
    where = f"{name} at revision {options['revision']}" if options.get("revision") else name
    try:
        with _offline_if(bool(options.pop("local_files_only", False))):
            loaded = datasets.load_dataset(name, name=config_name, **options)
    except (DatasetNotFoundError, errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise FileNotFoundError(
            f"{where}: no file or folder of that name here, and no such data set on the Hub "
            f"({_first_line(error)}). Check the spelling, or log in if it is private: hf auth login"
        ) from error
    except (
        ConnectionError,
        errors.LocalEntryNotFoundError,
        errors.HfHubHTTPError,
        errors.HTTPError,
    ) as error:
        raise OSError(
            f"{where}: no file or folder of that name here, and the Hub cannot be reached "
            f"({_first_line(error)})"
        ) from error
    except (DatasetsError, FileNotFoundError, ValueError, RuntimeError) as error:
        raise ValueError(f"{where}: the data set cannot be loaded: {_first_line(error)}") from error
    return _from_datasets(name, loaded)


@contextlib.contextmanager
def _offline_if(wanted: bool) -> Iterator[None]:
    """For a while as with ``HF_HUB_OFFLINE=1``, since ``load_dataset`` has no ``local_files_only``."""
    from datasets import config

    before, config.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE or wanted
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before


def _from_datasets(name: str, loaded: datasets.Dataset | datasets.DatasetDict) -> Source:
    import datasets

    if isinstance(loaded, datasets.Dataset):
        return Source(name, {"train": _dataset_split(loaded, name)})
    splits: dict[str, Split] = {}
    ignored = []
    for split_name, dataset in loaded.items():
        usual = SPLIT_NAMES.get(str(split_name).lower())
        if str(split_name).startswith("test_"):
            usual = str(split_name)  # a further test: later dates, other sites
        if usual is None and len(loaded) == 1:
            usual = "train"
        if usual is None:
            ignored.append(str(split_name))
        elif usual in splits:
            raise ValueError(f"{name}: two splits stand for {usual}: {', '.join(map(str, loaded))}")
        else:
            splits[usual] = _dataset_split(dataset, f"{name}, split {split_name}")
    if "train" not in splits:
        raise ValueError(
            f"{name}: there is no split called train, only {', '.join(map(str, loaded)) or 'none'}"
        )
    if ignored:
        logger.warning("%s: splits left out: %s", name, ", ".join(ignored))
    return Source(name, splits)


def _dataset_split(dataset: datasets.Dataset, where: str) -> Split:
    def rows(columns: Sequence[str]) -> Iterator[tuple[Place, dict[str, Any]]]:
        number = 0
        for batch in dataset.select_columns(list(columns)).with_format(None).iter(batch_size=256):
            for values in zip(*(batch[column] for column in columns), strict=True):
                number += 1
                yield f"{where}, row {number}", dict(zip(columns, values, strict=True))

    return Split(tuple(dataset.column_names), rows, _class_names(dataset.features))


def _class_names(features: datasets.Features) -> dict[str, tuple[str, ...]]:
    import datasets

    # a list of labels has the names of its items
    kinds = {column: getattr(feature, "feature", feature) for column, feature in features.items()}
    return {
        column: tuple(kind.names)
        for column, kind in kinds.items()
        if isinstance(kind, datasets.ClassLabel) and kind.names is not None
    }


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
