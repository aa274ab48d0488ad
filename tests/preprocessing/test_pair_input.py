"""History and item as one input, with segments; equal to the tokenizer of transformers."""

import numpy as np
import pytest

from recsys_book.preprocessing import WordPiece, encode_pairs, train_wordpiece

TOKENS = train_wordpiece(["alien aliens toy story star wars fargo"], 60)


def test_one_pair():
    ids, mask, segments = encode_pairs(TOKENS, ["alien star"], ["toy"])
    pieces = {i: p for p, i in TOKENS.vocabulary.items()}
    row = [pieces[i] for i in ids[0]]
    left, right = TOKENS.tokenize("alien star"), TOKENS.tokenize("toy")
    assert row == ["[CLS]", *left, "[SEP]", *right, "[SEP]"]
    np.testing.assert_array_equal(mask[0], 1)
    np.testing.assert_array_equal(segments[0], [0] * (len(left) + 2) + [1] * (len(right) + 1))


def test_the_history_loses_its_oldest_pieces_and_padding_is_masked():
    ids, mask, segments = encode_pairs(TOKENS, ["a b c d e f s t"] + [""], ["o", "s"], 8)
    letters = {i: p for p, i in TOKENS.vocabulary.items()}
    assert [letters[i] for i in ids[0]][1:5] == TOKENS.tokenize("e f s t")
    assert mask.sum(axis=1).tolist() == [8, 4]
    assert ids[1, 4:].tolist() == [TOKENS.vocabulary["[PAD]"]] * 4
    assert segments[1].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]


def test_a_long_item_leaves_room_for_history():
    _, mask, segments = encode_pairs(TOKENS, ["s t a r"], ["a l i e n s t o y"], 9)
    assert mask.sum() == 9 and segments.sum() == 3 + 1


def test_nothing_gives_nothing():
    assert [x.shape for x in encode_pairs(TOKENS, [], [])] == [(0, 0)] * 3


def test_same_as_transformers():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = dict(TOKENS.vocabulary)
    theirs = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    theirs.normalizer = normalizers.BertNormalizer()
    theirs.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    theirs.post_processor = processors.BertProcessing(
        ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    )
    pair = theirs.encode("alien fargo", "toy story")
    ids, _, segments = encode_pairs(WordPiece(vocabulary), ["alien fargo"], ["toy story"])
    assert ids[0].tolist() == pair.ids and segments[0].tolist() == pair.type_ids


def test_errors():
    with pytest.raises(ValueError, match="one item each"):
        encode_pairs(TOKENS, ["a"], [])
    with pytest.raises(ValueError, match="at least 5"):
        encode_pairs(TOKENS, ["a"], ["b"], 4)
