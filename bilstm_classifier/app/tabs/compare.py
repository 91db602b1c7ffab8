"""Two models side by side on the same text."""

import html
from typing import Any

import gradio as gr

from ... import TextPrediction
from ..asked import BadText
from ..comparison import AT_ONCE, Comparison, NoModel
from ..messages import TEXTS, Language, say
from ..service import Service
from .answers import answer_bars, as_notes, named, shown

SIDES = ("compare_first", "compare_second")


def compare_tab(comparison: Comparison, language: gr.Radio) -> None:
    """Fill the tab, for two models or more."""
    text = gr.Textbox(label=TEXTS("text"), lines=3, max_lines=10, elem_id="compare-text")
    names = comparison.names
    with gr.Row():
        models = [
            gr.Dropdown(list(names), value=name, label=TEXTS(side), filterable=False, elem_id=side)
            for side, name in zip(SIDES, names[:2], strict=True)
        ]
    with gr.Row(elem_id="compare-actions"):
        ask = gr.Button(TEXTS("compare"), variant="primary", elem_id="compare", min_width=120)
        verdict = gr.HTML(elem_id="compare-verdict")
    with gr.Row():
        answers, notes = zip(*(_side(name) for name in names[:2]), strict=True)

    def compare(typed: str, left: str, right: str, chosen: Language) -> tuple[Any, ...]:
        if not (typed or "").strip():
            return None, None, "", "", as_notes([("bad", say("text_empty", chosen))])
        sides = [_asked(comparison, name, typed, chosen) for name in (left, right)]
        bars, said, found = zip(*sides, strict=True)
        sides_named = [
            gr.HTML(value=shares, label=name) for shares, name in zip(bars, (left, right), strict=True)
        ]
        return *sides_named, *said, _verdict(found, chosen)

    gr.on(
        [ask.click, text.submit],
        compare,
        [text, *models, language],
        [*answers, *notes, verdict],
        trigger_mode="always_last",
        concurrency_id="compare",
        concurrency_limit=AT_ONCE,
        show_progress_on=list(answers),
        api_visibility="private",
    )


def _side(name: str) -> tuple[gr.HTML, gr.HTML]:
    with gr.Column(min_width=280):
        answer = answer_bars(label=name, elem_classes=["compare-answer"])
        notes = gr.HTML(elem_classes=["compare-notes"])
    return answer, notes


Asked = tuple[dict[str, Any] | None, str, tuple[Service, TextPrediction] | None]


def _asked(comparison: Comparison, name: str, text: str, language: Language) -> Asked:
    """What one side shows, and what there is to compare."""
    try:
        service = comparison.model(name, language)
    except NoModel as error:
        return None, as_notes([("bad", str(error))]), None
    found = service.classify([text], [language])[0]
    return *shown(service, text, found, language), None if isinstance(found, BadText) else (service, found)


def _verdict(found: tuple[tuple[Service, TextPrediction] | None, ...], language: Language) -> str:
    if found[0] is None or found[1] is None:
        return ""
    (one, first), (other, second) = found[0], found[1]
    if not set(one.labels) & set(other.labels):
        verdict = say("compare_apart", language)
    elif set(first.labels) == set(second.labels):
        verdict = say("compare_agree", language, label=named(one, first, language))
    else:
        labels = {"first": named(one, first, language), "second": named(other, second, language)}
        verdict = say("compare_disagree", language, **labels)
    return f'<p class="verdict" role="status">{html.escape(verdict)}</p>'
