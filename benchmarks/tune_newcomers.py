"""The search behind the newcomers of *Better meta-optimizers*, on the tuning split.

    python benchmarks/tune_newcomers.py [LEARNER ...] [--steps 120] [--seeds 3]

The chapter compares eight meta-learners on newcomers with ten ratings, each in one setting. This
script is where the settings come from: every learner is trained in each of its settings on users
of the tuning split, which shares no newcomer with the chapter's splits, and the newcomers of that
split are predicted. Each line reads ``learner  inner settings  outer rate  RMSE``, the mean over
the newcomers and the seeds; ``<-`` marks the chapter's choice. The first line is the baseline, the
mean of the ten residuals, shrunk.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from recsys_book.data import load_movielens
from recsys_book.meta_learning import TaskBatch, cold_start, masked_mse, meta_train
from recsys_book.meta_learning.amortised import Amortised, SetEncoder
from recsys_book.meta_learning.cavia import CAVIA, ContextNetwork
from recsys_book.meta_learning.families import user_tasks
from recsys_book.meta_learning.implicit_maml import ImplicitMAML
from recsys_book.meta_learning.in_context import ContextReader, InContext
from recsys_book.meta_learning.learner import GradientLearner, mlp
from recsys_book.meta_learning.meta_sgd import MetaSGD
from recsys_book.meta_learning.metric import Matching, MatchingReader

SHOTS, QUERIES, HELD_OUT = 10, 60, 0.3
FREEZE = {"on_divergence": "freeze"}
#: Learner → settings that were tried: inner ones, then the outer rate (weights, rates).
GRID: dict[str, list[tuple]] = {
    "two layers, MAML": [
        *((rate, outer) for outer in (0.003, 0.01) for rate in (0.05, 0.1, 0.2)),
        (0.1, 0.03),
    ],
    "two layers, CAVIA": [
        *((rate, outer) for outer in (0.003, 0.01) for rate in (0.2, 0.5)),
        (0.5, 0.03),
        (1.5, 0.01),
    ],
    "linear, MAML": [(r, outer) for outer in (0.003, 0.01) for r in (0.1, 0.2, 0.3, 0.4, 0.6)],
    "linear, Meta-SGD": [
        (rate, outer)
        for rate in (0.2, 0.4)
        for outer in ((0.01, 0.003), (0.01, 0.01), (0.01, 0.03))
    ],
    "linear, implicit": [
        *(
            (pull, outer)
            for outer in (0.003, 0.01)
            for pull in ((0.5, 0.2), (1.0, 0.2), (2.0, 0.1))
        ),
        *(((pull, rate), 0.003) for pull, rate in ((1.5, 0.2), (2.0, 0.2), (1.0, 0.3))),
    ],
    "set encoder": [(None, outer) for outer in (0.001, 0.003, 0.01, 0.03)],
    "matching": [(None, outer) for outer in (0.003, 0.01, 0.03, 0.1)],
    "in context": [(None, outer) for outer in (0.003, 0.01, 0.03)],
}
CHOSEN = {
    "two layers, MAML": (0.1, 0.01),
    "two layers, CAVIA": (0.5, 0.01),
    "linear, MAML": (0.3, 0.01),
    "linear, Meta-SGD": (0.2, (0.01, 0.01)),
    "linear, implicit": ((1.0, 0.2), 0.003),
    "set encoder": (None, 0.01),
    "matching": (None, 0.03),
    "in context": (None, 0.01),
}


def tasks_of_split(log, world, seed: int):
    """Return item vectors from some known users, all users as tasks, and the users held out."""
    known = np.setdiff1d(np.arange(log.n_users), world.cold)
    known = np.random.default_rng([seed, world.seed]).permutation(known)
    held = known[: int(HELD_OUT * len(known))]
    givers = log.select(np.flatnonzero(np.isin(log.user, known[len(held) :])))
    model = cold_start.BayesianFactors().fit(givers)
    residual = log.value - model.biases_.mean - model.biases_.item[log.item]
    pool = user_tasks(log, model.item_vectors_[log.item].astype(np.float32))
    pool = replace(pool, y=residual.astype(np.float32))
    return pool, pool.select(held).at_least(SHOTS + 1)


def newcomers(world, pool) -> TaskBatch:
    """Return the tasks of the split's newcomers."""
    tasks = cold_start.episodes(world, SHOTS)
    queries = [task.query[:QUERIES] for task in tasks]
    return TaskBatch.from_ragged(
        [pool.x[task.support] for task in tasks],
        [pool.y[task.support] for task in tasks],
        [pool.x[rows] for rows in queries],
        [pool.y[rows] for rows in queries],
    )


def sampler(held, runs: int, seed: int) -> Callable[[int], TaskBatch]:
    """Return a source of sixteen tasks a run."""
    rngs = [np.random.default_rng([seed, 2, run]) for run in range(runs)]

    def sample(step: int) -> TaskBatch:
        rows = [
            rng.permutation(held.rows[user])[: SHOTS + 20]
            for rng in rngs
            for user in rng.choice(held.n_tasks, 16, replace=False)
        ]
        support, query = [r[:SHOTS] for r in rows], [r[SHOTS:] for r in rows]
        sides = [
            [values[r] for r in side] for side in (support, query) for values in (held.x, held.y)
        ]
        return TaskBatch.from_ragged(*sides)

    return sample


def linear_head(inputs: int) -> nn.Module:
    """Return a linear model that starts at zero."""
    head = nn.utils.skip_init(nn.Linear, inputs, 1, bias=False)
    nn.init.zeros_(head.weight)
    return nn.Sequential(head)


def two_layers(inputs: int, generator: torch.Generator) -> nn.Module:
    """Return a small network that starts near zero."""
    head = mlp([inputs, 16, 1], generator, nn.Tanh)
    head[2].weight.data *= 0.1
    return head


def build(name: str, inner, n: int, generators: list[torch.Generator]):
    """Return a learner in a setting, one run a generator."""
    each = lambda make: [make(g) for g in generators]  # noqa: E731
    linear = lambda g: linear_head(n)  # noqa: E731
    builders = {
        "two layers, MAML": lambda: GradientLearner(
            each(lambda g: two_layers(n, g)), inner, 3, **FREEZE
        ),
        "two layers, CAVIA": lambda: CAVIA(
            each(lambda g: ContextNetwork(mlp([n + 4, 16, 1], g, nn.Tanh), 4)), inner, 3, **FREEZE
        ),
        "linear, MAML": lambda: GradientLearner(each(linear), inner, 1, **FREEZE),
        "linear, Meta-SGD": lambda: MetaSGD(each(linear), inner, 1, **FREEZE),
        "linear, implicit": lambda: ImplicitMAML(each(linear), *inner, 8, 4, **FREEZE),
        "set encoder": lambda: Amortised(each(lambda g: SetEncoder(n, 16, g))),
        "matching": lambda: Matching(each(lambda g: MatchingReader(mlp([n, 8], g)))),
        "in context": lambda: InContext(each(lambda g: ContextReader(n, g, 16, 1, 2))),
    }
    return builders[name]()


def optimizer(learner, rate) -> torch.optim.Optimizer:
    """Return Adam; learned inner rates go at an outer rate of their own."""
    rate, of_rates = rate if isinstance(rate, tuple) else (rate, rate / 10)
    own = list(learner.alpha.values()) if hasattr(learner, "alpha") else []
    known = {id(p) for p in own}
    groups = [{"params": [p for p in learner.parameters() if id(p) not in known]}]
    if own:
        groups.append({"params": own, "lr": of_rates})
    return torch.optim.Adam(groups, lr=rate)


def error(answer: torch.Tensor, cold: TaskBatch) -> float:
    """Return the mean over newcomers of the RMSE."""
    return float(masked_mse(answer, cold.query_y, cold.query_mask).sqrt().mean())


def main() -> None:
    """Print what every setting reaches."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("learners", nargs="*", metavar="LEARNER", help="default: all")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if unknown := [name for name in options.learners if name not in GRID]:
        parser.error(f"there is no learner {unknown[0]!r}; choose from {', '.join(GRID)}.")
    log = load_movielens("100k").interactions
    world = cold_start.tuning_world(log)
    pool, held = tasks_of_split(log, world, seed=0)
    cold = newcomers(world, pool)
    shrunk = cold.support_y.sum(1) / (cold.support_mask.sum(1) + 5)
    print(f"{'shrunk mean':20} {'':14} {'':14} {error(shrunk[:, None], cold):.4f}")
    for name in options.learners or GRID:
        for inner, rate in GRID[name]:
            generators = [torch.Generator().manual_seed(s) for s in range(options.seeds)]
            learner = build(name, inner, held.x.shape[1], generators)
            source = sampler(held, options.seeds, seed=0)
            meta_train(learner, source, options.steps, optimizer(learner, rate))
            found = [error(learner.alone(r).predict(cold), cold) for r in range(options.seeds)]
            mark = "  <-" if CHOSEN[name] == (inner, rate) else ""
            settings = f"{'' if inner is None else inner!s:14} {rate!s:14}"
            print(f"{name:20} {settings} {np.mean(found):.4f}{mark}", flush=True)


if __name__ == "__main__":
    main()
