"""Prequential evaluation: each event is a test first, and training data afterwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recsys_book.data import Interactions
from recsys_book.meta_learning.drift.online import IncrementalMF, OnlineModel
from recsys_book.recommenders import TIE_SEED


def check_time_order(log: Interactions) -> None:
    """Refuse a log whose events are not in time order.

    Args:
        log: The stream.

    Raises:
        ValueError: If an event is older than the one before; the message names its row.
    """
    back = np.flatnonzero(np.diff(log.timestamp) < 0)
    if len(back):
        row = int(back[0]) + 1
        raise ValueError(
            f"row {row} of the stream (time {log.timestamp[row]}) is older than the row before"
            f" ({log.timestamp[row - 1]}); sort it first, with log.select(log.order_by_time())."
        )


def prequential(
    losses: np.ndarray, window: int | None = None, fading: float | None = None
) -> np.ndarray:
    r"""Return the running mean of a stream of losses.

    Over everything so far, over the last ``window`` events, or with a fading factor:
    :math:`S_t=\ell_t+\gamma S_{t-1}`, :math:`B_t=1+\gamma B_{t-1}`, and the mean is
    :math:`S_t/B_t`. Without either, a bad start is never forgiven.

    Equation: eq-prequential

    Source: Gama, Sebastiao and Rodrigues (2013), "On Evaluating Stream Learning Algorithms",
    Machine Learning 90.

    Args:
        losses: One loss an event, made before the model saw the event, shape (n,).
        window: Events that count, or ``None``.
        fading: Factor above 0 and at most 1, or ``None``; not together with ``window``.

    Returns:
        The mean after each event, shape (n,).

    Raises:
        ValueError: If a loss is missing, or a setting is out of range.
    """
    losses = np.asarray(losses, dtype=np.float64)
    if not np.isfinite(losses).all():
        row = int(np.flatnonzero(~np.isfinite(losses))[0])
        raise ValueError(f"loss {row} of the stream is {losses[row]}; a mean needs finite numbers.")
    if window is not None and fading is not None:
        raise ValueError("prequential got a window and a fading factor; use one of them.")
    if window is not None and window < 1:
        raise ValueError(f"window is {window}; average over at least one event.")
    if fading is not None:
        if not 0 < fading <= 1:
            raise ValueError(f"fading is {fading}; use a factor above 0 and at most 1.")
        from scipy.signal import lfilter

        ones = np.ones_like(losses)
        return lfilter([1], [1, -fading], losses) / lfilter([1], [1, -fading], ones)
    sums = np.concatenate([[0.0], np.cumsum(losses)])
    end = np.arange(1, len(losses) + 1)
    start = np.zeros_like(end) if window is None else np.maximum(0, end - window)
    return (sums[end] - sums[start]) / (end - start)


def prequential_ratings(
    model: OnlineModel,
    log: Interactions,
    *,
    delay: int = 0,
    learn: np.ndarray | None = None,
    after: Callable[[int, float], None] | None = None,
) -> np.ndarray:
    """Predict each rating, then learn from it.

    Args:
        model: A model with ``predict_one`` and ``partial_fit``.
        log: Ratings in time order.
        delay: Events that pass before the model learns from an event.
        learn: Whether the model learns from each row, shape (n,); ``None`` for all.
        after: Called with the row and its error after each event, for instance to watch a detector.

    Returns:
        Errors, rating minus prediction, shape (n,).

    Raises:
        ValueError: If the log is not in time order, or the delay is negative.
    """
    check_time_order(log)
    if delay < 0:
        raise ValueError(f"delay is {delay}; a model cannot learn from the future.")
    learn = _learning(learn, len(log))
    if isinstance(model, IncrementalMF) and delay == 0 and after is None:
        return model.replay(log.user, log.item, log.value, learn)
    errors = np.empty(len(log))
    waiting: deque[tuple[int, int, float]] = deque()
    rows = zip(log.user.tolist(), log.item.tolist(), log.value.tolist())
    for t, (user, item, value) in enumerate(rows):
        errors[t] = value - model.predict_one(user, item)
        if learn[t]:
            waiting.append((user, item, value))
        if len(waiting) > delay:
            model.partial_fit(*waiting.popleft())
        if after is not None:
            after(t, errors[t])
    return errors


def _learning(learn: np.ndarray | None, n: int) -> np.ndarray:
    learn = np.ones(n, dtype=bool) if learn is None else np.asarray(learn, dtype=bool)
    if learn.shape != (n,):
        raise ValueError(
            f"learn has shape {learn.shape}; give one truth value for each of {n} rows."
        )
    return learn


@dataclass(frozen=True)
class RankStream:
    """Where the item of each event stood in its user's list.

    Attributes:
        rank: Rank from 0 among the items that the user had not had, shape (n,); -1 where the item
            was unknown to the model.
    """

    rank: np.ndarray

    def recall(self, k: int = 10) -> np.ndarray:
        """Return 1 where the event's item was among the k best, shape (n,)."""
        return ((self.rank >= 0) & (self.rank < k)).astype(np.float64)

    def ndcg(self, k: int = 10) -> np.ndarray:
        """Return nDCG at k of each event, which has one relevant item, shape (n,)."""
        return self.recall(k) / np.log2(np.maximum(self.rank, 0) + 2)


def prequential_ranking(
    model: OnlineModel,
    log: Interactions,
    *,
    start: int = 0,
    learn: np.ndarray | None = None,
) -> RankStream:
    """Rank all items for the user of each event, look up the event's item, then learn from it.

    Items that the user has had in the stream are left out of the ranking; ties are broken by the
    book's item permutation.

    Args:
        model: A model with ``score_one`` and ``partial_fit``.
        log: Events in time order; a repeated pair is learned from and not ranked.
        start: Rows before this are learned from and not ranked.
        learn: Whether the model learns from each row, shape (n,); ``None`` for all.

    Returns:
        The ranks of the rows from ``start`` on that are first events of their pair.

    Raises:
        ValueError: If the log is not in time order.
    """
    check_time_order(log)
    learn = _learning(learn, len(log))
    tie = np.random.default_rng(TIE_SEED).permutation(log.n_items)
    unseen = np.ones((log.n_users, log.n_items), dtype=bool)
    ranks = []
    for t, (user, item) in enumerate(zip(log.user.tolist(), log.item.tolist())):
        if t >= start and unseen[user, item]:
            scores = model.score_one(user, log.n_items)
            own = scores[item]
            before = (scores > own) | ((scores == own) & (tie < tie[item]))
            ranks.append(-1 if own == -np.inf else np.count_nonzero(before & unseen[user]))
        unseen[user, item] = False
        if learn[t]:
            model.partial_fit(user, item, 1.0)
    return RankStream(np.array(ranks, dtype=np.int64))
