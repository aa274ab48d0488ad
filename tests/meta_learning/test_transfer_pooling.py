"""Domains are cut as promised, and the error of pooling is what the formula says."""

from dataclasses import replace

import numpy as np
import pytest

from recsys_book.data import Interactions
from recsys_book.meta_learning import transfer as tr


def toy(users=(0, 0, 1, 1, 2), items=(0, 1, 1, 2, 0), values=None, ids=None):
    n = len(users)
    values = np.arange(n) + 1.0 if values is None else values
    ids = np.arange(max(users) + 1) if ids is None else np.asarray(ids)
    return Interactions(users, items, values, np.zeros(n), ids, np.arange(max(items) + 1))


def test_a_domain_has_items_of_its_own_and_keeps_the_users():
    log = toy()
    part = tr.domain_of(log, np.array([False, True, True]))
    assert part.items.tolist() == [1, 2] and part.item.tolist() == [0, 0, 1]
    assert part.user.tolist() == [0, 1, 1] and part.n_users == log.n_users
    assert part.value.tolist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("members", "hint"),
    [
        (np.array([0, 1, 1]), "one truth value"),
        (np.array([True]), "each of the 3 items"),
        (np.zeros(3, bool), "no event"),
    ],
)
def test_bad_members_are_refused(members, hint):
    with pytest.raises(ValueError, match=hint):
        tr.domain_of(toy(), members)


def test_users_are_aligned_by_their_ids():
    one = toy((0, 1), (0, 1), ids=[10, 20])
    two = toy((0, 1, 2), (0, 0, 0), ids=[5, 20, 30])
    assert tr.shared_users(one, two).tolist() == [20]
    a, b = tr.align_users(one, two)
    assert a.users.tolist() == b.users.tolist() == [5, 10, 20, 30]
    assert a.users[a.user].tolist() == [10, 20] and b.users[b.user].tolist() == [5, 20, 30]


def test_no_shared_user_and_an_empty_domain_are_named():
    one, two = toy((0,), (0,), ids=[1]), toy((0,), (0,), ids=[2])
    with pytest.raises(ValueError, match="share no user"):
        tr.align_users(one, two)
    with pytest.raises(ValueError, match="target domain has no event"):
        tr.align_users(one, two.select(np.arange(0)))


def test_few_per_user_is_nested_and_complete():
    rng = np.random.default_rng(0)
    log = toy(rng.integers(0, 9, 200), rng.integers(0, 50, 200), np.arange(200.0))
    kept = {n: set(tr.few_per_user(log, n, 3)[0].value) for n in (0, 2, 5)}
    assert not kept[0] and kept[2] < kept[5]
    few, rest = tr.few_per_user(log, 5, 3)
    assert np.bincount(few.user).max() == 5 and len(few) + len(rest) == 200
    few, rest = tr.few_per_user(log, 0, 3, users=np.array([4]))
    assert set(rest.user) == {4} and 4 not in few.user
    with pytest.raises(ValueError, match="n is -1"):
        tr.few_per_user(log, -1, 0)


def test_simulated_tastes_are_as_related_as_asked():
    for rho in (0.0, 0.6, 1.0):
        world = tr.simulate_domains(rho, n_users=4000, n_items=30, source_events=3, target_events=2)
        found = np.corrcoef(world.source_taste.ravel(), world.target_taste.ravel())[0, 1]
        assert abs(found - rho) < 0.03
    expected = 3.5 + 0.4 * np.sum(
        world.target_taste[world.target.user] * world.target_items[world.target.item], axis=1
    )
    assert abs(np.std(world.target.value - expected) - world.noise) < 0.02
    pairs = world.target.user * 30 + world.target.item
    assert len(np.unique(pairs)) == len(pairs) == 8000


@pytest.mark.parametrize("bad", [{"relatedness": 1.2}, {"relatedness": 0, "target_events": 999}])
def test_impossible_simulations_are_refused(bad):
    with pytest.raises(ValueError, match="use a? ?number"):
        tr.simulate_domains(**bad)


@pytest.mark.equation("eq-negative-transfer")
@pytest.mark.parametrize("weight", [0.0, 0.2, 1.0])
def test_the_pooled_error_is_that_of_simulated_means(weight):
    n, m, gap, noise = 4, 30, 0.3, 0.9
    rng = np.random.default_rng(0)
    delta = np.sqrt(gap) * rng.normal(size=(100_000, 1))
    mine = np.sqrt(noise) * rng.normal(size=(100_000, n))
    theirs = delta + np.sqrt(noise) * rng.normal(size=(100_000, m))
    mean = (mine.sum(1) + weight * theirs.sum(1)) / (n + weight * m)
    assert abs(np.mean(mean**2) / tr.pooled_error(n, m, gap, noise, weight) - 1) < 0.02


@pytest.mark.equation("eq-negative-transfer")
def test_the_tipping_size_and_the_best_weight():
    rng = np.random.default_rng(1)
    for m, gap, noise in rng.uniform(0.5, 20, (50, 3)):
        size = tr.tipping_size(m, gap, noise)
        if np.isfinite(size):
            alone, pooled = (tr.pooled_error(size, m, gap, noise, a) for a in (0, 1))
            assert abs(alone - pooled) < 1e-9 * alone
        else:
            assert tr.pooled_error(1e6, m, gap, noise, 1) <= tr.pooled_error(1e6, m, gap, noise, 0)
        best = tr.source_weight(m, gap, noise)
        for n in (0.5, 7.0):
            least = tr.pooled_error(n, m, gap, noise, best)
            assert all(
                least <= tr.pooled_error(n, m, gap, noise, best + d) + 1e-12
                for d in (-0.05 * best, 0.05 * best)
            )
    assert tr.tipping_size(10, 0.0, 1.0) == np.inf


@pytest.mark.equation("eq-negative-transfer")
def test_the_level_gap_is_found_without_the_noise_of_the_means():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(3000), 6)
    item = np.tile(np.arange(6), 3000)
    first = rng.normal(size=3000)
    second = first + np.sqrt(0.25) * rng.normal(size=3000)
    logs = [toy(user, item, level[user] + rng.normal(size=len(user))) for level in (first, second)]
    found = tr.level_gap(*logs)
    assert abs(found.gap - 0.25) < 0.04 and abs(found.noise - 1) < 0.03
    assert found.n_users == 3000 and abs(found.distance - found.gap / found.noise) < 1e-12
    same = [replace(log, value=rng.normal(size=len(user))) for log in logs]
    assert tr.level_gap(*same).gap < 0.02


def test_level_gaps_that_cannot_be_measured_are_refused():
    with pytest.raises(ValueError, match="least is 1"):
        tr.level_gap(toy(), toy(), least=1)
    with pytest.raises(ValueError, match="No person has 5"):
        tr.level_gap(toy(), toy())


def test_nothing_here_needs_torch_until_it_is_asked_for():
    import subprocess
    import sys

    code = "import sys, recsys_book.meta_learning.transfer; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert tr.EWC.__name__ == "EWC" and "EWC" in dir(tr)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tr.nothing


def test_real_genres_tip_in_the_order_that_theory_says(ml100k):
    from recsys_book.recommenders import UserItemBias, genre_matrix

    log = ml100k.interactions
    genres, names = genre_matrix(ml100k.items.genres)
    bias = UserItemBias().fit(log)
    rest = replace(log, value=log.value - bias.mean_ - bias.item_bias_[log.item])
    sizes = []
    for name in ("Children's", "Romance"):
        inside = genres[:, names.index(name)] > 0
        source, target = tr.domain_of(rest, ~inside), tr.domain_of(rest, inside)
        fit = tr.level_gap(source, target)
        sizes.append(tr.tipping_size(len(source) / log.n_users, fit.gap, fit.noise))
    assert 4 < sizes[0] < 12 and sizes[1] > 20
