"""Start a model from another domain's weights: copy what both share, draw the rest afresh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from recsys_book.optimizers.training import Problem


def copy_shared(source: nn.Module, target: nn.Module, shared: Sequence[str]) -> list[str]:
    """Copy the named parts of a trained model into a fresh one.

    Args:
        source: The trained model.
        target: A model for another domain; its other parts stay as they are.
        shared: Names of parameters, or of modules whose parameters are all copied.

    Returns:
        Names of the target's parameters that were not copied.

    Raises:
        ValueError: If a name fits nothing, or a copied table has another shape in the target.
    """
    theirs, ours = dict(source.named_parameters()), dict(target.named_parameters())
    chosen = _named(ours, shared)
    with torch.no_grad():
        for name in chosen:
            if name not in theirs:
                raise ValueError(f"The source model has no {name!r}; share only what both have.")
            if theirs[name].shape != ours[name].shape:
                raise ValueError(
                    f"{name!r} has shape {tuple(theirs[name].shape)} in the source and "
                    f"{tuple(ours[name].shape)} in the target; leave it out of `shared` and let "
                    "the target learn its own."
                )
            ours[name].copy_(theirs[name])
    return [name for name in ours if name not in chosen]


def rate_groups(
    model: nn.Module, shared: Sequence[str], rate: float, slow: float
) -> list[dict[str, Any]]:
    """Return parameter groups for ``torch.optim``: copied parts learn more slowly.

    Args:
        model: The model to fine-tune.
        shared: Names of the copied parts.
        rate: Rate of the fresh parts.
        slow: What the rate is multiplied by for the copied parts; 0 freezes them.

    Returns:
        Two groups, the copied parts first.

    Raises:
        ValueError: If a name fits nothing, or ``slow`` is not between 0 and 1.
    """
    if not 0 <= slow <= 1:
        raise ValueError(f"slow is {slow}; copied parts take a share between 0 and 1 of the rate.")
    own = dict(model.named_parameters())
    copied = _named(own, shared)
    fresh = [p for name, p in own.items() if name not in copied]
    return [
        {"params": [own[name] for name in copied], "lr": rate * slow},
        {"params": fresh, "lr": rate},
    ]


def _named(own: Mapping[str, Tensor], names: Iterable[str]) -> list[str]:
    found = []
    for wanted in names:
        fits = [name for name in own if name == wanted or name.startswith(wanted + ".")]
        if not fits:
            raise ValueError(f"The model has no part {wanted!r}; it has {', '.join(own)}.")
        found += fits
    return found


@dataclass(eq=False)
class WarmStart:
    """A problem whose models start from a source model; train it with ``optimizers.train``.

    Attributes:
        problem: The target domain's problem.
        source: The model that was trained on the source domain.
        shared: Names of the parts that are copied.
    """

    problem: Problem
    source: nn.Module
    shared: Sequence[str]

    def model(self, seed: int) -> nn.Module:
        """Return a fresh model of the target with the shared parts of the source."""
        model = self.problem.model(seed)
        copy_shared(self.source, model, self.shared)
        return model

    def batches(self, seed: int) -> Iterable[Any]:
        """Return the target problem's batches."""
        return self.problem.batches(seed)

    def loss(self, model: Any, batch: Any) -> Tensor:
        """Return the target problem's loss, 0-dimensional."""
        return self.problem.loss(model, batch)

    def validate(self, model: Any) -> float:
        """Return the target problem's validation; lower is better."""
        return self.problem.validate(model)
