"""Fitting how probabilities become labels, once the weights are trained: thresholds, cascade, keyword rules."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..cascade import fit_cascade
from ..decision import Decision, probabilities
from ..modeling import BiLSTMForSequenceClassification
from ..plots.topics import plot_thresholds
from ..recipe import ModelSettings
from ..rules import Rules, mine_rules, prune_rules
from ..thresholds import tune_thresholds
from .preparation import Prepared

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)


def fit_decision(
    classifier: BiLSTMForSequenceClassification,
    model: ModelSettings,
    logits: np.ndarray,
    labels: np.ndarray,
    places: np.ndarray,
    prepared: Prepared,
    output_dir: Path,
) -> None:
    """Put into the config of ``classifier`` what decides, and give it rules where they are asked for.

    Args:
        classifier: The trained model.
        model: The recipe's settings.
        logits: Calibrated, of the validation split (texts, labels).
        labels: Its class ids (texts,), or 0/1 (texts, labels) where labels overlap.
        places: Where its rows stand in the split (texts,).
        prepared: What was trained on; rules are mined from its training rows as they were read.
        output_dir: Folder of the run, for the picture of the thresholds.
    """
    config = classifier.config
    scores = probabilities(logits, config.problem_type)
    if config.problem_type == "multi_label_classification":
        config.thresholds = tune_thresholds(scores, labels)
        plot_thresholds(scores, labels, config.thresholds, config.label_names, output_dir / "thresholds.png")
        logger.info(
            "thresholds: %s",
            ", ".join(
                f"{name} {bound:g}" for name, bound in zip(config.label_names, config.thresholds, strict=True)
            ),
        )
        return
    if model.decision == "cascade":
        stages = fit_cascade(scores, labels, config.label_names, model.unclaimed, model.claim_precision)
        config.cascade = [dict(stage) for stage in stages]
        described = ", ".join(f"{stage['label']} from {stage['threshold']:g}" for stage in stages)
        logger.info("cascade: %s; then %s", described or "no stage helps", model.unclaimed)
    if model.rules_precision:
        mined = _mined(prepared.splits["train"], config.label_names, model.rules_precision)
        texts = prepared.splits["validation"].select(places)["text"]
        choices = Decision.of(config).choose(scores, texts)
        without = [choice.labels[0] if choice.labels else -1 for choice in choices]
        classifier.rules = prune_rules(mined, texts, labels, without, config.label_names)
        logger.info("rules: %s were mined; %s help or do no harm to the model", mined, classifier.rules)


def _mined(train: "Dataset", names: list[str], precision: float) -> Rules:
    groups = None
    if "group" in train.column_names:  # a row of no group stands alone
        groups = [(group, row if group < 0 else None) for row, group in enumerate(train["group"])]
    return mine_rules(list(train["text"]), list(train["labels"]), names, precision, groups=groups)
