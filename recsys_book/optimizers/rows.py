"""Sparse gradients: only the rows that a batch looked up are read and written."""

from torch import Tensor

from recsys_book.optimizers.rules.base import Rule


def step_rows(rule: Rule, param: Tensor, state: dict[str, Tensor], step: int) -> None:
    """Step the rows of a table that have a gradient, and leave the others as they are.

    Args:
        rule: A rule with ``row_sparse``.
        param: The table, shape ``(rows, width)``, with a sparse gradient; changed in place.
        state: The rule's state; entries with one row a row of the table are changed in place.
        step: The number of this step; the first is 1.
    """
    rows, values = sum_by_row(param.grad)
    tables = {name: s for name, s in state.items() if name not in rule.shared}
    part = {name: s.index_select(0, rows) for name, s in tables.items()}
    part |= {name: s for name, s in state.items() if name in rule.shared}
    weights = param.index_select(0, rows) if rule.uses_param else None
    param.index_add_(0, rows, rule.update(values, part, step, weights))
    for name, table in tables.items():
        table.index_copy_(0, rows, part[name])


def sum_by_row(grad: Tensor) -> tuple[Tensor, Tensor]:
    """Return each row of a sparse gradient once, with the sum over its occurrences.

    The same as ``coalesce``, but on a CPU in less time, since nothing is sorted but row numbers.

    Equation: eq-sparse-gradient.

    Args:
        grad: A sparse gradient of a table, shape ``(rows, width)``; a row may occur repeatedly.

    Returns:
        The rows that occur, shape ``(k,)``, rising, and their gradients, shape ``(k, width)``.
    """
    if grad.is_coalesced() or grad.is_cuda or grad.sparse_dim() != 1:
        grad = grad.coalesce()
        return grad.indices()[0], grad.values()
    occurrences = grad._values()
    rows, place = grad._indices()[0].unique(return_inverse=True)
    sums = occurrences.new_zeros(len(rows), *occurrences.shape[1:])
    return rows, sums.index_add_(0, place, occurrences)


def check_sparse(rule: Rule, name: str) -> None:
    """Raise one sentence if a rule cannot take a sparse gradient.

    Args:
        rule: The rule.
        name: How to name the parameter in the message.

    Raises:
        ValueError: If the rule needs every row at every step, or if weight decay is on.
    """
    rule_name = type(rule).__name__
    if not rule.row_sparse:
        raise ValueError(
            f"{rule_name} needs a dense gradient, but {name} has a sparse one: build its embedding "
            f"with sparse=False, or use a rule for tables such as RowwiseAdaGrad."
        )
    if rule.weight_decay:
        raise ValueError(
            f"{rule_name} cannot decay weights lazily, and {name} has a sparse gradient: set "
            f"weight_decay to 0 for its parameter group."
        )
