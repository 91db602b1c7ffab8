"""From probabilities to labels: thresholds, cascade, keyword rules, and what becomes of the rest."""

import numpy as np
import pytest
from conftest import LABELS, TEXTS, tiny_model

from bilstm_classifier import Predictor, get_predictions
from bilstm_classifier.decision import Choice, Decision, probabilities
from bilstm_classifier.rules import Rule, Rules

NAMES = tuple(LABELS.values())  # culture, science, sports
SINGLE, OVERLAPPING = "single_label_classification", "multi_label_classification"


def scores(*rows):
    return np.array(rows, dtype=np.float32)


# --- overlapping labels ---


def test_each_label_that_reaches_its_threshold_the_likeliest_first():
    decision = Decision(NAMES, OVERLAPPING, thresholds=(0.5, 0.2, 0.9))
    found = decision.choose(
        scores([0.6, 0.7, 0.95], [0.4, 0.3, 0.89], [0.5, 0.2, 0.9], [0.1, 0.1, 0.1]), [""] * 4
    )
    assert found == [Choice((2, 1, 0)), Choice((1,)), Choice((2, 0, 1)), Choice(())]


def test_thresholds_of_the_config_or_one_half():
    plain = Decision.of(tiny_model(problem_type=OVERLAPPING).config)
    assert plain.thresholds == (0.5, 0.5, 0.5)
    assert plain.overlapping
    tuned = Decision.of(tiny_model(problem_type=OVERLAPPING, thresholds=[0.0, 0.5, 1.0]).config)
    assert tuned.choose(scores([0.0, 0.49, 0.99]), [""]) == [Choice((0,))]


def test_a_threshold_is_met_by_the_very_score_that_it_was_made_of():
    """In float32, as scores are: 0.1 is more than float32's 0.1 only to Python."""
    score = np.float32(0.7)
    decision = Decision(("a", "b"), OVERLAPPING, thresholds=(0.7, 0.70001))
    assert decision.choose(np.array([[score, score]]), [""]) == [Choice((0,))]


def test_thresholds_that_leave_no_label(word_tokenizer):
    model = tiny_model(problem_type=OVERLAPPING, thresholds=[1.0, 1.0, 1.0])
    predictor = Predictor(model, word_tokenizer)
    prediction = predictor.predict(TEXTS[:1])[0]
    assert prediction.labels == ()
    assert len(prediction.top(2)) == 2, "the probabilities are there all the same"
    assert get_predictions(TEXTS[0], predictor) == []
    assert get_predictions(TEXTS[:2], predictor) == [[], []]


# --- a single label ---


def test_the_likeliest_label_without_a_reason():
    found = Decision(NAMES, SINGLE).choose(scores([0.2, 0.5, 0.3], [0.4, 0.4, 0.2]), [""] * 2)
    assert found == [Choice((1,)), Choice((0,))]


CASCADE = ({"label": "sports", "threshold": 0.3}, {"label": "culture", "threshold": 0.4})


def test_the_first_stage_that_is_reached_decides():
    decision = Decision(NAMES, SINGLE, cascade=CASCADE)
    rows = scores([0.6, 0.1, 0.3], [0.4, 0.5, 0.1], [0.3, 0.5, 0.2])
    assert decision.choose(rows, [""] * 3) == [Choice((2,), stage=1), Choice((0,), stage=2), Choice((1,))]
    turned = Decision(NAMES, SINGLE, cascade=CASCADE[::-1])
    assert turned.choose(rows[:1], [""]) == [Choice((0,), stage=1)]


def test_what_no_stage_claims_may_be_unknown():
    decision = Decision(NAMES, SINGLE, cascade=CASCADE, unclaimed="unknown")
    assert decision.choose(scores([0.3, 0.5, 0.2], [0.1, 0.1, 0.8]), [""] * 2) == [
        Choice(()),
        Choice((2,), stage=1),
    ]
    nothing = Decision(NAMES, SINGLE, unclaimed="unknown")
    assert nothing.choose(scores([0.0, 0.0, 1.0]), [""]) == [Choice(())], "no stage, no claim"


def test_unknown_is_the_answer_of_a_model_that_may_say_so(word_tokenizer):
    stages = [{"label": "sports", "threshold": 1.0}]
    predictor = Predictor(tiny_model(cascade=stages, unclaimed="unknown"), word_tokenizer)
    assert predictor.predict(TEXTS[:1])[0].labels == ()
    assert get_predictions(TEXTS[0], predictor) == "unknown"
    assert get_predictions(TEXTS[:2], predictor) == ["unknown"] * 2
    assert len(get_predictions(TEXTS[0], predictor, top_k=3)) == 3
    likeliest = Predictor(tiny_model(cascade=stages), word_tokenizer)
    assert get_predictions(TEXTS[0], likeliest) in NAMES
    assert Decision.of(tiny_model(unclaimed="unknown").config).unclaimed == "likeliest", "there is no cascade"


def test_a_stage_claims_before_the_likeliest_label(word_tokenizer):
    plain = get_predictions(TEXTS, Predictor(tiny_model(), word_tokenizer))
    predictor = Predictor(tiny_model(cascade=[{"label": "science", "threshold": 0.0}]), word_tokenizer)
    assert set(plain) != {"science"}
    assert get_predictions(TEXTS, predictor) == ["science"] * len(TEXTS)
    assert {prediction.reason for prediction in predictor.predict(TEXTS)} == {"stage 1"}


# --- keyword rules ---


def test_rules_come_before_the_cascade():
    rules = Rules((Rule("science", ("телескоп",)), Rule("culture", ("театр", "музей"))))
    decision = Decision(NAMES, SINGLE, cascade=CASCADE, unclaimed="unknown", rules=rules)
    rows = scores([0.1, 0.1, 0.8], [0.1, 0.1, 0.8], [0.3, 0.5, 0.2], [0.3, 0.5, 0.2])
    texts = ["Телескоп и матч", "матч", "Музей и театр", "погода"]
    assert decision.choose(rows, texts) == [
        Choice((1,), keyword="телескоп"),
        Choice((2,), stage=1),
        Choice((0,), keyword="музей"),
        Choice(()),
    ]


def test_rules_of_the_model_decide_in_the_predictor(word_tokenizer):
    model = tiny_model()
    model.rules = Rules((Rule("culture", ("вратарь",)),))
    predictor = Predictor(model, word_tokenizer)
    with_rules, without = (Predictor(found, word_tokenizer).predict(TEXTS) for found in (model, tiny_model()))
    assert with_rules[3].labels == ("culture",)
    assert with_rules[3].reason == "the keyword 'вратарь'"
    assert [one.labels for one in with_rules[:3]] == [one.labels for one in without[:3]]
    assert [one.probabilities for one in with_rules] == [one.probabilities for one in without]
    assert get_predictions(TEXTS[3], predictor) == "culture"


# --- probabilities ---


def test_probabilities_of_extreme_logits():
    logits = scores([1e4, -1e4, 0.0], [-200.0, -200.0, -200.0])
    with np.errstate(all="raise", under="ignore"):
        single, several = (probabilities(logits, kind) for kind in (SINGLE, OVERLAPPING))
    np.testing.assert_allclose(single, [[1, 0, 0], [1 / 3] * 3], atol=1e-6)
    np.testing.assert_allclose(several, [[1, 0, 0.5], [0, 0, 0]], atol=1e-6)
    assert single.dtype == several.dtype == np.float32


@pytest.mark.parametrize("kind", [SINGLE, OVERLAPPING])
def test_probabilities_are_those_of_torch(kind):
    import torch

    logits = np.random.default_rng(0).normal(0, 5, (20, 4)).astype(np.float32)
    expected = torch.tensor(logits).softmax(-1) if kind == SINGLE else torch.tensor(logits).sigmoid()
    np.testing.assert_allclose(probabilities(logits, kind), expected.numpy(), atol=1e-6)
