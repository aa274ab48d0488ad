"""Teaching an encoder so that a linear probe of its vectors ranks items it has never seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
        gram = X.T @ X + l2 * torch.eye(X.shape[1], dtype=X.dtype, device=X.device)
        return cls(torch.linalg.solve(gram, X.T @ (Y - level)), center, level)

    def __call__(self, X: Tensor) -> Tensor:
        """Return predictions, shape ``(n, targets)``."""
        return (X - self.center) @ self.weights + self.level


def leave_out_residuals(X: Tensor, Y: Tensor, l2: float) -> Tensor:
    """Return what ridge regression misses on each row when it is fitted on all the others.

    With the hat matrix ``H = X (X'X + l2 I)^-1 X'`` that is the row's ordinary residual over
    ``1 - h``, where h is its place on H's diagonal: no second fit is needed.

    Source: Hastie, Tibshirani & Friedman (2009), section 7.10.1.

    Equation: eq-leave-one-out.

    Args:
        X: Inputs, shape ``(n, width)``; nothing is centred.
        Y: Targets, shape ``(n, targets)``.
        l2: Strength of the penalty, above 0.

    Returns:
        Residuals, shape ``(n, targets)``.
    """
    gram = X.T @ X + l2 * torch.eye(X.shape[1], dtype=X.dtype)
    hat = X @ torch.linalg.solve(gram, X.T)
    return (Y - hat @ Y) / (1 - hat.diagonal())[:, None]


class ItemTower(nn.Module):
    """Text vectors of items from a trunk and a trainable top, and the last ones that were computed.

    Args:
        trunk: The texts, behind the frozen blocks.
        top: The module on it: hidden states and mask to vectors.

    Attributes:
        bank: The latest vector of each item, shape ``(n, width)``; what the heads are fitted on.
    """

    def __init__(self, trunk: Trunk, top: nn.Module) -> None:
        super().__init__()
        self.trunk, self.top = trunk, top
        vectors = torch.from_numpy(trunk.vectors(top)).to(trunk.hidden.device)
        self.register_buffer("bank", vectors)

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
        valid: Events of other items, to validate on.
        l2: Strength of the heads' penalty for all training items; a part of them gets its share.
        batch_size: Items in a batch.
        adapt: Changes the fresh upper blocks: what to freeze or to insert; None trains them all.
        held_out: False fits the heads on all training items, those of the batch included.
        items: Training items to learn from; None takes all that have an event in ``train``.
    """

    trunk: Trunk
    train: Interactions
    valid: Interactions
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
        self.valid_items = np.unique(self.valid.item)
        if np.isin(self.valid_items, self.items).any():
            raise ValueError(
                "Some items have events on both sides, so they are not cold: cut the events with "
                "cold_item_split."
            )
        device = self.trunk.hidden.device
        self._targets = _targets(self.train).to(device)
        self._valid = _targets(self.valid)[self.valid_items].to(device)
        mine = self._targets[self.items]
        self._scale = (mine - mine.mean(0)).square().mean()
        self._valid_scale = (self._valid - mine.mean(0)).square().mean()

    def model(self, seed: int) -> ItemTower:
        """Return the pretrained tower; the seed is that of what ``adapt`` inserts."""
        top = self.trunk.top()
        if self.adapt is not None:
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
        rows = self.items if left_out is None else np.setdiff1d(self.items, left_out)
        share = len(rows) / len(self.items)
        return RidgeHead.fit(model.bank[rows], self._targets[rows], self.l2 * share)

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
        """Return the squared error on the held-out items, in units of their users' variance."""
        model.bank.copy_(torch.from_numpy(model.vectors()))
        error = self.head(model)(model.bank[self.valid_items]) - self._valid
        return float(error.square().mean() / self._valid_scale)


def _targets(log: Interactions) -> Tensor:
    """Return 1 where a user touched an item, shape ``(n_items, n_users)``, float32."""
    return torch.from_numpy((log.to_csr(1.0) > 0).astype(np.float32).toarray().T.copy())
