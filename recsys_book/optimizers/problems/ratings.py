"""Explicit feedback: predict the stars that a user gives."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.data import Interactions
from recsys_book.optimizers.problems.batches import check_logs, columns, shuffled_batches
from recsys_book.optimizers.problems.tables import table


class BiasedFactors(nn.Module):
    """A rating as global mean, two biases and a product of factors.

    Source: Koren, Bell & Volinsky (2009), equation 4.

    Args:
        n_users: Number of users.
        n_items: Number of items.
        factors: Length of the factor vectors.
        mean: The global mean; fixed, not trained.
        sparse: Whether the tables give sparse gradients.
        generator: Of the first weights.
    """

    def __init__(
        self,
        n_users: int,
        n_items: int,
        factors: int,
        mean: float,
        sparse: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.user_factors = table(n_users, factors, 0.1, sparse, generator)
        self.item_factors = table(n_items, factors, 0.1, sparse, generator)
        self.user_bias = table(n_users, 1, 0.0, sparse, generator)
        self.item_bias = table(n_items, 1, 0.0, sparse, generator)

    def forward(self, user: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
        """Predict, and measure the weights that were looked up.

        Args:
            user: Positions of the users, shape ``(batch,)``.
            item: Positions of the items, shape ``(batch,)``.

        Returns:
            The predicted ratings, and the squared norm of the looked-up weights; both of shape
            ``(batch,)``.
        """
        p, q = self.user_factors(user), self.item_factors(item)
        b_u, b_i = self.user_bias(user).squeeze(-1), self.item_bias(item).squeeze(-1)
        norm = (p * p).sum(-1) + (q * q).sum(-1) + b_u * b_u + b_i * b_i
        return self.mean + b_u + b_i + (p * q).sum(-1), norm

    @torch.no_grad()
    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Predict ratings for ``evaluate_ratings``.

        Args:
            users: Positions of the users, shape ``(n,)``.
            items: Positions of the items, shape ``(n,)``.

        Returns:
            The predicted ratings, shape ``(n,)``.
        """
        return self(torch.as_tensor(users), torch.as_tensor(items))[0].numpy()


@dataclass(eq=False)
class RatingProblem:
    """Fit ratings by squared error; validate by RMSE, in stars.

    Attributes:
        train: The ratings to learn from.
        valid: The ratings to validate on, with the same vocabularies.
        factors: Length of the factor vectors.
        batch_size: Ratings in a batch.
        l2: Penalty on the squared norm of the weights that a rating looks up.
        sparse: Whether the tables give sparse gradients.
    """

    train: Interactions
    valid: Interactions
    factors: int = 8
    batch_size: int = 1024
    l2: float = 0.1
    sparse: bool = False
    mean: float = field(init=False)

    def __post_init__(self) -> None:
        """Turn the columns into tensors, once."""
        check_logs(self.train, self.valid)
        self.mean = float(self.train.value.mean())
        self._train = columns(self.train, values=True)
        self._valid = columns(self.valid, values=True)

    def model(self, seed: int) -> BiasedFactors:
        """Return a model with fresh weights drawn from a seed."""
        generator = torch.Generator().manual_seed(seed)
        n_users, n_items = self.train.n_users, self.train.n_items
        return BiasedFactors(n_users, n_items, self.factors, self.mean, self.sparse, generator)

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield one epoch: users, items and ratings, each of shape ``(batch,)``."""
        return shuffled_batches(self._train, self.batch_size, seed)

    def loss(self, model: BiasedFactors, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return the mean squared error plus the penalty on the looked-up weights.

        Args:
            model: What ``model`` made.
            batch: Users, items and ratings, each of shape ``(batch,)``.

        Returns:
            The loss, 0-dimensional, in squared stars.
        """
        user, item, value = batch
        predicted, norm = model(user, item)
        error = predicted - value
        return (error * error + self.l2 * norm).mean()

    @torch.no_grad()
    def validate(self, model: BiasedFactors) -> float:
        """Return the RMSE on the validation ratings, in stars."""
        user, item, value = self._valid
        return float((model(user, item)[0] - value).square().mean().sqrt())
