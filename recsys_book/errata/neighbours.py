"""What the source articles say about similar users and items, and where it fails.

The functions are the faulty versions. The right versions are in
``recsys_book.recommenders.similarity``, ``neighbors`` and ``content``.
"""

from __future__ import annotations

import numpy as np

#: CF-03: the range that article S2 states for the cosine.
CF_03_CLAIMED_RANGE = (0.0, 1.0)


def cf_03_normalised_to_zero_one(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """CF-03: the cosine, said to lie between 0 and 1 because it is normalised.

    Article S2, section 推导和解释: "通过归一化处理来确保相似度值的范围在0到1之间" (normalising
    makes sure that similarities are in the range from 0 to 1). Dividing by the lengths bounds the
    *absolute* value by 1. The sign stays, and vectors of ratings minus a mean, or of a language
    model, have both signs.

    Args:
        a: Vectors, shape (n, width).
        b: Vectors, shape (n, width).

    Returns:
        One cosine a pair, shape (n,), about which the article claims ``CF_03_CLAIMED_RANGE``.
    """
    return (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def cf_04_cosine_of_raw_ratings(a: np.ndarray, b: np.ndarray) -> float:
    """CF-04: the similarity of two people as the cosine of their whole rows of raw ratings.

    Article S2, section 协同过滤的数学公式: ``sim(A, B) = r_A · r_B / (|r_A| |r_B|)``. An item that
    was not rated counts as a rating of 0, below the worst. And ratings are positive numbers, so any
    two people with common items are similar: opposite tastes, (5, 1) and (1, 5), too.

    Args:
        a: Ratings, 0 where there is none, shape (n_items,).
        b: Likewise, shape (n_items,).

    Returns:
        The cosine; never negative.
    """
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def cf_05_largest_distance_first(query: np.ndarray, items: np.ndarray) -> np.ndarray:
    """CF-05: items ranked by Euclidean distance as if it were a similarity, the largest first.

    Article S2 4.2.1 and 7.1.3: "余弦相似度、欧氏距离等" (cosine similarity, Euclidean distance and
    the like), of which the items with "相似度最高" (the highest similarity) are taken. The largest
    distance is the *least* similar item. Section 6.1 lists "余弦相似度" and "余弦夹角" (cosine
    similarity, and the cosine's angle) as two measures: the order by the one is the order by the
    other, reversed.

    Args:
        query: A vector, shape (width,).
        items: Vectors, shape (n, width).

    Returns:
        Positions of the items, "most similar" first, shape (n,).
    """
    return np.argsort(-np.linalg.norm(items - query, axis=1), kind="stable")


def cf_13_content_for_a_new_user(history: np.ndarray, features: np.ndarray) -> np.ndarray:
    """CF-13: content-based scores for somebody without a history.

    Article S2 7.1.1: "基于内容的推荐算法可以解决新用户或新物品的冷启动问题" (content-based
    recommendation solves the cold start of new users or new items). The same article, 1.2, says
    that it fails for both. A new item has content on its first day. A new user has no profile: the
    sum over an empty history is zero, and so is every score.

    Args:
        history: Weights of the items of the user's history, shape (n_items,).
        features: Item features, shape (n_items, n_features).

    Returns:
        Scores, shape (n_items,); all zero for an empty history.
    """
    return features @ (features.T @ history)


def cf_13_behaviour_for_a_new_item(ratings: np.ndarray) -> np.ndarray:
    """CF-13, the other half: similarities by co-ratings, for which a new item has no data.

    Article S2 1.2 blames content-based recommendation for the cold start of items; it is
    collaborative filtering that has it.

    Args:
        ratings: Users by items, 0 where there is none, shape (n_users, n_items).

    Returns:
        Cosines between items, zero for an item without ratings, shape (n_items, n_items).
    """
    length = np.linalg.norm(ratings, axis=0)
    unit = np.divide(ratings, length, out=np.zeros_like(ratings, dtype=float), where=length > 0)
    return unit.T @ unit
