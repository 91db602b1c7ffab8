"""The model: embedder -> bidirectional LSTM -> pooling (+ mean of n-grams, + dense features) -> head.

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
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput

from .configuration import BiLSTMConfig
from .embedder import HUB_OPTIONS, build_embedder, fetch_encoder, load_encoder
from .layers import AttentionPooling, BiLSTM, FeaturesBranch, HashedNgrams, real_tokens_first, reorder

_gradients_to_embedder: ContextVar[bool] = ContextVar("gradients_to_embedder", default=False)


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
        # Keyword rules that go before the model: `Predictor` applies them, a pipeline does not.
        self.rules: Any = None
        self.embedder = build_embedder(config)
        self.ngrams = HashedNgrams(config) if config.longest_ngram else None
        self.lstm = BiLSTM(config)
        self.attention_pooling = AttentionPooling(config.text_size) if config.pooling == "attention" else None
        self.features_branch = FeaturesBranch(config) if config.feature_columns else None
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.head_size, config.num_labels)
        if config.embedder_repo_id is not None:
            # not in the file, but fetched (or an error) by from_pretrained
            self._keys_to_ignore_on_load_missing = [r"^embedder\."]
        self.post_init()
        self._freeze()
        self._keys_to_ignore_on_save = self._fetched_weights()

    @classmethod
    def from_pretrained(cls, *args: Any, output_loading_info: bool = False, **kwargs: Any) -> Any:
        """As ``PreTrainedModel.from_pretrained``; an embedder that the config names is fetched from its own repository.

        What the config freezes is frozen in the loaded model too.

        Raises:
            OSError: the model or its embedder cannot be found or read, or the embedder is no safetensors.
            ValueError: the embedder is not the one that the config describes, or lacks some of its weights.
        """
        kwargs["use_safetensors"] = True  # no pickle was ever saved
        model, loaded = super().from_pretrained(*args, output_loading_info=True, **kwargs)
        name, commit = model.config.embedder_repo_id, model.config.embedder_commit
        if name is not None:
            hub = {key: kwargs[key] for key in HUB_OPTIONS if key in kwargs}
            encoder = load_encoder(
                fetch_encoder(name, commit, **hub),
                f"{name} at revision {commit}",
                config=model.config.embedder_config,
                dtype=model.dtype,
            )
            model.embedder.load_state_dict(encoder.state_dict())
        model._freeze()
        return (model, loaded) if output_loading_info else model

    def save_pretrained(self, *args: Any, include_embedder: bool = False, **kwargs: Any) -> Any:
        """As ``PreTrainedModel.save_pretrained``, without the weights of an embedder that the config names.

        Args:
            args: Of ``PreTrainedModel.save_pretrained``.
            include_embedder: Save the embedder too: what is saved then needs no other repository.
            kwargs: Of ``PreTrainedModel.save_pretrained``.
        """
        named = self.config.embedder_repo_id, self.config.embedder_commit
        self._keys_to_ignore_on_save = set() if include_embedder else self._fetched_weights()
        if not self._keys_to_ignore_on_save:
            self.config.embedder_repo_id = self.config.embedder_commit = None
        try:
            return super().save_pretrained(*args, **kwargs)
        finally:
            self.config.embedder_repo_id, self.config.embedder_commit = named
            self._keys_to_ignore_on_save = self._fetched_weights()

    @classmethod
    def from_pretrained_embedder(
        cls, embedder: str, *, revision: str | None = None, **settings: Any
    ) -> "BiLSTMForSequenceClassification":
        """A new, untrained classifier over the pretrained encoder ``embedder``.

        Args:
            embedder: Hub id or folder of any ``AutoModel`` encoder with weights in safetensors, or of a model of this
                package, whose encoder is then taken.
            revision: Branch, tag or commit of the encoder's repository.
            settings: Further arguments of :class:`BiLSTMConfig` (``id2label``, ``pooling``, ...), and ``token``,
                ``cache_dir``, ``local_files_only`` for the Hub.

        Raises:
            OSError: the encoder cannot be found or read, or is no safetensors.
            ValueError: the encoder lacks some of its weights; or it is a model of this package that has no encoder (its
                embedding is learned).
        """
        hub = {name: settings.pop(name) for name in HUB_OPTIONS if name in settings}
        repo_id = commit = None
        folder = Path(embedder)
        if not folder.is_dir():
            folder = fetch_encoder(embedder, revision, **hub)
            repo_id, commit = embedder, folder.name
        embedder_config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if isinstance(embedder_config, BiLSTMConfig):
            if embedder_config.embedder_config is None:
                raise ValueError(f"{embedder} learned its embedding itself: it has no encoder to build upon")
            encoder = cls.from_pretrained(folder, dtype=torch.float32, **hub).embedder
            repo_id, commit = embedder_config.embedder_repo_id, embedder_config.embedder_commit
        else:
            encoder = load_encoder(folder, embedder, dtype=torch.float32)
        config = BiLSTMConfig(
            embedder_config=encoder.config, embedder_repo_id=repo_id, embedder_commit=commit, **settings
        )
        model = cls(config)
        model.embedder.load_state_dict(encoder.state_dict())
        return model

    def _fetched_weights(self) -> set[str]:
        """Names of the weights that need not be saved: those of an embedder as it is at the commit that is named."""
        trained = any(parameter.requires_grad for parameter in self.embedder.parameters())
        if self.config.embedder_repo_id is None or trained:
            return set()
        return {f"embedder.{name}" for name in self.embedder.state_dict()}

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

        Where the model has n-grams, those around each token follow its embedding: (batch, time, 2 x embedding).

        Raises:
            ValueError: more tokens than the encoder has positions.
        """
        if isinstance(self.embedder, nn.Embedding):
            embeddings = self.embedder(input_ids)
            if self.ngrams is None:
                return embeddings
            return torch.cat([embeddings, self.ngrams(input_ids, attention_mask)], dim=-1)
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
        categories: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> SequenceClassifierOutput | tuple[torch.Tensor, ...]:
        """Classify a batch.

        Args:
            input_ids: Token ids (batch, time).
            attention_mask: 1 for a real token, 0 for padding (batch, time), on either side; all ones if left out.
            token_type_ids: Passed on to an encoder that takes them (batch, time).
            inputs_embeds: What :meth:`embed` gave before, in place of ``input_ids``.
            features: Standardised numbers beside the text (batch, columns of numbers), NaN for one that is missing;
                left out where all are.
            categories: Ids of categories beside the text (batch, columns of categories), 0 for a missing or unknown
                one; left out where all are.
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
        order, lengths = real_tokens_first(attention_mask)
        attention_mask = attention_mask.gather(1, order)
        if inputs_embeds is None:
            if token_type_ids is not None:
                token_type_ids = token_type_ids.gather(1, order)
            embeddings = self.embed(tokens.gather(1, order), attention_mask, token_type_ids)
        else:
            embeddings = reorder(tokens, order)
        embeddings = embeddings.to(self.classifier.weight.dtype)
        ngrams = None
        if self.ngrams is not None:
            embeddings, ngrams = embeddings.split(self.config.embedding_size, dim=-1)
        states, final = self.lstm(embeddings, lengths)
        pooled = self._pool(states, final, lengths)  # (batch, text_size)
        if ngrams is not None:
            pooled = torch.cat([pooled, _mean(ngrams, lengths)], dim=-1)
        nothing = attention_mask.sum(dim=1, keepdim=True) == 0  # (batch, 1), rows without a real token
        pooled = pooled.masked_fill(nothing, 0)
        if self.features_branch is not None:
            pooled = torch.cat([pooled, self.features_branch(features, categories, pooled)], dim=-1)
        elif features is not None or categories is not None:
            raise ValueError("features were given, but the model's config has no feature_columns")
        logits = self.classifier(self.dropout(pooled))  # (batch, num_labels)
        loss = None if labels is None else self._loss(logits, labels)
        if return_dict is False:
            return (logits,) if loss is None else (loss, logits)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def _pool(self, states: torch.Tensor, final: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        if self.config.pooling == "last":
            return final
        if self.config.pooling == "mean":
            return _mean(states, lengths)
        real = _real(states, lengths)
        if self.attention_pooling is not None:
            return self.attention_pooling(states, real)
        return states.masked_fill(~real.unsqueeze(-1), torch.finfo(states.dtype).min).amax(dim=1)

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
        elif isinstance(module, HashedNgrams):
            init.zeros_(module.weight)
        elif isinstance(module, nn.Embedding):
            weight = torch.randn_like(module.weight)
            if module.padding_idx is not None:
                weight[module.padding_idx] = 0
            init.copy_(module.weight, weight)


def _real(states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Which positions (batch, time) of ``states`` are not padding."""
    return torch.arange(states.shape[1], device=states.device).unsqueeze(0) < lengths.unsqueeze(1)


def _mean(states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Mean (batch, size) of ``states`` (batch, time, size) over what is not padding."""
    kept = states.masked_fill(~_real(states, lengths).unsqueeze(-1), 0)
    return kept.sum(dim=1) / lengths.unsqueeze(1).to(states.dtype)


BiLSTMForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
