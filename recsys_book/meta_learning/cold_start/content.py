"""What the gradient-based models of newcomers share: tables of features, tasks, batches, checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from recsys_book.meta_learning.cold_start.baselines import NewcomerModel, WarmBiases, warm_biases
from recsys_book.meta_learning.cold_start.factor_start import hierarchical_start, plain_start
from recsys_book.meta_learning.functional import NonFiniteTaskError
from recsys_book.meta_learning.tasks import TaskBatch
from recsys_book.recommenders.base import NotFittedError, check_positions
from recsys_book.recommenders.content import genre_matrix
from recsys_book.recommenders.factorization.bayesian import implicit_features

if TYPE_CHECKING:
    from recsys_book.data import Interactions, MovieLens


def centred(features: np.ndarray | None, n_rows: int, what: str) -> np.ndarray:
    """Centre a table of features and add a row of zeros for whatever is unknown.

    Args:
        features: Shape (n_rows, d); None gives a table without columns.
        n_rows: Number of users or items of the log.
        what: ``"user"`` or ``"item"``, for the message.

    Returns:
        Shape (n_rows + 1, d), float64. The last row is the average one, that is zero.

    Raises:
        ValueError: If there is not one finite row for everybody.
    """
    X = np.zeros((n_rows, 0)) if features is None else np.asarray(features, dtype=np.float64)
    if X.ndim != 2 or len(X) != n_rows or not np.isfinite(X).all():
        raise ValueError(
            f"{what}_features has shape {X.shape} for {n_rows} {what}s; pass one finite row for "
            f"every {what}."
        )
    return np.vstack([X - X.mean(axis=0), np.zeros(X.shape[1])])


def film_flags(movielens: MovieLens) -> np.ndarray:
    """Return genres and five-year periods of films as zeros and ones.

    Args:
        movielens: The films.

    Returns:
        Shape (n_items, n_genres + 14); a film without a year counts as of 1990.
    """
    genres = genre_matrix(movielens.items["genres"])[0]
    year = movielens.items["year"].astype("Float64").fillna(1990.0).to_numpy(dtype=float)
    period = np.clip((year - 1930) // 5, 0, 13).astype(int)
    return np.hstack([genres, np.eye(14)[period]])


def people_flags(movielens: MovieLens) -> np.ndarray:
    """Return decade of age, gender and occupation of users as zeros and ones.

    Args:
        movielens: A release that describes its users.

    Returns:
        Shape (n_users, 8 + n_occupations).
    """
    people = movielens.users
    decade = np.clip(people["age"].to_numpy(dtype=int) // 10 - 1, 0, 5)
    man = (people["gender"] == "M").to_numpy(dtype=int)
    job = people["occupation"].astype("category").cat.codes.to_numpy()
    return np.hstack([np.eye(6)[decade], np.eye(2)[man], np.eye(job.max() + 1)[job]])


class ChoiceProfile:
    """What somebody has chosen to rate, whatever the ratings: a mean over the support's items.

    An item is described by singular vectors of the table of who rated what; the mean over few
    items is shrunk, because few items describe nobody.

    Args:
        warm: Ratings of the known users.
        width: Number of singular vectors.
        shown: Items of each known user that the mean is taken over when it is put to scale.
        seed: Seed of their choice.

    Attributes:
        known: Profiles of the known users from ``shown`` of their items, shape (n_users, d); zero
            for everybody else. A known user seen whole would look like nobody who just arrived.
    """

    def __init__(self, warm: Interactions, width: int, shown: int = 10, seed: int = 0) -> None:
        users = np.flatnonzero(np.bincount(warm.user, minlength=warm.n_users))
        seen = warm.to_csr(1.0)[users]
        V = implicit_features(seen, width)[1]
        V = (V - V.mean(axis=0)) / np.maximum(V.std(axis=0), 1e-9)
        self._items = np.vstack([V, np.zeros(V.shape[1])])
        rng = np.random.default_rng(seed)
        rows = (seen.indices[a:b] for a, b in zip(seen.indptr[:-1], seen.indptr[1:]))
        few = [rng.permutation(row)[:shown] for row in rows]
        means = np.array([V[items].mean(axis=0) for items in few])
        within = np.mean([V[items].var(axis=0) for items in few], axis=0)
        between = np.maximum(means.var(axis=0) - within / shown, 1e-3)
        self._usual, self._few, self._scale = means.mean(axis=0), within / between, 1.0
        padded = np.full((len(few), shown), warm.n_items)
        for row, items in zip(padded, few):
            row[: len(items)] = items
        found = self(padded, (padded < warm.n_items).astype(np.float64))
        self._scale = 2 * np.maximum(found.std(axis=0), 1e-9)
        self.known = np.zeros((warm.n_users, V.shape[1]))
        self.known[users] = found / self._scale

    def __call__(self, items: np.ndarray, support: np.ndarray) -> np.ndarray:
        """Describe newcomers.

        Args:
            items: Item positions, shape (T, n).
            support: 1.0 where a row is shown, shape (T, n).

        Returns:
            Shape (T, d), standard deviation one half among the known; zero for an empty support.
        """
        n = support.sum(axis=1, keepdims=True)
        total = np.einsum("tn,tnd->td", support, self._items[items])
        above = total / np.maximum(n, 1) - self._usual
        return above * n / (n + self._few) / self._scale


def variance_shares(
    log: Interactions, features: np.ndarray, l2: float = 5.0, folds: int = 5, seed: int = 0
) -> dict[str, float]:
    """Ask what ratings are made of, and how much of it is written on the label.

    Args:
        log: Ratings.
        features: Attributes of all items, shape (n_items, d).
        l2: Penalty of the regression of item biases on features, in items.
        folds: Parts that the items are divided into; a bias is predicted from the other parts.
        seed: Seed of the division.

    Returns:
        Shares of the variance of ratings: ``"item"`` (biases of items), ``"user"`` (biases of
        users) and ``"rest"``, which add up to about one; and ``"label"``, the share of the
        *items'* variance, weighted by their ratings, that features predict for items not seen.
    """
    biases = warm_biases(log)
    parts = {"item": biases.item[log.item], "user": biases.user[log.user]}
    parts["rest"] = biases.residuals(log)
    shares = {name: float(np.var(part) / np.var(log.value)) for name, part in parts.items()}
    X, b = centred(features, log.n_items, "item")[:-1], biases.item[:-1]
    counts = np.bincount(log.item, minlength=log.n_items)
    X1 = np.column_stack([np.ones(len(X)), X])
    fold = np.random.default_rng(seed).permutation(log.n_items) % folds
    said = np.empty(log.n_items)
    for j in range(folds):
        seen = fold != j
        W = X1[seen] * (counts[seen] / (counts[seen] + 3.0))[:, None]
        penalty = np.diag(np.r_[1e-9, np.full(X.shape[1], l2)])
        said[~seen] = X1[~seen] @ np.linalg.solve(W.T @ X1[seen] + penalty, W.T @ b[seen])
    around = b - np.average(b, weights=counts)
    shares["label"] = float(1 - counts @ (b - said) ** 2 / (counts @ around**2))
    return shares


def principal(vectors: np.ndarray, width: int) -> np.ndarray:
    """Return the first principal components of text vectors, each with variance one.

    Args:
        vectors: Shape (n, d).
        width: Number of components, at most min(n, d).

    Returns:
        Shape (n, width); the sign of a component makes its largest entry positive.
    """
    U = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)[0][:, :width]
    peak = U[np.abs(U).argmax(axis=0), np.arange(U.shape[1])]
    return U * np.sign(peak) * np.sqrt(len(U))


def item_inputs(
    warm: Interactions, biases: WarmBiases, features: np.ndarray | None, factors: int, l2: float
) -> Tensor:
    """Set what the known users' ratings say of items beside what is written on the label.

    Args:
        warm: Ratings of the known users.
        biases: Their biases.
        features: Attributes of all items, shape (n_items, d), or None.
        factors: Length of the item factors of the ratings' residuals; 0 for none.
        l2: Penalty while they are learned.

    Returns:
        Factors of root mean square one, then centred features, shape (n_items + 1, factors + d),
        float32; the last row is zero and serves an unknown item.
    """
    table = centred(features, warm.n_items, "item")
    if factors:
        nobody = np.zeros((warm.n_users, 0))
        start = plain_start(warm, biases, table[:-1], nobody, factors, 10.0)
        Q = hierarchical_start(warm, start, table[:-1], nobody, l2=l2).vectors[:, 1:]
        Q = Q / max(float(np.sqrt(np.mean(Q**2))), 1e-12)
        table = np.hstack([np.vstack([Q, np.zeros(factors)]), table])
    return torch.from_numpy(table).float()


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
