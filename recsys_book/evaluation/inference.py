"""How sure a mean is, whether two models differ, and how many users it takes to tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from recsys_book.evaluation.checks import as_numbers, same_shape

__all__ = [
    "PairedTest",
    "benjamini_hochberg",
    "bootstrap_interval",
    "cohens_dz",
    "holm",
    "paired_test",
    "probability_of_superiority",
    "seeds_and_users_interval",
    "variance_of_difference",
]

_CELLS = 1 << 22  # resampled values held at a time


def bootstrap_interval(
    values: np.ndarray, level: float = 0.95, n: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over users.

    Users are drawn with replacement, as many as there are, n times; the interval holds the middle
    share ``level`` of the n means.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap.

    Args:
        values: One value a user, shape (n_users,).
        level: Share of the means inside, between 0 and 1.
        n: Number of resamples.
        seed: Seed of the resamples.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: If there are no values, one is NaN, or level or n is out of range.
    """
    values = as_numbers("values", values, 1)
    _check_resampling(level, n)
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // len(values))
    means = [
        values[rng.integers(0, len(values), (min(step, n - done), len(values)))].mean(axis=1)
        for done in range(0, n, step)
    ]
    return _middle(np.concatenate(means), level)


def seeds_and_users_interval(
    values: np.ndarray, level: float = 0.95, n: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of a mean over seeds and users, both drawn with replacement.

    Resampling users alone treats the seeds that were run as the only ones there are. Here each
    resample draws seeds as well, so a result that hangs on one lucky seed gets a wide interval.

    Args:
        values: One value a seed and user, shape (n_seeds, n_users), the same users in each row.
        level: Share of the means inside, between 0 and 1.
        n: Number of resamples.
        seed: Seed of the resamples.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: If there are no values, one is NaN, or level or n is out of range.
    """
    values = as_numbers("values", values, 2)
    _check_resampling(level, n)
    rng = np.random.default_rng(seed)
    n_seeds, n_users = values.shape
    means = np.empty(n)
    for j in range(n):
        mean_of_seeds = values[rng.integers(0, n_seeds, n_seeds)].mean(axis=0)
        means[j] = mean_of_seeds[rng.integers(0, n_users, n_users)].mean()
    return _middle(means, level)


@dataclass(frozen=True)
class PairedTest:
    """Two models compared on the same users, a minus b.

    Attributes:
        difference: Mean of the differences.
        low: Lower end of its bootstrap interval.
        high: Upper end.
        p_value: Two-sided p-value of the hypothesis that the models are exchangeable.
        n_users: Number of users.
        dz: Effect size, the mean difference in standard deviations of the differences.
        superiority: Probability that a random user is better off with a, ties counting half.
        test: Which test gave the p-value.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n_users: int
    dz: float
    superiority: float
    test: str

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or, while zero is inside the interval, ``tie``."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "tie"


def paired_test(
    a: np.ndarray,
    b: np.ndarray,
    test: str = "permutation",
    level: float = 0.95,
    n: int = 2000,
    seed: int = 0,
) -> PairedTest:
    """Compare two models user by user.

    Args:
        a: One value a user under the first model, shape (n_users,).
        b: The same users under the second model, shape (n_users,).
        test: ``permutation`` (random signs of the differences), ``t`` or ``wilcoxon``.
        level: Share of resampled differences inside the interval.
        n: Number of resamples, for the interval and for the permutation test.
        seed: Seed of both.

    Returns:
        The difference, its interval, p-value and effect sizes.

    Raises:
        ValueError: If the shapes differ, a value is NaN, there are fewer than two users, or the
            test is unknown.
    """
    d = _differences(a, b)
    p_values = {"permutation": _sign_flip, "t": _student, "wilcoxon": _wilcoxon}
    if test not in p_values:
        raise ValueError(f"test is {test!r}; use one of {', '.join(p_values)}.")
    low, high = bootstrap_interval(d, level, n, seed)
    return PairedTest(
        difference=float(d.mean()),
        low=low,
        high=high,
        p_value=1.0 if not d.any() else p_values[test](d, n, seed),
        n_users=len(d),
        dz=cohens_dz(a, b),
        superiority=probability_of_superiority(a, b),
        test=test,
    )


def variance_of_difference(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Variance of a - b, and its parts: that of unpaired samples, and what pairing saves.

    Equation: eq-paired-variance

    Args:
        a: One value a user under the first model, shape (n_users,).
        b: The same users under the second model, shape (n_users,).

    Returns:
        Variance of the differences; sum of the two variances; twice the covariance.

    Raises:
        ValueError: If the shapes differ, a value is NaN, or there are fewer than two users.
    """
    d = _differences(a, b)
    covariance = np.cov(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
    apart, shared = covariance[0, 0] + covariance[1, 1], 2 * covariance[0, 1]
    return float(d.var(ddof=1)), float(apart), float(shared)


def cohens_dz(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference divided by the standard deviation of the differences.

    Source: Cohen 1988, Statistical Power Analysis for the Behavioral Sciences.

    Args:
        a: One value a user under the first model, shape (n_users,).
        b: The same users under the second model, shape (n_users,).

    Returns:
        The effect size; 0 if no user differs, infinite if all differ by the same amount.

    Raises:
        ValueError: If the shapes differ, a value is NaN, or there are fewer than two users.
    """
    d = _differences(a, b)
    spread, mean = d.std(ddof=1), d.mean()
    if spread == 0:
        return float(np.copysign(np.inf, mean)) if mean else 0.0
    return float(mean / spread)


def probability_of_superiority(a: np.ndarray, b: np.ndarray) -> float:
    """Share of users that are better off with a, those with equal values counting half.

    Args:
        a: One value a user under the first model, shape (n_users,).
        b: The same users under the second model, shape (n_users,).

    Returns:
        A share; one half means no preference.

    Raises:
        ValueError: If the shapes differ, a value is NaN, or there are fewer than two users.
    """
    d = _differences(a, b)
    return float(((d > 0) + 0.5 * (d == 0)).mean())


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values so that the chance of any false alarm among them stays below the level.

    Source: Holm 1979, Scandinavian Journal of Statistics 6.

    Args:
        p_values: p-values of m tests, shape (m,).

    Returns:
        Adjusted p-values in the same order, shape (m,); compare each with the level.

    Raises:
        ValueError: If there are none, or one is outside 0 to 1.
    """
    p = _check_p(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _put_back(stepped, order)


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values so that the expected share of false alarms among the findings stays low.

    Source: Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57.

    Args:
        p_values: p-values of m tests, shape (m,).

    Returns:
        Adjusted p-values in the same order, shape (m,); compare each with the tolerated share.

    Raises:
        ValueError: If there are none, or one is outside 0 to 1.
    """
    p = _check_p(p_values)
    order = np.argsort(p, kind="stable")
    raw = p[order] * len(p) / np.arange(1, len(p) + 1)
    return _put_back(np.minimum.accumulate(raw[::-1])[::-1], order)


def _put_back(adjusted: np.ndarray, order: np.ndarray) -> np.ndarray:
    out = np.empty(len(order))
    out[order] = np.minimum(adjusted, 1.0)
    return out


def _check_p(p_values: np.ndarray) -> np.ndarray:
    p = as_numbers("p_values", p_values, 1)
    if p.min() < 0 or p.max() > 1:
        raise ValueError("p_values holds a value outside 0 to 1; pass probabilities.")
    return p


def _check_resampling(level: float, n: int) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; give a share between 0 and 1, for instance 0.95.")
    if n < 1:
        raise ValueError(f"n is {n}; draw at least 1 resample, better 2000.")


def _middle(means: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = as_numbers("a", a, 1), as_numbers("b", b, 1)
    same_shape("a", a, "b", b)
    if len(a) < 2:
        raise ValueError("a and b hold one user; a comparison needs at least two.")
    return a - b


def _sign_flip(d: np.ndarray, n: int, seed: int) -> float:
    """If the models are exchangeable, each difference could as well have the other sign."""
    rng = np.random.default_rng(seed)
    step, extreme = max(1, _CELLS // len(d)), 0
    bound = abs(d.sum()) * (1 - 1e-12)  # equal sums must not be lost to rounding
    for done in range(0, n, step):
        signs = rng.integers(0, 2, (min(step, n - done), len(d))) * 2.0 - 1.0
        extreme += int((np.abs(signs @ d) >= bound).sum())
    return (extreme + 1) / (n + 1)


def _student(d: np.ndarray, n: int, seed: int) -> float:
    if d.std() == 0:
        return 0.0
    return float(scipy.stats.ttest_1samp(d, 0.0).pvalue)


def _wilcoxon(d: np.ndarray, n: int, seed: int) -> float:
    return float(scipy.stats.wilcoxon(d).pvalue)
