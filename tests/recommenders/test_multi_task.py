"""Several behaviours: a sigmoid each, and what follows a click learned where it can be seen."""

import numpy as np
import pytest
import torch
from contract import check_contract, checkerboard

from recsys_book.data import Interactions
from recsys_book.recommenders.features import MultiTask, esmm_probabilities
from recsys_book.recommenders.features.multi_task import clicked_only_loss, entire_space_loss

QUICK = {"factors": 4, "epochs": 40, "rate": 0.05, "batch_size": 64}


@pytest.mark.equation("eq-esmm")
@pytest.mark.erratum("CF-08")
def test_each_behaviour_has_a_probability_of_its_own():
    logits = torch.tensor([-37.0, -1.0, 0.0, 3.0])
    faulty = torch.softmax(logits[:, None], -1)  # one score a pair: always 1
    assert (faulty == 1).all()
    click, follow, both = esmm_probabilities(logits, logits.flip(0))
    assert click[0] < 1e-15 and click[2] == 0.5 and (click.diff() > 0).all()
    torch.testing.assert_close(both, click * follow)
    assert (click + follow)[1] != 1  # not exclusive: they need not add up to one


@pytest.mark.equation("eq-esmm")
def test_the_entire_space_loss_by_hand():
    click, follow = torch.tensor([0.3, -0.2, 1.0]), torch.tensor([0.5, 0.1, -1.0])
    clicked, followed = torch.tensor([1.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 0.0])
    p, c = 1 / (1 + np.exp(-click.numpy())), 1 / (1 + np.exp(-follow.numpy()))
    y, z = clicked.numpy(), followed.numpy()
    both = p * c
    wanted = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    wanted -= (z * np.log(both) + (1 - z) * np.log(1 - both)).mean()
    value = entire_space_loss(click, follow, clicked, followed)
    assert value.item() == pytest.approx(wanted, rel=1e-6)
    among_clicks = -(np.log(c[0]) + np.log(1 - c[2])) / 2
    base = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    value = clicked_only_loss(click, follow, clicked, followed)
    assert value.item() == pytest.approx(base + among_clicks, rel=1e-6)
    assert torch.isfinite(clicked_only_loss(click, follow, clicked * 0, clicked * 0))


@pytest.mark.parametrize("rank_by", ["click", "both"])
def test_contract(rank_by):
    # ones are clicks, and with follow=1 every click leads on
    check_contract(lambda: MultiTask(follow=1.0, rank_by=rank_by, **QUICK), personalised=True)


def views(seed=0, n=24000):
    """Views of 40 users and 30 items with known chances of a click and of what follows it."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=30), rng.normal(size=30)
    user, item = rng.integers(40, size=n), rng.integers(30, size=n)
    click = rng.random(n) < 1 / (1 + np.exp(1 - a[item]))
    follow = click & (rng.random(n) < 1 / (1 + np.exp(0.5 - b[item])))
    value = np.where(follow, 5.0, np.where(click, 1.0, 0.0))
    log = Interactions(user, item, value, np.arange(n), np.arange(40), np.arange(30))
    return log, 1 / (1 + np.exp(1 - a)), 1 / (1 + np.exp(0.5 - b))


@pytest.mark.parametrize("space", ["entire", "clicked"])
def test_known_chances_are_recovered(space):
    log, click, follow = views()
    settings = {"factors": 2, "epochs": 6, "rate": 0.02, "l2": 0.05, "batch_size": 256}
    model = MultiTask(space=space, **settings).fit(log)
    found = {name: p.mean(axis=0) for name, p in model.probabilities(np.arange(40)).items()}
    for name, truth in (("click", click), ("follow", follow), ("both", click * follow)):
        assert np.corrcoef(found[name], truth)[0, 1] > 0.9, name
        assert abs(found[name].mean() - truth.mean()) < 0.06, name


def test_ranking_by_one_behaviour_or_the_other_differs():
    log, click, follow = views()
    settings = {"factors": 2, "epochs": 4, "rate": 0.02, "batch_size": 256}
    by_click = MultiTask(rank_by="click", **settings).fit(log).score([0])
    by_follow = MultiTask(rank_by="follow", **settings).fit(log).score([0])
    assert np.corrcoef(by_click[0], click)[0, 1] > np.corrcoef(by_follow[0], click)[0, 1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"space": "half"}, "space is 'half'"),
        ({"rank_by": "price"}, "rank_by is 'price'"),
        ({"follow": 0.0}, "follow is 0"),
        ({"l2": -1.0}, "l2 is -1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        MultiTask(**settings).fit(checkerboard()[0])


def test_an_unknown_user_has_no_probabilities():
    model = MultiTask(factors=2, epochs=1).fit(checkerboard()[0])
    with pytest.raises(ValueError, match="unknown user"):
        model.probabilities(np.array([-1]))
