"""The shape of a cloud of text vectors: how narrow it is, how to round it, what can be cut off."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

#: Directions whose variance is below this share of the largest are counted as empty.
EMPTY = 1e-10


def anisotropy(vectors: np.ndarray) -> float:
    """Average the cosine of all pairs of different rows.

    It is 0 for vectors that point everywhere and 1 for vectors that all point one way. The sum
    over pairs is not needed: the rows scaled to length one sum to a vector whose squared length
    is the sum of all ``n * n`` cosines, of which ``n`` are a row's with itself.

    Source: Ethayarajh (2019), section 3.

    Equation: eq-anisotropy.

    Args:
        vectors: One vector a row, shape ``(n, width)``, at least two rows.

    Returns:
        The mean cosine, between ``-1 / (n - 1)`` and 1.

    Raises:
        ValueError: If there are fewer than two rows, or a row is not finite or is zero.
    """
    n = len(vectors)
    if n < 2:
        raise ValueError(f"There are {n} vectors, but a mean over pairs needs at least two.")
    total = unit_rows(np.asarray(vectors, dtype=np.float64)).sum(axis=0)
    return float((total @ total - n) / (n * (n - 1)))


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Scale each row to length one.

    Args:
        vectors: Shape ``(n, width)``.

    Returns:
        The scaled rows in the same float type, shape ``(n, width)``.

    Raises:
        ValueError: If a row is not finite or is zero.
    """
    vectors = checked_vectors(vectors)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    zero = np.flatnonzero(lengths[:, 0] == 0)
    if len(zero):
        raise ValueError(
            f"Vector {zero[0]} is zero and has no direction: leave it out before taking cosines."
        )
    return vectors / lengths


def truncate(vectors: np.ndarray, width: int) -> np.ndarray:
    """Keep the first coordinates and scale each row back to length one.

    Args:
        vectors: Shape ``(n, full width)``.
        width: How many coordinates to keep.

    Returns:
        Rows of length one, shape ``(n, width)``.

    Raises:
        ValueError: If the width is not between 1 and the full width, or nothing of a row is left.
    """
    vectors = checked_vectors(vectors)
    _check_width(width, vectors.shape[1])
    return unit_rows(vectors[:, :width])


class _Linear:
    """What the two maps share: subtract a mean, then multiply by a matrix."""

    mean_: np.ndarray
    matrix_: np.ndarray

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        """Map vectors, those of the fit or new ones.

        Args:
            vectors: Shape ``(n, width)``.

        Returns:
            Shape ``(n, kept)``, in the float type of the input.

        Raises:
            ValueError: If nothing was fitted, the width differs, or a row is not finite.
        """
        if not hasattr(self, "matrix_"):
            raise ValueError(f"{type(self).__name__} is not fitted yet: call fit(vectors) first.")
        vectors = checked_vectors(vectors)
        if vectors.shape[1] != len(self.mean_):
            raise ValueError(
                f"The vectors have {vectors.shape[1]} coordinates, but the map was fitted on "
                f"{len(self.mean_)}: encode both with the same model."
            )
        moved = (vectors.astype(np.float64) - self.mean_) @ self.matrix_
        return moved.astype(vectors.dtype)


class Whitening(_Linear):
    """Give a cloud of vectors mean zero and the same variance in every direction.

    With covariance ``C = U diag(variances) U^T``, any ``W`` with ``W^T C W = I`` whitens.
    ``"zca"`` takes ``W = C^(-1/2) = U diag(variances)^(-1/2) U^T``, which moves the vectors least;
    ``"pca"`` takes ``W = U diag(variances)^(-1/2)``, whose columns can be cut.

    Source: Su et al. (2021), section 3; Kessy, Lewin & Strimmer (2018), section 2.

    Equation: eq-whitening.

    Args:
        kind: ``"pca"`` or ``"zca"``.
        width: How many directions to keep, those of most variance; None keeps all.
            Only ``"pca"`` can cut.
        shrinkage: Share of the mean variance that replaces that share of ``C``, from 0 to 1.
            At 1 only the centring is left, and a common factor.

    Attributes:
        mean_: Shape ``(width,)``.
        matrix_: ``W``, shape ``(width, kept)``.
        variances_: Eigenvalues of ``C`` before shrinkage, falling, shape ``(width,)``.
    """

    def __init__(self, kind: str = "pca", width: int | None = None, shrinkage: float = 0.0) -> None:
        self.kind, self.width, self.shrinkage = kind, width, shrinkage

    def fit(self, vectors: np.ndarray) -> Self:
        """Learn the mean and the matrix.

        Args:
            vectors: Shape ``(n, width)``.

        Returns:
            The map itself.

        Raises:
            ValueError: If an argument is out of range, a row is not finite, or the rows leave
                directions empty that would have to be divided by zero.
        """
        vectors = checked_vectors(vectors)
        kept = self._kept(vectors.shape[1])
        self.mean_, self.variances_, directions = _principal(vectors)
        level = self.variances_.mean()
        variances = (1 - self.shrinkage) * self.variances_ + self.shrinkage * level
        filled = int((variances > EMPTY * variances[0]).sum())
        if filled < kept:
            raise ValueError(
                f"{len(vectors)} vectors fill only {filled} of {kept} directions, and the others "
                f"cannot be scaled to variance 1: fit on more, set width to at most {filled}, or "
                "set shrinkage above 0."
            )
        matrix = directions[:, :kept] / np.sqrt(variances[:kept])
        self.matrix_ = matrix if self.kind == "pca" else matrix @ directions.T
        return self

    def _kept(self, full: int) -> int:
        """Return how many directions are kept; raise if an argument is out of range."""
        if self.kind not in ("pca", "zca"):
            raise ValueError(f"kind is {self.kind!r}: choose 'pca' or 'zca'.")
        if not 0 <= self.shrinkage <= 1:
            raise ValueError(f"shrinkage is {self.shrinkage}, but it is a share from 0 to 1.")
        if self.width is None:
            return full
        if self.kind == "zca":
            raise ValueError("A cut is asked of kind 'zca', which keeps all: choose kind 'pca'.")
        _check_width(self.width, full)
        return self.width


class PrincipalTruncation(_Linear):
    """Keep the directions of most variance: of all cuts the one that loses the least.

    Among all flat spaces of a given width, that of the leading eigenvectors has the smallest
    mean squared distance to the rows, and the distance is the sum of the eigenvalues cut off.

    Source: Eckart & Young (1936); Jolliffe (2002), section 3.

    Equation: eq-truncation-loss.

    Args:
        width: How many directions to keep.

    Attributes:
        mean_: Shape ``(full width,)``.
        matrix_: Orthonormal columns, shape ``(full width, width)``.
        variances_: All eigenvalues of the covariance, falling, shape ``(full width,)``.
    """

    def __init__(self, width: int) -> None:
        self.width = width

    def fit(self, vectors: np.ndarray) -> Self:
        """Learn the mean and the directions.

        Args:
            vectors: Shape ``(n, full width)``.

        Returns:
            The map itself.

        Raises:
            ValueError: If the width is not between 1 and the full width, or a row is not finite.
        """
        vectors = checked_vectors(vectors)
        _check_width(self.width, vectors.shape[1])
        self.mean_, self.variances_, directions = _principal(vectors)
        self.matrix_ = directions[:, : self.width]
        return self

    @property
    def lost_share_(self) -> float:
        """The share of the variance of the fitted rows that was cut off."""
        return lost_share(self.variances_, self.width)

    def restore(self, cut: np.ndarray) -> np.ndarray:
        """Map cut vectors back into the full space.

        Args:
            cut: Shape ``(n, width)``.

        Returns:
            Shape ``(n, full width)``.
        """
        return cut @ self.matrix_.T + self.mean_


def lost_share(variances: np.ndarray, width: int) -> float:
    """Return the share of the variance that a cut after ``width`` directions loses.

    Equation: eq-truncation-loss.

    Args:
        variances: Eigenvalues of the covariance, falling, shape ``(full width,)``.
        width: How many are kept.

    Returns:
        The sum of the others over the sum of all, from 0 to 1.

    Raises:
        ValueError: If the width is out of range, or all variances are zero.
    """
    _check_width(width, len(variances))
    total = variances.sum()
    if not total > 0:
        raise ValueError("All vectors are the same, so there is no variance of which to lose any.")
    return float(variances[width:].sum() / total)


def _principal(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, variances (falling) and directions (columns, each with a fixed sign)."""
    if len(vectors) < 2:
        raise ValueError(f"There are {len(vectors)} vectors, but a covariance needs at least two.")
    vectors = vectors.astype(np.float64)
    mean = vectors.mean(axis=0)
    centered = vectors - mean
    variances, directions = np.linalg.eigh(centered.T @ centered / len(vectors))
    variances, directions = variances[::-1].clip(min=0), directions[:, ::-1]
    largest = np.abs(directions).argmax(axis=0)
    signs = np.sign(directions[largest, np.arange(len(largest))])
    return mean, variances, directions * signs


def _check_width(width: int, full: int) -> None:
    """Raise unless so many coordinates can be kept."""
    if not 1 <= width <= full:
        raise ValueError(f"width is {width}, but the vectors have 1 to {full} coordinates to keep.")


def checked_vectors(vectors: Any, name: str = "vectors") -> np.ndarray:
    """Return vectors as a float array of two dimensions.

    Args:
        vectors: Anything that NumPy reads as numbers.
        name: What the error calls them.

    Returns:
        float32 stays float32, all else becomes float64, shape ``(n, width)``.

    Raises:
        ValueError: If there are not two dimensions, or a row is not finite; it names the first.
    """
    vectors = np.asarray(vectors)
    vectors = vectors if vectors.dtype == np.float32 else vectors.astype(np.float64)
    if vectors.ndim != 2:
        raise ValueError(
            f"The {name} have shape {vectors.shape}, but (n, width) is needed: give one vector a "
            "row, and a single one as vector[None]."
        )
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise ValueError(
            f"Row {bad[0]} of the {name} is not finite, and {len(bad)} are in all: encode these "
            "texts again."
        )
    return vectors
