"""Any source of labelled texts -> a cleaned, split ``DatasetDict`` with the columns ``text`` and ``labels``.

Where columns of numbers or categories are asked for, they stand beside these two under their own names.

The source is read twice: once to decide which rows stay (a 16-byte hash a text, so memory grows with the
number of rows and not with their length), once to write those to an Arrow file in the cache of ``datasets``,
named by its content. The result is memory-mapped from there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ..hub.transport import HubOptions
from .cleaning import (
    KeptRows,
    RowReader,
    SplitReport,
    assign_classes,
    check_classes,
    class_counts,
    clean,
    drop_rare_classes,
    listed_columns,
    name_classes,
    row_digest,
    some,
)
from .columns import find_label_column, find_text_columns, require_columns
from .labels import LabelReader
from .sources import Split, open_source
from .splitting import cut_splits

if TYPE_CHECKING:
    import datasets

logger = logging.getLogger(__name__)

_BATCH_ROWS, _BATCH_CHARACTERS = 1000, 2**24


@dataclass(frozen=True)
class LoadingOptions:
    """The options of ``load_dataset_dict``, explained there, as one value."""

    text_columns: str | Sequence[str] | None = None
    label_column: str | None = None
    label_columns: Sequence[str] = ()
    multi_label: bool = False
    number_columns: Sequence[str] = ()
    category_columns: Sequence[str] = ()
    group_column: str | None = None
    config_name: str | None = None
    hub: HubOptions = field(default_factory=HubOptions)
    separator: str = " [SEP] "
    label_names: Sequence[str] | None = None
    min_samples: int = 1
    test_size: float = 0.2
    validation_size: float = 0.1
    seed: int = 42

    def __post_init__(self) -> None:
        for name in ("test_size", "validation_size"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be a share from 0 to below 1, found {getattr(self, name)!r}")
        if self.test_size + self.validation_size >= 1:
            raise ValueError(
                "test_size and validation_size must leave rows to train on: their sum is 1 or more"
            )
        if self.min_samples < 1:
            raise ValueError(
                f"min_samples must be at least 1 (which keeps every class), found {self.min_samples!r}"
            )
        if self.label_names and len(set(self.label_names)) < len(self.label_names):
            raise ValueError(f"label_names holds a name twice: {', '.join(self.label_names)}")
        for name in ("label_columns", "number_columns", "category_columns"):
            if isinstance(found := getattr(self, name), str):
                raise ValueError(f"{name} is the text {found!r}, expected a list of columns")
        if self.label_column and self.label_columns:
            raise ValueError("label_column and label_columns were both given: choose one")
        beside = [*self.number_columns, *self.category_columns]
        if taken := [
            name for name in beside if name in ("text", "labels", "group") or beside.count(name) > 1
        ]:
            raise ValueError(
                f"the column {taken[0]!r} cannot stand beside the text: expected each column once, and a name other "
                "than text, labels and group (rename it)"
            )

    @property
    def expected_columns(self) -> list[str]:
        """The columns asked for by name."""
        texts = [self.text_columns] if isinstance(self.text_columns, str) else list(self.text_columns or ())
        labels = [self.label_column] if self.label_column else self.label_columns
        groups = [self.group_column] if self.group_column else []
        return list(dict.fromkeys([*texts, *labels, *self.number_columns, *self.category_columns, *groups]))


@dataclass(frozen=True)
class CleaningReport:
    """How a source became a ``DatasetDict``.

    Attributes:
        splits: for each split of the source, what became of its rows.
        dropped_classes: the classes with fewer than ``min_samples`` training rows, and how many they had.
        sizes: the rows of each split of the result.
        missing_classes: for each split cut from ``train``, the classes with too few rows to have one in it.
    """

    source: str
    text_columns: tuple[str, ...]
    label_columns: tuple[str, ...]
    splits: dict[str, SplitReport]
    dropped_classes: dict[str, int]
    sizes: dict[str, int]
    missing_classes: dict[str, list[str]]


def load_dataset_dict(
    source: str | Path,
    *,
    text_columns: str | Sequence[str] | None = None,
    label_column: str | None = None,
    label_columns: Sequence[str] = (),
    multi_label: bool = False,
    number_columns: Sequence[str] = (),
    category_columns: Sequence[str] = (),
    group_column: str | None = None,
    config_name: str | None = None,
    separator: str = " [SEP] ",
    label_names: Sequence[str] | None = None,
    min_samples: int = 1,
    test_size: float = 0.2,
    validation_size: float = 0.1,
    seed: int = 42,
    **hub: Unpack[HubOptions],
) -> datasets.DatasetDict:
    """Reads labelled texts from a file, a folder or the Hub, cleans them and splits them.

    The result has the columns ``text`` (string) and ``labels`` (ClassLabel). Rows without text or label and
    texts that repeat exactly are removed (of a repeated text the first row stays, and one in ``test`` or
    ``validation`` rather than one in ``train``); one log line a split counts them. The splits of the source
    are kept (``dev``, ``val`` and ``valid`` are called ``validation``; further tests have names that begin with
    ``test_``); a missing ``validation`` or ``test`` is cut from ``train`` at random, class by class in proportion.
    A class always keeps a row in ``train``; too rare a class has none elsewhere.

    Args:
        source: a CSV, TSV, JSON lines, Parquet or gzipped file; a folder saved by ``datasets``; a folder with
            the files ``train.*``, ``test.*``, ``validation.*``; a folder with a file a class, called after it; else
            the id of a data set on the Hub.
        text_columns: the column of the text, or several to be joined in order (a blank one leaves no separator);
            None takes the one with a usual name (text, news, content, sentence, review...).
        label_column: None takes the one with a usual name (labels, label, category, topic, score, rating...).
        label_columns: for labels that overlap, a column each, called after it, with 1 or 0 (or the share of
            annotators, which counts from one half on).
        multi_label: a row may have several labels, or none: ``labels`` is then a list, and ``label_column`` holds a
            list, JSON, or names with ``;`` or ``,`` between them. Implied by ``label_columns``.
        number_columns: columns of numbers to keep beside the text (float, null where missing or infinite). A number
            may be a text, with a decimal comma, or a time such as 1:02:30, read in seconds.
        category_columns: columns of categories to keep beside the text (string, null where missing).
        group_column: rows of one value here, such as one author, stay on one side of a split that is cut; their
            numbers are kept as ``group``, -1 for a row without.
        config_name: the configuration of a Hub data set.
        separator: what stands between joined texts.
        label_names: the classes in the order of their ids. Needed where labels are bare integers that stand
            for names; None takes the names and order of the source's ClassLabel, else the distinct labels,
            integers in numeric order (stars 1 to 5 become the names "1" to "5"), other labels in alphabetical
            order.
        min_samples: classes with fewer rows in ``train`` (before a split is cut from it) are dropped, and
            named.
        test_size: share of the rows of ``train`` cut for ``test`` where the source has none; 0 cuts none.
        validation_size: the same for ``validation``.
        seed: of the split.
        hub: ``revision``, ``token``, ``cache_dir``, ``local_files_only`` of a Hub data set: see
            :class:`bilstm_classifier.hub.transport.HubOptions`.

    Raises:
        FileNotFoundError: no such file, folder, or data set on the Hub.
        OSError: the Hub cannot be reached.
        ValueError: a row that cannot be read (file and line are named), a column that is not there, a text
            column that holds numbers, no rows left, fewer than two classes, or a class in ``test`` that
            ``train`` lacks.
        ImportError: ``datasets`` is not installed.
    """
    options = LoadingOptions(
        text_columns=text_columns,
        label_column=label_column,
        label_columns=label_columns,
        multi_label=multi_label,
        number_columns=number_columns,
        category_columns=category_columns,
        group_column=group_column,
        config_name=config_name,
        hub=hub,
        separator=separator,
        label_names=label_names,
        min_samples=min_samples,
        test_size=test_size,
        validation_size=validation_size,
        seed=seed,
    )
    return load_with_report(source, options)[0]


def load_with_report(
    source: str | Path, options: LoadingOptions | None = None
) -> tuple[datasets.DatasetDict, CleaningReport]:
    """What ``load_dataset_dict`` gives, and the counts of what was removed. Raises the same errors."""
    try:
        import datasets
    except ImportError as error:
        raise ImportError(
            "reading a data set needs datasets: pip install 'bilstm-classifier[train]'"
        ) from error

    options = options or LoadingOptions()
    opened = open_source(source, options.config_name, options.expected_columns, **options.hub)
    train = opened.splits["train"]
    try:
        reader = _reader(train, options)
    except ValueError as error:
        raise ValueError(f"{opened.name}: {error}") from error
    opened.require_columns(reader.columns)

    kept, found, reports = clean(opened, reader)
    overlapping = reader.labels.overlapping
    try:
        labels_found = list(dict.fromkeys(name for names in found for name in names))
        names, ids = name_classes(labels_found, reader.labels.class_names, options.label_names)
        assign_classes(kept, found, ids, len(names) if overlapping else None)
        kept, names, dropped = drop_rare_classes(kept, names, options.min_samples)
        check_classes(kept, names)
        shares = {"test": options.test_size, "validation": options.validation_size}
        shares = {name: share for name, share in shares.items() if share and name not in kept}
        places = cut_splits(kept["train"].labels, kept["train"].groups, shares, options.seed)
    except ValueError as error:
        raise ValueError(f"{opened.name}: {error}") from error
    for name, counts in reports.items():
        left = len(kept[name]) if name in kept else 0
        counts.in_dropped_classes, counts.kept = counts.kept - left, left

    result = {}
    usual = ("train", "validation", "test")
    for name in (*usual, *(other for other in kept if other not in usual)):
        if name in places:
            whole = _write(train, reader, kept["train"], names, name)
            result[name] = whole.select(places[name]) if shares else whole
        elif name in kept:
            result[name] = _write(opened.splits[name], reader, kept[name], names, name)
    labels = kept["train"].labels
    counts_of_train = class_counts(labels, len(names))
    report = CleaningReport(
        source=opened.name,
        text_columns=reader.text_columns,
        label_columns=reader.labels.columns,
        splits=reports,
        dropped_classes=dropped,
        sizes={name: len(dataset) for name, dataset in result.items()},
        missing_classes={
            name: [
                class_name
                for class_name, whole, cut in zip(
                    names, counts_of_train, class_counts(labels[places[name]], len(names)), strict=True
                )
                if whole and not cut
            ]
            for name in shares
        },
    )
    _log(report, names)
    return datasets.DatasetDict(result), report


def _reader(train: Split, options: LoadingOptions) -> RowReader:
    """Which columns are what, by the options and by usual names."""
    text_columns = find_text_columns(train.columns, options.text_columns)
    if options.label_columns:
        labels = LabelReader(
            tuple(options.label_columns), tuple(options.label_columns), overlapping=True, one_hot=True
        )
    else:
        column = find_label_column(train.columns, options.label_column, text_columns)
        labels = LabelReader((column,), train.class_names.get(column), overlapping=options.multi_label)
    reader = RowReader(
        text_columns,
        labels,
        options.separator,
        tuple(options.number_columns),
        tuple(options.category_columns),
        options.group_column,
    )
    require_columns(reader.columns, train.columns)
    if both := set(reader.labels.columns) & {
        *text_columns,
        *options.number_columns,
        *options.category_columns,
    }:
        raise ValueError(
            f"column {min(both)!r} cannot be the label and something that it is told from at once"
        )
    return reader


def _write(
    split: Split, reader: RowReader, rows: KeptRows, names: list[str], split_name: str
) -> datasets.Dataset:
    """The rows kept of a split, as an Arrow file in the cache of ``datasets``, named by its content."""
    import datasets
    import pyarrow as pa

    label = datasets.ClassLabel(names=names)
    kinds = {
        "text": datasets.Value("string"),
        "labels": datasets.List(label) if reader.labels.overlapping else label,
        **{name: datasets.Value("float64") for name in reader.number_columns},
        **{name: datasets.Value("string") for name in reader.category_columns},
        **({"group": datasets.Value("int64")} if reader.group_column else {}),
    }
    features = datasets.Features(kinds)
    content = hashlib.blake2b(json.dumps([names, *kinds]).encode(), digest_size=16)
    content.update(rows.digests.tobytes())
    content.update(rows.labels.tobytes())
    content.update(rows.groups.tobytes() if reader.group_column else b"")
    path = Path(datasets.config.HF_DATASETS_CACHE) / "bilstm_classifier" / f"{content.hexdigest()}.arrow"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{uuid.uuid4().hex}.unfinished")
        try:
            with (
                pa.OSFile(str(unfinished), "wb") as sink,
                pa.ipc.new_stream(sink, features.arrow_schema) as writer,
            ):
                for batch in _batches(split, reader, rows):
                    columns = [
                        pa.array(values, kind.type, from_pandas=True)  # NaN is null
                        for values, kind in zip(batch.values(), features.arrow_schema, strict=True)
                    ]
                    writer.write_batch(pa.record_batch(columns, schema=features.arrow_schema))
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    return datasets.Dataset.from_file(str(path), split=datasets.NamedSplit(split_name))


def _batches(split: Split, reader: RowReader, rows: KeptRows) -> Iterator[dict[str, list[Any]]]:
    """The rows kept, by column, in batches bounded by characters too: a text may have 10 MB."""
    import numpy as np

    columns = ("text", *reader.number_columns, *reader.category_columns)
    batch: dict[str, list[Any]] = {name: [] for name in columns}
    start, size, number = 0, 0, 0

    def with_labels() -> dict[str, list[Any]]:
        chosen = rows.labels[start:number]
        labels = [np.flatnonzero(row).tolist() for row in chosen] if chosen.ndim == 2 else chosen.tolist()
        groups = {"group": rows.groups[start:number].tolist()} if reader.group_column else {}
        return {"text": batch.pop("text"), "labels": labels, **batch, **groups}

    for position, (place, row) in enumerate(split.rows(reader.columns)):
        if number == len(rows):
            break
        if position != rows.positions[number]:
            continue
        text, beside = reader.text(place, row) or "", reader.beside(place, row)
        if row_digest(text, beside, place) != rows.digests[number].tobytes():
            raise ValueError(f"{place}: the source changed while it was being read; start again")
        for name, value in {"text": text, **beside}.items():
            batch[name].append(value)
        size += len(text)
        number += 1
        if number - start == _BATCH_ROWS or size >= _BATCH_CHARACTERS:
            yield with_labels()
            batch, start, size = {name: [] for name in columns}, number, 0
    if number < len(rows):
        raise ValueError("the source became shorter while it was being read; start again")
    if number > start:
        yield with_labels()


def _log(report: CleaningReport, names: Sequence[str]) -> None:
    texts, labels = listed_columns(report.text_columns), listed_columns(report.label_columns)
    logger.info("%s: text from %s, label from %s, classes: %s", report.source, texts, labels, some(names))
    for name, counts in sorted(report.splits.items(), reverse=True):
        logger.info("%s, split %s: %s", report.source, name, counts)
    logger.info("rows: %s", ", ".join(f"{name} {size}" for name, size in report.sizes.items()))
    if report.dropped_classes:
        dropped = some([f"{name} ({count})" for name, count in report.dropped_classes.items()])
        logger.warning("%s: classes dropped for having too few rows: %s", report.source, dropped)
    for name, classes in report.missing_classes.items():
        if classes:
            logger.warning(
                "%s: classes with too few rows to have one in %s: %s", report.source, name, some(classes)
            )
