"""Models of the originals' shape, and checkpoints of them as ``torch.save`` wrote them."""

import sys
import zipfile
from pathlib import Path

import torch
from conftest import tiny_bert_config
from torch import nn
from transformers import BertModel

CHARACTERS = {"<PAD>": 0, "<UNK>": 1, "а": 2, "б": 3, " ": 4, "A": 5, "\n": 6}


class NewsOriginal(nn.Module):
    def __init__(self, outputs: int = 11, lstm_hidden_size: int = 8, **bert):
        super().__init__()
        torch.manual_seed(0)
        config = tiny_bert_config(**bert)
        self.bert = BertModel(config)
        self.lstm = nn.LSTM(
            config.hidden_size,
            lstm_hidden_size,
            num_layers=2,
            bidirectional=True,
            dropout=0.5,
            batch_first=True,
        )
        self.fc = nn.Linear(2 * lstm_hidden_size, outputs)
        self.dropout = nn.Dropout(0.5)

    def forward(self, input_ids, attention_mask):
        with torch.no_grad():
            embeddings = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state
        return self.fc(self.dropout(self.lstm(embeddings)[0].mean(dim=1)))


class CharacterOriginal(nn.Module):
    def __init__(self, num_layers: int = 2, outputs: int = 4):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(len(CHARACTERS), 6, padding_idx=0)
        self.lstm = nn.LSTM(6, 5, num_layers=num_layers, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(0.3)
        self.fc = nn.Linear(10, outputs)

    def forward(self, input_ids, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(input_ids), lengths, batch_first=True, enforce_sorted=False
        )
        _, (hidden, _) = self.lstm(packed)
        return self.fc(self.dropout(torch.cat([hidden[-2], hidden[-1]], dim=1)))


def save_whole(model: nn.Module, path: Path, **settings) -> Path:
    """As a notebook saves it: its class is ``__main__.NewsOriginal``, and is gone when the file is read."""
    main, own = sys.modules["__main__"], type(model)
    module = own.__module__
    own.__module__ = "__main__"
    setattr(main, own.__name__, own)
    try:
        torch.save(model, path, **settings)
    finally:
        own.__module__ = module
        delattr(main, own.__name__)
    return path


def character_checkpoint(model: CharacterOriginal) -> dict:
    labels = ["русский", "English", "français", "Deutsch"]
    return {
        "model_state_dict": model.state_dict(),
        "label2idx": {label: index for index, label in reversed(list(enumerate(labels)))},
        "vocab_size": len(CHARACTERS),
        "num_classes": len(labels),
        "embedding_dim": 6,
        "hidden_dim": 5,
        "num_layers": model.lstm.num_layers,
        "vocab_token2idx": CHARACTERS,
        "vocab_idx2token": {index: token for token, index in CHARACTERS.items()},
    }


def repacked(path: Path, compression: int = zipfile.ZIP_STORED, **records: bytes | None) -> Path:
    """``path`` with the ``records`` (``data.pkl`` is ``data_pkl``) put in place of its own, or left out if ``None``."""
    with zipfile.ZipFile(path) as file:
        kept = {record.filename: file.read(record) for record in file.infolist()}
    prefix = min(kept).partition("/")[0]
    for name, content in records.items():
        kept[f"{prefix}/{name.replace('_', '.')}"] = content
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in kept.items():
            if content is not None:
                file.writestr(name, content)
    return path
