"""Cures for overfitting: L2, L1, early stopping, dropout, label smoothing."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = [
    "Dropout",
    "dropout",
    "early_stopping_shrinkage",
    "l2_penalty",
    "l2_shrinkage",
    "label_smoothing_loss",
    "proximal_step",
    "shrink_weights",
    "soft_threshold",
    "subgradient_step",
]


def l2_penalty(params: Iterable[Tensor], l2: float) -> Tensor:
    """Return half the squared norm of the weights times a coefficient.

    Args:
        params: Weights, any shapes; at least one.
        l2: The coefficient, zero or more.

    Returns:
        A scalar that can be added to a loss.

    Raises:
        ValueError: If the coefficient is negative.
    """
    _not_negative("l2", l2)
    return 0.5 * l2 * torch.stack([param.square().sum() for param in params]).sum()


def l2_shrinkage(curvature: Tensor, l2: float) -> Tensor:
    """Return the share of each direction's solution that an L2 penalty leaves.

    Source: Hoerl & Kennard (1970), Technometrics 12.

    Equation: eq-l2-shrinkage.

    Args:
        curvature: Eigenvalues of the loss's Hessian, zero or more, any shape.
        l2: The coefficient of half the squared norm, above 0 unless every eigenvalue is.

    Returns:
        Shares between 0 and 1, of the same shape.

    Raises:
        ValueError: If the coefficient is negative.
    """
    _not_negative("l2", l2)
    return curvature / (curvature + l2)


def early_stopping_shrinkage(curvature: Tensor, lr: float, steps: int) -> Tensor:
    """Return the share of each direction's solution that gradient descent from zero has reached.

    Args:
        curvature: Eigenvalues of the loss's Hessian, any shape.
        lr: The learning rate.
        steps: Steps taken.

    Returns:
        Shares of the same shape; between 0 and 1 while ``lr * curvature`` is at most 1.
    """
    return 1 - (1 - lr * curvature) ** steps


def soft_threshold(w: Tensor, threshold: float) -> Tensor:
    """Return the weights moved towards zero by a threshold, and zero where they are within it.

    It is the minimiser of ``(v - w)**2 / 2 + threshold * abs(v)`` over ``v``.

    Source: Tibshirani (1996), JRSS B 58; Parikh & Boyd (2014), Proximal Algorithms, section 6.5.2.

    Equation: eq-l1-proximal.

    Args:
        w: Weights, any shape.
        threshold: How far, zero or more.

    Returns:
        Weights of the same shape.

    Raises:
        ValueError: If the threshold is negative.
    """
    _not_negative("threshold", threshold)
    return w.sign() * (w.abs() - threshold).clamp(min=0)


def proximal_step(w: Tensor, grad: Tensor, lr: float, l1: float) -> Tensor:
    """Return the weights after a gradient step on the loss and a proximal one on the penalty.

    Args:
        w: Weights, any shape.
        grad: The gradient of the loss without penalty, of the same shape.
        lr: The learning rate.
        l1: The coefficient of the sum of absolute weights, zero or more.

    Returns:
        Weights of the same shape, some of them exactly zero.
    """
    return soft_threshold(w - lr * grad, lr * l1)


def subgradient_step(w: Tensor, grad: Tensor, lr: float, l1: float) -> Tensor:
    """Return the weights after a step along the gradient of loss and penalty together.

    The penalty's slope has the same size however small a weight is, so a weight that should be
    zero jumps over zero and back.

    Args:
        w: Weights, any shape.
        grad: The gradient of the loss without penalty, of the same shape.
        lr: The learning rate.
        l1: The coefficient of the sum of absolute weights.

    Returns:
        Weights of the same shape.
    """
    return w - lr * (grad + l1 * w.sign())


@torch.no_grad()
def shrink_weights(params: Iterable[Tensor], threshold: float) -> None:
    """Soft-threshold the weights of a model in place; call it after ``optimizer.step()``.

    Args:
        params: Weights, any shapes; changed in place.
        threshold: The learning rate times the coefficient of the L1 penalty.
    """
    for param in params:
        param.copy_(soft_threshold(param, threshold))


def dropout(x: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """Return activations of which a random share is zero and the rest is enlarged to make up.

    Source: Srivastava et al. (2014), JMLR 15.

    Equation: eq-dropout.

    Args:
        x: Activations, any shape.
        p: The chance of each to become zero, in [0, 1).
        generator: Where the mask comes from.

    Returns:
        Activations of the same shape and the same expectation.

    Raises:
        ValueError: If p is outside [0, 1).
    """
    if not 0 <= p < 1:
        raise ValueError(f"The dropout rate p is {p}, but it must lie in [0, 1).")
    kept = torch.rand(x.shape, generator=generator) >= p
    return x * kept / (1 - p)


class Dropout(nn.Module):
    """A layer that drops activations in training and passes them on in evaluation.

    Args:
        p: The chance of each activation to become zero, in [0, 1).
        seed: Seed of the masks; the layer has a generator of its own.
    """

    def __init__(self, p: float, seed: int = 0) -> None:
        super().__init__()
        self.p = p
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activations, of the same shape."""
        return dropout(x, self.p, self.generator) if self.training else x


def label_smoothing_loss(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Return the cross-entropy against labels that keep a share for all classes alike.

    Source: Szegedy et al. (2016), CVPR, section 7.

    Equation: eq-label-smoothing.

    Args:
        logits: Scores, shape ``(n, classes)``.
        targets: The right classes, integers of shape ``(n,)``.
        smoothing: The share, in [0, 1).

    Returns:
        The mean loss, a scalar.

    Raises:
        ValueError: If the share is outside [0, 1).
    """
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing is {smoothing}, but it must lie in [0, 1).")
    log_p = logits.log_softmax(dim=1)
    hard = log_p.gather(1, targets[:, None])[:, 0]
    return -((1 - smoothing) * hard + smoothing * log_p.mean(dim=1)).mean()


def _not_negative(name: str, value: float) -> None:
    """Raise one sentence if a coefficient is negative or no number."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}, but it must be a number, zero or more.")
