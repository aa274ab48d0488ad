"""Learn from a labelled source for an unlabelled target: three penalties on the domain gap."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.meta_learning.transfer.discrepancy import check_features, coral, mmd
from recsys_book.optimizers.problems.tables import linear


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradient, None


def reverse_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    """Return ``x`` itself; on the way back its gradient changes sign.

    Equation: eq-gradient-reversal

    Source: Ganin et al. (2016), "Domain-Adversarial Training of Neural Networks", JMLR 17,
    equations 16 to 18.

    Args:
        x: Anything, any shape.
        strength: What the reversed gradient is multiplied by.

    Returns:
        The same numbers.
    """
    return _Reversal.apply(x, strength)


class DomainNetwork(nn.Module):
    """Features that both domains share, a head for the label and a head for the domain.

    Args:
        n_in: Length of the input.
        width: Length of the shared features.
        seed: Of the first weights.
    """

    def __init__(self, n_in: int, width: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.features = nn.Sequential(linear(n_in, width, generator), nn.Tanh())
        self.label = linear(width, 1, generator)
        self.domain = nn.Sequential(
            linear(width, width, generator), nn.ReLU(), linear(width, 1, generator)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the logit of the label.

        Args:
            x: Shape (n, n_in).

        Returns:
            Shape (n,).
        """
        return self.label(self.features(x)).squeeze(-1)


def domain_loss(network: DomainNetwork, a: Tensor, b: Tensor, strength: float = 1.0) -> Tensor:
    """Return the loss of the domain head, whose gradient is reversed before the features.

    The head learns to tell the domains; the features learn that it cannot.

    Equation: eq-gradient-reversal

    Args:
        network: The network.
        a: Features of the source, shape (n, width).
        b: Features of the target, shape (m, width).
        strength: Of the reversal.

    Returns:
        The mean log loss, each domain counting the same, 0-dimensional.
    """
    logits = [network.domain(reverse_gradient(x, strength)).squeeze(-1) for x in (a, b)]
    loss = functional.binary_cross_entropy_with_logits
    return (
        loss(logits[0], torch.zeros_like(logits[0])) + loss(logits[1], torch.ones_like(logits[1]))
    ) / 2


#: The domain head learns this many times faster, so that the features face a fair judge.
CRITIC_SPEED = 5.0
PENALTIES = ("none", "coral", "mmd", "adversarial")


def train_across(
    source_x: Tensor,
    source_y: Tensor,
    target_x: Tensor,
    penalty: str = "none",
    weight: float = 1.0,
    *,
    width: int = 16,
    steps: int = 200,
    rate: float = 0.02,
    seed: int = 0,
) -> DomainNetwork:
    """Fit labels of the source while the features of both domains are pulled together.

    Args:
        source_x: Shape (n, d).
        source_y: Zeros and ones, shape (n,).
        target_x: Without labels, shape (m, d).
        penalty: ``"none"``, ``"coral"``, ``"mmd"`` or ``"adversarial"``.
        weight: Of the penalty; of the reversal for ``"adversarial"``.
        width: Length of the shared features.
        steps: Of Adam, each on all rows.
        rate: Its rate.
        seed: Of the first weights.

    Returns:
        The trained network.

    Raises:
        ValueError: If the penalty is unknown, a domain is empty, the features differ in number, or
            a number is not finite.
    """
    if penalty not in PENALTIES:
        raise ValueError(f"penalty is {penalty!r}; use one of {', '.join(PENALTIES)}.")
    check_features(source_x, target_x, least=2)
    network = DomainNetwork(source_x.shape[1], width, seed)
    critic = {"params": network.domain.parameters(), "lr": CRITIC_SPEED * rate}
    learner = [*network.features.parameters(), *network.label.parameters()]
    optimizer = torch.optim.Adam([{"params": learner}, critic], lr=rate, betas=(0.5, 0.999))
    for _ in range(steps):
        a, b = network.features(source_x), network.features(target_x)
        logits = network.label(a).squeeze(-1)
        loss = functional.binary_cross_entropy_with_logits(logits, source_y)
        if penalty == "coral":
            # The covariance of tanh features is small: Deep CORAL's 1 / (4 d^2) is undone.
            loss = loss + weight * 4 * a.shape[1] ** 2 * (
                coral(a, b) + (a.mean(0) - b.mean(0)).square().sum() / (4 * a.shape[1] ** 2)
            )
        elif penalty == "mmd":
            loss = loss + weight * mmd(a, b, bandwidth=a.shape[1] ** 0.5)
        elif penalty == "adversarial":
            loss = loss + domain_loss(network, a, b, weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()
