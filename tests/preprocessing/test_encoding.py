"""One-hot, crosses, factorised products, and target means that do not leak."""

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures
from sklearn.preprocessing import TargetEncoder as Peer

from recsys_book.preprocessing import (
    IdMap,
    TargetEncoder,
    cross,
    estimate_strength,
    leak_r2,
    one_hot,
    pairwise_interactions,
    shrunk_mean,
)


def test_one_hot_equals_scikit_learn_with_an_unknown_value():
    train, new = np.array(["b", "a", "c", "a"]), np.array(["c", "zebra", "a"])
    ids = IdMap(train)
    peer = OneHotEncoder(handle_unknown="ignore").fit(train[:, None])
    ours = one_hot(ids.encode(new), len(ids))
    assert ours.toarray().tolist() == peer.transform(new[:, None]).toarray().tolist()
    assert ids.decode(ids.encode(train)).tolist() == train.tolist()


def test_cross_joins_columns_and_needs_equal_lengths():
    assert cross([1, 2], ["a", "b"], ["x", "x"]).tolist() == ["1×a×x", "2×b×x"]
    with pytest.raises(ValueError, match=r"lengths \[1, 2\]"):
        cross([1], [1, 2])


def test_factorised_products_equal_the_degree_two_expansion():
    g = np.random.default_rng(0)
    x, v = g.normal(size=(20, 5)), g.normal(size=(5, 3))
    expansion = PolynomialFeatures(2, interaction_only=True, include_bias=False)
    products = expansion.fit_transform(x)[:, 5:]
    weights = [v[i] @ v[j] for i in range(5) for j in range(i + 1, 5)]
    np.testing.assert_allclose(pairwise_interactions(x, v), products @ weights)


@pytest.mark.equation("eq-target-leak")
@pytest.mark.parametrize("categories", [200, 3000, 10_000])
def test_leaked_mean_explains_noise_by_the_share_of_categories(categories):
    g = np.random.default_rng(1)
    code, dice = g.integers(0, categories, 20_000), g.integers(1, 7, 20_000).astype(float)
    mean = np.bincount(code, dice)[code] / np.bincount(code)[code]
    r2 = np.corrcoef(mean, dice)[0, 1] ** 2
    assert leak_r2(code) == pytest.approx(len(set(code.tolist())) / 20_000)
    assert r2 == pytest.approx(leak_r2(code), abs=0.015)


@pytest.mark.equation("eq-target-shrinkage")
def test_shrunk_mean_is_the_posterior_mean_under_a_normal_prior():
    prior, between, noise = 3.0, 0.5, 2.0
    observed = np.array([5.0, 1.0, 4.0])
    grid = np.linspace(-10, 15, 200_001)
    log = -((grid - prior) ** 2) / (2 * between)
    log -= ((observed[:, None] - grid) ** 2).sum(axis=0) / (2 * noise)
    weight = np.exp(log - log.max())
    posterior = (grid * weight).sum() / weight.sum()
    ours = shrunk_mean([observed.sum()], [3], prior, strength=noise / between)
    assert ours[0] == pytest.approx(posterior, abs=1e-6)


def test_shrunk_mean_limits():
    total, count = [10.0, 0.0], [2, 0]
    assert shrunk_mean(total, count, 3.0, 0.0).tolist() == [5.0, 3.0]
    assert shrunk_mean(total, count, 3.0, np.inf).tolist() == [3.0, 3.0]
    assert shrunk_mean(total, count, 3.0, 2.0).tolist() == [4.0, 3.0]


def test_strength_is_recovered_from_simulated_groups():
    g = np.random.default_rng(0)
    code = g.integers(0, 2000, 20_000)
    target = g.normal(0, 0.5, 2000)[code] + g.normal(0, 1.0, 20_000)
    assert estimate_strength(code, target) == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize(
    ("code", "target"),
    [
        ([0, 0, 1, 1], [0.0, 1.0, 0.0, 1.0]),  # groups agree better than chance
        ([0, 0, 0], [1.0, 2.0, 3.0]),  # one group
        ([0, 1, 2], [1.0, 2.0, 3.0]),  # no group has two rows
    ],
)
def test_strength_is_infinite_when_nothing_can_be_learned(code, target):
    assert estimate_strength(np.array(code), np.array(target)) == np.inf


def test_target_encoder_equals_scikit_learn_on_new_rows():
    g = np.random.default_rng(0)
    train, target = g.integers(0, 9, 200), g.normal(3, 1, 200)
    new = np.arange(12)
    ours = TargetEncoder(strength=4.0).fit(train, target)
    peer = Peer(target_type="continuous", smooth=4.0).fit(train[:, None], target)
    np.testing.assert_allclose(ours.transform(new), peer.transform(new[:, None]).ravel())


def test_out_of_fold_means_equal_brute_force():
    g = np.random.default_rng(2)
    code, target = g.integers(0, 6, 40), g.normal(size=40)
    encoder = TargetEncoder(strength=3.0, folds=4, seed=5)
    encoded = encoder.fit_transform(code, target)
    fold = np.random.default_rng(5).permutation(40) % 4
    for row in range(40):
        other = fold != fold[row]
        mine = other & (code == code[row])
        expected = (target[mine].sum() + 3 * target[other].mean()) / (mine.sum() + 3)
        assert encoded[row] == pytest.approx(expected)


def test_a_row_does_not_see_its_own_target():
    g = np.random.default_rng(3)
    code, target = g.integers(0, 5, 30), g.normal(size=30)
    before = TargetEncoder(strength=1.0).fit_transform(code, target)
    target[7] += 100
    after = TargetEncoder(strength=1.0).fit_transform(code, target)
    assert before[7] == after[7]
    assert (before != after).sum() > 5


@pytest.mark.erratum("PRE-07")
def test_dice_stay_unexplained_out_of_fold():
    g = np.random.default_rng(0)
    code, dice = g.integers(0, 5000, 10_000), g.integers(1, 7, 10_000).astype(float)
    encoded = TargetEncoder(strength=1.0).fit_transform(code, dice)
    assert np.corrcoef(encoded, dice)[0, 1] ** 2 < 0.01


def test_strength_is_estimated_by_default_and_unknown_gets_the_prior():
    encoder = TargetEncoder().fit(["a", "a", "b", "b"], [1.0, 1.2, 4.0, 4.2])
    assert 0 < encoder.strength_ < 0.1
    assert encoder.transform(["zebra"])[0] == pytest.approx(encoder.prior_) == pytest.approx(2.6)


@pytest.mark.parametrize(("rows", "folds"), [(3, 5), (10, 1)])
def test_too_few_rows_or_folds(rows, folds):
    with pytest.raises(ValueError, match="cannot be cut"):
        TargetEncoder(folds=folds).fit_transform(np.arange(rows), np.arange(rows))
