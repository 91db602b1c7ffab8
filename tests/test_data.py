"""Any source -> a cleaned, split DatasetDict: columns, labels, cleaning, splits, sources and errors."""

import gzip
import json
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

datasets = pytest.importorskip("datasets")

from bilstm_classifier import load_dataset_dict  # noqa: E402
from bilstm_classifier.data.loading import LoadingOptions, load_with_report  # noqa: E402
from bilstm_classifier.data.splitting import stratified_cut  # noqa: E402

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TOPICS = ("economy", "sports", "culture")
SUBJECTS = ("Завод", "Клуб", "Театр", "Город", "Музей", "Порт", "Школа", "Банк", "Парк", "Вокзал")
EVENTS = ("открыл новый сезон", "подвёл итоги года", "принял гостей из области")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The cache of ``datasets``, away from the user's."""
    folder = tmp_path / "datasets-cache"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
    return folder


def news(count: int = 30) -> list[tuple[str, str]]:
    """Different texts, the topics in turn."""
    return [
        (f"{SUBJECTS[i % 10]} № {i // 30 + 1} {EVENTS[i // 10 % 3]}", TOPICS[i % 3]) for i in range(count)
    ]


def write_csv(path: Path, rows, header=("text", "label")) -> Path:
    lines = [",".join(map(str, row)) for row in [header, *rows]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_jsonl(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def named(dataset) -> list[tuple[str, str]]:
    names = dataset.features["labels"].names
    return [(text, names[label]) for text, label in zip(dataset["text"], dataset["labels"], strict=True)]


def all_rows(splits) -> list[tuple[str, str]]:
    return sorted(row for dataset in splits.values() for row in named(dataset))


def label_names(splits) -> list[str]:
    return splits["train"].features["labels"].names


# --- the result ---


def test_result_has_text_and_class_labels(tmp_path):
    splits = load_dataset_dict(write_csv(tmp_path / "a.csv", news()))
    assert isinstance(splits, datasets.DatasetDict)
    features = datasets.Features(
        {"text": datasets.Value("string"), "labels": datasets.ClassLabel(names=sorted(TOPICS))}
    )
    assert {name: dataset.features for name, dataset in splits.items()} == dict.fromkeys(
        ("train", "validation", "test"), features
    )
    assert {name: str(dataset.split) for name, dataset in splits.items()} == {name: name for name in splits}
    assert all_rows(splits) == sorted(news())


def test_result_can_be_mapped_saved_and_loaded(tmp_path):
    splits = load_dataset_dict(write_csv(tmp_path / "a.csv", news()))
    lengths = splits.map(lambda batch: {"length": [len(text) for text in batch["text"]]}, batched=True)
    assert lengths["test"]["length"] == [len(text) for text in splits["test"]["text"]]
    splits.save_to_disk(str(tmp_path / "saved"))
    again = load_dataset_dict(tmp_path / "saved")
    assert {name: named(again[name]) for name in again} == {name: named(splits[name]) for name in splits}


@pytest.mark.parametrize(
    "columns",
    [
        ("news", "labels"),
        ("text", "label"),
        ("content", "score"),
        ("sentence", "language"),
        ("review", "rating"),
    ],
)
def test_usual_columns_are_recognised(tmp_path, columns):
    splits = load_dataset_dict(write_csv(tmp_path / "a.csv", news(), columns))
    assert all_rows(splits) == sorted(news())


def test_label_tab_text(tmp_path):
    path = tmp_path / "langs.txt"
    path.write_text("".join(f"{label}\t{text}\n" for text, label in news()), encoding="utf-8")
    assert all_rows(load_dataset_dict(path)) == sorted(news())


def test_columns_are_joined_in_the_order_asked_for(tmp_path):
    rows = [{"title": f"Заголовок {i}", "body": f"тело {i}", "kind": i % 2} for i in range(8)]
    rows[0]["title"] = None
    rows[1]["body"] = "  "
    rows[2] |= {"title": None, "body": None}
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    splits, report = load_with_report(
        path,
        LoadingOptions(
            text_columns=["body", "title"],
            label_column="kind",
            separator=" / ",
            test_size=0,
            validation_size=0,
        ),
    )
    assert splits["train"]["text"][:4] == [
        "тело 0",
        "Заголовок 1",
        "тело 3 / Заголовок 3",
        "тело 4 / Заголовок 4",
    ]
    assert report.splits["train"].blank == 1


# --- labels ---


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["5", "10", "1"], ["1", "5", "10"]),
        (["5.0", "10.0", "1"], ["1", "5", "10"]),
        (["-1", "0", "1"], ["-1", "0", "1"]),
        (["01", "1", "2"], ["01", "1", "2"]),
        (["b", "a", "Б"], ["a", "b", "Б"]),
        (["b ", " a", "b"], ["a", "b"]),
        (["1", "2", "нет"], ["1", "2", "нет"]),
    ],
)
def test_names_and_order_of_the_classes(tmp_path, labels, names):
    rows = [(text, labels[i % len(labels)]) for i, (text, _) in enumerate(news())]
    splits = load_dataset_dict(write_csv(tmp_path / "a.csv", rows))
    assert label_names(splits) == names


@pytest.mark.parametrize(
    ("labels", "names"),
    [([3, 0, 7], ["0", "3", "7"]), ([2.0, 1.0, None], ["1", "2"]), ([True, False], ["False", "True"])],
)
def test_labels_that_are_no_strings(tmp_path, labels, names):
    rows = [{"text": text, "label": labels[i % len(labels)]} for i, (text, _) in enumerate(news())]
    assert label_names(load_dataset_dict(write_jsonl(tmp_path / "a.jsonl", rows))) == names


def test_label_names_name_integers_or_set_the_order(tmp_path):
    integers = write_csv(tmp_path / "a.csv", [(text, TOPICS.index(topic)) for text, topic in news()])
    strings = write_csv(tmp_path / "b.csv", news())
    for path in (integers, strings):
        splits = load_dataset_dict(path, label_names=[*TOPICS, "travel"])
        assert label_names(splits) == [*TOPICS, "travel"]
        assert all_rows(splits) == sorted(news())
    with pytest.raises(
        ValueError, match=r"a\.csv: labels that label_names lacks: 2; label_names holds economy, sports"
    ):
        load_dataset_dict(integers, label_names=TOPICS[:2])
    with pytest.raises(ValueError, match="labels that label_names lacks: culture"):
        load_dataset_dict(strings, label_names=TOPICS[:2])


def test_class_label_of_the_source_keeps_names_and_order(tmp_path):
    features = datasets.Features(
        {"news": datasets.Value("string"), "labels": datasets.ClassLabel(names=[*TOPICS, "travel"])}
    )
    ids = [TOPICS.index(topic) for _, topic in news()]
    ids[4] = -1  # how datasets writes an unknown class
    source = datasets.Dataset.from_dict(
        {"news": [text for text, _ in news()], "labels": ids}, features=features
    )
    source.save_to_disk(str(tmp_path / "saved"))
    source.to_parquet(str(tmp_path / "a.parquet"))
    for path in (tmp_path / "saved", tmp_path / "a.parquet"):
        splits, report = load_with_report(path)
        assert label_names(splits) == [*TOPICS, "travel"]
        assert all_rows(splits) == sorted(news()[:4] + news()[5:])
        assert report.splits["train"].unlabelled == 1


# --- cleaning ---


def test_nulls_and_duplicates_are_removed_and_counted(tmp_path, caplog):
    rows = [{"text": text, "label": topic} for text, topic in news(12)]
    rows += [
        {"text": None, "label": "sports"},
        {"text": " \n\t", "label": "sports"},
        {"text": "Без рубрики", "label": None},
        {"text": "Без рубрики", "label": "  "},
        {"text": news()[0][0], "label": news()[0][1]},
        {"text": news()[1][0], "label": "culture"},
        {"text": news()[1][0] + " ", "label": "culture"},  # not exactly the same
    ]
    options = LoadingOptions(test_size=0, validation_size=0)
    with caplog.at_level(logging.INFO, "bilstm_classifier"):
        splits, report = load_with_report(write_jsonl(tmp_path / "a.jsonl", rows), options)
    counts = report.splits["train"]
    assert (counts.read, counts.blank, counts.unlabelled, counts.duplicates, counts.conflicts, counts.kept) == (
        19, 2, 2, 2, 1, 13,
    )  # fmt: skip
    assert named(splits["train"]) == [*news(12), (news()[1][0] + " ", "culture")]
    lines = [record.getMessage() for record in caplog.records if "split train" in record.getMessage()]
    assert lines == [
        f"{tmp_path / 'a.jsonl'}, split train: 19 rows read; removed: 2 without text, 2 without label, 2 repeated "
        "(1 had another label than the row kept); 13 kept"
    ]


def test_texts_of_an_evaluation_split_leave_train(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    texts = news(30)
    write_csv(folder / "train.csv", texts)
    write_csv(folder / "validation.csv", [*texts[10:13], ("Новый маршрут", "sports")])
    write_csv(folder / "test.csv", [*texts[12:15], (texts[0][0], "culture")])
    splits, report = load_with_report(folder)
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [24, 3, 4]
    assert report.splits["train"].in_other_split == 6
    assert report.splits["train"].conflicts == 1
    assert report.splits["validation"].in_other_split == 1
    found = [set(dataset["text"]) for dataset in splits.values()]
    assert sum(map(len, found)) == len(set.union(*found))


def test_rare_classes_are_dropped_and_named(tmp_path, caplog):
    folder = tmp_path / "data"
    folder.mkdir()
    write_csv(
        folder / "train.csv",
        [*news(12), ("Рейс отменён", "travel"), ("Жара", "climate"), ("Ливень", "climate")],
    )
    write_csv(folder / "test.csv", [("Матч перенесён", "sports"), ("Отель закрыт", "travel")])
    with caplog.at_level(logging.WARNING, "bilstm_classifier"):
        splits, report = load_with_report(folder, LoadingOptions(min_samples=3))
    assert report.dropped_classes == {"climate": 2, "travel": 1}
    assert label_names(splits) == sorted(TOPICS)
    assert (report.splits["train"].in_dropped_classes, report.splits["test"].in_dropped_classes) == (3, 1)
    assert report.splits["train"].kept == 12
    assert named(splits["test"]) == [("Матч перенесён", "sports")]
    assert "classes dropped for having too few rows: climate (2), travel (1)" in caplog.text


# --- splits ---


def test_split_is_seeded_and_stratified(tmp_path):
    path = write_csv(tmp_path / "a.csv", [(f"Новость номер {i}", "ab"[i % 10 == 0]) for i in range(1000)])
    splits = load_dataset_dict(path)
    assert {name: Counter(dataset["labels"]) for name, dataset in splits.items()} == {
        "train": {0: 630, 1: 70},
        "validation": {0: 90, 1: 10},
        "test": {0: 180, 1: 20},
    }
    assert {name: dataset["text"][:] for name, dataset in load_dataset_dict(path).items()} == {
        name: dataset["text"][:] for name, dataset in splits.items()
    }
    assert load_dataset_dict(path, seed=1)["test"]["text"][:] != splits["test"]["text"][:]


def test_no_split_is_cut_when_none_is_asked_for(tmp_path):
    splits = load_dataset_dict(write_csv(tmp_path / "a.csv", news()), test_size=0, validation_size=0)
    assert list(splits) == ["train"]
    assert named(splits["train"]) == news()


@pytest.mark.parametrize("name", ["dev", "val", "valid", "validation"])
def test_splits_of_the_source_are_kept(tmp_path, name):
    parts = {"train": news()[:20], name: news()[20:24], "unsupervised": news()[24:]}
    source = datasets.DatasetDict(
        {
            split: datasets.Dataset.from_dict(
                {"text": [row[0] for row in rows], "label": [row[1] for row in rows]}
            )
            for split, rows in parts.items()
        }
    )
    source.save_to_disk(str(tmp_path / "saved"))
    splits = load_dataset_dict(tmp_path / "saved")
    assert named(splits["validation"]) == news()[20:24]
    assert len(splits["test"]) == 4
    assert sorted(named(splits["train"]) + named(splits["test"])) == sorted(news()[:20])


def test_further_tests_are_kept_and_not_trained_on(tmp_path, caplog):
    rows = news()
    repeated = [rows[0], rows[20], rows[25]]  # texts of train, of test and of the other further test
    parts = {
        "train": rows[:20],
        "test": rows[20:24],
        "test_later": [*rows[24:26], repeated[0]],
        "test_unseen": [*rows[26:28], *repeated[1:]],
        "spare": rows[28:],
        "testing": rows[28:],
    }
    datasets.DatasetDict(
        {
            split: datasets.Dataset.from_dict(
                {"text": [text for text, _ in part], "label": [label for _, label in part]}
            )
            for split, part in parts.items()
        }
    ).save_to_disk(str(tmp_path / "saved"))
    splits, report = load_with_report(tmp_path / "saved", LoadingOptions(validation_size=0.1))
    assert list(splits) == ["train", "validation", "test", "test_later", "test_unseen"]
    assert named(splits["test"]) == rows[20:24]
    assert named(splits["test_later"]) == [*rows[24:26], rows[0]]
    assert named(splits["test_unseen"]) == rows[26:28]
    assert sorted(named(splits["train"]) + named(splits["validation"])) == sorted(rows[1:20])
    assert report.splits["train"].in_other_split == 1
    assert "splits left out: spare, testing" in caplog.text


def test_a_test_split_without_labels_is_left_out_and_cut_from_train(tmp_path, caplog):
    folder = tmp_path / "data"
    folder.mkdir()
    write_csv(folder / "train.csv", news())
    write_csv(folder / "test.csv", [(f"Неизвестно {i}", "") for i in range(3)])
    splits = load_dataset_dict(folder)
    assert "split test is left out (3 rows read; removed: 3 without label; 0 kept)" in caplog.text
    assert all_rows(splits) == sorted(news())


def test_a_class_too_small_to_split_stays_in_train_and_is_named(tmp_path, caplog):
    path = write_csv(tmp_path / "a.csv", [*news(), ("Рейс отменён", "travel")])
    splits, report = load_with_report(path)
    assert ("Рейс отменён", "travel") in named(splits["train"])
    assert report.missing_classes == {"test": ["travel"], "validation": ["travel"]}
    assert "classes with too few rows to have one in test: travel" in caplog.text


@settings(max_examples=200, deadline=None)
@given(
    labels=st.lists(st.integers(0, 6), min_size=2, max_size=200),
    test=st.floats(0.01, 0.5),
    validation=st.floats(0.01, 0.45),
    seed=st.integers(0, 2**32),
)
def test_stratified_cut_is_a_partition(labels, test, validation, seed):
    labels = np.array(labels)
    shares = {"test": test, "validation": validation}
    spare = len(labels) - len(set(labels.tolist()))  # train keeps a row of each class
    if spare <= max(1, round(len(labels) * test)):  # test may leave nothing for validation
        return
    places = stratified_cut(labels, shares, seed)
    joined = np.concatenate(list(places.values()))
    assert sorted(joined.tolist()) == list(range(len(labels)))
    assert set(labels[places["train"]].tolist()) == set(labels.tolist())
    counts = Counter(labels.tolist())
    for name, share in shares.items():
        taken = Counter(labels[places[name]].tolist())
        assert len(places[name]) <= max(1, round(len(labels) * share))
        for label, count in counts.items():
            assert taken[label] <= np.floor(count * share) + 1
    again = stratified_cut(labels, shares, seed)
    assert all((places[name] == again[name]).all() for name in places)


# --- sources ---


def test_every_format_gives_the_same_rows(tmp_path):
    rows = news()
    table = datasets.Dataset.from_dict({"text": [row[0] for row in rows], "label": [row[1] for row in rows]})
    table.save_to_disk(str(tmp_path / "saved"))
    table.to_parquet(str(tmp_path / "a.parquet"))
    write_jsonl(tmp_path / "a.jsonl", table)
    (tmp_path / "a.json").write_text(json.dumps(list(table)), encoding="utf-8")
    csv_path = write_csv(tmp_path / "a.csv", rows)
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(csv_path.read_bytes().replace(b",", b"\t")))
    expected = load_dataset_dict(csv_path)
    for name in ("saved", "a.parquet", "a.jsonl", "a.json", "a.tsv.gz"):
        splits = load_dataset_dict(str(tmp_path / name))
        assert {split: named(splits[split]) for split in splits} == {
            split: named(expected[split]) for split in expected
        }


def test_folder_of_shards_as_cloned_from_the_hub(tmp_path):
    folder = tmp_path / "clone" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "clone" / "README.md").write_text("A card\n")
    for i in range(2):
        part = news()[10 * i : 10 * i + 10]
        table = datasets.Dataset.from_dict(
            {"text": [row[0] for row in part], "label": [row[1] for row in part]}
        )
        table.to_parquet(str(folder / f"train-0000{i}-of-00002.parquet"))
    table.to_parquet(str(folder / "test-00000-of-00001.parquet"))
    splits = load_dataset_dict(tmp_path / "clone", validation_size=0)
    assert named(splits["train"]) == news()[:10]
    assert named(splits["test"]) == news()[10:20]


def test_folder_with_one_file(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_csv(folder / "reviews.csv", news())
    assert all_rows(load_dataset_dict(folder)) == sorted(news())


def test_shards_that_do_not_fit_together(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_csv(folder / "train-1.csv", news())
    write_csv(folder / "train-2.csv", news(), ("text", "score"))
    with pytest.raises(ValueError, match=r"train-2\.csv and .*train-1\.csv belong to one split and differ"):
        load_dataset_dict(folder)


def test_nothing_is_written_into_the_source(tmp_path, cache):
    datasets.Dataset.from_dict(
        {"text": [row[0] for row in news()], "label": [row[1] for row in news()]}
    ).save_to_disk(str(tmp_path / "saved"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "saved").rglob("*")}
    load_dataset_dict(tmp_path / "saved").map(lambda row: {"length": len(row["text"])})
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "saved").rglob("*")} == before
    assert list(cache.rglob("*.arrow"))


def test_cache_is_reused_and_follows_the_content(tmp_path, cache):
    path = write_csv(tmp_path / "a.csv", news())
    load_dataset_dict(path)
    (first,) = cache.rglob("*.arrow")
    written = first.stat().st_mtime_ns
    load_dataset_dict(path, seed=7)
    assert [file.stat().st_mtime_ns for file in cache.rglob("*.arrow")] == [written]
    rows = [(text, topic.upper()) for text, topic in news()]
    write_csv(path, rows)
    assert all_rows(load_dataset_dict(path)) == sorted(rows)
    assert not list(cache.rglob("*.unfinished"))


def test_a_source_that_changes_while_it_is_read_is_refused(tmp_path, cache, monkeypatch):
    path = write_csv(tmp_path / "a.csv", news())

    def change(*arguments):
        write_csv(path, [(text.upper(), topic) for text, topic in news()])
        return stratified_cut(*arguments)

    monkeypatch.setattr("bilstm_classifier.data.splitting.stratified_cut", change)
    with pytest.raises(ValueError, match=r"a\.csv, line 2: the source changed while it was being read"):
        load_dataset_dict(path)
    assert not list(cache.rglob("*.*"))


def test_ten_megabytes_in_one_text(tmp_path):
    rows = [*news(), ("снег " * 2_000_000, "culture")]
    splits = load_dataset_dict(write_csv(tmp_path / "a.csv", rows), test_size=0, validation_size=0)
    assert max(map(len, splits["train"]["text"])) == 10_000_000


# --- errors ---


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (news(), {"text_columns": "body"}, r"no column 'body': the columns are 'text', 'label'"),
        (news(), {"label_column": "topic"}, r"no column 'topic': the columns are 'text', 'label'"),
        (news(), {"text_columns": ["text"], "label_column": "text"}, "the text and the label at once"),
        (
            [(text, "sports") for text, _ in news()],
            {},
            "at least two classes are needed to train on, found 1: sports",
        ),
        (
            [("", "sports"), ("", "culture")],
            {},
            "no rows left to train on .2 rows read; removed: 2 without text; 0 kept",
        ),
        ([("Снег", ""), ("Дождь", "")], {}, "no rows left to train on"),
        ([(i, TOPICS[i % 3]) for i in range(30)], {}, "column 'text' holds only numbers, expected texts"),
        (
            [(text, i) for i, (text, _) in enumerate(news())],
            {},
            "all 30 labels differ .* this is no label column",
        ),
        (news(), {"min_samples": 11}, "at least two classes are needed to train on, found 0: none"),
        (
            news(3),
            {},
            "3 rows in 3 classes are too few to cut a test split from; set test_size=0 or add rows",
        ),
        (news(), {"revision": "main"}, "belong to data sets on the Hub"),
    ],
)
def test_one_clear_sentence(tmp_path, rows, options, message):
    path = write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(ValueError, match=message) as caught:
        load_dataset_dict(path, **options)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": 3.5, "label": "a"}, "line 31: column 'text' holds the number 3.5, expected a text"),
        ({"text": ["Снег"], "label": "a"}, "line 31: column 'text' holds a list, expected a text"),
        (
            {"text": "Снег", "label": ["a", "b"]},
            "line 31: column 'label' holds 2 labels, expected one: where labels overlap",
        ),
        ({"text": "Снег", "label": 0.5}, "line 31: column 'label' holds the number 0.5, expected a name"),
        (
            {"text": "Снег \ud800", "label": "a"},
            r"line 31: the text holds half of a surrogate pair \('\\ud800'\)",
        ),
        ({"text": "Снег", "label": "\ud800"}, r"line 31: the label holds half of a surrogate pair"),
    ],
)
def test_a_value_that_is_no_text_or_label(tmp_path, row, message):
    rows = [{"text": text, "label": topic} for text, topic in news()]
    with pytest.raises(ValueError, match=message):
        load_dataset_dict(write_jsonl(tmp_path / "a.jsonl", [*rows, row]))


def test_numbers_as_text_in_a_saved_folder(tmp_path):
    datasets.Dataset.from_dict({"text": [1, 2], "label": ["a", "b"]}).save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(ValueError, match="saved, row 1: column 'text' holds the number 1, expected a text"):
        load_dataset_dict(tmp_path / "saved")


def test_a_row_that_cannot_be_read(tmp_path):
    path = write_csv(tmp_path / "a.csv", [*news(), ("Снег, дождь", "culture")])
    with pytest.raises(ValueError, match=r"a\.csv, line 32: 3 fields where 2 were expected"):
        load_dataset_dict(path)


def test_classes_of_test_that_train_lacks_are_named(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_csv(folder / "train.csv", news())
    write_csv(
        folder / "test.csv", [("Рейс отменён", "travel"), ("Жара", "climate"), ("Матч перенесён", "sports")]
    )
    with pytest.raises(ValueError, match="split test has classes that train has no row of: climate, travel"):
        load_dataset_dict(folder)


def test_splits_that_do_not_agree(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_csv(folder / "train.csv", news())
    write_csv(folder / "test.csv", news(), ("text", "score"))
    with pytest.raises(ValueError, match="split test has no column 'label', only text, score"):
        load_dataset_dict(folder)
    parts = {
        name: datasets.Dataset.from_dict(
            {"text": ["Снег", "Дождь"], "label": [0, 1]},
            features=datasets.Features(
                {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)}
            ),
        )
        for name, names in (("train", ["a", "b"]), ("test", ["b", "a"]))
    }
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(ValueError, match="has other classes in test than in train"):
        load_dataset_dict(tmp_path / "saved")


def test_paths_that_lead_nowhere(tmp_path):
    for source in (tmp_path / "none.csv", tmp_path / "none", "./none", "none.csv", "a/b/c"):
        with pytest.raises(FileNotFoundError, match="no such file"):
            load_dataset_dict(source)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.md").write_text("x")
    with pytest.raises(
        ValueError,
        match=r"expected a folder saved by datasets, files .* or one a class, .* it holds notes\.md",
    ):
        load_dataset_dict(tmp_path / "folder")
    (tmp_path / "folder" / "state.json").write_text("{}")
    with pytest.raises(ValueError, match="a folder saved by datasets that cannot be read"):
        load_dataset_dict(tmp_path / "folder")


def test_a_hub_id_offline_is_one_sentence(monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        OSError, match=r"nobody/nothing at revision v1: no file or folder .* the Hub cannot be reached"
    ):
        load_dataset_dict("nobody/nothing", revision="v1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_size": 1.0}, "test_size must be a share from 0 to below 1"),
        ({"validation_size": -0.1}, "validation_size must be a share"),
        ({"test_size": 0.5, "validation_size": 0.5}, "must leave rows to train on"),
        ({"min_samples": 0}, "min_samples must be at least 1"),
        ({"label_names": ["a", "a"]}, "label_names holds a name twice"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        LoadingOptions(**options)


# --- real files ---


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("name", "columns", "read", "classes"),
    [
        ("lid-20lang/languages.csv.gz", (("sentence",), "language"), 10_408, 20),
        ("lid-eld/single-words_v3.txt.gz", (("text",), "label"), 52_036, 53),
        ("app-reviews-en/google_play_reviews.csv.gz", (("content",), "score"), 5_000, 5),
        ("reviews-ru/kinopoisk_reviews_small.csv.gz", (("review",), "sentiment"), 900, 3),
        ("lenta-rubric-articles/asryan/train_news.csv.gz", (("content",), "topic"), 773, 9),
    ],
)
def test_real_files(name, columns, read, classes):
    splits, report = load_with_report(SHARED / name)
    assert (report.text_columns, report.label_columns) == (columns[0], (columns[1],))
    assert report.splits["train"].read == read
    assert len(label_names(splits)) == classes
    assert sum(report.sizes.values()) == report.splits["train"].kept
