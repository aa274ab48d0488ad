"""Checkers for the exercises of the chapter on neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from recsys_book.recommenders.similarity import adjusted_cosine, jaccard, pearson


def check_pearson(answer: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """Check a correlation over common ratings.

    Args:
        answer: Takes two rows of ratings with NaN where there is none, returns a number.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    gap = np.nan
    x, y = np.array([5.0, 1, 3, gap]), np.array([4.0, 2, gap, 1])
    got = answer(x, y)
    assert got == got, "NaN came out: keep only what both have rated before you take means"
    assert abs(got - 1) < 1e-9, "take the means over the common ratings, not over all of a person's"
    assert answer(np.array([3.0, gap]), np.array([gap, 4.0])) == 0, "nothing in common: return 0"
    assert answer(np.array([3.0, 3]), np.array([1.0, 4])) == 0, (
        "somebody who gives everything a 3 has no taste that we could compare: return 0"
    )
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(1, 6, (2, 30)).astype(float)
        a[rng.random(30) < 0.4], b[rng.random(30) < 0.4] = gap, gap
        assert abs(answer(a, b) - pearson(a, b)) < 1e-9, "compare with similarity.pearson"


def check_shrinkage_from_halves(
    answer: Callable[[np.ndarray, np.ndarray, np.ndarray], float],
) -> None:
    """Check the shrinkage that predicts one half of the evidence best from the other.

    Args:
        answer: Takes correlations on one half of the common ratings, the number of ratings behind
            each, and the correlations on the other half, all of shape (n,); returns the best of
            the values 0, 1, 2, ..., 200.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    n = rng.integers(2, 60, 40_000)
    for ratio in (10, 50):
        truth = rng.normal(0, 1 / np.sqrt(ratio), len(n))  # noise variance 1 / n, prior 1 / ratio
        first, second = truth + rng.normal(0, 1, (2, len(n))) / np.sqrt(n)
        got = answer(first, n, second)
        grid = np.arange(201)
        loss = [np.mean((first * n / (n + s) - second) ** 2) for s in grid]
        assert got != 0 or loss[0] == min(loss), "without shrinkage the halves differ most"
        assert loss[int(got)] <= min(loss) + 1e-12, (
            "compare r n / (n + s) with the other half's r in mean squared error, for every s"
        )
        assert abs(got - ratio) <= 0.25 * ratio, (
            "the best shrinkage is the noise of one rating over the spread of the true correlations"
        )


def check_measure(answer: Callable[[np.ndarray], str]) -> None:
    """Check the choice of a measure for two kinds of feedback (CLM-15).

    Args:
        answer: Takes the values of a log, returns ``"jaccard"`` or ``"adjusted_cosine"``.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    ones, stars = np.ones(9), np.array([5.0, 1, 4, 2, 3, 5, 1, 4, 2])
    flat = adjusted_cosine(ones[:3], ones[3:6], ones[:3])
    assert flat == 0, "the package changed: tell the authors"
    assert answer(ones) == "jaccard", (
        "minus the user's mean, ones are zeros: only who has the item is left to compare"
    )
    assert jaccard(stars[:3] > 0, stars[3:6] > 0) == 1, "the package changed: tell the authors"
    assert answer(stars) == "adjusted_cosine", (
        "Jaccard calls two films alike that the same people watched, one loved and one hated"
    )
    assert answer(np.full(5, 3.0)) == "jaccard", (
        "values that are all equal are a set, whatever 3 is"
    )


def check_cold_start(answer: Callable[[bool, bool], Sequence[str]]) -> None:
    """Check which models can rank for which newcomers (CLM-06).

    Args:
        answer: Takes "the user is new" and "the item is new", returns the models, among
            ``"content"``, ``"neighbours"`` and ``"popularity"``, that can still say something
            about this pair that is not the same number for everybody or everything.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    got = {(u, i): set(answer(u, i)) for u in (False, True) for i in (False, True)}
    assert got[False, False] >= {"content", "neighbours"}, "with both known everything works"
    assert "content" in got[False, True], "a new item has its content on the first day"
    assert "neighbours" not in got[False, True], "nobody has rated a new item"
    assert "popularity" not in got[False, True], "a new item has no events to count"
    assert "content" not in got[True, False], (
        "content compares with the user's history, and a new user has none"
    )
    assert got[True, False] == {"popularity"}, "for a new user and a known item, counts are left"
    assert got[False, False] == {"content", "neighbours", "popularity"}, "popularity works too"
    assert not got[True, True], "a new user and a new item: nothing here; a first signal is needed"


def check_update_history(
    answer: Callable[[np.ndarray, np.ndarray, int], np.ndarray],
) -> None:
    """Check the score update of an item-based model after one event.

    Args:
        answer: Takes the user's scores (n_items,), the similarities (n_items, n_items), history by
            scored item, and the new event's item; returns the new scores, leaving the old alone.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    similarity = rng.random((6, 6))
    history = np.array([1.0, 0, 1, 0, 0, 0])
    scores = history @ similarity
    before = scores.copy()
    got = np.asarray(answer(scores, similarity, 4))
    assert np.array_equal(scores, before), "return new scores and leave the ones you were given"
    history[4] = 1
    assert not np.allclose(got, before + similarity[:, 4]), (
        "the history is the first axis: the new item speaks through its row"
    )
    assert np.allclose(got, history @ similarity), "add one row of similarities, nothing else"
