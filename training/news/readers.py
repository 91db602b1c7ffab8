"""Readers of the news sources: each file of a source becomes rows with the rubric its editors gave."""

from __future__ import annotations

import csv
import fnmatch
import gzip
import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

Files = Iterator[tuple[str, bytes]]  # name and content of each member

_FIELDS = ("rubric", "title", "body", "url", "date")
_TEXT_PARTS = ("title", "body", "title_body")
# Where the rows of a source may go: to any split, to training alone, or to one of the two further tests.
ROLES = ("dealt", "train", "test_later", "test_unseen")
_DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%H:%M %d.%m.%Y", "%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True)
class RawRow:
    """One item as its source gives it; a part that the source does not have is an empty string."""

    rubric: str
    title: str
    body: str
    url: str
    date: str


@dataclass(frozen=True)
class Source:
    """One entry of news_sources.yaml."""

    name: str
    enabled: bool
    why: str
    reader: str
    rubrics: str
    text: str
    licence: str
    published: dict[str, str]
    files: list[dict[str, str]]
    members: str = "*"
    columns: dict[str, str] = field(default_factory=dict)
    role: str = "dealt"
    cap: int | None = None  # most rows of one category


def read_yaml(path: Path, key: str) -> Any:
    """Return what stands under `key` in the YAML file `path`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not YAML, or has no such key at its top.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not readable YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or key not in content:
        raise ValueError(f"{path} has no key {key!r} at its top")
    return content[key]


def load_sources(path: Path) -> list[Source]:
    """Return the sources listed in the YAML file `path`.

    Raises:
        ValueError: an entry lacks a key, has an unknown one, or names an unknown reader, text part or column.
    """
    sources = []
    for entry in read_yaml(path, "sources"):
        try:
            source = Source(**entry)
        except TypeError as error:
            raise ValueError(f"{path.name}: source {entry.get('name', '?')!r}: {error}") from None
        where = f"{path.name}: source {source.name!r}"
        if source.reader not in READERS:
            raise ValueError(f"{where}: reader {source.reader!r} is not one of {', '.join(READERS)}")
        if source.text not in _TEXT_PARTS:
            raise ValueError(f"{where}: text {source.text!r} is not one of {', '.join(_TEXT_PARTS)}")
        if source.role not in ROLES:
            raise ValueError(f"{where}: role {source.role!r} is not one of {', '.join(ROLES)}")
        unknown = sorted(set(source.columns) - set(_FIELDS))
        if unknown:
            raise ValueError(f"{where}: unknown columns {unknown}, expected some of {', '.join(_FIELDS)}")
        sources.append(source)
    return sources


def check_file(path: Path, sha256: str) -> None:
    """Compare the SHA-256 of the file `path` with the recorded one.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is another one.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: take it from the repository that the sources file names, "
            "or set `enabled: false` for its source there"
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path} has SHA-256 {found}, expected {sha256}: take the file again from the recorded commit, "
            "or, if the new version is meant, look at its rows and record its hash in the sources file"
        )


def read_rows(source: Source, path: Path) -> Iterator[RawRow]:
    """Yield the rows of one file of `source`, in the order of the file.

    Raises:
        ValueError: the file cannot be parsed or lacks a column; the message names the file.
    """
    try:
        yield from READERS[source.reader](source, _members(path, source.members))
    except (
        csv.Error,
        ElementTree.ParseError,
        UnicodeDecodeError,
        tarfile.TarError,
        EOFError,
        gzip.BadGzipFile,
    ) as error:
        raise ValueError(f"{path} cannot be read as {source.reader}: {error}") from error


def read_source(source: Source, folder: Path) -> Iterator[RawRow]:
    """Yield the rows of the files of `source` under `folder`, each compared with its hash before it is read.

    Raises:
        FileNotFoundError, ValueError: as `check_file` and `read_rows`.
    """
    for file in source.files:
        check_file(folder / file["path"], file["sha256"])
        yield from read_rows(source, folder / file["path"])


def _members(path: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    if ".tar" not in path.suffixes:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield path.name, file.read()
        return
    with tarfile.open(path) as archive:
        members = {member.name: member for member in archive if member.isfile()}
        for name in sorted(fnmatch.filter(members, pattern)):
            content = archive.extractfile(members[name])
            if content is not None:
                yield name, content.read()


def _read_csv(source: Source, files: Files) -> Iterator[RawRow]:
    return _read_table(source, files, dialect="excel")


def _read_tsv(source: Source, files: Files) -> Iterator[RawRow]:
    return _read_table(source, files, delimiter="\t", quoting=csv.QUOTE_NONE)


def _read_table(source: Source, files: Files, **layout: Any) -> Iterator[RawRow]:
    csv.field_size_limit(2**31 - 1)  # full articles pass the default limit of 128 kB
    for name, content in files:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), **layout)
        missing = set(source.columns.values()) - set(reader.fieldnames or ())
        if missing:
            raise ValueError(
                f"{name} has the columns {reader.fieldnames}, expected {sorted(missing)} among them"
            )
        for row in reader:
            parts: dict[str, str] = {
                part: (row[source.columns[part]] or "") if part in source.columns else "" for part in _FIELDS
            }
            parts["date"] = iso_date(parts["date"]) or _date_in_url(parts["url"])
            yield RawRow(**parts)


def _read_rss(source: Source, files: Files) -> Iterator[RawRow]:
    del source  # RSS 2.0 names its own parts
    for _, content in files:
        for item in ElementTree.fromstring(content).iter("item"):
            yield RawRow(
                rubric=item.findtext("category", ""),  # the first one is the section, the others are topics
                title=item.findtext("title", ""),
                body=item.findtext("description", ""),
                url=item.findtext("link", "").strip() or item.findtext("guid", "").strip(),
                date=iso_date(item.findtext("pubDate", "")),
            )


def _read_taiga(source: Source, files: Files) -> Iterator[RawRow]:
    """A part of the Taiga corpus: a text a file, and their rubrics in `newmetadata.csv` (tab separated)."""
    del source  # the corpus names its own parts
    texts = {name.rpartition("/")[2]: content.decode("utf-8-sig") for name, content in files}
    if "newmetadata.csv" not in texts:
        raise ValueError("the archive has no newmetadata.csv, expected one beside the texts")
    metadata = io.StringIO(texts.pop("newmetadata.csv"))
    reader = csv.DictReader(metadata, delimiter="\t", quoting=csv.QUOTE_NONE, restval="")
    missing = {"textid", "textrubric", "textname", "source", "date"} - set(reader.fieldnames or ())
    if missing:
        raise ValueError(
            f"newmetadata.csv has the columns {reader.fieldnames}, expected {sorted(missing)} among them"
        )
    for row in reader:
        body = texts.get(row["textid"] + ".txt", "").replace("\n", " ")  # its line breaks stand around links
        yield RawRow(row["textrubric"], row["textname"], body, row["source"], iso_date(row["date"]))


def iso_date(text: str) -> str:
    """Return the day of `text`, in one of the forms of the sources or of RFC 2822, as 2024-03-20, or ""."""
    text = text.strip()
    for date_format in _DATE_FORMATS:
        try:
            return datetime.strptime(text, date_format).date().isoformat()
        except ValueError:
            continue
    try:
        return parsedate_to_datetime(text).date().isoformat()
    except ValueError:
        return ""


def _date_in_url(url: str) -> str:
    found = re.search(r"/(20\d\d)/([01]\d)/([0-3]\d)/", url)
    return "-".join(found.groups()) if found else ""


READERS: dict[str, Callable[[Source, Files], Iterator[RawRow]]] = {
    "csv": _read_csv,
    "tsv": _read_tsv,
    "rss": _read_rss,
    "taiga": _read_taiga,
}
