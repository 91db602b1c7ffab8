"""A file of texts, as programs send it and as visitors meet it in Chromium."""

import csv
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from gradio.utils import get_upload_folder
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Page, expect

from bilstm_classifier import get_predictions
from bilstm_classifier.app.page import build_page
from bilstm_classifier.app.settings import Settings
from bilstm_classifier.app.tabs.calls import public_endpoints
from bilstm_classifier.app.tabs.programs import translated

from .browsing import open_tab
from .conftest import serving

# Written for these tests.
ROWS = [
    ("Сборная выиграла матч в дополнительное время", "спорт"),
    ("Театр открыл сезон премьерой по старой пьесе", "culture"),
    ("=Телескоп заметил новую планету у далёкой звезды", "7"),
    ('<img src="x" onerror="window.hacked = 1"> Вратарь спас команду', "sports"),
    ("", "sports"),
    ("Центробанк повысил ключевую ставку", "погода"),
    ("Авиакомпания отменила рейсы, туристы ночевали в аэропорту", "economy"),
]
META = {"_type": "gradio.FileData"}
WAIT = 60  # seconds, after which something is wrong
SECRET = "Секретная строка"


@pytest.fixture
def news(tmp_path) -> Path:
    path = tmp_path / "новости.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "category"], *ROWS])
    return path


@pytest.fixture
def many(tmp_path) -> Path:
    """A file that takes a while."""
    path = tmp_path / "many.csv"
    texts = itertools.islice(itertools.cycle(text for text, _ in ROWS if text), 20_000)
    path.write_text(
        "text\n" + "\n".join(f'"{text.replace(chr(34), "")}"' for text in texts), encoding="utf-8"
    )
    return path


@pytest.fixture
def client(served, tmp_path) -> Client:
    return Client(served, verbose=False, download_files=str(tmp_path / "downloads"))


def until(condition: Callable[[], Any]) -> Any:
    """What ``condition`` returns as soon as it is true."""
    deadline = time.monotonic() + WAIT
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


def results_of(name: str) -> list[Path]:
    """Folders of results of a file called ``name`` that are on the server."""
    return [path.parent for path in Path(get_upload_folder()).glob(f"*/{name}-predictions.csv")]


# --- programs ---


def test_programs_get_the_answers_of_the_library(client, news, service):
    files, summary = client.predict(handle_file(news), api_name="/classify_file")
    assert [Path(path).name for path in files] == [
        f"новости-predictions{suffix}" for suffix in (".csv", ".json", ".parquet")
    ]
    rows = json.loads(Path(files[1]).read_text(encoding="utf-8"))
    assert [row["text"] for row in rows] == [text for text, _ in ROWS]
    expected = iter(get_predictions([text for text, _ in ROWS if text]))
    assert [row["prediction"] for row in rows] == [next(expected) if text else None for text, _ in ROWS]
    assert [row["prediction"] for row in pq.read_table(files[2]).to_pylist()] == [
        row["prediction"] for row in rows
    ]
    with Path(files[0]).open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert table[2]["text"] == f"'{ROWS[2][0]}"
    assert [row["prediction"] or None for row in table] == [row["prediction"] for row in rows]
    assert (summary["rows"], summary["empty"], summary["unlabelled"], summary["unknown_labels"]) == (
        7,
        1,
        0,
        1,
    )
    assert sum(summary["by_label"].values()) == 6
    assert list(summary["by_label"]) == service.labels
    matrix = summary["figures"]["confusion_matrix"]
    assert sum(map(sum, matrix)) == 5
    right = sum(matrix[index][index] for index in range(len(matrix)))
    assert summary["figures"]["accuracy"] == pytest.approx(right / 5)


def test_programs_choose_columns(client, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,said,label\nПервое,Матч окончен,sports\n", encoding="utf-8")
    files, summary = client.predict(
        handle_file(path), text_column="said", label_column="text", api_name="/classify_file"
    )
    row = json.loads(Path(files[1]).read_text(encoding="utf-8"))[0]
    assert row["prediction"] == get_predictions("Матч окончен")
    assert (summary["figures"], summary["unknown_labels"]) == (None, 1)
    with pytest.raises(AppError, match=r"нет столбца другой\. Есть: text, said, label"):
        client.predict(handle_file(path), text_column="другой", language="ru", api_name="/classify_file")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("sheet.xlsx", b"PK\x03\x04" + bytes(50), "книга Excel"),
        ("rows.csv", "text\nМатч\n".encode("cp1251"), "нужна UTF-8"),
        ("rows.csv", b"value\n1\n2\n3\n", "в столбце value числа"),
        ("rows.csv", "text,label\nМатч,a\nМатч, b, c\n".encode(), "строка 3"),
    ],
)
def test_programs_are_told_what_is_wrong_with_a_file(client, tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AppError, match=message) as error:
        client.predict(handle_file(path), language="ru", api_name="/classify_file")
    assert name in str(error.value)
    assert get_upload_folder() not in str(error.value)


def test_the_endpoint_is_described_in_both_languages(service):
    (endpoint,) = [found for found in public_endpoints(build_page(service)) if found.name == "classify_file"]
    says = [endpoint.says, endpoint.returns, *(parameter.says for parameter in endpoint.parameters)]
    assert all(says)
    assert all(any("а" <= letter <= "я" for letter in translated(text, "ru").lower()) for text in says)


def test_names_do_not_lead_out_of_the_folder_for_uploads(served):
    content = f"text\n{ROWS[0][0]}\n".encode()
    folder = Path(get_upload_folder()).resolve()
    for name in ("../../../etc/passwd.csv", "/etc/passwd.csv", r"..\..\passwd.csv", "a/../../../passwd.csv"):
        (path,) = httpx.post(f"{served}/gradio_api/upload", files={"files": (name, content)}).json()
        assert Path(path).resolve().is_relative_to(folder)
        given = {"path": path, "orig_name": "../../etc/passwd.csv", "meta": META}
        files, summary = answer(served, "classify_file", [given, "", "", "en"])
        assert summary["rows"] == 1
        assert [Path(file["path"]).name for file in files] == [
            f"passwd-predictions{suffix}" for suffix in (".csv", ".json", ".parquet")
        ]


def answer(served: str, name: str, data: list[Any]) -> Any:
    """What the endpoint called ``name`` returns at last; the text of its events where it fails."""
    calls = f"{served}/gradio_api/call/{name}"
    asked = httpx.post(calls, json={"data": data})
    if "event_id" not in asked.json():
        return asked.text
    events = httpx.get(f"{calls}/{asked.json()['event_id']}", timeout=WAIT).text
    *_, last = events.strip().split("event: ")
    kind, _, said = last.partition("\ndata: ")
    return json.loads(said) if kind == "complete" else events


@pytest.mark.parametrize("meta", [{}, {"meta": META}])
def test_no_other_file_of_the_machine_is_read(served, tmp_path, meta):
    outside = tmp_path / "secret.csv"
    outside.write_text(f"text\n{SECRET}\n", encoding="utf-8")
    given = {"path": str(outside), "orig_name": "secret.csv", **meta}
    for name, data in {
        "classify_file": [given, "", "", "en"],
        "classify": [given, "en"],
        "classify_many": [[given], "en"],
    }.items():
        assert SECRET not in json.dumps(answer(served, name, data), ensure_ascii=False)
    config = httpx.get(f"{served}/config").json()
    names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    values = {"batch-file": given, "language": "en", "batch-text-column": 0, "batch-label-column": -1}
    asked = [
        event
        for event in config["dependencies"]
        if "batch-file" in [names[part] for part in event["inputs"]] and event["backend_fn"]
    ]
    assert len(asked) == 3, "to look, to look again, to classify"
    for event in asked:
        said = of_the_page(served, event["id"], [values[names[part]] for part in event["inputs"]])
        assert SECRET not in said
        assert '"success":false' in said
    assert not list(Path(get_upload_folder()).rglob("secret*"))


def of_the_page(served: str, event: int, data: list[Any]) -> str:
    """All that the server says to an event of the page."""
    said = ""
    session = f"session-{event}"
    asked = {"data": data, "fn_index": event, "session_hash": session}
    httpx.post(f"{served}/gradio_api/queue/join", json=asked).raise_for_status()
    url = f"{served}/gradio_api/queue/data?session_hash={session}"
    with httpx.stream("GET", url, timeout=WAIT) as lines:
        for line in lines.iter_lines():
            said += line
            if "close_stream" in line:
                break
    return said


def test_single_texts_are_answered_while_a_file_is_classified(client, many, news):
    job = client.submit(handle_file(many), api_name="/classify_file")
    until(lambda: job.outputs() and job.outputs()[-1][1]["rows"] > 0)
    assert client.predict(ROWS[0][0], api_name="/classify")["label"] == "sports"
    waiting = client.submit(handle_file(news), api_name="/classify_file")
    assert not job.done()
    assert results_of("many")
    job.cancel()
    assert waiting.result(timeout=WAIT)[1]["rows"] == len(ROWS)
    until(lambda: not results_of("many"))


# --- visitors ---


@pytest.fixture
def page(context, served) -> Page:
    return open_tab(context, served, "batch")


@pytest.fixture
def russian(browser, served) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 375, "height": 800}, locale="ru-RU") as context:
        yield open_tab(context, served, "batch")


in_browser = [pytest.mark.browser, pytest.mark.slow]


def give(page: Page, path: Path) -> None:
    page.locator("#batch-file input[type=file]").set_input_files(path)


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


class TestInTheBrowser:
    pytestmark = in_browser

    def test_from_the_file_to_the_results(self, page, news):
        give(page, news)
        expect(page.locator("#batch-text-column input")).to_have_value("text\u2060")
        expect(page.locator("#batch-label-column input")).to_have_value("category\u2060")
        expect(page.locator("#batch-preview tbody tr")).to_have_count(5)
        expect(page.locator("#batch-preview")).to_contain_text('<img src="x"')
        picture(page, "file-chosen")
        page.locator("#batch-go").click()
        status = page.locator("#batch-status")
        expect(status).to_contain_text("Rows classified: 7.")
        expect(status).to_contain_text("Rows without a text, which have no prediction: 1.")
        rows = page.locator("#batch-rows tbody tr")
        expect(rows).to_have_count(7)
        expect(rows.nth(0)).to_contain_text(f"{ROWS[0][0]}sports")
        expect(rows.nth(3)).to_contain_text('<img src="x" onerror="window.hacked = 1">')
        expect(page.locator("#batch-counts tbody tr")).to_have_count(11)
        expect(page.locator("#batch-heat-map img")).to_have_attribute("alt", "Texts by categories")
        expect(page.locator("#batch-label-notes")).to_contain_text("such as погода")
        expect(page.locator("#batch-report")).to_contain_text("of 5 texts.")
        expect(page.locator("#batch-mistakes tbody tr").first).to_contain_text("economy")
        expect(page.locator("#batch-matrix img")).to_be_attached()
        expect(page.locator("#batch-go")).to_be_visible()
        expect(page.locator("#batch-stop")).to_be_hidden()
        picture(page, "file-results")
        assert page.evaluate("window.hacked") is None
        assert page.complaints == []
        for place, suffix in enumerate((".csv", ".json", ".parquet")):
            with page.expect_download() as download:
                page.locator("#batch-downloads .batch-download").nth(place).click()
            assert download.value.suggested_filename == f"новости-predictions{suffix}"
        assert pq.read_table(download.value.path()).num_rows == 7

    def test_in_russian_on_a_telephone(self, russian, news):
        expect(russian.locator("#batch-about")).to_contain_text("Строк — до 100\u00a0000")
        give(russian, news)
        russian.locator("#batch-go").click()
        expect(russian.locator("#batch-status")).to_contain_text("Обработано строк: 7.")
        expect(russian.locator("#batch-rows tbody tr").first).to_contain_text("спорт")
        expect(russian.locator("#batch-report")).to_contain_text("Доля верных ответов")
        picture(russian, "file-results-russian-narrow")
        assert russian.evaluate("document.documentElement.scrollWidth") == 375

    def test_other_columns_are_chosen(self, page, tmp_path):
        path = tmp_path / "rows.csv"
        path.write_text("n,text\n5,Матч окончен\n6,Премьера в театре\n", encoding="utf-8")
        give(page, path)
        column = page.locator("#batch-text-column input")
        expect(column).to_have_value("text\u2060")
        column.click()
        page.get_by_role("option", name="n\u2060", exact=True).click()
        expect(page.locator("#batch-status")).to_contain_text("the column n holds numbers")
        expect(page.locator("#batch-go")).to_be_disabled()
        column.click()
        page.get_by_role("option", name="text\u2060", exact=True).click()
        expect(page.locator("#batch-go")).to_be_enabled()
        page.locator("#batch-go").click()
        expect(page.locator("#batch-status")).to_contain_text("Rows classified: 2.")
        expect(page.locator("#batch-figures")).to_be_hidden()

    def test_a_file_that_cannot_be_read(self, russian, tmp_path):
        path = tmp_path / "таблица.xlsx"
        path.write_bytes(b"PK\x03\x04" + bytes(50))
        give(russian, path)
        expect(russian.locator("#batch-status .bad")).to_contain_text(
            "«таблица.xlsx» — архив zip или книга Excel"
        )
        expect(russian.locator("#batch-form")).to_be_hidden()

    def test_stopping_keeps_nothing(self, page, many, news):
        give(page, many)
        page.locator("#batch-go").click()
        expect(page.locator("#batch-status progress[value]")).to_be_visible()
        until(lambda: results_of("many"))
        page.locator("#batch-stop").click()
        expect(page.locator("#batch-status")).to_contain_text("Stopped. Nothing was kept.")
        expect(page.locator("#batch-go")).to_be_visible()
        until(lambda: not results_of("many"))
        give_another(page, news)
        page.locator("#batch-go").click()
        expect(page.locator("#batch-status")).to_contain_text("Rows classified: 7.")

    def test_a_page_that_is_closed_gives_its_file_up(self, page, many):
        give(page, many)
        page.locator("#batch-go").click()
        until(lambda: results_of("many"))
        page.close()
        until(lambda: not results_of("many"))

    def test_a_file_past_the_limit_is_not_sent(self, context, service, tmp_path):
        path = tmp_path / "large.txt"
        path.write_text(f"{ROWS[0][0]}\n" * 20_000, encoding="utf-8")
        for address in serving(replace(service, settings=Settings(max_file_mb=1))):
            page = open_tab(context, address, "batch")
            sent = requests_of(page)
            give(page, path)
            expect(page.locator("#batch-status .bad")).to_contain_text(
                "“large.txt” has 2 MB, and 1 MB are taken"
            )
            assert not [url for url in sent if "/upload" in url]
            refused = httpx.post(f"{address}/gradio_api/upload", files={"files": path.read_bytes()})
            assert refused.status_code == 413


def give_another(page: Page, path: Path) -> None:
    page.locator("#batch-file").get_by_label("Clear").click()
    give(page, path)


def requests_of(page: Page) -> list[str]:
    """The addresses that the page asks for from now on."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    return sent
