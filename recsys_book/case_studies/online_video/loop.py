"""One policy for a simulated evening after evening, and switches for what it adapts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.data import FeedbackLog
from recsys_book.recommenders.base import top_k
from recsys_book.recommenders.closed_form import ease_weights


def video_policy(
    start: int = 3,
    live: bool = True,
    refit: int | None = None,
    explore: int = 0,
    k: int = 5,
    l2: float = 20.0,
) -> Callable[[FeedbackLog, np.ndarray, np.random.Generator], np.ndarray]:
    """Make a policy for ``closed_loop``: EASE on what people enjoyed, adapted as told.

    Before round ``start`` lists are random. Then weights are fitted on what was enjoyed so far. A
    film that somebody has enjoyed is not shown to them again.

    Args:
        start: First round with a model, at least 1.
        live: Whether a person's later events enter the history at once; else histories stay as
            they were at the last fit.
        refit: Rounds between fits; None fits once.
        explore: How many places at the end of the list get a random film.
        k: Length of the list.
        l2: Penalty of EASE.

    Returns:
        The policy; it keeps its weights, so make one for each loop.

    Raises:
        ValueError: If a number is out of range.
    """
    if start < 1 or not 0 <= explore <= k or (refit is not None and refit < 1):
        raise ValueError(
            f"The policy got start = {start}, refit = {refit}, explore = {explore} and k = {k}; "
            "use at least 1, at least 1 or None, and from 0 to k."
        )
    kept: dict[str, np.ndarray] = {}

    def policy(log: FeedbackLog, users: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        round = int(log.round.max()) + 1 if len(log) else 0
        if round < start:
            return _random_lists(len(users), log.n_items, k, rng)
        X = _enjoyed(log)
        due = refit is not None and (round - start) % refit == 0
        if due or "weights" not in kept:
            kept["weights"], kept["history"] = ease_weights(X.T @ X, l2), X
        history = X if live else kept["history"]
        # A trace of popularity: somebody without history gets what most enjoyed.
        scores = history[users] @ kept["weights"] + 1e-3 * kept["history"].mean(axis=0)
        scores[X[users] > 0] = -np.inf
        lists, _ = top_k(scores, k, seed=round)
        if explore:
            lists[:, k - explore :] = _others(lists[:, : k - explore], X[users], explore, rng)
        return lists

    return policy


def _enjoyed(log: FeedbackLog) -> np.ndarray:
    """Return ones where a person was glad of a film, shape (n_users, n_items)."""
    X = np.zeros((log.n_users, log.n_items))
    glad = log.satisfied == 1
    X[log.user[glad], log.item[glad]] = 1.0
    return X


def _random_lists(n: int, n_items: int, k: int, rng: np.random.Generator) -> np.ndarray:
    return np.argsort(rng.random((n, n_items)), axis=1)[:, :k]


def _others(shown: np.ndarray, seen: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n films for each person that are neither in the list nor enjoyed already."""
    chance = rng.random(seen.shape)
    chance[seen > 0] = -1.0
    np.put_along_axis(chance, np.maximum(shown, 0), -1.0, axis=1)
    return np.argsort(-chance, axis=1)[:, :n]
