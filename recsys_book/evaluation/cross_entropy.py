"""Cross-entropy over several classes, with the shapes checked before anything is added up."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from recsys_book.evaluation.checks import as_numbers

__all__ = ["cross_entropy"]


def cross_entropy(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean of minus the log of the probability that a softmax gives to what happened, in nats.

    The label may be the index of the class, or a row of shares that add up to 1 (one-hot is the
    case of a single 1); both forms give the same number. For two classes with logits (0, z) it is
    ``log_loss_from_logits`` of z.

    Source: Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.2.

    Args:
        labels: Class of each row, integers, shape (n,); or shares, shape (n, n_classes).
        logits: Unnormalised log-probabilities, shape (n, n_classes).

    Returns:
        The mean loss; log(n_classes) for logits that are all equal.

    Raises:
        ValueError: If the shapes do not belong together, an index is no class, or a row of shares
            is negative somewhere or does not add up to 1.
    """
    z = as_numbers("logits", logits, 2)
    y = as_numbers("labels", labels)
    n, classes = z.shape
    if y.shape == (n,):
        return float((logsumexp(z, axis=1) - z[np.arange(n), _indices(y, classes)]).mean())
    if y.shape != z.shape:
        raise ValueError(
            f"labels has shape {y.shape} and logits has shape {z.shape}; give one class index a "
            "row, or one share a class."
        )
    wrong = (y < 0).any(axis=1) | ~np.isclose(y.sum(axis=1), 1)
    if wrong.any():
        raise ValueError(
            f"labels, row {int(np.argmax(wrong))}: the shares of the classes must be zero or above "
            "and add up to 1; normalise them."
        )
    return float((logsumexp(z, axis=1) - (y * z).sum(axis=1)).mean())


def _indices(y: np.ndarray, classes: int) -> np.ndarray:
    wrong = (y != np.floor(y)) | (y < 0) | (y >= classes)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"labels, row {row}: {y[row]:g} is none of the {classes} classes; number them from 0."
        )
    return y.astype(np.int64)
