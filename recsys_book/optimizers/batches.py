"""Batches: parts that add up, how the rate follows the size, and half-precision arithmetic."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "LossScaler",
    "NoiseScale",
    "accumulate_gradients",
    "estimate_noise_scale",
    "linear_scaled_rate",
    "noise_scale_of",
    "squared_norm",
    "square_root_scaled_rate",
]


def accumulate_gradients(
    loss: Callable[[Any], Tensor], parts: Sequence[Any], sizes: Sequence[int]
) -> float:
    """Add up the gradients of the parts of a batch, so that the sum is the whole batch's.

    It is exact for a loss that is a mean over rows. A loss that compares the rows of a batch with
    each other, such as an in-batch softmax, is another loss on each part.

    Equation: eq-accumulation.

    Args:
        loss: The mean loss of one part; ``backward`` adds to the parameters' gradients.
        parts: The parts; only one at a time is held in memory by the graph.
        sizes: Rows of each part; unequal ones are weighed.

    Returns:
        The mean loss of the whole batch.

    Raises:
        ValueError: If there are no parts, their number differs from that of the sizes, or a size
            is below 1.
    """
    if not parts or len(parts) != len(sizes) or min(sizes) < 1:
        raise ValueError(
            f"{len(parts)} parts with sizes {list(sizes)} cannot be added up: give one size of at "
            "least 1 for every part."
        )
    total = sum(sizes)
    value = 0.0
    for part, size in zip(parts, sizes):
        share = loss(part) * (size / total)
        share.backward()
        value += share.item()
    return value


def linear_scaled_rate(lr: float, batch: int, base: int) -> float:
    """Return the rate for a batch size, proportional to it.

    Source: Goyal et al. (2017), Accurate, Large Minibatch SGD.

    Equation: eq-linear-scaling.

    Args:
        lr: A rate tuned at the base size.
        batch: The new batch size.
        base: The size at which ``lr`` was tuned.

    Returns:
        The new rate.

    Raises:
        ValueError: If a size is below 1.
    """
    return lr * _ratio(batch, base)


def square_root_scaled_rate(lr: float, batch: int, base: int) -> float:
    """Return the rate for a batch size, proportional to its square root: for adaptive rules.

    Source: Malladi et al. (2022), NeurIPS: On the SDEs and Scaling Rules for Adaptive Gradient
    Algorithms.

    Equation: eq-square-root-scaling.

    Args:
        lr: A rate tuned at the base size.
        batch: The new batch size.
        base: The size at which ``lr`` was tuned.

    Returns:
        The new rate.

    Raises:
        ValueError: If a size is below 1.
    """
    return lr * math.sqrt(_ratio(batch, base))


def _ratio(batch: int, base: int) -> float:
    """Return how many times as large a batch is."""
    if batch < 1 or base < 1:
        raise ValueError(f"A batch of {batch} against one of {base}: both must be at least 1.")
    return batch / base


@dataclass(frozen=True)
class NoiseScale:
    """How noisy a gradient is.

    Attributes:
        variance: Trace of the covariance of one row's gradient.
        squared_norm: Squared norm of the mean gradient.
    """

    variance: float
    squared_norm: float

    @property
    def batch(self) -> float:
        """The batch size at which the noise in the gradient is as large as the gradient."""
        return self.variance / self.squared_norm if self.squared_norm > 0 else math.inf


def noise_scale_of(gradients: Tensor) -> NoiseScale:
    """Return the noise scale from every row's own gradient, without bias.

    Args:
        gradients: One gradient a row, shape ``(n, parameters)``, n at least 2.

    Returns:
        The noise scale.

    Raises:
        ValueError: If there are fewer than two rows.
    """
    if gradients.ndim != 2 or len(gradients) < 2:
        raise ValueError(
            f"gradients has shape {tuple(gradients.shape)}: give (n, parameters) with n >= 2."
        )
    variance = gradients.var(dim=0, correction=1).sum().item()
    # The mean's squared norm contains a share of the noise.
    return NoiseScale(variance, gradients.mean(0).square().sum().item() - variance / len(gradients))


def estimate_noise_scale(
    small: Iterable[float], large: Iterable[float], small_batch: int, large_batch: int
) -> NoiseScale:
    """Return the noise scale from the gradient norms at two batch sizes.

    A batch of B rows has a mean squared gradient norm of ``squared_norm + variance / B``: two
    sizes are two equations. Both means are taken before the division, which would be biased for
    each pair.

    Source: McCandlish et al. (2018), An Empirical Model of Large-Batch Training, appendix A.1.

    Equation: eq-gradient-noise-scale.

    Args:
        small: Squared gradient norms of some small batches.
        large: Squared gradient norms of some large batches, at the same weights.
        small_batch: Rows of a small batch.
        large_batch: Rows of a large batch.

    Returns:
        The noise scale.

    Raises:
        ValueError: If a list is empty or the large batch is not larger.
    """
    small, large = list(small), list(large)
    if not small or not large or not 1 <= small_batch < large_batch:
        raise ValueError(
            f"{len(small)} batches of {small_batch} and {len(large)} of {large_batch} do not give "
            "a noise scale: give some of each, the large ones larger."
        )
    mean_small, mean_large = sum(small) / len(small), sum(large) / len(large)
    squared = (large_batch * mean_large - small_batch * mean_small) / (large_batch - small_batch)
    variance = (mean_small - mean_large) / (1 / small_batch - 1 / large_batch)
    return NoiseScale(variance, squared)


def squared_norm(params: Iterable[Tensor]) -> float:
    """Return the squared norm of all gradients together, those that exist.

    Args:
        params: Parameters after ``backward``; a sparse gradient counts its summed rows.

    Returns:
        A number, zero or more.
    """
    grads = (param.grad for param in params if param.grad is not None)
    grads = (grad.coalesce()._values() if grad.is_sparse else grad for grad in grads)
    return float(sum(grad.double().square().sum() for grad in grads))


class LossScaler:
    """Keeps small gradients alive in float16 by multiplying the loss.

    The loss is multiplied before ``backward`` and the gradients are divided after it, in float32.
    If one of them overflowed, the step is left out and the factor is halved; after some good
    steps it is doubled.

    Source: Micikevicius et al. (2018), ICLR: Mixed Precision Training.

    Args:
        scale: The first factor.
        growth: What the factor is multiplied by after enough good steps.
        backoff: What it is multiplied by after an overflow.
        interval: How many good steps in a row are enough.

    Raises:
        ValueError: If a factor cannot be meant.
    """

    def __init__(
        self,
        scale: float = 2.0**16,
        growth: float = 2.0,
        backoff: float = 0.5,
        interval: int = 2000,
    ) -> None:
        if not (scale > 0 and growth > 1 and 0 < backoff < 1 and interval >= 1):
            raise ValueError(
                f"A scale of {scale}, growth {growth}, backoff {backoff}, interval {interval} is "
                "impossible: give scale > 0, growth > 1, 0 < backoff < 1, interval >= 1."
            )
        self.scale, self.growth, self.backoff, self.interval = scale, growth, backoff, interval
        self.good_steps = 0

    def scaled(self, loss: Tensor) -> Tensor:
        """Return the loss to call ``backward`` on, a scalar."""
        return loss.float() * self.scale

    @torch.no_grad()
    def step(self, optimizer: torch.optim.Optimizer) -> bool:
        """Divide the gradients, step if all are finite, and adjust the factor.

        Args:
            optimizer: The optimizer whose parameters have scaled gradients.

        Returns:
            Whether the step was made.
        """
        grads = [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
        for grad in grads:
            grad.div_(self.scale)
        finite = all(bool(torch.isfinite(grad).all()) for grad in grads)
        if finite:
            optimizer.step()
            self.good_steps += 1
            if self.good_steps == self.interval:
                self.scale, self.good_steps = self.scale * self.growth, 0
        else:
            self.scale, self.good_steps = self.scale * self.backoff, 0
        return finite
