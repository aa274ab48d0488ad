"""DDM and EDDM: drift detectors for a stream of mistakes."""

from __future__ import annotations

import math

from recsys_book.meta_learning.drift.detection import check_value


def _check_binary(value: float, position: int, who: str) -> int:
    number = check_value(value, position, who)
    if number not in (0.0, 1.0):
        raise ValueError(
            f"{who} read {number} at position {position}; it counts mistakes, so give 0 or 1."
        )
    return int(number)


class DDM:
    """A drift detector on mistakes: an alarm when the error rate leaves its best by three sigma.

    A model that learns makes fewer mistakes as time goes by. If the error rate plus its standard
    error rises above the best seen, plus two of the best's standard errors, that is a warning; at
    three it is an alarm, and everything is forgotten. Settings and alarms are those of river.

    Equation: eq-ddm

    Source: Gama, Medas, Castillo and Rodrigues (2004), "Learning with Drift Detection", SBIA.

    Args:
        warm_start: Values before the first alarm is possible.
        warning_threshold: Standard errors above the best that are a warning.
        drift_threshold: Standard errors above the best that are an alarm.

    Attributes:
        warning: Whether the last value left the detector in its warning zone.
        rate: Error rate since the last alarm.

    Raises:
        ValueError: If the thresholds are out of order, or ``update`` reads neither 0 nor 1.
    """

    def __init__(
        self, warm_start: int = 30, warning_threshold: float = 2.0, drift_threshold: float = 3.0
    ):
        if not 0 < warning_threshold <= drift_threshold:
            raise ValueError(
                f"warning_threshold is {warning_threshold} and drift_threshold {drift_threshold};"
                " a warning comes before an alarm, so use a smaller number above 0 for it."
            )
        self.warm_start = warm_start
        self.warning_threshold = warning_threshold
        self.drift_threshold = drift_threshold
        self.n_seen = self.n_alarms = 0
        self._forget()

    def _forget(self) -> None:
        self._n, self.rate = 0, 0.0
        self._best = (math.inf, 0.0)  # rate and standard error where their sum was least
        self.warning = self._alarm = False

    def update(self, value: float) -> bool:
        """Read whether the model was wrong, and return whether its error rate has risen.

        Args:
            value: 1 for a mistake, 0 for none.

        Returns:
            Whether this value raised an alarm.

        Raises:
            ValueError: If the value is neither 0 nor 1.
        """
        value = _check_binary(value, self.n_seen, "DDM")
        if self._alarm:
            self._forget()
        self.n_seen += 1
        self._n += 1
        self.rate += 1 / self._n * (value - self.rate)
        error = math.sqrt(self.rate * (1 - self.rate) / self._n)
        if self._n > self.warm_start:
            if self.rate + error <= sum(self._best):
                self._best = (self.rate, error)
            rate, best_error = self._best
            self._alarm = self.rate + error > rate + self.drift_threshold * best_error
            above = self.rate + error > rate + self.warning_threshold * best_error
            self.warning = above and not self._alarm
        self.n_alarms += self._alarm
        return self._alarm


class EDDM:
    """A drift detector on the distances between mistakes: an alarm when they become shorter.

    Slow drift moves the error rate little but shortens the error-free runs. The mean distance plus
    two standard deviations is compared with its largest value so far. Settings and alarms are
    those of river.

    Source: Baena-Garcia et al. (2006), "Early Drift Detection Method", IWKDDS.

    Args:
        warm_start: Mistakes before the first alarm is possible.
        alpha: Share of the largest value below which is a warning.
        beta: Share of the largest value below which is an alarm; at most ``alpha``.

    Attributes:
        warning: Whether the last mistake left the detector in its warning zone.

    Raises:
        ValueError: If the shares are out of order, or ``update`` reads neither 0 nor 1.
    """

    def __init__(self, warm_start: int = 30, alpha: float = 0.95, beta: float = 0.9):
        if not 0 < beta <= alpha < 1:
            raise ValueError(f"alpha is {alpha} and beta {beta}; use 0 < beta <= alpha < 1.")
        self.warm_start = warm_start
        self.alpha = alpha
        self.beta = beta
        self.n_seen = self.n_alarms = 0
        self._forget()

    def _forget(self) -> None:
        self._n = self._n_errors = self._last = 0
        self._mean = self._squares = 0.0
        self._largest = -1.0
        self.warning = self._alarm = False

    def update(self, value: float) -> bool:
        """Read whether the model was wrong, and return whether mistakes come closer together.

        Args:
            value: 1 for a mistake, 0 for none.

        Returns:
            Whether this value raised an alarm.

        Raises:
            ValueError: If the value is neither 0 nor 1.
        """
        value = _check_binary(value, self.n_seen, "EDDM")
        if self._alarm:
            self._forget()
        self.n_seen += 1
        self._n += 1
        if value:
            self._mistake(self._n - self._last)
            self._last = self._n
        self.n_alarms += self._alarm
        return self._alarm

    def _mistake(self, distance: int) -> None:
        self._n_errors += 1
        gap = distance - self._mean
        self._mean += 1 / self._n_errors * gap
        self._squares += gap * (distance - self._mean)
        if self._n <= self.warm_start:
            return
        variance = self._squares / (self._n_errors - 1) if self._n_errors > 1 else 0.0
        level = self._mean + 2 * math.sqrt(variance)
        if level > self._largest:
            self._largest = level
        elif self._n_errors > self.warm_start:
            share = level / self._largest
            self._alarm = share < self.beta
            self.warning = self.beta <= share < self.alpha
