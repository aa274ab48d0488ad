import numpy as np
import pytest

from recsys_book.evaluation import (
    expected_sampled_hit,
    expected_sampled_ndcg,
    hit_at_rank,
    ndcg_at_rank,
    sampled_ranks,
)

RANKS = np.array([1, 2, 15, 100, 700, 1000])


def test_metrics_of_a_rank():
    np.testing.assert_array_equal(hit_at_rank(np.array([1, 10, 11])), [1, 1, 0])
    np.testing.assert_allclose(ndcg_at_rank(np.array([1, 3, 11])), [1, 0.5, 0])
    np.testing.assert_array_equal(hit_at_rank(np.array([2, 3]), 2), [1, 0])
    np.testing.assert_array_equal(ndcg_at_rank(np.array([2]), 1), [0])


@pytest.mark.equation("eq-sampled-hit")
def test_expectations_match_a_simulation_with_real_items():
    rng = np.random.default_rng(0)
    n_items, m, trials = 1000, 50, 4000
    others = rng.integers(1, n_items, (trials, m))  # true ranks of the others, the target left out
    for rank in RANKS:
        beaten_by = (others < rank).sum(axis=1)
        hit = (beaten_by < 10).mean()
        error = 4 * np.sqrt(0.25 / trials)
        assert expected_sampled_hit([rank], n_items, m)[0] == pytest.approx(hit, abs=error)
        value = ndcg_at_rank(beaten_by + 1).mean()
        assert expected_sampled_ndcg([rank], n_items, m)[0] == pytest.approx(value, abs=error)


def test_sampled_ranks_have_the_expected_mean_and_are_seeded():
    ranks = np.repeat(RANKS, 4000)
    got = sampled_ranks(ranks, 1000, 100, seed=1)
    np.testing.assert_array_equal(got, sampled_ranks(ranks, 1000, 100, seed=1))
    assert (got != sampled_ranks(ranks, 1000, 100, seed=2)).any()
    mean = got.reshape(len(RANKS), -1).mean(axis=1)
    np.testing.assert_allclose(mean, 1 + 100 * (RANKS - 1) / 999, atol=0.4)
    assert got[0] == 1 and got[-1] == 101


def test_the_best_and_the_worst_rank_are_certain():
    np.testing.assert_allclose(expected_sampled_hit([1, 1000], 1000, 100), [1, 0])
    np.testing.assert_allclose(expected_sampled_ndcg([1, 1000], 1000, 100), [1, 0])
    assert expected_sampled_hit([999], 1000, 5)[0] == 1  # a list longer than the sample


def test_a_sampled_metric_can_reverse_two_models():
    a = np.array([1] * 30 + [900] * 70)  # finds a few at once, the rest never
    b = np.array([40] * 100)  # always near, never on the list
    assert hit_at_rank(a).mean() > hit_at_rank(b).mean()
    assert expected_sampled_hit(a, 1000).mean() < expected_sampled_hit(b, 1000).mean()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hit_at_rank([0]), "ranks holds 0; the best rank is 1"),
        (lambda: hit_at_rank([1], 0), "k is 0"),
        (lambda: sampled_ranks([11], 10), "a rank of 11 among 10 candidates is impossible"),
        (lambda: sampled_ranks([1], 1), "at least 2"),
        (lambda: expected_sampled_hit([1], 10, 0), "n_sampled is 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
