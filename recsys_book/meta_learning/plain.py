"""Networks of linear layers, one set of weights a task, as batched matrix products."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

#: Layers that act on each number by itself, so that tasks cannot meet in them.
_ELEMENTWISE = (
    nn.ReLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.GELU,
    nn.ELU,
    nn.SiLU,
    nn.LeakyReLU,
    nn.Softplus,
    nn.Identity,
)


def is_plain(module: nn.Module) -> bool:
    """Return whether a module is a chain of linear and elementwise layers."""
    return type(module) is nn.Sequential and all(
        type(layer) is nn.Linear or type(layer) in _ELEMENTWISE for layer in module
    )


def plain_forward(module: nn.Sequential, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Run a plain chain with one set of weights a task.

    The same numbers come from ``torch.func.vmap`` over ``functional_call``, which serves every
    other module; this takes a tenth of its time for small networks.

    Args:
        module: A chain for which ``is_plain`` holds.
        params: Weights by name, each with a leading axis of tasks.
        x: Shape (T, n, inputs).

    Returns:
        Shape (T, n, outputs).
    """
    for name, layer in module.named_children():
        if isinstance(layer, nn.Linear):
            weight = params[f"{name}.weight"].transpose(1, 2)
            if layer.bias is None:
                x = torch.bmm(x, weight)
            else:
                x = torch.baddbmm(params[f"{name}.bias"][:, None, :], x, weight)
        else:
            x = layer(x)
    return x
