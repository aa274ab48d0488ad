"""Cleaning, words, counts, tf-idf: against scikit-learn and by properties."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from recsys_book.preprocessing import (
    bag_of_words,
    chinese_words,
    clean_text,
    cosine_normalize,
    document_vectors,
    inverse_document_frequency,
    nearest_rows,
    tfidf,
    words,
)

DOCUMENTS = ["the cat sat on the mat", "the dog sat", "a cat and a dog", "", "birds fly"]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Fish &amp; Chips", "Fish & Chips"),
        ("<p>one</p><p>two <b>three</b></p>", "one two three"),
        ("line<br/>break", "line break"),
        ("ＡＢＣ１２３", "ABC123"),
        ("ﬁlm", "film"),
        ("a\u200bb\x00c", "abc"),
        ("  many \t\n spaces ", "many spaces"),
        ("我想购买一件冬季外套", "我想购买一件冬季外套"),
        ("2 < 3 and 5 > 4, <3", "2 < 3 and 5 > 4, <3"),
        ("¡Tamaño café!", "¡Tamaño café!"),
        ("", ""),
    ],
)
def test_clean_text_examples(raw, clean):
    assert clean_text(raw) == clean


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_characters="<&"), max_size=40))
def test_clean_text_is_idempotent_and_keeps_letters(text):
    once = clean_text(text)
    assert clean_text(once) == once
    assert sum(c.isalnum() for c in once) >= sum(c.isascii() and c.isalnum() for c in text)


@pytest.mark.parametrize("bad", [None, float("nan"), 3])
def test_clean_text_refuses_what_is_not_text(bad):
    with pytest.raises(ValueError, match="needs a string"):
        clean_text(bad)


def test_words_keep_negation_numbers_and_accents():
    assert words("I DON'T like Amélie 2!") == ["i", "don't", "like", "amélie", "2"]


def test_chinese_words_segment_where_words_cannot():
    text = "这部电影的剧情非常精彩，Tom 演得好！"
    assert len(words(text)) == 3  # two runs of Chinese around "tom"
    segmented = chinese_words(text)
    assert {"电影", "剧情", "精彩", "tom"} <= set(segmented)
    assert "，" not in segmented and " " not in segmented


def test_bag_of_words_equals_scikit_learn():
    ours, vocabulary = bag_of_words([d.split() for d in DOCUMENTS])
    theirs = CountVectorizer(token_pattern=r"\S+").fit(DOCUMENTS)
    assert vocabulary == theirs.get_feature_names_out().tolist()
    assert (ours != theirs.transform(DOCUMENTS)).nnz == 0


def test_bag_of_words_ignores_terms_outside_the_given_vocabulary():
    counts, vocabulary = bag_of_words([["a", "z", "a"], []], vocabulary=["b", "a"])
    assert vocabulary == ["b", "a"]
    assert counts.toarray().tolist() == [[0, 2], [0, 0]]


def test_bag_of_words_refuses_strings_and_repeated_terms():
    with pytest.raises(ValueError, match="Document 1 is a string"):
        bag_of_words([["fine"], "not fine"])
    with pytest.raises(ValueError, match="'a' more than once"):
        bag_of_words([["a"]], vocabulary=["a", "b", "a"])


@pytest.mark.equation("eq-idf")
def test_idf_is_the_surprise_of_meeting_a_term():
    counts = sp.csr_matrix([[3, 1, 0], [0, 2, 0], [0, 1, 0], [0, 1, 0]])
    idf = inverse_document_frequency(counts)
    np.testing.assert_allclose(idf, [np.log(5 / 2) + 1, 1.0, np.log(5) + 1])
    assert idf[1] == 1  # a term of every document carries no surprise beyond the floor


@pytest.mark.equation("eq-tfidf-cosine")
def test_inner_product_of_normalized_rows_is_the_cosine():
    x = np.random.default_rng(0).poisson(1.0, (6, 9)).astype(float)
    x[2] = 0
    unit = cosine_normalize(sp.csr_matrix(x))
    ours = (unit @ unit.T).toarray()
    for a in range(6):
        for b in range(6):
            length = np.linalg.norm(x[a]) * np.linalg.norm(x[b])
            assert ours[a, b] == pytest.approx(x[a] @ x[b] / length if length else 0)


def test_tfidf_equals_scikit_learn():
    counts, _ = bag_of_words([d.split() for d in DOCUMENTS])
    ours = tfidf(counts, inverse_document_frequency(counts))
    theirs = TfidfVectorizer(token_pattern=r"\S+").fit_transform(DOCUMENTS)
    np.testing.assert_allclose(ours.toarray(), theirs.toarray(), atol=1e-12)


def test_nearest_rows_leaves_the_query_out_and_breaks_ties_by_position():
    x = np.array([[1, 0], [0, 1], [2, 0], [3, 0], [1, 1]], dtype=float)
    assert nearest_rows(x, 0, k=3).tolist() == [2, 3, 4]


def test_document_vectors_average_known_words():
    table = {"a": np.array([2.0, 0.0]), "b": np.array([0.0, 4.0])}
    ours = document_vectors([["a", "b", "?"], ["?"], ["b", "b"]], table.get, 2)
    assert ours.tolist() == [[1, 2], [0, 0], [0, 4]]
    weighted = document_vectors([["a", "b"]], table.get, 2, {"a": 3.0, "b": 1.0}.get)
    assert weighted.tolist() == [[1.5, 1.0]]
