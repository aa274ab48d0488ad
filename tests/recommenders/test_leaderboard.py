"""The leaderboard measures what it says, on splits that do not overlap with those of tuning."""

import json
import math

import numpy as np
import pytest
import torch
from contract import checkerboard

from recsys_book.evaluation import evaluate_ranking, evaluate_ratings
from recsys_book.recommenders import EASE, ItemBias, Popularity
from recsys_book.recommenders.leaderboard import (
    PARTS,
    PROTOCOLS,
    Entry,
    Side,
    compare,
    entries,
    mean_over_people,
    measure,
    parameter_count,
    ranking_table,
    rating_table,
    read_results,
    test_splits,
    test_users,
    tuning_splits,
)


def pairs(split):
    return set(zip(split.user.tolist(), split.item.tolist()))


@pytest.fixture(scope="module")
def side(ml100k):
    return Side(ml100k)


@pytest.fixture(scope="module")
def log(ml100k):
    return ml100k.interactions


@pytest.mark.parametrize("protocol", ["temporal", "last", "ratings"])
def test_no_test_event_is_used_for_tuning(protocol, log):
    tuned = [pairs(part) for s in tuning_splits(protocol, log) for part in (s.train, s.test)]
    for number, split in enumerate(test_splits(protocol, log)):
        judged = pairs(split.test)
        for part in tuned if protocol != "last" else tuned[2 * number : 2 * number + 2]:
            assert not judged & part, f"split {number} shares events with a tuning split"


def test_the_protocols_have_the_published_sizes(log):
    sizes = [len(np.unique(s.test.user)) for s in test_splits("temporal", log)]
    assert sizes == [81, 95, 85, 81, 90]
    assert [len(s.test) for s in test_splits("last", log)] == [943] * 5
    assert [len(s.test) for s in test_splits("ratings", log)] == [20_000]
    assert len(test_users("temporal", log)) == 432


def test_unknown_protocols_are_refused(log, tmp_path):
    for ask in (lambda p: test_splits(p, log), lambda p: tuning_splits(p, log)):
        with pytest.raises(ValueError, match="'monthly'"):
            ask("monthly")
    with pytest.raises(ValueError, match="peers-last"):
        tuning_splits("peers-last", log)
    with pytest.raises(ValueError, match="'monthly'"):
        read_results(tmp_path, "monthly")
    with pytest.raises(ValueError, match="recsys-book leaderboard"):
        read_results(tmp_path, "last")


def test_an_entry_shares_its_settings_with_the_peers_splits():
    make = lambda side, seed: Popularity()  # noqa: E731
    entry = Entry("p", "ch-x", {"temporal": make})
    assert entry.maker("temporal") is make and entry.maker("peers-temporal") is make
    assert entry.maker("last") is None and entry.maker("peers-last") is None
    with pytest.raises(ValueError, match="'peers-last'"):
        Entry("p", "ch-x", {"peers-last": make})


def test_measure_stores_what_evaluation_says(side, log):
    entry = Entry("EASE", "ch-x", {"temporal": lambda side, seed: EASE(200.0)}, tried=6)
    result = measure(entry, "peers-temporal", side)
    (split,) = result["splits"]
    report = evaluate_ranking(
        EASE(200.0).fit(test_splits("peers-temporal", log)[0].train),
        test_splits("peers-temporal", log)[0],
        10,
    )
    np.testing.assert_allclose(split["ndcg"], report.per_user["ndcg"], atol=6e-6)
    assert split["recall"] == report.per_user["recall"].mean()
    assert result["tried"] == 6 and "EASE(l2=200.0" in result["model"]
    assert result["parameters"] == 1682**2
    json.dumps(result)
    with pytest.raises(ValueError, match="takes no part in last"):
        measure(entry, "last", side)


def test_measure_gives_each_split_its_own_seed(side):
    seeds = []

    def make(side, seed):
        seeds.append(seed)
        return Popularity()

    measure(Entry("p", "ch-x", {"temporal": make}), "temporal", side)
    assert seeds == [0, 1, 2, 3, 4]


def test_measured_ratings_can_be_summed_up_again(side, log):
    result = measure(
        Entry("m", "ch-x", {"ratings": lambda side, seed: ItemBias(0.0)}), "ratings", side
    )
    (split,) = result["splits"]
    (plan,) = test_splits("ratings", log)
    report = evaluate_ratings(ItemBias(0.0).fit(plan.train), plan, bounds=(1, 5))
    assert split["rmse"] == report.rmse
    assert math.sqrt(sum(split["squared_error"]) / sum(split["events"])) == pytest.approx(
        report.rmse, abs=1e-6
    )
    row = rating_table({"m": result}).loc["m"]
    assert row["low"] < row["rmse"] < row["high"] and row["rmse"] == pytest.approx(
        report.rmse, abs=1e-6
    )


class Holder:
    """Something with learned attributes."""

    def __init__(self, **learned):
        vars(self).update(learned)

    def recommend(self):
        """Look like a recommender."""


def test_parameters_are_the_learned_numbers():
    import scipy.sparse as sp

    inner = Holder(a_=np.zeros((2, 3)), ids_=np.arange(9), seen_=np.zeros(100), k=np.zeros(50))
    assert parameter_count(inner) == 6
    assert parameter_count(Holder(net_=torch.nn.Linear(4, 2), mean_=1.5)) == 11
    assert parameter_count(Holder(w_=sp.csr_matrix(np.eye(5)), t_=torch.zeros(7))) == 12
    assert parameter_count(Holder(models_=[inner, inner], by_={"x": inner}, name_="x")) == 18


def test_entries_are_unique_and_take_part_in_something():
    found = entries()
    assert {"EASE", "popularity", "recent popularity"} <= {entry.name for entry in found}
    assert all(any(entry.maker(p) for p in PROTOCOLS) for entry in found)
    assert all(entry.chapter.startswith("ch-") and entry.tried >= 1 for entry in found)
    assert {e.name for e in entries(PARTS[0])} <= {e.name for e in found}
    with pytest.raises(ValueError, match="'unknown'"):
        entries("unknown")


def test_two_entries_of_one_name_are_refused(monkeypatch):
    from recsys_book.recommenders.leaderboard import baselines

    monkeypatch.setattr(baselines, "ENTRIES", baselines.ENTRIES[:1] * 2)
    with pytest.raises(ValueError, match="'random'"):
        entries("baselines")


def test_side_information_is_aligned_with_the_items(side, log):
    assert side.genres.shape[0] == log.n_items == len(side.movielens.items)
    assert side.genres is side.genres


def stored(*splits):
    costs = {"recall": 0.1, "coverage": 0.2, "fit_cpu_seconds": 1.0, "microseconds_per_user": 5.0}
    rows = [{"ndcg": list(values), **costs} for values in splits]
    return {"splits": rows, "parameters": 3, "tried": 2, "chapter": "ch-x"}


def test_people_not_values_are_resampled():
    rng = np.random.default_rng(0)
    people = rng.normal(size=200)
    once = mean_over_people(people, np.ones(200))
    copied = mean_over_people(5 * people, np.full(200, 5.0))
    np.testing.assert_allclose(once, copied)
    width = 2 * 1.96 * people.std() / math.sqrt(200)
    assert once[2] - once[1] == pytest.approx(width, rel=0.1)


def test_the_ranking_table_is_sorted_and_weighs_every_value_alike():
    users = np.array([0, 1, 1, 2])
    table = ranking_table({"a": stored([0.1, 0.1], [0.1, 0.5]), "b": stored([1, 0], [0, 1])}, users)
    assert list(table.index) == ["b", "a"]
    assert table.loc["a", "ndcg"] == pytest.approx(0.2) and table.loc["b", "parameters"] == 3


def test_compare_pairs_the_people():
    rng = np.random.default_rng(1)
    base = rng.random(300)
    results = {"a": stored(base + 0.01), "b": stored(base), "c": stored(base[::-1])}
    users = np.arange(300)
    better = compare(results, users, "a", "b")
    assert better.mean == pytest.approx(0.01) and better.verdict == "better"
    assert better.high - better.low < 1e-12
    assert compare(results, users, "b", "a").verdict == "worse"
    assert compare(results, users, "b", "c").verdict == "tie"
    assert better.ratio == pytest.approx(1 + 0.01 / base.mean())
    with pytest.raises(ValueError, match="'d'"):
        compare(results, users, "a", "d")


def test_what_is_stored_can_be_read(tmp_path):
    folder = tmp_path / "last"
    folder.mkdir()
    (folder / "x.json").write_text(json.dumps({"name": "x", **stored([1.0])}))
    assert list(read_results(tmp_path, "last")) == ["x"]


def test_the_checkerboard_is_no_leaderboard():
    log, _ = checkerboard()
    assert parameter_count(EASE(1.0).fit(log)) == log.n_items**2
