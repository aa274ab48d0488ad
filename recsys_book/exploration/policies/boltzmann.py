"""Policies that play an arm the more often, the better it looks."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.policies.counts import CountingPolicy


def softmax_probabilities(values: np.ndarray, temperature: float) -> np.ndarray:
    r"""Return :math:`e^{v_a/\tau}/\sum_b e^{v_b/\tau}` of each row.

    Equation: eq-boltzmann

    Args:
        values: Shape (R, K).
        temperature: tau, above 0, in units of the reward. Near 0 the best arm takes all; a large
            one makes the arms equal.

    Returns:
        Shape (R, K); rows sum to 1.

    Raises:
        ValueError: If the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; use a number above 0.")
    weights = np.exp((values - values.max(axis=1, keepdims=True)) / temperature)
    return weights / weights.sum(axis=1, keepdims=True)


class _Weighted(CountingPolicy):
    """A policy that draws an arm from weights which are exact propensities, or nearly."""

    def __init__(self, *, n_arms: int, n_runs: int = 1, seed: int = 0, draw: str = "choice"):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed)
        if draw not in ("choice", "dirichlet"):
            raise ValueError(f'draw is {draw!r}; use "choice" or "dirichlet".')
        self.draw = draw
        self._monte_carlo = np.random.default_rng([seed, 1])

    def weights(self) -> np.ndarray:
        """Return the weight of each arm, shape (R, K); rows sum to 1."""
        raise NotImplementedError

    def select(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Draw an arm in each run; see :meth:`Policy.select`."""
        weights = self.weights()
        if self.draw == "choice":
            below = self.rng.random((self.n_runs, 1)) < weights.cumsum(axis=1)
            below[:, -1] = True  # the last sum may miss 1 by rounding
            return below.argmax(axis=1)
        return self._dirichlet_argmax(weights, self.rng)

    def probabilities(self, contexts: np.ndarray | None = None, draws: int = 1000) -> np.ndarray:
        """Return the weights, shape (R, K); with ``draw="dirichlet"`` a Monte Carlo estimate."""
        if self.draw == "choice":
            return self.weights()
        counts, weights = np.zeros((self.n_runs, self.n_arms)), self.weights()
        for _ in range(draws):
            counts[self._rows, self._dirichlet_argmax(weights, self._monte_carlo)] += 1
        return counts / draws

    @staticmethod
    def _dirichlet_argmax(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the largest entry of one Dirichlet draw a run."""
        tiny = np.finfo(float).eps
        return np.array([rng.dirichlet(row + tiny).argmax() for row in weights])


class Boltzmann(_Weighted):
    r"""Draw an arm with chance proportional to :math:`e^{\hat\mu_a/\tau}`.

    The arms' means start at 0. With ``draw="dirichlet"``, one run and the same seed it makes the
    choices of MABWiser's ``Softmax``, which plays the largest entry of a Dirichlet draw whose
    parameters are these chances. That is another policy: an arm's propensity is then not its
    softmax chance.

    Equation: eq-boltzmann

    Source: Sutton and Barto (2018), Reinforcement Learning, section 2.8 (soft-max distribution).

    Args:
        n_arms: Arms K.
        temperature: tau, in units of the reward.
        n_runs: Runs R.
        seed: Seed of the draws.
        draw: ``"choice"`` or ``"dirichlet"``.
    """

    def __init__(
        self,
        *,
        n_arms: int,
        temperature: float = 1.0,
        n_runs: int = 1,
        seed: int = 0,
        draw: str = "choice",
    ):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed, draw=draw)
        softmax_probabilities(np.zeros((1, 1)), temperature)
        self.temperature = temperature

    def weights(self) -> np.ndarray:
        """Return the softmax of the means, shape (R, K)."""
        return softmax_probabilities(self.means(), self.temperature)


class Proportional(_Weighted):
    """Draw an arm with chance proportional to its mean reward, equal while all are 0.

    Rewards must not be negative. With ``draw="dirichlet"``, one run and the same seed it makes the
    choices of MABWiser's ``Popularity`` where that is fitted anew on the whole history; its
    ``partial_fit`` (version 2.7.4) divides again what was divided before, and so departs.
    """

    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Count the play and add its reward; see :meth:`Policy.update`."""
        arms, rewards = self._check_feedback(arms, rewards)
        if (rewards < 0).any():
            run = int(np.argmax(rewards < 0))
            raise ValueError(
                f"the reward in run {run} is {rewards[run]}; use rewards of 0 or more,"
                " since chances are proportional to them."
            )
        self._count(arms, rewards)

    def weights(self) -> np.ndarray:
        """Return the means divided by their sum, shape (R, K)."""
        means = self.means()
        sums = means.sum(axis=1, keepdims=True)
        return np.where(sums > 0, means / np.where(sums > 0, sums, 1), 1 / self.n_arms)
