"""A decision process small enough for tables, and policies that are tables too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["MDP", "greedy_policy", "softmax"]


@dataclass(frozen=True, eq=False)
class MDP:
    """A Markov decision process with S states and A actions.

    Attributes:
        transitions: (A, S, S) probabilities of the next state; each row sums to one.
        rewards: (S, A) mean reward of an action in a state.
        start: (S,) probabilities of the first state.
        discount: the factor gamma by which a reward one step later counts less, 0 to 1.

    Raises:
        ValueError: If a shape is wrong, a row of probabilities does not sum to one, a reward is
            not finite, or the discount is outside [0, 1].
    """

    transitions: np.ndarray
    rewards: np.ndarray
    start: np.ndarray
    discount: float

    def __post_init__(self) -> None:
        n_states, n_actions = self.rewards.shape
        if self.transitions.shape != (n_actions, n_states, n_states):
            raise ValueError(
                f"the transitions of an MDP have shape {self.transitions.shape}: with rewards of"
                f" shape {self.rewards.shape} give {(n_actions, n_states, n_states)}."
            )
        if self.start.shape != (n_states,):
            raise ValueError(f"the start of an MDP needs {n_states} probabilities, one a state.")
        for name, rows in (("transitions", self.transitions), ("start", self.start)):
            if (rows < 0).any() or not np.allclose(rows.sum(axis=-1), 1):
                raise ValueError(f"the {name} of an MDP are no probabilities: make rows sum to 1.")
        if not np.isfinite(self.rewards).all():
            raise ValueError("a reward of an MDP is not finite: mend it before planning.")
        if not 0 <= self.discount <= 1:
            raise ValueError(f"the discount {self.discount} is outside 0 to 1: choose one inside.")

    @property
    def n_states(self) -> int:
        """Number of states."""
        return self.rewards.shape[0]

    @property
    def n_actions(self) -> int:
        """Number of actions."""
        return self.rewards.shape[1]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn preferences into probabilities, row by row.

    Args:
        logits: Shape (S, A).

    Returns:
        Positive probabilities that sum to one in each row, shape (S, A).
    """
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def greedy_policy(values: np.ndarray) -> np.ndarray:
    """Always take the action of the highest value; the first one of a tie.

    Args:
        values: (S, A), for instance ``Q``.

    Returns:
        (S, A) probabilities, zero or one.
    """
    return np.eye(values.shape[1])[values.argmax(axis=1)]
