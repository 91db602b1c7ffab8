"""The sample of news in the package: whole, balanced, free of duplicates, cheap to load."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter, defaultdict
from importlib import resources

import pytest

from bilstm_classifier.sample import load_sample_news

CATEGORIES = [
    "climate",
    "conflicts",
    "culture",
    "economy",
    "gloss",
    "health",
    "politics",
    "science",
    "society",
    "sports",
    "travel",
]


@pytest.fixture(scope="module")
def sample() -> tuple[list[str], list[str]]:
    return load_sample_news()


def normalise(text: str) -> str:
    """Letters and digits only, lower-case, with ё read as е: what a reader would call the same text."""
    return " ".join(re.findall(r"\w+", text.lower().replace("ё", "е")))


def test_two_lists_of_equal_length(sample):
    texts, labels = sample
    assert isinstance(texts, list)
    assert isinstance(labels, list)
    assert len(texts) == len(labels) == 275


def test_at_least_twenty_texts_for_each_of_the_eleven_categories(sample):
    counts = Counter(sample[1])
    assert sorted(counts) == CATEGORIES
    assert min(counts.values()) >= 20


def test_categories_take_turns(sample):
    labels = sample[1]
    assert labels == [CATEGORIES[row % len(CATEGORIES)] for row in range(len(labels))]


def test_no_duplicates(sample):
    repeated = [text for text, count in Counter(map(normalise, sample[0])).items() if count > 1]
    assert repeated == []


def test_no_shared_openings(sample):
    openings = Counter(" ".join(normalise(text).split()[:3]) for text in sample[0])
    assert [opening for opening, count in openings.items() if count > 1] == []


def test_every_text_is_one_clean_line_of_russian(sample):
    for text in sample[0]:
        assert text == " ".join(text.split()), text
        assert text.isprintable(), text  # no NUL, tab, line break or other control character
        letters = [character for character in text if character.isalpha()]
        cyrillic = [character for character in letters if re.match("[а-яё]", character.lower())]
        assert len(cyrillic) > 0.7 * len(letters), text


def test_each_category_has_headlines_leads_and_stories(sample):
    lengths = defaultdict(list)
    for text, label in zip(*sample, strict=True):
        lengths[label].append(len(text))
    for label, of_label in lengths.items():
        assert min(of_label) >= 40, label
        assert sum(length <= 90 for length in of_label) >= 8, label
        assert sum(90 < length < 200 for length in of_label) >= 5, label
        assert sum(length >= 200 for length in of_label) >= 5, label


def test_the_text_of_the_readme_is_there(sample):
    texts, labels = sample
    row = texts.index("В Париже завершилась церемония завершения Олимпийских игр")
    assert labels[row] == "sports"
    assert row < len(CATEGORIES)


def test_the_file_is_plain_utf8_with_unix_line_ends():
    raw = resources.files("bilstm_classifier").joinpath("sample_news.tsv").read_bytes()
    assert raw.startswith(b"news\tlabels\n")  # no byte-order mark
    assert raw.endswith(b"\n")
    assert b"\r" not in raw
    assert b"\0" not in raw
    assert raw.decode("utf-8").count("\n") == 276


def test_two_calls_do_not_share_their_lists():
    load_sample_news()[0].clear()
    assert len(load_sample_news()[0]) == 275


def test_loading_imports_nothing_heavy():
    code = (
        "import sys; from bilstm_classifier.sample import load_sample_news; load_sample_news(); "
        "heavy = {'torch', 'transformers', 'datasets', 'pandas', 'numpy', 'sklearn'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
