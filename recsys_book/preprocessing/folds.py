"""Several splits of one log: rolling temporal cuts, expanding folds, and random folds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from recsys_book.data.interactions import Interactions
from recsys_book.preprocessing.splitting import (
    Split,
    check_share,
    cut_at,
    make_split,
    time_order,
)

__all__ = ["kfold", "rolling_cuts", "time_series_folds"]


def rolling_cuts(
    interactions: Interactions,
    starts: Sequence[float] = (0.5, 0.6, 0.7, 0.8, 0.9),
    width: float = 0.1,
    drop_cold_users: bool = True,
) -> Iterator[Split]:
    """Cut the log at several moments; each cut is tested on the next stretch of events only.

    Args:
        interactions: n events.
        starts: Shares of the rows before each cut, each inside (0, 1).
        width: Share of the rows in the test stretch after each cut.
        drop_cold_users: Drop test rows of users that train does not know at that cut.

    Yields:
        One split a cut, in time order.

    Raises:
        ValueError: If a cut or its test stretch does not fit inside the log, or leaves no test row.
    """
    order, n = time_order(interactions), len(interactions)
    check_share(width)
    for start in starts:
        check_share(start)
        if start + width > 1 + 1e-9:
            raise ValueError(
                f"the cut at {start:g} with width {width:g} reaches past the end of the log; "
                "make start + width at most 1."
            )
        cut, end = int(round(n * start)), int(round(n * (start + width)))
        name = f"rolling_{start:g}"
        yield cut_at(interactions, order[:cut], order[cut:end], name, drop_cold_users)


def time_series_folds(
    interactions: Interactions, k: int = 5, drop_cold_users: bool = False
) -> Iterator[Split]:
    """Expanding-window folds: train on everything before the fold, test on the fold.

    The last ``k`` of ``k + 1`` stretches of ``n // (k + 1)`` events are tested one after the
    other, as in scikit-learn's ``TimeSeriesSplit``.

    Args:
        interactions: n events.
        k: Number of folds, at least 2 and less than n.
        drop_cold_users: Drop test rows of users that train does not know.

    Yields:
        ``k`` splits in time order.

    Raises:
        ValueError: If ``k`` is below 2 or not below n.
    """
    _check_folds(k, len(interactions) - 1)
    order, size = time_order(interactions), len(interactions) // (k + 1)
    for fold in range(k):
        cut = len(order) - size * (k - fold)
        before, after = order[:cut], order[cut : cut + size]
        yield cut_at(interactions, before, after, f"time_series_{fold}", drop_cold_users)


def kfold(interactions: Interactions, k: int = 5, seed: int = 0) -> Iterator[Split]:
    """K random folds: each row is tested once and trained on k - 1 times.

    Right for exchangeable rows; on a log it trains on the future of the rows it tests.

    Args:
        interactions: n events.
        k: Number of folds, at least 2 and at most n.
        seed: Seed of the permutation.

    Yields:
        ``k`` splits that keep the row order of the input; fold sizes differ by at most one row.

    Raises:
        ValueError: If ``k`` is below 2 or above n.
    """
    _check_folds(k, len(interactions))
    shuffled = np.random.default_rng(seed).permutation(len(interactions))
    for fold, rows in enumerate(np.array_split(shuffled, k)):
        held = np.zeros(len(interactions), dtype=bool)
        held[rows] = True
        yield make_split(interactions, np.flatnonzero(~held), np.flatnonzero(held), f"kfold_{fold}")


def _check_folds(k: int, most: int) -> None:
    """Refuse fewer than two folds and more folds than the rows allow."""
    if k < 2:
        raise ValueError(f"k-fold needs at least 2 folds but k is {k}.")
    if k > most:
        raise ValueError(f"{k} folds need more events than there are; k may be at most {most}.")
