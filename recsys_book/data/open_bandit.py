"""The Open Bandit Dataset: a fashion shop's log under two policies, one of them at random.

Source: Saito, Aihara, Matsutani & Narita (2021), Open Bandit Dataset and Pipeline: Towards
Realistic and Reproducible Off-Policy Evaluation, NeurIPS Datasets and Benchmarks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recsys_book.data.errors import DataError
from recsys_book.data.fetching import fetch
from recsys_book.data.logged import BanditLog

CAMPAIGNS = ("all", "men", "women")
POLICIES = ("random", "bts")
_USER = [f"user_feature_{i}" for i in range(4)]
_COLUMNS = ["timestamp", "item_id", "position", "click", "propensity_score", *_USER]


@dataclass(frozen=True, eq=False)
class OpenBandit:
    """One log of the release: the type that estimators speak, and the tables as published.

    Attributes:
        log: the rows of the file in its order (by time). The context is a one-hot code of the
            four user features; ``features`` names its columns. ``action`` is ``item_id``,
            ``position`` is counted from 0 (the file counts from 1).
        items: one row an item: item_id, item_feature_0 (a number) to item_feature_3 (hashed).
        rows: the file itself, one row a row of ``log``.
        features: names of the columns of ``log.context``.
    """

    log: BanditLog
    items: pd.DataFrame
    rows: pd.DataFrame
    features: tuple[str, ...]


def load_open_bandit(
    campaign: str = "all", policy: str = "random", folder: str | Path | None = None
) -> OpenBandit:
    """Load one of the six logs of the small release, fetching and verifying it the first time.

    Facts of the files (10,000 rows each, 24 to 30 November 2019, no empty cell, sorted by time):
    ``all`` has 80 items, ``men`` 34, ``women`` 46; a page has three positions and a row is one of
    them, about a third each. Clicks: 38, 46, 46 under ``random`` and 42, 69, 46 under ``bts``
    (in the order all, men, women). The propensity is that of the item in its position: 1/items
    under ``random``; under ``bts`` it moves from row to row (Thompson sampling draws from a
    posterior that is updated all the time) and lies between 0.000001 and 0.963. The propensities
    under ``bts`` are multiples of 1/200,000, since they were computed by simulation of Beta
    Thompson sampling; of 30,000 rows five are not, four at 1/items and one at 0.000001. No row
    occurs twice; 2 to 22 rows of a log share their time with another, so they are probably a page.
    The user features are hashed alike in both logs of a campaign (a few levels occur in one log
    only); the item features 1 to 3 are hashed differently, but group the items alike.

    Args:
        campaign: ``"all"``, ``"men"`` or ``"women"``.
        policy: who chose: ``"random"`` (uniform) or ``"bts"`` (Bernoulli Thompson sampling).
        folder: a folder ``{random,bts}/{all,men,women}/*.csv`` read as it is and not verified.
            ``None`` takes the verified copy of the cache.

    Returns:
        The log and its tables. The two logs of a campaign have the same columns of context and
        the same ``action_context``, so that a model of one can be used on the other.

    Raises:
        DataError: an unknown campaign or policy, a file that cannot be fetched or lacks a
            column, or a row that a :class:`BanditLog` refuses.
    """
    if campaign not in CAMPAIGNS or policy not in POLICIES:
        raise DataError(
            f"The Open Bandit Dataset has no log '{policy}/{campaign}'; the campaigns are "
            f"{', '.join(CAMPAIGNS)} and the policies {', '.join(POLICIES)}."
        )
    root = fetch("open-bandit") if folder is None else Path(folder)
    rows = _read(root / policy / campaign / f"{campaign}.csv", _COLUMNS)
    items = _read(root / policy / campaign / "item_context.csv", ["item_id"])
    items = items.sort_values("item_id", ignore_index=True)
    other = POLICIES[1 - POLICIES.index(policy)]
    people = _read(root / other / campaign / f"{campaign}.csv", _USER, only=True)
    context, features = _one_hot(rows[_USER], people)
    log = BanditLog(
        context=context,
        action=rows["item_id"].to_numpy(),
        reward=rows["click"].to_numpy(),
        propensity=rows["propensity_score"].to_numpy(),
        position=rows["position"].to_numpy() - 1,
        n_actions=len(items),
        n_positions=3,
        action_context=_describe(items),
        timestamp=pd.to_datetime(rows["timestamp"], format="ISO8601").to_numpy("datetime64[us]"),
    )
    return OpenBandit(log, items, rows, features)


def _read(path: Path, columns: list[str], only: bool = False) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, usecols=columns if only else None)
    except (OSError, ValueError) as problem:
        raise DataError(f"{path} cannot be read ({problem}); fetch the release again.") from None
    missing = [name for name in columns if name not in frame]
    if missing:
        raise DataError(f"{path} has no column '{missing[0]}'; fetch the release again.")
    return frame.drop(columns=[name for name in frame if str(name).startswith("Unnamed")])


def _one_hot(rows: pd.DataFrame, others: pd.DataFrame) -> tuple[np.ndarray, tuple[str, ...]]:
    """(n, d) 0/1 and the columns' names; the levels of both logs, so that the columns agree."""
    blocks, names = [], []
    for feature in _USER:
        levels = np.union1d(rows[feature].astype(str), others[feature].astype(str))
        blocks.append(rows[feature].astype(str).to_numpy()[:, None] == levels[None, :])
        names += [f"{feature}={level[:6]}" for level in levels]
    return np.hstack(blocks).astype(np.float64), tuple(names)


def _describe(items: pd.DataFrame) -> np.ndarray:
    """(K, d_a): the number as it is, the hashed features one-hot in order of first occurrence."""
    blocks = []
    for name in [c for c in items if c.startswith("item_feature_")]:
        if pd.api.types.is_numeric_dtype(items[name]):
            blocks.append(items[[name]].to_numpy(np.float64))
        else:
            codes = pd.factorize(items[name])[0]
            blocks.append(np.eye(codes.max() + 1)[codes])
    return np.hstack(blocks)
