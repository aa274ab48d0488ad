"""How much of the past to keep: windows, decay, and the intervals between updates."""

from __future__ import annotations

import math
from collections import deque

from recsys_book.meta_learning.drift.detection import check_value


class SlidingMean:
    """The mean of the last values of a stream.

    Equation: eq-window-error

    Args:
        window: Values that count, at least 1.

    Attributes:
        mean: Mean of the values in the window; 0 before the first.

    Raises:
        ValueError: If the window is below 1, or ``update`` reads NaN.
    """

    def __init__(self, window: int):
        if window < 1:
            raise ValueError(f"window is {window}; keep at least one value.")
        self.window = window
        self._values: deque[float] = deque(maxlen=window)
        self.n_seen, self.mean = 0, 0.0

    def update(self, value: float) -> float:
        """Read the next value and return the new mean.

        Args:
            value: Any finite number.

        Returns:
            The mean of the last ``window`` values.
        """
        value = check_value(value, self.n_seen, "SlidingMean")
        self.n_seen += 1
        self._values.append(value)
        self.mean = math.fsum(self._values) / len(self._values)
        return self.mean


class DecayedMean:
    r"""A mean in which a value of age :math:`a` counts :math:`(1-\alpha)^a`.

    While fewer than :math:`1/\alpha` values have been read it is their plain mean, so that the
    first value does not linger.

    Equation: eq-window-error

    Args:
        rate: The weight of a new value, above 0 and at most 1.

    Attributes:
        mean: The mean; 0 before the first value.

    Raises:
        ValueError: If the rate is out of range, or ``update`` reads NaN.
    """

    def __init__(self, rate: float):
        if not 0 < rate <= 1:
            raise ValueError(f"rate is {rate}; use a weight above 0 and at most 1.")
        self.rate = rate
        self.n_seen, self.mean = 0, 0.0

    def update(self, value: float) -> float:
        """Read the next value and return the new mean.

        Args:
            value: Any finite number.

        Returns:
            The decayed mean.
        """
        value = check_value(value, self.n_seen, "DecayedMean")
        self.n_seen += 1
        self.mean += max(self.rate, 1 / self.n_seen) * (value - self.mean)
        return self.mean


def window_error(window: float, noise: float, drift: float) -> float:
    r"""Return the mean squared error of a sliding mean whose target walks at random.

    The variance of the noise is divided by the window, and the age of the values adds
    :math:`q(W-1)(2W-1)/(6W)`.

    Equation: eq-window-error

    Args:
        window: Values in the window, at least 1.
        noise: Variance of a value about its target.
        drift: Variance of the target's step, an event.

    Returns:
        The error about the present target.
    """
    return noise / window + drift * (window - 1) * (2 * window - 1) / (6 * window)


def decay_error(rate: float, noise: float, drift: float) -> float:
    r"""Return the mean squared error of a decayed mean whose target walks at random.

    Equation: eq-window-error

    Args:
        rate: Weight of a new value, above 0 and at most 1.
        noise: Variance of a value about its target.
        drift: Variance of the target's step, an event.

    Returns:
        The error about the present target, long after the start.
    """
    return ((1 - rate) ** 2 * drift + rate**2 * noise) / (rate * (2 - rate))


def best_window(noise: float, drift: float) -> float:
    """Return the window at which ``window_error`` is least.

    Args:
        noise: Variance of a value about its target.
        drift: Variance of the target's step, above 0.

    Returns:
        The window, not rounded.
    """
    return math.sqrt(3 * noise / drift + 0.5)


def best_rate(noise: float, drift: float) -> float:
    """Return the rate at which ``decay_error`` is least: the gain of the steady Kalman filter.

    Args:
        noise: Variance of a value about its target, above 0.
        drift: Variance of the target's step.

    Returns:
        The rate.
    """
    ratio = drift / noise
    return (math.sqrt(ratio**2 + 4 * ratio) - ratio) / 2


def schedule_cost(interval: float, drift: float, cost: float) -> float:
    r"""Return what a model that is fitted every so many events costs, an event.

    A model of age :math:`a` has drifted by :math:`qa`; its mean age is :math:`(T-1)/2`, and one
    fit is paid every :math:`T` events.

    Equation: eq-update-interval

    Args:
        interval: Events from fit to fit, T.
        drift: Growth of the error with each event of age, q.
        cost: Price of one fit, in units of error times events.

    Returns:
        Mean error from age, plus the price of the fits, an event.
    """
    return drift * (interval - 1) / 2 + cost / interval


def best_interval(drift: float, cost: float) -> float:
    r"""Return the interval at which ``schedule_cost`` is least, :math:`\sqrt{2c/q}`.

    Equation: eq-update-interval

    Args:
        drift: Growth of the error with each event of age, above 0.
        cost: Price of one fit.

    Returns:
        Events from fit to fit, not rounded, at least 1.
    """
    return max(1.0, math.sqrt(2 * cost / drift))
