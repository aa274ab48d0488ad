"""Maximal marginal relevance: the next item should be good, and unlike those already chosen."""

from __future__ import annotations

import numpy as np

from recsys_book.recommenders.reranking.relevance import check_k, check_share


def mmr(relevance: np.ndarray, similarity: np.ndarray, k: int, weight: float) -> np.ndarray:
    """Choose k candidates one by one, each by relevance minus likeness to what is chosen.

    Equation: eq-mmr

    Source: Carbonell and Goldstein (1998), "The Use of MMR, Diversity-Based Reranking for
    Reordering Documents and Producing Summaries", SIGIR.

    Args:
        relevance: Relevance of the candidates, shape (n,).
        similarity: Their likeness, shape (n, n).
        k: Length of the list.
        weight: Weight of the likeness, from 0 (relevance alone) to 1 (variety alone).

    Returns:
        Positions of the chosen candidates, in order, shape (k,).

    Raises:
        ValueError: If k or the weight is out of range.
    """
    check_k(k, len(relevance))
    check_share("weight", weight)
    value = (1 - weight) * relevance
    closest = np.zeros(len(relevance))  # to any chosen item; nothing is chosen yet
    chosen: list[int] = []
    for _ in range(k):
        marginal = value - weight * closest
        marginal[chosen] = -np.inf
        best = int(np.argmax(marginal))
        closest = np.maximum(closest, similarity[best]) if chosen else similarity[best].copy()
        chosen.append(best)
    return np.array(chosen)
