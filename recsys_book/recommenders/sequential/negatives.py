"""Items that were not the next one, drawn for the losses that compare with a sample."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform_negatives(targets: Tensor, n_items: int, k: int, generator: torch.Generator) -> Tensor:
    """Draw items other than the target, each equally likely.

    A number below ``n_items - 1`` is drawn, and the numbers from the target on move up by one. So
    no draw has to be repeated.

    Args:
        targets: The right items, shape ``(m,)``.
        n_items: Size of the catalogue; at least 2.
        k: Draws for each target, with replacement.
        generator: Where they come from.

    Returns:
        Items, shape ``(m, k)``.

    Raises:
        ValueError: If there is no other item.
    """
    if n_items < 2:
        raise ValueError("A catalogue of one item has no negatives: use the loss 'softmax'.")
    drawn = torch.randint(n_items - 1, (len(targets), k), generator=generator)
    return drawn + (drawn >= targets[:, None])
