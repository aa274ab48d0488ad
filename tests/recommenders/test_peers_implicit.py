"""Cheap models of unary feedback beside the figures of the libraries, within one standard error."""

import pytest

from recsys_book.evaluation import evaluate_ranking
from recsys_book.recommenders.leaderboard import Side, entries, test_splits

# Name, protocol, the peer's nDCG@10 and its standard error over users.
FIGURES = [
    ("implicit ALS", "peers-temporal", 0.1787, 0.023),
    ("implicit ALS", "peers-last", 0.0743, 0.007),
    ("BPR", "peers-temporal", 0.1821, 0.023),
    ("BPR", "peers-last", 0.0691, 0.006),
]


@pytest.mark.parametrize("name, protocol, target, error", FIGURES)
def test_no_worse_than_the_library(ml100k, name, protocol, target, error):
    (entry,) = (e for e in entries("implicit") if e.name == name)
    (split,) = test_splits(protocol, ml100k.interactions)
    model = entry.maker(protocol)(Side(ml100k), 0).fit(split.train)
    assert evaluate_ranking(model, split, k=10).mean()["ndcg"] >= target - error


def test_every_entry_can_be_made(ml100k):
    side = Side(ml100k)
    for entry in entries("implicit"):
        for protocol in entry.make:
            assert type(entry.maker(protocol)(side, 3)).__module__.startswith("recsys_book")
