"""What is known about a user and an item together, and how much a feature tells about a label."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recsys_book.preprocessing.time_features import DAY, history_features

__all__ = ["information_gain", "pair_features"]


def pair_features(
    user: np.ndarray,
    item: np.ndarray,
    value: np.ndarray,
    timestamp: np.ndarray,
    window: float = 7 * DAY,
) -> pd.DataFrame:
    """Describe each event by what the same user had done with the same item before it.

    The event's own value is the target, so it is never part of its own row; nor is anything that
    happened at the same second.

    Args:
        user: (n,) user of each event.
        item: (n,) item.
        value: (n,) rating or weight.
        timestamp: (n,) whole seconds.
        window: Length of the sliding window in seconds.

    Returns:
        A frame of n rows in the order of the input: ``pair_count``, ``pair_mean`` and
        ``pair_pause`` (NaN the first time), and ``pair_recent`` (events in the window).

    Source: the as-of-time rule of Kaufman et al. 2012.
    """
    names = np.column_stack([np.unique(column, return_inverse=True)[1] for column in (user, item)])
    pair = np.unique(names, axis=0, return_inverse=True)[1].reshape(-1)
    features = history_features(pair, pair, value, timestamp, window)
    ours = [name for name in features if name.startswith("user_")]
    return features[ours].rename(columns=lambda name: name.replace("user_", "pair_"))


def information_gain(feature: np.ndarray, label: np.ndarray) -> float:
    """Bits of the label's entropy that knowing a category takes away.

    This is the mutual information of two categorical columns. A column with a value of its own in
    every row takes all of it away and predicts nothing, so judge it on other rows than it was
    chosen on. For quantities use ``filter_scores``.

    Source: Quinlan 1986, Induction of Decision Trees.

    Args:
        feature: (n,) categories.
        label: (n,) categories.

    Returns:
        The gain, from 0 (independent) to the entropy of the label.

    Raises:
        ValueError: If the columns are empty or differ in length.
    """
    if len(feature) != len(label) or not len(label):
        raise ValueError(
            f"The feature has {len(feature)} rows and the label {len(label)}; give as many of both."
        )
    table = pd.crosstab(np.asarray(feature), np.asarray(label)).to_numpy() / len(label)
    independent = np.outer(table.sum(axis=1), table.sum(axis=0))
    seen = table > 0
    return float(max(0.0, (table[seen] * np.log2(table[seen] / independent[seen])).sum()))
