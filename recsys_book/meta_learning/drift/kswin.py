"""KSWIN: a drift detector that compares whole distributions."""

from __future__ import annotations

import random
from collections import deque

import numpy as np

from recsys_book.meta_learning.drift.detection import check_value


class KSWIN:
    """A drift detector that compares whole distributions: recent values against a sample before.

    A Kolmogorov-Smirnov test on every event, so ``alpha`` is the rate of false alarms a test, not
    a stream. Settings and alarms, with the same seed, are those of river.

    Source: Raab, Heusinger and Schleif (2020), "Reactive Soft Prototype Computing for Concept
    Drift Streams", Neurocomputing 416.

    Args:
        alpha: Level of each test, above 0 and below 1.
        window_size: Values kept.
        stat_size: Recent values compared with as many from before, less than half of the window.
        seed: Seed of the sample.

    Raises:
        ValueError: If a setting is out of range, or ``update`` reads NaN.
    """

    def __init__(
        self, alpha: float = 0.005, window_size: int = 100, stat_size: int = 30, seed: int = 0
    ):
        if not 0 < alpha < 1:
            raise ValueError(f"alpha is {alpha}; use a probability above 0 and below 1.")
        if not 0 < 2 * stat_size <= window_size:
            raise ValueError(
                f"stat_size is {stat_size} and window_size {window_size}; compare at most half of"
                " the window."
            )
        self.alpha = alpha
        self.window_size = window_size
        self.stat_size = stat_size
        self.seed = seed
        self.n_seen = self.n_alarms = 0
        self._forget()

    def _forget(self) -> None:
        self._window: deque[float] = deque(maxlen=self.window_size)
        self._random = random.Random(self.seed)
        self._alarm = False

    def update(self, value: float) -> bool:
        """Read the next value and return whether recent values have another distribution.

        Args:
            value: Any finite number.

        Returns:
            Whether this value raised an alarm.

        Raises:
            ValueError: If the value is NaN or infinite.
        """
        from scipy.stats import ks_2samp

        value = check_value(value, self.n_seen, "KSWIN")
        if self._alarm:
            self._forget()
        self.n_seen += 1
        self._window.append(value)
        if len(self._window) < self.window_size:
            return False
        values = np.array(self._window)
        before = len(values) - self.stat_size
        chosen = self._random.sample(range(before), self.stat_size)
        test = ks_2samp(values[chosen], values[before:], method="auto")
        self._alarm = bool(test.pvalue <= self.alpha and test.statistic > 0.1)
        self.n_alarms += self._alarm
        return self._alarm
