"""Teaching an encoder so that a linear probe of its vectors ranks items it has never seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.data import Interactions
from recsys_book.encoders.fine_tuning.trunk import Trunk

#: From fresh upper blocks and a generator to the module that is trained in their place.
Adapt = Callable[[nn.Module, torch.Generator], nn.Module]


@dataclass(frozen=True, eq=False)
class RidgeHead:
    """A linear head with its penalty, fitted in closed form.

    Attributes:
        weights: Shape ``(width, targets)``.
        center: Mean of the inputs, shape ``(width,)``.
        level: Mean of the targets, shape ``(targets,)``.
    """

    weights: Tensor
    center: Tensor
    level: Tensor

    @classmethod
    @torch.no_grad()
    def fit(cls, X: Tensor, Y: Tensor, l2: float) -> RidgeHead:
        """Fit the head.

        Equation: eq-linear-probe.

        Args:
            X: Inputs, shape ``(n, width)``.
            Y: Targets, shape ``(n, targets)``.
            l2: Strength of the penalty, above 0.

        Returns:
            The head.
        """
        center, level = X.mean(0), Y.mean(0)
        X = X - center
        return cls(_ridge_weights(X.T @ X, X.T @ (Y - level), l2), center, level)

    def __call__(self, X: Tensor) -> Tensor:
        """Return predictions, shape ``(n, targets)``."""
        return (X - self.center) @ self.weights + self.level


class RowSums:
    """What a ridge head needs of its rows: their sums of products, kept up to date.

    A row that changes, or that is left out, is taken off these sums. So a head costs one small
    linear system, and not a pass over all rows.

    Args:
        Y: Targets, shape ``(n, targets)``.
        width: Width of the inputs, which are zeros until the first update.
    """

    def __init__(self, Y: Tensor, width: int) -> None:
        self.X, self.Y = Y.new_zeros(len(Y), width), Y
        self.gram = torch.zeros(width, width, dtype=torch.float64, device=Y.device)
        self.cross = torch.zeros(width, Y.shape[1], dtype=torch.float64, device=Y.device)
        self.sum_X, self.sum_Y = self.gram[0].clone(), Y.sum(0, dtype=torch.float64)

    def update(self, X: Tensor) -> None:
        """Take over the rows that have changed.

        Args:
            X: The inputs as they are now, shape ``(n, width)``.
        """
        rows = (X != self.X).any(1).nonzero()[:, 0]
        old, new, Y = self.X[rows].double(), X[rows].double(), self.Y[rows].double()
        self.gram += new.T @ new - old.T @ old
        self.cross += (new - old).T @ Y
        self.sum_X += (new - old).sum(0)
        self.X[rows] = X[rows]

    def head(self, l2: float, left_out: np.ndarray | None = None) -> RidgeHead:
        """Return the head of all rows, or of all but some.

        Args:
            l2: Strength of the penalty, above 0.
            left_out: Rows that the head may not see; None leaves none out.

        Returns:
            What ``RidgeHead.fit`` returns for the other rows.
        """
        rows = torch.as_tensor([] if left_out is None else left_out, dtype=torch.long)
        X, Y, n = self.X[rows].double(), self.Y[rows].double(), len(self.X) - len(rows)
        center, level = (self.sum_X - X.sum(0)) / n, (self.sum_Y - Y.sum(0)) / n
        gram = self.gram - X.T @ X - n * torch.outer(center, center)
        cross = self.cross - X.T @ Y - n * torch.outer(center, level)
        kind = self.X.dtype
        weights = _ridge_weights(gram.to(kind), cross.to(kind), l2)
        return RidgeHead(weights, center.to(kind), level.to(kind))


def leave_out_residuals(X: Tensor, Y: Tensor, l2: float) -> Tensor:
    """Return what a ridge head misses on each row when it is fitted on all the others.

    With the hat matrix ``H`` that turns targets into fitted values, that is the row's ordinary
    residual over ``1 - h``, where h is its place on H's diagonal: no second fit is needed.

    Source: Hastie, Tibshirani & Friedman (2009), section 7.10.1.

    Equation: eq-leave-one-out.

    Args:
        X: Inputs, shape ``(n, width)``.
        Y: Targets, shape ``(n, targets)``.
        l2: Strength of the penalty, above 0; the level is not penalised.

    Returns:
        Residuals, shape ``(n, targets)``.
    """
    X, Y = X - X.mean(0), Y - Y.mean(0)
    solved = _ridge_weights(X.T @ X, X.T, l2)  # what turns targets into weights
    h = 1 / len(X) + (X * solved.T).sum(1)
    return (Y - X @ (solved @ Y)) / (1 - h)[:, None]


def tune_probe(vectors: np.ndarray, train: Interactions, penalties: Sequence[float]) -> np.ndarray:
    """Return the leave-one-item-out error of a linear probe for each of several penalties.

    Equation: eq-leave-one-out.

    Args:
        vectors: One vector an item, shape ``(n_items, width)``.
        train: The log; items without an event in it are left out.
        penalties: The penalties to try.

    Returns:
        Squared errors in units of the users' variance, shape ``(penalties,)``.
    """
    items = np.unique(train.item)
    X, Y = torch.as_tensor(vectors[items], dtype=torch.float32), _targets(train)[items]
    scale = (Y - Y.mean(0)).square().mean()
    X, Y = X - X.mean(0), Y - Y.mean(0)
    size, axes = torch.linalg.eigh(X.T @ X)  # in these axes every penalty's system is diagonal
    X = X @ axes
    cross, errors = X.T @ Y, []
    for l2 in penalties:
        shrunk = 1 / (size.clamp(min=0) + l2)
        h = 1 / len(X) + X.square() @ shrunk
        residuals = (Y - X @ (shrunk[:, None] * cross)) / (1 - h)[:, None]
        errors.append(float(residuals.square().mean() / scale))
    return np.array(errors)


class ItemTower(nn.Module):
    """Text vectors of items from a trunk and a trainable top, and the last ones that were computed.

    Args:
        trunk: The texts, behind the frozen blocks.
        top: The module on it: hidden states and mask to vectors.
        vectors: All items' vectors under the present weights, if they are known already.

    Attributes:
        bank: The latest vector of each item, shape ``(n, width)``; what the heads are fitted on.
    """

    def __init__(self, trunk: Trunk, top: nn.Module, vectors: np.ndarray | None = None) -> None:
        super().__init__()
        self.trunk, self.top = trunk, top
        vectors = trunk.vectors(top) if vectors is None else vectors
        self.register_buffer("bank", torch.tensor(vectors, device=trunk.hidden.device))

    def forward(self, rows: np.ndarray) -> Tensor:
        """Return the vectors of some items, shape ``(batch, width)``; the bank keeps them."""
        vectors = self.top(*self.trunk.inputs(rows))
        self.bank[torch.as_tensor(rows)] = vectors.detach().to(self.bank.dtype)
        return vectors

    def vectors(self) -> np.ndarray:
        """Return all items' vectors under the present weights, shape ``(n, width)``."""
        return self.trunk.vectors(self.top)


@dataclass(eq=False)
class ColdItemProblem:
    """Move the vectors of items so that a probe fitted on *other* items predicts their users.

    For each batch a ridge head is fitted, in closed form, on the vectors of the training items
    outside the batch. The head is then held fixed, and the loss is its squared error on the batch.
    So every step is a rehearsal of the task: a probe meets items that it was not fitted on. The
    loss is divided by that of predicting each user's mean: 1 is no better than that.

    Equation: eq-cross-fitted.

    Attributes:
        trunk: Texts of all items, in the vocabulary's order.
        train: Events to learn from.
        valid: Events of other items, to validate on; None for none.
        l2: Strength of the heads' penalty for all training items; a part of them gets its share.
        batch_size: Items in a batch.
        adapt: Changes the fresh upper blocks: what to freeze or to insert; None trains them all.
        held_out: False fits the heads on all training items, those of the batch included.
        items: Training items to learn from; None takes all that have an event in ``train``.
    """

    trunk: Trunk
    train: Interactions
    valid: Interactions | None
    l2: float = 10.0
    batch_size: int = 64
    adapt: Adapt | None = None
    held_out: bool = True
    items: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Make the tables of targets."""
        if len(self.trunk) != self.train.n_items:
            raise ValueError(
                f"The trunk has {len(self.trunk)} texts, but there are {self.train.n_items} items: "
                "give one text an item, in the vocabulary's order."
            )
        touched = np.unique(self.train.item)
        self.items = touched if self.items is None else np.intersect1d(self.items, touched)
        self.valid_items = np.unique([] if self.valid is None else self.valid.item)
        if np.isin(self.valid_items, self.items).any():
            raise ValueError(
                "Some items have events on both sides, so they are not cold: cut the events with "
                "cold_item_split."
            )
        device = self.trunk.hidden.device
        self._targets = _targets(self.train).to(device)
        mine = self._targets[self.items]
        self._sums = RowSums(mine, self.trunk.width)
        self._scale = (mine - mine.mean(0)).square().mean()
        if self.valid is not None:
            self._valid = _targets(self.valid)[self.valid_items].to(device)
            self._valid_scale = (self._valid - mine.mean(0)).square().mean()

    def model(self, seed: int) -> ItemTower:
        """Return the pretrained tower; the seed is that of what ``adapt`` inserts."""
        top = self.trunk.top()
        if self.adapt is None:
            return ItemTower(self.trunk, top, self.trunk.pretrained)
        top = self.adapt(top, torch.Generator().manual_seed(seed))
        return ItemTower(self.trunk, top.to(self.trunk.hidden.device))

    def batches(self, seed: int) -> Iterator[np.ndarray]:
        """Yield one epoch: positions of items, shape ``(batch,)``."""
        return self.trunk.batches(self.items, self.batch_size, seed)

    def head(self, model: ItemTower, left_out: np.ndarray | None = None) -> RidgeHead:
        """Fit the probe on the bank's vectors of the training items.

        Args:
            model: The tower.
            left_out: Items that the probe may not see; None leaves none out.

        Returns:
            The head, for all users.
        """
        rows = np.flatnonzero(np.isin(self.items, [] if left_out is None else left_out))
        self._sums.update(model.bank[self.items])
        return self._sums.head(self.l2 * (1 - len(rows) / len(self.items)), rows)

    def loss(self, model: ItemTower, batch: np.ndarray) -> Tensor:
        """Return the squared error of a head on items that it was not fitted on.

        Equation: eq-cross-fitted.

        Args:
            model: The tower.
            batch: Positions of items, shape ``(batch,)``.

        Returns:
            The loss, 0-dimensional, in units of the users' variance.
        """
        head = self.head(model, batch if self.held_out else None)
        error = head(model(batch)) - self._targets[batch]
        return error.square().mean() / self._scale

    @torch.no_grad()
    def validate(self, model: ItemTower) -> float:
        """Return the squared error on the held-out items, in units of their users' variance.

        The head is fitted on the bank, where an item has the vector of its last batch. Where there
        is nothing to validate on, 0 is returned.
        """
        if self.valid is None:
            return 0.0
        vectors = self.trunk.vectors(model.top, self.valid_items)
        error = self.head(model)(torch.from_numpy(vectors).to(model.bank.device)) - self._valid
        return float(error.square().mean() / self._valid_scale)


def _ridge_weights(gram: Tensor, cross: Tensor, l2: float) -> Tensor:
    """Solve for the weights, given the products of the inputs with themselves and the targets."""
    eye = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    return torch.cholesky_solve(cross, torch.linalg.cholesky(gram + l2 * eye))


def _targets(log: Interactions) -> Tensor:
    """Return 1 where a user touched an item, shape ``(n_items, n_users)``, float32."""
    return torch.from_numpy((log.to_csr(1.0) > 0).astype(np.float32).toarray().T.copy())
