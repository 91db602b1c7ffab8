"""Numbers and categories beside the text: read from cells, described by the training rows, encoded."""

import json
import math

import numpy as np
import pytest

datasets = pytest.importorskip("datasets")

from bilstm_classifier import BiLSTMConfig  # noqa: E402
from bilstm_classifier.data.encoding import encode_split  # noqa: E402
from bilstm_classifier.features import (  # noqa: E402
    CategoryColumn,
    FeatureSchema,
    NumberColumn,
    read_category,
    read_number,
)
from bilstm_classifier.windows import TextEncoder  # noqa: E402


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (7, 7.0),
        (-2.5, -2.5),
        (True, 1.0),
        (False, 0.0),
        ("7", 7.0),
        (" +7.25 ", 7.25),
        ("-7,25", -7.25),
        (",5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1,5E-2", 0.015),
        ("12 345", 12345.0),
        ("12\u00a0345\u202f678,5", 12345678.5),
        ("1\u2009234", 1234.0),
        ("1'234'567", 1234567.0),
        ("1_234_567", 1234567.0),
        ("1:02:30", 3750.0),
        ("02:30", 150.0),
        ("0:05", 5.0),
        ("123:00:00", 442800.0),
    ],
)
def test_numbers_in_every_notation(cell, number):
    assert read_number(cell, "views") == number


@pytest.mark.parametrize(
    "cell",
    [
        *(None, math.nan, math.inf, -math.inf, 10**400, -(10**400)),
        *("", "  ", "-", "n/a", "NaN", "None", "null", "-inf", "Infinity", "1e400", "-1e400", "9" * 400),
    ],
)
def test_what_is_missing_infinite_or_too_large(cell):
    assert math.isnan(read_number(cell, "views"))


@pytest.mark.parametrize(
    "cell", ["many", "12 345 67", "1,234.5", "1:75", "2:30:75", "12%", "0x10", [1], {"a": 1}, "1 2", b"7"]
)
def test_text_in_place_of_a_number_names_the_column(cell):
    with pytest.raises(ValueError, match=r"column 'views' holds .*, expected a number"):
        read_number(cell, "views")


@pytest.mark.parametrize(
    ("cell", "category"),
    [
        ("news", "news"),
        ("  two words ", "two words"),
        (24, "24"),
        (24.0, "24"),
        ("24", "24"),
        ("24.0", "24"),
        (-1.0, "-1"),
        (2.5, "2.5"),
        ("v1.0", "v1.0"),
        (True, "True"),
        ("", None),
        (" ", None),
        (None, None),
        (math.nan, None),
    ],
)
def test_categories(cell, category):
    assert read_category(cell, "kind") == category


def test_a_list_is_no_category():
    with pytest.raises(ValueError, match="column 'kind' holds a list, expected the name of a category"):
        read_category(["a"], "kind")


# --- what training saw ---


def test_numbers_are_standardised_and_missing_ones_stay_missing():
    column = NumberColumn.fit("length", np.array([1.0, 2.0, 3.0, 4.0, np.nan, np.inf]))
    assert (column.mean, column.low, column.high, column.log) == (2.5, 1.0, 4.0, False)
    found = column.encode(np.array([1.0, 2.0, 3.0, 4.0, np.nan, -np.inf]))
    assert found[:4].mean() == pytest.approx(0)
    assert found[:4].std() == pytest.approx(1)
    assert np.isnan(found[4:]).all()


def test_a_number_outside_what_training_saw_is_the_nearest_that_it_did_see():
    column = NumberColumn.fit("length", np.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(column.encode(np.array([-9e9, 9e9])), column.encode(np.array([1.0, 4.0])))


def test_skewed_counts_are_read_as_logarithms():
    views = np.array([10.0] * 50 + [100.0] * 30 + [1e6] * 2)
    column = NumberColumn.fit("views", views)
    assert column.log
    assert column.mean == pytest.approx(np.log1p(views).mean())
    found = column.encode(views)
    assert (found.mean(), found.std()) == (pytest.approx(0, abs=1e-9), pytest.approx(1))
    assert found.max() < 9, "no number as far from the others as a million from ten"
    assert not NumberColumn.fit("balance", views - 11).log, "a negative number has no logarithm"
    assert not NumberColumn.fit("even", np.arange(100.0)).log


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 + 0.3, -7.7])
def test_a_constant_is_nothing_to_go_by(value):
    column = NumberColumn.fit("same", np.full(7, value))
    assert column.std == 1.0
    np.testing.assert_allclose(column.encode(np.array([value, 5.0, -5.0])), 0, atol=1e-6)


@pytest.mark.parametrize("values", [[np.nan, np.nan], [np.inf], []])
def test_a_column_without_a_number_is_refused(values):
    with pytest.raises(ValueError, match="column 'views' holds no number in the training rows: leave it out"):
        NumberColumn.fit("views", np.array(values))


def test_rare_and_unknown_categories_are_one():
    column = CategoryColumn.fit("language", ["ru"] * 3 + ["en"] * 5 + ["fi"] * 2 + [None] * 9)
    assert column.values == ["en", "ru"]
    assert column.encode(["en", "ru", "fi", "xx", None, ""]).tolist() == [1, 2, 0, 0, 0, 0]


def test_a_column_without_a_frequent_category_is_refused():
    with pytest.raises(ValueError, match="column 'language' holds no category with 3 training rows or more"):
        CategoryColumn.fit("language", ["ru", "ru", "en", None])


def training_rows():
    return datasets.Dataset.from_dict(
        {
            "text": [f"Запись {number}" for number in range(8)],
            "labels": [0, 1] * 4,
            "views": [1.0, 2.0, None, 4.0, 5.0, 6.0, 7.0, 8.0],
            "length": [3.5] * 8,
            "kind": ["24", "24", "24", "10", "10", "10", None, "7"],
        },
        features=datasets.Features(
            {
                "text": datasets.Value("string"),
                "labels": datasets.ClassLabel(names=["a", "b"]),
                "views": datasets.Value("float64"),
                "length": datasets.Value("float64"),
                "kind": datasets.Value("string"),
            }
        ),
    )


@pytest.fixture
def schema() -> FeatureSchema:
    return FeatureSchema.fit(training_rows(), ["views", "length"], ["kind"])


def test_a_schema_goes_through_the_config_and_its_json(schema, tmp_path):
    config = BiLSTMConfig(vocab_size=9, num_labels=2, feature_columns=schema.as_config())
    assert FeatureSchema.of(config) == schema
    config.save_pretrained(tmp_path)
    assert FeatureSchema.of(BiLSTMConfig.from_pretrained(tmp_path)) == schema
    assert json.loads(json.dumps(schema.as_config())) == schema.as_config()
    assert [(column.kind, column.name) for column in schema] == [
        ("number", "views"),
        ("number", "length"),
        ("category", "kind"),
    ]
    assert not FeatureSchema()


def test_rows_are_encoded_as_columns_are(schema):
    rows = [
        {"views": "4,0", "length": 3, "kind": 24},
        {"views": 4, "kind": 24.0, "other": "x"},
        {"views": math.nan, "kind": "unheard of"},
        {},
    ]
    found = schema.encode(rows)
    assert {name: (values.dtype.name, values.shape) for name, values in found.items()} == {
        "features": ("float32", (4, 2)),
        "categories": ("int64", (4, 1)),
    }
    assert found["categories"][:, 0].tolist() == [2, 2, 0, 0]
    assert found["features"][0, 0] == found["features"][1, 0]
    assert np.isnan(found["features"]).tolist() == [[False, False], [False, True], [True, True], [True, True]]
    whole = schema.encode_columns(8, training_rows().to_dict())
    by_row = schema.encode(training_rows().to_list())
    for name, values in whole.items():
        np.testing.assert_array_equal(values, by_row[name])


def test_without_numbers_or_without_categories():
    rows = training_rows()
    found = FeatureSchema.fit(rows, [], ["kind"]).encode([{"kind": 10}, {}])
    assert (found["features"].shape, found["categories"].tolist()) == ((2, 0), [[1], [0]])
    found = FeatureSchema.fit(rows, ["views"], []).encode([{"views": 1}, {}])
    assert (found["features"].shape, found["categories"].shape) == ((2, 1), (2, 0))


def test_text_in_place_of_a_number_at_prediction(schema):
    with pytest.raises(ValueError, match="column 'views' holds 'many', expected a number"):
        schema.encode([{"views": "many"}])


# --- a schema that changed ---


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows.remove_columns("views"),
            "reads the number 'views' .* the data has no such column, only",
        ),
        (
            lambda rows: rows.remove_columns(["views", "length", "kind"]),
            "no such column, only texts: read the data",
        ),
        (
            lambda rows: rows.rename_column("kind", "sort"),
            "reads the category 'kind' .*length, sort: .* category_columns",
        ),
        (
            lambda rows: rows.cast_column("kind", datasets.Value("float64")),
            "reads the category 'kind' .* has float64",
        ),
        (
            lambda rows: rows.cast_column("views", datasets.Value("string")),
            "reads the number 'views' .* has string",
        ),
    ],
)
def test_data_whose_columns_are_not_those_of_the_model(schema, word_tokenizer, change, message):
    encoder = TextEncoder(word_tokenizer.backend_tokenizer, 16)
    with pytest.raises(ValueError, match=message):
        encode_split(change(training_rows()), encoder, schema)


def test_whole_numbers_are_numbers(schema, word_tokenizer):
    rows = training_rows().cast_column("length", datasets.Value("float32"))
    encoded = encode_split(rows, TextEncoder(word_tokenizer.backend_tokenizer, 16), schema)
    assert np.isnan(encoded["features"][2][0])
    assert encoded["categories"][:] == [[2], [2], [2], [1], [1], [1], [0], [0]]


@pytest.mark.parametrize("text", ["1,234", "-12,500", "999,999"])
def test_a_number_that_may_be_read_in_two_ways_is_refused(text):
    with pytest.raises(ValueError, match="may be read in two ways"):
        read_number(text, "views")
    assert read_number("0,125", "share") == 0.125
    assert read_number("12,5", "share") == 12.5


def test_numpy_scalars_are_read():
    assert read_number(np.int64(7), "views") == 7.0
    assert read_number(np.float32(0.5), "views") == 0.5
    assert np.isnan(read_number(np.float64("nan"), "views"))
    assert read_category(np.int64(24), "kind") == "24"
    assert read_category(np.str_("hd"), "kind") == "hd"
