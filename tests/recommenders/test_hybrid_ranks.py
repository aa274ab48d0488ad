"""Votes and rank fusion against counts by hand and against ranx."""

import numpy as np
import pytest

from recsys_book.data import Interactions
from recsys_book.recommenders import EASE, BaseRecommender, Popularity, RankFusion
from recsys_book.recommenders.hybrid import (
    borda,
    majority_vote,
    ranks_from_top,
    reciprocal_rank_fusion,
    votes,
)

SCORES = np.random.default_rng(0).normal(size=(3, 4, 12))  # lists, users, items
RANKS = np.stack([ranks_from_top(table) for table in SCORES])


def test_places_begin_at_one_and_ties_share():
    np.testing.assert_array_equal(ranks_from_top([[5.0, 9.0, 5.0, 1.0]]), [[2.5, 1, 2.5, 4]])


@pytest.mark.equation("eq-borda")
def test_borda_counts_the_beaten():
    by_hand = np.array(
        [
            [sum(t[u, i] > t[u, j] for t in SCORES for j in range(12)) for i in range(12)]
            for u in range(4)
        ]
    )
    np.testing.assert_allclose(borda(RANKS), by_hand / 3, rtol=1e-12)
    np.testing.assert_allclose(borda(RANKS, [0, 0, 2.0]), 12 - RANKS[2])


@pytest.mark.equation("eq-rrf")
def test_reciprocal_ranks_by_hand():
    ranks = np.array([[[1.0, 2.0, 3.0]], [[3.0, 1.0, 2.0]]])
    want = [[(1 / 61 + 1 / 63) / 2, (1 / 62 + 1 / 61) / 2, (1 / 63 + 1 / 62) / 2]]
    np.testing.assert_allclose(reciprocal_rank_fusion(ranks), want, rtol=1e-12)
    with pytest.raises(ValueError, match="k is -1"):
        reciprocal_rank_fusion(ranks, -1.0)


@pytest.mark.parametrize("rule", ["rrf", "borda"])
def test_the_order_is_that_of_ranx(rule, monkeypatch):
    numba = pytest.importorskip("numba")
    # Compiling ranx takes minutes on a small machine; as plain Python it is the same.
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    from ranx import Run, fuse

    runs = [
        Run(
            {f"u{u}": {f"i{i}": float(s) for i, s in enumerate(row)} for u, row in enumerate(table)}
        )
        for table in SCORES
    ]
    theirs = fuse(runs=runs, norm=None, method="rrf" if rule == "rrf" else "bordafuse")
    ours = reciprocal_rank_fusion(RANKS) if rule == "rrf" else borda(RANKS)
    for u in range(4):
        table = theirs.run[f"u{u}"]
        values = np.array([table[f"i{i}"] for i in range(12)])
        scale = 3.0 if rule == "rrf" else np.ptp(values) / np.ptp(ours[u])
        shift = values.min() - scale * ours[u].min()
        np.testing.assert_allclose(scale * ours[u] + shift, values, rtol=1e-6, atol=1e-9)
        if rule == "rrf":
            assert abs(shift) < 1e-9


def test_votes_count_lists_and_places_break_ties():
    found = votes(RANKS, depth=3)
    np.testing.assert_array_equal(np.floor(found), (RANKS <= 3).sum(axis=0))
    inside = np.floor(found[0]) == np.floor(found[0]).min()
    order = np.argsort(found[0][inside])
    np.testing.assert_array_equal(order, np.argsort(-RANKS.sum(axis=0)[0][inside]))


def test_a_vote_is_for_labels():
    assert majority_vote(["like", "dislike", "like"]) == "like"
    assert majority_vote([True, False]) is False
    with pytest.raises(ValueError, match="Nobody votes"):
        majority_vote([])
    for reals in ([3.7, 4.0], np.array([1.0, 1.0])):
        with pytest.raises(ValueError, match="real numbers"):
            majority_vote(reals)


class Fixed(BaseRecommender):
    """Gives every user the same scores."""

    def __init__(self, scores):
        self.scores = scores

    def _fit(self, interactions):
        pass

    def _score(self, users):
        return np.tile(np.asarray(self.scores, float), (len(users), 1))

    def _fallback(self, users):
        return self._score(users)


@pytest.fixture
def two_users():
    return Interactions(
        [0, 0, 1], [0, 1, 0], [1.0, 1.0, 1.0], [1, 2, 3], np.arange(2), np.arange(6)
    )


@pytest.mark.parametrize("rule", ["borda", "rrf", "vote"])
def test_seen_items_take_no_place_and_huge_scores_no_more_than_one(two_users, rule):
    loud = Fixed([9e9, 8e9, 7e9, 0, 1, 2])
    quiet = [Fixed([0.6, 0.5, 0.1, 0.4, 0.3, 0.2])] * 2
    model = RankFusion([loud, *quiet], rule, depth=1).fit(two_users)
    items, _ = model.recommend([0], 6, exclude_seen=False)
    assert items[0, 0] == 3 and set(items[0, -2:]) == {0, 1}
    known, unknown = model.score([0, -1])
    assert known[0] == known.min() or known[1] == known.min()
    assert unknown.argmax() == 0


def test_weights_of_lists(two_users):
    model = RankFusion([EASE(), Popularity()], "borda", weights=[0.0, 3.0]).fit(two_users)
    order = np.argsort(-model.score([-1])[0], kind="stable")
    assert order[0] == 0 and order[1] == 1
