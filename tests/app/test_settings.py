"""What an operator may set, and what is said of a value that is wrong."""

from dataclasses import fields

import pytest

from bilstm_classifier.app.settings import Settings

NUMBERS = [field.name for field in fields(Settings) if isinstance(field.default, int)]
VALUES = {
    "MODEL_ID": ("owner/news", "owner/news"),
    "MODEL_REVISION": ("v1.0", "v1.0"),
    "COMPARE_MODELS": (" owner/one, ,./folder ,", ("owner/one", "./folder")),
    "GRADIO_SERVER_NAME": ("::1", "::1"),
    **{name.upper(): (" 4321\n", 4321) for name in NUMBERS},
}


def test_nothing_set():
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.model_id, settings.compare_models) == ("", ())
    assert settings.gradio_server_name == "127.0.0.1"


def test_every_setting_has_a_variable():
    assert set(VALUES) == {field.name.upper() for field in fields(Settings)}


@pytest.mark.parametrize("name", VALUES)
def test_a_variable_sets_its_own_field_alone(name):
    given, expected = VALUES[name]
    changed = {
        field.name: value
        for field in fields(Settings)
        if (value := getattr(Settings.from_environment({name: given}), field.name))
        != getattr(Settings(), field.name)
    }
    assert changed == {name.lower(): expected}


@pytest.mark.parametrize("name", VALUES)
def test_an_empty_variable_is_none(name):
    assert Settings.from_environment({name: ""}) == Settings.from_environment({name: " \t"}) == Settings()


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5", "1e3", "1_000", "0x10", "½", "10 MB", "00"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_none(name, value):
    with pytest.raises(ValueError, match=r"expected a whole number of 1 or more") as error:
        Settings.from_environment({name.upper(): value})
    assert f"the environment variable {name.upper()} is {value!r}" in str(error.value)


def test_what_is_given_goes_before_the_environment():
    environment = {"MODEL_ID": "owner/theirs", "MAX_ROWS": "5", "GRADIO_SERVER_PORT": "81"}
    settings = Settings.from_environment(environment, model_id="owner/ours", max_rows=None, compare_models=())
    assert settings == Settings(model_id="owner/ours", max_rows=5, gradio_server_port=81)
    assert Settings.from_environment(environment, model_id="").model_id == ""


def test_a_space_listens_to_the_outside():
    assert Settings.from_environment({"SPACE_ID": "owner/space"}).gradio_server_name == "0.0.0.0"
    both = {"SPACE_ID": "owner/space", "GRADIO_SERVER_NAME": "127.0.0.2"}
    assert Settings.from_environment(both).gradio_server_name == "127.0.0.2"
    given = Settings.from_environment(both, gradio_server_name="127.0.0.3")
    assert given.gradio_server_name == "127.0.0.3"


def test_the_environment_of_the_process_is_read(monkeypatch):
    monkeypatch.setenv("MAX_CHARACTERS", "77")
    assert Settings.from_environment().max_characters == 77
