"""The published figures of the comparison protocol, to 1e-4, on MovieLens-100K."""

import numpy as np
import pytest

from recsys_book.evaluation import evaluate_ranking
from recsys_book.preprocessing.splitting import leave_one_out, temporal_split
from recsys_book.recommenders import EASE, DecayedPopularity, Popularity, RecentPopularity

FIGURES = [
    (Popularity(), "temporal", 0.14510),
    (RecentPopularity(0.05), "temporal", 0.20998),
    (EASE(200.0), "temporal", 0.17593),
    (Popularity(), "leave one out", 0.04393),
    (RecentPopularity(0.5), "leave one out", 0.04145),
    (EASE(100.0), "leave one out", 0.07229),
    (EASE(400.0, half_life=10), "leave one out", 0.09716),
]


@pytest.fixture(scope="module")
def splits(ml100k):
    log = ml100k.interactions
    return {"temporal": temporal_split(log), "leave one out": leave_one_out(log)}


def ndcg10(model, split):
    """Full ranking, seen items left out, one seeded tie order: written out once, independently."""
    scores = model.score(np.arange(split.train.n_users))
    scores[split.train.user, split.train.item] = -np.inf
    tie = np.random.default_rng(7).permutation(scores.shape[1])
    order = tie[np.argsort(-scores[:, tie], axis=1, kind="stable")]
    relevant = split.test.to_csr(1.0).toarray() > 0
    users = np.flatnonzero(relevant.any(axis=1))
    hit = np.take_along_axis(relevant[users], order[users, :10], axis=1)
    discount = 1 / np.log2(np.arange(2, 12))
    ideal = np.cumsum(discount)[np.minimum(relevant[users].sum(axis=1), 10) - 1]
    return ((hit * discount).sum(axis=1) / ideal).mean()


@pytest.mark.parametrize("model, name, target", FIGURES, ids=lambda x: str(x))
def test_the_published_figure(model, name, target, splits):
    split = splits[name]
    model.fit(split.train)
    by_hand = ndcg10(model, split)
    assert by_hand == pytest.approx(target, abs=1e-4)
    assert evaluate_ranking(model, split, k=10).mean()["ndcg"] == pytest.approx(by_hand, abs=1e-9)


def test_recommend_agrees_with_the_ranking_that_is_measured(splits):
    split = splits["temporal"]
    for model in (EASE(200.0), DecayedPopularity(14)):
        model.fit(split.train)
        scores = model.score(np.arange(100))
        scores[split.train.select(split.train.user < 100).to_csr(1.0)[:100].nonzero()] = -np.inf
        tie = np.random.default_rng(7).permutation(scores.shape[1])
        order = tie[np.argsort(-scores[:, tie], axis=1, kind="stable")]
        np.testing.assert_array_equal(model.recommend(np.arange(100), 10)[0], order[:, :10])
