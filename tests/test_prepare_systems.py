"""The data sets of the systems beside the news, from small source files written here and from the real ones."""

import csv
import gzip
import io
import json
import random
import sys
import tarfile
from collections import Counter
from itertools import combinations

import datasets
import pytest
from conftest import REPOSITORY, SHARED

sys.path.insert(0, str(REPOSITORY / "training"))
from prepare_systems import DATA_SETS, main, prepare_systems  # isort: skip

from systems.fake_news import fake_news  # isort: skip
from systems.languages import language_id  # isort: skip
from systems.posts import post_lines, without_signs  # isort: skip
from systems.reviews import app_reviews, reviews_ru  # isort: skip
from systems.rows import text_key  # isort: skip
from systems.social_posts import social_posts  # isort: skip
from systems.splits import deal_rows, rarest_label  # isort: skip
from systems.stories import story_groups  # isort: skip
from systems.topics import EMOTIONS, SENSITIVE_FILES, SENSITIVE_TOPICS, ria_topics  # isort: skip
from systems.topics import ru_goemotions, ru_sensitive_topics  # isort: skip
from systems.videos import CATEGORIES, COUNTS, youtube_category, youtube_topic  # isort: skip

WORDS = "река дорога город утро поезд книга вечер остров мастер школа погода корабль театр яблоко зима"


def sentences(count, seed=0):
    """Different sentences of seven words, too unlike for near-duplicates."""
    generator = random.Random(seed)
    return [f"{' '.join(generator.sample(WORDS.split(), 7))} {seed}x{number}" for number in range(count)]


def write_csv(path, rows):
    """Rows (dicts) as a CSV file, packed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    data = buffer.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_tar(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:xz") as archive:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))


def all_rows(prepared):
    return [row for rows in prepared.splits.values() for row in rows]


# --- languages ---


def write_languages(folder, extra_words=()):
    members = {}
    for code in ("fi", "nn", "ru"):
        for kind in ("sentences", "word-pairs", "single-words"):
            lines = [f"{code} {kind} {number}" for number in range(20)]
            members[f"language-models/{code}/testdata/{kind}.txt"] = "\n".join(lines) + "\n"
    write_tar(folder / "lid-lingua" / "language-testdata.tar.xz", members)
    eld = folder / "lid-eld"
    eld.mkdir()
    texts = {
        "word-pairs_v3": ["ru\tru word-pairs 3", "fi\tneljä viisi"],
        "single-words_v3": ["no\tNN single-words 1", *extra_words],
        "tweets": ["fi\tmoi kaikille", "fi\tfi sentences 4"],
    }
    for name, lines in texts.items():
        (eld / f"{name}.txt.gz").write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))


def test_languages_drop_texts_of_several_languages_and_keep_tweets_apart(tmp_path):
    write_languages(tmp_path, ["fi\tsama", "ru\tSAMA"])
    prepared = language_id(tmp_path)
    rows = all_rows(prepared)
    assert prepared.dropped == {"under several labels": 2, "repeated": 3}
    assert {row["label"] for row in rows} == {"fi", "nn", "ru"}  # the second source's `no` became nn
    assert [row["text"] for row in prepared.splits["test_tweets"]] == ["moi kaikille"]
    assert {row["kind"] for row in prepared.splits["test"]} == {"sentence", "word_pair", "single_word"}
    assert all(
        row["kind"] != "tweet" for name in ("train", "validation", "test") for row in prepared.splits[name]
    )
    assert len(rows) == 3 * 3 * 20 + 2


def test_languages_name_the_line_that_has_no_label(tmp_path):
    write_languages(tmp_path, ["fi sama"])
    with pytest.raises(ValueError, match=r"single-words_v3.*line 2: 'fi sama' is not label<TAB>text"):
        language_id(tmp_path)


# --- reviews ---


def write_app_reviews(folder, rows):
    rows = [*rows, *((text, str(1 + number % 5)) for number, text in enumerate(sentences(100)))]
    write_csv(
        folder / "app-reviews-en" / "google_play_reviews.csv.gz",
        [{"content": content, "score": score} for content, score in rows],
    )


def test_the_most_frequent_score_of_a_text_wins_and_a_tie_drops_it(tmp_path):
    write_app_reviews(
        tmp_path, [("Nice", "5"), ("nice ", "5"), ("NICE", "1"), ("So so", "2"), ("so so", "3")]
    )
    prepared = app_reviews(tmp_path)
    assert [row["score"] for row in all_rows(prepared) if text_key(row["content"]) == "nice"] == [5]
    assert "so so" not in {text_key(row["content"]) for row in all_rows(prepared)}
    assert prepared.dropped == {
        "under several labels, none of them the most frequent": 2,
        "under a label that is not the most frequent": 1,
        "repeated": 1,
    }
    assert {name: len(rows) for name, rows in prepared.splits.items()} == {
        "train": 72,
        "validation": 8,
        "test": 21,
    }


def test_a_score_that_is_no_star_is_named(tmp_path):
    write_app_reviews(tmp_path, [("Nice", "4.5")])
    with pytest.raises(ValueError, match=r"score '4\.5' is not a whole number from 1 to 5"):
        app_reviews(tmp_path)


def test_reviews_of_three_files_become_one_set_with_the_spelling_mended(tmp_path):
    texts = iter(sentences(60))
    for name, text, label in (
        ("01", "recall", "sent"),
        ("02", "mention", "class"),
        ("03", "feedback", "mark"),
    ):
        labels = ["positive", "neautral", "negative"] * 6
        rows = [{text: next(texts), label: one} for one in labels]
        write_csv(tmp_path / "reviews-ru" / f"clothes_review{name}.csv.gz", rows)
    assert Counter(row["sentiment"] for row in all_rows(reviews_ru(tmp_path))) == {
        "positive": 18,
        "neutral": 18,
        "negative": 18,
    }


# --- topics ---


def write_ria(folder, tags_of):
    rows = []
    for number, text in enumerate(sentences(60)):
        body = f"МОСКВА, 5 мая - РИА Новости. Статья о том, что {text}."
        url = f"https://example.org/{number}"
        title = f"Заголовок {text}"
        rows.append({"url": url, "title": title, "subtitle": "", "content": body, "tags": tags_of(number)})
    for number in (3, 7, 9):
        write_csv(folder / "ria-topics" / "chernaya" / f"ria_news_topics_{number}.csv.gz", rows)


def test_ria_keeps_frequent_tags_and_drops_feeds_and_datelines(tmp_path):
    write_ria(
        tmp_path, lambda number: str(["Культура", "Новости культуры", *(["Редкое"] if number < 9 else [])])
    )
    prepared = ria_topics(tmp_path)
    rows = all_rows(prepared)
    assert len(rows) == 60
    assert all(row["tags"] == ["Культура"] for row in rows)
    assert all(row["content"].startswith("Статья о том") for row in rows)
    assert prepared.dropped["article in several files"] == 120
    assert prepared.dropped["the tag «Новости культуры», which names a feed"] == 60


def test_ria_names_the_article_whose_tags_are_no_list(tmp_path):
    write_ria(tmp_path, lambda number: "Культура и спорт")
    with pytest.raises(ValueError, match=r"example.org/0: 'Культура и спорт' is not a list of tags"):
        ria_topics(tmp_path)


def test_emotions_have_their_names(tmp_path):
    texts = sentences(40)
    for part, mine in (("validation", texts[:20]), ("test", texts[20:])):
        path = tmp_path / "ru-goemotions" / f"ru-go-emotions-simplified-{part}.csv.gz"
        write_csv(path, [{"ru_text": text, "text": f"en {text}", "labels": "[ 0 27]"} for text in mine])
    prepared = ru_goemotions(tmp_path)
    assert len(EMOTIONS) == 28
    assert all(row["labels"] == ["admiration", "neutral"] for row in all_rows(prepared))
    assert {name: len(rows) for name, rows in prepared.splits.items()} == {
        "train": 28,
        "validation": 4,
        "test": 8,
    }


def test_sensitive_topics_are_ones_from_a_half_on_and_texts_stand_once(tmp_path):
    score = dict.fromkeys(SENSITIVE_TOPICS, "0.49") | {"drugs": "0.5"}
    for name in SENSITIVE_FILES:
        write_csv(
            tmp_path / "ru-sensitive-topics" / name, [{"text": text, **score} for text in sentences(30)]
        )
    prepared = ru_sensitive_topics(tmp_path)
    assert len(all_rows(prepared)) == 30
    assert all([name for name in SENSITIVE_TOPICS if row[name]] == ["drugs"] for row in all_rows(prepared))
    assert prepared.dropped == {"repeated": 120}


# --- posts ---


def write_posts(folder):
    posts = [
        {
            "category": category,
            "text": f"**{text}** [сайт](https://example.org/x)\n[Подпишись](https://t.me/x)",
        }
        for number, category in enumerate(("advertisement", "political", "personal", "weather"))
        for text in sentences(20, seed=number)
    ]
    twice = {"text": "Скидки на билеты в музей объявил сегодня мэр города", "category": "political"}
    raw = {"data/raw/1.json": [*posts, twice], "data/raw/2.json": [{**twice, "category": "advertisement"}]}
    write_tar(
        folder / "telegram-news-12cat" / "raw.tar.xz", {name: json.dumps(rows) for name, rows in raw.items()}
    )
    jokes = "\n\n\n\n".join(f"- {text} ?\n- Нет." for text in sentences(20, seed=8))
    write_tar(
        folder / "anekdot-dialogues" / "extract_dialogues_from_anekdots.tar.xz", {"anekdots.txt": jokes}
    )
    titles = [{"topics": "Спорт", "titles": text} for text in sentences(20, seed=9)]
    write_csv(
        folder / "lenta-headlines-2024" / "lenta.csv.gz", [*titles, {"topics": "Мир", "titles": "Прочее"}]
    )


def test_a_post_in_two_files_has_two_labels_and_stands_in_both_files_written(tmp_path):
    write_posts(tmp_path / "source")
    prepare_systems(tmp_path / "source", tmp_path / "data", ["social_posts"])
    saved = datasets.load_from_disk(str(tmp_path / "data" / "social_posts"))
    rows = [row for split in saved.values() for row in split]
    two = [row for row in rows if len(row["labels"]) > 1]
    assert [row["labels"] for row in two] == [["политика", "реклама"]]
    files = sorted((tmp_path / "data" / "social_posts_files").iterdir())
    assert [file.stem for file in files] == ["личная жизнь", "политика", "реклама", "спорт", "юмор"]
    for file in files:
        with file.open(encoding="utf-8", newline="") as lines:
            texts = [row["text"] for row in csv.DictReader(lines)]
        assert sorted(texts) == sorted(row["text"] for row in rows if file.stem in row["labels"])
    assert all(row["words"] == len(row["text"].split()) for row in rows)


def test_posts_and_jokes_lose_what_marks_their_source(tmp_path):
    write_posts(tmp_path)
    texts = [row["text"] for row in all_rows(social_posts(tmp_path))]
    assert not any(mark in text for text in texts for mark in ("**", "http", "Подпишись", "- "))


def test_posts_keep_the_words_of_a_link_and_a_long_line_that_calls():
    long = "Подпишись на рассылку, чтобы узнать, как город готовится к зиме и почему в этом году снега будет меньше"
    assert post_lines(f"__Снег__ [выпал](https://example.org) @weather\n{long}\nПрислать новость\n👉") == [
        "Снег выпал",
        long,
    ]
    assert without_signs("⚡️ Снег 🇷🇺 выпал") == "Снег выпал"


# --- videos ---


def write_videos(folder, videos):
    base = dict.fromkeys(COUNTS, "5") | dict.fromkeys(CATEGORIES, "")
    base |= {
        "duration": "01:02:03",
        "published_at": "2021-05-01T00:00:00Z",
        "channel_description": "",
        "tags": "[]",
    }
    write_csv(folder / "youtube-videos" / "youtube_dataset.csv.gz", [{**base, **video} for video in videos])


def videos(count=100):
    return [
        {
            "video_id": f"v{number}",
            "channel_id": f"c{number // 2}",
            "topic": ("cooking", "travel")[number // 2 % 2],
            "category_id": "29" if number < 10 else "27",
            "title": f"title {number}",
        }
        for number in range(count)
    ]


def test_a_channel_stays_on_one_side_and_a_video_under_two_topics_goes(tmp_path):
    rows = videos()
    rows[3] |= {"like_count": "", "tags": "['one', 'two']", "definition": "hd"}
    write_videos(tmp_path, [*rows, {**rows[0], "topic": "travel"}, rows[5]])
    prepared = youtube_topic(tmp_path)
    assert prepared.dropped == {"under several labels": 2, "repeated": 1}
    channels = {name: {row["channel_id"] for row in split} for name, split in prepared.splits.items()}
    assert not any(channels[one] & channels[other] for one, other in combinations(channels, 2))
    (row,) = [row for row in all_rows(prepared) if row["title"] == "title 3"]
    assert (row["like_count"], row["tags"], row["definition"]) == (None, "one, two", "hd")
    assert (row["duration"], row["published_year"], row["default_language"]) == (3723.0, 2021.0, None)
    assert {"topic", "category_id"} & set(prepared.features) == {"category_id"}


def test_the_category_set_drops_rare_categories_and_holds_no_answer(tmp_path):
    write_videos(tmp_path, [*videos(), {**videos()[20], "video_id": "copy"}])
    prepared = youtube_category(tmp_path)
    assert prepared.dropped == {
        "Nonprofits & Activism: fewer than 15 videos": 10,
        "another video of the same title": 1,
    }
    assert {row["label"] for row in all_rows(prepared)} == {"Education"}
    assert not {"topic", "category_id", "video_id"} & set(prepared.features)


def test_a_duration_that_is_no_time_is_named_with_its_video(tmp_path):
    write_videos(tmp_path, [{**video, "duration": "live"} for video in videos(1)])
    with pytest.raises(ValueError, match="video v0: invalid literal"):
        youtube_topic(tmp_path)


# --- false news ---


def test_fake_news_loses_what_gives_the_label_away(tmp_path):
    real = [
        f"МОСКВА, 5 мар - РИА Новости. Всё о том, что {text}. Об этом пишет РИА Новости."
        for text in sentences(40)
    ]
    fake = [
        f"❗️{text.capitalize()} — «так и есть».\nВсе подробности.\nКанал Бобра\nПравда о реках\nПодпишись на Бобра\n🦫"
        for text in sentences(40, seed=1)
    ]
    rows = [{"full_text": text, "target": "True", "source": "ria.ru"} for text in real]
    rows += [{"full_text": text, "target": "False", "source": "tgstat.ru"} for text in [*fake, fake[0]]]
    write_csv(tmp_path / "real-fake-news-2025" / "data_with_llm.csv.gz", rows)
    prepared = fake_news(tmp_path)
    found = all_rows(prepared)
    assert Counter(row["label"] for row in found) == {"real": 40, "fake": 40}
    assert set(prepared.features) == {"title", "full_text", "title_len", "full_text_len", "label"}
    for row in found:
        assert not any(
            mark in row["full_text"]
            for mark in ("РИА", "МОСКВА", "Бобра", "Правда", "❗", "—", "«", "ё", "\n")
        )
        assert row["full_text"].startswith(row["title"])
        assert row["title"].endswith(".")
        assert (row["title_len"], row["full_text_len"]) == (len(row["title"]), len(row["full_text"]))


# --- splits ---


def test_near_duplicates_are_one_story():
    one = "Мастер починил старый корабль и вышел на нём в море рано утром вместе с сыном"
    groups = story_groups(
        [one, "Школа закрыта до весны из-за ремонта крыши и окон в старом доме", f"{one} в среду"]
    )
    assert groups[0] == groups[2] != groups[1]


def test_every_class_has_its_share_and_the_rarest_label_decides():
    rows = [{"number": number} for number in range(100)]
    labels = [["all", "rare"] if number < 10 else ["all"] for number in range(100)]
    splits = deal_rows(rows, rarest_label(labels))
    rare = {name: sum(row["number"] < 10 for row in split) for name, split in splits.items()}
    assert rare == {"train": 7, "validation": 1, "test": 2}
    assert splits == deal_rows(rows, rarest_label(labels))
    with pytest.raises(ValueError, match="3 rows in 3 groups: at least 15 are needed"):
        deal_rows(rows[:3], ["a"] * 3)


# --- the command ---


def test_the_same_files_give_the_same_data_set_and_a_full_report(tmp_path):
    write_app_reviews(tmp_path / "source", [("Nice", "5"), ("nice", "5")])
    arguments = ["--source", str(tmp_path / "source"), "--output"]
    assert main([*arguments, str(tmp_path / "one"), "app_reviews"]) == 0
    assert main([*arguments, str(tmp_path / "one"), "app_reviews"]) == 0  # replaces what it wrote
    assert main([*arguments, str(tmp_path / "two"), "app_reviews", "app_reviews"]) == 0
    one, two = [
        json.loads((tmp_path / name / "app_reviews" / "prepare_systems.json").read_text("utf-8"))
        for name in ("one", "two")
    ]
    assert one == two
    saved = datasets.load_from_disk(str(tmp_path / "one" / "app_reviews"))
    assert {name: len(split) for name, split in saved.items()} == {
        name: split["rows"] for name, split in one["splits"].items()
    }
    assert Counter(map(str, saved["test"]["score"])) == {
        name: counts["test"] for name, counts in one["classes"].items()
    }
    assert one["dropped"] == {"repeated": 1}
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["app_reviews"]


def test_unknown_names_and_missing_sources_are_named(tmp_path, caplog):
    assert (
        main(["--source", str(tmp_path), "--output", str(tmp_path / "data"), "app_reviews", "app_review"])
        == 2
    )
    assert "unknown data set app_review: it can be language_id, app_reviews" in caplog.text
    assert main(["--source", str(tmp_path), "--output", str(tmp_path / "data"), "app_reviews"]) == 2
    assert "google_play_reviews.csv.gz is missing: give --source the folder that holds" in caplog.text
    assert main(["--source", str(tmp_path / "none"), "--output", str(tmp_path / "data"), "all"]) == 2
    assert "is not a folder: give --source" in caplog.text
    assert not (tmp_path / "data").exists()


def test_a_file_without_its_columns_and_a_folder_of_something_else_are_refused(tmp_path, caplog):
    path = tmp_path / "source" / "app-reviews-en" / "google_play_reviews.csv.gz"
    write_csv(path, [{"content": "Nice", "stars": "5"}])
    arguments = ["--source", str(tmp_path / "source"), "--output", str(tmp_path / "data"), "app_reviews"]
    assert main(arguments) == 2
    assert "has no column score, only content, stars" in caplog.text
    write_app_reviews(tmp_path / "source", [])
    (tmp_path / "data" / "app_reviews").mkdir(parents=True)
    (tmp_path / "data" / "app_reviews" / "notes.txt").write_text("mine", "utf-8")
    assert main(arguments) == 2
    assert "was not written by this command" in caplog.text
    assert [file.name for file in (tmp_path / "data" / "app_reviews").iterdir()] == ["notes.txt"]


# --- the real files ---

TEXTS = {
    "language_id": ["text"],
    "app_reviews": ["content"],
    "reviews_ru": ["review"],
    "reviews_ru_stars": ["review"],
    "ria_topics": ["title", "content"],
    "ru_goemotions": ["ru_text", "text"],
    "ru_sensitive_topics": ["text"],
    "social_posts": ["text"],
    "youtube_topic": ["title"],
    "youtube_category": ["title"],
    "fake_news": ["full_text"],
}


@pytest.mark.shared
def test_all_data_sets_from_the_real_files(tmp_path):
    reports = prepare_systems(SHARED, tmp_path, ["all"])
    assert list(reports) == list(DATA_SETS) == list(TEXTS)
    for name, report in reports.items():
        saved = datasets.load_from_disk(str(tmp_path / name))
        assert {part: len(split) for part, split in saved.items()} == {
            part: split["rows"] for part, split in report["splits"].items()
        }
        assert all(counts["train"] and counts["test"] for counts in report["classes"].values()), name
        for column in [*TEXTS[name], *(["channel_id"] if name.startswith("youtube") else [])]:
            keys = {part: {text_key(text) for text in split[column]} for part, split in saved.items()}
            for one, other in combinations(keys, 2):
                assert not keys[one] & keys[other], (name, column, one, other)
    assert len(reports["language_id"]["classes"]) == 75
    assert len(reports["ru_goemotions"]["classes"]) == 28
    assert len(reports["ru_sensitive_topics"]["classes"]) == 18
    assert max(sum(counts.values()) for counts in reports["social_posts"]["classes"].values()) == 4000
