"""The two languages: what a sentence is, where it is cut, and which ids mean what."""

import numpy as np
import pandas as pd
import pytest
import torch

from recsys_book.data import Interactions
from recsys_book.encoders.corpora import (
    BEGIN,
    END,
    FIRST,
    PAD,
    SPECIALS,
    UNKNOWN,
    Corpus,
    behaviour_corpus,
    pad,
    split_corpus,
    title_corpus,
)


def log(rows):
    return Interactions.from_frame(
        pd.DataFrame(rows, columns=["user", "item", "timestamp"]), value=None
    )


def test_a_pause_begins_a_sentence_and_sentences_stand_in_time_order():
    events = log(
        [(1, 10, 5000), (1, 20, 5060), (2, 30, 0), (2, 10, 100), (1, 30, 9000), (1, 10, 9001)]
    )
    corpus = behaviour_corpus(events, gap=600)
    assert corpus.vocabulary == (*SPECIALS, "10", "20", "30")
    assert [list(ids) for ids in corpus.sequences] == [
        [BEGIN, FIRST + 2, FIRST, END],
        [BEGIN, FIRST, FIRST + 1, END],
        [BEGIN, FIRST + 2, FIRST, END],
    ]
    assert corpus.in_time and corpus.n_tokens == 9 and corpus.sequences[0].dtype == np.int64
    assert len(behaviour_corpus(events, gap=10_000).sequences) == 2
    assert len(behaviour_corpus(events, gap=600, min_length=3).sequences) == 0


def test_only_ties_depend_on_the_seed():
    events = log([(1, k, 0 if k < 8 else k) for k in range(16)])
    orders = {tuple(behaviour_corpus(events, tie_seed=s).sequences[0]) for s in range(6)}
    assert len(orders) > 3
    assert {order[9:] for order in orders} == {(*range(FIRST + 8, FIRST + 16), END)}
    assert all(set(order[1:9]) == set(range(FIRST, FIRST + 8)) for order in orders)


def test_rare_words_are_unknown_and_titles_keep_their_place(ml100k):
    corpus = title_corpus(ml100k)
    assert len(corpus.sequences) == ml100k.interactions.n_items
    assert corpus.decode(corpus.sequences[0]) == ["[BEGIN]", "[UNKNOWN]", "story", "[END]"]
    everything = title_corpus(ml100k, min_count=1)
    assert everything.decode(everything.sequences[0]) == ["[BEGIN]", "toy", "story", "[END]"]
    assert not any((ids == UNKNOWN).any() for ids in everything.sequences)
    assert FIRST < corpus.size < everything.size


def test_behaviour_has_one_word_for_every_item(ml100k):
    events = ml100k.interactions
    corpus = behaviour_corpus(events, min_length=1)
    items = np.concatenate([ids[1:-1] for ids in corpus.sequences]) - FIRST
    np.testing.assert_array_equal(np.bincount(items), np.bincount(events.item))
    assert corpus.size == events.n_items + FIRST


def test_sessions_are_cut_in_time_and_titles_at_random(ml100k):
    corpus = behaviour_corpus(ml100k.interactions)
    parts = split_corpus(corpus, 0.1, 0.2)
    together = [ids for part in parts for ids in part.sequences]
    assert all(a is b for a, b in zip(together, corpus.sequences, strict=True))
    assert [len(part.sequences) for part in parts] == [1598, 228, 457]
    titles = title_corpus(ml100k)
    one, two, other = (split_corpus(titles, seed=seed) for seed in (0, 0, 1))
    assert abs(len(one[1].sequences) - 168) < 9 and abs(len(one[2].sequences) - 168) < 9
    sentences = [{ids.tobytes() for ids in part.sequences if UNKNOWN not in ids} for part in one]
    assert not (sentences[0] & sentences[2] or sentences[1] & sentences[2])
    assert [ids.tobytes() for ids in one[2].sequences] == [
        ids.tobytes() for ids in two[2].sequences
    ]
    assert not sentences[2] <= {ids.tobytes() for ids in other[2].sequences}
    assert sum(len(part.sequences) for part in one) == len(titles.sequences)


@pytest.mark.parametrize(("valid", "test"), [(0.0, 0.1), (0.1, 0.0), (0.5, 0.5), (0.001, 0.001)])
def test_a_split_without_sentences_is_refused(valid, test):
    corpus = Corpus("x", (*SPECIALS, "a"), [np.array([BEGIN, 4, END])] * 9, in_time=True)
    with pytest.raises(ValueError, match="without sentences"):
        split_corpus(corpus, valid, test)
    with pytest.raises(ValueError, match="without sentences"):
        split_corpus(Corpus("x", SPECIALS, []))


def test_padding_stands_on_the_right_and_cuts_the_end():
    ids, mask = pad([np.array([1, 5, 2]), np.array([1, 5, 6, 7, 2])])
    assert ids.tolist() == [[1, 5, 2, PAD, PAD], [1, 5, 6, 7, 2]]
    assert mask.tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    assert ids.dtype == torch.int64 and mask.dtype == torch.bool
    ids, mask = pad([np.array([1, 5, 2]), np.array([1, 5, 6, 7, 2])], length=4)
    assert ids.tolist() == [[1, 5, 2, PAD], [1, 5, 6, 7]] and mask.sum() == 7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pad([]), "no sentences"),
        (lambda: pad([np.array([1, 2])], length=0), "length is 0"),
        (lambda: Corpus("x", ("a", "b"), []), "must begin with"),
        (lambda: Corpus("x", SPECIALS, [np.array([1, 4, 2])]), "outside the vocabulary"),
        (lambda: Corpus("x", SPECIALS, [np.array([3, 2])]), "does not run from"),
        (lambda: Corpus("x", SPECIALS, [np.array([1])]), "does not run from"),
        (lambda: title_corpus(None, min_count=0), "min_count is 0"),
        (lambda: behaviour_corpus(None, min_length=0), "min_length is 0"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
