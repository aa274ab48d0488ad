"""Meta-gradients equal the closed form and finite differences; training does what it claims."""

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book import optimizers as opt
from recsys_book.meta_learning import (
    MAML,
    NonFiniteTaskError,
    Sinusoids,
    TaskBatch,
    joint_loss,
    linear_adapted,
    linear_meta_gradient,
    losses_along,
    meta_train,
)


def network(*sizes, seed=0, act=nn.Tanh):
    g = torch.Generator().manual_seed(seed)
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layers += [nn.Linear(n_in, n_out), act()]
        for weight in layers[-2].parameters():
            nn.init.uniform_(weight, -(n_in**-0.5), n_in**-0.5, generator=g)
    return nn.Sequential(*layers[:-1])


@pytest.fixture(scope="module")
def sides():
    rng = np.random.default_rng(0)
    make = lambda sizes: [(rng.normal(size=(n, 3)), rng.normal(size=n)) for n in sizes]  # noqa: E731
    return make((6, 4, 9, 1)), make((5, 7, 3, 2))


@pytest.fixture(scope="module")
def batch(sides):
    support, query = sides
    return TaskBatch.from_ragged(*zip(*support), *zip(*query), dtype=torch.float64)


def ones(side):
    return np.c_[side[0], np.ones(len(side[1]))], side[1]


@pytest.mark.equation("eq-maml-objective")
@pytest.mark.equation("eq-maml-gradient")
@pytest.mark.equation("eq-fomaml")
@pytest.mark.parametrize("steps", [0, 1, 5])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("only", [None, "0.weight", "0.bias"])
def test_equals_the_closed_form(batch, sides, steps, order, only):
    line = network(3, 1).double()
    rates = {None: [1, 1, 1, 1], "0.weight": [1, 1, 1, 0], "0.bias": [0, 0, 0, 1]}[only]
    rates = 0.05 * np.array(rates)
    loss = MAML(line, 0.05, steps, order, only).meta_loss(batch)
    loss.backward()
    weights = [np.r_[line[0].weight.detach()[0], line[0].bias.detach()]][0]
    got = np.r_[line[0].weight.grad[0], line[0].bias.grad]
    pairs = [(ones(s), ones(q)) for s, q in zip(*sides)]
    want = [linear_meta_gradient(weights, s, q, rates, steps, order) for s, q in pairs]
    np.testing.assert_allclose(got, np.mean(want, axis=0), rtol=0, atol=1e-10)
    ends = [linear_adapted(weights, s, rates, steps) for s, _ in pairs]
    errors = [((q[0] @ w - q[1]) ** 2).mean() for w, (_, q) in zip(ends, pairs)]
    assert loss.item() == pytest.approx(np.mean(errors), abs=1e-10)


@pytest.mark.parametrize("only", [None, "2", "0"], ids=["MAML", "ANIL", "BOIL"])
@pytest.mark.parametrize("steps", [1, 3])
def test_equals_finite_differences(batch, only, steps):
    net = network(3, 4, 1).double()
    learner = MAML(net, 0.1, steps, only=only)
    learner.meta_loss(batch).backward()
    with torch.no_grad():
        for p in net.parameters():
            flat, h = p.view(-1), 1e-5
            for place in range(len(flat)):
                flat[place] += h
                up = learner.meta_loss(batch).item()
                flat[place] -= 2 * h
                down = learner.meta_loss(batch).item()
                flat[place] += h
                slope = (up - down) / (2 * h)
                assert slope == pytest.approx(p.grad.view(-1)[place].item(), abs=1e-6)


def test_orders_differ_in_a_network(batch):
    slopes = []
    for order in (1, 2):
        net = network(3, 4, 1).double()
        MAML(net, 0.1, 2, order).meta_loss(batch).backward()
        slopes.append(net[0].weight.grad)
    assert (slopes[0] - slopes[1]).abs().max() > 1e-3


def test_one_step_from_a_learned_start_beats_joint_training():
    waves, rng = Sinusoids(), np.random.default_rng(0)
    exam = waves.sample(100, 10, 30, np.random.default_rng(1))

    class Joint(MAML):
        def meta_loss(self, batch):
            return joint_loss(self.module, batch)

    after = {}
    for kind in (MAML, Joint):
        learner = kind(network(1, 40, 40, 1, act=nn.ReLU), 0.01, 1)
        adam = torch.optim.Adam(learner.parameters(), lr=0.01)
        plan = opt.Scheduler(adam, opt.Cosine(300))
        seen = []
        losses = meta_train(
            learner,
            lambda step: waves.sample(10, 10, 10, rng),
            300,
            adam,
            schedule=plan,
            clip_norm=10.0,
            on_step=lambda *now, seen=seen: seen.append(now),
        )
        assert seen[-1] == (300, losses[-1])
        after[kind] = losses_along(learner, exam, 1).mean(1)
    assert after[MAML][1] < 0.6 * after[Joint][1]
    assert after[MAML][1] < 0.6 * after[MAML][0]


def test_adapting_and_predicting_learn_nothing(batch):
    net = network(3, 4, 1).double()
    learner = MAML(net, 0.1, 2)
    params = learner.adapt(batch)
    assert not params["0.weight"].requires_grad
    np.testing.assert_array_equal(learner.predict(batch), learner.predict(batch, params))
    assert learner.predict(batch).shape == batch.query_y.shape
    assert len(learner.adapt(batch, steps=4, path=True)) == 4
    assert all(p.grad is None for p in net.parameters())
    along = losses_along(learner, batch, 2)
    assert along.shape == (3, 4)
    np.testing.assert_allclose(along[2], learner.query_losses(batch).detach())


def test_a_bad_query_is_named_or_left_out(batch):
    spoilt_y = batch.query_y.clone()
    spoilt_y[2, 0] = torch.nan
    parts = [batch.support_x, batch.support_y, batch.support_mask, batch.query_x, spoilt_y]
    spoilt = TaskBatch(*parts, batch.query_mask, ("a", "b", "c", "d"))
    net = network(3, 4, 1).double()
    with pytest.raises(NonFiniteTaskError, match=r"Task 2 \(c\): the query loss is not finite"):
        MAML(net, 0.1, 1).meta_loss(spoilt)
    frozen = MAML(net, 0.1, 1, on_divergence="freeze")
    loss = frozen.meta_loss(spoilt)
    want = frozen.query_losses(batch)[[0, 1, 3]].mean()
    assert loss.item() == pytest.approx(want.item())
    loss.backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())
    with pytest.raises(NonFiniteTaskError, match=r"Task 0 \(c\)"):
        frozen.meta_loss(spoilt.select([2]))
    assert MAML(net, 0.1, 1, on_divergence="ignore").meta_loss(spoilt).isnan()


def test_order_must_be_one_or_two():
    with pytest.raises(ValueError, match="order is 3"):
        MAML(network(1, 1), order=3)
