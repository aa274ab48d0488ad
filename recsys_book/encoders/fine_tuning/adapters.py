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
from recsys_book.encoders.layers import LayerNorm

#: The layers that end the sublayers of a block: in ``transformers``' BERT, and in ours.
SUBLAYER_ENDS = (
    ("attention.output.dense", "output.dense"),
    ("attention.output", "feed_forward.down"),
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
    names: Sequence[str] | None = None,
    generator: torch.Generator | None = None,
    layer_norms: bool = False,
) -> nn.Module:
    """Freeze a model and put an adapter behind its linear layers of some names.

    By default these are the layers that end the two sublayers of a block (attention and
    feed-forward), in a BERT of ``transformers`` and in our ``Transformer``: two adapters a block,
    each before the residual sum.

    Source: Houlsby et al. (2019), figure 2.

    Args:
        model: The pretrained model, changed in place; add a new head to it afterwards, or it is
            frozen too.
        bottleneck: Width inside each adapter.
        names: Ends of the layers' dotted names; None takes the ends of the sublayers.
        generator: Where the first weights come from.
        layer_norms: Whether to train the layer norms too, as Houlsby et al. do.

    Returns:
        The model.

    Raises:
        ValueError: If a name is not there, a layer is not linear, the bottleneck is below 1, or
            the model is already adapted; the model is as it was then.
    """
    generator = seeded(generator)
    names = _sublayer_ends(model) if names is None else names
    replace_each(model, names, lambda linear: AdaptedLinear(linear, bottleneck, generator))
    train_only_added(model)
    if layer_norms:
        for module in model.modules():
            if isinstance(module, nn.LayerNorm | LayerNorm):
                module.requires_grad_(True)
    return model


def _sublayer_ends(model: nn.Module) -> tuple[str, ...]:
    """Return the names of the layers that end a block's sublayers."""
    every = [name for name, _ in model.named_modules()]
    for names in SUBLAYER_ENDS:
        if all(any(name.endswith("." + end) for name in every) for end in names):
            return names
    raise ValueError(
        f"{type(model).__name__} has none of the blocks that add_adapters knows: name the linear "
        "layers that end its sublayers."
    )
