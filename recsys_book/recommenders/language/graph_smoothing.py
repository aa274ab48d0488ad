"""The graph of who touched what, and what averaging over it does to vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def normalised_graph(interactions: Interactions) -> sp.csr_matrix:
    """Return the graph of users and items, each edge divided by the root of both ends' degrees.

    Source: He et al. (2020), "LightGCN", SIGIR, equation 8.

    Args:
        interactions: The log; a repeated pair counts once.

    Returns:
        Symmetric, users first and then items, shape (n_users + n_items, n_users + n_items). A node
        without an edge has a row of zeros.
    """
    X = sp.csr_matrix(interactions.to_csr(1.0))
    X.data[:] = 1.0
    graph = sp.block_array([[None, X], [X.T, None]], format="csr")
    degree = np.asarray(graph.sum(axis=1)).ravel()
    scale = np.divide(1.0, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    return sp.csr_matrix(sp.diags_array(scale) @ graph @ sp.diags_array(scale))


def smooth(graph: sp.csr_matrix, vectors: np.ndarray, layers: int) -> np.ndarray:
    """Average each node's vector with those of its neighbours, of their neighbours, and so on.

    Source: He et al. (2020), equation 4, with equal weights.

    Equation: eq-graph-smoothing.

    Args:
        graph: Normalised graph, shape (nodes, nodes).
        vectors: One vector a node, shape (nodes, width).
        layers: How many steps to go; 0 changes nothing.

    Returns:
        Shape (nodes, width).

    Raises:
        ValueError: If ``layers`` is negative.
    """
    if not layers >= 0:
        raise ValueError(f"layers is {layers}; use a number of at least 0.")
    total, step = vectors.copy(), vectors
    for _ in range(layers):
        step = graph @ step
        total += step
    return total / (layers + 1)


def roughness(graph: sp.csr_matrix, vectors: np.ndarray) -> float:
    """Return how much vectors differ along the edges, as a share of their squared length.

    0 where neighbours (after division by the root of their degrees) agree, 2 where they are
    opposite.

    Equation: eq-graph-smoothing.

    Args:
        graph: Normalised graph, shape (nodes, nodes).
        vectors: One vector a node, shape (nodes, width), not all zero.

    Returns:
        A number between 0 and 2.
    """
    return float(1 - np.sum(vectors * (graph @ vectors)) / np.sum(vectors**2))
