"""A further layer is not MAML++; gradient steps are not what a language model does."""

import pytest
import torch

from recsys_book.errata import better_meta_optimizers as errata
from recsys_book.meta_learning.families import Sinusoids
from recsys_book.meta_learning.in_context import ContextReader, InContext
from recsys_book.meta_learning.learner import GradientLearner, mlp
from recsys_book.meta_learning.maml_plus import MAMLPlus
from recsys_book.meta_learning.running_norm import NormalisedMLP


def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="module")
def batch():
    import numpy as np

    return Sinusoids().sample(6, 5, 5, np.random.default_rng(0))


@pytest.mark.erratum("META-04")
def test_one_more_layer_changes_the_network_and_nothing_else(batch):
    sizes = [1, 8, 1]
    deep = errata.meta_04_one_more_layer(lambda s: mlp(s, generator()), sizes)
    assert sum(isinstance(m, torch.nn.Linear) for m in deep.modules()) == 3
    learner = GradientLearner(deep, 0.01, 2)
    # None of the six repairs is in it: one constant rate, the last step's loss, second order.
    assert not hasattr(learner, "alpha") and not hasattr(learner, "step_weights")


@pytest.mark.erratum("META-04")
def test_the_six_repairs_leave_the_network_as_it_is(batch):
    net = NormalisedMLP([1, 8, 1], generator())
    plus = MAMLPlus(
        net,
        0.01,
        2,
        multi_step=10,
        first_order_steps=5,
        per_step_norm=True,
        learned_rates=True,
        cosine_steps=20,
    )
    linear = [p for n, p in net.named_parameters() if n.startswith("layers")]
    kept = [p[0] for n, p in plus.theta.items()]
    assert [p.shape for p in kept] == [p.shape for p in linear]
    assert plus.step_weights().tolist() == [0.5, 0.5] and not plus.second_order()
    assert {v.shape[1] for v in plus.norm.values()} == {3}
    assert {v.shape[1] for v in plus.alpha.values()} == {2}


@pytest.mark.erratum("META-06")
def test_without_a_change_of_weights_the_listed_algorithms_have_learned_nothing(batch):
    net = mlp([1, 8, 1], generator())
    x, y, asked = batch.support_x[0], batch.support_y[0], batch.query_x[0]

    def step(x, y, rate=0.0):
        loss = (net(x)[:, 0] - y).square().mean()
        for p, g in zip(net.parameters(), torch.autograd.grad(loss, list(net.parameters()))):
            p.data -= rate * g

    before = net(asked)
    after = errata.meta_06_context_ignored(step, net, (x, y), asked)
    assert torch.equal(before, after)
    assert "InContext" not in errata.META_06_LISTED and len(errata.META_06_LISTED) == 4


@pytest.mark.erratum("META-06")
def test_a_model_that_reads_its_context_answers_by_it_with_fixed_weights(batch):
    from dataclasses import replace

    learner = InContext(ContextReader(1, generator(), width=8, layers=1, heads=2))
    weights = [p.detach().clone() for p in learner.parameters()]
    one, other = learner.predict(batch), learner.predict(replace(batch, support_y=-batch.support_y))
    assert (one - other).abs().max() > 1e-3
    assert all(torch.equal(a, b) for a, b in zip(weights, learner.parameters()))
