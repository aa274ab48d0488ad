"""Copying all weights fails on item tables, and where it does not fail it copies other films."""

import numpy as np
import pytest
import torch

from recsys_book.data import Interactions
from recsys_book.errata import new_domains as errata
from recsys_book.meta_learning import transfer as tr
from recsys_book.optimizers import RatingProblem, train


def domain(n_items, seed):
    """People with levels of their own; an item's worth has nothing to do with its position."""
    rng = np.random.default_rng(seed)
    level, worth = np.random.default_rng(9).normal(size=60), rng.normal(size=n_items)
    user, item = rng.integers(0, 60, 2000), rng.integers(0, n_items, 2000)
    value = 3 + level[user] + worth[item] + 0.1 * rng.normal(size=2000)
    return Interactions(user, item, value, np.zeros(2000), np.arange(60), np.arange(n_items))


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=0.05)


@pytest.fixture(scope="module")
def source():
    log = domain(50, 0)
    return train(RatingProblem(log, log, 4, 500, 0.01), adam, epochs=15).model


@pytest.mark.erratum("ADA-02")
def test_item_tables_do_not_fit(source):
    log = domain(30, 1)
    model = RatingProblem(log, log, 4, 500, 0.01).model(0)
    with pytest.raises(RuntimeError, match="size mismatch"):
        errata.ada_02_copy_all_weights(source, model)
    assert tr.copy_shared(source, model, ["user_factors", "user_bias"])


@pytest.mark.erratum("ADA-02")
def test_a_copy_that_fits_is_worse_than_the_mean_and_the_partial_copy_better_than_scratch(source):
    log = domain(50, 1)
    few, rest = tr.few_per_user(log, 2, 0)
    problem = RatingProblem(few, rest, 4, 60, 0.05)
    copied = errata.ada_02_copy_all_weights(source, problem.model(0))
    mean = np.sqrt(np.mean((few.value.mean() - rest.value) ** 2))
    scratch = train(problem, adam, epochs=10).final_validation
    shared = ["user_factors", "user_bias"]
    warm = train(
        tr.WarmStart(problem, source, shared),
        lambda m: torch.optim.Adam(tr.rate_groups(m, shared, 0.05, 0.2)),
        epochs=10,
    ).final_validation
    assert problem.validate(copied) > 0.9 * mean
    assert warm < 0.9 * scratch < 0.9 * problem.validate(copied)


@pytest.mark.erratum("ADA-02")
def test_cut_to_size_the_copy_runs_and_holds_other_items(source):
    log = domain(30, 1)
    problem = RatingProblem(log, log, 4, 500, 0.01)
    model = problem.model(0)
    model.load_state_dict(errata.ada_02_cut_to_size(source.state_dict(), model))
    assert torch.equal(model.item_bias.weight, source.item_bias.weight[:30])
    right = train(tr.WarmStart(problem, source, ["user_factors", "user_bias"]), adam, epochs=10)
    assert problem.validate(model) > 2 * right.final_validation
