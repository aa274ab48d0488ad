"""Faulty claims and loops that the chapter *Descending a slope* runs, one function an entry."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor


def opt_14_fixed_rate(samples: np.ndarray, lr: float, start: float = 0.0) -> np.ndarray:
    r"""OPT-14: "the traditional learning rate is fixed".

    Articles S0a Q1 and S0b Q1 call the traditional rate fixed. Decreasing rates are as old as
    stochastic approximation, and for a reason: with a fixed rate the weight never stops moving.
    This is that rule on ``f = E (w - x)^2 / 2``.

    Args:
        samples: One random target a step, (steps, ...).
        lr: The rate of every step.
        start: The first weight.

    Returns:
        The weight after each step, of the samples' shape.
    """
    w = np.full_like(samples[0], start, dtype=float)
    path = np.empty(np.shape(samples))
    for t, x in enumerate(samples):
        w = w - lr * (w - x)
        path[t] = w
    return path


def opt_15_verdict(curvature: float, lr: float) -> str:
    """OPT-15: what becomes of gradient descent with a large rate, as the article has it.

    Article S1 §4.2.1: "过大会导致震荡" (a rate that is too large leads to oscillation). There is no
    third case, so divergence is called oscillation too.

    Args:
        curvature: The curvature of a quadratic.
        lr: The rate.

    Returns:
        ``"oscillates"`` where the steps overshoot, else ``"converges"``.
    """
    return "oscillates" if lr * curvature > 1 else "converges"


def opt_16_one_sample(gradients: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    r"""OPT-16, the formula: the gradient of one random sample.

    Article S1 §4.2.2: "只随机选择一个样本" (only one sample is chosen at random) and
    ``\theta_{t+1} = \theta_t - \alpha \nabla J(\theta_t; x_t, y_t)``.

    Args:
        gradients: A gradient a sample, (n, ...).
        rng: Chooses the sample.

    Returns:
        One of the gradients, (...).
    """
    return gradients[rng.integers(len(gradients))]


def opt_16_listing(
    gradient: Callable[[np.ndarray, np.ndarray], np.ndarray],
    evaluate: Callable[[np.ndarray], Any],
    w: np.ndarray,
    data: np.ndarray,
    *,
    lr: float,
    batch_size: int,
    epochs: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """OPT-16, the listing: mini-batches, with the model evaluated after each of them.

    The pseudo-code of article S1 §4.2.2 has ``batch_size`` and ``generate_batches``, and calls the
    evaluation inside the loop over the batches, so that an epoch reads the data once to train and
    once more for each batch.

    Args:
        gradient: From weights and a batch to a gradient.
        evaluate: From weights to whatever is reported; called after each batch.
        w: The first weights.
        data: The training rows, (n, ...).
        lr: The rate.
        batch_size: Rows in a batch.
        epochs: How often to go through the data.
        rng: Shuffles.

    Returns:
        The last weights.
    """
    for _ in range(epochs):
        rows = rng.permutation(len(data))
        for number in range(math.ceil(len(data) / batch_size)):
            batch = data[rows[number * batch_size : (number + 1) * batch_size]]
            w = w - lr * gradient(w, batch)
            evaluate(w)
    return w


def opt_18_forward_only(loss: Callable[[Tensor], Tensor], w: Tensor) -> Tensor | None:
    """OPT-18: the gradient that a forward pass computes.

    Article S0b §4.3.2: "前向传播：计算损失函数L关于模型参数的梯度" (forward propagation: compute
    the gradient of the loss function L with respect to the model's parameters).

    Args:
        loss: From weights to a scalar.
        w: The weights.

    Returns:
        The weights' gradient after the forward pass: None, because there is none.
    """
    leaf = w.detach().clone().requires_grad_()
    loss(leaf)
    return leaf.grad


def cod_08_train_without_zero_grad(
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Any], Tensor],
    batches: Iterable[Any],
    after_step: Callable[[], None] = lambda: None,
) -> None:
    """COD-08: a training loop that never clears the gradients.

    ``train_model`` of article S4 §5.2 calls ``loss.backward()`` and ``optimizer.step()``, and
    nowhere ``optimizer.zero_grad()``. ``backward`` adds to what is there, so each step follows the
    sum of all gradients since the beginning.

    Args:
        optimizer: Of the weights that the loss uses.
        loss: From a batch to a scalar.
        batches: What to train on.
        after_step: Called after each step, to watch.
    """
    for batch in batches:
        loss(batch).backward()
        optimizer.step()
        after_step()


def cod_09_report(epoch: int, train_model: Callable[[], float | None]) -> str:
    """COD-09: print the loss that a training function did not return.

    Article S4 §5.4: ``train_loss = train_model(...)``, then ``f'… {train_loss:.4f}'``; its
    ``train_model`` has no ``return``.

    Args:
        epoch: The number of the epoch.
        train_model: Trains for an epoch.

    Returns:
        The line to print.

    Raises:
        TypeError: If the training function returns None, as the article's does.
    """
    train_loss = train_model()
    return f"Epoch {epoch}, Train Loss: {train_loss:.4f}"
