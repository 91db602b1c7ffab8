"""The tokenizer and the packed token ids of the prose that the encoder is pre-trained on."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bilstm_classifier.files import replacing, write_text
from pretraining.folders import new_folder
from pretraining.prose import SourceCounts, read_sources

PAD, UNK, CLS, SEP, MASK = range(5)
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"]
MAX_HEADLINE = 64  # tokens; a longer first passage is a paragraph
MIN_DOCUMENT = 8  # tokens


def prepare(
    source: Path, output: Path, sources_file: Path, vocab_size: int = 20_000, max_tokens: int = 27_000_000
) -> dict[str, Any]:
    """Read the prose, train the tokenizer, write the packed token ids; return what `prose.json` holds.

    Writes into `output`: `tokenizer/`; `tokens.npy`, uint16 ids of all documents one after the other without special
    tokens; `documents.npy`, int64, the offset where each document starts and, last, the end; `headlines.npy`, uint16,
    how many of a document's first tokens are its headline; `prose.json`. Documents come news first, and what lies
    beyond `max_tokens` is left out. Raises OSError or ValueError when a source is missing or is not the one listed.
    """
    sources = yaml.safe_load(sources_file.read_text(encoding="utf-8"))["sources"]
    counts: dict[str, SourceCounts] = {}
    documents = list(read_sources(sources, source, counts))
    tokenizer = train_tokenizer((line for _, document in documents for line in document), vocab_size)

    chunks: list[np.ndarray] = []
    offsets, headlines, total, unknown = [0], [], 0, 0
    table: dict[str, Counter] = {name: Counter() for name in counts}
    for name, heads, bodies in _encoded(tokenizer, documents):
        length = len(heads) + len(bodies)
        if length < MIN_DOCUMENT or total + length > max_tokens:
            table[name]["left_out"] += 1
            continue
        chunks.append(np.array(heads + bodies, dtype=np.uint16))
        headlines.append(len(heads) if bodies and len(heads) <= MAX_HEADLINE else 0)
        total += length
        unknown += heads.count(UNK) + bodies.count(UNK)
        offsets.append(total)
        table[name].update(documents=1, tokens=length)

    output.mkdir(parents=True, exist_ok=True)
    save_tokenizer(tokenizer, output / "tokenizer")
    arrays = {
        "tokens.npy": np.concatenate(chunks),
        "documents.npy": np.array(offsets, dtype=np.int64),
        "headlines.npy": np.array(headlines, dtype=np.uint16),
    }
    for file, array in arrays.items():
        with replacing(output / file) as temporary:
            np.save(temporary, array)
    summary = {
        "tokens": total,
        "documents": len(headlines),
        "vocabulary": tokenizer.get_vocab_size(),
        "unknown_share": round(unknown / total, 6),
        "sha256": {
            file: _sha256(output / file) for file in [*arrays, *(f"tokenizer/{f}" for f in TOKENIZER_FILES)]
        },
        "sources": [
            {
                "name": name,
                "documents": table[name]["documents"],
                "tokens": table[name]["tokens"],
                "duplicates": counts[name].duplicates,
                "unusable": counts[name].unusable + table[name]["left_out"],
            }
            for name in counts
        ],
    }
    text = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
    write_text(output / "prose.json", text)
    return summary


def train_tokenizer(lines: Iterable[str], vocab_size: int) -> Any:
    """An uncased WordPiece tokenizer (`tokenizers.Tokenizer`) with BERT's special tokens at ids 0-4.

    Text is put into NFKC, ё becomes е, й keeps its breve, a Latin letter beside a Cyrillic one that looks the same
    becomes Cyrillic; scripts too rare for the alphabet of 200 become [UNK].
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    lines = list(lines)
    alphabet = common_characters(lines, 200)
    # The trainer numbers these in the order of a random hash, and breaks ties between merges by number; listed as
    # special tokens they have fixed numbers, and two runs give one vocabulary.
    continuations = ["##" + character for character in alphabet if not _is_punctuation(character)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        special_tokens=SPECIAL_TOKENS + continuations,
        show_progress=False,
    )

    def assemble(model: Any) -> Any:
        tokenizer = Tokenizer(model)
        tokenizer.normalizer = normalizers.Sequence(
            [
                normalizers.NFKC(),
                normalizers.Replace("ё", "е"),
                normalizers.Replace("Ё", "Е"),
                *look_alikes(),
                normalizers.BertNormalizer(lowercase=True, strip_accents=False),
            ]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        return tokenizer

    trained = assemble(models.WordPiece(unk_token="[UNK]"))
    trained.train_from_iterator(lines, trainer)
    tokenizer = assemble(
        models.WordPiece(trained.get_vocab(), unk_token="[UNK]", max_input_chars_per_word=64)
    )
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    return tokenizer


LOOK_ALIKES = dict(zip("aceopxyABCEHKMOPTXY", "асеорхуАВСЕНКМОРТХУ", strict=True))  # Latin to Cyrillic


def look_alikes() -> list[Any]:
    """Normalizers that turn a Latin letter into the Cyrillic one it looks like, in a word that has Cyrillic letters.

    A run of such letters before a Cyrillic letter is turned at once; of a run after one, each pass turns a letter.
    """
    from tokenizers import Regex, normalizers

    run = f"[{''.join(LOOK_ALIKES)}]*"
    before = [
        normalizers.Replace(Regex(f"{latin}(?={run}[а-яА-Я])"), cyrillic)
        for latin, cyrillic in LOOK_ALIKES.items()
    ]
    after = [
        normalizers.Replace(Regex(f"(?<=[а-яА-Я]){latin}"), cyrillic)
        for latin, cyrillic in LOOK_ALIKES.items()
    ]
    return before + after * 2


def common_characters(lines: list[str], count: int) -> list[str]:
    """The `count` most frequent characters after normalisation, in the order of their code points."""
    counts: Counter = Counter()
    for line in lines:
        counts.update(unicodedata.normalize("NFKC", line).lower().replace("ё", "е"))
    ranked = sorted((c for c in counts if not c.isspace() and c.isprintable()), key=lambda c: (-counts[c], c))
    return sorted(ranked[:count])


def _is_punctuation(character: str) -> bool:
    """True for what BERT's pre-tokenizer splits off, and so never continues a word."""
    return unicodedata.category(character).startswith("P") or character in "$+<=>^`|~"


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Save as a `PreTrainedTokenizerFast`: 512 positions, padded on the right."""
    from transformers import PreTrainedTokenizerFast

    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=512,
        padding_side="right",
        truncation_side="right",
        model_input_names=["input_ids", "attention_mask"],
        **{f"{token[1:-1].lower()}_token": token for token in SPECIAL_TOKENS},
    )
    with new_folder(folder) as new:
        wrapped.save_pretrained(new)


def _encoded(tokenizer: Any, documents: list) -> Iterator[tuple[str, list[int], list[int]]]:
    """(source, ids of the first passage, ids of the rest), in blocks so that the tokenizer's threads are used."""
    for start in range(0, len(documents), 10_000):
        block = documents[start : start + 10_000]
        heads = tokenizer.encode_batch([lines[0] for _, lines in block], add_special_tokens=False)
        bodies = tokenizer.encode_batch(
            ["\n".join(lines[1:]) for _, lines in block], add_special_tokens=False
        )
        for (name, _), head, body in zip(block, heads, bodies, strict=True):
            yield name, head.ids, body.ids


def format_table(summary: dict[str, Any]) -> str:
    """The table source x documents x tokens."""
    rows = [*summary["sources"]]
    total = {"name": "all"} | {
        key: sum(row[key] for row in rows) for key in ("documents", "tokens", "duplicates", "unusable")
    }
    lines = [f"{'source':<22}{'documents':>11}{'tokens':>13}{'duplicates':>12}{'left out':>10}"]
    for row in [*rows, total]:
        lines.append(
            f"{row['name']:<22}{row['documents']:>11,}{row['tokens']:>13,}"
            f"{row['duplicates']:>12,}{row['unusable']:>10,}"
        )
    return "\n".join(lines)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
