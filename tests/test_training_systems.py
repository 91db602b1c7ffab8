"""Systems end to end, tiny: overlapping labels, columns beside the text, cascade and rules, balance, transfer."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import TOPIC_WORDS, topic_texts
from test_training import SMALL
from transformers import pipeline

from bilstm_classifier import Predictor, get_predictions, load_dataset_dict, train_model
from bilstm_classifier.decision import Decision
from bilstm_classifier.evaluation.reporting import evaluate_model, report_of
from bilstm_classifier.model_folder import save_model

TOPICS = sorted(TOPIC_WORDS)
UNSEEN = ["Премьера в театре", "Вратарь и тренер сборной", "Телескоп увидел планету, а физик частицу"]


def write_jsonl(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def is_picture(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG")


def by_pipeline(folder: Path, texts: list[str], names: list[str]) -> np.ndarray:
    """Probabilities (texts, labels) as transformers' own pipeline gives them."""
    answers = pipeline("text-classification", model=str(folder))(texts, top_k=None)
    return np.array(
        [[{item["label"]: item["score"] for item in row}[name] for name in names] for row in answers]
    )


def with_labels(splits, name="test"):
    names = splits[name].features["labels"].names
    return [names[label] for label in splits[name]["labels"]]


# --- overlapping labels ---


def posts(count: int) -> list[dict]:
    """Texts of one topic, of two, or of none."""
    generator, rows = random.Random(1), []
    words = {topic: line.split() for topic, line in TOPIC_WORDS.items()}
    for number in range(count):
        topics = sorted(generator.sample(TOPICS, [1, 2, 1, 0][number % 4]))
        text = [word for topic in topics for word in generator.sample(words[topic], 4)]
        rows.append({"text": f"{' '.join(text) or 'Сегодня дождь и ветер'} {number}", "labels": topics})
    return rows


@pytest.fixture(scope="module")
def social(tmp_path_factory) -> tuple[Path, dict, Path]:
    """A folder with a model of overlapping labels, its figures, and its data."""
    folder = tmp_path_factory.mktemp("social")
    data = write_jsonl(folder / "posts.jsonl", posts(360))
    settings = SMALL | {"num_train_epochs": 8, "multi_label": True, "validation_size": 0.2}
    settings |= {"class_weights": "sqrt", "teacher_share": 0.3}
    metrics = train_model(dataset=str(data), output_dir=str(folder / "run"), **settings)
    return folder / "run", metrics, data


def test_a_run_with_overlapping_labels_leaves_all_that_was_promised(social):
    run, metrics, _ = social
    assert json.loads((run / "metrics.json").read_text("utf-8")) == metrics
    test = metrics["test"]
    assert test["f1_micro"] > 0.8
    assert test["average_precision_macro"] > 0.9
    assert {"f1_macro", "subset_accuracy", "hamming_loss", "without_label", "labels_per_text"} < set(test)
    assert list(test["per_class"]) == TOPICS
    assert np.shape(test["co_occurrence"]) == (3, 3)
    assert not {"accuracy", "confusion_matrix", "calibration_error"} & set(test)
    for name in ("co_occurrence", "thresholds", "loss_curves", "classes", "lengths"):
        assert is_picture(run / f"{name}.png"), name
    assert not (run / "confusion_matrix.png").exists()
    card = (run / "README.md").read_text("utf-8")
    assert "F1" in card
    assert all(topic in card for topic in TOPICS)
    assert not (run / "rules.yaml").exists()


def test_thresholds_are_saved_and_decide(social):
    run, _, _ = social
    predictor = Predictor.from_pretrained(run)
    thresholds = predictor.model.config.thresholds
    assert len(thresholds) == 3
    assert set(thresholds) != {0.5}, "there are enough texts of each label to tune on"
    assert len(predictor.model.config.class_weights) == 3
    texts = [*UNSEEN, UNSEEN[0] + " " + UNSEEN[1], "Дождь"]
    scores = predictor.predict_proba(texts)
    for row, prediction in zip(scores, predictor.predict(texts), strict=True):
        assert set(prediction.labels) == {
            name for name, score, bound in zip(TOPICS, row, thresholds, strict=True) if score >= bound
        }
    assert [sorted(labels) for labels in get_predictions(texts, predictor)][:2] == [["culture"], ["sports"]]


def test_figures_of_overlapping_labels_are_those_of_the_predictor(social):
    run, metrics, data = social
    test = load_dataset_dict(data, multi_label=True, validation_size=0.2)["test"]
    predictor = Predictor.from_pretrained(run)
    chosen = [set(prediction.labels) for prediction in predictor.predict(test["text"][:])]
    true = [{TOPICS[label] for label in labels} for labels in test["labels"]]
    exact = np.mean([found == wanted for found, wanted in zip(chosen, true, strict=True)])
    right = sum(len(found & wanted) for found, wanted in zip(chosen, true, strict=True))
    micro = 2 * right / (sum(map(len, chosen)) + sum(map(len, true)))
    assert metrics["test"]["subset_accuracy"] == pytest.approx(exact)
    assert metrics["test"]["f1_micro"] == pytest.approx(micro)
    again = evaluate_model(run, test)
    assert again["f1_micro"] == pytest.approx(metrics["test"]["f1_micro"])
    assert again["loss"] == pytest.approx(metrics["test"]["loss"])


def test_overlapping_labels_in_another_order_are_evaluated_alike(social):
    run, metrics, data = social
    turned = load_dataset_dict(data, multi_label=True, validation_size=0.2, label_names=TOPICS[::-1])["test"]
    again = evaluate_model(run, turned)
    assert again["per_class"].keys() == metrics["test"]["per_class"].keys()
    assert again["f1_micro"] == pytest.approx(metrics["test"]["f1_micro"])


def test_a_pipeline_gives_the_probabilities_of_overlapping_labels(social):
    run, _, _ = social
    expected = Predictor.from_pretrained(run).predict_proba(UNSEEN)
    np.testing.assert_allclose(by_pipeline(run, UNSEEN, TOPICS), expected, atol=1e-4)


def test_a_folder_with_a_file_a_class_is_trained_on(tmp_path):
    folder = tmp_path / "topics"
    folder.mkdir()
    for topic in TOPICS:
        texts = [row["text"] for row in posts(120) if topic in row["labels"]]
        (folder / f"{topic}.csv").write_text(
            "\n".join(["doc_text,image2text", *(f"{text}," for text in texts)]), "utf-8"
        )
    metrics = train_model(
        dataset=str(folder),
        output_dir=str(tmp_path / "run"),
        multi_label=True,
        text_columns=["doc_text", "image2text"],
        **SMALL | {"num_train_epochs": 1},
    )
    assert sum(metrics["rows"].values()) == 90, "a text in two files is one row"
    assert Predictor.from_pretrained(tmp_path / "run").inputs.text_columns == ("doc_text", "image2text")
    assert metrics["test"]["labels_per_text"]["true"] > 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ordered_labels": True}, "ordered_labels, a cascade and rules are for a single label"),
        ({"decision": "cascade"}, "ordered_labels, a cascade and rules are for a single label"),
        ({"rules_precision": 0.9}, "ordered_labels, a cascade and rules are for a single label"),
        ({"balance": "up"}, "rows cannot be balanced where labels overlap"),
        ({"multi_label": False}, "holds . labels, expected one: where labels overlap, set multi_label"),
    ],
)
def test_settings_that_do_not_go_with_overlapping_labels(tmp_path, settings, message):
    data = write_jsonl(tmp_path / "posts.jsonl", posts(40))
    with pytest.raises(ValueError, match=message):
        train_model(
            dataset=str(data), output_dir=str(tmp_path / "run"), **SMALL | {"multi_label": True} | settings
        )
    assert not (tmp_path / "run").exists()


# --- columns beside the text, cascade, rules ---


def videos(count: int) -> list[dict]:
    """Videos of channels: the text names the topic, numbers and language go with it; some have no statistics."""
    generator, rows = random.Random(2), []
    for number, text in enumerate(topic_texts(count)):
        topic = list(TOPIC_WORDS)[number % 3]
        row = {"title": text, "tags": "" if number % 2 else f"запись {number}", "topic": topic}
        row["channel"] = f"канал {number // 3 % 40}"
        if number % 5:
            row["views"] = f"{int(generator.lognormvariate(5 + 2 * (number % 3), 0.5))}"
            row["duration"] = f"{generator.randint(1, 59)}:00" if number % 7 else None
            row["language"] = ["ru", "en", "ru"][number % 3]
        rows.append(row)
    return rows


VIDEOS = {
    "text_columns": ["title", "tags"],
    "label_column": "topic",
    "number_columns": ["views", "duration"],
    "category_columns": ["language"],
    "group_column": "channel",
    "decision": "cascade",
    "rules_precision": 0.9,
    "features_hidden_size": 6,
    "category_embedding_size": 3,
    "num_train_epochs": 5,
    "validation_size": 0.2,
    "save_dtype": "float32",
}


@pytest.fixture(scope="module")
def channel(tmp_path_factory) -> tuple[Path, dict, Path]:
    """A folder with a model that reads columns beside the text, its figures, and its data."""
    folder = tmp_path_factory.mktemp("videos")
    data = write_jsonl(folder / "videos.jsonl", videos(360))
    metrics = train_model(dataset=str(data), output_dir=str(folder / "run"), **SMALL | VIDEOS)
    return folder / "run", metrics, data


@pytest.fixture
def own_run(channel, tmp_path) -> Path:
    """A copy of that model, to be edited."""
    model = Predictor.from_pretrained(channel[0])
    save_model(model.model, model.tokenizer, tmp_path / "copy")
    return tmp_path / "copy"


def read_videos(data: Path):
    names = (
        "text_columns",
        "label_column",
        "number_columns",
        "category_columns",
        "group_column",
        "validation_size",
    )
    return load_dataset_dict(data, **{name: VIDEOS[name] for name in names})


def test_a_run_with_columns_beside_the_text_leaves_all_that_was_promised(channel):
    run, metrics, _ = channel
    assert metrics["test"]["accuracy"] > 0.9
    assert is_picture(run / "confusion_matrix.png")
    assert (run / "README.md").is_file()
    config = Predictor.from_pretrained(run).model.config
    assert [(column["kind"], column["name"]) for column in config.feature_columns] == [
        ("number", "views"),
        ("number", "duration"),
        ("category", "language"),
    ]
    assert config.category_columns == {"language": ["en", "ru"]}
    assert config.text_columns == ["title", "tags"]
    assert config.cascade is not None
    assert (config.features_hidden_size, config.category_embedding_size) == (6, 3)
    rules = yaml.safe_load((run / "rules.yaml").read_text("utf-8"))["rules"]
    assert {rule["label"] for rule in rules} <= set(TOPICS)
    assert {word for rule in rules for word in rule["words"]} & set(" ".join(TOPIC_WORDS.values()).split())


def test_a_row_and_the_data_set_are_read_alike(channel):
    """The figures of the run are those of the predictor for the rows as they stand in the file."""
    run, metrics, data = channel
    test = read_videos(data)["test"]
    by_text = {" [SEP] ".join(filter(None, [row["title"], row["tags"]])): row for row in videos(360)}
    rows = [by_text[text] for text in test["text"]]
    predictor = Predictor.from_pretrained(run)
    right = [
        prediction.labels == (row["topic"],)
        for prediction, row in zip(predictor.predict(rows), rows, strict=True)
    ]
    assert metrics["test"]["accuracy"] == pytest.approx(np.mean(right))
    assert evaluate_model(run, test)["loss"] == pytest.approx(metrics["test"]["loss"])
    scores = predictor.predict_proba(rows)
    likelihood = scores[np.arange(len(rows)), [TOPICS.index(row["topic"]) for row in rows]]
    assert metrics["test"]["loss"] == pytest.approx(-np.log(likelihood).mean(), rel=1e-3)


def test_a_row_without_any_column_beside_the_text_gets_an_answer(channel):
    predictor = Predictor.from_pretrained(channel[0])
    bare = {"title": UNSEEN[1]}
    empty = bare | {"tags": None, "views": None, "duration": float("nan"), "language": ""}
    full = bare | {"views": 900, "duration": "2:00", "language": "ru"}
    scores = predictor.predict_proba([bare, empty, UNSEEN[1], full])
    np.testing.assert_allclose(scores[1:3], scores[[0, 0]], atol=1e-6)
    assert np.abs(scores[3] - scores[0]).max() > 1e-4
    assert get_predictions(bare, predictor) == get_predictions(full, predictor) == "sports"


def test_a_pipeline_gives_what_the_text_alone_does(channel):
    run, _, _ = channel
    expected = Predictor.from_pretrained(run).predict_proba(UNSEEN)
    np.testing.assert_allclose(by_pipeline(run, UNSEEN, TOPICS), expected, atol=1e-4)


def test_the_channel_is_no_input_and_stays_on_one_side(channel):
    splits = read_videos(channel[2])
    groups = [set(split["group"]) for split in splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 40
    predictor = Predictor.from_pretrained(channel[0])
    row = {"title": UNSEEN[0], "views": 5}
    scores = predictor.predict_proba([row, row | {"channel": "канал 1"}])
    np.testing.assert_array_equal(scores[0], scores[1])


def test_edited_rules_change_the_answer_and_nothing_else(own_run):
    before = Predictor.from_pretrained(own_run)
    text = "Снегопад накрыл перевал"
    path = own_run / "rules.yaml"
    rules = yaml.safe_load(path.read_text("utf-8"))
    assert before.predict([text])[0].reason != "the keyword 'снегопад'"
    for label in ("science", "culture"):
        path.write_text(
            yaml.safe_dump({"rules": [{"label": label, "words": ["снегопад"]}, *rules["rules"]]}), "utf-8"
        )
        after = Predictor.from_pretrained(own_run)
        prediction = after.predict([text])[0]
        assert prediction.labels == (label,)
        assert prediction.reason == "the keyword 'снегопад'"
        assert prediction.probabilities == before.predict([text])[0].probabilities
        assert prediction.leading == (label, prediction.probabilities[label])
        assert after.explain(text).label == label, "what is answered is explained, likely or not"
    path.write_text("rules: []\n")
    assert not Predictor.from_pretrained(own_run).predict([text])[0].reason.startswith("the keyword")
    path.unlink()
    assert Predictor.from_pretrained(own_run).decision.rules is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rules: [", r"rules\.yaml cannot be read as YAML"),
        ("words: []", r"rules\.yaml holds no rules: expected the key rules alone"),
        (
            "rules:\n- label: sport\n  words: [гол]",
            r"rule 1 has the label 'sport', .* the nearest are sports",
        ),
        ("rules:\n- label: sports\n  words: [2024]", r"rule 1 \(sports\) has the word 2024: expected a text"),
        ("rules:\n- label: sports\n  words: гол", r"rule 1 \(sports\) has the words 'гол': expected a list"),
    ],
)
def test_a_bad_edit_of_the_rules_is_one_sentence(own_run, content, message):
    (own_run / "rules.yaml").write_text(content, "utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        Predictor.from_pretrained(own_run)
    assert str(own_run) in str(caught.value)


def test_what_is_saved_in_place_of_a_model_with_rules_has_none(own_run):
    predictor = Predictor.from_pretrained(own_run)
    predictor.model.rules = None
    save_model(predictor.model, predictor.tokenizer, own_run)
    assert not (own_run / "rules.yaml").exists()


def test_a_data_set_without_the_columns_of_the_model(channel):
    run, _, data = channel
    texts = load_dataset_dict(data, text_columns=["title", "tags"], label_column="topic")["test"]
    with pytest.raises(ValueError, match=r"the model reads the number 'views' .* no such column"):
        evaluate_model(run, texts)


def test_evaluation_counts_texts_without_an_answer(own_run, channel):
    config = json.loads((own_run / "config.json").read_text("utf-8"))
    config |= {"cascade": [{"label": "sports", "threshold": 0.5}], "unclaimed": "unknown"}
    (own_run / "config.json").write_text(json.dumps(config), "utf-8")
    (own_run / "rules.yaml").unlink()
    splits = read_videos(channel[2])
    report = evaluate_model(own_run, splits["test"])
    sports = with_labels(splits).count("sports") / len(splits["test"])
    assert report["unanswered"] == pytest.approx(1 - sports, abs=0.1)
    assert report["accuracy"] == pytest.approx(sports, abs=0.1)
    assert report["per_class"]["science"]["recall"] == 0
    assert set(get_predictions(topic_texts(30), own_run)) == {"sports", "unknown"}


def test_unknown_in_training(tmp_path, channel):
    settings = SMALL | VIDEOS | {"unclaimed": "unknown", "rules_precision": 0.0, "num_train_epochs": 3}
    metrics = train_model(dataset=str(channel[2]), output_dir=str(tmp_path / "run"), **settings)
    config = Predictor.from_pretrained(tmp_path / "run").model.config
    assert config.unclaimed == "unknown"
    assert {stage["label"] for stage in config.cascade} == set(TOPICS), (
        "all three are easily told with certainty"
    )
    assert 0 <= metrics["test"].get("unanswered", 0) < 0.5


@pytest.mark.parametrize("columns", [{"number_columns": []}, {"category_columns": []}])
def test_numbers_alone_and_categories_alone(tmp_path, channel, columns):
    settings = (
        SMALL | VIDEOS | {"decision": "likeliest", "rules_precision": 0.0, "num_train_epochs": 1} | columns
    )
    settings |= {"damaged_copies": 0.2, "balance": "down", "teacher_share": 0.3}
    metrics = train_model(dataset=str(channel[2]), output_dir=str(tmp_path / "run"), **settings)
    assert metrics["test"]["loss"] > 0
    predictor = Predictor.from_pretrained(tmp_path / "run")
    scores = predictor.predict_proba(
        [{"title": UNSEEN[0], "views": 10, "language": "en"}, {"title": UNSEEN[0]}]
    )
    assert np.abs(scores[0] - scores[1]).max() > 1e-6
    assert not (tmp_path / "run" / "rules.yaml").exists()


def test_a_column_that_tells_nothing_leaves_the_folder_free(tmp_path):
    rows = [{**row, "duration": None} for row in videos(60)]
    data = write_jsonl(tmp_path / "videos.jsonl", rows)
    with pytest.raises(
        ValueError, match="column 'duration' holds no number in the training rows: leave it out"
    ):
        train_model(
            dataset=str(data), output_dir=str(tmp_path / "run"), **SMALL | VIDEOS | {"group_column": None}
        )
    assert not (tmp_path / "run").exists()


# --- steps in their order, balance ---


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    """Reviews of one to three stars, of which two thirds have three."""
    stars, rows = [1, 2, 3, 3, 3, 3], []
    words = list(TOPIC_WORDS.values())
    for number in range(240):
        star = stars[number % 6]
        rows.append({"content": f"{' '.join(words[star - 1].split()[:4])} {number}", "score": star})
    return write_jsonl(tmp_path_factory.mktemp("reviews") / "reviews.jsonl", rows)


def test_ordered_labels_are_measured_by_their_distance(tmp_path, reviews):
    metrics = train_model(
        dataset=str(reviews),
        output_dir=str(tmp_path / "run"),
        ordered_labels=True,
        **SMALL | {"num_train_epochs": 1},
    )
    for split in ("validation", "test"):
        assert metrics[split]["mean_absolute_error"] >= 1 - metrics[split]["accuracy"] - 1e-9
        assert {"quadratic_kappa", "ranked_probability_score"} < set(metrics[split])
    assert Predictor.from_pretrained(tmp_path / "run").model.config.ordered_labels


def test_distances_are_those_of_the_texts_that_got_an_answer():
    names = ("1", "2", "3")
    decision = Decision(
        names, "single_label_classification", cascade=({"label": "1", "threshold": 0.6},), unclaimed="unknown"
    )
    scores = np.array([[0.7, 0.2, 0.1], [0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
    report = report_of(decision, scores, np.array([0, 2, 2]), [""] * 3, ordered=True)
    assert report["mean_absolute_error"] == 1.0
    assert report["unanswered"] == pytest.approx(1 / 3)
    none = report_of(decision, scores[2:], np.array([2]), [""], ordered=True)
    assert "mean_absolute_error" not in none
    assert none["accuracy"] == 0.0


def test_balance_is_of_the_training_rows_alone(tmp_path, reviews):
    settings = SMALL | {
        "num_train_epochs": 1,
        "dataset": str(reviews),
        "test_size": 0.2,
        "validation_size": 0.1,
    }
    runs = {
        how: train_model(output_dir=str(tmp_path / how), balance=how, **settings)
        for how in ("none", "up", "down")
    }
    assert {str(metrics["rows"]) for metrics in runs.values()} == {
        "{'train': 168, 'validation': 24, 'test': 48}"
    }
    supports = [[scores["support"] for scores in run["test"]["per_class"].values()] for run in runs.values()]
    assert supports == [[8, 8, 32]] * 3
    # 28, 28 and 112 rows of the classes; 16 rows a batch
    assert {how: metrics["steps"] for how, metrics in runs.items()} == {"none": 11, "up": 21, "down": 6}


def test_cleaning_is_in_the_model(tmp_path, reviews):
    settings = SMALL | {"num_train_epochs": 1, "cleaning": ["lower_case", "links", "digits", "punctuation"]}
    train_model(dataset=str(reviews), output_dir=str(tmp_path / "run"), **settings)
    predictor = Predictor.from_pretrained(tmp_path / "run")
    plain, noisy = predictor.predict_proba(["театр премьера", "ТЕАТР!!! 12 премьера, https://example.org/a"])
    np.testing.assert_allclose(plain, noisy, atol=1e-6)


# --- starting from a trained model ---


def starting_from(run: Path, data: Path, **changes):
    """Settings that start from ``run`` and change nothing: no step is big enough to."""
    base = (
        SMALL
        | VIDEOS
        | {"init_from": str(run), "learning_rate": 1e-12, "num_train_epochs": 1, "dataset": str(data)}
    )
    return base | {"decision": "likeliest", "rules_precision": 0.0} | changes


def test_the_same_columns_keep_their_branch_and_their_scale(channel, tmp_path):
    """Other rows have other means: the numbers are still read as the weights learned them."""
    run, _, _ = channel
    rows = [
        {**row, "views": 7 * int(row.get("views", 1)), "language": row.get("language", "de")}
        for row in videos(180)
    ]
    data = write_jsonl(tmp_path / "others.jsonl", rows)
    train_model(output_dir=str(tmp_path / "more"), **starting_from(run, data, features_hidden_size=9))
    earlier, later = (Predictor.from_pretrained(folder) for folder in (run, tmp_path / "more"))
    assert later.model.config.feature_columns == earlier.model.config.feature_columns
    texts = [{"title": UNSEEN[0], "views": 40, "language": "ru"}, UNSEEN[1]]
    np.testing.assert_allclose(later.predict_proba(texts), earlier.predict_proba(texts), atol=1e-5)
    assert later.decision.cascade == ()
    assert later.decision.rules is None


def test_from_a_model_with_columns_to_one_without(channel, tmp_path):
    run, _, data = channel
    settings = starting_from(run, data, number_columns=[], category_columns=[])
    train_model(output_dir=str(tmp_path / "more"), **settings)
    earlier, later = (Predictor.from_pretrained(folder).model for folder in (run, tmp_path / "more"))
    assert later.features_branch is None
    assert later.classifier.in_features == earlier.config.text_size
    torch.testing.assert_close(later.lstm.state_dict(), earlier.lstm.state_dict(), atol=1e-6, rtol=0)


def test_from_a_model_with_columns_to_one_with_others(channel, tmp_path):
    run, _, data = channel
    settings = starting_from(run, data, number_columns=["views"], features_hidden_size=9)
    train_model(output_dir=str(tmp_path / "more"), **settings)
    earlier, later = (Predictor.from_pretrained(folder).model for folder in (run, tmp_path / "more"))
    assert later.config.number_columns == ["views"]
    assert later.features_branch.projection.out_features == 9
    torch.testing.assert_close(later.lstm.state_dict(), earlier.lstm.state_dict(), atol=1e-6, rtol=0)


def test_from_a_single_label_to_overlapping_ones(channel, social, tmp_path):
    data = social[2]
    settings = SMALL | {"init_from": str(channel[0]), "learning_rate": 0.01, "num_train_epochs": 2}
    metrics = train_model(dataset=str(data), output_dir=str(tmp_path / "more"), multi_label=True, **settings)
    config = Predictor.from_pretrained(tmp_path / "more").model.config
    assert config.problem_type == "multi_label_classification"
    assert config.cascade is None
    assert len(config.thresholds) == 3
    assert metrics["test"]["average_precision_macro"] > 0.5


# --- to the Hub and back ---


@pytest.mark.slow
@pytest.mark.parametrize("system", ["social", "channel"])
def test_what_was_pushed_and_pulled_decides_alike(request, tmp_path, system):
    from hub.clients import client
    from hub.server import OWNER, TOKEN, LoopbackHub
    from hub.tasks import answers, pull, push, scores

    run = request.getfixturevalue(system)[0]
    rows = [*UNSEEN, "Дождь"]
    if system == "channel":
        rows += [{"title": text, "views": 3_000, "duration": "1:00", "language": "en"} for text in UNSEEN]
    own = Predictor.from_pretrained(run)
    expected, decided = own.predict_proba(rows), get_predictions(rows, own)
    with LoopbackHub() as hub, client(hub.url, tmp_path / "home", HF_TOKEN=TOKEN) as fresh:
        name = f"{OWNER}/{system}"
        fresh.submit(push, run, name).result()
        assert ("rules.yaml" in hub.files(name)) == (system == "channel")
        assert not [
            found for found, content in hub.files(name).items() if str(run.parent).encode() in content
        ]
        np.testing.assert_allclose(fresh.submit(scores, name, rows).result(), expected, atol=1e-6)
        assert fresh.submit(answers, name, rows).result() == decided
        folder = fresh.submit(pull, name, local_dir=tmp_path / "pulled").result()
    pulled = Predictor.from_pretrained(folder)
    np.testing.assert_allclose(pulled.predict_proba(rows), expected, atol=1e-6)
    assert pulled.predict(rows) == own.predict(rows)
    np.testing.assert_allclose(by_pipeline(folder, UNSEEN, TOPICS), expected[: len(UNSEEN)], atol=1e-4)
