"""Faulty rules that the chapter *A rate for every parameter* runs, one function an entry or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Gradient = Callable[[Any], Any]


def opt_03_adagrad_that_is_sgd(
    gradient: Gradient, w: np.ndarray, steps: int, lr: float = 0.1, eps: float = 1e-8
) -> np.ndarray:
    r"""OPT-03: a gradient cache that forgets.

    Article S0b §4.3.1 and §4.3.3: the cache is ``G \in \mathbb{R}^{n \times n}, G_{i,j} = \partial
    L/\partial w_{i,j}`` and the step is ``w_{i,j}^{new} = w_{i,j} - \alpha \cdot G_{i,j}``. The
    cache is the present gradient: nothing is accumulated, nothing is divided, and ``\epsilon`` is
    declared and never used. What is left is gradient descent.

    Args:
        gradient: the gradient at some weights, of their shape.
        w: the first weights, any shape.
        steps: how many steps to take.
        lr: the rate.
        eps: the small constant, unused as in the article.

    Returns:
        The weights, (steps + 1, ...).
    """
    path = [np.asarray(w, dtype=float)]
    for _ in range(steps):
        cache = np.asarray(gradient(path[-1]), dtype=float)
        path.append(path[-1] - lr * cache)
    return np.array(path)


def opt_04_adagrad_that_ascends(
    gradient: Gradient, w: np.ndarray, steps: int, lr: float = 0.1, eps: float = 1e-8
) -> np.ndarray:
    """OPT-04: a listing whose two minus signs make it climb, with the Python repaired.

    Article S0b §3.3.3: ``G[parameter] = gradient``, then ``update = -alpha * gradient /
    (np.sqrt(G[parameter] + epsilon))``, ``parameter -= update`` and ``G[parameter] += gradient **
    2``. Minus minus is plus; the root is of the signed gradient, so it is NaN where the slope
    falls; and what is added to ``G`` afterwards is overwritten at the next step.

    Args:
        gradient: the gradient at some weights, of their shape.
        w: the first weights, any shape.
        steps: how many steps to take.
        lr: the rate.
        eps: the small constant.

    Returns:
        The weights, (steps + 1, ...); NaN after the first negative gradient.
    """
    path = [np.asarray(w, dtype=float)]
    with np.errstate(invalid="ignore"):
        for _ in range(steps):
            g = np.asarray(gradient(path[-1]), dtype=float)
            cache = g
            update = -lr * g / np.sqrt(cache + eps)
            path.append(path[-1] - update)
            cache = cache + g**2
    return np.array(path)


def opt_04_listing(
    parameters: Sequence[Any],
    gradients: Sequence[Any],
    alpha: float = 0.1,
    epsilon: float = 1e-8,
    by_position: bool = False,
) -> list[Any]:
    """OPT-04: the same listing as the article prints it.

    Article S0b §3.3.1 to §3.3.3: ``G = [0] * len(parameters)`` is indexed by the parameter itself,
    and ``parameter -= update`` changes a leaf in place, or only the variable of the loop.

    Args:
        parameters: tensors that require gradients, or numbers.
        gradients: one a parameter.
        alpha: the rate.
        epsilon: the small constant.
        by_position: repair the index, to meet the next fault.

    Returns:
        ``parameters``, unchanged where they are numbers.

    Raises:
        TypeError: a list is indexed by a tensor.
        RuntimeError: a leaf that requires a gradient is changed in place.
    """
    G = [0] * len(parameters)
    for position, (parameter, gradient) in enumerate(zip(parameters, gradients)):
        key = position if by_position else parameter
        G[key] = gradient
        update = -alpha * gradient / (G[key] + epsilon) ** 0.5
        parameter -= update
        G[key] += gradient**2
    return list(parameters)


def opt_07_moments_without_square(
    gradients: np.ndarray, beta1: float = 0.9, beta2: float = 0.999
) -> tuple[np.ndarray, np.ndarray]:
    """OPT-07: one function for both moments.

    Article S1 §4.2.3, pseudo-code: ``m = update_moment(m, gradients, beta1)`` and ``v =
    update_moment(v, gradients, beta2)``. So ``v`` is an average of gradients like ``m``; it is
    negative whenever they are, and its root is NaN.

    Args:
        gradients: one gradient a step, (steps, ...).
        beta1: decay of the first average.
        beta2: decay of the second average.

    Returns:
        ``m`` and ``v`` after each step, of the gradients' shape each.
    """
    g = np.asarray(gradients, dtype=float)
    averages = []
    for beta in (beta1, beta2):
        average, path = np.zeros(g.shape[1:]), []
        for row in g:
            average = beta * average + (1 - beta) * row
            path.append(average)
        averages.append(np.array(path))
    return averages[0], averages[1]


def opt_07_adam_without_correction(
    gradients: np.ndarray,
    lr: float = 1.0,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 0.0,
) -> np.ndarray:
    """OPT-07: Adam's step where the number of the step is not known.

    Article S1 §4.2.3, pseudo-code: the update is given ``(model, m, v, learning_rate, epsilon)``
    and no ``t``, so the moments cannot be freed of their start at zero. The gradient is squared
    here, which the pseudo-code forgets. Under a steady gradient the first step is ``(1 - beta1) /
    sqrt(1 - beta2)`` rates long instead of one, about 3.2 times too long, and the excess grows
    until step 12.

    Args:
        gradients: one gradient a step, (steps, ...).
        lr: the rate.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        eps: the small constant.

    Returns:
        The change of the weights in each step, of the gradients' shape.
    """
    g = np.asarray(gradients, dtype=float)
    m = v = np.zeros(g.shape[1:])
    changes = []
    for row in g:
        m = beta1 * m + (1 - beta1) * row
        v = beta2 * v + (1 - beta2) * row**2
        changes.append(-lr * m / (np.sqrt(v) + eps))
    return np.array(changes)


def opt_08_adam_with_variance(
    gradients: np.ndarray,
    lr: float = 1.0,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> np.ndarray:
    r"""OPT-08: Adam's step with a variance where the second moment belongs.

    Article S1 §4.2.3 calls the second moment a variance, "二阶矩估计（方差）", and article S0a §4.4
    step 5 has it corrected by a "bias term", "计算偏置项". ``\hat v`` estimates ``E[g^2]``, not
    ``E[g^2] - E[g]^2``: where all gradients agree the variance is zero, and a step divided by its
    root has no bound but ``lr * |g| / eps``. And a bias term is a parameter that is added; what
    the step does is correct a bias, by a division.

    Args:
        gradients: one gradient a step, (steps, ...).
        lr: the rate.
        beta1: decay of the first moment.
        beta2: decay of the second moment, and of the mean that is taken off.
        eps: the small constant.

    Returns:
        The change of the weights in each step, of the gradients' shape.
    """
    g = np.asarray(gradients, dtype=float)
    m = mean = square = np.zeros(g.shape[1:])
    changes = []
    for t, row in enumerate(g, start=1):
        m = beta1 * m + (1 - beta1) * row
        mean = beta2 * mean + (1 - beta2) * row
        square = beta2 * square + (1 - beta2) * row**2
        correction = 1 - beta2**t
        variance = np.maximum(square / correction - (mean / correction) ** 2, 0)
        changes.append(-lr * m / (1 - beta1**t) / (np.sqrt(variance) + eps))
    return np.array(changes)


def opt_09_sgd_and_momentum(
    gradient: Gradient, w: np.ndarray, steps: int, lr: float = 0.01, momentum: float = 0.9
) -> np.ndarray:
    r"""OPT-09: Adam as the sentence about it has it.

    Article S1 §4.2.3: "结合了SGD和动量法" (it combines SGD and momentum), with "\beta_1, \beta_2
    分别为动量因子" (momentum factors). SGD with momentum is what results. It lacks the division by
    the root of the second moment, which makes Adam's step independent of the gradient's scale.

    Args:
        gradient: the gradient at some weights, of their shape.
        w: the first weights, any shape.
        steps: how many steps to take.
        lr: the rate.
        momentum: the share of the velocity that is kept.

    Returns:
        The weights, (steps + 1, ...); infinite or NaN once they overflow.
    """
    path = [np.asarray(w, dtype=float)]
    velocity = np.zeros_like(path[0])
    with np.errstate(all="ignore"):
        for _ in range(steps):
            velocity = momentum * velocity + np.asarray(gradient(path[-1]), dtype=float)
            path.append(path[-1] - lr * velocity)
    return np.array(path)


def opt_10_averages_of_gradient_and_deviation(
    gradients: np.ndarray, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6
) -> np.ndarray:
    """OPT-10: AdaDelta as the sentence about it has it.

    Article S0b §2.3: "结合了AdaGrad和RMSProp 的特点，通过滑动平均梯度值和偏差进行自适应调整"
    (it combines AdaGrad and RMSProp, by moving averages of the gradient and of the deviation). No
    article gives equations. Taken at its word, an average gradient is divided by its average
    deviation: the deviation of a steady gradient vanishes, so the step grows to ``lr * |g| /
    sqrt(eps)``, and the rate that AdaDelta was made to do without is needed again. AdaDelta
    averages *squared* gradients and *squared changes of the weights*.

    Args:
        gradients: one gradient a step, (steps, ...).
        lr: the rate.
        rho: decay of both averages.
        eps: the small constant, inside the root.

    Returns:
        The change of the weights in each step, of the gradients' shape.
    """
    g = np.asarray(gradients, dtype=float)
    mean, deviation, changes = g[0], np.zeros(g.shape[1:]), []
    for row in g:
        mean = rho * mean + (1 - rho) * row
        deviation = rho * deviation + (1 - rho) * (row - mean) ** 2
        changes.append(-lr * mean / np.sqrt(deviation + eps))
    return np.array(changes)


def opt_12_reddi_gradients(steps: int, large: float = 4.0) -> np.ndarray:
    """OPT-12: the convex problem on which Adam goes to the worst point.

    Articles S0a (abstract, §2.3, Q3), S0b (§5.5, Q3) and S1 §4.2.3
    ("能够快速收敛，同时保持模型的稳定性": it converges fast and keeps the model stable) recommend
    adaptive rates without a condition. Here the cost of a weight w in [-1, 1] is ``large * w`` in
    every third step and ``-w`` in the two between, so -1 is best. Adam's memory of the large
    gradient fades before it comes again.

    Source: Reddi, Kale & Kumar (2018), section 3.

    Args:
        steps: how many steps.
        large: the rare gradient; above 2.

    Returns:
        The gradient in each step, (steps,); none depends on the weight.
    """
    return np.where(np.arange(steps) % 3 == 0, large, -1.0)


def opt_12_adam_online(
    gradients: np.ndarray, lr: float = 0.1, beta2: float = 1 / 17, start: float = 0.0
) -> np.ndarray:
    r"""OPT-12: Adam with ``beta1 = 0``, the rate ``lr / \sqrt{t}``, kept within [-1, 1].

    These are the conditions under which its convergence had been claimed.

    Source: Reddi, Kale & Kumar (2018), section 3; ``beta2 = 1 / (1 + large**2)``.

    Args:
        gradients: one gradient a step, (steps,).
        lr: the first rate.
        beta2: decay of the second moment.
        start: the first weight.

    Returns:
        The weights, (steps + 1,).
    """
    path, v = [start], 0.0
    for t, g in enumerate(gradients, start=1):
        v = beta2 * v + (1 - beta2) * g**2
        step = lr / np.sqrt(t) * g / np.sqrt(v / (1 - beta2**t))
        path.append(float(np.clip(path[-1] - step, -1.0, 1.0)))
    return np.array(path)


def opt_12_wilson_data(
    n: int = 60, share: float = 0.64, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """OPT-12: data on which adaptive rates learn by heart what gradient descent understands.

    Feature 0 is the label, features 1 and 2 are always 1, and then every example has five features
    of its own: one is on if it is positive, all five if it is negative. The first feature settles
    every label. Rules that give every coordinate the same step spread the weight over the private
    features, which say nothing about a new example, and call all new ones positive.

    Source: Wilson et al. (2017), section 3.3.

    Args:
        n: examples for training, and as many for testing.
        share: probability of a positive label.
        seed: of the labels.

    Returns:
        Features (n, 3 + 10 n) and labels (n,) for training, then the same for testing; labels are
        1 or -1.
    """
    rng = np.random.default_rng(seed)
    y, y_test = (np.where(rng.random(n) < share, 1.0, -1.0) for _ in range(2))
    return _wilson_features(y, 0), y, _wilson_features(y_test, n), y_test


def _wilson_features(y: np.ndarray, before: int) -> np.ndarray:
    """Features of examples that come after ``before`` others."""
    X = np.zeros((len(y), 3 + 10 * len(y)))
    X[:, 0], X[:, 1:3] = y, 1.0
    for row, label in enumerate(y):
        first = 3 + 5 * (row + before)
        X[row, first : first + (1 if label > 0 else 5)] = 1.0
    return X


def opt_21_adam_with_l2(
    gradients: np.ndarray,
    w: np.ndarray,
    lr: float = 1e-3,
    l2: float = 0.1,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> np.ndarray:
    r"""OPT-21: weight decay that goes through Adam's division.

    Article S2 §4.2.3 and §6.3 add an L1 or L2 penalty to the loss and train by Adam; article S1
    §4.5.3 does the same. The penalty's gradient is divided by ``\sqrt{\hat v}`` with the rest, so
    the weights with large gradients, which need the penalty most, hardly feel it.

    Args:
        gradients: the loss's gradient in each step, (steps, ...).
        w: the first weights, (...).
        lr: the rate.
        l2: the penalty's coefficient.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        eps: the small constant.

    Returns:
        The last weights, (...).
    """
    w = np.array(w, dtype=float)
    m = v = np.zeros_like(w)
    for t, g in enumerate(np.asarray(gradients, dtype=float), start=1):
        g = g + l2 * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        w = w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w
