"""Learning rates that follow the validation set, and the run that stops when it says so."""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn


def check_score(value: float, who: str, epoch: int) -> float:
    """Return a validation score as a float, and refuse NaN.

    Args:
        value: The score; may be infinite, as that of a diverged model is.
        who: Who asks, for the message.
        epoch: Which call this is, from 1.

    Returns:
        The score.

    Raises:
        ValueError: If the score is NaN, which is neither better nor worse than anything.
    """
    value = float(value)
    if math.isnan(value):
        raise ValueError(
            f"{who}: the validation score number {epoch} is NaN, which cannot be compared: look at "
            "the model's outputs, or pass infinity for a diverged model."
        )
    return value


class ReduceOnPlateau:
    """Multiplies the rate by a factor when the validation score has stopped improving.

    Call ``step`` with the score once after each epoch.

    Equation: eq-plateau.

    Args:
        optimizer: Whose parameter groups are changed.
        factor: What the rates are multiplied by, in (0, 1).
        patience: Epochs without an improvement that are tolerated.
        threshold: What counts as an improvement: a smaller one does not.
        relative: Whether the threshold is a share of the best score, or in its unit. A share
            supposes that scores are positive.
        cooldown: Epochs after a reduction in which nothing is counted.
        floor: No rate falls below it.
        mode: ``"min"`` if lower scores are better, ``"max"`` if higher ones are.
        eps: A reduction by less than this is not made.

    Attributes:
        best: The best score so far.
        reductions: After which calls of ``step``, from 1, the rate was reduced.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        relative: bool = True,
        cooldown: int = 0,
        floor: float = 0.0,
        mode: Literal["min", "max"] = "min",
        eps: float = 1e-8,
    ) -> None:
        if not 0 < factor < 1:
            raise ValueError(f"ReduceOnPlateau: factor is {factor}, but it must lie in (0, 1).")
        for name, length in (("patience", patience), ("cooldown", cooldown)):
            if length < 0:
                raise ValueError(f"ReduceOnPlateau: {name} is {length}, but it cannot be negative.")
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceOnPlateau: mode is {mode!r}: use 'min' or 'max'.")
        self.optimizer, self.factor, self.patience = optimizer, factor, patience
        self.threshold, self.relative, self.cooldown = threshold, relative, cooldown
        self.floor, self.mode, self.eps = floor, mode, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.bad_epochs = self.cooling = self.epochs = 0
        self.reductions: list[int] = []

    @property
    def rates(self) -> list[float]:
        """The present rate of each parameter group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def is_better(self, value: float) -> bool:
        """Return whether a score improves on the best by more than the threshold."""
        sign = 1 if self.mode == "max" else -1
        if self.relative:
            return sign * value > sign * self.best * (1 + sign * self.threshold)
        return sign * value > sign * self.best + self.threshold

    def step(self, value: float) -> None:
        """Take note of an epoch's score, and reduce the rates if it is time.

        Args:
            value: The validation score.

        Raises:
            ValueError: If it is NaN.
        """
        self.epochs += 1
        value = check_score(value, "ReduceOnPlateau", self.epochs)
        if self.is_better(value):
            self.best, self.bad_epochs = value, 0
        else:
            self.bad_epochs += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad_epochs = 0
        if self.bad_epochs > self.patience:
            self._reduce()

    def _reduce(self) -> None:
        """Multiply every rate by the factor, down to the floor."""
        for group in self.optimizer.param_groups:
            rate = max(group["lr"] * self.factor, self.floor)
            if group["lr"] - rate > self.eps:
                group["lr"] = rate
        self.cooling, self.bad_epochs = self.cooldown, 0
        self.reductions.append(self.epochs)

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed to go on after a checkpoint."""
        names = ("best", "bad_epochs", "cooling", "epochs", "reductions")
        return {name: copy.copy(getattr(self, name)) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another one stopped.

        Args:
            state: What ``state_dict`` returned.
        """
        for name, value in state.items():
            setattr(self, name, copy.copy(value))


class EarlyStopping:
    """Stops a run whose validation score no longer improves, and keeps the best weights.

    Source: Prechelt (1998).

    Args:
        patience: Epochs without an improvement that are tolerated.
        min_delta: A smaller improvement does not count; in the score's unit.
        mode: ``"min"`` if lower scores are better, ``"max"`` if higher ones are.

    Attributes:
        best: The best score so far.
        best_epoch: Which call of ``step`` gave it, from 0; -1 before the first.
    """

    def __init__(
        self, patience: int = 3, min_delta: float = 0.0, mode: Literal["min", "max"] = "min"
    ) -> None:
        if patience < 0:
            raise ValueError(f"EarlyStopping: patience is {patience}, but it cannot be negative.")
        if not min_delta >= 0:
            raise ValueError(
                f"EarlyStopping: min_delta is {min_delta}, but it must be zero or more."
            )
        if mode not in ("min", "max"):
            raise ValueError(f"EarlyStopping: mode is {mode!r}: use 'min' or 'max'.")
        self.patience, self.min_delta, self.mode = patience, min_delta, mode
        self.best = math.inf if mode == "min" else -math.inf
        self.best_epoch, self.epochs, self.bad_epochs = -1, 0, 0
        self._weights: dict[str, Tensor] | None = None

    def step(self, value: float, model: nn.Module) -> bool:
        """Take note of an epoch's score, and keep the weights if it is the best.

        Args:
            value: The validation score.
            model: The model that has it.

        Returns:
            Whether to stop.

        Raises:
            ValueError: If the score is NaN.
        """
        value = check_score(value, "EarlyStopping", self.epochs + 1)
        gain = value - self.best if self.mode == "max" else self.best - value
        if gain > self.min_delta:
            self.best, self.best_epoch, self.bad_epochs = value, self.epochs, 0
            self._weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
        else:
            self.bad_epochs += 1
        self.epochs += 1
        return self.bad_epochs > self.patience

    def restore(self, model: nn.Module) -> None:
        """Give a model the best weights.

        Args:
            model: Changed in place.

        Raises:
            ValueError: If no score was finite, so that no weights were kept.
        """
        if self._weights is None:
            raise ValueError(
                "EarlyStopping has no weights to restore: no epoch improved on infinity; look at "
                "the first validation score."
            )
        model.load_state_dict(self._weights)


@dataclass(frozen=True)
class RangeTest:
    """What a range test saw.

    Attributes:
        rates: The rates, increasing, shape ``(n,)``.
        losses: The batch losses under them, shape ``(n,)``.
        smoothed: Their bias-corrected moving average, shape ``(n,)``.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray

    @property
    def lowest(self) -> float:
        """The rate at which the smoothed loss is lowest: about the largest that still works."""
        return float(self.rates[np.argmin(self.smoothed)])

    @property
    def steepest(self) -> float:
        """The rate at which the smoothed loss falls fastest per factor of rate."""
        last = max(int(np.argmin(self.smoothed)), 2)
        slope = np.gradient(self.smoothed, np.log(self.rates))
        return float(self.rates[np.argmin(slope[:last])])


def rate_range_test(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Any],
    loss: Callable[[nn.Module, Any], Tensor],
    *,
    low: float = 1e-5,
    high: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.9,
    stop: float = 4.0,
) -> RangeTest:
    """Raise the rate a little at every step of a short run, and watch the loss.

    Weights, rates and the optimizer's state are put back afterwards.

    Source: Smith (2017), section 3.3.

    Args:
        model: The model.
        optimizer: Its optimizer.
        batches: At least a few batches; the test ends with them at the latest.
        loss: Takes the model and a batch, returns the loss, 0-dimensional.
        low: The first rate.
        high: The last rate.
        steps: Number of rates, evenly spaced on a logarithmic axis.
        smoothing: Weight of the past in the moving average of the losses.
        stop: The test ends when the smoothed loss is this many times its lowest value.

    Returns:
        Rates and losses up to the end of the test.

    Raises:
        ValueError: If the range is empty, or there are fewer than three batches.
    """
    if not 0 < low < high < math.inf or steps < 3:
        raise ValueError(
            f"The range test goes from {low} to {high} in {steps} steps, but it needs "
            "0 < low < high and 3 steps or more."
        )
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    rates, losses, smoothed, average = [], [], [], 0.0
    for rate, batch in zip(np.geomspace(low, high, steps), batches):
        value = _step_at(float(rate), model, optimizer, loss, batch)
        if not math.isfinite(value):
            break
        average = smoothing * average + (1 - smoothing) * value
        rates.append(float(rate))
        losses.append(value)
        smoothed.append(average / (1 - smoothing ** len(rates)))
        if smoothed[-1] > stop * min(smoothed):
            break
    _put_back(model, optimizer, before)
    if len(rates) < 3:
        raise ValueError(
            f"The range test saw {len(rates)} finite losses, but it needs three or more: give more "
            "batches, or a smaller first rate."
        )
    return RangeTest(np.array(rates), np.array(losses), np.array(smoothed))


def _step_at(
    rate: float,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[nn.Module, Any], Tensor],
    batch: Any,
) -> float:
    """Take one step at a rate, and return the loss before it; no step if it is not finite."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    value = loss(model, batch)
    if torch.isfinite(value):
        value.backward()
        optimizer.step()
    return value.item()


def _put_back(model: nn.Module, optimizer: torch.optim.Optimizer, before: tuple) -> None:
    """Restore weights, rates and state."""
    model.load_state_dict(before[0])
    optimizer.zero_grad()
    optimizer.state.clear()
    optimizer.load_state_dict(before[1])
