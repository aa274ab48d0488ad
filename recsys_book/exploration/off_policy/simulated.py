"""A simulated shop whose every expectation is a finite sum, so that the truth is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.data import BanditLog

__all__ = ["LoggedWorld", "ips_variance", "policy_value", "softmax_policy"]


def policy_value(chances: np.ndarray, policy: np.ndarray, q: np.ndarray) -> float:
    """Average the expected reward over contexts and the policy's actions.

    Equation: eq-policy-value.

    Args:
        chances: (M,) probability of each type of context.
        policy: (M, K) probability of each action in each type.
        q: (M, K) expected reward.

    Returns:
        The value.
    """
    return float(chances @ (policy * q).sum(axis=1))


def ips_variance(
    chances: np.ndarray,
    logging: np.ndarray,
    policy: np.ndarray,
    q: np.ndarray,
    noise: np.ndarray,
    n: int,
) -> float:
    """Compute the exact variance of the IPS estimate from n independent rows.

    Source: Dudík et al. (2011), §3, with an exact propensity and no model.
    Equation: eq-ips-variance.

    Args:
        chances: (M,) probability of each type of context.
        logging: (M, K) the policy that logs; above 0 where ``policy`` is.
        policy: (M, K) the policy under test.
        q: (M, K) expected reward.
        noise: (M, K) variance of the reward.
        n: Rows of the log.

    Returns:
        The variance.
    """
    ratio = np.divide(policy, logging, out=np.zeros_like(policy), where=policy > 0)
    second = chances @ (policy * ratio * (noise + q**2)).sum(axis=1)
    return float((second - policy_value(chances, policy, q) ** 2) / n)


def softmax_policy(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Turn scores (M, K) into probabilities; a low temperature is greedy, infinity uniform."""
    scaled = scores / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return scaled / scaled.sum(axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class LoggedWorld:
    """Types of visitors, items, and the chance of a click of each pair. Simulated.

    Attributes:
        chances: (M,) probability of each type of visitor.
        features: (M, d) what a log shows of a type.
        q: (M, K) chance of a click.
    """

    chances: np.ndarray
    features: np.ndarray
    q: np.ndarray

    @classmethod
    def draw(
        cls, types: int = 40, actions: int = 10, dim: int = 5, rate: float = 0.1, seed: int = 0
    ) -> LoggedWorld:
        """Draw a world: log-odds are bilinear in hidden features of types and items, plus noise.

        Args:
            types: M.
            actions: K.
            dim: d.
            rate: Chance of a click where the log-odds are average.
            seed: Of the world.

        Returns:
            The world.
        """
        rng = np.random.default_rng(seed)
        features = rng.normal(size=(types, dim))
        taste = features @ rng.normal(size=(dim, actions)) / np.sqrt(dim)
        logits = taste + 0.5 * rng.normal(size=(1, actions)) + np.log(rate / (1 - rate))
        chances = rng.dirichlet(np.full(types, 5.0))
        return cls(chances, features, 1 / (1 + np.exp(-logits)))

    def value(self, policy: np.ndarray) -> float:
        """Give the true value of a policy (M, K)."""
        return policy_value(self.chances, policy, self.q)

    def log(self, policy: np.ndarray, n: int, seed: int) -> tuple[BanditLog, np.ndarray]:
        """Let a policy run for n rows.

        Args:
            policy: (M, K).
            n: Rows.
            seed: Of the rows.

        Returns:
            The log, and (n,) the type of each row, so that ``other[types]`` is the target matrix
            of another policy.
        """
        rng = np.random.default_rng(seed)
        types = rng.choice(len(self.chances), size=n, p=self.chances)
        ends = policy.cumsum(axis=1)
        draw = rng.random(n) * ends[types, -1]
        action = (ends[types] <= draw[:, None]).sum(axis=1)
        reward = (rng.random(n) < self.q[types, action]).astype(np.float64)
        log = BanditLog(
            context=self.features[types],
            action=action,
            reward=reward,
            propensity=policy[types, action],
            position=np.zeros(n, dtype=np.int64),
            n_actions=policy.shape[1],
        )
        return log, types
