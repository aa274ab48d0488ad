"""What a log can say of a policy, before any estimate: weights, support, effective size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.data import BanditLog
from recsys_book.exploration.off_policy.targets import check_target, importance_weights

__all__ = ["Diagnosis", "diagnose", "effective_sample_size", "require_support"]


def effective_sample_size(weights: np.ndarray) -> float:
    """Say how many rows of equal weight would give a weighted mean as steady as this one.

    It is the squared sum of the weights over the sum of their squares: n for equal weights, 1
    where a single row has all.

    Source: Kong (1992), A Note on Importance Sampling using Standardized Weights.

    Args:
        weights: (n,) not negative, not all zero.

    Returns:
        A number from 1 to n.

    Raises:
        ValueError: If a weight is negative or not finite, or all are zero.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise ValueError(
            "Weights must be finite, not negative and not all zero; check target and propensity."
        )
    return float(weights.sum() ** 2 / (weights**2).sum())


@dataclass(frozen=True)
class Diagnosis:
    """The state of the weights.

    Attributes:
        effective_size: rows of equal weight that would do as well.
        mean_weight: 1 in expectation where propensities are right and support is whole.
        mean_weight_error: standard error of that mean.
        max_weight: the largest weight.
        max_share: its share of the sum of all weights.
        uncovered: share of the target's probability on actions never logged in their position.
        rewarded: rows with a reward other than 0 and a weight above 0.
    """

    effective_size: float
    mean_weight: float
    mean_weight_error: float
    max_weight: float
    max_share: float
    uncovered: float
    rewarded: int


def diagnose(log: BanditLog, target: np.ndarray) -> Diagnosis:
    """Look at the weights of a policy on a log.

    Args:
        log: n rows with propensities.
        target: (n, K) probabilities of the policy under test.

    Returns:
        Effective size, mean and largest weight, uncovered probability, rewarded rows.

    Raises:
        ValueError: If target is no distribution, or gives no logged action any probability.
    """
    weights = importance_weights(log, target)
    return Diagnosis(
        effective_size=effective_sample_size(weights),
        mean_weight=float(weights.mean()),
        mean_weight_error=float(weights.std(ddof=1) / np.sqrt(len(log))) if len(log) > 1 else 0.0,
        max_weight=float(weights.max()),
        max_share=float(weights.max() / weights.sum()),
        uncovered=float(_never_logged(log, check_target(log, target)).sum(axis=1).mean()),
        rewarded=int(((log.reward != 0) & (weights > 0)).sum()),
    )


def require_support(log: BanditLog, target: np.ndarray) -> None:
    """Refuse a policy that shows what the log never shows in that position.

    Args:
        log: n rows.
        target: (n, K) probabilities of the policy under test.

    Raises:
        ValueError: With the first such row, the action and its position.
    """
    missing = _never_logged(log, target)
    rows = np.flatnonzero(missing.any(axis=1))
    if len(rows):
        row = rows[0]
        action = int(np.argmax(missing[row]))
        raise ValueError(
            f"Row {row}: the policy shows action {action} in position {log.position[row]} with "
            f"probability {target[row, action]:g}, but it was never logged there; restrict the "
            "policy to logged actions, use direct_method, or pass support='ignore' and report "
            "diagnose(log, target).uncovered."
        )


def _never_logged(log: BanditLog, target: np.ndarray) -> np.ndarray:
    """(n, K) the target's probabilities where the action has no row in the position, else 0."""
    return np.where(log.counts()[log.position] == 0, target, 0.0)
