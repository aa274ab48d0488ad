"""The cold-user protocol: some users are known, the others bring k ratings and ask for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from recsys_book.data import Interactions

#: RMSE tables of cold users are means over these splits; settings are chosen on `tuning_world`.
SPLITS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Episode:
    """One newcomer: the rows of the log that are shown, and the rows to predict.

    Attributes:
        user: Position of the user in the log's vocabulary.
        support: Rows of the log whose ratings are shown, shape (k,).
        query: Rows to predict, shape (n,); never empty.
    """

    user: int
    support: np.ndarray
    query: np.ndarray


@dataclass(frozen=True)
class World:
    """A split of the users into known ones and newcomers.

    Attributes:
        log: The whole log; episodes point into it.
        warm: The events of the known users, with the log's vocabularies.
        cold: Positions of the newcomers, increasing.
        seed: The split's number.
    """

    log: Interactions
    warm: Interactions
    cold: np.ndarray
    seed: int


class ColdUserModel(Protocol):
    """A model that learns from known users and answers for one newcomer at a time."""

    def fit(self, warm: Interactions) -> Self:
        """Learn from the known users."""
        ...

    def predict(
        self, user: int, items: np.ndarray, ratings: np.ndarray, query: np.ndarray
    ) -> np.ndarray:
        """Predict ratings of the ``query`` items after ``ratings`` of ``items``, shape (n,)."""
        ...


def split_users(users: np.ndarray, seed: int, share: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Draw the newcomers.

    Args:
        users: Positions of the users to draw from.
        seed: Seed of the draw.
        share: Share that becomes newcomers, strictly between 0 and 1.

    Returns:
        Positions of the known users and of the newcomers, both increasing.

    Raises:
        ValueError: If the share is not inside (0, 1) or one side would be empty.
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; pass a number strictly between 0 and 1.")
    n_cold = int(round(len(users) * share))
    if not 0 < n_cold < len(users):
        raise ValueError(
            f"A share of {share} of {len(users)} users leaves one side empty; pass more users."
        )
    order = np.random.default_rng(seed).permutation(users)
    return np.sort(order[n_cold:]), np.sort(order[:n_cold])


def cold_user_world(log: Interactions, seed: int, share: float = 0.2) -> World:
    """Split the users of a log into known ones and newcomers.

    Args:
        log: Rated events.
        seed: Number of the split; tables are means over ``SPLITS``.
        share: Share of the users that become newcomers.

    Returns:
        The split.
    """
    warm, cold = split_users(np.arange(log.n_users), seed, share)
    return _world(log, warm, cold, seed)


def tuning_world(log: Interactions) -> World:
    """Return the split on which settings are chosen: the known users of split 100, split again.

    Args:
        log: Rated events.

    Returns:
        A split of its own. Its newcomers may be newcomers of a test split too; what is chosen
        on it are a few settings a model, never weights.
    """
    known, _ = split_users(np.arange(log.n_users), 100)
    return _world(log, *split_users(known, 101), 101)


def episodes(world: World, k: int, how: str = "random") -> list[Episode]:
    """Cut each newcomer's ratings into k that are shown and the rest.

    Args:
        world: A split of the users.
        k: Number of ratings shown, at least 1.
        how: ``"random"`` draws them, ``"first"`` takes the earliest (ties: order of the log).

    Returns:
        One episode a newcomer, by increasing user.

    Raises:
        ValueError: If ``how`` is unknown, ``k`` is below 1, or a newcomer has fewer than k + 1
            ratings (the message names one).
    """
    if how not in ("random", "first"):
        raise ValueError(f"how is {how!r}; use 'random' or 'first'.")
    if k < 1:
        raise ValueError(f"k is {k}; show at least one rating.")
    log, found = world.log, []
    order = np.argsort(log.user, kind="stable")
    ends = np.searchsorted(log.user[order], np.arange(log.n_users + 1))
    rng = np.random.default_rng(world.seed + 1000)
    for user in world.cold:
        rows = order[ends[user] : ends[user + 1]]
        if len(rows) <= k:
            raise ValueError(
                f"User {user} has {len(rows)} ratings; an episode with {k} in the support needs "
                f"at least {k + 1}: drop the user or choose a smaller k."
            )
        by_time = how == "first"
        rows = (
            rows[np.argsort(log.timestamp[rows], kind="stable")]
            if by_time
            else rng.permutation(rows)
        )
        found.append(Episode(int(user), rows[:k], rows[k:]))
    return found


def predict_episodes(
    model: ColdUserModel, world: World, tasks: Sequence[Episode]
) -> list[np.ndarray]:
    """Ask a fitted model for every newcomer's query ratings.

    A model with a method ``predict_many(users, items, ratings, queries) -> list`` is asked once
    for all newcomers.

    Args:
        model: A model fitted on ``world.warm``.
        world: The split.
        tasks: Its episodes.

    Returns:
        One array a newcomer, clipped to the range of the known users' ratings.
    """
    log, low, high = world.log, world.warm.value.min(), world.warm.value.max()
    asked = [(t.user, log.item[t.support], log.value[t.support], log.item[t.query]) for t in tasks]
    many = getattr(model, "predict_many", None)
    answers = many(*map(list, zip(*asked))) if many else [model.predict(*task) for task in asked]
    return [np.clip(answer, low, high) for answer in answers]


def judge_episodes(
    answers: Sequence[np.ndarray], world: World, tasks: Sequence[Episode]
) -> dict[str, np.ndarray]:
    """Measure predictions newcomer by newcomer.

    Args:
        answers: One array a newcomer.
        world: The split.
        tasks: Its episodes, in the same order.

    Returns:
        ``"squared_error"`` (sum over the queries), ``"count"``, ``"rmse"`` and ``"ndcg@5"``
        (gain 2^r - 1 over the user's own query items), each of shape (n_tasks,). The RMSE of a
        table is the root of all squared errors over all counts; a paired test takes ``"rmse"``.
    """
    rng = np.random.default_rng(world.seed)
    truth = [world.log.value[t.query] for t in tasks]
    squared = np.array([((a - r) ** 2).sum() for a, r in zip(answers, truth, strict=True)])
    count = np.array([len(r) for r in truth])
    return {
        "squared_error": squared,
        "count": count,
        "rmse": np.sqrt(squared / count),
        "ndcg@5": np.array([_ndcg(a, r, 5, rng) for a, r in zip(answers, truth)]),
    }


def pooled_rmse(judged: dict[str, np.ndarray]) -> float:
    """Return the root mean squared error over all query ratings of all newcomers."""
    return float(np.sqrt(judged["squared_error"].sum() / judged["count"].sum()))


def _ndcg(answer: np.ndarray, truth: np.ndarray, k: int, rng: np.random.Generator) -> float:
    shuffled = rng.permutation(len(truth))
    answer, gain = answer[shuffled], 2.0 ** truth[shuffled] - 1
    discount = 1 / np.log2(np.arange(2, 2 + min(k, len(gain))))
    best = np.sort(gain)[::-1][: len(discount)]
    listed = gain[np.argsort(-answer, kind="stable")[: len(discount)]]
    return float(listed @ discount / (best @ discount))


def _world(log: Interactions, warm: np.ndarray, cold: np.ndarray, seed: int) -> World:
    known = np.zeros(log.n_users, dtype=bool)
    known[warm] = True
    return World(log, log.select(np.flatnonzero(known[log.user])), cold, seed)
