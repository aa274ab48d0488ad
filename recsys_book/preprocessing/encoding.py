"""Categories as numbers: one-hot columns, crosses, and target means that do not leak.

The ordinal codes themselves come from ``IdMap``, which keeps -1 for what was never seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from recsys_book.preprocessing.events import IdMap


def one_hot(codes: np.ndarray, n_categories: int) -> sp.csr_matrix:
    """Write one column a known category; an unknown one (code -1) is a row of zeros.

    Args:
        codes: (n,) codes of ``IdMap.encode``, from -1 to ``n_categories - 1``.
        n_categories: columns.

    Returns:
        (n, n_categories) sparse matrix of zeros and ones.
    """
    codes = np.asarray(codes)
    known = np.flatnonzero(codes >= 0)
    shape = (len(codes), n_categories)
    return sp.csr_matrix((np.ones(len(known)), (known, codes[known])), shape=shape)


def cross(*columns: Sequence) -> np.ndarray:
    """Join columns row by row into one category: (user, genre) becomes a category of its own.

    Args:
        columns: k columns of n values each.

    Returns:
        (n,) strings, the parts joined by ``×``.

    Raises:
        ValueError: if the columns differ in length.
    """
    if len({len(c) for c in columns}) != 1:
        raise ValueError(
            f"Columns to cross have lengths {[len(c) for c in columns]}; give them the same length."
        )
    return np.array(["×".join(map(str, row)) for row in zip(*columns)])


def pairwise_interactions(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Weigh all products of two features by inner products of their vectors, in linear time.

    The sum over i < j of ``(v[i] @ v[j]) * x[i] * x[j]`` is half of a square minus its diagonal.
    It is a degree-2 polynomial whose weight matrix has rank k: what a factorisation machine adds
    to a linear model.

    Args:
        x: (n, d) features.
        v: (d, k), one vector a feature.

    Returns:
        (n,) weighted sums.

    Source: Rendle 2010, lemma 3.1.
    """
    return 0.5 * (((x @ v) ** 2).sum(axis=1) - ((x**2) @ (v**2)).sum(axis=1))


def leak_r2(categories: Sequence) -> float:
    """R² of a target mean on pure noise if it contains the own target.

    Equation: eq-target-leak

    Args:
        categories: (n,) category of each row.

    Returns:
        The number of categories divided by the number of rows.
    """
    return len(np.unique(np.asarray(categories))) / len(categories)


def shrunk_mean(total: np.ndarray, count: np.ndarray, prior: float, strength: float) -> np.ndarray:
    """Mean of a category with ``strength`` more rows of the prior.

    Equation: eq-target-shrinkage

    Args:
        total: (n_categories,) sum of the targets.
        count: (n_categories,) rows.
        prior: the mean over all categories.
        strength: noise variance divided by the variance between categories, in rows.

    Returns:
        (n_categories,); exactly ``prior`` where there are no rows or ``strength`` is infinite.

    Source: Micci-Barreca 2001.
    """
    total = np.asarray(total, dtype=float)
    count = np.asarray(count, dtype=float)
    if np.isinf(strength):
        return np.full(count.shape, float(prior))
    rows = count + strength
    mean = (total + strength * prior) / np.where(rows > 0, rows, 1.0)
    return np.where(rows > 0, mean, prior)


def estimate_strength(codes: np.ndarray, target: np.ndarray) -> float:
    """Estimate the shrinkage from the data: variance within over variance between categories.

    Args:
        codes: (n,) integer category of each row.
        target: (n,) targets.

    Returns:
        The strength, in rows; infinite when the categories differ no more than chance.

    Source: one-way analysis of variance with unequal group sizes (method of moments).
    """
    _, codes = np.unique(codes, return_inverse=True)
    n = np.bincount(codes).astype(float)
    mean = np.bincount(codes, target) / n
    rows, groups = n.sum(), len(n)
    if groups < 2 or rows == groups:
        return np.inf
    within = ((target - mean[codes]) ** 2).sum() / (rows - groups)
    between = (n * (mean - np.mean(target)) ** 2).sum() / (groups - 1)
    size = (rows - (n**2).sum() / rows) / (groups - 1)
    variance = (between - within) / size
    return float(within / variance) if variance > 0 else np.inf


class TargetEncoder:
    """Replace a category by the shrunk mean of its target, without showing a row its own answer.

    ``fit_transform`` (training rows) computes each row's mean from the other folds;
    ``transform`` (new rows) uses all training rows.

    Args:
        strength: rows of prior, or ``None`` to estimate it from the training rows.
        folds: number of folds for the training rows.
        seed: of the assignment of rows to folds.
    """

    def __init__(self, strength: float | None = None, folds: int = 5, seed: int = 0):
        self.strength = strength
        self.folds = folds
        self.seed = seed

    def fit(self, values: Sequence, target: np.ndarray) -> TargetEncoder:
        """Learn the mean of each category.

        Args:
            values: (n,) categories of the training rows.
            target: (n,) targets.

        Returns:
            self, with ``prior_``, ``strength_`` and ``means_`` (the last one is the prior, for
            an unknown category).
        """
        target = np.asarray(target, dtype=float)
        self.ids_ = IdMap(values)
        codes = self.ids_.encode(values)
        self.prior_ = float(target.mean())
        self.strength_ = (
            estimate_strength(codes, target) if self.strength is None else float(self.strength)
        )
        self.means_ = self._means(codes, target)
        return self

    def transform(self, values: Sequence) -> np.ndarray:
        """Encode rows whose targets were not used in ``fit``.

        Args:
            values: (n,) categories; an unknown one gets the prior.

        Returns:
            (n,) floats in the units of the target.
        """
        return self.means_[self.ids_.encode(values)]

    def fit_transform(self, values: Sequence, target: np.ndarray) -> np.ndarray:
        """Fit, and encode the training rows themselves out of fold.

        Args:
            values: (n,) categories of the training rows.
            target: (n,) targets.

        Returns:
            (n,) floats; the mean of row j never contains ``target[j]``.

        Raises:
            ValueError: if there are fewer rows than folds, or fewer than two folds.
        """
        target = np.asarray(target, dtype=float)
        if self.folds < 2 or len(target) < self.folds:
            raise ValueError(
                f"{len(target)} rows cannot be cut into {self.folds} folds; "
                "use at least 2 folds and as many rows."
            )
        self.fit(values, target)
        codes = self.ids_.encode(values)
        fold = np.random.default_rng(self.seed).permutation(len(target)) % self.folds
        encoded = np.empty(len(target))
        for f in range(self.folds):
            inside, outside = fold == f, fold != f
            encoded[inside] = self._means(codes[outside], target[outside])[codes[inside]]
        return encoded

    def _means(self, codes: np.ndarray, target: np.ndarray) -> np.ndarray:
        known = codes >= 0
        n = len(self.ids_) + 1
        total = np.bincount(codes[known], target[known], minlength=n)
        count = np.bincount(codes[known], minlength=n)
        return shrunk_mean(total, count, float(target.mean()), self.strength_)
