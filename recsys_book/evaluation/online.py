"""What an online test is made of: who sees which version, ratios over users, time per session."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from recsys_book.evaluation.checks import as_numbers, same_shape

__all__ = ["assign_arms", "ratio_interval", "session_lengths"]


def assign_arms(
    users: Iterable, experiment: str, shares: tuple[float, ...] = (0.5, 0.5)
) -> np.ndarray:
    """Assign users to the versions of a test, at random but always in the same way.

    The hash of the experiment's name and the user's id is a number between 0 and 1 that nobody
    chose. No table has to be kept, a user who comes back sees the same version, and two experiments
    are independent because their names differ.

    Source: Kohavi, Tang & Xu 2020, Trustworthy Online Controlled Experiments.

    Args:
        users: Ids, (n,).
        experiment: Name of the experiment.
        shares: Share of the users in each arm, adding up to 1.

    Returns:
        Arm of each user, from 0, int64, shape (n,).

    Raises:
        ValueError: If a share is not positive or they do not add up to 1.
    """
    if min(shares) <= 0 or not np.isclose(sum(shares), 1):
        raise ValueError(f"shares is {shares}; give positive numbers that add up to 1.")
    digests = (hashlib.sha256(f"{experiment}\0{user}".encode()).digest() for user in users)
    unit = np.array([int.from_bytes(d[:8], "big") / 2**64 for d in digests])
    return np.searchsorted(np.cumsum(shares)[:-1], unit, side="right").astype(np.int64)


def ratio_interval(
    numerator: np.ndarray,
    denominator: np.ndarray,
    level: float = 0.95,
    n: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Ratio of two sums over users, such as clicks over impressions, with a bootstrap interval.

    Users are resampled, not impressions: the clicks of one person hang together, so an interval
    that treats impressions as independent is too narrow.

    Args:
        numerator: For instance clicks of each user, shape (n_users,).
        denominator: For instance impressions of each user, not all zero, shape (n_users,).
        level: Share of the resampled ratios inside.
        n: Number of resamples.
        seed: Seed of the resamples.

    Returns:
        The ratio, and the lower and upper end of its interval.

    Raises:
        ValueError: If the shapes differ, a value is missing, a denominator is negative, all are
            zero, or the level is not between 0 and 1.
    """
    a, b = as_numbers("numerator", numerator, 1), as_numbers("denominator", denominator, 1)
    same_shape("numerator", a, "denominator", b)
    if b.min() < 0 or b.sum() == 0:
        raise ValueError("The denominators must be zero or above and not all zero.")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; give a number between 0 and 1.")
    weights = np.random.default_rng(seed).multinomial(len(a), np.full(len(a), 1 / len(a)), n)
    below = weights @ b
    ratios = (weights @ a)[below > 0] / below[below > 0]
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return float(a.sum() / b.sum()), float(low), float(high)


def session_lengths(session: np.ndarray, timestamp: np.ndarray) -> np.ndarray:
    """Time between the first and the last event of each session.

    What happened after the last event is not in the log, so these are lower bounds, and a session
    of one event has length 0.

    Args:
        session: Session of each event, for instance from ``preprocessing.sessions``, shape (n,).
        timestamp: Seconds, shape (n,).

    Returns:
        Seconds of each session that occurs, in the order of the session numbers.

    Raises:
        ValueError: If the shapes differ or a value is missing.
    """
    s, t = as_numbers("session", session, 1), as_numbers("timestamp", timestamp, 1)
    same_shape("session", s, "timestamp", t)
    order = np.lexsort((t, s))
    first = np.flatnonzero(np.diff(s[order], prepend=np.nan) != 0)
    last = np.append(first[1:], len(s)) - 1
    return t[order][last] - t[order][first]
