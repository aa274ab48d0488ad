"""Amortised learners: a network reads the support set and is done, without inner gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recsys_book.encoders.layers import Linear
from recsys_book.encoders.recurrent import lstm_step
from recsys_book.meta_learning.functional import Params
from recsys_book.meta_learning.learner import MetaLearner, _name, mlp
from recsys_book.meta_learning.tasks import TaskBatch


class Reader(nn.Module):
    """A network that turns support sets into a few tensors, and answers queries with these.

    A subclass defines ``read`` and ``answer``.
    """

    def forward(self, *parts: Tensor, state: Params | None = None) -> Tensor | Params:
        """Read, or answer.

        Args:
            *parts: To read, the support's rows (T, S, d), targets (T, S) and mask (T, S); to
                answer, the queries' rows (T, Q, d).
            state: What reading gave, each tensor of shape (T, ...); None to read.

        Returns:
            The state; or the answers, shape (T, Q) or (T, Q, classes).
        """
        return self.read(*parts) if state is None else self.answer(*parts, state)

    def read(self, x: Tensor, y: Tensor, mask: Tensor) -> Params:
        """Return the state of every task."""
        raise NotImplementedError

    def answer(self, x: Tensor, state: Params) -> Tensor:
        """Return the answers to the queries."""
        raise NotImplementedError


class Amortised(MetaLearner):
    """A learner whose adaptation is one forward pass of a ``Reader``.

    Args:
        modules: The reader, or one a run.
        loss: From answers, targets and mask to one loss a task.
    """

    def adapt(self, batch: TaskBatch) -> Params:
        """Read the support sets.

        Args:
            batch: The tasks.

        Returns:
            The state of every task, each tensor of shape (T, ...).
        """
        parts = self._by_run(batch.support_x, batch.support_y, batch.support_mask)
        states = [self._call(run, *part) for run, part in enumerate(parts)]
        return {name: torch.cat([state[name] for state in states]) for name in states[0]}

    def answer(self, batch: TaskBatch, params: Params | None = None) -> Tensor:
        """Answer the queries, differentiable in the reader's weights.

        Args:
            batch: The tasks.
            params: What ``adapt`` returned; None reads first.

        Returns:
            Shape (T, Q).
        """
        params = self.adapt(batch) if params is None else params
        states = zip(*(value.chunk(self.runs) for value in params.values()))
        answers = [
            self._call(run, x, state=dict(zip(params, state)))
            for run, ((x,), state) in enumerate(zip(self._by_run(batch.query_x), states))
        ]
        return torch.cat(answers)

    def _by_run(self, *tensors: Tensor) -> zip:
        self.spread(tensors[0].new_zeros(self.runs), len(tensors[0]))  # can they be divided?
        return zip(*(tensor.chunk(self.runs) for tensor in tensors))

    def _call(self, run: int, *parts: Tensor, **options: Params) -> Tensor:
        weights = {_name(key): value[run] for key, value in self.theta.items()}
        return torch.func.functional_call(self.module, weights, parts, options)


class SetEncoder(Reader):
    """A neural process without noise: the state is the mean of what each support row says.

    Source: Garnelo et al. (2018), "Conditional Neural Processes"; Zaheer et al. (2017), "Deep
    Sets", for the form that any order-free reader can be given.

    Equation: eq-set-encoder.

    Args:
        inputs: Columns of a row.
        hidden: Width of the hidden layers and of the state.
        generator: Where the first weights come from.
    """

    def __init__(self, inputs: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.row = mlp([inputs + 1, hidden, hidden], generator)
        self.head = mlp([inputs + hidden + 1, hidden, hidden, 1], generator)

    def read(self, x: Tensor, y: Tensor, mask: Tensor) -> Params:
        """Average over the real rows; a second number tells how many there are."""
        said = self.row(torch.cat([x, y[..., None]], -1)) * mask[..., None]
        count = mask.sum(-1, keepdim=True)
        return {"mean": said.sum(-2) / count.clamp(min=1.0), "count": torch.log1p(count)}

    def answer(self, x: Tensor, state: Params) -> Tensor:
        """Put the state beside every query."""
        both = torch.cat([state["mean"], state["count"]], -1)[:, None]
        return self.head(torch.cat([x, both.expand(*x.shape[:-1], -1)], -1))[..., 0]


class RecurrentReader(Reader):
    """An LSTM that reads the support row by row: a learned learning algorithm with a memory.

    Source: Hochreiter, Younger & Conwell (2001), "Learning to Learn Using Gradient Descent";
    Santoro et al. (2016) for the form with the target beside the input.

    Args:
        inputs: Columns of a row.
        hidden: Width of the memory.
        generator: Where the first weights come from.
    """

    def __init__(self, inputs: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.inside = Linear(inputs + 1, 4 * hidden, generator)
        self.again = Linear(hidden, 4 * hidden, generator)
        self.head = mlp([inputs + hidden, hidden, hidden, 1], generator)

    def read(self, x: Tensor, y: Tensor, mask: Tensor) -> Params:
        """Read the real rows in their order; padding leaves the memory as it is."""
        rows = torch.cat([x, y[..., None]], -1)
        h = memory = rows.new_zeros(len(rows), self.again.in_features)
        weights = (self.inside.weight, self.again.weight, self.inside.bias, self.again.bias)
        for place in range(rows.shape[1]):
            new = lstm_step(rows[:, place], (h, memory), *weights)
            real = mask[:, place, None] > 0
            h, memory = torch.where(real, new[0], h), torch.where(real, new[1], memory)
        return {"memory": h}

    def answer(self, x: Tensor, state: Params) -> Tensor:
        """Put the memory beside every query."""
        memory = state["memory"][:, None].expand(*x.shape[:-1], -1)
        return self.head(torch.cat([x, memory], -1))[..., 0]
