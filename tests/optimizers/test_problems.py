"""Landscapes and problems against NumPy written from their definitions."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from recsys_book.data import Interactions
from recsys_book.evaluation import evaluate_ranking
from recsys_book.optimizers import (
    LANDSCAPES,
    Adam,
    GradientDescent,
    RatingProblem,
    TextHeadProblem,
    TwoTowerProblem,
    descend,
    ravine,
    saddle,
    train,
)
from recsys_book.optimizers.problems import in_batch_softmax

N_USERS, N_ITEMS = 7, 9


def log_of(user, item, value=None, n_users=N_USERS, n_items=N_ITEMS):
    value = np.ones(len(user)) if value is None else value
    stamps = np.zeros(len(user), int)
    return Interactions(user, item, value, stamps, np.arange(n_users), np.arange(n_items))


def random_log(rows, seed):
    rng = np.random.default_rng(seed)
    user, item = rng.integers(0, N_USERS, rows), rng.integers(0, N_ITEMS, rows)
    return log_of(user, item, rng.integers(1, 6, rows).astype(float))


@pytest.fixture
def logs():
    return random_log(50, 0), random_log(20, 1)


@pytest.fixture(scope="module")
def cut(ml100k):
    """A random tenth of MovieLens-100K held out."""
    order = np.random.default_rng(0).permutation(len(ml100k.interactions))
    return ml100k.interactions.select(order[10_000:]), ml100k.interactions.select(order[:10_000])


class TestLandscapes:
    @pytest.mark.parametrize("landscape", LANDSCAPES, ids=lambda one: one.name)
    def test_the_slope_is_zero_at_the_minimum_and_not_at_the_start(self, landscape):
        slopes = []
        for point in (landscape.minimum, landscape.start):
            w = torch.tensor(point, dtype=torch.float64, requires_grad=True)
            landscape.function(w).backward()
            slopes.append(float(w.grad.norm()))
        assert slopes[0] < 1e-12 < 1e-3 < slopes[1]

    @pytest.mark.parametrize("landscape", LANDSCAPES, ids=lambda one: one.name)
    def test_the_window_shows_start_and_minimum(self, landscape):
        x_min, x_max, y_min, y_max = landscape.window
        for x, y in (landscape.minimum, landscape.start):
            assert x_min < x < x_max and y_min < y < y_max

    @pytest.mark.parametrize("landscape", LANDSCAPES[:3], ids=lambda one: one.name)
    def test_nothing_in_the_window_lies_below_the_minimum(self, landscape):
        lowest = float(landscape.function(torch.tensor(landscape.minimum)))
        _, _, height = landscape.grid(80)
        assert height.shape == (80, 80)
        assert lowest <= height.min()

    def test_the_grid_is_the_function(self):
        landscape = ravine(4.0)
        x, y, height = landscape.grid(5)
        assert np.allclose(height, 0.5 * x**2 + 2.0 * y**2)
        assert (x[0, 0], x[0, -1], y[0, 0], y[-1, 0]) == landscape.window

    def test_the_saddle_curves_both_ways(self):
        hessian = torch.autograd.functional.hessian(
            saddle().function, torch.zeros(2, dtype=torch.float64)
        )
        assert torch.equal(hessian, torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64)))

    def test_descent_in_a_ravine_contracts_each_axis_by_its_curvature(self):
        path = descend(ravine(10.0), GradientDescent(lr=0.05), 30)
        steps = np.arange(31)
        expected = np.stack([-4.0 * 0.95**steps, 1.0 * 0.5**steps], axis=1)
        assert np.allclose(path, expected, rtol=1e-12)

    def test_noise_is_seeded_and_has_the_stated_size(self):
        flat = ravine(1.0)
        noisy, again, other = (
            descend(flat, GradientDescent(lr=0.1), 500, noise=2.0, seed=seed) for seed in (1, 1, 2)
        )
        assert np.array_equal(noisy, again)
        assert not np.array_equal(noisy, other)
        added = (noisy[:-1] * 0.9 - noisy[1:]) / 0.1
        assert added.std() == pytest.approx(2.0, rel=0.08)

    def test_a_path_that_overflows_ends_in_nan(self):
        path = descend(ravine(50.0), GradientDescent(lr=1e8), 60)
        finite = np.isfinite(path).all(axis=1)
        assert finite[0] and not finite[-1]
        assert np.all(np.diff(finite.astype(int)) <= 0)

    def test_a_rule_that_averages_shows_its_average(self):
        @dataclass
        class Halved(GradientDescent):
            def init(self, param):
                return {"seen": torch.zeros_like(param)}

            def evaluation_weights(self, param, state):
                return param / 2

            def training_weights(self, param, state):
                return param * 2

        plain = descend(ravine(), GradientDescent(lr=0.01), 5)
        assert np.allclose(descend(ravine(), Halved(lr=0.01), 5)[1:], plain[1:] / 2)


class TestBatches:
    @pytest.mark.parametrize("kind", [RatingProblem, TwoTowerProblem])
    def test_an_epoch_holds_every_row_once(self, kind, logs):
        train_log, valid = logs
        problem = kind(train_log, valid, batch_size=16)
        batches = list(problem.batches(0))
        assert [len(batch[0]) for batch in batches] == [16, 16, 16, 2]
        rows = [tuple(row) for batch in batches for row in zip(*(part.tolist() for part in batch))]
        names = ("user", "item", "value")[: len(batches[0])]
        expected = zip(*(getattr(train_log, name).tolist() for name in names))
        assert sorted(rows) == sorted(expected)

    def test_the_order_comes_from_the_seed(self, logs):
        problem = RatingProblem(*logs, batch_size=50)
        first, again, other = (next(iter(problem.batches(seed)))[2] for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    @pytest.mark.parametrize("kind", [RatingProblem, TwoTowerProblem])
    def test_an_empty_log_is_refused(self, kind, logs):
        with pytest.raises(ValueError, match="without rows"):
            kind(logs[0], logs[1].select(np.array([], int)))

    @pytest.mark.parametrize("kind", [RatingProblem, TwoTowerProblem])
    def test_logs_with_other_vocabularies_are_refused(self, kind, logs):
        other = log_of(logs[1].user, logs[1].item, n_items=N_ITEMS + 1)
        with pytest.raises(ValueError, match="different items"):
            kind(logs[0], other)

    def test_an_empty_batch_is_refused(self, logs):
        with pytest.raises(ValueError, match="batch_size is 0"):
            RatingProblem(*logs, batch_size=0).batches(0)


class TestRatings:
    def test_loss_and_gradient_are_those_of_the_formula(self, logs):
        problem = RatingProblem(*logs, factors=3, l2=0.3)
        model = problem.model(0)
        with torch.no_grad():
            for table in (model.user_bias, model.item_bias):
                table.weight.normal_(generator=torch.Generator().manual_seed(4))
        user, item, value = batch = next(iter(problem.batches(0)))
        p, q, b, c = (
            table.weight.detach().double().numpy()
            for table in (
                model.user_factors,
                model.item_factors,
                model.user_bias,
                model.item_bias,
            )
        )
        u, i, r = user.numpy(), item.numpy(), value.numpy()
        error = logs[0].value.mean() + b[u, 0] + c[i, 0] + (p[u] * q[i]).sum(1) - r
        norm = (p[u] ** 2).sum(1) + (q[i] ** 2).sum(1) + b[u, 0] ** 2 + c[i, 0] ** 2
        loss = problem.loss(model, batch)
        assert loss.item() == pytest.approx((error**2 + 0.3 * norm).mean(), rel=1e-5)
        loss.backward()
        expected = np.zeros_like(p)
        np.add.at(expected, u, 2 * (error[:, None] * q[i] + 0.3 * p[u]) / len(u))
        assert np.allclose(model.user_factors.weight.grad.numpy(), expected, atol=1e-5)

    def test_validation_is_the_rmse_of_the_predictions(self, logs):
        problem = RatingProblem(*logs)
        model = problem.model(0)
        valid = logs[1]
        error = model.predict(valid.user, valid.item) - valid.value
        assert problem.validate(model) == pytest.approx(np.sqrt((error**2).mean()), rel=1e-6)

    def test_the_mean_is_that_of_the_training_ratings_and_is_not_trained(self, logs):
        model = RatingProblem(*logs).model(0)
        assert float(model.mean) == pytest.approx(logs[0].value.mean())
        assert "mean" not in dict(model.named_parameters())

    def test_adam_beats_the_biases_in_a_few_epochs(self, cut):
        # Measured: biases alone 0.935 on such a cut; the start, the global mean, 1.12.
        run = train(RatingProblem(*cut, batch_size=2048), Adam(lr=0.02), epochs=3)
        assert run.epoch_validation[0] > 1.1
        assert run.final_validation < 0.93


@pytest.mark.parametrize("kind", [RatingProblem, TwoTowerProblem])
class TestModels:
    def test_weights_come_from_the_seed(self, kind, logs):
        problem = kind(*logs)
        first, again, other = (
            torch.cat([w.detach().flatten() for w in problem.model(seed).parameters()])
            for seed in (0, 0, 1)
        )
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_the_global_generator_is_left_alone(self, kind, logs):
        before = torch.get_rng_state()
        problem = kind(*logs)
        problem.model(0)
        list(problem.batches(0))
        assert torch.equal(before, torch.get_rng_state())

    def test_sparse_gradients_are_the_dense_ones(self, kind, logs):
        grads = []
        for sparse in (False, True):
            problem = kind(*logs, sparse=sparse, batch_size=8)
            model = problem.model(0)
            problem.loss(model, next(iter(problem.batches(0)))).backward()
            grads.append([w.grad for w in model.parameters()])
        assert all(grad.is_sparse for grad in grads[1])
        for dense, rows in zip(*grads):
            assert torch.allclose(dense, rows.to_dense(), atol=1e-7)


class TestSoftmax:
    def test_it_is_the_formula(self):
        rng = np.random.default_rng(0)
        item = np.array([3, 1, 3, 0])
        scores, log_q = rng.normal(size=(4, 4)), np.log(rng.dirichlet(np.ones(5)))
        losses = []
        for row in range(4):
            logits = scores[row] - log_q[item]
            losses.append(np.log(np.exp(logits).sum()) - logits[row])
        result = in_batch_softmax(*map(torch.tensor, (scores, item, log_q)))
        assert result.item() == pytest.approx(np.mean(losses))

    def test_the_correction_brings_the_full_softmax_to_the_shares(self):
        # All users alike: the best possible loss is the entropy of the items' shares.
        share = np.array([0.5, 0.25, 0.1, 0.05, 0.04, 0.03, 0.02, 0.005, 0.005])
        item = np.repeat(np.arange(N_ITEMS), (share * 4000).astype(int))
        user = np.random.default_rng(0).integers(0, N_USERS, len(item))
        problem = TwoTowerProblem(log_of(user, item), log_of(user, item), factors=4, batch_size=64)
        entropy = -(share * np.log(share)).sum()
        corrected = train(problem, Adam(lr=0.02), epochs=4).final_validation
        problem.log_q = torch.zeros(N_ITEMS)
        plain = train(problem, Adam(lr=0.02), epochs=4).final_validation
        assert abs(corrected - entropy) < 0.01
        assert plain == pytest.approx(math.log(N_ITEMS), abs=0.01)  # it learns nothing at all

    def test_an_item_without_training_rows_keeps_a_finite_share(self):
        train_log = log_of(np.array([0, 1, 2]), np.array([0, 0, 1]))
        problem = TwoTowerProblem(train_log, train_log)
        assert torch.isfinite(problem.log_q).all()
        assert float(problem.log_q[0]) == pytest.approx(math.log(2 / 3))


class TestTwoTower:
    def test_validation_is_the_softmax_over_all_items(self, logs):
        problem = TwoTowerProblem(*logs, temperature=0.5)
        model = problem.model(0)
        scores = model.score(logs[1].user)
        users, items = (t.weight.detach().numpy() for t in (model.users, model.items))
        assert np.allclose(scores, users[logs[1].user] @ items.T / 0.5, atol=1e-6)
        own = scores[np.arange(len(logs[1])), logs[1].item]
        expected = (np.log(np.exp(scores).sum(axis=1)) - own).mean()
        assert problem.validate(model) == pytest.approx(expected, rel=1e-5)

    def test_huge_equal_scores_are_as_bad_as_guessing(self, logs):
        problem = TwoTowerProblem(*logs, factors=1)
        model = problem.model(0)
        with torch.no_grad():
            model.users.weight.fill_(1e6)
            model.items.weight.fill_(1e6)
        assert problem.validate(model) == pytest.approx(math.log(N_ITEMS))

    def test_it_learns_more_than_popularity(self, cut):
        train_log, valid = (log.select(np.arange(0, len(log), 2)) for log in cut)
        counts = np.bincount(train_log.item, minlength=train_log.n_items) + 1
        popularity = -np.log(counts / counts.sum())[valid.item].mean()
        run = train(TwoTowerProblem(train_log, valid), Adam(lr=0.02), epochs=2)
        assert run.final_validation < popularity - 0.1

    def test_its_scores_can_be_evaluated(self, logs):
        @dataclass
        class Cut:
            train: Interactions
            test: Interactions

        result = evaluate_ranking(TwoTowerProblem(*logs).model(0), Cut(*logs), k=3)
        assert np.isfinite(result.mean()).all()


class TestTextHead:
    def test_the_global_generator_is_left_alone(self, logs, vectors):
        before = torch.get_rng_state()
        TextHeadProblem(*logs, vectors, hidden=3).model(0)
        assert torch.equal(before, torch.get_rng_state())

    @pytest.fixture
    def vectors(self):
        vectors = np.random.default_rng(3).normal(size=(N_ITEMS, 12)).astype(np.float32)
        vectors[5] = vectors[2]
        return vectors

    def test_a_linear_head_is_a_product(self, logs, vectors):
        model = TextHeadProblem(*logs, vectors, factors=4, hidden=0).model(0)
        (head,) = model.head
        items = vectors @ head.weight.detach().numpy().T + head.bias.detach().numpy()
        users = model.users.weight.detach().numpy()
        assert np.allclose(model.score(np.arange(N_USERS)), users @ items.T, atol=1e-5)

    def test_equal_texts_get_equal_scores_with_a_hidden_layer(self, logs, vectors):
        problem = TextHeadProblem(*logs, vectors, hidden=6)
        run = train(problem, Adam(lr=0.01), epochs=2)
        scores = run.model.score(np.arange(N_USERS))
        assert np.array_equal(scores[:, 5], scores[:, 2])
        assert not np.allclose(scores[:, 5], scores[:, 3])
        assert [type(layer).__name__ for layer in run.model.head] == ["Linear", "ReLU", "Linear"]

    def test_the_text_vectors_are_frozen(self, logs, vectors):
        problem = TextHeadProblem(*logs, vectors, hidden=6)
        run = train(problem, Adam(lr=0.1), epochs=1)
        assert "vectors" not in dict(run.model.named_parameters())
        assert np.array_equal(run.model.vectors.numpy(), vectors)

    def test_vectors_of_other_items_are_refused(self, logs, vectors):
        with pytest.raises(ValueError, match=r"shape \(8, 12\), but there are 9 items"):
            TextHeadProblem(*logs, vectors[:-1])
        with pytest.raises(ValueError, match="one row an item"):
            TextHeadProblem(*logs, vectors[:, 0])
