"""What the ``info`` command says of a model: its parts, how it decides, what was measured."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from ..configuration import BiLSTMConfig
    from ..modeling import BiLSTMForSequenceClassification
    from ..rules import Rules

# Figures of a test, in the order in which they are told; macro F1 is in every report.
FIGURES = {
    "accuracy": "accuracy",
    "f1_macro": "macro F1",
    "f1_micro": "micro F1",
    "average_precision_macro": "average precision",
    "subset_accuracy": "subset accuracy",
    "mean_absolute_error": "mean absolute error",
    "quadratic_kappa": "quadratic kappa",
}


def facts_of(
    model: "BiLSTMForSequenceClassification", tokenizer: "PreTrainedTokenizerFast"
) -> dict[str, str]:
    """A line each on the labels, the parts of the model, what it reads and how it decides, by a short name."""
    from ..windows import max_length_of

    config = model.config
    embedder: Any = config.embedder_config
    kind = "learned" if embedder is None else embedder.model_type
    if model.embedder_is_frozen:
        kind = f"frozen {kind}"
    ngrams = f"1 to {config.longest_ngram} tokens, in {config.ngram_buckets:,} buckets"
    directions = "bidirectional" if config.bidirectional else "one-way"
    names = ", ".join(config.label_names)
    return {
        "labels": f"{names} (in this order)" if config.ordered_labels else names,
        "problem type": config.problem_type,
        "embedder": f"{kind}, {config.embedding_size} wide",
        **({"n-grams": ngrams} if config.longest_ngram else {}),
        "LSTM": f"{config.lstm_num_layers} x {config.lstm_hidden_size}, {directions}",
        "pooling": config.pooling,
        "vocabulary": f"{len(tokenizer):,} tokens",
        "reads": f"{max_length_of(tokenizer, config.max_tokens)} tokens of a text",
        "weights": f"{sum(parameter.numel() for parameter in model.parameters()):,}",
        **_columns(config),
        **_decision(config, model.rules),
    }


def summary(report: Mapping[str, Any]) -> str:
    """The figures of a test in a line, from its report in ``metrics.json``."""
    figures = [
        f"{title} {report[name]:.3f}" for name, title in FIGURES.items() if report.get(name) is not None
    ]
    support = sum(scores["support"] for scores in report["per_class"].values())
    # a text of overlapping labels counts once for each that is true of it
    return f"{', '.join(figures)} on {support:,} {'true labels' if 'f1_micro' in report else 'texts'}"


def _columns(config: "BiLSTMConfig") -> dict[str, str]:
    facts = {}
    if config.text_columns:
        facts["text columns"] = ", ".join(config.text_columns)
    if config.number_columns:
        facts["numbers"] = ", ".join(config.number_columns)
    if config.category_columns:
        facts["categories"] = ", ".join(
            f"{name} ({len(values)} known)" for name, values in config.category_columns.items()
        )
    return facts


def _decision(config: "BiLSTMConfig", rules: "Rules | None") -> dict[str, str]:
    facts = {}
    if rules is not None:
        facts["rules"] = str(rules)
    if config.cascade is not None:
        stages = [
            f"{number} {stage['label']} from {stage['threshold']:g}"
            for number, stage in enumerate(config.cascade, 1)
        ]
        rest = "unknown" if config.unclaimed == "unknown" else "the likeliest label"
        facts["cascade"] = "; ".join([*stages, f"else {rest}"])
    if config.problem_type == "multi_label_classification":
        thresholds = config.thresholds or [0.5] * len(config.label_names)
        facts["thresholds"] = ", ".join(
            f"{name} {bound:g}" for name, bound in zip(config.label_names, thresholds, strict=True)
        )
    if config.unsure_below:
        facts["unsure"] = f"below a probability of {config.unsure_below:.2f}"
    return facts
