"""What the factor models of unary feedback read, and how they score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp


class Pattern(NamedTuple):
    """Which columns each row has seen, and how often: what a compiled half-step reads.

    Attributes:
        indptr: Where each row's entries start, int64 (n_rows + 1,).
        indices: Columns, int32 (entries,).
        weights: How often, float32: (entries,), or (1,) if all are the same.
    """

    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, R: sp.csr_matrix) -> Pattern:
        """Take the parts of a sparse matrix; one weight is kept if all are equal."""
        data = R.data[:1] if len(R.data) and (R.data == R.data[0]).all() else R.data
        return cls(
            R.indptr.astype(np.int64),
            R.indices.astype(np.int32, copy=False),
            data.astype(np.float32),
        )

    def transposed(self, n_columns: int) -> Pattern:
        """Return the pattern of the columns; equal weights cost no memory."""
        same = len(self.weights) == 1
        data = np.ones(len(self.indices), np.int8) if same else self.weights
        shape = (len(self.indptr) - 1, n_columns)
        columns = sp.csr_matrix((data, self.indices, self.indptr), shape=shape).tocsc()
        return Pattern(
            columns.indptr.astype(np.int64),
            columns.indices.astype(np.int32, copy=False),
            self.weights if same else columns.data,
        )


def factor_scores(P: np.ndarray, Q: np.ndarray, item_bias: np.ndarray | None = None) -> np.ndarray:
    """Return the inner products of user and item factors, plus the items' biases.

    Args:
        P: User factors, shape (n, f).
        Q: Item factors, shape (n_items, f).
        item_bias: None, or shape (n_items,).

    Returns:
        Scores, float64, shape (n, n_items).
    """
    scores = P.astype(np.float64) @ Q.astype(np.float64).T
    return scores if item_bias is None else scores + item_bias
