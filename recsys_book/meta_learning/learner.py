"""What all meta-learners share: a start, a loss over tasks, independent runs side by side."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from recsys_book.meta_learning.divergence import NonFiniteTaskError
from recsys_book.meta_learning.functional import (
    Loss,
    Params,
    Rate,
    adapt,
    check_order,
    parameters,
    predict,
)
from recsys_book.meta_learning.tasks import TaskBatch, masked_mse


def mlp(
    sizes: Sequence[int], generator: torch.Generator, activation: type[nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Return linear layers with a bend between each two.

    Args:
        sizes: Widths, from the inputs to the outputs, at least two.
        generator: Where the first weights come from.
        activation: The bend.

    Raises:
        ValueError: If there are fewer than two sizes.
    """
    if len(sizes) < 2:
        raise ValueError(f"sizes is {list(sizes)}; give at least the inputs and the outputs.")
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:]):
        linear = nn.utils.skip_init(nn.Linear, inputs, outputs)
        with torch.no_grad():
            linear.weight.normal_(0, inputs**-0.5, generator=generator)
            linear.bias.zero_()
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])


class MetaLearner(nn.Module):
    """A model whose parameters serve many tasks; several independent runs can stand side by side.

    A batch of small tasks costs little more than one task, because most of the time goes into
    starting operations. So that repetitions cost little too, a learner holds ``runs`` sets of
    parameters, and a batch is divided among them evenly and in order. Runs share nothing: each
    gets the gradients, and with an elementwise optimizer the steps, that it would have alone.

    Attributes:
        module: The model that the parameters belong to, without gradients of its own.
        theta: What is learned across tasks; each tensor has a leading axis of runs.
        runs: Number of runs.

    Args:
        modules: The model at its start, or one a run.
        loss: From predictions, targets and mask to one loss a task.

    Raises:
        ValueError: If there is no model, or the runs' models differ in their parameters.
    """

    def __init__(self, modules: nn.Module | Sequence[nn.Module], loss: Loss = masked_mse) -> None:
        super().__init__()
        models = [modules] if isinstance(modules, nn.Module) else list(modules)
        if not models:
            raise ValueError("There is no model; pass one, or one a run.")
        shapes = [{name: p.shape for name, p in parameters(model).items()} for model in models]
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError("The runs' models have different parameters; build all of them alike.")
        # Not registered as a submodule: only `theta` is to be trained.
        self.__dict__["module"] = copy.deepcopy(models[0]).requires_grad_(False)
        self.theta = nn.ParameterDict()
        for name, first in parameters(models[0]).items():
            start = torch.stack([parameters(model)[name].detach() for model in models])
            self.theta[_key(name)] = nn.Parameter(start, requires_grad=first.requires_grad)
        self.loss, self.runs = loss, len(models)

    def alone(self, run: int) -> MetaLearner:
        """Return a copy that holds one run only."""
        one = copy.deepcopy(self)
        for found in one.modules():
            if isinstance(found, nn.ParameterDict):
                for value in found.values():
                    value.data = value.data[run : run + 1].clone()
        one.runs = 1
        return one

    def spread(self, value: Tensor, n_tasks: int) -> Tensor:
        """Give each task what its run has.

        Args:
            value: One entry a run, shape (R, ...).
            n_tasks: Number of tasks.

        Returns:
            Shape (n_tasks, ...).

        Raises:
            ValueError: If the tasks cannot be divided evenly among the runs.
        """
        if n_tasks % self.runs:
            raise ValueError(
                f"A batch of {n_tasks} tasks cannot be divided among {self.runs} runs; make the "
                "number of tasks a multiple."
            )
        parts = value[:, None].expand(self.runs, n_tasks // self.runs, *value.shape[1:])
        return parts.reshape(n_tasks, *value.shape[1:])

    def start(self, n_tasks: int) -> Params:
        """Return every task's parameters before it has seen anything, each of shape (T, ...)."""
        each = torch.arange(n_tasks)  # copies: what a task got stays when the learner changes
        return {_name(key): self.spread(value, n_tasks)[each] for key, value in self.theta.items()}

    def adapt(self, batch: TaskBatch) -> Params:
        """Return what is kept of every task's support set, each tensor of shape (T, ...)."""
        raise NotImplementedError

    def answer(self, batch: TaskBatch, params: Params | None = None) -> Tensor:
        """Predict the queries, shape (T, Q), differentiable in what is learned.

        Args:
            batch: The tasks.
            params: What ``adapt`` returned; None adapts first.
        """
        raise NotImplementedError

    @torch.no_grad()
    def predict(self, batch: TaskBatch, params: Params | None = None) -> Tensor:
        """Predict the queries, shape (T, Q); as ``answer``, without gradients."""
        return self.answer(batch, params)

    def query_losses(self, batch: TaskBatch) -> Tensor:
        """Return each task's loss on its queries after adaptation, shape (T,).

        Raises:
            NonFiniteTaskError: If a loss is NaN or infinite; it names the task.
        """
        losses = self.loss(self.answer(batch), batch.query_y, batch.query_mask)
        return check_losses(losses, batch)

    def meta_loss(self, batch: TaskBatch) -> Tensor:
        """Return what the outer loop descends: the mean loss of each run's tasks, summed."""
        return self.query_losses(batch).mean() * self.runs


def check_losses(losses: Tensor, batch: TaskBatch) -> Tensor:
    """Return the losses; raise if one is not finite.

    Args:
        losses: One a task, shape (T,).
        batch: The tasks.

    Raises:
        NonFiniteTaskError: It names the first such task.
    """
    bad = ~torch.isfinite(losses.detach())
    if bad.any():
        task = int(bad.nonzero()[0, 0])
        raise NonFiniteTaskError(task, batch.name(task), "the loss on the queries is not finite")
    return losses


class GradientLearner(MetaLearner):
    """A learner that adapts by gradient steps: MAML, and the ground of its improvements.

    Args:
        modules: The model at its start, or one a run.
        inner_rate: A number, or a tensor of one a step.
        inner_steps: Number of steps on the support set.
        order: 2 differentiates through the inner gradients, 1 treats them as constants.
        only: Parameters that adapt, by name or by layer; None for all.
        loss: From predictions, targets and mask to one loss a task.
        on_divergence: ``"raise"``, or ``"freeze"``: a task whose inner loop diverges keeps its
            start.

    Raises:
        ValueError: If the order is neither 1 nor 2, or the steps are negative.
    """

    def __init__(
        self,
        modules: nn.Module | Sequence[nn.Module],
        inner_rate: float | Tensor = 0.01,
        inner_steps: int = 1,
        *,
        order: int = 2,
        only: Iterable[str] | None = None,
        loss: Loss = masked_mse,
        on_divergence: str = "raise",
    ) -> None:
        super().__init__(modules, loss)
        check_order(order)
        if inner_steps < 0:
            raise ValueError(f"inner_steps is {inner_steps}; take at least 0.")
        self.inner_rate, self.inner_steps, self.order = inner_rate, inner_steps, order
        self.only = None if only is None else ([only] if isinstance(only, str) else list(only))
        self.on_divergence = on_divergence

    def rates(self, n_tasks: int, steps: int) -> Rate:
        """Return the inner rates of every task, as ``adapt`` takes them."""
        return self.inner_rate

    def adapt(self, batch: TaskBatch, steps: int | None = None) -> Params:
        """Take the inner steps on every task's support set.

        Args:
            batch: The tasks.
            steps: Number of steps; None for those of training.

        Returns:
            The adapted parameters, each of shape (T, ...).

        Raises:
            NonFiniteTaskError: If an inner loop diverges; it names the task.
        """
        steps = self.inner_steps if steps is None else steps
        return adapt(
            self.module,
            self.start(batch.n_tasks),
            batch,
            rate=self.rates(batch.n_tasks, steps),
            steps=steps,
            loss=self.loss,
            only=self.only,
            second_order=self.order == 2,
            on_divergence=self.on_divergence,
        )

    def answer(self, batch: TaskBatch, params: Params | None = None) -> Tensor:
        """Predict the queries, differentiable in the start.

        Args:
            batch: The tasks.
            params: What ``adapt`` returned; None adapts first.

        Returns:
            Shape (T, Q).
        """
        return predict(self.module, self.adapt(batch) if params is None else params, batch.query_x)


def outer_step_flops(learner: MetaLearner, batch: TaskBatch) -> int:
    """Count the multiplications and additions of matrix products in one outer step.

    Unlike seconds, the count is the same on every machine; work other than matrix products is
    left out. The step is taken by a copy: the learner's gradients and statistics stay as they were.

    Args:
        learner: The learner.
        batch: The tasks of the step.
    """
    from torch.utils.flop_counter import FlopCounterMode

    learner = copy.deepcopy(learner)
    trained = [p for p in learner.parameters() if p.requires_grad]
    with FlopCounterMode(display=False) as counter:
        torch.autograd.grad(learner.meta_loss(batch), trained, allow_unused=True)
    return counter.get_total_flops()


def _key(name: str) -> str:
    return name.replace(".", "/")  # a ParameterDict takes no dots


def _name(key: str) -> str:
    return key.replace("/", ".")
