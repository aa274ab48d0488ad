"""Policies learned from a log alone.

Source: Swaminathan & Joachims (2015), Counterfactual Risk Minimization: Learning from Logged
Bandit Feedback, ICML (POEM).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.data import BanditLog
from recsys_book.exploration.off_policy.targets import check_matrix

__all__ = ["LearnedPolicy", "greedy_policy", "learn_policy", "learning_objective"]


@dataclass(frozen=True, eq=False)
class LearnedPolicy:
    """A softmax of linear scores, the same in every position.

    Attributes:
        theta: (d + 1, K) weights; the last row is the constant.
        objective: what the training log says of it, penalties included; too good, as any score
            on training rows.
    """

    theta: np.ndarray
    objective: float

    def probabilities(self, context: np.ndarray) -> np.ndarray:
        """Give (n, K) probabilities for contexts (n, d)."""
        return _softmax(_with_constant(np.asarray(context, dtype=np.float64)) @ self.theta)


def greedy_policy(q_hat: np.ndarray) -> np.ndarray:
    """Show the action that a reward model likes best: (n, K) of 0 and 1, first of equals."""
    q_hat = np.asarray(q_hat, dtype=np.float64)
    return np.eye(q_hat.shape[1])[q_hat.argmax(axis=1)]


def learn_policy(
    log: BanditLog,
    clip: float = np.inf,
    variance_penalty: float = 0.0,
    l2: float = 1e-3,
    baseline: float = 0.0,
    q_hat: np.ndarray | None = None,
    iterations: int = 200,
) -> LearnedPolicy:
    """Find the softmax policy of the largest estimated value on a log.

    Args:
        log: n rows with propensities.
        clip: Largest weight in the estimate.
        variance_penalty: How many standard errors are taken off the estimate (POEM).
        l2: Penalty of the squared weights.
        baseline: Taken off every reward. With rewards of one sign the learner is paid (or fined)
            for the sum of weights alone; the mean reward takes that away.
        q_hat: (n, K) a reward model; with it the doubly robust estimate is maximised.
        iterations: Steps of L-BFGS, from the uniform policy.

    Returns:
        The policy.

    Raises:
        ValueError: If q_hat has another shape, clip is not above 0, or a penalty is negative.
    """
    from scipy.optimize import minimize

    if not (clip > 0 and variance_penalty >= 0 and l2 >= 0):
        raise ValueError(
            f"clip {clip}, variance_penalty {variance_penalty} and l2 {l2} must be above 0, and "
            "the last two at least 0."
        )
    x = _with_constant(log.context)
    shape = (x.shape[1], log.n_actions)
    model = None if q_hat is None else check_matrix(log, q_hat, "q_hat")

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = flat.reshape(shape)
        value, slope = learning_objective(
            theta, x, log, clip=clip, variance_penalty=variance_penalty, baseline=baseline, q=model
        )
        return l2 * (flat @ flat) - value, 2 * l2 * flat - slope.ravel()

    options = {"maxiter": iterations}
    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options)
    return LearnedPolicy(found.x.reshape(shape), float(-found.fun))


def learning_objective(
    theta: np.ndarray,
    x: np.ndarray,
    log: BanditLog,
    *,
    clip: float = np.inf,
    variance_penalty: float = 0.0,
    baseline: float = 0.0,
    q: np.ndarray | None = None,
) -> tuple[float, np.ndarray]:
    """Estimate the value of a softmax policy less its standard errors, and the slope of that.

    Source: Swaminathan & Joachims (2015), equation 8.
    Equation: eq-poem.

    Args:
        theta: (d, K) weights.
        x: (n, d) contexts.
        log: n rows with propensities.
        clip: Largest weight.
        variance_penalty: Standard errors taken off.
        baseline: Taken off every reward.
        q: (n, K) reward model, or ``None``.

    Returns:
        The objective, and its gradient (d, K).
    """
    n, rows = len(log), np.arange(len(log))
    p = _softmax(x @ theta)
    reward = log.reward - baseline
    error = reward if q is None else reward - (q[rows, log.action] - baseline)
    raw = p[rows, log.action] / log.propensity
    u = np.minimum(raw, clip) * error
    to_score = -p * (np.where(raw < clip, raw, 0.0) * error)[:, None]
    to_score[rows, log.action] += np.where(raw < clip, raw, 0.0) * error
    if q is not None:
        expected = (p * (q - baseline)).sum(axis=1)
        u = u + expected
        to_score += p * (q - baseline - expected[:, None])
    share = np.full(n, 1 / n)
    value = u.mean()
    spread = np.sqrt(u.var(ddof=1) / n)
    if variance_penalty and spread > 0:
        share -= variance_penalty * (u - value) / (n * (n - 1) * spread)
        value -= variance_penalty * spread
    return float(value), x.T @ (to_score * share[:, None])


def _with_constant(context: np.ndarray) -> np.ndarray:
    return np.hstack([context, np.ones((len(context), 1))])


def _softmax(scores: np.ndarray) -> np.ndarray:
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)
