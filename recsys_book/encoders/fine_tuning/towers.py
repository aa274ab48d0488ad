"""Two towers over an encoder: users meet texts, and the batch provides the negatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.data import Interactions
from recsys_book.encoders.fine_tuning.problems import Adapt, ItemTower
from recsys_book.encoders.fine_tuning.trunk import Trunk
from recsys_book.encoders.layers import Linear, embedding
from recsys_book.optimizers.problems.two_tower import in_batch_softmax

Pairs = tuple[Tensor, Tensor]


def hard_negative_softmax(
    scores: Tensor, item: Tensor, log_q: Tensor, hard: Tensor, weight: float = 1.0
) -> Tensor:
    """Tell a user's own item from the batch's, and from negatives that were mined for the user.

    The corrected sum over a batch of B pairs estimates B times the sum over all items, so a mined
    item enters with ``weight * B``: at a weight of one it counts once more than it already does.

    Source: Karpukhin et al. (2020), section 3.2, for negatives besides the batch's.

    Equation: eq-hard-negatives.

    Args:
        scores: Of each user for each item of the batch, shape ``(batch, batch)``.
        item: The item in each column, shape ``(batch,)``.
        log_q: Logarithm of each item's share of the training rows, shape ``(n_items,)``.
        hard: Scores of each user for the mined items, shape ``(batch, mined)``.
        weight: What a mined item counts, above 0.

    Returns:
        The mean loss, 0-dimensional, in nats.
    """
    columns = torch.cat([scores - log_q[item], hard + np.log(weight * len(item))], dim=1)
    return functional.cross_entropy(columns, torch.arange(len(item), device=item.device))


def mine_negatives(scores: np.ndarray, train: Interactions, k: int, skip: int = 0) -> np.ndarray:
    """Return, for each user, the unseen items that a model ranks highest.

    Equation: eq-hard-negatives.

    Args:
        scores: Of all users for all items, shape ``(n_users, n_items)``; items that may not be
            mined have minus infinity.
        train: The log; what a user touched there is no negative.
        k: Negatives a user.
        skip: The first this many are left out, because they are the likeliest to be liked.

    Returns:
        Positions of items, the hardest first, shape ``(n_users, k)``, int64.

    Raises:
        ValueError: If some user has fewer unseen items.
    """
    scores = np.where(train.to_csr(1.0).toarray() > 0, -np.inf, scores)
    if np.isfinite(scores).sum(axis=1).min() < skip + k:
        raise ValueError(
            f"Some user has fewer than {skip + k} unseen items: ask for a smaller k or skip."
        )
    return np.argsort(-scores, axis=1, kind="stable")[:, skip : skip + k]


def false_negative_share(negatives: np.ndarray, held_out: Interactions) -> float:
    """Return how many of the supposed negatives the user did touch, in events kept aside.

    Users without an event that was kept aside are left out: of them nothing is known.

    Args:
        negatives: Positions of items, shape ``(n_users, k)``.
        held_out: The events kept aside.

    Returns:
        A share, from 0 to 1; it bounds the true share from below.
    """
    touched = held_out.to_csr(1.0).toarray() > 0
    known = touched.any(axis=1)
    return float(np.take_along_axis(touched, negatives, axis=1)[known].mean())


class TextTowers(nn.Module):
    """A vector for each user, and for each item a linear map of its text vector.

    Args:
        items: The tower of the texts.
        n_users: Number of users.
        factors: Width in which the towers meet.
        temperature: What the products are divided by.
        generator: Where the first weights come from.
    """

    def __init__(
        self,
        items: ItemTower,
        n_users: int,
        factors: int,
        temperature: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.items, self.temperature = items, temperature
        self.users = embedding(n_users, factors, generator, std=0.1)
        self.project = Linear(items.trunk.width, factors, generator)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        """Score every user for every item.

        Args:
            user: Positions of the users, shape ``(batch,)``.
            item: Positions of the items, shape ``(columns,)``; each different one is encoded once.

        Returns:
            The scores, shape ``(batch, columns)``.
        """
        different, place = item.unique(return_inverse=True)
        vectors = self.project(self.items(different.cpu().numpy()))[place]
        return self.users(user) @ vectors.T / self.temperature

    @torch.no_grad()
    def score(self, users: np.ndarray) -> np.ndarray:
        """Score users for all items, as ``evaluate_ranking`` wants it.

        Args:
            users: Positions of the users, shape ``(n,)``.

        Returns:
            The scores, shape ``(n, n_items)``.
        """
        vectors = self.project(torch.from_numpy(self.items.vectors()).to(self.users.weight.device))
        users = torch.as_tensor(users, device=vectors.device)
        return (self.users(users) @ vectors.T / self.temperature).cpu().numpy()


@dataclass(eq=False)
class ContrastiveProblem:
    """Tell what a user took from what others took, by text, through an encoder.

    Attributes:
        trunk: Texts of all items; behind all blocks the encoder is frozen.
        train: The events to learn from; every row is a positive.
        valid: The events to validate on.
        factors: Width in which the towers meet.
        batch_size: Pairs in a batch.
        temperature: What the products are divided by.
        adapt: Changes the fresh upper blocks before they are trained; None trains them all.
        corrected: Whether scores are lowered by the logarithm of the items' shares.
        negatives: Mined items of each user, shape ``(n_users, k)``; None for none.
        mined: How many of a user's negatives a pair meets, drawn at random.
        weight: What a mined negative counts.
        steps: Batches in an epoch; None goes through all events.
    """

    trunk: Trunk
    train: Interactions
    valid: Interactions
    factors: int = 32
    batch_size: int = 256
    temperature: float = 1.0
    adapt: Adapt | None = None
    corrected: bool = True
    negatives: np.ndarray | None = None
    mined: int = 4
    weight: float = 1.0
    steps: int | None = None

    def __post_init__(self) -> None:
        """Count the items, and turn the validation part into tensors."""
        if len(self.trunk) != self.train.n_items:
            raise ValueError(
                f"The trunk has {len(self.trunk)} texts, but there are {self.train.n_items} items: "
                "give one text an item, in the vocabulary's order."
            )
        if not len(self.train) or not len(self.valid):
            raise ValueError("There are no events to train or to validate on: make a larger split.")
        counts = np.bincount(self.train.item, minlength=self.train.n_items).clip(1)
        self.log_q = torch.tensor(np.log(counts / len(self.train)), dtype=torch.float32)
        self._candidates, column = np.unique(self.valid.item, return_inverse=True)
        self._users, row = np.unique(self.valid.user, return_inverse=True)
        self._row, self._column = torch.as_tensor(row), torch.as_tensor(column)

    def model(self, seed: int) -> TextTowers:
        """Return fresh towers over the pretrained encoder."""
        generator = torch.Generator().manual_seed(seed)
        top = self.trunk.top()
        if self.adapt is not None:
            top = self.adapt(top, generator)
        items = ItemTower(self.trunk, top)
        return TextTowers(items, self.train.n_users, self.factors, self.temperature, generator)

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Yield one epoch: users, items, and mined items ``(batch, mined)`` or None."""
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(self.train))
        if self.steps is not None:
            order = order[: self.steps * self.batch_size]
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            user, hard = self.train.user[rows], None
            if self.negatives is not None:
                drawn = rng.integers(0, self.negatives.shape[1], (len(rows), self.mined))
                hard = torch.as_tensor(self.negatives[user[:, None], drawn])
            yield torch.as_tensor(user), torch.as_tensor(self.train.item[rows]), hard

    def loss(self, model: TextTowers, batch: tuple[Tensor, Tensor, Tensor | None]) -> Tensor:
        """Return the in-batch softmax loss, with the mined negatives if there are any.

        Args:
            model: What ``model`` made.
            batch: What ``batches`` yields.

        Returns:
            The loss, 0-dimensional, in nats.
        """
        user, item, hard = batch
        log_q = self.log_q if self.corrected else torch.zeros_like(self.log_q)
        if hard is None:
            return in_batch_softmax(model(user, item), item, log_q)
        scores = model(user, torch.cat([item, hard.flatten()]))
        own, others = scores[:, : len(item)], scores[:, len(item) :]
        mine = others.view(len(user), len(user), -1).diagonal(dim1=0, dim2=1).T
        return hard_negative_softmax(own, item, log_q, mine, self.weight)

    @torch.no_grad()
    def validate(self, model: TextTowers) -> float:
        """Return the loss of the held-out pairs against the held-out items, in nats a pair."""
        scores = torch.from_numpy(model.score(self._users)[:, self._candidates])
        return -float(scores.log_softmax(1)[self._row, self._column].mean())
