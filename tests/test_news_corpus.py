"""What training/prepare_news.py stands on: readers, text, rules, readings, stories, near-duplicates, balance."""

import re
from collections import Counter

import pytest
import yaml
from news_files import rss, tar, words

from news.balance import balance_rows  # isort: skip
from news.cleaning import clean_body, join_title_and_body, normalise_text, text_key  # isort: skip
from news.near_duplicates import OPENING, Stories, shingles  # isort: skip
from news.readers import RawRow, load_sources, read_rows  # isort: skip
from news.readings import Reading, load_readings, text_id  # isort: skip
from news.rules import load_mapping, word_pattern  # isort: skip
from news.stories import (  # isort: skip
    NewsRow,
    cap_sources,
    deal_stories,
    group_stories,
    join_stories,
    load_label_issues,
    mend_labels,
)

# --- readers ---


def source_of(tmp_path, **entry):
    """One source as the list gives it."""
    base = {"name": "one", "enabled": True, "why": "a test", "rubrics": "site", "text": "body"}
    base |= {"licence": "ours", "published": {}, "files": []}
    path = tmp_path / "sources.yaml"
    path.write_text(yaml.safe_dump({"sources": [{**base, **entry}]}), "utf-8")
    return load_sources(path)[0]


def test_tsv_takes_quotation_marks_as_they_come(tmp_path):
    source = source_of(tmp_path, reader="tsv", columns={"rubric": "GOLDEN:res", "body": "INPUT:text"})
    path = tmp_path / "part.tsv"
    path.write_text('INPUT:text\tGOLDEN:res\n"Город" ждет "праздника\tsociety\nДва, три\tsports\n', "utf-8")
    assert list(read_rows(source, path)) == [
        RawRow("society", "", '"Город" ждет "праздника', "", ""),
        RawRow("sports", "", "Два, три", "", ""),
    ]


def test_taiga_joins_each_text_with_its_line_of_the_metadata(tmp_path):
    source = source_of(tmp_path, reader="taiga")
    columns = ["textid", "textname", "textrubric", "source", "date"]
    lines = [
        columns,
        ["nplus1_1", "Телескоп", "Космос", "https://example.org/1", "12.03.2016"],
        ["nplus1_2", "Без текста", "Наука", "https://example.org/2", "10:15 13.03.2016"],
    ]
    metadata = "\n".join("\t".join(line) for line in lines)
    members = {
        "N/texts/nplus1_1.txt": "Телескоп увидел\nзвезду".encode(),
        "N/newmetadata.csv": metadata.encode(),
    }
    tar(tmp_path / "N.tar.xz", members)
    assert list(read_rows(source, tmp_path / "N.tar.xz")) == [
        RawRow("Космос", "Телескоп", "Телескоп увидел звезду", "https://example.org/1", "2016-03-12"),
        RawRow("Наука", "Без текста", "", "https://example.org/2", "2016-03-13"),
    ]
    del members["N/newmetadata.csv"]
    tar(tmp_path / "N.tar.xz", members)
    with pytest.raises(ValueError, match=r"no newmetadata\.csv"):
        next(read_rows(source, tmp_path / "N.tar.xz"))
    tar(tmp_path / "N.tar.xz", {"N/newmetadata.csv": metadata.replace("textrubric", "rubric").encode()})
    with pytest.raises(ValueError, match=r"expected \['textrubric'\] among them"):
        next(read_rows(source, tmp_path / "N.tar.xz"))


def test_rss_takes_the_first_category_and_the_guid_for_want_of_a_link(tmp_path):
    source = source_of(tmp_path, reader="rss")
    path = tmp_path / "feed.xml"
    path.write_bytes(rss([{"title": "Город", "category": "Мир", "guid": " https://example.org/1 "}]))
    assert list(read_rows(source, path)) == [RawRow("Мир", "Город", "", "https://example.org/1", "")]


# --- text ---


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  Два\u00a0слова,\n\tеще\u2009одно ", "Два слова, еще одно"),
        ("Ученые &laquo;нашли&raquo; &amp;quot;это&amp;quot;", 'Ученые «нашли» "это"'),
        ("и\u0306\u200b\u00ad", "й"),  # composed; the zero-width space and the soft hyphen are gone
        ("Обычный <b>текст</b><br/>без разметки", "Обычный текст без разметки"),
        ("5 < 6 и a>b", "5 < 6 и a>b"),
        ("\x00нуль\ud800", "нуль"),
    ],
)
def test_normalise_text(raw, clean):
    assert normalise_text(raw) == clean


@pytest.mark.parametrize(
    "raw",
    [
        "МОСКВА, 12 янв - РИА Новости. Город готовится к празднику.",
        "МОСКВА, 12 янв — РИА Новости, Иван Петров. Город готовится к празднику.",
        "САНКТ-ПЕТЕРБУРГ, 3 декабря. /ТАСС/. Город готовится к празднику.",
        "ВЛАДИВОСТОК, 3 декабря/ Радио Sputnik. Город готовится к празднику.",
        "Фото: Иван Петров / РИА Новости\nГород готовится к празднику.",
        "Фото: Иван Петров / РИА Новости Город готовится к празднику.",
        "Мэр города Фото: пресс-служба мэрии Город готовится к празднику.",
        "Город готовится (Фото: Иван Петров / ТАСС) к празднику.",
        "Город готовится к празднику.\nМатериалы по теме:\nКак это было в прошлом году\n3 декабря 2023",
        "Город готовится к празднику. Фото: Иван Петров / Reuters",
        "Кадр: видео с телефона\nГород готовится к празднику .",
        "Город готовится к празднику. Такого Telegram-канала, как у нас, нет ни у кого. "
        "Он для тех, кто хочет делать выводы сам.",
    ],
)
def test_clean_body_keeps_the_story_alone(raw):
    assert clean_body(raw) == "Город готовится к празднику."


@pytest.mark.parametrize(
    "text",
    [
        "Москва, 12 января, станет холоднее: так считают в Гидрометцентре.",
        "Фотограф снял редкую птицу. Фото появилось в сети.",
        "Агентство ТАСС сообщило о празднике. Об этом пишет РИА Новости.",
    ],
)
def test_clean_body_leaves_ordinary_sentences(text):
    assert clean_body(text) == text


def test_join_title_and_body():
    assert join_title_and_body("Город ждет праздника", "Готовы все.") == "Город ждет праздника. Готовы все."
    assert join_title_and_body("Чего ждет город?", "Праздника.") == "Чего ждет город? Праздника."
    assert join_title_and_body("", "Праздника.") == "Праздника."
    assert join_title_and_body("Город", "") == "Город"


def test_text_key_sees_the_same_text_behind_marks_case_and_yo():
    assert text_key("Всё идёт — «по плану»!") == text_key("ВСЕ ИДЕТ ПО ПЛАНУ")
    assert text_key("по плану 1") != text_key("по плану 2")


# --- rules ---


def test_words_are_whole_and_stems_open():
    assert word_pattern(["кит"]).search("в море заметили кит") is not None
    assert word_pattern(["кит"]).search("китай закрыл границу") is None
    assert word_pattern(["медвед*"]).search("медведица с детьми") is not None
    assert word_pattern(["медвед*"]).search("о людоведах") is None
    assert word_pattern([["красн* книг*"], "лось"]).search("виды из красной книги") is not None
    assert word_pattern(["красн* книг*"]).search("красная площадь и книга") is None


def mapping_of(tmp_path, entry):
    path = tmp_path / "mapping.yaml"
    path.write_text(yaml.safe_dump({"rubrics": {"site": {"Все": entry}}}, allow_unicode=True), "utf-8")
    return load_mapping(path)["site"]["Все"]


def test_the_first_rule_that_applies_decides(tmp_path):
    mapping = mapping_of(
        tmp_path,
        {
            "rules": [
                {"category": "climate", "words": ["медвед*", "ураган*"], "unless": ["снаряд*"]},
                {"category": None, "words": ["снаряд*"]},
                {"category": "politics", "words": ["выбор*", "медвед*"]},
            ],
            "otherwise": "society",
        },
    )
    assert mapping.category("Медведь вышел к людям") == "climate"
    assert mapping.category("Установка «Ураган» выпустила снаряды") is None
    assert mapping.category("Назначены выборы мэра") == "politics"
    assert mapping.category("Двор украсили к празднику") == "society"
    assert mapping.category("Ёлку украсили. " + "Праздник прошел. " * 20 + "Выборы") == "society"


def test_a_rule_with_a_misspelt_key_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a rule has `category`, `words`"):
        mapping_of(tmp_path, {"rules": [{"category": "climate", "stems": ["медвед*"]}], "otherwise": None})


# --- readings ---


def test_readings_are_kept_by_the_id_of_their_text(tmp_path):
    path = tmp_path / "readings.tsv"
    codes = {"Город ждет праздника": "so", "Всё идёт по плану": "po?", "Реклама": "xx"}
    path.write_text("".join(f"{text_id(text)}\t{code}\n" for text, code in codes.items()), "utf-8")
    assert load_readings(path) == {
        text_id("Город ждет праздника"): Reading("society", False),
        text_id("ВСЕ ИДЕТ ПО ПЛАНУ!"): Reading("politics", True),
        text_id("реклама"): Reading(None, False),
    }
    path.write_text("", "utf-8")
    assert load_readings(path) == {}


@pytest.mark.parametrize(
    "line",
    [
        "0123456789abcdef",
        "0123456789abcdef\t",
        "0123456789abcdef\tsport",
        "0123456789abcdef\tsp??",
        "0123456789abcdef sp",
        "0123456789abcdef\tsp\tcu",
        "0123456789abcde\tsp",
        "0123456789ABCDEF\tsp",
        " 0123456789abcdef\tsp",
        "",
        "# id\tcode",
    ],
)
def test_a_line_that_is_no_reading_is_named_by_its_number(tmp_path, line):
    path = tmp_path / "readings.tsv"
    path.write_text(f"{text_id('а')}\tsp\n{line}\n{text_id('б')}\tsp\n", "utf-8")
    with pytest.raises(ValueError, match=r"readings\.tsv, line 2: .*expected an id of 16 hexadecimal digits"):
        load_readings(path)


def test_a_text_is_read_once(tmp_path):
    path = tmp_path / "readings.tsv"
    path.write_text(f"{text_id('а')}\tsp\n{text_id('б')}\tcu\n{text_id('а')}\tsp\n", "utf-8")
    with pytest.raises(ValueError, match=rf"line 3: the id {text_id('а')} occurs twice"):
        load_readings(path)


def test_a_reading_counts_within_what_the_rubric_allows(tmp_path):
    rule = {"category": "climate", "words": ["медвед*"]}
    mixed = mapping_of(tmp_path, {"read": ["science", "culture"], "rules": [rule], "otherwise": "science"})
    assert mixed.decide("Медведь вышел", Reading("culture", False)) == ("culture", "reading")
    assert mixed.decide("Медведь вышел", Reading("climate", False)) == (None, "reading")
    assert mixed.decide("Медведь вышел", Reading(None, True)) == (None, "reading")
    assert mixed.decide("Медведь вышел") == ("climate", "rule")
    assert mixed.decide("Двор украсили") == ("science", "rubric")
    anything = mapping_of(tmp_path, {"read": "any", "rules": [], "otherwise": None})
    assert anything.decide("Двор украсили", Reading("travel", True)) == ("travel", "reading")
    assert anything.decide("Двор украсили") == (None, "rubric")
    pure = mapping_of(tmp_path, "sports")
    assert pure.decide("Двор украсили", Reading("sports", False)).category == "sports"
    assert pure.decide("Двор украсили", Reading("culture", False)).category is None
    closed = mapping_of(tmp_path, None)
    assert closed.decide("Двор украсили", Reading("culture", False)).category is None


# --- stories ---


def row(text, category="sports", keys=(), source="test", **more):
    return NewsRow(text, category, source, "", "", "", text, (f"text {text}", *keys), **more)


def ids(stories):
    return [[one.id for one in story] for story in stories]


@pytest.fixture
def counts():
    return {"test": Counter(), "other": Counter()}


def test_stories_join_through_a_chain_of_keys(counts):
    rows = [row("a", keys=["url 1"]), row("b", keys=["url 2"]), row("c", keys=["url 1", "url 2"]), row("d")]
    assert ids(group_stories(rows, counts)) == [["a", "b", "c"], ["d"]]
    assert counts["test"] == {"kept": 4}


def test_a_story_of_two_categories_is_dropped_whole(counts):
    rows = [row("a", keys=["url 1"]), row("b", "culture", keys=["url 1"]), row("c")]
    assert ids(group_stories(rows, counts)) == [["c"]]
    assert counts["test"] == {"story of several categories": 2, "kept": 1}


def test_near_duplicates_are_one_story_and_keep_their_categories(counts):
    story = words("шторм")
    retold = f"{story} напоследок"
    rows = [row(story, "climate"), row(words("матч")), row(retold, "conflicts"), row(story, "climate")]
    stories = group_stories(rows, counts)
    assert ids(stories) == [[story, retold], [words("матч")]]
    assert counts["test"] == {"kept": 3, "repeated text": 1}
    assert ids(join_stories(rows)) == [[story, retold, story], [words("матч")]]


def test_a_story_longer_than_a_split_still_goes_to_one_split(counts):
    stories = [[row(f"{number}-{part}") for part in range(6)] for number in range(5)]
    splits = deal_stories(stories, 0, 0.2, 0.1, counts)
    assert {name: len(split) for name, split in splits.items() if split} == {
        "train": 18,
        "validation": 6,
        "test": 6,
    }
    for split in splits.values():
        assert all(count == 6 for count in Counter(one.id.split("-")[0] for one in split).values())


@pytest.mark.parametrize("seed", range(5))
def test_a_story_with_one_doubtful_row_or_one_row_of_a_training_source_trains(seed, counts):
    stories = [[row(f"{number}")] for number in range(60)]
    stories += [[row(f"{number} a"), row(f"{number} b", doubtful=True)] for number in range(20)]
    stories += [[row(f"{number} c"), row(f"{number} d", role="train")] for number in range(20)]
    splits = deal_stories(stories, seed, 0.2, 0.1, counts)
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [98, 14, 28]
    assert {len(one.id.split()) for name in ("validation", "test") for one in splits[name]} == {1}


def test_a_further_test_takes_its_stories_and_leaves_out_what_others_tell_of_them(counts):
    stories = [
        [row("a", role="test_later"), row("b", source="other")],
        [row("c", role="test_unseen", doubtful=True), row("d", role="test_unseen")],
        [row("e", role="test_unseen"), row("f", role="test_later")],
        [row("g", source="other")],
    ]
    splits = deal_stories(stories, 0, 0, 0, counts)
    found = {name: sorted(one.id for one in split) for name, split in splits.items()}
    assert found == {
        "train": ["g"],
        "validation": [],
        "test": [],
        "test_later": ["a", "f"],
        "test_unseen": ["d"],
    }
    assert counts["other"] == {"kept": -1, "story of a further test": 1}
    assert counts["test"]["doubtful, not for a further test"] == 1


def test_a_cap_takes_rows_by_the_seed_whatever_else_there_is(counts):
    stories = [[row(f"{number}", source="test"), row(f"{number}x", source="other")] for number in range(30)]
    stories.append([row("culture", "culture")])
    capped, spare = cap_sources(stories, {"test": 10}, 1, counts)
    kept = {one.id for story in capped for one in story if one.source == "test"}
    assert len(kept) == 11  # ten of sports, one of culture
    assert len(spare) == 20
    assert not kept & {one.id for one in spare}
    assert counts == {"test": {"over the cap": 20, "kept": -20}, "other": {}}
    assert sum(one.source == "other" for story in capped for one in story) == 30
    fewer, _ = cap_sources(stories[10:], {"test": 10}, 1, counts)
    again = {one.id for story in fewer for one in story if one.source == "test"}
    assert kept & {one.id for story in stories[10:] for one in story} <= again
    other_seed, _ = cap_sources(stories, {"test": 10}, 2, counts)
    assert {one.id for story in other_seed for one in story if one.source == "test"} != kept


def test_label_issues_are_read_and_a_wrong_line_is_named(tmp_path):
    path = tmp_path / "issues.tsv"
    path.write_text("a\tsports\tculture\nb\tsports\t-\n", "utf-8")
    assert load_label_issues(path) == {"a": ("sports", "culture"), "b": ("sports", None)}
    for line in ("a\tsports", "a\tsports\tsport", "", "a\tsports\tculture\t"):
        path.write_text(f"a\tsports\tculture\n{line}\n", "utf-8")
        with pytest.raises(ValueError, match=r"issues\.tsv, line 2"):
            load_label_issues(path)


def test_labels_are_mended_where_the_label_is_still_the_one_found_wrong(counts):
    issues = {"a": ("sports", "culture"), "b": ("sports", None), "c": ("gloss", "culture")}
    rows = [row("a"), row("b"), row("c"), row("d")]
    mended = mend_labels(rows, issues, counts)
    assert [(one.id, one.category, one.decided_by) for one in mended] == [
        ("a", "culture", "reading"),
        ("c", "sports", "rubric"),
        ("d", "sports", "rubric"),
    ]
    assert counts["test"] == {"kept": -1, "label issue: no category fits": 1}


# --- near-duplicates ---


def test_near_duplicates_share_half_of_their_words_and_pairs():
    story = "Синоптики предупредили жителей столицы о сильном снегопаде в выходные дни"
    told = [
        story,
        "Синоптик предупредил жителей столицы о сильных снегопадах в выходные",  # other endings
        "Жители столицы узнали о снегопаде",
        "Сборная выиграла третий матч подряд и вышла в финал турнира",
    ]
    assert list(Stories(told).pairs()) == [(0, 1)]
    assert Stories(told[1:]).near([story, "", "Снегопад", told[3] + "!"]) == [True, False, False, True]
    assert shingles("Ёлка, елку") == {"елка", "елку", "елка елку"}


def test_too_few_words_make_no_story():
    assert not list(Stories(["Фото дня", "Фото дня"]).pairs())
    assert list(Stories(["Фото дня выбрали наши читатели"] * 2).pairs()) == [(0, 1)]


def test_the_opening_of_a_text_tells_its_story():
    opening = f"{words('начало', 16)} {words('продолжение', 16)}"[:OPENING]
    longer = [opening + " " + words(f"конец {number}", 16) * 9 for number in range(2)]
    assert len(opening) > OPENING - 150
    assert Stories([longer[0]]).near([longer[1]]) == [True]
    assert Stories([longer[0]]).near([longer[1][OPENING:]]) == [False]


def test_the_index_finds_what_comparing_every_pair_finds():
    texts = []
    for number in range(80):  # twenty stories, each told with 0, 1, 2 and 5 of its 12 words changed
        changed = (0, 1, 2, 5)[number % 4]
        story = words(f"{number // 4}", 12).split()[: 12 - changed]
        texts.append(" ".join([*story, words(f"{number} other", changed)]))
    sets = [shingles(text) for text in texts]
    overlap = {
        (one, other): len(sets[one] & sets[other]) / len(sets[one] | sets[other])
        for other in range(80)
        for one in range(other)
    }
    every = {pair for pair, share in overlap.items() if share >= 0.5}
    assert len(every) >= 60
    assert sum(0.35 < share < 0.5 for share in overlap.values()) >= 20  # candidates that measuring rejects
    assert set(Stories(texts).pairs()) == every


# --- balance ---


def shares(rows):
    return Counter(one.category for one in rows)


@pytest.fixture
def uneven():
    return [
        row(f"{name}{number}", name)
        for name, size in (("sports", 7), ("culture", 3))
        for number in range(size)
    ]


def test_none_changes_nothing(uneven):
    assert balance_rows(uneven, "none", 1) == (uneven, {})


def test_down_cuts_to_the_smallest_by_the_seed(uneven):
    rows, done = balance_rows(uneven, "down", 1)
    assert shares(rows) == {"sports": 3, "culture": 3}
    assert len(set(rows)) == 6
    assert done["sports"] == {"before": 7, "after": 3, "left out": 4, "repeated": 0}
    assert balance_rows(uneven[::-1], "down", 1)[0] == rows  # the order they come in decides nothing
    assert any(set(balance_rows(uneven, "down", seed)[0]) != set(rows) for seed in range(2, 6))


def test_up_repeats_every_row_as_evenly_as_it_can(uneven):
    rows, done = balance_rows(uneven, "up", 1)
    assert shares(rows) == {"sports": 7, "culture": 7}
    assert sorted(Counter(one.id for one in rows if one.category == "culture").values()) == [2, 2, 3]
    assert set(rows) == set(uneven)
    assert done["culture"] == {"before": 3, "after": 7, "left out": 0, "repeated": 4}


def test_a_number_cuts_and_repeats(uneven):
    rows, done = balance_rows(uneven, "5", 1)
    assert shares(rows) == {"sports": 5, "culture": 5}
    assert [done[name]["left out"] for name in ("sports", "culture")] == [2, 0]
    assert [done[name]["repeated"] for name in ("sports", "culture")] == [0, 2]
    assert not re.search(r"(culture\d)\1", "".join(one.id for one in rows))  # copies do not stand together
