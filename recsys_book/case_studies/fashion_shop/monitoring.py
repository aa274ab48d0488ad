"""What to watch after the launch: the mix of items, the click rate, and whether rates stay true."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recsys_book.case_studies.fashion_shop.impressions import Impressions
from recsys_book.case_studies.fashion_shop.judging import calibration_ratio
from recsys_book.meta_learning.drift import ADWIN


def stability_index(before: np.ndarray, after: np.ndarray, prior: float = 0.5) -> float:
    r"""Return the population stability index of two counts, :math:`\sum(q-p)\ln(q/p)`.

    It is the Kullback-Leibler divergence taken both ways. Chance alone makes it about
    :math:`(K-1)(1/n+1/m)`, which is the size to compare it with.

    Source: Kullback & Leibler (1951), for the symmetric divergence.

    Args:
        before: Counts of each level, shape (K,).
        after: The same later.
        prior: Added to each count, so that a level without rows does not make it infinite.

    Returns:
        The index.

    Raises:
        ValueError: If the shapes differ or a count is below 0.
    """
    p, q = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if p.shape != q.shape or p.ndim != 1 or min(p.min(), q.min()) < 0:
        raise ValueError(
            f"The counts have shapes {p.shape} and {q.shape}; give one count, 0 or above, a level."
        )
    p, q = p + prior, q + prior
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def daily_report(rows: Impressions, rates: np.ndarray) -> pd.DataFrame:
    """Watch one campaign by day: the mix of items, the clicks, and the clicks predicted.

    Args:
        rows: Impressions, earliest first.
        rates: Predicted click rates, shape (n,).

    Returns:
        One row a day: views, clicks, predicted clicks, the ratio of the two with its interval, the
        stability index of the items against the first day, and the index that chance would give.
    """
    first = np.bincount(rows.item[rows.day == rows.day[0]], minlength=rows.width("item"))
    out = []
    for day in np.unique(rows.day):
        today = rows.day == day
        ratio, low, high = calibration_ratio(rows.click[today], rates[today])
        count = np.bincount(rows.item[today], minlength=len(first))
        index = stability_index(first, count) if day > rows.day[0] else 0.0
        chance = (len(first) - 1) * (1 / first.sum() + 1 / count.sum())
        out.append(
            {
                "day": int(day),
                "views": int(today.sum()),
                "clicks": int(rows.click[today].sum()),
                "predicted": float(rates[today].sum()),
                "ratio": ratio,
                "low": low,
                "high": high,
                "stability": index,
                "chance": chance,
            }
        )
    return pd.DataFrame(out)


def click_alarms(clicks: np.ndarray, delta: float = 0.002) -> list[int]:
    """Return the rows at which ADWIN says that the click rate has changed.

    Args:
        clicks: 0 or 1 in order of time, shape (n,).
        delta: Confidence of the detector.

    Returns:
        Row numbers.
    """
    detector = ADWIN(delta=delta)
    return [j for j, click in enumerate(clicks) if detector.update(float(click))]


def views_to_alarm(
    rate: float, factor: float, before: int = 10_000, delta: float = 0.002, seed: int = 0
) -> int | None:
    """Return after how many views ADWIN notices that a click rate was multiplied.

    Args:
        rate: Click rate of the first ``before`` views.
        factor: What it is multiplied by afterwards.
        before: Views before the change.
        delta: Confidence of the detector.
        seed: Of the simulated clicks.

    Returns:
        Views after the change, or ``None`` where no alarm comes in ten times ``before``.
    """
    rng, detector = np.random.default_rng(seed), ADWIN(delta=delta)
    for click in rng.random(before) < rate:
        detector.update(float(click))
    for j, click in enumerate(rng.random(10 * before) < rate * factor):
        if detector.update(float(click)):
            return j + 1
    return None
