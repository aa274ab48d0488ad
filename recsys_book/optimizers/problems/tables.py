"""Layers whose first weights come from a generator of one's own, never from the global one."""

import torch
from torch import nn


def table(
    rows: int, width: int, std: float, sparse: bool, generator: torch.Generator
) -> nn.Embedding:
    """Return an embedding table with normally distributed weights.

    Args:
        rows: Number of rows.
        width: Length of a row.
        std: Standard deviation of the weights; 0 for zeros.
        sparse: Whether the table gives sparse gradients.
        generator: Of the weights.

    Returns:
        The table, with weights of shape ``(rows, width)``.
    """
    weights = std * torch.randn(rows, width, generator=generator)
    return nn.Embedding.from_pretrained(weights, freeze=False, sparse=sparse)


def linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer with Glorot's uniform weights and no bias yet.

    Source: Glorot & Bengio (2010), equation 16.

    Args:
        n_in: Length of its input.
        n_out: Length of its output.
        generator: Of the weights.

    Returns:
        The layer, with weights of shape ``(n_out, n_in)``.
    """
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer
