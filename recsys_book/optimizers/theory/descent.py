"""How fast descent goes on a quadratic, where it diverges, and what noise leaves of it.

On a quadratic loss the eigenvectors of the Hessian do not interact, so everything here is about one
direction of curvature ``h``, or about the smallest and the largest.
"""

from collections.abc import Callable

import numpy as np


def contraction(curvature: float | np.ndarray, rate: float) -> float | np.ndarray:
    """Return the factor by which one step of gradient descent multiplies the distance.

    Equation: eq-gd-contraction.

    Args:
        curvature: The curvature h, or several, any shape.
        rate: The learning rate.

    Returns:
        ``1 - rate * h``, of the curvature's shape; negative where the step overshoots.
    """
    return 1 - rate * curvature


def stability_limit(largest: float, momentum: float = 0.0) -> float:
    """Return the rate from which on gradient descent or the heavy ball no longer converges.

    Source: Polyak (1964), Theorem 9; for no momentum see Nesterov (2018), Section 1.2.3.

    Equation: eq-stability-limit.

    Args:
        largest: The largest curvature L; positive.
        momentum: The heavy ball's momentum; 0 is gradient descent.

    Returns:
        ``2 (1 + momentum) / L``.
    """
    return 2 * (1 + momentum) / largest


def nesterov_limit(largest: float, momentum: float) -> float:
    """Return the rate from which on Nesterov's rule no longer converges on a quadratic.

    Args:
        largest: The largest curvature L; positive.
        momentum: The momentum, in [0, 1).

    Returns:
        ``2 (1 + momentum) / (1 + 2 momentum) / L``: below the limit of gradient descent.
    """
    return 2 * (1 + momentum) / (1 + 2 * momentum) / largest


def condition_number(curvatures: np.ndarray) -> float:
    """Return the largest curvature over the smallest.

    Equation: eq-condition-number.

    Args:
        curvatures: Eigenvalues of the Hessian, shape ``(n,)``, all positive.

    Returns:
        The condition number; 1 for a round bowl.

    Raises:
        ValueError: If a curvature is not positive.
    """
    curvatures = np.asarray(curvatures, dtype=float)
    if not (curvatures > 0).all():
        raise ValueError(
            f"the smallest curvature is {curvatures.min():g}, but a condition number needs all of "
            "them positive: leave out the flat directions or add a penalty."
        )
    return float(curvatures.max() / curvatures.min())


def best_fixed_rate(smallest: float, largest: float) -> tuple[float, float]:
    """Return the rate with which gradient descent converges fastest, and how fast that is.

    Source: Polyak (1964), Section 1.

    Equation: eq-best-fixed-rate.

    Args:
        smallest: The smallest curvature; positive.
        largest: The largest curvature.

    Returns:
        The rate, and the factor by which a step multiplies the distance in the worst direction.
    """
    return 2 / (largest + smallest), (largest - smallest) / (largest + smallest)


def heavy_ball_roots(curvature: float, rate: float, momentum: float) -> np.ndarray:
    """Return the two factors of the heavy ball in one direction.

    Equation: eq-heavy-ball-roots.

    Args:
        curvature: The curvature h.
        rate: The learning rate.
        momentum: The momentum.

    Returns:
        The roots of ``z**2 - (1 + momentum - rate * h) z + momentum``, shape ``(2,)``, complex.
    """
    return _roots(1 + momentum - rate * curvature, momentum)


def nesterov_roots(curvature: float, rate: float, momentum: float) -> np.ndarray:
    """Return the two factors of Nesterov's rule in one direction.

    Args:
        curvature: The curvature h.
        rate: The learning rate.
        momentum: The momentum.

    Returns:
        The roots of ``z**2 - (1 + momentum) c z + momentum c`` with ``c = 1 - rate * h``, shape
        ``(2,)``, complex.
    """
    c = contraction(curvature, rate)
    return _roots((1 + momentum) * c, momentum * c)


def _roots(total: float, product: float) -> np.ndarray:
    """Return the two complex numbers with a given sum and product."""
    half = np.sqrt(complex(total**2 / 4 - product))
    return np.array([total / 2 - half, total / 2 + half])


def heavy_ball_optimum(smallest: float, largest: float) -> tuple[float, float, float]:
    """Return the rate and momentum with which the heavy ball converges fastest, and how fast.

    Source: Polyak (1964), Theorem 9.

    Equation: eq-heavy-ball-optimum.

    Args:
        smallest: The smallest curvature; positive.
        largest: The largest curvature.

    Returns:
        The rate, the momentum, and the factor by which a step multiplies the distance.
    """
    low, high = np.sqrt(smallest), np.sqrt(largest)
    factor = float((high - low) / (high + low))
    return float(4 / (high + low) ** 2), factor**2, factor


def batch_variance(variance: float, size: int, population: int | None = None) -> float:
    """Return the variance of the mean gradient of a random batch.

    Equation: eq-batch-variance.

    Args:
        variance: The variance of one sample's gradient (divisor n).
        size: Samples in a batch.
        population: How many samples there are, if a batch is drawn without replacement.

    Returns:
        The variance of the batch's mean.

    Raises:
        ValueError: If the batch is empty, or larger than what it is drawn from.
    """
    if size < 1 or (population is not None and size > population):
        raise ValueError(
            f"a batch of {size} was asked for out of {population or 'any number'}: give at least 1 "
            "and at most all."
        )
    if population is None or population == 1:
        return variance / size if population is None else 0.0
    return variance / size * (population - size) / (population - 1)


def noise_floor(rate: float, variance: float, curvature: float = 1.0) -> float:
    """Return the variance of the weight that a fixed rate leaves for ever.

    Equation: eq-noise-floor.

    Args:
        rate: The learning rate, between 0 and ``2 / curvature``.
        variance: The variance of the gradient's noise.
        curvature: The curvature.

    Returns:
        The stationary variance of the weight.
    """
    return rate * variance / (curvature * (2 - rate * curvature))


def robbins_monro_path(samples: np.ndarray, start: float = 0.0) -> np.ndarray:
    """Follow stochastic gradient descent with the rate 1/t on half the squared distance.

    Source: Robbins & Monro (1951).

    Equation: eq-robbins-monro.

    Args:
        samples: One random target a step, shape ``(steps, ...)``.
        start: The first weight; the first step forgets it.

    Returns:
        The weight after each step, of the samples' shape.
    """
    w = np.full_like(samples[0], start, dtype=float)
    path = np.empty(np.shape(samples))
    for t, x in enumerate(samples, start=1):
        w = w - (w - x) / t
        path[t - 1] = w
    return path


def find_edge(diverges: Callable[[float], bool], low: float, high: float, steps: int = 20) -> float:
    """Return by bisection where a run begins to diverge.

    Args:
        diverges: Takes a rate and says whether the run with it diverges.
        low: A rate with which it does not.
        high: A rate with which it does.
        steps: Halvings of the interval.

    Returns:
        The middle of the last interval.

    Raises:
        ValueError: If the edge is not between the two rates.
    """
    for rate, expected in ((low, False), (high, True)):
        if bool(diverges(rate)) != expected:
            raise ValueError(
                f"the run with rate {rate:g} {'converges' if expected else 'diverges'}, so the "
                f"edge is not between {low:g} and {high:g}: widen the interval."
            )
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (low, middle) if diverges(middle) else (middle, high)
    return (low + high) / 2
