"""MeLU: a network over what is known of user and item, whose last layers adapt to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from recsys_book.encoders.layers import Linear
from recsys_book.meta_learning.cold_start.content import (
    centred,
)
from recsys_book.meta_learning.cold_start.gradient import (
    GradientNewcomer,
    Tasks,
    WarmTasks,
    check_on_divergence,
    outer_loop,
    task_batch,
)
from recsys_book.meta_learning.functional import adapt, check_order, parameters, predict
from recsys_book.meta_learning.learner import mlp

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class MeLU(GradientNewcomer):
    r"""Meta-learned user preference estimator, after Lee and others.

    Features of item and user pass through one linear layer each; the two results together go
    through the decision layers, and *only these* adapt to the newcomer's ratings, by a few gradient
    steps of a learned rate. The outer loop learns everything through these steps.

    With ``residual=False`` the network predicts the rating itself, above the global mean, as
    published. Then features are all it can know of an item, and films of the same genre and year
    are one film to it. With ``residual=True`` it predicts what the item's bias leaves.

    Equation: eq-melu.

    Source: Lee, Im, Jang, Cho and Chung (2019), "MeLU: Meta-Learned User Preference Estimator for
    Cold-Start Recommendation", KDD.

    Args:
        item_features: Attributes of all items, shape (n_items, d).
        user_features: Attributes of all users, shape (n_users, d), or None.
        residual: Whether to predict what the item's bias leaves.
        width: Width of the linear layer of each side.
        hidden: Width of the two hidden decision layers.
        inner_steps: Steps on the support.
        inner_rate: First inner rate; it is learned.
        order: 2, or 1 to ignore how the inner gradient depends on the start.
        passes: Passes over the known users.
        outer_rate: First rate of the outer loop.
        sizes: Smallest and largest support in training.
        batch: Users a step.
        on_divergence: ``"raise"``, or ``"freeze"``: a newcomer whose inner loop diverges keeps the
            start.
        seed: Seed of weights and tasks.

    Attributes:
        inner_rate_: The learned inner rate.
        history_: Query loss of every outer step, before it.
    """

    def __init__(
        self,
        item_features: np.ndarray,
        user_features: np.ndarray | None = None,
        residual: bool = False,
        width: int = 32,
        hidden: int = 64,
        inner_steps: int = 5,
        inner_rate: float = 0.05,
        order: int = 2,
        passes: int = 14,
        outer_rate: float = 4e-3,
        sizes: tuple[int, int] = (3, 15),
        batch: int = 32,
        on_divergence: str = "raise",
        seed: int = 0,
    ):
        self.item_features = item_features
        self.user_features = user_features
        self.residual = residual
        self.width = width
        self.hidden = hidden
        self.inner_steps = inner_steps
        self.inner_rate = inner_rate
        self.order = order
        self.passes = passes
        self.outer_rate = outer_rate
        self.sizes = sizes
        self.batch = batch
        self.on_divergence = on_divergence
        self.seed = seed

    def _learn(self, warm: Interactions) -> None:
        check_on_divergence(self.on_divergence)
        check_order(self.order)
        if not self.inner_rate > 0:
            raise ValueError(f"inner_rate is {self.inner_rate}; use a rate above 0.")
        self.X_ = torch.from_numpy(centred(self.item_features, warm.n_items, "item")).float()
        self.U_ = torch.from_numpy(centred(self.user_features, warm.n_users, "user")).float()
        generator = torch.Generator().manual_seed(self.seed)
        self.encoders_ = torch.nn.ModuleDict(
            {
                "item": Linear(self.X_.shape[1], self.width, generator),
                "user": Linear(max(self.U_.shape[1], 1), self.width, generator),
            }
        )
        self.decision_ = mlp([2 * self.width, self.hidden, self.hidden, 1], generator)
        self.log_rate_ = torch.nn.Parameter(torch.tensor(float(np.log(self.inner_rate))))
        learned = [*self.encoders_.parameters(), *self.decision_.parameters()]
        sampler = WarmTasks(warm, self.seed, self.batch, self.sizes)
        self.history_ = outer_loop(
            learned, self.forward, sampler, self.passes, self.outer_rate, [self.log_rate_]
        )
        self.inner_rate_ = float(self.log_rate_.detach().exp())

    def forward(self, tasks: Tasks, steps: int | None = None) -> Tensor:
        """Adapt to every task and predict all of its rows, differentiable in what is learned.

        Equation: eq-melu.

        Args:
            tasks: The tasks.
            steps: Inner steps; None takes ``inner_steps``, 0 does not adapt.

        Returns:
            Shape (T, n), in stars.
        """
        users, items, ratings, _, _ = tasks.tensors(self.X_.dtype)
        offset = self._offsets(items)
        batch = task_batch(tasks, self._inputs(users, items), ratings - offset)
        adapted = adapt(
            self.decision_,
            parameters(self.decision_),
            batch,
            rate=self.log_rate_.exp(),
            steps=self.inner_steps if steps is None else steps,
            second_order=self.order == 2,
            on_divergence=self.on_divergence,
        )
        return offset + predict(self.decision_, adapted, batch.query_x)

    def _inputs(self, users: Tensor, items: Tensor) -> Tensor:
        profile = self.U_[users] if self.U_.shape[1] else self.X_.new_zeros(len(users), 1)
        person = self.encoders_["user"](profile)[:, None, :].expand(*items.shape, -1)
        return torch.relu(torch.cat([self.encoders_["item"](self.X_)[items], person], dim=2))

    def _answer(self, tasks: Tasks) -> np.ndarray:
        return self.forward(tasks).numpy()
