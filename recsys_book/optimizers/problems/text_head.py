"""Items known by their text: a small head over the vectors of a frozen language model."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.data import Interactions
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
        self.users = nn.Embedding(n_users, factors, sparse=sparse)
        nn.init.normal_(self.users.weight, std=0.1, generator=generator)
        widths = [vectors.shape[1], *([hidden] if hidden else []), factors]
        layers: list[nn.Module] = []
        for n_in, n_out in zip(widths, widths[1:]):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
            nn.init.xavier_uniform_(layers[-2].weight, generator=generator)
            nn.init.zeros_(layers[-2].bias)
        self.head = nn.Sequential(*layers[:-1])

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
    hidden: int = 64
    batch_size: int = 512
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
