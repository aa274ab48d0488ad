"""Each schedule against torch's scheduler of the same kind, and the order of the steps."""

import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as torchs
from transformers import optimization as hugging

from recsys_book.optimizers import Adam, Optimizer
from recsys_book.optimizers import schedules as s
from recsys_book.optimizers.scheduler import Scheduler


def weights():
    return torch.nn.Parameter(torch.ones(2, dtype=torch.float64))


def step(optimizer):
    for group in optimizer.param_groups:
        for param in group["params"]:
            param.grad = torch.ones_like(param)
    optimizer.step()


def rates_of(optimizer, scheduler, steps):
    """The first group's rate of every step."""
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        step(optimizer)
        scheduler.step()
    return np.array(rates)


def rates_by_torch(make, lr, steps):
    optimizer = torch.optim.SGD([weights()], lr=lr)
    return rates_of(optimizer, make(optimizer), steps)


def rates_by_book(schedule, lr, steps):
    optimizer = Optimizer([weights()], Adam(lr=lr))
    return rates_of(optimizer, Scheduler(optimizer, schedule), steps)


LR = 0.7
PAIRS = [
    pytest.param(
        s.Constant(0.3), lambda o: torchs.ConstantLR(o, 0.3, total_iters=1000), 40, id="constant"
    ),
    pytest.param(
        s.StepDecay(7, 0.4),
        lambda o: torchs.StepLR(o, 7, 0.4),
        40,
        id="step",
        marks=pytest.mark.equation("eq-step-decay"),
    ),
    pytest.param(
        s.Piecewise((3, 11), (1.0, 0.4, 0.16)),
        lambda o: torchs.MultiStepLR(o, [3, 11], 0.4),
        40,
        id="piecewise",
    ),
    pytest.param(
        s.ExponentialDecay(0.9),
        lambda o: torchs.ExponentialLR(o, 0.9),
        100,
        id="exponential",
        marks=pytest.mark.equation("eq-exponential-decay"),
    ),
    pytest.param(
        s.PolynomialDecay(30, 2.5),
        lambda o: torchs.PolynomialLR(o, 30, 2.5),
        40,
        id="polynomial",
        marks=pytest.mark.equation("eq-polynomial-decay"),
    ),
    pytest.param(
        s.PolynomialDecay(30, 1.0, floor=0.2),
        lambda o: torchs.LinearLR(o, 1.0, 0.2, 30),
        40,
        id="linear",
        marks=pytest.mark.equation("eq-polynomial-decay"),
    ),
    pytest.param(
        s.Cosine(40, floor=0.1),
        lambda o: torchs.CosineAnnealingLR(o, 40, eta_min=0.1 * LR),
        41,
        id="cosine",
        marks=pytest.mark.equation("eq-cosine"),
    ),
    pytest.param(
        s.SGDR(5, 2, floor=0.1),
        lambda o: torchs.CosineAnnealingWarmRestarts(o, 5, 2, eta_min=0.1 * LR),
        60,
        id="sgdr",
        marks=pytest.mark.equation("eq-sgdr"),
    ),
    pytest.param(
        s.SGDR(5),
        lambda o: torchs.CosineAnnealingWarmRestarts(o, 5),
        23,
        id="sgdr of equal waves",
        marks=pytest.mark.equation("eq-sgdr"),
    ),
    pytest.param(
        s.OneCycle(50),
        lambda o: torchs.OneCycleLR(o, LR, 50, cycle_momentum=False),
        49,
        id="one cycle",
        marks=pytest.mark.equation("eq-one-cycle"),
    ),
    pytest.param(
        s.OneCycle(50, rise=0.45, start=0.1, end=0.001, shape="linear"),
        lambda o: torchs.OneCycleLR(
            o,
            LR,
            50,
            pct_start=0.45,
            anneal_strategy="linear",
            div_factor=10,
            final_div_factor=100,
            cycle_momentum=False,
        ),
        49,
        id="one cycle, linear",
        marks=pytest.mark.equation("eq-one-cycle"),
    ),
    pytest.param(
        s.WarmUp(s.Cosine(30), 8, start=0.05),
        lambda o: torchs.SequentialLR(
            o, [torchs.LinearLR(o, 0.05, 1.0, 8), torchs.CosineAnnealingLR(o, 30)], [8]
        ),
        38,
        id="warm-up, then cosine",
        marks=pytest.mark.equation("eq-warmup"),
    ),
    pytest.param(
        s.WarmUp(s.PolynomialDecay(30), 8),
        lambda o: hugging.get_linear_schedule_with_warmup(o, 8, 38),
        45,
        id="warm-up, then a line (transformers)",
        marks=pytest.mark.equation("eq-warmup"),
    ),
    pytest.param(
        s.WarmUp(s.InverseSquareRoot(8), 8),
        lambda o: hugging.get_inverse_sqrt_schedule(o, 8),
        60,
        id="inverse square root (transformers)",
        marks=pytest.mark.equation("eq-inverse-square-root"),
    ),
]


@pytest.mark.parametrize(("schedule", "make", "steps"), PAIRS)
def test_equal_to_torch(schedule, make, steps):
    got, want = rates_by_book(schedule, LR, steps), rates_by_torch(make, LR, steps)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)
    assert isinstance(schedule, s.Constant) == (np.ptp(got) == 0)
    np.testing.assert_allclose(LR * schedule.rates(steps), got, rtol=1e-15)


def test_ends_stay_at_the_floor():
    for schedule in (s.Cosine(10, 0.2), s.PolynomialDecay(10, 3, 0.2), s.OneCycle(10, end=0.2)):
        assert schedule.rate(10) == pytest.approx(0.2)
        assert schedule.rate(1000) == pytest.approx(0.2)


@pytest.mark.equation("eq-inverse-square-root")
def test_inverse_square_root_of_the_transformer():
    d, warm = 512, 40
    schedule = s.WarmUp(s.InverseSquareRoot(warm), warm)
    paper = np.array([d**-0.5 * min(t**-0.5, t * warm**-1.5) for t in range(1, 200)])
    ours = np.array([(d * warm) ** -0.5 * schedule.rate(t) for t in range(1, 200)])
    np.testing.assert_allclose(ours, paper, rtol=1e-12)
    assert s.InverseSquareRoot(warm).rate(3 * warm) == pytest.approx(0.5)


def test_sgdr_restarts_at_the_top():
    rates = s.SGDR(4, 2).rates(28)
    assert [t for t in range(28) if rates[t] == 1] == [0, 4, 12]


def test_each_group_keeps_its_own_rate():
    first, second = weights(), weights()
    optimizer = Optimizer([{"params": [first]}, {"params": [second], "lr": 0.01}], Adam(lr=1.0))
    scheduler = Scheduler(optimizer, s.StepDecay(1, 0.5))
    step(optimizer)
    scheduler.step()
    assert scheduler.rates == [0.5, 0.005]


def test_stepping_before_the_optimizer_is_an_error():
    optimizer = Optimizer([weights()], Adam(lr=1.0))
    scheduler = Scheduler(optimizer, s.Cosine(10))
    with pytest.raises(ValueError, match="Step 1 of the schedule comes before the optimizer's"):
        scheduler.step()
    step(optimizer)
    scheduler.step()
    with pytest.raises(ValueError, match="Step 2 of the schedule"):
        scheduler.step()
    assert scheduler.steps_taken == 1


def test_works_on_torchs_optimizers():
    optimizer = torch.optim.SGD([weights()], lr=2.0)
    scheduler = Scheduler(optimizer, s.StepDecay(1, 0.5))
    with pytest.raises(ValueError, match="before the optimizer"):
        scheduler.step()
    np.testing.assert_allclose(rates_of(optimizer, scheduler, 3), [2, 1, 0.5])


def test_torchs_schedulers_work_on_ours():
    optimizer = Optimizer([weights()], Adam(lr=LR))
    got = rates_of(optimizer, torchs.CosineAnnealingLR(optimizer, 20), 20)
    np.testing.assert_allclose(got, LR * s.Cosine(20).rates(20), atol=1e-12)


def test_a_resumed_schedule_goes_on():
    schedule = s.WarmUp(s.Cosine(20), 5)
    whole = rates_by_book(schedule, LR, 25)
    optimizer = Optimizer([weights()], Adam(lr=LR))
    scheduler = Scheduler(optimizer, schedule)
    start = rates_of(optimizer, scheduler, 9)
    saved, saved_optimizer = scheduler.state_dict(), optimizer.state_dict()

    other = Optimizer([weights()], Adam(lr=123.0))
    again = Scheduler(other, schedule)
    other.load_state_dict(saved_optimizer)
    again.load_state_dict(saved)
    rest = rates_of(other, again, 16)
    np.testing.assert_array_equal(np.concatenate([start, rest]), whole)


def test_a_checkpoint_of_other_groups_is_refused():
    scheduler = Scheduler(Optimizer([weights()], Adam()), s.Constant())
    with pytest.raises(ValueError, match="has 2 parameter groups, but this optimizer has 1"):
        scheduler.load_state_dict({"steps_taken": 1, "base": [1.0, 2.0], "ready": False})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: s.StepDecay(0), "StepDecay: every is 0, but a length is a whole number"),
        (lambda: s.Cosine(-5), "Cosine: total is -5"),
        (lambda: s.PolynomialDecay(2.5), "PolynomialDecay: total is 2.5"),
        (lambda: s.SGDR(5, 0), "SGDR: multiply is 0"),
        (lambda: s.WarmUp(s.Constant(), -1), "WarmUp: steps is -1"),
        (lambda: s.InverseSquareRoot(0), "InverseSquareRoot: scale is 0"),
        (lambda: s.ExponentialDecay(-0.1), "ExponentialDecay: gamma is -0.1"),
        (lambda: s.Constant(math.nan), "Constant: factor is nan"),
        (lambda: s.Cosine(5, math.inf), "Cosine: floor is inf"),
        (lambda: s.OneCycle(50, rise=1.0), "OneCycle: rise is 1.0 of 50 steps"),
        (lambda: s.OneCycle(3, rise=0.3), "cover more than one step"),
        (lambda: s.OneCycle(50, shape="square"), "shape is 'square': use 'cosine' or 'linear'"),
        (lambda: s.Piecewise((5,), (1.0,)), "there are 1 milestones and 1 values"),
        (lambda: s.Piecewise((5, 5), (1, 1, 1)), "must be positive and increasing"),
        (lambda: s.Piecewise((5,), (1, -1)), "must be finite numbers, zero or more"),
    ],
)
def test_bad_schedules_get_one_sentence(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)
