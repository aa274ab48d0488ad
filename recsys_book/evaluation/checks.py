"""Checks shared by the metrics: shapes are part of a metric's definition."""

from __future__ import annotations

import numpy as np


def as_numbers(name: str, values: object, ndim: int | None = None) -> np.ndarray:
    """Return values as a float64 array after refusing what no metric can use.

    Args:
        name: What the values are, for the message.
        values: Numbers of any shape.
        ndim: The number of axes they must have; None for any.

    Returns:
        The values as float64, at least one of them and none missing.

    Raises:
        ValueError: If there are none, one is NaN, or the number of axes is wrong.
    """
    array = np.asarray(values)
    if array.dtype == object or array.dtype.kind in "USM":
        raise ValueError(f"{name} holds {array.dtype} values; pass numbers.")
    array = array.astype(np.float64, copy=False)
    if ndim is not None and array.ndim != ndim:
        axis = "axis" if ndim == 1 else "axes"
        raise ValueError(
            f"{name} has shape {array.shape}; pass an array with {ndim} {axis}, "
            "for instance by selecting a column."
        )
    if array.size == 0:
        raise ValueError(f"{name} is empty; a metric needs at least one value.")
    if np.isnan(array).any():
        where = np.argwhere(np.isnan(array))[0].tolist()
        raise ValueError(f"{name} is NaN at position {where}; drop or repair it before measuring.")
    return array


def same_shape(name_a: str, a: np.ndarray, name_b: str, b: np.ndarray) -> None:
    """Refuse two arrays that NumPy would broadcast against each other.

    Args:
        name_a: What the first array is.
        a: The first array.
        name_b: What the second array is.
        b: The second array.

    Raises:
        ValueError: If the shapes differ in any way, (n, 1) against (n,) included.
    """
    if a.shape != b.shape:
        raise ValueError(
            f"{name_a} has shape {a.shape} and {name_b} has shape {b.shape}; give both the same "
            "shape, because subtracting them would compare every value with every other one."
        )


def check_k(k: int) -> int:
    """Return a cut-off after checking it.

    Args:
        k: Length of the list that is judged.

    Returns:
        The cut-off as an int.

    Raises:
        ValueError: If k is no integer or below 1.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k is {k!r}; a cut-off is an integer of at least 1.")
    return int(k)


def as_ids(name: str, ids: np.ndarray, other: str, like: np.ndarray) -> np.ndarray:
    """Return a column of integer ids after checking its kind and length.

    Args:
        name: The column's name, for the message.
        ids: Integers, shape (n,).
        other: Name of the column that it stands beside.
        like: That column, shape (n,).

    Returns:
        The ids as an array.

    Raises:
        ValueError: If they are no integers, or not as many as ``like``.
    """
    ids = np.asarray(ids)
    same_shape(name, ids, other, like)
    if not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"{name} holds {ids.dtype} values; number the ids first, "
            "for instance with np.unique(..., return_inverse=True)."
        )
    return ids


def as_labels(name: str, values: np.ndarray) -> np.ndarray:
    """Return zeros and ones as booleans.

    Args:
        name: What the values are, for the message.
        values: Zeros and ones, shape (n,).

    Returns:
        Booleans, shape (n,).

    Raises:
        ValueError: If a value is neither 0 nor 1.
    """
    values = as_numbers(name, values, 1)
    if not ((values == 0) | (values == 1)).all():
        odd = values[(values != 0) & (values != 1)][0]
        raise ValueError(f"{name} holds {odd:g}; use 0 and 1, for instance by a threshold.")
    return values == 1


def as_shares(name: str, values: np.ndarray) -> np.ndarray:
    """Return numbers between 0 and 1.

    Args:
        name: What the values are, for the message.
        values: Shares or probabilities, shape (n,).

    Returns:
        The values, float64, shape (n,).

    Raises:
        ValueError: If a value is outside 0 to 1.
    """
    values = as_numbers(name, values, 1)
    if values.min() < 0 or values.max() > 1:
        odd = values[(values < 0) | (values > 1)][0]
        raise ValueError(f"{name} holds {odd:g}; it must lie between 0 and 1.")
    return values
