"""Exposure: which items get the places that people look at, and how to guarantee a share."""

from __future__ import annotations

import numpy as np

from recsys_book.evaluation.metrics import discounts
from recsys_book.recommenders.reranking.relevance import check_k, check_share


def exposure_shares(lists: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the share of attention that each group of items receives.

    A place is worth the discount that nDCG gives it; the shares sum to one.

    Equation: eq-exposure-share

    Source: Singh and Joachims (2018), "Fairness of Exposure in Rankings", KDD.

    Args:
        lists: Recommended items, shape (n_users, k); -1 marks an empty place.
        groups: The group of each item, integers from 0, shape (n_items,).

    Returns:
        Shares, shape (n_groups,).

    Raises:
        ValueError: If no place is filled.
    """
    filled = lists >= 0
    if not filled.any():
        raise ValueError("No list holds an item, so there is no exposure to share: pass lists.")
    place = np.broadcast_to(discounts(lists.shape[1]), lists.shape)
    worth = np.bincount(groups[lists[filled]], place[filled], minlength=groups.max() + 1)
    return worth / worth.sum()


def with_minimum_share(
    relevance: np.ndarray, protected: np.ndarray, k: int, minimum: float
) -> np.ndarray:
    """Take the best candidates, but keep at least a share of protected ones in every prefix.

    After j places at least ``floor(minimum * j)`` hold a protected item, as long as there are any
    left. Within both kinds the order is that of relevance, so nothing is lost that the promise does
    not cost.

    Equation: eq-minimum-share

    Source: Geyik, Ambler and Kenthapadi (2019), "Fairness-Aware Ranking in Search & Recommendation
    Systems", KDD; the deterministic rule for one protected group.

    Args:
        relevance: Relevance of the candidates, shape (n,).
        protected: Which of them belong to the protected group, booleans, shape (n,).
        k: Length of the list.
        minimum: Share of the places, from 0 to 1.

    Returns:
        Positions of the chosen candidates, in order, shape (k,).

    Raises:
        ValueError: If k or the share is out of range.
    """
    check_k(k, len(relevance))
    check_share("minimum", minimum)
    order = np.argsort(-relevance, kind="stable")
    waiting = {kind: [i for i in order if protected[i] == kind] for kind in (True, False)}
    chosen: list[int] = []
    n_protected = 0
    for place in range(1, k + 1):
        owed = n_protected < int(minimum * place + 1e-9)
        kind = _next_kind(waiting, relevance, owed)
        n_protected += kind
        chosen.append(waiting[kind].pop(0))
    return np.array(chosen)


def _next_kind(waiting: dict[bool, list[int]], relevance: np.ndarray, owed: bool) -> bool:
    """Say whether the next place goes to a protected candidate."""
    if not (waiting[True] and waiting[False]):
        return bool(waiting[True])
    return owed or relevance[waiting[True][0]] > relevance[waiting[False][0]]


def discount_popularity(
    relevance: np.ndarray, item_counts: np.ndarray, strength: float
) -> np.ndarray:
    """Lower the relevance of items that everybody meets anyway.

    Equation: eq-popularity-discount

    Args:
        relevance: Relevance of the candidates, shape (n,).
        item_counts: Training events of each of them, shape (n,).
        strength: What a factor of ten in popularity costs, in units of relevance; at least 0.

    Returns:
        The discounted relevance, shape (n,).

    Raises:
        ValueError: If the strength is negative.
    """
    if not strength >= 0:
        raise ValueError(f"strength is {strength}; use a number of at least 0.")
    return relevance - strength * np.log10(1 + item_counts)
