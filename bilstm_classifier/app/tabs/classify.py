"""One text: its label as it is typed, the probabilities of all, and the words that spoke for and against."""

import html
import json
import re
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import gradio as gr

from ... import Explanation, TextPrediction, Word, load_sample_news
from ..asked import BadText
from ..messages import TEXTS, Language, label_name, messages, say
from ..service import BATCH, Service
from . import PRIVATE
from .answers import answer_bars, shown
from .fields import Fields, main_label

WORDS_NAMED = 3
FAINT = 0.08  # words with less of the strongest one's weight are not marked
ANSWER = ""
REMEMBER = "(text, answer) => remember(text, answer)"  # of history.js
# An answer that was on its way may have come after what took its place.
AGAIN = "() => { document.querySelector('#classify').click(); }"


def classify_tab(service: Service, language: gr.Radio) -> None:
    """Fill the tab."""
    news = service.is_for_news
    with gr.Row(elem_id="one-text"):
        with gr.Column(elem_id="write"):
            text = gr.Textbox(
                label=main_label(service),
                placeholder=TEXTS("text_placeholder" if news else "text_placeholder_other"),
                lines=5,
                max_lines=14,
                elem_id="text",
            )
            fields = Fields(service, language)
            with gr.Row(elem_id="actions"):
                classify = gr.Button(TEXTS("classify"), variant="primary", elem_id="classify", min_width=120)
                clear = gr.Button(TEXTS("clear"), elem_id="clear", min_width=120)
            notes = gr.HTML(elem_id="notes", padding=False)
        with gr.Column(elem_id="bars"):
            answer = answer_bars(label=TEXTS("answer"), elem_id="answer")
        with gr.Column(elem_id="explanation"):
            words = gr.HTML(label=TEXTS("words"), show_label=True, container=True, elem_id="words")
            asked = gr.Dropdown(
                [
                    (TEXTS("weighed_answer"), ANSWER),
                    *((_static_name(label), label) for label in service.labels),
                ],
                value=ANSWER,
                label=TEXTS("weighed_for"),
                filterable=False,
                elem_id="asked",
            )
    outputs = [answer, notes]

    def show(
        texts: Sequence[str], languages: Sequence[Language], *columns: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        items = [fields.item(text, values) for text, *values in zip(texts, *columns, strict=True)]
        answers = service.classify(items, languages)
        rows = [
            shown(service, item, found, chosen)
            for item, found, chosen in zip(items, answers, languages, strict=True)
        ]
        return [row[0] for row in rows], [row[1] for row in rows]

    def weigh(text: str, label: str, chosen: Language, *values: Any) -> str:
        item = fields.item(text, values)
        try:
            found = service.explain(item, label or None, chosen)
        except BadText:  # told by the prediction
            return ""
        return _weighed(service, item, found, chosen)

    cut = f"text.slice(0, {service.settings.max_characters + 1})"  # what is refused need not be sent whole
    prediction = classify.click(
        show,
        [text, language, *fields.parts],
        outputs,
        js=f"(text, language, ...columns) => [{cut}, language, ...columns]",
        batch=True,
        max_batch_size=BATCH,
        trigger_mode="always_last",
        **PRIVATE,
    )
    asking: dict[str, Any] = {
        "js": f"(text, label, language, ...columns) => [{cut}, label, language, ...columns]",
        "trigger_mode": "always_last",
        "concurrency_id": "explain",
        **PRIVATE,
    }
    weighed = [text, asked, language, *fields.parts]
    prediction.then(weigh, weighed, words, **asking)
    prediction.then(None, [text, answer], None, js=REMEMBER, **PRIVATE)
    asked.input(weigh, weighed, words, **asking)
    emptied = f"() => ['', null, '', '', {', '.join(map(json.dumps, fields.empty))}]"
    cleared = clear.click(None, None, [text, *outputs, words, *fields.parts], js=emptied, **PRIVATE)
    for field in fields.chosen_from:
        field.input(None, js=AGAIN, **PRIVATE)
    cleared.then(None, js=AGAIN, **PRIVATE)
    if news:
        _examples(service, language, [text, *outputs, words, asked])


def _examples(service: Service, language: gr.Radio, outputs: list[Any]) -> None:
    """A button for each label, which shows one text after another; they were classified before and wait for nobody."""
    texts: dict[str, list[str]] = {label: [] for label in service.labels}
    for text, label in zip(*load_sample_news(), strict=True):
        texts[label].append(text)

    @cache  # of our own texts alone
    def known(text: str) -> tuple[TextPrediction, Explanation]:
        (found,) = service.classify([text], ["en"])
        assert not isinstance(found, BadText)
        return found, service.explain(text, None, "en")

    def example(label: str, present: str, chosen: Language) -> tuple[Any, ...]:
        these = texts[label]
        text = these[(these.index(present) + 1) % len(these) if present in these else 0]
        found, explained = known(text)
        return (
            text,
            *shown(service, text, found, chosen),
            _weighed(service, text, explained, chosen),
            ANSWER,
        )

    for label in service.labels:
        known(texts[label][0])
    gr.Markdown(TEXTS("examples"), elem_id="examples-title")
    with gr.Row(elem_id="examples"):
        for label in service.labels:
            button = gr.Button(_static_name(label), size="sm", min_width=90)
            picked = button.click(
                partial(example, label), [outputs[0], language], outputs, queue=False, **PRIVATE
            )
            picked.then(None, js=AGAIN, **PRIVATE)


def _static_name(label: str) -> Any:
    # With an invisible character, for the browser translates what is called like one of our messages.
    return TEXTS(f"label_{label}") if f"label_{label}" in messages() else f"{label}\u2060"


def _weighed(service: Service, item: object, found: Explanation, language: Language) -> str:
    """The text with its words marked, and the strongest of them named: colour alone would not tell everybody.

    Where texts are joined a line ends, in place of the sign that the model reads there.
    """
    text, words = _in_lines(service, item, found.words)
    strongest = max((abs(word.score) for word in words), default=0) or 1
    pieces = []
    end = 0
    for word in words:
        pieces.append(html.escape(text[end : word.start]))
        kind, weight = ("for", word.score) if word.score > 0 else ("against", -word.score)
        strength = round(weight / strongest, 2)
        marked = html.escape(word.text)
        if strength >= FAINT:
            marked = f'<mark class="{kind}" style="--strength:{strength}" title="{word.score:+.2f}">{marked}</mark>'
        pieces.append(marked)
        end = word.end
    ranked = sorted(words, key=lambda word: -word.score)
    named = {
        "for": [word for word in ranked[:WORDS_NAMED] if word.score > 0],
        "against": [word for word in ranked[: -WORDS_NAMED - 1 : -1] if word.score < 0],
    }
    name = label_name(found.label, language)
    lines = "".join(
        f'<li><span class="{kind}">{html.escape(say(f"words_{kind}", language, label=name))}</span> '
        f"{html.escape(_listed(some, language))}</li>"
        for kind, some in named.items()
    )
    pieces.append(f'<span class="unread">{html.escape(text[end:])}</span>')
    return f'<p class="weighed">{"".join(pieces)}</p><ul class="strongest">{lines}</ul>'


def _in_lines(service: Service, item: object, words: Sequence[Word]) -> tuple[str, list[Word]]:
    """The text of an item with each separator of its columns as spaces and a line's end, and the words in no such."""
    text, separator = service.inputs.text_of(item), service.predictor.inputs.separator
    if isinstance(item, str) or not separator.strip():
        return text, list(words)
    joints = [found.span() for found in re.finditer(re.escape(separator), text)]
    for start, end in joints:
        text = f"{text[:start]}{' ' * (end - start - 1)}\n{text[end:]}"
    apart = [
        word for word in words if not any(word.start < end and start < word.end for start, end in joints)
    ]
    return text, apart


def _listed(words: Sequence[Word], language: Language) -> str:
    return ", ".join(f"{word.text} ({word.score:+.2f})" for word in words) or say("none", language)
