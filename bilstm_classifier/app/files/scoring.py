"""All rows of a file, classified as they are read; what is kept of them does not grow with the file."""

import heapq
import secrets
import shutil
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ... import TextPrediction
from ..messages import Language
from ..service import BadText, Service
from .errors import bad_file, cut
from .exports import Exports
from .true_labels import known_labels, label_text
from .uploads import Upload, rows_of, size_of

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
    """A row whose prediction is not its true label."""

    score: float
    number: int
    text: str
    true: int
    predicted: int


@dataclass
class Outcome:
    """What is known of the rows classified so far.

    Attributes:
        labels: Names of the model's labels.
        rows: How many rows there were.
        empty: Rows without a text.
        unsure: Rows of which the model is unsure.
        partly_read: Rows of whose text the model read the beginning only.
        by_label: How often each label was chosen.
        first: The first rows.
        sample: Rows spread evenly over the file.
        true: The true label of each row that has a text and a label of the model, by its id.
        predicted: The label predicted of each of these.
        mistakes: The most confident of them that differ; see ``most_confident_mistakes``.
        unlabelled: Rows whose label is empty.
        unknown: Rows with a label that the model does not have.
        unknown_named: The first of these labels.
    """

    labels: Sequence[str]
    rows: int = 0
    empty: int = 0
    unsure: int = 0
    partly_read: int = 0
    by_label: Counter[str] = field(default_factory=Counter)
    first: list[Answer] = field(default_factory=list)
    sample: "EvenSample" = field(default_factory=lambda: EvenSample(SAMPLE))
    true: "array[int]" = field(default_factory=lambda: array("i"))
    predicted: "array[int]" = field(default_factory=lambda: array("i"))
    mistakes: list[Mistake] = field(default_factory=list)
    unlabelled: int = 0
    unknown: int = 0
    unknown_named: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = {label: index for index, label in enumerate(self.labels)}
        self._known = known_labels(self.labels)

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
            self.unknown += 1
            if len(self.unknown_named) < UNKNOWN_NAMED and cut(given) not in self.unknown_named:
                self.unknown_named.append(cut(given))
            return
        best = found.top(1)[0]
        predicted = self._ids[best.label]
        self.true.append(true)
        self.predicted.append(predicted)
        if true == predicted:
            return
        mistake = Mistake(best.score, -self.rows, text[: TEXT_SHOWN + 1], true, predicted)
        if len(self.mistakes) < MISTAKES_SHOWN:
            heapq.heappush(self.mistakes, mistake)
        else:
            heapq.heappushpop(self.mistakes, mistake)

    def most_confident_mistakes(self) -> list[Mistake]:
        """The mistakes kept, the most confident first."""
        return sorted(self.mistakes, reverse=True)

    def report(self) -> dict[str, Any] | None:
        """``classification_report`` of the rows with a known true label; ``None`` where there is none."""
        if not self.true:
            return None
        from ...metrics import classification_report

        return classification_report(np.array(self.true), np.array(self.predicted), self.labels)


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
        label_column: Place of the column with the true labels, if there is one.
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
            if column is not None and not (isinstance(column, int) and 0 <= column < len(columns)):
                known = ", ".join(map(cut, columns[:20]))
                raise bad_file("file_no_column", name, self.language, found=column, known=known)
        if self.text_column == self.label_column:
            raise bad_file("file_same_column", name, self.language)
        if self.upload.holds_numbers(self.text_column):
            found = cut(columns[self.text_column])
            raise bad_file("file_numbers", name, self.language, found=found)


def classify_rows(service: Service, job: Job, exports: Exports, outcome: Outcome) -> Iterator[int]:
    """Classify all rows of a file; yields how many were, a few hundred at a time.

    Raises:
        BadFile: a row cannot be read.
        OSError: the results cannot be written.
    """
    columns = job.upload.columns
    for rows in _chunks(rows_of(job.upload, job.language)):
        texts = [_text(row.get(columns[job.text_column]), service.settings.max_characters) for row in rows]
        found = [
            None if isinstance(answer, BadText) else answer
            for answer in service.classify(texts, [job.language] * len(texts))
        ]
        exports.write(rows, found)
        for row, text, answer in zip(rows, texts, found, strict=True):
            outcome.add(text, answer)
            if job.label_column is not None:
                outcome.compare(row.get(columns[job.label_column]), text, answer)
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


def _text(cell: Any, longest: int) -> str:
    """What there is to read in a cell: as much of it as is taken of any text, and the model reads less."""
    return cell[:longest] if isinstance(cell, str) else ""


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
