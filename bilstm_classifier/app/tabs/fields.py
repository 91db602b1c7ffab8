"""Fields for the columns beside the text, as the model's config describes them."""

import math
from collections.abc import Sequence
from typing import Any

import gradio as gr

from ...features import NumberColumn
from ..messages import TEXTS, Language, say
from ..service import Service
from . import PRIVATE

# With an invisible character, for the browser translates what is called like one of our messages.
UNTRANSLATED = "\u2060"


class Fields:
    """A field for each column beside the main text; none where the model reads a text alone.

    Attributes:
        parts: Their components.
        chosen_from: Those of them with a list of values.
        empty: What each holds when it is empty.
    """

    def __init__(self, service: Service, language: gr.Radio):
        self._reader = service.predictor.inputs
        self.parts: list[Any] = []
        self.chosen_from: list[gr.Dropdown] = []
        self.empty: list[Any] = []
        if not service.inputs.columns:
            return
        schema = self._reader.schema
        with gr.Accordion(TEXTS("columns"), open=False, elem_id="columns"):
            gr.Markdown(TEXTS("columns_about"), elem_id="columns-about")
            texts = [
                gr.Textbox(label=_label(name), lines=2, max_lines=6) for name in self._reader.text_columns[1:]
            ]
            with gr.Row(elem_id="columns-beside"):
                # Not gr.Number, which begins with 0 and refuses what files may hold: 1 200,5 or 1:02:30.
                numbers = [
                    gr.Textbox(
                        label=_label(column.name), info=_range(column, "en"), max_lines=1, min_width=180
                    )
                    for column in schema.numbers
                ]
                categories = [
                    gr.Dropdown(
                        [(_label(value), value) for value in column.values],
                        value=None,
                        label=_label(column.name),
                        allow_custom_value=True,
                        min_width=180,
                    )
                    for column in schema.categories
                ]
        self.parts, self.chosen_from = [*texts, *numbers, *categories], categories
        self.empty = [*[""] * len(texts + numbers), *[None] * len(categories)]
        if numbers:

            def tell(chosen: Language) -> list[Any] | Any:
                ranges = [gr.update(info=_range(column, chosen)) for column in schema.numbers]
                return ranges if len(ranges) > 1 else ranges[0]

            language.change(tell, [language], numbers, queue=False, **PRIVATE)

    def item(self, text: Any, values: Sequence[Any]) -> Any:
        """What is asked: the text, with what the fields hold, in the order of ``parts``, where one is filled."""
        names = [*self._reader.text_columns[1:], *(column.name for column in self._reader.schema)]
        beside = {
            name: value
            for name, value in zip(names, values, strict=True)
            if value not in (None, "", UNTRANSLATED)
        }
        return {self._reader.text_columns[0]: text or None, **beside} if beside else text


def main_label(service: Service) -> Any:
    """What the box for the main text is called."""
    texts = service.predictor.inputs.text_columns
    return _label(texts[0]) if len(texts) > 1 else TEXTS("text")


def _label(name: str) -> str:
    return f"{name}{UNTRANSLATED}"


def _range(column: NumberColumn, language: Language) -> str:
    low, high = (_number(value, language) for value in (column.low, column.high))
    return say("column_range", language, low=low, high=high)


def _number(value: float, language: Language) -> str:
    """As the language writes it, with the digits that count."""
    if value == math.trunc(value):
        return say("number", language, number=int(value))
    shown = f"{value:.4g}"
    return shown.replace(".", ",") if language == "ru" else shown
