"""What a held-out number is worth: its optimism, its bias and its error, in closed form."""

from __future__ import annotations

import numpy as np
from scipy import special

__all__ = [
    "corrected_standard_error",
    "expected_best",
    "kfold_mean_error",
    "random_walk_errors",
    "users_needed",
]


def expected_best(m: int, n: int, p: float = 0.5) -> float:
    """Expected best test score among ``m`` models that are all equally good.

    Each model's score is the share of ``n`` independent test rows it gets right, each with
    probability ``p``; the best of ``m`` such shares is above ``p`` although no model is.

    Equation: eq-best-of-m

    Args:
        m: Number of models compared on the same test set, at least 1.
        n: Number of test rows.
        p: Probability that a model is right on a row.

    Returns:
        The expected largest share, between ``p`` and 1.

    Raises:
        ValueError: If ``m`` or ``n`` is below 1.
    """
    if m < 1 or n < 1:
        raise ValueError(f"m and n must be at least 1 but are {m} and {n}.")
    below = special.bdtr(np.arange(n), n, p)
    return float(np.sum(1 - below**m) / n)


def kfold_mean_error(n: int, k: int, variance: float = 1.0) -> tuple[float, float]:
    """Expected squared error of a mean predictor: as k folds estimate it, and of the final model.

    The rows are independent draws with the same variance, so every row may stand for any other.

    Equation: eq-kfold-mean

    Args:
        n: Number of rows; ``k`` must divide it.
        k: Number of folds, at least 2.
        variance: Variance of the rows.

    Returns:
        The expectation of the k-fold estimate, and the expected error on a new row after training
        on all ``n``.

    Raises:
        ValueError: If ``k`` is below 2 or does not divide ``n``.
    """
    if k < 2 or n % k:
        raise ValueError(f"k must be at least 2 and divide n, but k is {k} and n is {n}.")
    n_train = n - n // k
    return variance * (1 + 1 / n_train), variance * (1 + 1 / n)


def random_walk_errors(k: int, horizon: int, step: float = 1.0) -> tuple[float, float]:
    """Expected squared error of "predict the nearest training row" on a random walk.

    Random folds leave training rows on both sides of almost every test row; a forecast has none
    beyond the cut.

    Equation: eq-kfold-walk

    Args:
        k: Number of random folds, at least 2.
        horizon: Number of steps after the cut that are forecast.
        step: Variance of one step of the walk.

    Returns:
        The expectation of the k-fold estimate (in a long walk), and the mean error over the
        horizon.

    Raises:
        ValueError: If ``k`` is below 2 or ``horizon`` below 1.
    """
    if k < 2 or horizon < 1:
        raise ValueError(f"k must be at least 2 and horizon at least 1, but are {k} and {horizon}.")
    return step * k**2 / (k**2 - 1), step * (horizon + 1) / 2


def corrected_standard_error(folds: np.ndarray, test_share: float) -> tuple[float, float]:
    """Standard error of a mean over folds: as if the folds were independent, and corrected.

    The correction of Nadeau and Bengio adds the ratio of test to training rows, because the folds
    share most of their training rows.

    Equation: eq-kfold-variance

    Args:
        folds: ``(k,)`` scores, one a fold.
        test_share: Share of the rows in each test fold, inside (0, 1).

    Returns:
        The naive and the corrected standard error, in the unit of the scores.

    Raises:
        ValueError: If there are fewer than two folds or the share is not inside (0, 1).
    """
    folds = np.asarray(folds, dtype=np.float64)
    if folds.size < 2 or not 0 < test_share < 1:
        raise ValueError(
            "two or more folds and a test share inside (0, 1) are needed, but there are "
            f"{folds.size} folds and the share is {test_share!r}."
        )
    k, variance = folds.size, folds.var(ddof=1)
    ratio = test_share / (1 - test_share)
    return float(np.sqrt(variance / k)), float(np.sqrt(variance * (1 / k + ratio)))


def users_needed(sd: float, difference: float, level: float = 0.95, power: float = 0.8) -> int:
    """Number of test users that a paired comparison needs to see a difference.

    Equation: eq-users-needed

    Args:
        sd: Standard deviation over users of the paired difference.
        difference: The mean difference to detect, in the same unit; not 0.
        level: Confidence level of the two-sided interval.
        power: Probability of detecting the difference.

    Returns:
        The smallest whole number of users.

    Raises:
        ValueError: If ``sd`` is not positive or ``difference`` is 0.
    """
    if sd <= 0 or difference == 0:
        raise ValueError(
            f"sd must be positive and difference not 0, but are {sd!r} and {difference!r}."
        )
    z = special.ndtri(0.5 + level / 2) + special.ndtri(power)
    return int(np.ceil((z * sd / difference) ** 2))
