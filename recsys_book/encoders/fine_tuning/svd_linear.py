"""Updates in the form of a singular value decomposition, for AdaLoRA."""

from __future__ import annotations

from collections.abc import Sequence

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
