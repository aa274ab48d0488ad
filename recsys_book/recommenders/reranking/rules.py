"""Rules that reorder the candidates of a user, and a recommender that applies one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from recsys_book.recommenders.base import BaseRecommender, Recommender, top_k
from recsys_book.recommenders.content import unit_rows
from recsys_book.recommenders.reranking.calibration import calibrate, group_shares
from recsys_book.recommenders.reranking.dpp import dpp_kernel, greedy_dpp
from recsys_book.recommenders.reranking.exposure import discount_popularity, with_minimum_share
from recsys_book.recommenders.reranking.mmr import mmr
from recsys_book.recommenders.reranking.relevance import unit_range
from recsys_book.recommenders.rules import check_features

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True)
class Candidates:
    """What a rule is told about one user.

    Attributes:
        items: Candidate items, best first, shape (n,).
        relevance: Their relevance from 0 to 1, shape (n,).
        history: Items of the user's history, shape (m,).
        item_counts: Training events of every item, shape (n_items,).
    """

    items: np.ndarray
    relevance: np.ndarray
    history: np.ndarray
    item_counts: np.ndarray


class Rule(Protocol):
    """Chooses and orders k of the candidates."""

    def __call__(self, user: Candidates, k: int) -> np.ndarray:
        """Return positions in ``user.items``, in order; k of them, or fewer."""
        ...


@dataclass(frozen=True, eq=False)
class Diverse:
    """Maximal marginal relevance on item features.

    Attributes:
        features: Item features, shape (n_items, n_features).
        weight: Weight of variety, 0 to 1.
    """

    features: np.ndarray
    weight: float

    def __call__(self, user: Candidates, k: int) -> np.ndarray:
        """Choose by ``mmr``."""
        vectors = unit_rows(self.features[user.items])
        return mmr(user.relevance, vectors @ vectors.T, k, self.weight)


@dataclass(frozen=True, eq=False)
class Determinantal:
    """The greedy list of a determinantal point process.

    Attributes:
        features: Item features, shape (n_items, n_features).
        weight: Weight of variety, above 0, at most 1.
    """

    features: np.ndarray
    weight: float

    def __call__(self, user: Candidates, k: int) -> np.ndarray:
        """Choose by ``greedy_dpp``."""
        vectors = unit_rows(self.features[user.items])
        similarity = vectors @ vectors.T
        np.fill_diagonal(similarity, 1.0)  # an item without features is like itself only
        return greedy_dpp(dpp_kernel(user.relevance, similarity, self.weight), k)


@dataclass(frozen=True, eq=False)
class Calibrated:
    """The mix of groups in the list follows the mix in the history.

    Attributes:
        groups: Ones where an item belongs to a group, shape (n_items, n_groups).
        weight: Weight of the mix, 0 to 1.
    """

    groups: np.ndarray
    weight: float

    def __call__(self, user: Candidates, k: int) -> np.ndarray:
        """Choose by ``calibrate``."""
        mix = group_shares(self.groups[user.history]).sum(axis=0)
        target = mix / mix.sum() if mix.sum() > 0 else mix
        shares = group_shares(self.groups[user.items])
        return calibrate(user.relevance, shares, target, k, self.weight)


@dataclass(frozen=True, eq=False)
class MinimumShare:
    """At least a share of every list's prefix belongs to the protected items.

    Attributes:
        protected: Which items, booleans, shape (n_items,).
        minimum: The share, 0 to 1.
    """

    protected: np.ndarray
    minimum: float

    def __call__(self, user: Candidates, k: int) -> np.ndarray:
        """Choose by ``with_minimum_share``."""
        return with_minimum_share(user.relevance, self.protected[user.items], k, self.minimum)


@dataclass(frozen=True, eq=False)
class LessPopular:
    """Popular items pay for their popularity.

    Attributes:
        strength: What a factor of ten in popularity costs, in units of relevance.
    """

    strength: float

    def __call__(self, user: Candidates, k: int) -> np.ndarray:
        """Choose by ``discount_popularity``."""
        counts = user.item_counts[user.items]
        value = discount_popularity(user.relevance, counts, self.strength)
        return np.argsort(-value, kind="stable")[:k]


class Reranked(BaseRecommender):
    """A recommender whose best candidates are put into another order.

    The inner model proposes ``depth`` unseen items; the rule chooses and orders ``k`` of them; the
    rest follow in the order of the inner model. A user without history gets the inner model's
    scores as they are. Where things are shown again, as songs are, set ``repeats`` and ask for
    ``recommend(..., exclude_seen=False)``; without it no item of the history is ever chosen.

    Args:
        model: The inner recommender; it is fitted with this one.
        rule: How to choose.
        depth: How many candidates the rule may choose from.
        k: How many places the rule fills.
        repeats: Let the rule choose from the user's history too.
    """

    def __init__(
        self, model: Recommender, rule: Rule, depth: int = 100, k: int = 10, repeats: bool = False
    ):
        self.model = model
        self.rule = rule
        self.depth = depth
        self.k = k
        self.repeats = repeats

    @classmethod
    def around(cls, model: BaseRecommender, rule: Rule, depth: int = 100, k: int = 10) -> Self:
        """Put a rule around a model that is fitted already, so that many rules share one fit.

        Args:
            model: A fitted recommender.
            rule: How to choose.
            depth: How many candidates the rule may choose from.
            k: How many places the rule fills.

        Returns:
            A fitted recommender.

        Raises:
            NotFittedError: If the model is not fitted.
            ValueError: If k, the depth or the rule's table of items is out of range.
        """
        model._check_fitted()
        reranked = cls(model, rule, depth, k)
        for name in ("users_", "items_", "seen_", "item_counts_"):
            setattr(reranked, name, getattr(model, name))
        reranked._check()
        reranked.model_ = model
        return reranked

    def _fit(self, interactions: Interactions) -> None:
        self._check()
        self.model_ = self.model.fit(interactions)

    def _check(self) -> None:
        if not 1 <= self.k <= self.depth:
            raise ValueError(f"k is {self.k} and depth {self.depth}; use 1 <= k <= depth.")
        for name in ("features", "groups", "protected"):
            if (table := getattr(self.rule, name, None)) is not None:
                check_features(np.asarray(table, float).reshape(len(table), -1), len(self.items_))

    def _score(self, users: np.ndarray) -> np.ndarray:
        scores = np.asarray(self.model_.score(users), dtype=float)
        depth = min(self.depth, scores.shape[1])
        items, values = top_k(scores, depth, None if self.repeats else self.seen_[users])
        out = _below_zero(scores)
        for row, user in enumerate(users):
            real = items[row] >= 0
            known = items[row][real]
            if not len(known):
                continue
            history = self.seen_.indices[self.seen_.indptr[user] : self.seen_.indptr[user + 1]]
            told = Candidates(known, unit_range(values[row][real]), history, self.item_counts_)
            chosen = known[self.rule(told, min(self.k, len(known)))]
            out[row, chosen] = np.arange(len(chosen), 0, -1)
        return out

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return np.asarray(self.model_.score(users), dtype=float)


def _below_zero(scores: np.ndarray) -> np.ndarray:
    """Keep the order of each row and move its values into the range from -2 to -1."""
    low, high = scores.min(axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    return (scores - low) / np.where(high > low, high - low, 1.0) - 2.0
