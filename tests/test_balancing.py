"""Classes of equal size: which rows are repeated or left out, and that nothing else is."""

import logging
from collections import Counter

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from bilstm_classifier.training.balancing import balance_rows

NAMES = ["bad", "fair", "good", "never seen"]
COUNTS = {0: 3, 1: 7, 2: 20}


@pytest.fixture
def train() -> Dataset:
    labels = [label for label, count in COUNTS.items() for _ in range(count)]
    features = Features({"text": Value("string"), "labels": ClassLabel(names=NAMES)})
    texts = [f"text {number}" for number in range(len(labels))]
    return Dataset.from_dict({"text": texts, "labels": labels}, features=features)


def label_of(train: Dataset) -> dict[str, int]:
    return dict(zip(train["text"], train["labels"], strict=True))


def test_up_repeats_the_rows_of_smaller_classes_evenly(train):
    found = balance_rows(train, "up", seed=0)
    assert Counter(found["labels"]) == {0: 20, 1: 20, 2: 20}
    times = Counter(found["text"])
    for text, label in label_of(train).items():
        least, rest = divmod(20, COUNTS[label])
        assert times[text] in ({least, least + 1} if rest else {least})


def test_down_draws_the_number_of_the_smallest_class(train):
    found = balance_rows(train, "down", seed=0)
    assert Counter(found["labels"]) == {0: 3, 1: 3, 2: 3}
    assert max(Counter(found["text"]).values()) == 1


@pytest.mark.parametrize("how", ["up", "down"])
def test_rows_keep_their_labels_and_the_split_its_columns(train, how):
    before = train[:]
    found = balance_rows(train, how, seed=0)
    assert found.features == train.features
    known = label_of(train)
    assert all(known[row["text"]] == row["labels"] for row in found)
    assert train[:] == before


@pytest.mark.parametrize("how", ["up", "down"])
def test_the_seed_decides_which_rows_and_their_order(train, how):
    first = balance_rows(train, how, seed=1)["text"][:]
    assert first == balance_rows(train, how, seed=1)["text"][:]
    assert first != balance_rows(train, how, seed=2)["text"][:]
    assert balance_rows(train, how, seed=1)["labels"][:] != sorted(balance_rows(train, how, seed=1)["labels"])


def test_a_class_of_one_row(train):
    found = balance_rows(train.select([0, 3, 4, 5]), "up", seed=0)
    assert Counter(found["text"])["text 0"] == 3


def test_rows_stay_on_the_disk(train, tmp_path):
    train.save_to_disk(tmp_path)
    loaded = Dataset.load_from_disk(tmp_path)
    found = balance_rows(loaded, "up", seed=0)
    assert found.data.table.equals(loaded.data.table), "rows were copied"
    assert found["text"][:] == balance_rows(train, "up", seed=0)["text"][:]


def test_the_counts_are_told(train, caplog):
    with caplog.at_level(logging.INFO, "bilstm_classifier"):
        balance_rows(train, "down", seed=0)
    assert caplog.messages == ["Balanced 'down': 3 rows a class, before bad 3, fair 7, good 20"]


@pytest.mark.parametrize(
    "value", [List(Value("int64")), List(Value("float32")), List(Value("int64"), length=2)]
)
def test_overlapping_labels_are_refused(value):
    features = Features({"text": Value("string"), "labels": value})
    overlapping = Dataset.from_dict({"text": ["a", "b"], "labels": [[1, 0], [1, 1]]}, features=features)
    with pytest.raises(ValueError, match="use class_weights"):
        balance_rows(overlapping, "up", seed=0)


def test_bad_settings(train):
    with pytest.raises(ValueError, match="balance is 'sideways': expected up or down"):
        balance_rows(train, "sideways", seed=0)
    with pytest.raises(ValueError, match="no rows to balance"):
        balance_rows(train.select([]), "up", seed=0)
