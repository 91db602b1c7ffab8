import threading

import numpy as np
import pytest
import torch
from conftest import TEXTS, tiny_model
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DistilBertConfig, ElectraConfig, PreTrainedTokenizerFast, RobertaConfig

from bilstm_classifier import Predictor, load_sample_news, train_character_tokenizer
from bilstm_classifier.configuration import POOLINGS
from bilstm_classifier.explain import Explanation, explain

LONG = " ".join(TEXTS * 3)
ODD = st.text(
    st.one_of(
        st.sampled_from("аяЁй \t\n.,«»-'’🙂👩🔬🏽½ﬁ…漢字かİßก\u0301\u0306\u200d\ufe0f\u00a0\u00ad\x00\u2028"),
        st.characters(),
    ),
    min_size=1,
    max_size=30,
)


@pytest.fixture(scope="module")
def packaged() -> Predictor:
    return Predictor.from_pretrained(device="cpu")


@pytest.fixture(scope="module")
def tiny(word_tokenizer) -> Predictor:
    return Predictor(tiny_model(), word_tokenizer)


@pytest.fixture(scope="module")
def of_characters() -> Predictor:
    model = tiny_model(embedder=False, pooling="last")
    return Predictor(model, train_character_tokenizer(TEXTS, max_vocabulary=60, max_length=64))


def score_sum(explanation: Explanation) -> float:
    return sum(word.score for word in explanation.words)


def words(predictor: Predictor, text: str) -> list[str]:
    return [word.text for word in explain(predictor, text).words]


# --- words and where they stand ---


@pytest.mark.parametrize("name", ["packaged", "tiny", "of_characters"])
def test_words_are_those_of_the_text(name, request):
    predictor = request.getfixturevalue(name)
    text = "Матч\t«Зенит»,\nРостов-на-Дону…  COVID-19 🙂🙂 it’s"
    expected = ["Матч", "«", "Зенит", "»,", "Ростов-на-Дону", "…", "COVID-19", "🙂🙂", "it’s"]
    assert words(predictor, text) == expected


@pytest.mark.parametrize("name", ["packaged", "tiny", "of_characters"])
def test_marks_belong_to_their_letter_and_joined_pictures_are_one(name, request):
    predictor = request.getfixturevalue(name)
    assert words(predictor, "Мо\u0301й и\u0306од 👩\u200d🔬 ½ 漢字") == [
        "Мо\u0301й",
        "и\u0306од",
        "👩\u200d🔬",
        "½",
        "漢",
        "字",
    ]


@pytest.mark.parametrize("name", ["packaged", "tiny", "of_characters"])
@given(text=ODD)
@settings(max_examples=40, deadline=None)
def test_offsets_point_at_the_words_of_any_text(name, request, text):
    predictor = request.getfixturevalue(name)
    try:
        explanation = explain(predictor, text)
    except ValueError as error:
        assert "empty" in str(error)  # noqa: PT017 (some odd texts hold no token)
        return
    end = 0
    for word in explanation.words:
        assert end <= word.start < word.end <= len(text)
        assert word.text == text[word.start : word.end]
        assert not any(character.isspace() for character in word.text)
        assert np.isfinite(word.score)
        end = word.end
    assert abs(explanation.gap) < 0.05 + 0.1 * abs(explanation.log_odds - explanation.baseline)


def test_surrogate_pairs_take_two_places(packaged):
    text = "гол \ud83d\ude42 матч \ud83d команда"
    found = {word.text: (word.start, word.end) for word in explain(packaged, text).words}
    assert found["матч"] == (7, 11)
    assert found["команда"] == (14, 21)


def test_a_word_of_several_tokens_has_one_score(packaged):
    text = "Сверхновообразование"
    assert packaged.predict([text])[0].tokens > 1
    assert words(packaged, text) == [text]


def test_only_what_was_read_is_scored(tiny):
    explanation = explain(tiny, LONG)
    assert explanation.tokens_read == 32 < explanation.tokens
    assert [word.text for word in explanation.words] == words(tiny, LONG)
    last = explanation.words[-1].end
    assert tiny.predict([LONG[:last]])[0].tokens == 32


def test_a_text_of_many_pieces_is_explained(packaged):
    text = "слово " * 20_000
    explanation = explain(packaged, text)
    assert explanation.tokens == 20_000
    assert len(explanation.words) == explanation.tokens_read == 254


# --- scores ---


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(
    "settings", [{}, {"problem_type": "multi_label_classification"}], ids=["one", "several"]
)
@pytest.mark.parametrize("embedder", [True, False], ids=["frozen encoder", "learned embedding"])
def test_scores_sum_up_to_what_the_words_changed(word_tokenizer, pooling, settings, embedder):
    """Integrated gradients are complete; log-odds are those of the predictor's own probability."""
    predictor = Predictor(tiny_model(embedder, pooling=pooling, **settings), word_tokenizer)
    for label in predictor.labels:
        explanation = explain(predictor, TEXTS[0], label)
        change = explanation.log_odds - explanation.baseline
        assert score_sum(explanation) == pytest.approx(change, abs=0.01 + 0.02 * abs(change))
        assert explanation.gap == pytest.approx(change - score_sum(explanation))
        assert 1 / (1 + np.exp(-explanation.log_odds)) == pytest.approx(explanation.probability, abs=1e-5)
        assert any(abs(word.score) > 1e-5 for word in explanation.words)


def test_ngrams_have_their_part_in_the_scores(word_tokenizer):
    model = tiny_model(embedder=False, longest_ngram=3, ngram_buckets=50)
    torch.nn.init.normal_(model.ngrams.weight, generator=torch.Generator().manual_seed(2))
    explanation = explain(Predictor(model, word_tokenizer), TEXTS[0])
    assert 1 / (1 + np.exp(-explanation.log_odds)) == pytest.approx(explanation.probability, abs=1e-5)
    change = explanation.log_odds - explanation.baseline
    assert score_sum(explanation) == pytest.approx(change, abs=0.01 + 0.02 * abs(change))


SIZES = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


@pytest.mark.parametrize(
    "encoder",
    [
        ElectraConfig(**SIZES, embedding_size=8),
        DistilBertConfig(vocab_size=60, dim=16, n_layers=2, n_heads=2, hidden_dim=32),
        RobertaConfig(**SIZES, max_position_embeddings=40, pad_token_id=1),
    ],
    ids=["electra", "distilbert", "roberta"],
)
@pytest.mark.parametrize("frozen", [True, False])
def test_any_encoder(word_tokenizer, encoder, frozen):
    predictor = Predictor(tiny_model(embedder_config=encoder, freeze_embedder=frozen), word_tokenizer)
    explanation = explain(predictor, TEXTS[1])
    assert 1 / (1 + np.exp(-explanation.log_odds)) == pytest.approx(explanation.probability, abs=1e-5)
    assert abs(explanation.gap) < 0.01
    assert score_sum(explanation) != 0


def test_special_tokens_and_spaces_have_no_score(packaged, of_characters):
    """They are the same at both ends of the path: masking the words alone changes all that the scores sum up to."""
    ids = packaged.tokenizer("Матч").input_ids
    masked = [ids[0], *[packaged.tokenizer.mask_token_id] * (len(ids) - 2), ids[-1]]
    logits = torch.tensor(packaged._logits([masked], {}))[0].log_softmax(-1).exp()
    explanation = explain(packaged, "Матч", "sports")
    odds = logits[9] / (1 - logits[9])
    assert explanation.baseline == pytest.approx(float(odds.log()), abs=1e-4)
    assert [word.text for word in explanation.words] == ["Матч"]
    assert words(of_characters, " а  б ") == ["а", "б"]


def test_the_best_words_carry_the_label(packaged):
    """Without its 2 best words a text's label falls clearly more than without 2 random ones."""
    texts = load_sample_news()[0][:60]
    explanations = [explain(packaged, text) for text in texts]
    generator = np.random.default_rng(0)
    best, chance = [], []
    for text, explanation in zip(texts, explanations, strict=True):
        ranked = sorted(explanation.words, key=lambda word: -word.score)
        best.append(without(text, ranked[:2]))
        chance.append(without(text, [ranked[place] for place in generator.permutation(len(ranked))[:2]]))
    columns = [packaged.labels.index(explanation.label) for explanation in explanations]
    rows = np.arange(len(texts))
    difference = packaged.predict_proba(chance)[rows, columns] - packaged.predict_proba(best)[rows, columns]
    error = difference.std() / np.sqrt(len(texts))
    assert difference.mean() > 0.1
    assert difference.mean() > 3 * error


def without(text: str, chosen) -> str:
    for word in sorted(chosen, key=lambda word: -word.start):
        text = text[: word.start] + text[word.end :]
    return text.strip() or "."


def test_words_speak_for_their_own_category(packaged):
    text = "Вратарь сборной отразил пенальти, а режиссёр показал премьеру спектакля"
    sports, culture = (
        {word.text: word.score for word in explain(packaged, text, label).words}
        for label in ("sports", "culture")
    )
    assert sports["пенальти"] > 0 > sports["спектакля"]
    assert culture["спектакля"] > 0 > culture["пенальти"]


def test_windows_are_averaged_as_the_predictor_does(word_tokenizer):
    predictor = Predictor(tiny_model(), word_tokenizer, truncation="windows")
    explanation = explain(predictor, LONG)
    assert explanation.tokens_read == explanation.tokens > 32
    assert "".join(word.text for word in explanation.words) == "".join(LONG.split())
    assert abs(explanation.gap) < 0.01
    assert explanation.probability == pytest.approx(
        predictor.predict([LONG])[0].probabilities[explanation.label]
    )


# --- the caller's side ---


def test_the_likeliest_label_is_meant_without_one(packaged):
    text = load_sample_news()[0][0]
    prediction = packaged.predict([text])[0]
    explanation = explain(packaged, text)
    assert (explanation.label, explanation.probability) == prediction.top(1)[0]
    assert (explanation.tokens, explanation.tokens_read) == (prediction.tokens, prediction.tokens_read)
    assert explain(packaged, text, explanation.label) == explanation


@pytest.mark.parametrize("settings", [{}, {"freeze_embedder": False}, {"unfreeze_last_layers": 1}], ids=str)
def test_the_model_is_left_as_it_was(word_tokenizer, settings):
    model = tiny_model(**settings)
    predictor = Predictor(model, word_tokenizer)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    trained = [parameter.requires_grad for parameter in model.parameters()]
    with torch.inference_mode():  # in which a caller may well be
        explain(predictor, TEXTS[0])
    assert [parameter.requires_grad for parameter in model.parameters()] == trained
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module.training or module._forward_hooks for module in model.modules())
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_threads_get_what_one_gets(tiny):
    questions = [(text, label) for text in TEXTS for label in tiny.labels]
    expected = [explain(tiny, *question) for question in questions]
    probabilities = tiny.predict_proba(TEXTS)
    found: dict[int, list] = {}

    def ask(number: int) -> None:
        found[number] = [explain(tiny, *question) for question in questions]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    meanwhile = [tiny.predict_proba(TEXTS) for _ in range(5)]
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(3)] == [expected] * 3
    assert all(np.array_equal(scores, probabilities) for scores in meanwhile)


def test_half_precision_says_about_the_same(word_tokenizer, tiny):
    half = Predictor(tiny_model().to(torch.bfloat16), word_tokenizer)
    pairs = zip(explain(tiny, TEXTS[0], "sports").words, explain(half, TEXTS[0], "sports").words, strict=True)
    assert all(one.score == pytest.approx(other.score, abs=0.02) for one, other in pairs)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (None, TypeError, "text 0 is None"),
        (7, TypeError, "text 0 is 7"),
        (" \n", ValueError, "text 0 is empty"),
    ],
)
def test_bad_texts_are_refused_as_the_predictor_does(tiny, text, error, message):
    with pytest.raises(error, match=message):
        explain(tiny, text)


def test_bad_labels_and_long_texts_are_refused(tiny, word_tokenizer):
    with pytest.raises(
        ValueError, match="label is 'sport', which the model does not know: the nearest are sports"
    ):
        explain(tiny, TEXTS[0], "sport")
    with pytest.raises(ValueError, match="label is 2, which"):
        explain(tiny, TEXTS[0], 2)
    strict = Predictor(tiny_model(), word_tokenizer, truncation="error")
    with pytest.raises(ValueError, match="the model reads 32"):
        explain(strict, LONG)


def test_an_encoder_without_inputs_embeds_is_refused(word_tokenizer: PreTrainedTokenizerFast):
    class Plain(torch.nn.Module):
        def forward(self, input_ids, attention_mask):
            raise AssertionError

    model = tiny_model()
    model.embedder = Plain()
    with pytest.raises(ValueError, match="Plain\\) does not take embeddings"):
        explain(Predictor(model, word_tokenizer), TEXTS[0])
