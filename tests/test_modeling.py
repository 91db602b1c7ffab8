import itertools
import threading

import pytest
import torch
from conftest import REPOSITORY, tiny_bert_config, tiny_model
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModel, BertConfig, BertModel, DistilBertConfig, ElectraConfig, RobertaConfig

from bilstm_classifier import BiLSTMConfig, BiLSTMForSequenceClassification
from bilstm_classifier.configuration import POOLINGS

MODELS = {
    (pooling, layers, bidirectional): tiny_model(
        pooling=pooling, lstm_num_layers=layers, bidirectional=bidirectional
    )
    for pooling, layers, bidirectional in itertools.product(POOLINGS, (1, 2, 3), (True, False))
}
rows = st.lists(st.lists(st.integers(5, 59), min_size=1, max_size=20), min_size=1, max_size=5)


def batch_of(texts: list[list[int]], padding: int, side: str) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, texts)) + padding
    ids = torch.zeros(len(texts), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        start = 0 if side == "right" else longest - len(text)
        ids[row, start : start + len(text)] = torch.tensor(text)
        mask[row, start : start + len(text)] = 1
    return ids, mask


@pytest.mark.parametrize("key", MODELS, ids=str)
@given(texts=rows, padding=st.integers(0, 30), side=st.sampled_from(["right", "left"]))
@settings(max_examples=15, deadline=None)
@torch.no_grad()
def test_same_text_same_logits_in_any_company(key, texts, padding, side):
    model = MODELS[key]
    together = model(*batch_of(texts, padding, side)).logits
    for row, text in enumerate(texts):
        alone = model(torch.tensor([text])).logits[0]
        torch.testing.assert_close(together[row], alone, atol=1e-4, rtol=0)


@given(texts=rows, padding=st.integers(0, 30))
@settings(max_examples=15, deadline=None)
@torch.no_grad()
def test_same_text_same_logits_with_a_learned_embedding(texts, padding):
    model = tiny_model(embedder=False, pooling="last")
    together = model(*batch_of(texts, padding, "right")).logits
    alone = torch.cat([model(torch.tensor([text])).logits for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


def tiny_model_of_ngrams(longest: int) -> BiLSTMForSequenceClassification:
    """Its n-grams say something, which those of a new model do not."""
    model = tiny_model(embedder=False, longest_ngram=longest, ngram_buckets=100_003)
    torch.nn.init.normal_(model.ngrams.weight, generator=torch.Generator().manual_seed(2))
    return model


@given(
    texts=rows, padding=st.integers(0, 30), side=st.sampled_from(["right", "left"]), longest=st.integers(1, 5)
)
@settings(max_examples=30, deadline=None)
@torch.no_grad()
def test_same_text_same_logits_with_ngrams(texts, padding, side, longest):
    model = tiny_model_of_ngrams(longest)
    ids, mask = batch_of(texts, padding, side)
    together = model(ids.masked_fill(mask == 0, 7), mask).logits  # whatever the padding is made of
    alone = torch.cat([model(torch.tensor([text])).logits for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@torch.no_grad()
def test_ngrams_are_those_around_each_token(size):
    """Each n-gram of the text, and each that reaches over its ends, has a row of the table, wherever it stands."""
    text = [5, 6, 7, 5, 6, 7, 8, 5, 6]
    ids = torch.tensor([text])
    of_size = tiny_model_of_ngrams(size).ngrams(ids, torch.ones_like(ids))[0]  # (tokens, embedding)
    if size > 1:
        of_size = of_size - tiny_model_of_ngrams(size - 1).ngrams(ids, torch.ones_like(ids))[0]
    seen = {}
    for place, found in enumerate(of_size):
        start = place - (size - 1) // 2
        ngram = tuple(text[i] if 0 <= i < len(text) else None for i in range(start, start + size))
        torch.testing.assert_close(found, seen.setdefault(ngram, found), atol=1e-5, rtol=0)
    distinct = torch.stack(list(seen.values())).round(decimals=3).unique(dim=0)
    assert len(distinct) == len(seen) >= 4


@torch.no_grad()
def test_the_head_reads_the_mean_of_the_ngrams():
    model = tiny_model_of_ngrams(2)
    assert model.classifier.in_features == 16 + 12
    model.classifier.weight[:, :16] = 0  # the LSTM is not heard
    texts = [[5, 6, 7, 8], [9, 10]]
    together = model(*batch_of(texts, 3, "right")).logits
    for found, text in zip(together, texts, strict=True):
        ids = torch.tensor([text])
        mean = model.ngrams(ids, torch.ones_like(ids)).mean(dim=1)[0]
        expected = model.classifier.weight[:, 16:] @ mean + model.classifier.bias
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_ngrams_that_were_never_trained_say_nothing():
    model = tiny_model(embedder=False, longest_ngram=3, ngram_buckets=50)
    before = model(torch.tensor([[5, 6, 7, 8]])).logits
    model.classifier.weight[:, 16:] = 9
    assert torch.equal(model(torch.tensor([[5, 6, 7, 8]])).logits, before)


@pytest.mark.parametrize("pooling", POOLINGS)
@torch.no_grad()
def test_padding_in_bfloat16_stays_within_the_stated_bound(pooling):
    """README states 0.02: the most that a padded batch moved a logit of these models by."""
    model = tiny_model(pooling=pooling).to(torch.bfloat16)
    texts = torch.randint(5, 60, (16, 20), generator=torch.Generator().manual_seed(1)).tolist()
    texts = [text[: 1 + row] for row, text in enumerate(texts)]
    together = model(*batch_of(texts, 11, "right")).logits
    alone = torch.cat([model(torch.tensor([text])).logits for text in texts])
    assert together.dtype == torch.bfloat16
    assert (together - alone).abs().max() <= 0.02


@torch.no_grad()
def test_equals_packed_bidirectional_lstm():
    """The dense form is torch's own packed LSTM, layer by layer and direction by direction."""
    model = tiny_model(lstm_num_layers=2, embedder=False)
    reference = nn.LSTM(12, 8, num_layers=2, bidirectional=True, batch_first=True)
    _copy_lstm(reference, model.lstm, to_reference=True)
    ids, mask = batch_of([[5, 6, 7, 8], [9, 10], [11, 12, 13, 14, 15]], 3, "right")
    embeddings = model.embedder(ids)
    packed = nn.utils.rnn.pack_padded_sequence(
        embeddings, mask.sum(1), batch_first=True, enforce_sorted=False
    )
    expected, _ = nn.utils.rnn.pad_packed_sequence(
        reference(packed)[0], batch_first=True, total_length=ids.shape[1]
    )
    states, final = model.lstm(embeddings, mask.sum(1))
    real = mask.bool()
    torch.testing.assert_close(states[real], expected[real])
    last = expected[torch.arange(3), mask.sum(1) - 1, :8]
    torch.testing.assert_close(final, torch.cat([last, expected[:, 0, 8:]], dim=-1))


class Original(nn.Module):
    """The module this package grew from, as its author wrote it down: the mean is taken over padding too."""

    def __init__(self, bert: BertModel, num_classes: int):
        super().__init__()
        self.bert = bert
        self.lstm = nn.LSTM(16, 8, num_layers=2, bidirectional=True, dropout=0.5, batch_first=True)
        self.fc = nn.Linear(16, num_classes)
        self.dropout = nn.Dropout(0.5)

    def forward(self, input_ids, attention_mask):
        with torch.no_grad():
            embedded = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        states, _ = self.lstm(embedded)
        return self.fc(self.dropout(states.mean(dim=1)))


@torch.no_grad()
def test_gets_the_logits_of_the_original_for_one_unpadded_text():
    torch.manual_seed(1)
    original = Original(BertModel(tiny_bert_config()), 3).eval()
    model = tiny_model(pooling="mean", lstm_num_layers=2)
    model.embedder.load_state_dict(original.bert.state_dict(), strict=False)  # the pooler stays behind
    model.classifier.load_state_dict(original.fc.state_dict())
    _copy_lstm(original.lstm, model.lstm)
    ids = torch.randint(5, 60, (1, 23))
    expected = original(ids, torch.ones_like(ids))
    torch.testing.assert_close(model(ids).logits, expected, atol=1e-6, rtol=0)


def _copy_lstm(torch_lstm: nn.LSTM, ours: nn.Module, to_reference: bool = False) -> None:
    for depth, layer in enumerate(ours.layers):
        for way, suffix in enumerate(("", "_reverse")):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                theirs = getattr(torch_lstm, f"{name}_l{depth}{suffix}")
                own = getattr(layer[way], f"{name}_l0")
                target, source = (theirs, own) if to_reference else (own, theirs)
                target.data.copy_(source)


@pytest.mark.parametrize(
    "embedder",
    [
        ElectraConfig(
            vocab_size=60,
            embedding_size=8,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
        ),
        DistilBertConfig(vocab_size=60, dim=16, n_layers=2, n_heads=2, hidden_dim=32),
    ],
    ids=["electra", "distilbert"],
)
@torch.no_grad()
def test_any_encoder(embedder):
    model = tiny_model(embedder_config=embedder)
    ids, mask = batch_of([[5, 6, 7], [8]], 2, "right")
    logits = model(ids, mask, token_type_ids=torch.zeros_like(ids)).logits
    torch.testing.assert_close(logits[1:], model(torch.tensor([[8]])).logits, atol=1e-5, rtol=0)


def test_frozen_embedder_stays_in_eval_mode_without_gradient():
    model = tiny_model().train()
    assert model.lstm.training
    assert not any(module.training for module in model.embedder.modules())
    loss = model(torch.randint(5, 60, (4, 9)), labels=torch.tensor([0, 1, 2, 0])).loss
    loss.backward()
    assert all(parameter.grad is None for parameter in model.embedder.parameters())
    assert all(parameter.grad is not None for parameter in model.lstm.parameters())


def test_frozen_embedding_is_the_same_in_training_mode():
    model = tiny_model().train()
    ids = torch.randint(5, 60, (2, 9))
    mask = torch.ones_like(ids)
    assert torch.equal(model.embed(ids, mask), model.embed(ids, mask))


def test_gradients_reach_a_frozen_embedder_only_in_the_context():
    model = tiny_model()
    seen = []
    table = model.get_input_embeddings()

    def keep(module, inputs, output):
        seen.append(output.requires_grad_())

    handle = table.register_forward_hook(keep)
    ids = torch.randint(5, 60, (1, 6))
    assert not model.embed(ids, torch.ones_like(ids)).requires_grad
    with model.gradients_to_embedder():
        model(ids).logits[0, 1].backward()
    handle.remove()
    assert seen[-1].grad.abs().sum() > 0
    assert not model.embed(ids, torch.ones_like(ids)).requires_grad


def test_unfrozen_embedder_is_trained():
    model = tiny_model(freeze_embedder=False).train()
    assert model.embedder.training
    model(torch.randint(5, 60, (2, 5)), labels=torch.tensor([0, 1])).loss.backward()
    assert model.embedder.encoder.layer[0].attention.self.query.weight.grad.abs().sum() > 0


def test_unfreezing_the_last_layer_trains_it_alone():
    model = tiny_model(unfreeze_last_layers=1).train()
    model(torch.randint(5, 60, (2, 5)), labels=torch.tensor([0, 1])).loss.backward()
    first, last = model.embedder.encoder.layer
    assert all(parameter.grad is None for parameter in first.parameters())
    assert all(parameter.grad is not None for parameter in last.parameters())
    assert last.training
    assert not first.training


@pytest.mark.parametrize("unfrozen", [0, 1])
def test_a_loaded_model_is_frozen_as_it_was_saved(tmp_path, unfrozen):
    model = tiny_model(unfreeze_last_layers=unfrozen)
    model.save_pretrained(tmp_path)
    loaded = BiLSTMForSequenceClassification.from_pretrained(tmp_path)
    trained = [name for name, parameter in model.embedder.named_parameters() if parameter.requires_grad]
    assert [
        name for name, parameter in loaded.embedder.named_parameters() if parameter.requires_grad
    ] == trained
    assert bool(trained) == bool(unfrozen)


def test_unfreezing_more_layers_than_there_are_is_refused():
    with pytest.raises(ValueError, match="has 2 layers"):
        tiny_model(unfreeze_last_layers=3)


def test_gradients_are_let_through_in_one_thread_alone():
    model, ids = tiny_model(), torch.tensor([[5, 6]])
    model.get_input_embeddings().register_forward_hook(lambda module, inputs, output: output.requires_grad_())
    seen = {}

    def other():
        seen["other"] = model.embed(ids, torch.ones_like(ids)).requires_grad

    with model.gradients_to_embedder():
        seen["own"] = model.embed(ids, torch.ones_like(ids)).requires_grad
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == {"own": True, "other": False}


@torch.no_grad()
def test_positions_of_roberta_begin_after_padding():
    sizes = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    encoder = RobertaConfig(**sizes, intermediate_size=32, max_position_embeddings=20, pad_token_id=1)
    model = tiny_model(embedder_config=encoder)
    assert model.config.max_tokens == 18
    model(torch.full((1, 18), 5))
    with pytest.raises(ValueError, match="the encoder reads 18 at most"):
        model(torch.full((1, 19), 5))


@torch.no_grad()
def test_a_row_of_padding_alone_is_read_as_nothing():
    model = tiny_model()
    mask = torch.tensor([[1, 1, 1], [0, 0, 0]])
    first = model(torch.tensor([[5, 6, 7], [8, 9, 10]]), mask).logits[1]
    second = model(torch.tensor([[5, 6, 7], [11, 12, 13]]), mask).logits[1]
    assert torch.equal(first, second)


def test_the_callers_config_is_left_alone():
    encoder = tiny_bert_config(dtype="float16")
    BiLSTMConfig(embedder_config=encoder)
    assert encoder.dtype == torch.float16


@torch.no_grad()
def test_embeddings_in_place_of_ids():
    model = tiny_model()
    ids, mask = batch_of([[5, 6, 7, 8], [9, 10]], 1, "right")
    embeddings = model.embed(ids, mask)
    torch.testing.assert_close(
        model(inputs_embeds=embeddings, attention_mask=mask).logits,
        model(ids, mask).logits,
        atol=1e-6,
        rtol=0,
    )


COLUMNS = [
    {"name": "views", "kind": "number", "mean": 2.0, "std": 1.0, "low": 0.0, "high": 9.0, "log": True},
    {"name": "length", "kind": "number", "mean": 2.0, "std": 1.0, "low": 0.0, "high": 5.0, "log": False},
    {"name": "language", "kind": "category", "values": ["en", "ru"]},
]


@torch.no_grad()
def test_features_change_the_answer_and_are_checked():
    model = tiny_model(feature_columns=COLUMNS).eval()
    ids = torch.randint(5, 60, (2, 5))
    numbers, categories = torch.ones(2, 2), torch.ones(2, 1, dtype=torch.long)
    logits = model(ids, features=numbers, categories=categories).logits
    assert not torch.allclose(logits, model(ids, features=0 * numbers, categories=categories).logits)
    assert not torch.allclose(logits, model(ids, features=numbers, categories=2 * categories).logits)
    with pytest.raises(
        ValueError, match=r"features of shape \(2, 2\) are needed beside the text, found \(2, 3\)"
    ):
        model(ids, features=torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"categories of shape \(2, 1\)"):
        model(ids, categories=torch.ones(2, 2, dtype=torch.long))
    with pytest.raises(ValueError, match="no feature_columns"):
        tiny_model()(ids, features=torch.ones(2, 3))


@torch.no_grad()
def test_what_is_missing_beside_the_text_is_told_from_a_mean():
    model = tiny_model(feature_columns=COLUMNS).eval()
    ids = torch.randint(5, 60, (2, 5))
    missing = torch.full((2, 2), float("nan"))
    nothing = model(ids).logits
    torch.testing.assert_close(
        nothing, model(ids, features=missing, categories=torch.zeros(2, 1, dtype=torch.long)).logits
    )
    assert not torch.allclose(nothing, model(ids, features=torch.zeros(2, 2)).logits)
    half = torch.tensor([[1.0, float("nan")], [float("nan"), float("nan")]])
    answers = model(ids, features=half).logits
    assert not torch.allclose(answers[0], nothing[0])
    torch.testing.assert_close(answers[1], nothing[1])


@torch.no_grad()
def test_columns_are_hidden_in_training_alone():
    model = tiny_model(feature_columns=COLUMNS, features_dropout=0.5, dropout=0.0)
    ids, numbers = torch.randint(5, 60, (1, 5)).expand(200, -1), torch.ones(200, 2)
    assert len(model.eval()(ids, features=numbers).logits.round(decimals=4).unique(dim=0)) == 1
    answers = model.train()(ids, features=numbers).logits.round(decimals=4)
    hidden = model(ids[:1]).logits
    share = (answers - hidden).abs().max(dim=1).values.lt(1e-3).float().mean()
    assert 0.35 < share < 0.65


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"name": "shares"}, "the kind None for 'shares'"),
        ({"name": None, "kind": "number"}, "the name None"),
        (COLUMNS[0], "the name 'views': expected a text, each name once"),
        ({**COLUMNS[1], "name": "x", "std": 0.0}, "finite mean, std"),
        ({**COLUMNS[1], "name": "x", "mean": float("nan")}, "finite mean, std"),
        ({**COLUMNS[1], "name": "x", "low": 9.0}, "finite mean, std"),
        ({**COLUMNS[2], "name": "x", "values": ["en", "en"]}, "lists no values of 'x'"),
        ({**COLUMNS[2], "name": "x", "values": [1]}, "lists no values of 'x'"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(column, message):
    with pytest.raises(ValueError, match=message):
        tiny_model(feature_columns=[*COLUMNS, column])


def test_class_weights_weigh_the_loss():
    ids, labels = torch.randint(5, 60, (3, 5)), torch.tensor([0, 1, 2])
    plain, weighted = tiny_model(), tiny_model(class_weights=[1.0, 2.0, 4.0])
    logits = plain(ids).logits
    expected = nn.functional.cross_entropy(logits, labels, weight=torch.tensor([1.0, 2.0, 4.0]))
    torch.testing.assert_close(weighted(ids, labels=labels).loss, expected)


def test_overlapping_labels_have_a_loss_of_their_own():
    model = tiny_model(problem_type="multi_label_classification")
    ids, labels = torch.randint(5, 60, (2, 5)), torch.tensor([[0, 1, 1], [1, 0, 0]])
    output = model(ids, labels=labels)
    expected = nn.functional.binary_cross_entropy_with_logits(output.logits, labels.float())
    torch.testing.assert_close(output.loss, expected)


def test_tuple_output():
    model = tiny_model()
    ids = torch.randint(5, 60, (2, 5))
    assert len(model(ids, return_dict=False)) == 1
    assert len(model(ids, labels=torch.tensor([0, 1]), return_dict=False)) == 2


@pytest.mark.parametrize("ids", [torch.zeros(1, 0, dtype=torch.long), None])
def test_no_tokens_is_an_error(ids):
    with pytest.raises(ValueError, match=r"no token|either input_ids or inputs_embeds"):
        tiny_model()(ids)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"pooling": "sum"}, "pooling is 'sum'"),
        ({"problem_type": "regression"}, "problem_type is 'regression'"),
        ({"lstm_num_layers": 0}, "lstm_num_layers is 0"),
        ({"dropout": 1.5}, "dropout is 1.5"),
        ({"embedding_size": -3}, "embedding_size is -3"),
        ({"longest_ngram": -1}, "longest_ngram is -1"),
        ({"longest_ngram": 2, "ngram_buckets": 0}, "ngram_buckets is 0"),
        ({"longest_ngram": 2, "embedder_config": tiny_bert_config()}, "but there is an encoder"),
        ({"vocab_size": 10, "pad_token_id": 10}, "pad_token_id is 10"),
        ({"embedder_config": {"hidden_size": 8}}, "no model_type"),
        ({"class_weights": [1.0, -1.0]}, "expected 2 positive numbers"),
    ],
)
def test_config_says_what_is_wrong(setting, message):
    with pytest.raises(ValueError, match=message):
        BiLSTMConfig(**setting)


def test_a_model_needs_an_embedding():
    with pytest.raises(ValueError, match="neither embedder_config"):
        BiLSTMForSequenceClassification(BiLSTMConfig())


def test_new_classifier_over_a_pretrained_encoder(tmp_path):
    torch.manual_seed(3)
    encoder = AutoModel.from_config(tiny_bert_config())
    encoder.save_pretrained(tmp_path / "encoder")
    model = BiLSTMForSequenceClassification.from_pretrained_embedder(str(tmp_path / "encoder"), num_labels=4)
    assert model.classifier.out_features == 4
    assert torch.equal(
        model.embedder.embeddings.word_embeddings.weight, encoder.embeddings.word_embeddings.weight
    )


def test_new_labels_on_top_of_a_trained_model(tmp_path):
    trained = tiny_model()
    trained.save_pretrained(tmp_path)
    model = BiLSTMForSequenceClassification.from_pretrained_embedder(str(tmp_path), num_labels=7)
    assert model.classifier.out_features == 7
    for name, value in trained.embedder.state_dict().items():
        assert torch.equal(model.embedder.state_dict()[name], value)


def test_the_sizes_that_the_readme_gives():
    """Of a model of the original's size, with its encoder and without."""
    with torch.device("meta"):
        encoder = BertConfig(vocab_size=119547)  # bert-base-multilingual-cased
        model = BiLSTMForSequenceClassification(BiLSTMConfig(embedder_config=encoder, num_labels=11))
    embedder, whole = (sum(w.numel() for w in part.parameters()) for part in (model.embedder, model))
    head_in_half, whole_in_full = 2 * (whole - embedder) / 1e6, 4 * whole / 1e6
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert f"{head_in_half:.1f} MB in half precision, not {whole_in_full:.0f} in full" in readme
