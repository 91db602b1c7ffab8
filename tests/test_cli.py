import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from commands import read_csv, runner, write_table
from conftest import LABELS, REPOSITORY, TEXTS, tiny_model

from bilstm_classifier import (
    Predictor,
    __version__,
    get_predictions,
    train_character_tokenizer,
    train_word_tokenizer,
)
from bilstm_classifier.cli import main
from bilstm_classifier.data.reading import open_table
from bilstm_classifier.model_folder import save_model

HEAVY = {"torch", "transformers", "datasets", "pandas", "sklearn", "matplotlib", "tokenizers", "numpy"}


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory, word_tokenizer) -> Path:
    """A saved tiny model that tells texts apart."""
    model = tiny_model(embedder=False)
    with torch.no_grad():
        model.classifier.weight.mul_(100)
    return save_model(model, word_tokenizer, tmp_path_factory.mktemp("model"), max_length=32)


@pytest.fixture
def run(capsys, monkeypatch):
    return runner(capsys, monkeypatch)


@pytest.fixture
def predict(run, model_folder):
    return lambda *arguments, **stdin: run("predict", "--model", model_folder, *arguments, **stdin)


@pytest.fixture(scope="module")
def answers(model_folder) -> list[str]:
    names = get_predictions(TEXTS, Predictor.from_pretrained(model_folder))
    assert len(set(names)) > 1, "or no test of the order would mean anything"
    return names


@pytest.fixture(scope="module")
def picky_folder(tmp_path_factory) -> Path:
    """A model whose tokenizer, as BERT's does, finds nothing in a text of control characters."""
    from tokenizers import normalizers

    tokenizer = train_word_tokenizer(TEXTS, max_length=32)
    tokenizer.backend_tokenizer.normalizer = normalizers.BertNormalizer()
    return save_model(tiny_model(), tokenizer, tmp_path_factory.mktemp("picky"), max_length=32)


def execute(command: list, **settings) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False, **settings)


# --- predict: texts in, predictions out ---


def test_a_text_gives_a_block_with_its_likeliest_labels(predict, model_folder):
    done = predict(TEXTS[0])
    assert done.code == 0
    text, *lines, end = done.out.splitlines()
    assert text == TEXTS[0]
    assert end == ""
    expected = get_predictions(TEXTS[0], model_folder, top_k=3)
    assert [line.split()[:2] for line in lines] == [[item.label, f"{item.score:.1%}"] for item in expected]


def test_several_texts_are_a_block_each_in_their_order(predict, answers):
    done = predict(*TEXTS, "--top-k", 1)
    blocks = [block.splitlines() for block in done.out.strip().split("\n\n")]
    assert [block[0] for block in blocks] == TEXTS
    assert [block[1].split()[0] for block in blocks] == answers
    assert {len(block) for block in blocks} == {2}


def test_json_is_an_object_a_line(predict, answers):
    found = predict(*TEXTS, "--json", "--top-k", 2).json
    assert [row["text"] for row in found] == TEXTS
    assert [row["prediction"] for row in found] == answers
    for row in found:
        assert list(row) == ["text", "prediction", "unsure", "top", "tokens", "tokens_read"]
        assert row["top"][0]["label"] == row["prediction"]
        assert len(row["top"]) == 2
        assert row["tokens"] == row["tokens_read"] == len(row["text"].replace(",", " ,").split())


def test_overlapping_labels_are_a_list(run, word_tokenizer, tmp_path):
    model = tiny_model(problem_type="multi_label_classification")
    folder = save_model(model, word_tokenizer, tmp_path / "model")
    row = run("predict", "--model", folder, TEXTS[0], "--json").json[0]
    assert row["prediction"] == [item["label"] for item in row["top"] if item["score"] >= 0.5]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "txt", "parquet"])
def test_file_of_any_kind(predict, tmp_path, answers, suffix):
    path = write_table(tmp_path / f"texts.{suffix}", [{"text": text} for text in TEXTS])
    found = predict("--file", path, "--json").json
    assert [row["text"] for row in found] == TEXTS
    assert [row["prediction"] for row in found] == answers


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_text_column_is_chosen_by_name(predict, tmp_path, answers, suffix):
    rows = [{"title": "не этот текст", "lead": text} for text in TEXTS]
    path = write_table(tmp_path / f"texts.{suffix}", rows)
    found = predict("--file", path, "--text-column", "lead", "--json").json
    assert [row["prediction"] for row in found] == answers


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_table_output_keeps_the_columns(predict, tmp_path, answers, suffix):
    rows = [{"id": str(number), "news": text, "score": "5"} for number, text in enumerate(TEXTS)]
    path, output = write_table(tmp_path / "texts.csv", rows), tmp_path / f"out.{suffix}"
    done = predict("--file", path, "--output", output)
    assert (done.code, done.out) == (0, "")
    assert f"written to {output}" in done.err
    found = read_csv(output, "\t" if suffix == "tsv" else ",")
    assert [{name: row[name] for name in rows[0]} for row in found] == rows
    assert [row["prediction"] for row in found] == answers
    assert all(1 / 3 < float(row["prediction_score"]) <= 1 for row in found)
    assert not (tmp_path / f"out.{suffix}.partial").exists()


def test_json_output_keeps_the_columns(predict, tmp_path, answers):
    rows = [{"text": text, "label": "верно", "meta": {"page": 1}} for text in TEXTS]
    path, output = write_table(tmp_path / "texts.jsonl", rows), tmp_path / "out.jsonl"
    assert predict("--file", path, "--output", output).code == 0
    found = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [{name: row[name] for name in rows[0]} for row in found] == rows
    assert [row["prediction"] for row in found] == answers


def test_output_of_arguments(predict, tmp_path, answers):
    assert predict(*TEXTS, "--output", tmp_path / "out.csv").code == 0
    assert [row["prediction"] for row in read_csv(tmp_path / "out.csv")] == answers


@pytest.mark.parametrize(
    "text", ['с "кавычками", запятой', "в две\nстроки", "со старым\rконцом", "таб\tвнутри"]
)
def test_table_output_can_be_read_again(predict, tmp_path, text):
    path = write_table(tmp_path / "texts.jsonl", [{"text": text, "id": "7"}, {"text": TEXTS[0], "id": "8"}])
    output = tmp_path / "out.csv"
    assert predict("--file", path, "--output", output).code == 0
    assert [row["text"] for _, row in open_table(output).rows()] == [text, TEXTS[0]]


def test_an_earlier_output_is_replaced_whole(predict, tmp_path):
    output = tmp_path / "out.csv"
    output.write_text("от прошлого раза\n" * 100, encoding="utf-8")
    assert predict(TEXTS[0], "--output", output).code == 0
    assert len(read_csv(output)) == 1


def test_a_row_with_a_new_column_is_not_written_without_it(predict, tmp_path):
    rows = [{"text": text} for text in TEXTS for _ in range(20_000)] + [{"text": TEXTS[0], "author": "Я"}]
    path = write_table(tmp_path / "texts.jsonl", rows[-20_100:])
    assert (
        "line 20100: the column 'author'" in predict("--file", path, "--output", tmp_path / "out.csv").error
    )
    assert len(read_csv(tmp_path / "out.csv.partial")) == 20_099


@pytest.mark.parametrize("name", ["prediction", "top", "tokens"])
def test_columns_that_predictions_would_overwrite(predict, tmp_path, name):
    path = write_table(tmp_path / "texts.csv", [{"text": TEXTS[0], name: "1"}, {"text": TEXTS[1], name: "2"}])
    assert f"{path} has a column '{name}' already" in predict("--file", path, "--json").error
    assert predict("--file", path).code == 0


def test_stdin_is_a_text_a_line(predict, answers):
    done = predict("--json", stdin="\n\r\n".join(TEXTS).encode())
    assert [row["prediction"] for row in done.json] == answers
    assert [row["text"] for row in done.json] == TEXTS


def test_stdin_with_a_byte_order_mark(predict):
    assert predict("--json", stdin=b"\xef\xbb\xbf" + TEXTS[0].encode()).json[0]["text"] == TEXTS[0]


def test_conversation_through_a_pipe(predict, answers):
    done = predict("--interactive", "--json", stdin="\n".join(TEXTS[:2]).encode())
    assert done.code == 0
    assert [row["prediction"] for row in done.json] == answers[:2]
    assert "Type a text" in done.err


@pytest.mark.parametrize("empty", ["", "   ", "\t"])
def test_conversation_ends_at_an_empty_text(predict, empty):
    done = predict("--interactive", "--json", stdin=f"{TEXTS[0]}\n{empty}\n{TEXTS[1]}\n".encode())
    assert done.code == 0
    assert [row["text"] for row in done.json] == TEXTS[:1]


def test_conversation_goes_on_after_a_bad_text(run, picky_folder):
    long = " ".join(TEXTS * 2)
    texts = f"\x01\n{long}\n".encode() + b"\xcf\xf0\n" + TEXTS[0].encode()
    done = run(
        "predict", "--model", picky_folder, "--interactive", "--json", "--truncation", "error", stdin=texts
    )
    assert done.code == 0
    assert [row["text"] for row in done.json] == [TEXTS[0]]
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3
    assert "the text is empty to the model" in errors[0]
    assert "the text has" in errors[1]
    assert "the text is not UTF-8 (byte 0xCF)" in errors[2]


def test_truncation(predict):
    long = " ".join(TEXTS * 2)
    cut = predict(long, "--json")
    assert cut.json[0]["tokens_read"] == 32 < cut.json[0]["tokens"]
    assert "only their beginning was read" in cut.err
    assert "(32 of" in predict(long).out
    windows = predict(long, "--json", "--truncation", "windows").json[0]
    assert windows["tokens_read"] == windows["tokens"] == cut.json[0]["tokens"]
    assert windows["top"] != cut.json[0]["top"]
    error = predict(TEXTS[0], long, "--json", "--truncation", "error")
    assert "text 2 has" in error.error
    assert [row["text"] for row in error.json] == TEXTS[:1]


# --- predict: bad input ---


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_empty_text(predict, text):
    done = predict(TEXTS[0], text)
    assert "text 2 is empty" in done.error
    assert done.out == ""


@pytest.mark.parametrize(
    "text",
    [
        "🙂🙂",
        "Plain English text",
        "нуль\x00внутри",
        "\ud83d один",
        "без\ufeffмаркера",
        "ё" * 3000,
        "-5 градусов",
    ],
)
def test_odd_texts_get_an_answer(predict, text, tmp_path):
    for output in ([], ["--json"], ["--output", tmp_path / "out.csv"], ["--output", tmp_path / "out.jsonl"]):
        assert predict(text, *output).code == 0
    written = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert written["text"] == text
    assert written["prediction"] in LABELS.values()


def test_odd_texts_in_a_file(predict, tmp_path):
    texts = ["🙂", "a\x00b", "\ud83d один", "\udcff другой"]
    path = write_table(tmp_path / "texts.jsonl", [{"text": text} for text in texts])
    found = predict("--file", path, "--json").json
    assert [row["text"] for row in found] == texts


def test_arguments_that_are_not_utf8(model_folder):
    command = [sys.executable, "-m", "bilstm_classifier.cli", "predict", "--model", str(model_folder), "x"]
    done = execute([*command, "Привет".encode("cp1251")])
    assert done.returncode == 2
    assert done.stderr.decode() == (
        "error: text 2 is not UTF-8 (byte 0xCF): convert it first, for instance with iconv\n"
    )


def test_stdin_that_is_not_utf8_names_the_line(predict):
    stdin = "\n".join(TEXTS[:2]).encode() + b"\n" + TEXTS[2].encode("cp1251")
    done = predict("--json", stdin=stdin)
    assert "stdin, line 3 is not UTF-8" in done.error
    assert [row["text"] for row in done.json] == TEXTS[:2], "what stood before it is answered"


@pytest.mark.parametrize("stdin", [b"", b"\n \n\r\n"])
def test_stdin_without_a_text(predict, stdin):
    assert "stdin holds no text" in predict(stdin=stdin).error


def test_binary_stdin(predict):
    assert (
        "stdin, line 1 is not UTF-8 (byte 0x89)"
        in predict(stdin=b"\x89PNG\r\n\x1a\n" + bytes(range(256))).error
    )


def test_neither_text_nor_stdin(model_folder):
    command = [sys.executable, "-m", "bilstm_classifier.cli", "predict", "--model", str(model_folder)]
    done = execute(command, preexec_fn=lambda: os.close(0))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(
        "error: no text: give TEXT, --file, --interactive, or texts on stdin"
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "the file is empty"),
        ("blank.txt", b"\n \r\n", "only blank lines"),
        ("header.csv", b"id,text\n", "a header (id, text) and no rows"),
        ("photo.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a binary file, not text (a NUL byte in line 3"),
        ("old.csv", "text,id\nПремьера в театре,1\n".encode("cp1251"), "line 2: not UTF-8"),
        ("old.txt", "Премьера в театре\n".encode("cp1251"), "it looks like WINDOWS-1251: convert it"),
        ("wide.csv", b"text,id\none,1\ntwo,2,3\n", "line 3: 3 fields where 2 were expected"),
        ("broken.jsonl", b'{"text": "one"}\n{"text": \n', "line 2: broken JSON"),
        ("list.jsonl", b'["one"]\n', "line 1: expected a JSON object"),
        ("null.jsonl", b'{"text": null}\n', "line 1: the column 'text' holds None, expected a text"),
        ("number.jsonl", b'{"text": 5}\n', "line 1: the column 'text' holds 5, expected a text"),
        ("fake.parquet", b"text,id\none,1\n", "not a readable Parquet file"),
    ],
)
def test_file_that_cannot_be_used(predict, tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    error = predict("--file", path).error
    assert error.startswith(str(path))
    assert message in error


def test_file_without_the_column_lists_those_it_has(predict, tmp_path):
    path = write_table(tmp_path / "t.csv", [{"id": "1", "lead": TEXTS[0]}, {"id": "2", "lead": TEXTS[1]}])
    assert predict("--file", path, "--text-column", "body").error == (
        f"{path}: no column 'body': the columns are 'id', 'lead'"
    )
    error = predict("--file", path).error
    assert error.startswith(f"{path}: no text column found: the columns are 'id', 'lead'")


def test_file_that_is_not_there_or_a_folder(predict, tmp_path):
    assert predict("--file", tmp_path / "none.csv").error == f"{tmp_path / 'none.csv'}: no such file"
    assert "is a folder" in predict("--file", tmp_path).error


def test_mixed_line_ends(predict, tmp_path):
    path = tmp_path / "texts.csv"
    path.write_bytes(
        "text,id\r\n{},1\n{},2\r{},3".format(*(text.replace(",", "") for text in TEXTS[:3])).encode()
    )
    assert [row["id"] for row in predict("--file", path, "--json").json] == ["1", "2", "3"]


@pytest.mark.parametrize("way", ["file", "stdin"])
def test_ten_megabytes_of_text(predict, tmp_path, way):
    text = "команда " * 700_000
    assert len(text.encode()) > 10_000_000
    path = tmp_path / "long.txt"
    path.write_text(text, encoding="utf-8")
    done = predict("--json", "--file", path) if way == "file" else predict("--json", stdin=path.read_bytes())
    assert done.code == 0, done.err
    assert (done.json[0]["tokens"], done.json[0]["tokens_read"]) == (700_000, 32)


@pytest.mark.parametrize("bad", ["", "   "])
def test_a_bad_row_in_the_middle_keeps_what_was_before(predict, tmp_path, answers, bad):
    rows = [{"text": text, "id": str(number)} for number, text in enumerate([*TEXTS, bad, *TEXTS])]
    path, output = write_table(tmp_path / "texts.csv", rows), tmp_path / "out.csv"
    done = predict("--file", path, "--output", output)
    assert done.error == f"{path}, line 8: the column 'text' holds {bad!r}, expected a text"
    assert f"is kept in {output}.partial" in done.err
    assert not output.exists()
    kept = read_csv(tmp_path / "out.csv.partial")
    assert [row["prediction"] for row in kept] == answers
    assert [row["id"] for row in kept] == [str(number) for number in range(6)]
    to_stdout = predict("--file", path, "--json")
    assert "line 8" in to_stdout.error
    assert [row["prediction"] for row in to_stdout.json] == answers


def test_all_rows_before_a_bad_one_are_classified(predict, tmp_path):
    """Those too that share a chunk with it."""
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "матч"}\n' * 4321 + '{"text": "матч"', encoding="utf-8")
    done = predict("--file", path, "--json", "--top-k", 1)
    assert f"{path}, line 4322: broken JSON" in done.error
    assert len(done.json) == 4321


def test_a_row_that_is_empty_to_the_model_is_named_by_its_line(run, picky_folder, tmp_path):
    rows = [{"text": text} for text in [*TEXTS, "\x01\x02", TEXTS[0], " ".join(TEXTS * 2), TEXTS[0]]]
    path = write_table(tmp_path / "texts.jsonl", rows)
    done = run("predict", "--model", picky_folder, "--file", path, "--json", "--truncation", "error")
    assert done.error.startswith(f"{path}, line 7 is empty to the model")
    assert [row["text"] for row in done.json] == TEXTS


def test_nothing_is_left_where_nothing_was_classified(predict, tmp_path):
    path = write_table(tmp_path / "texts.csv", [{"text": "", "id": "1"}, {"text": TEXTS[0], "id": "2"}])
    done = predict("--file", path, "--output", tmp_path / "out.csv")
    assert "line 2" in done.error
    assert "partial" not in done.err
    assert [item.name for item in tmp_path.iterdir()] == ["texts.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["текст", "--file", "x.csv"], "TEXT and --file were both given"),
        (["текст", "--interactive"], "TEXT and --interactive were both given"),
        (["--interactive", "--output", "o.csv"], "--interactive and --output were both given"),
        (
            ["текст", "--output", "no/such/folder/out.csv"],
            "expected the name of a file in a folder that exists",
        ),
        (["текст", "--output", "."], "expected the name of a file"),
        (["текст", "--output", "out.xlsx"], "ends in .csv, .tsv or .jsonl"),
        (["текст", "--output", "out.csv", "--json"], "ends in .jsonl"),
        (["текст", "--top-k", "0"], "argument --top-k: '0' is not a whole number of 1 or more"),
        (["текст", "--top-k", "two"], "argument --top-k: 'two' is not a whole number of 1 or more"),
        (["текст", "--truncation", "some"], "argument --truncation: invalid choice: 'some'"),
        (["текст", "--no-such-option"], "unrecognized arguments: --no-such-option"),
    ],
)
def test_options_that_cannot_be_used(predict, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in predict(*arguments).error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("model", ["./no/such/model", "no-such-model", "nobody/no-such-model"])
@pytest.mark.parametrize("command", [["predict", "текст"], ["info"]])
def test_unknown_model(run, command, model):
    assert model in run(*command, "--model", model).error


def test_folder_that_holds_no_model(run, tmp_path):
    assert f"{tmp_path} has no config.json" in run("predict", "текст", "--model", tmp_path).error
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    assert str(tmp_path) in run("predict", "текст", "--model", tmp_path).error


def test_damaged_weights(run, word_tokenizer, tmp_path):
    save_model(tiny_model(), word_tokenizer, tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "damaged" in run("predict", "текст", "--model", tmp_path).error


def test_interruption_ends_with_exit_code_1(predict, monkeypatch):
    def interrupted(prompt: str = "") -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    done = predict("--interactive")
    assert done.code == 1
    assert done.err.splitlines()[-1] == "interrupted"


def test_reader_that_has_seen_enough(model_folder, tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("Команда выиграла матч\n" * 20_000, encoding="utf-8")
    command = (
        f"'{sys.executable}' -m bilstm_classifier.cli predict --model '{model_folder}' --file '{path}' --json"
    )
    done = execute(["bash", "-c", f"{command} | head -n 1; exit ${{PIPESTATUS[0]}}"], text=True)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


@pytest.mark.slow
def test_a_million_rows_in_bounded_memory(word_tokenizer, tmp_path):
    """Ten times the rows need no more memory: what is held is a chunk."""
    model = save_model(tiny_model(embedder=False), word_tokenizer, tmp_path / "model", max_length=32)
    peaks = {}
    for size in (100_000, 1_000_000):
        path, output = tmp_path / f"{size}.csv", tmp_path / f"{size}.out.csv"
        with path.open("w", encoding="utf-8") as file:
            file.write("id,text\n")
            file.writelines(f"{number},матч {number % 100}\n" for number in range(size))
        code = "import resource, sys; from bilstm_classifier.cli import main; code = main(sys.argv[1:]); "
        code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
        command = [
            sys.executable,
            "-c",
            code,
            "predict",
            "--model",
            model,
            "--file",
            path,
            "--output",
            output,
        ]
        done = execute(command, text=True)
        assert done.returncode == 0, done.stderr
        peaks[size] = int(done.stdout)  # kB
        with output.open(encoding="utf-8") as file:
            assert sum(1 for _ in file) == 1 + size
        output.unlink()
    assert peaks[1_000_000] < peaks[100_000] + 100_000


# --- evaluate, info, train ---


def test_evaluate(run, model_folder, news_csv, tmp_path):
    output = tmp_path / "report"
    done = run("evaluate", "--model", model_folder, "--dataset", news_csv, "--output", output)
    assert done.code == 0, done.err
    report = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    shown = dict(line.split() for line in done.out.split("\n\n")[0].splitlines())
    for name in ("loss", "accuracy", "f1", "f1_macro", "precision", "recall", "preparation_time", "runtime"):
        assert float(shown[name]) == pytest.approx(report[name], abs=1e-4)
    for name in LABELS.values():
        assert name in done.out.split("\n\n", 1)[1]
    assert (output / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
    assert "metrics.json and confusion_matrix.png are in" in done.err


def test_evaluate_on_another_split(run, model_folder, news_csv):
    done = run("evaluate", "--model", model_folder, "--dataset", news_csv, "--split", "validation")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "dev"], "there is no split 'dev': the data has train, validation, test"),
        (["--text-column", "body"], "no column 'body': the columns are 'news', 'labels'"),
        (["--label-column", "topic"], "no column 'topic': the columns are 'news', 'labels'"),
        (["--output", "{csv}"], "is a file: expected a folder"),
        (["--model", "./no/such/model"], "./no/such/model is not a folder"),
        (["--batch-size", "none"], "argument --batch-size: 'none' is not a whole number"),
        (["--no-such-option"], "unrecognized arguments"),
    ],
)
def test_evaluate_refuses(run, model_folder, news_csv, arguments, message):
    arguments = [argument.format(csv=news_csv) for argument in arguments]
    assert message in run("evaluate", "--model", model_folder, "--dataset", news_csv, *arguments).error


def test_evaluate_without_data(run, model_folder, tmp_path):
    assert "--dataset" in run("evaluate", "--model", model_folder).error
    missing = tmp_path / "none.csv"
    assert str(missing) in run("evaluate", "--model", model_folder, "--dataset", missing).error


def test_info(run, model_folder):
    done = run("info", "--model", model_folder)
    assert done.code == 0
    facts = dict(line.split(":", 1) for line in done.out.splitlines())
    facts = {name: value.strip() for name, value in facts.items()}
    assert facts["labels"] == "culture, science, sports"
    assert facts["embedder"] == "learned, 12 wide"
    assert facts["LSTM"] == "2 x 8, bidirectional"
    assert facts["reads"] == "32 tokens of a text"
    weights = sum(item.numel() for item in tiny_model(embedder=False).parameters())
    assert facts["weights"] == f"{weights:,}"


def test_info_tells_of_ngrams(run, word_tokenizer, tmp_path):
    model = tiny_model(embedder=False, longest_ngram=3, ngram_buckets=5000)
    done = run("info", "--model", save_model(model, word_tokenizer, tmp_path / "model", max_length=32))
    assert re.search(r"n-grams: +1 to 3 tokens, in 5,000 buckets\n", done.out)


def test_info_tells_what_was_measured(run, model_folder, tmp_path):
    folder = shutil.copytree(model_folder, tmp_path / "model")
    per_class = {"sports": {"support": 30}, "science": {"support": 1200}}
    metrics = {"test_later": {"accuracy": 0.87654, "f1_macro": 0.8, "per_class": per_class}, "steps": 3}
    (folder / "metrics.json").write_text(json.dumps(metrics), "utf-8")
    assert (
        "test, later:   accuracy 0.877, macro F1 0.800 on 1,230 texts" in run("info", "--model", folder).out
    )


def test_vocabulary(run, model_folder, word_tokenizer):
    lines = run("info", "--vocab", "--model", model_folder).out.splitlines()
    assert lines == word_tokenizer.convert_ids_to_tokens(range(len(word_tokenizer)))


def test_vocabulary_is_a_token_a_line(run, tmp_path):
    tokenizer = train_character_tokenizer(["а\nб\u2028\\ "])
    folder = save_model(tiny_model(embedder=False), tokenizer, tmp_path)
    lines = run("info", "--vocab", "--model", folder).out.split("\n")
    assert lines == ["<PAD>", "<UNK>", "\\n", " ", "\\", "а", "б", "\\u2028", ""]


def test_version(run):
    done = run("--version")
    assert (done.code, done.out) == (0, f"bilstm-classifier {__version__}\n")


@pytest.mark.parametrize("arguments", [[], ["--no-such-option"], ["forecast"]])
def test_no_command(run, arguments):
    done = run(*arguments)
    assert done.error
    assert done.out == ""
    assert "usage: bilstm-classifier" in done.err


def test_help_imports_nothing_heavy():
    code = f"""
import sys
from bilstm_classifier.cli import main
for command in [], ["predict"], ["train"], ["evaluate"], ["info"]:
    try:
        main([*command, "--help"])
    except SystemExit as stop:
        assert stop.code == 0
    print("LOADED", command, sorted({HEAVY!r} & set(sys.modules)))
"""
    done = execute([sys.executable, "-c", code], text=True)
    assert done.stderr == ""
    loaded = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    assert loaded == [
        f"LOADED {[name] if name else []} []" for name in ("", "predict", "train", "evaluate", "info")
    ]
    for option in ("--top-k", "--pooling", "--dataset", "--learning_rate", "--vocab", "rus_news_fast"):
        assert option in done.stdout


SMALL_RUN = {
    "tokenizer": "words",
    "embedding_size": 8,
    "lstm_hidden_size": 4,
    "lstm_num_layers": 1,
    "dropout": 0.0,
    "num_train_epochs": 1,
    "per_device_train_batch_size": 32,
    "eval_strategy": "epoch",
    "logging_steps": 1,
    "use_cpu": True,
}


def test_train_prints_its_result_alone(run, news_csv, tmp_path):
    options = [f"--{name}={value}" for name, value in SMALL_RUN.items()]
    done = run("train", "--dataset", news_csv, "--output_dir", tmp_path / "run", *options)
    assert done.code == 0, done.err
    found, metrics = (
        json.loads(done.out),
        json.loads((tmp_path / "run/metrics.json").read_text(encoding="utf-8")),
    )
    for split in ("validation", "test"):
        for name, value in found[split].items():
            assert value == pytest.approx(metrics[split][name], abs=1e-4)
    assert "'loss'" in done.err, "the Trainer's log lines are talk"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--learning_rate", "abc"], "argument --learning_rate/--learning-rate: invalid float value: 'abc'"),
        (["--pooling", "sum"], "argument --pooling: invalid choice: 'sum'"),
        (["--class_weights", "some"], "invalid choice: 'some'"),
        (["--eval_strategy", "never"], "invalid choice: 'never'"),
        (["--no_such_option", "1"], "unrecognized arguments: --no_such_option 1"),
        (["--recipe", "rus_poems"], "there is no recipe 'rus_poems': expected a YAML file or one of"),
        (["--recipe", "none.yaml"], "there is no recipe 'none.yaml'"),
        (["--dataset", "none.csv", "--tokenizer", "words"], "none.csv"),
        (["--tokenizer", "words"], "no data: give --dataset"),
        (["--dataset", "{csv}"], "no --embedder to take the tokenizer of"),
        (["--dataset", "{csv}", "--embedder", "./none"], "./none"),
        (["--dataset", "{csv}", "--tokenizer", "words", "--lstm_num_layers", "0"], "lstm_num_layers is 0"),
        (["--dataset", "{csv}", "--tokenizer", "words", "--test_size", "2"], "test_size must be a share"),
    ],
)
def test_train_refuses(run, news_csv, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    arguments = [argument.format(csv=news_csv) for argument in arguments]
    done = run("train", "--output_dir", tmp_path / "run", "--use_cpu", *arguments)
    assert message in done.error
    assert done.out == ""
    assert not (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--dataset", "none.csv"],
        ["--lstm_num_layers", "0"],
        ["--label_column", "topic"],
        ["--embedder", "./none"],
    ],
)
def test_a_run_that_could_not_begin_leaves_its_folder_free(run, news_csv, tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    options = [f"--{name}={value}" for name, value in SMALL_RUN.items()]
    command = ["train", "--dataset", news_csv, "--output_dir", "run", *options]
    assert run(*command, *wrong).error
    assert run(*command).code == 0


def test_a_run_shorter_than_the_first_log_line(run, news_csv, tmp_path):
    """Few rows, one epoch, nothing but the defaults: no training loss is ever logged."""
    options = ["--tokenizer", "words", "--lstm_hidden_size", "4", "--num_train_epochs", "1", "--use_cpu"]
    for name, more in {"a": [], "b": ["--eval_strategy", "no"]}.items():
        done = run("train", "--dataset", news_csv, "--output_dir", tmp_path / name, *options, *more)
        assert done.code == 0, done.err
        assert (tmp_path / name / "metrics.json").is_file()


def test_base_install_names_the_extra(model_folder, news_csv, tmp_path):
    """With the packages of this environment as they are, but for those that only the extra brings."""
    hidden = (
        "accelerate",
        "datasets",
        "evaluate",
        "matplotlib",
        "pyarrow",
        "sklearn",
        "scikit_learn",
        "pandas",
    )
    site = tmp_path / "site-packages"
    site.mkdir()
    for item in Path(pytest.__file__).parent.parent.iterdir():
        if item.name.partition("-")[0] not in hidden:
            (site / item.name).symlink_to(item)
    parquet = write_table(tmp_path / "texts.parquet", [{"text": TEXTS[0]}])
    use = ["--model", str(model_folder)]
    commands = [
        ["train", "--dataset", str(news_csv), "--tokenizer", "words", "--output_dir", str(tmp_path / "run")],
        ["evaluate", "--dataset", str(news_csv), *use],
        ["predict", "--file", str(parquet), *use],
        ["predict", "--file", str(news_csv), "--output", str(tmp_path / "out.csv"), *use],
    ]
    code = f"from bilstm_classifier.cli import main\nfor command in {commands!r}: print(main(command))"
    done = execute([sys.executable, "-S", "-c", code], text=True, env={**os.environ, "PYTHONPATH": str(site)})
    assert done.stdout.split() == ["2", "2", "2", "0"], done.stdout + done.stderr
    errors = done.stderr.splitlines()[:3]
    for line in errors:
        assert line.startswith("error: ")
        assert line.count("pip install") == 1
        assert line.endswith("pip install 'bilstm-classifier[train]'")
    assert read_csv(tmp_path / "out.csv"), "prediction needs no extra"


def test_predict_in_bfloat16(model_folder, capsys):
    assert (
        main(
            [
                "predict",
                "--model",
                str(model_folder),
                "--dtype",
                "bfloat16",
                "--json",
                "Команда выиграла матч",
            ]
        )
        == 0
    )
    half = json.loads(capsys.readouterr().out)
    assert main(["predict", "--model", str(model_folder), "--json", "Команда выиграла матч"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert half["top"][0]["score"] == pytest.approx(whole["top"][0]["score"], abs=0.02)
