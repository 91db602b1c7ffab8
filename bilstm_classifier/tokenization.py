"""Character and word tokenizers learned from texts, as ``PreTrainedTokenizerFast``: saved and loaded like any other."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.pre_tokenizers import PreTokenizer
    from transformers import PreTrainedTokenizerFast

PAD, UNK = "<PAD>", "<UNK>"


def train_character_tokenizer(
    texts: Iterable[str], *, max_vocabulary: int = 5_000, max_length: int = 256
) -> "PreTrainedTokenizerFast":
    """A tokenizer with one token a character, the most frequent ``max_vocabulary`` - 2 characters of ``texts``.

    ``<PAD>`` is 0 and ``<UNK>``, any other character, is 1.

    Raises:
        ValueError: no characters in ``texts``, or ``max_vocabulary`` below 3.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    return _fast(_word_level(counts, max_vocabulary, _each_character()), max_length)


def character_tokenizer(vocabulary: dict[str, int], *, max_length: int = 256) -> "PreTrainedTokenizerFast":
    """As :func:`train_character_tokenizer` makes it, with a ``vocabulary`` that is known: ``<PAD>`` 0, ``<UNK>`` 1."""
    from tokenizers import Tokenizer, models

    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK))
    tokenizer.pre_tokenizer = _each_character()
    return _fast(tokenizer, max_length)


def train_word_tokenizer(
    texts: Iterable[str], *, max_vocabulary: int = 20_000, max_length: int = 256
) -> "PreTrainedTokenizerFast":
    """A tokenizer with one token a lower-case word or mark, the most frequent ``max_vocabulary`` - 2 of ``texts``.

    ``<PAD>`` is 0 and ``<UNK>``, any other word, is 1.

    Raises:
        ValueError: no words in ``texts``, or ``max_vocabulary`` below 3.
    """
    from tokenizers import normalizers, pre_tokenizers

    normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    split = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word, _ in split.pre_tokenize_str(normalizer.normalize_str(text)))
    tokenizer = _word_level(counts, max_vocabulary, split)
    tokenizer.normalizer = normalizer
    return _fast(tokenizer, max_length)


def _each_character() -> "PreTokenizer":
    from tokenizers import Regex, pre_tokenizers

    # "[\s\S]" and not "": an empty pattern splits every character off as well, but drops none of them in any release
    return pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")


def _word_level(counts: Counter[str], max_vocabulary: int, split: "PreTokenizer") -> "Tokenizer":
    from tokenizers import Tokenizer, models

    if max_vocabulary < 3:
        raise ValueError(
            f"max_vocabulary is {max_vocabulary}: expected 3 or more, {PAD} and {UNK} among them"
        )
    for special in (PAD, UNK):
        del counts[special]
    if not counts:
        raise ValueError("no texts to learn a vocabulary from: all of them are empty")
    # ties in alphabetical order, so that the same texts give the same vocabulary in any order
    ranked = sorted(counts, key=lambda token: (-counts[token], token))[: max_vocabulary - 2]
    vocabulary = {token: index for index, token in enumerate([PAD, UNK, *ranked])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK))
    tokenizer.pre_tokenizer = split
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
