"""How gradients travel through depth, and what keeps them alive."""

from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["DeepNetwork", "depth_ratio", "layer_gradient_norms"]


class DeepNetwork(nn.Module):
    """Many equal layers and a linear output, with the cures to be switched on one by one.

    Args:
        depth: Hidden layers, at least 1.
        width: Inputs, and units of every hidden layer.
        activation: ``"sigmoid"``, ``"tanh"`` or ``"relu"``.
        gain: Standard deviation of the first weights times the root of the width; None takes
            torch's default. The variance-preserving value is 1 for tanh near zero (Glorot) and
            the root of 2 for relu (He).
        residual: Whether each layer adds to its input instead of replacing it.
        normalise: Whether each layer's input is normalised row by row.
        seed: Of the first weights.

    Raises:
        ValueError: If the depth is below 1 or the activation is unknown.
    """

    def __init__(
        self,
        depth: int = 20,
        width: int = 32,
        activation: Literal["sigmoid", "tanh", "relu"] = "sigmoid",
        gain: float | None = None,
        residual: bool = False,
        normalise: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        functions = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}
        if depth < 1 or activation not in functions:
            raise ValueError(
                f"A network of depth {depth} with activation {activation!r} cannot be built: give "
                f"at least 1 layer and one of {', '.join(functions)}."
            )
        self.activation, self.residual = functions[activation], residual
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.norms = nn.ModuleList(
            nn.LayerNorm(width) if normalise else nn.Identity() for _ in range(depth)
        )
        self.output = nn.Linear(width, 1)
        generator = torch.Generator().manual_seed(seed)
        for layer in (*self.layers, self.output):
            _fill(layer, 3**-0.5 if gain is None else gain, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Return one output a row, shape ``(n, 1)``, for inputs of shape ``(n, width)``."""
        for layer, norm in zip(self.layers, self.norms):
            change = self.activation(layer(norm(x)))
            x = x + change if self.residual else change
        return self.output(x)


def _fill(layer: nn.Linear, gain: float, generator: torch.Generator) -> None:
    """Draw weights of standard deviation ``gain / sqrt(width)``; torch has a gain of 3**-0.5."""
    nn.init.normal_(layer.weight, std=gain / layer.in_features**0.5, generator=generator)
    nn.init.zeros_(layer.bias)


def layer_gradient_norms(network: DeepNetwork, x: Tensor, y: Tensor) -> Tensor:
    """Return the norm of the gradient of each layer's weights, for a mean squared error.

    Args:
        network: The network; its gradients are left as they were.
        x: Inputs, shape ``(n, width)``.
        y: Targets, shape ``(n, 1)``.

    Returns:
        Norms from the first hidden layer to the output, shape ``(depth + 1,)``.
    """
    loss = (network(x) - y).square().mean()
    weights = [layer.weight for layer in (*network.layers, network.output)]
    return torch.stack([grad.norm() for grad in torch.autograd.grad(loss, weights)])


def depth_ratio(norms: Tensor) -> float:
    """Return the first hidden layer's gradient norm as a share of the last hidden layer's.

    Args:
        norms: What ``layer_gradient_norms`` returned, shape ``(depth + 1,)``.

    Returns:
        Far below 1 where gradients vanish, far above where they explode.
    """
    return float(norms[0] / norms[-2])
