"""What the models of this folder refuse, in one place."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsys_book.encoders.geometry import checked_vectors
from recsys_book.recommenders.content import unit_rows


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
    return unit_rows(vectors - vectors.mean(axis=0))
