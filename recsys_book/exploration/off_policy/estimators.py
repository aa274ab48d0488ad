"""Estimates of a policy's value from the log of another policy.

Throughout, ``target`` is (n, K): the probability that the policy under test gives each action in
the context and position of each row; ``q_hat`` is (n, K): a model's expected reward of each action.

Source: Dudík, Langford & Li (2011), Doubly Robust Policy Evaluation and Learning, ICML;
Saito et al. (2021), Open Bandit Dataset and Pipeline, for the conventions.
"""

from __future__ import annotations

import numpy as np

from recsys_book.data import BanditLog
from recsys_book.exploration.off_policy.diagnostics import require_support
from recsys_book.exploration.off_policy.estimate import Estimate
from recsys_book.exploration.off_policy.targets import (
    check_matrix,
    check_target,
    importance_weights,
)

__all__ = [
    "clipped_ips",
    "direct_method",
    "doubly_robust",
    "ips",
    "self_normalized_dr",
    "shrunk_dr",
    "snips",
    "switch_dr",
    "switch_threshold",
]


def ips(log: BanditLog, target: np.ndarray, support: str = "check") -> Estimate:
    """Weight each reward by how much more often the target would have shown its action.

    Source: Horvitz & Thompson (1952), for surveys; Dudík et al. (2011), §2, for policies.
    Equation: eq-policy-ips.

    Args:
        log: n rows with propensities.
        target: (n, K) probabilities of the policy under test.
        support: ``"check"`` refuses a target that shows what was never logged in that position;
            ``"ignore"`` lets it pass, and the estimate lacks that part.

    Returns:
        The estimate; unbiased where propensities are right and support is whole.

    Raises:
        ValueError: If target is no distribution, or support is missing.
    """
    return Estimate.of_mean(_weights(log, target, support) * log.reward)


def clipped_ips(
    log: BanditLog, target: np.ndarray, clip: float, support: str = "check"
) -> Estimate:
    """IPS with no weight above ``clip``: less variance, and a bias towards 0 (rewards positive).

    Source: Ionides (2008), Truncated Importance Sampling.

    Args:
        log: n rows with propensities.
        target: (n, K) probabilities of the policy under test.
        clip: The largest weight allowed, above 0.
        support: As in ``ips``.

    Returns:
        The estimate.

    Raises:
        ValueError: As ``ips``, or if clip is not above 0.
    """
    _positive(clip, "clip")
    weights = np.minimum(_weights(log, target, support), clip)
    return Estimate.of_mean(weights * log.reward)


def snips(log: BanditLog, target: np.ndarray, support: str = "check") -> Estimate:
    """Divide the weighted rewards by the weights, not by their number.

    Source: Swaminathan & Joachims (2015), The Self-Normalized Estimator for Counterfactual
    Learning, NeurIPS.
    Equation: eq-policy-snips.

    Args:
        log: n rows with propensities.
        target: (n, K) probabilities of the policy under test.
        support: As in ``ips``.

    Returns:
        The estimate, a weighted mean of rewards, so never outside them; bias of order 1/n.

    Raises:
        ValueError: As ``ips``, or if every weight is 0.
    """
    return Estimate.of_ratio(_some(_weights(log, target, support)), log.reward)


def direct_method(log: BanditLog, target: np.ndarray, q_hat: np.ndarray) -> Estimate:
    """Believe the model: average its expected reward over the target's actions.

    Source: Dudík et al. (2011), §2.
    Equation: eq-direct-method.

    Args:
        log: n rows; only the contexts' number and the shape count.
        target: (n, K) probabilities of the policy under test.
        q_hat: (n, K) expected rewards.

    Returns:
        The estimate; as biased as the model. Its interval does not know that.

    Raises:
        ValueError: If target is no distribution or q_hat has another shape.
    """
    return Estimate.of_mean(_model_value(log, target, q_hat))


def doubly_robust(
    log: BanditLog, target: np.ndarray, q_hat: np.ndarray, support: str = "check"
) -> Estimate:
    """Start from the model, and correct it by the weighted errors that the log shows.

    Source: Dudík et al. (2011), equation 2.
    Equation: eq-doubly-robust.

    Args:
        log: n rows with propensities.
        target: (n, K) probabilities of the policy under test.
        q_hat: (n, K) expected rewards, best from other rows (``fit_reward_model``).
        support: As in ``ips``.

    Returns:
        The estimate; unbiased if the propensities or the model are right.

    Raises:
        ValueError: As ``ips`` and ``direct_method``.
    """
    weights = _weights(log, target, support)
    return Estimate.of_mean(
        _model_value(log, target, q_hat) + weights * _errors_of_model(log, q_hat)
    )


def self_normalized_dr(
    log: BanditLog, target: np.ndarray, q_hat: np.ndarray, support: str = "check"
) -> Estimate:
    """Doubly robust, its correction divided by the mean weight (arguments as there)."""
    weights = _some(_weights(log, target, support))
    plus = _model_value(log, target, q_hat)
    return Estimate.of_ratio(weights, _errors_of_model(log, q_hat), plus)


def shrunk_dr(
    log: BanditLog, target: np.ndarray, q_hat: np.ndarray, shrinkage: float, support: str = "check"
) -> Estimate:
    """Doubly robust with weights shrunk to ``s w / (w**2 + s)``: the model at 0, DR at infinity.

    Source: Su, Dimakopoulou, Krishnamurthy & Dudík (2020), Doubly Robust Off-Policy Evaluation
    with Shrinkage, ICML (the optimistic form).

    Args:
        log: n rows with propensities.
        target: (n, K) probabilities of the policy under test.
        q_hat: (n, K) expected rewards.
        shrinkage: s, not negative.
        support: As in ``ips``.

    Returns:
        The estimate.

    Raises:
        ValueError: As ``doubly_robust``, or if shrinkage is negative.
    """
    if not shrinkage >= 0:
        raise ValueError(f"shrinkage is {shrinkage}; it must not be negative.")
    weights = _weights(log, target, support)
    below = weights**2 + shrinkage
    factor = np.divide(shrinkage, below, out=np.ones_like(below), where=below > 0)
    correction = factor * weights * _errors_of_model(log, q_hat)
    return Estimate.of_mean(_model_value(log, target, q_hat) + correction)


def switch_dr(
    log: BanditLog, target: np.ndarray, q_hat: np.ndarray, threshold: float | None = None
) -> Estimate:
    """Correct the model only where the weight is small; believe it where the weight is large.

    Source: Wang, Agarwal & Dudík (2017), Optimal and Adaptive Off-policy Evaluation in Contextual
    Bandits, ICML.
    Equation: eq-switch-dr.

    Args:
        log: n rows with propensities.
        target: (n, K) probabilities of the policy under test.
        q_hat: (n, K) expected rewards.
        threshold: The largest weight that is used; ``None`` lets :func:`switch_threshold` choose.
            Actions never logged need no support: they count as weights above it.

    Returns:
        The estimate.

    Raises:
        ValueError: As ``direct_method``, or if threshold is negative.
    """
    if threshold is None:
        threshold = switch_threshold(log, target, q_hat)
    if not threshold >= 0:
        raise ValueError(f"threshold is {threshold}; it must not be negative.")
    weights = importance_weights(log, target)
    weights = np.where(weights <= threshold, weights, 0.0)
    return Estimate.of_mean(
        _model_value(log, target, q_hat) + weights * _errors_of_model(log, q_hat)
    )


def switch_threshold(
    log: BanditLog,
    target: np.ndarray,
    q_hat: np.ndarray,
    candidates: int = 20,
    bias: str = "seen",
) -> float:
    """Choose the switch by the log: least estimated variance plus squared bias.

    What is switched off biases the estimate by the expected weighted error of the model there.
    The log shows that bias, with noise (``"seen"``); or it can be bounded by the range of the
    rewards times the target's probability there, whatever the model (``"bound"``), which for rare
    clicks is far too careful and switches nothing off.

    Source: Su et al. (2020), §5, for the first; Wang et al. (2017), §5, for the second.

    Args:
        log: n rows with propensities.
        target: (n, K) probabilities of the policy under test.
        q_hat: (n, K) expected rewards.
        candidates: How many quantiles of the weights are tried, beside none and all.
        bias: ``"seen"`` or ``"bound"``.

    Returns:
        A threshold.

    Raises:
        ValueError: If bias is neither.
    """
    if bias not in ("seen", "bound"):
        raise ValueError(f"bias is '{bias}'; choose 'seen' or 'bound'.")
    weights = importance_weights(log, target)
    model, errors = _model_value(log, target, q_hat), _errors_of_model(log, q_hat)
    tried = np.unique([0.0, *np.quantile(weights, np.linspace(0, 1, candidates))])
    risks = []
    for threshold in tried:
        used = np.where(weights <= threshold, weights, 0.0)
        variance = (model + used * errors).var(ddof=1) / len(log)
        if bias == "seen":
            off = ((weights - used) * errors).mean()
        else:
            off = np.ptp(log.reward) * min(1.0, (weights - used).mean())
        risks.append(variance + off**2)
    return float(tried[int(np.argmin(risks))])


def _weights(log: BanditLog, target: np.ndarray, support: str) -> np.ndarray:
    if support not in ("check", "ignore"):
        raise ValueError(f"support is '{support}'; choose 'check' or 'ignore'.")
    target = check_target(log, target)
    if support == "check":
        require_support(log, target)
    return target[np.arange(len(log)), log.action] / log.propensity


def _model_value(log: BanditLog, target: np.ndarray, q_hat: np.ndarray) -> np.ndarray:
    """(n,) the model's expected reward under the target."""
    return (check_target(log, target) * check_matrix(log, q_hat, "q_hat")).sum(axis=1)


def _errors_of_model(log: BanditLog, q_hat: np.ndarray) -> np.ndarray:
    """(n,) reward less the model's expectation for the action shown."""
    q_hat = check_matrix(log, q_hat, "q_hat")
    return log.reward - q_hat[np.arange(len(log)), log.action]


def _some(weights: np.ndarray) -> np.ndarray:
    if not weights.any():
        raise ValueError(
            "Every weight is 0: the policy shows nothing that was logged; use direct_method, or a "
            "log of a policy that explores."
        )
    return weights


def _positive(value: float, name: str) -> None:
    if not value > 0:
        raise ValueError(f"{name} is {value}; it must be above 0.")
