"""Weight decay, in the gradient or beside it."""

from torch import Tensor


def with_coupled_decay(grad: Tensor, param: Tensor, weight_decay: float) -> Tensor:
    """Return the gradient of the loss plus an L2 penalty.

    Equation: eq-coupled-decay.

    Args:
        grad: The gradient of the loss, any shape.
        param: The weights, of the same shape.
        weight_decay: The coefficient of half the squared norm.

    Returns:
        The gradient of the sum, of the same shape.
    """
    return grad.add(param, alpha=weight_decay)


def with_decoupled_decay(param: Tensor, lr: float, weight_decay: float) -> Tensor:
    """Return the weights shrunk by a share that no gradient enters.

    Source: Loshchilov & Hutter (2019).

    Equation: eq-decoupled-decay.

    Args:
        param: The weights, any shape.
        lr: The learning rate of this step.
        weight_decay: The share to remove per unit of learning rate.

    Returns:
        The shrunk weights, of the same shape.
    """
    return param * (1 - lr * weight_decay)
