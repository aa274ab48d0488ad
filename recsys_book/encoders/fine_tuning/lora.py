"""Low-rank adaptation: a frozen weight, and a trainable product of two thin matrices beside it."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from recsys_book.encoders.fine_tuning.freezing import freeze
from recsys_book.encoders.fine_tuning.surgery import (
    Adapted,
    check_input,
    check_linear,
    check_rank,
    factor_dtype,
    put,
    replace_each,
    seeded,
    train_only_added,
)


def low_rank_update(x: Tensor, A: Tensor, B: Tensor, scale: float) -> Tensor:
    """Return ``scale * B A x`` for each row, without ever forming the product of B and A.

    Source: Hu et al. (2022), section 4.1.

    Equation: eq-lora.

    Args:
        x: Inputs, shape ``(..., inputs)``.
        A: Shape ``(rank, inputs)``.
        B: Shape ``(outputs, rank)``.
        scale: The factor alpha / rank.

    Returns:
        Shape ``(..., outputs)``.
    """
    return scale * ((x @ A.T) @ B.T)


def lora_gradients(
    x: Tensor, g: Tensor, A: Tensor, B: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the two factors, by hand.

    Equation: eq-lora-gradients.

    Args:
        x: Inputs, shape ``(n, inputs)``.
        g: Gradient of the loss with respect to the layer's outputs, shape ``(n, outputs)``.
        A: Shape ``(rank, inputs)``.
        B: Shape ``(outputs, rank)``.
        scale: The factor alpha / rank.

    Returns:
        The gradients of A and of B, of their shapes.
    """
    G = g.T @ x  # what the full weight's gradient would be
    return scale * B.T @ G, scale * G @ A.T


def lora_parameters(inputs: int, outputs: int, rank: int) -> int:
    """Return how many numbers LoRA trains for one matrix.

    Args:
        inputs: Columns of the frozen matrix.
        outputs: Its rows.
        rank: The rank of the update.

    Returns:
        The number of entries of both factors.
    """
    return rank * (inputs + outputs)


class LowRankLinear(Adapted):
    """A frozen linear layer plus an update of low rank, which a subclass defines.

    Args:
        linear: The pretrained layer; it is frozen.
        rank: Rank of the update, from 1 to the smaller side of the weight.
        alpha: The update is scaled by alpha / rank; None takes the rank, a scale of one.

    Raises:
        ValueError: If the layer is not linear or the rank does not fit it.
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float | None) -> None:
        super().__init__()
        check_linear(linear, type(self).__name__)
        check_rank(rank, linear)
        self.linear = freeze(linear)
        self.rank, self.alpha = rank, rank if alpha is None else alpha

    @property
    def scale(self) -> float:
        """The factor of the update, alpha / rank."""
        return self.alpha / self.rank

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return the factors: shapes ``(rank, inputs)`` and ``(outputs, rank)``."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's outputs.

        Args:
            x: Inputs, shape ``(..., inputs)``.

        Returns:
            Shape ``(..., outputs)``.

        Raises:
            ValueError: If the input's type is not the frozen weight's, outside of autocast.
        """
        check_input(x, self.linear.weight)
        A, B = self.factors()
        frozen = self.linear(x)
        return frozen + low_rank_update(x.to(A.dtype), A, B, self.scale).to(frozen.dtype)

    @torch.no_grad()
    def update(self) -> Tensor:
        """Return what is added to the frozen weight, shape ``(outputs, inputs)``."""
        A, B = self.factors()
        return self.scale * B @ A

    @torch.no_grad()
    def merge(self) -> nn.Linear:
        """Return one plain layer that does the same: the update is added to a copy of the weight.

        Equation: eq-lora-merge.

        Returns:
            A linear layer, frozen; this one is not changed.
        """
        merged = copy.deepcopy(self.linear)
        merged.weight += self.update().to(merged.weight.dtype)
        return merged


class LoRALinear(LowRankLinear):
    """A frozen linear layer plus a low-rank update: ``W x + b + (alpha / rank) B A x``.

    A starts random and B at zero, so the layer starts as the frozen one. The factors are float32
    where the frozen weight has fewer bits.

    Source: Hu et al. (2022), section 4.1.

    Equation: eq-lora.

    Args:
        linear: The pretrained layer; it is frozen.
        rank: Rank of the update, from 1 to the smaller side of the weight.
        alpha: The update is scaled by alpha / rank; None takes the rank, a scale of one.
        generator: Where A comes from; None is a fresh one with seed 0.

    Attributes:
        A: Shape ``(rank, inputs)``.
        B: Shape ``(outputs, rank)``.

    Raises:
        ValueError: If the layer is not linear or the rank does not fit it.
    """

    def __init__(
        self,
        linear: nn.Linear,
        rank: int = 8,
        alpha: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(linear, rank, alpha)
        dtype, bound = factor_dtype(linear.weight), 1 / math.sqrt(linear.in_features)
        A = torch.empty(rank, linear.in_features, dtype=dtype)
        A.uniform_(-bound, bound, generator=seeded(generator))  # as torch starts a linear layer
        self.A = nn.Parameter(A.to(linear.weight.device))
        self.B = nn.Parameter(linear.weight.new_zeros(linear.out_features, rank, dtype=dtype))

    def added(self) -> list[nn.Parameter]:
        """Return the two factors, which are what is trained."""
        return [self.A, self.B]

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return A and B."""
        return self.A, self.B


def add_lora(
    model: nn.Module,
    names: Sequence[str] = ("query", "value"),
    rank: int = 8,
    alpha: float | None = None,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Freeze a model and put a low-rank update beside its linear layers of some names.

    Args:
        model: The pretrained model, changed in place; add a new head to it afterwards, or it is
            frozen too.
        names: Ends of the layers' dotted names; the default are those of Hu et al. (2022) in a
            BERT of ``transformers``.
        rank: Rank of each update.
        alpha: The updates are scaled by alpha / rank; None takes the rank.
        generator: Where the first factors come from.

    Returns:
        The model.

    Raises:
        ValueError: If a name is not there, a layer is not linear, the rank does not fit, or the
            model is already adapted; the model is as it was then.
    """
    generator = seeded(generator)
    replace_each(model, names, lambda linear: LoRALinear(linear, rank, alpha, generator))
    return train_only_added(model)


def merge_lora(model: nn.Module) -> nn.Module:
    """Put one plain layer in the place of each low-rank one: the same function, no extra work.

    Equation: eq-lora-merge.

    Args:
        model: A model with LoRA or AdaLoRA layers, changed in place.

    Returns:
        The model, which has its old layout again; the merged layers are frozen.

    Raises:
        ValueError: If there is no low-rank layer inside.
    """
    places = [name for name, m in model.named_modules() if isinstance(m, LowRankLinear) and name]
    if not places:
        raise ValueError(
            f"No layer inside {type(model).__name__} is a low-rank one, so there is nothing to "
            "merge: call add_lora first, or the layer's own merge()."
        )
    for place in places:
        put(model, place, model.get_submodule(place).merge())
    return model
