"""Each entry fails as described, and the package's own version does not."""

import numpy as np
import pytest
import torch

from recsys_book.errata import descending as errata
from recsys_book.optimizers import SGD, GradientDescent, Optimizer
from recsys_book.optimizers.problems import RatingProblem
from recsys_book.optimizers.theory.descent import (
    batch_variance,
    contraction,
    heavy_ball_roots,
    noise_floor,
    robbins_monro_path,
    stability_limit,
)
from recsys_book.optimizers.training import train


@pytest.mark.erratum("OPT-14")
def test_a_fixed_rate_leaves_a_floor_and_a_falling_one_does_not():
    samples = np.random.default_rng(0).normal(size=(1000, 5000))
    for rate in (0.5, 0.1):
        fixed = errata.opt_14_fixed_rate(samples, rate)
        assert fixed[-1].var() == pytest.approx(noise_floor(rate, 1.0), rel=0.06)
        assert fixed[-1].var() > 0.9 * fixed[500].var(), "it has stopped falling"
    falling = robbins_monro_path(samples)
    assert falling[-1].var() < 0.03 * fixed[-1].var()


@pytest.mark.erratum("OPT-15")
def test_beyond_the_limit_it_does_not_oscillate_but_diverge():
    limit = stability_limit(1.0)
    assert errata.opt_15_verdict(1.0, 0.5) == "converges"
    for rate, verdict, bound in ((1.99, "oscillates", 0.14), (2.01, "oscillates", None)):
        assert errata.opt_15_verdict(1.0, rate) == verdict
        w = torch.ones(1, dtype=torch.float64, requires_grad=True)
        optimizer = Optimizer([w], GradientDescent(lr=rate))
        for _ in range(200):
            w.grad = w.detach().clone()
            optimizer.step()
        assert abs(w.item()) == pytest.approx(abs(contraction(1.0, rate)) ** 200)
        assert (abs(w.item()) < 1) == (rate < limit)
        assert bound is None or abs(w.item()) < bound
    assert abs(w.item()) > 7


@pytest.mark.erratum("OPT-16")
def test_one_sample_is_noisier_than_the_listing_s_batch():
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=5000)
    one = np.array([errata.opt_16_one_sample(gradients, rng) for _ in range(20_000)])
    batch = gradients[rng.integers(len(gradients), size=(20_000, 64))].mean(axis=1)
    assert one.var() == pytest.approx(gradients.var(), rel=0.05)
    assert batch.var() == pytest.approx(batch_variance(gradients.var(), 64), rel=0.05)
    assert one.var() > 50 * batch.var()


@pytest.mark.erratum("OPT-16")
def test_the_listing_evaluates_after_every_batch(ml100k):
    data = np.random.default_rng(1).normal(3.0, size=1000)
    calls = []
    w = errata.opt_16_listing(
        lambda w, batch: w - batch.mean(),
        calls.append,
        np.zeros(()),
        data,
        lr=0.1,
        batch_size=50,
        epochs=3,
        rng=np.random.default_rng(0),
    )
    assert abs(w - 3) < 0.2 and len(calls) == 3 * 20

    class Counting(RatingProblem):
        evaluations = 0

        def validate(self, model):
            self.evaluations += 1
            return super().validate(model)

    problem = Counting(ml100k.interactions, ml100k.interactions, batch_size=10_000)
    train(problem, SGD(lr=0.1), epochs=3)
    assert problem.evaluations == 3 + 1, "once an epoch, and once before"


@pytest.mark.erratum("OPT-18")
def test_forward_computes_no_gradient():
    def loss(w):
        return (w**2).sum()

    w = torch.tensor([1.0, -2.0], requires_grad=True)
    assert errata.opt_18_forward_only(loss, w) is None
    loss(w).backward()
    assert w.grad.tolist() == [2.0, -4.0]


@pytest.mark.erratum("COD-08")
def test_without_zero_grad_it_swings_for_ever():
    def run(loop):
        w = torch.zeros(1, requires_grad=True)
        optimizer = Optimizer([w], SGD(lr=0.1))
        path = []
        loop(
            optimizer,
            lambda batch: ((w - batch) ** 2 / 2).sum(),
            [3.0] * 200,
            lambda: path.append(w.item()),
        )
        return np.array(path)

    def with_zero_grad(optimizer, loss, batches, after_step):
        for batch in batches:
            optimizer.zero_grad()
            loss(batch).backward()
            optimizer.step()
            after_step()

    right, wrong = run(with_zero_grad), run(errata.cod_08_train_without_zero_grad)
    assert abs(right[-1] - 3) < 1e-6
    assert wrong[100:].max() > 5.9 and wrong[100:].min() < 0.1


@pytest.mark.erratum("COD-08")
def test_the_loop_without_zero_grad_is_a_heavy_ball_without_friction():
    path, w = [], torch.zeros(1, dtype=torch.float64, requires_grad=True)
    errata.cod_08_train_without_zero_grad(
        Optimizer([w], SGD(lr=0.1)),
        lambda batch: ((w - batch) ** 2 / 2).sum(),
        [3.0] * 50,
        lambda: path.append(w.item()),
    )
    roots = np.abs(heavy_ball_roots(1.0, 0.1, momentum=1.0))
    np.testing.assert_allclose(roots, 1.0)
    ball, b = [0.0], 0.0
    for _ in range(50):
        b += ball[-1] - 3.0
        ball.append(ball[-1] - 0.1 * b)
    np.testing.assert_allclose(path, ball[1:])


@pytest.mark.erratum("COD-08")
def test_the_package_s_loop_clears_gradients(ml100k):
    log = ml100k.interactions
    problem = RatingProblem(log, log, batch_size=2048, l2=0.1)
    ours = train(problem, SGD(lr=20.0), epochs=1)
    assert ours.step_loss[-5:].mean() < ours.step_loss[0] - 0.2
    model = problem.model(0)
    optimizer = Optimizer(model.parameters(), SGD(lr=20.0))
    batches = [batch for seed in range(2) for batch in problem.batches(seed)][:70]
    errata.cod_08_train_without_zero_grad(
        optimizer, lambda batch: problem.loss(model, batch), batches
    )
    assert problem.loss(model, batches[0]).item() > 5 * ours.step_loss[0]


@pytest.mark.erratum("COD-09")
def test_a_loss_that_is_not_returned_cannot_be_printed(ml100k):
    w = torch.zeros(1, requires_grad=True)
    optimizer = Optimizer([w], SGD(lr=0.1))

    def train_model():
        errata.cod_08_train_without_zero_grad(optimizer, lambda b: ((w - b) ** 2).sum(), [1.0])

    with pytest.raises(TypeError, match="NoneType"):
        errata.cod_09_report(1, train_model)
    problem = RatingProblem(ml100k.interactions, ml100k.interactions, batch_size=50_000)
    history = train(problem, SGD(lr=0.1), epochs=1)
    line = errata.cod_09_report(1, lambda: history.step_loss[-1])
    assert line.startswith("Epoch 1, Train Loss: 1.")
