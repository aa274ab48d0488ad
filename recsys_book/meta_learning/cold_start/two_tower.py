"""MAML on a two-tower model: item vectors are learned once, the user's side adapts."""

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
    shrunken_mse,
    task_batch,
)
from recsys_book.meta_learning.functional import adapt, check_order, predict

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class TwoTowerMAML(GradientNewcomer):
    r"""Two towers meet in a product, and the newcomer's vector takes a few gradient steps.

    The item tower maps factors of the known users' ratings and features to a vector; the user
    tower maps attributes to the newcomer's *first* vector and bias. Only these two adapt, at
    learned rates, one a coordinate; the towers are learned through the steps. The product predicts
    what the item's bias leaves.

    Equations: eq-melu, eq-meta-sgd.

    Source: Li, Zhou, Chen and Li (2017), "Meta-SGD"; Bharadhwaj (2019), "Meta-Learning for User
    Cold-Start Recommendation", IJCNN.

    Args:
        item_features: Attributes of all items, shape (n_items, d), or None.
        user_features: Attributes of all users, shape (n_users, d), or None.
        factors: Length of the item factors that enter the item tower; 0 for none.
        l2: Penalty while they are learned.
        width: Length of the vectors that meet.
        inner_steps: Steps on the support.
        inner_rate: First inner rate of all coordinates; they are learned.
        order: 2, or 1 to ignore how the inner gradient depends on the start.
        passes: Passes over the known users.
        outer_rate: First rate of the outer loop.
        sizes: Smallest and largest support in training.
        batch: Users a step.
        on_divergence: ``"raise"``, or ``"freeze"``: a newcomer whose inner loop diverges keeps the
            start.
        seed: Seed of weights and tasks.

    Attributes:
        history_: Query loss of every outer step, before it.
    """

    def __init__(
        self,
        item_features: np.ndarray | None = None,
        user_features: np.ndarray | None = None,
        factors: int = 5,
        l2: float = 80.0,
        width: int = 12,
        inner_steps: int = 4,
        inner_rate: float = 0.1,
        order: int = 2,
        passes: int = 16,
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
        self.X_ = item_inputs(warm, self.biases_, self.item_features, self.factors, self.l2)
        self.U_ = torch.from_numpy(centred(self.user_features, warm.n_users, "user")).float()
        generator = torch.Generator().manual_seed(self.seed)
        self.head_ = nn.Sequential(Linear(self.width, 1, generator))
        self.item_tower_ = Linear(max(self.X_.shape[1], 1), self.width, generator)
        self.user_tower_ = Linear(max(self.U_.shape[1], 1), self.width + 1, generator)
        with torch.no_grad():
            self.user_tower_.weight.mul_(0.1)
        rate = float(np.log(self.inner_rate))
        self.log_rates_ = nn.ParameterDict(
            {"weight": torch.full((1, self.width), rate), "bias": torch.full((1,), rate)}
        )
        towers = [*self.item_tower_.parameters(), *self.user_tower_.parameters()]
        sampler = WarmTasks(warm, self.seed, self.batch, self.sizes)
        self.history_ = outer_loop(
            towers, self.forward, sampler, self.passes, self.outer_rate, self.log_rates_.values()
        )

    def forward(self, tasks: Tasks, steps: int | None = None) -> Tensor:
        """Adapt to every task and predict all of its rows, differentiable in what is learned.

        Args:
            tasks: The tasks.
            steps: Inner steps; None takes ``inner_steps``, 0 does not adapt.

        Returns:
            Shape (T, n), in stars.
        """
        users, items, ratings, _, _ = tasks.tensors(self.X_.dtype)
        offset = self._offsets(items)
        batch = task_batch(tasks, self.item_vectors()[items], ratings - offset)
        profile = self.U_[users] if self.U_.shape[1] else self.X_.new_zeros(len(users), 1)
        first = self.user_tower_(profile)
        adapted = adapt(
            self.head_,
            {"0.weight": first[:, None, 1:], "0.bias": first[:, :1]},
            batch,
            rate={f"0.{name}": rate.exp() for name, rate in self.log_rates_.items()},
            steps=self.inner_steps if steps is None else steps,
            loss=shrunken_mse,
            second_order=self.order == 2,
            on_divergence=self.on_divergence,
        )
        return offset + predict(self.head_, adapted, batch.query_x)

    def item_vectors(self) -> Tensor:
        """Return the item tower's vectors, shape (n_items + 1, width)."""
        X = self.X_ if self.X_.shape[1] else self.X_.new_zeros(len(self.X_), 1)
        return torch.tanh(self.item_tower_(X))

    def _answer(self, tasks: Tasks) -> np.ndarray:
        return self.forward(tasks).numpy()
