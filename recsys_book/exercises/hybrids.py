"""Checkers for the exercises of the chapter on hybrids."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.recommenders.hybrid import (
    borda,
    ranks_from_top,
    simplex_weights,
    variance_of_mean,
)


def check_two_weights(answer: Callable[[np.ndarray, np.ndarray, np.ndarray], float]) -> None:
    """Check the best weight of the first of two members.

    Args:
        answer: Takes two predictions and the targets, each (n,), returns the weight of the first.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    y = np.zeros(4)
    a, b = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
    assert abs(answer(a, b, y) - 0.5) < 1e-9, "two equally good, unrelated members share the weight"
    assert abs(answer(2 * a, b, y) - 0.2) < 1e-9, (
        "unrelated errors: the weights are as the inverse *squared* errors, 1/4 to 1"
    )
    assert answer(3 * a, a, y) >= 0, "a weight outside [0, 1] is cut off: here the first gets 0"
    rng = np.random.default_rng(0)
    for _ in range(5):
        y = rng.normal(size=40)
        a, b = y + rng.normal(size=40), y + 2 * rng.normal(size=40)
        b = b + 0.5 * (a - y)
        want = simplex_weights(np.c_[a, b], y)[0]
        assert abs(answer(a, b, y) - want) < 1e-5, "set the derivative of the squared error to zero"


def check_members_needed(answer: Callable[[float, float], float]) -> None:
    """Check how many members halve the variance.

    Args:
        answer: Takes the correlation of the members and a share, returns the smallest number of
            members whose mean has at most that share of one member's variance (``inf`` if none).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(0.0, 0.5) == 2, "independent members: the variance falls as one over n"
    assert answer(0.6, 0.5) == float("inf"), "the correlated part never goes away"
    for rho, share in ((0.2, 0.5), (0.3, 0.31), (0.0, 0.1), (0.45, 0.5)):
        n = answer(rho, share)
        assert variance_of_mean(1.0, rho, int(n)) <= share + 1e-12, "that many are not enough"
        assert n == 1 or variance_of_mean(1.0, rho, int(n) - 1) > share - 1e-12, "fewer would do"


def check_borda_by_hand(answer: Callable[[list[list[str]]], str]) -> None:
    """Check the Borda winner of full lists.

    Args:
        answer: Takes lists of the same items, best first, returns the winner; among equals the
            first in the alphabet.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    split = [["a", "b", "c"], ["a", "b", "c"], ["b", "c", "a"], ["b", "c", "a"], ["a", "b", "c"]]
    assert answer(split) == "b", (
        "`a` is first most often, but `b` beats more items in total: 8 against 6"
    )
    assert answer([["b", "a"], ["a", "b"]]) == "a", "equal counts: the first in the alphabet"
    rng = np.random.default_rng(0)
    for _ in range(10):
        orders = [rng.permutation(6) for _ in range(3)]
        ranks = np.stack([ranks_from_top(-np.argsort(o)[None].astype(float)) for o in orders])
        want = "abcdef"[int(np.argmax(np.round(borda(ranks)[0], 9)))]
        assert answer([["abcdef"[i] for i in o] for o in orders]) == want, (
            "an item in place r of n beats n - r others"
        )


def check_adaboost(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check the weights of the rows after one round of AdaBoost.

    Args:
        answer: Takes the weights (n,), summing to one, and where the classifier is wrong (n,),
            returns the new weights.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    wrong = np.array([True, False, False, False])
    new = np.asarray(answer(np.full(4, 0.25), wrong))
    assert abs(new.sum() - 1) < 1e-9, "the new weights sum to one"
    assert new[0] > 0.25, "what was wrong weighs more"
    assert abs(new[0] - 0.5) < 1e-9, (
        "after the update the wrong rows weigh one half together: the classifier looks like a coin"
    )
    rng = np.random.default_rng(0)
    w = rng.dirichlet(np.ones(9))
    bad = np.arange(9) < 2
    want = np.where(bad, w / w[bad].sum() / 2, w / w[~bad].sum() / 2)
    assert np.allclose(answer(w, bad), want), "within each half the proportions stay"


def check_stack_table(answer: Callable[[list[np.ndarray]], np.ndarray]) -> None:
    """Check the table that a meta-model is fitted on.

    Args:
        answer: Takes one array of out-of-fold predictions (n,) a model, returns the features.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    found = np.asarray(answer([np.arange(5.0), np.ones(5)]))
    assert found.shape != (2, 5), "that is one row a model; a regressor wants one row a rating"
    assert found.shape == (5, 2), "one row a rating, one column a model"
    assert np.array_equal(found[:, 0], np.arange(5.0)), "the columns keep the order of the models"


def check_families(answer: Callable[[bool, bool], str]) -> None:
    """Check the families of recommenders (CLM-11: article S3 counts two, article S1 three).

    Args:
        answer: Takes whether a model reads other people's behaviour and whether it reads what the
            items are, returns ``"collaborative"``, ``"content-based"``, ``"hybrid"`` or
            ``"neither"``.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(True, False) == "collaborative", "it reads behaviour and nothing else"
    assert answer(False, True) == "content-based", "it reads the items and one person's history"
    assert answer(True, True) == "hybrid", "the third family is the two together, not a new source"
    assert answer(False, False) == "neither", "what reads neither is a rule, or chance"
