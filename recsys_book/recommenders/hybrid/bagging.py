"""Bagging: the same recommender, fitted on many resampled logs, averaged."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender, Recommender
from recsys_book.recommenders.hybrid.scaling import scale_scores
from recsys_book.recommenders.hybrid.weights import check_weights

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def variance_of_mean(variance: float, correlation: float, n: int) -> float:
    r"""Return the variance of the mean of n equally correlated numbers.

    :math:`\rho\sigma^2 + (1-\rho)\sigma^2/n`: the first part stays however many there are.

    Equation: eq-bagging-variance

    Args:
        variance: Variance of each number.
        correlation: Correlation of any two, from -1/(n-1) to 1.
        n: How many are averaged, at least 1.

    Returns:
        The variance of their mean.

    Raises:
        ValueError: If n is below 1 or no n numbers can have this correlation.
    """
    if n < 1 or not -1.0 / max(n - 1, 1) <= correlation <= 1.0:
        raise ValueError(f"No {n} numbers have a common correlation of {correlation}; change one.")
    return correlation * variance + (1 - correlation) * variance / n


def ambiguity(
    predictions: np.ndarray, y: np.ndarray, weights: Sequence[float] | None = None
) -> tuple[float, float, float]:
    r"""Split the squared error of an average into the members' error and their disagreement.

    :math:`(\bar f-y)^2 = \sum_k w_k (f_k-y)^2 - \sum_k w_k (f_k-\bar f)^2`.

    Equation: eq-ambiguity

    Source: Krogh and Vedelsby (1995), "Neural Network Ensembles, Cross Validation, and Active
    Learning", NIPS 7.

    Args:
        predictions: Shape (n, n_members).
        y: What was observed, shape (n,).
        weights: One number a member, or None for equal weights.

    Returns:
        Mean squared error of the average, weighted mean of the members' errors, and their mean
        disagreement: the first is the second minus the third.
    """
    w = check_weights(weights, predictions.shape[1])
    mean = predictions @ w
    members = float(np.mean((predictions - y[:, None]) ** 2 @ w))
    disagreement = float(np.mean((predictions - mean[:, None]) ** 2 @ w))
    return float(np.mean((mean - y) ** 2)), members, disagreement


def bootstrap_interactions(
    interactions: Interactions, rng: np.random.Generator
) -> tuple[Interactions, np.ndarray]:
    """Draw as many rows as there are, with replacement.

    Args:
        interactions: n rows.
        rng: Generator of the draw.

    Returns:
        The drawn rows in the order of the log, and how often each row was drawn, shape (n,).
    """
    n = len(interactions)
    times = np.bincount(rng.integers(0, n, n), minlength=n)
    return interactions.select(np.repeat(np.arange(n), times)), times


def bootstrap_users(
    interactions: Interactions, rng: np.random.Generator
) -> tuple[Interactions, np.ndarray]:
    """Draw as many users as there are, with replacement, each with the whole history.

    A user who is drawn twice becomes two users with the same history, so the vocabulary of users is
    a new one.

    Args:
        interactions: The log.
        rng: Generator of the draw.

    Returns:
        The log of the drawn users, and how often each user was drawn, shape (n_users,).
    """
    present = np.unique(interactions.user)
    drawn = np.sort(rng.choice(present, len(present)))
    by_user = np.argsort(interactions.user, kind="stable")
    starts = np.searchsorted(interactions.user[by_user], np.arange(interactions.n_users + 1))
    size = starts[drawn + 1] - starts[drawn]
    rows = np.concatenate([by_user[starts[u] : starts[u + 1]] for u in drawn])
    bag = interactions.select(rows)
    copies = type(interactions)(
        user=np.repeat(np.arange(len(drawn)), size),
        item=bag.item,
        value=bag.value,
        timestamp=bag.timestamp,
        users=np.arange(len(drawn)),
        items=bag.items,
    )
    return copies, np.bincount(drawn, minlength=interactions.n_users)


class BaggedRecommender(BaseRecommender):
    """Average the same recommender over bootstrap samples of the log.

    By ``"interactions"`` rows are drawn; a member sees about 63 % of the different ones, of the
    user's own history too. By ``"users"`` whole histories are drawn; what is learned about items
    varies and the histories stay whole, so the member must be able to score people it was not
    fitted on (``score_histories``, as EASE does).

    Equation: eq-bagging-variance

    Source: Breiman (1996), "Bagging Predictors", Machine Learning 24(2).

    Args:
        model: The recommender, unfitted.
        n_models: Number of samples, at least 1.
        sample: ``"interactions"`` or ``"users"``.
        scale: How the members' scores are made comparable; one model's own scores are already.
        seed: Seed of the samples.

    Attributes:
        models_: The fitted members.
        scores_of_histories_: Under ``"users"``, the mean of the members' scores of the training
            histories, shape (n_users, n_items).
        out_of_bag_rmse_: For a rating model under ``"interactions"``: the error of each rating
            under the members that did not see it; None otherwise.
    """

    def __init__(
        self,
        model: Recommender,
        n_models: int = 10,
        sample: str = "interactions",
        scale: str = "raw",
        seed: int = 0,
    ):
        self.model = model
        self.n_models = n_models
        self.sample = sample
        self.scale = scale
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        if not self.n_models >= 1:
            raise ValueError(f"n_models is {self.n_models}; draw at least 1 sample.")
        rng = np.random.default_rng(self.seed)
        self.out_of_bag_rmse_ = None
        if self.sample == "interactions":
            self._fit_rows(interactions, rng)
        elif self.sample == "users":
            self._fit_users(interactions, rng)
        else:
            raise ValueError(f"sample is {self.sample!r}; use 'interactions' or 'users'.")

    def _fit_rows(self, log: Interactions, rng: np.random.Generator) -> None:
        self.models_, total, n = [], np.zeros(len(log)), np.zeros(len(log))
        for _ in range(self.n_models):
            bag, times = bootstrap_interactions(log, rng)
            member = copy.deepcopy(self.model).fit(bag)
            self.models_.append(member)
            if hasattr(member, "predict"):
                out = times == 0
                total[out] += member.predict(log.user[out], log.item[out])
                n[out] += 1
        if n.any():
            judged = n > 0
            error = total[judged] / n[judged] - log.value[judged]
            self.out_of_bag_rmse_ = float(np.sqrt(np.mean(error**2)))

    def _fit_users(self, log: Interactions, rng: np.random.Generator) -> None:
        if not hasattr(self.model, "score_histories"):
            raise ValueError(
                f"{type(self.model).__name__} cannot score people it was not fitted on; "
                "use sample='interactions'."
            )
        self.models_, mean = [], np.zeros((log.n_users, log.n_items))
        for _ in range(self.n_models):
            member = copy.deepcopy(self.model).fit(bootstrap_users(log, rng)[0])
            self.models_.append(member)
            mean += scale_scores(member.score_histories(log), self.scale) / self.n_models
        self.scores_of_histories_ = mean

    def predict(self, users: Sequence[int] | np.ndarray, items: Sequence[int] | np.ndarray):
        """Predict the ratings of pairs by the mean of the members' predictions.

        Args:
            users: User positions, shape (n,); -1 for an unknown user.
            items: Item positions, shape (n,); -1 for an unknown item.

        Returns:
            Predictions, shape (n,).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If the members predict no ratings or a position is out of range.
        """
        users, items = self._check_pairs(users, items)
        if not hasattr(self.model, "predict") or self.sample != "interactions":
            raise ValueError(
                f"A bag of {type(self.model).__name__} by {self.sample} predicts no ratings; "
                "bag a rating model by interactions."
            )
        return np.mean([member.predict(users, items) for member in self.models_], axis=0)

    def _score(self, users: np.ndarray) -> np.ndarray:
        if self.sample == "users":
            return self.scores_of_histories_[users]
        return self._mean_of_members(users)

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return self._mean_of_members(np.full(len(users), -1))

    def _mean_of_members(self, users: np.ndarray) -> np.ndarray:
        return np.mean([scale_scores(m.score(users), self.scale) for m in self.models_], axis=0)
