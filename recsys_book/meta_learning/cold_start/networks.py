"""The small networks of this folder: initialised from a generator, trained by the book's Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.optimizers import AdamW, Optimizer


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
    optimizer = Optimizer(network.parameters(), AdamW(lr=rate, weight_decay=l2))
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


class NeuralMap:
    """A network from item features to targets, with the interface of ``FeatureMap``.

    Args:
        hidden: Width of the hidden layer.
        steps: Steps, each on all items.
        rate: First learning rate.
        decay: Weight decay.
        seed: Seed of the weights.

    Attributes:
        network_: The network; its outputs are deviations from ``level_``.
        level_: Weighted mean of the targets, shape (n_targets,).
    """

    def __init__(
        self,
        hidden: int = 32,
        steps: int = 200,
        rate: float = 0.02,
        decay: float = 2.0,
        seed: int = 0,
    ) -> None:
        self.hidden, self.steps, self.rate = hidden, steps, rate
        self.decay, self.seed = decay, seed

    def fit(self, X: np.ndarray, Y: np.ndarray, w: np.ndarray) -> Self:
        """Learn from rated items.

        Args:
            X: Features, shape (n, n_features).
            Y: Targets, shape (n, n_targets).
            w: Weights, shape (n,); rows of weight 0 are left out.

        Returns:
            The map itself.

        Raises:
            ValueError: If no row has a weight.
        """
        keep = np.flatnonzero(w > 0)
        if not len(keep):
            raise ValueError("All items are cold: none has a rating; pass some rated items.")
        share = w[keep] / w[keep].sum()
        self.level_ = share @ Y[keep]
        self.network_ = small_network(X.shape[1], Y.shape[1], self.hidden, self.seed)
        inputs, targets, weight = (
            torch.from_numpy(np.ascontiguousarray(part, dtype=np.float64))
            for part in (X[keep], Y[keep] - self.level_, share)
        )

        def loss(step: int) -> Tensor:
            return (weight * ((self.network_(inputs) - targets) ** 2).sum(dim=1)).sum()

        self.losses_ = minimise(self.network_, loss, self.steps, self.rate, self.decay)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return what the network says of items; the level for a row of zeros.

        Args:
            X: Features, shape (n, n_features).

        Returns:
            Shape (n, n_targets).
        """
        X = np.asarray(X, dtype=np.float64)
        with torch.no_grad():
            out = self.network_(torch.from_numpy(X)).numpy() + self.level_
        return np.where(np.abs(X).sum(axis=1, keepdims=True) == 0, self.level_, out)
