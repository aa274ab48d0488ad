"""What the source articles say about batches and output layers, in code, and where it fails.

Each function is the faulty version. The right versions are in ``recsys_book.optimizers.depth``
and in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def opt_20_smaller_batches(
    gradient_norms: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    sizes: Sequence[int] = (512, 64, 8, 1),
) -> Tensor:
    """OPT-20: the batch made smaller so that gradients do not vanish or explode.

    Article S2 6.3.1 and 7.3.1: "小批量训练可以减少梯度消失和梯度爆炸的问题" (training in small
    batches can reduce the problem of vanishing and exploding gradients). A gradient is a product
    of the layers' Jacobians, row by row, and then a mean over rows. The mean does not undo the
    product.

    Args:
        gradient_norms: From inputs and targets to one gradient norm a layer.
        x: Inputs, shape (n, width).
        y: Targets, shape (n, 1).
        sizes: Batch sizes to try.

    Returns:
        One row of norms for each size, shape (len(sizes), layers).
    """
    return torch.stack([gradient_norms(x[:size], y[:size]) for size in sizes])


def cod_15_sigmoid_then_bce(scores: Tensor, labels: Tensor) -> Tensor:
    """COD-15: a sigmoid as the last layer, then ``BCELoss``.

    Article S4 §5.2: the model ends in ``nn.Sigmoid()`` and the criterion is ``nn.BCELoss()``. In
    float32 the sigmoid of a score below about -104 is exactly 0, and above about 17 exactly 1.
    torch then clamps the logarithm at -100, and the gradient through the saturated sigmoid is 0.

    Args:
        scores: What the last linear layer gives, shape (n,).
        labels: 0 or 1 as floats, shape (n,).

    Returns:
        The mean loss, a scalar.
    """
    return functional.binary_cross_entropy(nn.Sigmoid()(scores), labels)
