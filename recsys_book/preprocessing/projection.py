"""Fewer dimensions and groups: principal components to reuse, t-SNE to look, k-means to count.

scikit-learn is imported where it is used: loading it takes longer than splitting a data set does.
"""

from __future__ import annotations

import numpy as np


class PrincipalComponents:
    """The directions of greatest variance, from one singular value decomposition.

    Equation: eq-pca

    Args:
        n_components: directions to keep.
    """

    def __init__(self, n_components: int):
        self.n_components = n_components

    def fit(self, x: np.ndarray) -> PrincipalComponents:
        """Find the components of the centred training rows.

        Args:
            x: (n, d).

        Returns:
            self, with ``mean_`` (d,), ``components_`` (k, d) with orthonormal rows whose largest
            entry is positive, ``variance_`` (k,) and ``share_`` (k,) of the total variance.

        Raises:
            ValueError: if more components are wanted than rows or columns exist.
        """
        x = np.asarray(x, dtype=float)
        if not 1 <= self.n_components <= min(x.shape):
            raise ValueError(
                f"n_components={self.n_components} is not between 1 and {min(x.shape)}, "
                f"the smaller side of the {x.shape[0]} × {x.shape[1]} matrix."
            )
        self.mean_ = x.mean(axis=0)
        _, s, vt = np.linalg.svd(x - self.mean_, full_matrices=False)
        top = np.abs(vt).argmax(axis=1)
        sign = np.where(vt[np.arange(len(vt)), top] < 0, -1.0, 1.0)
        variance = s**2 / (len(x) - 1)
        self.components_ = (vt * sign[:, None])[: self.n_components]
        self.variance_ = variance[: self.n_components]
        self.share_ = self.variance_ / variance.sum()
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Coordinates of any rows, also new ones, along the components.

        Args:
            x: (m, d).

        Returns:
            (m, k).
        """
        return (np.asarray(x, dtype=float) - self.mean_) @ self.components_.T

    def inverse_transform(self, z: np.ndarray) -> np.ndarray:
        """Nearest rows in the original space: exact if k = d.

        Args:
            z: (m, k).

        Returns:
            (m, d).
        """
        return z @ self.components_ + self.mean_


def tsne_map(x: np.ndarray, perplexity: float = 30.0, seed: int = 0) -> np.ndarray:
    """Place rows on a page so that close rows stay close; for looking, never as features.

    There is no ``transform``: a new row has no place, and distances between groups mean nothing.

    Args:
        x: (n, d), n larger than the perplexity.
        perplexity: about how many neighbours a row keeps.
        seed: of the optimisation; the start is the PCA, so seeds change little.

    Returns:
        (n, 2) coordinates.

    Source: van der Maaten & Hinton 2008.
    """
    from sklearn.manifold import TSNE

    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(x)


def cluster(x: np.ndarray, k: int, seed: int = 0) -> np.ndarray:
    """Number the groups that k-means finds, largest group first.

    Args:
        x: (n, d) user vectors.
        k: groups.
        seed: of the starting centres.

    Returns:
        (n,) group of each row, 0 … k − 1 by falling size.

    Source: MacQueen 1967; Lloyd 1982.
    """
    from sklearn.cluster import KMeans

    label = KMeans(k, n_init=5, random_state=seed).fit_predict(x)
    rank = np.argsort(np.argsort(-np.bincount(label, minlength=k), kind="stable"), kind="stable")
    return rank[label]


def cluster_stability(x: np.ndarray, k: int, seeds: list[int]) -> np.ndarray:
    """Compare the groups that different seeds find.

    Args:
        x: (n, d).
        k: groups.
        seeds: at least two.

    Returns:
        The adjusted Rand index of each pair of seeds: 1 means the same groups, 0 chance.

    Raises:
        ValueError: if fewer than two seeds are given.
    """
    from sklearn.metrics import adjusted_rand_score

    if len(seeds) < 2:
        raise ValueError("Stability compares seeds; give at least two of them.")
    labels = [cluster(x, k, seed) for seed in seeds]
    pairs = [(a, b) for a in range(len(labels)) for b in range(a)]
    return np.array([adjusted_rand_score(labels[a], labels[b]) for a, b in pairs])
