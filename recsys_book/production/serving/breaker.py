"""A circuit breaker: after failures, stop asking for a while."""

from __future__ import annotations

import time
from collections.abc import Callable


class CircuitBreaker:
    """Decide whether something that may be broken is worth another try.

    *Closed*, everything passes. After ``failures`` in a row it is *open*: nothing passes, so nobody
    waits for what is broken. After ``rest`` seconds one try passes; if it works the breaker closes,
    else the rest begins again. The try itself has ``rest`` seconds to report, then the next one
    passes: a try that is never reported back cannot keep the breaker open.

    Source: Nygard (2007), "Release It!".

    Args:
        failures: Failures in a row that open it, at least 1.
        rest: Seconds before the next try, above 0.
        clock: Seconds that never go back.

    Attributes:
        opened: How often it has opened.
    """

    def __init__(
        self, failures: int = 1, rest: float = 1.0, clock: Callable[[], float] = time.monotonic
    ):
        if failures < 1 or not rest > 0:
            raise ValueError(
                f"The breaker got failures = {failures} and rest = {rest}; use at least 1 and a "
                "time above 0."
            )
        self.failures = failures
        self.rest = rest
        self.clock = clock
        self.opened = 0
        self._row = 0
        self._next: float | None = None

    @property
    def closed(self) -> bool:
        """Whether everything passes."""
        return self._next is None

    def allows(self) -> bool:
        """Say whether to try now; while it is open, at most one try a rest passes."""
        if self._next is None:
            return True
        now = self.clock()
        if now < self._next:
            return False
        self._next = now + self.rest  # this try; the others go on resting
        return True

    def worked(self) -> None:
        """Report a success."""
        self._row, self._next = 0, None

    def failed(self) -> None:
        """Report a failure."""
        self._row += 1
        if self._row >= self.failures:
            self.opened += self._next is None
            self._next = self.clock() + self.rest
