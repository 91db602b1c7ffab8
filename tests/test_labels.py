"""The label, or labels, of a row in every notation, and what is refused."""

import json
import math

import pytest

from bilstm_classifier.data.labels import LabelReader

NAMES = ("food", "health", "science")
OVERLAPPING = LabelReader(("topics",), overlapping=True)
OF_CLASSES = LabelReader(("topics",), class_names=NAMES, overlapping=True)
SINGLE = LabelReader(("topic",))
SINGLE_OF_CLASSES = LabelReader(("topic",), class_names=NAMES)
ONE_HOT = LabelReader(NAMES, class_names=NAMES, overlapping=True, one_hot=True)


@pytest.mark.parametrize(
    "cell",
    [
        ["science", "food"],
        ("science", "food"),
        {"science", "food"},
        ["food", "science", "food"],
        [" science ", "food\n"],
        '["science", "food"]',
        "['science', 'food']",
        "  [\"science\", 'food']",
        "('science', 'food')",
        "{'science', 'food'}",
        "science; food",
        "science;food ; science",
        "science, food",
        " science,food ",
    ],
)
def test_every_notation_of_several_labels(cell):
    assert OVERLAPPING.read("row 1", {"topics": cell}) == ("food", "science")


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("food", ("food",)),
        ("personal life", ("personal life",)),
        (["food"], ("food",)),
        ("food, drink; science", ("food, drink", "science")),
        ('["food, drink"]', ("food, drink",)),
        ('["food; drink", "science"]', ("food; drink", "science")),
        ("[]", ()),
        ([], ()),
        ("()", ()),
        (7, ("7",)),
        (7.0, ("7",)),
        ([7, "food"], ("7", "food")),
        ("[7, 3]", ("3", "7")),
        ("3;7", ("3", "7")),
    ],
)
def test_one_label_none_and_labels_with_separators_in_them(cell, names):
    assert OVERLAPPING.read("row 1", {"topics": cell}) == names


@pytest.mark.parametrize("cell", [None, "", "  \n", math.nan])
@pytest.mark.parametrize("reader", [OVERLAPPING, OF_CLASSES, SINGLE, SINGLE_OF_CLASSES])
def test_no_label_is_told_from_an_empty_list(reader, cell):
    assert reader.read("row 1", {reader.columns[0]: cell}) is None
    assert reader.read("row 1", {}) is None


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ([2, 0], ("food", "science")),
        ([2.0, 0], ("food", "science")),
        ("[2, 0]", ("food", "science")),
        (1, ("health",)),
        ([1], ("health",)),
        ([], ()),
        (-1, None),
        (["health"], ("health",)),
    ],
)
def test_numbers_of_classes(cell, names):
    assert OF_CLASSES.read("row 1", {"topics": cell}) == names


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("a, b; c", ("a, b; c",)),
        ([" a "], ("a",)),
        (3, ("3",)),
        (3.0, ("3",)),
        (True, ("True",)),
        ("[]", ("[]",)),
    ],
)
def test_a_single_label_is_taken_as_it_stands(cell, names):
    assert SINGLE.read("row 1", {"topic": cell}) == names


def test_a_single_number_of_a_class():
    assert SINGLE_OF_CLASSES.read("row 1", {"topic": 2}) == ("science",)
    assert SINGLE_OF_CLASSES.read("row 1", {"topic": -1}) is None


YES = [1, 1.0, True, "1", "1.0", " TRUE ", "yes", "да", 0.5, 0.7, "0.5", "0,7", ".9", "1,0", "1.00"]
NO = [0, 0.0, False, "0", "0.0", "false", "No", "нет", 0.49, "0.3", "0,3", ".2", "0,0", "0.00"]


@pytest.mark.parametrize(
    ("cell", "expected"), [*((cell, True) for cell in YES), *((cell, False) for cell in NO)]
)
def test_a_column_a_label(cell, expected):
    row = {"food": cell, "health": 1, "science": None}
    assert ONE_HOT.read("row 1", row) == (("food", "health") if expected else ("health",))


def test_columns_that_say_no_are_told_from_columns_that_say_nothing():
    assert ONE_HOT.read("row 1", dict.fromkeys(NAMES, 0)) == ()
    assert ONE_HOT.read("row 1", {"food": 0, "health": None}) == ()
    for nothing in (None, "", " ", math.nan):
        assert ONE_HOT.read("row 1", dict.fromkeys(NAMES, nothing)) is None
    assert ONE_HOT.read("row 1", {}) is None


@pytest.mark.parametrize(
    ("reader", "cell", "message"),
    [
        (
            OVERLAPPING,
            '["food", "science"',
            r"column 'topics' holds '\[\"food\", \"science\"', a list .* broken",
        ),
        (OVERLAPPING, "[food, science]", "a list of labels that is broken: expected one such as"),
        (OVERLAPPING, "{'food': 1}", "a list of labels that is broken"),
        (OVERLAPPING, "(" * 5000, "a list of labels that is broken"),
        (OVERLAPPING, "food;; science", "holds 'food;; science', an empty label among others: remove it"),
        (OVERLAPPING, "food, , science", "an empty label among others"),
        (OVERLAPPING, "food;; science", "an empty label among others"),
        (OVERLAPPING, ";", "an empty label among others"),
        (OVERLAPPING, ["food", None], "an empty label among others"),
        (OVERLAPPING, '["food", ""]', "an empty label among others"),
        (OVERLAPPING, ["food", ["science"]], "holds a list, expected a name or an integer"),
        (OVERLAPPING, {"food": 1}, "holds a dict, expected a name or an integer"),
        (OVERLAPPING, 0.5, "holds the number 0.5, expected a name or an integer"),
        (OVERLAPPING, [math.inf], "holds the number inf, expected a name or an integer"),
        (OF_CLASSES, [0, 3], "holds 3, expected the number of a class, 0 to 2"),
        (OF_CLASSES, [0, -1], "an empty label among others"),
        (SINGLE, ["food", "science"], "column 'topic' holds 2 labels, expected one: .* set multi_label"),
        (SINGLE, [], "holds 0 labels, expected one"),
        (SINGLE, {"food": 1}, "holds a dict, expected a name or an integer"),
        (SINGLE_OF_CLASSES, 3, "holds 3, expected the number of a class, 0 to 2"),
    ],
)
def test_malformed_cells_are_named(reader, cell, message):
    with pytest.raises(ValueError, match=f"^news, line 5: .*{message}"):
        reader.read("news, line 5", {reader.columns[0]: cell})


@pytest.mark.parametrize("cell", [2, -1, "2", "1,5", "maybe", ["food"], {"food": 1}, math.inf])
def test_a_column_of_a_label_holds_yes_or_no_only(cell):
    with pytest.raises(ValueError, match=r"^row 5: column 'health' holds .*, expected 1 or 0 for whether"):
        ONE_HOT.read("row 5", {"food": 1, "health": cell, "science": 0})


# --- as a data set is read ---


@pytest.fixture
def load(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    from bilstm_classifier import load_dataset_dict

    def read(rows, **options):
        path = tmp_path / "posts.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return load_dataset_dict(path, test_size=0, validation_size=0, **options)

    return read


ROWS = [
    {"text": f"Запись номер {number}", "labels": [name, "food"]}
    for number, name in enumerate(["health", "science"])
]


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        (
            '["food"',
            {"multi_label": True},
            "column 'labels' holds '\\[\"food\"', a list of labels that is broken",
        ),
        (
            "food;;science",
            {"multi_label": True},
            "column 'labels' holds 'food;;science', an empty label among others",
        ),
        ({"a": 1}, {"multi_label": True}, "column 'labels' holds a dict, expected a name"),
        (
            ["food", "health"],
            {},
            "column 'labels' holds 2 labels, expected one: where labels overlap, set multi_label",
        ),
    ],
)
def test_file_and_line_of_a_malformed_cell(load, cell, options, message):
    rows = [*(ROWS if options else []), {"text": "Лишняя запись", "labels": cell}]
    with pytest.raises(ValueError, match=rf"posts\.jsonl, line {len(rows)}: {message}"):
        load(rows, **options)


def test_file_and_line_of_a_malformed_column_of_a_label(load):
    rows = [{"text": f"Запись {number}", "food": number % 2, "health": 1} for number in range(4)]
    rows[2]["health"] = 2
    with pytest.raises(ValueError, match=r"posts\.jsonl, line 3: column 'health' holds 2, expected 1 or 0"):
        load(rows, label_columns=["food", "health"])


def test_all_notations_in_one_file_give_the_same(load):
    cells = [["food", "health"], '["food", "health"]', "['health', 'food']", "food; health", "health,food"]
    rows = [{"text": f"Запись {number}", "labels": cell} for number, cell in enumerate(cells)]
    train = load(
        [*rows, {"text": "Ещё запись", "labels": []}, {"text": "Без ответа", "labels": None}],
        multi_label=True,
    )
    assert train["train"]["labels"][:] == [[0, 1]] * 5 + [[]]
    assert train["train"].features["labels"].feature.names == ["food", "health"]


def test_a_separator_at_the_end_is_no_label():
    """As programs for tables write it."""
    for cell in ("food; science;", "food, science,"):
        assert OVERLAPPING.read("row 1", {"topics": cell}) == ("food", "science")
