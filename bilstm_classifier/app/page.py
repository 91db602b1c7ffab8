"""The page as a whole: its head, its tabs, its looks."""

import gradio as gr

from . import endpoints
from .comparison import Comparison
from .file_endpoint import add_file_endpoint
from .messages import TEXTS, Language, say
from .service import Service
from .tabs import PRIVATE
from .tabs.about import about_tab
from .tabs.batch import batch_tab
from .tabs.classify import classify_tab
from .tabs.compare import compare_tab
from .tabs.history import history_tab
from .tabs.programs import programs_tab


def build_page(service: Service) -> gr.Blocks:
    """The Gradio app around a model."""
    settings = service.settings
    keep = settings.keep_minutes * 60
    title = "News classifier · Классификатор новостей" if service.is_for_news else "Text classifier"
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=(min(60, keep), keep)) as page:
        language = _head(service)
        endpoints.add_endpoints(service)
        add_file_endpoint(service)
        comparison = Comparison(service)
        if len(comparison.names) > 1:
            endpoints.add_comparison(comparison)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(TEXTS("tab_classify"), id="classify"):
                classify_tab(service, language)
            with gr.Tab(TEXTS("tab_batch"), id="batch"):
                batch_tab(service, language)
            if len(comparison.names) > 1:
                with gr.Tab(TEXTS("tab_compare"), id="compare"):
                    compare_tab(comparison, language)
            with gr.Tab(TEXTS("tab_history"), id="history"):
                history_tab()
            with gr.Tab(TEXTS("tab_about"), id="about"):
                about_tab(service, language)
            with gr.Tab(TEXTS("tab_programs"), id="programs"):
                programs_tab(page, service, language)
    # As `launch` would do, which a mounted page does without: until then Gradio takes any path that a request names,
    # also one like /etc/passwd, for a file that was uploaded.
    page.has_launched = True
    page.queue(max_size=settings.queue_size, api_open=False)
    return page


def _head(service: Service) -> gr.Radio:
    """Title, language and theme; the choice of language goes with every request, for the server's messages."""
    with gr.Row(elem_id="head"):
        gr.Markdown(TEXTS("title" if service.is_for_news else "title_other"), elem_id="title")
        language = gr.Radio(
            [("Русский", "ru"), ("English", "en")],
            value="en",
            label=TEXTS("language"),
            elem_id="language",
            container=False,
        )
        theme = gr.Button(TEXTS("theme"), elem_id="theme", size="sm", min_width=44)
    notice = gr.Markdown(visible=bool(service.absent), elem_id="absent")
    theme.click(None, js="() => switchTheme()", **PRIVATE)
    language.input(None, [language], None, js="language => switchLanguage(language)", **PRIVATE)
    opened = gr.on(js="() => rememberedLanguage()", fn=None, outputs=[language], triggers=None, **PRIVATE)
    if service.absent:

        def tell(chosen: Language) -> str:
            return say("model_absent", chosen, model=service.settings.model_id)

        opened.then(tell, [language], [notice], **PRIVATE)
    return language
