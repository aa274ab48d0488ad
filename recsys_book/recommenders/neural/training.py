"""What the neural recommenders share: batches, one training run, and plain checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from recsys_book.optimizers import AdamW
from recsys_book.optimizers import train as train_problem
from recsys_book.optimizers.problems.batches import shuffled_batches


def fit_network(problem: Any, rate: float, l2: float, epochs: int, seed: int) -> nn.Module:
    """Train a problem's model with AdamW, and return it ready to answer.

    Training runs in single precision. The network that comes back is in double precision, so that
    its answer for a user does not depend on who else is asked about in the same call.

    Args:
        problem: A problem as ``recsys_book.optimizers.train`` wants it.
        rate: Learning rate.
        l2: Decoupled weight decay.
        epochs: How often to go through the training data.
        seed: Of the first weights and of the order.

    Returns:
        The network, without gradients, in evaluation mode.

    Raises:
        ValueError: If training diverged.
    """
    history = train_problem(problem, AdamW(lr=rate, weight_decay=l2), epochs=epochs, seed=seed)
    if history.diverged:
        raise ValueError(
            f"Training diverged in epoch {len(history.epoch_validation) - 1}: "
            f"use a rate below {rate}."
        )
    return history.model.eval().requires_grad_(False).double()


def check_settings(**settings: float) -> None:
    """Refuse settings that no network can be trained with.

    Args:
        **settings: Names and values. ``l2``, ``beta`` and ``anneal`` may be 0, ``dropout`` must be
            in [0, 1), all others must be above 0.

    Raises:
        ValueError: If one is out of range, with its name.
    """
    for name, value in settings.items():
        if name == "dropout":
            if not 0 <= value < 1:
                raise ValueError(f"dropout is {value}; use a share in [0, 1).")
        elif name in ("l2", "beta", "anneal"):
            if not value >= 0:
                raise ValueError(f"{name} is {value}; use a number of at least 0.")
        elif not value > 0:
            raise ValueError(f"{name} is {value}; use a number above 0.")


def check_features(name: str, features: np.ndarray, n_items: int) -> np.ndarray:
    """Return item features as float32 after checking rows and values.

    Args:
        name: What to call them in the message.
        features: One row an item, shape (n_items, ...).
        n_items: Number of items in the log.

    Returns:
        The features, float32, of the same shape.

    Raises:
        ValueError: If they have another number of rows, or a value is not finite.
    """
    features = np.asarray(features, dtype=np.float32)
    if features.ndim < 2 or len(features) != n_items:
        raise ValueError(
            f"{name} has shape {features.shape} but the log knows {n_items} items; "
            "pass one row of features for every item of the vocabulary."
        )
    if not np.isfinite(features).all():
        row = int(np.argwhere(~np.isfinite(features))[0, 0])
        raise ValueError(f"{name} is not finite in row {row}; fill or drop such values first.")
    return features


def layers(sizes: list[int], generator: torch.Generator, last: bool = False) -> nn.Sequential:
    """Return linear layers with a ReLU after each.

    Args:
        sizes: Widths, from the input to the output.
        generator: Of the first weights (Glorot's uniform ones; biases are zero).
        last: Whether the last layer has a ReLU too.

    Returns:
        The network; nothing but its input if there is one size only.
    """
    from recsys_book.optimizers.problems.tables import linear

    parts: list[nn.Module] = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        parts += [linear(n_in, n_out, generator), nn.ReLU()]
    return nn.Sequential(*(parts if last else parts[:-1]))


def multinomial_loss(logits: Tensor, rows: Tensor) -> Tensor:
    """Return minus the log-likelihood of each user's items under a softmax over all items.

    Args:
        logits: Scores, shape ``(batch, n_items)``.
        rows: What each user took, counts or weights, shape ``(batch, n_items)``.

    Returns:
        The mean over the users, 0-dimensional, in nats.
    """
    return -(rows * logits.log_softmax(dim=1)).sum(dim=1).mean()


@dataclass(eq=False)
class UserRows:
    """A problem whose batches are users with everything they took; subclasses add model and loss.

    Attributes:
        users: Positions of the users with at least one event, int64, shape ``(n,)``.
        rows: What they took, float32, shape ``(n, n_items)``.
        batch_size: Users in a batch.
    """

    users: Tensor
    rows: Tensor
    batch_size: int

    def batches(self, seed: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield one epoch: users of shape ``(batch,)`` and rows of shape ``(batch, n_items)``."""
        return shuffled_batches((self.users, self.rows), self.batch_size, seed)

    def validate(self, model: nn.Module) -> float:
        """Return 0: the number of epochs is a setting here, chosen on splits of the training log.

        ``recsys_book.optimizers.train`` asks after every epoch.
        """
        return 0.0


def dense_rows(matrix: sp.csr_matrix) -> tuple[Tensor, Tensor]:
    """Return the users that have events, and their rows as a dense tensor.

    Args:
        matrix: Users by items, sparse.

    Returns:
        Positions of the users, int64, and rows, float32, of shape ``(n, n_items)``.
    """
    users = np.flatnonzero(np.diff(matrix.indptr))
    rows = torch.as_tensor(matrix[users].toarray(), dtype=torch.float32)
    return torch.as_tensor(users), rows
