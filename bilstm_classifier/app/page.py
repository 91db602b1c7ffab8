"""The page as a whole: its head, its tabs, its looks."""

from importlib import resources
from typing import Any

import gradio as gr

from . import endpoints
from .classify_tab import classify_tab
from .messages import TEXTS, Language, say
from .service import PACKAGED, Service


def build_page(service: Service) -> gr.Blocks:
    """The Gradio app around a model."""
    settings = service.settings
    keep = settings.keep_minutes * 60
    with gr.Blocks(
        title="bilstm-classifier", analytics_enabled=False, delete_cache=(min(60, keep), keep)
    ) as page:
        language = _head(service)
        with gr.Tabs(elem_id="tabs"), gr.Tab(TEXTS("tab_classify"), id="classify"):
            classify_tab(service, language)
        endpoints.add_endpoints(service)
    page.queue(max_size=settings.queue_size, api_open=False)
    return page


def _head(service: Service) -> gr.Radio:
    """Title, language and theme; the choice of language goes with every request, for the server's messages."""
    with gr.Row(elem_id="head"):
        with gr.Column(scale=4, min_width=240):
            gr.Markdown(TEXTS("title" if service.name == PACKAGED else "title_other"), elem_id="title")
        language = gr.Radio(
            [("Русский", "ru"), ("English", "en")],
            value="en",
            label=TEXTS("language"),
            elem_id="language",
            min_width=200,
        )
        theme = gr.Button("◐", elem_id="theme", size="sm", min_width=44)
    notice = gr.Markdown(visible=bool(service.absent), elem_id="absent")
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    theme.click(None, js="() => switchTheme()", **private)
    language.input(None, [language], None, js="language => switchLanguage(language)", **private)
    opened = gr.on(js="() => rememberedLanguage()", fn=None, outputs=[language], triggers=None, **private)
    if service.absent:

        def tell(chosen: Language) -> str:
            reason, model = service.absent, service.settings.model_id
            return say("model_absent", chosen, model=model, reason=reason)

        opened.then(tell, [language], [notice], **private)
    return language


def read(name: str) -> str:
    """A file of this package: the page's script or style."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
