"""From texts to predictions: batches of like length, memory bounded, the same answer in any company."""

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np

from .decision import Choice, Decision, probabilities
from .hub.transport import HubOptions, Pushed
from .inputs import Input, InputReader, chunks
from .prediction import TextPrediction
from .windows import EncodedText, TextEncoder, Truncation, check_text, max_length_of

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

    from .explain import Explanation
    from .modeling import BiLSTMForSequenceClassification

logger = logging.getLogger(__name__)

# Padded tokens a batch with batch_size="auto": benchmarks/batch_size.py shows where more gains nothing.
BATCH_TOKENS = {"cpu": 4_096, "cuda": 131_072}


class Predictor:
    """A model with its tokenizer, ready for texts. Safe to share between threads.

    Args:
        model: The classifier, in eval mode on the device it shall run on.
        tokenizer: Its fast tokenizer.
        batch_size: Texts a batch, or ``"auto"``: as many as fill a batch of the size that is fast on the device.
        truncation: What happens to a text longer than the model reads: ``"cut"`` (its beginning is read), ``"windows"``
            (all of it is read in overlapping windows, the probabilities averaged in proportion to their tokens) or
            ``"error"``.

    Raises:
        ValueError: an option outside its range.
        TypeError: a tokenizer that is not a fast one.
    """

    def __init__(
        self,
        model: "BiLSTMForSequenceClassification",
        tokenizer: "PreTrainedTokenizerFast",
        *,
        batch_size: int | Literal["auto"] = "auto",
        truncation: Truncation = "cut",
    ):
        if batch_size != "auto" and (not isinstance(batch_size, int) or batch_size < 1):
            raise ValueError(f"batch_size is {batch_size!r}: expected a whole number of 1 or more, or 'auto'")
        if not getattr(tokenizer, "is_fast", False):
            raise TypeError(f"{type(tokenizer).__name__} is not a fast tokenizer: load it with AutoTokenizer")
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.max_length = max_length_of(tokenizer, model.config.max_tokens)
        self.encoder = TextEncoder(
            tokenizer.backend_tokenizer, self.max_length, truncation, model.config.lemmas
        )
        self.inputs = InputReader.of(model.config)
        self.decision = Decision.of(model.config, model.rules)
        self._pad_token_id = tokenizer.pad_token_id or 0
        self._origin: tuple[str, HubOptions] | None = None  # where it was loaded from, if it was

    @classmethod
    def from_pretrained(
        cls,
        model_id_or_path: str | Path | None = None,
        *,
        device: "str | torch.device | None" = None,
        dtype: "str | torch.dtype | None" = None,
        batch_size: int | Literal["auto"] = "auto",
        truncation: Truncation = "cut",
        **options: Unpack[HubOptions],
    ) -> "Predictor":
        """Load a model and its tokenizer.

        Args:
            model_id_or_path: Folder or Hub id; ``None`` is the model in the package, which needs no network.
            device: Where to run; ``None`` is the first GPU if there is one, else the CPU.
            dtype: ``"float32"`` (also ``None``), ``"bfloat16"`` or ``"float16"``.
            batch_size: See :class:`Predictor`.
            truncation: See :class:`Predictor`.
            options: ``revision``, ``token``, ``cache_dir``, ``local_files_only``: see
                :class:`bilstm_classifier.hub.transport.HubOptions`.

        Raises:
            OSError: the model cannot be found, read or downloaded.
            ValueError: it is not a model of this package, or not all of its weights are there.
        """
        import torch

        from .model_folder import load_model

        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = str(dtype or torch.float32).removeprefix("torch.")
        if dtype not in ("float32", "bfloat16", "float16"):
            raise ValueError(f"dtype is {dtype!r}: expected 'float32', 'bfloat16' or 'float16'")
        source = DEFAULT_MODEL if model_id_or_path is None else model_id_or_path
        model, tokenizer = load_model(source, dtype=getattr(torch, dtype), **options)
        try:
            model.to(device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(f"the device {str(device)!r} cannot be used: {reason}") from error
        predictor = cls(model, tokenizer, batch_size=batch_size, truncation=truncation)
        predictor._origin = (str(Path(source).expanduser()), options)
        return predictor

    def explain(self, text: Input, label: str | None = None) -> "Explanation":
        """Which words of ``text`` spoke for and against a label, the chosen one if none is given.

        Arguments, method and errors: see :func:`bilstm_classifier.explain.explain`.
        """
        from .explain import explain

        return explain(self, text, label)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        create_pr: bool = False,
        token: str | bool | None = None,
        include_embedder: bool = False,
    ) -> Pushed:
        """Upload the model with its tokenizer, in the precision of the file that it was loaded from.

        Card and figures of that place go along unless the weights were changed since. Arguments and errors are those of
        :func:`bilstm_classifier.push_model`.
        """
        from .hub.publishing import push_loaded

        return push_loaded(
            self.model,
            self.tokenizer,
            repo_id,
            self._origin,
            private=private,
            revision=revision,
            create_pr=create_pr,
            token=token,
            include_embedder=include_embedder,
        )

    @cached_property
    def labels(self) -> list[str]:
        """Names of the labels, in the order of ``id2label``."""
        return self.model.config.label_names

    def predict(self, texts: Iterable[Input]) -> list[TextPrediction]:
        """Classify ``texts``, in their order.

        Args:
            texts: Strings; or, for a model that reads several columns, mappings from column to value. A column that is
                not given is missing; a string is a text without any columns beside it.

        Raises:
            TypeError: ``texts`` is a single string, or an item is neither a string nor a mapping.
            ValueError: an item is empty, or too long where ``truncation="error"``, or holds a value that cannot be
                read; the message names it by number.
        """
        return list(self.iter_predict(self._checked(texts)))

    def predict_proba(self, texts: Iterable[Input]) -> np.ndarray:
        """Probabilities of ``texts``: float32 (texts, labels), columns in ``id2label`` order. Raises as ``predict``."""
        rows = [scores for scores, _, _ in self._score(self._checked(texts))]
        return np.stack(rows) if rows else np.zeros((0, len(self.labels)), dtype=np.float32)

    def iter_predict(self, texts: Iterable[Input]) -> Iterator[TextPrediction]:
        """Like ``predict``, but yields results while ``texts``, which may be endless, are being read.

        An error in an item comes when the chunk of texts that holds it is due: what was yielded before stays valid.
        """
        bound = self.model.config.unsure_below or 0.0
        for scores, text, choice in self._score(texts):
            chosen = tuple(self.labels[index] for index in choice.labels)
            by_label = dict(zip(self.labels, scores.tolist(), strict=True))
            unsure = bool(scores.max() < bound and not choice.keyword)
            yield TextPrediction(chosen, by_label, text.tokens, text.tokens_read, unsure, *choice[1:])

    def _checked(self, texts: Iterable[Input]) -> Iterable[Input]:
        """``texts``, all looked at before any is classified where they are at hand already."""
        _require_several(texts)
        if isinstance(texts, Sequence):
            for index, text in enumerate(texts):
                self.inputs.text(text, index)
        return texts

    def _score(self, items: Iterable[Input]) -> Iterator[tuple[np.ndarray, EncodedText, Choice]]:
        _require_several(items)
        total = cut = 0
        for chunk in chunks(items):
            texts = [self.inputs.text(item, index) for index, item in enumerate(chunk, total)]
            beside = self.inputs.beside(chunk, total)
            encoded = self.encoder.encode(texts, first_index=total)
            for index, text in enumerate(encoded, total):
                if not text.tokens:
                    raise ValueError(
                        f"text {index} is empty to the model: its tokenizer finds no token in it"
                    )
            total += len(chunk)
            cut += sum(text.tokens_read < text.tokens for text in encoded)
            scores = self._probabilities(encoded, beside)
            yield from zip(scores, encoded, self.decision.choose(scores, texts), strict=True)
        if cut:
            logger.warning(
                "%d of %d texts are longer than the %d tokens that the model reads: only their beginning was read "
                "(truncation 'windows' reads all)",
                cut,
                total,
                self.max_length,
            )

    def _probabilities(self, encoded: Sequence[EncodedText], beside: dict[str, np.ndarray]) -> np.ndarray:
        """Probabilities (texts, labels): the mean over each text's windows, in proportion to their tokens.

        ``beside`` are ``features`` and ``categories`` (texts, columns), which all windows of a text share.
        """
        windows = [window for text in encoded for window in text.windows]
        owners = np.repeat(np.arange(len(encoded)), [len(text.windows) for text in encoded])
        weights = np.array([len(window) for window in windows], dtype=np.float32)
        logits = self._logits(windows, {name: values[owners] for name, values in beside.items()})
        scores = probabilities(logits, self.model.config.problem_type)
        sums = np.zeros((len(encoded), scores.shape[1]), dtype=np.float32)
        np.add.at(sums, owners, scores * weights[:, None])
        return sums / np.bincount(owners, weights=weights).astype(np.float32)[:, None]

    def _logits(self, windows: list[list[int]], beside: dict[str, np.ndarray]) -> np.ndarray:
        """Logits (windows, labels), computed in batches of windows of like length; ``beside`` (windows, columns)."""
        import torch

        device = self.model.device.type
        order = sorted(range(len(windows)), key=lambda index: -len(windows[index]))
        logits = np.empty((len(windows), len(self.labels)), dtype=np.float32)
        start, budget = 0, BATCH_TOKENS.get(device, BATCH_TOKENS["cuda"])
        while start < len(order):
            longest = len(windows[order[start]])
            size = max(1, budget // longest) if self.batch_size == "auto" else self.batch_size
            batch = order[start : start + size]
            try:
                logits[batch] = self._forward(
                    [windows[index] for index in batch],
                    {name: values[batch] for name, values in beside.items()},
                )
            except torch.OutOfMemoryError:
                if self.batch_size != "auto" or len(batch) == 1:
                    raise
                budget //= 2
                torch.cuda.empty_cache()
                continue
            start += size
        return logits

    def _forward(self, windows: list[list[int]], beside: dict[str, np.ndarray]) -> np.ndarray:
        import torch

        longest = max(len(window) for window in windows)
        input_ids = np.full((len(windows), longest), self._pad_token_id, dtype=np.int64)
        attention_mask = np.zeros((len(windows), longest), dtype=np.int64)
        for row, window in enumerate(windows):
            input_ids[row, : len(window)] = window
            attention_mask[row, : len(window)] = 1
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, **beside}
        with torch.inference_mode():
            output = self.model(
                **{name: torch.from_numpy(values).to(self.model.device) for name, values in inputs.items()}
            )
        return output.logits.float().cpu().numpy()


def get_predictions(
    news: Input | Iterable[Input],
    model: "Predictor | str | Path | tuple[Any, Any] | None" = None,
    *,
    top_k: int | None = None,
    return_probabilities: bool = False,
) -> Any:
    """The category of a text, or of each of several.

    Args:
        news: A text or an iterable of texts. For a model that reads several columns, each may be a mapping from column
            to value.
        model: A :class:`Predictor`, a pair of model and tokenizer, a folder or a Hub id; ``None`` is the model in the
            package, which needs no network. Models loaded here stay loaded.
        top_k: Give the ``k`` likeliest labels with their probabilities in place of a name.
        return_probabilities: Give the probability of every label in place of a name.

    Returns:
        For a text: the label's name (``"unknown"`` from a model that may answer so; for a model whose labels overlap, a
        list of names); a list of ``top_k`` :class:`Prediction`; or a dict from label to probability. For several texts:
        a list of these, in their order.

    Raises:
        TypeError: something that is not a string.
        ValueError: an empty text, or both ``top_k`` and ``return_probabilities``.
        OSError: the model cannot be found, read or downloaded.
    """
    if top_k is not None and return_probabilities:
        raise ValueError("top_k and return_probabilities were both given: choose one")
    if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
        raise ValueError(f"top_k is {top_k!r}: expected a whole number of 1 or more")
    single = isinstance(news, (str, bytes, Mapping)) or not isinstance(news, Iterable)
    texts: Any = [news] if single else news
    for index, text in enumerate(texts if isinstance(texts, Sequence) else ()):
        if not isinstance(text, Mapping):
            check_text(text, index)  # said before seconds go into loading a model
    predictor = _predictor_for(model)

    def answer(prediction: TextPrediction) -> Any:
        if top_k is not None:
            return prediction.top(top_k)
        if return_probabilities:
            return prediction.probabilities
        if predictor.decision.overlapping:
            return list(prediction.labels)
        return prediction.labels[0] if prediction.labels else UNKNOWN

    answers = [answer(prediction) for prediction in predictor.iter_predict(texts)]
    return answers[0] if single else answers


UNKNOWN = "unknown"  # what a model answers of whose stages none claims the text
DEFAULT_MODEL = Path(str(resources.files(__package__) / "default_model"))
_loaded: dict[str, Predictor] = {}
_loading = threading.Lock()


def _predictor_for(model: Any) -> Predictor:
    if isinstance(model, Predictor):
        return model
    if isinstance(model, tuple):
        return Predictor(*model)
    if model is not None and not isinstance(model, (str, Path)):
        raise TypeError(
            f"model is a {type(model).__name__}: expected a Predictor, a pair (model, tokenizer), a folder or a Hub id"
        )
    key = str(DEFAULT_MODEL if model is None else model)
    with _loading:
        if key not in _loaded:
            _loaded[key] = Predictor.from_pretrained(key)
        return _loaded[key]


def _require_several(texts: Any) -> None:
    if isinstance(texts, (str, bytes, Mapping, Set)) or not isinstance(texts, Iterable):
        raise TypeError(f"texts is a {type(texts).__name__}: expected a list or another iterable of strings")
