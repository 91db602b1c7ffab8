"""The model in use: loaded once, shared by every visitor and program."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError
from yaml import YAMLError

from .. import Explanation, Predictor, TextPrediction, load_sample_news
from ..hub.measured import read_metrics, reports
from ..hub.transport import README, HubOptions, download, first_line
from ..inputs import Input
from ..model_folder import looks_like_path
from ..predictor import DEFAULT_MODEL
from .asked import Asked, BadText
from .messages import Language, say
from .russian import looks_russian
from .settings import Settings

logger = logging.getLogger(__name__)

PACKAGED = "bilstm-classifier"  # what the model in the package is called on the page
BATCH = 32  # requests that wait at the same time and are classified at once
# Texts that are classified before others get their turn.
PIECE = 64
# Models run in these threads and not in Gradio's, of which there are forty: PyTorch gives each that it meets workers
# and memory, which then stay.
_single_texts, _many_texts, _explanations = (
    ThreadPoolExecutor(1, thread_name_prefix=f"model-{work}") for work in ("single", "many", "explain")
)


@dataclass(frozen=True)
class Service:
    """A model ready for texts, with what is known of it.

    Attributes:
        predictor: The model with its tokenizer.
        name: What visitors see: folder, Hub id, or the packaged model's name.
        folder: Where its card and figures are.
        settings: Limits and the rest.
        absent: The model that should have been in use and could not be had, and why; empty where it could.
    """

    predictor: Predictor
    name: str
    folder: Path
    settings: Settings
    absent: str = ""

    @classmethod
    def load(cls, settings: Settings) -> "Service":
        """The model that ``settings`` name, or the one in the package where the Hub does not give it.

        Raises:
            OSError: a folder that is none, or holds no model.
            ValueError: what was found is not a model of this package, or is damaged.
        """
        absent = ""
        if settings.model_id:
            try:
                return cls.load_named(settings.model_id, settings, settings.model_revision)._warmed()
            except OSError as error:
                if looks_like_path(settings.model_id):  # a slip of the operator's, and not of the network
                    raise
                absent = str(error)
                logger.warning("%s; serving the model in the package in its place", absent)
        service = cls(Predictor.from_pretrained(), PACKAGED, DEFAULT_MODEL, settings, absent)
        return service._warmed()

    @classmethod
    def load_named(cls, name: str, settings: Settings, revision: str = "") -> "Service":
        """The model ``name``, a folder or Hub id, or that of the model in the package.

        Raises:
            OSError: it cannot be found or downloaded.
            ValueError: what was found is not a model of this package, or is damaged.
        """
        if name == PACKAGED:
            return cls(Predictor.from_pretrained(), PACKAGED, DEFAULT_MODEL, settings)
        options = HubOptions(revision=revision or None)
        predictor = Predictor.from_pretrained(name, **options)
        folder = Path(name).expanduser()
        if not looks_like_path(name):
            try:
                folder = download(name, [README, "metrics.json"], **options)
            except OSError as error:  # neither in the cache nor to be had: the model is
                logger.warning("card and figures of %s cannot be shown: %s", name, first_line(error))
        return cls(predictor, name, folder, settings)

    def _warmed(self) -> "Service":
        """Itself, after the first prediction and explanation, which take longer than those after them."""
        self.classify(["Первый текст"], ["ru"])
        self.explain("Первый текст", None, "ru")
        return self

    @property
    def labels(self) -> list[str]:
        """Names of the labels."""
        return self.predictor.labels

    @cached_property
    def is_for_news(self) -> bool:
        """Whether its labels are the eleven news categories."""
        return set(self.labels) == set(load_sample_news()[1])

    @property
    def overlapping(self) -> bool:
        """Whether a text may have several labels, or none."""
        return self.predictor.decision.overlapping

    @property
    def thresholds(self) -> dict[str, float]:
        """Probability from which on each overlapping label is chosen; empty for a model of single labels."""
        return (
            dict(zip(self.labels, self.predictor.decision.thresholds, strict=True))
            if self.overlapping
            else {}
        )

    @property
    def inputs(self) -> Asked:
        """What may be asked of it."""
        return Asked(self.predictor.inputs, self.settings.max_characters)

    @cached_property
    def card(self) -> str:
        """The model's card in Markdown, its metadata included; empty where it has none."""
        path = self.folder / README
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """What ``metrics.json`` of the model says; empty where it has none or it is damaged."""
        try:
            return read_metrics(self.folder)
        except (ValueError, OSError) as error:
            logger.warning("the figures of %s cannot be shown: %s", self.name, error)
            return {}

    @cached_property
    def is_for_russian(self) -> bool:
        """Whether the card says that the model is for Russian texts."""
        from huggingface_hub import ModelCard

        if not self.card:
            return False
        try:
            languages = ModelCard(self.card).data.to_dict().get("language") or []
        except (ValueError, TypeError, HFValidationError, YAMLError):  # metadata that are none
            return False
        return "ru" in ([languages] if isinstance(languages, str) else languages)

    def classify(
        self, texts: Sequence[object], languages: Sequence[Language]
    ) -> "list[TextPrediction | BadText]":
        """A prediction for each text that can be classified, and for the others why they cannot.

        For a model that reads columns, a text may be a mapping from column to value. A :class:`BadText` among the texts
        stays what it is.
        """
        answers: dict[int, TextPrediction | BadText] = {}
        sound: dict[int, Input] = {}
        inputs = self.inputs
        for number, (text, language) in enumerate(zip(texts, languages, strict=True)):
            try:
                if isinstance(text, BadText):
                    raise text
                sound[number] = inputs.check(text, language)
            except BadText as error:
                answers[number] = error
        numbers = list(sound)
        thread = _single_texts if len(numbers) <= PIECE else _many_texts
        for first in range(0, len(numbers), PIECE):
            piece = numbers[first : first + PIECE]
            found = thread.submit(self._predictions, [sound[number] for number in piece]).result()
            for number, prediction in zip(piece, found, strict=True):
                answers[number] = prediction or BadText(say("text_empty", languages[number]))
        return [answers[number] for number in range(len(texts))]

    def _predictions(self, items: list[Input]) -> list[TextPrediction | None]:
        """A prediction for each item, none where the tokenizer finds nothing in its text."""
        try:
            return [*self.predictor.predict(items)]
        except ValueError:  # one of them has such a text; rare enough to look for it only now
            has_tokens = self._have_tokens(items)
            found = iter(self.predictor.predict(list(compress(items, has_tokens))))
            return [next(found) if has_some else None for has_some in has_tokens]

    def _have_tokens(self, items: Sequence[Input]) -> list[bool]:
        texts = [self.inputs.text_of(item) for item in items]
        return [bool(text.tokens) for text in self.predictor.encoder.encode(texts)]

    def explain(self, item: object, label: str | None, language: Language) -> Explanation:
        """Which words of a text, or of a mapping from column to value, spoke for ``label``, the chosen one if none.

        Raises:
            BadText: a text or label that cannot be explained.
        """
        if label is not None and label not in self.labels:
            known = ", ".join(self.labels)
            raise BadText(say("unknown_label", language, found=str(label)[:80], known=known))
        sound = self.inputs.check(item, language)
        if not self._have_tokens([sound])[0]:
            raise BadText(say("text_empty", language))
        return _explanations.submit(self.predictor.explain, sound, label).result()

    def hardly_russian(self, text: str) -> bool:
        """Whether the model is for Russian texts and this one is hardly one."""
        return self.is_for_russian and not looks_russian(text)

    @property
    def substitution(self) -> dict[str, str]:
        """For programs: which model this one answers instead of, and why; empty where it is the one that was wanted."""
        return {"instead_of": self.settings.model_id, "reason": self.absent} if self.absent else {}

    def facts(self) -> dict[str, Any]:
        """What programs are told of the model."""
        tests = {
            name: {score: report[score] for score in ("accuracy", "f1_micro", "f1_macro") if score in report}
            for name, report in reports(self.metrics).items()
        }
        return {
            "model": self.name,
            "revision": self.settings.model_revision or None,
            "labels": self.labels,
            "max_tokens": self.predictor.max_length,
            "metrics": tests,
            **({"thresholds": self.thresholds} if self.overlapping else {}),
            **({"columns": self._columns()} if self.inputs.columns else {}),
            **self.substitution,
        }

    def _columns(self) -> dict[str, Any]:
        """What may be known of each column: what it holds, and what of it was seen in training."""
        reader = self.predictor.inputs
        return {
            **{name: {"kind": "text"} for name in reader.text_columns},
            **{
                column.name: {"kind": "number", "low": column.low, "high": column.high}
                for column in reader.schema.numbers
            },
            **{
                column.name: {"kind": "category", "values": column.values}
                for column in reader.schema.categories
            },
        }
