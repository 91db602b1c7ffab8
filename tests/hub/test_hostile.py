"""Repositories and folders that mean harm: no code of theirs runs, and nothing is taken for what it is not."""

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from conftest import LABELS, TEXTS, tiny_bert_config
from safetensors.torch import load_file
from transformers import BertModel

from .clients import client
from .server import OWNER
from .tasks import at, embedder_weights, new_classifier, pull, push, scores

EVIL = "import pathlib\npathlib.Path({marker!r}).touch()\nclass Evil: pass\nclass EvilConfig: pass\n"


@pytest.fixture
def marker(tmp_path) -> Path:
    return tmp_path / "it-ran"


def _copy(model_folder: Path, target: Path, **files: bytes) -> Path:
    folder = Path(shutil.copytree(model_folder, target))
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def _set(path: Path, **settings) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


def _command(hub, home: Path, *arguments: str, said: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "bilstm_classifier.cli", *arguments],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"},
        input=said,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_code_of_a_tokenizer_does_not_run_whatever_is_answered(hub, model_folder, marker, tmp_path):
    """transformers would ask on stdout, and take the first line of texts for the answer."""
    folder = _copy(model_folder, tmp_path / "evil", tokenizer__py=EVIL.format(marker=str(marker)).encode())
    _set(
        folder / "tokenizer_config.json",
        tokenizer_class="Evil",
        auto_map={"AutoTokenizer": [None, "tokenizer.Evil"]},
    )
    hub.add(f"{OWNER}/evil", folder)
    for arguments in (("predict", "--model", str(folder), "--json"), ("pull", f"{OWNER}/evil")):
        done = _command(hub, tmp_path / "home", *arguments, said="y\nкоманда\n")
        assert done.returncode == 2
        assert done.stdout == ""
        assert "the tokenizer of" in done.stderr
        assert "Traceback" not in done.stderr
    assert not marker.exists()
    assert not list((tmp_path / "home").rglob("tokenizer.py"))


@pytest.mark.slow
def test_code_of_an_encoder_does_not_run(hub, online, model_folder, marker, tmp_path):
    folder = tmp_path / "encoder"
    BertModel(tiny_bert_config()).save_pretrained(folder)
    (folder / "evil.py").write_text(EVIL.format(marker=str(marker)))
    _set(folder / "config.json", model_type="evil", auto_map={"AutoConfig": "evil.EvilConfig"})
    hub.add(f"{OWNER}/evil-encoder", folder)
    for source in (str(folder), f"{OWNER}/evil-encoder"):
        with pytest.raises(ValueError, match="contains custom code"):
            online.submit(new_classifier, source, model_folder, tmp_path / "new").result()
    assert not marker.exists()


def test_a_folder_called_like_the_embedder_is_not_taken_for_it(hub, online, model_folder, tmp_path):
    for number, name in enumerate(("right", "wrong")):
        torch.manual_seed(number)
        BertModel(tiny_bert_config()).save_pretrained(tmp_path / name)
    hub.add(f"{OWNER}/named", tmp_path / "right")
    classes = {"id2label": LABELS, "label2id": {label: index for index, label in LABELS.items()}}
    head = tmp_path / "head"
    online.submit(new_classifier, f"{OWNER}/named", model_folder, head, **classes).result()
    expected = online.submit(embedder_weights, head).result()
    shutil.copytree(tmp_path / "wrong", tmp_path / "here" / OWNER / "named")
    assert online.submit(at, tmp_path / "here", embedder_weights, head).result() == expected
    right = load_file(tmp_path / "right" / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert expected["embeddings.word_embeddings.weight"] == right.tolist()
    for name in ("../wrong", "/etc", "a/b/c", "a b"):
        _set(head / "config.json", embedder_repo_id=name)
        with pytest.raises(ValueError, match=r"embedder_repo_id is .*: expected owner/name on the Hub"):
            online.submit(scores, head, TEXTS).result()


@pytest.mark.parametrize("file", ["model.safetensors.bin", "../other/model.safetensors", "/etc/passwd"])
def test_an_index_that_names_other_files_is_refused(online, model_folder, marker, tmp_path, file):
    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {marker}",)

    folder = _copy(model_folder, tmp_path / "model")
    names = load_file(folder / "model.safetensors")
    shutil.copytree(folder, tmp_path / "other")
    (folder / "model.safetensors").unlink()
    torch.save({"a": Payload()}, folder / "model.safetensors.bin")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": dict.fromkeys(names, file)})
    )
    for task, arguments in ((scores, (folder, TEXTS)), (push, (folder, f"{OWNER}/indexed"))):
        with pytest.raises(ValueError, match=r"names .*, which is no part of its weights"):
            online.submit(task, *arguments).result()
    assert not marker.exists()


@pytest.mark.parametrize("name", ["README.md", "confusion_matrix.png", "metrics.json"])
def test_a_link_to_another_place_is_not_published(hub, online, model_folder, tmp_path, name):
    folder = _copy(model_folder, tmp_path / "model")
    (tmp_path / "secret").write_text("not for the Hub")
    (folder / name).symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match=rf"{name} is a link to .*secret: put the file itself there"):
        online.submit(push, folder, f"{OWNER}/linked").result()
    assert ("models", f"{OWNER}/linked") not in hub.repositories


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"lstm_hidden_size": 10**8}, "the weights of .* do not go with its config|could not be read"),
        ({"lstm_num_layers": 10**9}, "do not go with its config: it has 1,000,000,002 layers"),
        (
            {"embedder": {"num_hidden_layers": 10**9}},
            "do not go with its config: it has 1,000,000,002 layers",
        ),
        ({"embedder": {"hidden_act": "nonsense"}}, "could not be read: KeyError: 'nonsense'"),
        ({"embedder": {"_attn_implementation": "evil/kernel"}}, None),
        ({"embedder": {"transformers_weights": "pytorch_model.bin"}}, None),
        ({"transformers_weights": "pytorch_model.bin", "_attn_implementation": "evil/kernel"}, None),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, None),
    ],
)
def test_settings_that_are_none_or_cannot_be(online, model_folder, tmp_path, settings, sentence):
    folder = _copy(model_folder, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["embedder_config"] |= settings.pop("embedder", {})
    (folder / "config.json").write_text(json.dumps(config | settings))
    if sentence is None:
        assert (
            online.submit(scores, folder, TEXTS).result()
            == online.submit(scores, model_folder, TEXTS).result()
        )
        return
    with pytest.raises(ValueError, match=sentence) as caught:
        online.submit(scores, folder, TEXTS).result()
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_no_token_is_not_shown(online, model_folder):
    for token in ("hf_secret\n", "пароль", ""):
        for task, arguments in ((pull, (f"{OWNER}/any",)), (push, (model_folder, f"{OWNER}/any"))):
            with pytest.raises(
                ValueError, match="the token is empty or has characters that no token has"
            ) as caught:
                online.submit(task, *arguments, token=token).result()
            assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_a_login_page_in_place_of_the_hub(model_folder, tmp_path):
    class Portal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = b"<html>Log in to the network</html>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        do_POST = do_GET

        def log_message(self, *arguments) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with client(f"http://127.0.0.1:{server.server_port}", tmp_path, HF_TOKEN="hf_any") as captive:
        with pytest.raises(OSError, match="is there a login page or proxy between"):
            captive.submit(pull, f"{OWNER}/any").result()
        with pytest.raises(OSError, match=f"pushing to {OWNER}/any failed") as caught:
            captive.submit(push, model_folder, f"{OWNER}/any").result()
        assert len(str(caught.value).splitlines()) == 1
    server.shutdown()
