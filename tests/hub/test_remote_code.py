"""What we push loads through transformers on a machine that does not have this package."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from conftest import LABELS, TEXTS, tiny_bert_config
from transformers import BertModel

from .server import OWNER
from .tasks import new_classifier, push, scores

pytestmark = pytest.mark.slow

CLASSIFY = """
import json, sys
name, trusting, *texts = sys.argv[1:]
trust = {"trust_remote_code": trusting == "trust"}
if trusting == "package":
    import bilstm_classifier
else:
    try:
        import bilstm_classifier
    except ModuleNotFoundError:
        pass
    else:
        raise SystemExit("the package is here: this environment proves nothing")
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
model = AutoModelForSequenceClassification.from_pretrained(name, **trust)
tokenizer = AutoTokenizer.from_pretrained(name, **trust)
by_hand = pipeline("text-classification", model=model, tokenizer=tokenizer)(texts, top_k=None)
answers = pipeline("text-classification", model=name, **trust)(texts, top_k=None)
print(json.dumps([type(model).__module__, by_hand, answers]))
"""


def _classify(
    name: str, trusting: str, home: Path, hub_url: str, **settings: str
) -> subprocess.CompletedProcess:
    """Run ``CLASSIFY`` in a Python whose path has everything that is installed but this package.

    Without the module ``site`` (-S) the ``.pth`` file that leads to this checkout is not read; the folder of installed
    packages is given in ``PYTHONPATH``, from which ``.pth`` files are not read either.
    """
    bare = [] if trusting == "package" else ["-S"]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "HF_ENDPOINT": hub_url,
        "HF_HOME": str(home),
        **settings,
    }
    return subprocess.run(
        [sys.executable, *bare, "-c", CLASSIFY, name, trusting, *TEXTS],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def names(hub, online, model_folder, word_tokenizer, tmp_path_factory) -> dict[str, str]:
    """A model with its encoder and one without, both on the Hub."""
    encoder, head = tmp_path_factory.mktemp("encoder"), tmp_path_factory.mktemp("head")
    BertModel(tiny_bert_config()).save_pretrained(encoder)
    hub.add(f"{OWNER}/encoder", encoder)
    classes = {"id2label": LABELS, "label2id": {name: index for index, name in LABELS.items()}}
    online.submit(new_classifier, f"{OWNER}/encoder", model_folder, head, **classes).result()
    for folder, name in ((model_folder, "whole"), (head, "head")):
        online.submit(push, folder, f"{OWNER}/{name}").result()
    return {"whole": f"{OWNER}/whole", "head": f"{OWNER}/head"}


def _by_label(answers: list[list[dict]]) -> np.ndarray:
    order = list(LABELS.values())
    return np.array(
        [[{item["label"]: item["score"] for item in row}[name] for name in order] for row in answers]
    )


@pytest.mark.parametrize("kind", ["whole", "head"])
@pytest.mark.parametrize("trusting", ["trust", "package"])
def test_with_trust_or_with_the_package(hub, online, names, tmp_path, kind, trusting):
    done = _classify(names[kind], trusting, tmp_path, hub.url)
    assert done.returncode == 0, done.stderr
    assert "is not supported" not in done.stderr
    module, by_hand, answers = json.loads(done.stdout.splitlines()[-1])
    assert module.startswith(
        "transformers_modules.owner." if trusting == "trust" else "bilstm_classifier.modeling"
    )
    expected = online.submit(scores, names[kind], TEXTS).result()
    np.testing.assert_allclose(_by_label(by_hand), expected, atol=1e-4)
    np.testing.assert_allclose(_by_label(answers), expected, atol=1e-4)


def test_once_downloaded_it_works_offline(hub, names, tmp_path):
    first = _classify(names["head"], "trust", tmp_path, hub.url)
    asked = len(hub.requests)
    again = _classify(names["head"], "trust", tmp_path, hub.url, HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]
    assert len(hub.requests) == asked


def test_neither_trusted_nor_imported_it_is_refused_by_transformers(hub, names, tmp_path):
    done = _classify(names["whole"], "nothing", tmp_path, hub.url)
    assert done.returncode == 1
    assert "contains custom code which must be executed to correctly load the model" in done.stderr
    assert "trust_remote_code=True" in done.stderr
