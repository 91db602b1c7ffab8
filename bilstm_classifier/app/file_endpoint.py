"""The endpoint by which programs have a file classified."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from ..predictor import UNKNOWN
from .files.errors import BadFile, bad_file, cut
from .files.exports import Exports
from .files.scoring import FILES, Job, Outcome, classify_rows, result_folder
from .files.uploads import Upload, count_rows, look_at, own_name, stem
from .messages import Language, say
from .service import Service

Answer = tuple[list[dict[str, Any]], dict[str, Any]]


def add_file_endpoint(service: Service) -> None:
    """Add the endpoint to the page that is being built."""

    def classify_file(  # type: ignore[misc]  # yields what it is said to return, for that is what Gradio documents
        file: gr.FileData, text_column: str = "", label_column: str = "", language: Language = "en"
    ) -> tuple[list[gr.FileData], dict[str, Any]]:
        """Say which category each text of a file belongs to.

        Args:
            file: CSV, TSV, JSON lines, Parquet, or one text a line; also compressed with gzip.
            text_column: The column with the texts; if left out, one with a usual name, else the one with long texts.
            label_column: The column with true categories; if left out, one with a usual name if it holds categories.
            language: Language of error messages.

        Returns:
            The results as a CSV, a JSON and a Parquet file, and a summary: rows, empty, unsure, partly_read (how many
            rows), by_label (texts by category); where there can be such, without_label, missing_columns, unread_cells;
            with true categories also figures, and unlabelled, unknown_labels, broken_labels (how many rows the figures
            leave out). Before the end: no files, and in the summary rows, of.
        """
        try:
            yield from _steps(service, file, text_column, label_column, language)
        except BadFile as error:
            raise gr.Error(str(error), print_exception=False) from None

    gr.api(classify_file, api_name="classify_file", concurrency_id=FILES, concurrency_limit=1)


def _steps(
    service: Service, file: Any, text_column: Any, label_column: Any, language: Language
) -> Iterator[Answer]:
    upload = _upload(file, language)
    column = _place(upload, text_column, language) if text_column else upload.text_column(service)
    if label_column:
        truth: int | None = _place(upload, label_column, language)
    else:
        truth = upload.label_column(service, column)
    job = Job(upload, column, truth, language)
    job.check()
    total = 0
    for total in count_rows(upload, service.settings, language):
        yield [], {"rows": 0, "of": total}
    with result_folder(get_upload_folder()) as folder:
        outcome = Outcome(service.labels, service.overlapping)
        name, several = f"{stem(upload.name)}-predictions", service.overlapping
        with Exports(folder, name, upload.table, service.labels, several) as exports:
            for done in classify_rows(service, job, exports, outcome):
                yield [], {"rows": done, "of": total}
        files = [gr.FileData(path=str(path), orig_name=path.name).model_dump() for path in exports.paths]
        yield files, _summary(service, job, outcome)


def _upload(file: Any, language: Language) -> Upload:
    """The file that a program sent: Gradio checks this for a page, and not for an endpoint alone."""
    path = file.get("path") if isinstance(file, dict) else None
    folder = Path(get_upload_folder()).resolve()
    if not isinstance(path, str) or not Path(path).resolve().is_relative_to(folder):
        raise BadFile(say("file_expected", language))
    return look_at(path, own_name(file.get("orig_name"), path), language)


def _place(upload: Upload, column: Any, language: Language) -> int:
    if column not in upload.columns:
        known = ", ".join(map(cut, upload.columns[:20]))
        raise bad_file("file_no_column", upload.name, language, found=cut(str(column)), known=known)
    return upload.columns.index(column)


def _summary(service: Service, job: Job, outcome: Outcome) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "rows": outcome.rows,
        "empty": outcome.empty,
        "unsure": outcome.unsure,
        "partly_read": outcome.partly_read,
        "by_label": {label: outcome.by_label[label] for label in outcome.labels},
    }
    if service.overlapping or service.predictor.decision.unclaimed == UNKNOWN:
        summary["without_label"] = outcome.without_label
    if service.inputs.columns:
        summary["missing_columns"] = list(outcome.missing_columns)
        summary["unread_cells"] = outcome.unread_cells
    if job.label_column is None:
        return summary
    return summary | {
        "figures": outcome.report(),
        "unlabelled": outcome.unlabelled,
        "unknown_labels": outcome.unknown,
        **({"broken_labels": outcome.broken} if service.overlapping else {}),
    }
