"""Tasks that diverge are left out with their rates, and the others go on as if alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys_book.meta_learning import (
    CAVIA,
    ContextNetwork,
    GradientLearner,
    ImplicitMAML,
    MAMLPlus,
    MetaSGD,
    NonFiniteTaskError,
    Sinusoids,
    adapt,
    functional,
    mlp,
    parameters,
)
from recsys_book.meta_learning.divergence import guarded

BAD = (1, 4)
GOOD = [0, 2, 3, 5]


def net(sizes=(1, 6, 1), seed=0):
    return mlp(sizes, torch.Generator().manual_seed(seed), torch.nn.Tanh).double()


@pytest.fixture
def batch():
    return Sinusoids().sample(6, 5, 7, np.random.default_rng(0)).to(torch.float64)


@pytest.fixture
def spoilt(batch):
    bad = replace(batch, support_y=batch.support_y.clone(), labels=tuple("abcdef"))
    bad.support_y[BAD[0], 2] = torch.nan
    bad.support_y[BAD[1], 0] = torch.inf
    return bad


def rates_by_task(module, steps, n_tasks):
    """Rates of which no two are alike."""
    g = torch.Generator().manual_seed(1)
    return {
        name: 0.05 * torch.rand((steps, n_tasks, *value.shape), generator=g, dtype=value.dtype)
        for name, value in parameters(module).items()
    }


@pytest.mark.parametrize("block", [2, 256])
def test_rates_of_their_own_stay_with_their_tasks(batch, spoilt, monkeypatch, block):
    monkeypatch.setattr(functional, "BLOCK", block)
    module = net()
    rate, start = rates_by_task(module, 3, 6), parameters(module)
    walk = adapt(module, start, spoilt, rate=rate, steps=3, path=True, on_divergence="freeze")
    for task in range(6):
        own = {name: value[:, task : task + 1] for name, value in rate.items()}
        alone = adapt(module, start, batch.select([task]), rate=own, steps=3, path=True)
        for now, want in zip(walk, alone, strict=True):
            for name, value in now.items():
                wanted = start[name] if task in BAD else want[name][0]
                torch.testing.assert_close(value[task], wanted, rtol=0, atol=1e-12)


def test_rates_that_all_tasks_share_stay_whole(batch, spoilt):
    module = net()  # six hidden units and six tasks: the sizes alone do not tell them apart
    each, start = torch.linspace(0.0, 0.05, 6, dtype=torch.float64), parameters(module)
    rate = {"0.weight": each[:, None], "0.bias": each, "2.weight": each[None], "2.bias": each[5:]}
    frozen = adapt(module, start, spoilt, rate=rate, steps=2, on_divergence="freeze")
    clean = adapt(module, start, batch, rate=rate, steps=2)
    for name, value in frozen.items():
        torch.testing.assert_close(value[GOOD], clean[name][GOOD], rtol=0, atol=1e-12)


def test_with_every_task_frozen_nothing_is_run_again(batch):
    start = {"w": torch.ones(6, 2)}
    ends = guarded([{"w": start["w"] * torch.nan}] * 2, pytest.fail, start, batch, "freeze")
    assert len(ends) == 2 and all(torch.equal(end["w"], start["w"]) for end in ends)


#: Two runs with rates of their own, which differ by step too where they can.
LEARNERS = {
    "MAML": lambda: GradientLearner([net(), net(seed=1)], torch.tensor([0.01, 0.03]), 2),
    "Meta-SGD": lambda: MetaSGD([net(), net(seed=1)], [0.01, 0.03], 2),
    "MAML++": lambda: MAMLPlus([net(), net(seed=1)], [0.01, 0.03], 2, learned_rates=True),
    "implicit": lambda: ImplicitMAML([net(), net(seed=1)], 1.0, 0.01, 3),
    "CAVIA": lambda: CAVIA([ContextNetwork(net((2, 6, 1), s), 1) for s in (0, 1)], 0.1, 2),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_freezes_some_tasks_of_each_run(name, batch, spoilt):
    learner = LEARNERS[name]()
    with pytest.raises(NonFiniteTaskError, match=r"Task 1 \(b\): the inner loop") as caught:
        learner.adapt(spoilt)
    assert caught.value.task == 1
    learner.on_divergence = "freeze"
    clean, frozen, start = learner.adapt(batch), learner.adapt(spoilt), learner.start(6)
    for key, value in frozen.items():
        torch.testing.assert_close(value[GOOD], clean[key][GOOD], rtol=0, atol=1e-12)
        assert torch.equal(value[list(BAD)], start[key][list(BAD)])
    none = learner.adapt(spoilt.select([1, 1, 4, 4]))
    assert all(torch.equal(value, learner.start(4)[key]) for key, value in none.items())


@pytest.mark.parametrize("name", LEARNERS)
def test_learned_rates_have_the_gradient_of_the_tasks_left(name, batch, spoilt):
    """The queries of a frozen task count, but its support says nothing to the rates."""
    learner = LEARNERS[name]()
    learner.on_divergence = "freeze"
    learner.meta_loss(spoilt).backward()
    got = {n: p.grad.clone() for n, p in learner.named_parameters() if p.grad is not None}
    learner.zero_grad()
    # A support without a real row has no gradient: such a task stays at its start, too.
    empty = replace(batch, support_mask=batch.support_mask.clone())
    empty.support_mask[list(BAD)] = 0.0
    learner.meta_loss(empty).backward()
    want = {n: p.grad for n, p in learner.named_parameters() if p.grad is not None}
    assert got.keys() == want.keys() and got
    for n, value in want.items():
        torch.testing.assert_close(got[n], value, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", LEARNERS)
def test_what_to_do_about_divergence_is_checked(name, spoilt):
    learner = LEARNERS[name]()
    learner.on_divergence = "skip"
    with pytest.raises(ValueError, match="on_divergence is 'skip'; use 'raise'"):
        learner.adapt(spoilt)
    learner.on_divergence = "ignore"
    ends = torch.cat([value.flatten(1) for value in learner.adapt(spoilt).values()], 1)
    assert ends.isfinite().all(1).tolist() == [task not in BAD for task in range(6)]


def test_what_a_learner_adapted_does_not_change_with_the_learner(batch):
    learner = LEARNERS["CAVIA"]().alone(0)  # one set of parameters serves all six tasks
    kept = learner.adapt(batch)
    before = {name: value.clone() for name, value in kept.items()}
    with torch.no_grad():
        for value in learner.parameters():
            value += 1.0
    assert all(torch.equal(value, before[name]) for name, value in kept.items())
