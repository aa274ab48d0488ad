"""Finding the nearest vectors: by looking at all of them, or at a few well-chosen ones."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from recsys_book.encoders.faiss_index import KINDS, FaissIndex
from recsys_book.encoders.geometry import checked_vectors
from recsys_book.encoders.index_file import checked_queries, read_index, write_index


class Index(Protocol):
    """What every index can do."""

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions and the scores of the k best vectors of each query."""
        ...

    def comparisons(self, queries: np.ndarray, k: int) -> float:
        """Return how many vectors a query is compared with, on average."""
        ...

    @property
    def bytes(self) -> int:
        """How many bytes the index takes."""
        ...


def build_index(kind: str, vectors: np.ndarray, **settings: Any) -> ExactIndex | FaissIndex:
    """Build an index over vectors; the score is the inner product.

    On rows of length one the inner product is the cosine. Kinds and settings, with what they
    are by default: ``"exact"`` (ours; ``block=4096``), ``"flat"`` (none), ``"ivf"``
    (``nlist=`` square root of n, ``nprobe=4``), ``"hnsw"`` (``M=16`` links a
    node, ``ef_construction=100``, ``ef=64``), ``"pq"`` (``parts=48``, ``bits=8``) and
    ``"ivf_pq"`` (those of both). All but the first are faiss's, on one thread and seeded, so that
    the same vectors and ``seed=0`` give the same index.

    Args:
        kind: One of the kinds.
        vectors: Shape ``(n, width)``, at least one row; kept as float32.
        **settings: Of the kind, see above.

    Returns:
        The index.

    Raises:
        ValueError: If the kind or a setting is unknown or out of range, there are no vectors, or
            one is not finite.
    """
    if kind == "exact":
        return ExactIndex(vectors, **settings)
    if kind not in KINDS:
        raise ValueError(f"No index is called {kind!r}: choose one of exact, {', '.join(KINDS)}.")
    return FaissIndex.build(kind, vectors, settings)


class ExactIndex:
    """Every vector is looked at: slow, and never wrong.

    Equal scores are ordered by position, the lower one first. Sums are taken in float64 and
    rounded to the twelfth digit, so that equal vectors have equal scores wherever they stand.

    Args:
        vectors: Shape ``(n, width)``, at least one row; kept as float32.
        block: How many vectors are multiplied at a time.

    Raises:
        ValueError: If there are no vectors, or one is not finite.
    """

    kind = "exact"

    def __init__(self, vectors: np.ndarray, block: int = 4096) -> None:
        vectors = checked_vectors(vectors)
        if not len(vectors):
            raise ValueError("There are no vectors to build an index over: give at least one row.")
        if block < 1:
            raise ValueError(f"block is {block}, but at least one vector is multiplied at a time.")
        self.vectors, self.block = np.ascontiguousarray(vectors, dtype=np.float32), block

    def __len__(self) -> int:
        return len(self.vectors)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the k vectors with the largest inner product.

        Args:
            queries: Shape ``(n, width)``.
            k: How many to find, at most as many as there are.

        Returns:
            Positions (int64) and scores (float32), best first, each of shape ``(n, k)``.

        Raises:
            ValueError: If the widths differ, a query is not finite, or k is out of range.
        """
        queries = checked_queries(queries, k, *self.vectors.shape)
        items = np.empty((len(queries), k), dtype=np.int64)
        best = np.empty((len(queries), k), dtype=np.float32)
        for start in range(0, len(queries), self.block):
            scores = self._scores(queries[start : start + self.block].astype(np.float64))
            for row, values in enumerate(scores, start):
                items[row] = top_k(values, k)
                best[row] = values[items[row]]
        return items, best

    def _scores(self, queries: np.ndarray) -> np.ndarray:
        """Return all inner products, rounded, shape ``(n queries, n vectors)``."""
        scores = np.empty((len(queries), len(self)))
        for start in range(0, len(self), self.block):
            part = self.vectors[start : start + self.block].astype(np.float64)
            scores[:, start : start + len(part)] = queries @ part.T
        largest = np.abs(scores).max(initial=1.0)
        return scores.round(12 - int(np.ceil(np.log10(largest))), out=scores)

    def comparisons(self, queries: np.ndarray, k: int) -> float:
        """Return how many vectors a query is compared with: all."""
        checked_queries(queries, k, *self.vectors.shape)
        return float(len(self))

    @property
    def bytes(self) -> int:
        """How many bytes the index takes: those of its vectors."""
        return self.vectors.nbytes


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the positions of the k largest scores, best first, equal ones by position.

    Args:
        scores: Shape ``(n,)``.
        k: From 1 to n.

    Returns:
        Positions, int64, shape ``(k,)``.
    """
    threshold = np.partition(scores, -k)[-k]
    reached = np.flatnonzero(scores >= threshold)
    return reached[np.argsort(-scores[reached], kind="stable")[:k]]


def recall(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return the share of the true neighbours that were found, for each query.

    Equation: eq-ann-recall.

    Args:
        found: Positions that an index returned, -1 where it found too few, shape ``(n, k)``.
        exact: Positions that the exact search returned, shape ``(n, k)``.

    Returns:
        Recall at k, shape ``(n,)``, each from 0 to 1.

    Raises:
        ValueError: If the shapes differ or have no entries.
    """
    found, exact = np.asarray(found), np.asarray(exact)
    if found.shape != exact.shape or found.ndim != 2 or not exact.size:
        raise ValueError(
            f"found has shape {found.shape} and exact {exact.shape}, but both need the same "
            "(queries, k): search both indexes with the same queries and k."
        )
    return np.array([np.isin(truth, got).mean() for got, truth in zip(found, exact)])


def save_index(index: ExactIndex | FaissIndex, path: Any) -> None:
    """Write an index to a file, which appears whole or not at all.

    Args:
        index: What ``build_index`` returned.
        path: Of the file; its folder must exist.
    """
    if isinstance(index, ExactIndex):
        write_index(path, "exact", {"block": index.block}, index.vectors)
    else:
        write_index(path, index.kind, index.settings, index.serialized())


def load_index(path: Any) -> ExactIndex | FaissIndex:
    """Read an index that ``save_index`` wrote.

    Args:
        path: Of the file.

    Returns:
        The index, with the same answers.

    Raises:
        ValueError: If there is no such file, it is of something else, or its content was changed.
    """
    kind, settings, content = read_index(path)
    if kind == "exact":
        return ExactIndex(content, **settings)
    return FaissIndex.restore(kind, settings, content)
