"""What the server counts of itself: latencies, answers, fallbacks."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import numpy as np

#: The percentiles that are reported.
PERCENTILES = (50, 95, 99)


def percentiles(seconds: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Return p50, p95 and p99 in milliseconds: the smallest value with that share at or below it.

    Args:
        seconds: Latencies; none gives an empty dictionary.

    Returns:
        Milliseconds by name.
    """
    values = np.sort(np.asarray(seconds, dtype=np.float64))
    if not len(values):
        return {}
    places = {q: int(np.ceil(q / 100 * len(values))) - 1 for q in PERCENTILES}
    return {f"p{q}": float(1000 * values[place]) for q, place in places.items()}


class Measures:
    """Counters and the latest latencies of one server.

    Args:
        keep: Over how many of the latest requests percentiles are taken.
    """

    def __init__(self, keep: int = 4096):
        self.latencies: deque[float] = deque(maxlen=keep)
        self.statuses: Counter[int] = Counter()
        self.events: Counter[str] = Counter()

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer and its latency."""
        self.statuses[status] += 1
        self.latencies.append(seconds)

    def count(self, event: str) -> None:
        """Count something that happened, such as ``"fallback"``."""
        self.events[event] += 1

    def report(self, cache: dict[str, Any]) -> dict[str, Any]:
        """Return everything as a dictionary.

        Args:
            cache: What the cache counts.

        Returns:
            Requests, statuses, latency in milliseconds, cache and events.
        """
        asked = cache.get("hits", 0) + cache.get("misses", 0)
        rate = cache.get("hits", 0) / asked if asked else None
        return {
            "requests": sum(self.statuses.values()),
            "statuses": {str(status): n for status, n in sorted(self.statuses.items())},
            "latency_ms": percentiles(list(self.latencies)),
            "cache": {**cache, "hit_rate": rate},
            "events": dict(self.events),
        }


def exposition(report: dict[str, Any]) -> str:
    """Write a report in the text format that Prometheus reads.

    Args:
        report: From ``Measures.report``.

    Returns:
        One line a number, with its type.
    """
    lines = ["# TYPE recs_requests_total counter"]
    for status, n in report["statuses"].items():
        lines.append(f'recs_requests_total{{status="{status}"}} {n}')
    lines.append("# TYPE recs_latency_seconds summary")
    for name, value in report["latency_ms"].items():
        quantile = int(name[1:]) / 100
        lines.append(f'recs_latency_seconds{{quantile="{quantile}"}} {value / 1000:.6f}')
    lines.append("# TYPE recs_cache_total counter")
    for name in ("hits", "misses", "errors", "fallbacks"):
        lines.append(f'recs_cache_total{{kind="{name}"}} {report["cache"].get(name, 0)}')
    lines.append("# TYPE recs_events_total counter")
    for name, n in sorted(report["events"].items()):
        lines.append(f'recs_events_total{{event="{name}"}} {n}')
    return "\n".join(lines) + "\n"
