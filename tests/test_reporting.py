"""benchmarks/measuring.py and reporting.py: what is measured, and the tables made from it."""

import sys

import numpy as np
import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import measuring
import reporting

NAMES = ["culture", "sports"]


def report(accuracy=0.9, f1=0.88):
    part = {"accuracy": accuracy, "rows": 50}
    return {
        "accuracy": accuracy,
        "f1_macro": f1,
        "per_class": {name: {"precision": 0.9, "recall": 0.8, "f1": f1, "support": 50} for name in NAMES},
        "calibration_error": 0.02,
        "accuracy_by_coverage": {"1": accuracy, "0.5": 0.99},
        "sure": {"coverage": 0.8, "accuracy": 0.95},
        "headlines": part,
        "articles": part,
    }


@pytest.fixture
def results():
    speeds = {"headlines": 1500.0, "articles": 90.0}
    svm = {
        "name": "TF-IDF + linear SVM",
        "bytes": 5_000_000,
        "speed": speeds,
        **{
            split: {
                "accuracy": 0.85,
                "f1_macro": 0.84,
                "per_class": dict.fromkeys(NAMES, 0.84),
                "headlines": {"accuracy": 0.8, "rows": 50},
                "articles": {"accuracy": 0.9, "rows": 50},
            }
            for split in measuring.TESTS
        },
    }
    splits = {name: {"rows": 100, "sha256": ""} for name in ("train", *measuring.TESTS)}
    seed = {name: {"accuracy": 0.89, "f1_macro": 0.87} for name in measuring.TESTS}
    other = {name: {"accuracy": 0.91, "f1_macro": 0.89} for name in measuring.TESTS}
    return {
        **{split: report() for split in measuring.TESTS},
        "bytes": 12_000_000,
        "unsure_below": 0.6,
        "robustness": {"5% of the characters wrong": 0.85, "all lower case": 0.9},
        "sample": {"accuracy": 0.8, "rows": 275},
        "corpus": {"splits": splits},
        "machine": "a machine",
        "speed": {"float32": speeds, "bfloat16": {"headlines": 3000.0, "articles": 130.0}},
        "seeds": [seed, other],
        "systems": {"svm": svm, "tiny": {"name": "a large encoder", "missing": "no network"}},
    }


def cells(markdown, first):
    line = next(line for line in markdown.splitlines() if line.startswith(f"| {first}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_targets_say_met_or_missed_by_the_figures(results):
    found = reporting.targets(results)
    assert cells(found, "accuracy, points")[1:] == ["3", "+5.0 (0.900 ± 0.014, 2 seeds)", "met"]
    assert cells(found, "macro F1, points")[1:] == ["5", "+4.0 (0.880 ± 0.014, 2 seeds)", "**missed**"]
    assert cells(found, "points of accuracy lost, 5%")[2:] == ["5.0", "**missed**"]
    assert cells(found, "points of accuracy lost, all lower")[2:] == ["0.0", "met"]
    assert cells(found, "articles a second")[2:] == ["90 in float32, 130 in bfloat16", "met"]


def test_a_system_that_cannot_be_had_is_named(results):
    found = reporting.leaderboard(results)
    assert cells(found, "a large encoder")[1] == "weights or package not available here"
    assert cells(found, "TF-IDF + linear SVM")[1:3] == ["0.850", "0.840"]


def test_every_table_is_whole(results):
    for section in reporting.full_report(results).split("### ")[1:]:
        rows = [line for line in section.splitlines() if line.startswith("|")]
        assert len(rows) >= 3
        assert len({line.count("|") for line in rows}) == 1, section


def test_the_marks_of_a_document_are_needed():
    marked = f"before\n{reporting.START}\nold\n{reporting.END}\nafter"
    assert reporting._between(marked, "new") == (
        f"before\n{reporting.START}\n\nnew\n\n{reporting.END}\nafter"
    )
    with pytest.raises(ValueError, match="lost its marks"):
        reporting._between("before", "new")


def test_the_card_has_every_place_filled(results, tmp_path, monkeypatch):
    card = reporting.card(results)
    assert reporting.full_report(results) in card
    assert reporting.sources() in card
    assert "{{" not in card
    (tmp_path / "training").symlink_to(reporting.ROOT / "training")
    (tmp_path / "model_card.md").write_text("{{ results }} {{ nothing }}", encoding="utf-8")
    monkeypatch.setattr(reporting, "ROOT", tmp_path)
    with pytest.raises(ValueError, match=r"model_card\.md holds a place that nothing fills: 'nothing'"):
        reporting.card(results)


def test_headlines_and_articles_are_counted_apart():
    texts = ["коротко", "д" * 151, "тоже коротко"]
    found = measuring.by_length(texts, [0, 1, 1], np.array([0, 0, 1]))
    assert found == {
        "headlines": {"accuracy": 1.0, "rows": 2},
        "articles": {"accuracy": 0.0, "rows": 1},
    }
    assert list(measuring.by_length([texts[-1]], [0], np.array([0]))) == [
        "articles" if len(texts[-1]) > measuring.HEADLINE_CHARACTERS else "headlines"
    ]


def test_a_test_without_headlines_has_no_line_for_them(results):
    del results["test_later"]["headlines"]
    assert "later dates, articles" in reporting.tests(results)
    assert "later dates, headlines" not in reporting.tests(results)


@pytest.mark.parametrize("name", measuring.DAMAGES)
def test_damage_is_done_and_repeats_itself(name):
    texts = ["Ёлка стоит в центре Москвы, сообщает РИА Новости"] * 3
    change = measuring.DAMAGES[name]
    assert change(texts) == change(texts) != texts


def test_the_card_lists_every_source_with_its_licence():
    found = reporting.sources()
    origin, *rest = cells(found, "lenta-headlines-2024")[1:]
    assert origin.startswith("https://github.com/ankislyakov/data, commit ")
    assert rest == ["none stated", "news corpus"]
    assert cells(found, "toloka-gold")[2:] == ["Apache-2.0", "news corpus (test_unseen only)"]
    assert any("CC BY 4.0" in line for line in found.splitlines() if line.startswith("| telegram-news-12cat"))
    assert "ria-andrushalol" not in found  # listed, and not used
