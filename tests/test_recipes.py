"""Each recipe on a small slice: trained by the command, and the same answers wherever the model then goes."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import REPOSITORY, TEXTS, tiny_model
from hub.clients import client
from hub.server import OWNER, TOKEN, LoopbackHub
from hub.tasks import pull, push
from recipe_slices import SLICES
from transformers import pipeline

from bilstm_classifier import Predictor, train_word_tokenizer
from bilstm_classifier.app.service import Service
from bilstm_classifier.app.settings import Settings
from bilstm_classifier.recipe import load_recipe, recipe_names

pytestmark = [pytest.mark.slow, pytest.mark.recipes]

# Of the Hub: a tiny encoder stands in for it here.
OVER_BERT = [name for name in recipe_names() if "/" in str(load_recipe(name).model.embedder)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    tiny_model().embedder.save_pretrained(folder)
    train_word_tokenizer(TEXTS, max_vocabulary=60, max_length=32).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LoopbackHub() as server, client(server.url, tmp_path_factory.mktemp("home"), HF_TOKEN=TOKEN) as pool:
        yield pool


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "bilstm_classifier.cli", *arguments]
    found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout


def rows_of(dataset: str) -> list[dict[str, Any]]:
    """Some rows of a slice, with their columns."""
    path = Path(dataset)
    if path.suffix == ".tsv":
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [{"text": line.split("\t")[1]} for line in lines]
    else:
        path = path if path.is_file() else sorted(path.iterdir())[0]
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    return rows[:: max(1, len(rows) // 20)]


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_trains_and_its_model_answers_alike_everywhere(name, tmp_path, encoder, hub):
    data = SLICES[name](tmp_path)
    settings = {**data, "output_dir": str(tmp_path / "run"), "num_train_epochs": "2", "test_size": "0.2"}
    if name in OVER_BERT:
        settings |= {"embedder": str(encoder), "max_length": "32"}
    if name == "social_topics":
        settings |= {"num_train_epochs": "6"}
    out = run(
        "train", "--recipe", name, *(part for key, value in settings.items() for part in (f"--{key}", value))
    )
    figures = json.loads(out)
    assert set(figures) == {"validation", "test"}
    run_folder = tmp_path / "run"
    predictor = Predictor.from_pretrained(run_folder)
    rows = rows_of(data["dataset"])
    expected, scores = predictor.predict(rows), predictor.predict_proba(rows)

    hub.submit(push, run_folder, f"{OWNER}/{name}").result()
    pulled = hub.submit(pull, f"{OWNER}/{name}", local_dir=tmp_path / "pulled").result()
    again = Predictor.from_pretrained(pulled)
    np.testing.assert_array_equal(again.predict_proba(rows), scores)
    assert again.predict(rows) == expected

    texts = [predictor.inputs.text(row, 0) for row in rows]
    of_texts = predictor.predict_proba(texts)  # a pipeline takes texts alone
    piped = pipeline("text-classification", model=str(pulled), top_k=None, device="cpu")(
        texts, truncation=True
    )
    by_label = [{item["label"]: item["score"] for item in found} for found in piped]
    from_pipeline = np.array([[found[label] for label in predictor.labels] for found in by_label])
    np.testing.assert_allclose(from_pipeline, of_texts, atol=1e-5)

    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    printed = run("predict", "--model", str(pulled), "--file", str(file), "--json", "--top-k", "100")
    for line, prediction in zip(printed.splitlines(), expected, strict=True):
        found = json.loads(line)
        assert found["prediction"] == (
            list(prediction.labels) if predictor.decision.overlapping else prediction.labels[0]
        )
        for item in found["top"]:
            assert item["score"] == pytest.approx(prediction.probabilities[item["label"]], abs=1e-5)

    service = Service.load(Settings(model_id=str(pulled)))
    inputs = predictor.inputs
    known = {*inputs.text_columns, *(column.name for column in inputs.schema)}
    items = [{name: value for name, value in row.items() if name in known} for row in rows]
    shown = service.classify(items if len(known) > 1 else texts, ["en"] * len(rows))
    assert [found.labels for found in shown] == [found.labels for found in expected]
    np.testing.assert_allclose([list(found.probabilities.values()) for found in shown], scores, atol=1e-6)
