"""Baselines for streams: popularity that fades, and a batch model that is fitted anew now and then.

Both have the interface of ``OnlineModel`` where ranking needs it.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.closed_form import ease_weights


class StreamingPopularity:
    """Rank items by their events, of which each loses half of its weight every so many events.

    The counts are exact at every event: instead of shrinking all of them, each new event weighs
    more than the last, and all are rescaled when the weights grow large.

    Args:
        half_life: Events after which an event counts half, above 0; ``None`` never forgets.

    Raises:
        ValueError: If the half-life is not above 0.
    """

    def __init__(self, half_life: float | None = None):
        if half_life is not None and not half_life > 0:
            raise ValueError(f"half_life is {half_life}; use a number of events above 0, or None.")
        self.half_life = half_life
        self._growth = 1.0 if half_life is None else 2 ** (1 / half_life)
        self._weight = 1.0
        self.counts = np.zeros(0)

    def partial_fit(self, user: int, item: int, value: float = 1.0) -> Self:
        """Count one event."""
        if item >= len(self.counts):
            more = np.zeros(max(16, 2 * len(self.counts), item + 1) - len(self.counts))
            self.counts = np.concatenate([self.counts, more])
        self.counts[item] += self._weight
        self._weight *= self._growth
        if self._weight > 1e100:
            self.counts /= self._weight
            self._weight = 1.0
        return self

    def score_one(self, user: int, n_items: int) -> np.ndarray:
        """Return the faded counts, the same for everybody, shape (n_items,); ``-inf`` unseen."""
        scores = np.full(n_items, -np.inf)
        n = min(n_items, len(self.counts))
        seen = self.counts[:n] > 0
        scores[:n][seen] = self.counts[:n][seen]
        return scores


class PeriodicEASE:
    """EASE whose weights are fitted anew every so many events; histories are always up to date.

    Between two fits a user's new events enter the user's scores at once, because the weights
    belong to the items; an item that came after the last fit has no weights yet. A user without
    history gets faded popularity.

    Args:
        n_users: Users of the stream.
        n_items: Items of the stream.
        every: Events from fit to fit; ``None`` fits once, after ``first``.
        first: Events before the first fit.
        l2: Ridge penalty.
        memory: Latest events that a fit uses, or ``None`` for all.
        half_life: Of the popularity that users without history get, in events.

    Attributes:
        n_fits: Fits so far.

    Raises:
        ValueError: If an interval is below 1.
    """

    def __init__(
        self,
        n_users: int,
        n_items: int,
        every: int | None = 5000,
        first: int = 5000,
        l2: float = 200.0,
        memory: int | None = None,
        half_life: float = 2000.0,
    ):
        if first < 1 or (every is not None and every < 1) or (memory is not None and memory < 1):
            raise ValueError(
                f"first is {first}, every {every} and memory {memory}; use at least one event."
            )
        self.every = every
        self.first = first
        self.l2 = l2
        self.memory = memory
        self.n_items = n_items
        self.n_fits = self.n_events = 0
        self.weights = np.zeros((n_items, n_items))
        self._popular = StreamingPopularity(half_life)
        self._histories: list[list[int]] = [[] for _ in range(n_users)]
        self._pairs: list[tuple[int, int]] = []

    def partial_fit(self, user: int, item: int, value: float = 1.0) -> Self:
        """Add one event to its user's history, and fit anew where it is time."""
        self._popular.partial_fit(user, item)
        self._histories[user].append(item)
        self._pairs.append((user, item))
        self.n_events += 1
        since = self.n_events - self.first
        if since == 0 or (self.every is not None and since > 0 and since % self.every == 0):
            self.refit()
        return self

    def refit(self) -> None:
        """Fit the item weights on the events that are remembered."""
        pairs = np.array(self._pairs[-self.memory :] if self.memory else self._pairs)
        ones = np.ones(len(pairs))
        shape = (len(self._histories), self.n_items)
        X = sp.csr_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=shape)
        X.data[:] = 1.0
        self.weights = ease_weights((X.T @ X).toarray(), self.l2)
        self.n_fits += 1

    def score_one(self, user: int, n_items: int) -> np.ndarray:
        """Return the scores of all items for one user, shape (n_items,)."""
        history = self._histories[user]
        if not history or not self.n_fits:
            return self._popular.score_one(user, n_items)
        return self.weights[history].sum(axis=0)
