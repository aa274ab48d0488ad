"""Sampling a log to cut cost, with the bias stated: fewer events, drawn negatives."""

from __future__ import annotations

import numpy as np

from recsys_book.data.interactions import Interactions

__all__ = ["expected_items_kept", "sample_events", "sample_negatives"]


def sample_events(interactions: Interactions, share: float, seed: int = 0) -> Interactions:
    """Keep each event with the same probability: histories shrink and rare items vanish.

    Args:
        interactions: n events.
        share: Probability of keeping an event, inside (0, 1).
        seed: Seed of the choice.

    Returns:
        The kept events, in the same row order.

    Raises:
        ValueError: If the share is not inside (0, 1).
    """
    _check(share)
    return interactions.select(np.random.default_rng(seed).random(len(interactions)) < share)


def expected_items_kept(events: np.ndarray, share: float) -> float:
    """Expected number of items that keep at least one event under ``sample_events``.

    Args:
        events: ``(n_items,)`` numbers of events.
        share: Probability of keeping an event, inside (0, 1).

    Returns:
        The expected number of items left.

    Raises:
        ValueError: If the share is not inside (0, 1).
    """
    _check(share)
    return float(np.sum(1 - (1 - share) ** np.asarray(events, dtype=np.float64)))


def sample_negatives(
    interactions: Interactions, per_positive: int = 1, power: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw items that stand for "not chosen", for training a model that needs negatives.

    Items are drawn with probability proportional to their count raised to ``power``. The draws
    are biased by design, and a share of them are items that the user did choose; a loss that
    should estimate the full softmax subtracts the returned log-probability. Never rank a test
    item against drawn negatives: the metric changes its meaning (Krichene and Rendle, 2020).

    Args:
        interactions: n positive events.
        per_positive: Number of negatives an event.
        power: 0 draws uniformly, 1 by popularity, 0.75 as word2vec does.
        seed: Seed of the draws.

    Returns:
        ``(n * per_positive,)`` user positions, item positions, and log-probabilities of the items.

    Raises:
        ValueError: If ``per_positive`` is below 1.
    """
    if per_positive < 1:
        raise ValueError(f"per_positive must be at least 1 but is {per_positive}.")
    count = np.bincount(interactions.item, minlength=interactions.n_items)
    weight = np.where(count > 0, np.maximum(count, 1.0) ** power, 0.0 if power > 0 else 1.0)
    probability = weight / weight.sum()
    users = np.repeat(interactions.user, per_positive)
    rng = np.random.default_rng(seed)
    items = rng.choice(interactions.n_items, size=len(users), p=probability)
    return users, items, np.log(probability[items])


def _check(share: float) -> None:
    """Refuse a share outside the open interval (0, 1)."""
    if not 0 < share < 1:
        raise ValueError(f"a share must lie strictly between 0 and 1 but is {share!r}.")
