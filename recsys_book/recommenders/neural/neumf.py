"""Neural collaborative filtering: a product of vectors, a network over them, and both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.optimizers.problems.batches import columns, shuffled_batches
from recsys_book.optimizers.problems.tables import linear, table
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.neural.training import check_settings, fit_network, layers

if TYPE_CHECKING:
    from recsys_book.data import Interactions

PARTS = ("gmf", "mlp", "both")
_CELLS = 1 << 18  # pairs scored at a time


def gmf(p: Tensor, q: Tensor, h: Tensor) -> Tensor:
    """Return the weighted products of users' and items' vectors.

    Source: He et al. (2017), "Neural Collaborative Filtering", WWW, equations 8 and 9.

    Equation: eq-gmf

    Args:
        p: Users' vectors, shape ``(..., factors)``.
        q: Items' vectors, shape ``(..., factors)``.
        h: Weights of the coordinates, shape ``(factors,)``; ones give the dot product.

    Returns:
        The scores before the sigmoid, shape ``(...)``.
    """
    return (p * q) @ h


class NeuMFNetwork(nn.Module):
    """A generalised product, a multi-layer network over both vectors, or the sum of the two.

    Equations: eq-gmf, eq-neumf

    Args:
        n_users: Number of users.
        n_items: Number of items.
        factors: Length of the vectors of each part.
        hidden: Widths of the network's layers.
        parts: ``"gmf"``, ``"mlp"`` or ``"both"``.
        generator: Of the first weights.
    """

    def __init__(
        self,
        n_users: int,
        n_items: int,
        factors: int,
        hidden: tuple[int, ...],
        parts: str,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.parts = parts
        self.offset = nn.Parameter(torch.zeros(()))
        if parts != "mlp":
            self.p = table(n_users, factors, 0.1, False, generator)
            self.q = table(n_items, factors, 0.1, False, generator)
            self.h = nn.Parameter(torch.ones(factors))
        if parts != "gmf":
            self.p_mlp = table(n_users, factors, 0.1, False, generator)
            self.q_mlp = table(n_items, factors, 0.1, False, generator)
            self.layers = layers([2 * factors, *hidden], generator, last=True)
            self.head = linear(hidden[-1], 1, generator)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        """Score pairs before the sigmoid.

        Args:
            user: Positions of the users, shape ``(n,)``.
            item: Positions of the items, shape ``(n,)``.

        Returns:
            The scores, shape ``(n,)``.
        """
        score = self.offset
        if self.parts != "mlp":
            score = score + gmf(self.p(user), self.q(item), self.h)
        if self.parts != "gmf":
            both = torch.cat([self.p_mlp(user), self.q_mlp(item)], dim=1)
            score = score + self.head(self.layers(both))[:, 0]
        return score


@dataclass(eq=False)
class SampledPairs:
    """Every row a positive, and with it some items drawn at random as negatives.

    An item that the user took may be drawn too: at a few percent of observed cells that is rare,
    and drawing again would cost more than it mends.

    Attributes:
        train: The log.
        make: From a seed to a fresh network.
        negatives: Items drawn for each row.
        batch_size: Rows in a batch, each with its negatives.
    """

    train: Interactions
    make: object
    negatives: int
    batch_size: int

    def model(self, seed: int) -> NeuMFNetwork:
        """Return a network with fresh weights drawn from a seed."""
        return self.make(seed)

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield one epoch: users, items and labels of 1 or 0, each of shape ``(pairs,)``."""
        generator = torch.Generator().manual_seed(seed)
        for user, item in shuffled_batches(columns(self.train, False), self.batch_size, seed):
            drawn = torch.randint(
                self.train.n_items, (len(user) * self.negatives,), generator=generator
            )
            label = torch.cat([torch.ones(len(user)), torch.zeros(len(drawn))])
            yield user.repeat(1 + self.negatives), torch.cat([item, drawn]), label

    def loss(self, model: NeuMFNetwork, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return the binary cross-entropy of a batch, 0-dimensional, in nats a pair."""
        user, item, label = batch
        return functional.binary_cross_entropy_with_logits(model(user, item), label)

    def validate(self, model: NeuMFNetwork) -> float:
        """Return 0: the number of epochs is a setting, chosen on splits of the training log."""
        return 0.0


class NeuMF(BaseRecommender):
    """Let a network judge the pair of a user's and an item's vector.

    ``parts="gmf"`` is a product with a weight for each coordinate, ``"mlp"`` a network over the two
    vectors side by side, ``"both"`` the sum of the two, each with vectors of its own. The loss is
    the binary cross-entropy of what was taken against items drawn at random. A user without history
    gets the popularity of the items; an item never seen was only ever drawn as a negative.

    Source: He et al. (2017), "Neural Collaborative Filtering", WWW.

    Equations: eq-gmf, eq-neumf

    Args:
        factors: Length of the vectors of each part.
        hidden: Widths of the network's layers.
        parts: ``"gmf"``, ``"mlp"`` or ``"both"``.
        negatives: Items drawn for each row of the log.
        rate: Learning rate of AdamW.
        l2: Its decoupled weight decay.
        epochs: Passes over the log.
        batch_size: Rows of the log in a batch.
        seed: Of weights, order and negatives.

    Attributes:
        network_: The trained network, in double precision.
    """

    def __init__(
        self,
        factors: int = 16,
        hidden: tuple[int, ...] = (32, 16),
        parts: str = "both",
        negatives: int = 4,
        rate: float = 0.01,
        l2: float = 0.1,
        epochs: int = 10,
        batch_size: int = 1024,
        seed: int = 0,
    ):
        self.factors = factors
        self.hidden = hidden
        self.parts = parts
        self.negatives = negatives
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        check_settings(
            factors=self.factors,
            negatives=self.negatives,
            rate=self.rate,
            l2=self.l2,
            epochs=self.epochs,
            batch_size=self.batch_size,
        )
        if self.parts not in PARTS:
            raise ValueError(f"parts is {self.parts!r}; use one of {', '.join(PARTS)}.")
        if self.parts != "gmf" and (not self.hidden or min(self.hidden) < 1):
            raise ValueError(f"hidden is {self.hidden!r}; give at least one width above 0.")
        problem = SampledPairs(interactions, self._network, self.negatives, self.batch_size)
        self.network_ = fit_network(problem, self.rate, self.l2, self.epochs, self.seed)

    def _network(self, seed: int) -> NeuMFNetwork:
        return NeuMFNetwork(
            len(self.users_),
            len(self.items_),
            self.factors,
            tuple(self.hidden),
            self.parts,
            torch.Generator().manual_seed(seed),
        )

    def _score(self, users: np.ndarray) -> np.ndarray:
        n_items = len(self.items_)
        every = torch.arange(n_items)
        step = max(1, _CELLS // n_items)
        parts = []
        for first in range(0, len(users), step):
            few = torch.as_tensor(users[first : first + step])
            pairs = few.repeat_interleave(n_items), every.repeat(len(few))
            parts.append(self.network_(*pairs).view(len(few), n_items))
        return torch.cat(parts).numpy()
