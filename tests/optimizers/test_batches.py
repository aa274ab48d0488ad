"""Parts add up to the whole, the noise scale is right where it is known, float16 survives."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from recsys_book.optimizers import Adam, Optimizer
from recsys_book.optimizers import batches as b


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def problem():
    g = generator()
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x = torch.randn(30, 4, generator=g, dtype=torch.float64)
    y = torch.randn(30, 1, generator=g, dtype=torch.float64)
    return model, x, y


@pytest.mark.equation("eq-accumulation")
@pytest.mark.parametrize("sizes", [[30], [10, 10, 10], [7, 20, 3]])
def test_parts_add_up_to_the_gradient_of_the_batch(problem, sizes):
    model, x, y = problem
    whole = F.mse_loss(model(x), y)
    want = torch.autograd.grad(whole, list(model.parameters()))
    parts = list(zip(x.split(sizes), y.split(sizes)))
    value = b.accumulate_gradients(lambda p: F.mse_loss(model(p[0]), p[1]), parts, sizes)
    assert value == pytest.approx(whole.item(), rel=1e-12)
    for param, grad in zip(model.parameters(), want):
        torch.testing.assert_close(param.grad, grad, rtol=1e-12, atol=1e-14)


def test_unweighed_parts_and_in_batch_losses_do_not_add_up(problem):
    model, x, y = problem
    sizes = [7, 20, 3]
    mean = sum(F.mse_loss(model(p), q) for p, q in zip(x.split(sizes), y.split(sizes))) / 3
    assert abs(mean - F.mse_loss(model(x), y)) > 1e-3
    users, items = x.clone().requires_grad_(), x.flip(0)

    def softmax(rows):
        return F.cross_entropy(users[rows] @ items[rows].T, torch.arange(len(rows)))

    rows = torch.arange(30)
    (want,) = torch.autograd.grad(softmax(rows), users)
    b.accumulate_gradients(softmax, rows.split(10), [10, 10, 10])
    assert (users.grad - want).norm() > 0.1 * want.norm()


@pytest.mark.equation("eq-linear-scaling")
def test_linear_scaling_keeps_the_distance_of_an_epoch():
    assert b.linear_scaled_rate(0.1, 512, 128) == pytest.approx(0.4)
    # k small steps along a constant gradient go as far as one large one.
    grads = torch.full((4, 3), 2.0)
    small = sum(0.1 * grad for grad in grads)
    torch.testing.assert_close(small, b.linear_scaled_rate(0.1, 4, 1) * grads.mean(0))


@pytest.mark.equation("eq-square-root-scaling")
def test_square_root_scaling_keeps_the_diffusion_of_an_epoch():
    assert b.square_root_scaled_rate(0.1, 512, 128) == pytest.approx(0.2)
    # Steps normalised by their own size: pure noise diffuses as far in an epoch of n rows.
    g = generator()
    spread = []
    for batch in (4, 64):
        lr = b.square_root_scaled_rate(0.01, batch, 4)
        noise = torch.randn(4000, 1024 // batch, generator=g)  # a unit step for every batch
        spread.append((lr * noise.sum(dim=1)).std().item())
    assert spread[1] == pytest.approx(spread[0], rel=0.06)


def known_gradients(n, g, mean=0.3, spread=2.0, width=20):
    """Rows whose noise scale is width * spread**2 / (width * mean**2)."""
    return mean + spread * torch.randn(n, width, generator=g, dtype=torch.float64)


@pytest.mark.equation("eq-gradient-noise-scale")
def test_noise_scale_where_it_is_known():
    g = generator()
    truth = 2.0**2 / 0.3**2
    exact = b.noise_scale_of(known_gradients(20_000, g))
    assert exact.batch == pytest.approx(truth, rel=0.05)
    assert exact.variance == pytest.approx(20 * 4.0, rel=0.02)
    small = [known_gradients(8, g).mean(0).square().sum().item() for _ in range(3000)]
    large = [known_gradients(64, g).mean(0).square().sum().item() for _ in range(3000)]
    estimate = b.estimate_noise_scale(small, large, 8, 64)
    assert estimate.batch == pytest.approx(truth, rel=0.1)
    assert estimate.variance == pytest.approx(80.0, rel=0.05)


def test_noise_scale_without_noise_and_without_signal():
    assert b.noise_scale_of(torch.ones(5, 3)).batch == 0
    assert b.noise_scale_of(torch.tensor([[1.0], [-1.0]])).batch == math.inf
    flat = b.estimate_noise_scale([2.0], [2.0], 1, 4)
    assert (flat.variance, flat.squared_norm, flat.batch) == (0, 2, 0)


def test_squared_norm_counts_dense_and_sparse_gradients():
    table = nn.Embedding(5, 2, sparse=True)
    layer, idle = nn.Linear(2, 1), nn.Linear(2, 1)
    layer(table(torch.tensor([1, 1, 3]))).sum().backward()
    params = [*table.parameters(), *layer.parameters(), *idle.parameters()]
    dense = table.weight.grad.to_dense().square().sum() + sum(
        p.grad.square().sum() for p in layer.parameters()
    )
    assert b.squared_norm(params) == pytest.approx(dense.item(), rel=1e-6)
    assert b.squared_norm(idle.parameters()) == 0


def float16_gradient(factor):
    """The gradient 2e-8 of a float16 product: below the smallest float16, 6e-8."""
    w = torch.ones(1, dtype=torch.float32, requires_grad=True)
    product = w.half() * torch.tensor([2e-4], dtype=torch.float16)
    loss = (product * torch.tensor([1e-4], dtype=torch.float16)).float().sum()
    (loss * factor).backward()
    return w.grad.item() / factor


def test_a_small_gradient_vanishes_in_float16_and_survives_scaled():
    assert float16_gradient(1.0) == 0
    assert float16_gradient(2.0**17) == math.inf  # too much of it overflows
    assert float16_gradient(2.0**12) == pytest.approx(2e-8, rel=1e-2)


def scaled_run(scaler, step, factors=(1.0, math.inf, 1.0, 1.0, 1.0)):
    w = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([w], lr=0.5)
    trace = []
    for factor in factors:
        optimizer.zero_grad()
        step(scaler, optimizer, (w * 1e-2).sum() * factor)
        trace.append(
            (
                w.detach().clone(),
                scaler.get_scale()
                if callable(getattr(scaler, "get_scale", None))
                else scaler.scale,
            )
        )
    return trace


def test_loss_scaler_equals_torchs():
    def ours(scaler, optimizer, loss):
        scaler.scaled(loss).backward()
        scaler.step(optimizer)

    def theirs(scaler, optimizer, loss):
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    a = scaled_run(b.LossScaler(2.0**10, interval=2), ours)
    c = scaled_run(torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=2), theirs)
    for (weights, scale), (want, factor) in zip(a, c):
        torch.testing.assert_close(weights, want)
        assert scale == factor
    assert [scale for _, scale in a] == [1024, 512, 512, 1024, 1024]
    assert torch.equal(a[0][0], a[1][0])  # the overflow was left out


def test_loss_scaler_works_with_this_books_optimizer():
    w = nn.Parameter(torch.ones(2))
    scaler, optimizer = b.LossScaler(4.0), Optimizer([w], Adam(lr=0.1))
    scaler.scaled((w * math.nan).sum()).backward()
    assert scaler.step(optimizer) is False and torch.equal(w.detach(), torch.ones(2))
    optimizer.zero_grad()
    scaler.scaled(w.sum()).backward()
    assert scaler.step(optimizer) is True and (w < 1).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: b.accumulate_gradients(None, [], []), "0 parts"),
        (lambda: b.accumulate_gradients(None, [1, 2], [3]), "2 parts"),
        (lambda: b.accumulate_gradients(None, [1, 2], [3, 0]), r"sizes \[3, 0\]"),
        (lambda: b.linear_scaled_rate(0.1, 0, 4), "A batch of 0"),
        (lambda: b.square_root_scaled_rate(0.1, 4, 0), "against one of 0"),
        (lambda: b.noise_scale_of(torch.ones(1, 3)), r"shape \(1, 3\)"),
        (lambda: b.estimate_noise_scale([], [1.0], 1, 2), "0 batches of 1"),
        (lambda: b.estimate_noise_scale([1.0], [1.0], 2, 2), "larger"),
        (lambda: b.LossScaler(0.0), "A scale of 0.0"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
