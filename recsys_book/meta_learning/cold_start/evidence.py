"""Which items to ask a newcomer about: by chance, by fame, by disagreement, by information."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.meta_learning.cold_start.bayes import Belief

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def random_items(n_items: int, seed: int = 0) -> np.ndarray:
    """Ask about items in random order.

    Args:
        n_items: Number of items.
        seed: Seed of the order.

    Returns:
        All items, shape (n_items,).
    """
    return np.random.default_rng(seed).permutation(n_items)


def popular_items(warm: Interactions) -> np.ndarray:
    """Ask about the items first that most known users have rated.

    Args:
        warm: Events of the known users.

    Returns:
        All items, most popular first, shape (n_items,).
    """
    return np.argsort(-np.bincount(warm.item, minlength=warm.n_items), kind="stable")


def rating_entropy(warm: Interactions) -> np.ndarray:
    """Return the entropy of each item's ratings, in bits: how much the known users disagree.

    Args:
        warm: Events of the known users.

    Returns:
        Shape (n_items,); zero for an item without ratings.
    """
    values, level = np.unique(warm.value, return_inverse=True)
    counts = np.zeros((warm.n_items, len(values)))
    np.add.at(counts, (warm.item, level), 1.0)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    return -np.sum(share * np.log2(share, out=np.zeros_like(share), where=share > 0), axis=1)


def entropy_items(warm: Interactions, popularity: bool = False) -> np.ndarray:
    """Ask first about the items on which the known users disagree most.

    Source: Rashid et al. (2002), "Getting to Know You: Learning New User Preferences in Recommender
    Systems", IUI.

    Args:
        warm: Events of the known users.
        popularity: Multiply the entropy by the logarithm of the number of ratings, because nobody
            can rate an item that nobody knows.

    Returns:
        All items, shape (n_items,).
    """
    score = rating_entropy(warm)
    if popularity:
        score = score * np.log1p(np.bincount(warm.item, minlength=warm.n_items))
    return np.argsort(-score, kind="stable")


def chance_of_an_answer(warm: Interactions) -> np.ndarray:
    """Return the share of the known users who have rated each item, shape (n_items,)."""
    n_users = len(np.unique(warm.user))
    return np.bincount(warm.item, minlength=warm.n_items) / max(n_users, 1)


def expected_gain(
    A: np.ndarray, cov: np.ndarray, noise: float, weight: np.ndarray, chance: np.ndarray
) -> np.ndarray:
    r"""Return how much variance a question about each item is expected to take away.

    An answer about item i lowers the variance of item j by
    :math:`(a_j^\top\Sigma a_i)^2/(a_i^\top\Sigma a_i+\sigma^2)`. The gain is the weighted sum of
    this over all items j, times the chance that there is an answer. It does not depend on what the
    answer will be.

    Equation: eq-evidence-gain.

    Args:
        A: Item vectors, shape (n, f).
        cov: Covariance of the newcomer's vector, shape (f, f).
        noise: Variance of a rating's noise.
        weight: How much each item's variance matters, shape (n,).
        chance: Probability that the newcomer can rate each item, shape (n,).

    Returns:
        Shape (n,).
    """
    SA = A @ cov
    matters = A.T @ (weight[:, None] * A)
    lowered = (SA @ matters * SA).sum(axis=1)
    return chance * lowered / ((SA * A).sum(axis=1) + noise)


def greedy_information(
    prior: Belief,
    A: np.ndarray,
    noise: float,
    chance: np.ndarray,
    can_answer: np.ndarray,
    questions: int,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Ask, question by question, about the item whose answer is expected to teach most.

    Each answer narrows the belief. "I do not know this film" is an answer that leaves it as it is:
    the item is not asked again, and the question is spent.

    Equation: eq-evidence-gain.

    Args:
        prior: Belief about a newcomer.
        A: Item vectors, shape (n, f).
        noise: Variance of a rating's noise.
        chance: Probability that a newcomer can rate each item, shape (n,).
        can_answer: Whether this newcomer can, shape (n,). It is looked up for an item only after
            the item was asked about.
        questions: How many questions to ask, from 0 to n.
        weight: How much each item's variance matters, shape (n,); default: ``chance``.

    Returns:
        The items asked about, in order, shape (questions,).

    Raises:
        ValueError: If there are fewer items than questions.
    """
    if not 0 <= questions <= len(A):
        raise ValueError(f"{questions} questions about {len(A)} items; ask from 0 to {len(A)}.")
    weight = chance if weight is None else weight
    open_, belief, asked = np.ones(len(A), dtype=bool), prior, []
    for _ in range(questions):
        gain = expected_gain(A, belief.cov, noise, weight, chance)
        item = int(np.argmax(np.where(open_, gain, -np.inf)))
        asked.append(item)
        open_[item] = False
        if can_answer[item]:
            belief = belief.after_one(A[item], 0.0, noise)  # only the covariance is used
    return np.array(asked, dtype=np.int64)


@dataclass(frozen=True)
class Interview:
    """A newcomer's ratings, some to be asked for and some to be predicted.

    Attributes:
        items: Items that the newcomer can rate when asked, shape (a,).
        ratings: What he says then, shape (a,).
        query: Items to predict, never asked about, shape (q,).
        truth: Their ratings, shape (q,).
    """

    items: np.ndarray
    ratings: np.ndarray
    query: np.ndarray
    truth: np.ndarray

    def can_answer(self, n_items: int) -> np.ndarray:
        """Return whether each item can be answered, shape (n_items,)."""
        mask = np.zeros(n_items, dtype=bool)
        mask[self.items] = True
        return mask

    def answers(self, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the items among those asked that got an answer, in order, and the ratings."""
        place = {item: rating for item, rating in zip(self.items.tolist(), self.ratings)}
        known = [item for item in np.asarray(asked).tolist() if item in place]
        return np.array(known, dtype=np.int64), np.array([place[i] for i in known], dtype=float)


def interviews(log: Interactions, users: np.ndarray, seed: int = 0) -> list[Interview]:
    """Cut each newcomer's ratings at random into one half to ask for and one half to predict.

    Args:
        log: All events.
        users: The newcomers.
        seed: Seed of the cut.

    Returns:
        One interview a newcomer.

    Raises:
        ValueError: If a newcomer has fewer than two ratings (the message names one).
    """
    rng, found = np.random.default_rng(seed), []
    order = np.argsort(log.user, kind="stable")
    ends = np.searchsorted(log.user[order], np.arange(log.n_users + 1))
    for user in users:
        rows = rng.permutation(order[ends[user] : ends[user + 1]])
        if len(rows) < 2:
            raise ValueError(
                f"User {user} has {len(rows)} rating(s); an interview needs at least two: one to "
                "ask for and one to predict."
            )
        ask, rest = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        found.append(Interview(log.item[ask], log.value[ask], log.item[rest], log.value[rest]))
    return found
