"""What the source articles say about language models as recommenders, and where it fails.

The functions are the faulty versions. The right ones are in ``recsys_book.recommenders.language``
and ``recsys_book.recommenders.features``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def softmax(scores: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis.

    Args:
        scores: Any shape.

    Returns:
        Positive numbers that sum to 1 over the last axis.
    """
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def cf_08_softmax_of_one_score(scores: np.ndarray) -> np.ndarray:
    """CF-08: the softmax of the one score of a user and an item.

    Article S2, the mathematical model of behaviour prediction: ``prediction = softmax(LLM(u, v,
    h))`` for one user, one item and one history. A softmax shares out one among several numbers;
    over a single number it is 1, whatever the number.

    Args:
        scores: One score a pair, shape (n,).

    Returns:
        Ones, shape (n,).
    """
    return softmax(np.asarray(scores, dtype=np.float64)[:, None])[:, 0]


def cf_09_score_times_rating(match: np.ndarray, rating: np.ndarray) -> np.ndarray:
    """CF-09: the model's score times the item's rating.

    Article S2, the mathematical model of product recommendation: ``score = LLM(u, v) · r`` with r
    the vector of ratings of the products. The rating is what is to be foreseen, and an item that
    nobody has rated has r = 0, so it scores 0 however well it fits.

    Args:
        match: How well each item fits the user, shape (n_items,).
        rating: Mean rating of each item, 0 for a new one, shape (n_items,).

    Returns:
        Scores, shape (n_items,).
    """
    return np.asarray(match) * np.asarray(rating)


def cf_10_attention_over_one_vector(u: np.ndarray, v: np.ndarray, h: np.ndarray) -> np.ndarray:
    """CF-10: attention with the user as query, the item as key and the history as value.

    Article S2, the mathematical model of the recommender: ``score_ij = Attention(u, v, h)`` with
    three vectors. One query meets one key, the softmax over one number is 1, and the result is the
    value: the history vector itself, for every user and every item. It is no score either.

    Args:
        u: The user's vector, shape (width,).
        v: The item's vector, shape (width,).
        h: The history's vector, shape (width,).

    Returns:
        A vector that equals ``h``, shape (width,).
    """
    weight = softmax(np.array([u @ v / np.sqrt(len(u))]))
    return weight @ h[None]


def cf_11_one_formula_for_both(
    encode: Callable[[float, np.ndarray], np.ndarray], ratings: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """CF-11: users and items updated by the same right-hand side.

    Article S4 §4.2: ``u_i ← BERT(R_ij, W)`` and ``v_j ← BERT(R_ij, W)`` for all i and j. Each
    assignment overwrites the one before, the argument is one rating and not a text, and where a
    user meets an item both get the same vector.

    Args:
        encode: From one rating and the weights to a vector (width,).
        ratings: Shape (n_users, n_items).
        weights: Whatever the encoder needs.

    Returns:
        User vectors (n_users, width) and item vectors (n_items, width) after the last assignment.
    """
    users, items = {}, {}
    for i, row in enumerate(ratings):
        for j, rating in enumerate(row):
            users[i] = encode(rating, weights)
            items[j] = encode(rating, weights)
    return np.stack(list(users.values())), np.stack(list(items.values()))


def cf_14_optimise_frozen_vectors(user_vectors: np.ndarray, item_vectors: np.ndarray):
    """CF-14: an optimiser for an algorithm without parameters.

    Article S2 6.3 trains "the LLM-based collaborative filtering algorithm" of 5.2 with
    cross-entropy, Adam and dropout. That algorithm is cosines of frozen vectors: nothing in it can
    be trained, and no label says what the cosines ought to be.

    Args:
        user_vectors: Frozen, shape (n_users, width).
        item_vectors: Frozen, shape (n_items, width).

    Returns:
        An optimiser; torch refuses to make one that has no parameters.
    """
    import torch

    tensors = [torch.as_tensor(user_vectors), torch.as_tensor(item_vectors)]
    return torch.optim.Adam([t for t in tensors if t.requires_grad])


def cf_14_lists_put_together(
    user_list: Sequence[int], item_list: Sequence[int], k: int
) -> list[int]:
    """CF-14: two lists "merged" without a rule.

    Article S2 5.2: items from similar users and items similar to the user's own are recommended
    together; repeated recommendations are mentioned, a rule for the order is not. Written down, it
    is one list after the other: the second one never reaches the top.

    Args:
        user_list: Items by user similarity, best first.
        item_list: Items by item similarity, best first.
        k: Length of the result.

    Returns:
        The first k items of both lists, one after the other.
    """
    return list(dict.fromkeys([*user_list, *item_list]))[:k]


def cf_16_rating_from_own_review(
    reviews: np.ndarray, ratings: np.ndarray, train: np.ndarray, l2: float = 1.0
) -> np.ndarray:
    """CF-16: the rating predicted from the review that the same user wrote of the same item.

    Article S0b §5.2 regresses ``df['rating']`` on ``df['text']``; S1 §2.2.2 and §5.2.2 likewise.
    The review is written with the rating, after watching: it is not there when a list is made.
    What is learned is to read a rating off a sentence. Neither user nor item enters.

    Args:
        reviews: Vector of each review, shape (n, width).
        ratings: Shape (n,).
        train: Rows to learn from, boolean, shape (n,).
        l2: Penalty of the regression.

    Returns:
        Predictions for the other rows.
    """
    center, level = reviews[train].mean(axis=0), ratings[train].mean()
    X = reviews - center
    gram = X[train].T @ X[train] + l2 * np.eye(X.shape[1])
    weights = np.linalg.solve(gram, X[train].T @ (ratings[train] - level))
    return level + X[~train] @ weights


#: Simulated reviews: what people write when they give one to five stars.
SENTENCES = (
    ("I hated every minute of it.", "Dreadful. I walked out.", "The worst film of the year."),
    ("A disappointment.", "Rather dull, I would not watch it again.", "Weak and far too long."),
    ("It was all right.", "Neither good nor bad.", "Watchable, nothing more."),
    ("A good film, I enjoyed it.", "Well made and well acted.", "Fun, I can recommend it."),
    (
        "I loved it, a masterpiece!",
        "Wonderful, the best I have seen.",
        "Brilliant from start to end.",
    ),
)


def simulated_reviews(
    n_users: int, n_items: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Draw ratings that nothing can foresee, and a review that fits each of them.

    Args:
        n_users: Number of users.
        n_items: Number of items; each user rates half of them.
        seed: Of everything.

    Returns:
        User, item and rating of each row, and its review. The ratings are pure noise.
    """
    rng = np.random.default_rng(seed)
    user, item = np.nonzero(rng.random((n_users, n_items)) < 0.5)
    rating = rng.integers(1, 6, len(user))
    which = rng.integers(0, 3, len(user))
    return user, item, rating, [SENTENCES[r - 1][w] for r, w in zip(rating, which)]
