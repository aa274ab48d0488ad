"""Values of policies that fill a page: a slate of L slots, one reward a slot.

``propensity`` and ``target`` are (n, L): the probability of the action in each slot, under the
policy that logged and the one under test. For ``slate_standard_ips`` and the cascade estimators it
is the probability given the slots above; for ``slate_independent_ips`` the marginal one.

Source: McInerney et al. (2020), Counterfactual Evaluation of Slate Recommendations with Sequential
Reward Interactions, KDD; Swaminathan et al. (2017), Off-policy Evaluation for Slate
Recommendation, NeurIPS; Kiyohara et al. (2022), Doubly Robust Off-Policy Evaluation for Ranking
Policies under the Cascade Behavior Model, WSDM.
"""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.off_policy.estimate import Estimate

__all__ = [
    "pseudo_inverse",
    "slate_cascade_dr",
    "slate_cascade_ips",
    "slate_independent_ips",
    "slate_standard_ips",
    "uniform_slate_moments",
]


def slate_standard_ips(reward: np.ndarray, target: np.ndarray, propensity: np.ndarray) -> Estimate:
    """Weight the whole page by the whole page's ratio; right whatever depends on what.

    Equation: eq-slate-ips.

    Args:
        reward: (n, L) one reward a slot.
        target: (n, L) probability of each slot's action given the slots above, under test.
        propensity: (n, L) the same under the policy that logged.

    Returns:
        The expected sum of rewards of a page.

    Raises:
        ValueError: If shapes differ, or a propensity is not in (0, 1].
    """
    reward, weights = _checked(reward, target, propensity)
    return Estimate.of_mean(weights.prod(axis=1) * reward.sum(axis=1))


def slate_independent_ips(
    reward: np.ndarray, target: np.ndarray, propensity: np.ndarray
) -> Estimate:
    """Weight each slot's reward by that slot's ratio; right if no slot minds the others.

    Equation: eq-slate-ips.

    Args:
        reward: (n, L).
        target: (n, L) marginal probability of each slot's action, under test.
        propensity: (n, L) the same under the policy that logged.

    Returns:
        The expected sum of rewards of a page.

    Raises:
        ValueError: As ``slate_standard_ips``.
    """
    reward, weights = _checked(reward, target, propensity)
    return Estimate.of_mean((weights * reward).sum(axis=1))


def slate_cascade_ips(reward: np.ndarray, target: np.ndarray, propensity: np.ndarray) -> Estimate:
    """Weight each slot's reward by the ratio of the slots down to it (RIPS).

    Right if a reader goes from the top, so that a reward depends on what stands above only.

    Equation: eq-slate-ips.

    Args:
        reward: (n, L), from the top.
        target: (n, L) probability of each slot's action given the slots above, under test.
        propensity: (n, L) the same under the policy that logged.

    Returns:
        The expected sum of rewards of a page.

    Raises:
        ValueError: As ``slate_standard_ips``.
    """
    reward, weights = _checked(reward, target, propensity)
    return Estimate.of_mean((weights.cumprod(axis=1) * reward).sum(axis=1))


def slate_cascade_dr(
    reward: np.ndarray,
    target: np.ndarray,
    propensity: np.ndarray,
    q_logged: np.ndarray,
    q_target: np.ndarray,
) -> Estimate:
    """Cascade weights on the errors of a model of the reward from each slot down.

    Args:
        reward: (n, L), from the top.
        target: (n, L) probability of each slot's action given the slots above, under test.
        propensity: (n, L) the same under the policy that logged.
        q_logged: (n, L) expected sum of rewards from this slot down, for the logged action.
        q_target: (n, L) the same, averaged over the target's action in this slot.

    Returns:
        The expected sum of rewards of a page; unbiased for any model under the cascade.

    Raises:
        ValueError: As ``slate_standard_ips``.
    """
    reward, weights = _checked(reward, target, propensity)
    down_to = weights.cumprod(axis=1)
    above = np.hstack([np.ones((len(reward), 1)), down_to[:, :-1]])
    return Estimate.of_mean((above * q_target + down_to * (reward - q_logged)).sum(axis=1))


def pseudo_inverse(
    slates: np.ndarray, reward: np.ndarray, target_marginals: np.ndarray, moments: np.ndarray
) -> Estimate:
    """Estimate the value from one reward a page, if that is a sum of unknown parts of the slots.

    A page is the 0/1 vector of its slot-action pairs. Its weight is the product of that vector,
    the pseudo-inverse of the logging policy's second moments, and the target's mean vector.

    Source: Swaminathan et al. (2017), equation 6.

    Args:
        slates: (n, L) int actions.
        reward: (n,) one a page.
        target_marginals: (n, L, K) probability of each action in each slot under the target.
        moments: (L K, L K) expected outer product of a page's vector under the logging policy.

    Returns:
        The expected reward of a page.

    Raises:
        ValueError: If shapes do not fit.
    """
    slates = np.asarray(slates, dtype=np.int64)
    marginals = np.asarray(target_marginals, dtype=np.float64)
    n, length, k = marginals.shape
    if slates.shape != (n, length) or moments.shape != (length * k, length * k):
        raise ValueError(
            f"slates {slates.shape}, target_marginals {marginals.shape} and moments "
            f"{moments.shape} do not fit; they must be (n, L), (n, L, K) and (L K, L K)."
        )
    solved = marginals.reshape(n, -1) @ np.linalg.pinv(moments, hermitian=True)
    pairs = slates + k * np.arange(length)
    weights = np.take_along_axis(solved, pairs, axis=1).sum(axis=1)
    return Estimate.of_mean(weights * np.asarray(reward, dtype=np.float64))


def uniform_slate_moments(n_actions: int, length: int, repeats: bool = False) -> np.ndarray:
    """Second moments of a page filled at random: (L K, L K), the input of ``pseudo_inverse``.

    Args:
        n_actions: K.
        length: L slots.
        repeats: Whether an action may stand twice on a page.

    Returns:
        The chance of each pair of slot-action pairs; on the diagonal 1/K.
    """
    together = 1 / n_actions**2 if repeats else 1 / (n_actions * max(n_actions - 1, 1))
    block = np.full((n_actions, n_actions), together)
    if not repeats:
        np.fill_diagonal(block, 0.0)
    moments = np.tile(block, (length, length))
    for slot in range(length):
        inside = slice(slot * n_actions, (slot + 1) * n_actions)
        moments[inside, inside] = np.eye(n_actions) / n_actions
    return moments


def _checked(
    reward: np.ndarray, target: np.ndarray, propensity: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    reward, target, propensity = (
        np.asarray(values, dtype=np.float64) for values in (reward, target, propensity)
    )
    if reward.ndim != 2 or not reward.shape == target.shape == propensity.shape:
        raise ValueError(
            f"reward {reward.shape}, target {target.shape} and propensity {propensity.shape} must "
            "have one shape (n, L): one number for each slot of each page."
        )
    bad = np.argwhere(~((propensity > 0) & (propensity <= 1)))
    if len(bad):
        row, slot = bad[0]
        raise ValueError(
            f"Row {row}, slot {slot}: the propensity {propensity[row, slot]:g} is not in (0, 1]; "
            "correct the log or leave the page out."
        )
    return reward, target / propensity
