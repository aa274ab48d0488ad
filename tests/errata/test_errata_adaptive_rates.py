"""The source articles' adaptive rules fail as described, and the package's own do not."""

import numpy as np
import pytest
import torch

from recsys_book.errata import adaptive_rates as errata
from recsys_book.optimizers import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    AMSGrad,
    HeavyBall,
    Optimizer,
    RMSProp,
)


def follow(rule, gradient, w, steps):
    """The path of a rule of the package under a gradient function."""
    w = torch.nn.Parameter(torch.tensor(w, dtype=torch.float64))
    optimizer = Optimizer([w], rule)
    path = [w.detach().numpy().copy()]
    for _ in range(steps):
        w.grad = torch.as_tensor(gradient(w.detach().numpy().copy()), dtype=torch.float64)
        optimizer.step()
        path.append(w.detach().numpy().copy())
    return np.array(path)


def changes(rule, gradients):
    """The changes that a rule of the package makes under given gradients."""
    rows = iter(gradients)
    path = follow(rule, lambda w: next(rows), np.zeros(np.shape(gradients)[1:]), len(gradients))
    return np.diff(path, axis=0)


@pytest.mark.erratum("OPT-03")
class TestSecondAdaGrad:
    @staticmethod
    def gradient(w):
        return np.array([10.0, 0.1]) * (w + 1)

    def test_it_is_gradient_descent_and_nothing_else(self):
        path = errata.opt_03_adagrad_that_is_sgd(self.gradient, np.zeros(2), 20, lr=0.1)
        assert np.allclose(path[1], [-1.0, -0.01])
        assert np.allclose(path, follow(SGD(lr=0.1), self.gradient, [0.0, 0.0], 20))

    def test_adagrad_equalises_the_axes(self):
        path = follow(AdaGrad(lr=0.1), self.gradient, [0.0, 0.0], 20)
        assert np.allclose(path[:, 0], path[:, 1])
        assert np.allclose(path[1], -0.1)

    def test_the_constant_that_is_declared_is_not_used(self):
        paths = [
            errata.opt_03_adagrad_that_is_sgd(self.gradient, np.zeros(2), 5, eps=eps)
            for eps in (1e-8, 1e8)
        ]
        assert np.array_equal(*paths)


@pytest.mark.erratum("OPT-04")
class TestClimbingAdaGrad:
    def test_it_climbs_away_from_the_minimum_where_adagrad_descends(self):
        path = errata.opt_04_adagrad_that_ascends(lambda w: w, 1.0, 100)
        assert np.all(np.diff(path) > 0)
        assert path[-1] == pytest.approx(35.47, abs=0.01)
        right = follow(AdaGrad(lr=0.1), lambda w: w, 1.0, 100)
        assert np.all(np.diff(right) < 0)
        assert right[-1] == pytest.approx(0.027, abs=0.001)

    def test_a_negative_gradient_is_no_number_where_adagrad_needs_none(self):
        path = errata.opt_04_adagrad_that_ascends(lambda w: w, -1.0, 3)
        assert path[0] == -1 and np.isnan(path[1:]).all()
        assert np.isfinite(follow(AdaGrad(lr=0.1), lambda w: w, -1.0, 3)).all()

    def test_nothing_accumulates(self):
        path = errata.opt_04_adagrad_that_ascends(lambda w: 4.0, 0.0, 50)
        assert np.allclose(np.diff(path), 0.2)  # AdaGrad's would fall as 1 / sqrt(t)
        steps = np.abs(changes(AdaGrad(lr=0.1), np.full(50, 4.0)))
        assert np.allclose(steps, 0.1 / np.sqrt(np.arange(1, 51)))

    def test_the_listing_does_not_run(self):
        parameter = torch.nn.Parameter(torch.ones(3))
        with pytest.raises(TypeError, match="index"):
            errata.opt_04_listing([parameter], [torch.ones(3)])
        with pytest.raises(RuntimeError, match="leaf"):
            errata.opt_04_listing([parameter], [torch.ones(3)], by_position=True)

    def test_on_numbers_it_changes_nothing(self):
        assert errata.opt_04_listing([1.0, 2.0], [4.0, 4.0], by_position=True) == [1.0, 2.0]


@pytest.mark.erratum("OPT-07")
class TestAdamThatForgets:
    def test_the_second_average_is_negative_and_adams_is_not(self):
        gradients = np.random.default_rng(0).normal(-0.5, 1.0, size=(200, 3))
        m, v = errata.opt_07_moments_without_square(gradients)
        assert (v[-1] < 0).all()
        rule, weights = Adam(), torch.zeros(3, dtype=torch.float64)
        state = rule.init(weights)
        for step, row in enumerate(gradients, start=1):
            assert torch.isfinite(rule.update(torch.tensor(row), state, step)).all()
        assert (state["v"] > 0).all()
        assert np.allclose(state["m"].numpy(), m[-1])

    def test_the_two_averages_differ_by_their_decay_only(self):
        gradients = np.random.default_rng(1).normal(size=50)
        m, v = errata.opt_07_moments_without_square(gradients, beta1=0.7, beta2=0.7)
        assert np.array_equal(m, v)

    def test_the_excess_is_that_of_the_moments_start(self):
        excess = -errata.opt_07_adam_without_correction(np.ones(3000))
        assert excess[0] == pytest.approx(10**0.5)
        assert excess.argmax() == 11 and excess.max() == pytest.approx(6.569, abs=1e-3)
        assert np.flatnonzero(excess > 1.05)[-1] + 1 == 2374

    def test_adam_takes_one_rate_from_the_first_step_on(self):
        assert np.allclose(changes(Adam(lr=1.0, eps=0.0), np.ones(100)), -1.0)


@pytest.mark.erratum("OPT-08")
class TestVariance:
    def test_under_a_steady_gradient_only_eps_bounds_the_step(self):
        steps = np.abs(errata.opt_08_adam_with_variance(np.full(1000, 2.0)))
        assert steps[0] == pytest.approx(2.0 / 1e-8)
        assert steps.min() > 1e6
        assert np.allclose(np.abs(changes(Adam(lr=1.0), np.full(1000, 2.0))), 1.0)

    def test_where_the_mean_is_zero_the_two_agree(self):
        gradients = np.tile([1.0, -1.0], 300)
        literal = errata.opt_08_adam_with_variance(gradients)[-10:]
        assert np.allclose(literal, changes(Adam(lr=1.0), gradients)[-10:], atol=1e-3)

    def test_dividing_by_what_is_missing_frees_the_moment_of_its_start(self):
        rule, w = Adam(beta2=0.99), torch.zeros(20_000, dtype=torch.float64)
        state, generator = rule.init(w), torch.Generator().manual_seed(0)
        for step in range(1, 11):
            grad = 3 * torch.randn(len(w), generator=generator, dtype=torch.float64)
            rule.update(grad, state, step)
        biased = float(state["v"].mean())
        assert biased == pytest.approx(9 * (1 - 0.99**10), rel=0.02)
        assert biased / (1 - 0.99**10) == pytest.approx(9, rel=0.02)


@pytest.mark.erratum("OPT-09")
class TestSgdAndMomentum:
    @staticmethod
    def end(path):
        return path[-1].item()

    def test_it_depends_on_the_scale_of_the_loss_and_adam_does_not(self):
        mild, harsh = (lambda w, c=c: c * (w - 3) for c in (1.0, 1000.0))
        near = errata.opt_09_sgd_and_momentum(mild, 0.0, 100)
        far = errata.opt_09_sgd_and_momentum(harsh, 0.0, 100)
        assert abs(self.end(near) - 3) < 1
        assert not abs(self.end(far)) < 1e6
        ends = [self.end(follow(Adam(lr=0.01), g, 0.0, 100)) for g in (mild, harsh)]
        assert ends[0] == pytest.approx(ends[1], abs=1e-4) == pytest.approx(0.93755, abs=1e-4)

    def test_it_is_heavy_ball(self):
        gradient = lambda w: w - 3  # noqa: E731
        path = errata.opt_09_sgd_and_momentum(gradient, np.zeros(2), 30, lr=0.05, momentum=0.8)
        assert np.allclose(path, follow(HeavyBall(lr=0.05, momentum=0.8), gradient, [0.0, 0.0], 30))


@pytest.mark.erratum("OPT-10")
class TestAdaDelta:
    def test_the_deviation_of_a_steady_gradient_vanishes(self):
        steps = np.abs(errata.opt_10_averages_of_gradient_and_deviation(np.full(50, 2.0)))
        assert np.allclose(steps, 2.0 / np.sqrt(1e-6))
        assert np.abs(changes(AdaDelta(lr=1.0), np.full(50, 2.0))).max() < 0.01

    def test_the_package_s_is_zeilers(self):
        gradients = np.random.default_rng(0).normal(size=(200, 5))
        square, moved, expected = np.zeros(5), np.zeros(5), []
        for g in gradients:
            square = 0.9 * square + 0.1 * g**2
            change = -np.sqrt(moved + 1e-6) / np.sqrt(square + 1e-6) * g
            moved = 0.9 * moved + 0.1 * change**2
            expected.append(change)
        right = changes(AdaDelta(lr=1.0, rho=0.9, eps=1e-6), gradients)
        assert np.abs(right - expected).max() < 1e-12
        literal = errata.opt_10_averages_of_gradient_and_deviation(gradients)
        assert np.abs(literal).mean() > 50 * np.abs(right).mean()


@pytest.mark.erratum("OPT-12")
class TestConditions:
    @staticmethod
    def online(rule, gradients, lr=0.1):
        w = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
        optimizer = Optimizer([w], rule)
        for t, g in enumerate(gradients, start=1):
            optimizer.param_groups[0]["lr"] = lr / t**0.5
            w.grad = torch.tensor(g)
            optimizer.step()
            w.data.clamp_(-1, 1)
        return w.item()

    def test_the_best_weight_is_at_the_lower_end(self):
        assert errata.opt_12_reddi_gradients(3000).sum() == 2000.0
        assert errata.opt_12_reddi_gradients(4, large=3.0).tolist() == [3.0, -1.0, -1.0, 3.0]

    def test_adam_goes_to_the_worst_point_and_amsgrad_to_the_best(self):
        gradients = errata.opt_12_reddi_gradients(6000)
        path = errata.opt_12_adam_online(gradients)
        assert path[-1] > 0.99 and np.all(np.abs(path) <= 1)
        few = gradients[:1500]
        ours = self.online(Adam(beta1=0.0, beta2=1 / 17, eps=0.0), few)
        assert ours == pytest.approx(errata.opt_12_adam_online(few)[-1], abs=1e-9)
        assert self.online(AMSGrad(beta1=0.0, beta2=1 / 17, eps=0.0), few) < -0.99

    def test_a_long_memory_saves_adam(self):
        gradients = errata.opt_12_reddi_gradients(6000)
        assert errata.opt_12_adam_online(gradients, beta2=0.999)[-1] < -0.99

    def test_the_data_are_wilsons(self):
        X, y, X_test, y_test = errata.opt_12_wilson_data()
        assert X.shape == X_test.shape == (60, 603)
        assert np.array_equal(X[:, 0], y) and np.array_equal(X_test[:, 0], y_test)
        assert np.array_equal(X[:, 1:].sum(1), np.where(y > 0, 3, 7))
        private = (X[:, 3:] != 0).any(0), (X_test[:, 3:] != 0).any(0)
        assert not (private[0] & private[1]).any()
        assert not ((X[:, 3:] != 0).sum(0) > 1).any()

    def test_adaptive_rules_learn_by_heart_what_descent_understands(self):
        X, y, X_test, y_test = errata.opt_12_wilson_data()
        accuracy = {}
        for rule in (SGD(lr=0.1), AdaGrad(lr=0.1), Adam(lr=0.01), RMSProp(lr=0.002)):
            path = follow(rule, lambda w: 2 * X.T @ (X @ w - y) / len(y), np.zeros(603), 500)
            w = path[-1]
            assert (np.sign(X @ w) == y).all()
            accuracy[type(rule).__name__] = np.mean(np.sign(X_test @ w) == y_test)
        positive = np.mean(y_test > 0)
        assert accuracy.pop("SGD") == 1.0
        assert positive == pytest.approx(0.533, abs=1e-3)
        assert set(accuracy.values()) == {positive}


@pytest.mark.erratum("OPT-21")
class TestL2InAdam:
    @staticmethod
    def noise(size):
        return size * np.random.default_rng(0).normal(size=(1000, 500))

    def test_the_penalty_is_lost_where_the_gradient_is_large(self):
        left = [
            errata.opt_21_adam_with_l2(self.noise(c), np.ones(500)).mean() for c in (0.1, 1, 10)
        ]
        assert np.allclose(left, [0.461, 0.906, 0.991], atol=0.01)

    @pytest.mark.parametrize("size", [0.1, 1.0, 10.0])
    def test_decoupled_decay_is_the_same_everywhere(self, size):
        rows = iter(self.noise(size))
        rule = AdamW(lr=1e-3, weight_decay=0.1)
        path = follow(rule, lambda w: next(rows), np.ones(500), 1000)
        assert path[-1].mean() == pytest.approx(np.exp(-0.1), abs=0.01)

    def test_it_is_adam_with_coupled_decay(self):
        rows = self.noise(1.0)[:50]
        gradients = iter(rows)
        path = follow(Adam(lr=1e-3, weight_decay=0.1), lambda w: next(gradients), np.ones(500), 50)
        assert np.allclose(path[-1], errata.opt_21_adam_with_l2(rows, np.ones(500)), atol=1e-9)
