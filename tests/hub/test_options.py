"""``revision``, ``token``, ``cache_dir`` and ``local_files_only`` reach everything that loads from the Hub."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import LABELS, TEXT_LABELS, TEXTS, tiny_bert_config
from transformers import BertModel

from .server import OWNER, TOKEN
from .tasks import accuracy, answers, new_classifier, pull, push, scores, splits


class Private(NamedTuple):
    """Private repositories, each with a second branch that holds the same."""

    encoder: str
    model: str
    data: str


@pytest.fixture(scope="module")
def private(hub, online, word_tokenizer, tmp_path_factory) -> Private:
    names = Private(f"{OWNER}/private-encoder", f"{OWNER}/private-model", f"{OWNER}/private-data")
    encoder, head = tmp_path_factory.mktemp("encoder"), tmp_path_factory.mktemp("head")
    BertModel(tiny_bert_config()).save_pretrained(encoder)
    word_tokenizer.save_pretrained(encoder)
    hub.add(names.encoder, encoder, private=True)
    classes = {"id2label": LABELS, "label2id": {name: index for index, name in LABELS.items()}}
    online.submit(new_classifier, names.encoder, encoder, head, **classes).result()
    online.submit(push, head, names.model, private=True).result()
    rows = [
        f'"{text}, {number}",{label}'
        for number in range(10)
        for text, label in zip(TEXTS, TEXT_LABELS, strict=True)
    ]
    table = "\n".join(["news,labels", *rows]).encode()
    hub.add(
        names.data, {"README.md": b"# Written for this test", "train.csv": table}, "datasets", private=True
    )
    for kind, name in (("models", names.encoder), ("models", names.model), ("datasets", names.data)):
        repository = hub.repositories[kind, name]
        repository.commit(hub.files(name, kind), branch="v1")
    return names


def _tasks(private: Private, tmp_path: Path) -> dict[Any, tuple[Any, ...]]:
    """Everything that loads, with its arguments."""
    return {
        pull: (private.model,),
        scores: (private.model, TEXTS),
        splits: (private.data,),
        accuracy: (private.model, private.data),
        new_classifier: (private.encoder, tmp_path / "tokenizer", tmp_path / "new"),
    }


@pytest.fixture
def places(tmp_path, word_tokenizer) -> Path:
    word_tokenizer.save_pretrained(tmp_path / "tokenizer")
    return tmp_path


def test_the_token_opens_what_is_private(hub, stranger, private, places):
    tasks = _tasks(private, places)
    for task, arguments in tasks.items():
        with pytest.raises(OSError, match=r"private|not a valid model|gated"):
            stranger.submit(task, *arguments).result()
    for task, arguments in tasks.items():
        assert stranger.submit(task, *arguments, token=TOKEN).result() is not None, task
    # from here on it is on this disk
    assert set(stranger.submit(answers, private.model, TEXTS).result()) <= set(LABELS.values())


def test_a_branch_is_asked_for_by_name(hub, stranger, private, places):
    for task, arguments in _tasks(private, places).items():
        before = len(hub.requests)
        assert stranger.submit(task, *arguments, token=TOKEN, revision="v1").result() is not None, task
        assert any("v1" in path for _, path in hub.requests[before:]), task


def test_downloads_go_where_they_are_told_and_are_found_there_without_a_connection(
    hub, stranger, private, places
):
    for task, arguments in _tasks(private, places).items():
        if task is accuracy:
            continue  # what it loads is loaded by the others
        cache = places / f"cache-{task.__name__}"
        assert stranger.submit(task, *arguments, token=TOKEN, cache_dir=cache).result() is not None, task
        assert any(cache.rglob("*")), task
        before = len(hub.requests)
        settings = {"cache_dir": cache, "local_files_only": True}
        if task is new_classifier:
            settings["token"] = TOKEN
        assert stranger.submit(task, *arguments, **settings).result() is not None, task
        assert len(hub.requests) == before, task


def test_what_is_nowhere_on_this_disk_is_told_without_a_connection(hub, stranger, private, places):
    for task, arguments in _tasks(private, places).items():
        before = len(hub.requests)
        settings = {"cache_dir": places / "empty", "local_files_only": True}
        with pytest.raises(
            OSError, match=r"not downloaded before|cannot be reached|Cannot find|[Cc]an't load"
        ) as caught:
            stranger.submit(task, *arguments, **settings).result()
        assert str(caught.value)
        assert len(hub.requests) == before, task
