"""ADWIN: a window that grows while its two ends agree, and is cut where they do not."""

from __future__ import annotations

import math
from collections.abc import Iterator

from recsys_book.meta_learning.drift.detection import check_value


def hoeffding_cut(n0: float, n1: float, delta: float) -> float:
    r"""Return how far two means of values in [0, 1] may differ by chance, whatever their law.

    The difference of the means is a sum of independent terms with ranges :math:`1/n_0` and
    :math:`1/n_1`; Hoeffding's inequality exceeds it with probability at most ``delta``.

    Source: Hoeffding (1963), JASA 58; Bifet and Gavalda (2007), theorem 3.1.

    Args:
        n0: Values in the older part.
        n1: Values in the newer part.
        delta: Probability of a larger difference.

    Returns:
        The threshold.
    """
    return math.sqrt((1 / n0 + 1 / n1) * math.log(2 / delta) / 2)


def bernstein_cut(inverse_size: float, variance: float, log_term: float) -> float:
    r"""Return ADWIN's threshold, :math:`\sqrt{2\sigma^2L/m}+2L/(3m)`.

    Equation: eq-adwin-cut

    Source: Bifet and Gavalda (2007), "Learning from Time-Changing Data with Adaptive Windowing",
    SDM, equation 3.1.

    Args:
        inverse_size: :math:`1/m=1/n_0+1/n_1`.
        variance: Variance of the values in the window.
        log_term: :math:`L=\ln(2/\delta')`.

    Returns:
        The threshold.
    """
    return math.sqrt(2 * inverse_size * variance * log_term) + 2 / 3 * log_term * inverse_size


class ADWIN:
    """A drift detector on a stream of numbers, with a window whose length it chooses itself.

    The window is kept as buckets: row j holds at most ``max_buckets`` buckets of 2**j values, each
    one sum and one sum of squared deviations. Every ``clock`` events, each border between buckets
    is tried as a cut; where the means of the two sides differ by more than the threshold, the
    oldest bucket is dropped and the search starts again. Memory and time for a check grow with the
    logarithm of the window. An alarm says that something was dropped.

    The settings and their defaults are those of river, and so are the alarms. After an alarm
    river's detector forgets the whole window; the paper's keeps the part that survived the cuts.

    Equation: eq-adwin-cut

    Source: Bifet and Gavalda (2007), "Learning from Time-Changing Data with Adaptive Windowing",
    SDM.

    Args:
        delta: Confidence, above 0 and below 1: the smaller, the fewer false alarms.
        clock: Events between two checks.
        max_buckets: Buckets in a row before the two oldest are merged into the next row.
        min_window_length: Values that each side of a cut must have.
        grace_period: No check before the window is longer than this.
        keep_window: Whether the window that survived an alarm is kept, as in the paper.

    Attributes:
        width: Values in the window.
        total: Their sum.
        kept: Values that survived the last alarm's cuts; many may be older than the change, since
            only as much is dropped as makes the rest pass the test.
        since: Values after the clearest cut of the last alarm: an estimate of the change's age.
        rose: Whether they had a higher mean than the values before that cut.
        n_alarms: Alarms so far.

    Raises:
        ValueError: If a setting is out of range, or ``update`` reads NaN.
    """

    def __init__(
        self,
        delta: float = 0.002,
        clock: int = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
        keep_window: bool = False,
    ):
        if not 0 < delta < 1:
            raise ValueError(f"delta is {delta}; use a probability above 0 and below 1.")
        for name, value in (("clock", clock), ("max_buckets", max_buckets)):
            if value < 1:
                raise ValueError(f"{name} is {value}; use a whole number of at least 1.")
        if min_window_length < 1 or grace_period < 0:
            raise ValueError(
                f"min_window_length is {min_window_length} and grace_period {grace_period};"
                " use at least 1 and at least 0."
            )
        self.delta = delta
        self.clock = clock
        self.max_buckets = max_buckets
        self.min_window_length = min_window_length
        self.grace_period = grace_period
        self.keep_window = keep_window
        self.n_seen = self.n_alarms = self.kept = self.since = 0
        self.rose = False
        self._forget()

    def _forget(self) -> None:
        """Start with an empty window."""
        self.width, self.total, self._deviation = 0, 0.0, 0.0
        self._tick, self._alarm = 0, False
        self._rows: list[list[tuple[float, float]]] = [[]]  # row j: (sum, squared deviations)

    @property
    def mean(self) -> float:
        """Mean of the window; 0 while it is empty."""
        return self.total / self.width if self.width else 0.0

    @property
    def variance(self) -> float:
        """Variance of the window; 0 while it is empty."""
        return max(0.0, self._deviation / self.width) if self.width else 0.0

    @property
    def n_buckets(self) -> int:
        """Buckets in use: the detector's memory."""
        return sum(map(len, self._rows))

    def update(self, value: float) -> bool:
        """Read the next value.

        Args:
            value: Any finite number; the bound assumes that values lie within a range of 1.

        Returns:
            Whether the window was cut.

        Raises:
            ValueError: If the value is NaN or infinite; the window is left as it was.
        """
        value = check_value(value, self.n_seen, "ADWIN")
        if self._alarm and not self.keep_window:
            self._forget()
        self.n_seen += 1
        self._insert(value)
        self._tick += 1
        due = self._tick % self.clock == 0 and self.width > self.grace_period
        self._alarm = due and self._shrink()
        if self._alarm:
            self.n_alarms += 1
            self.kept = self.width
        return self._alarm

    def _insert(self, value: float) -> None:
        """Append a bucket of one value, and merge where a row is full."""
        if self.width:
            self._deviation += self.width * (value - self.mean) ** 2 / (self.width + 1)
        self.width += 1
        self.total += value
        self._rows[0].append((value, 0.0))
        for j, row in enumerate(self._rows):
            if len(row) <= self.max_buckets:
                break
            if j + 1 == len(self._rows):
                self._rows.append([])
            (sum0, dev0), (sum1, dev1) = row[0], row[1]
            del row[:2]
            between = (sum0 - sum1) ** 2 / 2 ** (j + 1)  # n/2 times the squared gap of the means
            self._rows[j + 1].append((sum0 + sum1, dev0 + dev1 + between))

    def _shrink(self) -> bool:
        """Drop oldest buckets until no cut separates two different means."""
        if next(self._cuts(), None) is None:
            return False
        self.since, self.rose = max(self._cuts())[1:]
        while next(self._cuts(), None) is not None:
            self._drop_oldest()
        return True

    def _cuts(self) -> Iterator[tuple[float, int, bool]]:
        """Yield how clear each cut is that separates two means, n1, and whether the mean rose."""
        least = self.min_window_length
        if self.width < 2 * least:
            return
        log_term = math.log(2 * math.log(self.width) / self.delta)
        variance = self.variance
        n0, sum0 = 0, 0.0
        for j in range(len(self._rows) - 1, -1, -1):
            for bucket_sum, _ in self._rows[j]:
                n0 += 2**j
                sum0 += bucket_sum
                n1 = self.width - n0
                if n1 < least:
                    return
                if n0 < least:
                    continue
                gap = (self.total - sum0) / n1 - sum0 / n0
                inverse_size = 1 / (n0 - least + 1) + 1 / (n1 - least + 1)
                threshold = bernstein_cut(inverse_size, variance, log_term)
                if abs(gap) > threshold:
                    yield abs(gap) / threshold, n1, gap > 0

    def _drop_oldest(self) -> None:
        """Remove the oldest bucket, and its share of the window's squared deviations."""
        n = 2 ** (len(self._rows) - 1)
        bucket_sum, bucket_dev = self._rows[-1].pop(0)
        self.width -= n
        self.total -= bucket_sum
        gap = bucket_sum / n - self.mean
        self._deviation -= bucket_dev + n * self.width * gap**2 / (n + self.width)
        if not self._rows[-1]:
            self._rows.pop()
