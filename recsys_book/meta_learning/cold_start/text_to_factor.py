"""From an item's text to its place in a warm model, and from its first ratings to a better one."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
import scipy.sparse as sp

from recsys_book.meta_learning.cold_start.content_prior import (
    FeatureMap,
    checked_item_features,
    event_weights,
)
from recsys_book.meta_learning.cold_start.item_life import WarmSpace


class Map(Protocol):
    """Anything that learns targets from features with weights: ``FeatureMap``, ``NeuralMap``."""

    def fit(self, X: np.ndarray, Y: np.ndarray, w: np.ndarray) -> Self:
        """Learn."""
        ...

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Answer."""
        ...


def newborn_posterior(
    prior: np.ndarray, cov: np.ndarray, A: np.ndarray, y: np.ndarray, noise: float
) -> np.ndarray:
    r"""Return the vectors of new items after their first ratings.

    :math:`\theta_0+\Sigma A^\top(A\Sigma A^\top+\sigma^2I)^{-1}(y-A\theta_0)`: without a rating the
    content's answer, with many the plain regression on the ratings.

    Equation: eq-newborn-posterior.

    Args:
        prior: What content says, shape (T, d).
        cov: Covariance of what content misses, shape (d, d).
        A: Vectors of the users who rated, shape (T, n, d); n may be 0.
        y: Residuals of their ratings, shape (T, n).
        noise: Variance of a rating's noise, above 0.

    Returns:
        Shape (T, d).

    Raises:
        ValueError: If ``noise`` is not above 0.
    """
    if not noise > 0:
        raise ValueError(f"noise is {noise}; the variance of a rating must be above 0.")
    if not A.shape[1]:
        return prior.copy()
    AS = A @ cov
    K = AS @ A.transpose(0, 2, 1) + noise * np.eye(A.shape[1])
    surprise = y - (A @ prior[:, :, None])[:, :, 0]
    return prior + (AS.transpose(0, 2, 1) @ np.linalg.solve(K, surprise[:, :, None]))[:, :, 0]


class TextToFactor:
    r"""Map what is written about an item to its bias and factors in a warm model.

    The covariance of what the map misses is measured on known items that the map did not see, in
    folds; it decides how fast the first ratings take over.

    Source: Gantner, Drumond, Freudenthaler, Rendle and Schmidt-Thieme (2010), "Learning
    Attribute-to-Feature Mappings for Cold-Start Recommendations", ICDM.

    Equation: eq-text-to-factor.

    Args:
        features: Item features, shape (n_items, n_features); None knows nothing: every item is
            expected at the mean of the known ones.
        mapping: The regression; None takes ``FeatureMap(l2)``.
        l2: Penalty of the default regression.
        saturation: The c of ``event_weights``.
        folds: Number of folds.
        seed: Seed of the folds.

    Attributes:
        prior_: Vectors from content, shape (n_items, 1 + f).
        cov_: Covariance of what content misses, shape (1 + f, 1 + f).
        noise_: Variance of a rating around the warm model.
    """

    def __init__(
        self,
        features: np.ndarray | None,
        mapping: Map | None = None,
        l2: float = 30.0,
        saturation: float = np.inf,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.features, self.mapping, self.l2 = features, mapping, l2
        self.saturation, self.folds, self.seed = saturation, folds, seed

    def fit(self, space: WarmSpace, noise: float = 0.85) -> Self:
        """Learn from the known items of a warm model.

        Args:
            space: The warm model.
            noise: Variance of a rating around it, in stars squared.

        Returns:
            The map itself.

        Raises:
            ValueError: If the features do not fit the items or are not finite, or no item is warm.
        """
        n, d = space.items.shape
        X = np.ones((n, 1)) if self.features is None else self.features
        X = checked_item_features(X, n)
        weights = event_weights(space.counts, self.saturation)
        mapping = self.mapping or FeatureMap(self.l2)
        self.cov_ = self._missed(mapping, X, space, weights)
        self.prior_ = mapping.fit(X, space.items, weights).predict(X)
        self.noise_ = float(noise)
        return self

    def _missed(
        self, mapping: Map, X: np.ndarray | sp.csr_array, space: WarmSpace, weights: np.ndarray
    ) -> np.ndarray:
        """Covariance of item vectors around predictions of maps that did not see them."""
        rng = np.random.default_rng(self.seed)
        fold = rng.permutation(np.arange(len(weights)) % self.folds)
        gap = np.zeros_like(space.items)
        for j in range(self.folds):
            inside = weights * (fold != j)
            if inside.any() or not weights.any():  # all items cold: let the map say so
                out = fold == j
                gap[out] = space.items[out] - mapping.fit(X, space.items, inside).predict(X[out])
        share = weights / weights.sum()
        cov = (gap * share[:, None]).T @ gap
        return cov + 1e-6 * np.trace(cov) * np.eye(len(cov)) + 1e-9 * np.eye(len(cov))

    def vectors(self, items: np.ndarray, A: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the vectors of items after their first ratings.

        Args:
            items: Positions of the items, shape (T,).
            A: Vectors of the users who rated them, shape (T, n, 1 + f).
            y: Residuals of the ratings, shape (T, n).

        Returns:
            Shape (T, 1 + f).
        """
        return newborn_posterior(self.prior_[items], self.cov_, A, y, self.noise_)
