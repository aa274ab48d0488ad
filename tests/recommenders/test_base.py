"""``top_k``, position checks and the shared base class."""

import numpy as np
import pytest
import scipy.sparse as sp
from contract import checkerboard
from hypothesis import given
from hypothesis import strategies as st

from recsys_book.recommenders import TIE_SEED, BaseRecommender, Popularity, top_k
from recsys_book.recommenders.base import check_positions


def full_sort(scores, seed=TIE_SEED):
    """The slow way: sort everything; ties in the order of the seeded permutation."""
    order = np.random.default_rng(seed).permutation(scores.shape[1])
    return order[np.argsort(-scores[:, order], axis=1, kind="stable")]


@pytest.mark.equation("eq-top-k")
@given(n=st.integers(1, 12), levels=st.integers(1, 4), seed=st.integers(0, 10_000), data=st.data())
def test_top_k_is_the_head_of_a_full_sort_ties_included(n, levels, seed, data):
    k = data.draw(st.integers(1, n))
    scores = np.random.default_rng(seed).integers(0, levels, (5, n)).astype(float)
    items, values = top_k(scores, k)
    np.testing.assert_array_equal(items, full_sort(scores)[:, :k])
    np.testing.assert_array_equal(values, np.take_along_axis(scores, items, axis=1))


def test_ties_are_not_broken_by_item_id():
    items, _ = top_k(np.zeros((1, 50)), 10)
    np.testing.assert_array_equal(items[0], np.random.default_rng(TIE_SEED).permutation(50)[:10])
    assert list(items[0]) != list(range(10))


@pytest.mark.equation("eq-top-k")
def test_top_k_leaves_out_seen_items_and_pads_with_minus_one():
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    seen = sp.csr_matrix([[1.0, 0, 0], [0, 1.0, 1.0]])
    items, values = top_k(scores, 2, seen)
    assert items.tolist() == [[1, 2], [0, -1]]
    assert values.tolist() == [[2.0, 1.0], [1.0, -np.inf]]
    assert scores[0, 0] == 3.0, "the caller's scores stay as they were"


def test_top_k_names_the_two_shapes_that_disagree():
    with pytest.raises(ValueError, match=r"\(1, 3\) and scores \(2, 3\)"):
        top_k(np.zeros((2, 3)), 1, sp.csr_matrix((1, 3)))


def test_positions_may_be_empty_or_a_single_integer():
    assert check_positions([], 3, "user").shape == (0,)
    assert check_positions(2, 3, "user").tolist() == [2]
    with pytest.raises(ValueError, match="item position 3 is outside the vocabulary of 3"):
        check_positions([0, 3], 3, "item")


def test_no_users_give_no_rows():
    model = Popularity().fit(checkerboard()[0])
    items, scores = model.recommend([], k=4)
    assert items.shape == scores.shape == (0, 4)


def test_a_subclass_must_say_what_it_learns_and_how_it_scores():
    class Half(BaseRecommender):
        def _fit(self, interactions):
            pass

    log, _ = checkerboard()
    with pytest.raises(NotImplementedError):
        BaseRecommender().fit(log)
    with pytest.raises(NotImplementedError):
        Half().fit(log).score([0])
    # The fallback is there from the start: popularity.
    np.testing.assert_array_equal(Half().fit(log).score([-1])[0], np.bincount(log.item))
