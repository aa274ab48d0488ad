"""The articles' schedules fail as described, and the package's own do not."""

import numpy as np
import pytest
import torch

from recsys_book.data import encoder_path
from recsys_book.errata.schedules import OPT_19_RATE, opt_13_adjust_learning_rate, opt_19_fine_tune
from recsys_book.optimizers import AdamW, Optimizer
from recsys_book.optimizers.problems.fine_tuning import FineTuningProblem
from recsys_book.optimizers.rules import GradientDescent
from recsys_book.optimizers.schedules import Constant, Piecewise, WarmUp
from recsys_book.optimizers.training import train
from recsys_book.optimizers.validation import ReduceOnPlateau

FALLING, RISING = np.linspace(1, 0.5, 5), np.linspace(1, 2, 5)


@pytest.mark.erratum("OPT-13")
def test_opt_13_does_not_look_at_the_validation_set():
    def rates(scores):
        return [opt_13_adjust_learning_rate(e, s) for e, s in enumerate(scores)]

    assert rates(FALLING) == rates(RISING) == [0.001] * 5
    assert [opt_13_adjust_learning_rate(e) for e in (9, 10, 19, 20)] == [1e-3, 5e-4, 5e-4, 1e-4]


@pytest.mark.erratum("OPT-13")
def test_opt_13_a_plateau_rule_does_look():
    def last_rate(scores):
        optimizer = Optimizer([torch.nn.Parameter(torch.ones(1))], GradientDescent(lr=0.001))
        plateau = ReduceOnPlateau(optimizer, factor=0.5, patience=1)
        for score in scores:
            plateau.step(score)
        return plateau.rates[0]

    assert last_rate(FALLING) == 0.001
    assert last_rate(RISING) == 0.00025


@pytest.mark.erratum("OPT-13")
def test_opt_13_under_its_own_name_is_a_schedule():
    schedule = Piecewise((10, 20), (1.0, 0.5, 0.1))
    table = [opt_13_adjust_learning_rate(epoch) for epoch in range(30)]
    np.testing.assert_allclose(0.001 * schedule.rates(30), table, rtol=1e-12)


@pytest.fixture(scope="module")
def problem(ml100k):
    drama = ml100k.items["genres"].str.contains("Drama").to_numpy()
    titles = ml100k.items["title"].tolist()
    return FineTuningProblem(titles, drama, encoder_path(), steps=20, batch_size=4, n_valid=24)


@pytest.mark.erratum("OPT-19")
def test_opt_19_makes_all_titles_alike(problem):
    model = problem.model(0)
    assert problem.cosine(model) < 0.3
    losses = opt_19_fine_tune(model, problem.batches(0), problem.loss)
    assert len(losses) == 20
    assert problem.cosine(model) > 0.9


@pytest.mark.erratum("OPT-19")
def test_opt_19_the_recommended_rate_leaves_them_apart(problem):
    def optimizer(model):
        encoder = [p for p in model.encoder.parameters() if p.requires_grad]
        groups = [{"params": encoder}, {"params": model.head.parameters(), "lr": OPT_19_RATE}]
        return Optimizer(groups, AdamW(lr=3e-5))

    history = train(problem, optimizer, epochs=1, schedule=WarmUp(Constant(), 5, start=0.2))
    assert problem.cosine(history.model) < 0.6
    assert np.isfinite(history.epoch_validation[-1])
