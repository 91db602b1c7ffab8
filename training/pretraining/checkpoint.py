"""Checkpoints of pre-training: the encoder to use, and what a run is resumed from on any machine."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import ElectraModel

from pretraining.folders import complete_folder, new_folder

TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"]
PIECE_BYTES = 14_000_000
MOMENTS = ("exp_avg", "exp_avg_sq")


def save_encoder(model: Any, data: Path, output: Path) -> None:
    """Write `output`/encoder: the `ElectraModel` in half precision, and the tokenizer's files."""
    encoder = copy.deepcopy(model.electra).to("cpu", torch.float16)
    # what fine-tuning reads from it, whatever pre-training did without
    encoder.config.hidden_dropout_prob = encoder.config.attention_probs_dropout_prob = 0.1
    with new_folder(output / "encoder") as new:
        encoder.save_pretrained(new)
        for file in TOKENIZER_FILES:
            shutil.copyfile(data / "tokenizer" / file, new / file)


def save_resume(model: Any, optimizer: Any, state: dict[str, Any], output: Path) -> None:
    """Write `output`/resume in pieces under 15 MB: fp32 weights, AdamW's moments in bfloat16, and `state.json`.

    The weights' pieces alone are enough for `--init_from`.
    """
    weights, moments = {}, {}
    for name, parameter in model.named_parameters():
        weights[name] = parameter.detach().cpu().contiguous()
        for key in MOMENTS:
            if parameter in optimizer.state:
                moments[f"{key}:{name}"] = optimizer.state[parameter][key].to("cpu", torch.bfloat16)
    files = {
        f"{stem}-{number}.safetensors": piece
        for stem, tensors in (("weights", weights), ("moments", moments))
        for number, piece in enumerate(_pieces(tensors), 1)
    }
    with new_folder(output / "resume") as new:
        for file, piece in files.items():
            save_file(piece, new / file)
        text = json.dumps({**state, "files": sorted(files)}, indent=2) + "\n"
        (new / "state.json").write_text(text, encoding="utf-8")


def _pieces(tensors: dict[str, Any]) -> list[dict[str, Any]]:
    """The tensors in order, in pieces of at most `PIECE_BYTES`, or of one tensor."""
    pieces: list[dict[str, Any]] = []
    size = 0
    for name, tensor in tensors.items():
        size += tensor.numel() * tensor.element_size()
        if not pieces or size > PIECE_BYTES:
            pieces.append({})
            size = tensor.numel() * tensor.element_size()
        pieces[-1][name] = tensor
    return pieces


def resume_folder(folder: Path) -> Path:
    """The resume folder of a run, given the run's folder or itself; FileNotFoundError when there is none."""
    found = complete_folder(folder if (folder / "state.json").is_file() else folder / "resume")
    if not (found / "state.json").is_file():
        raise FileNotFoundError(f"{folder} holds no resume/state.json: name a folder that `train` wrote")
    return found


def _load_pieces(folder: Path, state: dict[str, Any], stem: str) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    for file in state["files"]:
        if file.startswith(stem):
            tensors |= load_file(folder / file)
    return tensors


def load_weights(folder: Path, model: Any) -> dict[str, Any]:
    """Load a resume folder's weights into the model; return its state.

    Raises FileNotFoundError when a piece is missing, ValueError when a weight is missing or of another shape.
    """
    folder = resume_folder(folder)
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    weights = _load_pieces(folder, state, "weights")
    for name, parameter in model.named_parameters():
        found = tuple(weights[name].shape) if name in weights else "missing"
        if found != tuple(parameter.shape):
            raise ValueError(
                f"{folder}: {name} is {found}, expected {tuple(parameter.shape)}: pass the sizes it was trained with"
            )
        with torch.no_grad():
            parameter.copy_(weights[name])
    return state


def load_resume(folder: Path, model: Any, optimizer: Any) -> dict[str, Any]:
    """Load weights and moments; return the state. Raises as `load_weights` does."""
    state = load_weights(folder, model)
    moments = _load_pieces(resume_folder(folder), state, "moments")
    step_device = "cpu" if not optimizer.defaults["fused"] else None
    for name, parameter in model.named_parameters():
        stored = {key: moments[f"{key}:{name}"] for key in MOMENTS if f"{key}:{name}" in moments}
        if len(stored) == len(MOMENTS):
            optimizer.state[parameter] = {
                "step": torch.tensor(float(state["step"]), device=step_device or parameter.device),
                **{key: tensor.to(parameter.device, torch.float32) for key, tensor in stored.items()},
            }
    return state


def load_initial(folder: Path, model: Any) -> None:
    """Load weights alone: a run's with the language-model head, or an encoder's without."""
    if (folder / "model.safetensors").is_file():
        encoder = ElectraModel.from_pretrained(folder).float()
        model.electra.load_state_dict(encoder.state_dict())
    else:
        load_weights(folder, model)
