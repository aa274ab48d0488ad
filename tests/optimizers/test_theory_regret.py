"""Regret in online games, against bounds and against sums done by hand."""

import numpy as np
import pytest
import torch

from recsys_book.optimizers import SGD, AdaGrad, Adam, AMSGrad
from recsys_book.optimizers.theory.regret import (
    Game,
    adagrad_regret_bound,
    growth_exponent,
    hostile_loss,
    linear_regret,
    play,
    reddi_loss,
    regret,
)

BEST = 2**0.5  # the best rate in a box of width 2


def random_loss(seed, d):
    """Absolute distances to random targets, of sizes and frequencies that differ."""
    rng = np.random.default_rng(seed)
    targets = torch.as_tensor(rng.uniform(-1.5, 1.5, size=(400, d)))
    sizes = torch.as_tensor(
        (rng.random((400, d)) < np.linspace(0.05, 1, d)) * rng.lognormal(size=d)
    )
    return lambda t, w: (sizes[t - 1] * (w - targets[t - 1]).abs()).sum()


@pytest.fixture(scope="module")
def hostile_game():
    return play(AdaGrad(lr=BEST), hostile_loss(), 4000)


@pytest.mark.equation("eq-adagrad-regret")
def test_adagrad_regret_grows_as_the_root_of_the_rounds(hostile_game):
    assert growth_exponent(linear_regret(hostile_game), first=100) == pytest.approx(0.5, rel=0.05)
    bound = adagrad_regret_bound(hostile_game.gradients, width=2.0)
    assert growth_exponent(bound) == pytest.approx(0.5, rel=1e-6)


@pytest.mark.equation("eq-adagrad-regret")
def test_hostile_regret_is_half_the_bound(hostile_game):
    share = linear_regret(hostile_game) / adagrad_regret_bound(hostile_game.gradients, width=2.0)
    assert share.max() < 1
    assert share[-1] == pytest.approx(0.5, abs=0.01)


def test_a_constant_rate_pays_in_every_round():
    game = play(SGD(lr=0.1), hostile_loss(), 2000)
    assert growth_exponent(linear_regret(game), first=100) == pytest.approx(1.0, rel=0.05)
    assert linear_regret(game)[-1] == pytest.approx(2000 * 0.1 / 2, rel=0.05)


@pytest.mark.equation("eq-adagrad-regret")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("lr", [0.1, BEST, 10.0])
def test_bound_holds_on_random_convex_losses(seed, lr):
    game = play(AdaGrad(lr=lr), random_loss(seed, 4), 400, start=[0.0, 1.0, -1.0, 0.3])
    assert (linear_regret(game) <= adagrad_regret_bound(game.gradients, 2.0, lr) + 1e-9).all()


@pytest.mark.equation("eq-adagrad-regret")
def test_bound_by_hand():
    gradients = torch.tensor([[3.0, 0.0], [4.0, 2.0]], dtype=torch.float64)
    wanted = torch.tensor([3.0, 5 + 2.0], dtype=torch.float64)
    torch.testing.assert_close(adagrad_regret_bound(gradients, 2.0), 2 * 2**0.5 * wanted)
    torch.testing.assert_close(adagrad_regret_bound(gradients, 2.0, lr=0.5), 4.5 * wanted)
    for lr in (0.9 * BEST, 1.1 * BEST):
        assert (adagrad_regret_bound(gradients, 2.0, lr) > 2 * 2**0.5 * wanted).all()


def test_linear_regret_by_hand():
    game = Game(
        points=torch.tensor([[0.0], [-1.0], [0.5]]),
        gradients=torch.tensor([[2.0], [-1.0], [-3.0]]),
        losses=torch.tensor([0.0, 1.0, -1.5]),
        radius=1.0,
    )
    # paid 0, 1, -0.5; the best corner so far: -1 (-2), -1 (-1), 1 (-2)
    torch.testing.assert_close(linear_regret(game), torch.tensor([2.0, 2.0, 1.5]))


def test_linear_regret_is_at_least_the_regret():
    loss = random_loss(7, 2)
    game = play(AdaGrad(lr=0.5), loss, 400, start=[0.0, 0.0])
    for comparator in ([0.0, 0.0], [0.4, -0.2], [1.0, -1.0]):
        own = regret(game, loss, comparator)
        assert (own <= linear_regret(game) + 1e-9).all()
    assert own[9] == pytest.approx(
        sum(loss(t, game.points[t - 1]) - loss(t, torch.tensor(comparator)) for t in range(1, 11))
    )


def test_play_by_hand():
    """Two rounds of plain descent with a rate for each; the second step leaves the box."""
    game = play(
        SGD(), lambda t, w: (w - 3).square().sum(), 3, start=[0.0], rate=lambda t: 0.1 * t, radius=1
    )
    torch.testing.assert_close(game.points, torch.tensor([[0.0], [0.6], [1.0]]).double())
    torch.testing.assert_close(game.gradients, torch.tensor([[-6.0], [-4.8], [-4.0]]).double())
    torch.testing.assert_close(game.losses, torch.tensor([9.0, 5.76, 4.0]).double())


@pytest.mark.equation("eq-amsgrad")
@pytest.mark.erratum("OPT-12")
def test_reddis_game():
    ends, regrets = {}, {}
    for rule in (Adam, AMSGrad):
        game = play(
            rule(beta1=0.0, beta2=1 / 17, eps=0.0), reddi_loss(), 1500, rate=lambda t: 0.1 / t**0.5
        )
        ends[rule] = game.points[-1].item()
        regrets[rule] = regret(game, reddi_loss(), [-1.0])
    assert ends[Adam] > 0.9
    assert ends[AMSGrad] < -0.9
    assert growth_exponent(regrets[Adam], first=150) > 0.95  # linear: it never learns
    assert growth_exponent(regrets[AMSGrad], first=150) < 0.6


def test_growth_exponent_of_powers():
    t = torch.arange(1, 1001, dtype=torch.float64)
    for power in (-0.5, 0.0, 0.5, 2.0):
        assert growth_exponent(3 * t**power, first=10) == pytest.approx(power, abs=1e-9)
    bent = torch.where(t < 100, t, 100 * (t / 100) ** 0.5)
    assert growth_exponent(bent, first=100) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: play(SGD(), hostile_loss(), 0), "rounds is 0"),
        (lambda: play(SGD(), hostile_loss(), 5, start=[2.0]), r"within \[-1.0, 1.0\]"),
        (lambda: play(SGD(), hostile_loss(), 5, start=0.0), "a list of numbers"),
        (lambda: growth_exponent(torch.ones(5), first=5), "between 1 and 4"),
        (lambda: growth_exponent(torch.zeros(5)), "round 1 on is not positive"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
