"""Searches spend what they say, remember everything, and find what they should."""

import math
import sys

import numpy as np
import pytest

from recsys_book.optimizers import tuning as t
from recsys_book.optimizers.search_space import Choice, LogUniform, Uniform, draw_configs

SPACE = {"lr": LogUniform(1e-4, 1.0), "decay": Uniform(0.0, 1.0)}


def bowl(config, budget):
    """Best at lr = 0.01, whatever the decay; less training adds the same to all."""
    return (math.log10(config["lr"]) + 2) ** 2 + 1 / budget


def test_log_uniform_gives_equal_shares_to_equal_factors():
    axis = LogUniform(1e-4, 1.0)
    assert [axis.at(s) for s in (0, 0.25, 0.5, 1)] == pytest.approx([1e-4, 1e-3, 1e-2, 1])
    drawn = [c["lr"] for c in draw_configs({"lr": axis}, 4000, 0)]
    counts, _ = np.histogram(np.log10(drawn), bins=4, range=(-4, 0))
    assert np.abs(counts - 1000).max() < 120  # four standard deviations
    assert np.median([c["x"] for c in draw_configs({"x": Uniform(0, 1)}, 4000, 0)]) == (
        pytest.approx(0.5, abs=0.04)
    )


def test_choice_takes_each_option_alike():
    axis = Choice(("a", "b", "c", "d"))
    assert [axis.at(s) for s in (0, 0.3, 0.5, 0.99, 1.0)] == ["a", "b", "c", "d", "d"]


def test_grid_tries_every_combination_once():
    space = SPACE | {"kind": Choice(("x", "y"))}
    search = t.grid_search(lambda c, b: bowl(c, b) + (c["kind"] == "x"), space, 5, budget=3)
    assert len(search.trials) == 5 * 5 * 2
    assert len({tuple(trial.config.values()) for trial in search.trials}) == 50
    assert search.best.config["lr"] == pytest.approx(0.01)
    assert search.best.config["kind"] == "y"
    assert search.budget_spent == 150
    assert t.grid_search(bowl, SPACE, 1, 1).trials[0].config == pytest.approx(
        {"lr": 0.01, "decay": 0.5}
    )


def test_random_tries_more_values_of_the_axis_that_matters():
    grid, random = t.grid_search(bowl, SPACE, 3, 1), t.random_search(bowl, SPACE, 9, 1, seed=1)
    assert len({trial.config["lr"] for trial in grid.trials}) == 3
    assert len({trial.config["lr"] for trial in random.trials}) == 9
    assert grid.budget_spent == random.budget_spent == 9
    again = t.random_search(bowl, SPACE, 12, 1, seed=1)
    assert again.trials[:9] == random.trials
    assert t.random_search(bowl, SPACE, 9, 1, seed=2).trials != random.trials


@pytest.mark.equation("eq-halving-budget")
def test_every_full_rung_costs_the_same():
    assert t.halving_rungs(27, 1, 3, 27) == [(27, 1), (9, 3), (3, 9), (1, 27)]
    assert t.halving_budget(27, 1, 3, 27) == 27 * 4
    assert t.halving_budget(27, 1, 3, 27, resume=True) == pytest.approx(27 * (1 + 3 * (1 - 1 / 3)))
    assert t.halving_rungs(10, 2, 2, 8) == [(10, 2), (5, 4), (2, 8)]
    search = t.successive_halving(bowl, SPACE, 27, seed=3)
    assert search.budget_spent == t.halving_budget(27, 1, 3, 27)
    assert [trial.number for trial in search.trials] == list(range(40))


def test_halving_keeps_the_best_and_judges_at_the_longest_run():
    search = t.successive_halving(bowl, SPACE, 9, largest=9, seed=0)
    first = [trial for trial in search.trials if trial.budget == 1]
    best = min(first, key=lambda trial: trial.score)
    assert search.best.config == best.config and search.best.budget == 9
    kept = sorted(trial.score for trial in first)[:3]
    second = sorted(trial.score for trial in search.trials if trial.budget == 3)
    assert second == pytest.approx([score - 1 + 1 / 3 for score in kept])


def test_halving_loses_a_slow_starter():
    def slow(config, budget):
        # Small rates win in the long run and lose in the short one.
        return config["lr"] if budget > 3 else -config["lr"]

    space = {"lr": Uniform(0, 1)}
    halving = t.successive_halving(slow, space, 9, largest=9, seed=0)
    full = t.random_search(slow, space, 9, 9, seed=0)
    assert halving.best.config["lr"] == max(trial.config["lr"] for trial in full.trials)
    assert full.best.config["lr"] == min(trial.config["lr"] for trial in full.trials)


def test_tpe_finds_the_valley_and_repeats_itself():
    search = t.tpe_search(bowl, SPACE, 40, 2, seed=0)
    assert search == t.tpe_search(bowl, SPACE, 40, 2, seed=0)
    assert search.budget_spent == 80
    # Uniform draws lie one decade from the best rate on average; later trials lie closer.
    late = [t.tpe_search(bowl, SPACE, 40, 2, seed=s).trials[15:] for s in (1, 2)]
    rates = np.log10(
        [trial.config["lr"] for trials in [search.trials[15:], *late] for trial in trials]
    )
    assert np.abs(rates + 2).mean() < 0.8
    assert abs(math.log10(search.best.config["lr"]) + 2) < 0.1
    kinds = t.tpe_search(lambda c, b: float(c["kind"] == "x"), {"kind": Choice(("x", ["y"]))}, 8, 1)
    assert kinds.best.config == {"kind": ["y"]}


def test_tpe_leaves_optunas_verbosity_as_it_was():
    optuna = pytest.importorskip("optuna")
    before = optuna.logging.get_verbosity()
    t.tpe_search(bowl, SPACE, 1, 1)
    assert optuna.logging.get_verbosity() == before


def test_tpe_without_optuna_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ValueError, match="pip install optuna"):
        t.tpe_search(bowl, SPACE, 1, 1)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_diverged_runs_are_remembered_and_never_best(bad):
    def evaluate(config, budget):
        return bad if config["lr"] > 0.01 else bowl(config, budget)

    for search in (
        t.random_search(evaluate, SPACE, 8, 1),
        t.tpe_search(evaluate, SPACE, 8, 1),
        t.successive_halving(evaluate, SPACE, 9, largest=9),
    ):
        assert math.isfinite(search.best.score)
        assert np.isinf(search.scores).any() and not np.isnan(search.scores).any()


def test_progress_never_rises():
    search = t.random_search(bowl, SPACE, 20, 4)
    spent, lowest = search.progress()
    assert spent.tolist() == list(range(4, 84, 4))
    assert (np.diff(lowest) <= 0).all() and lowest[-1] == search.scores.min()


def test_evaluate_cannot_change_the_record():
    def careless(config, budget):
        config["lr"] = -1
        return 0.0

    assert t.random_search(careless, SPACE, 1, 1).trials[0].config["lr"] > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LogUniform(0, 1), "cannot start at 0"),
        (lambda: Uniform(1, 1), "is empty"),
        (lambda: LogUniform(1e-3, math.inf), "is empty"),
        (lambda: Choice(()), "at least one option"),
        (lambda: t.grid_search(bowl, {}, 3, 1), "space is empty"),
        (lambda: t.grid_search(bowl, SPACE, 0, 1), "points is 0"),
        (lambda: t.random_search(bowl, SPACE, 0, 1), "n_trials is 0"),
        (lambda: t.random_search(bowl, SPACE, 1, 0), "budget is 0"),
        (lambda: t.successive_halving(bowl, SPACE, 9, factor=1), "factor of at least 2"),
        (lambda: t.successive_halving(bowl, SPACE, 9, smallest=9, largest=3), "is impossible"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
