"""Boosting: recommenders fitted one after the other, each on what the ones before got wrong."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_book.data import Interactions
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.closed_form import EASE, ease_weights

if TYPE_CHECKING:
    import scipy.sparse as sp


def adaboost_round(weights: np.ndarray, wrong: np.ndarray) -> tuple[float, np.ndarray]:
    r"""Return what one weak classifier counts, and the weights of the rows for the next.

    With weighted error :math:`\epsilon`, :math:`\alpha = \frac12\ln\frac{1-\epsilon}{\epsilon}`
    minimises the exponential loss, and the next weights are proportional to
    :math:`w\,e^{\alpha}` for the rows that were wrong and :math:`w\,e^{-\alpha}` for the others.

    Equation: eq-adaboost

    Source: Freund and Schapire (1997), "A Decision-Theoretic Generalization of On-Line Learning and
    an Application to Boosting", Journal of Computer and System Sciences 55(1).

    Args:
        weights: Weights of the rows, summing to one, shape (n,).
        wrong: True where the classifier is wrong, shape (n,).

    Returns:
        The classifier's weight and the rows' new weights, summing to one.

    Raises:
        ValueError: If the classifier is never wrong, or no better than a coin.
    """
    error = float(weights[wrong].sum())
    if not 0 < error < 0.5:
        raise ValueError(
            f"The weak classifier has error {error:g}; boosting needs one between 0 and one half."
        )
    alpha = 0.5 * np.log((1 - error) / error)
    new = weights * np.exp(np.where(wrong, alpha, -alpha))
    return float(alpha), new / new.sum()


class BoostedRecommender(BaseRecommender):
    r"""Fit rating models one after the other, each on the residuals of the sum so far.

    :math:`F_t = F_{t-1} + \nu f_t`, where :math:`f_t` is fitted to the ratings minus
    :math:`F_{t-1}`. The residual is the negative gradient of the squared error, so this is gradient
    descent in the space of predictions. The models may be of one kind or of many.

    Equation: eq-boosting

    Source: Friedman (2001), "Greedy Function Approximation: A Gradient Boosting Machine", Annals of
    Statistics 29(5).

    Args:
        models: Rating models with ``predict``, unfitted, in the order in which they are fitted.
        rate: What each contribution is multiplied by, above 0, at most 1.

    Attributes:
        models_: The fitted models.
        train_rmse_: Training error after each model, shape (n_models,).
    """

    def __init__(self, models: Sequence[Any], rate: float = 1.0):
        self.models = models
        self.rate = rate

    def _fit(self, interactions: Interactions) -> None:
        if not 0 < self.rate <= 1:
            raise ValueError(f"rate is {self.rate}; use a number above 0 and at most 1.")
        if not len(self.models):
            raise ValueError("Boosting needs models; give it a list of at least one rating model.")
        value = interactions.value
        self.bounds_ = (float(value.min()), float(value.max()))
        self.mean_ = float(value.mean())
        self.models_, errors, residual = [], [], value - self.mean_
        for model in self.models:
            fitted = copy.deepcopy(model).fit(with_values(interactions, residual))
            step = fitted.predict(interactions.user, interactions.item)
            residual = residual - self.rate * step
            self.models_.append(fitted)
            errors.append(np.sqrt(np.mean(residual**2)))
        self.train_rmse_ = np.array(errors)

    def predict(self, users: Sequence[int] | np.ndarray, items: Sequence[int] | np.ndarray):
        """Predict the ratings of pairs; an unknown user or item is left to the models.

        Args:
            users: User positions, shape (n,); -1 for an unknown user.
            items: Item positions, shape (n,); -1 for an unknown item.

        Returns:
            Predictions within the range of the training ratings, shape (n,).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range or the lengths differ.
        """
        users, items = self._check_pairs(users, items)
        return self._sum([model.predict(users, items) for model in self.models_])

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self._sum([model.score(users) for model in self.models_])

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        n = len(self.items_)
        each = self.predict(np.full(n, -1), np.arange(n))
        return np.tile(each, (len(users), 1))

    def _sum(self, steps: list[np.ndarray]) -> np.ndarray:
        return np.clip(self.mean_ + self.rate * np.sum(steps, axis=0), *self.bounds_)


def with_values(interactions: Interactions, values: np.ndarray) -> Interactions:
    """Return the same events with other values.

    Args:
        interactions: n events.
        values: The new values, shape (n,).

    Returns:
        A log that shares everything else.
    """
    log = interactions
    return Interactions(log.user, log.item, values, log.timestamp, log.users, log.items)


class BoostedEASE(EASE):
    r"""Boost EASE: users whose history is ranked badly weigh more in the next round.

    In round t the Gram matrix is :math:`X^\top\operatorname{diag}(w)X`. The quality
    :math:`E_u \in [0,1]` of the round's model is the average precision with which it ranks the
    user's own history (an item never helps itself in EASE). The model counts
    :math:`\alpha = \frac12\ln\frac{\sum_u w_u(1+E_u)}{\sum_u w_u(1-E_u)}`, and the weights of the
    next round are proportional to :math:`e^{-E_u(F_t)}` of the models so far, :math:`F_t`.

    Equation: eq-adaboost

    Source: Xu and Li (2007), "AdaRank: A Boosting Algorithm for Information Retrieval", SIGIR; Liu,
    Zhao, Sun and Miao (2015), "A Boosting Algorithm for Item Recommendation with Implicit
    Feedback", IJCAI.

    Args:
        rounds: Number of models, at least 1.
        l2: Ridge penalty, above 0.
        half_life: As in ``EASE``.

    Attributes:
        alphas_: What each round's model counts, shape (rounds,).
        user_weights_: The weights of the users in each round, shape (rounds, n_users), mean one
            over the users with events.
        weights_: The mean of the rounds' item weights by ``alphas_``, shape (n_items, n_items).
    """

    def __init__(self, rounds: int = 5, l2: float = 200.0, half_life: float | None = None):
        super().__init__(l2, half_life)
        self.rounds = rounds

    def _fit(self, interactions: Interactions) -> None:
        if not self.rounds >= 1:
            raise ValueError(f"rounds is {self.rounds}; boost at least once.")
        super()._fit(interactions)
        X = self.seen_
        present = np.diff(X.indptr) > 0
        w, total = present.astype(np.float64), 0.0
        alphas, weights = [], []
        for _ in range(self.rounds):
            weights.append(w)
            B = ease_weights((X.T @ X.multiply(w[:, None]).tocsr()).toarray(), self.l2)
            quality = own_precision(X, X @ B)
            share = w / w.sum()
            gain = max(float(share @ (1 - quality)), 1e-12)
            alphas.append(0.5 * np.log(float(share @ (1 + quality)) / gain))
            total = total + alphas[-1] * B
            w = np.where(present, np.exp(-own_precision(X, X @ total)), 0.0)
            w = w * present.sum() / w.sum()
        self.alphas_, self.user_weights_ = np.array(alphas), np.array(weights)
        self.weights_ = total / self.alphas_.sum()


def own_precision(X: sp.csr_matrix, scores: np.ndarray) -> np.ndarray:
    """Return the average precision with which scores rank each user's own items.

    Args:
        X: What each user has seen, sparse (n_users, n_items).
        scores: Scores, shape (n_users, n_items).

    Returns:
        Values between 0 and 1, shape (n_users,); 0 for a user without items.
    """
    own = X.toarray() > 0
    order = np.argsort(-scores, axis=1, kind="stable")
    hit = np.take_along_axis(own, order, axis=1)
    precision = np.cumsum(hit, axis=1) / np.arange(1, hit.shape[1] + 1)
    return (precision * hit).sum(axis=1) / np.maximum(own.sum(axis=1), 1)
