"""The curvature of a real loss, without ever writing its Hessian down."""

from collections.abc import Sequence

import torch
from torch import Tensor

Direction = list[Tensor]


def gradient_of(loss: Tensor, params: Sequence[Tensor]) -> Direction:
    """Return a gradient that can be differentiated once more.

    Args:
        loss: A scalar with its graph.
        params: The weights.

    Returns:
        A gradient a tensor of weights.
    """
    return list(torch.autograd.grad(loss, params, create_graph=True))


def hessian_times(gradient: Direction, params: Sequence[Tensor], direction: Direction) -> Direction:
    """Return the product of the Hessian and a direction, at the price of a backward pass.

    Source: Pearlmutter (1994).

    Equation: eq-hessian-vector.

    Args:
        gradient: What ``gradient_of`` returned.
        params: The weights.
        direction: A tensor of each weight tensor's shape.

    Returns:
        The product, as tensors of the same shapes.
    """
    return list(torch.autograd.grad(gradient, params, direction, retain_graph=True))


def largest_curvature(
    loss: Tensor, params: Sequence[Tensor], iterations: int = 100, seed: int = 0
) -> tuple[float, Direction]:
    """Return the largest eigenvalue of the Hessian and its eigenvector, by power iteration.

    Args:
        loss: A scalar with its graph.
        params: The weights; those that the loss does not use may not be among them.
        iterations: Products of the Hessian and a direction.
        seed: Of the first direction.

    Returns:
        The eigenvalue that is largest in size, with its sign, and a direction of length 1.
    """
    params = list(params)
    gradient = gradient_of(loss, params)
    generator = torch.Generator().manual_seed(seed)
    direction = [
        torch.randn(p.shape, generator=generator, dtype=p.dtype).to(p.device) for p in params
    ]
    direction, _ = _normed(direction)
    value = 0.0
    for _ in range(iterations):
        product = hessian_times(gradient, params, direction)
        value = float(sum((a * b).sum() for a, b in zip(product, direction)))
        direction, length = _normed(product)
        if length == 0:  # a flat loss has no direction to find
            return 0.0, direction
    return value, direction


def _normed(direction: Direction) -> tuple[Direction, float]:
    """Return a direction at length 1, and the length that it had."""
    length = float(torch.stack([d.square().sum() for d in direction]).sum().sqrt())
    return [d / length if length else d for d in direction], length
