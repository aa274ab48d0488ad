"""Which event to learn from: one of them, or the chance of joy that all of them tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.data.feed_events import FeedEvents

#: Reactions after a view that the value model reads.
REACTIONS = ("like", "comment", "share")


def _pattern(events: FeedEvents) -> np.ndarray:
    """Number the eight patterns of like, comment and share, (n,)."""
    return sum(2**j * events.happened(name).astype(int) for j, name in enumerate(REACTIONS))


@dataclass(frozen=True, eq=False)
class ValueModel:
    """Chance that a view was enjoyed, given what the user did after it.

    A few users are asked. Of those who reacted alike, the share of satisfied answers is the value;
    two imaginary answers of the overall share keep a rare pattern from claiming too much.

    Attributes:
        value: (8,) chance of joy for each pattern of like, comment and share.
        asked: Number of answers.
    """

    value: np.ndarray
    asked: int

    @classmethod
    def fit(cls, events: FeedEvents, share: float = 0.2, seed: int = 0) -> ValueModel:
        """Ask after a share of the views.

        Args:
            events: What happened.
            share: Share of the views after which the question is asked and answered.
            seed: Who is asked.

        Returns:
            The model.

        Raises:
            ValueError: If nobody was asked.
        """
        rng = np.random.default_rng([seed, 5])
        asked = events.log.clicked & (rng.random(len(events)) < share)
        if not asked.any():
            raise ValueError("Nobody was asked: pass a longer log, or a larger share.")
        answer, pattern = events.log.satisfied[asked], _pattern(events)[asked]
        n, total = np.bincount(pattern, minlength=8), np.bincount(pattern, answer, minlength=8)
        return cls((total + 2 * answer.mean()) / (n + 2), int(asked.sum()))

    def __call__(self, events: FeedEvents) -> np.ndarray:
        """Value of each place shown, (n,): 0 without a view."""
        return np.where(events.log.clicked, self.value[_pattern(events)], 0.0)


def reward(events: FeedEvents, learn_from: str, value: ValueModel | None = None) -> np.ndarray:
    """Turn events into numbers to learn from.

    Args:
        events: What happened.
        learn_from: An event of the feed, ``"satisfied"`` (which no real log holds), or ``"value"``.
        value: The model behind ``"value"``.

    Returns:
        (n,) rewards from 0 to 1.

    Raises:
        ValueError: If the value model is missing, or the event is unknown.
    """
    if learn_from != "value":
        return events.happened(learn_from).astype(float)
    if value is None:
        raise ValueError('learn_from is "value", but there is no value model: fit one first.')
    return value(events)
