"""Positions: what tells a transformer which token came first."""

from __future__ import annotations

import torch
from torch import Tensor


def frequencies(width: int, base: float = 10_000.0) -> Tensor:
    """Return the angular speeds of the pairs of a vector, from 1 falling to almost ``1 / base``.

    Args:
        width: Width of the vector, even.
        base: How much slower the last pair turns than the first, nearly.

    Returns:
        Radians a position, shape ``(width / 2,)``.

    Raises:
        ValueError: If the width is odd.
    """
    if width % 2:
        raise ValueError(
            f"Sinusoidal and rotary positions come in pairs, but the width is {width}: choose an "
            "even one."
        )
    return base ** (-torch.arange(0, width, 2) / width)


def sinusoidal(tokens: int, width: int) -> Tensor:
    """Return a vector for each position, of sines and cosines of different speeds.

    Source: Vaswani et al. (2017), section 3.5.

    Equation: eq-sinusoidal.

    Args:
        tokens: Number of positions.
        width: Width of the vectors, even.

    Returns:
        The vectors, sine and cosine of one speed beside each other, shape ``(tokens, width)``.
    """
    angle = torch.arange(tokens)[:, None] * frequencies(width)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


def rotate(x: Tensor, start: int = 0) -> Tensor:
    """Turn each pair of numbers of a vector by an angle that grows with the vector's position.

    Source: Su et al. (2021), section 3.2.

    Equation: eq-rotary.

    Args:
        x: Queries or keys, shape ``(..., tokens, width)``, the width even.
        start: Position of the first of them.

    Returns:
        Vectors of the same shape and length; the product of two of them depends on the
        difference of their positions.
    """
    place = torch.arange(start, start + x.shape[-2], device=x.device)
    angle = place[:, None] * frequencies(x.shape[-1]).to(x)
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    turned = [a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()]
    return torch.stack(turned, dim=-1).flatten(-2)
