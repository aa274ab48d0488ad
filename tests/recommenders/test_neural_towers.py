"""Two towers: products, the softmax over the batch, its correction, and features."""

import numpy as np
import pytest
import torch
from contract import check_contract, checkerboard, parity_features

from recsys_book.data import Interactions
from recsys_book.optimizers.problems.two_tower import in_batch_softmax
from recsys_book.recommenders.neural import TwoTower, batch_softmax_loss, tower_scores

SMALL = {"factors": 4, "epochs": 30, "batch_size": 20, "rate": 0.1, "l2": 0.0}


def log_of(user, item, n_users, n_items):
    user, item = np.asarray(user), np.asarray(item)
    return Interactions(
        user=user,
        item=item,
        value=np.ones(len(user)),
        timestamp=np.arange(len(user)),
        users=np.arange(n_users),
        items=np.arange(n_items),
    )


def test_contract_full_softmax():
    check_contract(lambda: TwoTower(negatives="all", **SMALL), personalised=True)


def test_contract_batch_softmax():
    settings = SMALL | {"batch_size": 90, "epochs": 20, "rate": 0.1}
    check_contract(lambda: TwoTower(**settings), personalised=True)


@pytest.mark.equation("eq-two-tower")
def test_scores_are_products_over_the_temperature():
    g = torch.Generator().manual_seed(0)
    p, q = torch.randn(3, 4, generator=g), torch.randn(5, 4, generator=g)
    scores = tower_scores(p, q, 0.5)
    for u in range(3):
        for i in range(5):
            assert scores[u, i].item() == pytest.approx(2 * float(p[u] @ q[i]), rel=1e-5)
    log, _ = checkerboard()
    model = TwoTower(negatives="all", temperature=0.5, **SMALL).fit(log)
    np.testing.assert_allclose(
        model.score([3])[0], model.item_factors_ @ model.user_factors_[3], rtol=1e-12
    )


@pytest.mark.equation("eq-in-batch-softmax")
def test_the_batch_softmax_is_a_cross_entropy_on_the_diagonal():
    scores = torch.tensor([[2.0, 0.0, 1.0], [0.5, 0.5, 0.0], [1.0, 1.0, 1.0]])
    each = [-(row[b] - torch.logsumexp(row, 0)) for b, row in enumerate(scores)]
    got = batch_softmax_loss(scores, torch.tensor([0, 1, 2]))
    assert got.item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-6)


@pytest.mark.equation("eq-logq")
def test_the_correction_lowers_each_column_by_its_items_log_share():
    g = torch.Generator().manual_seed(1)
    scores, item = torch.randn(4, 4, generator=g), torch.tensor([2, 0, 2, 1])
    log_q = torch.log(torch.tensor([0.9, 0.09, 0.01]))
    lowered = scores - log_q[item][None, :]
    got = batch_softmax_loss(scores, item, log_q)
    assert got.item() == pytest.approx(batch_softmax_loss(lowered, item).item(), rel=1e-6)
    assert got.item() == pytest.approx(in_batch_softmax(scores, item, log_q).item(), rel=1e-6)
    assert got.item() != pytest.approx(batch_softmax_loss(scores, item).item(), abs=0.05)


@pytest.mark.equation("eq-logq")
def test_the_corrected_batch_sum_is_an_unbiased_estimate_of_the_full_sum():
    rng = np.random.default_rng(0)
    scores, q = np.linspace(1, -1, 6), np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
    drawn = rng.choice(6, size=400_000, p=q)
    estimate = np.exp(scores[drawn] - np.log(q[drawn])).mean()
    assert estimate == pytest.approx(np.exp(scores).sum(), rel=0.01)
    uncorrected = np.exp(scores[drawn]).mean() * 6
    assert abs(uncorrected / np.exp(scores).sum() - 1) > 0.05


def popular_log(seed=0):
    """Every user takes items by popularity alone: item 0 most, item 9 least."""
    rng = np.random.default_rng(seed)
    p = 1 / np.arange(1, 11)
    return log_of(np.repeat(np.arange(200), 10), rng.choice(10, 2000, p=p / p.sum()), 200, 10)


@pytest.mark.equation("eq-logq")
def test_without_the_correction_popular_items_are_pushed_down():
    log = popular_log()
    counts = np.bincount(log.item, minlength=10)
    settings = {"factors": 2, "epochs": 15, "batch_size": 100, "rate": 0.03, "l2": 0.0}
    right = TwoTower(**settings).fit(log).score(np.arange(200)).mean(axis=0)
    wrong = TwoTower(corrected=False, **settings).fit(log).score(np.arange(200)).mean(axis=0)
    slope = [np.polyfit(np.log(counts), s, 1)[0] for s in (right, wrong)]
    assert slope[0] > 0.7, "corrected scores follow the logarithm of popularity"
    assert slope[1] < 0.35, "uncorrected ones hardly do"


def test_features_serve_an_item_nobody_took():
    log, _ = checkerboard()
    new = log.select(log.item != 4)
    settings = SMALL | {"epochs": 80}
    model = TwoTower(negatives="all", features=parity_features(), ids=False, **settings).fit(new)
    scores = model.score([0, 1])
    assert scores[0, 4] > scores[0, 5] and scores[1, 5] > scores[1, 4]
    plain = TwoTower(negatives="all", **settings).fit(new)
    assert np.isfinite(plain.score([0])).all()
    hidden = TwoTower(
        negatives="all", features=parity_features(), hidden=3, **(SMALL | {"epochs": 2})
    ).fit(log)
    assert hidden.item_factors_.shape == (20, 4)


def test_a_user_without_history_gets_popularity():
    log, _ = checkerboard()
    silent = log.select(log.user != 4)
    model = TwoTower(**(SMALL | {"epochs": 1})).fit(silent)
    np.testing.assert_array_equal(model.score([4, -1])[0], model.item_counts_)
    assert model.recommend([-1], k=20)[0].shape == (1, 20)


def test_one_user_and_one_item():
    model = TwoTower(**(SMALL | {"epochs": 1})).fit(log_of([0, 0], [0, 1], 1, 2))
    assert np.isfinite(model.score([0])).all()
    model = TwoTower(negatives="all", **(SMALL | {"epochs": 1})).fit(log_of([0], [0], 1, 1))
    assert model.score([0]).shape == (1, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0.0}, "rate is 0"),
        ({"factors": 0}, "factors is 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"l2": -1.0}, "l2 is -1"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"negatives": "some"}, "negatives is 'some'"),
        ({"ids": False}, "neither ids nor features"),
        ({"features": np.ones((3, 2))}, "3, 2.* 20 items"),
        ({"features": np.full((20, 2), np.nan)}, "not finite in row 0"),
        ({"rate": 1e30}, "diverged"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        TwoTower(**(SMALL | {"epochs": 3} | settings)).fit(checkerboard()[0])
