"""The training loop, and the search for a rate."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.optimizers.checks import NonFiniteGradientError
from recsys_book.optimizers.optimizer import Optimizer
from recsys_book.optimizers.rules import Rule
from recsys_book.optimizers.scheduler import Scheduler

#: A rule, or a function from the model to any optimizer for it.
RuleOrFactory = Rule | Callable[[nn.Module], torch.optim.Optimizer]


class Problem(Protocol):
    """Something to train: a model, its batches, its loss and its validation."""

    def model(self, seed: int) -> nn.Module:
        """Return a model with fresh weights."""
        ...

    def batches(self, seed: int) -> Iterable[Any]:
        """Return the batches of one epoch, in an order drawn from the seed."""
        ...

    def loss(self, model: Any, batch: Any) -> Tensor:
        """Return the loss on one batch, 0-dimensional."""
        ...

    def validate(self, model: Any) -> float:
        """Return how well the model does on held-out data; lower is better."""
        ...


@dataclass(eq=False)
class History:
    """What happened in a run.

    Attributes:
        step_loss: Training loss of each step, before it, shape ``(steps,)``.
        epoch_validation: Validation before the first and after each epoch, shape
            ``(epochs + 1,)``; it ends in infinity if the run diverged.
        model: The trained model, ready to be evaluated.
        optimizer: Its optimizer.
    """

    step_loss: np.ndarray
    epoch_validation: np.ndarray
    model: nn.Module
    optimizer: torch.optim.Optimizer

    @property
    def best_epoch(self) -> int:
        """The number of epochs after which validation was best; 0 is before training."""
        return int(self.epoch_validation.argmin())

    @property
    def best_validation(self) -> float:
        """The best validation of the run."""
        return float(self.epoch_validation.min())

    @property
    def final_validation(self) -> float:
        """Validation at the end of the run; infinity if it diverged."""
        return float(self.epoch_validation[-1])

    @property
    def diverged(self) -> bool:
        """Whether the run was stopped because a loss or a gradient was not finite."""
        return not np.isfinite(self.final_validation)


def train(
    problem: Problem,
    rule: RuleOrFactory,
    *,
    epochs: int,
    seed: int = 0,
    schedule: Any = None,
    early_stopping: Any = None,
    clip_norm: float | None = None,
    accumulate: int = 1,
    on_epoch: Callable[[int, float, nn.Module, torch.optim.Optimizer], None] | None = None,
) -> History:
    """Train a problem's model from fresh weights.

    A run that diverges stops and records infinity; it raises nothing, so that a search for a
    rate may try large ones.

    Args:
        problem: What to train.
        rule: The rule of the steps, or a function from the model to an optimizer.
        epochs: How often to go through the training data.
        seed: Of the first weights and of the order in every epoch.
        schedule: How the rate changes with the step; None keeps it.
        early_stopping: Looks at each validation and may end the run with the best weights.
        clip_norm: The largest allowed norm of all gradients together; None for no limit.
        accumulate: Batches whose gradients are averaged into one step.
        on_epoch: Called after each epoch with its number (the first is 1), the validation, the
            model and the optimizer.

    Returns:
        The losses, the validations, the model and the optimizer.

    Raises:
        ValueError: If ``accumulate`` is not at least 1, or the rule refuses its gradients for
            another reason than their size.
    """
    if accumulate < 1:
        raise ValueError(f"accumulate is {accumulate}, but a step needs at least one batch.")
    model = problem.model(seed)
    optimizer = Optimizer(model.parameters(), rule) if isinstance(rule, Rule) else rule(model)
    scheduler = None if schedule is None else Scheduler(optimizer, schedule)
    shuffles = np.random.default_rng(seed)
    step_loss, validation, stop = [], [validate(problem, model, optimizer)], False
    try:
        for epoch in range(1, epochs + 1):
            for batches in _groups(problem.batches(int(shuffles.integers(2**31))), accumulate):
                optimizer.zero_grad()
                step_loss.append(sum(_backward(problem, model, b, len(batches)) for b in batches))
                _step(model, optimizer, clip_norm)
                if scheduler is not None:
                    scheduler.step()
            with evaluating(model, optimizer):
                validation.append(_finite(problem.validate(model)))
                if early_stopping is not None:
                    stop = early_stopping.step(validation[-1], model)
            if on_epoch is not None:
                on_epoch(epoch, validation[-1], model, optimizer)
            if stop:
                break
    except FloatingPointError:
        validation.append(np.inf)
    has_best = early_stopping is not None and np.isfinite(validation[1:]).any()
    _prepare_for_use(model, optimizer, early_stopping if has_best else None)
    return History(np.array(step_loss), np.array(validation), model, optimizer)


def _backward(problem: Problem, model: nn.Module, batch: Any, parts: int) -> float:
    """Add a batch's share of the gradient, and return its share of the loss."""
    loss = problem.loss(model, batch) / parts
    loss.backward()
    return _finite(loss.item())


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, clip_norm: float | None) -> None:
    """Clip the gradients and take a step; raise FloatingPointError if one is not finite."""
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    try:
        optimizer.step()
    except NonFiniteGradientError as problem:
        raise FloatingPointError from problem


def _finite(number: float) -> float:
    """Return a number, or raise FloatingPointError if it is not finite."""
    if not np.isfinite(number):
        raise FloatingPointError
    return number


def _groups(batches: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of ``size`` batches; the last may be shorter."""
    batches = iter(batches)
    while group := list(islice(batches, size)):
        yield group


def _prepare_for_use(model: nn.Module, optimizer: torch.optim.Optimizer, stopping: Any) -> None:
    """Leave the model with the weights to be evaluated: the average, or the best."""
    model.eval()
    if isinstance(optimizer, Optimizer):
        optimizer.eval()
    if stopping is not None:
        stopping.restore(model)


@contextmanager
def evaluating(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Suspend training: averaged weights where the rule has them, no dropout, no gradients.

    Args:
        model: The model; in training mode afterwards.
        optimizer: Its optimizer.

    Yields:
        Nothing.
    """
    ours = isinstance(optimizer, Optimizer)
    if ours:
        optimizer.eval()
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train()
        if ours:
            optimizer.train()


def validate(problem: Problem, model: nn.Module, optimizer: torch.optim.Optimizer) -> float:
    """Validate a model in training.

    Args:
        problem: What the model was made for.
        model: The model; in training mode afterwards.
        optimizer: Its optimizer.

    Returns:
        The validation, lower is better; infinity where it is not a finite number.
    """
    with evaluating(model, optimizer):
        value = float(problem.validate(model))
    return value if np.isfinite(value) else np.inf


@dataclass(frozen=True, eq=False)
class TunedRate:
    """The outcome of a search over rates.

    Attributes:
        rate: The rate with the lowest score.
        rates: The rates that were tried, shape ``(rates,)``.
        scores: Validation at the end of each run, shape ``(rates,)``; infinity if it diverged.
    """

    rate: float
    rates: np.ndarray
    scores: np.ndarray

    @property
    def at_edge(self) -> bool:
        """Whether the best rate is the smallest or the largest tried: the grid is too narrow."""
        return self.rate in (self.rates.min(), self.rates.max())


def tune_rate(
    problem: Problem,
    make_rule: Callable[[float], RuleOrFactory],
    rates: Sequence[float],
    *,
    epochs: int,
    seed: int = 0,
    **options: Any,
) -> TunedRate:
    """Try each rate of a grid once and keep the best on validation.

    Rules that are compared must get grids of the same length, epochs and seed: that is what an
    equal budget means here.

    Args:
        problem: What to train.
        make_rule: From a rate to a rule, or to a function from the model to an optimizer.
        rates: The rates to try.
        epochs: Of each run.
        seed: Of each run.
        **options: Further arguments of ``train``.

    Returns:
        The best rate and all scores.

    Raises:
        ValueError: If there are no rates, or if every run diverged.
    """
    rates = np.asarray(list(rates), dtype=float)
    if not len(rates):
        raise ValueError("The grid of rates is empty: give at least one rate to try.")
    runs = (
        train(problem, make_rule(float(rate)), epochs=epochs, seed=seed, **options)
        for rate in rates
    )
    scores = np.array([run.final_validation for run in runs])
    if not np.isfinite(scores).any():
        raise ValueError(
            f"Every run diverged, at rates from {rates.min():g} to {rates.max():g}: "
            "try smaller ones."
        )
    return TunedRate(float(rates[scores.argmin()]), rates, scores)
