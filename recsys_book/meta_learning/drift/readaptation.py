"""A meta-learned start in a stream: adapt to the events since the last alarm."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch

from recsys_book.meta_learning.drift.detection import check_value
from recsys_book.meta_learning.functional import predict
from recsys_book.meta_learning.tasks import TaskBatch


class MetaStart:
    """A model that starts from a meta-learned network and adapts it to its latest events.

    The support set is what ``partial_fit`` was given since the object was made. The inner loop
    always begins at the meta-learned start, so that nothing is forgotten and no error adds up.

    Args:
        learner: A trained meta-learner with ``module`` and ``adapt(batch)``, such as ``MAML``.
        memory: Latest events in the support set, at least 1.
        every: Most events between two adaptations, at least 1; a small support set is adapted to
            as soon as it has grown by a fifth.
        steps: Inner steps; ``None`` takes the learner's.

    Raises:
        ValueError: If a setting is below 1, or a target is NaN.
        NonFiniteTaskError: If the inner loop diverges.
    """

    def __init__(self, learner: Any, memory: int = 100, every: int = 20, steps: int | None = None):
        if memory < 1 or every < 1:
            raise ValueError(f"memory is {memory} and every {every}; use at least one event.")
        self.learner = learner
        self.memory = memory
        self.every = every
        self.steps = steps
        self.n_events = 0
        self._x: list[np.ndarray] = []
        self._y: list[float] = []
        named = learner.module.named_parameters()
        self._params = {name: value.detach() for name, value in named}
        self._stale, self._adapted_at = False, 0

    def predict(self, x: np.ndarray) -> float:
        """Predict the target of one row, shape (n_features,)."""
        if self._stale:
            self._adapt()
        with torch.no_grad():
            rows = torch.as_tensor(np.asarray(x)[None], dtype=torch.float32)
            return float(predict(self.learner.module, self._params, rows)[0])

    def partial_fit(self, x: np.ndarray, y: float) -> Self:
        """Add one event to the support set.

        Args:
            x: Features, shape (n_features,).
            y: Target.

        Returns:
            The model.
        """
        self._y = [*self._y[-self.memory + 1 :], check_value(y, self.n_events, "MetaStart")]
        self._x = [*self._x[-self.memory + 1 :], np.asarray(x, dtype=np.float32)]
        self.n_events += 1
        grown = self.n_events - self._adapted_at
        self._stale = grown >= min(self.every, max(1, self.n_events // 5))
        return self

    def _adapt(self) -> None:
        support = np.stack(self._x), np.array(self._y, dtype=np.float32)
        batch = TaskBatch.from_ragged(
            [support[0]], [support[1]], [support[0]], [support[1]], labels=["the stream"]
        )
        adapted = self.learner.adapt(batch, steps=self.steps)
        self._params = {name: value[0].detach() for name, value in adapted.items()}
        self._stale, self._adapted_at = False, self.n_events
