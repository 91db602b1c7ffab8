"""Old checkpoints become models of this package: with the original's logits, or with an error in a sentence."""

import pytest
import torch
from legacy_originals import CHARACTERS, CharacterOriginal, NewsOriginal, character_checkpoint, save_whole
from safetensors import safe_open
from torch import nn

from bilstm_classifier.legacy.convert import NEWS_LABELS, convert_checkpoint
from bilstm_classifier.model_folder import load_model

IDS = torch.tensor([[7, 3, 9, 21, 5, 3, 40, 2, 11]])


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory, word_tokenizer):
    folder = tmp_path_factory.mktemp("tokenizer")
    word_tokenizer.save_pretrained(folder)
    return str(folder)


def assert_same_logits(original, folder):
    model, _ = load_model(folder)
    with torch.no_grad():
        expected = original.float().eval()(IDS, torch.ones_like(IDS))
        torch.testing.assert_close(model(IDS).logits, expected, rtol=0, atol=1e-5)


# --- the news model ---


def test_a_news_model_saved_whole(tmp_path, tokenizer, word_tokenizer):
    # what no shape tells is that of the pickled config
    original = NewsOriginal(hidden_act="relu", layer_norm_eps=0.1, num_attention_heads=4)
    path = save_whole(original, tmp_path / "model.pth")
    folder = convert_checkpoint(path, tmp_path / "output", tokenizer=tokenizer)
    assert_same_logits(original, folder)
    model, loaded = load_model(folder)
    assert model.config.label_names == NEWS_LABELS
    assert model.config.pooling == "mean"
    assert model.config.dropout == 0.5
    assert model.embedder_is_frozen
    assert loaded.get_vocab() == word_tokenizer.get_vocab()
    assert loaded.backend_tokenizer.truncation["max_length"] == 64, "as many as BERT has positions"


def test_a_training_checkpoint(tmp_path, tokenizer):
    from transformers import TrainingArguments

    original = NewsOriginal(hidden_size=128)
    optimizer = torch.optim.AdamW(original.parameters())
    original(IDS, torch.ones_like(IDS)).sum().backward()
    optimizer.step()
    checkpoint = {"optimizer_state_dict": optimizer.state_dict(), "model_state_dict": original.state_dict()}
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, report_to=[])
    for number, settings in enumerate([arguments, arguments.to_dict(), None]):
        torch.save({**checkpoint, "training_args": settings}, tmp_path / "model.pth")
        folder = convert_checkpoint(tmp_path / "model.pth", tmp_path / str(number), tokenizer=tokenizer)
        assert_same_logits(original, folder)


def test_weights_alone_and_the_config_of_their_embedder(tmp_path, tokenizer):
    original = NewsOriginal()
    torch.save(original.state_dict(), tmp_path / "model.pth")
    with pytest.raises(ValueError, match="how many heads its BERT of width 16 has: give the embedder"):
        convert_checkpoint(tmp_path / "model.pth", tmp_path / "output", tokenizer=tokenizer)
    original.bert.config.save_pretrained(tmp_path / "bert")
    folder = convert_checkpoint(
        tmp_path / "model.pth", tmp_path / "output", tokenizer=tokenizer, embedder=str(tmp_path / "bert")
    )
    assert_same_logits(original, folder)
    with pytest.raises(OSError, match=r"config of .*nowhere could not be loaded"):
        convert_checkpoint(
            tmp_path / "model.pth", tmp_path / "b", tokenizer=tokenizer, embedder=str(tmp_path / "nowhere")
        )


def test_precision_is_kept(tmp_path, tokenizer):
    original = NewsOriginal().half()
    path = save_whole(original, tmp_path / "model.pth")
    folder = convert_checkpoint(path, tmp_path / "output", tokenizer=tokenizer)
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    assert_same_logits(original, folder)


def test_weights_that_a_gpu_laid_out_in_one_storage(tmp_path, tokenizer):
    original = NewsOriginal()
    parameters = list(original.lstm.parameters())
    flat = torch.cat([parameter.detach().flatten() for parameter in parameters])
    for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.data = part.view(parameter.shape)
    path = save_whole(original, tmp_path / "model.pth")
    assert_same_logits(original, convert_checkpoint(path, tmp_path / "output", tokenizer=tokenizer))


def test_labels_are_named(tmp_path, tokenizer):
    path = save_whole(NewsOriginal(outputs=3), tmp_path / "model.pth")
    with pytest.raises(ValueError, match="has 3 labels without names"):
        convert_checkpoint(path, tmp_path / "output", tokenizer=tokenizer)
    for labels in (["a", "b"], ["a", "b", "b"], ["a", "b", ""]):
        with pytest.raises(ValueError, match="expected 3, one an output"):
            convert_checkpoint(path, tmp_path / "output", tokenizer=tokenizer, labels=labels)
    folder = convert_checkpoint(path, tmp_path / "output", tokenizer=tokenizer, labels=["c", "a", "b"])
    assert load_model(folder)[0].config.label_names == ["c", "a", "b"]


def test_the_tokenizer_goes_with_the_model(tmp_path, tokenizer, caplog):
    path = save_whole(NewsOriginal(), tmp_path / "model.pth")
    with pytest.raises(
        OSError, match="tokenizer of google-bert/bert-base-multilingual-cased could not be loaded"
    ):
        convert_checkpoint(path, tmp_path / "output")
    small = save_whole(NewsOriginal(vocab_size=41), tmp_path / "small.pth")
    with pytest.raises(ValueError, match=r"tokens, the model's BERT an embedding of 41: give the tokenizer"):
        convert_checkpoint(small, tmp_path / "output", tokenizer=tokenizer)
    assert not (tmp_path / "output").exists()
    large = save_whole(NewsOriginal(vocab_size=100), tmp_path / "large.pth")
    convert_checkpoint(large, tmp_path / "output", tokenizer=tokenizer)
    assert "an embedding of 100: it may be another model's" in caplog.text


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda weights: weights.pop("fc.bias"), r"lacks 1 weights of the model, 'fc\.bias' among them"),
        (
            lambda weights: [weights.pop(name) for name in list(weights) if "layer.0.output" in name],
            r"lacks 4 weights of the model, 'bert\.encoder\.layer\.0\.output",
        ),
        (lambda weights: weights.pop("lstm.weight_hh_l1_reverse"), r"lacks 1 .*'lstm\.weight_hh_l1_reverse'"),
        (
            lambda weights: weights.pop("lstm.weight_hh_l0"),
            r"should have a table lstm\.weight_hh_l0: found no such",
        ),
        (
            lambda weights: weights.update({"crf.w": torch.ones(2)}),
            r"has 1 weights that have no place .*'crf\.w'",
        ),
        (
            lambda weights: weights.update({"fc.bias": torch.ones(2)}),
            r"'fc\.bias' among them: \(2,\), expected \(11,\)",
        ),
        (
            lambda weights: weights.update({"fc.weight": torch.ones(2)}),
            r"table fc\.weight: found the shape \(2,\)",
        ),
        (
            lambda weights: weights.update({"fc.bias": torch.arange(11)}),
            r"no fractions, 'fc\.bias' among them",
        ),
        (
            lambda weights: weights.update({"bert.encoder.layer.7.x": torch.ones(1)}),
            r"lacks 16 weights of the model, 'bert\.encoder\.layer\.2\.",
        ),
        (
            lambda weights: weights.update({f"x{number}": weights["fc.weight"] for number in range(9_999)}),
            "share their numbers",
        ),
        (
            lambda weights: weights.update({"fc.bias": "gone"}),
            "holds no model but a dict of model_state_dict",
        ),
        (lambda weights: weights.clear(), "holds no model but a dict of model_state_dict"),
    ],
)
def test_weights_of_another_model(change, complaint, tmp_path, tokenizer):
    weights = NewsOriginal(hidden_size=64, num_attention_heads=1).state_dict()
    change(weights)
    torch.save({"model_state_dict": weights}, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=complaint):
        convert_checkpoint(tmp_path / "model.pth", tmp_path / "output", tokenizer=tokenizer)
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        ({}, "holds no model but a dict of nothing"),
        ([1, 2], "holds no model but a list"),
        (torch.ones(2), "holds no model but a Tensor"),
        ({"epoch": 3, "loss": 0.5}, "holds no model but a dict of epoch, loss"),
        (
            nn.Linear(2, 2).state_dict(),
            r"holds 2 weights of another model, 'bias' among them: expected bert\.\*",
        ),
        (nn.Linear(2, 2), "holds 2 weights of another model"),
        (nn.ReLU(), "holds no model but a Inert"),
    ],
)
def test_files_without_a_known_model(found, complaint, tmp_path):
    torch.save(found, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=complaint):
        convert_checkpoint(tmp_path / "model.pth", tmp_path / "output")


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("num_attention_heads", 3, "settings of .* make no model"),
        ("num_attention_heads", 0, "settings of .* make no model"),
        ("hidden_act", "no-such", "settings of .* make no model"),
        ("hidden_act", ["gelu"], "a hidden_act that is no number or name"),
        ("layer_norm_eps", "small", "has settings that make none"),
        ("pad_token_id", 1_000, "settings of .* make no model"),
    ],
)
def test_settings_that_make_no_model(setting, value, complaint, tmp_path, tokenizer):
    original = NewsOriginal()
    vars(original.bert.config)[setting] = value
    path = save_whole(original, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=complaint):
        convert_checkpoint(path, tmp_path / "output", tokenizer=tokenizer)


def test_settings_of_a_pickled_config_that_could_fetch_code_are_left(tmp_path, tokenizer):
    original = NewsOriginal()
    vars(original.bert.config).update(
        _attn_implementation_internal="someone/kernel", auto_map={"AutoModel": "x.Y"}
    )
    path = save_whole(original, tmp_path / "model.pth")
    folder = convert_checkpoint(path, tmp_path / "output", tokenizer=tokenizer)
    assert "someone" not in (folder / "config.json").read_text()
    assert "x.Y" not in (folder / "config.json").read_text()


# --- the language-identification model ---


@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_character_checkpoint(num_layers, tmp_path):
    original = CharacterOriginal(num_layers).eval()
    torch.save(character_checkpoint(original), tmp_path / "model.pth")
    model, tokenizer = load_model(convert_checkpoint(tmp_path / "model.pth", tmp_path / "output"))
    texts = ["ба A\nа", "б", "Aж а"]
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    expected = [[CHARACTERS.get(character, 1) for character in text] for text in texts]
    assert [
        ids[: len(text)] for ids, text in zip(encoded["input_ids"].tolist(), texts, strict=True)
    ] == expected
    with torch.no_grad():
        logits = original(encoded["input_ids"], torch.tensor([len(text) for text in texts]))
        torch.testing.assert_close(model(**encoded).logits, logits, rtol=0, atol=1e-5)
    assert model.config.label_names == ["русский", "English", "français", "Deutsch"]
    assert model.config.dropout == 0.3
    assert tokenizer.get_vocab() == CHARACTERS
    assert tokenizer.model_max_length == 750


def test_max_length_and_labels_of_a_character_checkpoint(tmp_path):
    torch.save(character_checkpoint(CharacterOriginal()), tmp_path / "model.pth")
    folder = convert_checkpoint(
        tmp_path / "model.pth", tmp_path / "a", max_length=20, labels=["a", "b", "c", "d"]
    )
    model, tokenizer = load_model(folder)
    assert tokenizer.backend_tokenizer.truncation["max_length"] == 20
    assert model.config.label_names == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="max_length is 0"):
        convert_checkpoint(tmp_path / "model.pth", tmp_path / "b", max_length=0)
    with pytest.raises(ValueError, match="has its own characters and embedding: leave some/tokenizer out"):
        convert_checkpoint(tmp_path / "model.pth", tmp_path / "b", tokenizer="some/tokenizer")


@pytest.mark.parametrize(
    ("entry", "value", "complaint"),
    [
        ("vocab_token2idx", None, "no dict vocab_token2idx"),
        ("vocab_token2idx", {**CHARACTERS, "в": 7}, "token 'в' without a row of the 7"),
        ("vocab_token2idx", {**CHARACTERS, "в": "3"}, "token 'в' without a row of the 7"),
        ("vocab_token2idx", {**CHARACTERS, 5: 3}, "token '5' without a row of the 7"),
        ("vocab_token2idx", {**CHARACTERS, "в": 3}, "a number twice"),
        ("vocab_token2idx", {**CHARACTERS, "<PAD>": 1, "<UNK>": 0}, "<PAD> 0 and <UNK> 1"),
        ("vocab_token2idx", {"<PAD>": 0, "<UNK>": 1, "\ud800": 2}, "half a character"),
        ("label2idx", None, "no label2idx that numbers"),
        ("label2idx", {"a": 0, "b": 2, "c": 3, "d": 4}, "no label2idx that numbers"),
        ("label2idx", {"a": 0, "b": "1"}, "no label2idx that numbers"),
        ("label2idx", {"a": 0, "b": 1}, "expected 4, one an output"),
    ],
)
def test_vocabularies_and_labels_that_do_not_go_with_the_weights(entry, value, complaint, tmp_path):
    torch.save({**character_checkpoint(CharacterOriginal()), entry: value}, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=complaint):
        convert_checkpoint(tmp_path / "model.pth", tmp_path / "output")
    assert not (tmp_path / "output").exists()


# --- where it is written ---


def test_nothing_is_replaced(tmp_path):
    torch.save(character_checkpoint(CharacterOriginal()), tmp_path / "model.pth")
    output = tmp_path / "output"
    output.mkdir()
    convert_checkpoint(tmp_path / "model.pth", output, max_length=9)
    assert load_model(output)[1].backend_tokenizer.truncation["max_length"] == 9
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    for place in (output, tmp_path):
        with pytest.raises(FileExistsError, match="is not empty: give a new folder"):
            convert_checkpoint(tmp_path / "model.pth", place)
    with pytest.raises(FileExistsError, match="is a file: expected a folder"):
        convert_checkpoint(tmp_path / "model.pth", tmp_path / "model.pth")
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pth", "output"]


def test_nothing_is_written_when_the_checkpoint_is_refused(tmp_path):
    torch.save({"a": 1}, tmp_path / "model.pth")
    with pytest.raises(ValueError, match="holds no model"):
        convert_checkpoint(tmp_path / "model.pth", tmp_path / "output")
    assert not (tmp_path / "output").exists()
