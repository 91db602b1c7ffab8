"""Files whose rows say what is right: which column says it, and how well predictions agree with it.

Only counts are kept, so that memory does not grow with a file; and the standard library is enough, since a model
predicts without the packages that training needs.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..data.columns import LABEL_NAMES, require_columns
from ..data.labels import LabelReader, without_point

if TYPE_CHECKING:
    from ..data.reading import Table
    from ..decision import Decision
    from ..prediction import TextPrediction

# Rows that are looked at to see whether a column holds labels of the model.
SAMPLE_ROWS = 200
PAIRS_SHOWN = 10
STRANGERS_NAMED = 5


@dataclass(frozen=True)
class TrueLabels:
    """Reads the true labels of a row.

    Attributes:
        reader: Of the column.
        by_id: The model's label names, where the column holds their ids in place of them; else empty.
        asked_for: Whether somebody named the column: in one that was only found, what is no label stops nothing.
    """

    reader: LabelReader
    by_id: tuple[str, ...] = ()
    asked_for: bool = True

    @property
    def column(self) -> str:
        """The column with the labels."""
        return self.reader.columns[0]

    def read(self, place: str, row: dict[str, Any]) -> tuple[str, ...] | None:
        """The labels of a row, whether the model knows them or not; ``None`` where it has no label.

        Raises:
            ValueError: a cell that is no label; the message names the place.
        """
        try:
            found = self.reader.read(place, row)
        except ValueError:
            if self.asked_for:
                raise
            return None
        if found is None:
            return None
        names = map(without_point, found)
        return tuple(self.by_id[int(name)] if _is_id(name, self.by_id) else name for name in names)


def find_true_labels(
    table: "Table", wanted: str | None, taken: Collection[str], label_names: Sequence[str], overlapping: bool
) -> TrueLabels | None:
    """The column of a file that holds true labels.

    Args:
        table: The file.
        wanted: The column; ``None`` takes the first with a usual name most of whose labels are the model's.
        taken: Columns that the model reads: of these none is taken.
        label_names: The model's labels.
        overlapping: Whether a text may have several.

    Raises:
        ValueError: the column wanted is not there, or the model reads it.
    """
    if wanted is not None:
        require_columns([wanted], table.columns)
        if wanted in taken:
            raise ValueError(
                f"column {wanted!r} cannot be the label and something that it is told from at once"
            )
    usual = [name for name in table.columns if name.casefold() in LABEL_NAMES and name not in taken]
    usual.sort(key=lambda name: LABEL_NAMES.index(name.casefold()))
    columns = usual if wanted is None else [wanted]
    sample = list(_first_rows(table)) if columns else []
    for column in columns:
        reader = LabelReader((column,), overlapping=overlapping)
        found = list(map(without_point, _names(reader, sample)))
        known = sum(name in label_names for name in found)
        if wanted is None and found and 2 * known >= len(found):
            return TrueLabels(reader, asked_for=False)
        if wanted is not None:
            ids = not known and all(_is_id(name, label_names) for name in found)
            return TrueLabels(reader, tuple(label_names) if ids and found else ())
    return None


def _first_rows(table: "Table") -> Iterator[dict[str, Any]]:
    try:
        for count, (_, row) in enumerate(table.rows(), 1):
            yield row
            if count == SAMPLE_ROWS:
                return
    except ValueError:  # told of when the row's turn comes, after those before it
        return


def _names(reader: LabelReader, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        try:
            yield from reader.read("the sample", row) or ()
        except ValueError:  # no label: of no model
            yield ""


def _is_id(name: str, label_names: Sequence[str]) -> bool:
    return name.isdecimal() and int(name) < len(label_names)


# --- agreement ---


@dataclass
class Strangers:
    """Labels that the model does not know: in how many rows, how many, and the first by name."""

    rows: int = 0
    labels: int = 0
    named: list[str] = field(default_factory=list)
    more: bool = False

    def add(self, names: Sequence[str]) -> None:
        """Take note of those of a row."""
        self.rows += bool(names)
        self.labels += len(names)
        for name in names:
            if name in self.named:
                continue
            if len(self.named) < STRANGERS_NAMED:
                self.named.append(name)
            else:
                self.more = True

    def lines(self) -> list[str]:
        """What to say of them: a line, or none."""
        if not self.rows:
            return []
        names = ", ".join(f"{name!r:.40}" for name in self.named)
        return [
            f"{_rows(self.rows)} with a label that the model does not know "
            f"({names}{' and others' if self.more else ''}): counted as wrong"
        ]


class SingleLabelTally:
    """How predictions of one label a row agree with the true ones.

    Args:
        label_names: The model's labels, in their order.
        ordered: They are steps, whose distance counts.
        unknown: What the model answers where it claims none, as it is shown.
    """

    def __init__(self, label_names: Sequence[str], ordered: bool, unknown: str):
        self._steps = {name: number for number, name in enumerate(label_names)}
        self._ordered = ordered
        self._unknown = unknown
        self._pairs: Counter[tuple[str, str]] = Counter()  # true and predicted: no more than labels squared
        self._strangers = Strangers()

    def add(self, labels: Sequence[str], prediction: "TextPrediction") -> None:
        """Take note of a labelled row."""
        if labels[0] in self._steps:
            self._pairs[labels[0], (prediction.labels or (self._unknown,))[0]] += 1
        else:
            self._strangers.add(labels)

    def lines(self) -> list[str]:
        """What to say, line by line."""
        known = self._pairs.total()
        rows = known + self._strangers.rows
        if not rows:
            return []
        right = sum(count for (true, predicted), count in self._pairs.items() if true == predicted)
        lines = [f"accuracy {right / rows:.4f} on {_rows(rows, 'labelled ')}"]
        claimed = {pair: count for pair, count in self._pairs.items() if pair[1] in self._steps}
        if self._ordered and claimed:
            steps = sum(
                count * abs(self._steps[true] - self._steps[predicted])
                for (true, predicted), count in claimed.items()
            )
            lines.append(f"mean absolute error {steps / sum(claimed.values()):.4f} (in steps of the labels)")
        confused = [(pair, count) for pair, count in self._pairs.most_common() if pair[0] != pair[1]]
        if confused:
            lines.append("most confused (true -> predicted, rows):")
            arrows = [f"{true} -> {predicted}" for (true, predicted), _ in confused[:PAIRS_SHOWN]]
            width = max(map(len, arrows))
            lines += [
                f"  {arrow:<{width}}  {count:,}" for arrow, (_, count) in zip(arrows, confused, strict=False)
            ]
        return lines + self._strangers.lines()


class OverlappingTally:
    """How predictions of any number of labels a row agree with the true ones; ``label_names`` are the model's."""

    def __init__(self, label_names: Sequence[str]):
        self._label_names = frozenset(label_names)
        self._true: Counter[str] = Counter()
        self._chosen: Counter[str] = Counter()
        self._right: Counter[str] = Counter()
        self._rows = 0
        self._exact = 0
        self._strangers = Strangers()

    def add(self, labels: Sequence[str], prediction: "TextPrediction") -> None:
        """Take note of a labelled row."""
        true, chosen = set(labels) & self._label_names, set(prediction.labels)
        self._rows += 1
        self._exact += set(labels) == chosen
        self._true.update(true)
        self._chosen.update(chosen)
        self._right.update(true & chosen)
        self._strangers.add([name for name in labels if name not in self._label_names])

    def lines(self) -> list[str]:
        """What to say, line by line. As in ``multi_label_scores``, macro F1 is over labels that occur or were chosen.

        A label that the model does not know counts as missed in micro F1 and subset accuracy.
        """
        if not self._rows:
            return []
        given = self._true.total() + self._chosen.total() + self._strangers.labels
        micro = 2 * self._right.total() / given if given else 0.0
        occurring = self._true.keys() | self._chosen.keys()
        each = [2 * self._right[name] / (self._true[name] + self._chosen[name]) for name in occurring]
        macro = sum(each) / len(each) if each else 0.0
        return [
            f"micro F1 {micro:.4f}, macro F1 {macro:.4f}, subset accuracy {self._exact / self._rows:.4f} "
            f"on {_rows(self._rows, 'labelled ')}",
            *self._strangers.lines(),
        ]


class Comparison:
    """Predictions beside the labels in ``column``; see :class:`SingleLabelTally` for ``ordered`` and ``unknown``."""

    def __init__(self, column: str, decision: "Decision", ordered: bool, unknown: str):
        self._column = column
        self._tally = (
            OverlappingTally(decision.label_names)
            if decision.overlapping
            else SingleLabelTally(decision.label_names, ordered, unknown)
        )
        self._unlabelled = 0

    def add(self, labels: Sequence[str] | None, prediction: "TextPrediction") -> None:
        """Take note of a row; ``labels`` is ``None`` where it has no label."""
        if labels is None:
            self._unlabelled += 1
        else:
            self._tally.add(labels, prediction)

    def lines(self) -> list[str]:
        """What to say, line by line."""
        lines = [f"compared with the labels in column {self._column!r}:"]
        lines += self._tally.lines() or ["no row has a label"]
        if self._unlabelled:
            lines.append(f"{_rows(self._unlabelled)} without a label, left out")
        return lines


def _rows(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}row{'' if count == 1 else 's'}"
