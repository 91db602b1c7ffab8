"""Fresh Python processes that talk to a Hub, and functions for them to run."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH")


def client(hub_url: str, home: Path, **environment: str) -> ProcessPoolExecutor:
    """One fresh Python whose Hub is ``hub_url`` and whose cache is ``home``; it runs what is submitted to it.

    A process of its own, since huggingface_hub reads its environment when it is imported. It does not see the user's
    token; pass ``HF_TOKEN`` for one.
    """
    settings = {
        "HF_ENDPOINT": hub_url,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        **environment,
    }
    return ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=_set_environment, initargs=(settings,)
    )


def _set_environment(settings: dict[str, str]) -> None:
    for name in TOKEN_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(settings)


def split_texts(source: str, revision: str | None = None) -> dict[str, list[str]]:
    """For a client: the texts of each split of the data set ``source``."""
    from bilstm_classifier import load_dataset_dict

    return {name: split["text"][:] for name, split in load_dataset_dict(source, revision=revision).items()}
