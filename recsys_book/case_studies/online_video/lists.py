"""From scores to a list: leave out what was seen, and trade some score for variety."""

from __future__ import annotations

import numpy as np

from recsys_book.recommenders.base import top_k
from recsys_book.recommenders.reranking import mmr, unit_range

#: Candidates of the second stage for each place of the list.
CANDIDATES = 10


def rank_films(
    scores: np.ndarray, seen: list[int], k: int, variety: float = 0.0, likeness=None
) -> np.ndarray:
    """Return the k best films that were not seen, the best first.

    Two stages: the best ``10 k`` by score, then maximal marginal relevance among these.

    Args:
        scores: Scores of all films, shape (n_items,).
        seen: Films to leave out.
        k: Length of the list; fewer come back where fewer are left.
        variety: From 0, the score alone, to 1.
        likeness: Cosines of all films, shape (n_items, n_items); needed for variety above 0.

    Returns:
        Films, shape (at most k,).
    """
    scores = np.array(scores, dtype=np.float64)
    scores[seen] = -np.inf
    left = int(np.isfinite(scores).sum())
    k = min(k, left)
    if k == 0:
        return np.zeros(0, dtype=np.int64)
    if not variety:
        return top_k(scores[None], k)[0][0]
    pool = top_k(scores[None], min(CANDIDATES * k, left))[0][0]
    alike = np.maximum(likeness[np.ix_(pool, pool)], 0.0)
    return pool[mmr(unit_range(scores[pool]), alike, k, variety)]
