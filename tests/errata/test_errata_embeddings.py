"""The claims about adaptive rates fail as described, and the package does what is true."""

import numpy as np
import pytest
import torch

from recsys_book.errata import embeddings as errata
from recsys_book.optimizers import (
    SGD,
    AdaGrad,
    Optimizer,
    PersonalRates,
    RMSProp,
    RowwiseAdaGrad,
    state_floats,
)

JUMP, USERS = 800, 8


def jumping():
    """What eight users show whose taste jumps from 0 to 3."""
    taste = np.where(np.arange(2 * JUMP) < JUMP, 0.0, 3.0)
    return taste[:, None] + np.random.default_rng(0).normal(size=(2 * JUMP, USERS))


def follow(rule, observations):
    w = torch.zeros(USERS, dtype=torch.float64, requires_grad=True)
    optimizer, path = Optimizer([w], rule), []
    for x in torch.tensor(observations):
        w.grad = w.detach() - x
        optimizer.step()
        path.append(w.detach().numpy().copy())
    return np.array(path)


def steps_to_recover(path):
    near = np.abs(path[JUMP:] - 3) < 0.3
    return np.where(near.any(axis=0), near.argmax(axis=0), JUMP)


@pytest.mark.erratum("OPT-11")
def test_adagrad_is_the_slowest_to_follow_a_jump():
    x = jumping()
    slow = steps_to_recover(errata.opt_11_adagrad_follows_the_user(x, lr=0.5))
    for rule in (SGD(lr=0.05), RMSProp(lr=0.05), PersonalRates(lr=0.05)):
        assert (steps_to_recover(follow(rule, x)) < slow / 2).all()


@pytest.mark.erratum("OPT-11")
def test_it_is_adagrad_and_not_a_faulty_copy():
    x = jumping()[:100]
    path = errata.opt_11_adagrad_follows_the_user(x, lr=0.5)
    np.testing.assert_allclose(path, follow(AdaGrad(lr=0.5), x), rtol=1e-12)


@pytest.mark.erratum("OPT-17")
def test_every_optimizer_gets_the_same_gradients_and_differs_in_state():
    makers = {
        0: lambda p: torch.optim.SGD(p, lr=0.1),
        10: lambda p: Optimizer(p, RowwiseAdaGrad()),
        100: lambda p: torch.optim.Adagrad(p),
        200: lambda p: torch.optim.Adam(p),
    }
    for floats, make in makers.items():
        assert errata.opt_17_gradients_computed(make, steps=3) == 300
        weight = torch.ones(10, 10, requires_grad=True)
        optimizer = make([weight])
        weight.grad = torch.ones(10, 10)
        optimizer.step()
        assert state_floats(optimizer) == floats
