"""Bottleneck adapters: a small network after each sublayer, and the rest frozen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.encoders.fine_tuning.freezing import freeze
from recsys_book.encoders.fine_tuning.surgery import (
    Adapted,
    check_input,
    check_linear,
    factor_dtype,
    replace_each,
    seeded,
    train_only_added,
)


class Adapter(nn.Module):
    """A bottleneck with a residual: ``h + U gelu(D h + b) + c``, where U and c start at zero.

    It therefore starts as the identity.

    Source: Houlsby et al. (2019), section 2.1; theirs starts near the identity, this one at it.

    Equation: eq-adapter.

    Args:
        width: Of the vectors.
        bottleneck: Width inside, at least 1.
        generator: Where D comes from; None is a fresh one with seed 0.
        dtype: Of the weights.

    Raises:
        ValueError: If a width is below 1.
    """

    def __init__(
        self,
        width: int,
        bottleneck: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if width < 1 or bottleneck < 1:
            raise ValueError(
                f"The width is {width} and the bottleneck {bottleneck}, but both must be 1 or more."
            )
        bound = 1 / math.sqrt(width)
        D = torch.empty(bottleneck, width, dtype=dtype)
        self.D = nn.Parameter(D.uniform_(-bound, bound, generator=seeded(generator)))
        self.b = nn.Parameter(torch.zeros(bottleneck, dtype=dtype))
        self.U = nn.Parameter(torch.zeros(width, bottleneck, dtype=dtype))
        self.c = nn.Parameter(torch.zeros(width, dtype=dtype))

    def forward(self, h: Tensor) -> Tensor:
        """Return the vectors with what the bottleneck adds.

        Args:
            h: Shape ``(..., width)``.

        Returns:
            The same shape.
        """
        inside = functional.gelu(functional.linear(h, self.D, self.b))
        return h + functional.linear(inside, self.U, self.c)


class AdaptedLinear(Adapted):
    """A frozen linear layer with an adapter behind it.

    Args:
        linear: The pretrained layer; it is frozen.
        bottleneck: Width inside the adapter.
        generator: Where the adapter's first weights come from.

    Raises:
        ValueError: If the layer is not linear or the bottleneck is below 1.
    """

    def __init__(
        self, linear: nn.Linear, bottleneck: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        check_linear(linear, "AdaptedLinear")
        dtype = factor_dtype(linear.weight)
        adapter = Adapter(linear.out_features, bottleneck, generator, dtype)
        self.linear, self.adapter = freeze(linear), adapter.to(linear.weight.device)

    def added(self) -> list[nn.Parameter]:
        """Return the adapter's weights, which are what is trained."""
        return list(self.adapter.parameters())

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's outputs after the adapter.

        Args:
            x: Inputs, shape ``(..., inputs)``.

        Returns:
            Shape ``(..., outputs)``.

        Raises:
            ValueError: If the input's type is not the frozen weight's, outside of autocast.
        """
        check_input(x, self.linear.weight)
        frozen = self.linear(x)
        return self.adapter(frozen.to(self.adapter.D.dtype)).to(frozen.dtype)


def adapter_parameters(width: int, bottleneck: int) -> int:
    """Return how many numbers one adapter has.

    Equation: eq-adapter-parameters.

    Args:
        width: Of the vectors.
        bottleneck: Width inside.

    Returns:
        The number of entries of both matrices and both biases.
    """
    return 2 * width * bottleneck + width + bottleneck


def add_adapters(
    model: nn.Module,
    bottleneck: int = 16,
    names: Sequence[str] = ("output.dense",),
    generator: torch.Generator | None = None,
    layer_norms: bool = False,
) -> nn.Module:
    """Freeze a model and put an adapter behind its linear layers of some names.

    In a BERT of ``transformers`` the default names end both sublayers of a block (attention and
    feed-forward), so there are two adapters a block; each stands before the residual sum.

    Source: Houlsby et al. (2019), figure 2.

    Args:
        model: The pretrained model, changed in place; add a new head to it afterwards, or it is
            frozen too.
        bottleneck: Width inside each adapter.
        names: Ends of the layers' dotted names.
        generator: Where the first weights come from.
        layer_norms: Whether to train the layer norms too, as Houlsby et al. do.

    Returns:
        The model.

    Raises:
        ValueError: If a name is not there, a layer is not linear, the bottleneck is below 1, or
            the model is already adapted; the model is as it was then.
    """
    generator = seeded(generator)
    replace_each(model, names, lambda linear: AdaptedLinear(linear, bottleneck, generator))
    train_only_added(model)
    if layer_norms:
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.requires_grad_(True)
    return model
