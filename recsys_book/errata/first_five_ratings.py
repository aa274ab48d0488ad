"""What the source articles say about adapting to each user, and where it fails.

The functions are the faulty versions. The right versions are in
``recsys_book.meta_learning.cold_start``: the same estimates, with a prior.
"""

from __future__ import annotations

import numpy as np


def ada_04_own_mean(residuals: np.ndarray) -> float:
    """ADA-04: a user's bias from the user's own events alone.

    Article S1 §1.2.2: adaptive learning reduces the cost of training and prevents overfitting where
    data are sparse. Its §3.1.2 says that adaptive methods have to *solve* sparsity and overfitting,
    its §3.3.3 and article S4 §3.3 that they cost more. To adapt to few events without a prior
    is to overfit: the variance of this estimate is that of one rating over their number.

    Args:
        residuals: Ratings minus what is known of the items, shape (k,), k at least 1.

    Returns:
        Their mean, in stars.
    """
    return float(np.mean(residuals))


def ada_04_own_vector(A: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """ADA-04: a user's vector from the user's own events alone, by least squares.

    With fewer events than numbers to learn it goes through every rating exactly (the shortest
    such vector is taken); at about as many events as numbers it is at its worst.

    Args:
        A: Vectors of the rated items, shape (k, f).
        residuals: Ratings minus what is known of the items, shape (k,).

    Returns:
        The vector, shape (f,).
    """
    return np.linalg.lstsq(A, residuals, rcond=None)[0]
