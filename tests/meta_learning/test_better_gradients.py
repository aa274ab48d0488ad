"""Meta-gradients: finite differences to 1e-6, the closed form on quadratic tasks to 1e-10."""

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.meta_learning.amortised import Amortised, RecurrentReader, SetEncoder
from recsys_book.meta_learning.cavia import CAVIA, ContextNetwork
from recsys_book.meta_learning.families import Sinusoids
from recsys_book.meta_learning.implicit_maml import ImplicitMAML
from recsys_book.meta_learning.in_context import ContextReader, InContext
from recsys_book.meta_learning.learner import GradientLearner, mlp
from recsys_book.meta_learning.maml_plus import MAMLPlus
from recsys_book.meta_learning.meta_sgd import MetaSGD, rate_gradient
from recsys_book.meta_learning.metric import Matching, MatchingReader, PrototypeReader, Prototypes
from recsys_book.meta_learning.running_norm import NormalisedMLP
from recsys_book.meta_learning.tasks import TaskBatch


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def net(sizes=(2, 4, 1), seed=0):
    return mlp(sizes, gen(seed), nn.Tanh).double()


def smooth(reader):
    """Replace ReLUs, so that finite differences meet no bend."""
    for parent in list(reader.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ReLU):
                setattr(parent, name, nn.Tanh())
    return reader.double()


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    sizes = [3, 5, 4, 4]
    xs, ys = [rng.normal(size=(n, 2)) for n in sizes], [rng.normal(size=n) for n in sizes]
    xq, yq = [rng.normal(size=(4, 2)) for _ in sizes], [rng.normal(size=4) for _ in sizes]
    return TaskBatch.from_ragged(xs, ys, xq, yq, dtype=torch.float64)


def classes(batch):
    from dataclasses import replace

    return replace(
        batch, support_y=(batch.support_y > 0).double(), query_y=(batch.query_y > 0).double()
    )


VARIANTS = {
    "MAML": lambda: GradientLearner(net(), 0.1, 3),
    "ANIL": lambda: GradientLearner(net(), 0.1, 2, only="2"),
    "two runs": lambda: GradientLearner([net(), net(seed=1)], 0.1, 2),
    "Meta-SGD": lambda: MetaSGD(net(), 0.1, 3),
    "rate a tensor": lambda: MetaSGD(net(), 0.1, 2, per="tensor"),
    "rate a tensor and step": lambda: MetaSGD(net(), 0.1, 3, per="tensor and step"),
    "MAML++": lambda: MAMLPlus(
        smooth(NormalisedMLP([2, 4, 1], gen())),
        0.1,
        3,
        multi_step=4,
        per_step_norm=True,
        learned_rates=True,
    ),
    "CAVIA": lambda: CAVIA(ContextNetwork(net((4, 4, 1)), 2), 0.3, 2),
    "set encoder": lambda: Amortised(smooth(SetEncoder(2, 4, gen()))),
    "LSTM": lambda: Amortised(smooth(RecurrentReader(2, 3, gen()))),
    "matching": lambda: Matching(MatchingReader(net((2, 4, 3)))),
    "prototypes": lambda: Prototypes(PrototypeReader(net((2, 4, 3)), 3)),
    "in context": lambda: InContext(ContextReader(2, gen(), width=4, layers=1, heads=2).double()),
}


def numerical(learner, loss, value, index, step=1e-5):
    with torch.no_grad():
        old = value[index].clone()
        value[index] = old + step
        high = loss(learner)
        value[index] = old - step
        low = loss(learner)
        value[index] = old
    return (high - low) / (2 * step)


@pytest.mark.parametrize("name", VARIANTS)
def test_gradient_equals_finite_differences(name, batch):
    learner = VARIANTS[name]()
    if name == "MAML++":
        learner.outer_step = 2  # between the two ends of the multi-step weights
        # The statistics move with every loss, so hold them still.
        learner.renew_statistics = lambda *args: None
        learner.module.forward = bent_less.__get__(learner.module)
    data = classes(batch) if name == "prototypes" else batch
    learner.meta_loss(data).backward()

    def loss(one):
        with torch.enable_grad():
            return one.meta_loss(data).detach()

    rng, checked = np.random.default_rng(1), 0
    for value in learner.parameters():
        if not value.requires_grad:
            continue
        for _ in range(2):
            index = tuple(int(rng.integers(n)) for n in value.shape)
            want = numerical(learner, loss, value.data, index)
            got = 0.0 if value.grad is None else value.grad[index]
            assert abs(got - want) < 1e-6 * max(1, abs(want))
            checked += abs(want) > 1e-4
    assert checked > 3  # some slopes are not trivial


def bent_less(self, x, seen=None):
    """NormalisedMLP.forward with tanh for ReLU."""
    for layer, norm in zip(self.layers[:-1], self.norms):
        x = norm(layer(x)).tanh()
    return self.layers[-1](x)


# --- closed form on quadratic tasks -------------------------------------------------------------


def linear(d=3, seed=0):
    layer = nn.Linear(d, 1, bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(torch.randn(1, d, generator=gen(seed)))
    return layer


@pytest.fixture(scope="module")
def quadratic():
    rng = np.random.default_rng(3)
    tasks = [[rng.normal(size=(n, 3)), rng.normal(size=n)] for n in (5, 6, 5)]
    asked = [[rng.normal(size=(4, 3)), rng.normal(size=4)] for _ in tasks]
    batch = TaskBatch.from_ragged(
        [x for x, _ in tasks],
        [y for _, y in tasks],
        [x for x, _ in asked],
        [y for _, y in asked],
        dtype=torch.float64,
    )
    return batch, tasks, asked


def by_hand(w, tasks, asked, rates, weights):
    """Gradients of the weighted query losses in the start and in each step's rates."""
    K = len(rates)
    start, by_rate = np.zeros_like(w), np.zeros((K, len(w)))
    for (X, y), (Xq, yq) in zip(tasks, asked):
        H, b = 2 * X.T @ X / len(y), 2 * X.T @ y / len(y)
        path = [w]
        for rate in rates:
            path.append(path[-1] - rate * (H @ path[-1] - b))
        back = np.zeros_like(w)
        for s in reversed(range(K)):
            now = path[s + 1]
            back = back + weights[s] * 2 * Xq.T @ (Xq @ now - yq) / len(yq)
            by_rate[s] -= back * (H @ path[s] - b) / len(tasks)
            back = back - H @ (rates[s] * back)
        start += back / len(tasks)
    return start, by_rate


@pytest.mark.equation("eq-meta-sgd", "eq-multi-step-loss")
@pytest.mark.parametrize("kind", ["MAML", "weight", "tensor", "tensor and step", "multi-step"])
def test_gradient_equals_the_closed_form(kind, quadratic):
    batch, tasks, asked = quadratic
    steps = 3
    learner = {
        "MAML": lambda: GradientLearner(linear(), 0.07, steps),
        "multi-step": lambda: MAMLPlus(linear(), 0.07, steps, multi_step=4, learned_rates=True),
    }.get(kind, lambda: MetaSGD(linear(), 0.07, steps, per=kind))()
    weights = np.array([0.0, 0.0, 1.0])
    if kind == "multi-step":
        learner.outer_step = 1
        weights = np.array([0.25, 0.25, 0.5])
    learner.meta_loss(batch).backward()
    w = learner.theta["weight"].detach().numpy()[0, 0]
    start, by_rate = by_hand(w, tasks, asked, np.full((steps, 3), 0.07), weights)
    assert np.abs(learner.theta["weight"].grad.numpy()[0, 0] - start).max() < 1e-10
    if kind == "MAML":
        return
    got = learner.alpha["weight"].grad.numpy()[0]
    want = {
        "weight": by_rate.sum(0)[None, None],
        "tensor": by_rate.sum()[None, None, None],
    }.get(kind, by_rate.sum(1)[:, None, None])
    assert got.shape == want.shape and np.abs(got - want).max() < 1e-10


def test_first_order_treats_the_inner_gradient_as_a_constant(quadratic):
    batch, tasks, asked = quadratic
    learner = GradientLearner(linear(), 0.07, 1, order=1)
    learner.meta_loss(batch).backward()
    w = learner.theta["weight"].detach().numpy()[0, 0]
    want = 0
    for (X, y), (Xq, yq) in zip(tasks, asked):
        after = w - 0.07 * 2 * X.T @ (X @ w - y) / len(y)
        want = want + 2 * Xq.T @ (Xq @ after - yq) / len(yq) / len(tasks)
    assert np.abs(learner.theta["weight"].grad.numpy()[0, 0] - want).max() < 1e-10


@pytest.mark.equation("eq-rate-gradient")
def test_rate_gradient_is_the_derivative_in_the_rate(quadratic):
    batch, tasks, asked = quadratic
    learner = MetaSGD(linear(), 0.07, 1)
    learner.meta_loss(batch).backward()
    module = linear()
    by_task = rate_gradient(module, dict(module.named_parameters()), batch, 0.07)["weight"]
    assert by_task.shape == (3, 1, 3)
    assert (by_task.mean(0) - learner.alpha["weight"].grad[0, 0]).abs().max() < 1e-10


@pytest.mark.equation("eq-rate-gradient")
def test_the_hypergradient_of_the_optimizers_part_is_its_sum(quadratic):
    # Were the queries the support itself, the derivative would be that of plain descent.
    from dataclasses import replace

    batch, _, _ = quadratic
    same = replace(
        batch,
        query_x=batch.support_x,
        query_y=batch.support_y,
        query_mask=batch.support_mask,
    )
    module = linear()
    start = {n: p.detach()[None].expand(3, -1, -1) for n, p in module.named_parameters()}
    from recsys_book.meta_learning.functional import inner_gradient

    first = inner_gradient(module, start, batch)["weight"]
    moved = {"weight": start["weight"] - 0.07 * first}
    second = inner_gradient(module, moved, batch)["weight"]
    found = rate_gradient(module, dict(module.named_parameters()), same, 0.07)["weight"]
    assert torch.allclose(found.sum((1, 2)), -(first * second).sum((1, 2)), atol=1e-12)


@pytest.mark.equation("eq-proximal", "eq-imaml-gradient")
@pytest.mark.parametrize("pull", [0.5, 4.0])
def test_implicit_gradient_equals_the_closed_form(pull, quadratic):
    batch, tasks, asked = quadratic
    learner = ImplicitMAML(linear(), pull, 0.1, 700, 10)
    learner.meta_loss(batch).backward()
    w = learner.theta["weight"].detach().numpy()[0, 0]
    want = 0
    adapted = learner.adapt(batch)["weight"]
    for task, ((X, y), (Xq, yq)) in enumerate(zip(tasks, asked)):
        H, b = 2 * X.T @ X / len(y), 2 * X.T @ y / len(y)
        minimum = np.linalg.solve(H + pull * np.eye(3), b + pull * w)
        assert np.abs(adapted[task, 0].numpy() - minimum).max() < 1e-10
        slope = 2 * Xq.T @ (Xq @ minimum - yq) / len(yq)
        want = want + np.linalg.solve(np.eye(3) + H / pull, slope) / len(tasks)
    assert np.abs(learner.theta["weight"].grad.numpy()[0, 0] - want).max() < 1e-10


@pytest.mark.equation("eq-imaml-gradient")
@pytest.mark.parametrize("only", [None, "2"])
def test_implicit_gradient_equals_finite_differences_of_the_solved_problem(only, batch):
    learner = ImplicitMAML(net(), 2.0, 0.1, 200, 40, only=only)
    learner.meta_loss(batch).backward()
    rng = np.random.default_rng(0)
    for value in learner.theta.values():
        index = tuple(int(rng.integers(n)) for n in value.shape)
        want = numerical(learner, lambda one: one.meta_loss(batch).detach(), value.data, index)
        assert abs(value.grad[index] - want) < 1e-6


@pytest.mark.equation("eq-cavia")
def test_context_gradient_equals_the_closed_form():
    rng = np.random.default_rng(5)
    x, y, xq, yq = (rng.normal(size=s) for s in ((4, 2), 4, (3, 2), 3))
    batch = TaskBatch.from_ragged([x], [y], [xq], [yq], dtype=torch.float64)
    learner = CAVIA(ContextNetwork(linear(4), 2), 0.3, 1)
    learner.meta_loss(batch).backward()
    a, c = np.split(learner.theta["network/weight"].detach().numpy()[0, 0], 2)
    m = (x @ a - y).mean()
    phi = -2 * 0.3 * c * m
    assert np.allclose(learner.adapt(batch)["context"].detach().numpy()[0], phi, atol=1e-12)
    e = xq @ a - yq + c @ phi
    by_a = 2 * (e[:, None] * (xq - 2 * 0.3 * (c @ c) * x.mean(0))).mean(0)
    by_c = 2 * e.mean() * (-2 * 0.3 * m) * 2 * c
    got = learner.theta["network/weight"].grad.numpy()[0, 0]
    assert np.abs(got - np.concatenate([by_a, by_c])).max() < 1e-10


def test_maml_plus_with_all_switches_off_is_maml(batch):
    from recsys_book.meta_learning.maml import MAML

    plus, module = MAMLPlus(net(), 0.1, 3), net()
    plus.meta_loss(batch).backward()
    maml = MAML(module, 0.1, 3)
    maml.meta_loss(batch).backward()
    for name, p in module.named_parameters():
        assert torch.allclose(plus.theta[name.replace(".", "/")].grad[0], p.grad, atol=1e-12)
    assert torch.allclose(plus.predict(batch), maml.predict(batch), atol=1e-12)


def test_runs_side_by_side_are_the_runs_alone():
    rng = np.random.default_rng(0)
    batches = [Sinusoids().sample(4, 5, 5, rng).to(torch.float64) for _ in range(3)]
    makes = {
        "Meta-SGD": lambda nets, rate: MetaSGD(nets, rate, 2),
        "set": lambda nets, rate: Amortised(nets),
    }
    for kind, make in makes.items():
        nets = {
            "Meta-SGD": lambda s: net((1, 4, 1), s),
            "set": lambda s: SetEncoder(1, 4, gen(s)).double(),
        }[kind]
        both = make([nets(0), nets(1)], [0.01, 0.02])
        alone = [make(nets(0), 0.01), make(nets(1), 0.02)]
        for learner, part in ((both, slice(None)), (alone[0], [0, 1]), (alone[1], [2, 3])):
            optimizer = torch.optim.Adam(learner.parameters(), 0.01)
            for batch in batches:
                optimizer.zero_grad()
                learner.meta_loss(batch.select(torch.arange(4)[part])).backward()
                optimizer.step()
        for run in range(2):
            again = both.alone(run)
            for key, value in alone[run].theta.items():
                assert torch.allclose(both.theta[key][run], value[0], atol=1e-9)
                assert torch.equal(again.theta[key], both.theta[key][run : run + 1])
