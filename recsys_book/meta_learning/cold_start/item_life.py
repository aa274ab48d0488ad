"""The first ratings of new items: who is held out, what has arrived after n ratings, what is asked.

A warm model knows the users. In its space an item is one vector, its bias and its factors, and each
rating of a new item is one linear equation about that vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from recsys_book.data import Interactions
    from recsys_book.recommenders.factorization.ratings import FactorModel


@dataclass(frozen=True)
class ItemLife:
    """A split of the items, and the order in which the new ones are rated.

    Attributes:
        log: The whole log.
        warm: Ratings of the known items, with the log's vocabularies.
        items: Positions of the new items, increasing, shape (T,).
        arrivals: Rows of the log in order of arrival, shape (T, most).
        query: Rows to predict, one array an item; the same however many ratings have arrived.
    """

    log: Interactions
    warm: Interactions
    items: np.ndarray
    arrivals: np.ndarray
    query: list[np.ndarray]


@dataclass(frozen=True)
class WarmSpace:
    r"""A warm model as linear equations: :math:`r_{ui}-\mu-b_u=a_u^\top\theta_i` plus noise.

    Here :math:`a_u=(1,p_u)` and :math:`\theta_i=(b_i,q_i)`.

    Attributes:
        mean: Mean rating.
        user_bias: Shape (n_users,).
        users: The vectors a, shape (n_users, 1 + f).
        items: The vectors theta of the known items, zero elsewhere, shape (n_items, 1 + f).
        counts: Ratings of each item, shape (n_items,).
    """

    mean: float
    user_bias: np.ndarray
    users: np.ndarray
    items: np.ndarray
    counts: np.ndarray


def item_life(
    log: Interactions, seed: int, most: int = 20, share: float = 0.2, at_least: int = 30
) -> ItemLife:
    """Hold out items and put their ratings into a random order of arrival.

    Only items with ``at_least`` ratings become new ones, so that all of them reach ``most`` and
    have ratings left to be asked about; the others stay known.

    Args:
        log: Rated events.
        seed: Seed of the draw.
        most: Ratings that arrive, at least 1.
        share: Share of the items with enough ratings that is held out.
        at_least: Ratings that a new item has, above ``most``.

    Returns:
        The split.

    Raises:
        ValueError: If ``at_least`` is not above ``most``, or too few items have enough ratings.
    """
    if not 0 < most < at_least:
        raise ValueError(
            f"most is {most} and at_least is {at_least}; an item must have more ratings than the "
            "ones that arrive, so that some are left to predict."
        )
    rng = np.random.default_rng(seed)
    often = np.flatnonzero(np.bincount(log.item, minlength=log.n_items) >= at_least)
    n_new = int(len(often) * share)
    if n_new < 1:
        raise ValueError(
            f"A share of {share} of the {len(often)} items with {at_least} ratings is no item; "
            "lower at_least or raise the share."
        )
    items = np.sort(rng.permutation(often)[:n_new])
    rows = [rng.permutation(np.flatnonzero(log.item == item)) for item in items]
    warm = log.select(np.flatnonzero(~np.isin(log.item, items)))
    arrivals = np.array([row[:most] for row in rows])
    return ItemLife(log, warm, items, arrivals, [row[most:] for row in rows])


def warm_space(model: FactorModel, warm: Interactions) -> WarmSpace:
    """Read the linear equations off a fitted factor model.

    Args:
        model: A model of the form mean + biases + inner product.
        warm: The log that it was fitted on.

    Returns:
        Its users and items as vectors.
    """
    counts = np.bincount(warm.item, minlength=warm.n_items)
    items = np.column_stack([model.item_bias_, model.item_factors_]) * (counts > 0)[:, None]
    users = np.column_stack([np.ones(len(model.user_factors_)), model.user_factors_])
    return WarmSpace(model.mean_, model.user_bias_, users, items, counts)


def equations(life: ItemLife, space: WarmSpace, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what the first n ratings say of each new item.

    Args:
        life: The split.
        space: The warm model.
        n: Ratings that have arrived; may be 0.

    Returns:
        The users' vectors, shape (T, n, 1 + f), and the residuals, shape (T, n).

    Raises:
        ValueError: If n is negative or above what arrives.
    """
    if not 0 <= n <= life.arrivals.shape[1]:
        raise ValueError(
            f"n is {n}, but between 0 and {life.arrivals.shape[1]} ratings arrive in this split."
        )
    rows = life.arrivals[:, :n]
    user = life.log.user[rows]
    return space.users[user], life.log.value[rows] - space.mean - space.user_bias[user]


def judge_life(life: ItemLife, space: WarmSpace, theta: np.ndarray) -> dict[str, np.ndarray]:
    """Measure vectors of the new items on the ratings that have not arrived.

    Args:
        life: The split.
        space: The warm model.
        theta: One vector a new item, shape (T, 1 + f).

    Returns:
        ``"squared_error"`` (sum) and ``"count"`` an item, both of shape (T,), and ``"ndcg@5"``
        of each user with at least two query ratings, gain 2^r - 1 over their query items, shape
        (n_users_asked,).
    """
    row = np.concatenate(life.query)
    at = np.repeat(np.arange(len(life.query)), [len(rows) for rows in life.query])
    user, value = life.log.user[row], life.log.value[row]
    score = space.mean + space.user_bias[user] + (space.users[user] * theta[at]).sum(axis=1)
    low, high = life.warm.value.min(), life.warm.value.max()
    error = (np.clip(score, low, high) - value) ** 2
    return {
        "squared_error": np.bincount(at, error, len(theta)),
        "count": np.bincount(at, minlength=len(theta)),
        "ndcg@5": _ndcg_by_user(user, score, value),
    }


def _ndcg_by_user(user: np.ndarray, score: np.ndarray, value: np.ndarray) -> np.ndarray:
    """nDCG@5 of each user with two ratings or more; equal scores in a seeded random order."""
    tie = np.random.default_rng(0).permutation(len(user))
    listed = np.lexsort((tie, -score, user))
    best = np.lexsort((-value, user))
    _, start, size = np.unique(user[listed], return_index=True, return_counts=True)
    place = np.arange(len(user)) - np.repeat(start, size)
    discount = np.where(place < 5, 1 / np.log2(place + 2), 0.0)
    group = np.repeat(np.arange(len(size)), size)
    got = np.bincount(group, (2.0 ** value[listed] - 1) * discount)
    ideal = np.bincount(group, (2.0 ** value[best] - 1) * discount)
    return (got / ideal)[size >= 2]
