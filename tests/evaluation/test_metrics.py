import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_book.evaluation import (
    GAINS,
    Mean,
    Ranked,
    average_precision_at_k,
    discounts,
    f1_at_k,
    hit_rate_at_k,
    mean_over_users,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank,
)

_spec = importlib.util.spec_from_file_location("brute", Path(__file__).with_name("brute.py"))
brute = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(brute)

AT_K = {
    precision_at_k: brute.precision,
    recall_at_k: brute.recall,
    f1_at_k: brute.f1,
    hit_rate_at_k: brute.hit,
    reciprocal_rank: brute.rr,
    average_precision_at_k: brute.ap,
    ndcg_at_k: brute.ndcg,
}


def ranked(*rows, depth=None):
    """Rows of relevances that are already in ranked order."""
    relevance = np.array(rows, dtype=float)
    scores = np.tile(-np.arange(relevance.shape[1], dtype=float), (len(rows), 1))
    return Ranked.from_arrays(scores, relevance, depth)


def random_case(seed, users=40, items=25, top=4):
    rng = np.random.default_rng(seed)
    return rng.random((users, items)), rng.integers(0, top, (users, items)) * (
        rng.random((users, items)) < 0.3
    )


@pytest.mark.parametrize("metric", AT_K, ids=lambda f: f.__name__)
@pytest.mark.parametrize("k", [1, 3, 10, 25, 40])
def test_equals_the_definition_user_by_user(metric, k):
    scores, relevance = random_case(k)
    got = metric(Ranked.from_arrays(scores, relevance), k)
    for user in range(len(scores)):
        rel = brute.ranking(scores[user], relevance[user])
        want = AT_K[metric](rel, k) if any(rel) else np.nan
        np.testing.assert_allclose(got[user], want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("metric", AT_K, ids=lambda f: f.__name__)
def test_a_kept_depth_of_k_is_enough(metric):
    scores, relevance = random_case(1)
    full, cut = Ranked.from_arrays(scores, relevance), Ranked.from_arrays(scores, relevance, 7)
    np.testing.assert_array_equal(metric(full, 7), metric(cut, 7))
    np.testing.assert_array_equal(metric(full, 5), metric(cut, 5))


@pytest.mark.equation("eq-precision-recall")
def test_precision_and_recall_by_hand():
    r = ranked([1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(precision_at_k(r, 4), [2 / 4, 0])
    np.testing.assert_array_equal(recall_at_k(r, 4), [2 / 3, 0])
    np.testing.assert_allclose(f1_at_k(r, 4), [4 / 7, 0])
    np.testing.assert_array_equal(hit_rate_at_k(r, 4), [1, 0])
    np.testing.assert_array_equal(hit_rate_at_k(r, 6), [1, 1])
    np.testing.assert_array_equal(reciprocal_rank(r), [1, 1 / 6])
    np.testing.assert_array_equal(reciprocal_rank(r, 5), [1, 0])


@pytest.mark.equation("eq-average-precision")
def test_average_precision_by_hand_and_as_area():
    from sklearn.metrics import average_precision_score

    r = ranked([1, 0, 1, 0, 1, 1])
    by_hand = (1 / 1 + 2 / 3) / 4
    np.testing.assert_allclose(average_precision_at_k(r, 4), [by_hand])
    np.testing.assert_allclose(average_precision_at_k(r, 3, reachable=True), [(1 + 2 / 3) / 3])
    np.testing.assert_allclose(
        average_precision_at_k(r, 6, reachable=True), [(5 / 3 + 3 / 5 + 4 / 6) / 4]
    )
    scores, relevance = random_case(3, top=2)
    for user in np.flatnonzero(relevance.any(axis=1)):
        want = average_precision_score(relevance[user], scores[user])
        got = average_precision_at_k(Ranked.from_arrays(scores, relevance), 25)[user]
        assert got == pytest.approx(want, abs=1e-9)


@pytest.mark.equation("eq-ndcg")
def test_ndcg_by_hand():
    r = ranked([0, 3, 1, 0, 2])
    d = 1 / np.log2(np.arange(2, 7))
    best = {"binary": [1, 1, 1], "linear": [3, 2, 1], "exponential": [7, 3, 1]}
    listed = {"binary": [0, 1, 1], "linear": [0, 3, 1], "exponential": [0, 7, 1]}
    for gain in GAINS:
        want = np.dot(listed[gain], d[:3]) / np.dot(best[gain], d[:3])
        np.testing.assert_allclose(ndcg_at_k(r, 3, gain), [want], atol=1e-15)
    assert ndcg_at_k(r, 3)[0] == ndcg_at_k(r, 3, "binary")[0] != ndcg_at_k(r, 3, "linear")[0]
    assert ndcg_at_k(r)[0] == ndcg_at_k(r, 10)[0]


@pytest.mark.equation("eq-ndcg")
def test_discounts_fall_from_one():
    np.testing.assert_allclose(discounts(3), [1, 1 / np.log2(3), 0.5])
    assert len(discounts(1)) == 1


@pytest.mark.parametrize("k", [1, 5, 12])
def test_ndcg_equals_scikit_learn(k):
    from sklearn.metrics import ndcg_score

    scores, relevance = random_case(5)
    relevance = relevance[relevance.any(axis=1)]
    scores = scores[: len(relevance)]
    r = Ranked.from_arrays(scores, relevance)
    assert ndcg_at_k(r, k, "linear").mean() == pytest.approx(
        ndcg_score(relevance, scores, k=k), abs=1e-9
    )
    assert ndcg_at_k(r, k, "exponential").mean() == pytest.approx(
        ndcg_score(2.0**relevance - 1, scores, k=k), abs=1e-9
    )


def test_everything_equals_ranx(monkeypatch):
    numba = pytest.importorskip("numba")
    # Compiling ranx's metrics takes minutes on a small machine; as plain Python they are the same.
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    from ranx import Qrels, Run, evaluate

    scores, relevance = random_case(11, users=30, items=30)
    relevance[:, 0] = np.maximum(relevance[:, 0], 1)
    names = [f"i{j}" for j in range(30)]
    qrels = Qrels(
        {
            f"u{u}": {names[j]: int(relevance[u, j]) for j in np.flatnonzero(relevance[u])}
            for u in range(30)
        }
    )
    run = Run({f"u{u}": dict(zip(names, scores[u].tolist())) for u in range(30)})
    wanted = {
        "precision@10": precision_at_k,
        "recall@10": recall_at_k,
        "f1@10": f1_at_k,
        "hit_rate@10": hit_rate_at_k,
        "mrr@10": reciprocal_rank,
        "map@10": average_precision_at_k,
        "ndcg@10": lambda r, k: ndcg_at_k(r, k, "linear"),
        "ndcg_burges@10": lambda r, k: ndcg_at_k(r, k, "exponential"),
    }
    theirs = evaluate(qrels, run, list(wanted))
    r = Ranked.from_arrays(scores, relevance)
    for name, metric in wanted.items():
        assert metric(r, 10).mean() == pytest.approx(theirs[name], abs=1e-9), name
    assert reciprocal_rank(r).mean() == pytest.approx(evaluate(qrels, run, "mrr"), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from(GAINS))
def test_ndcg_properties(seed, k, gain):
    scores, relevance = random_case(seed, users=6, items=12)
    value = ndcg_at_k(Ranked.from_arrays(scores, relevance), k, gain)
    defined = relevance.any(axis=1)
    assert np.isnan(value[~defined]).all()
    assert ((value[defined] >= 0) & (value[defined] <= 1 + 1e-12)).all()
    best = ndcg_at_k(Ranked.from_arrays(relevance + 0.1 * scores, relevance), k, gain)
    np.testing.assert_allclose(best[defined], 1.0)
    monotone = ndcg_at_k(Ranked.from_arrays(np.exp(3 * scores), relevance), k, gain)
    np.testing.assert_allclose(monotone, value)


def test_users_without_relevant_items_are_undefined_and_counted():
    r = ranked([0, 0, 0], [0, 1, 0])
    for metric in AT_K:
        value = metric(r, 2)
        assert np.isnan(value[0]) and not np.isnan(value[1])
    assert np.isnan(average_precision_at_k(r, 2, reachable=True)[0])
    assert mean_over_users(recall_at_k(r, 2)) == Mean(1.0, 1, 1)
    assert mean_over_users([0.5, 1.0, np.nan, np.nan, np.nan]) == Mean(0.75, 2, 3)
    with pytest.raises(
        ValueError,
        match="^no user has a value, because nothing is relevant for any of them; "
        "pass users with at least one relevant item.$",
    ):
        mean_over_users([np.nan])


def test_a_list_shorter_than_k_has_empty_places():
    r = ranked([1, 1])
    assert precision_at_k(r, 4)[0] == 0.5
    assert ndcg_at_k(r, 4)[0] == 1.0
    assert f1_at_k(r, 4)[0] == pytest.approx(2 * 0.5 / 1.5)


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "3"])
@pytest.mark.parametrize("metric", [*AT_K, lambda r, k: discounts(k)])
def test_k_below_one_is_refused(metric, k):
    with pytest.raises(ValueError, match="a cut-off is an integer of at least 1"):
        metric(ranked([1, 0]), k)


def test_ranks_that_were_cut_off_are_not_invented():
    r = ranked([1, 0, 1], depth=2)
    with pytest.raises(ValueError, match="^k is 3 but only 2 ranks were kept; rank with depth=3.$"):
        ndcg_at_k(r, 3)
    with pytest.raises(
        ValueError,
        match="^only 2 ranks were kept; rank with depth=None for the whole list, or give k.$",
    ):
        reciprocal_rank(r)
    assert reciprocal_rank(r, 2)[0] == 1.0


@pytest.mark.parametrize("gain", ["a", "log", "zero", ""])
def test_an_unknown_gain_is_refused(gain):
    message = f"^gain is '{gain}'; use one of binary, linear, exponential.$"
    with pytest.raises(ValueError, match=message):
        ndcg_at_k(ranked([1, 0]), 1, gain)


def test_default_cut_off_is_ten():
    just_missed, just_hit = ranked([0] * 10 + [1]), ranked([0] * 9 + [1, 0])
    for metric in AT_K:
        if metric is not reciprocal_rank:
            assert metric(just_missed)[0] == 0 < metric(just_hit)[0]
    scores, relevance = random_case(2)
    r = Ranked.from_arrays(scores, relevance)
    for metric in AT_K:
        if metric is not reciprocal_rank:
            np.testing.assert_array_equal(metric(r), metric(r, 10))
    np.testing.assert_array_equal(
        average_precision_at_k(r), average_precision_at_k(r, 10, reachable=False)
    )
    assert (average_precision_at_k(r, 2) < average_precision_at_k(r, 2, reachable=True)).any()
