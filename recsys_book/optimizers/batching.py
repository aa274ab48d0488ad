"""Few large tensor operations instead of many small ones, with the same result.

An elementwise rule does not care how its tensors are cut. Small tensors are therefore joined and
large ones cut, so that each operation is large enough to be worth its call and small enough for
its temporaries to be cheap.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

from recsys_book.optimizers.decay import with_coupled_decay, with_decoupled_decay
from recsys_book.optimizers.rules.base import Rule

#: Elements in one operation: measured in ``benchmarks/optimizers.py``.
BLOCK = 2**17

State = dict[str, Tensor]


def apply_rule(rule: Rule, param: Tensor, grad: Tensor, state: State, step: int | Tensor) -> None:
    """Change the weights by one step of a rule, weight decay included.

    Args:
        rule: The rule, with the hyper-parameters of this step.
        param: The weights, any shape; changed in place.
        grad: The gradient, of the weights' shape.
        state: The rule's state; changed in place.
        step: The number of this step; the first is 1.
    """
    if rule.weight_decay and not rule.decays_itself:
        if rule.decoupled:
            param.copy_(with_decoupled_decay(param, rule.lr, rule.weight_decay))
        else:
            grad = with_coupled_decay(grad, param, rule.weight_decay)
    param.add_(rule.update(grad, state, step, param))


def buckets(params: list[Tensor], block: int = BLOCK) -> Iterator[list[Tensor]]:
    """Yield the tensors in groups: small ones together up to ``block`` elements, others alone."""
    small: list[Tensor] = []
    size = 0
    for param in params:
        if param.numel() > block // 2:
            yield [param]
            continue
        if size + param.numel() > block:
            yield small
            small, size = [], 0
        small.append(param)
        size += param.numel()
    if small:
        yield small


def step_joined(rule: Rule, params: list[Tensor], states: list[State], step: int) -> None:
    """Step several tensors as one flat tensor: gather, update, scatter.

    Args:
        rule: An elementwise or a coupled rule.
        params: The weights; changed in place.
        states: The state of each; changed in place. Entries named in ``rule.shared`` are
            scalars that all of them have in common.
        step: The number of this step; the first is 1.
    """
    flat = _flatten_dense_tensors(params)
    grad = _flatten_dense_tensors([param.grad for param in params])
    state = {
        name: value if name in rule.shared else _flatten_dense_tensors([s[name] for s in states])
        for name, value in states[0].items()
    }
    apply_rule(rule, flat, grad, state, step)
    torch._foreach_copy_(params, _unflatten_dense_tensors(flat, params))
    for name, value in state.items():
        targets = [s[name] for s in states]
        if name in rule.shared:
            torch._foreach_copy_(targets, [value] * len(targets))
        else:
            torch._foreach_copy_(targets, _unflatten_dense_tensors(value, targets))


def step_cut(rule: Rule, param: Tensor, state: State, step: int, block: int = BLOCK) -> None:
    """Step one large tensor block by block.

    Args:
        rule: An elementwise rule.
        param: The weights, contiguous; changed in place.
        state: The state, contiguous; changed in place.
        step: The number of this step; the first is 1.
        block: Elements in one block.
    """
    pieces = {name: s.view(-1).split(block) for name, s in state.items() if name not in rule.shared}
    shared = {name: s for name, s in state.items() if name in rule.shared}
    rows = zip(param.view(-1).split(block), param.grad.reshape(-1).split(block))
    for number, (weights, grad) in enumerate(rows):
        part = {name: piece[number] for name, piece in pieces.items()}
        part |= {name: value.clone() for name, value in shared.items()}
        apply_rule(rule, weights, grad, part, step)
    for name, value in shared.items():
        value.copy_(part[name])
