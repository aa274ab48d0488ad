"""Intervals for a mean of heavy terms: for one look, and for every look.

Source: Maurer & Pontil (2009), Empirical Bernstein Bounds and Sample Variance Penalization, COLT;
Waudby-Smith & Ramdas (2024), Estimating Means of Bounded Random Variables by Betting, JRSS B.
"""

from __future__ import annotations

import numpy as np
import scipy.stats

from recsys_book.evaluation import bootstrap_interval

__all__ = [
    "betting_sequence",
    "bootstrap_of_ratio",
    "confidence_sequence",
    "empirical_bernstein",
    "interval_of_mean",
    "normal_interval",
]


def interval_of_mean(
    terms: np.ndarray,
    level: float = 0.95,
    method: str = "bootstrap",
    bounds: tuple[float, float] | None = None,
    n: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Give an interval for the expectation of independent terms.

    Args:
        terms: (n,).
        level: Wanted coverage, between 0 and 1.
        method: ``"normal"``, ``"bootstrap"`` (percentile), ``"bernstein"`` or ``"sequence"`` (the
            last interval of :func:`confidence_sequence`); the last two need ``bounds``.
        bounds: The least and the largest value that a term can have, known beforehand.
        n: Resamples of the bootstrap.
        seed: Seed of the bootstrap.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: If the method is unknown, bounds are missing, or terms are not finite.
    """
    if method == "normal":
        return normal_interval(terms, level)
    if method == "bootstrap":
        return bootstrap_interval(np.asarray(terms, dtype=np.float64), level, n, seed)
    if method not in ("bernstein", "sequence"):
        raise ValueError(
            f"There is no interval '{method}'; choose normal, bootstrap, bernstein or sequence."
        )
    if bounds is None:
        raise ValueError(
            f"The interval '{method}' needs bounds, the least and largest value a term can have; "
            "for importance weighting that is (0, largest weight times largest reward)."
        )
    if method == "bernstein":
        return empirical_bernstein(terms, bounds, level)
    low, high = confidence_sequence(terms, bounds, level)[-1]
    return float(low), float(high)


def normal_interval(terms: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Give the interval of the central limit theorem, mean and 1.96 standard errors at 95 %."""
    terms = _checked(terms, level)
    half = scipy.stats.norm.ppf(0.5 + level / 2) * terms.std(ddof=1) / np.sqrt(len(terms))
    return float(terms.mean() - half), float(terms.mean() + half)


def bootstrap_of_ratio(
    weights: np.ndarray,
    values: np.ndarray,
    plus: np.ndarray,
    level: float = 0.95,
    n: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Give the percentile bootstrap of a weighted mean plus a mean, rows drawn together.

    A resample without any weight says nothing and is left out.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap.

    Args:
        weights: (m,) not negative.
        values: (m,) what is averaged with the weights.
        plus: (m,) what is averaged without.
        level: Wanted coverage.
        n: Resamples.
        seed: Of the resamples.

    Returns:
        Lower and upper end.
    """
    _checked(np.asarray(weights) * np.asarray(values), level)
    columns = np.column_stack([weights, weights * values, plus])
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(n):
        weight, weighted, added = columns[rng.integers(0, len(columns), len(columns))].sum(axis=0)
        if weight > 0:
            draws.append(weighted / weight + added / len(columns))
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def empirical_bernstein(
    terms: np.ndarray, bounds: tuple[float, float], level: float = 0.95
) -> tuple[float, float]:
    """Give an interval that holds for every n, from the variance seen and the known range.

    With ``ln(4/delta)`` for two sides: ``sqrt(2 v L / n) + 7 b L / (3 (n - 1))``.

    Source: Maurer & Pontil (2009), Theorem 4.

    Args:
        terms: (n,) values between the bounds.
        bounds: The least and the largest value a term can have.
        level: Wanted coverage.

    Returns:
        Lower and upper end, within the bounds.

    Raises:
        ValueError: If a term is out of bounds.
    """
    terms = _checked(terms, level)
    low, width = _range(terms, bounds)
    n, log_term = len(terms), np.log(4 / (1 - level))
    half = np.sqrt(2 * terms.var(ddof=1) * log_term / n) + 7 * width * log_term / (3 * (n - 1))
    mean = terms.mean()
    return max(low, float(mean - half)), min(low + width, float(mean + half))


def confidence_sequence(
    terms: np.ndarray, bounds: tuple[float, float], level: float = 0.95
) -> np.ndarray:
    """Give one interval after every term, all of them right together with the wanted probability.

    The stake of each term is set from the terms before it (a predictable plug-in), so one may look
    after every row and stop when one likes.

    Source: Waudby-Smith & Ramdas (2024), Theorem 2.
    Equation: eq-confidence-sequence.

    Args:
        terms: (n,) in order of time, values between the bounds.
        bounds: The least and the largest value a term can have.
        level: Probability that all n intervals hold the mean.

    Returns:
        (n, 2) lower and upper ends, each the tightest so far.

    Raises:
        ValueError: If a term is out of bounds.
    """
    terms = _checked(terms, level)
    low, width = _range(terms, bounds)
    x = (terms - low) / width
    log_term = np.log(2 / (1 - level))
    stake, before = _predictable_stakes(x, log_term, largest=0.5)
    cost = (x - before) ** 2 * (-np.log1p(-stake) - stake)
    total = np.cumsum(stake)
    center = np.cumsum(stake * x) / total
    half = (log_term + np.cumsum(cost)) / total
    lower = np.maximum.accumulate(np.clip(center - half, 0, 1))
    upper = np.minimum.accumulate(np.clip(center + half, 0, 1))
    return low + width * np.column_stack([lower, upper])


def betting_sequence(
    terms: np.ndarray, bounds: tuple[float, float], level: float = 0.95, grid: int = 400
) -> np.ndarray:
    """Give one interval after every term by betting against each candidate mean.

    Half of a capital of 1 is staked on the mean being above ``m``, half on its being below. If
    ``m`` is the mean, the capital reaches ``1 / (1 - level)`` with a probability of at most ``1 -
    level``; so where it does, ``m`` is struck out. The candidates lie closer near the lower bound.

    Source: Waudby-Smith & Ramdas (2024), Theorem 3 (hedged capital).

    Args:
        terms: (n,) in order of time, values between the bounds.
        bounds: The least and the largest value a term can have.
        level: Probability that all n intervals hold the mean.
        grid: Number of candidates; their spacing limits the precision.

    Returns:
        (n, 2) lower and upper ends, each the tightest so far.

    Raises:
        ValueError: If a term is out of bounds.
    """
    terms = _checked(terms, level)
    low, width = _range(terms, bounds)
    x = (terms - low) / width
    stake, _ = _predictable_stakes(x, np.log(2 / (1 - level)), largest=np.inf)
    edges = np.linspace(0, 1, grid + 1) ** 3
    ends = np.tile([0.0, 1.0], (len(x), 1))
    alive = np.ones(grid + 1, dtype=bool)
    up, down = np.zeros(grid + 1), np.zeros(grid + 1)
    limit = np.log(2 / (1 - level))
    with np.errstate(divide="ignore"):
        largest_up, largest_down = 0.5 / edges, 0.5 / (1 - edges)
    for t, value in enumerate(x):
        up += np.log1p(np.minimum(stake[t], largest_up) * (value - edges))
        down += np.log1p(-np.minimum(stake[t], largest_down) * (value - edges))
        alive &= np.maximum(up, down) < limit
        ends[t] = _neighbours(alive, edges) if alive.any() else ends[max(t - 1, 0)]
    return low + width * ends


def _neighbours(alive: np.ndarray, edges: np.ndarray) -> tuple[float, float]:
    """Ends of the candidates left, out to the next candidate that was struck out."""
    left = np.flatnonzero(alive)
    return float(edges[max(left[0] - 1, 0)]), float(edges[min(left[-1] + 1, len(edges) - 1)])


def _predictable_stakes(
    x: np.ndarray, log_term: float, largest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Stake of each term, and the mean before it, from the terms before it only."""
    t = np.arange(1, len(x) + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    mean_before = np.concatenate([[0.5], mean[:-1]])
    variance_before = np.concatenate([[0.25], variance[:-1]])
    stake = np.sqrt(2 * log_term / (variance_before * t * np.log1p(t)))
    return np.minimum(stake, largest), mean_before


def _checked(terms: np.ndarray, level: float) -> np.ndarray:
    terms = np.asarray(terms, dtype=np.float64)
    if terms.ndim != 1 or len(terms) < 2 or not np.isfinite(terms).all():
        raise ValueError("An interval needs a list of at least two finite terms; check the log.")
    if not 0 < level < 1:
        raise ValueError(f"The level must be between 0 and 1, and is {level}; 0.95 is usual.")
    return terms


def _range(terms: np.ndarray, bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = map(float, bounds)
    if not low < high:
        raise ValueError(f"The bounds {low:g} and {high:g} are in no order; give least, largest.")
    out = np.flatnonzero((terms < low) | (terms > high))
    if len(out):
        raise ValueError(
            f"The term of row {out[0]} is {terms[out[0]]:g}, outside the bounds {low:g} to "
            f"{high:g}; widen them (the guarantee is for bounds known beforehand) or clip."
        )
    return low, high - low
