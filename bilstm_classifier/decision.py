"""From logits to probabilities, and from those to labels, in NumPy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .cascade import Stage, apply_cascade

if TYPE_CHECKING:
    from .configuration import BiLSTMConfig
    from .rules import Rules


class Choice(NamedTuple):
    """Ids of the labels chosen for a text, the likeliest first, and what chose them where it was not the likelihood.

    ``stage`` is the number of the cascade's stage, from 1; ``keyword`` the keyword of a rule.
    """

    labels: tuple[int, ...]
    stage: int = 0
    keyword: str = ""


@dataclass(frozen=True)
class Decision:
    """How a model's probabilities become labels.

    The keyword rules come first, then the stages of the cascade, then the likeliest label; of labels that overlap, each
    that reaches its threshold is chosen.

    Attributes:
        label_names: Names of the labels in the order of their ids.
        problem_type: As in transformers.
        thresholds: One a label, for labels that overlap.
        cascade: One-vs-rest stages, for a single label.
        unclaimed: What becomes of a text that no stage claims: its likeliest label, or none.
        rules: Keyword rules.
    """

    label_names: tuple[str, ...]
    problem_type: str
    thresholds: tuple[float, ...] = ()
    cascade: tuple[Stage, ...] = ()
    unclaimed: str = "likeliest"
    rules: "Rules | None" = None

    @classmethod
    def of(cls, config: "BiLSTMConfig", rules: "Rules | None" = None) -> "Decision":
        """The decision that a model's config describes, after ``rules``."""
        names = tuple(config.label_names)
        return cls(
            names,
            config.problem_type,
            tuple(config.thresholds or [0.5] * len(names)),
            tuple(
                Stage(label=stage["label"], threshold=stage["threshold"]) for stage in config.cascade or ()
            ),
            config.unclaimed if config.cascade is not None else "likeliest",
            rules,
        )

    @property
    def overlapping(self) -> bool:
        """Whether a text may have several labels, or none."""
        return self.problem_type == "multi_label_classification"

    def choose(self, scores: np.ndarray, texts: Sequence[str]) -> list[Choice]:
        """What the probabilities ``scores`` (texts, labels) of ``texts`` speak for."""
        if self.overlapping:
            return [self._reached(row) for row in scores]
        ids, stages = apply_cascade(scores, self.cascade, self.label_names, self.unclaimed)
        choices = [
            Choice((index,) if index >= 0 else (), stage + 1)
            for index, stage in zip(ids.tolist(), stages.tolist(), strict=True)
        ]
        if self.rules is not None:
            for place, found in enumerate(self.rules.match_many(texts)):
                if found is not None:
                    label = self.label_names.index(found.label)
                    choices[place] = Choice((label,), keyword=found.keyword)
        return choices

    def _reached(self, scores: np.ndarray) -> Choice:
        order = np.argsort(-scores, kind="stable")
        return Choice(tuple(int(label) for label in order if scores[label] >= self.thresholds[label]))


def probabilities(logits: np.ndarray, problem_type: str) -> np.ndarray:
    """Probabilities of ``logits`` (texts, labels): softmax over the labels, or a sigmoid each when labels overlap."""
    logits = logits.astype(np.float32)
    if problem_type == "multi_label_classification":
        return np.exp(-np.logaddexp(0, -logits))
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
