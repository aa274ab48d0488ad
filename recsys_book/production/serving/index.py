"""The nearest items by an index, and how much of the exact answer an approximate one finds."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsys_book.encoders import build_index


class ItemIndex:
    """Nearest items over vectors of length one, exact or by faiss's graph.

    Args:
        vectors: One vector an item, shape (n_items, width); rows are brought to length one.
        kind: ``"flat"`` (faiss, exact) or ``"hnsw"`` (a navigable graph, approximate).
        **settings: Of the kind, as ``build_index`` takes them.

    Raises:
        ValueError: If the kind is another one, or there are no vectors.
    """

    def __init__(self, vectors: np.ndarray, kind: str = "flat", **settings: Any):
        if kind not in ("flat", "hnsw"):
            raise ValueError(f"The index is of kind {kind!r}; use 'flat' (exact) or 'hnsw'.")
        vectors = np.asarray(vectors, dtype=np.float32)
        length = np.linalg.norm(vectors, axis=-1, keepdims=True)
        self.vectors = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
        self.kind = kind
        self.index = build_index(kind, self.vectors, **settings)

    def nearest(self, item: int, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the nearest other items of an item.

        Args:
            item: Its position.
            k: How many; fewer come back where the index does not have as many.

        Returns:
            Positions and cosines, each of shape (at most k,).
        """
        found, cosines = self.search(self.vectors[item][None], min(k + 1, len(self.vectors)))
        others = (found[0] != item) & (found[0] >= 0)
        return found[0][others][:k], cosines[0][others][:k]

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the k best items of each query, as ``build_index`` does."""
        return self.index.search(np.asarray(queries, dtype=np.float32), k)


def index_recall(index: ItemIndex, exact: ItemIndex, queries: np.ndarray, k: int) -> float:
    """Return the share of the exact k nearest that an index finds.

    Args:
        index: What is judged.
        exact: What is right.
        queries: Shape (n, width).
        k: Length of the lists.

    Returns:
        From 0 to 1.
    """
    found, right = index.search(queries, k)[0], exact.search(queries, k)[0]
    shared = [len(np.intersect1d(a, b)) for a, b in zip(found, right)]
    return float(np.mean(shared) / k)
