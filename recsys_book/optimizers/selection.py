"""Choosing without fooling oneself: how lucky the best is, how many seeds it takes to know."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy import special

__all__ = [
    "NestedValidation",
    "expected_best_of",
    "mean_interval",
    "nested_validation",
    "one_standard_error",
    "power_of_seeds",
    "seeds_needed",
    "selection_optimism",
]


def expected_best_of(n: int, sd: float = 1.0) -> float:
    """Return how far the best of n equally good scores lies beyond the truth, on average.

    The scores are the same true value plus independent normal noise.

    Source: David & Nagaraja (2003), Order Statistics, section 3.1.

    Equation: eq-best-of-n.

    Args:
        n: How many scores were compared, at least 1.
        sd: Standard deviation of the noise.

    Returns:
        The expected maximum of the noise, in the unit of ``sd``.

    Raises:
        ValueError: If n is below 1 or sd is negative.
    """
    if n < 1 or not sd >= 0:
        raise ValueError(
            f"The best of {n} scores with noise {sd} is undefined: give n >= 1 and sd >= 0."
        )
    x = np.linspace(-12.0, 12.0, 24_001)
    density = n * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * special.ndtr(x) ** (n - 1)
    return float(sd * np.trapezoid(x * density, x))


def selection_optimism(validation: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return by how much the chosen configuration's validation score flatters it.

    Args:
        validation: Scores to choose by, lower is better, shape ``(repeats, configs)``.
        test: Scores of the same configurations on data that did not choose, same shape.

    Returns:
        Test score minus validation score of the configuration with the lowest validation score,
        shape ``(repeats,)``; positive where the choice was optimistic.

    Raises:
        ValueError: If the shapes differ or are not two-dimensional.
    """
    validation, test = np.asarray(validation, float), np.asarray(test, float)
    if validation.ndim != 2 or validation.shape != test.shape:
        raise ValueError(
            f"validation has shape {validation.shape} and test {test.shape}: both must be "
            "(repeats, configs)."
        )
    rows = np.arange(len(validation))
    chosen = validation.argmin(axis=1)
    return test[rows, chosen] - validation[rows, chosen]


def power_of_seeds(n: int, difference: float, sd: float, level: float = 0.05) -> float:
    """Return the chance that a paired t-test over n seeds finds a difference.

    Args:
        n: Seeds, at least 2; both methods run with each.
        difference: The true mean difference.
        sd: Standard deviation of the paired differences between seeds.
        level: Two-sided level of the test.

    Returns:
        A probability.

    Raises:
        ValueError: If n is below 2 or an argument is out of range.
    """
    _check_seeds(difference, sd, level)
    if n < 2:
        raise ValueError(f"A spread cannot be seen in {n} seeds: use at least 2.")
    edge = special.stdtrit(n - 1, 1 - level / 2)
    shift = abs(difference) / sd * math.sqrt(n)
    return float(1 - special.nctdtr(n - 1, shift, edge) + special.nctdtr(n - 1, shift, -edge))


def seeds_needed(
    difference: float, sd: float, level: float = 0.05, power: float = 0.8, exact: bool = True
) -> int:
    """Return how many seeds it takes to find a difference between two methods.

    Equation: eq-seeds-needed.

    Args:
        difference: The true mean difference that matters.
        sd: Standard deviation of the paired differences between seeds.
        level: Two-sided level of the test.
        power: The chance to find it.
        exact: Count the uncertainty of ``sd`` itself by Student's t; the equation alone is a few
            seeds short.

    Returns:
        Seeds, at least 2.

    Raises:
        ValueError: If an argument is out of range.
    """
    _check_seeds(difference, sd, level)
    if not level < power < 1:
        raise ValueError(f"power is {power}, but it must lie between the level {level} and 1.")
    z = NormalDist().inv_cdf(1 - level / 2) + NormalDist().inv_cdf(power)
    n = max(2, math.ceil((z * sd / difference) ** 2))
    while exact and power_of_seeds(n, difference, sd, level) < power:
        n += 1
    return n


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return Student's interval of a mean over few repeats.

    A bootstrap of five values is too narrow, since five values rarely contain the extremes.

    Args:
        values: One value a repeat, shape ``(n,)``, n at least 2; for a comparison, the paired
            differences.
        level: The chance that the interval covers the mean, if the values are normal.

    Returns:
        Lower and upper end; a difference whose interval contains 0 is a tie.

    Raises:
        ValueError: If there are fewer than two values.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values has shape {values.shape}: an interval needs two repeats or more.")
    error = values.std(ddof=1) / math.sqrt(len(values))
    half = float(special.stdtrit(len(values) - 1, (1 + level) / 2) * error)
    return float(values.mean()) - half, float(values.mean()) + half


def one_standard_error(scores: np.ndarray) -> int:
    """Return the simplest configuration that is within one standard error of the best.

    Source: Breiman et al. (1984), Classification and Regression Trees, section 3.4.3.

    Args:
        scores: One score a configuration and fold, lower is better, shape ``(configs, folds)``;
            the configurations ordered from simple to complex.

    Returns:
        The row of the configuration to choose.

    Raises:
        ValueError: If there are no configurations or fewer than two folds.
    """
    scores = np.asarray(scores, float)
    if scores.ndim != 2 or len(scores) == 0 or scores.shape[1] < 2:
        raise ValueError(
            f"scores has shape {scores.shape}: it must be (configs, folds) with two folds or more."
        )
    means = scores.mean(axis=1)
    best = int(means.argmin())
    error = scores[best].std(ddof=1) / math.sqrt(scores.shape[1])
    return int(np.flatnonzero(means <= means[best] + error)[0])


@dataclass(frozen=True)
class NestedValidation:
    """What nested cross-validation found beside the plain one.

    Attributes:
        plain: Mean score of the configuration that plain cross-validation prefers, on the very
            folds that preferred it.
        scores: Score of each outer fold's choice on that fold, which had no part in it.
        chosen: The configuration chosen in each outer fold.
    """

    plain: float
    scores: np.ndarray
    chosen: tuple[int, ...]

    @property
    def nested(self) -> float:
        """Mean score over the outer folds: an estimate for the whole procedure, tuning included."""
        return float(self.scores.mean())


def nested_validation(
    evaluate: Callable[[int, Sequence[int], int], float], n_configs: int, n_folds: int
) -> NestedValidation:
    """Choose in an inner loop, and judge the choice on a fold that the loop never saw.

    Source: Stone (1974), JRSS B 36; Cawley & Talbot (2010), JMLR 11.

    Args:
        evaluate: Takes a configuration's number, the folds to train on and the fold to test on;
            returns a score, lower is better.
        n_configs: Configurations to choose from.
        n_folds: Folds, at least 3.

    Returns:
        Both estimates; it takes ``n_folds * (n_configs * n_folds + 1)`` trainings.

    Raises:
        ValueError: If there are no configurations or fewer than three folds.
    """
    if n_configs < 1 or n_folds < 3:
        raise ValueError(
            f"Nested validation of {n_configs} configurations on {n_folds} folds is impossible: "
            "give at least 1 configuration and 3 folds."
        )
    folds, scores, chosen = range(n_folds), [], []
    for outer in folds:
        rest = [fold for fold in folds if fold != outer]
        means = [_mean_score(evaluate, config, rest) for config in range(n_configs)]
        chosen.append(int(np.argmin(means)))
        scores.append(evaluate(chosen[-1], rest, outer))
    plain = min(_mean_score(evaluate, config, list(folds)) for config in range(n_configs))
    return NestedValidation(float(plain), np.array(scores, float), tuple(chosen))


def _mean_score(
    evaluate: Callable[[int, Sequence[int], int], float], config: int, folds: list[int]
) -> float:
    """Return a configuration's cross-validated score on some folds."""
    return float(np.mean([evaluate(config, [g for g in folds if g != f], f) for f in folds]))


def _check_seeds(difference: float, sd: float, level: float) -> None:
    """Raise one sentence if a difference cannot be looked for."""
    if difference == 0 or not sd > 0 or not 0 < level < 1:
        raise ValueError(
            f"A difference of {difference} with spread {sd} at level {level} cannot be planned "
            "for: give a difference other than 0, sd > 0, and a level between 0 and 1."
        )
