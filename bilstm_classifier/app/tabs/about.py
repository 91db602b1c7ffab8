"""The model in use: what it is, how it scored, and its card."""

import html
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ...hub.measured import reports
from ...predictor import UNKNOWN
from ..messages import LANGUAGES, TEXTS, Language, label_name, messages, percent, say
from ..service import Service
from . import PRIVATE
from .card_text import card_text

RUSSIAN_PART = re.compile(r"^## По-русски\s*$", re.MULTILINE)  # as the cards of this package have it
FIGURES = ("accuracy", "f1_micro", "f1_macro", "calibration_error")


def about_tab(service: Service, language: gr.Radio) -> None:
    """Fill the tab."""
    what = gr.HTML(what_it_is(service, "en"), elem_id="about")
    scores = gr.HTML(how_it_scores(service, "en"), elem_id="scores")
    _confusion_matrices(service)
    gr.Markdown(TEXTS("about_card"), elem_classes=["heading"])
    card = gr.Markdown(_card(service, "en"), elem_id="card", container=True, header_links=True)

    def tell(chosen: Language) -> tuple[str, str, str]:
        return what_it_is(service, chosen), how_it_scores(service, chosen), _card(service, chosen)

    language.change(tell, [language], [what, scores, card], queue=False, **PRIVATE)


def what_it_is(service: Service, language: Language) -> str:
    """Name, revision, what is read of a text, labels; in HTML."""
    facts = [("about_model", service.name)]
    if service.settings.model_revision and not service.absent:
        facts.append(("about_revision", service.settings.model_revision))
    facts.append(("about_reads", say("about_tokens", language, count=service.predictor.max_length)))
    labels = ", ".join(_label(service, label, language) for label in service.labels)
    several = f" ({say('about_overlapping', language)})" if service.overlapping else ""
    facts.append(("about_labels", labels + several))
    if columns := service.inputs.columns:
        facts.append(("about_columns", ", ".join(columns)))
    if decision := _decision(service, language):
        facts.append(("about_decision", decision))
    if bound := service.predictor.model.config.unsure_below:
        facts.append(("about_unsure", say("about_bound", language, bound=percent(bound, language))))
    lines = "".join(
        f"<dt>{html.escape(say(key, language))}</dt><dd>{html.escape(fact)}</dd>" for key, fact in facts
    )
    return f'{_absent(service, language)}<dl class="facts">{lines}</dl>'


def _label(service: Service, label: str, language: Language) -> str:
    name = label_name(label, language)
    if not service.overlapping:
        return name
    return say("about_threshold", language, label=name, share=percent(service.thresholds[label], language))


def _decision(service: Service, language: Language) -> str:
    """What decides before the likeliest label does; empty where nothing does."""
    decision = service.predictor.decision
    steps = []
    if decision.rules is not None:
        count = sum(len(rule.words) for rule in decision.rules.rules)
        steps.append(say("about_keywords", language, count=count))
    for stage in decision.cascade:
        share = percent(stage["threshold"], language)
        steps.append(
            say("about_threshold", language, label=label_name(stage["label"], language), share=share)
        )
    if steps:
        steps.append(say("about_unknown" if decision.unclaimed == UNKNOWN else "about_likeliest", language))
    return ", ".join(steps)


def how_it_scores(service: Service, language: Language) -> str:
    """The figures of each test, and of each label on the test split; in HTML."""
    tests = reports(service.metrics)
    title = f"<h2>{html.escape(say('about_scores', language))}</h2>"
    if not tests:
        return f"{title}<p>{html.escape(say('about_no_scores', language))}</p>"
    figures = [name for name in FIGURES if any(name in report for report in tests.values())]
    rows = [
        [_split(split, language), _texts(service, split, report, language)]
        + [_figure(report.get(name), language) for name in figures]
        for split, report in tests.items()
    ]
    heads = ["about_test", "about_texts", *(f"about_{name}" for name in figures)]
    tables = _table("about_tests", heads, rows, language)
    if "test" in tests:
        names = ("precision", "recall", "f1")
        rows = [
            [label_name(label, language), say("number", language, number=scores["support"])]
            + [_figure(scores[name], language) for name in names]
            for label, scores in tests["test"]["per_class"].items()
        ]
        heads = ["answer", "about_texts", *(f"about_{name}" for name in names)]
        tables += _table("about_classes", heads, rows, language)
    return f'{title}<div class="tables">{tables}</div>'


def _confusion_matrices(service: Service) -> None:
    """The picture once in each language, drawn when the app starts; the style sheet shows that of the page's."""
    report = reports(service.metrics).get("test", {})
    labels = list(report.get("per_class", ()))
    matrix = report.get("confusion_matrix", [])
    if not _is_square(matrix, len(labels)):
        return
    from ...plots.training_run import plot_confusion_matrix

    gr.Markdown(TEXTS("about_matrix"), elem_classes=["heading"])
    gr.Markdown(TEXTS("about_matrix_read"), elem_classes=["heading"])
    for language in LANGUAGES:
        names = [label_name(label, language) for label in labels]
        with tempfile.TemporaryDirectory() as folder:  # Gradio takes a copy for as long as the app runs
            gr.Image(
                str(plot_confusion_matrix(matrix, names, Path(folder) / "confusion_matrix.png")),
                type="filepath",
                interactive=False,
                show_label=False,
                alt_text=say("about_matrix_read", language),
                buttons=["fullscreen", "download"],
                elem_classes=["matrix", f"in-{language}"],
            )


def _is_square(matrix: Any, size: int) -> bool:
    """Whether a file's ``confusion_matrix`` can be drawn; ``read_metrics`` does not look at it."""
    return (
        size > 0
        and isinstance(matrix, list)
        and len(matrix) == size
        and all(
            isinstance(row, list)
            and len(row) == size
            and all(isinstance(count, int) and count >= 0 for count in row)
            for row in matrix
        )
    )


def _absent(service: Service, language: Language) -> str:
    if not service.absent:
        return ""
    told = say("model_absent", language, model=service.settings.model_id)
    return f'<p class="absent">{html.escape(told)}</p>'


def _card(service: Service, language: Language) -> str:
    card = card_text(service.card)
    if not card:
        return say("about_no_card", language)
    if language == "ru" and RUSSIAN_PART.search(card):
        return f"{say('about_russian_part', language)}\n\n{card}"
    return card


def _split(split: str, language: Language) -> str:
    key = f"about_split_{split}"
    return say(key, language) if key in messages() else split


def _texts(service: Service, split: str, report: dict[str, Any], language: Language) -> str:
    total = sum(scores["support"] for scores in report["per_class"].values())
    if "subset_accuracy" in report:  # labels overlap, so that a text counts as often as it has some
        total = (service.metrics.get("rows") or {}).get(split)
    return "–" if total is None else say("number", language, number=total)


def _figure(value: float | None, language: Language) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}".replace(".", "," if language == "ru" else ".")


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], language: Language) -> str:
    """A table whose first column names its rows; ``title`` and ``heads`` are keys of messages."""
    head = "".join(f'<th scope="col">{html.escape(say(key, language))}</th>' for key in heads)
    body = "".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    caption = html.escape(say(title, language))
    return (
        f'<div class="table"><table class="figures"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
