"""SVD++: a user is also what they have chosen to rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.factorization.ratings import FactorModel, grouped
from recsys_book.recommenders.factorization.sgd import check_descent, check_finite

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class SVDpp(FactorModel):
    r"""Biased factorisation whose user vector is :math:`p_u + |N(u)|^{-1/2} \sum_{j \in N(u)} y_j`.

    After ``fit``, ``user_factors_`` holds this sum, so that the model predicts like any other one.

    Equations: eq-svdpp, eq-svdpp-affine

    Source: Koren (2008), "Factorization Meets the Neighborhood", KDD.

    Args:
        factors: Length of the vectors.
        rate: Step size.
        l2: Penalty, applied at each visit of a row.
        epochs: Passes over the ratings.
        seed: Seed of the first vectors and of the order of the users.
        init_sd: Standard deviation of the first vectors.
        shuffle: Visit the users in a new random order each epoch; otherwise in that of the
            vocabulary. A user's ratings are visited together, as the log has them.

    Attributes:
        implicit_factors_: The vectors y, shape (n_items, f).
    """

    def __init__(
        self,
        factors: int = 20,
        rate: float = 0.007,
        l2: float = 0.1,
        epochs: int = 30,
        seed: int = 0,
        init_sd: float = 0.1,
        shuffle: bool = True,
    ):
        self.factors = factors
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.seed = seed
        self.init_sd = init_sd
        self.shuffle = shuffle

    def _learn(self, interactions: Interactions) -> None:
        from recsys_book.recommenders.factorization.sgd_kernels import svdpp_epoch

        log = interactions
        check_descent(self.rate, self.l2, self.epochs)
        self._start(log, self.factors, self.init_sd, self.seed)
        rng = np.random.default_rng([self.seed, 1])
        self.implicit_factors_ = rng.normal(0.0, self.init_sd, self.item_factors_.shape)
        start, item, value, _ = grouped(log.user, log.item, log.value, log.n_users)
        users = np.flatnonzero(np.diff(start))
        tables = (self.user_bias_, self.item_bias_, self.user_factors_, self.item_factors_)
        for _ in range(self.epochs):
            if self.shuffle:
                users = rng.permutation(users)
            settings = (self.mean_, self.rate, self.l2)
            svdpp_epoch(users, start, item, value, *settings, *tables, self.implicit_factors_)
        check_finite(self.item_factors_, self.rate)
        self.implicit_factors_[self.item_counts_ == 0] = 0.0
        self.user_factors_ = self.user_factors_ + implicit_part(self.seen_, self.implicit_factors_)
        self._forget_the_unseen()


def implicit_part(seen: sp.csr_matrix, Y: np.ndarray) -> np.ndarray:
    """Return the sum of the implicit vectors of each history over the root of its length.

    Args:
        seen: Ones where a user has rated an item, sparse (n_users, n_items).
        Y: Implicit item vectors, shape (n_items, f).

    Returns:
        Shape (n_users, f); zeros for an empty history.
    """
    n = np.maximum(np.diff(seen.indptr), 1)
    return (seen @ Y) / np.sqrt(n)[:, None]
