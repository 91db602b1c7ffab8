"""Small data for each recipe, of sentences written for these tests; no figure on them says anything of a system."""

import csv
import itertools
import random
from collections.abc import Callable
from pathlib import Path

from bilstm_classifier import load_sample_news

LANGUAGES = {
    "de": [
        "der Hund",
        "die Katze",
        "das Mädchen",
        "schläft",
        "spielt draußen",
        "trinkt kalte Milch",
        "im Garten",
        "heute",
    ],
    "en": [
        "the dog",
        "the cat",
        "the girl",
        "sleeps",
        "plays outside",
        "drinks cold milk",
        "in the garden",
        "today",
    ],
    "ru": [
        "собака",
        "кошка",
        "девочка",
        "спит",
        "играет во дворе",
        "пьёт холодное молоко",
        "в саду",
        "сегодня",
    ],
    "uk": [
        "собака",
        "кішка",
        "дівчинка",
        "спить",
        "грається надворі",
        "п'є холодне молоко",
        "у садку",
        "сьогодні",
    ],
}
STARS = {
    "1": ["It crashes at every start", "Lost my money, awful", "Worst app, cannot log in"],
    "2": ["Slow and full of bugs", "Too many errors lately", "Support never answers"],
    "3": ["It is okay, nothing more", "Average, some things work", "Fine but slow"],
    "4": ["Good app, small bugs", "Nice, could be faster", "Works well most days"],
    "5": ["Excellent, love it", "Best app ever, so easy", "Perfect and fast"],
}
TOPICS = {
    "спорт": ["сборная выиграла матч", "вратарь отбил мяч", "лыжник взял медаль"],
    "юмор": ["смешной анекдот про кота", "шутка дня", "весёлая история из жизни"],
    "реклама": ["скидка на обувь", "купите билеты дешевле", "новая акция магазина"],
}
PROJECTS = {
    "cooking": (["easy soup recipe", "how to bake bread", "grandma's recipe for pie"], 600, "en"),
    "travel": (
        ["a weekend in the mountains", "train trip along the coast", "backpacking on a budget"],
        1200,
        "fr",
    ),
    "learning": (["lesson on fractions", "grammar explained", "exam tips for students"], 2400, "en"),
}


def languages(folder: Path) -> dict[str, str]:
    """Lines of ``label<TAB>text`` without a header."""
    rows = [
        f"{label}\t{' '.join(words)}"
        for label, parts in LANGUAGES.items()
        for words in itertools.product(parts[:3], parts[3:6], parts[6:])
    ]
    path = folder / "languages.tsv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return {"dataset": str(path)}


def reviews(folder: Path) -> dict[str, str]:
    """Columns ``content`` and ``score``."""
    rows = [
        [f"{text}, {number}", stars]
        for stars, texts in STARS.items()
        for text in texts
        for number in range(12)
    ]
    return {"dataset": _csv(folder / "reviews.csv", ["content", "score"], rows)}


def posts(folder: Path) -> dict[str, str]:
    """A folder with a file a topic, called after it; some posts stand in two files."""
    (folder / "posts").mkdir()
    both = [f"скидка на билеты на матч, {number}" for number in range(15)]
    for topic, texts in TOPICS.items():
        rows = [[f"{text}, {number}"] for text in texts for number in range(25)]
        rows += [[text] for text in both] if topic != "юмор" else []
        _csv(folder / "posts" / f"{topic}.csv", ["text"], rows)
    return {"dataset": str(folder / "posts")}


def videos(folder: Path) -> dict[str, str]:
    """Three text columns, six of numbers with some missing, three of categories, channels, and the project."""
    generator = random.Random(0)
    columns = [
        "title",
        "tags",
        "channel_description",
        "view_count",
        "like_count",
        "comment_count",
        "duration",
    ]
    columns += ["subscriber_count", "total_channel_views", "definition", "default_language"]
    columns += ["default_audio_language", "channel_id", "label"]
    rows = []
    for project, (titles, seconds, language) in PROJECTS.items():
        for number in range(120):
            views = generator.randrange(100, 1_000_000)
            numbers = [views, views // 20, "" if number % 7 == 0 else views // 300, seconds + number]
            texts = [f"{titles[number % 3]} {number}", "" if number % 5 else project, ""]
            categories = ["hd", language, "" if number % 4 else language]
            rows.append(
                [*texts, *numbers, 1000 + number, 10**6, *categories, f"{project}-{number % 24}", project]
            )
    return {"dataset": _csv(folder / "videos.csv", columns, rows)}


def news(folder: Path) -> dict[str, str]:
    """The package's own sample."""
    texts, labels = load_sample_news()
    return {"dataset": _csv(folder / "news.csv", ["news", "labels"], list(zip(texts, labels, strict=True)))}


SLICES: dict[str, Callable[[Path], dict[str, str]]] = {
    "app_reviews": reviews,
    "app_reviews_bert": reviews,
    "app_reviews_bilstm": reviews,
    "app_reviews_lstm": reviews,
    "default_model": news,
    "language_id": languages,
    "language_id_ngrams": languages,
    "rus_news": news,
    "rus_news_fast": news,
    "social_topics": posts,
    "video_projects": videos,
}


def _csv(path: Path, header: list[str], rows: list) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)
