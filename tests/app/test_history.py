"""The history of a visitor: kept by the browser, told to nobody, exported and cleared."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from bilstm_classifier import get_predictions
from bilstm_classifier.app.tabs.history import history_texts

from .browsing import open_tab, to_tab

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SPORT = "Биатлонисты выиграли эстафету на чемпионате мира"
MORE_SPORT = "Хоккеисты проиграли финал кубка в серии буллитов"
MARKUP = '<img src=x onerror="window.harmed = 1"> и <script>window.harmed = 1</script>'
FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture
def context(browser) -> Iterator[BrowserContext]:
    with browser.new_context(locale="en-GB", timezone_id="Europe/Moscow") as context:
        yield context


def entry(
    text: str, label: str = "sports", minutes_ago: float = 60, confidence: float = 0.9
) -> dict[str, Any]:
    time = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return {"time": time.isoformat(), "text": text, "label": label, "confidence": confidence}


def remembering(context: BrowserContext, address: str, *entries: dict[str, Any]) -> Page:
    """The tab of a visitor whose browser has ``entries``, the latest first."""
    page = open_tab(context, address, "classify")
    page.evaluate("text => localStorage.setItem('bilstm-classifier:history', text)", json.dumps(entries))
    page.reload()
    expect(page.locator("#text textarea")).to_be_visible()
    to_tab(page, "history")
    return page


def type_in(page: Page, text: str) -> None:
    page.locator("#text textarea").press_sequentially(text)


def rows(page: Page) -> Locator:
    return page.locator(".history-table tbody tr")


def stored(page: Page) -> list[dict[str, Any]]:
    return json.loads(page.evaluate("localStorage.getItem('bilstm-classifier:history')"))


def downloaded(page: Page, button: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return Path(download.value.path())


def test_what_is_typed_appears_with_its_answer_and_is_told_to_nobody(context, served):
    page = open_tab(context, served, "history")
    expect(page.locator("#history")).to_contain_text("Nothing yet")
    to_tab(page, "classify")
    type_in(page, SPORT)
    to_tab(page, "history")
    expect(rows(page)).to_have_count(1)
    score = get_predictions(SPORT, return_probabilities=True)["sports"]
    expect(rows(page)).to_contain_text(SPORT)
    expect(rows(page)).to_contain_text("sports")
    expect(rows(page)).to_contain_text(f"{100 * score:.1f}%")
    assert stored(page)[0]["confidence"] == pytest.approx(score, abs=1e-6)

    sent = []
    page.on("request", lambda request: sent.append(request.url + (request.post_data or "")))
    page.reload()
    to_tab(page, "history")
    expect(rows(page)).to_have_count(1)
    downloaded(page, "Download CSV")
    downloaded(page, "Download JSON")
    page.get_by_role("button", name="Clear the history").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#history")).to_contain_text("The history was cleared.")
    assert sent  # of the page itself
    assert not [request for request in sent if "Биатлонисты" in request or "history" in request]
    assert page.complaints == []


def test_typing_on_replaces_the_entry(context, served):
    page = open_tab(context, served, "classify")
    type_in(page, SPORT[:20])
    page.wait_for_function("localStorage.getItem('bilstm-classifier:history') !== null")
    type_in(page, SPORT[20:])
    page.wait_for_function(
        "text => localStorage.getItem('bilstm-classifier:history').includes(text)", arg=SPORT
    )
    assert [one["text"] for one in stored(page)] == [SPORT]
    page.locator("#text textarea").fill(MORE_SPORT)  # something else
    page.wait_for_function(
        "text => localStorage.getItem('bilstm-classifier:history').includes(text)", arg=MORE_SPORT
    )
    assert [one["text"] for one in stored(page)] == [MORE_SPORT, SPORT]


def test_nothing_typed_and_a_text_that_is_refused_are_no_entries(context, served):
    page = open_tab(context, served, "classify")
    box = page.locator("#text textarea")
    box.fill("спорт " * 20_000)
    expect(page.locator("#notes")).to_contain_text("characters")
    box.fill("   ")
    expect(page.locator("#notes")).not_to_contain_text("characters")
    page.get_by_role("button", name="culture").click()
    page.wait_for_function("localStorage.getItem('bilstm-classifier:history') !== null")
    assert [one["label"] for one in stored(page)] == ["culture"]


def test_a_long_text_is_kept_in_part_and_no_character_in_halves(context, served):
    page = open_tab(context, served, "classify")
    page.locator("#text textarea").fill(
        "Матч " + "🏒" * 1_500
    )  # the 2,000th unit of JavaScript is half a puck
    page.wait_for_function("localStorage.getItem('bilstm-classifier:history') !== null")
    assert stored(page)[0]["text"] == "Матч " + "🏒" * 997


def test_the_chart_counts_a_label_once_in_both_languages(context, served):
    page = open_tab(context, served, "classify")
    type_in(page, SPORT)
    page.wait_for_function("localStorage.getItem('bilstm-classifier:history') !== null")
    page.get_by_text("Русский").click()
    expect(page.get_by_role("tab", name="История")).to_be_visible()
    page.locator("#text textarea").fill(MORE_SPORT)
    to_tab(page, "history")
    expect(page.locator(".history-chart li")).to_have_count(1)
    expect(page.locator(".history-chart li")).to_have_text("спорт2")
    assert [one["label"] for one in stored(page)] == ["sports", "sports"]
    expect(page.locator("#history")).to_contain_text("Список хранит только этот браузер")


def test_bars_are_as_long_as_their_counts(context, served):
    texts = [entry(f"{SPORT} {number}") for number in range(4)]
    page = remembering(context, served, *texts, entry("Вышла новая повесть", "culture"))
    bars = page.locator(".history-chart .bar")
    widths = [bars.nth(number).bounding_box()["width"] for number in range(2)]
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.05)
    expect(page.locator(".history-chart li")).to_have_text(["sports4", "culture1"])


def test_files_hold_all_and_are_no_formulas(context, served):
    texts = [
        FORMULA,
        "+7 495 одна строка",
        "-5",
        "@сборная",
        "\tтабуляция",
        'кавычки "в" тексте,\nдве строки',
        SPORT,
    ]
    entries = [entry(text, minutes_ago=number) for number, text in enumerate(texts)]
    page = remembering(context, served, *entries)
    assert json.loads(downloaded(page, "Download JSON").read_text(encoding="utf-8")) == entries
    raw = downloaded(page, "Download CSV").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    found = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert [row["text"] for row in found] == [
        f"'{FORMULA}",
        "'+7 495 одна строка",
        "-5",
        "'@сборная",
        "'\tтабуляция",
        *texts[5:],
    ]
    assert [row["time"] for row in found] == [one["time"] for one in entries]
    assert {(row["label"], row["confidence"]) for row in found} == {("sports", "0.9")}


def test_markup_in_a_text_is_text(context, served):
    page = remembering(context, served, entry(MARKUP, label=MARKUP))
    expect(rows(page).locator("button")).to_have_text(MARKUP)
    assert page.locator("#history img, #history script").count() == 0
    assert page.evaluate("window.harmed") is None


def test_texts_of_the_script_cannot_end_its_element():
    assert "<" not in history_texts()


def test_clearing_asks_first_and_reaches_other_tabs(context, served):
    page = remembering(context, served, entry(SPORT), entry(MORE_SPORT))
    other = open_tab(context, served, "history")
    expect(rows(other)).to_have_count(2)
    page.get_by_role("button", name="Clear the history").click()
    expect(page.locator("#history")).to_contain_text("Delete all entries (2)?")
    expect(page.get_by_role("button", name="Keep")).to_be_focused()
    page.get_by_role("button", name="Keep").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="Clear the history").click()
    page.get_by_role("button", name="Delete").click()
    expect(rows(page)).to_have_count(0)
    expect(other.locator("#history")).to_contain_text("Nothing yet")
    page.reload()
    to_tab(page, "history")
    expect(page.locator("#history")).to_contain_text("Nothing yet")
    assert stored(page) == []


def test_a_text_goes_back_into_the_box(context, served):
    page = remembering(context, served, entry(SPORT, label="culture"))
    rows(page).get_by_role("button").click()
    expect(page.locator("#text textarea")).to_have_value(SPORT)
    expect(page.locator("#text textarea")).to_be_visible()
    expect(page.locator("#answer h2")).to_have_text("sports")


def test_fifty_rows_are_shown_and_more_on_demand(context, served):
    page = remembering(context, served, *(entry(f"{SPORT} {number}") for number in range(70)))
    expect(rows(page)).to_have_count(50)
    page.get_by_role("button", name="Show 20 more").click()
    expect(rows(page)).to_have_count(70)
    expect(page.get_by_role("button", name="more")).to_have_count(0)


def test_of_more_than_500_entries_the_oldest_go(context, served):
    page = remembering(
        context, served, *(entry(f"текст {number}", minutes_ago=number) for number in range(500))
    )
    to_tab(page, "classify")
    type_in(page, SPORT)
    page.wait_for_function(
        "text => localStorage.getItem('bilstm-classifier:history').includes(text)", arg=SPORT
    )
    texts = [one["text"] for one in stored(page)]
    assert texts == [SPORT, *(f"текст {number}" for number in range(499))]


def test_time_and_shares_are_those_of_the_visitor(context, served):
    noon = {"time": "2026-03-05T12:00:00.000Z", "text": SPORT, "label": "sports", "confidence": 0.5}
    expect(rows(remembering(context, served, noon))).to_contain_text("5 Mar 2026, 15:00")


@pytest.mark.parametrize("damaged", ["{", "null", '{"a": 1}', '[1, null, {"time": "x", "text": 1}]'])
def test_a_damaged_history_is_none(context, served, damaged):
    page = open_tab(context, served, "classify")
    page.evaluate("text => localStorage.setItem('bilstm-classifier:history', text)", damaged)
    page.reload()
    to_tab(page, "history")
    expect(page.locator("#history")).to_contain_text("Nothing yet")
    to_tab(page, "classify")
    type_in(page, SPORT)
    to_tab(page, "history")
    expect(rows(page)).to_have_count(1)
    assert page.complaints == []


@pytest.mark.parametrize(
    "storage",
    [
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };",
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('off', 'SecurityError'); } });",
    ],
    ids=["full", "off"],
)
def test_without_storage_the_list_lasts_for_the_page_and_it_is_said(context, served, storage):
    context.add_init_script(storage)
    page = open_tab(context, served, "classify")
    type_in(page, SPORT)
    to_tab(page, "history")
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#history")).to_contain_text("This browser keeps nothing for the page")
    page.get_by_role("button", name="Clear the history").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#history")).to_contain_text("Nothing yet")
    assert page.complaints == []
