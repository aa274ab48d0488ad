"""A linear Thompson policy in which every user is an arm, and the post is the context."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.policies import LinearThompson


class UserTastes(LinearThompson):
    r"""One linear model a user, around a mean that all users share.

    The bandit of the chapter on context has one model an arm and a context a visit. Here the arms
    are the users, so that each has a posterior, and the context is a post. Rewards are what is
    left after the shared prediction, so a user who did nothing yet is predicted like everybody.

    Args:
        n_users: Number of users.
        shared: (dim,) the weights that all users share.
        l2: Penalty of a user's distance from them: the variance of the noise over that of tastes.
        scale: Standard deviation of the noise, which widens the draws; 0 draws the mean.
        seed: Of the draws.
    """

    def __init__(
        self, n_users: int, shared: np.ndarray, l2: float = 10.0, scale: float = 0.3, seed: int = 0
    ):
        super().__init__(n_arms=n_users, dim=len(shared), l2=l2, scale=scale, seed=seed)
        self.shared = np.asarray(shared, dtype=float)

    def weights(self, users: np.ndarray) -> np.ndarray:
        """Present weights of some users, (n, dim)."""
        return self.shared + self.theta[0][:, users].T

    def draw(self, users: np.ndarray) -> np.ndarray:
        """Draw weights of some users from their posteriors, (n, dim).

        The posterior of the chapter on context; see ``LinearThompson``.
        """
        noise = self.rng.standard_normal((self.n_arms, self.dim))[users]
        upper = np.triu(self.inverse[0][:, :, users].transpose(2, 0, 1))
        roots = np.linalg.cholesky(upper + np.triu(upper, 1).transpose(0, 2, 1))
        return self.weights(users) + self.scale * np.einsum("nde,ne->nd", roots, noise)

    def learn(self, users: np.ndarray, rows: np.ndarray, rewards: np.ndarray) -> None:
        """Learn from events, one by one.

        Args:
            users: (n,) who saw it.
            rows: (n, dim) features.
            rewards: (n,) what came of it.

        Raises:
            ValueError: If a user is unknown, or a number is missing.
        """
        left = np.asarray(rewards, dtype=float) - rows @ self.shared
        for row, (user, x, reward) in enumerate(zip(users, np.ascontiguousarray(rows), left)):
            if not 0 <= user < self.n_arms or not np.isfinite(reward):
                raise ValueError(
                    f"event {row} has user {user} and reward {reward}; use users 0 to"
                    f" {self.n_arms - 1} and finite rewards and features."
                )
            self.learn_weighted(0, int(user), x, float(reward))
        self._stale[0, np.asarray(users)] = True

    def temper(self, users: np.ndarray, factor: float) -> None:
        r"""Let everything learned so far about some users count less.

        With :math:`A_u=\lambda I+\sum xx^\top` and :math:`b_u=\sum rx`, the data is raised to the
        power of the factor and the prior is not.

        Equation: eq-tempered-posterior.

        Source: Ibrahim and Chen (2000), "Power Prior Distributions for Regression Models",
        Statistical Science 15.

        Args:
            users: (n,) positions of users.
            factor: From 0, which forgets all, to 1, which forgets nothing.

        Raises:
            ValueError: If the factor is out of range.
        """
        if not 0 <= factor <= 1:
            raise ValueError(f"factor is {factor}; use a number from 0 to 1.")
        prior = self.l2 * np.eye(self.dim)
        upper = np.triu(self.gram[0][:, :, users].transpose(2, 0, 1))
        gram = prior + factor * (upper + np.triu(upper, 1).transpose(0, 2, 1) - prior)
        moment = factor * self.moment[0][:, users]
        inverse = np.linalg.inv(gram)
        self.gram[0][:, :, users] = gram.transpose(1, 2, 0)
        self.inverse[0][:, :, users] = inverse.transpose(1, 2, 0)
        self.moment[0][:, users] = moment
        self.theta[0][:, users] = np.einsum("nde,en->dn", inverse, moment)
        self._stale[0, users] = True
