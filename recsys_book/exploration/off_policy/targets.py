"""The policy under test, as one row of probabilities for each row of a log."""

from __future__ import annotations

import numpy as np

from recsys_book.data import BanditLog

__all__ = ["deterministic_policy", "empirical_policy", "importance_weights", "uniform_policy"]


def check_matrix(log: BanditLog, values: np.ndarray, name: str) -> np.ndarray:
    """Return ``values`` as (n, K) float, one row a row of the log; ``ValueError`` if it is not."""
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.shape != (len(log), log.n_actions):
        raise ValueError(
            f"{name} has shape {matrix.shape} for a log of {len(log)} rows and {log.n_actions} "
            "actions; give one row of the log's width to each row of the log."
        )
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(bad):
        raise ValueError(f"{name}, row {bad[0]}: a number is missing or infinite; fill it in.")
    return matrix


def check_target(log: BanditLog, target: np.ndarray) -> np.ndarray:
    """Check that each row of ``target`` is a distribution over the log's actions.

    Args:
        log: The log of n rows and K actions.
        target: (n, K) probabilities.

    Returns:
        (n, K) float.

    Raises:
        ValueError: If the shape is another, or a row is negative or does not sum to 1.
    """
    target = check_matrix(log, target, "The target policy")
    off = np.abs(target.sum(axis=1) - 1)
    wrong = np.flatnonzero((target < 0).any(axis=1) | (off > 1e-6))
    if len(wrong):
        row = wrong[0]
        raise ValueError(
            f"The target policy, row {row}: the probabilities are no distribution (least "
            f"{target[row].min():g}, sum {target[row].sum():g}); divide each row by its sum."
        )
    return target


def uniform_policy(log: BanditLog) -> np.ndarray:
    """Give every action the same probability in every row: (n, K)."""
    return np.full((len(log), log.n_actions), 1.0 / log.n_actions)


def deterministic_policy(log: BanditLog, actions: np.ndarray) -> np.ndarray:
    """Turn one chosen action a row into probabilities 0 and 1.

    Args:
        log: The log of n rows.
        actions: (n,) the action that the policy would show in each row.

    Returns:
        (n, K) with a single 1 in each row.

    Raises:
        ValueError: If there is not one action a row, or an action is unknown to the log.
    """
    actions = np.asarray(actions)
    if actions.shape != (len(log),):
        raise ValueError(
            f"The policy chose {actions.shape} actions for {len(log)} rows; give one a row."
        )
    unknown = np.flatnonzero(~np.isin(actions, np.arange(log.n_actions)))
    if len(unknown):
        row = unknown[0]
        raise ValueError(
            f"Row {row}: the policy returns the item {actions[row]}, which is unknown to the log "
            f"(its items are 0 to {log.n_actions - 1}); map or mask such items before judging it."
        )
    return np.eye(log.n_actions)[actions.astype(np.int64)]


def empirical_policy(log: BanditLog, shown: BanditLog) -> np.ndarray:
    """Take for a policy the shares with which another log shows the items in each position.

    For a policy that looks at the position only and changes over time, this is an unbiased
    estimate of its average over the time of ``shown``. What depends on the context is averaged
    over too.

    Args:
        log: The log on whose rows the policy is to be judged.
        shown: The log of the policy itself, of the same actions and positions.

    Returns:
        (n, K) the share of each action in the row's position.

    Raises:
        ValueError: If the logs have other actions, or ``shown`` has no row in a position.
    """
    counts = shown.counts()
    if counts.shape != (log.n_positions, log.n_actions):
        raise ValueError(
            f"The logs have {counts.shape} and {(log.n_positions, log.n_actions)} positions and "
            "actions; take two logs of the same items."
        )
    totals = counts.sum(axis=1)
    if (totals == 0).any():
        raise ValueError(
            f"The log that shows the policy has no row in position {np.argmin(totals)}; take one "
            "that covers every position."
        )
    return (counts / totals[:, None])[log.position]


def importance_weights(log: BanditLog, target: np.ndarray) -> np.ndarray:
    """Divide the target's probability of each logged action by its propensity: (n,)."""
    target = check_target(log, target)
    return target[np.arange(len(log)), log.action] / log.propensity
