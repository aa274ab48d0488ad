"""Models that learn from one event at a time."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Protocol, Self

import numpy as np

from recsys_book.meta_learning.drift.detection import check_value


class OnlineModel(Protocol):
    """Predict first, then learn: what prequential evaluation asks of a model."""

    def predict_one(self, user: int, item: int) -> float:
        """Predict one rating, also of a user or an item never seen."""
        ...

    def score_one(self, user: int, n_items: int) -> np.ndarray:
        """Return a score for each item, shape (n_items,)."""
        ...

    def partial_fit(self, user: int, item: int, value: float) -> Self:
        """Learn from one event."""
        ...


class DivergedError(ValueError):
    """A model's parameters left the finite numbers."""


class IncrementalMF:
    r"""Matrix factorisation that takes one gradient step an event and keeps no data.

    Ratings are predicted by :math:`\mu+b_u+b_i+p_u^\top q_i`, each bias moving by
    :math:`\max(\alpha_b, 1/(n+\kappa))` of the error: a mean at first, a decayed mean once it has
    seen enough events. With ``feedback="positive"`` every event is a 1 and there are no biases:
    ISGD. Each event then also tells its user's vector to avoid the ``negatives`` items that the
    whole stream has not seen for longest. Users and items are positions from 0; a larger position
    than any before lets the tables grow, and a user or an item without events is predicted by what
    is known of the other.

    Equation: eq-incremental-mf

    Source: Vinagre, Jorge and Gama (2014), "Fast Incremental Matrix Factorization for
    Recommendation with Positive-Only Feedback", UMAP; (2015), "Collaborative Filtering with
    Recency-Based Negative Feedback", SAC.

    Args:
        rank: Length of the vectors; 0 leaves the biases.
        rate: Step of the vectors.
        l2: Penalty of the vectors.
        bias_rate: Least share of an error that a bias takes; with 0 biases are means of all
            events, with more they are decayed means.
        damping: Imaginary events that hold a new bias back.
        max_step: Longest step of an event, over both vectors; ``None`` for no bound.
        feedback: ``"rating"`` or ``"positive"``.
        negatives: Items a positive event is set against; only for positive feedback.
        init_scale: Standard deviation of new vectors.
        seed: Seed of new vectors.

    Raises:
        ValueError: If a setting is out of range, or an event is no event.
    """

    def __init__(
        self,
        rank: int = 8,
        rate: float = 0.02,
        l2: float = 0.02,
        bias_rate: float = 0.0,
        damping: float = 5.0,
        max_step: float | None = None,
        feedback: str = "rating",
        negatives: int = 0,
        init_scale: float = 0.1,
        seed: int = 0,
    ):
        if feedback not in ("rating", "positive"):
            raise ValueError(f"feedback is {feedback!r}; use 'rating' or 'positive'.")
        if min(rank, l2, damping, negatives) < 0 or not 0 <= bias_rate <= 1:
            raise ValueError(
                f"rank is {rank}, l2 {l2}, damping {damping}, negatives {negatives} and bias_rate"
                f" {bias_rate}; use numbers of at least 0, and a bias_rate of at most 1."
            )
        if not rate > 0 or (max_step is not None and not max_step > 0):
            raise ValueError(f"rate is {rate} and max_step {max_step}; use numbers above 0.")
        self.rank = rank
        self.rate = rate
        self.l2 = l2
        self.bias_rate = bias_rate
        self.damping = damping
        self.max_step = max_step
        self.feedback = feedback
        self.negatives = negatives
        self.init_scale = init_scale
        self.seed = seed
        self.reset()

    def reset(self) -> Self:
        """Forget everything, and return the model."""
        self._rng = np.random.default_rng(self.seed)
        self._state = np.zeros(3)
        self._user = _Table(self.rank)
        self._item = _Table(self.rank)
        self._queue: OrderedDict[int, None] = OrderedDict()
        return self

    @property
    def mean(self) -> float:
        """Mean of the ratings so far; 0 with positive feedback."""
        return float(self._state[0])

    @property
    def n_events(self) -> int:
        """Events learned from."""
        return int(self._state[1])

    @property
    def n_clipped(self) -> int:
        """Steps that met the bound."""
        return int(self._state[2])

    def vectors(self, user: int, item: int) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of the vectors of a user and an item of the tables, each (rank,)."""
        return self._user.vectors[user].copy(), self._item.vectors[item].copy()

    def predict_one(self, user: int, item: int) -> float:
        """Predict the value of one pair before it is seen.

        Args:
            user: Position of the user; an unknown one has bias 0 and no vector.
            item: Position of the item; likewise.

        Returns:
            The prediction, not clipped.
        """
        from recsys_book.meta_learning.drift.kernels import mf_predict

        known_user, known_item = self._user.knows(user), self._item.knows(item)
        if known_user and known_item:
            return mf_predict(self._state, *self._tables(), user, item)
        prediction = self.mean
        prediction += float(self._user.bias[user]) if known_user else 0.0
        return prediction + (float(self._item.bias[item]) if known_item else 0.0)

    def score_one(self, user: int, n_items: int) -> np.ndarray:
        """Score the items for one user.

        Args:
            user: Position of the user; an unknown one gets the item biases, or, with positive
                feedback, the items' numbers of events.
            n_items: Items to score; those without events score ``-inf``.

        Returns:
            Scores, shape (n_items,).
        """
        n = min(n_items, self._item.size)
        seen = self._item.count[:n] > 0
        values = self._item.bias[:n] + self.mean
        if self._user.knows(user):
            values = values + self._item.vectors[:n] @ self._user.vectors[user]
        elif self.feedback == "positive":
            values = self._item.count[:n].astype(np.float64)
        scores = np.full(n_items, -np.inf)
        scores[:n][seen] = values[seen]
        return scores

    def partial_fit(self, user: int, item: int, value: float = 1.0) -> Self:
        """Learn from one event.

        Args:
            user: Position of the user, at least 0.
            item: Position of the item, at least 0.
            value: The rating; with positive feedback it must be 1.

        Returns:
            The model.

        Raises:
            ValueError: If a position is negative, or the value is NaN or not 1 where it must be.
            DivergedError: If the prediction is no finite number any more.
        """
        from recsys_book.meta_learning.drift.kernels import DIVERGED, mf_event

        value = check_value(value, self.n_events, "IncrementalMF")
        self._check(user, item, value)
        self._user.grow(user, self._rng, self.init_scale)
        self._item.grow(item, self._rng, self.init_scale)
        self._avoid(user, item)
        error = mf_event(self._state, *self._tables(), user, item, value, self._setting())
        if not abs(error) < DIVERGED:
            self._diverged(self.n_events, user, item, error)
        return self

    def replay(
        self, users: np.ndarray, items: np.ndarray, values: np.ndarray, learn: np.ndarray
    ) -> np.ndarray:
        """Predict and learn for a whole stream of ratings, in one compiled loop.

        The same numbers come from ``predict_one`` and ``partial_fit``, event by event.

        Args:
            users: Positions of the users, shape (n,).
            items: Positions of the items, shape (n,).
            values: Ratings, shape (n,).
            learn: Whether to learn from each event, shape (n,).

        Returns:
            Errors before each event was learned from, shape (n,).

        Raises:
            ValueError: If a value is missing, a position negative, or the feedback positive.
            DivergedError: If a prediction is no finite number any more.
        """
        from recsys_book.meta_learning.drift.kernels import DIVERGED, mf_replay

        if self.feedback == "positive":
            raise ValueError("replay predicts ratings; feed positive events to partial_fit.")
        if not len(users):
            return np.zeros(0)
        for t in np.flatnonzero(~np.isfinite(values))[:1]:
            check_value(values[t], int(t), "IncrementalMF")
        self._check(int(users.min()), int(items.min()), 1.0)
        self._user.grow(int(users.max()), self._rng, self.init_scale)
        self._item.grow(int(items.max()), self._rng, self.init_scale)
        errors = mf_replay(
            self._state, *self._tables(), users, items, values, learn, self._setting()
        )
        last = len(errors) - 1
        if not abs(errors[last]) < DIVERGED:
            self._diverged(last, users[last], items[last], errors[last])
        return errors

    def _tables(self) -> tuple[np.ndarray, ...]:
        user, item = self._user, self._item
        return user.bias, item.bias, user.count, item.count, user.vectors, item.vectors

    def _setting(self) -> np.ndarray:
        bound = math.inf if self.max_step is None else self.max_step
        biases = self.feedback == "rating"
        return np.array([self.rate, self.l2, self.bias_rate, self.damping, bound, biases])

    def _avoid(self, user: int, item: int) -> None:
        """Push the user away from the items that nobody has seen for longest."""
        if not self.negatives:
            return
        from recsys_book.meta_learning.drift.kernels import mf_step

        self._queue.pop(item, None)
        P, Q, bound = self._user.vectors, self._item.vectors, self._setting()[4]
        for _ in range(min(self.negatives, len(self._queue))):
            other, _ = self._queue.popitem(last=False)
            mf_step(P, Q, user, other, -float(P[user] @ Q[other]), self.rate, self.l2, bound)
            self._queue[other] = None
        self._queue[item] = None

    def _check(self, user: int, item: int, value: float) -> None:
        if user < 0 or item < 0:
            raise ValueError(
                f"event {self.n_events} has user {user} and item {item}; positions start at 0."
            )
        if self.feedback == "positive" and value != 1:
            raise ValueError(
                f"event {self.n_events} has value {value}; positive feedback is 1, so keep the"
                " events that count as positive, and give each of them a 1."
            )

    def _diverged(self, event: int, user: int, item: int, error: float) -> None:
        raise DivergedError(
            f"IncrementalMF diverged at event {event} (user {user}, item {item}): its error is"
            f" {error:.3g}; lower rate = {self.rate}, or set max_step."
        )


class _Table:
    """Rows of parameters that grow by doubling.

    Each row's start depends on the seed and on the order in which the table grew, not on ids.
    """

    def __init__(self, rank: int):
        self.size = 0
        self.vectors = np.zeros((0, rank))
        self.bias = np.zeros(0)
        self.count = np.zeros(0, dtype=np.int64)

    def knows(self, position: int) -> bool:
        return 0 <= position < self.size and bool(self.count[position])

    def grow(self, position: int, rng: np.random.Generator, scale: float) -> None:
        if position < self.size:
            return
        size = max(16, 2 * self.size, position + 1)
        more = size - self.size
        new = rng.normal(scale=scale, size=(more, self.vectors.shape[1]))
        self.vectors = np.vstack([self.vectors, new])
        self.bias = np.concatenate([self.bias, np.zeros(more)])
        self.count = np.concatenate([self.count, np.zeros(more, dtype=np.int64)])
        self.size = size
