"""Folders that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a fresh folder that takes the place of `folder` when the block ends without an error."""
    new, old = _beside(folder, ".new"), _beside(folder, ".old")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    yield new
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.replace(folder, old)  # `complete_folder` finds it here if the process dies between the two moves
    os.replace(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def complete_folder(folder: Path) -> Path:
    """Return `folder`, or where it went if it was being replaced."""
    old = _beside(folder, ".old")
    return old if old.is_dir() and not folder.is_dir() else folder


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)
