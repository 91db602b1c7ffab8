"""Checkpoints that survive ``kill -9`` at any moment, in the middle of a save too.

The Trainer writes a checkpoint file by file into its final folder. Here it counts only once a manifest, written last
and whole, lists its files with their sizes; anything else is as if it were not there.
"""

import json
import logging
import os
import re
import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from ..files import write_text

logger = logging.getLogger(__name__)

MANIFEST = "complete.json"
_NAME = re.compile(r"checkpoint-(\d+)")


class MarkComplete(TrainerCallback):
    """Writes the manifest once the Trainer has written a checkpoint."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the Trainer after each save."""
        mark_complete(Path(args.output_dir) / f"checkpoint-{state.global_step}")


def mark_complete(checkpoint: Path) -> None:
    """Force the files of ``checkpoint`` to the disk and write their manifest."""
    sizes = {}
    for path in sorted(checkpoint.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            sizes[path.relative_to(checkpoint).as_posix()] = path.stat().st_size
    write_text(checkpoint / MANIFEST, json.dumps(sizes, indent=1))


def is_complete(checkpoint: Path) -> bool:
    """Whether every file of the manifest is there in its full size."""
    try:
        sizes = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(sizes) and all(
        (checkpoint / name).is_file() and (checkpoint / name).stat().st_size == size
        for name, size in sizes.items()
    )


def last_complete(output_dir: Path) -> Path | None:
    """The newest complete checkpoint in ``output_dir``; half-written ones are removed, so that none is built upon."""
    found = []
    for path in output_dir.glob("checkpoint-*/"):
        if match := _NAME.fullmatch(path.name):
            if is_complete(path):
                found.append((int(match.group(1)), path))
            else:
                logger.warning("%s is incomplete, an interrupted save: it is removed", path)
                shutil.rmtree(path)
    return max(found)[1] if found else None
