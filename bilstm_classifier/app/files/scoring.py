"""All rows of a file, classified as they are read; what is kept of them does not grow with the file."""

import heapq
import secrets
import shutil
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ... import TextPrediction
from ...predictor import UNKNOWN
from ..asked import BadText
from ..messages import Language
from ..service import Service
from .errors import bad_file, cut
from .exports import Exports
from .rows import RowReader
from .true_labels import SeveralLabels, UnknownLabels, known_labels, label_text
from .uploads import ONE_HOT, Upload, rows_of, size_of

# Little enough at once that others' single texts get their turn and that stopping is felt at once.
CHUNK_ROWS = 256
CHUNK_CHARACTERS = 32_000
ROWS_SHOWN = 100
MISTAKES_SHOWN = 20
SAMPLE = 40
TEXT_SHOWN = 200  # characters; one more is kept, which tells that there are more
UNKNOWN_NAMED = 5
FILES = "files"  # one file is classified at a time, beside single texts


class Answer(NamedTuple):
    """A row as it is shown: the beginning of its text, and what the model says of it, if there was a text."""

    text: str
    found: TextPrediction | None


class Mistake(NamedTuple):
    """A row whose predicted labels, by their ids, are not the true ones.

    ``score`` is the probability of the wrong answer; where labels overlap, of the wrongest among those of a label.
    """

    score: float
    number: int
    text: str
    true: tuple[int, ...]
    predicted: tuple[int, ...]


@dataclass
class Outcome:
    """What is known of the rows classified so far.

    Attributes:
        labels: Names of the model's labels.
        overlapping: Whether a row may have several, or none.
        rows: How many rows there were.
        empty: Rows without a text.
        unsure: Rows of which the model is unsure.
        partly_read: Rows of whose text the model read the beginning only.
        by_label: How often each label was chosen.
        without_label: Rows for which none was: their label is unknown, or no label reaches its threshold.
        first: The first rows.
        sample: Rows spread evenly over the file.
        measured: Rows that have a text and true labels of the model.
        true: The true label of each of these, by its id; where labels overlap, 1 or 0 for each label.
        predicted: The label predicted of each, the number of labels for an unknown one; or 1 or 0 for each label.
        scores: The probabilities of all labels for each, where labels overlap.
        mistakes: The most confident of them that differ; see ``most_confident_mistakes``.
        broken: Rows whose true labels cannot be read.
        broken_named: What stands in the first of these.
        unlabelled: Rows whose label is empty.
        unknown: Rows with a label that the model does not have.
        unknown_named: The first of these labels.
        missing_columns: Columns that the model reads and the file does not have.
        unread_cells: Cells that count as missing because what stands in them cannot be read.
        unread_named: The first of these.
    """

    labels: Sequence[str]
    overlapping: bool = False
    rows: int = 0
    empty: int = 0
    unsure: int = 0
    partly_read: int = 0
    by_label: Counter[str] = field(default_factory=Counter)
    without_label: int = 0
    first: list[Answer] = field(default_factory=list)
    sample: "EvenSample" = field(default_factory=lambda: EvenSample(SAMPLE))
    measured: int = 0
    true: "array[int]" = field(default_factory=lambda: array("i"))
    predicted: "array[int]" = field(default_factory=lambda: array("i"))
    scores: "array[float]" = field(default_factory=lambda: array("f"))
    mistakes: list[Mistake] = field(default_factory=list)
    broken: int = 0
    broken_named: list[str] = field(default_factory=list)
    unlabelled: int = 0
    unknown: int = 0
    unknown_named: list[str] = field(default_factory=list)
    missing_columns: Sequence[str] = ()
    unread_cells: int = 0
    unread_named: Sequence[str] = ()

    def __post_init__(self) -> None:
        self._ids = {label: index for index, label in enumerate(self.labels)}
        self._known = known_labels(self.labels)
        if self.overlapping:  # a byte a label, and not four
            self.true, self.predicted = array("b"), array("b")

    def add(self, text: str, found: TextPrediction | None) -> None:
        """Take note of a row."""
        self.rows += 1
        answer = Answer(text[: TEXT_SHOWN + 1], found)
        if len(self.first) < ROWS_SHOWN:
            self.first.append(answer)
        if found is None:
            self.empty += 1
            return
        self.sample.add(answer)
        self.unsure += found.unsure
        self.partly_read += found.tokens_read < found.tokens
        self.by_label.update(found.labels)
        self.without_label += not found.labels

    def compare(self, value: Any, text: str, found: TextPrediction | None) -> None:
        """Take note of the label that the row added last should have, as a cell of the file gives it."""
        if found is None:
            return
        given = label_text(value)
        if not given:
            self.unlabelled += 1
            return
        true = self._known.get(given.casefold())
        if true is None:
            self._not_known(given)
            return
        predicted = tuple(self._ids[label] for label in found.labels)
        self.measured += 1
        self.true.append(true)
        self.predicted.append(predicted[0] if predicted else len(self.labels))
        if (true,) != predicted:
            self._keep(Mistake(found.leading.score, -self.rows, text[: TEXT_SHOWN + 1], (true,), predicted))

    def compare_several(
        self, row: Mapping[str, Any], labels: SeveralLabels, text: str, found: TextPrediction | None
    ) -> None:
        """Take note of the ``labels`` that the row added last should have, where they overlap."""
        if found is None:
            return
        try:
            true = labels.read(row)
        except UnknownLabels as error:
            self._not_known(str(error))
            return
        except ValueError as error:
            self.broken += 1
            if len(self.broken_named) < UNKNOWN_NAMED:
                self.broken_named.append(cut(str(error)))
            return
        if true is None:
            self.unlabelled += 1
            return
        scores = list(found.probabilities.values())
        predicted = tuple(sorted(self._ids[label] for label in found.labels))
        self.measured += 1
        self.true.extend(label in true for label in range(len(scores)))
        self.predicted.extend(label in predicted for label in range(len(scores)))
        self.scores.extend(scores)
        if true != predicted:
            wrong = [scores[label] for label in set(predicted) - set(true)]
            missed = [1 - scores[label] for label in set(true) - set(predicted)]
            worst = max(wrong + missed)
            self._keep(Mistake(worst, -self.rows, text[: TEXT_SHOWN + 1], true, predicted))

    def _not_known(self, label: str) -> None:
        self.unknown += 1
        if len(self.unknown_named) < UNKNOWN_NAMED and cut(label) not in self.unknown_named:
            self.unknown_named.append(cut(label))

    def _keep(self, mistake: Mistake) -> None:
        if len(self.mistakes) < MISTAKES_SHOWN:
            heapq.heappush(self.mistakes, mistake)
        else:
            heapq.heappushpop(self.mistakes, mistake)

    def most_confident_mistakes(self) -> list[Mistake]:
        """The mistakes kept, the most confident first."""
        return sorted(self.mistakes, reverse=True)

    def report(self) -> dict[str, Any] | None:
        """The figures of the rows with known true labels; ``None`` where there is none.

        ``multi_label_report`` where labels overlap, else ``classification_report``. There, answers that are unknown
        are wrong: the last row and column of its matrix, and no label that averages count.
        """
        if not self.measured:
            return None
        if self.overlapping:
            return self._report_of_several()
        from ...evaluation.metrics import classification_report

        true, predicted = np.array(self.true), np.array(self.predicted)
        if (predicted < len(self.labels)).all():
            return classification_report(true, predicted, self.labels)
        unknown = next(name for name in (UNKNOWN, f"{UNKNOWN}_2") if name not in self.labels)
        report = classification_report(true, predicted, [*self.labels, unknown])
        del report["per_class"][unknown]
        answered = {self.labels[label] for label in {*self.true, *self.predicted} if label < len(self.labels)}
        for name in ("precision", "recall", "f1"):
            report[f"{name}_macro"] = float(np.mean([report["per_class"][label][name] for label in answered]))
        return report

    def _report_of_several(self) -> dict[str, Any] | None:
        if len(self.labels) < 2:
            return None
        from ...evaluation.multi_label_metrics import multi_label_report

        true, predicted, scores = (
            np.array(values).reshape(self.measured, -1) for values in (self.true, self.predicted, self.scores)
        )
        return multi_label_report(true, scores, predicted, self.labels)


class EvenSample:
    """At least ``size`` and fewer than twice as many things, evenly spread over a stream of unknown length."""

    def __init__(self, size: int):
        self.size = size
        self._step = 1
        self._seen = 0
        self._kept: list[Answer] = []

    def add(self, thing: Answer) -> None:
        """Take note of the next thing of the stream."""
        if self._seen % self._step == 0:
            self._kept.append(thing)
            if len(self._kept) == 2 * self.size:
                self._kept = self._kept[::2]
                self._step *= 2
        self._seen += 1

    def taken(self) -> list[Answer]:
        """``size`` of the stream's things, or all if there were fewer."""
        places = np.linspace(0, len(self._kept) - 1, min(self.size, len(self._kept))).round().astype(int)
        return [self._kept[place] for place in places]


@dataclass(frozen=True)
class Job:
    """A file to classify.

    Attributes:
        upload: The file.
        text_column: Place of the column with the texts.
        label_column: Place of the column with the true labels, if there is one; ``ONE_HOT`` for a column a label.
        language: Language of its messages.
    """

    upload: Upload
    text_column: int
    label_column: int | None
    language: Language

    def check(self) -> None:
        """See that the columns are there and the texts are no numbers, in which there is nothing to read.

        Raises:
            BadFile: they are not.
        """
        name, columns = self.upload.name, self.upload.columns
        for column in (self.text_column, self.label_column):
            if column is None or (column == ONE_HOT and column == self.label_column):
                continue
            if not (isinstance(column, int) and 0 <= column < len(columns)):
                known = ", ".join(map(cut, columns[:20]))
                raise bad_file("file_no_column", name, self.language, found=column, known=known)
        if self.text_column == self.label_column:
            raise bad_file("file_same_column", name, self.language)
        if self.upload.holds_numbers(self.text_column):
            found = cut(columns[self.text_column])
            raise bad_file("file_numbers", name, self.language, found=found)

    def label_columns(self, service: Service) -> list[str]:
        """Names of the columns with true labels: one, one a label, or none."""
        if self.label_column is None:
            return []
        if self.label_column == ONE_HOT:
            return self.upload.one_hot(service)
        return [self.upload.columns[self.label_column]]

    def missing_columns(self, service: Service) -> list[str]:
        """Columns that the model reads and the file does not have."""
        columns = self.upload.columns
        return RowReader(service, columns, columns[self.text_column], self.label_columns(service)).missing


def classify_rows(service: Service, job: Job, exports: Exports, outcome: Outcome) -> Iterator[int]:
    """Classify all rows of a file; yields how many were, a few hundred at a time.

    Raises:
        BadFile: a row cannot be read.
        OSError: the results cannot be written.
    """
    text_column, label_columns = job.upload.columns[job.text_column], job.label_columns(service)
    reader = RowReader(service, job.upload.columns, text_column, label_columns)
    outcome.missing_columns, outcome.unread_named = reader.missing, reader.unread_named
    several = SeveralLabels(service.labels, label_columns, one_hot=job.label_column == ONE_HOT)
    for rows in _chunks(rows_of(job.upload, job.language)):
        items = [reader.item(row) for row in rows]
        found = [
            None if isinstance(answer, BadText) else answer
            for answer in service.classify(items, [job.language] * len(items))
        ]
        exports.write(rows, found)
        outcome.unread_cells = reader.unread
        for row, item, answer in zip(rows, items, found, strict=True):
            text = service.inputs.text_of(item)
            outcome.add(text, answer)
            if label_columns and service.overlapping:
                outcome.compare_several(row, several, text, answer)
            elif label_columns:
                outcome.compare(row.get(label_columns[0]), text, answer)
        yield outcome.rows


@contextmanager
def result_folder(cache: str | Path) -> Iterator[Path]:
    """A folder for results within Gradio's own, whence they are served and deleted after a time without being copied.

    It goes at once where the block ends with an error or its generator is closed.
    """
    folder = Path(cache) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _chunks(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    characters = 0
    for row in rows:
        chunk.append(row)
        characters += size_of(row)
        if len(chunk) == CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
