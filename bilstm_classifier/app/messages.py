"""What visitors read: ``messages.yaml``, in English and Russian, for the page (``TEXTS``) and the server (``say``)."""

from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

import gradio as gr
import yaml

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@cache
def messages() -> dict[str, dict[str, str]]:
    """Each message by its key and language."""
    text = resources.files(__package__).joinpath("messages.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


# For what stands on the page from the start; the browser puts its language's text in.
TEXTS = gr.I18n(
    **{language: {key: text[language] for key, text in messages().items()} for language in LANGUAGES}
)


def say(key: str, language: Language, **values: Any) -> str:
    """The message ``key`` with its blanks filled; whole numbers are grouped as the language does it.

    A language that is none of ours, which a program may send, is English.
    """
    language = language if language in LANGUAGES else "en"
    return messages()[key][language].format(
        **{name: _shown(value, language) for name, value in values.items()}
    )


def label_name(label: str, language: Language) -> str:
    """What a visitor reads for a label: its translation where it is one of the eleven news categories."""
    key = f"label_{label}"
    return say(key, language) if key in messages() else label


def percent(share: float, language: Language) -> str:
    """A share in percent, as the language writes it; what is not quite all or nothing does not look like it."""
    shown = f"{100 * share:.1f}"
    if shown in ("100.0", "0.0") and share not in (0, 1):
        shown = "> 99.9" if share > 0.5 else "< 0.1"
    return f"{shown.replace('.', ',')}\u00a0%" if language == "ru" else f"{shown}%"


def _shown(value: Any, language: Language) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace(",", "\u00a0" if language == "ru" else ",")
    return value
