"""Searches for hyper-parameters at a counted budget: grid, random, successive halving, TPE."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys_book.optimizers.search_space import (
    Choice,
    Config,
    LogUniform,
    Space,
    draw_configs,
)

__all__ = [
    "Search",
    "Trial",
    "grid_search",
    "halving_budget",
    "halving_rungs",
    "random_search",
    "successive_halving",
    "tpe_search",
]

#: Trains one configuration for a budget and returns its validation score, lower is better.
Evaluate = Callable[[Config, int], float]


@dataclass(frozen=True)
class Trial:
    """One evaluation of one configuration.

    Attributes:
        number: Its place in the search, from 0.
        config: The hyper-parameters.
        budget: What it cost, in epochs.
        score: The validation score, lower is better; infinite if the run diverged.
    """

    number: int
    config: Config
    budget: int
    score: float


@dataclass(frozen=True)
class Search:
    """What a search did, in order: nothing that was tried is forgotten.

    Attributes:
        trials: All trials.
    """

    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The lowest score among the trials with the largest budget; the first of equal ones."""
        largest = max(trial.budget for trial in self.trials)
        return min((t for t in self.trials if t.budget == largest), key=lambda t: t.score)

    @property
    def scores(self) -> np.ndarray:
        """All scores in order, shape ``(n_trials,)``."""
        return np.array([trial.score for trial in self.trials])

    @property
    def budget_spent(self) -> int:
        """Epochs trained by all trials together."""
        return sum(trial.budget for trial in self.trials)

    def progress(self) -> tuple[np.ndarray, np.ndarray]:
        """Return how the search went on.

        Returns:
            Epochs spent after each trial, and the lowest score seen until then, both of shape
            ``(n_trials,)``.
        """
        spent = np.cumsum([trial.budget for trial in self.trials])
        return spent, np.minimum.accumulate(self.scores)


def grid_search(evaluate: Evaluate, space: Space, points: int, budget: int) -> Search:
    """Try every combination of equally spaced values.

    Args:
        evaluate: Trains a configuration for a budget, returns its score, lower is better.
        space: A range for every hyper-parameter.
        points: Values a range, ends included; a ``Choice`` is taken whole.
        budget: Epochs a trial.

    Returns:
        The search, of ``points ** len(space)`` trials if there is no ``Choice``.

    Raises:
        ValueError: If the space is empty or points or budget is below 1.
    """
    _check(space, "points", points, budget)
    shares = np.linspace(0, 1, points) if points > 1 else np.array([0.5])
    axes = [
        list(axis.options) if isinstance(axis, Choice) else [axis.at(float(s)) for s in shares]
        for axis in space.values()
    ]
    configs = (dict(zip(space, values)) for values in itertools.product(*axes))
    return _run(evaluate, configs, budget)


def random_search(
    evaluate: Evaluate, space: Space, n_trials: int, budget: int, seed: int = 0
) -> Search:
    """Try configurations drawn independently from the space.

    Source: Bergstra & Bengio (2012), JMLR 13.

    Args:
        evaluate: Trains a configuration for a budget, returns its score, lower is better.
        space: A range for every hyper-parameter.
        n_trials: How many configurations.
        budget: Epochs a trial.
        seed: Seed of the draws.

    Returns:
        The search.

    Raises:
        ValueError: If the space is empty or n_trials or budget is below 1.
    """
    _check(space, "n_trials", n_trials, budget)
    return _run(evaluate, draw_configs(space, n_trials, seed), budget)


def halving_rungs(
    n_configs: int, smallest: int, factor: int, largest: int
) -> list[tuple[int, int]]:
    """Return how many configurations a successive halving trains, and for how long.

    Args:
        n_configs: Configurations at the start.
        smallest: Epochs of the first rung.
        factor: One in ``factor`` stays, for ``factor`` times as many epochs; at least 2.
        largest: No rung is longer than this many epochs.

    Returns:
        One pair a rung: number of configurations, epochs of each.

    Raises:
        ValueError: If the factor is below 2 or a number is below 1.
    """
    if factor < 2 or min(n_configs, smallest) < 1 or largest < smallest:
        raise ValueError(
            f"Halving {n_configs} configurations by {factor} from {smallest} to {largest} epochs "
            "is impossible: give a factor of at least 2 and 1 <= smallest <= largest."
        )
    rungs = []
    while n_configs >= 1 and smallest <= largest:
        rungs.append((n_configs, smallest))
        n_configs, smallest = n_configs // factor, smallest * factor
    return rungs


def halving_budget(
    n_configs: int, smallest: int, factor: int, largest: int, resume: bool = False
) -> int:
    """Return the epochs that a successive halving costs.

    Equation: eq-halving-budget.

    Args:
        n_configs: Configurations at the start.
        smallest: Epochs of the first rung.
        factor: One in ``factor`` stays, for ``factor`` times as many epochs; at least 2.
        largest: No rung is longer than this many epochs.
        resume: Whether a survivor goes on from where it was, instead of starting again.

    Returns:
        Epochs of all rungs together.
    """
    rungs = halving_rungs(n_configs, smallest, factor, largest)
    before = [0, *(epochs for _, epochs in rungs)] if resume else [0] * len(rungs)
    return sum(n * (epochs - paid) for (n, epochs), paid in zip(rungs, before))


def successive_halving(
    evaluate: Evaluate,
    space: Space,
    n_configs: int,
    *,
    smallest: int = 1,
    factor: int = 3,
    largest: int = 27,
    seed: int = 0,
) -> Search:
    """Train many configurations briefly, and the best of them for longer and longer.

    Each rung starts its runs again from the beginning, so a survivor's early epochs are paid
    again; ``halving_budget`` counts both ways.

    Source: Jamieson & Talwalkar (2016), AISTATS.

    Args:
        evaluate: Trains a configuration for a budget, returns its score, lower is better.
        space: A range for every hyper-parameter.
        n_configs: Configurations at the start.
        smallest: Epochs of the first rung.
        factor: One in ``factor`` stays, for ``factor`` times as many epochs.
        largest: No rung is longer than this many epochs.
        seed: Seed of the draws.

    Returns:
        The search; its ``best`` is of the last rung.

    Raises:
        ValueError: If the space is empty or the rungs are impossible.
    """
    _check(space, "n_configs", n_configs, smallest)
    alive, trials = draw_configs(space, n_configs, seed), []
    for n, epochs in halving_rungs(n_configs, smallest, factor, largest):
        rung = _run(evaluate, alive[:n], epochs, first=len(trials)).trials
        trials += rung
        alive = [trial.config for trial in sorted(rung, key=lambda t: t.score)]
    return Search(tuple(trials))


def tpe_search(
    evaluate: Evaluate,
    space: Space,
    n_trials: int,
    budget: int,
    seed: int = 0,
    startup: int = 5,
) -> Search:
    """Try configurations that a model of the earlier scores proposes: optuna's TPE.

    The tree-structured Parzen estimator models the density of good and of bad configurations, and
    proposes where their ratio is high.

    Source: Bergstra et al. (2011), NeurIPS; Akiba et al. (2019), KDD.

    Args:
        evaluate: Trains a configuration for a budget, returns its score, lower is better.
        space: A range for every hyper-parameter.
        n_trials: How many configurations.
        budget: Epochs a trial.
        seed: Seed of the sampler.
        startup: Random trials before the model is used.

    Returns:
        The search.

    Raises:
        ValueError: If the space is empty, n_trials or budget is below 1, or optuna is missing.
    """
    _check(space, "n_trials", n_trials, budget)
    try:
        import optuna
    except ImportError:
        raise ValueError("tpe_search needs optuna: run `pip install optuna`.") from None
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(direction="minimize", sampler=sampler)
        proposals = (_ask(study, space) for _ in range(n_trials))
        trials = []
        for number, (handle, config) in enumerate(proposals):
            trials.append(Trial(number, config, budget, _score(evaluate, config, budget)))
            study.tell(handle, min(trials[-1].score, 1e300))  # optuna takes no infinity as a score
    finally:
        optuna.logging.set_verbosity(level)
    return Search(tuple(trials))


def _ask(study: Any, space: Space) -> tuple[Any, Config]:
    """Return optuna's next trial and its configuration."""
    handle = study.ask()
    config = {}
    for name, axis in space.items():
        if isinstance(axis, Choice):
            position = handle.suggest_categorical(name, range(len(axis.options)))
            config[name] = axis.options[position]
        else:
            log = isinstance(axis, LogUniform)
            config[name] = handle.suggest_float(name, axis.low, axis.high, log=log)
    return handle, config


def _run(
    evaluate: Evaluate, configs: Iterator[Config] | list[Config], budget: int, first: int = 0
) -> Search:
    """Evaluate configurations one after the other at one budget."""
    return Search(
        tuple(
            Trial(number, config, budget, _score(evaluate, config, budget))
            for number, config in enumerate(configs, first)
        )
    )


def _score(evaluate: Evaluate, config: Config, budget: int) -> float:
    """Return a score that can be compared: a run that gave NaN counts as diverged."""
    score = float(evaluate(dict(config), budget))
    return math.inf if math.isnan(score) else score


def _check(space: Space, name: str, n: int, budget: int) -> None:
    """Raise one sentence if there is nothing to search or nothing to spend."""
    if not space:
        raise ValueError("The space is empty: name at least one hyper-parameter and its range.")
    for label, value in ((name, n), ("budget", budget)):
        if value < 1:
            raise ValueError(f"{label} is {value}, but a search needs at least 1.")
