"""Errors of predicted ratings: every function compares observed ratings with predictions for them.

The sums run over the observed pairs only. A pair that nobody rated has no error, so it takes no
part (source check MET-07).
"""

from __future__ import annotations

import numpy as np

from recsys_book.evaluation.checks import as_numbers, same_shape

__all__ = ["errors_by_user", "mae", "mse", "rmse", "tolerance_rate"]


def _errors(ratings: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    y, p = as_numbers("ratings", ratings), as_numbers("predictions", predictions)
    same_shape("ratings", y, "predictions", p)
    return p - y


def mae(ratings: np.ndarray, predictions: np.ndarray) -> float:
    """Mean absolute error over the observed pairs.

    Source: Willmott & Matsuura 2005, Climate Research 30.

    Args:
        ratings: Observed ratings, any shape, in rating units.
        predictions: Predictions of the same shape.

    Returns:
        The error in rating units.

    Raises:
        ValueError: If the shapes differ, or a value is missing.
    """
    return float(np.abs(_errors(ratings, predictions)).mean())


def mse(ratings: np.ndarray, predictions: np.ndarray) -> float:
    """Mean squared error over the observed pairs.

    Args:
        ratings: Observed ratings, any shape, in rating units.
        predictions: Predictions of the same shape.

    Returns:
        The error in squared rating units.

    Raises:
        ValueError: If the shapes differ, or a value is missing.
    """
    e = _errors(ratings, predictions)
    return float((e * e).mean())


def rmse(ratings: np.ndarray, predictions: np.ndarray) -> float:
    """Root of the mean squared error over the observed pairs; never below the MAE.

    Source: Bennett & Lanning 2007, The Netflix Prize. Equation: eq-rmse

    Args:
        ratings: Observed ratings, any shape, in rating units.
        predictions: Predictions of the same shape.

    Returns:
        The error in rating units.

    Raises:
        ValueError: If the shapes differ, or a value is missing.
    """
    return float(np.sqrt(mse(ratings, predictions)))


def tolerance_rate(ratings: np.ndarray, predictions: np.ndarray, tolerance: float = 0.5) -> float:
    """Share of predictions that lie strictly within a tolerance of the rating.

    The source articles call this accuracy (MET-01). It says nothing about how wrong the others
    are, so compare it with the rate of a constant prediction and never report it alone.

    Args:
        ratings: Observed ratings, any shape.
        predictions: Predictions of the same shape.
        tolerance: The largest error that still counts, exclusive, in rating units.

    Returns:
        A share between 0 and 1.

    Raises:
        ValueError: If the shapes differ, a value is missing, or the tolerance is not positive.
    """
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}; give a positive number of rating units.")
    return float((np.abs(_errors(ratings, predictions)) < tolerance).mean())


def errors_by_user(
    user: np.ndarray, ratings: np.ndarray, predictions: np.ndarray
) -> dict[str, np.ndarray]:
    """MAE, MSE and RMSE of each user.

    Args:
        user: Who gave each rating, integers, shape (n,).
        ratings: Observed ratings, shape (n,).
        predictions: Predictions, shape (n,).

    Returns:
        Arrays of shape (n_users,) under ``user`` (sorted ids), ``n`` (number of ratings), ``mae``,
        ``mse`` and ``rmse``.

    Raises:
        ValueError: If the shapes differ, or a value is missing.
    """
    e = _errors(ratings, predictions)
    user = np.asarray(user)
    same_shape("user", user, "ratings", e)
    users, code, n = np.unique(user, return_inverse=True, return_counts=True)
    mean_abs = np.bincount(code, np.abs(e)) / n
    mean_sq = np.bincount(code, e * e) / n
    return {"user": users, "n": n, "mae": mean_abs, "mse": mean_sq, "rmse": np.sqrt(mean_sq)}
