"""A saved folder is an ordinary transformers model: Auto classes, ``pipeline``, with and without this package."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import LABELS, TEXTS, tiny_bert_config, tiny_model
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    pipeline,
)

from bilstm_classifier import BiLSTMConfig, BiLSTMForSequenceClassification, Predictor
from bilstm_classifier.configuration import POOLINGS
from bilstm_classifier.model_folder import save_model
from bilstm_classifier.predictor import DEFAULT_MODEL

LONG_TEXT = " ".join(TEXTS * 5)
DTYPES = [torch.float32, torch.float16, torch.bfloat16]


def wordpiece_tokenizer() -> PreTrainedTokenizerFast:
    """One that puts special tokens around a text and gives ``token_type_ids``, as BERT's does."""
    words = sorted({word for text in TEXTS for word in text.lower().replace(",", " ,").split()})
    vocabulary = {token: index for index, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        model_max_length=512,
    )


def by_label(answers: list[list[dict]]) -> np.ndarray:
    """A pipeline's answers with ``top_k=None`` as an array, columns in the order of the labels."""
    order = list(LABELS.values())
    return np.array(
        [[{item["label"]: item["score"] for item in row}[name] for name in order] for row in answers]
    )


# --- in this process ---


def test_the_auto_classes_give_our_classes(model_folder):
    assert type(AutoConfig.from_pretrained(model_folder)) is BiLSTMConfig
    model = AutoModelForSequenceClassification.from_pretrained(model_folder)
    assert type(model) is BiLSTMForSequenceClassification
    assert AutoTokenizer.from_pretrained(model_folder).is_fast
    new = AutoModelForSequenceClassification.from_config(model.config)
    assert type(new) is BiLSTMForSequenceClassification


VARIANTS = {
    **{f"encoder, {pooling}": {"pooling": pooling} for pooling in POOLINGS},
    **{f"learned embedding, {pooling}": {"pooling": pooling, "embedder": False} for pooling in POOLINGS},
    "n-grams": {"embedder": False, "longest_ngram": 3, "ngram_buckets": 50},
    "one direction": {"bidirectional": False, "lstm_num_layers": 1, "pooling": "last"},
    "overlapping labels": {"problem_type": "multi_label_classification"},
    "class weights": {"class_weights": [1.0, 2.0, 3.0]},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("tokenizer", ["words", "wordpiece"])
def test_a_pipeline_says_what_the_predictor_says(tmp_path, word_tokenizer, variant, tokenizer):
    tokenizer = word_tokenizer if tokenizer == "words" else wordpiece_tokenizer()
    save_model(tiny_model(**VARIANTS[variant]), tokenizer, tmp_path, max_length=20)
    classify = pipeline("text-classification", model=str(tmp_path))
    expected = Predictor.from_pretrained(tmp_path).predict_proba(TEXTS)
    np.testing.assert_allclose(by_label(classify(TEXTS, top_k=None)), expected, atol=1e-4)
    np.testing.assert_allclose(by_label(classify(TEXTS, top_k=None, batch_size=4)), expected, atol=1e-4)
    assert [answer["label"] for answer in classify(TEXTS)] == [LABELS[row.argmax()] for row in expected]


@pytest.mark.parametrize("embedder", [True, False], ids=["encoder", "learned embedding"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_files_in_any_precision(tmp_path, word_tokenizer, embedder, dtype):
    """Half precision in the file saves space; what is computed is float32, as the Predictor does."""
    model = tiny_model(embedder)
    save_model(model, word_tokenizer, tmp_path, dtype=dtype)
    classify = pipeline("text-classification", model=str(tmp_path))
    assert {weight.dtype for weight in classify.model.parameters()} == {torch.float32}
    found = by_label(classify(TEXTS, top_k=None))
    np.testing.assert_allclose(found, Predictor.from_pretrained(tmp_path).predict_proba(TEXTS), atol=1e-4)
    whole = Predictor(model, word_tokenizer).predict_proba(TEXTS)
    np.testing.assert_allclose(found, whole, atol=5e-3)
    assert (found.argmax(1) == whole.argmax(1)).all()


@pytest.mark.parametrize("embedder", [True, False], ids=["encoder", "learned embedding"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_models_in_any_precision(tmp_path, word_tokenizer, embedder, dtype):
    """A bare pipeline loads with ``dtype="auto"``: encoder and LSTM must then agree on it."""
    model = tiny_model(embedder)
    if embedder:  # what an encoder that was loaded before says of itself
        model = tiny_model(embedder_config=tiny_bert_config(dtype="float32"))
        model.config.embedder_config.dtype = "float32"
    whole = Predictor(model, word_tokenizer).predict_proba(TEXTS)
    model.to(dtype).save_pretrained(tmp_path)
    word_tokenizer.save_pretrained(tmp_path)
    classify = pipeline("text-classification", model=str(tmp_path))
    assert {weight.dtype for weight in classify.model.parameters()} == {dtype}
    found = by_label(classify(TEXTS, top_k=None))
    np.testing.assert_allclose(found, whole, atol=5e-3)
    assert (found.argmax(1) == whole.argmax(1)).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_precision_asked_for_is_that_of_every_part(model_folder, dtype):
    model = AutoModelForSequenceClassification.from_pretrained(model_folder, dtype=dtype)
    assert {weight.dtype for weight in model.parameters()} == {dtype}


@pytest.mark.parametrize("embedder", [True, False], ids=["encoder", "learned embedding"])
def test_a_long_text_is_cut_where_the_predictor_cuts_it(tmp_path, word_tokenizer, embedder):
    save_model(tiny_model(embedder), word_tokenizer, tmp_path, max_length=20)
    classify = pipeline("text-classification", model=str(tmp_path))
    found = by_label(classify([LONG_TEXT, TEXTS[0]], top_k=None, truncation=True))
    predictor = Predictor.from_pretrained(tmp_path)
    assert predictor.predict([LONG_TEXT])[0].tokens_read == 20
    np.testing.assert_allclose(found, predictor.predict_proba([LONG_TEXT, TEXTS[0]]), atol=1e-4)


@pytest.mark.parametrize("settings", [{}, {"batch_size": 2}])
def test_a_text_longer_than_the_encoder_reads_is_told(model_folder, settings):
    """transformers drops the truncation stored with a tokenizer when it is called without ``truncation``."""
    classify = pipeline("text-classification", model=str(model_folder))
    with pytest.raises(
        ValueError, match=r"has \d+ tokens, but the encoder reads 64 at most: .*truncation=True"
    ):
        classify([TEXTS[0], LONG_TEXT], **settings)


def test_a_learned_embedding_reads_any_length(tmp_path, word_tokenizer):
    model = tiny_model(embedder=False)
    save_model(model, word_tokenizer, tmp_path)
    ids = torch.tensor([word_tokenizer(LONG_TEXT)["input_ids"]])
    assert ids.shape[1] > 200
    with torch.no_grad():
        expected = model(ids).logits.softmax(-1).numpy()
    found = by_label(pipeline("text-classification", model=str(tmp_path))([LONG_TEXT], top_k=None))
    np.testing.assert_allclose(found, expected, atol=1e-5)


# --- in a fresh Python ---


def run_python(code: str, *arguments: str, **environment: str | None) -> subprocess.CompletedProcess:
    settings = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={name: value for name, value in settings.items() if value is not None},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def answer_of(code: str, *arguments: str, **environment: str | None):
    """What ``code`` prints on its last line, as JSON."""
    done = run_python(code, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    assert "is not supported" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


CLASSIFY = """
import json, sys
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, pipeline
folder, *texts = sys.argv[1:]
config = AutoConfig.from_pretrained(folder, **trust)
model = AutoModelForSequenceClassification.from_pretrained(folder, **trust)
tokenizer = AutoTokenizer.from_pretrained(folder, **trust)
by_hand = pipeline("text-classification", model=model, tokenizer=tokenizer)(texts, top_k=None)
answers = pipeline("text-classification", model=folder, **trust)(texts, top_k=None)
print(json.dumps([config.model_type, type(model).__module__, by_hand, answers]))
"""
NO_PACKAGE = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "bilstm_classifier":
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Missing())
"""
IN_ORDER = {
    "the package first": "import bilstm_classifier, transformers",
    "transformers first": "import transformers, bilstm_classifier",
    "the Auto classes used first": """
from transformers import AutoConfig, AutoModelForSequenceClassification, BertConfig, pipeline
AutoConfig.for_model("bert")
AutoModelForSequenceClassification.from_config(BertConfig(
    vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4))
import bilstm_classifier
""",
}


def check_answers(answer, folder, module: str) -> None:
    model_type, found_module, by_hand, answers = answer
    assert model_type == "bilstm_classifier"
    assert found_module.startswith(module)
    expected = Predictor.from_pretrained(folder).predict_proba(TEXTS)
    np.testing.assert_allclose(by_label(by_hand), expected, atol=1e-4)
    np.testing.assert_allclose(by_label(answers), expected, atol=1e-4)


@pytest.mark.parametrize(
    "order",
    [
        "the package first",
        pytest.param("transformers first", marks=pytest.mark.slow),
        pytest.param("the Auto classes used first", marks=pytest.mark.slow),
    ],
)
def test_any_import_order_needs_no_trust(model_folder, order):
    code = f"{IN_ORDER[order]}\ntrust = {{}}\n{CLASSIFY}"
    check_answers(answer_of(code, str(model_folder), *TEXTS), model_folder, "bilstm_classifier.modeling")


@pytest.mark.slow
def test_remote_code_works_without_the_package(tmp_path, model_folder):
    code = f"{NO_PACKAGE}\ntrust = {{'trust_remote_code': True}}\n{CLASSIFY}"
    answer = answer_of(code, str(model_folder), *TEXTS, HF_HOME=str(tmp_path))
    check_answers(answer, model_folder, "transformers_modules.")


@pytest.mark.slow
def test_neither_imported_nor_trusted_is_told_by_transformers(model_folder):
    done = run_python(f"{NO_PACKAGE}\ntrust = {{}}\n{CLASSIFY}", str(model_folder), *TEXTS)
    assert done.returncode == 1
    assert "ValueError: The repository" in done.stderr
    assert "contains custom code which must be executed to correctly load the model" in done.stderr
    assert "trust_remote_code=True" in done.stderr


def test_importing_the_package_is_light():
    code = """
import json, sys
import bilstm_classifier
dir(bilstm_classifier), bilstm_classifier.__version__
print(json.dumps(sorted(sys.modules)))
"""
    loaded = {name.partition(".")[0] for name in answer_of(code)}
    assert "bilstm_classifier" in loaded
    assert not loaded & {
        "torch",
        "transformers",
        "numpy",
        "yaml",
        "huggingface_hub",
        "datasets",
        "tokenizers",
    }


@pytest.mark.skipif(
    not (DEFAULT_MODEL / "config.json").is_file(),
    reason="no default model in bilstm_classifier/default_model",
)
def test_the_packaged_model_needs_no_network():
    code = """
import json, socket, sys
asked = []
def refuse(*arguments, **settings):
    asked.append(str(arguments))
    raise OSError("a socket was opened")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from bilstm_classifier import get_predictions
labels = get_predictions(sys.argv[1:])
from transformers import pipeline
from bilstm_classifier.predictor import DEFAULT_MODEL
answers = pipeline("text-classification", model=str(DEFAULT_MODEL))(sys.argv[1:])
print(json.dumps([labels, [answer["label"] for answer in answers], asked]))
"""
    labels, by_pipeline, asked = answer_of(code, *TEXTS, HF_HUB_OFFLINE=None)
    assert len(labels) == len(TEXTS)
    assert labels == by_pipeline
    assert not asked
