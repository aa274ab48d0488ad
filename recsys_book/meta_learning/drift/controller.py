"""From a stream of losses to an action: keep the model, update it, or start anew."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from recsys_book.meta_learning.drift.adwin import ADWIN
from recsys_book.meta_learning.drift.detection import check_value


class Action(StrEnum):
    """What a controller asks for."""

    KEEP = "keep"
    UPDATE = "update"
    RESET = "reset"


class AdaptiveController:
    """Watch a model's losses, and say what to do with the model.

    An alarm of the detector with losses that rose asks for a reset. Otherwise, at the end of each
    window of losses, their mean is compared with the best window since the last reset: above it by
    more than the tolerance, the model is to be updated. Everything else keeps the model, also an
    alarm because losses *fell*.

    Args:
        detector: An ``ADWIN`` of its own.
        window: Losses in a window, at least 1.
        tolerance: Share by which a window may be worse than the best.
        scale: Losses are divided by this, and cut off at 1, before the detector reads them.

    Attributes:
        best: Mean of the best window since the last reset; infinite before the first.

    Raises:
        ValueError: If a setting is out of range, or ``step`` reads NaN.
    """

    def __init__(
        self, detector: ADWIN, window: int = 100, tolerance: float = 0.1, scale: float = 1.0
    ):
        if window < 1 or tolerance < 0 or not scale > 0:
            raise ValueError(
                f"window is {window}, tolerance {tolerance} and scale {scale}; use at least one"
                " loss, a share of at least 0, and a scale above 0."
            )
        self.detector = detector
        self.window = window
        self.tolerance = tolerance
        self.scale = scale
        self.n_seen = 0
        self._restart()

    def _restart(self) -> None:
        self.best = float("inf")
        self._sum, self._n = 0.0, 0

    def step(self, loss: float) -> Action:
        """Read the next loss.

        Args:
            loss: At least 0; of a prediction made before the model saw the event.

        Returns:
            The action.

        Raises:
            ValueError: If the loss is NaN or infinite.
        """
        loss = check_value(loss, self.n_seen, "AdaptiveController")
        self.n_seen += 1
        if self.detector.update(min(loss / self.scale, 1.0)) and self.detector.rose:
            self._restart()
            return Action.RESET
        self._sum += loss
        self._n += 1
        if self._n < self.window:
            return Action.KEEP
        mean, self._sum, self._n = self._sum / self._n, 0.0, 0
        worse = mean > (1 + self.tolerance) * self.best
        self.best = min(self.best, mean)
        return Action.UPDATE if worse else Action.KEEP


class FeatureModel(Protocol):
    """A model of one number from features that learns event by event."""

    def predict(self, x: np.ndarray) -> float:
        """Predict one target."""
        ...

    def partial_fit(self, x: np.ndarray, y: float) -> Any:
        """Learn from one event."""
        ...


class RestartOnAlarm:
    """An online model that is started anew when its errors raise an alarm.

    After an alarm the new model is given the events after the detector's clearest cut, which are
    those since the change, as far as the detector can tell. With a meta-learned start this is
    re-adaptation: the detector chooses the support set, and the start was learned to need few.

    Args:
        start: Returns a new model, such as ``lambda: OnlineRidge(16)``.
        detector: An ``ADWIN`` of its own.
        scale: Absolute errors are divided by this, and cut off at 1, for the detector.
        memory: Latest events that are kept for a restart.
        recall: Whether replaced models are remembered, and one of them is taken up again where it
            predicts the events since the change better than a new model, tested then trained, does:
            for tastes that come back.

    Attributes:
        model: The present model.
        alarms: Events, from 0, at which the model was started anew.

    Raises:
        ValueError: If the scale or the memory is not above 0.
    """

    def __init__(
        self,
        start: Callable[[], FeatureModel],
        detector: ADWIN,
        scale: float = 1.0,
        memory: int = 500,
        recall: bool = False,
    ):
        if not scale > 0 or memory < 1:
            raise ValueError(f"scale is {scale} and memory {memory}; use numbers above 0.")
        self.start = start
        self.detector = detector
        self.scale = scale
        self.memory = memory
        self.recall = recall
        self.model = start()
        self.alarms: list[int] = []
        self._library: list[FeatureModel] = []
        self._events: list[tuple[np.ndarray, float]] = []
        self._n = 0

    def predict(self, x: np.ndarray) -> float:
        """Predict one target with the present model."""
        return self.model.predict(x)

    def partial_fit(self, x: np.ndarray, y: float) -> RestartOnAlarm:
        """Learn from one event, and start anew if the error of predicting it raises an alarm."""
        error = abs(y - self.model.predict(x)) / self.scale
        self._events = [*self._events[-self.memory + 1 :], (x, y)]
        alarm = self.detector.update(min(error, 1.0)) and self.detector.rose
        if alarm:
            self.alarms.append(self._n)
            self._restart(self._events[-self.detector.since :])
        else:
            self.model.partial_fit(x, y)
        self._n += 1
        return self

    def _restart(self, events: list[tuple[np.ndarray, float]]) -> None:
        """Start anew on the events since the change, or take up a model that knows them."""
        fresh, loss = self.start(), 0.0
        for x, y in events:
            loss += (y - fresh.predict(x)) ** 2
            fresh.partial_fit(x, y)
        if self.recall:
            losses = [sum((y - m.predict(x)) ** 2 for x, y in events) for m in self._library]
            if losses and min(losses) < loss:
                fresh = self._library.pop(int(np.argmin(losses)))
            self._library.append(self.model)  # it failed just now, so it was no candidate
        self.model = fresh
