"""A few looks, planned beforehand: boundaries by numerical integration."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

__all__ = [
    "crossing_probabilities",
    "expected_share",
    "inflation",
    "obrien_fleming",
    "pocock",
]

_STEP = 0.02  # of the grid, in units of one look's standard deviation


def crossing_probabilities(bounds: np.ndarray, drift: float = 0.0) -> np.ndarray:
    """Chance that a z statistic first leaves its bounds at each of K equally spaced looks.

    The sum of the data moves by a standard normal step from look to look. Its density on the paths
    that are still inside is carried on by an integral a look, by the trapezoid rule.

    Source: Armitage, McPherson & Rowe (1969), Journal of the Royal Statistical Society A 132.

    Equation: eq-group-sequential

    Args:
        bounds: Bound of the absolute z statistic at each look, positive, shape (K,).
        drift: Mean of the z statistic at the last look; 0 without an effect.

    Returns:
        Probabilities, shape (K,); their sum is the power, or without an effect the false alarms.

    Raises:
        ValueError: If there is no bound or one is not a positive number.
    """
    c = np.asarray(bounds, dtype=np.float64)
    if c.ndim != 1 or len(c) == 0 or not (c > 0).all() or not np.isfinite(c).all():
        raise ValueError("bounds must be positive numbers, one a look.")
    step = drift / math.sqrt(len(c))  # mean of one increment of the sum
    edges = c * np.sqrt(np.arange(1, len(c) + 1))  # of the sum, not of z
    out = np.empty(len(c))
    out[0] = norm.sf(edges[0] - step) + norm.cdf(-edges[0] - step)
    grid = _grid(edges[0])
    mass = norm.pdf(grid - step) * _weights(grid)
    for j in range(1, len(c)):
        out[j] = mass @ (norm.sf(edges[j] - grid - step) + norm.cdf(-edges[j] - grid - step))
        if j < len(c) - 1:
            new = _grid(edges[j])
            mass = _carry(mass, grid, new, step) * _weights(new)
            grid = new
    return out


def pocock(looks: int, alpha: float = 0.05) -> np.ndarray:
    """Return the same bound for every look.

    Source: Pocock (1977), Biometrika 64(2).

    Args:
        looks: Number of looks K, equally spaced.
        alpha: False alarms of all looks together, two-sided.

    Returns:
        Bounds of the absolute z statistic, shape (K,).

    Raises:
        ValueError: If looks is below 1 or alpha is outside 0 to 1.
    """
    return _solve(looks, alpha, lambda k: np.ones(k))


def obrien_fleming(looks: int, alpha: float = 0.05) -> np.ndarray:
    """Return bounds that are strict at first and end near the fixed one.

    Source: O'Brien & Fleming (1979), Biometrics 35(3).

    Args:
        looks: Number of looks K, equally spaced.
        alpha: False alarms of all looks together, two-sided.

    Returns:
        Bounds of the absolute z statistic, shape (K,).

    Raises:
        ValueError: If looks is below 1 or alpha is outside 0 to 1.
    """
    return _solve(looks, alpha, lambda k: np.sqrt(k / np.arange(1, k + 1)))


def inflation(bounds: np.ndarray, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return how many times the users of a fixed test the last look needs for the same power.

    Args:
        bounds: Bounds of the absolute z statistic, shape (K,).
        alpha: Level of the fixed test that it is compared with.
        power: Wanted power.

    Returns:
        A ratio of sample sizes, 1 for one look.

    Raises:
        ValueError: If a bound is not positive, or a probability is outside 0 to 1.
    """
    _check(alpha)
    _check(power)
    fixed = norm.isf(alpha / 2) + norm.ppf(power)
    drift = brentq(lambda d: crossing_probabilities(bounds, d).sum() - power, 0.1, 4 * fixed)
    return float((drift / fixed) ** 2)


def expected_share(bounds: np.ndarray, drift: float) -> float:
    """Return the expected share of the planned users at which the test ends.

    Args:
        bounds: Bounds of the absolute z statistic, shape (K,).
        drift: Mean of the z statistic at the last look.

    Returns:
        A share of the users of the last look, between 1/K and 1.

    Raises:
        ValueError: If a bound is not positive.
    """
    p = crossing_probabilities(bounds, drift)
    looks = np.arange(1, len(p) + 1) / len(p)
    return float(p[:-1] @ looks[:-1] + 1 - p[:-1].sum())


def _solve(looks: int, alpha: float, shape: Callable[[int], np.ndarray]) -> np.ndarray:
    _check(alpha)
    if looks < 1:
        raise ValueError(f"looks is {looks}; plan at least one.")
    form = shape(int(looks))
    low, high = norm.isf(alpha / 2), norm.isf(alpha / (2 * looks)) + 1e-6
    if looks == 1:
        return low * form
    size = brentq(lambda c: crossing_probabilities(c * form).sum() - alpha, low, high, xtol=1e-6)
    return size * form


def _grid(edge: float) -> np.ndarray:
    return np.linspace(-edge, edge, 2 * math.ceil(min(edge / _STEP, 150)) + 1)


def _weights(grid: np.ndarray) -> np.ndarray:
    """Simpson's weights of an even grid with an odd number of points."""
    w = np.where(np.arange(len(grid)) % 2, 4.0, 2.0)
    w[[0, -1]] = 1.0
    return w * (grid[1] - grid[0]) / 3


def _carry(mass: np.ndarray, old: np.ndarray, new: np.ndarray, step: float) -> np.ndarray:
    z = new[:, None] - old - step
    return np.exp(-0.5 * z * z) @ mass / math.sqrt(2 * math.pi)


def _check(value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{value} is no probability; give a number between 0 and 1.")
