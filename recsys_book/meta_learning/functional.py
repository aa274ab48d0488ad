"""The inner loop: gradient steps on the support sets of all tasks of a batch at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from recsys_book.meta_learning.plain import is_plain, plain_forward
from recsys_book.meta_learning.tasks import TaskBatch, masked_mse

Params = dict[str, Tensor]
#: From predictions, targets and mask, each (T, n), to one loss a task, (T,).
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
#: One rate, one a parameter, or either with a leading axis of steps.
Rate = float | Tensor | Mapping[str, Tensor]

#: A parameter that moves further than this many times (1 + its largest start) has diverged.
DIVERGED = 1e6


class NonFiniteTaskError(ValueError):
    """The inner loop of a task diverged.

    Attributes:
        task: Position of the first such task in its batch.
    """

    def __init__(self, task: int, name: str, what: str) -> None:
        """Name the task."""
        super().__init__(
            f"{name}: {what}; look for NaN in its support set, lower the inner rate, or pass "
            "on_divergence='freeze' to keep the start for such a task."
        )
        self.task = task


def parameters(module: nn.Module) -> Params:
    """Return a module's parameters by name: the start of every inner loop."""
    return dict(module.named_parameters())


def stacked(params: Mapping[str, Tensor], n_tasks: int) -> Params:
    """Repeat one set of parameters for every task, without copying: shapes (T, ...)."""
    return {name: value.expand(n_tasks, *value.shape) for name, value in params.items()}


def predict(module: nn.Module, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Predict with one set of parameters, or with one set a task.

    Args:
        module: Maps the rows of one task, (n, ...), to (n,), (n, 1) or (n, classes).
        params: One set, or a set a task with a leading axis of tasks (``adapt``, ``stacked``).
        x: Rows of one task, (n, ...), for one set; (T, n, ...) for a set a task.

    Returns:
        Shape (n,) or (T, n); with classes, one more axis. A last axis of length 1 is dropped.
    """
    own = parameters(module)
    name = next(iter(params))
    if params[name].ndim > own[name].ndim:
        if is_plain(module) and x.ndim == 3:
            return _squeezed(plain_forward(module, params, x), 2)
        return vmap(lambda p, rows: _call(module, p, rows))(dict(params), x)
    return _call(module, params, x)


def adapt(
    module: nn.Module,
    params: Mapping[str, Tensor],
    batch: TaskBatch,
    *,
    rate: Rate,
    steps: int,
    loss: Loss = masked_mse,
    only: Iterable[str] | None = None,
    second_order: bool = True,
    path: bool = False,
    on_divergence: str = "raise",
) -> Params | list[Params]:
    """Take gradient steps on every task's support set, all tasks at once.

    Args:
        module: The model; its own parameters are not changed.
        params: The start: one set, or a set a task with a leading axis of tasks.
        batch: The tasks.
        rate: A number; a tensor () or (steps,); or a tensor for each adapted parameter, of shape
            (), the parameter's own, or (steps, ...) with the rest broadcast to the parameter.
        steps: Number of gradient steps, at least 0.
        loss: From predictions, targets and mask to one loss a task.
        only: Parameters that adapt, by full name or by the name of their layer; None for all.
        second_order: Whether gradients of the result go through the inner gradients; False treats
            the inner gradients as constants, which is cheaper.
        path: Whether to return the parameters after every step, a list of length ``steps``.
        on_divergence: ``"raise"``, or ``"freeze"``: a task whose inner loop diverges keeps its
            start, and the others are unharmed.

    Returns:
        A set of parameters a task, each of shape (T, ...); with ``path`` a list of them.

    Raises:
        NonFiniteTaskError: If an inner loop gives NaN or infinity, or runs away; it names the task.
        ValueError: If ``only`` or ``rate`` does not fit the parameters, or an option is unknown.

    Equation: eq-inner-step.
    """
    if on_divergence not in ("raise", "freeze"):
        raise ValueError(f"on_divergence is {on_divergence!r}; use 'raise' or 'freeze'.")
    if steps < 0:
        raise ValueError(f"steps is {steps}; take at least 0 inner steps.")
    own = parameters(module)
    names = adapting_names(own, only)
    start = {
        name: value if value.ndim > own[name].ndim else value.expand(batch.n_tasks, *value.shape)
        for name, value in params.items()
    }
    rates = [step_rates(rate, own, names, step, steps) for step in range(steps)]
    walk = _walk(module, start, batch, rates, names, loss, second_order)
    good = _healthy(start, walk, names)
    if not good.all():
        task = int((~good).nonzero()[0, 0])
        if on_divergence == "raise":
            raise NonFiniteTaskError(task, batch.name(task), "the inner loop diverged")
        walk = _walk_of_good(module, start, batch, rates, names, loss, second_order, good)
    return walk if path else (walk[-1] if walk else start)


def inner_gradient(
    module: nn.Module,
    params: Mapping[str, Tensor],
    batch: TaskBatch,
    *,
    loss: Loss = masked_mse,
    names: Iterable[str] | None = None,
) -> Params:
    """Return the gradient of every task's support loss.

    Args:
        module: The model.
        params: A set of parameters a task, each of shape (T, ...).
        batch: The tasks.
        loss: From predictions, targets and mask to one loss a task.
        names: Parameters to differentiate by; None for all.

    Returns:
        Gradients by name, each of shape (T, ...).
    """
    names = list(params) if names is None else list(names)
    fixed = {name: value for name, value in params.items() if name not in names}

    # Task i's loss depends on task i's parameters only, so the gradient of the sum is the stack of
    # the gradients.
    def total(moving: Params) -> Tensor:
        prediction = predict(module, {**fixed, **moving}, batch.support_x)
        return loss(prediction, batch.support_y, batch.support_mask).sum()

    return grad(total)({name: params[name] for name in names})


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


def _call(module: nn.Module, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
    return _squeezed(functional_call(module, dict(params), (x,)), 1)


def _squeezed(out: Tensor, rows_end: int) -> Tensor:
    """Drop a last axis of length 1 that follows the axis of rows."""
    return out[..., 0] if out.ndim > rows_end and out.shape[-1] == 1 else out


def _walk(module, start, batch, rates, names, loss, second_order) -> list[Params]:
    """Return the parameters after every step."""
    found, now = [], start
    for rate in rates:
        slope = _slope(module, now, batch, names, loss, second_order)
        now = {**now, **{name: now[name] - rate[name] * slope[name] for name in names}}
        found.append(now)
    return found


def _slope(module, now, batch, names, loss, second_order) -> Params:
    """Return the inner gradients, as constants if gradients are not to go through them."""
    keep = second_order and torch.is_grad_enabled()
    at = now if second_order else {name: value.detach() for name, value in now.items()}
    if any(map(_transformed, (*now.values(), batch.support_x, batch.support_y))):
        slope = inner_gradient(module, at, batch, loss=loss, names=names)
        return slope if second_order else {n: value.detach() for n, value in slope.items()}
    # Outside of torch.func's transforms the plain gradient is the same and twice as fast.
    with torch.enable_grad():
        moving = {
            n: at[n] if keep and at[n].requires_grad else at[n].detach().requires_grad_()
            for n in names
        }
        prediction = predict(module, {**at, **moving}, batch.support_x)
        total = loss(prediction, batch.support_y, batch.support_mask).sum()
        slopes = torch.autograd.grad(total, list(moving.values()), create_graph=keep)
    return dict(zip(names, slopes))


def _transformed(value: Tensor) -> bool:
    """Whether a tensor belongs to one of torch.func's transforms."""
    return torch._C._functorch.is_functorch_wrapped_tensor(value)


def _walk_of_good(module, start, batch, rates, names, loss, second_order, good) -> list[Params]:
    """Walk again without the diverging tasks: a NaN that is masked out still spoils gradients."""
    kept = good.nonzero()[:, 0]
    begin = {name: value[kept] for name, value in start.items()}
    walk = _walk(module, begin, batch.select(kept), rates, names, loss, second_order)
    return [
        {name: start[name].index_copy(0, kept, value) for name, value in now.items()}
        for now in walk
    ]


def _healthy(start: Params, walk: list[Params], names: list[str]) -> Tensor:
    """Return which tasks stayed finite and near, shape (T,)."""
    good = torch.ones(len(next(iter(start.values()))), dtype=torch.bool)
    if walk:
        for name in names:
            end, begin = walk[-1][name].detach(), start[name].detach()
            moved = (end - begin).abs().flatten(1).amax(1)
            limit = DIVERGED * (1.0 + begin.abs().flatten(1).amax(1))
            good = good.to(moved.device) & (moved <= limit)  # NaN compares false
    return good
