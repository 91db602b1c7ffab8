import threading

import numpy as np
import pytest
import torch
from conftest import LABELS, TEXTS, tiny_model

from bilstm_classifier import Prediction, Predictor, get_predictions, inputs, predictor


@pytest.fixture(scope="module")
def tiny(model_folder) -> Predictor:
    return Predictor.from_pretrained(model_folder)


def test_a_string_gives_a_name_a_list_gives_names(tiny):
    names = get_predictions(TEXTS, tiny)
    assert len(names) == len(TEXTS)
    assert set(names) <= set(LABELS.values())
    assert get_predictions(TEXTS[2], tiny) == names[2]
    assert get_predictions([], tiny) == []


def test_probabilities_and_top_k_say_the_same(tiny):
    by_label = get_predictions(TEXTS[0], tiny, return_probabilities=True)
    assert list(by_label) == list(LABELS.values())
    assert sum(by_label.values()) == pytest.approx(1, abs=1e-6)
    top = get_predictions(TEXTS[:1], tiny, top_k=2)[0]
    assert top[0] == Prediction(get_predictions(TEXTS[0], tiny), max(by_label.values()))
    assert [item.score for item in top] == sorted(by_label.values(), reverse=True)[:2]
    assert len(get_predictions(TEXTS[0], tiny, top_k=99)) == len(LABELS)


def test_model_may_be_a_folder_or_a_pair(tiny, model_folder):
    expected = get_predictions(TEXTS, tiny)
    assert get_predictions(TEXTS, model_folder) == expected
    assert get_predictions(TEXTS, str(model_folder)) == expected
    assert get_predictions(TEXTS, (tiny.model, tiny.tokenizer)) == expected


@pytest.mark.parametrize("batch_size", [1, 4, "auto"])
def test_rows_stand_in_the_order_given(model_folder, batch_size):
    texts = [" ".join(TEXTS[: 1 + number % 6]) for number in range(40)]
    ours = Predictor.from_pretrained(model_folder, batch_size=batch_size)
    expected = np.concatenate([ours.predict_proba([text]) for text in texts])
    found = ours.predict_proba(texts)
    assert found.shape == (40, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_equals_the_model_called_by_hand(tiny):
    ids = tiny.tokenizer(TEXTS[0], return_tensors="pt", truncation=True, max_length=32)
    with torch.no_grad():
        expected = tiny.model(**ids).logits.softmax(-1).numpy()
    np.testing.assert_allclose(tiny.predict_proba(TEXTS[:1]), expected, atol=1e-6)


def test_a_generator_is_read_as_results_are_taken(tiny, monkeypatch):
    monkeypatch.setattr(inputs, "CHUNK_TEXTS", 4)
    read = []

    def texts():
        for number in range(1000):
            read.append(number)
            yield TEXTS[number % 6]

    results = tiny.iter_predict(texts())
    assert [next(results).labels[0] for _ in range(6)] == get_predictions(TEXTS, tiny)
    assert len(read) <= 12


def test_large_texts_are_not_gathered_in_memory(tiny, monkeypatch):
    monkeypatch.setattr(inputs, "CHUNK_CHARACTERS", 100)
    assert [len(chunk) for chunk in inputs.chunks(["x" * 60] * 4)] == [2, 2]


def test_the_caller_learns_how_much_was_read(tiny, caplog):
    long, short = tiny.predict([" ".join(TEXTS * 3), TEXTS[0]])
    assert long.tokens_read == 32 < long.tokens
    assert short.tokens_read == short.tokens
    assert "1 of 2 texts are longer than the 32 tokens" in caplog.text


def test_windows_average_in_proportion(model_folder):
    ours = Predictor.from_pretrained(model_folder, truncation="windows")
    whole = ours.predict([" ".join(TEXTS * 3)])[0]
    assert whole.tokens_read == whole.tokens > 32
    assert sum(whole.probabilities.values()) == pytest.approx(1, abs=1e-5)
    encoded = ours.encoder.encode([" ".join(TEXTS * 3)])[0]
    rows = ours._logits(encoded.windows, {})
    expected = np.average(
        torch.tensor(rows).softmax(-1).numpy(), axis=0, weights=[len(window) for window in encoded.windows]
    )
    np.testing.assert_allclose(list(whole.probabilities.values()), expected, atol=1e-6)


def test_overlapping_labels(word_tokenizer):
    model = tiny_model(problem_type="multi_label_classification")
    ours = Predictor(model, word_tokenizer)
    scores = ours.predict_proba(TEXTS[:2])
    for row, names in zip(scores, get_predictions(TEXTS[:2], ours), strict=True):
        assert set(names) == {LABELS[index] for index in range(3) if row[index] >= 0.5}


@pytest.mark.parametrize(
    ("news", "error", "message"),
    [
        (None, TypeError, "text 0 is None"),
        (7, TypeError, "text 0 is 7"),
        (b"bytes", TypeError, "bytes"),
        (
            {"news": "Матч"},
            ValueError,
            "text 0 is empty: expected a text in 'text', the columns given are 'news'",
        ),
        ({"text": 7}, TypeError, "text 0 has 7"),
        ("", ValueError, "text 0 is empty"),
        ("   \n", ValueError, "text 0 is empty"),
        ([TEXTS[0], None], TypeError, "text 1 is None"),
        ([TEXTS[0], " "], ValueError, "text 1 is empty"),
        ((text for text in [TEXTS[0], ""]), ValueError, "text 1 is empty"),
    ],
)
def test_bad_texts_are_named(tiny, news, error, message):
    with pytest.raises(error, match=message):
        get_predictions(news, tiny)


@pytest.mark.parametrize(
    "text", ["🙂🙂", "a\x00b", "\ud83d lone", "Plain English text", "ё" * 100, "слово " * 200_000]
)
def test_odd_texts_get_an_answer(tiny, text):
    assert get_predictions(text, tiny) in LABELS.values()


def test_options_are_checked(tiny, model_folder):
    with pytest.raises(ValueError, match="choose one"):
        get_predictions("текст", tiny, top_k=1, return_probabilities=True)
    with pytest.raises(ValueError, match="top_k is 0"):
        get_predictions("текст", tiny, top_k=0)
    with pytest.raises(ValueError, match="batch_size is 0"):
        Predictor.from_pretrained(model_folder, batch_size=0)
    with pytest.raises(ValueError, match="dtype is 'int7'"):
        Predictor.from_pretrained(model_folder, dtype="int7")
    with pytest.raises(TypeError, match="texts is a str"):
        tiny.predict("текст")
    with pytest.raises(TypeError, match="texts is a str"):
        next(tiny.iter_predict("текст"))
    with pytest.raises(TypeError, match="texts is a dict"):
        tiny.predict({"text": "Матч"})
    with pytest.raises(TypeError, match="texts is a NoneType"):
        tiny.predict(None)
    with pytest.raises(TypeError, match="expected a Predictor"):
        get_predictions("текст", tiny.model)
    with pytest.raises(ValueError, match="device 'gpu' cannot be used"):
        Predictor.from_pretrained(model_folder, device="gpu")


def test_bfloat16_gives_the_same_labels_where_it_is_sure(model_folder, tiny):
    half = Predictor.from_pretrained(model_folder, dtype="bfloat16")
    np.testing.assert_allclose(half.predict_proba(TEXTS), tiny.predict_proba(TEXTS), atol=0.02)


def test_one_predictor_serves_many_threads(tiny):
    expected = get_predictions(TEXTS, tiny, return_probabilities=True)
    failures = []

    def work():
        for _ in range(5):
            for text, wanted in zip(TEXTS, expected, strict=True):
                found = get_predictions(text, tiny, return_probabilities=True)
                if any(abs(found[name] - wanted[name]) > 1e-5 for name in wanted):
                    failures.append(text)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_model_is_loaded_once_by_many_threads(model_folder, monkeypatch):
    monkeypatch.setattr(predictor, "_loaded", {})
    loads = []
    original = Predictor.from_pretrained

    def counting(*args, **kwargs):
        loads.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(Predictor, "from_pretrained", counting)
    threads = [threading.Thread(target=get_predictions, args=(TEXTS[0], model_folder)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
