"""What the loopback Hub says of cards."""

import pytest
import yaml

from .cards import check_card

RESULT = {
    "task": {"type": "text-classification"},
    "dataset": {"type": "owner/texts", "name": "Texts"},
    "metrics": [{"type": "f1", "value": 0.9}],
}
MODEL = {
    "license": "mit",
    "language": ["ru", "code"],
    "tags": ["news"],
    "metrics": ["f1"],
    "datasets": "owner/texts",
    "base_model": ["owner/model"],
    "pipeline_tag": "text-classification",
    "model-index": [{"name": "news", "results": [RESULT]}],
}
DATA_SET = {
    "license": "other",
    "language": "ru",
    "task_categories": ["text-classification"],
    "size_categories": ["1K<n<10K"],
    "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "train.csv"}]}],
}


def found(card, kind="models"):
    text = f"---\n{card if isinstance(card, str) else yaml.safe_dump(card)}\n---\n# A card\n"
    return {level: [one["message"] for one in said] for level, said in check_card(text, kind).items()}


@pytest.mark.parametrize(
    ("card", "kind"),
    [(MODEL, "models"), (DATA_SET, "datasets"), ({"license": "mit", "sdk": "gradio"}, "spaces")],
)
def test_a_good_card(card, kind):
    assert found(card, kind) == {"errors": [], "warnings": []}


@pytest.mark.parametrize(
    ("change", "start"),
    [
        ({"license": "MIT"}, '"license" must be one of [apache-2.0, mit, '),
        ({"language": "russian"}, '"language" with value "russian" is not valid'),
        ({"language": ["ru", "RU"]}, '"language[1]" with value "RU" is not valid'),
        ({"language": [False]}, '"language[0]" must be a string'),  # YAML reads Norwegian so
        ({"tags": "news"}, '"tags" must be an array'),
        ({"tags": ["news", None]}, '"tags[1]" must be a string'),
        ({"metrics": [{"type": "f1"}]}, '"metrics[0]" must be a string'),
        ({"datasets": ["../data/news"]}, '"datasets[0]" with value "../data/news" is not valid'),
        ({"base_model": "/home/me/model"}, '"base_model" with value "/home/me/model" is not valid'),
        ({"pipeline_tag": ["x"]}, '"pipeline_tag" must be a string'),
        ({"model-index": {}}, '"model-index" must be an array'),
        ({"model-index": [{"results": []}]}, '"model-index[0].name" is required'),
        ({"model-index": [{"name": "x"}]}, '"model-index[0].results" is required'),
    ],
)
def test_a_card_with_an_error(change, start):
    (message,) = found(MODEL | change)["errors"]
    assert message.startswith(start)


@pytest.mark.parametrize(
    ("change", "start"),
    [
        ({"sdk": "flask"}, '"sdk" must be one of [gradio, docker, static]'),
        ({"colorFrom": "teal"}, '"colorFrom" must be one of [red, yellow, '),
        ({"short_description": "x" * 61}, '"short_description" length must be less than or equal to 60'),
        ({"models": "owner/news"}, '"models" must be an array'),
    ],
)
def test_a_space_with_an_error(change, start):
    (message,) = found({"sdk": "gradio"} | change, "spaces")["errors"]
    assert message.startswith(start)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": {}}, 'task.type" is required'),
        ({"dataset": None}, 'dataset" is required'),
        ({"dataset": {"type": "owner/texts"}}, 'dataset.name" is required'),
        (
            {"dataset": {"type": "my texts", "name": "x"}},
            'dataset.type" with value "my texts" fails to match the required pattern: '
            "/^(?:[\\w-]+\\/)?[\\w-.]+$/",
        ),
        ({"metrics": None}, 'metrics" is required'),
        ({"metrics": [{"type": "f1"}]}, 'metrics[0].value" is required'),
        ({"metrics": [{"value": 0.9}]}, 'metrics[0].type" is required'),
    ],
)
def test_a_result_with_an_error(change, message):
    card = MODEL | {"model-index": [{"name": "news", "results": [RESULT, RESULT | change]}]}
    assert found(card)["errors"] == [f'"model-index[0].results[1].{message}']


@pytest.mark.parametrize(
    ("change", "start"),
    [
        ({"size_categories": ["1k"]}, '"size_categories[0]" must be one of [n<1K, '),
        ({"task_categories": "text-classification"}, '"task_categories" must be an array'),
        ({"configs": [{"data_files": "*.csv"}]}, '"configs[0].config_name" is required'),
        (
            {"configs": [{"config_name": "default", "data_files": [{"split": "train"}]}]},
            '"configs[0].data_files[0].path" is required',
        ),
    ],
)
def test_a_data_set_with_an_error(change, start):
    (message,) = found(DATA_SET | change, "datasets")["errors"]
    assert message.startswith(start)


@pytest.mark.parametrize(
    ("card", "start"),
    [
        ("", "empty or missing yaml metadata in repo card"),
        (MODEL | {"pipeline_tag": "guessing"}, 'The pipeline tag "guessing" is not in the official list'),
    ],
)
def test_a_card_with_a_warning(card, start):
    said = found(card)
    assert said["errors"] == []
    assert said["warnings"][0].startswith(start)


@pytest.mark.parametrize(("text", "start"), [("- a", '"value" must be'), ("a: [", "YAML Metadata Error: ")])
def test_front_matter_that_is_no_mapping(text, start):
    assert found(text)["errors"][0].startswith(start)
