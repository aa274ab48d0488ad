"""What is known of an item before its first rating, and how much its ratings then weigh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True)
class Biases:
    """Levels of users and items on a log.

    Attributes:
        mean: Mean rating.
        item: Shrunk item biases, shape (n_items,); 0 for an item without a rating.
        user: Shrunk user biases, shape (n_users,).
        raw: Unshrunk mean residual of each item, shape (n_items,); what content has to explain.
        counts: Ratings of each item, shape (n_items,).
    """

    mean: float
    item: np.ndarray
    user: np.ndarray
    raw: np.ndarray
    counts: np.ndarray


def alternating_biases(
    log: Interactions, l2_item: float = 3.0, l2_user: float = 1.0, sweeps: int = 10
) -> Biases:
    """Estimate the biases of items and users in turn, each shrunk by a count.

    Args:
        log: Rated events.
        l2_item: Ratings of level zero that every item gets on top of its own.
        l2_user: The same for a user.
        sweeps: Number of alternations.

    Returns:
        The biases.
    """
    u, i, n_u, n_i = log.user, log.item, log.n_users, log.n_items
    mean = float(log.value.mean())
    y = log.value - mean
    of_user, of_item = np.bincount(u, minlength=n_u), np.bincount(i, minlength=n_i)
    user, item = np.zeros(n_u), np.zeros(n_i)
    for _ in range(sweeps):
        item = np.bincount(i, y - user[u], n_i) / (of_item + l2_item)
        user = np.bincount(u, y - item[i], n_u) / (of_user + l2_user)
    raw = np.bincount(i, y - user[u], n_i) / np.maximum(of_item, 1)
    return Biases(mean, item, user, raw, of_item)


def event_weights(counts: np.ndarray, saturation: float) -> np.ndarray:
    r"""Return how much each item counts when content is fitted to what the items are.

    :math:`w_i=n_i/(n_i+c)`. With :math:`c=\sigma^2/\tau^2` an item weighs what its mean is worth
    as a measurement; with a large c it weighs as often as it is rated.

    Equation: eq-event-weights.

    Args:
        counts: Ratings of each item, shape (n,).
        saturation: The constant c, in ratings; ``inf`` weighs by the count itself (scaled to a
            mean of one).

    Returns:
        Weights, shape (n,).

    Raises:
        ValueError: If c is negative.
    """
    if not saturation >= 0:
        raise ValueError(f"saturation is {saturation}; give a number of ratings of at least 0.")
    counts = np.asarray(counts, dtype=np.float64)
    if np.isinf(saturation):
        return counts / max(counts.mean(), 1e-300)
    return np.divide(counts, counts + saturation, out=np.zeros_like(counts), where=counts > 0)


def shrink_to_prior(
    prior: np.ndarray, mean: np.ndarray, counts: np.ndarray, kappa: float
) -> np.ndarray:
    r"""Return the level of an item after n ratings: between what content says and their mean.

    :math:`(n\bar y+\kappa f)/(n+\kappa)` with :math:`\kappa=\sigma^2/\tau^2`.

    Equation: eq-content-shrinkage.

    Args:
        prior: What content says, shape (n_items,).
        mean: Mean residual of the ratings so far; ignored where there are none.
        counts: Ratings so far.
        kappa: How many ratings the content is worth, above 0.

    Returns:
        Levels, shape (n_items,).

    Raises:
        ValueError: If ``kappa`` is not above 0.
    """
    if not kappa > 0:
        raise ValueError(f"kappa is {kappa}; content must be worth more than 0 ratings.")
    trust = np.asarray(counts) / (np.asarray(counts) + kappa)
    return np.where(trust > 0, trust * np.nan_to_num(mean), 0.0) + (1 - trust) * prior


class FeatureMap:
    r"""A weighted ridge regression from item features to anything, with the level unpenalised.

    :math:`\min_W\sum_i w_i\lVert y_i-y_0-W^\top(x_i-x_0)\rVert^2+\lambda\lVert W\rVert^2`, where
    :math:`x_0, y_0` are the weighted means. Wide features are solved in the dual, as many equations
    as items. An item without any feature (a row of zeros) gets the level :math:`y_0`.

    Equation: eq-text-to-factor.

    Args:
        l2: The penalty, above 0.

    Attributes:
        weights_: Shape (n_features, n_targets).
        center_: Weighted mean of the features, shape (n_features,).
        level_: Weighted mean of the targets, shape (n_targets,).
    """

    def __init__(self, l2: float = 30.0) -> None:
        self.l2 = l2

    def fit(self, X: np.ndarray | sp.csr_array, Y: np.ndarray, w: np.ndarray) -> Self:
        """Learn from rated items.

        Args:
            X: Features, dense or sparse, shape (n, n_features).
            Y: Targets, shape (n, n_targets).
            w: Weights, shape (n,); rows of weight 0 are left out.

        Returns:
            The map itself.

        Raises:
            ValueError: If the penalty is not above 0 or no row has a weight.
        """
        if not self.l2 > 0:
            raise ValueError(f"l2 is {self.l2}; use a number above 0.")
        keep = np.flatnonzero(w > 0)
        if not len(keep):
            raise ValueError(
                "All items are cold: none has a rating that content could be fitted to; pass a "
                "log with some rated items."
            )
        X, Y, w = X[keep], np.asarray(Y)[keep], np.asarray(w)[keep]
        share = w / w.sum()
        self.center_, self.level_ = np.asarray(share @ X).ravel(), share @ Y
        solve = self._primal if X.shape[1] <= len(keep) else self._dual
        self.weights_ = solve(X, Y - self.level_, w)
        return self

    def _primal(self, X, Y: np.ndarray, w: np.ndarray) -> np.ndarray:
        Xc = (X.toarray() if sp.issparse(X) else X) - self.center_
        gram = (Xc * w[:, None]).T @ Xc
        gram[np.diag_indices_from(gram)] += self.l2
        return np.linalg.solve(gram, Xc.T @ (w[:, None] * Y))

    def _dual(self, X, Y: np.ndarray, w: np.ndarray) -> np.ndarray:
        K = X @ X.T
        K = K.toarray() if sp.issparse(K) else K
        cross = X @ self.center_
        K = K - cross[:, None] - cross[None] + self.center_ @ self.center_
        K[np.diag_indices_from(K)] += self.l2 / w
        alpha = np.linalg.solve(K, Y)
        return X.T @ alpha - np.outer(self.center_, alpha.sum(axis=0))

    def predict(self, X: np.ndarray | sp.csr_array) -> np.ndarray:
        """Return what the map says of items, shape (n, n_targets).

        Args:
            X: Features, shape (n, n_features).

        Returns:
            Predictions; ``level_`` for a row of zeros.
        """
        nothing = np.asarray(abs(X).sum(axis=1)).ravel() == 0
        out = self.level_ + X @ self.weights_ - self.center_ @ self.weights_
        return np.where(nothing[:, None], self.level_, out)


def expected_popularity(
    X: np.ndarray | sp.csr_array, counts: np.ndarray, l2: float = 30.0
) -> np.ndarray:
    """Return the logarithm of the audience that an item's content lets expect.

    Args:
        X: Item features, shape (n_items, n_features).
        counts: Ratings of each item, shape (n_items,); 0 for a new one.
        l2: Penalty of the map.

    Returns:
        Shape (n_items, 1).
    """
    logs = np.log1p(counts)[:, None]
    return FeatureMap(l2).fit(X, logs, (counts > 0).astype(float)).predict(X)


def checked_item_features(
    features: np.ndarray | sp.csr_array, n_items: int
) -> np.ndarray | sp.csr_array:
    """Return item features as float64, dense or sparse as they came.

    Args:
        features: Shape (n_items, n_features).
        n_items: Number of items of the vocabulary.

    Returns:
        The features.

    Raises:
        ValueError: If there is not one row an item, or a value is not finite (it names the row).
    """
    sparse = sp.issparse(features)
    features = (
        sp.csr_array(features, dtype=np.float64)
        if sparse
        else np.asarray(features, dtype=np.float64)
    )
    if features.ndim != 2 or features.shape[0] != n_items:
        raise ValueError(
            f"The features have shape {features.shape} and the log has {n_items} items; pass one "
            "row for every item of the vocabulary, in its order."
        )
    values = features.data if sparse else features
    if not np.isfinite(values).all():
        rows = np.asarray(abs(features).sum(axis=1)).ravel()
        raise ValueError(
            f"Row {int(np.argmin(np.isfinite(rows)))} of the features holds a value that is not "
            "finite; fill missing features with 0 first."
        )
    return features
