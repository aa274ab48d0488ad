"""The known users who agree with a newcomer on the few items that both have rated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.meta_learning.cold_start.baselines import NewcomerModel, ridge_user_bias
from recsys_book.recommenders.similarity import shrunk

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class NewcomerKNN(NewcomerModel):
    """Item bias, ridge user bias, and the mean residual of like-minded known users.

    Likeness is the cosine of the residuals on the support, shrunk by the number of its items that
    the known user has rated. Who disagrees has no weight.

    Args:
        k: Number of neighbours.
        shrinkage: Imaginary common items without agreement.
        l2_user: Penalty of the newcomer's bias.
        damping: Imaginary weight of a neighbour with residual zero.

    Attributes:
        residuals_: Residuals of the known users, sparse (n_users, n_items + 1); the last column
            is empty and serves item -1.
        rated_: One where there is a rating, same shape.
    """

    def __init__(
        self, k: int = 800, shrinkage: float = 20.0, l2_user: float = 3.0, damping: float = 1.0
    ):
        self.k = k
        self.shrinkage = shrinkage
        self.l2_user = l2_user
        self.damping = damping

    def _learn(self, warm: Interactions) -> None:
        cells, shape = (warm.user, warm.item), (warm.n_users, warm.n_items + 1)
        self.residuals_ = sp.csc_matrix((self.biases_.residuals(warm), cells), shape)
        self.rated_ = sp.csc_matrix((np.ones(len(warm)), cells), shape)

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        e = self._residual(items, ratings)
        bias = ridge_user_bias(e, self.l2_user)
        weight = np.maximum(self._likeness(items, e - bias), 0.0)
        weight[np.argsort(-weight, kind="stable")[self.k :]] = 0.0
        near = (weight @ self.residuals_) / (weight @ self.rated_ + self.damping)
        return self._start(query) + bias + near[query]

    def _likeness(self, items: np.ndarray, e: np.ndarray) -> np.ndarray:
        theirs = self.residuals_[:, items].toarray()
        both = self.rated_[:, items].sum(axis=1).A1
        length = np.linalg.norm(theirs, axis=1) * np.linalg.norm(e)
        cosine = np.divide(theirs @ e, length, out=np.zeros(len(theirs)), where=length > 1e-12)
        return shrunk(cosine, both, self.shrinkage)
