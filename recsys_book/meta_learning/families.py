"""Where tasks come from: sinusoids, and the users, items, genres and times of a rating log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from recsys_book.meta_learning.tasks import TaskBatch, task_name

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True)
class Sinusoids:
    """Sine waves of random amplitude and phase: each is a task of regression.

    Source: Finn, Abbeel and Levine (2017), "Model-Agnostic Meta-Learning for Fast Adaptation of
    Deep Networks", ICML, section 5.1.

    Attributes:
        amplitude: Its smallest and largest value.
        phase: Its smallest and largest value, in radians.
        x: Range of the inputs.
    """

    amplitude: tuple[float, float] = (0.1, 5.0)
    phase: tuple[float, float] = (0.0, np.pi)
    x: tuple[float, float] = (-5.0, 5.0)

    def sample(
        self, n_tasks: int, shots: int, queries: int | np.ndarray, rng: np.random.Generator
    ) -> TaskBatch:
        """Draw tasks and points.

        Args:
            n_tasks: Number of tasks.
            shots: Points in a support set, at least 0.
            queries: Points in a query set, at least 1; or the inputs themselves, shape (Q,).
            rng: Where the draws come from.

        Returns:
            The batch: inputs (T, n, 1), targets ``amplitude * sin(x - phase)`` (T, n).

        Raises:
            ValueError: If there is no task or no query.
        """
        amplitude = rng.uniform(*self.amplitude, (n_tasks, 1))
        phase = rng.uniform(*self.phase, (n_tasks, 1))
        support = rng.uniform(*self.x, (n_tasks, shots))
        if np.ndim(queries):
            query = np.tile(np.asarray(queries, dtype=float), (n_tasks, 1))
        else:
            query = rng.uniform(*self.x, (n_tasks, queries))
        if not query.size:
            raise ValueError(f"queries is {queries}; every task needs a point to be judged on.")
        sides = []
        for x in (support, query):
            y = torch.as_tensor(amplitude * np.sin(x - phase), dtype=torch.float32)
            sides += [torch.as_tensor(x[:, :, None], dtype=torch.float32), y, torch.ones_like(y)]
        return TaskBatch(*sides)


@dataclass(frozen=True, eq=False)
class TaskPool:
    """Tasks cut from one table of events; an event may belong to several.

    Attributes:
        x: What the model sees of an event, shape (n, ...).
        y: What it shall predict, shape (n,).
        timestamp: When it happened, shape (n,).
        rows: The events of each task, a list of T arrays in the order of time (ties: of the log).
        labels: The name of each task.
    """

    x: np.ndarray
    y: np.ndarray
    timestamp: np.ndarray
    rows: list[np.ndarray] = field(repr=False)
    labels: list[str] = field(repr=False)

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self.rows)

    @property
    def sizes(self) -> np.ndarray:
        """Number of events of each task, shape (T,)."""
        return np.array([len(rows) for rows in self.rows], dtype=np.int64)

    def select(self, tasks: Iterable[int]) -> TaskPool:
        """Return the pool of some tasks, in the order given."""
        tasks = [int(task) for task in tasks]
        rows, labels = [self.rows[t] for t in tasks], [self.labels[t] for t in tasks]
        return TaskPool(self.x, self.y, self.timestamp, rows, labels)

    def at_least(self, events: int) -> TaskPool:
        """Return the pool of the tasks with at least so many events."""
        return self.select(np.flatnonzero(self.sizes >= events))

    def draw(
        self,
        shots: int,
        rng: np.random.Generator | None = None,
        *,
        tasks: Sequence[int] | None = None,
        queries: int | None = None,
        how: str = "random",
    ) -> TaskBatch:
        """Cut tasks into a support and a query set.

        Args:
            shots: Events in the support.
            rng: Where the draws come from; not needed by time.
            tasks: Positions of the tasks; None for all.
            queries: Events in the query, at most; None for all that are left.
            how: ``"random"``, or ``"time"``: the earliest events are the support and those that
                follow are the query.

        Returns:
            The batch, with labels.

        Raises:
            ValueError: If a task has fewer than ``shots + 1`` events (it is named), if ``how`` is
                unknown, or if there is no ``rng`` to draw from.
        """
        if how not in ("random", "time"):
            raise ValueError(f"how is {how!r}; use 'random' or 'time'.")
        if how == "random" and rng is None:
            raise ValueError("A random split needs rng: pass np.random.default_rng(seed).")
        chosen = range(self.n_tasks) if tasks is None else tasks
        support, query = [], []
        for task in chosen:
            rows = self.rows[task]
            if len(rows) <= shots:
                raise ValueError(
                    f"{task_name(task, self.labels)} has {len(rows)} events; a support set of "
                    f"{shots} needs at least {shots + 1}: use at_least({shots + 1}) first."
                )
            rows = rng.permutation(rows) if how == "random" else rows
            support.append(rows[:shots])
            query.append(rows[shots:] if queries is None else rows[shots : shots + queries])
        return TaskBatch.from_ragged(
            [self.x[rows] for rows in support],
            [self.y[rows] for rows in support],
            [self.x[rows] for rows in query],
            [self.y[rows] for rows in query],
            labels=[self.labels[task] for task in chosen],
        )


def user_tasks(log: Interactions, x: np.ndarray) -> TaskPool:
    """Make every user a task.

    Args:
        log: Rated events.
        x: What the model sees of an event, shape (len(log), ...).

    Returns:
        One task a user with events.
    """
    return _by_code(log, x, log.user, [f"user {name}" for name in log.users])


def item_tasks(log: Interactions, x: np.ndarray) -> TaskPool:
    """Make every item a task.

    Args:
        log: Rated events.
        x: What the model sees of an event, shape (len(log), ...).

    Returns:
        One task an item with events.
    """
    return _by_code(log, x, log.item, [f"item {name}" for name in log.items])


def period_tasks(log: Interactions, x: np.ndarray, periods: int) -> TaskPool:
    """Make every slice of time a task, of equal length on the calendar.

    Args:
        log: Rated events.
        x: What the model sees of an event, shape (len(log), ...).
        periods: Number of slices, at least 1; one without events is left out.

    Returns:
        One task a slice with events, in the order of time.
    """
    edges = np.linspace(log.timestamp.min(), log.timestamp.max(), periods + 1)
    period = np.clip(np.searchsorted(edges, log.timestamp, side="right") - 1, 0, periods - 1)
    return _by_code(log, x, period, [f"period {number + 1}" for number in range(periods)])


def domain_tasks(
    log: Interactions, x: np.ndarray, member: np.ndarray, names: Sequence[str]
) -> TaskPool:
    """Make every domain a task, such as every genre; an event may lie in several.

    Args:
        log: Rated events.
        x: What the model sees of an event, shape (len(log), ...).
        member: Whether an item lies in a domain, shape (n_items, domains).
        names: Names of the domains.

    Returns:
        One task a domain with events.
    """
    of_event = np.asarray(member, dtype=bool)[log.item]
    found = [(name, np.flatnonzero(of_event[:, j])) for j, name in enumerate(names)]
    found = [(name, rows) for name, rows in found if len(rows)]
    return _pool(log, x, [rows for _, rows in found], [name for name, _ in found])


def _by_code(log: Interactions, x: np.ndarray, code: np.ndarray, labels: list[str]) -> TaskPool:
    order = np.argsort(code, kind="stable")
    ends = np.searchsorted(code[order], np.arange(len(labels) + 1))
    found = [k for k in range(len(labels)) if ends[k] < ends[k + 1]]
    rows = [order[ends[k] : ends[k + 1]] for k in found]
    return _pool(log, x, rows, [labels[k] for k in found])


def _pool(log: Interactions, x: np.ndarray, rows: list[np.ndarray], labels: list[str]) -> TaskPool:
    if len(x) != len(log):
        raise ValueError(f"x has {len(x)} rows, but the log has {len(log)}; pass one an event.")
    rows = [part[np.argsort(log.timestamp[part], kind="stable")] for part in rows]
    return TaskPool(np.asarray(x), log.value, log.timestamp, rows, labels)
