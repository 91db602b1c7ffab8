"""Checkpoints of the models that this package's recipes go back to, made into models of this package.

Two models are known, by the names of their weights: the news model (``bert``, ``lstm``, ``fc``; the mean over all
positions), saved whole or as ``model_state_dict``, and the language-identification model (``embedding``, ``lstm``,
``fc``; the last state of each direction), saved with its vocabulary. Their logits for a text without padding, in
eval mode, are the converted model's.
"""

import logging
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import torch

from ..hub.transport import HubOptions, first_line
from ..tokenization import PAD, UNK, character_tokenizer
from .original import Original, read_original
from .pickles import Inert

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerFast

    from ..configuration import BiLSTMConfig
    from ..modeling import BiLSTMForSequenceClassification

logger = logging.getLogger(__name__)

# A checkpoint of the news model holds neither: its labels are numbers, and its tokenizer is BERT's.
NEWS_LABELS = [
    "climate", "conflicts", "culture", "economy", "gloss", "health", "politics", "science", "society", "sports",
    "travel",
]  # fmt: skip
NEWS_TOKENIZER = "google-bert/bert-base-multilingual-cased"
NEWS_DROPOUT = 0.5
# Nor does one of the language-identification model hold these.
CHARACTER_MAX_LENGTH = 750
CHARACTER_DROPOUT = 0.3
HEAD_SIZE = 64

# What the shapes of the weights do not tell. The rest of a pickled config may name code to fetch.
_TOLD_BY_CONFIG = (
    "num_attention_heads",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "initializer_range",
    "layer_norm_eps",
    "pad_token_id",
    "is_decoder",
)


def convert_checkpoint(
    checkpoint: str | Path,
    output: str | Path,
    *,
    tokenizer: str | None = None,
    labels: Sequence[str] | None = None,
    embedder: str | None = None,
    max_length: int | None = None,
    **hub: Unpack[HubOptions],
) -> Path:
    """Save the model of an old ``checkpoint`` as a folder that ``load_model`` reads; nothing of it is executed.

    Args:
        checkpoint: File that ``torch.save`` wrote: a news model, its training checkpoint, or the
            language-identification checkpoint.
        output: A new or empty folder.
        tokenizer: Hub id or folder of the tokenizer of a news model's BERT; ``NEWS_TOKENIZER`` if left out.
        labels: Names in the order of the head's outputs. If left out: the checkpoint's own, or ``NEWS_LABELS`` for
            a news model with eleven outputs.
        embedder: Hub id or folder whose config says what a news model's weights do not (attention heads,
            activation); if left out, that in the checkpoint, or BERT's own settings.
        max_length: Tokens that are read of a text; as many as BERT has positions, or ``CHARACTER_MAX_LENGTH``, if
            left out.
        hub: How to reach the Hub for ``tokenizer`` and ``embedder``.

    Returns:
        ``output``.

    Raises:
        OSError: a file cannot be read or written, or the tokenizer or ``embedder`` cannot be found.
        ValueError: the checkpoint is damaged, wants to run something or is of another model, or an argument does not
            go with it. Nothing is written then.
    """
    from ..model_folder import save_model

    output = Path(output).expanduser()
    _check_output(output)
    original = read_original(Path(checkpoint).expanduser())
    if any(key.startswith("bert.") for key in original.weights):
        config = _news_config(original, labels, embedder, hub)
        model = _load(config, original, "bert")
        fast = _load_tokenizer(tokenizer or NEWS_TOKENIZER, config, hub)
        longest = config.max_tokens
        max_length = longest if max_length is None else max_length
    elif "embedding.weight" in original.weights:
        if (given := tokenizer or embedder) is not None:
            raise ValueError(f"{original.name} has its own characters and embedding: leave {given} out")
        config = _character_config(original, labels)
        model = _load(config, original, "embedding")
        fast = character_tokenizer(_vocabulary(original, config.vocab_size or 0))
        longest = None
        max_length = CHARACTER_MAX_LENGTH if max_length is None else max_length
    else:
        raise ValueError(
            f"{original.name} holds {len(original.weights)} weights of another model, {original.first()} among them: "
            "expected bert.*, lstm.* and fc.*, or embedding.*, lstm.* and fc.*"
        )
    if max_length is not None and not 1 <= max_length <= (longest or max_length):
        raise ValueError(f"max_length is {max_length}: expected 1 to {longest or 'any number of'} tokens")
    return save_model(model, fast, output, max_length=max_length)


def _check_output(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise FileExistsError(f"{output} is a file: expected a folder, made if need be")
    if output.is_dir() and any(output.iterdir()):
        raise FileExistsError(f"{output} is not empty: give a new folder")


# --- both models ---


def _config(original: Original, labels: list[str], **settings: Any) -> "BiLSTMConfig":
    from ..configuration import BiLSTMConfig

    hidden_size = original.size("lstm.weight_hh_l0", 1)
    try:
        return BiLSTMConfig(
            lstm_hidden_size=hidden_size,
            lstm_num_layers=original.count(r"lstm\.weight_hh_l(\d+)"),
            bidirectional="lstm.weight_hh_l0_reverse" in original.weights,
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
            **settings,
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"the settings of {original.name} make no model ({first_line(error)})") from error


def _check_labels(original: Original, labels: Sequence[str]) -> list[str]:
    outputs = original.size("fc.weight", 0)
    if len(labels) != outputs or len(set(labels)) != outputs or not all(labels):
        raise ValueError(
            f"{len(labels)} labels, {len(set(labels))} of them different, for {original.name}: "
            f"expected {outputs}, one an output of its head"
        )
    return list(labels)


def _load(config: "BiLSTMConfig", original: Original, embedder: str) -> "BiLSTMForSequenceClassification":
    """The model with the original's weights, in their precision; the original's ``embedder`` has that name."""
    from ..modeling import BiLSTMForSequenceClassification

    name, weights = original.name, original.weights
    try:
        with torch.device("meta"):  # takes no memory: the sizes are not known yet to be those of the weights
            model = BiLSTMForSequenceClassification(config)
    except Exception as error:  # of any type: transformers does not expect odd settings
        cause = f"{type(error).__name__}: {first_line(error)}"
        raise ValueError(f"the settings of {name} make no model ({cause})") from error
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    ours = {_original_name(key, embedder): key for key in shapes}
    if absent := ours.keys() - weights.keys():
        raise ValueError(
            f"{name} lacks {len(absent)} weights of the model, {original.first(absent)} among them"
        )
    if surplus := weights.keys() - ours.keys():
        raise ValueError(
            f"{name} has {len(surplus)} weights that have no place in the model, {original.first(surplus)} among them"
        )
    if misshapen := {key for key in ours if weights[key].shape != shapes[ours[key]]}:
        key = min(misshapen)
        raise ValueError(
            f"{name} has {len(misshapen)} weights of unexpected shapes, {key!r} among them: "
            f"{tuple(weights[key].shape)}, expected {tuple(shapes[ours[key]])}"
        )
    dtype = reduce(torch.promote_types, (value.dtype for value in weights.values()))
    # clones: an LSTM from a GPU has all its weights in one storage, which cannot be saved by their names
    layout = {"memory_format": torch.contiguous_format}
    model.load_state_dict(
        {ours[key]: value.to(dtype).clone(**layout) for key, value in weights.items()}, assign=True
    )
    model.config.dtype = dtype
    return model.eval()


def _original_name(name: str, embedder: str) -> str:
    """The name that the weight ``name`` of our model has in the original."""
    part, _, rest = name.partition(".")
    if part == "lstm":  # one module of torch has all layers and directions
        _, depth, direction, weight = rest.split(".")
        return f"lstm.{weight.removesuffix('0')}{depth}{'_reverse' if direction == '1' else ''}"
    original = {"embedder": embedder, "classifier": "fc"}[part]
    return f"{original}.{rest}"


# --- the news model ---


def _news_config(
    original: Original, labels: Sequence[str] | None, embedder: str | None, hub: HubOptions
) -> "BiLSTMConfig":
    if labels is None:
        outputs = original.size("fc.weight", 0)
        if outputs != len(NEWS_LABELS):
            raise ValueError(
                f"{original.name} has {outputs} labels without names: give them in the order of their ids (--labels)"
            )
        labels = NEWS_LABELS
    return _config(
        original,
        _check_labels(original, labels),
        embedder_config=_bert_config(original) if embedder is None else _published_config(embedder, hub),
        pooling="mean",
        dropout=original.submodule("dropout").state.get("p", NEWS_DROPOUT),
    )


def _bert_config(original: Original) -> "PreTrainedConfig":
    """Sizes from the shapes of the weights; the rest from the pickled config, or as in every BERT."""
    from transformers import BertConfig

    name = original.name
    hidden_size = original.size("bert.embeddings.word_embeddings.weight", 1)
    settings: dict[str, Any] = {
        "vocab_size": original.size("bert.embeddings.word_embeddings.weight", 0),
        "hidden_size": hidden_size,
        "num_hidden_layers": original.count(r"bert\.encoder\.layer\.(\d+)\..*"),
        "intermediate_size": original.size("bert.encoder.layer.0.intermediate.dense.weight", 0),
        "max_position_embeddings": original.size("bert.embeddings.position_embeddings.weight", 0),
        "type_vocab_size": original.size("bert.embeddings.token_type_embeddings.weight", 0),
    }
    pickled = original.submodule("bert").state.get("config")
    if isinstance(pickled, Inert):
        settings |= {key: pickled.state[key] for key in _TOLD_BY_CONFIG if key in pickled.state}
    if "num_attention_heads" not in settings:
        # The heads share one matrix, so that no shape tells their number. In BERT as it was published a head is 64
        # wide (12 heads at 768), but not in every BERT: one of width 312 has 12 heads too.
        if hidden_size % HEAD_SIZE:
            raise ValueError(
                f"{name} does not say how many heads its BERT of width {hidden_size} has: give the embedder it was "
                "(--embedder)"
            )
        settings["num_attention_heads"] = hidden_size // HEAD_SIZE
    if odd := {key for key, value in settings.items() if not isinstance(value, str | int | float | None)}:
        raise ValueError(
            f"the BERT in {name} has a {min(odd)} that is no number or name: give the embedder it was (--embedder)"
        )
    try:
        return BertConfig(**settings)
    except Exception as error:  # of any type: transformers checks the settings by means of its own
        raise ValueError(f"the BERT in {name} has settings that make none ({first_line(error)})") from error


def _published_config(embedder: str, hub: HubOptions) -> "PreTrainedConfig":
    from transformers import AutoConfig

    return _from_pretrained(AutoConfig, embedder, "config", hub)


def _from_pretrained(auto: Any, source: str, what: str, hub: HubOptions) -> Any:
    try:
        return auto.from_pretrained(source, trust_remote_code=False, **hub)
    except Exception as error:  # of any type: libraries do not expect a damaged file
        kind = OSError if isinstance(error, OSError) else ValueError
        raise kind(
            f"the {what} of {source} could not be loaded ({first_line(error)}): give a Hub id, or a folder that has it"
        ) from error


def _load_tokenizer(source: str, config: "BiLSTMConfig", hub: HubOptions) -> "PreTrainedTokenizerFast":
    from transformers import AutoTokenizer

    tokenizer = _from_pretrained(AutoTokenizer, source, "tokenizer", hub)
    rows = config.vocab_size or 0
    if not tokenizer.is_fast or len(tokenizer) > rows:
        what = f"{len(tokenizer):,} tokens" if tokenizer.is_fast else "no fast form"
        raise ValueError(
            f"the tokenizer {source} has {what}, the model's BERT an embedding of {rows:,}: "
            "give the tokenizer that the model was trained with"
        )
    if len(tokenizer) < rows:
        sizes = f"{len(tokenizer):,} tokens, the model's BERT an embedding of {rows:,}"
        logger.warning("the tokenizer %s has %s: it may be another model's", source, sizes)
    return tokenizer


# --- the language-identification model ---


def _character_config(original: Original, labels: Sequence[str] | None) -> "BiLSTMConfig":
    return _config(
        original,
        _check_labels(original, _own_labels(original) if labels is None else labels),
        vocab_size=original.size("embedding.weight", 0),
        embedding_size=original.size("embedding.weight", 1),
        pooling="last",
        dropout=CHARACTER_DROPOUT,
    )


def _own_labels(original: Original) -> list[str]:
    own = original.entry("label2idx")
    whole = isinstance(own, dict) and all(type(index) is int for index in own.values())
    if not whole or sorted(own.values()) != list(range(len(own))):
        raise ValueError(
            f"{original.name} has no label2idx that numbers its labels from 0: give their names in that order"
        )
    return [str(label) for label in sorted(own, key=own.__getitem__)]


def _vocabulary(original: Original, rows: int) -> dict[str, int]:
    """The checkpoint's characters and their rows of the embedding."""
    vocabulary = original.entry("vocab_token2idx")
    name = original.name
    if not isinstance(vocabulary, dict):
        raise ValueError(
            f"{name} has no dict vocab_token2idx, which says whose row of the embedding is which"
        )
    for token, index in vocabulary.items():
        if not isinstance(token, str) or type(index) is not int or not 0 <= index < rows:
            raise ValueError(
                f"{name} has a token {str(token)[:20]!r} without a row of the {rows} in its embedding"
            )
        if token.encode("utf-8", "ignore").decode() != token:
            raise ValueError(f"{name} has a token {token[:20]!r}, which is half a character")
    if (
        vocabulary.get(PAD) != 0
        or vocabulary.get(UNK) != 1
        or len(set(vocabulary.values())) < len(vocabulary)
    ):
        raise ValueError(
            f"{name} has a vocabulary with a number twice, or other numbers than {PAD} 0 and {UNK} 1"
        )
    return vocabulary
