"""Newcomers under item vectors that are not quite known: the average over many draws of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.meta_learning.cold_start.baselines import NewcomerModel
from recsys_book.meta_learning.cold_start.bayes import Belief

if TYPE_CHECKING:
    from recsys_book.data import Interactions, MovieLens


def prior_from_features(X: np.ndarray, Z: np.ndarray, l2: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Let the prior mean of a user depend on features, :math:`m(x)=W^\top x`.

    Equation: eq-prior-from-features.

    Args:
        X: Features of the known users, the first column ones, shape (n, d).
        Z: Draws of their vectors, shape (..., n, f).
        l2: Penalty of the weights of all columns but the first.

    Returns:
        Weights W, shape (..., d, f), and the covariance of what is left, shape (..., f, f).
    """
    penalty = l2 * np.eye(X.shape[1])
    penalty[0, 0] = 1e-9
    W = np.linalg.solve(X.T @ X + penalty, X.T @ Z)
    left = Z - X @ W
    left -= left.mean(axis=-2, keepdims=True)
    return W, np.swapaxes(left, -1, -2) @ left / (len(X) - 1)


class DrawnFactors(NewcomerModel):
    r"""Bayesian factors whose item vectors, prior and noise are draws from their posterior.

    A Gibbs sampler (``BayesianPMF``) draws all vectors of the known users and of the items. In each
    draw the newcomer has the prior that the known users of this draw form; predictions are
    averaged. Biases are part of the vectors. Three things may shift the prior mean: attributes of
    a user, attributes of an item, and *which* items the newcomer has rated, whatever the ratings.

    Equations: eq-posterior-user, eq-prior-from-features, eq-average-over-draws.

    Args:
        factors: Length of the vectors.
        samples: Draws that are averaged.
        burn_in: Draws before these, thrown away.
        user_features: Attributes of all users, shape (n_users, d), or None.
        item_features: Attributes of all items, shape (n_items, d), or None.
        rated: How many singular vectors of the matrix of who rated what describe an item, so that
            the mean over the support describes a newcomer; 0 leaves this out.
        shown: Items of each known user that this mean is taken over when the prior is learned.
        feature_l2: Penalty of the weights of features.
        seed: Seed of all draws.

    Attributes:
        item_draws_: Item vectors, shape (samples, n_items + 1, factors); the last item is an
            unknown one.
        weights_: Weights of the prior mean in each draw, shape (samples, d, factors).
        cov_: Prior covariance in each draw, shape (samples, factors, factors).
        noise_: Variance of a rating's noise in each draw, shape (samples,).
    """

    def __init__(
        self,
        factors: int = 10,
        samples: int = 40,
        burn_in: int = 20,
        user_features: np.ndarray | None = None,
        item_features: np.ndarray | None = None,
        rated: int = 0,
        shown: int = 10,
        feature_l2: float = 50.0,
        seed: int = 0,
    ):
        self.factors = factors
        self.samples = samples
        self.burn_in = burn_in
        self.user_features = user_features
        self.item_features = item_features
        self.rated = rated
        self.shown = shown
        self.feature_l2 = feature_l2
        self.seed = seed

    def _learn(self, warm: Interactions) -> None:
        from recsys_book.recommenders.factorization import BayesianPMF

        known = np.bincount(warm.user, minlength=warm.n_users) > 0
        compact = replace(warm, user=(np.cumsum(known) - 1)[warm.user], users=warm.users[known])
        X = self._learn_features(warm, compact, known)
        sampler = BayesianPMF(
            self.factors,
            self.samples,
            self.burn_in,
            user_features=X[:, 1:] if X.shape[1] > 1 else None,
            item_features=self.item_features,
            feature_l2=self.feature_l2,
            seed=self.seed,
        ).fit(compact)
        Z, Q = (self._draws(t) for t in (sampler.user_factors_, sampler.item_factors_))
        unknown = self._draws(sampler.item_prior_[None])
        self.item_draws_ = np.concatenate([Q, unknown], axis=1) * self.samples
        self.noise_ = 1 / sampler.noise_precision_
        self.weights_, self.cov_ = prior_from_features(X, Z, self.feature_l2)

    def _draws(self, table: np.ndarray) -> np.ndarray:
        shape = (-1, self.samples, self.factors)
        return table.astype(np.float64).reshape(shape).swapaxes(0, 1).copy()

    def _learn_features(self, warm, compact, known) -> np.ndarray:
        """Set the table of profiles and return the features of the known users."""
        given = np.zeros((warm.n_users, 0)) if self.user_features is None else self.user_features
        given = np.asarray(given, dtype=np.float64)
        if given.ndim != 2 or len(given) != warm.n_users or not np.isfinite(given).all():
            raise ValueError(
                f"user_features has shape {given.shape} for {warm.n_users} users; pass one finite "
                "row for every user."
            )
        given = given[:, given[known].std(axis=0) > 0]
        centre, scale = given[known].mean(axis=0), given[known].std(axis=0)
        self.profile_ = np.vstack([(given - centre) / scale, np.zeros(given.shape[1])])
        tables = [np.ones((known.sum(), 1)), self.profile_[:-1][known]]
        if self.rated:
            tables.append(self._learn_rated(compact))
        return np.hstack(tables)

    def _learn_rated(self, compact: Interactions) -> np.ndarray:
        """Describe items by who rated them, and known users by a few of their items."""
        from recsys_book.recommenders.factorization.bayesian import implicit_features

        seen = compact.to_csr(1.0).tocsr()
        V = implicit_features(seen, self.rated)[1]
        self.described_ = (V - V.mean(axis=0)) / V.std(axis=0)
        rng = np.random.default_rng(self.seed)
        rows = (seen.indices[a:b] for a, b in zip(seen.indptr[:-1], seen.indptr[1:]))
        few = [rng.permutation(row)[: self.shown] for row in rows]
        means = np.array([self.described_[items].mean(axis=0) for items in few])
        within = np.mean([self.described_[items].var(axis=0) for items in few], axis=0)
        between = np.maximum(means.var(axis=0) - within / self.shown, 1e-3)
        self.usual_, self.few_ = means.mean(axis=0), within / between
        return np.array([self._describe(items) for items in few])

    def _describe(self, items: np.ndarray) -> np.ndarray:
        """Return the mean description of a user's items, shrunk: few items describe nobody."""
        if len(items) == 0:
            return np.zeros(len(self.usual_))
        above = self.described_[items].mean(axis=0) - self.usual_
        return above * len(items) / (len(items) + self.few_)

    def beliefs(self, user: int, items: np.ndarray, ratings: np.ndarray) -> Belief:
        """Return what each draw believes of a newcomer.

        Args:
            user: Position of the newcomer, or -1.
            items: Known items that he has rated, shape (k,).
            ratings: The ratings, shape (k,).

        Returns:
            A belief with a leading axis of draws.
        """
        x = np.append(1.0, self.profile_[user])
        if self.rated:
            x = np.append(x, self._describe(items))
        prior = Belief(x @ self.weights_, self.cov_)
        e = ratings - self.biases_.mean
        return prior.after(self.item_draws_[:, items], e, self.noise_)

    def variance(
        self, user: int, items: np.ndarray, ratings: np.ndarray, query: np.ndarray
    ) -> np.ndarray:
        """Return how far a rating is expected to be from its prediction, squared.

        It is the mean variance inside a draw, noise included, plus the variance of the draws'
        predictions around their mean, which is what is not known about the items.

        Args:
            user: Position of the newcomer, or -1.
            items: Known items that he has rated, shape (k,).
            ratings: The ratings, shape (k,).
            query: Items asked for, shape (n,).

        Returns:
            Shape (n,).
        """
        belief, A = self.beliefs(user, items, ratings), self.item_draws_[:, query]
        inside = np.einsum("snf,sfg,sng->n", A, belief.cov, A) / self.samples + self.noise_.mean()
        return inside + np.einsum("snf,sf->sn", A, belief.mean).var(axis=0)

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        mean = self.beliefs(user, items, ratings).mean
        return self.biases_.mean + average_over_draws(self.item_draws_[:, query], mean)


def profiles(movielens: MovieLens) -> tuple[np.ndarray, np.ndarray]:
    """Return what MovieLens says of its users and of its items, as two tables of zeros and ones.

    Args:
        movielens: A release that describes its users.

    Returns:
        Age, gender and occupation, shape (n_users, d), and genres and year, shape (n_items, d').
    """
    from recsys_book.recommenders.features import movielens_fields

    sides = (("age", "gender", "occupation"), ("genre", "year"))
    tables = ([field.table for field in movielens_fields(movielens, names)] for names in sides)
    users, items = (np.hstack([table.toarray() for table in each]) for each in tables)
    return users, items


def average_over_draws(A: np.ndarray, z: np.ndarray) -> np.ndarray:
    r"""Average the predictions of draws, :math:`\frac1S\sum_s {a_i^{(s)}}^\top z^{(s)}`.

    Equation: eq-average-over-draws.

    Args:
        A: Item vectors of each draw, shape (S, n, f).
        z: Expected user vector under each draw, shape (S, f).

    Returns:
        Shape (n,).
    """
    return np.einsum("snf,sf->n", A, z) / len(z)
