"""What an approximate search computes and what it costs, in a few lines each."""

from __future__ import annotations

import numpy as np


def pq_table(query: np.ndarray, codebooks: np.ndarray, metric: str = "l2") -> np.ndarray:
    """Compare each part of a query with every code word of that part, once.

    With the table, the distance to a vector costs one look-up and one addition a part, however
    long the parts are. It is asymmetric because the vector is coded and the query is not.

    Source: Jégou, Douze & Schmid (2011), section 3.

    Equation: eq-pq-distance.

    Args:
        query: Shape ``(width,)``.
        codebooks: Code words, shape ``(parts, words, width / parts)``.
        metric: ``"l2"`` for squared distances, ``"inner"`` for inner products.

    Returns:
        The table, shape ``(parts, words)``.

    Raises:
        ValueError: If the metric is unknown, or query and code words differ in width.
    """
    parts, _, length = codebooks.shape
    if query.shape != (parts * length,):
        raise ValueError(
            f"The query has shape {query.shape}, but {parts} parts of {length} coordinates need "
            f"({parts * length},): pass one query of the index's width."
        )
    pieces = query.reshape(parts, 1, length)
    if metric == "l2":
        return ((pieces - codebooks) ** 2).sum(axis=2)
    if metric == "inner":
        return (pieces * codebooks).sum(axis=2)
    raise ValueError(f"metric is {metric!r}: choose 'l2' or 'inner'.")


def pq_scores(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Add up the table's entries that the codes of each vector name.

    Equation: eq-pq-distance.

    Args:
        table: Of ``pq_table``, shape ``(parts, words)``.
        codes: One code word's number a part, shape ``(n, parts)``.

    Returns:
        Squared distances or inner products, shape ``(n,)``.
    """
    return table[np.arange(len(table)), codes].sum(axis=1)


def pq_decode(codes: np.ndarray, codebooks: np.ndarray) -> np.ndarray:
    """Put the code words together again.

    Args:
        codes: One code word's number a part, shape ``(n, parts)``.
        codebooks: Code words, shape ``(parts, words, width / parts)``.

    Returns:
        The vectors that the codes stand for, shape ``(n, width)``.
    """
    return codebooks[np.arange(len(codebooks)), codes].reshape(len(codes), -1)


def list_imbalance(sizes: np.ndarray) -> float:
    """Return how many times longer than the average list the list of a random vector is.

    Equation: eq-ivf-cost.

    Args:
        sizes: How many vectors each list holds, shape ``(lists,)``.

    Returns:
        1 if all lists have one size, and up to the number of lists if one holds everything.
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    return float(len(sizes) * (sizes**2).sum() / sizes.sum() ** 2)


def ivf_cost(n: int, nlist: int, nprobe: int, imbalance: float = 1.0) -> float:
    """Return the expected number of comparisons of a query with inverted lists.

    The query is compared with every list's centre, then with the vectors of the nearest lists.
    For equal lists this is least where ``nlist`` is the square root of ``nprobe * n``. With one
    probe and queries that fall as the vectors do, it is exact for unequal lists too.

    Source: Jégou, Douze & Schmid (2011), section 4.

    Equation: eq-ivf-cost.

    Args:
        n: Number of vectors.
        nlist: Number of lists.
        nprobe: How many lists are looked into.
        imbalance: Of the lists; see ``list_imbalance``.

    Returns:
        Centres plus vectors.
    """
    return nlist + imbalance * nprobe * n / nlist
