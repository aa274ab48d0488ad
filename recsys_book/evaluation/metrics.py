"""Ranking metrics: one value a user, from relevance in ranked order.

Every function takes a ``Ranked`` and a cut-off k and returns an array of shape (n_users,). A user
for whom nothing is relevant has no value (NaN): no list could be right or wrong for them. Average
with ``mean_over_users``, which leaves such users out and says how many they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.evaluation.checks import check_k
from recsys_book.evaluation.ranked import Ranked

__all__ = [
    "GAINS",
    "Mean",
    "average_precision_at_k",
    "discounts",
    "f1_at_k",
    "hit_rate_at_k",
    "mean_over_users",
    "ndcg_at_k",
    "precision_at_k",
    "recall_at_k",
    "reciprocal_rank",
]

#: What a relevance is worth in nDCG.
GAINS = ("binary", "linear", "exponential")


@dataclass(frozen=True)
class Mean:
    """A mean over users.

    Attributes:
        value: The mean.
        n_users: Users that have a value.
        n_undefined: Users without one, left out.
    """

    value: float
    n_users: int
    n_undefined: int


def mean_over_users(values: np.ndarray) -> Mean:
    """Average one value a user; every user counts the same, whatever their number of events.

    Args:
        values: One value a user, shape (n_users,), NaN where undefined.

    Returns:
        The mean and how many users it stands for.

    Raises:
        ValueError: If no user has a value.
    """
    values = np.asarray(values, dtype=np.float64)
    defined = ~np.isnan(values)
    if not defined.any():
        raise ValueError(
            "no user has a value, because nothing is relevant for any of them; "
            "pass users with at least one relevant item."
        )
    n = int(defined.sum())
    return Mean(float(values[defined].mean()), n, len(values) - n)


def precision_at_k(ranked: Ranked, k: int = 10) -> np.ndarray:
    """Share of the k listed items that are relevant.

    A list shorter than k is still divided by k: the empty places are misses.
    Source: Herlocker et al. 2004. Equation: eq-precision-recall

    Args:
        ranked: Relevance in ranked order.
        k: Length of the list.

    Returns:
        One value a user, shape (n_users,), NaN where nothing is relevant.

    Raises:
        ValueError: If k is below 1 or beyond the ranks kept.
    """
    return _defined(ranked, _hits(ranked, k).sum(axis=1) / k)


def recall_at_k(ranked: Ranked, k: int = 10) -> np.ndarray:
    """Share of the relevant items that are among the k listed.

    Source: Herlocker et al. 2004. Equation: eq-precision-recall

    Args:
        ranked: Relevance in ranked order.
        k: Length of the list.

    Returns:
        One value a user, shape (n_users,), NaN where nothing is relevant.

    Raises:
        ValueError: If k is below 1 or beyond the ranks kept.
    """
    return _hits(ranked, k).sum(axis=1) / _defined(ranked, ranked.n_relevant)


def f1_at_k(ranked: Ranked, k: int = 10) -> np.ndarray:
    """Harmonic mean of precision and recall at k; 0 where both are 0.

    Source: van Rijsbergen 1979, Information Retrieval.

    Args:
        ranked: Relevance in ranked order.
        k: Length of the list.

    Returns:
        One value a user, shape (n_users,), NaN where nothing is relevant.

    Raises:
        ValueError: If k is below 1 or beyond the ranks kept.
    """
    # With h hits, P = h/k and R = h/n, so 2PR/(P+R) = 2h/(k+n), which is 0 and not 0/0 at h = 0.
    return _defined(ranked, 2 * _hits(ranked, k).sum(axis=1) / (k + ranked.n_relevant))


def hit_rate_at_k(ranked: Ranked, k: int = 10) -> np.ndarray:
    """Whether at least one of the k listed items is relevant.

    Args:
        ranked: Relevance in ranked order.
        k: Length of the list.

    Returns:
        0 or 1 a user, float64, shape (n_users,), NaN where nothing is relevant.

    Raises:
        ValueError: If k is below 1 or beyond the ranks kept.
    """
    return _defined(ranked, _hits(ranked, k).any(axis=1))


def reciprocal_rank(ranked: Ranked, k: int | None = None) -> np.ndarray:
    """One over the rank of the first relevant item; 0 if none is among the first k.

    Args:
        ranked: Relevance in ranked order.
        k: Length of the list; None looks at the whole ranking.

    Returns:
        One value a user, shape (n_users,), NaN where nothing is relevant.

    Raises:
        ValueError: If k is below 1 or beyond the ranks kept, or None while ranks were cut off.
    """
    if k is None and not ranked.complete:
        raise ValueError(
            f"only {ranked.depth} ranks were kept; rank with depth=None for the whole list, "
            "or give k."
        )
    hits = _hits(ranked, ranked.depth if k is None else k)
    return _defined(ranked, np.where(hits.any(axis=1), 1 / (1 + hits.argmax(axis=1)), 0.0))


def average_precision_at_k(ranked: Ranked, k: int = 10, reachable: bool = False) -> np.ndarray:
    """Mean of the precisions at the ranks of the relevant items; unlisted ones count as 0.

    Its mean over users is MAP at k. Equation: eq-average-precision

    Args:
        ranked: Relevance in ranked order.
        k: Length of the list.
        reachable: Divide by min(k, relevant items), which makes 1 reachable, instead of by the
            number of relevant items, as trec_eval and ranx do.

    Returns:
        One value a user, shape (n_users,), NaN where nothing is relevant.

    Raises:
        ValueError: If k is below 1 or beyond the ranks kept.
    """
    hits = _hits(ranked, k)
    precisions = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    found = (precisions * hits).sum(axis=1)
    possible = np.minimum(ranked.n_relevant, k) if reachable else ranked.n_relevant
    return found / _defined(ranked, possible)


def discounts(k: int) -> np.ndarray:
    """Return nDCG's weight of each rank, one over the binary logarithm of rank + 1.

    Args:
        k: How many ranks.

    Returns:
        Weights, shape (k,), the first one 1.

    Raises:
        ValueError: If k is below 1.
    """
    return 1 / np.log2(np.arange(2, check_k(k) + 2))


def ndcg_at_k(ranked: Ranked, k: int = 10, gain: str = "binary") -> np.ndarray:
    """Discounted gain of the list, divided by that of the best possible list.

    Source: Järvelin & Kekäläinen 2002. Equation: eq-ndcg

    Args:
        ranked: Relevance in ranked order.
        k: Length of the list, and of the best possible one.
        gain: What a relevance r is worth: ``binary`` 1 if r is above 0, ``linear`` r,
            ``exponential`` two to the power r, minus 1.

    Returns:
        One value a user, shape (n_users,), NaN where nothing is relevant.

    Raises:
        ValueError: If k is below 1 or beyond the ranks kept, or the gain is unknown.
    """
    k = _reach(ranked, k)
    weights = discounts(k)
    dcg = _worth(ranked.gains[:, :k], gain) @ weights
    best = _worth(ranked.ideal[:, :k], gain) @ weights
    return dcg / _defined(ranked, best)


def _worth(relevance: np.ndarray, gain: str) -> np.ndarray:
    if gain == "binary":
        return (relevance > 0).astype(np.float64)
    if gain == "linear":
        return relevance
    if gain == "exponential":
        return np.exp2(relevance) - 1
    raise ValueError(f"gain is {gain!r}; use one of {', '.join(GAINS)}.")


def _reach(ranked: Ranked, k: int) -> int:
    """Return how many of the first k ranks exist, after checking that none was cut off."""
    k = check_k(k)
    if k > ranked.depth and not ranked.complete:
        raise ValueError(f"k is {k} but only {ranked.depth} ranks were kept; rank with depth={k}.")
    return min(k, ranked.depth)


def _hits(ranked: Ranked, k: int) -> np.ndarray:
    return ranked.gains[:, : _reach(ranked, k)] > 0


def _defined(ranked: Ranked, values: np.ndarray) -> np.ndarray:
    return np.where(ranked.n_relevant > 0, values, np.nan)
