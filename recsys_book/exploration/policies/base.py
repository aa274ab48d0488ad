"""What every policy can do: choose, say how likely each choice is, and learn from the answer."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class Policy(ABC):
    """A policy that plays R independent runs side by side, each with K arms.

    ``select`` chooses and does not learn; ``update`` learns and does not choose; whoever calls them
    may wait between the two, so late and batched feedback need nothing from the policy.
    ``probabilities`` says how likely each arm is in the next ``select``: the propensity to be
    logged beside the choice. It leaves the policy's random numbers where they are, so asking for
    it changes no choice.

    A subclass that reads contexts says in its docstring whether it takes one vector shared by all
    arms, ``(R, d)``, or one vector an arm, ``(R, K, d)``.

    Args:
        n_arms: Number of arms K, at least 1.
        n_runs: Independent runs R that are played side by side, at least 1.
        seed: Seed of the policy's own random numbers.
        ties: ``"random"`` draws among the arms that share the highest score; ``"first"`` takes the
            arm with the lowest number.

    Attributes:
        rng: The generator that the choices are drawn with.

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(self, *, n_arms: int, n_runs: int = 1, seed: int = 0, ties: str = "random"):
        for name, value in (("n_arms", n_arms), ("n_runs", n_runs)):
            if value != int(value) or value < 1:
                raise ValueError(f"{name} is {value}; use a whole number of at least 1.")
        if ties not in ("random", "first"):
            raise ValueError(f'ties is {ties!r}; use "random" or "first".')
        self.n_arms = int(n_arms)
        self.n_runs = int(n_runs)
        self.seed = seed
        self.ties = ties
        self.rng = np.random.default_rng(seed)
        self._rows = np.arange(self.n_runs)

    @abstractmethod
    def select(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Choose an arm in each run, without learning.

        Args:
            contexts: None, ``(R, d)`` or ``(R, K, d)``, as the policy's docstring says.

        Returns:
            Arms, shape ``(R,)``, whole numbers from 0 to K - 1.
        """

    @abstractmethod
    def probabilities(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return how likely each arm is in the next ``select``, shape ``(R, K)``; rows sum to 1."""

    @abstractmethod
    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Learn from one answer in each run.

        Args:
            arms: The arms that were played, shape ``(R,)``.
            rewards: What they paid, shape ``(R,)``.
            contexts: The contexts of those choices, as ``select`` had them.

        Raises:
            ValueError: If an arm is unknown, a reward is not finite or a shape is wrong; the policy
                is left as it was.
        """

    def _check_feedback(
        self, arms: np.ndarray, rewards: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return arms and rewards as arrays of shape (R,), or say what is wrong with them."""
        arms, rewards = np.asarray(arms), np.asarray(rewards, dtype=float)
        for name, values in (("arms", arms), ("rewards", rewards)):
            if values.shape != (self.n_runs,):
                raise ValueError(
                    f"{name} has shape {values.shape}; give one value for each of the"
                    f" {self.n_runs} runs."
                )
        if arms.dtype.kind not in "iu":
            raise ValueError(f"arms has type {arms.dtype}; use whole numbers.")
        wrong = (arms < 0) | (arms >= self.n_arms)
        if wrong.any():
            run = int(np.argmax(wrong))
            raise ValueError(
                f"arm {arms[run]} in run {run} is unknown; use 0 to {self.n_arms - 1}."
            )
        wrong = ~np.isfinite(rewards)
        if wrong.any():
            run = int(np.argmax(wrong))
            raise ValueError(
                f"the reward in run {run} is {rewards[run]}; give a finite number,"
                " or leave the round out."
            )
        return arms, rewards

    def _check_contexts(
        self, contexts: np.ndarray | None, dim: int, *, per_arm: bool = False
    ) -> np.ndarray:
        """Return contexts of shape (R, d), or (R, K, d) where ``per_arm``, or say what is wrong."""
        shape = (self.n_runs, self.n_arms, dim) if per_arm else (self.n_runs, dim)
        if contexts is None:
            raise ValueError(f"contexts is missing; give an array of shape {shape}.")
        contexts = np.asarray(contexts, dtype=float)
        if contexts.shape != shape:
            raise ValueError(f"contexts has shape {contexts.shape}; give {shape}.")
        if not np.isfinite(contexts).all():
            run = int(np.argwhere(~np.isfinite(contexts))[0][0])
            raise ValueError(f"the context of run {run} has NaN or infinity; give finite numbers.")
        return contexts

    def _argmax(self, scores: np.ndarray) -> np.ndarray:
        """Return the arm with the highest score in each run; ties as ``ties`` says.

        Random numbers are drawn only where there is a tie.

        Args:
            scores: Shape (R, K).

        Returns:
            Arms, shape (R,).
        """
        arms = scores.argmax(axis=1)
        if self.ties == "first":
            return arms
        best = scores == scores[self._rows, arms][:, None]
        tied = np.flatnonzero(best.sum(axis=1) > 1)
        if tied.size:
            arms[tied] = np.where(best[tied], self.rng.random((tied.size, self.n_arms)), -1).argmax(
                axis=1
            )
        return arms

    def _argmax_probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Return how likely ``_argmax`` is to take each arm, shape (R, K)."""
        if self.ties == "first":
            best = np.zeros(scores.shape)
            best[self._rows, scores.argmax(axis=1)] = 1.0
            return best
        best = (scores == scores.max(axis=1, keepdims=True)).astype(float)
        return best / best.sum(axis=1, keepdims=True)


class IndexPolicy(Policy):
    """A policy that gives each arm a number, its index, and plays the highest.

    Given its past the choice is certain up to ties, so ``probabilities`` is exact.
    """

    @abstractmethod
    def index(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return the index of each arm, shape (R, K)."""

    def select(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Play the arm with the highest index; see :meth:`Policy.select`."""
        return self._argmax(self.index(contexts))

    def probabilities(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return 1 for the arm with the highest index, shared by ties; shape (R, K)."""
        return self._argmax_probabilities(self.index(contexts))


class SamplingPolicy(Policy):
    """A policy that draws a score for each arm and plays the highest (probability matching).

    ``probabilities`` is a Monte Carlo estimate: the share of ``draws`` in which an arm is highest.
    It comes from a generator of its own; its standard error is at most ``0.5 / sqrt(draws)``.
    """

    def __init__(self, *, n_arms: int, n_runs: int = 1, seed: int = 0, ties: str = "random"):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed, ties=ties)
        self._monte_carlo = np.random.default_rng([seed, 1])

    @abstractmethod
    def sample(
        self, contexts: np.ndarray | None = None, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Return one drawn score for each arm, shape (R, K), from ``rng`` or the policy's own."""

    def select(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Play the arm with the highest drawn score; see :meth:`Policy.select`."""
        return self._argmax(self.sample(contexts))

    def probabilities(self, contexts: np.ndarray | None = None, draws: int = 1000) -> np.ndarray:
        """Estimate how likely each arm is, by ``draws`` draws of every score; shape (R, K).

        An arm that is never highest gets 0: give more draws before dividing by it.
        """
        if draws < 1:
            raise ValueError(f"draws is {draws}; use at least 1.")
        counts = np.zeros((self.n_runs, self.n_arms))
        for _ in range(draws):
            counts[self._rows, self.sample(contexts, self._monte_carlo).argmax(axis=1)] += 1
        return counts / draws
