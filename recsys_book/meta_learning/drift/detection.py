"""What every drift detector shares: one number in, one alarm out; and how to judge the alarms."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Detector(Protocol):
    """A drift detector reads one number an event; it predicts nothing and learns no task."""

    def update(self, value: float) -> bool:
        """Read the next value and return whether the stream's law has changed."""
        ...


def check_value(value: float, position: int, who: str) -> float:
    """Return a stream's value as a float, or say which one is no number.

    Args:
        value: The value.
        position: Its position in the stream, from 0.
        who: The reader's name, for the message.

    Returns:
        The value.

    Raises:
        ValueError: If the value is NaN or infinite.
    """
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(
            f"{who} read {number} at position {position} of its stream; drop or repair the value"
            " before the detector sees it, because a mean with it in is lost for good."
        )
    return number


def find_alarms(detector: Detector, stream: Iterable[float]) -> np.ndarray:
    """Return the positions, from 0, at which a detector raises its alarm.

    Args:
        detector: A detector; it goes on from whatever it has read before.
        stream: Numbers in time order.

    Returns:
        Increasing positions, int64.
    """
    return np.array([t for t, x in enumerate(stream) if detector.update(x)], dtype=np.int64)


@dataclass(frozen=True)
class AlarmReport:
    """How alarms fit the dates of known changes.

    Attributes:
        false_alarms: Alarms that no change explains.
        delays: Events from each detected change to its first alarm, shape (n_detected,).
        missed: Changes without an alarm.
    """

    false_alarms: int
    delays: np.ndarray
    missed: int


def judge_alarms(alarms: np.ndarray, changes: np.ndarray, patience: int) -> AlarmReport:
    """Match alarms with known changes.

    The first alarm within ``patience`` events after a change, and before the next change, detects
    it. Every other alarm is false, also a second alarm for the same change.

    Args:
        alarms: Increasing positions of alarms.
        changes: Increasing positions of the first event under a new law.
        patience: Events after a change within which an alarm counts for it, at least 1.

    Returns:
        False alarms, delays and missed changes.

    Raises:
        ValueError: If the patience is below 1.
    """
    if patience < 1:
        raise ValueError(f"patience is {patience}; allow at least one event after a change.")
    alarms, changes = np.asarray(alarms), np.asarray(changes)
    ends = np.append(changes[1:], np.iinfo(np.int64).max)
    delays = []
    for start, end in zip(changes, ends):
        inside = alarms[(alarms >= start) & (alarms < min(end, start + patience))]
        delays += [int(inside[0] - start)] if len(inside) else []
    found = np.array(delays, dtype=np.int64)
    return AlarmReport(len(alarms) - len(found), found, len(changes) - len(found))
