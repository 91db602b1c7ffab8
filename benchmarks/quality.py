"""The packaged model next to TF-IDF + linear SVM on the same rows, class by class; fills the model's card.

    python benchmarks/quality.py --dataset data/news11

Writes benchmarks/results/quality.json and, from it and model_card.md, bilstm_classifier/default_model/README.md.
The yardstick: TF-IDF of word 1-2-grams and of character 3-5-grams within words, LinearSVC with C=0.5, texts cut to
3,000 characters, fitted on the train split; both are measured on the test split.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from bilstm_classifier import get_predictions, load_dataset_dict, load_sample_news
from bilstm_classifier.evaluation import evaluate_model
from bilstm_classifier.files import write_text
from bilstm_classifier.metrics import classification_report
from bilstm_classifier.predictor import DEFAULT_MODEL

ROOT = Path(__file__).resolve().parent.parent
MAX_CHARACTERS = 3_000
SHORT_CHARACTERS = 150  # headlines; longer texts are leads and articles


def yardstick(splits: Any) -> list[int]:
    """Labels that TF-IDF + linear SVM predicts for the test split."""
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2),
    )
    model = make_pipeline(features, LinearSVC(C=0.5))
    texts = {name: [text[:MAX_CHARACTERS] for text in splits[name]["text"]] for name in ("train", "test")}
    return model.fit(texts["train"], splits["train"]["labels"]).predict(texts["test"]).tolist()


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    ours, svm = results["model"], results["svm"]
    lines = ["| | packaged model | TF-IDF + linear SVM | test rows |", "|---|---|---|---|"]
    rows = sum(figures["support"] for figures in ours["per_class"].values())
    for name, key in (("accuracy", "accuracy"), ("macro F1", "f1_macro"), ("weighted F1", "f1")):
        lines.append(f"| **{name}** | **{ours[key]:.3f}** | {svm[key]:.3f} | {rows} |")
    for kind in ("short", "long"):
        found = results[kind]
        name = f"{'up to' if kind == 'short' else 'over'} {SHORT_CHARACTERS} characters"
        lines.append(f"| accuracy, {name} | {found['model']:.3f} | {found['svm']:.3f} | {found['rows']} |")
    lines.append(f"| accuracy, sample news of the package | {results['sample']:.3f} | | 275 |")
    for label, figures in ours["per_class"].items():
        other = svm["per_class"][label]["f1"]
        lines.append(f"| F1, {label} | {figures['f1']:.3f} | {other:.3f} | {figures['support']} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", default="data/news11")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    options = parser.parse_args()
    splits = load_dataset_dict(options.dataset)
    test = splits["test"]
    names = test.features["labels"].names
    svm = yardstick(splits)
    short = [len(text) <= SHORT_CHARACTERS for text in test["text"]]
    results: dict[str, Any] = {
        "model": evaluate_model(options.model, test),
        "svm": classification_report(test["labels"], svm, names),
    }
    for kind, wanted in (("short", True), ("long", False)):
        rows = [index for index, is_short in enumerate(short) if is_short is wanted]
        right = [svm[index] == test[index]["labels"] for index in rows]
        results[kind] = {
            "model": evaluate_model(options.model, test.select(rows))["accuracy"],
            "svm": sum(right) / len(right),
            "rows": len(rows),
        }
    # Times differ from run to run and machine to machine: benchmarks/prediction_speed.py measures them.
    for name in ("preparation_time", "runtime", "samples_per_second", "steps_per_second"):
        del results["model"][name]
    texts, labels = load_sample_news()
    found = get_predictions(texts, options.model)
    results["sample"] = sum(map(str.__eq__, found, labels)) / len(labels)
    print(table(results))
    if options.model == DEFAULT_MODEL:
        content = json.dumps(results, ensure_ascii=False, indent=1) + "\n"
        write_text(ROOT / "benchmarks/results/quality.json", content)
        card = (ROOT / "model_card.md").read_text(encoding="utf-8")
        write_text(DEFAULT_MODEL / "README.md", card.replace("{{ results }}", table(results)))


if __name__ == "__main__":
    main()
