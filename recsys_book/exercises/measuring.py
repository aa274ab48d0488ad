"""Checkers for the exercises of the chapter on measuring."""

from __future__ import annotations

from collections.abc import Callable
from statistics import harmonic_mean

import numpy as np

from recsys_book.evaluation import Ranked, expected_sampled_hit, ndcg_at_k, users_per_arm


def check_f1(answer: Callable[[float, float], float]) -> None:
    """Check a function that combines precision and recall (CLM-03).

    Args:
        answer: Takes precision and recall, returns F1.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(0.5, 0.5) - 0.5) < 1e-12, "where both are equal, every kind of mean is them"
    one_sided = answer(0.001, 1.0)
    assert one_sided < 0.01, (
        "recommending a whole catalogue of 1,000 items for one relevant one has recall 1; "
        f"your F1 praises it with {one_sided:.2f}: an arithmetic mean cannot see it"
    )
    assert answer(0.0, 0.0) == 0, "with no hit at all F1 is 0, not an error and not NaN"
    for p, r in ((0.2, 0.6), (0.9, 0.1)):
        assert abs(answer(p, r) - harmonic_mean((p, r))) < 1e-12, (
            "use the harmonic mean: one over the mean of 1/precision and 1/recall"
        )


def check_same_system(answer: Callable[[np.ndarray, float], bool]) -> None:
    """Check a function that says whether an MSE is possible for a sigmoid output (CLM-09).

    Args:
        answer: Takes ratings and a claimed MSE, returns whether outputs in (0, 1) can reach it.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    stars = np.array([1, 2, 3, 4, 5, 5, 4])
    assert not answer(stars, 0.0256), (
        "the second article's figure cannot be reached: the best output for every rating is just "
        "below 1, so no MSE can fall below that of predicting 1"
    )
    assert not answer(stars, 0.0123456789), "nor can the first article's"
    floor = float(((stars - 1.0) ** 2).mean())
    assert answer(stars, floor + 0.01), "just above the floor it is possible"
    assert not answer(stars, floor - 0.01), "just below the floor it is not"
    assert answer(np.array([0.0, 1.0, 0.5]), 0.001), (
        "for ratings rescaled to 0..1 the outputs can match: the distance is only lost outside"
    )


def check_ndcg(answer: Callable[[np.ndarray, int], float]) -> None:
    """Check nDCG written for one user.

    Args:
        answer: Takes relevances (0 or 1) in ranked order and k, returns nDCG at k.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(np.array([1, 1, 0, 0]), 2) - 1) < 1e-12, "a perfect list scores 1"
    value = answer(np.array([0, 1, 0, 0]), 3)
    assert abs(value - 1 / np.log2(3)) < 1e-12, "rank 2 is worth 1/log2(2 + 1)"
    value = answer(np.array([1] * 5 + [0] * 5), 3)
    assert abs(value - 1) < 1e-12, "five relevant items and k = 3: the best list holds only three"
    rng = np.random.default_rng(0)
    for _ in range(20):
        row = (rng.random(30) < 0.2).astype(float)
        row[rng.integers(30)] = 1
        want = ndcg_at_k(Ranked.from_arrays(-np.arange(30.0)[None, :], row[None, :]), 10)[0]
        assert abs(answer(row, 10) - want) < 1e-9, (
            "divide by the DCG of the same relevances sorted, cut at k"
        )


def check_sampled_hit(answer: Callable[[int, int, int], float]) -> None:
    """Check the chance of a sampled hit at 1.

    Args:
        answer: Takes the true rank, the number of items and the sample size, returns the
            probability that the relevant item comes first among the sampled ones.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(1, 100, 50) == 1, "nothing ranks above the first item, so it is always a hit"
    for rank, n_items, m in ((2, 101, 10), (50, 1000, 100), (1000, 1000, 3)):
        want = expected_sampled_hit([rank], n_items, m, k=1)[0]
        assert abs(answer(rank, n_items, m) - want) < 1e-12, (
            "each of the m draws must miss the rank - 1 items above, out of the n_items - 1 others"
        )


def check_users_needed(answer: int) -> None:
    """Check the users that an A/B test of a 2 % click rate needs for a relative lift of 5 %.

    Args:
        answer: Users per arm, at level 0.05 and power 0.8.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert isinstance(answer, int | np.integer), "give a whole number of users"
    want = users_per_arm(0.02, 0.05 * 0.02)
    assert answer != users_per_arm(0.02, 0.05), "5 % of 2 % is a tenth of a point, not five points"
    assert answer != 2 * want, "that is both arms together; give one"
    assert abs(answer - want) <= 1, "use users_per_arm with the rate and the absolute lift"


def check_paired_or_not(answer: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """Check how many times fewer users a paired comparison needs.

    Args:
        answer: Takes one value a user under each of two models, returns the ratio of the variance
            of the difference of two independent groups to that of the paired difference.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    a = rng.random(500)
    b = 0.9 * a + 0.1 * rng.random(500)
    want = (a.var(ddof=1) + b.var(ddof=1)) / (a - b).var(ddof=1)
    got = answer(a, b)
    assert got > 1, "the two models agree on who is easy, so pairing helps: the ratio is above 1"
    assert abs(got - want) < 1e-3 * want, "divide var(a) + var(b) by var(a - b)"
    alone = answer(a, rng.permutation(a))
    assert abs(alone - 1) < 0.2, "with nothing in common, pairing gains next to nothing"
