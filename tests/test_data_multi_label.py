"""Overlapping labels, columns beside the text, groups, and a folder with a file a class, as data sets are read."""

import gzip
import json
import logging
import math
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

datasets = pytest.importorskip("datasets")

from bilstm_classifier import load_dataset_dict  # noqa: E402
from bilstm_classifier.data.loading import LoadingOptions, load_with_report  # noqa: E402
from bilstm_classifier.data.splitting import cut_splits  # noqa: E402

TOPICS = ["food", "health", "science"]
WHOLE = {"test_size": 0, "validation_size": 0}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The cache of ``datasets``, away from the user's."""
    folder = tmp_path / "datasets-cache"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
    return folder


def write_jsonl(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_csv(path: Path, texts, header="text") -> Path:
    path.write_text("\n".join([header, *texts]) + "\n", encoding="utf-8")
    return path


def posts(count: int = 40):
    """Different texts with none to two labels each."""
    sets = [["food"], ["food", "health"], ["science"], [], ["science", "food"]]
    return [{"text": f"Запись номер {number}", "labels": sets[number % 5]} for number in range(count)]


def named(dataset):
    names = dataset.features["labels"].feature.names
    return {row["text"]: [names[label] for label in row["labels"]] for row in dataset}


def joined(splits):
    return {text: labels for dataset in splits.values() for text, labels in named(dataset).items()}


# --- overlapping labels ---


def test_labels_are_a_list_of_class_labels(tmp_path):
    splits = load_dataset_dict(write_jsonl(tmp_path / "a.jsonl", posts()), multi_label=True)
    features = datasets.Features(
        {"text": datasets.Value("string"), "labels": datasets.List(datasets.ClassLabel(names=TOPICS))}
    )
    assert {name: dataset.features for name, dataset in splits.items()} == dict.fromkeys(
        ("train", "validation", "test"), features
    )
    assert splits["train"].data.schema.field("labels").type.value_type == "int64"
    assert joined(splits) == {row["text"]: sorted(row["labels"]) for row in posts()}
    assert {name: len(dataset) for name, dataset in splits.items()} == {
        "train": 28,
        "validation": 4,
        "test": 8,
    }


def test_columns_of_zero_and_one_give_the_same(tmp_path):
    rows = [
        {"text": row["text"], **{topic: int(topic in row["labels"]) for topic in reversed(TOPICS)}}
        for row in posts()
    ]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    splits = load_dataset_dict(path, label_columns=TOPICS)
    assert splits["train"].features["labels"].feature.names == TOPICS
    assert joined(splits) == {row["text"]: sorted(row["labels"]) for row in posts()}
    other = load_dataset_dict(path, label_columns=["science", "food"])
    assert other["train"].features["labels"].feature.names == ["science", "food"]
    with pytest.raises(ValueError, match="label_column and label_columns were both given: choose one"):
        load_dataset_dict(path, label_columns=TOPICS, label_column="food")
    with pytest.raises(ValueError, match="no column 'sport': the columns are"):
        load_dataset_dict(path, label_columns=[*TOPICS, "sport"])


def test_a_result_that_was_saved_is_read_again(tmp_path):
    splits = load_dataset_dict(write_jsonl(tmp_path / "a.jsonl", posts()), multi_label=True)
    splits.save_to_disk(str(tmp_path / "saved"))
    splits["train"].to_parquet(str(tmp_path / "train.parquet"))
    again = load_dataset_dict(tmp_path / "saved", multi_label=True)
    assert {name: named(again[name]) for name in again} == {name: named(splits[name]) for name in splits}
    parquet = load_dataset_dict(tmp_path / "train.parquet", multi_label=True, **WHOLE)
    assert named(parquet["train"]) == named(splits["train"])
    with pytest.raises(
        ValueError, match=r"row \d+: column 'labels' holds \d labels, expected one: .* multi_label"
    ):
        load_dataset_dict(tmp_path / "saved")


def test_names_of_a_list_of_class_labels_keep_their_order(tmp_path):
    kind = datasets.List(datasets.ClassLabel(names=["z", "m", "a", "never"]))
    rows = {"text": ["Первая", "Вторая", "Третья"], "labels": [[2, 0], [1], []]}
    source = datasets.Dataset.from_dict(
        rows, features=datasets.Features({"text": datasets.Value("string"), "labels": kind})
    )
    source.save_to_disk(str(tmp_path / "saved"))
    train = load_dataset_dict(tmp_path / "saved", multi_label=True, **WHOLE)["train"]
    assert train.features["labels"] == kind
    assert train["labels"][:] == [[0, 2], [1], []]


def test_label_names_set_the_order_of_overlapping_labels(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", posts())
    splits = load_dataset_dict(path, multi_label=True, label_names=["science", "health", "food", "sport"])
    assert splits["train"].features["labels"].feature.names == ["science", "health", "food", "sport"]
    assert {text: sorted(labels) for text, labels in joined(splits).items()} == {
        row["text"]: sorted(row["labels"]) for row in posts()
    }
    with pytest.raises(ValueError, match="labels that label_names lacks: science"):
        load_dataset_dict(path, multi_label=True, label_names=["food", "health"])
    numbers = [
        {"text": row["text"], "labels": [TOPICS.index(name) for name in row["labels"]]} for row in posts()
    ]
    splits = load_dataset_dict(
        write_jsonl(tmp_path / "b.jsonl", numbers), multi_label=True, label_names=TOPICS
    )
    assert joined(splits) == {row["text"]: sorted(row["labels"]) for row in posts()}


def test_a_rare_label_goes_and_rows_that_have_others_stay(tmp_path, caplog):
    rows = [
        *posts(20),
        {"text": "Одна о спорте", "labels": ["sport"]},
        {"text": "О спорте и еде", "labels": ["sport", "food"]},
    ]
    options = LoadingOptions(multi_label=True, min_samples=3, **WHOLE)
    with caplog.at_level(logging.WARNING, "bilstm_classifier"):
        splits, report = load_with_report(write_jsonl(tmp_path / "a.jsonl", rows), options)
    assert report.dropped_classes == {"sport": 2}
    counts = report.splits["train"]
    assert (counts.in_dropped_classes, counts.kept) == (1, 21)
    found = named(splits["train"])
    assert found["О спорте и еде"] == ["food"]
    assert "Одна о спорте" not in found
    assert found["Запись номер 3"] == [], "a row that never had a label is no row of a dropped class"
    assert "classes dropped for having too few rows: sport (2)" in caplog.text


def test_repeated_texts_with_other_labels_are_counted(tmp_path):
    rows = [
        *posts(10),
        {"text": "Запись номер 1", "labels": "health; food"},  # the same set
        {"text": "Запись номер 1", "labels": ["food"]},
        {"text": "Запись номер 3", "labels": ["food"]},
    ]
    options = LoadingOptions(multi_label=True, **WHOLE)
    splits, report = load_with_report(write_jsonl(tmp_path / "a.jsonl", rows), options)
    counts = report.splits["train"]
    assert (counts.duplicates, counts.conflicts, counts.kept) == (3, 2, 10)
    assert named(splits["train"])["Запись номер 1"] == ["food", "health"]
    assert named(splits["train"])["Запись номер 3"] == []


def test_the_rarest_of_its_labels_says_where_a_row_goes(tmp_path):
    rows = [
        {"text": f"Запись {number}", "labels": ["food", *(["health"] if number % 10 == 0 else [])]}
        for number in range(100)
    ]
    rows += [{"text": f"Другая {number}", "labels": ["science"]} for number in range(50)]
    rows += [{"text": f"Без темы {number}", "labels": []} for number in range(50)]
    splits = load_dataset_dict(write_jsonl(tmp_path / "a.jsonl", rows), multi_label=True)
    counts = {
        name: Counter(label for labels in named(dataset).values() for label in labels or ["none"])
        for name, dataset in splits.items()
    }
    assert counts["test"] == {"food": 20, "health": 2, "science": 10, "none": 10}
    assert counts["validation"] == {"food": 10, "health": 1, "science": 5, "none": 5}


def test_labels_of_test_that_train_lacks_and_too_few_labels(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_jsonl(folder / "train.jsonl", posts())
    write_jsonl(folder / "test.jsonl", [{"text": "Новая", "labels": ["food", "sport"]}])
    with pytest.raises(ValueError, match="split test has classes that train has no row of: sport"):
        load_dataset_dict(folder, multi_label=True)
    path = write_jsonl(
        tmp_path / "a.jsonl",
        [{**row, "labels": ["food"][: number % 2]} for number, row in enumerate(posts())],
    )
    with pytest.raises(ValueError, match="at least two classes are needed to train on, found 1: food"):
        load_dataset_dict(path, multi_label=True)


# --- columns beside the text ---


def videos(count: int = 30):
    return [
        {
            "text": f"Ролик номер {number}",
            "label": ["cooking", "travel", "games"][number % 3],
            "views": [f"{number} 000", "n/a", 2.5][number % 3],
            "kind": [24, None, "short"][number % 3],
            "channel": f"канал {number % 10}",
        }
        for number in range(count)
    ]


BESIDE = {"number_columns": ["views"], "category_columns": ["kind"]}


def test_columns_beside_the_text_stand_in_the_result(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", videos())
    train = load_dataset_dict(path, **BESIDE, group_column="channel", **WHOLE)["train"]
    assert train.column_names == ["text", "labels", "views", "kind", "group"]
    assert [str(train.features[name].dtype) for name in ("views", "kind", "group")] == [
        "float64",
        "string",
        "int64",
    ]
    assert train["views"][:6] == [0.0, None, 2.5, 3000.0, None, 2.5]
    assert train["kind"][:3] == ["24", None, "short"]
    assert train["group"][:12] == [*range(10), 0, 1]
    again = load_dataset_dict(path, **BESIDE, **WHOLE)["train"]
    assert again.column_names == ["text", "labels", "views", "kind"]


def test_a_cell_beside_the_text_that_cannot_be_read_is_named(tmp_path):
    rows = videos()
    rows[4]["views"] = "many"
    with pytest.raises(ValueError, match=r"a\.jsonl, line 5: column 'views' holds 'many', expected a number"):
        load_dataset_dict(write_jsonl(tmp_path / "a.jsonl", rows), **BESIDE)
    rows[4] |= {"views": 1, "kind": ["a"]}
    with pytest.raises(ValueError, match=r"a\.jsonl, line 5: column 'kind' holds a list, expected the name"):
        load_dataset_dict(write_jsonl(tmp_path / "a.jsonl", rows), **BESIDE)
    rows[4] |= {"kind": None, "channel": ["a"]}
    with pytest.raises(
        ValueError, match=r"a\.jsonl, line 5: column 'channel' holds a list, expected the name"
    ):
        load_dataset_dict(write_jsonl(tmp_path / "a.jsonl", rows), **BESIDE, group_column="channel")


@pytest.mark.parametrize("options", [{"number_columns": ["views"]}, {"category_columns": ["views"]}])
def test_numbers_that_changed_are_read_anew(tmp_path, cache, options):
    """The cache is named by its content, of which the texts and labels are a part only."""
    rows = [{**row, "views": number} for number, row in enumerate(videos())]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    before = load_dataset_dict(path, **options, **WHOLE)["train"]["views"][:]
    rows[7]["views"] = 700
    after = load_dataset_dict(write_jsonl(path, rows), **options, **WHOLE)["train"]["views"][:]
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [
        ("7", "700") if "category_columns" in options else (7.0, 700.0)
    ]
    assert len(list(cache.rglob("*.arrow"))) == 2


def test_groups_that_changed_are_read_anew(tmp_path):
    rows = videos()
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    before = load_dataset_dict(path, group_column="channel", **WHOLE)["train"]["group"][:]
    for row in rows[:20]:
        row["channel"] = "один на всех"
    after = load_dataset_dict(write_jsonl(path, rows), group_column="channel", **WHOLE)["train"]["group"][:]
    assert before[:12] == [*range(10), 0, 1]
    assert after[:20] == [0] * 20


def test_text_columns_one_of_which_is_blank_with_columns_beside_them(tmp_path):
    rows = [
        {"title": "Суп", "about": "варим час", "views": 1, "label": "cooking"},
        {"title": " ", "about": "едем к морю", "views": 2, "label": "travel"},
        {"title": "Борщ", "about": None, "views": 3, "label": "cooking"},
        {"title": "", "about": None, "views": 4, "label": "travel"},
    ]
    options = LoadingOptions(text_columns=["title", "about"], number_columns=["views"], **WHOLE)
    splits, report = load_with_report(write_jsonl(tmp_path / "a.jsonl", rows), options)
    assert splits["train"]["text"][:] == ["Суп [SEP] варим час", "едем к морю", "Борщ"]
    assert splits["train"]["views"][:] == [1.0, 2.0, 3.0]
    assert report.splits["train"].blank == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"number_columns": ["text"]}, "the column 'text' cannot stand beside the text"),
        ({"category_columns": ["group"]}, "the column 'group' cannot stand beside the text"),
        (
            {"number_columns": ["views"], "category_columns": ["views"]},
            "the column 'views' cannot stand beside",
        ),
        ({"number_columns": ["likes"]}, "no column 'likes': the columns are 'text', 'label', 'views'"),
        (
            {"category_columns": ["label"]},
            "column 'label' cannot be the label and something that it is told from",
        ),
        ({"group_column": "author"}, "no column 'author'"),
    ],
)
def test_columns_that_cannot_stand_beside_the_text(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        load_dataset_dict(write_jsonl(tmp_path / "a.jsonl", videos()), **options)


# --- groups ---


def test_a_group_stays_on_one_side(tmp_path):
    rows = [
        {"text": f"Ролик {number}", "label": "ab"[number // 4 % 2], "channel": f"канал {number // 4}"}
        for number in range(400)
    ]
    rows += [
        {"text": f"Без канала {number}", "label": "ab"[number % 2], "channel": ""} for number in range(100)
    ]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    splits = load_dataset_dict(path, group_column="channel")
    groups = {name: {group for group in dataset["group"] if group >= 0} for name, dataset in splits.items()}
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["validation"]
    assert not groups["test"] & groups["validation"]
    assert [len(splits[name]) for name in ("train", "validation", "test")] == pytest.approx(
        [350, 50, 100], abs=8
    )
    shares = {name: np.mean(dataset["labels"]) for name, dataset in splits.items()}
    assert list(shares.values()) == pytest.approx([0.5] * 3, abs=0.06)
    assert {
        name: sum(group < 0 for group in dataset["group"]) > 0 for name, dataset in splits.items()
    } == dict.fromkeys(splits, True), "a row of no group is one by itself"
    again = load_dataset_dict(path, group_column="channel")
    assert {name: dataset["text"][:] for name, dataset in again.items()} == {
        name: dataset["text"][:] for name, dataset in splits.items()
    }


def test_a_column_of_groups_without_any_is_cut_as_if_there_were_none(tmp_path):
    rows = [{**row, "channel": None} for row in videos(60)]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    splits, plain = load_dataset_dict(path, group_column="channel"), load_dataset_dict(path)
    assert {name: dataset["text"][:] for name, dataset in splits.items()} == {
        name: dataset["text"][:] for name, dataset in plain.items()
    }
    assert set(splits["train"]["group"]) == {-1}


@pytest.mark.parametrize("channels", [1, 4])
def test_too_few_groups_to_cut(tmp_path, channels):
    rows = [{**row, "channel": f"канал {number % channels}"} for number, row in enumerate(videos())]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    with pytest.raises(
        ValueError, match=rf"a\.jsonl: {channels} groups, .* too few to cut a test split from; set test"
    ):
        load_dataset_dict(path, group_column="channel")
    train = load_dataset_dict(path, group_column="channel", **WHOLE)["train"]
    assert len(set(train["group"])) == channels


def test_fewer_rows_of_each_class_than_parts_to_cut():
    labels, groups = np.array([0, 0, 1, 1, 2, 2]), np.arange(6)
    with pytest.raises(
        ValueError, match="6 groups, and 2 rows of the largest class, are too few to cut a test split"
    ):
        cut_splits(labels, groups, {"test": 0.2}, seed=0)


@pytest.mark.parametrize("seed", range(12))
def test_a_group_much_larger_than_the_share_is_trained_on(seed):
    groups = np.array([0] * 120 + [1 + number // 3 for number in range(180)])
    places = cut_splits(np.arange(300) % 2, groups, {"test": 0.2, "validation": 0.1}, seed)
    assert 0 in groups[places["train"]]
    assert 30 <= len(places["test"]) <= 60
    assert 15 <= len(places["validation"]) <= 40


@pytest.mark.parametrize("seed", range(12))
def test_a_class_in_one_group_only_is_trained_on(seed):
    labels = np.array([0, 1] * 40 + [2] * 5)
    groups = np.array([number // 4 for number in range(80)] + [99] * 5)
    places = cut_splits(labels, groups, {"test": 0.2, "validation": 0.1}, seed)
    assert set(labels[places["train"]].tolist()) == {0, 1, 2}
    assert sorted(np.concatenate(list(places.values())).tolist()) == list(range(85))


def test_classes_in_so_few_groups_that_none_can_be_cut(tmp_path):
    rows = [
        {"text": f"Ролик {number}", "label": f"class {number % 5}", "channel": f"канал {number % 5}"}
        for number in range(40)
    ]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    with pytest.raises(
        ValueError, match=r"a\.jsonl: some of the 5 classes stand in so few groups that a test split"
    ):
        load_dataset_dict(path, group_column="channel")


def test_overlapping_labels_in_groups():
    generator = np.random.default_rng(0)
    labels = generator.random((200, 4)) < [0.5, 0.3, 0.1, 0.05]
    groups = np.arange(200) // 3
    places = cut_splits(labels, groups, {"test": 0.2, "validation": 0.1}, seed=3)
    owners = [set(groups[places[name]].tolist()) for name in ("train", "validation", "test")]
    assert sum(map(len, owners)) == len(set.union(*owners))
    assert labels[places["train"]].any(axis=0).all()
    assert len(places["test"]) == pytest.approx(40, abs=6)


# --- a folder with a file a class ---


@pytest.fixture
def topics(tmp_path) -> Path:
    folder = tmp_path / "topics"
    folder.mkdir()
    write_csv(
        folder / "личная жизнь.csv",
        ["Мы с сестрой купили кота", "Переезжаю в другой город", "Кот моей соседки"],
    )
    write_csv(folder / "юмор.csv", ["Кот моей соседки", "Заходит как-то шутник в бар"])
    (folder / "спорт.v2.tsv.gz").write_bytes(
        gzip.compress("text\nСборная забила гол\nКот моей соседки\n".encode())
    )
    return folder


def test_a_text_in_several_files_has_several_labels(topics):
    splits, report = load_with_report(topics, LoadingOptions(multi_label=True, **WHOLE))
    assert splits["train"].features["labels"].feature.names == ["личная жизнь", "спорт.v2", "юмор"]
    assert named(splits["train"]) == {
        "Мы с сестрой купили кота": ["личная жизнь"],
        "Переезжаю в другой город": ["личная жизнь"],
        "Кот моей соседки": ["личная жизнь", "спорт.v2", "юмор"],
        "Сборная забила гол": ["спорт.v2"],
        "Заходит как-то шутник в бар": ["юмор"],
    }
    counts = report.splits["train"]
    assert (counts.read, counts.duplicates, counts.conflicts, counts.kept) == (5, 0, 0, 5)


def test_in_single_label_mode_such_a_text_is_refused_and_others_are_read(topics):
    with pytest.raises(
        ValueError, match=r"жизнь\.csv, line 4: column 'labels' holds 3 labels, .* set multi_label"
    ):
        load_dataset_dict(topics)
    for path in topics.iterdir():
        if path.suffix == ".csv":
            path.write_text(path.read_text("utf-8").replace("Кот моей соседки\n", ""), "utf-8")
    train = load_dataset_dict(topics, **WHOLE)["train"]
    assert train.features["labels"].names == ["личная жизнь", "спорт.v2", "юмор"]
    assert Counter(train["labels"]) == {0: 2, 1: 2, 2: 1}


def test_documents_beside_the_files_are_no_classes(topics):
    (topics / "README.md").write_text("О данных\n")
    (topics / "README.txt").write_text("О данных\nи ещё строка\n")
    (topics / "dataset_info.json").write_text('{"size": 5}')
    (topics / ".~lock.csv").write_text("text\nзамок\n")
    (topics / "._юмор.csv").write_bytes(b"\0\5\26\7")
    (topics / "черновики").mkdir()
    train = load_dataset_dict(topics, multi_label=True, **WHOLE)["train"]
    assert train.features["labels"].feature.names == ["личная жизнь", "спорт.v2", "юмор"]


def test_a_document_beside_a_single_table(tmp_path):
    write_csv(
        tmp_path / "reviews.csv", [f"Отзыв номер {number},{number % 2}" for number in range(20)], "text,label"
    )
    (tmp_path / "README.txt").write_text("О данных\n")
    assert load_dataset_dict(tmp_path, **WHOLE)["train"].features["labels"].names == ["0", "1"]


def test_texts_alone_are_no_classes(tmp_path):
    for name in ("README.txt", "notes.txt"):
        (tmp_path / name).write_text("О данных\nи ещё\n")
    with pytest.raises(
        ValueError, match=r"or one a class, called after it \(\.csv, .*; it holds README\.txt, notes\.txt"
    ):
        load_dataset_dict(tmp_path)


def test_tables_that_have_labels_are_no_files_a_class(tmp_path):
    for name in ("customers", "orders"):
        write_csv(
            tmp_path / f"{name}.csv",
            [f"Строка {name} {number},{number % 2}" for number in range(9)],
            "text,label",
        )
    with pytest.raises(
        ValueError,
        match=r"would be customers\.csv, orders\.csv; but they have a column 'label', .* name the file to read",
    ):
        load_dataset_dict(tmp_path, multi_label=True)


def test_a_column_asked_for_is_no_label_of_theirs(tmp_path):
    for name in ("спорт", "юмор"):
        write_csv(tmp_path / f"{name}.csv", [f"Пост {name} {n},{n}" for n in range(9)], "text,score")
    train = load_dataset_dict(tmp_path, multi_label=True, number_columns=["score"], **WHOLE)["train"]
    assert train["score"][:3] == [0.0, 1.0, 2.0]
    assert train.features["labels"].feature.names == ["спорт", "юмор"]


def test_tables_without_a_common_column_are_no_files_a_class(tmp_path):
    write_csv(tmp_path / "a.csv", ["Снег идёт весь день,1"] * 3, "text,views")
    write_csv(tmp_path / "b.csv", ["Дождь идёт весь день,1"] * 3, "body,likes")
    with pytest.raises(ValueError, match=r"would be a\.csv, b\.csv; but no column is in all of them"):
        load_dataset_dict(tmp_path, multi_label=True)


def test_two_files_of_one_class(tmp_path):
    write_csv(tmp_path / "юмор.csv", ["Первая шутка дня"])
    write_csv(tmp_path / "юмор.tsv", ["Вторая шутка дня"])
    with pytest.raises(ValueError, match=r"two files of one class among юмор\.csv, юмор\.tsv"):
        load_dataset_dict(tmp_path, multi_label=True)


def test_a_decomposed_file_name_is_the_name_as_it_is_typed(tmp_path):
    write_csv(
        tmp_path / unicodedata.normalize("NFD", "ёлки и йод.csv"), ["Первая запись тут", "Вторая запись тут"]
    )
    write_csv(tmp_path / "спорт.csv", ["Третья запись тут"])
    names = load_dataset_dict(tmp_path, multi_label=True, **WHOLE)["train"].features["labels"].feature.names
    assert names == ["спорт", "ёлки и йод"]


def test_several_columns_of_a_post_any_of_which_may_be_empty(tmp_path):
    columns = ["doc_text", "image2text", "speech2text"]
    header = ",".join(columns)
    write_csv(tmp_path / "спорт.csv", ["Матч,,гол", ",табло,", ",,"], header)
    write_csv(tmp_path / "юмор.csv", ["Матч,,гол", "Анекдот,,"], header)
    options = LoadingOptions(text_columns=columns, multi_label=True, **WHOLE)
    splits, report = load_with_report(tmp_path, options)
    assert named(splits["train"]) == {
        "Матч [SEP] гол": ["спорт", "юмор"],
        "табло": ["спорт"],
        "Анекдот": ["юмор"],
    }
    assert report.splits["train"].blank == 1


def test_infinite_numbers_are_missing(tmp_path):
    rows = [
        {**row, "views": value}
        for row, value in zip(videos(6), [1, "1e400", "inf", math.nan, 10**400, 2], strict=True)
    ]
    train = load_dataset_dict(write_jsonl(tmp_path / "a.jsonl", rows), number_columns=["views"], **WHOLE)[
        "train"
    ]
    assert train["views"][:] == [1.0, None, None, None, None, 2.0]
