"""AutoRec: an autoencoder of ratings that is judged on the observed cells only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from recsys_book.optimizers import Dropout
from recsys_book.optimizers.problems.batches import shuffled_batches
from recsys_book.optimizers.problems.tables import linear
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.biases import UserItemBias
from recsys_book.recommenders.neural.training import check_settings, fit_network

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def observed_loss(predictions: Tensor, values: Tensor, observed: Tensor) -> Tensor:
    """Return the mean squared error over the observed cells.

    Source: Sedhain et al. (2015), "AutoRec: Autoencoders Meet Collaborative Filtering", WWW.

    Equation: eq-autorec

    Args:
        predictions: Rebuilt rows, shape ``(batch, width)``.
        values: The rows, anything where nothing was observed, shape ``(batch, width)``.
        observed: Ones where a rating stands, zeros elsewhere, shape ``(batch, width)``.

    Returns:
        The mean over the observed cells, 0-dimensional.
    """
    return (observed * (predictions - values) ** 2).sum() / observed.sum()


class RowAutoencoder(nn.Module):
    """One hidden layer of sigmoids between a row and its reconstruction.

    Args:
        width: Length of a row.
        hidden: Number of hidden units.
        dropout: Share of the hidden units that are dropped in training.
        generator: Of the first weights.
        seed: Of the dropped units.
    """

    def __init__(
        self, width: int, hidden: int, dropout: float, generator: torch.Generator, seed: int
    ) -> None:
        super().__init__()
        self.encode = linear(width, hidden, generator)
        self.drop = Dropout(dropout, seed)
        self.decode = linear(hidden, width, generator)

    def codes(self, rows: Tensor) -> Tensor:
        """Return the hidden units of rows, shape ``(batch, hidden)``."""
        return torch.sigmoid(self.encode(rows))

    def forward(self, rows: Tensor) -> Tensor:
        """Rebuild rows, shape ``(batch, width)``."""
        return self.decode(self.drop(self.codes(rows)))


@dataclass(eq=False)
class RowProblem:
    """Rebuild rows of ratings.

    Attributes:
        values: What is left of the ratings after the biases; 0 elsewhere, shape ``(n, width)``.
        observed: Ones where a rating stands, shape ``(n, width)``.
        batch_size: Rows in a batch.
        make: From a seed to a fresh network.
    """

    values: Tensor
    observed: Tensor
    batch_size: int
    make: object

    def model(self, seed: int) -> RowAutoencoder:
        """Return a network with fresh weights drawn from a seed."""
        return self.make(seed)

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch: rows and their masks, both of shape ``(batch, width)``."""
        return shuffled_batches((self.values, self.observed), self.batch_size, seed)

    def loss(self, model: RowAutoencoder, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the mean squared error over the observed cells of a batch, 0-dimensional."""
        values, observed = batch
        return observed_loss(model(values), values, observed)

    def validate(self, model: RowAutoencoder) -> float:
        """Return 0: the number of epochs is a setting, chosen on a split of the training log."""
        return 0.0


class AutoRec(BaseRecommender):
    """Predict the ratings of a row from the row itself, through a hidden layer.

    What is rebuilt is what the user and item biases leave over, so that an empty cell, which the
    input has to fill with something, is filled with "as expected". Since the last layer is linear,
    a prediction is a product of a code and a column of weights: a factorisation whose codes are
    computed from the ratings instead of looked up.

    An unknown user or item (-1), and a user or an item without training ratings, is predicted by
    the biases alone. Predictions are clipped to the range of the training ratings.

    Source: Sedhain et al. (2015), "AutoRec: Autoencoders Meet Collaborative Filtering", WWW.

    Equation: eq-autorec

    Args:
        hidden: Number of hidden units.
        based_on: ``"item"`` to rebuild the ratings of an item, ``"user"`` those of a user.
        dropout: Share of the hidden units that are dropped in training.
        rate: Learning rate of AdamW.
        l2: Its decoupled weight decay.
        epochs: Passes over the rows.
        batch_size: Rows in a batch.
        l2_bias: Penalty of the biases.
        seed: Of weights, order and dropout.

    Attributes:
        biases_: The fitted ``UserItemBias``.
        codes_: Hidden units of each row, shape (n_rows, hidden).
        weights_: Weights of each column, shape (n_columns, hidden).
        offsets_: Constant of each column, shape (n_columns,).
        range_: Lowest and highest training rating.
    """

    def __init__(
        self,
        hidden: int = 200,
        based_on: str = "item",
        dropout: float = 0.5,
        rate: float = 0.003,
        l2: float = 1.0,
        epochs: int = 40,
        batch_size: int = 256,
        l2_bias: float = 3.0,
        seed: int = 0,
    ):
        self.hidden = hidden
        self.based_on = based_on
        self.dropout = dropout
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.l2_bias = l2_bias
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        self._check()
        log = interactions
        self.biases_ = UserItemBias(l2_user=self.l2_bias, l2_item=self.l2_bias).fit(log)
        self.range_ = (float(log.value.min()), float(log.value.max()))
        values, observed = self._rows(log)
        some = np.flatnonzero(observed.any(axis=1))
        problem = RowProblem(
            torch.as_tensor(values[some], dtype=torch.float32),
            torch.as_tensor(observed[some], dtype=torch.float32),
            self.batch_size,
            lambda seed: RowAutoencoder(
                values.shape[1],
                self.hidden,
                self.dropout,
                torch.Generator().manual_seed(seed),
                seed,
            ),
        )
        network = fit_network(problem, self.rate, self.l2, self.epochs, self.seed)
        self.codes_ = network.codes(torch.as_tensor(values)).numpy()
        self.weights_ = network.decode.weight.numpy() * observed.any(axis=0)[:, None]
        self.offsets_ = network.decode.bias.numpy() * observed.any(axis=0)
        self.codes_[~observed.any(axis=1)] = 0.0

    def _check(self) -> None:
        check_settings(
            hidden=self.hidden,
            dropout=self.dropout,
            rate=self.rate,
            l2=self.l2,
            epochs=self.epochs,
            batch_size=self.batch_size,
            l2_bias=self.l2_bias,
        )
        if self.based_on not in ("item", "user"):
            raise ValueError(f"based_on is {self.based_on!r}; use 'item' or 'user'.")

    def _rows(self, log: Interactions) -> tuple[np.ndarray, np.ndarray]:
        """What the biases leave over and where, one row an item or a user."""
        rest = log.value - self.biases_.predict(log.user, log.item)
        events = sp.csr_array(log.to_csr(1.0)).toarray()
        values = sp.csr_array(log.to_csr(rest)).toarray() / np.maximum(events, 1)
        observed = (events > 0).astype(np.float64)
        return (values.T, observed.T) if self.based_on == "item" else (values, observed)

    def predict(
        self, users: Sequence[int] | np.ndarray, items: Sequence[int] | np.ndarray
    ) -> np.ndarray:
        """Predict the ratings of pairs.

        Args:
            users: User positions, shape (n,); -1 for an unknown user.
            items: Item positions, shape (n,); -1 for an unknown item.

        Returns:
            Predicted ratings, clipped to the range of the training ratings, shape (n,).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range or the lengths differ.
        """
        users, items = self._check_pairs(users, items)
        base = self.biases_.predict(users, items)
        rows, columns = (items, users) if self.based_on == "item" else (users, items)
        codes, weights = self.codes_[rows], self.weights_[columns]
        rest = (codes * weights).sum(axis=1) + self.offsets_[columns]
        known = (users >= 0) & (items >= 0) & codes.any(axis=1)
        return np.clip(base + np.where(known, rest, 0.0), *self.range_)

    def _score(self, users: np.ndarray) -> np.ndarray:
        base = self.biases_.score(users)
        if self.based_on == "item":
            rest = self.weights_[users] @ self.codes_.T + self.offsets_[users][:, None]
            rest *= self.codes_.any(axis=1)
        else:
            rest = self.codes_[users] @ self.weights_.T + self.offsets_
        return np.clip(base + rest, *self.range_)

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return np.clip(self.biases_.score(users), *self.range_)
