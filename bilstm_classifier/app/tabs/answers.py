"""A prediction, or why there is none, as visitors see it: bars of probabilities, and notes beside them."""

import html
from collections.abc import Sequence

from ... import TextPrediction
from ..messages import Language, label_name, percent, say
from ..service import BadText, Service

LABELS_SHOWN = 12


def shown(
    service: Service, text: object, found: TextPrediction | BadText, language: Language
) -> tuple[dict[str, float] | None, str]:
    """The probabilities for ``gr.Label``, and in HTML what there is to say of them."""
    if isinstance(found, BadText):
        nothing_typed = isinstance(text, str) and not text.strip()  # which is no mistake
        return None, "" if nothing_typed else as_notes([("bad", str(found))])
    notes = []
    if service.hardly_russian(str(text)):
        notes.append(("bad", say("note_hardly_russian", language)))
    if found.unsure:
        bound = percent(service.predictor.model.config.unsure_below, language)
        share = percent(found.top(1)[0].score, language)
        notes.append(("warn", say("note_unsure", language, share=share, bound=bound)))
    if service.overlapping and found.labels:
        named = ", ".join(label_name(label, language) for label in found.labels)
        notes.append(("fine", say("note_labels", language, labels=named)))
    if not found.labels:
        notes.append(("warn", say("note_no_label", language)))
    if found.tokens_read < found.tokens:
        share = percent(found.tokens_read / found.tokens, language)
        read = {"read": found.tokens_read, "tokens": found.tokens}
        notes.append(("warn", say("note_cut", language, share=share, **read)))
    else:
        notes.append(("fine", say("note_whole", language, tokens=found.tokens)))
    if len(found.probabilities) > LABELS_SHOWN:
        counts = {"shown": LABELS_SHOWN, "count": len(found.probabilities)}
        notes.append(("fine", say("note_likeliest", language, **counts)))
    bars = {label_name(label, language): score for label, score in found.probabilities.items()}
    return bars, as_notes(notes)


def as_notes(notes: Sequence[tuple[str, str]]) -> str:
    """Notes in HTML, each with its kind (``fine``, ``warn`` or ``bad``) and its text."""
    lines = "".join(f'<li class="{kind}">{html.escape(note)}</li>' for kind, note in notes)
    return f'<ul class="notes" role="status">{lines}</ul>'
