"""The endpoints as tools of the Model Context Protocol, over streamable HTTP."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from .calling import call
from .conftest import serving

MATCH = "Сборная выиграла матч чемпионата в дополнительное время"
BANK = "Банк снизил ставку по вкладам, и рубль подешевел"


def with_tools(url: str, work: Callable[[ClientSession], Awaitable[Any]], **headers: str) -> Any:
    """What ``work`` returns, with a client of the tools at ``url``."""

    async def run() -> Any:
        address = f"{url}/gradio_api/mcp/"
        async with (
            streamablehttp_client(address, headers=headers) as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            return await work(session)

    return asyncio.run(run())


def asked(url: str, *calls: tuple[str, dict[str, Any]], **headers: str) -> list[Any]:
    """What the tools answer: for each call its answer, or an ``Exception`` with the message."""

    async def work(session: ClientSession) -> list[Any]:
        return [await session.call_tool(name, arguments) for name, arguments in calls]

    results = []
    for result in with_tools(url, work, **headers):
        text = "\n".join(content.text for content in result.content)
        results.append(RuntimeError(text) if result.isError else json.loads(text))
    return results


@pytest.fixture(scope="module")
def tools(served) -> dict[str, Any]:
    return {tool.name: tool for tool in with_tools(served, lambda session: session.list_tools()).tools}


def test_the_tools_and_what_they_take(tools):
    assert set(tools) == {"classify", "classify_many", "explain", "about", "classify_file"}
    schemas = {name: tool.inputSchema for name, tool in tools.items()}
    classify = schemas["classify"]["properties"]
    assert schemas["classify"]["required"] == ["text"]
    assert (classify["text"]["type"], classify["language"]["enum"]) == ("string", ["en", "ru"])
    assert classify["language"]["default"] == "en"
    assert schemas["classify_many"]["properties"]["texts"] == {
        "type": "array",
        "items": {"type": "string"},
        "description": "The texts.",
    }
    assert schemas["explain"]["required"] == ["text"]
    for name in ("classify", "classify_many", "explain", "classify_file"):
        assert all(taken["description"] for taken in schemas[name]["properties"].values())
    assert schemas["about"]["properties"] == {}


def test_the_tools_say_what_they_do(tools):
    assert tools["classify"].description.startswith("Say which category a text belongs to.")
    for tool in tools.values():
        assert "Returns: " in tool.description


def test_the_tools_answer_as_the_endpoints_do(served, service):
    one, several, explained, about = asked(
        served,
        ("classify", {"text": MATCH}),
        ("classify_many", {"texts": [MATCH, "", BANK], "language": "ru"}),
        ("explain", {"text": BANK, "label": "economy"}),
        ("about", {}),
    )
    assert one["label"] == "sports"
    assert one["probabilities"] == pytest.approx(
        call(served, "classify", [MATCH, "en"])["probabilities"], abs=1e-5
    )
    assert [answer.get("label") for answer in several] == ["sports", None, "economy"]
    assert several[1]["error"].startswith("В этом тексте нечего читать")
    expected = asdict(service.predictor.explain(BANK, "economy"))
    assert [word["text"] for word in explained["words"]] == [word["text"] for word in expected["words"]]
    assert explained["probability"] == pytest.approx(expected["probability"], abs=1e-5)
    assert about == service.facts()


def test_a_mistake_is_told(served):
    unknown, empty, number, missing, strange, fine = asked(
        served,
        ("explain", {"text": MATCH, "label": "weather"}),
        ("classify", {"text": ""}),
        ("classify", {"text": 5}),
        ("classify", {}),
        ("weather", {"text": MATCH}),
        ("classify", {"text": MATCH}),
    )
    assert "There is no category 'weather'" in str(unknown)
    assert empty["error"].startswith("There is nothing to read")
    assert "5 is not of type 'string'" in str(number)
    assert "'text' is a required property" in str(missing)
    assert "weather" in str(strange)
    assert fine["label"] == "sports"


def test_nobody_sends_the_tools_elsewhere(service):
    """The host that a client names is not asked: nothing listens there."""
    for url in serving(service):
        headers = {"Host": "127.0.0.1:9", "X-Forwarded-Host": "127.0.0.1:9"}
        (answer,) = asked(url, ("classify", {"text": MATCH}), **headers)
        assert answer["label"] == "sports"
