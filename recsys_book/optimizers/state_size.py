"""What an optimizer remembers, counted."""

from collections.abc import Iterator

import torch
from torch import Tensor

from recsys_book.optimizers.rules.base import Rule


def state_floats(optimizer: torch.optim.Optimizer) -> int:
    """Return how many numbers an optimizer holds beside the weights.

    Step counts are left out: one a parameter, whatever its size. Before the first step there is
    no state.

    Equation: eq-state-floats.

    Args:
        optimizer: One of this book or of ``torch.optim``, after at least one step.

    Returns:
        The number of entries of all state tensors.
    """
    return sum(tensor.numel() for tensor in _state_tensors(optimizer))


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Return how many bytes an optimizer holds beside the weights (see ``state_floats``).

    Args:
        optimizer: One of this book or of ``torch.optim``, after at least one step.

    Returns:
        The number of bytes of all state tensors.
    """
    return sum(tensor.numel() * tensor.element_size() for tensor in _state_tensors(optimizer))


def table_state_floats(rule: Rule, rows: int, width: int) -> int:
    """Return how many numbers a rule would hold for a table, without making the table.

    Equation: eq-state-floats.

    Args:
        rule: Any rule.
        rows: Rows of the table; a billion is fine.
        width: Numbers in a row.

    Returns:
        The number of entries of all state tensors but scalars.
    """
    state = rule.init(torch.empty(rows, width, device="meta"))
    return sum(tensor.numel() for tensor in state.values() if tensor.dim())


def _state_tensors(optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    """Yield the state's tensors, without step counts and other scalars."""
    for state in optimizer.state.values():
        for name, value in state.items():
            if name != "step" and isinstance(value, Tensor) and value.dim():
                yield value
