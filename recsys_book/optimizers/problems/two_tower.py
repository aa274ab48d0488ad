"""Implicit feedback: a tower for users, a tower for items, a softmax over the batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.data import Interactions
from recsys_book.optimizers.problems.batches import check_logs, columns, shuffled_batches
from recsys_book.optimizers.problems.tables import table


def in_batch_softmax(scores: Tensor, item: Tensor, log_q: Tensor) -> Tensor:
    """Let every user of a batch tell their own item from the items of the others.

    The items of the batch are a sample of all items, drawn by popularity. Lowering each score by
    the logarithm of its item's share undoes that: the sum over the batch then estimates the sum
    over all items. Copies of an item stay in, because the estimate counts on them.

    Source: Yi et al. (2019).

    Args:
        scores: Of each user for each item of the batch, shape ``(batch, batch)``.
        item: The item in each column, shape ``(batch,)``.
        log_q: Logarithm of each item's share of the training rows, shape ``(n_items,)``.

    Returns:
        The mean loss, 0-dimensional, in nats.
    """
    return functional.cross_entropy(scores - log_q[item], torch.arange(len(item)))


class Towers(nn.Module):
    """Scores as scaled products of a user's and an item's vector; subclasses make the items'."""

    temperature: float

    def user_vectors(self, user: Tensor) -> Tensor:
        """Return the vectors of users, shape ``(batch,)``, as ``(batch, factors)``."""
        return self.users(user)

    def item_vectors(self, item: Tensor) -> Tensor:
        """Return the vectors of items, shape ``(batch,)``, as ``(batch, factors)``."""
        raise NotImplementedError

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        """Score every user for every item.

        Args:
            user: Positions of the users, shape ``(batch,)``.
            item: Positions of the items, shape ``(columns,)``.

        Returns:
            The scores, shape ``(batch, columns)``.
        """
        return (self.user_vectors(user) / self.temperature) @ self.item_vectors(item).T

    @torch.no_grad()
    def score(self, users: np.ndarray) -> np.ndarray:
        """Score users for all items, as ``evaluate_ranking`` wants it.

        Args:
            users: Positions of the users, shape ``(n,)``.

        Returns:
            The scores, shape ``(n, n_items)``.
        """
        return self(torch.as_tensor(users), torch.arange(self.n_items)).numpy()


class TwoTower(Towers):
    """A vector for each user and for each item.

    Args:
        n_users: Number of users.
        n_items: Number of items.
        factors: Length of the vectors.
        temperature: What the products are divided by.
        sparse: Whether the tables give sparse gradients.
        generator: Of the first weights.
    """

    def __init__(
        self,
        n_users: int,
        n_items: int,
        factors: int,
        temperature: float,
        sparse: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_items, self.temperature = n_items, temperature
        self.users = table(n_users, factors, 0.1, sparse, generator)
        self.items = table(n_items, factors, 0.1, sparse, generator)

    def item_vectors(self, item: Tensor) -> Tensor:
        """Return rows of the items' table, shape ``(batch, factors)``."""
        return self.items(item)


class PositivePairs:
    """What the problems with implicit feedback have in common: every row is a positive pair."""

    def __post_init__(self) -> None:
        """Turn the columns into tensors, once, and count the items."""
        check_logs(self.train, self.valid)
        self._train = columns(self.train, values=False)
        counts = np.bincount(self.train.item, minlength=self.train.n_items).clip(1)
        self.log_q = torch.tensor(np.log(counts / len(self.train)), dtype=torch.float32)
        user, self._item = columns(self.valid, values=False)
        self._users, self._row = user.unique(return_inverse=True)

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch: users and items, each of shape ``(batch,)``."""
        return shuffled_batches(self._train, self.batch_size, seed)

    def loss(self, model: Towers, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the in-batch softmax loss.

        Args:
            model: What ``model`` made.
            batch: Users and items, each of shape ``(batch,)``.

        Returns:
            The loss, 0-dimensional, in nats.
        """
        user, item = batch
        return in_batch_softmax(model(user, item), item, self.log_q)

    @torch.no_grad()
    def validate(self, model: Towers) -> float:
        """Return the loss of the held-out pairs against all items, in nats a pair."""
        scores = model(self._users, torch.arange(self.train.n_items))
        return -float(scores.log_softmax(1)[self._row, self._item].mean())


@dataclass(eq=False)
class TwoTowerProblem(PositivePairs):
    """Tell what a user took from what others took; validate against all items.

    Attributes:
        train: The events to learn from; every row is a positive.
        valid: The events to validate on, with the same vocabularies.
        factors: Length of the vectors.
        batch_size: Pairs in a batch; each has ``batch_size - 1`` negatives.
        temperature: What the products are divided by.
        sparse: Whether the tables give sparse gradients.
    """

    train: Interactions
    valid: Interactions
    factors: int = 16
    batch_size: int = 256
    temperature: float = 1.0
    sparse: bool = False

    def model(self, seed: int) -> TwoTower:
        """Return a model with fresh weights drawn from a seed."""
        generator = torch.Generator().manual_seed(seed)
        n_users, n_items = self.train.n_users, self.train.n_items
        return TwoTower(n_users, n_items, self.factors, self.temperature, self.sparse, generator)
