"""Claims that the chapter on embedding tables runs, one function an entry."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch


def opt_11_adagrad_follows_the_user(
    observations: np.ndarray, lr: float, eps: float = 1e-10
) -> np.ndarray:
    r"""OPT-11: AdaGrad as the method that adapts to changing users.

    Articles S0a (abstract, §1, §2.3, §6) and S0b (§1, §2.3, §6, Q3): an adaptive rate
    "可以动态调整模型参数，以适应用户行为的变化" (adjusts to changes of the user's behaviour), and
    AdaGrad and AdaDelta are the methods offered. AdaGrad is computed here as it should be. Its rate
    only ever falls, so it is the slowest to follow.

    Args:
        observations: What users show, one value a step, shape ``(steps,)`` or
            ``(steps, users)``.
        lr: AdaGrad's rate.
        eps: Keeps the denominator from zero.

    Returns:
        The estimate after each step, of the same shape; it starts from 0.
    """
    w, s, path = np.zeros(observations.shape[1:]), 0.0, []
    for x in observations:
        g = w - x
        s = s + g * g
        w = w - lr * g / (np.sqrt(s) + eps)
        path.append(w)
    return np.array(path)


def opt_17_gradients_computed(
    make_optimizer: Callable[[list[torch.Tensor]], torch.optim.Optimizer], steps: int
) -> int:
    r"""OPT-17: adaptive rates said to need much more gradient information.

    Article S0b §8, challenge 1, and Q5. If that were so, an adaptive optimizer would ask for more
    gradients, or for larger ones, than gradient descent does. This counts the numbers that it gets.

    Args:
        make_optimizer: From a list of parameters to an optimizer.
        steps: How many steps to take.

    Returns:
        The gradient entries computed in all steps, for a weight of 100 entries.
    """
    weight = torch.ones(10, 10, requires_grad=True)
    optimizer, computed = make_optimizer([weight]), 0
    for _ in range(steps):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        computed += weight.grad.numel()
        optimizer.step()
    return computed
