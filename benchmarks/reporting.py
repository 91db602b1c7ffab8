"""Tables and pictures of the leaderboard's results: the card, README's table, benchmarks/results/default_model.md."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from baselines import PUBLISHED, PUBLISHED_ON

from bilstm_classifier.files import replacing, write_text
from bilstm_classifier.hub.card import TAGS, card_data, eval_results, fill
from bilstm_classifier.plots.training_run import plot_accuracy_by_coverage, plot_confusion_matrix
from bilstm_classifier.predictor import DEFAULT_MODEL

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks" / "results"
YARDSTICK = "svm"
TEST_NAMES = {
    "test": "test",
    "test_later": "later dates",
    "test_unseen": "unseen sites",
}
START, END = "<!-- results: benchmarks/leaderboard.py -->", "<!-- end of results -->"


def write_reports(results: Mapping[str, Any]) -> str:
    """Write every table and picture made from `results`; return the leaderboard.

    Raises:
        ValueError: README.md has lost the marks that its table stands between, or the card has a place unfilled.
        OSError: a file cannot be written.
    """
    names = list(results["test"]["per_class"])
    plot_confusion_matrix(results["test"]["confusion_matrix"], names, FOLDER / "confusion_matrix.png")
    curves = {TEST_NAMES[name]: results[name]["accuracy_by_coverage"] for name in TEST_NAMES}
    plot_accuracy_by_coverage(curves, FOLDER / "accuracy_by_coverage.png")
    document = FOLDER / "default_model.md"
    write_text(document, _between(document.read_text(encoding="utf-8"), full_report(results)))
    readme = ROOT / "README.md"
    write_text(readme, _between(readme.read_text(encoding="utf-8"), leaderboard(results)))
    _shrink(FOLDER / "confusion_matrix.png", DEFAULT_MODEL / "confusion_matrix.png")
    write_text(DEFAULT_MODEL / "README.md", card(results))
    return leaderboard(results)


def card(results: Mapping[str, Any]) -> str:
    """The packaged model's card: model_card.md with its places filled, and its metadata.

    Raises:
        ValueError: the template has a place that nothing fills.
    """
    corpus = {"dataset_type": "news11", "dataset_name": "The frozen news corpus of bilstm-classifier"}
    measured = [result for name in TEST_NAMES for result in eval_results(results[name], name, **corpus)]
    metadata = card_data(
        "bilstm-classifier-news11",
        measured,
        language="ru",
        license="mit",
        tags=["news", *TAGS],
    )
    return fill(ROOT / "model_card.md", metadata, results=full_report(results), sources=sources())


def full_report(results: Mapping[str, Any]) -> str:
    """Everything, as Markdown."""
    sections = {
        "Next to other systems": leaderboard(results),
        "What was to be reached, and what was": targets(results),
        "Class by class": classes(results),
        "Three tests, headlines and articles": tests(results),
        "How far the probabilities can be believed": calibration(results),
        "Damaged text": robustness(results),
        "Published by others, on another corpus": published(),
    }
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in sections.items())


def leaderboard(results: Mapping[str, Any]) -> str:
    """The packaged model and every system beside it."""
    rows = [
        ["", "accuracy", "macro F1", "later dates", "unseen sites", "size, MB", "headlines/s", "articles/s"]
    ]
    speed = results["speed"]
    for precision, note in (("float32", ""), ("bfloat16", ", bfloat16")):
        figures = [_share(results["test"][key]) for key in ("accuracy", "f1_macro")]
        further = [_share(results[name]["accuracy"]) for name in ("test_later", "test_unseen")]
        size = _megabytes(results["bytes"])
        speeds = [f"{speed[precision][kind]:,.0f}" for kind in ("headlines", "articles")]
        cells = [*figures, *further, size] if not note else ["", "", "", "", ""]
        rows.append([f"**packaged model**{note}", *cells, *speeds])
    for system in results["systems"].values():
        if "missing" in system:
            rows.append([system["name"], "weights or package not available here", *[""] * 6])
            continue
        further = [_share(system[name]["accuracy"]) for name in ("test_later", "test_unseen")]
        speeds = [f"{system['speed'][kind]:,.0f}" for kind in ("headlines", "articles")]
        figures = [_share(system["test"][key]) for key in ("accuracy", "f1_macro")]
        rows.append([system["name"], *figures, *further, _megabytes(system["bytes"]), *speeds])
    sizes = results["corpus"]["splits"]
    note = (
        f"Fitted on the {sizes['train']['rows']:,} training rows of the frozen news corpus, measured on "
        f"{sizes['test']['rows']:,} test rows, {sizes['test_later']['rows']:,} of later dates (accuracy) and "
        f"{sizes['test_unseen']['rows']:,} of sites of which no editor-labelled row is trained on (accuracy); "
        f"the packaged model has also read silver data and synthetic headlines. Speed: {results['machine']}."
    )
    return f"{table(rows)}\n\n{note}"


def targets(results: Mapping[str, Any]) -> str:
    """Each target with the figure reached, and whether it was met."""
    seeds, yardstick = results["seeds"], results["systems"].get(YARDSTICK)
    rows = [["", "target", "reached", ""]]

    def add(name: str, target: str, value: str, met: bool) -> None:
        rows.append([name, target, value, "met" if met else "**missed**"])

    if yardstick and seeds:
        for key, name, gain in (("accuracy", "accuracy", 3), ("f1_macro", "macro F1", 5)):
            mean, spread = _spread([seed["test"][key] for seed in seeds])
            above = 100 * (mean - yardstick["test"][key])
            value = f"{above:+.1f} ({mean:.3f} ± {spread:.3f}, {len(seeds)} seeds)"
            add(f"{name}, points above TF-IDF + SVM", f"{gain}", value, above >= gain)
    least = min(results["test"]["per_class"].items(), key=lambda item: item[1]["f1"])
    add("least F1 of a class", "0.60", f"{least[1]['f1']:.3f} ({least[0]})", least[1]["f1"] >= 0.6)
    error = results["test"]["calibration_error"]
    add("expected calibration error", "at most 0.03", f"{error:.3f}", error <= 0.03)
    accuracy = results["test"]["accuracy"]
    for name, found in results["robustness"].items():
        lost = 100 * (accuracy - found)
        if name.startswith("10%"):
            continue
        allowed = 4 if name.startswith("5%") else 2
        add(f"points of accuracy lost, {name}", f"at most {allowed}", f"{lost:.1f}", lost <= allowed)
    size = results["bytes"] / 1e6
    add("size on disk, MB", "at most 20", f"{size:.1f}", size <= 20)
    for kind, least_speed in (("headlines", 1000), ("articles", 120)):
        speeds = {name: found[kind] for name, found in results["speed"].items()}
        value = ", ".join(f"{speed:,.0f} in {name}" for name, speed in speeds.items())
        add(f"{kind} a second on 2 cores", f"{least_speed:,}", value, max(speeds.values()) >= least_speed)
    return table(rows)


def classes(results: Mapping[str, Any]) -> str:
    """Precision, recall and F1 of each class on the test split, beside the yardstick's F1."""
    yardstick = results["systems"].get(YARDSTICK, {}).get("test", {}).get("per_class", {})
    rows = [["class", "precision", "recall", "F1", "F1 of TF-IDF + SVM", "rows"]]
    for label, scores in results["test"]["per_class"].items():
        other = f"{yardstick[label]:.3f}" if label in yardstick else ""
        figures = [f"{scores[key]:.3f}" for key in ("precision", "recall", "f1")]
        rows.append([label, *figures, other, f"{scores['support']:,}"])
    return table(rows)


def tests(results: Mapping[str, Any]) -> str:
    """Accuracy and macro F1 on each test, headlines and articles apart, with the spread over seeds."""
    yardstick = results["systems"].get(YARDSTICK, {})
    rows = [["", "rows", "accuracy", "macro F1", "of TF-IDF + SVM", "over the seeds"]]
    for name, title in TEST_NAMES.items():
        found, other = results[name], yardstick.get(name)
        total = sum(scores["support"] for scores in found["per_class"].values())
        beside = f"{other['accuracy']:.3f}, {other['f1_macro']:.3f}" if other else ""
        spread = ""
        if results["seeds"]:
            mean, deviation = _spread([seed[name]["accuracy"] for seed in results["seeds"]])
            spread = f"{mean:.3f} ± {deviation:.3f}"
        rows.append(
            [title, f"{total:,}", _share(found["accuracy"]), _share(found["f1_macro"]), beside, spread]
        )
        for kind in ("headlines", "articles"):
            if (part := found.get(kind)) is None:
                continue
            beside = f"{other[kind]['accuracy']:.3f}" if other else ""
            rows.append([f"{title}, {kind}", f"{part['rows']:,}", _share(part["accuracy"]), "", beside, ""])
    sample = results["sample"]
    rows.append(["sample news of the package", f"{sample['rows']:,}", _share(sample["accuracy"]), "", "", ""])
    return table(rows)


def calibration(results: Mapping[str, Any]) -> str:
    """Calibration error, the bound of what is unsure, and accuracy where the unsure are left unanswered."""
    shares = list(results["test"]["accuracy_by_coverage"])
    rows = [["", "calibration error", *(f"surest {float(share):.0%}" for share in shares), "not unsure"]]
    for name, title in TEST_NAMES.items():
        found = results[name]
        sure = f"{found['sure']['accuracy']:.3f} on {found['sure']['coverage']:.0%}"
        curve = [_share(value) for value in found["accuracy_by_coverage"].values()]
        rows.append([title, f"{found['calibration_error']:.3f}", *curve, sure])
    return f"{table(rows)}\n\nAn answer is called unsure below a probability of {results['unsure_below']}."


def robustness(results: Mapping[str, Any]) -> str:
    """Accuracy on the test split after each kind of damage."""
    accuracy = results["test"]["accuracy"]
    rows = [["damage", "accuracy", "points lost"], ["none", _share(accuracy), ""]]
    for name, found in results["robustness"].items():
        rows.append([name, _share(found), f"{100 * (accuracy - found):.1f}"])
    return table(rows)


def published() -> str:
    """What others published on `data-silence/rus_news_classifier`."""
    rows = [["model", "accuracy", "macro F1", ""]]
    for entry in PUBLISHED:
        macro = "" if entry.macro_f1 is None else f"{entry.macro_f1:.4f}"
        rows.append([entry.model, f"{entry.accuracy:.4f}", macro, entry.note])
    return (
        f"{table(rows)}\n\nThese are the authors' own figures on {PUBLISHED_ON}: other texts than ours, so no "
        "comparison with the tables above."
    )


def sources() -> str:
    """Every source of the packaged model with its licence, from the lists that the corpora are made by."""
    uses: dict[tuple[str, str, str], list[str]] = {}
    for name, use in (("news_sources.yaml", "news corpus"), ("prose_sources.yaml", "prose, silver")):
        listed = yaml.safe_load((ROOT / "training" / name).read_text(encoding="utf-8"))["sources"]
        for source in listed:
            if source.get("enabled", True):
                role = source.get("role", "")
                only = f" ({role} only)" if role.startswith("test") else ""
                key = (source["name"], _published(source["published"]), source["licence"])
                uses.setdefault(key, []).append(f"{use}{only}")
    rows = [["source", "published", "licence", "for"]]
    rows += [
        [name, published, licence, "; ".join(found)] for (name, published, licence), found in uses.items()
    ]
    rows.append(["synthetic headlines", "with this project", "MIT", "training"])
    return table(rows)


def _published(place: str | Mapping[str, str]) -> str:
    if isinstance(place, str):
        return place
    return f"{place['repository']}, commit {place['commit']}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first of `rows` is its head."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shrink(picture: Path, smaller: Path) -> None:
    """A copy with few colours: the package should be small, and a matrix of blues looks the same."""
    from PIL import Image

    with Image.open(picture) as image, replacing(smaller) as temporary:
        image.convert("RGB").quantize(64).save(temporary, "PNG", optimize=True)


def _between(document: str, text: str) -> str:
    if START not in document or END not in document:
        raise ValueError(f"a document has lost its marks {START!r} and {END!r}")
    before, _, rest = document.partition(START)
    return f"{before}{START}\n\n{text}\n\n{END}{rest.partition(END)[2]}"


def _share(value: float) -> str:
    return f"{value:.3f}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"


def _spread(values: Sequence[float]) -> tuple[float, float]:
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
