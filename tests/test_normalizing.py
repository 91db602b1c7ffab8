"""Cleaning by name: what each step does, in what order, and what it leaves alone."""

import pickle
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilstm_classifier.normalizing import (
    LANGUAGES,
    LONGEST_WORD,
    STEPS,
    Lemmatizer,
    build_normalizer,
    check_steps,
    mended,
    stop_words,
)

NEGATIONS = {
    "en": "not no never nothing none nobody nor neither without cannot cant don't doesn't didn't isn't won't can't",
    "ru": "не нет ни без никогда ничего никто нельзя нигде никак нету некого нечего никакой",
}


def cleaned(text: str, *steps: str, language: str | None = None) -> str:
    return build_normalizer(steps, language).normalize_str(text)


@pytest.fixture(scope="module", params=LANGUAGES)
def lemmatizer(request) -> Lemmatizer:
    return Lemmatizer(request.param)


def lemmas_of(language: str, text: str) -> str:
    return Lemmatizer(language)(text)


# --- steps ---


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        ("lower_case", "Отличный APP", "отличный app"),
        ("links", "see http://x.y/z?a=1 now", "see now"),
        ("links", "see HTTPS://X.Y.", "see ."),
        ("links", "(www.x.org/a_b), да", "( ), да"),
        ("links", '<a href="http://x.y">here</a>', '<a href=" ">here</a>'),
        ("links", "почта ivan.petrov+1@почта.рф, ok", "почта , ok"),
        ("links", "@someone wrote a@ b and c.d", "@someone wrote a@ b and c.d"),
        ("links", "awww.nice no link", "awww.nice no link"),
        ("punctuation", "well-made, isn't it?!", "well made isnt it"),
        ("punctuation", "«Ёлки» — 5$ + «ок»…", " Ёлки 5 ок"),
        ("punctuation", "don’t 'quote' rock'n'roll", "dont quote rocknroll"),
        ("punctuation", "snake_case :) a\nb", "snake case a b"),
        ("punctuation", "good😀!👍🏽 🇷🇺 ❤️ 👩\u200d🔬", "good😀 👍🏽 🇷🇺 ❤️ 👩\u200d🔬"),
        ("digits", "v2 and 3.5 ½ ٣ x²", "v and . x"),
        ("stop_words", "The app is NOT for me", " app NOT"),
        ("stop_words", "it's it’s IT'S 'it' its-own can't", " ' ' its-own can't"),
    ],
)
def test_what_a_step_does(step, text, expected):
    assert cleaned(text, step, language="en") == expected


def test_russian_stop_words_go_and_what_turns_a_sentence_around_stays():
    text = "Это приложение НЕ для меня, но кое-что и у него есть"
    assert cleaned(text, "stop_words", language="ru") == " приложение НЕ , но кое-что есть"


def test_steps_act_in_the_order_given():
    assert cleaned("it's ok", "stop_words", "punctuation", language="en") == " ok"
    assert cleaned("i'm ok", "punctuation", "stop_words", language="en") == "im ok"


def test_lemmas_are_no_part_of_the_normalizer():
    assert cleaned("The movies were", "lemmas", language="en") == "The movies were"


@pytest.mark.parametrize("text", ["!!!", "http://x.y/z", "the", "42", "  \n "])
def test_everything_may_be_removed(text):
    assert cleaned(text, "links", "stop_words", "punctuation", "digits", language="en") == ""


@pytest.mark.parametrize(
    "text", ["z" * 200_000, "z." * 100_000, "http://" + ")" * 200_000, "z@" * 100_000, "'z" * 100_000]
)
def test_a_long_text_without_spaces_is_no_trouble(text):
    found = cleaned(text, "links", "stop_words", language="en")
    assert found == text


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_mark_or_digit_is_left_and_no_letter_lost(text):
    found = cleaned(text, "punctuation", "digits")
    letters = [character for character in text if unicodedata.category(character) in {"Lu", "Ll", "Lo"}]
    assert [c for c in found if unicodedata.category(c) in {"Lu", "Ll", "Lo"}] == letters
    assert not [c for c in found if unicodedata.category(c)[0] in "PN" and ord(c) < 0x2000]


# --- wrong steps ---


@pytest.mark.parametrize(
    ("steps", "language", "message"),
    [
        (["lowercase"], None, "unknown cleaning step 'lowercase'.*did you mean lower_case?"),
        (["zzz"], None, r"unknown cleaning step 'zzz', expected some of lower_case, .*lemmas$"),
        ("links", None, r"cleaning is the text 'links': expected a list of steps, such as \[links\]"),
        (["digits", "digits"], None, "expected each step once"),
        (["punctuation", "links"], None, "links stands after punctuation"),
        (["stop_words"], None, "stop_words needs a language: expected en or ru, found None"),
        (["lemmas"], "english", "lemmas needs a language: expected en or ru, found 'english'"),
    ],
)
def test_wrong_steps_are_named(steps, language, message):
    with pytest.raises(ValueError, match=message):
        build_normalizer(steps, language)


def test_lower_case_and_lemmas_may_stand_before_links():
    check_steps(["lemmas", "lower_case", "links"], "en")
    check_steps(STEPS, "ru")


# --- stop words ---


@pytest.mark.parametrize("language", LANGUAGES)
def test_stop_words_are_words_in_lower_case_each_once(language):
    words = stop_words(language)
    assert len(words) > 100
    assert len(set(words)) == len(words)
    for word in words:
        assert word == word.lower() == word.strip()
        assert word.replace("'", "").isalpha()
        assert cleaned(word.upper(), "stop_words", language=language) == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_stop_word_is_a_negation(language):
    for word in NEGATIONS[language].split():
        assert cleaned(word, "stop_words", language=language) == word
        spelt = word.replace("'", "")
        assert cleaned(word, "stop_words", "punctuation", language=language) == spelt
        assert cleaned(word, "punctuation", "stop_words", language=language) == spelt


# --- lemmas ---


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The MOVIES were amazing!", "the movie be amazing!"),
        ("ru", "Игры зависали, приложения удалила", "игра зависать, приложение удалить"),
        ("ru", "троллеи\u0306бусами", "троллейбус"),  # the short i in two signs, as some keyboards write it
        ("en", "5 PM, v2 😀 x_1", "5 pm, v2 😀 x_1"),
    ],
)
def test_words_become_their_dictionary_forms(language, text, expected):
    assert lemmas_of(language, text) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "don't doesn’t isn't dont didn won't never not no without cannot"),
        ("ru", "не нет ни без никогда"),
    ],
)
def test_a_negation_stays_one(language, text):
    assert lemmas_of(language, text) == text


def test_each_part_of_a_lemma_came_from_the_whole_word():
    text = "it was, ok"
    new, starts, ends = Lemmatizer("en").aligned(text)
    assert new == "it be, ok"
    assert starts == [0, 1, 2, 3, 3, 6, 7, 8, 9, 10]
    assert ends == [0, 1, 2, 3, 6, 6, 7, 8, 9, 10]


@given(text=st.text(st.sampled_from("aаWmovieswere бЫЛИмашин'’\u0301\u0306😀1 \n-"), max_size=60))
def test_places_are_those_of_the_text(lemmatizer, text):
    new, starts, ends = lemmatizer.aligned(text)
    assert new == lemmatizer(text)
    assert len(starts) == len(ends) == len(new) + 1
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert starts[-1] == ends[-1] == len(text)
    for place, character in enumerate(new):
        came_from = text[starts[place] : ends[place + 1]]
        assert came_from == character or came_from != lemmatizer(came_from)


def test_an_endless_word_is_kept(lemmatizer):
    assert lemmatizer("a" * (LONGEST_WORD + 1)) == "a" * (LONGEST_WORD + 1)


def test_a_lemmatizer_can_be_pickled(lemmatizer):
    assert pickle.loads(pickle.dumps(lemmatizer))("игры movies") == lemmatizer("игры movies")


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "simplemma", None)
    with pytest.raises(ImportError, match=r"pip install 'bilstm-classifier\[lemmas\]'"):
        Lemmatizer("en")


# --- surrogates ---


def test_surrogates_are_mended():
    assert mended("a\ud83d\ude00 \ud83d б") == "a😀 \ufffd б"
