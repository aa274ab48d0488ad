"""What the networks on fields share: the look-up, the training and the scoring of all items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.optimizers import Adam, train
from recsys_book.optimizers.problems.batches import shuffled_batches
from recsys_book.optimizers.problems.tables import linear, table
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.features.fields import Design, Field, clock, default_fields
from recsys_book.recommenders.features.sampling import UnseenItems
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class FieldTable(nn.Module):
    """One vector a field: the weighted sum of the vectors of the columns that a row fills.

    Args:
        design: The fields side by side.
        width: Length of the vectors.
        std: Standard deviation of the first weights; 0 for zeros.
        generator: Of the first weights.
    """

    def __init__(self, design: Design, width: int, std: float, generator: torch.Generator):
        super().__init__()
        self.vectors = table(design.n_columns, width, std, False, generator)
        self.sides = {"user": [], "item": [], "time": []}
        for number, (field, offset) in enumerate(zip(design.fields, design.offsets)):
            columns, weights = _padded(field, int(offset))
            self.register_buffer(f"columns_{number}", columns)
            self.register_buffer(f"weights_{number}", weights)
            self.sides[field.of].append(number)

    def forward(self, of: str, positions: Tensor) -> Tensor:
        """Look up the fields of users, items or times.

        Args:
            of: ``"user"``, ``"item"`` or ``"time"``.
            positions: Rows, shape ``(batch,)``, or ``(batch, fields)`` for times; -1 for an
                unknown one, whose vectors are zero.

        Returns:
            Vectors, shape ``(batch, fields of this side, width)``.
        """
        found = []
        for place, number in enumerate(self.sides[of]):
            row = positions[:, place] if of == "time" else positions
            columns = getattr(self, f"columns_{number}")[row]
            weights = getattr(self, f"weights_{number}")[row]
            found.append(torch.einsum("bc,bcf->bf", weights, self.vectors(columns)))
        if not found:
            return self.vectors.weight.new_zeros(len(positions), 0, self.vectors.embedding_dim)
        return torch.stack(found, 1)


class FieldNetwork(nn.Module):
    """A score from the first-order weights and the vectors of the fields; subclasses combine them.

    Args:
        design: The fields side by side.
        factors: Length of the vectors.
        level: First value of the global weight.
        generator: Of the first weights.
    """

    def __init__(self, design: Design, factors: int, level: float, generator: torch.Generator):
        super().__init__()
        self.first_order = FieldTable(design, 1, 0.0, generator)
        self.vectors = FieldTable(design, factors, 0.05, generator)
        self.level = nn.Parameter(torch.tensor(float(level)))

    def left(self, user: Tensor, time: Tensor) -> tuple[Tensor, ...]:
        """Return what the user and the time contribute, each with ``batch`` rows."""
        parts = []
        for part in (self.first_order, self.vectors):
            parts.append(torch.cat([part("user", user), part("time", time)], 1))
        return tuple(parts)

    def right(self, item: Tensor) -> tuple[Tensor, ...]:
        """Return what the item contributes, each with ``batch`` rows."""
        return self.first_order("item", item), self.vectors("item", item)

    def combine(self, left: tuple[Tensor, ...], right: tuple[Tensor, ...]) -> Tensor:
        """Return the scores of rows, shape ``(batch,)``."""
        raise NotImplementedError

    def forward(self, user: Tensor, item: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Score rows.

        Args:
            user: Shape ``(batch,)``.
            item: Shape ``(batch,)``.
            time: Shape ``(batch, fields of the time)``.

        Returns:
            The scores, shape ``(batch,)``, and the mean squared length of the looked-up vectors,
            0-dimensional.
        """
        left, right = self.left(user, time), self.right(item)
        length = sum(part.square().sum((1, 2)).mean() for part in (left[1], right[1]))
        return self.combine(left, right), length


def perceptron(sizes: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Return layers with ReLU between them; the last one is linear.

    Args:
        sizes: Width of the input, of each layer, and of the output.
        generator: Of the first weights.

    Returns:
        The layers.
    """
    layers: list[nn.Module] = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:]):
        layers += [linear(n_in, n_out, generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@dataclass(eq=False)
class FieldProblem:
    """Train a network on fields, as ``optimizers.train`` wants it; nothing is held out.

    Attributes:
        make: From a seed to a network.
        parts: Users, items, times and values of the log.
        unseen: Draws items that a user has not seen; None to learn the values themselves.
        negatives: Unseen items a row.
        l2: Penalty on the squared length of what a row looks up.
        batch_size: Rows of the log in a batch.
    """

    make: Any
    parts: tuple[Tensor, ...]
    unseen: UnseenItems | None
    negatives: int
    l2: float
    batch_size: int

    def model(self, seed: int) -> FieldNetwork:
        """Return a network with fresh weights."""
        return self.make(seed)

    def batches(self, seed: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield one epoch: users, items, times and targets, each with ``batch`` rows."""
        rng = np.random.default_rng(seed)
        for user, item, time, value in shuffled_batches(self.parts, self.batch_size, seed):
            if self.unseen is None:
                yield user, item, time, value
                continue
            others = self.unseen.draw(user.numpy(), self.negatives, rng)
            users = user.repeat(1 + self.negatives)
            items = torch.cat([item, torch.as_tensor(others.T.ravel())])
            targets = torch.zeros(len(users))
            targets[: len(user)] = 1.0
            yield users, items, time.repeat(1 + self.negatives, 1), targets

    def loss(self, model: FieldNetwork, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the squared error or, with unseen items, the logistic loss; plus the penalty."""
        user, item, time, target = batch
        score, length = model(user, item, time)
        if self.unseen is None:
            error = functional.mse_loss(score, target)
        else:
            error = functional.binary_cross_entropy_with_logits(score, target)
        return error + self.l2 * length

    def validate(self, model: FieldNetwork) -> float:
        """Return 0: all rows are trained on."""
        return 0.0


class FieldRecommender(BaseRecommender):
    """What Wide & Deep and DeepFM have in common; they add how a network combines its fields."""

    def _network(self, design: Design, level: float, seed: int) -> FieldNetwork:
        raise NotImplementedError

    def _fit(self, interactions: Interactions) -> None:
        self._check()
        log, rating = interactions, self.loss == "rating"
        self.design_ = Design(default_fields(self.fields, log), log.n_users, log.n_items)
        self.range_ = float(log.value.min()), float(log.value.max())
        level = log.value.mean() if rating else 0.0
        problem = FieldProblem(
            make=lambda seed: self._network(self.design_, level, seed),
            parts=(
                torch.as_tensor(log.user),
                torch.as_tensor(log.item),
                self._times(log.timestamp, len(log)),
                torch.as_tensor(log.value, dtype=torch.float32),
            ),
            unseen=None if rating else UnseenItems(self.seen_),
            negatives=self.negatives,
            l2=self.l2,
            batch_size=self.batch_size,
        )
        history = train(problem, Adam(lr=self.rate), epochs=self.epochs, seed=self.seed)
        self.network_, self.step_loss_ = history.model, history.step_loss

    @torch.no_grad()
    def predict(
        self,
        users: Sequence[int] | np.ndarray,
        items: Sequence[int] | np.ndarray,
        timestamps: np.ndarray | None = None,
    ) -> np.ndarray:
        """Predict the ratings of pairs.

        Args:
            users: User positions, shape (n,); -1 for an unknown user, whose fields are empty.
            items: Item positions, shape (n,); -1 for an unknown item, whose fields are empty.
            timestamps: Seconds since 1970-01-01 UTC, shape (n,), or None for an unknown time.

        Returns:
            Predictions within the range of the training ratings (logits for loss ``"ranking"``),
            float64, shape (n,).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range or the lengths differ.
        """
        users, items = self._check_pairs(users, items)
        times = self._times(timestamps, len(users))
        scores, _ = self.network_(torch.as_tensor(users), torch.as_tensor(items), times)
        return self._in_range(scores.double().numpy())

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self._all_items(users)

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return self._all_items(np.full(len(users), -1))

    @torch.no_grad()
    def _all_items(self, users: np.ndarray) -> np.ndarray:
        """Score all items; what the items contribute is looked up once."""
        n_items = len(self.items_)
        right = self.network_.right(torch.arange(n_items))
        scores = np.empty((len(users), n_items))
        for row, user in enumerate(users):
            left = self.network_.left(torch.tensor([user]), self._times(None, 1))
            left = tuple(part.expand(n_items, *part.shape[1:]) for part in left)
            scores[row] = self.network_.combine(left, right).numpy()
        return self._in_range(scores)

    def _times(self, timestamps: np.ndarray | None, n: int) -> Tensor:
        names = [field.name for field in self.design_.fields if field.of == "time"]
        if timestamps is None or not names:
            return torch.full((n, len(names)), -1)
        return torch.as_tensor(np.stack([clock(name, timestamps) for name in names], 1))

    def _in_range(self, scores: np.ndarray) -> np.ndarray:
        return np.clip(scores, *self.range_) if self.loss == "rating" else scores

    def _check(self) -> None:
        if self.loss not in ("rating", "ranking"):
            raise ValueError(f"loss is {self.loss!r}; use 'rating' or 'ranking'.")
        check_above_zero(self, "factors", "rate", "epochs", "batch_size", "negatives")
        check_at_least_zero(self, "l2")


def _padded(field: Field, offset: int) -> tuple[Tensor, Tensor]:
    """Columns and weights of each row, padded with weight 0; the last row is empty."""
    if field.table is None:
        columns = np.r_[np.arange(field.width), 0][:, None]
        weights = np.r_[np.ones(field.width), 0.0][:, None]
    else:
        counts = np.diff(field.table.indptr)
        filled = np.arange(max(counts.max(initial=0), 1)) < np.r_[counts, 0][:, None]
        columns, weights = np.zeros(filled.shape, np.int64), np.zeros(filled.shape)
        columns[filled], weights[filled] = field.table.indices, field.table.data
    return torch.as_tensor(columns + offset), torch.as_tensor(weights, dtype=torch.float32)
