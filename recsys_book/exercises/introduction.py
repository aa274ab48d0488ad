"""Checkers for the exercises of "A first recommender in one page"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from recsys_book.recommenders import ease_weights

HISTORY = (
    "Tapestry",
    "GroupLens",
    "NewsWeeder",
    "item-based collaborative filtering",
    "matrix factorisation for the Netflix Prize",
)
FAMILIES = {
    "Popularity": "neither",
    "GenreProfile": "content-based",
    "EASE": "collaborative",
    "WeightedSum": "hybrid",
}


def check_count(answer: Callable[[np.ndarray, int, int], Sequence[int]]) -> None:
    """Check a function that returns the k most frequent items.

    Args:
        answer: Takes items (n,), n_items and k; returns k item positions, the most frequent first,
            level ones by lower position.
    """
    assert callable(answer), "answer must be a function of items, n_items and k"
    got = _integers(answer(np.array([2, 0, 2, 1, 2, 0]), 4, 2))
    assert got == [2, 0], f"of the items 2, 0, 2, 1, 2, 0 the two most frequent are 2 and 0: {got}"
    got = _integers(answer(np.array([3, 1, 1, 3]), 4, 3))
    assert got[:2] == [1, 3], f"items 1 and 3 are level, so the lower position comes first: {got}"
    assert got == [1, 3, 0], f"items without events still belong to the catalogue: {got}"
    rng = np.random.default_rng(0)
    for _ in range(20):
        items = rng.integers(0, 30, 200)
        counts = np.bincount(items, minlength=30)
        right = np.lexsort((np.arange(30), -counts))[:7].tolist()
        got = _integers(answer(items, 30, 7))
        assert got == right, f"on a random log of 200 events the list should be {right}, not {got}"


def check_streaming(
    answer: Callable[[np.ndarray, float, int, float], np.ndarray],
) -> None:
    """Check an update of decayed counts by one event.

    Args:
        answer: Takes the scores (n_items,), the time since the last event, the item of the new
            event, and the half-life; returns the new scores.
    """
    assert callable(answer), "answer must be a function of scores, elapsed, item and half_life"
    got = np.asarray(answer(np.array([4.0, 2.0]), 0.0, 1, 10.0), dtype=float)
    assert np.allclose(got, [4, 3]), f"with no time passed the event only adds one: {got}"
    got = np.asarray(answer(np.array([4.0, 2.0]), 10.0, 1, 10.0), dtype=float)
    assert np.allclose(got, [2, 2]), (
        f"after one half-life the old scores count half, before the new event adds one: {got}"
    )
    rng = np.random.default_rng(1)
    times, items = np.sort(rng.uniform(0, 100, 50)), rng.integers(0, 6, 50)
    scores, last = np.zeros(6), 0.0
    for now, item in zip(times, items):
        before = scores.copy()
        updated = np.array(answer(scores, now - last, item, 20.0), dtype=float)
        assert np.array_equal(scores, before), "do not change the scores you were given: copy them"
        scores, last = updated, now
    weight = 0.5 ** ((times[-1] - times) / 20.0)
    right = np.bincount(items, weights=weight, minlength=6)
    assert np.allclose(scores, right), "after fifty events the scores differ from the weighted sum"


def check_regressions(answer: Callable[[np.ndarray, float], np.ndarray]) -> None:
    """Check a function that fits EASE by one ridge regression per item.

    Args:
        answer: Takes X, shape (n_users, n_items), and l2; returns B, shape (n_items, n_items).
    """
    assert callable(answer), "answer must be a function of X and l2"
    X = (np.random.default_rng(2).random((30, 8)) < 0.4).astype(float)
    B = np.asarray(answer(X, 2.0), dtype=float)
    assert B.shape == (8, 8), f"B must have one row and one column per item, not shape {B.shape}"
    assert np.all(np.diag(B) == 0), "an item must not predict itself: leave the diagonal at zero"
    right = ease_weights(X.T @ X, 2.0)
    hint = "column j holds the weights with which the other items predict item j"
    assert not (np.allclose(B, right.T) and not np.allclose(B, right)), f"transposed: {hint}"
    assert np.allclose(B, right, atol=1e-8), f"the weights differ from the closed form: {hint}"


def check_cold_start(answer: Mapping[str, bool]) -> None:
    """Check which cold starts a content-based recommender can serve (CLM-06).

    Args:
        answer: Two truth values, under "new item" and "new user".
    """
    _check_keys(answer, ("new item", "new user"))
    assert answer["new item"], (
        "a film without a single event still has genres, and GenreProfile scores genres: "
        "see the table of families"
    )
    assert not answer["new user"], (
        "a person without history has no profile to compare with; GenreProfile falls back on "
        "popularity"
    )


def check_history(answer: Sequence[str]) -> None:
    """Check the order of five works (CLM-10).

    Args:
        answer: The five names, the oldest first.
    """
    given = list(answer)
    assert sorted(given) == sorted(HISTORY), f"use each of these names once: {', '.join(HISTORY)}"
    for n, (got, right) in enumerate(zip(given, HISTORY), start=1):
        assert got == right, f"place {n} is not {got!r}: look at the years in the time line"


def check_families(answer: Mapping[str, str]) -> None:
    """Check the family of each recommender of the chapter (CLM-11).

    Args:
        answer: "content-based", "collaborative", "hybrid" or "neither" for each class name.
    """
    _check_keys(answer, tuple(FAMILIES))
    hints = {
        "Popularity": "everybody gets the same list, so it is not personal at all",
        "GenreProfile": "it looks at the genres of the films and at one person's history only",
        "EASE": "it looks at who watched what, and at no property of a film",
        "WeightedSum": "it adds the scores of other recommenders",
    }
    for name, family in FAMILIES.items():
        assert answer[name] == family, f"{name}: {hints[name]}"


def _integers(values: Sequence[int]) -> list[int]:
    return [int(value) for value in values]


def _check_keys(answer: Mapping[str, object], names: tuple[str, ...]) -> None:
    assert isinstance(answer, Mapping), f"answer must be a dictionary with {', '.join(names)}"
    missing = [name for name in names if name not in answer]
    assert not missing, f"answer says nothing about {missing[0]!r}"
