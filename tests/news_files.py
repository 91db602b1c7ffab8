"""Small files in the formats of the real news sources; the texts are made of syllables, so each stands alone."""

import csv
import gzip
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

import datasets
import yaml

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "training"))

import prepare_news  # noqa: E402
from news.readings import text_id  # noqa: E402

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
LEAD = "Сборная выиграла третий матч подряд и вышла в финал турнира."
_SYLLABLES = (
    "ба",
    "ве",
    "ги",
    "до",
    "жу",
    "зы",
    "кля",
    "ле",
    "ми",
    "но",
    "пру",
    "ры",
    "са",
    "те",
    "фи",
    "хо",
)


def words(name: str, count: int = 6) -> str:
    """Made-up words, the same for the same name and other ones for another."""
    digest = hashlib.sha512(name.encode()).digest()
    syllables = [_SYLLABLES[byte % 16] for byte in digest]
    return " ".join("".join(syllables[4 * number : 4 * number + 4]) for number in range(count)).capitalize()


def headline(rubric: str, number: int) -> str:
    """One of ten headlines of a rubric; no two are near-duplicates."""
    return words(f"{rubric} {number}")


FEED = [
    {  # the lead under one of the headlines: the same story
        "title": headline("Спорт", 1),
        "link": "https://example.org/sport/1",
        "description": LEAD,
        "category": "Спорт",
        "pubDate": "Sat, 03 Dec 2022 19:43:00 +0300",
    },
    {  # a headline under another rubric: no telling which is right
        "title": headline("Спорт", 2),
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


class NewsFiles:
    """A folder of source files with its two YAML files and its readings.

    Two sources under one set of rubrics: `headlines`, ten of each rubric, and `feed`, whose one good row is the
    lead of a headline.
    """

    def __init__(self, folder: Path) -> None:
        self.data = folder / "sources"
        self.data.mkdir()
        self.output = folder / "out" / "news"
        self.sources_file = folder / "sources.yaml"
        self.mapping_file = folder / "mapping.yaml"
        self.readings_file = folder / "readings.tsv"
        self.headlines = [
            {"topics": rubric, "titles": headline(rubric, number), "dates": "2024/03/20"}
            for rubric in RUBRICS
            for number in range(10)
        ]
        self.entries = [
            self.entry("headlines", "csv", "headlines.csv.gz", "title"),
            self.entry("feed", "rss", "feed.tar.xz", "body", members="days/*"),
        ]
        self.entries[0]["columns"] = {"rubric": "topics", "title": "titles", "date": "dates"}
        self.mapping = {"rubrics": {"site": {**RUBRICS, "Реклама": None}}}
        self.readings: dict[str, str] = {}  # text -> code
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
        # one day twice under two names, as feeds saved daily repeat each other; the last one is not asked for
        days = {name: rss(FEED) for name in ("days/1.xml", "days/2.xml")}
        tar(self.data / "feed.tar.xz", {**days, "latest.xml": rss([{"title": "лишний"}])})
        for entry in self.entries:
            for file in entry["files"]:
                file["sha256"] = hashlib.sha256((self.data / file["path"]).read_bytes()).hexdigest()
        self.save_lists()

    def save_lists(self):
        self.sources_file.write_text(yaml.safe_dump({"sources": self.entries}, allow_unicode=True), "utf-8")
        self.mapping_file.write_text(yaml.safe_dump(self.mapping, allow_unicode=True), "utf-8")
        lines = [f"{text_id(text)}\t{code}\n" for text, code in self.readings.items()]
        self.readings_file.write_text("".join(lines), "utf-8")

    def arguments(self):
        files = {"--sources": self.sources_file, "--mapping": self.mapping_file}
        files |= {"--readings": self.readings_file, "--source": self.data, "--output": self.output}
        return [str(part) for pair in files.items() for part in pair]

    def run(self, *more):
        return prepare_news.main([*self.arguments(), *more])

    def report(self):
        return json.loads((self.output / "prepare_news.json").read_text("utf-8"))

    def splits(self):
        """The rows of each split that was written, without the spare ones."""
        saved = datasets.load_from_disk(str(self.output))
        return {name: list(split) for name, split in saved.items() if name != "spare"}

    def texts(self):
        return {name: {row["news"] for row in split} for name, split in self.splits().items()}

    def rows(self):
        return {row["news"]: row for split in self.splits().values() for row in split}


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


def tar(path, members):
    with tarfile.open(path, "w:xz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def without_pictures(monkeypatch):
    """Leave the data sheet's pictures out: they take most of the time of a run over small files."""
    for name in ("draw_splits", "draw_sources", "draw_lengths", "draw_labels"):
        monkeypatch.setattr(f"news.pictures.{name}", lambda *arguments: None)


def failing(files, caplog, *more):
    """The one sentence that a run fails with."""
    caplog.clear()
    assert files.run(*more) == 2
    (message,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "\n" not in message
    return message
