"""Metrics by group equal a loop over the groups."""

import numpy as np
import pandas as pd
import pytest

from recsys_book.data import Interactions
from recsys_book.evaluation import (
    bootstrap_interval,
    count_groups,
    evaluate_ranking,
    mean_by_group,
    recall_by_item_group,
)
from recsys_book.preprocessing import temporal_split


def test_groups_of_counts_cover_every_count_once():
    groups = count_groups(np.array([0, 1, 4, 5, 19, 20, 500, 0]))
    assert list(groups) == [
        "0", "1 to 4", "1 to 4", "5 to 19", "5 to 19", "20 or more", "20 or more", "0",
    ]  # fmt: skip
    assert list(groups.categories) == ["0", "1 to 4", "5 to 19", "20 or more"]
    assert list(count_groups(np.array([1, 2]), (1, 2)).categories) == ["0", "1", "2 or more"]


@pytest.mark.parametrize("edges", [(), (0, 5), (5, 5), (5, 1)])
def test_edges_must_rise(edges):
    with pytest.raises(ValueError, match="rising whole numbers"):
        count_groups(np.array([1]), edges)


def test_counts_are_not_negative():
    with pytest.raises(ValueError, match="count events"):
        count_groups(np.array([-1]))


def test_means_and_intervals_are_those_of_the_group_alone():
    values = np.random.default_rng(0).random(60)
    groups = np.array(["F", "M", "F"] * 20)
    table = mean_by_group(values, groups, n=200, seed=3)
    assert table.index.tolist() == ["F", "M"] and table["users"].tolist() == [40, 20]
    part = values[groups == "M"]
    assert table.loc["M", "mean"] == pytest.approx(part.mean())
    assert tuple(table.loc["M", ["low", "high"]]) == bootstrap_interval(part, n=200, seed=3)


def test_missing_groups_are_left_out_and_categories_keep_their_order():
    groups = pd.Categorical(["late", None, "early"], ["late", "early", "never"], ordered=True)
    table = mean_by_group(np.array([1.0, 5.0, 3.0]), groups, n=10)
    assert table.index.tolist() == ["late", "early"] and table["mean"].tolist() == [1.0, 3.0]


def test_one_group_a_user():
    with pytest.raises(ValueError, match="one group a user"):
        mean_by_group(np.ones(2), np.array(["a"]))


def log(pairs):
    user, item = np.array(pairs).T
    return Interactions(user, item, np.ones(len(user)), user * 0, np.arange(4), np.arange(5))


def test_recall_by_group_counts_pairs_once_and_known_users_only():
    test = log([(0, 1), (0, 1), (0, 2), (2, 4), (3, 0)])
    lists = np.array([[1, 0], [0, 4]])
    table = recall_by_item_group(lists, [0, 2], test, np.array(["a", "a", "b", "b", "b"]))
    assert table.to_dict("index") == {
        "a": {"events": 1, "listed": 1, "recall": 1.0},
        "b": {"events": 2, "listed": 1, "recall": 0.5},
    }


def test_recall_by_group_needs_lists_groups_and_events():
    test = log([(0, 1)])
    with pytest.raises(ValueError, match="one list a user and one group an item"):
        recall_by_item_group(np.zeros((2, 1)), [0], test, np.zeros(5))
    with pytest.raises(ValueError, match="one list a user and one group an item"):
        recall_by_item_group(np.zeros((1, 1)), [0], test, np.zeros(4))
    with pytest.raises(ValueError, match="has a test event"):
        recall_by_item_group(np.zeros((1, 1)), [3], test, np.zeros(5))


class Counts:
    def __init__(self, train):
        self.n = np.bincount(train.item, minlength=train.n_items)

    def score(self, users):
        return np.tile(self.n.astype(float), (len(users), 1))


def test_popularity_earns_its_recall_in_the_head(ml100k):
    split = temporal_split(ml100k.interactions)
    report = evaluate_ranking(Counts(split.train), split, k=20)
    events = np.bincount(split.train.item, minlength=split.train.n_items)
    table = recall_by_item_group(
        report.items, report.per_user["user"], split.test, count_groups(events, (1, 5, 20, 100))
    )
    assert table["recall"].iloc[-1] > 0 and (table["recall"].iloc[:-1] == 0).all()
    assert table["listed"].sum() == round(report.per_user["precision"].sum() * 20)
    history = np.bincount(split.train.user, minlength=split.train.n_users)
    groups = count_groups(history[report.per_user["user"]])
    by_user = mean_by_group(report.per_user["ndcg"], groups, n=50)
    weighted = (by_user["mean"] * by_user["users"]).sum() / by_user["users"].sum()
    assert weighted == pytest.approx(report.mean()["ndcg"])
