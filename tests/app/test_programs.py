"""The tab for programs: what it shows runs as it stands, and it names every endpoint as the server does."""

import ast
import asyncio
import html
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import Any

import gradio as gr
import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from playwright.sync_api import expect

from bilstm_classifier import Predictor, get_predictions
from bilstm_classifier.app.messages import say
from bilstm_classifier.app.page import build_page
from bilstm_classifier.app.service import PACKAGED
from bilstm_classifier.app.settings import Settings
from bilstm_classifier.app.tabs.calls import EXAMPLES, SENTENCE, Endpoint, public_endpoints
from bilstm_classifier.app.tabs.programs import ADDRESS, how_to_call, translated

from .browsing import open_tab
from .conftest import serving


@pytest.fixture(scope="module")
def offered(service, model_folder):
    """A service with a model to compare with, so that every endpoint is there."""
    return replace(service, settings=Settings(compare_models=(str(model_folder),)))


@pytest.fixture(scope="module")
def page(offered) -> gr.Blocks:
    return build_page(offered)


@pytest.fixture(scope="module")
def endpoints(page) -> dict[str, Endpoint]:
    return {endpoint.name: endpoint for endpoint in public_endpoints(page)}


@pytest.fixture(scope="module")
def address(offered) -> Iterator[str]:
    yield from serving(offered)


@pytest.fixture(scope="module")
def shown(page, address) -> dict[str, dict[str, str]]:
    """The lines of Python and of curl that the tab shows for each endpoint, with the app's address filled in."""
    (tab,) = [block for block in page.blocks.values() if getattr(block, "elem_id", "") == "programs"]
    return {
        name: {language: _plain(code).replace(ADDRESS, address) for language, code in _codes(details)}
        for name, details in re.findall(r"<summary><code>(\w+)</code>(.*?)</details>", tab.value, re.DOTALL)
    }


def _codes(details: str) -> list[tuple[str, str]]:
    return re.findall(r"<h3>(\w+)</h3>.*?<pre[^>]*><code>(.*?)</code></pre>", details, re.DOTALL)


def _plain(code: str) -> str:
    return html.unescape(re.sub("<[^>]+>", "", code))


@pytest.fixture
def beside_a_file(tmp_path, monkeypatch) -> None:
    """In a folder with the file that the lines send."""
    rows = ["news", *EXAMPLES["texts"]]
    (tmp_path / EXAMPLES["file"]).write_text("\n".join(rows), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # the client keeps the results there


def python_answer(lines: str) -> Any:
    """What the lines print last, run as a program."""
    run = subprocess.run(
        [sys.executable, "-c", lines], capture_output=True, text=True, check=True, timeout=120
    )
    return ast.literal_eval(run.stdout.splitlines()[-1])


def curl_answer(line: str) -> Any:
    """What the line's answer holds, run by a shell."""
    run = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=120)
    event, data = run.stdout.strip().splitlines()[-2:]
    assert event == "event: complete", run.stdout
    answers = json.loads(data.removeprefix("data: "))
    return answers if len(answers) > 1 else answers[0]


def test_every_endpoint_is_shown(shown, endpoints):
    assert list(shown) == list(endpoints)
    assert {"classify", "classify_many", "explain", "about", "classify_file", "compare"} <= set(shown)
    assert all(set(lines) == {"Python", "curl"} for lines in shown.values())


def test_endpoints_and_parameters_are_those_of_the_server(address, endpoints):
    info = httpx.get(f"{address}/gradio_api/info").json()["named_endpoints"]
    assert {f"/{name}" for name in endpoints} == set(info)
    for name, endpoint in endpoints.items():
        theirs = info[f"/{name}"]
        assert endpoint.says == theirs["description"]
        assert [(one.name, one.optional) for one in endpoint.parameters] == [
            (one["parameter_name"], one["parameter_has_default"]) for one in theirs["parameters"]
        ]
        for ours, one in zip(endpoint.parameters, theirs["parameters"], strict=True):
            assert not ours.optional or ours.default == one["parameter_default"]


def test_every_parameter_that_is_needed_has_an_example(endpoints):
    needed = {one.name for endpoint in endpoints.values() for one in endpoint.parameters if not one.optional}
    assert needed <= {*EXAMPLES, "models"}


def test_every_docstring_has_its_russian(endpoints):
    for endpoint in endpoints.values():
        for says in (endpoint.says, endpoint.returns, *(one.says for one in endpoint.parameters)):
            assert says
            assert re.search("[а-я]", translated(says, "ru")), says
            assert translated(says, "en") == says


def test_no_message_is_there_twice():
    text = resources.files("bilstm_classifier.app").joinpath("messages.yaml").read_text(encoding="utf-8")
    keys = Counter(re.findall(r"^(\w+):", text, re.MULTILINE))
    assert [key for key, count in keys.items() if count > 1] == []


def test_the_curl_lines_run_as_they_stand(shown, beside_a_file):
    answers = {name: curl_answer(lines["curl"]) for name, lines in shown.items()}
    assert answers["classify"]["label"] == get_predictions(SENTENCE)
    assert answers["classify"]["probabilities"] == pytest.approx(
        get_predictions(SENTENCE, return_probabilities=True), abs=1e-6
    )
    assert [one["label"] for one in answers["classify_many"]] == get_predictions(EXAMPLES["texts"])
    words = Predictor.from_pretrained().explain(SENTENCE).words
    assert [word["text"] for word in answers["explain"]["words"]] == [word.text for word in words]
    assert answers["about"]["labels"] == Predictor.from_pretrained().labels
    files, summary = answers["classify_file"]
    assert len(files) == 3
    expected = Counter(get_predictions(EXAMPLES["texts"]))
    assert {label: count for label, count in summary["by_label"].items() if count} == expected


@pytest.mark.slow
def test_the_python_lines_run_as_they_stand(shown, offered, beside_a_file):
    answers = {name: python_answer(lines["Python"]) for name, lines in shown.items()}
    files, summary = answers.pop("classify_file")
    assert (len(files), summary) == (3, curl_answer(shown["classify_file"]["curl"])[1])
    for name, answer in answers.items():
        assert answer == curl_answer(shown[name]["curl"]), name
    (other,) = offered.settings.compare_models
    assert {name: one["label"] for name, one in answers["compare"]["answers"].items()} == {
        PACKAGED: get_predictions(SENTENCE),
        other: get_predictions(SENTENCE, other),
    }


def test_the_address_for_mcp_has_the_endpoints_as_tools(page, address, endpoints):
    (tab,) = [block for block in page.blocks.values() if getattr(block, "elem_id", "") == "programs"]
    settings = json.loads(_plain(re.findall(r"<code>(\{.*?\})</code>", tab.value, re.DOTALL)[0]))
    (server,) = settings["mcpServers"].values()

    async def tools() -> set[str]:
        async with (
            streamable_http_client(server["url"].replace(ADDRESS, address)) as (receiving, sending, _),
            ClientSession(receiving, sending) as session,
        ):
            await session.initialize()
            return {tool.name for tool in (await session.list_tools()).tools}

    assert asyncio.run(tools()) == set(endpoints)


def test_limits_are_those_of_the_settings():
    settings = Settings(
        max_characters=1_234_567, max_texts=7, max_rows=8, max_file_mb=9, queue_size=11, keep_minutes=12
    )
    told = how_to_call([], settings, {}, "ru")
    for limit in ("1\u00a0234\u00a0567.", "7.", "8.", "9 МБ.", "11.", "12 мин."):
        assert f" {limit}" in told


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(
    ("locale", "copy", "copied"), [("en-GB", "Copy", "Copied"), ("ru-RU", "Копировать", "Скопировано")]
)
def test_the_page_fills_its_address_in_and_copies(browser, address, shown, locale, copy, copied):
    with browser.new_context(locale=locale, permissions=["clipboard-read", "clipboard-write"]) as context:
        page = open_tab(context, address, "programs")
        # English comes first, and what is opened in it closes when Russian takes its place
        expect(page.locator("#programs")).to_contain_text(say("programs_about", locale[:2]))
        details = page.locator("#programs details").filter(has=page.get_by_text("classify_many", exact=True))
        details.locator("summary").click()
        expect(details.locator("code", has_text="curl")).to_have_text(shown["classify_many"]["curl"])
        button = details.get_by_role("button", name=copy).last
        button.click()
        expect(details.get_by_role("button", name=copied)).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == shown["classify_many"]["curl"]
        expect(page.locator("#programs")).to_contain_text(f"{address}/gradio_api/mcp/")
        expect(page.locator("#programs")).not_to_contain_text(ADDRESS)
        assert page.complaints == []
