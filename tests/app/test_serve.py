"""The app as an operator starts it, in a process of its own: what it serves, what it refuses, how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from conftest import REPOSITORY
from hub.server import OWNER, LoopbackHub

SERVE = ("-m", "bilstm_classifier.cli", "serve", "--port", "0")
TEXTS = ["Сборная выиграла матч в дополнительное время", "Банк снизил ставку по вкладам"]
ARTICLE = "Тренер объявил состав команды на решающий матч сезона, который пройдёт в субботу. " * 15


class Started:
    """The app, served by a fresh Python in ``folder``; ``said`` is what it wrote to stderr so far."""

    def __init__(self, folder: Path, *command: str, **variables: str) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, *(command or SERVE)],
            cwd=folder,
            env=environment(folder, TMPDIR=str(self.temporary), **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = ""

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line

    def wait(self) -> "Started":
        """Return when it answers."""
        self.url = self.told(r"serving \S+ on (http://\S+)")[1].replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(f"{self.url}/healthz").status_code == 200
        return self

    def told(self, pattern: str) -> re.Match[str]:
        """What it says that matches, when it does."""
        while not (found := re.search(pattern, self.said)):
            self._look()
        return found

    def _look(self) -> None:
        assert self.process.poll() is None, self.said
        time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop; its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        return code


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """Variables of a process that sees neither this one's settings nor a Hub."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "GRADIO_", "MODEL_", "SPACE_"))
    }
    offline = {"HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_XET": "1"}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **offline, **variables}


@contextmanager
def started(folder: Path, *command: str, **variables: str) -> Iterator[Started]:
    """The app, which is killed if it is still there in the end."""
    app = Started(folder, *command, **variables)
    try:
        yield app.wait()
    finally:
        app.process.kill()
        app.process.wait()


def answers(url: str, texts: list[str]) -> list[dict]:
    """What the app says of ``texts``, asked as by curl."""
    found: list[dict] = []
    _ask(url, texts, found, threading.Event())
    return found


def _ask(url: str, texts: list[str], found: list[dict], asked: threading.Event) -> None:
    call = f"{url}/gradio_api/call/classify_many"
    number = httpx.post(call, json={"data": [texts, "ru"]}).json()["event_id"]
    with httpx.stream("GET", f"{call}/{number}", timeout=60) as stream:
        asked.set()
        lines = [line for line in stream.iter_lines() if line.startswith("data: ")]
    found += json.loads(lines[-1].removeprefix("data: "))[0]


def _sentence(folder: Path, *options: str, **variables: str) -> str:
    """Why ``serve`` does not start: one line, and the exit code of a user's mistake."""
    done = subprocess.run(
        [sys.executable, *SERVE, *options],
        cwd=folder,
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


@contextmanager
def _open_page(url: str) -> Iterator[None]:
    """The stream that a page in a browser keeps open."""
    with httpx.stream("GET", f"{url}/gradio_api/heartbeat/page", timeout=60) as stream:
        assert "ALIVE" in next(stream.iter_lines())
        yield


@pytest.mark.slow
def test_sigterm_lets_a_running_request_finish(tmp_path):
    with started(tmp_path) as app:
        found: list[dict] = []
        asked = threading.Event()
        request = threading.Thread(target=_ask, args=(app.url, [ARTICLE] * 300, found, asked))
        with _open_page(app.url):
            request.start()
            assert asked.wait(timeout=30)
            app.process.send_signal(signal.SIGTERM)
            app.told("stopping: running requests have 10 s to finish")
            while True:  # until it has left the port
                try:
                    httpx.get(f"{app.url}/healthz")
                except httpx.ConnectError:
                    break
            assert not found, "the request was done before it was told to stop"
            request.join(timeout=60)
        assert [answer["label"] for answer in found] == ["sports"] * 300
        assert app.end() == 0
        assert "Traceback" not in app.said
        assert list(app.temporary.iterdir()) == []


@pytest.mark.slow
def test_a_request_that_will_not_end_is_broken_off(tmp_path):
    with started(tmp_path, MAX_TEXTS="5000") as app:
        call = f"{app.url}/gradio_api/call/classify_many"
        number = httpx.post(call, json={"data": [[ARTICLE] * 5_000, "ru"]}, timeout=60).json()["event_id"]
        with httpx.stream("GET", f"{call}/{number}", timeout=60):
            assert app.end() == 0
        assert "requests that were not done after 10 s are broken off" in app.said
        assert "Traceback" not in app.said
        assert list(app.temporary.iterdir()) == []


@pytest.mark.slow
def test_the_packaged_model_serves_where_the_hub_cannot_be_reached(tmp_path):
    variables = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "MODEL_ID": f"{OWNER}/news"}
    with started(tmp_path, **variables) as app:
        health = httpx.get(f"{app.url}/healthz").json()
        assert health["status"] == "ok"
        assert (health["model"], health["instead_of"]) == ("bilstm-classifier", f"{OWNER}/news")
        assert "the Hub cannot be reached" in health["reason"]
        assert f"{OWNER}/news: no folder of that name here, and the Hub cannot be reached" in app.said
        assert "serving the model in the package in its place" in app.said
        assert [answer["label"] for answer in answers(app.url, TEXTS)] == ["sports", "economy"]
        with _open_page(app.url):
            assert app.end(signal.SIGINT) == 0
        assert "Traceback" not in app.said
        assert list(app.temporary.iterdir()) == []


@pytest.mark.slow
def test_a_model_of_the_hub_at_a_revision(tmp_path, model_folder):
    with LoopbackHub() as hub:
        hub.add(f"{OWNER}/news", {"config.json": b"{}"})
        hub.repositories["models", f"{OWNER}/news"].commit(
            {path.name: path.read_bytes() for path in model_folder.iterdir() if path.is_file()}, branch="v1"
        )
        variables = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "MODEL_REVISION": "elsewhere"}
        command = (*SERVE, "--model", f"{OWNER}/news", "--revision", "v1")
        with started(tmp_path, *command, **variables) as app:
            health = httpx.get(f"{app.url}/healthz").json()
            assert health == {"status": "ok", "model": f"{OWNER}/news", "revision": "v1"}
            labels = {answer["label"] for answer in answers(app.url, TEXTS)}
            assert labels <= {"culture", "science", "sports"}


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    assert "holds a 'bert' model: expected 'bilstm_classifier'" in _sentence(tmp_path, MODEL_ID=str(tmp_path))


def test_an_address_that_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = _sentence(tmp_path, "--port", str(port))
    assert f"cannot listen on 127.0.0.1, port {port}" in said
    assert "choose another port (--port, or GRADIO_SERVER_PORT in the environment)" in said
    assert "cannot listen on 192.0.2.1, port 0" in _sentence(tmp_path, "--host", "192.0.2.1")


@pytest.mark.parametrize("port", ["abc", "0", "65536"])
def test_settings_that_are_wrong(tmp_path, port):
    done = subprocess.run(
        [sys.executable, *SERVE[:-2]],
        env=environment(tmp_path, GRADIO_SERVER_PORT=port),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert port in done.stderr


def test_help_of_the_commands_imports_nothing_heavy(tmp_path):
    code = """
import sys
from bilstm_classifier.cli import main
for command in [], ["serve"], ["push-space"]:
    try:
        main([*command, "--help"])
    except SystemExit as stop:
        assert stop.code == 0
assert not {"gradio", "fastapi", "torch", "transformers", "huggingface_hub"} & set(sys.modules), sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--compare-with" in done.stdout
    assert "--model-revision" in done.stdout


@pytest.mark.parametrize("command", [["serve"], ["push-space", "owner/app"]])
def test_without_gradio_it_says_what_to_install(tmp_path, command):
    code = "import sys; sys.modules['gradio'] = None; from bilstm_classifier.cli import main; "
    code += f"sys.exit(main({command}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: No module named 'gradio': the app needs more packages, pip install 'bilstm-classifier[app]'\n"
    )
