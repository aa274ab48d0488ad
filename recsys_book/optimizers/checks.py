"""Bad input to an optimizer: one sentence each, before anything has changed."""

import math
from collections.abc import Iterable
from dataclasses import fields
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
            "The parameters are one tensor, but a list is needed: pass [tensor] or model.parameters()."
        )
    params = list(params)
    if not params:
        raise ValueError(
            "The list of parameters is empty: pass model.parameters() of a model that has some "
            "(a generator that was used before is empty too)."
        )
    return params


def group(param_group: dict[str, Any], rule: Rule) -> None:
    """Raise if a parameter group names a hyper-parameter that the rule does not have."""
    known = {"params", "param_names", "name"} | {field.name for field in fields(rule)}
    for name in param_group:
        if name not in known and name != "initial_lr":
            raise ValueError(
                f"A parameter group sets {name}, but {type(rule).__name__} has no such "
                f"hyper-parameter; it has {', '.join(sorted(f.name for f in fields(rule)))}."
            )


def leaves(param_group: dict[str, Any]) -> None:
    """Raise if a parameter cannot be trained."""
    for position, param in enumerate(param_group["params"]):
        if param.is_complex():
            raise ValueError(
                f"{label(param_group, position)} is complex, but the rules are for real weights: "
                "train its real and imaginary parts as two tensors."
            )


def label(param_group: dict[str, Any], position: int) -> str:
    """Return how to name a parameter in a message."""
    if "param_names" in param_group:
        return f"parameter {param_group['param_names'][position]!r}"
    shape = tuple(param_group["params"][position].shape)
    return f"parameter {position} (shape {shape}) of its group"


def gradients(optimizer: "Optimizer") -> None:
    """Raise if a gradient is sparse where it may not be, or not finite."""
    sums = []
    for param_group in optimizer.param_groups:
        for position, param in enumerate(param_group["params"]):
            if param.grad is None:
                continue
            if param.grad.is_sparse:
                check_sparse(optimizer.rule_of(param_group), label(param_group, position))
            sums.append(_sum(param.grad))
    if sums and not math.isfinite(sum(torch.stack([s.to(sums[0]) for s in sums]).tolist())):
        _name_the_culprit(optimizer)


def _sum(grad: Tensor) -> Tensor:
    """Return the sum of a gradient's entries: not finite if one of them is not."""
    return (grad._values() if grad.is_sparse else grad).sum()


def _name_the_culprit(optimizer: "Optimizer") -> None:
    """Raise for the first gradient that is not finite; large sums of finite ones pass."""
    for number, param_group in enumerate(optimizer.param_groups):
        for position, param in enumerate(param_group["params"]):
            grad = param.grad
            if grad is None:
                continue
            values = grad._values() if grad.is_sparse else grad
            bad = int((~torch.isfinite(values)).sum())
            if bad:
                raise ValueError(
                    f"Step {optimizer.steps_taken + 1}: the gradient of "
                    f"{label(param_group, position)}, group {number}, has {bad} entries that are "
                    "NaN or infinite; no weight was changed: lower the rate, clip, or look at "
                    "the loss."
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
                f"Group {number} of the checkpoint lacks {', '.join(sorted(names - set(old)))}: it was "
                f"made by another rule than {type(optimizer.rule).__name__}."
            )
        if len(old["params"]) != len(new["params"]):
            raise ValueError(
                f"Group {number} of the checkpoint has {len(old['params'])} parameters, but here it "
                f"has {len(new['params'])}: build the optimizer with the same groups before loading."
            )
        _shapes(state_dict["state"], old, new, number)


def _shapes(
    state: dict[int, dict[str, Any]], old: dict[str, Any], new: dict[str, Any], number: int
) -> None:
    """Raise if the state of a parameter was made for another shape."""
    for position, (key, param) in enumerate(zip(old["params"], new["params"])):
        shape = tuple(state.get(key, {}).get("_shape", param.shape))
        if shape != tuple(param.shape):
            raise ValueError(
                f"The checkpoint's state of {label(new, position)}, group {number}, is for shape "
                f"{shape}: build the optimizer with the same parameters in the same order."
            )
