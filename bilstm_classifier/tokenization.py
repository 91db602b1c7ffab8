"""Character and word tokenizers learned from texts, as ``PreTrainedTokenizerFast``: saved and loaded like any other."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from .normalizing import Lemmatizer, build_normalizer, mended

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.normalizers import Normalizer
    from tokenizers.pre_tokenizers import PreTokenizer
    from transformers import PreTrainedTokenizerFast

PAD, UNK = "<PAD>", "<UNK>"


def train_character_tokenizer(
    texts: Iterable[str],
    *,
    max_vocabulary: int = 5_000,
    max_length: int = 256,
    cleaning: Sequence[str] = (),
    language: str | None = None,
) -> "PreTrainedTokenizerFast":
    """A tokenizer with one token a character, the most frequent ``max_vocabulary`` - 2 characters of ``texts``.

    ``<PAD>`` is 0 and ``<UNK>``, any other character, is 1.

    Args:
        texts: What to learn the characters from.
        max_vocabulary: The most tokens, ``<PAD>`` and ``<UNK>`` among them.
        max_length: Tokens to which a text is cut.
        cleaning: Steps of :func:`bilstm_classifier.normalizing.build_normalizer`, which the tokenizer keeps; none, if
            not asked for. ``lemmas`` is done to ``texts`` here and must be asked of the encoder of texts too.
        language: One of ``bilstm_classifier.normalizing.LANGUAGES``, for the steps that need it.

    Raises:
        ImportError: ``lemmas``, and simplemma is not installed.
        ValueError: no characters in ``texts``, ``max_vocabulary`` below 3, or steps that cannot be.
    """
    normalizer = build_normalizer(cleaning, language) if cleaning else None
    counts: Counter[str] = Counter()
    for text in _as_read(texts, normalizer, cleaning, language):
        counts.update(text)
    return _fast(_word_level(counts, max_vocabulary, _each_character(), normalizer), max_length)


def character_tokenizer(vocabulary: dict[str, int], *, max_length: int = 256) -> "PreTrainedTokenizerFast":
    """As :func:`train_character_tokenizer` makes it, with a ``vocabulary`` that is known: ``<PAD>`` 0, ``<UNK>`` 1."""
    from tokenizers import Tokenizer, models

    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK))
    tokenizer.pre_tokenizer = _each_character()
    return _fast(tokenizer, max_length)


def train_word_tokenizer(
    texts: Iterable[str],
    *,
    max_vocabulary: int = 20_000,
    max_length: int = 256,
    cleaning: Sequence[str] = (),
    language: str | None = None,
) -> "PreTrainedTokenizerFast":
    """A tokenizer with one token a lower-case word or mark, the most frequent ``max_vocabulary`` - 2 of ``texts``.

    ``<PAD>`` is 0 and ``<UNK>``, any other word, is 1. Arguments: see :func:`train_character_tokenizer`.

    Raises:
        ImportError: ``lemmas``, and simplemma is not installed.
        ValueError: no words in ``texts``, ``max_vocabulary`` below 3, or steps that cannot be.
    """
    from tokenizers import normalizers, pre_tokenizers

    parts: list[Normalizer] = [normalizers.NFKC(), normalizers.Lowercase()]
    if cleaning:
        parts.append(build_normalizer(cleaning, language))
    normalizer = normalizers.Sequence(parts)
    split = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    counts: Counter[str] = Counter()
    for text in _as_read(texts, normalizer, cleaning, language):
        counts.update(word for word, _ in split.pre_tokenize_str(text))
    return _fast(_word_level(counts, max_vocabulary, split, normalizer), max_length)


def _as_read(
    texts: Iterable[str], normalizer: "Normalizer | None", cleaning: Sequence[str], language: str | None
) -> Iterator[str]:
    """``texts`` as a tokenizer with this ``normalizer`` will be given them, one at a time."""
    lemmatizer = Lemmatizer(str(language)) if "lemmas" in cleaning else None
    for raw in texts:
        text = mended(raw)
        if lemmatizer:
            text = lemmatizer(text)
        yield normalizer.normalize_str(text) if normalizer else text


def _each_character() -> "PreTokenizer":
    from tokenizers import Regex, pre_tokenizers

    # "[\s\S]" and not "": an empty pattern splits every character off as well, but drops none of them in any release
    return pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")


def _word_level(
    counts: Counter[str], max_vocabulary: int, split: "PreTokenizer", normalizer: "Normalizer | None"
) -> "Tokenizer":
    from tokenizers import Tokenizer, models

    if max_vocabulary < 3:
        raise ValueError(
            f"max_vocabulary is {max_vocabulary}: expected 3 or more, {PAD} and {UNK} among them"
        )
    for special in (PAD, UNK):
        del counts[special]
    if not counts:
        raise ValueError("no texts to learn a vocabulary from: all of them are empty, or cleaned away")
    # ties in alphabetical order, so that the same texts give the same vocabulary in any order
    ranked = sorted(counts, key=lambda token: (-counts[token], token))[: max_vocabulary - 2]
    vocabulary = {token: index for index, token in enumerate([PAD, UNK, *ranked])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK))
    tokenizer.pre_tokenizer = split
    if normalizer:
        tokenizer.normalizer = normalizer
    return tokenizer


def _fast(tokenizer: "Tokenizer", max_length: int) -> "PreTrainedTokenizerFast":
    from transformers import PreTrainedTokenizerFast

    tokenizer.enable_truncation(max_length)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNK,
        model_max_length=max_length,
        padding_side="right",
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
