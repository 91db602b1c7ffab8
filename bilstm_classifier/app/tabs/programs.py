"""How programs call the app: by ``gradio_client``, by HTTP, over MCP."""

import html
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gradio as gr

from ..messages import Language, messages, say
from ..service import Service
from ..settings import Settings
from . import PRIVATE
from .calls import EXAMPLES, Endpoint, Parameter, curl_line, mcp_settings, public_endpoints, python_lines

ADDRESS = "http://127.0.0.1:7860"  # the page's script puts that of this app in its place
LIMITS = ("max_characters", "max_texts", "max_rows", "max_file_mb", "keep_minutes", "queue_size")


def programs_tab(page: gr.Blocks, service: Service, language: gr.Radio) -> None:
    """Fill the tab with the endpoints that ``page`` has so far."""
    models = list(dict.fromkeys([service.name, *service.settings.compare_models]))[:2]
    tell = partial(how_to_call, public_endpoints(page), service.settings, {**EXAMPLES, "models": models})
    calls = gr.HTML(tell("en"), elem_id="programs", js_on_load="showCalls(element, watch)")
    language.change(tell, [language], [calls], queue=False, **PRIVATE)


def how_to_call(
    endpoints: Sequence[Endpoint], settings: Settings, examples: Mapping[str, Any], language: Language
) -> str:
    """What the tab says; in HTML."""
    limits = "".join(
        f"<li>{html.escape(say(f'programs_{name}', language, limit=getattr(settings, name)))}</li>"
        for name in LIMITS
    )
    described = "".join(_described(endpoint, examples, language) for endpoint in endpoints)
    return (
        f"<p>{_said('programs_about', language)}</p>"
        f"<h2>{_said('programs_endpoints', language)}</h2>"
        f"<p>{_said('programs_python', language)}</p><p>{_said('programs_curl', language)} "
        f"{_said('programs_file', language)}</p>{described}"
        f"<h2>MCP</h2><p>{_said('programs_mcp', language)}</p>"
        f"{_code(f'{ADDRESS}/gradio_api/mcp/', language)}"
        f"<p>{_said('programs_mcp_settings', language)}</p>{_code(mcp_settings(ADDRESS), language)}"
        f"<h2>{_said('programs_limits', language)}</h2><ul>{limits}</ul>"
    )


def translated(says: str, language: Language) -> str:
    """What a docstring says, in Russian where a message has its translation."""
    for message in messages().values() if language == "ru" else ():
        if message["en"] == says:
            return message["ru"]
    return says


def _described(endpoint: Endpoint, examples: Mapping[str, Any], language: Language) -> str:
    says = html.escape(translated(endpoint.says, language))
    takes = "".join(_taken(parameter, language) for parameter in endpoint.parameters)
    if takes:
        takes = f'<p>{_said("programs_takes", language)}</p><dl class="takes">{takes}</dl>'
    returns = html.escape(translated(endpoint.returns, language))
    return (
        f"<details><summary><code>{endpoint.name}</code> {says}</summary>{takes}"
        f"<p>{_said('programs_returns', language)} {returns}</p>"
        f"<h3>Python</h3>{_code(python_lines(endpoint, ADDRESS, examples), language)}"
        f"<h3>curl</h3>{_code(curl_line(endpoint, ADDRESS, examples), language)}</details>"
    )


def _taken(parameter: Parameter, language: Language) -> str:
    optional = ""
    if parameter.optional:
        default = html.escape(repr(parameter.default))
        optional = f" {_said('programs_optional', language)} <code>{default}</code>."
    return (
        f"<dt><code>{parameter.name}: {html.escape(parameter.type)}</code></dt>"
        f"<dd>{html.escape(translated(parameter.says, language))}{optional}</dd>"
    )


def _code(code: str, language: Language) -> str:
    shown = html.escape(code).replace(ADDRESS, f'<span class="address">{ADDRESS}</span>')
    copied = _said("programs_copied", language)
    button = f'<button type="button" class="copy" data-copied="{copied}">{_said("programs_copy", language)}</button>'
    return f'<div class="call">{button}<pre tabindex="0"><code>{shown}</code></pre></div>'


def _said(key: str, language: Language) -> str:
    return html.escape(say(key, language))
