"""Overlap of lists equals the count over all pairs of users."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_book.evaluation import overlap_between_users, overlap_with


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(1, 4), st.integers(0, 10_000))
def test_overlap_equals_the_loop_over_pairs(n, k, seed):
    rng = np.random.default_rng(seed)
    lists = np.array([rng.permutation(6)[:k] for _ in range(n)])
    shared = [len(set(a) & set(b)) / k for a, b in combinations(lists.tolist(), 2)]
    assert overlap_between_users(lists, 6) == pytest.approx(np.mean(shared))


def test_one_list_for_all_and_none_in_common():
    assert overlap_between_users(np.tile([3, 1], (4, 1)), 5) == 1
    assert overlap_between_users(np.array([[0, 1], [2, -1]]), 5) == 0


def test_one_user_overlaps_with_nobody():
    with pytest.raises(ValueError, match="at least two"):
        overlap_between_users(np.array([[0, 1]]), 5)


def test_overlap_with_other_lists():
    lists = np.array([[0, 1, 2], [3, -1, -1], [-1, -1, -1]])
    np.testing.assert_allclose(overlap_with(lists, np.array([2, 0, -1])), [2 / 3, 0, np.nan])
    others = np.array([[5, 6], [3, 4], [0, 1]])
    np.testing.assert_allclose(overlap_with(lists, others), [0, 1, np.nan])


def test_other_lists_must_fit():
    with pytest.raises(ValueError, match="one a user"):
        overlap_with(np.zeros((3, 2)), np.zeros((2, 2)))
