"""Which texts count as Russian. All were written for these tests."""

import pytest

from bilstm_classifier import load_sample_news
from bilstm_classifier.app.russian import looks_russian

OTHERS = {
    "English": "The central bank has raised its key rate, and loans will be dearer as early as December",
    "Ukrainian": "Уряд вирішив підвищити мінімальну зарплату, але її розмір поки що не називають",
    "Bulgarian": "Правителството реши да увеличи заплатите на учителите, но първо ще търси пари в бюджета",
    "Kazakh": "Үкімет жаңа мектептер салуды жоспарлап отыр, бірақ қаржы әлі бөлінген жоқ",
    "letters without sense": " ".join(["фывапр олджэ ячсмит ьбюйцу кенгшщ"] * 5),
}


@pytest.mark.parametrize("language", OTHERS)
def test_other_languages_do_not_look_russian(language):
    assert not looks_russian(OTHERS[language])


def test_the_sample_news_look_russian():
    texts, _ = load_sample_news()
    assert [text for text in texts if not looks_russian(text)] == []


@pytest.mark.parametrize(
    "text", ["", "2026", "!!!", "ЦБ", "Матч «Спартак» — ЦСКА: 2:1", "Газета «Коммерсантъ» объявила итоги"]
)
def test_in_doubt_a_text_is_russian(text):
    assert looks_russian(text)
