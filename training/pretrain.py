"""Pre-training of the packaged model's encoder on plain Russian prose, without any label.

    python training/pretrain.py prepare --source ../shared/data --output data/prose
    python training/pretrain.py train --data data/prose --output runs/encoder --minutes 9
    python training/pretrain.py train --data data/prose --output runs/encoder --minutes 9 \\
        --resume_from runs/encoder --decay 0.6
    python training/pretrain.py plot runs/encoder

The encoder is ELECTRA's (Clark et al. 2020, arXiv:2003.10555: a narrow embedding projected up), trained as BERT is, by
masked language modelling (Devlin et al. 2019, arXiv:1810.04805), with a contrastive term: two passages of one document
are closer, by their mean-pooled states, than passages of different documents (the inverse cloze task, Lee et al. 2019,
arXiv:1906.00300; InfoNCE over in-batch negatives as in SimCSE, Gao et al. 2021, arXiv:2104.08821).
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import math
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pretraining.batches import KINDS, MASK, Batches, with_long_share
from pretraining.checkpoint import load_initial, load_resume, resume_folder, save_encoder, save_resume
from pretraining.log import Log, plot
from pretraining.model import build_model, contrastive_loss, masked_language_loss
from pretraining.settings import Settings
from transformers.utils.logging import disable_progress_bar

logger = logging.getLogger("pretrain")

CHOICES = {
    "init_embeddings": ("random", "cooccurrence"),
    "precision": ("auto", "bf16", "fp32"),
    "compile": ("auto", "yes", "no"),
}
FIGURES = ["mlm_loss", "mlm_accuracy", "contrastive_loss", "contrastive_accuracy", "tokens", "pairs"]


class Trainer:
    """One run: model, optimizer, batches and counts."""

    def __init__(self, settings: Settings) -> None:
        self.started = time.monotonic()
        self.settings = settings
        torch.manual_seed(settings.seed)
        torch.set_float32_matmul_precision("high")  # TF32 for what autocast leaves in fp32
        device = settings.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        kinds = with_long_share(KINDS, settings.long_share)
        arguments = (settings.data, kinds, self.device)
        self.batches = Batches(*arguments, settings.batch_tokens, settings.mask_share, held_out=False)
        self.held_out = Batches(
            *arguments, min(settings.batch_tokens, 32_768), settings.mask_share, held_out=True
        )
        model: Any = build_model(settings, self.batches.vocabulary)
        self.model = model.to(self.device)
        self.optimizer = build_optimizer(self.model, settings, fused=self.device.type == "cuda")
        self.step, self.seen, self.seconds = 0, 0, 0.0
        earlier = None
        if settings.resume_from is not None:
            state = load_resume(settings.resume_from, self.model, self.optimizer)
            self.step, self.seen, self.seconds = state["step"], state["tokens"], state["seconds"]
            earlier = resume_folder(settings.resume_from).parent / "log.csv"
            logger.info("resumed at step %d, %.1f M tokens", self.step, self.seen / 1e6)
        elif settings.init_from is not None:
            load_initial(settings.init_from, self.model)
        elif settings.init_embeddings == "cooccurrence":
            self.start_from_cooccurrence()
        settings.output.mkdir(parents=True, exist_ok=True)
        self.log = Log(settings.output / "log.csv", earlier, self.step)
        self.generator = torch.Generator(self.device)
        self.losses: Callable[..., tuple[Any, Any, Any]] = masked_language_loss

    def start_from_cooccurrence(self) -> None:
        """Set the embedding of every token but the special ones to its co-occurrence vector."""
        from pretraining.cooccurrence import token_vectors

        data, size = self.settings.data, self.settings.embedding_size
        ids, offsets = np.load(data / "tokens.npy"), np.load(data / "documents.npy")
        vectors = torch.from_numpy(
            token_vectors(ids, offsets, self.batches.vocabulary, size, self.settings.seed)
        )
        with torch.no_grad():
            self.model.electra.embeddings.word_embeddings.weight[MASK + 1 :] = vectors[MASK + 1 :].to(
                self.device
            )

    def progress(self) -> float:
        """Share of this command's budget that is spent."""
        if self.settings.minutes is not None:
            return (time.monotonic() - self.started) / (60 * self.settings.minutes)
        return self.seen / (self.settings.tokens or 1)

    def learning_rate(self) -> float:
        """Warm-up, plateau, and a linear fall over the budget's last share ("trapezoid", Hägele et al. 2024)."""
        warm = min(1.0, (self.step + 1) / max(1, self.settings.warmup_steps))
        left = max(0.0, 1 - self.progress())
        fall = min(1.0, left / self.settings.decay) if self.settings.decay > 0 else 1.0
        return self.settings.learning_rate * min(warm, fall)

    def autocast(self) -> torch.autocast:
        """bfloat16 where the settings say so; "auto" means on a GPU."""
        precision = self.settings.precision
        enabled = precision == "bf16" or (precision == "auto" and self.device.type == "cuda")
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def compile(self) -> None:
        """Compile the loss for every width, or log why not and go on uncompiled."""
        wanted = self.settings.compile
        if wanted == "no" or (wanted == "auto" and self.device.type != "cuda"):
            return
        begun = time.monotonic()
        compiled = torch.compile(masked_language_loss, dynamic=False)
        generator = torch.Generator(self.device).manual_seed(0)
        try:
            for kind in {kind.width: kind for kind in self.batches.kinds}.values():
                with self.autocast():
                    loss, _, pooled = compiled(self.model, *self.batches.draw(kind, generator)[:5])
                (loss + 0 * pooled.sum()).backward()
                self.optimizer.zero_grad(set_to_none=True)
        except Exception as error:  # the compiler's errors have no common class, and none may end the run
            self.optimizer.zero_grad(set_to_none=True)
            logger.warning("torch.compile failed (%s: %s): going on uncompiled", type(error).__name__, error)
            return
        self.losses = compiled
        logger.info("compiled in %.0f s", time.monotonic() - begun)

    def train(self) -> None:
        """Train until the budget is spent; save on the way and at the end."""
        settings = self.settings
        self.model.train()
        self.compile()
        sums = torch.zeros(len(FIGURES), device=self.device, dtype=torch.float64)
        steps = 0
        finished = False
        logged = saved = evaluated = time.monotonic()
        while not finished:
            sums += self.one_step()
            steps += 1
            finished = settings.minutes is not None and self.progress() >= 1
            if steps < settings.log_steps and not finished:
                continue
            totals = dict(zip(FIGURES, sums.tolist(), strict=True))  # the only wait for the device
            now = time.monotonic()
            row = self.count(totals, steps, now - logged)
            finished = self.progress() >= 1
            if finished or now - evaluated >= 60 * settings.evaluation_minutes:
                row |= self.evaluate()
                evaluated = time.monotonic()
            self.log.add(**row)
            if finished or now - saved >= 60 * settings.save_minutes:
                self.save()
                saved = time.monotonic()
            sums.zero_()
            steps = 0
            logged = time.monotonic()

    def one_step(self) -> torch.Tensor:
        """One optimizer step; returns `FIGURES` on the device, unread."""
        settings = self.settings
        # Seeded by the step, so that a resumed run draws what an unbroken one would have drawn.
        seed = settings.seed * 1_000_003 + self.step
        torch.manual_seed(seed)
        generator = self.generator.manual_seed(seed)
        kinds = self.batches.kinds
        kind = random.Random(seed).choices(kinds, [kind.share for kind in kinds])[0]
        *batch, documents = self.batches.draw(kind, generator)
        with self.autocast():
            loss, accuracy, pooled = self.losses(self.model, *batch)
        near = near_accuracy = torch.zeros((), device=self.device)
        paired = kind.paired and settings.contrastive_weight > 0
        if paired:
            near, near_accuracy = contrastive_loss(pooled, documents, settings.temperature)
        (loss + settings.contrastive_weight * near).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.gradient_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        tokens = batch[1].sum()
        figures = (loss, accuracy, near, near_accuracy, tokens, torch.full_like(near, paired))
        return torch.stack([figure.detach().double() for figure in figures])

    def count(self, totals: dict[str, float], steps: int, seconds: float) -> dict[str, Any]:
        """Add what the last `steps` steps saw to the counts; return their row of the log.

        Raises FloatingPointError when the loss is no longer a number.
        """
        self.seen += int(totals["tokens"])
        self.seconds += seconds
        row: dict[str, Any] = {
            "step": self.step,
            "tokens": self.seen,
            "seconds": round(self.seconds, 1),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "mlm_loss": totals["mlm_loss"] / steps,
            "mlm_accuracy": totals["mlm_accuracy"] / steps,
            "tokens_per_second": round(totals["tokens"] / seconds),
        }
        if totals["pairs"]:
            row["contrastive_loss"] = totals["contrastive_loss"] / totals["pairs"]
            row["contrastive_accuracy"] = totals["contrastive_accuracy"] / totals["pairs"]
        if not math.isfinite(row["mlm_loss"]):
            raise FloatingPointError(
                f"the loss is {row['mlm_loss']} at step {self.step}: lower --learning_rate and resume from "
                f"{self.settings.output}"
            )
        return row

    def evaluate(self, batches_each: int = 4) -> dict[str, float]:
        """Losses on the same masked batches of held-out documents each time."""
        self.model.eval()
        mlm, accuracy, near = [], [], []
        with torch.no_grad(), self.autocast():
            for kind in self.held_out.kinds:
                generator = torch.Generator(self.device).manual_seed(1)
                for _ in range(batches_each):
                    *batch, documents = self.held_out.draw(kind, generator)
                    loss, correct, pooled = masked_language_loss(self.model, *batch)
                    mlm.append(loss)
                    accuracy.append(correct)
                    if kind.paired:
                        near.append(contrastive_loss(pooled, documents, self.settings.temperature)[1])
        self.model.train()
        found = {
            "held_out_mlm_loss": mlm,
            "held_out_mlm_accuracy": accuracy,
            "held_out_contrastive_accuracy": near,
        }
        return {name: torch.stack(values).mean().item() for name, values in found.items() if values}

    def save(self) -> None:
        """Write `resume/` and `encoder/`."""
        settings = {
            key: str(value) if isinstance(value, Path) else value
            for key, value in dataclasses.asdict(self.settings).items()
        }
        state = {
            "step": self.step,
            "tokens": self.seen,
            "seconds": round(self.seconds, 1),
            "settings": settings,
        }
        save_resume(self.model, self.optimizer, state, self.settings.output)
        save_encoder(self.model, self.settings.data, self.settings.output)


def build_optimizer(model: Any, settings: Settings, fused: bool) -> Any:
    """AdamW without decay of biases and normalisations."""
    named = list(model.named_parameters())
    groups = [
        {"params": [p for _, p in named if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for _, p in named if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), eps=1e-6, fused=fused)


def train(settings: Settings) -> None:
    """Pre-train; writes `log.csv`, `encoder/`, `resume/` and, where matplotlib is installed, `loss.png`.

    Raises ValueError when the settings contradict one another, OSError when the data or a checkpoint is missing,
    FloatingPointError when the loss is no longer a number.
    """
    if (settings.minutes is None) == (settings.tokens is None):
        raise ValueError("pass either --minutes or --tokens")
    if (settings.minutes or settings.tokens or 0) <= 0:
        raise ValueError("--minutes and --tokens must be positive")
    if settings.resume_from is not None and settings.init_from is not None:
        raise ValueError("pass --resume_from or --init_from, not both")
    for name, choices in CHOICES.items():
        if getattr(settings, name) not in choices:
            raise ValueError(f"--{name} is {getattr(settings, name)!r}, expected one of {', '.join(choices)}")
    if not (settings.data / "prose.json").is_file():
        raise FileNotFoundError(f"{settings.data} holds no prose.json: run `pretrain.py prepare` first")
    trainer = Trainer(settings)
    parameters = sum(p.numel() for p in trainer.model.electra.parameters())
    logger.info(
        "encoder of %s parameters on %s; rows %s, masked %s",
        f"{parameters:,}",
        trainer.device,
        trainer.batches.rows,
        trainer.batches.masked,
    )
    trainer.train()
    plot(settings.output)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Pre-train the default model's encoder on unlabelled prose.")
    commands = parser.add_subparsers(dest="command", required=True)
    preparing = commands.add_parser("prepare", help="read the prose, train the tokenizer, pack the token ids")
    preparing.add_argument("--source", type=Path, required=True, help="folder that holds the listed sources")
    preparing.add_argument("--output", type=Path, default=Path("data/prose"))
    preparing.add_argument(
        "--sources_file", type=Path, default=Path(__file__).with_name("prose_sources.yaml")
    )
    preparing.add_argument("--vocab_size", type=int, default=20_000)
    preparing.add_argument("--max_tokens", type=int, default=27_000_000)
    training = commands.add_parser("train", help="train the encoder; see Settings for the options")
    kinds = {"float": float, "int": int, "str": str, "Path": Path}
    for field in dataclasses.fields(Settings):
        required = field.default is dataclasses.MISSING
        training.add_argument(
            f"--{field.name}",
            type=kinds[str(field.type).split(" ")[0]],
            required=required,
            default=None if required else field.default,
        )
    plotting = commands.add_parser("plot", help="draw a run's curves again")
    plotting.add_argument("run", type=Path)
    return parser


def main(arguments: list[str] | None = None) -> int:
    parsed = vars(build_parser().parse_args(arguments))
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    command = parsed.pop("command")
    try:
        if command == "prepare":
            from pretraining.packing import format_table, prepare

            print(format_table(prepare(**parsed)))
        elif command == "train":
            disable_progress_bar()  # transformers draws one for every checkpoint
            train(Settings(**parsed))
        else:
            plot(parsed["run"])
    except (OSError, ValueError, FloatingPointError) as error:
        logger.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
