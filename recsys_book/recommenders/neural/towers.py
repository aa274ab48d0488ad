"""Two towers: a vector for the user, a vector for the item, and a softmax over the batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.optimizers.problems.batches import columns, shuffled_batches
from recsys_book.optimizers.problems.tables import table
from recsys_book.optimizers.problems.two_tower import Towers, in_batch_softmax
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.neural.training import (
    UserRows,
    check_features,
    check_settings,
    dense_rows,
    fit_network,
    layers,
    multinomial_loss,
)

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def tower_scores(users: Tensor, items: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the scores of every user for every item.

    Equation: eq-two-tower

    Args:
        users: What the users' tower gives, shape ``(batch, factors)``.
        items: What the items' tower gives, shape ``(columns, factors)``.
        temperature: What the products are divided by.

    Returns:
        The scores, shape ``(batch, columns)``.
    """
    return users @ items.T / temperature


def batch_softmax_loss(scores: Tensor, item: Tensor, log_q: Tensor | None = None) -> Tensor:
    """Let every user of a batch tell their own item from those of the others.

    Source: Yi et al. (2019), "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
    Recommendations", RecSys.

    Equations: eq-in-batch-softmax, eq-logq

    Args:
        scores: Of each user for the item of each row of the batch, shape ``(batch, batch)``.
        item: The item of each row, shape ``(batch,)``.
        log_q: Logarithm of each item's chance to be drawn, shape ``(n_items,)``; None leaves the
            scores as they are.

    Returns:
        The mean loss, 0-dimensional, in nats.
    """
    if log_q is None:
        log_q = torch.zeros(int(item.max()) + 1)
    return in_batch_softmax(scores, item, log_q)


class FeatureTowers(Towers):
    """A table of users, and items made of a table, of their features, or of both.

    Args:
        n_users: Number of users.
        n_items: Number of items.
        factors: Length of the vectors.
        temperature: What the products are divided by.
        features: Item features, shape ``(n_items, width)``, or None.
        hidden: Width of the hidden layer over the features; 0 for a linear map.
        ids: Whether every item has a row of its own as well.
        generator: Of the first weights.
    """

    def __init__(
        self,
        n_users: int,
        n_items: int,
        factors: int,
        temperature: float,
        features: Tensor | None,
        hidden: int,
        ids: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_items, self.temperature = n_items, temperature
        self.users = table(n_users, factors, 0.1, False, generator)
        self.items = table(n_items, factors, 0.1, False, generator) if ids else None
        self.head = None
        if features is not None:
            self.register_buffer("features", features)
            sizes = [features.shape[1], *([hidden] if hidden else []), factors]
            self.head = layers(sizes, generator)

    def item_vectors(self, item: Tensor) -> Tensor:
        """Return the items' vectors, shape ``(columns, factors)``."""
        parts = []
        if self.items is not None:
            parts.append(self.items(item))
        if self.head is not None:
            parts.append(self.head(self.features[item]))
        return sum(parts)


@dataclass(eq=False)
class BatchSoftmaxProblem:
    """Positive pairs in shuffled batches; the other rows of the batch are the negatives.

    Attributes:
        train: The log; every row is a positive pair.
        make: From a seed to fresh towers.
        batch_size: Pairs in a batch.
        corrected: Whether the scores are lowered by the logarithm of their items' shares.
    """

    train: Interactions
    make: object
    batch_size: int
    corrected: bool = True

    def __post_init__(self) -> None:
        """Turn the columns into tensors and count the items, once."""
        self._pairs = columns(self.train, values=False)
        counts = np.bincount(self.train.item, minlength=self.train.n_items).clip(1)
        share = torch.tensor(np.log(counts / len(self.train)), dtype=torch.float32)
        self.log_q = share if self.corrected else torch.zeros_like(share)

    def model(self, seed: int) -> Towers:
        """Return towers with fresh weights drawn from a seed."""
        return self.make(seed)

    def batches(self, seed: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield one epoch: users and items, each of shape ``(batch,)``."""
        return shuffled_batches(self._pairs, self.batch_size, seed)

    def loss(self, model: Towers, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the in-batch softmax loss, 0-dimensional, in nats."""
        user, item = batch
        users, items = model.user_vectors(user), model.item_vectors(item)
        scores = tower_scores(users, items, model.temperature)
        return batch_softmax_loss(scores, item, self.log_q)

    def validate(self, model: Towers) -> float:
        """Return 0: the number of epochs is a setting, chosen on splits of the training log."""
        return 0.0


@dataclass(eq=False)
class FullSoftmaxProblem(UserRows):
    """Users with all their items; every item of the catalogue is in the softmax.

    Attributes:
        make: From a seed to fresh towers.
    """

    make: object

    def model(self, seed: int) -> Towers:
        """Return towers with fresh weights drawn from a seed."""
        return self.make(seed)

    def loss(self, model: Towers, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the mean loss over the users, each event weighing alike, in nats a user."""
        user, rows = batch
        every = model.item_vectors(torch.arange(rows.shape[1]))
        scores = tower_scores(model.user_vectors(user), every, model.temperature)
        return multinomial_loss(scores, rows) / rows.sum(dim=1).mean()


class TwoTower(BaseRecommender):
    """Score an item by the product of two vectors that were trained by a softmax.

    With ``negatives="batch"`` the softmax runs over the items of the batch, as it must where the
    catalogue is too large to be scored at every step; with ``"all"`` it runs over the catalogue.
    A user without history gets the popularity of the items. An item never seen in training has a
    vector near zero, or, with features, the vector that its features give.

    Source: Yi et al. (2019), "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
    Recommendations", RecSys.

    Equations: eq-two-tower, eq-in-batch-softmax, eq-logq

    Args:
        factors: Length of the vectors.
        temperature: What the products are divided by.
        negatives: ``"batch"`` or ``"all"``.
        corrected: Whether in-batch scores are lowered by the logarithm of their items' shares.
        features: None, or item features, shape (n_items, width), for the items' tower.
        hidden: Width of the hidden layer over the features; 0 for a linear map.
        ids: Whether every item has a vector of its own as well.
        rate: Learning rate of AdamW.
        l2: Its decoupled weight decay.
        epochs: Passes over the log.
        batch_size: Pairs in a batch (users, with ``negatives="all"``).
        seed: Of weights and order.

    Attributes:
        user_factors_: Divided by the temperature, shape (n_users, factors).
        item_factors_: Shape (n_items, factors).
    """

    def __init__(
        self,
        factors: int = 32,
        temperature: float = 1.0,
        negatives: str = "batch",
        corrected: bool = True,
        features: np.ndarray | None = None,
        hidden: int = 0,
        ids: bool = True,
        rate: float = 0.01,
        l2: float = 0.1,
        epochs: int = 10,
        batch_size: int = 512,
        seed: int = 0,
    ):
        self.factors = factors
        self.temperature = temperature
        self.negatives = negatives
        self.corrected = corrected
        self.features = features
        self.hidden = hidden
        self.ids = ids
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        self._check()
        network = fit_network(
            self._problem(interactions), self.rate, self.l2, self.epochs, self.seed
        )
        users, items = (torch.arange(len(ids)) for ids in (self.users_, self.items_))
        self.user_factors_ = network.user_vectors(users).numpy() / self.temperature
        self.item_factors_ = network.item_vectors(items).numpy()

    def _check(self) -> None:
        check_settings(
            factors=self.factors,
            temperature=self.temperature,
            rate=self.rate,
            l2=self.l2,
            epochs=self.epochs,
            batch_size=self.batch_size,
        )
        if self.negatives not in ("batch", "all"):
            raise ValueError(f"negatives is {self.negatives!r}; use 'batch' or 'all'.")

    def _problem(self, log: Interactions) -> BatchSoftmaxProblem | FullSoftmaxProblem:
        if self.negatives == "all":
            return FullSoftmaxProblem(*dense_rows(self.seen_), self.batch_size, self._towers)
        return BatchSoftmaxProblem(log, self._towers, self.batch_size, self.corrected)

    def _towers(self, seed: int) -> nn.Module:
        features = None
        if self.features is not None:
            features = torch.as_tensor(check_features("features", self.features, len(self.items_)))
        elif not self.ids:
            raise ValueError("TwoTower has neither ids nor features; pass features or ids=True.")
        return FeatureTowers(
            len(self.users_),
            len(self.items_),
            self.factors,
            self.temperature,
            features,
            self.hidden,
            self.ids,
            torch.Generator().manual_seed(seed),
        )

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.user_factors_[users] @ self.item_factors_.T
