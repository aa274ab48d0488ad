"""Learning and judging from visits that another policy made."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.reinforcement.feed import Visits
from recsys_book.exploration.reinforcement.mdp import MDP, softmax
from recsys_book.exploration.reinforcement.reinforce import discounted_returns

__all__ = [
    "corrected_gradient",
    "effective_shares",
    "importance_ratios",
    "learn_from_log",
    "per_decision_values",
    "return_totals",
    "squared_weights",
    "top_k_multiplier",
    "whole_life_values",
]


def importance_ratios(visits: Visits, target: np.ndarray, logging: np.ndarray) -> np.ndarray:
    """How much likelier the policy under test is to show what was shown, visit by visit.

    Args:
        visits: Visits that the logging policy made.
        target: (S, A) probabilities of the policy under test.
        logging: (S, A) probabilities of the logging policy.

    Returns:
        (T, N) ratios, one after a user has left.

    Raises:
        ValueError: If the log holds an action that the logging policy never takes.
    """
    pairs = visits.states[:-1], visits.actions
    propensity = np.where(visits.alive, logging[pairs], 1.0)
    if (propensity <= 0).any():
        t, n = np.argwhere(propensity <= 0)[0]
        raise ValueError(
            f"visit {t} of user {n} has a propensity of 0: pass the policy that made the log."
        )
    return np.where(visits.alive, target[pairs] / propensity, 1.0)


def per_decision_values(
    visits: Visits,
    rewards: np.ndarray,
    target: np.ndarray,
    logging: np.ndarray,
    discount: float,
) -> np.ndarray:
    """Estimate a policy's value from another's visits, each reward weighed by what led to it.

    Source: Precup, Sutton & Singh 2000, section 3.
    Equation: eq-per-decision.

    Args:
        visits: Visits that the logging policy made.
        rewards: (T, N).
        target: (S, A) probabilities of the policy under test.
        logging: (S, A) probabilities of the logging policy.
        discount: The discount gamma.

    Returns:
        (N,) one unbiased estimate a user.
    """
    w = importance_ratios(visits, target, logging).cumprod(axis=0)
    discounts = discount ** np.arange(len(rewards))[:, None]
    return (discounts * w * rewards).sum(axis=0)


def whole_life_values(
    visits: Visits,
    rewards: np.ndarray,
    target: np.ndarray,
    logging: np.ndarray,
    discount: float,
) -> np.ndarray:
    """As ``per_decision_values``, but all rewards of a user get the weight of the last visit.

    Args:
        visits: Visits that the logging policy made.
        rewards: (T, N).
        target: (S, A) probabilities of the policy under test.
        logging: (S, A) probabilities of the logging policy.
        discount: The discount gamma.

    Returns:
        (N,) one unbiased estimate a user.
    """
    w = importance_ratios(visits, target, logging).prod(axis=0)
    return w * discounted_returns(rewards, discount)[0]


def effective_shares(visits: Visits, target: np.ndarray, logging: np.ndarray) -> np.ndarray:
    """Effective sample size after each visit, as a share of the users.

    Args:
        visits: Visits that the logging policy made.
        target: (S, A) probabilities of the policy under test.
        logging: (S, A) probabilities of the logging policy.

    Returns:
        (T,) squared sum of the weights over the sum of their squares, divided by N.
    """
    w = importance_ratios(visits, target, logging).cumprod(axis=0)
    return w.sum(axis=1) ** 2 / (w**2).sum(axis=1) / w.shape[1]


def squared_weights(mdp: MDP, target: np.ndarray, logging: np.ndarray, horizon: int) -> np.ndarray:
    """Exact mean of the squared weight after each visit; its inverse is the effective share.

    Args:
        mdp: The process; the last state is the end, where no weight is added.
        target: (S, A) probabilities of the policy under test.
        logging: (S, A) probabilities of the logging policy, positive where the target is.
        horizon: Number of visits.

    Returns:
        (horizon,) second moments, at least one.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.where(target > 0, target**2 / logging, 0.0)
    squares[-1] = 1 / mdp.n_actions
    moves = np.einsum("sa,ast->st", squares, mdp.transitions)
    reached, moments = mdp.start, []
    for _ in range(horizon):
        reached = reached @ moves
        moments.append(reached.sum())
    return np.array(moments)


def top_k_multiplier(probability: np.ndarray, k: int) -> np.ndarray:
    """How much an action's score counts when the policy fills a list of k by independent draws.

    Source: Chen et al. 2019, equation 6.
    Equation: eq-top-k-correction.

    Args:
        probability: Any shape, the policy's probability of the action.
        k: Length of the list.

    Returns:
        The derivative of ``1 - (1 - p) ** k`` with respect to p: ``k (1 - p) ** (k - 1)``.
    """
    return k * (1 - probability) ** (k - 1)


def corrected_gradient(
    totals: np.ndarray,
    policy: np.ndarray,
    logging: np.ndarray,
    cap: float | None = None,
    k: int = 1,
) -> np.ndarray:
    """Gradient of REINFORCE from another policy's visits, to first order.

    Each visit gets the ratio of its own action only; the full product would be unbiased, and
    useless. As the ratio depends on state and action alone, the returns may be summed first.

    Source: Chen et al. 2019, equations 3 to 6.
    Equation: eq-top-k-correction.

    Args:
        totals: (S, A) sum of the returns that followed an action in a state, a user.
        policy: (S, A) probabilities of the policy that learns.
        logging: (S, A) probabilities of the logging policy.
        cap: Largest ratio; none by default.
        k: Length of the list that the policy fills by independent draws.

    Returns:
        (S, A) derivatives with respect to the softmax preferences.

    Raises:
        ValueError: If something followed an action that the logging policy never takes.
    """
    if ((logging <= 0) & (totals != 0)).any():
        s, a = np.argwhere((logging <= 0) & (totals != 0))[0]
        raise ValueError(
            f"action {a} in state {s} has a propensity of 0: pass the policy that made the log."
        )
    ratio = np.divide(policy, logging, out=np.zeros_like(policy), where=logging > 0)
    ratio = ratio if cap is None else np.minimum(ratio, cap)
    pushes = ratio * top_k_multiplier(policy, k) * totals
    return pushes - policy * pushes.sum(axis=1, keepdims=True)


def return_totals(
    visits: Visits, rewards: np.ndarray, discount: float, shape: tuple[int, int]
) -> np.ndarray:
    """Sum, for each state and action, how much better than usual it went on from there.

    *Usual* is the state's mean return in the log.

    Args:
        visits: Any visits.
        rewards: (T, N).
        discount: The discount gamma.
        shape: Numbers of states and of actions.

    Returns:
        (S, A) sums of return minus the state's mean return, divided by the number of users.
    """
    states, actions = visits.states[:-1][visits.alive], visits.actions[visits.alive]
    G = discounted_returns(rewards, discount)[visits.alive]
    mean = np.bincount(states, G, shape[0]) / np.maximum(np.bincount(states, minlength=shape[0]), 1)
    pair = states * shape[1] + actions
    return np.bincount(pair, G - mean[states], shape[0] * shape[1]).reshape(shape) / len(visits)


def learn_from_log(
    totals: np.ndarray,
    logging: np.ndarray,
    steps: int = 300,
    rate: float = 3.0,
    cap: float | None = None,
    corrected: bool = True,
) -> np.ndarray:
    """Learn a policy from a log alone, by gradient steps over the whole of it.

    Args:
        totals: (S, A), see ``return_totals``.
        logging: (S, A) probabilities of the logging policy.
        steps: Number of steps.
        rate: Step size.
        cap: Largest ratio.
        corrected: Whether to use the ratios at all.

    Returns:
        (S, A) probabilities of the learned policy.
    """
    logits = np.zeros_like(logging)
    for _ in range(steps):
        policy = softmax(logits)
        against = logging if corrected else policy
        logits += rate * corrected_gradient(totals, policy, against, cap)
    return softmax(logits)
