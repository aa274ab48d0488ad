"""Several descriptions of one item: fused as features before the model, or as scores after it.

A view is one description of all items, such as vectors of a text encoder, facts of a knowledge
graph, genres and year, or vectors of pictures. Every view is centred and scaled alike, so that a
view does not win by having longer vectors. Where a view says nothing about an item, it abstains.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.views import View, ridge_scores, standardise_rows, view_kernel

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def concatenate_views(views: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Put the vectors of several views side by side, each times the root of its weight.

    Equation: eq-early-fusion

    Source: Baltrušaitis, Ahuja and Morency (2019), "Multimodal Machine Learning: A Survey and
    Taxonomy", IEEE TPAMI 41(2), section 6.

    Args:
        views: Item vectors, each of shape (n_items, width of the view).
        weights: One weight a view, at least 0.

    Returns:
        Item vectors, shape (n_items, sum of the widths).
    """
    return np.hstack([np.sqrt(w) * Z for w, Z in zip(weights, views, strict=True)])


def fuse_kernels(kernels: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the products between items after ``concatenate_views``, without concatenating.

    Equation: eq-early-fusion

    Args:
        kernels: Products between the items in each view, shape (n_items, n_items).
        weights: One weight a view, at least 0.

    Returns:
        Their weighted sum, shape (n_items, n_items).
    """
    return sum(w * K for w, K in zip(weights, kernels, strict=True))


def late_fusion(
    scores: Sequence[np.ndarray], weights: np.ndarray, known: Sequence[np.ndarray]
) -> np.ndarray:
    """Average the views' scores; a view that knows nothing of an item has no vote on it.

    Equation: eq-late-fusion

    Source: Baltrušaitis, Ahuja and Morency (2019), "Multimodal Machine Learning: A Survey and
    Taxonomy", IEEE TPAMI 41(2), section 6.

    Args:
        scores: Scores of each view on one scale, shape (n_users, n_items).
        weights: One weight a view, at least 0.
        known: Which items each view knows, bool, shape (n_items,).

    Returns:
        Fused scores, shape (n_users, n_items); 0 where no view knows the item.
    """
    votes = np.asarray(weights)[:, None] * np.stack(known)
    total = sum(vote * s for vote, s in zip(votes, scores, strict=True))
    weight = votes.sum(axis=0)
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)


class _Fusion(BaseRecommender):
    """What both kinds of fusion share: views, weights, and the ridge regression of each user.

    Args:
        views: Item vectors by name, each with one row an item.
        weights: One weight a view, in their order; None for equal ones.
        l2: Penalty of the regression, above 0.
    """

    def __init__(
        self,
        views: Mapping[str, View],
        weights: Sequence[float] | None = None,
        l2: float = 10.0,
    ):
        self.views = views
        self.weights = weights
        self.l2 = l2

    def _fit(self, interactions: Interactions) -> None:
        self.weights_ = self._checked_weights()
        if not self.l2 > 0:
            raise ValueError(f"l2 is {self.l2}; use a penalty above 0.")
        for name, view in self.views.items():
            if view.shape[0] != interactions.n_items:
                raise ValueError(
                    f"View {name!r} has {view.shape[0]} rows and the log has "
                    f"{interactions.n_items} items; give one row for each, in their order."
                )
        warm = self.item_counts_ > 0
        kernels, known = zip(*(view_kernel(view, warm) for view in self.views.values()))
        self._learn(kernels, known, warm)

    def _learn(self, kernels: Sequence[np.ndarray], known: Sequence[np.ndarray], warm: np.ndarray):
        raise NotImplementedError

    def _checked_weights(self) -> np.ndarray:
        n = len(self.views)
        weights = np.ones(n) / max(n, 1) if self.weights is None else np.array(self.weights, float)
        if n == 0 or weights.shape != (n,) or not (weights >= 0).all() or not weights.sum() > 0:
            raise ValueError(
                f"There are {n} views and weights {self.weights}; pass at least one view and a "
                "weight of at least 0 for each, one of them above 0."
            )
        return weights / weights.sum()


class EarlyFusion(_Fusion):
    """Rank items by one regression a user on the concatenated views (feature level).

    The regression can give a pattern across views one weight; an item without a view enters as the
    average item of that view. Cold items are scored like all others. A user without history gets
    the popularity of the items.

    Equation: eq-early-fusion

    Source: Baltrušaitis, Ahuja and Morency (2019), "Multimodal Machine Learning: A Survey and
    Taxonomy", IEEE TPAMI 41(2).

    Args:
        views: Item vectors by name, dense or sparse, each with one row an item; a missing row is
            NaN (dense) or empty (sparse).
        weights: One weight a view, in their order; None for equal ones.
        l2: Penalty of the regression, above 0.

    Attributes:
        weights_: The weights, adding up to 1.
        scores_: Score of each user for each item, shape (n_users, n_items).
    """

    def _learn(self, kernels: Sequence[np.ndarray], known: Sequence[np.ndarray], warm: np.ndarray):
        K = fuse_kernels(kernels, self.weights_)
        self.scores_ = ridge_scores(K, warm, self.seen_, self.l2)

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.scores_[users]


class LateFusion(_Fusion):
    """Rank items by the weighted mean of one regression a user and view (decision level).

    Each view's scores are put on one scale: mean 0 and standard deviation 1 over the items that it
    knows, for each user. An item without a view is judged by the others.

    Equation: eq-late-fusion

    Source: Baltrušaitis, Ahuja and Morency (2019), "Multimodal Machine Learning: A Survey and
    Taxonomy", IEEE TPAMI 41(2).

    Args:
        views: Item vectors by name, dense or sparse, each with one row an item; a missing row is
            NaN (dense) or empty (sparse).
        weights: One weight a view, in their order; None for equal ones.
        l2: Penalty of the regressions, above 0.

    Attributes:
        weights_: The weights, adding up to 1.
        view_scores_: For each view, the standardised scores, shape (n_users, n_items).
        known_: For each view, which items it knows, bool, shape (n_items,).
    """

    def _learn(self, kernels: Sequence[np.ndarray], known: Sequence[np.ndarray], warm: np.ndarray):
        raw = [ridge_scores(K, warm & have, self.seen_, self.l2) for K, have in zip(kernels, known)]
        self.view_scores_ = [standardise_rows(s, have) for s, have in zip(raw, known)]
        self.known_ = list(known)

    def _score(self, users: np.ndarray) -> np.ndarray:
        return late_fusion([s[users] for s in self.view_scores_], self.weights_, self.known_)

    def reweighted(self, weights: Sequence[float]) -> LateFusion:
        """Return the fitted model with other weights; nothing is fitted again.

        Args:
            weights: One weight a view, at least 0.

        Returns:
            A copy that shares the views' scores.

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If the weights do not fit the views.
        """
        self._check_fitted()
        other = copy.copy(self)
        other.weights = tuple(weights)
        other.weights_ = other._checked_weights()
        return other


def simplex_grid(n: int, steps: int) -> np.ndarray:
    """Return all weights of n views in multiples of one over ``steps`` that add up to 1.

    Args:
        n: Number of views, at least 1.
        steps: Number of equal parts of the whole, at least 1.

    Returns:
        Weights, shape (combinations, n).
    """
    parts = [p for p in product(range(steps + 1), repeat=n) if sum(p) == steps]
    return np.array(parts[::-1]) / steps


def learn_weights(
    fusion: EarlyFusion | LateFusion,
    train: Interactions,
    steps: int = 4,
    share: float = 0.2,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the views' weights by how well they rank items held out from training.

    A share of the training items is made cold; each combination of weights ranks these for the
    users who took them, and the one with the best nDCG@10 is returned.

    Args:
        fusion: The unfitted model; its weights are ignored.
        train: The training log.
        steps: Fineness of the grid of weights.
        share: Share of the items to hold out.
        seed: Of the choice of the items.

    Returns:
        The best weights, shape (n_views,); all that were tried, shape (combinations, n_views); and
        the nDCG@10 of each.
    """
    from recsys_book.encoders import AmongCold
    from recsys_book.evaluation import evaluate_ranking
    from recsys_book.preprocessing import cold_item_split

    inner = cold_item_split(train, share, seed)
    tried = simplex_grid(len(fusion.views), steps)
    kind, late = type(fusion), isinstance(fusion, LateFusion)
    fitted = kind(fusion.views, None, fusion.l2).fit(inner.train) if late else None
    quality = np.empty(len(tried))
    for number, weights in enumerate(tried):
        if late:
            model = fitted.reweighted(weights)
        else:
            model = kind(fusion.views, weights, fusion.l2).fit(inner.train)
        report = evaluate_ranking(AmongCold(model, inner.train), inner, 10)
        quality[number] = report.per_user["ndcg"].mean()
    return tried[quality.argmax()], tried, quality
