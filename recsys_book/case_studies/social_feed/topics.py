"""What somebody will read about: shares of topics from scores of posts, and how sure they are."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar


def category_shares(
    scores: np.ndarray, groups: np.ndarray, n_groups: int, temperature: float = 1.0
) -> np.ndarray:
    r"""Add up the posts' probabilities within each topic.

    The next post is chosen with probability proportional to :math:`e^{s_i/T}`; a topic's share is
    the sum over its posts. A low temperature is sure of itself, a high one is not.

    Equation: eq-category-share.

    Args:
        scores: (n, m) scores of the candidates of each list; minus infinity for no candidate.
        groups: (n, m) topic of each candidate.
        n_groups: Number of topics.
        temperature: The temperature T, above 0.

    Returns:
        (n, n_groups), rows summing to 1.

    Raises:
        ValueError: If the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; use a number above 0.")
    scaled = scores / temperature
    weight = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares = np.zeros((len(scores), n_groups))
    rows = np.broadcast_to(np.arange(len(scores))[:, None], scores.shape)
    np.add.at(shares, (rows, groups), weight)
    return shares / shares.sum(axis=1, keepdims=True)


def category_loss(
    scores: np.ndarray, groups: np.ndarray, chosen: np.ndarray, n_groups: int, temperature: float
) -> np.ndarray:
    """Minus the logarithm of the share that the chosen topic was given, (n,)."""
    shares = category_shares(scores, groups, n_groups, temperature)
    return -np.log(np.maximum(shares[np.arange(len(chosen)), chosen], 1e-12))


def fit_temperature(
    scores: np.ndarray, groups: np.ndarray, chosen: np.ndarray, n_groups: int
) -> float:
    """Find the temperature under which the chosen topics are most likely.

    Source: Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks",
    ICML.

    Args:
        scores: (n, m) as for ``category_shares``.
        groups: (n, m) topics.
        chosen: (n,) the topic that was chosen.
        n_groups: Number of topics.

    Returns:
        The temperature, between 0.001 and 1000 times the scores' standard deviation.
    """
    finite = scores[np.isfinite(scores)]
    unit = max(float(finite.std()), 1e-12)

    def loss(log_temperature: float) -> float:
        t = unit * np.exp(log_temperature)
        return float(category_loss(scores, groups, chosen, n_groups, t).mean())

    best = minimize_scalar(loss, bounds=(-np.log(1000), np.log(1000)), method="bounded")
    return float(unit * np.exp(best.x))
