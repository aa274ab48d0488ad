"""Checkers for the exercises of the chapter on the first five ratings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from recsys_book.meta_learning.cold_start import Belief, expected_gain, ridge_user_bias


def check_user_bias(answer: Callable[[np.ndarray, float, float], tuple[float, float]]) -> None:
    """Check the posterior of one number.

    Args:
        answer: Takes residuals, the noise variance and the prior variance; returns the posterior
            mean and variance of the user's bias.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    mean, variance = answer(np.array([]), 0.8, 0.2)
    assert mean == 0 and abs(variance - 0.2) < 1e-12, "without a rating the prior is all there is"
    rng = np.random.default_rng(0)
    for k in (1, 5, 50):
        e, noise, prior = rng.normal(size=k), 0.8, 0.2
        mean, variance = answer(e, noise, prior)
        assert abs(mean - e.mean()) > 1e-6, "the plain mean has no prior in it"
        assert abs(mean - ridge_user_bias(e, noise / prior)) < 1e-9, (
            "the penalty is noise variance over prior variance, not the other way round"
        )
        right = 1 / (k / noise + 1 / prior)
        assert abs(variance - right) < 1e-9, "precisions add: that of the prior, and k / noise"


def check_one_more(
    answer: Callable[[np.ndarray, np.ndarray, np.ndarray, float, float], tuple],
) -> None:
    """Check an update by one rating.

    Args:
        answer: Takes mean (f,), covariance (f, f), item vector (f,), residual and noise variance;
            returns the new mean and covariance.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(1)
    mean, root = rng.normal(size=4), rng.normal(size=(4, 4))
    start, rows, e = Belief(mean, root @ root.T), rng.normal(size=(6, 4)), rng.normal(size=6)
    belief = (start.mean.copy(), start.cov.copy())
    for a, residual in zip(rows, e):
        belief = answer(*belief, a, residual, 0.7)
        assert np.allclose(belief[1], np.transpose(belief[1])), "the covariance stays symmetric"
    right = start.after(rows, e, 0.7)
    assert np.allclose(belief[1], right.cov), "the covariance falls by Σa aᵀΣ / (σ² + aᵀΣa)"
    assert np.allclose(belief[0], right.mean), (
        "six updates in a row must equal all six ratings at once; the surprise is e − aᵀm with the "
        "mean of before the update"
    )


def check_cost(answer: Callable[[int, int, int], Mapping[str, int]]) -> None:
    """Check what adapting costs.

    Args:
        answer: Takes the length f of a vector, the events of the user and the events of the log;
            returns the multiplications, up to constants, of four ways to treat one more rating:
            ``"frozen"``, ``"one more"``, ``"fold-in"`` and ``"refit"`` (one sweep over one side).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    for f, k, n in ((10, 50, 100_000), (64, 200, 10_000_000)):
        cost = answer(f, k, n)
        assert cost["frozen"] == 0, "a model that does not adapt has nothing to do"
        assert cost["one more"] == f**2, "the rank-one update touches the covariance once: f²"
        assert cost["fold-in"] == k * f**2 + f**3, "build k outer products, solve one f × f system"
        assert cost["refit"] == n * f**2, "a sweep builds one outer product for each event"
        assert cost["frozen"] < cost["one more"] < cost["fold-in"] < cost["refit"]


def check_sparsity(answer: Callable[[float, float, int], Mapping[str, float]]) -> None:
    """Check the expected errors of three estimates of a user's level.

    Args:
        answer: Takes the variance of the noise, the variance between users and the number of
            ratings; returns the expected squared errors of ``"own"`` (the user's mean),
            ``"everybody"`` (the mean of all) and ``"shrunk"``.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    for noise, between, n in ((1.0, 0.09, 3), (0.8, 0.2, 10), (0.5, 1.0, 1)):
        level = np.sqrt(between) * rng.normal(size=200_000)
        own = level + np.sqrt(noise / n) * rng.normal(size=len(level))
        seen = {"own": own, "everybody": 0 * own, "shrunk": own * between / (between + noise / n)}
        got = answer(noise, between, n)
        for name, estimate in seen.items():
            right = np.mean((estimate - level) ** 2)
            assert abs(got[name] - right) < 0.02 * right, (
                f"'{name}' is wrong for noise {noise}, spread {between}, n {n}: simulate it"
            )
        assert got["shrunk"] < min(got["own"], got["everybody"]), "shrinkage beats both"


def check_next_question(
    answer: Callable[[np.ndarray, np.ndarray, float, np.ndarray], int],
) -> None:
    """Check the choice of the next item to ask about.

    Args:
        answer: Takes item vectors (n, f), the covariance (f, f), the noise variance and the chance
            of an answer (n,), which is also the weight of an item; returns an item.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    A, chance = np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([1.0, 0.01])
    assert answer(A, np.eye(2), 0.5, chance) == 0, (
        "the second item would teach more, but hardly anybody can answer: multiply by the chance"
    )
    rng = np.random.default_rng(2)
    for _ in range(20):
        A, root, chance = rng.normal(size=(30, 3)), rng.normal(size=(3, 3)), rng.random(30)
        gain = expected_gain(A, root @ root.T, 0.5, chance, chance)
        assert answer(A, root @ root.T, 0.5, chance) == np.argmax(gain), (
            "sum (a_jᵀΣa_i)² over all items j, weighted, over a_iᵀΣa_i + σ²; then the chance of i"
        )
