"""Page-Hinkley: add up how far a stream runs ahead of its own mean."""

from __future__ import annotations

from recsys_book.meta_learning.drift.detection import check_value

_MODES = ("up", "down", "both")


class PageHinkley:
    r"""A drift detector that compares a cumulative sum with its own minimum.

    For a rise, :math:`g_t=\alpha g_{t-1}+(x_t-\bar x_t-\nu)` drifts down while the mean stays and
    up when it has risen by more than the slack :math:`\nu`. The alarm sounds when :math:`g_t`
    stands more than the threshold above its lowest value so far. The mirror image watches for a
    fall.
    After an alarm everything is forgotten. Settings, defaults and alarms are those of river.

    Equation: eq-page-hinkley

    Source: Page (1954), "Continuous Inspection Schemes", Biometrika 41; Hinkley (1971), Biometrika
    58.

    Args:
        min_instances: Values before the first alarm is possible.
        slack: Change of the mean that is tolerated, in the unit of the stream.
        threshold: Height of the rise that is an alarm, in the unit of the stream times events.
        alpha: Factor by which the sum forgets, above 0 and at most 1.
        mode: ``"up"``, ``"down"`` or ``"both"``.

    Attributes:
        mean: Mean since the last alarm.
        rise: Height of the sum above its minimum: the evidence for a rise.
        fall: The same for a fall.

    Raises:
        ValueError: If a setting is out of range, or ``update`` reads NaN.
    """

    def __init__(
        self,
        min_instances: int = 30,
        slack: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 1 - 0.0001,
        mode: str = "both",
    ):
        if mode not in _MODES:
            raise ValueError(f"mode is {mode!r}; use one of {', '.join(_MODES)}.")
        if not (threshold > 0 and slack >= 0 and 0 < alpha <= 1):
            raise ValueError(
                f"threshold is {threshold}, slack {slack} and alpha {alpha}; use a threshold above"
                " 0, a slack of at least 0 and an alpha above 0 and at most 1."
            )
        self.min_instances = min_instances
        self.slack = slack
        self.threshold = threshold
        self.alpha = alpha
        self.mode = mode
        self.n_seen = self.n_alarms = 0
        self._forget()

    def _forget(self) -> None:
        self._n, self.mean = 0, 0.0
        self._up = self._down = 0.0
        self._lowest, self._highest = float("inf"), float("-inf")
        self.rise = self.fall = 0.0
        self._alarm = False

    def update(self, value: float) -> bool:
        """Read the next value and return whether the mean has moved.

        Args:
            value: Any finite number.

        Returns:
            Whether this value raised an alarm.

        Raises:
            ValueError: If the value is NaN or infinite; the state is left as it was.
        """
        value = check_value(value, self.n_seen, "PageHinkley")
        if self._alarm:
            self._forget()
        self.n_seen += 1
        self._n += 1
        self.mean += 1 / self._n * (value - self.mean)
        deviation = value - self.mean
        self._up = self.alpha * self._up + deviation - self.slack
        self._down = self.alpha * self._down + deviation + self.slack
        self._lowest = min(self._lowest, self._up)
        self._highest = max(self._highest, self._down)
        self.rise, self.fall = self._up - self._lowest, self._highest - self._down
        risen = self.mode != "down" and self.rise > self.threshold
        fallen = self.mode != "up" and self.fall > self.threshold
        self._alarm = self._n >= self.min_instances and (risen or fallen)
        self.n_alarms += self._alarm
        return self._alarm
