"""AdaLoRA: updates in the form of a singular value decomposition, and a shared budget of ranks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from recsys_book.encoders.fine_tuning.lora import LowRankLinear
from recsys_book.encoders.fine_tuning.surgery import (
    factor_dtype,
    replace_each,
    seeded,
    train_only_added,
)


class AdaLoRALinear(LowRankLinear):
    """A frozen linear layer plus an update like a singular value decomposition.

    It computes ``W x + b + (alpha / rank) P diag(lam) Q x``. The singular values ``lam`` start at
    zero, so the layer starts as the frozen one. A triplet (a column of P, a value, a row of Q) is
    switched off by a value of zero, and can come back.

    Source: Zhang et al. (2023), section 3.1.

    Equation: eq-adalora.

    Args:
        linear: The pretrained layer; it is frozen.
        rank: Triplets at the start, from 1 to the smaller side of the weight.
        alpha: The update is scaled by alpha / rank; None takes the rank, a scale of one.
        generator: Where P and Q come from; None is a fresh one with seed 0.

    Attributes:
        P: Shape ``(outputs, rank)``.
        lam: Shape ``(rank,)``.
        Q: Shape ``(rank, inputs)``.

    Raises:
        ValueError: If the layer is not linear or the rank does not fit it.
    """

    def __init__(
        self,
        linear: nn.Linear,
        rank: int = 12,
        alpha: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(linear, rank, alpha)
        generator, weight = seeded(generator), linear.weight
        dtype = factor_dtype(weight)

        def normal(*shape: int) -> nn.Parameter:
            values = torch.empty(shape, dtype=dtype).normal_(0, 0.02, generator=generator)
            return nn.Parameter(values.to(weight.device))

        self.P = normal(linear.out_features, rank)
        self.Q = normal(rank, linear.in_features)
        self.lam = nn.Parameter(weight.new_zeros(rank, dtype=dtype))

    def added(self) -> list[nn.Parameter]:
        """Return P, the singular values and Q, which are what is trained."""
        return [self.P, self.lam, self.Q]

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return the factors of the update: Q with its rows scaled, and P."""
        return self.lam[:, None] * self.Q, self.P


def add_adalora(
    model: nn.Module,
    names: Sequence[str] = ("query", "key", "value"),
    rank: int = 12,
    alpha: float | None = None,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Freeze a model and put an update of adaptive rank beside its linear layers of some names.

    Args:
        model: The pretrained model, changed in place; add a new head to it afterwards, or it is
            frozen too.
        names: Ends of the layers' dotted names.
        rank: Triplets of each update at the start; one and a half times the final mean is usual.
        alpha: The updates are scaled by alpha / rank; None takes the rank.
        generator: Where the first factors come from.

    Returns:
        The model.

    Raises:
        ValueError: If a name is not there, a layer is not linear, the rank does not fit, or the
            model is already adapted; the model is as it was then.
    """
    generator = seeded(generator)
    replace_each(model, names, lambda linear: AdaLoRALinear(linear, rank, alpha, generator))
    return train_only_added(model)


def adalora_layers(model: nn.Module) -> dict[str, AdaLoRALinear]:
    """Return the AdaLoRA layers of a model by name; raise if there are none."""
    layers = {name: m for name, m in model.named_modules() if isinstance(m, AdaLoRALinear)}
    if not layers:
        raise ValueError(f"{type(model).__name__} has no AdaLoRA layers: call add_adalora first.")
    return layers


def orthogonality_penalty(model: nn.Module) -> Tensor:
    """Return how far the P and Q of all layers are from orthonormal columns and rows.

    Add it to the loss with a small weight. Then the triplets of a layer are independent, and a
    singular value is the size of what its triplet does.

    Source: Zhang et al. (2023), equation 4, summed over the layers.

    Equation: eq-adalora.

    Args:
        model: A model with AdaLoRA layers.

    Returns:
        The sum of squared deviations, 0-dimensional.

    Raises:
        ValueError: If there are no AdaLoRA layers.
    """
    terms = []
    for layer in adalora_layers(model).values():
        one = torch.eye(layer.rank, dtype=layer.P.dtype, device=layer.P.device)
        terms.append((layer.P.T @ layer.P - one).square().sum())
        terms.append((layer.Q @ layer.Q.T - one).square().sum())
    return torch.stack(terms).sum()


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
        self.importance = {
            (name, part): Importance(self.beta1, self.beta2)
            for name in self.layers
            for part in ("P", "lam", "Q")
        }

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
