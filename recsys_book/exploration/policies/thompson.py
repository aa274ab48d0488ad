"""Policies that draw a possible truth from what they know, and act as if it were so."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.policies.base import SamplingPolicy
from recsys_book.exploration.policies.counts import ClickPolicy, CountingPolicy, checked_discount


def beta_posterior(
    successes: np.ndarray, failures: np.ndarray, prior: tuple[float, float] = (1.0, 1.0)
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the parameters of :math:`\mathrm{Beta}(a_0+s_a,\,b_0+f_a)`.

    Equation: eq-thompson-beta

    Args:
        successes: Clicks of each arm.
        failures: Shows without a click, same shape.
        prior: a0 and b0.

    Returns:
        The two parameters.
    """
    return prior[0] + successes, prior[1] + failures


class BetaThompson(SamplingPolicy, ClickPolicy):
    """Thompson sampling for clicks, with a Beta prior on each arm's rate.

    A reward between 0 and 1 counts as that share of a click. With one run, the default prior and
    the same seed it makes the choices of MABWiser's ``ThompsonSampling``. ``probabilities`` is a
    Monte Carlo estimate.

    Equation: eq-thompson-beta

    Source: Thompson (1933), Biometrika 25; Chapelle and Li (2011), "An Empirical Evaluation of
    Thompson Sampling", NIPS.

    Args:
        n_arms: Arms K.
        prior: Parameters of the Beta prior, above 0.
        discount: Above 0, at most 1: an answer of age k counts ``discount ** k``; 1 forgets
            nothing. (Raj and Kalyani, 2017, "Taming Non-stationary Bandits".)
        n_runs: Runs R.
        seed: Seed of the draws.

    Raises:
        ValueError: If a setting is out of range, or a reward is not in [0, 1].
    """

    def __init__(
        self,
        *,
        n_arms: int,
        prior: tuple[float, float] = (1.0, 1.0),
        discount: float = 1.0,
        n_runs: int = 1,
        seed: int = 0,
    ):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed)
        if min(prior) <= 0:
            raise ValueError(f"prior is {prior}; use two numbers above 0.")
        self.prior = prior
        self.discount = checked_discount(discount)

    def sample(
        self, contexts: np.ndarray | None = None, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Draw a click rate for each arm from its posterior, shape (R, K)."""
        rng = self.rng if rng is None else rng
        return rng.beta(*beta_posterior(self.total, self.n - self.total, self.prior))


class GaussianThompson(SamplingPolicy, CountingPolicy):
    r"""Thompson sampling for rewards with normal noise of a known size.

    With prior :math:`\mathcal N(m_0, s_0^2)` and noise :math:`\sigma`, an arm's posterior has
    precision :math:`1/s_0^2+n/\sigma^2` and a mean that weighs prior and data by precision.
    ``probabilities`` is a Monte Carlo estimate.

    Source: Agrawal and Goyal (2013), "Further Optimal Regret Bounds for Thompson Sampling",
    AISTATS (there with a flat prior).

    Args:
        n_arms: Arms K.
        sd: Standard deviation sigma of a reward, above 0.
        prior_mean: m0.
        prior_sd: s0, above 0.
        n_runs: Runs R.
        seed: Seed of the draws.

    Raises:
        ValueError: If a standard deviation is not above 0.
    """

    def __init__(
        self,
        *,
        n_arms: int,
        sd: float = 1.0,
        prior_mean: float = 0.0,
        prior_sd: float = 1.0,
        n_runs: int = 1,
        seed: int = 0,
    ):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed)
        if not (sd > 0 and prior_sd > 0):
            raise ValueError(f"sd is {sd} and prior_sd {prior_sd}; use numbers above 0.")
        self.sd = sd
        self.prior_mean = prior_mean
        self.prior_sd = prior_sd

    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of each arm's posterior, both (R, K)."""
        precision = self.prior_sd**-2 + self.n * self.sd**-2
        mean = (self.prior_mean * self.prior_sd**-2 + self.total * self.sd**-2) / precision
        return mean, precision**-0.5

    def sample(
        self, contexts: np.ndarray | None = None, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Draw a mean for each arm from its posterior, shape (R, K)."""
        rng = self.rng if rng is None else rng
        mean, sd = self.posterior()
        return mean + sd * rng.standard_normal(mean.shape)
