"""Faulty formulas that the page *Five checks for any formula* runs, one function an entry."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def opt_01_adagrad_that_grows(
    gradient: Callable[[float], float], w: float, steps: int, lr: float = 0.1
) -> np.ndarray:
    r"""OPT-01: squared gradients added to the rate instead of dividing it.

    Article S0a §4.3, steps 3 and 4:
    ``\alpha_{t+1} = \alpha_{t} + \frac{1}{t+1} \cdot G_{t}^2``, then
    ``W_{t+1} = W_{t} - \alpha_{t+1} \cdot G_{t}``. A long step makes the next gradient larger,
    which makes the next step longer.

    Args:
        gradient: the gradient at a weight.
        w: the first weight.
        steps: how many steps to take.
        lr: the first rate.

    Returns:
        The weights, (steps + 1,); infinite or NaN once they overflow.
    """
    path, rate = [np.float64(w)], np.float64(lr)
    with np.errstate(all="ignore"):
        for t in range(steps):
            g = np.float64(gradient(path[-1]))
            rate = rate + g**2 / (t + 1)
            path.append(path[-1] - rate * g)
    return np.array(path)


def opt_02_rate_with_one_axis_too_many(
    weights: np.ndarray, gradients: np.ndarray, rates: np.ndarray
) -> np.ndarray:
    r"""OPT-02: one step with a rate that has an axis more than the weights.

    Article S0a §4.3 and §4.4: ``\alpha \in \mathbb{R}^{1 \times d_{h} \times d_{e}}`` while
    ``W, G \in \mathbb{R}^{d_{h} \times d_{e}}``. The product broadcasts, so the weights silently
    gain an axis.

    Args:
        weights: (d_h, d_e).
        gradients: (d_h, d_e).
        rates: (1, d_h, d_e).

    Returns:
        The new weights, (1, d_h, d_e).
    """
    return weights - rates * gradients


def opt_05_adam_upside_down(
    gradient: Callable[[float], float],
    w: float,
    steps: int,
    lr: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> np.ndarray:
    r"""OPT-05: Adam with the second moment over the first.

    Article S0a §4.4, steps 6 and 7:
    ``\alpha_{t+1} = \alpha_0 \cdot \frac{\hat{v}_{t+1}}{\hat{m}_{t+1} + \epsilon}``, then
    ``W_{t+1} = W_{t} - \alpha_{t+1} \cdot \hat{m}_{t+1}``. The first moment cancels; what is left
    is minus the second moment, which is negative whatever the gradient says.

    Args:
        gradient: the gradient at a weight.
        w: the first weight.
        steps: how many steps to take.
        lr: the rate.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        eps: the small constant.

    Returns:
        The weights, (steps + 1,); infinite or NaN once they overflow.
    """
    path, m, v = [np.float64(w)], np.float64(0), np.float64(0)
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            g = np.float64(gradient(path[-1]))
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
            rate = lr * v_hat / (m_hat + eps)
            path.append(path[-1] - rate * m_hat)
    return np.array(path)


def opt_06_adam_without_memory(
    x: np.ndarray, mu: float = 0.0, beta1: float = 0.9, beta2: float = 0.999
) -> tuple[np.ndarray, np.ndarray]:
    r"""OPT-06: moments that mix a first and a second power and forget what came before.

    Article S1 §4.2.3: ``m_t = \beta_1 x_t + (1 - \beta_1) (x_t - \mu_t)`` and
    ``v_t = \beta_2 x_t + (1 - \beta_2) (x_t - \mu_t)^2``. Neither line contains its own past, and
    the second adds a quantity to its square.

    Args:
        x: (n,) what the article calls x, read as the gradients.
        mu: what the article calls mu, never defined there.
        beta1: the first factor.
        beta2: the second factor.

    Returns:
        ``m`` and ``v``, (n,) each; ``v`` is negative for about half of all gradients.
    """
    x = np.asarray(x, dtype=float)
    return beta1 * x + (1 - beta1) * (x - mu), beta2 * x + (1 - beta2) * (x - mu) ** 2


def cf_08_softmax_of_one_score(score: np.ndarray) -> np.ndarray:
    """CF-08: a softmax over a single score.

    Article S2, 基于LLM的用户行为预测数学模型: ``softmax(LLM(u, v, h))`` for one user and one
    item. The softmax normalises over alternatives, and there is none.

    Args:
        score: (n,) one score a user-item pair.

    Returns:
        (n,) "probabilities": 1 for every pair.
    """
    alternatives = np.asarray(score, dtype=float)[:, None]
    weights = np.exp(alternatives - alternatives.max(axis=1, keepdims=True))
    return (weights / weights.sum(axis=1, keepdims=True))[:, 0]


def cf_10_attention_over_one_key(
    user: np.ndarray, item: np.ndarray, history: np.ndarray
) -> np.ndarray:
    """CF-10: attention with the user as query, the item as the only key, the history as its value.

    Article S2, 基于LLM的推荐系统数学模型: ``score = Attention(u, v, h)``. With one key the weight
    is 1, so the result is the history, for any user and any item.

    Args:
        user: (d,) the query.
        item: (d,) the key.
        history: (d,) the value.

    Returns:
        (d,) the "score", equal to ``history``.
    """
    logits = np.array([user @ item]) / np.sqrt(len(user))
    weights = np.exp(logits - logits.max())
    return weights / weights.sum() @ history[None, :]


def cf_16_own_review(review: np.ndarray) -> np.ndarray:
    """CF-16: the rating of a pair predicted from the review of the same pair.

    Article S0b §5.2: ``df['text']`` predicts ``df['rating']``. The review is written after the item
    was used, so it does not exist when the item is to be recommended.

    Args:
        review: (n_users, n_items) the sentiment of each user's review of each item.

    Returns:
        (n_users, n_items) the prediction: the review itself.
    """
    return np.array(review, dtype=float)
