import pickle
import sys

import pytest
from conftest import TEXTS
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from bilstm_classifier import train_character_tokenizer, train_word_tokenizer, windows
from bilstm_classifier.windows import TextEncoder, max_length_of


def bert_like() -> Tokenizer:
    vocabulary = {
        "[PAD]": 0,
        "[UNK]": 1,
        "[CLS]": 2,
        "[SEP]": 3,
        **{f"w{number}": number + 4 for number in range(50)},
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def words(count: int) -> str:
    return " ".join(f"w{number % 50}" for number in range(count))


def test_short_text_is_read_whole():
    (text,) = TextEncoder(bert_like(), 8).encode(["w0 w1"])
    assert text.windows == [[2, 4, 5, 3]]
    assert (text.tokens, text.tokens_read) == (2, 2)


def test_cut_reads_the_beginning_and_says_so():
    (text,) = TextEncoder(bert_like(), 8).encode([words(20)])
    assert text.windows == [[2, 4, 5, 6, 7, 8, 9, 3]]
    assert (text.tokens, text.tokens_read) == (20, 6)


@given(count=st.integers(1, 300), max_length=st.integers(3, 40))
def test_windows_read_every_token_in_order(count, max_length):
    (text,) = TextEncoder(bert_like(), max_length, "windows").encode([words(count)])
    ids = [number % 50 + 4 for number in range(count)]
    assert text.tokens == text.tokens_read == count
    position = 0
    for window in text.windows:
        assert window[0] == 2
        assert window[-1] == 3
        assert len(window) <= max_length
        inner = window[1:-1]
        starts = [start for start in range(position + 1) if ids[start : start + len(inner)] == inner]
        assert starts, "a window leaves a gap"
        position = starts[-1] + len(inner)
    assert position == count


def test_error_refuses_a_long_text_by_number():
    with pytest.raises(ValueError, match="text 1 has 20 tokens, the model reads 6"):
        TextEncoder(bert_like(), 8, "error").encode(["w0", words(20)])


@pytest.mark.parametrize("truncation", ["cut", "windows"])
def test_a_text_tokenized_in_pieces_gives_the_same(monkeypatch, truncation):
    whole = TextEncoder(bert_like(), 16, truncation).encode([words(500)])
    monkeypatch.setattr(windows, "PIECE_CHARACTERS", 100)
    assert TextEncoder(bert_like(), 16, truncation).encode([words(500)]) == whole


@pytest.mark.parametrize("text", ["w0 \ud83d", "\ud83d\ude00 w0", "w0\x00w1", "🙂", "hello world"])
def test_odd_characters_are_read(text):
    (found,) = TextEncoder(bert_like(), 8).encode([text])
    assert found.tokens >= 1


@pytest.mark.parametrize(
    ("item", "error"),
    [(None, TypeError), (3, TypeError), (b"w0", TypeError), ("", ValueError), (" \n", ValueError)],
)
def test_bad_item_is_named(item, error):
    with pytest.raises(error, match="text 7 is"):
        TextEncoder(bert_like(), 8).encode(["w0", item], first_index=6)


def test_bad_settings():
    with pytest.raises(ValueError, match="truncation is 'drop'"):
        TextEncoder(bert_like(), 8, "drop")
    with pytest.raises(ValueError, match="max_length is 2"):
        TextEncoder(bert_like(), 2)


def test_max_length_is_the_smallest_limit_known():
    tokenizer = train_character_tokenizer(TEXTS, max_length=40)
    assert max_length_of(tokenizer) == 40
    assert max_length_of(tokenizer, positions=30) == 30
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.model_max_length = 10**30
    assert max_length_of(tokenizer) == windows.DEFAULT_MAX_LENGTH


# --- lemmas ---

SENTENCES = {
    "en": "The MOVIES were \ud83d\ude00 amazing, we don't watch others",
    "ru": "Игры \ud83d зависали, троллеи\u0306бусы не помогли 😀 обновления",
}
LEMMAS = {
    "en": "the movie be 😀 amazing , we don ' t watch other",
    "ru": "игра \ufffd зависать , троллейбус не помочь 😀 обновление",
}


@pytest.fixture(params=["en", "ru"])
def language(request) -> str:
    return request.param


def lemma_encoder(language: str, train=train_word_tokenizer, max_length: int = 10**6) -> TextEncoder:
    tokenizer = train(SENTENCES.values(), cleaning=["lemmas"], language=language)
    return TextEncoder(tokenizer.backend_tokenizer, max_length, lemmas=language)


def test_lemmas_are_read_in_place_of_words(language):
    tokenizer = train_word_tokenizer([SENTENCES[language]], cleaning=["lemmas"], language=language)
    (found,) = TextEncoder(tokenizer.backend_tokenizer, 64, lemmas=language).encode([SENTENCES[language]])
    assert tokenizer.convert_ids_to_tokens(found.windows[0]) == LEMMAS[language].split()


def test_places_of_lemmas_are_those_of_the_words(language):
    text = SENTENCES[language]
    offsets, looked_at = lemma_encoder(language).offsets(text, 100)
    found = [text[start:end] for start, end in offsets]
    expected = {
        "en": [
            "The",
            "MOVIES",
            "were",
            "\ud83d\ude00",
            "amazing",
            ",",
            "we",
            "don",
            "'",
            "t",
            "watch",
            "others",
        ],
        "ru": ["Игры", "\ud83d", "зависали", ",", "троллеи\u0306бусы", "не", "помогли", "😀", "обновления"],
    }
    assert found == expected[language]
    assert looked_at == len(text)


def test_places_of_the_characters_of_a_lemma_are_the_word(language):
    text = SENTENCES[language]
    encoder = lemma_encoder(language, train_character_tokenizer)
    count = encoder.encode([text])[0].tokens
    offsets, _ = encoder.offsets(text, count)
    assert len(offsets) == count == len("".join(LEMMAS[language].split())) + text.count(" ")
    assert (offsets[:, 0] < offsets[:, 1]).all()
    assert (offsets[1:, 0] >= offsets[:-1, 0]).all()
    assert offsets[-1, 1] == len(text)


@pytest.mark.parametrize("train", [train_word_tokenizer, train_character_tokenizer])
def test_a_long_text_of_lemmas_is_read_in_pieces(language, train):
    text = " ".join([SENTENCES[language]] * 3_000)
    assert len(text) > 2 * windows.PIECE_CHARACTERS
    encoder = lemma_encoder(language, train)
    (short,) = encoder.encode([f"{SENTENCES[language]} "])
    (found,) = encoder.encode([text])
    spaces = train is train_character_tokenizer
    assert found.windows[0] == (short.windows[0] * 3_000)[: -1 if spaces else None]
    offsets, looked_at = encoder.offsets(text, found.tokens)
    assert len(offsets) == found.tokens
    assert looked_at == len(text)
    assert text[offsets[-1][0] :] == SENTENCES[language].split()[-1]


def test_an_encoder_with_lemmas_can_be_pickled(language):
    encoder = lemma_encoder(language)
    assert pickle.loads(pickle.dumps(encoder)).encode([SENTENCES[language]]) == encoder.encode(
        [SENTENCES[language]]
    )


def test_lemmas_need_a_known_language_and_the_package(monkeypatch):
    with pytest.raises(ValueError, match="expected en or ru, found 'de'"):
        TextEncoder(bert_like(), 8, lemmas="de")
    monkeypatch.setitem(sys.modules, "simplemma", None)
    with pytest.raises(ImportError, match=r"bilstm-classifier\[lemmas\]"):
        TextEncoder(bert_like(), 8, lemmas="en")
