"""Population-based training: rates that follow the validation set, several models at a time."""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from torch import nn

from recsys_book.optimizers.optimizer import Optimizer
from recsys_book.optimizers.rules.base import Rule
from recsys_book.optimizers.training import Problem, validate


@dataclass
class Member:
    """One member of a population: a model in training with a rate of its own.

    Attributes:
        model: The model.
        optimizer: Its optimizer.
        rate: Its present rate.
        score: Its last validation score.
    """

    model: nn.Module
    optimizer: Optimizer
    rate: float
    score: float = math.inf


@dataclass(frozen=True)
class Population:
    """What population-based training did.

    Attributes:
        scores: Validation score after each round, shape ``(rounds, members)``.
        rates: The rate of each round, shape ``(rounds, members)``.
        parents: From whom each member went on after the round, shape ``(rounds, members)``;
            its own number where it copied nobody.
        best: The model with the best last score.
    """

    scores: np.ndarray
    rates: np.ndarray
    parents: np.ndarray
    best: nn.Module

    def lineage(self) -> np.ndarray:
        """Return the rates that the best model was trained with, shape ``(rounds,)``."""
        who, rates = int(np.argmin(self.scores[-1])), []
        for round_ in range(len(self.scores) - 1, -1, -1):
            if round_ < len(self.scores) - 1:
                who = int(self.parents[round_, who])
            rates.append(self.rates[round_, who])
        return np.array(rates[::-1])


def population_based_training(
    problem: Problem,
    make_rule: Callable[[float], Rule],
    rates: Iterable[float],
    *,
    rounds: int,
    seed: int = 0,
    quantile: float = 0.25,
    perturb: float = 1.5,
) -> Population:
    """Train several models at once; the worst go on from the best, at a rate nearby.

    Source: Jaderberg et al. (2017), Algorithm 1.

    Args:
        problem: Has ``model(seed)``, ``batches(seed)``, ``loss(model, batch)`` and
            ``validate(model)``, lower is better.
        make_rule: Takes a rate, returns the rule.
        rates: The first rate of each member.
        rounds: Rounds of one epoch each.
        seed: Of the first weights, the batches and the perturbations.
        quantile: The share of the members that is replaced after a round.
        perturb: A copied rate is multiplied or divided by this.

    Returns:
        Scores, rates and parents of every round, and the best model.

    Raises:
        ValueError: If there are fewer than two members, no rounds, or the shares make no sense.
    """
    if not 0 < quantile <= 0.5 or not perturb > 1:
        raise ValueError(
            f"The population has quantile {quantile} and perturb {perturb}, but the quantile must "
            "lie in (0, 0.5] and the factor above 1."
        )
    members = []
    for rate in rates:
        model = problem.model(seed)
        optimizer = Optimizer(model.parameters(), make_rule(rate))
        members.append(Member(model, optimizer, rate))
    if len(members) < 2 or rounds < 1:
        raise ValueError(
            f"A population of {len(members)} members and {rounds} rounds learns nothing from "
            "itself: give two members or more, and one round or more."
        )
    rng = np.random.default_rng(seed)
    log: list[tuple[list[float], list[float], np.ndarray]] = []
    for round_ in range(rounds):
        for member in members:
            _train_epoch(problem, member, int(rng.integers(2**31)))
        scores, used = [m.score for m in members], [m.rate for m in members]
        last = round_ == rounds - 1
        parents = np.arange(len(members)) if last else _exploit(members, quantile, perturb, rng)
        log.append((scores, used, parents))
    best = min(members, key=lambda member: member.score).model
    return Population(*(np.array(column) for column in zip(*log)), best)


def _train_epoch(problem: Problem, member: Member, seed: int) -> None:
    """Train a member for an epoch and validate it; a diverged one scores infinity."""
    member.score = math.inf
    for batch in problem.batches(seed):
        member.optimizer.zero_grad()
        loss = problem.loss(member.model, batch)
        loss.backward()
        grads = [p.grad for p in member.model.parameters() if p.grad is not None]
        if not all(bool(grad.isfinite().all()) for grad in grads):
            return
        member.optimizer.step()
    member.score = validate(problem, member.model, member.optimizer)


def _exploit(
    members: list[Member], quantile: float, perturb: float, rng: np.random.Generator
) -> np.ndarray:
    """Let the worst members copy the best ones and change the rate; return the parents."""
    order = np.argsort([member.score for member in members], kind="stable")
    n = max(1, int(quantile * len(members)))
    parents = np.arange(len(members))
    for loser, winner in zip(order[::-1][:n], rng.choice(order[:n], size=n)):
        child, parent = members[loser], members[winner]
        parents[loser] = winner
        child.model.load_state_dict(parent.model.state_dict())
        child.optimizer.load_state_dict(copy.deepcopy(parent.optimizer.state_dict()))
        child.rate = parent.rate * float(rng.choice([perturb, 1 / perturb]))
        for group in child.optimizer.param_groups:
            group["lr"] = child.rate
    return parents
