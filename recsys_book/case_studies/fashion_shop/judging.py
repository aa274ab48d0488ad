"""Is a click model better than the base rate, and are its rates true? With intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import scipy.stats

from recsys_book.evaluation import log_loss, roc_auc


def normalized_entropy(clicks: np.ndarray, rates: np.ndarray) -> float:
    """Log loss divided by that of the rows' own click rate, known afterwards; 1 is no better.

    Source: He et al. (2014), "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD.

    Args:
        clicks: 0 or 1, shape (n,); not all alike.
        rates: Predicted click rates, shape (n,).

    Returns:
        The ratio.

    Raises:
        ValueError: If there is no click, or nothing but clicks.
    """
    share = float(np.mean(clicks))
    if not 0 < share < 1:
        raise ValueError(f"The share of clicks is {share:g}; the ratio needs some, and not only.")
    return log_loss(clicks, rates) / log_loss(clicks, np.full(len(clicks), share))


def auc_interval(
    clicks: np.ndarray, scores: np.ndarray, level: float = 0.95
) -> tuple[float, float, float]:
    """Return the area under the ROC curve with DeLong's interval.

    With few clicks the interval is as wide as the clicks are few: each click says how many of the
    unclicked rows it beats, and the area is the mean of those shares.

    Source: DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44.

    Args:
        clicks: 0 or 1, shape (n,), at least two of each.
        scores: Any scores, shape (n,); ties count a half.
        level: Confidence level.

    Returns:
        The area, and the ends of its interval.

    Raises:
        ValueError: If there are fewer than two clicks, or than two rows without.
    """
    clicked = np.asarray(clicks) > 0
    m, n = int(clicked.sum()), int((~clicked).sum())
    if min(m, n) < 2:
        raise ValueError(f"There are {m} clicks and {n} rows without; two of each are needed.")
    everyone = scipy.stats.rankdata(scores)
    beaten = (everyone[clicked] - scipy.stats.rankdata(scores[clicked])) / n
    beats = 1 - (everyone[~clicked] - scipy.stats.rankdata(scores[~clicked])) / m
    se = float(np.sqrt(beaten.var(ddof=1) / m + beats.var(ddof=1) / n))
    half = float(scipy.stats.norm.ppf((1 + level) / 2)) * se
    area = float(roc_auc(clicked.astype(float), scores))
    return area, max(0.0, area - half), min(1.0, area + half)


def calibration_ratio(
    clicks: np.ndarray, rates: np.ndarray, level: float = 0.95
) -> tuple[float, float, float]:
    """Return observed clicks over predicted clicks, with the exact interval of a Poisson count.

    Source: Garwood (1936), Biometrika 28, for the interval.

    Args:
        clicks: 0 or 1, shape (n,).
        rates: Predicted click rates, shape (n,).
        level: Confidence level.

    Returns:
        The ratio, 1 where the rates are true on average, and the ends of its interval.

    Raises:
        ValueError: If no click was predicted at all.
    """
    count, expected = float(np.sum(clicks)), float(np.sum(rates))
    if expected <= 0:
        raise ValueError("The predicted click rates sum to 0; no count can be compared with that.")
    tail = (1 - level) / 2
    low = scipy.stats.chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    high = scipy.stats.chi2.ppf(1 - tail, 2 * count + 2) / 2
    return count / expected, float(low / expected), float(high / expected)


def judge_models(
    clicks: np.ndarray, predicted: Mapping[str, np.ndarray], baseline: str, level: float = 0.95
) -> pd.DataFrame:
    """Put several click models beside the baseline.

    The interval of the log loss is that of the paired difference over rows. The logs do not say
    which rows belong to one person, so rows are taken as independent.

    Args:
        clicks: 0 or 1, shape (n,).
        predicted: Click rates of each model, shape (n,).
        baseline: Name of the model that the others are compared with.
        level: Confidence level.

    Returns:
        One row a model: ``entropy`` (normalised), ``gain`` over the baseline in thousandths of a
        nat a row with its interval ``gain_low`` to ``gain_high``, ``auc`` with its interval, and
        ``ratio`` of observed to predicted clicks with its interval.

    Raises:
        ValueError: If the baseline is not among the models.
    """
    if baseline not in predicted:
        raise ValueError(f"There is no model {baseline!r}; choose among {', '.join(predicted)}.")
    losses = {name: _losses(clicks, rates) for name, rates in predicted.items()}
    z = float(scipy.stats.norm.ppf((1 + level) / 2))
    rows = {}
    for name, rates in predicted.items():
        d = 1000 * (losses[baseline] - losses[name])
        gain, half = float(d.mean()), z * float(d.std(ddof=1)) / np.sqrt(len(d))
        rows[name] = {
            "entropy": normalized_entropy(clicks, rates),
            **_interval("gain", gain, gain - half, gain + half),
            **_interval("auc", *auc_interval(clicks, rates, level)),
            **_interval("ratio", *calibration_ratio(clicks, rates, level)),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def _interval(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _losses(clicks: np.ndarray, rates: np.ndarray) -> np.ndarray:
    return -np.where(np.asarray(clicks) > 0, np.log(rates), np.log1p(-np.asarray(rates)))
