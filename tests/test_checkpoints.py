import json
import logging
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from bilstm_classifier.files import replacing, write_text
from bilstm_classifier.training.checkpoints import (
    MANIFEST,
    MarkComplete,
    is_complete,
    last_complete,
    mark_complete,
)


def write_checkpoint(folder: Path, step: int, *, complete: bool = True) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    (checkpoint / "nested").mkdir(parents=True)
    (checkpoint / "model.safetensors").write_bytes(b"weights" * 100)
    (checkpoint / "trainer_state.json").write_text("{}", encoding="utf-8")
    (checkpoint / "nested" / "optimizer.pt").write_bytes(b"state" * 50)
    if complete:
        mark_complete(checkpoint)
    return checkpoint


def test_complete_once_the_manifest_is_there(tmp_path):
    checkpoint = write_checkpoint(tmp_path, 5, complete=False)
    assert not is_complete(checkpoint)
    mark_complete(checkpoint)
    assert is_complete(checkpoint)
    assert json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8")) == {
        "model.safetensors": 700,
        "nested/optimizer.pt": 250,
        "trainer_state.json": 2,
    }
    mark_complete(checkpoint)
    assert is_complete(checkpoint), "marking again changes nothing"


@pytest.mark.parametrize("name", ["model.safetensors", "nested/optimizer.pt", "trainer_state.json"])
def test_incomplete_when_a_file_is_missing_or_of_another_size(tmp_path, name):
    checkpoint = write_checkpoint(tmp_path, 5)
    content = (checkpoint / name).read_bytes()
    (checkpoint / name).write_bytes(content[:-1])
    assert not is_complete(checkpoint), "truncated"
    (checkpoint / name).write_bytes(content + b"x")
    assert not is_complete(checkpoint), "longer"
    (checkpoint / name).unlink()
    assert not is_complete(checkpoint), "missing"
    (checkpoint / name).write_bytes(content)
    assert is_complete(checkpoint)


@pytest.mark.parametrize("manifest", ["", "{", '{"model.safetensors": 700', "{}", "null", "\udcff"])
def test_incomplete_when_the_manifest_is_damaged_or_empty(tmp_path, manifest):
    checkpoint = write_checkpoint(tmp_path, 5, complete=False)
    (checkpoint / MANIFEST).write_bytes(manifest.encode("utf-8", "surrogateescape"))
    assert not is_complete(checkpoint)


def test_files_added_later_do_not_matter(tmp_path):
    checkpoint = write_checkpoint(tmp_path, 5)
    (checkpoint / "note.txt").write_text("заметка", encoding="utf-8")
    assert is_complete(checkpoint)


def test_no_checkpoint(tmp_path):
    assert last_complete(tmp_path) is None
    assert last_complete(tmp_path / "none") is None


def test_newest_complete_one_wins_by_number(tmp_path):
    for step in (9, 100, 20):
        write_checkpoint(tmp_path, step)
    os.utime(tmp_path / "checkpoint-9")
    assert last_complete(tmp_path) == tmp_path / "checkpoint-100"


def test_incomplete_ones_are_removed_and_named(tmp_path, caplog):
    whole, older = write_checkpoint(tmp_path, 20), write_checkpoint(tmp_path, 10)
    half = write_checkpoint(tmp_path, 30, complete=False)
    (older / "model.safetensors").unlink()
    with caplog.at_level(logging.WARNING):
        assert last_complete(tmp_path) == whole
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-20"}
    assert {record.args[0] for record in caplog.records} == {half, older}


def test_other_things_in_the_folder_are_left_alone(tmp_path):
    for name in ("checkpoint-best", "checkpoint-5.old", "my-checkpoint-5", "embeddings"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoint-7").write_text("a file", encoding="utf-8")
    before = {path.name for path in tmp_path.iterdir()}
    assert last_complete(tmp_path) is None
    assert {path.name for path in tmp_path.iterdir()} == before


def test_manifest_is_written_last_and_whole(tmp_path, monkeypatch):
    """A crash at any point of marking leaves an incomplete checkpoint, never a manifest that lies."""
    checkpoint = write_checkpoint(tmp_path, 5, complete=False)
    sync, seen = os.fsync, []

    def crash_at(number: int):
        def fsync(handle: int) -> None:
            assert not (checkpoint / MANIFEST).exists()
            seen.append(handle)
            if len(seen) == number:
                raise OSError("disk full")
            sync(handle)

        return fsync

    for number in range(1, 5):  # three files, then the manifest
        seen.clear()
        monkeypatch.setattr(os, "fsync", crash_at(number))
        with pytest.raises(OSError, match="disk full"):
            mark_complete(checkpoint)
        assert not is_complete(checkpoint)
    monkeypatch.setattr(os, "fsync", sync)
    mark_complete(checkpoint)
    assert is_complete(checkpoint)
    assert len(list(checkpoint.rglob("*"))) == 5, "three files in two folders and the manifest"


def test_the_trainer_marks_each_save(tmp_path):
    checkpoint = write_checkpoint(tmp_path, 40, complete=False)
    MarkComplete().on_save(SimpleNamespace(output_dir=str(tmp_path)), SimpleNamespace(global_step=40), None)
    assert is_complete(checkpoint)


# --- files written whole or not at all ---


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "metrics.json"
    write_text(path, "старое")
    write_text(path, "новое\r\n")
    assert path.read_bytes() == "новое\r\n".encode()
    assert [item.name for item in tmp_path.iterdir()] == ["metrics.json"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_failure_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "metrics.json"
    write_text(path, "старое")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("половина", encoding="utf-8")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail()
    assert path.read_text(encoding="utf-8") == "старое"
    assert [item.name for item in tmp_path.iterdir()] == ["metrics.json"]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "none" / "metrics.json", "{}")
