"""The indexes of faiss behind one interface: one thread, seeded, and every input looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from recsys_book.encoders.geometry import checked_vectors
from recsys_book.encoders.index_file import checked_queries

#: The settings of each kind and their defaults; ``nlist`` None is the square root of n.
KINDS: dict[str, dict[str, int | None]] = {
    "flat": {},
    "ivf": {"nlist": None, "nprobe": 4},
    "hnsw": {"M": 16, "ef_construction": 100, "ef": 64},
    "pq": {"parts": 48, "bits": 8},
    "ivf_pq": {"nlist": None, "nprobe": 4, "parts": 48, "bits": 8},
}


@dataclass(eq=False)
class FaissIndex:
    """An index of faiss; made by ``build_index``.

    Attributes:
        kind: ``"flat"``, ``"ivf"``, ``"hnsw"``, ``"pq"`` or ``"ivf_pq"``.
        settings: All settings, the defaults included.
        inner: The object of faiss.
    """

    kind: str
    settings: dict[str, int]
    inner: Any

    @classmethod
    def build(cls, kind: str, vectors: np.ndarray, settings: dict[str, Any]) -> Self:
        """Train an index and fill it; see ``build_index``."""
        vectors = np.ascontiguousarray(checked_vectors(vectors), dtype=np.float32)
        settings = _checked_settings(kind, settings, *vectors.shape)
        with _one_thread():
            inner = _MAKERS[kind](vectors.shape[1], settings)
            inner.train(vectors)
            inner.add(vectors)
        return cls(kind, settings, inner)

    @classmethod
    def restore(cls, kind: str, settings: dict[str, int], content: np.ndarray) -> Self:
        """Make an index of what ``serialized`` returned."""
        import faiss

        return cls(kind, settings, faiss.deserialize_index(content))

    def __len__(self) -> int:
        return self.inner.ntotal

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find k vectors with a large inner product.

        Args:
            queries: Shape ``(n, width)``.
            k: How many to find, at most as many as there are.

        Returns:
            Positions (int64) and scores (float32), best first and equal ones by position, each of
            shape ``(n, k)``. Where the probed part holds too few, -1 and minus infinity follow.

        Raises:
            ValueError: If the widths differ, a query is not finite, or k is out of range.
        """
        queries = checked_queries(queries, k, len(self), self.inner.d)
        if not len(queries):
            return np.empty((0, k), dtype=np.int64), np.empty((0, k), dtype=np.float32)
        with _one_thread():
            scores, items = self.inner.search(queries, k)
        scores[items < 0] = -np.inf
        order = np.lexsort((items, -scores), axis=1)
        return np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)

    def comparisons(self, queries: np.ndarray, k: int) -> float:
        """Return how many vectors (or list centres) a query is compared with, on average.

        It is the cost of a search that does not depend on the machine. A comparison with a
        ``"pq"`` code reads ``parts`` numbers from a table instead of ``width``.

        Args:
            queries: Shape ``(n, width)``, at least one.
            k: How many to find.

        Returns:
            The mean count.
        """
        import faiss

        stats = {"hnsw": faiss.cvar.hnsw_stats, "ivf": faiss.cvar.indexIVF_stats}
        counter = stats.get(self.kind.removesuffix("_pq"))
        if counter is None:
            checked_queries(queries, k, len(self), self.inner.d)
            return float(len(self))
        counter.reset()
        self.search(queries, k)
        return counter.ndis / len(queries) + self.settings.get("nlist", 0)

    def serialized(self) -> np.ndarray:
        """Return the index as faiss writes it, uint8."""
        import faiss

        return faiss.serialize_index(self.inner)

    @property
    def bytes(self) -> int:
        """How many bytes the index takes, measured by writing it out."""
        return len(self.serialized())

    @property
    def list_sizes(self) -> np.ndarray:
        """How many vectors each list of an ``"ivf"`` or ``"ivf_pq"`` holds, shape ``(nlist,)``."""
        lists = self.inner.invlists
        return np.array([lists.list_size(i) for i in range(lists.nlist)])

    @property
    def codebooks(self) -> np.ndarray:
        """The code words of a ``"pq"``, shape ``(parts, 2 ** bits, width / parts)``."""
        import faiss

        pq = self.inner.pq
        return faiss.vector_to_array(pq.centroids).reshape(pq.M, pq.ksub, pq.dsub)

    @property
    def codes(self) -> np.ndarray:
        """The code of each vector of a ``"pq"`` with 8 bits, uint8, shape ``(n, parts)``."""
        import faiss

        return faiss.vector_to_array(self.inner.codes).reshape(len(self), -1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let faiss use one thread, so that sums and graphs come out the same every time."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _flat(width: int, _: dict[str, int]) -> Any:
    """Return an empty flat index."""
    import faiss

    return faiss.IndexFlatIP(width)


def _ivf(width: int, settings: dict[str, int]) -> Any:
    """Return an empty index of inverted lists."""
    import faiss

    centers = faiss.IndexFlatIP(width)
    index = faiss.IndexIVFFlat(centers, width, settings["nlist"], faiss.METRIC_INNER_PRODUCT)
    return _with_lists(index, settings)


def _hnsw(width: int, settings: dict[str, int]) -> Any:
    """Return an empty graph."""
    import faiss

    index = faiss.IndexHNSWFlat(width, settings["M"], faiss.METRIC_INNER_PRODUCT)
    index.hnsw.rng = faiss.RandomGenerator(settings["seed"])
    index.hnsw.efConstruction = settings["ef_construction"]
    index.hnsw.efSearch = settings["ef"]
    return index


def _pq(width: int, settings: dict[str, int]) -> Any:
    """Return an empty product quantiser."""
    import faiss

    index = faiss.IndexPQ(width, settings["parts"], settings["bits"], faiss.METRIC_INNER_PRODUCT)
    _seed(index.pq.cp, settings)
    return index


def _ivf_pq(width: int, settings: dict[str, int]) -> Any:
    """Return an empty index of inverted lists of codes."""
    import faiss

    index = faiss.IndexIVFPQ(
        faiss.IndexFlatIP(width),
        width,
        settings["nlist"],
        settings["parts"],
        settings["bits"],
        faiss.METRIC_INNER_PRODUCT,
    )
    _seed(index.pq.cp, settings)
    return _with_lists(index, settings)


def _with_lists(index: Any, settings: dict[str, int]) -> Any:
    """Seed the clustering of an index of inverted lists, and set how many it looks into."""
    _seed(index.cp, settings)
    index.nprobe = settings["nprobe"]
    return index


def _seed(clustering: Any, settings: dict[str, int]) -> None:
    """Seed a clustering, and let it run on few vectors without a warning."""
    clustering.seed, clustering.min_points_per_centroid = settings["seed"], 1


_MAKERS: dict[str, Callable[[int, dict[str, int]], Any]] = {
    "flat": _flat,
    "ivf": _ivf,
    "hnsw": _hnsw,
    "pq": _pq,
    "ivf_pq": _ivf_pq,
}


def _checked_settings(kind: str, given: dict[str, Any], n: int, width: int) -> dict[str, int]:
    """Return all settings; raise if one is unknown or does not fit the vectors."""
    known = {**KINDS[kind], "seed": 0}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"Index {kind!r} has no setting {unknown[0]!r}: choose from {', '.join(known)}."
        )
    if not n:
        raise ValueError("There are no vectors to build an index over: give at least one row.")
    settings = {**known, **given}
    if settings.get("nlist", 0) is None:
        settings["nlist"] = max(1, round(n**0.5))
    if "nprobe" in settings and "nprobe" not in given and isinstance(settings["nlist"], int):
        settings["nprobe"] = max(1, min(settings["nprobe"], settings["nlist"]))
    limits = {"nlist": n, "nprobe": settings.get("nlist"), "parts": width, "bits": 8}
    for name, value in settings.items():
        _check_setting(name, value, limits.get(name))
    if "parts" in settings:
        _check_codes(settings["parts"], settings["bits"], n, width)
    return {name: int(value) for name, value in settings.items()}


def _check_setting(name: str, value: Any, high: int | None) -> None:
    """Raise unless a setting is a whole number within its limits."""
    low = {"seed": 0, "M": 2}.get(name, 1)
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        allowed = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} is {value!r}, but a whole number {allowed} is needed.")


def _check_codes(parts: int, bits: int, n: int, width: int) -> None:
    """Raise unless vectors can be cut into so many parts and learn so many code words."""
    if width % parts:
        raise ValueError(
            f"{width} coordinates cannot be cut into {parts} equal parts: set parts to a divisor."
        )
    if n < 2**bits:
        raise ValueError(
            f"{n} vectors cannot teach {2**bits} code words: set bits lower, or add vectors."
        )
