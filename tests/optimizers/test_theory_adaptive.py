"""What the derivations of the chapter on adaptive rates end in, against brute force."""

import math

import pytest
import torch

from recsys_book.optimizers import Adam
from recsys_book.optimizers.theory import adaptive


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_best_diagonal_minimises_the_bound():
    g = noise(40, 6) * torch.logspace(-2, 1, 6, dtype=torch.float64)
    best = adaptive.best_diagonal(g, width=2.0)
    least = adaptive.diagonal_bound(g, best, width=2.0)
    assert least == pytest.approx(2.0 * g.norm(dim=0).sum().item(), rel=1e-12)
    for i in range(6):
        for factor in (0.9, 1.1):
            other = best.clone()
            other[i] *= factor
            assert adaptive.diagonal_bound(g, other, width=2.0) > least
    one = torch.full_like(best, (g.norm() / math.sqrt(6) / 2.0).item())
    assert adaptive.diagonal_bound(g, one, width=2.0) > 1.2 * least


def test_fixed_diagonal_keeps_its_bound():
    signs = noise(200, 3).sign() * torch.tensor([1.0, 0.1, 3.0], dtype=torch.float64)
    a = adaptive.best_diagonal(signs, width=2.0)
    w, paid = torch.zeros(3, dtype=torch.float64), 0.0
    for g in signs:
        paid += float(g @ w)
        w = (w - g / a).clamp(-1, 1)
    best_fixed = -signs.sum(0).abs().sum()
    assert 0 < paid - best_fixed <= adaptive.diagonal_bound(signs, a, width=2.0)


@pytest.mark.equation("eq-adam-bias-correction")
@pytest.mark.parametrize("beta", [0.0, 0.9, 0.999])
def test_weights_are_those_of_the_recursion(beta):
    g = noise(25)
    m = torch.tensor(0.0, dtype=torch.float64)
    for t in range(1, 26):
        m = beta * m + (1 - beta) * g[t - 1]
        weights = adaptive.average_weights(beta, t)
        assert float(weights @ g[:t]) == pytest.approx(float(m), abs=1e-12)
        assert float(weights.sum()) == pytest.approx(1 - beta**t, rel=1e-12)


def test_largest_step_is_reached_and_not_passed():
    beta1, beta2 = 0.9, 0.99
    bound = adaptive.largest_step(beta1, beta2)
    rule = Adam(lr=1.0, beta1=beta1, beta2=beta2, eps=0.0)
    t = 400
    worst = (beta2 / beta1) ** torch.arange(-t + 1, 1, dtype=torch.float64)
    for gradients, least in ((worst, 0.97), (noise(t), 0.0)):
        w = torch.zeros(1, dtype=torch.float64)
        state = rule.init(w)
        for step, g in enumerate(gradients.tolist(), start=1):
            change = rule.update(torch.full_like(w, g), state, step)
        assert least * bound < abs(float(change)) < 1.01 * bound
    with pytest.raises(ValueError, match="no bound unless"):
        adaptive.largest_step(0.9, 0.8)


@pytest.mark.equation("eq-radam")
def test_average_length_closed_form():
    for beta in (0.9, 0.999):
        assert adaptive.average_length(beta, 1) == pytest.approx(1.0)
        for t in (2, 7, 300):
            closed = 2 / (1 - beta) - 1 - 2 * t * beta**t / (1 - beta**t)
            assert adaptive.average_length(beta, t) == pytest.approx(closed, rel=1e-9)
    assert adaptive.average_length(0.9, 2000) == pytest.approx(19.0)


@pytest.mark.equation("eq-radam")
def test_rate_variance_against_simulation():
    assert adaptive.rate_variance(4.0) == math.inf
    for n in (20, 50):
        rates = noise(100_000, n).square_().mean(1).rsqrt_()
        # The formula is of first order: it overstates a little, less for longer averages.
        assert adaptive.rate_variance(n) == pytest.approx(rates.var().item(), rel=4.5 / n)


@pytest.mark.equation("eq-adafactor")
def test_rank_one_is_the_nearest():
    v = noise(5, 7).square() + 0.1
    near = adaptive.rank_one(v)
    assert torch.linalg.matrix_rank(near) == 1
    assert torch.allclose(near.sum(0), v.sum(0))
    assert torch.allclose(near.sum(1), v.sum(1))
    least = adaptive.divergence(v, near)
    for seed in range(10):
        rows = near[:, :1] * (0.1 * noise(5, 1, seed=seed)).exp()
        columns = near[:1] * (0.1 * noise(1, 7, seed=seed + 50)).exp() / near[0, 0]
        assert adaptive.divergence(v, rows * columns) > least
    assert float(adaptive.divergence(v, v)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: adaptive.best_diagonal(torch.ones(3)), "gradients has shape"),
        (lambda: adaptive.rank_one(torch.ones(0, 3)), "at least one entry"),
        (
            lambda: adaptive.diagonal_bound(torch.ones(4, 3), torch.ones(2)),
            r"shape \(2,\) for 3 coordinates",
        ),
        (
            lambda: adaptive.diagonal_bound(torch.ones(4, 3), torch.zeros(3)),
            "one positive number",
        ),
        (lambda: adaptive.average_weights(1.0, 3), r"must lie in \[0, 1\)"),
        (lambda: adaptive.average_weights(0.5, 0), "the first step is 1"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
