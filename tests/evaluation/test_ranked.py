import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_book.evaluation import TIE_SEED, Ranked, ndcg_at_k
from recsys_book.evaluation.rows import group_rows, stable_order
from recsys_book.evaluation.sorting import best_columns, tie_positions


def same(a, b):
    for name in ("users", "gains", "ideal", "n_relevant"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.complete == b.complete


def long(scores, relevance):
    users, items = np.indices(scores.shape)
    return users.ravel(), items.ravel(), scores.ravel(), relevance.ravel()


@pytest.mark.parametrize("decimals", [12, 1, 0])
@pytest.mark.parametrize("depth", [None, 1, 5, 20, 99])
def test_rows_in_any_order_equal_the_table(decimals, depth):
    rng = np.random.default_rng(0)
    scores = np.round(rng.random((30, 20)), decimals)
    relevance = rng.integers(0, 3, (30, 20))
    table = Ranked.from_arrays(scores, relevance, depth)
    rows = long(scores, relevance)
    same(table, Ranked.from_rows(*rows, depth))
    mixed = rng.permutation(len(rows[0]))
    same(table, Ranked.from_rows(*(c[mixed] for c in rows), depth))
    backwards = np.arange(len(rows[0]))[::-1]  # grouped, users descending
    same(table, Ranked.from_rows(*(c[backwards] for c in rows), depth))


@pytest.mark.parametrize("depth", [None, 3, 50])
def test_ragged_rows_equal_each_user_alone(depth):
    rng = np.random.default_rng(1)
    sizes = np.r_[1, 2, 3, 4, 5, 8, 9, 31, 100, rng.integers(1, 40, 30)]
    user = np.repeat(rng.permutation(10**6)[: len(sizes)], sizes)
    item = np.concatenate([rng.permutation(200)[:n] for n in sizes])
    score = rng.integers(0, 6, len(user)).astype(float)
    relevance = rng.integers(0, 2, len(user)).astype(float)
    got = Ranked.from_rows(user, item, score, relevance, depth)
    place = tie_positions(len(np.unique(item)))[np.unique(item, return_inverse=True)[1]]
    assert len(got) == len(sizes) and (np.diff(got.users) > 0).all()
    for line, u in enumerate(got.users):
        mine = user == u
        order = np.lexsort((place[mine], -score[mine]))
        want = np.zeros(got.depth)
        rel = relevance[mine][order][: got.depth]
        want[: len(rel)] = rel
        np.testing.assert_array_equal(got.gains[line], want)
        best = np.sort(relevance[mine])[::-1][: got.depth]
        np.testing.assert_array_equal(got.ideal[line, : len(best)], best)
        assert got.n_relevant[line] == relevance[mine].sum()


def test_ties_do_not_follow_item_ids():
    n = 400
    relevance = np.zeros((1, n))
    relevance[0, :10] = 1  # the first ids are the good ones, the scores know nothing
    values = [
        ndcg_at_k(Ranked.from_arrays(np.zeros((1, n)), relevance, 10, seed), 10)[0]
        for seed in range(50)
    ]
    assert np.mean(values) < 0.1
    order = np.random.default_rng(TIE_SEED).permutation(n)
    first = Ranked.from_arrays(np.zeros((1, n)), np.arange(n)[None, :], 3)
    np.testing.assert_array_equal(first.gains[0], order[:3])


def test_minus_infinity_comes_last():
    scores = np.array([[-np.inf, 1.0, -np.inf, -5.0]])
    r = Ranked.from_arrays(scores, np.array([[9, 1, 9, 2]]))
    np.testing.assert_array_equal(r.gains, [[1, 2, 9, 9]])
    rows = Ranked.from_rows(
        np.array([4, 4, 5, 5, 5]),
        np.arange(5),
        np.array([-np.inf, -np.inf, 1.0, -np.inf, 0.0]),
        np.array([3, 3, 1, 3, 1]),
    )
    np.testing.assert_array_equal(rows.gains, [[3, 3, 0], [1, 1, 3]])


def test_graded_and_binary_ideals():
    r = Ranked.from_arrays(np.zeros((2, 4)), np.array([[0.5, 0, 2, 1], [0, 0, 0, 0]]), 3)
    np.testing.assert_array_equal(r.ideal, [[2, 1, 0.5], [0, 0, 0]])
    np.testing.assert_array_equal(r.n_relevant, [3, 0])
    half = Ranked.from_arrays(np.zeros((1, 3)), np.array([[0.5, 0, 1]]))
    np.testing.assert_array_equal(half.ideal, [[1, 0.5, 0]])
    binary = Ranked.from_arrays(np.zeros((1, 3)), np.array([[True, False, True]]), 2)
    np.testing.assert_array_equal(binary.ideal, [[1, 1]])
    assert not binary.complete and half.complete and binary.depth == 2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 4))
def test_best_columns_is_a_sort(seed, depth, levels):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels * 4, (5, 12)).astype(float)
    ties = np.tile(tie_positions(12, seed), (5, 1))
    want = np.lexsort((ties, -scores), axis=1)[:, :depth]
    np.testing.assert_array_equal(best_columns(scores, depth, lambda rows: ties[rows]), want)


@pytest.mark.parametrize("span", [10, 1 << 15, 1 << 20, (1 << 32) - 1, 1 << 40])
def test_stable_order_equals_numpy(span):
    rng = np.random.default_rng(3)
    ids = rng.integers(-span // 2, span // 2 + 1, 2000)
    ids[:500] = ids[500:1000]
    np.testing.assert_array_equal(stable_order(ids), np.argsort(ids, kind="stable"))


def test_rows_that_stand_together_are_not_sorted():
    assert group_rows(np.array([3, 3, 5]))[1] is None
    groups, order = group_rows(np.array([5, 5, 3]))
    assert order is None
    np.testing.assert_array_equal(groups.users, [3, 5])
    np.testing.assert_array_equal(groups.starts, [2, 0])
    np.testing.assert_array_equal(group_rows(np.array([5, 3, 5]))[1], [1, 0, 2])


ONE = np.ones(3)
IDS = np.arange(3)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((IDS, IDS, ONE[:, None], ONE), r"^score has shape \(3, 1\); pass an array with 1 axis"),
        ((IDS, IDS, ONE, ONE[:2]), r"score has shape \(3,\) and relevance has shape \(2,\)"),
        ((IDS[:2], IDS, ONE, ONE), r"user has shape \(2,\) and score has shape \(3,\)"),
        ((IDS, ONE, ONE, ONE), "item holds float64 values; number the ids first"),
        ((IDS, IDS, np.array([1, np.nan, 2]), ONE), r"score is NaN at position \[1\]"),
        ((IDS, IDS, ONE, -ONE), "relevance goes down to -1; it starts at 0"),
        ((IDS[:0], IDS[:0], ONE[:0], ONE[:0]), "score is empty"),
        ((IDS * 0, IDS * 0, ONE, ONE), "item 0 stands on more than one row of user 0"),
        ((np.array([7, 7, 8]), np.array([2, 2, 2]), ONE, ONE), "item 2 .* of user 7"),
    ],
)
def test_bad_rows_are_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        Ranked.from_rows(*columns)


@pytest.mark.parametrize(
    ("scores", "relevance", "message"),
    [
        (np.ones((2, 1)), np.ones(2), r"relevance has shape \(2,\); pass an array with 2 axes"),
        (np.ones((2, 3)), np.ones((3, 2)), "scores has shape"),
        (np.array([[np.nan]]), np.ones((1, 1)), r"scores is NaN at position \[0, 0\]"),
        (np.ones((0, 3)), np.ones((0, 3)), "scores is empty"),
        (np.array([["a"]]), np.ones((1, 1)), "scores holds <U1 values"),
    ],
)
def test_bad_tables_are_refused(scores, relevance, message):
    with pytest.raises(ValueError, match=message):
        Ranked.from_arrays(scores, relevance)


def test_bad_depth_is_refused():
    with pytest.raises(ValueError, match="k is 0"):
        Ranked.from_arrays(np.ones((1, 2)), np.ones((1, 2)), 0)
