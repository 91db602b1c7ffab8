"""What programs call, by HTTP, ``gradio_client`` or MCP: typed functions with the docstrings that they see."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import wraps
from typing import Any

import gradio as gr

from .. import TextPrediction
from ..predictor import UNKNOWN
from .asked import BadText
from .comparison import AT_ONCE, Comparison, NoModel
from .messages import Language, say
from .service import BATCH, Service


def add_endpoints(service: Service) -> None:
    """Add the endpoints to the page that is being built."""

    def classify(text: str, language: Language = "en") -> dict[str, Any]:
        """Say which category a text belongs to.

        Args:
            text: The text; of a long one the beginning is read.
            language: Language of error messages.

        Returns:
            label (or labels, where a text may have several, with the thresholds that they reach), probabilities by
            label, reason (a keyword or stage of a cascade that chose, where the model has them), unsure (whether the
            answer is below the model's bound), tokens, tokens_read, hardly_russian; or error, where there is nothing to
            read.
        """
        return _answers(service, [text], [language])[0]

    def classify_columns(
        text: str, language: Language = "en", columns: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Say which category a text belongs to.

        Args:
            text: The text; of a long one the beginning is read.
            language: Language of error messages.
            columns: What stands beside the text, or in its place, by name: `about` lists the columns. One that is left
                out is missing.

        Returns:
            label (or labels, where a text may have several, with the thresholds that they reach), probabilities by
            label, reason (a keyword or stage of a cascade that chose, where the model has them), unsure (whether the
            answer is below the model's bound), tokens, tokens_read, hardly_russian; or error, where there is nothing to
            read.
        """
        return _answers(service, [text], [language], [columns])[0]

    def classify_many(texts: list[str], language: Language = "en") -> list[dict[str, Any]]:
        """Say which category each of several texts belongs to.

        Args:
            texts: The texts.
            language: Language of error messages.

        Returns:
            For each text what `classify` returns, in their order.
        """
        limit = service.settings.max_texts
        if not isinstance(texts, list) or len(texts) > limit:
            found = len(texts) if isinstance(texts, list) else type(texts).__name__
            raise _refused(say("too_many_texts", language, found=found, limit=limit))
        return _answers(service, texts, [language] * len(texts))

    def explain(text: str, label: str | None = None, language: Language = "en") -> dict[str, Any]:
        """Say which words of a text spoke for and against a category.

        Args:
            text: The text; of a long one the beginning is read.
            label: The category; the one answered if left out.
            language: Language of error messages.

        Returns:
            label, probability, words (start and end in characters, text, score in nats of log-odds), tokens,
            tokens_read, log_odds, baseline (log-odds of the same text with its words masked).
        """
        return _explained(service, text, label, language)

    def explain_columns(
        text: str,
        label: str | None = None,
        language: Language = "en",
        columns: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Say which words of a text spoke for and against a category.

        Args:
            text: The text; of a long one the beginning is read.
            label: The category; the one answered if left out.
            language: Language of error messages.
            columns: What stands beside the text, or in its place, by name: `about` lists the columns. One that is left
                out is missing.

        Returns:
            label, probability, words (start and end in characters, text, score in nats of log-odds), tokens,
            tokens_read, log_odds, baseline (log-odds of the same text with its words masked).
        """
        return _explained(service, text, label, language, columns)

    def about() -> dict[str, Any]:
        """Say which model answers: its name, its labels, what it reads of a text, and how it scored.

        Returns:
            model, labels, max_tokens, metrics (accuracy and macro F1 of each test), thresholds where a text may have
            several labels, columns where the model reads some beside the text, and instead_of where another model
            should have answered.
        """
        return service.facts()

    # MCP calls a tool as its function is called.
    classify_columns.__name__, explain_columns.__name__ = classify.__name__, explain.__name__
    with_columns = bool(service.inputs.columns)
    one = _batched(classify_columns if with_columns else classify, service)
    gr.api(one, api_name="classify", batch=True, max_batch_size=BATCH)
    gr.api(classify_many, api_name="classify_many")
    weighing = explain_columns if with_columns else explain
    gr.api(weighing, api_name="explain", concurrency_id="explain")
    gr.api(about, api_name="about", queue=False)


def add_comparison(comparison: Comparison) -> None:
    """Add the endpoint that asks several models, to the page that is being built."""

    def compare(text: str, models: list[str], language: Language = "en") -> dict[str, Any]:
        """Say which category a text belongs to, according to each of several models.

        Args:
            text: The text; of a long one the beginning is read.
            models: Names of models that the operator offers for comparison.
            language: Language of error messages.

        Returns:
            answers (by model, what `classify` returns, or error where it cannot be had), and agree (whether all chose
            the same; none where one has no answer).
        """
        try:
            return comparison_of(comparison, text, models, language)
        except NoModel as error:
            raise _refused(str(error)) from None

    gr.api(compare, api_name="compare", concurrency_id="compare", concurrency_limit=AT_ONCE)


def comparison_of(comparison: Comparison, text: object, models: object, language: Language) -> dict[str, Any]:
    """What the endpoint ``compare`` returns.

    Raises:
        NoModel: ``models`` are no list of names, or one of them is not offered.
    """
    if not isinstance(models, list) or not models:
        raise NoModel(say("models_expected", language, known=", ".join(comparison.names)))
    names = dict.fromkeys(comparison.check(name, language) for name in models)  # all, before one is loaded
    answers: dict[str, Any] = {}
    for name in names:
        try:
            answers[name] = _answers(comparison.model(name, language), [text], [language])[0]
        except NoModel as error:
            answers[name] = {"error": str(error)}
    chosen = [
        set(answer["labels"] if "labels" in answer else [answer["label"]])
        for answer in answers.values()
        if "error" not in answer
    ]
    whole = len(chosen) == len(answers)
    return {"answers": answers, "agree": all(labels == chosen[0] for labels in chosen) if whole else None}


def _batched(single: Callable[..., Any], service: Service) -> Callable[..., Any]:
    """``single`` for whatever requests wait at the time; its signature and docstring are what programs see."""

    @wraps(single)
    def several(
        texts: Sequence[Any], languages: Sequence[Language], columns: Sequence[Any] = ()
    ) -> tuple[list[dict[str, Any]]]:
        return (_answers(service, texts, languages, columns),)

    return several


def _answers(
    service: Service, texts: Sequence[Any], languages: Sequence[Language], columns: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    items = [
        _item(service, text, beside, language)
        for text, language, beside in zip(texts, languages, columns or [None] * len(texts), strict=True)
    ]
    # An error within its answer: raised, it would be that of all requests of the batch.
    return [
        {"error": str(found)} if isinstance(found, BadText) else _answer(service, item, found)
        for item, found in zip(items, service.classify(items, languages), strict=True)
    ]


def _item(service: Service, text: Any, columns: Any, language: Language) -> Any:
    try:
        return service.inputs.item(text, columns, language)
    except BadText as error:
        return error


def _answer(service: Service, item: Any, found: TextPrediction) -> dict[str, Any]:
    labels: dict[str, Any] = {"label": found.labels[0] if found.labels else UNKNOWN}
    if service.overlapping:
        labels = {"labels": list(found.labels), "thresholds": service.thresholds}
    if service.predictor.decision.cascade or service.predictor.decision.rules:
        labels["reason"] = found.reason
    return labels | {
        "probabilities": found.probabilities,
        "unsure": found.unsure,
        "tokens": found.tokens,
        "tokens_read": found.tokens_read,
        "hardly_russian": service.hardly_russian(service.inputs.text_of(item)),
    }


def _explained(
    service: Service, text: Any, label: str | None, language: Language, columns: Any = None
) -> dict[str, Any]:
    try:
        return asdict(service.explain(service.inputs.item(text, columns, language), label or None, language))
    except BadText as error:
        raise _refused(str(error)) from None


def _refused(message: str) -> gr.Error:
    return gr.Error(message, print_exception=False)
