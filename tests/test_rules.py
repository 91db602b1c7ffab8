"""Keyword rules: what matches, the file and its mistakes, and mining that finds signs and no chance words."""

import csv
import gzip
import random
import unicodedata
from datetime import date

import numpy as np
import pytest
import yaml
from conftest import SHARED

from bilstm_classifier.rules import Match, Rule, Rules, mine_rules, prune_rules, read_rules, write_rules

NAMES = ["cooking", "learning", "travel"]
RULES = Rules((Rule("cooking", ("recipe", "Плов")), Rule("travel", ("travel vlog", "K-pop tour", "maps"))))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("A RECIPE for bread", ("cooking", "recipe")),
        ("узбекский «ПЛОВ»!", ("cooking", "Плов")),
        ("my first travel-vlog", ("travel", "travel vlog")),
        ("the k-POP tour begins", ("travel", "K-pop tour")),
        ("maps first, then the recipe", ("cooking", "recipe")),
        ("maps of a travel vlog", ("travel", "maps")),
        ("recipes", None),
        ("vlog travel", None),
        ("travel [SEP] vlog", None),
        ("travel [SEP] travel vlog", ("travel", "travel vlog")),
        ("", None),
    ],
)
def test_matching(text, match):
    assert RULES.match(text) == match
    assert RULES.match_many([text, "no rule here"]) == [match, None]


@pytest.mark.parametrize("word", ["बिरयानी", "রান্না", "சமையல்", "ёлка", "straße", "кафе\u0301"])
def test_a_word_is_whole_in_any_script(word):
    rules = Rules((Rule("cooking", (word,)),))
    for text in (
        f"({word}) 1",
        word.upper(),
        unicodedata.normalize("NFD", word),
        unicodedata.normalize("NFC", word),
    ):
        assert rules.match(text) == Match("cooking", word)
    assert rules.match(word + "ह") is rules.match(word[:-1]) is None


def test_no_rules_match_nothing():
    assert Rules().match("anything") is None


@pytest.mark.parametrize("content", ["", "# all taken out\n", "rules:\n", "rules: []\n"])
def test_a_file_without_rules_is_no_mistake(tmp_path, content):
    path = tmp_path / "rules.yaml"
    path.write_text(content, encoding="utf-8")
    assert read_rules(path, NAMES) == Rules()


def test_a_label_that_yaml_takes_for_a_number(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("rules:\n- label: 10\n  words: [recipe]\n", encoding="utf-8")
    assert read_rules(path, ["10", "22"]) == Rules((Rule("10", ("recipe",)),))


@pytest.mark.parametrize("keyword", ["C++", "#tag", "so-called "])
def test_a_keyword_that_would_lose_its_marks_is_refused(keyword):
    with pytest.raises(ValueError, match="it would match without its marks"):
        Rules((Rule("travel", (keyword,)),))


def test_a_file_is_read_back_as_it_was_written(tmp_path):
    path = tmp_path / "rules.yaml"
    words = (
        "yes",
        "no",
        "2024",
        "1e3",
        "10:30",
        "null",
        "плов",
        "бирьяни из риса",
        "K-pop",
        "बिरयानी",
        "a: b",
        "a # c",
        "2024-01-02",
    )
    rules = Rules((Rule("cooking", words), Rule("travel", tuple(f"word {number}" for number in range(60)))))
    write_rules(rules, path, "Mined from 700 texts.\n\nEdit freely: плов.")
    assert read_rules(path, NAMES) == rules
    content = path.read_text(encoding="utf-8")
    assert content.startswith("# Mined from 700 texts.\n#\n# Edit freely: плов.\nrules:\n")
    assert "'yes', 'no', '2024'" in content
    assert "бирьяни из риса" in content
    assert max(map(len, content.splitlines())) <= 120


def test_an_edited_file(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(
        """
        rules:
          - label: travel
            words: ["travel vlog", itinerary]
          - {label: cooking, words: [recipe]}
          - label: travel
            words:
              - maps
        """,
        encoding="utf-8",
    )
    rules = read_rules(path, NAMES)
    assert [rule.label for rule in rules.rules] == ["travel", "cooking", "travel"]
    assert rules.match("maps and a recipe") == ("cooking", "recipe")


def test_no_rules_are_written_and_read(tmp_path):
    write_rules(Rules(), tmp_path / "rules.yaml")
    assert (tmp_path / "rules.yaml").read_text(encoding="utf-8") == "rules: []\n"
    assert read_rules(tmp_path / "rules.yaml", NAMES) == Rules()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rules: [", "cannot be read as YAML"),
        ("[]", "holds no rules: expected the key rules"),
        ("- label: travel", "holds no rules"),
        ("rules: {label: travel}", "holds no rules"),
        ("rules: []\norder: 1", "expected the key rules alone"),
        ("rules: [travel]", "rule 1 is 'travel': expected a label and words"),
        ("rules: [{label: travel}]", "rule 1 is .*: expected a label and words"),
        ("rules: [{label: travel, words: [map], weight: 2}]", "expected a label and words"),
        ("rules: [{label: travle, words: [map]}]", "'travle', which is not known: the nearest are travel"),
        ("rules: [{label: no, words: [map]}]", "rule 1 has the label False"),
        ("rules: [{label: travel, words: map}]", r"rule 1 \(travel\) has the words 'map': expected a list"),
        ("rules: [{label: travel, words: [map, yes]}]", r"has the word True: expected a text \(quote"),
        ("rules: [{label: travel, words: [2024]}]", "has the word 2024: expected a text"),
        (
            "rules: [{label: travel, words: [2024-01-02]}]",
            repr(date(2024, 1, 2)).replace("(", r"\(").replace(")", r"\)"),
        ),
        ("rules: [{label: travel, words: ['']}]", "'travel' has the keyword '': expected 1 to 3 words"),
        ("rules: [{label: travel, words: ['!?']}]", "expected 1 to 3 words"),
        ("rules: [{label: travel, words: [a b c d]}]", "the keyword 'a b c d': expected 1 to 3 words"),
        ("rules: [{label: travel, words: ['a [SEP] b']}]", "expected 1 to 3 words"),
        (
            "rules: [{label: travel, words: [Map]}, {label: cooking, words: [map]}]",
            "the keyword 'map' stands under 'travel' and under 'cooking'",
        ),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, content, message):
    path = tmp_path / "rules.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as raised:
        read_rules(path, NAMES)
    assert str(path) in str(raised.value)


def test_a_file_that_is_not_utf_8_is_named(tmp_path):
    (tmp_path / "rules.yaml").write_bytes("rules: [плов]".encode("cp1251"))
    with pytest.raises(ValueError, match=r"rules\.yaml cannot be read as YAML"):
        read_rules(tmp_path / "rules.yaml", NAMES)
    with pytest.raises(FileNotFoundError, match="absent"):
        read_rules(tmp_path / "absent.yaml", NAMES)


def random_texts(count, words=15, vocabulary=300, seed=0):
    """Texts of random words, with label ids in turn."""
    generator = random.Random(seed)
    texts = [" ".join(f"w{generator.randrange(vocabulary)}" for _ in range(words)) for _ in range(count)]
    return texts, [number % len(NAMES) for number in range(count)]


def test_planted_words_and_phrases_are_found_and_nothing_else():
    texts, labels = random_texts(900)
    for number in range(0, 900, 9):  # every third text of each label
        texts[number] += " Recipe, of today"
        texts[number + 1] = "How to count. " + texts[number + 1]
        texts[number + 2] += " count to, how"
    rules = mine_rules(texts, labels, NAMES)
    # What is said alike, such as "of today" and "to count", claims nothing more; "how", "to" and "count" tell nothing.
    assert rules == Rules(
        (Rule("cooking", ("recipe",)), Rule("learning", ("to count",)), Rule("travel", ("count to",)))
    )
    assert rules.match("A RECIPE") == ("cooking", "recipe")


@pytest.mark.parametrize("vocabulary", [50, 1000, 20_000])
def test_chance_words_make_no_rules(vocabulary):
    texts, labels = random_texts(2000, vocabulary=vocabulary, seed=3)
    random.Random(0).shuffle(labels)
    assert mine_rules(texts, labels, NAMES) == Rules()


def test_the_name_of_a_channel_is_no_rule():
    texts, labels = random_texts(600)
    channels = [f"channel {number % 60}" for number in range(600)]  # of one label each
    for number in range(600):
        if number % 60 == 0:
            texts[number] += " Grandma Kitchen"
        if labels[number] == 0:
            texts[number] += " recipe"
    ungrouped = mine_rules([text.replace("recipe", "") for text in texts], labels, NAMES)
    assert ungrouped.match("grandma kitchen")
    grouped = mine_rules([text.replace("recipe", "") for text in texts], labels, NAMES, groups=channels)
    assert grouped == Rules()
    assert mine_rules(texts, labels, NAMES, groups=channels) == Rules((Rule("cooking", ("recipe",)),))


def test_a_word_that_one_channel_repeats_outvotes_no_others():
    texts = ["soup"] * 200 + ["soup"] * 6 + ["other"] * 20
    labels = [0] * 200 + [1] * 6 + [1] * 20
    channels = ["one"] * 200 + [f"small {number}" for number in range(26)]
    assert mine_rules(texts, labels, NAMES).match("soup") == ("cooking", "soup")
    assert mine_rules(texts, labels, NAMES, groups=channels).match("soup") is None


def test_phrases_do_not_cross_columns():
    texts = [f"{'north' if number % 2 else 'x'} [SEP] star {number}" for number in range(60)]
    texts += [f"north {number}" for number in range(30)] + [f"star {number}" for number in range(30)]
    labels = [number % 2 for number in range(60)] + [2] * 60
    words = {word for rule in mine_rules(texts, labels, NAMES).rules for word in rule.words}
    assert words == {"x"}


def test_precision_and_least_texts_are_kept():
    texts, labels = ["stew"] * 20 + ["rare"] * 4 + ["rest"] * 76, [0] * 18 + [1] * 2 + [0] * 4 + [1] * 76
    assert mine_rules(texts, labels, NAMES, precision=0.95).match("stew") is None
    assert mine_rules(texts, labels, NAMES, precision=0.8).match("stew") == ("cooking", "stew")
    assert mine_rules(texts, labels, NAMES, precision=0.8).match("rare") is None
    assert mine_rules(texts, labels, NAMES, precision=0.8, least_texts=4).match("rare") == ("cooking", "rare")


def test_a_label_has_no_more_words_than_asked_for_the_most_claiming_first():
    texts = [f"word{number}" for number in range(30) for _ in range(20 + number)]
    rules = mine_rules(texts, [0] * len(texts), NAMES, most_words=3)
    assert rules == Rules((Rule("cooking", ("word29", "word28", "word27")),))


def test_errors_do_not_add_up_over_the_words_of_a_rule():
    """Each word is precise enough; all of them claim the same right texts and each its own wrong one."""
    words = [f"w{number}" for number in range(12)]
    texts = [" ".join(words)] * 40 + words
    labels = [0] * 40 + [1] * 12
    rules = mine_rules(texts, labels, NAMES, precision=0.9)
    claimed = [label for match, label in zip(rules.match_many(texts), labels, strict=True) if match]
    assert 1 - np.mean(claimed) >= 0.9


def test_mined_rules_pass_through_a_file(tmp_path):
    texts = ["Да, yes 2024"] * 30 + ["Нет, no"] * 30
    rules = mine_rules(texts, [0] * 30 + [1] * 30, NAMES)
    write_rules(rules, tmp_path / "rules.yaml")
    assert read_rules(tmp_path / "rules.yaml", NAMES) == rules
    assert (
        yaml.safe_load((tmp_path / "rules.yaml").read_text(encoding="utf-8"))["rules"][0]["label"]
        == "cooking"
    )


@pytest.mark.parametrize("texts", [[], ["", "!", "[SEP]"], ["one", "two", "three"]])
def test_too_few_texts_make_no_rules(texts):
    assert mine_rules(texts, [0] * len(texts), NAMES, groups=texts) == Rules()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], [0, 1], NAMES), "1 texts have 2 labels: expected one a text"),
        ((["a"], [0], NAMES, 0.9, 5, []), "1 texts have 1 labels and 0 groups"),
        ((["a"], [3], NAMES), "labels hold 3: expected a label id from 0 to 2"),
        ((["a"], [0], NAMES, 1.0), "precision is 1.0: expected a share from above 0 to below 1"),
    ],
)
def test_bad_input_to_mining_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        mine_rules(*arguments)


@pytest.mark.shared
def test_rules_of_some_channels_are_as_precise_for_videos_of_others():
    with gzip.open(
        SHARED / "youtube-videos/youtube_dataset.csv.gz", "rt", encoding="utf-8", newline=""
    ) as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["topic"] for row in rows})
    channels = sorted({row["channel_id"] for row in rows})
    held_out = set(random.Random(0).sample(channels, len(channels) // 3))

    def columns(rows):
        return [f"{row['title']} [SEP] {row['tags']}" for row in rows], [
            names.index(row["topic"]) for row in rows
        ]

    train = [row for row in rows if row["channel_id"] not in held_out]
    texts, labels = columns(train)
    rules = mine_rules(texts, labels, names, precision=0.95, groups=[row["channel_id"] for row in train])
    texts, labels = columns([row for row in rows if row["channel_id"] in held_out])
    pairs = zip(rules.match_many(texts), labels, strict=True)
    right = [match.label == names[label] for match, label in pairs if match]
    assert len(right) > 0.7 * len(texts)
    assert np.mean(right) > 0.95
    assert sum(len(rule.words) for rule in rules.rules) < 40


# --- pruning ---


def test_a_keyword_that_is_right_less_often_than_the_model_goes():
    rules = Rules((Rule("cooking", ("recipe", "soup")), Rule("travel", ("trip", "recipe book"))))
    texts = ["a recipe", "recipe of success", "good soup", "a trip", "a long trip", "nothing"]
    labels = np.array([0, 1, 0, 1, 1, 0])
    model = np.array(
        [0, 1, 1, 1, 0, 0]
    )  # right of "recipe of success", wrong of "good soup" and "a long trip"
    pruned = prune_rules(rules, texts, labels, model, ["cooking", "travel"])
    assert pruned.rules == (Rule("cooking", ("soup",)), Rule("travel", ("trip", "recipe book")))
    assert prune_rules(pruned, texts, labels, model, ["cooking", "travel"]) == pruned


def test_rules_stay_where_the_model_gives_no_answer():
    rules = Rules((Rule("cooking", ("recipe",)),))
    pruned = prune_rules(rules, ["a recipe", "a recipe"], [0, 1], [-1, -1], ["cooking", "travel"])
    assert pruned == rules


def test_pruning_may_leave_no_rule():
    rules = Rules((Rule("cooking", ("recipe",)),))
    assert prune_rules(rules, ["a recipe"], [1], [1], ["cooking", "travel"]) == Rules()
