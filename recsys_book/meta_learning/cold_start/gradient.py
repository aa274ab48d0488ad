"""What the gradient-based models of newcomers share: tasks, batches, the outer loop, checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from recsys_book.meta_learning.cold_start.baselines import NewcomerModel
from recsys_book.meta_learning.divergence import NonFiniteTaskError
from recsys_book.meta_learning.tasks import TaskBatch
from recsys_book.recommenders.base import NotFittedError, check_positions

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True)
class Tasks:
    """Newcomers, or known users in their place: rows of items, the support's among them.

    Attributes:
        users: Positions of the users, shape (T,).
        items: Item positions, shape (T, n); padding has the position of the unknown item.
        ratings: Shape (T, n); zero where a rating is not known.
        support: 1.0 where a row is shown, shape (T, n).
        query: Weight of a row in the loss, 0.0 where it is not asked for, shape (T, n).
    """

    users: np.ndarray
    items: np.ndarray
    ratings: np.ndarray
    support: np.ndarray
    query: np.ndarray

    def tensors(self, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
        """Return users, items, ratings, support and query as tensors."""
        whole = (torch.from_numpy(self.users), torch.from_numpy(self.items))
        rest = (self.ratings, self.support, self.query)
        return *whole, *(torch.as_tensor(part, dtype=dtype) for part in rest)


class WarmTasks:
    """Known users as practice newcomers: a few of their ratings are shown, others asked for.

    Args:
        warm: Ratings of the known users.
        seed: Seed of the order of the users and of the draws.
        batch: Users a batch.
        sizes: Smallest and largest number of ratings shown; one size is drawn a batch.
        queries: Ratings asked for, at most. A user's loss weighs as much as all the ratings that
            are left, as in the pooled RMSE.

    Attributes:
        users: Positions of the users that have two ratings or more, shape (n,).
        per_pass: Batches in which every user occurs once.
    """

    def __init__(
        self,
        warm: Interactions,
        seed: int,
        batch: int = 64,
        sizes: tuple[int, int] = (3, 20),
        queries: int = 60,
    ) -> None:
        if not 1 <= sizes[0] <= sizes[1]:
            raise ValueError(f"sizes is {sizes}; give the smallest and the largest, at least 1.")
        counts = np.bincount(warm.user, minlength=warm.n_users)
        self.users = np.flatnonzero(counts > 1)
        if not len(self.users):
            raise ValueError("No known user has two ratings; there is nothing to practise on.")
        self.counts = counts[self.users]
        order = np.argsort(warm.user, kind="stable")
        order = order[counts[warm.user[order]] > 1]
        self.real = np.arange(self.counts.max()) < self.counts[:, None]
        self.items = np.full(self.real.shape, warm.n_items)
        self.values = np.zeros(self.real.shape)
        self.items[self.real], self.values[self.real] = warm.item[order], warm.value[order]
        self.rng = np.random.default_rng(seed)
        self.batch, self.sizes, self.queries = batch, sizes, queries
        self.per_pass = -(-len(self.users) // batch)
        self._order = np.empty(0, dtype=np.int64)

    def __call__(self, step: int) -> Tasks:
        """Draw the next batch; the number of the step is not used."""
        if not len(self._order):
            self._order = self.rng.permutation(len(self.users))
        rows, self._order = np.split(self._order, [min(self.batch, len(self._order))])
        return self.draw(rows, int(self.rng.integers(self.sizes[0], self.sizes[1] + 1)))

    def draw(self, rows: np.ndarray, size: int) -> Tasks:
        """Show ``size`` random ratings of some users, one less than all at most.

        Args:
            rows: Which of ``users``, shape (T,).
            size: Ratings shown.

        Returns:
            The tasks.
        """
        real, counts = self.real[rows], self.counts[rows]
        key = self.rng.random(real.shape) + 2 * ~real
        chosen = np.argsort(key, axis=1)[:, : min(size + self.queries, counts.max())]
        items, values, real = (
            np.take_along_axis(table, chosen, axis=1)
            for table in (self.items[rows], self.values[rows], real)
        )
        shown = np.minimum(size, counts - 1)[:, None]
        support = np.arange(chosen.shape[1]) < shown
        asked = (real & ~support).astype(np.float64)
        weight = asked * (counts[:, None] - shown) / asked.sum(axis=1, keepdims=True)
        return Tasks(self.users[rows], items, values, support.astype(np.float64), weight)


class GradientNewcomer(NewcomerModel):
    """Padding, checks and batches for models that adapt to all newcomers at once.

    A subclass writes ``_learn(warm)`` and ``_answer(tasks)``, which returns ratings of shape
    (T, n) for all rows of the tasks, and sets ``on_divergence``.
    """

    on_divergence = "raise"

    def predict_many(
        self,
        users: Sequence[int],
        items: Sequence[np.ndarray],
        ratings: Sequence[np.ndarray],
        queries: Sequence[np.ndarray],
    ) -> list[np.ndarray]:
        """Predict the ratings of many newcomers in one batch.

        Args:
            users: One position a newcomer; -1 where even the profile is unknown.
            items: Items that each has rated, arrays of any length; -1 is an unknown item, whose
                rating is left out.
            ratings: Their ratings.
            queries: Items that each is asked about; -1 is an unknown item.

        Returns:
            Predicted ratings, not clipped, one array a newcomer.

        Raises:
            NotFittedError: If ``fit`` was not called.
            NonFiniteTaskError: If a rating is not finite, or an inner loop diverges; it names the
                newcomer. With ``on_divergence="freeze"`` this newcomer gets the answers of an
                empty support instead, and the others are unharmed.
            ValueError: If a position is out of range or the lengths differ.
        """
        tasks = self._tasks(users, items, ratings, queries)
        with torch.no_grad():
            answers = self._answer(tasks)
        bad = ~np.isfinite(np.where(tasks.query > 0, answers, 0.0)).all(axis=1)
        if bad.any():
            task = int(np.argmax(bad))
            name = f"Task {task} (user {users[task]})"
            raise NonFiniteTaskError(task, name, "the answers are not finite")
        return [row[q > 0].astype(np.float64) for row, q in zip(answers, tasks.query)]

    def _predict(self, user, items, ratings, query) -> np.ndarray:
        return self.predict_many([user], [items], [ratings], [query])[0]

    def _answer(self, tasks: Tasks) -> np.ndarray:
        raise NotImplementedError

    def _offsets(self, items: Tensor) -> Tensor:
        """Return what is predicted of a row before anything is learned, in stars."""
        level = np.full(self.n_items_ + 1, self.biases_.mean)
        level += self.biases_.item * getattr(self, "residual", True)
        return torch.as_tensor(level, dtype=self.X_.dtype)[items]

    def _tasks(self, users, items, ratings, queries) -> Tasks:
        if not hasattr(self, "biases_"):
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet; call fit(warm) first."
            )
        users = check_positions(users, self.n_users_, "user")
        shown = [self._shown(t, users[t], *pair) for t, pair in enumerate(zip(items, ratings))]
        asked = [check_positions(query, self.n_items_, "item") for query in queries]
        longest = [len(i) + len(q) for (i, _), q in zip(shown, asked)]
        size = (len(users), max(longest))
        rows, values = np.full(size, self.n_items_), np.zeros(size)
        support, query = np.zeros(size), np.zeros(size)
        for t, ((i, r), q) in enumerate(zip(shown, asked)):
            n, end = len(i), len(i) + len(q)
            rows[t, :n], values[t, :n], support[t, :n] = i, r, 1.0
            rows[t, n:end] = np.where(q < 0, self.n_items_, q)
            query[t, n:end] = 1.0
        return Tasks(np.where(users < 0, self.n_users_, users), rows, values, support, query)

    def _shown(self, task: int, user: int, items, ratings) -> tuple[np.ndarray, np.ndarray]:
        """Return what of a newcomer's support can be used."""
        items = check_positions(items, self.n_items_, "item")
        ratings = np.asarray(ratings, dtype=np.float64)
        if len(items) != len(ratings):
            raise ValueError(
                f"The support of user {user} has {len(items)} items and {len(ratings)} ratings; "
                "pass one rating an item."
            )
        if not np.isfinite(ratings).all():
            if self.on_divergence == "freeze":
                return items[:0], ratings[:0]
            name = f"Task {task} (user {user})"
            raise NonFiniteTaskError(task, name, "the support holds a rating that is not finite")
        return items[items >= 0], ratings[items >= 0]


def task_batch(tasks: Tasks, x: Tensor, targets: Tensor) -> TaskBatch:
    """Arrange tasks for the inner loop: the support stands in the first columns.

    Args:
        tasks: The tasks.
        x: Inputs of all rows, shape (T, n, d).
        targets: What the rows should be, shape (T, n).

    Returns:
        The batch; its query is all rows, weighted by ``tasks.query``.
    """
    _, _, _, support, query = tasks.tensors(x.dtype)
    most = max(int(support.sum(1).max()), 1)
    names = tuple(f"user {user}" for user in tasks.users)
    shown = (x[:, :most], targets[:, :most], support[:, :most])
    return TaskBatch(*shown, x, targets, query, labels=names)


def shrunken_mse(prediction: Tensor, target: Tensor, mask: Tensor, pull: float = 5.0) -> Tensor:
    """Return each task's sum of squared errors over its number of rows plus a constant.

    With a mean, five ratings would move a newcomer as far as twenty; here the gradient grows with
    the evidence, as that of a posterior does.

    Args:
        prediction: Shape (T, n).
        target: The same shape.
        mask: The same shape, 1.0 where a row is real.
        pull: The constant.

    Returns:
        Shape (T,).
    """
    return ((prediction - target) ** 2 * mask).sum(-1) / (mask.sum(-1) + pull)


def outer_loop(
    learned: Iterable[Tensor],
    predict: Callable[[Tasks], Tensor],
    sampler: WarmTasks,
    passes: int,
    rate: float,
    rates: Iterable[Tensor] = (),
) -> np.ndarray:
    """Minimise the query loss of practice newcomers by Adam, the rate falling linearly to zero.

    Args:
        learned: Tensors to learn.
        predict: From tasks to predicted ratings of all rows, (T, n), differentiable.
        sampler: Where the tasks come from.
        passes: Passes over the known users.
        rate: First rate of Adam; gradients longer than 5 are cut to that length.
        rates: More to learn, ten times as fast: logarithms of inner rates.

    Returns:
        The mean squared query error of every step, before it.

    Raises:
        ValueError: If a loss is not finite; it names the step.
    """
    groups = [{"params": list(learned), "lr": rate}]
    if rates := list(rates):
        groups.append({"params": rates, "lr": 10 * rate})
    optimizer = torch.optim.Adam(groups)
    everything = [p for group in groups for p in group["params"]]
    first = [group["lr"] for group in groups]
    steps = passes * sampler.per_pass
    history = np.empty(steps)
    for step in range(steps):
        for group, begin in zip(optimizer.param_groups, first):
            group["lr"] = begin * (1 - step / steps)
        tasks = sampler(step)
        _, _, ratings, _, query = tasks.tensors()
        loss = ((predict(tasks) - ratings) ** 2 * query).sum() / query.sum()
        history[step] = float(loss.detach())
        if not np.isfinite(history[step]):
            raise ValueError(f"The loss of outer step {step} is not finite; lower the outer rate.")
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(everything, 5.0)
        optimizer.step()
    return history


def check_on_divergence(value: str) -> None:
    """Refuse anything but ``"raise"`` and ``"freeze"``.

    Args:
        value: What was given.

    Raises:
        ValueError: If it is something else.
    """
    if value not in ("raise", "freeze"):
        raise ValueError(f"on_divergence is {value!r}; use 'raise' or 'freeze'.")
