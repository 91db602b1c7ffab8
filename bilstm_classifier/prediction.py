"""What a model says of a text."""

from dataclasses import dataclass
from typing import NamedTuple


class Prediction(NamedTuple):
    """A label and its probability."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class TextPrediction:
    """What the model says of one text.

    Attributes:
        labels: The labels chosen: one (none where a model that may answer "unknown" does), or those that reach their
            threshold when labels overlap.
        probabilities: Probability by label, in the order of the model's ``id2label``.
        tokens: Tokens of the text.
        tokens_read: Tokens of it that the model read.
        unsure: Whether the likeliest label is less likely than the bound that the model was shipped with
            (``unsure_below`` of its config); ``False`` where it has none.
        stage: Number, from 1, of the cascade's stage that chose the label; 0 where none did.
        keyword: The keyword whose rule chose the label; empty where none did.
    """

    labels: tuple[str, ...]
    probabilities: dict[str, float]
    tokens: int
    tokens_read: int
    unsure: bool = False
    stage: int = 0
    keyword: str = ""

    @property
    def reason(self) -> str:
        """What chose the label where it was not the likelihood, in words; empty where it was."""
        if self.keyword:
            return f"the keyword {self.keyword!r}"
        return f"stage {self.stage}" if self.stage else ""

    @property
    def leading(self) -> Prediction:
        """The likeliest of the chosen labels; of all where none is chosen."""
        label = self.labels[0] if self.labels else max(self.probabilities, key=self.probabilities.__getitem__)
        return Prediction(label, self.probabilities[label])

    def top(self, k: int) -> list[Prediction]:
        """The ``k`` likeliest labels, the likeliest first."""
        ranked = sorted(self.probabilities.items(), key=lambda item: -item[1])
        return [Prediction(label, score) for label, score in ranked[:k]]
