"""What a switch is worth: differences between runs of the same worlds, with an interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t


def interval_over_worlds(
    values: Sequence[float], level: float = 0.95
) -> tuple[float, float, float]:
    """Mean of one value a world, and Student's interval of it.

    The worlds are few, so their spread is known badly; the interval knows that.

    Args:
        values: One value a world, for instance the difference of two systems in it.
        level: Confidence.

    Returns:
        Mean, lower and upper end.

    Raises:
        ValueError: If there are fewer than two worlds.
    """
    x = np.asarray(values, dtype=float)
    if len(x) < 2:
        raise ValueError(f"There is {len(x)} world; a spread needs at least two.")
    half = t.ppf((1 + level) / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return float(x.mean()), float(x.mean() - half), float(x.mean() + half)
