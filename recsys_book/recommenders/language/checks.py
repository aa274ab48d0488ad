"""What the models of this folder refuse, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from recsys_book.encoders.geometry import checked_vectors
from recsys_book.recommenders.closed_form import positions_from_end

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def text_vectors(vectors: Any, n_items: int) -> np.ndarray:
    """Return text vectors as float64 after checking that they fit the items.

    Args:
        vectors: One vector an item, shape (n_items, width).
        n_items: Size of the vocabulary.

    Returns:
        The vectors, float64, of the same shape.

    Raises:
        ValueError: If there is not one row an item, or a row is not finite.
    """
    vectors = checked_vectors(vectors, "text vectors").astype(np.float64)
    if len(vectors) != n_items:
        raise ValueError(
            f"There are {len(vectors)} text vectors for {n_items} items; encode one text for every "
            "item of the vocabulary, in its order."
        )
    return vectors


def centred_unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Subtract the mean vector and give each row length one; a row equal to the mean becomes zero.

    Args:
        vectors: Shape (n, width).

    Returns:
        The rows, shape (n, width).
    """
    centred = vectors - vectors.mean(axis=0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-12)


def history_weights(interactions: Interactions, half_life: float | None) -> sp.csr_matrix:
    """Return each user's history as a row: ones, or weights that halve with every position back.

    Args:
        interactions: The log.
        half_life: Positions from the end after which an item counts half; None counts all alike.

    Returns:
        Sparse, shape (n_users, n_items).

    Raises:
        ValueError: If the half-life is not above 0.
    """
    if half_life is None:
        history = sp.csr_matrix(interactions.to_csr(1.0))
        history.data[:] = 1.0
        return history
    positive(half_life=half_life)
    return sp.csr_matrix(interactions.to_csr(0.5 ** (positions_from_end(interactions) / half_life)))


def positive(**settings: float) -> None:
    """Refuse settings that are not above 0.

    Args:
        **settings: Names and values.

    Raises:
        ValueError: If one is not above 0, with its name.
    """
    for name, value in settings.items():
        if not value > 0:
            raise ValueError(f"{name} is {value}; use a number above 0.")


def not_negative(**settings: float) -> None:
    """Refuse settings below 0.

    Args:
        **settings: Names and values.

    Raises:
        ValueError: If one is below 0 or is no number, with its name.
    """
    for name, value in settings.items():
        if not value >= 0:
            raise ValueError(f"{name} is {value}; use 0 or more.")
