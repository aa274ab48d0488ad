"""Two optimizers on the same gradients: ours against another one, step by step.

Not a test file: ``conftest.py`` hands it to the tests as the fixture ``parity``.
"""

import copy
import io
from functools import cache, partial

import numpy as np
import torch

from recsys_book.optimizers import Optimizer, optimizer

#: The ways in which a rule is compared: keyword arguments of ``assert_same_path``.
SETTINGS = {
    "plain": {},
    "clipped norm, two groups": {"clip_norm": 0.7, "rates": (0.03, 0.002)},
    "clipped value, climbing": {"clip_value": 0.3, "maximize": True},
    "two groups, resumed": {"rates": (0.03, 0.002), "resume_at": 57},
    "joined and cut, resumed": {"block": 16, "resume_at": 40},
}


def odd_tensors(seed=0, dtype=torch.float64):
    """Parameters of odd shapes: a scalar, one row, a transposed one, one with a gap, a long one."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: torch.as_tensor(rng.normal(size=shape), dtype=dtype)  # noqa: E731
    tensors = [draw(), draw(1, 3), draw(4, 6).t(), draw(5, 8)[:, ::2], draw(53), draw(2, 3, 4)]
    return [torch.nn.Parameter(tensor) for tensor in tensors]


@cache
def noise(step, shapes, seed):
    """Noise for tensors of these shapes, and its size, which differs from weight to weight."""
    rng = np.random.default_rng([seed, step])
    drawn = [torch.as_tensor(rng.normal(size=shape)) for shape in shapes]
    return drawn, [torch.linspace(0.01, 3, t.numel()).double().view(t.shape) for t in drawn]


def set_gradients(params, step, seed=0):
    """Pull towards zero, with noise."""
    drawn, sizes = noise(step, tuple(tuple(param.shape) for param in params), seed)
    for param, draw, size in zip(params, drawn, sizes):
        param.grad = (draw + 0.5 * param.detach()).mul_(size).to(param.dtype)


def groups_of(params, rates):
    """One group, or two with rates of their own."""
    if rates is None:
        return params
    return [{"params": params[::2], "lr": rates[0]}, {"params": params[1::2], "lr": rates[1]}]


def resumed(old, make, params, rates):
    """Build an optimizer anew and give it the other one's state, by way of a file."""
    file = io.BytesIO()
    torch.save(old.state_dict(), file)
    file.seek(0)
    new = make(groups_of(params, rates))
    new.load_state_dict(torch.load(file))
    return new


def use_blocks(monkeypatch, block):
    """Make the batching cut at ``block`` elements."""
    monkeypatch.setattr(optimizer, "BLOCK", block)
    monkeypatch.setattr(optimizer, "buckets", partial(optimizer.buckets, block=block))
    monkeypatch.setattr(optimizer, "step_cut", partial(optimizer.step_cut, block=block))


def assert_same_path(
    monkeypatch,
    rule,
    make_torch,
    *,
    steps=100,
    rates=None,
    clip_norm=None,
    clip_value=None,
    maximize=False,
    resume_at=None,
    block=None,
    rtol=1e-6,
):
    """Assert that a rule and an optimizer of torch visit the same weights.

    ``make_torch(params)`` builds torch's optimizer, without clipping and without ``maximize``:
    both are done here by hand. ``resume_at`` rebuilds ours from a checkpoint after that step.
    """
    if block is not None:
        use_blocks(monkeypatch, block)
    ours = odd_tensors()
    theirs = copy.deepcopy(ours)
    make = partial(
        Optimizer, rule=rule, clip_norm=clip_norm, clip_value=clip_value, maximize=maximize
    )
    own, other = make(groups_of(ours, rates)), make_torch(groups_of(theirs, rates))
    for step in range(1, steps + 1):
        set_gradients(ours, step)
        set_gradients(theirs, step)
        own.step()
        reference_step(other, theirs, clip_norm, clip_value, maximize)
        for position, (mine, wanted) in enumerate(zip(ours, theirs)):
            if not torch.allclose(mine, wanted, rtol=rtol, atol=1e-12):
                raise AssertionError(f"step {step}, parameter {position}: {mine} is not {wanted}")
        if step == resume_at:
            own = resumed(own, make, ours, rates)


def reference_step(other, params, clip_norm, clip_value, maximize):
    """Step torch's optimizer, with sign and clipping done by hand."""
    for param in params:
        param.grad = -param.grad if maximize else param.grad
    if clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(params, clip_norm)
    if clip_value is not None:
        torch.nn.utils.clip_grad_value_(params, clip_value)
    other.step()


def gradient_stream(steps, *shape, seed=0):
    """Gradients of widely different sizes, float64, shape ``(steps, *shape)``."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(steps, *shape)) * rng.lognormal(size=shape)


def path(rule, gradients, start=0.0, dtype=torch.float64):
    """Run a rule through ``Optimizer`` on given gradients; the weights after each step."""
    weight = torch.nn.Parameter(torch.full(gradients.shape[1:], start, dtype=dtype))
    own = Optimizer([weight], rule)
    points = []
    for gradient in gradients:
        weight.grad = torch.as_tensor(gradient, dtype=dtype)
        own.step()
        points.append(weight.detach().numpy().copy())
    return np.array(points)
