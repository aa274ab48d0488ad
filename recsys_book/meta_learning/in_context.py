"""In-context learning: a small causal transformer that reads examples and answers the next one.

Nothing in it is changed by a task. What it has learned from many tasks is how to read.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.layers import LayerNorm, Linear
from recsys_book.encoders.transformer import Block
from recsys_book.meta_learning.amortised import Amortised, Reader
from recsys_book.meta_learning.functional import Params
from recsys_book.meta_learning.learner import check_losses
from recsys_book.meta_learning.tasks import TaskBatch, masked_mse


def context_mask(support_mask: Tensor, queries: int) -> Tensor:
    """Return which token may look at which.

    The tokens of a task are its S examples (x, y), then S questions (x alone) about the same
    rows, then the queries. An example looks at itself and at earlier ones; question j at the
    examples before j and at itself, so it cannot see its answer; a query at all examples and at
    itself.

    Equation: eq-in-context.

    Args:
        support_mask: 1.0 where a row is real, shape (T, S).
        queries: Number of queries Q.

    Returns:
        True where a token may look, shape (T, 1, 2 S + Q, 2 S + Q).
    """
    S, n = support_mask.shape[1], 2 * support_mask.shape[1] + queries
    may = torch.eye(n, dtype=torch.bool)
    may[:S, :S] = torch.ones(S, S, dtype=torch.bool).tril()
    may[S : 2 * S, :S] = torch.ones(S, S, dtype=torch.bool).tril(-1)
    may[2 * S :, :S] = True
    real = torch.ones(len(support_mask), n, dtype=torch.bool)
    real[:, :S] = support_mask > 0
    return (may & (real[:, None] | torch.eye(n, dtype=torch.bool)))[:, None]


class ContextReader(Reader):
    """A causal transformer over examples: (x1, y1), (x2, y2), …, then the question x.

    As in Garg et al. it is trained from scratch to answer after every prefix of the examples. They
    give x and y a token each and count positions; here an example is one token, and its place
    shows in the causal mask only.

    Source: Garg, Tsipras, Liang & Valiant (2022), "What Can Transformers Learn In-Context?".

    Equation: eq-in-context.

    Args:
        inputs: Columns of a row.
        generator: Where the first weights come from.
        width: Of the hidden states.
        layers: Number of blocks.
        heads: Attention heads a block.
    """

    def __init__(
        self,
        inputs: int,
        generator: torch.Generator,
        width: int = 32,
        layers: int = 2,
        heads: int = 4,
    ) -> None:
        super().__init__()
        config = TransformerConfig(
            vocabulary=1, width=width, layers=layers, heads=heads, positions="none", causal=True
        )
        self.example = Linear(inputs + 1, width, generator)
        self.question = Linear(inputs, width, generator)
        self.blocks = nn.ModuleList(Block(config, generator) for _ in range(layers))
        self.norm = LayerNorm(width)
        self.head = Linear(width, 1, generator)

    def read(self, x: Tensor, y: Tensor, mask: Tensor) -> Params:
        """Keep the examples: the state of a language model is its prompt."""
        return {"x": x, "y": y, "mask": mask}

    def answer(self, x: Tensor, state: Params) -> Tensor:
        """Answer the queries after all examples, shape (T, Q); some at a time, to save memory."""
        S = state["x"].shape[1]
        return torch.cat([self.all_answers(part, state)[:, S:] for part in x.split(64, 1)], 1)

    def all_answers(self, x: Tensor, state: Params) -> Tensor:
        """Answer each example from those before it, then the queries, shape (T, S + Q)."""
        S = state["x"].shape[1]
        examples = self.example(torch.cat([state["x"], state["y"][..., None]], -1))
        questions = self.question(torch.cat([state["x"], x], 1))
        h = torch.cat([examples, questions], 1)
        mask = context_mask(state["mask"], x.shape[1])
        for block in self.blocks:
            h, _ = block(h, mask)
        return self.head(self.norm(h[:, S:]))[..., 0]

    def forward(
        self, *parts: Tensor, state: Params | None = None, everywhere: bool = False
    ) -> Tensor | Params:
        """Read or answer, as ``Reader``; ``everywhere`` also answers the examples."""
        if everywhere:
            return self.all_answers(*parts, state)
        return super().forward(*parts, state=state)


class InContext(Amortised):
    """A learner whose adaptation is a prompt.

    Equation: eq-in-context.

    Args:
        modules: A ``ContextReader``, or one a run.
    """

    def __init__(self, modules: nn.Module | list[nn.Module]) -> None:
        super().__init__(modules, masked_mse)

    def meta_loss(self, batch: TaskBatch) -> Tensor:
        """Return the mean squared error over all prefixes: those of the support, and the queries.

        Args:
            batch: The tasks.
        """
        parts = (batch.support_x, batch.support_y, batch.support_mask, batch.query_x)
        answers = [
            self._call(run, x, state={"x": sx, "y": sy, "mask": mask}, everywhere=True)
            for run, (sx, sy, mask, x) in enumerate(self._by_run(*parts))
        ]
        target = torch.cat([batch.support_y, batch.query_y], 1)
        mask = torch.cat([batch.support_mask, batch.query_mask], 1)
        return check_losses(self.loss(torch.cat(answers), target, mask), batch).mean() * self.runs
