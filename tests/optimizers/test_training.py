"""The training loop does what the textbook says, and a diverged run is recorded, not raised."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.optimizers import (
    SGD,
    Adam,
    GradientDescent,
    HeavyBall,
    Optimizer,
    RatingProblem,
    train,
    tune_rate,
    validate,
)
from recsys_book.optimizers.training import History, evaluating
from recsys_book.optimizers.validation import EarlyStopping


class Line:
    """Fit y = 3x by one weight; batches in a fixed order; the seed is the first weight."""

    def __init__(self, batch_size=4, rows=16):
        x = torch.linspace(-1, 1, rows, dtype=torch.float64)
        self.data, self.batch_size, self.seeds = x, batch_size, []

    def model(self, seed):
        model = nn.utils.skip_init(nn.Linear, 1, 1, bias=False, dtype=torch.float64)
        nn.init.constant_(model.weight, seed)
        return model

    def batches(self, seed):
        self.seeds.append(seed)
        return iter(self.data.split(self.batch_size))

    def loss(self, model, batch):
        return (model(batch[:, None])[:, 0] - 3 * batch).square().mean()

    def validate(self, model):
        assert not model.training and not torch.is_grad_enabled()
        return abs(model.weight.item() - 3)


@dataclass
class Far(GradientDescent):
    """Gradient descent whose weights for evaluation lie ten to the right."""

    def init(self, param):
        return {"seen": torch.zeros_like(param)}

    def evaluation_weights(self, param, state):
        return param + 10

    def training_weights(self, param, state):
        return param - 10


def weight(run):
    return run.model.weight.item()


def by_hand(problem, lr, epochs, first=0.0):
    w, losses, values = first, [], [abs(first - 3)]
    for _ in range(epochs):
        for x in problem.data.numpy().reshape(-1, problem.batch_size):
            losses.append(np.mean((w * x - 3 * x) ** 2))
            w -= lr * np.mean(2 * (w - 3) * x**2)
        values.append(abs(w - 3))
    return w, losses, values


class TestTrain:
    @pytest.mark.parametrize(
        "rule", [SGD(lr=0.1), lambda model: torch.optim.SGD(model.parameters(), lr=0.1)]
    )
    def test_it_is_the_loop_by_hand(self, rule):
        run = train(Line(), rule, epochs=3)
        w, losses, values = by_hand(Line(), 0.1, 3)
        assert weight(run) == pytest.approx(w, rel=1e-12)
        assert np.allclose(run.step_loss, losses, rtol=1e-12)
        assert np.allclose(run.epoch_validation, values, rtol=1e-12)
        assert (run.final_validation, run.best_epoch) == (run.epoch_validation[-1], 3)
        assert not run.diverged

    def test_every_epoch_has_an_order_of_its_own_and_a_run_can_be_repeated(self):
        first, again, other = Line(), Line(), Line()
        for problem, seed in ((first, 0), (again, 0), (other, 1)):
            train(problem, SGD(lr=0.1), epochs=3, seed=seed)
        assert len(set(first.seeds)) == 3
        assert first.seeds == again.seeds != other.seeds

    def test_no_epoch_leaves_the_first_weights(self):
        run = train(Line(), SGD(lr=0.1), epochs=0)
        assert (weight(run), run.best_epoch, len(run.step_loss)) == (0.0, 0, 0)
        assert not run.model.training

    def test_accumulated_batches_are_one_large_batch(self):
        small = train(Line(batch_size=2), Adam(lr=0.1), epochs=2, accumulate=4)
        large = train(Line(batch_size=8), Adam(lr=0.1), epochs=2)
        assert len(small.step_loss) == 4
        assert np.allclose(small.step_loss, large.step_loss, rtol=1e-12)
        assert weight(small) == pytest.approx(weight(large), rel=1e-12)

    def test_a_step_of_no_batches_is_refused(self):
        with pytest.raises(ValueError, match="accumulate is 0"):
            train(Line(), SGD(lr=0.1), epochs=1, accumulate=0)

    def test_clipping_bounds_the_step(self):
        run = train(Line(), SGD(lr=0.5), epochs=1, clip_norm=0.01)
        assert weight(run) == pytest.approx(4 * 0.5 * 0.01, rel=1e-5)

    def test_the_schedule_sets_the_rate_of_every_step(self):
        class TwoSteps:
            def rate(self, step):
                return 1.0 if step < 2 else 0.0

        run = train(Line(), SGD(lr=0.1), epochs=2, schedule=TwoSteps())
        w = 0.0
        for x in Line().data.numpy().reshape(-1, 4)[:2]:
            w -= 0.1 * np.mean(2 * (w - 3) * x**2)
        assert weight(run) == pytest.approx(w, rel=1e-12)

    def test_early_stopping_ends_the_run_and_restores_the_best_weights(self):
        seen = []
        # One step an epoch, so long that the weight swings around 3 ever farther away.
        run = train(
            Line(batch_size=16),
            SGD(lr=3.0),
            epochs=50,
            early_stopping=EarlyStopping(patience=1),
            on_epoch=lambda epoch, value, model, optimizer: seen.append(model.weight.item()),
        )
        assert len(seen) == 3 and len(run.epoch_validation) == 4
        assert abs(seen[0] - 3) < abs(seen[1] - 3) < abs(seen[2] - 3)
        assert weight(run) == seen[0]

    def test_on_epoch_sees_epoch_validation_model_and_optimizer(self):
        calls = []
        run = train(Line(), SGD(lr=0.1), epochs=2, on_epoch=lambda *call: calls.append(call))
        assert [call[0] for call in calls] == [1, 2]
        assert [call[1] for call in calls] == list(run.epoch_validation[1:])
        assert calls[0][2] is run.model and calls[0][3] is run.optimizer

    def test_a_rule_that_averages_is_validated_on_its_average(self):
        plain = train(Line(), GradientDescent(lr=0.1), epochs=2)
        far = train(Line(), Far(lr=0.1), epochs=2)
        assert np.allclose(far.step_loss, plain.step_loss)
        assert weight(far) == pytest.approx(weight(plain) + 10)
        assert far.final_validation == pytest.approx(weight(plain) + 7)

    def test_early_stopping_keeps_the_average(self):
        far = train(Line(), Far(lr=0.1), epochs=2, early_stopping=EarlyStopping(patience=5))
        assert far.epoch_validation[1] < far.epoch_validation[2]
        assert weight(far) - 3 == pytest.approx(far.epoch_validation[1])


class TestDivergence:
    def test_an_infinite_loss_ends_the_run_without_an_exception(self):
        run = train(Line(), SGD(lr=1e6), epochs=200)
        assert run.diverged and run.final_validation == np.inf
        assert run.best_epoch == 0 and run.best_validation == 3.0
        assert 2 < len(run.epoch_validation) < 200
        assert np.isfinite(run.step_loss).all()

    def test_a_run_that_diverges_at_once_has_no_best_weights_to_restore(self):
        run = train(Line(), SGD(lr=1e300), epochs=2, early_stopping=EarlyStopping(patience=1))
        assert run.diverged and len(run.epoch_validation) == 2

    @pytest.mark.parametrize(
        "rule", [SGD(lr=0.1), lambda model: Optimizer(model.parameters(), Adam())]
    )
    def test_so_does_a_gradient_that_is_not_finite(self, rule):
        class Kink(Line):
            def loss(self, model, batch):
                return (0 * model.weight).sqrt().sum()  # the loss is 0, its slope is not a number

        run = train(Kink(), rule, epochs=3)
        assert run.epoch_validation.tolist() == [3.0, np.inf]
        assert weight(run) == 0.0

    def test_so_does_a_validation_that_is_not_finite(self):
        class Lost(Line):
            def validate(self, model):
                return super().validate(model) if model.weight.item() == 0 else float("nan")

        run = train(Lost(), SGD(lr=0.1), epochs=3)
        assert run.epoch_validation.tolist() == [3.0, np.inf]
        assert validate(Lost(), Line().model(1), run.optimizer) == np.inf

    def test_another_mistake_is_raised_as_it_is(self, ml100k):
        log = ml100k.interactions.select(np.arange(50))
        problem = RatingProblem(log, log, sparse=True)
        with pytest.raises(ValueError, match="sparse"):
            train(problem, HeavyBall(lr=0.1), epochs=1)


class TestEvaluating:
    def test_training_goes_on_as_before_even_after_an_error(self):
        model = nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with pytest.raises(RuntimeError, match="mine"), evaluating(model, optimizer):
            assert not model.training and not torch.is_grad_enabled()
            raise RuntimeError("mine")
        assert model.training and torch.is_grad_enabled()

    def test_validate_gives_the_number_and_leaves_the_weights(self):
        problem = Line()
        model = problem.model(1)
        optimizer = Optimizer(model.parameters(), Far(lr=0.1))
        problem.loss(model, problem.data).backward()
        optimizer.step()
        before = model.weight.item()
        assert validate(problem, model, optimizer) == pytest.approx(abs(before + 7))
        assert model.weight.item() == pytest.approx(before)


class TestTuneRate:
    def test_the_rate_with_the_lowest_final_validation_wins(self):
        rates = [0.001, 0.3, 1e7, 0.01]
        tuned = tune_rate(Line(), lambda lr: SGD(lr=lr), rates, epochs=60)
        assert tuned.rate == 0.3
        assert not tuned.at_edge
        expected = [abs(by_hand(Line(), lr, 60)[0] - 3) for lr in (0.001, 0.3)]
        assert np.allclose(tuned.scores[:2], expected)
        assert tuned.scores[2] == np.inf and tuned.rates.tolist() == rates

    def test_a_best_rate_at_the_edge_is_told(self):
        tuned = tune_rate(Line(), lambda lr: SGD(lr=lr), [0.001, 0.01], epochs=1)
        assert tuned.at_edge and tuned.rate == 0.01

    def test_options_reach_the_training(self):
        tuned = tune_rate(Line(), lambda lr: SGD(lr=lr), [0.5], epochs=1, seed=2, clip_norm=0.01)
        assert tuned.scores[0] == pytest.approx(1 - 4 * 0.5 * 0.01, rel=1e-5)

    def test_a_grid_that_cannot_be_used_is_refused(self):
        with pytest.raises(ValueError, match="empty"):
            tune_rate(Line(), lambda lr: SGD(lr=lr), [], epochs=1)
        with pytest.raises(ValueError, match="Every run diverged, at rates from 1e"):
            tune_rate(Line(), lambda lr: SGD(lr=lr), [1e100, 1e200], epochs=3)


def test_the_best_of_a_history_is_its_lowest_validation():
    history = History(np.zeros(2), np.array([3.0, 1.0, 2.0]), None, None)
    assert (history.best_epoch, history.best_validation, history.final_validation) == (1, 1.0, 2.0)
