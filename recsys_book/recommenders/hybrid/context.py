"""Context: the same user wants other items at another hour, on another day, in another season."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.base import Recommender
from recsys_book.recommenders.hybrid.members import BaseHybrid
from recsys_book.recommenders.hybrid.scaling import scale_scores

if TYPE_CHECKING:
    from recsys_book.data import Interactions

#: Contexts that a time stamp tells, and how many values each has.
TIME_CONTEXTS = {"daytime": 4, "weekday": 7, "weekend": 2, "season": 4}
_DAY = 86_400


def time_context(timestamps: np.ndarray, kind: str) -> np.ndarray:
    """Return the context of each time.

    ``"daytime"`` is the quarter of the day (0 from midnight to six), ``"weekday"`` is 0 for Monday,
    ``"weekend"`` 1 for Saturday and Sunday, ``"season"`` 0 for December to February. All in UTC: a
    log that does not say where its users live says nothing about their mornings.

    Args:
        timestamps: Seconds since 1970-01-01 UTC, shape (n,).
        kind: One of ``TIME_CONTEXTS``.

    Returns:
        Integers from 0, shape (n,).

    Raises:
        ValueError: If the kind is unknown.
    """
    seconds = np.asarray(timestamps, dtype=np.int64)
    weekday = (seconds // _DAY + 3) % 7  # the first of January 1970 was a Thursday
    if kind == "daytime":
        return seconds % _DAY // (_DAY // 4)
    if kind == "weekday":
        return weekday
    if kind == "weekend":
        return (weekday >= 5).astype(np.int64)
    if kind == "season":
        month = seconds.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
        return (month + 1) % 12 // 3
    raise ValueError(f"context is {kind!r}; use {', '.join(TIME_CONTEXTS)}, or an array of codes.")


def context_lift(
    item: np.ndarray, context: np.ndarray, n_items: int, n_contexts: int, prior: float
) -> np.ndarray:
    r"""Return how much likelier a context is among an item's events than among all.

    :math:`\ln\frac{(n_{ic} + m\,p_c)/(n_i + m)}{p_c}`: the share of the item's events in context c,
    with m imaginary events in the usual proportions, over the usual share.

    Equation: eq-context-weight

    Args:
        item: Item of each event, shape (n,).
        context: Context of each event, shape (n,).
        n_items: Number of items.
        n_contexts: Number of contexts.
        prior: The number m of imaginary events, above 0.

    Returns:
        Logarithms, shape (n_contexts, n_items); 0 for an item without events, and for a context
        without events.
    """
    table = np.zeros((n_contexts, n_items))
    np.add.at(table, (context, item), 1.0)
    usual = table.sum(axis=1, keepdims=True) / max(len(item), 1)
    share = (table + prior * usual) / (table.sum(axis=0) + prior)
    ratio = np.divide(share, usual, out=np.ones_like(share), where=usual > 0)
    return np.log(ratio)


class ContextReweighting(BaseHybrid):
    r"""Raise the items that are wanted more than usual in the context of the request.

    :math:`s'(u,i \mid c) = s(u,i) + \beta\ln\frac{p(c \mid i)}{p(c)}`. If the scores are
    log-probabilities and the context acts on every user alike, this is Bayes' rule with
    :math:`\beta = 1`.

    A context is anything that is known when the request comes: the time, or codes from the log
    such as the device. ``score(users)`` uses the context of the last training event; use
    ``at(contexts)`` to say another one.

    Equation: eq-context-weight

    Source: Adomavicius and Tuzhilin (2011), "Context-Aware Recommender Systems", Recommender
    Systems Handbook (contextual post-filtering).

    Args:
        model: The recommender, unfitted.
        context: One of ``TIME_CONTEXTS``, or the code of each training event, integers from 0.
        strength: :math:`\beta`, at least 0; 0 is the model itself.
        prior: Imaginary events that pull an item towards the usual, above 0.
        scale: The scale of the model's scores, one of ``SCALES``.

    Attributes:
        models_: The fitted model, in a list.
        lift_: Log ratios, shape (n_contexts, n_items).
        now_: The context of the last training event.
    """

    def __init__(
        self,
        model: Recommender,
        context: str | np.ndarray = "daytime",
        strength: float = 1.0,
        prior: float = 20.0,
        scale: str = "softmax",
    ):
        self.model = model
        self.context = context
        self.strength = strength
        self.prior = prior
        self.scale = scale

    def _fit(self, interactions: Interactions) -> None:
        if not self.strength >= 0 or not self.prior > 0:
            raise ValueError(
                f"strength is {self.strength} and prior {self.prior}; use a strength of at least 0 "
                "and a prior above 0."
            )
        codes, n = self._codes(interactions)
        self.lift_ = context_lift(
            interactions.item, codes, interactions.n_items, n, float(self.prior)
        )
        self.now_ = int(codes[interactions.order_by_time()[-1]])
        self.models_ = [copy.deepcopy(self.model).fit(interactions)]

    def _codes(self, log: Interactions) -> tuple[np.ndarray, int]:
        if isinstance(self.context, str):
            codes = time_context(log.timestamp, self.context)
            return codes, TIME_CONTEXTS[self.context]
        codes = np.asarray(self.context)
        whole = np.issubdtype(codes.dtype, np.integer) and codes.shape == (len(log),)
        if not whole or codes.min() < 0:
            raise ValueError(
                f"context is an array of {codes.dtype} of shape {codes.shape} but the log has "
                f"{len(log)} events; give one integer of at least 0 for each."
            )
        return codes.astype(np.int64), int(codes.max()) + 1

    def score_in(self, users: np.ndarray, contexts: np.ndarray) -> np.ndarray:
        """Score every item for each user in a context.

        Args:
            users: User positions, shape (n,); -1 for an unknown user.
            contexts: Context of each request, shape (n,); -1 where it is not known, which leaves
                the model's scores as they are.

        Returns:
            Scores, shape (n, n_items).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position or a context is out of range, or the lengths differ.
        """
        users, contexts = self._check_users(users), np.asarray(contexts, dtype=np.int64)
        if (
            contexts.shape != users.shape
            or (contexts < -1).any()
            or (contexts >= len(self.lift_)).any()
        ):
            raise ValueError(
                f"contexts must be {len(users)} integers from -1 to {len(self.lift_) - 1}; "
                "give one for each user."
            )
        lift = np.where((contexts >= 0)[:, None], self.lift_[contexts], 0.0)
        return scale_scores(self.models_[0].score(users), self.scale) + self.strength * lift

    def _mix(self, users: np.ndarray) -> np.ndarray:
        return self.score_in(users, np.full(len(users), self.now_))

    def at(self, contexts: np.ndarray) -> InContext:
        """Return a scorer that knows in which context each user asks.

        Args:
            contexts: One context a user of the vocabulary, shape (n_users,); -1 if not known.

        Returns:
            Something with ``score(users)``, for ``evaluate_ranking``.
        """
        return InContext(self, np.asarray(contexts))


class InContext:
    """A fitted ``ContextReweighting`` together with the context of each user's request.

    Args:
        model: The fitted model.
        contexts: One context a user of the vocabulary, shape (n_users,).
    """

    def __init__(self, model: ContextReweighting, contexts: np.ndarray):
        self.model = model
        self.contexts = contexts

    def score(self, users: np.ndarray) -> np.ndarray:
        """Score every item for each user in that user's context.

        Args:
            users: Known users, shape (n,).

        Returns:
            Scores, shape (n, n_items).
        """
        return self.model.score_in(users, self.contexts[users])
