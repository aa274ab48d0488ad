"""Vectors whose every prefix is a good vector: one map, trained for several widths at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from recsys_book.encoders.geometry import PrincipalTruncation, checked_vectors


def matryoshka_loss(
    vectors: Tensor,
    widths: Sequence[int],
    loss: Callable[[Tensor], Tensor],
    weights: Sequence[float] | None = None,
) -> Tensor:
    """Sum a loss over the prefixes of vectors.

    Every prefix is asked to do the whole work, so the first coordinates must carry what matters
    most, the next ones what matters next.

    Source: Kusupati et al. (2022), section 3.

    Equation: eq-matryoshka.

    Args:
        vectors: Shape ``(batch, full width)``.
        widths: The lengths of the prefixes.
        loss: From prefixes, shape ``(batch, a width)``, to a 0-dimensional loss.
        weights: One a width; None weighs all alike, with 1.

    Returns:
        The weighted sum, 0-dimensional.

    Raises:
        ValueError: If there are no widths, one is out of range, or the weights are not as many.
    """
    weights = [1.0] * len(widths) if weights is None else weights
    if len(weights) != len(widths):
        raise ValueError(
            f"There are {len(weights)} weights for {len(widths)} widths: give one a width."
        )
    full = vectors.shape[1]
    if not widths or min(widths) < 1 or max(widths) > full:
        raise ValueError(
            f"The widths are {list(widths)}, but prefixes of {full} coordinates have 1 to {full}."
        )
    return torch.stack([c * loss(vectors[:, :m]) for c, m in zip(weights, widths)]).sum()


def neighbor_loss(vectors: Tensor, full: Tensor, temperature: float) -> Tensor:
    """Ask short vectors for the neighbours that the full ones have.

    Each row gives every other row of the batch a probability, a softmax of cosines; the loss is
    the cross-entropy of the short vectors' probabilities against the full ones'.

    Source: Hinton & Roweis (2002), section 2, with cosines.

    Args:
        vectors: Shape ``(batch, a width)``.
        full: Shape ``(batch, full width)``.
        temperature: What the cosines are divided by.

    Returns:
        The mean over rows, 0-dimensional.
    """
    target = _log_neighbors(full, temperature).softmax(dim=1)
    return cross_entropy(_log_neighbors(vectors, temperature), target)


def _log_neighbors(vectors: Tensor, temperature: float) -> Tensor:
    """Return cosines over temperature without each row's own, shape ``(batch, batch - 1)``."""
    vectors = normalize(vectors, dim=1)
    other = ~torch.eye(len(vectors), dtype=torch.bool)
    return ((vectors @ vectors.T) / temperature)[other].view(len(vectors), -1)


class MatryoshkaMap(nn.Module):
    """A linear map that starts as the principal directions.

    Args:
        matrix: Orthonormal columns, shape ``(full width, width)``.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.as_tensor(matrix, dtype=torch.float32))

    def forward(self, vectors: Tensor) -> Tensor:
        """Map vectors, shape ``(batch, full width)`` to ``(batch, width)``."""
        return vectors @ self.matrix

    @torch.no_grad()
    def transform(self, vectors: np.ndarray) -> np.ndarray:
        """Map an array, shape ``(n, full width)`` to ``(n, width)``, float32."""
        return self(torch.as_tensor(checked_vectors(vectors), dtype=torch.float32)).numpy()


@dataclass(eq=False)
class MatryoshkaProblem:
    """Learn a map whose every prefix keeps the neighbours of the full vectors.

    It is an ``optimizers.Problem``: train it with ``optimizers.train``.

    Attributes:
        train: Vectors to learn from, shape ``(n, full width)``.
        valid: Vectors to validate on, shape ``(m, full width)``.
        widths: The lengths of the prefixes; the largest is the width of the map.
        batch_size: Rows in a batch; each row's neighbours are sought among the others.
        temperature: What cosines are divided by; small makes only the nearest count.
        weights: Of the prefixes in the sum; None weighs all alike.
    """

    train: np.ndarray
    valid: np.ndarray
    widths: Sequence[int] = (16, 32, 64, 128)
    batch_size: int = 256
    temperature: float = 0.05
    weights: Sequence[float] | None = None
    _train: Tensor = field(init=False, repr=False)
    _valid: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._train = torch.as_tensor(checked_vectors(self.train), dtype=torch.float32)
        self._valid = torch.as_tensor(checked_vectors(self.valid), dtype=torch.float32)
        if min(len(self._train), len(self._valid), self.batch_size) < 3:
            raise ValueError(
                f"There are {len(self._train)} vectors to train on, {len(self._valid)} to validate "
                f"on and {self.batch_size} in a batch, but neighbours need at least 3 of each."
            )

    def model(self, seed: int) -> MatryoshkaMap:
        """Return the map that keeps the principal directions; the seed changes nothing."""
        return MatryoshkaMap(PrincipalTruncation(max(self.widths)).fit(self.train).matrix_)

    def batches(self, seed: int) -> Iterator[Tensor]:
        """Yield the rows once in an order drawn from the seed; a rest under 3 is left out."""
        order = torch.as_tensor(np.random.default_rng(seed).permutation(len(self._train)))
        for rows in order.split(self.batch_size):
            if len(rows) >= 3:
                yield self._train[rows]

    def loss(self, model: MatryoshkaMap, batch: Tensor) -> Tensor:
        """Return the summed loss of all prefixes on one batch, 0-dimensional."""

        def of_prefix(prefix: Tensor) -> Tensor:
            return neighbor_loss(prefix, batch, self.temperature)

        return matryoshka_loss(model(batch), self.widths, of_prefix, self.weights)

    @torch.no_grad()
    def validate(self, model: MatryoshkaMap) -> float:
        """Return the summed loss on the validation vectors, all at once."""
        return float(self.loss(model, self._valid))
