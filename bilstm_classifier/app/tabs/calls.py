"""How a program calls each endpoint: lines of Python and of a shell, made from the functions that answer."""

import inspect
import json
import shlex
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_function_description

SENTENCE = "Сборная выиграла матч в овертайме и вышла в финал чемпионата"
EXAMPLES: Mapping[str, Any] = {  # by a parameter's name; those with a default may be left out
    "text": SENTENCE,
    "texts": [SENTENCE, "Центробанк повысил ключевую ставку"],
    "file": Path("news.csv"),  # a file that is sent along
}


@dataclass(frozen=True)
class Parameter:
    """What an endpoint takes: name, type as Python writes it, what its docstring says, whether it may be left out."""

    name: str
    type: str
    says: str
    optional: bool
    default: Any


@dataclass(frozen=True)
class Endpoint:
    """What a program may call."""

    name: str
    says: str
    parameters: Sequence[Parameter]
    returns: str


def public_endpoints(page: gr.Blocks) -> list[Endpoint]:
    """The endpoints that were added to ``page`` so far, as Gradio will document them."""
    return [
        _endpoint(str(function.api_name), function.fn)
        for function in page.fns.values()
        if function.fn and function.api_visibility == "public"
    ]


def python_lines(endpoint: Endpoint, address: str, examples: Mapping[str, Any]) -> str:
    """A program that calls ``endpoint`` of the app at ``address`` and prints the answer."""
    imported, given = "Client", ""
    for name, value in _arguments(endpoint, examples).items():
        if isinstance(value, Path):
            imported, written = "Client, handle_file", f'handle_file("{value}")'
        else:
            written = json.dumps(value, ensure_ascii=False)
        given += f"{name}={written}, "
    return (
        f"from gradio_client import {imported}\n\n"
        f'client = Client("{address}")\n'
        f'print(client.predict({given}api_name="/{endpoint.name}"))'
    )


def curl_line(endpoint: Endpoint, address: str, examples: Mapping[str, Any]) -> str:
    """A shell's line that calls ``endpoint``: one request gives the number under which the next one waits.

    A file is sent before, by a request that gives its place on the server.
    """
    calls, sending = f"{address}/gradio_api/call", ""
    arguments = _arguments(endpoint, examples)
    for name, value in arguments.items():
        if isinstance(value, Path):
            upload = f"curl -s {address}/gradio_api/upload -F files=@{value}"
            sending = f"{upload} | cut -d '\"' -f 2 | xargs -I FILE "
            arguments[name] = {"path": "FILE", "meta": {"_type": "gradio.FileData"}}
    body = json.dumps(arguments, ensure_ascii=False)
    return (
        f"{sending}curl -s {calls}/v2/{endpoint.name} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
        f" | cut -d '\"' -f 4 | xargs -I NUMBER curl -sN {calls}/{endpoint.name}/NUMBER"
    )


def mcp_settings(address: str) -> str:
    """What an MCP client is configured with."""
    server = {"url": f"{address}/gradio_api/mcp/"}
    return json.dumps({"mcpServers": {"bilstm-classifier": server}}, indent=2)


def _arguments(endpoint: Endpoint, examples: Mapping[str, Any]) -> dict[str, Any]:
    return {
        parameter.name: examples.get(parameter.name, "…")
        for parameter in endpoint.parameters
        if not parameter.optional
    }


def _endpoint(name: str, function: Any) -> Endpoint:
    says, parameters_say, returns = get_function_description(function)
    types = typing.get_type_hints(function)
    parameters = [
        Parameter(
            parameter.name,
            _written(types.get(parameter.name, Any)),
            parameters_say.get(parameter.name, ""),
            parameter.default is not parameter.empty,
            parameter.default,
        )
        for parameter in inspect.signature(function).parameters.values()
    ]
    return Endpoint(name, says, parameters, " ".join(returns))


def _written(hint: Any) -> str:
    """A type as it is written in Python."""
    return (
        hint.__name__
        if isinstance(hint, type) and not typing.get_args(hint)
        else str(hint).replace("typing.", "")
    )
