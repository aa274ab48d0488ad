"""Tables of features of films and people for the gradient-based models of newcomers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from recsys_book.meta_learning.cold_start.baselines import WarmBiases, warm_biases
from recsys_book.meta_learning.cold_start.factor_start import hierarchical_start, plain_start
from recsys_book.recommenders.content import genre_matrix
from recsys_book.recommenders.factorization.bayesian import implicit_features

if TYPE_CHECKING:
    from recsys_book.data import Interactions, MovieLens


def centred(features: np.ndarray | None, n_rows: int, what: str) -> np.ndarray:
    """Centre a table of features and add a row of zeros for whatever is unknown.

    Args:
        features: Shape (n_rows, d); None gives a table without columns.
        n_rows: Number of users or items of the log.
        what: ``"user"`` or ``"item"``, for the message.

    Returns:
        Shape (n_rows + 1, d), float64. The last row is the average one, that is zero.

    Raises:
        ValueError: If there is not one finite row for everybody.
    """
    X = np.zeros((n_rows, 0)) if features is None else np.asarray(features, dtype=np.float64)
    if X.ndim != 2 or len(X) != n_rows or not np.isfinite(X).all():
        raise ValueError(
            f"{what}_features has shape {X.shape} for {n_rows} {what}s; pass one finite row for "
            f"every {what}."
        )
    return np.vstack([X - X.mean(axis=0), np.zeros(X.shape[1])])


def film_flags(movielens: MovieLens) -> np.ndarray:
    """Return genres and five-year periods of films as zeros and ones.

    Args:
        movielens: The films.

    Returns:
        Shape (n_items, n_genres + 14); a film without a year counts as of 1990.
    """
    genres = genre_matrix(movielens.items["genres"])[0]
    year = movielens.items["year"].astype("Float64").fillna(1990.0).to_numpy(dtype=float)
    period = np.clip((year - 1930) // 5, 0, 13).astype(int)
    return np.hstack([genres, np.eye(14)[period]])


def people_flags(movielens: MovieLens) -> np.ndarray:
    """Return decade of age, gender and occupation of users as zeros and ones.

    Args:
        movielens: A release that describes its users.

    Returns:
        Shape (n_users, 8 + n_occupations).
    """
    people = movielens.users
    decade = np.clip(people["age"].to_numpy(dtype=int) // 10 - 1, 0, 5)
    man = (people["gender"] == "M").to_numpy(dtype=int)
    job = people["occupation"].astype("category").cat.codes.to_numpy()
    return np.hstack([np.eye(6)[decade], np.eye(2)[man], np.eye(job.max() + 1)[job]])


class ChoiceProfile:
    """What somebody has chosen to rate, whatever the ratings: a mean over the support's items.

    An item is described by singular vectors of the table of who rated what; the mean over few
    items is shrunk, because few items describe nobody.

    Args:
        warm: Ratings of the known users.
        width: Number of singular vectors.
        shown: Items of each known user that the mean is taken over when it is put to scale.
        seed: Seed of their choice.

    Attributes:
        known: Profiles of the known users from ``shown`` of their items, shape (n_users, d); zero
            for everybody else. A known user seen whole would look like nobody who just arrived.
    """

    def __init__(self, warm: Interactions, width: int, shown: int = 10, seed: int = 0) -> None:
        users = np.flatnonzero(np.bincount(warm.user, minlength=warm.n_users))
        seen = warm.to_csr(1.0)[users]
        V = implicit_features(seen, width)[1]
        V = (V - V.mean(axis=0)) / np.maximum(V.std(axis=0), 1e-9)
        self._items = np.vstack([V, np.zeros(V.shape[1])])
        rng = np.random.default_rng(seed)
        rows = (seen.indices[a:b] for a, b in zip(seen.indptr[:-1], seen.indptr[1:]))
        few = [rng.permutation(row)[:shown] for row in rows]
        means = np.array([V[items].mean(axis=0) for items in few])
        within = np.mean([V[items].var(axis=0) for items in few], axis=0)
        between = np.maximum(means.var(axis=0) - within / shown, 1e-3)
        self._usual, self._few, self._scale = means.mean(axis=0), within / between, 1.0
        padded = np.full((len(few), shown), warm.n_items)
        for row, items in zip(padded, few):
            row[: len(items)] = items
        found = self(padded, (padded < warm.n_items).astype(np.float64))
        self._scale = 2 * np.maximum(found.std(axis=0), 1e-9)
        self.known = np.zeros((warm.n_users, V.shape[1]))
        self.known[users] = found / self._scale

    def __call__(self, items: np.ndarray, support: np.ndarray) -> np.ndarray:
        """Describe newcomers.

        Args:
            items: Item positions, shape (T, n).
            support: 1.0 where a row is shown, shape (T, n).

        Returns:
            Shape (T, d), standard deviation one half among the known; zero for an empty support.
        """
        n = support.sum(axis=1, keepdims=True)
        total = np.einsum("tn,tnd->td", support, self._items[items])
        above = total / np.maximum(n, 1) - self._usual
        return above * n / (n + self._few) / self._scale


def variance_shares(
    log: Interactions, features: np.ndarray, l2: float = 5.0, folds: int = 5, seed: int = 0
) -> dict[str, float]:
    """Ask what ratings are made of, and how much of it is written on the label.

    Args:
        log: Ratings.
        features: Attributes of all items, shape (n_items, d).
        l2: Penalty of the regression of item biases on features, in items.
        folds: Parts that the items are divided into; a bias is predicted from the other parts.
        seed: Seed of the division.

    Returns:
        Shares of the variance of ratings: ``"item"`` (biases of items), ``"user"`` (biases of
        users) and ``"rest"``, which add up to about one; and ``"label"``, the share of the
        *items'* variance, weighted by their ratings, that features predict for items not seen.
    """
    biases = warm_biases(log)
    parts = {"item": biases.item[log.item], "user": biases.user[log.user]}
    parts["rest"] = biases.residuals(log)
    shares = {name: float(np.var(part) / np.var(log.value)) for name, part in parts.items()}
    X, b = centred(features, log.n_items, "item")[:-1], biases.item[:-1]
    counts = np.bincount(log.item, minlength=log.n_items)
    X1 = np.column_stack([np.ones(len(X)), X])
    fold = np.random.default_rng(seed).permutation(log.n_items) % folds
    said = np.empty(log.n_items)
    for j in range(folds):
        seen = fold != j
        W = X1[seen] * (counts[seen] / (counts[seen] + 3.0))[:, None]
        penalty = np.diag(np.r_[1e-9, np.full(X.shape[1], l2)])
        said[~seen] = X1[~seen] @ np.linalg.solve(W.T @ X1[seen] + penalty, W.T @ b[seen])
    around = b - np.average(b, weights=counts)
    shares["label"] = float(1 - counts @ (b - said) ** 2 / (counts @ around**2))
    return shares


def principal(vectors: np.ndarray, width: int) -> np.ndarray:
    """Return the first principal components of text vectors, each with variance one.

    Args:
        vectors: Shape (n, d).
        width: Number of components, at most min(n, d).

    Returns:
        Shape (n, width); the sign of a component makes its largest entry positive.
    """
    U = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)[0][:, :width]
    peak = U[np.abs(U).argmax(axis=0), np.arange(U.shape[1])]
    return U * np.sign(peak) * np.sqrt(len(U))


def item_inputs(
    warm: Interactions, biases: WarmBiases, features: np.ndarray | None, factors: int, l2: float
) -> Tensor:
    """Set what the known users' ratings say of items beside what is written on the label.

    Args:
        warm: Ratings of the known users.
        biases: Their biases.
        features: Attributes of all items, shape (n_items, d), or None.
        factors: Length of the item factors of the ratings' residuals; 0 for none.
        l2: Penalty while they are learned.

    Returns:
        Factors of root mean square one, then centred features, shape (n_items + 1, factors + d),
        float32; the last row is zero and serves an unknown item.
    """
    table = centred(features, warm.n_items, "item")
    if factors:
        nobody = np.zeros((warm.n_users, 0))
        start = plain_start(warm, biases, table[:-1], nobody, factors, 10.0)
        Q = hierarchical_start(warm, start, table[:-1], nobody, l2=l2).vectors[:, 1:]
        Q = Q / max(float(np.sqrt(np.mean(Q**2))), 1e-12)
        table = np.hstack([np.vstack([Q, np.zeros(factors)]), table])
    return torch.from_numpy(table).float()
