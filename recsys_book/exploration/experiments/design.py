"""Before the test: what it can find, and whether its machinery can be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, kstest, norm

from recsys_book.evaluation import users_for_paired_difference
from recsys_book.evaluation.checks import as_numbers
from recsys_book.evaluation.online import assign_arms

__all__ = [
    "AATest",
    "SampleRatio",
    "aa_test",
    "minimum_detectable_effect",
    "power",
    "sample_ratio",
    "users_per_arm_for_mean",
]


def power(difference: float, sd: float, n: int, alpha: float = 0.05) -> float:
    """Chance that a two-sided test of two equal arms raises an alarm.

    Equation: eq-power

    Args:
        difference: True difference of the two means.
        sd: Standard deviation of the metric over users; of a rate p, the root of p (1 - p).
        n: Users in each arm.
        alpha: Level of the test.

    Returns:
        A probability; ``alpha`` where the difference is 0.

    Raises:
        ValueError: If sd or n is not positive, or alpha is outside 0 to 1.
    """
    se = _standard_error(sd, n)
    z = float(norm.isf(_level(alpha) / 2))
    return float(norm.sf(z - difference / se) + norm.cdf(-z - difference / se))


def minimum_detectable_effect(sd: float, n: int, alpha: float = 0.05, target: float = 0.8) -> float:
    """Smallest true difference that a test of this size finds with the wanted chance.

    It is the sample-size formula of ``evaluation.users_per_arm``, solved for the difference.

    Args:
        sd: Standard deviation of the metric over users.
        n: Users in each arm.
        alpha: Level of the test, two-sided.
        target: Wanted power.

    Returns:
        The difference, in the unit of the metric.

    Raises:
        ValueError: If sd or n is not positive, or alpha or the power is outside 0 to 1.
    """
    quantiles = norm.isf(_level(alpha) / 2) + norm.ppf(_level(target, "target"))
    return float(quantiles * _standard_error(sd, n))


def users_per_arm_for_mean(
    sd: float, difference: float, alpha: float = 0.05, target: float = 0.8
) -> int:
    """Users that each arm needs to find a difference of two means.

    Two arms of separate users have the variance of two users in every pair, so this is the paired
    count of ``evaluation.users_for_paired_difference`` with the root of 2 times sd. For a ratio of
    sums, pass the standard deviation of its ``linearised`` users.

    Args:
        sd: Standard deviation of the metric over users.
        difference: Difference to find.
        alpha: Level of the test, two-sided.
        target: Wanted power.

    Returns:
        Users in each arm, rounded up.

    Raises:
        ValueError: If sd is negative, the difference is 0, or a probability is out of range.
    """
    return users_for_paired_difference(math.sqrt(2) * sd, difference, alpha, target)


@dataclass(frozen=True)
class SampleRatio:
    """Whether the users arrived in the arms as they were assigned.

    Attributes:
        statistic: Pearson's statistic.
        p_value: Chance of at least this mismatch if the splitter works.
        mismatch: Whether the p-value is below the level.
    """

    statistic: float
    p_value: float
    mismatch: bool


def sample_ratio(
    counts: Iterable[int], shares: Iterable[float] | None = None, alpha: float = 0.001
) -> SampleRatio:
    """Test the numbers of users in the arms against the planned shares.

    Source: Fabijan et al. (2019), "Diagnosing Sample Ratio Mismatch in Online Controlled
    Experiments", KDD.

    Equation: eq-sample-ratio

    Args:
        counts: Users seen in each arm, shape (n_arms,).
        shares: Planned shares, adding up to 1; equal shares if left out.
        alpha: Level; small, because the test is run in every experiment and an alarm stops it.

    Returns:
        The statistic, its p-value and the verdict.

    Raises:
        ValueError: If there are fewer than two arms, a count is negative, all are zero, or the
            shares are not positive or do not add up to 1.
    """
    n = as_numbers("counts", np.asarray(list(counts)), 1)
    if len(n) < 2 or n.min() < 0 or n.sum() == 0:
        raise ValueError(f"counts is {n.tolist()}; give the users of two arms or more.")
    s = np.full(len(n), 1 / len(n)) if shares is None else np.asarray(list(shares), dtype=float)
    if len(s) != len(n) or s.min() <= 0 or not np.isclose(s.sum(), 1):
        raise ValueError(f"shares is {s.tolist()}; give one positive share an arm, adding up to 1.")
    expected = n.sum() * s
    statistic = float(((n - expected) ** 2 / expected).sum())
    p_value = float(chi2.sf(statistic, len(n) - 1))
    return SampleRatio(statistic, p_value, p_value < _level(alpha))


@dataclass(frozen=True, eq=False)
class AATest:
    """A test repeated where nothing differs.

    Attributes:
        p_values: One p-value a repetition, shape (n,).
        uniformity: p-value of the Kolmogorov–Smirnov test that they are uniform.
    """

    p_values: np.ndarray
    uniformity: float

    def false_alarms(self, alpha: float = 0.05) -> float:
        """Return the share of repetitions whose p-value is at most ``alpha``."""
        return float((self.p_values <= alpha).mean())


def aa_test(
    users: np.ndarray, p_value: Callable[[np.ndarray], float], n: int = 500, name: str = "aa"
) -> AATest:
    """Split the same users again and again, give both arms the same version, and test.

    The splits are those of the real splitter, ``evaluation.assign_arms``, under ``n`` names of
    experiments; so the splitter and the test are judged together. If both work, the p-values are
    uniform.

    Args:
        users: Ids, (n_users,).
        p_value: Takes the arm of each user, (n_users,), and returns the p-value of the test.
        n: Number of splits.
        name: Start of the experiments' names.

    Returns:
        The p-values, and the test of their uniformity.

    Raises:
        ValueError: If n is below 1, or a p-value is not between 0 and 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; repeat the split at least once, better 500 times.")
    p = np.array([p_value(assign_arms(users, f"{name}-{j}")) for j in range(n)], dtype=float)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("The test returned something else than a p-value between 0 and 1.")
    return AATest(p, float(kstest(p, "uniform").pvalue))


def _standard_error(sd: float, n: int) -> float:
    if not (sd > 0 and n >= 1):
        raise ValueError(f"sd is {sd} and n is {n}; use a positive spread and at least one user.")
    return sd * math.sqrt(2 / n)


def _level(value: float, name: str = "alpha") -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value}; give a number between 0 and 1.")
    return value
