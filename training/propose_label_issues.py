"""Find training rows of the news corpus whose label a linear model finds implausible, for somebody to read again.

    python training/propose_label_issues.py --dataset data/news11 --output issues.tsv

Confident learning (Northcutt et al. 2021, arXiv:1911.00068) with cleanlab: the probabilities of a cross-validated
TF-IDF + logistic regression, thresholds by class, and only rows that two of its criteria agree on. Output: id, label,
what the model would say, text; the least plausible label first. Nothing is changed: what the reading found stands in
news/label_issues.tsv. Run on a corpus with those mended, it proposes what is left.
"""

import argparse
import csv
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import datasets
import numpy as np
from cleanlab.filter import find_label_issues
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline, make_union

from bilstm_classifier.files import replacing

logger = logging.getLogger("propose_label_issues")

MAX_CHARACTERS = 1_000
FOLDS = 5


class Issue(NamedTuple):
    """A row to be read again: its place in the split, its label's id and the one that the model finds likeliest."""

    place: int
    given: int
    likeliest: int


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 after an error of the user's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--dataset", type=Path, default=Path("data/news11"))
    parser.add_argument("--output", type=Path, required=True, help="TSV file to write")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        corpus = datasets.load_from_disk(str(options.dataset))
        if "train" not in corpus or not {"id", "news", "labels"} <= set(corpus["train"].column_names):
            raise ValueError(
                f"{options.dataset} is no corpus of prepare_news.py: expected id, news, labels in train"
            )
        train = corpus["train"]
        names = train.features["labels"].names
        issues = list(implausible(train["news"], np.array(train["labels"])))
        with (
            replacing(options.output) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            lines = csv.writer(file, delimiter="\t")
            for place, given, likeliest in issues:
                row = train[place]
                lines.writerow([row["id"], names[given], names[likeliest], " ".join(row["news"].split())])
    except (OSError, ValueError) as error:
        logger.error("error: %s", error)
        return 2
    print(f"{len(issues):,} of {len(train):,} rows to be read again: {options.output}")
    return 0


def implausible(texts: Sequence[str], labels: np.ndarray) -> Iterator[Issue]:
    """The rows of ``texts`` whose label id in ``labels`` (rows,) is implausible, the least plausible first."""
    features = make_union(
        TfidfVectorizer(sublinear_tf=True, min_df=2),
        TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=3, max_features=150_000
        ),
    )
    model = make_pipeline(
        features, SGDClassifier(loss="log_loss", alpha=3e-6, max_iter=20, tol=None, random_state=0)
    )
    known = np.unique(labels)
    cut = [text[:MAX_CHARACTERS] for text in texts]
    probabilities = cross_val_predict(model, cut, labels, cv=FOLDS, method="predict_proba")
    ranked = find_label_issues(
        np.searchsorted(known, labels),
        probabilities,
        return_indices_ranked_by="self_confidence",
        filter_by="both",
        n_jobs=1,
    )
    for place in ranked:
        yield Issue(int(place), int(labels[place]), int(known[probabilities[place].argmax()]))


if __name__ == "__main__":
    sys.exit(main())
