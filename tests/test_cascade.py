"""The cascade: who claims what, stages that help on held-out texts, none where none do, and bad configs named."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from bilstm_classifier.cascade import apply_cascade, check_cascade, fit_cascade

NAMES = ["cooking", "learning", "travel"]


def drawn(texts, shares, seed=0):
    """Probabilities (texts, labels) of a softmax that are true by construction, and ids drawn with ``shares``."""
    generator = np.random.default_rng(seed)
    ids = generator.choice(len(shares), p=shares, size=texts)
    logits = generator.normal(size=(texts, len(shares))) + 2 * np.eye(len(shares))[ids] + np.log(shares)
    exponentials = np.exp(2 * logits - 2 * logits.max(axis=1, keepdims=True)) ** 0.5
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32), ids


def macro_f1(labels, ids):
    return f1_score(labels, ids, average="macro", zero_division=0)


def shares_of(count, skew):
    shares = np.arange(1, count + 1) ** -float(skew)
    return shares / shares.sum()


def test_the_first_stage_that_reaches_its_threshold_claims():
    scores = [[0.5, 0.3, 0.2], [0.3, 0.4, 0.3], [0.6, 0.1, 0.3], [0.2, 0.5, 0.3]]
    stages = [{"label": "travel", "threshold": 0.3}, {"label": "cooking", "threshold": 0.5}]
    ids, numbers = apply_cascade(scores, stages, NAMES, "likeliest")
    assert ids.tolist() == [0, 2, 2, 2]
    assert numbers.tolist() == [1, 0, 0, 0]

    ids, numbers = apply_cascade(scores, stages[1:], NAMES, "likeliest")
    assert (ids.tolist(), numbers.tolist()) == ([0, 1, 0, 1], [0, -1, 0, -1])
    ids, numbers = apply_cascade(scores, stages[1:], NAMES, "unknown")
    assert (ids.tolist(), numbers.tolist()) == ([0, -1, 0, -1], [0, -1, 0, -1])


def test_no_stage_is_the_likeliest_label_or_none():
    scores = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    assert apply_cascade(scores, [], NAMES, "likeliest")[0].tolist() == [0, 2]
    assert apply_cascade(scores, [], NAMES, "unknown")[0].tolist() == [-1, -1]
    assert apply_cascade(scores[:0], [], NAMES, "unknown")[0].shape == (0,)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), texts=st.integers(1, 120), count=st.integers(2, 5))
def test_never_worse_than_the_likeliest_on_its_split(seed, texts, count):
    scores, labels = drawn(texts, shares_of(count, 1), seed)
    names = [f"topic {number}" for number in range(count)]
    stages = fit_cascade(scores, labels, names)
    check_cascade(stages, names)
    ids, _ = apply_cascade(scores, stages, names, "likeliest")
    assert macro_f1(labels, ids) >= macro_f1(labels, scores.argmax(axis=1)) - 1e-9
    assert json.loads(json.dumps(stages)) == stages == fit_cascade(scores, labels, names)


def test_macro_f1_of_held_out_texts_rises_where_some_labels_are_rare():
    shares = shares_of(8, 1.5)
    names = [f"topic {number}" for number in range(8)]
    scores, labels = drawn(20_000, shares, seed=1)
    ids, _ = apply_cascade(scores, fit_cascade(*drawn(1500, shares), names), names, "likeliest")
    assert macro_f1(labels, ids) > macro_f1(labels, scores.argmax(axis=1)) + 0.05


def test_little_is_lost_where_there_is_nothing_to_gain():
    scores, labels = drawn(20_000, shares_of(4, 0), seed=1)
    names, plain = list("abcd"), macro_f1(labels, scores.argmax(axis=1))
    changes, lengths = [], []
    for seed in range(10):
        stages = fit_cascade(*drawn(300, shares_of(4, 0), seed=100 + seed), names)
        changes.append(macro_f1(labels, apply_cascade(scores, stages, names, "likeliest")[0]) - plain)
        lengths.append(len(stages))
    assert np.mean(changes) > -0.005
    assert np.median(lengths) == 0


def test_a_label_that_the_softmax_undervalues_gets_a_stage():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], 300)
    rare = np.where(labels == 1, generator.uniform(0.2, 0.4, 600), generator.uniform(0, 0.1, 600))
    stages = fit_cascade(np.stack([1 - rare, rare], axis=1), labels, ["usual", "rare"])
    assert stages == [{"label": "rare", "threshold": pytest.approx(0.15, abs=0.055)}]


@pytest.mark.parametrize("precision", [0.9, 0.95])
def test_claimed_texts_are_as_precise_as_asked_for(precision):
    shares = shares_of(4, 1)
    validation, (scores, labels) = drawn(1500, shares), drawn(20_000, shares, seed=1)
    names = list("abcd")
    stages = fit_cascade(*validation, names, unclaimed="unknown", precision=precision)
    ids, numbers = apply_cascade(validation[0], stages, names, "unknown")
    for number in range(len(stages)):
        claimed = numbers == number
        assert (ids == validation[1])[claimed].mean() >= precision
    ids, _ = apply_cascade(scores, stages, names, "unknown")
    assert (ids == labels)[ids >= 0].mean() >= precision - 0.02
    assert 0.5 < (ids >= 0).mean() < 1


def test_more_precision_claims_fewer_texts():
    scores, labels = drawn(2000, shares_of(4, 0))
    claimed = [
        (
            apply_cascade(
                scores, fit_cascade(scores, labels, list("abcd"), "unknown", p), list("abcd"), "unknown"
            )[0]
            >= 0
        ).sum()
        for p in (0.7, 0.8, 0.9, 0.95)
    ]
    assert sorted(claimed, reverse=True) == claimed
    assert claimed[-1] < claimed[0]


def test_a_label_that_is_never_precise_has_no_stage():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 500)
    noise = generator.dirichlet([1, 1, 1], 500)
    assert fit_cascade(noise, labels, NAMES, "unknown", 0.9) == []


@pytest.mark.parametrize(
    ("cascade", "message"),
    [
        ({"label": "travel"}, "expected a list of stages"),
        ("travel", "expected a list of stages"),
        ([{"label": "travel"}], "stage 0 of the cascade is .* expected a label and a threshold"),
        ([{"label": "travel", "threshold": 0.5, "order": 1}], "expected a label and a threshold"),
        ([["travel", 0.5]], "expected a label and a threshold"),
        (
            [{"label": "travle", "threshold": 0.5}],
            "'travle', which the model does not know: the nearest are travel",
        ),
        ([{"label": 3, "threshold": 0.5}], "the label 3, which the model does not know"),
        (
            [{"label": "travel", "threshold": 1.5}],
            r"\(travel\) has the threshold 1.5: expected a probability",
        ),
        ([{"label": "travel", "threshold": float("nan")}], "has the threshold nan"),
        ([{"label": "travel", "threshold": "0.5"}], "has the threshold '0.5'"),
        ([{"label": "travel", "threshold": True}], "has the threshold True"),
        (
            [{"label": "travel", "threshold": 0.5}, {"label": "travel", "threshold": 0.4}],
            "stages 0 and 1 .*'travel'",
        ),
    ],
)
def test_a_bad_cascade_is_named(cascade, message):
    with pytest.raises(ValueError, match=message):
        check_cascade(cascade, NAMES)
    with pytest.raises(ValueError, match=message):
        apply_cascade(np.full((1, 3), 1 / 3), cascade, NAMES, "likeliest")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5, 0.5], [0, 1], NAMES), r"scores have the shape \(2,\)"),
        (([[0.2, 0.3, 0.5]], [0, 1], NAMES), r"labels \(2,\): expected \(texts, labels\) and \(texts,\)"),
        (([[0.5, 0.5]], [0], NAMES), r"shape \(1, 2\): expected \(texts, 3\)"),
        ((np.empty((0, 3)), np.empty(0, int), NAMES), "of one text or more"),
        (([[0.2, 0.3, 0.5]], [3], NAMES), "labels hold other values than the label ids 0 to 2"),
        (([[0.2, 0.3, 0.5]], [0.5], NAMES), "labels hold other values"),
        (([[0.2, 0.3, 0.5]], [0], NAMES, "nobody"), "unclaimed is 'nobody': expected likeliest or unknown"),
        (([[0.2, 0.3, 0.5]], [0], NAMES, "unknown", 1.0), "precision is 1.0: expected a share"),
    ],
)
def test_bad_input_to_fitting_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_cascade(*arguments)
