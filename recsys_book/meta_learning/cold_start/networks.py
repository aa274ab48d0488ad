"""The small networks of this folder: initialised from a generator, trained by the book's Adam."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn


def small_network(n_in: int, n_out: int, hidden: int, seed: int) -> nn.Sequential:
    """Return a network with one hidden layer, or a linear map if ``hidden`` is 0.

    Args:
        n_in: Inputs.
        n_out: Outputs.
        hidden: Width of the hidden layer; 0 for none.
        seed: Seed of the weights. The last layer starts at zero, so the first answer is zero.

    Returns:
        The network, in float64.
    """
    sizes = [n_in, hidden, n_out] if hidden else [n_in, n_out]
    rng = np.random.default_rng(seed)
    layers: list[nn.Module] = []
    for j, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
        layer = nn.utils.skip_init(nn.Linear, a, b, dtype=torch.float64)
        last = j == len(sizes) - 2
        draw = rng.normal(0, 1 / np.sqrt(a), (b, a)) * (not last)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(draw))
            layer.bias.zero_()
        layers += [layer] if last else [layer, nn.Tanh()]
    return nn.Sequential(*layers)


def minimise(
    network: nn.Module, loss: Callable[[int], Tensor], steps: int, rate: float, l2: float
) -> list[float]:
    """Run AdamW with a rate that falls linearly to zero.

    Args:
        network: What is trained.
        loss: From the number of the step to the loss.
        steps: Number of steps.
        rate: First learning rate.
        l2: Decoupled weight decay.

    Returns:
        The losses.

    Raises:
        ValueError: If a loss is not finite; it names the step.
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=l2)
    seen = []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        value = loss(step)
        if not torch.isfinite(value):
            raise ValueError(f"The loss of step {step} is not finite; lower the rate, now {rate}.")
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        seen.append(float(value.detach()))
    return seen
