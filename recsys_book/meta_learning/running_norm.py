"""A network whose hidden units are normalised by running statistics, as MAML++ wants it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from recsys_book.encoders.layers import Linear

#: What belongs to a normalisation layer: two learned vectors, two running statistics.
NORM_PARTS = ("gain", "shift", "mean", "var")
#: Added to the variance. Inner steps see the statistics as constants, so a unit of tiny variance
#: would have its gradient blown up; this large a value bounds the factor by about three.
EPS = 0.1


class RunningNorm(nn.Module):
    """Batch normalisation by running statistics, so that no row's output depends on the others.

    Args:
        width: Number of hidden units.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.mean = nn.Parameter(torch.zeros(width), requires_grad=False)
        self.var = nn.Parameter(torch.ones(width), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise rows of hidden units, shape (..., width).

        Equation: eq-per-step-norm.
        """
        return (x - self.mean) / (self.var + EPS).sqrt() * self.gain + self.shift


class NormalisedMLP(nn.Module):
    """A multilayer perceptron with ``RunningNorm`` before each bend.

    Args:
        sizes: Widths, from the inputs to the outputs, at least three.
        generator: Where the first weights come from.
    """

    def __init__(self, sizes: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        if len(sizes) < 3:
            raise ValueError(f"sizes is {list(sizes)}; give inputs, hidden layers and outputs.")
        pairs = zip(sizes[:-1], sizes[1:])
        self.layers = nn.ModuleList(Linear(a, b, generator) for a, b in pairs)
        self.norms = nn.ModuleList(RunningNorm(width) for width in sizes[1:-1])

    def forward(self, x: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        """Map rows (n, inputs) to (n, outputs).

        Args:
            x: The rows.
            seen: Takes what goes into each normalisation, each of shape (n, width).
        """
        for layer, norm in zip(self.layers[:-1], self.norms):
            x = layer(x)
            if seen is not None:
                seen.append(x)
            x = norm(x).relu()
        return self.layers[-1](x)
