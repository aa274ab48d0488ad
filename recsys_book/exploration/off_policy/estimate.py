"""What every estimator returns: a value, the terms it is the mean of, and its intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.exploration.off_policy.intervals import bootstrap_of_ratio, interval_of_mean

__all__ = ["Estimate"]


@dataclass(frozen=True, eq=False)
class Estimate:
    """An estimate of the value of a policy.

    Attributes:
        value: the estimate, in units of the reward.
        terms: (n,) one term a row, whose mean is ``value``. A ratio of two means is not a mean of
            its rows; its terms are linearised (delta method), so that intervals account for both.
        parts: of a ratio, its (n,) weights, values and addends, from which the bootstrap takes the
            ratio anew; ``None`` for a mean.
    """

    value: float
    terms: np.ndarray
    parts: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    @classmethod
    def of_mean(cls, terms: np.ndarray) -> Estimate:
        """Make the estimate that is the mean of its terms."""
        terms = np.asarray(terms, dtype=np.float64)
        return cls(float(terms.mean()), terms)

    @classmethod
    def of_ratio(
        cls, weights: np.ndarray, values: np.ndarray, plus: np.ndarray | float = 0.0
    ) -> Estimate:
        """Make the weighted mean of ``values``, plus the mean of ``plus``; terms linearised."""
        ratio = (weights * values).sum() / weights.sum()
        terms = plus + ratio + weights * (values - ratio) / weights.mean()
        addends = np.broadcast_to(np.asarray(plus, dtype=np.float64), terms.shape)
        return cls(float(ratio + np.mean(plus)), terms, (weights, values, addends))

    @property
    def standard_error(self) -> float:
        """Standard deviation of the terms over the root of their number."""
        return float(self.terms.std(ddof=1) / np.sqrt(len(self.terms)))

    def interval(
        self,
        level: float = 0.95,
        method: str = "bootstrap",
        bounds: tuple[float, float] | None = None,
        n: int = 1000,
        seed: int = 0,
    ) -> tuple[float, float]:
        """Give an interval for the value.

        Args:
            level: Wanted coverage.
            method: As in ``interval_of_mean``: normal, bootstrap, bernstein or sequence.
            bounds: Least and largest possible term, for the last two.
            n: Resamples of the bootstrap.
            seed: Seed of the bootstrap.

        Returns:
            Lower and upper end.
        """
        if method == "bootstrap" and self.parts is not None:
            return bootstrap_of_ratio(*self.parts, level=level, n=n, seed=seed)
        return interval_of_mean(self.terms, level, method, bounds, n, seed)
