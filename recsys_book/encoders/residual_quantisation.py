"""Vectors as short strings of digits: each digit quantises what the digits before it left over."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy import sparse

__all__ = [
    "ResidualKMeans",
    "checked_vectors",
    "error_by_level",
    "kmeans",
    "nearest",
    "quantise",
]


def nearest(vectors: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the position of the nearest centre of each vector.

    Args:
        vectors: Shape ``(n, width)``.
        centers: Shape ``(k, width)``.

    Returns:
        Positions, int64, shape ``(n,)``; of two equally near centres the first.
    """
    # |v - c|² = |v|² - 2 v·c + |c|², and |v|² is the same for every centre.
    return np.argmin(0.5 * (centers**2).sum(axis=1) - vectors @ centers.T, axis=1)


def kmeans(
    vectors: np.ndarray, k: int, seed: int = 0, max_iter: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster vectors around ``k`` means.

    Centres start at vectors drawn with a chance that grows with the squared distance from the
    centres so far. Then each vector goes to the nearest centre, and each centre to the mean of its
    vectors, until no vector moves. A centre without vectors takes the worst-served one.

    Source: Lloyd (1982), "Least squares quantization in PCM"; the start is that of Arthur and
    Vassilvitskii (2007), "k-means++".

    Args:
        vectors: Shape ``(n, width)``.
        k: Number of centres, from 1 to the number of vectors.
        seed: Of the start.
        max_iter: Largest number of rounds.

    Returns:
        Centres of shape ``(k, width)`` and the centre of each vector, shape ``(n,)``.

    Raises:
        ValueError: If there are fewer vectors than centres.
    """
    if not 1 <= k <= len(vectors):
        raise ValueError(
            f"{k} centres were asked for {len(vectors)} vectors: ask for at least 1 and at most "
            "one a vector."
        )
    centers = _spread_start(vectors, k, np.random.default_rng(seed))
    members = nearest(vectors, centers)
    for _ in range(max_iter):
        centers = _means(vectors, members, centers)
        before, members = members, nearest(vectors, centers)
        if np.array_equal(before, members):
            break
    return centers, members


def _spread_start(vectors: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``k`` of the vectors that lie far from each other."""
    centers = [vectors[rng.integers(len(vectors))]]
    distance = ((vectors - centers[0]) ** 2).sum(axis=1)
    for _ in range(k - 1):
        total = distance.sum()
        # Where all vectors sit on centres already, any vector will do.
        p = distance / total if total > 0 else None
        centers.append(vectors[rng.choice(len(vectors), p=p)])
        distance = np.minimum(distance, ((vectors - centers[-1]) ** 2).sum(axis=1))
    return np.array(centers)


def _means(vectors: np.ndarray, members: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the mean of each centre's vectors; an empty centre moves to a badly served vector."""
    count = np.bincount(members, minlength=len(centers))
    ones, rows = np.ones(len(vectors)), np.arange(len(vectors))
    # A sparse product adds up the rows of each centre: many times faster than np.add.at.
    sums = sparse.csr_array((ones, (members, rows)), shape=(len(centers), len(vectors))) @ vectors
    means = sums / np.maximum(count, 1)[:, None]
    if empty := np.flatnonzero(count == 0).tolist():
        error = ((vectors - centers[members]) ** 2).sum(axis=1)
        means[empty] = vectors[np.argsort(-error, kind="stable")[: len(empty)]]
    return means


def quantise(vectors: np.ndarray, codebooks: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Write each vector as one digit a codebook, every digit for the rest of the one before.

    Equation: eq-residual-quantisation.

    Source: Juang and Gray (1982), "Multiple stage vector quantization for speech coding".

    Args:
        vectors: Shape ``(n, width)``.
        codebooks: One array of code words a level, each of shape ``(codes, width)``.

    Returns:
        Digits, int64, shape ``(n, levels)``, and what is left, shape ``(n, width)``.
    """
    rest, digits = vectors, []
    for words in codebooks:
        digit = nearest(rest, words)
        rest = rest - words[digit]
        digits.append(digit)
    return np.stack(digits, axis=1), rest


def error_by_level(vectors: np.ndarray, codebooks: list[np.ndarray]) -> np.ndarray:
    """Return the mean squared length of what is left after 0, 1, 2, … levels.

    Where every code word is the mean of its vectors, a level takes away exactly the mean squared
    length of the code words in use.

    Equation: eq-quantisation-error.

    Args:
        vectors: Shape ``(n, width)``.
        codebooks: One array of code words a level.

    Returns:
        Shape ``(levels + 1,)``; the first is the mean squared length of the vectors.
    """
    errors, rest = [(vectors**2).sum(axis=1).mean()], vectors
    for words in codebooks:
        _, rest = quantise(rest, [words])
        errors.append((rest**2).sum(axis=1).mean())
    return np.array(errors)


class ResidualKMeans:
    """Residual quantisation with one k-means a level.

    The vectors are centred first. The first level clusters them, the second clusters what the
    first left over, and so on.

    Args:
        levels: Number of digits.
        codes: Number of code words of every level.
        seed: Of the starts of the clusterings.

    Attributes:
        center_: Mean of the fitted vectors, shape ``(width,)``.
        codebooks_: One array of shape ``(codes, width)`` a level.
    """

    def __init__(self, levels: int = 3, codes: int = 16, seed: int = 0) -> None:
        if levels < 1:
            raise ValueError(f"levels is {levels}, but an id needs at least one digit.")
        self.levels, self.codes, self.seed = levels, codes, seed

    def fit(self, vectors: np.ndarray) -> Self:
        """Learn the codebooks.

        Args:
            vectors: Shape ``(n, width)``, at least as many as there are code words of a level.

        Returns:
            The quantiser itself.

        Raises:
            ValueError: If the vectors are no table of finite numbers, or too few.
        """
        vectors = checked_vectors(vectors)
        self.center_ = vectors.mean(axis=0)
        self.codebooks_: list[np.ndarray] = []
        rest = vectors - self.center_
        for level in range(self.levels):
            words, members = kmeans(rest, self.codes, seed=self.seed + level)
            rest = rest - words[members]
            self.codebooks_.append(words)
        return self

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """Write vectors as digits.

        Args:
            vectors: Shape ``(n, width)``; they need not be among the fitted ones.

        Returns:
            Digits from 0 to ``codes - 1``, int64, shape ``(n, levels)``.
        """
        return quantise(checked_vectors(vectors) - self.center_, self.codebooks_)[0]

    def decode(self, digits: np.ndarray) -> np.ndarray:
        """Add up the code words of some digits.

        Args:
            digits: Shape ``(n, levels)``, or fewer levels for a coarser picture.

        Returns:
            Vectors, shape ``(n, width)``.
        """
        pairs = zip(self.codebooks_, np.asarray(digits).T)
        return self.center_ + sum(words[digit] for words, digit in pairs)

    def error(self, vectors: np.ndarray) -> np.ndarray:
        """Return the mean squared error with 0, 1, … ``levels`` digits.

        Args:
            vectors: Shape ``(n, width)``.

        Returns:
            Shape ``(levels + 1,)``.
        """
        return error_by_level(checked_vectors(vectors) - self.center_, self.codebooks_)


def checked_vectors(vectors: np.ndarray) -> np.ndarray:
    """Return vectors as float64.

    Args:
        vectors: One a row.

    Returns:
        Shape ``(n, width)``.

    Raises:
        ValueError: If they are no table, or a number is not finite.
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2:
        raise ValueError(f"The vectors have shape {vectors.shape}: give one row an item.")
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise ValueError(
            f"The vector of item {bad[0]} is not finite, and {len(bad)} are in all: encode these "
            "items again before quantising."
        )
    return vectors
