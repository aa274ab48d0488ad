"""AdaGrad, diagonal and full."""

import numpy as np
import pytest
import torch

from recsys_book.optimizers import AdaGrad, FullMatrixAdaGrad, Optimizer


@pytest.mark.equation("eq-adagrad-accumulator")
@pytest.mark.equation("eq-adagrad-step")
@pytest.mark.parametrize("fields", [{}, {"initial_accumulator": 0.1, "lr_decay": 0.05}])
def test_equals_torch(parity, setting, fields):
    names = {"initial_accumulator": "initial_accumulator_value"}
    theirs = {names.get(name, name): value for name, value in fields.items()}
    parity.assert_same_path(
        AdaGrad(lr=0.05, **fields),
        lambda params: torch.optim.Adagrad(params, lr=0.05, **theirs),
        **setting,
    )


@pytest.mark.equation("eq-coupled-decay")
def test_equals_torch_with_decay(parity, setting):
    parity.assert_same_path(
        AdaGrad(lr=0.05, weight_decay=0.02),
        lambda params: torch.optim.Adagrad(params, lr=0.05, weight_decay=0.02),
        **setting,
    )


@pytest.mark.equation("eq-adagrad-accumulator")
def test_rates_never_grow(parity):
    gradients = parity.gradient_stream(60, 5)
    gradients[20:40] = 0.0  # a weight that is not looked at keeps its rate
    rule = AdaGrad(lr=0.1, eps=0.0)
    state = rule.init(torch.zeros(5, dtype=torch.float64))
    rates = []
    for step, gradient in enumerate(torch.as_tensor(gradients), start=1):
        delta = rule.update(gradient, state, step)
        rates.append((-delta / gradient).numpy() if step <= 20 or step > 40 else rates[-1])
    changes = np.diff(np.array(rates), axis=0)
    assert (changes <= 0).all()
    assert (changes[:19] < 0).all()
    np.testing.assert_allclose(rates[-1], 0.1 / np.sqrt((gradients**2).sum(0)), rtol=1e-12)


def test_first_step_is_the_rate_whatever_the_gradient():
    gradient = torch.tensor([1e-3, -50.0, 7.0], dtype=torch.float64)
    rule = AdaGrad(lr=0.3)
    delta = rule.update(gradient, rule.init(gradient), 1)
    torch.testing.assert_close(delta, -0.3 * gradient.sign(), rtol=1e-6, atol=0)


def test_sparse_equals_dense():
    rng = np.random.default_rng(3)
    table = torch.as_tensor(rng.normal(size=(30, 4)))
    ends = []
    for sparse in (False, True):
        embedding = torch.nn.Embedding.from_pretrained(table.clone(), freeze=False, sparse=sparse)
        own = Optimizer(embedding.parameters(), AdaGrad(lr=0.1, lr_decay=0.01))
        draws = np.random.default_rng(4)
        for _ in range(100):
            rows = torch.as_tensor(draws.integers(0, 25, size=12))  # with repetitions
            own.zero_grad()
            embedding(rows).pow(2).sum().backward()
            own.step()
        assert embedding.weight.grad.is_sparse is sparse
        ends.append(embedding.weight.detach())
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-12, atol=0)
    assert torch.equal(ends[1][25:], table[25:])
    assert not torch.equal(ends[1][:25], table[:25])


def full_matrix_path(gradients, lr, eps):
    """Duchi, Hazan & Singer (2011), Algorithm 2: w - lr (eps I + G^(1/2))^-1 g, from w = 0.

    G is the product A'A of the gradients' matrix A with itself, so its root is V S V' where
    A = U S V'; no eigenvalue is taken.
    """
    n = gradients.shape[1]
    weights, points = np.zeros(n), []
    for step, gradient in enumerate(gradients, start=1):
        _, s, Vt = np.linalg.svd(gradients[:step], full_matrices=False)
        root = Vt.T @ np.diag(s) @ Vt
        weights = weights - lr * np.linalg.solve(root + eps * np.eye(n), gradient)
        points.append(weights)
    return np.array(points)


@pytest.mark.equation("eq-adagrad-full")
def test_full_matrix_equals_the_paper(parity):
    mix = np.random.default_rng(5).normal(size=(6, 6))
    gradients = parity.gradient_stream(100, 6) @ mix
    rule = FullMatrixAdaGrad(lr=0.1, eps=0.01)
    own = parity.path(rule, gradients.reshape(-1, 2, 3)).reshape(-1, 6)
    np.testing.assert_allclose(own, full_matrix_path(gradients, 0.1, 0.01), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_full_matrix_takes_no_step_where_no_gradient_pointed(parity, dtype):
    direction = np.array([3.0, -1.0, 0.5, 2.0]) / 7
    gradients = parity.gradient_stream(50, 1) * direction
    points = parity.path(FullMatrixAdaGrad(lr=0.1), gradients, dtype=dtype)
    along = points @ direction / (direction @ direction)
    assert np.abs(points - along[:, None] * direction).max() < 1e-5
    scalar = parity.path(AdaGrad(lr=0.1), gradients @ direction, dtype=torch.float64)
    np.testing.assert_allclose(along * np.linalg.norm(direction), scalar, rtol=1e-3, atol=1e-5)


def test_full_matrix_does_not_care_how_the_axes_lie(parity):
    rotation = np.linalg.qr(np.random.default_rng(6).normal(size=(4, 4)))[0]
    gradients = parity.gradient_stream(40, 4)
    for rule, invariant in ((FullMatrixAdaGrad(lr=0.1), True), (AdaGrad(lr=0.1), False)):
        turned = parity.path(rule, gradients @ rotation)
        back = turned @ rotation.T
        assert np.allclose(back, parity.path(rule, gradients), rtol=1e-6) is invariant


def test_full_matrix_is_diagonal_adagrad_where_gradients_never_meet(parity):
    gradients = np.eye(3)[np.random.default_rng(7).integers(0, 3, size=60)]
    gradients *= parity.gradient_stream(60, 3)
    full, diagonal = (parity.path(rule(lr=0.1), gradients) for rule in (FullMatrixAdaGrad, AdaGrad))
    np.testing.assert_allclose(full, diagonal, rtol=1e-6)


def test_full_matrix_with_a_tensor_of_no_axes(parity):
    gradients = parity.gradient_stream(10)
    full, diagonal = (parity.path(rule(lr=0.1), gradients) for rule in (FullMatrixAdaGrad, AdaGrad))
    np.testing.assert_allclose(full, diagonal, rtol=1e-9)


def test_full_matrix_resumes(parity):
    gradients = torch.as_tensor(parity.gradient_stream(20, 3))
    weights = [torch.nn.Parameter(torch.zeros(3, dtype=torch.float64)) for _ in range(2)]
    whole, part = (Optimizer([weight], FullMatrixAdaGrad(lr=0.1)) for weight in weights)
    for step, gradient in enumerate(gradients):
        if step == 11:
            part = parity.resumed(
                part, lambda p: Optimizer(p, FullMatrixAdaGrad(lr=0.1)), weights[1:], None
            )
        for weight in weights:
            weight.grad = gradient.clone()
        whole.step()
        part.step()
    assert torch.equal(*weights)


def test_full_matrix_refuses_a_large_tensor():
    weight = torch.nn.Parameter(torch.zeros(40, 30))
    weight.grad = torch.ones(40, 30)
    with pytest.raises(ValueError, match=r"shape \(40, 30\) has 1200 elements.*use AdaGrad"):
        Optimizer([weight], FullMatrixAdaGrad()).step()
    assert torch.equal(weight, torch.zeros(40, 30))


def test_full_matrix_takes_as_many_elements_as_allowed(parity):
    gradients = parity.gradient_stream(3, 4)
    assert np.isfinite(parity.path(FullMatrixAdaGrad(max_size=4), gradients)).all()
    with pytest.raises(ValueError, match="raise max_size above 3"):
        parity.path(FullMatrixAdaGrad(max_size=3), gradients)


def test_full_matrix_refuses_gradients_whose_products_overflow():
    weight = torch.nn.Parameter(torch.zeros(2))
    own = Optimizer([weight], FullMatrixAdaGrad(lr=0.1))
    for gradient in (torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1e30])):
        before, weight.grad = weight.detach().clone(), gradient
        if gradient[1] == 0:
            own.step()
            continue
        with pytest.raises(ValueError, match=r"at step 2 .* shape \(2,\) are too large for torch"):
            own.step()
    assert torch.equal(weight, before)
