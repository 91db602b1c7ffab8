from dataclasses import asdict, fields
from pathlib import Path

import pytest
from conftest import LABELS, tiny_bert_config
from transformers import TrainingArguments

from bilstm_classifier import BiLSTMConfig, train_model
from bilstm_classifier.recipe import (
    RECIPES,
    CardSettings,
    DataSettings,
    ModelSettings,
    describe,
    load_recipe,
    recipe_names,
)
from bilstm_classifier.training.trainer import parse_settings

SMALL_RUN = {
    "tokenizer": "words",
    "embedding_size": 8,
    "lstm_hidden_size": 4,
    "lstm_num_layers": 1,
    "dropout": 0.0,
    "num_train_epochs": 1,
    "per_device_train_batch_size": 32,
    "eval_strategy": "epoch",
    "save_strategy": "epoch",
    "learning_rate": 1e-3,
    "use_cpu": True,
    "disable_tqdm": True,
}


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes, name: str = "mine.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize("name", recipe_names())
def test_recipe_of_the_package_is_valid(name, tmp_path):
    """Its keys are those of the settings, transformers takes the training section, and a model can be built."""
    recipe = load_recipe(name)
    head = (RECIPES / f"{name}.yaml").read_text(encoding="utf-8").partition("\ndata:")[0]
    needed = "" if recipe.data.dataset else "--dataset "
    assert f"bilstm-classifier train --recipe {name} {needed}" in head, (
        "it opens with the command that runs it"
    )
    assert recipe.training.keys() <= {item.name for item in fields(TrainingArguments)}
    data, model, args, card = parse_settings(
        name, ["--output_dir", str(tmp_path), "--bf16", "False", "--fp16", "False"]
    )
    assert (data, model, card) == (recipe.data, recipe.model, recipe.card)
    # the others are for anybody's texts
    known = {"app": ["en"], "rus": ["ru"], "social": ["ru"]}
    assert (card.language, card.license) == (known.get(name.partition("_")[0], []), None)
    assert args.learning_rate == recipe.training["learning_rate"]
    config = BiLSTMConfig(
        embedder_config=tiny_bert_config(),
        id2label=LABELS,
        freeze_embedder=model.freeze_embedder,
        unfreeze_last_layers=model.unfreeze_last_layers,
        lstm_hidden_size=model.lstm_hidden_size,
        lstm_num_layers=model.lstm_num_layers,
        bidirectional=model.bidirectional,
        pooling=model.pooling,
        dropout=model.dropout,
    )
    assert config.pooling == recipe.model.pooling


def test_original_recipe_is_the_originals():
    recipe = load_recipe("rus_news")
    assert recipe.model.embedder == "google-bert/bert-base-multilingual-cased"
    assert (recipe.model.max_length, recipe.model.pooling, recipe.model.dropout) == (512, "mean", 0.5)
    assert (recipe.model.lstm_num_layers, recipe.model.lstm_hidden_size) == (2, 256)
    training = recipe.training
    assert (training["per_device_train_batch_size"], training["num_train_epochs"]) == (16, 1)
    assert (training["learning_rate"], training["weight_decay"]) == (2e-5, 0.01)


def test_no_recipe_is_the_defaults():
    recipe = load_recipe(None)
    assert recipe.as_dict() == {
        "data": asdict(DataSettings()),
        "model": asdict(ModelSettings()),
        "training": {},
        "card": {"language": [], "license": None},
    }


def test_arguments_override_the_recipe(tmp_path):
    arguments = "--learning_rate 1e-3 --max_length 64 --pooling max --dataset x.csv --text_columns title body"
    arguments += " --language ru be --license mit"
    by_line = parse_settings("rus_news", [*arguments.split(), "--output_dir", str(tmp_path)])
    by_name = parse_settings(
        "rus_news",
        {
            "learning_rate": 1e-3,
            "max_length": 64,
            "pooling": "max",
            "dataset": "x.csv",
            "text_columns": ["title", "body"],
            "language": ["ru", "be"],
            "license": "mit",
            "output_dir": str(tmp_path),
        },
    )
    for data, model, args, card in (by_line, by_name):
        assert card == CardSettings(["ru", "be"], "mit")
        assert (data.dataset, data.text_columns, data.label_column) == ("x.csv", ["title", "body"], "labels")
        assert (model.max_length, model.pooling, model.lstm_hidden_size) == (64, "max", 256)
        assert (args.learning_rate, args.weight_decay) == (1e-3, 0.01)
    recipe = load_recipe("rus_news")
    assert (recipe.model.max_length, recipe.training["learning_rate"]) == (512, 2e-5), (
        "the recipe stays as it is"
    )


def test_switches_on_the_command_line(write, tmp_path):
    recipe = write("model: {cache_embeddings: true, bidirectional: true}")
    arguments = ["--cache_embeddings", "false", "--no_bidirectional", "--output_dir", str(tmp_path)]
    _, model, *_ = parse_settings(recipe, arguments)
    assert (model.cache_embeddings, model.bidirectional, model.freeze_embedder) == (False, False, True)


def test_output_folder_is_named_after_the_recipe(write):
    assert parse_settings(write("{}"), [])[2].output_dir == "runs/mine"
    assert parse_settings(None, [])[2].output_dir == "runs/model"
    assert parse_settings(write("training: {output_dir: there}"), [])[2].output_dir == "there"


@pytest.mark.parametrize("number", ["1e-3", "1.0e-3", "0.001", "1E-3", "10e-4", "1.e-3"])
def test_a_small_number_is_a_number_however_written(write, number, tmp_path):
    """YAML 1.1 takes 1e-3 for a text."""
    path = write(f"training:\n  learning_rate: {number}\n  run_name: 1e-3x\n")
    assert load_recipe(path).training == {"learning_rate": 0.001, "run_name": "1e-3x"}
    assert parse_settings(path, {"output_dir": str(tmp_path)})[2].learning_rate == 0.001


def test_sections_may_be_empty_or_missing(write):
    recipe = load_recipe(write("# nothing yet\ndata:\nmodel:\n  max_length: 7\n"))
    assert recipe.data == DataSettings()
    assert recipe.model == ModelSettings(max_length=7)
    assert recipe.training == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds nothing: expected the sections data, model, training, card"),
        ("- data\n- model", "holds a list: expected the sections"),
        ("just words", "holds a str: expected the sections"),
        ("data: {}\noptimizer: {}", "holds data, optimizer: expected the sections"),
        ("1: 2", "holds 1: expected the sections"),
        ("data: news.csv", "the section data holds a str, expected keys and values"),
        ("model: [pooling]", "the section model holds a list, expected keys and values"),
        ("training: 0", "the section training holds a int, expected keys and values"),
        ("data: {datset: x.csv}", "section data: unknown key 'datset'.* did you mean dataset"),
        ("model: {layers: 2}", "section model: unknown key 'layers', expected one of embedder, "),
        ("model: {1: 2}", "section model: unknown key '1'"),
        (
            "training: {learning_rat: 1}",
            "unknown key 'learning_rat'.*TrainingArguments: did you mean learning_rate",
        ),
        ("training: {pooling: max}", "section training: unknown key 'pooling'"),
        ("training: {group_by_length: true}", "section training: unknown key 'group_by_length'"),
        ("model: {pooling: sum}", "pooling is 'sum', expected one of mean, max, last, attention"),
        ("model: {class_weights: yes}", "class_weights is True, expected one of none, balanced, sqrt"),
        ("model: {save_dtype: float8}", "save_dtype is 'float8', expected one of float16, bfloat16, float32"),
        ("model: {max_length: many}", "max_length is 'many', expected a whole number"),
        ("model: {max_length: 1.5}", "max_length is 1.5, expected a whole number"),
        ("model: {max_length: true}", "max_length is True, expected a whole number"),
        ("model: {dropout: none}", "dropout is 'none', expected a number"),
        ("model: {bidirectional: 1}", "bidirectional is 1, expected true or false"),
        ("model: {embedder: [a, b]}", "embedder is \\['a', 'b'\\], expected a text"),
        ("data: {text_columns: news}", "text_columns is 'news', expected a list of texts"),
        (
            "data: {class_names: [yes, no]}",
            "class_names is \\[True, False\\], expected a list of texts \\(quote",
        ),
        ("data: {split_seed: null}", "split_seed is None, expected a whole number"),
        (
            "card: {license: MIT License}",
            "section card: license is 'MIT License', expected an identifier in small",
        ),
        (
            "card: {language: [Russian]}",
            "section card: language is 'Russian', expected a code of two or three",
        ),
        ("card: {language: [no]}", "language is \\[False\\], expected a list of texts \\(quote"),
        ("card: {licence: mit}", "section card: unknown key 'licence'.* did you mean license"),
        ("data: [unclosed", "cannot be read as YAML: while parsing"),
        ("data: {a: 1}\n\tmodel: {}", "cannot be read as YAML"),
        (
            "data: !!python/object/apply:os.getcwd []",
            "cannot be read as YAML: could not determine a constructor",
        ),
        ("data: {dataset: новости}".encode("cp1251"), "cannot be read as YAML"),
        (b"\x00\x01", "cannot be read as YAML"),
    ],
)
def test_a_recipe_that_cannot_be_used_says_why(write, text, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["rus_poems", "none.yaml", "", "folder.yaml", "../recipes/none"])
def test_unknown_recipe_lists_those_there_are(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ValueError, match=r"there is no recipe .* one of .*rus_news, rus_news_fast"):
        load_recipe(name)


def test_values_that_no_argument_can_take(capsys):
    with pytest.raises(SystemExit) as stop:
        parse_settings("rus_news", ["--learning_rate", "abc"])
    assert stop.value.code == 2
    usage, error = capsys.readouterr().err.strip().splitlines()
    assert usage.startswith("usage: bilstm-classifier train [--recipe NAME_OR_FILE]")
    assert error.endswith("invalid float value: 'abc'")


def test_unknown_names_are_refused():
    with pytest.raises(SystemExit):
        parse_settings("rus_news", ["--learning_speed", "1"])
    with pytest.raises(ValueError, match="learning_speed"):
        parse_settings("rus_news", {"learning_speed": 1})


def test_help_names_every_option():
    for kind in (DataSettings, ModelSettings, CardSettings):
        lines = describe(kind)
        assert [line.split()[0] for line in lines] == [f"--{item.name}" for item in fields(kind)]
        assert all(len(line.split()) > 1 for line in lines)


def test_recipe_of_a_run_can_be_given_again(news_csv, tmp_path):
    first = tmp_path / "first"
    metrics = train_model(dataset=str(news_csv), output_dir=str(first), **SMALL_RUN)
    written = first / "recipe.yaml"
    data, model, args, card = parse_settings(
        None, {"dataset": str(news_csv), "output_dir": str(first), **SMALL_RUN}
    )
    again = parse_settings(written, ["--output_dir", str(first)])
    assert (*again[:2], again[3]) == (data, model, card)
    # of the place, not of the run: without an option it depends on how talkative transformers is
    assert again[2].to_dict() | {"disable_tqdm": True} == args.to_dict()
    assert train_model(written, output_dir=str(tmp_path / "second"))["test"]["loss"] == pytest.approx(
        metrics["test"]["loss"]
    )
    assert (tmp_path / "second" / "recipe.yaml").read_text(encoding="utf-8") == written.read_text(
        encoding="utf-8"
    )
    train_model(written, output_dir=str(first))  # the same run: it goes on where it had ended
