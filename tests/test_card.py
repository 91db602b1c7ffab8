"""The card of a model: its figures are those of metrics.json, and what a person wrote in it is kept."""

import json
import re
import shutil

import pytest
import yaml
from conftest import tiny_bert_config, tiny_model
from hub.cards import check_card
from huggingface_hub import ModelCard

from bilstm_classifier import train_model
from bilstm_classifier.cli import _measured
from bilstm_classifier.hub.card import fill_card, write_card
from bilstm_classifier.hub.card_merging import is_sealed, merge_cards, seal, template_of
from bilstm_classifier.model_folder import save_model
from bilstm_classifier.predictor import DEFAULT_MODEL

DATASET, ENCODER = "somebody/topics", "somebody/tiny-encoder"
OVERALL = {"accuracy": 0.8125, "precision": 0.8331, "recall": 0.8142, "f1": 0.8053, "f1_macro": 0.7264}
PER_CLASS = {
    "culture": {"precision": 0.9111, "recall": 0.8222, "f1": 0.8644, "support": 1200},
    "science": {"precision": 0.7333, "recall": 0.6444, "f1": 0.6860, "support": 40},
    "sports": {"precision": 0.5555, "recall": 0.6666, "f1": 0.6060, "support": 7},
}


def report(**changes):
    return {
        "loss": 0.5,
        "runtime": 1.0,
        "calibration_error": 0.0472,
        "accuracy_by_coverage": {"1": 0.8125},
        **OVERALL,
        "precision_macro": 0.7,
        "recall_macro": 0.7,
        "per_class": PER_CLASS,
        "confusion_matrix": [[1]],
        **changes,
    }


def metrics(**changes):
    """As the trainer writes it."""
    return {
        "steps": 1300,
        "epochs": 2.0,
        "rows": {"train": 9000, "validation": 1000, "test": 1247},
        "hub_sources": [DATASET, ENCODER],
        "validation": report(accuracy=0.9021),
        "test": report(),
        **changes,
    }


def recipe(**changes):
    """As a run records it."""
    data = {"dataset": DATASET, "text_columns": ["news"], "dataset_config": None, "dataset_revision": "v2"}
    model = {"embedder": ENCODER, "embedder_revision": None, "max_length": 32, "freeze_embedder": True}
    training = {"learning_rate": 0.002, "load_best_model_at_end": True, "metric_for_best_model": "f1_macro"}
    card = {"language": ["ru"], "license": "mit"}
    sections = {"data": data, "model": model, "training": training, "card": card}
    return {name: {**section, **changes.get(name, {})} for name, section in sections.items()}


@pytest.fixture
def make(tmp_path, word_tokenizer):
    """A model's folder; what is ``None`` is not in it."""

    def make(found=None, settings=None, name="topics-model", pictures=(), **config):
        folder = save_model(tiny_model(**config), word_tokenizer, tmp_path / name, max_length=32)
        if found is not None:
            (folder / "metrics.json").write_text(json.dumps(found), encoding="utf-8")
        if settings is not None:
            (folder / "recipe.yaml").write_text(
                yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8"
            )
        for picture in pictures:
            (folder / picture).write_bytes(b"\x89PNG")
        return folder

    return make


def text_of(folder, **options):
    return write_card(folder, **options).read_bytes().decode("utf-8")


def block_of(card):
    """The metadata of a card, as YAML has them."""
    return yaml.safe_load(card.split("\n---")[0])


def rows_of(card):
    """Cells of every table's lines, by the first of them."""
    lines = [line.strip("|").split(" | ") for line in card.splitlines() if line.startswith("| ")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def values(card):
    """The model index: (split, metric, average) -> value."""
    return {
        (item.dataset_split, item.metric_type, (item.metric_args or {}).get("average")): item.metric_value
        for item in card.data.eval_results
    }


EXPECTED = {
    ("test", "accuracy", None): "accuracy",
    ("test", "f1", "macro"): "f1_macro",
    ("test", "precision", "weighted"): "precision",
    ("test", "recall", "weighted"): "recall",
    ("test", "f1", "weighted"): "f1",
}


# --- filling ---


def test_metadata_are_what_is_known(make):
    folder = make(metrics(), recipe(), freeze_embedder=False)
    card = ModelCard.load(write_card(folder, repo_id="me/topics"))
    data = card.data
    assert (data.language, data.license, data.library_name) == (["ru"], "mit", "transformers")
    assert (data.pipeline_tag, data.datasets, data.model_name) == ("text-classification", [DATASET], "topics")
    assert (data.base_model, data.base_model_relation) == (ENCODER, "finetune")
    assert data.metrics == ["accuracy", "f1", "precision", "recall"]
    assert {"bilstm_classifier", "text-classification"} <= set(data.tags)
    assert values(card) == {key: OVERALL[name] for key, name in EXPECTED.items()}
    found = data.eval_results[0]
    assert (found.task_type, found.dataset_type, found.dataset_name) == (
        "text-classification",
        DATASET,
        DATASET,
    )
    assert found.dataset_revision == "v2"
    assert check_card(str(card), "models") == {"errors": [], "warnings": []}


def test_a_frozen_encoder_is_no_finetune(make):
    data = ModelCard(text_of(make(metrics(), recipe()))).data
    assert data.base_model == ENCODER
    assert "base_model_relation" not in data.to_dict()


def test_every_figure_stands_in_the_text(make):
    card = text_of(make(metrics(), recipe(), pictures=["confusion_matrix.png", "loss_curves.png"]))
    rows = rows_of(card)
    assert rows["Accuracy"] == ["0.812", "0.902"]
    assert rows["Macro F1"] == ["0.726", "0.726"]
    assert rows["Expected calibration error"] == ["0.047", "0.047"]
    assert rows["Texts"] == ["1,247", "1,247"]
    for label, scores in PER_CLASS.items():
        figures = [f"{scores[key]:.3f}" for key in ("precision", "recall", "f1")]
        assert rows[label] == [*figures, f"{scores['support']:,}"]
    assert "weakest label on the test split is sports (F1 0.606)" in card
    assert "fewer than 30 test texts, whose figures say little: sports (7)." in card
    assert "9,000 in train, 1,000 in validation, 1,247 in test" in card
    assert "reads | the first 32 tokens" in card
    assert "learning_rate: 0.002" in card
    assert "the best state of the model was chosen" in card
    assert "- F1 в среднем по меткам: 0,726" in card
    assert "![Confusion matrix on the test split](confusion_matrix.png)" in card
    assert "](loss_curves.png)" in card
    assert "](classes.png)" not in card


def test_the_card_changes_with_the_figures(make):
    folder = make(metrics(), recipe())
    before = text_of(folder)
    changed = report(f1_macro=0.4321)
    changed["per_class"] = {**PER_CLASS, "science": {**PER_CLASS["science"], "recall": 0.1234}}
    (folder / "metrics.json").write_text(json.dumps(metrics(test=changed)), encoding="utf-8")
    after = text_of(folder)
    assert before != after
    assert values(ModelCard(after))["test", "f1", "macro"] == 0.4321
    assert rows_of(after)["Macro F1"][0] == "0.432"
    assert rows_of(after)["science"][1] == "0.123"


def test_the_same_folder_gives_the_same_bytes(make, monkeypatch, tmp_path):
    folder = make(metrics(), recipe())
    first = text_of(folder)
    monkeypatch.chdir(folder)
    (folder / DATASET).mkdir(parents=True)  # seen from here, its id might be a folder
    assert write_card(".").read_text("utf-8") == first == text_of(folder)
    shutil.copytree(folder, tmp_path / "elsewhere" / folder.name)
    (tmp_path / "elsewhere" / folder.name / "README.md").unlink()
    assert text_of(tmp_path / "elsewhere" / folder.name) == first


def test_no_place_of_the_machine_is_told(make, tmp_path):
    secret = "/home/ivanov/secret"
    settings = recipe(
        data={"dataset": f"{secret}/отзывы о книгах.csv"},
        model={"embedder": f"{secret}\\encoder"},
        training={"logging_dir": f"{secret}/logs", "deepspeed": {"config": f"{secret}/ds.json"}, "seed": 7},
    )
    encoder = tiny_bert_config(name_or_path=f"{secret}/encoder")
    card = text_of(make(metrics(hub_sources=[]), settings, embedder_config=encoder))
    for part in ("ivanov", "secret", str(tmp_path), "logging_dir", "deepspeed"):
        assert part not in card
    assert "seed: 7" in card
    assert "отзывы о книгах.csv" in card
    data = ModelCard(card).data
    assert (data.datasets, data.base_model) == (None, None)
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", data.eval_results[0].dataset_type)
    assert not check_card(card, "models")["errors"]


def test_a_folder_called_like_a_repository_is_none(make):
    """``runs/encoder`` may be either: only what the run found on the Hub is said to be there."""
    settings = recipe(data={"dataset": "data/news"}, model={"embedder": "runs/encoder"})
    data = ModelCard(text_of(make(metrics(hub_sources=[]), settings))).data
    assert (data.datasets, data.base_model) == (None, None)


def test_the_repository_of_an_embedder_that_is_not_saved_along(make):
    commit = "0123456789" * 4
    card = text_of(make(embedder_repo_id=ENCODER, embedder_commit=commit))
    assert ModelCard(card).data.base_model == ENCODER
    assert f"[{ENCODER}](https://huggingface.co/{ENCODER}) at commit `{commit}`" in card


def test_an_unmeasured_model_has_no_figure(make):
    card = text_of(make())
    data = ModelCard(card).data.to_dict()
    assert not {"model-index", "metrics", "license", "language", "datasets", "base_model"} & set(data)
    assert "It was not measured" in card
    assert "Качество модели не измерено" in card
    assert "None" not in card
    assert not re.findall(r"\d\.\d\d", card)
    assert not check_card(card, "models")["errors"]


def test_overlapping_labels(make):
    settings = {"problem_type": "multi_label_classification"}
    card = text_of(make(metrics(), recipe(), **settings))
    assert "3 labels that may overlap" in card
    assert "top_k=None" in card
    assert "any text gets one of them" not in card
    without_accuracy = {key: value for key, value in report().items() if key != "accuracy"}
    again = text_of(make(metrics(test=without_accuracy), recipe(), name="another", **settings))
    assert ("test", "accuracy", None) not in values(ModelCard(again))
    assert "Accuracy" not in rows_of(again)


RANKED = {"culture": 0.9444, "science": 0.7111, "sports": None}
OVER_LABELS = {
    "f1_micro": 0.7777,
    "average_precision_macro": 0.8222,
    "average_precision_micro": 0.8333,
    "subset_accuracy": 0.6111,
    "hamming_loss": 0.1234,
    "labels_per_text": {"true": 1.4, "chosen": 1.3},
    "without_label": 0.0525,
    "per_class": {
        label: {**PER_CLASS[label], "average_precision": ranked} for label, ranked in RANKED.items()
    },
    "co_occurrence": [[1]],
}


def overlapping_report(**changes):
    without = ("accuracy", "accuracy_by_coverage", "confusion_matrix")
    return {key: value for key, value in report().items() if key not in without} | OVER_LABELS | changes


def test_figures_of_overlapping_labels(make):
    folder = make(
        metrics(test=overlapping_report(), validation=overlapping_report(average_precision_macro=None)),
        recipe(),
        pictures=["co_occurrence.png", "thresholds.png"],
        problem_type="multi_label_classification",
    )
    card = text_of(folder)
    rows = rows_of(card)
    assert rows["Subset accuracy"] == ["0.611", "0.611"]
    assert rows["Micro F1"] == ["0.778", "0.778"]
    assert rows["Macro average precision"] == ["0.822", ""]
    assert rows["Micro average precision"] == ["0.833", "0.833"]
    assert rows["Hamming loss"] == ["0.123", "0.123"]
    assert rows["label"] == ["precision", "recall", "F1", "average precision", "texts"]
    assert rows["culture"] == ["0.911", "0.822", "0.864", "0.944", "1,200"]
    assert rows["sports"] == ["0.555", "0.667", "0.606", "–", "7"]
    assert "5.2% got no label" in card
    assert "- средняя точность (average precision) в среднем по меткам: 0,822" in card
    assert "](co_occurrence.png)" in card
    assert "](thresholds.png)" in card
    found = values(ModelCard(card))
    assert found["test", "average_precision", "macro"] == 0.8222
    assert found["test", "hamming_loss", None] == 0.1234
    assert ("test", "accuracy", None) not in found
    assert check_card(card, "models") == {"errors": [], "warnings": []}
    assert list(_measured(folder)) == ["test"]


def test_no_label_was_true_of_a_text(make):
    nowhere = {label: {**scores, "average_precision": None} for label, scores in PER_CLASS.items()}
    undefined = overlapping_report(
        average_precision_macro=None, average_precision_micro=None, per_class=nowhere
    )
    card = text_of(make(metrics(test=undefined), recipe(), problem_type="multi_label_classification"))
    assert not [metric for _, metric, _ in values(ModelCard(card)) if metric == "average_precision"]
    assert "Macro average precision" not in rows_of(card)
    assert rows_of(card)["sports"][3] == "–"
    assert "None" not in card.replace("top_k=None", "")


@pytest.mark.parametrize("kappa", [0.5432, None])
def test_figures_of_labels_in_an_order(make, kappa):
    found = report(mean_absolute_error=0.4567, quadratic_kappa=kappa, ranked_probability_score=0.1)
    card = text_of(make(metrics(test=found), recipe(), ordered_labels=True))
    assert rows_of(card)["Mean absolute error, in steps"] == ["0.457", ""]
    assert values(ModelCard(card))["test", "mae", None] == 0.4567
    assert "The labels are steps, from culture up to sports." in card
    assert "- средняя ошибка в ступенях (MAE): 0,457" in card
    assert ("Quadratic kappa" in rows_of(card)) == (kappa is not None)
    kappas = [item for item in ModelCard(card).data.eval_results if item.metric_type == "cohen_kappa"]
    assert [(item.metric_value, item.metric_args) for item in kappas] == [
        (0.5432, {"weights": "quadratic"})
    ] * bool(kappa)
    assert check_card(card, "models") == {"errors": [], "warnings": []}


def test_thresholds_are_told_in_both_languages(make):
    settings = {"problem_type": "multi_label_classification", "thresholds": [0.35, 0.5, 0.1234]}
    card = text_of(make(metrics(test=overlapping_report()), recipe(), **settings))
    english, russian = card.split("## По-русски")
    assert "culture 0.35, science 0.5, sports 0.1234.\n" in english
    assert "those that reach their threshold are chosen" in english
    assert "A bare `pipeline` gives the probabilities and not these decisions" in english
    assert "the thresholds were set and the best state of the model was chosen on it" in english
    assert "culture 0,35; science 0,5; sports 0,1234.\n" in russian
    assert "`pipeline` сам по себе даёт вероятности, но не эти решения" in russian
    plain = text_of(make(name="plain", problem_type="multi_label_classification"))
    assert "those of one half or more are chosen" in plain
    assert "threshold" not in plain


@pytest.mark.parametrize("unclaimed", ["likeliest", "unknown"])
def test_a_cascade_is_told_in_both_languages(make, unclaimed):
    stages = [{"label": "sports", "threshold": 0.8}, {"label": "culture", "threshold": 0.25}]
    card = text_of(make(cascade=stages, unclaimed=unclaimed))
    english, russian = card.split("## По-русски")
    assert "likelier: sports 0.8, culture 0.25.\n" in english
    assert "вероятнее: sports 0,8; culture 0,25.\n" in russian
    assert ("gets its likeliest label" in english) == (unclaimed == "likeliest")
    assert ("gets no label: it is unknown" in english) == (unclaimed == "unknown")
    assert ("any text gets one of them" in english) == (unclaimed == "likeliest")
    assert ("любой текст получит одну из них" in russian) == (unclaimed == "likeliest")
    assert "A bare `pipeline`" in english
    assert "`pipeline` сам по себе" in russian


def test_keyword_rules_are_told_in_both_languages(make):
    folder = make()
    assert "rules.yaml" not in text_of(folder)
    (folder / "rules.yaml").write_text("rules: []\n", encoding="utf-8")
    english, russian = text_of(folder).split("## По-русски")
    assert "A text with a keyword of `rules.yaml` gets that rule's label" in english
    assert "ключевое слово из `rules.yaml`" in russian


NUMBER = {"kind": "number", "mean": 2.0, "std": 1.0, "low": 0.0, "high": 9.0, "log": True}
COLUMNS = [
    {"name": "view_count", **NUMBER},
    {"name": "раздел", "kind": "category", "values": ["музыка", "игры"]},
]


def test_columns_beside_the_text(make):
    card = text_of(make(feature_columns=COLUMNS, text_columns=["title", "description"]))
    rows = rows_of(card)
    assert rows["a text is"] == ["the columns title, description, joined in this order"]
    assert rows["numbers beside the text"] == ["view_count"]
    assert rows["categories beside the text"] == ["раздел"]
    call = (
        'predictor.predict([{"title": "...", "description": "...", "view_count": 10, "раздел": "музыка"}])[0]'
    )
    assert call in card
    english, russian = card.split("## По-русски")
    assert "A bare `pipeline` reads\nthe text alone" in english
    assert "Кроме текста модель читает столбцы: view_count, раздел." in russian
    assert "`pipeline` сам по себе читает только текст" in russian


def test_the_code_of_a_card_with_many_columns_can_be_run(make):
    columns = [{"name": f"column {number}", **NUMBER} for number in range(12)]
    card = text_of(make(feature_columns=columns))
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    for block in blocks:
        compile(block, "card", "exec")
    assert '    "text": "...",\n    "column 0": 10,\n' in blocks[0]


def test_a_learned_embedding_and_no_columns_beside_the_text(make, tmp_path, word_tokenizer):
    card = text_of(
        save_model(tiny_model(embedder=False), word_tokenizer, tmp_path / "learned", max_length=32)
    )
    assert "a learned embedding, 60 x 12" in card
    assert 'predictor.predict(["A text to classify"])[0]' in card
    for word in ("beside the text", "Cascade", "Thresholds", "| a text is", "Кроме текста"):
        assert word not in card


def test_ngrams_are_told(make, tmp_path, word_tokenizer):
    model = tiny_model(embedder=False, longest_ngram=3, ngram_buckets=5000)
    card = text_of(save_model(model, word_tokenizer, tmp_path / "ngrams", max_length=32))
    assert "| n-grams | of 1 to 3 tokens, hashed into 5,000 x 12 |" in card
    assert "n-grams" not in text_of(make())


def test_how_to_use_it_names_the_repository(make):
    folder = make()
    assert 'from_pretrained("owner/topics-model")' in text_of(folder)
    card = text_of(folder, repo_id="me/mine")
    assert 'from_pretrained("me/mine")' in card
    assert 'model="me/mine", revision="main", trust_remote_code=True' in card
    for block in re.findall(r"```python\n(.*?)```", card, re.DOTALL):
        compile(block, "card", "exec")


def test_labels_cannot_break_a_table(make):
    labels = {0: "a|b", 1: "<b>c\nd", 2: "{{ e }}*"}
    per_class = dict(zip(labels.values(), PER_CLASS.values(), strict=True))
    card = text_of(make(metrics(test=report(per_class=per_class)), recipe(), id2label=labels, label2id=None))
    rows = [line for line in card.splitlines() if "0.822" in line or "0.644" in line or "0.667" in line]
    assert [re.split(r"(?<!\\)\|", row)[1].strip() for row in rows] == [r"a\|b", r"\<b\>c d", r"{{ e }}\*"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer_config.json", "[]", "holds a list, expected names and values"),
        ("recipe.yaml", "data: [unclosed", "cannot be read as YAML"),
        ("recipe.yaml", "data: 3", "expected the recipe of a run"),
    ],
)
def test_files_that_cannot_be_read_are_named(make, name, content, message):
    folder = make()
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        write_card(folder)
    assert str(caught.value).startswith(f"{name} of the model ")
    assert str(folder) not in str(caught.value)


WHOLE = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read as JSON"),
        ('{"test": {"accur', "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        ("[]", "holds a list, expected names and values"),
        ("null", "holds a NoneType, expected names and values"),
        ({"test": 3}, "has a 'test' that is no report"),
        ({"validation": []}, "has a 'validation' that is no report"),
        ({"test": {"per_class": {}}}, "has no labels in 'per_class' of 'test'"),
        ({"test": {"per_class": [1]}}, "has no labels in 'per_class' of 'test'"),
        ({"test": {"per_class": {"a": {}}}}, "has no number for 'f1_macro' of 'test'"),
        ({"test": report(per_class={"a": {}})}, "lacks figures of the label 'a' of 'test'"),
        ({"test": report(per_class={"a": {"support": 3}})}, "lacks figures of the label 'a' of 'test'"),
        ({"test": report(per_class={"a": [1]})}, "lacks figures of the label 'a' of 'test'"),
        ({"test": report(per_class={"a": WHOLE | {"support": -1}})}, "lacks figures of the label 'a'"),
        ({"test": report(accuracy="0.9")}, "has no number for 'accuracy' of 'test'"),
        ({"test": report(calibration_error=None)}, "has no number for 'calibration_error' of 'test'"),
        ({"test": report(f1_micro="high")}, "has no number for 'f1_micro' of 'test'"),
        ({"test": report(mean_absolute_error=None)}, "has no number for 'mean_absolute_error' of 'test'"),
        ({"test": report(quadratic_kappa="high")}, "has no number for 'quadratic_kappa' of 'test'"),
        (
            {"test": report(average_precision_macro=[])},
            "has no number for 'average_precision_macro' of 'test'",
        ),
        (
            {"test": report(per_class={"a": WHOLE | {"average_precision": "1"}})},
            "lacks figures of the label 'a'",
        ),
        (
            {"test_later": {"per_class": {"a": {"support": 3}}}},
            "has no number for 'f1_macro' of 'test_later'",
        ),
        ({"rows": 3}, "has a 'rows' that training does not write"),
        ({"rows": {"test": "3"}}, "has a 'rows' that training does not write"),
        ({"hub_sources": None}, "has a 'hub_sources' that training does not write"),
        ({"steps": None}, "has a 'steps' that training does not write"),
        ({"epochs": "two"}, "has a 'epochs' that training does not write"),
    ],
)
def test_figures_that_cannot_be_used_are_told_in_a_sentence(make, content, message):
    folder = make()
    if isinstance(content, dict):
        content = json.dumps(content)
    (folder / "metrics.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    for reader in (write_card, _measured):
        with pytest.raises(ValueError, match=f"^metrics.json of the model {message}") as caught:
            reader(folder)
        assert str(caught.value).endswith(": remove it, or write it again")
        assert len(str(caught.value).splitlines()) == 1
    assert not (folder / "README.md").exists()


@pytest.mark.parametrize(
    "found", [{}, {"test": None}, {"test": {"loss": 0.5}}, {"test_loss": 0.5}, {"epochs": None, "rows": {}}]
)
def test_a_file_without_reports_has_no_figures(make, found):
    folder = make(found)
    assert _measured(folder) == {}
    assert "It was not measured" in text_of(folder)


def test_reports_that_are_whole_are_told(make):
    over_labels = {"f1_macro": 0.5, "per_class": {"a": WHOLE, "b": WHOLE}}
    later = {**over_labels, "accuracy": 0.25, "per_class": {"a": {"support": 1200}}}
    folder = make({"test": over_labels, "test_later": later})
    assert _measured(folder) == {
        "test": "macro F1 0.500 on 6 texts",
        "test, later": "accuracy 0.250, macro F1 0.500 on 1,200 texts",
    }
    assert rows_of(text_of(folder))["Macro F1"] == ["0.500"]
    assert _measured(folder / "none") == {}
    assert list(_measured(DEFAULT_MODEL)) == ["test", "test, later", "test, unseen"]


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        write_card(tmp_path)
    assert not (tmp_path / "README.md").exists()


def test_training_writes_the_card(news_csv, tmp_path):
    small = {"tokenizer": "words", "embedding_size": 8, "lstm_hidden_size": 4, "lstm_num_layers": 1}
    small |= {"num_train_epochs": 1, "save_strategy": "no", "use_cpu": True, "disable_tqdm": True}
    out = tmp_path / "run"
    found = train_model(dataset=str(news_csv), output_dir=str(out), language=["ru"], license="mit", **small)
    card = ModelCard.load(out / "README.md")
    assert is_sealed((out / "README.md").read_text("utf-8"))
    assert values(card) == {key: found["test"][name] for key, name in EXPECTED.items()}
    assert (card.data.language, card.data.license, card.data.datasets) == (["ru"], "mit", None)
    assert found["hub_sources"] == []
    assert str(tmp_path) not in str(card)
    assert "](confusion_matrix.png)" in str(card)
    assert yaml.safe_load((out / "recipe.yaml").read_text("utf-8"))["card"] == {
        "language": ["ru"],
        "license": "mit",
    }
    # what the card says is no part of what the run is
    train_model(dataset=str(news_csv), output_dir=str(out), language=["ru", "be"], **small)
    data = ModelCard.load(out / "README.md").data
    assert (data.language, data.license) == (["ru", "be"], None)


# --- sealing and merging ---


@pytest.mark.parametrize("template", ["", "model_card.md"])
def test_a_seal_breaks_with_any_change_of_the_text(template):
    text = "---\nlicense: mit\n---\n\n# Title\n"
    sealed = seal(text, template)
    assert template_of(sealed) == template
    assert sealed.startswith(text)
    assert sealed.count("\n") == text.count("\n") + 1
    assert is_sealed(sealed)
    assert is_sealed(sealed.removesuffix("\n"))
    assert is_sealed(sealed.replace("mit", "apache-2.0"))  # chosen in a form of the Hub
    for edited in (
        text,
        sealed.replace("Title", "title"),
        sealed.replace("# T", "# \nT"),
        sealed.replace("# T", "more\n# T"),
        sealed + "more\n",
        sealed.replace("\n", "\r\n"),
    ):
        assert not is_sealed(edited)


@pytest.fixture
def ours(make):
    return fill_card(make(metrics(), recipe()), "me/topics")


@pytest.mark.parametrize("theirs", [None, "", "\n \n", "\ufeff"])
def test_no_card_there_yet(ours, theirs):
    assert merge_cards(ours, theirs) == ours


def test_a_card_that_nobody_edited_is_replaced(ours, make):
    earlier = fill_card(make(metrics(test=report(accuracy=0.1)), recipe(), name="earlier"), "me/topics")
    assert earlier != ours
    assert merge_cards(ours, earlier) == ours


def test_a_licence_chosen_when_the_repository_was_made_stays(make):
    """The Hub's form writes a card that is a metadata block and nothing else."""
    plain = fill_card(make(metrics(), recipe(card={"license": None})), "me/topics")
    first = merge_cards(plain, "---\nlicense: apache-2.0\n---\n")
    assert ModelCard(first).data.license == "apache-2.0"
    assert ModelCard(first).text == ModelCard(plain).text.replace(
        plain.splitlines()[-1], first.splitlines()[-1]
    )
    assert is_sealed(first)
    assert merge_cards(plain, first) == first
    licensed = fill_card(make(metrics(), recipe(), name="licensed"), "me/topics")
    assert ModelCard(merge_cards(licensed, first)).data.license == "apache-2.0"


def test_metadata_edited_in_a_form_of_the_hub_do_not_keep_an_old_text(ours, make):
    edited = ours.replace("license: mit\n", "license: apache-2.0  # chosen\nthumbnail: 'cat.png'\n")
    edited = edited.replace("tags:\n", "tags:\n- mine\n")
    newer = fill_card(make(metrics(test=report(accuracy=0.1234)), recipe(), name="newer"), "me/topics")
    merged = merge_cards(newer, edited)
    assert ModelCard(merged).text == ModelCard(newer).text
    assert "license: apache-2.0  # chosen\nthumbnail: 'cat.png'\n" in merged
    assert values(ModelCard(merged)) == values(ModelCard(newer))
    assert "mine" in ModelCard(merged).data.tags
    # they are still a person's when the model is pushed again, or changes again
    assert merge_cards(newer, merged) == merged
    again = merge_cards(ours, merged)
    assert ModelCard(again).text == ModelCard(ours).text
    assert ModelCard(again).data.license == "apache-2.0"
    assert "mine" in ModelCard(again).data.tags


def test_metadata_that_nobody_edited_are_those_of_the_new_model(ours, make):
    settings = recipe(data={"dataset": "somebody/other"}, card={"license": None, "language": ["be"]})
    found = metrics(hub_sources=["somebody/other"])
    newer = fill_card(make(found, settings, name="newer"), "me/topics")
    assert merge_cards(newer, ours) == newer
    data = ModelCard(newer).data
    assert (data.datasets, data.language, data.license) == (["somebody/other"], ["be"], None)


def test_metadata_edited_in_the_folder_stay_there(make):
    folder = make(metrics(), recipe())
    (folder / "README.md").write_text(text_of(folder).replace("license: mit", "license: bsd"), "utf-8")
    (folder / "metrics.json").write_text(json.dumps(metrics(test=report(accuracy=0.1234))), "utf-8")
    card = ModelCard(text_of(folder))
    assert card.data.license == "bsd"
    assert rows_of(card.text)["Accuracy"][0] == "0.123"


PERSONS = """---
# chosen with care
license: apache-2.0
language: en
tags: [mine, lstm]
thumbnail: cat.png
base_model: somebody/else
model-index:
- name: my name for it
  results:
  - task: {type: text-classification}
    dataset: {name: topics, type: somebody/topics, split: test}
    metrics:
    - {type: accuracy, value: 0.1}
    - {type: mcc, value: 0.2}
  - task: {type: text-classification}
    dataset: {name: other, type: somebody/other, split: test}
    metrics:
    - {type: accuracy, value: 0.3, verified: true}
---
# My own words  \t

---
not: metadata
---
the end, without a line end"""


def test_a_person_keeps_the_text_and_we_keep_the_figures(ours):
    merged = merge_cards(ours, PERSONS)
    assert ModelCard(merged).text == ModelCard(PERSONS).text
    data = ModelCard(merged).data.to_dict()
    assert (data["license"], data["thumbnail"]) == ("apache-2.0", "cat.png")
    assert data["language"] == ["en", "ru"]
    assert data["tags"] == ["mine", "lstm", "bilstm_classifier", "text-classification"]
    assert (data["base_model"], data["datasets"]) == (ENCODER, [DATASET])
    assert merged.startswith("---\n# chosen with care\nlicense: apache-2.0\n")
    index = {entry["name"]: entry["results"] for entry in block_of(merged)["model-index"]}
    assert list(index) == ["topics", "my name for it"]
    assert [metric["value"] for metric in index["topics"][0]["metrics"]] == [
        OVERALL[key] for key in EXPECTED.values()
    ]
    assert index["my name for it"] == block_of(PERSONS)["model-index"][0]["results"]
    assert merge_cards(ours, merged) == merged
    assert not check_card(merged, "models")["errors"]


def test_new_figures_replace_ours_in_an_edited_card(ours, make):
    edited = ours.replace("## How to use it", "## How to use this")
    better = fill_card(make(metrics(test=report(accuracy=0.99)), recipe(), name="better"), "me/topics")
    merged = merge_cards(better, edited)
    assert ModelCard(merged).text == ModelCard(edited).text
    assert values(ModelCard(merged)) == values(ModelCard(better))


def test_an_edited_card_with_the_same_metadata_is_untouched(ours):
    edited = ours.replace("mit\n", "mit  # for now\n", 1).replace("## The data", "## Data")
    assert merge_cards(ours, edited) == edited


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_byte_order_marks_are_kept(ours, end, mark):
    text = f"# Mine{end}{end}two lines{end}"
    for theirs in (f"{mark}---{end}license: bsd{end}---{end}{text}", mark + text):
        merged = merge_cards(ours, theirs)
        assert merged.endswith(f"---{end}{text}")
        assert merged.startswith(f"{mark}---{end}")
        assert merged.count("\r\n") == (merged.count("\n") if end == "\r\n" else 0)
        data = ModelCard(merged.removeprefix("\ufeff")).data
        assert data.license == ("bsd" if "bsd" in theirs else "mit")
        assert values(ModelCard(merged.removeprefix("\ufeff"))) == values(ModelCard(ours))
        assert merge_cards(ours, merged) == merged


@pytest.mark.parametrize(
    "block", ["a: [", "- a\n- b", "just words", "a: !!bool perhaps", "a: !!python/name:os.x"]
)
def test_metadata_that_cannot_be_read_are_left_alone(ours, block, caplog):
    theirs = f"---\n{block}\n---\n\n# Mine\n"
    assert merge_cards(ours, theirs) == theirs
    assert "cannot be read as YAML" in caplog.text


def test_a_norwegian_stays_one(ours):
    """``no`` is false to YAML 1.1, and not to the Hub."""
    merged = merge_cards(ours, "---\nlanguage: no\nextra: {on: true}\n---\n# Min\n")
    assert block_of(merged)["language"] == ["no", "ru"]
    assert "\nextra: {on: true}\n" in merged


AS_WRITTEN = """\
# what follows is not to be changed
time: 12:30:00
zip: 01234   # not 668
version:   1.10
"count": 1_000
date: 2024-13-45
dates: [2024-01-02, 2001-12-14t21:59:43.10-05:00, '2024-01-02']
folded: >-
  two
  lines
quoted: "1.10"
"""


def test_what_is_not_ours_stays_as_it_is_written(ours):
    tags = "# tags\ntags: [mine, 1.10]\n  # more of them\n\n# the end\n"
    merged = merge_cards(ours, f"---\n{AS_WRITTEN}{tags}---\n# Mine\n")
    assert merged.startswith(f"---\n{AS_WRITTEN}# tags\ntags:\n- mine\n- 1.10\n- bilstm_classifier\n")
    assert "\n  # more of them\n\n# the end\n" in merged
    assert {"base_model", "license", "model-index"} <= set(block_of(merged.replace("2024-13-45", "none")))
    assert merge_cards(ours, merged) == merged


@pytest.mark.parametrize(
    "block",
    [
        "{zip: 01234, tags: [mine], quoted: '1.10'}",
        "tags: &mine [mine]\nzip: 01234\nextra: *mine\nquoted: '1.10'",
        "  zip: 01234\n  tags: [mine]\n  quoted: '1.10'",
        "<<: {tags: [mine], base_model: a/b}\nzip: 01234\nquoted: '1.10'",
    ],
)
def test_a_block_that_is_no_list_of_lines_keeps_its_values(ours, block):
    merged = merge_cards(ours, f"---\n{block}\n---\n# Mine\n")
    assert "zip: 01234\n" in merged
    found = block_of(merged)
    assert (found["quoted"], found["base_model"]) == ("1.10", ENCODER)
    assert found["tags"][:2] == ["mine", "bilstm_classifier"]
    assert found.get("extra", ["mine"])[0] == "mine"
    assert merge_cards(ours, merged) == merged


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("block", ["", "{}{end}", "# no metadata yet{end}", "license:{end}tags:{end}"])
def test_empty_metadata_are_filled(ours, block, end):
    block = block.replace("{end}", end)
    merged = merge_cards(ours, f"---{end}{block}---{end}# Mine{end}---{end}more{end}")
    assert merged.endswith(f"{end}---{end}# Mine{end}---{end}more{end}")
    assert merged.count("---") == 3
    assert ("# no metadata yet" in merged) == ("# no metadata yet" in block)
    assert block_of(merged) == block_of(ours)


def test_facts_and_results_of_an_earlier_model_do_not_stay(make):
    earlier = fill_card(make(metrics(), recipe(), freeze_embedder=False), "me/topics")
    assert {"base_model", "base_model_relation"} <= set(block_of(earlier))
    edited = earlier.replace("## The data", "## Data")
    settings = recipe(model={"embedder": None})
    learned = fill_card(make(metrics(), settings, name="learned", embedder=False), "me/topics")
    merged = merge_cards(learned, edited)
    assert ModelCard(merged).text == ModelCard(edited).text
    assert not {"base_model", "base_model_relation"} & set(block_of(merged))
    # without figures none of the model before stay, and those of others do
    unmeasured = fill_card(make(None, settings, name="unmeasured", embedder=False), "me/topics")
    assert "model-index" not in block_of(merge_cards(unmeasured, edited))
    other = "model-index:\n- name: baseline\n  results:\n  - metrics:\n    - {type: accuracy, value: 0.50}\n"
    both = merge_cards(unmeasured, edited.replace("model-index:\n", other))
    assert [entry["name"] for entry in block_of(both)["model-index"]] == ["baseline"]
    assert "value: 0.50\n" in both
    assert merge_cards(unmeasured, both) == both


def test_results_on_other_data_stay_under_the_name_of_the_model(ours):
    result = "  - task: {type: text-classification}\n    dataset: {name: T, type: %s, revision: 0123456}\n"
    result += "    metrics: [{type: mcc, value: 0.2}]\n"
    edited = ours.replace("  results:\n", f"  results:\n{result % 'a/b'}{result % DATASET}")
    found = block_of(merged := merge_cards(ours, edited.replace("## The data", "## Data")))["model-index"]
    assert [(one["dataset"]["type"], len(one["metrics"])) for one in found[0]["results"]] == [
        (DATASET, 5),
        ("a/b", 1),
    ]
    assert "revision: 0123456\n" in merged


@pytest.mark.parametrize(
    "index", ["text", "[1, {name: x}]", "[{name: x, results: [{task: 3, metrics: [{}]}]}]"]
)
def test_an_odd_model_index_does_not_stop_the_push(ours, index):
    merged = merge_cards(ours, f"---\nmodel-index: {index}\n---\n# Mine\n")
    assert block_of(merged)["model-index"][0]["name"] == "topics"


def test_a_card_in_the_folder_that_a_person_edited_is_kept(make, ours):
    folder = make(metrics(), recipe())
    edited = text_of(folder).replace("## How to use it", "## Try it").encode()
    (folder / "README.md").write_bytes(edited)
    (folder / "metrics.json").write_text(json.dumps(metrics(test=report(accuracy=0.5))), encoding="utf-8")
    card = text_of(folder)
    assert "## Try it" in card
    assert ModelCard(card).text.encode() == ModelCard(edited.decode()).text.encode()
    assert values(ModelCard(card))["test", "accuracy", None] == 0.5


def test_a_card_in_another_encoding_is_left_alone(make, caplog):
    folder = make()
    (folder / "README.md").write_bytes("# Моё".encode("cp1251"))
    write_card(folder)
    assert (folder / "README.md").read_bytes() == "# Моё".encode("cp1251")
    assert "not in UTF-8" in caplog.text


# --- the packaged model ---


def test_the_packaged_card_is_that_of_its_figures(tmp_path):
    found = json.loads((DEFAULT_MODEL / "metrics.json").read_text("utf-8"))
    card = ModelCard.load(DEFAULT_MODEL / "README.md")
    splits = ("test", "test_later", "test_unseen")
    assert values(card) == {
        (split, *key[1:]): found[split][name] for split in splits for key, name in EXPECTED.items()
    }
    assert (card.data.language, card.data.license) == ("ru", "mit")
    assert (card.data.datasets, card.data.base_model) == (None, None)
    rows = rows_of(card.text)
    for label, scores in found["test"]["per_class"].items():
        assert rows[label][:3] == [f"{scores[key]:.3f}" for key in ("precision", "recall", "f1")]
        assert rows[label][-1] == f"{scores['support']:,}"
    assert "](confusion_matrix.png)" in card.text
    assert (DEFAULT_MODEL / "confusion_matrix.png").stat().st_size < 100_000
    written = (DEFAULT_MODEL / "README.md").read_text("utf-8")
    assert is_sealed(written)
    assert check_card(written, "models") == {"errors": [], "warnings": []}
    # its folder does not say what its own template says
    shutil.copytree(DEFAULT_MODEL, tmp_path / "copy")
    assert text_of(tmp_path / "copy", repo_id="me/mine") == written


def test_the_packaged_config_names_no_place_of_a_machine():
    config = json.loads((DEFAULT_MODEL / "config.json").read_text("utf-8"))
    assert not config["embedder_config"]["_name_or_path"]
