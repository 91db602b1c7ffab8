"""What is seen of an uploaded file, and what its owner is told where it cannot be read."""

import gzip
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bilstm_classifier.app.files.errors import BadFile
from bilstm_classifier.app.files.uploads import count_rows, look_at, own_name, rows_of, stem
from bilstm_classifier.app.messages import LANGUAGES
from bilstm_classifier.app.settings import Settings

SENTENCE = "Сборная выиграла матч в дополнительное время"
CSV = f"text,label\n{SENTENCE},sports\n"

BROKEN = {
    "empty.csv": (b"", "пуст"),
    "blank.txt": (b"\n \n\n", "нет строк"),
    "header.csv": (b"text,label\n", "нет строк"),
    "list.json": (b"[]", "нет строк"),
    "zip.csv": (b"PK\x03\x04" + bytes(100), "Excel"),
    "binary.csv": (b"\x89PNG\r\n\x1a\n" + bytes(50), "не текст"),
    "cp1251.csv": ((CSV * 9).encode("cp1251"), "WINDOWS-1251"),
    "koi8.csv": ((CSV * 9).encode("koi8-r"), "KOI8-R"),
    "utf16.csv": (CSV.encode("utf-16"), "UTF-16"),
    "latin.csv": (b"text,label\n" + b"\xb7\xa8\xb6" * 9, "строка 2"),
    "late.csv": ((CSV * 5000).encode() + "Ещё,спорт\n".encode("cp1251"), "WINDOWS-1251"),
    "cut.csv.gz": (gzip.compress(CSV.encode() * 500)[:-20], "gzip"),
    "not.parquet": (b"PAR1" + bytes(40), "Parquet"),
    "fields.csv": ((CSV + "Лишняя, запятая, здесь,sports\n" + CSV).encode(), "строка 3"),
    "quote.csv": ((CSV + '"Незакрытая кавычка,sports\n' + CSV).encode(), "строка 3"),
    "inner.csv": ((CSV + '"Кавычка" внутри,sports\n' + CSV).encode(), "удвоить"),
    "twice.csv": (f"text,label,label\n{SENTENCE},a,b\n".encode(), "одинаково"),
    "lines.jsonl": (b'{"text": "a"}\n{"text": \n', "строка 2"),
    "objects.jsonl": (b'{"text": "a"}\n["b"]\n', "строка 2"),
    "damaged.json": (b'[{"text": "a"}, {"text"', "JSON"),
    "nameless.jsonl": (b"{}\n{}\n", "нет строк"),
}


def all_rows(path, name, language, settings=None):
    """Reads a file as the job does, from the first look to the last row."""
    for _ in count_rows(look_at(path, name, language), settings or Settings(), language):
        pass


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_explained_in_the_language_of_its_owner(tmp_path, name):
    content, part = BROKEN[name]
    path = tmp_path / "4aefe83d" / name
    path.parent.mkdir()
    path.write_bytes(content)
    told = {}
    for language in LANGUAGES:
        with pytest.raises(BadFile) as error:
            all_rows(path, name, language)
        told[language] = str(error.value)
        assert name in told[language]
        assert str(tmp_path) not in told[language]
        assert path.parent.name not in told[language]
    assert part in told["ru"]
    words = told["ru"].replace(name, "")
    assert re.search("[а-яё]{3}", words)
    assert not re.search(r"[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}", words), "an English sentence"
    assert not re.search("[А-яё]", told["en"].replace(name, ""))


def test_a_parquet_file_that_is_damaged_within(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": [SENTENCE] * 1000}), path, compression="NONE", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    path.write_bytes(content)
    with pytest.raises(BadFile, match=r"Файл «rows\.parquet» не читается"):
        all_rows(path, "rows.parquet", "ru")


def test_a_file_that_was_deleted(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(CSV, encoding="utf-8")
    upload = look_at(path, "rows.csv", "en")
    path.unlink()
    with pytest.raises(BadFile, match="no longer on the server"):
        list(rows_of(upload, "en"))
    with pytest.raises(BadFile, match="no longer on the server"):
        look_at(path, "rows.csv", "en")


def test_more_rows_than_are_taken(tmp_path):
    path = tmp_path / "rows.txt"
    path.write_text(f"{SENTENCE}\n" * 60, encoding="utf-8")
    with pytest.raises(BadFile, match="has 60 rows, and 50 are taken"):
        all_rows(path, "rows.txt", "en", Settings(max_rows=50))
    with pytest.raises(BadFile, match="has more than 50 rows, and 5 are taken"):
        all_rows(path, "rows.txt", "en", Settings(max_rows=5))
    all_rows(path, "rows.txt", "en", Settings(max_rows=60))


def test_a_file_that_is_far_larger_unpacked(tmp_path):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"text\n" + (b"word " * 20_000 + b"\n") * 60))
    with pytest.raises(BadFile, match="more than 5 MB"):
        all_rows(path, "rows.csv.gz", "en", Settings(max_file_mb=1))
    all_rows(path, "rows.csv.gz", "en", Settings(max_file_mb=2))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_long_json_list_is_not_read(tmp_path, pack, monkeypatch):
    monkeypatch.setattr("bilstm_classifier.app.files.uploads.MAX_JSON_LIST", 1000)
    monkeypatch.setattr("bilstm_classifier.data.reading._json_list", lambda path: pytest.fail("it was read"))
    path = tmp_path / "rows.json.gz"
    path.write_bytes(pack(json.dumps([{"text": SENTENCE}] * 100).encode()))
    with pytest.raises(BadFile, match="one long JSON list"):
        look_at(path, "rows.json.gz", "en")


@pytest.mark.parametrize(
    ("content", "text", "label"),
    [
        (f"id,text,category\n1,{SENTENCE},sports\n", "text", "category"),
        (f"id,Новость,рубрика\n1,{SENTENCE},Спорт\n2,{SENTENCE},\n", "Новость", "рубрика"),
        (f"text,label\n{SENTENCE},9\n{SENTENCE},10.0\n", "text", "label"),
        (f"text,label\n{SENTENCE},positive\n{SENTENCE},sports\n", "text", None),
        (f"text,score\n{SENTENCE},99\n", "text", None),
        (f"number,who,said\n1,Иванов,{SENTENCE}\n2,Петров,{SENTENCE}\n", "said", None),
        (f"{SENTENCE}\n", "text", None),
    ],
)
def test_columns_are_proposed(tmp_path, service, content, text, label):
    path = tmp_path / "rows.csv"
    path.write_text(content, encoding="utf-8")
    upload = look_at(path, "rows.csv", "en")
    place = upload.text_column(service)
    assert upload.columns[place] == text
    truth = upload.label_column(service, place)
    assert (None if truth is None else upload.columns[truth]) == label


def test_columns_of_numbers_are_known(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f'n,money,text,none\n1,"-3,50",{SENTENCE},\n2,1e5,25,\n', encoding="utf-8")
    upload = look_at(path, "rows.csv", "en")
    assert [upload.holds_numbers(place) for place in range(4)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("given", "shown", "after"),
    [
        ("../../etc/passwd.csv", "passwd.csv", "passwd"),
        (r"C:\Мои тексты\новости за май.csv.gz", "новости за май.csv.gz", "новости_за_май"),
        (None, "tmp1", "tmp1"),
        ("..", "..", "texts"),
        ("<b>.csv", "<b>.csv", "b"),
    ],
)
def test_what_a_file_is_called(given, shown, after):
    assert own_name(given, "/tmp/x/tmp1") == shown
    assert stem(shown) == after


def test_long_names_are_cut():
    assert len(own_name("я" * 500 + ".csv", "")) < 100
    assert own_name("я" * 500 + ".csv", "").endswith(".csv")
    assert len(stem("я" * 500)) == 60
