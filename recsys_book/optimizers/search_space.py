"""Where hyper-parameters are drawn from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Choice", "Config", "LogUniform", "Space", "Uniform", "draw_configs"]

Config = dict[str, Any]


@dataclass(frozen=True)
class Uniform:
    """A number between two ends, every equal stretch equally likely.

    Attributes:
        low: The lower end.
        high: The upper end, above ``low``.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse ends in the wrong order."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(
                f"The range from {self.low} to {self.high} is empty: give finite ends, low < high."
            )

    def at(self, share: float) -> float:
        """Return the value below which a share of the probability lies."""
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True)
class LogUniform(Uniform):
    """A positive number between two ends, every equal *factor* equally likely.

    A rate of 0.001 against 0.002 matters as much as 0.1 against 0.2, so the logarithm is drawn.

    Attributes:
        low: The lower end, above 0.
        high: The upper end, above ``low``.
    """

    def __post_init__(self) -> None:
        """Refuse a lower end that has no logarithm."""
        super().__post_init__()
        if self.low <= 0:
            raise ValueError(
                f"A log-uniform range cannot start at {self.low}: give a lower end above 0."
            )

    def at(self, share: float) -> float:
        """Return the value below which a share of the probability lies."""
        return self.low * (self.high / self.low) ** share


@dataclass(frozen=True)
class Choice:
    """One of several values, all equally likely.

    Attributes:
        options: The values, at least one.
    """

    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        """Refuse a choice of nothing."""
        if len(self.options) == 0:
            raise ValueError("A Choice needs at least one option, but it got none.")

    def at(self, share: float) -> Any:
        """Return the option below which a share of the probability lies."""
        return self.options[min(int(share * len(self.options)), len(self.options) - 1)]


Space = Mapping[str, Uniform | LogUniform | Choice]


def draw_configs(space: Space, n: int, seed: int) -> list[Config]:
    """Return n configurations; the first of a longer list are the shorter list."""
    shares = np.random.default_rng(seed).random((n, len(space)))
    return [
        {name: axis.at(float(share)) for (name, axis), share in zip(space.items(), row)}
        for row in shares
    ]
