"""training/prepare_silver.py: prose labelled by reading, beside the training rows, never a story of the tests."""

import hashlib
import io
import re
import sys
import tarfile

import datasets
import pytest
import yaml
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "training"))

import prepare_silver
from news.rules import CATEGORIES
from news.silver import document_id, silver_rows, views
from news.synthetic import synthetic_rows

DOCUMENTS = [
    ["Сборная выиграла чемпионат мира", "Финал турнира закончился в дополнительное время со счётом три два."],
    ["Врачи рассказали о пользе сна", "Восемь часов отдыха снижают риск болезней сердца у взрослых."],
    ["Музей показал новую выставку", "В залах собраны полотна старых мастеров из частных собраний."],
    ["Театр открыл сезон премьерой", "Режиссёр поставил комедию, которую не играли сто лет подряд."],
]
INVENTED = "В заповеднике пересчитали лебедей"
IN_TEST = "Театр открыл новый сезон премьерой"  # the last document's story in other words


@pytest.fixture
def folder(tmp_path):
    """A source of four documents, three of them read, and a news corpus whose test tells the last one's story."""
    with tarfile.open(tmp_path / "plain.tar.xz", "w:xz") as archive:
        for number, lines in enumerate(DOCUMENTS):
            content = "\n".join(lines).encode()
            member = tarfile.TarInfo(f"{number}.txt")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    digest = hashlib.sha256((tmp_path / "plain.tar.xz").read_bytes()).hexdigest()
    source = {"name": "plain", "reader": "plain_files", "files": [{"path": "plain.tar.xz", "sha256": digest}]}
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump({"sources": [source]}), "utf-8")
    readings = zip(DOCUMENTS, ("sp", "he?", "xx", "cu"), strict=True)
    (tmp_path / "readings.tsv").write_text(
        "".join(f"{document_id(document)}\t{code}\n" for document, code in readings), "utf-8"
    )
    (tmp_path / "synthetic").mkdir()
    for category in CATEGORIES:
        lines = f"{INVENTED}\n" if category == "climate" else f"{IN_TEST}!\n" if category == "gloss" else ""
        (tmp_path / "synthetic" / f"{category}.txt").write_text(lines, "utf-8")
    features = datasets.Features(
        {
            "news": datasets.Value("string"),
            "labels": datasets.ClassLabel(names=list(CATEGORIES)),
            "source": datasets.Value("string"),
            "id": datasets.Value("string"),
        }
    )

    def split(*rows):
        columns = {"news": [text for text, _ in rows], "labels": [CATEGORIES.index(name) for _, name in rows]}
        columns["source"] = ["gold"] * len(rows)
        columns["id"] = [f"{number}" for number in range(len(rows))]
        return datasets.Dataset.from_dict(columns, features=features)

    corpus = datasets.DatasetDict(
        {
            "train": split(("Банк снизил ставку по вкладам для граждан", "economy")),
            "validation": split(("Биржа закрылась ростом котировок", "economy")),
            "test": split((IN_TEST, "culture")),
            "test_later": split(("Поезд сошёл с рельсов на перегоне", "conflicts")),
            "test_unseen": split(("Депутаты приняли новый закон о выборах", "politics")),
            "spare": split(
                ("Полиция задержала грабителей банка в порту", "conflicts"),
                ("Депутаты приняли новый закон о выборах сегодня", "politics"),
            ),
        }
    )
    corpus.save_to_disk(tmp_path / "news11")
    return tmp_path


def run(folder, **changes):
    options = {
        "source": folder,
        "news": folder / "news11",
        "output": folder / "silver11",
        "sources": folder / "sources.yaml",
        "readings": folder / "readings.tsv",
        "synthetic": folder / "synthetic",
        **changes,
    }
    return prepare_silver.main(
        [part for name, value in options.items() if value for part in (f"--{name}", str(value))]
    )


def test_training_rows_spare_rows_and_what_was_read_but_no_story_of_a_test(folder, capsys):
    assert run(folder) == 0
    silver = datasets.load_from_disk(str(folder / "silver11"))
    assert list(silver) == ["train", "validation", "test"]
    found = {
        text: CATEGORIES[label]
        for text, label in zip(silver["train"]["news"], silver["train"]["labels"], strict=True)
    }
    assert found == {
        "Банк снизил ставку по вкладам для граждан": "economy",
        "Полиция задержала грабителей банка в порту": "conflicts",
        DOCUMENTS[0][0]: "sports",
        DOCUMENTS[0][1]: "sports",
        DOCUMENTS[1][0]: "health",
        DOCUMENTS[1][1]: "health",
        INVENTED: "climate",
    }
    assert silver["test"]["news"][:] == [IN_TEST]
    assert capsys.readouterr().out.split()[-2:] == ["all", "7"]


def test_a_document_is_a_headline_and_what_follows():
    assert list(
        views(["Сборная выиграла чемпионат мира", "Финал", "закончился в дополнительное время."])
    ) == [
        "Сборная выиграла чемпионат мира",
        "Финал закончился в дополнительное время.",
    ]
    assert list(views(["а" * 300])) == ["а" * 300]
    assert list(views(["Коротко"])) == []


def test_documents_that_nobody_read_are_passed_over():
    assert list(silver_rows([("plain", DOCUMENTS[0])], {})) == []


def test_a_missing_corpus_is_told_in_a_sentence(folder, caplog):
    assert run(folder, news=folder / "nowhere") == 2
    assert "run training/prepare_news.py first" in caplog.text
    assert not (folder / "silver11").exists()


def test_a_wrong_reading_leaves_the_earlier_corpus(folder, caplog):
    assert run(folder) == 0
    (folder / "readings.tsv").write_text("0123\tsp\n", "utf-8")
    assert run(folder) == 2
    assert "line 1" in caplog.text
    assert len(datasets.load_from_disk(str(folder / "silver11"))["train"]) == 7


def test_synthetic_rows_alone_need_no_prose(folder):
    assert run(folder, add="synthetic", source=None) == 0
    train = datasets.load_from_disk(str(folder / "silver11"))["train"]
    assert list(zip(train["news"], train["source"], strict=True)) == [
        ("Банк снизил ставку по вкладам для граждан", "gold"),
        (INVENTED, "synthetic"),
    ]


def test_silver_without_prose_is_told_in_a_sentence(folder, caplog):
    assert run(folder, source=None) == 2
    assert "give --source" in caplog.text


def test_a_synthetic_text_stands_once(folder, caplog):
    (folder / "synthetic" / "travel.txt").write_text(INVENTED.upper() + "\n", "utf-8")
    assert run(folder) == 2
    assert "travel.txt, line 1" in caplog.text


def test_the_synthetic_texts_of_the_project_are_russian_headlines_of_all_categories():
    rows = synthetic_rows(REPOSITORY / "training" / "news" / "synthetic")
    assert {row.category for row in rows} == set(CATEGORIES)
    assert all(20 <= len(row.news) <= 500 for row in rows)
    assert all(re.search("[а-яё]", row.news) for row in rows)


def test_the_synthetic_texts_name_no_head_of_state():
    rows = synthetic_rows(REPOSITORY / "training" / "news" / "synthetic")
    named = re.compile(
        r"\b(Путин|Лукашенко|Зеленск|Трамп|Байден|Макрон|Эрдоган|Нетаньяху|Орбан)", re.IGNORECASE
    )
    assert [row.news for row in rows if named.search(row.news)] == []
