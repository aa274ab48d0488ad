"""What the theory promises is what the rules do: edges, rates and floors within 5 %."""

import numpy as np
import pytest
import torch

from recsys_book.optimizers import SGD, GradientDescent, HeavyBall, Nesterov, Optimizer
from recsys_book.optimizers.problems import RatingProblem
from recsys_book.optimizers.theory import backward, curvature, descent


def distances(rule, curvatures, steps, start=1.0):
    """The distance from the minimum of a quadratic, before the first and after each step."""
    h = torch.tensor(curvatures, dtype=torch.float64)
    w = torch.full_like(h, start, requires_grad=True)
    optimizer = Optimizer([w], rule)
    found = [float(w.detach().norm())]
    for _ in range(steps):
        w.grad = h * w.detach()
        optimizer.step()
        found.append(float(w.detach().norm()))
    return np.array(found)


def measured_factor(rule, curvatures, steps):
    """The geometric mean of the factor a step over the second half of a run."""
    path = distances(rule, curvatures, steps)
    return (path[-1] / path[steps // 2]) ** (1 / (steps - steps // 2))


@pytest.mark.equation("eq-gd-contraction")
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.7])
def test_gradient_descent_multiplies_every_direction(rate):
    path = distances(GradientDescent(lr=rate), [2.5], 20)
    factor = descent.contraction(2.5, rate)
    np.testing.assert_allclose(path[1:], abs(factor) * path[:-1], rtol=1e-9)
    both = descent.contraction(np.array([1.0, 4.0]), 0.25)
    np.testing.assert_allclose(both, [0.75, 0.0])


@pytest.mark.equation("eq-stability-limit")
@pytest.mark.parametrize("largest", [0.3, 8.0])
@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (lambda lr: GradientDescent(lr=lr), lambda h: descent.stability_limit(h)),
        (lambda lr: HeavyBall(lr=lr, momentum=0.5), lambda h: descent.stability_limit(h, 0.5)),
        (lambda lr: HeavyBall(lr=lr, momentum=0.9), lambda h: descent.stability_limit(h, 0.9)),
        (lambda lr: Nesterov(lr=lr, momentum=0.9), lambda h: descent.nesterov_limit(h, 0.9)),
    ],
)
def test_edge_of_stability_lies_where_theory_says(make, limit, largest):
    def diverges(rate):
        path = distances(make(rate), [largest / 10, largest], 200)
        return path[-1] > path[0]

    edge = descent.find_edge(diverges, 0.1 / largest, 6 / largest, steps=12)
    assert edge == pytest.approx(limit(largest), rel=0.02)


def test_momentum_widens_the_limit_and_nesterov_narrows_it():
    assert descent.stability_limit(4.0) == 0.5
    assert descent.stability_limit(4.0, 0.9) == pytest.approx(0.95)
    assert descent.nesterov_limit(4.0, 0.0) == 0.5
    assert descent.nesterov_limit(4.0, 0.9) < 0.5


def test_an_edge_outside_the_interval_is_refused():
    with pytest.raises(ValueError, match="the run with rate 3 converges, so the edge is not"):
        descent.find_edge(lambda rate: rate > 4, 1, 3)
    with pytest.raises(ValueError, match="the run with rate 1 diverges"):
        descent.find_edge(lambda rate: True, 1, 3)


@pytest.mark.equation("eq-condition-number")
def test_condition_number():
    assert descent.condition_number(np.array([4.0, 0.5, 2.0])) == 8.0
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    hessian = q @ np.diag([4.0, 0.5, 2.0]) @ q.T
    assert descent.condition_number(np.linalg.eigvalsh(hessian)) == pytest.approx(
        np.linalg.cond(hessian)
    )
    with pytest.raises(ValueError, match="the smallest curvature is 0"):
        descent.condition_number(np.array([1.0, 0.0]))


@pytest.mark.equation("eq-best-fixed-rate")
@pytest.mark.parametrize("kappa", [3.0, 30.0])
def test_no_fixed_rate_beats_the_best_one(kappa):
    rate, factor = descent.best_fixed_rate(1.0, kappa)
    assert measured_factor(GradientDescent(lr=rate), [1.0, kappa], 200) == pytest.approx(factor)
    for other in np.linspace(0.2, 1.9, 18) / kappa:
        worst = np.abs(descent.contraction(np.array([1.0, kappa]), other)).max()
        assert worst >= factor - 1e-12


@pytest.mark.equation("eq-heavy-ball-roots")
@pytest.mark.parametrize(("rate", "momentum"), [(0.05, 0.3), (0.3, 0.8), (0.9, 0.5), (1.8, 0.9)])
def test_roots_predict_the_factor(rate, momentum):
    for roots, rule in (
        (descent.heavy_ball_roots, HeavyBall(lr=rate, momentum=momentum)),
        (descent.nesterov_roots, Nesterov(lr=rate, momentum=momentum)),
    ):
        z = roots(1.0, rate, momentum)
        assert measured_factor(rule, [1.0], 500) == pytest.approx(np.abs(z).max(), rel=0.02)
    z = descent.heavy_ball_roots(1.0, rate, momentum)
    np.testing.assert_allclose(z**2 - (1 + momentum - rate) * z + momentum, 0, atol=1e-12)


@pytest.mark.equation("eq-heavy-ball-optimum")
def test_no_rate_and_momentum_beat_the_optimum():
    rate, momentum, factor = descent.heavy_ball_optimum(1.0, 50.0)
    assert momentum == pytest.approx(factor**2)

    def worst(a, m):
        return max(np.abs(descent.heavy_ball_roots(h, a, m)).max() for h in (1.0, 50.0))

    assert worst(rate, momentum) == pytest.approx(factor, rel=1e-6)
    grid = [
        worst(a, m) for a in np.linspace(0.1, 3.9, 39) / 50 for m in np.linspace(0.0, 0.99, 100)
    ]
    assert min(grid) > factor


@pytest.mark.equation("eq-heavy-ball-optimum", "eq-best-fixed-rate")
def test_steps_grow_with_kappa_and_with_its_root():
    kappas = np.array([1e2, 1e3, 1e4])
    steps = {"gradient descent": [], "heavy ball": [], "Nesterov": []}
    for kappa in kappas:
        rate, _ = descent.best_fixed_rate(1.0, kappa)
        heavy_rate, momentum, _ = descent.heavy_ball_optimum(1.0, kappa)
        root = kappa**0.5
        rules = {
            "gradient descent": GradientDescent(lr=rate),
            "heavy ball": HeavyBall(lr=heavy_rate, momentum=momentum),
            "Nesterov": Nesterov(lr=1 / kappa, momentum=(root - 1) / (root + 1)),
        }
        for name, rule in rules.items():
            n = 100 if name == "gradient descent" else int(20 * root)
            steps[name].append(-1 / np.log(measured_factor(rule, [1.0, kappa], n)))
    slope = {name: np.polyfit(np.log(kappas), np.log(s), 1)[0] for name, s in steps.items()}
    assert slope["gradient descent"] == pytest.approx(1.0, rel=0.05)
    assert slope["heavy ball"] == pytest.approx(0.5, rel=0.05)
    assert slope["Nesterov"] == pytest.approx(0.5, rel=0.05)


@pytest.mark.equation("eq-batch-variance")
def test_batch_variance_with_and_without_replacement():
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=12)
    variance = gradients.var()
    for size in (1, 4, 9):
        drawn = rng.choice(gradients, (40_000, size)).mean(axis=1).var()
        assert drawn == pytest.approx(descent.batch_variance(variance, size), rel=0.05)
        order = rng.permuted(np.tile(gradients, (40_000, 1)), axis=1)[:, :size]
        without = descent.batch_variance(variance, size, population=12)
        assert order.mean(axis=1).var() == pytest.approx(without, rel=0.05)
    assert descent.batch_variance(2.0, 100, population=100) == 0
    assert descent.batch_variance(2.0, 1, population=1) == 0
    for size, population in ((0, None), (11, 10)):
        with pytest.raises(ValueError, match="at least 1 and at most all"):
            descent.batch_variance(1.0, size, population)


@pytest.mark.equation("eq-noise-floor")
@pytest.mark.parametrize(("rate", "h", "sigma"), [(0.02, 1, 1), (0.1, 1, 1), (0.5, 2, 3)])
def test_noise_floor(rate, h, sigma):
    generator = torch.Generator().manual_seed(0)
    w = torch.zeros(20_000, dtype=torch.float64, requires_grad=True)
    optimizer = Optimizer([w], SGD(lr=rate))
    for _ in range(int(6 / (rate * h))):
        noise = torch.randn(w.shape, generator=generator, dtype=torch.float64)
        w.grad = h * w.detach() + sigma * noise
        optimizer.step()
    assert float(w.detach().var()) == pytest.approx(
        descent.noise_floor(rate, sigma**2, h), rel=0.05
    )
    assert descent.noise_floor(0.1, 1.0) == pytest.approx(0.1 / 1.9)


@pytest.mark.equation("eq-robbins-monro")
def test_a_rate_of_one_over_t_is_the_mean():
    samples = np.random.default_rng(0).normal(2.0, 3.0, size=(400, 20_000))
    path = descent.robbins_monro_path(samples, start=50.0)
    np.testing.assert_allclose(path[99], samples[:100].mean(axis=0))
    for t in (1, 20, 400):
        assert path[t - 1].var() == pytest.approx(9.0 / t, rel=0.05)


def tables(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = {"user_bias": (5,), "item_bias": (7,), "user_factors": (5, 3), "item_factors": (7, 3)}
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64)
        for name, shape in shapes.items()
    }


USERS = torch.tensor([0, 1, 1, 2, 0, 0])
ITEMS = torch.tensor([3, 3, 6, 0, 1, 3])
STARS = torch.tensor([4.0, 2.0, 5.0, 1.0, 3.0, 4.0], dtype=torch.float64)


@pytest.mark.equation("eq-factorisation-loss", "eq-factorisation-gradient")
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_hand_written_gradient_equals_autograd_and_differences(l2):
    weights = {name: w.requires_grad_() for name, w in tables().items()}
    loss, error = backward.factorisation_forward(
        backward.Factorisation(**weights), USERS, ITEMS, STARS, 3.5, l2
    )
    loss.backward()
    with torch.no_grad():
        ours = backward.factorisation_backward(
            backward.Factorisation(**weights), USERS, ITEMS, error, l2
        )
        for name, w in weights.items():
            torch.testing.assert_close(getattr(ours, name), w.grad, rtol=1e-10, atol=1e-12)

            def loss_of(moved, name=name):
                moved = backward.Factorisation(**{**weights, name: moved})
                return backward.factorisation_forward(moved, USERS, ITEMS, STARS, 3.5, l2)[0]

            numeric = backward.finite_differences(loss_of, w.detach().clone())
            torch.testing.assert_close(numeric, w.grad, rtol=1e-6, atol=1e-8)
    assert ours.user_bias[3] == 0 and ours.item_factors[2].eq(0).all()


@pytest.mark.equation("eq-factorisation-gradient")
def test_hand_written_gradient_is_the_problem_s(ml100k):
    log = ml100k.interactions
    problem = RatingProblem(log, log, factors=4, batch_size=2000, l2=0.05)
    model = problem.model(0).double()
    users, items, stars = next(iter(problem.batches(0)))
    loss = problem.loss(model, (users, items, stars.double()))
    loss.backward()
    weights = backward.Factorisation(
        model.user_bias.weight.detach()[:, 0],
        model.item_bias.weight.detach()[:, 0],
        model.user_factors.weight.detach(),
        model.item_factors.weight.detach(),
    )
    ours, error = backward.factorisation_forward(
        weights, users, items, stars.double(), float(model.mean), l2=0.05
    )
    assert float(ours) == pytest.approx(loss.item(), rel=1e-12)
    gradient = backward.factorisation_backward(weights, users, items, error, l2=0.05)
    torch.testing.assert_close(gradient.user_factors, model.user_factors.weight.grad)
    torch.testing.assert_close(gradient.item_bias, model.item_bias.weight.grad[:, 0])


def test_network_backward():
    generator = torch.Generator().manual_seed(0)
    first, second, x, y = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((3, 4), (4,), (9, 3), (9,))
    )
    first.requires_grad_()
    second.requires_grad_()
    loss, kept = backward.network_forward(first, second, x, y)
    loss.backward()
    with torch.no_grad():
        by_first, by_second = backward.network_backward(second, x, kept)
        numeric = backward.finite_differences(
            lambda w: backward.network_forward(w, second, x, y)[0], first.detach().clone()
        )
    torch.testing.assert_close(by_first, first.grad)
    torch.testing.assert_close(by_second, second.grad)
    torch.testing.assert_close(numeric, first.grad, rtol=1e-6, atol=1e-8)


@pytest.mark.equation("eq-hessian-vector")
def test_power_iteration_finds_the_largest_eigenvalue():
    generator = torch.Generator().manual_seed(1)
    a = torch.randn(12, 12, generator=generator, dtype=torch.float64)
    hessian = a @ a.T
    w = [torch.randn(n, dtype=torch.float64, requires_grad=True) for n in (5, 7)]

    def quadratic():
        joined = torch.cat(w)
        return joined @ hessian @ joined / 2

    gradient = curvature.gradient_of(quadratic(), w)
    direction = [torch.ones_like(p) for p in w]
    product = torch.cat(curvature.hessian_times(gradient, w, direction))
    torch.testing.assert_close(product, hessian.sum(dim=1))
    value, vector = curvature.largest_curvature(quadratic(), w, iterations=300)
    want = torch.linalg.eigvalsh(hessian)[-1]
    assert value == pytest.approx(float(want), rel=1e-4)
    top = torch.linalg.eigh(hessian).eigenvectors[:, -1]
    assert abs(float(torch.cat(vector) @ top)) == pytest.approx(1.0, abs=1e-3)


def test_largest_curvature_keeps_its_sign_and_a_plane_has_none():
    w = torch.ones(3, requires_grad=True)
    value, _ = curvature.largest_curvature(-(w**2).sum(), [w], iterations=5)
    assert value == pytest.approx(-2.0)
    assert curvature.largest_curvature((0.0 * w**2).sum(), [w])[0] == 0.0
