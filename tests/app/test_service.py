"""The model in use: which one, with what card and figures, and what it takes."""

import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REPOSITORY

from bilstm_classifier import load_sample_news
from bilstm_classifier.app.service import PACKAGED, PIECE, BadText, Service
from bilstm_classifier.app.settings import Settings
from bilstm_classifier.predictor import DEFAULT_MODEL

MATCH = "Сборная выиграла матч чемпионата в дополнительное время"
BANK = "Банк снизил ставку по вкладам, и рубль подешевел"


# --- which model ---


def test_the_model_in_the_package(service):
    assert (service.name, service.folder, service.absent) == (PACKAGED, DEFAULT_MODEL, "")
    assert service.is_for_russian
    assert not service.overlapping


def test_a_folder(model_folder):
    service = Service.load(Settings(model_id=str(model_folder)))
    assert (service.name, service.folder) == (str(model_folder), model_folder)
    assert service.labels == ["culture", "science", "sports"]
    assert (service.card, service.metrics, service.is_for_russian) == ("", {}, False)
    assert not service.hardly_russian("The team has won the match")
    (found,) = service.classify([MATCH], ["ru"])
    assert found == service.predictor.predict([MATCH])[0]
    assert service.facts() == {
        "model": str(model_folder),
        "revision": None,
        "labels": ["culture", "science", "sports"],
        "max_tokens": 32,
        "metrics": {},
    }


def test_a_folder_that_is_not_there_is_no_matter_of_the_network(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing is not a folder"):
        Service.load(Settings(model_id=str(tmp_path / "missing")))


@pytest.mark.parametrize(
    ("endpoint", "offline", "reason"),
    [
        ("http://127.0.0.1:9", "0", "the Hub cannot be reached"),
        ("https://hub.invalid", "0", "the Hub cannot be reached"),
        ("http://127.0.0.1:9", "1", "it was not downloaded before"),
    ],
)
def test_a_hub_that_cannot_be_reached(tmp_path, endpoint, offline, reason):
    code = """
from bilstm_classifier.app.service import Service
from bilstm_classifier.app.settings import Settings
service = Service.load(Settings.from_environment())
print(service.name, service.classify(["Сборная выиграла матч"], ["ru"])[0].labels[0], service.absent, sep="\\n")
"""
    variables = {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": offline, "HF_HOME": str(tmp_path)}
    variables |= {"MODEL_ID": "owner/news", "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | variables,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    name, label, absent = done.stdout.splitlines()[:3]
    assert (name, label) == (PACKAGED, "sports")
    assert reason in absent
    assert "serving the model in the package in its place" in done.stderr


def test_a_model_that_is_damaged_is_not_replaced(tmp_path, model_folder):
    """Whoever set it made a mistake, and is told."""
    shutil.copytree(model_folder, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"the weights of .* are damaged"):
        Service.load(Settings(model_id=str(tmp_path / "model")))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(ValueError, match="holds a 'bert' model"):
        Service.load(Settings(model_id=str(tmp_path / "other")))


# --- its card and figures ---


@pytest.mark.parametrize(
    ("card", "russian"),
    [
        ("---\nlanguage: ru\n---\n# Модель", True),
        ("---\nlanguage: [en, ru]\n---\n# Модель", True),
        ("---\nlanguage: en\n---\n# Model", False),
        ("---\nlanguage: {ru: 1\n---\n# no YAML", False),
        ("---\n- ru\n---\n# a list", False),
        ("---\n1: ru\nlanguage: ru\n---\n", False),
        ("---\nlanguage: ru\nmodel-index: [1]\n---\n", False),
        ("---\nlanguage: [ru, [en]]\n---\n", True),
        ("---\nlicense: mit\n---\n", False),
        ("# ru", False),
        ("", False),
        ("\x00\ud7ff", False),
    ],
)
def test_the_language_of_a_card(service, tmp_path, card, russian):
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    other = replace(service, folder=tmp_path)
    assert other.card == card
    assert other.is_for_russian is russian
    assert other.hardly_russian("The team has won the match") is russian
    assert not other.hardly_russian(MATCH)


def test_a_card_that_is_no_text(service, tmp_path):
    (tmp_path / "README.md").write_bytes(b"\xff\xfe\x00# card")
    other = replace(service, folder=tmp_path)
    assert "card" in other.card
    assert not other.is_for_russian


@pytest.mark.parametrize("written", ["", "{", "[]", '{"test": {"per_class": {}}}', '{"rows": -1}'])
def test_figures_that_are_damaged_are_not_shown(service, tmp_path, written, caplog):
    (tmp_path / "metrics.json").write_text(written, encoding="utf-8")
    other = replace(service, folder=tmp_path)
    assert other.metrics == {}
    assert other.facts()["metrics"] == {}
    assert "the figures of bilstm-classifier cannot be shown" in caplog.text


def test_facts_tell_the_figures_of_each_test(service):
    metrics = json.loads((DEFAULT_MODEL / "metrics.json").read_text(encoding="utf-8"))
    told = service.facts()["metrics"]
    assert set(told) == {"test", "test_later", "test_unseen"} & set(metrics) | ({"validation"} & set(told))
    assert told["test"]["accuracy"] == metrics["test"]["accuracy"]


# --- what it takes ---


def test_limits_are_those_of_the_settings(service):
    short = replace(service, settings=Settings(max_characters=20))
    texts = ["Сборная выиграла", "Сборная выиграла матч!", " " * 20, "т" * 21]
    sound, long, blank, longer = short.classify(texts, ["en", "en", "ru", "ru"])
    assert sound.labels == ("sports",)
    assert str(long).startswith("The text has more than 20 characters")
    assert str(blank).startswith("В этом тексте нечего читать")
    assert str(longer).startswith("В тексте больше 20 знаков")
    with pytest.raises(BadText, match="more than 20 characters"):
        short.explain(texts[1], None, "en")


def test_texts_without_tokens_among_others(service):
    texts = [*load_sample_news()[0][: PIECE + 5], "\x00", MATCH, "\x01\x02", ""]
    found = service.classify(texts, ["en"] * len(texts))
    expected = service.predictor.predict([*texts[: PIECE + 5], MATCH])
    answers = [answer for answer in found if not isinstance(answer, BadText)]
    assert [answer.labels for answer in answers] == [answer.labels for answer in expected]
    assert [number for number, answer in enumerate(found) if isinstance(answer, BadText)] == [
        PIECE + 5,
        PIECE + 7,
        PIECE + 8,
    ]
    assert service.classify(["\x00"], ["en"])[0].args == service.classify([""], ["en"])[0].args
    assert service.classify([], []) == []


def test_many_threads_get_their_own_answers(service):
    texts = load_sample_news()[0][:60]
    expected = service.predictor.predict(texts)
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda text: service.classify([text], ["en"])[0], texts))
        explained = list(pool.map(lambda text: service.explain(text, None, "en"), texts[:12]))
    assert [answer.labels for answer in found] == [answer.labels for answer in expected]
    assert [answer.label for answer in explained] == [answer.labels[0] for answer in expected[:12]]


def test_models_run_in_few_threads(service):
    seen = set()

    class Watched:
        inputs = service.predictor.inputs

        def predict(self, texts: list[str]) -> list:
            seen.add(threading.current_thread().name)
            return service.predictor.predict(texts)

    watched = replace(service, predictor=Watched())
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: watched.classify([MATCH], ["en"]), range(64)))
    assert len(seen) <= 3
    assert all(name.startswith("model-") for name in seen)


def test_a_packaged_model_needs_no_card_beside_it():
    assert Path(DEFAULT_MODEL / "config.json").is_file()
    assert Service.load(Settings(model_revision="v1")).facts()["revision"] == "v1"
