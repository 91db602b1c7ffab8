"""The model: embedder -> bidirectional LSTM -> pooling (+ dense features) -> head.

The same text gives the same logits whatever it is batched with: real tokens are moved to the front of their row, the
backward direction reads each row reversed within its own length (so padding always comes last and never enters a
state that is read), and pooling sees real tokens only. All of it runs on dense tensors, which is what oneDNN and ONNX
take. The idea of reversing within the length is that of ``tf.reverse_sequence`` in Keras' masked bidirectional RNNs.

Sources: Schuster & Paliwal 1997 (bidirectional recurrent networks); Hochreiter & Schmidhuber 1997 (LSTM).
"""

import contextlib
import inspect
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, cast

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput

from .configuration import BiLSTMConfig

_gradients_to_embedder: ContextVar[bool] = ContextVar("gradients_to_embedder", default=False)


class BiLSTM(nn.Module):
    """A stack of LSTM layers in one or two directions over right-padded rows.

    One-way ``nn.LSTM`` modules, since a bidirectional one cannot reverse each row within its own length.
    """

    def __init__(self, config: BiLSTMConfig):
        super().__init__()
        directions = 2 if config.bidirectional else 1
        widths = [config.embedding_size] + [config.text_size] * (config.lstm_num_layers - 1)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                nn.LSTM(width, config.lstm_hidden_size, batch_first=True) for _ in range(directions)
            )
            for width in widths
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, embeddings: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Read ``embeddings`` (batch, time, embedding) whose first ``lengths`` (batch,) positions are real.

        Returns:
            The states in reading order (batch, time, directions x hidden), those of padding meaningless, and each
            direction's state after its whole text (batch, directions x hidden).
        """
        time = torch.arange(embeddings.shape[1], device=embeddings.device).unsqueeze(0)  # (1, time)
        ends = lengths.unsqueeze(1)  # (batch, 1)
        reversal = torch.where(time < ends, ends - 1 - time, time)  # (batch, time), its own inverse
        states = embeddings
        for depth, layer in enumerate(self.layers):
            if depth:
                states = self.dropout(states)
            forward, *backward = cast(nn.ModuleList, layer)
            outputs = [forward(states)[0]]  # (batch, time, hidden)
            finals = [_at(outputs[0], lengths - 1)]
            for lstm in backward:
                output = lstm(_reorder(states, reversal))[0]
                finals.append(_at(output, lengths - 1))
                outputs.append(_reorder(output, reversal))
            states = torch.cat(outputs, dim=-1)  # (batch, time, directions x hidden)
        return states, torch.cat(finals, dim=-1)


class AttentionPooling(nn.Module):
    """A learned softmax over tokens: Yang et al. 2016, "Hierarchical Attention Networks", section 2.2."""

    def __init__(self, size: int):
        super().__init__()
        self.projection = nn.Linear(size, size)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """``states`` (batch, time, size) and boolean ``mask`` (batch, time) -> (batch, size)."""
        scores = self.score(torch.tanh(self.projection(states))).squeeze(-1)  # (batch, time)
        weights = scores.float().masked_fill(~mask, float("-inf")).softmax(dim=-1)
        return torch.einsum("bt,btd->bd", weights.to(states.dtype), states)


class BiLSTMForSequenceClassification(PreTrainedModel):
    """Text classifier: a (frozen) encoder or a learned embedding, a bidirectional LSTM, pooling and a linear head.

    Args:
        config: See :class:`BiLSTMConfig`.

    Raises:
        ValueError: the config has neither ``embedder_config`` nor ``vocab_size``.
    """

    config_class = BiLSTMConfig
    config: BiLSTMConfig
    main_input_name = "input_ids"
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, config: BiLSTMConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.embedder = _build_embedder(config)
        self.lstm = BiLSTM(config)
        self.attention_pooling = AttentionPooling(config.text_size) if config.pooling == "attention" else None
        self.features_branch = None
        if config.num_features:
            self.features_branch = nn.Sequential(
                nn.Linear(config.num_features, config.features_hidden_size),
                nn.ReLU(),
                nn.Dropout(config.dropout),
            )
        self.dropout = nn.Dropout(config.dropout)
        head_size = config.text_size + (config.features_hidden_size if config.num_features else 0)
        self.classifier = nn.Linear(head_size, config.num_labels)
        self.post_init()
        self._freeze()

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """As ``PreTrainedModel.from_pretrained``; what the config freezes is frozen in the loaded model too."""
        loaded = super().from_pretrained(*args, **kwargs)
        (loaded[0] if isinstance(loaded, tuple) else loaded)._freeze()
        return loaded

    @classmethod
    def from_pretrained_embedder(
        cls, embedder: str, *, revision: str | None = None, **settings: Any
    ) -> "BiLSTMForSequenceClassification":
        """A new, untrained classifier over the pretrained encoder ``embedder``.

        Args:
            embedder: Hub id or folder of any ``AutoModel`` encoder, or of a model of this package, whose encoder is
                then taken.
            revision: Branch, tag or commit of the encoder's repository.
            settings: Further arguments of :class:`BiLSTMConfig` (``id2label``, ``pooling``, ...).

        Raises:
            OSError: the encoder cannot be found or read.
            ValueError: a model of this package that has no encoder (its embedding is learned).
        """
        embedder_config = AutoConfig.from_pretrained(embedder, revision=revision)
        if isinstance(embedder_config, BiLSTMConfig):
            if embedder_config.embedder_config is None:
                raise ValueError(f"{embedder} learned its embedding itself: it has no encoder to build upon")
            encoder = cls.from_pretrained(embedder, revision=revision, dtype=torch.float32).embedder
        else:
            encoder = AutoModel.from_pretrained(embedder, revision=revision, dtype=torch.float32)
        model = cls(BiLSTMConfig(embedder_config=encoder.config, **settings))
        _drop_pooler(encoder)
        model.embedder.load_state_dict(encoder.state_dict())
        return model

    @property
    def embedder_is_frozen(self) -> bool:
        """Whether the embedder (all of it but ``unfreeze_last_layers``) is kept as it was loaded."""
        return self.config.freeze_embedder and self.config.embedder_config is not None

    def get_input_embeddings(self) -> nn.Module:
        """The table of token embeddings."""
        embedder: Any = self.embedder
        return embedder if isinstance(embedder, nn.Embedding) else embedder.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the table of token embeddings."""
        if isinstance(self.embedder, nn.Embedding):
            self.embedder = value
        else:
            cast(PreTrainedModel, self.embedder).set_input_embeddings(value)

    def train(self, mode: bool = True) -> "BiLSTMForSequenceClassification":
        """Training mode for all but the frozen part: a frozen encoder's dropout would still be active otherwise."""
        super().train(mode)
        if mode and self.embedder_is_frozen:
            self.embedder.eval()
            for layer in self._trained_layers():
                layer.train()
        return self

    @contextlib.contextmanager
    def gradients_to_embedder(self) -> Iterator[None]:
        """Let gradients flow through a frozen embedder, e.g. to ask which words spoke for a label."""
        token = _gradients_to_embedder.set(True)  # in this thread alone
        try:
            yield
        finally:
            _gradients_to_embedder.reset(token)

    def embed(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Token embeddings (batch, time, embedding) of right-padded ``input_ids`` (batch, time).

        Raises:
            ValueError: more tokens than the encoder has positions.
        """
        if isinstance(self.embedder, nn.Embedding):
            return self.embedder(input_ids)
        positions = self.config.max_tokens
        if positions is not None and input_ids.shape[1] > positions:
            raise ValueError(
                f"a text of the batch has {input_ids.shape[1]} tokens, but the encoder reads {positions} at most: "
                "give the tokenizer, or the pipeline, truncation=True"
            )
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None and self._takes_token_types:
            inputs["token_type_ids"] = token_type_ids
        with_gradients = (
            not self.embedder_is_frozen or self.config.unfreeze_last_layers or _gradients_to_embedder.get()
        )
        with torch.set_grad_enabled(torch.is_grad_enabled() and bool(with_gradients)):
            return self.embedder(**inputs).last_hidden_state

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        features: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> SequenceClassifierOutput | tuple[torch.Tensor, ...]:
        """Classify a batch.

        Args:
            input_ids: Token ids (batch, time).
            attention_mask: 1 for a real token, 0 for padding (batch, time), on either side; all ones if left out.
            token_type_ids: Passed on to an encoder that takes them (batch, time).
            inputs_embeds: The embedder's output computed before (batch, time, embedding), in place of ``input_ids``.
            features: Numbers beside the text (batch, num_features), required when the config has ``num_features``.
            labels: Class ids (batch,) or the probabilities of classes (batch, num_labels) that a teacher gave; for a
                multi-label model 0/1 per label (batch, num_labels).
            return_dict: ``False`` for a tuple.

        Returns:
            ``logits`` (batch, num_labels) and, with ``labels``, the mean ``loss``.

        Raises:
            ValueError: not exactly one of ``input_ids`` and ``inputs_embeds``, no token at all, more tokens than the
                encoder has positions, or ``features`` that do not go with the config.
        """
        tokens = input_ids if inputs_embeds is None else inputs_embeds
        if tokens is None or (input_ids is not None and inputs_embeds is not None):
            raise ValueError("give either input_ids or inputs_embeds, and not both")
        if tokens.shape[1] == 0:
            raise ValueError("the batch holds no token: every text in it is empty")
        if attention_mask is None:
            attention_mask = torch.ones(tokens.shape[:2], dtype=torch.long, device=tokens.device)
        order, lengths = _real_tokens_first(attention_mask)
        attention_mask = attention_mask.gather(1, order)
        if inputs_embeds is None:
            if token_type_ids is not None:
                token_type_ids = token_type_ids.gather(1, order)
            embeddings = self.embed(tokens.gather(1, order), attention_mask, token_type_ids)
        else:
            embeddings = _reorder(tokens, order)
        states, final = self.lstm(embeddings.to(self.classifier.weight.dtype), lengths)
        pooled = self._pool(states, final, lengths)  # (batch, text_size)
        nothing = attention_mask.sum(dim=1, keepdim=True) == 0  # (batch, 1), rows without a real token
        pooled = pooled.masked_fill(nothing, 0)
        if self.features_branch is not None:
            pooled = torch.cat([pooled, self.features_branch(self._check_features(features, pooled))], dim=-1)
        elif features is not None:
            raise ValueError("features were given, but the model's config has num_features=0")
        logits = self.classifier(self.dropout(pooled))  # (batch, num_labels)
        loss = None if labels is None else self._loss(logits, labels)
        if return_dict is False:
            return (logits,) if loss is None else (loss, logits)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def _pool(self, states: torch.Tensor, final: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        if self.config.pooling == "last":
            return final
        mask = torch.arange(states.shape[1], device=states.device).unsqueeze(0) < lengths.unsqueeze(1)
        if self.attention_pooling is not None:
            return self.attention_pooling(states, mask)
        outside = ~mask.unsqueeze(-1)  # (batch, time, 1)
        if self.config.pooling == "max":
            return states.masked_fill(outside, torch.finfo(states.dtype).min).amax(dim=1)
        return states.masked_fill(outside, 0).sum(dim=1) / lengths.unsqueeze(1).to(states.dtype)

    def _check_features(self, features: torch.Tensor | None, pooled: torch.Tensor) -> torch.Tensor:
        expected = (pooled.shape[0], self.config.num_features)
        if features is None or tuple(features.shape) != expected:
            found = "none" if features is None else tuple(features.shape)
            raise ValueError(f"features of shape {expected} are needed beside the text, found {found}")
        return features.to(pooled.dtype)

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits = logits.float()
        weights = self.config.class_weights
        weight = None if weights is None else torch.tensor(weights, device=logits.device)
        if self.config.problem_type == "multi_label_classification":
            return nn.functional.binary_cross_entropy_with_logits(logits, labels.float(), pos_weight=weight)
        if labels.ndim == 2:
            # torch would not divide by the weight of probabilities, as it does for class ids
            total = nn.functional.cross_entropy(logits, labels.float(), weight=weight, reduction="sum")
            return total / (labels.sum() if weight is None else (labels * weight).sum())
        return nn.functional.cross_entropy(logits, labels.long(), weight=weight)

    @property
    def _takes_token_types(self) -> bool:
        return "token_type_ids" in inspect.signature(self.embedder.forward).parameters

    def _trained_layers(self) -> list[nn.Module]:
        """The encoder's last ``unfreeze_last_layers`` layers: its longest lists of modules hold its layers."""
        count = self.config.unfreeze_last_layers
        if not count:
            return []
        stacks = [module for module in self.embedder.modules() if isinstance(module, nn.ModuleList)]
        depth = max(map(len, stacks), default=0)
        if count > depth:
            raise ValueError(f"unfreeze_last_layers is {count}, but the embedder has {depth} layers")
        return [layer for stack in stacks if len(stack) == depth for layer in stack[-count:]]

    def _freeze(self) -> None:
        if not self.embedder_is_frozen:
            return
        self.embedder.requires_grad_(False)
        for layer in self._trained_layers():
            layer.requires_grad_(True)
        self.embedder.eval()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.LSTM):
            for name, parameter in module.named_parameters():
                if name.startswith("weight_hh"):
                    init.orthogonal_(parameter)
                elif name.startswith("weight_ih"):
                    init.xavier_uniform_(parameter)
                else:
                    # A forget gate that starts open keeps long texts learnable (Jozefowicz et al. 2015).
                    bias = torch.zeros_like(parameter)
                    if name.startswith("bias_ih"):
                        bias[module.hidden_size : 2 * module.hidden_size] = 1
                    init.copy_(parameter, bias)
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            weight = torch.randn_like(module.weight)
            if module.padding_idx is not None:
                weight[module.padding_idx] = 0
            init.copy_(module.weight, weight)


def _build_embedder(config: BiLSTMConfig) -> nn.Module:
    if config.embedder_config is not None:
        return _drop_pooler(AutoModel.from_config(config.embedder_config))
    if config.vocab_size is None:
        raise ValueError(
            "the config has neither embedder_config (an encoder) nor vocab_size (a learned embedding)"
        )
    return nn.Embedding(config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id)


def _drop_pooler(encoder: Any) -> nn.Module:
    # BERT's pooler reads the first token only; nothing here uses it, and it would be saved with every model.
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    return encoder


def _real_tokens_first(attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The order that moves each row's real tokens to its front (batch, time), and their number (batch,), at least 1."""
    real = attention_mask.long()
    count = real.sum(dim=1)
    padding = 1 - real
    target = torch.where(real.bool(), real.cumsum(1) - 1, count.unsqueeze(1) + padding.cumsum(1) - 1)
    source = torch.arange(real.shape[1], device=real.device).expand_as(real)
    order = torch.zeros_like(target).scatter(1, target, source)
    return order, count.clamp(min=1)


def _reorder(states: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Rows of ``states`` (batch, time, size) in the ``order`` (batch, time) of their positions."""
    return states.gather(1, order.unsqueeze(-1).expand_as(states))


def _at(states: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """``states`` (batch, time, size) at one ``position`` (batch,) a row -> (batch, size)."""
    return states[torch.arange(states.shape[0], device=states.device), position]


BiLSTMForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
