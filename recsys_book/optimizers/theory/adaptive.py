"""Quantities behind the adaptive rules: what a derivation ends in, to be compared with a run."""

import torch
from torch import Tensor


def diagonal_bound(gradients: Tensor, stiffness: Tensor, width: float = 1.0) -> Tensor:
    """Bound the regret of gradient descent with a fixed rate for each coordinate.

    Half of ``stiffness * width**2``, plus half of the squared gradients over ``stiffness``,
    summed over the coordinates.

    Source: Duchi, Hazan & Singer (2011), section 1.

    Args:
        gradients: One gradient a row, shape (T, d).
        stiffness: One over each coordinate's rate, shape (d,); positive.
        width: Width of the feasible box in every coordinate, in the unit of the weights.

    Returns:
        The bound, a 0-dim tensor in the unit of the loss.

    Raises:
        ValueError: If the shapes do not fit or a stiffness is not positive.
    """
    _check_matrix("gradients", gradients)
    if stiffness.shape != gradients.shape[1:] or not bool((stiffness > 0).all()):
        raise ValueError(
            f"stiffness has shape {tuple(stiffness.shape)} for {gradients.shape[1]} coordinates;"
            " give one positive number for each coordinate."
        )
    squares = (gradients * gradients).sum(0)
    return (stiffness * width**2 + squares / stiffness).sum() / 2


def best_diagonal(gradients: Tensor, width: float = 1.0) -> Tensor:
    """Return the stiffness that minimises ``diagonal_bound`` once all gradients are known.

    It is the length of each coordinate's gradient history, over the width.

    Source: Duchi, Hazan & Singer (2011), section 1.

    Args:
        gradients: One gradient a row, shape (T, d).
        width: Width of the feasible box in every coordinate.

    Returns:
        One over the best rate of each coordinate, shape (d,).
    """
    _check_matrix("gradients", gradients)
    return torch.linalg.vector_norm(gradients, dim=0) / width


def average_weights(beta: float, t: int) -> Tensor:
    """Weights that a moving average from zero gives to the gradients 1 to t.

    They add up to one minus beta to the power t, which is the bias.

    Equation: eq-adam-bias-correction.

    Args:
        beta: Decay rate, in [0, 1).
        t: Number of steps, at least 1.

    Returns:
        Shape (t,), float64, the latest gradient last.
    """
    _check_average(beta, t)
    return (1 - beta) * beta ** torch.arange(t - 1, -1, -1, dtype=torch.float64)


def largest_step(beta1: float, beta2: float) -> float:
    """Bound Adam's step, late in a run, in units of the rate; by Cauchy and Schwarz.

    Args:
        beta1: Decay rate of the first moment, in [0, 1).
        beta2: Decay rate of the second moment, in (0, 1), above the square of ``beta1``.

    Returns:
        The largest possible ratio of m to the root of v.

    Raises:
        ValueError: If there is no bound.
    """
    _check_average(beta1, 1)
    _check_average(beta2, 1)
    if beta1**2 >= beta2:
        raise ValueError(
            f"beta1 = {beta1} and beta2 = {beta2}: the step has no bound unless beta1 squared"
            " is below beta2."
        )
    return (1 - beta1) / ((1 - beta2) * (1 - beta1**2 / beta2)) ** 0.5


def average_length(beta: float, t: int) -> float:
    """Return how many equally weighted gradients a moving average resembles.

    A plain average of that length has the same mean age of its gradients.

    Source: Liu et al. (2020), section 4.1.

    Equation: eq-radam.

    Args:
        beta: Decay rate, in [0, 1).
        t: Number of steps, at least 1.

    Returns:
        The length, from 1 at the first step to (1 + beta) / (1 - beta).
    """
    age = average_weights(beta, t) @ torch.arange(t - 1, -1, -1, dtype=torch.float64)
    return 1 + 2 * float(age) / (1 - beta**t)


def rate_variance(length: float) -> float:
    """Variance of one over a root mean square of so many standard normal gradients.

    First-order in the deviation of the mean square's inverse; infinite up to a length of 4.

    Source: Liu et al. (2020), section 4.2.

    Equation: eq-radam.

    Args:
        length: Number of gradients, not necessarily whole.

    Returns:
        The variance, in units of one over the gradients' variance.
    """
    if length <= 4:
        return float("inf")
    return length / (2 * (length - 2) * (length - 4))


def rank_one(matrix: Tensor) -> Tensor:
    """Return the matrix of rank one that has the same sums over rows and over columns.

    Among those of rank one it is the nearest in the sense of ``divergence``.

    Source: Shazeer & Stern (2018), section 3; Lee & Seung (2001) for the divergence.

    Equation: eq-adafactor.

    Args:
        matrix: Non-negative, shape (n, k), not all zero.

    Returns:
        Shape (n, k).
    """
    _check_matrix("matrix", matrix)
    return torch.outer(matrix.sum(1), matrix.sum(0)) / matrix.sum()


def divergence(matrix: Tensor, estimate: Tensor) -> Tensor:
    """Generalised Kullback-Leibler divergence of an estimate from a positive matrix.

    Source: Lee & Seung (2001), equation 3.

    Args:
        matrix: Positive, shape (n, k).
        estimate: Positive, shape (n, k).

    Returns:
        A 0-dim tensor, zero if and only if both are equal.
    """
    return (matrix * (matrix / estimate).log() - matrix + estimate).sum()


def _check_matrix(name: str, matrix: Tensor) -> None:
    """Raise one sentence unless the tensor is a matrix with entries."""
    if matrix.ndim != 2 or matrix.numel() == 0:
        raise ValueError(
            f"{name} has shape {tuple(matrix.shape)}; give a matrix with at least one entry."
        )


def _check_average(beta: float, t: int) -> None:
    """Raise one sentence unless beta is a decay rate and t a number of steps."""
    if not 0 <= beta < 1:
        raise ValueError(f"beta is {beta}, but a decay rate must lie in [0, 1).")
    if t < 1:
        raise ValueError(f"t is {t}, but the first step is 1.")
