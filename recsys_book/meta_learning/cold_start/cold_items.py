"""Newcomers meet new films: the protocol, and models that start from content on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import scipy.sparse as sp

from recsys_book.meta_learning.cold_start.bayes import Belief, learn_prior
from recsys_book.meta_learning.cold_start.content_prior import (
    Biases,
    FeatureMap,
    alternating_biases,
    checked_item_features,
    event_weights,
    expected_popularity,
)
from recsys_book.meta_learning.cold_start.protocol import Episode, World

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True)
class ColdItemWorld(World):
    """A split of the users and of the items.

    ``warm`` holds the ratings of known users on known items, ``cold`` the newcomers in the order
    of the draw.

    Attributes:
        cold_items: Positions of the new items, increasing.
        known_items: Positions of the known items, increasing.
        state: Where the draw stands; ``cold_episodes`` goes on from it.
    """

    cold_items: np.ndarray
    known_items: np.ndarray
    state: dict


def cold_item_world(
    log: Interactions,
    seed: int,
    users: np.ndarray | None = None,
    items: np.ndarray | None = None,
    share: float = 0.2,
) -> ColdItemWorld:
    """Hold out a share of the users and a share of the items.

    Args:
        log: Rated events.
        seed: Seed of the draw.
        users: Positions to draw from; None for all.
        items: Positions to draw from; None for all.
        share: Share of both sides that is new, inside (0, 1).

    Returns:
        The split.

    Raises:
        ValueError: If the share leaves a side empty.
    """
    rng = np.random.default_rng(seed)
    users = rng.permutation(log.n_users if users is None else users)
    items = rng.permutation(log.n_items if items is None else items)
    n_u, n_i = int(len(users) * share), int(len(items) * share)
    if not (0 < n_u < len(users) and 0 < n_i < len(items)):
        raise ValueError(
            f"A share of {share} of {len(users)} users and {len(items)} items leaves one side "
            "empty; use a share inside (0, 1) of more users and items."
        )
    known = np.isin(log.user, users[n_u:]) & np.isin(log.item, items[n_i:])
    warm = log.select(np.flatnonzero(known))
    known_items = np.sort(items[n_i:])
    return ColdItemWorld(
        log, warm, users[:n_u], seed, np.sort(items[:n_i]), known_items, rng.bit_generator.state
    )


def tuning_cold_worlds(log: Interactions, seeds: Sequence[int] = (101,)) -> list[ColdItemWorld]:
    """Return splits of the known users and items of split 100, on which settings are chosen.

    Args:
        log: Rated events.
        seeds: Seeds of the inner splits.

    Returns:
        One split a seed.
    """
    rng = np.random.default_rng(100)
    users = rng.permutation(log.n_users)[: log.n_users * 4 // 5]
    items = rng.permutation(log.n_items)[: log.n_items * 4 // 5]
    return [cold_item_world(log, seed, users, items) for seed in seeds]


def cold_episodes(world: ColdItemWorld, k: int) -> list[Episode]:
    """Cut each newcomer's ratings: k of known items are shown, all of new items are asked.

    A newcomer with fewer than k ratings of known items shows what there is; one with fewer than
    two ratings of new items is left out, as nothing can be ordered.

    Args:
        world: A split of users and items.
        k: Number of ratings shown, at least 1.

    Returns:
        The episodes, in the order of ``world.cold``.

    Raises:
        ValueError: If k is below 1, or nobody has two ratings of new items.
    """
    if k < 1:
        raise ValueError(f"k is {k}; show at least one rating.")
    log, found = world.log, []
    rng = np.random.default_rng()
    rng.bit_generator.state = world.state
    new, known = np.isin(log.item, world.cold_items), np.isin(log.item, world.known_items)
    order = np.argsort(log.user, kind="stable")
    ends = np.searchsorted(log.user[order], np.arange(log.n_users + 1))
    for user in world.cold:
        rows = order[ends[user] : ends[user + 1]]
        shown, asked = rng.permutation(rows[known[rows]])[:k], rows[new[rows]]
        if len(asked) >= 2:
            found.append(Episode(int(user), shown, asked))
    if not found:
        raise ValueError("No newcomer has rated two of the new items; hold out more of both.")
    return found


class ItemPrior:
    """An item's level from its content, a user's level from the ratings shown.

    With ``taste`` the newcomer's taste is a ridge regression on item features, as well.

    Args:
        features: Item features, dense or sparse, shape (n_items, n_features); None: every new item
            is worth the mean.
        l2: Penalty of the map from features to levels.
        saturation: The c of ``event_weights``.
        l2_user: Ratings of level zero that a newcomer gets on top of the ones shown.
        taste: Features of the personal regression, shape (n_items, f); None for none.
        l2_taste: Its penalty.

    Attributes:
        biases_: Levels of the known users and items.
        prior_: What content says of each item's level, shape (n_items,).
    """

    def __init__(
        self,
        features: np.ndarray | sp.csr_array | None = None,
        l2: float = 30.0,
        saturation: float = 10.0,
        l2_user: float = 3.0,
        taste: np.ndarray | None = None,
        l2_taste: float = 8.0,
    ) -> None:
        self.features, self.l2, self.saturation = features, l2, saturation
        self.l2_user, self.taste, self.l2_taste = l2_user, taste, l2_taste

    def fit(self, warm: Interactions) -> Self:
        """Learn levels of items, and how content explains them.

        Args:
            warm: Ratings of known users on known items, with the whole log's vocabularies.

        Returns:
            The model itself.
        """
        self.biases_ = alternating_biases(warm)
        self.prior_ = self._prior(self.biases_, warm.n_items)
        return self

    def _prior(self, biases: Biases, n_items: int) -> np.ndarray:
        if self.features is None:
            return np.zeros(n_items)
        X = checked_item_features(self.features, n_items)
        weights = event_weights(biases.counts, self.saturation)
        return FeatureMap(self.l2).fit(X, biases.raw[:, None], weights).predict(X)[:, 0]

    def predict(
        self, user: int, items: np.ndarray, ratings: np.ndarray, query: np.ndarray
    ) -> np.ndarray:
        """Predict ratings of new items after ``ratings`` of known ``items``.

        Args:
            user: Position of the newcomer; not used.
            items: Rated items, shape (k,); k may be 0.
            ratings: Their ratings, shape (k,).
            query: Items to predict, shape (n,).

        Returns:
            Ratings, shape (n,).
        """
        base = self.biases_.mean + self.prior_[query]
        if not len(items):
            return base
        surprise = ratings - self.biases_.mean - self.biases_.item[items]
        K = self._likeness(items, items) + np.eye(len(items))
        return base + self._likeness(query, items) @ np.linalg.solve(K, surprise)

    def _likeness(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Prior covariance of a newcomer's residuals on two lists of items, in units of noise."""
        level = np.full((len(a), len(b)), 1 / self.l2_user)
        if self.taste is None:
            return level
        return level + self.taste[a] @ self.taste[b].T / self.l2_taste


class PopularityPrior(ItemPrior):
    """An item's level from the popularity that its content lets expect: films like it are watched.

    Args:
        features: Item features, shape (n_items, n_features).
        **options: As in ``ItemPrior``.
    """

    def _prior(self, biases: Biases, n_items: int) -> np.ndarray:
        X = checked_item_features(self.features, n_items)
        expected = expected_popularity(X, biases.counts, self.l2)
        weights = event_weights(biases.counts, self.saturation)
        return FeatureMap(1e-6).fit(expected, biases.raw[:, None], weights).predict(expected)[:, 0]


class LearnedPrior(ItemPrior):
    r"""Content on both sides: items start at a level, users at a distribution of tastes.

    Taste is a vector :math:`w_u\sim\mathcal N(m,\Sigma)` over item features, with a one in front
    for the level; m, the whole of :math:`\Sigma` and the noise are learned from the known users by
    expectation-maximisation. A newcomer's k ratings turn it into a posterior, which speaks of new
    items too.

    Equation: eq-cold-cold-prior.

    Args:
        features: Item features for the items' levels, shape (n_items, n_features).
        taste: Item features for the users' tastes, shape (n_items, f); they are centred.
        l2: Penalty of the map from features to levels.
        saturation: The c of ``event_weights``.
        steps: Steps of expectation-maximisation.

    Attributes:
        belief_: Prior of a newcomer's taste, of 1 + f coordinates.
        noise_: Variance of a rating around it.
        vectors_: One and the centred taste features, shape (n_items, 1 + f).
    """

    def __init__(
        self,
        features: np.ndarray | sp.csr_array,
        taste: np.ndarray,
        l2: float = 10.0,
        saturation: float = 100.0,
        steps: int = 8,
    ) -> None:
        super().__init__(features, l2, saturation, taste=taste)
        self.steps = steps

    def fit(self, warm: Interactions) -> Self:
        """Learn the items' map and the distribution of tastes.

        Args:
            warm: Ratings of known users on known items.

        Returns:
            The model itself.
        """
        super().fit(warm)
        taste = checked_item_features(self.taste, warm.n_items)
        self.vectors_ = np.column_stack([np.ones(len(taste)), taste - taste.mean(axis=0)])
        surprise = warm.value - self.biases_.mean - self.biases_.item[warm.item]
        cells, shape = (warm.user, warm.item), (warm.n_users, warm.n_items)
        seen = np.unique(warm.user)
        B = sp.csr_matrix((np.ones(len(warm)), cells), shape)[seen]
        E = sp.csr_matrix((surprise, cells), shape)[seen]
        f = self.vectors_.shape[1]
        start = Belief(np.zeros(f), np.diag(np.r_[0.2, np.full(f - 1, 0.05)]))
        self.belief_, self.noise_ = learn_prior(B, E, self.vectors_, start, 0.8, self.steps)
        return self

    def predict(
        self, user: int, items: np.ndarray, ratings: np.ndarray, query: np.ndarray
    ) -> np.ndarray:
        """Predict ratings of new items; see ``ItemPrior.predict``."""
        surprise = ratings - self.biases_.mean - self.biases_.item[items]
        belief = self.belief_.after(self.vectors_[items], surprise, self.noise_)
        personal, _ = belief.predict(self.vectors_[query])
        return self.biases_.mean + self.prior_[query] + personal
