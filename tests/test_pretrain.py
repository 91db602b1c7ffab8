"""training/pretrain.py and its modules, over texts composed here."""

import csv
import gzip
import hashlib
import io
import json
import random
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from transformers import AutoModel, AutoTokenizer, ElectraModel

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / "shared" / "data"
sys.path.insert(0, str(REPO / "training"))

import pretrain  # noqa: E402
from pretraining.batches import KINDS, Batches, with_long_share  # noqa: E402
from pretraining.checkpoint import load_initial, load_weights, resume_folder  # noqa: E402
from pretraining.cooccurrence import token_vectors  # noqa: E402
from pretraining.folders import complete_folder, new_folder  # noqa: E402
from pretraining.log import averages  # noqa: E402
from pretraining.model import build_model, contrastive_loss, masked_language_loss  # noqa: E402
from pretraining.packing import format_table, prepare, train_tokenizer  # noqa: E402
from pretraining.prose import (  # noqa: E402
    READERS,
    clean,
    dialogues,
    duplicate_keys,
    is_russian,
    lenta,
    nplus1,
    onetv,
    paragraphs,
    read_sources,
    reviews,
    ria_and_lenta,
    ruattitudes,
    telegram,
)
from pretraining.settings import Settings  # noqa: E402

WHO = ["Хоккеисты", "Музыканты", "Биологи", "Строители", "Пекари", "Моряки", "Учителя", "Лётчики"]
DID = ["показали", "построили", "изучили", "обсудили", "привезли", "нашли", "починили", "описали"]
WHAT = ["новый мост", "старую карту", "редкую птицу", "большой оркестр", "тёплый хлеб", "быстрый катер"]
WHERE = ["в порту", "на озере", "у вокзала", "за городом", "в школе", "под горой", "возле музея"]


def sentence(rng: random.Random) -> str:
    return f"{rng.choice(WHO)} {rng.choice(DID)} {rng.choice(WHAT)} {rng.choice(WHERE)}"


def composed(documents: int, seed: int = 0) -> list[list[str]]:
    """Composed documents: a headline and from one to sixty sentences."""
    rng = random.Random(seed)
    lengths = [rng.choice([1, 3, 10, 30, 60]) for _ in range(documents)]
    return [
        [f"{sentence(rng)} номер {index}", ". ".join(sentence(rng) for _ in range(length)) + "."]
        for index, length in enumerate(lengths)
    ]


def tar(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:xz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


def table(rows: list[dict], delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def gz(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


def sources_file(folder: Path, documents: list[list[str]]) -> Path:
    """A folder with one source of plain files, and its list."""
    archive = tar(
        folder / "plain.tar.xz", {f"{i}.txt": "\n".join(lines) for i, lines in enumerate(documents)}
    )
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    source = {"name": "plain", "reader": "plain_files", "files": [{"path": archive.name, "sha256": digest}]}
    path = folder / "sources.yaml"
    path.write_text(yaml.safe_dump({"sources": [source]}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def prose(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("prose")
    prepare(folder, folder / "out", sources_file(folder, composed(400)), vocab_size=300)
    return folder / "out"


def tiny(prose: Path, output: Path, **changes) -> Settings:
    sizes = {"embedding_size": 16, "hidden_size": 32, "heads": 2, "layers": 1, "intermediate_size": 32}
    training = {"batch_tokens": 1024, "log_steps": 5, "warmup_steps": 2, "learning_rate": 5e-3}
    return Settings(data=prose, output=output, device="cpu", **{**sizes, **training, **changes})


# Reading


def test_clean_removes_mark_up_links_and_pictographs():
    assert clean("<p>Кот&nbsp;&laquo;Барсик&raquo;</p>  ушёл 🐈 https://example.org/x\r\nдомой") == (
        "Кот «Барсик» ушёл\nдомой"
    )
    assert clean("и\u0306од") == "йод"
    assert clean("учeный e-mail") == "ученый e-mail"  # a Latin letter inside a Russian word, and one outside


def test_paragraphs_part_glued_sentences_but_not_initials():
    assert paragraphs("Поезд пришёл.Пассажиры вышли. Снег шёл.\n\nА.С.Иванов спал.") == [
        "Поезд пришёл.",
        "Пассажиры вышли. Снег шёл.",
        "А.С.Иванов спал.",
    ]


def test_is_russian_wants_enough_cyrillic():
    assert is_russian(["Самолёт приземлился на запасном аэродроме"])
    assert not is_russian(["Да, летим"])
    assert not is_russian(["Самолёт приземлился на поле", "and then there came a very long English story"])


def test_duplicates_are_seen_through_case_and_punctuation_and_by_headline():
    first = ["Над посёлком всю ночь сияло северное сияние", "Жители снимали его."]
    assert duplicate_keys(first)[0] == duplicate_keys([line.upper() + "!" for line in first])[0]
    other_body = [first[0], "Учёные объяснили причину."]
    assert set(duplicate_keys(first)) & set(duplicate_keys(other_body))
    assert not set(duplicate_keys(["Сияние", "Жители спали."])) & set(duplicate_keys(["Сияние", "Был шум."]))


def test_onetv_parts_side_bars_from_headlines_and_drops_broadcast_titles(tmp_path):
    leads = [
        {"url": "a", "title": "Мост открыли", "content": "По мосту прошли люди."},
        {"url": "b", "title": "Завод закрыли", "content": "Погода на завтра\nБудет снег.\nСегодня, 14:30"},
        {"url": "c", "title": "Выпуск новостей в 12:00", "content": "Смотрите: ярмарка в городе."},
    ]
    headlines = [{"u": "a", "r": "Мост открыли"}, {"u": "d", "r": "Реку очистили"}]
    path = tar(tmp_path / "a.tar.xz", {"leads/x.csv": table(leads), "h/2000.json": json.dumps(headlines)})
    assert list(onetv([path])) == [
        ["Мост открыли", "По мосту прошли люди."],
        ["Погода на завтра", "Будет снег."],
        ["Завод закрыли"],
        ["Смотрите: ярмарка в городе."],
        ["Реку очистили"],
    ]


def test_nplus1_takes_the_headline_from_the_metadata_and_drops_the_author(tmp_path):
    rows = [{"textid": "one", "textname": "Рыба поёт", "author": "Пётр Иванов"}]
    files = {
        "m/newmetadata.csv": table(rows, "\t"),
        "m/one.txt": "Рыба запела.Её услышали\nв море.Петр Иванов",
    }
    assert list(nplus1([tar(tmp_path / "n.tar.xz", files)])) == [
        ["Рыба поёт", "Рыба запела.", "Её услышали в море."]
    ]


def test_telegram_drops_mark_up_and_calls_to_subscribe(tmp_path):
    text = "**Трамвай** [сошёл](https://example.org) с рельсов #город\n\n🔴 [Подписаться](https://t.me/x)"
    path = tar(tmp_path / "t.tar.xz", {"a.json": json.dumps([{"text": text, "category": "other"}])})
    assert list(telegram([path])) == [["Трамвай сошёл с рельсов"]]


def test_readers_of_tables_leave_labels_unread(tmp_path):
    ria = gz(
        tmp_path / "ria.csv.gz",
        table(
            [
                {
                    "url": "u",
                    "title": "Льды тают",
                    "full_text": "МОСКВА, 2 апр - РИА Новости. Тепло.",
                    "tags": "x",
                }
            ]
            * 2
        ),
    )
    other = gz(tmp_path / "other.csv.gz", table([{"0": str({"title": "не то", "full_text": ["Снег лёг."]})}]))
    assert list(ria_and_lenta([ria, other])) == [["Льды тают", "Тепло."], ["Снег лёг."]]
    shop = gz(tmp_path / "r.csv.gz", table([{"mention": "Куртка тёплая.", "class": "positive"}]))
    assert list(reviews([shop])) == [["Куртка тёплая."]]
    lines = gz(tmp_path / "data_x.txt.gz", "Первый текст.\nВторой текст.\n")
    assert list(lenta([lines])) == [["Первый текст."], ["Второй текст."]]


def test_ruattitudes_and_dialogues(tmp_path):
    import zipfile

    path = tmp_path / "c.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "collection.txt", "-----------\nTitle: Ливень , ветер .\nText: ( Тихо ) было .\nTextID: 4\n"
        )
    assert list(filter(None, ruattitudes([path]))) == [["Ливень, ветер.", "(Тихо) было."]]
    jokes = tar(tmp_path / "d.tar.xz", {"d.txt": "- Где ключ?\n- В двери.\n\n\n- Пора?\n- Пора.\n"})
    assert list(dialogues([jokes])) == [["Где ключ?", "В двери."], ["Пора?", "Пора."]]


def test_a_changed_source_is_refused(tmp_path):
    listed = yaml.safe_load(sources_file(tmp_path, composed(3)).read_text(encoding="utf-8"))["sources"]
    (tmp_path / "plain.tar.xz").write_bytes(b"other")
    with pytest.raises(ValueError, match="SHA-256"):
        list(read_sources(listed, tmp_path, {}))
    (tmp_path / "plain.tar.xz").unlink()
    with pytest.raises(FileNotFoundError, match="is missing"):
        list(read_sources(listed, tmp_path, {}))


def test_the_list_of_sources_is_complete_and_holds_no_labelled_one():
    listed = yaml.safe_load((REPO / "training" / "prose_sources.yaml").read_text(encoding="utf-8"))
    for source in listed["sources"]:
        assert {"name", "about", "published", "licence", "reader", "files"} <= set(source)
        assert source["reader"] in READERS
        assert all(len(file["sha256"]) == 64 for file in source["files"])
    left_out = {entry["name"] for entry in listed["left_out"]}
    assert {"lenta-headlines-2024", "ria-topics", "rus-news-examples", "ru-ethnohate"} <= left_out
    assert not left_out & {file["path"].split("/")[0] for s in listed["sources"] for file in s["files"]}
    labelled = yaml.safe_load((REPO / "training" / "news_sources.yaml").read_text(encoding="utf-8"))[
        "sources"
    ]
    texts = {file["sha256"] for source in listed["sources"] for file in source["files"]}
    tested = [source for source in labelled if source.get("role") != "train"]
    assert not texts & {file["sha256"] for source in tested for file in source["files"]}


# Packing


def test_tokenizer_is_uncased_and_the_same_twice():
    lines = [line for document in composed(60) for line in document]
    first, second = train_tokenizer(lines, 250), train_tokenizer(iter(lines), 250)
    assert first.get_vocab() == second.get_vocab()
    assert [first.token_to_id(t) for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")] == [0, 1, 2, 3, 4]
    encoded = first.encode("ЛЁТЧИКИ нашли мост")
    assert encoded.ids == first.encode("летчики нашли мост").ids
    assert (encoded.ids[0], encoded.ids[-1]) == (2, 3)
    assert first.token_to_id("й") is not None  # й is not и with an accent to strip
    assert first.encode("語").tokens == ["[CLS]", "[UNK]", "[SEP]"]


def test_latin_look_alikes_in_a_russian_word_are_read_as_russian():
    tokenizer = train_tokenizer([line for document in composed(60) for line in document], 250)
    for mixed in ("Xoккeиcты пocтpoили MOCT", "XOKKEИCTЫ пocтрoили мocт"):
        assert (
            tokenizer.encode(mixed.replace("MOCT", "мocт")).ids
            == tokenizer.encode("Хоккеисты построили мост").ids
        )
    assert tokenizer.normalizer.normalize_str("Windows в OC Apple") == "windows в oc apple"


def test_packed_ids_are_the_documents(prose):
    ids, offsets = np.load(prose / "tokens.npy"), np.load(prose / "documents.npy")
    headlines, summary = np.load(prose / "headlines.npy"), json.loads((prose / "prose.json").read_text())
    assert ids.dtype == np.uint16
    assert offsets.dtype == np.int64
    assert summary["tokens"] == offsets[-1] == len(ids)
    assert summary["documents"] == len(headlines) == len(offsets) - 1 == 400
    tokenizer = AutoTokenizer.from_pretrained(prose / "tokenizer")
    assert (tokenizer.model_max_length, tokenizer.padding_side) == (512, "right")
    assert set(tokenizer("мост")) == {"input_ids", "attention_mask"}
    for index in (0, 7, 399):
        headline, body = composed(400)[index]
        expected = tokenizer(headline, add_special_tokens=False)["input_ids"]
        assert headlines[index] == len(expected)
        expected = expected + tokenizer(body, add_special_tokens=False)["input_ids"]
        assert ids[offsets[index] : offsets[index + 1]].tolist() == expected
    assert "plain" in format_table(summary)


def test_max_tokens_drops_the_tail(prose, tmp_path):
    summary = prepare(tmp_path, tmp_path / "out", sources_file(tmp_path, composed(50)), 300, max_tokens=1000)
    assert summary["tokens"] <= 1000
    assert summary["sources"][0]["unusable"] > 0


# Batches


def draw(prose: Path, name: str, held_out: bool = False):
    batches = Batches(prose, KINDS, torch.device("cpu"), 2048, 0.2, held_out)
    kind = next(kind for kind in batches.kinds if kind.name == name)
    return batches, kind, batches.draw(kind, torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", ["pair-64", "single-64", "pair-128", "single-512"])
def test_rows_are_windows_of_one_document(prose, name):
    batches, kind, (ids, real, positions, targets, weights, documents) = draw(prose, name)
    assert ids.shape == (batches.rows[kind.width], kind.width)
    restored = ids.flatten().clone()
    restored[positions] = torch.where(weights > 0, targets, restored[positions])
    restored = restored.view_as(ids)
    starts, lengths = batches.tables[name][:2]
    for row, (line, mask) in enumerate(zip(restored, real, strict=True)):
        document = documents[row % len(documents)]  # pairs: the second halves follow the first halves
        begin, size = int(starts[document]), int(lengths[document])
        text = batches.ids[begin : begin + size].tolist()
        count = int(mask.sum())
        assert mask[:count].all()
        assert (int(line[0]), int(line[count - 1])) == (2, 3)
        assert (line[count:] == 0).all()
        window = line[1 : count - 1].tolist()
        assert window
        assert any(text[i : i + len(window)] == window for i in range(size - len(window) + 1))


def test_masks_fall_on_tokens_and_mostly_become_mask(prose):
    _, _, (ids, real, positions, targets, weights, _) = draw(prose, "single-512")
    assert len(set(positions.tolist())) == len(positions)
    assert real.flatten()[positions][weights > 0].all()
    assert not set(targets[weights > 0].tolist()) & {0, 2, 3}
    masked = (ids.flatten()[positions] == 4).float().mean()
    assert 0.7 < masked < 0.9
    assert 0.1 < len(positions) / (real.sum() - 2 * len(ids)) < 0.3


def test_held_out_documents_are_never_trained_on(prose):
    cpu = torch.device("cpu")
    sides = [Batches(prose, KINDS, cpu, 1024, 0.2, held_out) for held_out in (False, True)]
    trained, kept = ({int(s) for table in side.tables.values() for s in table[0]} for side in sides)
    assert kept
    assert not trained & kept


def test_long_share():
    kinds = with_long_share(KINDS, 0.5)
    assert sum(kind.share for kind in kinds) == pytest.approx(1)
    assert next(kind.share for kind in kinds if kind.width == 512) == 0.5


# Losses


def test_masked_loss_is_that_of_transformers(prose, tmp_path):
    batches, _, (ids, real, positions, targets, weights, _) = draw(prose, "single-64")
    torch.manual_seed(0)
    model = build_model(tiny(prose, tmp_path), batches.vocabulary).eval()
    labels = torch.full_like(ids.flatten(), -100)
    labels[positions] = torch.where(weights > 0, targets, -100)
    expected = model(input_ids=ids, attention_mask=real.long(), labels=labels.view_as(ids)).loss
    loss, _, pooled = masked_language_loss(model, ids, real, positions, targets, weights)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    assert pooled.shape == (len(ids), 32)


def test_contrastive_loss_rewards_pairs_and_spares_copies():
    torch.manual_seed(0)
    states = torch.randn(8, 16)
    documents = torch.arange(8)
    loss, accuracy = contrastive_loss(torch.cat([states, states]), documents, 0.05)
    assert loss < 0.01
    assert accuracy == 1
    crossed, _ = contrastive_loss(torch.cat([states, states.flip(0)]), documents, 0.05)
    assert crossed > 5
    twice = torch.cat([states[:1], states[:1]])  # one document drawn twice
    loss, _ = contrastive_loss(torch.cat([twice, twice]), torch.tensor([3, 3]), 0.05)
    assert loss < 0.01


# Training


@pytest.fixture(scope="module")
def run(prose, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("run") / "encoder"
    pretrain.train(tiny(prose, output, tokens=40_000, dropout=0.0))
    return output


def log(output: Path) -> list[dict[str, str]]:
    with (output / "log.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_training_learns_and_saves_a_usable_encoder(run):
    rows = log(run)
    assert float(rows[-1]["mlm_loss"]) < float(rows[0]["mlm_loss"]) - 0.5
    assert float(rows[-1]["held_out_mlm_loss"]) < float(rows[0]["mlm_loss"])
    assert 0 <= float(rows[-1]["contrastive_accuracy"]) <= 1
    assert [int(row["tokens"]) for row in rows] == sorted(int(row["tokens"]) for row in rows)
    assert (run / "loss.png").read_bytes().startswith(b"\x89PNG")
    encoder, tokenizer = (
        AutoModel.from_pretrained(run / "encoder"),
        AutoTokenizer.from_pretrained(run / "encoder"),
    )
    assert isinstance(encoder, ElectraModel)
    assert encoder.dtype == torch.float16
    states = encoder.float()(**tokenizer(["Моряки нашли мост"], return_tensors="pt")).last_hidden_state
    assert states.isfinite().all()


def test_a_resumed_run_goes_on_as_an_unbroken_one(prose, run, tmp_path):
    half = tiny(prose, tmp_path / "half", tokens=20_000, dropout=0.0)
    pretrain.train(half)
    pretrain.train(tiny(prose, tmp_path / "half", tokens=40_000, dropout=0.0, resume_from=half.output))
    whole, joined = log(run), log(half.output)
    assert [row["step"] for row in joined] == [row["step"] for row in whole]
    # Near, not equal: the moments are kept in bfloat16.
    assert float(joined[-1]["mlm_loss"]) == pytest.approx(float(whole[-1]["mlm_loss"]), abs=0.02)


def test_a_run_resumed_elsewhere_carries_the_log_along(prose, run, tmp_path):
    pretrain.train(tiny(prose, tmp_path / "other", tokens=45_000, dropout=0.0, resume_from=run))
    assert len(log(tmp_path / "other")) > len(log(run))


def test_decay_ends_at_zero_and_minutes_bound_a_run(prose, tmp_path):
    pretrain.train(tiny(prose, tmp_path / "a", tokens=20_000, decay=0.5))
    rates = [float(row["learning_rate"]) for row in log(tmp_path / "a")]
    assert rates[0] == 5e-3
    assert rates[-1] < 2.5e-3
    pretrain.train(tiny(prose, tmp_path / "b", minutes=1e-9))  # spent at once: one step, then saved
    assert log(tmp_path / "b")[-1]["step"] == "1"
    assert (tmp_path / "b" / "encoder" / "model.safetensors").is_file()


def test_without_the_contrastive_term(prose, tmp_path):
    pretrain.train(tiny(prose, tmp_path / "a", tokens=3_000, contrastive_weight=0.0))
    assert log(tmp_path / "a")[-1]["contrastive_loss"] == ""


def test_bf16_and_a_start_from_cooccurrence(prose, tmp_path):
    settings = tiny(prose, tmp_path / "a", tokens=3_000, precision="bf16", init_embeddings="cooccurrence")
    trainer = pretrain.Trainer(settings)
    norms = trainer.model.electra.embeddings.word_embeddings.weight[5:].norm(dim=1)
    seen = torch.bincount(trainer.batches.ids.long(), minlength=trainer.batches.vocabulary)[5:] > 0
    assert torch.allclose(norms[seen], torch.ones(()), atol=1e-3)
    pretrain.train(settings)
    assert float(log(tmp_path / "a")[-1]["mlm_loss"]) > 0
    with pytest.raises(ValueError, match="expected one of auto, bf16, fp32"):
        pretrain.train(tiny(prose, tmp_path / "a", tokens=3_000, precision="fp8"))


def test_weights_alone_start_another_run(prose, run, tmp_path):
    settings = tiny(prose, tmp_path)
    vocabulary = json.loads((prose / "prose.json").read_text())["vocabulary"]
    model = build_model(settings, vocabulary)
    load_initial(run / "resume", model)
    saved = AutoModel.from_pretrained(run / "encoder").state_dict()
    for name, weight in model.electra.named_parameters():
        assert torch.allclose(weight, saved[name].float(), atol=1e-3)
    again = build_model(settings, vocabulary)
    load_initial(run / "encoder", again)
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(again.electra.state_dict()[name], saved[name].float())
    with pytest.raises(ValueError, match="pass the sizes"):
        load_weights(run, build_model(tiny(prose, tmp_path, hidden_size=64), vocabulary))


def test_resume_pieces_are_small_and_all_needed(run, tmp_path, prose, monkeypatch):
    import shutil

    import pretraining.checkpoint

    monkeypatch.setattr(pretraining.checkpoint, "PIECE_BYTES", 40_000)
    pretrain.train(tiny(prose, tmp_path / "a", tokens=3_000))
    pieces = list((tmp_path / "a" / "resume").glob("*.safetensors"))
    assert len(pieces) > 2
    assert all(piece.stat().st_size < 45_000 for piece in pieces)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / "resume" / "weights-2.safetensors").unlink()
    with pytest.raises(FileNotFoundError):
        pretrain.train(tiny(prose, tmp_path / "b", tokens=6_000, resume_from=tmp_path / "b"))
    with pytest.raises(FileNotFoundError, match="name a folder"):
        resume_folder(tmp_path)


# Files and command line


def test_folders_and_files_are_replaced_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "saved"
    with new_folder(folder) as new:
        (new / "a").write_text("1")

    def broken() -> None:
        with new_folder(folder) as new:
            (new / "a").write_text("2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert (folder / "a").read_text() == "1"
    folder.rename(tmp_path / "saved.old")  # as if killed between the two moves
    assert (complete_folder(folder) / "a").read_text() == "1"


def test_cooccurrence_brings_words_of_one_topic_together():
    rng = np.random.default_rng(0)
    documents = [
        rng.integers(5, 25, 30) + 20 * (number % 2) for number in range(200)
    ]  # two topics of 20 tokens
    offsets = np.cumsum([0, *(len(document) for document in documents)])
    vectors = token_vectors(np.concatenate(documents).astype(np.uint16), offsets, vocabulary=50, size=4)
    assert vectors.shape == (50, 4)
    assert not vectors[:5].any(), "tokens that never occur"
    first, second = vectors[5:25], vectors[25:45]
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, rtol=1e-5)
    assert (first @ first.T).mean() > 0.5 > (first @ second.T).mean() + 0.4


def test_command_line(prose, tmp_path, capsys, caplog):
    listed = sources_file(tmp_path, composed(40))
    arguments = ["--source", str(tmp_path), "--output", str(tmp_path / "p"), "--sources_file", str(listed)]
    assert pretrain.main(["prepare", *arguments, "--vocab_size", "250"]) == 0
    assert "duplicates" in capsys.readouterr().out
    train = ["train", "--data", str(prose), "--output", str(tmp_path / "r")]
    assert pretrain.main(train) == 2
    assert pretrain.main([*train, "--tokens", "10", "--resume_from", "a", "--init_from", "b"]) == 2
    assert pretrain.main(["train", "--data", "nowhere", "--output", "x", "--tokens", "10"]) == 2
    assert "pass either --minutes or --tokens" in caplog.text
    assert "run `pretrain.py prepare` first" in caplog.text


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the real data are not beside the checkout")
def test_the_small_real_sources_are_read():
    listed = yaml.safe_load((REPO / "training" / "prose_sources.yaml").read_text(encoding="utf-8"))["sources"]
    names = {"nerel-wikinews": 900, "factrueval-2016": 250, "real-fake-news-2025": 700, "lenta-2022": 1500}
    counts: dict = {}
    for _ in read_sources([source for source in listed if source["name"] in names], SHARED, counts):
        pass
    assert all(counts[name].documents >= least for name, least in names.items())


def test_a_last_row_over_a_single_step_is_no_average():
    rows = [{"step": str(step)} for step in (100, 200, 275, 375, 376)]
    assert averages(rows) == rows[:4]
    assert averages([]) == []
