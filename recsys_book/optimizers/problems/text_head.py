"""Items known by their text: a small head over the vectors of a frozen language model."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.data import Interactions
from recsys_book.optimizers.problems.tables import linear, table
from recsys_book.optimizers.problems.two_tower import PositivePairs, Towers


class TextTower(Towers):
    """A vector for each user; an item's is computed from its text vector.

    Args:
        n_users: Number of users.
        vectors: Text vectors of the items, shape ``(n_items, width)``; frozen.
        factors: Length of the vectors that are multiplied.
        hidden: Width of a hidden layer; 0 for a linear head.
        temperature: What the products are divided by.
        sparse: Whether the users' table gives sparse gradients.
        generator: Of the first weights.
    """

    def __init__(
        self,
        n_users: int,
        vectors: Tensor,
        factors: int,
        hidden: int,
        temperature: float,
        sparse: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_items, self.temperature = len(vectors), temperature
        self.register_buffer("vectors", vectors)
        self.users = table(n_users, factors, 0.1, sparse, generator)
        width = vectors.shape[1]
        if hidden:
            layers = [linear(width, hidden, generator), nn.ReLU()]
            self.head = nn.Sequential(*layers, linear(hidden, factors, generator))
        else:
            self.head = nn.Sequential(linear(width, factors, generator))

    def item_vectors(self, item: Tensor) -> Tensor:
        """Return the head's output for some items, shape ``(batch, factors)``."""
        return self.head(self.vectors[item])


@dataclass(eq=False)
class TextHeadProblem(PositivePairs):
    """Tell what a user took from what others took, by the items' text alone.

    Attributes:
        train: The events to learn from; every row is a positive.
        valid: The events to validate on, with the same vocabularies.
        vectors: Text vectors of the items, shape ``(n_items, width)``.
        factors: Length of the vectors that are multiplied.
        hidden: Width of a hidden layer; 0 for a linear head.
        batch_size: Pairs in a batch; each has ``batch_size - 1`` negatives.
        temperature: What the products are divided by.
        sparse: Whether the users' table gives sparse gradients.
    """

    train: Interactions
    valid: Interactions
    vectors: np.ndarray
    factors: int = 16
    hidden: int = 32
    batch_size: int = 256
    temperature: float = 1.0
    sparse: bool = False

    def __post_init__(self) -> None:
        """Check and convert the vectors besides the columns."""
        super().__post_init__()
        self.vectors = torch.as_tensor(self.vectors, dtype=torch.float32)
        if self.vectors.ndim != 2 or len(self.vectors) != self.train.n_items:
            raise ValueError(
                f"The text vectors have shape {tuple(self.vectors.shape)}, but there are "
                f"{self.train.n_items} items: give one row an item, in the vocabulary's order."
            )

    def model(self, seed: int) -> TextTower:
        """Return a model with fresh weights drawn from a seed."""
        generator = torch.Generator().manual_seed(seed)
        return TextTower(
            self.train.n_users,
            self.vectors,
            self.factors,
            self.hidden,
            self.temperature,
            self.sparse,
            generator,
        )
