"""The tab about the model: its figures are those of its folder, its card is plain."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest
from gradio.route_utils import delete_files_created_by_app
from playwright.sync_api import expect

from bilstm_classifier.app.messages import messages
from bilstm_classifier.app.service import Service
from bilstm_classifier.app.settings import Settings
from bilstm_classifier.app.tabs.about import about_tab, how_it_scores, what_it_is
from bilstm_classifier.app.tabs.card_text import card_text
from bilstm_classifier.predictor import DEFAULT_MODEL

from .browsing import open_tab
from .conftest import serving

CARD = """---
language: ru
---
# Модель

Читает *новости*. <b>Жирно</b>, 2 < 3, [ссылка](https://example.org/page), <https://example.org/auto>.

![Матрица](confusion_matrix.png)
![за её пределами](https://pictures.invalid/one.png "подпись") и ![по имени][where]
[![значок](https://pictures.invalid/badge.svg)](https://example.org/build)

[where]: https://pictures.invalid/two.png

<img src="https://pictures.invalid/three.png" onerror="window.harmed = 1"><script>window.harmed = 1</script>
<iframe src="https://pictures.invalid/"></iframe><img src=https://pictures.invalid/four.png
<!-- видно `никому`
-->

```html
<b>![код](остаётся.png)</b>
```

и `<i>` тоже

## По-русски

Конец.
"""


def as_if(service: Service, folder: Path, **changes) -> Service:
    """The model in use, with card and figures of another folder."""
    return replace(service, folder=folder, **changes)


def cells(html: str) -> list[list[str]]:
    """The rows of the tables in ``html``, without their heads."""
    return [
        re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row)
        for row in re.findall(r"<tr>(.*?)</tr>", html)
        if "<td>" in row
    ]


def test_the_figures_are_those_of_the_folder(service):
    metrics = json.loads((DEFAULT_MODEL / "metrics.json").read_text(encoding="utf-8"))
    test = metrics["test"]
    figures = [test["accuracy"], test["f1_macro"], test["calibration_error"]]
    rows = cells(how_it_scores(service, "en"))
    assert rows[0] == ["test", "4,116", *(f"{figure:.3f}" for figure in figures)]
    assert [row[0] for row in rows[1:3]] == ["later dates", "unseen sites"]
    assert [row[0] for row in rows[3:]] == list(test["per_class"])
    for row in rows[3:]:
        scores = test["per_class"][row[0]]
        expected = [f"{scores[name]:.3f}" for name in ("precision", "recall", "f1")]
        assert row[1:] == [f"{scores['support']:,}", *expected]


def test_in_russian_names_and_numbers_are_russian(service):
    rows = cells(how_it_scores(service, "ru"))
    assert rows[0][:3] == ["тестовая часть", "4\u00a0116", "0,880"]
    assert rows[3][0] == "климат"
    assert "светская жизнь" in what_it_is(service, "ru")


def test_a_test_without_some_figures_has_a_dash(service, tmp_path):
    per_class = {label: {"support": 2, "precision": 1, "recall": 1, "f1": 1} for label in ("a<b", "c")}
    metrics = {
        "test": {"f1_macro": 1.0, "per_class": per_class},
        "test_more": {"f1_macro": 0.5, "accuracy": 0.25, "per_class": per_class},
    }
    (tmp_path / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    rows = cells(how_it_scores(as_if(service, tmp_path), "en"))
    assert rows[0] == ["test", "4", "–", "1.000"]
    assert rows[1] == ["test_more", "4", "0.250", "0.500"]
    assert rows[2][0] == "a&lt;b"


@pytest.mark.parametrize("written", [None, "{", "{}", '{"test": {"accuracy": 0.9}}'])
def test_without_figures_there_is_a_sentence(service, tmp_path, written):
    if written:
        (tmp_path / "metrics.json").write_text(written, encoding="utf-8")
    assert "comes without figures" in how_it_scores(as_if(service, tmp_path), "en")
    assert "Показателей у этой модели нет" in how_it_scores(as_if(service, tmp_path), "ru")


def test_a_substitute_is_named_as_one(service):
    settings = Settings(model_id="nobody/<absent>", model_revision="v2")
    told = what_it_is(replace(service, settings=settings, absent="the Hub cannot be reached"), "en")
    assert "nobody/&lt;absent&gt; could not be loaded" in told
    assert "Revision" not in told  # that is of the absent model
    assert "<dd>v2</dd>" in what_it_is(replace(service, settings=settings), "en")


def pictures(service: Service) -> tuple[gr.Blocks, list[Path]]:
    with gr.Blocks(delete_cache=(1, 1)) as page:
        about_tab(service, gr.Radio(["en", "ru"]))
    found = [block.value["path"] for block in page.blocks.values() if isinstance(block, gr.Image)]
    return page, [Path(path) for path in found]


def test_the_confusion_matrix_outlives_the_cache(service):
    page, found = pictures(service)
    assert len(found) == 2
    delete_files_created_by_app(page, 0)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in found)
    assert found[0].read_bytes() != found[1].read_bytes()  # names of labels in either language


@pytest.mark.parametrize("matrix", [None, [[1]], "[[1, 2], [3, 4]]", [[1, 2], [3, -4]], [[1, 2], [3, "4"]]])
def test_a_matrix_that_cannot_be_drawn_is_left_out(service, tmp_path, matrix):
    scores = {"support": 2, "precision": 1, "recall": 1, "f1": 1}
    report = {"f1_macro": 1.0, "per_class": {"a": scores, "b": scores}, "confusion_matrix": matrix}
    (tmp_path / "metrics.json").write_text(json.dumps({"test": report}), encoding="utf-8")
    assert pictures(as_if(service, tmp_path))[1] == []


def test_a_card_loses_metadata_pictures_and_markup():
    text = card_text(CARD)
    assert text.startswith("# Модель")
    for gone in (
        "language: ru",
        "Матрица",
        "<img",
        "<script",
        "<iframe",
        "![за",
        "![по",
        "![значок",
        "видно",
        "<b>Ж",
    ):
        assert gone not in text
    for kept in (
        "*новости*",
        "Жирно, 2 < 3, [ссылка](https://example.org/page), <https://example.org/auto>",
        "за её пределами",
        "[значок](https://example.org/build)",
        "```html\n<b>![код](остаётся.png)</b>\n```",
        "`<i>`",
        "## По-русски",
    ):
        assert kept in text


def test_a_card_may_be_missing_or_empty():
    assert card_text("") == card_text("---\na: b\n---\n") == ""
    assert card_text("просто текст --- с тире") == "просто текст --- с тире"


def test_the_card_of_the_package_is_shown_whole(service):
    text = card_text(service.card)
    assert text.startswith("# Russian news in eleven categories")
    assert text.endswith("имена последних лет.")
    assert text.count("\n| ") > 60  # its tables


@pytest.mark.browser
@pytest.mark.slow
def test_the_tab_in_russian(browser, served):
    with browser.new_context(locale="ru-RU") as context:
        page = open_tab(context, served, "about")
        expect(page.locator("#about")).to_contain_text("начало текста, токенов (слов и частей слов): 256")
        expect(page.locator("#scores caption").first).to_have_text("На каждом тесте")
        matrix = page.locator(".matrix img:visible")
        expect(matrix).to_have_count(1)
        expect(matrix).to_have_attribute("alt", messages()["about_matrix_read"]["ru"])
        page.wait_for_function("document.querySelector('.matrix.in-ru img').naturalWidth > 500")
        page.locator("#card").get_by_role("link", name="По-русски").first.click()
        expect(page.locator("#card h2", has_text="По-русски")).to_be_in_viewport()
        assert page.complaints == []


@pytest.fixture
def hostile(service, tmp_path) -> Iterator[str]:
    """The address of an app whose model has a card that would load pictures and run scripts."""
    shutil.copy(DEFAULT_MODEL / "metrics.json", tmp_path)
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8")
    yield from serving(as_if(service, tmp_path))


@pytest.mark.browser
@pytest.mark.slow
def test_a_hostile_card_does_nothing_and_reaches_nobody(browser, hostile):
    with browser.new_context(locale="en-GB") as context:
        asked = []
        context.on("request", lambda request: asked.append(request.url))
        page = open_tab(context, hostile, "about")
        expect(page.locator("#card h1")).to_have_text("Модель")
        expect(page.locator("#card")).to_contain_text("за её пределами")
        page.wait_for_load_state("networkidle")
        hosts = {url.split("/")[2] for url in asked if url.startswith("http")}
        assert hosts == {hostile.removeprefix("http://")}
        assert page.evaluate("window.harmed") is None
