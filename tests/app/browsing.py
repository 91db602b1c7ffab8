"""Chromium for the tests of tabs."""

from collections.abc import Iterator

from conftest import CHROMIUM
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from bilstm_classifier.app.messages import say

SEEN_WITHIN = 20_000  # milliseconds


def chromium() -> Iterator[Browser]:
    """The browser, for a fixture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(context: BrowserContext, address: str) -> Page:
    """The page, ready to be typed into; what its scripts complain of is collected in ``page.complaints``."""
    page = context.new_page()
    page.set_default_timeout(SEEN_WITHIN)
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(address)
    expect(page.locator("#text textarea")).to_be_visible(timeout=SEEN_WITHIN)
    return page


def open_tab(context: BrowserContext, address: str, tab: str) -> Page:
    """The page with one of its tabs in front."""
    page = opened(context, address)
    to_tab(page, tab)
    return page


def to_tab(page: Page, tab: str) -> None:
    """Bring a tab to the front, from the menu of those for which there is no room if need be."""
    button = page.locator(f'#tabs [role="tab"][data-tab-id="{tab}"]')
    more = page.locator("#tabs .overflow-menu > button")
    expect(button.or_(more).filter(visible=True).first).to_be_visible(timeout=SEEN_WITHIN)
    if not button.is_visible():
        more.click()
        name = say(f"tab_{tab}", page.evaluate("document.documentElement.lang"))
        button = page.locator("#tabs .overflow-dropdown button", has_text=name)
    button.click()
