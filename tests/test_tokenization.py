import pytest
from conftest import TEXTS
from transformers import AutoTokenizer

from bilstm_classifier import train_character_tokenizer, train_word_tokenizer


def test_characters_one_token_each():
    tokenizer = train_character_tokenizer(["аба в\n", "а"])
    assert tokenizer.convert_ids_to_tokens(tokenizer("ба \nж")["input_ids"]) == ["б", "а", " ", "\n", "<UNK>"]
    assert tokenizer.pad_token_id == 0
    assert tokenizer.unk_token_id == 1
    assert tokenizer.convert_tokens_to_ids("а") == 2, "the most frequent comes first"


def test_words_in_lower_case_without_marks_glued():
    tokenizer = train_word_tokenizer(["Матч, матч и гол!"])
    assert tokenizer.convert_ids_to_tokens(tokenizer("МАТЧ, тайм")["input_ids"]) == ["матч", ",", "<UNK>"]


@pytest.mark.parametrize("train", [train_character_tokenizer, train_word_tokenizer])
def test_vocabulary_is_capped_and_does_not_depend_on_order(train):
    tokenizer = train(TEXTS, max_vocabulary=8)
    assert len(tokenizer) == 8
    assert tokenizer.get_vocab() == train(TEXTS[::-1], max_vocabulary=8).get_vocab()


@pytest.mark.parametrize("train", [train_character_tokenizer, train_word_tokenizer])
def test_saved_and_loaded_like_any_other(train, tmp_path):
    tokenizer = train(TEXTS, max_length=12)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.is_fast
    assert loaded.backend_tokenizer.truncation["max_length"] == 12
    assert loaded.get_vocab() == tokenizer.get_vocab()
    assert loaded.pad_token_id == 0
    assert set(loaded(TEXTS[0])) == {"input_ids", "attention_mask"}
    assert loaded(TEXTS[1])["input_ids"] == tokenizer(TEXTS[1])["input_ids"]


@pytest.mark.parametrize("train", [train_character_tokenizer, train_word_tokenizer])
def test_nothing_to_learn_from(train):
    with pytest.raises(ValueError, match="no texts to learn"):
        train(["", ""])
    with pytest.raises(ValueError, match="max_vocabulary is 2"):
        train(TEXTS, max_vocabulary=2)
