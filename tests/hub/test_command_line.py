"""The whole way from the command line: train, push, pull elsewhere, predict offline; converted checkpoints too."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from conftest import REPOSITORY, TEXTS, topic_texts
from legacy_originals import CharacterOriginal, character_checkpoint

from .server import OWNER, READ_TOKEN, TOKEN

NAMES = ("culture", "sports", "science")


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[str]:
    """The Hub as ``make hub`` starts it, in a process of its own; its address, as it prints it."""
    folder = tmp_path_factory.mktemp("hub")
    command = [sys.executable, "-m", "tests.hub", "--folder", str(folder), "--port", "0"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = None
        for line in process.stdout:
            if found := re.search(r"export HF_ENDPOINT=(\S+)", line):
                address = found[1]
            if "HF_HUB_DISABLE_XET=1" in line:
                break
        assert address
        yield address
        process.terminate()


class Shell:
    """Runs ``bilstm-classifier`` as a person with this home and these variables would."""

    def __init__(self, home: Path, **variables: str):
        self.home = home
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        self.variables = {**kept, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", **variables}

    def run(self, *arguments: str | Path, code: int = 0, program: tuple[str, ...] = ()) -> tuple[str, str]:
        """What it printed to stdout and stderr."""
        command = program or ("-m", "bilstm_classifier.cli")
        done = subprocess.run(
            [sys.executable, *command, *map(str, arguments)],
            cwd=self.home,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout, done.stderr


@pytest.fixture
def writer(served, tmp_path) -> Shell:
    (tmp_path / "writer").mkdir()
    return Shell(tmp_path / "writer", HF_ENDPOINT=served, HF_TOKEN=TOKEN)


@pytest.fixture
def reader(served, tmp_path) -> Shell:
    """Someone else, without a token and with an empty cache."""
    (tmp_path / "reader").mkdir()
    return Shell(tmp_path / "reader", HF_ENDPOINT=served)


def _predictions(shell: Shell, model: str | Path) -> list[dict]:
    printed, _ = shell.run("predict", "--model", model, "--json", *TEXTS)
    return [json.loads(line) for line in printed.splitlines()]


@pytest.mark.slow
def test_trained_pushed_pulled_and_predicted_offline(served, writer, reader, tmp_path):
    rows = [f"{text},{NAMES[number % 3]}" for number, text in enumerate(topic_texts(120))]
    (tmp_path / "news.csv").write_text("\n".join(["news,labels", *rows]), encoding="utf-8")
    run, name = tmp_path / "run", f"{OWNER}/trained"
    _, said = writer.run(
        "train", "--dataset", tmp_path / "news.csv", "--output_dir", run, "--tokenizer", "words",
        "--lstm_hidden_size", "8", "--num_train_epochs", "1", "--language", "ru", "--license", "mit",
        "--push_to_hub", "--hub_model_id", name,
    )  # fmt: skip
    assert f"pushed to {served}/{name}/commit/" in said
    assert (run / "recipe.yaml").is_file()

    printed, said = writer.run("push", run, name)
    assert "has all of it already: there was nothing to commit" in said
    assert printed.startswith(f"{served}/{name}/commit/")

    copied = tmp_path / "reader" / "model"
    printed, said = reader.run("pull", name, "--local-dir", copied)
    assert printed.strip() == str(copied)
    assert "it works offline on this machine" in said
    expected = _predictions(writer, run)
    offline = Shell(reader.home, HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    for model in (copied, name):
        assert _predictions(offline, model) == expected

    listed, card, scores = json.loads(_as_huggingface_hub_sees_it(reader, name))
    assert "recipe.yaml" not in listed
    assert not [path for path in listed if re.search(r"\.(bin|pt|pth|pkl|ckpt)$", path)]
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md", "modeling.py"} <= set(listed)
    assert (card["license"], card["language"]) == ("mit", ["ru"])
    measured = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["test"]
    assert scores["Accuracy"] == measured["accuracy"]
    assert scores["Macro F1"] == measured["f1_macro"]


HUB_SEES = """
import json, os, sys
from huggingface_hub import HfApi, ModelCard, snapshot_download
name = sys.argv[1]
api = HfApi()
info, folder = api.model_info(name), snapshot_download(name)
card = ModelCard.load(name)
card.validate()
listed = api.list_repo_files(name)
assert sorted(os.listdir(folder)) == sorted(listed)
assert info.library_name == "transformers" and info.pipeline_tag == "text-classification", info
assert info.card_data.to_dict() == card.data.to_dict()
results = [result for result in card.data.eval_results if result.dataset_split == "test"]
scores = {result.metric_name: result.metric_value for result in results}
print(json.dumps([listed, {"license": card.data.license, "language": card.data.language}, scores]))
"""


def _as_huggingface_hub_sees_it(shell: Shell, name: str) -> str:
    return shell.run(name, program=("-c", HUB_SEES))[0].splitlines()[-1]


@pytest.mark.slow
def test_the_packaged_model_is_pushed_with_its_figures(writer, reader):
    from bilstm_classifier.predictor import DEFAULT_MODEL

    name = f"{OWNER}/packaged"
    writer.run("push", DEFAULT_MODEL, name, "--message", "The packaged model")
    listed, card, scores = json.loads(_as_huggingface_hub_sees_it(reader, name))
    assert "confusion_matrix.png" in listed
    assert (card["license"], card["language"]) == ("mit", "ru")
    metrics = json.loads((DEFAULT_MODEL / "metrics.json").read_text(encoding="utf-8"))
    assert scores["Accuracy"] == metrics["test"]["accuracy"]
    assert _predictions(reader, name) == _predictions(writer, DEFAULT_MODEL)


ERRORS = {
    "unknown repository": (("pull", f"{OWNER}/nowhere"), "no such model on the Hub"),
    "unknown model": (("predict", "--model", f"{OWNER}/nowhere", "text"), "no such model on the Hub"),
    "wrong revision": (("pull", f"{OWNER}/there", "--revision", "v9"), "has no such branch, tag or commit"),
    "not owner/name": (("pull", "there"), "'there' is no repository's name: expected owner/name"),
    "push of nothing": (("push", "no/such/folder", f"{OWNER}/there"), "is not a folder"),
    "no checkpoint": (("convert", f"{OWNER}/there", "out"), "holds no model.pth"),
    "never downloaded": (("pull", f"{OWNER}/there", "--local-files-only"), "was not downloaded before"),
}


@pytest.mark.slow
def test_errors_are_one_sentence_without_a_traceback(writer, reader, model_folder):
    writer.run("push", model_folder, f"{OWNER}/there", "--private")
    for arguments, sentence in (*ERRORS.values(), (("pull", f"{OWNER}/there"), "log in if it is private")):
        shell = reader if sentence.startswith("log in") else writer
        _, said = shell.run(*arguments, code=2)
        assert "Traceback" not in said
        error = [line for line in said.splitlines() if line.startswith("error: ")]
        assert len(error) == 1, said
        assert sentence in error[0]
    _, said = writer.run("push", model_folder, f"{OWNER}/there", "--token", READ_TOKEN, code=2)
    assert "The token may not write there" in said


@pytest.mark.slow
def test_an_old_checkpoint_is_converted_from_a_file_and_from_the_hub(hub, tmp_path):
    checkpoint = tmp_path / "model.pth"
    torch.save(character_checkpoint(CharacterOriginal()), checkpoint)
    hub.add(f"{OWNER}/old", {"model.pth": checkpoint.read_bytes()})
    shell = Shell(tmp_path, HF_ENDPOINT=hub.url)
    answers = []
    for number, source in enumerate((checkpoint, f"{OWNER}/old")):
        printed, said = shell.run("convert", source, tmp_path / str(number))
        assert printed.strip() == str(tmp_path / str(number))
        assert "nothing of the file was executed" in said
        answers.append(_predictions(shell, printed.strip()))
    assert answers[0] == answers[1]
