"""What the source articles say about cleaning data, word for word in code, and where it fails.

Each function is the faulty version. The right version is in ``recsys_book.preprocessing``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd


def pre_01_set_deduplication(records: Sequence[Hashable], multiset: bool) -> list:
    """PRE-01: remove duplicates by ``D' = {x in D | x not in D - {x}}``.

    Article S0b §4.1.1 (data cleaning, deduplication). If ``D`` is a set the condition always holds
    and nothing goes. If ``D`` is a multiset and ``D - {x}`` takes one copy away, every copy of a
    duplicated record goes, and what is duplicated throughout leaves nothing.

    Args:
        records: The records.
        multiset: Read ``D`` as a multiset instead of as a set.

    Returns:
        The records that satisfy the condition, in order.
    """
    if not multiset:
        everything = set(records)
        return [x for x in records if x not in everything - {x}]
    kept = []
    for x in records:
        rest = list(records)
        rest.remove(x)
        if x not in rest:
            kept.append(x)
    return kept


def pre_02_remove_duplicated_rows(X: np.ndarray) -> np.ndarray:
    """PRE-02: ``X_clean = remove_duplicated(X)`` on the user-item matrix.

    Article S0a §4.1, step 1. The rows of ``X`` are users, so two users with the same history
    become one. In sparse data most rows can go that way; most of those are simply empty.

    Args:
        X: (users, items) matrix.

    Returns:
        The matrix without repeated rows.
    """
    return np.unique(np.asarray(X), axis=0)


def pre_03_fill_by_union(values: Sequence, fill: object) -> list:
    """PRE-03: fill the holes by ``F' = {x in F | x in F u {f_fill}}``.

    Article S0b §4.1.1 (missing data). Every element of ``F`` is in the union, holes included, so
    the formula returns ``F``.

    Args:
        values: The values; None is a hole.
        fill: The fill value, which the formula never uses.

    Returns:
        The values that satisfy the condition: all of them, unchanged.
    """
    allowed = set(values) | {fill}
    return [x for x in values if x in allowed]


def pre_08_purchase_frequency(log: pd.DataFrame) -> pd.Series:
    """PRE-08: ``drop_duplicates()``, then count every row of a user as a purchase.

    Article S1 §4.4.1 (``groupby('user_id')['item_id'].transform('count')``). Views are counted as
    purchases, repeat purchases are deleted first, and nothing is divided by any time.

    Args:
        log: Event log with the columns ``user``, ``item`` and ``event``.

    Returns:
        The alleged purchase frequency of each user.
    """
    unique = log[["user", "item", "event"]].drop_duplicates()
    return unique.groupby("user")["item"].count().rename("purchase_frequency")


def pre_09_fill_with_frame_mean(frame: pd.DataFrame) -> pd.DataFrame:
    """PRE-09: ``df.fillna(df.mean())`` on the whole table, before any split.

    Article S0b §5.2, ``preprocess_data``. A text column has no mean, so pandas raises; on a
    table of numbers it fills the target too, with a statistic of rows that are later tested on.

    Args:
        frame: Any table.

    Returns:
        The filled table, if all columns are numbers.

    Raises:
        TypeError: If a column holds text.
    """
    return frame.fillna(frame.mean())


def pre_17_z_score_outliers(values: Sequence[float], threshold: float = 3.0) -> np.ndarray:
    """PRE-17: call a value an outlier when its z-score exceeds 3, whatever the sample size.

    Article S1 §4.6.1. Among n values no z-score exceeds (n - 1) / sqrt(n), which is below 3 up to
    n = 10: in a short history nothing is ever an outlier.

    Args:
        values: (n,) numbers.
        threshold: Greatest z-score that is not an outlier.

    Returns:
        (n,) booleans.
    """
    x = np.asarray(values, dtype=float)
    return np.abs(x - x.mean()) > threshold * x.std(ddof=1)


def pre_18_fill_ratings_with_mean(ratings: np.ndarray) -> np.ndarray:
    """PRE-18: fill missing ratings with the mean of the observed ones.

    Articles S0b §3.1.1 and §5.5, S1 §4.6.1, S2 4.2.2. People rate what they like, so the observed
    mean is too high, and a constant in every hole shrinks the variance.

    Args:
        ratings: Ratings with NaN for holes.

    Returns:
        The filled ratings.
    """
    r = np.asarray(ratings, dtype=float)
    return np.where(np.isnan(r), np.nanmean(r), r)


def pre_18_fill_ratings_at_random(ratings: np.ndarray, seed: int) -> np.ndarray:
    """PRE-18: fill missing ratings at random, as "data augmentation".

    Article S0b §5.5 point 3 and question 4 of its appendix. Each filled cell is an invented label.

    Args:
        ratings: Ratings with NaN for holes.
        seed: Seed of the invention.

    Returns:
        The filled ratings, with whole stars from 1 to 5 in the holes.
    """
    r = np.asarray(ratings, dtype=float)
    return np.where(np.isnan(r), np.random.default_rng(seed).integers(1, 6, r.shape), r)
