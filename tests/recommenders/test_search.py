"""Exact search: the same lists as sorting everything, ties, seen items and padding included."""

import numpy as np
import pytest
import scipy.sparse as sp

from recsys_book.recommenders import search, top_k_inner


def by_sorting(users, items, k, seen=None):
    scores = (users @ items.T).astype(np.float64)
    if seen is not None:
        scores[seen.nonzero()] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(scores, order, axis=1)
    return np.where(np.isneginf(values), -1, order), values


def small_numbers(n, width, seed):
    """Whole numbers: products are exact in single precision, and ties are many."""
    return np.random.default_rng(seed).integers(-3, 4, (n, width)).astype(np.float32)


@pytest.mark.equation("eq-top-k")
@pytest.mark.parametrize("k", [1, 10, 150])
def test_search_equals_sorting_with_ties_over_many_blocks(monkeypatch, k):
    monkeypatch.setattr(search, "_USERS", 16)
    monkeypatch.setattr(search, "_ITEMS", 50)
    users, items = small_numbers(50, 6, 0), small_numbers(333, 6, 1)
    for threads in (1, 2):
        ids, scores = top_k_inner(users, items, k, threads=threads)
        want_ids, want = by_sorting(users, items, k)
        np.testing.assert_array_equal(ids, want_ids)
        np.testing.assert_array_equal(scores, want)
    assert ids.dtype == np.int64 and scores.dtype == np.float32


def test_seen_items_are_left_out_and_short_lists_padded(monkeypatch):
    monkeypatch.setattr(search, "_ITEMS", 7)
    users, items = small_numbers(20, 5, 2), small_numbers(30, 5, 3)
    table = np.random.default_rng(4).random((20, 30)) < 0.4
    table[3] = True  # somebody has seen everything
    seen = sp.csr_matrix(table.astype(float))
    ids, scores = top_k_inner(users, items, 25, seen=seen)
    want_ids, want = by_sorting(users, items, 25, seen)
    np.testing.assert_array_equal(ids, want_ids)
    np.testing.assert_array_equal(scores, want)
    assert (ids[3] == -1).all() and np.isneginf(scores[3]).all()
    seen.data[:] = 0.0  # stored zeros are not seen
    np.testing.assert_array_equal(
        top_k_inner(users, items, 5, seen=seen)[0], top_k_inner(users, items, 5)[0]
    )


def test_search_equals_faiss_on_random_vectors():
    import faiss

    rng = np.random.default_rng(0)
    users, items = (rng.normal(size=(n, 32)).astype(np.float32) for n in (300, 6000))
    index = faiss.IndexFlatIP(32)
    index.add(items)
    want, want_ids = index.search(users, 10)
    ids, scores = top_k_inner(users, items, 10, threads=2)
    np.testing.assert_array_equal(ids, want_ids)
    np.testing.assert_allclose(scores, want, rtol=1e-4)


def test_double_precision_is_kept_and_nobody_is_fine():
    users, items = np.array([[1.0, 1e-9]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    ids, scores = top_k_inner(users, items, 2)
    assert ids.tolist() == [[1, 0]] and scores.dtype == np.float64
    ids, scores = top_k_inner(np.empty((0, 2)), items, 1)
    assert ids.shape == scores.shape == (0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": np.ones((2, 4))}, "same width"),
        ({"items": np.ones(3)}, "two tables"),
        ({"k": 0}, "k is 0"),
        ({"k": 6}, "at most 5"),
        ({"threads": 0}, "threads is 0"),
        ({"seen": sp.csr_matrix((5, 2))}, "seen has shape"),
        ({"items": np.full((5, 3), np.nan)}, "item 0 is not finite"),
        ({"users": np.array([[0.0, 0, 0], [np.inf, 0, 0]])}, "user 1 is not finite"),
    ],
)
def test_bad_input(change, message):
    given = {"users": np.ones((2, 3)), "items": np.ones((5, 3)), "k": 2} | change
    with pytest.raises(ValueError, match=message):
        top_k_inner(**given)
