"""A neural process for newcomers: no inner steps, a network reads the support and sets another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.encoders.layers import Linear
from recsys_book.meta_learning.cold_start.content import (
    centred,
    item_inputs,
)
from recsys_book.meta_learning.cold_start.gradient import (
    GradientNewcomer,
    Tasks,
    WarmTasks,
    check_on_divergence,
    outer_loop,
)
from recsys_book.meta_learning.learner import mlp

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def pooled_task(rows: Tensor, support: Tensor, pull: Tensor) -> Tensor:
    r"""Return one vector a task: the sum of its support's rows over their number plus a constant.

    The order of the ratings does not matter, an empty support gives zero, and few ratings are
    shrunk, :math:`r = \sum_{i\in S} h_i / (|S| + c)`.

    Equation: eq-neural-process.

    Args:
        rows: Encoded pairs of item and rating, shape (T, n, d).
        support: 1.0 where a row is shown, shape (T, n).
        pull: The constant c, at least 0, shape ().

    Returns:
        Shape (T, d).
    """
    total = (rows * support[:, :, None]).sum(1)
    return total / (support.sum(1, keepdim=True) + pull)


class TaskAdaptive(GradientNewcomer):
    r"""Task-adaptive neural process, after Lin and others: adaptation is one forward pass.

    Every rated item is encoded together with its rating; the mean of the codes is the task's
    vector. It predicts the newcomer's level at once and modulates the hidden layer of the decoder,
    which predicts what the item's bias leaves: scales and shifts, one a hidden unit. Encoder and
    decoder are trained on practice newcomers; nothing is optimised for a newcomer.

    Equation: eq-neural-process.

    Source: Lin, Wu, Zhou, Pan, Cao and Wang (2021), "Task-adaptive Neural Process for User
    Cold-Start Recommendation", WWW; Garnelo and others (2018), "Conditional Neural Processes".

    Args:
        item_features: Attributes of all items, shape (n_items, d), or None.
        user_features: Attributes of all users, shape (n_users, d), or None.
        factors: Length of the item factors that encoder and decoder read; 0 for none.
        l2: Penalty while they are learned.
        width: Length of a code and of the task's vector.
        hidden: Width of the hidden layers.
        passes: Passes over the known users.
        outer_rate: First rate of training.
        sizes: Smallest and largest support in training.
        batch: Users a step.
        on_divergence: ``"raise"``, or ``"freeze"``: a newcomer with a rating that is not finite
            counts as one without ratings.
        seed: Seed of weights and tasks.

    Attributes:
        history_: Query loss of every training step, before it.
    """

    def __init__(
        self,
        item_features: np.ndarray | None = None,
        user_features: np.ndarray | None = None,
        factors: int = 5,
        l2: float = 80.0,
        width: int = 16,
        hidden: int = 32,
        passes: int = 20,
        outer_rate: float = 3e-3,
        sizes: tuple[int, int] = (3, 20),
        batch: int = 64,
        on_divergence: str = "raise",
        seed: int = 0,
    ):
        self.item_features = item_features
        self.user_features = user_features
        self.factors = factors
        self.l2 = l2
        self.width = width
        self.hidden = hidden
        self.passes = passes
        self.outer_rate = outer_rate
        self.sizes = sizes
        self.batch = batch
        self.on_divergence = on_divergence
        self.seed = seed

    def _learn(self, warm: Interactions) -> None:
        check_on_divergence(self.on_divergence)
        self.X_ = item_inputs(warm, self.biases_, self.item_features, self.factors, self.l2)
        self.U_ = torch.from_numpy(centred(self.user_features, warm.n_users, "user")).float()
        generator = torch.Generator().manual_seed(self.seed)
        d_item, d_user = self.X_.shape[1], self.U_.shape[1]
        self.net_ = nn.ModuleDict(
            {
                "encoder": mlp([d_item + 1, self.hidden, self.width], generator),
                "prior": Linear(max(d_user, 1), self.width, generator),
                "hidden": Linear(max(d_item, 1), self.hidden, generator),
                "modulation": Linear(self.width, 2 * self.hidden + 1, generator),
                "out": Linear(self.hidden, 1, generator),
            }
        )
        with torch.no_grad():
            self.net_["modulation"].weight.mul_(0.1)
            self.net_["out"].weight.mul_(0.1)
        self.log_pull_ = nn.Parameter(torch.tensor(1.5))
        sampler = WarmTasks(warm, self.seed, self.batch, self.sizes)
        learned = [*self.net_.parameters(), self.log_pull_]
        self.history_ = outer_loop(learned, self.forward, sampler, self.passes, self.outer_rate)

    def task_vectors(self, tasks: Tasks) -> Tensor:
        """Read the supports: one vector a newcomer, shape (T, width).

        Equation: eq-neural-process.

        Args:
            tasks: The tasks.
        """
        users, items, ratings, support, _ = tasks.tensors(self.X_.dtype)
        most = max(int(support.sum(1).max()), 1)
        items, support = items[:, :most], support[:, :most]
        left = ratings[:, :most] - self._offsets(items)
        # A rating's residual multiplies the code: no surprise, no message.
        rows = torch.cat([self.X_[items], left[:, :, None]], dim=2)
        codes = self.net_["encoder"](rows) * left[:, :, None]
        profile = self.U_[users] if self.U_.shape[1] else self.X_.new_zeros(len(users), 1)
        return pooled_task(codes, support, self.log_pull_.exp()) + 0.1 * self.net_["prior"](profile)

    def forward(self, tasks: Tasks) -> Tensor:
        """Read every support and predict all rows, differentiable in what is learned.

        Args:
            tasks: The tasks.

        Returns:
            Shape (T, n), in stars.
        """
        _, items, _, _, _ = tasks.tensors(self.X_.dtype)
        settings = self.net_["modulation"](self.task_vectors(tasks))
        level, scale, shift = settings.split([1, self.hidden, self.hidden], dim=1)
        X = self.X_ if self.X_.shape[1] else self.X_.new_zeros(len(self.X_), 1)
        hidden = self.net_["hidden"](X)[items]
        hidden = torch.relu(hidden * (1 + scale[:, None]) + shift[:, None])
        return self._offsets(items) + level + self.net_["out"](hidden)[:, :, 0]

    def _answer(self, tasks: Tasks) -> np.ndarray:
        return self.forward(tasks).numpy()
