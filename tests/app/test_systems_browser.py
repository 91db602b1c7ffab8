"""Models of each kind as visitors meet them, in Chromium. With SCREENSHOTS=folder, pictures are left there."""

from collections.abc import Iterator

import pytest
from conftest import TEXTS
from playwright.sync_api import Page, expect

from bilstm_classifier.app.messages import say
from bilstm_classifier.app.service import Service

from .browsing import SEEN_WITHIN, open_tab, opened
from .conftest import serving
from .systems import BETWEEN, MATCH, VIDEOS, loaded
from .test_browser import faint, picture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TITLE, TAGS = "title\u2060", "tags\u2060"


@pytest.fixture(scope="module")
def topics(tmp_path_factory, word_tokenizer) -> Service:
    return loaded(tmp_path_factory.mktemp("topics"), word_tokenizer, **BETWEEN)


@pytest.fixture(scope="module")
def videos(tmp_path_factory, word_tokenizer) -> Service:
    cascade = [{"label": "science", "threshold": 0.335}]
    folder = tmp_path_factory.mktemp("videos")
    return loaded(
        folder, word_tokenizer, {"culture": ["премьера"]}, cascade=cascade, unclaimed="unknown", **VIDEOS
    )


@pytest.fixture(scope="module")
def topics_address(topics) -> Iterator[str]:
    yield from serving(topics)


@pytest.fixture(scope="module")
def videos_address(videos) -> Iterator[str]:
    yield from serving(videos)


def typed(page: Page, text: str) -> None:
    """Type into the box for the main text, and wait until its words are weighed."""
    page.locator("#text textarea").fill(text)
    expect(page.locator("#words .weighed")).to_contain_text(text, timeout=SEEN_WITHIN)


def share(text: str) -> float:
    """Of a row of the bars."""
    return float(text.split("%", maxsplit=1)[0].rsplit(maxsplit=1)[-1])


def test_thresholds_stand_on_the_bars(context, topics, topics_address):
    page = opened(context, topics_address)
    typed(page, TEXTS[1])
    (found,) = topics.predictor.predict([TEXTS[1]])
    assert 0 < len(found.labels) < 3
    expect(page.locator("#answer h2")).to_have_text(", ".join(found.labels))
    rows = page.locator("#answer .confidence-set")
    expect(rows).to_have_count(3)
    for row, (label, score) in zip(rows.all(), found.top(3), strict=True):
        threshold = topics.thresholds[label]
        told = row.inner_text()
        assert label in told
        assert share(told.replace("\n", " ")) == pytest.approx(100 * score, abs=0.06)
        assert f"≥ {100 * threshold:.1f}%" in told
        assert (row.locator(".unseen").count() == 1) is (label in found.labels)
        track, mark = (row.locator(part).bounding_box() for part in (".track", ".mark"))
        place = (mark["x"] + mark["width"] / 2 - track["x"]) / track["width"]
        assert place == pytest.approx(threshold, abs=0.02)
    expect(page.locator("#notes")).to_contain_text("The mark on each bar is the category's threshold")
    assert page.complaints == []


def test_no_label_above_its_threshold(browser, tmp_path, word_tokenizer):
    none = loaded(tmp_path, word_tokenizer, **{**BETWEEN, "thresholds": [0.99] * 3})
    with browser.new_context(locale="ru-RU") as context:
        for address in serving(none):
            page = opened(context, address)
            typed(page, MATCH)
            expect(page.locator("#answer h2")).to_have_text("ничего")
            expect(page.locator("#notes .warn")).to_have_text(say("note_no_label", "ru"))
            expect(page.locator("#answer .passed-over")).to_have_count(3)


def test_fields_of_the_columns_change_the_answer(context, videos, videos_address):
    page = opened(context, videos_address)
    typed(page, MATCH)
    expect(page.locator("#answer h2")).to_have_text("unknown")
    expect(page.locator("#notes")).to_contain_text("No stage of the cascade claims this text")
    page.locator("#columns > button").click()
    expect(page.locator("#columns")).to_contain_text("in training from 0 to 1,200,000")
    page.get_by_label("views").fill("5")
    expected = videos.predictor.predict([{"title": MATCH, "views": 5}])[0]
    shares = page.locator("#answer .share")
    expect(shares.first).to_have_text(f"{100 * expected.top(1)[0].score:.0f}%")
    page.get_by_label("source").click()
    page.get_by_role("option", name="трансляция").click()
    whole = {"title": MATCH, "views": 5, "source": "трансляция"}
    expected = videos.predictor.predict([whole])[0]
    expect(shares.first).to_have_text(f"{100 * expected.top(1)[0].score:.0f}%")
    page.get_by_label("tags").fill("премьера")
    expect(page.locator("#answer h2")).to_have_text("culture")
    expect(page.locator("#notes")).to_contain_text("Decided by the keyword “премьера”")
    weighed = page.locator("#words .weighed")
    expect(weighed).to_contain_text(f"{MATCH} \nпремьера", use_inner_text=True)
    assert "[SEP]" not in page.locator("#words").inner_text()
    page.locator("#clear").click()
    for label in ("views", "tags", "source"):
        expect(page.get_by_label(label).first).to_have_value("")
    expect(page.locator("#answer h2")).to_have_count(0)
    assert page.complaints == []


def test_a_category_that_the_model_has_not_learned(context, videos_address):
    page = opened(context, videos_address)
    typed(page, MATCH)
    page.locator("#columns > button").click()
    page.get_by_label("source").fill("подкаст")
    page.keyboard.press("Enter")
    expect(page.locator("#notes .warn").last).to_contain_text("has not learned source “подкаст”")


@pytest.mark.parametrize("width", [375, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_looks_of_each_kind(browser, topics_address, videos_address, width, theme, language):
    locale = {"en": "en-GB", "ru": "ru-RU"}[language]
    with browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, locale=locale
    ) as context:
        for name, address in (("topics", topics_address), ("videos", videos_address)):
            page = opened(context, address)
            typed(page, TEXTS[1])
            if name == "videos":
                page.locator("#columns > button").click()
                page.get_by_label("views").fill("5")
                page.wait_for_load_state("networkidle")
            picture(page, f"{name}-{width}-{theme}-{language}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert faint(page) == []
            page = open_tab(context, address, "about")
            picture(page, f"{name}-about-{width}-{theme}-{language}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert faint(page) == []
