"""Sampled metrics, kept here to show how they mislead.

Instead of the whole catalogue, a sampled metric ranks the relevant item among a few random others.
It is cheap and it is not a small version of the metric: it answers another question, and can order
two models the other way round (Krichene & Rendle 2020). The book's protocol never uses it.
"""

from __future__ import annotations

import numpy as np
import scipy

from recsys_book.evaluation.checks import as_numbers, check_k

__all__ = [
    "expected_sampled_hit",
    "expected_sampled_ndcg",
    "hit_at_rank",
    "ndcg_at_rank",
    "sampled_ranks",
]


def hit_at_rank(ranks: np.ndarray, k: int = 10) -> np.ndarray:
    """Hit rate at k when one item is relevant: 1 if its rank is at most k.

    Args:
        ranks: Rank of the relevant item, 1 for the best, any shape.
        k: Length of the list.

    Returns:
        0 or 1 for each rank, float64, same shape.

    Raises:
        ValueError: If a rank or k is below 1.
    """
    return (_check_ranks(ranks) <= check_k(k)).astype(np.float64)


def ndcg_at_rank(ranks: np.ndarray, k: int = 10) -> np.ndarray:
    """NDCG at k when one item is relevant: the discount of its rank, 0 beyond k.

    Args:
        ranks: Rank of the relevant item, 1 for the best, any shape.
        k: Length of the list.

    Returns:
        A value for each rank, same shape.

    Raises:
        ValueError: If a rank or k is below 1.
    """
    ranks = _check_ranks(ranks)
    return np.where(ranks <= check_k(k), 1 / np.log2(ranks + 1), 0.0)


def sampled_ranks(
    ranks: np.ndarray, n_items: int, n_sampled: int = 100, seed: int = 0
) -> np.ndarray:
    """Rank of the relevant item among random others instead of among all.

    Each of the sampled items, drawn with replacement, beats the relevant one with the same
    probability: the share of the other items that truly rank above it.

    Args:
        ranks: True ranks among all candidates, shape (n_users,).
        n_items: Number of candidates that were ranked, the relevant one included.
        n_sampled: How many others are drawn.
        seed: Seed of the draws.

    Returns:
        Sampled ranks, from 1 to n_sampled + 1, shape (n_users,).

    Raises:
        ValueError: If a rank lies outside the candidates, or n_sampled is below 1.
    """
    q = _chance_to_lose(ranks, n_items, n_sampled)
    return 1 + np.random.default_rng(seed).binomial(n_sampled, q)


def expected_sampled_hit(
    ranks: np.ndarray, n_items: int, n_sampled: int = 100, k: int = 10
) -> np.ndarray:
    """Probability of a sampled hit at k, given the true rank.

    Source: Krichene & Rendle 2020, KDD. Equation: eq-sampled-hit

    Args:
        ranks: True ranks among all candidates, shape (n_users,).
        n_items: Number of candidates that were ranked, the relevant one included.
        n_sampled: How many others are drawn, with replacement.
        k: Length of the list.

    Returns:
        A probability for each rank, shape (n_users,).

    Raises:
        ValueError: If a rank lies outside the candidates, or n_sampled or k is below 1.
    """
    q = _chance_to_lose(ranks, n_items, n_sampled)
    return scipy.stats.binom.cdf(check_k(k) - 1, n_sampled, q)


def expected_sampled_ndcg(
    ranks: np.ndarray, n_items: int, n_sampled: int = 100, k: int = 10
) -> np.ndarray:
    """Mean sampled nDCG at k, given the true rank.

    Source: Krichene & Rendle 2020, KDD.

    Args:
        ranks: True ranks among all candidates, shape (n_users,).
        n_items: Number of candidates that were ranked, the relevant one included.
        n_sampled: How many others are drawn, with replacement.
        k: Length of the list.

    Returns:
        A mean for each rank, shape (n_users,).

    Raises:
        ValueError: If a rank lies outside the candidates, or n_sampled or k is below 1.
    """
    q = _chance_to_lose(ranks, n_items, n_sampled)
    places = np.arange(1, min(check_k(k), n_sampled + 1) + 1)
    chances = scipy.stats.binom.pmf(places - 1, n_sampled, q[:, None])
    return chances @ ndcg_at_rank(places, k)


def _check_ranks(ranks: np.ndarray) -> np.ndarray:
    ranks = as_numbers("ranks", ranks)
    if ranks.min() < 1:
        raise ValueError(f"ranks holds {ranks.min():g}; the best rank is 1.")
    return ranks


def _chance_to_lose(ranks: np.ndarray, n_items: int, n_sampled: int) -> np.ndarray:
    ranks = _check_ranks(as_numbers("ranks", ranks, 1))
    if ranks.max() > n_items or n_items < 2:
        raise ValueError(
            f"a rank of {ranks.max():g} among {n_items} candidates is impossible; "
            "pass how many items were ranked, at least 2."
        )
    if n_sampled < 1:
        raise ValueError(f"n_sampled is {n_sampled}; draw at least 1 item.")
    return (ranks - 1) / (n_items - 1)
