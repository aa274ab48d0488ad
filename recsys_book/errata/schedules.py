"""Faulty schedules of the source articles, one function an entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

#: OPT-19: the rate that articles S0a §5.2, S2 (project) and S3 §5.4 give to BERT.
OPT_19_RATE = 0.001


def opt_13_adjust_learning_rate(epoch: int, validation_loss: float | None = None) -> float:
    """OPT-13: a table of rates, called adaptive by the performance on the validation set.

    Article S0b §3.5.2: "根据验证集的性能，调整学习率" (adjust the rate by the performance on the
    validation set), then ``if epoch < 10: lr = 0.001 elif epoch < 20: lr = 0.0005 else: lr =
    0.0001``. The performance does not enter, and the 3 or 5 epochs of §5.2 never leave the
    first line.

    Args:
        epoch: Epochs done, from 0.
        validation_loss: What the text says decides; ignored, as in the article.

    Returns:
        The rate.
    """
    if epoch < 10:
        return 0.001
    if epoch < 20:
        return 0.0005
    return 0.0001


def opt_19_fine_tune(
    model: nn.Module, batches: Iterable[Any], loss: Callable[[nn.Module, Any], Tensor]
) -> list[float]:
    """OPT-19: all weights of a pretrained encoder trained by Adam at 0.001, from the first step.

    Articles S0a §5.2, S2 and S3 §5.4: ``Adam(model.parameters(), lr=0.001)``. The rate is 20 to
    50 times the recommended one; each weight moves by about the rate at every step, which after
    a few dozen steps is more than the size of most pretrained weights.

    Args:
        model: The pretrained model; changed in place.
        batches: What to train on.
        loss: Takes the model and a batch.

    Returns:
        The training loss before each step.
    """
    optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=OPT_19_RATE)
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        value = loss(model, batch)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses
