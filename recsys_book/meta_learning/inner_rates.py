"""Which parameters adapt, and at which rate in which step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

#: One rate, one a parameter, or either with a leading axis of steps.
Rate = float | Tensor | Mapping[str, Tensor]


def adapting_names(own: Mapping[str, Tensor], only: Iterable[str] | None) -> list[str]:
    """Return the names of the parameters that adapt.

    Args:
        own: The module's parameters.
        only: Full names or names of layers; None for all parameters.

    Returns:
        Full names, in the module's order.

    Raises:
        ValueError: If an entry of ``only`` fits no parameter.
    """
    if only is None:
        return list(own)
    only = [only] if isinstance(only, str) else list(only)
    for part in only:
        if not any(_within(name, part) for name in own):
            raise ValueError(
                f"only names {part!r}, but the parameters are {', '.join(own)}; use one of these "
                "names or a layer's."
            )
    return [name for name in own if any(_within(name, part) for part in only)]


def step_rates(
    rate: Rate, own: Mapping[str, Tensor], names: Iterable[str], step: int, steps: int
) -> dict[str, Any]:
    """Return the rate of each adapting parameter in one step.

    Args:
        rate: As in ``adapt``.
        own: The module's parameters.
        names: The adapting ones.
        step: The step, from 0.
        steps: Number of steps.

    Returns:
        A number or a tensor for each name, broadcast to the parameter.

    Raises:
        ValueError: If a rate is missing or has a shape that fits neither parameter nor steps.
    """
    if not isinstance(rate, Mapping):
        one = torch.as_tensor(rate)
        if one.ndim > 1 or (one.ndim == 1 and len(one) != steps):
            raise ValueError(
                f"The inner rate has shape {tuple(one.shape)}; pass a number, or {steps} of them "
                "for as many steps."
            )
        value = rate if one.ndim == 0 else one[step]
        return dict.fromkeys(names, value)
    found = {}
    for name in names:
        if name not in rate:
            raise ValueError(f"There is no inner rate for {name}; add one or leave it out of only.")
        value = torch.as_tensor(rate[name])
        if value.ndim and value.shape != own[name].shape:
            if len(value) != steps:
                raise ValueError(
                    f"The inner rate of {name} has shape {tuple(value.shape)}; pass (), "
                    f"{tuple(own[name].shape)} or ({steps}, ...)."
                )
            value = value[step]
        found[name] = value
    return found


def _within(name: str, part: str) -> bool:
    return name == part or name.startswith(part + ".")
