"""training/prepare_news.py with a data set as its source: one on the Hub, one saved by `datasets`, Parquet and CSV."""

import json
from collections import Counter
from datetime import datetime

import datasets
import pytest
from hub.clients import client
from hub.server import OWNER, LoopbackHub
from news_files import prepare_news, without_pictures, words

from news.hub_sources import is_data_set  # isort: skip
from news.readings import text_id  # isort: skip
from news.rules import CATEGORIES  # isort: skip

# a rubric of Lenta.ru for every category; the words are what a rule of a mixed rubric looks for
TOPICS = {
    "Моя страна": ("climate", "Медведь вышел к людям."),
    "Силовые структуры": ("conflicts", ""),
    "Культура": ("culture", ""),
    "Бизнес": ("economy", ""),
    "Ценности": ("gloss", ""),
    "Забота о себе": ("health", ""),
    "Мир": ("politics", "Президент прибыл на саммит."),
    "Наука и техника": ("science", ""),
    "Среда обитания": ("society", ""),
    "Спорт": ("sports", ""),
    "Путешествия": ("travel", ""),
}


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    without_pictures(monkeypatch)


@pytest.fixture
def prepare(tmp_path):
    """Run the script over a source; the splits that it wrote."""

    def run(source, *more):
        output = tmp_path / "out"
        assert prepare_news.main(["--source", str(source), "--output", str(output), *more]) == 0
        saved = datasets.load_from_disk(str(output))
        return {name: list(split) for name, split in saved.items() if name != "spare"}

    run.report = lambda: json.loads((tmp_path / "out" / "prepare_news.json").read_text("utf-8"))
    run.sheet = lambda: (tmp_path / "out" / "DATA_SHEET.md").read_text("utf-8")
    return run


@pytest.fixture
def failing(tmp_path, caplog):
    """Run the script over a source that it refuses; the one sentence that it says."""

    def run(source):
        caplog.clear()
        assert prepare_news.main(["--source", str(source), "--output", str(tmp_path / "out")]) == 2
        (message,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert "\n" not in message
        assert not (tmp_path / "out").exists()
        return message

    return run


def labelled(split, each=10):
    """Texts and labels of a split in the published form."""
    pairs = [(words(f"{split} {name} {number}", 12), name) for name in CATEGORIES for number in range(each)]
    return {"news": [text for text, _ in pairs], "labels": [CATEGORIES.index(name) for _, name in pairs]}


def saved(folder, **splits):
    datasets.DatasetDict(
        {name: datasets.Dataset.from_dict(split) for name, split in splits.items()}
    ).save_to_disk(str(folder))
    return folder


def articles(each=10):
    """Articles in the form of `lenta.ru_2-extended`, a few under rubrics that give no category."""
    rows = []
    for topic, (_, opening) in {**TOPICS, "Легпром": (None, ""), "": (None, "")}.items():
        for number in range(each):
            name = f"{topic} {number}"
            rows.append(
                {
                    "url": f"https://example.org/{len(rows)}",
                    "date": "2019/08/31",
                    "title": words(f"title {name}"),
                    "topic": topic or None,
                    "news": f"Фото: Имя Фамилия / РИА Новости\n{opening} {words(name, 12)}.",
                    "tags": "Все",
                    "links": None,
                    "resume": words(f"resume {name}"),
                }
            )
    return rows


# --- texts with their category ---


def test_published_splits_stay_as_they_are_and_validation_is_cut_from_train(tmp_path, prepare):
    train, test = labelled("train"), labelled("test", 3)
    retold = test["news"][4].rsplit(" ", 1)[0] + " напоследок"
    train["news"] += [test["news"][0].upper(), retold, "  "]
    train["labels"] += [test["labels"][0], 10, 3]
    test["news"] += [test["news"][1], "Да"]  # what a test repeats, and what is short, stays
    test["labels"] += [test["labels"][1], 2]
    splits = prepare(saved(tmp_path / "rus_news_classifier", train=train, test=test))

    assert [(row["news"], row["labels"]) for row in splits["test"]] == list(
        zip(test["news"], test["labels"], strict=True)
    )
    left = {row["news"]: row["labels"] for name in ("train", "validation") for row in splits[name]}
    assert left == dict(zip(train["news"][:-3], train["labels"][:-3], strict=True))
    assert set(Counter(row["labels"] for row in splits["validation"]).values()) == {1}
    assert len(splits["train"]) == 99
    assert not splits["test_later"]
    row = splits["train"][0]
    assert (row["source"], row["rubric"], row["decided_by"]) == (
        "rus_news_classifier",
        CATEGORIES[row["labels"]],
        "rubric",
    )
    assert row["id"] == text_id(row["news"])
    report = prepare.report()
    assert report["counts"]["rus_news_classifier"] == {
        "read": 148,
        "kept": 145,
        "story of a published test": 2,
        "empty or too short": 1,
    }
    assert report["overlap"]["test"] == report["overlap"]["validation"] == 0
    assert "| story of a published test | 2 |" in prepare.sheet()
    assert "see the data set's card" in prepare.sheet()


def test_validation_stays_too_where_it_was_published_and_test_is_dealt_where_not(tmp_path, prepare):
    parts = {name: labelled(name, 10) for name in ("train", "validation", "test")}
    splits = prepare(saved(tmp_path / "three", **parts))
    assert {name: {row["news"] for row in splits[name]} for name in parts} == {
        name: set(part["news"]) for name, part in parts.items()
    }
    splits = prepare(saved(tmp_path / "one", train=parts["train"]))
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [77, 11, 22]


def test_stories_of_train_are_not_cut_apart(tmp_path, prepare):
    train = labelled("train", 10)
    train["news"] += [f"{text} напоследок" for text in train["news"]]
    train["labels"] += train["labels"]
    source = saved(tmp_path / "set", train=train, test=labelled("test", 2))
    splits = prepare(source)
    validation = {row["news"] for row in splits["validation"]}
    assert len(validation) == 22
    assert all((text in validation) == (f"{text} напоследок" in validation) for text in train["news"][:110])
    again = {row["news"] for row in prepare(source, "--seed", "7")["validation"]}
    assert len(again) == 22
    assert again != validation


@pytest.mark.parametrize("form", ["names", "digits", "class_label", "class_label_of_digits"])
def test_labels_are_known_by_name_and_by_number(tmp_path, prepare, form):
    train = labelled("train", 10)
    numbers = train["labels"]
    if form == "names":
        train["labels"] = [CATEGORIES[label] for label in numbers]
    elif form == "digits":
        train["labels"] = [str(label) for label in numbers]
    table = datasets.Dataset.from_dict(train)
    if form == "class_label":  # its own order of the names
        names = list(reversed(CATEGORIES))
        table = table.map(lambda row: {"labels": 10 - row["labels"]})
        table = table.cast_column("labels", datasets.ClassLabel(names=names))
    elif form == "class_label_of_digits":
        table = table.cast_column("labels", datasets.ClassLabel(num_classes=11))
    table.save_to_disk(str(tmp_path / "set"))
    splits = prepare(tmp_path / "set")
    found = {row["news"]: row["labels"] for split in splits.values() for row in split}
    assert found == dict(zip(train["news"], numbers, strict=True))


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_copies_in_files_give_the_same_rows(tmp_path, prepare, suffix):
    folder = tmp_path / "copy"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("# A card")
    expected = prepare(saved(tmp_path / "saved", train=labelled("train"), test=labelled("test", 2)))
    for name, each in (("train", 10), ("test", 2)):
        table = datasets.Dataset.from_dict(labelled(name, each))
        getattr(table, f"to_{suffix}")(str(folder / "data" / f"{name}-00000-of-00001.{suffix}"))
    splits = prepare(folder)
    assert {name: [row["id"] for row in split] for name, split in splits.items()} == {
        name: [row["id"] for row in split] for name, split in expected.items()
    }
    one_file = prepare(folder / "data" / f"train-00000-of-00001.{suffix}")
    assert sum(map(len, one_file.values())) == 110


# --- articles under their rubrics ---


def test_articles_get_the_categories_of_their_topics(tmp_path, prepare, caplog):
    source = tmp_path / "lenta"
    datasets.Dataset.from_list(articles()).save_to_disk(str(source))
    splits = prepare(source)
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [77, 11, 22]
    rows = [row for split in splits.values() for row in split]
    for row in rows:
        category, opening = TOPICS[row["rubric"]]
        assert CATEGORIES[row["labels"]] == category
        assert row["decided_by"] == ("rule" if opening else "rubric")
        assert row["news"].startswith(opening)
        assert "Фото" not in row["news"]
        assert row["date"] == "2019-08-31"
    assert {row["url"] for row in rows} == {row["url"] for row in articles() if row["topic"] in TOPICS}
    counts = prepare.report()["counts"]["lenta"]
    assert counts == {
        "read": 130,
        "kept": 110,
        "rubric not in the mapping": 10,
        "left out by the mapping": 10,
    }
    assert (
        "lenta: 10 rows under rubrics that are not in the mapping are left out: Легпром (10)" in caplog.text
    )


def test_a_reading_decides_for_an_article_too(tmp_path, prepare):
    rows = articles()
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "lenta"))
    before = prepare(tmp_path / "lenta")
    row = next(row for row in before["train"] if row["rubric"] == "Мир")
    readings = tmp_path / "readings.tsv"
    readings.write_text(f"{row['id']}\tco?\n", "utf-8")
    after = prepare(tmp_path / "lenta", "--readings", str(readings))
    (read,) = [one for one in after["train"] if one["id"] == row["id"]]
    assert (CATEGORIES[read["labels"]], read["decided_by"]) == ("conflicts", "reading")


def test_dates_may_be_dates(tmp_path, prepare):
    rows = [{**row, "date": datetime(2020, 2, 3, 12, 30)} for row in articles()]
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "lenta"))
    splits = prepare(tmp_path / "lenta")
    assert {row["date"] for split in splits.values() for row in split} == {"2020-02-03"}


def test_a_corpus_of_a_data_set_is_not_compared_with_the_frozen_one(tmp_path, prepare, caplog):
    prepare(saved(tmp_path / "set", train=labelled("train"), test=labelled("test", 2)), "--balance", "12")
    assert "frozen corpus" not in caplog.text
    report = prepare.report()
    assert report["settings"]["data_set"] == "set"
    assert {sizes["train"] for sizes in report["categories"].values()} == {12}
    assert {sizes["test"] for sizes in report["categories"].values()} == {2}


# --- what is a data set, and what is refused ---


def test_what_is_a_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "saved", train=labelled("train", 1))
    (tmp_path / "owner" / "files").mkdir(parents=True)
    (tmp_path / "set.csv").write_text("news,labels\n")
    for source in ("owner/name", "data-silence/lenta.ru_2-extended", "saved", "saved/train", "set.csv"):
        assert is_data_set(source), source
    for source in ("owner/files", "owner", "nowhere", "/owner/name", "./owner/name", "a/b/c", "../owner"):
        assert not is_data_set(source), source


def test_other_columns_are_named(tmp_path, failing):
    train = labelled("train", 1)
    source = saved(tmp_path / "set", train={"text": train["news"], "labels": train["labels"]})
    assert "has the columns text, labels; expected news and labels" in failing(source)
    source = saved(tmp_path / "two", train=train, test={"news": train["news"]})
    assert "split test has no column 'labels'" in failing(source)


@pytest.mark.parametrize("label", [11, -1, 2.5])
def test_an_unknown_label_is_named_with_its_row(tmp_path, failing, label):
    train = labelled("train")
    train["labels"] = [label if place == 4 else label * 0 + old for place, old in enumerate(train["labels"])]
    message = failing(saved(tmp_path / "set", train=train))
    assert f"row 5: the label {label!r}, expected 0 to 10 or one of climate, conflicts" in message


def test_a_text_that_is_none_and_a_category_without_rows_are_named(tmp_path, failing):
    numbers = {"news": list(range(11)), "labels": list(range(11))}
    assert "row 1: column 'news' holds 0, expected a text" in failing(saved(tmp_path / "set", train=numbers))
    train = labelled("train")
    train["labels"] = [min(label, 9) for label in train["labels"]]
    assert "no rows for travel in train" in failing(saved(tmp_path / "other", train=train))


def test_without_the_hub_an_id_is_one_sentence(failing, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    message = failing("data-silence/rus_news_classifier")
    assert message.startswith("error: data-silence/rus_news_classifier: no file or folder of that name here")
    assert "the Hub cannot be reached" in message


def test_the_hub_itself(tmp_path, prepare):
    name = f"{OWNER}/rus_news_classifier"
    files = {"README.md": b"# Made-up texts"}
    for split, each in (("train", 10), ("test", 3)):
        lines = [json.dumps({"news": text, "labels": label}) for text, label in _pairs(labelled(split, each))]
        files[f"data/{split}.jsonl"] = "\n".join(lines).encode()
    output = tmp_path / "out"
    with LoopbackHub() as hub, client(hub.url, tmp_path / "home") as online:
        hub.add(name, files, kind="datasets")
        online.submit(prepare_news.prepare_news, name, output).result()
        with pytest.raises(FileNotFoundError, match=f"{OWNER}/none: .*no such data set on the Hub"):
            online.submit(prepare_news.prepare_news, f"{OWNER}/none", tmp_path / "none").result()
    corpus = datasets.load_from_disk(str(output))
    assert [len(corpus[split]) for split in ("train", "validation", "test")] == [99, 11, 33]
    assert set(corpus["train"]["source"]) == {name}
    assert f"https://huggingface.co/datasets/{name}" in prepare.sheet()
    assert (output / "splits.png").is_file()  # another process drew it


def _pairs(split):
    return zip(split["news"], split["labels"], strict=True)
