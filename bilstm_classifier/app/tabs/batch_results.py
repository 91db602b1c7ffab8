"""What a visitor is shown of a classified file: notes, counts, tables, pictures and downloads."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ...plots.heat_map import plot_heat_map
from ...plots.training_run import plot_confusion_matrix
from ...predictor import UNKNOWN
from ..files.exports import Exports
from ..files.scoring import TEXT_SHOWN, Job, Outcome
from ..messages import TEXTS, Language, label_name, percent, say
from ..service import Service
from .answers import as_notes

LONG_CELL = 30  # characters, from which on a cell wants room

Changes = dict[Any, Any]  # of components


class Results:
    """The part of the tab that appears when a file was classified."""

    def __init__(self, service: Service):
        self.service = service
        with gr.Column(visible=False, elem_id="batch-results") as outcome:
            with gr.Row(elem_id="batch-downloads"):
                # the class does not say that a label may be translated, which it may
                labels: list[Any] = [TEXTS(f"batch_{kind}") for kind in ("csv", "json", "parquet")]
                self.downloads = [
                    gr.DownloadButton(label, elem_classes="batch-download", min_width=90) for label in labels
                ]
            with gr.Row(elem_id="batch-overview"):
                with gr.Column(scale=2, min_width=280):
                    self.counts = gr.HTML(elem_id="batch-counts")
                with gr.Column(scale=3, min_width=280):
                    self.heat_map = _picture("batch_heat_map", "batch-heat-map")
            self.rows = gr.HTML(elem_id="batch-rows")
        with gr.Column(visible=False, elem_id="batch-figures") as figures:
            self.label_notes = gr.HTML(elem_id="batch-label-notes", padding=False)
            with gr.Row():
                with gr.Column(min_width=280):
                    self.report = gr.HTML(elem_id="batch-report")
                with gr.Column(min_width=280):
                    self.matrix = _picture("batch_matrix", "batch-matrix")
            self.mistakes = gr.HTML(elem_id="batch-mistakes")
        self.blocks = [outcome, figures]
        self.parts = [
            *self.downloads,
            *(self.counts, self.heat_map, self.rows),
            *(self.label_notes, self.report, self.matrix, self.mistakes),
        ]

    def hidden(self) -> Changes:
        """Nothing is shown."""
        return {block: gr.update(visible=False) for block in self.blocks}

    def shown(self, job: Job, outcome: Outcome, exports: Exports, folder: Path) -> Changes:
        """Everything is shown, pictures are drawn into ``folder``; figures where true labels were given."""
        language = job.language
        results, figures = self.blocks
        changes: Changes = {
            results: gr.update(visible=True),
            **{button: str(path) for button, path in zip(self.downloads, exports.paths, strict=True)},
            self.counts: counts(outcome, language),
            self.heat_map: gr.update(
                value=heat_map(outcome, folder / "heat-map.png", language),
                alt_text=say("batch_heat_map", language),
            ),
            self.rows: first_rows(outcome, language),
        }
        if job.label_column is None:
            return changes
        changes |= {figures: gr.update(visible=True), self.label_notes: label_notes(outcome, language)}
        report = outcome.report()
        if report is None:
            return changes | {self.report: "", self.matrix: gr.update(visible=False), self.mistakes: ""}
        changes |= {
            self.report: figures_table(report, outcome, language),
            self.mistakes: mistakes(outcome, language),
        }
        if outcome.overlapping:  # a label is not taken for another: each is chosen or not
            return changes | {self.matrix: gr.update(visible=False)}
        picture = confusion_matrix(report, outcome, folder / "confusion-matrix.png", language)
        shown = gr.update(value=str(picture), alt_text=say("batch_matrix", language), visible=True)
        return changes | {self.matrix: shown}

    def summary(self, outcome: Outcome, exports: Exports, language: Language) -> str:
        """In HTML: how many rows there were, and what has to be known of them."""
        notes = [("fine", say("batch_done", language, rows=outcome.rows))]
        if outcome.unsure:
            share = percent(outcome.unsure / (outcome.rows - outcome.empty), language)
            notes.append(("fine", say("batch_unsure", language, count=outcome.unsure, share=share)))
        if outcome.partly_read:
            values = {"count": outcome.partly_read, "tokens": self.service.predictor.max_length}
            notes.append(("fine", say("batch_partly_read", language, **values)))
        if outcome.empty:
            notes.append(("warn", say("batch_empty", language, count=outcome.empty)))
        if outcome.without_label:
            key = "batch_without_label" if outcome.overlapping else "batch_unknown"
            notes.append(("fine", say(key, language, count=outcome.without_label)))
        if outcome.missing_columns:
            notes.append(missing_columns(outcome.missing_columns, language))
        if outcome.unread_cells:
            found = "; ".join(outcome.unread_named)
            told = say("batch_unread_cells", language, count=outcome.unread_cells, found=found)
            notes.append(("warn", told))
        if exports.other_columns:
            names = ", ".join(exports.other_columns)
            notes.append(("warn", say("batch_other_columns", language, names=names)))
        return as_notes(notes)


def missing_columns(names: Sequence[str], language: Language) -> tuple[str, str]:
    """The note that a file does not have all columns that the model reads."""
    shown = ", ".join(shortened(name, 60) for name in names)
    return "warn", say("batch_missing_columns", language, names=shown)


def table(caption: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in HTML, in which whatever stands in the cells is shown as text."""
    heads = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in headers)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    name = html.escape(caption)
    return (
        f'<p class="caption">{name}</p>'
        f'<div class="scrolled" style="overflow:auto" role="region" aria-label="{name}" tabindex="0">'
        f'<table class="rows"><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _cell(cell: str) -> str:
    kind = ' class="long"' if len(cell) > LONG_CELL else ""
    return f"<td{kind}><div>{html.escape(cell)}</div></td>"


def shortened(cell: Any, longest: int = TEXT_SHOWN) -> str:
    """The beginning of what stands in a cell, in one line."""
    text = " ".join(str(cell)[: 10 * longest].split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def counts(outcome: Outcome, language: Language) -> str:
    """In HTML: how often each label was chosen, the most frequent first, as bars."""
    texts = max(outcome.rows - outcome.empty, 1)
    counted = {label: outcome.by_label[label] for label in outcome.labels}
    if outcome.without_label and not outcome.overlapping:
        counted[UNKNOWN] = outcome.without_label
    most = max(counted.values(), default=0) or 1
    rows = [
        f'<tr><th scope="row">{html.escape(label_name(label, language))}</th>'
        f'<td class="bar"><span style="width:{100 * count / most:.1f}%"></span></td>'
        f"<td>{say('number', language, number=count)}</td>"
        f"<td>{percent(count / texts, language)}</td></tr>"
        for label, count in sorted(counted.items(), key=lambda item: -item[1])
    ]
    caption = html.escape(say("batch_counts", language))
    return f'<table class="counts"><caption>{caption}</caption><tbody>{"".join(rows)}</tbody></table>'


def first_rows(outcome: Outcome, language: Language) -> str:
    """In HTML, the first rows: text, label and confidence."""
    rows = []
    for text, found in outcome.first:
        if found is None:
            rows.append([shortened(text), "—", ""])
            continue
        labels = _named(found.labels, outcome, language)
        share = percent(found.leading.score, language)
        if found.unsure:
            share = say("batch_unsure_mark", language, share=share)
        rows.append([shortened(text), labels, share])
    headers = _said(language, "text", "answer", "batch_confidence")
    return table(say("batch_rows", language, count=len(rows)), headers, rows)


def heat_map(outcome: Outcome, path: Path, language: Language) -> str | None:
    """A picture of texts by labels, ordered by label; ``None`` where there is no text."""
    sample = [(text, found) for text, found in outcome.sample.taken() if found is not None]
    if not sample:
        return None
    shares = np.array([list(found.probabilities.values()) for _, found in sample])
    order = np.lexsort((-shares.max(axis=1), shares.argmax(axis=1)))
    picture = plot_heat_map(
        shares[order],
        [sample[place][0] for place in order],
        [label_name(label, language) for label in outcome.labels],
        path,
        title=say("batch_sample", language, shown=len(sample), rows=outcome.rows - outcome.empty),
        unit=say("batch_probability", language),
    )
    return str(picture)


def label_notes(outcome: Outcome, language: Language) -> str:
    """In HTML: which rows the figures leave out, and that there are none where there are none."""
    notes = []
    if outcome.unknown:
        values = {
            "count": outcome.unknown,
            "found": ", ".join(outcome.unknown_named),
            "known": ", ".join(label_name(label, language) for label in outcome.labels),
        }
        notes.append(("warn", say("batch_unknown_labels", language, **values)))
    if outcome.unlabelled:
        notes.append(("warn", say("batch_unlabelled", language, count=outcome.unlabelled)))
    if outcome.broken:
        values = {"count": outcome.broken, "found": "; ".join(outcome.broken_named)}
        notes.append(("warn", say("batch_broken_labels", language, **values)))
    if not outcome.measured:
        notes.append(("warn", say("batch_no_figures", language)))
    return as_notes(notes) if notes else ""


def figures_table(report: dict[str, Any], outcome: Outcome, language: Language) -> str:
    """In HTML: accuracy (F1 where labels overlap), and precision, recall and F1 of each label and on average."""
    names = ("precision", "recall", "f1")
    total = outcome.measured
    rows = [
        _figures(
            label_name(label, language), [scores[name] for name in names], scores["support"], "", language
        )
        for label, scores in report["per_class"].items()
    ]
    averages = [
        ("batch_macro", "_macro"),
        ("batch_micro", "_micro") if outcome.overlapping else ("batch_weighted", ""),
    ]
    for key, suffix in averages:
        scores = [report[f"{name}{suffix}"] for name in names]
        rows.append(_figures(say(key, language), scores, total, "average", language))
    heads = "".join(
        f'<th scope="col">{html.escape(head)}</th>'
        for head in _said(language, "answer", "batch_precision", "batch_recall", "batch_f1", "batch_texts")
    )
    if outcome.overlapping:
        values = {
            "micro": report["f1_micro"],
            "macro": report["f1_macro"],
            "share": report["subset_accuracy"],
        }
        figures = {name: percent(value, language) for name, value in values.items()}
        accuracy = say("batch_f1_overlapping", language, **figures, count=total)
    else:
        accuracy = say("batch_accuracy", language, share=percent(report["accuracy"], language), count=total)
    return (
        f'<p class="accuracy">{html.escape(accuracy)}</p>'
        f'<div class="scrolled" style="overflow-x:auto"><table class="figures"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def confusion_matrix(report: dict[str, Any], outcome: Outcome, path: Path, language: Language) -> Path:
    """A picture of true and predicted labels."""
    names = [label_name(label, language) for label in outcome.labels]
    if len(report["confusion_matrix"]) > len(names):
        names.append(label_name(UNKNOWN, language))
    return plot_confusion_matrix(report["confusion_matrix"], names, path)


def mistakes(outcome: Outcome, language: Language) -> str:
    """In HTML, the most confident mistakes: text, true label, predicted label and confidence."""
    rows = [
        [
            shortened(found.text),
            *(
                _named([outcome.labels[label] for label in labels], outcome, language)
                for labels in (found.true, found.predicted)
            ),
            percent(found.score, language),
        ]
        for found in outcome.most_confident_mistakes()
    ]
    headers = _said(language, "text", "batch_true", "batch_predicted", "batch_confidence")
    return table(say("batch_mistakes", language), headers, rows) if rows else ""


def _named(labels: Sequence[str], outcome: Outcome, language: Language) -> str:
    if labels:
        return ", ".join(label_name(label, language) for label in labels)
    return "—" if outcome.overlapping else label_name(UNKNOWN, language)


def _figures(name: str, scores: Sequence[float], support: int, kind: str, language: Language) -> str:
    cells = "".join(f"<td>{percent(score, language)}</td>" for score in scores)
    number = say("number", language, number=support)
    return f'<tr class="{kind}"><th scope="row">{html.escape(name)}</th>{cells}<td>{number}</td></tr>'


def _said(language: Language, *keys: str) -> list[str]:
    return [say(key, language) for key in keys]


def _picture(key: str, elem_id: str) -> gr.Image:
    return gr.Image(
        label=TEXTS(key),
        interactive=False,
        buttons=["download", "fullscreen"],
        elem_id=elem_id,
        type="filepath",
    )
