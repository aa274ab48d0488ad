"""When another domain's ratings help an estimate, and when they spoil it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.data import Interactions
from recsys_book.meta_learning.transfer.domains import align_users


def pooled_error(n: float, m: float, gap: float, noise: float, weight: float = 1.0) -> float:
    """Return the mean squared error of a level estimated from two domains.

    Equation: eq-negative-transfer

    Args:
        n: Ratings in the target, above 0 unless ``m`` and ``weight`` are.
        m: Ratings in the source.
        gap: Mean squared difference between a person's levels in the two domains.
        noise: Variance of a rating around its level.
        weight: Of a source rating; 0 leaves the target alone, 1 pools.

    Returns:
        Squared bias plus variance.
    """
    total = n + weight * m
    return (weight * m / total) ** 2 * gap + noise * (n + weight**2 * m) / total**2


def tipping_size(m: float, gap: float, noise: float) -> float:
    """Return the number of target ratings from which on pooling is worse than the target alone.

    Equation: eq-negative-transfer

    Args:
        m: Ratings in the source, above 0.
        gap: Mean squared difference of the levels.
        noise: Variance of a rating around its level, above 0.

    Returns:
        The number; infinity where pooling never hurts.
    """
    ratio = gap / noise - 1 / m
    return 1 / ratio if ratio > 0 else np.inf


def source_weight(m: float, gap: float, noise: float) -> float:
    """Return the weight of a source rating that makes the pooled error smallest.

    It does not depend on the number of target ratings.

    Equation: eq-negative-transfer

    Args:
        m: Ratings in the source.
        gap: Mean squared difference of the levels.
        noise: Variance of a rating around its level, above 0.

    Returns:
        From 0 to 1.
    """
    return noise / (noise + m * gap)


@dataclass(frozen=True)
class LevelGap:
    """How far people's levels in two domains are apart.

    Attributes:
        gap: Mean squared difference of the true levels, estimated without the noise of the means.
        noise: Variance of a rating around its person's level in its domain.
        n_users: Users behind the estimate.
    """

    gap: float
    noise: float
    n_users: int

    @property
    def distance(self) -> float:
        """The gap in units of one rating's noise."""
        return self.gap / self.noise


def level_gap(source: Interactions, target: Interactions, least: int = 5) -> LevelGap:
    """Estimate how far people's levels in two domains are apart.

    The values should be ratings without their items' biases. Each person with enough ratings in
    both domains gives a difference of means; the variance that the noise of two means explains is
    subtracted from its mean square.

    Equation: eq-negative-transfer

    Args:
        source: Events of one domain, values without item biases.
        target: Events of the other.
        least: Ratings that a person must have in each, at least 2.

    Returns:
        The estimates; the gap is at least 0.

    Raises:
        ValueError: If ``least`` is below 2, nobody is in both, or nobody has enough ratings.
    """
    if least < 2:
        raise ValueError(f"least is {least}; a variance needs at least two ratings of a person.")
    means, counts, squares = [], [], []
    for log in align_users(source, target):
        count = np.bincount(log.user, minlength=log.n_users)
        mean = np.bincount(log.user, log.value, log.n_users) / np.maximum(count, 1)
        rest = np.bincount(log.user, (log.value - mean[log.user]) ** 2, log.n_users)
        means.append(mean), counts.append(count), squares.append(rest)
    both = (counts[0] >= least) & (counts[1] >= least)
    if not both.any():
        raise ValueError(
            f"No person has {least} ratings in both domains; lower `least` or take larger domains."
        )
    noise = sum(s[both].sum() for s in squares) / sum((c[both] - 1).sum() for c in counts)
    spread = np.mean((means[1] - means[0])[both] ** 2)
    explained = noise * np.mean(1 / counts[0][both] + 1 / counts[1][both])
    return LevelGap(float(max(0.0, spread - explained)), float(noise), int(both.sum()))
