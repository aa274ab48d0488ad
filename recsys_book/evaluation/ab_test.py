"""Online tests of two versions: intervals of rates, how many users it takes, why not to peek."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

__all__ = [
    "TwoRates",
    "compare_rates",
    "peeking_false_alarms",
    "rate_interval",
    "users_for_paired_difference",
    "users_per_arm",
]


def users_per_arm(rate: float, lift: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Users that each arm of an A/B test needs to find a lift of a rate.

    Source: Kohavi, Tang & Xu 2020, Trustworthy Online Controlled Experiments.
    Equation: eq-sample-size

    Args:
        rate: Rate of the present version, between 0 and 1.
        lift: Absolute difference to find, for instance 0.005 for 10.0 % against 10.5 %.
        alpha: Chance of a false alarm when there is no difference, two-sided.
        power: Chance of an alarm when the difference is ``lift``.

    Returns:
        Users in each arm, rounded up.

    Raises:
        ValueError: If a rate, alpha or power is outside 0 to 1, or the lift is 0.
    """
    _between("rate", rate)
    if lift == 0:
        raise ValueError("lift is 0; no number of users can show a difference that is not there.")
    return math.ceil(2 * _quantiles(alpha, power) ** 2 * rate * (1 - rate) / lift**2)


def users_for_paired_difference(
    sd: float, difference: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Test users that a paired comparison of two models needs.

    Args:
        sd: Standard deviation over users of the difference of the two models.
        difference: Mean difference to find, in the same unit.
        alpha: Chance of a false alarm when there is no difference, two-sided.
        power: Chance of an alarm when the difference is there.

    Returns:
        Number of users, rounded up.

    Raises:
        ValueError: If sd is negative, the difference is 0, or alpha or power is outside 0 to 1.
    """
    if sd < 0 or difference == 0:
        raise ValueError(f"sd is {sd} and difference {difference}; use sd >= 0, difference not 0.")
    return max(2, math.ceil((_quantiles(alpha, power) * sd / difference) ** 2))


def rate_interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of a rate, for instance of clicks, that holds for rare events too.

    Source: Wilson 1927, Journal of the American Statistical Association 22.

    Args:
        successes: Number of events.
        n: Number of trials.
        level: Confidence level.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: If there are more events than trials, no trial, or the level is out of range.
    """
    _check_counts(successes, n)
    _between("level", level)
    z2 = scipy.stats.norm.ppf((1 + level) / 2) ** 2
    middle = (successes + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (successes * (n - successes) / n + z2 / 4)) / (n + z2)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


@dataclass(frozen=True)
class TwoRates:
    """Two rates compared.

    Attributes:
        difference: Rate of b minus rate of a.
        low: Lower end of its interval.
        high: Upper end.
        p_value: Two-sided p-value of no difference.
    """

    difference: float
    low: float
    high: float
    p_value: float


def compare_rates(
    successes_a: int, n_a: int, successes_b: int, n_b: int, level: float = 0.95
) -> TwoRates:
    """Compare the rates of two randomly assigned groups.

    Args:
        successes_a: Events in group a.
        n_a: Users in group a.
        successes_b: Events in group b.
        n_b: Users in group b.
        level: Confidence level of the interval.

    Returns:
        Difference b - a with its normal interval, and the p-value of the pooled z test.

    Raises:
        ValueError: If there are more events than users, no user, or the level is out of range.
    """
    _check_counts(successes_a, n_a)
    _check_counts(successes_b, n_b)
    _between("level", level)
    a, b = successes_a / n_a, successes_b / n_b
    pooled = (successes_a + successes_b) / (n_a + n_b)
    se_null = math.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    se = math.sqrt(a * (1 - a) / n_a + b * (1 - b) / n_b)
    half = float(scipy.stats.norm.ppf((1 + level) / 2)) * se
    z = (b - a) / se_null if se_null else 0.0
    return TwoRates(b - a, b - a - half, b - a + half, float(2 * scipy.stats.norm.sf(abs(z))))


def peeking_false_alarms(
    looks: int,
    users_per_look: int,
    rate: float = 0.1,
    n_tests: int = 2000,
    alpha: float = 0.05,
    seed: int = 0,
) -> tuple[float, float]:
    """Simulate A/B tests without any difference, looked at once or again and again.

    Args:
        looks: How often the p-value is looked at while users arrive.
        users_per_look: Users that arrive in each arm between two looks.
        rate: The rate of both arms.
        n_tests: Number of simulated tests.
        alpha: Level of each look.
        seed: Seed of the simulation.

    Returns:
        Share of tests with a false alarm at the last look; share with one at any look.

    Raises:
        ValueError: If the rate or alpha is outside 0 to 1, or looks or users_per_look below 1.
    """
    _between("rate", rate)
    _between("alpha", alpha)
    if looks < 1 or users_per_look < 1:
        raise ValueError(
            f"looks is {looks} and users_per_look {users_per_look}; use at least 1 of each."
        )
    rng = np.random.default_rng(seed)
    events = rng.binomial(users_per_look, rate, (2, n_tests, looks)).cumsum(axis=2)
    n = users_per_look * np.arange(1, looks + 1)
    pooled = events.sum(axis=0) / (2 * n)
    se = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-300) * 2 / n)
    alarm = np.abs(events[1] - events[0]) / n > scipy.stats.norm.ppf(1 - alpha / 2) * se
    return float(alarm[:, -1].mean()), float(alarm.any(axis=1).mean())


def _quantiles(alpha: float, power: float) -> float:
    _between("alpha", alpha)
    _between("power", power)
    return float(scipy.stats.norm.ppf(1 - alpha / 2) + scipy.stats.norm.ppf(power))


def _between(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value}; give a number between 0 and 1.")


def _check_counts(successes: int, n: int) -> None:
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} events among {n} users are impossible; check the counts.")
