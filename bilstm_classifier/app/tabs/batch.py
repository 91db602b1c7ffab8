"""A file of texts: its columns are chosen, all rows classified, and the results shown and downloaded."""

import html
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from ..files.errors import BadFile
from ..files.exports import Exports
from ..files.scoring import FILES, Job, Outcome, classify_rows, result_folder
from ..files.uploads import ONE_HOT, Upload, count_rows, look_at, own_name, stem
from ..messages import LANGUAGES, TEXTS, Language, say
from ..service import Service
from ..static import read
from . import PRIVATE
from .answers import as_notes
from .batch_results import Changes, Results, missing_columns, shortened, table

logger = logging.getLogger(__name__)

PREVIEW_ROWS = 5
PREVIEW_COLUMNS = 12
COLUMNS_OFFERED = 200
LOOKS = 4  # files that are looked at at a time
NONE = -1  # in place of a column


def batch_tab(service: Service, language: gr.Radio) -> None:
    """Fill the tab."""
    about = gr.HTML(_about(service, "en"), elem_id="batch-about", padding=False)
    form = _Form(service)
    results = Results(service)

    def look(given: Any, chosen: Language) -> Changes:
        return results.hidden() | form.look(given, chosen)

    def begin(chosen: Language) -> Changes:
        waiting = as_notes([("fine", say("batch_waiting", chosen))])
        return results.hidden() | form.running(True) | {form.status: waiting}

    def classify(given: Any, column: int, truth: int, chosen: Language) -> Iterator[Changes]:
        try:
            job = form.job(given, column, truth, chosen)
            job.check()
            total = 0
            for total in count_rows(job.upload, service.settings, chosen):
                yield {form.status: _progress(say("batch_counting", chosen, rows=total))}
            with result_folder(form.file.GRADIO_CACHE) as folder:
                outcome = Outcome(service.labels, service.overlapping)
                begun = time.monotonic()
                name = f"{stem(job.upload.name)}-predictions"
                with Exports(folder, name, job.upload.table, service.labels, outcome.overlapping) as exports:
                    for done in classify_rows(service, job, exports, outcome):
                        left = (time.monotonic() - begun) / done * (total - done)
                        yield {form.status: _progress(_rows_done(done, total, left, chosen), done / total)}
                yield results.shown(job, outcome, exports, folder) | {
                    form.status: results.summary(outcome, exports, chosen)
                }
        except BadFile as error:
            yield {form.status: as_notes([("bad", str(error))])}
        except OSError as error:
            logger.error("the results of a file could not be written: %s", error.strerror)
            yield {form.status: as_notes([("bad", say("batch_unwritten", chosen))])}
        except Exception:  # of a library's, over what the file holds: the page must not wait for ever
            logger.exception("a file could not be classified")
            yield {form.status: as_notes([("bad", say("failed", chosen))])}

    def stopped(chosen: Language) -> Changes:
        return form.running(False) | {form.status: as_notes([("fine", say("batch_stopped", chosen))])}

    at_once: dict[str, Any] = {"queue": False, **PRIVATE}
    # Not preprocessed: the file's own name comes along, and one that was deleted in the meantime gets a message.
    chosen: dict[str, Any] = {"inputs": [form.file, form.texts, form.labels, language], "preprocess": False}
    buttons = [form.go, form.stop]
    begun = form.go.click(begin, [language], [form.status, *buttons, *results.blocks], **at_once)
    job = begun.then(
        classify,
        **chosen,
        outputs=[form.status, *results.blocks, *results.parts],
        concurrency_id=FILES,
        concurrency_limit=1,
        **PRIVATE,
    )
    job.then(lambda: form.running(False), None, buttons, **at_once)
    form.stop.click(stopped, [language], [form.status, *buttons], cancels=[job], **at_once)
    gr.on(
        [form.file.upload, form.file.clear, form.file.delete],
        look,
        [form.file, language],
        [*form.parts, *buttons, *results.blocks],
        preprocess=False,
        cancels=[job],
        trigger_mode="always_last",
        concurrency_id="look",
        concurrency_limit=LOOKS,
        **PRIVATE,
    )
    gr.on(
        [form.texts.input, form.labels.input],
        form.look_again,
        **chosen,
        outputs=[form.status, form.go],
        trigger_mode="always_last",
        **at_once,
    )
    abouts = json.dumps({chosen: _about(service, chosen) for chosen in LANGUAGES}, ensure_ascii=False)
    language.change(None, [language], [about], js=f"language => ({abouts})[language]", **PRIVATE)


class _Form:
    """The file, its columns, and the buttons."""

    def __init__(self, service: Service):
        self.service = service
        # Of any type: Gradio's refusal is in English, and does not say what to do with an Excel workbook.
        self.file = gr.File(label=TEXTS("batch_file"), elem_id="batch-file", height=150)
        with gr.Column(visible=False, elem_id="batch-form") as self.block:
            with gr.Row():
                self.texts = gr.Dropdown(
                    label=TEXTS("batch_text_column"), elem_id="batch-text-column", min_width=200
                )
                self.labels = gr.Dropdown(
                    label=TEXTS("batch_label_column"),
                    elem_id="batch-label-column",
                    min_width=200,
                )
            self.preview = gr.HTML(elem_id="batch-preview")
            with gr.Row(elem_id="batch-actions"):
                self.go = gr.Button(TEXTS("batch_go"), variant="primary", elem_id="batch-go")
                self.stop = gr.Button(
                    TEXTS("batch_stop"), variant="stop", visible=False, elem_id="batch-stop"
                )
        self.status = gr.HTML(
            elem_id="batch-status", padding=False, js_on_load=_refuse_large(service.settings.max_file_mb)
        )
        self.parts = [self.status, self.block, self.texts, self.labels, self.preview]

    def look(self, given: Any, language: Language) -> Changes:
        """What to show of a file that has come, or has gone."""
        changes: Changes = {self.status: "", self.block: gr.update(visible=False)} | self.running(False)
        if given is None:
            return changes
        try:
            upload = _upload(given, language)
        except BadFile as error:
            return changes | {self.status: as_notes([("bad", str(error))])}
        column = upload.text_column(self.service)
        truth = upload.label_column(self.service, column)
        offered = _offered(upload)
        others = [(say("batch_no_labels", language), NONE)]
        if upload.one_hot(self.service):
            others.append((say("batch_one_hot", language), ONE_HOT))
        told, sound = _checked(Job(upload, column, truth, language), self.service)
        return changes | {
            self.status: told,
            self.go: gr.update(visible=True, interactive=sound),
            self.block: gr.update(visible=True),
            self.texts: gr.update(choices=offered, value=column),
            self.labels: gr.update(choices=[*others, *offered], value=NONE if truth is None else truth),
            self.preview: _preview(upload, language),
        }

    def look_again(self, given: Any, column: int, truth: int, language: Language) -> Changes:
        """What to say when other columns were chosen."""
        try:
            told, sound = _checked(self.job(given, column, truth, language), self.service)
        except BadFile as error:
            told, sound = as_notes([("bad", str(error))]), False
        return {self.status: told, self.go: gr.update(interactive=sound)}

    def job(self, given: Any, column: int, truth: int, language: Language) -> Job:
        """What is to be done.

        Raises:
            BadFile: the file cannot be read.
        """
        return Job(_upload(given, language), column, None if truth in (None, NONE) else truth, language)

    def running(self, running: bool) -> Changes:
        """The buttons while a file is being classified, and else."""
        return {self.go: gr.update(visible=not running), self.stop: gr.update(visible=running)}


def _upload(given: Any, language: Language) -> Upload:
    return look_at(given["path"], own_name(given.get("orig_name"), given["path"]), language)


def _checked(job: Job, service: Service) -> tuple[str, bool]:
    try:
        job.check()
    except BadFile as error:
        return as_notes([("bad", str(error))]), False
    if missing := job.missing_columns(service):
        return as_notes([missing_columns(missing, job.language)]), True
    return "", True


def _offered(upload: Upload) -> list[tuple[str, int]]:
    """Columns by their place, which is short whatever their name is."""
    # With an invisible character, for the browser translates a choice that is called like one of our messages.
    names = [f"{shortened(name, 60) or '—'}\u2060" for name in upload.columns[:COLUMNS_OFFERED]]
    return [(name, place) for place, name in enumerate(names)]


def _preview(upload: Upload, language: Language) -> str:
    columns = upload.columns[:PREVIEW_COLUMNS]
    cells = [[row.get(name) for name in columns] for row in upload.first_rows[:PREVIEW_ROWS]]
    rows = [["" if cell is None else shortened(cell) for cell in row] for row in cells]
    return table(say("batch_preview", language), [shortened(name, 60) for name in columns], rows)


def _about(service: Service, language: Language) -> str:
    settings = service.settings
    limits = {"rows": settings.max_rows, "megabytes": settings.max_file_mb, "minutes": settings.keep_minutes}
    return f"<p>{html.escape(say('batch_about', language, **limits))}</p>"


def _refuse_large(megabytes: int) -> str:
    """The script that refuses a file of more than so many megabytes."""
    blanks = {"name": "{name}", "found": "{found}", "limit": megabytes}  # the script fills in the first two
    texts = json.dumps({chosen: say("file_large", chosen, **blanks) for chosen in LANGUAGES})
    return f"const texts = {texts}, limit = {megabytes * 1_000_000};\n{read('batch.js')}"


def _rows_done(done: int, total: int, seconds_left: float, language: Language) -> str:
    minutes = round(seconds_left / 60)
    if minutes < 2:
        return say("batch_progress", language, done=done, total=total)
    return say("batch_progress_slow", language, done=done, total=total, minutes=minutes)


def _progress(text: str, share: float | None = None) -> str:
    value = "" if share is None else f' value="{share:.4f}"'
    said = html.escape(text)
    return (
        f'<div class="progress"><progress max="1"{value} aria-label="{said}"></progress><p>{said}</p></div>'
    )
