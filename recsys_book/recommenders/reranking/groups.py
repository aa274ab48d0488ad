"""Does a recommender serve all kinds of people alike, and what does it cost to serve them alike?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.closed_form import EASE, ease_weights

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def group_gap(
    values: np.ndarray, groups: np.ndarray, level: float = 0.95, n: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Return the gap between the best and the worst served group, with its interval.

    The interval resamples people within their groups. A largest difference is never negative, so
    with many small groups it is far from zero by chance alone: compare it with ``chance_gap``.

    Equation: eq-fairness-gap

    Source: Ekstrand et al. (2022), "Fairness in Information Access Systems", Foundations and Trends
    in Information Retrieval 16.

    Args:
        values: One value a user, such as nDCG@10, shape (n_users,).
        groups: The group of each user, integers from 0, shape (n_users,).
        level: Share of resampled gaps inside the interval.
        n: Number of resamples.
        seed: Seed of the resamples.

    Returns:
        The gap, and the lower and upper end of its interval.

    Raises:
        ValueError: If the lengths differ or there are fewer than two groups.
    """
    parts = _parts(values, groups)
    rng = np.random.default_rng(seed)
    means = np.stack(
        [part[rng.integers(len(part), size=(n, len(part)))].mean(axis=1) for part in parts]
    )
    low, high = np.quantile(np.ptp(means, axis=0), [(1 - level) / 2, (1 + level) / 2])
    return float(np.ptp([part.mean() for part in parts])), float(low), float(high)


def chance_gap(
    values: np.ndarray, groups: np.ndarray, n: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return how large a gap is when groups mean nothing, and how often it reaches the real one.

    The labels are shuffled: every gap that is left is chance.

    Args:
        values: One value a user, shape (n_users,).
        groups: The group of each user, integers from 0, shape (n_users,).
        n: Number of shuffles.
        seed: Seed of the shuffles.

    Returns:
        The mean gap of shuffled labels, and the permutation p-value of the real gap.

    Raises:
        ValueError: If the lengths differ or there are fewer than two groups.
    """
    gap = np.ptp([part.mean() for part in _parts(values, groups)])
    rng = np.random.default_rng(seed)
    gaps = np.array(
        [np.ptp([p.mean() for p in _parts(values, rng.permutation(groups))]) for _ in range(n)]
    )
    return float(gaps.mean()), float((1 + np.sum(gaps >= gap - 1e-12)) / (1 + n))


def _parts(values: np.ndarray, groups: np.ndarray) -> list[np.ndarray]:
    values, groups = np.asarray(values, dtype=float), np.asarray(groups)
    if values.shape != groups.shape or values.ndim != 1:
        raise ValueError(
            f"There are {len(values)} values but {len(groups)} groups; give one group a user."
        )
    names = np.unique(groups)
    if len(names) < 2:
        raise ValueError("There is one group only, so there is no gap; pass at least two groups.")
    return [values[groups == name] for name in names]


def balancing_weights(groups: np.ndarray, strength: float) -> np.ndarray:
    """Weigh people so that each group counts for more of what it is short of.

    At strength 0 every person counts one; at strength 1 every group counts alike in sum. In
    between, a person of a group with share s counts ``s ** -strength``, scaled to a mean of 1.

    Equation: eq-group-weights

    Args:
        groups: The group of each user, integers from 0, shape (n_users,).
        strength: From 0 to 1.

    Returns:
        One weight a user, mean 1, shape (n_users,).

    Raises:
        ValueError: If the strength is not between 0 and 1.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength}; use a number from 0 to 1.")
    share = np.bincount(groups)[groups] / len(groups)
    weight = share**-strength
    return weight / weight.mean()


class WeightedEASE(EASE):
    """EASE in which some people count for more when the weights are learned.

    Args:
        user_weights: One weight a user of the vocabulary, at least 0, shape (n_users,).
        l2: Ridge penalty, above 0.
        half_life: As in ``EASE``.

    Attributes:
        weights_: Item-to-item weights, shape (n_items, n_items), float64.
        history_: What the weights are applied to, sparse (n_users, n_items).
    """

    def __init__(self, user_weights: np.ndarray, l2: float = 200.0, half_life: float | None = None):
        super().__init__(l2, half_life)
        self.user_weights = user_weights

    def _fit(self, interactions: Interactions) -> None:
        weights = np.asarray(self.user_weights, dtype=float)
        if weights.shape != (interactions.n_users,) or not (weights >= 0).all():
            raise ValueError(
                f"user_weights has shape {weights.shape} for {interactions.n_users} users; give "
                "every user of the vocabulary a weight of at least 0."
            )
        super()._fit(interactions)
        X = self.seen_
        G = X.T @ sp.diags_array(weights) @ X
        self.weights_ = ease_weights(G.toarray(), self.l2)
