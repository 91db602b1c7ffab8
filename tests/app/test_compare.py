"""Models side by side: only those that were offered, loaded once, the least recently used forgotten."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import tiny_model
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from bilstm_classifier import Predictor
from bilstm_classifier.app import comparison as comparison_module
from bilstm_classifier.app.comparison import Comparison, NoModel
from bilstm_classifier.app.endpoints import comparison_of
from bilstm_classifier.app.service import PACKAGED, Service
from bilstm_classifier.app.settings import Settings
from bilstm_classifier.model_folder import save_model

from .browsing import open_tab
from .conftest import serving

STARS = {0: "1 звезда", 1: "3 звезды", 2: "5 звёзд"}
TEXT = "Вратарь вытащил пенальти, и хозяева вышли в полуфинал кубка"
ABSENT = "nobody/no-such-model"


def offering(service: Service, *models: str | Path) -> Service:
    return replace(service, settings=Settings(compare_models=tuple(map(str, models))))


@pytest.fixture(scope="module")
def reviews(tmp_path_factory, word_tokenizer) -> Path:
    """A model of another kind: stars for reviews."""
    labels = {"id2label": STARS, "label2id": {name: index for index, name in STARS.items()}}
    return save_model(tiny_model(**labels), word_tokenizer, tmp_path_factory.mktemp("reviews"), max_length=32)


@pytest.fixture
def folders(tmp_path, model_folder) -> list[Path]:
    return [Path(shutil.copytree(model_folder, tmp_path / name)) for name in ("one", "two", "three")]


@pytest.fixture
def damaged(tmp_path, model_folder) -> Path:
    folder = Path(shutil.copytree(model_folder, tmp_path / "damaged"))
    (folder / "model.safetensors").write_bytes(b"no weights")
    return folder


def test_the_model_in_use_comes_first_and_once(service, model_folder):
    names = Comparison(offering(service, model_folder, PACKAGED, model_folder)).names
    assert names == [PACKAGED, str(model_folder)]


def test_what_was_not_offered_is_refused_though_it_is_there(service, model_folder, reviews):
    comparison = Comparison(offering(service, model_folder))
    for name in (str(reviews), "", None, ["bilstm-classifier"], f"{model_folder}/../{model_folder.name}"):
        with pytest.raises(NoModel, match="There is no model"):
            comparison.model(name, "en")
    with pytest.raises(NoModel, match="для сравнения нет"):
        comparison_of(comparison, TEXT, [PACKAGED, str(reviews)], "ru")


@pytest.mark.parametrize("models", ["bilstm-classifier", [], None, {"bilstm-classifier": 1}])
def test_a_list_of_names_is_expected(service, model_folder, models):
    with pytest.raises(NoModel, match="A list of names"):
        comparison_of(Comparison(offering(service, model_folder)), TEXT, models, "en")


def test_two_models_stay_in_memory_and_the_least_recently_used_goes(service, folders):
    comparison = Comparison(offering(service, *folders))
    one, two, three = map(str, folders)
    first = comparison.model(one, "en")
    comparison.model(two, "en")
    assert comparison.model(one, "en") is first
    comparison.model(three, "en")
    for folder in folders:  # from now on only memory has them
        shutil.rmtree(folder)
    assert comparison.model(one, "en") is first
    assert comparison.model(three, "en").predictor.predict([TEXT])
    with pytest.raises(NoModel, match=two):
        comparison.model(two, "en")
    assert comparison.model(PACKAGED, "en").predictor is service.predictor


def test_many_who_ask_at_once_share_one_model(service, model_folder):
    comparison = Comparison(offering(service, model_folder))
    begin, found = threading.Barrier(8), []

    def ask() -> None:
        begin.wait()
        found.append(comparison.model(str(model_folder), "en"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(one is found[0] for one in found)


def test_a_model_that_cannot_be_had_is_named_in_place(service, damaged):
    comparison = Comparison(offering(service, damaged, ABSENT))
    answer = comparison_of(comparison, TEXT, [PACKAGED, str(damaged), ABSENT], "ru")
    assert answer["answers"][PACKAGED]["label"] == "sports"
    for name in (str(damaged), ABSENT):
        assert answer["answers"][name]["error"] == f"Модель {name} сейчас загрузить не удалось."
    assert answer["agree"] is None


def test_after_a_failure_a_model_is_left_alone_for_a_while(service, damaged, model_folder, monkeypatch):
    comparison = Comparison(offering(service, damaged))
    with pytest.raises(NoModel) as first:
        comparison.model(str(damaged), "en")
    shutil.copy(model_folder / "model.safetensors", damaged)
    with pytest.raises(NoModel) as second:
        comparison.model(str(damaged), "en")
    assert str(second.value) == str(first.value)
    monkeypatch.setattr(comparison_module, "PAUSE", 0)  # the while is over
    assert comparison.model(str(damaged), "en").labels == ["culture", "science", "sports"]


def test_models_with_other_labels_disagree(service, reviews):
    answer = comparison_of(Comparison(offering(service, reviews)), TEXT, [PACKAGED, str(reviews)], "en")
    assert set(answer["answers"][str(reviews)]["probabilities"]) == set(STARS.values())
    assert answer["agree"] is False


def test_a_text_without_words_is_said_by_each_model(service, model_folder):
    answer = comparison_of(
        Comparison(offering(service, model_folder)), " ", [PACKAGED, str(model_folder)], "en"
    )
    assert all("nothing to read" in one["error"] for one in answer["answers"].values())
    assert answer["agree"] is None


@pytest.fixture(scope="module")
def address(service, model_folder, reviews) -> Iterator[str]:
    yield from serving(offering(service, model_folder, reviews, ABSENT))


def test_a_program_compares(address, model_folder):
    client = Client(address, verbose=False)
    models = [PACKAGED, str(model_folder)]
    answer = client.predict(text=TEXT, models=models, api_name="/compare")
    expected = [Predictor.from_pretrained(model).predict([TEXT])[0] for model in (None, model_folder)]
    for name, prediction in zip(models, expected, strict=True):
        assert answer["answers"][name]["label"] == prediction.labels[0]
        assert answer["answers"][name]["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-6)
    assert answer["agree"] == (expected[0].labels == expected[1].labels)
    with pytest.raises(AppError, match="There is no model '/etc/passwd'"):
        client.predict(text=TEXT, models=["/etc/passwd"], api_name="/compare")


def test_without_models_to_compare_there_is_no_such_endpoint(served):
    assert "/compare" not in Client(served, verbose=False).view_api(return_format="dict")["named_endpoints"]


@pytest.mark.browser
@pytest.mark.slow
def test_the_tab_shows_both_answers_and_whether_they_agree(browser, address, model_folder, reviews):
    with browser.new_context(locale="ru-RU") as context:
        page = open_tab(context, address, "compare")
        second = page.locator(".block.compare-answer").nth(1)

        def ask(model: str) -> None:
            page.get_by_label("Вторая модель").click()
            page.get_by_role("option", name=model).click()
            page.locator("#compare").click()

        page.locator("#compare-text textarea").fill(TEXT)
        ask(str(model_folder))
        expect(page.locator(".block.compare-answer").first).to_contain_text("спорт")
        expect(second).to_contain_text(str(model_folder))
        verdict = page.locator("#compare-verdict")
        agree = Predictor.from_pretrained(model_folder).predict([TEXT])[0].labels == ("sports",)
        expect(verdict).to_contain_text("Ответы совпали: спорт." if agree else "расходятся")
        ask(str(reviews))
        expect(second).to_contain_text("1 звезда")
        expect(verdict).to_contain_text("разные категории")
        ask(ABSENT)
        expect(page.locator(".prose.compare-notes").nth(1)).to_contain_text(f"Модель {ABSENT} сейчас")
        expect(verdict).to_be_empty()
        page.locator("#compare-text textarea").fill("  ")
        page.locator("#compare").click()
        expect(verdict).to_contain_text("нечего читать")
        assert page.complaints == []
