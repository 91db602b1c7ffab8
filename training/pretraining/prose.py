"""Readers of plain Russian prose for label-free pre-training.

A *document* is a list of passages: the headline, when there is one, then paragraphs. A reader takes the files of one
source, in the order in which `prose_sources.yaml` names them, and yields documents; no reader yields a label.
"""

from __future__ import annotations

import ast
import csv
import gzip
import hashlib
import html
import io
import json
import logging
import re
import tarfile
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

Document = list[str]

MIN_CYRILLIC = 20  # letters; anything shorter is a caption or a link

csv.field_size_limit(1 << 30)

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_URL = re.compile(r"(?:https?://|www\.|t\.me/)\S+")
_PICTOGRAPHS = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2190-\u21ff\u25a0-\u25ff\ufe00-\ufe0f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u2064\ufeff\u00ad\ue000-\uf8ff\U000e0000-\U000e007f\ufffd]"
)
_LATIN_E = re.compile(r"(?<=[а-яё])e(?=[а-яё])")  # one publisher writes Latin e for ё
_SPACE = re.compile(r"[^\S\n]+")
# Paragraphs that lost their break: three lower-case letters, so that "г.Москва" and initials stay whole.
_GLUED = re.compile(r"(?:(?<=[а-яё]{3}[.!?…])|(?<=[а-яё]{2}[»)][.!?…])|(?<=[а-яё][.!?…]»))(?=[А-ЯЁA-Z«])")
_CYRILLIC = re.compile(r"[а-яёА-ЯЁ]")
_LETTERS = re.compile(r"[^\W\d_]")


def clean(text: str) -> str:
    """Return `text` in NFC without mark-up, links, pictographs and repeated spaces; line breaks stay."""
    text = unicodedata.normalize("NFC", html.unescape(text))
    text = _PICTOGRAPHS.sub("", _URL.sub(" ", _TAG.sub(" ", text)))
    text = _LATIN_E.sub("е", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(line.strip() for line in _SPACE.sub(" ", text).split("\n")).strip()


def paragraphs(text: str) -> list[str]:
    """Split cleaned `text` at line breaks and where a paragraph break was lost ("...слово.Другое...")."""
    lines = (line.strip() for part in clean(text).split("\n") for line in _GLUED.split(part))
    return [line for line in lines if line]


@dataclass
class SourceCounts:
    """What one source gave: documents kept, duplicates dropped, documents too short or not in Russian."""

    documents: int = 0
    duplicates: int = 0
    unusable: int = 0


def read_sources(
    sources: list[dict], root: Path, counts: dict[str, SourceCounts]
) -> Iterator[tuple[str, Document]]:
    """Yield (source name, document) over all sources, without exact duplicates; fill `counts` on the way.

    Two documents are duplicates when their letters and digits are the same, or when both have a body under the same
    headline of 30 letters or more. Raises OSError when a file is missing, ValueError when its SHA-256 differs.
    """
    seen: set[bytes] = set()
    for source in sources:
        count = counts.setdefault(source["name"], SourceCounts())
        paths = [checked_path(root, file) for file in source["files"]]
        for document in READERS[source["reader"]](paths):
            if not is_russian(document):
                count.unusable += 1
                continue
            keys = duplicate_keys(document)
            if not seen.isdisjoint(keys):
                count.duplicates += 1
                continue
            seen.update(keys)
            count.documents += 1
            yield source["name"], document
        logger.info("%s: %d documents", source["name"], count.documents)


def checked_path(root: Path, file: dict) -> Path:
    """Return the path of one listed file after checking its SHA-256."""
    path = root / file["path"]
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: prose_sources.yaml tells where it is published; fetch it, or pass another --source"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != file["sha256"]:
        raise ValueError(
            f"{path} has SHA-256 {digest}, expected {file['sha256']}: restore the file, or correct the listed hash"
        )
    return path


def is_russian(document: Document) -> bool:
    """True when the document has enough Cyrillic letters and they are most of its letters."""
    text = " ".join(document)
    cyrillic = len(_CYRILLIC.findall(text))
    return cyrillic >= MIN_CYRILLIC and 2 * cyrillic >= len(_LETTERS.findall(text))


def duplicate_keys(document: Document) -> list[bytes]:
    """Hashes under which a second copy of the document is recognised."""
    keys = [_digest("".join(document))]
    if len(document) > 1 and len(_LETTERS.findall(document[0])) >= 30:
        keys.append(_digest("headline " + document[0]))
    return keys


def _digest(text: str) -> bytes:
    letters = re.sub(r"[\W_]+", "", text.lower().replace("ё", "е"))
    return hashlib.blake2b(letters.encode(), digest_size=12).digest()


# Containers -------------------------------------------------------------------------------------------------------


def rows(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Rows of a gzipped CSV file with a header."""
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file, delimiter=delimiter)


def members(path: Path) -> Iterator[tuple[str, str]]:
    """(name, text) of every file in a tar archive, in the archive's order."""
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, file.read().decode("utf-8-sig")


# Readers ----------------------------------------------------------------------------------------------------------

_BROADCAST = re.compile(
    r"^(Новости рубрики|Выпуск|Программа|Аналитическая программа|(Вечерние |Ночные |Дневные )?[Нн]овости( дня)?"
    r"( в \d|$)|Воскресное|Время)"
)
_TIMESTAMP = re.compile(r"(^|\n)(Сегодня|Вчера|\d{1,2} [а-я]+( \d{4})?), \d{1,2}:\d\d$")
_TELEMETRY = re.compile(r"Службы телеизмерений")


def onetv(paths: list[Path]) -> Iterator[Document]:
    """Headlines and leads of Channel One; a lead that ends in a time stamp is the page's side bar or a digest.

    Such a teaser carries its own headline, so it is kept apart from the headline of the page it stood on; side bars
    repeat over hundreds of pages, and only the first copy outlives the search for duplicates. Titles of broadcasts
    and digests ("Выпуск новостей в 12:00") are dropped. For years without leads the headlines stand alone.
    """
    with_leads: set[str] = set()
    headlines: list[dict] = []
    for name, text in (pair for path in paths for pair in members(path)):
        if name.endswith(".json"):
            headlines += json.loads(text)
            continue
        for row in csv.DictReader(io.StringIO(text)):
            with_leads.add(row["url"])
            title, lead = clean(row["title"]), clean(row["content"])
            headline = [] if _BROADCAST.match(title) else [title]
            if _TIMESTAMP.search(lead):
                teaser = _TIMESTAMP.sub("", lead).split("\n")
                yield teaser[1:] if _BROADCAST.match(teaser[0]) else teaser
                yield headline
            else:
                yield headline + ([] if _TELEMETRY.search(lead) else paragraphs(lead))
    for item in headlines:
        title = clean(item["r"])
        if item["u"] not in with_leads and not _BROADCAST.match(title):
            yield [title]


def nplus1(paths: list[Path]) -> Iterator[Document]:
    """N+1 in the Taiga corpus: the headline is in the metadata, the author's name is glued to the text's end."""
    texts = {Path(name).name: text for path in paths for name, text in members(path)}
    metadata = texts.pop("newmetadata.csv")
    for row in csv.DictReader(io.StringIO(metadata), delimiter="\t", quoting=csv.QUOTE_NONE):
        text = texts.get(row["textid"] + ".txt")
        if text is None:
            continue
        body = paragraphs(text.replace("\n", " "))  # its line breaks stand around links, not paragraphs
        author = clean(row["author"]).replace("ё", "е")
        if body and author and body[-1].replace("ё", "е").endswith(author):
            body[-1] = body[-1][: -len(author)].strip()
        if body and len(body[-1].split()) <= 3:
            body.pop()  # an author whom the metadata leave out
        yield [clean(row["textname"]), *body]


_LINK = re.compile(r"\[([^\]\[]*)\]\([^)]*\)")
_MARKS = re.compile(r"\*\*|__|~~|\|\||`+")
_CALL = re.compile(
    r"подпис(аться|ывай|ка)|прислать новость|без vpn|рекламодател|erid|инн \d|^реклама\b|зеркало$|^@\w+$"
    r"|^(читать|подробнее|смотреть|слушать|ссылка|источник|github)( статью| далее)?:?$|отдай свой буст",
    re.IGNORECASE,
)


def telegram(paths: list[Path]) -> Iterator[Document]:
    """Posts of Telegram channels without mark-up, hashtags and the channels' calls to subscribe."""
    for _, text in (pair for path in paths for pair in members(path)):
        for post in json.loads(text):
            lines = _MARKS.sub("", _LINK.sub(r"\1", post["text"])).split("\n")
            lines = [re.sub(r"(#\w+\s*)+$|@\w+$", "", clean(line)).strip() for line in lines]
            yield [line for line in lines if len(_LETTERS.findall(line)) > 2 and not _CALL.search(line)]


_N1_FOOTER = re.compile(r"Нашли опечатку\?.*|Материалы, опубликованные в разделе.*", re.DOTALL)


def articles(paths: list[Path]) -> Iterator[Document]:
    """CSV files of whole articles: `article_head` or `article_title`, then `article_content`."""
    for row in (row for path in paths for row in rows(path)):
        title = row.get("article_head") or row.get("article_title") or ""
        yield [
            line for line in [clean(title), *paragraphs(_N1_FOOTER.sub("", row["article_content"]))] if line
        ]


def lenta(paths: list[Path]) -> Iterator[Document]:
    """Lenta.ru texts without headlines, in three shapes: one a line, one unnamed column, a `content` column."""
    for path in paths:
        if path.name.endswith(".txt.gz"):
            with gzip.open(path, "rt", encoding="utf-8") as file:
                texts = list(file)
        elif path.name.startswith("data_lenta"):
            with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
                texts = [row[0] for row in csv.reader(file) if row]
        else:
            texts = [row["content"] for row in rows(path)]
        for text in texts:
            yield [line for line in paragraphs(text) if not line.startswith("Материалы по теме")]


_RIA_DATELINE = re.compile(
    r"^[А-ЯЁ][А-ЯЁ\s.,/\-]*(, \d{1,2} [а-яё]+\.?)?\s*[-–—]\s*РИА Новости[^.]{0,40}\.\s*"
)


def ria_and_lenta(paths: list[Path]) -> Iterator[Document]:
    """RIA texts with headlines, without the dateline; Lenta.ru texts alone, their titles being other items'."""
    urls: set[str] = set()
    for row in (row for path in paths for row in rows(path)):
        if "0" in row:
            yield paragraphs("\n".join(ast.literal_eval(row["0"])["full_text"]))
        elif row["url"] not in urls:
            urls.add(row["url"])
            yield [clean(row["title"]), *paragraphs(_RIA_DATELINE.sub("", clean(row["full_text"] or "")))]


def plain_files(paths: list[Path]) -> Iterator[Document]:
    """One article a file, the headline on its first line."""
    for _, text in (pair for path in paths for pair in members(path)):
        yield paragraphs(text)


_BEFORE = re.compile(r" (?=[.,:;!?…)»\]%])")
_AFTER = re.compile(r"(?<=[(«\[]) ")


def ruattitudes(paths: list[Path]) -> Iterator[Document]:
    """The "Title:" and "Text:" lines of the annotation file, one document for each block of annotations."""
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            text = archive.read("collection.txt").decode("utf-8")
        for block in text.split("-----------\n"):
            found = re.findall(r"^(?:Title|Text): (.*)$", block, re.MULTILINE)
            lines = (_AFTER.sub("", _BEFORE.sub("", clean(line))) for line in found)
            lines = (re.sub(r"^norubric: |Читайте( также)?:$", "", line).strip() for line in lines)
            yield list(dict.fromkeys(line for line in lines if line))


_REVIEW_COLUMNS = ("recall", "mention", "feedback", "review")


def reviews(paths: list[Path]) -> Iterator[Document]:
    """Reviews of clothes, films, goods and restaurants; the scores are left unread."""
    for path in paths:
        for row in rows(path):
            column = "review" if "review" in row else next(name for name in _REVIEW_COLUMNS if name in row)
            yield paragraphs(row[column])


def dialogues(paths: list[Path]) -> Iterator[Document]:
    """Dialogues of two or more lines "- ...", parted by blank lines."""
    for _, text in (pair for path in paths for pair in members(path)):
        for block in re.split(r"\n\s*\n", text.replace("\r", "")):
            yield [clean(line).removeprefix("-").strip() for line in block.split("\n") if line.strip()]


READERS: dict[str, Callable[[list[Path]], Iterator[Document]]] = {
    reader.__name__: reader
    for reader in (
        onetv,
        nplus1,
        telegram,
        articles,
        lenta,
        ria_and_lenta,
        plain_files,
        ruattitudes,
        reviews,
        dialogues,
    )
}


def most_common_lines(documents: Iterable[Document], count: int) -> list[tuple[str, int]]:
    """The passages repeated most often: what boilerplate is left."""
    return Counter(line for document in documents for line in document).most_common(count)
