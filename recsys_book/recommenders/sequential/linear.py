"""Closed-form models of what follows: ridge regression from the decayed past to the next item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.closed_form import inverse_of_positive
from recsys_book.recommenders.history import HistoryRecommender
from recsys_book.recommenders.sequential.histories import Histories

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def source_gram(m: int, decay: float) -> np.ndarray:
    """Return how much each pair of a history's items stands in the sources together.

    The source before event t gives the item at position p < t the weight ``decay ** (t - 1 - p)``.
    Summed over all events t = 1, ..., m - 1, the product of the weights of p and q is a geometric
    series that begins after the later of the two.

    Equation: eq-sequential-ease.

    Args:
        m: Length of the history.
        decay: Above 0 and at most 1.

    Returns:
        Sums of products, shape (m, m); the last item is in no source.
    """
    p = np.arange(m)
    sources = m - 1.0 - p  # that hold position p
    if decay < 1:
        sources = (1 - decay ** (2 * sources)) / (1 - decay**2)
    powers = decay ** p.astype(np.float64)
    return powers[np.abs(p[:, None] - p)] * sources[np.maximum(p[:, None], p)]


def source_target(m: int, decay: float) -> np.ndarray:
    """Return how much each item of a history stands in the source of each other one.

    Equation: eq-sequential-ease.

    Args:
        m: Length of the history.
        decay: Above 0 and at most 1.

    Returns:
        ``decay ** (q - 1 - p)`` for positions p < q, else 0, shape (m, m).
    """
    ahead = np.maximum(np.arange(m) - np.arange(m)[:, None], 0)
    return np.append(0.0, decay ** np.arange(m - 1.0))[ahead]


def mean_by_page(table: np.ndarray, pages: np.ndarray) -> np.ndarray:
    """Average a table over every order of the events inside each page.

    Two events of one page stand in one order as often as in the other, so the entries of a pair of
    pages are replaced by their mean; a diagonal block keeps its diagonal's mean apart.

    Args:
        table: One row and one column an event, shape (m, m).
        pages: The page of each event, sorted, shape (m,).

    Returns:
        A table of the same shape.
    """
    first = np.flatnonzero(np.append(True, np.diff(pages) != 0))
    size = np.diff(np.append(first, len(pages)))
    block = np.add.reduceat(np.add.reduceat(table, first, axis=0), first, axis=1)
    own = np.add.reduceat(np.diag(table), first)
    count = np.outer(size, size).astype(np.float64)
    inside = np.arange(len(size))
    block[inside, inside] -= own
    count[inside, inside] -= size
    page = np.repeat(inside, size)
    mean = (block / np.maximum(count, 1.0))[page[:, None], page]
    np.fill_diagonal(mean, (own / size)[page])
    return mean


def sequential_ease_weights(G: np.ndarray, C: np.ndarray, l2: float) -> np.ndarray:
    """Return the ridge regression of the targets on the sources, with a zero diagonal.

    Without the constraint it is ``P @ C`` with P the inverse of G plus l2 on its diagonal. The
    multiplier of column j moves it along column j of P until the diagonal is zero.

    Equations: eq-sequential-ease, eq-sequential-multiplier.

    Source: Choi et al. (2021), "Session-aware Linear Item-Item Models for Session-based
    Recommendation", The Web Conference; the multiplier as in Steck (2019), WWW.

    Args:
        G: Sum of products of sources with sources, shape (n_items, n_items).
        C: Sum of products of sources with targets, shape (n_items, n_items).
        l2: Ridge penalty, above 0.

    Returns:
        Weights from sources to targets, shape (n_items, n_items); those of EASE if C equals G.
    """
    P = inverse_of_positive(G + l2 * np.eye(len(G)))
    B = P @ C
    B -= P * (np.diag(B) / np.diag(P))  # column j times entry j
    np.fill_diagonal(B, 0.0)  # exactly zero, not zero up to rounding
    return B


class SequentialEASE(HistoryRecommender):
    """Score items by a weighted sum over the recent past, with weights that know what comes next.

    Two regressions share their weights: from everything a user saw to the same things (that is
    EASE), and from the decayed past before each event to that event. Both have closed sums, so one
    inverse solves them. A user without history gets the popularity of the items.

    Equations: eq-sequential-ease, eq-sequential-multiplier.

    Source: Choi et al. (2021), "Session-aware Linear Item-Item Models for Session-based
    Recommendation" (SLIST), The Web Conference.

    Args:
        l2: Ridge penalty, above 0.
        half_life: Positions after which an item of the past counts half; None is no decay.
        whole: Share of the first regression, from 0 (only what follows) to 1 (EASE).
        pages: Average over the orders of events that share a timestamp, so that an order which the
            log does not know cannot matter; otherwise the order of the rows counts.

    Attributes:
        weights_: From items of the past to items, shape (n_items, n_items), float64.
        histories_: The users' items.
    """

    def __init__(
        self,
        l2: float = 300.0,
        half_life: float | None = 4.0,
        whole: float = 0.3,
        pages: bool = True,
    ):
        self.l2 = l2
        self.half_life = half_life
        self.whole = whole
        self.pages = pages

    def _fit(self, interactions: Interactions) -> None:
        self._check()
        self.histories_ = Histories.of(interactions)
        G, C = self._sums(self.histories_)
        X = self.seen_
        whole = self.whole * (X.T @ X).toarray()
        self.weights_ = sequential_ease_weights(
            whole + (1 - self.whole) * G, whole + (1 - self.whole) * C, self.l2
        )

    def _sums(self, histories: Histories) -> tuple[np.ndarray, np.ndarray]:
        """Return sums of products of sources with sources and with targets, over all users."""
        G = np.zeros((histories.n_items, histories.n_items))
        C = np.zeros_like(G)
        if self.whole == 1:
            return G, C
        decay = self._decay()
        for user in np.flatnonzero(np.diff(histories.start) > 1):
            items, pages = histories[user], histories.pages_of(user)
            K, T = source_gram(len(items), decay), source_target(len(items), decay)
            if self.pages:
                K, T = mean_by_page(K, pages), mean_by_page(T, pages)
            if len(np.unique(items)) == len(items):
                G[np.ix_(items, items)] += K
                C[np.ix_(items, items)] += T
            else:  # a repeated item would overwrite itself
                np.add.at(G, np.ix_(items, items), K)
                np.add.at(C, np.ix_(items, items), T)
        return G, C

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self._sources(self.histories_, users) @ self.weights_

    def _score_others(self, histories: Interactions) -> np.ndarray:
        theirs = Histories.of(histories)
        return self._sources(theirs, np.arange(len(theirs))) @ self.weights_

    def _sources(self, histories: Histories, users: np.ndarray) -> np.ndarray:
        """Return the decayed past of some users, shape (len(users), n_items)."""
        sources = np.zeros((len(users), histories.n_items))
        for row, user in enumerate(users):
            items, pages = histories[user], histories.pages_of(user)
            weight = self._decay() ** np.arange(len(items) - 1.0, -1.0, -1.0)
            if self.pages and len(items):
                weight = (np.bincount(pages, weight) / np.bincount(pages))[pages]
            np.add.at(sources[row], items, weight)
        return sources

    def _decay(self) -> float:
        return 1.0 if self.half_life is None else 0.5 ** (1 / self.half_life)

    def _check(self) -> None:
        """Raise one sentence if a setting is out of range."""
        if not self.l2 > 0:
            raise ValueError(f"l2 is {self.l2}; use a penalty above 0, or the matrix is singular.")
        if self.half_life is not None and not self.half_life > 0:
            raise ValueError(f"half_life is {self.half_life}; use positions above 0, or None.")
        if not 0 <= self.whole <= 1:
            raise ValueError(f"whole is {self.whole}; use a share from 0 to 1.")
