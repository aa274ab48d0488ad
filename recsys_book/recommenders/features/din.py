"""The deep interest network: what of a user's past matters depends on the item in question.

The candidate is the query; the items of the history are the keys and the values. The weights are
not normalised: a history full of relevant items gives a stronger signal than one with a single one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.optimizers import Adam, train
from recsys_book.optimizers.problems.batches import shuffled_batches
from recsys_book.optimizers.problems.tables import table
from recsys_book.recommenders.base import BaseRecommender, check_positions
from recsys_book.recommenders.features.histories import histories
from recsys_book.recommenders.features.network import perceptron
from recsys_book.recommenders.features.sampling import UnseenItems
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def din_pooling(weights: Tensor, keys: Tensor) -> Tensor:
    """Add up the vectors of the history, each times its weight for the candidate.

    Equation: eq-din

    Source: Zhou et al. (2018), "Deep Interest Network for Click-Through Rate Prediction", KDD,
    equation 3.

    Args:
        weights: Weight of each item of the history, 0 where there is none, shape
            ``(batch, length)``.
        keys: Vectors of the history, shape ``(batch, length, factors)``.

    Returns:
        The user as this candidate sees them, shape ``(batch, factors)``.
    """
    return torch.einsum("bk,bkf->bf", weights, keys)


class ActivationUnit(nn.Module):
    """A small network that says how much an item of the history bears on a candidate.

    It sees the two vectors and their product, element by element. At first it says about the same
    of every item, ``level``, and the network starts from plain averaging.

    Args:
        factors: Length of the vectors.
        hidden: Width of its hidden layer.
        level: First weight of an item.
        generator: Of the first weights.
    """

    def __init__(self, factors: int, hidden: int, level: float, generator: torch.Generator):
        super().__init__()
        self.layers = perceptron((3 * factors, hidden, 1), generator)
        nn.init.constant_(self.layers[-1].bias, level)

    def forward(self, keys: Tensor, query: Tensor) -> Tensor:
        """Return the weights, shape ``(batch, length)``.

        Args:
            keys: The history, shape ``(batch, length, factors)``.
            query: The candidates, shape ``(batch, factors)``.
        """
        query = query[:, None].expand_as(keys)
        return self.layers(torch.cat([keys, query, keys * query], -1))[..., 0]


class InterestNetwork(nn.Module):
    """Logits of candidates given histories.

    Args:
        n_items: Number of items; the table has one more row, for the empty places of a history.
        factors: Length of the vectors.
        hidden: Width of the hidden layers.
        length: Longest history.
        pooling: ``"attention"`` or ``"mean"``.
        generator: Of the first weights.
    """

    def __init__(
        self,
        n_items: int,
        factors: int,
        hidden: int,
        length: int,
        pooling: str,
        generator: torch.Generator,
    ):
        super().__init__()
        self.n_items, self.pooling = n_items, pooling
        self.items = table(n_items + 1, factors, 0.1, False, generator)
        self.bias = table(n_items + 1, 1, 0.0, False, generator)
        self.activation = ActivationUnit(factors, hidden, 1 / length, generator)
        self.top = perceptron((3 * factors, hidden, 1), generator)

    def weights(self, keys: Tensor, query: Tensor, filled: Tensor) -> Tensor:
        """Return the weight of each place of the history, shape ``(batch, length)``.

        Args:
            keys: The history, shape ``(batch, length, factors)``.
            query: The candidates, shape ``(batch, factors)``.
            filled: Which places hold an item, shape ``(batch, length)``.
        """
        if self.pooling == "mean":
            return filled / filled.sum(1, keepdim=True).clamp(min=1.0)
        return self.activation(keys, query) * filled

    def forward(self, history: Tensor, item: Tensor) -> Tensor:
        """Return the logits, shape ``(batch,)``.

        Args:
            history: Items, ``n_items`` where there is none, shape ``(batch, length)``.
            item: Candidates, shape ``(batch,)``.
        """
        filled = (history < self.n_items).float()
        keys, query = self.items(history), self.items(item)
        interest = din_pooling(self.weights(keys, query, filled), keys)
        top = self.top(torch.cat([interest, query, interest * query], 1))[:, 0]
        return top + (interest * query).sum(1) + self.bias(item)[:, 0]


@dataclass(eq=False)
class InterestProblem:
    """Tell the next item of a history from unseen ones; nothing is held out.

    Attributes:
        network: Arguments of the network: items, factors, hidden width, length, pooling.
        parts: Users, items and histories of the events.
        unseen: Draws items that a user has not seen.
        negatives: Unseen items an event.
        l2: Penalty on the squared length of the candidates' vectors.
        batch_size: Events in a batch.
    """

    network: tuple[int, int, int, int, str]
    parts: tuple[Tensor, ...]
    unseen: UnseenItems
    negatives: int
    l2: float
    batch_size: int

    def model(self, seed: int) -> InterestNetwork:
        """Return a network with fresh weights."""
        return InterestNetwork(*self.network, torch.Generator().manual_seed(seed))

    def batches(self, seed: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield one epoch: histories, candidates and targets."""
        rng = np.random.default_rng(seed)
        for user, item, history in shuffled_batches(self.parts, self.batch_size, seed):
            others = torch.as_tensor(self.unseen.draw(user.numpy(), self.negatives, rng).T.ravel())
            target = torch.zeros(len(user) * (1 + self.negatives))
            target[: len(user)] = 1.0
            yield history.repeat(1 + self.negatives, 1), torch.cat([item, others]), target

    def loss(self, model: InterestNetwork, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the logistic loss plus the penalty."""
        history, item, target = batch
        length = model.items(item).square().sum(1).mean()
        error = functional.binary_cross_entropy_with_logits(model(history, item), target)
        return error + self.l2 * length

    def validate(self, model: InterestNetwork) -> float:
        """Return 0: all events are trained on."""
        return 0.0


class DIN(BaseRecommender):
    """Rank items by a network that looks at the recent history through each candidate's eyes.

    Every event with at least one earlier event is learned from the events before it, so that no
    score is learned from the future. A user without history gets the popularity of the items.

    Equation: eq-din

    Source: Zhou et al. (2018), "Deep Interest Network for Click-Through Rate Prediction", KDD. The
    paper's data-adaptive activation function and its other fields are left out; the product of
    interest and candidate, added to the last layer, is ours and makes small data enough.

    Args:
        factors: Length of the vectors.
        hidden: Width of the hidden layers.
        length: How many of the last items the network sees.
        pooling: ``"attention"``; or ``"mean"``, which looks at all of them alike, to compare.
        rate: Of Adam.
        l2: Penalty on the squared length of the candidates' vectors.
        epochs: How often to go through the log.
        batch_size: Events in a batch.
        negatives: Unseen items an event.
        seed: Of the first weights, the order of the events and the unseen items.

    Attributes:
        network_: The trained network.
        histories_: The last items of each user, ``n_items`` where there is none, shape
            (n_users, length).
        step_loss_: Loss of each step, before it.
    """

    def __init__(
        self,
        factors: int = 16,
        hidden: int = 16,
        length: int = 20,
        pooling: str = "attention",
        rate: float = 0.003,
        l2: float = 0.001,
        epochs: int = 5,
        batch_size: int = 1024,
        negatives: int = 2,
        seed: int = 0,
    ):
        self.factors = factors
        self.hidden = hidden
        self.length = length
        self.pooling = pooling
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.negatives = negatives
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        if self.pooling not in ("attention", "mean"):
            raise ValueError(f"pooling is {self.pooling!r}; use 'attention' or 'mean'.")
        names = ("factors", "hidden", "length", "rate", "epochs", "batch_size", "negatives")
        check_above_zero(self, *names)
        check_at_least_zero(self, "l2")
        log = interactions
        before, self.histories_ = histories(log, self.length)
        rows = before[:, -1] < log.n_items
        if not rows.any():
            raise ValueError("No user has two events, so DIN has no history to learn from.")
        parts = tuple(torch.as_tensor(part[rows]) for part in (log.user, log.item, before))
        network = (log.n_items, self.factors, self.hidden, self.length, self.pooling)
        unseen = UnseenItems(self.seen_)
        problem = InterestProblem(network, parts, unseen, self.negatives, self.l2, self.batch_size)
        history = train(problem, Adam(lr=self.rate), epochs=self.epochs, seed=self.seed)
        self.network_, self.step_loss_ = history.model, history.step_loss

    @torch.no_grad()
    def _score(self, users: np.ndarray) -> np.ndarray:
        items = torch.arange(len(self.items_))
        scores = np.empty((len(users), len(items)))
        for row, user in enumerate(users):
            history = torch.as_tensor(self.histories_[user])
            history = history[history < len(items)].expand(len(items), -1)
            scores[row] = self.network_(history, items).numpy()
        return scores

    @torch.no_grad()
    def attention(self, user: int, items: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the weights of a user's last items for some candidates.

        Args:
            user: Position of the user; -1 has no history, so its weights are 0.
            items: Positions of the candidates, shape (n,).

        Returns:
            Weights, 0 where the history has no item, shape (n, length).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range, or -1 for an item.
        """
        (user,) = self._check_users([user])
        items = check_positions(items, len(self.items_), "item")
        if (items < 0).any():
            raise ValueError("An unknown item (-1) cannot look at a history; pass known items.")
        if user < 0:
            return np.zeros((len(items), self.length), dtype=np.float32)
        history = torch.as_tensor(self.histories_[user]).expand(len(items), -1)
        query = self.network_.items(torch.as_tensor(items))
        filled = (history < len(self.items_)).float()
        return self.network_.weights(self.network_.items(history), query, filled).numpy()
