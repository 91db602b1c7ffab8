import json

import pytest
from conftest import TEXTS, tiny_model
from datasets import Dataset
from transformers import AutoTokenizer, pipeline

from bilstm_classifier import Predictor, train_character_tokenizer, train_word_tokenizer
from bilstm_classifier.data.encoding import encode_split
from bilstm_classifier.explain import explain
from bilstm_classifier.features import FeatureSchema
from bilstm_classifier.model_folder import save_model
from bilstm_classifier.windows import PIECE_CHARACTERS, TextEncoder

# all but lemmas, which no tokenizer holds
CLEANING = ["lower_case", "links", "stop_words", "punctuation", "digits"]
REVIEWS = [
    "The MOVIES were AMAZING!!! see http://x.y/z",
    "I don't like it: crashes 5 times a day, mail me@x.org",
    "Works 😀👍🏽 well-made…   love\n\nit ❤️",
    "«Плохо», не работает — www.x.ru/a?b=1",
]
# in pieces, with a mark, a link or white space at each of their edges
LONG = "".join(f"{REVIEWS[number % 4]} !!! \n (http://x.y/{number}) " for number in range(2_000))


def test_characters_one_token_each():
    tokenizer = train_character_tokenizer(["аба в\n", "а"])
    assert tokenizer.convert_ids_to_tokens(tokenizer("ба \nж")["input_ids"]) == ["б", "а", " ", "\n", "<UNK>"]
    assert tokenizer.pad_token_id == 0
    assert tokenizer.unk_token_id == 1
    assert tokenizer.convert_tokens_to_ids("а") == 2, "the most frequent comes first"


def test_words_in_lower_case_without_marks_glued():
    tokenizer = train_word_tokenizer(["Матч, матч и гол!"])
    assert tokenizer.convert_ids_to_tokens(tokenizer("МАТЧ, тайм")["input_ids"]) == ["матч", ",", "<UNK>"]


@pytest.mark.parametrize("train", [train_character_tokenizer, train_word_tokenizer])
def test_vocabulary_is_capped_and_does_not_depend_on_order(train):
    tokenizer = train(TEXTS, max_vocabulary=8)
    assert len(tokenizer) == 8
    assert tokenizer.get_vocab() == train(TEXTS[::-1], max_vocabulary=8).get_vocab()


@pytest.mark.parametrize("train", [train_character_tokenizer, train_word_tokenizer])
def test_saved_and_loaded_like_any_other(train, tmp_path):
    tokenizer = train(TEXTS, max_length=12)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.is_fast
    assert loaded.backend_tokenizer.truncation["max_length"] == 12
    assert loaded.get_vocab() == tokenizer.get_vocab()
    assert loaded.pad_token_id == 0
    assert set(loaded(TEXTS[0])) == {"input_ids", "attention_mask"}
    assert loaded(TEXTS[1])["input_ids"] == tokenizer(TEXTS[1])["input_ids"]


@pytest.mark.parametrize("train", [train_character_tokenizer, train_word_tokenizer])
def test_nothing_to_learn_from(train):
    with pytest.raises(ValueError, match="no texts to learn"):
        train(["", ""])
    with pytest.raises(ValueError, match="max_vocabulary is 2"):
        train(TEXTS, max_vocabulary=2)


# --- cleaning ---


def cleaned_tokenizer(train, **settings):
    sizes = {"max_vocabulary": 60, "max_length": 10**6}
    return train(REVIEWS, **{**sizes, "cleaning": CLEANING, "language": "en", **settings})


def test_nothing_is_cleaned_unless_asked_for():
    assert train_character_tokenizer(REVIEWS).backend_tokenizer.normalizer is None
    stored = json.loads(train_word_tokenizer(REVIEWS).backend_tokenizer.to_str())
    assert stored["normalizer"] == {
        "type": "Sequence",
        "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}],
    }


def test_the_vocabulary_is_that_of_cleaned_texts():
    words = set(cleaned_tokenizer(train_word_tokenizer).get_vocab())
    assert {"movies", "dont", "well", "made", "love", "не"} <= words
    assert not words & {"the", "don", "5", "!", "x", "http", "ru", "«"}
    characters = set(cleaned_tokenizer(train_character_tokenizer).get_vocab())
    assert {"😀", " ", "н"} <= characters
    assert not characters & set("THMО!5:/@'\n")


def test_the_vocabulary_is_that_of_lemmas():
    tokenizer = train_word_tokenizer(REVIEWS, cleaning=[*CLEANING, "lemmas"], language="en")
    assert {"movie", "amazing", "crash", "dont"} <= set(tokenizer.get_vocab())
    assert not set(tokenizer.get_vocab()) & {"movies", "crashes", "were", "be"}
    encoder = TextEncoder(tokenizer.backend_tokenizer, 32, lemmas="en")
    (found,) = encoder.encode(["Those movies crashed"])
    assert tokenizer.convert_ids_to_tokens(found.windows[0]) == ["movie", "crash"]


@pytest.mark.parametrize("train", [train_character_tokenizer, train_word_tokenizer])
def test_cleaning_needs_known_steps(train):
    with pytest.raises(ValueError, match="did you mean punctuation"):
        train(REVIEWS, cleaning=["punctuations"])
    with pytest.raises(ValueError, match="stop_words needs a language"):
        train(REVIEWS, cleaning=["stop_words"])
    with pytest.raises(ValueError, match="expected a list"):
        train(REVIEWS, cleaning="links")
    with pytest.raises(ValueError, match="cleaned away"):
        train(["the", "http://x.y"], cleaning=["links", "stop_words"], language="en")


@pytest.mark.parametrize("train", [train_character_tokenizer, train_word_tokenizer])
def test_surrogates_are_learned_as_they_are_read(train):
    tokenizer = train(["\ud83d\ude00 \ud83d"], cleaning=["links"])
    assert {"😀", "\ufffd"} <= set(tokenizer.get_vocab())


@pytest.mark.parametrize("train", [train_character_tokenizer, train_word_tokenizer])
def test_saved_and_loaded_it_cleans_as_the_encoder_does(train, tmp_path):
    assert len(LONG) > 2 * PIECE_CHARACTERS
    tokenizer = cleaned_tokenizer(train)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    texts = [*REVIEWS, LONG]
    expected = [text.windows[0] for text in TextEncoder(tokenizer.backend_tokenizer, 10**6).encode(texts)]
    assert loaded(texts)["input_ids"] == expected
    assert min(map(len, expected)) > 2


def test_what_is_cleaned_is_what_the_words_say():
    tokenizer = cleaned_tokenizer(train_word_tokenizer)
    found = [tokenizer.convert_ids_to_tokens(ids) for ids in tokenizer(REVIEWS)["input_ids"]]
    assert found[0] == ["movies", "amazing", "see"]
    assert found[1] == ["dont", "like", "crashes", "times", "day", "mail"]
    assert found[2] == ["works", "😀👍🏽", "well", "made", "love", "❤️"]


@pytest.mark.parametrize("text", [*REVIEWS, "\ud83d\ude00 So GOOD!!! \ud83d bad\u0301 ½ ﬁne"])
def test_offsets_point_into_the_original(text):
    encoder = TextEncoder(cleaned_tokenizer(train_word_tokenizer).backend_tokenizer, 64)
    count = encoder.encode([text])[0].tokens
    offsets, looked_at = encoder.offsets(text, count)
    assert looked_at == len(text)
    assert len(offsets) == count
    words = text.split()
    for start, end in offsets:
        assert text[start:end].strip()
        assert any(text[start:end] in word for word in words)


def test_offsets_are_those_of_the_words():
    encoder = TextEncoder(cleaned_tokenizer(train_word_tokenizer).backend_tokenizer, 64)
    places = [encoder.offsets(text, 10)[0] for text in REVIEWS[:2]]
    assert [REVIEWS[0][start:end] for start, end in places[0]] == ["MOVIES", "AMAZING", "see"]
    assert [REVIEWS[1][start:end] for start, end in places[1]][:3] == ["don't", "like", "crashes"]
    encoder = TextEncoder(cleaned_tokenizer(train_word_tokenizer).backend_tokenizer, 10**6)
    offsets, _ = encoder.offsets(LONG, 10**6)
    assert len(offsets) == encoder.encode([LONG])[0].tokens
    assert {LONG[start:end] for start, end in offsets} >= {"MOVIES", "don't", "работает"}
    assert not [place for place in offsets if LONG[place[0] : place[1]].startswith(("http", "!", " "))]


def test_pipeline_predictor_and_explanation_agree(tmp_path):
    tokenizer = cleaned_tokenizer(train_word_tokenizer, max_length=32)
    model = tiny_model(embedder=False)
    save_model(model, tokenizer, tmp_path / "model", max_length=32)
    predictor = Predictor.from_pretrained(tmp_path / "model")
    ask = pipeline("text-classification", model=str(tmp_path / "model"), top_k=None)
    for text in REVIEWS:
        expected = {found["label"]: found["score"] for found in ask([text])[0]}
        assert predictor.predict([text])[0].probabilities == pytest.approx(expected, abs=1e-5)
    bare = predictor.predict(["movies amazing see"])[0].probabilities
    assert predictor.predict([REVIEWS[0]])[0].probabilities == pytest.approx(bare, abs=1e-6)
    assert [word.text for word in explain(predictor, REVIEWS[0]).words] == ["MOVIES", "AMAZING", "see"]


def test_a_text_of_which_nothing_is_left_is_told_and_not_trained_on():
    tokenizer = cleaned_tokenizer(train_word_tokenizer, max_length=32)
    with pytest.raises(ValueError, match="text 1 is empty to the model"):
        Predictor(tiny_model(embedder=False), tokenizer).predict([REVIEWS[0], "The http://x.y !!!"])
    rows = Dataset.from_dict({"text": [REVIEWS[0], "The http://x.y !!!", "good"], "labels": [0, 1, 2]})
    assert encode_split(rows, TextEncoder(tokenizer.backend_tokenizer, 32), FeatureSchema())["labels"][:] == [
        0,
        2,
    ]
