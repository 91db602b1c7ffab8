"""``prepare_news.py --push_to_hub``: the corpus as a data set on the Hub, with its card."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from news_files import REPO, NewsFiles

from .cards import check_card
from .clients import split_texts
from .server import OWNER, TOKEN

pytestmark = pytest.mark.slow
SCRIPT = REPO / "training" / "prepare_news.py"


@pytest.fixture
def files(tmp_path) -> NewsFiles:
    return NewsFiles(tmp_path)


def _prepare(files: NewsFiles, hub, home: Path, *arguments: str, code: int = 0, token: str = TOKEN) -> str:
    """Run the script; what it said."""
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_TOKEN": token, "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, SCRIPT, *files.arguments(), *arguments],
        env={**os.environ, **settings, "HF_HUB_DISABLE_XET": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_pushed_corpus_reads_as_what_was_prepared(hub, online, stranger, files, tmp_path):
    name = f"{OWNER}/news11"
    said = _prepare(files, hub, tmp_path, "--push_to_hub", name)
    assert f"pushed to {hub.url}/datasets/{name}/commit/" in said
    repository = hub.repositories["datasets", name]
    assert repository.private  # most of the texts of the real sources belong to their publishers
    assert len(repository.commits) == 2
    pushed = hub.files(name, "datasets")
    parquet = {path for path in pushed if path.endswith(".parquet")}
    assert parquet == {f"data/{split}-00000-of-00001.parquet" for split in ("train", "validation", "test")}
    assert {"README.md", "prepare_news.json", "splits.png"} < set(pushed)

    assert {key: set(texts) for key, texts in online.submit(split_texts, name).result().items()} == {
        split: texts for split, texts in files.texts().items() if texts
    }
    with pytest.raises(FileNotFoundError, match="no such data set on the Hub"):
        stranger.submit(split_texts, name).result()

    card = pushed["README.md"].decode()
    assert check_card(card, "datasets")["errors"] == []
    for said_there in (
        "license: other",
        "language: ru",
        "text-classification",
        "n<1K",
        "По-русски",
        "## Splits",
    ):
        assert said_there in card
    assert f"{sum(map(len, files.texts().values()))} Russian news texts" in card


def test_pushed_again_nothing_is_committed_and_an_edited_card_is_kept(hub, files, tmp_path):
    name = f"{OWNER}/again"
    _prepare(files, hub, tmp_path, "--push_to_hub", name, "--public")
    repository = hub.repositories["datasets", name]
    assert not repository.private
    assert "has it all already" in _prepare(files, hub, tmp_path, "--push_to_hub", name, "--public")
    assert len(repository.commits) == 2
    repository.commit(hub.files(name, "datasets") | {"README.md": "---\nlicense: mit\n---\n# Моё\n".encode()})
    said = _prepare(files, hub, tmp_path, "--push_to_hub", name, code=2)
    assert f"{name} is there already and is public" in said.splitlines()[-1]
    said = _prepare(files, hub, tmp_path, "--push_to_hub", name, "--public")
    assert f"the card of {name} was edited by hand: its text is kept" in said
    card = hub.files(name, "datasets")["README.md"].decode()
    assert card.endswith("---\n# Моё\n")
    assert "license: mit" in card
    assert "task_categories" in card


def test_a_failed_push_keeps_the_corpus_on_this_disk(hub, files, tmp_path):
    for arguments, token, sentence in (
        (("--push_to_hub", "news11"), TOKEN, "'news11' is no repository's name: expected owner/name"),
        (("--push_to_hub", f"{OWNER}/refused"), "hf_wrong", f"pushing to {OWNER}/refused failed"),
        (("--public",), TOKEN, "--public is of use with --push_to_hub alone"),
    ):
        said = _prepare(files, hub, tmp_path, *arguments, code=2, token=token)
        assert sentence in said.splitlines()[-1]
    assert files.texts()["train"]
