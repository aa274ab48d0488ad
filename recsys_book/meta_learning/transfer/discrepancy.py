"""How far two domains are apart: kernel means, covariances, and a classifier that tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def mmd(a: Tensor, b: Tensor, bandwidth: float = 1.0) -> Tensor:
    """Return the squared maximum mean discrepancy of two samples, with a Gaussian kernel.

    Equation: eq-domain-discrepancy

    Source: Gretton, Borgwardt, Rasch, Schölkopf and Smola (2012), "A Kernel Two-Sample Test", JMLR
    13, equation 5.

    Args:
        a: Rows of one domain, shape (n, d).
        b: Rows of the other, shape (m, d).
        bandwidth: Distance at which the kernel falls to exp(-1/2).

    Returns:
        0-dimensional, at least 0 up to rounding, and 0 for equal samples.
    """

    def mean_kernel(x: Tensor, y: Tensor) -> Tensor:
        squared = (x * x).sum(1)[:, None] + (y * y).sum(1) - 2 * x @ y.T
        return (-squared / (2 * bandwidth**2)).exp().mean()

    return mean_kernel(a, a) + mean_kernel(b, b) - 2 * mean_kernel(a, b)


def coral(a: Tensor, b: Tensor) -> Tensor:
    """Return the distance of two samples' covariances, as Deep CORAL scales it.

    Equation: eq-coral

    Source: Sun and Saenko (2016), "Deep CORAL: Correlation Alignment for Deep Domain Adaptation",
    ECCV Workshops, equations 1 to 3.

    Args:
        a: Rows of one domain, shape (n, d), n at least 2.
        b: Rows of the other, shape (m, d), m at least 2.

    Returns:
        0-dimensional, at least 0.

    Raises:
        ValueError: If a domain has fewer than two rows.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(
            f"coral got {len(a)} and {len(b)} rows; a covariance needs at least two of each domain."
        )

    def covariance(x: Tensor) -> Tensor:
        centred = x - x.mean(0)
        return centred.T @ centred / (len(x) - 1)

    return (covariance(a) - covariance(b)).square().sum() / (4 * a.shape[1] ** 2)


def proxy_distance(a: np.ndarray, b: np.ndarray, seed: int = 0, l2: float = 1.0) -> float:
    """Return how well a linear classifier tells two domains apart, as a distance from 0 to 2.

    A ridge classifier learns on one half of the rows of each domain which of them they come from;
    its balanced error on the other half is turned into a distance. An error above one half says
    that nothing was found and counts as one half.

    Source: Ben-David, Blitzer, Crammer and Pereira (2007), "Analysis of Representations for Domain
    Adaptation", NeurIPS, section 4.

    Args:
        a: Rows of one domain, shape (n, d), n at least 4.
        b: Rows of the other, shape (m, d), m at least 4.
        seed: Seed of the halves.
        l2: Ridge penalty of the classifier.

    Returns:
        The distance; 0 where the classifier guesses.

    Raises:
        ValueError: If a domain has fewer than four rows, or a number is not finite.
    """
    check_features(a, b, least=4)
    rng = np.random.default_rng(seed)
    samples = (np.asarray(a), np.asarray(b))
    halves = [np.array_split(x[rng.permutation(len(x))], 2) for x in samples]
    x = np.vstack([first for first, _ in halves])
    weight = np.concatenate([np.full(len(first), 1 / len(first)) for first, _ in halves])
    y = weight * np.repeat([1.0, -1.0], [len(first) for first, _ in halves])
    middle, scale = x.mean(axis=0), x.std(axis=0) + 1e-12

    def design(rows: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones(len(rows)), (rows - middle) / scale])

    X = design(x)
    penalty = l2 * np.diag(np.r_[0.0, np.ones(X.shape[1] - 1)]) / len(X)
    w = np.linalg.solve((X.T * weight) @ X + penalty, X.T @ y)
    errors = [np.mean(design(halves[0][1]) @ w <= 0), np.mean(design(halves[1][1]) @ w > 0)]
    return 2 * (1 - 2 * min(0.5, float(np.mean(errors))))


def target_error_bound(source_error: float, distance: float, joint_error: float) -> float:
    """Return the most that the target error can be.

    Source: Ben-David, Blitzer, Crammer, Kulesza, Pereira and Vaughan (2010), "A Theory of Learning
    from Different Domains", Machine Learning 79, theorem 2 (without its sampling terms).

    Args:
        source_error: Error of the hypothesis in the source, from 0 to 1.
        distance: Divergence of the domains, from 0 to 2.
        joint_error: Sum of both errors of the best single hypothesis for both domains.

    Returns:
        The bound; above 1 it says nothing.
    """
    return source_error + distance / 2 + joint_error


def check_features(a, b, least: int = 1) -> None:
    """Refuse samples that are empty, do not fit each other, or hold numbers that are not finite.

    Args:
        a: Rows of the source, shape (n, d).
        b: Rows of the target, shape (m, d).
        least: Rows that each needs.

    Raises:
        ValueError: If one of these is the case.
    """
    for name, x in (("source", a), ("target", b)):
        if len(x) < least:
            raise ValueError(f"The {name} has {len(x)} rows; at least {least} are needed.")
        finite = np.isfinite(np.asarray(x)).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"Row {int(np.argmin(finite))} of the {name} is not finite; drop or fill it."
            )
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"The source has {a.shape[1]} features and the target {b.shape[1]}; describe both "
            "domains by the same features."
        )
