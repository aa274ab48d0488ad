"""What a list is worth beyond being right: reach, novelty, variety, surprise and balance.

Lists are item positions, best first, shape (n_users, k); -1 marks an empty place at the end of a
short list. Functions with one value a user return arrays of shape (n_users,).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recsys_book.evaluation.checks import as_numbers

__all__ = [
    "calibration_kl",
    "catalog_coverage",
    "exposure",
    "gini",
    "intra_list_diversity",
    "novelty",
    "self_information",
    "serendipity",
    "user_coverage",
]


def exposure(lists: np.ndarray, n_items: int) -> np.ndarray:
    """Count in how many places each item is shown.

    Args:
        lists: Recommended items, shape (n_users, k).
        n_items: Size of the catalogue.

    Returns:
        Counts, shape (n_items,).

    Raises:
        ValueError: If the lists are empty or hold an item outside the catalogue.
    """
    lists = _check_lists(lists, n_items)
    return np.bincount(lists[lists >= 0], minlength=n_items)


def catalog_coverage(lists: np.ndarray, n_items: int) -> float:
    """Share of the catalogue that is recommended to anybody.

    Source: Ge, Delgado-Battenfeld & Jannach 2010, RecSys.

    Args:
        lists: Recommended items, shape (n_users, k).
        n_items: Size of the catalogue.

    Returns:
        A share; an item counts once, however often it is shown (MET-05).

    Raises:
        ValueError: If the lists are empty or hold an item outside the catalogue.
    """
    return float(np.count_nonzero(exposure(lists, n_items)) / n_items)


def user_coverage(lists: np.ndarray, n_items: int, at_least: int = 1) -> float:
    """Share of users who get at least some number of recommendations.

    Args:
        lists: Recommended items, shape (n_users, k).
        n_items: Size of the catalogue.
        at_least: How many make a list worth showing.

    Returns:
        A share of the users.

    Raises:
        ValueError: If the lists are empty or hold an item outside the catalogue.
    """
    lists = _check_lists(lists, n_items)
    return float(((lists >= 0).sum(axis=1) >= at_least).mean())


def gini(counts: np.ndarray) -> float:
    """How unequally a total is spread: 0 evenly, towards 1 all on one item.

    With counts x sorted upwards it is the sum of (2j - n - 1) x_j over n times the sum of x.

    Args:
        counts: Exposure of every item of the catalogue, zeros included, shape (n_items,).

    Returns:
        The Gini coefficient, at most (n - 1) / n.

    Raises:
        ValueError: If a count is negative, or all are zero.
    """
    x = np.sort(as_numbers("counts", counts, 1))
    if x[0] < 0 or x[-1] == 0:
        raise ValueError("counts must be zero or above, and not all zero.")
    n = len(x)
    return float(((2 * np.arange(1, n + 1) - n - 1) * x).sum() / (n * x.sum()))


def self_information(item_counts: np.ndarray, n_users: int) -> np.ndarray:
    """Bits that it takes to say that a user knows an item: rare items carry many.

    Source: Zhou et al. 2010, PNAS 107, with one added to both counts so that an item that nobody
    knows stays finite.

    Args:
        item_counts: Users that know each item, shape (n_items,).
        n_users: Number of users.

    Returns:
        Bits, shape (n_items,), from 0 for an item that all know.

    Raises:
        ValueError: If a count is negative or above the number of users.
    """
    counts = as_numbers("item_counts", item_counts, 1)
    if counts.min() < 0 or counts.max() > n_users:
        raise ValueError(
            f"item_counts goes from {counts.min():g} to {counts.max():g} for {n_users} users; "
            "count each user once an item."
        )
    return np.log2((n_users + 1) / (counts + 1))


def novelty(lists: np.ndarray, item_counts: np.ndarray, n_users: int) -> np.ndarray:
    """Mean self-information of each user's list.

    Args:
        lists: Recommended items, shape (n_users, k).
        item_counts: Users that know each item, shape (n_items,).
        n_users: Number of users behind these counts.

    Returns:
        Bits, one value a list, shape (len(lists),), NaN for an empty list.

    Raises:
        ValueError: If a count or an item is out of range.
    """
    bits = self_information(item_counts, n_users)
    lists = _check_lists(lists, len(bits))
    return _mean_of_filled(bits[lists], lists >= 0)


def intra_list_diversity(lists: np.ndarray, features: np.ndarray) -> np.ndarray:
    """One minus the mean cosine similarity of all pairs of a list.

    For unit vectors f the squared length of their sum is the sum of all pairwise similarities, each
    pair twice, plus one for each vector. So no pair has to be formed.
    Source: Ziegler et al. 2005, WWW.

    Args:
        lists: Recommended items, shape (n_users, k).
        features: One row an item, for instance genres, shape (n_items, n_features); a row of zeros
            is similar to nothing.

    Returns:
        One value a list, shape (n_users,), NaN for a list with fewer than two items.

    Raises:
        ValueError: If the features are no table, or an item has no row.
    """
    features = as_numbers("features", features, 2)
    lists = _check_lists(lists, len(features))
    norm = np.linalg.norm(features, axis=1, keepdims=True)
    unit = np.vstack([features / np.where(norm > 0, norm, 1), np.zeros(features.shape[1])])
    listed = unit[lists]  # -1 picks the row of zeros at the end
    twice_pairs = (listed.sum(axis=1) ** 2).sum(axis=1) - (listed**2).sum(axis=(1, 2))
    n = (lists >= 0).sum(axis=1)
    return np.where(n > 1, 1 - twice_pairs / np.maximum(n * (n - 1), 1), np.nan)


def serendipity(
    lists: np.ndarray, relevant: sp.csr_matrix, expected: np.ndarray, n_items: int
) -> np.ndarray:
    """Share of each list that is relevant and not what a primitive recommender would have shown.

    Source: Ge, Delgado-Battenfeld & Jannach 2010, RecSys.

    Args:
        lists: Recommended items, shape (n_users, k).
        relevant: Relevant items as non-zeros, sparse, shape (n_users, n_items).
        expected: What the primitive recommender lists to the same users, shape (n_users, any).
        n_items: Size of the catalogue.

    Returns:
        One value a user, shape (n_users,), NaN for an empty list.

    Raises:
        ValueError: If there are not as many rows in all three, or an item is out of range.
    """
    lists, expected = _check_lists(lists, n_items), _check_lists(expected, n_items)
    if not len(lists) == len(expected) == relevant.shape[0]:
        raise ValueError(
            f"lists has {len(lists)} rows, expected {len(expected)} and relevant "
            f"{relevant.shape[0]}; pass the same users to all three."
        )
    line = np.arange(len(lists))[:, None]
    is_relevant = np.asarray(relevant.todense())[line, lists] > 0
    obvious = np.zeros((len(lists), n_items + 1), dtype=bool)
    obvious[line, expected] = True
    surprising = is_relevant & ~obvious[line, lists]
    return _mean_of_filled(surprising.astype(np.float64), lists >= 0)


def calibration_kl(
    lists: np.ndarray, history: sp.csr_matrix, groups: np.ndarray, alpha: float = 0.01
) -> np.ndarray:
    """How far the mix of groups in a list is from the mix in the user's history.

    Each item spreads a weight of 1 over its groups. p is the mix of the history, q that of the
    list; the result is the Kullback–Leibler divergence of p from q mixed with a little of p, in
    nats. Source: Steck 2018, Calibrated Recommendations, RecSys.

    Args:
        lists: Recommended items, shape (n_users, k).
        history: The users' weights of the items they know, sparse, shape (n_users, n_items).
        groups: Which groups, for instance genres, an item belongs to, zero or above, shape
            (n_items, n_groups).
        alpha: Share of p mixed into q so that a missing group costs a finite amount.

    Returns:
        One value a user, shape (n_users,), 0 when the mixes agree, NaN where a list or a history
        has no item with a group.

    Raises:
        ValueError: If the shapes disagree, or alpha is not between 0 and 1.
    """
    groups = as_numbers("groups", groups, 2)
    lists = _check_lists(lists, len(groups))
    if history.shape != (len(lists), len(groups)):
        raise ValueError(
            f"history has shape {history.shape} for {len(lists)} lists and {len(groups)} items; "
            "pass one row a list and one column an item."
        )
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; use a small share between 0 and 1, such as 0.01.")
    share = groups / np.maximum(groups.sum(axis=1, keepdims=True), 1e-300)
    in_list = np.vstack([share, np.zeros(share.shape[1])])[lists].sum(axis=1)
    p, q = _mix(np.asarray(history @ share)), _mix(in_list)
    smoothed = (1 - alpha) * q + alpha * p
    terms = p * np.log(np.where(p > 0, p, 1) / np.where(p > 0, smoothed, 1))
    return terms.sum(axis=1)


def _mix(weights: np.ndarray) -> np.ndarray:
    total = weights.sum(axis=1, keepdims=True)
    return np.where(total > 0, weights / np.where(total > 0, total, 1), np.nan)


def _mean_of_filled(values: np.ndarray, filled: np.ndarray) -> np.ndarray:
    n = filled.sum(axis=1)
    return np.where(n > 0, np.where(filled, values, 0).sum(axis=1) / np.maximum(n, 1), np.nan)


def _check_lists(lists: np.ndarray, n_items: int) -> np.ndarray:
    lists = np.asarray(lists)
    if lists.ndim != 2 or lists.size == 0 or not np.issubdtype(lists.dtype, np.integer):
        raise ValueError(
            f"lists is {lists.dtype} of shape {lists.shape}; pass item positions, one row a user."
        )
    if lists.min() < -1 or lists.max() >= n_items:
        raise ValueError(
            f"lists holds items from {lists.min()} to {lists.max()} and the catalogue has "
            f"{n_items}; use positions 0 to {n_items - 1}, or -1 for an empty place."
        )
    return lists
