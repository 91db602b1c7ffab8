"""One file -> rows: layouts, formats, encodings, and what is said of files that cannot be read."""

import collections
import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bilstm_classifier.data import reading
from bilstm_classifier.data.columns import find_label_column, find_text_columns
from bilstm_classifier.data.reading import open_table

TEXTS = [
    "В порту открыли новый причал",
    "Сборная выиграла матч, счёт 3:1",
    'Фильм "Берег" вышел; зал полон',
    "a | b",
]
LABELS = ["economy", "sports", "culture", "economy"]


def write(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(data)
    return path


def rows(path: Path, **options) -> list[dict]:
    return [row for _, row in open_table(path, **options).rows()]


def as_csv(records, delimiter=",", **options) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, **options).writerows(records)
    return out.getvalue()


# --- layouts ---


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["data.csv", "data.tsv", "data.txt", "data.dat", "data"])
def test_delimiter_is_found_whatever_the_suffix(tmp_path, delimiter, name):
    pairs = list(zip(TEXTS, LABELS, strict=True))
    path = write(tmp_path / name, as_csv([("text", "label"), *pairs], delimiter))
    assert rows(path) == [{"text": text, "label": label} for text, label in pairs]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_two_columns_without_header(tmp_path, delimiter):
    pairs = list(zip(LABELS, TEXTS, strict=True))
    path = write(tmp_path / "data.csv", as_csv(pairs, delimiter))
    assert rows(path) == [{"label": label, "text": text} for label, text in pairs]


def test_text_before_label_without_header(tmp_path):
    path = write(tmp_path / "data.csv", as_csv(zip(TEXTS, LABELS, strict=True)))
    assert open_table(path).columns == ("text", "label")


@pytest.mark.parametrize("name", ["langs.txt", "langs.tsv", "langs"])
def test_label_tab_text(tmp_path, name):
    path = write(tmp_path / name, "ru\tДобрый день, друзья\nen\tGood day\nru\tДо свидания\n")
    assert [(row["label"], row["text"]) for row in rows(path)] == [
        ("ru", "Добрый день, друзья"),
        ("en", "Good day"),
        ("ru", "До свидания"),
    ]


def test_a_label_that_is_called_like_a_column_is_no_header(tmp_path):
    path = write(tmp_path / "data.tsv", "news\tМост открыт\nblog\tМой день\nnews\tСнег выпал\n")
    assert [row["label"] for row in rows(path)] == ["news", "blog", "news"]


def test_header_of_unusual_names_over_numbers_or_long_texts(tmp_path):
    numbers = write(tmp_path / "a.csv", "opinion,mark\nХорошо,5\nПлохо,2\n")
    assert open_table(numbers).columns == ("opinion", "mark")
    long = "Очень длинное предложение о погоде на неделе"
    texts = write(tmp_path / "b.csv", f"story,kind\n{long} 1,x\n{long} 2,y\n{long} 3,x\n")
    assert open_table(texts).columns == ("story", "kind")


def test_expected_columns_make_a_header(tmp_path):
    path = write(tmp_path / "a.csv", "Раздел,Заметка\nспорт,гол\nкино,роль\n")
    assert open_table(path).columns != ("Раздел", "Заметка")
    assert open_table(path, expected_columns=["Заметка"]).columns == ("Раздел", "Заметка")


def test_unnamed_index_column_and_numbered_columns(tmp_path):
    indexed = write(tmp_path / "a.csv", ",text,label\n0,Снег,a\n1,Дождь,b\n")
    assert open_table(indexed).columns == ("column_1", "text", "label")
    three = write(tmp_path / "b.csv", "1,Снег идёт,a\n2,Дождь идёт,b\n")
    assert open_table(three).columns == ("column_1", "column_2", "column_3")


def test_tab_file_without_quoting_keeps_its_quotes(tmp_path):
    content = 'sports\t"Волна" обыграла "Маяк"\nculture\tРоман "Река\nsports\tНичья\n'
    path = write(tmp_path / "data.tsv", content)
    assert [row["text"] for row in rows(path)] == ['"Волна" обыграла "Маяк"', 'Роман "Река', "Ничья"]


def test_tab_file_with_quoting_loses_them(tmp_path):
    path = write(
        tmp_path / "data.tsv", as_csv([("a", 'Он сказал: "да"\nи ушёл'), ("b", "Нет"), ("a", "x")], "\t")
    )
    assert [row["text"] for row in rows(path)] == ['Он сказал: "да"\nи ушёл', "Нет", "x"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_numbers_count_line_ends_inside_quotes(tmp_path, end):
    lines = ["text,label", '"первая', 'вторая",a', "", "третья,b", ""]
    table = open_table(write(tmp_path / "data.csv", end.join(lines)))
    assert list(table.rows()) == [
        (2, {"text": f"первая{end}вторая", "label": "a"}),
        (5, {"text": "третья", "label": "b"}),
    ]


def test_mixed_line_ends(tmp_path):
    path = write(tmp_path / "data.csv", "text,label\r\nодин,a\nдва,b\r\nтри,a\rчетыре,b")
    assert [(number, row["text"]) for number, row in open_table(path).rows()] == [
        (2, "один"),
        (3, "два"),
        (4, "три"),
        (5, "четыре"),
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ["Вчера, в среду, прошёл дождь", "Сегодня сухо", "Завтра, возможно, снег"],
        ["Утром снег, днём дождь", "Вечером туман, ночью мороз", "Днём ветер, утром штиль"],
        ["Привет, мир"],
        ['"Волна" выиграла', "цена: 5; курс: 7"],
    ],
)
def test_plain_text_is_one_text_a_line(tmp_path, lines):
    table = open_table(write(tmp_path / "texts.txt", "\n\n".join(lines)))
    assert (table.format, table.columns) == ("text", ("text",))
    assert [(number, row["text"]) for number, row in table.rows()] == [
        (2 * i + 1, line) for i, line in enumerate(lines)
    ]


def test_one_column_csv(tmp_path):
    quoted = write(tmp_path / "a.csv", 'text\n"Да, конечно"\n"Нет\nи нет"\n')
    assert [row["text"] for row in rows(quoted)] == ["Да, конечно", "Нет\nи нет"]
    unquoted = write(tmp_path / "b.csv", "text\nДа, конечно, да\nНет\nВот, и всё\n")
    assert [row["text"] for row in rows(unquoted)] == ["Да, конечно, да", "Нет", "Вот, и всё"]


def test_rows_can_be_started_again(tmp_path):
    table = open_table(write(tmp_path / "data.csv", "text,label\nодин,a\nдва,b\n"))
    assert list(table.rows()) == list(table.rows())
    assert len(list(table.rows())) == 2


# A label that repeats and any texts: what csv.writer writes with any delimiter comes back.
_cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(_cells, min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    suffix=st.sampled_from([".csv", ".tsv", ".txt"]),
    text_first=st.booleans(),
)
def test_csv_round_trip(tmp_path, texts, delimiter, quoting, suffix, text_first):
    header = ("text", "label") if text_first else ("label", "text")
    records = [(text, "ab"[i % 2]) if text_first else ("ab"[i % 2], text) for i, text in enumerate(texts)]
    path = write(tmp_path / f"data{suffix}", as_csv([header, *records], delimiter, quoting=quoting))
    assert rows(path) == [dict(zip(header, record, strict=True)) for record in records]


# --- JSON, Parquet, gzip ---


def test_json_lines(tmp_path):
    lines = [{"text": "Снег", "label": 1}, {"text": None, "label": 2, "extra": [1]}]
    for name in ("a.jsonl", "a.json", "a.data"):
        path = write(tmp_path / name, "\n".join(map(json.dumps, lines)) + "\n\n")
        table = open_table(path)
        assert (table.format, table.columns) == ("jsonl", ("text", "label", "extra"))
        assert [row for _, row in table.rows()] == lines


def test_json_list(tmp_path):
    items = [{"text": "Снег", "label": "a"}, {"text": "Дождь", "label": "b"}]
    table = open_table(write(tmp_path / "a.json", json.dumps(items, indent=1)))
    assert list(table.rows()) == list(enumerate(items, start=1))


def test_broken_json_line_comes_after_the_rows_before_it(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "Снег"}\n\n{"text": "Дождь"\n{"text": "Град"}\n')
    stream = open_table(path).rows()
    assert next(stream) == (1, {"text": "Снег"})
    with pytest.raises(ValueError, match=r"a\.jsonl, line 3: broken JSON"):
        next(stream)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]\n", r"line 1: expected a JSON object"),
        ("текст\n", r"line 1: broken JSON"),
        ("[" * 100_000 + "\n", r"line 1: broken JSON"),
        ('{"a": ' + "9" * 5000 + "}\n", r"line 1: broken JSON"),
    ],
)
def test_json_lines_that_are_no_objects(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        open_table(write(tmp_path / "a.jsonl", content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "no rows"),
        ('[{"a": 1}, 2]', "item 2: expected a JSON object"),
        ('[{"a": 1},\n oops]', "line 2: broken JSON"),
    ],
)
def test_json_lists_that_cannot_be_read(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        open_table(write(tmp_path / "a.json", content))


def test_parquet(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"текст {i}" for i in range(600)], "labels": list(range(600))}), path)
    table = open_table(path)
    assert (table.format, table.columns) == ("parquet", ("text", "labels"))
    assert list(table.rows()) == [(i + 1, {"text": f"текст {i}", "labels": i}) for i in range(600)]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"a\.parquet: not a readable Parquet file"):
        open_table(path)


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'bilstm-classifier\[train\]'"):
        open_table(write(tmp_path / "a.parquet", b"PAR1"))


def test_gzip_is_known_by_its_content(tmp_path):
    content = gzip.compress("label\ttext\na\tСнег\n".encode())
    for name in ("a.tsv.gz", "a.tsv"):
        assert rows(write(tmp_path / name, content)) == [{"label": "a", "text": "Снег"}]
    lines = write(tmp_path / "a.jsonl.gz", gzip.compress(b'{"text": "x"}\n'))
    assert open_table(lines).format == "jsonl"


def test_damaged_gzip(tmp_path):
    noise = "".join(f"{os.urandom(8).hex()},a\n" for _ in range(200_000))
    whole = gzip.compress(f"text,label\n{noise}".encode(), compresslevel=1)
    table = open_table(write(tmp_path / "a.csv.gz", whole[: len(whole) // 2]))
    with pytest.raises(ValueError, match=r"a\.csv\.gz: the gzip file is damaged or cut short"):
        list(table.rows())
    with pytest.raises(ValueError, match="damaged or cut short"):
        open_table(write(tmp_path / "b.csv.gz", b"\x1f\x8b" + b"noise" * 10))


# --- encodings and files that cannot be read ---

RUSSIAN = "text,label\nВ порту открыли причал,a\nСборная выиграла матч,b\n"


def test_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    assert open_table(write(tmp_path / "a.csv", RUSSIAN.encode("utf-8-sig"))).columns == ("text", "label")


@pytest.mark.parametrize(
    ("codec", "name"),
    [("cp1251", "WINDOWS-1251"), ("koi8_r", "KOI8-R"), ("cp866", "CP866"), ("utf-16", "UTF-16")],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_other_encodings_are_named_with_the_command_that_converts(tmp_path, codec, name, compressed):
    data = RUSSIAN.encode(codec)
    path = tmp_path / ("my data.csv.gz" if compressed else "my data.csv")
    write(path, gzip.compress(data) if compressed else data)
    with pytest.raises(ValueError, match=name) as caught:
        open_table(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    if codec != "utf-16":
        assert "line 2: not UTF-8 (byte 0x" in message
        assert "at offset 11)" in message
    if shutil.which("iconv"):  # the command does what it says
        command = message.partition("convert it to UTF-8 with: ")[2]
        subprocess.run(command, shell=True, check=True)
        assert rows(tmp_path / "my data.utf8.csv")[0]["text"] == "В порту открыли причал"


def test_a_wrong_byte_far_into_the_file_comes_after_the_rows_before_it(tmp_path):
    line = "Снег идёт и идёт над рекой,a\r\n".encode()
    count = 60_000
    path = write(tmp_path / "a.csv", b"text,label\r\n" + line * count + b"\xd0,a\r\n" + line)
    read = []
    with pytest.raises(ValueError, match="the file is damaged or in another encoding") as caught:
        collections.deque(map(read.append, open_table(path).rows()), maxlen=0)
    assert f"line {count + 2}: not UTF-8 (byte 0xD0 at offset {12 + count * len(line):,})" in str(
        caught.value
    )
    assert count - 1000 < len(read) <= count


def test_utf8_cut_inside_a_letter_is_located(tmp_path):
    with pytest.raises(ValueError, match=r"line 2: not UTF-8 \(byte 0xD0 at offset 11\)"):
        open_table(write(tmp_path / "a.csv", b"text,label\n\xd0"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "the file is empty"),
        ("a.csv", b"\n \n\r\n", "only blank lines"),
        ("a.csv", b"\xef\xbb\xbf", "only blank lines"),
        ("a.csv", b"text,label\n", r"a header \(text, label\) and no rows"),
        ("a.csv", b"text,label,text\na,b,c\n", "names a column twice: text"),
        ("a.csv", b"text,label\n\x00\x01,a\n", r"binary file.*NUL byte in line 2, byte 11"),
        ("a.csv", b"PK\x03\x04....", "Excel workbook"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00", "binary file"),
    ],
)
def test_files_that_hold_no_rows(tmp_path, name, content, message):
    path = write(tmp_path / name, content)
    with pytest.raises(ValueError, match=message) as caught:
        open_table(path)
    assert str(caught.value).startswith(str(path))


def test_missing_file_folder_and_pipe(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv: no such file"):
        open_table(tmp_path / "none.csv")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        open_table(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="not a regular file"):
            open_table(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("одно поле", r"line 3: 1 fields where 2 were expected \(text, label\)"),
        ("раз, два, три,a", "line 3: 4 fields where 2 were expected"),
        ('"Волна" выиграла,a', "line 3: a field in this row opens with a double quote"),
        ('"Волна выиграла,a', "line 3: a field opened with a double quote .* is never closed"),
    ],
)
def test_a_row_that_cannot_be_read_is_reported_with_file_and_line(tmp_path, row, message):
    path = write(tmp_path / "data.csv", f"text,label\nхорошая строка,a\n{row}\nещё одна,b\n")
    stream = open_table(path).rows()
    assert next(stream) == (2, {"text": "хорошая строка", "label": "a"})
    with pytest.raises(ValueError, match=message) as caught:
        next(stream)
    assert str(caught.value).startswith(f"{path}, line 3: ")


def test_ten_megabytes_in_one_cell(tmp_path):
    text = "снег, " * 1_700_000
    path = write(tmp_path / "data.csv", as_csv([("text", "label"), (text, "a"), ("дождь", "b")]))
    assert [len(row["text"]) for row in rows(path)] == [len(text), 5]


def test_an_unclosed_quote_does_not_swallow_a_large_file(tmp_path):
    csv.field_size_limit(reading.MAX_CELL_CHARACTERS)  # which another module of this process may have raised
    path = write(tmp_path / "data.csv", b'text,label\n"open,a\n' + b"some words of a row,a\n" * 1_700_000)
    with pytest.raises(ValueError, match="line 2: a field is longer than 33,554,432 characters"):
        list(open_table(path).rows())


def test_an_endless_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_CELL_CHARACTERS", 1000)
    path = write(tmp_path / "data.txt", "короткая\n" + "x" * 1001)
    with pytest.raises(ValueError, match="line 2: longer than 1,000 characters"):
        open_table(path)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".txt"])
def test_rows_are_streamed(tmp_path, suffix):
    """A file of 100,000 rows and 30 MB is read in a few megabytes."""
    text = "Река вышла из берегов, дорога закрыта до утра. " * 4
    lines = {".csv": f'"{text}",a', ".jsonl": json.dumps({"text": text, "label": "a"}), ".txt": text}
    path = tmp_path / f"data{suffix}"
    with path.open("w", encoding="utf-8") as handle:
        handle.write("text,label\n" if suffix == ".csv" else "")
        handle.writelines(f"{lines[suffix]}\n" for _ in range(100_000))
    assert path.stat().st_size > 30_000_000
    tracemalloc.start()
    try:
        count = sum(1 for _ in open_table(path).rows())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 16_000_000


def test_reading_needs_the_standard_library_alone(tmp_path):
    path = write(tmp_path / "data.csv", RUSSIAN)
    code = (
        "import sys; from bilstm_classifier.data.reading import open_table; "
        f"assert len(list(open_table({str(path)!r}).rows())) == 2; "
        "heavy = {'torch', 'transformers', 'datasets', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- which column is which ---


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        (("news", "labels"), "news", "labels"),
        (("label", "text"), "text", "label"),
        (("userName", "score", "content", "at"), "content", "score"),
        (("index", "content", "topic"), "content", "topic"),
        (("sentence", "language"), "sentence", "language"),
        (("review", "sentiment"), "review", "sentiment"),
        (("Review", "Rating"), "Review", "Rating"),
        (("title", "text", "category", "url"), "text", "category"),
        (("title", "rubric"), "title", "rubric"),
    ],
)
def test_usual_columns(columns, text, label):
    assert find_text_columns(columns) == (text,)
    assert find_label_column(columns) == label


def test_wanted_columns():
    columns = ("title", "body", "kind")
    assert find_text_columns(columns, ["body", "title"]) == ("body", "title")
    assert find_text_columns(columns, "kind") == ("kind",)
    assert find_label_column(columns, "kind") == "kind"
    assert find_text_columns(["Заголовок"]) == ("Заголовок",)
    with pytest.raises(ValueError, match="no column 'text': the columns are 'title', 'body', 'kind'"):
        find_text_columns(columns, ["text"])
    with pytest.raises(ValueError, match="no column 'label'"):
        find_label_column(columns, "label")
    with pytest.raises(ValueError, match="the text and the label at once"):
        find_label_column(columns, "body", ["body"])
    with pytest.raises(ValueError, match="no label column found: the columns are 'title', 'body', 'kind'"):
        find_label_column(columns)
    with pytest.raises(ValueError, match="no text column found: the columns are 'x', 'y'"):
        find_text_columns(["x", "y"])
