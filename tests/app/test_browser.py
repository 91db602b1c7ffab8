"""The page as visitors meet it, in Chromium. With SCREENSHOTS=folder, pictures of it are left there."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from bilstm_classifier import Predictor

from .browsing import SEEN_WITHIN, opened, to_tab

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Written for these tests.
HEADLINE = "Сборная выиграла матч в овертайме и вышла в финал чемпионата"
MIXED = "Центробанк повысил ключевую ставку, а сборная проиграла финал чемпионата мира по хоккею"
TABS = ("classify", "batch", "history", "about", "programs")


@pytest.fixture
def page(context, served) -> Page:
    return opened(context, served)


def box(page: Page) -> Locator:
    return page.locator("#text textarea")


def heading(page: Page) -> Locator:
    """The category in large letters."""
    return page.locator("#answer h2")


def paste(page: Page, text: str) -> None:
    """As people do; Playwright's ``fill`` takes minutes over thousands of lines."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("([text]) => navigator.clipboard.writeText(text)", [text])
    box(page).focus()
    page.keyboard.press("ControlOrMeta+V")


def classified(page: Page, text: str) -> str:
    """Type ``text``; the category that the page then shows, once the words are weighed too."""
    box(page).fill(text)
    expect(page.locator("#words .weighed")).to_have_text(text, timeout=SEEN_WITHIN)
    return heading(page).inner_text()


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_the_answer_comes_while_typing(page):
    box(page).press_sequentially(HEADLINE, delay=10)
    expect(heading(page)).to_have_text("sports")
    expected = Predictor.from_pretrained().predict([HEADLINE])[0]
    rows = page.locator("#answer .confidence-set").all_inner_texts()
    shown = {name: int(share.rstrip("%")) for name, share in (row.split() for row in rows)}
    assert shown == pytest.approx(
        {name: 100 * score for name, score in expected.probabilities.items()}, abs=0.51
    )
    expect(page.locator("#notes")).to_contain_text(f"All of the text was read ({expected.tokens} tokens)")
    assert page.complaints == []


def test_words_for_and_against_are_those_of_the_explanation(page):
    classified(page, MIXED)
    words = Predictor.from_pretrained().explain(MIXED).words
    strongest = max(words, key=lambda word: word.score)
    weakest = min(words, key=lambda word: word.score)
    marks = page.locator("#words mark")
    assert strongest.text in page.locator("#words mark.for").all_inner_texts()
    assert weakest.text in page.locator("#words mark.against").all_inner_texts()
    assert (
        marks.filter(has_text=re.compile(f"^{strongest.text}$")).get_attribute("title")
        == f"{strongest.score:+.2f}"
    )


def test_the_words_can_be_weighed_for_another_category(page):
    classified(page, MIXED)
    page.locator("#asked input").click()
    page.get_by_role("option", name="economy").click()
    expect(page.locator("#words .strongest")).to_contain_text("economy")
    expect(page.locator("#words .strongest li").first).to_contain_text("ставку")


def test_language_is_switched_and_remembered(page, context, served):
    classified(page, HEADLINE)
    page.get_by_text("Русский").click()
    expect(page.get_by_role("tab", name="Текст")).to_be_visible()
    expect(box(page)).to_have_value(HEADLINE)  # what was typed stays
    expect(heading(page)).to_have_text("спорт")
    expect(page.locator("#notes")).to_contain_text("Текст прочитан целиком")
    assert page.evaluate("document.documentElement.lang") == "ru"
    again = opened(context, served)
    expect(again.get_by_role("tab", name="Текст")).to_be_visible()
    again.get_by_text("English").click()
    expect(again.get_by_role("tab", name="Text")).to_be_visible()


def test_language_is_switched_where_nothing_can_be_stored(browser, served):
    off = "Object.defineProperty(window, 'NAMEStorage', { get() { throw new DOMException('off', 'SecurityError'); } });"
    with browser.new_context(locale="en-GB") as context:
        for name in ("local", "session"):
            context.add_init_script(off.replace("NAME", name))
        page = opened(context, served)
        page.get_by_text("Русский").click()
        expect(page.get_by_role("tab", name="Текст")).to_be_visible()


def test_a_switch_that_would_lose_a_file_is_asked_about(page):
    to_tab(page, "batch")
    news = {"name": "news.txt", "mimeType": "text/plain", "buffer": HEADLINE.encode()}
    page.locator("#batch-file input[type=file]").set_input_files(news)
    expect(page.locator("#batch-preview table")).to_be_visible()
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.get_by_text("Русский").click()
    expect(page.get_by_label("English")).to_be_checked()
    expect(page.locator("#batch-preview table")).to_be_visible()
    assert len(asked) == 1
    assert "without the file" in asked[0]


def test_a_russian_browser_is_greeted_in_russian(browser, served):
    with browser.new_context(locale="ru-RU") as context:
        expect(opened(context, served).get_by_role("tab", name="Текст")).to_be_visible()


def test_theme_is_switched_and_remembered(page, context, served):
    dark = re.compile(r"\bdark\b")
    expect(page.locator("body")).not_to_have_class(dark)
    page.locator("#theme").click()
    expect(page.locator("body")).to_have_class(dark)
    expect(opened(context, served).locator("body")).to_have_class(dark)
    page.locator("#theme").click()
    expect(page.locator("body")).not_to_have_class(dark)


def test_examples_show_a_text_of_their_category(page):
    page.locator("#examples").get_by_role("button", name="culture").click()
    expect(heading(page)).to_have_text("culture")
    first = box(page).input_value()
    expect(page.locator("#words .weighed")).to_have_text(first)
    page.locator("#examples").get_by_role("button", name="culture").click()
    expect(box(page)).not_to_have_value(first)


def test_clear_empties_the_page(page):
    classified(page, HEADLINE)
    page.locator("#clear").click()
    expect(box(page)).to_have_value("")
    expect(page.locator("#words .weighed")).to_have_count(0)
    expect(heading(page)).to_have_count(0)


def test_an_answer_that_comes_late_does_not_stay(page):
    page.route("**/queue/join*", lambda route: (page.wait_for_timeout(700), route.continue_()))
    box(page).fill(HEADLINE)
    with page.expect_request("**/queue/join*"):
        pass
    page.locator("#clear").click()
    expect(box(page)).to_have_value("")
    page.wait_for_load_state("networkidle")
    page.unroute_all(behavior="wait")
    expect(page.locator("#words .weighed")).to_have_count(0)
    expect(heading(page)).to_have_count(0)


def test_an_example_is_weighed_for_its_own_category(page):
    classified(page, MIXED)
    page.locator("#asked input").click()
    page.get_by_role("option", name="economy").click()
    expect(page.locator("#words .strongest")).to_contain_text("economy")
    page.locator("#examples").get_by_role("button", name="travel").click()
    expect(heading(page)).to_have_text("travel")
    expect(page.locator("#asked input")).to_have_value("the answer")
    expect(page.locator("#words .strongest")).to_contain_text("travel")


def test_words_that_come_late_do_not_stay_beside_an_example(page):
    classified(page, MIXED)
    page.route("**/queue/join*", lambda route: (page.wait_for_timeout(700), route.continue_()))
    page.locator("#asked input").click()
    with page.expect_request("**/queue/join*"):
        page.get_by_role("option", name="economy").click()
    page.locator("#examples").get_by_role("button", name="travel").click()
    expect(heading(page)).to_have_text("travel")
    page.wait_for_load_state("networkidle")
    page.unroute_all(behavior="wait")
    expect(page.locator("#words .strongest")).to_contain_text("travel")


def test_the_keyboard_is_enough(page):
    box(page).focus()
    page.keyboard.type(HEADLINE)
    page.keyboard.press("Tab")
    expect(page.locator("#classify")).to_be_focused()
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("sports")


def test_markup_in_a_text_is_shown_as_text(page):
    attack = '<img src=x onerror="window.hit=1"> <script>window.hit=1</script> сборная & <b>матч</b>'
    classified(page, attack)
    assert page.evaluate("window.hit") is None
    assert page.locator("#words img, #words script, #words b").count() == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("матч " * 2_000_000, "more than 100,000 characters"),  # 10 MB and more in UTF-8
        ("\u200b\u200b\u200b", "nothing to read"),
        ("The central bank has raised its key rate once more this year", "hardly looks like Russian"),
        ("Ура", "unsure"),
    ],
    ids=["10 MB", "nothing to read", "English", "one word"],
)
def test_odd_texts_get_a_message_in_place(page, text, told):
    paste(page, text)
    expect(page.locator("#notes")).to_contain_text(told)
    assert classified(page, HEADLINE) == "sports"  # it lives on


def test_ten_thousand_lines_are_read_at_the_beginning(page):
    lines = "Матч 2:1\n" * 10_000
    paste(page, lines)
    expect(page.locator("#notes")).to_contain_text("The beginning was read")
    expect(heading(page)).to_have_text("sports")
    expect(page.locator("#words .weighed")).to_contain_text(lines[:200])


def test_nothing_jumps_while_answers_come(page):
    parts = ["#answer", "#classify", "#examples"]
    places = "parts => parts.map(part => document.querySelector(part).getBoundingClientRect().top)"
    for part in parts:  # Gradio fetches the code of each kind of component apart, in any order
        expect(page.locator(part)).to_be_visible()
    page.wait_for_load_state("networkidle")
    before = page.evaluate(places, parts)
    classified(page, HEADLINE)
    assert page.evaluate(places, parts) == pytest.approx(before, abs=1)


def test_no_request_goes_elsewhere(context, served):
    hosts = set()
    context.on("request", lambda request: hosts.add(re.match(r"\w+:(//[^/]*)?", request.url)[0]))
    page = opened(context, served)
    classified(page, HEADLINE)
    for tab in TABS:
        to_tab(page, tab)
    page.wait_for_load_state("networkidle")
    assert {host for host in hosts if host not in ("data:", "blob:")} == {served.rstrip("/")}


@pytest.mark.parametrize("width", [375, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_looks(browser, served, width, theme, language):
    locale = {"en": "en-GB", "ru": "ru-RU"}[language]
    with browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, locale=locale
    ) as context:
        page = opened(context, served)
        classified(page, MIXED)
        for tab in TABS:
            to_tab(page, tab)
            page.wait_for_load_state("networkidle")
            picture(page, f"{width}-{theme}-{language}-{tab}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
            assert faint(page) == [], tab


def faint(page: Page) -> list[str]:
    """Visible texts whose contrast with their ground is below WCAG's AA."""
    return page.evaluate(Path(__file__).with_name("contrast.js").read_text())
