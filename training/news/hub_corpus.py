"""The prepared corpus on the Hub: Parquet files, one a split, with its data sheet as the card; in one commit."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import datasets
from huggingface_hub import DatasetCard, DatasetCardData

from bilstm_classifier.files import write_text
from bilstm_classifier.hub.card_merging import seal
from bilstm_classifier.hub.transport import README, Pushed, upload
from news.corpus import REPORT_FILE
from news.data_sheet import SHEET_FILE

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
USE = """
```python
from bilstm_classifier import load_dataset_dict

load_dataset_dict("{repo_id}")  # or datasets.load_dataset("{repo_id}")
```

По-русски: корпус русских новостных текстов в одиннадцати рубриках для обучения и проверки классификатора; откуда
тексты, как они размечены и что в корпус не вошло, сказано ниже. Тексты без указанной лицензии принадлежат издателям.
"""


def push_corpus(folder: Path, repo_id: str, *, private: bool = True) -> Pushed:
    """Upload the corpus that `prepare_news` wrote to `folder` as the data set `repo_id`.

    Private unless said otherwise: most of the texts belong to their publishers.

    Raises:
        OSError: the folder cannot be read, or the Hub cannot be reached or refuses; what was there before stays.
        ValueError: `repo_id` is not owner/name.
    """
    splits = {name: split for name, split in datasets.load_from_disk(str(folder)).items() if len(split)}
    with tempfile.TemporaryDirectory() as name:
        staging = Path(name)
        (staging / "data").mkdir()
        for split_name, split in splits.items():
            split.to_parquet(staging / "data" / f"{split_name}-00000-of-00001.parquet")
        for picture in folder.glob("*.png"):
            shutil.copyfile(picture, staging / picture.name)
        shutil.copyfile(folder / REPORT_FILE, staging / REPORT_FILE)
        write_text(staging / README, corpus_card(folder, splits, repo_id))
        return upload(
            staging,
            repo_id,
            repo_type="dataset",
            private=private,
            message="Upload the prepared corpus",
            replaces=["data/*.parquet"],
        )


def corpus_card(folder: Path, splits: dict[str, Any], repo_id: str) -> str:
    """The data sheet with a metadata block, and how to read the data."""
    report = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
    rows = sum(len(split) for split in splits.values())
    licences = {source.get("licence") for source in report.get("sources", {}).values()}
    metadata = DatasetCardData(
        language="ru",
        license="other",
        license_name="mixed",
        license_link="#licences-and-origin",
        task_categories=["text-classification"],
        size_categories=[next((name for most, name in SIZES if rows < most), "n>1M")],
        tags=["news", "russian", "bilstm_classifier"],
        pretty_name="Russian news in eleven categories",
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"data/{name}-*"} for name in splits],
            }
        ],
    )
    title, _, rest = (folder / SHEET_FILE).read_text(encoding="utf-8").partition("\n")
    stated = (
        f"{len(licences)} different statements of licence among the sources: see the end.\n"
        if licences
        else ""
    )
    card = DatasetCard(f"---\n{metadata}\n---\n\n{title}\n{USE.format(repo_id=repo_id)}\n{stated}{rest}")
    return seal(str(card))
