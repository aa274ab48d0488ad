"""Learned inner rates: one for every weight, or one for every layer and step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from recsys_book.meta_learning.functional import (
    Loss,
    Params,
    adapt,
    adapting_names,
    inner_gradient,
    parameters,
    predict,
    stacked,
)
from recsys_book.meta_learning.learner import GradientLearner, _key, _name
from recsys_book.meta_learning.tasks import TaskBatch, masked_mse

#: What shares a learned rate: nothing, the weights of a tensor, or those of a tensor in a step.
SHARING = ("weight", "tensor", "tensor and step")


class MetaSGD(GradientLearner):
    """MAML whose inner rates are learned together with the start.

    A rate may become negative: then a step climbs on purpose.

    Source: Li, Zhou, Chen & Li (2017), "Meta-SGD"; with ``per="tensor and step"`` the rates of
    Antoniou, Edwards & Storkey (2019), section 4.

    Equation: eq-meta-sgd.

    Args:
        modules: The model at its start, or one a run.
        inner_rate: Where all rates begin: a number, or one a run.
        inner_steps: Number of inner steps.
        per: ``"weight"``, ``"tensor"`` or ``"tensor and step"``: how many weights share a rate.
        order: 2 or 1, as in ``GradientLearner``; the rates have a gradient in both.
        only: Parameters that adapt; None for all.
        loss: From predictions, targets and mask to one loss a task.
        on_divergence: ``"raise"`` or ``"freeze"``.

    Raises:
        ValueError: If ``per`` is unknown, or the number of rates is not that of the runs.
    """

    def __init__(
        self,
        modules: nn.Module | Sequence[nn.Module],
        inner_rate: float | Sequence[float] = 0.01,
        inner_steps: int = 1,
        *,
        per: str = "weight",
        order: int = 2,
        only: Iterable[str] | None = None,
        loss: Loss = masked_mse,
        on_divergence: str = "raise",
    ) -> None:
        super().__init__(
            modules,
            0.0,
            inner_steps,
            order=order,
            only=only,
            loss=loss,
            on_divergence=on_divergence,
        )
        if per not in SHARING:
            raise ValueError(f"per is {per!r}; use one of {', '.join(SHARING)}.")
        self.per = per
        own, dtype = parameters(self.module), next(self.module.parameters()).dtype
        first = torch.as_tensor(inner_rate, dtype=dtype)
        if first.ndim > 1 or (first.ndim == 1 and len(first) != self.runs):
            raise ValueError(
                f"inner_rate has shape {tuple(first.shape)}; pass a number, or {self.runs} of "
                "them, one a run."
            )
        self.alpha = nn.ParameterDict()
        for name in adapting_names(own, self.only):
            shape = self._shape(own[name])
            begin = first.reshape(-1, *[1] * len(shape)).expand(self.runs, *shape)
            self.alpha[_key(name)] = nn.Parameter(begin.clone())

    def _shape(self, weight: Tensor) -> tuple[int, ...]:
        """Return the shape of a tensor's rates: steps first, then the weights."""
        ones = (1,) * weight.ndim
        return {
            "weight": (1, *weight.shape),
            "tensor": (1, *ones),
            "tensor and step": (self.inner_steps, *ones),
        }[self.per]

    def rates(self, n_tasks: int, steps: int) -> Params:
        """Return the learned rates of every task.

        Args:
            n_tasks: Number of tasks.
            steps: Number of steps; the rates of the last trained step serve all later ones.

        Returns:
            By name, each of shape (steps, T, ...).
        """
        found = {}
        for key, value in self.alpha.items():
            by_step = self.spread(value, n_tasks).transpose(0, 1)  # (1 or K, T, ...)
            which = torch.arange(steps).clamp(max=len(by_step) - 1)
            found[_name(key)] = by_step[which]
        return found

    def learned(self, run: int = 0) -> Params:
        """Return one run's rates by name, each of shape (1 or steps, ...)."""
        return {_name(key): value.detach()[run] for key, value in self.alpha.items()}


def rate_gradient(
    module: nn.Module,
    params: Params,
    batch: TaskBatch,
    rate: Params | float,
    loss: Loss = masked_mse,
) -> Params:
    """Return the derivative of each task's query loss in the rate of each weight, for one step.

    It is minus the product of two gradients: that of the support at the start, which made the
    step, and that of the queries after it. Summed over the weights and with the next step's loss
    in place of the queries', it is the hypergradient of a learning rate.

    Equation: eq-rate-gradient.

    Args:
        module: The model.
        params: The start, one set.
        batch: The tasks.
        rate: The rate of the step, as ``adapt`` takes it.
        loss: From predictions, targets and mask to one loss a task.

    Returns:
        By name, each of shape (T, ...).
    """
    start = {name: value.detach() for name, value in stacked(params, batch.n_tasks).items()}
    before = inner_gradient(module, start, batch, loss=loss)
    after = adapt(module, start, batch, rate=rate, steps=1, loss=loss)
    leaves = {name: value.detach().requires_grad_() for name, value in after.items()}
    losses = loss(predict(module, leaves, batch.query_x), batch.query_y, batch.query_mask)
    slopes = torch.autograd.grad(losses.sum(), list(leaves.values()))
    return {name: -slope * before[name] for name, slope in zip(leaves, slopes)}


def optimal_rates(curvature: Tensor, task_variance: Tensor, noise_variance: Tensor) -> Tensor:
    """Return the rates whose one step from the mean lands closest to the tasks' minima.

    On a parabola of curvature h a rate of 1/h jumps to the minimum of the support loss. That
    minimum is off by noise, so the best step is shorter, by the share of the spread between
    tasks in the spread of what is seen.

    Equation: eq-optimal-rate.

    Args:
        curvature: Of the support loss along each coordinate, above 0, shape (n,).
        task_variance: Of the tasks' true minima around their mean, shape (n,).
        noise_variance: Of a support set's minimum around its task's true one, shape (n,).

    Returns:
        Shape (n,).

    Raises:
        ValueError: If a curvature is not above 0 or a variance is negative.
    """
    curvature, task_variance, noise_variance = map(
        torch.as_tensor, (curvature, task_variance, noise_variance)
    )
    if not bool((curvature > 0).all()):
        raise ValueError("A curvature is not above 0; leave out coordinates that are never used.")
    if bool((task_variance < 0).any()) or bool((noise_variance < 0).any()):
        raise ValueError("A variance is negative; pass mean squares, not differences.")
    seen = task_variance + noise_variance
    share = torch.where(seen > 0, task_variance / seen, torch.zeros_like(seen))
    return share / curvature
