"""What every comparison of two randomised groups reports: a difference, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from recsys_book.evaluation.checks import as_numbers, same_shape

__all__ = ["Effect", "compare_means"]


@dataclass(frozen=True)
class Effect:
    """An estimated effect of the treatment, treated minus control.

    Attributes:
        difference: The estimate, in the unit of the metric.
        se: Its standard error.
        low: Lower end of its normal interval.
        high: Upper end.
        p_value: Two-sided p-value of no effect.
    """

    difference: float
    se: float
    low: float
    high: float
    p_value: float

    @classmethod
    def of(cls, difference: float, se: float, level: float = 0.95) -> Effect:
        """Return the effect with its normal interval and p-value.

        Args:
            difference: The estimate.
            se: Its standard error, zero or above.
            level: Confidence level of the interval.

        Returns:
            The effect; a standard error of zero gives p = 1 for no difference, else 0.

        Raises:
            ValueError: If the level is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"level is {level}; give a number between 0 and 1.")
        half = float(norm.ppf((1 + level) / 2)) * se
        p_value = float(difference == 0) if se == 0 else float(2 * norm.sf(abs(difference) / se))
        return cls(float(difference), float(se), difference - half, difference + half, p_value)


def two_groups(values: np.ndarray, treated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return checked values and a boolean treatment, with at least two users in each group.

    Args:
        values: One number a user, shape (n,).
        treated: Whether the user saw the new version, 0 or 1, shape (n,).

    Returns:
        Values as floats and the treatment as booleans, both of shape (n,).

    Raises:
        ValueError: If a value is missing, the shapes differ, the treatment is not 0 or 1, or a
            group has fewer than two users.
    """
    y = as_numbers("values", values, 1)
    z = as_numbers("treated", treated, 1)
    same_shape("values", y, "treated", z)
    if not np.isin(z, (0, 1)).all():
        raise ValueError("treated holds something else than 0 and 1; compare two arms at a time.")
    if min(z.sum(), len(z) - z.sum()) < 2:
        raise ValueError("A group has fewer than two users; no spread can be measured in it.")
    return y, z == 1


def compare_means(values: np.ndarray, treated: np.ndarray, level: float = 0.95) -> Effect:
    """Compare the means of two randomised groups, each with a variance of its own.

    Args:
        values: One number a user, shape (n,).
        treated: Whether the user saw the new version, 0 or 1, shape (n,).
        level: Confidence level of the interval.

    Returns:
        The effect, with the large-sample normal interval.

    Raises:
        ValueError: If a value is missing, the shapes differ, or a group is too small.
    """
    y, z = two_groups(values, treated)
    a, b = y[~z], y[z]
    se = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return Effect.of(b.mean() - a.mean(), se, level)
