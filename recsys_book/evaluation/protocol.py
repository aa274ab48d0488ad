"""The protocol: every model ranks the whole catalogue for every test user, in the same way.

Evaluation knows a model by what it can do (``Scorer``, ``RatingPredictor``), never by its class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import scipy.sparse as sp

from recsys_book.data.interactions import Interactions
from recsys_book.evaluation import metrics
from recsys_book.evaluation.checks import as_numbers, check_k
from recsys_book.evaluation.inference import bootstrap_interval
from recsys_book.evaluation.ranked import Ranked
from recsys_book.evaluation.ratings import errors_by_user
from recsys_book.evaluation.sorting import TIE_SEED

__all__ = [
    "RankingReport",
    "RatingPredictor",
    "RatingReport",
    "Scorer",
    "TrainTest",
    "evaluate_ranking",
    "evaluate_ratings",
    "rank_items",
]

_CELLS = 1 << 23  # scores held at a time
_LAST = -1e300  # below every finite score, above the seen items


class Scorer(Protocol):
    """A model that can be ranked: it scores every item for some users."""

    def score(self, users: np.ndarray) -> np.ndarray:
        """Return scores, higher is better, shape (len(users), n_items)."""
        ...


class TrainTest(Protocol):
    """A split: what a model may see, and what it is judged on, with shared vocabularies."""

    train: Interactions
    test: Interactions


class RatingPredictor(Protocol):
    """A model that predicts ratings of pairs."""

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return predicted ratings of the pairs, shape (len(users),)."""
        ...


def rank_items(
    scores: np.ndarray, seen: sp.csr_matrix | None = None, seed: int = TIE_SEED
) -> np.ndarray:
    """Rank all items for each user.

    Ties are broken by one seeded permutation of the items, the same for every user and model. An
    order by item id would not do: in MovieLens low ids are well-known films, so it would hand a
    model that knows nothing the taste of the catalogue's makers.

    Args:
        scores: Scores, higher is better, shape (n_users, n_items); an infinite score counts as the
            lowest.
        seen: Items that must come last, as non-zeros of shape (n_users, n_items).
        seed: Seed of the permutation.

    Returns:
        Item positions, best first, int64, shape (n_users, n_items).

    Raises:
        ValueError: If the scores are no table, one is NaN, or the shapes disagree.
    """
    scores = np.array(as_numbers("scores", scores, 2))
    scores[~np.isfinite(scores)] = _LAST
    if seen is not None:
        if seen.shape != scores.shape:
            raise ValueError(
                f"seen has shape {seen.shape} and scores has shape {scores.shape}; "
                "pass one row of seen items for every row of scores."
            )
        scores[sp.csr_matrix(seen).nonzero()] = -np.inf
    order = np.random.default_rng(seed).permutation(scores.shape[1])
    return order[np.argsort(-scores[:, order], axis=1, kind="stable")]


@dataclass(frozen=True, eq=False)
class RankingReport:
    """What a model's rankings are worth, user by user.

    Attributes:
        per_user: One row a test user: ``user`` (position) and ``ndcg``, ``recall``, ``precision``,
            ``hit``, ``mrr``, ``map``.
        items: The k listed items of each of these users, shape (n_users, k).
        k: Length of the lists; ``mrr`` alone looks at the whole ranking.
        n_items: Size of the catalogue.
    """

    per_user: pd.DataFrame
    items: np.ndarray
    k: int
    n_items: int

    def mean(self) -> pd.Series:
        """Return the mean of each metric over the test users."""
        return self.per_user.drop(columns="user").mean()

    def interval(
        self, metric: str = "ndcg", level: float = 0.95, n: int = 2000, seed: int = 0
    ) -> tuple[float, float]:
        """Return the bootstrap interval of a metric's mean over users.

        Args:
            metric: A column of ``per_user``.
            level: Share of resampled means inside.
            n: Number of resamples.
            seed: Seed of the resamples.

        Returns:
            Lower and upper end.

        Raises:
            ValueError: If the metric is unknown.
        """
        names = [name for name in self.per_user.columns if name != "user"]
        if metric not in names:
            raise ValueError(f"metric is {metric!r}; use one of {', '.join(names)}.")
        return bootstrap_interval(self.per_user[metric].to_numpy(), level, n, seed)


def evaluate_ranking(
    model: Scorer,
    split: TrainTest,
    k: int = 10,
    seed: int = TIE_SEED,
    exclude_seen: bool = True,
    min_value: float | None = None,
) -> RankingReport:
    """Rank the whole catalogue for every test user and compare with what they did next.

    Items of the user's training history come last, because recommending them again would be
    scored as a miss. Test users are those with at least one relevant test row.

    Args:
        model: A fitted model.
        split: Training and test events with shared vocabularies.
        k: Length of the lists.
        seed: Seed of the item permutation that breaks ties.
        exclude_seen: Put the items of the training history last.
        min_value: Test rows below this value are not relevant; None takes every row.

    Returns:
        The metrics of each test user.

    Raises:
        ValueError: If no test row is relevant, k is out of range, or the scores are no finite table
            with a column for every item.
    """
    test, n_items = split.test, split.test.n_items
    if check_k(k) > n_items:
        raise ValueError(f"k is {k} but the catalogue has {n_items} items; ask for fewer.")
    wanted = test if min_value is None else test.select(test.value >= min_value)
    users = np.unique(wanted.user)
    if not len(users):
        raise ValueError("no test row is relevant; lower min_value or make a larger test set.")
    relevant = sp.csr_matrix(wanted.to_csr(1.0))
    seen = sp.csr_matrix(split.train.to_csr(1.0)) if exclude_seen else None
    columns, lists = [], []
    step = max(1, _CELLS // n_items)
    for first in range(0, len(users), step):
        batch = users[first : first + step]
        scores = _scores(model, batch, n_items)
        order = rank_items(scores, None if seen is None else seen[batch], seed)
        ranked = _in_order(batch, order, relevant[batch])
        columns.append(_columns(ranked, k))
        lists.append(order[:, :k])
    return RankingReport(pd.concat(columns, ignore_index=True), np.concatenate(lists), k, n_items)


def _scores(model: Scorer, users: np.ndarray, n_items: int) -> np.ndarray:
    scores = np.asarray(model.score(users))
    if scores.shape != (len(users), n_items):
        raise ValueError(
            f"{type(model).__name__}.score gave shape {scores.shape} for {len(users)} users and "
            f"{n_items} items; it must give one row a user and one column an item."
        )
    return scores


def _in_order(users: np.ndarray, order: np.ndarray, relevant: sp.csr_matrix) -> Ranked:
    gains = np.take_along_axis((relevant.toarray() > 0).astype(np.float64), order, axis=1)
    n_relevant = np.count_nonzero(gains, axis=1)
    ideal = (np.arange(order.shape[1]) < n_relevant[:, None]).astype(np.float64)
    return Ranked(users, gains, ideal, n_relevant, complete=True)


def _columns(ranked: Ranked, k: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user": ranked.users,
            "ndcg": metrics.ndcg_at_k(ranked, k),
            "recall": metrics.recall_at_k(ranked, k),
            "precision": metrics.precision_at_k(ranked, k),
            "hit": metrics.hit_rate_at_k(ranked, k),
            "mrr": metrics.reciprocal_rank(ranked),
            "map": metrics.average_precision_at_k(ranked, k),
        }
    )


@dataclass(frozen=True, eq=False)
class RatingReport:
    """What predicted ratings are worth.

    Attributes:
        per_user: One row a test user: ``user`` (position), ``n`` (test ratings), ``rmse``, ``mae``.
        rmse: Over all test ratings, so users with many of them weigh more.
        mae: Over all test ratings.
    """

    per_user: pd.DataFrame
    rmse: float
    mae: float


def evaluate_ratings(
    model: RatingPredictor, split: TrainTest, bounds: tuple[float, float] | None = None
) -> RatingReport:
    """Predict every test rating and compare.

    Args:
        model: A fitted model with ``predict(users, items)``.
        split: Training and test events.
        bounds: Lowest and highest possible rating; predictions outside are moved to the bound.

    Returns:
        Errors of each user and over all ratings.

    Raises:
        ValueError: If the test set is empty, or the predictions have another shape.
    """
    test = split.test
    predictions = np.asarray(model.predict(test.user, test.item), dtype=np.float64)
    if bounds is not None:
        predictions = np.clip(predictions, *bounds)
    each = errors_by_user(test.user, test.value, predictions)
    n, total = each["n"], each["n"].sum()
    frame = pd.DataFrame({name: each[name] for name in ("user", "n", "rmse", "mae")})
    rmse = float(np.sqrt((each["mse"] * n).sum() / total))
    return RatingReport(frame, rmse, float((each["mae"] * n).sum() / total))
