"""Both languages say everything, with the same blanks."""

import string

import pytest

from bilstm_classifier.app.messages import LANGUAGES, messages, percent, say


@pytest.mark.parametrize("key", messages())
def test_both_languages_of_a_message(key):
    message = messages()[key]
    assert set(message) == set(LANGUAGES)
    blanks = [
        {name for _, name, _, _ in string.Formatter().parse(message[language]) if name}
        for language in LANGUAGES
    ]
    assert blanks[0] == blanks[1]


def test_numbers_are_written_as_the_language_does():
    assert "1,234,567 characters" in say("text_too_long", "en", limit=1_234_567)
    assert "1\u00a0234\u00a0567" in say("text_too_long", "ru", limit=1_234_567)
    assert (percent(0.657, "en"), percent(0.657, "ru")) == ("65.7%", "65,7\u00a0%")
    assert (percent(0.99999, "en"), percent(1, "en"), percent(0, "en")) == ("> 99.9%", "100.0%", "0.0%")


def test_another_language_is_answered_in_english():
    assert say("text", "fr") == "Text"
