"""The inner loop: gradient steps on the support sets of all tasks of a batch at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from recsys_book.meta_learning.divergence import check_on_divergence, guarded
from recsys_book.meta_learning.inner_rates import Rate, adapting_names, step_rates
from recsys_book.meta_learning.plain import is_plain, plain_forward
from recsys_book.meta_learning.tasks import TaskBatch, masked_mse

Params = dict[str, Tensor]
#: From predictions, targets and mask, each (T, n), to one loss a task, (T,).
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

#: Tasks that are adapted together: more of them no longer fit a processor's cache.
BLOCK = 256


def check_order(order: int) -> None:
    """Refuse an order of the outer gradient that does not exist.

    Args:
        order: 2 differentiates through the inner gradients, 1 treats them as constants.

    Raises:
        ValueError: If it is neither.
    """
    if order not in (1, 2):
        raise ValueError(f"order is {order!r}; use 2, or 1 for first-order MAML.")


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
            (), the parameter's own, or (steps, ...) with the rest broadcast to the parameter, such
            as (steps, T, ...) for rates that differ by task.
        steps: Number of gradient steps, at least 0.
        loss: From predictions, targets and mask to one loss a task.
        only: Parameters that adapt, by full name or by the name of their layer; None for all.
        second_order: Whether gradients of the result go through the inner gradients; False treats
            the inner gradients as constants, which is cheaper.
        path: Whether to return the parameters after every step, a list of length ``steps``.
        on_divergence: ``"raise"``; or ``"freeze"``: a task whose inner loop diverges keeps its
            start, and the others are unharmed; or ``"ignore"``: nothing is checked.

    Returns:
        A set of parameters a task, each of shape (T, ...); with ``path`` a list of them.

    Raises:
        NonFiniteTaskError: If an inner loop gives NaN or infinity, or runs away; it names the task.
        ValueError: If ``only`` or ``rate`` does not fit the parameters, or an option is unknown.

    Equation: eq-inner-step.
    """
    if steps < 0:
        raise ValueError(f"steps is {steps}; take at least 0 inner steps.")
    walk = adapt_along(
        module,
        params,
        [batch] * steps,
        rate=rate,
        loss=loss,
        only=only,
        second_order=second_order,
        on_divergence=on_divergence,
        path=path,
    )
    return walk if path else (walk[-1] if walk else _start(module, params, batch.n_tasks))


def adapt_along(
    module: nn.Module,
    params: Mapping[str, Tensor],
    batches: list[TaskBatch],
    *,
    rate: Rate,
    loss: Loss = masked_mse,
    only: Iterable[str] | None = None,
    second_order: bool = True,
    on_divergence: str = "raise",
    path: bool = True,
) -> list[Params]:
    """Take one gradient step on each of several supports of the same tasks, such as minibatches.

    Args:
        module: As in ``adapt``, like all that follow.
        params: The start.
        batches: One batch a step; the same tasks in each.
        rate: The inner rate.
        loss: From predictions, targets and mask to one loss a task.
        only: Parameters that adapt.
        second_order: Whether gradients of the result go through the inner gradients.
        on_divergence: ``"raise"``, ``"freeze"`` or ``"ignore"``.
        path: Whether to keep the parameters of every step; False keeps those of the last.

    Returns:
        The parameters after every step; without ``path`` a list of the last ones alone.

    Raises:
        NonFiniteTaskError: If an inner loop gives NaN or infinity, or runs away; it names the task.
        ValueError: If ``only`` or ``rate`` does not fit the parameters, or an option is unknown.
    """
    check_on_divergence(on_divergence)
    own = parameters(module)
    names = adapting_names(own, only)
    rates = [step_rates(rate, own, names, step, len(batches)) for step in range(len(batches))]
    if not batches:
        return []
    start = _start(module, params, batches[0].n_tasks)

    def again(kept: Tensor) -> list[Params]:
        some = _of_tasks(start, batches, rates, kept)
        return _walk(module, *some, names, loss, second_order, path)

    walk = _walk(module, start, batches, rates, names, loss, second_order, path)
    return guarded(walk, again, start, batches[0], on_divergence, names)


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


def _call(module: nn.Module, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
    return _squeezed(functional_call(module, dict(params), (x,)), 1)


def _squeezed(out: Tensor, rows_end: int) -> Tensor:
    """Drop a last axis of length 1 that follows the axis of rows."""
    return out[..., 0] if out.ndim > rows_end and out.shape[-1] == 1 else out


def _start(module: nn.Module, params: Mapping[str, Tensor], n_tasks: int) -> Params:
    """Give one set of parameters an axis of tasks; keep a set a task."""
    own = parameters(module)
    return {
        name: value if value.ndim > own[name].ndim else value.expand(n_tasks, *value.shape)
        for name, value in params.items()
    }


def _walk(module, start, batches, rates, names, loss, second_order, path) -> list[Params]:
    """Return the parameters after every step, or after the last, block after block of tasks."""
    n_tasks = batches[0].n_tasks
    if n_tasks > BLOCK:
        parts = []
        for first in range(0, n_tasks, BLOCK):
            tasks = slice(first, first + BLOCK)
            some = _of_tasks(start, batches, rates, tasks)
            parts.append(_walk(module, *some, names, loss, second_order, path))
        return [
            {**start, **{name: torch.cat([now[name] for now in step]) for name in names}}
            for step in zip(*parts)
        ]
    found, now = [], start
    for batch, rate in zip(batches, rates):
        slope = _slope(module, now, batch, names, loss, second_order)
        now = {**now, **{name: now[name] - rate[name] * slope[name] for name in names}}
        found = [*found, now] if path else [now]
    return found


def _of_tasks(start, batches, rates, tasks) -> tuple[Params, list[TaskBatch], list[dict]]:
    """Return the start, the supports and the rates of some tasks, a slice or positions."""

    def own(rate: Tensor | float, value: Tensor) -> bool:
        """Whether each task has a rate of its own; one that all share stays as it is."""
        return isinstance(rate, Tensor) and rate.ndim == value.ndim and len(rate) == len(value)

    return (
        {name: value[tasks] for name, value in start.items()},
        [batch.select(tasks) for batch in batches],
        [{n: r[tasks] if own(r, start[n]) else r for n, r in step.items()} for step in rates],
    )


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
