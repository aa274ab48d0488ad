"""Exact search: the k items with the largest inner product, for many users at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

_USERS, _ITEMS = 256, 4096  # a block of scores that stays in the cache


def top_k_inner(
    users: np.ndarray,
    items: np.ndarray,
    k: int,
    seen: sp.csr_matrix | None = None,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k items with the largest inner product for each user, best first.

    Nothing is approximated. Scores are made a block at a time by a matrix product; what does not
    beat the user's k-th best score so far is never looked at again, and after the first block that
    is nearly everything. Memory is that of a block and of the answer. Equal scores go to the lower
    position.

    Equation: eq-top-k

    Args:
        users: User vectors, float32 or float64, shape (n_users, width).
        items: Item vectors, shape (n_items, width); the product is made in the larger type.
        k: Length of the lists, from 1 to n_items.
        seen: Items that must not be listed, as non-zeros of shape (n_users, n_items).
        threads: Blocks of users are shared among so many threads; the answer is the same.

    Returns:
        Items, int64, and scores, both of shape (n_users, k); item -1 and score minus infinity fill
        a list with fewer than k unseen items.

    Raises:
        ValueError: If the shapes disagree, k or threads is out of range, or a vector holds a value
            that is not finite.
    """
    users, items = _check(users, items, k, threads)
    indptr, indices = _seen_rows(seen, len(users), len(items))
    ids = np.full((len(users), k), -1, dtype=np.int64)
    best = np.full((len(users), k), -np.inf, dtype=users.dtype)

    def work(first: int) -> None:
        rows = slice(first, first + _USERS)
        _search_block(users[rows], items, indptr, indices, first, ids[rows], best[rows])

    starts = range(0, len(users), _USERS)
    # One matrix product a thread: the library's own threads would compete with ours.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, starts))
    return ids, best


def _search_block(users, items, indptr, indices, first, ids, best) -> None:
    """Search for one block of users, a block of items at a time."""
    from recsys_book.recommenders.search_kernels import keep_best

    mine = indptr[first : first + len(users) + 1]
    room = np.empty(len(users) * min(_ITEMS, len(items)), dtype=users.dtype)
    for offset in range(0, len(items), _ITEMS):
        block = items[offset : offset + _ITEMS]
        scores = room[: len(users) * len(block)].reshape(len(users), len(block))
        np.matmul(users, block.T, out=scores)
        keep_best(scores, offset, mine, indices, ids, best)


def _seen_rows(seen, n_users: int, n_items: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted seen items of each user, as the two index arrays of a CSR matrix."""
    if seen is None:
        return np.zeros(n_users + 1, np.int64), np.empty(0, np.int64)
    if seen.shape != (n_users, n_items):
        raise ValueError(
            f"seen has shape {seen.shape} but there are {n_users} users and {n_items} items; "
            "pass one row a user and one column an item."
        )
    seen = sp.csr_matrix(seen, copy=True)
    seen.eliminate_zeros()
    seen.sum_duplicates()
    return seen.indptr.astype(np.int64), seen.indices.astype(np.int64)


def _check(users, items, k: int, threads: int) -> tuple[np.ndarray, np.ndarray]:
    users, items = np.asarray(users), np.asarray(items)
    if users.ndim != 2 or items.ndim != 2 or users.shape[1] != items.shape[1]:
        raise ValueError(
            f"users have shape {users.shape} and items {items.shape}; "
            "pass two tables of vectors of the same width."
        )
    if not 1 <= k <= len(items):
        raise ValueError(f"k is {k}; ask for at least 1 and at most {len(items)} items.")
    if not threads >= 1:
        raise ValueError(f"threads is {threads}; use at least 1.")
    kind = np.result_type(users, items, np.float32)
    users, items = (np.ascontiguousarray(table, dtype=kind) for table in (users, items))
    for name, table in (("user", users), ("item", items)):
        wrong = np.flatnonzero(~np.isfinite(table).all(axis=1))
        if len(wrong):
            raise ValueError(
                f"the vector of {name} {wrong[0]} is not finite; "
                "mend the model, or leave the row out."
            )
    return users, items
