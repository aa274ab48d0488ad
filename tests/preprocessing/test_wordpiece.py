"""The small WordPiece tokenizer against the real one, and its own trainer."""

import numpy as np
import pytest

from recsys_book.data import encoder_path
from recsys_book.preprocessing import WordPiece, basic_tokens, longest_match, train_wordpiece

TEXTS = [
    "Star Wars: a long time ago, in a galaxy far, far away...",
    "Amélie (Le fabuleux destin d'Amélie Poulain)",
    "unbelievably untranslatable Schadenfreude; 1984 & 2001",
    "这部电影 very 好看！",
    "C3PO's $5-million\tnaïve façade -- ½ ©",
    "日本語のテスト ﬁne e\u0301",
    "",
    "a" * 120,
]
SMALL = {p: i for i, p in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])} | {
    "un": 5, "##able": 6, "##a": 7, "film": 8, "##s": 9, "a": 10, "##b": 11, ",": 12,
}  # fmt: skip


@pytest.fixture(scope="module")
def reference():
    """The engine of the fast tokenizers of transformers; loading that itself takes seconds."""
    from tokenizers import Tokenizer

    engine = Tokenizer.from_file(str(encoder_path() / "tokenizer.json"))
    engine.no_padding()
    engine.no_truncation()
    return engine


def test_pieces_equal_the_real_tokenizer(reference):
    ours = WordPiece(reference.get_vocab())
    for text in TEXTS:
        theirs = reference.encode(text, add_special_tokens=False)
        assert ours.tokenize(text) == theirs.tokens, text


def test_pieces_equal_the_real_tokenizer_on_all_titles(reference, ml100k):
    ours = WordPiece(reference.get_vocab())
    titles = ml100k.items["title"].tolist()
    for title, theirs in zip(titles, reference.encode_batch(titles, add_special_tokens=False)):
        assert ours.tokenize(title) == theirs.tokens, title


@pytest.mark.parametrize("length", [6, 32])
def test_ids_and_mask_equal_the_real_tokenizer(reference, length):
    ids, mask = WordPiece(reference.get_vocab()).encode(TEXTS[:4], length)
    reference.enable_truncation(length)
    reference.enable_padding()
    theirs = reference.encode_batch(TEXTS[:4])
    reference.no_padding()
    reference.no_truncation()
    assert ids.tolist() == [t.ids for t in theirs]
    assert mask.tolist() == [t.attention_mask for t in theirs]


def test_longest_match_is_greedy_and_all_or_nothing():
    assert longest_match("unable", SMALL) == ["un", "##able"]
    assert longest_match("films", SMALL) == ["film", "##s"]
    assert longest_match("unx", SMALL) == ["[UNK]"]
    assert longest_match("a" * 101, SMALL) == ["[UNK]"]
    assert longest_match("a" * 100, SMALL) == ["a", *["##a"] * 99]


def test_basic_tokens():
    assert basic_tokens("Ünïcode, d'accord\u0000 我a") == [
        "unicode",
        ",",
        "d",
        "'",
        "accord",
        "我",
        "a",
    ]


def test_decode_inverts_encode_up_to_case_and_space():
    tokenizer = WordPiece(SMALL)
    ids, _ = tokenizer.encode(["Films , unable"], 12)
    assert tokenizer.decode(ids[0]) == "films , unable"


def test_left_truncation_keeps_the_newest_part():
    tokenizer = WordPiece(SMALL)
    right, _ = tokenizer.encode(["film a un"], 4)
    left, mask = tokenizer.encode(["film a un"], 4, truncate="left")
    assert right.tolist() == [[2, 8, 10, 3]]
    assert left.tolist() == [[2, 10, 5, 3]]
    assert mask.tolist() == [[1, 1, 1, 1]]


def test_padding_has_mask_zero():
    ids, mask = WordPiece(SMALL).encode(["film", "film a"], 8)
    assert ids.tolist() == [[2, 8, 3, 0], [2, 8, 10, 3]]
    assert mask.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    empty, nothing = WordPiece(SMALL).encode([], 8)
    assert empty.shape[0] == nothing.shape[0] == 0


@pytest.mark.parametrize(("length", "side"), [(2, "right"), (8, "middle")])
def test_encode_refuses_bad_arguments(length, side):
    with pytest.raises(ValueError, match="at least 3 positions"):
        WordPiece(SMALL).encode(["a"], length, side)


def test_vocabulary_without_special_token_is_refused():
    with pytest.raises(ValueError, match=r"special token \[PAD\]"):
        WordPiece({"a": 0})


def test_training_joins_the_most_frequent_pair_first():
    corpus = ["low low low lower lowest", "new newer", "我 我"]
    tokenizer = train_wordpiece(corpus, size=24)
    assert tokenizer.tokenize("low") == ["low"]
    assert tokenizer.tokenize("slower") == ["[UNK]"]  # no word of the corpus begins with s
    assert len(tokenizer.vocabulary) == 24
    assert sorted(tokenizer.vocabulary.values()) == list(range(24))
    for word in ["lower", "lowest", "newer", "我"]:
        assert tokenizer.decode(tokenizer.encode([word], 12)[0][0]) == word


def test_training_is_deterministic_stops_when_done_and_refuses_a_small_size():
    corpus = ["abab ab", "ba"]
    first, second = (train_wordpiece(corpus, 50) for _ in range(2))
    assert first.vocabulary == second.vocabulary
    assert len(first.vocabulary) < 50
    assert first.tokenize("abab") == ["abab"]
    with pytest.raises(ValueError, match="size=6 is too small"):
        train_wordpiece(corpus, 6)


def test_training_handles_runs_of_the_same_piece():
    assert train_wordpiece(["aaaa aaaa"], 9).tokenize("aaaa")[0].startswith("a")


def test_encode_types():
    ids, mask = WordPiece(SMALL).encode(["film"], 8)
    assert ids.dtype == mask.dtype == np.int64
