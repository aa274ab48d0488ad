"""Tests that one may look at whenever one likes."""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

__all__ = [
    "always_valid_interval",
    "always_valid_p",
    "log_mixture_ratio",
    "log_wealth",
    "mixture_scale",
    "rate_sequence",
    "stitched_radius",
]


def log_mixture_ratio(
    estimate: np.ndarray | float, variance: np.ndarray | float, tau: float
) -> np.ndarray:
    """Logarithm of the mixture likelihood ratio of an effect against no effect.

    The likelihood of the estimate, averaged over effects from a normal law of variance ``tau``
    squared, divided by its likelihood without an effect. Without an effect it is a martingale that
    starts at 1 if the observations are normal with known variance, and nearly so for large
    samples.

    Source: Robbins (1970), Annals of Mathematical Statistics 41; Johari, Koomen, Pekelis & Walsh
    (2017), "Peeking at A/B Tests", KDD.

    Equation: eq-msprt

    Args:
        estimate: Estimated effect at each look, any shape.
        variance: Variance of the estimate at each look, above 0, same shape.
        tau: Standard deviation of the effects that one hopes for, above 0.

    Returns:
        Logarithms, same shape; an alarm is raised at log(1 / alpha).

    Raises:
        ValueError: If a variance or tau is not positive.
    """
    v, t2 = _variance(variance), _tau(tau) ** 2
    d = np.asarray(estimate, dtype=np.float64)
    return 0.5 * np.log(v / (v + t2)) + d**2 * t2 / (2 * v * (v + t2))


def always_valid_p(log_evidence: np.ndarray) -> np.ndarray:
    """p-values that hold at every look: one over the largest evidence so far.

    Args:
        log_evidence: Logarithm of a test martingale at each look, shape (..., looks).

    Returns:
        p-values, never rising along the last axis, same shape.
    """
    best = np.maximum.accumulate(np.asarray(log_evidence, dtype=np.float64), axis=-1)
    return np.exp(-np.maximum(best, 0.0))


def always_valid_interval(
    estimate: np.ndarray | float, variance: np.ndarray | float, tau: float, alpha: float = 0.05
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals that hold the effect at all looks together: a confidence sequence.

    Source: Robbins (1970); Howard, Ramdas, McAuliffe & Sekhon (2021), "Time-uniform,
    Nonparametric, Nonasymptotic Confidence Sequences", Annals of Statistics 49(2).

    Equation: eq-msprt

    Args:
        estimate: Estimated effect at each look, any shape.
        variance: Variance of the estimate at each look, above 0, same shape.
        tau: Standard deviation of the effects that one hopes for, above 0.
        alpha: Chance that the effect is outside at any look.

    Returns:
        Lower and upper ends, same shape.

    Raises:
        ValueError: If a variance or tau is not positive, or alpha is outside 0 to 1.
    """
    v, t2 = _variance(variance), _tau(tau) ** 2
    radius = np.sqrt(v * (v + t2) / t2 * (np.log((v + t2) / v) - 2 * np.log(_alpha(alpha))))
    d = np.asarray(estimate, dtype=np.float64)
    return d - radius, d + radius


def mixture_scale(variance: float, alpha: float = 0.05) -> float:
    """Return the tau whose interval is shortest when the estimate has this variance.

    The squared radius is variance * (1 + 1/s) * (log(1 + s) - 2 log(alpha)) with
    s = tau^2 / variance, so the best s depends on alpha alone; it is a fixed point.

    Args:
        variance: Variance of the estimate at the look that matters most.
        alpha: Level.

    Returns:
        The scale tau.

    Raises:
        ValueError: If the variance is not positive, or alpha is outside 0 to 1.
    """
    v, target = float(_variance(variance)), -2 * np.log(_alpha(alpha))
    s = target
    for _ in range(50):  # the derivative is zero where s = log(1 + s) - 2 log(alpha)
        s = np.log1p(s) + target
    return float(np.sqrt(s * v))


def stitched_radius(n: np.ndarray | int, sd: float, alpha: float = 0.05) -> np.ndarray:
    """Radius around a running mean that shrinks almost like a fixed interval, for ever.

    Its rate, the root of log log n over n, is that of the law of the iterated logarithm: no
    interval that holds at all times can shrink faster.

    Source: Howard, Ramdas, McAuliffe & Sekhon (2021), Annals of Statistics 49(2), equation 2.

    Args:
        n: Number of observations at each look, 1 or more, any shape.
        sd: Sub-Gaussian scale of one observation; half the range, for bounded ones.
        alpha: Chance that the mean is outside at any time.

    Returns:
        Radii, same shape.

    Raises:
        ValueError: If n is below 1, sd is not positive, or alpha is outside 0 to 1.
    """
    n = np.asarray(n, dtype=np.float64)
    if n.size == 0 or n.min() < 1 or not sd > 0:
        raise ValueError("n must be 1 or more and sd above 0; give the number of observations.")
    depth = np.log(np.log(2 * n).clip(1e-12)) + 0.72 * np.log(10.4 / _alpha(alpha))
    return 1.7 * sd * np.sqrt(depth.clip(0) / n)


def log_wealth(
    wins: np.ndarray | int,
    losses: np.ndarray | int,
    rate: np.ndarray | float = 0.5,
    prior: float = 0.5,
) -> np.ndarray:
    """Logarithm of the fortune of one who bets against a rate, with a starting fortune of 1.

    He spreads his stake over all rates by a Beta law. If the rate is the true one, the game is
    fair at every size of sample: no normal law is needed.

    Source: Ville (1939); Robbins (1970); Waudby-Smith & Ramdas (2024), "Estimating Means of
    Bounded Random Variables by Betting", Journal of the Royal Statistical Society B 86(1).

    Equation: eq-e-process

    Args:
        wins: Successes so far, any shape.
        losses: Failures so far, same shape.
        rate: Rate under test, 0 to 1; one half for the pairs of an A/B test that differ.
        prior: Both parameters of the Beta law, above 0. One half, after Krichevsky and Trofimov,
            fears no rate; a large number bets on rates near one half.

    Returns:
        Logarithm of the fortune, same shape; minus log alpha is an alarm.

    Raises:
        ValueError: If a count is negative, the rate outside 0 to 1, or the prior not positive.
    """
    a, b = np.asarray(wins, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    q = np.asarray(rate, dtype=np.float64)
    if a.size == 0 or min(a.min(), b.min()) < 0 or not ((q >= 0) & (q <= 1)).all():
        raise ValueError("wins and losses must be counts, and the rate a number from 0 to 1.")
    if not prior > 0:
        raise ValueError(f"prior is {prior}; use a parameter above 0, such as one half.")
    with np.errstate(divide="ignore"):
        under_null = xlogy(a, q) + xlog1py(b, -q)
    return betaln(a + prior, b + prior) - betaln(prior, prior) - under_null


def rate_sequence(
    wins: np.ndarray | int, losses: np.ndarray | int, alpha: float = 0.05
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of a rate that hold at all looks together: the rates not yet bet to ruin.

    Args:
        wins: Successes so far, at each look, any shape.
        losses: Failures so far, same shape.
        alpha: Chance that the rate is outside at any look.

    Returns:
        Lower and upper ends, same shape.

    Raises:
        ValueError: If a count is negative or alpha is outside 0 to 1.
    """
    a, b = np.asarray(wins, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    bound = -np.log(_alpha(alpha))
    middle = (a + 0.5) / (a + b + 1)
    return _edge(a, b, middle, 0.0, bound), _edge(a, b, middle, 1.0, bound)


def _edge(a: np.ndarray, b: np.ndarray, inside: np.ndarray, end: float, bound: float) -> np.ndarray:
    """Bisect between a rate that is kept and the end of the scale."""
    kept, gone = inside + 0 * a, np.full(np.broadcast(a, b).shape, end)
    for _ in range(60):
        middle = (kept + gone) / 2
        ok = log_wealth(a, b, middle) < bound
        kept, gone = np.where(ok, middle, kept), np.where(ok, gone, middle)
    return np.where(log_wealth(a, b, end) < bound, end, kept)


def _variance(variance: np.ndarray | float) -> np.ndarray:
    v = np.asarray(variance, dtype=np.float64)
    if v.size == 0 or not (v > 0).all():
        raise ValueError("A variance is not above 0; wait until both arms have users that differ.")
    return v


def _tau(tau: float) -> float:
    if not tau > 0:
        raise ValueError(f"tau is {tau}; use a positive scale of effects.")
    return tau


def _alpha(alpha: float) -> float:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; give a number between 0 and 1.")
    return alpha
