"""Runs a rule through ``Optimizer`` beside a transcription in NumPy, with all that surrounds it.

Two parameter groups of several tensors, a noisy quadratic, clipping by the norm, weight decay, and
half-way a checkpoint that is written, read and continued by a new optimizer.
"""

import io
import itertools

import numpy as np
import torch

from recsys_book.optimizers import Optimizer

SHAPES = (((3, 4), (5,)), ((2, 3), (4,)))  # of the tensors, group by group
CLIP = 6.0


class Problem:
    """Gradients of a badly scaled quadratic, with noise that depends on the step alone."""

    def __init__(self, seed=0, shapes=SHAPES):
        rng = np.random.default_rng(seed)
        self.shapes = shapes
        self.flat = [shape for group in shapes for shape in group]
        self.start = [rng.normal(size=shape) for shape in self.flat]
        self.target = [rng.normal(size=shape) for shape in self.flat]
        self.curvature = [10 ** rng.uniform(-1, 0.7, size=shape) for shape in self.flat]
        self.seed = seed

    def gradients(self, weights, step):
        rng = np.random.default_rng([self.seed, step])
        noise = [0.3 * rng.normal(size=shape) for shape in self.flat]
        return [
            h * (w - t) + e
            for h, w, t, e in zip(self.curvature, weights, self.target, noise, strict=True)
        ]


def clipped(gradients, limit):
    """All gradients together, scaled down to a norm of at most ``limit``, as torch does it."""
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    return [g * min(1.0, limit / (norm + 1e-6)) for g in gradients]


def by_group(values, shapes):
    """A flat list, cut at the ends of the groups."""
    values = iter(values)
    return [list(itertools.islice(values, len(group))) for group in shapes]


def build(problem, make_optimizer, weights):
    """Parameters with given values, and an optimizer of two groups for them."""
    params = [torch.nn.Parameter(torch.tensor(w)) for w in weights]
    return params, make_optimizer(by_group(params, problem.shapes))


def theirs(problem, make_optimizer, steps=100, clip=True, restart_after=50, on_step=None):
    """The weights after each step, under an optimizer of torch's interface."""
    params, optimizer = build(problem, make_optimizer, problem.start)
    path = []
    for step in range(1, steps + 1):
        weights = [p.detach().numpy() for p in params]
        gradients = problem.gradients(weights, step)
        for param, g in zip(params, clipped(gradients, CLIP) if clip else gradients, strict=True):
            param.grad = torch.tensor(g)
        optimizer.step()
        path.append([p.detach().numpy().copy() for p in params])
        if on_step is not None:
            on_step(step, optimizer)
        if step == restart_after:
            file = io.BytesIO()
            torch.save({"weights": path[-1], "optimizer": optimizer.state_dict()}, file)
            file.seek(0)
            saved = torch.load(file, weights_only=False)
            params, optimizer = build(problem, make_optimizer, saved["weights"])
            optimizer.load_state_dict(saved["optimizer"])
    return path


def ours(problem, rule, other_group, steps=100, on_step=None):
    """The weights after each step, under ``Optimizer``; the second group overrides some fields."""

    def make_optimizer(groups):
        first, second = groups
        return Optimizer(
            [{"params": first}, {"params": second, **other_group}], rule, clip_norm=CLIP
        )

    return theirs(problem, make_optimizer, steps, clip=False, on_step=on_step)


def numpys(problem, make_reference, hyper, other_group, steps=100):
    """The weights after each step, under a transcription: one object a group, ``step(grads)``."""
    weights = [w.copy() for w in problem.start]
    groups = by_group(weights, problem.shapes)
    settings = (hyper, hyper | other_group)
    references = [make_reference(g, **s) for g, s in zip(groups, settings, strict=True)]
    path = []
    for step in range(1, steps + 1):
        gradients = clipped(problem.gradients(weights, step), CLIP)
        for reference, g in zip(references, by_group(gradients, problem.shapes), strict=True):
            reference.step(g)
        path.append([w.copy() for w in weights])
    return path


def assert_same_path(got, want, rtol=1e-6):
    """Every tensor after every step, relative to its largest entry."""
    assert len(got) == len(want)
    for step, (left, right) in enumerate(zip(got, want, strict=True), start=1):
        for a, b in zip(left, right, strict=True):
            np.testing.assert_allclose(
                a, b, rtol=rtol, atol=rtol * np.abs(b).max(), err_msg=f"step {step}"
            )


def assert_equals_transcription(rule, make_reference, hyper, other_group, seed=0, rtol=1e-6):
    """The rule's path equals the transcription's, and the second group's fields do matter."""
    problem = Problem(seed)
    want = numpys(problem, make_reference, hyper, other_group)
    assert_same_path(ours(problem, rule(**hyper), other_group), want, rtol)
    moved = [np.abs(a - b).max() for a, b in zip(want[-1], problem.start, strict=True)]
    assert min(moved) > 1e-3  # a rule that stands still would agree with anything that does
