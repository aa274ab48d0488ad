"""AdaLoRA: the ranks of all layers share one budget, and go where they are needed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from recsys_book.encoders.fine_tuning.svd_linear import adalora_layers


def rank_budget(step: int, start: int, target: int, total: int, warmup: int, final: int) -> int:
    """Return how many triplets all layers together may keep at a step.

    All of them during the warm-up, the target in the final phase, and a cubic descent between:
    fast while much is superfluous, slow near the end.

    Source: Zhang et al. (2023), section 3.3.

    Equation: eq-adalora-budget.

    Args:
        step: The number of the step.
        start: Triplets at the start.
        target: Triplets at the end.
        total: Steps of the whole training.
        warmup: Steps before the descent.
        final: Steps after it.

    Returns:
        The budget.
    """
    if step <= warmup:
        return start
    if step >= total - final:
        return target
    left = 1 - (step - warmup) / (total - final - warmup)
    return int(target + (start - target) * left**3)


@dataclass
class Importance:
    """How much the loss would change without a weight, smoothed, and how unsure that is.

    Source: Zhang et al. (2023), equations 8 to 10; Molchanov et al. (2019) for the sensitivity.

    Equation: eq-adalora-importance.

    Attributes:
        beta1: Memory of the sensitivity, in (0, 1).
        beta2: Memory of the uncertainty, in (0, 1).
        sensitivity: Smoothed size of weight times gradient, of the weight's shape, or None.
        uncertainty: Smoothed distance of the present size from it, or None.
    """

    beta1: float = 0.85
    beta2: float = 0.85
    sensitivity: Tensor | None = None
    uncertainty: Tensor | None = None

    def update(self, weight: Tensor, grad: Tensor) -> None:
        """Take one gradient into account.

        Args:
            weight: Any shape.
            grad: Its gradient, of the same shape.
        """
        now = (weight * grad).abs().detach()
        if self.sensitivity is None or self.uncertainty is None:
            self.sensitivity = self.uncertainty = torch.zeros_like(now)
        self.sensitivity = self.beta1 * self.sensitivity + (1 - self.beta1) * now
        surprise = (now - self.sensitivity).abs()
        self.uncertainty = self.beta2 * self.uncertainty + (1 - self.beta2) * surprise

    def score(self) -> Tensor:
        """Return the product, of the weight's shape; ``update`` must have been called."""
        assert self.sensitivity is not None and self.uncertainty is not None
        return self.sensitivity * self.uncertainty


@dataclass
class RankAllocator:
    """Shares a budget of ranks among the layers: the least important triplets are set to zero.

    Call ``step`` after the optimizer's step, while the gradients are still there.

    Source: Zhang et al. (2023), section 3 and algorithm 1.

    Equations: eq-adalora-importance, eq-adalora-budget.

    Attributes:
        model: A model with AdaLoRA layers.
        target_rank: Mean rank of a layer at the end.
        total: Steps of the whole training.
        warmup: Steps before the first cut.
        final: Steps in which the ranks no longer change.
        interval: Steps between two cuts.
        beta1: Memory of the sensitivity.
        beta2: Memory of the uncertainty.
        kept: Which triplets the last cut kept, by layer; empty before it.
    """

    model: nn.Module
    target_rank: int
    total: int
    warmup: int = 0
    final: int = 0
    interval: int = 1
    beta1: float = 0.85
    beta2: float = 0.85
    kept: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find the layers, and check the plan against them."""
        self.layers = adalora_layers(self.model)
        self.start = sum(layer.rank for layer in self.layers.values())
        self.target = self.target_rank * len(self.layers)
        self._check()
        self.importance = {
            (name, part): Importance(self.beta1, self.beta2)
            for name in self.layers
            for part in ("P", "lam", "Q")
        }

    def _check(self) -> None:
        """Raise if the plan does not fit the layers or itself."""
        if not self.target_rank >= 1 or self.target > self.start:
            raise ValueError(
                f"target_rank is {self.target_rank}, but the layers start with a mean rank of "
                f"{self.start / len(self.layers):g}: choose one from 1 to that."
            )
        if min(self.warmup, self.final) < 0 or self.warmup + self.final > self.total - 2:
            raise ValueError(
                f"{self.warmup} steps of warm-up and {self.final} final ones leave less than two "
                f"of {self.total} to share out the budget: make them shorter."
            )
        if self.interval < 1 or not (0 < self.beta1 < 1 and 0 < self.beta2 < 1):
            raise ValueError(
                f"interval is {self.interval} and the betas {self.beta1} and {self.beta2}, but it "
                "must be at least 1 and they between 0 and 1."
            )

    def ranks(self) -> dict[str, int]:
        """Return how many triplets each layer kept at the last cut."""
        full = {name: layer.rank for name, layer in self.layers.items()}
        return full | {name: int(kept.sum()) for name, kept in self.kept.items()}

    def scores(self) -> dict[str, Tensor]:
        """Return the importance of each triplet by layer, shape ``(rank,)`` each.

        A triplet's is that of its value plus the mean over its column of P and its row of Q.

        Equation: eq-adalora-importance.
        """
        part = {key: importance.score() for key, importance in self.importance.items()}
        return {
            name: part[name, "lam"] + part[name, "P"].mean(0) + part[name, "Q"].mean(1)
            for name in self.layers
        }

    @torch.no_grad()
    def step(self, step: int) -> int:
        """Learn from the gradients of a step, and cut where it is time.

        Args:
            step: The number of the step, from 1 to ``total``.

        Returns:
            The budget at this step.

        Raises:
            ValueError: If a layer has no gradient.
        """
        last_cut = self.total - self.final
        if step < last_cut:
            self._update()
        budget = rank_budget(step, self.start, self.target, self.total, self.warmup, self.final)
        if step == last_cut or (self.warmup < step < last_cut and step % self.interval == 0):
            self._choose(budget)
            self._cut()
        elif step > last_cut:
            self._cut()
        return budget

    def attach(self, optimizer: torch.optim.Optimizer) -> RankAllocator:
        """Let an optimizer call ``step`` after each of its own.

        Args:
            optimizer: One that has taken no step yet.

        Returns:
            The allocator.
        """
        steps = itertools.count(1)
        optimizer.register_step_post_hook(lambda *_: self.step(next(steps)) and None)
        return self

    def _update(self) -> None:
        """Update the importance of every weight."""
        for (name, part), importance in self.importance.items():
            weight = getattr(self.layers[name], part)
            if weight.grad is None:
                raise ValueError(
                    f"{name}.{part} has no gradient: call step after backward and before zero_grad."
                )
            importance.update(weight, weight.grad)

    def _choose(self, budget: int) -> None:
        """Mark the most important triplets of all layers together; the first of equal ones."""
        scores = self.scores()
        order = torch.cat(list(scores.values())).argsort(descending=True, stable=True)
        kept = torch.zeros(self.start, dtype=torch.bool, device=order.device)
        kept[order[:budget]] = True
        self.kept = dict(zip(scores, kept.split([len(score) for score in scores.values()])))

    def _cut(self) -> None:
        """Set the values of the other triplets to zero."""
        for name, kept in self.kept.items():
            self.layers[name].lam.masked_fill_(~kept, 0.0)
