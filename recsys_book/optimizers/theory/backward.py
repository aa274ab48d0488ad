"""The chain rule by hand: forward computes the loss, backward the gradient."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Factorisation:
    """The weights of a rating factorisation, or gradients of the same shapes.

    Attributes:
        user_bias: Shape ``(n_users,)``.
        item_bias: Shape ``(n_items,)``.
        user_factors: Shape ``(n_users, d)``.
        item_factors: Shape ``(n_items, d)``.
    """

    user_bias: Tensor
    item_bias: Tensor
    user_factors: Tensor
    item_factors: Tensor


def factorisation_forward(
    weights: Factorisation,
    users: Tensor,
    items: Tensor,
    ratings: Tensor,
    mean: float,
    l2: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Return the penalised mean squared error of a batch, and the errors that backward needs.

    Equation: eq-factorisation-loss.

    Args:
        weights: The weights.
        users: User of each rating, shape ``(n,)``.
        items: Item of each rating, shape ``(n,)``.
        ratings: Stars, shape ``(n,)``.
        mean: The global mean, in stars.
        l2: Penalty on the squares of the weights that a rating looks up.

    Returns:
        The loss, a scalar, and prediction minus rating, shape ``(n,)``.
    """
    p, q = weights.user_factors[users], weights.item_factors[items]
    b_u, b_i = weights.user_bias[users], weights.item_bias[items]
    error = mean + b_u + b_i + (p * q).sum(dim=1) - ratings
    norm = b_u.square() + b_i.square() + p.square().sum(dim=1) + q.square().sum(dim=1)
    return (error.square() + l2 * norm).mean(), error


def factorisation_backward(
    weights: Factorisation, users: Tensor, items: Tensor, error: Tensor, l2: float = 0.0
) -> Factorisation:
    """Return the gradient of the loss by every weight.

    Source: Rumelhart, Hinton & Williams (1986) for the method.

    Equation: eq-factorisation-gradient.

    Args:
        weights: The weights of the forward pass.
        users: User of each rating, shape ``(n,)``.
        items: Item of each rating, shape ``(n,)``.
        error: What the forward pass kept, shape ``(n,)``.
        l2: The penalty of the forward pass.

    Returns:
        The gradients, of the weights' shapes; zero for who is not in the batch.
    """
    delta = 2 * error / len(error)  # how the loss changes with each prediction
    shrink = 2 * l2 / len(error)
    p, q = weights.user_factors[users], weights.item_factors[items]

    def collected(table: Tensor, rows: Tensor, through: Tensor) -> Tensor:
        # a row that several ratings looked up receives the sum of their shares
        return torch.zeros_like(table).index_add(0, rows, through + shrink * table[rows])

    return Factorisation(
        user_bias=collected(weights.user_bias, users, delta),
        item_bias=collected(weights.item_bias, items, delta),
        user_factors=collected(weights.user_factors, users, delta[:, None] * q),
        item_factors=collected(weights.item_factors, items, delta[:, None] * p),
    )


def network_forward(
    first: Tensor, second: Tensor, x: Tensor, y: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return the mean squared error of a network with one hidden layer, and what backward needs.

    Args:
        first: Weights of the hidden layer, shape ``(d, k)``.
        second: Weights of the output, shape ``(k,)``.
        x: Inputs, shape ``(n, d)``.
        y: Targets, shape ``(n,)``.

    Returns:
        The loss, a scalar; and the hidden activations, shape ``(n, k)``, with the errors, ``(n,)``.
    """
    hidden = torch.tanh(x @ first)
    error = hidden @ second - y
    return error.square().mean(), (hidden, error)


def network_backward(
    second: Tensor, x: Tensor, kept: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the network's loss, from the output back to the input.

    Source: Rumelhart, Hinton & Williams (1986).

    Args:
        second: Weights of the output, shape ``(k,)``.
        x: Inputs, shape ``(n, d)``.
        kept: What the forward pass kept.

    Returns:
        The gradients by the first weights, shape ``(d, k)``, and by the second, shape ``(k,)``.
    """
    hidden, error = kept
    delta = 2 * error / len(error)
    at_hidden = delta[:, None] * second * (1 - hidden.square())  # through tanh
    return x.T @ at_hidden, hidden.T @ delta


def finite_differences(
    loss: Callable[[Tensor], Tensor], weights: Tensor, width: float = 1e-5
) -> Tensor:
    """Return the gradient by moving one weight at a time to both sides.

    Args:
        loss: From weights to a scalar; computed twice a weight.
        weights: Any shape; float64 is advisable.
        width: How far to move. The error shrinks with its square until rounding takes over.

    Returns:
        The gradient, of the weights' shape.
    """
    gradient = torch.zeros_like(weights)
    for j in range(weights.numel()):
        step = torch.zeros_like(weights)
        step.view(-1)[j] = width
        gradient.view(-1)[j] = (loss(weights + step) - loss(weights - step)) / (2 * width)
    return gradient
