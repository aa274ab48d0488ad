"""How alike two users or two items are, and who the nearest are, without a square table.

The functions of two vectors are the equations of the chapter, a few lines each. ``nearest`` applies
them to all rows of a sparse matrix, a row at a time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp

__all__ = [
    "adjusted_cosine",
    "bm25_weight",
    "cosine_similarity",
    "euclidean_similarity",
    "inverse_frequency",
    "jaccard",
    "nearest",
    "pearson",
    "shrunk",
    "significance_weighted",
    "tfidf_weight",
    "user_mean_centred",
]

_CHUNK = 256  # rows that a thread takes at a time

#: Measures over whole vectors; an absent event is a zero.
WHOLE = ("cosine", "jaccard", "tfidf", "bm25", "product")
#: Measures over what both have in common; they read the values.
COMMON = ("adjusted_cosine", "pearson")


def user_mean_centred(R: sp.csr_matrix) -> sp.csr_matrix:
    """Subtract from every rating the mean of the ratings of its user.

    Equation: eq-user-mean-centred

    Args:
        R: Ratings, sparse (n_users, n_items); an absent entry is unknown.

    Returns:
        The centred ratings with the entries of R (a centred value may be zero), float64.
    """
    R = sp.csr_matrix(R, dtype=np.float64, copy=True)
    n = np.diff(R.indptr)
    total = np.add.reduceat(np.r_[R.data, 0.0], R.indptr[:-1]) * (n > 0)
    R.data -= np.repeat(total / np.maximum(n, 1), n)
    return R


def cosine_similarity(x: np.ndarray, y: np.ndarray) -> float:
    """Return the cosine of the angle between two vectors, from -1 to 1; 0 for a vector of zeros.

    Equation: eq-cosine-similarity

    Args:
        x: A vector, shape (n,).
        y: Another, shape (n,).
    """
    length = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / length) if length > 0 else 0.0


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Return the correlation of two people's ratings over what both have rated.

    Equation: eq-pearson

    Source: Resnick et al. (1994), "GroupLens", CSCW.

    Args:
        x: Ratings with NaN where there is none, shape (n,).
        y: Likewise, shape (n,).

    Returns:
        A number from -1 to 1; 0 without two common ratings, or where one side does not vary.
    """
    both = ~(np.isnan(x) | np.isnan(y))
    if both.sum() < 2:
        return 0.0
    return cosine_similarity(x[both] - x[both].mean(), y[both] - y[both].mean())


def adjusted_cosine(x: np.ndarray, y: np.ndarray, user_means: np.ndarray) -> float:
    """Return the cosine of two items' ratings minus their users' means, over common users.

    Equation: eq-adjusted-cosine

    Source: Sarwar et al. (2001), "Item-Based Collaborative Filtering", WWW.

    Args:
        x: One rating of an item per user, NaN where there is none, shape (n_users,).
        y: Likewise for the other item, shape (n_users,).
        user_means: Mean of all ratings of each user, shape (n_users,).

    Returns:
        A number from -1 to 1; 0 without a common user.
    """
    both = ~(np.isnan(x) | np.isnan(y))
    return cosine_similarity((x - user_means)[both], (y - user_means)[both])


def jaccard(x: np.ndarray, y: np.ndarray) -> float:
    """Return the size of the intersection of two sets over the size of their union.

    Equation: eq-jaccard

    Args:
        x: Ones and zeros (or booleans), shape (n,).
        y: Likewise, shape (n,).
    """
    union = np.count_nonzero((x != 0) | (y != 0))
    return np.count_nonzero((x != 0) & (y != 0)) / union if union else 0.0


def euclidean_similarity(x: np.ndarray, y: np.ndarray) -> float:
    """Turn a distance into a similarity, 1 / (1 + distance): 1 for equal vectors, towards 0 apart.

    Args:
        x: A vector, shape (n,).
        y: Another, shape (n,).
    """
    return float(1 / (1 + np.linalg.norm(np.asarray(x) - np.asarray(y))))


def shrunk(similarity: np.ndarray, evidence: np.ndarray, shrinkage: float) -> np.ndarray:
    """Pull similarities towards zero, the more the less evidence they rest on.

    Equation: eq-shrinkage

    Args:
        similarity: Similarities, any shape.
        evidence: Common ratings behind each, same shape.
        shrinkage: Evidence at which a similarity is halved, at least 0.
    """
    evidence = np.asarray(evidence, dtype=np.float64)
    weight = np.divide(
        evidence, evidence + shrinkage, out=np.zeros_like(evidence), where=evidence > 0
    )
    return np.asarray(similarity) * weight


def significance_weighted(
    similarity: np.ndarray, common: np.ndarray, threshold: float
) -> np.ndarray:
    """Scale similarities by min(common, threshold) / threshold: full trust from the threshold on.

    Source: Herlocker et al. (1999), "An Algorithmic Framework for Performing Collaborative
    Filtering", SIGIR.

    Args:
        similarity: Similarities, any shape.
        common: Common ratings behind each, same shape.
        threshold: Number of common ratings that is enough, above 0.
    """
    return np.asarray(similarity) * np.minimum(common, threshold) / threshold


def inverse_frequency(A: sp.csr_matrix) -> np.ndarray:
    """Return ln(rows / (1 + entries of the column)): what is found everywhere says little.

    Args:
        A: Rows by features, sparse (n_rows, n_features).

    Returns:
        One weight a feature, shape (n_features,).
    """
    return np.log(A.shape[0]) - np.log1p(np.bincount(A.indices, minlength=A.shape[1]))


def tfidf_weight(A: sp.csr_matrix) -> sp.csr_matrix:
    """Weight entries by the root of their value times the inverse frequency of their column.

    Args:
        A: Rows by features, sparse (n_rows, n_features), entries at least 0.

    Returns:
        The weighted matrix, with the entries of A.
    """
    A = sp.csr_matrix(A, dtype=np.float64, copy=True)
    A.data = np.sqrt(A.data) * inverse_frequency(A)[A.indices]
    return A


def bm25_weight(A: sp.csr_matrix, k1: float = 1.2, b: float = 0.75) -> sp.csr_matrix:
    """Weight entries by BM25: saturating in the value, discounted for long rows, rare columns up.

    Equation: eq-bm25-weight

    Source: Robertson and Zaragoza (2009), "The Probabilistic Relevance Framework: BM25 and Beyond",
    Foundations and Trends in Information Retrieval 3(4).

    Args:
        A: Rows by features, sparse (n_rows, n_features), entries at least 0.
        k1: Where a larger value stops counting for more, at least 0.
        b: How much of a row's length is discounted, 0 to 1.

    Returns:
        The weighted matrix, with the entries of A.
    """
    A = sp.csr_matrix(A, dtype=np.float64, copy=True)
    length = np.asarray(A.sum(axis=1)).ravel()
    relative = 1 - b + b * length / length.mean()
    x, row = A.data, np.repeat(np.arange(A.shape[0]), np.diff(A.indptr))
    A.data = x * (k1 + 1) / (k1 * relative[row] + x) * inverse_frequency(A)[A.indices]
    return A


def nearest(
    A: sp.csr_matrix,
    k: int,
    similarity: str = "cosine",
    shrinkage: float = 0.0,
    significance: float = 0.0,
    min_common: int = 1,
    alpha: float = 0.5,
    k1: float = 1.2,
    b: float = 0.75,
    scale: tuple[np.ndarray, np.ndarray] | None = None,
    threads: int = 1,
) -> sp.csr_matrix:
    """Return the k most similar other rows of each row of a sparse matrix.

    Only positive similarities are kept. Ties go to the lower position. Memory is that of the answer
    and of one row; the number of threads does not change a bit of the answer.

    Args:
        A: Rows to compare, by features, sparse (n, n_features): items by users, or users by items.
        k: Neighbours to keep, at least 1.
        similarity: One of ``WHOLE`` (absent is zero; ``"bm25"`` and ``"product"`` are plain inner
            products) or ``COMMON`` (over common features only;
            ``"adjusted_cosine"`` expects values that are centred already).
        shrinkage: Added to the denominator of a whole-vector cosine or Jaccard; for the common
            measures the number of common features that halves a similarity.
        significance: Common features from which a similarity counts in full; 0 for no such weight.
        min_common: Fewer common features than this make no neighbours (common measures only).
        alpha: Cosine only: the denominator is ``n_row ** (2 - 2 alpha) * n_other ** (2 alpha)`` of
            the lengths n; 0.5 is the cosine, less favours popular others.
        k1: See ``bm25_weight``.
        b: See ``bm25_weight``.
        scale: ``"product"`` only: what divides the inner product, a factor of the row and one of
            the other, two arrays of shape (n,); None divides by nothing.
        threads: Rows are shared among so many threads.

    Returns:
        Similarities, sparse (n, n), at most k a row, columns sorted.

    Raises:
        ValueError: If a setting is out of range or the similarity unknown.
    """
    _check(k, similarity, shrinkage, significance, min_common, threads)
    A = sp.csr_matrix(A, dtype=np.float64)
    if similarity in COMMON:
        from recsys_book.recommenders.similarity_kernels import common_neighbors

        settings = (similarity == "pearson", float(shrinkage), float(significance), min_common)
        return _by_rows(common_neighbors, A, settings, k, threads)
    from recsys_book.recommenders.similarity_kernels import product_neighbors

    A, left, right = _weighted(A, similarity, alpha, k1, b)
    if scale is not None and similarity == "product":
        left, right = (np.asarray(side, dtype=np.float64) for side in scale)
    A.eliminate_zeros()
    # Counts are exact in single precision, and half as many bytes keep more of a row in the cache.
    counting = bool((A.data == 1.0).all()) and A.shape[1] < 1 << 24
    kind = np.float32 if counting else np.float64

    def kernel(first: int, last: int, rows: tuple, columns: tuple, *rest) -> None:
        room, ones = np.zeros(A.shape[0], kind), np.full(1, counting, kind)
        product_neighbors(first, last, rows, columns, room, ones, left, right, *rest)

    settings = (float(shrinkage), float(significance), similarity == "jaccard")
    return _by_rows(kernel, A, settings, k, threads)


def _weighted(A, similarity, alpha, k1, b):
    """Weight a matrix, and return the two sides of the denominator."""
    if similarity == "tfidf":
        A = tfidf_weight(A)
    if similarity == "bm25":
        A = bm25_weight(A, k1, b)
    if similarity in ("bm25", "product"):
        return A, np.ones(A.shape[0]), np.ones(A.shape[0])
    if similarity == "jaccard":
        A = sp.csr_matrix((np.ones(A.nnz), A.indices, A.indptr), A.shape)
    squares = np.asarray(A.multiply(A).sum(axis=1)).ravel()
    if similarity == "jaccard":
        return A, squares, squares
    return A, squares ** (1 - alpha), squares**alpha


def _by_rows(kernel, A: sp.csr_matrix, settings: tuple, k: int, threads: int) -> sp.csr_matrix:
    """Run a kernel over chunks of rows and pack what it kept."""
    n = A.shape[0]
    k = min(k, n)
    T = A.T.tocsr()
    rows, columns = (A.indptr, A.indices, A.data), (T.indptr, T.indices, T.data)
    ids, values, counts = np.empty((n, k), np.int32), np.empty((n, k)), np.zeros(n, np.int64)
    starts = range(0, n, _CHUNK)

    def work(first: int) -> None:
        last = min(first + _CHUNK, n)
        kernel(first, last, rows, columns, *settings, k, ids, values, counts)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, starts))
    kept = np.arange(k) < counts[:, None]
    indptr = np.r_[0, np.cumsum(counts)]
    found = sp.csr_matrix((values[kept], ids[kept], indptr), (n, n))
    found.sort_indices()
    return found


def _check(k, similarity, shrinkage, significance, min_common, threads) -> None:
    if similarity not in WHOLE + COMMON:
        raise ValueError(
            f"similarity is {similarity!r}; use one of {', '.join(sorted(WHOLE + COMMON))}."
        )
    if not k >= 1:
        raise ValueError(f"k is {k}; keep at least 1 neighbour.")
    for name, value in (("shrinkage", shrinkage), ("significance", significance)):
        if not value >= 0:
            raise ValueError(f"{name} is {value}; use a number of at least 0.")
    if significance and similarity in ("tfidf", "bm25", "product"):
        raise ValueError(
            f"significance counts common events, which {similarity} does not keep; "
            "set significance to 0 or use cosine."
        )
    if not (min_common >= 1 and threads >= 1):
        raise ValueError(
            f"min_common is {min_common} and threads {threads}; both must be at least 1."
        )
