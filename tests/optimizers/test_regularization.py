"""Each cure does to the weights what its equation says, and equals torch's where torch has it."""

import math

import pytest
import torch
import torch.nn.functional as F

from recsys_book.optimizers import regularization as r


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def regression():
    """Correlated columns: eigenvalues of the Hessian spread over two orders of magnitude."""
    g = generator()
    x = torch.randn(200, 6, generator=g, dtype=torch.float64) * torch.logspace(0, -1, 6)
    x = x @ torch.linalg.qr(torch.randn(6, 6, generator=g, dtype=torch.float64))[0]
    y = x @ torch.randn(6, generator=g, dtype=torch.float64)
    y += 0.5 * torch.randn(200, generator=g, dtype=torch.float64)
    return x, y


@pytest.mark.equation("eq-l2-shrinkage")
@pytest.mark.parametrize("l2", [0.003, 0.1, 3.0])
def test_l2_shrinks_each_eigendirection_by_its_share(regression, l2):
    x, y = regression
    hessian, moment = x.T @ x / len(x), x.T @ y / len(x)
    free = torch.linalg.solve(hessian, moment)
    ridge = torch.linalg.solve(hessian + l2 * torch.eye(6, dtype=torch.float64), moment)
    curvature, directions = torch.linalg.eigh(hessian)
    shares = (directions.T @ ridge) / (directions.T @ free)
    torch.testing.assert_close(shares, r.l2_shrinkage(curvature, l2), rtol=1e-9, atol=0)
    assert (ridge != 0).all()


def test_the_penaltys_gradient_is_the_weights_times_the_coefficient():
    params = [torch.randn(3, 2, requires_grad=True), torch.randn(4, requires_grad=True)]
    r.l2_penalty(params, 0.3).backward()
    for param in params:
        torch.testing.assert_close(param.grad, 0.3 * param.detach())


def test_early_stopping_is_where_gradient_descent_stands(regression):
    x, y = regression
    hessian, moment = x.T @ x / len(x), x.T @ y / len(x)
    curvature, directions = torch.linalg.eigh(hessian)
    lr, w = 0.3, torch.zeros(6, dtype=torch.float64)
    for _ in range(40):
        w = w - lr * (hessian @ w - moment)
    shares = (directions.T @ w) / (directions.T @ torch.linalg.solve(hessian, moment))
    torch.testing.assert_close(
        shares, r.early_stopping_shrinkage(curvature, lr, 40), rtol=1e-7, atol=0
    )
    # Like L2 with 1 / (rate x steps), within a fifth of the scale of shares.
    like = r.l2_shrinkage(curvature, 1 / (lr * 40))
    assert (shares - like).abs().max() < 0.25


@pytest.mark.equation("eq-l1-proximal")
def test_soft_threshold_minimises_what_it_should_and_equals_torch():
    w = torch.linspace(-2, 2, 41, dtype=torch.float64)
    out = r.soft_threshold(w, 0.7)
    torch.testing.assert_close(out, F.softshrink(w, 0.7))
    grid = torch.linspace(-2, 2, 4001, dtype=torch.float64)[:, None]
    cost = (grid - w) ** 2 / 2 + 0.7 * grid.abs()
    torch.testing.assert_close(out, grid[cost.argmin(dim=0), 0], rtol=0, atol=5.1e-4)
    assert (out == 0).sum() == 15  # |w| <= 0.7 in steps of 0.1


def test_subgradient_steps_leave_no_zero_and_proximal_steps_do(regression):
    x, y = regression
    x = torch.cat([x, torch.randn(200, 10, generator=generator(5), dtype=torch.float64)], dim=1)
    hessian, moment = x.T @ x / 200, x.T @ y / 200
    w_prox = w_sub = torch.zeros(16, dtype=torch.float64)
    for _ in range(400):
        w_prox = r.proximal_step(w_prox, hessian @ w_prox - moment, 0.3, 0.2)
        w_sub = r.subgradient_step(w_sub, hessian @ w_sub - moment, 0.3, 0.2)
    assert (w_prox == 0).sum() >= 8
    assert (w_sub == 0).sum() == 0
    # The optimality condition of the lasso: |gradient| = l1 on the support, at most l1 off it.
    grad = hessian @ w_prox - moment
    on = w_prox != 0
    torch.testing.assert_close(grad[on], -0.2 * w_prox[on].sign(), rtol=1e-3, atol=0)
    assert (grad[~on].abs() <= 0.2).all()
    # Near zero the subgradient jumps to and fro by about the rate times the coefficient.
    off = w_sub[~on].abs()
    assert 0.005 < off.max() < 0.2


def test_shrink_weights_changes_a_model_in_place():
    layer = torch.nn.Linear(5, 4)
    before = [p.detach().clone() for p in layer.parameters()]
    r.shrink_weights(layer.parameters(), 0.1)
    for old, new in zip(before, layer.parameters()):
        assert torch.equal(new, F.softshrink(old, 0.1)) and new.requires_grad


@pytest.mark.equation("eq-dropout")
@pytest.mark.parametrize("p", [0.0, 0.2, 0.7])
def test_dropout_keeps_the_expectation(p):
    x = torch.linspace(1, 3, 50)
    out = torch.stack([r.dropout(x, p, g) for g in [generator(1)] for _ in range(4000)])
    share = (out == 0).float().mean().item()
    assert share == pytest.approx(p, abs=0.01)
    # The standard error of a mean of 4000 is x * sqrt(p / (1 - p) / 4000).
    error = x * math.sqrt(p / (1 - p) / 4000)
    assert ((out.mean(dim=0) - x).abs() <= 5 * error + 1e-3).all()
    kept = out != 0
    torch.testing.assert_close(out[kept], (x / (1 - p)).expand_as(out)[kept])


def test_dropout_with_torchs_mask_equals_torch(monkeypatch):
    x = torch.randn(6, 7, generator=generator())
    with torch.random.fork_rng():
        torch.manual_seed(3)
        theirs = F.dropout(x, 0.4)
    mask = (theirs != 0).float()  # uniform numbers: 1 is kept, 0 is dropped
    monkeypatch.setattr(torch, "rand", lambda *a, **k: mask)
    torch.testing.assert_close(r.dropout(x, 0.4, generator()), theirs)


def test_the_dropout_layer_is_off_in_evaluation_and_repeats_itself():
    x = torch.ones(100)
    layer, twin = r.Dropout(0.5, seed=4), r.Dropout(0.5, seed=4)
    first = layer(x)
    assert torch.equal(first, twin(x)) and not torch.equal(first, layer(x))
    assert torch.equal(layer.eval()(x), x)


@pytest.mark.equation("eq-label-smoothing")
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_label_smoothing_equals_torch(smoothing):
    logits = torch.randn(20, 7, generator=generator(), dtype=torch.float64, requires_grad=True)
    targets = torch.randint(7, (20,), generator=generator(1))
    ours = r.label_smoothing_loss(logits, targets, smoothing)
    theirs = F.cross_entropy(logits, targets, label_smoothing=smoothing)
    torch.testing.assert_close(ours, theirs)
    (a,), (b,) = (torch.autograd.grad(loss, logits) for loss in (ours, theirs))
    torch.testing.assert_close(a, b)


def test_smoothed_labels_ask_for_a_finite_gap():
    # The best gap between the right and the other logits is log((1 - s + s/K) / (s/K)).
    logits = torch.zeros(1, 5, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100)

    def closure():
        optimizer.zero_grad()
        loss = r.label_smoothing_loss(logits, torch.tensor([2]), 0.2)
        loss.backward()
        return loss

    optimizer.step(closure)
    gap = (logits[0, 2] - logits[0, 0]).item()
    assert gap == pytest.approx(math.log((0.8 + 0.04) / 0.04), abs=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: r.l2_penalty([torch.ones(1)], -1.0), "l2 is -1.0"),
        (lambda: r.l2_shrinkage(torch.ones(1), math.nan), "l2 is nan"),
        (lambda: r.soft_threshold(torch.ones(1), -0.1), "threshold is -0.1"),
        (lambda: r.dropout(torch.ones(1), 1.0, generator()), r"p is 1.0, .* \[0, 1\)"),
        (lambda: r.label_smoothing_loss(torch.ones(1, 2), torch.tensor([0]), 1.5), "is 1.5"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
