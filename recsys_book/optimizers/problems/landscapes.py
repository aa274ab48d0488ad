"""Two-dimensional functions: small enough to draw, hard enough to tell the rules apart."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recsys_book.optimizers.optimizer import Optimizer
from recsys_book.optimizers.rules import Rule


@dataclass(frozen=True)
class Landscape:
    """A function of two weights, and where to look at it.

    Attributes:
        name: What to call it in a title.
        function: Maps points of shape ``(..., 2)`` to heights of shape ``(...)``.
        start: Where a descent begins.
        minimum: Where the lowest point is; for the saddle, where the slope is zero.
        window: The part worth drawing: ``(x_min, x_max, y_min, y_max)``.
    """

    name: str
    function: Callable[[Tensor], Tensor]
    start: tuple[float, float]
    minimum: tuple[float, float]
    window: tuple[float, float, float, float]

    def grid(self, points: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the coordinates and the heights for a contour plot.

        Args:
            points: How many points along each axis.

        Returns:
            x, y and the height, each of shape ``(points, points)``.
        """
        x_min, x_max, y_min, y_max = self.window
        x, y = np.meshgrid(np.linspace(x_min, x_max, points), np.linspace(y_min, y_max, points))
        return x, y, self.function(torch.tensor(np.stack([x, y], axis=-1))).numpy()


def ravine(condition: float = 50.0) -> Landscape:
    """Return a quadratic bowl: curvature 1 along x and ``condition`` along y.

    Args:
        condition: The condition number, one or more.

    Returns:
        The landscape with its minimum at the origin.
    """

    def function(w: Tensor) -> Tensor:
        return 0.5 * (w[..., 0] ** 2 + condition * w[..., 1] ** 2)

    return Landscape("ravine", function, (-4.0, 1.0), (0.0, 0.0), (-4.5, 1.5, -1.5, 1.5))


def rosenbrock() -> Landscape:
    """Return the curved valley with a nearly flat floor.

    Source: Rosenbrock (1960).
    """

    def function(w: Tensor) -> Tensor:
        x, y = w[..., 0], w[..., 1]
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    return Landscape("Rosenbrock", function, (-1.2, 1.0), (1.0, 1.0), (-2.0, 2.0, -1.0, 3.0))


def beale() -> Landscape:
    """Return flat plains between steep walls.

    Source: Beale (1958).
    """

    def function(w: Tensor) -> Tensor:
        x, y = w[..., 0], w[..., 1]
        parts = (1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3)
        return sum(part**2 for part in parts)

    return Landscape("Beale", function, (1.0, 1.5), (3.0, 0.5), (-0.5, 4.5, -1.5, 2.0))


def saddle() -> Landscape:
    """Return a point with zero slope that is no minimum; the two minima lie beside it.

    The start is almost on the ridge, so that the way out is slow to find.
    """

    def function(w: Tensor) -> Tensor:
        x, y = w[..., 0], w[..., 1]
        return 0.5 * x**2 - 0.5 * y**2 + 0.25 * y**4

    return Landscape("saddle", function, (-1.5, 1e-3), (0.0, 0.0), (-2.0, 2.0, -1.6, 1.6))


#: Every landscape with its default shape.
LANDSCAPES = (ravine(), rosenbrock(), beale(), saddle())


def descend(
    landscape: Landscape, rule: Rule, steps: int, noise: float = 0.0, seed: int = 0
) -> np.ndarray:
    """Follow a rule through a landscape.

    Args:
        landscape: Where to walk.
        rule: How to walk.
        steps: How many steps to take.
        noise: Standard deviation of what is added to each entry of the gradient.
        seed: Of the noise.

    Returns:
        The weights before the first and after each step, shape ``(steps + 1, 2)``; a rule that
        averages shows its average. NaN from the step on at which the weights overflowed.
    """
    generator = torch.Generator().manual_seed(seed)
    w = torch.nn.Parameter(torch.tensor(landscape.start, dtype=torch.float64))
    optimizer = Optimizer([w], rule)
    path = np.full((steps + 1, 2), np.nan)
    path[0] = landscape.start
    for step in range(1, steps + 1):
        optimizer.train()
        optimizer.zero_grad()
        landscape.function(w).backward()
        w.grad.add_(torch.randn(2, generator=generator, dtype=torch.float64), alpha=noise)
        if not torch.isfinite(w.grad).all():
            break
        optimizer.step()
        optimizer.eval()
        path[step] = w.detach().numpy()
    return path
