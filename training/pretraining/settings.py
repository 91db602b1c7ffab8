"""What a pre-training run is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What `train` is told; the command line's options carry these names."""

    data: Path
    output: Path
    minutes: float | None = None  # wall-clock budget of this command, start and compilation included
    tokens: int | None = None  # or: real tokens to have seen in all, those before a resume counted in
    resume_from: Path | None = None  # a run's folder, or its resume/: weights, moments and counts
    init_from: Path | None = None  # a run's folder, its resume/ or an encoder/: weights alone
    decay: float = 0.0  # last share of this command's budget over which the learning rate falls to 0
    learning_rate: float = 1e-3
    warmup_steps: int = 500
    batch_tokens: int = 131_072  # positions a step, padding counted in
    mask_share: float = 0.2
    contrastive_weight: float = 0.3
    temperature: float = 0.05
    long_share: float = 0.17  # of the steps read windows of 512
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    dropout: float = 0.1
    embedding_size: int = 192
    hidden_size: int = 192
    heads: int = 3
    layers: int = 3
    intermediate_size: int = 768
    log_steps: int = 100
    evaluation_minutes: float = 1.0
    save_minutes: float = 2.0
    init_embeddings: str = "random"  # or cooccurrence: see cooccurrence.py; for a start from nothing only
    precision: str = "auto"  # bf16 or fp32; auto: bf16 on CUDA. CPUs with AMX gain from bf16 too
    compile: str = "auto"  # yes or no; auto: on CUDA
    device: str = "auto"
    seed: int = 0
