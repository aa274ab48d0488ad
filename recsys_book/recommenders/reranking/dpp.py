"""Determinantal point process: a list is good when its items span a large volume."""

from __future__ import annotations

import numpy as np

from recsys_book.recommenders.reranking.relevance import check_k, check_share

TINY = 1e-10  # an item whose squared height fell to this share lies in the span of the chosen


def dpp_kernel(relevance: np.ndarray, similarity: np.ndarray, weight: float) -> np.ndarray:
    """Return the kernel whose determinants weigh relevance against variety.

    Equation: eq-dpp

    Source: Kulesza and Taskar (2012), "Determinantal Point Processes for Machine Learning",
    Foundations and Trends in Machine Learning 5; the trade-off is that of Chen et al. (2018).

    Args:
        relevance: Relevance of the candidates, shape (n,).
        similarity: Their likeness, positive semi-definite with ones on the diagonal, shape (n, n).
        weight: Weight of variety, from 0 (excluded) to 1: 1 means variety alone.

    Returns:
        The kernel, shape (n, n).

    Raises:
        ValueError: If the weight is not above 0 and at most 1.
    """
    check_share("weight", weight)
    if weight == 0:
        raise ValueError("weight is 0, so variety does not count: sort by relevance instead.")
    quality = np.exp((1 - weight) / (2 * weight) * relevance)
    return quality[:, None] * similarity * quality


def greedy_dpp(kernel: np.ndarray, k: int) -> np.ndarray:
    """Choose k candidates one by one, each the one that enlarges the determinant most.

    The Cholesky factor of the chosen part of the kernel grows by one row a step, so a step costs
    one product of a matrix and a vector instead of a determinant for every candidate. When no
    candidate enlarges the volume any more, the list ends.

    Equation: eq-dpp-greedy

    Source: Chen, Zhang and Zhou (2018), "Fast Greedy MAP Inference for Determinantal Point Process
    to Improve Recommendation Diversity", NeurIPS.

    Args:
        kernel: Positive semi-definite, shape (n, n).
        k: Length of the list.

    Returns:
        Positions of the chosen candidates, in order; k of them, or fewer if the rank of the kernel
        is lower.

    Raises:
        ValueError: If k is out of range.
    """
    n = len(kernel)
    check_k(k, n)
    rows = np.zeros((k, n))
    height = np.diag(kernel).astype(float)  # squared distance to the span of the chosen
    least = TINY * height
    chosen: list[int] = []
    for step in range(k):
        height[height <= least] = -np.inf  # what is left of an item in the span is rounding
        best = int(np.argmax(height))
        if np.isneginf(height[best]):
            break
        rows[step] = (kernel[best] - rows[:step, best] @ rows[:step]) / np.sqrt(height[best])
        chosen.append(best)
        height = height - rows[step] ** 2
    return np.array(chosen)
