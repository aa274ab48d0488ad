"""What dynamic programming knows exactly of a small decision process.

Everything here needs the law of the process, which only a simulation has. It is the truth that the
learning agents of this room are measured against.
"""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.reinforcement.mdp import MDP, softmax

__all__ = [
    "action_values",
    "bellman_backup",
    "constrained_policy",
    "occupancy",
    "policy_gradient",
    "policy_value",
    "rewards_by_step",
    "start_value",
    "value_iteration",
]


def policy_value(mdp: MDP, policy: np.ndarray) -> np.ndarray:
    """Value of each state under a policy, by solving Bellman's linear equations.

    Args:
        mdp: The process.
        policy: (S, A) probabilities of the actions.

    Returns:
        (S,) expected discounted sum of rewards from each state on.

    Raises:
        ValueError: If the policy is no policy, or the sum of rewards does not converge.
    """
    moves, rewards = _under(mdp, policy)
    # A state that never leaves and never pays is worth nothing, with any discount.
    ended = np.isclose(np.diag(moves), 1) & np.isclose(rewards, 0)
    live = np.flatnonzero(~ended)
    system = np.eye(len(live)) - mdp.discount * moves[np.ix_(live, live)]
    value = np.zeros(mdp.n_states)
    try:
        value[live] = np.linalg.solve(system, rewards[live])
    except np.linalg.LinAlgError:
        raise ValueError(
            "the sum of rewards does not converge: with a discount of 1 every policy must end."
        ) from None
    return value


def action_values(mdp: MDP, value: np.ndarray) -> np.ndarray:
    """Value of each action: its reward now, and the discounted value of where it leads.

    Args:
        mdp: The process.
        value: (S,) value of each state.

    Returns:
        (S, A) values ``Q``.
    """
    return mdp.rewards + mdp.discount * (mdp.transitions @ value).T


def bellman_backup(mdp: MDP, value: np.ndarray) -> np.ndarray:
    """One step of value iteration: act as well as possible now, and ``value`` says the rest.

    Source: Bellman 1957, Dynamic Programming.
    Equation: eq-bellman.

    Args:
        mdp: The process.
        value: (S,) value of each state.

    Returns:
        (S,) new values; a contraction by the discount in the largest difference.
    """
    return action_values(mdp, value).max(axis=1)


def value_iteration(
    mdp: MDP, value: np.ndarray | None = None, tolerance: float = 1e-10, most: int = 100_000
) -> np.ndarray:
    """Repeat the Bellman backup until nothing moves.

    Args:
        mdp: The process.
        value: (S,) where to start; zeros by default.
        tolerance: Stop when no state's value moves by more.
        most: Give up after so many rounds.

    Returns:
        (S,) value of each state under the best policy.

    Raises:
        ValueError: If it has not settled after ``most`` rounds.
    """
    value = np.zeros(mdp.n_states) if value is None else np.asarray(value, dtype=float)
    for _ in range(most):
        new = bellman_backup(mdp, value)
        if np.abs(new - value).max() <= tolerance:
            return new
        value = new
    raise ValueError(
        f"value iteration has not settled after {most} rounds: lower the discount or allow more."
    )


def start_value(mdp: MDP, policy: np.ndarray) -> float:
    """Expected discounted sum of rewards of a new user under a policy.

    Args:
        mdp: The process.
        policy: (S, A) probabilities of the actions.

    Returns:
        The value, in units of the reward.
    """
    return float(mdp.start @ policy_value(mdp, policy))


def rewards_by_step(mdp: MDP, policy: np.ndarray, horizon: int) -> np.ndarray:
    """Mean reward of a new user at the first visit, the second, and so on, not discounted.

    Args:
        mdp: The process.
        policy: (S, A) probabilities of the actions.
        horizon: Number of visits.

    Returns:
        (horizon,) mean rewards over all users, whether still there or not.
    """
    moves, rewards = _under(mdp, policy)
    here, means = mdp.start, []
    for _ in range(horizon):
        means.append(here @ rewards)
        here = here @ moves
    return np.array(means)


def occupancy(mdp: MDP, policy: np.ndarray) -> np.ndarray:
    """How often each state is visited, a visit at time t counting ``discount ** t``.

    Args:
        mdp: The process; its discount is below 1.
        policy: (S, A) probabilities of the actions.

    Returns:
        (S,) expected discounted visits; they sum to ``1 / (1 - discount)``.

    Raises:
        ValueError: If the discount is 1, for then an end state is visited for ever.
    """
    if mdp.discount >= 1:
        raise ValueError("discounted visits need a discount below 1: an end is visited for ever.")
    moves, _ = _under(mdp, policy)
    return np.linalg.solve(np.eye(mdp.n_states) - mdp.discount * moves.T, mdp.start)


def policy_gradient(mdp: MDP, logits: np.ndarray) -> np.ndarray:
    """Exact gradient of a softmax policy's value with respect to its preferences.

    Source: Sutton, McAllester, Singh & Mansour 2000, theorem 1.
    Equations: eq-policy-gradient, eq-advantage.

    Args:
        mdp: The process.
        logits: (S, A) preferences.

    Returns:
        (S, A) derivatives of ``start_value(mdp, softmax(logits))``.
    """
    policy = softmax(logits)
    value = policy_value(mdp, policy)
    advantage = action_values(mdp, value) - value[:, None]
    return occupancy(mdp, policy)[:, None] * policy * advantage


def constrained_policy(mdp: MDP, other: np.ndarray, at_least: float) -> np.ndarray:
    """Best policy among those that keep a second quantity above a level.

    The discounted visits of a policy obey linear equations, and both values are linear in them: a
    linear programme finds the best. Its policy may have to toss a coin in one state.

    Source: Altman 1999, Constrained Markov Decision Processes.

    Args:
        mdp: The process; its discount is below 1.
        other: (S, A) mean of the second quantity.
        at_least: Lower bound of its value from the start.

    Returns:
        (S, A) probabilities.

    Raises:
        ValueError: If no policy reaches the level.
    """
    from scipy.optimize import linprog

    n, k = mdp.rewards.shape
    arrive = mdp.transitions.transpose(2, 1, 0).reshape(n, n * k)
    leave = np.kron(np.eye(n), np.ones(k))
    solved = linprog(
        -mdp.rewards.ravel(),
        A_eq=leave - mdp.discount * arrive,
        b_eq=mdp.start,
        A_ub=-other.reshape(1, -1),
        b_ub=[-at_least],
        method="highs",
    )
    if solved.x is None:
        raise ValueError(f"no policy keeps the second value at {at_least:.4g}: lower the bound.")
    visits = np.maximum(solved.x.reshape(n, k), 0)
    total = visits.sum(axis=1, keepdims=True)
    return np.where(total > 1e-12, visits / np.maximum(total, 1e-12), 1 / k)


def _under(mdp: MDP, policy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the moves (S, S) and mean rewards (S,) of a policy."""
    policy = np.asarray(policy, dtype=float)
    if policy.shape != mdp.rewards.shape:
        raise ValueError(
            f"the policy has shape {policy.shape}: give {mdp.rewards.shape}, states by actions."
        )
    if not (policy >= 0).all() or not np.allclose(policy.sum(axis=1), 1):
        raise ValueError("the policy is no probability in some state: make each row sum to 1.")
    moves = np.einsum("sa,ast->st", policy, mdp.transitions)
    return moves, (policy * mdp.rewards).sum(axis=1)
