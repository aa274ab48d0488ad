"""What can be proved about regret, as functions of the true means."""

from __future__ import annotations

import numpy as np


def _gaps(means: np.ndarray) -> np.ndarray:
    """Return the best mean less each mean, shape (K,), or say what is wrong with the means."""
    means = np.asarray(means, dtype=float)
    if means.ndim != 1 or means.size == 0 or not np.isfinite(means).all():
        raise ValueError(f"means has shape {means.shape}; give finite numbers, shape (K,).")
    return means.max() - means


def _rounds(rounds: int) -> int:
    """Return the rounds, or say that there are none."""
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; use at least 1.")
    return rounds


def regret_from_pulls(means: np.ndarray, pulls: np.ndarray) -> np.ndarray:
    r"""Return :math:`R_T=\sum_a\Delta_a n_a(T)`.

    Equation: eq-regret

    Args:
        means: True means, shape (K,).
        pulls: How often each arm was played, shape (..., K).

    Returns:
        Regret, shape (...).
    """
    return np.asarray(pulls) @ _gaps(means)


def bernoulli_kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    r"""Return :math:`\mathrm{kl}(p,q)=p\ln\frac pq+(1-p)\ln\frac{1-p}{1-q}`, in nats.

    Args:
        p: Rates in [0, 1].
        q: Rates in [0, 1].

    Returns:
        The divergence; infinity where q rules out what p allows.
    """
    p, q = np.broadcast_arrays(np.asarray(p, float), np.asarray(q, float))
    if ((p < 0) | (p > 1) | (q < 0) | (q > 1)).any():
        raise ValueError("a rate lies outside [0, 1]; use 0 to 1.")
    with np.errstate(divide="ignore", invalid="ignore"):
        yes = np.where(p > 0, p * np.log(p / q), 0.0)
        no = np.where(p < 1, (1 - p) * np.log((1 - p) / (1 - q)), 0.0)
    return yes + no


def lai_robbins_constant(means: np.ndarray) -> float:
    r"""Return the factor of ln T that no consistent policy can beat on clicks.

    .. math:: \liminf_{T\to\infty}\frac{\mathbb E R_T}{\ln T}\ge
              \sum_{a:\Delta_a>0}\frac{\Delta_a}{\mathrm{kl}(\mu_a,\mu^*)}

    It is also what KL-UCB and Beta-Bernoulli Thompson sampling reach (Garivier and Cappe, 2011;
    Kaufmann, Korda and Munos, 2012).

    Equation: eq-lai-robbins

    Source: Lai and Robbins (1985), "Asymptotically Efficient Adaptive Allocation Rules", Advances
    in Applied Mathematics 6.

    Args:
        means: Click rates, shape (K,).

    Returns:
        The constant.
    """
    gaps = _gaps(means)
    worse = gaps > 0
    means = np.asarray(means, dtype=float)
    return float(np.sum(gaps[worse] / bernoulli_kl(means[worse], means.max())))


def hoeffding_tail(n: float, gap: float) -> float:
    r"""Return the bound :math:`e^{-2nu^2}` on :math:`P(\hat\mu_n\ge\mu+u)`.

    Equation: eq-hoeffding

    Source: Hoeffding (1963), "Probability Inequalities for Sums of Bounded Random Variables",
    Journal of the American Statistical Association 58, theorem 1.

    Args:
        n: Independent values in [0, 1].
        gap: u, at least 0.

    Returns:
        The bound.
    """
    if not (n >= 0 and gap >= 0):
        raise ValueError(f"n is {n} and gap {gap}; use numbers of 0 or more.")
    return float(np.exp(-2 * n * gap**2))


def ucb1_bound(means: np.ndarray, rounds: int) -> float:
    r"""Return a bound on UCB1's regret that holds for every T.

    .. math:: \sum_{a:\Delta_a>0}\frac{8\ln T}{\Delta_a}
              +\Bigl(1+\frac{\pi^2}{3}\Bigr)\sum_a\Delta_a

    Equation: eq-ucb1-bound

    Source: Auer, Cesa-Bianchi and Fischer (2002), theorem 1.

    Args:
        means: True means of rewards in [0, 1], shape (K,).
        rounds: T.

    Returns:
        The bound.
    """
    gaps = _gaps(means)
    worse = gaps[gaps > 0]
    return float(8 * np.log(_rounds(rounds)) * np.sum(1 / worse) + (1 + np.pi**2 / 3) * worse.sum())


def ucb1_slope(means: np.ndarray) -> float:
    r"""Return :math:`\sum_{a:\Delta_a>0}2/\Delta_a`, where UCB1's regret per ln T tends to.

    In the long run both estimates are right, and an arm is played again when its bonus exceeds its
    gap: :math:`n_a\approx 2\ln T/\Delta_a^2`.

    Args:
        means: True means, shape (K,).

    Returns:
        The slope of regret against ln T.
    """
    gaps = _gaps(means)
    return float(np.sum(2 / gaps[gaps > 0]))


def epsilon_greedy_slope(means: np.ndarray, epsilon: float) -> float:
    r"""Return what every round of epsilon-greedy costs at least, :math:`\varepsilon\bar\Delta`.

    Equation: eq-epsilon-greedy

    Args:
        means: True means, shape (K,).
        epsilon: Chance of exploring.

    Returns:
        Expected regret a round, once the best arm is known.
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is {epsilon}; use 0 to 1.")
    return float(epsilon * _gaps(means).mean())


def commit_bound(means: np.ndarray, rounds: int, explore: int) -> float:
    r"""Return a bound on the regret of exploring first and then committing.

    .. math:: \sum_a\Delta_a\bigl(m+(T-mK)\,e^{-m\Delta_a^2}\bigr)

    A worse arm looks at least as good after m plays each with chance at most
    :math:`e^{-m\Delta_a^2}`, by Hoeffding's inequality for the difference of two means.

    Source: Lattimore and Szepesvari (2020), Bandit Algorithms, theorem 6.1 (there for subgaussian
    noise).

    Args:
        means: True means of rewards in [0, 1], shape (K,).
        rounds: T, at least m K.
        explore: m, plays of each arm before the choice.

    Returns:
        The bound.
    """
    gaps = _gaps(means)
    left = _rounds(rounds) - explore * gaps.size
    if explore < 1 or left < 0:
        raise ValueError(
            f"explore is {explore} for {gaps.size} arms and {rounds} rounds;"
            " use at least 1, and no more than the rounds allow."
        )
    return float(np.sum(gaps * (explore + left * np.exp(-explore * gaps**2))))


def decayed_epsilon_bound(means: np.ndarray, rounds: int, gap: float, c: float = 5.0) -> float:
    r"""Return a bound on the regret of epsilon-greedy with :math:`\min(1, cK/(d^2t))`.

    The theorem bounds the chance that round t plays a given worse arm; the sum over rounds grows as
    :math:`(c/d^2)\ln T`. A round whose bound exceeds 1 counts as 1.

    Source: Auer, Cesa-Bianchi and Fischer (2002), theorem 3.

    Args:
        means: True means of rewards in [0, 1], shape (K,).
        rounds: T.
        gap: d, above 0 and at most the smallest gap.
        c: The constant of the schedule; more than 5 for a bound of order ln T.

    Returns:
        The bound.

    Raises:
        ValueError: If ``gap`` exceeds the smallest gap.
    """
    gaps = _gaps(means)
    worse = gaps[gaps > 0]
    if not 0 < gap <= (worse.min() if worse.size else np.inf) or not c > 0:
        raise ValueError(f"gap is {gap} and c {c}; use c above 0, gap at most the smallest gap.")
    t = np.arange(1, _rounds(rounds) + 1)
    late = t > c * gaps.size / gap**2
    x = (np.where(late, t, np.inf) - 1) * gap**2 * np.exp(0.5) / (c * gaps.size)
    with np.errstate(invalid="ignore"):
        wrong = 2 * c / gap**2 * np.log(x) * x ** (-c / (5 * gap**2))
        wrong = np.where(late, wrong, np.inf)
    chance = c / (gap**2 * t) + wrong + 4 * np.e / gap**2 * x ** (-c / 2)
    return float(np.minimum(1, chance).sum() * worse.sum())


def thompson_bayes_bound(n_arms: int, rounds: int) -> float:
    r"""Return :math:`\sqrt{\tfrac12 K\,T\ln K}`, a bound on Thompson sampling's Bayesian regret.

    It holds for every T and for rewards in [0, 1], on average over means drawn from the prior that
    the policy uses.

    Source: Russo and Van Roy (2016), "An Information-Theoretic Analysis of Thompson Sampling",
    Journal of Machine Learning Research 17, proposition 1 with an information ratio of K/2.

    Args:
        n_arms: K.
        rounds: T.

    Returns:
        The bound.
    """
    if n_arms < 1:
        raise ValueError(f"n_arms is {n_arms}; use at least 1.")
    return float(np.sqrt(n_arms * _rounds(rounds) * np.log(n_arms) / 2))


def log_slope(regret: np.ndarray, start: int, stop: int) -> float:
    """Return the slope of cumulative regret against ln T between two rounds.

    Args:
        regret: Cumulative regret after each round, shape (T,).
        start: First round, from 1.
        stop: Last round, at most T.

    Returns:
        Regret per unit of ln T.
    """
    regret = np.asarray(regret, dtype=float)
    if not 1 <= start < stop <= len(regret):
        raise ValueError(f"start is {start} and stop {stop}; use 1 <= start < stop <= rounds.")
    return float((regret[stop - 1] - regret[start - 1]) / np.log(stop / start))
