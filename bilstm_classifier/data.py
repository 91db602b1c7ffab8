"""Any source of labelled texts -> a cleaned, split ``DatasetDict`` with the columns ``text`` and ``labels``.

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
from typing import TYPE_CHECKING, Unpack

from .cleaning import (
    KeptRows,
    RowReader,
    SplitReport,
    check_classes,
    clean,
    drop_rare_classes,
    listed_columns,
    name_classes,
    some,
    text_digest,
)
from .columns import find_label_column, find_text_columns
from .hub import HubOptions
from .sources import Split, open_source

if TYPE_CHECKING:
    import datasets
    import numpy as np

logger = logging.getLogger(__name__)

_BATCH_ROWS, _BATCH_CHARACTERS = 1000, 2**24


@dataclass(frozen=True)
class LoadingOptions:
    """The options of ``load_dataset_dict``, explained there, as one value."""

    text_columns: str | Sequence[str] | None = None
    label_column: str | None = None
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

    @property
    def expected_columns(self) -> list[str]:
        """The columns asked for by name."""
        texts = [self.text_columns] if isinstance(self.text_columns, str) else list(self.text_columns or ())
        return [*texts, self.label_column] if self.label_column else texts


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
    label_column: str
    splits: dict[str, SplitReport]
    dropped_classes: dict[str, int]
    sizes: dict[str, int]
    missing_classes: dict[str, list[str]]


def load_dataset_dict(
    source: str | Path,
    *,
    text_columns: str | Sequence[str] | None = None,
    label_column: str | None = None,
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
            the files ``train.*``, ``test.*``, ``validation.*``; else the id of a data set on the Hub.
        text_columns: the column of the text, or several to be joined in order (a null in one is joined as
            nothing); None takes the one with a usual name (text, news, content, sentence, review...).
        label_column: None takes the one with a usual name (labels, label, category, topic, score, rating...).
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
            :class:`bilstm_classifier.hub.HubOptions`.

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
        text_columns = find_text_columns(train.columns, options.text_columns)
        label_column = find_label_column(train.columns, options.label_column, text_columns)
    except ValueError as error:
        raise ValueError(f"{opened.name}: {error}") from error
    opened.require_columns([*text_columns, label_column])
    reader = RowReader(text_columns, label_column, options.separator, train.class_names.get(label_column))

    kept, found, reports = clean(opened, reader)
    try:
        names, ids = name_classes(found, reader.class_names, options.label_names)
        for rows in kept.values():
            rows.labels = ids[rows.labels]
        kept, names, dropped = drop_rare_classes(kept, names, options.min_samples)
        check_classes(kept, names)
        shares = {"test": options.test_size, "validation": options.validation_size}
        shares = {name: share for name, share in shares.items() if share and name not in kept}
        places = stratified_cut(kept["train"].labels, shares, options.seed)
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
    report = CleaningReport(
        source=opened.name,
        text_columns=text_columns,
        label_column=label_column,
        splits=reports,
        dropped_classes=dropped,
        sizes={name: len(dataset) for name, dataset in result.items()},
        missing_classes={
            name: [names[i] for i in sorted(set(labels.tolist()) - set(labels[places[name]].tolist()))]
            for name in shares
        },
    )
    _log(report, names)
    return datasets.DatasetDict(result), report


def stratified_cut(labels: np.ndarray, shares: dict[str, float], seed: int) -> dict[str, np.ndarray]:
    """Cuts rows into ``train`` and other splits, class by class in proportion.

    Each class gives its share of rows, and keeps one for ``train``; the rows that rounding leaves over come
    from the classes with the largest fractions, at random among equals.

    Args:
        labels: class ids, (rows,).
        shares: the share of all rows for each split to cut.
        seed: the same seed gives the same cut.

    Returns:
        For ``train`` and each split to cut the places of its rows, ascending.

    Raises:
        ValueError: there are too few rows for a split.
    """
    import numpy as np

    classes = int(labels.max()) + 1
    generator = np.random.default_rng(seed)
    by_class = [generator.permutation(np.flatnonzero(labels == i)) for i in range(classes)]
    free = np.array([len(places) - 1 for places in by_class]).clip(0)  # a class keeps one row to train on
    result: dict[str, np.ndarray] = {}
    for name, share in shares.items():
        wanted = np.bincount(labels, minlength=classes) * share  # (classes,)
        taken = np.minimum(np.floor(wanted).astype(np.int64), free)
        left_over = max(1, round(len(labels) * share)) - int(taken.sum())
        order = np.lexsort((generator.random(classes), taken - wanted))  # the largest fraction first
        order = order[free[order] > taken[order]]
        taken[order[: max(0, left_over)]] += 1
        if not taken.any():
            raise ValueError(
                f"{len(labels)} rows in {classes} classes are too few to cut a {name} split from; "
                f"set {name}_size=0 or add rows"
            )
        chosen = [
            places[free[i] + 1 - taken[i] : free[i] + 1] for i, places in enumerate(by_class) if taken[i]
        ]
        result[name] = np.sort(np.concatenate(chosen))
        free -= taken
    rest = np.ones(len(labels), dtype=bool)
    for places in result.values():
        rest[places] = False
    result["train"] = np.flatnonzero(rest)
    return result


def _write(
    split: Split, reader: RowReader, rows: KeptRows, names: list[str], split_name: str
) -> datasets.Dataset:
    """The rows kept of a split, as an Arrow file in the cache of ``datasets``, named by its content."""
    import datasets
    import pyarrow as pa

    features = datasets.Features(
        {"text": datasets.Value("string"), "labels": datasets.ClassLabel(names=names)}
    )
    content = hashlib.blake2b(json.dumps(names).encode(), digest_size=16)
    content.update(rows.digests.tobytes())
    content.update(rows.labels.tobytes())
    path = Path(datasets.config.HF_DATASETS_CACHE) / "bilstm_classifier" / f"{content.hexdigest()}.arrow"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{uuid.uuid4().hex}.unfinished")
        try:
            with (
                pa.OSFile(str(unfinished), "wb") as sink,
                pa.ipc.new_stream(sink, features.arrow_schema) as writer,
            ):
                for texts, labels in _batches(split, reader, rows):
                    writer.write_batch(
                        pa.record_batch(
                            [pa.array(texts, pa.string()), pa.array(labels)], schema=features.arrow_schema
                        )
                    )
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    return datasets.Dataset.from_file(str(path), split=datasets.NamedSplit(split_name))


def _batches(split: Split, reader: RowReader, rows: KeptRows) -> Iterator[tuple[list[str], list[int]]]:
    """Texts and labels of the rows kept, in batches bounded by characters too: a text may have 10 MB."""
    texts: list[str] = []
    start, size, number = 0, 0, 0
    for position, (place, row) in enumerate(split.rows(reader.columns)):
        if number == len(rows):
            break
        if position != rows.positions[number]:
            continue
        text = reader.text(place, row) or ""
        if text_digest(text, place) != rows.digests[number].tobytes():
            raise ValueError(f"{place}: the source changed while it was being read; start again")
        texts.append(text)
        size += len(text)
        number += 1
        if len(texts) == _BATCH_ROWS or size >= _BATCH_CHARACTERS:
            yield texts, rows.labels[start:number].tolist()
            texts, start, size = [], number, 0
    if number < len(rows):
        raise ValueError("the source became shorter while it was being read; start again")
    if texts:
        yield texts, rows.labels[start:number].tolist()


def _log(report: CleaningReport, names: Sequence[str]) -> None:
    texts = listed_columns(report.text_columns)
    logger.info(
        "%s: text from %s, label from %r, classes: %s", report.source, texts, report.label_column, some(names)
    )
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
