"""What an uplift is worth: its interval, the views it would need, and what luck adds to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.stats

from recsys_book.evaluation import compare_rates, holm, users_per_arm


@dataclass(frozen=True)
class Uplift:
    """The click rate of one log against another's.

    Attributes:
        clicks: Clicks of the old and of the new.
        views: Views of the old and of the new.
        relative: New rate over old rate, less 1.
        low: Lower end of its interval.
        high: Upper end.
        p_value: Two-sided, of no difference.
        views_needed: Views that each would need for the observed difference of rates to be found
            with a power of 80 per cent; ``None`` where there is no difference.
    """

    clicks: tuple[int, int]
    views: tuple[int, int]
    relative: float
    low: float
    high: float
    p_value: float
    views_needed: int | None


def measure_uplift(old: np.ndarray, new: np.ndarray, level: float = 0.95) -> Uplift:
    """Compare two logs of clicks; the interval is that of the logarithm of the ratio.

    Args:
        old: Clicks under the old policy, 0 or 1, shape (n_old,).
        new: Clicks under the new one, shape (n_new,).
        level: Confidence level.

    Returns:
        The uplift.

    Raises:
        ValueError: If a log has no click, so that no ratio can be formed.
    """
    a, b = int(np.sum(old)), int(np.sum(new))
    n, m = len(old), len(new)
    if a == 0 or b == 0:
        raise ValueError(f"The logs have {a} and {b} clicks; a ratio needs some in both.")
    ratio = (b / m) / (a / n)
    z = float(scipy.stats.norm.ppf((1 + level) / 2))
    half = z * float(np.sqrt(1 / a - 1 / n + 1 / b - 1 / m))
    low, high = ratio * np.exp(-half) - 1, ratio * np.exp(half) - 1
    difference = b / m - a / n
    needed = users_per_arm(a / n, abs(difference)) if difference else None
    p = compare_rates(a, n, b, m).p_value
    return Uplift((a, b), (n, m), ratio - 1, float(low), float(high), p, needed)


def uplift_table(logs: dict[str, tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """Compare several pairs of logs, with p-values that know how many there are (Holm).

    Args:
        logs: Old and new clicks by name.

    Returns:
        One row a name: clicks, ``uplift`` with its interval, both p-values, views needed.
    """
    found = {name: measure_uplift(*pair) for name, pair in logs.items()}
    adjusted = holm(np.array([one.p_value for one in found.values()]))
    rows = [
        {
            "campaign": name,
            "clicks_old": one.clicks[0],
            "clicks_new": one.clicks[1],
            "uplift": one.relative,
            "low": one.low,
            "high": one.high,
            "p": one.p_value,
            "p_holm": p,
            "views_needed": one.views_needed,
        }
        for (name, one), p in zip(found.items(), adjusted)
    ]
    return pd.DataFrame(rows)


def exaggeration(effect: float, error: float, alpha: float = 0.05) -> float:
    r"""Return by how much an effect is overstated, on average, once it has been found significant.

    An estimate that is normal around the true effect :math:`\delta` with standard error
    :math:`\sigma` is called significant where :math:`|\hat\delta|>c=z_{1-\alpha/2}\sigma`. The mean
    of :math:`|\hat\delta|` there, over :math:`\delta`, has a closed form.

    Equation: eq-exaggeration

    Source: Gelman & Carlin (2014), "Beyond Power Calculations", Perspectives on Psychological
    Science 9.

    Args:
        effect: The true effect, above 0.
        error: Standard error of the estimate, above 0.
        alpha: Level of the test.

    Returns:
        The factor, at least 1 in all but hopelessly large samples.

    Raises:
        ValueError: If the effect or the error is not above 0.
    """
    if effect <= 0 or error <= 0:
        raise ValueError(f"The effect is {effect} and its error {error}; give both above 0.")
    normal = scipy.stats.norm
    z, c = effect / error, float(normal.ppf(1 - alpha / 2))
    power = normal.sf(c - z) + normal.cdf(-c - z)
    above = z * normal.sf(c - z) + normal.pdf(c - z)
    below = -z * normal.cdf(-c - z) + normal.pdf(-c - z)
    return float((above + below) / (power * z))


def best_of_many(rates: Sequence[float], views: int, runs: int = 2000, seed: int = 0) -> np.ndarray:
    """Choose the item with the best measured click rate, and see what it is really worth.

    Args:
        rates: True click rates of the items, shape (K,).
        views: Views of each item.
        runs: Repetitions.
        seed: Of the clicks.

    Returns:
        Measured and true click rate of the winner, shape (runs, 2); ties go to a random winner.
    """
    rng = np.random.default_rng(seed)
    rates = np.asarray(rates, dtype=np.float64)
    clicks = rng.binomial(views, rates, (runs, len(rates)))
    winner = np.argmax(clicks + rng.random(clicks.shape) / 2, axis=1)
    return np.column_stack([clicks[np.arange(runs), winner] / views, rates[winner]])
