"""The articles' MAML and Reptile fail as described; the package's own do not."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book import optimizers as opt
from recsys_book.errata import learning_to_learn as errata
from recsys_book.meta_learning import (
    MAML,
    Sinusoids,
    TaskBatch,
    TaskDataset,
    collate_tasks,
    losses_along,
    meta_train,
    quadratic_start,
)


class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.w.expand(len(x))


def network(seed):
    g = torch.Generator().manual_seed(seed)
    layers = []
    for n_in, n_out in ((1, 40), (40, 40), (40, 1)):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        for weight in layers[-2].parameters():
            nn.init.uniform_(weight, -(n_in**-0.5), n_in**-0.5, generator=g)
    return nn.Sequential(*layers[:-1])


def trained(learner, seed, steps=400, shots=10):
    rng = np.random.default_rng(seed)
    adam = torch.optim.Adam(learner.parameters(), lr=0.01)
    plan = opt.Scheduler(adam, opt.Cosine(steps))
    sampler = lambda step: Sinusoids().sample(8, shots, 10, rng)  # noqa: E731
    meta_train(learner, sampler, steps, adam, schedule=plan)
    return learner


@pytest.fixture(scope="module")
def exam():
    return Sinusoids().sample(100, 10, 30, np.random.default_rng(9))


@pytest.fixture(scope="module", params=[0, 1])
def maml(request):
    return trained(MAML(network(request.param), 0.01, 1), request.param), request.param


@pytest.mark.erratum("META-01")
def test_gradients_of_one_step():
    x, two, three = torch.zeros(1, 1), torch.tensor([2.0]), torch.tensor([3.0])
    squared = lambda prediction, target: ((prediction - target) ** 2).sum()  # noqa: E731
    model = Constant()
    sgd = torch.optim.SGD(model.parameters(), 0.1)
    query_loss = errata.meta_01_maml_step(model, sgd, (x, two), (x, three), squared)
    assert model.w.grad.item() == pytest.approx(-4)
    assert query_loss.item() == pytest.approx(2.6**2)
    pair = TaskBatch.from_ragged([x], [two], [x], [three])
    for order, want in ((1, -5.2), (2, -4.16)):
        right = Constant()
        MAML(right, 0.1, 1, order).meta_loss(pair).backward()
        assert right.w.grad.item() == pytest.approx(want)
        assert right.w.item() == 0


@pytest.mark.erratum("META-01")
def test_the_procedure_learns_no_start(maml, exam):
    learner, seed = maml
    model = network(seed)
    many = Sinusoids().sample(250, 10, 10, np.random.default_rng(seed))
    sides = zip(many.support_x, many.support_y[..., None], many.query_x, many.query_y[..., None])
    printed = errata.meta_01_training(
        model, (((a, b), (c, d)) for a, b, c, d in sides), nn.functional.mse_loss
    )
    assert len(printed) == 250
    source = losses_along(MAML(model, 0.01, 1), exam, 1).mean(1)
    ours = losses_along(learner, exam, 1).mean(1)
    assert ours[1] < 0.6 * source[1]
    assert ours[1] < 0.65 * ours[0]
    assert source[1] > 0.8 * source[0]


@pytest.mark.erratum("META-02")
def test_maml_is_sensitive_on_purpose():
    h, c, rate = np.array([1.0, 9.0]), np.array([1.0, -1.0]), 0.1
    calm, ours = errata.meta_02_insensitive_start(h, c), quadratic_start(h, c, rate)
    gradient = lambda w: np.abs(h * (w - c)).mean()  # noqa: E731
    after = lambda w: (0.5 * h * ((1 - rate * h) * (w - c)) ** 2).mean()  # noqa: E731
    squares = [((h * (w - c)) ** 2).mean() for w in (calm - 0.01, calm, calm + 0.01)]
    assert np.argmin(squares) == 1
    assert gradient(ours) > 4 * gradient(calm)
    assert after(calm) > 8 * after(ours)


@pytest.mark.erratum("META-03")
def test_reptile_wants_a_falling_rate():
    def distance(rate_at, steps=800):
        rng, phi = np.random.default_rng(0), np.full(500, 10.0)
        for t in range(steps):
            centre = rng.normal(0, 2, 500)
            phi += rate_at(t / steps) * (1 - 0.7**5) * (centre - phi)
        return math.sqrt((phi**2).mean())

    down = distance(lambda done: 1 - done)
    assert distance(errata.meta_03_growing_rate) > 4 * down
    assert distance(lambda done: errata.meta_03_growing_rate(done, last=3.0)) > 1e6
    assert errata.meta_03_growing_rate(1.0) == pytest.approx(1.0)


@pytest.mark.erratum("META-07")
@pytest.mark.parametrize("seed", [0])
def test_without_a_query_set_the_support_is_memorised(seed):
    class JudgedOnSupport(MAML):
        def meta_loss(self, batch):
            return super().meta_loss(errata.meta_07_support_objective(batch))

    few = Sinusoids().sample(100, 5, 30, np.random.default_rng(9))
    known = errata.meta_07_support_objective(few)
    assert torch.equal(known.query_y, few.support_y)
    support, query = {}, {}
    for kind in (MAML, JudgedOnSupport):
        learner = trained(kind(network(seed), 0.02, 3), seed, steps=250, shots=5)
        support[kind], query[kind] = (losses_along(learner, b, 3)[-1].mean() for b in (known, few))
    memorised = {kind: query[kind] / support[kind] for kind in query}
    assert support[JudgedOnSupport] < 0.6 * support[MAML]
    assert query[JudgedOnSupport] > 0.85 * query[MAML]
    assert memorised[JudgedOnSupport] > 2 * memorised[MAML]


@pytest.mark.erratum("COD-13")
def test_a_linear_model_called_deep_cannot_follow_a_wave(maml, exam):
    learner, seed = maml
    source = errata.Cod13MetaModel(1, 30, 1)
    assert sum(p.numel() for p in source.parameters()) == 2
    trained(MAML(source, 0.01, 1), seed, steps=100)
    linear = losses_along(MAML(source, 0.01, 1), exam, 1)[1].mean()
    assert losses_along(learner, exam, 1)[1].mean() < 0.6 * linear


@pytest.mark.erratum("COD-14")
def test_labels_stay_behind():
    x = errata.cod_14_labelled(torch.arange(3.0), torch.ones(3))
    assert hasattr(x, "labels")
    for copied in (x[:2], x.clone(), x.to(torch.float64), torch.utils.data.default_collate([x])):
        assert not hasattr(copied, "labels")
    pairs = TaskDataset([(x[:2, None], torch.ones(2))], [(x[2:, None], torch.zeros(1))])
    (batch,) = torch.utils.data.DataLoader(pairs, collate_fn=collate_tasks)
    assert batch.support_y.tolist() == [[1, 1]]
    assert batch.query_y.tolist() == [[0]]
