"""A prediction, or why there is none, as visitors see it: bars of probabilities, and notes beside them."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from ... import TextPrediction
from ...predictor import UNKNOWN
from ..asked import BadText
from ..messages import Language, label_name, percent, say
from ..service import Service

LABELS_SHOWN = 12


def answer_bars(**settings: Any) -> gr.HTML:
    """The component that shows what :func:`shown` gives: the label in large letters, below it bars (``answer.js``)."""
    return gr.HTML(html_template="${bars(value)}", show_label=True, container=True, **settings)


def shown(
    service: Service, item: object, found: TextPrediction | BadText, language: Language
) -> tuple[dict[str, Any] | None, str]:
    """What :func:`answer_bars` shows of an item, and in HTML what there is to say of it."""
    text = service.inputs.text_of(item)
    if isinstance(found, BadText):
        nothing_typed = isinstance(item, str | Mapping) and not text.strip()  # which is no mistake
        return None, "" if nothing_typed else as_notes([("bad", str(found))])
    notes = []
    if service.hardly_russian(text):
        notes.append(("bad", say("note_hardly_russian", language)))
    if found.unsure:
        bound = percent(service.predictor.model.config.unsure_below, language)
        share = percent(found.top(1)[0].score, language)
        notes.append(("warn", say("note_unsure", language, share=share, bound=bound)))
    notes += _decided(service, found, language)
    for column, value in service.inputs.unknown_categories(item).items():
        notes.append(("warn", say("note_unknown_category", language, column=column, found=value)))
    if found.tokens_read < found.tokens:
        share = percent(found.tokens_read / found.tokens, language)
        read = {"read": found.tokens_read, "tokens": found.tokens}
        notes.append(("warn", say("note_cut", language, share=share, **read)))
    else:
        notes.append(("fine", say("note_whole", language, tokens=found.tokens)))
    if len(found.probabilities) > LABELS_SHOWN:
        counts = {"shown": LABELS_SHOWN, "count": len(found.probabilities)}
        notes.append(("fine", say("note_likeliest", language, **counts)))
    return _bars(service, found, language), as_notes(notes)


def named(service: Service, found: TextPrediction, language: Language) -> str:
    """The labels chosen, as visitors read them; or that there is none."""
    if found.labels:
        return ", ".join(label_name(label, language) for label in found.labels)
    return say("none", language) if service.overlapping else label_name(UNKNOWN, language)


def _bars(service: Service, found: TextPrediction, language: Language) -> dict[str, Any]:
    """``label`` and ``confidences``, the likeliest first; of labels that overlap also their thresholds."""
    bars: list[dict[str, Any]] = []
    for label, score in found.top(LABELS_SHOWN):
        bars.append({"label": label_name(label, language), "confidence": score})
        if service.overlapping:
            threshold = service.thresholds[label]
            share = percent(threshold, language)
            bars[-1] |= {"threshold": threshold, "least": say("bar_threshold", language, share=share)}
            if label in found.labels:
                bars[-1]["chosen"] = say("bar_chosen", language)
    return {"label": named(service, found, language), "confidences": bars}


def _decided(service: Service, found: TextPrediction, language: Language) -> list[tuple[str, str]]:
    """What chose the labels where it was not their likelihood, or that nothing did."""
    decision = service.predictor.decision
    if service.overlapping:
        notes = [] if found.labels else [("warn", say("note_no_label", language))]
        return [*notes, ("fine", say("note_thresholds", language))]
    if found.keyword:
        return [("fine", say("note_keyword", language, keyword=found.keyword))]
    if found.stage:
        threshold = percent(decision.cascade[found.stage - 1]["threshold"], language)
        values = {"stage": found.stage, "stages": len(decision.cascade), "threshold": threshold}
        label = label_name(found.labels[0], language)
        return [("fine", say("note_stage", language, label=label, **values))]
    if not found.labels:
        return [("warn", say("note_unknown", language))]
    return [("fine", say("note_unclaimed", language))] if decision.cascade else []


def as_notes(notes: Sequence[tuple[str, str]]) -> str:
    """Notes in HTML, each with its kind (``fine``, ``warn`` or ``bad``) and its text."""
    lines = "".join(f'<li class="{kind}">{html.escape(note)}</li>' for kind, note in notes)
    return f'<ul class="notes" role="status">{lines}</ul>'
