"""Smaller intervals from the same users, and the right unit for a ratio of sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.evaluation.checks import as_numbers, same_shape
from recsys_book.exploration.experiments.effects import Effect, compare_means, two_groups

__all__ = [
    "Cuped",
    "compare_ratios",
    "cuped",
    "linearised",
    "regression_adjusted",
    "stratified",
]


@dataclass(frozen=True, eq=False)
class Cuped:
    """A metric from which a covariate of before the test has been taken.

    Attributes:
        values: Adjusted metric, one number a user, with the mean of the raw one, shape (n,).
        theta: Coefficient.
        variance_ratio: Variance of the adjusted metric over that of the raw one.
    """

    values: np.ndarray
    theta: float
    variance_ratio: float


def cuped(values: np.ndarray, before: np.ndarray, theta: float | None = None) -> Cuped:
    """Take from a metric what was known before the test.

    Source: Deng, Xu, Kohavi & Walker (2013), "Improving the Sensitivity of Online Controlled
    Experiments by Utilizing Pre-Experiment Data", WSDM.

    Equation: eq-cuped

    Args:
        values: Metric during the test, one number a user of all arms, shape (n,).
        before: Covariate from before the assignment, the same users, shape (n,).
        theta: Coefficient; left out, the one of the smallest variance.

    Returns:
        The adjusted metric, the coefficient, and the ratio of the variances.

    Raises:
        ValueError: If a value is missing, the shapes differ, or the metric or the covariate is
            the same for all users.
    """
    y, x = as_numbers("values", values, 1), as_numbers("before", before, 1)
    same_shape("values", y, "before", x)
    if len(y) < 2 or x.std() == 0 or y.std() == 0:
        raise ValueError("values or before is the same for all users; there is nothing to explain.")
    centred = x - x.mean()
    if theta is None:
        theta = float(centred @ (y - y.mean()) / (centred @ centred))
    adjusted = y - theta * centred
    return Cuped(adjusted, float(theta), float(adjusted.var() / y.var()))


def regression_adjusted(
    values: np.ndarray, treated: np.ndarray, before: np.ndarray, level: float = 0.95
) -> Effect:
    """Effect from a regression in each arm on centred covariates.

    The difference of two intercepts. Each arm has slopes of its own, so that the estimate is never
    less precise than the difference of means in large samples, also in arms of unequal size. The
    standard error is Huber and White's (HC2).

    Source: Lin (2013), "Agnostic Notes on Regression Adjustments to Experimental Data", Annals of
    Applied Statistics 7(1).

    Args:
        values: Metric during the test, shape (n,).
        treated: 0 or 1, shape (n,).
        before: Covariates from before the assignment, shape (n,) or (n, d).
        level: Confidence level of the interval.

    Returns:
        The effect.

    Raises:
        ValueError: If a value is missing, the shapes differ, or an arm has no more users than
            coefficients.
    """
    y, z = two_groups(values, treated)
    x = np.asarray(before, dtype=np.float64)
    x = x[:, None] if x.ndim == 1 else x
    x = as_numbers("before", x, 2)
    if len(x) != len(y):
        raise ValueError(f"before has {len(x)} rows and values {len(y)}; give one row a user.")
    x = x - x.mean(axis=0)
    (a, var_a), (b, var_b) = _intercept(y[~z], x[~z]), _intercept(y[z], x[z])
    return Effect.of(b - a, np.sqrt(var_a + var_b), level)


def stratified(
    values: np.ndarray, treated: np.ndarray, strata: np.ndarray, level: float = 0.95
) -> Effect:
    """Effect as the mean of the effects in strata, weighted by their share of the users.

    Args:
        values: Metric during the test, shape (n,).
        treated: 0 or 1, shape (n,).
        strata: Stratum of each user, known before the assignment, shape (n,).
        level: Confidence level of the interval.

    Returns:
        The effect.

    Raises:
        ValueError: If the shapes differ, or a stratum has fewer than two users in an arm.
    """
    y, z = two_groups(values, treated)
    labels = np.asarray(strata)
    same_shape("values", y, "strata", labels)
    difference = variance = 0.0
    for label in np.unique(labels):
        inside = labels == label
        try:
            effect = compare_means(y[inside], z[inside])
        except ValueError:
            raise ValueError(
                f"Stratum {label!r} has fewer than two users in an arm; merge it with another."
            ) from None
        share = inside.mean()
        difference += share * effect.difference
        variance += (share * effect.se) ** 2
    return Effect.of(difference, np.sqrt(variance), level)


def linearised(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """One number a user whose mean has the variance of a ratio of sums.

    Source: Deng, Knoblich & Lu (2018), "Applying the Delta Method in Metric Analytics", KDD.

    Equation: eq-delta-method

    Args:
        numerator: For instance clicks of each user, shape (n,).
        denominator: For instance impressions of each user, shape (n,).

    Returns:
        The ratio, plus each user's deviation from it in units of the mean denominator, shape (n,).

    Raises:
        ValueError: If the shapes differ, a value is missing, a denominator is negative, or all
            are zero.
    """
    a, b = as_numbers("numerator", numerator, 1), as_numbers("denominator", denominator, 1)
    same_shape("numerator", a, "denominator", b)
    if b.min() < 0 or b.sum() == 0:
        raise ValueError("The denominators must be zero or above and not all zero.")
    ratio = a.sum() / b.sum()
    return ratio + (a - ratio * b) / b.mean()


def compare_ratios(
    numerator: np.ndarray, denominator: np.ndarray, treated: np.ndarray, level: float = 0.95
) -> Effect:
    """Compare a ratio of sums in two randomised groups, with the user as the unit.

    Args:
        numerator: For instance clicks of each user, shape (n,).
        denominator: For instance impressions of each user, shape (n,).
        treated: 0 or 1, shape (n,).
        level: Confidence level of the interval.

    Returns:
        The effect on the ratio.

    Raises:
        ValueError: If the shapes differ, a value is missing, or a group has no denominator.
    """
    a, z = two_groups(numerator, treated)
    b = as_numbers("denominator", denominator, 1)
    same_shape("numerator", a, "denominator", b)
    users = np.empty(len(a))
    for arm in (z, ~z):
        users[arm] = linearised(a[arm], b[arm])
    return compare_means(users, z, level)


def _intercept(y: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """Return an arm's value at the overall mean of the covariates, and its HC2 variance."""
    design = np.column_stack([np.ones(len(y)), x])
    if len(y) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError(
            f"An arm has {len(y)} users for {design.shape[1]} independent coefficients;"
            " use fewer covariates."
        )
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ (design.T @ y)
    leverage = np.einsum("nd,de,ne->n", design, inverse, design)
    first = design @ inverse[0]  # weight of each user in the intercept
    residual = y - design @ beta
    return float(beta[0]), float((first**2 * residual**2 / (1 - leverage).clip(1e-9)).sum())
