"""Neighbour models reach the figures of other libraries on the same two splits, same settings."""

import pytest

from recsys_book.evaluation import evaluate_ranking
from recsys_book.recommenders import ItemKNN, RP3beta, UserKNN
from recsys_book.recommenders.leaderboard import test_splits as protocol_splits

#: Peer, model, split, its nDCG@10. The tolerance is far below one standard error (0.006 and 0.022).
FIGURES = [
    ("plain NumPy", UserKNN(50), "peers-temporal", 0.1495),
    ("plain NumPy", UserKNN(50, shrinkage=50.0), "peers-last", 0.0655),
    ("plain NumPy", ItemKNN(400, shrinkage=50.0, alpha=0.3), "peers-last", 0.0541),
    ("RecBole ItemKNN", ItemKNN(400, shrinkage=0.0), "peers-last", 0.0614),
    ("RecBole ItemKNN", ItemKNN(400, shrinkage=0.0), "peers-temporal", 0.1429),
    (
        "implicit cosine",
        ItemKNN(199, shrinkage=0.0, keep="source"),
        "peers-temporal",
        0.1423,
    ),
    (
        "implicit TF-IDF",
        ItemKNN(19, "tfidf", shrinkage=0.0, keep="source"),
        "peers-temporal",
        0.1363,
    ),
    (
        "implicit BM25",
        ItemKNN(49, "bm25", shrinkage=0.0, keep="source", b=0.3),
        "peers-last",
        0.0558,
    ),
    ("plain NumPy", RP3beta(100, 1.0, 0.5), "peers-temporal", 0.1507),
    ("plain NumPy", RP3beta(200, 0.8, 0.7), "peers-last", 0.0602),
]


@pytest.fixture(scope="module")
def splits(ml100k):
    names = {name for _, _, name, _ in FIGURES}
    return {name: protocol_splits(name, ml100k.interactions)[0] for name in names}


@pytest.mark.parametrize(("peer", "model", "name", "figure"), FIGURES, ids=lambda x: str(x))
def test_the_peers_figure(splits, peer, model, name, figure):
    split = splits[name]
    got = evaluate_ranking(model.fit(split.train), split).mean()["ndcg"]
    assert got == pytest.approx(figure, abs=0.001), peer
