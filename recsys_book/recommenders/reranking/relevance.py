"""Bring the scores of a user's candidates to one scale, so that a trade-off means something."""

from __future__ import annotations

import numpy as np


def unit_range(scores: np.ndarray) -> np.ndarray:
    """Move scores to the range from 0 to 1; equal scores become zeros.

    Args:
        scores: Scores of the candidates of one user, shape (n,).

    Returns:
        Relevance, shape (n,).
    """
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.zeros(len(scores))


def check_share(name: str, value: float) -> None:
    """Refuse a trade-off that is no share.

    Args:
        name: What the argument is called.
        value: Its value.

    Raises:
        ValueError: If it is not between 0 and 1.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}; use a number from 0 to 1.")


def check_k(k: int, n: int) -> None:
    """Refuse a list that is longer than its candidates.

    Args:
        k: Length of the list.
        n: Number of candidates.

    Raises:
        ValueError: If k is below 1 or above n.
    """
    if not 1 <= k <= n:
        raise ValueError(f"k is {k} for {n} candidates; ask for 1 to {n} of them.")
