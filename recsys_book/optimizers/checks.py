"""Bad input to an optimizer: one sentence each, before anything has changed."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recsys_book.optimizers.rows import check_sparse
from recsys_book.optimizers.rules.base import Rule

if TYPE_CHECKING:
    from recsys_book.optimizers.optimizer import Optimizer


def clipping(clip_norm: float | None, clip_value: float | None) -> None:
    """Raise unless the limits are positive numbers or None."""
    for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if limit is not None and not limit > 0:
            raise ValueError(f"{name} is {limit}, but it must be positive; use None for no limit.")


def parameters(params: Iterable[Any]) -> list[Any]:
    """Return the parameters as a list, and raise if there are none."""
    if isinstance(params, Tensor):
        raise ValueError(
            "The parameters are one tensor, but a list is needed: pass [tensor] or "
            "model.parameters()."
        )
    params = list(params)
    if not params:
        raise ValueError(
            "The list of parameters is empty: pass model.parameters() of a model that has some "
            "(a generator that was used before is empty too)."
        )
    return params


def group(param_group: dict[str, Any], rule: Rule, number: int) -> dict[str, Any]:
    """Return a parameter group with its parameters as a list, and raise if it cannot be trained.

    Args:
        param_group: ``params`` and any field of the rule.
        rule: The rule.
        number: The group's position, for messages.

    Returns:
        The group.
    """
    known = sorted(field.name for field in fields(rule))
    for name in param_group:
        if name not in {"params", "param_names", "initial_lr", "averaged", *known}:
            raise ValueError(
                f"Parameter group {number} sets {name}, but {type(rule).__name__} has no such "
                f"hyper-parameter; it has {', '.join(known)}."
            )
    params = param_group["params"]
    params = [params] if isinstance(params, Tensor) else list(params)
    if not params:
        raise ValueError(f"Parameter group {number} is empty: give it parameters or leave it out.")
    for position, entry in enumerate(params):
        name, param = entry if isinstance(entry, tuple) else (None, entry)
        _trainable(
            param, repr(name) if name else f"{position} (shape {tuple(param.shape)})", number
        )
    return param_group | {"params": params}


def _trainable(param: Tensor, name: str, number: int) -> None:
    """Raise if a tensor cannot be trained."""
    where = f"parameter {name} of group {number}"
    if not param.is_leaf:
        raise ValueError(
            f"The {where} is not a leaf: it was computed from other tensors; pass those, or "
            "detach it and set requires_grad."
        )
    if param.is_complex():
        raise ValueError(
            f"The {where} is complex, but the rules are for real weights: train its real and "
            "imaginary parts as two tensors."
        )


def label(param_group: dict[str, Any], position: int) -> str:
    """Return how to name a parameter in a message."""
    if "param_names" in param_group:
        return f"parameter {param_group['param_names'][position]!r}"
    shape = tuple(param_group["params"][position].shape)
    return f"parameter {position} (shape {shape}) of its group"


class NonFiniteGradientError(ValueError):
    """A gradient is NaN or infinite; the optimizer has changed nothing."""


def sparse_gradients(optimizer: "Optimizer") -> None:
    """Raise if a gradient is sparse where it may not be."""
    for param_group, name, grad in _gradients(optimizer):
        if grad.is_sparse:
            check_sparse(optimizer.rule_of(param_group), name())


def finite_gradients(optimizer: "Optimizer") -> None:
    """Raise if a gradient is not finite; large sums of finite entries pass."""
    sums = [_entries(grad).sum() for _, _, grad in _gradients(optimizer)]
    if sums and not math.isfinite(sum(torch.stack([s.to(sums[0]) for s in sums]).tolist())):
        _name_the_culprit(optimizer)


def _gradients(
    optimizer: "Optimizer",
) -> Iterator[tuple[dict[str, Any], Callable[[], str], Tensor]]:
    """Yield each gradient with its group and a function that names it in a message."""
    for number, param_group in enumerate(optimizer.param_groups):
        for position, param in enumerate(param_group["params"]):
            if param.grad is not None:
                yield param_group, partial(_name, param_group, position, number), param.grad


def _name(param_group: dict[str, Any], position: int, number: int) -> str:
    """Return how to name a parameter and its group in a message."""
    return f"{label(param_group, position)}, group {number},"


def _entries(grad: Tensor) -> Tensor:
    """Return the entries that a gradient stores."""
    return grad._values() if grad.is_sparse else grad


def _name_the_culprit(optimizer: "Optimizer") -> None:
    """Raise for the first gradient that is not finite, if there is one."""
    for _, name, grad in _gradients(optimizer):
        bad = int((~torch.isfinite(_entries(grad))).sum())
        if bad:
            raise NonFiniteGradientError(
                f"Step {optimizer.steps_taken + 1}: the gradient of {name()} has {bad} entries "
                "that are NaN or infinite; no weight was changed: lower the rate, clip, or look "
                "at the loss."
            )


def checkpoint(optimizer: "Optimizer", state_dict: dict[str, Any]) -> None:
    """Raise if a checkpoint was made by another rule or for other groups."""
    saved, present = state_dict["param_groups"], optimizer.param_groups
    if len(saved) != len(present):
        raise ValueError(
            f"The checkpoint has {len(saved)} parameter groups, but this optimizer has "
            f"{len(present)}: build it with the same groups before loading."
        )
    names = {field.name for field in fields(optimizer.rule)}
    for number, (old, new) in enumerate(zip(saved, present)):
        if not names <= set(old):
            raise ValueError(
                f"Group {number} of the checkpoint lacks {', '.join(sorted(names - set(old)))}: it "
                f"was made by another rule than {type(optimizer.rule).__name__}."
            )
        if len(old["params"]) != len(new["params"]):
            raise ValueError(
                f"Group {number} of the checkpoint has {len(old['params'])} parameters, but here "
                f"it has {len(new['params'])}: build the optimizer with the same groups before "
                "loading."
            )
        for position, key in enumerate(old["params"]):
            if key in state_dict["state"]:
                _state(optimizer.rule, state_dict["state"][key], new, position, number)


def _state(
    rule: Rule, saved: dict[str, Any], param_group: dict[str, Any], position: int, number: int
) -> None:
    """Raise if the saved state of a parameter is not what the rule would keep for it."""
    wanted = {
        name: tuple(s.shape) for name, s in rule.init(param_group["params"][position]).items()
    }
    found = {name: tuple(s.shape) for name, s in saved.items() if name != "step"}
    if wanted != found:
        raise ValueError(
            f"The checkpoint's state for {_name(param_group, position, number)} is "
            f"{found} where {type(rule).__name__} keeps {wanted}: build the optimizer with the "
            "same rule and the same parameters in the same order."
        )
