"""The four descents equal torch's SGD, step by step."""

import copy

import pytest
import torch
from torch import nn

from recsys_book.optimizers import Optimizer
from recsys_book.optimizers.rules.descent import SGD, GradientDescent, HeavyBall, Nesterov

PAIRS = [
    pytest.param(GradientDescent, {}, {}, marks=pytest.mark.equation("eq-gradient-descent")),
    pytest.param(SGD, {}, {}, marks=pytest.mark.equation("eq-minibatch-gradient")),
    pytest.param(
        HeavyBall,
        {"momentum": 0.9},
        {"momentum": 0.9},
        marks=pytest.mark.equation("eq-heavy-ball"),
    ),
    (HeavyBall, {"momentum": 0.5, "dampening": 0.3}, {"momentum": 0.5, "dampening": 0.3}),
    (HeavyBall, {"momentum": 0.0}, {}),
    pytest.param(
        Nesterov,
        {"momentum": 0.8},
        {"momentum": 0.8, "nesterov": True},
        marks=pytest.mark.equation("eq-nesterov"),
    ),
]


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1)).double()


def batches(n=100):
    generator = torch.Generator().manual_seed(1)
    for _ in range(n):
        x = torch.randn(16, 6, generator=generator, dtype=torch.float64)
        yield x, x[:, :1] * x[:, 1:2] + 0.1 * torch.randn(16, 1, generator=generator).double()


def train(model, optimizer, data, clip=None):
    for x, y in data:
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        if clip is not None:
            clip(model.parameters())
        optimizer.step()


def assert_equal(ours, theirs):
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("rule", "fields", "options"), PAIRS)
@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
def test_equal_to_torch_over_a_hundred_steps(rule, fields, options, weight_decay):
    ours, theirs, start = network(), network(), network()
    train(
        ours,
        Optimizer(ours.parameters(), rule(lr=0.05, weight_decay=weight_decay, **fields)),
        batches(),
    )
    reference = torch.optim.SGD(theirs.parameters(), 0.05, weight_decay=weight_decay, **options)
    train(theirs, reference, batches())
    assert_equal(ours, theirs)
    assert (ours[0].weight - start[0].weight).abs().max() > 0.01


@pytest.mark.parametrize(("rule", "fields", "options"), PAIRS)
def test_equal_to_torch_with_groups(rule, fields, options):
    def groups(model):
        return [
            {"params": model[0].parameters(), "lr": 0.01, "weight_decay": 0.1},
            {"params": model[2].parameters()},
        ]

    ours, theirs = network(), network()
    train(ours, Optimizer(groups(ours), rule(lr=0.05, **fields)), batches())
    train(theirs, torch.optim.SGD(groups(theirs), 0.05, **options), batches())
    assert_equal(ours, theirs)


@pytest.mark.parametrize(("rule", "fields", "options"), PAIRS)
@pytest.mark.parametrize(
    ("limit", "clip"),
    [
        ({"clip_norm": 0.3}, lambda params: nn.utils.clip_grad_norm_(params, 0.3)),
        ({"clip_value": 0.05}, lambda params: nn.utils.clip_grad_value_(params, 0.05)),
    ],
)
def test_equal_to_torch_with_clipping(rule, fields, options, limit, clip):
    ours, theirs, free = network(), network(), network()
    train(ours, Optimizer(ours.parameters(), rule(lr=0.05, **fields), **limit), batches())
    train(theirs, torch.optim.SGD(theirs.parameters(), 0.05, **options), batches(), clip)
    train(free, torch.optim.SGD(free.parameters(), 0.05, **options), batches())
    assert_equal(ours, theirs)
    assert not torch.allclose(theirs[0].weight, free[0].weight, rtol=1e-3), "clipping did nothing"


@pytest.mark.parametrize(("rule", "fields", "options"), PAIRS)
def test_equal_to_torch_after_a_checkpoint(rule, fields, options):
    data = list(batches())
    ours, theirs = network(), network()
    before = Optimizer(ours.parameters(), rule(lr=0.05, **fields))
    train(ours, before, data[:40])
    resumed = network(seed=7)
    resumed.load_state_dict(ours.state_dict())
    after = Optimizer(resumed.parameters(), rule(lr=0.9, **fields))
    after.load_state_dict(copy.deepcopy(before.state_dict()))
    train(resumed, after, data[40:])
    train(theirs, torch.optim.SGD(theirs.parameters(), 0.05, **options), data)
    assert_equal(resumed, theirs)


@pytest.mark.parametrize("rule", [GradientDescent, SGD])
def test_sparse_gradients_equal_torch(rule):
    ours, theirs = (nn.Embedding(50, 3, sparse=True).double() for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    start = ours.weight.detach().clone()
    pair = [Optimizer(ours.parameters(), rule(lr=0.1)), torch.optim.SGD(theirs.parameters(), 0.1)]
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        rows = torch.randint(0, 40, (8,), generator=generator)
        for table, optimizer in zip((ours, theirs), pair):
            optimizer.zero_grad()
            table(rows).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-6, atol=0)
    assert torch.equal(ours.weight[40:], start[40:]), "rows without a gradient stay"
    assert not torch.equal(ours.weight[:40], start[:40])


@pytest.mark.parametrize("rule", [HeavyBall, Nesterov])
def test_momentum_needs_every_row(rule):
    table = nn.Embedding(5, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match=f"{rule.__name__} needs a dense gradient"):
        Optimizer(table.parameters(), rule()).step()


@pytest.mark.parametrize("rule", [GradientDescent, SGD, HeavyBall, Nesterov])
def test_gradient_and_weights_are_left_alone(rule):
    param, grad = torch.ones(3), torch.full((3,), 2.0)
    this = rule(lr=0.1)
    state = this.init(param)
    this.update(grad, state, 1, param)
    this.update(grad, state, 2, param)
    assert grad.tolist() == [2.0] * 3 and param.tolist() == [1.0] * 3


def test_step_and_rate_may_be_tensors():
    grad = torch.tensor([1.0, -2.0])
    plain, lifted = HeavyBall(lr=0.1, dampening=0.5), HeavyBall(dampening=0.5)
    lifted.lr = torch.tensor(0.1)
    a, b = plain.init(grad), lifted.init(grad)
    for step in (1, 2, 3):
        want = plain.update(grad, a, step)
        torch.testing.assert_close(lifted.update(grad, b, torch.tensor(float(step))), want)


@pytest.mark.parametrize("momentum", [-0.1, 1.0, float("nan")])
@pytest.mark.parametrize("rule", [HeavyBall, Nesterov])
def test_momentum_out_of_range(rule, momentum):
    with pytest.raises(ValueError, match=r"momentum is .*must lie in \[0, 1\)"):
        rule(momentum=momentum)
