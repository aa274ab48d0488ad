"""MAML++: six repairs of MAML, each a switch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from recsys_book.meta_learning.divergence import guarded
from recsys_book.meta_learning.functional import Loss, Params, adapt, predict
from recsys_book.meta_learning.learner import _key, _name, check_losses
from recsys_book.meta_learning.meta_sgd import MetaSGD
from recsys_book.meta_learning.running_norm import NORM_PARTS, RunningNorm
from recsys_book.meta_learning.tasks import TaskBatch, masked_mse
from recsys_book.optimizers import Cosine


class MAMLPlus(MetaSGD):
    """MAML with the six repairs of MAML++; with all switches off it is MAML.

    Source: Antoniou, Edwards & Storkey (2019), section 4. They normalise by the statistics of
    the batch; here by running ones, so that a prediction does not depend on the other queries.

    Equations: eq-multi-step-loss, eq-order-annealing, eq-per-step-norm.

    Attributes:
        outer_step: Number of outer steps taken, from which the annealing follows; set by the
            sampler that ``paced`` returns.

    Args:
        modules: The model at its start, or one a run.
        inner_rate: The inner rate, or where learned rates begin.
        inner_steps: Number of inner steps K.
        multi_step: Outer steps until only the loss after the last inner step counts; 0 is off.
        first_order_steps: Outer steps with first-order gradients before second-order ones.
        per_step_norm: Whether each step has statistics, gains and shifts of its own; the model
            must be a ``NormalisedMLP``. If it is one and this is off, all steps share them.
        learned_rates: Whether each tensor has a learned rate in each step.
        cosine_steps: Outer steps of a cosine fall of the outer rate; 0 keeps it constant.
        only: Parameters that adapt, apart from those of the normalisation, which never do.
        loss: From predictions, targets and mask to one loss a task.
        on_divergence: ``"raise"`` or ``"freeze"``.
    """

    def __init__(
        self,
        modules: nn.Module | Sequence[nn.Module],
        inner_rate: float | Sequence[float] = 0.01,
        inner_steps: int = 5,
        *,
        multi_step: int = 0,
        first_order_steps: int = 0,
        per_step_norm: bool = False,
        learned_rates: bool = False,
        cosine_steps: int = 0,
        only: Iterable[str] | None = None,
        loss: Loss = masked_mse,
        on_divergence: str = "raise",
    ) -> None:
        first = modules if isinstance(modules, nn.Module) else list(modules)[0]
        norms = [name for name, m in first.named_modules() if isinstance(m, RunningNorm)]
        moving = _without(first, norms, only)
        super().__init__(
            modules,
            inner_rate,
            inner_steps,
            per="tensor and step" if learned_rates else "tensor",
            only=moving,
            loss=loss,
            on_divergence=on_divergence,
        )
        if per_step_norm and not norms:
            raise ValueError(
                "per_step_norm is on, but the model has no normalisation; use NormalisedMLP."
            )
        self.alpha.requires_grad_(learned_rates)
        self.multi_step, self.first_order_steps = multi_step, first_order_steps
        self.cosine_steps, self.outer_step = cosine_steps, 0
        self.norms = norms
        self.norm = nn.ParameterDict()
        self.updates = 0
        for name in [f"{norm}.{part}" for norm in norms for part in NORM_PARTS]:
            one = self.theta.pop(_key(name))
            copies = one[:, None].repeat_interleave(inner_steps + 1 if per_step_norm else 1, 1)
            self.norm[_key(name)] = nn.Parameter(copies.data, requires_grad=one.requires_grad)

    def second_order(self) -> bool:
        """Return whether the present outer step differentiates through the inner gradients.

        Equation: eq-order-annealing.
        """
        return self.outer_step >= self.first_order_steps

    def step_weights(self) -> Tensor:
        """Return the weight of the query loss after each inner step, shape (K,), sum 1."""
        return multi_step_weights(self.inner_steps, self.outer_step, self.multi_step)

    def paced(
        self,
        sampler: Callable[[int], TaskBatch],
        optimizer: torch.optim.Optimizer | None = None,
    ) -> Callable[[int], TaskBatch]:
        """Return a sampler that also tells the learner, and the optimizer's rate, the time.

        Args:
            sampler: From the outer step to its batch.
            optimizer: The outer optimizer, whose rate falls by the cosine if that is on.
        """
        groups = [] if optimizer is None or not self.cosine_steps else optimizer.param_groups
        first = [group["lr"] for group in groups]
        factor = Cosine(self.cosine_steps, floor=0.01) if self.cosine_steps else None

        def timed(step: int) -> TaskBatch:
            self.outer_step = step
            for group, rate in zip(groups, first):
                group["lr"] = rate * factor.rate(step)
            return sampler(step)

        return timed

    def walk(self, batch: TaskBatch, steps: int | None = None) -> list[Params]:
        """Return the parameters before the first inner step and after each.

        Args:
            batch: The tasks.
            steps: Number of steps; None for those of training.

        Returns:
            ``steps + 1`` sets, each tensor of shape (T, ...).

        Raises:
            NonFiniteTaskError: If an inner loop diverges and ``on_divergence`` is ``"raise"``.
        """
        steps = self.inner_steps if steps is None else steps
        first = self.start(batch.n_tasks)
        points = self._walk(batch, first, torch.arange(batch.n_tasks), steps)
        return guarded(
            points,
            lambda kept: self._walk(batch, first, kept, steps),
            {**first, **self._norm(0, batch.n_tasks)},
            batch,
            self.on_divergence,
        )

    def _walk(self, batch: TaskBatch, first: Params, tasks: Tensor, steps: int) -> list[Params]:
        """Walk with the tasks at some positions only."""
        n, some = batch.n_tasks, batch.select(tasks)
        rates = {name: rate[:, tasks] for name, rate in self.rates(n, steps).items()}

        def point(params: Params, step: int) -> Params:
            norm = {name: value[tasks] for name, value in self._norm(step, n).items()}
            return {**params, **norm}

        points = [point({name: value[tasks] for name, value in first.items()}, 0)]
        for step in range(steps):
            here = adapt(
                self.module,
                points[-1],
                some,
                rate={name: rate[step : step + 1] for name, rate in rates.items()},
                steps=1,
                loss=self.loss,
                only=self.only,
                second_order=self.second_order(),
                on_divergence="ignore",
            )
            points.append(point(here, step + 1))
        return points

    def _norm(self, step: int, n_tasks: int) -> Params:
        """Return what the normalisation has in a step, each of shape (T, width)."""
        found = {}
        for key, value in self.norm.items():
            own = value[:, min(step, value.shape[1] - 1)]
            found[_name(key)] = self.spread(own, n_tasks)
        return found

    def adapt(self, batch: TaskBatch, steps: int | None = None) -> Params:
        """Take the inner steps on every task's support set.

        Args:
            batch: The tasks.
            steps: Number of steps; None for those of training.

        Returns:
            The adapted parameters, each of shape (T, ...).
        """
        return self.walk(batch, steps)[-1]

    def meta_loss(self, batch: TaskBatch) -> Tensor:
        """Return the weighted query losses of all inner steps; renew the running statistics.

        Equation: eq-multi-step-loss.
        """
        points = self.walk(batch)
        total = torch.zeros(batch.n_tasks, dtype=batch.query_y.dtype)
        weights = self.step_weights() if self.inner_steps else torch.ones(1)
        for weight, params in zip(weights, points[-len(weights) :]):
            if weight > 0:
                prediction = predict(self.module, params, batch.query_x)
                total = total + weight * self.loss(prediction, batch.query_y, batch.query_mask)
        if self.norms:
            self.renew_statistics(batch, points)
        return check_losses(total, batch).mean() * self.runs

    @torch.no_grad()
    def renew_statistics(self, batch: TaskBatch, points: list[Params]) -> None:
        """Move the running statistics towards those of a batch's support rows.

        Args:
            batch: The tasks.
            points: What ``walk`` returned.
        """
        self.updates += 1
        share = max(0.1, 1 / self.updates)  # the first batches count in full
        copies = next(iter(self.norm.values())).shape[1]
        for step, params in enumerate(points[:copies]):
            hidden = torch.func.vmap(self._hidden)(params, batch.support_x)
            for norm, rows in zip(self.norms, hidden):
                mean, var = self._moments(rows, batch.support_mask)
                for part, new in (("mean", mean), ("var", var)):
                    self.norm[_key(f"{norm}.{part}")][:, step].lerp_(new, share)

    def _hidden(self, params: Params, x: Tensor) -> list[Tensor]:
        seen: list[Tensor] = []
        torch.func.functional_call(self.module, params, (x,), {"seen": seen})
        return seen

    def _moments(self, rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return each run's mean and variance over its tasks' real rows, each (R, width)."""
        rows = rows.reshape(self.runs, -1, rows.shape[-1])
        weight = mask.reshape(self.runs, -1, 1)
        count = weight.sum(1).clamp(min=1.0)
        mean = (rows * weight).sum(1) / count
        return mean, ((rows - mean[:, None]) ** 2 * weight).sum(1) / count


def multi_step_weights(inner_steps: int, outer_step: int, until: int) -> Tensor:
    """Return how much the query loss after each inner step counts.

    At first all steps count alike; by the outer step ``until`` only the last does.

    Source: Antoniou, Edwards & Storkey (2019), section 4, "Multi-Step Loss Optimization".

    Equation: eq-multi-step-loss.

    Args:
        inner_steps: Number of inner steps K, at least 1.
        outer_step: Number of outer steps taken.
        until: Outer steps until only the last loss counts; 0 for always.

    Returns:
        Shape (K,), sum 1.
    """
    done = 1.0 if not until else min(outer_step / until, 1.0)
    weights = torch.full((inner_steps,), (1 - done) / inner_steps)
    weights[-1] += done
    return weights


def _without(module: nn.Module, norms: list[str], only: Iterable[str] | None) -> list[str]:
    """Return the parameters that adapt: those asked for, without the normalisation's."""
    from recsys_book.meta_learning.functional import adapting_names, parameters

    names = adapting_names(parameters(module), only)
    return [n for n in names if not any(n.startswith(norm + ".") for norm in norms)]
