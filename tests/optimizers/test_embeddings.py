"""Rules for tables against NumPy written from their equations, and against torch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys_book.optimizers import (
    SGD,
    AdaGrad,
    FrequencyAdaptive,
    LazyAdam,
    Optimizer,
    PersonalRates,
    RowwiseAdaGrad,
    RowwiseAdam,
    state_bytes,
    state_floats,
    table_state_floats,
)
from recsys_book.optimizers.embeddings import row_mean_square
from recsys_book.optimizers.row_rates import row_cosine, seen_rows

ROWS, WIDTH, STEPS = 12, 5, 100
RULES = [
    LazyAdam(lr=0.02),
    RowwiseAdaGrad(lr=0.1, initial_accumulator=0.01),
    RowwiseAdam(lr=0.02),
    RowwiseAdam(lr=0.02, count_visits=True),
    FrequencyAdaptive(lr=0.1),
    FrequencyAdaptive(lr=0.1, power=1.0, forget=0.05),
    PersonalRates(lr=0.05, hyper_lr=0.1, max_factor=3.0, rho=0.6),
]


def batches(seed=0, steps=STEPS, size=9):
    """Ids with repetitions, and the vector that each occurrence is pulled to."""
    rng = np.random.default_rng(seed)
    return [
        (rng.integers(0, ROWS, size) // rng.integers(1, 4), rng.normal(size=(size, WIDTH)))
        for _ in range(steps)
    ]


def start(width=WIDTH):
    return np.random.default_rng(7).normal(size=(ROWS, width))


def run(make, sparse, data, table=None):
    """Train a table by a rule or by a torch optimizer; return it and the optimizer."""
    if table is None:
        table = torch.nn.Embedding(ROWS, WIDTH, sparse=sparse, dtype=torch.float64)
        table.weight.data.copy_(torch.tensor(start()))
    optimizer = make(table.parameters())
    for ids, targets in data:
        pull(table, ids, targets)
        optimizer.step()
    return table.weight.detach().numpy().copy(), optimizer


def pull(table, ids, targets):
    """Put the gradient of half the squared distances of the looked-up rows to their targets."""
    table.zero_grad()
    out = table(torch.as_tensor(ids))
    (0.5 * (out - torch.as_tensor(targets)) ** 2).sum().backward()


def reference(update, data):
    """Train by a NumPy function of (row, its summed gradient, step), row by row."""
    w = start()
    for t, (ids, targets) in enumerate(data, start=1):
        before = w.copy()
        for r in np.unique(ids):
            g = sum(before[r] - x for i, x in zip(ids, targets) if i == r)
            w[r] = before[r] + update(r, g, t)
    return w


def rowwise_adagrad(lr, s0, eps=1e-10):
    s = np.full(ROWS, s0)

    def update(r, g, t):
        s[r] += np.mean(g**2)
        return -lr * g / (np.sqrt(s[r]) + eps)

    return update


def rowwise_adam(lr, own_count, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v, n = np.zeros((ROWS, WIDTH)), np.zeros(ROWS), np.zeros(ROWS)

    def update(r, g, t):
        n[r] += 1
        t = n[r] if own_count else t
        m[r] = beta1 * m[r] + (1 - beta1) * g
        v[r] = beta2 * v[r] + (1 - beta2) * np.mean(g**2)
        return -lr * m[r] / (1 - beta1**t) / (np.sqrt(v[r] / (1 - beta2**t)) + eps)

    return update


def frequency(lr, power, forget):
    n, last = np.zeros(ROWS), np.zeros(ROWS)

    def update(r, g, t):
        n[r] = n[r] * (1 - forget) ** (t - last[r]) + 1
        last[r] = t
        return -lr * g / n[r] ** power

    return update


def personal(lr, hyper_lr, limit, rho):
    rate, trace = np.full(ROWS, lr), np.zeros((ROWS, WIDTH))

    def update(r, g, t):
        if trace[r].any():
            cosine = g @ trace[r] / np.linalg.norm(g) / np.linalg.norm(trace[r])
            rate[r] = np.clip(rate[r] * np.exp(hyper_lr * cosine), lr / limit, lr * limit)
        trace[r] = rho * trace[r] + g
        return -rate[r] * g

    return update


CASES = [
    (RULES[1], lambda: rowwise_adagrad(0.1, 0.01)),
    (RULES[2], lambda: rowwise_adam(0.02, False)),
    (RULES[3], lambda: rowwise_adam(0.02, True)),
    (RULES[4], lambda: frequency(0.1, 0.5, 0.0)),
    (RULES[5], lambda: frequency(0.1, 1.0, 0.05)),
    (RULES[6], lambda: personal(0.05, 0.1, 3.0, 0.6)),
]


@pytest.mark.equation("eq-rowwise-adagrad")
@pytest.mark.equation("eq-rowwise-adam")
@pytest.mark.equation("eq-frequency-rate")
@pytest.mark.equation("eq-personal-rate")
@pytest.mark.parametrize(("rule", "update"), CASES, ids=lambda x: type(x).__name__)
def test_sparse_steps_equal_the_numpy_reference(rule, update):
    data = batches()
    ours, _ = run(lambda p: Optimizer(p, rule), True, data)
    np.testing.assert_allclose(ours, reference(update(), data), rtol=1e-9, atol=1e-12)


@pytest.mark.equation("eq-lazy-adam")
def test_lazy_adam_equals_torch_sparse_adam():
    data = batches()
    ours, _ = run(lambda p: Optimizer(p, LazyAdam(lr=0.02, eps=1e-3)), True, data)
    theirs, _ = run(lambda p: torch.optim.SparseAdam(list(p), lr=0.02, eps=1e-3), True, data)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-14)


def test_lazy_adam_on_dense_gradients_is_adam():
    data = batches()
    rule = LazyAdam(lr=0.02, eps=1e-13)  # the two forms place it differently
    ours, _ = run(lambda p: Optimizer(p, rule), False, data)
    theirs, _ = run(lambda p: torch.optim.Adam(p, lr=0.02, eps=1e-13), False, data)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert np.abs(ours - run(lambda p: Optimizer(p, rule), True, data)[0]).max() > 1e-3


@pytest.mark.parametrize("rule", [RULES[1], *RULES[4:]], ids=lambda r: type(r).__name__)
def test_without_momentum_sparse_and_dense_gradients_give_the_same(rule):
    data = batches()
    sparse, _ = run(lambda p: Optimizer(p, rule), True, data)
    dense, _ = run(lambda p: Optimizer(p, rule), False, data)
    np.testing.assert_allclose(sparse, dense, rtol=1e-12, atol=1e-14)


def test_adagrad_and_sgd_are_the_same_on_sparse_and_dense_gradients():
    data = batches()
    for make in (
        lambda p: Optimizer(p, SGD(lr=0.05)),
        lambda p: Optimizer(p, AdaGrad(lr=0.1)),
    ):
        np.testing.assert_allclose(
            run(make, True, data)[0], run(make, False, data)[0], rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize("rule", RULES, ids=lambda r: type(r).__name__)
def test_a_checkpoint_in_the_middle_changes_nothing(rule, tmp_path):
    data = batches()
    straight, _ = run(lambda p: Optimizer(p, rule), True, data)
    half, first = run(lambda p: Optimizer(p, rule), True, data[:50])
    torch.save(first.state_dict(), tmp_path / "state.pt")
    table = torch.nn.Embedding(ROWS, WIDTH, sparse=True, dtype=torch.float64)
    table.weight.data.copy_(torch.tensor(half))
    second = Optimizer(table.parameters(), replace(rule, lr=0.5))
    second.load_state_dict(torch.load(tmp_path / "state.pt"))
    for ids, targets in data[50:]:
        pull(table, ids, targets)
        second.step()
    np.testing.assert_allclose(table.weight.detach().numpy(), straight, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: type(r).__name__)
def test_groups_step_by_their_own_rates(rule):
    data = batches()
    slow, _ = run(lambda p: Optimizer([{"params": p, "lr": 0.001}], rule), True, data)
    alone, _ = run(lambda p: Optimizer(p, replace(rule, lr=0.001)), True, data)
    np.testing.assert_array_equal(slow, alone)
    assert np.abs(slow - run(lambda p: Optimizer(p, rule), True, data)[0]).max() > 1e-3


@pytest.mark.parametrize("rule", RULES, ids=lambda r: type(r).__name__)
def test_a_vector_is_a_table_of_width_one_and_more_axes_are_one_row(rule):
    rng = np.random.default_rng(3)
    grads = rng.normal(size=(20, 6, 4)) * (rng.random((20, 6, 1)) < 0.5)

    def train(shape, part):
        w = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        optimizer = Optimizer([w], rule)
        for grad in grads:
            w.grad = torch.tensor(part(grad)).view(shape)
            optimizer.step()
        return w.detach().numpy().ravel()

    vector, column = train((6,), lambda g: g[:, 0]), train((6, 1), lambda g: g[:, 0])
    np.testing.assert_allclose(vector, column, rtol=1e-12)
    np.testing.assert_allclose(
        train((6, 4), lambda g: g), train((6, 2, 2), lambda g: g), rtol=1e-12
    )
    scalar = train((), lambda g: g[0, 0])
    np.testing.assert_allclose(scalar, train((1,), lambda g: g[0, 0]), rtol=1e-12)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: type(r).__name__)
def test_rows_that_were_not_looked_up_do_not_move(rule):
    data = [(ids % 4, targets) for ids, targets in batches(steps=10)]
    after, _ = run(lambda p: Optimizer(p, rule), True, data)
    np.testing.assert_array_equal(after[4:], start()[4:])
    assert (np.abs(after[:2] - start()[:2]) > 0).all()


def test_a_late_first_look_up_is_a_long_step_unless_visits_are_counted():
    quiet, late = [(np.array([0]), np.ones((1, WIDTH)))] * 200, np.array([5])
    last = [(late, start()[late] + 1.0)]

    def first_step(rule):
        after, _ = run(lambda p: Optimizer(p, rule), True, quiet + last)
        return (after[5] - start()[5]) / rule.lr

    ratio = 0.1 * np.sqrt((1 - 0.999**201) / 0.001)
    np.testing.assert_allclose(first_step(LazyAdam(lr=0.01)), ratio, rtol=1e-6)
    np.testing.assert_allclose(first_step(RowwiseAdam(lr=0.01)), ratio, rtol=1e-6)
    counted = RowwiseAdam(lr=0.01, count_visits=True)
    np.testing.assert_allclose(first_step(counted), 1.0, rtol=1e-6)


def test_frequency_power_one_is_the_running_mean():
    data = [(np.array([2]), x[None]) for x in np.random.default_rng(1).normal(size=(40, WIDTH))]
    after, _ = run(lambda p: Optimizer(p, FrequencyAdaptive(lr=1.0, power=1.0)), True, data)
    np.testing.assert_allclose(after[2], np.mean([x[0] for _, x in data], axis=0), rtol=1e-12)


def kalman_gain(q):
    """Steady-state gain of a random walk seen through noise; q is the ratio of variances."""
    return (np.sqrt(q * q + 4 * q) - q) / 2


@pytest.mark.parametrize("q", [0.1, 0.5])
def test_personal_rates_find_the_kalman_gain_of_a_drifting_user(q):
    rng = np.random.default_rng(0)
    walk = np.cumsum(np.sqrt(q) * rng.normal(size=(1600, 128)), axis=0)
    seen = torch.tensor(walk + rng.normal(size=walk.shape))
    w = torch.zeros(128, 1, dtype=torch.float64, requires_grad=True)
    optimizer = Optimizer([w], PersonalRates(lr=0.3, hyper_lr=0.02))
    learned = []
    for step, x in enumerate(seen):
        w.grad = w.detach() - x[:, None]
        optimizer.step()
        if step >= 800:
            learned.append(optimizer.state[w]["log_factor"].mean().item())
    assert 0.3 * np.exp(np.mean(learned)) == pytest.approx(kalman_gain(q), rel=0.05)


@pytest.mark.equation("eq-personal-rate")
def test_personal_rates_stay_within_their_bounds_and_ignore_the_gradients_scale():
    def factors(scale, sign):
        w = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
        optimizer = Optimizer([w], PersonalRates(lr=0.1, hyper_lr=0.2, max_factor=2.0))
        for t in range(20):
            w.grad = scale * torch.ones_like(w) * sign**t
            optimizer.step()
        return optimizer.state[w]["log_factor"].exp().ravel().tolist()

    assert factors(1.0, 1) == pytest.approx([2.0] * 3)
    assert factors(1e-8, -1) == pytest.approx([0.5] * 3)


def test_helpers_by_hand():
    grad = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert row_mean_square(grad).tolist() == [[12.5], [0.0]]
    assert row_mean_square(torch.tensor([3.0, 0.0])).tolist() == [9.0, 0.0]
    assert seen_rows(grad).tolist() == [[True], [False]]
    assert seen_rows(torch.tensor([3.0, 0.0])).tolist() == [True, False]
    other = torch.tensor([[4.0, 3.0], [1.0, 1.0]])
    assert row_cosine(grad, other).ravel().tolist() == pytest.approx([0.96, 0.0])
    assert row_cosine(torch.tensor([-2.0, 0.0]), torch.tensor([5.0, 1.0])).tolist() == [-1.0, 0.0]


def test_hyper_parameters_out_of_range():
    with pytest.raises(ValueError, match=r"forget is 1, but a share"):
        FrequencyAdaptive(forget=1)
    with pytest.raises(ValueError, match="max_factor is 0.5, but it must be 1 or more"):
        PersonalRates(max_factor=0.5)
    with pytest.raises(ValueError, match="beta1 is 1"):
        RowwiseAdam(beta1=1.0)
    with pytest.raises(ValueError, match="power is -1"):
        FrequencyAdaptive(power=-1)


@pytest.mark.equation("eq-state-floats")
@pytest.mark.parametrize(
    ("rule", "floats"),
    zip(
        RULES,
        [
            2 * ROWS * WIDTH,
            ROWS,
            ROWS * (WIDTH + 1),
            ROWS * (WIDTH + 2),
            ROWS,
            2 * ROWS,
            ROWS * (WIDTH + 1),
        ],
    ),
    ids=lambda x: type(x).__name__,
)
def test_state_is_counted(rule, floats):
    _, optimizer = run(lambda p: Optimizer(p, rule), True, batches(steps=1))
    assert state_floats(optimizer) == floats == table_state_floats(rule, ROWS, WIDTH)
    assert state_bytes(optimizer) == 8 * floats


def test_state_of_torch_optimizers_and_of_large_tables():
    _, adam = run(lambda p: torch.optim.Adam(p), False, batches(steps=1))
    assert state_floats(adam) == 2 * ROWS * WIDTH
    _, adagrad = run(lambda p: torch.optim.Adagrad(p), True, batches(steps=1))
    _, ours = run(lambda p: Optimizer(p, RowwiseAdaGrad()), True, batches(steps=1))
    assert state_floats(adagrad) == WIDTH * state_floats(ours)
    assert table_state_floats(RowwiseAdaGrad(), 10**9, 128) == 10**9
    assert state_floats(torch.optim.Adam([torch.zeros(3, requires_grad=True)])) == 0
