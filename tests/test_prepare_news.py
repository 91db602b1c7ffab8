"""training/prepare_news.py and what it stands on, over small files in the formats of the real sources."""

import csv
import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import datasets
import pytest
import yaml

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / "shared" / "data"
SCRIPT = REPO / "training" / "prepare_news.py"
sys.path.insert(0, str(REPO / "training"))

import prepare_news  # noqa: E402
from news.cleaning import clean_body, join_title_and_body, normalise_text, text_key  # noqa: E402
from news.readers import check_file, load_sources, read_rows  # noqa: E402
from news.rules import CATEGORIES, load_mapping, word_pattern  # noqa: E402
from news.stories import NewsRow, deal_stories, group_stories  # noqa: E402

# one rubric per category, so that a small corpus has all eleven
RUBRICS = {
    "Природа": "climate",
    "Происшествия": "conflicts",
    "Культура": "culture",
    "Экономика": "economy",
    "Светская жизнь": "gloss",
    "Здоровье": "health",
    "Политика": "politics",
    "Наука": "science",
    "Жилье": "society",
    "Спорт": "sports",
    "Поездки": "travel",
}
NUMBERS = ("один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять", "десять")


def gzipped_csv(path, rows, columns):
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def rss(items):
    parts = []
    for item in items:
        fields = "".join(f"<{tag}><![CDATA[{text}]]></{tag}>" for tag, text in item.items())
        parts.append(f"<item>{fields}</item>")
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{"".join(parts)}</channel></rss>'.encode()


def headlines():
    """Return ten headlines per rubric: each has its own words and number."""
    return [
        {"topics": rubric, "titles": f"Заметка номер {number} рубрики «{rubric}»", "dates": "2024/03/20"}
        for rubric in RUBRICS
        for number in NUMBERS
    ]


FEED = [
    {  # the lead under one of the headlines above: the same story
        "title": "Заметка номер один рубрики «Спорт»",
        "link": "https://example.org/sport/1",
        "description": "Сборная выиграла третий матч подряд и вышла в финал турнира.",
        "category": "Спорт",
        "pubDate": "Sat, 03 Dec 2022 19:43:00 +0300",
    },
    {  # the same headline under another rubric: no telling which is right
        "title": "Заметка номер два рубрики «Спорт»",
        "link": "https://example.org/culture/1",
        "description": "Режиссер рассказал о съемках новой картины про хоккеистов.",
        "category": "Культура",
        "pubDate": "Sat, 03 Dec 2022 19:44:00 +0300",
    },
    {
        "title": "Заголовок",
        "link": "https://example.org/void",
        "description": "Коротко.",
        "category": "Спорт",
        "pubDate": "",
    },
    {
        "title": "Гороскоп на всю следующую неделю",
        "link": "https://example.org/stars",
        "description": "Что обещают звезды читателям на всю следующую неделю.",
        "category": "Гороскоп",
        "pubDate": "",
    },
    {
        "title": "Партнерский материал о пользе партнерских материалов",
        "link": "https://example.org/ad",
        "description": "Партнерский материал о пользе партнерских материалов.",
        "category": "Реклама",
        "pubDate": "",
    },
]


class Sources:
    """A folder of source files with its two YAML files."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "sources"
        self.data.mkdir()
        self.output = folder / "out" / "news"
        self.sources_file = folder / "sources.yaml"
        self.mapping_file = folder / "mapping.yaml"
        self.headlines = headlines()
        self.entries = [
            self.entry("headlines", "csv", "headlines.csv.gz", "title"),
            self.entry("feed", "rss", "feed.tar.xz", "body", members="days/*"),
        ]
        self.entries[0]["columns"] = {"rubric": "topics", "title": "titles", "date": "dates"}
        self.mapping = {"rubrics": {"site": {**RUBRICS, "Реклама": None}}}
        self.write()

    @staticmethod
    def entry(name, reader, path, text, **more):
        published = {"repository": "https://example.org/repository", "commit": "0" * 10, "path": path}
        return {
            "name": name,
            "enabled": True,
            "why": "a test",
            "reader": reader,
            "rubrics": "site",
            "text": text,
            "licence": "ours",
            "published": published,
            "files": [{"path": path, "sha256": ""}],
            **more,
        }

    def write(self):
        gzipped_csv(self.data / "headlines.csv.gz", self.headlines, ["dates", "topics", "titles"])
        with tarfile.open(self.data / "feed.tar.xz", "w:xz") as archive:
            # one day twice under two names, as feeds saved daily repeat each other; the last one is not asked for
            for name in ("days/1.xml", "days/2.xml", "latest.xml"):
                content = rss(FEED if name != "latest.xml" else [{"title": "лишний"}])
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        for entry in self.entries:
            for file in entry["files"]:
                file["sha256"] = hashlib.sha256((self.data / file["path"]).read_bytes()).hexdigest()
        self.save_yaml()

    def save_yaml(self):
        self.sources_file.write_text(yaml.safe_dump({"sources": self.entries}, allow_unicode=True), "utf-8")
        self.mapping_file.write_text(yaml.safe_dump(self.mapping, allow_unicode=True), "utf-8")

    def run(self, *more):
        arguments = ["--source", str(self.data), "--output", str(self.output)]
        arguments += ["--sources", str(self.sources_file), "--mapping", str(self.mapping_file)]
        return prepare_news.main([*arguments, *more])

    def report(self):
        return json.loads((self.output / "prepare_news.json").read_text("utf-8"))


@pytest.fixture
def sources(tmp_path):
    return Sources(tmp_path)


def all_rows(output):
    return [row for split in datasets.load_from_disk(str(output)).values() for row in split]


def test_writes_a_data_set_in_the_published_form_with_provenance(sources):
    assert sources.run() == 0
    corpus = datasets.load_from_disk(str(sources.output))
    assert list(corpus) == ["train", "validation", "test"]
    assert corpus["train"].column_names == ["news", "labels", "source", "rubric", "url", "date", "id"]
    assert tuple(corpus["train"].features["labels"].names) == CATEGORIES == tuple(sorted(CATEGORIES))

    rows = {row["news"]: row for row in all_rows(sources.output)}
    headline = rows["Заметка номер три рубрики «Здоровье»"]
    assert CATEGORIES[headline["labels"]] == "health"
    assert (headline["source"], headline["rubric"], headline["date"]) == (
        "headlines",
        "Здоровье",
        "2024-03-20",
    )
    lead = rows["Сборная выиграла третий матч подряд и вышла в финал турнира."]
    assert (lead["source"], lead["url"], lead["date"]) == (
        "feed",
        "https://example.org/sport/1",
        "2022-12-03",
    )
    assert len({row["id"] for row in rows.values()}) == len(rows)


def test_every_row_read_is_accounted_for(sources, caplog):
    assert sources.run() == 0
    counts = sources.report()["counts"]
    assert counts["headlines"] == {"read": 110, "kept": 109, "story of several categories": 1}
    assert counts["feed"] == {
        "read": 10,
        "kept": 1,
        "repeated text": 1,
        "story of several categories": 2,
        "empty or too short": 2,
        "rubric not in the mapping": 2,
        "left out by the mapping": 2,
    }
    assert "rubric 'Гороскоп' is not in the mapping: 2 rows left out" in caplog.text


def test_splits_are_stratified_and_keep_stories_whole(sources):
    assert sources.run("--test_size", "0.2", "--validation_size", "0.1") == 0
    categories = sources.report()["categories"]
    assert categories["climate"] == {"train": 7, "validation": 1, "test": 2}
    assert all(sum(sizes.values()) in (10, 9, 8, 11) and sizes["test"] >= 2 for sizes in categories.values())

    split_of = {}
    for name, split in datasets.load_from_disk(str(sources.output)).items():
        split_of |= dict.fromkeys(split["news"], name)
    lead = "Сборная выиграла третий матч подряд и вышла в финал турнира."
    for seed in range(5):
        assert sources.run("--seed", str(seed)) == 0
        for split in datasets.load_from_disk(str(sources.output)).values():
            texts = set(split["news"])
            assert (lead in texts) == ("Заметка номер один рубрики «Спорт»" in texts)


def test_the_seed_alone_decides_the_splits(sources):
    hashes = []
    for seed in ("1", "1", "2"):
        assert sources.run("--seed", seed) == 0
        hashes.append({name: split["sha256"] for name, split in sources.report()["splits"].items()})
    assert hashes[0] == hashes[1]
    assert hashes[0]["test"] != hashes[2]["test"]


def test_a_source_added_later_moves_few_stories(sources):
    assert sources.run() == 0
    before = set(datasets.load_from_disk(str(sources.output))["train"]["news"])
    sources.headlines += [
        {"topics": "Спорт", "titles": f"Добавленная позже заметка номер {number}", "dates": ""}
        for number in NUMBERS
    ]
    sources.write()
    assert sources.run() == 0
    after = set(datasets.load_from_disk(str(sources.output))["test"]["news"])
    assert len(before & after) <= 3  # only within the category that grew


def test_prints_the_table_to_stdout_and_talk_to_stderr(sources):
    command = [sys.executable, str(SCRIPT), "--source", str(sources.data), "--output", str(sources.output)]
    command += ["--sources", str(sources.sources_file), "--mapping", str(sources.mapping_file)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["source", *CATEGORIES, "all"]
    assert [line[0] for line in lines[1:]] == ["headlines", "feed", "all"]
    table = {line[0]: dict(zip(lines[0][1:], map(int, line[1:]), strict=True)) for line in lines[1:]}
    assert table["feed"]["sports"] == 1
    assert table["all"]["all"] == 110
    assert table["all"] == {name: table["headlines"][name] + table["feed"][name] for name in table["all"]}
    assert "read: 120" in done.stderr


def test_title_and_lead_are_joined_only_where_the_source_says_so(sources):
    sources.entries[1]["text"] = "title_body"
    sources.save_yaml()
    assert sources.run() == 0
    texts = {row["news"] for row in all_rows(sources.output)}
    assert (
        "Заметка номер один рубрики «Спорт». Сборная выиграла третий матч подряд и вышла в финал турнира."
        in texts
    )


# --- errors: one sentence, exit code 2, nothing written over ---


def failing(sources, caplog, *more):
    assert sources.run(*more) == 2
    (message,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "\n" not in message
    return message


def test_a_changed_file_is_refused_and_the_earlier_corpus_stays(sources, caplog):
    assert sources.run() == 0
    before = (sources.output / "prepare_news.json").read_bytes()
    (sources.data / "headlines.csv.gz").write_bytes(gzip.compress(b"dates,topics,titles\n"))
    message = failing(sources, caplog)
    assert "headlines.csv.gz has SHA-256" in message
    assert "record its hash" in message
    assert (sources.output / "prepare_news.json").read_bytes() == before
    assert [path.name for path in sources.output.parent.iterdir()] == ["news"]


def test_a_missing_folder_or_file_is_named(sources, caplog):
    (sources.data / "feed.tar.xz").unlink()
    assert "feed.tar.xz is missing" in failing(sources, caplog)
    caplog.clear()
    sources.data = sources.data / "nowhere"
    assert "nowhere is not a folder" in failing(sources, caplog)


def test_a_disabled_source_is_not_even_looked_for(sources):
    (sources.data / "feed.tar.xz").unlink()
    sources.entries[1]["enabled"] = False
    sources.save_yaml()
    assert sources.run() == 0
    assert set(sources.report()["table"]) == {"headlines"}


def test_a_folder_that_is_no_data_set_is_never_replaced(sources, caplog):
    sources.output.mkdir(parents=True)
    (sources.output / "thesis.txt").write_text("years of work")
    assert "is not a saved data set" in failing(sources, caplog)
    assert (sources.output / "thesis.txt").read_text() == "years of work"
    (sources.output / "thesis.txt").unlink()
    assert sources.run() == 0  # an empty folder may be filled


def test_a_failed_write_leaves_the_earlier_corpus(sources, caplog, monkeypatch):
    assert sources.run("--seed", "1") == 0
    before = sources.report()
    rename = Path.rename

    def no_space(path, target):
        if path.name == "new":
            raise OSError(28, "No space left on device", str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", no_space)
    assert "No space left on device" in failing(sources, caplog, "--seed", "2")
    assert sources.report() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.mapping["rubrics"]["site"].update(Спорт="sport"), "'sport' is not a category"),
        (lambda s: s.mapping["rubrics"]["site"].update(Спорт=["sports"]), "expected a category, null, or"),
        (lambda s: s.mapping["rubrics"]["site"].update(Поездки=None), "no rows for travel"),
        (lambda s: s.entries[0].update(rubrics="another"), "wants the rubrics 'another'"),
        (lambda s: s.entries[0].update(reader="xls"), "reader 'xls' is not one of csv, rss"),
        (lambda s: s.entries[0].update(text="lead"), "text 'lead' is not one of"),
        (lambda s: s.entries[0].update(colour="red"), "source 'headlines'"),
        (lambda s: s.entries[0]["columns"].update(title="heading"), "expected ['heading'] among them"),
        (lambda s: s.entries[0]["columns"].update(headline="titles"), "unknown columns ['headline']"),
    ],
)
def test_a_wrong_entry_is_named(sources, caplog, change, said):
    change(sources)
    sources.save_yaml()
    assert said in failing(sources, caplog)


def test_broken_yaml_is_one_sentence(sources, caplog):
    sources.mapping_file.write_text("rubrics: [", "utf-8")
    assert "mapping.yaml is not readable YAML" in failing(sources, caplog)
    caplog.clear()
    sources.mapping_file.write_text("rubric: {}", "utf-8")
    assert "no key 'rubrics'" in failing(sources, caplog)


@pytest.mark.parametrize("sizes", [("0.9", "0.1"), ("0", "0.1"), ("-1", "0.1"), ("0.2", "0")])
def test_sizes_must_leave_rows_for_every_split(sources, caplog, sizes):
    said = failing(sources, caplog, "--test_size", sizes[0], "--validation_size", sizes[1])
    assert "positive shares" in said


def test_a_file_that_is_not_what_its_reader_expects_is_named(sources, caplog):
    (sources.data / "headlines.csv.gz").write_bytes(gzip.compress("заголовок;рубрика\n".encode("cp1251")))
    sources.entries[0]["files"][0]["sha256"] = hashlib.sha256(
        (sources.data / "headlines.csv.gz").read_bytes()
    ).hexdigest()
    sources.save_yaml()
    assert "headlines.csv.gz cannot be read as csv" in failing(sources, caplog)


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


# --- stories ---


def row(text, category="sports", keys=()):
    return NewsRow(text, category, "test", "", "", "", text, (f"text {text}", *keys))


def test_stories_join_through_a_chain_of_keys():
    counts = {"test": Counter()}
    rows = [row("a", keys=["url 1"]), row("b", keys=["url 2"]), row("c", keys=["url 1", "url 2"]), row("d")]
    stories = group_stories(rows, counts)
    assert [[r.id for r in story] for story in stories] == [["a", "b", "c"], ["d"]]
    assert counts["test"] == {"kept": 4}


def test_a_story_of_two_categories_is_dropped_whole():
    counts = {"test": Counter()}
    rows = [row("a", keys=["url 1"]), row("b", "culture", keys=["url 1"]), row("c")]
    assert [[r.id for r in story] for story in group_stories(rows, counts)] == [["c"]]
    assert counts["test"] == {"story of several categories": 2, "kept": 1}


def test_a_story_longer_than_a_split_still_goes_to_one_split():
    stories = [[row(f"{number}-{part}") for part in range(6)] for number in range(5)]
    splits = deal_stories(stories, seed=0, test_size=0.2, validation_size=0.1)
    assert {name: len(split) for name, split in splits.items()} == {"train": 18, "validation": 6, "test": 6}
    for split in splits.values():
        assert all(count == 6 for count in Counter(r.id.split("-")[0] for r in split).values())


# --- the shipped lists ---


def test_the_shipped_lists_are_complete():
    listed = load_sources(REPO / "training" / "news_sources.yaml")
    mapping = load_mapping(REPO / "training" / "news_mapping.yaml")
    assert len({source.name for source in listed}) == len(listed)
    for source in listed:
        assert source.why
        assert source.licence
        assert set(source.published) == {"repository", "commit", "path"}
        assert source.rubrics in mapping
        assert all(len(file["sha256"]) == 64 for file in source.files)
    reached = {
        category
        for rubrics in mapping.values()
        for rubric in rubrics.values()
        for category in (rubric.otherwise, *(rule.category for rule in rubric.rules))
    }
    assert reached - {None} == set(CATEGORIES)


@pytest.mark.parametrize(
    ("rubric", "title", "category"),
    [
        ("Среда обитания", "Москвичам посоветовали не спешить с ипотекой", "society"),
        ("Среда обитания", "Синоптик рассказал о погоде в выходные", "climate"),
        ("Моя страна", "Медвежонка без мамы выходили в Приморье", "climate"),
        ("Моя страна", "Россиянин выиграл в лотерею миллион", None),
        ("Мир", "Лавров и Шольц договорились о встрече", "politics"),
        ("Мир", "На севере Ирана прогремели взрывы", "conflicts"),
        ("Мир", "Байден рассказал о взрывах на севере Ирана", None),
        ("Россия", "Школьника насмерть сбили во дворе многоэтажки", "conflicts"),
        ("Россия", "Россиянам напомнили об индексации пенсий", "society"),
        ("Экономика", "Москвичей предупредили о заморозках", "climate"),
        ("Экономика", "Цены на новостройки в Казани выросли", "society"),
        ("Экономика", "Курс доллара упал ниже восьмидесяти рублей", "economy"),
        ("Наука и техника", "Установку «Ураган» показали на новом шасси", "science"),
    ],
)
def test_the_shipped_rules_split_mixed_rubrics(rubric, title, category):
    mapping = load_mapping(REPO / "training" / "news_mapping.yaml")
    assert mapping["lenta"][rubric].category(title) == category


@pytest.mark.shared
def test_the_real_sources_give_every_category(tmp_path):
    output = tmp_path / "news11"
    assert prepare_news.main(["--source", str(SHARED), "--output", str(output)]) == 0
    report = json.loads((output / "prepare_news.json").read_text("utf-8"))
    totals = {name: sum(sizes.values()) for name, sizes in report["categories"].items()}
    assert min(totals.values()) >= 250, totals
    assert report["totals"]["kept"] >= 20_000
    assert "rubric not in the mapping" not in report["totals"]
    listed = [source for source in load_sources(REPO / "training" / "news_sources.yaml") if source.enabled]
    for source in listed:
        assert report["counts"][source.name]["kept"] > 0
        for file in source.files:
            check_file(SHARED / file["path"], file["sha256"])
            assert next(read_rows(source, SHARED / file["path"])).rubric

    texts: dict[str, set[str]] = {}
    for name, split in datasets.load_from_disk(str(output)).items():
        texts[name] = {text_key(text) for text in split["news"]}
        assert not [
            text for text in split["news"] if text.startswith(("МОСКВА,", "Фото:")) or "\u00a0" in text
        ]
    assert not texts["train"] & texts["test"]
    assert not texts["train"] & texts["validation"]
    assert not texts["validation"] & texts["test"]
