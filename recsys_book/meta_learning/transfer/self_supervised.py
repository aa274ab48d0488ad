"""Pre-training on a log without labels: two halves of a history are two views of one thing."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

from recsys_book.optimizers.problems.tables import linear


def two_views(rows: sparse.csr_matrix, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Split every row's events at random into two views, each of unit length.

    Args:
        rows: Histories, shape (n, d); only which cells are filled counts.
        rng: Source of the split.

    Returns:
        Two dense arrays of shape (n, d), float32.
    """
    rows = rows.tocsr()
    first = rng.random(rows.nnz) < 0.5
    views = []
    for part in (first, ~first):
        view = sparse.csr_matrix((part.astype(np.float32), rows.indices, rows.indptr), rows.shape)
        dense = view.toarray()
        views.append(dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9))
    return views[0], views[1]


def contrastive_loss(a: Tensor, b: Tensor, temperature: float = 0.2) -> Tensor:
    """Return how badly the second view of a row is told from the second views of others.

    Source: Oord, Li and Vinyals (2018), "Representation Learning with Contrastive Predictive
    Coding", equation 4; with views of logs in Wu et al. (2021), "Self-supervised Graph Learning
    for Recommendation", SIGIR, equation 9.

    Args:
        a: First views, unit rows, shape (n, f).
        b: Second views of the same rows, shape (n, f).
        temperature: The smaller, the more the nearest wrong rows count.

    Returns:
        The mean loss in nats, 0-dimensional; log n if nothing is told apart.
    """
    return functional.cross_entropy(a @ b.T / temperature, torch.arange(len(a)))


class ContrastiveVectors:
    """Linear vectors of rows of a log such that two halves of a row lie together.

    Args:
        factors: Length of the vectors.
        steps: Of Adam.
        batch_size: Rows that a view has to be told from.
        rate: Of Adam.
        temperature: Of the loss.
        seed: Of weights, views and batches.

    Attributes:
        loss_: Loss of every step, shape (steps,).
    """

    def __init__(
        self,
        factors: int = 32,
        steps: int = 100,
        batch_size: int = 256,
        rate: float = 0.01,
        temperature: float = 0.2,
        seed: int = 0,
    ):
        self.factors = factors
        self.steps = steps
        self.batch_size = batch_size
        self.rate = rate
        self.temperature = temperature
        self.seed = seed

    def fit(self, rows: sparse.csr_matrix) -> ContrastiveVectors:
        """Pre-train on histories.

        Args:
            rows: Shape (n, d), for instance items by users; no labels.

        Returns:
            The fitted encoder.

        Raises:
            ValueError: If fewer than two rows have two events.
        """
        rows = sparse.csr_matrix(rows)
        usable = np.flatnonzero(np.diff(rows.indptr) >= 2)
        if len(usable) < 2:
            raise ValueError(
                f"{len(usable)} rows have two events or more; at least two such rows are needed."
            )
        rng = np.random.default_rng(self.seed)
        self.layer_ = linear(rows.shape[1], self.factors, torch.Generator().manual_seed(self.seed))
        optimizer = torch.optim.Adam(self.layer_.parameters(), lr=self.rate)
        losses = []
        for _ in range(self.steps):
            chosen = rng.permutation(usable)[: self.batch_size]
            a, b = (self._embed(torch.from_numpy(v)) for v in two_views(rows[chosen], rng))
            loss = contrastive_loss(a, b, self.temperature)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        self.loss_ = np.array(losses)
        return self

    def transform(self, rows: sparse.csr_matrix) -> np.ndarray:
        """Return the unit vectors of whole histories.

        Args:
            rows: Shape (n, d).

        Returns:
            Shape (n, factors), float64.
        """
        dense = (sparse.csr_matrix(rows) != 0).toarray().astype(np.float32)
        dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
        with torch.no_grad():
            return self._embed(torch.from_numpy(dense)).numpy().astype(float)

    def _embed(self, x: Tensor) -> Tensor:
        return functional.normalize(self.layer_(x), dim=1)
