"""Rows as what is classified: text columns joined, numbers and categories beside them, the same in any company."""

import math

import numpy as np
import pytest
import torch
from conftest import TEXTS, tiny_model

from bilstm_classifier import Predictor, get_predictions
from bilstm_classifier.inputs import InputReader

COLUMNS = [
    {"name": "views", "kind": "number", "mean": 4.0, "std": 2.0, "low": 0.0, "high": 1e6, "log": True},
    {"name": "length", "kind": "number", "mean": 60.0, "std": 30.0, "low": 1.0, "high": 600.0, "log": False},
    {"name": "language", "kind": "category", "values": ["en", "ru"]},
]
ROWS = [
    {"title": TEXTS[0], "about": TEXTS[1], "views": "12 000", "length": "2:05", "language": "ru"},
    {"title": TEXTS[2], "about": None, "views": 3.5, "length": None, "language": "xx"},
    {"title": " ", "about": TEXTS[3], "views": math.nan, "other": [1]},
    {"about": TEXTS[4]},
    {"title": TEXTS[5], "about": math.nan, "length": "90,5", "language": "en"},
]


def model_with_columns(**settings):
    model = tiny_model(feature_columns=COLUMNS, text_columns=["title", "about"], **settings)
    with torch.no_grad():  # an untrained branch says too little for a test to see
        model.classifier.weight[:, model.config.text_size :] *= 5
    return model


@pytest.fixture(scope="module")
def predictor(word_tokenizer) -> Predictor:
    return Predictor(model_with_columns(), word_tokenizer)


@pytest.fixture
def reader() -> InputReader:
    return InputReader.of(model_with_columns().config)


def test_text_columns_are_joined_as_in_training(reader):
    assert [reader.text(row, 0) for row in ROWS] == [
        f"{TEXTS[0]} [SEP] {TEXTS[1]}",
        TEXTS[2],
        TEXTS[3],
        TEXTS[4],
        TEXTS[5],
    ]
    assert reader.text("просто текст", 0) == "просто текст"


def test_a_model_of_one_text_takes_it_under_that_name():
    reader = InputReader.of(tiny_model().config)
    assert reader.text({"text": "Матч", "id": 7}, 0) == "Матч"
    assert reader.beside([{"text": "Матч"}]) == {}


@pytest.mark.parametrize(
    ("item", "error", "message"),
    [
        (
            {},
            ValueError,
            "text 4 is empty: expected a text in 'title' or 'about', the columns given are none",
        ),
        ({"views": 3}, ValueError, "the columns given are 'views'"),
        (
            {"title": "", "about": " \n"},
            ValueError,
            "text 4 is empty: .* the columns given are 'title', 'about'",
        ),
        ({"title": None, "about": math.nan}, ValueError, "text 4 is empty"),
        ({"title": 7}, TypeError, r"text 4 has 7 \(int\) in column 'title': expected a string"),
        ({"title": "Матч", "about": ["b"]}, TypeError, r"text 4 has \['b'\] \(list\) in column 'about'"),
        (["Матч"], TypeError, r"text 4 is \['Матч'\] \(list\): expected a string"),
        (None, TypeError, "text 4 is None"),
        ("  ", ValueError, "text 4 is empty"),
    ],
)
def test_an_item_without_a_text(reader, item, error, message):
    with pytest.raises(error, match=message):
        reader.text(item, 4)


def test_a_value_that_cannot_be_read_names_its_row_and_column(reader, predictor):
    rows = [ROWS[0], {"title": "Матч", "views": "many"}, {"title": "Матч", "length": "long"}]
    with pytest.raises(ValueError, match=r"^text 11: column 'views' holds 'many', expected a number"):
        reader.beside(rows, 10)
    with pytest.raises(ValueError, match=r"^text 2: column 'length' holds 'long', expected a number"):
        predictor.predict([ROWS[0], ROWS[1], rows[2]])
    with pytest.raises(ValueError, match=r"^text 0: column 'language' holds a list"):
        get_predictions({"title": "Матч", "language": ["ru"]}, predictor)


def test_what_a_row_lacks_is_missing(reader):
    beside = reader.beside(ROWS)
    assert beside["features"].dtype == np.float32
    assert np.isnan(beside["features"]).tolist() == [
        [False, False],
        [False, True],
        [True, True],
        [True, True],
        [True, False],
    ]
    assert beside["categories"].tolist() == [[2], [0], [0], [0], [1]]
    assert beside["features"][0].tolist() == pytest.approx(
        [(np.log1p(12000) - 4) / 2, (125 - 60) / 30], rel=1e-5
    )


# --- prediction ---


def test_columns_beside_the_text_change_the_answer(predictor):
    text = {"title": TEXTS[0]}
    rows = [text, text | {"views": 900_000}, text | {"length": 9}, text | {"language": "en"}]
    plain, *others = predictor.predict_proba(rows)
    for found in others:
        assert np.abs(found - plain).max() > 1e-3
    np.testing.assert_allclose(predictor.predict_proba([TEXTS[0]])[0], plain, atol=1e-6)
    np.testing.assert_allclose(
        predictor.predict_proba([text | {"views": math.inf, "language": "kk"}])[0], plain, atol=1e-6
    )


@pytest.mark.parametrize("batch_size", [1, 3, "auto"])
@pytest.mark.parametrize("pooling", ["mean", "max", "last", "attention"])
def test_the_same_answer_in_any_company(word_tokenizer, batch_size, pooling):
    ours = Predictor(model_with_columns(pooling=pooling), word_tokenizer, batch_size=batch_size)
    rows = [*ROWS, TEXTS[1], *[{**row, "title": " ".join(TEXTS)} for row in ROWS], *ROWS[::-1]]
    expected = np.concatenate([ours.predict_proba([row]) for row in rows])
    np.testing.assert_allclose(ours.predict_proba(rows), expected, atol=1e-5)
    # two of the rows have the same text now, and nothing beside it
    assert len(np.unique(expected.round(5), axis=0)) == len(ROWS) * 2


def test_all_windows_of_a_text_share_what_stands_beside_it(word_tokenizer):
    ours = Predictor(model_with_columns(), word_tokenizer, truncation="windows")
    rows = [{"title": " ".join(TEXTS * 3), "views": 900_000, "language": "ru"}, ROWS[0]]
    found = ours.predict(rows)
    assert found[0].tokens_read == found[0].tokens > 32
    text = ours.inputs.text(rows[0], 0)
    windows = ours.encoder.encode([text])[0].windows
    beside = {name: torch.tensor(values) for name, values in ours.inputs.beside(rows[:1]).items()}
    with torch.no_grad():
        by_window = [
            ours.model(torch.tensor([window]), **beside).logits.softmax(-1)[0].numpy() for window in windows
        ]
    expected = np.average(by_window, axis=0, weights=[len(window) for window in windows])
    np.testing.assert_allclose(list(found[0].probabilities.values()), expected, atol=1e-6)
    np.testing.assert_allclose(
        list(found[1].probabilities.values()), ours.predict_proba(ROWS[:1])[0], atol=1e-6
    )


def test_rows_in_several_chunks_keep_their_own_columns(predictor, monkeypatch):
    from bilstm_classifier import inputs as module

    expected = predictor.predict_proba(ROWS * 3)
    monkeypatch.setattr(module, "CHUNK_TEXTS", 4)
    np.testing.assert_allclose(predictor.predict_proba(ROWS * 3), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"^text 15: column 'views' holds 'x'"):
        predictor.predict([*ROWS * 3, {"title": "Матч", "views": "x"}])


def test_get_predictions_takes_a_row_or_several(predictor):
    names = get_predictions(ROWS, predictor)
    assert names == [prediction.labels[0] for prediction in predictor.predict(ROWS)]
    assert get_predictions(ROWS[1], predictor) == names[1]
    assert get_predictions(iter(ROWS), predictor) == names
    assert get_predictions(ROWS[0], predictor, top_k=1)[0].label == names[0]
    by_label = get_predictions(ROWS[0], predictor, return_probabilities=True)
    np.testing.assert_allclose(list(by_label.values()), predictor.predict_proba(ROWS[:1])[0], atol=1e-6)


def test_a_row_is_no_list_of_rows(predictor):
    with pytest.raises(TypeError, match="texts is a dict"):
        predictor.predict(ROWS[0])


def test_an_explanation_is_of_the_row_as_it_stands(predictor):
    explained = predictor.explain(ROWS[0])
    prediction = predictor.predict([ROWS[0]])[0]
    assert (explained.label, explained.probability) == tuple(prediction.top(1)[0])
    score = prediction.probabilities[explained.label]
    assert explained.log_odds == pytest.approx(np.log(score / (1 - score)), abs=1e-4)
    joined = predictor.inputs.text(ROWS[0], 0)
    assert {joined[word.start : word.end] for word in explained.words} >= {"Команда", "Театр"}
    without = predictor.explain(joined, explained.label)
    assert without.log_odds != pytest.approx(explained.log_odds, abs=1e-3)
