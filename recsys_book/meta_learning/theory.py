"""What meta-gradients are in closed form: quadratic tasks, linear regression, small rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
import torch
from torch import Tensor
from torch.func import grad, hessian

#: Rows and targets of a linear regression, shapes (n, d) and (n,).
Rows = tuple[np.ndarray, np.ndarray]


def quadratic_weights(curvature: np.ndarray, rate: float, steps: int = 1) -> np.ndarray:
    """Return how much each quadratic task counts in MAML's mean of their minima.

    Task i has the loss ``curvature[i] / 2 * (w - centre[i]) ** 2``. Joint training weighs its
    centre by the curvature, which is the case of no steps.

    Equation: eq-quadratic-maml.

    Args:
        curvature: Second derivatives, shape (tasks,).
        rate: The inner rate.
        steps: Number of inner steps.

    Returns:
        Shape (tasks,), not negative.
    """
    curvature = np.asarray(curvature, dtype=float)
    return curvature * (1.0 - rate * curvature) ** (2 * steps)


def quadratic_start(
    curvature: np.ndarray, centre: np.ndarray, rate: float, steps: int = 1
) -> float:
    """Return the start that MAML finds on quadratic tasks: a weighted mean of their minima.

    Args:
        curvature: Second derivatives, shape (tasks,).
        centre: Minima, shape (tasks,).
        rate: The inner rate.
        steps: Number of inner steps; 0 gives the minimum of joint training.

    Returns:
        The start.
    """
    weight = quadratic_weights(curvature, rate, steps)
    return float(weight @ np.asarray(centre) / weight.sum())


def linear_adapted(
    w: np.ndarray, support: Rows, rate: float | np.ndarray, steps: int
) -> np.ndarray:
    """Return the weights of a linear regression after gradient steps, in closed form.

    Args:
        w: The start, shape (d,).
        support: Rows (n, d) and targets (n,); the loss is their mean squared error.
        rate: The inner rate, or one a weight, shape (d,); 0 keeps a weight.
        steps: Number of steps.

    Returns:
        Shape (d,).
    """
    h, b = _curvature(support)
    rates = np.broadcast_to(rate, (len(w),))
    jacobian = np.eye(len(w)) - rates[:, None] * h
    powers = [np.linalg.matrix_power(jacobian, j) for j in range(steps + 1)]
    return powers[steps] @ w + sum(power @ (rates * b) for power in powers[:steps])


def linear_meta_gradient(
    w: np.ndarray,
    support: Rows,
    query: Rows,
    rate: float | np.ndarray,
    steps: int,
    order: int = 2,
) -> np.ndarray:
    """Return the gradient of the query loss after adaptation, for linear regression.

    With rates of 0 for some weights it is that of ANIL or BOIL.

    Equations: eq-maml-gradient, eq-fomaml.

    Args:
        w: The start, shape (d,).
        support: Rows (n, d) and targets (n,) to adapt to.
        query: Rows and targets to be judged on.
        rate: The inner rate, or one a weight, shape (d,).
        steps: Number of inner steps.
        order: 2, or 1 for first-order MAML.

    Returns:
        Shape (d,).
    """
    h, _ = _curvature(support)
    h_query, b_query = _curvature(query)
    slope = h_query @ linear_adapted(w, support, rate, steps) - b_query
    if order == 1:
        return slope
    jacobian = np.eye(len(w)) - np.broadcast_to(rate, (len(w),))[:, None] * h
    return np.linalg.matrix_power(jacobian, steps).T @ slope


def expansion_terms(
    losses: Sequence[Callable[[Tensor], Tensor]], w: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the two terms into which all three meta-gradients expand for small inner rates.

    The first is the mean gradient of a minibatch, the descent direction of joint training. The
    second is the mean, over pairs of different minibatches, of one's Hessian times the other's
    gradient; it is half the gradient of their inner product.

    Equation: eq-gradient-alignment.

    Args:
        losses: One function a minibatch, from weights (d,) to a loss ().
        w: The start, shape (d,).

    Returns:
        Both terms, each of shape (d,).
    """
    slopes = torch.stack([grad(loss)(w) for loss in losses])
    curvatures = torch.stack([hessian(loss)(w) for loss in losses])
    n = len(losses)
    products = torch.einsum("jab,ib->jia", curvatures, slopes)
    off = products.sum((0, 1)) - products.diagonal(dim1=0, dim2=1).sum(-1)
    return slopes.mean(0), off / (n * (n - 1))


def expanded_updates(
    losses: Sequence[Callable[[Tensor], Tensor]], w: Tensor, rate: float, steps: int
) -> dict[str, Tensor]:
    """Return the expected meta-gradients up to terms of second order in the inner rate.

    Source: Nichol, Achiam and Schulman (2018), "On First-Order Meta-Learning Algorithms", §5.1.

    Equation: eq-reptile-expansion.

    Args:
        losses: One function a minibatch, from weights (d,) to a loss ().
        w: The start, shape (d,).
        rate: The inner rate.
        steps: Number k of minibatches; MAML steps on k - 1 and is judged on the last.

    Returns:
        ``"MAML"``, ``"first-order MAML"`` and ``"Reptile"``, each of shape (d,).
    """
    mean, inner = expansion_terms(losses, w)
    return {
        "MAML": mean - 2 * (steps - 1) * rate * inner,
        "first-order MAML": mean - (steps - 1) * rate * inner,
        "Reptile": steps * mean - 0.5 * steps * (steps - 1) * rate * inner,
    }


def expected_updates(
    losses: Sequence[Callable[[Tensor], Tensor]], w: Tensor, rate: float, steps: int
) -> dict[str, Tensor]:
    """Return the expected meta-gradients exactly: the mean over all orders of the minibatches.

    Args:
        losses: One function a minibatch, from weights (d,) to a loss ().
        w: The start, shape (d,).
        rate: The inner rate.
        steps: Number of different minibatches that a run sees.

    Returns:
        ``"MAML"``, ``"first-order MAML"`` and ``"Reptile"``, each of shape (d,).
    """

    def end_of(start: Tensor, seen: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
        for loss in seen:
            start = start - rate * grad(loss)(start)
        return start

    def after(start: Tensor, run: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
        return run[-1](end_of(start, run[:-1]))

    runs = list(permutations(losses, steps))
    found = {"MAML": 0.0, "first-order MAML": 0.0, "Reptile": 0.0}
    for run in runs:
        found["MAML"] += grad(after)(w, run) / len(runs)
        found["first-order MAML"] += grad(run[-1])(end_of(w, run[:-1])) / len(runs)
        found["Reptile"] += (w - end_of(w, run)) / rate / len(runs)
    return found


def _curvature(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return H and b of the mean squared error, whose gradient is H w - b."""
    x, y = rows
    return 2 * x.T @ x / len(y), 2 * x.T @ y / len(y)
