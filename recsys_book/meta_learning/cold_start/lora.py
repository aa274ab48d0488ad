"""One small pair of matrices a newcomer: low-rank adapters of a network that everybody shares."""

from __future__ import annotations

from collections.abc import Sequence
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
from recsys_book.meta_learning.functional import adapt, parameters, predict

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class LowRankLinear(nn.Module):
    r"""A linear layer plus a correction of low rank, :math:`h = [W + BA](x, 1)`.

    The input has a one appended, so that the correction reaches the bias as well. B begins at zero:
    before the first step the layer is the shared one.

    Equation: eq-user-lora.

    Args:
        inputs: Width of what comes in.
        outputs: Width of what goes out.
        rank: Rank of the correction.
        generator: Where the first weights come from.
    """

    def __init__(self, inputs: int, outputs: int, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.shared = Linear(inputs, outputs, generator)
        draw = torch.randn((rank, inputs + 1), generator=generator) * (inputs + 1) ** -0.5
        self.A = nn.Parameter(draw)
        self.B = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Map rows (..., inputs) to (..., outputs)."""
        one = torch.ones_like(x[..., :1])
        return self.shared(x) + torch.cat([x, one], dim=-1) @ self.A.T @ self.B.T


def low_rank_network(
    sizes: Sequence[int], rank: int, generator: torch.Generator
) -> tuple[nn.Sequential, list[str]]:
    """Return a network of such layers with a bend between each two, and its adapters' names.

    Args:
        sizes: Widths, from the inputs to the outputs.
        rank: Rank of every correction.
        generator: Where the first weights come from.

    Raises:
        ValueError: If the rank is below 1.
    """
    if rank < 1:
        raise ValueError(f"rank is {rank}; use at least 1.")
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:]):
        layers += [LowRankLinear(inputs, outputs, rank, generator), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    names = [name for name in parameters(network) if name.endswith((".A", ".B"))]
    return network, names


class UserLoRA(GradientNewcomer):
    r"""A network for everybody, and for each newcomer a low-rank correction of every layer.

    First the shared weights learn to predict what the item's bias leaves, without any user's
    adapters. Then they are frozen, and the outer loop learns where adapters start and how far each
    inner step goes; a newcomer's adapters take these steps on his ratings. What is stored for a
    user is ``rank * (inputs + 1 + outputs)`` numbers a layer.

    Equation: eq-user-lora.

    Source: Hu and others (2022), "LoRA: Low-Rank Adaptation of Large Language Models", ICLR.

    Args:
        item_features: Attributes of all items, shape (n_items, d), or None.
        user_features: Attributes of all users, shape (n_users, d), or None.
        factors: Length of the item factors that the network reads; 0 for none.
        l2: Penalty while they are learned.
        hidden: Width of the hidden layer.
        rank: Rank of the corrections.
        inner_steps: Steps on the support.
        inner_rate: First inner rate; one a matrix is learned.
        pretraining: Passes over the known users for the shared weights.
        passes: Passes over the known users for the adapters' start and rates.
        outer_rate: First rate of both.
        sizes: Smallest and largest support in training.
        batch: Users a step.
        on_divergence: ``"raise"``, or ``"freeze"``: a newcomer whose inner loop diverges keeps the
            start.
        seed: Seed of weights and tasks.

    Attributes:
        network_: The layers, with the adapters at their start.
        adapters_: Names of the parameters that adapt.
        history_: Query loss of every outer step, before it; pre-training first.
    """

    def __init__(
        self,
        item_features: np.ndarray | None = None,
        user_features: np.ndarray | None = None,
        factors: int = 5,
        l2: float = 80.0,
        hidden: int = 24,
        rank: int = 2,
        inner_steps: int = 4,
        inner_rate: float = 0.1,
        pretraining: int = 6,
        passes: int = 10,
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
        self.hidden = hidden
        self.rank = rank
        self.inner_steps = inner_steps
        self.inner_rate = inner_rate
        self.pretraining = pretraining
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
        width = self.X_.shape[1] + self.U_.shape[1]
        if width == 0:
            raise ValueError("UserLoRA has nothing to read; pass features or factors above 0.")
        generator = torch.Generator().manual_seed(self.seed)
        self.network_, self.adapters_ = low_rank_network(
            [width, self.hidden, 1], self.rank, generator
        )
        with torch.no_grad():
            self.network_[-1].shared.weight.mul_(0.1)
        rate = float(np.log(self.inner_rate))
        self.log_rates_ = {
            name: torch.full((), rate, requires_grad=True) for name in self.adapters_
        }
        own = parameters(self.network_)
        shared = [value for name, value in own.items() if name not in self.adapters_]
        first = outer_loop(
            shared, self._unadapted, self._sampler(warm), self.pretraining, self.outer_rate
        )
        for value in shared:
            value.requires_grad_(False)
        rates = self.log_rates_.values()
        second = outer_loop(
            [own[name] for name in self.adapters_],
            self.forward,
            self._sampler(warm),
            self.passes,
            self.outer_rate,
            rates,
        )
        self.history_ = np.concatenate([first, second])

    def _sampler(self, warm: Interactions) -> WarmTasks:
        return WarmTasks(warm, self.seed, self.batch, self.sizes)

    def _unadapted(self, tasks: Tasks) -> Tensor:
        return self.forward(tasks, steps=0)

    def forward(self, tasks: Tasks, steps: int | None = None) -> Tensor:
        """Adapt to every task and predict all of its rows, differentiable in what is learned.

        Equation: eq-user-lora.

        Args:
            tasks: The tasks.
            steps: Inner steps; None takes ``inner_steps``, 0 is the shared network.

        Returns:
            Shape (T, n), in stars.
        """
        users, items, ratings, _, _ = tasks.tensors(self.X_.dtype)
        offset = self._offsets(items)
        person = self.U_[users][:, None, :].expand(*items.shape, -1)
        x = torch.cat([self.X_[items], person], dim=2)
        if steps == 0:
            return offset + self.network_(x)[:, :, 0]
        batch = task_batch(tasks, x, ratings - offset)
        adapted = adapt(
            self.network_,
            parameters(self.network_),
            batch,
            rate={name: rate.exp() for name, rate in self.log_rates_.items()},
            steps=self.inner_steps if steps is None else steps,
            loss=shrunken_mse,
            only=self.adapters_,
            on_divergence=self.on_divergence,
        )
        return offset + predict(self.network_, adapted, x)

    def _answer(self, tasks: Tasks) -> np.ndarray:
        return self.forward(tasks).numpy()
