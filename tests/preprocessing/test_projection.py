"""Principal components against scikit-learn and the eigenproblem; t-SNE; k-means."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from recsys_book.preprocessing import PrincipalComponents, cluster, cluster_stability, tsne_map


@pytest.fixture(scope="module")
def x():
    g = np.random.default_rng(0)
    return g.normal(size=(80, 3)) @ g.normal(size=(3, 6)) + 0.1 * g.normal(size=(80, 6)) + 5


def test_equals_scikit_learn_up_to_sign(x):
    ours, peer = PrincipalComponents(3).fit(x), PCA(3).fit(x)
    sign = np.sign((ours.components_ * peer.components_).sum(axis=1))
    np.testing.assert_allclose(ours.components_, peer.components_ * sign[:, None], atol=1e-10)
    np.testing.assert_allclose(ours.variance_, peer.explained_variance_)
    np.testing.assert_allclose(ours.share_, peer.explained_variance_ratio_)
    np.testing.assert_allclose(ours.transform(x[:5]), peer.transform(x[:5]) * sign, atol=1e-10)


@pytest.mark.equation("eq-pca")
def test_components_are_eigenvectors_and_no_direction_varies_more(x):
    model = PrincipalComponents(6).fit(x)
    covariance = np.cov(x.T)
    for value, v in zip(model.variance_, model.components_):
        np.testing.assert_allclose(covariance @ v, value * v, atol=1e-9)
    directions = np.random.default_rng(1).normal(size=(500, 6))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    assert ((x @ directions.T).var(axis=0, ddof=1) <= model.variance_[0] + 1e-9).all()


def test_inverse_is_exact_with_all_components_and_close_with_enough(x):
    full, three = PrincipalComponents(6).fit(x), PrincipalComponents(3).fit(x)
    np.testing.assert_allclose(full.inverse_transform(full.transform(x)), x)
    assert np.abs(three.inverse_transform(three.transform(x)) - x).mean() < 0.15


@pytest.mark.parametrize("k", [0, 7])
def test_impossible_number_of_components(x, k):
    with pytest.raises(ValueError, match=f"n_components={k} is not between 1 and 6"):
        PrincipalComponents(k).fit(x)


def test_tsne_keeps_planted_groups_together():
    g = np.random.default_rng(0)
    group = np.repeat([0, 1], 30)
    points = tsne_map(g.normal(size=(60, 4)) + 20 * group[:, None], perplexity=10, seed=0)
    assert points.shape == (60, 2)
    gap = np.linalg.norm(points[:, None] - points, axis=2) + 1e9 * np.eye(60)
    assert (group[gap.argmin(axis=1)] == group).all()


def test_clusters_by_size_and_stability_tells_structure_from_noise():
    g = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], [50, 30, 20])
    planted = g.normal(size=(100, 2)) + 30 * np.eye(3)[group][:, :2]
    assert cluster(planted, 3).tolist() == group.tolist()
    assert (cluster_stability(planted, 3, [0, 1, 2]) == 1).all()
    noise = cluster_stability(g.normal(size=(200, 20)), 6, [0, 1, 2])
    assert noise.shape == (3,)
    assert noise.mean() < 0.7
    with pytest.raises(ValueError, match="at least two"):
        cluster_stability(planted, 3, [0])
