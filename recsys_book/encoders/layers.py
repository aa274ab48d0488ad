"""The small layers of a transformer: linear, normalisation, feed-forward."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Linear(nn.Linear):
    """A linear layer whose first weights come from an explicit generator.

    Args:
        inputs: Width of what comes in.
        outputs: Width of what goes out.
        generator: Where the weights come from: normal, of variance one over ``inputs``, so that
            what goes out is as large as what comes in. The bias begins at zero.
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__(inputs, outputs)
        with torch.no_grad():
            self.weight.normal_(0, inputs**-0.5, generator=generator)
            self.bias.zero_()

    def reset_parameters(self) -> None:
        """Draw nothing from the global state; the constructor fills the weights."""


def embedding(rows: int, width: int, generator: torch.Generator, std: float = 0.02) -> nn.Embedding:
    """Return a table of small random vectors.

    Args:
        rows: Number of vectors.
        width: Their width.
        generator: Where they come from.
        std: Standard deviation of their numbers.

    Returns:
        The table; it trains.
    """
    weight = torch.empty(rows, width).normal_(0, std, generator=generator)
    return nn.Embedding.from_pretrained(weight, freeze=False)


def layer_norm(x: Tensor, gain: Tensor, shift: Tensor, eps: float = 1e-5) -> Tensor:
    """Give each vector mean 0 and variance 1, then a learned gain and shift for each of its places.

    Source: Ba, Kiros & Hinton (2016), section 3.

    Equation: eq-layer-norm.

    Args:
        x: Vectors, shape ``(..., width)``.
        gain: Shape ``(width,)``.
        shift: Shape ``(width,)``.
        eps: Added to the variance, so that a constant vector does not divide by zero.

    Returns:
        Vectors of the same shape.
    """
    mean = x.mean(dim=-1, keepdim=True)
    variance = (x - mean).square().mean(dim=-1, keepdim=True)
    return gain * (x - mean) / torch.sqrt(variance + eps) + shift


class LayerNorm(nn.Module):
    """Layer normalisation with its gain and shift.

    Args:
        width: Width of the vectors.
        eps: Added to the variance.
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised vectors, of the same shape.

        PyTorch's fused kernel computes :func:`layer_norm`, several times faster.
        """
        return nn.functional.layer_norm(x, self.gain.shape, self.gain, self.shift, self.eps)


def gelu(x: Tensor) -> Tensor:
    """Return each number times the chance that a standard normal one is smaller.

    Source: Hendrycks & Gimpel (2016).

    Args:
        x: Numbers, any shape.

    Returns:
        Numbers of the same shape.
    """
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def feed_forward(x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor) -> Tensor:
    """Widen each vector, bend it, and narrow it again: the same for every token.

    Equation: eq-feed-forward.

    Args:
        x: Vectors, shape ``(..., width)``.
        W1: Shape ``(hidden, width)``.
        b1: Shape ``(hidden,)``.
        W2: Shape ``(width, hidden)``.
        b2: Shape ``(width,)``.

    Returns:
        Vectors of the same shape.
    """
    return gelu(x @ W1.T + b1) @ W2.T + b2


class FeedForward(nn.Module):
    """The feed-forward layer of a block, with its weights.

    Args:
        width: Width of the hidden states.
        hidden: Width inside.
        generator: Where the first weights come from.
    """

    def __init__(self, width: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.up = Linear(width, hidden, generator)
        self.down = Linear(hidden, width, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Return vectors of the same shape; the fused kernels compute :func:`feed_forward`."""
        return self.down(nn.functional.gelu(self.up(x)))
