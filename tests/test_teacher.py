"""The linear teacher: honest (out of fold), calibrated enough to doubt wrong labels, and learned from."""

import datasets
import numpy as np
import pytest
import torch
from conftest import TOPIC_WORDS, tiny_model, topic_texts

from bilstm_classifier.training.teacher import (
    check_teacher,
    every_label_probabilities,
    one_label_probabilities,
    with_teacher,
)

ROWS = 240


@pytest.fixture(scope="module")
def texts():
    return topic_texts(ROWS)


@pytest.fixture(scope="module")
def truth():
    return np.arange(ROWS) % 3


def one_hot(labels, num_labels=3):
    return np.eye(num_labels, dtype=np.float32)[labels]


def test_probabilities_of_texts_that_it_was_not_fitted_on(texts, truth):
    scores = one_label_probabilities(texts, one_hot(truth), seed=0)
    assert scores.shape == (ROWS, 3)
    assert scores.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (scores.argmax(axis=1) == truth).all()


def test_a_wrong_label_is_doubted(texts, truth):
    labels = truth.copy()
    labels[::20] = (labels[::20] + 1) % 3
    scores = one_label_probabilities(texts, one_hot(labels), seed=0)
    assert (scores[::20].argmax(axis=1) == truth[::20]).all()
    assert scores[::20].max(axis=1).mean() < 0.99  # one label in twenty is wrong, and it has noticed


def test_random_labels_teach_nothing(texts):
    """A teacher fitted on the rows that it judges would be right about most of them."""
    labels = np.random.default_rng(0).integers(0, 3, ROWS)
    scores = one_label_probabilities(texts, one_hot(labels), seed=0)
    assert (scores.argmax(axis=1) == labels).mean() < 0.5


def test_a_class_too_rare_for_the_folds_keeps_its_label(texts, truth):
    labels = truth.copy()
    labels[:3] = 3
    scores = one_label_probabilities(texts, one_hot(labels, 4), seed=0)
    assert (scores[:3] == [0, 0, 0, 1]).all()
    assert (scores[3:, 3] == 0).all()


def test_two_classes(texts, truth):
    two = truth < 2
    kept = [text for text, one in zip(texts, two, strict=True) if one]
    scores = one_label_probabilities(kept, one_hot(truth[two], 2), seed=0)
    assert (scores.argmax(axis=1) == truth[two]).all()


def test_labels_that_overlap_are_judged_each_for_itself(texts, truth):
    targets = one_hot(truth)
    targets[:, 1] = np.maximum(targets[:, 1], targets[:, 2])  # whoever has the third has the second too
    wrong = targets.copy()
    wrong[::20, 0] = 1 - wrong[::20, 0]
    scores = every_label_probabilities(texts, wrong, seed=0)
    assert ((scores > 0.5) == (targets > 0.5)).all()
    assert scores.sum(axis=1).max() > 1.5


def test_random_memberships_teach_how_frequent_a_label_is(texts):
    targets = (np.random.default_rng(0).random((ROWS, 2)) < [0.5, 0.1]).astype(np.float32)
    scores = every_label_probabilities(texts, targets, seed=0)
    assert scores.mean(axis=0) == pytest.approx(targets.mean(axis=0), abs=0.02)
    assert np.corrcoef(scores[:, 0], targets[:, 0])[0, 1] < 0.3


def test_a_label_that_nearly_no_text_has_or_lacks_stays_as_it_is(texts, truth):
    targets = one_hot(truth)
    targets[:, 1] = np.arange(ROWS) < 4
    targets[:, 2] = np.arange(ROWS) > 3
    scores = every_label_probabilities(texts, targets, seed=0)
    assert (scores[:, 1:] == targets[:, 1:]).all()
    assert (scores[:, 0] != targets[:, 0]).all()


def dataset(texts, labels, names=tuple(TOPIC_WORDS)):
    kind = datasets.ClassLabel(names=list(names))
    overlapping = isinstance(labels[0], list)
    features = datasets.Features(
        {"text": datasets.Value("string"), "labels": datasets.List(kind) if overlapping else kind}
    )
    return datasets.Dataset.from_dict({"text": texts, "labels": labels}, features=features)


@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [
        ([0, 1] * 50, {}, "2 or more labels .* there are 100 texts, and 2 such labels"),
        ([0] * 300 + [1] * 4, {}, "there are 304 texts, and 0 such labels"),
        ([0] * 300 + [1] * 4 + [2] * 4, {}, "there are 308 texts, and 1 such labels"),
        ([[0], []] * 50, {}, "1 or more labels .* there are 100 texts, and 1 such labels"),
        ([[0, 1], [1]] + [[1]] * 300, {}, "there are 302 texts, and 0 such labels"),
        ([0, 1] * 200, {"share": 1.5}, "from 0 to 1"),
        ([0, 1] * 200, {"share": -0.1}, "from 0 to 1"),
        ([0, 1] * 200, {"label_smoothing": 0.1}, "both soften the labels"),
    ],
)
def test_what_no_teacher_can_do_is_told(labels, settings, message):
    with pytest.raises(ValueError, match=message):
        check_teacher(
            dataset(["text"] * len(labels), labels), **{"share": 0.5, "label_smoothing": 0.0, **settings}
        )


def test_without_a_teacher_nothing_is_asked_of_the_data():
    check_teacher(dataset(["a", "b"], [0, 1]), share=0.0, label_smoothing=0.1)


def test_labels_become_a_mixture(texts, truth):
    mixed = with_teacher(dataset(texts, truth), 0.4, seed=0)
    assert mixed["text"][:] == texts
    targets = np.array(mixed["labels"][:])
    expected = 0.4 * one_label_probabilities(texts, one_hot(truth), seed=0)
    expected[np.arange(ROWS), truth] += 0.6
    assert targets == pytest.approx(expected, abs=1e-6)


def test_labels_that_overlap_become_a_mixture(texts, truth):
    labels = [[0, 2], [1], []] * (ROWS // 3)
    mixed = with_teacher(dataset(texts, labels), 0.4, seed=0)
    members = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]] * (ROWS // 3), dtype=np.float32)
    expected = 0.4 * every_label_probabilities(texts, members, seed=0) + 0.6 * members
    assert np.array(mixed["labels"][:]) == pytest.approx(expected, abs=1e-6)


def test_the_model_learns_probabilities():
    """Of the cross-entropies with a distribution the one at that distribution is the least: its entropy."""
    model = tiny_model(dropout=0.0)
    ids = torch.tensor([[5, 6, 7]])
    target = torch.tensor([[0.2, 0.5, 0.3]])
    with torch.no_grad():
        logits = model(ids).logits
        loss = model(ids, labels=target).loss
        hard = model(ids, labels=torch.tensor([1])).loss
        same = model(ids, labels=torch.tensor([[0.0, 1.0, 0.0]])).loss
    assert loss.item() == pytest.approx(-(target * logits.log_softmax(-1)).sum().item(), abs=1e-5)
    assert hard.item() == pytest.approx(same.item(), abs=1e-6)


def test_class_weights_weigh_probabilities_as_they_do_class_ids():
    model = tiny_model(dropout=0.0, class_weights=[0.5, 2.0, 1.0])
    ids, labels = torch.tensor([[5, 6, 7], [8, 9, 5]]), torch.tensor([1, 0])
    with torch.no_grad():
        hard = model(ids, labels=labels).loss
        same = model(ids, labels=torch.nn.functional.one_hot(labels, 3).float()).loss
    assert hard.item() == pytest.approx(same.item(), abs=1e-6)
