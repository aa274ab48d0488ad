"""Learning rates that follow a plan: each schedule a function of the number of steps taken.

A schedule returns a factor; ``Scheduler`` multiplies each parameter group's own rate by it. At
step 0, before any step was taken, it returns the factor of the first step, as torch's schedulers
do. What counts as a step is up to the caller: a batch or an epoch.
"""

import math
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Schedule:
    """A plan for the learning rate; subclasses override ``rate``."""

    def rate(self, step: int) -> float:
        """Return the rate as a multiple of the base rate.

        Args:
            step: The number of steps taken so far, from 0.

        Returns:
            The factor for the next step.
        """
        raise NotImplementedError

    def rates(self, steps: int) -> np.ndarray:
        """Return the factors of the first steps.

        Args:
            steps: How many.

        Returns:
            The factors, shape ``(steps,)``.
        """
        return np.array([self.rate(step) for step in range(steps)])

    def __post_init__(self) -> None:
        """Refuse lengths and factors that cannot be meant."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _LENGTHS and not (isinstance(value, int) and value >= 1):
                raise ValueError(
                    f"{type(self).__name__}: {field.name} is {value!r}, but a length is a whole "
                    "number of steps, 1 or more."
                )
            if field.name in _FACTORS and not (math.isfinite(value) and value >= 0):
                raise ValueError(
                    f"{type(self).__name__}: {field.name} is {value}, but it must be a finite "
                    "number, zero or more."
                )


_LENGTHS = frozenset({"total", "every", "period", "steps", "scale", "multiply"})
_FACTORS = frozenset({"factor", "gamma", "floor", "power", "start", "end"})


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at every step.

    Attributes:
        factor: The rate, as a multiple of the base rate.
    """

    factor: float = 1.0

    def rate(self, step: int) -> float:
        """Return the factor, whatever the step."""
        return self.factor


@dataclass(frozen=True)
class StepDecay(Schedule):
    """The rate is multiplied by ``gamma`` every so many steps.

    Equation: eq-step-decay.

    Attributes:
        every: Steps between two reductions.
        gamma: The factor of each reduction.
    """

    every: int
    gamma: float = 0.1

    def rate(self, step: int) -> float:
        """Return ``gamma`` to the number of whole stairs passed."""
        return self.gamma ** (step // self.every)


@dataclass(frozen=True)
class Piecewise(Schedule):
    """A table of rates: one before the first milestone, one after each.

    Attributes:
        milestones: Increasing step numbers at which the rate changes.
        values: One factor more than there are milestones.
    """

    milestones: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse a table that does not fit together."""
        if len(self.values) != len(self.milestones) + 1:
            raise ValueError(
                f"Piecewise: there are {len(self.milestones)} milestones and {len(self.values)} "
                "values, but one value more than milestones is needed."
            )
        if any(b <= a for a, b in zip((0, *self.milestones), self.milestones)):
            raise ValueError(
                f"Piecewise: the milestones {self.milestones} must be positive and increasing."
            )
        if not all(math.isfinite(value) and value >= 0 for value in self.values):
            raise ValueError(
                f"Piecewise: the values {self.values} must be finite numbers, zero or more."
            )

    def rate(self, step: int) -> float:
        """Return the value of the piece that contains the step."""
        return self.values[sum(step >= milestone for milestone in self.milestones)]


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """The rate is multiplied by ``gamma`` at every step.

    Equation: eq-exponential-decay.

    Attributes:
        gamma: The factor of each step.
    """

    gamma: float

    def rate(self, step: int) -> float:
        """Return ``gamma`` to the number of steps."""
        return self.gamma**step


@dataclass(frozen=True)
class PolynomialDecay(Schedule):
    """The rate falls with a power of the share of the run that is left.

    Equation: eq-polynomial-decay.

    Attributes:
        total: Steps until the floor is reached.
        power: 1 is a straight line; above 1 the rate falls early.
        floor: The factor at the end and after it.
    """

    total: int
    power: float = 1.0
    floor: float = 0.0

    def rate(self, step: int) -> float:
        """Return the factor; the floor once the run is over."""
        left = 1 - min(step, self.total) / self.total
        return self.floor + (1 - self.floor) * left**self.power


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine wave from the base rate down to a floor.

    Source: Loshchilov & Hutter (2017), equation 5.

    Equation: eq-cosine.

    Attributes:
        total: Steps until the floor is reached.
        floor: The factor at the end and after it.
    """

    total: int
    floor: float = 0.0

    def rate(self, step: int) -> float:
        """Return the factor; the floor once the run is over."""
        done = min(step, self.total) / self.total
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class SGDR(Schedule):
    """Cosine waves that restart at the base rate: stochastic gradient descent with restarts.

    Source: Loshchilov & Hutter (2017), section 3.

    Equation: eq-sgdr.

    Attributes:
        period: Steps of the first wave.
        multiply: Each wave is this many times as long as the one before.
        floor: The factor that each wave approaches.
    """

    period: int
    multiply: int = 1
    floor: float = 0.0

    def rate(self, step: int) -> float:
        """Return the factor at this place of its wave."""
        length = self.period
        while step >= length:
            step -= length
            length *= self.multiply
        return Cosine(length, self.floor).rate(step)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """One long rise and one longer fall, far below the start.

    Source: Smith & Topin (2019); the cosine shape is that of fastai and torch.

    Equation: eq-one-cycle.

    Attributes:
        total: Steps of the run.
        rise: The share of the run spent rising, in (0, 1).
        start: The factor of the first step.
        end: The factor of the last step.
        shape: ``"cosine"`` or ``"linear"``.
    """

    total: int
    rise: float = 0.3
    start: float = 1 / 25
    end: float = 1 / 250_000
    shape: Literal["cosine", "linear"] = "cosine"

    def __post_init__(self) -> None:
        """Refuse a cycle without a rise or a fall."""
        super().__post_init__()
        if not 0 < self.rise < 1 or self.rise * self.total <= 1:
            raise ValueError(
                f"OneCycle: rise is {self.rise} of {self.total} steps, but it must lie in (0, 1) "
                "and cover more than one step."
            )
        if self.shape not in ("cosine", "linear"):
            raise ValueError(f"OneCycle: shape is {self.shape!r}: use 'cosine' or 'linear'.")

    def rate(self, step: int) -> float:
        """Return the factor; the last one once the run is over."""
        top, last = self.rise * self.total - 1, self.total - 1
        if step <= top:
            return self._between(self.start, 1.0, step / top)
        return self._between(1.0, self.end, (min(step, last) - top) / (last - top))

    def _between(self, first: float, second: float, share: float) -> float:
        """Return the value a share of the way from the first to the second."""
        if self.shape == "cosine":
            share = (1 - math.cos(math.pi * share)) / 2
        return first + (second - first) * share


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A straight rise to the base rate, then another schedule from its own beginning.

    Source: Goyal et al. (2017), section 2.2.

    Equation: eq-warmup.

    Attributes:
        schedule: What follows the rise.
        steps: Steps of the rise.
        start: The factor of the first step.
    """

    schedule: Schedule
    steps: int
    start: float = 0.0

    def rate(self, step: int) -> float:
        """Return the factor of the rise, or of the schedule after it."""
        if step < self.steps:
            return self.start + (1 - self.start) * step / self.steps
        return self.schedule.rate(step - self.steps)


@dataclass(frozen=True)
class InverseSquareRoot(Schedule):
    """The rate falls with the square root of time.

    Behind a warm-up of ``scale`` steps it is the schedule of the first transformer.

    Source: Robbins & Monro (1951) for the class; Vaswani et al. (2017), section 5.3.

    Equation: eq-inverse-square-root.

    Attributes:
        scale: After three times this many steps the rate has halved.
    """

    scale: int

    def rate(self, step: int) -> float:
        """Return one over the square root of time, in units of ``scale``."""
        return math.sqrt(self.scale / (self.scale + step))
