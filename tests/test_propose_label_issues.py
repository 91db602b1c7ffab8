"""training/propose_label_issues.py finds the labels that were set wrong on purpose, and changes nothing."""

import sys

import datasets
import numpy as np
from conftest import REPOSITORY, TOPIC_WORDS, topic_texts

sys.path.insert(0, str(REPOSITORY / "training"))

import propose_label_issues


def corpus(folder):
    """Texts of random words of their class; every twentieth has the label of the next class."""
    names = list(TOPIC_WORDS)
    truth = [number % 3 for number in range(240)]
    labels = [(label + 1) % 3 if number % 20 == 0 else label for number, label in enumerate(truth)]
    columns = {"news": topic_texts(240), "labels": labels, "id": [str(number) for number in range(240)]}
    features = datasets.Features(
        {
            "news": datasets.Value("string"),
            "labels": datasets.ClassLabel(names=names),
            "id": datasets.Value("string"),
        }
    )
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(columns, features=features)}).save_to_disk(
        folder
    )
    return np.array(labels), np.array(truth)


def test_wrong_labels_are_found_with_what_they_should_be(tmp_path, capsys):
    labels, truth = corpus(tmp_path / "news")
    output = tmp_path / "issues.tsv"
    assert propose_label_issues.main(["--dataset", str(tmp_path / "news"), "--output", str(output)]) == 0
    names = list(TOPIC_WORDS)
    found = [line.split("\t") for line in output.read_text("utf-8").splitlines()]
    wrong = set(np.flatnonzero(labels != truth).tolist())
    assert {int(identifier) for identifier, *_ in found} >= wrong
    assert len(found) <= 2 * len(wrong)
    for identifier, given, likeliest, _ in found:
        assert given == names[labels[int(identifier)]]
        assert int(identifier) not in wrong or likeliest == names[truth[int(identifier)]]
    assert capsys.readouterr().out.startswith(f"{len(found)} of 240 rows to be read again")


def test_a_missing_corpus_is_told_in_a_sentence(tmp_path, caplog):
    output = tmp_path / "issues.tsv"
    assert propose_label_issues.main(["--dataset", str(tmp_path / "no"), "--output", str(output)]) == 2
    assert "no" in caplog.text
    assert not output.exists()
