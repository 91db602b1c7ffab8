"""What tests have a fresh Python do with this package; nothing here imports conftest, which would take it offline."""

import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any


def push(folder: Path, name: str, **settings: Any) -> tuple[str, bool]:
    """Push a saved model; the commit's address, and whether anything changed."""
    from bilstm_classifier import push_model

    return tuple(push_model(folder, name, **settings))


def push_predictor(source: str | Path, name: str, change: bool = False, **settings: Any) -> str:
    """Push a loaded predictor, maybe after a change of its weights; the commit's address."""
    from bilstm_classifier import Predictor

    predictor = Predictor.from_pretrained(source)
    if change:
        predictor.model.classifier.bias.data += 1
    return predictor.push_to_hub(name, **settings).url


def push_bare_model(source: str | Path, name: str, token: str) -> None:
    """Push a model with transformers' own method."""
    from bilstm_classifier.model_folder import load_model

    model, tokenizer = load_model(source)
    model.push_to_hub(name, token=token)
    tokenizer.push_to_hub(name, token=token)


def at(folder: Path, task: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
    """What ``task`` gives where Python stands in ``folder``."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        return task(*arguments, **settings)
    finally:
        os.chdir(before)


def pull(name: str, **settings: Any) -> Path:
    """Pull a model; its folder."""
    from bilstm_classifier import pull_model

    return pull_model(name, **settings)


def pull_on_a_full_disk(name: str, most_bytes: int, **settings: Any) -> Path:
    """Pull where no file can grow beyond ``most_bytes``: the write itself fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        return pull(name, **settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def new_classifier(encoder: str, tokenizer: str | Path, folder: Path, **settings: Any) -> dict[str, Any]:
    """Save an untrained classifier over a pretrained encoder; what its config says."""
    import torch
    from transformers import AutoTokenizer

    from bilstm_classifier import BiLSTMForSequenceClassification
    from bilstm_classifier.model_folder import save_model

    torch.manual_seed(0)
    saving = {name: settings.pop(name) for name in ("dtype", "include_embedder") if name in settings}
    if "dtype" in saving:
        saving["dtype"] = getattr(torch, saving["dtype"])
    model = BiLSTMForSequenceClassification.from_pretrained_embedder(
        encoder, **{"lstm_hidden_size": 8, **settings}
    )
    save_model(model, AutoTokenizer.from_pretrained(tokenizer), folder, max_length=32, **saving)
    return model.config.to_dict()


def scores(source: str | Path, texts: list[str], **settings: Any) -> list[list[float]]:
    """What a model says of ``texts``."""
    from bilstm_classifier import Predictor

    return Predictor.from_pretrained(source, **settings).predict_proba(texts).tolist()


def embedder_weights(source: str | Path, **settings: Any) -> dict[str, Any]:
    """The weights of a model's embedder, as lists."""
    from bilstm_classifier import BiLSTMForSequenceClassification

    model = BiLSTMForSequenceClassification.from_pretrained(source, **settings)
    return {name: weight.tolist() for name, weight in model.embedder.state_dict().items()}


_refused: list[str] = []


def refuse_connections() -> None:
    """From now on no socket of this process connects to anywhere."""

    def refuse(self: socket.socket, address: Any) -> None:
        _refused.append(str(address))
        raise OSError(101, "Network is unreachable")

    socket.socket.connect = socket.socket.connect_ex = refuse  # type: ignore[method-assign, assignment]


def refused_connections() -> list[str]:
    """Where sockets would have connected to."""
    return _refused


def splits(source: str, **settings: Any) -> dict[str, int]:
    """How many rows each split of a data set has."""
    from bilstm_classifier import load_dataset_dict

    return {name: len(split) for name, split in load_dataset_dict(source, **settings).items()}


def accuracy(model: str, source: str, **settings: Any) -> float:
    """Of a model on the test split of a data set, both reached with the same settings."""
    from bilstm_classifier import evaluate_model, load_dataset_dict

    return evaluate_model(model, load_dataset_dict(source, **settings)["test"], **settings)["accuracy"]


def answers(source: str, texts: list[str]) -> list[str]:
    """What ``get_predictions`` says."""
    from bilstm_classifier import get_predictions

    return get_predictions(texts, source)
