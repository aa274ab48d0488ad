"""Word vectors: determinism, what skip-gram converges to, GloVe, item2vec."""

import numpy as np
import pytest

from recsys_book.preprocessing import (
    WordVectors,
    co_occurrence,
    glove,
    item2vec,
    item_sequences,
    sgns_loss,
    shifted_pmi,
    train_word2vec,
)

TOPICS = [["fish", "sea", "boat", "wave"], ["tree", "leaf", "wood", "moss"]]


def corpus(n=300, seed=0):
    g = np.random.default_rng(seed)
    return [list(g.permutation(TOPICS[g.integers(2)])) for _ in range(n)]


def test_word2vec_finds_topics_and_is_deterministic():
    first, second = (train_word2vec(corpus(), size=8, epochs=10, seed=3) for _ in range(2))
    assert first.words == second.words
    assert np.array_equal(first.vectors, second.vectors)
    assert first.vectors.shape == first.context.shape == (8, 8)
    assert set(first.nearest("fish", 3)) == {"sea", "boat", "wave"}
    other = train_word2vec(corpus(), size=8, epochs=10, seed=4)
    assert not np.array_equal(first.vectors, other.vectors)


def test_word2vec_min_count_and_errors():
    vectors = train_word2vec([["a", "b"], ["a", "b"], ["c", "a"]], size=4, epochs=1)
    assert set(vectors.words) == {"a", "b"}
    assert vectors.get("c") is None
    assert vectors.get("a").shape == (4,)
    with pytest.raises(ValueError, match="No word occurs 5 times"):
        train_word2vec([["a"], ["b"]], min_count=5)
    with pytest.raises(ValueError, match="No word occurs"):
        train_word2vec([])
    with pytest.raises(ValueError, match="'zebra' is not among the 2 words"):
        vectors.nearest("zebra")


def test_item_sequences_follow_the_given_order():
    user, item = np.array([1, 0, 1, 0, 1]), np.array([5, 6, 7, 8, 9])
    assert item_sequences(user, item, np.array([4, 3, 2, 1, 0])) == [["8", "6"], ["9", "7", "5"]]
    assert item_sequences(user[:0], item[:0], np.arange(0)) == []


def test_item2vec_rows_are_items_and_unseen_items_are_zero():
    g = np.random.default_rng(0)
    sentences = [[str(4 * (s % 2) + i) for i in g.permutation(4)] for s in range(300)]
    vectors = item2vec(sentences, 9, size=6, epochs=10, seed=0)
    assert vectors.shape == (9, 6)
    assert not vectors[8].any()
    unit = vectors[:8] / np.linalg.norm(vectors[:8], axis=1, keepdims=True)
    assert set((unit @ unit[0]).argsort()[-4:]) == {0, 1, 2, 3}


def test_co_occurrence_counts_by_hand():
    counts = co_occurrence([["a", "b", "x", "a"]], ["a", "b"], window=2)
    assert counts.tolist() == [[0, 2], [2, 0]]
    decayed = co_occurrence([["a", "b", "x", "a"]], ["a", "b"], window=3, decay=True)
    np.testing.assert_allclose(decayed, [[2 / 3, 1.5], [1.5, 0]])


@pytest.mark.equation("eq-shifted-pmi")
def test_shifted_pmi_is_the_minimum_of_the_skip_gram_loss():
    g = np.random.default_rng(0)
    counts = g.integers(1, 30, (5, 6)).astype(float)
    best = shifted_pmi(counts, k=3)
    step = 1e-5
    for i in range(5):
        for j in range(6):
            up, down = best.copy(), best.copy()
            up[i, j] += step
            down[i, j] -= step
            slope = (sgns_loss(up, counts, 3) - sgns_loss(down, counts, 3)) / (2 * step)
            assert abs(slope) < 1e-9
    for _ in range(20):
        other = best + g.normal(0, 0.3, best.shape)
        assert sgns_loss(other, counts, 3) > sgns_loss(best, counts, 3)


def test_shifted_pmi_by_hand():
    counts = np.array([[4.0, 0.0], [0.0, 4.0]])
    with np.errstate(all="raise"):
        pmi = shifted_pmi(counts, k=1)
    np.testing.assert_allclose(pmi.diagonal(), np.log(2))
    assert pmi[0, 1] == -np.inf


def test_gensim_approaches_the_shifted_pmi():
    g = np.random.default_rng(1)
    counts = g.integers(1, 40, (6, 6))
    counts = counts + counts.T
    pairs = [
        [f"w{i}", f"w{j}"] for i in range(6) for j in range(i + 1) for _ in range(counts[i, j])
    ]
    g.shuffle(pairs)
    model = train_word2vec(pairs, size=12, window=1, epochs=150, negative=5, ns_exponent=1.0)
    order = [model.index[f"w{i}"] for i in range(6)]
    ours = (model.vectors @ model.context.T)[np.ix_(order, order)]
    truth = shifted_pmi(co_occurrence(pairs, [f"w{i}" for i in range(6)], window=1), k=5)
    assert np.corrcoef(ours.ravel(), truth.ravel())[0, 1] > 0.95


def test_glove_loss_falls_and_topics_appear():
    words = [w for topic in TOPICS for w in topic]
    counts = co_occurrence(corpus(), words, window=3, decay=True) + 0.1
    vectors, losses = glove(counts, words, size=3, sweeps=8, x_max=200)
    assert all(a >= b - 1e-9 for a, b in zip(losses, losses[1:]))
    assert set(vectors.nearest("fish", 3)) == {"sea", "boat", "wave"}
    again, _ = glove(counts, words, size=3, sweeps=8, x_max=200)
    assert np.array_equal(vectors.vectors, again.vectors)


def test_glove_fits_log_counts_when_it_has_the_room():
    words = list("abcd")
    counts = np.exp(np.random.default_rng(0).normal(1, 0.5, (4, 4)))
    vectors, losses = glove(counts, words, size=4, sweeps=60, x_max=1.0, l2=1e-8)
    assert losses[-1] < 1e-3
    rest = np.log(counts) - vectors.vectors @ vectors.context.T  # the two biases
    np.testing.assert_allclose(rest - rest[:1] - rest[:, :1] + rest[0, 0], 0, atol=0.05)


def test_glove_agrees_with_skip_gram():
    g = np.random.default_rng(1)
    counts = g.integers(1, 40, (6, 6))
    counts = counts + counts.T
    pairs = [
        [f"w{i}", f"w{j}"] for i in range(6) for j in range(i + 1) for _ in range(counts[i, j])
    ]
    words = [f"w{i}" for i in range(6)]
    met = co_occurrence(pairs, words, window=1)
    vectors, _ = glove(met, words, size=5, sweeps=40, x_max=1.0, l2=0.01)
    scores = vectors.vectors @ vectors.context.T
    pmi = shifted_pmi(met, 5)
    centred = [a - a.mean(0) - a.mean(1)[:, None] + a.mean() for a in (scores, pmi)]
    assert np.corrcoef(centred[0].ravel(), centred[1].ravel())[0, 1] > 0.95


def test_nearest_survives_a_zero_vector():
    vectors = WordVectors(["a", "b", "c"], np.array([[1.0, 0], [0, 0], [1, 1]]))
    assert vectors.nearest("a", 2) == ["c", "b"]
