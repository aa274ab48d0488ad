"""Rates that follow the validation set: against torch, and against what they promise."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.optimizers import Adam, Optimizer
from recsys_book.optimizers.rules import GradientDescent
from recsys_book.optimizers.validation import EarlyStopping, ReduceOnPlateau, rate_range_test


def weights():
    return nn.Parameter(torch.ones(2, dtype=torch.float64))


def optimizer_of(lr=1.0):
    return Optimizer([weights()], GradientDescent(lr=lr))


def noisy_scores(seed, sign):
    rng = np.random.default_rng(seed)
    return sign * (1 + np.exp(-np.arange(60) / 8) + 0.02 * rng.normal(size=60)).round(3)


@pytest.mark.equation("eq-plateau")
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "options",
    [
        {"patience": 0},
        {"patience": 2, "cooldown": 3, "factor": 0.5},
        {"patience": 1, "floor": 0.02, "threshold": 0.01},
        {"patience": 1, "eps": 0.01},
    ],
)
def test_plateau_equals_torch(mode, relative, sign, options):
    theirs = torch.optim.SGD([weights()], lr=1.0)
    kind = "rel" if relative else "abs"
    named = {"min_lr" if k == "floor" else k: v for k, v in options.items()}
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        theirs, mode=mode, threshold_mode=kind, **{"factor": 0.1, **named}
    )
    ours = optimizer_of()
    plateau = ReduceOnPlateau(ours, mode=mode, relative=relative, **options)
    got, want = [], []
    for score in noisy_scores(3, sign):
        scheduler.step(score)
        plateau.step(score)
        got.append(plateau.rates[0])
        want.append(theirs.param_groups[0]["lr"])
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)
    assert plateau.best == scheduler.best
    falls = 1 + np.flatnonzero(np.diff([1.0, *got]))
    assert set(falls) <= set(plateau.reductions)


@pytest.mark.equation("eq-plateau")
def test_plateau_waits_for_its_patience():
    optimizer = optimizer_of()
    plateau = ReduceOnPlateau(optimizer, factor=0.5, patience=2)
    rates = []
    for score in (1.0, 0.9, 0.95, 0.95, 0.95, 0.95, 0.95, 0.95, 0.8):
        plateau.step(score)
        rates.append(plateau.rates[0])
    assert rates == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert plateau.reductions == [5, 8]


def test_a_resumed_plateau_goes_on():
    scores = noisy_scores(1, 1)
    whole = ReduceOnPlateau(optimizer_of(), patience=1, cooldown=1)
    for score in scores:
        whole.step(score)
    first = ReduceOnPlateau(optimizer_of(), patience=1, cooldown=1)
    for score in scores[:25]:
        first.step(score)
    rest = ReduceOnPlateau(optimizer_of(first.rates[0]), patience=1, cooldown=1)
    rest.load_state_dict(first.state_dict())
    for score in scores[25:]:
        rest.step(score)
    assert rest.rates == whole.rates
    assert rest.reductions == whole.reductions
    assert len(first.reductions) < len(rest.reductions)


def test_an_infinite_score_is_a_bad_one():
    plateau = ReduceOnPlateau(optimizer_of(), patience=0)
    plateau.step(1.0)
    plateau.step(math.inf)
    assert plateau.reductions == [2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: ReduceOnPlateau(o, factor=1.0), "factor is 1.0, but it must lie in"),
        (lambda o: ReduceOnPlateau(o, patience=-1), "patience is -1"),
        (lambda o: ReduceOnPlateau(o, cooldown=-2), "cooldown is -2"),
        (lambda o: ReduceOnPlateau(o, mode="down"), "mode is 'down'"),
        (lambda o: ReduceOnPlateau(o).step(math.nan), "score number 1 is NaN"),
        (lambda o: EarlyStopping(patience=-1), "EarlyStopping: patience is -1"),
        (lambda o: EarlyStopping(min_delta=math.nan), "min_delta is nan"),
        (lambda o: EarlyStopping(mode="up"), "mode is 'up'"),
        (lambda o: EarlyStopping().step(math.nan, nn.Linear(1, 1)), "EarlyStopping: the valida"),
        (lambda o: EarlyStopping().restore(nn.Linear(1, 1)), "no weights to restore"),
    ],
)
def test_bad_input_gets_one_sentence(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make(optimizer_of())
    assert str(error.value).endswith(".")


def run(stopper, scores):
    """Feed scores to a stopper with a model whose weight is the epoch's number."""
    model = nn.Linear(1, 1, bias=False)
    for epoch, score in enumerate(scores):
        nn.init.constant_(model.weight, epoch)
        if stopper.step(score, model):
            break
    stopper.restore(model)
    return epoch, model.weight.item()


def test_early_stopping_restores_the_best_weights():
    assert run(EarlyStopping(patience=1), [3, 2, 1, 2, 3, 0]) == (4, 2)
    assert run(EarlyStopping(patience=2), [3, 2, 1, 2, 3, 0]) == (5, 5)
    assert run(EarlyStopping(patience=0), [3, 3]) == (1, 0)
    assert run(EarlyStopping(patience=1, mode="max"), [1, 2, 1, 1, 9]) == (3, 1)
    assert run(EarlyStopping(patience=1, min_delta=0.5), [3, 2.9, 2.8, 0]) == (2, 0)


def test_early_stopping_counts_from_the_best():
    stopper = EarlyStopping(patience=1)
    run(stopper, [3, 4, 2, 4, 4])
    assert (stopper.best, stopper.best_epoch) == (2, 2)


class Bowl(nn.Module):
    """Half of 4 w², whose stability edge is the rate 1/2."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([3.0, -2.0], dtype=torch.float64))


def bowl_loss(model, batch):
    return 2 * ((model.w - 0.1 * batch) ** 2).sum()


def test_range_test_finds_the_edge_and_puts_everything_back():
    model = Bowl()
    optimizer = Optimizer(model.parameters(), Adam(lr=0.123))
    bowl_loss(model, 1.0).backward()
    optimizer.step()
    before = model.w.detach().clone()
    state = {k: v.clone() for k, v in optimizer.state[model.w].items() if k != "step"}
    rate_range_test(model, optimizer, [1.0] * 20, bowl_loss, steps=20)
    torch.testing.assert_close(model.w.detach(), before, rtol=0, atol=0)
    assert optimizer.param_groups[0]["lr"] == 0.123
    assert optimizer.state[model.w]["step"] == 1
    for name, value in state.items():
        torch.testing.assert_close(optimizer.state[model.w][name], value, rtol=0, atol=0)

    plain = Optimizer(model.parameters(), GradientDescent(lr=0.1))
    noise = np.random.default_rng(0).normal(size=400)
    result = rate_range_test(model, plain, noise, bowl_loss, low=1e-3, high=10, steps=400)
    # Noise adds the factor 1 / (1 - rate / edge) to the loss: four at three quarters of the edge.
    assert 0.25 < result.rates[-1] < 0.75
    assert result.steepest < result.lowest < 0.375


def test_range_test_ends_at_a_loss_that_is_not_finite():
    model = Bowl()
    optimizer = Optimizer(model.parameters(), GradientDescent())
    result = rate_range_test(model, optimizer, [1.0] * 5 + [math.nan] * 5, bowl_loss, steps=10)
    assert len(result.rates) == len(result.losses) == len(result.smoothed) == 5


@pytest.mark.parametrize(
    ("batches", "options", "message"),
    [
        ([1.0] * 9, {"low": 1.0, "high": 0.1}, "0 < low < high"),
        ([1.0] * 9, {"steps": 2}, "3 steps or more"),
        ([1.0] * 2, {}, "saw 2 finite losses"),
    ],
)
def test_an_empty_range_is_refused(batches, options, message):
    model = Bowl()
    with pytest.raises(ValueError, match=message):
        rate_range_test(model, Optimizer(model.parameters(), Adam()), batches, bowl_loss, **options)
