"""Fit a model on each split of a protocol, and write down all that the leaderboard shows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from recsys_book.evaluation import catalog_coverage, evaluate_ranking, evaluate_ratings
from recsys_book.recommenders.leaderboard.entry import Entry, Side
from recsys_book.recommenders.leaderboard.protocols import test_splits

if TYPE_CHECKING:
    from recsys_book.preprocessing.splitting import Split
    from recsys_book.recommenders.base import Recommender

#: Learned attributes that hold the log, not what was learned from it.
FROM_THE_LOG = {"users_", "items_", "seen_", "item_counts_", "history_", "interactions_"}
K = 10


def measure(entry: Entry, protocol: str, side: Side) -> dict[str, Any]:
    """Fit and judge an entry on every split of a protocol.

    Args:
        entry: What to measure; it must take part in the protocol.
        protocol: One of ``PROTOCOLS``.
        side: The data set with its side information.

    Returns:
        The settings and, split by split, the seconds, the sizes, and the values of the test users
        (by increasing position, so two models can be compared user by user).

    Raises:
        ValueError: If the entry does not take part in the protocol.
    """
    make = entry.maker(protocol)
    if make is None:
        raise ValueError(f"{entry.name} takes no part in {protocol}; give it settings first.")
    splits = test_splits(protocol, side.movielens.interactions)
    judge = _judge_ratings if protocol == "ratings" else _judge_ranking
    results, model = [], None
    for seed, split in enumerate(splits):
        model = make(side, seed)
        cpu, wall = time.process_time(), time.perf_counter()
        model.fit(split.train)
        spent = {
            "fit_cpu_seconds": time.process_time() - cpu,
            "fit_seconds": time.perf_counter() - wall,
        }
        results.append({**spent, **judge(model, split)})
    return {
        "name": entry.name,
        "chapter": entry.chapter,
        "tried": entry.tried,
        "model": repr(model),
        "parameters": parameter_count(model),
        "splits": results,
    }


def _judge_ranking(model: Recommender, split: Split) -> dict[str, Any]:
    report = evaluate_ranking(model, split, K)
    users = report.per_user["user"].to_numpy()
    start = time.perf_counter()
    model.recommend(users, K)
    took = time.perf_counter() - start
    return {
        "split": split.name,
        "ndcg": np.round(report.per_user["ndcg"], 5).tolist(),
        "recall": float(report.per_user["recall"].mean()),
        "coverage": catalog_coverage(report.items, report.n_items),
        "microseconds_per_user": 1e6 * took / len(users),
    }


def _judge_ratings(model: Any, split: Split) -> dict[str, Any]:
    train, test = split.train, split.test
    start = time.perf_counter()
    predicted = model.predict(test.user, test.item)
    took = time.perf_counter() - start
    report = evaluate_ratings(model, split, bounds=(train.value.min(), train.value.max()))
    n = report.per_user["n"].to_numpy()
    return {
        "split": split.name,
        "rmse": report.rmse,
        "mae": report.mae,
        "events": n.tolist(),
        "squared_error": np.round(n * report.per_user["rmse"].to_numpy() ** 2, 5).tolist(),
        "microseconds_per_rating": 1e6 * took / len(predicted),
    }


def parameter_count(model: Any) -> int:
    """Count the numbers that a model has learned.

    Floating-point arrays, the stored entries of sparse matrices and the weights of networks count;
    the log that a model keeps does not. The members of a hybrid are counted too.

    Args:
        model: A fitted recommender.

    Returns:
        The number of learned numbers.
    """
    learned = {k: v for k, v in vars(model).items() if k.endswith("_") and k not in FROM_THE_LOG}
    return sum(_numbers(value) for value in learned.values())


def _numbers(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.size if np.issubdtype(value.dtype, np.floating) else 0
    if sp.issparse(value):
        return int(value.nnz)
    if isinstance(value, Mapping):
        return sum(map(_numbers, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_numbers, value))
    if hasattr(value, "parameters") and callable(value.parameters):
        return sum(p.numel() for p in value.parameters())
    if hasattr(value, "numel"):
        return value.numel()
    if hasattr(value, "recommend"):
        return parameter_count(value)
    return int(isinstance(value, float))
