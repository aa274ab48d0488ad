"""Choosing a policy from a log: candidates, their values with intervals, and a cautious choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from recsys_book.data import BanditLog
from recsys_book.exploration.off_policy import (
    Estimate,
    doubly_robust,
    effective_sample_size,
    empirical_policy,
    fit_reward_model,
    importance_weights,
    ips,
    learn_policy,
    snips,
    uniform_policy,
)

#: A policy under test: takes a log, returns its probabilities for each row, shape (n, K).
Target = Callable[[BanditLog], np.ndarray]


def split_in_time(log: BanditLog, share: float) -> tuple[BanditLog, BanditLog]:
    """Cut a log in two at a point of its time.

    Args:
        log: n rows, earliest first.
        share: Share of the rows in the first part, above 0 and below 1.

    Returns:
        The earlier and the later part.

    Raises:
        ValueError: If a part would be empty.
    """
    cut = int(round(share * len(log)))
    if not 0 < cut < len(log):
        raise ValueError(f"share is {share}; choose one that leaves rows in both parts.")
    rows = np.arange(len(log))
    return log.take(rows[:cut]), log.take(rows[cut:])


def tilted_policy(rates: np.ndarray, tilt: float) -> np.ndarray:
    """Show items in proportion to a power of their click rate.

    A tilt of 0 is the uniform policy; the larger the tilt, the more the best item is shown. In
    terms of a softmax, the tilt is one over the temperature of the logarithms of the rates.

    Args:
        rates: Click rates above 0, shape (..., K).
        tilt: The power, 0 or above.

    Returns:
        Probabilities, the same shape.

    Raises:
        ValueError: If a rate is not above 0 or the tilt is below 0.
    """
    rates = np.asarray(rates, dtype=np.float64)
    if tilt < 0 or not (rates > 0).all():
        raise ValueError(
            f"tilt is {tilt} and the smallest rate {rates.min():g}; use a tilt of at least 0 and"
            " rates above 0."
        )
    weights = (rates / rates.max(axis=-1, keepdims=True)) ** tilt
    return weights / weights.sum(axis=-1, keepdims=True)


def item_rates(log: BanditLog, strength: float = 500.0) -> np.ndarray:
    """Return the click rate of each item, drawn towards that of the whole log, shape (K,).

    Args:
        log: The log; its propensities are not needed, since a rate is of views of one item.
        strength: Views that the common rate is worth.
    """
    clicks = np.bincount(log.action, log.reward, log.n_actions)
    views = np.bincount(log.action, minlength=log.n_actions)
    common = (clicks.sum() + 0.5) / (len(log) + 1)
    return (clicks + strength * common) / (views + strength)


def make_candidates(
    train: BanditLog, thompson: BanditLog, tilt: float = 3.0, clip: float = 50.0
) -> dict[str, Target]:
    """Return the policies that the shop could run, made from earlier rows only.

    Args:
        train: Earlier rows under the random policy.
        thompson: Earlier rows under Thompson sampling, whose shares of items are imitated.
        tilt: Of the popularity and the click model's policy.
        clip: Largest weight while the linear policy is learned.

    Returns:
        Names and policies.
    """
    popular = tilted_policy(item_rates(train), tilt)
    learned = learn_policy(
        train,
        clip=clip,
        variance_penalty=1.0,
        l2=1e-3,
        baseline=float(train.reward.mean()),
        iterations=30,
    )

    def from_clicks(log: BanditLog) -> np.ndarray:
        rates = np.maximum(fit_reward_model(train, rows=log, strength=0.1), 1e-6)
        return tilted_policy(rates, tilt)

    return {
        "uniform": uniform_policy,
        "Thompson (logged)": lambda log: empirical_policy(log, thompson),
        "popular items": lambda log: np.tile(popular, (len(log), 1)),
        "click model": from_clicks,
        "learned linear": lambda log: learned.probabilities(log.context),
    }


def judge_policies(
    log: BanditLog,
    candidates: Mapping[str, Target],
    q_hat: np.ndarray | None = None,
    level: float = 0.95,
    n: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Estimate the value of every policy on one log, three ways.

    Args:
        log: Rows that no candidate was made from.
        candidates: Names and policies.
        q_hat: (n, K) reward model for the doubly robust estimate; ``None`` leaves that out.
        level: Confidence level.
        n: Resamples of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        One row a policy and method: ``value``, ``low``, ``high`` (click rates), and ``rows``, the
        effective sample size.
    """
    out = []
    for name, policy in candidates.items():
        target = policy(log)
        rows = effective_sample_size(importance_weights(log, target))
        for method, estimate in _estimates(log, target, q_hat).items():
            low, high = estimate.interval(level, "bootstrap", n=n, seed=seed)
            out.append((name, method, estimate.value, low, high, rows))
    return pd.DataFrame(out, columns=["policy", "method", "value", "low", "high", "rows"])


def choose_by_lower_bound(
    table: pd.DataFrame, method: str = "snips", safe: str = "uniform"
) -> tuple[str, bool]:
    """Choose the policy whose interval begins highest, and say whether it beats the safe one.

    Args:
        table: Result of ``judge_policies``.
        method: Estimator to go by.
        safe: The policy that runs today; ties go to it.

    Returns:
        The name, and whether its interval begins above the safe policy's estimate.

    Raises:
        ValueError: If the method or the safe policy is not in the table.
    """
    of_method = table[table["method"] == method].set_index("policy")
    if safe not in of_method.index:
        raise ValueError(f"The table has no {method!r} estimate of {safe!r}; judge it there first.")
    low = of_method["low"]
    best = safe if low[safe] >= low.max() else str(low.idxmax())
    return best, bool(low[best] > of_method["value"][safe])


def _estimates(log: BanditLog, target: np.ndarray, q_hat: np.ndarray | None) -> dict[str, Estimate]:
    found = {
        "ips": ips(log, target, support="ignore"),
        "snips": snips(log, target, support="ignore"),
    }
    if q_hat is not None:
        found["dr"] = doubly_robust(log, target, q_hat, support="ignore")
    return found
