"""The Space: what `push-space` uploads, that a Space can start it, and that it comes from the installed package."""

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import REPOSITORY
from hub.cards import check_card
from hub.server import OWNER, READ_TOKEN, TOKEN, LoopbackHub
from huggingface_hub import SpaceCard, SpaceHardware
from packaging.requirements import Requirement

import bilstm_classifier
from bilstm_classifier.app.settings import Settings
from bilstm_classifier.app.space import Served, write_space, write_wheel
from bilstm_classifier.hub.card_merging import is_sealed

from .test_serve import answers, environment, started

SPACE = REPOSITORY / "space"
FILES = {"README.md", "app.py", "requirements.txt"}
WHEEL = f"bilstm_classifier-{bilstm_classifier.__version__}-py3-none-any.whl"
NAME = f"{OWNER}/news-app"
ANEW = (
    'write it anew: python -c "from pathlib import Path; from bilstm_classifier.app.space import write_space; '
    "write_space(Path('space'))\""
)


@pytest.fixture
def folder(tmp_path) -> Path:
    write_space(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return write_wheel(tmp_path_factory.mktemp("wheel"))


def _card(folder: Path) -> dict[str, Any]:
    return SpaceCard((folder / "README.md").read_text(encoding="utf-8")).data.to_dict()


# --- the folder ---


def test_the_folder_of_the_repository_is_what_is_uploaded(folder):
    assert {path.name for path in SPACE.iterdir()} == FILES
    ours, theirs = _card(SPACE), _card(folder)
    if ours["sdk_version"] == theirs["sdk_version"]:
        for name in FILES:
            assert (SPACE / name).read_bytes() == (folder / name).read_bytes(), f"space/{name}: {ANEW}"
        return
    # made with another release of gradio than the one that is installed here
    for name in FILES - {"README.md"}:
        assert (SPACE / name).read_bytes() == (folder / name).read_bytes(), f"space/{name}: {ANEW}"
    assert ours | {"sdk_version": theirs["sdk_version"]} == theirs, ANEW
    bodies = [
        SpaceCard((place / "README.md").read_text(encoding="utf-8")).text.partition("<!-- Written by")[0]
        for place in (SPACE, folder)
    ]
    assert bodies[0] == bodies[1], ANEW
    assert is_sealed((SPACE / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("served", [None, Served(f"{OWNER}/news", "v1", (f"{OWNER}/news config.json 0123",))])
def test_the_card_is_complete(tmp_path, served):
    write_space(tmp_path, served)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert check_card(text, "spaces") == {"errors": [], "warnings": []}
    card = SpaceCard(text)
    assert card.data.sdk == "gradio"
    assert len(card.data.sdk_version.split(".")) == 3
    assert f"Programming Language :: Python :: {card.data.python_version}" in _project()["classifiers"]
    assert (tmp_path / card.data.app_file).is_file()
    assert card.data.models == ([served.name] if served else [])
    assert card.data.preload_from_hub == (list(served.preload) if served else [])
    assert (card.data.license, card.data.pinned) == (_project()["license"].lower(), False)
    assert 0 < len(card.data.short_description) <= 60
    assert card.data.suggested_hardware in [hardware.value for hardware in SpaceHardware]
    assert {"title", "emoji", "colorFrom", "colorTo", "tags"} <= set(card.data.to_dict())
    for name in FILES:
        assert not {"{{", "}}", "{%", "%}"} & set((tmp_path / name).read_text(encoding="utf-8").split())


def test_operators_are_told_of_every_setting_in_both_languages(folder):
    text = (folder / "README.md").read_text(encoding="utf-8")
    for part in text.split("## По-русски"):
        rows = [line.split("|")[1].strip() for line in part.splitlines() if line.startswith("| `")]
        assert rows == [f"`{name.upper()}`" for name in Settings.__dataclass_fields__]


def test_requirements_are_those_of_the_package_with_the_app(folder):
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "--extra-index-url https://download.pytorch.org/whl/cpu"
    extras = _project()["optional-dependencies"]
    wanted = [*_project()["dependencies"], *extras["train"], *extras["app"]]
    wanted = [str(Requirement(one)) for one in wanted if not one.startswith("bilstm-classifier")]
    assert sorted(lines[2:]) == sorted(wanted)


def test_variables_of_the_space_go_before_the_model_that_was_pushed(tmp_path):
    write_space(tmp_path, Served(f"{OWNER}/news", "v1", ()))
    code = (tmp_path / "app.py").read_text(encoding="utf-8").partition("with TemporaryDirectory")[0]
    code += 'print(os.environ["MODEL_ID"], os.environ.get("MODEL_REVISION"))'
    for variables, found in (
        ({}, f"{OWNER}/news v1"),
        ({"MODEL_REVISION": "v2"}, f"{OWNER}/news v2"),
        (
            {"MODEL_ID": "other/model"},
            "other/model None",
        ),  # the revision is that of the model that was pushed
        ({"MODEL_ID": ""}, " None"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment(tmp_path, **variables),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.rstrip("\n") == found


def _project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


# --- the wheel ---


def test_a_wheel_of_the_package_as_it_is_installed(wheel, tmp_path):
    assert wheel.name == WHEEL
    assert write_wheel(tmp_path).read_bytes() == wheel.read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    information = f"bilstm_classifier-{bilstm_classifier.__version__}.dist-info"
    package = {name for name in contents if not name.startswith(information)}
    for name in package:
        assert contents[name] == (REPOSITORY / name).read_bytes()
    code = {
        path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "bilstm_classifier").rglob("*.py")
    }
    assert code == {name for name in package if name.endswith(".py")}
    assert {"bilstm_classifier/app/space/app.py.jinja", "bilstm_classifier/py.typed"} <= package
    assert not [name for name in package if "/." in name or "__pycache__" in name]
    record = contents.pop(f"{information}/RECORD").decode().splitlines()
    assert record.pop() == f"{information}/RECORD,,"
    assert record == [
        f"{name},sha256={_digest(content)},{len(content)}" for name, content in contents.items()
    ]
    assert contents[f"{information}/licenses/LICENSE"] == (REPOSITORY / "LICENSE").read_bytes()
    assert b"bilstm-classifier = bilstm_classifier.cli:main" in contents[f"{information}/entry_points.txt"]


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _pip(*arguments: str | Path, cwd: Path) -> None:
    options = ("--no-deps", "--no-index", "--disable-pip-version-check", "--quiet")
    subprocess.run([sys.executable, "-m", "pip", *map(str, arguments), *options], cwd=cwd, check=True)


@pytest.mark.slow
def test_the_wheel_has_what_setuptools_would_pack(wheel, tmp_path):
    checkout = tmp_path / "checkout"
    shutil.copytree(
        REPOSITORY / "bilstm_classifier",
        checkout / "bilstm_classifier",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(REPOSITORY / name, checkout / name)
    _pip("wheel", checkout, "--no-build-isolation", "--wheel-dir", tmp_path, cwd=tmp_path)
    packed = []
    for path in (wheel, tmp_path / WHEEL):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if ".dist-info" not in name]
            packed.append({name: archive.read(name) for name in names})
    assert packed[0] == packed[1]


@pytest.mark.slow
def test_pip_installs_the_wheel_and_it_packs_itself_again(wheel, tmp_path):
    target = tmp_path / "target"
    _pip("install", wheel, "--target", target, cwd=tmp_path)
    code = (
        "import bilstm_classifier, sys; from pathlib import Path; from bilstm_classifier.app.space import write_wheel; "
        "print(bilstm_classifier.__file__); write_wheel(Path(sys.argv[1]))"
    )
    (tmp_path / "again").mkdir()
    variables = environment(tmp_path) | {"PYTHONPATH": str(target)}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "again"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(target / "bilstm_classifier" / "__init__.py")
    assert (tmp_path / "again" / WHEEL).read_bytes() == wheel.read_bytes()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bilstm_classifier.cli",
            "predict",
            "--json",
            "Сборная выиграла матч в овертайме",
        ],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert json.loads(done.stdout)["prediction"] == "sports"


# --- the Hub ---


def _push(
    hub: LoopbackHub, folder: Path, *options: str, code: int = 0, token: str = TOKEN
) -> tuple[str, str]:
    """What ``push-space`` printed, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bilstm_classifier.cli", "push-space", NAME, *options],
        cwd=folder,
        env=environment(folder, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="0", HF_TOKEN=token),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def _commits(hub: LoopbackHub) -> int:
    return len(hub.repositories["spaces", NAME].commits)


def test_pushed_once_and_again(tmp_path, wheel):
    with LoopbackHub() as hub:
        printed, said = _push(hub, tmp_path, "--private")
        assert printed == f"{hub.url}/spaces/{NAME}\n"
        assert f"committed: {hub.url}/spaces/{NAME}/commit/" in said
        repository = hub.repositories["spaces", NAME]
        assert (repository.sdk, repository.private) == ("gradio", True)
        assert _commits(hub) == 2  # the Hub's own, and ours
        files = hub.files(NAME, "spaces")
        assert set(files) == {".gitattributes", *FILES, WHEEL}
        assert files[WHEEL] == wheel.read_bytes()
        write_space(tmp_path)
        for name in FILES:
            assert files[name] == (tmp_path / name).read_bytes()

        printed, said = _push(hub, tmp_path)
        assert printed == f"{hub.url}/spaces/{NAME}\n"
        assert "has all of it already: there was nothing to commit" in said
        assert _commits(hub) == 2

        # what the owner changed stays, and what another release left goes
        text = files["README.md"].decode()
        edited = text.replace("colorFrom: blue", "colorFrom: red").replace("6.", "5.", 1)
        edited = edited.replace("## For operators", "A note of the owner's.\n\n## For operators")
        old = {"bilstm_classifier-0.0.9-py3-none-any.whl": b"old", "notes.txt": b"notes"}
        repository.commit(files | old | {"README.md": edited.encode()})
        _, said = _push(hub, tmp_path, "--message", "A new release")
        assert "was edited by hand: its text is kept" in said
        assert _commits(hub) == 4
        newest = repository.commits[repository.resolve("main")]
        assert newest.message == "A new release"
        files = hub.files(NAME, "spaces")
        assert set(files) == {".gitattributes", *FILES, WHEEL, "notes.txt"}
        found = SpaceCard(files["README.md"].decode())
        assert "A note of the owner's." in found.text
        assert found.data.colorFrom == "red"
        assert found.data.sdk_version == _card(tmp_path)["sdk_version"]


@pytest.mark.slow
def test_pushed_with_a_model_of_the_hub(tmp_path, model_folder):
    model = f"{OWNER}/news"
    with LoopbackHub() as hub:
        saved = {path.name: path.read_bytes() for path in model_folder.iterdir() if path.is_file()}
        commit = hub.add(model, saved)
        _push(hub, tmp_path)
        _push(hub, tmp_path, "--model", model)
        assert _commits(hub) == 3
        card = SpaceCard(hub.files(NAME, "spaces")["README.md"].decode()).data
        assert (card.models, card.preload_from_hub) == ([model], [model])

        _push(hub, tmp_path, "--model", model, "--model-revision", "main")
        files = hub.files(NAME, "spaces")
        listed = "config.json,model.safetensors,tokenizer.json,tokenizer_config.json"
        card = SpaceCard(files["README.md"].decode()).data
        assert (card.models, card.preload_from_hub) == ([model], [f"{model} {listed} {commit}"])

        # as a Space starts it: the files beside each other, and the package in the wheel alone
        place = tmp_path / "place"
        place.mkdir()
        for name, content in files.items():
            (place / name).write_bytes(content)
        (tmp_path / "run").mkdir()
        variables = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "PYTHONPATH": "", "SPACE_ID": NAME}
        port = _free_port()
        with started(tmp_path / "run", str(place / "app.py"), GRADIO_SERVER_PORT=port, **variables) as app:
            assert app.told(r"serving (\S+) on (\S+)").groups() == (model, f"http://0.0.0.0:{port}")
            health = httpx.get(f"{app.url}/healthz").json()
            assert health == {"status": "ok", "model": model, "revision": "main"}
            unpacked = list(app.temporary.glob("bilstm-classifier-wheel-*/bilstm_classifier/default_model"))
            assert len(unpacked) == 1
            assert app.end() == 0
            assert list(app.temporary.iterdir()) == []


@pytest.mark.slow
def test_what_cannot_be_pushed_is_told_in_a_sentence(tmp_path, model_folder):
    model = f"{OWNER}/news"
    with LoopbackHub() as hub:
        hub.add(model, {"config.json": b'{"model_type": "bert"}'})
        for options, sentence in (
            (("--model", f"{OWNER}/nowhere"), "no such model on the Hub"),
            (("--model", model), "holds a 'bert' model: expected 'bilstm_classifier'"),
            (("--model", model, "--model-revision", "v9"), "has no such branch, tag or commit"),
            (("--model-revision", "v9"), "name the model too"),
            (("--model", "news"), "'news' is no repository's name: expected owner/name"),
            (("--token", READ_TOKEN), "The token may not write there"),
        ):
            _, said = _push(hub, tmp_path, *options, code=2)
            (error,) = [line for line in said.splitlines() if line.startswith("error: ")]
            assert sentence in error
        assert ("spaces", NAME) not in hub.repositories


@pytest.mark.slow
def test_a_private_model_is_not_preloaded(tmp_path, model_folder):
    with LoopbackHub() as hub:
        hub.add(f"{OWNER}/secret", model_folder, private=True)
        _, said = _push(hub, tmp_path, "--model", f"{OWNER}/secret")
        assert "give the Space a secret HF_TOKEN that may read it" in said
        card = SpaceCard(hub.files(NAME, "spaces")["README.md"].decode()).data
        assert (card.models, card.preload_from_hub) == ([f"{OWNER}/secret"], [])


# --- starting it ---


@pytest.mark.slow
def test_the_folder_starts_as_it_stands(tmp_path):
    port = _free_port()
    with started(tmp_path, str(SPACE / "app.py"), SPACE_ID=NAME, GRADIO_SERVER_PORT=port) as app:
        assert app.told(r"serving (\S+) on (\S+)").groups() == ("bilstm-classifier", f"http://0.0.0.0:{port}")
        assert [answer["label"] for answer in answers(app.url, ["Сборная выиграла матч"])] == ["sports"]
        assert app.end() == 0
        assert "Traceback" not in app.said


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])
