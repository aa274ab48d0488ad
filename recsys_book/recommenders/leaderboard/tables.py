"""From the stored measurements to the tables and differences of the leaderboard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recsys_book.recommenders.leaderboard.entry import PROTOCOLS
from recsys_book.recommenders.leaderboard.protocols import test_splits

if TYPE_CHECKING:
    from recsys_book.data import Interactions

Measured = Mapping[str, Mapping[str, Any]]


def read_results(folder: Path, protocol: str) -> dict[str, dict[str, Any]]:
    """Read what ``recsys-book leaderboard`` stored for a protocol.

    Args:
        folder: The folder of the leaderboard, ``results/leaderboard``.
        protocol: One of ``PROTOCOLS``.

    Returns:
        The result of each model, by name.

    Raises:
        ValueError: If the protocol is unknown, or nothing is stored for it.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"There is no protocol {protocol!r}; use one of {', '.join(PROTOCOLS)}.")
    files = sorted((folder / protocol).glob("*.json"))
    if not files:
        raise ValueError(
            f"{folder / protocol} holds no result; run `recsys-book leaderboard` first."
        )
    results = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return {result["name"]: result for result in results}


def test_users(protocol: str, interactions: Interactions) -> np.ndarray:
    """Return whom each stored value belongs to.

    Args:
        protocol: A protocol of rankings.
        interactions: The whole log.

    Returns:
        User positions, split after split, in the order of the stored values.
    """
    splits = test_splits(protocol, interactions)
    return np.concatenate([np.unique(split.test.user) for split in splits])


test_users.__test__ = False  # not a test, whatever pytest thinks of its name


def values_of(result: Mapping[str, Any]) -> np.ndarray:
    """Return the stored nDCG@10 values of a model, split after split.

    Args:
        result: What was stored for a model.

    Returns:
        One value a test person and split.
    """
    return np.concatenate([split["ndcg"] for split in result["splits"]])


def mean_over_people(
    total: np.ndarray, count: np.ndarray, n: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Return a mean over values that come in groups, one group a person, with its interval.

    A person tested in several splits gives several values, and they are not independent. So whole
    people are drawn again, each with all of their values.

    Args:
        total: Sum of the values of each person.
        count: Number of values of each person.
        n: Number of resamples.
        seed: Seed of the resamples.

    Returns:
        The mean of all values, and the lower and upper end of its 95 % bootstrap interval.
    """
    drawn = np.random.default_rng(seed).integers(len(total), size=(n, len(total)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(total.sum() / count.sum()), float(low), float(high)


def ranking_table(results: Measured, users: np.ndarray) -> pd.DataFrame:
    """Return a line a model, best first.

    Args:
        results: Stored results of one protocol.
        users: Whom each value belongs to, from ``test_users``.

    Returns:
        Columns ``ndcg``, ``low``, ``high`` (95 % interval over people), ``recall``, ``coverage``,
        ``fit_cpu_seconds``, ``microseconds_per_user``, ``parameters``, ``tried``, ``chapter``.
    """
    rows = {}
    for name, result in results.items():
        mean, low, high = mean_over_people(*_by_person(values_of(result), users))
        rows[name] = {"ndcg": mean, "low": low, "high": high, **_costs(result)}
    return _best_first(rows, "ndcg", ascending=False)


def rating_table(results: Measured) -> pd.DataFrame:
    """Return a line a model that predicts ratings, lowest error first.

    Args:
        results: Stored results of the protocol ``"ratings"``.

    Returns:
        Columns ``rmse``, ``low``, ``high`` (95 % interval over people), ``mae``,
        ``fit_cpu_seconds``, ``parameters``, ``tried``, ``chapter``.
    """
    rows = {}
    for name, result in results.items():
        (split,) = result["splits"]
        mse = mean_over_people(np.array(split["squared_error"]), np.array(split["events"]))
        rmse, low, high = np.sqrt(mse)
        rows[name] = {"rmse": rmse, "low": low, "high": high, "mae": split["mae"]}
        rows[name].update(_costs(result))
    return _best_first(rows, "rmse", ascending=True)


@dataclass(frozen=True)
class Difference:
    """Two models compared on the same people.

    Attributes:
        mean: Mean difference of nDCG@10 over all values.
        low: Lower end of its 95 % bootstrap interval over people.
        high: Upper end.
        ratio: Mean of the one divided by the mean of the other.
    """

    mean: float
    low: float
    high: float
    ratio: float

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or, while zero is inside the interval, ``tie``."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "tie"


def compare(results: Measured, users: np.ndarray, name: str, other: str) -> Difference:
    """Compare two models person by person.

    Args:
        results: Stored results of one protocol.
        users: Whom each value belongs to.
        name: The model of interest.
        other: The model it is compared with.

    Returns:
        The mean difference with its interval.

    Raises:
        ValueError: If one of the two has no stored result.
    """
    for each in (name, other):
        if each not in results:
            raise ValueError(f"There is no stored result of {each!r}; it has {', '.join(results)}.")
    mine, theirs = values_of(results[name]), values_of(results[other])
    mean, low, high = mean_over_people(*_by_person(mine - theirs, users))
    return Difference(mean, low, high, float(mine.mean() / theirs.mean()))


def _by_person(values: np.ndarray, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum and the number of the values of each person."""
    _, where, count = np.unique(users, return_inverse=True, return_counts=True)
    return np.bincount(where, values), count


def _costs(result: Mapping[str, Any]) -> dict[str, Any]:
    splits = result["splits"]
    keys = ("recall", "coverage", "fit_cpu_seconds", "microseconds_per_user")
    means = {key: np.mean([s[key] for s in splits]) for key in keys if key in splits[0]}
    return {**means, **{key: result[key] for key in ("parameters", "tried", "chapter")}}


def _best_first(rows: Mapping[str, Mapping], column: str, ascending: bool) -> pd.DataFrame:
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.sort_values(column, ascending=ascending, kind="stable")
