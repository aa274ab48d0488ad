"""What the learners promise: rates, switches, gates, prototypes, readers; and bad input."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.meta_learning.amortised import Amortised, Reader, RecurrentReader, SetEncoder
from recsys_book.meta_learning.cavia import CAVIA, ContextNetwork, shrink_context
from recsys_book.meta_learning.divergence import NonFiniteTaskError
from recsys_book.meta_learning.families import Sinusoids
from recsys_book.meta_learning.implicit_maml import ImplicitMAML, solve_together
from recsys_book.meta_learning.in_context import ContextReader, InContext, context_mask
from recsys_book.meta_learning.learner import (
    GradientLearner,
    MetaLearner,
    mlp,
    outer_step_flops,
)
from recsys_book.meta_learning.maml import meta_train
from recsys_book.meta_learning.maml_plus import MAMLPlus, multi_step_weights
from recsys_book.meta_learning.meta_sgd import MetaSGD, optimal_rates
from recsys_book.meta_learning.metric import (
    Matching,
    MatchingReader,
    PrototypeReader,
    Prototypes,
    class_scores,
    prototypes,
)
from recsys_book.meta_learning.running_norm import NormalisedMLP, RunningNorm
from recsys_book.meta_learning.tasks import TaskBatch
from recsys_book.optimizers.implicit import conjugate_gradient


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def net(sizes=(1, 8, 1), seed=0):
    return mlp(sizes, gen(seed))


@pytest.fixture
def batch():
    return Sinusoids().sample(6, 5, 7, np.random.default_rng(0))


LEARNERS = {
    "MAML": lambda: GradientLearner(net(), 0.01, 2),
    "Meta-SGD": lambda: MetaSGD(net(), 0.01, 2),
    "MAML++": lambda: MAMLPlus(NormalisedMLP([1, 8, 1], gen()), 0.01, 2, per_step_norm=True),
    "implicit": lambda: ImplicitMAML(net(), 1.0, 0.01, 4),
    "CAVIA": lambda: CAVIA(ContextNetwork(net((3, 8, 1)), 2), 0.1, 2),
    "set": lambda: Amortised(SetEncoder(1, 8, gen())),
    "LSTM": lambda: Amortised(RecurrentReader(1, 8, gen())),
    "matching": lambda: Matching(MatchingReader(net((1, 8, 4)))),
    "in context": lambda: InContext(ContextReader(1, gen(), 8, 1, 2)),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_follows_the_interface_and_learns(name, batch):
    learner = LEARNERS[name]()
    state = learner.adapt(batch)
    assert all(len(value) == 6 for value in state.values())
    answers = learner.predict(batch, state)
    assert answers.shape == (6, 7) and not answers.requires_grad
    assert torch.allclose(answers, learner.predict(batch))
    trained = [p for p in learner.parameters() if p.requires_grad]
    with torch.no_grad():
        before = float(learner.meta_loss(batch))
    meta_train(learner, lambda step: batch, 40, torch.optim.Adam(trained, 0.01))
    with torch.no_grad():
        assert float(learner.meta_loss(batch)) < 0.9 * before
    kept = {name: value.clone() for name, value in learner.state_dict().items()}
    assert outer_step_flops(learner, batch) > 0
    assert all(torch.equal(value, kept[name]) for name, value in learner.state_dict().items())


@pytest.mark.parametrize("name", LEARNERS)
def test_a_query_is_answered_alike_whatever_else_is_asked(name, batch):
    learner = LEARNERS[name]()
    alone = replace(
        batch,
        query_x=batch.query_x[:, :1],
        query_y=batch.query_y[:, :1],
        query_mask=batch.query_mask[:, :1],
    )
    assert torch.allclose(learner.predict(alone), learner.predict(batch)[:, :1], atol=1e-5)


@pytest.mark.parametrize("name", LEARNERS)
def test_padding_changes_nothing_and_an_empty_support_is_harmless(name, batch):
    learner = LEARNERS[name]()
    x, y = (
        [batch.support_x[0], batch.support_x[1, :1]],
        [batch.support_y[0], batch.support_y[1, :1]],
    )
    queries = [batch.query_x[0], batch.query_x[1, :3]]
    targets = [batch.query_y[0], batch.query_y[1, :3]]
    ragged = TaskBatch.from_ragged(x, y, queries, targets)
    alone = TaskBatch.from_ragged(x[1:], y[1:], queries[1:], targets[1:])
    together = learner.predict(ragged)
    assert torch.allclose(together[1, :3], learner.predict(alone)[0], atol=1e-5)
    empty = TaskBatch.from_ragged([x[0][:0], x[0]], [y[0][:0], y[0]], queries, targets)
    assert learner.predict(empty).isfinite().all()


@pytest.mark.parametrize("name", ["set", "matching", "MAML", "LSTM"])
def test_only_an_lstm_sees_the_order(name, batch):
    turned = replace(batch, support_x=batch.support_x.flip(1), support_y=batch.support_y.flip(1))
    learner = LEARNERS[name]()
    same = torch.allclose(learner.predict(batch), learner.predict(turned), atol=1e-5)
    assert same == (name != "LSTM")


# --- learned rates --------------------------------------------------------------------------------


@pytest.mark.equation("eq-optimal-rate")
def test_meta_sgd_learns_the_derived_rates():
    # Two orthogonal coordinates, each with a curvature, a task variance and a noise of its own.
    rng, spread, noise = np.random.default_rng(0), np.array([1.0, 0.5]), np.array([0.5, 1.0])
    x = np.diag([1.0, 2.0])
    true = rng.normal(0, spread, (1500, 2))
    seen = true + rng.normal(0, noise, true.shape)
    n = [x] * len(true)
    tasks = TaskBatch.from_ragged(n, seen @ x, n, true @ x)
    head = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(head.weight)
    learner = MetaSGD(head, 0.3, 1)
    meta_train(learner, lambda step: tasks, 150, torch.optim.Adam(learner.parameters(), 0.02))
    # The loss is the mean over both rows of a squared error: curvature 2 x^2 / 2.
    want = optimal_rates(torch.tensor([1.0, 4.0]), *map(torch.as_tensor, (spread**2, noise**2)))
    got = learner.learned()["weight"][0, 0]
    assert torch.allclose(got.double(), want, atol=0.04)


@pytest.mark.equation("eq-optimal-rate")
def test_optimal_rates_at_their_ends_and_refusals():
    one = torch.ones(1)
    assert optimal_rates(2 * one, one, 0 * one).item() == 0.5  # Newton
    assert optimal_rates(2 * one, 0 * one, one).item() == 0  # all tasks alike
    assert optimal_rates(one, 0 * one, 0 * one).item() == 0
    with pytest.raises(ValueError, match="never used"):
        optimal_rates(0 * one, one, one)
    with pytest.raises(ValueError, match="negative"):
        optimal_rates(one, -one, one)


def test_later_steps_use_the_last_rate_and_options_are_checked(batch):
    learner = MetaSGD(net(), 0.01, 2, per="tensor and step")
    with torch.no_grad():
        learner.alpha["0/bias"][0, 1] = 0.5
    rates = learner.rates(6, 4)["0.bias"]
    assert rates.shape == (4, 6, 1)
    assert rates[:, 0, 0].tolist() == pytest.approx([0.01, 0.5, 0.5, 0.5])
    assert learner.adapt(batch, steps=3)["0.bias"].shape == (6, 8)
    with pytest.raises(ValueError, match="one of weight, tensor"):
        MetaSGD(net(), per="layer")
    with pytest.raises(ValueError, match="one a run"):
        MetaSGD([net(), net()], [0.1, 0.2, 0.3])


# --- MAML++ ---------------------------------------------------------------------------------------


@pytest.mark.equation("eq-multi-step-loss")
def test_multi_step_weights_fade():
    assert multi_step_weights(4, 0, 10).tolist() == [0.25] * 4
    assert multi_step_weights(4, 5, 10).tolist() == [0.125, 0.125, 0.125, 0.625]
    assert multi_step_weights(4, 99, 10).tolist() == [0, 0, 0, 1]
    assert multi_step_weights(3, 0, 0).tolist() == [0, 0, 1]


@pytest.mark.equation("eq-order-annealing")
def test_first_order_until_the_switch(batch):
    batch = batch.to(torch.float64)
    found = {}
    for step in (0, 5):
        plus = MAMLPlus(net().double(), 0.05, 2, first_order_steps=5)
        plus.paced(lambda t: batch)(step)
        plus.meta_loss(batch).backward()
        found[step] = plus.theta["0/weight"].grad.clone()
    for step, order in ((0, 1), (5, 2)):
        maml = GradientLearner(net().double(), 0.05, 2, order=order)
        maml.meta_loss(batch).backward()
        assert torch.allclose(found[step], maml.theta["0/weight"].grad, atol=1e-12)
    assert not torch.allclose(found[0], found[5])


def test_the_cosine_reaches_the_outer_rate(batch):
    plus = MAMLPlus(net(), 0.01, 1, cosine_steps=10)
    optimizer = torch.optim.Adam(plus.parameters(), 0.4)
    sampler = plus.paced(lambda t: batch, optimizer)
    seen = []
    for step in (0, 5, 10):
        sampler(step)
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == pytest.approx([0.4, 0.4 * 0.505, 0.004])


@pytest.mark.equation("eq-per-step-norm")
def test_each_step_has_its_own_statistics(batch):
    plus = MAMLPlus(NormalisedMLP([1, 8, 1], gen()), 0.02, 2, per_step_norm=True)
    shared = MAMLPlus(NormalisedMLP([1, 8, 1], gen()), 0.02, 2)
    for learner in (plus, shared):
        learner.meta_loss(batch)
    means = plus.norm["norms/0/mean"][0]
    assert means.shape == (3, 8) and not torch.allclose(means[0], means[2])
    assert shared.norm["norms/0/mean"].shape == (1, 1, 8)
    # The first batch counts in full: the statistics are those of its support rows.
    rows = plus.module.layers[0](batch.support_x).reshape(-1, 8)
    assert torch.allclose(means[0], rows.mean(0), atol=1e-5)
    assert torch.allclose(plus.norm["norms/0/var"][0, 0], rows.var(0, unbiased=False), rtol=1e-4)
    trained = {id(p) for p in plus.parameters() if p.requires_grad}
    assert id(plus.norm["norms/0/gain"]) in trained and id(plus.norm["norms/0/mean"]) not in trained
    assert not any("norms" in name for name in plus.only)


@pytest.mark.equation("eq-per-step-norm")
def test_each_step_answers_with_its_own_shift(batch):
    plus = MAMLPlus(NormalisedMLP([1, 8, 1], gen()), 0.02, 2, per_step_norm=True)
    plus.norm["norms/0/shift"].data[0] = torch.arange(3.0)[:, None]
    points = plus.walk(batch)
    assert [float(p["norms.0.shift"].detach().unique()) for p in points] == [0.0, 1.0, 2.0]
    assert float(plus.walk(batch, 4)[-1]["norms.0.shift"].detach().unique()) == 2.0


@pytest.mark.equation("eq-per-step-norm")
def test_running_norm_normalises():
    norm = RunningNorm(2)
    with torch.no_grad():
        norm.mean.copy_(torch.tensor([1.0, 2.0]))
        norm.var.copy_(torch.tensor([3.9, 0.9]))
        norm.gain.copy_(torch.tensor([1.0, 3.0]))
        norm.shift.copy_(torch.tensor([0.0, 1.0]))
    out = norm(torch.tensor([[3.0, 3.0]]))
    assert torch.allclose(out, torch.tensor([[1.0, 4.0]]))


def test_maml_plus_refuses_and_takes_no_steps(batch):
    with pytest.raises(ValueError, match="use NormalisedMLP"):
        MAMLPlus(net(), per_step_norm=True)
    with pytest.raises(ValueError, match="hidden layers"):
        NormalisedMLP([1, 1], gen())
    still = MAMLPlus(net(), 0.01, 0)
    assert torch.allclose(still.meta_loss(batch), still.query_losses(batch).mean())


# --- implicit MAML --------------------------------------------------------------------------------


def test_systems_solved_together_are_those_solved_alone():
    rng = torch.Generator().manual_seed(0)
    A = torch.randn(3, 5, 5, generator=rng, dtype=torch.float64)
    A = A @ A.transpose(1, 2) + torch.eye(5)
    b = torch.randn(3, 5, generator=rng, dtype=torch.float64)
    b[2] = 0
    for steps in (2, 20):
        x = solve_together(lambda v: (A @ v[..., None])[..., 0], b, steps)
        for task in range(2):
            alone = conjugate_gradient(lambda v, t=task: A[t] @ v, b[task], steps).x
            assert torch.allclose(x[task], alone, atol=1e-9)
        assert not x[2].any()
    assert torch.allclose(x, torch.linalg.solve(A, b), atol=1e-8)


def test_a_curvature_that_is_not_positive_stops_its_own_system_only():
    A = torch.stack([torch.diag(torch.tensor([1.0, -5.0])), torch.eye(2)])
    b = torch.tensor([[1.0, 1.0], [2.0, 3.0]])
    x = solve_together(lambda v: (A @ v[..., None])[..., 0], b, 5)
    assert torch.equal(x[0], b[0])  # the first-order gradient
    assert torch.allclose(x[1], b[1])


def test_a_strong_pull_is_first_order_maml_without_steps(batch):
    batch = batch.to(torch.float64)
    far = ImplicitMAML(net().double(), 1e9, 1e-10, 5, 5)
    plain = GradientLearner(net().double(), 0.01, 0)
    for learner in (far, plain):
        learner.meta_loss(batch).backward()
    for key in far.theta:
        assert torch.allclose(far.theta[key].grad, plain.theta[key].grad, atol=1e-4)
    with pytest.raises(ValueError, match="must be above 0"):
        ImplicitMAML(net(), 0.0)


# --- CAVIA ----------------------------------------------------------------------------------------


@pytest.mark.equation("eq-cavia")
def test_only_the_context_adapts_and_closed_gates_are_silent(batch):
    learner = CAVIA(ContextNetwork(net((4, 8, 1)), 3), 0.1, 2)
    learner.theta["gate"].data[0, 1] = 0
    adapted = learner.adapt(batch)
    for name, value in adapted.items():
        same = torch.equal(value, learner.start(6)[name])
        assert same == (name != "context")
    assert not adapted["context"][:, 1].any() and adapted["context"][:, 0].all()
    assert learner.open_gates() == [0, 2]
    assert not learner.theta["context"].requires_grad


def test_shrinking_closes_what_is_not_missed(batch):
    learner = CAVIA(ContextNetwork(net((4, 8, 1)), 3), 0.1, 1)
    with torch.no_grad():  # the network hears the first context number only
        learner.theta["network/0/weight"][0, :, 2:] = 0
    closed = shrink_context(learner, batch, tolerance=0.0)
    assert sorted(p for p, _ in closed) == [1, 2] and learner.open_gates() == [0]
    two = CAVIA([ContextNetwork(net((3, 4, 1)), 2) for _ in range(2)])
    with pytest.raises(ValueError, match="2 runs"):
        shrink_context(two, batch)
    with pytest.raises(ValueError, match="at least 0"):
        shrink_context(two.alone(0), batch, -1)
    with pytest.raises(ValueError, match="ContextNetwork"):
        CAVIA(net())
    with pytest.raises(ValueError, match="at least one number"):
        ContextNetwork(net(), 0)


def test_shrinking_stops_at_the_tolerance(batch):
    learner = CAVIA(ContextNetwork(net((3, 8, 1), seed=1), 2), 0.3, 2)
    trained = [p for p in learner.parameters() if p.requires_grad]
    meta_train(learner, lambda t: batch, 60, torch.optim.Adam(trained, 0.02))
    gate = learner.theta["gate"].data[0]
    full = float(learner.query_losses(batch).detach().mean())
    singles = []
    for position in range(2):
        gate[position] = 0
        singles.append(float(learner.query_losses(batch).detach().mean()))
        gate[position] = 1
    needed = min(singles) / full - 1
    assert needed > 0.01
    assert shrink_context(learner, batch, needed / 2) == []
    assert len(shrink_context(learner, batch, needed * 1.1)) == 1


# --- metric learners ------------------------------------------------------------------------------


@pytest.mark.equation("eq-prototypes")
def test_prototypes_are_shrunk_means():
    f = torch.tensor([[[4.0, 2.0], [2.0, 0.0], [9.0, 9.0], [7.0, 7.0]]])
    y, mask = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[1.0, 1, 1, 0]])
    prior = torch.tensor([[1.0, -1.0], [0.0, 0.0], [5.0, 5.0]])
    plain = prototypes(f, y, mask, prior, torch.tensor(0.0))
    assert torch.equal(plain[0, :2], torch.tensor([[3.0, 1.0], [9.0, 9.0]]))
    assert plain[0, 2].isnan().all()
    drawn = prototypes(f, y, mask, prior, torch.tensor(2.0))
    assert torch.equal(drawn[0], torch.tensor([[2.0, 0.0], [3.0, 3.0], [5.0, 5.0]]))


@pytest.mark.equation("eq-prototype-class")
def test_scores_are_a_linear_classifier():
    q, p = torch.randn(1, 4, 3, generator=gen()), torch.randn(1, 2, 3, generator=gen(1))
    line = 2 * q @ p.transpose(1, 2) - p.square().sum(-1)[:, None]
    assert torch.allclose(class_scores(q, p).softmax(-1), line.softmax(-1), atol=1e-6)


def test_prototypes_learn_and_a_user_with_one_class_is_answered(batch):
    data = replace(
        batch,
        support_y=(batch.support_x[..., 0] > 0).float(),
        query_y=(batch.query_x[..., 0] > 0).float(),
    )
    data.support_y[0] = 1.0
    learner = Prototypes(PrototypeReader(net((1, 8, 2)), 2))
    before = float(learner.meta_loss(data).detach())
    meta_train(learner, lambda t: data, 60, torch.optim.Adam(learner.parameters(), 0.02))
    assert float(learner.meta_loss(data).detach()) < 0.5 * before
    chance = learner.probabilities(data)
    assert chance.shape == (6, 7, 2) and torch.allclose(chance.sum(-1), torch.ones(6, 7))
    strict = Prototypes(PrototypeReader(net((1, 8, 2)), 2, strength=None))
    named = replace(data, labels=tuple(f"user {n}" for n in "abcdef"))
    with pytest.raises(ValueError, match=r"Task 0 \(user a\) has no usable .* class 0"):
        strict.predict(named)
    with pytest.raises(ValueError, match="above 0, or None"):
        PrototypeReader(net((1, 8, 2)), 2, strength=0.0)


@pytest.mark.equation("eq-matching")
def test_matching_averages_by_likeness():
    reader = MatchingReader(_eye(), 2.0)
    x = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    y, mask = torch.tensor([[3.0, -1.0]]), torch.ones(1, 2)
    state = reader(x, y, mask)
    got = reader(torch.tensor([[[5.0, 0.0]]]), state=state)
    e = np.exp
    want = (3 * e(2.0) - 1 * e(0.0)) / (1 + e(2.0) + e(0.0))
    assert got.item() == pytest.approx(want, abs=1e-6)


def _eye():
    layer = nn.Linear(2, 2, bias=False)
    nn.init.eye_(layer.weight)
    return layer


# --- readers --------------------------------------------------------------------------------------


@pytest.mark.equation("eq-set-encoder")
def test_the_state_is_the_mean_of_what_rows_say(batch):
    reader = SetEncoder(1, 8, gen())
    mask = batch.support_mask.clone()
    mask[0, 3:] = 0
    state = reader(batch.support_x, batch.support_y, mask)
    rows = torch.cat([batch.support_x, batch.support_y[..., None]], -1)
    assert torch.allclose(state["mean"][0], reader.row(rows[0, :3]).mean(0), atol=1e-6)
    assert state["count"][0].item() == pytest.approx(np.log(4))
    with pytest.raises(NotImplementedError):
        Reader()(batch.support_x, batch.support_y, mask)
    with pytest.raises(NotImplementedError):
        Reader()(batch.query_x, state={})


@pytest.mark.equation("eq-in-context")
def test_no_question_sees_its_own_answer(batch):
    learner = InContext(ContextReader(1, gen(), 8, 2, 2))
    reader = learner.module
    state = {"x": batch.support_x, "y": batch.support_y, "mask": batch.support_mask}
    with torch.no_grad():
        before = reader.all_answers(batch.query_x, state)
        changed = {**state, "y": batch.support_y.clone()}
        changed["y"][:, 2] += 5
        after = reader.all_answers(batch.query_x, changed)
    moved = (before - after).abs().amax(0) > 1e-6
    # Questions 0 to 2 come before the changed answer; those after it, and all queries, use it.
    assert moved.tolist() == [False] * 3 + [True] * (2 + 7)


@pytest.mark.equation("eq-in-context")
def test_context_mask_by_hand():
    may = context_mask(torch.tensor([[1.0, 0.0]]), 1)[0, 0]
    assert may.int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [1, 0, 0, 1, 0],
        [1, 0, 0, 0, 1],
    ]


# --- bad input ------------------------------------------------------------------------------------


GRADIENT = ("MAML", "Meta-SGD", "MAML++", "implicit", "CAVIA")


@pytest.mark.parametrize("name", GRADIENT)
def test_nan_in_one_task_is_named_and_others_are_unharmed(name, batch):
    bad = replace(batch, support_x=batch.support_x.clone(), labels=tuple("abcdef"))
    bad.support_x[2, 0] = float("nan")
    learner = LEARNERS[name]()
    with pytest.raises(NonFiniteTaskError, match=r"Task 2 \(c\)"):
        learner.predict(bad)
    learner.on_divergence = "freeze"
    good = [0, 1, 3, 4, 5]
    frozen = learner.predict(bad)
    assert torch.allclose(frozen[good], learner.predict(batch)[good], atol=1e-6)
    start = learner.adapt(replace(batch, support_mask=torch.zeros_like(batch.support_mask)))
    if name != "MAML++":  # whose normalisation moves on with the steps
        still = {key: value[2] for key, value in start.items()}
        ended = learner.adapt(bad)
        assert all(torch.equal(ended[key][2], still[key]) for key in still)
    learner.meta_loss(bad).backward()
    grads = [p.grad for p in learner.parameters() if p.grad is not None]
    assert grads and all(g.isfinite().all() for g in grads)


@pytest.mark.parametrize("name", ["MAML", "MAML++", "implicit"])
def test_a_diverging_rate_is_named(name, batch):
    learner = {
        "MAML": lambda: GradientLearner(net(), 100.0, 8),
        "MAML++": lambda: MAMLPlus(net(), 100.0, 8),
        "implicit": lambda: ImplicitMAML(net(), 1.0, 100.0, 8),
    }[name]()
    with pytest.raises(NonFiniteTaskError, match="lower the inner rate"):
        learner.predict(batch)
    learner.on_divergence = "freeze"
    assert learner.predict(batch).isfinite().all()  # all of them keep their start


@pytest.mark.parametrize("name", LEARNERS)
def test_nan_in_a_query_is_named(name, batch):
    bad = replace(batch, query_y=batch.query_y.clone())
    bad.query_y[3, 1] = float("nan")
    with pytest.raises(NonFiniteTaskError, match="Task 3: the loss on the queries"):
        LEARNERS[name]().meta_loss(bad)


@pytest.mark.parametrize("name", LEARNERS)
def test_tasks_of_wildly_different_size_and_one_value_only(name):
    rng = np.random.default_rng(0)
    sizes = (1, 300, 2)
    x = [rng.normal(size=(n, 1)) for n in sizes]
    tasks = TaskBatch.from_ragged(
        x, [np.full(n, 4.0) for n in sizes], x[::-1], [np.full(n, 4.0) for n in sizes[::-1]]
    )
    assert LEARNERS[name]().meta_loss(tasks).isfinite()


def test_learners_refuse_what_cannot_be(batch):
    with pytest.raises(ValueError, match="There is no model"):
        MetaLearner([])
    with pytest.raises(ValueError, match="build all of them alike"):
        MetaLearner([net(), net((1, 4, 1))])
    with pytest.raises(ValueError, match="cannot be divided among 4 runs"):
        GradientLearner([net()] * 4).predict(batch)
    with pytest.raises(ValueError, match="cannot be divided among 4 runs"):
        Amortised([SetEncoder(1, 4, gen())] * 4).predict(batch)
    with pytest.raises(ValueError, match="order is 3"):
        GradientLearner(net(), order=3)
    with pytest.raises(ValueError, match="inner_steps is -1"):
        GradientLearner(net(), inner_steps=-1)
    with pytest.raises(ValueError, match="at least the inputs"):
        mlp([3], gen())
    for method in ("adapt", "answer"):
        with pytest.raises(NotImplementedError):
            getattr(MetaLearner(net()), method)(batch)


def test_users_of_movielens_are_tasks_and_a_gate_on_sizes_works(ml100k):
    from recsys_book.meta_learning.families import user_tasks

    log = ml100k.interactions
    x = np.ones((len(log), 1), dtype=np.float32)
    pool = user_tasks(log, x).at_least(16)
    batch = pool.draw(15, np.random.default_rng(0), tasks=range(8), queries=5)
    batch = replace(batch, support_y=batch.support_y - 3.5, query_y=batch.query_y - 3.5)
    head = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(head.weight)
    adapted = GradientLearner(head, 0.5, 1).adapt(batch)["weight"][:, 0, 0]
    assert torch.allclose(adapted, batch.support_y.mean(1), atol=1e-5)  # one Newton step
