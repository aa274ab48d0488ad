"""All tasks at once give what a loop over tasks gives; one bad task harms no other."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.meta_learning import (
    NonFiniteTaskError,
    TaskBatch,
    adapt,
    adapt_along,
    functional,
    inner_gradient,
    masked_mse,
    parameters,
    predict,
    stacked,
)
from recsys_book.meta_learning.functional import adapting_names, step_rates
from recsys_book.meta_learning.plain import is_plain, plain_forward

SIZES = (3, 7, 1, 200)  # tasks of wildly different size


def seeded(*layers):
    g = torch.Generator().manual_seed(0)
    for layer in layers:
        for weight in layer.parameters():
            nn.init.normal_(weight, 0, 0.5, generator=g)
    return nn.Sequential(*layers).double()


@pytest.fixture
def net():
    return seeded(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1))


class Wrapped(nn.Module):
    """The same network behind a forward of its own, so that vmap runs it."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)


def make(sizes=SIZES, seed=0, labels=None):
    rng = np.random.default_rng(seed)
    sides = [
        [f(n) for n in sizes]
        for f in (
            lambda n: rng.normal(size=(n, 2)),
            lambda n: rng.normal(size=n),
            lambda n: rng.normal(size=(n, 2)),
            lambda n: rng.normal(size=n),
        )
    ]
    return TaskBatch.from_ragged(*sides, labels=labels, dtype=torch.float64)


def one_by_one(net, batch, rate, steps):
    """The textbook: copy, torch's SGD, one task after the other."""
    found = []
    for task in range(batch.n_tasks):
        mine = copy.deepcopy(net)
        sgd = torch.optim.SGD(mine.parameters(), lr=rate)
        rows = batch.support_mask[task] > 0
        for _ in range(steps):
            sgd.zero_grad()
            error = mine(batch.support_x[task, rows])[:, 0] - batch.support_y[task, rows]
            (error**2).mean().backward()
            sgd.step()
        found.append(dict(mine.named_parameters()))
    return {name: torch.stack([f[name].detach() for f in found]) for name in found[0]}


@pytest.mark.equation("eq-inner-step")
@pytest.mark.parametrize("wrap", [False, True])
def test_equals_sgd_on_each_task(net, wrap):
    batch = make()
    want = one_by_one(net, batch, 0.1, 4)
    module = Wrapped(net) if wrap else net
    assert is_plain(module) is not wrap
    got = adapt(module, parameters(module), batch, rate=0.1, steps=4)
    for name, value in want.items():
        mine = got[f"net.{name}" if wrap else name]
        torch.testing.assert_close(mine, value, rtol=0, atol=1e-12)


def test_a_task_does_not_see_the_others(net):
    batch = make()
    together = adapt(net, parameters(net), batch, rate=0.1, steps=3)
    alone = adapt(net, parameters(net), batch.select([2]), rate=0.1, steps=3)
    for name in together:
        torch.testing.assert_close(together[name][2], alone[name][0], rtol=0, atol=1e-12)


def test_plain_chain_equals_vmap(net):
    bare = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 4)).double()
    x = make().support_x
    for module in (net, bare):
        params = adapt(net, parameters(net), make(), rate=0.3, steps=1) if module is net else None
        params = params or stacked(parameters(bare), len(x))
        loop = torch.stack(
            [
                torch.func.functional_call(module, {n: p[t] for n, p in params.items()}, x[t])
                for t in range(len(x))
            ]
        )
        torch.testing.assert_close(plain_forward(module, params, x), loop)
    assert not is_plain(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)))


def test_predict_drops_only_a_last_axis_of_one(net):
    batch = make((4, 1))
    assert predict(net, parameters(net), batch.query_x[0]).shape == (4,)
    assert predict(net, stacked(parameters(net), 2), batch.query_x).shape == (2, 4)
    one_row = make((1, 1)).query_x
    assert predict(net, stacked(parameters(net), 2), one_row).shape == (2, 1)
    wrapped = Wrapped(net)
    assert predict(wrapped, stacked(parameters(wrapped), 2), one_row).shape == (2, 1)
    classes = seeded(nn.Linear(2, 3))
    assert predict(classes, stacked(parameters(classes), 2), batch.query_x).shape == (2, 4, 3)


def test_only_some_parameters_move(net):
    batch, start = make(), parameters(net)
    for only, moving in (("2", {"2.weight", "2.bias"}), (["0.weight"], {"0.weight"})):
        got = adapt(net, start, batch, rate=0.1, steps=2, only=only)
        for name, value in got.items():
            same = torch.equal(value, stacked(start, 4)[name])
            assert same is (name not in moving)
    with pytest.raises(ValueError, match="only names 'head', but the parameters are 0.weight"):
        adapt(net, start, batch, rate=0.1, steps=1, only="head")
    assert adapting_names(start, None) == list(start)


def test_rates_of_every_shape(net):
    batch, start = make(), parameters(net)
    plain = adapt(net, start, batch, rate=0.1, steps=2)
    same = [
        torch.tensor(0.1),
        torch.tensor([0.1, 0.1]),
        {name: torch.full_like(value, 0.1) for name, value in start.items()},
        {name: torch.full((2, *[1] * value.ndim), 0.1) for name, value in start.items()},
        {name: torch.tensor(0.1) for name in start},
    ]
    for rate in same:
        got = adapt(net, start, batch, rate=rate, steps=2)
        for name in plain:
            torch.testing.assert_close(got[name], plain[name], rtol=0, atol=1e-7)
    first_only = adapt(net, start, batch, rate=torch.tensor([0.1, 0.0]), steps=2)
    one = adapt(net, start, batch, rate=0.1, steps=1)
    torch.testing.assert_close(first_only["0.weight"], one["0.weight"], rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (torch.ones(3), r"shape \(3,\); pass a number, or 2"),
        ({"0.weight": torch.tensor(0.1)}, "no inner rate for 0.bias"),
        ({"0.weight": torch.ones(3, 1), "0.bias": 0.1}, r"rate of 0.weight has shape \(3, 1\)"),
    ],
)
def test_rates_that_do_not_fit(net, rate, message):
    with pytest.raises(ValueError, match=message):
        step_rates(rate, parameters(net), ["0.weight", "0.bias"], 0, 2)


def test_path_and_no_steps(net):
    batch, start = make(), parameters(net)
    path = adapt(net, start, batch, rate=0.1, steps=3, path=True)
    assert len(path) == 3
    torch.testing.assert_close(
        path[1]["2.bias"], adapt(net, start, batch, rate=0.1, steps=2)["2.bias"]
    )
    still = adapt(net, start, batch, rate=0.1, steps=0)
    assert torch.equal(still["0.weight"], stacked(start, 4)["0.weight"])
    again = adapt(net, path[0], batch, rate=0.1, steps=2)  # from a set a task
    torch.testing.assert_close(again["2.bias"], path[2]["2.bias"])
    assert adapt_along(net, start, [], rate=0.1) == []


def test_second_order_only_where_asked(net):
    batch = make()
    with torch.no_grad():
        quiet = adapt(net, parameters(net), batch, rate=0.1, steps=2)
    assert not quiet["2.bias"].requires_grad
    slopes = []
    for second in (True, False):
        end = adapt(net, parameters(net), batch, rate=0.1, steps=2, second_order=second)
        torch.testing.assert_close(end["2.bias"].detach(), quiet["2.bias"])
        (slope,) = torch.autograd.grad(end["2.bias"].sum(), net[2].bias)
        slopes.append(slope.item())
    assert slopes[1] == pytest.approx(4)  # the identity, once a task
    assert abs(slopes[0] - 4) > 0.1


@pytest.mark.parametrize("second", [True, False])
def test_inside_of_functional_transforms(net, second):
    """`adapt` must give the same gradients under torch.func as under backward."""
    batch, start = make(), {n: p.detach() for n, p in net.named_parameters()}

    def loss(params):
        end = adapt(net, params, batch, rate=0.1, steps=2, second_order=second)
        return masked_mse(predict(net, end, batch.query_x), batch.query_y, batch.query_mask).sum()

    inside = torch.func.grad(loss)(start)
    loss(parameters(net)).backward()
    for name, p in net.named_parameters():
        torch.testing.assert_close(inside[name], p.grad, rtol=0, atol=1e-12)


def test_inner_gradient_of_some_names(net):
    params = stacked(parameters(net), 4)
    full = inner_gradient(net, params, make())
    some = inner_gradient(net, params, make(), names=["2.bias"])
    assert list(some) == ["2.bias"]
    torch.testing.assert_close(some["2.bias"], full["2.bias"])


def spoilt(task=1):
    batch = make(labels=["a", "b", "c", "d"])
    batch.support_y[task, 0] = torch.nan
    return batch


def test_nan_names_its_task(net):
    with pytest.raises(NonFiniteTaskError, match=r"Task 1 \(b\): the inner loop diverged") as error:
        adapt(net, parameters(net), spoilt(), rate=0.1, steps=1)
    assert error.value.task == 1


def test_frozen_task_keeps_its_start_and_harms_no_other(net):
    good = adapt(net, parameters(net), make(), rate=0.1, steps=3)
    got = adapt(net, parameters(net), spoilt(), rate=0.1, steps=3, on_divergence="freeze")
    for name, value in got.items():
        assert torch.equal(value[1], parameters(net)[name])
        torch.testing.assert_close(value[[0, 2, 3]], good[name][[0, 2, 3]])
    got["0.weight"].sum().backward()
    assert net[0].weight.grad.isfinite().all()


def test_all_tasks_frozen(net):
    batch = spoilt().select([1])
    got = adapt(net, parameters(net), batch, rate=0.1, steps=1, on_divergence="freeze")
    assert torch.equal(got["2.bias"][0], net[2].bias)


def test_a_rate_that_runs_away_is_named_before_it_overflows():
    line = seeded(nn.Linear(2, 1))
    batch = make((5, 5))
    batch.support_x[1] *= 100  # the curvature of the second task is ten thousand times larger
    with pytest.raises(NonFiniteTaskError, match="Task 1"):
        adapt(line, parameters(line), batch, rate=0.05, steps=3)
    wild = adapt(line, parameters(line), batch, rate=0.05, steps=3, on_divergence="ignore")
    assert wild["0.weight"][1].abs().max() > 1e6
    assert wild["0.weight"][1].isfinite().all()


def test_a_support_with_one_value_only(net):
    batch = make((4, 4))
    batch.support_y[:] = 3.0
    before = masked_mse(
        predict(net, stacked(parameters(net), 2), batch.support_x),
        batch.support_y,
        batch.support_mask,
    )
    end = adapt(net, parameters(net), batch, rate=0.05, steps=20)
    after = masked_mse(predict(net, end, batch.support_x), batch.support_y, batch.support_mask)
    assert (after < 0.1 * before).all()


def test_an_empty_support_adapts_nothing(net):
    x, y = np.ones((2, 2)), [1.0, 2.0]
    batch = TaskBatch.from_ragged([x[:0], x], [[], y], [x, x], [y, y], dtype=torch.float64)
    end = adapt(net, parameters(net), batch, rate=0.1, steps=2)
    assert torch.equal(end["2.bias"][0], net[2].bias)
    assert not torch.equal(end["2.bias"][1], net[2].bias)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "steps is -1"),
        ({"steps": 1, "on_divergence": "skip"}, "on_divergence is 'skip'"),
    ],
)
def test_bad_options(net, options, message):
    with pytest.raises(ValueError, match=message):
        adapt(net, parameters(net), make(), rate=0.1, **options)


def per_task_rates(net, n_tasks):
    g = torch.Generator().manual_seed(1)
    return {
        name: 0.1 * torch.rand((3, n_tasks, *value.shape), generator=g, dtype=value.dtype)
        for name, value in parameters(net).items()
    }


@pytest.mark.parametrize("own_rates", [False, True])
@pytest.mark.parametrize("path", [False, True])
def test_blocks_of_tasks_change_nothing(net, monkeypatch, path, own_rates):
    batch = make((3, 7, 1, 20, 4, 2, 9))
    rate = per_task_rates(net, batch.n_tasks) if own_rates else 0.05

    def ends():
        walk = adapt(net, parameters(net), batch, rate=rate, steps=3, path=path)
        last = walk[-1] if path else walk
        slope = torch.autograd.grad(last["2.weight"].square().sum(), net[0].weight)[0]
        return walk if path else [walk], slope

    whole, slope = ends()
    monkeypatch.setattr(functional, "BLOCK", 3)  # the last block has one task
    blocks, slope_of_blocks = ends()
    assert len(blocks) == len(whole) == (3 if path else 1)
    for one, other in zip(whole, blocks):
        assert one.keys() == other.keys()
        assert all(torch.allclose(one[name], other[name], rtol=1e-12, atol=0) for name in one)
    assert torch.allclose(slope, slope_of_blocks, rtol=1e-12)


def test_a_diverging_task_of_a_later_block_is_named_and_frozen(net, monkeypatch):
    batch = make((3, 7, 1, 20, 4, 2, 9), labels=tuple("abcdefg"))
    batch.support_y[5, 0] = torch.nan
    monkeypatch.setattr(functional, "BLOCK", 3)
    with pytest.raises(NonFiniteTaskError, match=r"Task 5 \(f\): the inner loop") as caught:
        adapt(net, parameters(net), batch, rate=0.05, steps=2)
    assert caught.value.task == 5
    frozen = adapt(net, parameters(net), batch, rate=0.05, steps=2, on_divergence="freeze")
    assert torch.equal(frozen["0.weight"][5], net[0].weight)
    assert not torch.equal(frozen["0.weight"][6], net[0].weight)
