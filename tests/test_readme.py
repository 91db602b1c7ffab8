"""The README's code and commands, run as they stand."""

import contextlib
import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from conftest import REPOSITORY
from hub.server import TOKEN, LoopbackHub
from legacy_originals import CharacterOriginal, character_checkpoint

from bilstm_classifier import load_sample_news

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line
    for kind, block in BLOCKS
    if kind == "bash"
    for line in block.splitlines()
    if line.startswith("bilstm-")
]
SERVE = [line for line in COMMANDS if "serve" in line]
COMMANDS = [line for line in COMMANDS if line not in SERVE]
HUB_COMMANDS = [line for line in COMMANDS if "owner/" in line or "model.pth" in line]
REVIEWS = {"good": "Всё работает, спасибо, номер {}", "bad": "Сломалось на второй день, номер {}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the files that the README speaks of; the texts are the package's sample and the test's own."""
    folder = tmp_path_factory.mktemp("readme")
    texts, labels = load_sample_news()
    files = {
        "news.csv": [("news", "labels"), *zip(texts, labels, strict=True)],
        "reviews.csv": [("text", "label")]
        + [(text.format(n), name) for n in range(40) for name, text in REVIEWS.items()],
    }
    for name, rows in files.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    return folder


def run(command: list[str], folder: Path, **environment: str) -> str:
    found = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, f"{shlex.join(command)}\n{found.stderr}"
    return found.stdout


def run_command(line: str, folder: Path, **environment: str) -> str:
    name, *arguments = shlex.split(line, comments=True)
    assert name == "bilstm-classifier"
    return run([sys.executable, "-m", "bilstm_classifier.cli", *arguments], folder, **environment)


def test_there_is_something_to_run():
    assert len(COMMANDS) >= 11
    assert len(HUB_COMMANDS) >= 4
    assert sum(kind == "python" for kind, _ in BLOCKS) >= 3


@contextlib.contextmanager
def serving(line: str, folder: Path) -> Iterator[str]:
    """Run a command that serves until it is interrupted; its address."""
    arguments = [*shlex.split(line, comments=True)[1:], "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "bilstm_classifier.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        found = None
        for said in server.stderr:
            if found := re.search(r"http://[\d.:]+", said):
                break
        assert found, f"{line}: ended with {server.wait()}"
        yield found[0]
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=60)
        assert server.returncode == 0, errors


@pytest.mark.slow
def test_the_app_and_a_program_that_calls_it(folder):
    (block,) = [block for kind, block in BLOCKS if kind == "python" and "Client(" in block]
    with serving(SERVE[0], folder) as address:
        code = re.sub(r"http://[\d.:]+", address, block)
        run([sys.executable, "-c", f"{code}\nassert found['label'] == 'sports'"], folder)


def test_python_with_the_packaged_model(folder):
    code = "".join(
        block for kind, block in BLOCKS if kind == "python" and not re.search("runs/|http:", block)
    )
    checks = (
        "\nassert get_predictions('В Париже завершилась церемония завершения Олимпийских игр') == 'sports'"
    )
    assert "tokens read" in run([sys.executable, "-c", code + checks], folder)


@pytest.mark.parametrize(
    "line",
    [line for line in COMMANDS if "runs/" not in line and "train" not in line and line not in HUB_COMMANDS],
)
def test_command_with_the_packaged_model(folder, line):
    out = run_command(line, folder)
    if "--output" in line:
        assert "prediction" in (folder / "labelled.csv").read_text(encoding="utf-8").splitlines()[0]
    elif "--interactive" not in line:
        assert out.strip()


@pytest.mark.slow
def test_training_and_what_comes_after(folder):
    for line in COMMANDS:
        if "train" in line and "--help" not in line:
            run_command(line, folder)
    torch.save(character_checkpoint(CharacterOriginal()), folder / "model.pth")
    with LoopbackHub() as hub:
        online = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
        for line in HUB_COMMANDS:
            assert run_command(line, folder, **online).strip()
    for line in COMMANDS:
        if "--model runs/" in line:
            assert run_command(line, folder).strip()
    for line in SERVE:
        if "--model runs/" in line:
            with serving(line, folder) as address, urllib.request.urlopen(f"{address}/healthz") as answer:
                assert json.load(answer)["model"] == "runs/reviews"
    for kind, block in BLOCKS:
        if kind == "python" and "runs/" in block:
            run([sys.executable, "-c", block], folder)
