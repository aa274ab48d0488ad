"""Stacking: a model that learns from the predictions of other models, made out of sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_book.preprocessing import kfold
from recsys_book.preprocessing.splitting import Split
from recsys_book.recommenders.base import BaseRecommender, Recommender
from recsys_book.recommenders.hybrid.combine import choices
from recsys_book.recommenders.hybrid.learners import LEARNERS, make_learner, meta_scores
from recsys_book.recommenders.hybrid.members import (
    BaseHybrid,
    HoldBack,
    fit_members,
    held_back,
    member_scores,
)
from recsys_book.recommenders.hybrid.weights import least_squares_weights, simplex_weights

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def out_of_fold(
    models: Sequence[Any], interactions: Interactions, k: int = 5, seed: int = 0
) -> np.ndarray:
    r"""Predict every rating by members that were fitted without it.

    :math:`z_{jm} = \hat r_m^{(-\kappa(j))}(u_j, i_j)`, with :math:`\kappa(j)` the fold of row j.

    Equation: eq-stacking

    Source: Wolpert (1992), "Stacked Generalization", Neural Networks 5(2); Breiman (1996),
    "Stacked Regressions", Machine Learning 24.

    Args:
        models: Rating models with ``predict``, unfitted.
        interactions: The training log, n rows.
        k: Number of random folds.
        seed: Seed of the folds.

    Returns:
        Predictions, shape (n, n_models).

    Raises:
        ValueError: If there is no model, or k does not fit the log.
    """
    z = np.empty((len(interactions), len(models)))
    row = np.arange(len(interactions), dtype=np.int64)
    shuffled = np.random.default_rng(seed).permutation(len(interactions))
    for split, fold in zip(kfold(interactions, k, seed), np.array_split(shuffled, k)):
        held = np.sort(row[fold])
        for m, model in enumerate(fit_members(models, split.train)):
            z[held, m] = model.predict(split.test.user, split.test.item)
    return z


class StackedRating(BaseRecommender):
    """Mix rating models by weights learned on out-of-fold predictions.

    Equations: eq-stacking, eq-simplex-weights

    Args:
        models: Rating models with ``predict``, unfitted.
        convex: Weights on the simplex, or an intercept and free weights by least squares.
        k: Number of folds.
        seed: Seed of the folds.

    Attributes:
        models_: The members, fitted on the whole log.
        weights_: One number a member.
        intercept_: 0.0 for convex weights.
    """

    def __init__(self, models: Sequence[Any], convex: bool = True, k: int = 5, seed: int = 0):
        self.models = models
        self.convex = convex
        self.k = k
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        z = out_of_fold(self.models, interactions, self.k, self.seed)
        if self.convex:
            self.intercept_, self.weights_ = 0.0, simplex_weights(z, interactions.value)
        else:
            found = least_squares_weights(z, interactions.value)
            self.intercept_, self.weights_ = float(found[0]), found[1:]
        self.bounds_ = (float(interactions.value.min()), float(interactions.value.max()))
        self.models_ = fit_members(self.models, interactions)

    def predict(self, users: Sequence[int] | np.ndarray, items: Sequence[int] | np.ndarray):
        """Predict the ratings of pairs; an unknown user or item is left to the members.

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
        z = np.stack([model.predict(users, items) for model in self.models_], axis=-1)
        return np.clip(self.intercept_ + z @ self.weights_, *self.bounds_)

    def _score(self, users: np.ndarray) -> np.ndarray:
        z = np.stack([model.score(users) for model in self.models_], axis=-1)
        return np.clip(self.intercept_ + z @ self.weights_, *self.bounds_)

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return self._score(np.full(len(users), -1))


class StackedHybrid(BaseHybrid):
    """Let a classifier decide how the members' scores go together.

    Events are held back as in ``WeightedHybrid``. For each held-back user the picked items and some
    items that were not picked become rows: the members' scaled scores, the length of the history
    and the popularity of the item. The meta-learner separates picked from not picked, and its
    score orders the items. Where nothing can be held back, the members' mean decides.

    Equation: eq-stacking

    Args:
        models: The members, unfitted.
        learner: One of ``LEARNERS``, or any scikit-learn classifier, unfitted.
        scale: How scores are made comparable, one of ``SCALES``.
        validation: What to hold back.
        negatives: Items that were not picked, for each held-back user.
        context: Whether history length and popularity are features too.
        seed: Seed of what is held back, of the negatives and of the learner.

    Attributes:
        models_: The members, fitted on the whole log.
        meta_: The fitted meta-learner, None where nothing could be held back.
        n_rows_: Rows that it was fitted on.
    """

    def __init__(
        self,
        models: Sequence[Recommender],
        learner: Any = "logistic",
        scale: str = "normal",
        validation: HoldBack = "time",
        negatives: int = 50,
        context: bool = True,
        seed: int = 0,
    ):
        self.models = models
        self.learner = learner
        self.scale = scale
        self.validation = validation
        self.negatives = negatives
        self.context = context
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        rng = np.random.default_rng(self.seed)
        meta = make_learner(self.learner, self.seed)
        splits = held_back(interactions, self.validation, self.seed)
        tables = [self._rows(split, rng, at) for at, split in enumerate(splits)]
        self.meta_, self.n_rows_ = None, 0
        if tables:
            X, y, user = (np.concatenate(column) for column in zip(*tables))
            self.n_rows_ = len(y)
            self.meta_ = meta.fit(X, y, user)
        self.models_ = fit_members(self.models, interactions)

    def _rows(self, split: Split, rng: np.random.Generator, at: int):
        """Features, picked or not, and the user, for picked items and sampled others."""
        members = fit_members(self.models, split.train)
        scores, chosen, offered = choices(members, split, self.scale)
        history = offered.shape[1] - offered.sum(axis=1)
        features = self._features(scores, history, _counts(split.train))
        key = np.where(offered & ~chosen, rng.random(chosen.shape), 2.0)
        cut = min(self.negatives, chosen.shape[1] - 1)
        limit = np.partition(key, cut - 1, axis=1)[:, cut - 1, None]
        rows, items = (chosen | ((key <= limit) & (key < 2.0))).nonzero()
        group = rows + at * split.train.n_users  # the same user counts anew after each cut
        return features[rows, items], chosen[rows, items].astype(int), group

    def _features(self, scores: np.ndarray, history: np.ndarray, counts: np.ndarray) -> np.ndarray:
        if not self.context:
            return scores
        shape = scores.shape[:2]
        user = np.broadcast_to(np.log1p(history)[:, None], shape)
        item = np.broadcast_to(np.log1p(counts), shape)
        return np.concatenate([scores, user[:, :, None], item[:, :, None]], axis=-1)

    def _mix(self, users: np.ndarray) -> np.ndarray:
        scores = member_scores(self.models_, users, self.scale)
        if self.meta_ is None:
            return scores.mean(axis=-1)
        n_events = np.diff(self.seen_.indptr)
        history = np.where(users >= 0, n_events[users], 0)
        features = self._features(scores, history, self.item_counts_)
        found = meta_scores(self.meta_, features.reshape(-1, features.shape[-1]))
        return found.reshape(scores.shape[:2])


def _counts(log: Interactions) -> np.ndarray:
    return np.bincount(log.item, minlength=log.n_items).astype(np.float64)


__all__ = ["LEARNERS", "StackedHybrid", "StackedRating", "out_of_fold"]
