"""Bring the scores of different recommenders to one scale, user by user.

A count, a sum of weights and a cosine cannot be added: the one with the widest spread decides. Each
function here takes scores of shape (n_users, n_items) and treats every row by itself.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

#: The scales that hybrids know.
SCALES = ("raw", "minmax", "zscore", "softmax", "rank", "normal", "log_rank")


def scale_scores(scores: np.ndarray, scale: str, temperature: float = 1.0) -> np.ndarray:
    r"""Bring scores to a common scale.

    ``"raw"`` changes nothing. ``"minmax"`` maps a row onto 0 to 1. ``"zscore"`` gives it mean 0
    and variance 1. ``"softmax"`` reads the z-scores as logits and returns log-probabilities, which
    differ from the z-scores (over the temperature) by one constant a row: weighted mixes of either
    order the items alike. The other three keep the order only, with :math:`r` the rank from below
    (ties get their mean rank): ``"rank"`` is :math:`r/n`, ``"normal"`` is
    :math:`\Phi^{-1}((r-\frac12)/n)`, the quantile of a normal distribution, and ``"log_rank"`` is
    minus the logarithm of the rank from above. A row in which all scores are equal becomes a
    constant.

    Equation: eq-score-scaling

    Source: van der Waerden (1952), "Order tests for the two-sample problem and their power",
    Indagationes Mathematicae 14, for ``"normal"``.

    Args:
        scores: Scores, higher is better, finite, shape (n_users, n_items).
        scale: One of ``SCALES``.
        temperature: What ``"softmax"`` divides the z-scores by, above 0.

    Returns:
        Scaled scores, float64, of the same shape.

    Raises:
        ValueError: If the scale is unknown, the temperature not above 0 or a score not finite.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scale not in SCALES:
        raise ValueError(f"scale is {scale!r}; use one of {', '.join(SCALES)}.")
    if not np.isfinite(scores).all():
        raise ValueError("A score is NaN or infinite, so it has no scale; mend the model first.")
    if scale == "raw":
        return scores
    if scale == "minmax":
        return _divide(scores - scores.min(axis=1, keepdims=True), np.ptp(scores, axis=1))
    if scale in ("zscore", "softmax"):
        z = _zscore(scores)
        return z if scale == "zscore" else _log_softmax(z, temperature)
    n = scores.shape[1]
    r = rankdata(scores, axis=1)  # 1 is the worst, n the best
    if scale == "rank":
        return r / n
    return ndtri((r - 0.5) / n) if scale == "normal" else -np.log(n + 1 - r)


def _zscore(scores: np.ndarray) -> np.ndarray:
    centred = scores - scores.mean(axis=1, keepdims=True)
    return _divide(centred, np.sqrt(np.mean(centred**2, axis=1)))


def _log_softmax(z: np.ndarray, temperature: float) -> np.ndarray:
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; use a number above 0.")
    logits = z / temperature
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _divide(rows: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Divide each row by its number; a row without spread becomes zeros."""
    by = by[:, None]
    return np.divide(rows, by, out=np.zeros_like(rows), where=by > 1e-12)
