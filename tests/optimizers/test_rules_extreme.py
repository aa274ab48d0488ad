"""Gradients of zero, huge and tiny ones: no rule may answer with a NaN."""

from dataclasses import replace

import pytest
import torch

from recsys_book.optimizers import (
    AdaBelief,
    AdaDelta,
    AdaGrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    NAdam,
    Optimizer,
    RAdam,
    RMSProp,
)

RULES = {
    "AdaGrad": AdaGrad(),
    "RMSProp": RMSProp(),
    "RMSProp centred": RMSProp(centred=True),
    "RMSProp momentum": RMSProp(centred=True, momentum=0.9),
    "AdaDelta": AdaDelta(),
    "Adam": Adam(),
    "AdamW": AdamW(),
    "AMSGrad": AMSGrad(),
    "Adamax": Adamax(),
    "NAdam": NAdam(),
    "RAdam": RAdam(),
    "AdaBelief": AdaBelief(),
}


@pytest.fixture(params=RULES.values(), ids=RULES.keys())
def rule(request):
    return request.param


def run(rule, gradients, dtype=torch.float32):
    """The weights before the first step and after each; the optimizer."""
    weight = torch.nn.Parameter(torch.tensor([1.0, -1.0], dtype=dtype))
    own = Optimizer([weight], rule)
    points = [weight.detach().clone()]
    for gradient in gradients:
        weight.grad = torch.full_like(weight, gradient)
        own.step()
        points.append(weight.detach().clone())
    return torch.stack(points), own.state[weight]


def test_zero_gradients_move_nothing(rule):
    points, _ = run(replace(rule, weight_decay=0.0), [0.0] * 10)
    assert torch.equal(points, points[:1].expand_as(points))


STREAMS = (
    [1e30] * 10,
    [1e30] + [1.0] * 10,
    [1e-30] * 10,
    [1e-42] * 10,
    [0.0, 1e30, 1e-30, 0.0, 1.0],
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_gradients_give_numbers(rule, dtype):
    for gradients in STREAMS:
        points, state = run(rule, gradients, dtype)
        assert points.isfinite().all()
        assert not any(value.isnan().any() for name, value in state.items() if name != "step")
        assert points[-1, 0] <= points[0, 0]


def test_tiny_gradients_move_little(rule):
    """A root of underflowed squares is zero; eps keeps the quotient from exploding."""
    points, _ = run(rule, [1e-30] * 10)
    assert (points - points[0]).abs().max() < 0.02


def test_one_huge_gradient_stops_what_squares_it(rule):
    """Its square is infinite in float32, and an average never forgets that: clip first.

    Adamax takes no square.
    """
    points, _ = run(replace(rule, weight_decay=0.0), [1e30] + [1.0] * 9)
    assert bool((points[-1] != points[-2]).any()) is isinstance(rule, Adamax)


def test_radam_takes_a_huge_first_gradient_at_its_word():
    points, _ = run(RAdam(lr=1e-3), [1e30])
    assert points[-1, 0] < -1e26
